// The hash of a key, keyed with a secret of this process (XXH3 with a random 192-byte secret), so
// that clients can't choose keys that collide. Also the slot of a key, as Redis Cluster defines it.
#pragma once

#include <cstdint>
#include <string_view>

namespace pollux {

// Sets the process' secret; call once before the first key_hash. Without a call the secret is
// that of seed 0 (tests).
void seed_key_hash(uint64_t seed);

// 64 bits, all of them good, and never 0 (which elsewhere says "not computed"). Its top 32 bits
// order the key table (src/data/key_table.h).
uint64_t key_hash(std::string_view key);

inline constexpr int kSlots = 16384;

// CRC16-XMODEM of the key, or of what stands between the first '{' and the first '}' after it if
// that is not empty, modulo 16384 (Redis Cluster specification, "hash tags").
uint16_t key_slot(std::string_view key);

}  // namespace pollux
