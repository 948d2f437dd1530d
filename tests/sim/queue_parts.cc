#include "tests/sim/queue_parts.h"

#include <algorithm>
#include <charconv>

namespace pollux {

namespace {

// "p1.25" is the 25th of producer p1.
int64_t number_of(const std::string& element) {
  const size_t at = element.find('.') + 1;
  int64_t number = 0;
  std::from_chars(element.data() + at, element.data() + element.size(), number);
  return number;
}

}  // namespace

// --- the yard ---

void Yard::put(const std::string& element) {
  const std::lock_guard lock(mutex_);
  put_.insert(element);
}

std::string Yard::taken(const std::string& element) {
  const std::lock_guard lock(mutex_);
  if (put_.count(element) == 0) {
    return element + " was never put there";
  }
  return taken_.insert(element).second ? "" : element + " was taken twice";
}

std::set<std::string> Yard::taken_by_now() {
  const std::lock_guard lock(mutex_);
  return taken_;
}

std::string Yard::left(const std::vector<std::string>& elements,
                       const std::set<std::string>& taken) {
  const std::lock_guard lock(mutex_);
  for (const std::string& element : elements) {
    if (!left_.insert(element).second) {
      return element + " is there twice";
    }
    if (taken.count(element) > 0) {
      return element + " was taken, and is still there";
    }
  }
  return {};
}

std::string Yard::account(size_t lost_max) {
  const std::lock_guard lock(mutex_);
  std::string lost;
  size_t count = 0;
  for (const std::string& element : put_) {
    if (taken_.count(element) == 0 && left_.count(element) == 0) {
      lost += " " + element;
      ++count;
    }
  }
  return count <= lost_max ? "" : "lost:" + lost;
}

// --- who works there ---

Yardman::Yardman(SimEngine& sim, int worker, uint64_t seed, int rounds, Yard& yard, bool counted)
    : Actor(sim, worker, seed, rounds), yard_(yard), counted_(counted), works_left_(rounds) {
  yard_.busy += counted ? 1 : 0;
}

void Yardman::act() {
  --works_left_;
  work();
  if (works_left_ == 0) {
    ask({"PING"}, [this](const Answer&) {
      finished();
      yard_.busy -= counted_ ? 1 : 0;
    });
  }
}

Producer::Producer(SimEngine& sim, int worker, uint64_t seed, int rounds, Yard& yard, Keys queues,
                   std::string name, bool in_order)
    : Yardman(sim, worker, seed, rounds, yard, /*counted=*/true),
      queues_(std::move(queues)),
      name_(std::move(name)),
      own_(name_ + "own"),
      in_order_(in_order) {}

std::string Producer::fresh() {
  std::string element = name_ + "." + std::to_string(++count_);
  yard_.put(element);
  return element;
}

Request Producer::push(const std::string& queue) {
  if (in_order_) {
    return {"RPUSH", queue, fresh()};
  }
  Request request =
      yard_.zsets ? Request{"ZADD", queue} : Request{below(2) == 0 ? "LPUSH" : "RPUSH", queue};
  for (uint64_t n = 1 + below(3); n > 0; --n) {
    if (yard_.zsets) {
      request.push_back(std::to_string(below(10)));
    }
    request.push_back(fresh());
  }
  return request;
}

void Producer::work() {
  const std::string& queue = queues_[below(queues_.size())];
  const std::string& other = queues_[below(queues_.size())];
  switch (in_order_ ? 9 : below(yard_.zsets ? 8 : 10)) {
    case 0:
      ask_anything({"MULTI"});
      ask_anything(push(queue));
      ask_anything(push(other));
      ask_anything({"EXEC"});
      break;
    case 1:
      ask_anything(push(queue));
      ask_anything({"SWAPDB", "0", "1"});
      ask_anything(push(other));
      break;
    case 8:
      ask_anything(push(own_));
      ask_anything({"RENAMENX", own_, queue});
      break;
    case 9:
      if (in_order_) {
        ask_anything(push(queue));
        break;
      }
      ask_anything(push(own_));
      ask_anything({"LMOVE", own_, queue, "LEFT", "LEFT"});
      ask_anything({"MULTI"});
      ask_anything({"LMOVE", own_, queue, "LEFT", "LEFT"});
      ask_anything({"LMOVE", own_, other, "LEFT", "LEFT"});
      ask_anything({"EXEC"});
      break;
    default:
      ask_anything(push(queue));
      break;
  }
}

Consumer::Consumer(SimEngine& sim, int worker, uint64_t seed, int rounds, Yard& yard,
                   bool counted, Keys queues, Mode mode)
    : Yardman(sim, worker, seed, rounds, yard, counted),
      queues_(std::move(queues)),
      mode_(mode) {
  yard_.patient += mode_ == Mode::kPatient ? 1 : 0;
}

void Consumer::finished() { yard_.patient -= mode_ == Mode::kPatient ? 1 : 0; }

void Consumer::work() {
  if (client_id_ == 0) {
    ask({"CLIENT", "ID"}, [this](const Answer& answer) { client_id_ = answer.number; });
  }
  if (mode_ == Mode::kPatient) {
    wait(queues_, "0");
    return;
  }
  if (mode_ == Mode::kInOrder) {
    ask({"BLPOP", queues_[0], "0.01"}, [this](const Answer& answer) { take(answer); });
    return;
  }
  for (uint64_t n = 1 + below(3); n > 0; --n) {
    Keys some;
    for (uint64_t i = 1 + below(queues_.size()); i > 0; --i) {
      some.push_back(queues_[below(queues_.size())]);
    }
    wait(some, "0.00" + std::to_string(1 + below(9)));
    if (below(2) == 0) {
      expect({"ECHO", "behind"}, "\"behind\"");
    }
  }
}

void Consumer::wait(const Keys& queues, const std::string& timeout) {
  Request request;
  const bool at_end = below(2) == 0;
  if (below(3) == 0) {
    request = {yard_.zsets ? "BZMPOP" : "BLMPOP", timeout, std::to_string(queues.size())};
    request.insert(request.end(), queues.begin(), queues.end());
    request.push_back(yard_.zsets ? (at_end ? "MAX" : "MIN") : (at_end ? "RIGHT" : "LEFT"));
    request.insert(request.end(), {"COUNT", "2"});
  } else {
    request = {yard_.zsets ? (at_end ? "BZPOPMAX" : "BZPOPMIN") : (at_end ? "BRPOP" : "BLPOP")};
    request.insert(request.end(), queues.begin(), queues.end());
    request.push_back(timeout);
  }
  ask(request, [this](const Answer& answer) { take(answer); });
}

// Nil, an error of the type, or a key and what was in it: elements with or without scores, flat or
// nested.
void Consumer::take(const Answer& answer) {
  if (answer.is_null() || answer.text.starts_with("WRONGTYPE") ||
      answer.text.starts_with("UNBLOCKED")) {
    return;
  }
  if (answer.elements.size() < 2) {
    fail("a pop -> " + answer.shown());
    return;
  }
  for (size_t i = 1; i < answer.elements.size(); ++i) {
    const Answer& part = answer.elements[i];
    if (part.kind == Answer::Kind::kBulk && i == 1) {
      take_one(part.text);
    }
    for (const Answer& element : part.elements) {
      take_one(element.elements.empty() ? element.text : element.elements[0].text);
    }
  }
}

void Consumer::take_one(const std::string& element) {
  const std::string wrong = yard_.taken(element);
  if (!wrong.empty()) {
    fail(wrong);
  }
  if (mode_ == Mode::kInOrder) {
    int64_t& newest = newest_[element.substr(0, element.find('.'))];
    if (number_of(element) <= newest) {
      fail("after " + std::to_string(newest) + " came " + element);
    }
    newest = number_of(element);
  }
}

Conveyor::Conveyor(SimEngine& sim, int worker, uint64_t seed, int rounds, Yard& yard,
                   bool counted, std::string from, std::string to)
    : Yardman(sim, worker, seed, rounds, yard, counted),
      from_(std::move(from)),
      to_(std::move(to)) {}

void Conveyor::work() {
  const std::string timeout = "0.0" + std::to_string(1 + below(3));
  const auto end = [this] { return below(2) == 0 ? "LEFT" : "RIGHT"; };
  switch (below(4)) {
    case 0:
      ask_anything({"BRPOPLPUSH", from_, to_, timeout});
      break;
    case 1:
      ask_anything({"BLMOVEM", from_, to_, end(), end(), timeout, "EXACTLY", "2",
                    below(2) == 0 ? "OBO" : "BULK"});
      break;
    default:
      ask_anything({"BLMOVE", from_, to_, end(), end(), timeout});
      break;
  }
}

Releaser::Releaser(SimEngine& sim, int worker, uint64_t seed, int rounds, Yard& yard,
                   Keys queues, std::vector<const Consumer*> waiting)
    : Yardman(sim, worker, seed, rounds, yard, /*counted=*/false),
      queues_(std::move(queues)),
      waiting_(std::move(waiting)) {}

void Releaser::work() {
  if (yard_.patient == 0) {
    retire();
    return;
  }
  const int64_t id = waiting_[below(waiting_.size())]->client_id();
  if (id == 0 || below(4) != 0) {
    ask_anything({"PING"});
    return;
  }
  ask_anything({"MULTI"});
  for (const std::string& queue : queues_) {
    ask_anything({yard_.zsets ? "ZCARD" : "LLEN", queue});
  }
  ask_anything({"CLIENT", "UNBLOCK", std::to_string(id), below(2) == 0 ? "ERROR" : "TIMEOUT"});
  ask({"EXEC"}, [this](const Answer& answer) {
    if (answer.elements.empty()) {
      fail("EXEC -> " + answer.shown());
      return;
    }
    const bool waited = answer.elements.back().number == 1;
    for (size_t i = 0; i + 1 < answer.elements.size(); ++i) {
      if (waited && answer.elements[i].number > 0) {
        fail("somebody waited though there was something: " + answer.shown());
      }
    }
  });
}

Inspector::Inspector(SimEngine& sim, int worker, uint64_t seed, int rounds, Yard& yard,
                     Keys queues)
    : Actor(sim, worker, seed, rounds), yard_(yard), queues_(std::move(queues)) {}

void Inspector::act() {
  const bool last = yard_.busy == 0;
  if (last) {
    retire();
  } else if (below(3) != 0) {
    ask({"PING"}, {});
    return;
  }
  ask({"MULTI"}, {});
  for (const char* db : {"1", "0"}) {
    ask({"SELECT", db}, {});
    for (const std::string& queue : queues_) {
      ask({yard_.zsets ? "ZRANGE" : "LRANGE", queue, "0", "-1"}, {});
    }
  }
  ask({"EXEC"}, [this, last, taken = yard_.taken_by_now()](const Answer& answer) {
    std::vector<std::string> all;
    for (const Answer& queue : answer.elements) {
      for (const Answer& element : queue.elements) {
        all.push_back(element.text);
      }
    }
    if (last) {
      const std::string wrong = yard_.left(all, taken);
      if (!wrong.empty()) {
        fail(wrong);
      }
    }
    std::sort(all.begin(), all.end());
    const auto twice = std::adjacent_find(all.begin(), all.end());
    if (twice != all.end()) {
      fail(*twice + " is there twice");
    }
  });
}

}  // namespace pollux
