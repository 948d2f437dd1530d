#include "dataplane/tcp/wire/ethernet.h"

#include <gtest/gtest.h>

#include "dataplane/tcp/wire/arp.h"
#include "dataplane/tcp/wire/wire_test_support.h"

namespace pollux::tcp {
namespace {

const MacAddress kRouter{{2, 0, 0, 0, 0, 1}};
const MacAddress kHost{{2, 0, 0, 0, 0, 2}};

TEST(EthernetTest, IsRead) {
  const ByteVector bytes = golden("tcp4_syn");
  EthernetFrame frame;
  ASSERT_EQ(parse_ethernet(bytes, frame), Fault::kNone);
  EXPECT_EQ(frame.header, (EthernetHeader{kHost, kRouter, std::nullopt, EtherType::kIpv4}));
  EXPECT_EQ(frame.payload.data(), bytes.data() + 14);
  EXPECT_EQ(frame.payload.size(), bytes.size() - 14);
}

TEST(EthernetTest, TagIsReadAndForgotten) {
  const ByteVector tagged = golden("tcp4_vlan");
  EthernetFrame frame;
  ASSERT_EQ(parse_ethernet(tagged, frame), Fault::kNone);
  ASSERT_TRUE(frame.header.vlan.has_value());
  EXPECT_EQ(frame.header.vlan->id(), 0x064);
  EXPECT_EQ(frame.header.vlan->priority(), 3);
  EXPECT_EQ(frame.header.type, EtherType::kIpv4);
  EXPECT_EQ(frame.payload.size(), tagged.size() - 18);

  ASSERT_EQ(parse_ethernet(golden("tcp4_syn"), frame), Fault::kNone);
  EXPECT_FALSE(frame.header.vlan.has_value());
}

TEST(EthernetTest, SecondTagStaysInThePayload) {
  EthernetFrame frame;
  const ByteVector bytes = golden("other_two_tags");
  ASSERT_EQ(parse_ethernet(bytes, frame), Fault::kNone);
  EXPECT_EQ(frame.header.vlan->id(), 6);
  EXPECT_EQ(frame.header.type, EtherType::kVlan);
  EXPECT_EQ(load16(frame.payload.data()), 5);  // the inner one
}

TEST(EthernetTest, CutOff) {
  EthernetFrame frame;
  const ByteVector plain = golden("arp_reply");
  const ByteVector tagged = golden("tcp4_vlan");
  for (size_t size = 0; size <= 18; ++size) {
    EXPECT_EQ(parse_ethernet(ExactBytes(Bytes(plain).first(size)).get(), frame),
              size < 14 ? Fault::kTruncated : Fault::kNone);
    EXPECT_EQ(parse_ethernet(ExactBytes(Bytes(tagged).first(size)).get(), frame),
              size < 18 ? Fault::kTruncated : Fault::kNone);
  }
}

TEST(EthernetTest, WhatIsWrittenReadsTheSame) {
  RandomParts random(1);
  for (int round = 0; round < 2000; ++round) {
    EthernetHeader header{random.mac(), random.mac(), std::nullopt, EtherType{random.u16()}};
    if (random.coin()) {
      header.vlan = VlanTag{random.u16()};
    } else if (header.type == EtherType::kVlan) {
      continue;
    }
    ByteVector out(ethernet_bytes(header));
    ASSERT_EQ(write_ethernet(out, header), out.size());
    EthernetFrame frame;
    ASSERT_EQ(parse_ethernet(out, frame), Fault::kNone);
    ASSERT_EQ(frame.header, header);
    ASSERT_TRUE(frame.payload.empty());
  }
}

TEST(ArpTest, IsRead) {
  ArpPacket arp;
  ASSERT_EQ(parse_arp(Bytes(golden("arp_request")).subspan(14), arp), Fault::kNone);
  EXPECT_EQ(arp, (ArpPacket{ArpOperation::kRequest, kRouter, address("192.0.2.1"), MacAddress{},
                            address("192.0.2.2")}));
  ASSERT_EQ(parse_arp(Bytes(golden("arp_reply")).subspan(14), arp), Fault::kNone);
  EXPECT_EQ(arp, (ArpPacket{ArpOperation::kReply, kRouter, address("192.0.2.1"), kHost,
                            address("192.0.2.2")}));
}

TEST(ArpTest, CutOff) {
  const ByteVector frame = golden("arp_reply");
  ArpPacket arp;
  for (size_t size = 0; size < kArpBytes; ++size) {
    EXPECT_EQ(parse_arp(ExactBytes(Bytes(frame).subspan(14, size)).get(), arp), Fault::kTruncated);
  }
  EXPECT_EQ(parse_arp(ExactBytes(Bytes(frame).subspan(14, kArpBytes)).get(), arp), Fault::kNone);
}

TEST(ArpTest, SpeaksOnlyIpv4OverEthernet) {
  const ByteVector frame = golden("arp_reply");
  for (size_t at = 0; at < 8; ++at) {  // hardware, protocol, both lengths, operation
    ByteVector changed(frame.begin() + 14, frame.end());
    changed[at] ^= 0x40;
    ArpPacket arp;
    EXPECT_EQ(parse_arp(changed, arp), Fault::kUnspoken) << at;
  }
  ByteVector reverse(frame.begin() + 14, frame.end());
  reverse[7] = 3;  // RARP's request
  ArpPacket arp;
  EXPECT_EQ(parse_arp(reverse, arp), Fault::kUnspoken);
}

TEST(ArpTest, WhatIsWrittenReadsTheSame) {
  RandomParts random(2);
  for (int round = 0; round < 1000; ++round) {
    const ArpPacket packet{random.coin() ? ArpOperation::kRequest : ArpOperation::kReply,
                           random.mac(), random.v4(), random.mac(), random.v4()};
    uint8_t out[kArpBytes];
    ASSERT_EQ(write_arp(out, packet), kArpBytes);
    ArpPacket read;
    ASSERT_EQ(parse_arp(out, read), Fault::kNone);
    ASSERT_EQ(read, packet);
  }
}

TEST(ArpTest, WritesTheGoldenBytes) {
  const ByteVector frame = golden("arp_reply");
  uint8_t out[kArpBytes];
  write_arp(out,
            {ArpOperation::kReply, kRouter, address("192.0.2.1"), kHost, address("192.0.2.2")});
  EXPECT_EQ(std::memcmp(out, frame.data() + 14, kArpBytes), 0);
}

}  // namespace
}  // namespace pollux::tcp
