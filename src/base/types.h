// The small types that every room speaks: who (workers, shards, connections) and when.
// An id is a type of its own, so that a shard can't be passed where a worker is meant.
#pragma once

#include <compare>
#include <cstdint>

namespace pollux {

// A part of the keys. Shard s is owned by worker s today; code must not rely on that
// outside dataplane/engine/router.
struct ShardId {
  uint16_t value = 0;
  friend auto operator<=>(const ShardId&, const ShardId&) = default;
};

// A core with its polling loop, sessions and end of the transport.
struct WorkerId {
  uint16_t value = 0;
  friend auto operator<=>(const WorkerId&, const WorkerId&) = default;
};

inline constexpr int kWorkersMax = 256;

// A connection of one worker's transport. The index is dense and reused, the generation is not,
// so a late event can't reach a new tenant of the same index.
struct ConnId {
  uint32_t index = 0;
  uint32_t generation = 0;
  friend auto operator<=>(const ConnId&, const ConnId&) = default;
};

// Wall-clock time in microseconds since the Unix epoch, read once a turn and passed down.
// Expiry is decided on whole milliseconds, as Redis does.
struct Instant {
  int64_t us = 0;
  int64_t ms() const { return us / 1000; }
  friend auto operator<=>(const Instant&, const Instant&) = default;
};

// A place in the one history of changes (storage/journal.h). 0 is "before everything".
struct Ticket {
  uint64_t value = 0;
  friend auto operator<=>(const Ticket&, const Ticket&) = default;
};

}  // namespace pollux
