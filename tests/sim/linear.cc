#include "tests/sim/linear.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <unordered_set>
#include <utility>

namespace pollux {

namespace {

using Store = std::vector<std::optional<std::string>>;
using Kind = LinearStep::Kind;

// What the store answers to the step, which takes effect.
std::string perform(const LinearStep& step, std::optional<std::string>& value) {
  switch (step.kind) {
    case Kind::kGet:
      return value ? in_quotes(*value) : "nil";
    case Kind::kSet:
      value = step.value;
      return "+OK";
    case Kind::kAppend:
      value = value.value_or("") + step.value;
      return ":" + std::to_string(value->size());
    case Kind::kIncr:
      break;
  }
  int64_t number = 0;
  const std::string text = value.value_or("0");
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) {
    return "-ERR value is not an integer or out of range";
  }
  value = std::to_string(number + 1);
  return ":" + *value;
}

// The operations on keys that hang together.
class Search {
 public:
  explicit Search(const std::vector<const LinearOperation*>& operations);
  bool run();

 private:
  // The beginnings and ends of all operations in the order of time, as a list from which those that
  // are done are taken out and put back.
  struct Event {
    size_t operation = 0;
    bool is_end = false;
    uint64_t moment = 0;
    Event* prev = nullptr;
    Event* next = nullptr;
  };
  struct Choice {
    Event* begin;
    Store before;
  };

  bool apply(size_t operation, Store& store) const;
  bool is_new(const Store& store);
  void take_out(Event& begin);
  void put_back(Event& begin);

  const std::vector<const LinearOperation*>& operations_;
  std::vector<std::vector<size_t>> keys_;  // of each step of each operation: its place in the store
  Store store_;
  std::vector<Event> events_;  // [0] is the head of the list
  std::vector<Event*> ends_;   // by operation; null if there is none
  std::vector<bool> done_;
  size_t to_be_done_ = 0;  // of those with an end
  std::unordered_set<std::string> tried_;
};

Search::Search(const std::vector<const LinearOperation*>& operations)
    : operations_(operations), ends_(operations.size()), done_(operations.size()) {
  std::map<std::string, size_t> places;
  events_.resize(1);
  for (size_t i = 0; i < operations.size(); ++i) {
    keys_.emplace_back();
    for (const LinearStep& step : operations[i]->steps) {
      keys_.back().push_back(places.emplace(step.key, places.size()).first->second);
    }
    events_.push_back({.operation = i, .moment = operations[i]->begin});
    if (operations[i]->end != UINT64_MAX) {
      ++to_be_done_;
      events_.push_back({.operation = i, .is_end = true, .moment = operations[i]->end});
    }
  }
  store_.resize(places.size());
  std::sort(events_.begin() + 1, events_.end(),
            [](const Event& a, const Event& b) { return a.moment < b.moment; });
  for (size_t i = 0; i < events_.size(); ++i) {
    events_[i].prev = i > 0 ? &events_[i - 1] : nullptr;
    events_[i].next = i + 1 < events_.size() ? &events_[i + 1] : nullptr;
    if (events_[i].is_end) {
      ends_[events_[i].operation] = &events_[i];
    }
  }
}

bool Search::run() {
  std::vector<Choice> choices;
  Event* at = events_[0].next;
  while (to_be_done_ > 0) {
    if (at != nullptr && !at->is_end) {
      Store store = store_;
      if (apply(at->operation, store)) {
        done_[at->operation] = true;
        if (is_new(store)) {
          choices.push_back({at, std::exchange(store_, std::move(store))});
          take_out(*at);
          at = events_[0].next;
          continue;
        }
        done_[at->operation] = false;
      }
      at = at->next;
      continue;
    }
    // Somebody has ended and can't have been here: an earlier choice was wrong.
    if (choices.empty()) {
      return false;
    }
    Choice& last = choices.back();
    at = last.begin;
    done_[at->operation] = false;
    store_ = std::move(last.before);
    put_back(*at);
    choices.pop_back();
    at = at->next;
  }
  return true;
}

bool Search::apply(size_t operation, Store& store) const {
  const std::vector<LinearStep>& steps = operations_[operation]->steps;
  for (size_t i = 0; i < steps.size(); ++i) {
    const std::string answer = perform(steps[i], store[keys_[operation][i]]);
    if (!steps[i].answer.empty() && ends_[operation] != nullptr && answer != steps[i].answer) {
      return false;
    }
  }
  return true;
}

bool Search::is_new(const Store& store) {
  std::string name;
  for (const bool done : done_) {
    name += done ? '1' : '0';
  }
  for (const auto& value : store) {
    name += value ? std::to_string(value->size()) + ":" + *value : "nil";
  }
  return tried_.insert(std::move(name)).second;
}

void Search::take_out(Event& begin) {
  const auto unlink = [](Event& event) {
    event.prev->next = event.next;
    if (event.next != nullptr) {
      event.next->prev = event.prev;
    }
  };
  unlink(begin);
  if (Event* end = ends_[begin.operation]) {
    unlink(*end);
    --to_be_done_;
  }
}

void Search::put_back(Event& begin) {
  const auto link = [](Event& event) {
    event.prev->next = &event;
    if (event.next != nullptr) {
      event.next->prev = &event;
    }
  };
  if (Event* end = ends_[begin.operation]) {
    link(*end);
    ++to_be_done_;
  }
  link(begin);
}

// The first of the keys that a key hangs together with.
class Groups {
 public:
  const std::string& find(const std::string& key) {
    std::string& above = above_.emplace(key, key).first->second;
    if (above != key) {
      above = std::string(find(above));
    }
    return above;
  }
  void join(const std::string& a, const std::string& b) {
    const std::string first = find(a);
    above_[find(b)] = first;
  }

 private:
  std::map<std::string, std::string> above_;
};

}  // namespace

std::string check_linearizable(const std::vector<LinearOperation>& history) {
  Groups groups;
  for (const LinearOperation& operation : history) {
    for (const LinearStep& step : operation.steps) {
      groups.join(operation.steps.front().key, step.key);
    }
  }
  std::map<std::string, std::vector<const LinearOperation*>> parts;
  for (const LinearOperation& operation : history) {
    if (!operation.steps.empty()) {
      parts[groups.find(operation.steps.front().key)].push_back(&operation);
    }
  }
  for (const auto& [key, operations] : parts) {
    if (!Search(operations).run()) {
      return "the " + std::to_string(operations.size()) + " operations on " + key +
             " and what it hangs together with are not linearizable";
    }
  }
  return {};
}

}  // namespace pollux
