#include "src/base/num.h"

#include <gtest/gtest.h>

#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

#include "src/base/rng.h"

namespace pollux {
namespace {

using namespace std::string_view_literals;

template <typename T, size_t (*Format)(T, char*)>
std::string text_of(T value) {
  static char out[kLongDoubleTextMax];
  return std::string(out, Format(value, out));
}
constexpr auto int_text = text_of<int64_t, format_int64>;
constexpr auto uint_text = text_of<uint64_t, format_uint64>;
constexpr auto double_text = text_of<double, format_double>;
constexpr auto long_double_text = text_of<long double, format_long_double>;

TEST(ParseInt64Test, CanonicalNumbers) {
  EXPECT_EQ(parse_int64("0"), 0);
  EXPECT_EQ(parse_int64("7"), 7);
  EXPECT_EQ(parse_int64("-7"), -7);
  EXPECT_EQ(parse_int64("9223372036854775807"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(parse_int64("-9223372036854775808"), std::numeric_limits<int64_t>::min());
}

TEST(ParseInt64Test, OtherSpellingsAreNotNumbers) {
  for (const auto text : {""sv,
                          "-"sv,
                          "+1"sv,
                          "-0"sv,
                          "00"sv,
                          "01"sv,
                          "-01"sv,
                          " 1"sv,
                          "1 "sv,
                          "1\0"sv,
                          "1a"sv,
                          "a"sv,
                          "0x1"sv,
                          "1.0"sv,
                          "--1"sv,
                          "9223372036854775808"sv,
                          "-9223372036854775809"sv,
                          "18446744073709551616"sv,
                          "99999999999999999999"sv,
                          "123456789012345678901"sv}) {
    EXPECT_FALSE(parse_int64(text).has_value()) << text;
  }
}

TEST(ParseUint64Test, DigitsOnly) {
  EXPECT_EQ(parse_uint64("0"), 0U);
  EXPECT_EQ(parse_uint64("18446744073709551615"), std::numeric_limits<uint64_t>::max());
  for (const auto text : {""sv, "-1"sv, "+1"sv, "01"sv, "18446744073709551616"sv,
                          "99999999999999999999"sv, "1844674407370955161:"sv}) {
    EXPECT_FALSE(parse_uint64(text).has_value()) << text;
  }
}

TEST(FormatIntTest, ReadsBackTheSame) {
  Rng rng(1);
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t bits = rng.next() >> rng.below(64);
    ASSERT_EQ(uint_text(bits), std::to_string(bits));
    ASSERT_EQ(parse_uint64(uint_text(bits)), bits);
    const auto value =
        rng.below(2) == 0 ? static_cast<int64_t>(bits) : -static_cast<int64_t>(bits >> 1);
    ASSERT_EQ(int_text(value), std::to_string(value));
    ASSERT_EQ(parse_int64(int_text(value)), value);
  }
  EXPECT_EQ(int_text(std::numeric_limits<int64_t>::min()).size(), kInt64TextMax);
}

TEST(ParseRealTest, SpellingsOfStrtod) {
  for (const auto& [text, value] : {std::pair{"1e5"sv, 1e5},
                                    {"0x10"sv, 16.0},
                                    {"0x1p3"sv, 8.0},
                                    {"+5"sv, 5.0},
                                    {"-0"sv, -0.0},
                                    {".5"sv, 0.5},
                                    {"5."sv, 5.0},
                                    {"inf"sv, HUGE_VAL},
                                    {"-inf"sv, -HUGE_VAL},
                                    {"+Infinity"sv, HUGE_VAL},
                                    {"1e-310"sv, 1e-310},
                                    {"007"sv, 7.0}}) {
    EXPECT_EQ(parse_double(text), value) << text;
    EXPECT_EQ(static_cast<double>(parse_long_double(text).value()), value) << text;
  }
}

TEST(ParseRealTest, WhatRedisRefuses) {
  for (const auto text : {""sv, " 1"sv, "1 "sv, "\t1"sv, "nan"sv, "-nan"sv, "1e"sv, "0x"sv, "1\0"sv,
                          "abc"sv, "1,5"sv, "1e5000"sv, "1e-5000"sv, "--1"sv}) {
    EXPECT_FALSE(parse_double(text).has_value()) << text;
    EXPECT_FALSE(parse_long_double(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_double("1e400").has_value());
  EXPECT_FALSE(parse_double("1e-400").has_value());
  EXPECT_TRUE(parse_long_double("1e400").has_value());
}

TEST(ParseRealTest, Lengths) {
  EXPECT_EQ(parse_double(std::string(300, '0') + "1"), 1.0);
  EXPECT_EQ(parse_double(std::string(10'000, '0') + "1"), 1.0);
  EXPECT_EQ(parse_long_double(std::string(5118, '0') + "1"), 1.0L);
  EXPECT_FALSE(parse_long_double(std::string(5119, '0') + "1").has_value());
}

TEST(FormatDoubleTest, EqualsPrintf17g) {
  Rng rng(2);
  auto expected = [](double value) {
    char out[64];
    return std::string(out, static_cast<size_t>(std::snprintf(out, sizeof(out), "%.17g", value)));
  };
  for (const double value :
       {0.0, -0.0, 0.1, 3.0, -3.0, 1e16, 1e17, 99999999999999984.0, -1e17, 1e22, 1e-7, 5e-324,
        DBL_MAX, DBL_MIN, 3.0001, HUGE_VAL, -HUGE_VAL, 4503599627370497.5, 9007199254740993.0}) {
    EXPECT_EQ(double_text(value), expected(value));
  }
  for (int i = 0; i < 100'000; ++i) {
    const auto value = std::bit_cast<double>(rng.next());
    ASSERT_EQ(double_text(value), expected(value));
    const double whole = static_cast<double>(static_cast<int64_t>(rng.next() >> rng.below(64)));
    ASSERT_EQ(double_text(whole), expected(whole));
    const double decimal = static_cast<double>(rng.below(1'000'000)) / 1000.0;
    ASSERT_EQ(double_text(decimal), expected(decimal));
  }
}

TEST(FormatDoubleTest, NanKeepsItsSignAsPrintfDoes) {
  EXPECT_EQ(double_text(std::copysign(std::nan(""), 1.0)), "nan");
  EXPECT_EQ(double_text(std::copysign(std::nan(""), -1.0)), "-nan");
}

TEST(FormatLongDoubleTest, SeventeenDecimalsWithoutTrailingZeros) {
  EXPECT_EQ(long_double_text(100000.0L), "100000");
  EXPECT_EQ(long_double_text(0.1L), "0.1");
  EXPECT_EQ(long_double_text(3.0e-5L), "0.00003");
  EXPECT_EQ(long_double_text(123456789.123456789L), "123456789.12345678899873747");
  EXPECT_EQ(long_double_text(-1.5L), "-1.5");
  EXPECT_EQ(long_double_text(1e18L), "1000000000000000000");
  EXPECT_EQ(long_double_text(0.0L), "0");
  EXPECT_EQ(long_double_text(-0.0L), "0");
  EXPECT_EQ(long_double_text(-1e-30L), "0");
  EXPECT_EQ(long_double_text(HUGE_VALL), "inf");
  EXPECT_EQ(long_double_text(-HUGE_VALL), "-inf");
  EXPECT_EQ(long_double_text(LDBL_MAX).size(), 4933U);
}

TEST(FormatLongDoubleTest, EqualsPrintf17f) {
  Rng rng(3);
  const auto expected = [](long double value) {
    char out[kLongDoubleTextMax];
    std::string text(out, static_cast<size_t>(std::snprintf(out, sizeof(out), "%.17Lf", value)));
    text.erase(text.find_last_not_of('0') + 1);
    return text.ends_with('.') ? text.substr(0, text.size() - 1) : text;
  };
  for (const long double value :
       {72057594037927935.5L, 72057594037927936.0L, 0x1p-8L, 0x1.8p-18L, 0x1.fffffffffffffffep-9L,
        0.99999999999999999L, 0.999999999999999995L, 9.999999999999999995L, 1e17L, 0x1p-71L,
        0.000000000000000005L, 12.345678901234567895L}) {
    EXPECT_EQ(long_double_text(value), expected(value));
  }
  for (int i = 0; i < 200'000; ++i) {
    const auto scale = static_cast<int>(rng.below(100)) - 90;
    const auto value = std::ldexp(static_cast<long double>(rng.next() | 1), scale);
    const std::string text = expected(value);
    ASSERT_EQ(long_double_text(value), text);
    ASSERT_EQ(long_double_text(-value), text == "0" ? "0" : "-" + text);
    const long double degrees = static_cast<double>(rng.unit() * 180);
    ASSERT_EQ(long_double_text(degrees), expected(degrees));
    // Odd multiples of 2^-18 lie in the middle between two numbers of 17 digits.
    const long double tie =
        std::ldexp(static_cast<long double>(rng.below(uint64_t{1} << 40) | 1), -18);
    ASSERT_EQ(long_double_text(tie), expected(tie));
  }
}

}  // namespace
}  // namespace pollux
