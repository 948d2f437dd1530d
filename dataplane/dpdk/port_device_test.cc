// Over a ring of DPDK that leads back to the port: frames and their mbufs, without a NIC, root or
// huge pages.
#include "dataplane/dpdk/port_device.h"

#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/dpdk/eal.h"
#include "dataplane/dpdk/port.h"

namespace pollux::dpdk {
namespace {

using tcp::Bytes;
using tcp::RxFrame;
using tcp::TxFrame;
using tcp::TxHead;
using tcp::TxUse;

class PortDeviceTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    // Once a process, whatever tests are chosen.
    static const std::string problem =
        start_eal({"--no-pci", "--no-huge", "-m", "256", "--no-telemetry", "--no-shconf",
                   "--log-level", "error"});
    ASSERT_EQ(problem, "");
  }
  // A ring of its own each.
  std::unique_ptr<Port> open(uint16_t tx_descriptors = 128) {
    static int count = 0;
    std::string error;
    std::unique_ptr<Port> port = Port::open(
        {.name = "net_ring" + std::to_string(count++), .rx_descriptors = 128,
         .tx_descriptors = tx_descriptors, .held_frames = 256},
        error);
    EXPECT_EQ(error, "");
    return port;
  }
  static TxHead head(PortDevice& device, TxUse use = TxUse::kData) {
    TxHead made;
    EXPECT_EQ(device.allocate({&made, 1}, use), 1U);
    return made;
  }
  // To be found again by `number`.
  static TxFrame frame(PortDevice& device, uint8_t number, uint32_t bytes = 60) {
    TxFrame made{.head = head(device), .head_bytes = bytes};
    std::memset(made.head.bytes, number, bytes);
    return made;
  }
};

