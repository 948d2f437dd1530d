#include "src/data/sampling.h"

#include <bit>

namespace pollux {

namespace {

// Handles by open addressing; for as many as was said, at a load of at most a half.
class HandleSet {
 public:
  explicit HandleSet(uint64_t count) : slots_(std::bit_ceil(2 * count), kNoHandle) {}

  // False if it was there.
  bool insert(Handle handle) {
    const size_t mask = slots_.size() - 1;
    size_t at = (handle * uint64_t{0x9e3779b97f4a7c15}) >> 32 & mask;
    while (slots_[at] != kNoHandle) {
      if (slots_[at] == handle) {
        return false;
      }
      at = (at + 1) & mask;
    }
    slots_[at] = handle;
    return true;
  }

 private:
  std::vector<Handle> slots_;
};

}  // namespace

std::vector<Handle> sample_members(const MemberTable& table, uint64_t count, Rng& rng) {
  std::vector<Handle> chosen;
  if (count == 0) {
    return chosen;
  }
  chosen.reserve(count);
  if (count * 3 <= table.size()) {
    HandleSet seen(count);
    // A draw brings a new one with a chance of two thirds at least; a table so thin that it repeats
    // itself is walked.
    for (uint64_t tries = 16 + 4 * count; tries > 0 && chosen.size() < count; --tries) {
      const Handle handle = table.random(rng);
      if (seen.insert(handle)) {
        chosen.push_back(handle);
      }
    }
    if (chosen.size() == count) {
      return chosen;
    }
    chosen.clear();
  }
  Selection selection(count, table.size());
  table.scan(0, UINT64_MAX, [&](Handle handle) {
    if (selection.takes(rng)) {
      chosen.push_back(handle);
    }
  });
  return chosen;
}

}  // namespace pollux
