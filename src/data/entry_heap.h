// The memory of a shard's entries: blocks of 8 to 1,024 bytes in steps of 8, named by 32-bit
// handles. Chunks of 2 MiB from the system are cut into pages of 16 KiB; all blocks of a
// page have one size, so a block costs its size rounded up to 8 and a share of a 16-byte page
// header (0.3 % at 56 bytes, with the rest of the page; 6 % at worst, near 1,024).
// An empty page serves any size again; an empty chunk goes back to the system, but for a spare one
// that is kept while there are few empty pages elsewhere.
//
// Blocks that are freed leave holes that only blocks of the same size can fill. Too many of them,
// or of empty pages in chunks that are not empty, and the heap asks to be compacted: its user moves
// the blocks of a page that the heap chooses, until the page is empty. Each page won so costs at
// most as many moves as blocks were freed for it, so the price is below one move for each free.
// Belongs to the holder of the shard. At most 16,384 chunks, that is 32 GiB, or the process ends.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "src/base/assert.h"
#include "src/base/page_warmer.h"

namespace pollux {

// A block of an EntryHeap: chunk index << 18 | offset in the chunk / 8. 0 is none.
using Handle = uint32_t;
inline constexpr Handle kNoHandle = 0;

class EntryHeap {
 public:
  static constexpr size_t kUnit = 8;
  static constexpr size_t kBlockBytesMax = 1024;
  static constexpr size_t kPageBytes = 16 << 10;
  static constexpr size_t kChunkBytes = 2 << 20;

  // `warmer`, if any, makes chunks resident ahead of their use.
  explicit EntryHeap(PageWarmer* warmer);
  ~EntryHeap();  // Blocks that are still there go with their chunks.
  EntryHeap(const EntryHeap&) = delete;
  EntryHeap& operator=(const EntryHeap&) = delete;

  // A block of at least `bytes` (1..kBlockBytesMax) bytes, 8-byte aligned, not zeroed.
  Handle allocate(size_t bytes);
  void free(Handle handle);

  // Where the block is; it never moves.
  char* address(Handle handle) const {
    return chunks_[handle >> kOffsetBits] + static_cast<size_t>(handle & kOffsetMask) * kUnit;
  }
  // The bytes of the block: what was asked for, rounded up to 8.
  size_t block_bytes(Handle handle) const { return size_t{page_of(handle)->units} * kUnit; }
  static constexpr size_t rounded(size_t bytes) { return (bytes + kUnit - 1) & ~(kUnit - 1); }

  // A 32-bit number that no block ever has as its handle: the heap's page headers stand there.
  // (The expiry wheel marks the ends of its lists so.) Requires index < 2^21.
  static constexpr uint32_t not_a_block(uint32_t index) { return index << kPageUnitBits | 1; }
  static constexpr bool is_block(uint32_t handle) { return (handle & kPageUnitMask) > 1; }
  static constexpr uint32_t not_a_block_index(uint32_t mark) { return mark >> kPageUnitBits; }

  // Bytes of the pages that hold blocks.
  int64_t page_bytes() const { return static_cast<int64_t>(used_pages_ * kPageBytes); }
  // The same, and pages of its chunks that are empty, but for a few: never touched or touched ahead
  // they are as good as not there, emptied they are the next to be used. Many of them (for a while,
  // after many deletions) are memory that nobody else can have, so they count.
  int64_t used_bytes() const {
    return static_cast<int64_t>(
        std::max(used_pages_, mapped_pages() - std::min(mapped_pages(), spare_pages_max())) *
        kPageBytes);
  }
  // Of the used bytes, those that new blocks could have without any new page: blocks that came back
  // and what is empty. A block that comes back counts here at once, so that used_bytes less the
  // holes falls with every deletion, wherever the block was.
  int64_t hole_bytes() const {
    return static_cast<int64_t>(hole_bytes_) + used_bytes() - page_bytes();
  }
  // The most that the holes can be when nothing wants compaction: what is over from whole pages in
  // each size, and what is tolerated.
  int64_t lasting_hole_bytes() const {
    return static_cast<int64_t>(hole_bytes_ - winnable_bytes_ + tolerated_pages() * kPageBytes);
  }
  // Bytes of whole chunks.
  int64_t mapped_bytes() const { return chunk_memory_.bytes(); }
  uint64_t block_count() const { return block_count_; }

  // --- compaction ---
  // Hollow space is tolerated up to this share of all, and a little more: a few pages, of a small
  // heap fewer.
  static constexpr size_t kHollowShare = 96;
  // There is more hollow space than is worth having.
  bool wants_compaction() const { return holes_matter() || free_pages_matter(); }
  // Blocks of the page that is being emptied, which the heap chooses if there is none: at most
  // out.size() of them; the user moves them all, by relocate, before the next call. 0: there is no
  // page worth it. A page must be emptied to the end, even if compaction is no longer wanted.
  size_t blocks_to_move(std::span<Handle> out);
  bool compacting() const { return closed_page_ != kNoPage; }
  // The block's bytes in another block, which takes its place; the old one is still to be freed.
  Handle relocate(Handle from);
  // A block can't be moved: the page stays, and is not chosen again for a while.
  void give_page_up();

