// One transmitted segment, as the send queue remembers it and all of recovery speaks of it.
#pragma once

#include <cstdint>

#include "dataplane/tcp/wire/moment.h"
#include "dataplane/tcp/wire/seq.h"

namespace pollux::tcp {

struct Segment {
  static constexpr uint8_t kSyn = 1;
  static constexpr uint8_t kFin = 2;
  static constexpr uint8_t kRetransmitted = 4;  // ever, so an ACK of it is ambiguous
  static constexpr uint8_t kSacked = 8;
  static constexpr uint8_t kLost = 16;  // and not sent again since

  Seq begin;
  uint32_t bytes = 0;  // of sequence space: SYN and FIN are one each
  Moment sent;         // the last time
  // SendQueue::delivered() when it was sent the last time. The queue's own once it is SACKed.
  uint32_t delivered_before = 0;
  uint8_t flags = 0;

  Seq end() const { return begin + bytes; }
  SeqRange range() const { return {begin, end()}; }
  bool is(uint8_t flag) const { return (flags & flag) != 0; }
  // Thought to be on its way.
  bool in_flight() const { return !is(kSacked | kLost); }
};
static_assert(sizeof(Segment) == 24);

}  // namespace pollux::tcp
