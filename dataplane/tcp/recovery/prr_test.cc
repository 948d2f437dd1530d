#include "dataplane/tcp/recovery/prr.h"

#include <gtest/gtest.h>

#include <vector>

namespace pollux::tcp {
namespace {

constexpr uint32_t kMss = 1000;

// One lost of 20 (RFC 6937 4.1's first example in kind): each ACK delivers a segment; how many
// segments go out on each.
std::vector<uint32_t> trace(uint32_t flight, uint32_t ssthresh, uint32_t lost, uint32_t acks) {
  ProportionalRate prr;
  prr.begin(flight * kMss, ssthresh * kMss);
  uint32_t pipe = (flight - lost) * kMss;
  std::vector<uint32_t> sent;
  for (uint32_t i = 0; i < acks; ++i) {
    pipe -= kMss;
    const uint32_t cwnd = prr.on_ack(kMss, pipe, false, kMss);
    const uint32_t segments = (cwnd - pipe) / kMss;
    prr.on_sent(segments * kMss);
    pipe += segments * kMss;
    sent.push_back(segments);
  }
  return sent;
}

TEST(PrrTest, Rfc9937_6_2_OneForTwoWhenHalved) {
  // The fast retransmit at once, then one segment for each two that are delivered.
  EXPECT_EQ(trace(20, 10, 1, 9), (std::vector<uint32_t>{1, 0, 0, 1, 0, 1, 0, 1, 0}));
}

TEST(PrrTest, Rfc9937_6_2_SevenForTenWithCubic) {
  const auto sent = trace(20, 14, 1, 10);
  uint32_t sum = 0;
  for (const uint32_t segments : sent) {
    EXPECT_LE(segments, 1U);
    sum += segments;
  }
  EXPECT_EQ(sum, 7U);
}

TEST(PrrTest, Rfc9937_6_2_ManyLostConservesPackets) {
  // 15 of 20 lost: the pipe is far below ssthresh; one out for each in.
  EXPECT_EQ(trace(20, 10, 15, 4), (std::vector<uint32_t>{1, 1, 1, 1}));
}

TEST(PrrTest, Rfc9937_6_2_SafeAcksGrowByOneMss) {
  ProportionalRate prr;
  prr.begin(20 * kMss, 10 * kMss);
  EXPECT_EQ(prr.on_ack(kMss, 4 * kMss, true, kMss), 6 * kMss);   // SSRB: two
  prr.on_sent(2 * kMss);
  EXPECT_EQ(prr.on_ack(kMss, 5 * kMss, false, kMss), 6 * kMss);  // CRB: one
  prr.on_sent(kMss);
  EXPECT_EQ(prr.on_ack(5 * kMss, 9 * kMss, true, kMss), 10 * kMss);  // no more than ssthresh
}

TEST(PrrTest, Rfc9937_6_2_AnAckThatDeliversNothingSendsNothing) {
  ProportionalRate prr;
  prr.begin(20 * kMss, 10 * kMss);
  EXPECT_EQ(prr.on_ack(0, 19 * kMss, false, kMss), 0U);
}

TEST(PrrTest, Rfc9937_6_2_ATimerThatBeginsRecoverySendsTheFirstRetransmission) {
  ProportionalRate prr;
  prr.begin(20 * kMss, 10 * kMss);
  EXPECT_EQ(prr.on_timer(18 * kMss, kMss), 19 * kMss);
  prr.on_sent(kMss);
  EXPECT_EQ(prr.on_timer(18 * kMss, kMss), 0U);  // once
  // The ACKs that follow send no second one at once: one for two, as if an ACK had begun it.
  EXPECT_EQ(prr.on_ack(kMss, 18 * kMss, false, kMss), 18 * kMss);
}

TEST(PrrTest, EndsAtSsthreshWhateverTheSizes) {
  ProportionalRate prr;
  prr.begin(0x3fffffff, 0x20000000);  // windows of 2^30: no overflow
  EXPECT_EQ(prr.on_ack(0x10000000, 0x2fffffff, false, kMss), 0x2fffffffU + 0x08000001U);
  EXPECT_EQ(prr.end(), 0x20000000U);
  prr.begin(0, 2000);
  EXPECT_EQ(prr.on_ack(500, 0, false, kMss), kMss);
}

}  // namespace
}  // namespace pollux::tcp
