// Who waits for which keys of a shard, in the order they came. The records go with the hold of the
// shard, like the store; each points to a waiter (waiter.h), which may have been served or have
// left meanwhile: its number tells.
//
// A record is dropped when its waiter is served by somebody who holds the shard; else home sends
// word when the wait is over. So however many clients have waited for a key, there are records of
// those who wait now, and of those whose end is on its way here.
//
// A record may say when its key is to be looked at again though nothing has changed it (XREADGROUP
// CLAIM: an entry has been pending for long enough; or the waiter was in another's hands when the
// key changed); the shard's owner does so in its tick.
//
// Costs: a change of a key is one lookup while anybody waits on this shard for anything, and
// nothing else while nobody does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dataplane/engine/db_key.h"
#include "dataplane/engine/deadline_heap.h"
#include "dataplane/engine/lease.h"
#include "src/base/intrusive_list.h"
#include "src/data/entry.h"
#include "src/data/key.h"

namespace pollux {

class Waiter;

// What a waiter wants of a key.
struct Want {
  ValueType type = ValueType::kList;  // that it is of this type,
  bool gone_too = false;              // or that it is gone, or of another
  std::optional<ShardId> target;      // where elements of it will be moved
  int64_t again_ms = 0;  // Unix time, 0: never; then it is looked at, whatever has become of it
};

class WaitTable {
 public:
  struct Queue;
  struct ByQueue : ListLink {};
  struct ByWaiter : ListLink {};

  struct Record : ByQueue, ByWaiter {
    Queue* queue;
    Waiter* waiter;
    uint64_t id;        // of the wait
    uint32_t argument;  // of its command: the key
    Want want;
    size_t heap_place = kNotInHeap;  // among those to be looked at again

    int64_t due_ms() const { return want.again_ms; }
    bool wants(const Entry* entry) const {
      return want.gone_too || (entry != nullptr && entry->type() == want.type);
    }
  };

  // All who wait for one key, the first first.
  struct Queue {
    std::string bytes;  // of the key
    DbKey key;
    IntrusiveList<Record, ByQueue> records;
    std::array<uint32_t, 6> of_type{};  // how many want which type
    uint32_t gone_too = 0;
    uint32_t moves = 0;
    uint32_t count = 0;
    ShardSet targets;    // of all moves since there were none
    bool ready = false;  // on its way to be served: it is kept, even empty

    // Somebody has something to look for when the key is like that.
    bool wants(const Entry* entry) const {
      return gone_too > 0 ||
             (entry != nullptr && of_type[static_cast<size_t>(entry->type())] > 0);
    }
  };

  WaitTable();
  ~WaitTable();
  WaitTable(const WaitTable&) = delete;
  WaitTable& operator=(const WaitTable&) = delete;

  bool empty() const { return by_id_.empty(); }
  size_t records() const { return records_; }

  // The bytes that the record takes; 0 if this wait has one for the key already.
  size_t add(Waiter& waiter, int db, const Key& key, uint32_t argument, const Want& want);
  // All records of this wait.
  void forget(uint64_t id);
  // A record whose wait is over. May free its queue.
  void drop(Record& record);

  // When the record's key is to be looked at again; 0: not until it changes.
  void set_again(Record& record, int64_t again_ms);
  // The record that is due first; null if none ever is.
  Record* first_again() const { return again_.first(); }

  // Null if nobody waits for the key.
  Queue* find(int db, const Key& key);
  template <typename Fn>
  void for_each_of(int db, Fn fn) {
    for (auto& [key, queue] : queues_) {
      if (key.db == db) {
        fn(*queue);
      }
    }
  }
  // After a ready queue was served. Frees it if it is empty.
  void end_service(Queue& queue);

  // --- who moves elements on (BLMOVE) ---
  bool any_moves() const { return moves_ > 0; }
  // Where elements of the key may be moved by those who wait for it, in any database.
  ShardSet targets_of(const Key& key);
  // Where elements of any key may.
  const ShardSet& targets() const { return targets_; }

 private:
  struct Waits {
    IntrusiveList<Record, ByWaiter> records;
  };

  Queue& queue_of(int db, const Key& key);
  void unlink(Record& record);

  std::unordered_map<uint64_t, Waits> by_id_;
  std::unordered_map<DbKey, std::unique_ptr<Queue>, DbKeyHash> queues_;
  DeadlineHeap<Record> again_;
  size_t records_ = 0;
  size_t moves_ = 0;
  std::vector<size_t> moves_of_db_;
  ShardSet targets_;
};

}  // namespace pollux
