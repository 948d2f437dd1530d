#include "dataplane/engine/shard_side.h"

#include "dataplane/engine/worker.h"

namespace pollux {

void ShardSide::listen() {
  const bool anybody = holder_->changes().enabled() || holder_->anybody_tracks();
  store_.set_observer(anybody ? this : nullptr);
}

void ShardSide::before(int, const Key&, const Entry*) {}

void ShardSide::after(int, const Key& key, KeyEvent, const Entry*) {
  holder_->changes().changed();
  holder_->invalidate(store_.id(), key.bytes);
}

void ShardSide::before_flush(int) {
  holder_->changes().changed();
  holder_->invalidate_all(store_.id());
}

void ShardSide::before_swap(int, int) { holder_->changes().changed(); }

}  // namespace pollux
