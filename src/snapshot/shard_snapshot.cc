#include "src/snapshot/shard_snapshot.h"

#include <utility>

#include "src/base/assert.h"
#include "src/base/slice_time.h"
#include "src/data/collection.h"
#include "src/rdb/value_codec.h"

namespace pollux {

namespace {

using Lane = RecordOut::Lane;

constexpr size_t kKeysAtOnce = 32;
// Collections of more bytes are walked, however few elements they are.
constexpr size_t kBytesAtOnceMax = 32 << 10;

}  // namespace

ShardSnapshot::~ShardSnapshot() {
  cancel();
  walk(UINT64_MAX);
}

void ShardSnapshot::begin(const Options& options) {
  POLLUX_ASSERT(!active_);
  options_ = options;
  active_ = true;
  wanted_ = true;
  keys_ = 0;
  small_.emplace(out_.sink(Lane::kSmall), options.compress);
  big_.emplace(out_.sink(Lane::kBig), options.compress);
  store_.begin_snapshot(*this);
}

bool ShardSnapshot::walk(uint64_t until) {
  bool worked = false;
  while (active_ && (!wanted_ || out_.has_room(next_lane()))) {
    worked = true;
    if (big_values_.empty()) {
      write_keys(until);
    } else {
      write_big_value(until);
    }
    if (out_of_time(until)) {
      break;
    }
  }
  return worked;
}

// Keys in a row. The blocks of those that come are asked for while those before are looked at.
void ShardSnapshot::write_keys(uint64_t until) {
  ShardStore::SnapshotPlace here = store_.snapshot_place();
  store_.walk_snapshot(kKeysAtOnce, these_keys_);
  if (these_keys_.empty()) {
    store_.end_snapshot();
    active_ = false;
  }
  while (!these_keys_.empty()) {
    const bool last = !big_values_.empty() || (wanted_ && !out_.has_room(Lane::kSmall)) ||
                      out_of_time(until);
    const ShardStore::SnapshotPlace next = store_.snapshot_place();
    next_keys_.clear();
    if (!last) {
      store_.walk_snapshot(kKeysAtOnce, next_keys_);
    }
    for (const ShardStore::SnapshotKey& key : these_keys_) {
      Entry& entry = store_.snapshot_entry(key.handle);
      if (!memory_.is_old(entry)) {
        continue;
      }
      take(key.db, entry);
      // Of long values a few may be enough for this slice. What was taken is passed by then.
      if (entry.value_is_outside() && out_of_time(until) && store_.walk_again_from(here)) {
        return;
      }
    }
    here = next;
    std::swap(these_keys_, next_keys_);
  }
}

void ShardSnapshot::take(uint32_t db, Entry& entry) {
  memory_.renew(entry);
  const Collection* const large = entry.collection();
  const bool at_once = large != nullptr && large->size() <= options_.members_at_once_max &&
                       large->bytes() <= kBytesAtOnceMax;
  const bool has_members = large != nullptr && large->member_table() != nullptr;
  if (!is_walked(entry) || (at_once && !has_members)) {
    if (wanted_) {
      write(db, entry);
    }
  } else if (at_once) {
    write_members(db, entry);
  } else {
    queue(db, entry);
  }
}

void ShardSnapshot::write(uint32_t db, const Entry& entry) {
  out_.begin_record(Lane::kSmall, db);
  write_rdb_key_head(rdb_meta_of(entry, options_.rules, options_.at), rdb_type_of(entry),
                     entry.key(), *small_);
  write_rdb_value(entry, *small_);
  out_.end_record(Lane::kSmall);
  ++keys_;
}

void ShardSnapshot::write_members(uint32_t db, const Entry& entry) {
  const std::unique_ptr<ValueWalk> members = walk_of(entry, memory_, options_.compress);
  if (!wanted_) {
    members->write_some(nullptr, UINT64_MAX);
    return;
  }
  out_.begin_record(Lane::kSmall, db);
  write_rdb_key_head(rdb_meta_of(entry, options_.rules, options_.at), rdb_type_of(entry),
                     entry.key(), *small_);
  members->write_some(&*small_, UINT64_MAX);
  out_.end_record(Lane::kSmall);
  ++keys_;
}

void ShardSnapshot::queue(uint32_t db, const Entry& entry) {
  BigValue& value = big_values_.emplace_back();
  value.db = db;
  value.name = entry.key();
  value.meta = rdb_meta_of(entry, options_.rules, options_.at);
  value.type = rdb_type_of(entry);
  value.walk = walk_of(entry, memory_, options_.compress);
  if (entry.collection() != nullptr) {
    value.collection = entry.load_collection();
  } else {
    value.block = entry.value_outside();
  }
  big_value_at_.emplace(value.where(), &value);
  if (value.walk->reader_id() != 0) {
    walk_by_.emplace(value.walk->reader_id(), value.walk.get());
  }
}

// Some of the first one.
void ShardSnapshot::write_big_value(uint64_t until) {
  BigValue& value = big_values_.front();
  if (!wanted_) {
    if (value.walk->write_some(nullptr, until)) {
      end_big_value();
    }
    return;
  }
  if (!value.begun) {
    value.begun = true;
    out_.begin_record(Lane::kBig, value.db);
    write_rdb_key_head(value.meta, value.type, value.name, *big_);
  }
  if (value.walk->write_some(&*big_, until)) {
    out_.end_record(Lane::kBig);
    ++keys_;
    end_big_value();
  }
}

void ShardSnapshot::end_big_value() {
  const BigValue value = std::move(big_values_.front());
  big_value_at_.erase(value.where());
  walk_by_.erase(value.walk->reader_id());
  big_values_.pop_front();
  if (value.kept && value.collection != nullptr) {
    memory_.give_back(value.collection);
  } else if (value.kept) {
    memory_.give_back(value.block);
  }
}

size_t ShardSnapshot::held_bytes() const {
  size_t bytes = 0;
  for (const BigValue& value : big_values_) {
    bytes += value.walk->held_bytes();
    if (value.kept) {
      bytes += value.collection != nullptr ? value.collection->bytes() : value.block.capacity;
    }
  }
  return bytes;
}

// --- what changes before the walk has come there ---

void ShardSnapshot::before_key(uint32_t db, Entry& entry) { take(db, entry); }

void ShardSnapshot::before_member(Entry& member) {
  BigValue* const value = big_value_at(memory_.owner_of(member));
  POLLUX_ASSERT(value != nullptr);
  value->walk->before_member(member);
}

bool ShardSnapshot::keep(Collection& collection) { return keep_if_read(&collection); }

bool ShardSnapshot::keep(const Entry::Outside& block) { return keep_if_read(block.data); }

bool ShardSnapshot::reads(const Entry::Outside& block) const {
  return big_value_at(block.data) != nullptr;
}

ListReader* ShardSnapshot::list_reader(ReaderId id) {
  ValueWalk* const walk = walk_by(id);
  return walk == nullptr ? nullptr : walk->list_reader();
}

StreamReader* ShardSnapshot::stream_reader(ReaderId id) {
  ValueWalk* const walk = walk_by(id);
  return walk == nullptr ? nullptr : walk->stream_reader();
}

ValueWalk* ShardSnapshot::walk_by(ReaderId id) const {
  const auto found = walk_by_.find(id);
  return found == walk_by_.end() ? nullptr : found->second;
}

bool ShardSnapshot::keep_if_read(const void* where) {
  BigValue* const value = big_value_at(where);
  if (value == nullptr) {
    return false;
  }
  value->kept = true;
  return true;
}

ShardSnapshot::BigValue* ShardSnapshot::big_value_at(const void* where) const {
  const auto found = big_value_at_.find(where);
  return found == big_value_at_.end() ? nullptr : found->second;
}

}  // namespace pollux
