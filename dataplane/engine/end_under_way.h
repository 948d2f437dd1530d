// The end of the server that saves, or waits until it can: at most one is under way. Whoever brings
// it about (a tour of SHUTDOWN's) knows it by its number and asks, each time, whether it is still
// his: FORCE goes before one that waits, and what is another's must be neither moved nor ended.
//
// Moved by the first worker alone; read by any thread.
//
// And the ends that signals ask for: those wait for one that is under way.
#pragma once

#include <atomic>
#include <cstdint>

#include "src/base/assert.h"

namespace pollux {

class EndUnderWay {
 public:
  enum class Step : uint8_t {
    kNone,
    kWaits,    // for the history
    kSaves,    // or is about to
    kAborted,  // and whose it is has yet to see that
  };

  Step step() const { return step_of(word_.load(std::memory_order_acquire)); }
  bool is_any() const { return step() != Step::kNone; }
  // Whether that one is under way, aborted or not.
  bool is(uint64_t number) const {
    const uint64_t word = word_.load(std::memory_order_acquire);
    return step_of(word) != Step::kNone && word >> kStepBits == number;
  }
  bool is_aborted(uint64_t number) const {
    return word_.load(std::memory_order_acquire) == word_of(number, Step::kAborted);
  }

  // ---- the first worker ----
  // A new one, never 0. One that waited is another's affair from then on, and gone.
  uint64_t begin(Step step) {
    POLLUX_ASSERT(step == Step::kWaits || step == Step::kSaves);
    ++last_;
    set(last_, step);
    return last_;
  }
  // Requires that it is under way, and not aborted.
  void save(uint64_t number) {
    POLLUX_ASSERT(is(number) && step() != Step::kAborted);
    set(number, Step::kSaves);
  }
  // False if there is none, or it is aborted already.
  bool abort() {
    const Step now = step();
    if (now != Step::kWaits && now != Step::kSaves) {
      return false;
    }
    set(last_, Step::kAborted);
    return true;
  }
  // The server goes on. Nothing, if that one is not under way.
  void end(uint64_t number) {
    if (is(number)) {
      set(0, Step::kNone);
    }
  }

 private:
  static constexpr unsigned kStepBits = 2;
  static Step step_of(uint64_t word) { return static_cast<Step>(word & ((1U << kStepBits) - 1)); }
  static uint64_t word_of(uint64_t number, Step step) {
    return number << kStepBits | static_cast<uint64_t>(step);
  }
  void set(uint64_t number, Step step) {
    word_.store(word_of(number, step), std::memory_order_seq_cst);
  }

  std::atomic<uint64_t> word_{0};
  uint64_t last_ = 0;
};

// Each signal has a number. That it has come, that its end has begun, and that it is over, is one
// number each, moved by one thread: with a flag for "asked" and one for "served", a signal between
// the two was forgotten, and the next SIGINT was taken for an insisting one, or for none.
class SignalsServed {
 public:
  // ---- the thread that takes signals ----
  void ask() { asked_.fetch_add(1, std::memory_order_seq_cst); }
  // Any thread: one has come, and its end is under way, or waits for its turn.
  bool is_any() const {
    return asked_.load(std::memory_order_seq_cst) != over_.load(std::memory_order_acquire);
  }

  // ---- the first worker ----
  // One has come whose end has not begun.
  bool waits() const { return asked_.load(std::memory_order_seq_cst) != taken_; }
  // The end of all that have come begins.
  void take() { taken_ = asked_.load(std::memory_order_seq_cst); }
  // The end of those that were taken is over, or could not come.
  void end() { over_.store(taken_, std::memory_order_release); }

 private:
  std::atomic<uint64_t> asked_{0};
  std::atomic<uint64_t> over_{0};
  uint64_t taken_ = 0;
};

}  // namespace pollux
