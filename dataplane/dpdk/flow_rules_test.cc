#include "dataplane/dpdk/flow_rules.h"

#include <gtest/gtest.h>

#include <vector>

namespace pollux::dpdk {
namespace {

const tcp::LinkPrefix kV4{tcp::IpAddress::v4(0x0a000005), 24};
const tcp::LinkPrefix kV6{*tcp::IpAddress::parse("fd00::5"), 64};

TEST(FlowRulesTest, OneForEachAddressOverAllQueues) {
  const FlowRules rules = flow_rules({kV4, kV6}, 7, 4);
  EXPECT_EQ(rules.why_none, "");
  EXPECT_EQ(rules.rules, (std::vector<FlowRule>{{kV4.address, 7}, {kV6.address, 7}}));
  EXPECT_EQ(rules.queues, (std::vector<uint16_t>{0, 1, 2, 3}));
}

// The queue of a hash is told beforehand, so it must not depend on how large the device's table is.
TEST(FlowRulesTest, NoneWhereTheQueueCouldNotBeTold) {
  for (const uint16_t queues : {3, 5, 6, 12}) {
    const FlowRules rules = flow_rules({kV4}, 0, queues);
    EXPECT_NE(rules.why_none, "") << queues;
    EXPECT_TRUE(rules.rules.empty());
  }
  for (const uint16_t queues : {1, 2, 8, 64}) {
    EXPECT_EQ(flow_rules({kV4}, 0, queues).why_none, "") << queues;
  }
}

}  // namespace
}  // namespace pollux::dpdk
