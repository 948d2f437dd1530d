#include "dataplane/dpdk/flow_rules.h"

#include <bit>
#include <numeric>

namespace pollux::dpdk {

FlowRules flow_rules(const std::vector<tcp::LinkPrefix>& addresses, uint16_t vlan,
                     uint16_t queues) {
  FlowRules out;
  // The device makes a table of a size of its own from the queues, by repeating them. Only of a
  // power of two the hash's lowest bits are then the queue, whatever that size is.
  if (!std::has_single_bit(queues)) {
    out.why_none = "for rules of the device workers are no power of two";
    return out;
  }
  for (const tcp::LinkPrefix& prefix : addresses) {
    out.rules.push_back({.to = prefix.address, .vlan = vlan});
  }
  out.queues.resize(queues);
  std::iota(out.queues.begin(), out.queues.end(), uint16_t{0});
  return out;
}

}  // namespace pollux::dpdk
