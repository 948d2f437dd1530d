#include "dataplane/tcp/interface/interface.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/tcp/interface/interface_test_support.h"

namespace pollux::tcp {
namespace {

struct InterfaceTest : testing::Test {
  explicit InterfaceTest(const InterfaceConfig& config = {.addresses = {{kUs, 24}, {kUs6, 64}},
                                                          .gateway_v4 = kGateway})
      : interface(config, queue, /*seed=*/1) {
    interface.start(Moment{0});
    // Until nothing is left to say: announcements, and a gateway that does not answer.
    for (Moment now; (now = interface.next_deadline()) < kStarted;) {
      interface.tick(now);
    }
    queue.flush();
    device.sent.clear();
  }
  Received receive(const Frame& frame, bool checksums_ok = false) {
    return interface.receive(parse_packet(frame), checksums_ok, now);
  }
  // What was sent since the last call.
  std::vector<Frame> sent() {
    queue.flush();
    return std::exchange(device.sent, {});
  }
  uint64_t count(InterfaceEvent event) const { return interface.count(event); }
  NeighborState state(const IpAddress& address) {
    const size_t before = interface.neighbors().size();
    const NeighborId id = interface.neighbors().find(address, now);
    return interface.neighbors().size() != before ? NeighborState::kNone
                                                  : interface.neighbors().state(id, now);
  }

