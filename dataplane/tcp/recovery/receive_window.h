// The window that is offered to the peer. Its right edge never moves left (RFC 9293 3.8.6, 7323
// 2.4), and moves right only by steps that are worth a segment (silly window syndrome avoidance,
// RFC 9293 3.8.6.2.2). State of one connection; 8 bytes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/tcp/wire/seq.h"

namespace pollux::tcp {

class ReceiveWindow {
 public:
  // `shift` is that of the window scale option (0 to 14); 2^shift should be a small part of the
  // buffer, since less than that is never offered. `edge`: RCV.NXT and the window of the SYN or
  // SYN-ACK, which is never scaled.
  ReceiveWindow(Seq edge, uint8_t shift) : edge_(edge), shift_(shift & 15U) {}

  // Room there is: `free_bytes` of a buffer of `buffer_bytes`.
  struct Room {
    uint32_t free_bytes = 0;
    uint32_t buffer_bytes = 0;
    uint32_t mss = 0;
  };
  // The window field of a segment that now goes out with ACK `rcv_nxt`. The offer may exceed the
  // room by 2^shift - 1 bytes where the edge would else move left; have that much in reserve.
  uint16_t offer(Seq rcv_nxt, const Room& room);
  // Whether the application has read so much that the peer should be told without waiting for a
  // segment to tell it by: at least min(2*MSS, half the buffer) more than was offered. Not before
  // the first offer, which is wider than what a SYN can tell: nobody's first flight fills even that
  // (RFC 6928), and what acknowledges it brings the rest. An ACK of its own would be one in four of
  // the frames of a connection that asks once.
  bool update_due(Seq rcv_nxt, const Room& room) const;

  Seq edge() const { return edge_; }  // what was offered: no byte at or beyond it may come
  uint32_t offered_bytes(Seq rcv_nxt) const {
    return edge_ <= rcv_nxt ? 0 : static_cast<uint32_t>(edge_ - rcv_nxt);
  }

 private:
  // What can be offered of the room: both functions go by it, or an update would stay due that the
  // field can not tell.
  uint32_t can_offer(const Room& room) const {
    return std::min<uint32_t>(room.free_bytes >> shift_, UINT16_MAX) << shift_;
  }

  Seq edge_;
  uint8_t shift_ : 4;
  bool offered_once_ : 1 = false;
};
static_assert(sizeof(ReceiveWindow) == 8);

inline uint16_t ReceiveWindow::offer(Seq rcv_nxt, const Room& room) {
  offered_once_ = true;
  const uint32_t offered = offered_bytes(rcv_nxt);
  const uint32_t free = can_offer(room);
  uint32_t units = (offered + (1U << shift_) - 1) >> shift_;  // up: the edge stays or moves right
  const uint32_t step = std::min(room.buffer_bytes / 2, room.mss);
  if (free > offered && free - offered >= step) {
    units = std::max(units, free >> shift_);
  }
  units = std::min<uint32_t>(units, UINT16_MAX);
  edge_ = later(edge_, rcv_nxt + (units << shift_));
  return static_cast<uint16_t>(units);
}

inline bool ReceiveWindow::update_due(Seq rcv_nxt, const Room& room) const {
  const uint32_t offered = offered_bytes(rcv_nxt);
  const uint32_t free = can_offer(room);
  return offered_once_ && free > offered &&
         free - offered >= std::min(2 * room.mss, room.buffer_bytes / 2);
}

}  // namespace pollux::tcp
