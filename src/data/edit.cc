// How a key changes (class Edit of keyspace.h). All ways lead to a few moves: overwrite in place if
// the entry keeps its block size; else make a new block, fill it, adopt it in place of the old one.
// What is written may come from the old value, so that is freed last.
#include <algorithm>
#include <climits>
#include <cstring>

#include "src/base/assert.h"
#include "src/base/num.h"
#include "src/data/keyspace.h"

namespace pollux {

namespace {

// Growing strings get room for more: as much again up to 1 MiB, above that at least another MiB
// or an eighth, so that a series of appends copies each byte a bounded number of times.
size_t capacity_for_growth(size_t size) {
  constexpr size_t kDoubleMax = 1 << 20;
  return size < kDoubleMax ? 2 * size : size + std::max(kDoubleMax, size / 8);
}

// Whether an entry may stay if its value becomes one of this type: it loses no timer.
bool stays_timed(const Entry& entry, ValueType type) {
  return !entry.has_field_timer() || type == ValueType::kHash;
}

// memmove that takes null for no bytes.
void move_bytes(char* to, std::string_view from) {
  if (!from.empty()) {
    std::memmove(to, from.data(), from.size());
  }
}

}  // namespace

Edit::Edit(Keyspace& keys, int db, const Key& key)
    : stamps_(&keys.stamps_),
      store_(keys.store_of(key)),
      data_(store_.database(db)),
      key_(key),
      db_(db) {
  KeyTable::Position position = store_.find(data_, key_);
  if (!position) {
    return;
  }
  if (store_.entry_at(position.handle())->has_timer() && !keys.replaying_ &&
      !store_.settle(db, key_, position, keys.now_.ms())) [[unlikely]] {
    return;
  }
  enter(position);
  writable()->set_stamp(stamps_->next(writable()->stamp()));
}

Edit::Edit(ShardStore& store, int db, const Key& key, KeyTable::Position position)
    : stamps_(nullptr), store_(store), data_(store_.database(db)), key_(key), db_(db) {
  enter(position);
}

void Edit::enter(KeyTable::Position position) {
  position_ = position;
  handle_ = position.handle();
  version_ = data_.table.version();
  entry_ = writable();
}

Edit::~Edit() {
  POLLUX_ASSERT(!changed_ || notified_);
}

void Edit::set_string(std::string_view bytes) {
  if (bytes.size() <= kInt64TextMax) {
    if (const std::optional<int64_t> value = parse_int64(bytes)) {
      set_int(*value);
      return;
    }
  }
  set_text(bytes);
}

void Edit::set_text(std::string_view bytes) {
  write_bytes(bytes, ValueType::kString,
              bytes.size() <= kEmbstrBytesMax ? Encoding::kEmbstr : Encoding::kRaw);
}

void Edit::set_int(int64_t value) {
  before_change();
  char area[sizeof(value)];
  std::memcpy(area, &value, sizeof(value));
  write_inside({area, sizeof(area)}, ValueType::kString, Encoding::kInt);
}

void Edit::set_raw(std::string_view bytes) {
  write_bytes(bytes, ValueType::kString, Encoding::kRaw);
}

void Edit::write_bytes(std::string_view bytes, ValueType type, Encoding encoding) {
  before_change();
  if (bytes.size() <= Entry::kInlineValueMax) {
    write_inside(bytes, type, encoding);
  } else {
    write_outside(bytes, type, encoding);
  }
}

std::span<char> Edit::grow_raw(size_t size) {
  before_change();
  char scratch[kInt64TextMax];
  const std::string_view old = entry_ == nullptr ? std::string_view() : entry_->string(scratch);
  POLLUX_ASSERT(size >= old.size());
  return resize(old, ValueType::kString, Encoding::kRaw, size);
}

std::span<char> Edit::resize_flat(ValueType type, Encoding encoding, size_t size) {
  before_change();
  return resize(entry_ == nullptr ? std::string_view() : entry_->flat(), type, encoding, size);
}

Collection* Edit::collection() {
  before_change();
  return entry_->load_collection();
}

void Edit::set_collection(ValueType type, Encoding encoding, Collection* collection) {
  before_change();
  const Handle fresh = new_block(timers_for(type), sizeof(collection));
  store_.entry_at(fresh)->set_value_collection(type, encoding, collection);
  adopt(fresh);
}

void Edit::set_flat(ValueType type, Encoding encoding, std::string_view bytes) {
  write_bytes(bytes, type, encoding);
}

ShardMemory& Edit::memory() { return store_.memory_; }

void Edit::set_expiry(int64_t at_ms) {
  POLLUX_ASSERT(entry_ != nullptr);
  before_change();
  if (entry_->has_expiry()) {
    store_.unlink_expiry(data_, handle_);
  } else {
    reshape({/*expiry=*/true, entry_->has_field_timer()});
  }
  store_.link_expiry(data_, handle_, at_ms);
}

bool Edit::clear_expiry() {
  if (entry_ == nullptr || !entry_->has_expiry()) {
    return false;
  }
  before_change();
  store_.unlink_expiry(data_, handle_);
  reshape({/*expiry=*/false, entry_->has_field_timer()});
  return true;
}

void Edit::set_field_timer(int64_t at_ms) {
  POLLUX_ASSERT(entry_ != nullptr);
  if (entry_->field_timer_ms() == at_ms) {
    return;
  }
  before_change();
  const bool wanted = at_ms >= 0;
  if (entry_->has_field_timer()) {
    data_.field_wheel->unschedule(handle_);
  }
  if (entry_->has_field_timer() != wanted) {
    reshape({entry_->has_expiry(), wanted});
  }
  if (wanted) {
    store_.link_fields(data_, handle_, at_ms);
  }
}

void Edit::remove() {
  POLLUX_ASSERT(entry_ != nullptr);
  before_change();
  erase_entry();
}

void Edit::take(Edit& from) {
  POLLUX_ASSERT(from.entry_ != nullptr && this != &from);
  if (&store_ != &from.store_) {
    // The memory of a shard stays in it.
    copy(*from.entry_);
    writable()->set_stamp(from.entry_->stamp());
    from.remove();
    return;
  }
  POLLUX_ASSERT(handle_ != from.handle_);
  before_change();
  from.before_change();
  if (entry_ != nullptr) {
    erase_entry();
  }
  const Entry& source = *from.entry_;
  const bool has_expiry = source.has_expiry();
  const bool has_field_timer = source.has_field_timer();
  const Handle fresh = new_block({has_expiry, has_field_timer}, source.value_area_bytes());
  Entry* entry = store_.entry_at(fresh);
  entry->copy_value(source);
  entry->set_stamp(source.stamp());
  adopt(fresh);
  if (has_expiry) {
    const int64_t at_ms = source.expiry_ms();
    store_.unlink_expiry(from.data_, from.handle_);
    store_.link_expiry(data_, fresh, at_ms);
  }
  if (has_field_timer) {
    from.data_.field_wheel->unschedule(from.handle_);
    store_.link_fields(data_, fresh, source.field_timer_ms());
  }
  // What is left of the other entry: its key and its block.
  from.data_.table.erase(from.key_.hash, from.position());
  if (source.key_is_outside()) {
    store_.memory_.free_outside(source.key_outside());
  }
  store_.memory_.heap().free(from.handle_);
  from.handle_ = kNoHandle;
  from.entry_ = nullptr;
}

void Edit::copy(const Entry& source) {
  POLLUX_ASSERT(&source != entry_);
  const int64_t at_ms = source.expiry_ms();
  const bool has_expiry = source.has_expiry();
  const int64_t field_timer_ms = source.field_timer_ms();
  // What it replaces counts as removed, without an event.
  const bool replaced = entry_ != nullptr;
  before_change();
  if (const Collection* collection = source.collection()) {
    set_collection(source.type(), source.encoding(), collection->clone(store_.memory_));
  } else if (source.value_is_outside()) {
    write_outside(source.stored_bytes(), source.type(), source.encoding());
  } else {
    write_inside({source.value_area(), source.value_area_bytes()}, source.type(),
                 source.encoding());
  }
  if (replaced) {
    tell_added();
  }
  if (has_expiry) {
    set_expiry(at_ms);
  } else {
    clear_expiry();
  }
  set_field_timer(field_timer_ms);
}

void Edit::notify(KeyEvent event, uint64_t changes) {
  notified_ = true;
  store_.stats_.changes += changes;
  if (store_.observer_ != nullptr) {
    store_.observer_->after(db_, key_, event, entry_);
  }
}

// --- the moves ---

void Edit::before_change() {
  notified_ = false;
  if (changed_) {
    return;
  }
  changed_ = true;
  if (entry_ != nullptr) {
    store_.before_key(data_, *writable());
  }
  if (store_.observer_ != nullptr) {
    store_.observer_->before(db_, key_, entry_);
  }
}

// `area` is what the value area will hold: the bytes of a value or of an int64.
void Edit::write_inside(std::string_view area, ValueType type, Encoding encoding) {
  if (entry_ != nullptr && entry_->fits_in_place(area.size()) && stays_timed(*entry_, type)) {
    Entry* entry = writable();
    move_bytes(entry->value_area(), area);
    entry->set_value_inside(type, encoding, area.size());
    return;
  }
  const Handle fresh = new_block(timers_for(type), area.size());
  Entry* entry = store_.entry_at(fresh);
  entry->set_value_inside(type, encoding, area.size());
  move_bytes(entry->value_area(), area);
  adopt(fresh);
}

void Edit::write_outside(std::string_view bytes, ValueType type, Encoding encoding) {
  if (entry_ != nullptr && entry_->value_is_outside() && stays_timed(*entry_, type)) {
    Entry::Outside outside = entry_->value_outside();
    // In place, unless half of it would lie idle.
    if (outside.capacity >= bytes.size() && outside.capacity / 2 <= bytes.size() &&
        !store_.memory_.is_read(outside)) {
      move_bytes(outside.data, bytes);
      outside.size = bytes.size();
      writable()->set_value_outside(type, encoding, outside);
      return;
    }
  }
  adopt_outside(store_.memory_.new_outside(bytes), type, encoding);
}

void Edit::adopt_outside(const Entry::Outside& outside, ValueType type, Encoding encoding) {
  const Handle fresh = new_block(timers_for(type), sizeof(outside));
  store_.entry_at(fresh)->set_value_outside(type, encoding, outside);
  adopt(fresh);
}

// The bytes of the value, `old`, as `size` writable ones; what is new of them is zero.
std::span<char> Edit::resize(std::string_view old, ValueType type, Encoding encoding,
                             size_t size) {
  // A value that has left the inside returns to it only when it is much smaller.
  const bool was_outside = entry_ != nullptr && entry_->value_is_outside();
  const size_t inside_max = was_outside ? Entry::kInlineValueMax / 2 : Entry::kInlineValueMax;
  return size > inside_max ? resize_outside(old, type, encoding, size)
                           : resize_inside(old, type, encoding, size);
}

std::span<char> Edit::resize_inside(std::string_view old, ValueType type, Encoding encoding,
                                    size_t size) {
  // Writing the old bytes as a value of the new size would read past their end.
  char bytes[Entry::kInlineValueMax];
  move_bytes(bytes, old.substr(0, size));
  if (size > old.size()) {
    std::memset(bytes + old.size(), 0, size - old.size());
  }
  write_inside({bytes, size}, type, encoding);
  return {writable()->value_area(), size};
}

std::span<char> Edit::resize_outside(std::string_view old, ValueType type, Encoding encoding,
                                     size_t size) {
  const bool was_outside = entry_ != nullptr && entry_->value_is_outside();
  Entry::Outside outside{};
  if (was_outside) {
    outside = entry_->value_outside();
  }
  const bool too_small = outside.capacity < size;
  if (too_small || outside.capacity / 4 > size || store_.memory_.is_read(outside)) {
    const Entry::Outside previous = outside;
    // The class of the allocator may have room beyond what is asked; use all of it.
    const size_t wanted = old.empty() || !too_small ? size : capacity_for_growth(size);
    outside = store_.memory_.new_outside(Arena::usable(wanted));
    move_bytes(outside.data, old.substr(0, size));
    if (was_outside) {
      writable()->set_value_outside(type, encoding, outside);
      store_.memory_.free_outside(previous);
    } else {
      adopt_outside(outside, type, encoding);
    }
  }
  if (size > old.size()) {
    std::memset(outside.data + old.size(), 0, size - old.size());
  }
  outside.size = size;
  writable()->set_value_outside(type, encoding, outside);
  return {outside.data, size};
}

// The same entry with or without timers; the links of the one that comes or goes are the caller's.
void Edit::reshape(Timers timers) {
  const Handle fresh = store_.memory_.new_entry_named_as(
      *entry_, {entry_->type(), timers.expiry, entry_->stamp(), entry_->value_area_bytes(),
                timers.fields});
  Entry* entry = store_.entry_at(fresh);
  entry->copy_value(*entry_);
  if (timers.expiry && entry_->has_expiry()) {
    entry->expiry() = entry_->expiry();
    data_.wheel->moved(fresh);
  }
  if (timers.fields && entry_->has_field_timer()) {
    entry->field_timer() = entry_->field_timer();
    data_.field_wheel->moved(fresh);
  }
  data_.table.replace(position(), fresh);
  store_.memory_.heap().free(handle_);
  handle_ = fresh;
  entry_ = entry;
}

// A block for this key with room for a value; key and expiry block are filled in. (The field timer
// is adopt's: where it stands, the value tells.)
Handle Edit::new_block(Timers timers, size_t value_area_bytes) {
  ShardMemory::Shape shape{ValueType::kString, timers.expiry, 0, value_area_bytes, timers.fields};
  if (entry_ == nullptr) {
    shape.stamp = stamps_->first();
    return store_.memory_.new_entry(key_.bytes, shape);
  }
  shape.stamp = entry_->stamp();
  const Handle fresh = store_.memory_.new_entry_named_as(*entry_, shape);
  if (timers.expiry && entry_->has_expiry()) {
    store_.entry_at(fresh)->expiry() = entry_->expiry();
  }
  return fresh;
}

// `fresh`, of the same shape as to expiry, becomes the key's entry; the old one and its value go,
// and its field timer, if `fresh` has none.
void Edit::adopt(Handle fresh) {
  if (entry_ == nullptr) {
    position_ = data_.table.insert(key_.hash, fresh);
    version_ = data_.table.version();
    tell_added();
  } else {
    if (entry_->has_expiry()) {
      data_.wheel->moved(fresh);
    }
    if (entry_->has_field_timer()) [[unlikely]] {
      if (Entry* entry = store_.entry_at(fresh); entry->has_field_timer()) {
        entry->field_timer() = entry_->field_timer();
        data_.field_wheel->moved(fresh);
      } else {
        data_.field_wheel->unschedule(handle_);
      }
    }
    data_.table.replace(position(), fresh);
    if (entry_->value_is_elsewhere()) {
      store_.memory_.free_value(*entry_);
    }
    store_.memory_.heap().free(handle_);
  }
  handle_ = fresh;
  entry_ = writable();
}

void Edit::tell_added() {
  if (store_.observer_ != nullptr) {
    store_.observer_->added(db_, key_);
  }
}

void Edit::erase_entry() {
  store_.erase(data_, key_.hash, position());
  handle_ = kNoHandle;
  entry_ = nullptr;
}

// Where handle_ stands now: another Edit may have changed the table since.
KeyTable::Position Edit::position() {
  if (version_ != data_.table.version()) {
    position_ =
        data_.table.find(key_.hash, [handle = handle_](Handle there) { return there == handle; });
    POLLUX_ASSERT(position_);
    version_ = data_.table.version();
  }
  return position_;
}

}  // namespace pollux
