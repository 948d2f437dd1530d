// One interface of this host: its addresses, its routes (the link, and a gateway), and all that is
// spoken there below TCP. Of what comes it keeps segments and errors of ICMP for whoever has
// connections, and answers the rest itself: ARP, neighbor discovery, echo.
//
// Addresses are told, not found: no DHCP, and router advertisements are not heard. One of IPv6 is
// tentative for a second (RFC 4862 5.4) and unusable if somebody else has it; one of IPv4 is
// announced and defended (RFC 5227 2.3, 2.4), but not probed for, which would take seven seconds.
//
// Not spoken: fragments, which no TCP of today sends; errors of ICMP from us, since a refused
// segment is answered by TCP itself; redirects, which are a way to take over a host's traffic.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/tcp/interface/neighbors.h"
#include "dataplane/tcp/interface/tx_queue.h"
#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/arp.h"
#include "dataplane/tcp/wire/ethernet.h"
#include "dataplane/tcp/wire/icmp.h"
#include "dataplane/tcp/wire/ip.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/ipv6.h"
#include "dataplane/tcp/wire/ndp.h"
#include "dataplane/tcp/wire/packet.h"

namespace pollux::tcp {

struct LinkPrefix {
  IpAddress address;
  uint8_t bits = 0;  // of its version: 24 of 32, 64 of 128
};

bool is_within(const IpAddress& address, const LinkPrefix& prefix);

struct InterfaceConfig {
  std::vector<LinkPrefix> addresses;  // ours, with what is on the link beside them
  // On the link. Without, peers elsewhere are not reached.
  std::optional<IpAddress> gateway_v4;
  std::optional<IpAddress> gateway_v6;
  // False: another one with these addresses on this link, of another worker, probes for them,
  // announces and defends them. Its answers and those of neighbors come to all.
  bool leads = true;
  uint16_t vlan = 0;  // 802.1Q id of all frames; 0: none
  uint32_t neighbors_max = 4096;
  NeighborTimes neighbor_times;
};

// What became of a packet.
enum class Received : uint8_t {
  kDone,     // answered, or not worth one: the rest of these is for the caller
  kSegment,  // a sound segment of TCP for one of our addresses
  kError,    // of ICMP, about a segment that may be ours: Interface::error()
};

// Why packets end here, as counters.
enum class InterfaceEvent : uint8_t {
  kMalformed,  // Fault says more
  kOwnFrame,   // comes from our own address: a loop, or a second host with it
  kVlan,       // of another one
  kNotOurs,    // for another address, or for a group
  kBadSource,  // from an address that nobody can have
  kChecksum,
  kFragment,
  kUnspoken,
  kNoRoom,       // an answer was not sent for want of memory, or because the device is full
  kConflict,     // another host uses one of our addresses
  kDuplicate,    // and was first: ours is not used
  kEcho,         // answered
  kArpAnswered,  // somebody asked for us
  kNdpAnswered,
  kCount
};
std::string_view name_of(InterfaceEvent event);

inline EtherType ether_type(const IpAddress& address) {
  return address.is_v4() ? EtherType::kIpv4 : EtherType::kIpv6;
}

// The header before `bytes` of payload, from us to there; returns its bytes.
inline size_t write_ip(Room room, const Flow& flow, IpProtocol protocol, Ecn ecn, size_t bytes) {
  constexpr uint8_t kHopLimit = 64;
  const TrafficClass traffic_class = TrafficClass::of(0, ecn);
  if (flow.remote.is_v4()) [[likely]] {
    return write_ipv4(room,
                      {.source = flow.local,
                       .destination = flow.remote,
                       .protocol = protocol,
                       .ttl = kHopLimit,
                       .traffic_class = traffic_class},
                      bytes);
  }
  return write_ipv6(room,
                    {.source = flow.local,
                     .destination = flow.remote,
                     .protocol = protocol,
                     .hop_limit = kHopLimit,
                     .traffic_class = traffic_class},
                    bytes);
}

// An error of ICMP, as far as it can be believed before the connection has looked at it (RFC 5927).
struct PathError {
  IcmpMessage message;
  QuotedSegment segment;
};

class Interface {
 public:
  Interface(const InterfaceConfig& config, TxQueue& tx, uint64_t seed);

  // Its addresses are probed for and announced from the next tick on. Before, nothing is received
  // or sent.
  void start(Moment now);
  // The link was down, and who is there now may be others: addresses are announced again.
  void on_link_up(Moment now);

  // What came, as parse_packet sees it. `checksums_ok`: RxFrame's.
  Received receive(const Packet& packet, bool checksums_ok, Moment now);
  // The same, of a segment whose flow has a connection: both addresses were looked at when that
  // began, and one of ours that may be used may always be. 15 instructions instead of 500.
  Received receive_known(const Packet& packet, bool checksums_ok, Moment now) {
    return is_sound(packet, checksums_ok) ? Received::kSegment : receive(packet, checksums_ok, now);
  }
  // Whether that is kSegment at first sight.
  bool is_sound(const Packet& packet, bool checksums_ok) const {
    if (packet.kind != PacketKind::kTcp || !checksums_ok || !is_our_vlan(packet) ||
        load_mac_word(packet.frame) != mac_word_) {
      return false;
    }
    const uint64_t from = load_mac_word(packet.frame + 6);
    return from != mac_word_ && from != 0 && (from & 1) == 0;
  }
  // Of the last packet, if that was kError.
  const PathError& error() const { return error_; }
  // Whether a neighbor was resolved since the last call: who waits for one tries again.
  bool take_resolved() { return std::exchange(resolved_, false); }

