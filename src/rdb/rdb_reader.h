// Reads the pieces that values are made of in RDB format (rdb_format.h) out of bytes that may come
// from anywhere. Every function is total: it says false where the bytes don't fit, and then the
// value is no value; nobody reads on. Nothing outside of the bytes is read, nothing is allocated
// that the bytes don't pay for: LZF makes at most 88 bytes of one, and no text gets longer than the
// limit. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "src/rdb/rdb_text.h"

namespace pollux {

class RdbReader {
 public:
  // The least that the limit of texts may be: what Redis' option proto-max-bulk-len begins with.
  static constexpr size_t kTextBytesMax = size_t{512} << 20;

  // `bytes` must live as long as what is read from them.
  explicit RdbReader(std::string_view bytes, size_t text_bytes_max = kTextBytesMax)
      : rest_(bytes), text_bytes_max_(text_bytes_max) {}

  std::string_view rest() const { return rest_; }
  bool at_end() const { return rest_.empty(); }
  // After a function said false: how many bytes more it wanted than there are, at least; 0 if the
  // bytes that are there are wrong whatever follows.
  uint64_t lacking() const { return lacking_; }

  bool byte(uint8_t& value);
  bool length(uint64_t& value);
  // A number of things that follow, each of at least so many bytes.
  bool count_of(size_t each, uint64_t& value) { return length(value) && covers(value, each); }
  // The same of one byte or more; not 0.
  bool count(uint64_t& value) { return count_of(1, value) && value > 0; }
  // Whether there are bytes for `count` things of `each` bytes.
  bool covers(uint64_t count, size_t each);
  bool text(RdbText& text);
  // Goes over a text without looking into it.
  bool skip_text();
  bool real(double& value);
  // A time in ms, 8 bytes.
  bool time(int64_t& value);
  // So many bytes as they stand.
  bool bytes(size_t size, std::string_view& bytes);
  // A score as RdbType::kZset has it: a length byte and its text, or 253, 254, 255 for NaN,
  // infinity and its negative.
  bool real_text(double& value);

 private:
  // A text as it stands: plain bytes, packed ones, or an integer.
  struct Stored {
    enum Kind : uint8_t { kPlain, kPacked, kInteger } kind;
    std::string_view bytes;
    uint64_t unpacked_bytes = 0;
    int64_t integer = 0;
  };
  bool stored(Stored& out);
  template <typename Number>
  bool number(Number& value);
  bool stored_integer(size_t size, int64_t& value);

  std::string_view rest_;
  uint64_t lacking_ = 0;
  const size_t text_bytes_max_;
};

}  // namespace pollux
