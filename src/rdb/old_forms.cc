#include "src/rdb/old_forms.h"

#include <cstring>

namespace pollux {

namespace {

constexpr size_t kZiplistHeaderBytes = 10;
constexpr uint16_t kZiplistCountUnknown = 65535;
constexpr uint8_t kZiplistFarBefore = 254;
constexpr uint8_t kZipmapFarLength = 254;  // also: too many pairs for the count
constexpr uint8_t kEndMark = 255;

template <typename T>
T load(std::string_view bytes, size_t at = 0) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

uint8_t byte(std::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}

}  // namespace

// --- ziplist ---

ZiplistReader::ZiplistReader(std::string_view bytes) : bytes_(bytes), at_(kZiplistHeaderBytes) {
  const bool framed = bytes.size() > kZiplistHeaderBytes &&
                      load<uint32_t>(bytes) == bytes.size() &&
                      byte(bytes, bytes.size() - 1) == kEndMark;
  if (!framed) {
    bytes_ = {};
  }
}

bool ZiplistReader::take(size_t size, std::string_view& bytes) {
  // The end mark belongs to no element.
  if (size > bytes_.size() - 1 - at_) {
    return false;
  }
  bytes = bytes_.substr(at_, size);
  at_ += size;
  return true;
}

bool ZiplistReader::next(PackedValue& element) {
  if (bytes_.empty()) {
    return false;
  }
  if (at_ == bytes_.size() - 1) {
    finish();
    return false;
  }
  const size_t start = at_;
  uint64_t before = 0;
  if (!read_before(before) || before != last_bytes_ || !read_data(element)) {
    bytes_ = {};
    return false;
  }
  last_ = start;
  last_bytes_ = at_ - start;
  ++elements_;
  return true;
}

void ZiplistReader::finish() {
  const uint16_t said = load<uint16_t>(bytes_, 8);
  const size_t tail = elements_ == 0 ? kZiplistHeaderBytes : last_;
  complete_ = load<uint32_t>(bytes_, 4) == tail &&
              (said == kZiplistCountUnknown || said == elements_);
}

bool ZiplistReader::read_before(uint64_t& bytes) {
  std::string_view part;
  if (!take(1, part)) {
    return false;
  }
  bytes = byte(part, 0);
  if (bytes < kZiplistFarBefore) {
    return true;
  }
  if (bytes != kZiplistFarBefore || !take(4, part)) {
    return false;
  }
  bytes = load<uint32_t>(part);
  return true;
}

bool ZiplistReader::read_data(PackedValue& element) {
  std::string_view part;
  if (!take(1, part)) {
    return false;
  }
  const unsigned tag = byte(part, 0);
  const auto string = [&](size_t size) {
    const bool there = take(size, part);
    element = PackedValue::of(part);
    return there;
  };
  const auto integer = [&]<typename T>(T) {
    const bool there = take(sizeof(T), part);
    element = PackedValue(there ? int64_t{load<T>(part)} : 0);
    return there;
  };
  switch (tag >> 6) {
    case 0:
      return string(tag & 63);
    case 1: {
      const unsigned high = tag & 63;
      return take(1, part) && string(high << 8 | byte(part, 0));
    }
    case 2:
      return tag == 0x80 && take(4, part) && string(__builtin_bswap32(load<uint32_t>(part)));
    default:
      break;
  }
  switch (tag) {
    case 0xc0:
      return integer(int16_t{});
    case 0xd0:
      return integer(int32_t{});
    case 0xe0:
      return integer(int64_t{});
    case 0xf0: {
      if (!take(3, part)) {
        return false;
      }
      const int64_t high = static_cast<int8_t>(part[2]);
      element = PackedValue(high * 65536 + load<uint16_t>(part));
      return true;
    }
    case 0xfe:
      return integer(int8_t{});
    default:
      element = PackedValue(static_cast<int64_t>(tag & 15) - 1);
      return tag >= 0xf1 && tag <= 0xfd;
  }
}

// --- zipmap ---

ZipmapReader::ZipmapReader(std::string_view bytes) : rest_(bytes), broken_(bytes.empty()) {
  if (!broken_) {
    said_ = byte(rest_, 0);
    rest_.remove_prefix(1);
  }
}

bool ZipmapReader::take(size_t size, std::string_view& bytes) {
  if (size > rest_.size()) {
    return false;
  }
  bytes = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

bool ZipmapReader::read_length(uint64_t& length) {
  std::string_view part;
  if (!take(1, part) || byte(part, 0) == kEndMark) {
    return false;
  }
  length = byte(part, 0);
  if (length != kZipmapFarLength) {
    return true;
  }
  if (!take(4, part)) {
    return false;
  }
  length = load<uint32_t>(part);
  return true;
}

bool ZipmapReader::next(std::string_view& field, std::string_view& value) {
  if (broken_) {
    return false;
  }
  if (rest_.size() == 1 && byte(rest_, 0) == kEndMark) {
    complete_ = said_ == kZipmapFarLength || said_ == pairs_;
    return false;
  }
  uint64_t size = 0;
  std::string_view idle;
  const bool there = read_length(size) && take(size, field) && read_length(size) &&
                     take(1, idle) && take(size, value) && take(byte(idle, 0), idle);
  broken_ = !there;
  ++pairs_;
  return there;
}

}  // namespace pollux
