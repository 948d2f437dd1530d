#include "src/data/listpack.h"

#include <limits>
#include <optional>

#include "src/base/assert.h"

namespace pollux {

namespace {

// Equality of the same number of bytes, most often a few: without a call, and without reading
// beyond them.
bool same_bytes(const char* a, const char* b, size_t size) {
  const auto word = [](const char* at) {
    uint64_t value;
    std::memcpy(&value, at, sizeof(value));
    return value;
  };
  const auto half = [](const char* at) {
    uint32_t value;
    std::memcpy(&value, at, sizeof(value));
    return value;
  };
  if (size > 16) {
    return std::memcmp(a, b, size) == 0;
  }
  if (size >= 8) {
    return ((word(a) ^ word(b)) | (word(a + size - 8) ^ word(b + size - 8))) == 0;
  }
  if (size >= 4) {
    return ((half(a) ^ half(b)) | (half(a + size - 4) ^ half(b + size - 4))) == 0;
  }
  // Of 1 to 3 bytes, the first, the middle and the last one are all.
  return size == 0 || (a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1]);
}

template <typename T>
bool fits(int64_t value) {
  return value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
}

char* write_bytes(const void* from, size_t size, char* out) {
  if (size > 0) {
    std::memcpy(out, from, size);
  }
  return out + size;
}

}  // namespace

// --- values ---

