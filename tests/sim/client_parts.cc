#include "tests/sim/client_parts.h"

#include <algorithm>
#include <charconv>

namespace pollux {

namespace {

int64_t to_int(const std::string& text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

// --- those who write ---

Raiser::Raiser(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys, Board& board)
    : Actor(sim, worker, seed, rounds), keys_(std::move(keys)), board_(board) {}

void Raiser::act() {
  ++value_;
  const std::string value = std::to_string(value_);
  const auto answered = [this, number = value_](const Keys& keys) {
    return [this, keys, number](const Answer& answer) {
      if (answer.shown() != "+OK") {
        fail("a write -> " + answer.shown());
      }
      for (const std::string& key : keys) {
        board_.written(key, number);
      }
    };
  };
  if (below(3) == 0) {
    Request request{"MSET"};
    for (const std::string& key : keys_) {
      request.insert(request.end(), {key, value});
    }
    ask(request, answered(keys_));
    return;
  }
  for (const std::string& key : keys_) {
    ask({"SET", key, value}, answered({key}));
  }
}

Flusher::Flusher(SimEngine& sim, int worker, uint64_t seed, int rounds, Board& board)
    : Actor(sim, worker, seed, rounds), board_(board) {}

void Flusher::act() {
  board_.flush_sent();
  ask({"FLUSHALL"}, [this, sent = board_.tick()](const Answer& answer) {
    if (answer.shown() != "+OK") {
      fail("FLUSHALL -> " + answer.shown());
    }
    board_.flushed(sent);
  });
}

// --- those who cache ---

Cacher::Cacher(SimEngine& sim, int worker, uint64_t seed, int rounds, Mode mode, Keys keys,
               Keys pair, Board& board)
    : Actor(sim, worker, seed, rounds),
      mode_(mode),
      keys_(std::move(keys)),
      pair_(std::move(pair)),
      board_(board) {
  client_.set_push_taker([this](const Answer& message) { return take_push(message); });
}

void Cacher::begin_tracking() {
  tracking_ = true;
  ask({"HELLO", "3"}, {});
  Request request{"CLIENT", "TRACKING", "ON"};
  if (mode_ == Mode::kOptIn) {
    request.push_back("OPTIN");
  } else if (mode_ == Mode::kBroadcast) {
    request.push_back("BCAST");
  }
  expect(request, "+OK");
}

void Cacher::act() {
  if (!tracking_) {
    begin_tracking();
  } else if (below(12) == 0) {
    // From the reply on it is told nothing, and holds nothing.
    ask({"CLIENT", "TRACKING", "OFF"}, [this](const Answer&) { held_.clear(); });
    tracking_ = false;
    return;
  }
  if (!pair_.empty()) {
    read({keys_[below(keys_.size())]});
    return;
  }
  for (uint64_t left = 1 + below(5); left > 0; --left) {
    switch (below(6)) {
      case 0:
        read(keys_);
        break;
      case 1:
        ask({"PING"}, [this, written = board_.written(), flushed = board_.flushed()](
                          const Answer&) { after_reply(written, flushed); });
        break;
      case 2: {
        const std::string& one = keys_[below(keys_.size())];
        const std::string& other = keys_[below(keys_.size())];
        if (mode_ == Mode::kOptIn) {
          expect({"CLIENT", "CACHING", "YES"}, "+OK");
        }
        expect({"MULTI"}, "+OK");
        expect({"GET", one}, "+QUEUED");
        expect({"GET", other}, "+QUEUED");
        ask({"EXEC"}, [this, one, other](const Answer& answer) {
          if (answer.elements.size() != 2) {
            fail("EXEC -> " + answer.shown());
            return;
          }
          keep(one, answer.elements[0]);
          keep(other, answer.elements[1]);
        });
        break;
      }
      default:
        read({keys_[below(keys_.size())]});
        break;
    }
  }
}

void Cacher::read(const Keys& keys) {
  if (mode_ == Mode::kOptIn) {
    expect({"CLIENT", "CACHING", "YES"}, "+OK");
  }
  Request request{"MGET"};
  request.insert(request.end(), keys.begin(), keys.end());
  ask(request, [this, keys, written = board_.written(),
                flushed = board_.flushed()](const Answer& answer) {
    if (answer.elements.size() != keys.size()) {
      fail("MGET -> " + answer.shown());
      return;
    }
    for (size_t i = 0; i < keys.size(); ++i) {
      keep(keys[i], answer.elements[i]);
    }
    after_reply(written, flushed);
    check_pair();
  });
}

void Cacher::keep(const std::string& key, const Answer& value) {
  held_[key] = {value.is_null() ? 0 : to_int(value.text), board_.tick()};
}

bool Cacher::take_push(const Answer& message) {
  if (message.elements.size() != 2 || message.elements[0].text != "invalidate") {
    return false;
  }
  if (message.elements[1].is_null()) {
    held_.clear();
  }
  for (const Answer& key : message.elements[1].elements) {
    held_.erase(key.text);
  }
  return true;
}

// `written`, `flushed`: the board when the request was sent.
void Cacher::after_reply(const Board::Values& written, int64_t flushed) {
  for (const auto& [key, held] : held_) {
    if (held.since < flushed) {
      fail("still holds " + key + " of before a FLUSHALL");
    }
    const auto known = written.find(key);
    if (!board_.flush_was_sent() && known != written.end() && held.value < known->second) {
      fail("still holds " + key + "=" + std::to_string(held.value) + ", which was " +
           std::to_string(known->second) + " before the last request was sent");
    }
  }
}

void Cacher::check_pair() {
  if (pair_.empty() || !held_.contains(pair_[0]) || !held_.contains(pair_[1])) {
    return;
  }
  const int64_t first = held_.at(pair_[0]).value;
  const int64_t second = held_.at(pair_[1]).value;
  if (first < second) {
    fail("holds " + pair_[0] + "=" + std::to_string(first) + " and knows " + pair_[1] + "=" +
         std::to_string(second) + ", which was written later");
  }
}

// --- those who hold back ---

Pauser::Pauser(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys)
    : Actor(sim, worker, seed, rounds), keys_(std::move(keys)) {}

void Pauser::act() {
  Request look{"MGET"};
  look.insert(look.end(), keys_.begin(), keys_.end());
  expect({"CLIENT", "PAUSE", "100000", "WRITE"}, "+OK");
  ask(look, [this](const Answer& answer) { seen_ = answer.shown(); });
  for (uint64_t left = below(4); left > 0; --left) {
    expect({"CLIENT", "UNBLOCK", "999999"}, ":0");  // takes its time: a tour
  }
  ask(look, [this](const Answer& answer) {
    if (answer.shown() != seen_) {
      fail("changed during a pause: " + seen_ + " -> " + answer.shown());
    }
  });
  expect({"CLIENT", "UNPAUSE"}, "+OK");
}

}  // namespace pollux
