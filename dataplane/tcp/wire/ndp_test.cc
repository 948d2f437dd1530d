#include "dataplane/tcp/wire/ndp.h"

#include <gtest/gtest.h>

#include "dataplane/tcp/wire/checksum.h"
#include "dataplane/tcp/wire/wire_test_support.h"

namespace pollux::tcp {
namespace {

const MacAddress kRouter{{2, 0, 0, 0, 0, 1}};
constexpr std::string_view kMessages[] = {"ndp_neighbor_solicitation", "ndp_address_probe",
                                          "ndp_neighbor_advertisement", "ndp_router_solicitation",
                                          "ndp_router_advertisement"};

// A golden message, to be changed and read.
struct Case {
  explicit Case(std::string_view name) : frame(golden(name)) {
    Ipv6Packet packet;
    EXPECT_EQ(parse_ipv6(Bytes(frame).subspan(14), packet), Fault::kNone);
    header = packet.header;
    message.assign(packet.payload.begin(), packet.payload.end());
  }
  Fault read() { return parse_ndp(header, ExactBytes(message).get(), out); }
  Fault with(size_t at, uint8_t value) {
    const uint8_t before = std::exchange(message[at], value);
    const Fault fault = read();
    message[at] = before;
    return fault;
  }
  // With these options in place of what is there.
  Fault with_options(size_t fixed, std::string_view hex) {
    message.resize(fixed);
    const ByteVector options = from_hex(hex);
    message.insert(message.end(), options.begin(), options.end());
    return read();
  }