TEST_F(PortDeviceTest, AFrameComesAsItWasSent) {
  const std::unique_ptr<Port> port = open();
  PortDevice& device = port->device(0);
  EXPECT_EQ(port->driver(), "net_ring");
  const TxFrame sent = frame(device, 7, 1'514);
  EXPECT_GE(sent.head.room, tcp::kTxHeadBytes);
  ASSERT_EQ(device.send({&sent, 1}), 1U);
  RxFrame came[4];
  ASSERT_EQ(device.receive(came), 1U);
  EXPECT_EQ(came[0].size, 1'514U);
  EXPECT_EQ(std::count(came[0].bytes, came[0].bytes + came[0].size, 7), 1'514);
  EXPECT_FALSE(came[0].checksums_ok) << "nobody has looked";
  device.release({came, 1});
  EXPECT_EQ(device.receive(came), 0U);
}

TEST_F(PortDeviceTest, AllHeadsComeBack) {
  const std::unique_ptr<Port> port = open();
  PortDevice& device = port->device(0);
  for (int round = 0; round < 3; ++round) {
    std::vector<TxHead> heads(1'000'000);
    const size_t data = device.allocate(heads, TxUse::kData);
    EXPECT_GT(data, 255U);
    EXPECT_LT(data, heads.size());
    // Data took all that there is for it; what must get out has its own.
    TxHead control[8];
    EXPECT_EQ(device.allocate(control, TxUse::kControl), 8U);
    device.drop(control);
    device.drop(std::span(heads).first(data));
    static size_t first = data;
    EXPECT_EQ(data, first);
  }
}

TEST_F(PortDeviceTest, WhatDoesNotFitStaysTheCallers) {
  const std::unique_ptr<Port> port = open();
  PortDevice& device = port->device(0);
  std::vector<TxFrame> frames;
  for (int i = 0; i < 2'000; ++i) {
    TxHead made;
    if (device.allocate({&made, 1}, TxUse::kData) == 0) {
      break;
    }
    frames.push_back({.head = made, .head_bytes = 60});
    std::memset(made.bytes, i & 0xff, 60);
  }
  size_t next = 0;
  size_t came = 0;
  while (came < frames.size()) {
    next += device.send(std::span(frames).subspan(next));
    RxFrame burst[32];
    const size_t count = device.receive(burst);
    for (size_t i = 0; i < count; ++i) {
      ASSERT_EQ(burst[i].bytes[20], (came + i) & 0xff) << "they keep their order";
    }
    device.release({burst, count});
    came += count;
  }
  EXPECT_EQ(next, frames.size());
}

TEST_F(PortDeviceTest, PiecesAreGivenBackWhenTheDriverHasDoneWithThem) {
  const std::unique_ptr<Port> port = open();
  PortDevice& device = port->device(0);
  const std::vector<uint8_t> value(1'000, 'v');
  TxFrame sent = frame(device, 1, 60);
  sent.piece_count = 2;
  sent.pieces = {Bytes(value).first(600), Bytes(value).subspan(600)};
  sent.token = 42;
  ASSERT_EQ(device.send({&sent, 1}), 1U);
  uint64_t tokens[4] = {};
  RxFrame came[4];
  const bool by_reference = port->summary().find("by reference") != std::string::npos;
  EXPECT_EQ(device.reap(tokens, true), by_reference ? 0U : 1U) << "it is in the ring";
  // It comes in several buffers, and is given as one.
  ASSERT_EQ(device.receive(came), 1U);
  EXPECT_EQ(came[0].size, 1'060U);
  EXPECT_EQ(came[0].bytes[59], 1);
  EXPECT_EQ(came[0].bytes[60], 'v');
  EXPECT_EQ(came[0].bytes[1'059], 'v');
  device.release({came, 1});
  EXPECT_EQ(device.counters().tx_copied, by_reference ? 0U : 1U);
  if (!by_reference) {
    EXPECT_EQ(tokens[0], 42U);
    return;
  }
  ASSERT_EQ(device.reap(tokens, true), 1U);
  EXPECT_EQ(tokens[0], 42U);
  EXPECT_EQ(device.reap(tokens, true), 0U);
}

// As for a NIC that cuts segments and can't reach pieces. (net_ring gives back what it got.)
class CopyingDeviceTest : public PortDeviceTest {
 protected:
  static constexpr uint16_t kRoom = 2'048;
  void open_device(uint32_t copies, uint16_t tx_descriptors = 128) {
    static int count = 0;
    port_ = open(tx_descriptors);
    const std::string number = std::to_string(count++);
    heads_ = rte_pktmbuf_pool_create(("test_heads" + number).c_str(), 2'047, 0, 0,
                                     RTE_PKTMBUF_HEADROOM + kRoom, SOCKET_ID_ANY);
    copies_ = rte_pktmbuf_pool_create(("test_copies" + number).c_str(), copies, 0, 0,
                                      RTE_PKTMBUF_HEADROOM + kRoom, SOCKET_ID_ANY);
    tcp::DeviceCaps caps = port_->caps();
    caps.segmented_bytes_max = 64'000;
    device_ = std::make_unique<PortDevice>(
        port_->id(), 0, caps, DriverSums{.makes_ip = true},
        QueuePools{.heads = heads_, .control = heads_, .copies = copies_}, link_);
    for (size_t i = 0; i < value_.size(); ++i) {
      value_[i] = static_cast<uint8_t>(i * 7 + i / 251);
    }
  }
  ~CopyingDeviceTest() override {
    device_.reset();
    port_.reset();
    EXPECT_EQ(rte_mempool_in_use_count(heads_), 0U);
    EXPECT_EQ(rte_mempool_in_use_count(copies_), 0U);
    rte_mempool_free(heads_);
    rte_mempool_free(copies_);
  }
  // With these first bytes of the value, in as many pieces as a frame takes.
  TxFrame cut_frame(size_t bytes, uint64_t token) {
    TxFrame made = frame(*device_, 1, 66);
    made.piece_count = tcp::kTxPiecesMax;
    made.token = token;
    size_t at = 0;
    for (uint32_t i = 0; i < made.piece_count; ++i) {
      const size_t end = bytes * (i + 1) / made.piece_count;
      made.pieces[i] = Bytes(value_).subspan(at, end - at);
      at = end;
    }
    return made;
  }
  void expect_frame(size_t bytes) {
    rte_mbuf* came = nullptr;
    ASSERT_EQ(rte_eth_rx_burst(port_->id(), 0, &came, 1), 1);
    EXPECT_EQ(came->pkt_len, 66 + bytes);
    std::vector<uint8_t> all;
    uint16_t buffers = 0;
    for (const rte_mbuf* part = came; part != nullptr; part = part->next, ++buffers) {
      const auto* const begin = rte_pktmbuf_mtod(part, const uint8_t*);
      all.insert(all.end(), begin, begin + part->data_len);
    }
    EXPECT_EQ(buffers, came->nb_segs);
    ASSERT_EQ(all.size(), 66 + bytes);
    EXPECT_TRUE(std::equal(all.begin() + 66, all.end(), value_.begin()));
    rte_pktmbuf_free(came);
  }
  std::vector<uint64_t> tokens() {
    std::vector<uint64_t> all(16);
    all.resize(device_->reap(all, true));
    return all;
  }

  LinkState link_;
  std::unique_ptr<Port> port_;
  rte_mempool* heads_ = nullptr;
  rte_mempool* copies_ = nullptr;
  std::unique_ptr<PortDevice> device_;
  std::vector<uint8_t> value_ = std::vector<uint8_t>(64'000);
};

TEST_F(CopyingDeviceTest, WhatIsToBeCutIsCopiedIntoAsManyBuffersAsItNeeds) {
  open_device(127);
  uint64_t token = 0;
  for (const size_t bytes : {7UL, 1'448UL, kRoom - 66UL, kRoom - 65UL, 2 * kRoom - 66UL,
                             2 * kRoom - 65UL, 16'384UL, 64'000UL}) {
    const TxFrame sent = cut_frame(bytes, ++token);
    ASSERT_EQ(device_->send({&sent, 1}), 1U) << bytes;
    EXPECT_EQ(tokens(), std::vector<uint64_t>{token}) << "nobody reads the pieces any more";
    expect_frame(bytes);
  }
  EXPECT_EQ(device_->counters().tx_copied, token);
}

TEST_F(CopyingDeviceTest, WithoutBuffersAFrameWaitsAndNothingIsLost) {
  open_device(/*copies=*/31);
  std::vector<TxFrame> frames = {cut_frame(32'000, 1), cut_frame(64'000, 2)};
  ASSERT_EQ(device_->send(frames), 1U);
  EXPECT_EQ(device_->counters().tx_full, 1U);
  EXPECT_EQ(tokens(), std::vector<uint64_t>{1});
  expect_frame(32'000);
  EXPECT_EQ(rte_mempool_in_use_count(copies_), 0U);
  ASSERT_EQ(device_->send(std::span(frames).subspan(1)), 1U);
  expect_frame(64'000);
  EXPECT_EQ(tokens(), std::vector<uint64_t>{2});
}

TEST_F(CopyingDeviceTest, WhatAFullRingDoesNotTakeIsTheCallersAgain) {
  open_device(/*copies=*/2'047, /*tx_descriptors=*/1'024);
  std::vector<uint64_t> heard;
  size_t sent = 0;
  TxFrame waiting = cut_frame(2'100, 0);
  while (device_->send({&waiting, 1}) == 1) {
    waiting = cut_frame(2'100, ++sent);
    for (const uint64_t token : tokens()) {
      heard.push_back(token);
    }
    ASSERT_LT(sent, 2'000U);
  }
  EXPECT_EQ(heard.size(), sent);
  EXPECT_EQ(rte_mempool_in_use_count(copies_), sent) << "the copy of the last was given back";
  expect_frame(2'100);
  ASSERT_EQ(device_->send({&waiting, 1}), 1U);
  EXPECT_EQ(tokens(), std::vector<uint64_t>{sent});
  for (size_t i = 0; i < sent; ++i) {
    expect_frame(2'100);
  }
}

// Turn by turn: what does not go out is not copied again and again.
TEST_F(CopyingDeviceTest, AFullRingCostsOneCopyATurn) {
  open_device(/*copies=*/2'047, /*tx_descriptors=*/1'024);
  TxFrame last = frame(*device_, 1);
  while (device_->send({&last, 1}) == 1) {
    last = frame(*device_, 1);
  }
  device_->drop({&last.head, 1});
  std::vector<TxFrame> waiting;
  for (uint64_t token = 0; token < 32; ++token) {
    waiting.push_back(cut_frame(2'100, token));
  }
  for (int turn = 0; turn < 10; ++turn) {
    ASSERT_EQ(device_->send(waiting), 0U);
  }
  EXPECT_EQ(device_->counters().tx_copied, 10U);
  const auto take = [&](int count) {
    rte_mbuf* came = nullptr;
    while (count-- > 0 && rte_eth_rx_burst(port_->id(), 0, &came, 1) == 1) {
      rte_pktmbuf_free(came);
    }
  };
  take(5);
  EXPECT_EQ(device_->send(waiting), 5U) << "as many as there is room for";
  EXPECT_LE(device_->counters().tx_copied, 10U + 2 * 5 + 1);
  take(2'000);
  EXPECT_EQ(device_->send(std::span(waiting).subspan(5)), 27U) << "all of them at once";
  EXPECT_EQ(tokens().size() + tokens().size(), 32U);
  take(2'000);
}

TEST_F(PortDeviceTest, WithoutALinkAFullRingLosesWhatDoesNotFit) {
  const std::unique_ptr<Port> port = open(/*tx_descriptors=*/1024);
  PortDevice& device = port->device(0);
  const auto heads = [&] {
    return port->counters().pools[static_cast<size_t>(PoolKind::kHeads)].in_use;
  };
  EXPECT_TRUE(port->counters().link_up);
  EXPECT_FALSE(port->look_at_link());
  const int64_t before = heads();
  ASSERT_EQ(rte_eth_dev_set_link_down(port->id()), 0);
  EXPECT_TRUE(port->look_at_link());
  EXPECT_FALSE(port->look_at_link());
  EXPECT_FALSE(port->counters().link_up);
  const std::vector<uint8_t> value(1'000, 'v');
  size_t tokens = 0;
  constexpr uint64_t kFrames = 1'500;  // the ring has room for 1,023
  for (uint64_t i = 0; i < kFrames; ++i) {
    TxFrame sent = frame(device, 1);
    sent.piece_count = 1;
    sent.pieces[0] = value;
    sent.token = i;
    ASSERT_EQ(device.send({&sent, 1}), 1U) << "nobody tries again";
    uint64_t given[8];
    tokens += device.reap(given, true);
  }
  const uint64_t lost = device.counters().tx_no_link;
  EXPECT_GT(lost, 100U);
  EXPECT_GE(tokens, lost);
  EXPECT_EQ(static_cast<uint64_t>(heads() - before), kFrames - lost);
  ASSERT_EQ(rte_eth_dev_set_link_up(port->id()), 0);
  EXPECT_TRUE(port->look_at_link());
  TxFrame sent = frame(device, 1);
  EXPECT_EQ(device.send({&sent, 1}), 0U) << "waits for room";
  device.drop({&sent.head, 1});
}

// However often a full ring sends frames with pieces back, each token comes once.
TEST_F(PortDeviceTest, EachTokenComesOnceHoweverFullTheRingIs) {
  const std::unique_ptr<Port> port = open(1'024);  // as the ring takes: there are more heads
  PortDevice& device = port->device(0);
  const std::vector<uint8_t> value(500, 'v');
  constexpr size_t kFrames = 3'000;
  std::vector<TxFrame> waiting;
  std::vector<int> heard(kFrames);
  size_t made = 0;
  size_t done = 0;
  for (int turn = 0; turn < 30'000 && done < kFrames; ++turn) {
    while (made < kFrames && waiting.size() < 100) {
      TxFrame next = frame(device, static_cast<uint8_t>(made), 60);
      next.piece_count = 1 + made % tcp::kTxPiecesMax;
      for (uint32_t i = 0; i < next.piece_count; ++i) {
        next.pieces[i] = Bytes(value).first(1 + i * 10);
      }
      next.token = made++;
      waiting.push_back(next);
    }
    const size_t sent = device.send(waiting);
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(sent));
    if (turn % 3 == 0) {  // the ring fills meanwhile
      RxFrame came[32];
      device.release({came, device.receive(came)});
    }
    uint64_t tokens[16];
    const size_t count = device.reap(tokens, true);
    for (size_t i = 0; i < count; ++i, ++done) {
      ++heard.at(tokens[i]);
    }
  }
  EXPECT_GT(device.counters().tx_full, 0U);
  EXPECT_EQ(std::count(heard.begin(), heard.end(), 1), static_cast<std::ptrdiff_t>(kFrames));
}

// net_memif does not say how it spreads flows, and knows no rules.
TEST_F(PortDeviceTest, WhereRulesAreRefusedFlowsAreSpreadHereAndTheLogSaysWhy) {
  const tcp::LinkPrefix ours{tcp::IpAddress::v4(0x0a000005), 24};
  int number = 0;
  const auto summary = [&](std::optional<FlowRules> rules) {
    std::string error;
    const std::string name = std::to_string(++number);
    const std::string device = "net_memif" + name +
                               ",role=server,socket-abstract=yes,socket=pollux-test-" +
                               std::to_string(getpid()) + "-" + name;
    const std::unique_ptr<Port> port =
        Port::open({.name = device, .queues = 2, .rules = std::move(rules)}, error);
    EXPECT_NE(port, nullptr) << error;
    EXPECT_FALSE(port != nullptr && port->spread().told);
    return port == nullptr ? error : port->summary();
  };
  std::string said = summary(flow_rules({ours}, 0, 2));
  EXPECT_NE(said.find("flows are spread here (the device takes no rule for TCP to 10.0.0.5: "),
            std::string::npos)
      << said;
  said = summary(std::nullopt);
  EXPECT_NE(said.find("flows are spread here"), std::string::npos) << said;
  EXPECT_EQ(said.find("rule"), std::string::npos) << said;
}

// A driver's word for checksums; of IPv4's, which virtio and vhost know nothing of, the header's
// own.
TEST_F(PortDeviceTest, ChecksumsAreRightIfTheDriverOrTheHeaderSaysSo) {
  const std::unique_ptr<Port> port = open();
  bool none_is_right = true;
  const auto come = [&](uint64_t flags, bool v6, uint8_t first, bool wrong) {
    const LinkState link;
    PortDevice device(port->id(), 0, port->caps(), {.none_is_right = none_is_right}, {}, link);
    const TxHead made = head(port->device(0));
    std::memset(made.bytes, 0, 60);
    made.bytes[12] = v6 ? 0x86 : 0x08;
    made.bytes[13] = v6 ? 0xdd : 0x00;
    made.bytes[14] = first;  // version, and length of the header; with 45 there its sum is baff
    made.bytes[24] = 0xba;
    made.bytes[25] = wrong ? 0xfe : 0xff;
    auto* mbuf = reinterpret_cast<rte_mbuf*>(made.buffer);
    mbuf->data_len = 60;
    mbuf->pkt_len = 60;
    mbuf->ol_flags = flags;
    EXPECT_EQ(rte_eth_tx_burst(port->id(), 0, &mbuf, 1), 1);
    RxFrame came[2];
    EXPECT_EQ(device.receive(came), 1U);
    const bool ok = came[0].checksums_ok;
    device.release({came, 1});
    return ok;
  };
  constexpr uint64_t kGood = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  constexpr uint64_t kLeft = RTE_MBUF_F_RX_L4_CKSUM_NONE;  // by who never sent it over a wire
  constexpr uint64_t kIpGood = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
  EXPECT_TRUE(come(kGood | kIpGood, false, 0x45, true)) << "the device has looked";
  EXPECT_TRUE(come(kGood, false, 0x45, false));
  EXPECT_TRUE(come(kLeft, false, 0x45, false));
  EXPECT_TRUE(come(kLeft, true, 0x60, true));
  EXPECT_FALSE(come(kLeft, false, 0x45, true));
  EXPECT_FALSE(come(kLeft, false, 0x4f, false)) << "a header longer than the frame";
  EXPECT_FALSE(come(kLeft | RTE_MBUF_F_RX_IP_CKSUM_BAD, false, 0x45, false));
  EXPECT_FALSE(come(RTE_MBUF_F_RX_L4_CKSUM_BAD, false, 0x45, false));
  EXPECT_FALSE(come(RTE_MBUF_F_RX_L4_CKSUM_BAD | kIpGood, true, 0x60, false));
  EXPECT_FALSE(come(0, false, 0x45, false)) << "nobody has looked";
  none_is_right = false;
  EXPECT_FALSE(come(kLeft, false, 0x45, false))
      << "whose driver says so of what it did not look at";
  EXPECT_FALSE(come(kLeft, true, 0x60, false));
  EXPECT_TRUE(come(kGood, false, 0x45, false));
}

TEST_F(PortDeviceTest, AKeyThatWasGivenIsTheSpreads) {
  std::string error;
  const std::vector<uint8_t> key(40, 0x6d);
  const std::unique_ptr<Port> port = Port::open({.name = "net_ring99",
                                                 .rx_descriptors = 128,
                                                 .tx_descriptors = 128,
                                                 .held_frames = 256,
                                                 .rss_key = key},
                                                error);
  ASSERT_EQ(error, "");
  EXPECT_TRUE(std::equal(key.begin(), key.end(), port->spread().key.begin()));
}

TEST_F(PortDeviceTest, SaysWhatIsWrongWithAPort) {
  std::string error;
  EXPECT_EQ(Port::open({.name = "0000:ff:1f.7"}, error), nullptr);
  EXPECT_NE(error.find("0000:ff:1f.7"), std::string::npos) << error;
  EXPECT_NE(error.find("vfio-pci"), std::string::npos) << error;
  EXPECT_EQ(Port::open({.name = "net_ring77", .queues = 200}, error), nullptr);
  EXPECT_NE(error.find("lower the option workers"), std::string::npos) << error;
}

}  // namespace
}  // namespace pollux::dpdk
