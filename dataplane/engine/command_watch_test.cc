#include "dataplane/engine/command_watch.h"

#include <gtest/gtest.h>

#include <vector>

namespace pollux {
namespace {

constexpr CommandRow kSlow{.name = "keys", .arity = 2, .flags = 0, .acl = 0, .handler = nullptr};
constexpr CommandRow kQuick{.name = "get", .arity = 2, .flags = kFast, .acl = 0,
                            .handler = nullptr};
constexpr CommandRow kSilent{.name = "exec", .arity = 1, .flags = kSkipSlowlog, .acl = 0,
                             .handler = nullptr};
constexpr double kCyclesPerUs = 1000;

class CommandWatchTest : public ::testing::Test {
 protected:
  void configure(const WatchConfig& config) { watch_.configure(config, kCyclesPerUs); }
  void run(const CommandRow& row, const CommandCost& cost, int64_t at_s = 100) {
    const std::vector<std::string_view> args = {row.name, "a"};
    if (watch_.remarkable(cost)) {
      watch_.note({&row, logged_args(row, args), cost}, {"1.2.3.4:5", "me"},
                  Instant{at_s * 1'000'000});
    }
  }
  const std::deque<LogEntry>& log(LogKind kind) { return watch_.log(kind).entries(); }
  const LatencySeries& events(LatencyEvent event) {
    return watch_.events()[static_cast<size_t>(event)];
  }

  CommandWatch::LogIds ids_{};
  CommandWatch watch_{ids_, 1};
};

TEST_F(CommandWatchTest, NothingIsRemarkableUntilConfigured) {
  EXPECT_FALSE(watch_.remarkable({UINT64_MAX - 1, SIZE_MAX - 1, SIZE_MAX - 1}));
}

TEST_F(CommandWatchTest, SlowAtTheThreshold) {
  WatchConfig config;
  config.slow_us_min = 50;
  configure(config);
  run(kSlow, {49'999, 0, 0});
  EXPECT_TRUE(log(LogKind::kSlow).empty());
  run(kSlow, {50'000, 0, 0});
  ASSERT_EQ(log(LogKind::kSlow).size(), 1u);
  const LogEntry& entry = log(LogKind::kSlow).front();
  EXPECT_EQ(entry.id, 0u);
  EXPECT_EQ(entry.value, 50);
  EXPECT_EQ(entry.unix_s, 100);
  EXPECT_EQ(entry.args, (std::vector<std::string>{"keys", "a"}));
  EXPECT_EQ(entry.address, "1.2.3.4:5");
  EXPECT_EQ(entry.client_name, "me");
}

TEST_F(CommandWatchTest, ZeroIsAllAndMinusOneNone) {
  WatchConfig config;
  config.slow_us_min = 0;
  configure(config);
  run(kQuick, {0, 0, 0});
  EXPECT_EQ(log(LogKind::kSlow).size(), 1u);
  config.slow_us_min = config.request_bytes_min = config.reply_bytes_min = -1;
  configure(config);
  run(kQuick, {1'000'000'000, 1 << 30, 1 << 30});
  EXPECT_EQ(log(LogKind::kSlow).size(), 1u);
  EXPECT_TRUE(log(LogKind::kLargeRequest).empty());
}

TEST_F(CommandWatchTest, LargeRequestsAndReplies) {
  WatchConfig config;
  config.request_bytes_min = 1000;
  config.reply_bytes_min = 2000;
  config.large_reply_entries_max = 1;
  configure(config);
  run(kQuick, {0, 999, 1999});
  run(kQuick, {0, 1000, 0});
  run(kQuick, {0, 0, 2000});
  run(kQuick, {0, 0, 3000});
  EXPECT_TRUE(log(LogKind::kSlow).empty());
  ASSERT_EQ(log(LogKind::kLargeRequest).size(), 1u);
  EXPECT_EQ(log(LogKind::kLargeRequest).front().value, 1000);
  ASSERT_EQ(log(LogKind::kLargeReply).size(), 1u);
  EXPECT_EQ(log(LogKind::kLargeReply).front().value, 3000);
  EXPECT_EQ(log(LogKind::kLargeReply).front().id, 1u);
}

TEST_F(CommandWatchTest, EventsByKindOfCommand) {
  WatchConfig config;
  config.latency_ms_min = 3;
  config.slow_us_min = -1;
  configure(config);
  run(kSlow, {2'999'999, 0, 0});
  run(kSlow, {7'900'000, 0, 0});
  run(kQuick, {3'000'000, 0, 0}, 101);
  run(kSilent, {4'000'000, 0, 0}, 102);
  watch_.note_event(LatencyEvent::kExpireCycle, 2'000'000, Instant{});
  watch_.note_event(LatencyEvent::kEvictionCycle, 5'000'000, Instant{});
  ASSERT_EQ(events(LatencyEvent::kCommand).samples().size(), 2u);
  EXPECT_EQ(events(LatencyEvent::kCommand).samples()[0].ms, 7);
  EXPECT_EQ(events(LatencyEvent::kFastCommand).samples().size(), 1u);
  EXPECT_TRUE(events(LatencyEvent::kExpireCycle).empty());
  EXPECT_EQ(events(LatencyEvent::kEvictionCycle).all_time_ms(), 5);
}

TEST_F(CommandWatchTest, StallsOfTheDiskAreTakenOnce) {
  WatchConfig config;
  DiskStalls stalls;
  stalls.note(DiskEvent::kSync, 900'000, 99);  // while the monitor is off
  watch_.note_stalls(stalls);
  config.latency_ms_min = 3;
  configure(config);
  stalls.note(DiskEvent::kSync, 2'999, 100);
  stalls.note(DiskEvent::kSync, 3'000, 101);
  stalls.note(DiskEvent::kWriteDuringSync, 8'000, 102);
  watch_.note_stalls(stalls);
  watch_.note_stalls(stalls);
  ASSERT_EQ(events(LatencyEvent::kAofFsyncAlways).samples().size(), 1u);
  EXPECT_EQ(events(LatencyEvent::kAofFsyncAlways).samples()[0].unix_s, 101);
  EXPECT_EQ(events(LatencyEvent::kAofWrite).all_time_ms(), 8);
  EXPECT_EQ(events(LatencyEvent::kAofWritePendingFsync).samples().size(), 1u);
  EXPECT_TRUE(events(LatencyEvent::kAofWriteAlone).empty());
  for (int64_t i = 0; i < 3 * DiskStalls::kKept; ++i) {
    stalls.note(DiskEvent::kBacklog, 10'000, 1000 + i);
  }
  watch_.note_stalls(stalls);
  EXPECT_EQ(events(LatencyEvent::kAofBacklog).samples().front().unix_s,
            1000 + 2 * DiskStalls::kKept);
}

TEST_F(CommandWatchTest, SomeCommandsAreNeverLogged) {
  WatchConfig config;
  config.slow_us_min = 0;
  configure(config);
  run(kSilent, {1'000'000, 1 << 30, 1 << 30});
  EXPECT_TRUE(log(LogKind::kSlow).empty());
  EXPECT_TRUE(log(LogKind::kLargeRequest).empty());
}

}  // namespace
}  // namespace pollux
