#include "dataplane/tcp/wire/checksum.h"

#include <gtest/gtest.h>

#include "dataplane/tcp/wire/wire_test_support.h"

namespace pollux::tcp {
namespace {

// As RFC 1071 4.1 has it: word by word, carries folded in at the end.
uint16_t slow_sum(Bytes bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? bytes[i] * 256U : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(sum);
}

uint16_t fast_sum(Bytes bytes) {
  Checksum sum;
  sum.add(bytes);
  return sum.partial();
}

TEST(ChecksumTest, ExampleOfRfc1071) {
  const ByteVector bytes = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(fast_sum(bytes), 0xddf2);
  EXPECT_EQ(checksum(bytes), 0xffff - 0xddf2);
  EXPECT_EQ(checksum({}), 0xffff);
}

TEST(ChecksumTest, AgreesWithTheSlowOneAtEveryLengthAndAlignment) {
  RandomParts random(1);
  const ByteVector bytes = random.bytes(2000 + 64);
  for (size_t length = 0; length <= 2000; ++length) {
    for (size_t start = 0; start < 64; start += length % 7 + 1) {
      const Bytes piece = Bytes(bytes).subspan(start, length);
      ASSERT_EQ(fast_sum(piece), slow_sum(piece)) << length << " bytes from " << start;
    }
  }
}

TEST(ChecksumTest, ReadsNoByteOutside) {
  RandomParts random(2);
  const ByteVector bytes = random.bytes(300);
  for (size_t length = 0; length <= bytes.size(); ++length) {
    const ExactBytes exact(Bytes(bytes).first(length));
    EXPECT_EQ(fast_sum(exact.get()), slow_sum(exact.get()));
  }
}

TEST(ChecksumTest, LargestSums) {
  for (const size_t length : {1U, 2U, 63U, 64U, 65U, 9000U, 65535U, 1U << 20}) {
    const ByteVector ones(length, 0xff);
    EXPECT_EQ(fast_sum(ones), slow_sum(ones)) << length;
    const ByteVector zeros(length, 0);
    EXPECT_EQ(fast_sum(zeros), 0) << length;
  }
}

TEST(ChecksumTest, PiecesAreAsGoodAsTheWhole) {
  RandomParts random(3);
  const ByteVector bytes = random.bytes(700);
  for (size_t first = 0; first <= bytes.size(); ++first) {
    Checksum sum;
    sum.add(Bytes(bytes).first(first));
    sum.add(Bytes(bytes).subspan(first));
    ASSERT_EQ(sum.partial(), slow_sum(bytes)) << first;
  }
  for (int round = 0; round < 20'000; ++round) {
    const Bytes whole = Bytes(bytes).first(random.rng().below(bytes.size() + 1));
    Checksum sum;
    for (Bytes rest = whole; !rest.empty();) {
      const size_t next = random.rng().below(std::min<size_t>(rest.size(), 90) + 1);
      sum.add(rest.first(next));
      rest = rest.subspan(next);
    }
    ASSERT_EQ(sum.partial(), slow_sum(whole));
  }
}

TEST(ChecksumTest, PseudoHeaders) {
  // RFC 9293 3.1: source, destination, zero, protocol, length.
  const auto four = from_hex("c0000201c00002020006002a");
  EXPECT_EQ(pseudo_header(address("192.0.2.1"), address("192.0.2.2"), 6, 42).partial(),
            slow_sum(four));
  // RFC 8200 8.1: both addresses, length in 32 bits, three zeros, next header.
  const auto six =
      from_hex("20010db800000000000000000000000120010db8000000000000000000000002000123450000003a");
  EXPECT_EQ(pseudo_header(address("2001:db8::1"), address("2001:db8::2"), 58, 0x12345).partial(),
            slow_sum(six));
}

TEST(ChecksumTest, VerifiesWhatItMade) {
  RandomParts random(4);
  for (int round = 0; round < 1000; ++round) {
    ByteVector bytes = random.bytes(2 + random.rng().below(100));
    bytes[0] = bytes[1] = 0;
    store16(bytes.data(), checksum(bytes));
    Checksum sum;
    sum.add(bytes);
    EXPECT_TRUE(sum.verifies());
    bytes[random.rng().below(bytes.size())] ^= static_cast<uint8_t>(1U << random.rng().below(8));
    Checksum changed;
    changed.add(bytes);
    EXPECT_FALSE(changed.verifies());
  }
}

}  // namespace
}  // namespace pollux::tcp
