// A kind of request: words with placeholders, rendered as RESP into the space of the caller.
//   __key__       key prefix and a number of the key range, as memtier_benchmark's
//   __data__      the value, of a size that is fixed or drawn from a range
//   __rand_int__  a number of the key range in 12 digits, as redis-benchmark's
// All __key__ of one request have different draws, as has each __rand_int__.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "perf/load/key_draw.h"
#include "src/base/rng.h"

namespace pollux {

// What values are made of.
struct ValueShape {
  size_t bytes_min = 32;
  size_t bytes_max = 32;
  bool random = false;  // bytes that do not compress; else 'x' all over
};

// The bytes that values are copied from. Shared by threads, which only read.
class ValuePool {
 public:
  ValuePool(const ValueShape& shape, uint64_t seed);
  // A value; its place in the pool is drawn, so that not all are the same.
  std::string_view draw(Rng& rng) const;
  const ValueShape& shape() const { return shape_; }

 private:
  ValueShape shape_;
  std::string bytes_;
};

class CommandTemplate {
 public:
  // Splits a line into words as redis-cli does (quotes, \xHH). False if the quotes are not closed
  // or there is no word.
  static bool parse(std::string_view line, std::string_view key_prefix, CommandTemplate& out);

  // "GET", "HSET": the first word in capitals.
  const std::string& name() const { return name_; }
  bool has_key() const { return has_key_; }
  bool has_data() const { return has_data_; }

  // No request of it is longer.
  size_t bytes_max(const ValueShape& shape) const;

  // Writes one request; returns its end. `out` has bytes_max() of space.
  char* render(char* out, KeyDraw& keys, const ValuePool& values, Rng& rng) const;

 private:
  enum class Piece : uint8_t { kText, kKey, kData, kRandInt };
  struct Part {
    Piece piece = Piece::kText;
    std::string text;  // kText; with kKey the prefix
  };
  // Either bytes that are always the same, or one word with placeholders.
  struct Chunk {
    std::string fixed;
    std::vector<Part> parts;
  };

  void add_word(std::string_view word, std::string_view key_prefix);

  std::string name_;
  std::vector<Chunk> chunks_;
  bool has_key_ = false;
  bool has_data_ = false;
};

}  // namespace pollux
