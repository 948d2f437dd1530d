// The queue of pushes towards one worker: messages, invalidations, all that clients get unasked.
// Any worker adds at any moment, also while it runs a command over leased shards; so the order in
// the queue is one that every cause stands before its effect in. The owner takes all that is there.
//
// There is no limit on its length, because whoever adds must not wait; instead a worker that sees a
// queue crowded begins no more commands until its owner has caught up (Worker::crowded). So at most
// one turn's pushes of each worker are in it beyond kCrowdedWeight. An owner never stops taking.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/engine/payload.h"
#include "src/base/inbox.h"

namespace pollux {

class PushQueue {
 public:
  // What makes a queue crowded: bytes of payloads, and so many for each push.
  static constexpr int64_t kCrowdedWeight = 4 << 20;
  static constexpr int64_t kPushWeight = 4096;

  // --- any worker ---
  void add(Push& push);
  bool crowded() const { return weight_.load(std::memory_order_relaxed) > kCrowdedWeight; }

  // --- owner ---
  // Moves what is there now behind what was taken before.
  void take();
  // The next of those taken, or null. Its reference is the caller's.
  Push* next();
  // Nothing taken, nothing to take; the second half of a sleeper's test.
  bool empty() const { return first_ == nullptr && added_.empty(); }

 private:
  alignas(64) Inbox<Push> added_;
  // relaxed: an estimate of how far the owner is behind.
  std::atomic<int64_t> weight_{0};
  // Taken, oldest first.
  alignas(64) Push* first_ = nullptr;
  Push* last_ = nullptr;
};

}  // namespace pollux
