#include "dataplane/engine/latency_stats.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

namespace pollux {
namespace {

constexpr double kCyclesPerUs = 2000;

class CommandLatencyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    memory_.reset(std::aligned_alloc(64, (ControlPage::size_for(2) + 63) / 64 * 64));
    std::memset(memory_.get(), 0, ControlPage::size_for(2));
    page().workers = 2;
    page().tsc_per_us = kCyclesPerUs;
  }
  ControlPage& page() { return *static_cast<ControlPage*>(memory_.get()); }
  void run(int core, double us) {
    page().cores[core].per_command[5].calls.add(1);
    page().latencies(core)[5].record(static_cast<uint64_t>(us * kCyclesPerUs));
  }
  CommandLatency latency() { return {page(), 5}; }

  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
};

TEST_F(CommandLatencyTest, NothingHasRun) {
  EXPECT_EQ(latency().count(), 0u);
  EXPECT_TRUE(latency().cumulative().empty());
}

TEST_F(CommandLatencyTest, PercentilesOverAllCores) {
  for (int i = 0; i < 98; ++i) {
    run(i % 2, 1);
  }
  run(0, 500);
  run(1, 9000);
  EXPECT_EQ(latency().count(), 100u);
  EXPECT_NEAR(latency().percentile_us(50), 1, 0.07);
  EXPECT_NEAR(latency().percentile_us(99), 500, 500 * 0.07);
  EXPECT_NEAR(latency().percentile_us(100), 9000, 9000 * 0.07);
  EXPECT_NEAR(latency().percentile_us(0), 1, 0.07);
}

TEST_F(CommandLatencyTest, CumulativeBoundsDouble) {
  run(0, 0.3);
  run(0, 0.3);
  run(1, 3);
  run(1, 40);
  run(0, 20'000);
  const std::vector<std::pair<int64_t, int64_t>> expected = {
      {1, 2}, {4, 3}, {66, 4}, {33816, 5}};
  EXPECT_EQ(latency().cumulative(), expected);
}

TEST_F(CommandLatencyTest, WhatIsEndlessStandsInTheLastBound) {
  run(0, 3e8);
  const std::vector<std::pair<int64_t, int64_t>> expected = {{1073741, 1}};
  EXPECT_EQ(latency().cumulative(), expected);
}

}  // namespace
}  // namespace pollux
