#include "dataplane/tcp/wire/ip.h"

#include <gtest/gtest.h>

#include <string>

#include "dataplane/tcp/wire/checksum.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/ipv6.h"
#include "dataplane/tcp/wire/wire_test_support.h"

namespace pollux::tcp {
namespace {

ByteVector ip_of(std::string_view name) {
  const ByteVector frame = golden(name);
  return ByteVector(frame.begin() + 14, frame.end());
}

Fault fault4(Bytes bytes) {
  Ipv4Packet packet;
  return parse_ipv4(ExactBytes(bytes).get(), packet);
}

Fault fault6(Bytes bytes) {
  Ipv6Packet packet;
  return parse_ipv6(ExactBytes(bytes).get(), packet);
}

TEST(Ipv4Test, IsRead) {
  const ByteVector bytes = ip_of("tcp4_data");
  Ipv4Packet packet;
  ASSERT_EQ(parse_ipv4(bytes, packet), Fault::kNone);
  EXPECT_EQ(packet.header, (Ipv4Header{.source = address("192.0.2.1"),
                                       .destination = address("192.0.2.2"),
                                       .protocol = IpProtocol::kTcp,
                                       .ttl = 64,
                                       .traffic_class = TrafficClass::of(10, Ecn::kEct0),
                                       .dont_fragment = true}));
  EXPECT_EQ(packet.header.traffic_class.dscp(), 10);
  EXPECT_EQ(packet.header.traffic_class.ecn(), Ecn::kEct0);
  EXPECT_EQ(packet.header_bytes, 20U);
  EXPECT_EQ(packet.payload.data(), bytes.data() + 20);
  EXPECT_EQ(packet.payload.size(), bytes.size() - 20);
  EXPECT_TRUE(ipv4_checksum_ok(bytes));
}

TEST(Ipv4Test, OptionsAreSteppedOver) {
  const ByteVector bytes = ip_of("tcp4_ip_options");
  Ipv4Packet packet;
  ASSERT_EQ(parse_ipv4(bytes, packet), Fault::kNone);
  EXPECT_EQ(packet.header_bytes, 24U);
  EXPECT_EQ(packet.payload.data(), bytes.data() + 24);
  EXPECT_TRUE(ipv4_checksum_ok(bytes));
}

TEST(Ipv4Test, PaddingIsNoPayload) {
  const ByteVector bytes = ip_of("tcp4_ack_padded");
  Ipv4Packet packet;
  ASSERT_EQ(parse_ipv4(bytes, packet), Fault::kNone);
  EXPECT_EQ(bytes.size(), 46U);
  EXPECT_EQ(packet.payload.size(), 20U);
  EXPECT_EQ(packet.header.fragment.id, 7U);
  EXPECT_EQ(packet.header.ttl, 1);
}

TEST(Ipv4Test, Fragments) {
  Ipv4Packet packet;
  ASSERT_EQ(parse_ipv4(ip_of("fragment4_first"), packet), Fault::kNone);
  EXPECT_EQ(packet.header.fragment, (Fragment{.id = 9, .offset = 0, .more = true}));
  EXPECT_FALSE(packet.header.fragment.whole() || packet.header.dont_fragment);
  ASSERT_EQ(parse_ipv4(ip_of("fragment4_last"), packet), Fault::kNone);
  EXPECT_EQ(packet.header.fragment, (Fragment{.id = 9, .offset = 32, .more = false}));
  EXPECT_FALSE(packet.header.fragment.whole());
}

TEST(Ipv4Test, Faults) {
  const ByteVector good = ip_of("tcp4_data");
  const auto with = [&good](size_t at, uint8_t value) {
    ByteVector bytes = good;
    bytes[at] = value;
    return fault4(bytes);
  };
  EXPECT_EQ(with(0, 0x65), Fault::kVersion);
  EXPECT_EQ(with(0, 0x05), Fault::kVersion);
  EXPECT_EQ(with(0, 0x44), Fault::kHeaderLength);
  EXPECT_EQ(with(0, 0x40), Fault::kHeaderLength);
  EXPECT_EQ(with(3, 19), Fault::kLength);       // total, less than the header
  EXPECT_EQ(with(2, 0x01), Fault::kTruncated);  // total, more than there is
  EXPECT_EQ(with(3, 20), Fault::kNone);         // nothing behind the header
  // Beyond 65535 when put together.
  ByteVector late = good;
  store16(&late[6], 0x1fff);
  EXPECT_EQ(fault4(late), Fault::kLength);
  store16(&late[6], 0x1ff0);
  EXPECT_EQ(fault4(late), Fault::kNone);
}

TEST(Ipv4Test, CutOffAnywhere) {
  for (const char* name : {"tcp4_data", "tcp4_ip_options", "icmp4_echo", "fragment4_first"}) {
    const ByteVector bytes = ip_of(name);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(fault4(Bytes(bytes).first(size)), Fault::kTruncated) << name << size;
    }
    EXPECT_EQ(fault4(bytes), Fault::kNone);
  }
}

// A header with these options, of a multiple of 4 bytes.
Fault with_options4(std::string_view hex) {
  const ByteVector options = from_hex(hex);
  ByteVector bytes = ip_of("tcp4_data");
  bytes.insert(bytes.begin() + kIpv4Bytes, options.begin(), options.end());
  bytes[0] = static_cast<uint8_t>(0x45 + options.size() / 4);
  store16(&bytes[2], static_cast<uint16_t>(bytes.size()));
  return fault4(bytes);
}

// RFC 1122 3.2.1.8 e, 3.3.5: loose (131) and strict (137).
TEST(Ipv4Test, AHostForwardsNoSourceRoutes) {
  EXPECT_EQ(with_options4("830704c0a8010100"), Fault::kRouting);
  EXPECT_EQ(with_options4("890704c0a8010100"), Fault::kRouting);
  EXPECT_EQ(with_options4("01010101830704c0a8010100"), Fault::kRouting);  // behind others
  EXPECT_EQ(with_options4("830708c0a8010100"), Fault::kNone) << "it is at its end";
  EXPECT_EQ(with_options4("870704c0a8010100"), Fault::kNone) << "a record of the route";
}

TEST(Ipv4Test, OptionsThatAreCutOff) {
  EXPECT_EQ(with_options4("01010100"), Fault::kNone);
  EXPECT_EQ(with_options4("00830704"), Fault::kNone) << "behind the end nothing counts";
  EXPECT_EQ(with_options4("94000000"), Fault::kOption);
  EXPECT_EQ(with_options4("94010000"), Fault::kOption);
  EXPECT_EQ(with_options4("94050000"), Fault::kOption);
  EXPECT_EQ(with_options4("01010194"), Fault::kOption);
  EXPECT_EQ(with_options4("83020000"), Fault::kOption) << "a route without a pointer";
}

TEST(Ipv4Test, EveryBitOfTheHeaderIsInTheChecksum) {
  const ByteVector good = ip_of("tcp4_ip_options");
  for (size_t bit = 4; bit < 24 * 8; ++bit) {  // the length of the header says what is summed
    if (bit / 8 == 0) {
      continue;
    }
    ByteVector bytes = good;
    bytes[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    EXPECT_FALSE(ipv4_checksum_ok(bytes)) << bit;
  }
}

TEST(Ipv4Test, WhatIsWrittenReadsTheSame) {
  RandomParts random(1);
  for (int round = 0; round < 5000; ++round) {
    const size_t payload_bytes = random.rng().below(200);
    const Ipv4Header header{
        .source = random.v4(),
        .destination = random.v4(),
        .protocol = IpProtocol{random.u8()},
        .ttl = random.u8(),
        .traffic_class = {random.u8()},
        .dont_fragment = random.coin(),
        .fragment = {.id = random.u16(),
                     .offset = static_cast<uint16_t>(random.rng().below(8000) * 8),
                     .more = random.coin()}};
    ByteVector out(kIpv4Bytes + payload_bytes);
    ASSERT_EQ(write_ipv4(out, header, payload_bytes), kIpv4Bytes);
    Ipv4Packet packet;
    ASSERT_EQ(parse_ipv4(out, packet), Fault::kNone);
    ASSERT_EQ(packet.header, header);
    ASSERT_EQ(packet.payload.size(), payload_bytes);
    ASSERT_TRUE(ipv4_checksum_ok(out));
  }
}

TEST(Ipv6Test, IsRead) {
  const ByteVector bytes = ip_of("tcp6_data");
  Ipv6Packet packet;
  ASSERT_EQ(parse_ipv6(bytes, packet), Fault::kNone);
  EXPECT_EQ(packet.header, (Ipv6Header{.source = address("2001:db8::1"),
                                       .destination = address("2001:db8::2"),
                                       .protocol = IpProtocol::kTcp,
                                       .hop_limit = 64,
                                       .traffic_class = TrafficClass::of(0, Ecn::kCe),
                                       .flow_label = 0x12345}));
  EXPECT_EQ(packet.header_bytes, 40U);
  EXPECT_TRUE(packet.fragment.whole());
  EXPECT_EQ(packet.payload.data(), bytes.data() + 40);
  EXPECT_EQ(packet.payload.size(), bytes.size() - 40);
}

TEST(Ipv6Test, PaddingIsNoPayload) {
  ByteVector bytes = ip_of("other_no_next_header6");
  bytes.resize(46);
  Ipv6Packet packet;
  ASSERT_EQ(parse_ipv6(bytes, packet), Fault::kNone);
  EXPECT_TRUE(packet.payload.empty());
  EXPECT_EQ(packet.header.protocol, IpProtocol::kNoNextHeader);
}

TEST(Ipv6Test, ExtensionHeadersAreSteppedOver) {
  const ByteVector bytes = ip_of("tcp6_extensions");
  Ipv6Packet packet;
  ASSERT_EQ(parse_ipv6(bytes, packet), Fault::kNone);
  EXPECT_EQ(packet.header.protocol, IpProtocol::kTcp);
  // Hop-by-hop 8, routing 24, destination options 8, fragment 8.
  EXPECT_EQ(packet.header_bytes, 40U + 48);
  EXPECT_EQ(packet.payload.size(), 21U);
  EXPECT_TRUE(packet.fragment.whole());  // RFC 6946 4: one that is its own only piece
  EXPECT_TRUE(packet.has_fragment_header);
  ASSERT_EQ(parse_ipv6(ip_of("tcp6_data"), packet), Fault::kNone);
  EXPECT_FALSE(packet.has_fragment_header);
}

TEST(Ipv6Test, Fragments) {
  Ipv6Packet packet;
  ASSERT_EQ(parse_ipv6(ip_of("fragment6_first"), packet), Fault::kNone);
  EXPECT_EQ(packet.fragment, (Fragment{.id = 0xabcdef01, .offset = 0, .more = true}));
  EXPECT_EQ(packet.header.protocol, IpProtocol::kTcp);
  EXPECT_EQ(packet.payload.size(), 32U);
  ASSERT_EQ(parse_ipv6(ip_of("fragment6_last"), packet), Fault::kNone);
  EXPECT_EQ(packet.fragment, (Fragment{.id = 0xabcdef01, .offset = 32, .more = false}));
}

TEST(Ipv6Test, Faults) {
  const ByteVector good = ip_of("tcp6_data");
  const auto with = [&good](size_t at, uint8_t value) {
    ByteVector bytes = good;
    bytes[at] = value;
    return fault6(bytes);
  };
  EXPECT_EQ(with(0, 0x40), Fault::kVersion);
  EXPECT_EQ(with(4, 0x01), Fault::kTruncated);  // more than there is
  EXPECT_EQ(with(5, 0), Fault::kNone);          // nothing behind the header
}

TEST(Ipv6Test, AddressesOfIpv4AreNotBelieved) {
  const ByteVector good = ip_of("tcp6_data");
  for (const size_t at : {8U, 24U}) {
    ByteVector bytes = good;
    store_v6(&bytes[at], address("::ffff:192.0.2.7"));
    EXPECT_EQ(fault6(bytes), Fault::kMappedAddress);
    bytes[at + 10] = 0xfe;
    EXPECT_EQ(fault6(bytes), Fault::kNone);
    store_v6(&bytes[at], address("::1"));
    EXPECT_EQ(fault6(bytes), Fault::kNone);
  }
}

TEST(Ipv6Test, CutOffAnywhere) {
  for (const char* name : {"tcp6_data", "tcp6_extensions", "icmp6_echo", "fragment6_first"}) {
    const ByteVector bytes = ip_of(name);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(fault6(Bytes(bytes).first(size)), Fault::kTruncated) << name << size;
    }
    EXPECT_EQ(fault6(bytes), Fault::kNone);
  }
}

// `payload` behind a header whose next one is `first`; the length in it is right.
Fault extensions(uint8_t first, const ByteVector& payload, UpperLayer* upper = nullptr) {
  UpperLayer out{.protocol = IpProtocol{first}};
  const Fault fault = skip_extensions(ExactBytes(payload).get(), out);
  if (upper != nullptr) {
    *upper = out;
  }
  return fault;
}

TEST(Ipv6ExtensionsTest, CutOffInside) {
  const ByteVector whole = from_hex(
      "3b02000000000000"
      "0000000000000000"
      "0000000000000000");
  for (size_t size = 0; size < whole.size(); ++size) {
    const ByteVector cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    for (const uint8_t first : {uint8_t{0}, uint8_t{43}, uint8_t{60}}) {
      EXPECT_EQ(extensions(first, cut), Fault::kTruncated) << size;
    }
    EXPECT_EQ(extensions(44, cut), size < 8 ? Fault::kTruncated : Fault::kNone) << size;
  }
}

TEST(Ipv6ExtensionsTest, HopByHopOnlyInFront) {  // RFC 8200 4.1
  EXPECT_EQ(extensions(0, from_hex("3b00010400000000")), Fault::kNone);
  EXPECT_EQ(extensions(60, from_hex("0000010400000000"
                                    "3b00010400000000")),
            Fault::kExtensions);
}

TEST(Ipv6ExtensionsTest, AreCounted) {
  ByteVector chain;
  for (size_t i = 0; i + 1 < kExtensionHeadersMax; ++i) {
    const ByteVector one = from_hex("3c00010400000000");
    chain.insert(chain.end(), one.begin(), one.end());
  }
  ByteVector last = chain;
  const ByteVector end = from_hex("0600010400000000");
  last.insert(last.end(), end.begin(), end.end());
  UpperLayer upper;
  EXPECT_EQ(extensions(60, last, &upper), Fault::kNone);
  EXPECT_EQ(upper.at, kExtensionHeadersMax * 8);
  const ByteVector more = from_hex("3c00010400000000");
  chain.insert(chain.end(), more.begin(), more.end());
  chain.insert(chain.end(), end.begin(), end.end());
  EXPECT_EQ(extensions(60, chain), Fault::kExtensions);
}

TEST(Ipv6ExtensionsTest, OptionsThatMustNotBeSkipped) {  // RFC 8200 4.2
  for (const uint8_t first : {uint8_t{0}, uint8_t{60}}) {
    EXPECT_EQ(extensions(first, from_hex("3b00050200000000")), Fault::kNone);  // router alert
    EXPECT_EQ(extensions(first, from_hex("3b00000000000000")), Fault::kNone);  // Pad1 six times
    for (const char* high : {"3b00420400000000", "3b00820400000000", "3b00c20400010000"}) {
      EXPECT_EQ(extensions(first, from_hex(high)), Fault::kExtensionOption) << high;
    }
    EXPECT_EQ(extensions(first, from_hex("3b00010500000000")), Fault::kExtensionOption);
    EXPECT_EQ(extensions(first, from_hex("3b00000000000005")), Fault::kExtensionOption);
  }
}

// A header of destination options; all of it is a multiple of 8 bytes.
Fault with_options6(std::string_view hex) {
  ByteVector header = {0x3b, static_cast<uint8_t>((2 + hex.size() / 2) / 8 - 1)};
  const ByteVector options = from_hex(hex);
  header.insert(header.end(), options.begin(), options.end());
  return extensions(60, header);
}

TEST(Ipv6ExtensionsTest, OptionsAreCounted) {  // RFC 8504 5.3
  std::string options;
  for (size_t i = 0; i < kExtensionOptionsMax; ++i) {
    options += "1e00";
  }
  EXPECT_EQ(with_options6(options + "010400000000"), Fault::kNone);
  EXPECT_EQ(with_options6(options + "1e0400000000"), Fault::kExtensions);
}

TEST(Ipv6ExtensionsTest, PaddingAlignsAndDoesNoMore) {  // RFC 8504 5.3
  EXPECT_EQ(with_options6("000000000000001e050000000000"), Fault::kNone);
  EXPECT_EQ(with_options6("00000000000000001e0400000000"), Fault::kExtensions);
  EXPECT_EQ(with_options6("010500000000001e050000000000"), Fault::kNone);
  EXPECT_EQ(with_options6("01060000000000001e0400000000"), Fault::kExtensions);
  EXPECT_EQ(with_options6("01040000000000001e0400000000"), Fault::kExtensions);
  EXPECT_EQ(with_options6("01040000000000"
                          "1e00"
                          "0103000000"),
            Fault::kNone);
}

TEST(Ipv6ExtensionsTest, SegmentsLeft) {  // RFC 8200 4.4, RFC 5095
  EXPECT_EQ(extensions(43, from_hex("3b00000000000000")), Fault::kNone);
  for (const char* type : {"3b00000100000000", "3b00020100000000", "3b0004ff00000000"}) {
    EXPECT_EQ(extensions(43, from_hex(type)), Fault::kRouting);
  }
}

TEST(Ipv6ExtensionsTest, FragmentBeyondADatagram) {  // RFC 8200 4.5
  EXPECT_EQ(extensions(44, from_hex("0600fff800000001"
                                    "0000000000000000")),
            Fault::kLength);
  EXPECT_EQ(extensions(44, from_hex("0600fff800000001"
                                    "00000000000000")),
            Fault::kNone);
}

TEST(Ipv6ExtensionsTest, APieceEndsTheWalk) {
  UpperLayer upper;
  EXPECT_EQ(extensions(44,
                       from_hex("3c00000900000001"
                                "ffff"),
                       &upper),
            Fault::kNone);
  EXPECT_EQ(upper.protocol, IpProtocol::kDestinationOptions);
  EXPECT_EQ(upper.fragment, (Fragment{.id = 1, .offset = 8, .more = true}));
  EXPECT_EQ(upper.at, 8U);
}

TEST(Ipv6Test, WhatIsWrittenReadsTheSame) {
  RandomParts random(2);
  for (int round = 0; round < 5000; ++round) {
    const size_t payload_bytes = random.rng().below(200);
    const Ipv6Header header{.source = random.v6(),
                            .destination = random.v6(),
                            .protocol = IpProtocol{random.u8()},
                            .hop_limit = random.u8(),
                            .traffic_class = {random.u8()},
                            .flow_label = random.u32() >> 12};
    if (is_extension(header.protocol)) {
      continue;
    }
    ByteVector out(kIpv6Bytes + payload_bytes);
    ASSERT_EQ(write_ipv6(out, header, payload_bytes), kIpv6Bytes);
    Ipv6Packet packet;
    ASSERT_EQ(parse_ipv6(out, packet), Fault::kNone);
    ASSERT_EQ(packet.header, header);
    ASSERT_EQ(packet.payload.size(), payload_bytes);
  }
}

TEST(IpDeathTest, RoomSizesAndVersionsAreTheCallersDuty) {
  uint8_t out[kIpv6Bytes];
  const Ipv4Header four{.source = address("192.0.2.1"), .destination = address("192.0.2.2")};
  const Ipv6Header six{.source = address("::1"), .destination = address("::2")};
  EXPECT_DEATH((void)write_ipv4({out, 19}, four, 0), "out.size");
  EXPECT_DEATH((void)write_ipv4(out, four, 65516), "kDatagramBytesMax");
  EXPECT_DEATH((void)write_ipv4(out, {.source = six.source}, 0), "is_v4");
  EXPECT_DEATH((void)write_ipv6({out, 39}, six, 0), "out.size");
  EXPECT_DEATH((void)write_ipv6(out, six, 65536), "payload_bytes");
  EXPECT_DEATH((void)write_ipv6(out, {.source = four.source, .destination = six.source}, 0),
               "is_v4");
}

}  // namespace
}  // namespace pollux::tcp
