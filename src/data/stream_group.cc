#include "src/data/stream_group.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

#include "src/base/assert.h"
#include "src/base/time.h"
#include "src/data/shard_memory.h"

namespace pollux {

namespace {

// A size class of the arena; the next is 224.
static_assert(sizeof(StreamGroup) <= 192);

// The arena gives no block of no bytes.
size_t block_for_name(size_t bytes) { return std::max<size_t>(bytes, 1); }

bool out_of_time(uint64_t until) { return until != UINT64_MAX && tsc() >= until; }

}  // namespace

StreamConsumer::StreamConsumer(CountedArena& arena, std::string_view name, int64_t now_ms)
    : seen_ms(now_ms), name_bytes_(name.size()), pending_(arena) {
  if (!name.empty()) {
    std::memcpy(reinterpret_cast<char*>(this) + sizeof(StreamConsumer), name.data(), name.size());
  }
}

StreamGroup::StreamGroup(ShardMemory& memory, std::string_view name)
    : Collection(memory),
      arena_(memory.arena()),
      name_(static_cast<char*>(arena_.allocate(block_for_name(name.size())))),
      name_bytes_(name.size()) {
  if (!name.empty()) {
    std::memcpy(name_, name.data(), name.size());
  }
}

StreamGroup::~StreamGroup() {
  POLLUX_ASSERT(size() == 0);
  if (by_time_ != nullptr) {
    by_time_->~ByTime();
    arena_.free(by_time_, sizeof(ByTime));
  }
  arena_.free(name_, block_for_name(name_bytes_));
}

size_t StreamGroup::bytes() const { return Arena::usable(sizeof(*this)) + arena_.bytes(); }

StreamGroup* StreamGroup::clone(ShardMemory& memory) const {
  StreamGroup* const copy = memory.make<StreamGroup>(name());
  copy->last_id_ = last_id_;
  copy->entries_read = entries_read;
  for (auto at = consumers_.first(); !at.at_end(); at.next()) {
    copy->add_consumer(at.key(), at.value()->seen_ms);
  }
  for (auto at = pending_.first(); !at.at_end(); at.next()) {
    StreamPending pending = at.value();
    pending.consumer_ = copy->consumer(pending.consumer_->name());
    copy->add(at.key(), pending);
  }
  return copy;
}

bool StreamGroup::free_some(uint64_t until) {
  while (by_time_ != nullptr && by_time_->drop_leaf([](const StreamPendingTime&, Nothing) {})) {
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

// --- consumers ---

StreamConsumer& StreamGroup::add_consumer(std::string_view name, int64_t now_ms) {
  void* const block = arena_.allocate(sizeof(StreamConsumer) + name.size());
  StreamConsumer* const consumer = new (block) StreamConsumer(arena_, name, now_ms);
  consumers_.insert(consumer->name(), consumer);
  return *consumer;
}

size_t StreamGroup::remove_consumer(StreamConsumer& consumer) {
  const size_t count = consumer.pending_.size();
  const auto forget = [this](StreamId id, Nothing) {
    if (by_time_ != nullptr) {
      leave_order(id, *pending_.find(id));
    }
    pending_.erase(id);
  };
  while (consumer.pending_.drop_leaf(forget)) {
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

void StreamGroup::deliver(StreamId id, StreamConsumer& consumer, int64_t now_ms) {
  StreamPending* const known = pending_.behind_all(id) ? nullptr : pending_.find(id);
  if (known == nullptr) {
    add(id, {now_ms, 1, &consumer});
    return;
  }
  hand_over(id, *known, consumer, now_ms);
  known->deliveries = 1;
}

StreamPending& StreamGroup::add(StreamId id, const StreamPending& pending) {
  if (pending.consumer_ != nullptr) {
    pending.consumer_->pending_.insert(id, {});
  }
  if (by_time_ != nullptr) {
    by_time_->insert({pending.delivered_ms_, id}, {});
  }
  return pending_.insert(id, pending);
}

void StreamGroup::hand_over(StreamId id, StreamPending& pending, StreamConsumer& to,
                            int64_t delivered_ms) {
  if (pending.consumer_ != &to) {
    if (pending.consumer_ != nullptr) {
      pending.consumer_->pending_.erase(id);
    }
    to.pending_.insert(id, {});
    pending.consumer_ = &to;
  }
  if (by_time_ != nullptr && pending.delivered_ms_ != delivered_ms) {
    leave_order(id, pending);
    by_time_->insert({delivered_ms, id}, {});
  }
  pending.delivered_ms_ = delivered_ms;
}

bool StreamGroup::acknowledge(StreamId id) {
  const StreamPending* const pending = pending_.find(id);
  if (pending == nullptr) {
    return false;
  }
  pending->consumer_->pending_.erase(id);
  leave_order(id, *pending);
  pending_.erase(id);
  return true;
}

// Adds all that is pending to the order, as long as times and ids go together, which they mostly
// do; false if they don't.
bool StreamGroup::add_in_order() {
  for (auto at = pending_.first(); !at.at_end(); at.next()) {
    const StreamPendingTime pending{at.value().delivered_ms_, at.key()};
    if (!by_time_->behind_all(pending)) {
      return false;
    }
    by_time_->insert(pending, {});
  }
  return true;
}

const StreamGroup::ByTime& StreamGroup::by_time() {
  if (by_time_ != nullptr) {
    return *by_time_;
  }
  by_time_ = new (arena_.allocate(sizeof(ByTime))) ByTime(arena_);
  if (add_in_order()) {
    return *by_time_;
  }
  by_time_->clear();
  std::vector<StreamPendingTime> order;
  order.reserve(pending_.size());
  for (auto at = pending_.first(); !at.at_end(); at.next()) {
    order.push_back({at.value().delivered_ms_, at.key()});
  }
  std::sort(order.begin(), order.end());
  for (const StreamPendingTime& pending : order) {
    by_time_->insert(pending, {});
  }
  return *by_time_;
}

}  // namespace pollux
