// Lies about a connection, as somebody tells them who sees its segments and means it ill, or a peer
// that is broken: what they say is never true, and what they ask for a sound stack does not do. So
// streams that have them among their frames must still arrive byte by byte and end well.
//
// Left out is what nobody can tell from the truth: a RST, a FIN or data at exactly the place where
// the peer waits.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/sim/net/frame.h"

namespace pollux::tcp {

enum class Lie : uint8_t {
  kAckOfTheFuture,  // of what was never sent
  kAckOfThePast,
  kResetElsewhere,  // far out of the window
  kSynInBetween,    // where the connection is open
  kDataElsewhere,   // far out of the window, with garbage
  kDataOfThePast,   // just before it, with garbage and a timestamp that is long over (RFC 7323 5)
  kWindowShut,
  kSackOfTheFuture,  // of what was never sent
  kSackOfThePast,    // that something came twice (RFC 2883)
  kCongestion,       // ECE and CWR
  kUrgent,           // a pointer to nowhere
  kCount
};

// Such a segment beside this frame: from the same sender, at the same time, with right checksums;
// `draw` decides what. Nothing if the frame is no segment of a connection that is open, or has no
// room for that lie.
std::optional<Frame> forge(FrameView frame, uint64_t draw);

}  // namespace pollux::tcp
