// Parts of transactions (parts.h has the others).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/sim/actor.h"
#include "tests/sim/linear.h"
#include "tests/sim/parts.h"

namespace pollux {

// Moves money between two accounts as programs do it: WATCH, read, MULTI, write what follows from
// what was read, EXEC, and again if somebody came between. With each move it raises a number the
// same way; all movers' numbers together are every number once, or an update was lost.
class WatchfulBanker final : public Actor {
 public:
  WatchfulBanker(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys accounts,
                 std::string number);
  const std::vector<int64_t>& numbers() const { return numbers_; }

 private:
  void act() override;
  void read();
  void write();
  Keys accounts_;
  std::string number_key_;
  std::vector<int64_t> numbers_;
  size_t from_ = 0;
  size_t to_ = 0;
  int64_t from_amount_ = 0;
  int64_t to_amount_ = 0;
  int64_t number_ = 0;
  bool has_read_ = false;
};

// Reads all accounts twice in one transaction, with something between that visits every worker: the
// two are equal, and their sum is `sum`.
class TwiceReader final : public Actor {
 public:
  TwiceReader(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys accounts, int64_t sum);

 private:
  void act() override;
  void check(const Answer& answer);
  Keys accounts_;
  int64_t sum_;
};

// Watches some keys, reads them, and reads them again by EXEC: whatever became of them between, it
// does not get values that differ from what it has read.
class Suspicious final : public Actor {
 public:
  Suspicious(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys);

 private:
  void act() override;
  Keys keys_;
  std::string seen_;
  bool watching_ = false;
  Keys watched_;
};

// Changes keys in all ways there are, to values that never come again.
class Meddler final : public Actor {
 public:
  // The name must be this actor's alone.
  Meddler(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys, std::string name);

 private:
  void act() override;
  void meddle();
  std::string fresh() { return name_ + std::to_string(++count_); }
  const std::string& some_key() { return keys_[below(keys_.size())]; }
  void ask_anything(const Request& request) { ask(request, [](const Answer&) {}); }
  Keys keys_;
  std::string name_;
  int64_t count_ = 0;
};

// Does things to few keys that many others use, and keeps the record for linear.h.
class Historian final : public Actor {
 public:
  // `moment` is raised with everything that begins or ends, over all historians.
  Historian(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys keys,
            std::atomic<uint64_t>& moment, std::string name);
  const std::vector<LinearOperation>& history() const { return history_; }

 private:
  using Kind = LinearStep::Kind;
  void act() override;
  void one();
  void several(bool write);
  void multi();
  LinearStep any_step();
  LinearOperation& begin(std::vector<LinearStep> steps);
  TestClient::Check end(std::function<void(LinearOperation&, const Answer&)> note);
  Keys keys_;
  std::atomic<uint64_t>& moment_;
  std::string name_;
  int64_t count_ = 0;
  std::vector<LinearOperation> history_;
};

}  // namespace pollux
