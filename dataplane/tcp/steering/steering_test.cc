#include "dataplane/tcp/steering/steering.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "dataplane/tcp/interface/queue_test_support.h"
#include "dataplane/tcp/wire/arp.h"
#include "dataplane/tcp/wire/ethernet.h"
#include "dataplane/tcp/wire/icmp.h"
#include "dataplane/tcp/wire/ipv6.h"
#include "dataplane/tcp/wire/ndp.h"
#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

constexpr std::array<uint8_t, kToeplitzKeyBytes> kKey = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e,
                                                         0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3};

ByteVector arp(ArpOperation operation, const IpAddress& sender, const IpAddress& target) {
  ByteVector frame(60);
  const size_t at =
      write_ethernet(frame, {.destination = kOurMac, .source = kPeerMac, .type = EtherType::kArp});
  write_arp(
      Room(frame).subspan(at),
      {.operation = operation, .sender_mac = kPeerMac, .sender_ip = sender, .target_ip = target});
  return frame;
}

ByteVector advertisement() {
  const IpAddress from = *IpAddress::parse("fe80::2");
  const IpAddress to = *IpAddress::parse("fe80::1");
  ByteVector frame(200);
  const Room room(frame);
  ByteVector message(kNdpMessageMax);
  message.resize(write_ndp(
      message, {.kind = NdpKind::kNeighborAdvertisement, .target = from, .target_link = kPeerMac},
      from, to));
  size_t at =
      write_ethernet(room, {.destination = kOurMac, .source = kPeerMac, .type = EtherType::kIpv6});
  at += write_ipv6(room.subspan(at),
                   {.source = from,
                    .destination = to,
                    .protocol = IpProtocol::kIcmp6,
                    .hop_limit = kNdpHopLimit},
                   message.size());
  std::copy(message.begin(), message.end(), frame.begin() + static_cast<ptrdiff_t>(at));
  frame.resize(at + message.size());
  return frame;
}

// Of a router, about a segment that we sent.
ByteVector too_big(const Flow& flow) {
  ByteVector quoted(100);
  size_t at = write_ipv4(
      quoted,
      {.source = flow.local, .destination = flow.remote, .protocol = IpProtocol::kTcp, .ttl = 64},
      kTcpBytes);
  at += write_tcp(
      Room(quoted).subspan(at),
      {.source_port = flow.local_port, .destination_port = flow.remote_port, .flags = kAck}, {});
  quoted.resize(at);
  ByteVector frame(300);
  const Room room(frame);
  at = write_ethernet(room, {.destination = kOurMac, .source = kPeerMac, .type = EtherType::kIpv4});
  const size_t bytes = kIcmpBytes + quoted.size();
  at += write_ipv4(room.subspan(at),
                   {.source = IpAddress::v4(0x0a0000fe),
                    .destination = kUs,
                    .protocol = IpProtocol::kIcmp,
                    .ttl = 64},
                   bytes);
  at += write_icmp4(room.subspan(at), {.kind = IcmpKind::kPacketTooBig,
                                       .code = kIcmp4FragmentationNeeded,
                                       .mtu = 1400,
                                       .body = quoted});
  frame.resize(at);
  return frame;
}

class SteeringTest : public testing::Test {
 protected:
  static constexpr uint16_t kWorkers = 3;

  SteeringTest()
      : steering_(FlowSpread::even(kKey, kWorkers), kWorkers,
                  [this](uint16_t worker) { woken_.push_back(worker); }) {
    for (uint16_t i = 0; i < kWorkers; ++i) {
      devices_.push_back(steering_.attach(i, queues_[i]));
    }
  }
  // All that it gets now; released.
  std::vector<ByteVector> take(uint16_t worker) {
    std::array<RxFrame, 32> frames;
    const size_t count = devices_[worker]->receive(frames);
    std::vector<ByteVector> came;
    for (const RxFrame& frame : std::span(frames).first(count)) {
      came.emplace_back(frame.bytes, frame.bytes + frame.size);
    }
    devices_[worker]->release(std::span(frames).first(count));
    return came;
  }
  // A flow of that worker's.
  Flow flow_to(uint16_t worker, uint16_t nth = 0) const {
    for (uint16_t port = 1024;; ++port) {
      if (steering_.spread().worker_of(flow_of(port)) == worker && nth-- == 0) {
        return flow_of(port);
      }
    }
  }

  std::array<Queue, kWorkers> queues_;
  std::vector<uint16_t> woken_;
  Steering steering_;
  std::vector<std::unique_ptr<SteeredDevice>> devices_;
};

