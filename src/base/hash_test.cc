#include "src/base/hash.h"

#include <gtest/gtest.h>

#include <string>
#include <unordered_set>

#include "src/base/rng.h"

namespace pollux {
namespace {

// CRC16-XMODEM, bit by bit.
uint16_t slow_crc16(std::string_view bytes) {
  unsigned crc = 0;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 0x8000) != 0 ? ((crc << 1) ^ 0x1021) & 0xFFFF : crc << 1;
    }
  }
  return static_cast<uint16_t>(crc);
}

TEST(KeySlotTest, KnownValues) {
  // "123456789" is the CRC catalogue's check input (0x31C3); the rest are CLUSTER KEYSLOT replies.
  EXPECT_EQ(key_slot("123456789"), 0x31C3 & 16383);
  EXPECT_EQ(key_slot(""), 0);
  EXPECT_EQ(key_slot("foo"), 12182);
  EXPECT_EQ(key_slot("bar"), 5061);
}

TEST(KeySlotTest, EveryLengthMatchesTheBitwiseCrc) {
  Rng rng(1);
  for (size_t size = 0; size < 200; ++size) {
    std::string key(size, '\0');
    for (char& c : key) {
      c = static_cast<char>(rng.below(256));
      c = c == '{' ? 'x' : c;
    }
    EXPECT_EQ(key_slot(key), slow_crc16(key) % 16384) << size;
  }
}

TEST(KeySlotTest, HashTags) {
  EXPECT_EQ(key_slot("{user1000}.following"), slow_crc16("user1000") % 16384);
  EXPECT_EQ(key_slot("a{user1000}.followers"), slow_crc16("user1000") % 16384);
  EXPECT_EQ(key_slot("foo{}{bar}"), slow_crc16("foo{}{bar}") % 16384);
  EXPECT_EQ(key_slot("foo{{bar}}zap"), slow_crc16("{bar") % 16384);
  EXPECT_EQ(key_slot("foo{bar}{zap}"), slow_crc16("bar") % 16384);
  EXPECT_EQ(key_slot("foo{bar"), slow_crc16("foo{bar") % 16384);
  EXPECT_EQ(key_slot("}foo{bar}"), slow_crc16("bar") % 16384);
  EXPECT_EQ(key_slot("foo{"), slow_crc16("foo{") % 16384);
}

TEST(KeyHashTest, DependsOnTheSeedAlone) {
  const uint64_t before = key_hash("key:1");
  seed_key_hash(1);
  const uint64_t one = key_hash("key:1");
  seed_key_hash(2);
  const uint64_t two = key_hash("key:1");
  seed_key_hash(0);
  EXPECT_EQ(key_hash("key:1"), before);
  EXPECT_NE(one, before);
  EXPECT_NE(one, two);
}

TEST(KeyHashTest, IsNeverZeroAndSpreadsItsTopBits) {
  std::unordered_set<uint64_t> top_bits;
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t hash = key_hash("key:" + std::to_string(i));
    ASSERT_NE(hash, 0U);
    top_bits.insert(hash >> 32);
  }
  // 100,000 draws of 2^32 meet about once.
  EXPECT_GT(top_bits.size(), 99'980U);
}

TEST(KeyHashTest, TakesEveryLength) {
  const std::string bytes(1000, 'a');
  std::unordered_set<uint64_t> seen;
  for (size_t size = 0; size <= bytes.size(); ++size) {
    seen.insert(key_hash(std::string_view(bytes).substr(0, size)));
  }
  EXPECT_EQ(seen.size(), bytes.size() + 1);
}

}  // namespace
}  // namespace pollux