  TestDevice device{64};
  TxQueue queue{device, 32};
  Interface interface;
  Moment now = kStarted;
};

// ---- ARP ----

TEST_F(InterfaceTest, AnswersWhoAsksForIt) {
  EXPECT_EQ(receive(arp_frame(who_has(kUs))), Received::kDone);
  const std::vector<Frame> answers = sent();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(parse_packet(answers[0]).destination_mac(), kTheirs);
  EXPECT_EQ(parse_packet(answers[0]).source_mac(), kOurs);
  EXPECT_EQ(arp_of(answers[0]), (ArpPacket{.operation = ArpOperation::kReply,
                                           .sender_mac = kOurs,
                                           .sender_ip = kUs,
                                           .target_mac = kTheirs,
                                           .target_ip = kPeer}));
  EXPECT_EQ(state(kPeer), NeighborState::kStale) << "who asks is known";
  EXPECT_EQ(count(InterfaceEvent::kArpAnswered), 1U);
}

TEST_F(InterfaceTest, DoesNotAnswerForOthers) {
  receive(arp_frame(who_has(kGateway)));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(state(kPeer), NeighborState::kNone) << "nor remember who asked somebody else";
}

// RFC 5227 2.1.1: a probe has no sender.
TEST_F(InterfaceTest, AnswersAProbeAndLearnsNothing) {
  ArpPacket probe = who_has(kUs);
  probe.sender_ip = IpAddress::v4(0);
  receive(arp_frame(probe));
  EXPECT_EQ(sent().size(), 1U);
  EXPECT_EQ(interface.neighbors().size(), 0U);
}

TEST_F(InterfaceTest, OnlyNeighborsAreLearned) {
  for (const IpAddress& sender : {kFar, IpAddress::v4(0x0a0000ff), IpAddress::v4(0xe0000001)}) {
    ArpPacket request = who_has(kUs);
    request.sender_ip = sender;
    receive(arp_frame(request));
  }
  EXPECT_EQ(interface.neighbors().size(), 0U);
}

TEST_F(InterfaceTest, AGroupGetsNoReply) {
  ArpPacket request = who_has(kUs);
  request.sender_mac = kBroadcast;
  receive(arp_frame(request));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(count(InterfaceEvent::kBadSource), 1U);
}

TEST_F(InterfaceTest, AReplyToUsConfirmsOneToAllDoesNot) {
  const NeighborId id = interface.next_hop(kPeer, now);
  const ArpPacket reply = {.operation = ArpOperation::kReply,
                           .sender_mac = kTheirs,
                           .sender_ip = kPeer,
                           .target_mac = kOurs,
                           .target_ip = kUs};
  receive(arp_frame(reply, {.to = kBroadcast}));
  EXPECT_EQ(state(kPeer), NeighborState::kStale);
  EXPECT_TRUE(interface.take_resolved());
  EXPECT_FALSE(interface.take_resolved());
  receive(arp_frame(reply, {.to = kOurs}));
  EXPECT_EQ(state(kPeer), NeighborState::kReachable);
  EXPECT_FALSE(interface.take_resolved()) << "was known before";
  EXPECT_EQ(*interface.neighbors().use(id, now), kTheirs);
}

// RFC 5944 4.6: a host that moved tells everybody.
TEST_F(InterfaceTest, AGratuitousRequestChangesWhatIsKnown) {
  receive(arp_frame(who_has(kUs)));
  ArpPacket moved = who_has(kPeer);
  moved.sender_mac = kStranger;
  receive(arp_frame(moved, {.to = kBroadcast, .from = kStranger}));
  const NeighborId id = interface.next_hop(kPeer, now);
  EXPECT_EQ(*interface.neighbors().use(id, now), kStranger);
}

// RFC 5227 2.4 c.
TEST_F(InterfaceTest, DefendsItsAddressNowAndThen) {
  ArpPacket claim = who_has(kUs);
  claim.sender_ip = kUs;
  for (int second = 0; second < 25; ++second) {
    now = kStarted + second * kSecondNs;
    receive(arp_frame(claim));
  }
  const std::vector<Frame> said = sent();
  ASSERT_EQ(said.size(), 3U) << "once in ten seconds";
  EXPECT_EQ(arp_of(said[0]), (ArpPacket{.operation = ArpOperation::kRequest,
                                        .sender_mac = kOurs,
                                        .sender_ip = kUs,
                                        .target_ip = kUs}));
  EXPECT_EQ(count(InterfaceEvent::kConflict), 25U);
  EXPECT_TRUE(interface.is_ours(kUs));
}

TEST_F(InterfaceTest, AsksForWhomItHasSomething) {
  interface.next_hop(kPeer, now);
  EXPECT_EQ(interface.next_deadline(), now);
  interface.tick(now);
  const std::vector<Frame> asked = sent();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(parse_packet(asked[0]).destination_mac(), kBroadcast);
  EXPECT_EQ(arp_of(asked[0]), (ArpPacket{.operation = ArpOperation::kRequest,
                                         .sender_mac = kOurs,
                                         .sender_ip = kUs,
                                         .target_ip = kPeer}));
}

// What can be nobody's link address, or is ours, is not believed and not answered.
TEST_F(InterfaceTest, ImpossibleLinkAddressesAreNotBelieved) {
  const MacAddress group = {{1, 0, 0x5e, 0, 0, 1}};
  for (const MacAddress& mac : {kBroadcast, group, MacAddress{}, kOurs}) {
    ArpPacket request = who_has(kUs);
    request.sender_mac = mac;
    receive(arp_frame(request));
    ArpPacket reply = request;
    reply.operation = ArpOperation::kReply;
    reply.sender_ip = IpAddress::v4(0x0a000021);
    interface.next_hop(reply.sender_ip, now);
    receive(arp_frame(reply));
    NdpMessage question = solicitation(kUs6);
    question.source_link = mac;
    receive(ndp_frame(question, kPeer6, solicited_node(kUs6)));
    interface.next_hop(kPeer6, now);
    receive(ndp_frame({.kind = NdpKind::kNeighborAdvertisement,
                       .target = kPeer6,
                       .solicited = true,
                       .overrides = true,
                       .target_link = mac},
                      kPeer6, kUs6));
  }
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(state(kPeer), NeighborState::kNone);
  EXPECT_EQ(state(IpAddress::v4(0x0a000021)), NeighborState::kIncomplete);
  EXPECT_EQ(state(kPeer6), NeighborState::kIncomplete);
}

TEST_F(InterfaceTest, AFrameFromAGroupIsNone) {
  const FrameLink link = {.from = {{3, 0, 0, 0, 0, 0x20}}};
  EXPECT_EQ(receive(syn_frame(kPeer, kUs, link)), Received::kDone);
  receive(icmp4_frame({.kind = IcmpKind::kEchoRequest}, kPeer, kUs, link));
  receive(arp_frame(who_has(kUs), {.to = kBroadcast, .from = link.from}));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(count(InterfaceEvent::kBadSource), 3U);
}

// A switch that has forgotten who is where floods frames for others.
TEST_F(InterfaceTest, FramesForOthersAreNotLookedAt) {
  const ArpPacket reply = {.operation = ArpOperation::kReply,
                           .sender_mac = kTheirs,
                           .sender_ip = kPeer,
                           .target_mac = kOurs,
                           .target_ip = kUs};
  interface.next_hop(kPeer, now);
  receive(arp_frame(reply, {.to = kStranger}));
  EXPECT_EQ(state(kPeer), NeighborState::kIncomplete);
  receive(arp_frame(who_has(kUs), {.to = kStranger}));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(count(InterfaceEvent::kNotOurs), 2U);
}

// ---- neighbor discovery ----

// RFC 4861 7.2.4.
TEST_F(InterfaceTest, AnswersASolicitation) {
  NdpMessage question = solicitation(kUs6);
  question.source_link = kTheirs;
  receive(ndp_frame(question, kPeer6, solicited_node(kUs6)));
  const std::vector<Frame> answers = sent();
  ASSERT_EQ(answers.size(), 1U);
  const Packet packet = parse_packet(answers[0]);
  EXPECT_EQ(packet.destination_mac(), kTheirs);
  EXPECT_EQ(packet.flow.local, kPeer6);
  EXPECT_EQ(packet.flow.remote, kUs6);
  EXPECT_EQ(packet.hop_limit, 255);
  EXPECT_EQ(ndp_of(answers[0]), (NdpMessage{.kind = NdpKind::kNeighborAdvertisement,
                                            .target = kUs6,
                                            .solicited = true,
                                            .overrides = true,
                                            .target_link = kOurs}));
  EXPECT_EQ(state(kPeer6), NeighborState::kStale);
}

TEST_F(InterfaceTest, AnswersAProbeOfDuplicateAddressDetectionToAll) {
  receive(ndp_frame(solicitation(kUs6), IpAddress{}, solicited_node(kUs6)));
  const std::vector<Frame> answers = sent();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(parse_packet(answers[0]).flow.local, kAllNodes);
  EXPECT_FALSE(ndp_of(answers[0]).solicited);
  EXPECT_EQ(interface.neighbors().size(), 0U);
  EXPECT_TRUE(interface.is_ours(kUs6)) << "who was first keeps it";
}

TEST_F(InterfaceTest, AnAdvertisementResolves) {
  interface.next_hop(kPeer6, now);
  interface.tick(now);
  const std::vector<Frame> asked = sent();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(parse_packet(asked[0]).destination_mac(), multicast_mac(solicited_node(kPeer6)));
  EXPECT_EQ(parse_packet(asked[0]).flow.local, solicited_node(kPeer6));
  EXPECT_EQ(ndp_of(asked[0]).source_link, kOurs);
  receive(ndp_frame({.kind = NdpKind::kNeighborAdvertisement,
                     .target = kPeer6,
                     .solicited = true,
                     .overrides = true,
                     .target_link = kTheirs},
                    kPeer6, kUs6));
  EXPECT_TRUE(interface.take_resolved());
  EXPECT_EQ(state(kPeer6), NeighborState::kReachable);
}

TEST_F(InterfaceTest, WhatCameThroughARouterIsNoNeighborDiscovery) {
  receive(ndp_frame(solicitation(kUs6), kPeer6, kUs6, /*hop_limit=*/254));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(count(InterfaceEvent::kMalformed), 1U);
}

TEST_F(InterfaceTest, WhatIsOfAnotherTypeIsUnspokenNotMalformed) {
  receive(icmp6_frame(kPeer6, kUs6, kNdpHopLimit, {}, [](Room room) {
    write_ndp(room, {.kind = NdpKind::kNeighborSolicitation, .target = kUs6}, kPeer6, kUs6);
    room[0] = 137;  // a redirect
    room[2] -= 2;   // its checksum
    return size_t{24};
  }));
  Frame other = arp_frame(who_has(kUs));
  other[kEthernetBytes + 7] = 8;  // InARP, RFC 2390
  receive(other);
  EXPECT_EQ(count(InterfaceEvent::kUnspoken), 2U);
  EXPECT_EQ(count(InterfaceEvent::kMalformed), 0U);
}

// RFC 6980 5: else its rules would hold for the first piece alone.
TEST_F(InterfaceTest, NeighborDiscoveryInAFragmentIsNone) {
  Frame frame = ndp_frame(solicitation(kUs6), kPeer6, solicited_node(kUs6));
  const Frame header = {58, 0, 0, 0, 0, 0, 0, 1};  // the only piece
  frame.insert(frame.begin() + kEthernetBytes + kIpv6Bytes, header.begin(), header.end());
  frame[kEthernetBytes + 5] = static_cast<uint8_t>(frame[kEthernetBytes + 5] + header.size());
  frame[kEthernetBytes + 6] = static_cast<uint8_t>(IpProtocol::kFragment);
  receive(frame);
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(count(InterfaceEvent::kFragment), 1U);
}

TEST_F(InterfaceTest, WhoIsNotOnTheLinkIsAnsweredAndNotLearned) {
  NdpMessage question = solicitation(kUs6);
  question.source_link = kTheirs;
  receive(ndp_frame(question, *IpAddress::parse("2001:db8::1"), solicited_node(kUs6)));
  EXPECT_EQ(sent().size(), 1U);
  EXPECT_EQ(interface.neighbors().size(), 0U);
}

// It was for another host by its IP address, whatever it asks for.
TEST_F(InterfaceTest, SolicitationsSentToOthersAreNotAnswered) {
  receive(icmp6_frame(kPeer6, *IpAddress::parse("fd00::99"), kNdpHopLimit, {}, [](Room room) {
    return write_ndp(room, solicitation(kUs6), kPeer6, *IpAddress::parse("fd00::99"));
  }));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(count(InterfaceEvent::kNotOurs), 1U);
  receive(ndp_frame(solicitation(kUs6), kPeer6, kUs6));
  receive(ndp_frame(solicitation(kUs6), kPeer6, kAllNodes));
  EXPECT_EQ(sent().size(), 2U);
}

TEST_F(InterfaceTest, SolicitationsForOthersAreNotAnswered) {
  receive(ndp_frame(solicitation(kPeer6), kPeer6, solicited_node(kPeer6)));
  EXPECT_TRUE(sent().empty());
}

// ---- echo ----

TEST_F(InterfaceTest, AnswersEcho) {
  EXPECT_EQ(receive(icmp4_frame({.kind = IcmpKind::kEchoRequest,
                                 .id = 7,
                                 .sequence = 9,
                                 .body = bytes_of("are you there")})),
            Received::kDone);
  const std::vector<Frame> answers = sent();
  ASSERT_EQ(answers.size(), 1U);
  const Packet packet = parse_packet(answers[0]);
  EXPECT_EQ(packet.destination_mac(), kTheirs);
  EXPECT_EQ(packet.flow.local, kPeer);
  EXPECT_TRUE(network_checksum_ok(packet) && transport_checksum_ok(packet));
  IcmpMessage answer;
  ASSERT_EQ(parse_icmp4(packet.transport(), answer), Fault::kNone);
  EXPECT_EQ(answer.kind, IcmpKind::kEchoReply);
  EXPECT_EQ(answer.id, 7);
  EXPECT_EQ(answer.sequence, 9);
  EXPECT_TRUE(std::ranges::equal(answer.body, bytes_of("are you there")));
  EXPECT_EQ(device.uses.back(), TxUse::kData) << "not from what ACKs need";
}

TEST_F(InterfaceTest, AnswersEchoOfIpv6) {
  receive(icmp6_frame(kPeer6, kUs6, 64, {}, [](Room room) {
    return write_icmp6(room, {.kind = IcmpKind::kEchoRequest, .id = 3, .body = bytes_of("six")},
                       kPeer6, kUs6);
  }));
  const std::vector<Frame> answers = sent();
  ASSERT_EQ(answers.size(), 1U);
  const Packet packet = parse_packet(answers[0]);
  EXPECT_TRUE(transport_checksum_ok(packet));
  IcmpMessage answer;
  ASSERT_EQ(parse_icmp6(packet.transport(), answer), Fault::kNone);
  EXPECT_EQ(answer.kind, IcmpKind::kEchoReply);
  EXPECT_TRUE(std::ranges::equal(answer.body, bytes_of("six")));
}

// RFC 1122 3.2.2.6: smurfs.
TEST_F(InterfaceTest, AGroupGetsNoEcho) {
  const IcmpMessage request = {.kind = IcmpKind::kEchoRequest};
  receive(icmp4_frame(request, kPeer, kUs, {.to = kBroadcast}));
  receive(icmp4_frame(request, kPeer, IpAddress::v4(0x0a0000ff)));
  receive(icmp4_frame(request, kPeer, IpAddress::v4(0xffffffff), {.to = kBroadcast}));
  EXPECT_EQ(count(InterfaceEvent::kNotOurs), 3U);
  receive(icmp4_frame(request, IpAddress::v4(0x0a0000ff)));
  EXPECT_EQ(count(InterfaceEvent::kBadSource), 1U);
  EXPECT_TRUE(sent().empty());
}

// The device takes no larger frame, though somebody's MTU is larger.
TEST_F(InterfaceTest, NoEchoIsLargerThanTheMtu) {
  device.its_caps.mtu = 1280;
  Interface small({.addresses = {{kUs, 24}}}, queue, 1);
  small.start(now);
  sent();
  for (const size_t bytes : {1280U - 28, 1281U - 28}) {
    const std::string body(bytes, 'x');
    const Frame frame = icmp4_frame({.kind = IcmpKind::kEchoRequest, .body = bytes_of(body)});
    small.receive(parse_packet(frame), false, now);
  }
  EXPECT_EQ(sent().size(), 1U);
  EXPECT_EQ(small.count(InterfaceEvent::kNoRoom), 1U);
}

TEST_F(InterfaceTest, AnEchoThatFitsNoHeadIsNotAnswered) {
  const std::string big(1900, 'x');
  receive(icmp4_frame({.kind = IcmpKind::kEchoRequest, .body = bytes_of(big)}));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(count(InterfaceEvent::kNoRoom), 1U);
}

// ---- segments ----

TEST_F(InterfaceTest, SegmentsAreForTheCaller) {
  EXPECT_EQ(receive(syn_frame()), Received::kSegment);
  EXPECT_EQ(receive(syn_frame(kPeer6, kUs6)), Received::kSegment);
  EXPECT_EQ(receive(syn_frame(kFar, kUs)), Received::kSegment);
}

TEST_F(InterfaceTest, NotFromAnAddressThatNobodyHas) {
  for (const char* source : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255",
                             "10.0.0.255", "10.0.0.0", "10.0.0.16"}) {
    EXPECT_EQ(receive(syn_frame(*IpAddress::parse(source), kUs)), Received::kDone) << source;
  }
  for (const char* source : {"::", "::1", "ff02::1", "fd00::10"}) {
    EXPECT_EQ(receive(syn_frame(*IpAddress::parse(source), kUs6)), Received::kDone) << source;
  }
  EXPECT_EQ(count(InterfaceEvent::kBadSource), 12U);
}

TEST_F(InterfaceTest, NotForOthersAndNotForAGroup) {
  EXPECT_EQ(receive(syn_frame(kPeer, kGateway)), Received::kDone);
  EXPECT_EQ(receive(syn_frame(kPeer, kUs, {.to = kBroadcast})), Received::kDone);
  EXPECT_EQ(receive(syn_frame(kPeer, kUs, {.to = kStranger})), Received::kDone);
  EXPECT_EQ(count(InterfaceEvent::kNotOurs), 3U);
  EXPECT_EQ(receive(syn_frame(kPeer, kUs, {.from = kOurs})), Received::kDone);
  EXPECT_EQ(count(InterfaceEvent::kOwnFrame), 1U);
}

TEST_F(InterfaceTest, WrongChecksumsUnlessTheDeviceHasLooked) {
  for (const size_t at : {size_t{14 + 8}, size_t{14 + 20 + 4}}) {  // TTL; sequence number
    Frame frame = syn_frame();
    frame[at] ^= 1;
    EXPECT_EQ(receive(frame), Received::kDone);
    EXPECT_EQ(receive(frame, /*checksums_ok=*/true), Received::kSegment);
  }
  EXPECT_EQ(count(InterfaceEvent::kChecksum), 2U);
}

// Devices look at IPv4 and TCP; that all of a frame is right is soon said.
TEST_F(InterfaceTest, ChecksumsOfIcmpAreLookedAtHere) {
  Frame echo = icmp4_frame({.kind = IcmpKind::kEchoRequest, .id = 7});
  Frame question = ndp_frame(solicitation(kUs6), kPeer6, solicited_node(kUs6));
  for (Frame* frame : {&echo, &question}) {
    frame->back() ^= 1;
    receive(*frame, /*checksums_ok=*/true);
  }
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(count(InterfaceEvent::kChecksum), 2U);
}

TEST_F(InterfaceTest, NoFragments) {
  Frame frame = syn_frame();
  frame[14 + 6] |= 0x20;  // more fragments
  EXPECT_EQ(receive(frame, true), Received::kDone);
  EXPECT_EQ(count(InterfaceEvent::kFragment), 1U);
}

TEST_F(InterfaceTest, ATagWithoutAnIdIsNone) {
  EXPECT_EQ(receive(syn_frame(kPeer, kUs, {.vlan = VlanTag{5 << 13}})), Received::kSegment);
  EXPECT_EQ(receive(syn_frame(kPeer, kUs, {.vlan = VlanTag{5}})), Received::kDone);
  EXPECT_EQ(count(InterfaceEvent::kVlan), 1U);
}

// Any bytes: an outcome, and nothing that grows.
TEST_F(InterfaceTest, AnyCutOrChangedByteIsHarmless) {
  std::vector<Frame> frames = {arp_frame(who_has(kUs)), syn_frame(),
                               icmp4_frame({.kind = IcmpKind::kEchoRequest}),
                               ndp_frame(solicitation(kUs6), kPeer6, solicited_node(kUs6))};
  for (const Frame& whole : frames) {
    for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
      receive(Frame(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes)), true);
      Frame changed = whole;
      for (const uint8_t value : {0x00, 0x01, 0x7f, 0xff}) {
        changed[bytes] = value;
        receive(changed, true);
      }
      sent();
    }
  }
  EXPECT_EQ(device.free.size(), device.memory.size());
}

