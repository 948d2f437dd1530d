// The keys as a command sees them: numbered databases with values, TTLs and nothing about shards.
// The engine binds a Keyspace to the shards that are held (one, or those of a lease) before it
// runs a handler; reaching for a shard that is not held is a bug and asserts.
//
// Reading: find, peek. Changing: Edit, the only way, with a hook before and a hook after.
// An expired key is never seen: whoever touches it first removes it (event "expired"). Nor is an
// expired field of a hash: whoever touches the key first removes them (event "hexpired").
// One thread at a time, with the hold. Pointers to entries live until the next change of that
// key, or the next tick of its shard.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "src/base/rng.h"
#include "src/base/types.h"
#include "src/data/entry.h"
#include "src/data/key.h"
#include "src/data/key_event.h"
#include "src/data/shard_store.h"
#include "src/data/value.h"

namespace pollux {

// Which shard a slot belongs to: contiguous ranges of nearly the same size. The only place that
// says so. Requires slot < kSlots.
inline ShardId shard_of_slot(uint16_t slot, size_t shards) {
  return {static_cast<uint16_t>(slot * shards / kSlots)};
}

// Hits and misses of reads, as INFO counts them.
struct KeyspaceStats {
  uint64_t hits = 0;
  uint64_t misses = 0;
};

class Keyspace {
 public:
  // `stores`: all shards of the process by ShardId; not owned.
  explicit Keyspace(std::span<ShardStore* const> stores) : stores_(stores) {}

  // --- the engine binds ---
  // `touching`: whether find refreshes the access clock (CLIENT NO-TOUCH).
  // One held shard; all keys of the command are known to lie there.
  void bind(ShardId shard, int db, Instant now, bool touching = true) {
    single_ = stores_[shard.value];
    db_ = db;
    touching_ = touching;
    set_now(now);
  }
  // The shards of a lease, as a bit per shard; keys find theirs by their slot.
  void bind_leased(std::span<const uint64_t> held, int db, Instant now, bool touching = true);
  // While set, what has expired is not seen, and stays where it is (CLIENT PAUSE). Of hashes that
  // means fields: see HashView.
  void set_frozen(bool frozen) { frozen_ = frozen; }
  // While set, nothing is over: keys and fields stay, whatever their times, until they are deleted,
  // and what gets a time in the past gets it. So a history that tells of every expiry by itself is
  // run again, long after; the tick must rest, too (ShardStore::set_active_expiry).
  void set_replaying(bool replaying) { replaying_ = replaying; }
  bool replaying() const { return replaying_; }
  // Whether what is to end at this time must go at once.
  bool is_over(int64_t at_ms) const { return at_ms <= now_.ms() && !replaying_; }
  // Up to when a field has ended that may still be there; -1: there is none.
  int64_t ended_ms() const { return frozen_ && !replaying_ ? now_.ms() - 1 : -1; }

  // How accesses are stamped from now on (the policy of eviction).
  void set_access(const AccessRules& rules) { stamps_.set_rules(rules); }

  // --- what handlers use ---
  int db() const { return db_; }
  int databases() const;
  Instant now() const { return now_; }

  // The live entry, or null. find counts a hit or miss and stamps the access; peek does
  // neither (TTL, OBJECT, TYPE, EXISTS differ: ask the oracle which one a command is).
  const Entry* find(const Key& key) { return lookup(db_, key, /*touch=*/true); }
  const Entry* peek(const Key& key) { return lookup(db_, key, /*touch=*/false); }
  const Entry* peek_in(int db, const Key& key) { return lookup(db, key, /*touch=*/false); }

  // From now on find refreshes the access clock, whatever was bound (TOUCH).
  void touch_all() { touching_ = true; }

  // A read of `key` that found nothing. Told to the observer too.
  void count_miss(const Key& key);

  // The stores that are held, in shard order (for KEYS, DBSIZE, SCAN, FLUSH, RANDOMKEY).
  template <typename Fn>
  void for_each_store(Fn fn) {
    if (single_ != nullptr) {
      fn(*single_);
      return;
    }
    for (size_t i = 0; i < stores_.size(); ++i) {
      if (holds(i)) {
        fn(*stores_[i]);
      }
    }
  }
  ShardStore& store_of(const Key& key);
  size_t shard_count() const { return stores_.size(); }

