// A consumer group: how far it has read its stream, who reads, and what has been delivered and is
// not acknowledged yet.
//
//   pending     of the group, by id: when, how often, to whom
//   consumers   by name; each has the ids that are pending with it
//   strays      by time, the ids that are pending and do not stand in the order of deliveries: what
//               was claimed, mostly. Of all others, ids and times ascend together, so that the
//               oldest delivery (XREADGROUP CLAIM) is the first of these or the first stray
//
// Every id that is pending stands once in the group and once with its consumer. A group is an
// object of its own in the arena, so that one with millions of pending entries is freed in slices
// whether it goes alone or with its stream. Belongs to the holder of the shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "src/data/collection.h"
#include "src/data/counted_arena.h"
#include "src/data/ordered_tree.h"
#include "src/data/pre_images.h"
#include "src/data/stream_id.h"

namespace pollux {

// From one Unix time to the other; 0 if the clock was put back meanwhile. Whatever times a dump
// came with.
inline int64_t ms_since(int64_t then_ms, int64_t now_ms) {
  int64_t ms = 0;
  return __builtin_sub_overflow(now_ms, then_ms, &ms) ? INT64_MAX : ms < 0 ? 0 : ms;
}

// Stands in the group's memory with its name behind it.
class StreamConsumer {
 public:
  std::string_view name() const {
    return {reinterpret_cast<const char*>(this) + sizeof(StreamConsumer), name_bytes_};
  }
  using Ids = OrderedTree<StreamId, Nothing>;
  const Ids& pending() const { return pending_; }
  static constexpr int64_t kNever = -1;
  // Unix times: when it last asked for something, and when it last got an entry to acknowledge.
  int64_t seen_ms() const { return seen_ms_; }
  int64_t active_ms() const { return active_ms_; }  // kNever: not yet

 private:
  friend class StreamGroup;
  StreamConsumer(CountedArena& arena, std::string_view name, int64_t seen_ms, int64_t active_ms);

  int64_t seen_ms_;
  int64_t active_ms_;
  const size_t name_bytes_;
  Ids pending_;
};

// An entry that was delivered and not acknowledged.
class StreamPending {
 public:
  StreamPending(int64_t delivered_ms, uint64_t times, StreamConsumer* consumer)
      : deliveries_(times),
        delivered_ms_(delivered_ms),
        consumer_(reinterpret_cast<uintptr_t>(consumer)) {}

  int64_t delivered_ms() const { return delivered_ms_; }  // Unix time
  int64_t idle_ms(int64_t now_ms) const { return ms_since(delivered_ms_, now_ms); }
  StreamConsumer* consumer() const {
    return reinterpret_cast<StreamConsumer*>(consumer_ & ~kStray);
  }

  uint64_t deliveries() const { return deliveries_; }

 private:
  friend class StreamGroup;  // which keeps the order of times, and what is pending with whom
  static constexpr uintptr_t kStray = 1;  // no address is odd
  bool stray() const { return (consumer_ & kStray) != 0; }
  void set(StreamConsumer* consumer, bool stray) {
    consumer_ = reinterpret_cast<uintptr_t>(consumer) | (stray ? kStray : 0);
  }

  uint64_t deliveries_;
  int64_t delivered_ms_;
  uintptr_t consumer_;
};

// What is pending, in the order of its last delivery.
struct StreamPendingTime {
  int64_t delivered_ms;
  StreamId id;

  friend bool operator==(const StreamPendingTime&, const StreamPendingTime&) = default;
  friend bool operator<(const StreamPendingTime& a, const StreamPendingTime& b) {
    return a.delivered_ms != b.delivered_ms ? a.delivered_ms < b.delivered_ms : a.id < b.id;
  }
};

// A place behind an entry of a stream, to go on from without a search. Stream::walk_on says when
// it still holds; none to begin with.
struct StreamPlace {
  uint32_t block = 0;   // its serial
  uint32_t offset = 0;  // from the block's first entry
};

class StreamGroup final : public Collection {
 public:
  static constexpr int64_t kUnknown = -1;

  // By ShardMemory::make.
  StreamGroup(ShardMemory& memory, std::string_view name);
  ~StreamGroup() override;  // Requires that it was freed (free_some).

  size_t size() const override { return pending_.size() + consumers_.size(); }
  size_t bytes() const override;
  StreamGroup* clone(ShardMemory& memory) const override;
  bool free_some(uint64_t until) override;
  void member_moved(Handle from, Handle to) override;  // Never: it has no members.

  std::string_view name() const { return {name_, name_bytes_}; }

