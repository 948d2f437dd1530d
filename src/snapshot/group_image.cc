#include "src/snapshot/group_image.h"

#include "src/base/assert.h"

namespace pollux {

namespace {

constexpr size_t kPendingAtOnce = 64;

constexpr auto look_away = [](const auto&) {};

}  // namespace

GroupImage::GroupImage(CountedArena& arena, StreamGroup& group)
    : arena_(arena), group_(group), facts_(group), pending_(arena, group.pending()) {}

bool GroupImage::write_some(RdbWriter& out, uint64_t until) {
  if (!begun_) {
    begun_ = true;
    write_rdb_group_head(group_.name(), facts_, out);
  }
  if (!pending_written_) {
    const auto was_of = [](const StreamPending& pending) {
      return PendingWas{pending.delivered_ms(), pending.deliveries()};
    };
    const auto write = [&out](StreamId id, const PendingWas& was, bool) {
      write_rdb_pending(id, was.delivered_ms, was.deliveries, out);
      return true;
    };
    if (!pending_.walk(&group_.pending(), was_of, write, kPendingAtOnce, until)) {
      return false;
    }
    pending_written_ = true;
    out.length(facts_.consumers);
  }
  while (written_ < facts_.consumers) {
    const Consumers::iterator next = next_consumer();
    POLLUX_ASSERT(next != consumers_.end());
    if (!write_consumer(next->first, *next->second, out, until)) {
      return false;
    }
    here_ = next->first;
    ++written_;
    next->second.reset();
    if (out_of_time(until)) {
      return false;
    }
  }
  return true;
}

bool GroupImage::write_consumer(std::string_view name, Consumer& consumer, RdbWriter& out,
                                uint64_t until) {
  if (!consumer.begun) {
    consumer.begun = true;
    write_rdb_consumer_head(name, consumer.seen_ms, consumer.ids.size(), out);
  }
  const auto write = [&out](StreamId id, Nothing, bool) {
    write_rdb_pending_id(id, out);
    return true;
  };
  return consumer.ids.walk(
             consumer.live == nullptr ? nullptr : &consumer.live->pending(),
             [](Nothing nothing) { return nothing; }, write, kPendingAtOnce, until) &&
         consumer.ids.clear(look_away, until);
}

// Of those that were there at the cut, by name.
GroupImage::Consumers::iterator GroupImage::next_consumer() {
  auto noted = written_ == 0 ? consumers_.begin() : consumers_.upper_bound(here_);
  while (noted != consumers_.end() && noted->second == nullptr) {
    ++noted;
  }
  auto live = written_ == 0 ? group_.consumers().first() : group_.consumers().from(here_);
  while (!live.at_end() && ((written_ > 0 && live.key() == here_) ||
                            (consumers_.contains(live.key()) &&
                             (noted == consumers_.end() || live.key() < noted->first)))) {
    live.next();
  }
  if (live.at_end() || (noted != consumers_.end() && noted->first <= live.key())) {
    return noted;
  }
  return consumers_
      .emplace(std::string(live.key()), std::make_unique<Consumer>(arena_, *live.value()))
      .first;
}

bool GroupImage::clear(uint64_t until) {
  if (!pending_.clear(look_away, until)) {
    return false;
  }
  while (!consumers_.empty()) {
    const auto first = consumers_.begin();
    if (first->second != nullptr && !first->second->ids.clear(look_away, until)) {
      return false;
    }
    consumers_.erase(first);
  }
  return true;
}

// --- what changes ---

void GroupImage::before_pending(StreamId id, const StreamPending* was) {
  if (!pending_.wants(id)) {
    return;
  }
  if (was == nullptr) {
    pending_.note_absent(id);
  } else {
    pending_.note(id, {was->delivered_ms(), was->deliveries()});
  }
}

void GroupImage::before_consumer(std::string_view name, const StreamConsumer* was) {
  changed(name, was);
}

void GroupImage::before_id(const StreamConsumer& consumer, StreamId id, bool was_there) {
  Consumer* const image = changed(consumer.name(), &consumer);
  if (image == nullptr || !image->ids.wants(id)) {
    return;
  }
  if (was_there) {
    image->ids.note(id, {});
  } else {
    image->ids.note_absent(id);
  }
}

void GroupImage::consumer_goes(const StreamConsumer& consumer) {
  Consumer* const image = changed(consumer.name(), &consumer);
  if (image != nullptr) {
    image->live = nullptr;
  }
}

// The note of a consumer, made if it is the first change; null if it is none of the cut's, or is
// written. (One that has come again under its name shares the note of the first, which wants no
// more.)
GroupImage::Consumer* GroupImage::changed(std::string_view name, const StreamConsumer* was) {
  if (written_ == facts_.consumers || (written_ > 0 && name <= here_)) {
    return nullptr;
  }
  auto found = consumers_.find(name);
  if (found == consumers_.end()) {
    found = consumers_
                .emplace(std::string(name),
                         was == nullptr ? nullptr : std::make_unique<Consumer>(arena_, *was))
                .first;
  }
  return found->second.get();
}

}  // namespace pollux
