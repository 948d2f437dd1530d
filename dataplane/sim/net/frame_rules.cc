#include "dataplane/sim/net/frame_rules.h"

#include <algorithm>
#include <utility>

namespace pollux::tcp::match {

FrameMatch any() {
  return [](FrameView) { return true; };
}

FrameMatch all_of(std::vector<FrameMatch> matches) {
  return [matches = std::move(matches)](FrameView frame) {
    return std::ranges::all_of(matches, [&](const FrameMatch& m) { return m(frame); });
  };
}

FrameMatch any_of(std::vector<FrameMatch> matches) {
  return [matches = std::move(matches)](FrameView frame) {
    return std::ranges::any_of(matches, [&](const FrameMatch& m) { return m(frame); });
  };
}

FrameMatch none_of(std::vector<FrameMatch> matches) {
  return [matches = std::move(matches)](FrameView frame) {
    return std::ranges::none_of(matches, [&](const FrameMatch& m) { return m(frame); });
  };
}

FrameMatch ether_type(uint16_t type) {
  return [type](FrameView frame) {
    const std::optional<EtherPeek> ether = peek_ether(frame);
    return ether && ether->type == type;
  };
}

FrameMatch arp() {
  return ether_type(kEtherArp);
}

FrameMatch ip_protocol(uint8_t protocol) {
  return [protocol](FrameView frame) {
    const std::optional<IpPeek> ip = peek_ip(frame);
    return ip && ip->protocol == protocol;
  };
}

FrameMatch between(IpAddress from, IpAddress to) {
  return [from, to](FrameView frame) {
    const std::optional<IpPeek> ip = peek_ip(frame);
    return ip && ip->from == from && ip->to == to;
  };
}

FrameMatch tcp_that(std::function<bool(const TcpPeek&)> holds) {
  return [holds = std::move(holds)](FrameView frame) {
    const std::optional<TcpPeek> tcp = peek_tcp(frame);
    return tcp && holds(*tcp);
  };
}

FrameMatch tcp() {
  return tcp_that([](const TcpPeek&) { return true; });
}

FrameMatch syn() {
  return tcp_that([](const TcpPeek& tcp) { return tcp.syn; });
}

FrameMatch syn_ack() {
  return tcp_that([](const TcpPeek& tcp) { return tcp.syn && tcp.has_ack; });
}

FrameMatch fin() {
  return tcp_that([](const TcpPeek& tcp) { return tcp.fin; });
}

FrameMatch rst() {
  return tcp_that([](const TcpPeek& tcp) { return tcp.rst; });
}

FrameMatch data() {
  return tcp_that([](const TcpPeek& tcp) { return tcp.payload_bytes != 0; });
}

FrameMatch pure_ack() {
  return tcp_that([](const TcpPeek& tcp) { return tcp.is_pure_ack(); });
}

FrameMatch starts_at(Seq seq) {
  return tcp_that([seq](const TcpPeek& tcp) { return tcp.seq == seq; });
}

FrameMatch covers(Seq seq) {
  return tcp_that([seq](const TcpPeek& tcp) { return tcp.range().contains(seq); });
}

FrameMatch acks(Seq ack) {
  return tcp_that([ack](const TcpPeek& tcp) { return tcp.has_ack && tcp.ack == ack; });
}

FrameMatch zero_window() {
  return tcp_that([](const TcpPeek& tcp) { return tcp.window == 0 && !tcp.rst; });
}

FrameMatch from_port(uint16_t port) {
  return tcp_that([port](const TcpPeek& tcp) { return tcp.from_port == port; });
}

FrameMatch to_port(uint16_t port) {
  return tcp_that([port](const TcpPeek& tcp) { return tcp.to_port == port; });
}

}  // namespace pollux::tcp::match
