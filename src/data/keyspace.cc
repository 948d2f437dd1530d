#include "src/data/keyspace.h"

#include <algorithm>

#include "src/base/assert.h"
#include "src/base/hash.h"
#include "src/data/hash_value.h"

namespace pollux {

void Keyspace::bind_leased(std::span<const uint64_t> held, int db, Instant now, bool touching) {
  POLLUX_ASSERT(held.size() <= std::size(held_));
  single_ = nullptr;
  std::fill(std::copy(held.begin(), held.end(), held_), std::end(held_), 0);
  db_ = db;
  touching_ = touching;
  set_now(now);
}

int Keyspace::databases() const {
  return stores_.front()->databases();
}

ShardStore& Keyspace::store_of(const Key& key) {
  if (single_ != nullptr) [[likely]] {
    return *single_;
  }
  const size_t shard = shard_of_slot(key_slot(key.bytes), stores_.size()).value;
  POLLUX_ASSERT(holds(shard));
  return *stores_[shard];
}

const Entry* Keyspace::lookup(int db, const Key& key, bool touch) {
  ShardStore& store = store_of(key);
  KeyTable::Position position = store.find(store.database(db), key);
  Entry* entry = nullptr;
  if (position) {
    entry = store.entry_at(position.handle());
    if (entry->has_timer() && !replaying_) [[unlikely]] {
      const bool there = frozen_ ? !entry->expired_at(now_.ms())
                                 : store.settle(db, key, position, now_.ms());
      entry = there ? store.entry_at(position.handle()) : nullptr;
      if (frozen_ && there && entry->fields_due_at(now_.ms())) {
        hide_hash_fields(*entry, ended_ms());
      }
    }
  }
  if (touch) {
    if (entry != nullptr) {
      ++stats_.hits;
      if (touching_) {
        entry->set_stamp(stamps_.next(entry->stamp()));
      }
    } else {
      count_miss(key);
    }
  }
  return entry;
}

void Keyspace::count_miss(const Key& key) {
  ++stats_.misses;
  const ShardStore& store = store_of(key);
  if (store.observer_ != nullptr) {
    store.observer_->missed(db_, key);
  }
}

void Keyspace::swap_databases(int a, int b) {
  for (size_t i = 0; i < stores_.size(); ++i) {
    POLLUX_ASSERT(holds(i));
    stores_[i]->swap_databases(a, b);
  }
  ++stores_.front()->stats().changes;  // one, whatever there was to swap
}

}  // namespace pollux