  // Requires a hold on all shards.
  void swap_databases(int a, int b);

  KeyspaceStats& stats() { return stats_; }

 private:
  friend class Edit;
  const Entry* lookup(int db, const Key& key, bool touch);
  bool holds(size_t shard) const {
    return single_ != nullptr ? stores_[shard] == single_
                              : ((held_[shard / 64] >> (shard % 64)) & 1) != 0;
  }
  void set_now(Instant now) {
    if (now != now_) {
      now_ = now;
      stamps_.set_now(now);
    }
  }

  std::span<ShardStore* const> stores_;
  ShardStore* single_ = nullptr;  // set when one shard is bound
  uint64_t held_[kWorkersMax / 64] = {};
  int db_ = 0;
  bool touching_ = true;
  bool frozen_ = false;
  bool replaying_ = false;
  Instant now_;
  AccessStamps stamps_;
  KeyspaceStats stats_;
};

// One change of one key. Construct it, look at entry(), change, notify, let it go. The store's
// observer hears `before` at the first change and `after` at each notify.
//
//   Edit edit(keys, key);
//   if (edit.entry() && edit.entry()->type() != ValueType::kString) { wrong type }
//   edit.set_string(bytes);
//   edit.clear_expiry();
//   edit.notify(KeyEvent::kSet);
class Edit {
 public:
  Edit(Keyspace& keys, const Key& key) : Edit(keys, keys.db(), key) {}
  Edit(Keyspace& keys, int db, const Key& key);
  ~Edit();  // Asserts that a change was followed by notify.
  Edit(const Edit&) = delete;
  Edit& operator=(const Edit&) = delete;

  // The entry as it is now; null if the key is absent. Changes with every call below.
  const Entry* entry() const { return entry_; }

  // Makes the value a string: encoding int if `bytes` is a canonical int64 of at most 20 bytes,
  // embstr up to 44 bytes, else raw. Creates the key if absent. The TTL stays. `bytes` may
  // point into this key's own value.
  void set_string(std::string_view bytes);
  // Makes the value a string with the int encoding (INCR) or, `raw`, with encoding raw.
  void set_int(int64_t value);
  void set_raw(std::string_view bytes);
  // As set_string, but never an int (INCRBYFLOAT stores "5" as a text).
  void set_text(std::string_view bytes);
  // The string value as `size` writable bytes (at least the present size), encoding raw: the old
  // bytes stand at the front (an int as its text), new ones are zero. Creates the key if absent.
  // Room grows geometrically, so that a series of APPENDs costs linear time.
  std::span<char> grow_raw(size_t size);

  // --- collections; their types (hash.h, ...) work on these ---
  // The small form: `bytes` in place of any value; the TTL stays. May point into this key's value.
  void set_flat(ValueType type, Encoding encoding, std::string_view bytes);
  // The small form changed by a splice (listpack.h, intset.h) to `size` bytes, without a copy of
  // it beside the entry. Requires that it stands in the entry, before and after (or the key is
  // absent, and the splice made from `empty`), and that nothing that comes is a part of it.
  template <typename Splice>
  void splice_inside(ValueType type, Encoding encoding, const Splice& splice, size_t size,
                     std::string_view empty);
  // The small form as `size` writable bytes: the old ones stand at the front, new ones are zero.
  // Room outside the entry grows geometrically.
  std::span<char> resize_flat(ValueType type, Encoding encoding, size_t size);
  // The large form, to be changed. Requires that entry()->collection() is not null.
  Collection* collection();
  // The large form in place of any value; made in memory(), and the key's from here on.
  void set_collection(ValueType type, Encoding encoding, Collection* collection);
  ShardMemory& memory();

