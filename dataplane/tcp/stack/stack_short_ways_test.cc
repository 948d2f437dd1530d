// What goes the short ways (Stack::take_next, emit_plain) must come out as what goes those that
// hold for all: two stacks live through the same at random, one on a device that finishes and
// verifies checksums, and one on a device that does not, which has none of them.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/tcp/stack/stack.h"
#include "dataplane/tcp/stack/stack_test_support.h"
#include "src/base/rng.h"
#include "src/base/seeds.h"

namespace pollux::tcp {
namespace {

constexpr uint16_t kFirstPort = 40'000;
constexpr size_t kPeers = 4;

struct Side {
  Side(const StackConfig& config, bool checksums, int64_t keepalive_ns, Moment now) {
    device.its_caps.rx_checksums = device.its_caps.tx_checksums = checksums;
    stack = std::make_unique<Stack>(config, StackKeys{}, device, now);
    stack->set_keepalive(keepalive_ns);
    stack->listen({{.address = std::nullopt, .port = kPort}});
  }

  StackDevice device;
  std::unique_ptr<Stack> stack;
};

// A client, as far as its numbers go.
struct Client {
  Seq next{7'000};
  Seq ack{};  // of ours, what has come
  bool is_v6 = false;
  bool timestamps = true;
  bool ecn = false;
  uint32_t echo = 0;
};

class Twins {
 public:
  explicit Twins(uint64_t seed) : rng_(seed) {
    StackConfig config;
    config.interface.addresses = {{kUs, 24}, {kUs6, 64}};
    config.interface.vlan = one_of(3) ? 7 : 0;
    vlan_ = config.interface.vlan;
    config.connection.ecn = one_of(2);
    if (one_of(4)) {
      config.memory_bytes_max = 10'000;
    }
    config.connections_max = 16;
    config.listener.half_open.capacity = 64;
    config.listener.time_wait.capacity = 64;
    config.copy_bytes_max = one_of(2) ? 1'024 : 50;
    if (one_of(2)) {
      config.connection.receive.ack.delay_ns = 0;
    }
    const int64_t keepalive_ns = one_of(2) ? 300 * kMillisecondNs : 300 * kSecondNs;
    for (const bool checksums : {true, false}) {
      sides_[checksums ? 0 : 1] = std::make_unique<Side>(config, checksums, keepalive_ns, now_);
    }
    for (Client& client : clients_) {
      renew(client);
    }
  }

  void run() {
    turn();
    now_ = kStarted;
    for (int step = 0; step < 150; ++step) {
      for (uint64_t frames = rng_.below(6); frames != 0; --frames) {
        come();
      }
      if (one_of(3)) {
        now_ = now_ + static_cast<int64_t>(rng_.below(one_of(5) ? 200'000'000 : 3'000'000));
      }
      for (const auto& side : sides_) {
        side->device.ring_room = room_;
      }
      turn();
      room_ = one_of(8) ? rng_.below(3) : SIZE_MAX;
      ASSERT_FALSE(testing::Test::HasFailure()) << "step " << step;
    }
  }

 private:
  bool one_of(uint64_t count) { return rng_.below(count) == 0; }
  void renew(Client& client) {
    client = {.next = client.next + 100'000,
              .is_v6 = one_of(4),
              .timestamps = !one_of(5),
              .ecn = one_of(2)};
  }
  template <typename Do>
  void both(Do what) {
    what(*sides_[0]);
    what(*sides_[1]);
  }