// ---- errors ----

// What ICMP quotes of a segment from us to the peer.
std::vector<uint8_t> quote(const IpAddress& from) {
  Frame frame = syn_frame(from, kPeer);
  frame.erase(frame.begin(), frame.begin() + kEthernetBytes);
  frame.resize(28);
  return frame;
}

TEST_F(InterfaceTest, ErrorsAboutOurSegmentsAreForTheCaller) {
  const std::vector<uint8_t> quoted = quote(kUs);
  EXPECT_EQ(receive(icmp4_frame({.kind = IcmpKind::kPacketTooBig,
                                 .code = kIcmp4FragmentationNeeded,
                                 .mtu = 1400,
                                 .body = quoted},
                                kGateway)),
            Received::kError);
  EXPECT_EQ(interface.error().message.mtu, 1400U);
  EXPECT_EQ(interface.error().segment.flow.local, kUs);
  EXPECT_EQ(interface.error().segment.flow.remote, kPeer);
}

TEST_F(InterfaceTest, ErrorsAboutOthersAreNot) {
  const std::vector<uint8_t> quoted = quote(kGateway);
  EXPECT_EQ(receive(icmp4_frame({.kind = IcmpKind::kUnreachable, .body = quoted})),
            Received::kDone);
  EXPECT_EQ(receive(icmp4_frame({.kind = IcmpKind::kUnreachable})), Received::kDone) << "no quote";
  EXPECT_EQ(count(InterfaceEvent::kUnspoken), 2U);
}

