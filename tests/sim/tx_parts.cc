#include "tests/sim/tx_parts.h"

#include <charconv>

namespace pollux {

namespace {

int64_t to_int(const std::string& text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

WatchfulBanker::WatchfulBanker(SimEngine& sim, int worker, uint64_t seed, int rounds,
                               Keys accounts, std::string number)
    : Actor(sim, worker, seed, rounds),
      accounts_(std::move(accounts)),
      number_key_(std::move(number)) {}

void WatchfulBanker::act() {
  if (has_read_) {
    write();
  } else {
    read();
  }
}

void WatchfulBanker::read() {
  from_ = below(accounts_.size());
  to_ = below(accounts_.size());
  const std::string& from = accounts_[from_];
  const std::string& to = accounts_[to_];
  // In one WATCH or several, which is the same.
  if (below(2) == 0) {
    expect({"WATCH", from, to, number_key_}, "+OK");
  } else {
    expect({"WATCH", number_key_}, "+OK");
    expect({"WATCH", from}, "+OK");
    expect({"WATCH", to, from}, "+OK");
  }
  ask({"MGET", from, to, number_key_}, [this](const Answer& answer) {
    if (answer.elements.size() != 3) {
      fail("MGET -> " + answer.shown());
      return;
    }
    from_amount_ = to_int(answer.elements[0].text);
    to_amount_ = to_int(answer.elements[1].text);
    number_ = to_int(answer.elements[2].text);
  });
  has_read_ = true;
}

void WatchfulBanker::write() {
  has_read_ = false;
  const int64_t amount = static_cast<int64_t>(below(50));
  const int64_t number = number_ + 1;
  if (below(10) == 0) {
    expect({"UNWATCH"}, "+OK");
    return;
  }
  expect({"MULTI"}, "+OK");
  if (from_ != to_) {
    expect({"SET", accounts_[from_], std::to_string(from_amount_ - amount)}, "+QUEUED");
    expect({"SET", accounts_[to_], std::to_string(to_amount_ + amount)}, "+QUEUED");
  } else {
    expect({"GET", accounts_[from_]}, "+QUEUED");
    expect({"PING"}, "+QUEUED");
  }
  expect({"SET", number_key_, std::to_string(number)}, "+QUEUED");
  if (below(10) == 0) {
    expect({"DISCARD"}, "+OK");
    return;
  }
  ask({"EXEC"}, [this, number](const Answer& answer) {
    if (answer.elements.size() == 3 && answer.elements[2].shown() == "+OK") {
      numbers_.push_back(number);
    } else if (!answer.is_null()) {
      fail("EXEC -> " + answer.shown());
    }
  });
}

TwiceReader::TwiceReader(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys accounts,
                         int64_t sum)
    : Actor(sim, worker, seed, rounds), accounts_(std::move(accounts)), sum_(sum) {}

void TwiceReader::act() {
  Request read{"MGET"};
  read.insert(read.end(), accounts_.begin(), accounts_.end());
  expect({"MULTI"}, "+OK");
  expect(read, "+QUEUED");
  switch (below(3)) {
    case 0:
      expect({"CONFIG", "RESETSTAT"}, "+QUEUED");
      break;
    case 1:
      expect({"INFO", "keyspace"}, "+QUEUED");
      break;
    default:
      expect({"DBSIZE"}, "+QUEUED");
      break;
  }
  expect(read, "+QUEUED");
  ask({"EXEC"}, [this](const Answer& answer) { check(answer); });
}

void TwiceReader::check(const Answer& answer) {
  if (answer.elements.size() != 3) {
    fail("EXEC -> " + answer.shown());
    return;
  }
  int64_t sum = 0;
  for (const Answer& amount : answer.elements[0].elements) {
    sum += to_int(amount.text);
  }
  if (sum != sum_) {
    fail("the sum is " + std::to_string(sum) + ": " + answer.shown());
  }
  if (answer.elements[0].shown() != answer.elements[2].shown()) {
    fail("in the middle of EXEC somebody wrote: " + answer.shown());
  }
}

Suspicious::Suspicious(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys)
    : Actor(sim, worker, seed, rounds), keys_(std::move(keys)) {}

void Suspicious::act() {
  if (!watching_) {
    watched_.clear();
    for (uint64_t n = 1 + below(3); n > 0; --n) {
      watched_.push_back(keys_[below(keys_.size())]);
    }
  }
  Request read{"MGET"};
  read.insert(read.end(), watched_.begin(), watched_.end());
  if (!watching_) {
    Request watch{"WATCH"};
    watch.insert(watch.end(), watched_.begin(), watched_.end());
    expect(watch, "+OK");
    ask(read, [this](const Answer& answer) { seen_ = answer.shown(); });
    watching_ = true;
    return;
  }
  watching_ = false;
  expect({"MULTI"}, "+OK");
  expect(read, "+QUEUED");
  ask({"EXEC"}, [this](const Answer& answer) {
    if (!answer.is_null() && answer.shown() != "[" + seen_ + "]") {
      fail("WATCH missed a change: " + seen_ + " became " + answer.shown());
    }
  });
}

Meddler::Meddler(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys,
                 std::string name)
    : Actor(sim, worker, seed, rounds), keys_(std::move(keys)), name_(std::move(name)) {}

void Meddler::act() {
  for (uint64_t n = 1 + below(4); n > 0; --n) {
    meddle();
  }
}

void Meddler::meddle() {
  switch (below(16)) {
    case 0:
      ask_anything({"DEL", some_key(), some_key()});
      break;
    case 1:
      ask_anything({"RENAME", some_key(), some_key()});
      break;
    case 2:
      ask_anything({"COPY", some_key(), some_key(), "REPLACE"});
      break;
    case 3:
      ask_anything({"MSET", some_key(), fresh(), some_key(), fresh()});
      break;
    case 4:
      ask_anything({"APPEND", some_key(), fresh()});
      break;
    case 5:
      ask_anything({below(2) == 0 ? "FLUSHALL" : "FLUSHDB"});
      break;
    case 6:
      ask_anything({"SWAPDB", "0", "1"});
      break;
    case 7:
      ask_anything({"PEXPIRE", some_key(), std::to_string(below(3))});
      break;
    case 8:
    case 9:
      ask_anything({"SET", some_key(), fresh(), "PX", std::to_string(1 + below(4))});
      break;
    case 10:
      expect({"MULTI"}, "+OK");
      expect({"SET", some_key(), fresh()}, "+QUEUED");
      expect({"SELECT", std::to_string(below(2))}, "+QUEUED");
      expect({"SET", some_key(), fresh()}, "+QUEUED");
      expect({"SELECT", "0"}, "+QUEUED");
      expect({"EXEC"}, "[+OK +OK +OK +OK]");
      break;
    case 11:
      ask_anything({"MOVE", some_key(), "1"});
      break;
    default:
      ask_anything({"SET", some_key(), fresh()});
      break;
  }
}

Historian::Historian(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys,
                     std::atomic<uint64_t>& moment, std::string name)
    : Actor(sim, worker, seed, rounds),
      keys_(std::move(keys)),
      moment_(moment),
      name_(std::move(name)) {}

void Historian::act() {
  switch (below(8)) {
    case 0:
      several(/*write=*/true);
      break;
    case 1:
      several(/*write=*/false);
      break;
    case 2:
    case 3:
      multi();
      break;
    default:
      // A pipeline now and then: what it holds begins together.
      for (uint64_t n = below(3) == 0 ? 1 + below(3) : 1; n > 0; --n) {
        one();
      }
      break;
  }
}

LinearStep Historian::any_step() {
  const std::string& key = keys_[below(keys_.size())];
  switch (below(6)) {
    case 0:
      return {Kind::kSet, key, std::to_string(1 + below(99))};
    case 1:
      return {Kind::kSet, key, name_ + std::to_string(++count_)};
    case 2:
      return {Kind::kAppend, key, std::to_string(1 + below(9))};
    case 3:
      return {Kind::kIncr, key};
    default:
      return {Kind::kGet, key};
  }
}

namespace {

Request request_of(const LinearStep& step) {
  switch (step.kind) {
    case LinearStep::Kind::kGet:
      return {"GET", step.key};
    case LinearStep::Kind::kSet:
      return {"SET", step.key, step.value};
    case LinearStep::Kind::kIncr:
      return {"INCR", step.key};
    case LinearStep::Kind::kAppend:
      break;
  }
  return {"APPEND", step.key, step.value};
}

}  // namespace

// acq_rel: what one client was told before another begins stands before it.
LinearOperation& Historian::begin(std::vector<LinearStep> steps) {
  history_.push_back({std::move(steps), moment_.fetch_add(1, std::memory_order_acq_rel) + 1});
  return history_.back();
}

// For the operation that was begun last.
TestClient::Check Historian::end(std::function<void(LinearOperation&, const Answer&)> note) {
  return [this, which = history_.size() - 1, note = std::move(note)](const Answer& answer) {
    LinearOperation& operation = history_[which];
    note(operation, answer);
    operation.end = moment_.fetch_add(1, std::memory_order_acq_rel) + 1;
  };
}

void Historian::one() {
  const Request request = request_of(begin({any_step()}).steps[0]);
  ask(request, end([](LinearOperation& operation, const Answer& answer) {
        operation.steps[0].answer = answer.shown();
      }));
}

void Historian::several(bool write) {
  std::vector<LinearStep> steps;
  Request request{write ? "MSET" : "MGET"};
  const std::string value = name_ + std::to_string(++count_);
  for (uint64_t n = 1 + below(keys_.size()); n > 0; --n) {
    const std::string& key = keys_[below(keys_.size())];
    request.push_back(key);
    if (write) {
      request.push_back(value);
    }
    steps.push_back({write ? Kind::kSet : Kind::kGet, key, write ? value : ""});
  }
  begin(std::move(steps));
  ask(request, end([this, write](LinearOperation& operation, const Answer& answer) {
        if (write ? answer.shown() != "+OK"
                  : answer.elements.size() != operation.steps.size()) {
          fail("MSET or MGET -> " + answer.shown());
          return;
        }
        for (size_t i = 0; i < answer.elements.size(); ++i) {
          operation.steps[i].answer = answer.elements[i].shown();
        }
      }));
}

void Historian::multi() {
  std::vector<LinearStep> steps;
  for (uint64_t n = 1 + below(4); n > 0; --n) {
    steps.push_back(any_step());
  }
  begin(std::move(steps));
  expect({"MULTI"}, "+OK");
  for (const LinearStep& step : history_.back().steps) {
    expect(request_of(step), "+QUEUED");
  }
  ask({"EXEC"}, end([this](LinearOperation& operation, const Answer& answer) {
        if (answer.elements.size() != operation.steps.size()) {
          fail("EXEC -> " + answer.shown());
          return;
        }
        for (size_t i = 0; i < answer.elements.size(); ++i) {
          operation.steps[i].answer = answer.elements[i].shown();
        }
      }));
}

}  // namespace pollux
