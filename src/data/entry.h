// One key with its value, in one block of the shard's entry heap. No padding anywhere, so a key of
// 16 bytes with a value of 32 takes 56:
//
//   0  kind          type in the low 4 bits, encoding in the high 4
//   1  flags         has expiry, key outside, value outside, value is a collection, field timer;
//                    the mark of snapshots (pre_images.h)
//   2  value bytes   of a value inside, 12 bits; above them the 4 high bits of the access stamp
//   4  stamp, key    the 24 low bits of the access stamp; length of a key inside, 8 bits
//   8  Expiry        16 bytes, only with a TTL
//      key           up to 255 bytes, or an Outside (24 bytes)
//      value         up to kInlineValueMax bytes of a string or of a small collection, an int64,
//                    an Outside, or the address of a large collection
//      field timer   16 bytes like Expiry, from a multiple of 8 on: of a hash some fields of which
//                    have TTLs, when the first of them ends. Last, so that nobody else has to step
//                    over it
//
// The members of large collections have the same shape (member_table.h): a name, a value, perhaps
// a TTL; in place of the access stamp they say whose they are.
//
// The address of an entry changes when its size does. Readers see it through const; only Edit and
// ShardStore write (the second half of the class).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "src/base/num.h"
#include "src/base/types.h"
#include "src/data/access.h"
#include "src/data/entry_heap.h"
#include "src/data/value.h"

namespace pollux {

class Collection;

class Entry {
 public:
  ValueType type() const { return static_cast<ValueType>(kind_ & 15); }
  Encoding encoding() const { return static_cast<Encoding>(kind_ >> 4); }
  std::string_view key() const {
    if (key_is_outside()) [[unlikely]] {
      const Outside outside = load_outside(key_area());
      return {outside.data, outside.size};
    }
    return {key_area(), stamp_and_key_ >> kStampLowBits};
  }

  bool has_expiry() const { return (flags_ & kHasExpiry) != 0; }
  // Unix time in ms; -1 if none.
  int64_t expiry_ms() const { return has_expiry() ? expiry().at_ms : -1; }
  // Redis' rule: the millisecond of the expiry itself is still alive.
  bool expired_at(int64_t now_ms) const { return has_expiry() && now_ms > expiry().at_ms; }

  // Of a hash some fields of which have TTLs: when the first of them ends, by the same rule.
  bool has_field_timer() const { return (flags_ & kFieldTimer) != 0; }
  int64_t field_timer_ms() const { return has_field_timer() ? field_timer().at_ms : -1; }
  bool fields_due_at(int64_t now_ms) const {
    return has_field_timer() && now_ms > field_timer().at_ms;
  }
  // Either of them.
  bool has_timer() const { return (flags_ & (kHasExpiry | kFieldTimer)) != 0; }

  // The bytes of a string value; an int is formatted into `scratch`. Requires kString.
  std::string_view string(char (&scratch)[kInt64TextMax]) const {
    if (encoding() == Encoding::kInt) {
      return {scratch, format_int64(integer(), scratch)};
    }
    return stored_bytes();
  }
  size_t string_size() const;
  // The value of an int-encoded string. Requires kInt.
  int64_t integer() const {
    int64_t value;
    std::memcpy(&value, value_area(), sizeof(value));
    return value;
  }

  // A collection in its small form: the bytes of its bare listpack, or intset. Requires one.
  std::string_view flat() const { return stored_bytes(); }
  // A collection in its large form; null if the value has no such form.
  const Collection* collection() const {
    return (flags_ & kValueCollection) != 0 ? load_collection() : nullptr;
  }

  // When or how often it was used; access.h reads it. Of a member: its owner.
  uint32_t stamp() const {
    return (stamp_and_key_ & kStampLowMask) |
           static_cast<uint32_t>(value_bytes_ >> kValueBits) << kStampLowBits;
  }

  // Bytes this key takes (MEMORY USAGE): entry, external blocks, table share.
  size_t memory_usage() const;

  // The same without the table's share.
  size_t own_bytes() const;

  // --- for src/data ---

  static constexpr size_t kInlineKeyMax = 255;
  // Longer strings stand in a block of the arena: from there on its size classes lose little, and
  // growing in place gains much.
  static constexpr size_t kInlineValueMax = 512;

