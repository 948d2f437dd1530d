// The two kinds of node of a RankTree (rank_tree.h says how they make a tree), and what is done
// within one node. Plain data in a block of the arena; no node knows its parent.
//
// A leaf holds handles, in order, and of each member its band: the low 8 bits of key >> shift.
// Bands of a leaf lie within 255 of its base, so the whole band is known again from the 8 bits. So
// one pass over the bands with SIMD leaves the few members whose blocks have to be looked at.
// Stored modulo 256, bands stay right when the base moves, and members go from leaf to leaf with
// their bands; a larger shift can be had without the keys (coarsen), only a smaller one can't.
//
// Measured with rank_tree_bench at a million members (least CPU time of 5 runs taken in turns, EPYC
// virtual machine, 2 cores with other work): with bands an update takes 0.80 us and the rank of a
// score 0.32; without them 1.23 and 0.76 with 7 blocks asked for at once, 1.18 and 0.61 with 15. So
// they are worth their byte. Leaves of 512 bytes (0.85 and 0.29), inner nodes of 2,048 (0.77 and
// 0.35), and prefetching only a leaf's first 320 bytes (0.86 and 0.35) made no difference beyond
// the noise, which was a fifth; leaves of 512 bytes cost 0.3 bytes a member more.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "src/base/prefetch.h"
#include "src/data/entry_heap.h"

namespace pollux {

// Places in a node, from `first` up to before `last`.
struct RankSpan {
  uint32_t first;
  uint32_t last;
};

struct RankLeaf {
  static constexpr size_t kHeadBytes = 32;
  // Only the root may be smaller, if it is a leaf.
  static constexpr size_t kBytes = 1024;
  static constexpr size_t kBytesMin = 64;
  static constexpr uint32_t kBandMax = 255;

  // Bands, then handles up to the end of the block.
  static constexpr uint32_t capacity_of(size_t bytes) {
    uint32_t capacity = static_cast<uint32_t>((bytes - kHeadBytes) / (sizeof(Handle) + 1));
    while (handles_at(bytes, capacity) < kHeadBytes + capacity) {
      --capacity;
    }
    return capacity;
  }
  static constexpr size_t handles_at(size_t bytes, uint32_t capacity) {
    return bytes - capacity * sizeof(Handle);
  }

  RankLeaf* prev;
  RankLeaf* next;
  uint64_t base;  // no band is below it
  uint16_t bytes;
  uint16_t capacity;
  uint16_t count;
  uint8_t shift;  // at most 56

  void format(size_t block_bytes) {
    prev = next = nullptr;
    base = 0;
    bytes = static_cast<uint16_t>(block_bytes);
    capacity = static_cast<uint16_t>(capacity_of(block_bytes));
    count = 0;
    shift = 0;
  }

  uint8_t* bands() { return reinterpret_cast<uint8_t*>(this + 1); }
  const uint8_t* bands() const { return const_cast<RankLeaf*>(this)->bands(); }
  Handle* handles() {
    return reinterpret_cast<Handle*>(reinterpret_cast<char*>(this) + bytes) - capacity;
  }
  const Handle* handles() const { return const_cast<RankLeaf*>(this)->handles(); }

  // Keys as unsigned numbers in the same order, so that shifting them is plain.
  static uint64_t unsigned_key(int64_t key) {
    return static_cast<uint64_t>(key) ^ (uint64_t{1} << 63);
  }
  // The whole band of a member.
  uint64_t band(uint32_t place) const {
    return base + static_cast<uint8_t>(bands()[place] - static_cast<uint8_t>(base));
  }
  // The lowest (unsigned) key that the member may have, for what is known here.
  uint64_t floor(uint32_t place) const { return band(place) << shift; }

  // Members in front of the span have keys below first_key, those behind it keys above last_key.
  // Requires last_key >= first_key - 1.
  RankSpan around(int64_t first_key, int64_t last_key) const {
    const uint64_t first = unsigned_key(first_key) >> shift;
    const uint64_t last = unsigned_key(last_key) >> shift;
    return {first <= base ? 0 : up_to(first - base - 1), last < base ? 0 : up_to(last - base)};
  }

  // The place of a handle in the span; span.last if it is not there.
  uint32_t find(Handle handle, RankSpan span) const {
    const Handle* all = handles();
    while (span.first < span.last && all[span.first] != handle) {
      ++span.first;
    }
    return span.first;
  }

  // Requires room, and that `place` is where it belongs.
  void insert(uint32_t place, Handle handle, int64_t key) {
    admit(unsigned_key(key));
    std::memmove(bands() + place + 1, bands() + place, count - place);
    std::memmove(handles() + place + 1, handles() + place, (count - place) * sizeof(Handle));
    bands()[place] = static_cast<uint8_t>(unsigned_key(key) >> shift);
    handles()[place] = handle;
    ++count;
  }
  void erase(uint32_t place, uint32_t n) {
    const uint32_t rest = count - place - n;
    std::memmove(bands() + place, bands() + place + n, rest);
    std::memmove(handles() + place, handles() + place + n, rest * sizeof(Handle));
    count = static_cast<uint16_t>(count - n);
  }

  // Takes these for its members; floors as unsigned keys, multiples of 1 << floor_shift.
  void assign(const Handle* from, const uint64_t* floors, uint32_t n, uint32_t floor_shift) {
    count = static_cast<uint16_t>(n);
    std::memcpy(handles(), from, n * sizeof(Handle));
    set_bands(floors, floor_shift);
  }
  // The same for the bands of the members that it has.
  void set_bands(const uint64_t* floors, uint32_t floor_shift) {
    const uint64_t low = floors[0] >> floor_shift;
    const uint64_t high = floors[count - 1] >> floor_shift;
    shift = static_cast<uint8_t>(floor_shift + steps_to_fit(low, high));
    base = floors[0] >> shift;
    uint8_t* to = bands();
    for (uint32_t i = 0; i < count; ++i) {
      to[i] = static_cast<uint8_t>(floors[i] >> shift);
    }
  }

