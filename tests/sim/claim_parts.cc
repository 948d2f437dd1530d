#include "tests/sim/claim_parts.h"

#include <limits>
#include <memory>

#include "tests/sim/play.h"

namespace pollux {

namespace {

constexpr const char* kGroup = "g";
constexpr int64_t kCountMax = 3;  // jobs of one stream that one request takes

bool means_nothing(const std::string& job) { return job.starts_with("stop"); }

}  // namespace

// --- the book ---

void JobBook::added(const std::string& job) {
  const std::lock_guard lock(mutex_);
  jobs_[job];
  open_ += means_nothing(job) ? 0 : 1;
}

int64_t JobBook::now() {
  const std::lock_guard lock(mutex_);
  return ++now_;
}

std::string JobBook::delivered(const std::string& name, int64_t before, int64_t asked_at) {
  const std::lock_guard lock(mutex_);
  const auto job = jobs_.find(name);
  if (job == jobs_.end()) {
    return name + " was never added";
  }
  if (job->second.acknowledged_at != 0 && job->second.acknowledged_at < asked_at) {
    return name + " was acknowledged, and came again";
  }
  return job->second.seen.insert(before).second
             ? ""
             : name + " came twice as the one behind " + std::to_string(before) + " deliveries";
}

void JobBook::acknowledged(const std::string& name) {
  const std::lock_guard lock(mutex_);
  Job& job = jobs_.at(name);
  if (job.acknowledged_at == 0) {
    job.acknowledged_at = ++now_;
    open_ -= means_nothing(name) ? 0 : 1;
  }
}

bool JobBook::complete() {
  const std::lock_guard lock(mutex_);
  return adding == 0 && open_ == 0;
}

std::string JobBook::account(size_t unseen_max) {
  const std::lock_guard lock(mutex_);
  size_t unseen = 0;
  for (const auto& [name, job] : jobs_) {
    if (means_nothing(name)) {
      continue;
    }
    if (job.acknowledged_at == 0 || job.seen.empty()) {
      return name + " was lost";
    }
    unseen += static_cast<size_t>(*job.seen.rbegin()) + 1 - job.seen.size();
  }
  return unseen <= unseen_max ? "" : std::to_string(unseen) + " deliveries were seen by nobody";
}

// --- who adds ---

Employer::Employer(SimEngine& sim, int worker, uint64_t seed, int rounds, JobBook& book,
                   Keys streams, std::string name)
    : Actor(sim, worker, seed, rounds),
      book_(book),
      streams_(std::move(streams)),
      name_(std::move(name)),
      acts_left_(rounds) {
  ++book_.adding;
}

Request Employer::add(const std::string& stream) {
  const std::string job = name_ + "." + std::to_string(++count_);
  book_.added(job);
  return {"XADD", stream, "*", "job", job};
}

void Employer::act() {
  const std::string& stream = streams_[below(streams_.size())];
  if (below(4) == 0) {
    ask({"MULTI"}, {});
    ask(add(stream), {});
    ask(add(streams_[below(streams_.size())]), {});
    ask({"EXEC"}, {});
  } else {
    ask(add(stream), {});
  }
  if (--acts_left_ == 0) {
    ask({"PING"}, [this](const Answer&) { --book_.adding; });
  }
}

Foreman::Foreman(SimEngine& sim, int worker, uint64_t seed, int rounds, JobBook& book,
                 std::string stream)
    : Actor(sim, worker, seed, rounds), book_(book), stream_(std::move(stream)) {}

void Foreman::act() {
  if (book_.patient == 0) {
    retire();
  } else if (book_.complete()) {
    const std::string job = "stop." + std::to_string(++count_);
    book_.added(job);
    ask({"XADD", stream_, "*", "job", job}, {});
  } else {
    ask({"PING"}, {});
  }
}

// --- who takes ---

Claimant::Claimant(SimEngine& sim, int worker, uint64_t seed, int rounds, JobBook& book,
                   Keys streams, std::string consumer, Mode mode)
    : Actor(sim, worker, seed, rounds),
      book_(book),
      streams_(std::move(streams)),
      consumer_(std::move(consumer)),
      mode_(mode) {
  book_.patient += mode_ == Mode::kPatient ? 1 : 0;
}

void Claimant::act() {
  if (book_.complete()) {
    book_.patient -= mode_ == Mode::kPatient ? 1 : 0;
    retire();
    return;
  }
  for (const Held& held : held_) {
    if (mode_ != Mode::kNegligent && below(3) != 0) {
      ask({"XACK", held.stream, kGroup, held.id}, [this, job = held.job](const Answer& answer) {
        if (answer.number == 1) {  // else another one, who has claimed it, was faster
          book_.acknowledged(job);
        }
      });
    }
  }
  held_.clear();
  Request request = {"XREADGROUP", "GROUP", kGroup, consumer_, "COUNT",
                     std::to_string(1 + below(kCountMax)), "BLOCK",
                     mode_ == Mode::kPatient ? "0" : std::to_string(1 + below(9))};
  const auto min_idle_ms = static_cast<int64_t>(below(8));
  if (mode_ != Mode::kNewOnly) {
    request.insert(request.end(), {"CLAIM", std::to_string(min_idle_ms)});
  }
  Keys streams = streams_;
  if (mode_ != Mode::kPatient && below(2) == 0) {
    streams = {streams_[below(streams_.size())]};
  }
  request.emplace_back("STREAMS");
  request.insert(request.end(), streams.begin(), streams.end());
  request.insert(request.end(), streams.size(), ">");
  ask(request, [this, asked_at = book_.now(), min_idle_ms](const Answer& answer) {
    take(answer, asked_at, min_idle_ms);
  });
}

void Claimant::take(const Answer& answer, int64_t asked_at, int64_t min_idle_ms) {
  if (answer.is_null()) {
    if (mode_ == Mode::kPatient) {
      fail("a wait without an end has ended");
    }
    return;
  }
  for (const Answer& stream : answer.elements) {
    if (stream.elements.size() == 2) {
      take_jobs(stream.elements[0].text, stream.elements[1].elements, asked_at, min_idle_ms);
    }
  }
  if (held_.empty()) {
    fail("XREADGROUP -> " + answer.shown());
  }
}

// What was claimed stands first, the oldest delivery before all; then what is new.
void Claimant::take_jobs(const std::string& stream, const std::vector<Answer>& jobs,
                         int64_t asked_at, int64_t min_idle_ms) {
  const size_t members = mode_ == Mode::kNewOnly ? 2 : 4;
  int64_t last_idle_ms = std::numeric_limits<int64_t>::max();
  for (const Answer& entry : jobs) {
    if (entry.elements.size() != members || entry.elements[1].elements.size() != 2) {
      fail("an entry -> " + entry.shown());
      return;
    }
    const std::string& job = entry.elements[1].elements[1].text;
    const int64_t idle_ms = members == 4 ? entry.elements[2].number : 0;
    const int64_t before = members == 4 ? entry.elements[3].number : 0;
    std::string wrong = book_.delivered(job, before, asked_at);
    if (idle_ms > last_idle_ms || (before == 0 ? idle_ms != 0 : idle_ms < min_idle_ms)) {
      wrong = "out of order, or too early, is " + entry.shown();
    }
    if (!wrong.empty()) {
      fail(wrong);
    }
    last_idle_ms = idle_ms;
    held_.push_back({stream, entry.elements[0].text, job});
  }
}

// --- the play ---

// Jobs are taken by several consumers, of whom some let jobs lie, and some leave or are killed: a
// job comes again until it is acknowledged, and somebody who waits gets it when its time has come.
void set_claims(Stage& stage) {
  using Mode = Claimant::Mode;
  const auto book = std::make_shared<JobBook>();
  const Keys streams = spread_keys(stage, "jobs", 2);
  for (const std::string& stream : streams) {
    stage.at_first.push_back({"XGROUP", "CREATE", stream, kGroup, "0", "MKSTREAM"});
  }
  int count = 0;
  const auto enter = [&](Mode mode) -> Claimant& {
    return stage.enter<Claimant>(stage.any_worker(), kUntilRetired, *book, streams,
                                 "c" + std::to_string(++count), mode);
  };
  stage.leavers = 2;
  enter(Mode::kNegligent).may_be_closed();
  enter(Mode::kNegligent).may_be_closed();
  enter(Mode::kPatient);
  enter(Mode::kPatient);
  // Where all have patience nothing but time brings back a job that was let lie.
  const bool hurry = stage.rng.below(2) == 0;
  enter(hurry ? Mode::kHurried : Mode::kPatient);
  enter(hurry ? Mode::kNewOnly : Mode::kPatient);
  for (int i = 0; i < 2; ++i) {
    stage.enter<Employer>(stage.any_worker(), stage.rounds * 2, *book, streams,
                          "e" + std::to_string(i));
  }
  stage.enter<Foreman>(stage.any_worker(), kUntilRetired, *book, streams[0]);
  const auto unseen_max = stage.leavers * streams.size() * static_cast<size_t>(kCountMax);
  stage.finale = [book, unseen_max] { return book->account(unseen_max); };
}

}  // namespace pollux