  // A block of the arena that belongs to the entry.
  struct Outside {
    char* data;
    uint64_t size;      // bytes that count
    uint64_t capacity;  // bytes as asked of the arena
  };
  // The time a key dies and its neighbours in the expiry wheel. (Of a member, the time alone, and
  // in place of the links what MemberCollection needs.)
  struct Expiry {
    int64_t at_ms;
    uint32_t prev;
    uint32_t next;
  };

  // What a block must hold. `key_bytes`: the key's length, wherever it will stand.
  static constexpr size_t bytes_for(size_t key_bytes, bool has_expiry, size_t value_area_bytes,
                                    bool has_field_timer = false) {
    const size_t bytes = kHeaderBytes + (has_expiry ? sizeof(Expiry) : 0) +
                         (key_bytes <= kInlineKeyMax ? key_bytes : sizeof(Outside)) +
                         value_area_bytes;
    return has_field_timer ? EntryHeap::rounded(bytes) + sizeof(Expiry) : bytes;
  }
  size_t block_bytes() const {
    return bytes_for(key_area_bytes(), has_expiry(), value_area_bytes(), has_field_timer());
  }

  // Whether a value area of that many bytes takes the place of this one in the same block.
  bool fits_in_place(size_t value_area_bytes) const {
    return !value_is_elsewhere() &&
           EntryHeap::rounded(bytes_for(key_area_bytes(), has_expiry(), value_area_bytes,
                                        has_field_timer())) == EntryHeap::rounded(block_bytes());
  }

  // Makes the header in a fresh block; key, expiry and value areas are the caller's to fill.
  void format(ValueType type, Encoding encoding, bool has_expiry, uint32_t stamp,
              bool has_field_timer = false) {
    set_kind(type, encoding);
    flags_ = static_cast<uint8_t>((has_expiry ? kHasExpiry : 0) |
                                  (has_field_timer ? kFieldTimer : 0));
    value_bytes_ = static_cast<uint16_t>(stamp >> kStampLowBits << kValueBits);
    stamp_and_key_ = stamp & kStampLowMask;
  }
  // Stores the key; one that is too long for the inside as `outside`, whose bytes are there.
  void set_key(std::string_view key) {
    if (!key.empty()) {
      std::memcpy(key_area(), key.data(), key.size());
    }
    stamp_and_key_ |= static_cast<uint32_t>(key.size()) << kStampLowBits;
  }
  void set_key_outside(const Outside& outside) {
    flags_ |= kKeyOutside;
    std::memcpy(key_area(), &outside, sizeof(outside));
  }
  // Takes over the key of an entry of the same key; requires a block formatted for it.
  void copy_key(const Entry& from) {
    flags_ |= from.flags_ & kKeyOutside;
    stamp_and_key_ = (stamp_and_key_ & kStampLowMask) | (from.stamp_and_key_ & ~kStampLowMask);
    std::memcpy(key_area(), from.key_area(), from.key_area_bytes());
  }
  // Takes over the value area of an entry of any key, outside bytes and all.
  void copy_value(const Entry& from) {
    kind_ = from.kind_;
    flags_ |= from.flags_ & (kValueOutside | kValueCollection);
    set_value_bytes(from.value_bytes());
    std::memcpy(value_area(), from.value_area(), from.value_area_bytes());
  }
  // The shape of the value area; requires that the block has the room. The area itself stays.
  void set_value_inside(ValueType type, Encoding encoding, size_t bytes) {
    set_kind(type, encoding);
    flags_ &= static_cast<uint8_t>(~(kValueOutside | kValueCollection));
    set_value_bytes(bytes);
  }
  void set_value_outside(ValueType type, Encoding encoding, const Outside& outside) {
    set_kind(type, encoding);
    flags_ = static_cast<uint8_t>((flags_ & ~kValueCollection) | kValueOutside);
    set_value_bytes(0);
    std::memcpy(value_area(), &outside, sizeof(outside));
  }
  void set_value_collection(ValueType type, Encoding encoding, Collection* collection) {
    set_value_inside(type, encoding, sizeof(collection));
    flags_ |= kValueCollection;
    std::memcpy(value_area(), &collection, sizeof(collection));
  }
  Collection* load_collection() const {
    Collection* collection;
    std::memcpy(&collection, value_area(), sizeof(collection));
    return collection;
  }

