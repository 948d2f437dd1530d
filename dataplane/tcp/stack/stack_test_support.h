// A stack by hand: segments of a peer's in, events and frames out.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/tcp/interface/interface_test_support.h"
#include "dataplane/tcp/stack/stack.h"

namespace pollux::tcp {

inline constexpr uint16_t kPort = 6379;
inline constexpr uint16_t kTheirPort = 40'000;
inline constexpr Seq kTheirIsn{1'000};

// What a connection has that goes the short ways (Stack::take_next, emit_plain): the device
// verifies and finishes checksums, and both sides use timestamps and SACK. Without, it goes those
// for all.
enum class Ways { kAll, kShort };

// Gives frames, and keeps those with pieces until it is asked to be done with them.
struct StackDevice final : TestDevice {
  StackDevice() : TestDevice(256) {}

  size_t receive(std::span<RxFrame> frames) override {
    size_t count = 0;
    for (; count < frames.size() && !arriving.empty(); ++count) {
      held.push_back(std::move(arriving.front()));
      arriving.pop_front();
      frames[count] = {.bytes = held.back().data(),
                       .size = static_cast<uint32_t>(held.back().size()),
                       .checksums_ok = its_caps.rx_checksums};
    }
    return count;
  }
  void release(std::span<const RxFrame> frames) override {
    EXPECT_EQ(frames.size(), held.size());
    held.clear();
  }
  size_t send(std::span<const TxFrame> frames) override {
    const size_t before = sent.size();
    const size_t count = TestDevice::send(frames);
    for (size_t i = 0; i < count; ++i) {
      for (uint32_t piece = 0; piece < frames[i].piece_count; ++piece) {
        const Bytes& bytes = frames[i].pieces[piece];
        sent[before + i].insert(sent[before + i].end(), bytes.begin(), bytes.end());
      }
      if (frames[i].piece_count != 0) {
        with_pieces.push_back(frames[i].token);
      }
      look_at(sent[before + i], frames[i]);
    }
    return count;
  }
  // Finishes its checksum, unless it is to be cut, and notes our clock.
  void look_at(Frame& sent_one, const TxFrame& frame) {
    const Packet packet = parse_packet(sent_one);
    if (packet.kind != PacketKind::kTcp) {
      return;
    }
    if (frame.checksums && frame.segment_bytes == 0) {
      store16(sent_one.data() + packet.transport_at + kTcpChecksumAt, checksum(packet.transport()));
    }
    const TcpOptions options = parse_tcp_options(packet.tcp_options());
    clock = options.timestamps ? options.timestamps->value : clock;
  }
  size_t reap(std::span<uint64_t> tokens, bool eager) override {
    asked_for_all = eager;
    size_t count = 0;
    for (; done && count < tokens.size() && !with_pieces.empty(); ++count) {
      tokens[count] = with_pieces.front();
      with_pieces.pop_front();
    }
    return count;
  }

  std::deque<Frame> arriving;
  std::deque<Frame> held;
  std::deque<uint64_t> with_pieces;
  uint32_t clock = 0;  // the timestamp that went out last
  bool done = true;
  bool asked_for_all = false;  // in the last reap
};

struct Told {
  StackEvent::Kind kind;
  ConnId conn;
  std::string bytes;
  TcpEnd end;
};

class Bench {
 public:
  explicit Bench(Ways ways, const StackConfig& config = {})
      : Bench(config, {.mac = kOurs,
                       .rx_checksums = ways == Ways::kShort,
                       .tx_checksums = ways == Ways::kShort}) {
    if (ways == Ways::kShort) {
      syn_options.sack_permitted = true;
      syn_options.timestamps.emplace();
    }
  }
  explicit Bench(StackConfig config = {}, const DeviceCaps& caps = {.mac = kOurs}) {
    device_.its_caps = caps;
    if (config.interface.addresses.empty()) {
      config.interface.addresses = {{kUs, 24}};
      config.interface.gateway_v4 = kGateway;
    }
    // Tables for as many as tests have: those of a server take longer to make than a test runs.
    config.connections_max = std::min(config.connections_max, 192U);
    config.listener.half_open.capacity = 64;
    config.listener.time_wait.capacity = 64;
    stack_ = std::make_unique<Stack>(config, StackKeys{}, device_, now_);
    stack_->listen({{.address = std::nullopt, .port = kPort}});
    turn();
    device_.sent.clear();
  }

  // A segment of the peer's, in its place of the stream.
  void segment(TcpFlags flags, Seq seq, Seq ack, std::string_view payload = {},
               const IpAddress& from = kPeer, uint16_t port = kPort) {
    const EtherType type = from.is_v4() ? EtherType::kIpv4 : EtherType::kIpv6;
    const size_t tcp_at = from.is_v4() ? kIpv4Bytes : kIpv6Bytes;
    device_.arriving.push_back(frame_with({}, type, [&](Room room) {
      const Room tcp = room.subspan(tcp_at);
      TcpOptions options;
      if ((flags & kSyn) != 0) {
        options = syn_options;
      }
      if (syn_options.timestamps) {
        options.timestamps = {static_cast<uint32_t>(now_.ns / kMillisecondNs), device_.clock};
      }
      const size_t head = write_tcp(tcp,
                                    {.source_port = kTheirPort,
                                     .destination_port = port,
                                     .seq = seq,
                                     .ack = ack,
                                     .flags = flags,
                                     .window = 60'000},
                                    options);
      std::ranges::copy(payload, tcp.subspan(head).begin());
      const size_t bytes = head + payload.size();
      const IpAddress& to = from.is_v4() ? to_v4 : kUs6;
      Checksum sum = pseudo_header(from, to, 6, static_cast<uint32_t>(bytes));
      sum.add(tcp.subspan(head, payload.size()));
      set_tcp_checksum(tcp.first(head), sum);
      if (from.is_v4()) {
        write_ipv4(room, {.source = from, .destination = to, .protocol = IpProtocol::kTcp}, bytes);
      } else {
        write_ipv6(room, {.source = from, .destination = to, .protocol = IpProtocol::kTcp}, bytes);
      }
      return tcp_at + bytes;
    }));
  }
  void turn() {
    while (true) {
      const size_t count = stack_->receive(now_);
      if (count < Stack::kBurst && stack_->next_deadline() <= now_) {
        stack_->tick(now_);
      }
      take_events();
      stack_->flush(now_);
      EXPECT_EQ(stack_->check(), "");
      if (count == 0) {
        break;
      }
    }
    take_events();
  }
  void pass(int64_t ns) {
    now_ = now_ + ns;
    turn();
  }
  // By handshake; the events of it are taken.
  ConnId open(const IpAddress& from = kPeer) {
    segment(kSyn, kTheirIsn, Seq{}, {}, from);
    turn();
    ours_ = last().tcp.seq + 1;
    segment(kAck, kTheirIsn + 1, ours_, {}, from);
    turn();
    EXPECT_EQ(told_.size(), 1U);
    const ConnId conn = told_.at(0).conn;
    told_.clear();
    device_.sent.clear();
    return conn;
  }
  void write(ConnId conn, std::string_view text) {
    const Bytes bytes = bytes_of(text);
    EXPECT_TRUE(stack_->write(conn, {&bytes, 1}, UINT32_MAX));
  }

  // The last frame that went out.
  Packet last() const { return parse_packet(device_.sent.at(device_.sent.size() - 1)); }
  std::string last_payload() const {
    const Bytes bytes = last().payload();
    return {bytes.begin(), bytes.end()};
  }
  size_t frames_out() const { return device_.sent.size(); }
  Seq ours() const { return ours_; }
  StackDevice& device() { return device_; }
  Stack& stack() { return *stack_; }
  std::vector<Told>& told() { return told_; }
  Moment now() const { return now_; }

  IpAddress to_v4 = kUs;  // where segments of IPv4 go
  // What the peer offers; timestamps are on each of its segments then.
  TcpOptions syn_options = peer_options();

 private:
  static TcpOptions peer_options() {
    TcpOptions options;
    options.mss = 1'000;
    return options;
  }
  void take_events() {
    while (const StackEvent* event = stack_->next_event()) {
      told_.push_back(
          {event->kind, event->conn, {event->bytes.begin(), event->bytes.end()}, event->end});
    }
  }

  StackDevice device_;
  Moment now_{kSecondNs};
  std::unique_ptr<Stack> stack_;
  std::vector<Told> told_;
  Seq ours_;
};

// A connect whose SYN has gone out.
struct Connecting {
  explicit Connecting(Bench& bench) {
    conn = bench.stack().connect(kPeer, kTheirPort, bench.now()).value();
    bench.turn();
    bench.device().arriving.push_back(arp_frame({.operation = ArpOperation::kReply,
                                                 .sender_mac = kTheirs,
                                                 .sender_ip = kPeer,
                                                 .target_mac = kOurs,
                                                 .target_ip = kUs},
                                                {}));
    bench.turn();
    syn = bench.device().sent.back();
  }
  ConnId conn;
  Frame syn;
};

}  // namespace pollux::tcp
