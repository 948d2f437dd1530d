#include "src/data/entry_heap.h"

#include <algorithm>
#include <bit>
#include <cstring>

// Blocks that are not handed out are poisoned, so that a stale pointer is seen like any other.
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) static_cast<void>(0)
#define ASAN_UNPOISON_MEMORY_REGION(address, size) static_cast<void>(0)
#endif

namespace pollux {

namespace {

constexpr size_t kWordBits = 64;

// The link in a block that is not handed out.
#ifdef __SANITIZE_ADDRESS__
__attribute__((no_sanitize("address")))
#endif
uint16_t next_freed(const char* block) {
  return *reinterpret_cast<const uint16_t*>(block);
}

}  // namespace

// No division on the path of every write.
const std::array<uint16_t, EntryHeap::kClasses> EntryHeap::kBlocksOfPage = [] {
  std::array<uint16_t, kClasses> blocks{};
  for (uint16_t units = 1; units < kClasses; ++units) {
    blocks[units] = static_cast<uint16_t>(blocks_of_page(units));
  }
  return blocks;
}();

EntryHeap::EntryHeap(PageWarmer* warmer) : chunk_memory_(kChunkBytes, warmer, Warming::kInParts) {
  std::fill(std::begin(with_room_), std::end(with_room_), kNoPage);
}

EntryHeap::~EntryHeap() {
  for (uint32_t i = 0; i < chunk_addresses_.size(); ++i) {
    if (chunk_addresses_[i] != nullptr) {
      drop_chunk(i);
    }
  }
}

Handle EntryHeap::allocate(size_t bytes) {
  POLLUX_ASSERT(bytes > 0 && bytes <= kBlockBytesMax);
  const uint16_t units = static_cast<uint16_t>(rounded(bytes) / kUnit);
  uint32_t number = with_room_[units];
  if (number == kNoPage) [[unlikely]] {
    number = take_page(units);
  }
  Page* page = page_at(number);
  uint16_t unit = page->freed;
  char* block;
  if (unit != 0) {
    block = reinterpret_cast<char*>(page) + unit * kUnit;
    ASAN_UNPOISON_MEMORY_REGION(block, units * kUnit);
    page->freed = *reinterpret_cast<uint16_t*>(block);
  } else {
    unit = page->fresh;
    block = reinterpret_cast<char*>(page) + unit * kUnit;
    ASAN_UNPOISON_MEMORY_REGION(block, units * kUnit);
    const uint32_t next = uint32_t{unit} + units;
    page->fresh = static_cast<uint16_t>(next * kUnit < kPageBytes ? next : 0);
  }
  ++page->used;
  ++block_count_;
  if (odd_blocks_[units] == 0) [[unlikely]] {
    count_winnable(units, false);
    odd_blocks_[units] = kBlocksOfPage[units];
  }
  --odd_blocks_[units];
  hole_bytes_ -= units * kUnit;
  if (page->freed == 0 && page->fresh == 0) {
    unlink_page(number);
  }
  return number << kPageUnitBits | unit;
}

void EntryHeap::free(Handle handle) {
  POLLUX_ASSERT(is_block(handle));
  const uint32_t number = handle >> kPageUnitBits;
  Page* page = page_at(number);
  const bool was_full = page->freed == 0 && page->fresh == 0;
  char* block = address(handle);
  *reinterpret_cast<uint16_t*>(block) = page->freed;
  page->freed = static_cast<uint16_t>(handle & kPageUnitMask);
  ASAN_POISON_MEMORY_REGION(block, page->units * kUnit);
  --page->used;
  --block_count_;
  const uint16_t units = page->units;
  if (++odd_blocks_[units] == kBlocksOfPage[units]) [[unlikely]] {
    count_winnable(units, true);
    odd_blocks_[units] = 0;
  }
  hole_bytes_ += units * kUnit;
  if (number == closed_page_) [[unlikely]] {
    if (page->used == 0) {
      closed_page_ = kNoPage;
      release_page(number);
    }
    return;
  }
  if (was_full) {
    link_page(number);
  }
  if (page->used == 0) {
    unlink_page(number);
    release_page(number);
  }
}

void EntryHeap::count_winnable(uint16_t units, bool more) {
  if (more) {
    ++winnable_pages_[units];
    winnable_bytes_ += block_bytes_of_page(units);
  } else {
    --winnable_pages_[units];
    winnable_bytes_ -= block_bytes_of_page(units);
  }
}

// A page of blocks of this size, linked as one with room.
uint32_t EntryHeap::take_page(uint16_t units) {
  // The lowest chunk that has a page, so that the upper ones may empty out; the empty one only if
  // there is no other, or compaction would fill it for ever.
  for (uint32_t word = 0; word < chunks_with_room_.size(); ++word) {
    for (uint64_t rest = chunks_with_room_[word]; rest != 0; rest &= rest - 1) {
      const uint32_t index = word * kWordBits + static_cast<uint32_t>(std::countr_zero(rest));
      if (index != empty_chunk_) {
        return page_in_chunk(index, units);
      }
    }
  }
  return page_in_chunk(empty_chunk_ != kNoChunk ? empty_chunk_ : add_chunk(), units);
}

uint32_t EntryHeap::page_in_chunk(uint32_t index, uint16_t units) {
  Chunk& chunk = chunk_states_[index];
  const size_t word = chunk.free_pages[0] != 0 ? 0 : 1;
  const uint32_t bit = static_cast<uint32_t>(std::countr_zero(chunk.free_pages[word]));
  chunk.free_pages[word] &= chunk.free_pages[word] - 1;
  if (index == empty_chunk_) {
    empty_chunk_ = kNoChunk;
  }
  if (++chunk.used_pages == kPagesPerChunk) {
    chunks_with_room_[index / kWordBits] &= ~(uint64_t{1} << (index % kWordBits));
  }
  ++used_pages_;

  const uint32_t place = static_cast<uint32_t>(word * kWordBits) + bit;
  chunk_memory_.reach(chunk_addresses_[index], (place + 1) * kPageBytes);
  const uint32_t number = index * kPagesPerChunk + place;
  Page* page = page_at(number);
  ASAN_UNPOISON_MEMORY_REGION(page, sizeof(Page));
  count_winnable(units, true);
  hole_bytes_ += block_bytes_of_page(units);
  page->units = units;
  page->used = 0;
  page->fresh = static_cast<uint16_t>((kPageBytes - block_bytes_of_page(units)) / kUnit);
  page->freed = 0;
  link_page(number);
  return number;
}

// Gives an empty page, in no list, back to its chunk, and an empty chunk to the system.
void EntryHeap::release_page(uint32_t number) {
  const uint32_t index = number / kPagesPerChunk;
  const uint32_t page = number % kPagesPerChunk;
  const uint16_t units = page_at(number)->units;
  count_winnable(units, false);
  hole_bytes_ -= block_bytes_of_page(units);
  ASAN_POISON_MEMORY_REGION(page_at(number), sizeof(Page));
  Chunk& chunk = chunk_states_[index];
  chunk.free_pages[page / kWordBits] |= uint64_t{1} << (page % kWordBits);
  if (index != closed_chunk_) {
    chunks_with_room_[index / kWordBits] |= uint64_t{1} << (index % kWordBits);
  }
  --used_pages_;
  if (--chunk.used_pages == 0) {
    if (index == closed_chunk_) {
      open_chunk();
    }
    if (empty_chunk_ != kNoChunk) {
      drop_chunk(index);
    } else {
      empty_chunk_ = index;
    }
  }
  if (empty_chunk_ != kNoChunk && free_pages_matter()) {
    drop_chunk(empty_chunk_);
    empty_chunk_ = kNoChunk;
  }
}

uint32_t EntryHeap::add_chunk() {
  uint32_t index = 0;
  while (index < chunk_addresses_.size() && chunk_addresses_[index] != nullptr) {
    ++index;
  }
  POLLUX_ASSERT(index < kChunksMax);
  if (index == chunk_addresses_.size()) {
    chunk_addresses_.push_back(nullptr);
    chunk_states_.push_back({});
    chunks_with_room_.resize(index / kWordBits + 1);
    chunks_ = chunk_addresses_.data();
  }
  char* memory = chunk_memory_.take();
  ASAN_POISON_MEMORY_REGION(memory, kChunkBytes);
  chunk_addresses_[index] = memory;
  chunk_states_[index] = {{~uint64_t{0}, ~uint64_t{0}}, 0};
  chunks_with_room_[index / kWordBits] |= uint64_t{1} << (index % kWordBits);
  return index;
}

void EntryHeap::drop_chunk(uint32_t index) {
  ASAN_UNPOISON_MEMORY_REGION(chunk_addresses_[index], kChunkBytes);
  chunk_memory_.give_back(chunk_addresses_[index]);
  chunk_addresses_[index] = nullptr;
  chunks_with_room_[index / kWordBits] &= ~(uint64_t{1} << (index % kWordBits));
}

void EntryHeap::link_page(uint32_t number) {
  Page* page = page_at(number);
  uint32_t& first = with_room_[page->units];
  page->next = first;
  page->prev = kNoPage;
  if (first != kNoPage) {
    page_at(first)->prev = number;
  }
  first = number;
}

void EntryHeap::unlink_page(uint32_t number) {
  Page* page = page_at(number);
  if (page->prev != kNoPage) {
    page_at(page->prev)->next = page->next;
  } else {
    with_room_[page->units] = page->next;
  }
  if (page->next != kNoPage) {
    page_at(page->next)->prev = page->prev;
  }
}

// --- compaction ---

size_t EntryHeap::blocks_to_move(std::span<Handle> out) {
  if (closed_page_ == kNoPage) {
    uint32_t number = kNoPage;
    if (closed_chunk_ != kNoChunk || free_pages_matter()) {
      number = page_of_emptiest_chunk();
    }
    if (number == kNoPage && holes_matter()) {
      number = hollow_page();
    }
    if (number == kNoPage) {
      return 0;
    }
    close_page(number);
  }
  return live_blocks(closed_page_, out);
}

Handle EntryHeap::relocate(Handle from) {
  const size_t bytes = block_bytes(from);
  const Handle to = allocate(bytes);
  std::memcpy(address(to), address(from), bytes);
  return to;
}

void EntryHeap::give_page_up() {
  const uint32_t number = closed_page_;
  closed_page_ = kNoPage;
  const Page* page = page_at(number);
  if (page->freed != 0 || page->fresh != 0) {
    link_page(number);
  }
  if (closed_chunk_ != kNoChunk) {
    open_chunk();
  }
}

// A thin page of the size with the most whole pages of holes: its other pages can take what the
// page holds.
uint32_t EntryHeap::hollow_page() const {
  constexpr int kPagesLookedAt = 16;
  uint16_t most = 0;
  for (uint16_t units = 1; units < kClasses; ++units) {
    if (winnable_pages_[units] > winnable_pages_[most]) {
      most = units;
    }
  }
  if (winnable_pages_[most] == 0) {
    return kNoPage;
  }
  uint32_t thinnest = with_room_[most];
  uint32_t number = thinnest;
  for (int i = 0; i < kPagesLookedAt && number != kNoPage; ++i) {
    if (page_at(number)->used < page_at(thinnest)->used) {
      thinnest = number;
    }
    number = page_at(number)->next;
  }
  return thinnest;
}

// A page of the chunk that is to be emptied: of those that have used pages, one with few.
uint32_t EntryHeap::page_of_emptiest_chunk() {
  constexpr size_t kChunksLookedAt = 256;
  if (closed_chunk_ == kNoChunk) {
    uint32_t fewest = kNoChunk;
    for (size_t i = 0; i < std::min(kChunksLookedAt, chunk_states_.size()); ++i) {
      chunk_cursor_ = (chunk_cursor_ + 1) % chunk_states_.size();
      const uint32_t used = chunk_states_[chunk_cursor_].used_pages;
      if (chunk_addresses_[chunk_cursor_] != nullptr && used > 0 && used < kPagesPerChunk &&
          (fewest == kNoChunk || used < chunk_states_[fewest].used_pages)) {
        fewest = static_cast<uint32_t>(chunk_cursor_);
      }
    }
    if (fewest == kNoChunk) {
      return kNoPage;
    }
    closed_chunk_ = fewest;
    chunks_with_room_[fewest / kWordBits] &= ~(uint64_t{1} << (fewest % kWordBits));
  }
  return next_page_of_closed_chunk();
}

uint32_t EntryHeap::next_page_of_closed_chunk() const {
  const Chunk& chunk = chunk_states_[closed_chunk_];
  const size_t word = ~chunk.free_pages[0] != 0 ? 0 : 1;
  const uint32_t bit = static_cast<uint32_t>(std::countr_one(chunk.free_pages[word]));
  POLLUX_ASSERT(bit < kWordBits);
  return closed_chunk_ * kPagesPerChunk + static_cast<uint32_t>(word * kWordBits) + bit;
}

void EntryHeap::open_chunk() {
  const uint32_t index = closed_chunk_;
  closed_chunk_ = kNoChunk;
  if (chunk_states_[index].used_pages < kPagesPerChunk) {
    chunks_with_room_[index / kWordBits] |= uint64_t{1} << (index % kWordBits);
  }
}

void EntryHeap::close_page(uint32_t number) {
  const Page* page = page_at(number);
  if (page->freed != 0 || page->fresh != 0) {
    unlink_page(number);
  }
  closed_page_ = number;
}

size_t EntryHeap::live_blocks(uint32_t number, std::span<Handle> out) const {
  uint64_t free_units[kPageBytes / kUnit / kWordBits] = {};
  const Page* page = page_at(number);
  const char* memory = reinterpret_cast<const char*>(page);
  for (uint16_t unit = page->freed; unit != 0;) {
    free_units[unit / kWordBits] |= uint64_t{1} << (unit % kWordBits);
    unit = next_freed(memory + unit * kUnit);
  }
  const size_t units = page->units;
  const size_t end = page->fresh != 0 ? page->fresh : kPageBytes / kUnit;
  size_t count = 0;
  for (size_t unit = kPageBytes / kUnit - blocks_of_page(page->units) * units;
       unit < end && count < out.size(); unit += units) {
    if (((free_units[unit / kWordBits] >> (unit % kWordBits)) & 1) == 0) {
      out[count++] = number << kPageUnitBits | static_cast<uint32_t>(unit);
    }
  }
  return count;
}

}  // namespace pollux
