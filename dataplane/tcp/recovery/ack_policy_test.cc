#include "dataplane/tcp/recovery/ack_policy.h"

#include <gtest/gtest.h>

namespace pollux::tcp {
namespace {

constexpr uint32_t kMss = 1000;
constexpr AckConfig kConfig{};
using Decision = AckPolicy::Decision;

Moment at_us(int64_t us) { return {kSecondNs + us * kMicrosecondNs}; }

// One that is past its quick ACKs; data came at 0 us the last time.
AckPolicy settled() {
  AckPolicy policy(kConfig);
  for (int i = 0; i < 16; ++i) {
    policy.on_segment({.bytes = 1, .push = true}, kMss, at_us(0), kConfig);
    policy.on_ack_sent();
  }
  EXPECT_FALSE(policy.quick());
  return policy;
}

TEST(AckPolicyTest, TheFirstSixteenAreQuick) {
  AckPolicy policy(kConfig);
  EXPECT_EQ(policy.decide(at_us(0)), Decision::kNone);
  policy.on_ack_sent();  // of the handshake: acknowledges no data
  for (int i = 0; i < 16; ++i) {
    policy.on_segment({.bytes = 10, .push = true}, kMss, at_us(i), kConfig);
    EXPECT_EQ(policy.decide(at_us(i)), Decision::kNow);
    policy.on_ack_sent();
    EXPECT_EQ(policy.decide(at_us(i)), Decision::kNone);
  }
  policy.on_segment({.bytes = 10, .push = true}, kMss, at_us(20), kConfig);
  EXPECT_EQ(policy.decide(at_us(20)), Decision::kLater);
}

TEST(AckPolicyTest, Rfc5681_4_2_EverySecondFullSegment) {
  AckPolicy policy = settled();
  policy.on_segment({.bytes = kMss}, kMss, at_us(0), kConfig);
  EXPECT_EQ(policy.decide(at_us(1)), Decision::kLater);
  policy.on_segment({.bytes = kMss}, kMss, at_us(2), kConfig);
  EXPECT_EQ(policy.decide(at_us(2)), Decision::kNow);
}

TEST(AckPolicyTest, Rfc5681_4_2_AtOnceOutOfOrderAndAtGapFills) {
  const ReceivedSegment urgent[] = {
      {.bytes = 10, .out_of_order = true},
      {.bytes = 10, .fills_gap = true},
      {.bytes = 0, .fin = true},
      {.bytes = 10, .ce_changed = true},  // RFC 8257 3.2
  };
  for (const ReceivedSegment& segment : urgent) {
    AckPolicy policy = settled();
    policy.on_segment(segment, kMss, at_us(5), kConfig);
    EXPECT_EQ(policy.decide(at_us(5)), Decision::kNow);
    EXPECT_EQ(policy.duplicates_owed(), segment.out_of_order ? 1 : 0);
    policy.on_ack_sent();
    EXPECT_EQ(policy.decide(at_us(5)), Decision::kNone);
    EXPECT_EQ(policy.duplicates_owed(), 0);
  }
}

TEST(AckPolicyTest, TheAckRidesOnTheAnswer) {
  AckPolicy policy = settled();
  policy.on_segment({.bytes = 40, .push = true}, kMss, at_us(5), kConfig);
  EXPECT_EQ(policy.deadline(), at_us(5) + 2 * kMillisecondNs);
  policy.on_ack_sent();  // by the answer
  EXPECT_EQ(policy.decide(at_us(6)), Decision::kNone);
  EXPECT_EQ(policy.deadline(), kNever);
}

TEST(AckPolicyTest, Rfc9293_3_8_6_3_TheDeadlineIsOfTheFirst) {
  AckPolicy policy = settled();
  policy.on_segment({.bytes = 40, .push = true}, kMss, at_us(0), kConfig);
  policy.on_segment({.bytes = 40, .push = true}, kMss, at_us(1'500), kConfig);
  EXPECT_EQ(policy.decide(at_us(1'999)), Decision::kLater);
  EXPECT_EQ(policy.decide(at_us(2'000)), Decision::kNow);
}

TEST(AckPolicyTest, AfterSilenceASegmentWithoutPushIsQuickAgain) {
  AckPolicy policy = settled();
  policy.on_segment({.bytes = kMss, .push = true}, kMss, at_us(300'000), kConfig);
  EXPECT_EQ(policy.decide(at_us(300'000)), Decision::kLater);
  policy.on_ack_sent();
  policy.on_segment({.bytes = kMss}, kMss, at_us(400'000), kConfig);  // no silence
  EXPECT_EQ(policy.decide(at_us(400'000)), Decision::kLater);
  policy.on_ack_sent();
  policy.on_segment({.bytes = kMss}, kMss, at_us(700'000), kConfig);
  EXPECT_EQ(policy.decide(at_us(700'000)), Decision::kNow);
}

TEST(AckPolicyTest, AWindowUpdateGoesAtOnceWithoutData) {
  AckPolicy policy = settled();
  policy.want_now();
  EXPECT_EQ(policy.decide(at_us(0)), Decision::kNow);
  policy.on_ack_sent();
  EXPECT_EQ(policy.decide(at_us(0)), Decision::kNone);
}

}  // namespace
}  // namespace pollux::tcp
