#include "dataplane/sim/net/nic_offload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "dataplane/sim/net/frame_peek.h"
#include "dataplane/sim/net/net_test_support.h"

namespace pollux::tcp {
namespace {

constexpr TxOffload kChecksums = {.checksums = true};

// As a stack leaves it for a device: the sum of the pseudo-header alone, with the segment's length
// or, if it is to be cut, without.
Frame for_nic(const SegmentOf& of, bool cut) {
  Frame frame = segment(of);
  const IpPeek ip = *peek_ip(frame);
  Frame pseudo(frame.begin() + ip.offset + (of.v6 ? 8 : 12), frame.begin() + ip.payload_offset);
  put16(pseudo, 6);
  put16(pseudo, cut ? 0 : static_cast<uint32_t>(frame.size()) - ip.payload_offset);
  const auto partial = static_cast<uint16_t>(~internet_checksum(pseudo));
  frame[ip.payload_offset + 16] = static_cast<uint8_t>(partial >> 8);
  frame[ip.payload_offset + 17] = static_cast<uint8_t>(partial);
  return frame;
}

// The sum over pseudo-header and segment, as a receiver takes it.
uint16_t tcp_checksum(FrameView frame) {
  const IpPeek ip = *peek_ip(frame);
  const bool v4 = frame[ip.offset] >> 4 == 4;
  const FrameView addresses = frame.subspan(ip.offset + (v4 ? 12 : 8), v4 ? 8 : 32);
  Frame all(addresses.begin(), addresses.end());
  put16(all, 6);
  put16(all, ip.payload_bytes);
  const FrameView tcp = frame.subspan(ip.payload_offset, ip.payload_bytes);
  all.insert(all.end(), tcp.begin(), tcp.end());
  return internet_checksum(all);
}

std::string payload_of(FrameView frame) {
  return {frame.begin() + tcp_header_end(frame), frame.end()};
}

TEST(NicOffload, WithoutItAFrameIsAsItWas) {
  const Frame frame = segment({.payload = "value"});
  EXPECT_EQ(finished_by_nic(frame, {}), std::vector<Frame>{frame});
}

TEST(NicOffload, FillsInChecksums) {
  for (const bool v6 : {false, true}) {
    for (const bool vlan : {false, true}) {
      for (const std::string_view payload : {"", "odd", "even"}) {
        const SegmentOf of{.v6 = v6, .vlan = vlan, .payload = payload};
        Frame given = for_nic(of, false);
        const IpPeek ip = *peek_ip(given);
        if (!v6) {
          given[ip.offset + 10] = 0x55;  // whatever stands there
        }
        const std::vector<Frame> out = finished_by_nic(given, kChecksums);
        ASSERT_EQ(out.size(), 1U);
        EXPECT_EQ(tcp_checksum(out[0]), 0);
        EXPECT_TRUE(checksums_are_right(out[0]));
        EXPECT_EQ(payload_of(out[0]), payload);
        if (!v6) {
          EXPECT_EQ(internet_checksum(FrameView(out[0]).subspan(ip.offset, 20)), 0);
        }
      }
    }
  }
}

TEST(NicOffload, CutsIntoSegments) {
  const std::string payload = "0123456789abcdefghijklmno";
  for (const bool v6 : {false, true}) {
    const SegmentOf of{.v6 = v6,
                       .flags = flag::kAck | flag::kPsh | flag::kFin | 0x80,
                       .seq = 0xfffffffa,
                       .payload = payload};
    const std::vector<Frame> out =
        finished_by_nic(for_nic(of, true), {.checksums = true, .segment_bytes = 10});
    ASSERT_EQ(out.size(), 3U);
    std::string all;
    for (size_t i = 0; i < out.size(); ++i) {
      const TcpPeek tcp = *peek_tcp(out[i]);
      EXPECT_EQ(tcp.seq, Seq{0xfffffffa} + static_cast<uint32_t>(10 * i));
      EXPECT_EQ(tcp.payload_bytes, i < 2 ? 10U : 5U);
      EXPECT_EQ(tcp.cwr, i == 0) << "RFC 3168: of the first";
      EXPECT_EQ(tcp.fin, i == 2);
      EXPECT_EQ(tcp.psh, i == 2);
      EXPECT_TRUE(tcp.has_ack);
      EXPECT_EQ(tcp_checksum(out[i]), 0);
      EXPECT_TRUE(checksums_are_right(out[i]));
      all += payload_of(out[i]);
    }
    EXPECT_EQ(all, payload);
  }
}

TEST(NicOffload, EachSegmentOfIpv4HasANumberOfItsOwn) {
  const std::vector<Frame> out = finished_by_nic(for_nic({.payload = "0123456789"}, true),
                                                 {.checksums = true, .segment_bytes = 5});
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[1][14 + 5], out[0][14 + 5] + 1);
}

TEST(NicOffload, AWholeNumberOfSegmentsLeavesNoEmptyOne) {
  EXPECT_EQ(finished_by_nic(for_nic({.payload = "0123456789"}, true),
                            {.checksums = true, .segment_bytes = 5})
                .size(),
            2U);
}

TEST(NicOffload, WhatIsNoTcpGoesAsItIs) {
  const Frame frame = plain_frame(mac_of(1), mac_of(2), 100);
  EXPECT_EQ(finished_by_nic(frame, kChecksums), std::vector<Frame>{frame});
  EXPECT_FALSE(checksums_are_right(frame));
}

TEST(NicOffload, AnyBitThatFlipsIsSeen) {
  const Frame right = finished_by_nic(for_nic({.payload = "value"}, false), kChecksums)[0];
  const IpPeek ip = *peek_ip(right);
  for (size_t bit = size_t{ip.offset} * 8; bit < right.size() * 8; ++bit) {
    Frame wrong = right;
    wrong[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(checksums_are_right(wrong)) << "bit " << bit;
  }
}

}  // namespace
}  // namespace pollux::tcp
