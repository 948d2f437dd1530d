// The numbers of Redis' RDB format: what stands before values in files, and first in a payload of
// DUMP. As published in the documents and files of Redis 2.6 to 8; versions 1 to 12.
//
//   length  00xxxxxx                6 bits
//           01xxxxxx x              14 bits, the most significant first
//           10000000 xxxx           32 bits, the same way
//           10000001 xxxxxxxx       64 bits, the same way
//           11xxxxxx                no length: an encoded string, the kind in 6 bits
//   string  length, bytes           or
//           11000000 x              an integer of 8 bits: its decimal text
//           11000001 xx             of 16 bits, little-endian
//           11000010 xxxx           of 32 bits, little-endian
//           11000011 length length  LZF: bytes packed, bytes unpacked, then the packed bytes
//   score   8 bytes                 a double, little-endian; in kZset as text: see RdbReader
//
//   payload of DUMP:  type, value, version (2 bytes), CRC-64 of all before it (8 bytes), both
//                     little-endian
//
// In the comments of RdbType, n is a length, s a string, p a string that is a listpack.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pollux {

enum class RdbType : uint8_t {
  kString = 0,            // s
  kList = 1,              // n s...
  kSet = 2,               // n s...
  kZset = 3,              // n (s, score as text)...
  kHash = 4,              // n (s s)...
  kZset2 = 5,             // n (s, score)...
  kModulePreGa = 6,       // of modules: what they like
  kModule2 = 7,
  kHashZipmap = 9,        // a string that is a zipmap
  kListZiplist = 10,      // a string that is a ziplist; the same below
  kSetIntset = 11,        // a string that is an intset
  kZsetZiplist = 12,
  kHashZiplist = 13,
  kListQuicklist = 14,    // n (a ziplist)...
  kStreamListpacks = 15,  // Redis 5; of all three see stream_codec.cc
  kHashListpack = 16,     // p
  kZsetListpack = 17,     // p
  kListQuicklist2 = 18,   // n (RdbContainer, p or s)...
  kStreamListpacks2 = 19,  // Redis 7.0
  kSetListpack = 20,       // p, Redis 7.2
  kStreamListpacks3 = 21,  // Redis 7.2
  // Hashes whose fields have TTLs, Redis 7.4; 22 and 23 are those of its release candidates.
  // t is a time in ms (8 bytes, little-endian), of the field that ends first; d, a length, how much
  // later a field ends, and 1; 0 if it does not.
  kHashMetadata = 24,    // t n (d s s)...
  kHashListpackEx = 25,  // t p; p has the time itself behind each value
};

// What stands in files beside keys and in front of them; each is one byte.
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

// What a node of kListQuicklist2 is; told as a length.
enum class RdbContainer : uint8_t {
  kPlain = 1,   // one element
  kPacked = 2,  // a listpack
};

// Kinds of encoded strings.
enum class RdbEncoded : uint8_t { kInt8 = 0, kInt16 = 1, kInt32 = 2, kLzf = 3 };

inline constexpr uint8_t kRdbLength6 = 0x00;
inline constexpr uint8_t kRdbLength14 = 0x40;
inline constexpr uint8_t kRdbLength32 = 0x80;
inline constexpr uint8_t kRdbLength64 = 0x81;
inline constexpr uint8_t kRdbEncodedString = 0xc0;

// What we write: that of Redis 7.0, which 7.0 and all later ones read.
inline constexpr uint16_t kRdbVersion = 10;
// The same of values that 7.0 has no type for: that of Redis 7.4.
inline constexpr uint16_t kRdbVersionFieldTtls = 12;
// What we read.
inline constexpr uint16_t kRdbVersionMax = 12;

}  // namespace pollux