 private:
  static constexpr unsigned kOffsetBits = 18;
  static constexpr uint32_t kOffsetMask = (1U << kOffsetBits) - 1;
  static constexpr unsigned kPageUnitBits = 11;
  static constexpr uint32_t kPageUnitMask = (1U << kPageUnitBits) - 1;
  static constexpr size_t kPagesPerChunk = kChunkBytes / kPageBytes;
  static constexpr size_t kChunksMax = size_t{1} << (32 - kOffsetBits);
  static constexpr size_t kClasses = kBlockBytesMax / kUnit + 1;
  static const std::array<uint16_t, kClasses> kBlocksOfPage;  // by units
  static constexpr uint32_t kNoPage = ~uint32_t{0};
  static constexpr uint32_t kNoChunk = ~uint32_t{0};
  static constexpr size_t kToleratedPages = 8;
  static constexpr size_t kPagesPerTolerated = 64;

  // The first 16 bytes of a page in use. Offsets within the page are in units of 8 bytes.
  // Blocks stand at the end of the page, so that sizes that divide it are aligned to their size.
  struct Page {
    uint32_t next;  // pages of the same size with room, by page number; kNoPage ends
    uint32_t prev;
    uint16_t units;  // size of a block
    uint16_t used;   // blocks that are handed out
    uint16_t fresh;  // the first block that was never handed out; 0 if there is none
    uint16_t freed;  // the last block that came back, first of a list through them; 0 if none
  };
  static_assert(sizeof(Page) == 2 * kUnit);
  static_assert(kPageBytes == (kUnit << kPageUnitBits));
  static_assert(kPagesPerChunk == 128, "the bitmaps below hold one bit per page");

  struct Chunk {
    uint64_t free_pages[2];  // a bit per page
    uint32_t used_pages;
  };

  size_t mapped_pages() const { return static_cast<size_t>(chunk_memory_.bytes()) / kPageBytes; }
  // A chunk, and enough beside it that it is not given back and taken again all the time.
  size_t spare_pages_max() const {
    return kPagesPerChunk + std::max(kPagesPerChunk / 4, mapped_pages() / kHollowShare);
  }
  size_t tolerated_pages() const {
    return used_pages_ / kHollowShare +
           std::min(kToleratedPages, (used_pages_ + kPagesPerTolerated - 1) / kPagesPerTolerated);
  }
  bool holes_matter() const { return winnable_bytes_ > tolerated_pages() * kPageBytes; }
  // If they do, there is no empty chunk (release_page), and a chunk can be won: these are more
  // pages than a chunk has, so what one of the chunks holds fits in the others.
  bool free_pages_matter() const { return mapped_pages() - used_pages_ > spare_pages_max(); }
  static constexpr size_t blocks_of_page(uint16_t units) {
    return (kPageBytes - sizeof(Page)) / (units * kUnit);
  }
  static constexpr size_t block_bytes_of_page(uint16_t units) {
    return blocks_of_page(units) * units * kUnit;
  }
  void count_winnable(uint16_t units, bool more);
  Page* page_of(Handle handle) const {
    return reinterpret_cast<Page*>(address(handle & ~kPageUnitMask));
  }
  Page* page_at(uint32_t number) const {
    return reinterpret_cast<Page*>(address(number << kPageUnitBits));
  }
  uint32_t take_page(uint16_t units);
  uint32_t page_in_chunk(uint32_t index, uint16_t units);
  void release_page(uint32_t number);
  uint32_t add_chunk();
  void drop_chunk(uint32_t index);
  void link_page(uint32_t number);
  void unlink_page(uint32_t number);
  uint32_t hollow_page() const;
  uint32_t page_of_emptiest_chunk();
  uint32_t next_page_of_closed_chunk() const;
  void open_chunk();
  void close_page(uint32_t number);
  size_t live_blocks(uint32_t number, std::span<Handle> out) const;

  WarmBlocks chunk_memory_;
  std::vector<char*> chunk_addresses_;
  char** chunks_ = nullptr;  // chunk_addresses_.data(); null address: index is free
  std::vector<Chunk> chunk_states_;
  std::vector<uint64_t> chunks_with_room_;  // a bit per chunk: it has a free page
  uint32_t empty_chunk_ = kNoChunk;  // there is at most one
  size_t used_pages_ = 0;
  uint64_t block_count_ = 0;
  size_t hole_bytes_ = 0;  // of blocks in used pages that are not handed out
  // Of these, in as many whole pages as could be won by moving blocks: of each size, what is free
  // divided by what a page holds.
  size_t winnable_bytes_ = 0;
  uint32_t with_room_[kClasses];  // by units: a page with room, or kNoPage
  uint32_t winnable_pages_[kClasses] = {};  // by units
  uint16_t odd_blocks_[kClasses] = {};      // by units: holes beyond those, less than a page's

  // Compaction. A closed page is in no list, a closed chunk gives no page away.
  uint32_t closed_page_ = kNoPage;
  uint32_t closed_chunk_ = kNoChunk;
  size_t chunk_cursor_ = 0;
};

}  // namespace pollux
