#include "src/base/huge_pages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "src/base/page_warmer.h"

namespace pollux {
namespace {

constexpr size_t kPage = HugePages::kPageBytes;
constexpr size_t kUnit = HugePages::kUnitBytes;
constexpr size_t kUnits = kPage / kUnit;

// A kernel with so many pages.
std::atomic<int> pages_left{0};

HugePages::System some_pages(int count) {
  pages_left = count;
  return {.map = []() -> void* {
            if (pages_left.fetch_sub(1) <= 0) {
              pages_left.fetch_add(1);
              return nullptr;
            }
            void* const page = std::aligned_alloc(kPage, kPage);
            std::memset(page, 0, kPage);
            return page;
          },
          .unmap =
              [](void* page) {
                std::free(page);
                pages_left.fetch_add(1);
              }};
}

bool is_zero(const char* block, size_t bytes) {
  return std::all_of(block, block + bytes, [](char c) { return c == 0; });
}

TEST(HugePages, APageIsTakenAndGivenBackAsAWhole) {
  HugePages pages(some_pages(2));
  char* const page = pages.take(kPage);
  ASSERT_NE(page, nullptr);
  EXPECT_TRUE(is_zero(page, kPage));
  EXPECT_EQ(pages.pages(), 1);
  EXPECT_TRUE(pages.give_back(page, kPage));
  EXPECT_EQ(pages.pages(), 0);
  EXPECT_EQ(pages_left, 2);
}

TEST(HugePages, BlocksShareAPageAndTheLastGivesItBack) {
  HugePages pages(some_pages(2));
  std::vector<char*> blocks;
  for (size_t i = 0; i < kUnits + 1; ++i) {
    blocks.push_back(pages.take(kUnit));
    ASSERT_NE(blocks.back(), nullptr);
    std::memset(blocks.back(), 7, kUnit);
  }
  EXPECT_EQ(std::set(blocks.begin(), blocks.end()).size(), kUnits + 1);
  EXPECT_EQ(pages.pages(), 2);
  for (size_t i = 0; i + 1 < kUnits; ++i) {
    EXPECT_TRUE(pages.give_back(blocks[i], kUnit));
  }
  EXPECT_EQ(pages.pages(), 2) << "a block is left on each";
  EXPECT_TRUE(pages.give_back(blocks[kUnits - 1], kUnit));
  EXPECT_EQ(pages.pages(), 1);
  EXPECT_TRUE(pages.give_back(blocks[kUnits], kUnit));
  EXPECT_EQ(pages.pages(), 0);
  EXPECT_EQ(pages_left, 2);
}

TEST(HugePages, ABlockThatWasInUseComesBackZeroed) {
  HugePages pages(some_pages(1));
  char* const first = pages.take(kUnit);
  char* const other = pages.take(kUnit);
  std::memset(first, 7, kUnit);
  EXPECT_TRUE(pages.give_back(first, kUnit));
  char* const again = pages.take(kUnit);
  EXPECT_EQ(again, first) << "pages that are in use anyway are filled first";
  EXPECT_TRUE(is_zero(again, kUnit));
  EXPECT_TRUE(pages.give_back(again, kUnit));
  EXPECT_TRUE(pages.give_back(other, kUnit));
}

TEST(HugePages, WithoutAPageThereIsNoBlockButInThoseAtHand) {
  HugePages pages(some_pages(1));
  char* const unit = pages.take(kUnit);
  ASSERT_NE(unit, nullptr);
  EXPECT_EQ(pages.take(kPage), nullptr);
  EXPECT_EQ(pages.shortages(), 1);
  char* const second = pages.take(kUnit);
  EXPECT_NE(second, nullptr);
  EXPECT_EQ(pages.shortages(), 1);
  EXPECT_TRUE(pages.give_back(unit, kUnit));
  EXPECT_TRUE(pages.give_back(second, kUnit));
  char* const page = pages.take(kPage);
  EXPECT_NE(page, nullptr) << "it is there again";
  EXPECT_TRUE(pages.give_back(page, kPage));
}

TEST(HugePages, BlocksOfOthersAreNotTaken) {
  HugePages pages(some_pages(1));
  std::vector<char> other(2 * kPage);
  for (const size_t bytes : {kPage, kUnit, size_t{4096}}) {
    EXPECT_FALSE(pages.give_back(other.data() + kPage, bytes));
  }
}

TEST(HugePages, ThreadsGetBlocksOfTheirOwn) {
  HugePages pages(some_pages(40));
  const auto play = [&pages](char mark) {
    std::vector<std::pair<char*, size_t>> mine;
    for (int round = 0; round < 400; ++round) {
      const size_t bytes = round % 3 == 0 ? kPage : kUnit;
      if (char* const block = pages.take(bytes); block != nullptr) {
        EXPECT_EQ(block[0], 0);
        EXPECT_EQ(block[bytes - 1], 0);
        block[0] = block[bytes - 1] = mark;
        mine.emplace_back(block, bytes);
      }
      if (mine.size() > 8) {
        const auto [block, size] = mine[static_cast<size_t>(round) % mine.size()];
        mine.erase(mine.begin() + round % static_cast<int>(mine.size()));
        EXPECT_EQ(block[0], mark);
        EXPECT_EQ(block[size - 1], mark);
        EXPECT_TRUE(pages.give_back(block, size));
      }
    }
    for (const auto& [block, size] : mine) {
      EXPECT_TRUE(pages.give_back(block, size));
    }
  };
  std::thread first(play, 1);
  std::thread second(play, 2);
  first.join();
  second.join();
  EXPECT_EQ(pages.pages(), 0);
  EXPECT_EQ(pages_left, 40);
}

// As a shard has them: what there is no page for is ordinary memory, and both go where they came
// from.
TEST(HugePages, WarmBlocksTakeOrdinaryMemoryWhenThereIsNoPageLeft) {
  HugePages pages(some_pages(3));
  PageWarmer warmer;
  warmer.use(pages);
  {
    WarmBlocks chunks(kPage, &warmer, Warming::kInParts);
    WarmBlocks slabs(kUnit, &warmer, Warming::kWhole);
    std::vector<char*> taken;
    std::vector<char*> taken_slabs;
    for (int i = 0; i < 12; ++i) {
      taken.push_back(chunks.take());
      taken_slabs.push_back(slabs.take());
      std::memset(taken.back(), 7, kPage);
      std::memset(taken_slabs.back(), 7, kUnit);
      warmer.work();
    }
    EXPECT_EQ(pages.pages(), 3);
    EXPECT_GT(pages.shortages(), 0);
    EXPECT_EQ(chunks.bytes(), static_cast<int64_t>(12 * kPage));
    for (char* const chunk : taken) {
      chunks.give_back(chunk);
      warmer.work();
    }
    for (char* const slab : taken_slabs) {
      slabs.give_back(slab);
      warmer.work();
    }
  }
  EXPECT_EQ(pages.pages(), 0);
  EXPECT_EQ(pages_left, 3);
}

TEST(HugePages, TheKernelHasThemOrSaysSo) {
  HugePages pages;
  const int64_t before = free_huge_pages();
  char* const page = pages.take(kPage);
  if (page == nullptr) {
    EXPECT_EQ(pages.shortages(), 1);
    GTEST_SKIP() << "no huge pages are reserved";
  }
  EXPECT_GT(before, 0);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(page) % kPage, 0U);
  EXPECT_TRUE(is_zero(page, kPage));
  page[kPage - 1] = 1;
  EXPECT_TRUE(pages.give_back(page, kPage));
}

TEST(HugePagesOutlook, SaysWhatIsMissingAndWhatToDo) {
  constexpr int64_t kMiB = 1 << 20;
  EXPECT_EQ(huge_pages_outlook(0, 5).missing, 0) << "without maxmemory all are welcome";
  EXPECT_EQ(huge_pages_outlook(0, 0).missing, 1);
  EXPECT_EQ(huge_pages_outlook(64 * kMiB, 36).missing, 0);
  const HugePagesOutlook outlook = huge_pages_outlook(64 * kMiB, 10);
  EXPECT_EQ(outlook.missing, 26);
  for (const char* const words : {"10 of 2 MB are free", "takes up to 36", "26 are missing",
                                  "vm.nr_hugepages", "maxmemory"}) {
    EXPECT_NE(outlook.sentence.find(words), std::string::npos) << outlook.sentence;
  }
  EXPECT_EQ(huge_pages_outlook(0, 0).sentence.find("maxmemory"), std::string::npos);
}

}  // namespace
}  // namespace pollux
