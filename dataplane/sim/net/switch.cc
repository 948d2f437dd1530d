#include "dataplane/sim/net/switch.h"

#include <utility>

#include "dataplane/sim/net/frame_peek.h"

namespace pollux::tcp {

uint32_t Switch::add_port(Link& out) {
  outs_.push_back(&out);
  return static_cast<uint32_t>(outs_.size() - 1);
}

void Switch::arrive(Frame frame, uint32_t port) {
  const std::optional<EtherPeek> ether = peek_ether(frame);
  if (!ether) {
    ++runts_;
    return;
  }
  if (!ether->from.is_group() &&
      (ports_of_.size() < kAddressesMax || ports_of_.contains(ether->from))) {
    ports_of_[ether->from] = port;
  }
  const auto known = ports_of_.find(ether->to);
  if (ether->to.is_group() || known == ports_of_.end()) {
    ++flooded_;
    flood(frame, port);
  } else if (known->second == port) {
    ++filtered_;
  } else {
    ++forwarded_;
    outs_[known->second]->send(std::move(frame));
  }
}

void Switch::flood(const Frame& frame, uint32_t except) {
  for (uint32_t port = 0; port < outs_.size(); ++port) {
    if (port != except) {
      outs_[port]->send(frame);
    }
  }
}

}  // namespace pollux::tcp
