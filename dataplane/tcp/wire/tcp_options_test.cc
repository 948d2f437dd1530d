#include "dataplane/tcp/wire/tcp_options.h"

#include <gtest/gtest.h>

#include "dataplane/tcp/wire/wire_test_support.h"

namespace pollux::tcp {
namespace {

TcpOptions read(std::string_view hex) {
  return parse_tcp_options(ExactBytes(from_hex(hex)).get());
}

std::string written(const TcpOptions& options) {
  uint8_t out[kTcpOptionsBytesMax];
  const size_t bytes = write_tcp_options(out, options);
  EXPECT_EQ(bytes, tcp_options_bytes(options));
  std::string hex;
  for (size_t i = 0; i < bytes; ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += {kDigits[out[i] >> 4], kDigits[out[i] & 15]};
  }
  return hex;
}

TcpOptions with_blocks(TcpOptions options, size_t count) {
  options.sack_count = static_cast<uint8_t>(count);
  for (size_t i = 0; i < count; ++i) {
    const auto begin = static_cast<uint32_t>(i * 0x100);
    options.sack[i] = {Seq{begin}, Seq{begin + 0x10}};
  }
  return options;
}

TEST(TcpOptionsTest, NoneAtAll) {
  EXPECT_EQ(read(""), TcpOptions{});
  EXPECT_EQ(read("01010101"), TcpOptions{});
  EXPECT_EQ(read("00"), TcpOptions{});
  EXPECT_EQ(written({}), "");
}

TEST(TcpOptionsTest, EachAlone) {
  EXPECT_EQ(read("020405b4"), TcpOptions{.mss = 1460});
  EXPECT_EQ(read("03030e"), TcpOptions{.window_scale = 14});
  EXPECT_EQ(read("0402"), TcpOptions{.sack_permitted = true});
  EXPECT_EQ(read("080a0000000100000002"), (TcpOptions{.timestamps = Timestamps{1, 2}}));
  EXPECT_EQ(read("0101080a0000000100000002"), (TcpOptions{.timestamps = Timestamps{1, 2}}));
  EXPECT_EQ(read("050a0000000000000010"), with_blocks({}, 1));
}

TEST(TcpOptionsTest, SynOfLinux) {
  EXPECT_EQ(
      read("020405b40402080a0000000100000000"
           "01030307"),
      (TcpOptions{
          .mss = 1460, .window_scale = 7, .sack_permitted = true, .timestamps = Timestamps{1, 0}}));
}

TEST(TcpOptionsTest, SackBlocks) {
  EXPECT_EQ(read("0101052200000000000000100000010000000110"
                 "00000200000002100000030000000310"),
            with_blocks({}, 4));
  const TcpOptions three = read(
      "0101080a0000000100000002"
      "0101051a"
      "0000000000000010"
      "0000010000000110"
      "0000020000000210");
  EXPECT_EQ(three, with_blocks({.timestamps = Timestamps{1, 2}}, 3));
  EXPECT_EQ(three.sack_blocks().size(), 3U);
}

TEST(TcpOptionsTest, WindowScaleIsAtMost14) {  // RFC 7323 2.3
  EXPECT_EQ(read("03030f").window_scale, 14);
  EXPECT_EQ(read("0303ff").window_scale, 14);
  EXPECT_FALSE(read("0303ff").malformed);
}

TEST(TcpOptionsTest, UnknownOnesAreSteppedOver) {  // RFC 9293 3.1, MUST-6
  EXPECT_EQ(read("220a0102030405060708"
                 "fd02"
                 "020405b4"),
            TcpOptions{.mss = 1460});
}

TEST(TcpOptionsTest, NothingCountsBehindTheEnd) {
  EXPECT_EQ(read("02040058"
                 "00"
                 "030307"),
            TcpOptions{.mss = 88});
}

TEST(TcpOptionsTest, OfOneThatComesTwiceTheLastCounts) {
  EXPECT_EQ(read("020405b4"
                 "02040218"),
            TcpOptions{.mss = 536});
  EXPECT_EQ(read("051200000000000000100000010000000110"
                 "050a0000000000000010"),
            with_blocks({}, 1));
}

TEST(TcpOptionsTest, WrongLengthsAreSteppedOver) {
  for (const char* hex :
       {"020305", "02050505b4", "0302", "03040101", "040301", "0502", "050900000000000000",
        "050b000000000000001011", "080900000001000000", "080b000000010000000201"}) {
    EXPECT_EQ(read(std::string(hex) + "020405b4"), (TcpOptions{.mss = 1460, .malformed = true}))
        << hex;
  }
  // Five blocks fit into no header, but a list may come from anywhere.
  EXPECT_EQ(read("052a" + std::string(80, '0') + "0402"),
            (TcpOptions{.sack_permitted = true, .malformed = true}));
}

TEST(TcpOptionsTest, LengthsThatEndTheList) {  // RFC 9293 3.1, MUST-7
  for (const char* hex : {"0300", "0301", "0800", "fe00", "fe01", "03", "fe", "0803", "fe06000102",
                          "080a00000001000000"}) {
    EXPECT_EQ(read("020405b4" + std::string(hex)), (TcpOptions{.mss = 1460, .malformed = true}))
        << hex;
  }
  EXPECT_EQ(read("020405b4"
                 "0300"
                 "0402"),
            (TcpOptions{.mss = 1460, .malformed = true}));
}

TEST(TcpOptionsTest, Layout) {  // RFC 7323 appendix A
  const Timestamps times{1, 2};
  EXPECT_EQ(written({.mss = 1460}), "020405b4");
  EXPECT_EQ(written({.sack_permitted = true}), "01010402");
  EXPECT_EQ(written({.window_scale = 7}), "01030307");
  EXPECT_EQ(written({.timestamps = times}), "0101080a0000000100000002");
  EXPECT_EQ(written({.sack_permitted = true, .timestamps = times}), "0402080a0000000100000002");
  EXPECT_EQ(written({.mss = 1460, .window_scale = 7, .sack_permitted = true, .timestamps = times}),
            "020405b4"
            "0402080a0000000100000002"
            "01030307");
  EXPECT_EQ(written({.mss = 1460, .window_scale = 7, .sack_permitted = true}),
            "020405b4"
            "01010402"
            "01030307");
  EXPECT_EQ(written(with_blocks({.timestamps = times}, 1)),
            "0101080a0000000100000002"
            "0101050a"
            "0000000000000010");
}

TEST(TcpOptionsTest, AsManyBlocksAsFit) {
  const Timestamps times{1, 2};
  EXPECT_EQ(tcp_options_bytes(with_blocks({}, 4)), 36U);
  EXPECT_EQ(tcp_options_bytes(with_blocks({.timestamps = times}, 4)), 40U);
  EXPECT_EQ(read(written(with_blocks({}, 4))), with_blocks({}, 4));
  EXPECT_EQ(read(written(with_blocks({.timestamps = times}, 4))),
            with_blocks({.timestamps = times}, 3));
  // Everything at once, which no segment has: still within 40 bytes.
  const TcpOptions all =
      with_blocks({.mss = 1460, .window_scale = 7, .sack_permitted = true, .timestamps = times}, 4);
  EXPECT_EQ(tcp_options_bytes(all), 40U);
  EXPECT_EQ(read(written(all)).sack_count, 2);
}

TEST(TcpOptionsTest, AnyBytes) {
  RandomParts random(1);
  for (int round = 0; round < 200'000; ++round) {
    ByteVector bytes = random.bytes(random.rng().below(kTcpOptionsBytesMax + 1));
    for (uint8_t& byte : bytes) {
      byte = random.coin() ? byte % 12 : byte;  // kinds and lengths that mean something
    }
    const TcpOptions options = parse_tcp_options(ExactBytes(bytes).get());
    ASSERT_LE(options.sack_count, kSackBlocksMax);
    ASSERT_LE(options.window_scale.value_or(0), kWindowScaleMax);
  }
}

}  // namespace
}  // namespace pollux::tcp
