// The intset: Redis' sorted array of integers, what a small set of integers is. The bytes are
// Redis' own, so that DUMP and RDB of it is a copy:
//
//   0  width    u32: 2, 4 or 8 bytes an integer, all the same
//   4  count    u32
//   8  integers, little-endian, ascending, none twice
//
// The width is that of the widest integer there has ever been; it grows for all when a wider one
// comes, and does not shrink. As with the listpack, Intset reads bytes that somebody else owns, and
// IntsetSplice says what an edit changes and carries it out in bytes that somebody else got.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace pollux {

// One integer that comes or goes. Whoever owns the bytes gets room for `total` and calls one of the
// two functions; until then the intset stays as it was when the splice was made.
struct IntsetSplice {
  int64_t value = 0;
  uint32_t index = 0;   // where it comes or goes
  uint32_t count = 0;   // of the result
  uint8_t width = 2;    // of the result
  bool insert = false;  // or else it goes
  size_t total = 0;     // bytes of the result

  // Changes the intset where it stands, in a buffer that holds the result and what was there.
  void apply(char* intset) const;
  // Makes the result of the intset `from` at `to`, `total` bytes that do not overlap with it.
  void build(const char* from, char* to) const;
};

// Reads one intset; copy it freely. Requires bytes that valid() has accepted, or that were made
// here, and that they stay where they are (at any alignment); any number of threads may read them.
class Intset {
 public:
  static constexpr size_t kHeaderBytes = 8;
  // The intset without integers.
  static constexpr std::string_view kEmpty{"\x02\0\0\0\0\0\0\0", kHeaderBytes};

  explicit Intset(const char* bytes) : base_(bytes) {}

  // The intset of these integers, ascending and none twice: what it takes, and writing it.
  static size_t bytes_of(std::span<const int64_t> integers);
  static void write(std::span<const int64_t> integers, char* out);

  // Whether these bytes, from wherever, are one intset from the first to the last. Reads each byte
  // at most once, and none outside; takes no memory. An empty one is valid.
  static bool valid(std::string_view bytes);

  uint32_t count() const { return load<uint32_t>(base_ + 4); }
  size_t width() const { return load<uint32_t>(base_); }
  size_t bytes() const { return kHeaderBytes + count() * width(); }
  std::string_view whole() const { return {base_, bytes()}; }

  // The integer number `index` in ascending order. Requires index < count().
  int64_t get(size_t index) const {
    const char* const at = base_ + kHeaderBytes + index * width();
    switch (width()) {
      case 2:
        return load<int16_t>(at);
      case 4:
        return load<int32_t>(at);
      default:
        return load<int64_t>(at);
    }
  }

  struct Place {
    bool found;
    uint32_t index;  // of the integer, or where it would stand
  };
  // In as many steps as the count has bits.
  Place find(int64_t value) const;
  bool contains(int64_t value) const { return find(value).found; }

  // Requires that find(value) said `place`, not found. The caller keeps the count within 2^28, so
  // that sizes stay small; Redis' limits for intsets are far below.
  IntsetSplice insert(int64_t value, Place place) const;
  // Requires index < count().
  IntsetSplice erase(uint32_t index) const;

 private:
  template <typename T>
  static T load(const char* from) {
    T value;
    std::memcpy(&value, from, sizeof(value));
    return value;
  }

  const char* base_;
};

}  // namespace pollux
