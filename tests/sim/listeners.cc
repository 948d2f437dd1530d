#include "tests/sim/listeners.h"

#include <algorithm>
#include <charconv>

namespace pollux {

namespace {

int64_t number_of(const std::string& text) {
  int64_t number = -1;
  const size_t colon = text.rfind(':');
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), number);
  return number;
}

std::string name_of(const std::string& text) { return text.substr(0, text.rfind(':')); }

// Whether these sequences fit one order; else one item of those that don't.
std::string disorder(const std::vector<std::vector<std::string>>& sequences) {
  std::map<std::string, std::set<std::string>> after;
  std::map<std::string, size_t> causes;
  for (const auto& sequence : sequences) {
    for (size_t i = 0; i < sequence.size(); ++i) {
      causes.try_emplace(sequence[i], 0);
      if (i > 0 && after[sequence[i - 1]].insert(sequence[i]).second) {
        ++causes[sequence[i]];
      }
    }
  }
  std::vector<std::string> ready;
  for (const auto& [item, count] : causes) {
    if (count == 0) {
      ready.push_back(item);
    }
  }
  size_t placed = 0;
  while (!ready.empty()) {
    const std::string item = ready.back();
    ready.pop_back();
    ++placed;
    causes[item] = SIZE_MAX;
    for (const std::string& next : after[item]) {
      if (--causes[next] == 0) {
        ready.push_back(next);
      }
    }
  }
  if (placed == causes.size()) {
    return {};
  }
  for (const auto& [item, count] : causes) {
    if (count != SIZE_MAX) {
      return item;
    }
  }
  return {};
}

}  // namespace

// ---- channels ----

Publisher::Publisher(SimEngine& sim, int worker, uint64_t seed, int rounds, std::string name,
                     std::vector<std::string> channels)
    : Actor(sim, worker, seed, rounds), name_(std::move(name)), channels_(std::move(channels)) {}

void Publisher::act() {
  for (uint64_t i = 1 + below(6); i > 0; --i) {
    const std::string& channel = channels_[below(channels_.size())];
    const std::string text = name_ + ":" + std::to_string(++count_);
    ask({"PUBLISH", channel, text}, [this, channel, text](const Answer& answer) {
      sent_.push_back({channel, text, answer.number});
    });
  }
}

Listener::Listener(SimEngine& sim, int worker, uint64_t seed, int rounds, std::string name,
                   std::vector<std::string> channels, std::vector<std::string> patterns,
                   int protocol)
    : Actor(sim, worker, seed, rounds),
      name_(std::move(name)),
      channels_(std::move(channels)),
      patterns_(std::move(patterns)),
      protocol_(protocol),
      acts_left_(rounds) {
  client_.set_push_taker([this](const Answer& answer) { return take_push(answer); });
}

void Listener::act() {
  if (protocol_ == 3 && sent_.empty() && count_ == 0 && asked_[0].empty() && asked_[1].empty()) {
    ask({"HELLO", "3"}, {});
  }
  if (--acts_left_ == 0) {
    leave_all(false);
    leave_all(true);
    return;
  }
  for (uint64_t i = 1 + below(3); i > 0; --i) {
    const bool pattern = below(4) == 0;
    switch (below(6)) {
      case 0:
      case 1:
        listen(pattern);
        break;
      case 2:
        leave_some(pattern);
        break;
      case 3:
        if (below(3) == 0) {
          leave_all(pattern);
        }
        break;
      default:
        if (protocol_ == 3) {
          publish();
        } else {
          ask({"PING"}, {});
        }
        break;
    }
  }
}

void Listener::listen(bool pattern) {
  const auto& topics = pattern ? patterns_ : channels_;
  Request request = {pattern ? "PSUBSCRIBE" : "SUBSCRIBE"};
  for (uint64_t i = 1 + below(3); i > 0; --i) {
    request.push_back(topics[below(topics.size())]);
  }
  for (size_t i = 1; i < request.size(); ++i) {
    asked_[pattern ? 1 : 0].insert(request[i]);
    const auto check = confirmation(pattern ? "psubscribe" : "subscribe", confirmed_[pattern]);
    i == 1 ? client_.add(request, check) : client_.add_answer(check);
  }
}

