// Rules of a port (rte_flow), made at its start and gone at its end.
#pragma once

#include <rte_flow.h>

#include <cstdint>
#include <span>
#include <string>

#include "dataplane/dpdk/flow_rules.h"

namespace pollux::dpdk {

// DPDK's; tests have others, since no device here takes rules.
struct FlowCalls {
  decltype(&rte_flow_validate) validate = rte_flow_validate;
  decltype(&rte_flow_create) create = rte_flow_create;
  decltype(&rte_flow_flush) flush = rte_flow_flush;
};

class PortFlows {
 public:
  explicit PortFlows(const FlowCalls& calls = {}) : calls_(calls) {}
  ~PortFlows() { clear(); }
  PortFlows(const PortFlows&) = delete;
  PortFlows& operator=(const PortFlows&) = delete;

  // Of a port that was started. All of the rules are made, or none and why: the port is as it was.
  std::string make(uint16_t port, const FlowRules& rules, std::span<const uint8_t> key);
  // Before the port is stopped.
  void clear();

 private:
  // One try, with `create` or without. Empty, or why not.
  std::string tell(const FlowRule& rule, const FlowRules& rules, std::span<const uint8_t> key,
                   bool create);

  const FlowCalls calls_;
  uint16_t port_ = 0;
  bool made_ = false;  // one at least
};

}  // namespace pollux::dpdk
