#include "dataplane/tcp/wire/icmp.h"

#include <gtest/gtest.h>

#include "dataplane/tcp/wire/checksum.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/ipv6.h"
#include "dataplane/tcp/wire/wire_test_support.h"

namespace pollux::tcp {
namespace {

const IpAddress kRouter6 = address("2001:db8::1");
const IpAddress kHost6 = address("2001:db8::2");
// What the golden errors are about: a segment from us to the router's side.
const QuotedSegment kQuoted4{{address("192.0.2.2"), address("192.0.2.1"), 6379, 51000},
                             Seq{0x01020304}};
const QuotedSegment kQuoted6{{kHost6, kRouter6, 6379, 51000}, Seq{0x01020304}};

ByteVector message_of(std::string_view name) {
  const ByteVector frame = golden(name);
  return ByteVector(frame.begin() + (name.starts_with("icmp4") ? 34 : 54), frame.end());
}

Fault parse(std::string_view name, Bytes bytes, IcmpMessage& out) {
  return name.starts_with("icmp4") ? parse_icmp4(bytes, out) : parse_icmp6(bytes, out);
}

size_t write(std::string_view name, Room out, const IcmpMessage& message) {
  return name.starts_with("icmp4") ? write_icmp4(out, message)
                                   : write_icmp6(out, message, kRouter6, kHost6);
}

constexpr std::string_view kMessages[] = {"icmp4_echo",
                                          "icmp4_frag_needed",
                                          "icmp4_port_unreachable",
                                          "icmp4_time_exceeded",
                                          "icmp4_parameter_problem",
                                          "icmp6_echo",
                                          "icmp6_too_big",
                                          "icmp6_unreachable",
                                          "icmp6_time_exceeded",
                                          "icmp6_parameter_problem"};

TEST(IcmpTest, Echo) {
  for (const char* name : {"icmp4_echo", "icmp6_echo"}) {
    const ByteVector bytes = message_of(name);
    IcmpMessage message;
    ASSERT_EQ(parse(name, bytes, message), Fault::kNone);
    EXPECT_EQ(message.kind, IcmpKind::kEchoRequest);
    EXPECT_EQ(message.id, 0x1234);
    EXPECT_EQ(message.sequence, 5);
    EXPECT_EQ(std::string(message.body.begin(), message.body.end()), "abcdefghi");
  }
}

TEST(IcmpTest, Errors) {
  const auto read = [](std::string_view name) {
    static ByteVector bytes;
    bytes = message_of(name);
    IcmpMessage message;
    EXPECT_EQ(parse(name, bytes, message), Fault::kNone) << name;
    EXPECT_EQ(parse_quoted_segment(message.body), name.starts_with("icmp4") ? kQuoted4 : kQuoted6)
        << name;
    return message;
  };
  IcmpMessage message = read("icmp4_frag_needed");
  EXPECT_EQ(message.kind, IcmpKind::kPacketTooBig);  // RFC 1191 4
  EXPECT_EQ(message.code, kIcmp4FragmentationNeeded);
  EXPECT_EQ(message.mtu, 1400U);
  message = read("icmp6_too_big");
  EXPECT_EQ(message.kind, IcmpKind::kPacketTooBig);
  EXPECT_EQ(message.mtu, 1280U);
  message = read("icmp4_port_unreachable");
  EXPECT_EQ(message.kind, IcmpKind::kUnreachable);
  EXPECT_EQ(message.code, kIcmp4PortUnreachable);
  EXPECT_EQ(message.mtu, 0U);
  message = read("icmp6_unreachable");
  EXPECT_EQ(message.kind, IcmpKind::kUnreachable);
  EXPECT_EQ(message.code, kIcmp6PortUnreachable);
  EXPECT_EQ(read("icmp4_time_exceeded").kind, IcmpKind::kTimeExceeded);
  EXPECT_EQ(read("icmp6_time_exceeded").kind, IcmpKind::kTimeExceeded);
  message = read("icmp4_parameter_problem");
  EXPECT_EQ(message.kind, IcmpKind::kParameterProblem);
  EXPECT_EQ(message.pointer, 20U);
  message = read("icmp6_parameter_problem");
  EXPECT_EQ(message.kind, IcmpKind::kParameterProblem);
  EXPECT_EQ(message.pointer, 6U);
}

TEST(IcmpTest, RoutersFromBeforeRfc1191SayNoMtu) {
  ByteVector bytes = message_of("icmp4_frag_needed");
  store32(&bytes[4], 0);
  IcmpMessage message;
  ASSERT_EQ(parse_icmp4(bytes, message), Fault::kNone);
  EXPECT_EQ(message.kind, IcmpKind::kPacketTooBig);
  EXPECT_EQ(message.mtu, 0U);
}

TEST(IcmpTest, OtherTypesAreUnspoken) {
  ByteVector bytes(kIcmpBytes);
  for (int type = 0; type < 256; ++type) {
    bytes[0] = static_cast<uint8_t>(type);
    IcmpMessage message;
    const bool four = type == 0 || type == 3 || type == 8 || type == 11 || type == 12;
    EXPECT_EQ(parse_icmp4(bytes, message), four ? Fault::kNone : Fault::kUnspoken) << type;
    const bool six = (type >= 1 && type <= 4) || type == 128 || type == 129;
    EXPECT_EQ(parse_icmp6(bytes, message), six ? Fault::kNone : Fault::kUnspoken) << type;
  }
}

TEST(IcmpTest, CutOff) {
  for (const std::string_view name : kMessages) {
    const ByteVector bytes = message_of(name);
    for (size_t size = 0; size <= bytes.size(); ++size) {
      const ExactBytes cut(Bytes(bytes).first(size));
      IcmpMessage message;
      ASSERT_EQ(parse(name, cut.get(), message),
                size < kIcmpBytes ? Fault::kTruncated : Fault::kNone);
      if (size < kIcmpBytes || message.kind == IcmpKind::kEchoRequest) {
        continue;
      }
      // The quoted header and 8 bytes behind it, and nothing is missing.
      const bool four = name.starts_with("icmp4");
      const size_t needed = four ? kIpv4Bytes + 8 : kIpv6Bytes + 8;
      EXPECT_EQ(parse_quoted_segment(message.body).has_value(), message.body.size() >= needed);
    }
  }
}

TEST(IcmpTest, WritesTheGoldenBytes) {
  for (const std::string_view name : kMessages) {
    const ByteVector bytes = message_of(name);
    IcmpMessage message;
    ASSERT_EQ(parse(name, bytes, message), Fault::kNone);
    ByteVector out(bytes.size());
    ASSERT_EQ(write(name, out, message), bytes.size());
    EXPECT_EQ(out, bytes) << name;
  }
}

TEST(IcmpTest, ReplyGivesBackWhatCame) {  // RFC 1122 3.2.2.6, RFC 4443 4.2
  RandomParts random(1);
  for (const char* name : {"icmp4_echo", "icmp6_echo"}) {
    const ByteVector data = random.bytes(1400);  // not a quote: of any length
    ByteVector out(kIcmpBytes + data.size());
    ASSERT_EQ(
        write(name, out, {.kind = IcmpKind::kEchoReply, .id = 7, .sequence = 65535, .body = data}),
        out.size());
    IcmpMessage message;
    ASSERT_EQ(parse(name, out, message), Fault::kNone);
    EXPECT_EQ(message.kind, IcmpKind::kEchoReply);
    EXPECT_EQ(message.id, 7);
    EXPECT_EQ(message.sequence, 65535);
    EXPECT_EQ(ByteVector(message.body.begin(), message.body.end()), data);
  }
}

TEST(IcmpTest, ErrorsQuoteWithinWhatAnyPathCarries) {  // RFC 1812 4.3.2.3, RFC 4443 2.4 (c)
  const ByteVector packet(3000, 0x45);
  ByteVector out(3100);
  const IcmpMessage message{.kind = IcmpKind::kUnreachable, .code = 3, .body = packet};
  EXPECT_EQ(write_icmp4(out, message), 576U - 20);
  EXPECT_EQ(write_icmp6(out, message, kHost6, kRouter6), 1280U - 40);
  // A room of the size that is written is enough.
  ByteVector exact(576 - 20);
  EXPECT_EQ(write_icmp4(exact, message), exact.size());
}

TEST(IcmpTest, ChecksumsAreRight) {
  const ByteVector body(101, 0xa7);
  ByteVector out(200);
  for (const IcmpKind kind : {IcmpKind::kEchoReply, IcmpKind::kUnreachable, IcmpKind::kPacketTooBig,
                              IcmpKind::kTimeExceeded, IcmpKind::kParameterProblem}) {
    const IcmpMessage message{.kind = kind, .mtu = 1400, .pointer = 9, .body = body};
    size_t bytes = write_icmp4(out, message);
    EXPECT_EQ(checksum(Bytes(out).first(bytes)), 0);
    bytes = write_icmp6(out, message, kHost6, kRouter6);
    Checksum sum = pseudo_header(kHost6, kRouter6, 58, static_cast<uint32_t>(bytes));
    sum.add(Bytes(out).first(bytes));
    EXPECT_TRUE(sum.verifies());
  }
}

TEST(QuotedSegmentTest, NotOfTcpOrNotTheFirstPiece) {
  const ByteVector bytes = message_of("icmp4_port_unreachable");
  ByteVector quote(bytes.begin() + kIcmpBytes, bytes.end());
  ASSERT_EQ(parse_quoted_segment(quote), kQuoted4);
  quote[7] = 1;  // offset 8
  EXPECT_EQ(parse_quoted_segment(quote), std::nullopt);
  quote[7] = 0;
  quote[6] = 0x20;  // the first of several: it has the ports
  EXPECT_EQ(parse_quoted_segment(quote), kQuoted4);
  quote[9] = 17;
  EXPECT_EQ(parse_quoted_segment(quote), std::nullopt);
  quote[9] = 6;
  quote[0] = 0x44;
  EXPECT_EQ(parse_quoted_segment(quote), std::nullopt);
  quote[0] = 0x4f;  // options over the end of a quote of 28 bytes
  EXPECT_EQ(parse_quoted_segment(Bytes(quote).first(28)), std::nullopt);
  quote[0] = 0x55;
  EXPECT_EQ(parse_quoted_segment(quote), std::nullopt);
  EXPECT_EQ(parse_quoted_segment({}), std::nullopt);
}

TEST(QuotedSegmentTest, BehindExtensionHeaders) {
  const ByteVector bytes = message_of("icmp6_unreachable");
  ByteVector quote(bytes.begin() + kIcmpBytes, bytes.end());
  ASSERT_EQ(parse_quoted_segment(quote), kQuoted6);
  const auto with = [&quote](uint8_t first, std::string_view hex) {
    ByteVector changed = quote;
    const ByteVector extension = from_hex(hex);
    changed[6] = first;
    changed.insert(changed.begin() + kIpv6Bytes, extension.begin(), extension.end());
    return parse_quoted_segment(changed);
  };
  EXPECT_EQ(with(60, "0600010400000000"), kQuoted6);
  EXPECT_EQ(with(44, "0600000100000009"), kQuoted6);      // first piece
  EXPECT_EQ(with(44, "0600000900000009"), std::nullopt);  // second piece
  EXPECT_EQ(with(43, "0600000100000000"), std::nullopt);  // segments left
  EXPECT_EQ(with(60, "3a00010400000000"), std::nullopt);  // not TCP
  for (const size_t at : {8U, 24U}) {
    ByteVector changed = quote;
    store_v6(&changed[at], address("::ffff:192.0.2.2"));
    EXPECT_EQ(parse_quoted_segment(changed), std::nullopt);
  }
}

TEST(QuotedSegmentTest, AnyBytes) {
  RandomParts random(2);
  const ByteVector four = message_of("icmp4_port_unreachable");
  const ByteVector six = message_of("icmp6_time_exceeded");
  for (int round = 0; round < 50'000; ++round) {
    const ByteVector& from = random.coin() ? four : six;
    ByteVector bytes(from.begin() + kIcmpBytes, from.end());
    bytes.resize(random.rng().below(bytes.size() + 1));
    for (uint64_t i = random.rng().below(4); i > 0 && !bytes.empty(); --i) {
      bytes[random.rng().below(bytes.size())] = random.u8();
    }
    (void)parse_quoted_segment(ExactBytes(bytes).get());
  }
}

}  // namespace
}  // namespace pollux::tcp
