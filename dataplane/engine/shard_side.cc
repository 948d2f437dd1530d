#include "dataplane/engine/shard_side.h"

#include "dataplane/engine/worker.h"

namespace pollux {

void ShardSide::listen() {
  const bool anybody = holder_->changes().enabled();
  store_.set_observer(anybody ? this : nullptr);
}

void ShardSide::before(int, const Key&, const Entry*) {}

void ShardSide::after(int, const Key&, KeyEvent, const Entry*) {
  holder_->changes().changed();
}

void ShardSide::before_flush(int) { holder_->changes().changed(); }

void ShardSide::before_swap(int, int) { holder_->changes().changed(); }

}  // namespace pollux
