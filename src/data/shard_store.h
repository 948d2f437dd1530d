// All data of one shard: its databases (key table, entries, expiry), its arena, its account and
// its share of background work. Touched only by the holder of the shard; owns no thread and no
// clock. What crosses it is Key in, Entry out.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "src/base/rng.h"
#include "src/base/types.h"
#include "src/data/entry.h"
#include "src/data/eviction.h"
#include "src/data/expiry_wheel.h"
#include "src/data/key.h"
#include "src/data/key_event.h"
#include "src/data/key_table.h"
#include "src/data/shard_memory.h"

namespace pollux {

class MemberTable;

// Hears every change of this shard, in order. `before` at the first change of an Edit (entry is the
// value as it was, or null), `after` once per event; a whole database that is emptied or changes
// places is told once, while it is still as it was. Must not change keys.
class ChangeObserver {
 public:
  virtual ~ChangeObserver() = default;
  virtual void before(int db, const Key& key, const Entry* entry) = 0;
  virtual void after(int db, const Key& key, KeyEvent event, const Entry* entry) = 0;
  // A key has come into being; the event that made it follows.
  virtual void added(int, const Key&) {}
  // A read that counts as one found nothing.
  virtual void missed(int, const Key&) {}
  // A field of a hash goes by its time, or all of them at once, and the key with them. Told while
  // it is still there, ahead of the key's event. (That of a key that has gone with its last field,
  // kHExpired without an entry, is followed by a kDel that no command has asked for.)
  virtual void field_expired(int, const Key&, std::string_view /*field*/) {}
  virtual void all_fields_expired(int, const Key&) {}
  virtual void before_flush(int db) = 0;
  virtual void before_swap(int a, int b) = 0;
};

// What one database takes beyond its entries, in bytes.
struct DbOverhead {
  uint64_t table = 0;
  uint64_t expiry = 0;
};

struct DbCounts {
  uint64_t keys = 0;
  uint64_t keys_with_expiry = 0;
  uint64_t keys_with_field_ttls = 0;
  double avg_ttl_ms = 0;  // as INFO keyspace prints it; an estimate
};

struct ShardStats {
  uint64_t expired_keys = 0;       // removed because their time had come
  uint64_t expired_by_access = 0;  // of these, found by a command rather than by the tick
  uint64_t expired_fields = 0;     // of hashes
  uint64_t evicted_keys = 0;       // removed to make room
  uint64_t moved_blocks = 0;       // by compaction
  uint64_t freed_objects = 0;      // entries and blocks that tick freed
  uint64_t changes = 0;            // by commands (Edit::notify); of a flush, its keys
};

class ShardStore {
 public:
  // `warmer`, if any, makes memory resident ahead of its use; it outlives the store.
  ShardStore(ShardId id, int databases, PageWarmer* warmer = nullptr);
  ~ShardStore();

  ShardStore(const ShardStore&) = delete;
  ShardStore& operator=(const ShardStore&) = delete;

  ShardId id() const { return id_; }
  int databases() const { return static_cast<int>(databases_.size()); }
  void set_observer(ChangeObserver* observer) { observer_ = observer; }

  // --- prefetch, in this order over a burst of requests ---
  void prefetch_bucket(int db, uint64_t hash) const { database(db).table.prefetch_bucket(hash); }
  // A database that is being loaded will have so many keys; see KeyTable.
  void expect(int db, uint64_t keys) { database(db).table.expect(keys); }
  // Of a key that will be made, in place of the two others.
  void prefetch_insert(int db, uint64_t hash) const { database(db).table.prefetch_insert(hash); }
  // Looks at the bucket, so it waits for that line unless it was asked for some time before.
  void prefetch_entry(int db, uint64_t hash) const {
    database(db).table.prefetch_entries(
        hash, [this](Handle handle) { memory_.prefetch_entry(handle); });
  }
  // Looks at the entry. What finds members of the value at a key with this hash (another key's, by
  // a rare chance); null if that is no large collection with members. For no more than prefetching.
  const MemberTable* member_table(int db, uint64_t hash) const;

  // The entry as it stands, also one whose time has come; null if there is none. Counts nothing,
  // removes nothing.
  const Entry* look(int db, const Key& key) const {
    const KeyTable::Position position = find(database(db), key);
    return position ? entry_at(position.handle()) : nullptr;
  }

