// libFuzzer target: a whole stack with a device under it and an application above, among hosts that
// send nearly what they should: segments of either version of IP, in order and not, ARP, neighbor
// discovery, errors of ICMP about what was sent, and frames with faults. The device is slow, full
// or without memory at times. After each turn what the stack says of itself must hold
// (Stack::check), every byte must stand in its place in both directions, every frame must be one
// that the parsers take, with right checksums, and no timer may lie behind.
// When the application has closed all, all memory comes back without a word of the peers'.
//
// The input is a list of steps; tcp_fuzz_support.h says how a segment is made of it.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "dataplane/tcp/stack/stack.h"
#include "dataplane/tcp/wire/arp.h"
#include "dataplane/tcp/wire/checksum.h"
#include "dataplane/tcp/wire/icmp.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/ipv6.h"
#include "dataplane/tcp/wire/ndp.h"
#include "dataplane/tcp/wire/packet.h"
#include "tests/fuzz/fuzz_device.h"
#include "tests/fuzz/tcp_fuzz_support.h"

namespace pollux::tcp {
namespace {

constexpr MacAddress kOurMac{{2, 0, 0, 0, 0, 0x10}};
constexpr MacAddress kTheirMac{{2, 0, 0, 0, 0, 0x20}};
constexpr IpAddress kUs = IpAddress::v4(0x0a000010);
constexpr IpAddress kGateway = IpAddress::v4(0x0a0000fe);
const IpAddress kUs6 = *IpAddress::parse("fd00::10");
const IpAddress kGateway6 = *IpAddress::parse("fd00::fe");
constexpr uint16_t kPort = 6379;
constexpr uint32_t kWrittenMax = 300'000;  // of a connection at a time

// Who speaks to us: on the link and behind gateways.
struct Peer {
  Flow flow;  // as we see it
  PeerView view;
  Frame last;  // of ours to it
};

// A connection as its application knows it.
struct Client {
  ConnId conn;
  bool opened = false;
  bool end_told = false;
  bool closing = false;
  bool is_pinned = false;
  std::optional<Seq> next;  // of the peer's, that was not told
  std::vector<uint8_t> pinned;
};

StackConfig config_of(uint8_t kind, uint8_t more) {
  StackConfig config;
  config.interface = {.addresses = {{kUs, 24}, {kUs6, 64}},
                      .gateway_v4 = kGateway,
                      .gateway_v6 = kGateway6,
                      .neighbors_max = 8};
  config.listener = {.half_open = {.capacity = 4}, .time_wait = {.capacity = 4}};
  config.connection.receive = {
      .reassembly = {.memory_bytes_max = 20'000, .segments_max = 16, .ranges_max = 4},
      .buffer_bytes = (kind & 1) != 0 ? 256U << 10 : 4'000};
  config.connection.window_scale = (kind & 2) != 0 ? 7 : 0;
  config.connection.ecn = (kind & 4) != 0;
  config.sender.congestion = static_cast<CongestionAlgorithm>((kind >> 3) % 3);
  config.copy_bytes_max = (kind & 32) != 0 ? 0 : 1'024;
  config.memory_bytes_max = (kind & 64) != 0 ? 100'000 : 64U << 20;
  config.connections_max = (kind & 128) != 0 ? 3 : 16;
  config.tx_frames_max = (more & 8) != 0 ? 8 : 64;
  config.ephemeral_port_min = 50'000;
  config.ephemeral_port_max = 50'003;
  return config;
}

DeviceCaps caps_of(uint8_t more) {
  return {.mac = kOurMac,
          .mtu = (more & 1) != 0 ? 1'280U : 1'500U,
          .rx_checksums = (more & 32) != 0,
          .tx_checksums = (more & 2) != 0,
          .segmented_bytes_max = (more & 6) == 6 ? 16'000U : 0};
}

class Play {
 public:
  explicit Play(FuzzInput& in)
      : in_(in),
        kind_(in_.u8()),
        more_(in_.u8()),
        device_(caps_of(more_)),
        stack_(config_of(kind_, more_),
               {.listener = {.table = {1, 2},
                             .offsets = {3, 4},
                             .cookie_flow = {5, 6},
                             .cookie_period = {7, 8},
                             .limits = {9, 10}}},
               device_, now_) {
    const IpAddress remotes[] = {IpAddress::v4(0x0a000020), IpAddress::v4(0xc0a80101),
                                 *IpAddress::parse("fd00::20"), *IpAddress::parse("2001:db8::1")};
    for (uint16_t i = 0; i < peers_.size(); ++i) {
      const IpAddress& remote = remotes[i % 4];
      peers_[i].flow = {.local = remote.is_v4() ? kUs : kUs6,
                        .remote = remote,
                        .local_port = kPort,
                        .remote_port = static_cast<uint16_t>(40'000 + i / 4)};
    }
    stack_.listen({{.address = std::nullopt, .port = kPort}});
    if ((more_ & 16) != 0) {
      stack_.set_allow_from({{kUs, 24}});
    }
    for (int i = 0; i < 3; ++i) {  // addresses of IPv6 take a second
      now_ = now_ + kSecondNs;
      turn();
    }
  }

  void step() {
    const uint8_t kind = in_.u8();
    const bool goes_on = (kind & 128) != 0;  // the burst does
    switch (kind % 16) {
      default:
        come();
        break;
      case 8:
        write();
        break;
      case 9:
        act();
        break;
      case 10:
        pass();
        break;
      case 11:
        connect();
        break;
      case 12:
        come_icmp();
        break;
      case 13:
        come_neighbor();
        break;
      case 14:
        come_odd();
        break;
      case 15:
        disturb();
        break;
    }
    if (!goes_on || device_.arriving.size() > 40) {
      turn();
    }
  }

  // The application is done with all, and no peer says a word more.
  void finish() {
    device_.ring_room = SIZE_MAX;
    device_.is_stuck = false;
    answers_ = (more_ & 64) != 0;  // or the neighbors are gone
    turn();
    for (Client& client : clients_) {
      close(client);
    }
    turn();
    for (int steps = 0; stack_.connections() != 0; ++steps) {
      require(steps < 20'000, "connections that were closed end");
      const Moment next = stack_.next_deadline();
      require(next != kNever, "connections that were closed wait for something");
      now_ = std::max(now_, next);
      turn();
    }
    device_.complete();
    turn();
    require(stack_.memory_bytes() == 0, "all memory comes back");
    require(device_.has_all_heads(), "all heads come back");
    require(clients_.empty(), "all that was closed is told of");
  }

 private:
  // ---- frames ----

  template <typename Write>
  void arrive(EtherType type, Write write) {
    Frame frame(4'096);
    const size_t at = write_ethernet(
        frame, {.destination = kOurMac, .source = kTheirMac, .vlan = std::nullopt, .type = type});
    frame.resize(at + write(Room(frame).subspan(at)));
    device_.arriving.push_back(std::move(frame));
  }
  // `bytes` of a protocol stand behind the header of IP that this writes.
  static size_t write_ip(Room room, const Flow& flow, IpProtocol protocol, uint8_t hop_limit,
                         uint8_t traffic_class, size_t bytes) {
    if (flow.remote.is_v4()) {
      return bytes + write_ipv4(room,
                                {.source = flow.remote,
                                 .destination = flow.local,
                                 .protocol = protocol,
                                 .ttl = hop_limit,
                                 .traffic_class = {traffic_class}},
                                bytes);
    }
    return bytes + write_ipv6(room,
                              {.source = flow.remote,
                               .destination = flow.local,
                               .protocol = protocol,
                               .hop_limit = hop_limit,
                               .traffic_class = {traffic_class}},
                              bytes);
  }
  static size_t ip_bytes(const Flow& flow) { return flow.remote.is_v4() ? kIpv4Bytes : kIpv6Bytes; }

  Peer& drawn_peer() { return peers_[in_.below(static_cast<uint8_t>(peers_.size()))]; }

  void come() {
    Peer& peer = drawn_peer();
    PeerSegment segment = draw_segment(in_, peer.view, now_);
    segment.header.source_port = peer.flow.remote_port;
    segment.header.destination_port = peer.flow.local_port;
    const EtherType type = peer.flow.remote.is_v4() ? EtherType::kIpv4 : EtherType::kIpv6;
    arrive(type, [&](Room room) {
      const Room tcp = room.subspan(ip_bytes(peer.flow));
      size_t head = write_tcp(tcp, segment.header,
                              segment.raw_options.empty() ? segment.options : TcpOptions{});
      if (!segment.raw_options.empty()) {
        std::ranges::copy(segment.raw_options, tcp.begin() + kTcpBytes);
        head = kTcpBytes + segment.raw_options.size();
        tcp[12] = static_cast<uint8_t>(head / 4 << 4 | (tcp[12] & 15));
      }
      std::ranges::copy(segment.payload, tcp.subspan(head).begin());
      const size_t bytes = head + segment.payload.size();
      Checksum sum =
          pseudo_header(peer.flow.remote, peer.flow.local, 6, static_cast<uint32_t>(bytes));
      sum.add(tcp.subspan(head, segment.payload.size()));
      set_tcp_checksum(tcp.first(head), sum);
      return write_ip(room, peer.flow, IpProtocol::kTcp, 64, segment.ce ? 3 : 0, bytes);
    });
  }

  // An error about the last segment to a peer, or an echo.
  void come_icmp() {
    const Peer& peer = drawn_peer();
    const bool is_v4 = peer.flow.remote.is_v4();
    const uint8_t kind = in_.below(6);
    Frame quoted = peer.last;
    if (quoted.size() > kEthernetBytes) {
      quoted.erase(quoted.begin(), quoted.begin() + kEthernetBytes);
    }
    const size_t port_at = ip_bytes(peer.flow);
    if (kind < 4 && quoted.size() > port_at + 8 && in_.below(4) == 0) {
      quoted[port_at + in_.below(8)] ^= in_.u8();  // of another segment, or another flow
    }
    if (in_.below(4) == 0) {
      quoted.resize(std::min<size_t>(quoted.size(), in_.u8()));
    }
    quoted.resize(std::min<size_t>(quoted.size(), 500));
    IcmpMessage message{.kind = static_cast<IcmpKind>(kind), .body = quoted};
    message.code = kind == 3 && is_v4 ? kIcmp4FragmentationNeeded : in_.below(6);
    message.mtu = in_.u16();
    arrive(is_v4 ? EtherType::kIpv4 : EtherType::kIpv6, [&](Room room) {
      const Room icmp = room.subspan(ip_bytes(peer.flow));
      const size_t bytes = is_v4 ? write_icmp4(icmp, message)
                                 : write_icmp6(icmp, message, peer.flow.remote, peer.flow.local);
      return write_ip(room, peer.flow, is_v4 ? IpProtocol::kIcmp : IpProtocol::kIcmp6, 64, 0,
                      bytes);
    });
  }

  IpAddress drawn_address(bool is_v4) {
    const IpAddress four[] = {kUs, kGateway, peers_[0].flow.remote, IpAddress::v4(in_.u8())};
    const IpAddress six[] = {kUs6, kGateway6, peers_[2].flow.remote, IpAddress{}};
    return is_v4 ? four[in_.below(4)] : six[in_.below(4)];
  }

  void come_neighbor() {
    const MacAddress mac{{2, 0, 0, 0, 0, static_cast<uint8_t>(in_.below(4) * 16)}};
    if (in_.coin()) {
      arrive(EtherType::kArp, [&](Room room) {
        return write_arp(room, {.operation = static_cast<ArpOperation>(1 + in_.below(2)),
                                .sender_mac = mac,
                                .sender_ip = drawn_address(true),
                                .target_mac = kOurMac,
                                .target_ip = drawn_address(true)});
      });
      return;
    }
    NdpMessage message{
        .kind = in_.coin() ? NdpKind::kNeighborSolicitation : NdpKind::kNeighborAdvertisement,
        .target = drawn_address(false)};
    const uint8_t flags = in_.u8();
    message.solicited = (flags & 1) != 0;
    message.overrides = (flags & 2) != 0;
    if ((flags & 4) != 0) {
      message.source_link = mac;
    }
    if ((flags & 8) != 0) {
      message.target_link = mac;
    }
    const Flow flow{.local = (flags & 16) != 0 ? solicited_node(message.target) : kUs6,
                    .remote = drawn_address(false)};
    arrive(EtherType::kIpv6, [&](Room room) {
      const size_t bytes = write_ndp(room.subspan(kIpv6Bytes), message, flow.remote, flow.local);
      return write_ip(room, flow, IpProtocol::kIcmp6, kNdpHopLimit, 0, bytes);
    });
  }

  // Our own frame in a mirror, or the last one with a fault.
  void come_odd() {
    const Peer& peer = drawn_peer();
    Frame frame = in_.coin() || device_.arriving.empty() ? peer.last : device_.arriving.back();
    if (frame.size() < kEthernetBytes + kIpv4Bytes + kTcpBytes) {
      return;
    }
    if (in_.coin()) {  // what is swapped keeps its checksums
      const size_t at = kEthernetBytes + (peer.flow.remote.is_v4() ? 12 : 8);
      const size_t bytes = peer.flow.remote.is_v4() ? 4 : 16;
      std::swap_ranges(frame.begin(), frame.begin() + 6, frame.begin() + 6);
      const auto addresses = frame.begin() + static_cast<std::ptrdiff_t>(at);
      const auto step = static_cast<std::ptrdiff_t>(bytes);
      if (frame.size() > at + 2 * bytes + 4) {
        std::swap_ranges(addresses, addresses + step, addresses + step);
        std::swap_ranges(addresses + 2 * step, addresses + 2 * step + 2, addresses + 2 * step + 2);
      }
    }
    for (int faults = in_.below(3); faults > 0; --faults) {
      frame[in_.u16() % frame.size()] ^= in_.u8();
    }
    if (in_.below(4) == 0) {
      frame.resize(in_.u16() % (frame.size() + 8));
    }
    device_.arriving.push_back(std::move(frame));
  }

  // ---- the application ----

  Client* drawn_client() {
    return clients_.empty() ? nullptr : &clients_[in_.u8() % clients_.size()];
  }
  Client* client_of(ConnId conn) {
    const auto found = std::ranges::find(clients_, conn, &Client::conn);
    return found == clients_.end() ? nullptr : &*found;
  }

  std::vector<uint8_t> next_bytes(const Connection& connection, uint32_t count) const {
    std::vector<uint8_t> bytes(count);
    Seq at = connection.sender().end();
    for (uint8_t& byte : bytes) {
      byte = our_byte(at);
      at += 1;
    }
    return bytes;
  }

  void write() {
    Client* client = drawn_client();
    if (client == nullptr || client->closing) {
      return;
    }
    const Connection* connection = stack_.connection(client->conn);
    const bool by_reference = in_.coin();
    uint32_t count = in_.count(100'000);
    if (connection == nullptr || !connection->can_write() ||
        connection->unacknowledged_bytes() > kWrittenMax) {
      count = 0;
    }
    std::vector<uint8_t> bytes;
    if (count != 0) {
      bytes = next_bytes(*connection, count);
    }
    if (by_reference && !client->is_pinned) {
      client->is_pinned = true;
      client->pinned = std::move(bytes);
      const size_t middle = client->pinned.size() / 2;
      const std::array<Bytes, 2> pieces = {Bytes(client->pinned).first(middle),
                                           Bytes(client->pinned).subspan(middle)};
      stack_.write_pinned(client->conn, pieces);
    } else if (!by_reference) {
      const Bytes piece = bytes;
      (void)stack_.write(client->conn, {&piece, 1}, in_.coin() ? UINT32_MAX : 50'000);
    }
  }

  void close(Client& client) {
    if (!client.closing) {
      client.closing = true;
      stack_.close(client.conn, now_);
    }
  }

  void act() {
    Client* client = drawn_client();
    if (client == nullptr) {
      return;
    }
    switch (in_.below(6)) {
      case 0:
        stack_.finish(client->conn);
        break;
      case 1:
        stack_.pause(client->conn);
        break;
      case 2:
        stack_.resume(client->conn);
        break;
      case 3:
        close(*client);
        break;
      case 4:
        stack_.abort(client->conn);
        break;
      case 5:
        close_at_event_ = in_.u8();
        break;
    }
  }

  void connect() {
    Peer& peer = drawn_peer();
    const std::optional<ConnId> conn =
        stack_.connect(peer.flow.remote, peer.flow.remote_port, now_);
    if (conn) {
      peer.flow.local_port = stack_.flow(*conn)->local_port;  // that is who it speaks to now
      clients_.push_back({.conn = *conn});
    }
  }

  // ---- time and the world ----

  void pass() {
    constexpr int64_t kTimes[] = {
        1,         50 * kMicrosecondNs, kMillisecondNs, 30 * kMillisecondNs,
        kSecondNs, 20 * kSecondNs,      200 * kSecondNs};
    const uint8_t kind = in_.below(10);
    if (kind < 7) {
      now_ = now_ + kTimes[kind];
    } else if (const Moment next = stack_.next_deadline(); next != kNever) {
      now_ = std::max(now_, next);
    }
  }

  void disturb() {
    switch (in_.below(6)) {
      case 0:
        device_.ring_room = in_.below(6);
        break;
      case 1:
        device_.ring_room = SIZE_MAX;
        break;
      case 2:
        device_.is_stuck = !device_.is_stuck;
        break;
      case 3:
        answers_ = in_.coin();
        break;
      case 4:
        if (in_.coin()) {
          stack_.listen({{.address = std::nullopt, .port = kPort}});
        } else {
          stack_.listen({});
        }
        break;
      case 5:
        stack_.set_keepalive(in_.coin() ? 0 : 10 * kSecondNs);
        break;
    }
  }

  // ---- a turn ----

  void turn() {
    for (int rounds = 0;; ++rounds) {
      require(rounds < 1'000, "turns come to an end");
      const size_t count = stack_.receive(now_);
      if (count < Stack::kBurst) {
        stack_.tick(now_);
      }
      take_events();
      stack_.flush(now_);
      const std::string wrong = stack_.check();
      require(wrong.empty(), wrong.c_str());
      look_at_frames();
      const bool may_wait = device_.ring_room != SIZE_MAX || device_.is_stuck;
      const bool is_due = stack_.next_deadline() <= now_ || stack_.wants_turn();
      if (device_.arriving.empty() && (!is_due || may_wait)) {
        break;
      }
      require(count != 0 || !device_.arriving.empty() || !is_due || ++idle_rounds_ < 300,
              "no timer lies behind");
    }
    idle_rounds_ = 0;
  }

  void take_events() {
    uint8_t count = 0;
    while (const StackEvent* event = stack_.next_event()) {
      take(*event);
      if (close_at_event_ && count++ == *close_at_event_) {
        close_at_event_.reset();
        if (Client* client = client_of(event->conn)) {
          close(*client);
        }
      }
    }
    for (Client& client : clients_) {
      const Connection* connection = stack_.connection(client.conn);
      if (connection == nullptr || client.closing ||
          connection->state() <= TcpState::kSynReceived) {
        waiting_.erase(client.conn.index);
        continue;
      }
      const Receiver& receiver = connection->receiver();
      const Seq told_until =
          receiver.nxt() - receiver.unread_bytes() - (receiver.fin_received() ? 1U : 0U);
      std::vector<uint8_t>& bytes = waiting_[client.conn.index];
      if (!client.next) {
        client.next = told_until - static_cast<uint32_t>(bytes.size());
      }
      for (const uint8_t byte : bytes) {
        require(byte == their_byte(*client.next), "what is told stands in its place");
        *client.next += 1;
      }
      bytes.clear();
      require(*client.next == told_until, "all that came is told of, or counted as unread");
    }
  }

  void take(const StackEvent& event) {
    using Kind = StackEvent::Kind;
    Client* client = client_of(event.conn);
    if (event.kind == Kind::kOpened) {
      require(client == nullptr, "who is new was not there");
      clients_.push_back({.conn = event.conn, .opened = true});
      waiting_[event.conn.index].clear();
      return;
    }
    require(client != nullptr, "who is told of is there");
    switch (event.kind) {
      case Kind::kConnected:
        require(!client->opened, "it is connected once");
        client->opened = true;
        break;
      case Kind::kData: {
        require(client->opened && !client->end_told && !client->closing, "data in its time");
        require(!event.bytes.empty(), "data is some");
        std::vector<uint8_t>& bytes = waiting_[event.conn.index];
        bytes.insert(bytes.end(), event.bytes.begin(), event.bytes.end());
        break;
      }
      case Kind::kEnd:
        require(!client->closing, "who has closed hears of no end");
        require(!client->end_told || event.end != TcpEnd::kNone, "the peer's end comes once");
        client->end_told = true;
        break;
      case Kind::kUnpinned:
        require(client->is_pinned, "what is given back was pinned");
        client->is_pinned = false;
        client->pinned = {};
        break;
      case Kind::kClosed:
        require(client->closing && !client->is_pinned, "closed behind close(), and all unpinned");
        clients_.erase(clients_.begin() + (client - clients_.data()));
        break;
      default:
        require(false, "an event of a known kind");
    }
  }

  // ---- what went out ----

  void look_at_frames() {
    for (size_t i = 0; i < device_.sent.size(); ++i) {
      look_at(device_.sent[i], device_.asks[i], device_.segment_bytes[i]);
    }
    device_.sent.clear();
    device_.asks.clear();
    device_.segment_bytes.clear();
  }

  void look_at(const Frame& frame, bool asks, uint16_t segment_bytes) {
    const Packet packet = parse_packet(frame);
    require(packet.kind != PacketKind::kBad && packet.kind != PacketKind::kOther &&
                packet.kind != PacketKind::kFragment,
            "a frame that is sent can be read");
    require(packet.source_mac() == kOurMac, "it comes from us");
    require(packet.end == frame.size(), "nothing stands behind it");
    if (packet.kind == PacketKind::kTcp) {
      return look_at_segment(frame, packet, asks, segment_bytes);
    }
    require(frame.size() <= device_.caps().mtu + kEthernetBytes, "it fits the MTU");
    if (packet.kind == PacketKind::kArp) {
      ArpPacket arp;
      require(parse_arp(packet.network(), arp) == Fault::kNone, "ARP can be read");
      if (answers_ && arp.operation == ArpOperation::kRequest && arp.target_ip != kUs) {
        arrive(EtherType::kArp, [&](Room room) {
          return write_arp(room, {.operation = ArpOperation::kReply,
                                  .sender_mac = kTheirMac,
                                  .sender_ip = arp.target_ip,
                                  .target_mac = kOurMac,
                                  .target_ip = kUs});
        });
      }
      return;
    }
    require(network_checksum_ok(packet) && transport_checksum_ok(packet), "checksums of ICMP");
    NdpMessage message;
    Ipv6Packet ip;
    if (packet.kind == PacketKind::kIcmp6 && parse_ipv6(packet.network(), ip) == Fault::kNone &&
        parse_ndp(ip.header, packet.transport(), message) == Fault::kNone && answers_ &&
        message.kind == NdpKind::kNeighborSolicitation && message.target != kUs6) {
      const Flow flow{.local = kUs6, .remote = message.target};
      arrive(EtherType::kIpv6, [&](Room room) {
        const NdpMessage answer{.kind = NdpKind::kNeighborAdvertisement,
                                .target = message.target,
                                .solicited = true,
                                .overrides = true,
                                .target_link = kTheirMac};
        const size_t bytes = write_ndp(room.subspan(kIpv6Bytes), answer, flow.remote, flow.local);
        return write_ip(room, flow, IpProtocol::kIcmp6, kNdpHopLimit, 0, bytes);
      });
    }
  }

  void look_at_segment(const Frame& frame, const Packet& packet, bool asks,
                       uint16_t segment_bytes) {
    const size_t payload = packet.payload().size();
    require(segment_bytes == 0 || asks, "a device that cuts fills in checksums, too");
    const size_t longest =
        segment_bytes == 0 ? frame.size() : frame.size() - payload + segment_bytes;
    require(longest <= device_.caps().mtu + kEthernetBytes, "a segment fits the MTU");
    require(payload <= std::max<size_t>(device_.caps().segmented_bytes_max, 1'460), "all of it");
    require(asks == device_.caps().tx_checksums, "checksums are the device's, or ours");
    require(network_checksum_ok(packet), "the checksum of the IP header");
    if (!asks) {
      require(transport_checksum_ok(packet), "the checksum of the segment");
    } else {
      const auto bytes = static_cast<uint32_t>(packet.transport().size());
      const Checksum sum =
          pseudo_header(packet.flow.remote, packet.flow.local, 6, segment_bytes == 0 ? bytes : 0);
      require(load16(packet.transport().data() + kTcpChecksumAt) == sum.partial(),
              "the checksum for the device to finish");
    }
    const TcpHeader& header = packet.tcp;
    require(!header.has(kSyn | kFin) && !header.has(kSyn | kRst) && !header.has(kFin | kRst),
            "one of SYN, FIN and RST");
    require(header.has(kAck) || header.has(kSyn) || header.has(kRst), "an ACK on all but SYNs");
    require(payload == 0 || (header.flags & (kSyn | kRst)) == 0, "no data on SYN and RST");
    const TcpOptions options = parse_tcp_options(packet.tcp_options());
    require(!options.malformed, "options that can be read");
    Seq at = header.seq;
    for (const uint8_t byte : packet.payload()) {
      require(byte == our_byte(at), "what is sent stands in its place");
      at += 1;
    }
    const Flow flow{.local = packet.flow.remote,
                    .remote = packet.flow.local,
                    .local_port = header.source_port,
                    .remote_port = header.destination_port};
    for (Peer& peer : peers_) {
      if (peer.flow == flow) {
        peer.view.saw(header, options, at + (header.flags & (kSyn | kFin) ? 1U : 0U));
        peer.last = frame;
      }
    }
  }

  FuzzInput& in_;
  const uint8_t kind_;
  const uint8_t more_;
  Moment now_{4'000 * kSecondNs};
  FuzzDevice device_;
  Stack stack_;
  std::array<Peer, 8> peers_;
  std::vector<Client> clients_;
  std::map<uint32_t, std::vector<uint8_t>> waiting_;  // told in this turn, by index
  std::optional<uint8_t> close_at_event_;
  bool answers_ = true;  // hosts do, who are asked for their link addresses
  int idle_rounds_ = 0;
};

}  // namespace
}  // namespace pollux::tcp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pollux::tcp::FuzzInput in(data, size);
  pollux::tcp::Play play(in);
  while (!in.is_over()) {
    play.step();
  }
  play.finish();
  return 0;
}
