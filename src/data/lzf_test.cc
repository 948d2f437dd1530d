#include "src/data/lzf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "src/base/rng.h"
#include "src/base/sanitized.h"
#include "src/data/test_lzf.h"

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

void expect_like_plain(std::string_view text, size_t room) {
  std::string packed(room, 'x');
  std::string plain(room, 'y');
  packed.resize(lzf_pack(text, packed));
  plain.resize(plain_lzf_pack(text, plain));
  ASSERT_EQ(packed, plain) << text.size() << " bytes into " << room;
}

// In as much room as it takes, and around the room that is just enough.
void expect_like_plain(std::string_view text) {
  expect_like_plain(text, text.size() + text.size() / 32 + 8);
  if (text.size() > kLzfSavedBytes) {
    expect_like_plain(text, text.size() - kLzfSavedBytes);
  }
  std::string packed(text.size() + text.size() / 32 + 8, '\0');
  const size_t size = lzf_pack(text, packed);
  for (size_t room = std::max<size_t>(size, 7) - 6; room <= size + 6; ++room) {
    expect_like_plain(text, room);
  }
}

// Letters by chance, with pieces of what stands before.
std::string text_with_echoes(size_t size, Rng& rng) {
  const uint64_t letters = 1 + rng.below(rng.below(2) == 0 ? 16 : 256);
  const uint64_t echoes = rng.below(60);
  std::string text;
  while (text.size() < size) {
    if (text.size() > 3 && rng.below(100) < echoes) {
      const size_t from = rng.below(text.size());
      const size_t echo = 1 + rng.below(rng.below(10) == 0 ? 400 : 12);
      const size_t bytes = std::min(echo, size - text.size());
      for (size_t i = 0; i < bytes; ++i) {
        text += text[from + i];
      }
    } else {
      text += static_cast<char>(rng.below(letters));
    }
  }
  return text;
}

TEST(Lzf, PacksShortTextsLikeLiblzf) {
  Rng rng(2);
  for (size_t size = 0; size <= 140; ++size) {
    for (int round = 0; round < 50; ++round) {
      ASSERT_NO_FATAL_FAILURE(expect_like_plain(text_with_echoes(size, rng)));
    }
  }
}

TEST(Lzf, PacksLongTextsLikeLiblzf) {
  Rng rng(3);
  for (int round = 0; round < 1000; ++round) {
    const size_t size = rng.below(round % 50 == 0 ? 200'000 : 2'000);
    ASSERT_NO_FATAL_FAILURE(expect_like_plain(text_with_echoes(size, rng)));
  }
}

// Where a match ends by its greatest length, or near the end of the text.
TEST(Lzf, PacksLongMatchesLikeLiblzf) {
  for (size_t size = 4; size <= 700; ++size) {
    for (const size_t period : {1U, 2U, 7U, 8U, 9U, 16U}) {
      std::string text(size, '\0');
      for (size_t i = 0; i < size; ++i) {
        text[i] = static_cast<char>(i % period);
      }
      ASSERT_NO_FATAL_FAILURE(expect_like_plain(text, size));
      text[size - 1] = 'x';
      ASSERT_NO_FATAL_FAILURE(expect_like_plain(text, size));
    }
  }
}

// Matches reach back 8,192 bytes.
TEST(Lzf, ReachesBackAsFarAsLiblzf) {
  Rng rng(4);
  for (size_t distance = 8180; distance <= 8200; ++distance) {
    std::string text = text_with_echoes(20, rng) + "abcdefgh";
    while (text.size() < 20 + distance) {
      text += static_cast<char>(rng.next() | 0x80);
    }
    ASSERT_NO_FATAL_FAILURE(expect_like_plain(text + "abcdefgh" + "end"));
  }
}

// Places are counted through all texts of a thread, by 32 bits.
TEST(Lzf, PacksTheSameAfterFourGigabytes) {
  if (kSanitized) {
    GTEST_SKIP() << "takes half a minute where each byte is checked, and finds no more";
  }
  constexpr size_t kBytes = size_t{128} << 20;
  const std::string filler(kBytes, 'f');
  std::string packed(kBytes / 50, '\0');
  Rng rng(5);
  const std::string text = text_with_echoes(500, rng);
  for (size_t bytes = 0; bytes <= size_t{1} << 32; bytes += kBytes) {
    ASSERT_GT(lzf_pack(filler, packed), 0U);
    ASSERT_NO_FATAL_FAILURE(expect_like_plain(text));
  }
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
