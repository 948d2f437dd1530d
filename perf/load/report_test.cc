#include "perf/load/report.h"

#include <gtest/gtest.h>

#include <string>

#include "perf/load/bench.h"
#include "perf/load/json.h"
#include "perf/load/plot.h"

namespace pollux {
namespace {

// `count` requests of `us` each, in a second; those that were asked for beside them had no answer.
PhaseResult result(double asked, uint64_t count, int64_t us) {
  PhaseResult made;
  made.asked_per_s = asked;
  made.tally.kinds.resize(2);
  for (uint64_t i = 0; i < count; ++i) {
    made.tally.kinds[i % 2].latency.record(us * 1000);
  }
  for (auto i = static_cast<double>(count); i < asked; ++i) {
    made.tally.unsent.record(us * 1000);
  }
  made.tally.answered_in_window = count;
  made.tally.end_ns = 1'000'000'000;
  return made;
}

bool says(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

TEST(ReportTest, Numbers) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(1234567.4), "1,234,567");
  EXPECT_EQ(microseconds(1234), "1.23");
  EXPECT_EQ(microseconds(12'340), "12.3");
  EXPECT_EQ(microseconds(1'234'567), "1,235");
}

TEST(ReportTest, TheTextHasWhatWentWrong) {
  PhaseResult made = result(1000, 500, 100);
  made.tally.kinds[0].errors = 3;
  made.tally.first_error = "OOM no memory";
  made.tally.unsent.record(77'000'000);
  made.tally.lost = 2;
  made.tally.ends = 1;
  made.tally.first_end = "reset by somebody";
  const std::string text = phase_text(LoadOptions(), made);
  EXPECT_TRUE(says(text, "3 answers were errors; the first: OOM no memory"));
  EXPECT_TRUE(says(text, "up to 77,")) << text;
  EXPECT_TRUE(says(text, "reset by somebody"));
  EXPECT_TRUE(says(text, "did not keep up"));
}

TEST(ReportTest, WhoWasLateIsTold) {
  PhaseResult made = result(1000, 900, 100);
  made.tally.looked_ns = 1000;
  made.tally.busy_ns = 500;
  EXPECT_TRUE(says(phase_text(LoadOptions(), made), "all connections were busy"));
  EXPECT_FALSE(says(phase_text(LoadOptions(), made), "this generator"));
  made.tally.busy_ns = 970;
  made.tally.answered = 1234;
  const std::string text = phase_text(LoadOptions(), made);
  EXPECT_FALSE(says(text, "all connections were busy"));
  EXPECT_TRUE(says(text, "never sent, as this generator was late")) << text;
  EXPECT_TRUE(says(text, "busy for 97 % of the time: it may be the limit")) << text;
  const std::string json = json_text(LoadOptions(), "", {made}, -1, {});
  EXPECT_TRUE(says(json, "\"generator_busy_percent\":97.000")) << json;
  EXPECT_TRUE(says(json, "\"answered_total\":1234"));
}

// A server that refuses everything is fast.
TEST(ReportTest, ASweepTellsWhatWentWrongInAnyStep) {
  PhaseResult good = result(100, 100, 100);
  PhaseResult refused = result(200, 200, 10);
  refused.tally.kinds[0].errors = 7;
  refused.tally.looked_ns = 1000;
  refused.tally.busy_ns = 570;
  refused.tally.first_error = "NOAUTH Authentication required.";
  PhaseResult broken = result(300, 298, 10);
  broken.tally.lost = 1;
  broken.tally.ends = 1;
  broken.tally.first_end = "reset by somebody";
  broken.tally.kinds[1].nulls = 9;
  EXPECT_TRUE(kept_up(good));
  EXPECT_FALSE(kept_up(refused));
  const std::vector<PhaseResult> steps = {good, refused, broken};
  const int knee = find_knee(steps, 10);
  EXPECT_EQ(knee, 0);
  const std::string text = sweep_text(LoadOptions(), steps, knee);
  EXPECT_TRUE(says(text, " 57 %  errors\n")) << text;
  EXPECT_TRUE(says(text, "lost\n"));
  EXPECT_TRUE(says(text, "7 answers were errors; the first: NOAUTH Authentication")) << text;
  EXPECT_TRUE(says(text, "reset by somebody"));
  EXPECT_TRUE(says(text, "GET: 3.0 % were answered with null")) << text;
  EXPECT_TRUE(says(text, "2 requests were due and never sent"));
  EXPECT_TRUE(says(sweep_text(LoadOptions(), {refused}, -1), "mended first"));
}

TEST(ReportTest, JsonIsWellFormed) {
  JsonText json;
  json.begin_object().key("a").integer(1).key("b").begin_array();
  json.number(1.5).number(1.0 / 0.0).string("x\"\\\n\xff").boolean(true).begin_object();
  json.end_object().end_array().key("c").begin_array().end_array().end_object();
  EXPECT_EQ(json.text(),
            "{\"a\":1,\"b\":[1.500,null,\"x\\\"\\\\\\u000a\\u00ff\",true,{}],"
            "\"c\":[]}");
  const std::string text = json_text(LoadOptions(), "here", {result(0, 10, 5)}, -1, {{"n", 3}});
  EXPECT_TRUE(says(text, "\"achieved_per_s\":10.000")) << text;
  EXPECT_TRUE(says(text, "\"channel\":{\"n\":3}"));
}

// What chance makes of a low rate is not the server's.
TEST(ReportTest, KeptUpIsMeasuredByWhatWasDue) {
  PhaseResult made = result(0, 170, 100);
  made.asked_per_s = 200;
  EXPECT_TRUE(kept_up(made));
  made.tally.unanswered.record(1'000'000);
  made.tally.answered_in_window -= 3;
  EXPECT_TRUE(kept_up(made));
  made.tally.answered_in_window -= 1;
  EXPECT_FALSE(kept_up(made));
  made = result(20, 20, 100);
  made.tally.answered_in_window = 19;  // the last came behind the end
  EXPECT_TRUE(kept_up(made));
}

// Answers that take long are missing at the end, however steady the server is: a warm-up makes up
// for them. One that falls behind is told from it.
TEST(ReportTest, KeptUpKnowsHowLongAnswersTake) {
  PhaseResult steady = result(100, 100, 100'000);
  steady.tally.answered_in_window = 90;
  EXPECT_TRUE(kept_up(steady));
  steady.warmup_s = 1;
  EXPECT_FALSE(kept_up(steady));
  PhaseResult behind = result(1'000, 0, 0);
  behind.tally.unsent = {};
  for (int64_t i = 0; i < 1'000; ++i) {
    behind.tally.kinds[0].latency.record(i * 40'000);  // up to 40 ms
  }
  behind.tally.answered_in_window = 960;
  EXPECT_FALSE(kept_up(behind));
  PhaseResult hung = result(10, 0, 0);
  hung.tally.unsent = {};
  for (int i = 0; i < 10; ++i) {
    hung.tally.unanswered.record(2'500'000'000);
  }
  EXPECT_FALSE(kept_up(hung));
}

// A run can be made again from what its JSON says.
TEST(ReportTest, JsonHasWhatWasAskedFor) {
  LoadOptions options;
  options.warmup_s = 2;
  options.ratio_set = 3;
  options.pattern_get = KeyPattern::kZipf;
  std::string text = json_text(options, "", {result(0, 10, 5)}, -1, {});
  EXPECT_TRUE(says(text,
                   "\"commands\":[{\"command\":\"SET __key__ __data__\",\"ratio\":3,"
                   "\"key_pattern\":\"R\"},{\"command\":\"GET __key__\",\"ratio\":10,"
                   "\"key_pattern\":\"Z\"}]"))
      << text;
  EXPECT_TRUE(says(text, "\"warmup_time_s\":2.000"));
  options.sweep = true;
  PhaseResult step = result(10, 10, 5);
  step.tally.answered = 11;
  EXPECT_TRUE(says(json_text(options, "", {step, step}, 0, {}), "\"answered_total\":22,"));
}

class NoChannels final : public ChannelMaker {
 public:
  std::unique_ptr<Channel> make(unsigned, uint32_t, std::string& error) override {
    error = "none";
    ++made;
    return nullptr;
  }
  std::string where() const override { return ""; }
  int made = 0;
};

TEST(BenchTest, AFileThatCannotBeWrittenIsFoundBeforeTheRun) {
  const std::atomic<bool> stop{false};
  for (const std::string path : {"/no/such/folder/x.json", "/tmp", "/dev/null/x"}) {
    LoadOptions options;
    options.json_path = path;
    NoChannels maker;
    EXPECT_EQ(Bench(options, maker, stop, false).run(), 2) << path;
    EXPECT_EQ(maker.made, 0);
    options.json_path.clear();
    options.svg_path = path;
    EXPECT_EQ(Bench(options, maker, stop, false).run(), 2) << path;
  }
  LoadOptions options;
  options.json_path = ::testing::TempDir() + "x.json";
  NoChannels maker;
  EXPECT_EQ(Bench(options, maker, stop, false).run(), 1);
  EXPECT_EQ(maker.made, 1);
}

// ---- the knee ----

TEST(KneeTest, IsTheLastRateThatWasKeptUpWith) {
  EXPECT_EQ(find_knee({result(100, 100, 50), result(200, 200, 60), result(300, 210, 70)}, 10), 1);
}

TEST(KneeTest, IsWhereP99Rises) {
  EXPECT_EQ(find_knee({result(100, 100, 50), result(200, 200, 499), result(300, 300, 502)}, 10), 1);
}

TEST(KneeTest, OneBadRateBelowAGoodOneIsNone) {
  EXPECT_EQ(find_knee({result(100, 100, 50), result(200, 200, 900), result(300, 300, 60)}, 10), 2);
}

TEST(KneeTest, IsLookedForBetweenTheLastGoodRateAndTheNext) {
  const std::vector<PhaseResult> steps = {result(100, 100, 50), result(200, 200, 60),
                                          result(300, 210, 70), result(400, 210, 70)};
  EXPECT_EQ(rate_above_knee(steps, 10), 250);
  EXPECT_EQ(rate_above_knee({steps[0], steps[1]}, 10), 0);  // there may be none
  EXPECT_EQ(rate_above_knee({steps[2], steps[3]}, 10), 0);
  EXPECT_EQ(rate_above_knee({}, 10), 0);
}

TEST(KneeTest, IsNoneIfTheFirstRateIsTooMuch) {
  EXPECT_EQ(find_knee({result(100, 50, 50), result(200, 50, 50)}, 10), -1);
  EXPECT_EQ(find_knee({}, 10), -1);
}

TEST(PlotTest, HasItsPointsInItsFrame) {
  const std::string svg =
      latency_plot("a <b>", {{1000, 20, 30, 40}, {2000, 25, 90, 5e6, false}}, 1000);
  EXPECT_TRUE(says(svg, "a &lt;b&gt;"));
  EXPECT_TRUE(says(svg, "knee: 1k/s"));
  // The rate that was not kept up with is hollow, the other is not.
  EXPECT_TRUE(says(svg, "stroke='#2b7bba' stroke-width='1.5' fill='white'"));
  EXPECT_TRUE(says(svg, "stroke='#2b7bba' stroke-width='1.5' fill='#2b7bba'"));
  EXPECT_FALSE(says(svg, "nan"));
  EXPECT_FALSE(says(svg, "inf"));
}

// A server that answers nothing has nothing to draw, and still no infinities.
TEST(PlotTest, OfZeroes) {
  const std::string svg = latency_plot("", {{10, 0, 0, 0}}, 0);
  EXPECT_FALSE(says(svg, "nan"));
  EXPECT_FALSE(says(svg, "inf"));
}

}  // namespace
}  // namespace pollux
