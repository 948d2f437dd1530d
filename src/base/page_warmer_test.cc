#include "src/base/page_warmer.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace pollux {
namespace {

constexpr size_t kBytes = 256 << 10;

size_t resident_pages(char* block, size_t bytes = kBytes) {
  std::vector<unsigned char> pages(bytes / WarmBlocks::kAlign);
  EXPECT_EQ(mincore(block, bytes, pages.data()), 0);
  size_t resident = 0;
  for (const unsigned char page : pages) {
    resident += page & 1;
  }
  return resident;
}

TEST(PageWarmer, KeepsNothingReadyForASmallOwner) {
  PageWarmer warmer;
  WarmBlocks blocks(kBytes, &warmer, Warming::kWhole);
  std::vector<char*> taken;
  for (size_t i = 0; i + 1 < WarmBlocks::kReadyFrom; ++i) {
    taken.push_back(blocks.take());
    warmer.work();
    EXPECT_FALSE(blocks.next_is_warm());
  }
  EXPECT_EQ(blocks.bytes(), static_cast<int64_t>(taken.size() * kBytes));
  for (char* block : taken) {
    blocks.give_back(block);
  }
  EXPECT_EQ(blocks.bytes(), 0);
}

TEST(PageWarmer, TouchesTheNextBlockAheadOfTheNeed) {
  PageWarmer warmer;
  WarmBlocks blocks(kBytes, &warmer, Warming::kWhole);
  std::vector<char*> taken;
  for (size_t i = 0; i < WarmBlocks::kReadyFrom; ++i) {
    taken.push_back(blocks.take());
  }
  EXPECT_FALSE(blocks.next_is_warm());
  taken.push_back(blocks.take());  // the warmer is late: a cold one, and still one is asked for
  warmer.work();
  ASSERT_TRUE(blocks.next_is_warm());
  taken.push_back(blocks.take());
  EXPECT_EQ(resident_pages(taken.back()), kBytes / WarmBlocks::kAlign);
  EXPECT_FALSE(blocks.next_is_warm());
  for (char* block : taken) {
    blocks.give_back(block);
  }
}

TEST(PageWarmer, WarmsABlockInPartsAheadOfItsFilling) {
  constexpr size_t kBlock = 8 * WarmBlocks::kPartBytes;
  constexpr size_t kPart = WarmBlocks::kPartBytes;
  PageWarmer warmer;
  WarmBlocks blocks(kBlock, &warmer, Warming::kInParts);
  std::vector<char*> taken;
  for (size_t i = 0; i < WarmBlocks::kReadyFrom; ++i) {
    taken.push_back(blocks.take());
  }
  warmer.work();
  EXPECT_EQ(resident_pages(taken.back(), kBlock), 0U);
  // So few blocks that one part is enough.
  constexpr size_t kPagesOfPart = kPart / WarmBlocks::kAlign;
  for (size_t used = kPart; used <= kBlock - kPart; used += kPart) {
    blocks.reach(taken.back(), used);
    blocks.reach(taken.front(), used);  // another block: nothing happens
    warmer.work();
    EXPECT_EQ(resident_pages(taken.back(), kBlock), used / WarmBlocks::kAlign);
    EXPECT_FALSE(blocks.next_is_warm());
  }
  blocks.reach(taken.back(), kBlock - kPart + 1);
  warmer.work();
  EXPECT_EQ(resident_pages(taken.back(), kBlock), 7 * kPagesOfPart);
  blocks.reach(taken.back(), kBlock - kPart / 4);
  warmer.work();
  ASSERT_TRUE(blocks.next_is_warm());
  taken.push_back(blocks.take());
  EXPECT_EQ(resident_pages(taken.back(), kBlock), kPagesOfPart);
  for (char* block : taken) {
    blocks.give_back(block);
  }
}

// They are resident already: the owner asks for no part of one, and the warmer touches none again.
TEST(PageWarmer, LeavesHugePagesAsTheyAre) {
  constexpr size_t kBlock = HugePages::kPageBytes;
  HugePages huge({.map = []() -> void* {  // not touched, so that a touch shows
                    auto* const room =
                        static_cast<char*>(mmap(nullptr, 2 * kBlock, PROT_READ | PROT_WRITE,
                                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
                    char* const page = room + (-reinterpret_cast<uintptr_t>(room) & (kBlock - 1));
                    munmap(page + kBlock, static_cast<size_t>(room + kBlock - page));
                    if (page != room) {
                      munmap(room, static_cast<size_t>(page - room));
                    }
                    return page;
                  },
                  .unmap = [](void* page) { munmap(page, kBlock); }});
  PageWarmer warmer;
  warmer.use(huge);
  WarmBlocks blocks(kBlock, &warmer, Warming::kInParts);
  std::vector<char*> taken;
  for (size_t i = 0; i < WarmBlocks::kReadyFrom; ++i) {
    taken.push_back(blocks.take());
  }
  for (const bool made_ahead : {false, true}) {
    for (size_t used = 0; used <= kBlock; used += WarmBlocks::kAlign) {
      EXPECT_FALSE(blocks.next_is_warm() && used < kBlock / 2) << used;
      blocks.reach(taken.back(), used);
      warmer.work();
    }
    EXPECT_EQ(resident_pages(taken.back(), kBlock), 0U) << made_ahead;
    ASSERT_TRUE(blocks.next_is_warm()) << "and the next one is asked for in time";
    taken.push_back(blocks.take());
  }
  for (char* block : taken) {
    blocks.give_back(block);
  }
}

// A part that is asked for while its owner writes there keeps what was written.
TEST(PageWarmer, ChangesNothingInAPartThatIsInUse) {
  constexpr size_t kBlock = 2 * WarmBlocks::kPartBytes;
  PageWarmer warmer;
  WarmBlocks blocks(kBlock, &warmer, Warming::kInParts);
  std::vector<char*> taken;
  for (size_t i = 0; i < WarmBlocks::kReadyFrom; ++i) {
    taken.push_back(blocks.take());
  }
  char* block = taken.back();
  blocks.reach(block, WarmBlocks::kAlign);
  std::memset(block, 7, kBlock);
  warmer.work();
  for (size_t at = 0; at < kBlock; at += WarmBlocks::kAlign) {
    EXPECT_EQ(block[at], 7);
  }
  blocks.reach(block, kBlock);
  taken.pop_back();
  blocks.give_back(block);
  warmer.work();  // what was asked for has gone
  for (char* other : taken) {
    blocks.give_back(other);
  }
}

TEST(PageWarmer, WithoutAWarmerTheOwnerMapsForItself) {
  WarmBlocks blocks(kBytes, nullptr, Warming::kWhole);
  std::vector<char*> taken;
  for (size_t i = 0; i < 2 * WarmBlocks::kReadyFrom; ++i) {
    taken.push_back(blocks.take());
    EXPECT_FALSE(blocks.next_is_warm());
  }
  EXPECT_EQ(blocks.bytes(), static_cast<int64_t>(taken.size() * kBytes));
  for (char* block : taken) {
    blocks.give_back(block);
  }
}

bool is_mapped(char* block) {
  unsigned char pages[kBytes / WarmBlocks::kAlign];
  return mincore(block, kBytes, pages) == 0;
}

TEST(PageWarmer, UnmapsWhatIsGivenBack) {
  PageWarmer warmer;
  WarmBlocks with(kBytes, &warmer, Warming::kWhole);
  WarmBlocks without(kBytes, nullptr, Warming::kWhole);
  char* blocks[] = {with.take(), with.take(), without.take()};
  without.give_back(blocks[2]);
  EXPECT_FALSE(is_mapped(blocks[2]));
  with.give_back(blocks[0]);
  with.give_back(blocks[1]);
  EXPECT_EQ(with.bytes(), 0);
  EXPECT_TRUE(is_mapped(blocks[0]));
  warmer.work();
  EXPECT_FALSE(is_mapped(blocks[0]));
  EXPECT_FALSE(is_mapped(blocks[1]));
}

TEST(PageWarmer, HoldsFewReturnedBlocksForAWarmerThatDoesNotCome) {
  PageWarmer warmer;
  WarmBlocks blocks(kBytes, &warmer, Warming::kWhole);
  std::vector<char*> taken;
  for (size_t i = 0; i < WarmBlocks::kReturnedMax + 1; ++i) {
    taken.push_back(blocks.take());
  }
  for (char* block : taken) {
    blocks.give_back(block);
  }
  EXPECT_TRUE(is_mapped(taken[WarmBlocks::kReturnedMax - 1]));
  EXPECT_FALSE(is_mapped(taken[WarmBlocks::kReturnedMax]));
  warmer.work();
  EXPECT_FALSE(is_mapped(taken[0]));
}

// Owner and warmer at once: no block is handed out twice, none is touched while it is out.
TEST(PageWarmer, RunsBesideItsOwners) {
  PageWarmer warmer;
  {
    WarmBlocks blocks(kBytes, &warmer, Warming::kWhole);
    std::thread thread([&warmer] { warmer.run(); });
    std::set<char*> taken;
    size_t warm = 0;
    for (int step = 0; step < 4000; ++step) {
      warm += blocks.next_is_warm();
      char* block = blocks.take();
      ASSERT_TRUE(taken.insert(block).second);
      std::memset(block, step | 1, WarmBlocks::kAlign);
      if (taken.size() > 2 * WarmBlocks::kReadyFrom) {
        char* first = *taken.begin();
        ASSERT_NE(first[0], 0);
        ASSERT_EQ(first[WarmBlocks::kAlign - 1], first[0]);
        taken.erase(taken.begin());
        blocks.give_back(first);
      }
      if (warm == 0 && step == 3999) {
        --step;  // until the warmer was in time at least once
      }
    }
    warmer.stop();
    thread.join();
    for (char* block : taken) {
      blocks.give_back(block);
    }
  }
}

}  // namespace
}  // namespace pollux
