// The index of one database: from the hash of a key to the handle of its entry. Entries stand in
// the order of their tags, the top 32 bits of their hashes, so that a scan is a walk over tags and
// its cursor a tag: whatever the table does meanwhile, what was before the cursor stays before it.
//
// The tag space is cut into segments, each for all tags with a certain prefix of `depth` bits. A
// segment has n home buckets and a few spill buckets; the home of a tag is its part below the
// prefix scaled to n, so homes ascend with tags and n may be any number. A full bucket pushes its
// largest tag on to the next one (ordered linear probing, Amble and Knuth 1974), deletion pulls
// back. A segment grows alone, by about a sixth, and splits in two when it is large; a directory
// over the first bits of the tag finds the segment (extendible hashing, Fagin et al. 1979).
//
// Costs: a lookup is a load of the directory, one bucket (a cache line), in some cases the next
// one, and the entry. The longest insert rebuilds one segment of 16 KiB; no step depends on the
// size of the table, for the next directory is made in slices. Belongs to the holder of the shard.
// Positions live until version() changes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "src/base/arena.h"
#include "src/base/assert.h"
#include "src/base/prefetch.h"
#include "src/base/rng.h"
#include "src/data/compact_pool.h"
#include "src/data/entry_heap.h"

namespace pollux {

class KeyTable {
 private:
  static constexpr size_t kBucketSlots = 8;

  // Used slots come first, with ascending tags; free ones hold kFreeTag and no handle.
  struct alignas(64) Bucket {
    uint32_t tags[kBucketSlots];
    uint32_t handles[kBucketSlots];

    bool full() const { return handles[kBucketSlots - 1] != kNoHandle; }
    // The slots with this tag, as bits. For kFreeTag free slots are among them.
    unsigned match(uint32_t tag) const { return slots_with(tags, tag); }
    unsigned used() const {
      return kBucketSlots - static_cast<unsigned>(std::popcount(slots_with(handles, kNoHandle)));
    }
    // How many slots hold a tag below this one.
    unsigned below(uint32_t tag) const;
    void insert_at(unsigned slot, uint32_t tag, Handle handle);
    void erase_at(unsigned slot);
    void clear();

   private:
    // One comparison of AVX2, by the compiler's own vectors: <immintrin.h> would be a third of all
    // that a file with this header has to read.
    static unsigned slots_with(const uint32_t (&slots)[kBucketSlots], uint32_t what) {
      using Lanes = uint32_t __attribute__((vector_size(32), may_alias));
      using Floats = float __attribute__((vector_size(32)));
      const auto same = *reinterpret_cast<const Lanes*>(slots) == Lanes{} + what;
      return static_cast<unsigned>(__builtin_ia32_movmskps256(reinterpret_cast<Floats>(same)));
    }
  };

  // The head of a segment, followed by its buckets. The last slot of the last bucket stays free,
  // so that no walk over full buckets leaves the segment.
  struct alignas(64) Segment {
    uint32_t count;
    uint32_t count_max;  // grows at the next insert beyond it
    uint32_t buckets;
    uint32_t homes;
    uint32_t depth;
    uint32_t size_class;
    uint32_t first_tag;  // of its prefix
    KeyTable* owner;

    Bucket* bucket(size_t index) { return reinterpret_cast<Bucket*>(this + 1) + index; }
    uint32_t home_of(uint32_t tag) const { return home_index(tag, depth, homes); }
  };
  static_assert(sizeof(Bucket) == 64 && sizeof(Segment) == 64);

  // What empty tables look up in: one free bucket, and no room.
  struct EmptySegment {
    Segment head;
    Bucket bucket;
  };
  static const EmptySegment kEmptySegment;

 public:
  static constexpr size_t kSlotBytes = sizeof(Bucket) / kBucketSlots;

  // A used slot; valid while version() is the same.
  class Position {
   public:
    Position() = default;
    explicit operator bool() const { return bucket_ != nullptr; }
    Handle handle() const { return bucket_->handles[slot_]; }

   private:
    friend class KeyTable;
    Position(Bucket* bucket, unsigned slot) : bucket_(bucket), slot_(slot) {}
    Bucket* bucket_ = nullptr;
    unsigned slot_ = 0;
  };

  // Small segments stand in the arena, the others in the pool, which tables of a shard share and
  // whose callback is `moved`.
  KeyTable(Arena& arena, CompactPool& pool);
  ~KeyTable();  // Entries are the caller's.
  KeyTable(const KeyTable&) = delete;
  KeyTable& operator=(const KeyTable&) = delete;

  uint64_t size() const { return size_; }
  // What segments and directories take.
  uint64_t bytes() const { return bytes_; }
  // Changes whenever positions may have moved.
  uint64_t version() const { return version_; }

