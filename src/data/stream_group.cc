#include "src/data/stream_group.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>

#include "src/base/assert.h"
#include "src/base/slice_time.h"
#include "src/data/shard_memory.h"

namespace pollux {

namespace {

// A size class of the arena; the next is 224.
static_assert(sizeof(StreamGroup) <= 192);

// The arena gives no block of no bytes.
size_t block_for_name(size_t bytes) { return std::max<size_t>(bytes, 1); }

}  // namespace

StreamConsumer::StreamConsumer(CountedArena& arena, std::string_view name, int64_t seen_ms,
                               int64_t active_ms)
    : seen_ms_(seen_ms), active_ms_(active_ms), name_bytes_(name.size()), pending_(arena) {
  if (!name.empty()) {
    std::memcpy(reinterpret_cast<char*>(this) + sizeof(StreamConsumer), name.data(), name.size());
  }
}

StreamGroup::StreamGroup(ShardMemory& memory, std::string_view name)
    : Collection(memory),
      arena_(memory.arena()),
      name_(static_cast<char*>(arena_.allocate(block_for_name(name.size())))),
      name_bytes_(static_cast<uint32_t>(name.size())) {
  POLLUX_ASSERT(name.size() <= UINT32_MAX);
  if (!name.empty()) {
    std::memcpy(name_, name.data(), name.size());
  }
}

StreamGroup::~StreamGroup() {
  POLLUX_ASSERT(size() == 0);
  if (strays_ != nullptr) {
    strays_->~Strays();
    arena_.free(strays_, sizeof(Strays));
  }
  arena_.free(name_, block_for_name(name_bytes_));
}

size_t StreamGroup::bytes() const { return Arena::usable(sizeof(*this)) + arena_.bytes(); }

StreamGroup* StreamGroup::clone(ShardMemory& memory) const {
  StreamGroup* const copy = memory.make<StreamGroup>(name());
  copy->last_id_ = last_id_;
  copy->entries_read = entries_read;
  for (auto at = consumers_.first(); !at.at_end(); at.next()) {
    copy->add_consumer(at.key(), at.value()->seen_ms_, at.value()->active_ms_);
  }
  for (auto at = pending_.first(); !at.at_end(); at.next()) {
    StreamPending pending = at.value();
    pending.set(copy->consumer(pending.consumer()->name()), /*stray=*/false);
    copy->add(at.key(), pending);
  }
  return copy;
}

bool StreamGroup::free_some(uint64_t until) {
  const auto look_away = [](const StreamPendingTime&, Nothing) {};
  while (strays_ != nullptr && strays_->by_time.drop_leaf(look_away)) {
    if (out_of_time(until)) {
      return true;
    }
  }
  while (pending_.drop_leaf([](StreamId, StreamPending&) {})) {
    if (out_of_time(until)) {
      return true;
    }
  }
  while (!consumers_.empty()) {
    StreamConsumer* const consumer = consumers_.last().value();
    while (consumer->pending_.drop_leaf([](StreamId, Nothing) {})) {
      if (out_of_time(until)) {
        return true;
      }
    }
    consumers_.erase(consumer->name());
    free_consumer(consumer);
    if (out_of_time(until)) {
      return true;
    }
  }
  return false;
}

void StreamGroup::member_moved(Handle /*from*/, Handle /*to*/) { POLLUX_ASSERT(false); }

// --- who reads it ---

// Null if nobody does, or not any more.
inline StreamReader* StreamGroup::reader() {
  if (reader_ == 0) [[likely]] {
    return nullptr;
  }
  StreamReader* const reader = memory_.stream_reader(reader_);
  if (reader == nullptr || !reader->reads(*this)) {
    reader_ = 0;
    return nullptr;
  }
  return reader;
}

inline void StreamGroup::before_consumer(std::string_view name, const StreamConsumer* was) {
  if (StreamReader* const reader = this->reader()) {
    reader->before_consumer(*this, name, was);
  }
}

inline void StreamGroup::before_pending(StreamId id, const StreamPending* was) {
  if (StreamReader* const reader = this->reader()) {
    reader->before_pending(*this, id, was);
  }
}

inline void StreamGroup::before_id(const StreamConsumer& consumer, StreamId id, bool was_there) {
  if (StreamReader* const reader = this->reader()) {
    reader->before_id(*this, consumer, id, was_there);
  }
}

// --- consumers ---

StreamConsumer& StreamGroup::add_consumer(std::string_view name, int64_t seen_ms,
                                          int64_t active_ms) {
  before_consumer(name, nullptr);
  void* const block = arena_.allocate(sizeof(StreamConsumer) + name.size());
  StreamConsumer* const consumer = new (block) StreamConsumer(arena_, name, seen_ms, active_ms);
  consumers_.insert(consumer->name(), consumer);
  return *consumer;
}

void StreamGroup::set_seen(StreamConsumer& consumer, int64_t now_ms) {
  before_consumer(consumer.name(), &consumer);
  consumer.seen_ms_ = now_ms;
}

size_t StreamGroup::remove_consumer(StreamConsumer& consumer) {
  const size_t count = consumer.pending_.size();
  before_consumer(consumer.name(), &consumer);
  const auto forget = [this, &consumer](StreamId id, Nothing) {
    if (strays_ != nullptr || reader_ != 0) {
      const StreamPending& pending = *pending_.find(id);
      before_pending(id, &pending);
      before_id(consumer, id, true);
      if (pending.stray()) {
        strays_->by_time.erase({pending.delivered_ms_, id});
      }
    }
    pending_.erase(id);
  };
  while (consumer.pending_.drop_leaf(forget)) {
  }
  if (StreamReader* const reader = this->reader()) {
    reader->consumer_goes(*this, consumer);
  }
  consumers_.erase(consumer.name());
  free_consumer(&consumer);
  return count;
}

void StreamGroup::free_consumer(StreamConsumer* consumer) {
  const size_t bytes = sizeof(StreamConsumer) + consumer->name_bytes_;
  consumer->~StreamConsumer();
  arena_.free(consumer, bytes);
}

// --- pending entries ---

void StreamGroup::insert_id(StreamConsumer& consumer, StreamId id) {
  before_id(consumer, id, false);
  consumer.pending_.insert(id, {});
}

void StreamGroup::erase_id(StreamConsumer& consumer, StreamId id) {
  before_id(consumer, id, true);
  consumer.pending_.erase(id);
}

void StreamGroup::deliver(StreamId id, StreamConsumer& consumer, int64_t now_ms) {
  StreamPending* const known = pending_.behind_all(id) ? nullptr : pending_.find(id);
  if (known == nullptr) {
    add(id, {now_ms, 1, &consumer});
    return;
  }
  hand_over(id, *known, consumer, now_ms);
  set_deliveries(id, *known, 1);
}

StreamPending& StreamGroup::add(StreamId id, const StreamPending& pending) {
  before_pending(id, nullptr);
  const bool stray = !joins_others(id, pending.delivered_ms_);
  if (stray) {
    strays().by_time.insert({pending.delivered_ms_, id}, {});
  } else if (strays_ != nullptr) {
    strays_->others_from = pending_.empty() ? id : std::min(strays_->others_from, id);
    strays_->others_until_ms = pending.delivered_ms_;
  }
  if (pending.consumer() != nullptr) {
    insert_id(*pending.consumer(), id);
  }
  StreamPending& added = pending_.insert(id, pending);
  added.set(pending.consumer(), stray);
  return added;
}

void StreamGroup::hand_over(StreamId id, StreamPending& pending, StreamConsumer& to,
                            int64_t delivered_ms) {
  if (pending.consumer() != &to) {
    if (pending.consumer() != nullptr) {
      erase_id(*pending.consumer(), id);
    }
    insert_id(to, id);
    pending.set(&to, pending.stray());
  }
  if (pending.delivered_ms_ != delivered_ms) {
    set_delivered(id, pending, delivered_ms);
  }
}

void StreamGroup::set_deliveries(StreamId id, StreamPending& pending, uint64_t times) {
  before_pending(id, &pending);
  pending.deliveries_ = times;
}

bool StreamGroup::acknowledge(StreamId id) {
  const StreamPending* const pending = pending_.find(id);
  if (pending == nullptr) {
    return false;
  }
  before_pending(id, pending);
  erase_id(*pending->consumer(), id);
  if (pending->stray()) {
    strays_->by_time.erase({pending->delivered_ms_, id});
  }
  pending_.erase(id);
  return true;
}

// --- the order of deliveries ---

// Whether an entry that is not pending would stand behind all that are no strays, by id and time.
bool StreamGroup::joins_others(StreamId id, int64_t delivered_ms) const {
  if (pending_.empty()) {
    return true;
  }
  const int64_t until_ms = strays_ != nullptr ? strays_->others_until_ms
                                              : pending_.last().value().delivered_ms_;
  return pending_.behind_all(id) && delivered_ms >= until_ms;
}

void StreamGroup::set_delivered(StreamId id, StreamPending& pending, int64_t delivered_ms) {
  before_pending(id, &pending);
  if (pending.stray()) {
    strays_->by_time.erase({pending.delivered_ms_, id});
    strays_->by_time.insert({delivered_ms, id}, {});
  } else if (delivered_ms > pending.delivered_ms_ && id == pending_.last().key()) {
    if (strays_ != nullptr) {
      strays_->others_until_ms = std::max(strays_->others_until_ms, delivered_ms);
    }
  } else {
    strays().by_time.insert({delivered_ms, id}, {});
    pending.set(pending.consumer(), /*stray=*/true);
    // Faster than strays come, so that who wants the oldest finds few of them on his way.
    constexpr size_t kSteps = 2;
    find_others(kSteps);
  }
  pending.delivered_ms_ = delivered_ms;
}

// Requires that something is pending.
StreamGroup::Strays& StreamGroup::strays() {
  if (strays_ == nullptr) {
    strays_ = new (arena_.allocate(sizeof(Strays))) Strays(arena_);
    strays_->others_until_ms = pending_.last().value().delivered_ms_;
  }
  return *strays_;
}

// The first pending entry that is no stray, or a stray before it after so many steps; the next
// search begins there.
StreamGroup::Pending::Cursor StreamGroup::find_others(size_t steps_max) {
  if (strays_->by_time.size() == pending_.size()) {
    return pending_.from(kStreamIdMax);  // none; should there be such an id, it is a stray
  }
  Pending::Cursor at = pending_.from(strays_->others_from);
  for (; !at.at_end() && at.value().stray() && steps_max > 0; --steps_max) {
    strays_->others_from = at.key();
    at.next();
  }
  return at;
}

StreamGroup::ByTime StreamGroup::by_time() {
  if (strays_ == nullptr) {
    return {pending_.first(), std::nullopt};
  }
  return {find_others(SIZE_MAX), strays_->by_time.first()};
}

}  // namespace pollux
