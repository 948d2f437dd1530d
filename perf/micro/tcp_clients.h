// Clients of a stack in the same thread, as far as their frames go, and the device between: it
// costs nothing, and loses nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "dataplane/tcp/stack/stack.h"
#include "dataplane/tcp/wire/ethernet.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "src/base/assert.h"

namespace pollux::tcp {

inline constexpr MacAddress kOurs = {{2, 0, 0, 0, 0, 1}};
inline constexpr MacAddress kTheirs = {{2, 0, 0, 0, 0, 2}};
inline constexpr IpAddress kUs = IpAddress::v4(0x0a000001);
inline constexpr uint16_t kOurPort = 6379;
inline constexpr size_t kBurst = Stack::kBurst;
// Bursts whose frames are made at a time: to leave that out of the time takes two system calls,
// 1,200 cycles or more.
inline constexpr size_t kAhead = 16;
inline constexpr size_t kFrameBytes = 192;
inline constexpr std::array<uint8_t, 64> kPayload{};  // of a request

// Gives the frames that were made, takes what is sent, and keeps the last number of it.
class BenchDevice : public Device {
 public:
  BenchDevice() : heads_(kHeads * kTxHeadBytes) {
    caps_.mac = kOurs;
    caps_.rx_checksums = caps_.tx_checksums = true;
    for (uint64_t i = 0; i < kHeads; ++i) {
      free_.push_back(i);
    }
  }
  const DeviceCaps& caps() const override { return caps_; }
  // Frames that come at a time, of what was made.
  void set_burst(size_t frames) { burst_ = frames; }
  size_t receive(std::span<RxFrame> frames) override {
    const size_t count = std::min({frames.size(), made_ - taken_, burst_});
    for (RxFrame& frame : frames.first(count)) {
      frame = {.bytes = frames_[taken_].data(), .size = sizes_[taken_], .checksums_ok = true};
      ++taken_;
    }
    if (taken_ == made_) {
      taken_ = made_ = 0;
    }
    return count;
  }
  void release(std::span<const RxFrame> /*frames*/) override {}
  size_t allocate(std::span<TxHead> heads, TxUse /*use*/) override {
    size_t count = 0;
    for (; count < heads.size() && !free_.empty(); ++count, free_.pop_back()) {
      heads[count] = {&heads_[free_.back() * kTxHeadBytes], kTxHeadBytes, free_.back()};
    }
    return count;
  }
  void drop(std::span<const TxHead> heads) override {
    for (const TxHead& head : heads) {
      free_.push_back(head.buffer);
    }
  }
  size_t send(std::span<const TxFrame> frames) override {
    for (const TxFrame& frame : frames) {
      POLLUX_ASSERT(frame.piece_count == 0);
      last_ = {frame.head.bytes, frame.head_bytes};
      free_.push_back(frame.head.buffer);
    }
    sent_ += frames.size();
    return frames.size();
  }
  size_t reap(std::span<uint64_t> /*tokens*/, bool /*eager*/) override { return 0; }

  std::array<uint8_t, kFrameBytes>& next_frame() { return frames_[made_]; }
  void made(size_t bytes) { sizes_[made_++] = static_cast<uint32_t>(bytes); }
  Bytes last() const { return last_; }
  // Of what was made, nothing is left.
  bool drained() const { return made_ == 0; }
  uint64_t sent() const { return sent_; }

 private:
  static constexpr size_t kHeads = 4096;
  DeviceCaps caps_;
  std::vector<uint8_t> heads_;
  std::vector<uint64_t> free_;
  std::array<std::array<uint8_t, kFrameBytes>, kAhead * kBurst> frames_{};
  std::array<uint32_t, kAhead * kBurst> sizes_{};
  size_t made_ = 0;
  size_t taken_ = 0;
  size_t burst_ = kBurst;
  Bytes last_;
  uint64_t sent_ = 0;
};

// A client of each connection, as far as its numbers go.
struct Peer {
  Seq next;
  Seq ack;
  bool asked = false;  // and the reply is not acknowledged yet
  uint32_t burst = 0;  // the last one that it has sent in
};

// `connections` of them, from a network of 10.0.0.0/8.
class TcpClients {
 public:
  TcpClients(uint32_t connections, BenchDevice& device) : device_(device), peers_(connections) {}