  // The slot with this hash whose handle satisfies `same_key`.
  template <typename SameKey>
  Position find(uint64_t hash, SameKey same_key) const;
  // Requires that the key is not there.
  Position insert(uint64_t hash, Handle handle);
  void replace(Position position, Handle handle) {
    position.bucket_->handles[position.slot_] = handle;
  }
  void erase(uint64_t hash, Position position);
  // Soon there will be so many entries in all (0: nobody knows): segments are made at once as large
  // as they will be then, and not by steps, which copy each entry some seven times between two
  // splits. Only a hint: what is wrong with it costs as much room again as there is, or 16 KiB.
  void expect(uint64_t entries);

  void prefetch_bucket(uint64_t hash) const { prefetch(home_bucket(tag_of(hash))); }
  // For a key that will be inserted: what find looks at, and all else that insert does, but for one
  // insert in some that goes further. (Loading 5 million keys spent a sixth of a worker's time on
  // waiting for these two lines.)
  void prefetch_insert(uint64_t hash) const {
    const uint64_t slot = slot_of(tag_of(hash));
    const Bucket* const home = home_bucket(tag_of(hash));
    prefetch(home);
    prefetch(home + 1);  // the last bucket is nobody's home
    prefetch(segment_in(slot));
  }
  // Calls prefetch(handle) for what find would look at.
  template <typename Prefetch>
  void prefetch_entries(uint64_t hash, Prefetch prefetch) const;

  // Calls visit(handle) for entries in the order of their tags, from the tag `cursor` on, until
  // `count` were visited and the tag changes. Returns the tag to go on with, 0 at the end.
  template <typename Visit>
  uint64_t scan(uint64_t cursor, uint64_t count, Visit visit) const;
  // The same; calls visit(tag, handle). find and erase accept hash_of(tag) with a handle to tell
  // the right one.
  template <typename Visit>
  uint64_t walk(uint64_t cursor, uint64_t count, Visit visit) const;
  static uint64_t hash_of(uint32_t tag) { return uint64_t{tag} << 32; }
  // Any used slot, each with nearly the same chance. Requires size() > 0.
  Handle random(Rng& rng) const;
  // The same in two steps, so that memory can be asked for in between. A draw names a slot by its
  // bits, as the table is then: of a bucket that is there, for which it asks. Then what is in it,
  // perhaps nothing.
  uint64_t draw(Rng& rng) const;
  Handle drawn(uint64_t draw) const;

  // Taking the table apart in slices: calls visit(handle) for the entries of the next bucket and
  // frees what is done with. False when nothing is left. Between the first call and that moment
  // nothing else may be called.
  template <typename Visit>
  bool drain_bucket(Visit visit);

  // Checks the order, the homes and the counts of everything; for tests. Asserts.
  void check() const;

  static void moved(void* segment);

  size_t directory_size() const { return size_t{1} << directory_bits_; }

 private:
  static constexpr uint32_t kFreeTag = ~uint32_t{0};
  static constexpr unsigned kDepthMax = 31;

  // A directory slot packs what a lookup needs: the address of the segment (a multiple of 64 below
  // 2^47), its depth in the low 6 bits, the count of home buckets in the high 16.
  static constexpr uint64_t kDepthMask = 63;
  static constexpr uint64_t kAddressMask = ((uint64_t{1} << 48) - 1) & ~kDepthMask;
  static constexpr unsigned kHomesShift = 48;
  static constexpr uint32_t kHomesMax = (1U << 16) - 1;

  // What a new segment is filled from: the entries of one or two segments with tags in a range.
  struct Source {
    Segment* segments[2] = {nullptr, nullptr};
    uint32_t first = 0;
    uint32_t last = ~uint32_t{0};
    uint32_t count = 0;
  };

  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }
  static uint32_t home_index(uint32_t tag, uint32_t depth, uint32_t homes) {
    return static_cast<uint32_t>((uint64_t{tag << depth} * homes) >> 32);
  }
  static Segment* segment_in(uint64_t slot) {
    return reinterpret_cast<Segment*>(slot & kAddressMask);
  }
  static uint64_t pack(Segment* segment);

  size_t directory_index(uint32_t tag) const { return uint64_t{tag} >> (32 - directory_bits_); }
  uint64_t slot_of(uint32_t tag) const { return directory_[directory_index(tag)]; }
  // How many directory slots a segment of this depth fills.
  size_t span_of(uint32_t depth) const { return size_t{1} << (directory_bits_ - depth); }
  Bucket* home_bucket(uint32_t tag) const {
    const uint64_t slot = slot_of(tag);
    const uint32_t home = home_index(tag, slot & kDepthMask, slot >> kHomesShift);
    return segment_in(slot)->bucket(home);
  }

  const Bucket* bucket_drawn(uint64_t draw) const;

  static Segment* empty_segment() { return const_cast<Segment*>(&kEmptySegment.head); }
  static uint32_t class_for(uint64_t count);
  Segment* new_segment(uint32_t size_class, uint32_t depth, uint32_t first_tag, uint32_t count);
  void free_segment(Segment* segment);
  static bool fill(Segment* segment, const Source& source);
  Segment* build(const Source& source, uint32_t depth, uint32_t first_tag, uint32_t size_class_min);
  void install(Segment* segment);
  void point_directory(Segment* segment);
  uint32_t expected_class(uint32_t depth) const;
  void grow(uint32_t tag);
  bool may_split(const Segment* segment) const;
  void split(Segment* segment);
  void shrink(uint32_t tag);
  bool merge(Segment* segment);
  uint64_t* new_directory(size_t size);
  void free_directory(uint64_t* directory, size_t size);
  void free_directories();
  void prepare_directory();
  void double_directory();
  void halve_directory();