// It goes to who sent the segment (RFC 792, RFC 4443 2.2), so to the address that is in its quote.
TEST_F(InterfaceTest, ErrorsCameToTheAddressTheyAreAbout) {
  const InterfaceConfig two = {.addresses = {{kUs, 24}, {IpAddress::v4(0x0a000011), 24}}};
  Interface other(two, queue, 1);
  other.start(now);
  const std::vector<uint8_t> quoted = quote(kUs);
  const IcmpMessage error = {.kind = IcmpKind::kUnreachable, .body = quoted};
  const Frame right = icmp4_frame(error, kGateway, kUs);
  const Frame wrong = icmp4_frame(error, kGateway, IpAddress::v4(0x0a000011));
  EXPECT_EQ(other.receive(parse_packet(right), false, now), Received::kError);
  EXPECT_EQ(other.receive(parse_packet(wrong), false, now), Received::kDone);
}

// ---- sending ----

TEST_F(InterfaceTest, HeadersAreWhatParsesAsThem) {
  for (const bool is_v4 : {true, false}) {
    const Flow flow = {.local = is_v4 ? kUs : kUs6, .remote = is_v4 ? kPeer : kPeer6};
    Frame frame(interface.header_bytes(flow.remote) + kTcpBytes);
    EXPECT_EQ(interface.write_headers(frame, flow, kTheirs, Ecn::kEct0, kTcpBytes),
              frame.size() - kTcpBytes);
    frame[frame.size() - kTcpBytes + 12] = 0x50;
    const Packet packet = parse_packet(frame);
    EXPECT_EQ(packet.kind, PacketKind::kTcp);
    EXPECT_EQ(packet.destination_mac(), kTheirs);
    EXPECT_EQ(packet.source_mac(), kOurs);
    EXPECT_EQ(packet.flow.remote, flow.local) << "as its receiver sees it";
    EXPECT_EQ(packet.flow.local, flow.remote);
    EXPECT_EQ(packet.traffic_class.ecn(), Ecn::kEct0);
    EXPECT_EQ(packet.hop_limit, 64);
    EXPECT_TRUE(network_checksum_ok(packet));
    EXPECT_EQ(packet.end - packet.transport_at, kTcpBytes);
  }
}

