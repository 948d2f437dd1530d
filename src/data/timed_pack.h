// The flat form of a hash some of whose fields have, or had, TTLs: what Redis 7.4 has as
// `listpackex`, a listpack of field, value, time, field, value, time, ... The time is Unix ms, or 0
// of a field without a TTL. Fields stand in the order of their times, those without one last: the
// next one to end is the first, and those that are due are a run at the front.
//
// Reads bytes that somebody else owns, as Listpack does. One thread, with the hold of the shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "src/data/listpack.h"

namespace pollux {

class TimedPack {
 public:
  static constexpr size_t kElements = 3;  // a field
  static constexpr int64_t kNoTime = 0;

  explicit TimedPack(const Listpack& pack) : pack_(pack) {}

  size_t size() const { return pack_.count() / kElements; }
  // Of the field, or Listpack::kNone.
  Listpack::Position find(const PackedNeedle& field) const {
    return pack_.find(field, Listpack::first(), /*skip=*/kElements - 1);
  }
  Listpack::Position next(Listpack::Position field) const {
    return pack_.advance(field, kElements);
  }
  // When the field at this position ends; -1: never.
  int64_t expiry_ms(Listpack::Position field) const {
    const int64_t at_ms = pack_.get(pack_.advance(field, 2)).integer();
    return at_ms == kNoTime ? -1 : at_ms;
  }
  // The same of the one that ends first.
  int64_t next_expiry_ms() const { return pack_.empty() ? -1 : expiry_ms(Listpack::first()); }

  // Where a field with this time belongs: behind those that end with it or before.
  Listpack::Position place_for(int64_t at_ms) const {
    Listpack::Position at = Listpack::first();
    for (int64_t there = 0; at != pack_.end(); at = next(at)) {
      there = expiry_ms(at);
      if (there == -1 || there > at_ms) {
        break;
      }
    }
    return at;
  }
  // How many fields end at `limit_ms` or before.
  size_t due(int64_t limit_ms) const {
    size_t count = 0;
    for (Listpack::Position at = Listpack::first(); at != pack_.end(); at = next(at), ++count) {
      const int64_t there = expiry_ms(at);
      if (there == -1 || there > limit_ms) {
        break;
      }
    }
    return count;
  }

 private:
  Listpack pack_;
};

}  // namespace pollux
