// Who is gathered, and who is served at once.
#include "dataplane/kernel/gather.h"

#include <gtest/gtest.h>

#include <vector>

namespace pollux {
namespace {

constexpr int64_t kUs = 1'000;

// Some connections that take turns, one arrival every `gap_us`, with a sleep after each.
class Load {
 public:
  Load(ArrivalGauge& gather, size_t connections) : gather_(gather), windows_(connections) {}

  // The count after `us` of it.
  unsigned run(int64_t us, int64_t gap_us) {
    unsigned count = 0;
    for (int64_t end = now_us_ + us; now_us_ < end; now_us_ += gap_us) {
      count = arrive();
    }
    return count;
  }
  unsigned arrive() {
    gather_.on_arrival(windows_[next_++ % windows_.size()]);
    return gather_.count(now_us_ * kUs);
  }
  void pause(int64_t us) { now_us_ += us; }

 private:
  ArrivalGauge& gather_;
  std::vector<uint32_t> windows_;
  size_t next_ = 0;
  int64_t now_us_ = 1'000;
};

TEST(ArrivalGauge, OneClientInLockStepIsServedAtOnce) {
  ArrivalGauge gather(100);
  EXPECT_EQ(Load(gather, 1).run(5'000, 10), 1U);
}

TEST(ArrivalGauge, FewClientsAreServedAtOnce) {
  ArrivalGauge gather(100);
  EXPECT_EQ(Load(gather, 11).run(5'000, 7), 1U);
}

TEST(ArrivalGauge, ACrowdIsGatheredByASixth) {
  ArrivalGauge gather(100);
  EXPECT_EQ(Load(gather, 36).run(5'000, 7), 6U);
}

TEST(ArrivalGauge, ACrowdThatTakesItsTimeIsServedAtOnce) {
  ArrivalGauge gather(100);
  EXPECT_EQ(Load(gather, 1'000).run(50'000, 60), 1U);
}

TEST(ArrivalGauge, TheCountHasALimit) {
  ArrivalGauge gather(100);
  EXPECT_EQ(Load(gather, 1'000).run(5'000, 1), 8U);
}

TEST(ArrivalGauge, TheFirstAfterAPauseIsServedAtOnce) {
  ArrivalGauge gather(100);
  Load load(gather, 36);
  EXPECT_EQ(load.run(5'000, 7), 6U);
  load.pause(50'000);
  EXPECT_EQ(load.arrive(), 1U);
}

TEST(ArrivalGauge, AWakeSwitchesItOffForAWindow) {
  ArrivalGauge gather(100);
  Load load(gather, 36);
  load.run(5'000, 7);
  gather.on_wake();
  EXPECT_EQ(load.arrive(), 1U);
  EXPECT_EQ(load.run(900, 7), 1U);
  EXPECT_EQ(load.run(3'000, 7), 6U);
}

TEST(ArrivalGauge, LimitZeroIsOff) {
  ArrivalGauge gather(0);
  EXPECT_EQ(Load(gather, 1'000).run(5'000, 1), 1U);
}

}  // namespace
}  // namespace pollux
