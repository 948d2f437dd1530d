#include "src/base/sha1.h"

#include <bit>
#include <cstring>

namespace pollux {

namespace {

constexpr size_t kBlockBytes = 64;

using State = std::array<uint32_t, 5>;

void put_big_endian(uint8_t* to, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    to[i] = static_cast<uint8_t>(value >> (8 * (bytes - 1 - i)));
  }
}

// Section 6.1.2: one block into the state.
void mix_block(State& state, const uint8_t* block) {
  uint32_t words[80];
  for (size_t t = 0; t < 16; ++t) {
    words[t] = uint32_t{block[4 * t]} << 24 | uint32_t{block[4 * t + 1]} << 16 |
               uint32_t{block[4 * t + 2]} << 8 | uint32_t{block[4 * t + 3]};
  }
  for (size_t t = 16; t < 80; ++t) {
    words[t] = std::rotl(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1);
  }
  auto [a, b, c, d, e] = state;
  for (size_t t = 0; t < 80; ++t) {
    uint32_t chosen = 0;
    uint32_t constant = 0;
    if (t < 20) {
      chosen = (b & c) | (~b & d);
      constant = 0x5a827999;
    } else if (t < 40) {
      chosen = b ^ c ^ d;
      constant = 0x6ed9eba1;
    } else if (t < 60) {
      chosen = (b & c) | (b & d) | (c & d);
      constant = 0x8f1bbcdc;
    } else {
      chosen = b ^ c ^ d;
      constant = 0xca62c1d6;
    }
    const uint32_t next = std::rotl(a, 5) + chosen + e + constant + words[t];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e};
}

}  // namespace

Sha1Digest sha1(std::string_view bytes) {
  State state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  const auto* in = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t left = bytes.size();
  for (; left >= kBlockBytes; in += kBlockBytes, left -= kBlockBytes) {
    mix_block(state, in);
  }
  // Section 5.1.1: a one, zeros, and the length in bits, in one block or two.
  uint8_t tail[2 * kBlockBytes] = {};
  if (left > 0) {
    std::memcpy(tail, in, left);
  }
  tail[left] = 0x80;
  const size_t tail_bytes = left + 1 + 8 <= kBlockBytes ? kBlockBytes : 2 * kBlockBytes;
  put_big_endian(tail + tail_bytes - 8, uint64_t{bytes.size()} * 8, 8);
  for (size_t at = 0; at < tail_bytes; at += kBlockBytes) {
    mix_block(state, tail + at);
  }
  Sha1Digest digest;
  for (size_t i = 0; i < state.size(); ++i) {
    put_big_endian(&digest[4 * i], state[i], 4);
  }
  return digest;
}

}  // namespace pollux
