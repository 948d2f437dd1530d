#include "dataplane/tcp/interface/interface.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/ipv6.h"
#include "src/base/assert.h"
#include "src/base/leading_bits.h"

namespace pollux::tcp {
bool is_within(const IpAddress& address, const LinkPrefix& prefix) {
  const unsigned bits = prefix.bits + (address.is_v4() ? 96U : 0);  // kept as ::ffff:a.b.c.d
  return address.is_v4() == prefix.address.is_v4() &&
         same_leading_bits(address.bytes, prefix.address.bytes, bits);
}

namespace {

// RFC 4862 5.1: one probe, and RETRANS_TIMER to wait for who has the address.
constexpr int64_t kTentativeNs = 1 * kSecondNs;
// RFC 5227 1.1: ANNOUNCE_NUM, ANNOUNCE_INTERVAL, DEFEND_INTERVAL.
constexpr uint8_t kAnnouncements = 2;
constexpr int64_t kAnnounceNs = 2 * kSecondNs;
constexpr int64_t kDefendNs = 10 * kSecondNs;
constexpr size_t kSolicitationsMax = 32;  // a tick

constexpr IpAddress kAllNodes = {{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

constexpr std::array<std::string_view, static_cast<size_t>(InterfaceEvent::kCount)> kNames = {
    "malformed",         "own_frame", "vlan",         "not_ours",    "bad_source",
    "checksum",          "fragment",  "unspoken",     "no_room",     "address_conflict",
    "duplicate_address", "echo",      "arp_answered", "ndp_answered"};
static_assert(!kNames.back().empty(), "an event without a name");

}  // namespace

std::string_view name_of(InterfaceEvent event) {
  return kNames[static_cast<size_t>(event)];
}

Interface::Interface(const InterfaceConfig& config, TxQueue& tx, uint64_t seed)
    : tx_(tx),
      mac_(tx.device().caps().mac),
      mac_word_(load_mac_word(mac_.bytes.data())),
      mtu_(tx.device().caps().mtu),
      leads_(config.leads),
      vlan_(config.vlan == 0 ? std::nullopt : std::optional(VlanTag{config.vlan})),
      vlan_id_(vlan_ ? vlan_->id() : 0),
      ethernet_bytes_(static_cast<uint8_t>(ethernet_bytes({.vlan = vlan_}))),
      gateway_v4_(config.gateway_v4),
      gateway_v6_(config.gateway_v6),
      neighbors_(config.neighbors_max, seed, config.neighbor_times) {
  write_ethernet(ethernet_, {.destination = {}, .source = mac_, .vlan = vlan_});
  for (const LinkPrefix& prefix : config.addresses) {
    POLLUX_ASSERT(prefix.bits <= (prefix.address.is_v4() ? 32 : 128));
    locals_.push_back({.prefix = prefix});
  }
}

Received Interface::done(InterfaceEvent event) {
  ++counters_[static_cast<size_t>(event)];
  return Received::kDone;
}

Received Interface::unread(Fault fault) {
  return done(fault == Fault::kUnspoken ? InterfaceEvent::kUnspoken : InterfaceEvent::kMalformed);
}

// ---- addresses ----

Interface::Local* Interface::local_of(const IpAddress& address) {
  const auto found =
      std::ranges::find(locals_, address, [](const Local& local) { return local.prefix.address; });
  return found == locals_.end() ? nullptr : &*found;
}

bool Interface::has_address(const IpAddress& address) const {
  return std::ranges::any_of(locals_,
                             [&](const Local& local) { return local.prefix.address == address; });
}

bool Interface::is_ours(const IpAddress& address) const {
  return std::ranges::any_of(locals_, [&](const Local& local) {
    return local.state == AddressState::kUsable && local.prefix.address == address;
  });
}

bool Interface::is_on_link(const IpAddress& address) const {
  return (!address.is_v4() && address.is_link_local()) ||
         std::ranges::any_of(locals_,
                             [&](const Local& local) { return is_within(address, local.prefix); });
}

bool Interface::is_broadcast(const IpAddress& address) const {
  if (!address.is_v4()) {
    return false;
  }
  return address.v4() == 0xffffffff || std::ranges::any_of(locals_, [&](const Local& local) {
           // Links of one or two hosts have none (RFC 3021).
           const uint32_t host_bits =
               local.prefix.bits < 31 ? ~uint32_t{0} >> local.prefix.bits : 0;
           const uint32_t host = address.v4() & host_bits;
           return host_bits != 0 && is_within(address, local.prefix) &&
                  (host == host_bits || host == 0);
         });
}

bool Interface::is_ndp_destination(const IpAddress& address) const {
  return address == kAllNodes || std::ranges::any_of(locals_, [&](const Local& local) {
           const IpAddress& ours = local.prefix.address;
           return address == ours || (!ours.is_v4() && address == solicited_node(ours));
         });
}

bool Interface::is_other_host(const IpAddress& address) const {
  // RFC 1122 3.2.1.3: 0.0.0.0/8 is for who does not know his network yet.
  const bool is_of_no_network = address.is_v4() && address.v4() >> 24 == 0;
  return !is_of_no_network && !address.is_unspecified() && !address.is_multicast() &&
         !address.is_loopback() && !is_broadcast(address) && !is_ours(address);
}

// RFC 6724 5, as far as it matters for two scopes: a link-local address for a link-local target,
// else one whose prefix has the target, else any other of its version.
const Interface::Local* Interface::source_for(const IpAddress& target) const {
  const Local* best = nullptr;
  int best_rank = -1;
  for (const Local& local : locals_) {
    const IpAddress& address = local.prefix.address;
    if (local.state != AddressState::kUsable || address.is_v4() != target.is_v4()) {
      continue;
    }
    const bool same_scope = address.is_link_local() == target.is_link_local();
    const int rank = 2 * same_scope + is_within(target, local.prefix);
    if (rank > best_rank) {
      best = &local;
      best_rank = rank;
    }
  }
  return best;
}

// ---- receiving ----

Received Interface::receive(const Packet& packet, bool checksums_ok, Moment now) {
  if (packet.kind == PacketKind::kBad) {
    return done(InterfaceEvent::kMalformed);
  }
  if (packet.source_mac() == mac_) {
    return done(InterfaceEvent::kOwnFrame);
  }
  if (!is_other_link(packet.source_mac())) {
    return done(InterfaceEvent::kBadSource);
  }
  if (!is_our_vlan(packet)) {
    return done(InterfaceEvent::kVlan);
  }
  if (packet.destination_mac() != mac_ && !packet.destination_mac().is_group()) {
    return done(InterfaceEvent::kNotOurs);
  }
  switch (packet.kind) {
    case PacketKind::kArp:
      on_arp(packet, now);
      return Received::kDone;
    case PacketKind::kTcp:
    case PacketKind::kIcmp:
    case PacketKind::kIcmp6:
      return on_ip(packet, checksums_ok, now);
    case PacketKind::kFragment:
      return done(InterfaceEvent::kFragment);
    default:
      return done(InterfaceEvent::kUnspoken);
  }
}

Received Interface::on_ip(const Packet& packet, bool checksums_ok, Moment now) {
  // Few devices look at ICMP's, and there is little of it.
  const bool is_looked_at = checksums_ok && packet.kind == PacketKind::kTcp;
  if (!is_looked_at && (!network_checksum_ok(packet) || !transport_checksum_ok(packet))) {
    return done(InterfaceEvent::kChecksum);
  }
  // Neighbor discovery has rules of its own for who may speak to whom.
  if (packet.kind == PacketKind::kIcmp6) {
    const Bytes message = packet.transport();
    if (!message.empty() && is_ndp(message[0])) {
      return on_ndp(packet, now);
    }
  }
  // Nothing else that is answered may come to a group, by either address (RFC
  // 1122 3.2.2.6, 4.2.3.10).
  if (packet.destination_mac() != mac_ || !is_ours(packet.flow.local)) {
    return done(InterfaceEvent::kNotOurs);
  }
  if (!is_other_host(packet.flow.remote)) {
    return done(InterfaceEvent::kBadSource);
  }
  return packet.kind == PacketKind::kTcp ? Received::kSegment : on_icmp(packet);
}

Received Interface::on_icmp(const Packet& packet) {
  IcmpMessage message;
  const Fault fault = packet.kind == PacketKind::kIcmp ? parse_icmp4(packet.transport(), message)
                                                       : parse_icmp6(packet.transport(), message);
  if (fault != Fault::kNone) {
    return unread(fault);
  }
  switch (message.kind) {
    case IcmpKind::kEchoRequest:
      echo(packet, message);
      return Received::kDone;
    case IcmpKind::kEchoReply:
      return done(InterfaceEvent::kUnspoken);
    default:
      return on_error(packet, message);
  }
}

Received Interface::on_error(const Packet& packet, const IcmpMessage& message) {
  const std::optional<QuotedSegment> segment = parse_quoted_segment(message.body);
  // It is sent to who sent the segment.
  if (!segment || segment->flow.local != packet.flow.local) {
    return done(InterfaceEvent::kUnspoken);
  }
  error_ = {.message = message, .segment = *segment};
  return Received::kError;
}

void Interface::echo(const Packet& packet, IcmpMessage message) {
  message.kind = IcmpKind::kEchoReply;
  const IpAddress& to = packet.flow.remote;
  const size_t bytes = kIcmpBytes + message.body.size();
  const size_t all_bytes = header_bytes(to) + bytes;
  if (all_bytes > kTxHeadBytes || all_bytes - ethernet_bytes_ > mtu_) {
    done(InterfaceEvent::kNoRoom);
    return;
  }
  // To who sent the frame: no flood of echoes from addresses of others fills the cache. As data, so
  // that it doesn't take what ACKs need.
  const IpProtocol protocol = to.is_v4() ? IpProtocol::kIcmp : IpProtocol::kIcmp6;
  const bool is_sent = send(packet.source_mac(), ether_type(to), TxUse::kData, [&](Room room) {
    const size_t at = write_ip(room, packet.flow, protocol, Ecn::kNotEct, bytes);
    const Room rest = room.subspan(at);
    return at + (to.is_v4() ? write_icmp4(rest, message)
                            : write_icmp6(rest, message, packet.flow.local, to));
  });
  if (is_sent) {
    done(InterfaceEvent::kEcho);
  }
}

// ---- ARP ----

void Interface::on_arp(const Packet& packet, Moment now) {
  ArpPacket arp;
  if (const Fault fault = parse_arp(packet.network(), arp); fault != Fault::kNone) {
    unread(fault);
    return;
  }
  if (!is_other_link(arp.sender_mac)) {
    done(InterfaceEvent::kBadSource);
    return;
  }
  if (Local* local = local_of(arp.sender_ip); local != nullptr) {
    return on_conflict(*local, now);
  }
  const bool for_us = is_ours(arp.target_ip);
  // A probe (RFC 5227 2.1.1) has no sender yet.
  const bool names_itself = is_neighbor(arp.sender_ip);
  if (arp.operation == ArpOperation::kReply || !for_us) {
    // Also a request for somebody else tells of its sender, if he is known here (RFC 826).
    const bool to_us =
        arp.operation == ArpOperation::kReply && for_us && packet.destination_mac() == mac_;
    resolved_ |= names_itself && neighbors_.on_advertisement({.address = arp.sender_ip,
                                                              .mac = arp.sender_mac,
                                                              .solicited = to_us,
                                                              .overrides = true},
                                                             now);
    return;
  }
  if (names_itself) {
    resolved_ |= neighbors_.on_solicited_by(arp.sender_ip, arp.sender_mac, now);
  }
  if (send_arp(arp.sender_mac, {.operation = ArpOperation::kReply,
                                .sender_mac = mac_,
                                .sender_ip = arp.target_ip,
                                .target_mac = arp.sender_mac,
                                .target_ip = arp.sender_ip})) {
    done(InterfaceEvent::kArpAnswered);
  }
}

// ---- neighbor discovery ----

Received Interface::on_ndp(const Packet& packet, Moment now) {
  Ipv6Packet ip;
  NdpMessage message;
  if (parse_ipv6(packet.network(), ip) != Fault::kNone) {
    return done(InterfaceEvent::kMalformed);
  }
  if (ip.has_fragment_header) {
    return done(InterfaceEvent::kFragment);  // RFC 6980 5, also of one piece
  }
  if (const Fault fault = parse_ndp(ip.header, packet.transport(), message);
      fault != Fault::kNone) {
    return unread(fault);
  }
  if (!is_ndp_destination(packet.flow.local)) {
    return done(InterfaceEvent::kNotOurs);
  }
  for (const std::optional<MacAddress>& link : {message.source_link, message.target_link}) {
    if (link && !is_other_link(*link)) {
      return done(InterfaceEvent::kBadSource);
    }
  }
  switch (message.kind) {
    case NdpKind::kNeighborSolicitation:
      on_solicitation(packet, message, now);
      return Received::kDone;
    case NdpKind::kNeighborAdvertisement:
      on_advertisement(message, now);
      return Received::kDone;
    default:
      return done(InterfaceEvent::kUnspoken);
  }
}

// RFC 4861 7.2.3 and 7.2.4.
void Interface::on_solicitation(const Packet& packet, const NdpMessage& message, Moment now) {
  Local* local = local_of(message.target);
  const IpAddress& from = packet.flow.remote;
  const bool is_probe = from.is_unspecified();  // of who wants to know whether it may have it
  if (local == nullptr) {
    done(InterfaceEvent::kNotOurs);
    return;
  }
  if (is_probe && local->state == AddressState::kTentative) {
    return on_conflict(*local, now);  // RFC 4862 5.4.3: both of us are about to take it
  }
  if (local->state != AddressState::kUsable || (!is_probe && !is_other_host(from))) {
    done(InterfaceEvent::kBadSource);
    return;
  }
  if (!is_probe && message.source_link && is_on_link(from)) {
    resolved_ |= neighbors_.on_solicited_by(from, *message.source_link, now);
  }
  const IpAddress to = is_probe ? kAllNodes : from;
  if (send_ndp(
          is_probe ? multicast_mac(kAllNodes) : message.source_link.value_or(packet.source_mac()),
          {.kind = NdpKind::kNeighborAdvertisement,
           .target = message.target,
           .solicited = !is_probe,
           .overrides = true,
           .target_link = mac_},
          message.target, to)) {
    done(InterfaceEvent::kNdpAnswered);
  }
}

void Interface::on_advertisement(const NdpMessage& message, Moment now) {
  if (Local* local = local_of(message.target); local != nullptr) {
    return on_conflict(*local, now);
  }
  resolved_ |=
      is_neighbor(message.target) && neighbors_.on_advertisement({.address = message.target,
                                                                  .mac = message.target_link,
                                                                  .solicited = message.solicited,
                                                                  .overrides = message.overrides},
                                                                 now);
}

// ---- our own addresses ----

void Interface::start(Moment now) {
  for (Local& local : locals_) {
    local.announcements_left = kAnnouncements;
    local.deadline = now;
    if (local.prefix.address.is_v4()) {
      set_usable(local, now);
    }
  }
}

// Not probed for again, for connections go on.
void Interface::on_link_up(Moment now) {
  for (Local& local : locals_) {
    if (local.state == AddressState::kUsable) {
      local.announcements_left = kAnnouncements;
      local.deadline = now;
    }
  }
}

// Now the gateway can be asked for, so that it is known when a connection wants it.
void Interface::set_usable(Local& local, Moment now) {
  local.state = AddressState::kUsable;
  const std::optional<IpAddress>& gateway =
      local.prefix.address.is_v4() ? gateway_v4_ : gateway_v6_;
  if (gateway) {
    neighbors_.find(*gateway, now);
  }
}

void Interface::on_conflict(Local& local, Moment now) {
  if (local.state == AddressState::kTentative) {
    local.state = AddressState::kDuplicate;
    local.deadline = kNever;
    done(InterfaceEvent::kDuplicate);
    return;
  }
  done(InterfaceEvent::kConflict);
  // RFC 5227 2.4 c: a host that must keep its address says so, but not in a fight without end.
  if (leads_ && local.state == AddressState::kUsable && now - local.defended_at >= kDefendNs) {
    if (announce(local)) {
      local.defended_at = now;
    }
  }
}

// RFC 4862 5.4.2: from no address, to who listens for this one.
bool Interface::probe(const Local& local) {
  const IpAddress group = solicited_node(local.prefix.address);
  return send_ndp(multicast_mac(group),
                  {.kind = NdpKind::kNeighborSolicitation, .target = local.prefix.address},
                  IpAddress{}, group);
}

bool Interface::announce(const Local& local) {
  const IpAddress& address = local.prefix.address;
  if (address.is_v4()) {
    return send_arp(kBroadcast, {.operation = ArpOperation::kRequest,
                                 .sender_mac = mac_,
                                 .sender_ip = address,
                                 .target_ip = address});
  }
  return send_ndp(multicast_mac(kAllNodes),
                  {.kind = NdpKind::kNeighborAdvertisement,
                   .target = address,
                   .overrides = true,
                   .target_link = mac_},
                  address, kAllNodes);
}

// ---- for connections ----

// The address whose link address a packet goes to.
std::optional<IpAddress> Interface::hop_to(const IpAddress& remote) const {
  if (!is_other_host(remote)) {
    return std::nullopt;
  }
  return is_on_link(remote) ? remote : remote.is_v4() ? gateway_v4_ : gateway_v6_;
}

NeighborId Interface::next_hop(const IpAddress& remote, Moment now) {
  const std::optional<IpAddress> hop = hop_to(remote);
  return hop ? neighbors_.find(*hop, now) : NeighborId{};
}

const MacAddress* Interface::known_hop(const IpAddress& remote) {
  const std::optional<IpAddress> hop = hop_to(remote);
  return hop ? neighbors_.known(*hop) : nullptr;
}

void Interface::learn_sender(const Packet& segment, Moment now) {
  if (is_neighbor(segment.flow.remote)) {
    resolved_ |= neighbors_.learn(segment.flow.remote, segment.source_mac(), now);
  }
}

// ---- time ----

Moment Interface::next_deadline() const {
  Moment deadline = neighbors_.next_deadline();
  for (const Local& local : locals_) {
    deadline = std::min(deadline, local.deadline);
  }
  return deadline;
}

void Interface::tick(Moment now) {
  for (Local& local : locals_) {
    if (local.deadline <= now) {
      tick_address(local, now);
    }
  }
  std::array<Solicitation, kSolicitationsMax> questions;
  const size_t room = std::min<size_t>(tx_.room(TxUse::kControl), questions.size());
  const size_t count = neighbors_.tick(now, std::span(questions).first(room));
  for (const Solicitation& question : std::span(questions).first(count)) {
    solicit(question);  // one that is lost here is lost as on the wire: it is asked again
  }
}

// What cannot be sent is tried again in the next tick.
void Interface::tick_address(Local& local, Moment now) {
  if (local.state == AddressState::kTentative && !local.probed) {
    if (!leads_ || probe(local)) {
      local.probed = true;
      local.deadline = now + kTentativeNs;
    }
    return;
  }
  if (local.state == AddressState::kTentative) {
    set_usable(local, now);
  }
  if (!leads_) {
    local.deadline = kNever;
  } else if (announce(local)) {
    --local.announcements_left;
    local.deadline = local.announcements_left == 0 ? kNever : now + kAnnounceNs;
  }
}

void Interface::solicit(const Solicitation& question) {
  const Local* from = source_for(question.target);
  if (from == nullptr) {
    return;
  }
  const IpAddress& source = from->prefix.address;
  if (question.target.is_v4()) {
    send_arp(question.to, {.operation = ArpOperation::kRequest,
                           .sender_mac = mac_,
                           .sender_ip = source,
                           .target_ip = question.target});
    return;
  }
  const IpAddress to = question.to.is_group() ? solicited_node(question.target) : question.target;
  send_ndp(question.to,
           {.kind = NdpKind::kNeighborSolicitation, .target = question.target, .source_link = mac_},
           source, to);
}

// ---- sending ----

template <typename Write>
bool Interface::send(const MacAddress& to, EtherType type, TxUse use, Write write) {
  TxFrame* const frame = tx_.take(use);
  if (frame == nullptr) {
    done(InterfaceEvent::kNoRoom);
    return false;
  }
  const Room room{frame->head.bytes, frame->head.room};
  const size_t at =
      write_ethernet(room, {.destination = to, .source = mac_, .vlan = vlan_, .type = type});
  frame->head_bytes = static_cast<uint32_t>(at + write(room.subspan(at)));
  tx_.push();
  return true;
}

bool Interface::send_arp(const MacAddress& to, const ArpPacket& packet) {
  return send(to, EtherType::kArp, TxUse::kControl,
              [&](Room room) { return write_arp(room, packet); });
}

bool Interface::send_ndp(const MacAddress& to, const NdpMessage& message, const IpAddress& source,
                         const IpAddress& destination) {
  return send(to, EtherType::kIpv6, TxUse::kControl, [&](Room room) {
    const size_t bytes = write_ndp(room.subspan(kIpv6Bytes), message, source, destination);
    write_ipv6(room,
               {.source = source,
                .destination = destination,
                .protocol = IpProtocol::kIcmp6,
                .hop_limit = kNdpHopLimit},
               bytes);
    return kIpv6Bytes + bytes;
  });
}

}  // namespace pollux::tcp