void Listener::leave_some(bool pattern) {
  const auto& topics = pattern ? patterns_ : channels_;
  const std::string topic = topics[below(topics.size())];
  asked_[pattern].erase(topic);
  ask({pattern ? "PUNSUBSCRIBE" : "UNSUBSCRIBE", topic},
      confirmation(pattern ? "punsubscribe" : "unsubscribe", confirmed_[pattern]));
}

void Listener::leave_all(bool pattern) {
  const size_t answers = std::max<size_t>(asked_[pattern].size(), 1);
  asked_[pattern].clear();
  for (size_t i = 0; i < answers; ++i) {
    const auto check =
        confirmation(pattern ? "punsubscribe" : "unsubscribe", confirmed_[pattern]);
    i == 0 ? client_.add({pattern ? "PUNSUBSCRIBE" : "UNSUBSCRIBE"}, check)
           : client_.add_answer(check);
  }
}

void Listener::publish() {
  const std::string& channel = channels_[below(channels_.size())];
  const std::string text = name_ + ":" + std::to_string(++count_);
  ask({"PUBLISH", channel, text}, [this, channel, text](const Answer& answer) {
    sent_.push_back({channel, text, answer.number});
  });
}

TestClient::Check Listener::confirmation(std::string word, std::set<std::string>& confirmed) {
  return [this, word = std::move(word), &confirmed](const Answer& answer) {
    if (answer.elements.size() != 3 || answer.elements[0].text != word) {
      fail("instead of the confirmation of " + word + " came " + answer.shown());
      return;
    }
    if (word == "subscribe" || word == "psubscribe") {
      confirmed.insert(answer.elements[1].text);
    } else {
      confirmed.erase(answer.elements[1].text);
    }
    const auto count = static_cast<int64_t>(confirmed_[0].size() + confirmed_[1].size());
    if (answer.elements[2].number != count) {
      fail("topics are " + std::to_string(count) + " after " + answer.shown());
    }
  };
}

bool Listener::take_push(const Answer& answer) {
  if (answer.kind != Answer::Kind::kArray || answer.elements.size() < 3) {
    return false;
  }
  const auto& words = answer.elements;
  const bool pattern = words[0].text == "pmessage";
  if (!pattern && words[0].text != "message") {
    return false;
  }
  const std::string& topic = words[1].text;
  const std::string& channel = words[pattern ? 2 : 1].text;
  const std::string& text = words.back().text;
  if (!confirmed_[pattern].contains(topic)) {
    fail("a message without a subscription: " + answer.shown());
  }
  if (name_of(text) == name_ && number_of(text) > static_cast<int64_t>(sent_.size())) {
    fail("a message before the answer of its PUBLISH: " + answer.shown());
  }
  streams_[{topic, channel}].push_back(text);
  return true;
}

std::string check_messages(const std::vector<Sent>& sent,
                           const std::vector<const Listener*>& listeners, bool exact) {
  std::map<std::string, std::vector<std::vector<std::string>>> by_channel;
  std::map<std::string, int64_t> deliveries;
  for (const Listener* listener : listeners) {
    for (const auto& [topic, texts] : listener->streams()) {
      by_channel[topic.second].push_back(texts);
      for (const std::string& text : texts) {
        ++deliveries[text];
      }
    }
  }
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> by_sender;
  for (const Sent& message : sent) {
    by_sender[{message.channel, name_of(message.text)}].push_back(message.text);
    const int64_t got = deliveries[message.text];
    if (got > message.receivers || (exact && got < message.receivers)) {
      return message.text + " on " + message.channel + " had " +
             std::to_string(message.receivers) + " receivers, and " + std::to_string(got) +
             " got it";
    }
  }
  for (const auto& [sender, texts] : by_sender) {
    by_channel[sender.first].push_back(texts);
  }
  for (const auto& [channel, sequences] : by_channel) {
    const std::string item = disorder(sequences);
    if (!item.empty()) {
      return channel + " had no one order: " + item;
    }
  }
  return {};
}

// ---- every command ----

Swapper::Swapper(SimEngine& sim, int worker, uint64_t seed, int rounds, std::string name,
                 std::vector<std::string> keys, const std::atomic<bool>& begin)
    : Actor(sim, worker, seed, rounds),
      name_(std::move(name)),
      keys_(std::move(keys)),
      begin_(begin) {}

