#include "src/data/crc64.h"

#include <gtest/gtest.h>

#include <string>

#include "src/base/rng.h"

namespace pollux {
namespace {

// Bit by bit, as the polynomial is divided.
uint64_t model_crc(std::string_view bytes) {
  uint64_t crc = 0;
  for (const char byte : bytes) {
    for (int bit = 0; bit < 8; ++bit) {
      // Reflected: the lowest bit comes first.
      const uint64_t in = (static_cast<uint8_t>(byte) >> bit) & 1U;
      const uint64_t out = crc >> 63;
      crc = crc << 1 ^ ((in ^ out) != 0 ? 0xad93d23594c935a9 : 0);
    }
  }
  uint64_t reflected = 0;
  for (int bit = 0; bit < 64; ++bit) {
    reflected |= ((crc >> bit) & 1) << (63 - bit);
  }
  return reflected;
}

TEST(Crc64, HasTheCheckValueOfItsKind) {
  EXPECT_EQ(crc64("123456789"), 0xe9c6d914c4b8d9ca);
  EXPECT_EQ(crc64(""), 0U);
}

// Recorded with redis-cli set s hello; redis-cli dump s.
TEST(Crc64, ClosesADumpOfRedisServer) {
  using std::literals::operator""sv;
  EXPECT_EQ(crc64("\0\x05hello\x0a\0"sv), 0x0a20346576df7263);
}

TEST(Crc64, IsThatOfTheBitwiseDivisionInAnyParts) {
  Rng rng(1);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(rng.below(100), '\0');
    for (char& byte : bytes) {
      byte = static_cast<char>(rng.next());
    }
    ASSERT_EQ(crc64(bytes), model_crc(bytes));
    const size_t cut = rng.below(bytes.size() + 1);
    const std::string_view view = bytes;
    ASSERT_EQ(crc64(view.substr(cut), crc64(view.substr(0, cut))), crc64(bytes));
  }
}

}  // namespace
}  // namespace pollux
