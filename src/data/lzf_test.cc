#include "src/data/lzf.h"

#include <gtest/gtest.h>

#include <string>

#include "src/base/rng.h"

namespace pollux {
namespace {

std::string pack(std::string_view bytes) {
  std::string packed(bytes.size(), '\0');
  packed.resize(lzf_pack(bytes, packed));
  return packed;
}

// Recorded with redis-cli set and dump of that string.
TEST(Lzf, PacksLikeRedisServer) {
  const std::string text = "abcabcabcabcabcabcabcabcabcabcabcabc-abcabcabc";
  const std::string packed = "\x03" "abca\xe0\x17\x02" + std::string(1, '\0') +
                             "-\xa0\x21\x01" "bc";
  EXPECT_EQ(pack(text), packed);
}

TEST(Lzf, UnpacksWhatItPacked) {
  Rng rng(1);
  for (int round = 0; round < 3000; ++round) {
    // Few letters make many matches, all of them none.
    const uint64_t letters = round % 3 == 0 ? 256 : 1 + rng.below(4);
    std::string text(1 + rng.below(round % 100 == 0 ? 100'000 : 300), '\0');
    for (char& byte : text) {
      byte = static_cast<char>(rng.below(letters));
    }
    const std::string packed = pack(text);
    if (packed.empty()) {
      continue;  // not shorter
    }
    ASSERT_LE(packed.size(), text.size());
    std::string unpacked(text.size(), 'x');
    ASSERT_TRUE(lzf_unpack(packed, unpacked));
    ASSERT_EQ(unpacked, text);
    // The length has to be right to the byte.
    unpacked.resize(text.size() - 1);
    ASSERT_FALSE(lzf_unpack(packed, unpacked));
    unpacked.resize(text.size() + 1);
    ASSERT_FALSE(lzf_unpack(packed, unpacked));
  }
}

TEST(Lzf, SaysWhenItDoesNotFit) {
  const std::string text(100, 'a');
  std::string out(100, '\0');
  const size_t size = lzf_pack(text, out);
  ASSERT_GT(size, 0U);
  EXPECT_EQ(lzf_pack(text, std::span(out).first(3)), 0U);
  EXPECT_EQ(lzf_pack(text, std::span<char>()), 0U);
  EXPECT_EQ(lzf_pack("", out), 0U);
  EXPECT_EQ(lzf_pack("aaa", out), 0U);
}

TEST(Lzf, RefusesWhatNobodyPacked) {
  std::string out(4, '\0');
  EXPECT_FALSE(lzf_unpack("", out));
  EXPECT_FALSE(lzf_unpack("", std::span<char>()));
  EXPECT_FALSE(lzf_unpack("\x03" "abc", out));       // four bytes are said, three are there
  EXPECT_FALSE(lzf_unpack("\x02" "abc", out));       // three bytes of four
  EXPECT_FALSE(lzf_unpack("\x04" "abcde", out));     // five
  EXPECT_FALSE(lzf_unpack(std::string_view("\x40\x00", 2), out));  // a match of what is not there
  EXPECT_FALSE(lzf_unpack("\x20", out));             // half of a match
  EXPECT_FALSE(lzf_unpack(std::string_view("\0a\xe0", 3), out));   // a third of a long one
  EXPECT_TRUE(lzf_unpack(std::string_view("\0a\x20\0", 4), out));
  EXPECT_EQ(out, "aaaa");
}

}  // namespace
}  // namespace pollux
