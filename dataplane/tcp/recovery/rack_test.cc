#include "dataplane/tcp/recovery/rack.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pollux::tcp {
namespace {

constexpr uint16_t kMss = 1000;
constexpr Rack::Scene kOpen{.srtt_ns = 100'000, .min_rtt_ns = 80'000};  // window: 20 us
constexpr Rack::Scene kRecovery{.srtt_ns = 100'000, .min_rtt_ns = 80'000, .in_recovery = true};

Moment at_us(int64_t us) { return {us * kMicrosecondNs}; }

// A sender that tells RACK of each ACK. Segments are of one MSS and numbered from 0.
struct Sender {
  Seq start;
  SendQueue queue{kMss};
  Rack rack;
  uint32_t next = 0;
  Moment ts_echo = kNever;

  explicit Sender(Seq begin) : start(begin), rack(begin) {}
  SeqRange range(uint32_t from, uint32_t to) const {
    return {start + from * kMss, start + to * kMss};
  }
  void send(int64_t us, uint32_t count = 1) {
    for (; count > 0; --count, ++next) {
      ASSERT_TRUE(queue.sent(range(next, next + 1), 0, at_us(us)));
    }
  }
  Rack::Verdict ack(int64_t us, uint32_t number, std::vector<SeqRange> sacks,
                    const Rack::Scene& scene = kOpen) {
    const AckOutcome outcome =
        queue.on_ack(start + number * kMss, sacks, at_us(us), [&](const Segment& segment) {
          rack.on_delivered(segment, at_us(us), ts_echo, scene.min_rtt_ns);
        });
    rack.on_ack(outcome.dsack.has_value(), start + number * kMss, start + next * kMss);
    return rack.detect_loss(queue, at_us(us), scene);
  }
  std::string lost() const {
    std::string text;
    for (size_t i = 0; i < queue.size(); ++i) {
      text += queue[i].is(Segment::kLost) ? 'L' : queue[i].is(Segment::kSacked) ? 'S' : '.';
    }
    return text;
  }
};

constexpr Seq kStarts[] = {{0}, {0xfffff000}, {0x7ffff800}};

TEST(RackTest, Rfc8985_6_2_5_LostWhenALaterOneArrivedAndTheWindowHasPassed) {
  for (const Seq start : kStarts) {
    Sender sender(start);
    for (int i = 0; i < 4; ++i) {
      sender.send(i);  // at 0, 1, 2, 3 us
    }
    // Segment 1 arrives: 0 may be late by min_RTT/4.
    Rack::Verdict verdict = sender.ack(101, 0, {sender.range(1, 2)});
    EXPECT_EQ(verdict.lost_bytes, 0U);
    EXPECT_EQ(verdict.deadline, at_us(0 + 100 + 20));
    verdict = sender.rack.detect_loss(sender.queue, at_us(119), kOpen);
    EXPECT_EQ(verdict.lost_bytes, 0U);
    verdict = sender.rack.detect_loss(sender.queue, at_us(120), kOpen);
    EXPECT_EQ(verdict.lost_bytes, kMss);
    EXPECT_EQ(verdict.deadline, kNever);  // 2 and 3 were sent after what arrived
    EXPECT_EQ(sender.lost(), "LS..");
  }
}

TEST(RackTest, Rfc8985_6_2_4_NoWindowWithThreeSackedOrInRecovery) {
  Sender three(Seq{0xfffffff0});
  three.send(0, 5);
  EXPECT_EQ(three.ack(100, 0, {three.range(2, 5)}).lost_bytes, 2U * kMss);
  Sender recovering(Seq{1});
  recovering.send(0, 5);
  EXPECT_EQ(recovering.ack(100, 0, {recovering.range(2, 3)}, kRecovery).lost_bytes, 2U * kMss);
  EXPECT_EQ(recovering.lost(), "LLS..");
}

TEST(RackTest, Rfc8985_6_2_3_ReorderingIsSeenAndWidens) {
  for (const Seq start : kStarts) {
    Sender sender(start);
    sender.send(0, 6);
    sender.ack(100, 0, {sender.range(3, 4)});
    EXPECT_FALSE(sender.rack.reordering_seen());
    sender.ack(101, 0, {sender.range(3, 5)});
    EXPECT_FALSE(sender.rack.reordering_seen());
    sender.ack(102, 1, {sender.range(3, 5)});
    EXPECT_TRUE(sender.rack.reordering_seen());
    // So even in recovery there is a window now.
    EXPECT_EQ(sender.rack.reorder_window_ns(sender.queue, kRecovery), 20'000);
  }
}

TEST(RackTest, Rfc8985_6_2_3_AnAckWithCumulativeAndSackPartsIsNoReordering) {
  Sender sender(Seq{0xffffff00});
  sender.send(0, 6);
  sender.ack(100, 2, {sender.range(4, 5), sender.range(3, 4)});
  EXPECT_FALSE(sender.rack.reordering_seen());
}

TEST(RackTest, Rfc8985_6_2_4_DsackWidensOnceARoundAndSixteenRecoveriesNarrow) {
  Sender sender(Seq{0xfffffc00});
  sender.send(0, 4);
  sender.ack(100, 1, {});
  sender.ack(101, 1, {sender.range(3, 4)});
  sender.ack(102, 2, {sender.range(3, 4)});  // reordering
  ASSERT_TRUE(sender.rack.reordering_seen());
  const auto window = [&](int64_t srtt_ns) {
    return sender.rack.reorder_window_ns(sender.queue,
                                         {.srtt_ns = srtt_ns, .min_rtt_ns = 80'000});
  };
  EXPECT_EQ(window(kSecondNs), 20'000);
  sender.rack.on_ack(true, sender.start + 2000, sender.start + 4000);
  EXPECT_EQ(window(kSecondNs), 40'000);
  sender.rack.on_ack(true, sender.start + 3000, sender.start + 4000);  // the same round
  EXPECT_EQ(window(kSecondNs), 40'000);
  sender.rack.on_ack(true, sender.start + 4000, sender.start + 9000);
  EXPECT_EQ(window(kSecondNs), 60'000);
  EXPECT_EQ(window(50'000), 50'000);  // SRTT at most
  for (int i = 0; i < 15; ++i) {
    sender.rack.on_recovery_end();
    EXPECT_EQ(window(kSecondNs), 60'000);
  }
  sender.rack.on_recovery_end();
  EXPECT_EQ(window(kSecondNs), 20'000);
}

TEST(RackTest, Rfc8985_6_2_2_ALostRetransmissionIsDetected) {
  for (const Seq start : kStarts) {
    Sender sender(start);
    sender.send(0, 6);
    sender.ack(100, 0, {sender.range(1, 4)}, kRecovery);
    ASSERT_EQ(sender.lost(), "LSSS..");
    sender.queue.retransmitted(sender.range(0, 1), at_us(110));
    sender.send(120, 1);
    // 4 and 5 arrive: sent before the retransmission, they tell nothing of it.
    sender.ack(130, 0, {sender.range(1, 6)}, kRecovery);
    EXPECT_EQ(sender.lost(), ".SSSSS.");
    // What was sent after it arrives.
    const Rack::Verdict verdict = sender.ack(220, 0, {sender.range(1, 7)}, kRecovery);
    EXPECT_EQ(verdict.lost_bytes, kMss);
    EXPECT_EQ(sender.lost(), "LSSSSSS");
  }
}

TEST(RackTest, Rfc8985_6_2_2_OfOneMomentNothingOvertakesARetransmission) {
  Sender sender(Seq{0xfffff800});
  sender.send(0, 4);
  sender.ack(100, 0, {sender.range(1, 4)});
  ASSERT_EQ(sender.lost(), "LSSS");
  sender.send(110, 1);
  sender.queue.retransmitted(sender.range(0, 1), at_us(110));
  sender.send(110, 1);
  EXPECT_EQ(sender.ack(210, 0, {sender.range(1, 6)}, kRecovery).lost_bytes, 0U);
  sender.send(111, 1);
  EXPECT_EQ(sender.ack(211, 0, {sender.range(1, 7)}, kRecovery).lost_bytes, kMss);
}

TEST(RackTest, Rfc8985_6_2_2_AnAckOfTheOriginalDoesNotSpeakForTheRetransmission) {
  for (const bool by_timestamp : {false, true}) {
    Sender sender(Seq{0});
    sender.send(0, 3);
    sender.ack(100, 0, {sender.range(1, 2)}, kRecovery);
    ASSERT_EQ(sender.lost(), "LS.");
    sender.queue.retransmitted(sender.range(0, 1), at_us(500));
    sender.send(501, 1);
    // The original of 0 is acknowledged: too early for the other, or by its timestamp.
    sender.ts_echo = by_timestamp ? at_us(499) : kNever;
    sender.ack(by_timestamp ? 700 : 510, 2, {}, kRecovery);
    EXPECT_EQ(sender.rack.rtt_ns(), 100'000);  // of segment 1 still
    EXPECT_EQ(sender.lost(), "..");
  }
}

TEST(RackTest, Rfc8985_6_3_AnRtoLosesTheFirstAndWhatIsOverdue) {
  Sender sender(Seq{0xfffffffe});
  sender.send(0, 2);
  sender.ack(100, 1, {});
  sender.send(150, 1);
  sender.send(4'990, 1);
  const Rack::Verdict verdict = sender.rack.on_rto(sender.queue, at_us(5'000), kOpen);
  EXPECT_EQ(verdict.lost_bytes, 2U * kMss);
  EXPECT_EQ(sender.lost(), "LL.");
}

// A golden trace: ten segments, the second and the tail lost; what RACK says at each event.
TEST(RackTest, TraceOfOneLossInAFlightOfTen) {
  Sender sender(Seq{0xffffe000});
  for (int i = 0; i < 10; ++i) {
    sender.send(i);
  }
  EXPECT_EQ(sender.ack(100, 1, {}).deadline, kNever);
  EXPECT_EQ(sender.ack(102, 1, {sender.range(2, 3)}).deadline, at_us(1 + 100 + 20));
  EXPECT_EQ(sender.ack(103, 1, {sender.range(2, 4)}).deadline, at_us(121));
  EXPECT_EQ(sender.ack(104, 1, {sender.range(2, 5)}).lost_bytes, kMss);  // the third
  sender.queue.retransmitted(sender.range(1, 2), at_us(105));
  EXPECT_EQ(sender.ack(107, 1, {sender.range(2, 8)}, kRecovery).lost_bytes, 0U);
  // The retransmission arrives. 8 and 9 went out before it: lost by its RTT, at once.
  const Rack::Verdict verdict = sender.ack(205, 8, {}, kRecovery);
  EXPECT_EQ(verdict.lost_bytes, 2U * kMss);
  EXPECT_EQ(sender.lost(), "LL");
}

TEST(RackTest, Rfc6675_4_SackedBytesCountWhereSegmentsAreLong) {
  Sender sender(kStarts[0]);
  sender.send(0);
  ASSERT_TRUE(sender.queue.sent(sender.range(1, 5), 0, at_us(1)));  // TSO: one of four MSS
  sender.next = 5;
  EXPECT_EQ(sender.ack(101, 0, {sender.range(1, 4)}).lost_bytes, kMss);
}

}  // namespace
}  // namespace pollux::tcp