PackedValue PackedValue::of(std::string_view text) {
  const bool like_a_number = !text.empty() && text.size() <= kInt64TextMax &&
                             (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'));
  if (like_a_number) {
    if (const std::optional<int64_t> number = parse_int64(text)) {
      return PackedValue(*number);
    }
  }
  return {text.data() != nullptr ? text.data() : "", text.size()};
}

bool PackedValue::equals(std::string_view text) const {
  if (is_integer()) {
    return parse_int64(text) == number_;
  }
  return string() == text;
}

bool PackedNeedle::matches(const PackedValue& element) const {
  if (element.is_integer()) {
    return value_.is_integer() && value_.integer() == element.integer();
  }
  return element.string().size() == text_.size() &&
         same_bytes(element.string().data(), text_.data(), text_.size());
}

// --- encoding ---

namespace {

constexpr size_t kString6Max = 63;
constexpr size_t kString12Max = 4095;
constexpr int64_t kInt13Min = -4096;
constexpr int64_t kInt13Max = 4095;
constexpr int64_t kInt24Min = -(1 << 23);
constexpr int64_t kInt24Max = (1 << 23) - 1;

size_t integer_bytes(int64_t value) {
  if (value >= kInt13Min && value <= kInt13Max) {
    return value >= 0 && value <= 127 ? 1 : 2;
  }
  if (fits<int16_t>(value)) {
    return 3;
  }
  if (value >= kInt24Min && value <= kInt24Max) {
    return 4;
  }
  return fits<int32_t>(value) ? 5 : 9;
}

size_t string_head_bytes(size_t size) {
  return size <= kString6Max ? 1 : size <= kString12Max ? 2 : 5;
}

}  // namespace

size_t packed_bytes(const PackedValue& value) {
  if (value.is_integer()) {
    return integer_bytes(value.integer()) + 1;
  }
  const size_t size = value.string().size();
  const size_t bytes = string_head_bytes(size) + size;
  return bytes + Listpack::back_bytes(bytes);
}

char* write_packed(const PackedValue& value, char* out) {
  if (value.is_integer()) {
    const int64_t number = value.integer();
    const size_t bytes = integer_bytes(number);
    if (bytes == 1) {
      out[0] = static_cast<char>(number);
    } else if (bytes == 2) {
      out[0] = static_cast<char>(Listpack::kInt13 | ((number >> 8) & 31));
      out[1] = static_cast<char>(number);
    } else {
      constexpr uint8_t kTags[] = {Listpack::kInt16, Listpack::kInt24, Listpack::kInt32};
      out[0] = static_cast<char>(bytes == 9 ? uint8_t{Listpack::kInt64} : kTags[bytes - 3]);
      std::memcpy(out + 1, &number, bytes - 1);
    }
    out[bytes] = static_cast<char>(bytes);
    return out + bytes + 1;
  }
  const std::string_view text = value.string();
  const size_t head = string_head_bytes(text.size());
  if (head == 1) {
    out[0] = static_cast<char>(Listpack::kString6 | text.size());
  } else if (head == 2) {
    out[0] = static_cast<char>(Listpack::kString12 | text.size() >> 8);
    out[1] = static_cast<char>(text.size());
  } else {
    const auto size = static_cast<uint32_t>(text.size());
    out[0] = static_cast<char>(Listpack::kString32);
    std::memcpy(out + 1, &size, sizeof(size));
  }
  char* const end = write_bytes(text.data(), text.size(), out + head);
  return Listpack::write_back(head + text.size(), end);
}

char* Listpack::write_back(size_t n, char* out) {
  const size_t width = back_bytes(n);
  for (size_t i = width; i-- > 0; n >>= 7) {
    out[i] = static_cast<char>((n & 127) | (i > 0 ? 128 : 0));
  }
  return out + width;
}

void Listpack::write_count(char* out, size_t count) {
  const auto said = static_cast<uint16_t>(count < kCountUnknown ? count : kCountUnknown);
  static_assert(sizeof(said) == kCountBytes);
  std::memcpy(out, &said, sizeof(said));
}

void Listpack::write_frame(char* out, size_t elements, size_t count) {
  const auto total = static_cast<uint32_t>(elements + kEmptyBytes);
  static_assert(sizeof(total) == kLeadBytes);
  std::memcpy(out, &total, sizeof(total));
  write_count(out + kLeadBytes, count);
  out[total - 1] = static_cast<char>(kEndMark);
}

void Listpack::write_framed(std::string_view bare, char* out) {
  const auto total = static_cast<uint32_t>(bare.size() + kFrameBytes);
  std::memcpy(out, &total, sizeof(total));
  std::memcpy(out + sizeof(total), bare.data(), bare.size());
  out[total - 1] = static_cast<char>(kEndMark);
}

// --- reading ---

constinit const std::array<uint8_t, 256> Listpack::kElementBytes = [] {
  std::array<uint8_t, 256> bytes{};
  for (unsigned tag = 0; tag < kString12; ++tag) {
    bytes[tag] = static_cast<uint8_t>(tag < kString6 ? 2 : tag < kInt13 ? 2 + (tag & 63) : 3);
  }
  bytes[kInt16] = 4;
  bytes[kInt24] = 5;
  bytes[kInt32] = 6;
  bytes[kInt64] = 10;
  return bytes;
}();

size_t Listpack::walk_count() const {
  const char* const stop = base_ + end();
  size_t count = 0;
  for (const char* at = base_ + first(); at < stop; at = skip(at)) {
    ++count;
  }
  return count;
}

Listpack::Position Listpack::advance(Position at, size_t n) const {
  const Position stop = end();
  for (; n > 0; --n) {
    POLLUX_ASSERT(at < stop);
    at = next(at);
  }
  return at;
}

Listpack::Position Listpack::seek(int64_t index) const {
  const uint16_t said = header_count();
  if (said != kCountUnknown) {
    const int64_t from_front = index < 0 ? index + said : index;
    if (from_front < 0 || from_front >= said) {
      return kNone;
    }
    index = from_front < said / 2 ? from_front : from_front - said;
  }
  if (index >= 0) {
    const Position stop = end();
    Position at = first();
    for (; index > 0 && at < stop; --index) {
      at = next(at);
    }
    return at < stop ? at : kNone;
  }
  Position at = last();
  for (; index < -1 && at != kNone; ++index) {
    at = prev(at);
  }
  return at;
}

PackedRun Listpack::run(Position at, size_t n) const {
  return {{base_ + at, advance(at, n) - at}, n};
}

Listpack::Position Listpack::find(const PackedNeedle& needle, Position from, size_t skip) const {
  return needle.value().is_integer() ? find_integer(needle, from, skip)
                                     : find_string(needle.text(), from, skip);
}

// No integer has this text, so one look at the first byte passes nearly all elements.
Listpack::Position Listpack::find_string(std::string_view text, Position from,
                                         size_t skip_count) const {
  const char* const stop = base_ + end();
  const char* const bytes = text.data();
  const size_t size = text.size();
  const unsigned likely_tag =
      size <= kString6Max ? kString6 + static_cast<unsigned>(size) : unsigned{kEndMark};
  for (const char* at = base_ + from; at < stop;) {
    const unsigned tag = byte(at);
    if (tag == likely_tag) {
      if (same_bytes(at + 1, bytes, size)) {
        return static_cast<Position>(at - base_);
      }
      at += size + 2;  // as skip() has it, but without waiting for the tag
    } else {
      if (tag >= kString12 && tag <= kString32 && decode_wide(at, tag).value.string() == text) {
        return static_cast<Position>(at - base_);
      }
      at = skip(at);
    }
    for (size_t n = skip_count; n > 0 && at < stop; --n) {
      at = skip(at);
    }
  }
  return kNone;
}

Listpack::Position Listpack::find_integer(const PackedNeedle& needle, Position from,
                                          size_t skip_count) const {
  const Position stop = end();
  while (from < stop) {
    Position at = from;
    if (needle.matches(take(at))) {
      return from;
    }
    for (size_t n = skip_count; n > 0 && at < stop; --n) {
      at = next(at);
    }
    from = at;
  }
  return kNone;
}

// --- hostile bytes ---

bool Listpack::valid(std::string_view bytes, size_t* count) {
  if (bytes.size() < kEmptyBytes || load<uint32_t>(bytes.data()) != bytes.size() ||
      byte(&bytes.back()) != kEndMark) {
    return false;
  }
  const char* at = bytes.data() + kHeaderBytes;
  const char* const stop = &bytes.back();
  size_t elements = 0;
  for (; at < stop; ++elements) {
    const auto left = static_cast<size_t>(stop - at);
    const unsigned tag = byte(at);
    // Most elements say with their first byte how long they are, and have one byte behind.
    if (const size_t short_whole = kElementBytes[tag]; short_whole != 0) {
      if (short_whole > left || byte(at + short_whole - 1) != short_whole - 1) {
        return false;
      }
      at += short_whole;
      continue;
    }
    if (tag > kString32 || left < (tag == kString32 ? 5U : 2U)) {
      return false;
    }
    // The size is known now; what it spans, not yet.
    const size_t whole = whole_bytes(at);
    if (whole > left) {
      return false;
    }
    // The back length must be the one that a writer would have chosen: readers that go backwards
    // then come to the same elements.
    const size_t size = decode_wide(at, tag).bytes;
    char expected[kBackBytesMax];
    const auto width = static_cast<size_t>(write_back(size, expected) - expected);
    if (std::memcmp(at + size, expected, width) != 0) {
      return false;
    }
    at += whole;
  }
  const uint16_t said = load<uint16_t>(bytes.data() + kLeadBytes);
  if (said != kCountUnknown && said != elements) {
    return false;
  }
  if (count != nullptr) {
    *count = elements;
  }
  return true;
}

// --- edits ---

ListpackSplice Listpack::splice(Position at, size_t n, size_t come_count, size_t come) const {
  ListpackSplice edit;
  edit.at = at;
  edit.gone = advance(at, n) - at;
  edit.come = come;
  edit.total_before = bytes();
  edit.total = edit.total_before - edit.gone + come;
  const size_t said = header_count();
  const size_t count = said == kCountUnknown ? said : said - n + come_count;
  edit.count = static_cast<uint16_t>(count < kCountUnknown ? count : kCountUnknown);
  return edit;
}

ListpackSplice Listpack::replace(Position at, size_t n, std::span<const PackedValue> values) const {
  size_t come = 0;
  for (const PackedValue& value : values) {
    come += packed_bytes(value);
  }
  ListpackSplice edit = splice(at, n, values.size(), come);
  edit.values = values;
  return edit;
}

ListpackSplice Listpack::replace(Position at, size_t n, const PackedRun& run) const {
  ListpackSplice edit = splice(at, n, run.count, run.bytes.size());
  edit.encoded = run.bytes;
  return edit;
}

ListpackSplice Listpack::insert(Position at, std::span<const PackedValue> values) const {
  return replace(at, 0, values);
}

ListpackSplice Listpack::insert(Position at, const PackedRun& run) const {
  return replace(at, 0, run);
}

ListpackSplice Listpack::erase(Position at, size_t n) const {
  return splice(at, n, 0, 0);
}

void ListpackSplice::apply(char* bare) const {
  POLLUX_ASSERT(total <= Listpack::kBytesMax);
  if (come != gone) {
    std::memmove(bare + at + come, bare + at + gone, bare_before() - at - gone);
  }
  write_new(bare + at);
  Listpack::write_count(bare, count);
}

void ListpackSplice::apply_framed(char* framed) const {
  apply(framed + Listpack::kLeadBytes);
  Listpack::write_frame(framed, total - Listpack::kEmptyBytes, count);
}

void ListpackSplice::build(const char* from, char* to) const {
  POLLUX_ASSERT(total <= Listpack::kBytesMax);
  std::memcpy(to, from, at);
  write_new(to + at);
  std::memcpy(to + at + come, from + at + gone, bare_before() - at - gone);
  Listpack::write_count(to, count);
}

void ListpackSplice::write_new(char* out) const {
  for (const PackedValue& value : values) {
    out = write_packed(value, out);
  }
  write_bytes(encoded.data(), encoded.size(), out);
}

}  // namespace pollux