TEST_F(SteeringTest, ASegmentComesToTheWorkerOfItsFlowFromAnyQueue) {
  for (uint16_t queue = 0; queue < kWorkers; ++queue) {
    for (uint16_t owner = 0; owner < kWorkers; ++owner) {
      const ByteVector frame = segment(flow_to(owner));
      queues_[queue].add(frame);
      const std::vector<ByteVector> here = take(queue);
      EXPECT_EQ(here.size(), queue == owner ? 1U : 0U);
      const std::vector<ByteVector> there = queue == owner ? here : take(owner);
      ASSERT_EQ(there.size(), 1U);
      EXPECT_EQ(there[0], frame);
      take(queue);
      EXPECT_EQ(queues_[queue].out(), 0U) << "back where it came in";
    }
  }
  EXPECT_TRUE(woken_.empty()) << "nobody slept";
}

TEST_F(SteeringTest, WhoSleepsIsWokenAndWhoHasMailStaysAwake) {
  EXPECT_TRUE(devices_[1]->may_sleep());
  queues_[0].add(segment(flow_to(1)));
  take(0);
  EXPECT_EQ(woken_, std::vector<uint16_t>{1});
  EXPECT_FALSE(devices_[1]->may_sleep());
  EXPECT_EQ(take(1).size(), 1U);
  queues_[0].add(segment(flow_to(1)));
  take(0);
  EXPECT_EQ(woken_.size(), 1U) << "it has polled: it is awake";
}

// More may wait behind a burst that was all for others: no time to sleep.
TEST_F(SteeringTest, WhoHasPassedSomethingOnLooksAgain) {
  queues_[0].add(segment(flow_to(1)));
  EXPECT_TRUE(take(0).empty());
  EXPECT_FALSE(devices_[0]->may_sleep());
  EXPECT_TRUE(take(0).empty());
  EXPECT_TRUE(devices_[0]->may_sleep());
}

TEST_F(SteeringTest, ManyThatTellOfNeighborsLeaveTheWaysToOthers) {
  for (int i = 0; i < 32; ++i) {
    queues_[1].add(arp(ArpOperation::kReply, kPeer, kUs));
  }
  EXPECT_EQ(take(1).size(), 32U);
  EXPECT_EQ(take(0).size(), 4U);
}

// Each way has its turn, also with many workers.
TEST(SteeringFairness, NoWayIsLeftOut) {
  constexpr uint16_t kMany = 4;
  std::array<Queue, kMany> queues;
  Steering steering(FlowSpread::even(kKey, kMany), kMany, [](uint16_t) {});
  std::vector<std::unique_ptr<SteeredDevice>> devices;
  for (uint16_t i = 0; i < kMany; ++i) {
    devices.push_back(steering.attach(i, queues[i]));
  }
  std::array<RxFrame, 32> frames;
  std::map<uint16_t, int> heard;
  for (int round = 0; round < 100; ++round) {
    for (uint16_t from = 1; from < kMany; ++from) {
      for (uint16_t port = 1024; port < 1024 + 200; ++port) {
        Flow flow = flow_of(port);
        flow.remote = IpAddress::v4(0x0a000100U + from);
        queues[from].add(segment(flow));
      }
      for (int i = 0; i < 8; ++i) {
        devices[from]->release(std::span(frames).first(devices[from]->receive(frames)));
      }
    }
    const size_t count = devices[0]->receive(frames);
    for (const RxFrame& frame : std::span(frames).first(count)) {
      ++heard[static_cast<uint16_t>(parse_packet({frame.bytes, frame.size}).flow.remote.v4() &
                                    0xff)];
    }
    devices[0]->release(std::span(frames).first(count));
  }
  for (uint16_t from = 1; from < kMany; ++from) {
    EXPECT_GT(heard[from], 300) << from;
  }
}

TEST_F(SteeringTest, AnErrorComesToTheWorkerOfTheSegmentThatItQuotes) {
  for (uint16_t owner = 0; owner < kWorkers; ++owner) {
    queues_[0].add(too_big(flow_to(owner)));
    EXPECT_EQ(take(0).size(), owner == 0 ? 1U : 0U);
    if (owner != 0) {
      EXPECT_EQ(take(owner).size(), 1U);
    }
  }
}