TEST_F(InterfaceTest, PeersElsewhereAreReachedByTheGateway) {
  EXPECT_EQ(interface.next_hop(kFar, now), interface.next_hop(kGateway, now));
  EXPECT_FALSE(interface.next_hop(*IpAddress::parse("2001:db8::1"), now)) << "no gateway";
  EXPECT_TRUE(interface.next_hop(*IpAddress::parse("fe80::1"), now)) << "always on the link";
  EXPECT_EQ(interface.neighbors().size(), 2U);
}

TEST_F(InterfaceTest, ThereIsNoWayToWhatIsNoHost) {
  for (const char* remote : {"10.0.0.16", "10.0.0.255", "255.255.255.255", "224.0.0.1", "0.0.0.0",
                             "127.0.0.1", "::", "::1", "ff02::1", "fd00::10"}) {
    EXPECT_FALSE(interface.next_hop(*IpAddress::parse(remote), now)) << remote;
  }
  EXPECT_EQ(interface.neighbors().size(), 0U);
}

TEST_F(InterfaceTest, WhoOpensAConnectionIsKnown) {
  const Frame syn = syn_frame();
  interface.learn_sender(parse_packet(syn), now);
  EXPECT_EQ(*interface.neighbors().use(interface.next_hop(kPeer, now), now), kTheirs);
  const Frame from_far = syn_frame(kFar, kUs);
  interface.learn_sender(parse_packet(from_far), now);
  EXPECT_EQ(interface.neighbors().size(), 1U) << "a router's address is not its";
}

