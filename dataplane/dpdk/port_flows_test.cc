// Over calls of its own: of the drivers that were at hand none takes a rule.
#include "dataplane/dpdk/port_flows.h"

#include <gtest/gtest.h>
#include <rte_errno.h>

#include <cstring>
#include <string>
#include <vector>

namespace pollux::dpdk {
namespace {

// What a device was told. It refuses the rule of a number, at either call.
struct Told {
  std::vector<std::string> calls;
  int refuses_validate = -1;
  int refuses_create = -1;
  int error = ENOTSUP;
  const char* message = nullptr;
  int validated = 0;
  int created = 0;
  int there = 0;  // rules
};
Told told;

// "eth vlan=7 ipv4=10.0.0.5 tcp / 0 1 key 40"
std::string text_of(const rte_flow_item* item, const rte_flow_action* action) {
  std::string out = "eth";
  EXPECT_EQ(item->type, RTE_FLOW_ITEM_TYPE_ETH);
  EXPECT_EQ(item->spec, nullptr);
  for (++item; item->type != RTE_FLOW_ITEM_TYPE_END; ++item) {
    if (item->type == RTE_FLOW_ITEM_TYPE_VLAN) {
      out += " vlan=" + std::to_string(rte_be_to_cpu_16(
                            static_cast<const rte_flow_item_vlan*>(item->spec)->tci));
    } else if (item->type == RTE_FLOW_ITEM_TYPE_IPV4) {
      const auto& spec = static_cast<const rte_flow_item_ipv4*>(item->spec)->hdr;
      const auto& mask = static_cast<const rte_flow_item_ipv4*>(item->mask)->hdr;
      EXPECT_EQ(mask.dst_addr, 0xffffffffU);
      EXPECT_EQ(mask.src_addr, 0U);
      out += " ipv4=" + tcp::IpAddress::v4(rte_be_to_cpu_32(spec.dst_addr)).text();
    } else if (item->type == RTE_FLOW_ITEM_TYPE_IPV6) {
      tcp::IpAddress to;
      std::memcpy(to.bytes.data(),
                  static_cast<const rte_flow_item_ipv6*>(item->spec)->hdr.dst_addr, 16);
      out += " ipv6=" + to.text();
    } else {
      EXPECT_EQ(item->type, RTE_FLOW_ITEM_TYPE_TCP);
      out += " tcp";
    }
  }
  EXPECT_EQ(action[0].type, RTE_FLOW_ACTION_TYPE_RSS);
  EXPECT_EQ(action[1].type, RTE_FLOW_ACTION_TYPE_END);
  const auto& rss = *static_cast<const rte_flow_action_rss*>(action[0].conf);
  out += " /";
  for (uint32_t i = 0; i < rss.queue_num; ++i) {
    out += " " + std::to_string(rss.queue[i]);
  }
  return out + " key " + std::to_string(rss.key_len);
}

int refuse(rte_flow_error* error) {
  error->message = told.message;
  rte_errno = told.error;
  return -told.error;
}

int validate(uint16_t /*port*/, const rte_flow_attr* where, const rte_flow_item* pattern,
             const rte_flow_action* actions, rte_flow_error* error) {
  EXPECT_EQ(where->ingress, 1U);
  text_of(pattern, actions);
  return told.validated++ == told.refuses_validate ? refuse(error) : 0;
}

rte_flow* create(uint16_t port, const rte_flow_attr* /*where*/, const rte_flow_item* pattern,
                 const rte_flow_action* actions, rte_flow_error* error) {
  if (told.created++ == told.refuses_create) {
    refuse(error);
    return nullptr;
  }
  told.calls.push_back(std::to_string(port) + ": " + text_of(pattern, actions));
  ++told.there;
  return reinterpret_cast<rte_flow*>(&told);
}

int flush(uint16_t /*port*/, rte_flow_error* /*error*/) {
  told.there = 0;
  return 0;
}

const std::vector<uint8_t> kKey(40, 0x6d);
constexpr FlowCalls kCalls{.validate = validate, .create = create, .flush = flush};

FlowRules both() {
  return flow_rules({{tcp::IpAddress::v4(0x0a000005), 24}, {*tcp::IpAddress::parse("fd00::5"), 64}},
                    7, 2);
}

TEST(PortFlowsTest, EachRuleIsAskedForAndMade) {
  told = {};
  {
    PortFlows flows(kCalls);
    EXPECT_EQ(flows.make(3, both(), kKey), "");
    EXPECT_EQ(told.validated, 2);
    ASSERT_EQ(told.calls.size(), 2U);
    EXPECT_EQ(told.calls[0], "3: eth vlan=7 ipv4=10.0.0.5 tcp / 0 1 key 40");
    EXPECT_EQ(told.calls[1], "3: eth vlan=7 ipv6=fd00::5 tcp / 0 1 key 40");
    EXPECT_EQ(told.there, 2);
  }
  EXPECT_EQ(told.there, 0) << "none is left behind";
}

TEST(PortFlowsTest, WhatIsRefusedAtFirstIsNotMade) {
  for (const int error : {ENOTSUP, ENOSYS, EINVAL}) {
    told = {.calls = {}, .refuses_validate = 1, .error = error};
    PortFlows flows(kCalls);
    const std::string why = flows.make(0, both(), kKey);
    EXPECT_NE(why.find("no rule for TCP to fd00::5"), std::string::npos) << why;
    EXPECT_NE(why.find(rte_strerror(error)), std::string::npos) << why;
    EXPECT_EQ(told.created, 0);
  }
}

// net_tap says that it can, and then it can't.
TEST(PortFlowsTest, WhatIsRefusedInTheMidstLeavesNothing) {
  told = {.calls = {}, .refuses_create = 1, .error = EINVAL, .message = "no flower"};
  PortFlows flows(kCalls);
  const std::string why = flows.make(0, both(), kKey);
  EXPECT_NE(why.find("(no flower)"), std::string::npos) << why;
  EXPECT_EQ(told.calls.size(), 1U);
  EXPECT_EQ(told.there, 0);
}

TEST(PortFlowsTest, WhereTheQueueCouldNotBeToldNobodyIsAsked) {
  told = {};
  PortFlows flows(kCalls);
  EXPECT_NE(flows.make(0, flow_rules({{tcp::IpAddress::v4(0x0a000005), 24}}, 0, 3), kKey), "");
  EXPECT_EQ(told.validated, 0);
}

}  // namespace
}  // namespace pollux::dpdk
