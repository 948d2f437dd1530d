// The listpack: Redis 7's flat list of short strings and integers. Small hashes, sorted sets, sets
// and lists are one; long lists and streams are many. It stands in one of two forms:
//
//   framed   Redis' own bytes, so that DUMP and RDB of them is a copy: the nodes of long lists, the
//            blocks of streams, what is on its way in or out.
//   bare     the same without the two ends in brackets, which the value's size tells: what a key
//            has in its entry. 5 bytes less; of a hash of 10 short fields that is a size of block.
//
//   [bytes]  u32, of the framed form
//   0  count   u16; 65535: too many to say, walk
//   2  elements, each: encoding | data | back length
//   [0xff]   the end mark
//
//   0xxxxxxx             0..127                       1110xxxx x    string, up to 4095 bytes
//   10xxxxxx             string, up to 63 bytes       11110000 x4   string, 32-bit length
//   110xxxxx x           13-bit integer               1111 0001, 0010, 0011, 0100
//                                                     16-, 24-, 32-, 64-bit integer
//
// The 12 and 13 bits are big-endian, all else little-endian. The back length says how long encoding
// and data are, read from its last byte backwards: 7 bits a byte, lowest first, the high bit set
// on all but the last one read. A text that is a canonical int64 is stored as an integer, in the
// shortest form; readers take any form, since others write listpacks too.
//
// Who does what: Listpack reads bytes of either form that somebody else owns (an entry, a block of
// the arena); ListpackSplice says what an edit changes and carries it out in bytes that somebody
// else got. So the owner sees what room the result needs before anything is written. No memory is
// taken here. Wherever bytes of a whole are counted for a limit, they are those of the framed form,
// as redis-server counts them.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "src/base/num.h"

namespace pollux {

static_assert(std::endian::native == std::endian::little, "numbers are read as they stand");

// One element out of a listpack or on its way into one: an integer, or a string that somebody else
// owns. 16 bytes, by value.
class PackedValue {
 public:
  constexpr PackedValue() : PackedValue(int64_t{0}) {}
  explicit constexpr PackedValue(int64_t number) : bytes_(nullptr), number_(number) {}
  // What a listpack stores for `text`: an integer if it is written like one.
  static PackedValue of(std::string_view text);
  // A string as it stands; for readers of stored bytes.
  static PackedValue string_of(const char* bytes, size_t size) { return {bytes, size}; }

  bool is_integer() const { return bytes_ == nullptr; }
  // Requires is_integer().
  int64_t integer() const { return number_; }
  // Requires !is_integer().
  std::string_view string() const { return {bytes_, static_cast<size_t>(number_)}; }

  // The bytes that a client sees; an integer is formatted into `scratch`.
  std::string_view text(char (&scratch)[kInt64TextMax]) const {
    return is_integer() ? std::string_view(scratch, format_int64(number_, scratch)) : string();
  }
  bool equals(std::string_view text) const;

 private:
  PackedValue(const char* bytes, size_t size)
      : bytes_(bytes), number_(static_cast<int64_t>(size)) {}

  const char* bytes_;  // null: an integer
  int64_t number_;     // the integer, or the string's size
};

// A text to look for: parsed once, compared often. `text` must outlive it.
class PackedNeedle {
 public:
  explicit PackedNeedle(std::string_view text) : text_(text), value_(PackedValue::of(text)) {}

  std::string_view text() const { return text_; }
  const PackedValue& value() const { return value_; }
  bool matches(const PackedValue& element) const;