void Swapper::act() {
  if (!begin_.load()) {
    ask({"PING"}, {});
    return;
  }
  for (uint64_t i = 1 + below(5); i > 0; --i) {
    const std::string& key = keys_[below(keys_.size())];
    const std::string value = name_ + ":" + std::to_string(++count_);
    ask({"SET", key, value, "GET"}, [this, key, value](const Answer& answer) {
      swaps_[key][answer.text] = value;
    });
  }
}

Monitor::Monitor(SimEngine& sim, int worker, uint64_t seed, int rounds, std::atomic<bool>& begin)
    : Actor(sim, worker, seed, rounds), begin_(begin), acts_left_(rounds) {
  client_.set_push_taker([this](const Answer& answer) { return take_line(answer); });
}

void Monitor::act() {
  if (!begin_.load()) {
    ask({"MONITOR"}, [this](const Answer& answer) {
      if (answer.shown() != "+OK") {
        fail("MONITOR -> " + answer.shown());
      }
      begin_.store(true);
    });
  } else if (--acts_left_ > 1) {
    ask({"PING"}, {});
  } else {
    // Runs under a lease, so what was run before has been seen when it is answered.
    ask({"UNSUBSCRIBE"}, {});
  }
}

bool Monitor::take_line(const Answer& answer) {
  if (answer.kind != Answer::Kind::kSimple || answer.text.find(" [") == std::string::npos) {
    return false;
  }
  constexpr std::string_view kSet = "] \"SET\" \"";
  const size_t at = answer.text.find(kSet);
  if (at == std::string::npos) {
    return true;
  }
  const size_t key = at + kSet.size();
  const size_t key_end = answer.text.find('"', key);
  const size_t value = key_end + 3;
  const size_t value_end = answer.text.find('"', value);
  const std::string text = answer.text.substr(value, value_end - value);
  seen_[answer.text.substr(key, key_end - key)].push_back(text);
  int64_t& last = last_[name_of(text)];
  if (number_of(text) != last + 1) {
    fail("after " + std::to_string(last) + " came " + answer.text);
  }
  last = number_of(text);
  return true;
}

std::string check_monitor(const Monitor& monitor, const std::vector<const Swapper*>& swappers) {
  for (const auto& [key, values] : monitor.seen()) {
    std::string before;
    for (const std::string& value : values) {
      bool known = false;
      for (const Swapper* swapper : swappers) {
        const auto swaps = swapper->swaps().find(key);
        if (swaps != swapper->swaps().end() && swaps->second.contains(before)) {
          known = swaps->second.at(before) == value;
        }
      }
      if (!known) {
        return "MONITOR shows " + value + " behind '" + before + "' on " + key;
      }
      before = value;
    }
  }
  return {};
}

// ---- events of keys ----

Breeder::Breeder(SimEngine& sim, int worker, uint64_t seed, int rounds,
                 std::vector<std::string> keys)
    : Actor(sim, worker, seed, rounds), keys_(std::move(keys)) {}

void Breeder::act() {
  Request births = {"MSET"};
  Request deaths = {"DEL"};
  for (const std::string& key : keys_) {
    if (below(3) == 0) {
      continue;
    }
    if (alive_.erase(key) != 0) {
      deaths.push_back(key);
    } else {
      alive_.insert(key);
      births.insert(births.end(), {key, "x"});
    }
  }
  if (births.size() > 1) {
    ask(births, {});
  }
  if (deaths.size() > 1) {
    ask(deaths, {});
  }
}

Birdwatcher::Birdwatcher(SimEngine& sim, int worker, uint64_t seed, int rounds)
    : Actor(sim, worker, seed, rounds), acts_left_(rounds) {
  client_.set_push_taker([this](const Answer& answer) { return take_push(answer); });
}

void Birdwatcher::act() {
  --acts_left_;
  if (acts_left_ % 3 == 0) {
    ask({"PUNSUBSCRIBE"}, [this](const Answer&) { last_.clear(); });
  } else {
    ask({"PSUBSCRIBE", "__keyevent@0__:*"}, {});
  }
}

bool Birdwatcher::take_push(const Answer& answer) {
  if (answer.kind != Answer::Kind::kArray || answer.elements.size() != 4) {
    return false;
  }
  const std::string& channel = answer.elements[2].text;
  const std::string event = channel.substr(channel.rfind(':') + 1);
  std::string& last = last_[answer.elements[3].text];
  if (last == event || (event != "set" && event != "del")) {
    fail("behind " + last + " came " + answer.shown());
  }
  last = event;
  return true;
}

}  // namespace pollux
