#include "dataplane/tcp/tables/isn.h"

#include <gtest/gtest.h>

#include <set>

namespace pollux::tcp {
namespace {

constexpr SipKey kKey{11, 22};

Flow flow_of(uint16_t port) {
  return {IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), 6379, port};
}

// RFC 6528 3: ISN = M + F; M ticks about every 4 us.
TEST(IsnTest, GrowsByAboutOneIn4Microseconds) {
  const FlowOffsets offsets = flow_offsets(kKey, flow_of(1));
  for (const int64_t start : {int64_t{0}, int64_t{1} << 43, (int64_t{1} << 44) - 500}) {
    const Seq first = initial_seq(offsets, Moment{start});
    EXPECT_NEAR(initial_seq(offsets, Moment{start} + kSecondNs) - first, 244'140, 1);
    EXPECT_GT(initial_seq(offsets, Moment{start} + 5000), first);
  }
}

TEST(IsnTest, OffsetsAreOfTheFlowAndTheSecret) {
  std::set<uint32_t> seen;
  for (uint16_t port = 1; port <= 1000; ++port) {
    const FlowOffsets offsets = flow_offsets(kKey, flow_of(port));
    seen.insert(offsets.sequence);
    seen.insert(offsets.timestamp);
    EXPECT_EQ(flow_offsets(kKey, flow_of(port)).sequence, offsets.sequence);
  }
  EXPECT_GE(seen.size(), 1999U);
  EXPECT_NE(flow_offsets(SipKey{11, 23}, flow_of(1)).sequence,
            flow_offsets(kKey, flow_of(1)).sequence);
}

// RFC 7323 5.4, RFC 6191: one tick a ms, and from connection to connection of a flow it only grows.
TEST(IsnTest, TimestampsGrowByOneInAMillisecond) {
  const FlowOffsets offsets = flow_offsets(kKey, flow_of(1));
  const Moment now{123'456'789};
  const uint32_t first = timestamp_at(offsets, now);
  EXPECT_EQ(timestamp_at(offsets, now + kMillisecondNs) - first, 1U);
  EXPECT_EQ(timestamp_at(offsets, now + 100 * 86'400 * kSecondNs) - first,
            static_cast<uint32_t>(100LL * 86'400 * 1000));
}

}  // namespace
}  // namespace pollux::tcp
