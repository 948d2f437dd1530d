#include "dataplane/engine/latency_events.h"

#include <gtest/gtest.h>

#include "dataplane/engine/latency_report.h"

namespace pollux {
namespace {

LatencySeries series_of(std::initializer_list<LatencySample> samples) {
  LatencySeries series;
  for (const LatencySample& sample : samples) {
    series.add(sample);
  }
  return series;
}

TEST(LatencySeries, OneSampleASecondTheHighest) {
  const LatencySeries series = series_of({{10, 5}, {10, 9}, {10, 7}, {11, 3}});
  ASSERT_EQ(series.samples().size(), 2u);
  EXPECT_EQ(series.samples()[0].ms, 9);
  EXPECT_EQ(series.samples()[1].ms, 3);
  EXPECT_EQ(series.all_time_ms(), 9);
}

TEST(LatencySeries, KeepsTheNewestAndTheAllTimeHigh) {
  LatencySeries series;
  for (int64_t i = 0; i < 200; ++i) {
    series.add({i, i == 0 ? 1000 : 1});
  }
  ASSERT_EQ(series.samples().size(), LatencySeries::kSamplesMax);
  EXPECT_EQ(series.samples().front().unix_s, 40);
  EXPECT_EQ(series.all_time_ms(), 1000);
  series.clear();
  EXPECT_TRUE(series.empty());
  EXPECT_EQ(series.all_time_ms(), 0);
}

TEST(LatencySeries, MergesByTime) {
  LatencySeries series = series_of({{10, 5}, {12, 5}});
  series.merge(series_of({{9, 1}, {12, 8}, {13, 2}}));
  ASSERT_EQ(series.samples().size(), 4u);
  EXPECT_EQ(series.samples()[0].unix_s, 9);
  EXPECT_EQ(series.samples()[2].ms, 8);
  EXPECT_EQ(series.all_time_ms(), 8);
}

TEST(LatencyEvents, NamesInAnyCase) {
  EXPECT_EQ(find_latency_event("FAST-command"), LatencyEvent::kFastCommand);
  EXPECT_EQ(find_latency_event("eviction-cycle"), LatencyEvent::kEvictionCycle);
  EXPECT_FALSE(find_latency_event("fork"));
  EXPECT_FALSE(find_latency_event(""));
}

TEST(LatencyGraph, OneSample) {
  EXPECT_EQ(latency_graph("command", series_of({{100, 20}}), 100),
            "command - high 20 ms, low 20 ms (all time high 20 ms)\n" + std::string(80, '-') +
                "\n \n \n \n_\n \n0\ns\n");
}

TEST(LatencyGraph, ColumnsGrowFromTheLowestToTheHighest) {
  const std::string graph =
      latency_graph("command", series_of({{0, 1}, {3540, 4}, {3590, 7}, {3599, 13}}), 3600);
  EXPECT_EQ(graph.substr(graph.find("-\n") + 2),
            "   #\n"
            "  _|\n"
            " _||\n"
            "_|||\n"
            "    \n"
            "1111\n"
            "hm0s\n"
            "  s \n");
}

TEST(LatencyAdvice, SaysWhenTheMonitorIsOff) {
  WatchConfig config;
  EXPECT_NE(latency_advice({}, config).find("latency-monitor-threshold"), std::string::npos);
  config.latency_ms_min = 5;
  EXPECT_NE(latency_advice({}, config).find("5 ms"), std::string::npos);
}

TEST(LatencyAdvice, TellsEachEventAndEachAdviceOnce) {
  WatchConfig config;
  config.latency_ms_min = 5;
  config.slow_us_min = 10000;
  LatencyEvents events;
  events[0] = series_of({{10, 5}, {12, 15}});
  events[1] = series_of({{10, 6}});
  const std::string text = latency_advice(events, config);
  EXPECT_NE(text.find("1. command: 2 latency spikes (average 10ms, mean deviation 5ms, period 1.00 "
                      "sec). Worst all time event 15ms."),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("2. fast-command: 1 "), std::string::npos);
  EXPECT_NE(text.find("slowlog-log-slower-than 5000"), std::string::npos);
  EXPECT_EQ(text.find("SLOWLOG GET"), text.rfind("SLOWLOG GET"));
}

}  // namespace
}  // namespace pollux
