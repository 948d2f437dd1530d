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

std::string some_bytes(size_t size, Rng& rng) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(rng.next());
  }
  return bytes;
}

TEST(Crc64, IsThatOfTheBitwiseDivisionInAnyParts) {
  Rng rng(1);
  for (int round = 0; round < 2000; ++round) {
    const std::string bytes = some_bytes(rng.below(300), rng);
    ASSERT_EQ(crc64(bytes), model_crc(bytes));
    ASSERT_EQ(crc64_by_tables(bytes), model_crc(bytes));
    const size_t cut = rng.below(bytes.size() + 1);
    const std::string_view view = bytes;
    ASSERT_EQ(crc64(view.substr(cut), crc64(view.substr(0, cut))), crc64(bytes));
  }
}

// Whatever the processor computes it with.
TEST(Crc64, IsThatOfTheTablesAtAnyLengthAndPlace) {
  Rng rng(2);
  constexpr size_t kBytes = 1024;
  constexpr size_t kPlaces = 64;
  const std::string bytes = some_bytes(kBytes + kPlaces, rng);
  for (size_t at = 0; at < kPlaces; ++at) {
    for (size_t size = 0; size <= kBytes; ++size) {
      const std::string_view part = std::string_view(bytes).substr(at, size);
      const uint64_t before = rng.next();
      ASSERT_EQ(crc64(part, before), crc64_by_tables(part, before)) << size << " bytes at " << at;
    }
  }
}

TEST(Crc64, IsTheSameWhereverTheBytesAreCut) {
  Rng rng(3);
  const std::string bytes = some_bytes(1024, rng);
  for (size_t size = 0; size <= bytes.size(); ++size) {
    const std::string_view all = std::string_view(bytes).substr(0, size);
    const uint64_t whole = crc64_by_tables(all);
    for (size_t cut = 0; cut <= size; ++cut) {
      ASSERT_EQ(crc64(all.substr(cut), crc64(all.substr(0, cut))), whole) << cut << " of " << size;
    }
  }
}

TEST(Crc64, IsThatOfTheTablesForManyBytes) {
  Rng rng(4);
  for (int round = 0; round < 20; ++round) {
    const std::string bytes = some_bytes(rng.below(1'000'000), rng);
    const uint64_t before = rng.next();
    ASSERT_EQ(crc64(bytes, before), crc64_by_tables(bytes, before)) << bytes.size();
  }
}

}  // namespace
}  // namespace pollux
