#include "src/base/arena.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "src/base/rng.h"

#ifdef POLLUX_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

namespace pollux {
namespace {

TEST(ArenaTest, MemoryIsAlignedTo16) {
  Arena arena;
  for (size_t bytes = 1; bytes <= 300; ++bytes) {
    void* memory = arena.allocate(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 16, 0U) << bytes;
    arena.free(memory, bytes);
  }
}

TEST(ArenaTest, AlignedMemoryHasItsAlignment) {
  Arena arena;
  for (size_t align = 16; align <= 65536; align *= 2) {
    for (size_t bytes : {size_t{1}, size_t{100}, size_t{4096}, size_t{70000}}) {
      void* memory = arena.allocate_aligned(bytes, align);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % align, 0U);
      std::memset(memory, 1, bytes);
      arena.free_aligned(memory, bytes, align);
    }
  }
  EXPECT_EQ(arena.used_bytes(), 0);
}

TEST(ArenaTest, AccountIsTheSumOfUsableSizes) {
  Arena arena;
  Rng rng(7);
  struct Block {
    void* memory;
    size_t bytes;
  };
  std::vector<Block> blocks;
  int64_t sum = 0;
  for (int step = 0; step < 5000; ++step) {
    if (blocks.empty() || rng.below(3) != 0) {
      const size_t bytes = 1 + rng.below(rng.below(10) == 0 ? 100'000 : 200);
      blocks.push_back({arena.allocate(bytes), bytes});
      std::memset(blocks.back().memory, step & 255, bytes);
      sum += static_cast<int64_t>(Arena::usable(bytes));
    } else {
      std::swap(blocks[rng.below(blocks.size())], blocks.back());
      arena.free(blocks.back().memory, blocks.back().bytes);
      sum -= static_cast<int64_t>(Arena::usable(blocks.back().bytes));
      blocks.pop_back();
    }
    ASSERT_EQ(arena.used_bytes(), sum);
  }
  for (const Block& block : blocks) {
    arena.free(block.memory, block.bytes);
  }
  EXPECT_EQ(arena.used_bytes(), 0);
}

#ifdef POLLUX_JEMALLOC
TEST(ArenaTest, UsableIsJemallocsSizeClass) {
  for (size_t bytes = 9; bytes <= 300'000; bytes += bytes < 5000 ? 1 : 61) {
    ASSERT_EQ(Arena::usable(bytes), nallocx(bytes, 0)) << bytes;
  }
  for (int bit = 14; bit < 40; ++bit) {
    for (int64_t delta = -1; delta <= 1; ++delta) {
      const size_t bytes = (size_t{1} << bit) + static_cast<size_t>(delta);
      ASSERT_EQ(Arena::usable(bytes), nallocx(bytes, 0)) << bytes;
    }
  }
}

// Where there is no thread for it, those that use the memory go on giving it back.
TEST(ArenaTest, NoPurgeThreadLeavesPurgingToTheOthers) {
  const auto start_without_threads = [] {
    constexpr uid_t kNobodyElse = 64'321;  // the limit is none for root
    const rlimit one{1, 1};
    if ((geteuid() == 0 && setuid(kNobodyElse) != 0) || setrlimit(RLIMIT_NPROC, &one) != 0 ||
        start_purge_thread()) {
      _exit(1);
    }
    bool on = true;
    size_t size = sizeof on;
    _exit(mallctl("background_thread", &on, &size, nullptr, 0) == 0 && !on ? 0 : 2);
  };
  EXPECT_EXIT(start_without_threads(), testing::ExitedWithCode(0), "");
}

// An arena that is giving back a part at the moment (as the allocator's own thread does all the
// time) is passed over by jemalloc.
TEST(ArenaTest, PurgesWhatAnotherIsAt) {
  constexpr size_t kBlock = 64 << 10;
  constexpr size_t kBlocks = 4000;
  Arena arena;
  std::vector<void*> blocks;
  for (size_t i = 0; i < kBlocks; ++i) {
    blocks.push_back(std::memset(arena.allocate(kBlock), 1, kBlock));
  }
  unsigned number = 0;
  size_t size = sizeof number;
  ASSERT_EQ(mallctl("arenas.lookup", &number, &size, blocks.data(), sizeof(void*)), 0);
  const std::string name = "arena." + std::to_string(number);
  ssize_t decay_ms = 400;
  ASSERT_EQ(
      mallctl((name + ".dirty_decay_ms").c_str(), nullptr, nullptr, &decay_ms, sizeof decay_ms), 0);
  const auto free_from = [&](size_t first) {  // every other: neighbours would become one
    for (size_t i = first; i < kBlocks; i += 2) {
      arena.free(blocks[i], kBlock);
    }
  };
  free_from(0);
  std::this_thread::sleep_for(std::chrono::milliseconds(decay_ms * 5 / 8));
  std::thread another([&] { mallctl((name + ".decay").c_str(), nullptr, nullptr, nullptr, 0); });
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  purge_allocator();
  const AllocatorStats stats = allocator_stats();
  EXPECT_LT(stats.resident - stats.active, int64_t{kBlock} * kBlocks / 10);
  another.join();
  free_from(1);
}

TEST(ArenaTest, ArenasAreReusedAfterDestruction) {
  for (int i = 0; i < 5000; ++i) {  // more than jemalloc can have at a time
    Arena arena;
    arena.free(arena.allocate(100), 100);
  }
}
#endif

}  // namespace
}  // namespace pollux
