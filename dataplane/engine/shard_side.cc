#include "dataplane/engine/shard_side.h"

#include "dataplane/engine/key_events.h"
#include "dataplane/engine/worker.h"

namespace pollux {

void ShardSide::listen() {
  const bool anybody = holder_->changes().enabled() || !watches_.empty() ||
                        holder_->anybody_tracks() || holder_->config().key_events.any();
  store_.set_observer(anybody ? this : nullptr);
}

void ShardSide::watch(Watching& watching, int db, const Key& key, Instant now) {
  const Entry* entry = store_.look(db, key);
  watches_.watch(watching, db, key, entry != nullptr && entry->expired_at(now.ms()));
  listen();
}

void ShardSide::forget_watches(uint64_t id) {
  watches_.forget(id);
  listen();
}

void ShardSide::before(int, const Key&, const Entry*) {}

void ShardSide::after(int db, const Key& key, KeyEvent event, const Entry* entry) {
  holder_->changes().changed();
  if (key_event_row(event).touches) {
    if (!watches_.empty()) {
      watches_.touched(db, key, entry != nullptr);
    }
    holder_->invalidate(store_.id(), key.bytes);
  }
  if (holder_->config().key_events.any()) {
    tell_key_event(*holder_, topics_, db, key.bytes, event);
  }
}

void ShardSide::added(int db, const Key& key) {
  if (holder_->config().key_events.any()) {
    tell_key_event(*holder_, topics_, db, key.bytes, KeyEvent::kNew);
  }
}

void ShardSide::missed(int db, const Key& key) {
  if (holder_->config().key_events.any()) {
    tell_key_event(*holder_, topics_, db, key.bytes, KeyEvent::kKeyMiss);
  }
}

void ShardSide::before_flush(int db) {
  holder_->changes().changed();
  watches_.replacing(db, /*with=*/-1, store_, holder_->now());
  holder_->invalidate_all(store_.id());
}

void ShardSide::before_swap(int a, int b) {
  holder_->changes().changed();
  watches_.replacing(a, b, store_, holder_->now());
  watches_.replacing(b, a, store_, holder_->now());
}

}  // namespace pollux
