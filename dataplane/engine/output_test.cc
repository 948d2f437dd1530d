#include "dataplane/engine/output.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "src/base/rng.h"

namespace pollux {
namespace {

// The bytes that the slices show (at most kTxSlicesMax of them).
std::string shown(Output& output) {
  std::array<TxSlice, kTxSlicesMax> slices;
  size_t bytes = 0;
  const size_t count = output.slices(slices, bytes);
  std::string all;
  for (size_t i = 0; i < count; ++i) {
    EXPECT_FALSE(slices[i].bytes.empty());
    all += slices[i].bytes;
  }
  EXPECT_EQ(all.size(), bytes);
  return all;
}

TEST(OutputTest, IsEmptyAtFirstAndHoldsNoMemory) {
  ChunkPool pool;
  Output output(pool);
  EXPECT_TRUE(output.empty());
  EXPECT_EQ(shown(output), "");
  EXPECT_EQ(pool.used_bytes(), 0);
}

TEST(OutputTest, AShortReplyTakesASmallChunk) {
  ChunkPool pool;
  Output output(pool);
  output.append("+OK\r\n");
  EXPECT_EQ(pool.used_bytes(), 1024);
  output.consume(5);
  EXPECT_EQ(pool.used_bytes(), 0);
}

TEST(OutputTest, SlicesStayWhereTheyAreWhileMoreIsWritten) {
  ChunkPool pool;
  Output output(pool);
  output.append("first");
  std::array<TxSlice, kTxSlicesMax> slices;
  size_t bytes = 0;
  ASSERT_EQ(output.slices(slices, bytes), 1U);
  output.append(std::string(100'000, 'x'));
  EXPECT_EQ(slices[0].bytes, "first");
}

TEST(OutputTest, ALongReplyIsSplicedWithoutCopy) {
  ChunkPool pool;
  Output from(pool);
  Output to(pool);
  from.append(std::string(5000, 'x'));
  std::array<TxSlice, kTxSlicesMax> slices;
  size_t bytes = 0;
  from.slices(slices, bytes);
  const char* const place = slices[0].bytes.data();
  to.splice(from);
  EXPECT_TRUE(from.empty());
  to.slices(slices, bytes);
  EXPECT_EQ(slices[0].bytes.data(), place);
}

TEST(OutputTest, ChunksGoHomeFromWhoeverConsumesThem) {
  ChunkPool owner;
  ChunkPool home;
  Output cell(owner);
  Output session(home);
  cell.append(std::string(50'000, 'x'));
  session.splice(cell);
  EXPECT_EQ(home.used_bytes(), 0);
  EXPECT_GT(owner.used_bytes(), 50'000);
  session.consume(50'000);
  owner.take_returned();
  EXPECT_EQ(owner.used_bytes(), 0);
}

TEST(OutputTest, ChunksGoHomeAcrossThreads) {
  ChunkPool owner;
  ChunkPool home;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<Output>> cells;
    for (int i = 0; i < 100; ++i) {
      cells.push_back(std::make_unique<Output>(owner));
      cells.back()->append(std::string(2000, 'x'));
    }
    std::thread other([&] {
      Output session(home);
      for (const auto& cell : cells) {
        session.splice(*cell);
        session.consume(1000);
      }
    });
    Output mine(owner);  // the owner goes on while its chunks come home
    for (int i = 0; i < 100; ++i) {
      mine.append(std::string(3000, 'y'));
      mine.consume(3000);
    }
    other.join();
  }
  owner.take_returned();
  EXPECT_EQ(owner.used_bytes(), 0);
  EXPECT_EQ(home.used_bytes(), 0);
}

TEST(OutputTest, WhatIsBeyondTheLimitIsDropped) {
  ChunkPool pool;
  {
    Output output(pool);
    output.set_limit(100'000);
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(output.overflowed(), i > 5) << i;
      output.append(std::string(20'000, 'a'));
    }
    const int64_t used = pool.used_bytes();
    EXPECT_LT(used, 150'000);
    output.append(std::string(50'000'000, 'b'));
    for (int i = 0; i < 10'000; ++i) {
      std::fill_n(output.reserve(100), 100, 'c');
      output.commit(100);
    }
    EXPECT_EQ(pool.used_bytes(), used);
    // What was there before is as it was, and can be sent.
    EXPECT_GE(output.size(), 100'000u);
    size_t seen = 0;
    while (!output.empty()) {
      const std::string front = shown(output);
      EXPECT_EQ(front.find_first_not_of('a'), std::string::npos);
      seen += front.size();
      output.consume(front.size());
    }
    EXPECT_GE(seen, 100'000u);
    EXPECT_TRUE(output.overflowed());

    Output whole(pool);
    whole.append("whole");
    whole.splice(output);
    EXPECT_TRUE(whole.overflowed());
    EXPECT_FALSE(output.overflowed());
    EXPECT_EQ(shown(whole), "whole");
    whole.clear();
    EXPECT_FALSE(whole.overflowed());
    whole.append("again");
    EXPECT_EQ(shown(whole), "again");
  }
  EXPECT_EQ(pool.used_bytes(), 0);
}

TEST(OutputTest, RandomStepsEqualStrings) {
  Rng rng(11);
  ChunkPool pools[2];
  {
    Output outputs[2] = {Output(pools[0]), Output(pools[1])};
    std::string models[2];
    for (int step = 0; step < 30'000; ++step) {
      const size_t which = rng.below(2);
      Output& output = outputs[which];
      std::string& model = models[which];
      switch (rng.below(5)) {
        case 0:
        case 1: {
          const std::string bytes(rng.below(rng.below(8) == 0 ? 40'000 : 300),
                                  static_cast<char>('a' + rng.below(26)));
          output.append(bytes);
          model += bytes;
          break;
        }
        case 2: {
          char* at = output.reserve(20);
          std::fill_n(at, 7, '#');
          output.commit(7);
          model += "#######";
          break;
        }
        case 3:
          output.splice(outputs[1 - which]);
          model += models[1 - which];
          models[1 - which].clear();
          break;
        default: {
          const size_t bytes = rng.below(model.size() + 1);
          output.consume(bytes);
          model.erase(0, bytes);
          break;
        }
      }
      ASSERT_EQ(output.size(), model.size());
      if (step % 16 == 0) {
        const std::string front = shown(output);
        ASSERT_TRUE(model.starts_with(front));
        ASSERT_EQ(front.empty(), model.empty());
      }
    }
  }
  for (ChunkPool& pool : pools) {
    pool.take_returned();
    EXPECT_EQ(pool.used_bytes(), 0);
  }
}

}  // namespace
}  // namespace pollux
