// Readers of the flat forms that Redis has given up and that its old dumps and files hold: the
// ziplist (before 7.0) and the zipmap (before 2.6). Total: any bytes give elements and then, at the
// end, whether they were such a thing from the first byte to the last. Take no memory. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "src/data/listpack.h"

namespace pollux {

//   0  bytes  u32, of the whole          8  count  u16; 65535: too many to say
//   4  tail   u32, offset of the last    10 elements, then 0xff
//
//   element: bytes of the one before | encoding | data
//     before    x, or 254 and u32        11000000  int16      11110000  int24
//     00xxxxxx  string, up to 63 bytes   11010000  int32      11111110  int8
//     01xxxxxx x            16,383       11100000  int64      1111xxxx  1 to 13: that minus 1
//     10000000 xxxx         32 bits      (lengths the most significant byte first)
class ZiplistReader {
 public:
  explicit ZiplistReader(std::string_view bytes);

  // The next element. False at the end, or where it is broken: see complete().
  bool next(PackedValue& element);
  // After next() has said false: whether it was a right ziplist.
  bool complete() const { return complete_; }

 private:
  bool read_before(uint64_t& bytes);
  bool read_data(PackedValue& element);
  bool take(size_t size, std::string_view& bytes);
  void finish();

  std::string_view bytes_;
  size_t at_ = 0;
  size_t last_ = 0;         // where the element stands that was read last
  size_t last_bytes_ = 0;   // 0 before the first
  size_t elements_ = 0;
  bool complete_ = false;
};

//   count (254: walk) | name, value, name, value ... | 0xff
//
//   name   length, bytes; a length is x, or 254 and u32
//   value  length, number of free bytes, bytes, free bytes
class ZipmapReader {
 public:
  explicit ZipmapReader(std::string_view bytes);

  // As of ZiplistReader.
  bool next(std::string_view& field, std::string_view& value);
  bool complete() const { return complete_; }

 private:
  bool read_length(uint64_t& length);
  bool take(size_t size, std::string_view& bytes);

  std::string_view rest_;
  uint8_t said_ = 0;
  size_t pairs_ = 0;
  bool broken_ = false;
  bool complete_ = false;
};

}  // namespace pollux
