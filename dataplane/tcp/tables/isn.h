// Where a connection begins to count: initial sequence numbers (RFC 6528) and the offset of its
// timestamps (RFC 7323 5.4). Both are a secret offset of the flow plus a clock, so that nobody else
// can guess them, and that those of one flow only grow: what the peer keeps of the flow's last
// connection then tells the new one apart (RFC 9293 3.4.1, RFC 6191).
//
// The secret is one of the process: after a restart sequence numbers and timestamps begin anew.
#pragma once

#include <cstdint>

#include "dataplane/tcp/tables/siphash.h"
#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/moment.h"
#include "dataplane/tcp/wire/seq.h"

namespace pollux::tcp {

// The clock of sequence numbers ticks every 4.096 us, as RFC 9293 3.4.1 asks (about 4 us); it is
// round after 4.9 hours.
inline constexpr unsigned kIsnTickShift = 12;
// The clock of timestamps ticks every ms (RFC 7323 5.4: between 1 ms and 1 s); it is round after 50
// days.
inline constexpr int64_t kTimestampTickNs = kMillisecondNs;

// Of one flow. Two halves of one hash: neither tells anything of the other.
struct FlowOffsets {
  uint32_t sequence = 0;
  uint32_t timestamp = 0;
};

inline FlowOffsets flow_offsets(SipKey key, const Flow& flow) {
  const uint64_t secret = flow_secret(key, flow);
  return {static_cast<uint32_t>(secret), static_cast<uint32_t>(secret >> 32)};
}

constexpr Seq initial_seq(FlowOffsets offsets, Moment now) {
  return {offsets.sequence + static_cast<uint32_t>(now.ns >> kIsnTickShift)};
}

// TSval of a segment that is sent now.
constexpr uint32_t timestamp_at(FlowOffsets offsets, Moment now) {
  return offsets.timestamp + static_cast<uint32_t>(now.ns / kTimestampTickNs);
}

}  // namespace pollux::tcp
