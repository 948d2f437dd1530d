#include "dataplane/engine/shard_side.h"

#include "dataplane/engine/key_events.h"
#include "dataplane/engine/worker.h"

namespace pollux {

void ShardSide::listen() {
  const bool anybody = holder_->changes().enabled() || !watches_.empty() || !waits_.empty() ||
                       holder_->anybody_tracks() || holder_->config().key_events.any();
  store_.set_observer(anybody ? this : nullptr);
}

void ShardSide::watch(Watching& watching, int db, const Key& key, Instant now) {
  const Entry* entry = store_.look(db, key);
  watches_.watch(watching, db, key, entry != nullptr && entry->expired_at(now.ms()));
  listen();
}

size_t ShardSide::wait(Waiter& waiter, int db, const Key& key, uint32_t argument,
                       const Want& want) {
  const size_t bytes = waits_.add(waiter, db, key, argument, want);
  listen();
  return bytes;
}

void ShardSide::forget(uint64_t id) {
  watches_.forget(id);
  waits_.forget(id);
  listen();
}

void ShardSide::make_ready(WaitTable::Queue& queue) {
  if (!queue.ready) {
    queue.ready = true;
    holder_->serve_later(*this, queue);
  }
}

// Whoever waits for such a key is looked at in the order in which they came, as if it had changed,
// and says anew when it is to be looked at.
void ShardSide::look_again(Instant now) {
  while (next_again_ms() <= now.ms()) {
    WaitTable::Record& record = *waits_.first_again();
    waits_.set_again(record, 0);
    make_ready(*record.queue);
  }
}

void ShardSide::before(int, const Key&, const Entry*) {}

// What time or want of room has taken is a change of its own; all else is the command's.
void ShardSide::note_change(int db, const Key& key, KeyEvent event, const Entry* entry) {
  const bool by_itself = event == KeyEvent::kExpired || event == KeyEvent::kEvicted ||
                         event == KeyEvent::kHExpired;
  // A hash that has gone with its last field is told twice; no command has deleted it.
  const bool told = event == KeyEvent::kDel && entry == nullptr && gone_by_itself_ == key.hash;
  gone_by_itself_ = by_itself && entry == nullptr ? key.hash : 0;
  if (!by_itself && !told) {
    holder_->changes().changed(holder_->now());
  } else if (!told && entry == nullptr) {
    holder_->changes().removed(static_cast<uint32_t>(db), key.bytes, holder_->now());
  }
  if (holder_->changes().keeps_back()) {
    group_changed_any_ |= !holder_->gates() || group_changed_.size() == kChangePlaces;
    if (!group_changed_any_) {
      group_changed_.push_back(static_cast<uint16_t>(key.hash % kChangePlaces));
    }
    return;
  }
  last_change_ = holder_->changes().ticket();
  if (!holder_->gates()) {
    all_changed_at_ = last_change_;  // who reads when replies wait again may find any key changed
    return;
  }
  note_change_at(key.hash % kChangePlaces);
}

void ShardSide::note_change_at(size_t place) {
  if (changed_at_ == nullptr) {
    changed_at_ = std::make_unique<Ticket[]>(kChangePlaces);
  }
  changed_at_[place] = last_change_;
}

void ShardSide::end_group(Ticket ticket) {
  if (!group_changed_any_ && group_changed_.empty()) {
    return;
  }
  if (ticket != Ticket{}) {
    last_change_ = ticket;
    if (group_changed_any_) {
      all_changed_at_ = ticket;
    }
    for (const uint16_t place : group_changed_) {
      note_change_at(place);
    }
  }
  group_changed_any_ = false;
  group_changed_.clear();  // at most kChangePlaces
}

void ShardSide::field_expired(int db, const Key& key, std::string_view field) {
  holder_->changes().removed_field(static_cast<uint32_t>(db), key.bytes, field, holder_->now());
}

void ShardSide::note_change_of_all() {
  holder_->changes().changed(holder_->now());
  if (holder_->changes().keeps_back()) {
    group_changed_any_ = true;
  } else {
    last_change_ = all_changed_at_ = holder_->changes().ticket();
  }
}

void ShardSide::after(int db, const Key& key, KeyEvent event, const Entry* entry) {
  note_change(db, key, event, entry);
  const bool touches = key_event_row(event).touches;
  if (touches && !watches_.empty()) {
    watches_.touched(db, key, entry != nullptr);
  }
  if (!waits_.empty()) {
    WaitTable::Queue* queue = waits_.find(db, key);
    if (queue != nullptr && queue->wants(entry)) {
      make_ready(*queue);
    }
  }
  if (touches) {
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
  note_change_of_all();
  watches_.replacing(db, /*with=*/-1, store_, holder_->now());
  holder_->invalidate_all(store_.id());
  waits_.for_each_of(db, [this](WaitTable::Queue& queue) {
    if (queue.gone_too > 0) {
      make_ready(queue);
    }
  });
}

void ShardSide::before_swap(int a, int b) {
  note_change_of_all();
  watches_.replacing(a, b, store_, holder_->now());
  watches_.replacing(b, a, store_, holder_->now());
  for (const int db : {a, b}) {
    waits_.for_each_of(db, [this](WaitTable::Queue& queue) { make_ready(queue); });
  }
}

}  // namespace pollux