  // --- whole databases ---
  uint64_t key_count(int db) const;
  DbCounts counts(int db) const;
  DbOverhead overhead(int db) const;
  // Of all databases. A few additions a database.
  uint64_t overhead_bytes() const;
  // Empties the database at once; the memory is freed in slices by tick. Returns the number of
  // keys there were.
  uint64_t flush(int db);
  void swap_databases(int a, int b);

  // Visits live entries in hash order from `cursor` (0 is the start) until at least `count` were
  // visited (expired ones that are still there count), never stopping between two keys that share
  // a cursor position. Returns the next cursor, at most 32 bits, 0 at the end. A key that is there
  // for the whole of a scan is visited exactly once, however the table grows meanwhile. fn must not
  // change keys.
  uint64_t scan(int db, uint64_t cursor, size_t count, Instant now,
                const std::function<void(const Entry&)>& fn) const;
  // Every live entry.
  void for_each(int db, Instant now, const std::function<void(const Entry&)>& fn) const;
  // A live key chosen close to uniformly; null if there is none.
  const Entry* random(int db, Rng& rng, Instant now) const;

  // --- background ---
  // A bounded slice of work: due expiry, freeing, compaction. Returns true if more is waiting. At
  // most about `budget_us` microseconds (measured by the time stamp counter); INT64_MAX asks no
  // clock and does all there is.
  bool tick(Instant now, int64_t budget_us);
  // The next moment a key or a field falls due, or INT64_MAX: a sleeping worker must wake by then.
  int64_t next_expiry_ms() const;
  void set_active_expiry(bool on) { active_expiry_ = on; }
  // Deleted data waits to be freed; free_some frees some of it (see tick for the budget).
  bool has_dead() const { return !dead_databases_.empty() || memory_.has_dead(); }
  uint64_t dead_objects() const;
  void free_some(int64_t budget_us) { free_dead(deadline(budget_us)); }
  Evictor& evictor() { return evictor_; }

  // --- snapshots (pre_images.h; src/snapshot takes them) ---
  struct SnapshotKey {
    uint32_t db;  // the number at the cut
    Handle handle;
  };
  // The cut: `images` hears from here on of all that is there, before it changes. Requires that the
  // snapshot before was walked to its end.
  void begin_snapshot(PreImages& images);
  // Of the databases as they were at the cut, also flushed ones, the next `count` entries and a few
  // more, old or not; their blocks are asked for. None at the end. They are to be looked at before
  // anything changes.
  void walk_snapshot(size_t count, std::vector<SnapshotKey>& keys);
  // To go on from a place where the walk was before; false if it has left that database since.
  struct SnapshotPlace {
    const void* database = nullptr;
    uint64_t cursor = 0;
  };
  SnapshotPlace snapshot_place() const;
  bool walk_again_from(SnapshotPlace place);
  Entry& snapshot_entry(Handle handle) { return *entry_at(handle); }
  // Requires that the walk is at its end.
  void end_snapshot();
  ShardMemory& memory() { return memory_; }

  // --- account ---
  // Exact bytes of this shard's data: entries, values, tables, expiry structure; also what is
  // deleted and not yet freed. Not in it: the fixed objects (this one, about 300 bytes a database),
  // blocks, pages and slabs that are free at present (a few, unless entries are fragmented).
  int64_t used_bytes() const { return memory_.used_bytes(); }
  // What the keys need: the same without the holes between entries and without what is deleted and
  // waits for tick. Every deletion lowers it. Exact for single values; the share of one flushed
  // database among several is estimated by its keys.
  int64_t live_bytes() const { return memory_.live_bytes(); }
  // The most that used_bytes can be when the tick has nothing left to do: what the keys need, and
  // the holes that stay, these only up to half of what the keys need: what limits weigh must fall
  // with every few deletions, however little there is. It does so whole pages of entries at a time.
  int64_t weighed_bytes() const { return memory_.weighed_bytes(); }
  // Of the used bytes, what is deleted and waits for tick.
  int64_t dying_bytes() const { return memory_.dying_bytes(); }
  // Whole chunks and slabs that this shard has from the system; the rest is from the allocator.
  int64_t mapped_bytes() const { return memory_.mapped_bytes(); }
  // Of these, what is not in use: the rest of the last chunk and of the last slabs, spare slabs.
  int64_t spare_bytes() const { return memory_.spare_bytes(); }
  // What this shard really holds, as the allocator sees its part (slow; Arena::measured_bytes).
  int64_t measured_bytes() const { return memory_.measured_bytes(); }
  const ShardStats& stats() const { return stats_; }
  ShardStats& stats() { return stats_; }

