#include "src/data/bits.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "src/base/rng.h"

namespace pollux {
namespace {

std::string random_bytes(Rng& rng, size_t size) {
  std::string bytes(size, '\0');
  // Runs of equal bytes too, for the paths that skip words.
  for (size_t i = 0; i < size; ++i) {
    const uint64_t kind = rng.below(4);
    bytes[i] = kind == 0 ? '\0' : kind == 1 ? '\xff' : static_cast<char>(rng.next());
  }
  return bytes;
}

bool model_bit(const std::string& bytes, uint64_t offset) {
  return offset / 8 < bytes.size() && ((bytes[offset / 8] >> (7 - offset % 8)) & 1) != 0;
}

TEST(Bits, CountsOnesOfWholeAndOfBitRanges) {
  Rng rng(1);
  for (int round = 0; round < 2000; ++round) {
    const std::string bytes = random_bytes(rng, 1 + rng.below(100));
    const uint64_t first = rng.below(bytes.size() * 8);
    const uint64_t last = first + rng.below(bytes.size() * 8 - first);
    uint64_t all = 0;
    uint64_t some = 0;
    for (uint64_t i = 0; i < bytes.size() * 8; ++i) {
      all += model_bit(bytes, i);
      some += i >= first && i <= last && model_bit(bytes, i);
    }
    ASSERT_EQ(bit_count(bytes), all);
    ASSERT_EQ(bit_count(bytes, first, last), some);
  }
  EXPECT_EQ(bit_count(""), 0U);
}

TEST(Bits, FindsTheFirstBitOfARange) {
  Rng rng(2);
  for (int round = 0; round < 5000; ++round) {
    std::string bytes(1 + rng.below(60), rng.below(2) != 0 ? '\xff' : '\0');
    for (uint64_t flips = rng.below(3); flips > 0; --flips) {
      bytes[rng.below(bytes.size())] ^= static_cast<char>(1U << rng.below(8));
    }
    const uint64_t first = rng.below(bytes.size() * 8);
    const uint64_t last = first + rng.below(bytes.size() * 8 - first);
    const bool bit = rng.below(2) != 0;
    int64_t expected = -1;
    for (uint64_t i = first; i <= last && expected < 0; ++i) {
      expected = model_bit(bytes, i) == bit ? static_cast<int64_t>(i) : -1;
    }
    ASSERT_EQ(bit_position(bytes, bit, first, last), expected);
  }
}

// One bit of the result, from the bits of the sources.
bool combined(BitOperation operation, const std::vector<bool>& bits) {
  const bool first = bits[0];
  const auto ones = std::count(bits.begin(), bits.end(), true);
  const auto others = ones - (first ? 1 : 0);
  switch (operation) {
    case BitOperation::kAnd:
      return ones == static_cast<ptrdiff_t>(bits.size());
    case BitOperation::kOr:
      return ones > 0;
    case BitOperation::kXor:
      return ones % 2 == 1;
    case BitOperation::kNot:
      return !first;
    case BitOperation::kDiff:
      return first && others == 0;
    case BitOperation::kDiff1:
      return !first && others > 0;
    case BitOperation::kAndOr:
      return first && others > 0;
    case BitOperation::kOne:
      return ones == 1;
  }
  return false;
}

TEST(Bits, CombinesSourcesOfDifferentLengths) {
  Rng rng(3);
  for (int round = 0; round < 2000; ++round) {
    const BitOperation operation = static_cast<BitOperation>(rng.below(8));
    const size_t count = operation == BitOperation::kNot ? 1 : 1 + rng.below(4);
    const size_t length_max = round % 50 == 0 ? 3000 : 40;
    std::vector<std::string> sources;
    size_t longest = 0;
    for (size_t i = 0; i < count; ++i) {
      sources.push_back(random_bytes(rng, rng.below(length_max)));
      longest = std::max(longest, sources.back().size());
    }
    const std::vector<std::string_view> views(sources.begin(), sources.end());
    std::string out(longest, 'x');
    bit_operation(operation, views, out);
    for (uint64_t i = 0; i < longest * 8; ++i) {
      std::vector<bool> bits;
      for (const std::string& source : sources) {
        bits.push_back(model_bit(source, i));
      }
      ASSERT_EQ(model_bit(out, i), combined(operation, bits));
    }
  }
}

TEST(Bits, SetBitReturnsTheOldOne) {
  std::string bytes(2, '\0');
  EXPECT_FALSE(set_bit(bytes, 9, true));
  EXPECT_EQ(bytes, std::string("\0\x40", 2));
  EXPECT_TRUE(get_bit(bytes, 9));
  EXPECT_TRUE(set_bit(bytes, 9, false));
  EXPECT_FALSE(get_bit(bytes, 9));
  EXPECT_FALSE(get_bit(bytes, 1'000'000));
}

TEST(Bits, FieldsOfAnyWidthAtAnyOffset) {
  Rng rng(4);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = random_bytes(rng, 1 + rng.below(20));
    const unsigned width = static_cast<unsigned>(1 + rng.below(64));
    const uint64_t offset = rng.below(bytes.size() * 8 + 20);
    uint64_t expected = 0;
    for (unsigned i = 0; i < width; ++i) {
      expected = expected << 1 | model_bit(bytes, offset + i);
    }
    ASSERT_EQ(get_unsigned_field(bytes, offset, width), expected);
    const bool negative = width < 64 && ((expected >> (width - 1)) & 1) != 0;
    ASSERT_EQ(static_cast<uint64_t>(get_signed_field(bytes, offset, width)),
              negative ? expected | ~uint64_t{0} << width : expected);
    if (offset + width <= bytes.size() * 8) {
      const uint64_t value = rng.next();
      const std::string before = bytes;
      set_field(bytes, offset, width, value);
      for (uint64_t i = 0; i < bytes.size() * 8; ++i) {
        const bool inside = i >= offset && i < offset + width;
        ASSERT_EQ(model_bit(bytes, i),
                  inside ? ((value >> (width - 1 - (i - offset))) & 1) != 0 : model_bit(before, i));
      }
    }
  }
}

}  // namespace
}  // namespace pollux
