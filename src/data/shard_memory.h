// The memory of one shard: the heap of entries and members, the pool of table segments, the arena
// for all else; what is deleted and is freed in slices; the account of all of it. What is
// allocated here never leaves the shard. Belongs to its holder.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/arena.h"
#include "src/base/page_warmer.h"
#include "src/base/prefetch.h"
#include "src/data/collection.h"
#include "src/data/compact_pool.h"
#include "src/data/entry.h"
#include "src/data/entry_heap.h"
#include "src/data/pre_images.h"

namespace pollux {

class ShardMemory {
 public:
  // `warmer`, if any, makes memory resident ahead of its use.
  explicit ShardMemory(PageWarmer* warmer);
  ~ShardMemory();  // Requires that no collection and no block of the arena is left.
  ShardMemory(const ShardMemory&) = delete;
  ShardMemory& operator=(const ShardMemory&) = delete;

  Arena& arena() { return arena_; }
  EntryHeap& heap() { return heap_; }
  const EntryHeap& heap() const { return heap_; }
  CompactPool& table_pool() { return table_pool_; }
  Entry* entry_at(Handle handle) const { return reinterpret_cast<Entry*>(heap_.address(handle)); }
  // Asks for all lines of an entry or member of average length: one of 88 bytes
  // (16 and 64) lies on three lines in one of four cases; a GET that waits for the last of them
  // costs 0.39 us instead of 0.33 (pipeline 64, a million keys).
  void prefetch_entry(Handle handle) const {
    const char* block = heap_.address(handle);
    for (size_t at = 0; at < prefetch_bytes_; at += kLine) {
      prefetch(block + at);
    }
    prefetch(block + prefetch_bytes_ - 1);
  }
  // Looks how long they are now.
  void tune_prefetch();

  // --- entries and members ---
  // A block with header and name; of `shape` it has the room for a value of that many bytes and for
  // timers. All are the caller's to fill; the value is a raw string until it is set.
  struct Shape {
    ValueType type = ValueType::kString;
    bool has_expiry = false;
    uint32_t stamp = 0;
    size_t value_area_bytes = 0;
    bool has_field_timer = false;
  };
  Handle new_entry(std::string_view name, const Shape& shape);
  // The same with the name of `from`, which gives it up: of that entry only the block may be freed.
  Handle new_entry_named_as(const Entry& from, const Shape& shape);
  // With all that belongs to it; it is out of table and wheel.
  void free_entry(Handle handle);
  // What its value has outside the block.
  void free_value(const Entry& entry);

  // A block of the arena that belongs to an entry.
  Entry::Outside new_outside(size_t capacity);
  Entry::Outside new_outside(std::string_view bytes);
  void free_outside(const Entry::Outside& outside);
  bool has_outside_blocks() const { return outside_count_ > 0; }

  // --- collections ---
  // A Collection of type T, which is constructed from this and `args`.
  template <typename T, typename... Args>
  T* make(Args&&... args) {
    T* made = new (arena_.allocate(sizeof(T))) T(*this, std::forward<Args>(args)...);
    made->object_bytes_ = sizeof(T);
    return made;
  }
  // It belongs to no key any more: a small one goes at once, a large one in slices.
  void bury(Collection* collection);
  // Whose member it is.
  Collection* owner_of(const Entry& member) const { return owners_[member.stamp()]; }
  bool has_collections() const { return owners_.size() > free_ids_.size() + 1; }