TEST_F(SteeringTest, WhatTellsOfANeighborComesToAllAndQuestionsToOne) {
  const ByteVector reply = arp(ArpOperation::kReply, kPeer, kUs);
  const ByteVector announcement = arp(ArpOperation::kRequest, kPeer, kPeer);
  for (const ByteVector& frame : {reply, announcement, advertisement()}) {
    queues_[1].add(frame);
    for (const uint16_t worker : {1, 0, 2}) {
      const std::vector<ByteVector> came = take(worker);
      ASSERT_EQ(came.size(), 1U) << worker;
      EXPECT_EQ(came[0], frame);
    }
  }
  queues_[1].add(arp(ArpOperation::kRequest, kPeer, kUs));
  EXPECT_EQ(take(1).size(), 1U);
  EXPECT_TRUE(take(0).empty());
  EXPECT_TRUE(take(2).empty());
  take(1);
  EXPECT_EQ(queues_[1].out(), 0U);
}

// A host that has our address and asks for another one: whichever worker it comes to, the one that
// defends the address hears of it.
TEST_F(SteeringTest, AQuestionFromAnAddressOfOursComesToAll) {
  steering_.set_addresses({kUs});
  const ByteVector theirs = arp(ArpOperation::kRequest, kUs, kPeer);
  queues_[2].add(theirs);
  for (const uint16_t worker : {2, 0, 1}) {
    EXPECT_EQ(take(worker), std::vector<ByteVector>{theirs}) << worker;
  }
  queues_[2].add(arp(ArpOperation::kRequest, kPeer, kUs));
  EXPECT_EQ(take(2).size(), 1U);
  EXPECT_TRUE(take(0).empty());
}

TEST_F(SteeringTest, WhatIsNobodysStaysWhereItCame) {
  ByteVector other = segment(flow_to(2));
  other[23] = 17;  // UDP
  ByteVector broken = segment(flow_to(2));
  broken.resize(30);
  for (const ByteVector& frame : {other, broken, ByteVector(5, 1), ByteVector()}) {
    queues_[0].add(frame);
    EXPECT_EQ(take(0).size(), 1U);
  }
  EXPECT_TRUE(take(2).empty());
}

TEST_F(SteeringTest, MoreThanAreOnTheirWayAreLostAndNotKept) {
  const Flow flow = flow_to(1);
  for (size_t i = 0; i < kParcels + 100; ++i) {
    queues_[0].add(segment(flow));
  }
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(take(0).empty());
  }
  EXPECT_EQ(devices_[0]->counters().handed_on, kParcels);
  EXPECT_EQ(devices_[0]->counters().no_parcel, 100U);
  EXPECT_EQ(queues_[0].out(), kParcels);
  size_t came = 0;
  while (const size_t now = take(1).size()) {
    came += now;
  }
  EXPECT_EQ(came, kParcels);
  take(0);
  EXPECT_EQ(queues_[0].out(), 0U);
}

TEST_F(SteeringTest, NeitherOthersNorItsOwnQueueKeepItFromTheOther) {
  for (int i = 0; i < 200; ++i) {
    queues_[0].add(segment(flow_to(1)));
    queues_[1].add(segment(flow_to(1, 1)));
  }
  for (int i = 0; i < 7; ++i) {
    take(0);
  }
  const ByteVector handed = segment(flow_to(1));
  for (int i = 0; i < 6; ++i) {
    const std::vector<ByteVector> came = take(1);
    ASSERT_EQ(came.size(), 32U);
    EXPECT_EQ(std::count(came.begin(), came.end(), handed), 16);
  }
}

