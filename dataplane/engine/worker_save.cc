// Snapshots, on one worker: the first one makes the cut under a lease of all shards, each walks its
// shard, a slice a turn (src/snapshot), into batches for the storage thread (save_desk.h).
#include "dataplane/engine/worker.h"
#include "src/base/time.h"

namespace pollux {

namespace {

// Of each turn. Whoever asks meanwhile waits so much longer.
constexpr double kSaveSliceUs = 100;

}  // namespace

bool Worker::wants_cut() const {
  return id_.value == 0 && engine_.save_desk() != nullptr && engine_.save_desk()->wants_cut() &&
         !loading();
}

void Worker::make_cut() {
  engine_.save_desk()->make_cut({.compress = config_->data.rdb_compression,
                                 .rules = config_->data.eviction,
                                 .at = now_},
                                Ticket{});
}

bool Worker::save_waits() const {
  return engine_.save_desk() != nullptr && engine_.save_desk()->may_walk(shard_.id());
}

bool Worker::save_slice() {
  if (!save_waits()) [[likely]] {
    return false;
  }
  // Stepped by hand, the least: a turn must not depend on the clock.
  const bool stepped = share_cycles_max_ == UINT64_MAX;
  const uint64_t until =
      stepped ? 0 : tsc() + static_cast<uint64_t>(kSaveSliceUs * tsc_per_us());
  return engine_.save_desk()->walk(shard_.id(), until);
}

}  // namespace pollux
