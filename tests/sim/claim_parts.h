// Parts about XREADGROUP CLAIM: jobs in streams, and workers of one group who take new ones and
// those that others have let lie. Every job has a name that never comes again.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/parts.h"

namespace pollux {

// What all who work on the jobs of one play know together. Any thread.
class JobBook {
 public:
  void added(const std::string& job);
  // Of all that has happened; what is written down later is greater.
  int64_t now();
  // Somebody got it, by a request sent at `asked_at`; `before`: how often it had been delivered
  // then, as he was told. Says what is wrong with that.
  std::string delivered(const std::string& job, int64_t before, int64_t asked_at);
  void acknowledged(const std::string& job);
  // Nobody adds any more, and all is acknowledged.
  bool complete();
  // Every job was delivered, its deliveries were counted one by one, and at most `unseen_max` of
  // them were seen by nobody (they were on their way to who left).
  std::string account(size_t unseen_max);

  std::atomic<int> adding{0};   // who is not done with that
  std::atomic<int> patient{0};  // who would wait for ever

 private:
  struct Job {
    std::set<int64_t> seen;        // what `before` was
    int64_t acknowledged_at = 0;  // 0: not yet
  };

  std::mutex mutex_;
  std::map<std::string, Job> jobs_;
  size_t open_ = 0;
  int64_t now_ = 0;
};

// Adds jobs to the streams.
class Employer final : public Actor {
 public:
  // The name must be this actor's alone.
  Employer(SimEngine& sim, int worker, uint64_t seed, int rounds, JobBook& book, Keys streams,
           std::string name);

 private:
  void act() override;
  Request add(const std::string& stream);
  JobBook& book_;
  Keys streams_;
  std::string name_;
  int64_t count_ = 0;
  int acts_left_;
};

// Takes jobs, and acknowledges most of them; the others it lets lie.
class Claimant final : public Actor {
 public:
  enum class Mode : uint8_t {
    kPatient,   // waits for ever, on all streams
    kHurried,   // for a short time, on some
    kNewOnly,   // the same, without CLAIM
    kNegligent, // hurried, and acknowledges nothing
  };

  Claimant(SimEngine& sim, int worker, uint64_t seed, int rounds, JobBook& book, Keys streams,
           std::string consumer, Mode mode);

 private:
  void act() override;
  void take(const Answer& answer, int64_t asked_at, int64_t min_idle_ms);
  void take_jobs(const std::string& stream, const std::vector<Answer>& jobs, int64_t asked_at,
                 int64_t min_idle_ms);
  JobBook& book_;
  Keys streams_;
  std::string consumer_;
  Mode mode_;
  struct Held {
    std::string stream, id, job;
  };
  std::vector<Held> held_;
};

// When all is done it adds jobs that mean nothing, until no patient one waits any more.
class Foreman final : public Actor {
 public:
  Foreman(SimEngine& sim, int worker, uint64_t seed, int rounds, JobBook& book, std::string stream);

 private:
  void act() override;
  JobBook& book_;
  std::string stream_;
  int64_t count_ = 0;
};

}  // namespace pollux
