#include "storage/sim_file.h"

#include <algorithm>

namespace pollux {
namespace {

// Which changes a crash leaves: mostly something in between would never show what lies at the
// edges.
enum class Left : uint8_t { kNothing, kAll, kFirst, kWhole, kSectors };
constexpr uint64_t kLefts = 5;

}  // namespace

void SimFile::write(uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) {
    return;
  }
  const uint64_t end = offset + bytes.size();
  if (end > seen_.size()) {
    seen_.resize(end);
  }
  bytes.copy(seen_.data() + offset, bytes.size());
  const uint64_t from = offset / kSectorBytes * kSectorBytes;
  const uint64_t to = (end + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
  changes_.push_back(
      {.offset = from, .bytes = seen_.substr(from, to - from), .size = seen_.size()});
}

void SimFile::truncate(uint64_t bytes) {
  seen_.resize(bytes);
  changes_.push_back({.size = bytes, .truncates = true});
}

void SimFile::sync(uint64_t changes) {
  for (const Change& change : up_to(changes)) {
    for (size_t part = 0; part < change.parts(); ++part) {
      change.apply_part(part, durable_);
    }
  }
  forget(changes);
}

void SimFile::lose(uint64_t changes, Rng& rng) {
  apply_some(up_to(changes), rng, durable_);
  forget(changes);
}

std::string SimFile::survivor(Rng& rng) const {
  std::string left = durable_;
  apply_some(changes_, rng, left);
  return left;
}

size_t SimFile::Change::parts() const {
  return truncates ? 1 : (bytes.size() + kSectorBytes - 1) / kSectorBytes;
}

void SimFile::Change::apply_part(size_t part, std::string& to) const {
  if (truncates) {
    to.resize(size);
    return;
  }
  const std::string_view sector = std::string_view(bytes).substr(part * kSectorBytes, kSectorBytes);
  const uint64_t from = offset + part * kSectorBytes;
  if (to.size() < from + sector.size()) {
    to.resize(from + sector.size());
  }
  sector.copy(to.data() + from, sector.size());
}

void SimFile::apply_some(std::span<const Change> changes, Rng& rng, std::string& to) {
  size_t parts = 0;
  for (const Change& change : changes) {
    parts += change.parts();
  }
  const auto left = static_cast<Left>(rng.below(kLefts));
  const size_t first = left == Left::kNothing ? 0
                       : left == Left::kAll   ? parts
                                              : rng.below(parts + 1);
  size_t at = 0;
  for (const Change& change : changes) {
    const bool whole = rng.below(2) != 0;
    for (size_t part = 0; part < change.parts(); ++part, ++at) {
      const bool there = left == Left::kSectors ? rng.below(2) != 0
                         : left == Left::kWhole ? whole
                                                : at < first;
      if (there) {
        change.apply_part(part, to);
      }
    }
    if (left >= Left::kWhole && !change.truncates && rng.below(4) == 0) {
      to.resize(std::max<uint64_t>(to.size(), change.size));
    }
  }
}

std::span<const SimFile::Change> SimFile::up_to(uint64_t changes) const {
  return std::span(changes_).first(changes > first_ ? changes - first_ : 0);
}

void SimFile::forget(uint64_t changes) {
  const auto count = static_cast<std::ptrdiff_t>(up_to(changes).size());
  changes_.erase(changes_.begin(), changes_.begin() + count);
  first_ += static_cast<uint64_t>(count);
}

}  // namespace pollux