  // ---- for connections ----
  // Whether it is one of our addresses; whether it may be used, too.
  bool has_address(const IpAddress& address) const;
  bool is_ours(const IpAddress& address) const;
  // What to send from to there: one of ours that may be used, or none.
  std::optional<IpAddress> source_address(const IpAddress& remote) const {
    const Local* local = source_for(remote);
    return local == nullptr ? std::nullopt : std::optional(local->prefix.address);
  }
  // Who frames for `remote` go to: itself or a gateway; none if there is no way, or if that is no
  // other host. Remember it, and ask again when neighbors().use() says nullptr.
  NeighborId next_hop(const IpAddress& remote, Moment now);
  // Whether there is a way at all.
  bool reaches(const IpAddress& remote) const { return hop_to(remote).has_value(); }
  // The same as next_hop, as far as it is known without asking anybody; lives until the next call.
  const MacAddress* known_hop(const IpAddress& remote);
  // The sender of a segment that opens a connection is who it says, until ARP says otherwise.
  void learn_sender(const Packet& segment, Moment now);
  Neighbors& neighbors() { return neighbors_; }

  // Bytes of the headers before a segment to there.
  size_t header_bytes(const IpAddress& remote) const {
    return ethernet_bytes_ + (remote.is_v4() ? kIpv4Bytes : kIpv6Bytes);
  }
  // Writes these before a segment of `segment_bytes`, TCP header included; returns how many.
  size_t write_headers(Room head, const Flow& flow, const MacAddress& to, Ecn ecn,
                       size_t segment_bytes) const {
    const size_t at = write_link(head, to, ether_type(flow.remote));
    return at + write_ip(head.subspan(at), flow, IpProtocol::kTcp, ecn, segment_bytes);
  }
  // The first of them alone.
  size_t write_link(Room head, const MacAddress& to, EtherType type) const {
    const size_t at = ethernet_bytes_;
    POLLUX_ASSERT(head.size() >= ethernet_.size());
    store_mac(head.data(), to);
    std::memcpy(head.data() + 6, ethernet_.data() + 6, kEthernetBytes + kVlanTagBytes - 6);
    store16(head.data() + at - 2, static_cast<uint16_t>(type));
    return at;
  }
  uint32_t mtu() const { return mtu_; }

  // kNever: none.
  Moment next_deadline() const;
  // At its deadline; afterwards it lies behind `now` unless there was no room to send.
  void tick(Moment now);

  uint64_t count(InterfaceEvent event) const { return counters_[static_cast<size_t>(event)]; }

 private:
  enum class AddressState : uint8_t { kTentative, kUsable, kDuplicate };
  struct Local {
    LinkPrefix prefix;
    AddressState state = AddressState::kTentative;
    bool probed = false;  // of IPv6
    uint8_t announcements_left = 0;
    Moment deadline = kNever;  // of the probe, of being tentative, of the next announcement
    Moment defended_at{INT64_MIN / 2};
  };

  Received done(InterfaceEvent event);
  Received unread(Fault fault);  // what a parser refuses
  Local* local_of(const IpAddress& address);
  bool is_on_link(const IpAddress& address) const;
  bool is_broadcast(const IpAddress& address) const;
  // Whether it is the address of one host, and not of this one: what a packet may come from.
  std::optional<IpAddress> hop_to(const IpAddress& remote) const;
  bool is_other_host(const IpAddress& address) const;
  bool is_neighbor(const IpAddress& address) const {
    return is_other_host(address) && is_on_link(address);
  }
  // Whether a neighbor may have it.
  bool is_other_link(const MacAddress& mac) const {
    return !mac.is_group() && mac != mac_ && mac != MacAddress{};
  }
  // A tag with the id 0 has only a priority; a packet without one has that.
  bool is_our_vlan(const Packet& packet) const {
    return packet.vlan.id() == vlan_id_;
  }
  // Whether neighbor discovery for one of our addresses may be sent there.
  bool is_ndp_destination(const IpAddress& address) const;
  const Local* source_for(const IpAddress& target) const;

  Received on_ip(const Packet& packet, bool checksums_ok, Moment now);
  Received on_icmp(const Packet& packet);
  Received on_error(const Packet& packet, const IcmpMessage& message);
  void on_arp(const Packet& packet, Moment now);
  Received on_ndp(const Packet& packet, Moment now);
  void on_solicitation(const Packet& packet, const NdpMessage& message, Moment now);
  void on_advertisement(const NdpMessage& message, Moment now);
  void on_conflict(Local& local, Moment now);

  template <typename Write>
  bool send(const MacAddress& to, EtherType type, TxUse use, Write write);
  bool send_arp(const MacAddress& to, const ArpPacket& packet);
  bool send_ndp(const MacAddress& to, const NdpMessage& message, const IpAddress& source,
                const IpAddress& destination);
  void echo(const Packet& packet, IcmpMessage message);
  void set_usable(Local& local, Moment now);
  bool probe(const Local& local);
  bool announce(const Local& local);
  void solicit(const Solicitation& question);
  void tick_address(Local& local, Moment now);

  TxQueue& tx_;
  const MacAddress mac_;
  const uint64_t mac_word_;
  const uint32_t mtu_;
  const bool leads_;
  const std::optional<VlanTag> vlan_;
  const uint16_t vlan_id_;  // 0: none
  const uint8_t ethernet_bytes_;
  // A header of ours, to nobody and of no type; behind it, without a tag, what is written over.
  std::array<uint8_t, kEthernetBytes + kVlanTagBytes> ethernet_{};
  const std::optional<IpAddress> gateway_v4_;
  const std::optional<IpAddress> gateway_v6_;
  std::vector<Local> locals_;
  Neighbors neighbors_;
  PathError error_;
  bool resolved_ = false;
  std::array<uint64_t, static_cast<size_t>(InterfaceEvent::kCount)> counters_{};
};

}  // namespace pollux::tcp
