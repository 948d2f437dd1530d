#include "src/base/leading_bits.h"

#include <gtest/gtest.h>

namespace pollux {
namespace {

// Two addresses that differ in one bit agree up to it and no further.
TEST(LeadingBits, AgreeUpToTheFirstThatDiffers) {
  const std::array<uint8_t, 16> address = {0x20, 0x01, 0x0d, 0xb8, 0xff};
  for (unsigned bits = 0; bits <= 128; ++bits) {
    EXPECT_TRUE(same_leading_bits(address, address, bits));
  }
  for (unsigned changed = 0; changed < 128; ++changed) {
    std::array<uint8_t, 16> other = address;
    other[changed / 8] ^= static_cast<uint8_t>(0x80 >> changed % 8);
    for (unsigned bits = 0; bits <= 128; ++bits) {
      EXPECT_EQ(same_leading_bits(address, other, bits), bits <= changed) << changed << " " << bits;
    }
  }
}

}  // namespace
}  // namespace pollux
