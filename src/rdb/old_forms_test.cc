// Ziplists and zipmaps, made by a plain writer from the published layouts; what they mean was
// checked against redis-server, which still reads them (tests/integration/test_dump.py).
#include "src/rdb/old_forms.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "src/rdb/pack_builder.h"

namespace pollux {
namespace {

using std::string_literals::operator""s;
using Texts = std::vector<std::string>;

template <typename T>
std::string raw(T number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

// Encodings of elements as they stand: 6-, 14- and 32-bit strings, all widths of integers.
std::string string_element(const std::string& text) {
  const size_t size = text.size();
  if (size < 64) {
    return std::string(1, static_cast<char>(size)) + text;
  }
  if (size < 16384) {
    return std::string{static_cast<char>(0x40 | size >> 8), static_cast<char>(size)} + text;
  }
  return "\x80" + raw(__builtin_bswap32(static_cast<uint32_t>(size))) + text;
}

std::string ziplist(const std::vector<std::string>& elements, bool far_before = false) {
  std::string body;
  size_t before = 0;
  size_t tail = 10;
  for (const std::string& element : elements) {
    tail = 10 + body.size();
    std::string whole;
    if (before < 254 && !far_before) {
      whole = std::string(1, static_cast<char>(before));
    } else {
      whole = "\xfe" + raw(static_cast<uint32_t>(before));
    }
    whole += element;
    before = whole.size();
    body += whole;
  }
  return raw(static_cast<uint32_t>(body.size() + 11)) + raw(static_cast<uint32_t>(tail)) +
         raw(static_cast<uint16_t>(elements.size())) + body + "\xff";
}

// The texts of a ziplist in a block of its exact size; {"broken"} if it is not one.
Texts read(const std::string& bytes) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  ZiplistReader reader({exact.data(), exact.size()});
  Texts texts;
  PackedValue element;
  while (reader.next(element)) {
    char scratch[kInt64TextMax];
    texts.emplace_back(element.text(scratch));
  }
  EXPECT_FALSE(reader.next(element));
  return reader.complete() ? texts : Texts{"broken"};
}

const std::vector<std::string>& samples() {
  static const std::vector<std::string> elements = {
      string_element("hello"),
      string_element(""),
      string_element(std::string(63, 'a')),
      string_element(std::string(64, 'b')),
      string_element(std::string(300, 'c')),
      string_element(std::string(16384, 'd')),
      "\xf1"s,
      "\xfd"s,
      "\xfe\x80"s,
      "\xc0" + raw(int16_t{-30000}),
      "\xf0\xff\xff\x7f"s,
      "\xf0\x00\x00\x80"s,
      "\xd0" + raw(int32_t{-2000000000}),
      "\xe0" + raw(INT64_MIN),
  };
  return elements;
}

const Texts kSampleTexts = {"hello",
                            "",
                            std::string(63, 'a'),
                            std::string(64, 'b'),
                            std::string(300, 'c'),
                            std::string(16384, 'd'),
                            "0",
                            "12",
                            "-128",
                            "-30000",
                            "8388607",
                            "-8388608",
                            "-2000000000",
                            "-9223372036854775808"};

TEST(Ziplist, ReadsEveryEncoding) {
  EXPECT_EQ(read(ziplist(samples())), kSampleTexts);
  EXPECT_EQ(read(ziplist(samples(), /*far_before=*/true)), kSampleTexts);
  EXPECT_EQ(read(ziplist({})), Texts{});
}

TEST(Ziplist, BecomesAListpack) {
  std::string bytes;
  ASSERT_TRUE(pack_ziplist(ziplist(samples()), bytes));
  size_t count = 0;
  ASSERT_TRUE(readable_pack(bytes, count));
  EXPECT_EQ(count, kSampleTexts.size());
  const Listpack pack = Listpack::framed(bytes.data());
  Listpack::Position at = Listpack::first();
  for (const std::string& text : kSampleTexts) {
    EXPECT_TRUE(pack.take(at).equals(text));
  }
  EXPECT_FALSE(pack_ziplist("nonsense", bytes));
}

TEST(Ziplist, RefusesWhatIsNone) {
  const std::string good = ziplist({string_element("abc"), "\xf5"s, string_element("de")});
  ASSERT_EQ(read(good).size(), 3U);
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(read(good.substr(0, size)), Texts{"broken"}) << size;
  }
  EXPECT_EQ(read(good + "x"), Texts{"broken"});
  // Any byte of the frame or of what stands around elements.
  for (const size_t at : {0, 3, 4, 8, 10, 11, 15, 17, 18, 21}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x40);
    EXPECT_EQ(read(bad), Texts{"broken"}) << at;
  }
  std::string many = good;  // a count of 65535 says nothing
  many[8] = many[9] = '\xff';
  EXPECT_EQ(read(many).size(), 3U);
}

Texts read_map(const std::string& bytes) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  ZipmapReader reader({exact.data(), exact.size()});
  Texts texts;
  std::string_view field;
  std::string_view value;
  while (reader.next(field, value)) {
    texts.emplace_back(field);
    texts.emplace_back(value);
  }
  return reader.complete() ? texts : Texts{"broken"};
}

TEST(Zipmap, ReadsPairs) {
  const std::string longer(300, 'v');
  const std::string pairs = "\x03one\x03\x02" "111zz"s + "\x00\x00\x00"s + "\x01" "k\xfe" +
                            raw(uint32_t{300}) + "\x00"s + longer;
  const std::string map = "\x03" + pairs + "\xff";
  EXPECT_EQ(read_map(map), (Texts{"one", "111", "", "", "k", longer}));
  EXPECT_EQ(read_map("\xfe" + pairs + "\xff").size(), 6U);
  EXPECT_EQ(read_map("\x00\xff"s), Texts{});
  EXPECT_EQ(read_map("\x02" + pairs + "\xff"), Texts{"broken"});
  EXPECT_EQ(read_map(map + "\xff"), Texts{"broken"});
  for (size_t size = 0; size < map.size(); ++size) {
    EXPECT_EQ(read_map(map.substr(0, size)), Texts{"broken"}) << size;
  }
}

std::string pack_of(const Texts& texts) {
  PackBuilder builder;
  for (const std::string& text : texts) {
    EXPECT_TRUE(builder.add(PackedValue::of(text)));
  }
  return builder.finish();
}

bool twice(const Texts& texts, size_t skip) {
  const std::string bytes = pack_of(texts);
  return has_duplicates(Listpack::framed(bytes.data()), skip);
}

TEST(PackBuilder, FindsWhatComesTwice) {
  EXPECT_FALSE(twice({}, 0));
  EXPECT_FALSE(twice({"a", "b", "1", "01", ""}, 0));
  EXPECT_TRUE(twice({"a", "b", "1", "c", "1"}, 0));
  EXPECT_TRUE(twice({"", "b", ""}, 0));
  EXPECT_FALSE(twice({"a", "x", "b", "x"}, 1));
  EXPECT_TRUE(twice({"a", "x", "b", "y", "a", "z"}, 1));
  // The same text as a string and as an integer.
  const std::string bytes("\x0c\0\0\0\x02\0\x05\x01\x81" "5\x02\xff", 12);
  ASSERT_TRUE(Listpack::valid(bytes));
  EXPECT_TRUE(has_duplicates(Listpack::framed(bytes.data()), 0));
}

}  // namespace
}  // namespace pollux