  // --- snapshots (pre_images.h) ---
  // The cut: all that is there is old from here on. Requires that nothing old is left.
  void begin_snapshot(PreImages& images);
  // Requires that nothing old is left.
  void end_snapshot() { pre_images_ = nullptr; }
  PreImages* pre_images() const { return pre_images_; }
  bool is_old(const Entry& entry) const { return entry.mark() != mark_; }
  void renew(Entry& entry) const { entry.set_mark(mark_); }
  // The member changes now, or goes.
  void before_member(Entry& member) {
    if (is_old(member)) [[unlikely]] {
      pre_images_->before_member(member);
    }
  }
  // Blocks of this size are read in slices by a snapshot; smaller ones are read at once.
  static bool is_long(const Entry::Outside& block) { return block.capacity >= kLongBlockMin; }
  // Whether the block must stay as it is.
  bool is_read(const Entry::Outside& block) const {
    return pre_images_ != nullptr && is_long(block) && pre_images_->reads(block);
  }
  // Lists and streams: who begins to read one, and whose number that is, if anybody's.
  ReaderId new_reader() { return ++readers_; }
  ListReader* list_reader(ReaderId id) const {
    return pre_images_ == nullptr ? nullptr : pre_images_->list_reader(id);
  }
  StreamReader* stream_reader(ReaderId id) const {
    return pre_images_ == nullptr ? nullptr : pre_images_->stream_reader(id);
  }
  // What the snapshot has kept.
  void keep(const Collection& collection);
  void give_back(Collection* collection);
  void give_back(const Entry::Outside& block);
  // A single block that it has taken over or made: it counts as deleted until it is freed.
  void hold(const Entry::Outside& block) {
    dying_bytes_ += static_cast<int64_t>(Arena::usable(block.capacity));
  }
  void free_held(const Entry::Outside& block);

  // --- what is deleted ---
  bool has_dead() const { return !dead_blocks_.empty() || !dead_collections_.empty(); }
  uint64_t dead_objects() const;
  // Frees until nothing is left (false) or the time stamp counter has reached `until` (true).
  // Returns what it has freed in `objects`, which it adds to.
  bool free_dead(uint64_t until, uint64_t& objects);
  // Of used_bytes, what is deleted and not yet freed. The store knows of whole databases besides.
  int64_t dying_bytes() const { return dying_bytes_; }
  void set_dying_bytes(int64_t bytes) { dying_bytes_ = bytes; }

  // --- account (see ShardStore) ---
  int64_t used_bytes() const {
    return arena_.used_bytes() + heap_.used_bytes() + table_pool_.used_bytes();
  }
  int64_t live_bytes() const {
    return std::max<int64_t>(used_bytes() - heap_.hole_bytes() - dying_bytes_, 0);
  }
  int64_t weighed_bytes() const {
    const int64_t live = live_bytes();
    return live + std::min(heap_.lasting_hole_bytes(), live / kHolesWeighedMax);
  }
  int64_t mapped_bytes() const { return heap_.mapped_bytes() + table_pool_.mapped_bytes(); }
  // Of these, what is not in use.
  int64_t spare_bytes() const {
    return mapped_bytes() - heap_.used_bytes() - table_pool_.used_bytes();
  }
  int64_t measured_bytes() const { return arena_.measured_bytes() + mapped_bytes(); }

 private:
  // Of weighed_bytes: a shard with so little in so many sizes that its holes are more than this
  // share of what lives would be emptied in vain.
  static constexpr int64_t kHolesWeighedMax = 2;
  // Blocks of at least this size are freed by tick: giving them back costs the system's time.
  static constexpr size_t kLongBlockMin = 64 << 10;
  static constexpr size_t kLine = 64;
  // Of longer blocks the processor itself sees where their reader goes.
  static constexpr size_t kPrefetchBytesMax = 3 * kLine;
  // Collections of more elements are freed by tick.
  static constexpr size_t kFreedAtOnceMax = 64;

  friend class Collection;
  uint32_t enlist(Collection* collection);  // its id
  void destroy(Collection* collection);

  Arena arena_;
  EntryHeap heap_;
  CompactPool table_pool_;
  size_t prefetch_bytes_ = kLine;
  uint64_t outside_count_ = 0;
  std::vector<Collection*> owners_{nullptr};  // by id; 0 is nobody's
  std::vector<uint32_t> free_ids_;
  std::vector<Entry::Outside> dead_blocks_;
  std::vector<Collection*> dead_collections_;
  int64_t dying_bytes_ = 0;
  bool mark_ = false;
  ReaderId readers_ = 0;
  PreImages* pre_images_ = nullptr;  // null: no snapshot is being taken
};

}  // namespace pollux
