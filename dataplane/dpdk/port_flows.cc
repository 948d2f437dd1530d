#include "dataplane/dpdk/port_flows.h"

#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace pollux::dpdk {

namespace {

// What of a frame a rule looks at. The items point into it.
struct Pattern {
  explicit Pattern(const FlowRule& rule) {
    size_t count = 0;
    items[count++].type = RTE_FLOW_ITEM_TYPE_ETH;
    if (rule.vlan != 0) {
      vlan.tci = rte_cpu_to_be_16(rule.vlan);
      vlan_mask.tci = rte_cpu_to_be_16(0xfff);
      items[count++] = {.type = RTE_FLOW_ITEM_TYPE_VLAN,
                        .spec = &vlan,
                        .last = nullptr,
                        .mask = &vlan_mask};
    }
    if (rule.to.is_v4()) {
      v4.hdr.dst_addr = rte_cpu_to_be_32(rule.to.v4());
      v4_mask.hdr.dst_addr = ~rte_be32_t{0};
      items[count++] = {.type = RTE_FLOW_ITEM_TYPE_IPV4,
                        .spec = &v4,
                        .last = nullptr,
                        .mask = &v4_mask};
    } else {
      std::copy(rule.to.bytes.begin(), rule.to.bytes.end(), std::begin(v6.hdr.dst_addr));
      std::fill(std::begin(v6_mask.hdr.dst_addr), std::end(v6_mask.hdr.dst_addr), 0xff);
      items[count++] = {.type = RTE_FLOW_ITEM_TYPE_IPV6,
                        .spec = &v6,
                        .last = nullptr,
                        .mask = &v6_mask};
    }
    items[count++].type = RTE_FLOW_ITEM_TYPE_TCP;
    items[count].type = RTE_FLOW_ITEM_TYPE_END;
  }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  rte_flow_item_vlan vlan{};
  rte_flow_item_vlan vlan_mask{};
  rte_flow_item_ipv4 v4{};
  rte_flow_item_ipv4 v4_mask{};
  rte_flow_item_ipv6 v6{};
  rte_flow_item_ipv6 v6_mask{};
  std::array<rte_flow_item, 5> items{};
};

}  // namespace

std::string PortFlows::make(uint16_t port, const FlowRules& rules, std::span<const uint8_t> key) {
  if (!rules.why_none.empty()) {
    return rules.why_none;
  }
  port_ = port;
  for (const bool create : {false, true}) {
    for (const FlowRule& rule : rules.rules) {
      if (std::string problem = tell(rule, rules, key, create); !problem.empty()) {
        clear();
        return "the device takes no rule for TCP to " + rule.to.text() + ": " + problem;
      }
    }
  }
  return {};
}

std::string PortFlows::tell(const FlowRule& rule, const FlowRules& rules,
                            std::span<const uint8_t> key, bool create) {
  const Pattern pattern(rule);
  const rte_flow_action_rss spread{
      .func = RTE_ETH_HASH_FUNCTION_TOEPLITZ,
      .level = 0,
      .types = rule.to.is_v4() ? RTE_ETH_RSS_NONFRAG_IPV4_TCP : RTE_ETH_RSS_NONFRAG_IPV6_TCP,
      .key_len = static_cast<uint32_t>(key.size()),
      .queue_num = static_cast<uint32_t>(rules.queues.size()),
      .key = key.data(),
      .queue = rules.queues.data()};
  std::array<rte_flow_action, 2> actions{};
  actions[0] = {.type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &spread};
  actions[1].type = RTE_FLOW_ACTION_TYPE_END;
  rte_flow_attr where{};
  where.ingress = 1;
  rte_flow_error error{};
  rte_errno = 0;
  int failure = 0;
  if (!create) {
    failure = -calls_.validate(port_, &where, pattern.items.data(), actions.data(), &error);
  } else if (calls_.create(port_, &where, pattern.items.data(), actions.data(), &error) !=
             nullptr) {
    made_ = true;
  } else {
    failure = rte_errno != 0 ? rte_errno : EIO;
  }
  if (failure == 0) {
    return {};
  }
  return rte_strerror(failure) + (error.message == nullptr || *error.message == '\0'
                                      ? std::string()
                                      : " (" + std::string(error.message) + ")");
}

void PortFlows::clear() {
  if (std::exchange(made_, false)) {
    rte_flow_error error{};
    calls_.flush(port_, &error);  // what it can't take back goes with the port
  }
}

}  // namespace pollux::dpdk
