#include "src/base/hash.h"

#include <array>
#include <cstddef>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace pollux {

namespace {

// XXH3's own default length. Its quality needs a secret that looks random, which SplitMix64 gives
// from any seed.
constexpr size_t kSecretBytes = 192;
static_assert(kSecretBytes >= XXH3_SECRET_SIZE_MIN);

struct Secret {
  alignas(64) uint8_t bytes[kSecretBytes];
};

constexpr Secret make_secret(uint64_t seed) {
  Secret secret{};
  uint64_t state = seed;
  for (size_t i = 0; i < kSecretBytes; i += 8) {
    state += 0x9E3779B97F4A7C15;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    z ^= z >> 31;
    for (size_t byte = 0; byte < 8; ++byte) {
      secret.bytes[i + byte] = static_cast<uint8_t>(z >> (8 * byte));
    }
  }
  return secret;
}

// Written once before threads start, read-only from then on.
constinit Secret process_secret = make_secret(0);

// CRC16-XMODEM (polynomial 0x1021, no reflection), eight bytes a step: table k holds the CRC of a
// byte that is followed by k zero bytes.
constexpr int kCrcTables = 8;
using CrcTables = std::array<std::array<uint16_t, 256>, kCrcTables>;

constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    }
    tables[0][byte] = static_cast<uint16_t>(crc);
  }
  for (int k = 1; k < kCrcTables; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint16_t before = tables[k - 1][byte];
      tables[k][byte] = static_cast<uint16_t>((before << 8) ^ tables[0][before >> 8]);
    }
  }
  return tables;
}

constexpr CrcTables kCrc = make_crc_tables();

uint16_t crc16(const char* data, size_t size) {
  const auto* in = reinterpret_cast<const uint8_t*>(data);
  unsigned crc = 0;
  for (; size >= 8; size -= 8, in += 8) {
    crc = kCrc[7][in[0] ^ (crc >> 8)] ^ kCrc[6][in[1] ^ (crc & 0xFF)] ^ kCrc[5][in[2]] ^
          kCrc[4][in[3]] ^ kCrc[3][in[4]] ^ kCrc[2][in[5]] ^ kCrc[1][in[6]] ^ kCrc[0][in[7]];
  }
  for (; size > 0; --size, ++in) {
    crc = ((crc << 8) & 0xFFFF) ^ kCrc[0][(crc >> 8) ^ *in];
  }
  return static_cast<uint16_t>(crc);
}

}  // namespace

void seed_key_hash(uint64_t seed) {
  process_secret = make_secret(seed);
}

uint64_t key_hash(std::string_view key) {
  const uint64_t hash =
      XXH3_64bits_withSecret(key.data(), key.size(), process_secret.bytes, kSecretBytes);
  return hash != 0 ? hash : 0x9E3779B97F4A7C15;
}

uint16_t key_slot(std::string_view key) {
  const auto* open = static_cast<const char*>(std::memchr(key.data(), '{', key.size()));
  if (open != nullptr) [[unlikely]] {
    const char* tag = open + 1;
    const auto rest = static_cast<size_t>(key.data() + key.size() - tag);
    const auto* close = static_cast<const char*>(std::memchr(tag, '}', rest));
    if (close != nullptr && close != tag) {
      key = std::string_view(tag, static_cast<size_t>(close - tag));
    }
  }
  return crc16(key.data(), key.size()) & (kSlots - 1);
}

}  // namespace pollux