  Arena& arena_;
  CompactPool& pool_;
  uint64_t* directory_ = &single_;
  uint8_t directory_bits_ = 0;
  // What it is expected to come to: segments of this depth, and their size class. None: depth 0 and
  // the smallest class.
  uint8_t expected_depth_ = 0;
  uint8_t expected_class_ = 0;
  uint32_t buckets_max_ = 1;  // of any segment so far (random)
  uint64_t single_;           // the directory of a table with one segment
  // The directory of twice the size, made a few slots at a time before it is needed: its slots for
  // the first next_filled_ slots of the present one are right.
  uint64_t* next_directory_ = nullptr;
  size_t next_filled_ = 0;
  uint64_t size_ = 0;
  uint64_t bytes_ = 0;
  uint64_t version_ = 0;
  uint32_t segments_at_depth_[kDepthMax + 1] = {};
  size_t drain_index_ = 0;
  size_t drain_bucket_ = 0;
};

template <typename SameKey>
KeyTable::Position KeyTable::find(uint64_t hash, SameKey same_key) const {
  const uint32_t tag = tag_of(hash);
  for (Bucket* bucket = home_bucket(tag);; ++bucket) {
    for (unsigned hits = bucket->match(tag); hits != 0; hits &= hits - 1) {
      const unsigned slot = static_cast<unsigned>(std::countr_zero(hits));
      if (bucket->handles[slot] != kNoHandle && same_key(bucket->handles[slot])) [[likely]] {
        return {bucket, slot};
      }
    }
    if (!bucket->full() || bucket->tags[kBucketSlots - 1] > tag) {
      return {};
    }
  }
}

template <typename Prefetch>
void KeyTable::prefetch_entries(uint64_t hash, Prefetch prefetch) const {
  const uint32_t tag = tag_of(hash);
  for (Bucket* bucket = home_bucket(tag);; ++bucket) {
    unsigned hits = bucket->match(tag);
    for (; hits != 0; hits &= hits - 1) {
      const unsigned slot = static_cast<unsigned>(std::countr_zero(hits));
      if (bucket->handles[slot] != kNoHandle) {
        prefetch(bucket->handles[slot]);
      }
    }
    if (!bucket->full() || bucket->tags[kBucketSlots - 1] >= tag) {
      return;
    }
  }
}

template <typename Visit>
uint64_t KeyTable::scan(uint64_t cursor, uint64_t count, Visit visit) const {
  return walk(cursor, count, [&visit](uint32_t, Handle handle) { visit(handle); });
}

template <typename Visit>
uint64_t KeyTable::walk(uint64_t cursor, uint64_t count, Visit visit) const {
  if (cursor > ~uint32_t{0}) {
    return 0;
  }
  const uint32_t first = static_cast<uint32_t>(cursor);
  uint32_t last = 0;
  uint64_t visited = 0;
  size_t index = directory_index(first);
  while (index < directory_size()) {
    Segment* segment = segment_in(directory_[index]);
    const size_t span = span_of(segment->depth);
    size_t place = visited == 0 && index == directory_index(first) ? segment->home_of(first) : 0;
    for (; place < segment->buckets; ++place) {
      const Bucket* bucket = segment->bucket(place);
      const unsigned used = bucket->used();
      for (unsigned slot = bucket->below(first); slot < used; ++slot) {
        const uint32_t tag = bucket->tags[slot];
        if (visited >= count && tag != last && visited > 0) {
          return tag;
        }
        last = tag;
        ++visited;
        visit(tag, bucket->handles[slot]);
      }
    }
    index = (index & ~(span - 1)) + span;
  }
  return 0;
}

template <typename Visit>
bool KeyTable::drain_bucket(Visit visit) {
  if (drain_index_ >= directory_size()) {
    return false;
  }
  Segment* segment = segment_in(directory_[drain_index_]);
  const Bucket* bucket = segment->bucket(drain_bucket_);
  const unsigned used = bucket->used();
  if (drain_bucket_ + 1 < segment->buckets) {
    // The next bucket's entries are far apart in memory; asking for them now hides the way.
    const Bucket* next = bucket + 1;
    for (unsigned slot = 0; slot < next->used(); ++slot) {
      visit(next->handles[slot], /*only_prefetch=*/true);
    }
  }
  for (unsigned slot = 0; slot < used; ++slot) {
    visit(bucket->handles[slot], /*only_prefetch=*/false);
  }
  size_ -= used;
  if (++drain_bucket_ < segment->buckets) {
    return true;
  }
  drain_bucket_ = 0;
  drain_index_ += span_of(segment->depth);
  free_segment(segment);
  if (drain_index_ < directory_size()) {
    return true;
  }
  free_directories();
  return false;
}

}  // namespace pollux
