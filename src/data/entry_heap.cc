#include "src/data/entry_heap.h"

#include <algorithm>
#include <bit>

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

}  // namespace

EntryHeap::EntryHeap(PageWarmer* warmer) : chunk_memory_(kChunkBytes, warmer) {
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
  used_units_ += units;
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
  used_units_ -= page->units;
  if (was_full) {
    link_page(number);
  }
  if (page->used == 0) {
    unlink_page(number);
    release_page(number);
  }
}

// A page of blocks of this size, linked as one with room.
uint32_t EntryHeap::take_page(uint16_t units) {
  uint32_t index = kNoPage;
  // The lowest chunk that has a page, so that the upper ones may empty out.
  for (uint32_t word = 0; word < chunks_with_room_.size(); ++word) {
    if (chunks_with_room_[word] != 0) {
      index = word * kWordBits + static_cast<uint32_t>(std::countr_zero(chunks_with_room_[word]));
      break;
    }
  }
  if (index == kNoPage) {
    index = add_chunk();
  }
  Chunk& chunk = chunk_states_[index];
  const size_t word = chunk.free_pages[0] != 0 ? 0 : 1;
  const uint32_t bit = static_cast<uint32_t>(std::countr_zero(chunk.free_pages[word]));
  chunk.free_pages[word] &= chunk.free_pages[word] - 1;
  if (chunk.used_pages++ == 0) {
    --empty_chunks_;
  }
  if (chunk.used_pages == kPagesPerChunk) {
    chunks_with_room_[index / kWordBits] &= ~(uint64_t{1} << (index % kWordBits));
  }
  ++used_pages_;

  const uint32_t number = index * kPagesPerChunk + static_cast<uint32_t>(word * kWordBits) + bit;
  Page* page = page_at(number);
  ASAN_UNPOISON_MEMORY_REGION(page, sizeof(Page));
  const size_t blocks = (kPageBytes - sizeof(Page)) / (units * kUnit);
  page->units = units;
  page->used = 0;
  page->fresh = static_cast<uint16_t>(kPageBytes / kUnit - blocks * units);
  page->freed = 0;
  link_page(number);
  return number;
}

// Gives an empty page, in no list, back to its chunk, and an empty chunk to the system.
void EntryHeap::release_page(uint32_t number) {
  const uint32_t index = number / kPagesPerChunk;
  const uint32_t page = number % kPagesPerChunk;
  ASAN_POISON_MEMORY_REGION(page_at(number), sizeof(Page));
  Chunk& chunk = chunk_states_[index];
  chunk.free_pages[page / kWordBits] |= uint64_t{1} << (page % kWordBits);
  chunks_with_room_[index / kWordBits] |= uint64_t{1} << (index % kWordBits);
  --used_pages_;
  if (--chunk.used_pages > 0) {
    return;
  }
  if (empty_chunks_ > 0) {
    drop_chunk(index);
  } else {
    ++empty_chunks_;
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
  ++empty_chunks_;
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

}  // namespace pollux
