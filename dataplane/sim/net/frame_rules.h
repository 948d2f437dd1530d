// Which frames a scripted fault means, as predicates over their bytes: "the second FIN to this
// port" is drop_nth(2, all_of({fin(), to_port(80)})). Predicates have no state of their own; links
// count.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "dataplane/sim/net/frame.h"
#include "dataplane/sim/net/frame_peek.h"

namespace pollux::tcp {

using FrameMatch = std::function<bool(FrameView)>;

namespace match {

FrameMatch any();
FrameMatch all_of(std::vector<FrameMatch> matches);
FrameMatch any_of(std::vector<FrameMatch> matches);
FrameMatch none_of(std::vector<FrameMatch> matches);

FrameMatch ether_type(uint16_t type);
FrameMatch arp();
FrameMatch ip_protocol(uint8_t protocol);
FrameMatch between(IpAddress from, IpAddress to);

// These are of TCP.
FrameMatch tcp();
FrameMatch syn();      // with ACK or without
FrameMatch syn_ack();  // with
FrameMatch fin();
FrameMatch rst();
FrameMatch data();  // with payload
FrameMatch pure_ack();
FrameMatch starts_at(Seq seq);
FrameMatch covers(Seq seq);  // in its sequence space; SYN and FIN count
FrameMatch acks(Seq ack);    // its acknowledgement number is this one
FrameMatch zero_window();
FrameMatch from_port(uint16_t port);
FrameMatch to_port(uint16_t port);
// Anything else that can be told of a TCP segment.
FrameMatch tcp_that(std::function<bool(const TcpPeek&)> holds);

}  // namespace match

}  // namespace pollux::tcp