 private:
  std::string_view text_;
  PackedValue value_;
};

// The bytes that an element takes, back length included.
size_t packed_bytes(const PackedValue& value);
inline size_t packed_bytes(std::string_view text) {
  return packed_bytes(PackedValue::of(text));
}
// Writes one element of packed_bytes(value) bytes; returns where it ends.
char* write_packed(const PackedValue& value, char* out);

// Elements as they stand in a listpack.
struct PackedRun {
  std::string_view bytes;
  size_t count = 0;
};

struct ListpackSplice;

// Reads one listpack; copy it freely. Requires bytes that valid() has accepted, or that were made
// here, and that they stay as they are; any number of threads may read the same bytes.
//
// A position is the offset of an element, or of where the next one would be appended, from the
// count; so it is the same in both forms, and stays right when the bytes move as a whole, and up to
// an edit's place. 0 (kNone) is no position.
class Listpack {
 public:
  using Position = uint32_t;
  static constexpr Position kNone = 0;
  static constexpr size_t kCountBytes = 2;
  static constexpr size_t kLeadBytes = 4;              // before the count, if framed
  static constexpr size_t kFrameBytes = kLeadBytes + 1;  // by which the framed form is longer
  static constexpr size_t kHeaderBytes = kLeadBytes + kCountBytes;  // before elements, if framed
  static constexpr size_t kEmptyBytes = kFrameBytes + kCountBytes;
  static constexpr uint16_t kCountUnknown = 65535;
  // Whoever edits keeps bytes() within this: positions and the header have 32 bits.
  static constexpr size_t kBytesMax = size_t{1} << 30;

  // The listpack without elements.
  Listpack() : Listpack(std::string_view("\0", kCountBytes)) {}
  // In the bare form.
  explicit Listpack(std::string_view bare)
      : base_(bare.data()), end_(static_cast<Position>(bare.size())) {}
  explicit Listpack(const char*) = delete;
  static Listpack framed(const char* bytes) { return Listpack(bare(whole(bytes))); }

  // The bytes of a framed one, and what is bare of them.
  static std::string_view whole(const char* framed) { return {framed, load<uint32_t>(framed)}; }
  static std::string_view bare(std::string_view framed) {
    return framed.substr(kLeadBytes, framed.size() - kFrameBytes);
  }

  // Whether these bytes, from wherever, are one framed listpack from the first to the last; the
  // number of elements goes to `count`. Reads each byte at most once, and none outside; takes no
  // memory. What the elements mean (pairs, no element twice, not empty) is for whoever keeps them
  // to check.
  static bool valid(std::string_view bytes, size_t* count = nullptr);

  // Of the framed form, whichever this is.
  size_t bytes() const { return end_ + kFrameBytes; }
  std::string_view bare() const { return {base_, end_}; }
  bool empty() const { return first() == end(); }
  // Constant time up to 65534 elements, else a walk.
  size_t count() const {
    const uint16_t said = header_count();
    return said != kCountUnknown ? said : walk_count();
  }

  static constexpr Position first() { return kCountBytes; }
  // Behind the last element: elements are appended there.
  Position end() const { return end_; }
  // kNone if empty.
  Position last() const { return prev(end()); }
  // The element behind the one at `at`, or end(). Requires an element there.
  Position next(Position at) const { return static_cast<Position>(skip(base_ + at) - base_); }
  // The element before `at` (which may be end()), or kNone.
  Position prev(Position at) const {
    return at == first() ? kNone : static_cast<Position>(before(base_ + at) - base_);
  }
  // `n` times next; requires that many elements.
  Position advance(Position at, size_t n) const;
  // The element number `index`, from 0, or from -1 at the end backwards; kNone if there is none.
  // Walks from the nearer end.
  Position seek(int64_t index) const;

  // Strings point into the listpack. Requires an element at `at`.
  PackedValue get(Position at) const { return decode(base_ + at).value; }
  // get and next in one. Until `at` is end(): the loop over all elements.
  PackedValue take(Position& at) const {
    const Decoded element = decode(base_ + at);
    at = static_cast<Position>(at + element.bytes + back_bytes(element.bytes));
    return element.value;
  }
  // The element before `at`, which moves there. Until `at` is first(): the loop backwards.
  PackedValue take_back(Position& at) const {
    at = static_cast<Position>(before(base_ + at) - base_);
    return get(at);
  }

