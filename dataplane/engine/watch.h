// WATCH, as a shard keeps it: who watches which of its keys, and whether one of them has changed
// since. The records go with the hold of the shard, like the store; a watcher is named by a number
// (Watching::id) that its session never uses again after EXEC, DISCARD or UNWATCH, so that a late
// message about an old one can't meet a new one.
//
// The rules are redis-server's. A key is touched by any change of it, its expiry and its eviction
// too, whoever makes it. A key that was already due when it was watched counts as absent: its
// removal is no change. The first touch of a watcher decides, so its records go at once.
//
// Costs: a change of a key is one lookup while anybody watches anything on this shard, and nothing
// else while nobody does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dataplane/engine/db_key.h"
#include "src/base/intrusive_list.h"
#include "src/data/key.h"
#include "src/data/shard_store.h"

namespace pollux {

// What a session knows of its watches, and what travels with WATCH to where the keys are.
struct Watching {
  uint64_t id = 0;     // 0: none
  uint32_t keys = 0;   // different ones
  uint64_t bytes = 0;  // about what their records take

  void add(const Watching& more) {
    keys += more.keys;
    bytes += more.bytes;
  }
};

class WatchTable {
 public:
  WatchTable();
  ~WatchTable();
  WatchTable(const WatchTable&) = delete;
  WatchTable& operator=(const WatchTable&) = delete;

  bool empty() const { return watchers_.empty(); }
  size_t watchers() const { return watchers_.size(); }

  // Counts the key in `watching` unless it was watched already. `due`: the key is there, but its
  // time has come.
  void watch(Watching& watching, int db, const Key& key, bool due);
  void forget(uint64_t id);
  // True if nothing that `id` watches here has changed or fallen due. True for who watches nothing.
  bool intact(uint64_t id, const ShardStore& store, Instant now) const;

  // A key has changed; `there`: it exists now.
  void touched(int db, const Key& key, bool there);
  // Before all keys of `db` go (`with` < 0), or give way to those of database `with`.
  void replacing(int db, int with, const ShardStore& store, Instant now);

 private:
  using Name = DbKey;
  struct Watcher;
  struct Watched;
  struct Record;
  using Watchers = std::unordered_map<uint64_t, std::unique_ptr<Watcher>>;

  void drop(Record& record);
  void mark_touched(const std::vector<Watcher*>& watchers);

  Watchers watchers_;
  // By a name whose bytes are the Watched's own.
  std::unordered_map<Name, std::unique_ptr<Watched>, DbKeyHash> keys_;
};

}  // namespace pollux
