#include "tests/sim/parts.h"

#include <algorithm>
#include <charconv>

#include "tests/sim/linear.h"

namespace pollux {

namespace {

Request with_keys(std::string command, const Keys& keys) {
  Request request{std::move(command)};
  request.insert(request.end(), keys.begin(), keys.end());
  return request;
}

int64_t to_int(const std::string& text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Banker::Banker(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys accounts, int64_t sum)
    : Actor(sim, worker, seed, rounds), accounts_(std::move(accounts)), sum_(sum) {}

void Banker::act() {
  for (uint64_t n = 1 + below(3); n > 0; --n) {
    Request request{"MSET"};
    int64_t left = sum_;
    for (size_t i = 0; i < accounts_.size(); ++i) {
      const bool last = i + 1 == accounts_.size();
      const int64_t amount = last ? left : static_cast<int64_t>(below(200)) - 100;
      left -= amount;
      request.push_back(accounts_[i]);
      request.push_back(std::to_string(amount));
    }
    expect(request, "+OK");
  }
}

Auditor::Auditor(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys accounts,
                 std::vector<int64_t> sums, bool may_be_absent)
    : Actor(sim, worker, seed, rounds),
      accounts_(std::move(accounts)),
      sums_(std::move(sums)),
      may_be_absent_(may_be_absent) {}

void Auditor::act() {
  for (uint64_t n = 1 + below(3); n > 0; --n) {
    ask(with_keys("MGET", accounts_), [this](const Answer& answer) { check(answer); });
  }
}

void Auditor::check(const Answer& answer) {
  int64_t sum = 0;
  size_t absent = 0;
  for (const Answer& element : answer.elements) {
    absent += element.is_null() ? 1 : 0;
    sum += to_int(element.text);
  }
  if (answer.elements.size() != accounts_.size()) {
    fail("MGET -> " + answer.shown());
    return;
  }
  if (absent == accounts_.size() && may_be_absent_) {
    return;
  }
  if (absent > 0 || std::find(sums_.begin(), sums_.end(), sum) == sums_.end()) {
    fail("a torn read: " + answer.shown() + ", sum " + std::to_string(sum));
  }
}

Mover::Mover(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys places)
    : Actor(sim, worker, seed, rounds), places_(std::move(places)) {}

void Mover::act() {
  for (uint64_t n = 1 + below(3); n > 0; --n) {
    const std::string& from = places_[below(places_.size())];
    const std::string& to = places_[below(places_.size())];
    ask({"RENAME", from, to}, [this](const Answer& answer) {
      const std::string shown = answer.shown();
      if (shown != "+OK" && shown != "-ERR no such key") {
        fail("RENAME -> " + shown);
      }
    });
  }
}

TokenWatcher::TokenWatcher(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys places)
    : Actor(sim, worker, seed, rounds), places_(std::move(places)) {}

void TokenWatcher::act() {
  if (below(2) == 0) {
    expect(with_keys("EXISTS", places_), ":1");
    return;
  }
  ask(with_keys("MGET", places_), [this](const Answer& answer) {
    size_t holders = 0;
    for (const Answer& element : answer.elements) {
      holders += element.is_null() ? 0 : 1;
    }
    if (holders != 1) {
      fail("not one holder of the token: " + answer.shown());
    }
  });
}

Equalizer::Equalizer(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys)
    : Actor(sim, worker, seed, rounds), keys_(std::move(keys)) {}

void Equalizer::act() {
  for (uint64_t n = 1 + below(3); n > 0; --n) {
    if (below(3) == 0) {
      const size_t from = below(keys_.size());
      const size_t to = (from + 1 + below(keys_.size() - 1)) % keys_.size();
      expect({"COPY", keys_[from], keys_[to], "REPLACE"}, ":1");
      continue;
    }
    Request request{"MSET"};
    // Now and then too long to be moved by copying.
    std::string value = std::to_string(below(1000));
    if (below(8) == 0) {
      value.append(2000, 'x');
    }
    for (const std::string& key : keys_) {
      request.push_back(key);
      request.push_back(value);
    }
    expect(request, "+OK");
  }
}

EqualityWatcher::EqualityWatcher(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys)
    : Actor(sim, worker, seed, rounds), keys_(std::move(keys)) {}

void EqualityWatcher::act() {
  Keys some = keys_;
  while (some.size() > 2 && below(2) == 0) {
    some.erase(some.begin() + static_cast<std::ptrdiff_t>(below(some.size())));
  }
  ask(with_keys("MGET", some), [this](const Answer& answer) {
    for (const Answer& element : answer.elements) {
      if (element.is_null() || element.text != answer.elements[0].text) {
        fail("keys that are only written together differ: " + answer.shown().substr(0, 200));
      }
    }
  });
}

Grabber::Grabber(SimEngine& sim, int worker, uint64_t seed, int rounds, Request command)
    : Actor(sim, worker, seed, rounds), command_(std::move(command)) {}

void Grabber::act() {
  for (uint64_t n = 1 + below(2); n > 0; --n) {
    expect(command_, "+OK");
  }
}

Killer::Killer(SimEngine& sim, int worker, uint64_t seed, int rounds,
               std::vector<std::string> victims)
    : Actor(sim, worker, seed, rounds), victims_(std::move(victims)) {}

void Killer::act() {
  if (below(3) != 0) {
    expect({"PING"}, "+PONG");
    return;
  }
  ask({"CLIENT", "KILL", "ADDR", victims_[below(victims_.size())]}, [this](const Answer& answer) {
    if (answer.kind != Answer::Kind::kInteger || answer.number > 1) {
      fail("CLIENT KILL -> " + answer.shown());
    }
  });
}

OrderedWriter::OrderedWriter(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys)
    : Actor(sim, worker, seed, rounds), keys_(std::move(keys)) {}

void OrderedWriter::act() {
  for (uint64_t n = 1 + below(12); n > 0; --n) {
    for (const std::string& key : keys_) {
      expect({"SET", key, std::to_string(next_)}, "+OK");
    }
    ++next_;
  }
}

OrderedReader::OrderedReader(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys)
    : Actor(sim, worker, seed, rounds), keys_(std::move(keys)) {}

void OrderedReader::act() {
  if (second_seen_ > first_seen_ || below(2) == 0) {
    ask({"GET", keys_[0]}, [this](const Answer& answer) {
      const int64_t first = number(answer);
      if (first < second_seen_ || first < first_seen_) {
        fail("the earlier write is " + std::to_string(first) + " after " +
             std::to_string(first_seen_) + ", the later one was " + std::to_string(second_seen_));
      }
      first_seen_ = first;
    });
    return;
  }
  if (below(3) == 0) {
    ask({"MGET", keys_[0], keys_[1]}, [this](const Answer& answer) {
      const int64_t first = number(answer.elements.at(0));
      const int64_t second = number(answer.elements.at(1));
      if (first != second && first != second + 1) {
        fail("one moment of an ordered pipeline: " + answer.shown());
      }
      first_seen_ = first;
      second_seen_ = second;
    });
    return;
  }
  ask({"GET", keys_[1]}, [this](const Answer& answer) {
    const int64_t second = number(answer);
    if (second < second_seen_) {
      fail("went back from " + std::to_string(second_seen_) + " to " + std::to_string(second));
    }
    second_seen_ = second;
  });
}

int64_t OrderedReader::number(const Answer& answer) {
  if (!answer.is_null() && answer.kind != Answer::Kind::kBulk) {
    fail("GET -> " + answer.shown());
  }
  return to_int(answer.text);
}

Loner::Loner(SimEngine& sim, int worker, uint64_t seed, int rounds, const std::string& name,
             int pipeline_max)
    : Actor(sim, worker, seed, rounds), name_(name + ":"), pipeline_max_(pipeline_max) {
  for (int i = 0; i < sim.workers() * 2; ++i) {
    keys_.push_back(sim.key_on(i % sim.workers(), name_ + (i < sim.workers() ? "a" : "b")));
  }
}

void Loner::act() {
  for (uint64_t n = 1 + below(static_cast<uint64_t>(pipeline_max_)); n > 0; --n) {
    switch (below(14)) {
      case 12:
      case 13:
        transaction();
        break;
      case 0:
        read_many();
        break;
      case 1:
        write_many();
        break;
      case 2:
        move_one();
        break;
      case 3:
        tour();
        break;
      case 4:
        session_command();
        break;
      case 5:
      case 6:
      case 7:
        write_one();
        break;
      default:
        read_one();
        break;
    }
  }
}

std::string Loner::shown(const std::string& key) {
  const auto at = data().find(key);
  return at == data().end() ? "nil" : in_quotes(at->second);
}

std::string Loner::some_value() {
  std::string value = name_ + std::to_string(++count_);
  if (below(16) == 0) {
    value.append(below(3000), 'v');
  }
  return value;
}

void Loner::read_one() {
  const std::string& key = some_key();
  const auto at = data().find(key);
  switch (below(4)) {
    case 0:
      expect({"EXISTS", key}, at == data().end() ? ":0" : ":1");
      break;
    case 1:
      expect({"STRLEN", key}, ":" + std::to_string(at == data().end() ? 0 : at->second.size()));
      break;
    default:
      expect({"GET", key}, shown(key));
      break;
  }
}

void Loner::write_one() {
  const std::string& key = some_key();
  const auto at = data().find(key);
  switch (below(4)) {
    case 0:
      expect({"DEL", key}, at == data().end() ? ":0" : ":1");
      data().erase(key);
      break;
    case 1:
      data()[key] += "+";
      expect({"APPEND", key, "+"}, ":" + std::to_string(data()[key].size()));
      break;
    case 2: {
      const std::string value = some_value();
      expect({"GETSET", key, value}, shown(key));
      data()[key] = value;
      break;
    }
    default: {
      data()[key] = some_value();
      expect({"SET", key, data()[key]}, "+OK");
      break;
    }
  }
}

void Loner::read_many() {
  Request request{"MGET"};
  std::string all;
  for (uint64_t n = 1 + below(5); n > 0; --n) {
    const std::string& key = some_key();
    request.push_back(key);
    all += (all.empty() ? "" : " ") + shown(key);
  }
  expect(request, "[" + all + "]");
}

void Loner::write_many() {
  if (below(3) == 0) {
    Request request{"DEL"};
    int64_t removed = 0;
    for (uint64_t n = 1 + below(4); n > 0; --n) {
      request.push_back(some_key());
      removed += static_cast<int64_t>(data().erase(request.back()));
    }
    expect(request, ":" + std::to_string(removed));
    return;
  }
  Request request{"MSET"};
  for (uint64_t n = 1 + below(4); n > 0; --n) {
    const std::string& key = some_key();
    data()[key] = some_value();
    request.push_back(key);
    request.push_back(data()[key]);
  }
  expect(request, "+OK");
}

void Loner::move_one() {
  const std::string& from = some_key();
  const std::string& to = some_key();
  const auto at = data().find(from);
  if (at == data().end()) {
    expect({"RENAME", from, to}, "-ERR no such key");
    return;
  }
  const std::string value = at->second;
  if (below(2) == 0 && from != to) {
    expect({"COPY", from, to, "REPLACE"}, ":1");
  } else {
    expect({"RENAME", from, to}, "+OK");
    data().erase(from);
  }
  data()[to] = value;
}

void Loner::tour() {
  if (below(2) == 0) {
    ask({"DBSIZE"}, [this, least = static_cast<int64_t>(data().size())](const Answer& answer) {
      if (answer.kind != Answer::Kind::kInteger || answer.number < least) {
        fail("DBSIZE -> " + answer.shown() + " with " + std::to_string(least) + " keys here");
      }
    });
    return;
  }
  Keys keys;
  for (const auto& [key, value] : data()) {
    keys.push_back(key);
  }
  ask({"KEYS", name_ + "*"}, [this, keys](const Answer& answer) {
    Keys found;
    for (const Answer& element : answer.elements) {
      found.push_back(element.text);
    }
    std::sort(found.begin(), found.end());
    if (found != keys) {
      fail("KEYS -> " + answer.shown());
    }
  });
}

void Loner::session_command() {
  switch (below(4)) {
    case 0:
      expect({"SELECT", db_ == 0 ? "1" : "0"}, "+OK");
      db_ = 1 - db_;
      break;
    case 1:
      expect({"NOSUCH"}, "-ERR unknown command 'NOSUCH', with args beginning with: ");
      break;
    case 2:
      expect({"GET"}, "-ERR wrong number of arguments for 'get' command");
      break;
    default: {
      const std::string word = some_value();
      expect({"ECHO", word}, in_quotes(word));
      break;
    }
  }
}

// What may be queued; some of it visits every worker.
void Loner::any_in_multi() {
  switch (below(9)) {
    case 0:
      read_many();
      break;
    case 1:
      write_many();
      break;
    case 2:
      move_one();
      break;
    case 3:
      expect({"ECHO", name_}, in_quotes(name_));
      break;
    case 4:
      if (below(2) == 0) {
        expect({"CONFIG", "RESETSTAT"}, "+OK");
      } else {
        expect({"KEYS", name_ + "nobody"}, "[]");
      }
      break;
    case 5:
      if (below(4) == 0) {
        expect({"SELECT", db_ == 0 ? "1" : "0"}, "+OK");
        db_ = 1 - db_;
        break;
      }
      [[fallthrough]];
    case 6:
      write_one();
      break;
    default:
      read_one();
      break;
  }
}

// Nobody else touches these keys, so only what is written here after WATCH can stop EXEC.
void Loner::transaction() {
  bool touched = false;
  if (below(3) == 0) {
    Request watch{"WATCH"};
    for (uint64_t n = 1 + below(3); n > 0; --n) {
      watch.push_back(some_key());
    }
    expect(watch, "+OK");
    if (below(4) == 0) {
      data()[watch[1]] = some_value();
      expect({"SET", watch[1], data()[watch[1]]}, "+OK");
      touched = true;
    }
    if (below(6) == 0) {
      expect({"UNWATCH"}, "+OK");
      touched = false;
    }
  }
  const Data before[2] = {data_[0], data_[1]};
  const int db_before = db_;
  const bool discard = below(6) == 0;
  expect_multi();
  for (uint64_t n = below(8); n > 0; --n) {
    any_in_multi();
  }
  if (discard || touched) {
    data_[0] = before[0];
    data_[1] = before[1];
    db_ = db_before;
  }
  if (discard) {
    expect_discard();
  } else {
    expect_exec(touched);
  }
}

Counting::Counting(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys counters)
    : Actor(sim, worker, seed, rounds),
      counters_(std::move(counters)),
      numbers_(counters_.size()) {}

void Counting::act() {
  for (uint64_t n = 1 + below(10); n > 0; --n) {
    const size_t which = below(counters_.size());
    ask({"INCR", counters_[which]}, [this, which](const Answer& answer) {
      std::vector<int64_t>& numbers = numbers_[which];
      if (answer.kind != Answer::Kind::kInteger ||
          (!numbers.empty() && answer.number <= numbers.back())) {
        fail("INCR -> " + answer.shown() + " in a pipeline that rises");
        return;
      }
      numbers.push_back(answer.number);
    });
  }
}

Filler::Filler(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys)
    : Actor(sim, worker, seed, rounds), keys_(std::move(keys)) {}

std::string Filler::value_of(size_t key) {
  return std::string(100 + below(3'000), static_cast<char>('0' + key));
}

void Filler::act() {
  for (uint64_t n = 1 + below(8); n > 0; --n) {
    const size_t key = below(keys_.size());
    const std::string ttl_ms = std::to_string(below(3) == 0 ? 1 + below(20) : 1'000'000);
    if (below(2) == 0) {
      expect({"SET", keys_[key], value_of(key), "PX", ttl_ms}, "+OK");
      continue;
    }
    ask({"GET", keys_[key]}, [this, key](const Answer& answer) {
      const std::string letters(answer.text.size(), static_cast<char>('0' + key));
      if (!answer.is_null() && (answer.text.empty() || answer.text != letters)) {
        fail("GET " + keys_[key] + " -> " + answer.shown());
      }
    });
  }
}

}  // namespace pollux
