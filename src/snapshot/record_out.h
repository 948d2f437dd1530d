// The port through which the records of a snapshot leave a shard. There are two lanes, for a record
// must stand whole in a file: small values are written in one go, big ones in slices, with records
// of other keys in between.
#pragma once

#include <cstdint>

#include "src/base/byte_sink.h"

namespace pollux {

class RecordOut {
 public:
  enum class Lane : uint8_t { kSmall, kBig };
  static constexpr size_t kLanes = 2;

  virtual ~RecordOut() = default;
  // Where the bytes of a lane go. Always the same one.
  virtual ByteSink& sink(Lane lane) = 0;
  // A record of this database begins; sees to it that its reader knows the number.
  virtual void begin_record(Lane lane, uint32_t db) = 0;
  virtual void end_record(Lane lane) = 0;
  // Whether the walk may write on. What it can't put off, it writes without asking.
  virtual bool has_room(Lane lane) = 0;
};

}  // namespace pollux
