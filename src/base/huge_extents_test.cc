#include "src/base/huge_extents.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "src/base/arena.h"
#include "src/base/rng.h"

namespace pollux {
namespace {

constexpr size_t kPage = HugePages::kPageBytes;

// A kernel with so many pages, which lie outside of jemalloc.
int pages_left = 0;

HugePages::System some_pages(int count) {
  pages_left = count;
  return {.map = []() -> void* {
            if (pages_left == 0) {
              return nullptr;
            }
            --pages_left;
            void* const room = mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            auto* const at = static_cast<char*>(room);
            const size_t before = -reinterpret_cast<uintptr_t>(at) % kPage;
            if (before != 0) {
              munmap(at, before);
            }
            munmap(at + before + kPage, kPage - before);
            return at + before;
          },
          .unmap =
              [](void* page) {
                munmap(page, kPage);
                ++pages_left;
              }};
}

// Blocks of many sizes come and go by seed; each keeps its bytes, in pages and without.
TEST(HugeExtents, BlocksKeepTheirBytesWhereverTheyLie) {
  HugePages pages(some_pages(3));
  {
    Arena arena(&pages);
    Rng rng(7);
    std::map<char*, std::pair<size_t, char>> blocks;
    int64_t bytes = 0;
    for (int step = 0; step < 40'000; ++step) {
      if (bytes < 40 << 20 && rng.below(5) < 3) {
        const size_t size = 1 + rng.below(rng.below(1'000) == 0 ? 3 << 20 : 4'000);
        auto* const block = static_cast<char*>(arena.allocate(size));
        const char mark = static_cast<char>(rng.below(256));
        std::memset(block, mark, size);
        ASSERT_TRUE(blocks.emplace(block, std::pair(size, mark)).second);
        bytes += static_cast<int64_t>(size);
      } else if (!blocks.empty()) {
        auto found = blocks.lower_bound(
            blocks.begin()->first +
            rng.below(static_cast<uint64_t>(blocks.rbegin()->first - blocks.begin()->first) + 1));
        const auto [size, mark] = found->second;
        EXPECT_EQ(std::count(found->first, found->first + size, mark),
                  static_cast<std::ptrdiff_t>(size));
        arena.free(found->first, size);
        bytes -= static_cast<int64_t>(size);
        blocks.erase(found);
      }
      if (step % 10'000 == 9'999) {
        purge_allocator();
      }
    }
    EXPECT_EQ(pages.pages(), 3) << "more was needed than there is";
    EXPECT_GT(pages.shortages(), 0);
    for (const auto& [block, what] : blocks) {
      EXPECT_EQ(std::count(block, block + what.first, what.second),
                static_cast<std::ptrdiff_t>(what.first));
      arena.free(block, what.first);
    }
    EXPECT_EQ(arena.used_bytes(), 0);
  }
  EXPECT_EQ(pages.pages(), 0);
  EXPECT_EQ(pages_left, 3);
}

TEST(HugeExtents, PagesThatEmptyAtOnceAreGivenBack) {
  HugePages pages(some_pages(64));
  Arena arena(&pages);
  std::vector<void*> blocks;
  constexpr size_t kBytes = 1'000;
  for (size_t i = 0; i < (32 << 20) / 1'024; ++i) {
    blocks.push_back(arena.allocate(kBytes));
    std::memset(blocks.back(), 1, kBytes);
  }
  const int64_t full = pages.pages();
  EXPECT_GE(full, 16);
  EXPECT_LE(full, 20);
  for (void* const block : blocks) {
    arena.free(block, kBytes);
  }
  purge_allocator();
  EXPECT_LE(pages.pages(), 4);
  blocks.clear();
  for (size_t i = 0; i < (8 << 20) / 1'024; ++i) {
    blocks.push_back(arena.allocate(kBytes));
    std::memset(blocks.back(), 2, kBytes);
  }
  for (void* const block : blocks) {
    arena.free(block, kBytes);
  }
}

TEST(HugeExtents, AlignmentIsKept) {
  HugePages pages(some_pages(2));
  Arena arena(&pages);
  for (size_t align = 4'096; align <= 8 << 20; align *= 2) {
    void* const block = arena.allocate_aligned(100'000, align);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % align, 0U);
    arena.free_aligned(block, 100'000, align);
  }
}

// Some twenty objects of one size wait in jemalloc's cache, however they were asked for.
TEST(HugeExtents, WhatWasFreedDoesNotWaitInTheCacheBehindTidy) {
  constexpr size_t kBytes = 64;
  HugePages pages(some_pages(2));
  for (const bool aligned : {false, true}) {
    Arena arena(&pages);
    std::vector<void*> blocks;
    for (int i = 0; i < 200; ++i) {
      blocks.push_back(aligned ? arena.allocate_aligned(kBytes, kBytes) : arena.allocate(kBytes));
    }
    for (void* const block : blocks) {
      aligned ? arena.free_aligned(block, kBytes, kBytes) : arena.free(block, kBytes);
    }
    arena.tidy();
    EXPECT_EQ(arena.measured_bytes(), 0) << (aligned ? "aligned" : "not aligned");
  }
}

TEST(HugeExtents, HalvedIsToldOnce) {
  HugePages pages;
  HugeExtents extents(pages);
  EXPECT_FALSE(extents.halved(0));
  extents.note(1000);
  EXPECT_FALSE(extents.halved(501));
  EXPECT_TRUE(extents.halved(500));
  EXPECT_FALSE(extents.halved(500));
  EXPECT_FALSE(extents.halved(300));
  EXPECT_TRUE(extents.halved(0));
  EXPECT_FALSE(extents.halved(0));
}

}  // namespace
}  // namespace pollux
