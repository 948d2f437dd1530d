#include "tests/sim/witnesses.h"

#include <algorithm>
#include <utility>

#include "src/base/num.h"

namespace pollux {

namespace {

constexpr int64_t kNothing = 0;  // all numbers begin at 1

int64_t number_of(const Answer& answer) {
  return answer.is_null() ? kNothing : parse_int64(answer.text).value_or(-1);
}

std::vector<int64_t> numbers_of(const Answer& answer) {
  std::vector<int64_t> numbers;
  for (const Answer& element : answer.elements) {
    if (!element.is_null()) {
      numbers.push_back(number_of(element));
    }
  }
  return numbers;
}

bool one_behind_the_other(const std::vector<int64_t>& numbers) {
  return std::adjacent_find(numbers.begin(), numbers.end(), [](int64_t a, int64_t b) {
           return b != a + 1;
         }) == numbers.end();
}

std::string shown(const std::vector<int64_t>& numbers) {
  std::string text = "[";
  for (const int64_t number : numbers) {
    text += ' ' + std::to_string(number);
  }
  return text + " ]";
}

std::string digits(int64_t number) {
  return std::to_string(number);
}

}  // namespace

// --- what was promised ---

Told Promise::told(const Sent& sent, Instant now, bool write) {
  const bool same = sent.period != 0 && sent.period == period_;
  Told told{.flush = sent.flush};
  told.certain = same && kind_ == Kind::kAlways;
  if (same && kind_ == Kind::kEverysec) {
    told.period = period_;
    if (write) {
      written_us_ += us_since_write(sent.at_us);
      last_write_us_ = std::max(last_write_us_, sent.at_us);
    }
    told.at_us = written_us_ + us_since_write(now.us);
  }
  return told;
}

bool Promise::may_come(const Answer& answer) const {
  if (answer.kind == Answer::Kind::kError) {
    return std::any_of(refusals_.begin(), refusals_.end(), [&answer](const std::string& begin) {
      return answer.text.starts_with(begin);
    });
  }
  // Of a transaction nothing is refused alone.
  return std::none_of(answer.elements.begin(), answer.elements.end(), [](const Answer& element) {
    return element.kind == Answer::Kind::kError;
  });
}

bool Promise::holds(const Told& told, int64_t flush) const {
  const bool old_enough = kind_ == Kind::kEverysec && told.period == period_ &&
                          told.at_us + kLossUsMax < written_us_;
  return (told.certain || old_enough || all_) && told.flush >= flush;
}

int64_t Reached::least(const Promise& promise, int64_t flush, int64_t none) const {
  for (auto at = all_.rbegin(); at != all_.rend(); ++at) {
    for (const Told& told : at->second) {
      if (promise.holds(told, flush)) {
        return at->first;
      }
    }
  }
  return none;
}

int64_t Reached::between(int64_t low, int64_t high, const Promise& promise, int64_t flush) const {
  if (low >= high) {
    return 0;
  }
  return std::count_if(all_.upper_bound(low), all_.lower_bound(high), [&](const auto& number) {
    return std::any_of(number.second.begin(), number.second.end(),
                       [&](const Told& told) { return promise.holds(told, flush); });
  });
}

void Reached::reset(int64_t number, int64_t flush) {
  all_.clear();
  all_[number].push_back({.flush = flush, .certain = true});
}

// --- all of them ---

void Witness::attach(LiveServer& server, int worker) {
  server_ = &server;
  client_ = std::make_unique<TestClient>(server.scheduler.connect(worker));
}

void Witness::act() {
  receive();
  if (client_->awaited() <= awaited_max() && rng().below(idleness()) == 0) {
    go();
    client_->send_pipeline();
  }
}

void Witness::add(const Request& request, Took took, bool write, std::function<void()> refused) {
  const Sent sent = promise_.sent(server_->now());
  client_->add(request, [this, sent, write, took = std::move(took),
                         refused = std::move(refused)](const Answer& answer) {
    if (!promise_.may_come(answer)) {
      wrong_ = answer.shown();
    }
    if (answer.kind == Answer::Kind::kError) {
      if (refused) {
        refused();
      }
      return;
    }
    // Nothing is written by who has waited in vain.
    const Told told = promise_.told(sent, server_->now(), write && !answer.is_null());
    if (took) {
      took(answer, told);
    }
  });
}

// --- Sequencer ---

Sequencer::Sequencer(Promise& promise, int number, bool pipelines)
    : Witness(promise),
      name_("count" + digits(number) + ":"),
      db_(number % 2 * 3),
      pipelines_(pipelines) {}

void Sequencer::attach(LiveServer& server, int worker) {
  Witness::attach(server, worker);
  done_ = kNothing;
  add({"SELECT", digits(db_)}, {}, false);
  send();
}

std::string Sequencer::key(int64_t i) const {
  return name_ + digits(i % kKeys);
}

void Sequencer::go() {
  const uint64_t kind = rng().below(6);
  if (kind < 2) {
    add_two(kind == 0);
    return;
  }
  if (kind == 2 && done_ != kNothing && rng().below(2) == 0) {
    add_wait();
    return;
  }
  const int64_t i = ++sent_;
  // Now and then something behind it that is longer than a sector of the disk.
  const uint64_t size = rng().below(6) == 0 ? 700 : 0;
  add({"SET", key(i), digits(i)}, [this, i](const Answer&, const Told& told) { done(i, told); },
      true, [this, i] { sent_ = i - 1; });
  if (size != 0) {
    add({"SET", "ballast", std::string(size, 'b')});
  }
}

void Sequencer::add_two(bool multi) {
  const int64_t i = sent_ + 1;
  sent_ += 2;
  halves_.insert(i);
  const Took took = [this, i](const Answer&, const Told& told) { done(i + 1, told); };
  const auto refused = [this, i] {
    sent_ = i - 1;
    halves_.erase(i);
  };
  if (multi) {
    add({"MULTI"}, {}, false);
    add({"SET", key(i), digits(i)}, {}, false);
    add({"SET", key(i + 1), digits(i + 1)}, {}, false);
    add({"EXEC"}, took, true, refused);
  } else {
    add({"MSET", key(i), digits(i), key(i + 1), digits(i + 1)}, took, true, refused);
  }
}

void Sequencer::done(int64_t i, const Told& told) {
  seen(i, told);
  done_ = i;
  done_told_ = told;
}

void Sequencer::add_wait() {
  Told told = done_told_;
  told.certain = true;
  add({"WAITAOF", "1", "0", digits(static_cast<int64_t>(1 + rng().below(500)))},
      [this, i = done_, told](const Answer& answer, const Told&) {
              if (answer.elements.size() == 2 && answer.elements[0].number == 1) {
          seen(i, told);
          promise_.waited();
        }
      }, false);
}

std::vector<Request> Sequencer::look() const {
  Request mget{"MGET"};
  for (int64_t i = 0; i < kKeys; ++i) {
    mget.push_back(key(i));
  }
  return {{"SELECT", digits(db_)}, mget, {"SELECT", "0"}};
}

std::string Sequencer::judge(const Answers& answers, int64_t flush) {
  std::vector<int64_t> numbers = numbers_of(answers[1]);
  std::sort(numbers.begin(), numbers.end());
  const std::string what = name_ + " is " + shown(numbers);
  found_ = numbers.empty() ? kNothing : numbers.back();
  for (const int64_t number : numbers) {
    const Answer& there = answers[1].elements[static_cast<size_t>(number % kKeys)];
    if (number <= 0 || number_of(there) != number) {
      return what + ": in the wrong keys";
    }
  }
  if (!one_behind_the_other(numbers)) {
    return what + ": there are holes";
  }
  if (found_ > sent_) {
    return what + ": only " + digits(sent_) + " were sent";
  }
  if (halves_.contains(found_)) {
    return what + ": the last one came together with the next one";
  }
  const int64_t least = reached_.least(promise_, flush, kNothing);
  return found_ < least ? what + ": it was told " + digits(least) : "";
}

void Sequencer::adopt(const Answers& answers, int64_t flush) {
  judge(answers, flush);
  reached_.clear();
  if (found_ != kNothing) {
    sent_ = found_;
    reached_.reset(found_, flush);
  }
  halves_.erase(halves_.upper_bound(sent_), halves_.end());
}

// --- Reader ---

void Reader::attach(LiveServer& server, int worker) {
  Witness::attach(server, worker);
  last_ = kNothing;
  add({"SELECT", digits(sequencer_.db())}, {}, false);
  send();
}

void Reader::go() {
  if (last_ != kNothing && rng().below(2) == 0) {
    add({"SET", key_, digits(last_)});
    return;
  }
  const int64_t flushes = promise_.flush();
  const auto key = sequencer_.key(static_cast<int64_t>(rng().below(Sequencer::kKeys)));
  const Request get = {"GET", key};
  const Took took = [this, flushes](const Answer& answer, const Told& told) {
    const Answer& value =
        answer.kind == Answer::Kind::kArray ? answer.elements.front() : answer;
    if (!value.is_null()) {
      last_ = number_of(value);
      int64_t& known = flushes_.try_emplace(last_, -1).first->second;
      known = std::max(known, flushes);
      sequencer_.seen(last_, told);
    }
  };
  switch (rng().below(3)) {
    case 0:
      add({"MULTI"}, {}, false);
      add(get, {}, false);
      add({"EXEC"}, took, false);
      break;
    case 1:
      add({"MGET", key, "nothing"}, took, false);
      break;
    default:
      add(get, took, false);
      break;
  }
}

std::vector<Request> Reader::look() const {
  return {{"SELECT", digits(sequencer_.db())}, {"GET", key_}, {"SELECT", "0"}};
}

std::string Reader::judge(const Answers& answers, int64_t flush) {
  const int64_t seen = number_of(answers[1]);
  if (seen == kNothing) {
    return "";
  }
  const std::string what = key_ + " is " + digits(seen) + ", which is not there: ";
  const auto known = flushes_.find(seen);
  if (known == flushes_.end()) {
    return what + "nor was it ever seen";
  }
  // Behind a FLUSHALL after it was seen, nothing needs to be there.
  const bool lost = sequencer_.found() == kNothing ? known->second >= flush
                                                 : sequencer_.found() < seen;
  return lost ? what + digits(sequencer_.found()) : "";
}

void Reader::adopt(const Answers& answers, int64_t flush) {
  flushes_.clear();
  if (const int64_t seen = number_of(answers[1]); seen != kNothing) {
    flushes_[seen] = sequencer_.found() == kNothing ? -1 : flush;
  }
}

// --- Weaver ---

// From less than a sector of the disk to more than a block of the journal.
size_t Weaver::size_of(int64_t i) {
  constexpr size_t kSizes[] = {300, 700, 1'600, 3'000, 9'000, 20'000, 70'000};
  return kSizes[static_cast<size_t>(i * 5) % std::size(kSizes)];
}

std::string Weaver::text_of(int64_t i) {
  const std::string piece = digits(i) + ',';
  std::string text;
  while (text.size() < size_of(i)) {
    text += piece;
  }
  text.resize(size_of(i));
  return text;
}

int64_t Weaver::number_of_text(const std::string& text) const {
  if (text.empty()) {
    return kNothing;
  }
  if (text == adopted_) {
    return adopted_number_;
  }
  for (int64_t i = sent_; i > 0; --i) {
    if (size_of(i) != text.size()) {
      continue;
    }
    const std::string whole = text_of(i);
    const auto same_or_zero = [](char found, char sent) { return found == sent || found == 0; };
    if (std::equal(text.begin(), text.end(), whole.begin(), whole.end(), same_or_zero)) {
      return i;
    }
  }
  return -1;
}

void Weaver::go() {
  const int64_t i = ++sent_;
  add({"SET", key_, text_of(i)},
      [this, i](const Answer&, const Told& told) { reached_.add(i, told); }, true,
      [this, i] { sent_ = i - 1; });
}

std::string Weaver::judge(const Answers& answers, int64_t flush) {
  const std::string& text = answers[0].text;
  const int64_t number = answers[0].is_null() ? kNothing : number_of_text(text);
  const std::string what = key_ + " has " + digits(static_cast<int64_t>(text.size())) + " bytes";
  if (number < 0) {
    return what + ", which nobody has sent";
  }
  const int64_t least = reached_.least(promise_, flush, kNothing);
  if (number < least) {
    return what + " of number " + digits(number) + ": it was told " + digits(least);
  }
  const bool holed = number != kNothing && text != adopted_ && text != text_of(number);
  if (holed && number == least) {
    return what + " with a hole of zeros at " +
           digits(static_cast<int64_t>(text.find('\0'))) + ", though it was told all of it";
  }
  holes_ += holed ? 1 : 0;
  return "";
}

void Weaver::adopt(const Answers& answers, int64_t flush) {
  adopted_number_ = answers[0].is_null() ? kNothing : number_of_text(answers[0].text);
  adopted_ = answers[0].text;
  reached_.clear();
  if (adopted_number_ != kNothing) {
    sent_ = adopted_number_;
    reached_.reset(adopted_number_, flush);
  }
}

// --- Banker ---

void Banker::go() {
  const std::string amount = digits(static_cast<int64_t>(rng().below(9)));
  add({"MULTI"}, {}, false);
  add({"DECRBY", account(rng().below(kAccounts)), amount}, {}, false);
  add({"INCRBY", account(rng().below(kAccounts)), amount}, {}, false);
  add({"EXEC"});
}

std::vector<Request> Banker::look() const {
  Request mget{"MGET"};
  for (uint64_t i = 0; i < kAccounts; ++i) {
    mget.push_back(account(i));
  }
  return {mget};
}

std::string Banker::judge(const Answers& answers, int64_t flush) {
  int64_t sum = 0;
  size_t count = 0;
  for (const Answer& answer : answers[0].elements) {
    sum += answer.is_null() ? 0 : number_of(answer);
    count += answer.is_null() ? 0 : 1;
  }
  const bool right = flush == 0 ? count == 0 : count == kAccounts && sum == kAccounts * kMoney;
  return right ? "" : digits(static_cast<int64_t>(count)) + " accounts with " + digits(sum);
}

// --- Flusher ---

int64_t Flusher::flushes(const Answer& answer) {
  return number_of(answer);
}

void Flusher::go() {
  if (again_ && rng().below(60) == 0) {
    flush();
  }
}

void Flusher::begin_first() {
  flush();
  send();
}

void Flusher::flush() {
  const int64_t i = ++sent_;
  Request mset{"MSET"};
  for (uint64_t j = 0; j < Banker::kAccounts; ++j) {
    mset.push_back(Banker::account(j));
    mset.push_back(digits(Banker::kMoney));
  }
  add({"MULTI"}, {}, false);
  add({"FLUSHALL"}, {}, false);
  add(mset, {}, false);
  add({"SET", "flushes", digits(i)}, {}, false);
  add({"EXEC"}, [this, i](const Answer&, const Told& told) {
    promise_.flushed(i);
    reached_.add(i, told);
  }, true, [this] { --sent_; });
}

std::string Flusher::judge(const Answers&, int64_t flush) {
  const int64_t least = reached_.least(promise_, INT64_MIN, 0);
  return flush < least || flush > sent_
             ? "emptied " + digits(flush) + " times, not " + digits(least) + " to " + digits(sent_)
             : "";
}

void Flusher::adopt(const Answers&, int64_t flush) {
  sent_ = flush;
  reached_.reset(flush, flush);
}

// --- Pusher ---

Pusher::Pusher(Promise& promise, int number, bool moves)
    : Witness(promise),
      from_("from:" + digits(number)),
      to_("to:" + digits(number)),
      moves_(moves) {}

void Pusher::go() {
  const int64_t i = ++sent_;
  add({"RPUSH", from_, digits(i)},
      [this, i](const Answer&, const Told& told) { pushed_.add(i, told); }, true,
      [this, i] { sent_ = i - 1; });
}

void Pusher::taken(int64_t i, const Told& told) {
  taken_max_ = std::max(taken_max_, i);
  taken_.add(i, told);
}

std::vector<Request> Pusher::look() const {
  return {{"LRANGE", to_, "0", "-1"}, {"LRANGE", from_, "0", "-1"}};
}

std::string Pusher::judge(const Answers& answers, int64_t flush) {
  const std::vector<int64_t> to = numbers_of(answers[0]);
  const std::vector<int64_t> from = numbers_of(answers[1]);
  std::vector<int64_t> all = to;
  all.insert(all.end(), from.begin(), from.end());
  const std::string what = to_ + " is " + shown(to) + " and " + from_ + " is " + shown(from);
  if (!one_behind_the_other(all)) {
    return what + ": elements are lost, or are there twice";
  }
  if (!all.empty() && all.back() > sent_) {
    return what + ": only " + digits(sent_) + " were sent";
  }
  const int64_t pushed = pushed_.least(promise_, flush, kNothing);
  const int64_t taken = taken_.least(promise_, flush, kNothing);
  const int64_t front = all.empty() ? INT64_MAX : all.front();
  if (!all.empty() && all.back() < pushed) {
    return what + ": " + digits(pushed) + " was pushed";
  }
  // Who waits may have been given one without knowing.
  const int64_t gone = pushed_.between(moves_ ? kNothing : taken_max_, front, promise_, flush);
  if (moves_ ? pushed != kNothing && front > pushed : gone > takers_) {
    return what + ": " + digits(pushed) + " was pushed, and " + digits(taken_max_) + " taken";
  }
  if (taken != kNothing && (moves_ ? to.empty() || to.back() < taken
                                   : !all.empty() && all.front() <= taken)) {
    return what + ": " + digits(taken) + " was taken";
  }
  return "";
}

void Pusher::adopt(const Answers& answers, int64_t flush) {
  const std::vector<int64_t> to = numbers_of(answers[0]);
  const std::vector<int64_t> from = numbers_of(answers[1]);
  pushed_.clear();
  taken_.clear();
  if (!from.empty()) {
    sent_ = from.back();
    taken_max_ = from.front() - 1;
    pushed_.reset(sent_, flush);
  } else {
    sent_ = to.empty() ? sent_ : to.back();
    taken_max_ = sent_;
  }
  if (moves_ && !to.empty()) {
    taken_.reset(to.back(), flush);
  } else if (!moves_) {
    taken_.reset(taken_max_, flush);
  }
}

void Taker::go() {
  const auto took = [this](const Answer& answer, const Told& told) {
    if (!answer.is_null()) {
      pusher_.taken(number_of(answer.elements.empty() ? answer : answer.elements[1]), told);
    }
  };
  const std::string timeout = rng().below(3) == 0 ? "0.02" : "0";
  if (!pusher_.moves()) {
    add({"BLPOP", pusher_.from(), timeout}, took);
  } else if (rng().below(4) == 0) {
    add({"LMOVE", pusher_.from(), pusher_.to(), "LEFT", "RIGHT"}, took);
  } else {
    add({"BLMOVE", pusher_.from(), pusher_.to(), "LEFT", "RIGHT", timeout}, took);
  }
}

// --- Drawer ---

void Drawer::go() {
  if (rng().below(3) != 0) {
    const int64_t i = ++sent_;
    add({"SADD", key_, digits(i)},
        [this, i](const Answer&, const Told& told) { added_[i] = told; });
    return;
  }
  const uint64_t count = 1 + rng().below(2);
  draws_ += count;
  add({"SPOP", key_, std::to_string(count)}, [this, count](const Answer& answer, const Told& told) {
    draws_ -= count;
    for (const int64_t number : numbers_of(answer)) {
      drawn_[number] = told;
    }
  }, true, [this, count] { draws_ -= count; });
}

std::string Drawer::judge(const Answers& answers, int64_t flush) {
  const std::vector<int64_t> there = numbers_of(answers[0]);
  const std::set<int64_t> members(there.begin(), there.end());
  for (const auto& [number, told] : drawn_) {
    if (members.contains(number) && promise_.holds(told, flush)) {
      return key_ + ": " + digits(number) + " was drawn";
    }
  }
  uint64_t missing = 0;
  for (const auto& [number, told] : added_) {
    if (promise_.holds(told, flush) && !members.contains(number) && !drawn_.contains(number)) {
      ++missing;
    }
  }
  return missing > draws_ ? key_ + ": " + std::to_string(missing) + " members are missing, but " +
                                std::to_string(draws_) + " drawn at most"
                          : "";
}

void Drawer::adopt(const Answers& answers, int64_t flush) {
  added_.clear();
  drawn_.clear();
  draws_ = 0;
  for (const int64_t number : numbers_of(answers[0])) {
    added_[number] = {.flush = flush, .certain = true};
  }
}

// --- Locker ---

void Locker::add_step(const Request& request, int64_t value, bool ends) {
  const size_t at = steps_.size();
  steps_.push_back({.value = value, .ends = ends});
  const bool sets = request[0] == "SET";
  add(request, [this, at, sets](const Answer& answer, const Told& told) {
    const bool done = sets ? !answer.is_null() : answer.number != 0;
    Step& step = steps_[at];
    step.answered = true;
    step.told = told;
    if (!done) {
      // SET: what was there before has not ended. PERSIST, DEL: it had.
      step = sets ? Step(steps_[at - 1]) : Step{.answered = true, .told = told};
    }
  }, true, [this] { steps_.pop_back(); });
}

void Locker::go() {
  const Step now = steps_.back();
  if (now.value == 0 || (now.ends && rng().below(2) == 0)) {
    const std::string ms = digits(static_cast<int64_t>(1 + rng().below(40)));
    ++number_;
    add_step({"SET", key_, digits(number_), "NX", "PX", ms}, number_, true);
  } else if (now.ends && rng().below(2) == 0) {
    add_step({"PERSIST", key_}, now.value, false);
  } else if (rng().below(3) == 0) {
    add_step({"DEL", key_}, 0, false);
  }
}

std::string Locker::judge(const Answers& answers, int64_t flush) {
  size_t least = 0;
  bool told_any = false;
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].answered && promise_.holds(steps_[i].told, flush)) {
      least = i;
      told_any = true;
    }
  }
  const int64_t value = number_of(answers[1]);
  const bool ends = answers[0].number >= 0;
  for (size_t i = least; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    if (value == 0 ? !told_any || step.value == 0 || step.ends
                   : step.value == value && step.ends == ends) {
      return "";
    }
  }
  std::vector<int64_t> values;
  for (size_t i = least; i < steps_.size(); ++i) {
    values.push_back(steps_[i].ends ? -steps_[i].value : steps_[i].value);
  }
  return key_ + " is " + digits(value) + (ends ? ", for a while" : "") + ", and was " +
         shown(values);
}

void Locker::adopt(const Answers& answers, int64_t flush) {
  const Step now{.value = number_of(answers[1]),
                 .ends = answers[0].number >= 0,
                 .answered = true,
                 .told = {.flush = flush, .certain = true}};
  steps_.assign(1, now);
}

}  // namespace pollux
