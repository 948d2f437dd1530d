#include "dataplane/tcp/wire/tcp_header.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/tcp/wire/wire_test_support.h"

namespace pollux::tcp {
namespace {

ByteVector segment_of(std::string_view name) {
  const ByteVector frame = golden(name);
  return ByteVector(frame.begin() + 34, frame.end());
}

TEST(TcpHeaderTest, IsRead) {
  const ByteVector bytes = segment_of("tcp4_data");
  TcpSegment segment;
  ASSERT_EQ(parse_tcp(bytes, segment), Fault::kNone);
  EXPECT_EQ(segment.header, (TcpHeader{.source_port = 51000,
                                       .destination_port = 6379,
                                       .seq = {0x01020304},
                                       .ack = {0x0a0b0c0d},
                                       .flags = kAck | kPsh,
                                       .window = 502}));
  EXPECT_EQ(segment.options.size(), 12U);
  EXPECT_EQ(std::string(segment.payload.begin(), segment.payload.end()), "*1\r\n$4\r\nPING\r\n");
}

TEST(TcpHeaderTest, Flags) {
  const auto flags = [](std::string_view name) {
    TcpSegment segment;
    EXPECT_EQ(parse_tcp(segment_of(name), segment), Fault::kNone);
    return segment.header.flags;
  };
  EXPECT_EQ(flags("tcp4_syn"), kSyn | kEce | kCwr);
  EXPECT_EQ(flags("tcp4_syn_ack_accurate_ecn"), kSyn | kAck | kEce | kAe);
  EXPECT_EQ(flags("tcp4_reset"), kRst);
  EXPECT_EQ(flags("tcp4_fin_urgent"), kFin | kPsh | kAck | kUrg);
  TcpSegment segment;
  ASSERT_EQ(parse_tcp(segment_of("tcp4_fin_urgent"), segment), Fault::kNone);
  EXPECT_EQ(segment.header.urgent, 1);
  EXPECT_TRUE(segment.header.has(kFin | kAck));
  EXPECT_FALSE(segment.header.has(kFin | kRst));
}

TEST(TcpHeaderTest, ReservedBitsAreIgnored) {  // RFC 9293 3.1
  ByteVector bytes = segment_of("tcp4_data");
  TcpSegment before;
  ASSERT_EQ(parse_tcp(bytes, before), Fault::kNone);
  bytes[12] |= 0x0e;
  TcpSegment after;
  ASSERT_EQ(parse_tcp(bytes, after), Fault::kNone);
  EXPECT_EQ(after.header, before.header);
}

TEST(TcpHeaderTest, Faults) {
  const ByteVector bytes = segment_of("tcp4_syn");  // 40 bytes, all of them header
  TcpSegment segment;
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(parse_tcp(ExactBytes(Bytes(bytes).first(size)).get(), segment), Fault::kTruncated);
  }
  for (unsigned offset = 0; offset < 16; ++offset) {
    ByteVector changed = bytes;
    changed[12] = static_cast<uint8_t>(offset << 4);
    EXPECT_EQ(parse_tcp(changed, segment), offset < 5    ? Fault::kHeaderLength
                                           : offset > 10 ? Fault::kTruncated
                                                         : Fault::kNone);
  }
}

TcpOptions random_options(RandomParts& random) {
  TcpOptions options;
  if (random.coin()) {
    options.mss = random.u16();
  }
  if (random.coin()) {
    options.window_scale = static_cast<uint8_t>(random.rng().below(kWindowScaleMax + 1));
  }
  options.sack_permitted = random.coin();
  if (random.coin()) {
    options.timestamps = {random.u32(), random.u32()};
  }
  options.sack_count = static_cast<uint8_t>(random.rng().below(kSackBlocksMax + 1));
  for (size_t i = 0; i < options.sack_count; ++i) {
    options.sack[i] = {Seq{random.u32()}, Seq{random.u32()}};
  }
  return options;
}

TEST(TcpHeaderTest, WhatIsWrittenReadsTheSameAndVerifies) {
  RandomParts random(1);
  for (int round = 0; round < 20'000; ++round) {
    const TcpHeader header{.source_port = random.u16(),
                           .destination_port = random.u16(),
                           .seq = {random.u32()},
                           .ack = {random.u32()},
                           .flags = static_cast<TcpFlags>(random.u16() & kTcpFlagsAll),
                           .window = random.u16(),
                           .urgent = random.u16()};
    TcpOptions options = random_options(random);
    const ByteVector payload = random.bytes(random.rng().below(70));
    const bool six = random.coin();
    const IpAddress source = six ? random.v6() : random.v4();
    const IpAddress destination = six ? random.v6() : random.v4();

    ByteVector out(kTcpHeaderBytesMax);
    out.resize(write_tcp(out, header, options));
    ASSERT_EQ(out.size(), kTcpBytes + tcp_options_bytes(options));
    const auto bytes = static_cast<uint32_t>(out.size() + payload.size());
    const Checksum pseudo = pseudo_header(source, destination, 6, bytes);
    // In two pieces, which may be cut at an odd place.
    const size_t cut = random.rng().below(payload.size() + 1);
    Checksum rest = pseudo;
    rest.add(Bytes(payload).first(cut));
    rest.add(Bytes(payload).subspan(cut));
    set_tcp_checksum(out, rest);
    out.insert(out.end(), payload.begin(), payload.end());

    TcpSegment segment;
    ASSERT_EQ(parse_tcp(out, segment), Fault::kNone);
    ASSERT_EQ(segment.header, header);
    ASSERT_EQ(ByteVector(segment.payload.begin(), segment.payload.end()), payload);
    const TcpOptions read = parse_tcp_options(segment.options);
    // Of SACK blocks as many as have room: two bytes and 8 for each, behind what the others take,
    // which is a multiple of 4.
    TcpOptions others = options;
    others.sack_count = 0;
    const size_t room = kTcpOptionsBytesMax - tcp_options_bytes(others);
    options.sack_count = static_cast<uint8_t>(std::min<size_t>(options.sack_count, (room - 2) / 8));
    std::fill(options.sack.begin() + options.sack_count, options.sack.end(), SeqRange{});
    ASSERT_EQ(read, options);
    Checksum whole = pseudo;
    whole.add(out);
    ASSERT_TRUE(whole.verifies());
  }
}

TEST(TcpHeaderTest, PartialChecksumIsWhatADeviceFinishes) {
  RandomParts random(2);
  const ByteVector payload = random.bytes(33);
  uint8_t header[kTcpBytes];
  write_tcp(header, {.source_port = 6379, .destination_port = 51000, .flags = kAck}, {});
  const Checksum pseudo = pseudo_header(address("192.0.2.2"), address("192.0.2.1"), 6, 53);
  set_tcp_checksum_partial(header, pseudo);
  // What the device does: sums from the header on, the field included, and writes the complement.
  Checksum device;
  device.add(header);
  device.add(payload);
  store16(&header[kTcpChecksumAt], device.value());
  Checksum check = pseudo;
  check.add(header);
  check.add(payload);
  EXPECT_TRUE(check.verifies());
}

TEST(TcpHeaderTest, WritesTheGoldenBytes) {
  const ByteVector golden_bytes = segment_of("tcp4_syn");
  uint8_t out[kTcpHeaderBytesMax];
  const size_t bytes = write_tcp(
      out,
      {.source_port = 51000,
       .destination_port = 6379,
       .seq = {0x01020304},
       .flags = kSyn | kEce | kCwr,
       .window = 64240},
      {.mss = 1460, .window_scale = 7, .sack_permitted = true, .timestamps = Timestamps{1000, 0}});
  set_tcp_checksum({out, bytes}, pseudo_header(address("192.0.2.1"), address("192.0.2.2"), 6, 40));
  EXPECT_EQ(ByteVector(out, out + bytes), golden_bytes);
}

TEST(TcpHeaderDeathTest, RoomIsTheCallersDuty) {
  uint8_t out[kTcpHeaderBytesMax];
  const TcpOptions options{.mss = 1460};
  EXPECT_DEATH((void)write_tcp({out, 19}, {}, {}), "out.size");
  EXPECT_DEATH((void)write_tcp({out, 23}, {}, options), "out.size");
  EXPECT_EQ(write_tcp({out, 24}, {}, options), 24U);
  EXPECT_DEATH((void)write_tcp(out, {.flags = 0x200}, {}), "kTcpFlagsAll");
  EXPECT_DEATH((void)write_tcp(out, {}, {.window_scale = 15}), "kWindowScaleMax");
}

}  // namespace
}  // namespace pollux::tcp