  // Mostly a request in its place; each of its fields is now and then another.
  void come() {
    const auto which = static_cast<uint16_t>(rng_.below(kPeers));
    Client& client = clients_[which];
    TcpHeader header{.source_port = static_cast<uint16_t>(kFirstPort + which),
                     .destination_port = kPort,
                     .seq = client.next,
                     .ack = client.ack,
                     .flags = kAck,
                     .window = static_cast<uint16_t>(one_of(15) ? rng_.below(3) : 30'000)};
    const auto ms = static_cast<uint32_t>(now_.ns / kMillisecondNs);
    TcpOptions options;
    if (client.timestamps && !one_of(30)) {
      options.timestamps = {ms - static_cast<uint32_t>(one_of(20) ? rng_.below(5) : 0),
                            client.echo};
    }
    std::string payload;
    if (client.ack == Seq{}) {
      header.flags = client.ecn ? kSyn | kEce | kCwr : kSyn;
      options.mss = 1'000;
      options.window_scale = 2;
      options.sack_permitted = true;
      options.timestamps.reset();
      if (client.timestamps) {
        options.timestamps = {ms, 0};
      }
    } else {
      payload.assign(one_of(6) ? 0 : 1 + rng_.below(200), static_cast<char>('a' + rng_.below(26)));
      header.flags |= one_of(2) ? kPsh : 0;
      header.flags |= one_of(200) ? kFin : 0;
      header.flags |= one_of(300) ? kRst : 0;
      if (one_of(12)) {
        header.seq += static_cast<uint32_t>(rng_.below(600)) - 300;
      } else {
        client.next += static_cast<uint32_t>(payload.size()) + (header.has(kFin) ? 1 : 0);
      }
      if (one_of(10)) {
        header.ack += static_cast<uint32_t>(rng_.below(60)) - 50;
      }
      if (one_of(25)) {
        options.sack_count = 1;
        options.sack[0] = {client.ack + 10, client.ack + 20};
      }
    }
    const Ecn ecn = one_of(30) ? Ecn::kCe : Ecn::kNotEct;
    const bool is_v6 = client.is_v6;
    const size_t tcp_at = is_v6 ? kIpv6Bytes : kIpv4Bytes;
    const IpAddress& from = is_v6 ? kPeer6 : kPeer;
    const IpAddress& to = is_v6 ? kUs6 : kUs;
    FrameLink link;
    if (vlan_ != 0) {
      link.vlan = VlanTag{vlan_};
    }
    const Frame frame = frame_with(link, ether_type(from), [&](Room room) {
      const Room tcp = room.subspan(tcp_at);
      const size_t head = write_tcp(tcp, header, options);
      std::ranges::copy(payload, tcp.subspan(head).begin());
      const size_t bytes = head + payload.size();
      Checksum sum = pseudo_header(from, to, 6, static_cast<uint32_t>(bytes));
      sum.add(tcp.subspan(head, payload.size()));
      set_tcp_checksum(tcp.first(head), sum);
      write_ip(room, {.local = from, .remote = to}, IpProtocol::kTcp, ecn, bytes);
      return tcp_at + bytes;
    });
    both([&](Side& side) { side.device.arriving.push_back(frame); });
  }

  void turn() {
    both([&](Side& side) {
      side.stack->receive(now_);
      if (side.stack->next_deadline() <= now_) {
        side.stack->tick(now_);
      }
    });
    take_events();
    both([&](Side& side) {
      side.stack->flush(now_);
      ASSERT_EQ(side.stack->check(), "");
    });
    ASSERT_EQ(sides_[0]->stack->next_deadline(), sides_[1]->stack->next_deadline());
    ASSERT_EQ(sides_[0]->stack->memory_bytes(), sides_[1]->stack->memory_bytes());
    ASSERT_EQ(sides_[0]->stack->counters().segments, sides_[1]->stack->counters().segments);
    ASSERT_EQ(sides_[0]->stack->counters().tx_full, sides_[1]->stack->counters().tx_full);
    compare_frames();
  }

  void take_events() {
    while (true) {
      const StackEvent* const a = sides_[0]->stack->next_event();
      const StackEvent* const b = sides_[1]->stack->next_event();
      ASSERT_EQ(a == nullptr, b == nullptr);
      if (a == nullptr) {
        return;
      }
      ASSERT_EQ(a->kind, b->kind);
      ASSERT_EQ(a->conn.index, b->conn.index);
      ASSERT_EQ(a->conn.generation, b->conn.generation);
      ASSERT_EQ(a->end, b->end);
      ASSERT_TRUE(std::ranges::equal(a->bytes, b->bytes));
      act(a->conn);
    }
  }

  // The application.
  void act(ConnId conn) {
    const std::string reply(1 + rng_.below(one_of(10) ? 5'000 : 100), 'r');
    const Bytes bytes = bytes_of(reply);
    switch (rng_.below(8)) {
      case 0:
      case 1:
      case 2:
        both([&](Side& side) { EXPECT_TRUE(side.stack->write(conn, {&bytes, 1}, UINT32_MAX)); });
        break;
      case 3:
        if (one_of(3)) {
          both([&](Side& side) { side.stack->pause(conn); });
          paused_.push_back(conn);
        }
        break;
      case 4:
        if (one_of(30)) {
          both([&](Side& side) { side.stack->close(conn, now_); });
        }
        break;
      case 5:
        for (const ConnId paused : std::exchange(paused_, {})) {
          both([&](Side& side) { side.stack->resume(paused); });
        }
        break;
      default:
        break;
    }
  }

  // But for the checksum of TCP, which one leaves to its device.
  void compare_frames() {
    std::vector<Frame>& a = sides_[0]->device.sent;
    std::vector<Frame>& b = sides_[1]->device.sent;
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      const Packet packet = parse_packet(b[i]);
      if (packet.kind == PacketKind::kTcp) {
        ASSERT_TRUE(transport_checksum_ok(packet) && network_checksum_ok(packet));
        note(packet);
        for (Frame* frame : {&a[i], &b[i]}) {
          store16(frame->data() + packet.transport_at + kTcpChecksumAt, 0);
        }
      }
      ASSERT_EQ(a[i], b[i]) << "frame " << i;
    }
    a.clear();
    b.clear();
    // What is kept back for ACKs is for none but these.
    ASSERT_EQ(sides_[0]->device.uses, sides_[1]->device.uses);
    both([](Side& side) { side.device.uses.clear(); });
  }
  void note(const Packet& packet) {
    Client& client = clients_.at(packet.tcp.destination_port - kFirstPort);
    if (packet.tcp.has(kRst)) {
      renew(client);
      return;
    }
    const Seq end = packet.tcp.seq + static_cast<uint32_t>(packet.payload().size()) +
                    (packet.tcp.has(kSyn) ? 1U : 0U) + (packet.tcp.has(kFin) ? 1U : 0U);
    if (packet.tcp.has(kSyn)) {
      client.next = packet.tcp.ack;
    }
    client.ack = packet.tcp.has(kSyn) ? end : later(client.ack, end);
    const TcpOptions options = parse_tcp_options(packet.tcp_options());
    client.echo = options.timestamps ? options.timestamps->value : client.echo;
  }

  Rng rng_;
  uint16_t vlan_ = 0;
  Moment now_{kSecondNs};
  size_t room_ = SIZE_MAX;
  std::array<std::unique_ptr<Side>, 2> sides_;
  std::array<Client, kPeers> clients_;
  std::vector<ConnId> paused_;
};

TEST(StackShortWays, LeadWhereTheOthersDo) {
  const Seeds seeds = seeds_to_run(300);
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    Twins(seed).run();
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace pollux::tcp
