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

namespace pollux {

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
  Trial trial(uint64_t number) const;
  // Something has changed that the thread looks at by itself (SaveDesk::under_way). Any thread.
  void wake();
  // False if there is no thread that would try.
  bool is_served() const { return waker_ != nullptr; }
  // Of a rewrite that was asked for. Any worker.
  enum class Rewrite : uint8_t {
    kUnderWay,   // it is not known yet
    kStarted,
    kScheduled,  // it begins when a save has ended
    kAlready,    // one is under way
    kCant,       // its first file can't be made
  };
  // Its number.
  uint64_t ask_rewrite();
  Rewrite rewrite(uint64_t number) const;

  // --- the thread ---
  // The newest that came since the last call; none if nothing did.
  std::optional<Wishes> take();
  // The number of the trial, the rewrite that was asked for last; 0: what became of it was told.
  uint64_t trial_due() const;
  void end_trial(uint64_t number, bool can);
  uint64_t rewrite_due() const;
  void tell_rewrite(uint64_t number, Rewrite outcome);

 private:
  struct Letter {
    Wishes wishes;
    Letter* next = nullptr;
  };

  std::function<void()> waker_;
  Inbox<Letter> letters_;
  std::optional<Wishes> told_;  // the first worker's
  // Numbers, each counted on by one side: nothing else is told by them. The lowest bits of the
  // second of two: what became of it. Who has asked for one that was left out goes by the outcome
  // of the next.
  std::atomic<uint64_t> trials_asked_{0};
  std::atomic<uint64_t> trials_ended_{0};
  std::atomic<uint64_t> rewrites_asked_{0};
  std::atomic<uint64_t> rewrites_told_{0};
};

}  // namespace pollux