TEST_F(SteeringTest, ADeviceIsBelievedWhenItsHashesWereRight) {
  const auto hash = [&](const Flow& flow) { return steering_.spread().hash(flow); };
  const Flow mine = flow_to(0);
  for (int i = 0; i < 2'000; ++i) {
    queues_[0].add(segment(mine), hash(mine));
    EXPECT_EQ(take(0).size(), 1U);
  }
  const uint64_t looked_at = devices_[0]->counters().hashed_right;
  EXPECT_GE(looked_at, 1'024U);
  EXPECT_LT(looked_at, 1'100U) << "then now and then";
  // It changes its mind: found out soon, and then no more believed.
  const uint32_t wrong = hash(flow_to(2));
  size_t led_astray = 0;
  for (int i = 0; i < 2'000; ++i) {
    queues_[0].add(segment(mine), wrong);
    led_astray += take(0).empty();
  }
  EXPECT_GE(led_astray, 1U);
  EXPECT_LE(led_astray, 256U);
  EXPECT_GT(devices_[0]->counters().hashed_wrong, 1'000U);
}

TEST_F(SteeringTest, OneThatHashesOtherwiseIsNeverBelieved) {
  for (uint16_t i = 0; i < 3'000; ++i) {
    const Flow flow = flow_of(static_cast<uint16_t>(1024 + i));
    queues_[0].add(segment(flow), i * 0x9e3779b9U);
    const bool is_mine = steering_.spread().worker_of(flow) == 0;
    EXPECT_EQ(take(0).size(), is_mine ? 1U : 0U);
    take(1);
    take(2);
  }
}

// What is nobody's here goes to this host's kernel, and what that sends goes out by the first
// queue.
class HostSteeringTest : public SteeringTest {
 protected:
  HostSteeringTest() {
    steering_.set_addresses({kUs, *IpAddress::parse("fe80::1")});
    steering_.set_host(host_);
    host_.add_port(6379);
  }
  std::vector<ByteVector> taken_by_host() {
    std::vector<ByteVector> frames;
    while (const HostFrame* const frame = host_.next_in()) {
      frames.emplace_back(frame->bytes.begin(),
                          frame->bytes.begin() + static_cast<ptrdiff_t>(frame->size));
      host_.done_in();
    }
    return frames;
  }
  HostPath host_{kWorkers, 1514, [] {}};
};

TEST_F(HostSteeringTest, WhatIsNotForUsGoesToTheHost) {
  ByteVector udp = segment(flow_to(2));
  udp[23] = 17;
  Flow ssh = flow_to(1);
  ssh.local_port = 22;
  ByteVector spanning_tree(60);
  spanning_tree[0] = 1;  // to a group; of no type that is spoken here
  Flow of_the_kernels_address = flow_to(1);
  of_the_kernels_address.local = IpAddress::v4(0x0a00004d);
  for (const ByteVector& frame :
       {udp, segment(ssh), spanning_tree, too_big(ssh), too_big(of_the_kernels_address)}) {
    queues_[1].add(frame);
    EXPECT_TRUE(take(1).empty());
    const std::vector<ByteVector> came = taken_by_host();
    ASSERT_EQ(came.size(), 1U);
    EXPECT_EQ(came[0], frame);
  }
  EXPECT_EQ(devices_[1]->counters().to_host, 5U);
  EXPECT_EQ(queues_[1].out(), 0U);
}

TEST_F(HostSteeringTest, WhatIsOursDoesNot) {
  for (const ByteVector& frame :
       {segment(flow_to(1)), too_big(flow_to(1)), arp(ArpOperation::kRequest, kPeer, kUs)}) {
    queues_[1].add(frame);
    EXPECT_EQ(take(1).size(), 1U);
  }
  // A NIC that shows what is for others.
  ByteVector foreign = segment(flow_to(1));
  foreign[5] = 77;
  foreign[37] = 22;
  queues_[1].add(foreign);
  EXPECT_EQ(take(1).size(), 1U) << "the stack drops it";
  EXPECT_TRUE(taken_by_host().empty());
}

// Whatever the NIC says of its hash.
TEST_F(HostSteeringTest, APortIsTheHostsAlsoWhereTheHashIsRight) {
  Flow ssh = flow_to(1);
  ssh.local_port = 22;
  const uint32_t hash = steering_.spread().hash(ssh);
  for (int i = 0; i < 2'000; ++i) {
    queues_[0].add(segment(ssh), hash);
    ASSERT_TRUE(take(0).empty());
    ASSERT_EQ(taken_by_host().size(), 1U);
  }
}

// It has addresses of its own, which are asked for, too.
TEST_F(HostSteeringTest, WhatIsForAnotherAddressIsTheHosts) {
  const IpAddress leased = IpAddress::v4(0x0a000063);
  Flow there = flow_to(1);
  there.local = leased;
  for (const ByteVector& frame : {arp(ArpOperation::kRequest, kPeer, leased), segment(there)}) {
    queues_[0].add(frame);
    EXPECT_TRUE(take(0).empty());
    EXPECT_EQ(taken_by_host().size(), 1U);
  }
}

TEST_F(HostSteeringTest, NeitherPiecesOfSegmentsNorWhatIsBrokenGoThere) {
  ByteVector piece = segment(flow_to(1));
  piece[20] = 0x20;  // more fragments
  ByteVector broken = segment(flow_to(1));
  broken[14] = 0x4f;  // a header longer than the packet
  for (const ByteVector& frame : {piece, broken}) {
    queues_[0].add(frame);
    EXPECT_EQ(take(0).size(), 1U);
  }
  EXPECT_TRUE(taken_by_host().empty());
}

TEST_F(HostSteeringTest, NeighborsAreToldToAllAndTheHost) {
  const ByteVector reply = arp(ArpOperation::kReply, kPeer, kUs);
  queues_[2].add(reply);
  for (const uint16_t worker : {2, 0, 1}) {
    EXPECT_EQ(take(worker).size(), 1U);
  }
  EXPECT_EQ(taken_by_host(), std::vector<ByteVector>{reply});
}

TEST_F(HostSteeringTest, WhoSpeaksAsOneOfUsIsToldToAllAndTheHost) {
  const ByteVector theirs = arp(ArpOperation::kRequest, kUs, IpAddress::v4(0x0a000063));
  queues_[1].add(theirs);
  for (const uint16_t worker : {1, 0, 2}) {
    EXPECT_EQ(take(worker).size(), 1U) << worker;
  }
  EXPECT_EQ(taken_by_host(), std::vector<ByteVector>{theirs});
}

TEST_F(HostSteeringTest, WhatItSendsGoesOutByTheFirstQueue) {
  const ByteVector frame = arp(ArpOperation::kRequest, kUs, kPeer);
  EXPECT_TRUE(host_.send(frame));
  EXPECT_TRUE(devices_[0]->may_sleep());
  steering_.publish_from_host();
  EXPECT_EQ(woken_, std::vector<uint16_t>{0});
  EXPECT_FALSE(devices_[0]->may_sleep());
  EXPECT_TRUE(devices_[1]->may_sleep());
  take(0);
  ASSERT_EQ(queues_[0].sent.size(), 1U);
  EXPECT_EQ(queues_[0].sent[0], frame);
  // Without room in the device it is lost, and no head with it.
  queues_[0].room = 0;
  EXPECT_TRUE(host_.send(frame));
  host_.publish_out();
  take(0);
  EXPECT_EQ(devices_[0]->counters().host_full, 1U);
  EXPECT_EQ(queues_[0].heads_out(), 0U);
}

TEST(FlowSpread, IsEven) {
  const FlowSpread spread = FlowSpread::even(kKey, 3);
  std::map<uint16_t, int> count;
  for (int port = 1024; port < 61'024; ++port) {
    ++count[spread.worker_of(flow_of(static_cast<uint16_t>(port)))];
  }
  ASSERT_EQ(count.size(), 3U);
  for (const auto& [worker, flows] : count) {
    EXPECT_NEAR(flows, 20'000, 1'000) << worker;
  }
}

// Two threads, each with its queue; frames of both in both. Every one comes once, whole, and back.
TEST(SteeringThreads, FramesCrossWhileBothWork) {
  constexpr uint64_t kFrames = 20'000;
  std::array<std::atomic<int>, 2> woken{};
  Steering steering(FlowSpread::even(kKey, 2), 2, [&](uint16_t worker) { ++woken[worker]; });
  std::array<Queue, 2> queues;
  std::array<std::atomic<uint64_t>, 2> got{};
  std::array<std::unique_ptr<SteeredDevice>, 2> devices = {steering.attach(0, queues[0]),
                                                           steering.attach(1, queues[1])};
  std::array<uint64_t, 2> lost{};
  const auto work = [&](uint16_t worker) {
    Rng rng(worker);
    uint64_t added = 0;
    for (uint64_t idle = 0; added < kFrames || queues[worker].out() != 0 || idle < 1'000;) {
      for (int i = 0; i < 8 && added < kFrames; ++i, ++added) {
        queues[worker].add(segment(flow_of(static_cast<uint16_t>(rng.below(60'000)))));
      }
      std::array<RxFrame, 32> frames;
      const size_t count = devices[worker]->receive(frames);
      for (const RxFrame& frame : std::span(frames).first(count)) {
        const Packet packet = parse_packet({frame.bytes, frame.size});
        EXPECT_EQ(steering.spread().worker_of(packet.flow), worker);
      }
      got[worker] += count;
      devices[worker]->release(std::span(frames).first(count));
      idle = count == 0 ? idle + 1 : 0;
      if (idle % 64 == 63) {
        devices[worker]->may_sleep();
        std::this_thread::yield();
      }
      // The other one may have left already: what is with it does not come back.
      if (idle > 100'000) {
        break;
      }
    }
    lost[worker] = devices[worker]->counters().no_parcel;
  };
  std::thread other(work, uint16_t{1});
  work(0);
  other.join();
  // What was under way when one of them left.
  for (int i = 0; i < 40; ++i) {
    for (const uint16_t worker : {0, 1}) {
      std::array<RxFrame, 32> frames;
      const size_t count = devices[worker]->receive(frames);
      got[worker] += count;
      devices[worker]->release(std::span(frames).first(count));
    }
  }
  EXPECT_EQ(got[0] + got[1] + lost[0] + lost[1], 2 * kFrames);
  EXPECT_EQ(queues[0].out() + queues[1].out(), 0U);
}

}  // namespace
}  // namespace pollux::tcp