  void set_now(Moment now) { now_ = now; }
  // The last timestamp that was seen from the other side; all clients send it back.
  void set_echo(uint32_t echo) { echo_ = echo; }
  std::vector<Peer>& peers() { return peers_; }
  // The client that a segment to `destination_port` is for; the first kPorts have one each.
  static uint32_t client_at(uint16_t destination_port) { return destination_port - kFirstPort; }

  // `turn`: lets the stack receive, and flush.
  template <typename Turn>
  void open(uint32_t i, Turn turn) {
    Peer& peer = peers_[i];
    peer.next = Seq{i * 7919};
    const TcpOptions options = syn_options();
    frame(i, kSyn, {}, 0, &options);
    turn();
    TcpSegment answer;
    const Fault fault = parse_tcp(device_.last().subspan(kEthernetBytes + kIpv4Bytes), answer);
    POLLUX_ASSERT(fault == Fault::kNone && answer.header.has(kSyn | kAck));
    echo_ = parse_tcp_options(answer.options).timestamps->value;
    peer.next += 1;
    peer.ack = answer.header.seq + 1;
    frame(i, kAck, {}, 0);
    turn();
  }
  template <typename Turn>
  void close(uint32_t i, Turn turn) {
    const bool asked = std::exchange(peers_[i].asked, false);
    frame(i, kAck | kFin, {}, asked ? static_cast<uint32_t>(kPayload.size()) : 0);
    turn();
    peers_[i].next += 1;
    frame(i, kAck, {}, 1);
    turn();
  }

  // A segment of the connection's client, which goes on by its bytes.
  void frame(uint32_t i, TcpFlags flags, Bytes payload, uint32_t acked,
             const TcpOptions* options = nullptr) {
    Peer& peer = peers_[i];
    peer.ack += acked;
    TcpOptions stamped;
    stamped.timestamps = {milliseconds(), echo_};
    const Flow flow{remote(i), kUs, static_cast<uint16_t>(kFirstPort + i % kPorts), kOurPort};
    segment(flow, peer, flags, payload, options != nullptr ? *options : stamped);
    peer.next += static_cast<uint32_t>(payload.size());
  }
  // Of anybody. `flow`: as that one sees it.
  void segment(const Flow& flow, const Peer& peer, TcpFlags flags, Bytes payload,
               const TcpOptions& options) {
    const Room room = device_.next_frame();
    const size_t ethernet =
        write_ethernet(room, {.destination = kOurs, .source = kTheirs, .type = EtherType::kIpv4});
    const size_t tcp = write_tcp(room.subspan(ethernet + kIpv4Bytes),
                                 {.source_port = flow.local_port,
                                  .destination_port = flow.remote_port,
                                  .seq = peer.next,
                                  .ack = peer.ack,
                                  .flags = flags,
                                  .window = 60'000},
                                 options);
    std::ranges::copy(payload, room.subspan(ethernet + kIpv4Bytes + tcp).begin());
    write_ipv4(room.subspan(ethernet),
               {.source = flow.local, .destination = flow.remote, .protocol = IpProtocol::kTcp},
               tcp + payload.size());
    device_.made(ethernet + kIpv4Bytes + tcp + payload.size());
  }
  static constexpr uint32_t kPorts = 50'000;
  TcpOptions syn_options() const {
    TcpOptions options;
    options.mss = 1460;
    options.window_scale = 7;
    options.sack_permitted = true;
    options.timestamps = {milliseconds(), 0};
    return options;
  }

 private:
  static constexpr uint16_t kFirstPort = 1'024;
  static IpAddress remote(uint32_t i) { return IpAddress::v4(0x0a010000 + i / kPorts); }
  uint32_t milliseconds() const { return static_cast<uint32_t>(now_.ns / kMillisecondNs); }

  BenchDevice& device_;
  Moment now_;
  std::vector<Peer> peers_;
  uint32_t echo_ = 0;
};

// A stack for so many of them.
inline StackConfig stack_for(uint32_t connections) {
  StackConfig config;
  config.interface.addresses = {{kUs, 8}};
  config.connection.receive.ack.delay_ns = 0;  // each segment is acknowledged
  config.connections_max = connections + kBurst;
  config.listener.half_open.capacity = 4096;
  config.memory_bytes_max = size_t{1} << 34;
  return config;
}
inline constexpr StackKeys kBenchKeys{.listener = {.table = {1, 2}, .offsets = {3, 4}}};

}  // namespace pollux::tcp