  ByteVector frame;
  Ipv6Header header;
  ByteVector message;
  NdpMessage out;
};

TEST(NdpTest, NeighborSolicitation) {
  Case c("ndp_neighbor_solicitation");
  ASSERT_EQ(c.read(), Fault::kNone);
  EXPECT_EQ(c.out, (NdpMessage{.kind = NdpKind::kNeighborSolicitation,
                               .target = address("2001:db8::2"),
                               .source_link = kRouter}));
  EXPECT_EQ(c.header.destination, solicited_node(address("2001:db8::2")));
}

TEST(NdpTest, AddressProbe) {  // RFC 4862 5.4.2
  Case c("ndp_address_probe");
  ASSERT_EQ(c.read(), Fault::kNone);
  EXPECT_TRUE(c.header.source.is_unspecified());
  EXPECT_EQ(c.out.source_link, std::nullopt);
}

TEST(NdpTest, NeighborAdvertisement) {
  Case c("ndp_neighbor_advertisement");
  ASSERT_EQ(c.read(), Fault::kNone);
  EXPECT_EQ(c.out, (NdpMessage{.kind = NdpKind::kNeighborAdvertisement,
                               .target = address("2001:db8::1"),
                               .router = true,
                               .solicited = true,
                               .overrides = true,
                               .target_link = kRouter}));
  EXPECT_EQ(c.with(4, 0x20), Fault::kNone);
  EXPECT_TRUE(c.out.overrides && !c.out.router && !c.out.solicited);
}

TEST(NdpTest, RouterSolicitation) {
  Case c("ndp_router_solicitation");
  ASSERT_EQ(c.read(), Fault::kNone);
  EXPECT_EQ(c.out, (NdpMessage{.kind = NdpKind::kRouterSolicitation, .source_link = kRouter}));
}

TEST(NdpTest, RouterAdvertisement) {
  Case c("ndp_router_advertisement");
  ASSERT_EQ(c.read(), Fault::kNone);
  NdpMessage expected{.kind = NdpKind::kRouterAdvertisement,
                      .current_hop_limit = 64,
                      .managed = true,
                      .router_lifetime_s = 1800,
                      .reachable_ms = 30000,
                      .retransmit_ms = 1000,
                      .source_link = kRouter,
                      .mtu = 9000,
                      .prefix_count = 1};
  expected.prefixes[0] = {.prefix = address("2001:db8::"),
                          .length = 64,
                          .on_link = true,
                          .autonomous = true,
                          .valid_s = 86400,
                          .preferred_s = 14400};
  EXPECT_EQ(c.out, expected);
  EXPECT_EQ(c.out.prefix_list().size(), 1U);
  EXPECT_EQ(c.with(5, 0x40), Fault::kNone);
  EXPECT_TRUE(c.out.other && !c.out.managed);
}

TEST(NdpTest, HopLimitAndCode) {  // RFC 4861 6.1.1, 6.1.2, 7.1.1, 7.1.2
  for (const std::string_view name : kMessages) {
    Case c(name);
    EXPECT_EQ(c.with(1, 1), Fault::kCode) << name;
    for (const uint8_t limit : {uint8_t{0}, uint8_t{1}, uint8_t{254}}) {
      c.header.hop_limit = limit;
      EXPECT_EQ(c.read(), Fault::kHopLimit) << name;
    }
  }
}

TEST(NdpTest, CutOff) {
  for (const std::string_view name : kMessages) {
    Case c(name);
    const ByteVector whole = c.message;
    const size_t fixed = whole[0] == 133 ? 8 : whole[0] == 134 ? 16 : 24;
    for (size_t size = 0; size < whole.size(); ++size) {
      c.message.assign(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
      // Cut between two options it is whole.
      const bool between = size == fixed || (whole[0] == 134 && (size == 24 || size == 32));
      EXPECT_EQ(c.read(), size < fixed ? Fault::kTruncated
                          : between    ? Fault::kNone
                                       : Fault::kOption)
          << name << size;
    }
  }
}

TEST(NdpTest, OtherTypesAreUnspoken) {
  Case c("ndp_neighbor_solicitation");
  for (const uint8_t type : {1, 128, 129, 132, 137, 255}) {
    EXPECT_EQ(c.with(0, type), Fault::kUnspoken);
  }
}

TEST(NdpTest, Addresses) {
  Case solicitation("ndp_neighbor_solicitation");
  EXPECT_EQ(solicitation.with(8, 0xff), Fault::kAddress);  // target multicast: RFC 4861 7.1.1
  Case advertisement("ndp_neighbor_advertisement");
  EXPECT_EQ(advertisement.with(8, 0xff), Fault::kAddress);  // RFC 4861 7.1.2
  advertisement.header.destination = address("ff02::1");
  EXPECT_EQ(advertisement.read(), Fault::kAddress);  // an answer to all
  EXPECT_EQ(advertisement.with(4, 0xa0), Fault::kNone);
  Case router("ndp_router_advertisement");
  router.header.source = address("2001:db8::1");  // RFC 4861 6.1.2
  EXPECT_EQ(router.read(), Fault::kAddress);
  Case probe("ndp_address_probe");
  probe.header.destination = address("2001:db8::2");  // RFC 4861 7.1.1
  EXPECT_EQ(probe.read(), Fault::kAddress);
}

TEST(NdpTest, TargetOfIpv4) {
  for (const char* name : {"ndp_neighbor_solicitation", "ndp_neighbor_advertisement"}) {
    Case c(name);
    store_v6(&c.message[8], address("::ffff:192.0.2.2"));
    EXPECT_EQ(c.read(), Fault::kMappedAddress);
  }
}

TEST(NdpTest, FromNobodyWithoutALinkAddress) {  // RFC 4861 6.1.1, 7.1.1
  Case probe("ndp_address_probe");
  EXPECT_EQ(probe.with_options(24, "0101020000000001"), Fault::kOption);
  Case router("ndp_router_solicitation");
  router.header.source = IpAddress{};
  EXPECT_EQ(router.read(), Fault::kOption);
  EXPECT_EQ(router.with_options(8, ""), Fault::kNone);
}

TEST(NdpTest, OptionsOfNoLength) {  // RFC 4861 4.6
  Case c("ndp_neighbor_solicitation");
  EXPECT_EQ(c.with_options(24, "0100020000000001"), Fault::kOption);
  EXPECT_EQ(c.with_options(24, "0e000000000000000101020000000001"), Fault::kOption);
  EXPECT_EQ(c.with_options(24, "01"), Fault::kOption);
}

TEST(NdpTest, OptionsThatMeanNothingHere) {
  Case c("ndp_neighbor_solicitation");
  // A nonce (RFC 3971), and a link address of 14 bytes.
  EXPECT_EQ(c.with_options(24,
                           "0e01aabbccddeeff"
                           "01020200000000010000000000000000"),
            Fault::kNone);
  EXPECT_EQ(c.out.source_link, std::nullopt);
  EXPECT_EQ(c.with_options(24, "02020200000000010000000000000000"), Fault::kNone);
  EXPECT_EQ(c.out.target_link, std::nullopt);
  EXPECT_EQ(c.with_options(24,
                           "0502000000002328"
                           "0000000000000000"),
            Fault::kNone);
  EXPECT_EQ(c.out.mtu, std::nullopt);
  EXPECT_EQ(c.with_options(24,
                           "0101020000000001"
                           "0101020000000002"),
            Fault::kNone);
  EXPECT_EQ(c.out.source_link, (MacAddress{{2, 0, 0, 0, 0, 2}}));
}

TEST(NdpTest, Prefixes) {
  Case c("ndp_router_advertisement");
  const std::string head = "0304";
  const std::string tail =
      "c0"
      "00000001"
      "00000002"
      "00000000";
  const std::string prefix = "20010db8000000000000000000000000";
  std::string five;
  for (int i = 0; i < 5; ++i) {
    five += head + "40" + tail + prefix;
  }
  EXPECT_EQ(c.with_options(16, five), Fault::kNone);
  EXPECT_EQ(c.out.prefix_count, kNdpPrefixesMax);
  EXPECT_EQ(c.out.prefixes_left_out, 1);
  EXPECT_EQ(c.with_options(16, head + "80" + tail + prefix), Fault::kNone);
  EXPECT_EQ(c.out.prefix_count, 1);
  EXPECT_EQ(c.out.prefixes_left_out, 0);
  // Longer than an address, and one of IPv4.
  EXPECT_EQ(c.with_options(16, head + "81" + tail + prefix), Fault::kNone);
  EXPECT_EQ(c.out.prefix_count, 0);
  EXPECT_EQ(c.with_options(16, head + "60" + tail + "00000000000000000000ffffc0000200"),
            Fault::kNone);
  EXPECT_EQ(c.out.prefix_count, 0);
  // Of another length.
  EXPECT_EQ(c.with_options(16, "030340" + tail + "20010db800000000"), Fault::kNone);
  EXPECT_EQ(c.out.prefix_count, 0);
}

TEST(NdpTest, ManyPrefixesAreCountedTo255) {
  Case c("ndp_router_advertisement");
  std::string many;
  for (int i = 0; i < 300; ++i) {
    many +=
        "030440c0"
        "000000010000000200000000"
        "20010db8000000000000000000000000";
  }
  EXPECT_EQ(c.with_options(16, many), Fault::kNone);
  EXPECT_EQ(c.out.prefixes_left_out, 255);
}

TEST(NdpTest, WritesTheGoldenBytes) {
  for (const std::string_view name : kMessages) {
    if (name == "ndp_router_advertisement") {
      continue;
    }
    Case c(name);
    ASSERT_EQ(c.read(), Fault::kNone);
    uint8_t out[kNdpMessageMax];
    const size_t bytes = write_ndp(out, c.out, c.header.source, c.header.destination);
    EXPECT_EQ(ByteVector(out, out + bytes), c.message) << name;
  }
}

TEST(NdpTest, WhatIsWrittenReadsTheSame) {
  RandomParts random(1);
  for (int round = 0; round < 3000; ++round) {
    NdpMessage message{.kind = NdpKind::kRouterSolicitation};
    if (random.coin()) {
      message.kind =
          random.coin() ? NdpKind::kNeighborSolicitation : NdpKind::kNeighborAdvertisement;
      message.target = random.v6();
      message.target.bytes[0] = 0x20;
    }
    if (message.kind == NdpKind::kNeighborAdvertisement) {
      message.router = random.coin();
      message.solicited = random.coin();
      message.overrides = random.coin();
    }
    if (random.coin()) {
      message.source_link = random.mac();
    }
    if (random.coin()) {
      message.target_link = random.mac();
    }
    Ipv6Header header{.source = random.v6(), .destination = random.v6(), .hop_limit = kNdpHopLimit};
    header.destination.bytes[0] = 0x20;
    uint8_t out[kNdpMessageMax];
    const size_t bytes = write_ndp(out, message, header.source, header.destination);
    NdpMessage read;
    ASSERT_EQ(parse_ndp(header, {out, bytes}, read), Fault::kNone);
    ASSERT_EQ(read, message);
    Checksum sum =
        pseudo_header(header.source, header.destination, 58, static_cast<uint32_t>(bytes));
    sum.add({out, bytes});
    ASSERT_TRUE(sum.verifies());
  }
}

TEST(NdpTest, GroupsOnTheLink) {
  // RFC 4291 2.7.1's example, and RFC 2464 7 for it.
  const IpAddress group = solicited_node(address("4037::1:800:200e:8c6c"));
  EXPECT_EQ(group, address("ff02::1:ff0e:8c6c"));
  EXPECT_EQ(multicast_mac(group), (MacAddress{{0x33, 0x33, 0xff, 0x0e, 0x8c, 0x6c}}));
}

}  // namespace
}  // namespace pollux::tcp
