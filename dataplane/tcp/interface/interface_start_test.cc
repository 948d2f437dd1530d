// How an interface comes to its addresses.
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "dataplane/tcp/interface/interface.h"
#include "dataplane/tcp/interface/interface_test_support.h"

namespace pollux::tcp {
namespace {

struct OfAStart {
  explicit OfAStart(const InterfaceConfig& config) : interface(config, queue, 1) {
    interface.start(Moment{0});
  }
  // Everything that is sent until then, with its moments.
  std::vector<std::pair<int64_t, Frame>> run(Moment until) {
    std::vector<std::pair<int64_t, Frame>> all;
    Moment now{0};
    while (true) {
      queue.flush();
      for (Frame& frame : std::exchange(device.sent, {})) {
        all.emplace_back(now.ns / kSecondNs, std::move(frame));
      }
      if (interface.next_deadline() > until) {
        return all;
      }
      now = interface.next_deadline();
      interface.tick(now);
    }
  }
  TestDevice device{64};
  TxQueue queue{device, 32};
  Interface interface;
};

// RFC 5227 2.3.
TEST(InterfaceStart, AnnouncesItselfTwice) {
  OfAStart host({.addresses = {{kUs, 24}}});
  EXPECT_TRUE(host.interface.is_ours(kUs));
  const auto said = host.run(kStarted);
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[0].first, 0);
  EXPECT_EQ(said[1].first, 2);
  EXPECT_EQ(arp_of(said[1].second).sender_ip, kUs);
  EXPECT_EQ(arp_of(said[1].second).target_ip, kUs);
}

// Whoever was plugged in meanwhile knows nothing of us, and switches send to where we were.
TEST(InterfaceStart, AnnouncesItselfAgainWhenTheLinkIsBack) {
  OfAStart host({.addresses = {{kUs, 24}, {kUs6, 64}}});
  host.run(kStarted);
  EXPECT_EQ(host.interface.next_deadline(), kNever);
  const Moment later{100 * kSecondNs};
  host.interface.on_link_up(later);
  EXPECT_TRUE(host.interface.is_ours(kUs6));
  EXPECT_EQ(host.interface.next_deadline(), later);
  EXPECT_EQ(host.run(later + 10 * kSecondNs).size(), 4U);
  EXPECT_EQ(host.interface.next_deadline(), kNever);
}

// RFC 4862 5.4.
TEST(InterfaceStart, AnAddressOfIpv6IsProbedForFirst) {
  OfAStart host({.addresses = {{kUs6, 64}}});
  EXPECT_FALSE(host.interface.is_ours(kUs6));
  const auto said = host.run(kStarted);
  ASSERT_EQ(said.size(), 3U);
  EXPECT_EQ(ndp_of(said[0].second), solicitation(kUs6));
  EXPECT_TRUE(parse_packet(said[0].second).flow.remote.is_unspecified());
  EXPECT_EQ(said[1].first, 1);
  EXPECT_EQ(ndp_of(said[1].second).kind, NdpKind::kNeighborAdvertisement);
  EXPECT_TRUE(host.interface.is_ours(kUs6));
}

// An address is not used that nobody was asked about.
TEST(InterfaceStart, AProbeThatCannotBeSentIsSentLater) {
  TestDevice device(64);
  TxQueue queue(device, 32);
  std::deque<uint64_t> memory = std::exchange(device.free, {});
  Interface interface({.addresses = {{kUs6, 64}, {kUs, 24}}}, queue, 1);
  interface.start(Moment{0});
  const Moment late{5 * kSecondNs};
  interface.tick(late);
  EXPECT_FALSE(interface.is_ours(kUs6));
  EXPECT_LE(interface.next_deadline(), late);
  device.free = std::move(memory);
  interface.tick(late);
  EXPECT_FALSE(interface.is_ours(kUs6));
  queue.flush();
  ASSERT_EQ(device.sent.size(), 2U);
  EXPECT_EQ(ndp_of(device.sent[0]), solicitation(kUs6));
  EXPECT_EQ(arp_of(device.sent[1]).sender_ip, kUs) << "its first announcement, of two";
  interface.tick(late + kSecondNs);
  EXPECT_TRUE(interface.is_ours(kUs6));
}

TEST(InterfaceStart, WhoeverHasTheAddressKeepsIt) {
  const Frame theirs = ndp_frame({.kind = NdpKind::kNeighborAdvertisement,
                                  .target = kUs6,
                                  .overrides = true,
                                  .target_link = kTheirs},
                                 kUs6, kAllNodes);
  const Frame probe = ndp_frame(solicitation(kUs6), IpAddress{}, solicited_node(kUs6));
  for (const Frame& frame : {theirs, probe}) {
    OfAStart host({.addresses = {{kUs6, 64}}});
    host.interface.receive(parse_packet(frame), false, Moment{1});
    EXPECT_EQ(host.interface.count(InterfaceEvent::kDuplicate), 1U);
    host.run(kStarted);
    EXPECT_FALSE(host.interface.is_ours(kUs6));
    EXPECT_EQ(host.interface.receive(parse_packet(syn_frame(kPeer6, kUs6)), false, kStarted),
              Received::kDone);
  }
}

// Of several workers with one address, one speaks for it; the others wait as long, and hear of who
// has it.
TEST(InterfaceStart, WhoDoesNotLeadSaysNothing) {
  OfAStart host({.addresses = {{kUs, 24}, {kUs6, 64}}, .leads = false});
  EXPECT_TRUE(host.interface.is_ours(kUs));
  host.interface.tick(Moment{0});
  host.interface.tick(Moment{kSecondNs - 1});
  EXPECT_FALSE(host.interface.is_ours(kUs6));
  EXPECT_TRUE(host.run(kStarted).empty());
  EXPECT_TRUE(host.interface.is_ours(kUs6));
  EXPECT_EQ(host.interface.next_deadline(), kNever);
  const Frame theirs = ndp_frame({.kind = NdpKind::kNeighborAdvertisement,
                                  .target = kUs6,
                                  .overrides = true,
                                  .target_link = kTheirs},
                                 kUs6, kAllNodes);
  host.interface.receive(parse_packet(theirs), false, kStarted);
  EXPECT_EQ(host.interface.count(InterfaceEvent::kConflict), 1U);
  EXPECT_TRUE(host.run(kStarted).empty());
  OfAStart other({.addresses = {{kUs6, 64}}, .leads = false});
  other.interface.receive(parse_packet(theirs), false, Moment{1});
  EXPECT_TRUE(other.run(kStarted).empty());
  EXPECT_FALSE(other.interface.is_ours(kUs6));
}

// Three times (RFC 4861 10), from an address that may be used.
TEST(InterfaceStart, TheGatewayIsAskedForWhenThereIsAnAddressToAskFrom) {
  const IpAddress gateway = *IpAddress::parse("fe80::1");
  OfAStart host({.addresses = {{kUs6, 64}}, .gateway_v6 = gateway});
  std::vector<int64_t> asked;
  for (const auto& [second, frame] : host.run(kStarted)) {
    const NdpMessage message = ndp_of(frame);
    if (message.kind == NdpKind::kNeighborSolicitation && message.target == gateway) {
      EXPECT_EQ(parse_packet(frame).flow.remote, kUs6);
      asked.push_back(second);
    }
  }
  EXPECT_EQ(asked, (std::vector<int64_t>{1, 2, 3}));
}

// RFC 6724 5.
TEST(InterfaceStart, AsksFromAnAddressOfTheScopeAndPrefixOfTheTarget) {
  const IpAddress link_local = *IpAddress::parse("fe80::10");
  const IpAddress other = *IpAddress::parse("fd01::10");
  OfAStart host({.addresses = {{kUs6, 64}, {other, 64}, {link_local, 64}}});
  host.run(kStarted);
  const auto asks_from = [&](const char* target) {
    host.interface.next_hop(*IpAddress::parse(target), kStarted);
    host.interface.tick(kStarted);
    host.queue.flush();
    const std::vector<Frame> said = std::exchange(host.device.sent, {});
    return said.size() == 1 ? parse_packet(said[0]).flow.remote : IpAddress{};
  };
  EXPECT_EQ(asks_from("fe80:0:0:1::20"), link_local);
  EXPECT_EQ(asks_from("fd01::20"), other);
  EXPECT_EQ(asks_from("fd00::20"), kUs6);
}

TEST(InterfaceStart, FramesOfAVlanCarryItsTag) {
  OfAStart host({.addresses = {{kUs, 24}}, .vlan = 7});
  const auto said = host.run(kStarted);
  ASSERT_EQ(said.size(), 2U);
  EXPECT_TRUE(parse_packet(said[0].second).tagged);
  EXPECT_EQ(parse_packet(said[0].second).vlan.id(), 7);
  const auto receive = [&](std::optional<VlanTag> tag) {
    return host.interface.receive(parse_packet(syn_frame(kPeer, kUs, {.vlan = tag})), false,
                                  kStarted);
  };
  EXPECT_EQ(receive(VlanTag{7}), Received::kSegment);
  EXPECT_EQ(receive(VlanTag{8}), Received::kDone);
  EXPECT_EQ(receive(std::nullopt), Received::kDone);
}

}  // namespace
}  // namespace pollux::tcp
