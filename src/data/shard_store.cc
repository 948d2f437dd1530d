#include "src/data/shard_store.h"

#include <algorithm>
#include <climits>
#include <new>
#include <string>

#include "src/base/hash.h"
#include "src/base/slice_time.h"
#include "src/base/time.h"
#include "src/data/collection.h"
#include "src/data/hash_value.h"
#include "src/data/member_table.h"

namespace pollux {

ShardStore::ShardStore(ShardId id, int databases, PageWarmer* warmer)
    : id_(id),
      cycles_per_us_(tsc_per_us()),
      memory_(warmer) {
  for (int i = 0; i < databases; ++i) {
    databases_.push_back(std::make_unique<Database>(memory_));
  }
}

ShardStore::~ShardStore() {
  POLLUX_ASSERT(memory_.pre_images() == nullptr);
  for (std::unique_ptr<Database>& data : databases_) {
    bury(std::move(data));
  }
  if (!memory_.has_outside_blocks() && !memory_.has_collections()) {
    dead_databases_.clear();  // The entries go with the pages of the heap.
  }
  while (free_dead(UINT64_MAX)) {
  }
}

// --- parts of a change ---

template <typename Wheel>
void ShardStore::need_wheel(Wheel*& wheel) {
  if (wheel == nullptr) {
    wheel = new (memory_.arena().allocate(sizeof(Wheel))) Wheel(memory_.heap(), last_tick_ms_ - 1);
  }
}

template <typename Wheel>
void ShardStore::free_wheel(Wheel*& wheel) {
  if (wheel != nullptr) {
    wheel->~Wheel();
    memory_.arena().free(wheel, sizeof(Wheel));
    wheel = nullptr;
  }
}

void ShardStore::link_expiry(Database& data, Handle handle, int64_t at_ms) {
  need_wheel(data.wheel);
  entry_at(handle)->expiry().at_ms = at_ms;
  data.wheel->schedule(handle);
  data.expiry_sum += at_ms;
}

void ShardStore::unlink_expiry(Database& data, Handle handle) {
  data.wheel->unschedule(handle);
  data.expiry_sum -= entry_at(handle)->expiry().at_ms;
}

void ShardStore::link_fields(Database& data, Handle handle, int64_t at_ms) {
  need_wheel(data.field_wheel);
  entry_at(handle)->field_timer().at_ms = at_ms;
  data.field_wheel->schedule(handle);
}

// Of an entry that goes.
void ShardStore::unlink_timers(Database& data, Handle handle) {
  if (entry_at(handle)->has_expiry()) {
    unlink_expiry(data, handle);
  }
  if (entry_at(handle)->has_field_timer()) {
    data.field_wheel->unschedule(handle);
  }
}

void ShardStore::erase(Database& data, uint64_t hash, KeyTable::Position position) {
  const Handle handle = position.handle();
  unlink_timers(data, handle);
  data.table.erase(hash, position);
  memory_.free_entry(handle);
}

// What the store does of itself: a key has expired, or must make room.
void ShardStore::remove_key(int db, const Key& key, KeyTable::Position position, KeyEvent event) {
  before_key(database(db), *entry_at(position.handle()));
  if (observer_ != nullptr) {
    observer_->before(db, key, entry_at(position.handle()));
  }
  const Handle handle = position.handle();
  Database& data = database(db);
  unlink_timers(data, handle);
  data.table.erase(key.hash, position);
  if (observer_ != nullptr) {
    observer_->after(db, key, event, nullptr);
  }
  memory_.free_entry(handle);  // Last: in the tick, `key` is the entry's own.
}

void ShardStore::expire_fields(int db, const Key& key, KeyTable::Position position,
                               int64_t limit_ms, size_t fields_max) {
  Edit edit(*this, db, key, position);
  size_t left = hash_fields(*edit.entry());
  if (hash_is_all_due(*edit.entry(), limit_ms)) {
    stats_.expired_fields += left;  // however many they are, this is one step
    left = 0;
    edit.tell_all_expired();
  } else {
    const size_t expired = expire_hash_fields(edit, limit_ms, fields_max);
    POLLUX_ASSERT(expired > 0);
    stats_.expired_fields += expired;
    left -= expired;
  }
  if (left > 0) {
    edit.notify(KeyEvent::kHExpired, 0);
    return;
  }
  edit.remove();
  edit.notify(KeyEvent::kHExpired, 0);
  edit.notify(KeyEvent::kDel, 0);
}

bool ShardStore::settle(int db, const Key& key, KeyTable::Position& position, int64_t now_ms) {
  const Entry* entry = entry_at(position.handle());
  if (entry->expired_at(now_ms)) {
    ++stats_.expired_by_access;
    expire(db, key, position);
    return false;
  }
  if (entry->fields_due_at(now_ms)) {
    // As many as no client would notice; the rest waits for the tick, out of sight.
    constexpr size_t kFieldsAtOnce = 256;
    expire_fields(db, key, position, now_ms - 1, kFieldsAtOnce);
    position = find(database(db), key);
    if (position && entry_at(position.handle())->fields_due_at(now_ms)) {
      hide_hash_fields(*entry_at(position.handle()), now_ms - 1);
    }
  }
  return static_cast<bool>(position);
}

// --- whole databases ---

const MemberTable* ShardStore::member_table(int db, uint64_t hash) const {
  const KeyTable::Position position = database(db).table.find(hash, [](Handle) { return true; });
  const Collection* large = position ? entry_at(position.handle())->collection() : nullptr;
  return large == nullptr ? nullptr : large->member_table();
}

uint64_t ShardStore::key_count(int db) const {
  return database(db).table.size();
}

DbCounts ShardStore::counts(int db) const {
  const Database& data = database(db);
  DbCounts counts{data.table.size(), 0, 0, 0};
  if (data.field_wheel != nullptr) {
    counts.keys_with_field_ttls = data.field_wheel->size();
  }
  if (data.wheel != nullptr && data.wheel->size() > 0) {
    counts.keys_with_expiry = data.wheel->size();
    const double mean =
        static_cast<double>(data.expiry_sum) / static_cast<double>(counts.keys_with_expiry);
    counts.avg_ttl_ms = std::max(0.0, mean - static_cast<double>(last_tick_ms_));
  }
  return counts;
}

DbOverhead ShardStore::overhead(int db) const {
  const Database& data = database(db);
  DbOverhead overhead{data.table.bytes(), 0};
  if (data.wheel != nullptr) {
    overhead.expiry = sizeof(ExpiryWheel) + data.wheel->size() * sizeof(Entry::Expiry);
  }
  if (data.field_wheel != nullptr) {
    overhead.expiry += sizeof(FieldWheel) + data.field_wheel->size() * sizeof(Entry::Expiry);
  }
  return overhead;
}

uint64_t ShardStore::overhead_bytes() const {
  uint64_t bytes = 0;
  for (int db = 0; db < databases(); ++db) {
    const DbOverhead of = overhead(db);
    bytes += of.table + of.expiry;
  }
  return bytes;
}

uint64_t ShardStore::flush(int db) {
  if (observer_ != nullptr) {
    observer_->before_flush(db);
  }
  const uint64_t keys = key_count(db);
  stats_.changes += keys;
  if (keys > 0) {
    uint64_t all = 0;
    for (const std::unique_ptr<Database>& data : databases_) {
      all += data->table.size();
    }
    const double share = static_cast<double>(keys) / static_cast<double>(all);
    memory_.set_dying_bytes(
        dying_bytes() + static_cast<int64_t>(static_cast<double>(live_bytes()) * share));
    bury(std::move(databases_[static_cast<size_t>(db)]));
    databases_[static_cast<size_t>(db)] = std::make_unique<Database>(memory_);
  }
  return keys;
}

void ShardStore::bury(std::unique_ptr<Database> data) {
  free_wheel(data->wheel);
  free_wheel(data->field_wheel);
  if (data->unwalked) {
    kept_databases_.push_back(std::move(data));
  } else {
    dead_databases_.push_back(std::move(data));
  }
}

void ShardStore::swap_databases(int a, int b) {
  if (a == b) {
    return;
  }
  if (observer_ != nullptr) {
    observer_->before_swap(a, b);
  }
  std::swap(databases_[static_cast<size_t>(a)], databases_[static_cast<size_t>(b)]);
}

uint64_t ShardStore::scan(int db, uint64_t cursor, size_t count, Instant now,
                          const std::function<void(const Entry&)>& fn) const {
  const int64_t now_ms = now.ms();
  return database(db).table.scan(cursor, count, [&](Handle handle) {
    const Entry* entry = entry_at(handle);
    if (!entry->expired_at(now_ms)) {
      fn(*entry);
    }
  });
}

void ShardStore::for_each(int db, Instant now, const std::function<void(const Entry&)>& fn) const {
  scan(db, 0, SIZE_MAX, now, fn);
}

const Entry* ShardStore::random(int db, Rng& rng, Instant now) const {
  const KeyTable& table = database(db).table;
  constexpr int kTries = 100;
  for (int i = 0; i < kTries && table.size() > 0; ++i) {
    const Entry* entry = entry_at(table.random(rng));
    if (!entry->expired_at(now.ms())) {
      return entry;
    }
  }
  // Nearly all are expired: the first live one after a random place, or before it.
  const uint64_t start = rng.next() >> 32;
  for (uint64_t from : {start, uint64_t{0}}) {
    const Entry* found = nullptr;
    uint64_t cursor = from;
    do {
      cursor = scan(db, cursor, 1, now, [&found](const Entry& entry) { found = &entry; });
    } while (found == nullptr && cursor != 0);
    if (found != nullptr) {
      return found;
    }
  }
  return nullptr;
}

// --- snapshots ---

void ShardStore::begin_snapshot(PreImages& images) {
  POLLUX_ASSERT(walk_.empty() && kept_databases_.empty());
  memory_.begin_snapshot(images);
  for (size_t i = databases_.size(); i-- > 0;) {
    Database& data = *databases_[i];
    if (data.table.size() > 0) {
      data.unwalked = true;
      data.cut_number = static_cast<uint32_t>(i);
      data.walk_cursor = 0;
      data.walked_through = false;
      walk_.push_back(&data);
    }
  }
}

void ShardStore::walk_snapshot(size_t count, std::vector<SnapshotKey>& keys) {
  keys.clear();
  while (keys.empty() && !walk_.empty()) {
    Database& data = *walk_.back();
    if (!data.walked_through) {
      data.walk_cursor = data.table.scan(data.walk_cursor, count, [&](Handle handle) {
        memory_.prefetch_entry(handle);
        keys.push_back({data.cut_number, handle});
      });
      data.walked_through = data.walk_cursor == 0;
      continue;
    }
    data.unwalked = false;
    walk_.pop_back();
    const auto kept = std::find_if(kept_databases_.begin(), kept_databases_.end(),
                                   [&data](const auto& of) { return of.get() == &data; });
    if (kept != kept_databases_.end()) {
      dead_databases_.push_back(std::move(*kept));
      kept_databases_.erase(kept);
    }
  }
}

ShardStore::SnapshotPlace ShardStore::snapshot_place() const {
  return walk_.empty() ? SnapshotPlace() : SnapshotPlace{walk_.back(), walk_.back()->walk_cursor};
}

bool ShardStore::walk_again_from(SnapshotPlace place) {
  if (walk_.empty() || walk_.back() != place.database) {
    return false;
  }
  walk_.back()->walk_cursor = place.cursor;
  walk_.back()->walked_through = false;
  return true;
}

void ShardStore::end_snapshot() {
  POLLUX_ASSERT(walk_.empty());
  memory_.end_snapshot();
  if (!has_dead()) {
    memory_.set_dying_bytes(0);  // what is left of estimates
  }
}

// --- background ---

uint64_t ShardStore::deadline(int64_t budget_us) const {
  constexpr double kForever = 1e18;  // cycles: years
  const double cycles = static_cast<double>(budget_us) * cycles_per_us_;
  return cycles < kForever ? tsc() + static_cast<uint64_t>(cycles) : UINT64_MAX;
}

bool ShardStore::tick(Instant now, int64_t budget_us) {
  last_tick_ms_ = now.ms();
  memory_.tune_prefetch();
  const bool dead = has_dead();
  bool more = false;
  const uint64_t until = deadline(budget_us);
  if (active_expiry_) {
    // Expiry goes first, but leaves a quarter to freeing.
    more = expire_due(now, dead ? deadline(budget_us / 4 * 3) : until);
  }
  if (dead) {
    more |= free_dead(until);
  }
  if (!has_dead() && memory_.heap().wants_compaction()) {
    more |= compact(until);
  }
  return more;
}

// Calls end(handle) for what is due by this wheel, which must unlink it or move it on; true if the
// time was up before the end.
template <typename Wheel, typename End>
bool ShardStore::run_due(Wheel*& wheel, int64_t limit_ms, uint64_t until, End end) {
  constexpr int kEndsBetweenLooks = 8;
  constexpr int64_t kStepsBetweenLooks = 64;
  for (int done = 1; wheel != nullptr; ++done) {
    int64_t steps = kStepsBetweenLooks;
    const Handle handle = wheel->next_due(limit_ms, steps);
    if (handle == kNoHandle && steps >= 0) {
      break;
    }
    if (handle != kNoHandle) {
      end(handle);
    }
    if ((handle == kNoHandle || done % kEndsBetweenLooks == 0) && out_of_time(until)) {
      return true;
    }
  }
  if (wheel != nullptr && wheel->size() == 0) {
    free_wheel(wheel);
  }
  return false;
}

// Removes keys and fields whose time has come; true if some may be left.
bool ShardStore::expire_due(Instant now, uint64_t until) {
  constexpr size_t kFieldsAtOnce = 32;
  const int64_t limit_ms = now.ms() - 1;
  for (size_t i = 0; i < databases_.size(); ++i) {
    const auto db = static_cast<int>((expire_first_ + i) % databases_.size());
    Database& data = database(db);
    const auto position_of = [&data](const Key& key, Handle handle) {
      const KeyTable::Position position =
          data.table.find(key.hash, [handle](Handle there) { return there == handle; });
      POLLUX_ASSERT(position);
      return position;
    };
    const auto end_keys = [&] {
      return run_due(data.wheel, limit_ms, until, [&](Handle handle) {
        const Key key = Key::of(entry_at(handle)->key());
        expire(db, key, position_of(key, handle));
      });
    };
    const auto end_fields = [&] {
      return run_due(data.field_wheel, limit_ms, until, [&](Handle handle) {
        const std::string name(entry_at(handle)->key());  // the entry may move
        const Key key = Key::of(name);
        expire_fields(db, key, position_of(key, handle), limit_ms, kFieldsAtOnce);
      });
    };
    if (fields_first_ ? end_fields() || end_keys() : end_keys() || end_fields()) {
      // The other of the two comes first next time, and then the next database.
      fields_first_ = !fields_first_;
      expire_first_ = (static_cast<size_t>(db) + (fields_first_ ? 0 : 1)) % databases_.size();
      return true;
    }
  }
  return false;
}

// Frees what is deleted; true if something is left.
bool ShardStore::free_dead(uint64_t until) {
  const auto occupied = [this] { return used_bytes() - memory_.heap().hole_bytes(); };
  const int64_t before = occupied();
  free_dead_part(until);
  const int64_t freed = before - occupied();
  const bool none_left = !has_dead() && memory_.pre_images() == nullptr;
  memory_.set_dying_bytes(none_left ? 0 : std::max<int64_t>(dying_bytes() - freed, 0));
  return has_dead();
}

void ShardStore::free_dead_part(uint64_t until) {
  if (memory_.free_dead(until, stats_.freed_objects)) {
    return;
  }
  while (!dead_databases_.empty()) {
    const bool left =
        dead_databases_.front()->table.drain_bucket([this](Handle handle, bool only_prefetch) {
          if (only_prefetch) {
            prefetch(memory_.heap().address(handle));
          } else {
            const int64_t dying = dying_bytes();
            memory_.free_entry(handle);
            memory_.set_dying_bytes(dying);  // big values wait once more; the flush counted them
            ++stats_.freed_objects;
          }
        });
    if (!left) {
      dead_databases_.pop_front();
    }
    if (out_of_time(until)) {
      return;
    }
  }
}

uint64_t ShardStore::dead_objects() const {
  uint64_t count = memory_.dead_objects();
  for (const std::unique_ptr<Database>& data : dead_databases_) {
    count += data->table.size();
  }
  return count;
}

// Empties pages of entries that are mostly holes; true if there is more to do. What is deleted and
// not yet freed could not be found here, and will leave pages empty anyway: it goes first.
bool ShardStore::compact(uint64_t until) {
  constexpr size_t kBlocksAtOnce = 32;
  Handle blocks[kBlocksAtOnce];
  uint64_t hashes[kBlocksAtOnce];
  EntryHeap& heap = memory_.heap();
  while (heap.compacting() || heap.wants_compaction()) {
    const size_t count = heap.blocks_to_move(blocks);
    if (count == 0) {
      return false;
    }
    for (size_t i = 0; i < count; ++i) {
      const Entry& entry = *entry_at(blocks[i]);
      hashes[i] = Key::of(entry.key()).hash;
      if (entry.type() == ValueType::kMember) {
        if (const MemberTable* table = memory_.owner_of(entry)->member_table()) {
          table->prefetch_bucket(hashes[i]);
        }
        continue;
      }
      for (const std::unique_ptr<Database>& data : databases_) {
        if (data->table.size() > 0) {
          data->table.prefetch_bucket(hashes[i]);
        }
      }
    }
    for (size_t i = 0; i < count; ++i) {
      if (entry_at(blocks[i])->type() == ValueType::kMember) {
        move_member(blocks[i]);
      } else if (!move_block(hashes[i], blocks[i])) {
        heap.give_page_up();
        return false;
      }
    }
    if (out_of_time(until)) {
      return heap.compacting() || heap.wants_compaction();
    }
  }
  return false;
}

// The entry's database isn't known from the entry: it is where the table has this handle.
bool ShardStore::move_block(uint64_t hash, Handle from) {
  const auto move_in = [&](const std::unique_ptr<Database>& data) {
    const KeyTable::Position position =
        data->table.size() == 0
            ? KeyTable::Position()
            : data->table.find(hash, [from](Handle there) { return there == from; });
    if (!position) {
      return false;
    }
    const Handle to = memory_.heap().relocate(from);
    // A flushed database has no wheels any more.
    if (entry_at(to)->has_expiry() && data->wheel != nullptr) {
      data->wheel->moved(to);
    }
    if (entry_at(to)->has_field_timer() && data->field_wheel != nullptr) {
      data->field_wheel->moved(to);
    }
    data->table.replace(position, to);
    memory_.heap().free(from);
    ++stats_.moved_blocks;
    return true;
  };
  return std::any_of(databases_.begin(), databases_.end(), move_in) ||
         std::any_of(kept_databases_.begin(), kept_databases_.end(), move_in);
}

void ShardStore::move_member(Handle from) {
  Collection* owner = memory_.owner_of(*entry_at(from));
  const Handle to = memory_.heap().relocate(from);
  owner->member_moved(from, to);
  memory_.heap().free(from);
  ++stats_.moved_blocks;
}

int64_t ShardStore::next_expiry_ms() const {
  int64_t next_ms = INT64_MAX;
  if (!active_expiry_) {
    return next_ms;
  }
  for (const std::unique_ptr<Database>& data : databases_) {
    if (data->wheel != nullptr) {
      next_ms = std::min(next_ms, data->wheel->next_ms());
    }
    if (data->field_wheel != nullptr) {
      next_ms = std::min(next_ms, data->field_wheel->next_ms());
    }
  }
  // A key lives through the millisecond of its expiry.
  return next_ms == INT64_MAX ? next_ms : next_ms + 1;
}

}  // namespace pollux
