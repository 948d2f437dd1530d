#include "dataplane/dpdk/own_counters.h"

#include <gtest/gtest.h>

#include <vector>

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

// mlx5 has such.
TEST(OwnCountersTest, NoTwoHaveOneName) {
  std::vector<OwnCounter> taken;
  for (const char* const name :
       {"rx_out_of_buffer", "tx_pp_missed_interrupt_errors_a", "tx_pp_missed_interrupt_errors_b",
        "tx_pp_missed_interrupt_errors_c", "rx_out_of_buffer"}) {
    taken.push_back({OwnCounters::shown_name(name, taken)});
    EXPECT_LE(taken.back().name.size(), kOwnNameMax);
  }
  EXPECT_EQ(taken[0].name, "nic_rx_out_of_buffer");
  EXPECT_EQ(taken[1].name, "nic_tx_pp_missed_interrupt_erro");
  EXPECT_EQ(taken[2].name, "nic_tx_pp_missed_interrupt_er_2");
  EXPECT_EQ(taken[3].name, "nic_tx_pp_missed_interrupt_er_3");
  EXPECT_EQ(taken[4].name, "nic_rx_out_of_buffer_2");
}

}  // namespace
}  // namespace pollux::dpdk