  // The first element from `from` on that has this text, or kNone; between two that are compared,
  // `skip` elements are left out (1: only fields of a hash, whose values they are).
  Position find(const PackedNeedle& needle, Position from, size_t skip = 0) const;
  Position find(std::string_view text, Position from, size_t skip = 0) const {
    return find(PackedNeedle(text), from, skip);
  }

  // The bytes of the element at `at`, back length included.
  size_t element_bytes(Position at) const { return whole_bytes(base_ + at); }
  // `n` elements from `at` on; requires that many.
  PackedRun run(Position at, size_t n) const;
  PackedRun run() const { return {bare().substr(first()), count()}; }

  // What changes if, at `at`, `n` elements go and others come: `values`, which the splice refers
  // to, or a run of another listpack. `at` may be end(), for n = 0. The rest of the edits in these
  // words: append is insert at end(), a deletion is erase, a merge is an insert of run().
  ListpackSplice replace(Position at, size_t n, std::span<const PackedValue> values) const;
  ListpackSplice replace(Position at, size_t n, const PackedRun& run) const;
  ListpackSplice insert(Position at, std::span<const PackedValue> values) const;
  ListpackSplice insert(Position at, const PackedRun& run) const;
  ListpackSplice erase(Position at, size_t n) const;

  // For a listpack that is made in one go: what a bare one has before `count` elements, which begin
  // at out + kCountBytes.
  static void write_count(char* out, size_t count);
  // The same for a framed one: all that stands around `elements` bytes of elements that were
  // written, or are to be, from out + kHeaderBytes on. It takes elements + kEmptyBytes.
  static void write_frame(char* out, size_t elements, size_t count);
  // The framed form of a bare one: kFrameBytes more.
  static void write_framed(std::string_view bare, char* out);

 private:
  struct Decoded {
    PackedValue value;
    size_t bytes;  // without back length
  };
  enum Tag : uint8_t {
    kInt7 = 0x00,
    kString6 = 0x80,
    kInt13 = 0xc0,
    kString12 = 0xe0,
    kString32 = 0xf0,
    kInt16 = 0xf1,
    kInt24 = 0xf2,
    kInt32 = 0xf3,
    kInt64 = 0xf4,
    kEndMark = 0xff,
  };
  // Bytes of an element by its first one, back length included; 0 where that byte does not tell.
  static const std::array<uint8_t, 256> kElementBytes;

  friend size_t packed_bytes(const PackedValue& value);
  friend char* write_packed(const PackedValue& value, char* out);
  friend struct ListpackSplice;

  template <typename T>
  static T load(const char* from) {
    T value;
    std::memcpy(&value, from, sizeof(value));
    return value;
  }
  static uint8_t byte(const char* at) { return static_cast<uint8_t>(*at); }
  static size_t size12(const char* at) { return (byte(at) & 15U) << 8 | byte(at + 1); }

  uint16_t header_count() const { return load<uint16_t>(base_); }
  size_t walk_count() const;
  ListpackSplice splice(Position at, size_t n, size_t come_count, size_t come) const;
  Position find_string(std::string_view text, Position from, size_t skip) const;
  Position find_integer(const PackedNeedle& needle, Position from, size_t skip) const;

