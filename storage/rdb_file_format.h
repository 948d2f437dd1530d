// The numbers of whole RDB files: what stands around the values of src/rdb/rdb_format.h. As
// published in the documents and files of Redis 2.6 to 8 and Valkey 8 and 9.
//
//   file     magic, parts, kEnd, from version 5 on CRC-64 of all before it (8 bytes,
//            little-endian; 0: not computed)
//   magic    "REDIS" and the version in 4 digits, or "VALKEY" and 3 digits: Valkey's own format
//            since its version 9, with numbers from 80 on so that they meet no number of Redis
//   part     an opcode with what RdbOpcode says, or a key
//   key      kExpireMs or kExpireSeconds, then kIdle or kFrequency, as far as they are due;
//   RdbType,
//            name (s), value
//
// n is a length, s a string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pollux {

enum class RdbOpcode : uint8_t {
  kSlotImport = 243,     // Valkey 9: slots that were being imported; Redis 8.4 and later: of keys
  kSlotInfo = 244,       // n n n: slot, its keys, those with a TTL; a hint. Redis 7.4
  kFunction2 = 245,      // s: the text of a library. Redis 7.0
  kFunctionPreGa = 246,  // release candidates of 7.0
  kModuleAux = 247,      // n (module), then what modules like
  kIdle = 248,           // n: seconds since the key was used
  kFrequency = 249,      // one byte: the counter of LFU
  kAux = 250,            // s s: name and text, of the file
  kResizeDb = 251,       // n n: keys of the database, those with a TTL; a hint
  kExpireMs = 252,       // 8 bytes, little-endian, Unix time
  kExpireSeconds = 253,  // 4 bytes, little-endian
  kSelectDb = 254,       // n: the database of the keys that follow
  kEnd = 255,
};

inline constexpr std::string_view kRdbMagicRedis = "REDIS";
inline constexpr std::string_view kRdbMagicValkey = "VALKEY";
inline constexpr size_t kRdbMagicBytes = 9;  // version included
inline constexpr size_t kRdbSumBytes = 8;

// The first version with a checksum.
inline constexpr unsigned kRdbVersionSum = 5;
// Of Valkey's own format, the only one that is out.
inline constexpr unsigned kRdbVersionValkey = 80;

}  // namespace pollux