 private:
  friend class Keyspace;
  friend class Edit;
  friend class Evictor;

  struct Database {
    explicit Database(ShardMemory& memory) : table(memory.arena(), memory.table_pool()) {}
    KeyTable table;
    ExpiryWheel* wheel = nullptr;  // made with the first TTL, from the arena
    __int128 expiry_sum = 0;       // of at_ms of all keys with a TTL
    FieldWheel* field_wheel = nullptr;  // the same for hashes with TTLs of fields
    // While a snapshot has still to walk it: its number at the cut, and how far the walk is.
    bool unwalked = false;
    uint32_t cut_number = 0;
    uint64_t walk_cursor = 0;
    bool walked_through = false;
  };

  Database& database(int db) { return *databases_[static_cast<size_t>(db)]; }
  const Database& database(int db) const { return *databases_[static_cast<size_t>(db)]; }
  Entry* entry_at(Handle handle) const { return memory_.entry_at(handle); }
  KeyTable::Position find(const Database& data, const Key& key) const {
    return data.table.find(
        key.hash, [this, &key](Handle handle) { return entry_at(handle)->key() == key.bytes; });
  }

  // What Edit and the tick are made of; none of them tells the observer, but for expire.
  void link_expiry(Database& data, Handle handle, int64_t at_ms);
  void unlink_expiry(Database& data, Handle handle);
  void link_fields(Database& data, Handle handle, int64_t at_ms);
  void unlink_timers(Database& data, Handle handle);
  template <typename Wheel>
  void need_wheel(Wheel*& wheel);
  template <typename Wheel>
  void free_wheel(Wheel*& wheel);
  void erase(Database& data, uint64_t hash, KeyTable::Position position);
  // The key's entry changes now, or goes.
  void before_key(const Database& data, Entry& entry) {
    if (memory_.is_old(entry)) [[unlikely]] {
      memory_.pre_images()->before_key(data.cut_number, entry);
    }
  }
  void remove_key(int db, const Key& key, KeyTable::Position position, KeyEvent event);
  void expire(int db, const Key& key, KeyTable::Position position) {
    ++stats_.expired_keys;
    remove_key(db, key, position, KeyEvent::kExpired);
  }
  // Of a hash, those fields whose time is `limit_ms` or before, the first ones first, at most
  // `fields_max` of them. The key goes with its last field.
  void expire_fields(int db, const Key& key, KeyTable::Position position, int64_t limit_ms,
                     size_t fields_max);
  // On access to a key that has a timer: what is due goes. False if that is the key, else
  // `position` is where it stands now.
  bool settle(int db, const Key& key, KeyTable::Position& position, int64_t now_ms);

  uint64_t deadline(int64_t budget_us) const;
  bool expire_due(Instant now, uint64_t until);
  template <typename Wheel, typename End>
  bool run_due(Wheel*& wheel, int64_t limit_ms, uint64_t until, End end);
  bool free_dead(uint64_t until);
  void free_dead_part(uint64_t until);
  bool compact(uint64_t until);
  bool move_block(uint64_t hash, Handle from);
  void move_member(Handle from);
  void bury(std::unique_ptr<Database> data);

  ShardId id_;
  ChangeObserver* observer_ = nullptr;
  bool active_expiry_ = true;
  ShardStats stats_;
  int64_t last_tick_ms_ = 0;
  const double cycles_per_us_;

  ShardMemory memory_;
  std::vector<std::unique_ptr<Database>> databases_;
  size_t expire_first_ = 0;  // the database that the next tick begins with
  bool fields_first_ = false;  // and whether with its hashes' fields
  std::deque<std::unique_ptr<Database>> dead_databases_;  // deleted, to be freed
  // Deleted too, but a snapshot has still to walk them.
  std::vector<std::unique_ptr<Database>> kept_databases_;
  std::vector<Database*> walk_;  // what the snapshot has to walk; the last one first
  Evictor evictor_{*this};
};

}  // namespace pollux