TEST_F(InterfaceTest, WithoutMemoryNothingIsAnswered) {
  device.free.clear();
  receive(arp_frame(who_has(kUs)));
  EXPECT_EQ(count(InterfaceEvent::kNoRoom), 1U);
  EXPECT_EQ(count(InterfaceEvent::kArpAnswered), 0U);
  EXPECT_TRUE(sent().empty());
}

TEST_F(InterfaceTest, AFullDeviceIsWaitedForUpToABound) {
  device.ring_room = 3;
  for (int i = 0; i < 100; ++i) {
    receive(arp_frame(who_has(kUs)));
    queue.flush();
  }
  EXPECT_EQ(device.sent.size(), 3U);
  EXPECT_EQ(queue.room(TxUse::kControl), 0U);
  EXPECT_EQ(count(InterfaceEvent::kNoRoom), 100U - 3 - 32);
  device.ring_room = SIZE_MAX;
  EXPECT_EQ(sent().size(), 3U + 32);
  EXPECT_EQ(queue.room(TxUse::kControl), 32U);
  EXPECT_EQ(device.free.size(), device.memory.size());
}

// Data and echo may not take what ACKs and ARP need.
TEST_F(InterfaceTest, AFloodOfEchoesLeavesRoomForControl) {
  device.ring_room = 0;
  for (int i = 0; i < 100; ++i) {
    receive(icmp4_frame({.kind = IcmpKind::kEchoRequest}));
  }
  EXPECT_EQ(queue.room(TxUse::kData), 0U);
  EXPECT_EQ(queue.room(TxUse::kControl), 8U);
  receive(arp_frame(who_has(kUs)));
  EXPECT_EQ(count(InterfaceEvent::kArpAnswered), 1U);
}

}  // namespace
}  // namespace pollux::tcp
