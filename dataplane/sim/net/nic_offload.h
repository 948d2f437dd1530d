// What a NIC does to packets of TCP by itself: it fills in checksums, cuts one long packet into
// segments, and looks at checksums of what comes. Like frame_peek a second opinion, that shares no
// code with the stack: what that leaves to the NIC in a wrong way arrives wrong.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/sim/net/frame.h"

namespace pollux::tcp {

struct TxOffload {
  // Of IPv4 and TCP. The field of TCP's holds the sum of the pseudo-header; its length in there is
  // that of the segment, or 0 if the packet is to be cut.
  bool checksums = false;
  // Payload of each segment to cut it into; 0: it goes as it is. Requires checksums.
  uint32_t segment_bytes = 0;
};

// What goes onto the wire, in its order. Of what is no TCP over IP the frame as it is.
std::vector<Frame> finished_by_nic(Frame frame, const TxOffload& offload);

// Bytes of the headers of a TCP segment, from the Ethernet header on; 0: it is none.
uint32_t tcp_header_end(FrameView frame);

// Whether it is TCP over IP, and the checksums of IPv4 and TCP are right.
bool checksums_are_right(FrameView frame);

}  // namespace pollux::tcp
