// The pieces of the format, written and read. Expected bytes were taken from redis-server 7.0.15.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "src/rdb/rdb_reader.h"
#include "src/rdb/rdb_writer.h"
#include "src/rdb/test_sink.h"

namespace pollux {
namespace {

using std::string_literals::operator""s;

template <typename Write>
std::string written(Write write, bool compress = true) {
  TestSink sink;
  RdbWriter out(sink, compress);
  write(out);
  return sink.take();
}

std::string text_bytes(std::string_view text, bool compress = true) {
  return written([text](RdbWriter& out) { out.text(text); }, compress);
}

std::string length_bytes(uint64_t value) {
  return written([value](RdbWriter& out) { out.length(value); });
}

TEST(RdbPieces, LengthsTakeTheShortestForm) {
  EXPECT_EQ(length_bytes(63), "\x3f"s);
  EXPECT_EQ(length_bytes(64), "\x40\x40"s);
  EXPECT_EQ(length_bytes(16383), "\x7f\xff"s);
  EXPECT_EQ(length_bytes(16384), "\x80\x00\x00\x40\x00"s);
  EXPECT_EQ(length_bytes(UINT32_MAX), "\x80\xff\xff\xff\xff"s);
  EXPECT_EQ(length_bytes(uint64_t{1} << 32), "\x81\x00\x00\x00\x01\x00\x00\x00\x00"s);
  for (unsigned bit = 0; bit < 64; ++bit) {
    for (const uint64_t value : {uint64_t{1} << bit, (uint64_t{1} << bit) - 1}) {
      const std::string bytes = length_bytes(value);
      RdbReader in(bytes);
      uint64_t read = 0;
      EXPECT_TRUE(in.length(read) && in.at_end()) << value;
      EXPECT_EQ(read, value);
    }
  }
}

TEST(RdbPieces, TextsAreIntegersWhereTheyAreWrittenSo) {
  EXPECT_EQ(text_bytes("-5"), "\xc0\xfb"s);
  EXPECT_EQ(text_bytes("300"), "\xc1\x2c\x01"s);
  EXPECT_EQ(text_bytes("-70000"), "\xc2\x90\xee\xfe\xff"s);
  EXPECT_EQ(text_bytes("-2147483648"), "\xc2\x00\x00\x00\x80"s);
  EXPECT_EQ(text_bytes("-2147483649"), "\x0b-2147483649"s);
  EXPECT_EQ(text_bytes("5000000000"), "\x0a" "5000000000"s);
  for (const char* no_integer : {"", "007", "-0", "+1", "1 ", "1.0"}) {
    EXPECT_EQ(text_bytes(no_integer),
              std::string(1, static_cast<char>(strlen(no_integer))) + no_integer);
  }
  EXPECT_EQ(written([](RdbWriter& out) { out.integer(5000000000); }), "\x0a" "5000000000"s);
}

TEST(RdbPieces, LongTextsAreCompressedWhereItSaves) {
  EXPECT_EQ(text_bytes(std::string(100, 'a')), "\xc3\x09\x40\x64\x01" "aa\xe0\x57\x00\x01" "aa"s);
  EXPECT_EQ(text_bytes(std::string(20, 'a')), "\x14" + std::string(20, 'a'));
  EXPECT_EQ(text_bytes(std::string(100, 'a'), /*compress=*/false),
            "\x40\x64" + std::string(100, 'a'));
  const std::string mixed = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!-+";
  EXPECT_EQ(text_bytes(mixed), "\x40\x41" + mixed);
}

TEST(RdbPieces, TextsOfAllKindsComeBack) {
  RdbText text;  // one for all: its room is used again
  for (const size_t size : {0, 1, 19, 21, 63, 64, 127, 128, 500, 16383, 16384, 70000}) {
    for (const bool compress : {false, true}) {
      std::string from(size, 'x');
      for (size_t i = 0; i < size; i += 7) {
        from[i] = static_cast<char>(i * 31);
      }
      const std::string bytes = text_bytes(from, compress);
      RdbReader in(bytes);
      ASSERT_TRUE(in.text(text) && in.at_end()) << size;
      EXPECT_EQ(text.view(), from);
      RdbReader over(bytes);
      EXPECT_TRUE(over.skip_text() && over.at_end()) << size;
    }
  }
  for (const int64_t number : {int64_t{0}, int64_t{-128}, int64_t{32767}, INT64_MIN, INT64_MAX}) {
    const std::string bytes = text_bytes(std::to_string(number));
    RdbReader in(bytes);
    ASSERT_TRUE(in.text(text));
    EXPECT_EQ(text.view(), std::to_string(number));
  }
}

TEST(RdbPieces, WhatEndsTooSoonIsRefused) {
  for (const std::string& whole : {text_bytes("hello"), text_bytes("300"), text_bytes("-70000"),
                                   text_bytes(std::string(99, 'a'))}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      const std::string_view part(whole.data(), size);
      RdbText text;
      EXPECT_FALSE(RdbReader(part).text(text));
      EXPECT_FALSE(RdbReader(part).skip_text());
    }
  }
  for (const uint64_t value : {uint64_t{300}, uint64_t{1} << 20, uint64_t{1} << 40}) {
    const std::string whole = length_bytes(value);
    for (size_t size = 0; size < whole.size(); ++size) {
      uint64_t length = 0;
      EXPECT_FALSE(RdbReader(std::string_view(whole.data(), size)).length(length));
    }
  }
  const std::string whole = written([](RdbWriter& out) { out.real(1.5); });
  double real = 0;
  EXPECT_FALSE(RdbReader(std::string_view(whole.data(), 7)).real(real));
  EXPECT_TRUE(RdbReader(whole).real(real));
  EXPECT_EQ(real, 1.5);
}

// Sizes that nothing stands behind cost nothing.
TEST(RdbPieces, ClaimsAreWeighedAgainstTheBytes) {
  RdbText text;
  uint64_t count = 0;
  EXPECT_FALSE(RdbReader("\x81\x10\x00\x00\x00\x00\x00\x00\x00zz"s).text(text));
  EXPECT_FALSE(RdbReader("\x81\xff\xff\xff\xff\xff\xff\xff\xffzz"s).skip_text());
  EXPECT_FALSE(RdbReader("\x80\x20\x00\x00\x00zz"s).count(count));
  EXPECT_FALSE(RdbReader("\x00zz"s).count(count));
  // LZF of 4 bytes that says it is 100 MB, and one that says a byte too many or too few.
  EXPECT_FALSE(RdbReader("\xc3\x04\x80\x06\x00\x00\x00" "aaaa"s).text(text));
  EXPECT_TRUE(RdbReader("\xc3\x09\x40\x64\x01" "aa\xe0\x57\x00\x01" "aa"s).text(text));
  EXPECT_FALSE(RdbReader("\xc3\x09\x40\x65\x01" "aa\xe0\x57\x00\x01" "aa"s).text(text));
  EXPECT_FALSE(RdbReader("\xc3\x09\x40\x63\x01" "aa\xe0\x57\x00\x01" "aa"s).text(text));
  EXPECT_FALSE(RdbReader("\xc3\x09\x40\x64\x01" "aa\xe0\x57\x00\x01" "aa"s, 99).text(text));
  EXPECT_FALSE(RdbReader("\x05hello"s, 4).text(text));
  // Kinds of encoded strings that there are none of; an encoded string is no length.
  EXPECT_FALSE(RdbReader("\xc4\x01\x01\x01"s).text(text));
  EXPECT_FALSE(RdbReader("\xc0\x01"s).length(count));
  EXPECT_FALSE(RdbReader("\x82\x01\x01\x01\x01\x01"s).length(count));
}

TEST(RdbPieces, WhatIsLackingIsToldFromWhatIsWrong) {
  const auto lacking = [](const std::string& bytes, bool (*read)(RdbReader&)) {
    RdbReader in(bytes, 1000);
    EXPECT_FALSE(read(in)) << bytes;
    return in.lacking();
  };
  const auto text = [](RdbReader& in) { return in.skip_text(); };
  EXPECT_EQ(lacking("", text), 1U);
  EXPECT_EQ(lacking("\x05" "abc", text), 2U);
  EXPECT_EQ(lacking("\x41", text), 1U);
  EXPECT_EQ(lacking("\xc2\x01", text), 3U);
  EXPECT_EQ(lacking("\xc3\x05\x0a" "ab", text), 3U);
  EXPECT_EQ(lacking("\x7f\xff", text), 0U);               // more than a text may have
  EXPECT_EQ(lacking("\xc3\x7f\xff\x0a", text), 0U);       // the same of packed bytes
  EXPECT_EQ(lacking("\xc3\x02\x43\xe8" "a", text), 0U);   // 1000 bytes out of 2
  EXPECT_EQ(lacking("\xc7" "abc", text), 0U);
  const auto count = [](RdbReader& in) {
    uint64_t ignored = 0;
    return in.count(ignored);
  };
  EXPECT_EQ(lacking("\x05" "abc", count), 2U);
  EXPECT_EQ(lacking(std::string(1, '\0'), count), 0U);
  const auto ids = [](RdbReader& in) { return in.covers(UINT64_MAX / 2, 16); };
  EXPECT_EQ(lacking("abc", ids), UINT64_MAX - 3);
}

TEST(RdbPieces, ScoresAsText) {
  const auto read = [](const std::string& bytes) {
    RdbReader in(bytes);
    double value = -1;
    return in.real_text(value) && in.at_end() ? value : -777;
  };
  EXPECT_EQ(read("\x03" "1.5"s), 1.5);
  EXPECT_EQ(read("\x17" "-0.10000000000000000555"s), -0.1);
  EXPECT_TRUE(std::isnan(read("\xfd"s)));
  EXPECT_EQ(read("\xfe"s), std::numeric_limits<double>::infinity());
  EXPECT_EQ(read("\xff"s), -std::numeric_limits<double>::infinity());
  for (const std::string& bad : {"\x00"s, "\x03" "1.x"s, "\x04" "1.5"s, ""s, "\x03nan"s}) {
    EXPECT_EQ(read(bad), -777);
  }
}

}  // namespace
}  // namespace pollux
