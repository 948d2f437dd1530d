#include "dataplane/tcp/recovery/undo.h"

#include <gtest/gtest.h>

#include <vector>

namespace pollux::tcp {
namespace {

constexpr Seq kUna{0xfffff000};
constexpr Seq kNxt = kUna + 8000;

Moment at_us(int64_t us) { return {us * kMicrosecondNs}; }
AckOutcome advanced() { return {.acked_bytes = 1000, .una_advanced = true}; }
AckOutcome dsack(uint32_t from) {
  return {.dsack = SeqRange{kUna + from, kUna + from + 1000}};
}

TEST(UndoTest, Rfc3522_3_TheFirstAckEchoesTheOriginal) {
  UndoDetector undo;
  undo.begin(kUna, kNxt);
  undo.on_retransmitted(1000, at_us(500));
  undo.on_retransmitted(1000, at_us(600));
  EXPECT_FALSE(undo.on_ack({}, at_us(100)));  // a duplicate ACK
  EXPECT_TRUE(undo.on_ack(advanced(), at_us(499)));
  EXPECT_FALSE(undo.active());
  EXPECT_FALSE(undo.on_ack(advanced(), at_us(499)));
}

TEST(UndoTest, Rfc3522_3_AnEchoOfTheRetransmissionEndsTheQuestion) {
  UndoDetector undo;
  undo.begin(kUna, kNxt);
  undo.on_retransmitted(1000, at_us(500));
  EXPECT_FALSE(undo.on_ack(advanced(), at_us(500)));
  EXPECT_FALSE(undo.on_ack(advanced(), at_us(100)));
  EXPECT_TRUE(undo.active());
  undo.begin(kUna, kNxt);
  undo.on_retransmitted(1000, at_us(500));
  EXPECT_FALSE(undo.on_ack(advanced(), kNever));  // no timestamps
}

TEST(UndoTest, Rfc3708_EveryRetransmissionWasADuplicate) {
  UndoDetector undo;
  undo.begin(kUna, kNxt);
  EXPECT_FALSE(undo.on_ack(dsack(0), kNever));  // nothing went out again yet
  undo.on_retransmitted(1000, at_us(1));
  undo.on_retransmitted(1000, at_us(2));
  EXPECT_FALSE(undo.on_ack(dsack(0), kNever));
  AckOutcome old;
  old.dsack = SeqRange{kUna - 1000, kUna};
  EXPECT_FALSE(undo.on_ack(old, kNever));  // of before
  EXPECT_TRUE(undo.on_ack(dsack(7000), kNever));
}

TEST(UndoTest, Rfc3708_NotWhileOneMayHaveBeenNeeded) {
  UndoDetector undo;
  undo.begin(kUna, kNxt);
  for (int i = 0; i < 3; ++i) {
    undo.on_retransmitted(1000, at_us(i));
  }
  EXPECT_FALSE(undo.on_ack(dsack(0), kNever));
  EXPECT_FALSE(undo.on_ack(dsack(1000), kNever));
  undo.end();
  EXPECT_FALSE(undo.on_ack(dsack(2000), kNever));
}

TEST(UndoTest, Rfc3708_3_ByTheByte) {
  UndoDetector undo;
  undo.begin(kUna, kNxt);
  undo.on_retransmitted(3000, at_us(1));  // TSO: three packets, of which each has its D-SACK
  EXPECT_FALSE(undo.on_ack(dsack(0), kNever));
  EXPECT_FALSE(undo.on_ack(dsack(1000), kNever));
  EXPECT_TRUE(undo.on_ack(dsack(2000), kNever));
}

TEST(UndoTest, Rfc3708_3_TwoReportsOfOneSegmentAreTheNetworks) {
  UndoDetector undo;
  undo.begin(kUna, kNxt);
  undo.on_retransmitted(2000, at_us(1));
  EXPECT_FALSE(undo.on_ack(dsack(0), kNever));
  EXPECT_FALSE(undo.on_ack(dsack(0), kNever));
  EXPECT_TRUE(undo.on_ack(dsack(1000), kNever));
}

AckOutcome original(uint32_t from, bool una_advanced) {
  return {.una_advanced = una_advanced,
          .original_delivered = true,
          .original_begin = kUna + from};
}

TEST(FrtoTest, Rfc5682_3_1_Spurious) {
  ForwardRto frto;
  frto.begin(kNxt);
  EXPECT_EQ(frto.on_ack(advanced(), kUna + 1000), ForwardRto::Step::kSendNew);
  EXPECT_EQ(frto.on_ack(original(1000, true), kUna + 2000), ForwardRto::Step::kSpurious);
  EXPECT_FALSE(frto.active());
  EXPECT_EQ(frto.on_ack(original(1000, true), kUna + 3000), ForwardRto::Step::kNothing);
}

TEST(FrtoTest, Rfc5682_3_1_SackOfAnOriginalIsEnough) {
  ForwardRto frto;
  frto.begin(kNxt);
  frto.on_ack(advanced(), kUna + 1000);
  EXPECT_EQ(frto.on_ack(original(3000, false), kUna + 1000), ForwardRto::Step::kSpurious);
}

TEST(FrtoTest, Rfc5682_3_1_DuplicatesBeforeTheFirstNewAckDecideNothing) {
  ForwardRto frto;
  frto.begin(kNxt);
  EXPECT_EQ(frto.on_ack({}, kUna), ForwardRto::Step::kNothing);
  EXPECT_EQ(frto.on_ack(original(3000, false), kUna), ForwardRto::Step::kNothing);
  EXPECT_EQ(frto.on_ack(advanced(), kUna + 1000), ForwardRto::Step::kSendNew);
}

TEST(FrtoTest, Rfc5682_3_1_Conventional) {
  ForwardRto frto;
  frto.begin(kNxt);
  EXPECT_EQ(frto.on_ack(advanced(), kNxt), ForwardRto::Step::kConventional);  // 2a: all of it
  frto.begin(kNxt);
  frto.on_ack(advanced(), kUna + 1000);
  // 3a: what arrived is what step 2b sent, beyond the gap.
  EXPECT_EQ(frto.on_ack(original(8000, false), kUna + 1000), ForwardRto::Step::kConventional);
}

}  // namespace
}  // namespace pollux::tcp
