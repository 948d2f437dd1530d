#include "dataplane/tcp/tables/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

class Nodes {
 public:
  explicit Nodes(size_t count) : nodes_(count) {}
  TimerNode& timer(uint32_t index) { return nodes_[index]; }

 private:
  std::vector<TimerNode> nodes_;
};

using Wheel = TimerWheel<Nodes>;
constexpr int64_t kTick = Wheel::kTickNs;
constexpr size_t kAll = SIZE_MAX;

// All that comes up at this moment.
std::vector<uint32_t> advance(Wheel& wheel, Moment now, size_t nodes_max = kAll) {
  std::vector<uint32_t> due;
  wheel.advance(now, nodes_max, [&due](uint32_t index) { due.push_back(index); });
  std::sort(due.begin(), due.end());
  return due;
}

using Indices = std::vector<uint32_t>;

TEST(TimerWheelTest, EmptyHasNoDeadline) {
  Nodes nodes(1);
  Wheel wheel(nodes, Moment{0});
  EXPECT_EQ(wheel.next_deadline(), kNever);
  EXPECT_EQ(advance(wheel, Moment{INT64_MAX / 2}), Indices{});
  EXPECT_EQ(wheel.next_deadline(), kNever);
}

TEST(TimerWheelTest, NeverEarlyAndLessThanATickLate) {
  for (const int64_t start : {int64_t{0}, int64_t{12'345'678'901}, -int64_t{99'999'999'999'999}}) {
    for (const int64_t delay :
         {int64_t{1}, kTick - 1, kTick, kTick + 1, 1023 * kTick, 1024 * kTick, 1025 * kTick,
          70 * kMillisecondNs, kSecondNs, 68 * kSecondNs, 69 * kSecondNs, 300 * kSecondNs,
          5 * 3600 * kSecondNs, 100 * 86'400 * kSecondNs}) {
      Nodes nodes(1);
      const Moment now{start};
      Wheel wheel(nodes, now);
      const Moment deadline = now + delay;
      wheel.arm(0, deadline);
      EXPECT_EQ(advance(wheel, deadline - 1), Indices{});
      EXPECT_LT(wheel.next_deadline() - deadline, kTick);
      EXPECT_GE(wheel.next_deadline() - deadline, 0);  // exact, once it is on the lowest level
      EXPECT_EQ(advance(wheel, wheel.next_deadline() - 1), Indices{});
      EXPECT_EQ(advance(wheel, wheel.next_deadline()), Indices{0}) << start << " " << delay;
      EXPECT_EQ(nodes.timer(0).deadline, kNever);
      EXPECT_EQ(nodes.timer(0).slot, TimerNode::kNotFiled);
    }
  }
}

// Following next_deadline() alone, one gets there, in few steps.
TEST(TimerWheelTest, NextDeadlineLeadsToTheEnd) {
  for (const int64_t delay : {kMillisecondNs, kSecondNs, 100 * kSecondNs, 40'000 * kSecondNs}) {
    Nodes nodes(1);
    Wheel wheel(nodes, Moment{777});
    wheel.arm(0, Moment{777} + delay);
    Indices due;
    int steps = 0;
    while (due.empty()) {
      const Moment next = wheel.next_deadline();
      ASSERT_LT(next, Moment{777} + delay + kTick);
      due = advance(wheel, next);
      ASSERT_LT(++steps, 10);
    }
  }
}

TEST(TimerWheelTest, LaterIsOnlyWrittenAndEarlierMoves) {
  Nodes nodes(1);
  Wheel wheel(nodes, Moment{0});
  wheel.arm(0, Moment{10 * kTick});
  const uint16_t slot = nodes.timer(0).slot;
  wheel.arm(0, Moment{500 * kTick});
  EXPECT_EQ(nodes.timer(0).slot, slot);
  EXPECT_EQ(wheel.next_deadline(), Moment{10 * kTick});
  EXPECT_EQ(advance(wheel, Moment{10 * kTick}), Indices{});  // files itself again
  EXPECT_EQ(wheel.next_deadline(), Moment{500 * kTick});
  wheel.arm(0, Moment{20 * kTick});
  EXPECT_EQ(wheel.next_deadline(), Moment{20 * kTick});
  EXPECT_EQ(advance(wheel, Moment{20 * kTick}), Indices{0});
  EXPECT_EQ(advance(wheel, Moment{1000 * kTick}), Indices{});
}

TEST(TimerWheelTest, NoDeadlineIsLazyAndCancelIsNot) {
  Nodes nodes(2);
  Wheel wheel(nodes, Moment{0});
  wheel.arm(0, kNever);
  EXPECT_EQ(nodes.timer(0).slot, TimerNode::kNotFiled);
  wheel.arm(0, Moment{5 * kTick});
  wheel.arm(0, kNever);
  EXPECT_NE(nodes.timer(0).slot, TimerNode::kNotFiled);
  EXPECT_EQ(advance(wheel, Moment{5 * kTick}), Indices{});
  EXPECT_EQ(nodes.timer(0).slot, TimerNode::kNotFiled);
  wheel.arm(1, Moment{9 * kTick});
  wheel.cancel(1);
  EXPECT_EQ(nodes.timer(1).slot, TimerNode::kNotFiled);
  EXPECT_EQ(wheel.next_deadline(), kNever);
  wheel.cancel(1);
}

TEST(TimerWheelTest, ManyOfOneTickAreForSeveralCalls) {
  Nodes nodes(10);
  Wheel wheel(nodes, Moment{0});
  for (uint32_t i = 0; i < 10; ++i) {
    wheel.arm(i, Moment{3 * kTick});
  }
  size_t seen = 0;
  for (const size_t expected : {4U, 4U, 2U}) {
    EXPECT_LE(wheel.next_deadline(), Moment{3 * kTick});
    EXPECT_EQ(advance(wheel, Moment{3 * kTick}, 4).size(), expected);
    seen += expected;
  }
  EXPECT_EQ(seen, 10U);
  EXPECT_EQ(wheel.next_deadline(), kNever);
}

// What arms itself for the past at each call does not keep others from their turn.
TEST(TimerWheelTest, ThePastComesUpInTheNextTick) {
  Nodes nodes(3);
  Wheel wheel(nodes, Moment{0});
  for (uint32_t i = 0; i < 3; ++i) {
    wheel.arm(i, Moment{2 * kTick});
  }
  std::vector<int> times(3);
  for (int call = 0; call < 3; ++call) {
    wheel.advance(Moment{2 * kTick}, 1, [&](uint32_t index) {
      ++times[index];
      wheel.arm(index, Moment{0});
    });
  }
  EXPECT_EQ(times, std::vector<int>({1, 1, 1}));
  EXPECT_EQ(advance(wheel, Moment{2 * kTick}), Indices{});
  EXPECT_EQ(wheel.next_deadline(), Moment{3 * kTick});
  EXPECT_EQ(advance(wheel, Moment{3 * kTick}), Indices({0, 1, 2}));
}

// After a stall: what has a deadline that is past in any case comes up once, not in every tick that
// is caught up with.
TEST(TimerWheelTest, ThePastComesUpOnceWhileTheWheelCatchesUp) {
  for (const int64_t stall : {100 * kTick, 5000 * kTick}) {  // within a level, and over it
    Nodes nodes(2);
    Wheel wheel(nodes, Moment{0});
    wheel.arm(0, Moment{2 * kTick});
    wheel.arm(1, Moment{stall - kTick});
    std::vector<int> times(2);
    const Moment now{stall};
    const auto again = [&](uint32_t index) {
      ++times[index];
      wheel.arm(index, now - 1);
    };
    EXPECT_EQ(wheel.advance(now, 1, again), 1U);
    wheel.advance(now, kAll, again);
    EXPECT_EQ(times, std::vector<int>({1, 1}));
    EXPECT_EQ(wheel.next_deadline(), now + kTick);
    wheel.advance(now + kTick, kAll, again);
    EXPECT_EQ(times, std::vector<int>({2, 2}));
  }
}

TEST(TimerWheelTest, WhatACallLeftComesBeforeWhatIsArmedAfterIt) {
  Nodes nodes(3);
  Wheel wheel(nodes, Moment{0});
  wheel.arm(0, Moment{10 * kTick});
  wheel.arm(1, Moment{20 * kTick});
  EXPECT_EQ(advance(wheel, Moment{30 * kTick}, 1), Indices{0});
  wheel.arm(2, Moment{15 * kTick});
  EXPECT_EQ(advance(wheel, Moment{30 * kTick}), Indices{1});
  EXPECT_EQ(advance(wheel, Moment{31 * kTick}), Indices{2});
}

TEST(TimerWheelTest, OthersOfTheSameTickMayGoWhileOneComesUp) {
  Nodes nodes(3);
  Wheel wheel(nodes, Moment{0});
  for (uint32_t i = 0; i < 3; ++i) {
    wheel.arm(i, Moment{1023 * kTick});  // the last of a round, whose slot is soon used again
  }
  Indices due;
  wheel.advance(Moment{1023 * kTick}, kAll, [&](uint32_t index) {
    due.push_back(index);
    wheel.cancel((index + 1) % 3);
    wheel.arm((index + 2) % 3, Moment{2047 * kTick});
  });
  EXPECT_EQ(due.size(), 1U);
  EXPECT_EQ(advance(wheel, Moment{2046 * kTick}), Indices{});
  EXPECT_EQ(advance(wheel, Moment{2047 * kTick}), Indices{(due[0] + 2) % 3});
}

TEST(TimerWheelTest, TimeThatGoesBackIsIgnored) {
  Nodes nodes(1);
  Wheel wheel(nodes, Moment{100 * kTick});
  EXPECT_EQ(advance(wheel, Moment{50 * kTick}), Indices{});
  wheel.arm(0, Moment{60 * kTick});
  EXPECT_EQ(advance(wheel, Moment{90 * kTick}), Indices{});
  EXPECT_EQ(advance(wheel, Moment{101 * kTick}), Indices{0});
}

// Against a multimap of the ticks that nodes should come up in. Its arm and cancel do at once what
// the wheel puts off.
class Model {
 public:
  Model(size_t count, Moment now) : at_(count, due_.end()), next_tick_(floor_of(now) + 1) {}

  void arm(uint32_t index, Moment deadline) {
    cancel(index);
    if (deadline != kNever) {
      at_[index] = due_.emplace(std::max(tick_of(deadline), next_tick_), index);
    }
  }
  void cancel(uint32_t index) {
    if (at_[index] != due_.end()) {
      due_.erase(at_[index]);
      at_[index] = due_.end();
    }
  }
  void advance(Moment now) { next_tick_ = std::max(next_tick_, floor_of(now) + 1); }
  // The wheel says that this one comes up.
  void comes_up(uint32_t index, Moment now) {
    ASSERT_NE(at_[index], due_.end());
    const int64_t tick = at_[index]->first;
    ASSERT_EQ(tick, due_.begin()->first);  // by ticks in order
    ASSERT_LE(tick, floor_of(now));
    cancel(index);
  }
  Moment next() const {
    return due_.empty() ? kNever : Moment{due_.begin()->first << Wheel::kTickShift};
  }

 private:
  static int64_t tick_of(Moment deadline) { return -((-deadline.ns) >> Wheel::kTickShift); }
  static int64_t floor_of(Moment now) { return now.ns >> Wheel::kTickShift; }

  std::multimap<int64_t, uint32_t> due_;
  std::vector<std::multimap<int64_t, uint32_t>::iterator> at_;
  int64_t next_tick_;
};

class TimerWheelOracleTest : public testing::TestWithParam<uint64_t> {
 protected:
  static constexpr uint32_t kNodes = 200;

  // Some nanoseconds, of any magnitude up to the wheel's reach and somewhat beyond.
  int64_t some_delay() { return static_cast<int64_t>(rng_.next() >> (18 + rng_.below(44))); }

  void act(Moment now) {
    const auto index = static_cast<uint32_t>(rng_.below(kNodes));
    const uint64_t what = rng_.below(10);
    if (what == 0) {
      wheel_.cancel(index);
      model_.cancel(index);
      return;
    }
    Moment deadline = now + some_delay() + 1;
    if (what == 1) {
      deadline = kNever;
    } else if (what == 2) {
      deadline = now - some_delay();
    }
    wheel_.arm(index, deadline);
    model_.arm(index, deadline);
  }

  Rng rng_{GetParam()};
  Moment now_{static_cast<int64_t>(rng_.next()) >> 4};  // of either sign
  Nodes nodes_{kNodes};
  Wheel wheel_{nodes_, now_};
  Model model_{kNodes, now_};
};

TEST_P(TimerWheelOracleTest, Agrees) {
  for (int step = 0; step < 20'000; ++step) {
    for (uint64_t actions = rng_.below(5); actions > 0; --actions) {
      act(now_);
    }
    ASSERT_LE(wheel_.next_deadline(), model_.next());
    const uint64_t jump = rng_.below(4);
    if (jump == 0 && wheel_.next_deadline() != kNever) {
      now_ = std::max(now_, wheel_.next_deadline());
    } else if (jump < 3) {
      now_ = now_ + some_delay() / 16;
    }
    const size_t nodes_max = rng_.below(2) == 0 ? kAll : rng_.below(20);
    model_.advance(now_);
    const size_t touched = wheel_.advance(now_, nodes_max, [this](uint32_t index) {
      ASSERT_EQ(nodes_.timer(index).deadline, kNever);
      model_.comes_up(index, now_);
      for (uint64_t actions = rng_.below(3); actions > 0; --actions) {
        act(now_);
      }
    });
    ASSERT_FALSE(HasFatalFailure());
    ASSERT_LE(touched, nodes_max);
    if (touched < nodes_max) {
      ASSERT_GT(wheel_.next_deadline(), now_);
      ASSERT_GT(model_.next(), now_);
    }
  }
  for (uint32_t index = 0; index < kNodes; ++index) {
    wheel_.cancel(index);
  }
  EXPECT_EQ(wheel_.next_deadline(), kNever);
}

INSTANTIATE_TEST_SUITE_P(, TimerWheelOracleTest, testing::Range<uint64_t>(1, 13));

}  // namespace
}  // namespace pollux::tcp
