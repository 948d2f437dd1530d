// The parts that actors play. What each must never see is said at its class.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "tests/sim/actor.h"

namespace pollux {

using Keys = std::vector<std::string>;

// Rounds of those who go on until the others are done.
inline constexpr int kUntilRetired = std::numeric_limits<int>::max();

// Moves money among accounts by MSETs that keep the sum.
class Banker final : public Actor {
 public:
  Banker(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys accounts, int64_t sum);

 private:
  void act() override;
  Keys accounts_;
  int64_t sum_;
};

// Reads all accounts at once: the sum is one of `sums` (a SWAPDB may lie between), or, if
// `may_be_absent`, there is no account at all (a FLUSHALL).
class Auditor final : public Actor {
 public:
  Auditor(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys accounts,
          std::vector<int64_t> sums, bool may_be_absent);

 private:
  void act() override;
  void check(const Answer& answer);
  Keys accounts_;
  std::vector<int64_t> sums_;
  bool may_be_absent_;
};

// Renames a token from place to place.
class Mover final : public Actor {
 public:
  Mover(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys places);

 private:
  void act() override;
  Keys places_;
};

// Exactly one place holds the token.
class TokenWatcher final : public Actor {
 public:
  TokenWatcher(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys places);

 private:
  void act() override;
  Keys places_;
};

// Writes the same value to all keys at once, or copies one onto another.
class Equalizer final : public Actor {
 public:
  Equalizer(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys);

 private:
  void act() override;
  Keys keys_;
};

// All keys are there and hold the same value, whichever are read together.
class EqualityWatcher final : public Actor {
 public:
  EqualityWatcher(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys);

 private:
  void act() override;
  Keys keys_;
};

// Gives a command that wants all shards at once (FLUSHALL, SWAPDB).
class Grabber final : public Actor {
 public:
  Grabber(SimEngine& sim, int worker, uint64_t seed, int rounds, Request command);

 private:
  void act() override;
  Request command_;
};

// Kills others by CLIENT KILL, which tours the workers.
class Killer final : public Actor {
 public:
  Killer(SimEngine& sim, int worker, uint64_t seed, int rounds, std::vector<std::string> victims);

 private:
  void act() override;
  std::vector<std::string> victims_;  // addresses
};

// Pipelines SET first i, SET second i for rising i.
class OrderedWriter final : public Actor {
 public:
  OrderedWriter(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys);

 private:
  void act() override;
  Keys keys_;
  int64_t next_ = 1;
};

// Never sees `second` newer than a `first` that it reads later, nor either of them go back.
class OrderedReader final : public Actor {
 public:
  OrderedReader(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys);

 private:
  void act() override;
  int64_t number(const Answer& answer);
  Keys keys_;
  int64_t first_seen_ = 0;
  int64_t second_seen_ = 0;
};

// Deep pipelines of all kinds of commands on keys that nobody else touches: each reply is known
// beforehand from a map.
class Loner final : public Actor {
 public:
  // `pipeline_max`: requests at a time. The name must be this actor's alone.
  Loner(SimEngine& sim, int worker, uint64_t seed, int rounds, const std::string& name,
        int pipeline_max);

 private:
  using Data = std::map<std::string, std::string>;

  void act() override;
  void read_one();
  void write_one();
  void read_many();
  void write_many();
  void move_one();
  void tour();
  void session_command();
  void any_in_multi();
  void transaction();
  const std::string& some_key() { return keys_[below(keys_.size())]; }
  std::string some_value();
  Data& data() { return data_[db_]; }
  std::string shown(const std::string& key);

  std::string name_;
  int pipeline_max_;
  Keys keys_;
  Data data_[2];
  int db_ = 0;
  int64_t count_ = 0;
};

// Fills keys with values that follow from the key, with TTLs, and reads them:
// each is absent or whole. No write is ever refused, for there is always something to evict.
class Filler final : public Actor {
 public:
  Filler(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys);

 private:
  void act() override;
  std::string value_of(size_t key);
  Keys keys_;
};

// Pipelines INCRs of shared counters. Its replies for a counter rise; all actors' together are
// every number once.
class Counting final : public Actor {
 public:
  Counting(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys counters);
  const std::vector<std::vector<int64_t>>& numbers() const { return numbers_; }

 private:
  void act() override;
  Keys counters_;
  std::vector<std::vector<int64_t>> numbers_;  // by counter
};

}  // namespace pollux
