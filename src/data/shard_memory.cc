#include "src/data/shard_memory.h"

#include <algorithm>
#include <cstring>

#include "src/base/assert.h"
#include "src/base/slice_time.h"
#include "src/data/key_table.h"

namespace pollux {

ShardMemory::ShardMemory(PageWarmer* warmer)
    : arena_(warmer == nullptr ? nullptr : warmer->huge_pages()),
      heap_(warmer),
      table_pool_(KeyTable::moved, warmer) {}

ShardMemory::~ShardMemory() { POLLUX_ASSERT(!has_collections() && outside_count_ == 0); }

// --- entries and members ---

Handle ShardMemory::new_entry(std::string_view name, const Shape& shape) {
  const Handle handle = heap_.allocate(
      Entry::bytes_for(name.size(), shape.has_expiry, shape.value_area_bytes,
                       shape.has_field_timer));
  Entry* entry = entry_at(handle);
  entry->format(shape.type, Encoding::kRaw, shape.has_expiry, shape.stamp, shape.has_field_timer);
  renew(*entry);
  if (name.size() <= Entry::kInlineKeyMax) {
    entry->set_key(name);
  } else {
    entry->set_key_outside(new_outside(name));
  }
  return handle;
}

Handle ShardMemory::new_entry_named_as(const Entry& from, const Shape& shape) {
  const size_t name_bytes =
      from.key_is_outside() ? Entry::kInlineKeyMax + 1 : from.key_area_bytes();
  const Handle handle = heap_.allocate(
      Entry::bytes_for(name_bytes, shape.has_expiry, shape.value_area_bytes,
                       shape.has_field_timer));
  Entry* entry = entry_at(handle);
  entry->format(shape.type, Encoding::kRaw, shape.has_expiry, shape.stamp, shape.has_field_timer);
  renew(*entry);
  entry->copy_key(from);
  return handle;
}

void ShardMemory::tune_prefetch() {
  const auto blocks = static_cast<int64_t>(heap_.block_count());
  if (blocks > 0) {
    const int64_t mean = (heap_.used_bytes() - heap_.hole_bytes()) / blocks;
    prefetch_bytes_ = std::clamp(static_cast<size_t>(mean), size_t{1}, kPrefetchBytesMax);
  }
}

void ShardMemory::free_entry(Handle handle) {
  const Entry& entry = *entry_at(handle);
  if (entry.key_is_outside()) {
    free_outside(entry.key_outside());
  }
  if (entry.value_is_elsewhere()) {
    free_value(entry);
  }
  heap_.free(handle);
}

void ShardMemory::free_value(const Entry& entry) {
  if (entry.value_is_outside()) {
    free_outside(entry.value_outside());
  } else if (entry.value_is_collection()) {
    bury(entry.load_collection());
  }
}

Entry::Outside ShardMemory::new_outside(size_t capacity) {
  ++outside_count_;
  return {static_cast<char*>(arena_.allocate(capacity)), 0, capacity};
}

Entry::Outside ShardMemory::new_outside(std::string_view bytes) {
  Entry::Outside outside = new_outside(bytes.size());
  std::memcpy(outside.data, bytes.data(), bytes.size());
  outside.size = bytes.size();
  return outside;
}

void ShardMemory::free_outside(const Entry::Outside& outside) {
  if (is_long(outside)) {
    dying_bytes_ += static_cast<int64_t>(Arena::usable(outside.capacity));
    if (pre_images_ == nullptr || !pre_images_->keep(outside)) {
      dead_blocks_.push_back(outside);
    }
    return;
  }
  --outside_count_;
  arena_.free(outside.data, outside.capacity);
}

// --- collections ---

Collection::Collection(ShardMemory& memory) : memory_(memory), id_(memory.enlist(this)) {}

uint32_t ShardMemory::enlist(Collection* collection) {
  if (free_ids_.empty()) {
    POLLUX_ASSERT(owners_.size() < size_t{1} << kStampBits);
    owners_.push_back(collection);
    return static_cast<uint32_t>(owners_.size() - 1);
  }
  const uint32_t id = free_ids_.back();
  free_ids_.pop_back();
  owners_[id] = collection;
  return id;
}

void ShardMemory::destroy(Collection* collection) {
  owners_[collection->id_] = nullptr;
  free_ids_.push_back(collection->id_);
  const size_t bytes = collection->object_bytes_;
  collection->~Collection();
  arena_.free(collection, bytes);
}

void ShardMemory::bury(Collection* collection) {
  if (pre_images_ != nullptr && pre_images_->keep(*collection)) {
    keep(*collection);
    return;
  }
  if (collection->size() <= kFreedAtOnceMax) {
    while (collection->free_some(UINT64_MAX)) {
    }
    destroy(collection);
    return;
  }
  dying_bytes_ += static_cast<int64_t>(collection->bytes());
  dead_collections_.push_back(collection);
}

// --- snapshots ---

void ShardMemory::begin_snapshot(PreImages& images) {
  POLLUX_ASSERT(pre_images_ == nullptr);
  mark_ = !mark_;
  pre_images_ = &images;
}

void ShardMemory::keep(const Collection& collection) {
  dying_bytes_ += static_cast<int64_t>(collection.bytes());
}

// As dying as before, but nobody reads it any more.
void ShardMemory::give_back(Collection* collection) {
  dying_bytes_ = std::max<int64_t>(dying_bytes_ - static_cast<int64_t>(collection->bytes()), 0);
  bury(collection);
}

void ShardMemory::give_back(const Entry::Outside& block) { dead_blocks_.push_back(block); }

void ShardMemory::free_held(const Entry::Outside& block) {
  const auto bytes = static_cast<int64_t>(Arena::usable(block.capacity));
  dying_bytes_ = std::max<int64_t>(dying_bytes_ - bytes, 0);
  free_outside(block);
}

// --- what is deleted ---

uint64_t ShardMemory::dead_objects() const {
  uint64_t count = dead_blocks_.size();
  for (const Collection* collection : dead_collections_) {
    count += collection->size();
  }
  return count;
}

bool ShardMemory::free_dead(uint64_t until, uint64_t& objects) {
  while (!dead_blocks_.empty()) {
    const Entry::Outside block = dead_blocks_.back();
    dead_blocks_.pop_back();
    --outside_count_;
    arena_.free(block.data, block.capacity);
    ++objects;
    if (out_of_time(until)) {
      return has_dead();
    }
  }
  while (!dead_collections_.empty()) {
    Collection* collection = dead_collections_.back();
    const uint64_t before = collection->size();
    const int64_t dying = dying_bytes_;
    const bool left = collection->free_some(until);
    dying_bytes_ = dying;  // large values wait once more; they were counted with the collection
    objects += before - collection->size();
    if (left) {
      return true;
    }
    dead_collections_.pop_back();
    destroy(collection);
  }
  return !dead_blocks_.empty();  // values of members may have been large
}

}  // namespace pollux
