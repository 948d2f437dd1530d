#include "dataplane/tcp/capture/capture.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/tcp/interface/queue_test_support.h"
#include "dataplane/tcp/wire/arp.h"
#include "dataplane/tcp/wire/ipv6.h"

namespace pollux::tcp {
namespace {

const IpAddress kOther = IpAddress::v4(0x0a000003);
const IpAddress kPeer6 = *IpAddress::parse("fd00::2");

ByteVector from(const IpAddress& peer) {
  return segment({.local = kUs, .remote = peer, .local_port = 6379, .remote_port = 50'000});
}

ByteVector from6(const IpAddress& peer) {
  ByteVector frame(74);
  const size_t at = write_ethernet(
      frame,
      {.destination = kOurMac, .source = kPeerMac, .vlan = VlanTag{7}, .type = EtherType::kIpv6});
  write_ipv6(Room(frame).subspan(at),
             {.source = peer,
              .destination = *IpAddress::parse("fd00::1"),
              .protocol = IpProtocol::kTcp,
              .hop_limit = 64},
             0);
  return frame;
}

ByteVector arp_for(const IpAddress& target) {
  ByteVector frame(60);
  const size_t at = write_ethernet(
      frame, {.destination = kBroadcast, .source = kOurMac, .type = EtherType::kArp});
  write_arp(Room(frame).subspan(at), {.operation = ArpOperation::kRequest,
                                      .sender_mac = kOurMac,
                                      .sender_ip = kUs,
                                      .target_ip = target});
  return frame;
}

class CaptureTest : public testing::Test {
 protected:
  void come(std::vector<ByteVector> frames) {
    for (ByteVector& frame : frames) {
      queue_.add(std::move(frame));
    }
    std::array<RxFrame, 8> got;
    const size_t count = device_.receive(got);
    device_.release(std::span(got).first(count));
  }
  size_t go(const ByteVector& head, const std::vector<ByteVector>& pieces = {}, int times = 1) {
    std::vector<TxHead> heads(static_cast<size_t>(times));
    device_.allocate(heads, TxUse::kData);
    std::vector<TxFrame> frames;
    for (const TxHead& one : heads) {
      std::ranges::copy(head, one.bytes);
      TxFrame frame{.head = one, .head_bytes = static_cast<uint32_t>(head.size())};
      for (const ByteVector& piece : pieces) {
        frame.pieces[frame.piece_count++] = piece;
      }
      frames.push_back(frame);
    }
    return device_.send(frames);
  }
  // "< 54" was received, "> 60" was sent.
  std::string taken() {
    std::string out;
    while (const CapturedFrame* const frame = capture_.next(kNever)) {
      out += (out.empty() ? "" : ", ") + std::string(frame->sent ? "> " : "< ") +
             std::to_string(frame->size);
      last_ = {frame->captured().begin(), frame->captured().end()};
      last_at_ = Moment{frame->at_ns};
      capture_.done();
    }
    return out;
  }

  Moment now_{5'000};
  Queue queue_;
  Capture capture_{1, [this] { return now_; }};
  CapturedDevice device_{capture_, 0, queue_};
  ByteVector last_;
  Moment last_at_;
};

TEST_F(CaptureTest, NobodyIsCapturedUnlessChosen) {
  come({from(kPeer)});
  go(from(kPeer));
  EXPECT_FALSE(capture_.is_wanted());
  EXPECT_EQ(taken(), "");
  EXPECT_EQ(queue_.sent.size(), 1U);
}

TEST_F(CaptureTest, FramesOfTheChosenBothWays) {
  device_.choose({{kPeer, 32}});
  EXPECT_TRUE(capture_.is_wanted());
  come({from(kPeer), from(kOther)});
  EXPECT_EQ(taken(), "< 54");
  EXPECT_EQ(last_, from(kPeer));
  EXPECT_EQ(last_at_, now_);
  // To him; our own address is not looked for.
  EXPECT_EQ(go(segment({.local = kPeer, .remote = kUs, .local_port = 1, .remote_port = 2})), 1U);
  EXPECT_EQ(go(segment({.local = kOther, .remote = kUs, .local_port = 1, .remote_port = 2})), 1U);
  EXPECT_EQ(taken(), "> 54");
  device_.choose({});
  EXPECT_FALSE(capture_.is_wanted());
  come({from(kPeer)});
  EXPECT_EQ(taken(), "");
}

TEST_F(CaptureTest, BlocksOfAddressesOfBothVersionsAndArp) {
  device_.choose({{kUs, 24}, {kPeer6, 64}});  // that we are in one ourselves does not count
  come({from(IpAddress::v4(0x0b000001)), from6(kPeer6), from6(*IpAddress::parse("fd01::2"))});
  EXPECT_EQ(taken(), "< 74");  // with its tag
  come({from(kPeer)});
  EXPECT_EQ(taken(), "< 54");
  device_.choose({{kPeer, 32}});
  go(arp_for(kPeer));
  go(arp_for(kOther));
  EXPECT_EQ(taken(), "> 60");
}

TEST_F(CaptureTest, WhatIsNoFrameIsNobodys) {
  device_.choose({{IpAddress::v4(0), 0}, {IpAddress{}, 0}});
  const ByteVector whole = from(kPeer);
  for (size_t size = 0; size < 34; ++size) {
    come({ByteVector(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size))});
  }
  EXPECT_EQ(taken(), "");
  come({ByteVector(whole.begin(), whole.begin() + 34)});  // its TCP is damaged: worth a look
  EXPECT_EQ(taken(), "< 34");
}

TEST_F(CaptureTest, PiecesStandBehindTheirHeadAndTheRestIsCut) {
  device_.choose({{kPeer, 32}});
  const ByteVector head = segment({.local = kPeer, .remote = kUs});
  go(head, {ByteVector(100, 'a'), ByteVector(10, 'b')});
  EXPECT_EQ(taken(), "> 164");
  ASSERT_EQ(last_.size(), 164U);
  EXPECT_EQ(last_[54], 'a');
  EXPECT_EQ(last_[153], 'a');
  EXPECT_EQ(last_[163], 'b');
  go(head, {ByteVector(60'000, 'a'), ByteVector(10, 'b')});
  EXPECT_EQ(taken(), "> 60064");
  EXPECT_EQ(last_.size(), CapturedFrame::kBytesMax);
  EXPECT_EQ(last_.back(), 'a');
}

TEST_F(CaptureTest, WhatTheDeviceDidNotTakeWasNotSent) {
  device_.choose({{kPeer, 32}});
  const ByteVector head = segment({.local = kPeer, .remote = kUs});
  queue_.room = 0;
  EXPECT_EQ(go(head, {}, 3), 0U);
  EXPECT_EQ(taken(), "");
  queue_.room = 100;
  EXPECT_EQ(go(head, {}, 3), 3U);
  EXPECT_EQ(taken(), "> 54, > 54, > 54");
}

TEST_F(CaptureTest, WhoDoesNotKeepUpLosesCopiesAndNoFrames) {
  device_.choose({{kPeer, 32}});
  const ByteVector head = segment({.local = kPeer, .remote = kUs});
  for (size_t i = 0; i < Capture::kFrames + 5; ++i) {
    EXPECT_EQ(go(head), 1U);
  }
  EXPECT_EQ(capture_.lost(), 5U);
  size_t count = 0;
  for (; capture_.next(kNever) != nullptr; ++count) {
    capture_.done();
  }
  EXPECT_EQ(count, Capture::kFrames);
  go(head);
  EXPECT_EQ(taken(), "> 54");
  EXPECT_EQ(capture_.lost(), 5U);
}

TEST_F(CaptureTest, NothingIsCopiedForNobody) {
  device_.choose({{kPeer, 32}});
  capture_.set_open(false);
  for (size_t i = 0; i < Capture::kFrames + 5; ++i) {
    EXPECT_EQ(go(segment({.local = kPeer, .remote = kUs})), 1U);
  }
  come({from(kPeer)});
  EXPECT_EQ(taken(), "");
  EXPECT_EQ(capture_.lost(), 0U);
  capture_.set_open(true);
  come({from(kPeer)});
  EXPECT_EQ(taken(), "< 54");
}

TEST_F(CaptureTest, WhatIsCopiedLaterWaits) {
  device_.choose({{kPeer, 32}});
  come({from(kPeer)});
  now_ = now_ + 1;
  come({from(kPeer)});
  size_t count = 0;
  // However fast a worker goes on.
  for (; count < 10 && capture_.next(Moment{5'000}) != nullptr; ++count) {
    capture_.done();
    come({from(kPeer)});
  }
  EXPECT_EQ(count, 1U);
  EXPECT_EQ(taken(), "< 54, < 54");
}

TEST(CaptureOfSeveral, InTheOrderOfTheirTimes) {
  constexpr uint16_t kWorkers = 3;
  Moment now{0};
  Capture capture(kWorkers, [&] { return now; });
  std::array<Queue, kWorkers> queues;
  std::vector<std::unique_ptr<CapturedDevice>> devices;
  for (uint16_t i = 0; i < kWorkers; ++i) {
    devices.push_back(std::make_unique<CapturedDevice>(capture, i, queues[i]));
    devices[i]->choose({{kPeer, 32}});
  }
  const std::vector<uint16_t> order = {2, 0, 0, 1, 2, 1, 0, 2, 2, 2, 1, 0};
  for (const uint16_t worker : order) {
    now = now + 10;
    queues[worker].add(from(kPeer));
    std::array<RxFrame, 1> got;
    ASSERT_EQ(devices[worker]->receive(got), 1U);
    devices[worker]->release(got);
  }
  std::vector<uint16_t> came;
  while (const CapturedFrame* const frame = capture.next(kNever)) {
    came.push_back(frame->worker);
    EXPECT_EQ(frame->at_ns, static_cast<int64_t>(came.size()) * 10);
    capture.done();
  }
  EXPECT_EQ(came, order);
}

TEST_F(CaptureTest, AWorkerCopiesWhileTheOtherThreadTakes) {
  std::atomic<bool> over{false};
  std::thread worker([&] {
    for (int i = 0; i < 20'000; ++i) {
      device_.choose(i % 100 == 0 ? std::vector<LinkPrefix>()
                                  : std::vector<LinkPrefix>{{kPeer, 32}});
      come({from(kPeer)});
    }
    device_.choose({});
    over.store(true);
  });
  size_t count = 0;
  for (bool last = false; !last;) {
    last = over.load();
    while (const CapturedFrame* const frame = capture_.next(kNever)) {
      ASSERT_EQ(frame->size, 54U);
      ++count;
      capture_.done();
    }
  }
  worker.join();
  EXPECT_EQ(count + capture_.lost(), 19'800U);
  EXPECT_FALSE(capture_.is_wanted());
}

}  // namespace
}  // namespace pollux::tcp