  // `at_ms`: Unix time in ms. Requires an entry.
  void set_expiry(int64_t at_ms);
  // True if there was one.
  bool clear_expiry();
  // Whether anybody wants to hear of fields that go by their time, and the telling; for HashEditor.
  bool tells() const { return store_.observer_ != nullptr; }
  void tell_expired(std::string_view field) {
    store_.observer_->field_expired(db_, key_, field);
  }
  // All that are left have ended.
  void tell_all_expired() {
    if (tells()) {
      store_.observer_->all_fields_expired(db_, key_);
    }
  }

  // When the first field of a hash ends; -1: none does. (For HashEditor; the timer stays while the
  // value is a hash.) Requires an entry.
  void set_field_timer(int64_t at_ms);

  // When or how often it was used (access.h). Requires an entry.
  void set_stamp(uint32_t stamp) { writable()->set_stamp(stamp); }

  // Removes the key; big values are freed in slices. Requires an entry.
  void remove();

  // Moves the value and TTL of `from`'s key here (RENAME, MOVE): the account moves along, and
  // `from` ends up absent. If the two keys lie in one shard no byte of a big value is copied.
  // Requires from.entry(); replaces what is here.
  void take(Edit& from);
  // Copies the value and TTL of another key here (COPY). Requires `source`.
  void copy(const Entry& source);

  // `changes`: what of it rdb_changes_since_last_save counts, in the numbers of redis-server: the
  // elements of a command that has several; 0, if another event of the command has counted.
  void notify(KeyEvent event, uint64_t changes = 1);
  // In place of notify: the value is what it was, only its encoding has changed, and nobody is
  // told.
  void keep_quiet() { notified_ = true; }

 private:
  friend class ShardStore;
  // For the store's own changes of a key that is there.
  Edit(ShardStore& store, int db, const Key& key, KeyTable::Position position);

  // Which blocks of timers an entry has.
  struct Timers {
    bool expiry = false;
    bool fields = false;
  };
  // Those that stay if the value becomes one of this type.
  Timers timers_for(ValueType type) const {
    return {entry_ != nullptr && entry_->has_expiry(),
            type == ValueType::kHash && entry_ != nullptr && entry_->has_field_timer()};
  }
  void enter(KeyTable::Position position);

  void before_change();
  void write_bytes(std::string_view bytes, ValueType type, Encoding encoding);
  void write_inside(std::string_view area, ValueType type, Encoding encoding);
  void write_outside(std::string_view bytes, ValueType type, Encoding encoding);
  std::span<char> resize(std::string_view old, ValueType type, Encoding encoding, size_t size);
  std::span<char> resize_inside(std::string_view old, ValueType type, Encoding encoding,
                                size_t size);
  std::span<char> resize_outside(std::string_view old, ValueType type, Encoding encoding,
                                 size_t size);
  void adopt_outside(const Entry::Outside& outside, ValueType type, Encoding encoding);
  void reshape(Timers timers);
  Handle new_block(Timers timers, size_t value_area_bytes);
  void adopt(Handle fresh);
  void erase_entry();
  void tell_added();
  Entry* writable() { return store_.entry_at(handle_); }
  KeyTable::Position position();

  AccessStamps* const stamps_;  // null: of the store itself
  ShardStore& store_;
  ShardStore::Database& data_;
  const Key key_;
  const int db_;
  Handle handle_ = kNoHandle;
  KeyTable::Position position_;  // of handle_, while the table has version_
  uint64_t version_ = 0;
  const Entry* entry_ = nullptr;
  bool changed_ = false;
  bool notified_ = false;
};

template <typename Splice>
void Edit::splice_inside(ValueType type, Encoding encoding, const Splice& splice, size_t size,
                         std::string_view empty) {
  before_change();
  if (entry_ != nullptr && entry_->fits_in_place(size)) {
    splice.apply(writable()->value_area());
    writable()->set_value_inside(type, encoding, size);
    return;
  }
  const char* const old = entry_ != nullptr ? entry_->value_area() : empty.data();
  const Handle fresh = new_block(timers_for(type), size);
  Entry* const entry = store_.entry_at(fresh);
  entry->set_value_inside(type, encoding, size);
  splice.build(old, entry->value_area());
  adopt(fresh);
}

}  // namespace pollux
