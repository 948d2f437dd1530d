#include "src/data/intset.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "src/base/assert.h"

namespace pollux {

static_assert(std::endian::native == std::endian::little, "integers are read as they stand");

namespace {

template <typename T>
bool fits(int64_t value) {
  return value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
}

uint8_t width_of(int64_t value) {
  return fits<int16_t>(value) ? 2 : fits<int32_t>(value) ? 4 : 8;
}

template <typename T>
T load_at(const char* integers, size_t index) {
  T value;
  std::memcpy(&value, integers + index * sizeof(T), sizeof(value));
  return value;
}

// Index of the first integer that is not less. The step is halved whatever the comparison says, so
// that it becomes a conditional move: which way a search goes is what no predictor knows.
template <typename T>
uint32_t lower_bound(const char* integers, uint32_t count, T value) {
  uint32_t low = 0;
  while (count > 0) {
    const uint32_t half = count - count / 2;
    low = load_at<T>(integers, low + half - 1) < value ? low + half : low;
    count /= 2;
  }
  return low;
}

template <typename T>
Intset::Place find_in(const char* integers, uint32_t count, int64_t value) {
  if (!fits<T>(value)) {
    return {false, value < 0 ? 0 : count};
  }
  const uint32_t index = lower_bound<T>(integers, count, static_cast<T>(value));
  return {index < count && load_at<T>(integers, index) == value, index};
}

template <typename T>
bool ascending(const char* integers, size_t count) {
  bool good = true;
  for (size_t i = 1; i < count; ++i) {
    good &= load_at<T>(integers, i - 1) < load_at<T>(integers, i);
  }
  return good;
}

void store(char* out, int64_t value, size_t width) {
  std::memcpy(out, &value, width);
}

}  // namespace

size_t Intset::bytes_of(std::span<const int64_t> integers) {
  const uint8_t width =
      integers.empty() ? 2 : std::max(width_of(integers.front()), width_of(integers.back()));
  return kHeaderBytes + integers.size() * width;
}

void Intset::write(std::span<const int64_t> integers, char* out) {
  const auto count = static_cast<uint32_t>(integers.size());
  const auto width =
      static_cast<uint32_t>(count == 0 ? 2 : (bytes_of(integers) - kHeaderBytes) / count);
  std::memcpy(out, &width, sizeof(width));
  std::memcpy(out + 4, &count, sizeof(count));
  out += kHeaderBytes;
  for (const int64_t integer : integers) {
    std::memcpy(out, &integer, width);  // little-endian: the low bytes come first
    out += width;
  }
}

bool Intset::valid(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) {
    return false;
  }
  const size_t width = load<uint32_t>(bytes.data());
  const size_t count = load<uint32_t>(bytes.data() + 4);
  const char* const integers = bytes.data() + kHeaderBytes;
  if ((width != 2 && width != 4 && width != 8) || bytes.size() != kHeaderBytes + count * width) {
    return false;
  }
  return width == 2   ? ascending<int16_t>(integers, count)
         : width == 4 ? ascending<int32_t>(integers, count)
                      : ascending<int64_t>(integers, count);
}

Intset::Place Intset::find(int64_t value) const {
  const char* const integers = base_ + kHeaderBytes;
  switch (width()) {
    case 2:
      return find_in<int16_t>(integers, count(), value);
    case 4:
      return find_in<int32_t>(integers, count(), value);
    default:
      return find_in<int64_t>(integers, count(), value);
  }
}

IntsetSplice Intset::insert(int64_t value, Place place) const {
  POLLUX_ASSERT(!place.found && place.index <= count());
  IntsetSplice edit;
  edit.value = value;
  edit.index = place.index;
  edit.count = count() + 1;
  edit.width = static_cast<uint8_t>(width() < width_of(value) ? width_of(value) : width());
  edit.insert = true;
  edit.total = kHeaderBytes + size_t{edit.count} * edit.width;
  return edit;
}

IntsetSplice Intset::erase(uint32_t index) const {
  POLLUX_ASSERT(index < count());
  IntsetSplice edit;
  edit.index = index;
  edit.count = count() - 1;
  edit.width = static_cast<uint8_t>(width());
  edit.total = kHeaderBytes + size_t{edit.count} * edit.width;
  return edit;
}

namespace {

void write_header(char* intset, uint32_t width, uint32_t count) {
  std::memcpy(intset, &width, sizeof(width));
  std::memcpy(intset + sizeof(width), &count, sizeof(count));
}

// Puts the integers `from` to their places in a wider intset, and leaves the gap for the new one.
// From the last one down, because `to` may be the same bytes.
void widen(const IntsetSplice& edit, const Intset& from, char* to) {
  const uint32_t count = edit.count - 1;
  for (uint32_t i = count; i-- > 0;) {
    store(to + Intset::kHeaderBytes + (i + size_t{i >= edit.index}) * edit.width, from.get(i),
          edit.width);
  }
}

}  // namespace

void IntsetSplice::apply(char* intset) const {
  const Intset old(intset);
  char* const place = intset + Intset::kHeaderBytes + size_t{index} * width;
  if (old.width() != width) {
    widen(*this, old, intset);
  } else {
    const size_t behind = (size_t{old.count()} - index) * width;
    if (insert) {
      std::memmove(place + width, place, behind);
    } else {
      std::memmove(place, place + width, behind - width);
    }
  }
  if (insert) {
    store(place, value, width);
  }
  write_header(intset, width, count);
}

void IntsetSplice::build(const char* from, char* to) const {
  const Intset old(from);
  const size_t before = Intset::kHeaderBytes + size_t{index} * width;
  if (old.width() != width) {
    widen(*this, old, to);
  } else {
    const char* const rest = from + before + (insert ? 0 : width);
    std::memcpy(to, from, before);
    std::memcpy(to + before + (insert ? width : 0), rest,
                static_cast<size_t>(from + old.bytes() - rest));
  }
  if (insert) {
    store(to + before, value, width);
  }
  write_header(to, width, count);
}

}  // namespace pollux
