#include "dataplane/tcp/recovery/receive_window.h"

namespace pollux::tcp {

uint16_t ReceiveWindow::offer(Seq rcv_nxt, const Room& room) {
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

bool ReceiveWindow::update_due(Seq rcv_nxt, const Room& room) const {
  const uint32_t offered = offered_bytes(rcv_nxt);
  const uint32_t free = can_offer(room);
  return free > offered && free - offered >= std::min(2 * room.mss, room.buffer_bytes / 2);
}

}  // namespace pollux::tcp
