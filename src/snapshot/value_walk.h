// One large value, written in slices as it was at the cut, while it changes. Parts that are still
// as they were are written where the walk meets them; one that is about to change is taken down
// and written before the next slice. What a record says of its parts' order does not matter where
// parts come so: members of sets, hashes and sorted sets may stand in any order. Lists and streams
// (list_walk.h, stream_walk.h) are written in their own.
//
// Belongs to the holder of the shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "src/data/entry.h"
#include "src/data/pre_images.h"
#include "src/data/shard_memory.h"
#include "src/rdb/rdb_writer.h"

namespace pollux {

class ValueWalk {
 public:
  virtual ~ValueWalk() = default;
  ValueWalk() = default;
  ValueWalk(const ValueWalk&) = delete;
  ValueWalk& operator=(const ValueWalk&) = delete;

  // Writes some of the value, in the order of its record, until all is written (true) or the time
  // stamp counter has reached `until`. Null: nothing is written, but no part is old at the end.
  virtual bool write_some(RdbWriter* out, uint64_t until) = 0;
  // The member changes now; see PreImages.
  virtual void before_member(Entry& member);
  // Of lists and streams: under which number they tell of changes, and to whom.
  virtual ReaderId reader_id() const { return 0; }
  virtual ListReader* list_reader() { return nullptr; }
  virtual StreamReader* stream_reader() { return nullptr; }
  // What it holds of parts that have changed.
  virtual size_t held_bytes() const { return 0; }
};

// How much of a value is written between two looks at the time, and of how many bytes a text is
// written in pieces, and so as it is. (LZF takes 3 us a KB at worst.)
inline constexpr size_t kWalkBytesAtOnce = 64 << 10;

// Whether the value is written so; others at once.
bool is_walked(const Entry& entry);
// How the value of an entry is to be written that has just been told (PreImages::before_key), or is
// being walked. `compress`: as RdbWriter.
std::unique_ptr<ValueWalk> walk_of(const Entry& entry, ShardMemory& memory, bool compress);

}  // namespace pollux
