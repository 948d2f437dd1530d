// Where the workers and the thread of the append-only history speak to each other, beside the
// journal: that thread reads no configuration, so what holds from now on is told it here, and
// rewrites are asked for. What it does stands in the control page (AofBlock).
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "dataplane/engine/config.h"
#include "src/base/inbox.h"
#include "src/base/types.h"

namespace pollux {

// What others ask of one thread, and what became of it (Outcome{}: nobody knows yet). Each asking
// has a number, and nothing else is told by it; who has asked for one that was left out, or does
// not look before the next, goes by the outcome of the next.
template <typename Outcome>
class Asked {
 public:
  // Its number.
  uint64_t ask() { return asked_.fetch_add(1, std::memory_order_relaxed) + 1; }
  Outcome outcome(uint64_t number) const {
    const uint64_t told = told_.load(std::memory_order_relaxed);
    return told / kOutcomes < number ? Outcome{} : static_cast<Outcome>(told % kOutcomes);
  }

  // --- the thread ---
  // The number of the last that was asked for; 0: what became of it was told. Any thread.
  uint64_t due() const {
    const uint64_t asked = asked_.load(std::memory_order_relaxed);
    return asked == told_.load(std::memory_order_relaxed) / kOutcomes ? 0 : asked;
  }
  void tell(uint64_t number, Outcome outcome) {
    told_.store(number * kOutcomes + static_cast<uint64_t>(outcome), std::memory_order_relaxed);
  }

 private:
  static constexpr uint64_t kOutcomes = 8;  // at most
  std::atomic<uint64_t> asked_{0};
  std::atomic<uint64_t> told_{0};  // the number, and the outcome
};

class AofDesk {
 public:
  struct Wishes {
    bool on = false;  // there is to be a history
    // It was turned off, too, since the last that was taken: what there is to be begins anew.
    bool was_off = false;
    AofConfig aof;
    // of the files that are bases
    bool compress = true;
    bool checksum = true;
    int64_t key_delay_ns = 0;
    std::string redis_version;
    bool operator==(const Wishes&) const = default;
  };

  AofDesk() = default;
  ~AofDesk() { take(); }  // what nobody has taken
  AofDesk(const AofDesk&) = delete;
  AofDesk& operator=(const AofDesk&) = delete;

  // How the thread is woken, from any thread. Before threads start.
  void set_waker(std::function<void()> waker) { waker_ = std::move(waker); }

  // --- the first worker, who sees all versions of the configuration in order ---
  // Nothing, if it has told the same before.
  void tell(const Config& config);
  // Whether a history could be begun now: its first files are made, and removed. The number of this
  // trial.
  uint64_t ask_trial();
  enum class Trial : uint8_t { kUnderWay, kCan, kCant };
  Trial trial(uint64_t number) const { return trials_.outcome(number); }
  // Something has changed that the thread looks at by itself (SaveDesk::under_way). Any thread.
  void wake();
  // False if there is no thread that would try.
  bool is_served() const { return waker_ != nullptr; }
  // The data is another from now on than the history tells of: a rewrite whose cut is behind
  // `drawn`, the last ticket, is to succeed.
  void ask_anew(Ticket drawn);
  // None has yet: the history tells of other data. Any thread.
  bool owes_anew() const { return anew_.load(std::memory_order_acquire) != 0; }
  // Of a rewrite that was asked for.
  enum class Rewrite : uint8_t {
    kUnderWay,  // it is not known yet
    kStarted,
    kScheduled,  // it begins when a save, a load or an end that saves is over
    kAlready,    // one is under way
    kCant,       // its first file can't be made
  };
  // Its number, by which whoever asks looks until he has its outcome. 0: another one's is yet to
  // come, or to be looked at, so it is asked for again later.
  uint64_t ask_rewrite();
  Rewrite rewrite(uint64_t number);
  // One that nobody waits for. Nothing, if one is about to begin.
  void schedule_rewrite();

  // --- the thread ---
  // The newest that came since the last call; none if nothing did.
  std::optional<Wishes> take();
  uint64_t trial_due() const { return trials_.due(); }
  void end_trial(uint64_t number, bool can) {
    trials_.tell(number, can ? Trial::kCan : Trial::kCant);
  }
  uint64_t rewrite_due() const { return rewrites_.due(); }
  void tell_rewrite(uint64_t number, Rewrite outcome) { rewrites_.tell(number, outcome); }
  // Of ask_anew; none: nothing is owed.
  std::optional<Ticket> anew() const {
    const uint64_t anew = anew_.load(std::memory_order_relaxed);
    return anew == 0 ? std::nullopt : std::optional(Ticket{anew - 1});
  }
  // It has succeeded. Nothing, if it was asked for again meanwhile.
  void end_anew(Ticket drawn);

 private:
  struct Letter {
    Wishes wishes;
    Letter* next = nullptr;
  };

  std::function<void()> waker_;
  Inbox<Letter> letters_;
  std::optional<Wishes> told_;     // the first worker's
  uint64_t looked_for_ = 0;        // likewise: whose outcome is yet to be looked at; 0: nobody's
  std::atomic<uint64_t> anew_{0};  // one more than the ticket; 0: not
  Asked<Trial> trials_;
  Asked<Rewrite> rewrites_;
};

}  // namespace pollux
