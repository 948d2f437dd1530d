// The numbers of whole RDB files: what stands around the values of src/rdb/rdb_format.h. As
// published in the documents and files of Redis 2.6 to 8 and Valkey 8 and 9.
//
//   file     magic, parts, kEnd, from version 5 on CRC-64 of all before it (8 bytes,
//            little-endian; 0: not computed)
//   magic    "REDIS" and the version in 4 digits, or "VALKEY" and 3 digits: Valkey's own format
//            since its version 9, with numbers from 80 on so that they meet no number of Redis
//   part     an opcode with what RdbOpcode (src/rdb) says, or a key
//   key      kExpireMs or kExpireSeconds, then kIdle or kFrequency, as far as they are due;
//            RdbType, name (s), value
//
// n is a length, s a string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "src/rdb/rdb_format.h"

namespace pollux {

inline constexpr std::string_view kRdbMagicRedis = "REDIS";
inline constexpr std::string_view kRdbMagicValkey = "VALKEY";
inline constexpr size_t kRdbMagicBytes = 9;  // version included
inline constexpr size_t kRdbSumBytes = 8;

// The first version with a checksum.
inline constexpr unsigned kRdbVersionSum = 5;
// Of Valkey's own format, the only one that is out.
inline constexpr unsigned kRdbVersionValkey = 80;

}  // namespace pollux
