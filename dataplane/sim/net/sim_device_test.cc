#include "dataplane/sim/net/sim_device.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/sim/net/frame_peek.h"
#include "dataplane/sim/net/host.h"
#include "dataplane/sim/net/net_test_support.h"
#include "dataplane/sim/net/nic_offload.h"

namespace pollux::tcp {
namespace {

constexpr LinkConfig kShort = {.rate_bps = 0, .delay_ns = 1'000, .mtu = 9'000};

// A stack that does in each turn what the test says.
struct DeviceHost final : SimHost {
  explicit DeviceHost(const SimDeviceConfig& config) : device(config) {}
  void attached(Machine& machine) override { device.attached(machine); }
  void receive(Frame& frame, Moment) override { device.arrived(std::move(frame)); }
  void tick(Moment) override {}
  Moment next_deadline() const override { return kNever; }
  void flush(Moment) override { on_turn(); }
  void sent(uint64_t token) override { device.sent(token); }

  SimDevice device;
  std::function<void()> on_turn = [] {};
};

struct Bench {
  explicit Bench(const SimDeviceConfig& config = {}, const HostConfig& host_config = {})
      : host(config),
        machine(events, trace, 0, 1, host, host_config, "host"),
        in(events, trace, 0, 2, kShort, "test > host"),
        out(events, trace, 1, 3, kShort, "host > test"),
        end(events) {
    in.set_sink(machine, 0);
    out.set_sink(end, 0);
    machine.plug_in(out);
  }
  SimDevice& device() { return host.device; }
  // Does it on the machine's core.
  void act(std::function<void()> action) {
    machine.post([action = std::move(action)](Moment) { action(); });
    events.run_until_idle();
  }
  void offer(uint64_t first, uint64_t last) {
    for (uint64_t i = first; i <= last; ++i) {
      in.send(plain_frame(mac_of(1), mac_of(2), 100, i));
    }
    events.run_until_idle();
  }
  // A head with the frame that has this number.
  TxFrame numbered(uint64_t number) {
    TxFrame frame;
    EXPECT_EQ(device().allocate({&frame.head, 1}, TxUse::kData), 1U);
    const Frame bytes = plain_frame(mac_of(2), mac_of(1), 60, number);
    std::ranges::copy(bytes, frame.head.bytes);
    frame.head_bytes = 60;
    return frame;
  }
  std::vector<uint64_t> reaped(bool eager = false) {
    std::array<uint64_t, 64> tokens;
    const size_t count = device().reap(tokens, eager);
    return {tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(count)};
  }

  EventQueue events;
  Trace trace;
  DeviceHost host;
  Machine machine;
  Link in;
  Link out;
  Collector end;
};

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

TEST(SimDevice, FramesComeInOrderAndGoBack) {
  Bench bench;
  std::vector<uint64_t> numbers;
  bench.host.on_turn = [&] {
    std::array<RxFrame, 3> frames;
    while (const size_t count = bench.device().receive(frames)) {
      for (const RxFrame& frame : std::span(frames).first(count)) {
        numbers.push_back(number_of({frame.bytes, frame.size}));
        EXPECT_FALSE(frame.checksums_ok);
      }
      bench.device().release(std::span(frames).first(count));
    }
  };
  bench.offer(1, 40);
  std::vector<uint64_t> expected(40);
  std::iota(expected.begin(), expected.end(), 1);
  EXPECT_EQ(numbers, expected);
  EXPECT_EQ(bench.device().rx_buffers_out(), 0U);
}

TEST(SimDevice, AnEmptyFrameIsAFrame) {
  Bench bench;
  std::array<RxFrame, 1> frames;
  bench.act([&] {
    bench.device().arrived({});
    ASSERT_EQ(bench.device().receive(frames), 1U);
    EXPECT_EQ(frames[0].size, 0U);
    bench.device().release(frames);
  });
  EXPECT_EQ(bench.device().rx_buffers_out(), 0U);
}

TEST(SimDevice, WithoutBuffersFramesAreLost) {
  Bench bench({.rx_buffers = 4});
  bench.offer(1, 6);
  EXPECT_EQ(bench.machine.count(NetEvent::kRxNoBuffer), 2U);
  EXPECT_NE(bench.trace.text().find("host: dropped, no receive buffer, 100 bytes"),
            std::string::npos);
  std::array<RxFrame, 8> frames;
  ASSERT_EQ(bench.device().receive(frames), 4U);
  EXPECT_EQ(bench.device().rx_buffers_out(), 4U);
  bench.device().release(std::span(frames).first(2));
  bench.offer(7, 9);
  EXPECT_EQ(bench.machine.count(NetEvent::kRxNoBuffer), 3U);
  std::array<RxFrame, 8> later;
  ASSERT_EQ(bench.device().receive(later), 2U);
  EXPECT_EQ(number_of({later[1].bytes, later[1].size}), 8U);
  EXPECT_EQ(number_of({frames[2].bytes, frames[2].size}), 3U) << "still the stack's";
}

TEST(SimDevice, AHeadAndPiecesAreOneFrame) {
  Bench bench;
  const std::string_view first = "a value of some length, ";
  const std::string_view second = "and another";
  bench.act([&] {
    TxFrame frame = bench.numbered(7);
    frame.piece_count = 2;
    frame.pieces[0] = bytes_of(first);
    frame.pieces[1] = bytes_of(second);
    frame.token = 99;
    EXPECT_EQ(bench.device().send({&frame, 1}), 1U);
    EXPECT_TRUE(bench.reaped().empty()) << "not yet on the wire";
  });
  ASSERT_EQ(bench.end.got.size(), 1U);
  const Frame& got = bench.end.got[0].frame;
  EXPECT_EQ(number_of(got), 7U);
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(got.data()) + 60, got.size() - 60),
            "a value of some length, and another");
  EXPECT_EQ(bench.reaped(), std::vector<uint64_t>{99});
  EXPECT_TRUE(bench.reaped().empty());
  EXPECT_EQ(bench.device().heads_out(), 0U);
}