  // By how many bits both have to be shifted to be within kBandMax of each other.
  static uint32_t steps_to_fit(uint64_t low, uint64_t high) {
    uint32_t steps = 0;
    while ((high >> steps) - (low >> steps) > kBandMax) {
      ++steps;
    }
    return steps;
  }

 private:
  // How many members have a band of at most base + limit.
  uint32_t up_to(uint64_t limit) const {
    if (limit >= kBandMax) {
      return count;
    }
    const __m256i start = _mm256_set1_epi8(static_cast<char>(base));
    const __m256i most = _mm256_set1_epi8(static_cast<char>(limit));
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i += 32) {  // a last step goes on into the handles
      const __m256i some = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bands() + i));
      const __m256i above_base = _mm256_sub_epi8(some, start);
      const __m256i hits = _mm256_cmpeq_epi8(_mm256_min_epu8(above_base, most), above_base);
      const uint32_t bits = static_cast<uint32_t>(_mm256_movemask_epi8(hits));
      n += static_cast<uint32_t>(std::popcount(_bzhi_u32(bits, std::min(count - i, 32U))));
    }
    return n;
  }

  // Moves the base and coarsens the bands until a band can be made of the key.
  void admit(uint64_t key) {
    if (count == 0) {
      shift = 0;
      base = key;
      return;
    }
    const uint64_t low = std::min(band(0), key >> shift);
    const uint64_t high = std::max(band(count - 1U), key >> shift);
    const uint32_t steps = steps_to_fit(low, high);
    if (steps > 0) [[unlikely]] {
      coarsen(steps);
    }
    base = low >> steps;
  }
  void coarsen(uint32_t steps) {
    uint8_t* all = bands();
    for (uint32_t i = 0; i < count; ++i) {
      all[i] = static_cast<uint8_t>(band(i) >> steps);
    }
    shift = static_cast<uint8_t>(shift + steps);
    base >>= steps;
  }
};
static_assert(sizeof(RankLeaf) <= RankLeaf::kHeadBytes);
static_assert(RankLeaf::kBytesMin >= RankLeaf::kHeadBytes + 32, "up_to reads 32 bytes");

// Of each child: its first member, that member's key, and how many members are below it.
struct RankInner {
  static constexpr size_t kHeadBytes = 16;
  static constexpr size_t kBytes = 1024;
  static constexpr uint32_t kCapacity = (kBytes - kHeadBytes) / 24;

  alignas(16) uint32_t count;
  alignas(16) int64_t keys[kCapacity];
  void* children[kCapacity];
  uint32_t sizes[kCapacity];
  Handle firsts[kCapacity];

  RankInner* inner(uint32_t place) const { return static_cast<RankInner*>(children[place]); }
  RankLeaf* leaf(uint32_t place) const { return static_cast<RankLeaf*>(children[place]); }

  // As RankLeaf::around, for the children's first members.
  RankSpan around(int64_t first_key, int64_t last_key) const {
    const __m256i first = _mm256_set1_epi64x(first_key);
    const __m256i last = _mm256_set1_epi64x(last_key);
    RankSpan span{0, 0};
    for (uint32_t i = 0; i < count; i += 4) {  // a last step goes on into the children
      const __m256i some = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(keys + i));
      const uint32_t below = bits_of(_mm256_cmpgt_epi64(first, some));
      const uint32_t above = bits_of(_mm256_cmpgt_epi64(some, last));
      const uint32_t there = _bzhi_u32(15, std::min(count - i, 4U));
      span.first += static_cast<uint32_t>(std::popcount(below & there));
      span.last += static_cast<uint32_t>(std::popcount(~above & there));
    }
    return span;
  }

  uint64_t size_before(uint32_t place) const {
    uint64_t size = 0;
    for (uint32_t i = 0; i < place; ++i) {
      size += sizes[i];
    }
    return size;
  }
  uint32_t size() const { return static_cast<uint32_t>(size_before(count)); }

  void set(uint32_t place, void* child, int64_t key, Handle first, uint32_t size) {
    children[place] = child;
    keys[place] = key;
    firsts[place] = first;
    sizes[place] = size;
  }
  // Moves the entries from `from` on to `to`, which may be before or behind it.
  void shift_entries(uint32_t from, uint32_t to) {
    copy(to, *this, from, count - from);
    count = count - from + to;
  }
  void copy(uint32_t to, const RankInner& source, uint32_t from, uint32_t n) {
    std::memmove(keys + to, source.keys + from, n * sizeof(keys[0]));
    std::memmove(children + to, source.children + from, n * sizeof(children[0]));
    std::memmove(sizes + to, source.sizes + from, n * sizeof(sizes[0]));
    std::memmove(firsts + to, source.firsts + from, n * sizeof(firsts[0]));
  }

 private:
  static uint32_t bits_of(__m256i lanes) {
    return static_cast<uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(lanes)));
  }
};
static_assert(sizeof(RankInner) == RankInner::kBytes);
static_assert(RankInner::kBytes == RankLeaf::kBytes);

// All of it at once: which part will be needed is known only after a part was read.
inline void prefetch_node(const void* node) {
  for (size_t i = 0; i < RankLeaf::kBytes; i += 64) {
    prefetch(static_cast<const char*>(node) + i);
  }
}

}  // namespace pollux
