#include "src/data/entry_heap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <map>
#include <set>
#include <vector>

#include "src/base/rng.h"

namespace pollux {
namespace {

TEST(EntryHeap, BlocksKeepTheirBytesThroughRandomUse) {
  EntryHeap heap(nullptr);
  Rng rng(1);
  struct Block {
    size_t bytes;
    char fill;
  };
  std::map<Handle, Block> model;
  for (int step = 0; step < 200'000; ++step) {
    // Waves of growing and shrinking.
    const bool grow = (step / 20'000) % 2 == 0 ? rng.below(10) < 7 : rng.below(10) < 2;
    if (grow || model.empty()) {
      const size_t bytes = 1 + rng.below(rng.below(8) == 0 ? EntryHeap::kBlockBytesMax : 100);
      const Handle handle = heap.allocate(bytes);
      ASSERT_TRUE(EntryHeap::is_block(handle));
      ASSERT_EQ(reinterpret_cast<uintptr_t>(heap.address(handle)) % 8, 0U);
      ASSERT_EQ(heap.block_bytes(handle), EntryHeap::rounded(bytes));
      const char fill = static_cast<char>(rng.next());
      std::memset(heap.address(handle), fill, bytes);
      ASSERT_TRUE(model.emplace(handle, Block{bytes, fill}).second);
    } else {
      auto it = model.lower_bound(static_cast<Handle>(rng.below(model.rbegin()->first)));
      for (size_t i = 0; i < it->second.bytes; ++i) {
        ASSERT_EQ(heap.address(it->first)[i], it->second.fill);
      }
      heap.free(it->first);
      model.erase(it);
    }
    ASSERT_EQ(heap.block_count(), model.size());
  }
  for (const auto& [handle, block] : model) {
    ASSERT_EQ(heap.address(handle)[block.bytes - 1], block.fill);
    heap.free(handle);
  }
  EXPECT_EQ(heap.used_bytes(), 0);
  EXPECT_EQ(heap.page_bytes(), 0);
}

TEST(EntryHeap, ABlockThatComesBackCountsNoMoreThoughItsPageIsInUse) {
  EntryHeap heap(nullptr);
  std::vector<Handle> handles;
  for (int i = 0; i < 10'000; ++i) {
    handles.push_back(heap.allocate(60));  // takes 64
  }
  const int64_t filled = heap.used_bytes() - heap.hole_bytes();
  EXPECT_GE(filled, 10'000 * 64);
  EXPECT_LE(filled, 10'000 * 64 * 101 / 100);
  const int64_t pages = heap.page_bytes();
  for (size_t i = 0; i < handles.size(); i += 2) {
    heap.free(handles[i]);
  }
  EXPECT_EQ(heap.used_bytes() - heap.hole_bytes(), filled - 5'000 * 64);
  EXPECT_EQ(heap.page_bytes(), pages);
}

// A free lowers what is in use without what compaction can win by nothing, or by a whole page; all
// of them together by what they took, but for a page of each size and what is tolerated.
TEST(EntryHeap, WhatLastsIsLessThanAPageOfEachSizeAndWhatIsTolerated) {
  EntryHeap heap(nullptr);
  Rng rng(3);
  const auto lasting = [&heap] {
    return heap.used_bytes() - heap.hole_bytes() + heap.lasting_hole_bytes();
  };
  EXPECT_EQ(lasting(), 0);
  constexpr int64_t kPage = EntryHeap::kPageBytes;
  constexpr int kSizes = 5;
  std::vector<Handle> handles;
  int64_t live = 0;
  for (int step = 0; step < 60'000; ++step) {
    const bool grow = (step / 10'000) % 2 == 0 ? rng.below(10) < 8 : rng.below(10) < 2;
    const int64_t before = lasting();
    if (grow || handles.empty()) {
      handles.push_back(heap.allocate(40 + 100 * rng.below(kSizes)));
      live += static_cast<int64_t>(heap.block_bytes(handles.back()));
      ASSERT_GE(lasting(), before);
    } else {
      std::swap(handles[rng.below(handles.size())], handles.back());
      live -= static_cast<int64_t>(heap.block_bytes(handles.back()));
      heap.free(handles.back());
      handles.pop_back();
      ASSERT_LE(lasting(), before);
    }
    ASSERT_GE(lasting(), live);
    // 1 % is tolerated, and the end of a page is too short for a block.
    ASSERT_LE(lasting(), live + heap.page_bytes() * 3 / 100 + (kSizes + 8) * kPage);
    if (!heap.wants_compaction()) {
      ASSERT_LE(heap.used_bytes(), lasting());
    }
  }
  for (const Handle handle : handles) {
    heap.free(handle);
  }
  EXPECT_EQ(lasting(), 0);
}

TEST(EntryHeap, EmptyChunksGoBackButForOne) {
  EntryHeap heap(nullptr);
  std::vector<Handle> handles;
  for (int i = 0; i < 100'000; ++i) {
    handles.push_back(heap.allocate(64));
  }
  EXPECT_GE(heap.mapped_bytes(), 3 * static_cast<int64_t>(EntryHeap::kChunkBytes));
  for (Handle handle : handles) {
    heap.free(handle);
  }
  EXPECT_EQ(heap.mapped_bytes(), static_cast<int64_t>(EntryHeap::kChunkBytes));
  EXPECT_EQ(heap.page_bytes(), 0);
}

TEST(EntryHeap, EmptyPageServesAnotherSize) {
  EntryHeap heap(nullptr);
  const Handle first = heap.allocate(8);
  heap.free(first);
  const Handle second = heap.allocate(1024);
  EXPECT_EQ(heap.page_bytes(), static_cast<int64_t>(EntryHeap::kPageBytes));
  heap.free(second);
}

TEST(EntryHeap, WastesLittleAtTheTargetSize) {
  EntryHeap heap(nullptr);
  constexpr int kBlocks = 100'000;
  for (int i = 0; i < kBlocks; ++i) {
    heap.allocate(56);
  }
  EXPECT_LT(static_cast<double>(heap.page_bytes()) / kBlocks, 56.3);
}

TEST(EntryHeap, MarksAreNeverBlocks) {
  EXPECT_FALSE(EntryHeap::is_block(kNoHandle));
  for (uint32_t index : {0U, 1U, 703U, 2'000'000U}) {
    const uint32_t mark = EntryHeap::not_a_block(index);
    EXPECT_FALSE(EntryHeap::is_block(mark));
    EXPECT_EQ(EntryHeap::not_a_block_index(mark), index);
  }
}

// What the heap knows of holes, against a model that knows only the blocks: a page of a size is
// there while one of its blocks is, so both sums follow from the handles alone.
TEST(EntryHeap, HolesAreCountedThroughEveryPath) {
  EntryHeap heap(nullptr);
  Rng rng(7);
  std::map<Handle, size_t> live;  // rounded bytes
  std::vector<Handle> handles;
  const auto check = [&] {
    std::map<size_t, size_t> blocks_of_size;
    std::map<size_t, std::set<uint32_t>> pages_of_size;
    for (const auto& [handle, bytes] : live) {
      ++blocks_of_size[bytes];
      pages_of_size[bytes].insert(handle >> 11);
    }
    size_t pages = 0;
    size_t holes = 0;
    size_t odd = 0;
    for (const auto& [bytes, numbers] : pages_of_size) {
      const size_t in_page = (EntryHeap::kPageBytes - 16) / bytes;
      const size_t free_blocks = numbers.size() * in_page - blocks_of_size[bytes];
      pages += numbers.size();
      holes += free_blocks * bytes;
      odd += free_blocks % in_page * bytes;
    }
    const size_t tolerated =
        pages / EntryHeap::kHollowShare + std::min<size_t>(8, (pages + 63) / 64);
    ASSERT_EQ(heap.block_count(), live.size());
    ASSERT_EQ(heap.page_bytes(), static_cast<int64_t>(pages * EntryHeap::kPageBytes));
    ASSERT_EQ(heap.hole_bytes() - (heap.used_bytes() - heap.page_bytes()),
              static_cast<int64_t>(holes));
    ASSERT_EQ(heap.lasting_hole_bytes(),
              static_cast<int64_t>(odd + tolerated * EntryHeap::kPageBytes));
  };
  const auto drop = [&](size_t at) {
    heap.free(handles[at]);
    live.erase(handles[at]);
    handles[at] = handles.back();
    handles.pop_back();
  };
  const auto compact = [&](int rounds, bool may_give_up) {
    while (rounds-- > 0 && (heap.wants_compaction() || heap.compacting())) {
      std::array<Handle, 32> moved;
      const size_t count = heap.blocks_to_move(moved);
      if (count == 0) {
        break;
      }
      if (may_give_up && rng.below(8) == 0) {
        heap.give_page_up();
        continue;
      }
      for (size_t i = 0; i < count; ++i) {
        const Handle to = heap.relocate(moved[i]);
        live[to] = live[moved[i]];
        heap.free(moved[i]);
        live.erase(moved[i]);
        *std::find(handles.begin(), handles.end(), moved[i]) = to;
      }
    }
  };
  for (int step = 0; step < 120; ++step) {
    const size_t narrow = 1 + rng.below(EntryHeap::kBlockBytesMax);
    const bool one_size = rng.below(2) == 0;
    for (uint64_t i = rng.below(4000); i > 0; --i) {
      const size_t bytes = one_size ? narrow : 1 + rng.below(EntryHeap::kBlockBytesMax);
      const Handle handle = heap.allocate(bytes);
      ASSERT_TRUE(live.emplace(handle, EntryHeap::rounded(bytes)).second);
      handles.push_back(handle);
    }
    check();
    for (uint64_t i = rng.below(handles.size() + 1); i > 0; --i) {
      drop(rng.below(handles.size()));
      if (i % 512 == 0) {
        check();
        compact(3, true);
        check();
      }
    }
    check();
    compact(static_cast<int>(rng.below(40)), true);
    check();
  }
  // At rest the holes are what the limit weighs, at most.
  while (heap.wants_compaction()) {
    compact(100, false);
  }
  check();
  EXPECT_LE(heap.hole_bytes() - (heap.used_bytes() - heap.page_bytes()),
            heap.lasting_hole_bytes());
  while (!handles.empty()) {
    drop(handles.size() - 1);
  }
  check();
  EXPECT_EQ(heap.lasting_hole_bytes(), 0);
}

}  // namespace
}  // namespace pollux