TEST(SimDevice, OnlyFramesWithPiecesAreHeardOfAgain) {
  Bench bench;
  const std::string_view value = "v";
  bench.act([&] {
    std::vector<TxFrame> frames;
    for (uint64_t i = 1; i <= 6; ++i) {
      TxFrame frame = bench.numbered(i);
      frame.token = i;
      frame.piece_count = i % 2;
      frame.pieces[0] = bytes_of(value);
      frames.push_back(frame);
    }
    EXPECT_EQ(bench.device().send(frames), 6U);
  });
  EXPECT_EQ(numbers_of(bench.end.got), (std::vector<uint64_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(bench.reaped(), (std::vector<uint64_t>{1, 3, 5}));
  EXPECT_EQ(bench.device().heads_out(), 0U);
}

TEST(SimDevice, SomeHeadsAreForControlAlone) {
  Bench bench({.heads = 8, .control_heads = 3});
  std::array<TxHead, 8> heads;
  EXPECT_EQ(bench.device().allocate(heads, TxUse::kData), 5U);
  EXPECT_EQ(bench.device().allocate(std::span(heads).subspan(5), TxUse::kData), 0U);
  EXPECT_EQ(bench.device().allocate(std::span(heads).subspan(5), TxUse::kControl), 3U);
  EXPECT_EQ(bench.device().heads_out(), 8U);
  bench.device().drop(heads);
  EXPECT_EQ(bench.device().heads_out(), 0U);
}

TEST(SimDevice, AFullRingLeavesTheRestWithTheStack) {
  Bench bench({}, {.tx_ring = 4});
  bench.act([&] {
    std::vector<TxFrame> frames;
    for (uint64_t i = 1; i <= 6; ++i) {
      frames.push_back(bench.numbered(i));
    }
    EXPECT_EQ(bench.device().send(frames), 4U);
    EXPECT_EQ(bench.device().heads_out(), 6U);
    const std::array<TxHead, 2> left = {frames[4].head, frames[5].head};
    bench.device().drop(left);
  });
  EXPECT_EQ(numbers_of(bench.end.got), (std::vector<uint64_t>{1, 2, 3, 4}));
  EXPECT_EQ(bench.device().heads_out(), 0U);
}

TEST(SimDevice, AllocationsFail) {
  Bench bench;
  bench.machine.set_faults({.script = {{0, 3, FaultKind::kNoAllocation}}});
  std::array<TxHead, 4> heads;
  EXPECT_EQ(bench.device().allocate(heads, TxUse::kControl), 2U);
  EXPECT_EQ(bench.device().allocate(std::span(heads).subspan(2), TxUse::kControl), 2U);
  EXPECT_EQ(bench.machine.count(NetEvent::kNoAllocation), 1U);
}

TEST(SimDevice, GivesBackLazilyUnlessAsked) {
  Bench bench({}, {.completion_batch = 8});
  const std::string_view value = "v";
  bench.act([&] {
    TxFrame frame = bench.numbered(1);
    frame.token = 5;
    frame.piece_count = 1;
    frame.pieces[0] = bytes_of(value);
    EXPECT_EQ(bench.device().send({&frame, 1}), 1U);
  });
  EXPECT_TRUE(bench.reaped().empty());
  EXPECT_EQ(bench.device().heads_out(), 1U);
  bench.act([&] { EXPECT_TRUE(bench.reaped(/*eager=*/true).empty()) << "in a turn to come"; });
  EXPECT_EQ(bench.reaped(), std::vector<uint64_t>{5});
  EXPECT_EQ(bench.device().heads_out(), 0U);
}

TEST(SimDevice, ShortFramesArePadded) {
  Bench bench;
  bench.act([&] {
    TxFrame frame = bench.numbered(7);
    frame.head_bytes = 54;
    EXPECT_EQ(bench.device().send({&frame, 1}), 1U);
  });
  ASSERT_EQ(bench.end.got.size(), 1U);
  const Frame& got = bench.end.got[0].frame;
  EXPECT_EQ(number_of(got), 7U);
  EXPECT_EQ(got.size(), kFrameBytesMin);
  EXPECT_EQ(std::count(got.begin() + 54, got.end(), 0), 6);
}

TEST(SimDeviceDeathTest, SendsWhatTheMtuAllows) {
  Bench bench({.caps = {.mtu = 1'400}});
  const std::string value(1'400 + 14 - 60, 'v');
  const std::string longer = value + "tags";
  const auto send = [&](std::string_view piece, bool vlan) {
    TxFrame frame = bench.numbered(1);
    if (vlan) {
      frame.head.bytes[12] = 0x81;
      frame.head.bytes[13] = 0;
    }
    frame.piece_count = 1;
    frame.pieces[0] = bytes_of(piece);
    return bench.device().send({&frame, 1});
  };
  bench.act([&] {
    EXPECT_EQ(send(value, false), 1U);
    EXPECT_EQ(send(longer, true), 1U) << "the tag is not the packet's";
    EXPECT_DEATH(send(longer, false), "mtu");
  });
  EXPECT_EQ(bench.end.got.size(), 2U);
}

// A segment of TCP over IPv4 with so much payload, in a head and a piece, whose checksum is what a
// device gets that cuts.
TxFrame long_segment(Bench& bench, Bytes payload, uint16_t segment_bytes) {
  TxFrame frame;
  EXPECT_EQ(bench.device().allocate({&frame.head, 1}, TxUse::kData), 1U);
  Frame bytes = segment({.flags = flag::kAck | flag::kPsh, .seq = 1'000});
  bytes[16] = static_cast<uint8_t>((40 + payload.size()) >> 8);
  bytes[17] = static_cast<uint8_t>(40 + payload.size());
  Frame pseudo(bytes.begin() + 26, bytes.begin() + 34);
  put32(pseudo, 6U << 16 | (segment_bytes != 0 ? 0 : static_cast<uint32_t>(20 + payload.size())));
  const auto partial = static_cast<uint16_t>(~internet_checksum(pseudo));
  bytes[50] = static_cast<uint8_t>(partial >> 8);
  bytes[51] = static_cast<uint8_t>(partial);
  std::ranges::copy(bytes, frame.head.bytes);
  frame.head_bytes = static_cast<uint32_t>(bytes.size());
  frame.piece_count = 1;
  frame.pieces[0] = payload;
  frame.token = 7;
  frame.checksums = true;
  frame.segment_bytes = segment_bytes;
  return frame;
}

TEST(SimDevice, CutsSegmentsAsANicDoes) {
  Bench bench({.caps = {.tx_checksums = true, .segmented_bytes_max = 10'000}});
  const std::vector<uint8_t> payload(4'000, 'v');
  bench.act([&] {
    const TxFrame frame = long_segment(bench, payload, 1'460);
    EXPECT_EQ(bench.device().send({&frame, 1}), 1U);
  });
  ASSERT_EQ(bench.end.got.size(), 3U);
  uint32_t seq = 1'000;
  for (const Collector::Got& got : bench.end.got) {
    const TcpPeek tcp = *peek_tcp(got.frame);
    EXPECT_EQ(tcp.seq.value, seq);
    EXPECT_TRUE(checksums_are_right(got.frame));
    seq += tcp.payload_bytes;
  }
  EXPECT_EQ(seq, 5'000U);
  EXPECT_EQ(bench.reaped(), std::vector<uint64_t>{7}) << "one frame, one completion";
  EXPECT_EQ(bench.device().heads_out(), 0U);
}

TEST(SimDevice, FinishesChecksumsWhereItIsAsked) {
  Bench bench({.caps = {.tx_checksums = true}});
  const std::vector<uint8_t> payload(100, 'v');
  bench.act([&] {
    const TxFrame frame = long_segment(bench, payload, 0);
    EXPECT_EQ(bench.device().send({&frame, 1}), 1U);
  });
  ASSERT_EQ(bench.end.got.size(), 1U);
  EXPECT_TRUE(checksums_are_right(bench.end.got[0].frame));
}

TEST(SimDevice, LooksAtChecksumsIfItSaysSo) {
  for (const bool looks : {false, true}) {
    Bench bench({.caps = {.rx_checksums = looks}});
    std::vector<bool> right;
    bench.host.on_turn = [&] {
      std::array<RxFrame, 4> frames;
      const size_t count = bench.device().receive(frames);
      for (const RxFrame& frame : std::span(frames).first(count)) {
        right.push_back(frame.checksums_ok);
      }
      bench.device().release(std::span(frames).first(count));
    };
    bench.in.send(segment({.payload = "value"}));  // without one of TCP
    Bench sender({.caps = {.tx_checksums = true}});
    const std::vector<uint8_t> payload(100, 'v');
    sender.act([&] {
      const TxFrame frame = long_segment(sender, payload, 0);
      EXPECT_EQ(sender.device().send({&frame, 1}), 1U);
    });
    bench.in.send(sender.end.got.at(0).frame);
    bench.events.run_until_idle();
    EXPECT_EQ(right, (std::vector<bool>{false, looks}));
  }
}

TEST(SimDeviceDeathTest, CutsNoMoreThanItSays) {
  Bench bench({.caps = {.tx_checksums = true, .segmented_bytes_max = 3'000}});
  const std::vector<uint8_t> payload(3'001, 'v');
  bench.act([&] {
    const TxFrame longer = long_segment(bench, payload, 1'460);
    EXPECT_DEATH(bench.device().send({&longer, 1}), "segmented_bytes_max");
    const TxFrame wider = long_segment(bench, Bytes(payload).first(3'000), 1'461);
    EXPECT_DEATH(bench.device().send({&wider, 1}), "mtu");
    TxFrame uncut = long_segment(bench, Bytes(payload).first(3'000), 0);
    EXPECT_DEATH(bench.device().send({&uncut, 1}), "mtu");
  });
}

TEST(SimDeviceDeathTest, DoesOnlyWhatItsCapsSay) {
  Bench bench;
  const std::vector<uint8_t> payload(100, 'v');
  bench.act([&] {
    const TxFrame frame = long_segment(bench, payload, 0);
    EXPECT_DEATH(bench.device().send({&frame, 1}), "tx_checksums");
  });
}

// The bugs that it is there to find.
TEST(SimDevice, WhoWritesIntoWhatIsUnderWayIsFound) {
  Bench bench;
  bench.act([&] {
    TxFrame frame = bench.numbered(1);
    EXPECT_EQ(bench.device().send({&frame, 1}), 1U);
    frame.head.bytes[20] ^= 1;
  });
  EXPECT_EQ(bench.machine.count(NetEvent::kTxChanged), 2U);
  EXPECT_NE(bench.machine.first_change(), "");
}

TEST(SimDeviceDeathTest, WhatIsUnderWayIsNotTheStacks) {
  Bench bench;
  bench.act([&] {
    TxFrame frame = bench.numbered(1);
    EXPECT_EQ(bench.device().send({&frame, 1}), 1U);
    EXPECT_DEATH(bench.device().send({&frame, 1}), "state");
    EXPECT_DEATH(bench.device().drop({&frame.head, 1}), "state");
  });
}

TEST(SimDeviceDeathTest, WhatIsGivenBackTwiceIsABug) {
  Bench bench;
  std::array<TxHead, 1> head;
  ASSERT_EQ(bench.device().allocate(head, TxUse::kControl), 1U);
  bench.device().drop(head);
  EXPECT_DEATH(bench.device().drop(head), "state");
  bench.offer(1, 1);
  std::array<RxFrame, 1> frames;
  ASSERT_EQ(bench.device().receive(frames), 1U);
  bench.device().release(frames);
  EXPECT_DEATH(bench.device().release(frames), "out");
}

}  // namespace
}  // namespace pollux::tcp
