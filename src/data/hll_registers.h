// The 16384 registers of a HyperLogLog, and what they say. Arithmetic only; the format around them
// is hyperloglog.h's.
//
// Registers stand packed, 6 bits each, lowest bits of the lowest byte first (12288 bytes; what the
// format stores), or spread, a byte each (16384 bytes; while several are merged).
//
// The estimate is Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches", 2017,
// algorithms 4 to 6), and to the unit what redis-server 7.0 answers for the same registers: the
// order of floating point operations is part of the contract, so this room is compiled without
// contraction to fused operations.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace pollux {

inline constexpr uint32_t kHllRegisters = 16384;
inline constexpr unsigned kHllRegisterBits = 6;
inline constexpr uint8_t kHllRegisterMax = (1U << kHllRegisterBits) - 1;
inline constexpr size_t kHllPackedBytes = kHllRegisters * kHllRegisterBits / 8;
// What an element can put into a register: 50 bits of hash are left for it, and one more if all
// of them are 0. Registers that somebody else wrote may hold more; the estimate looks past those.
inline constexpr unsigned kHllRankMax = 51;

// How many registers hold each value.
using HllHistogram = std::array<uint32_t, kHllRegisterMax + 1>;

// INT64_MIN if the estimate is beyond an int64, or without bound: what redis-server 7.0 replies.
int64_t hll_estimate(const HllHistogram& histogram);

// `packed` is kHllPackedBytes, `spread` kHllRegisters bytes of at most kHllRegisterMax.
HllHistogram hll_histogram_packed(const char* packed);
HllHistogram hll_histogram_spread(const uint8_t* spread);
// hll_estimate of the histogram, faster: 0.9 us instead of 13 (README.md, "Sketches").
int64_t hll_estimate_packed(const char* packed);
int64_t hll_estimate_spread(const uint8_t* spread);

// Raises each register of `spread` to the one of `packed`.
void hll_raise(uint8_t* spread, const char* packed);
void hll_pack(const uint8_t* spread, char* packed);

// Requires index < kHllRegisters.
uint8_t hll_get_packed(const char* packed, uint32_t index);
void hll_set_packed(char* packed, uint32_t index, uint8_t value);

}  // namespace pollux