  // The last entry that was delivered to anybody.
  StreamId last_id() const { return last_id_; }
  void set_last_id(StreamId id) {
    last_id_ = id;
    place = {};
  }
  // The same for the entry that `place` is set behind.
  void read_on_to(StreamId id) { last_id_ = id; }
  StreamPlace place;                // behind last_id(), if known
  int64_t entries_read = kUnknown;  // how many of all entries ever added came up to last_id()

  // Changes of consumers and of what is pending are told to this reader (pre_images.h).
  void be_read(ReaderId reader) { reader_ = reader; }

  // --- consumers ---
  using Consumers = OrderedTree<std::string_view, StreamConsumer*>;
  const Consumers& consumers() const { return consumers_; }
  // Null if there is none.
  StreamConsumer* consumer(std::string_view name) const {
    StreamConsumer* const* found = consumers_.find(name);
    return found == nullptr ? nullptr : *found;
  }
  // Requires that there is none of this name.
  StreamConsumer& add_consumer(std::string_view name, int64_t seen_ms,
                               int64_t active_ms = StreamConsumer::kNever);
  void set_seen(StreamConsumer& consumer, int64_t now_ms);
  // Told to nobody: no file that we write has this time.
  void set_active(StreamConsumer& consumer, int64_t now_ms) { consumer.active_ms_ = now_ms; }
  // What is pending with it is forgotten; returns how many these were.
  size_t remove_consumer(StreamConsumer& consumer);

  // --- pending entries ---
  using Pending = OrderedTree<StreamId, StreamPending>;
  const Pending& pending() const { return pending_; }
  StreamPending* find(StreamId id) const { return pending_.find(id); }
  // Pending with `consumer` from here on, delivered once, whether it was pending or not.
  void deliver(StreamId id, StreamConsumer& consumer, int64_t now_ms);
  // Requires that it is not pending. One without a consumer (a dump names them later) must be
  // handed over before anything else is asked of the group.
  StreamPending& add(StreamId id, const StreamPending& pending);
  // To `to`, who may have it already, as delivered at `delivered_ms`. `pending` is the entry of
  // `id`.
  void hand_over(StreamId id, StreamPending& pending, StreamConsumer& to, int64_t delivered_ms);
  // `pending` is the entry of `id`.
  void set_deliveries(StreamId id, StreamPending& pending, uint64_t times);
  // False if it was not pending.
  bool acknowledge(StreamId id);

  // All that is pending, the oldest delivery first; until the group's next change. at_end() may
  // have to pass by many strays, once: who has enough asks for no more.
  class ByTime;
  ByTime by_time();

 private:
  struct Strays {
    explicit Strays(CountedArena& arena) : by_time(arena) {}
    OrderedTree<StreamPendingTime, Nothing> by_time;
    // Of the pending entries that are no strays: none has an id before, none was delivered behind.
    StreamId others_from;
    int64_t others_until_ms = INT64_MIN;
  };

  // --- who reads it ---
  // See StreamReader.
  StreamReader* reader();
  void before_consumer(std::string_view name, const StreamConsumer* was);
  void before_pending(StreamId id, const StreamPending* was);
  void before_id(const StreamConsumer& consumer, StreamId id, bool was_there);

  void insert_id(StreamConsumer& consumer, StreamId id);
  void erase_id(StreamConsumer& consumer, StreamId id);
  void free_consumer(StreamConsumer* consumer);
  bool joins_others(StreamId id, int64_t delivered_ms) const;
  void set_delivered(StreamId id, StreamPending& pending, int64_t delivered_ms);
  Strays& strays();
  Pending::Cursor find_others(size_t steps_max);

  CountedArena arena_;
  char* name_;
  uint32_t name_bytes_;
  ReaderId reader_ = 0;
  StreamId last_id_;
  Pending pending_{arena_};
  Consumers consumers_{arena_};
  Strays* strays_ = nullptr;  // in the arena; null: there never was one
};

class StreamGroup::ByTime {
 public:
  bool at_end() {
    while (!other_.at_end() && other_.value().stray()) {
      other_.next();
    }
    return other_.at_end() && !has_stray();
  }
  // These require that at_end() was asked, and false.
  StreamPendingTime key() const { return at_stray() ? stray_->key() : other_key(); }
  void next() {
    if (at_stray()) {
      stray_->next();
    } else {
      other_.next();
    }
  }

 private:
  friend class StreamGroup;
  using Strayed = OrderedTree<StreamPendingTime, Nothing>::Cursor;
  ByTime(Pending::Cursor other, std::optional<Strayed> stray) : other_(other), stray_(stray) {}
  bool has_stray() const { return stray_ && !stray_->at_end(); }
  StreamPendingTime other_key() const { return {other_.value().delivered_ms(), other_.key()}; }
  bool at_stray() const {
    return has_stray() && (other_.at_end() || stray_->key() < other_key());
  }

  Pending::Cursor other_;
  std::optional<Strayed> stray_;
};

}  // namespace pollux