  bool key_is_outside() const { return (flags_ & kKeyOutside) != 0; }
  bool value_is_outside() const { return (flags_ & kValueOutside) != 0; }
  bool value_is_collection() const { return (flags_ & kValueCollection) != 0; }
  bool value_is_elsewhere() const { return (flags_ & (kValueOutside | kValueCollection)) != 0; }
  Outside key_outside() const { return load_outside(key_area()); }
  Outside value_outside() const { return load_outside(value_area()); }
  size_t key_area_bytes() const {
    return key_is_outside() ? sizeof(Outside) : stamp_and_key_ >> kStampLowBits;
  }
  size_t value_area_bytes() const { return value_is_outside() ? sizeof(Outside) : value_bytes(); }
  char* key_area() { return after_header() + (has_expiry() ? sizeof(Expiry) : 0); }
  const char* key_area() const { return const_cast<Entry*>(this)->key_area(); }
  char* value_area() { return key_area() + key_area_bytes(); }
  const char* value_area() const { return const_cast<Entry*>(this)->value_area(); }
  // The bytes as they are stored; requires a value that consists of bytes.
  std::string_view stored_bytes() const {
    if (value_is_outside()) {
      const Outside outside = value_outside();
      return {outside.data, outside.size};
    }
    return {value_area(), value_bytes()};
  }

  // Of a snapshot (pre_images.h).
  bool mark() const { return (flags_ & kMark) != 0; }
  void set_mark(bool mark) {
    flags_ = static_cast<uint8_t>(mark ? flags_ | kMark : flags_ & ~kMark);
  }

  // Requires has_expiry().
  Expiry& expiry() { return *reinterpret_cast<Expiry*>(after_header()); }
  const Expiry& expiry() const { return const_cast<Entry*>(this)->expiry(); }

  // Requires has_field_timer(), and that the value area has its shape. It stays where it is while
  // the value changes in place.
  Expiry& field_timer() {
    return *reinterpret_cast<Expiry*>(reinterpret_cast<char*>(this) + block_bytes() -
                                      sizeof(Expiry));
  }
  const Expiry& field_timer() const { return const_cast<Entry*>(this)->field_timer(); }

  // Writes only if it changes, so that reads leave the cache line clean.
  void set_stamp(uint32_t stamp) {
    if (this->stamp() != stamp) {
      stamp_and_key_ = (stamp_and_key_ & ~kStampLowMask) | (stamp & kStampLowMask);
      value_bytes_ =
          static_cast<uint16_t>((value_bytes_ & kValueMask) | stamp >> kStampLowBits << kValueBits);
    }
  }

 private:
  static constexpr size_t kHeaderBytes = 8;
  static constexpr unsigned kStampLowBits = 24;
  static constexpr uint32_t kStampLowMask = (1U << kStampLowBits) - 1;
  static constexpr unsigned kValueBits = 12;
  static constexpr uint16_t kValueMask = (1U << kValueBits) - 1;
  static_assert(kInlineValueMax <= kValueMask);
  static_assert(kStampLowBits + 16 - kValueBits == kStampBits);
  static constexpr uint8_t kHasExpiry = 1;
  static constexpr uint8_t kKeyOutside = 2;
  static constexpr uint8_t kValueOutside = 4;
  static constexpr uint8_t kMark = 8;
  static constexpr uint8_t kValueCollection = 16;
  static constexpr uint8_t kFieldTimer = 32;

  static Outside load_outside(const char* from) {
    Outside outside;
    std::memcpy(&outside, from, sizeof(outside));
    return outside;
  }
  void set_kind(ValueType type, Encoding encoding) {
    kind_ =
        static_cast<uint8_t>(static_cast<unsigned>(type) | static_cast<unsigned>(encoding) << 4);
  }
  size_t value_bytes() const { return value_bytes_ & kValueMask; }
  void set_value_bytes(size_t bytes) {
    value_bytes_ = static_cast<uint16_t>((value_bytes_ & ~kValueMask) | bytes);
  }
  char* after_header() { return reinterpret_cast<char*>(this) + kHeaderBytes; }

  uint8_t kind_;
  uint8_t flags_;
  uint16_t value_bytes_;
  uint32_t stamp_and_key_;
};
static_assert(sizeof(Entry) == 8);
static_assert(Entry::bytes_for(16, false, 32) == 56, "the figure that memory goals stand on");
static_assert(Entry::bytes_for(Entry::kInlineKeyMax, true, Entry::kInlineValueMax, true) <=
              EntryHeap::kBlockBytesMax);

}  // namespace pollux
