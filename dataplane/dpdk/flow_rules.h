// Which frames a device is asked to spread by rules of its own (DPDK's rte_flow), where it does not
// say how it spreads them by itself: segments of TCP to our addresses, by a key that is told, over
// one queue a worker. What else comes stays where the device puts it by itself.
//
// By address, not by port: what a listener is moved to needs no other rules, and segments to ports
// that are not ours have an owner in software anyway (dataplane/tcp/steering).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/tcp/interface/interface.h"

namespace pollux::dpdk {

struct FlowRule {
  tcp::IpAddress to;  // TCP, from whomever, to any port
  uint16_t vlan = 0;  // with this tag; 0: without one
  bool operator==(const FlowRule&) const = default;
};

struct FlowRules {
  std::vector<FlowRule> rules;   // a device takes all of them, or none counts
  std::vector<uint16_t> queues;  // by the hash's lowest bits
  std::string why_none;          // empty: there are some
};

FlowRules flow_rules(const std::vector<tcp::LinkPrefix>& addresses, uint16_t vlan,
                     uint16_t queues);

}  // namespace pollux::dpdk
