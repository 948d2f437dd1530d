// The lease that a worker claims or holds over shards of others (lease.h), as far as it has come.
#pragma once

#include <cstdint>

#include "dataplane/engine/lease.h"

namespace pollux {

class Session;

// What a lease may be wanted for.
enum class LeaseFor : uint8_t { kSession, kLeftTopics, kHeldCell, kSnapshot, kLoad };
inline constexpr int kLeaseFors = 5;

enum class LeaseStep : uint8_t {
  kNone, kClaimed, kPublished, kParking, kWithdrawn, kHolding, kExec
};

struct LeaseUnderWay {
  LeaseStep step = LeaseStep::kNone;
  uint64_t ticket = 0;
  uint64_t passed = 0;
  ShardSet shards;
  int acknowledgements = 0;
  uint64_t since_tsc = 0;
  LeaseFor purpose = LeaseFor::kSession;  // what it was claimed for
  bool for_held_cell = false;             // the first that is held back is to run under it
  Session* session = nullptr;             // whose request runs, or is the next to
  Session* before = nullptr;              // whose request has just run
  int requests_left = 0;                  // that may run under it
};

}  // namespace pollux
