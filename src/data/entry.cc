#include "src/data/entry.h"

#include "src/base/arena.h"
#include "src/data/collection.h"

namespace pollux {

namespace {

// 8 bytes a slot at a load between 0.72 and 0.9 (key_table.h).
constexpr size_t kTableShareBytes = 10;

}  // namespace

size_t Entry::string_size() const {
  if (encoding() == Encoding::kInt) {
    char scratch[kInt64TextMax];
    return format_int64(integer(), scratch);
  }
  return stored_bytes().size();
}

size_t Entry::own_bytes() const {
  size_t bytes = EntryHeap::rounded(block_bytes());
  if (key_is_outside()) {
    bytes += Arena::usable(key_outside().capacity);
  }
  if (value_is_outside()) {
    bytes += Arena::usable(value_outside().capacity);
  }
  if (value_is_collection()) {
    bytes += collection()->bytes();
  }
  return bytes;
}

size_t Entry::memory_usage() const { return own_bytes() + kTableShareBytes; }

}  // namespace pollux