  static constexpr size_t kBackBytesMax = 5;
  // How many bytes tell a length of `n` backwards. Redis' limits are one lower than 7 bits a byte
  // would have it, but for the first; its reader insists on them.
  static constexpr size_t back_bytes(size_t n) {
    if (n < 128) [[likely]] {
      return 1;
    }
    return n < 16383 ? 2 : n < 2097151 ? 3 : n < 268435455 ? 4 : 5;
  }
  static char* write_back(size_t n, char* out);
  // The length that ends before `at`, and in `width` the bytes it is told in.
  static size_t read_back(const char* at, size_t& width) {
    size_t n = byte(at - 1) & 127U;
    width = 1;
    while ((byte(at - static_cast<ptrdiff_t>(width)) & 128U) != 0) {
      n |= (byte(at - static_cast<ptrdiff_t>(width) - 1) & size_t{127}) << (7 * width);
      ++width;
    }
    return n;
  }
  static const char* before(const char* at) {
    size_t width = 0;
    const size_t n = read_back(at, width);
    return at - width - n;
  }
  // Bytes of the element at `at`, back length included.
  static size_t whole_bytes(const char* at) {
    const size_t bytes = kElementBytes[byte(at)];
    if (bytes != 0) [[likely]] {
      return bytes;
    }
    const size_t n = byte(at) == kString32 ? 5 + size_t{load<uint32_t>(at + 1)} : 2 + size12(at);
    return n + back_bytes(n);
  }
  static const char* skip(const char* at) { return at + whole_bytes(at); }
  static Decoded decode(const char* at) {
    const unsigned tag = byte(at);
    if (tag < kString6) {
      return {PackedValue(static_cast<int64_t>(tag)), 1};
    }
    if (tag < kInt13) {
      const size_t size = tag & 63;
      return {PackedValue::string_of(at + 1, size), 1 + size};
    }
    if (tag < kString12) {
      const unsigned bits = (tag & 31) << 8 | byte(at + 1);
      return {PackedValue(static_cast<int64_t>(bits) - ((bits & 0x1000) << 1)), 2};
    }
    return decode_wide(at, tag);
  }
  static Decoded decode_wide(const char* at, unsigned tag) {
    switch (tag) {
      case kInt16:
        return {PackedValue(int64_t{load<int16_t>(at + 1)}), 3};
      case kInt24: {
        const uint32_t low = load<uint16_t>(at + 1);
        const auto high = static_cast<int8_t>(at[3]);
        return {PackedValue(int64_t{high} * 65536 + low), 4};
      }
      case kInt32:
        return {PackedValue(int64_t{load<int32_t>(at + 1)}), 5};
      case kInt64:
        return {PackedValue(load<int64_t>(at + 1)), 9};
      case kString32: {
        const size_t size = load<uint32_t>(at + 1);
        return {PackedValue::string_of(at + 5, size), 5 + size};
      }
      default: {
        const size_t size = size12(at);
        return {PackedValue::string_of(at + 2, size), 2 + size};
      }
    }
  }

  const char* base_;  // of the count
  Position end_;
};

// One edit of one listpack: where, what goes, what comes. Whoever owns the bytes looks at `total`,
// refuses what is over Listpack::kBytesMax, gets the room, and calls one of the three functions;
// until then the listpack stays as it was when the splice was made.
struct ListpackSplice {
  size_t at = 0;     // position of the change
  size_t gone = 0;   // bytes that go there
  size_t come = 0;   // bytes in their place
  size_t total = 0;  // bytes of the result, framed
  size_t total_before = 0;
  uint16_t count = 0;  // of the result, as its header says it
  // What comes: these values, or else elements as they stand. Views, to live until the edit is
  // done.
  std::span<const PackedValue> values;
  std::string_view encoded;

  // Bytes of the result, bare, and of what it is made of.
  size_t bare_bytes() const { return total - Listpack::kFrameBytes; }
  size_t bare_before() const { return total_before - Listpack::kFrameBytes; }

  // Changes a bare listpack where it stands, in a buffer that holds the larger of bare_bytes() and
  // bare_before(). What comes must not be part of that listpack.
  void apply(char* bare) const;
  // The same for a framed one, in a buffer for the larger of `total` and `total_before`.
  void apply_framed(char* framed) const;
  // Makes the bare result of the bare listpack `from` at `to`: bare_bytes() that do not overlap
  // with it. What comes may be part of `from`.
  void build(const char* from, char* to) const;

 private:
  void write_new(char* out) const;
};

}  // namespace pollux
