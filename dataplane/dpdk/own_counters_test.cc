#include "dataplane/dpdk/own_counters.h"

#include <gtest/gtest.h>

namespace pollux::dpdk {
namespace {

// Names of DPDK 22.11's drivers: ixgbe, i40e, mlx5, ena, virtio.
TEST(OwnCountersTest, LossesOfThePortUnderAnyName) {
  for (const char* const name : {"rx_crc_errors", "flow_director_missed", "rx_priority0_dropped",
                                 "rx_out_of_buffer", "rx_phy_discard_packets", "tx_errors_phy",
                                 "bw_in_allowance_exceeded", "tx_drops", "rx_overrun"}) {
    EXPECT_TRUE(OwnCounters::is_wanted(name)) << name;
  }
}

TEST(OwnCountersTest, NotWhatIsNoLossOrStandsElsewhereOrIsAQueues) {
  for (const char* const name :
       {"rx_good_packets", "tx_size_64_packets", "rx_errors", "tx_errors", "rx_missed_errors",
        "rx_mbuf_allocation_errors", "rx_q0_errors", "rx_q17_dropped", "tx_q3_bad_desc", ""}) {
    EXPECT_FALSE(OwnCounters::is_wanted(name)) << name;
  }
}

}  // namespace
}  // namespace pollux::dpdk
