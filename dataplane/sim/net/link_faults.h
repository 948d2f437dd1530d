// What goes wrong on a link: by chance, by rule, or by script (net_fault.h).
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/sim/net/chance.h"
#include "dataplane/sim/net/frame_rules.h"
#include "dataplane/sim/net/net_fault.h"
#include "dataplane/tcp/wire/moment.h"

namespace pollux::tcp {

// Hits frames number first to first + count - 1 of those that match, among those that reach the
// wire.
struct FrameRule {
  static constexpr uint64_t kAll = UINT64_MAX;
  FrameMatch matches;
  uint64_t first = 1;
  uint64_t count = 1;
  FaultKind action = FaultKind::kLose;
  int64_t value = 0;
};
inline FrameRule drop_nth(uint64_t n, FrameMatch matches) {
  return {.matches = std::move(matches), .first = n};
}
inline FrameRule drop_all(FrameMatch matches) {
  return {.matches = std::move(matches), .count = FrameRule::kAll};
}

// Gilbert and Elliott's two states: in a burst, frames are lost by another chance than outside,
// which is LinkFaults::loss. Bursts last kChanceMax / end frames in the mean.
struct LossBursts {
  uint32_t begin = 0;  // that a burst begins with this frame
  uint32_t end = 2'500;
  uint32_t loss = kChanceMax;
};

struct DownTime {
  Moment from;
  Moment until;  // the first moment when it works again
};

struct MtuChange {
  Moment at;
  uint32_t mtu = 0;
};

struct LinkFaults {
  // By chance of kChanceMax, for frames offered in [from, until): a scenario that asks whether all
  // recovers once faults are over sets `until`.
  Moment from{};
  Moment until = kNever;
  uint32_t loss = 0;
  LossBursts bursts;
  uint32_t duplicate = 0;
  int64_t duplicate_ns_max = 100 * kMicrosecondNs;  // uniform from 0
  uint32_t reorder = 0;
  int64_t reorder_ns_max = kMillisecondNs;  // uniform from 1
  // One bit of an IP packet, which the checksums of IP and TCP always notice where they cover it:
  // everywhere but in IPv6's traffic class, flow label and hop limit. They don't notice every two
  // flips, so a second one needs a test that knows.
  uint32_t corrupt = 0;
  // One bit of the whole frame instead, and of frames that are no IP. On a wire Ethernet's checksum
  // guards these, and nothing else does: ARP believes what it is told until that expires, and a
  // switch learns any address. Not for scenarios in which all must be well soon afterwards.
  bool corrupt_anywhere = false;
  uint32_t truncate = 0;
  uint32_t forge = 0;  // segments that lie (forge.h)

  // Lost is what is sent, or would arrive, while the link is down. It is one direction: the other
  // link of the cable has its own times.
  std::vector<DownTime> down;
  // Bigger packets are dropped in silence from then on (a black hole), or told of:
  // Link::on_too_big.
  std::vector<MtuChange> mtu_changes;
  std::vector<FrameRule> rules;
  // Those of others are ignored.
  std::vector<NetFault> script;
};

}  // namespace pollux::tcp
