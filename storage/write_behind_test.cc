#include "storage/write_behind.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>

#include "src/base/rng.h"
#include "storage/disk_test_support.h"
#include "storage/sim_disk.h"

namespace pollux {
namespace {

class WriteBehindTest : public testing::Test {
 protected:
  void start(uint64_t seed, size_t blocks = 3) {
    writes_.reset();
    disk_ = std::make_unique<SimDisk>(seed, clock_);
    writes_ = std::make_unique<WriteBehind>(
        *disk_, WriteBehind::Options{.block_bytes = kBlock, .blocks = blocks});
    ASSERT_EQ(writes_->open("f"), 0);
  }
  size_t poll(int64_t wait_us = -1) {
    std::array<Disk::Completion, 16> out;
    const size_t count = disk_->poll(out, wait_us);
    for (size_t i = 0; i < count; ++i) {
      writes_->ended(out[i]);
    }
    return count;
  }
  // As its user does, part by part; the rest of it when there is no error.
  void write(std::string_view bytes) {
    while (!bytes.empty() && writes_->error() == 0) {
      const size_t room = writes_->make_room();
      if (room == 0) {
        poll();
      }
      const std::string_view part = bytes.substr(0, room);
      writes_->append(part);
      bytes.remove_prefix(part.size());
    }
  }
  void finish() {
    writes_->finish();
    while (!writes_->durable() && !(writes_->error() != 0 && writes_->idle())) {
      poll();
    }
    writes_->close();
  }
  std::string contents() { return disk_->seen().files.at("f"); }

  static constexpr size_t kBlock = 2 * Disk::kDirectAlign;
  ManualClock clock_{Instant{0}};
  std::unique_ptr<SimDisk> disk_;
  std::unique_ptr<WriteBehind> writes_;
};

// Ends of blocks and of the file anywhere, bytes in pieces of any length, also through reserve.
TEST_F(WriteBehindTest, WritesEveryByteOnce) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng(seed);
    const size_t ends[] = {0, 1, Disk::kDirectAlign, kBlock, 3 * kBlock, rng.below(10 * kBlock)};
    const std::string all = random_bytes(ends[seed % std::size(ends)], rng);
    start(seed, 2 + seed % 3);
    for (std::string_view rest = all; !rest.empty();) {
      const std::string_view part = rest.substr(0, 1 + rng.below(seed % 2 == 0 ? 200 : 20'000));
      rest.remove_prefix(part.size());
      if (part.size() > ByteSink::kReserveMax || rng.below(2) == 0) {
        write(part);
        continue;
      }
      while (writes_->make_room() < part.size()) {
        poll();
      }
      part.copy(writes_->reserve(ByteSink::kReserveMax), part.size());
      writes_->commit(part.size());
    }
    EXPECT_EQ(writes_->bytes(), all.size());
    finish();
    EXPECT_EQ(writes_->bytes(), all.size());
    EXPECT_TRUE(writes_->durable());
    EXPECT_TRUE(contents() == all) << seed;
    disk_->crash();
    for (uint64_t other = 0; other < 20; ++other) {
      const SimDisk::Image left = disk_->survivors(other);  // its name may be missing
      EXPECT_TRUE(!left.files.contains("f") || left.files.at("f") == all) << seed;
    }
  }
}

TEST_F(WriteBehindTest, AFileThatWasThereIsGone) {
  start(1);
  write(std::string(100, 'x'));
  finish();
  writes_ = std::make_unique<WriteBehind>(*disk_, WriteBehind::Options{});
  ASSERT_EQ(writes_->open("f"), 0);
  write("abc");
  finish();
  EXPECT_EQ(contents(), "abc");
}

// So many blocks, and one of them is filled while the others are written.
TEST_F(WriteBehindTest, ASlowDiskHoldsItBack) {
  start(1, 3);
  EXPECT_EQ(writes_->make_room(), 3 * kBlock);
  writes_->append(std::string(2 * kBlock, 'x'));
  const uint64_t calls = disk_->calls();
  EXPECT_EQ(writes_->make_room(), kBlock);
  EXPECT_EQ(disk_->calls(), calls + 1);  // the second one; the first was begun when it was full
  writes_->append(std::string(kBlock - 1, 'y'));
  EXPECT_EQ(writes_->make_room(), 1U);
  EXPECT_EQ(disk_->calls(), calls + 1);
  writes_->append("z");
  EXPECT_EQ(writes_->make_room(), 0U);
  EXPECT_EQ(disk_->calls(), calls + 2);
  EXPECT_FALSE(writes_->idle());
  while (writes_->make_room() == 0) {
    poll();
  }
  EXPECT_EQ(writes_->make_room() % kBlock, 0U);
  finish();
  EXPECT_EQ(contents(), std::string(2 * kBlock, 'x') + std::string(kBlock - 1, 'y') + "z");
}

// Whatever fails, it says what and why, begins nothing more and is idle in the end.
TEST_F(WriteBehindTest, TheFirstErrorEndsIt) {
  const std::string all(5 * kBlock + 3, 'x');
  const std::string_view whats[] = {"written", "written", "written", "written", "written",
                                    "written", "cut to its length", "synced"};
  for (size_t i = 0; i < std::size(whats); ++i) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      start(seed);
      disk_->fail_call(2 + i, EDQUOT);
      write(all);
      if (writes_->error() == 0) {
        finish();
      }
      EXPECT_EQ(writes_->error(), EDQUOT);
      EXPECT_EQ(writes_->failed(), whats[i]);
      EXPECT_FALSE(writes_->durable());
      while (!writes_->idle()) {
        poll();
      }
    }
  }
  start(1);
  disk_->set_space(kBlock + 5);
  write(all);
  EXPECT_EQ(writes_->error(), ENOSPC);
  while (!writes_->idle()) {
    poll();
  }
}

TEST_F(WriteBehindTest, AStopEndsIt) {
  for (const bool finished : {false, true}) {
    start(1);
    write(std::string(2 * kBlock + 1, 'x'));
    if (finished) {
      writes_->finish();
    }
    writes_->stop();
    while (!writes_->idle()) {
      poll();
    }
    const uint64_t calls = disk_->calls();
    poll(0);
    EXPECT_EQ(disk_->calls(), calls);
    EXPECT_FALSE(writes_->durable());
  }
}

TEST_F(WriteBehindTest, AFileThatCanNotBeMade) {
  writes_.reset();
  disk_ = std::make_unique<SimDisk>(1, clock_);
  WriteBehind writes(*disk_, {});
  EXPECT_EQ(writes.open("nowhere/f"), ENOENT);
  EXPECT_TRUE(writes.idle());
}

TEST_F(WriteBehindTest, NoMoreThanThereIsRoomFor) {
  start(1);
  EXPECT_DEATH(writes_->append(std::string(4 * kBlock, 'x')), "");
}

}  // namespace
}  // namespace pollux
