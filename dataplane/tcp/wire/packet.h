// One look at a received frame: which layers it has and where, whose flow it is, or why it is none.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/bytes.h"
#include "dataplane/tcp/wire/ethernet.h"
#include "dataplane/tcp/wire/fault.h"
#include "dataplane/tcp/wire/ip.h"
#include "dataplane/tcp/wire/tcp_header.h"
#include "dataplane/tcp/wire/tcp_options.h"

namespace pollux::tcp {

// Who has to look at it next.
enum class PacketKind : uint8_t {
  kBad,       // nobody: `fault` says why, `layer` where
  kTcp,       // a segment; its options have not been read
  kArp,       // parse_arp(network())
  kIcmp,      // parse_icmp4(transport())
  kIcmp6,     // parse_icmp6 or parse_ndp (transport())
  kFragment,  // a piece of a datagram of `protocol`, at transport()
  kOther,     // nothing that is spoken here, behind `layer`: another EtherType, another protocol
};

// A plain value: offsets into the frame, which must stay where it is, and what every segment is
// asked for. Two cache lines at most.
struct Packet {
  // Of a frame in which nothing has been found yet.
  explicit Packet(Bytes bytes)
      : frame(bytes.data()),
        network_at(static_cast<uint32_t>(bytes.size())),
        transport_at(network_at),
        payload_at(network_at),
        end(network_at) {}
  Packet() : Packet(Bytes{}) {}

  const uint8_t* frame;
  // From where IP was found on. The receiver is `local`; ports, of kTcp, are 0 elsewhere.
  Flow flow;
  TcpHeader tcp;     // of kTcp
  EtherType type{};  // behind a tag
  VlanTag vlan;      // if tagged
  bool tagged = false;
  PacketKind kind = PacketKind::kBad;
  Fault fault = Fault::kNone;
  Layer layer = Layer::kLink;  // of a good one: the highest that was found
  IpProtocol protocol{};       // of IP: behind extension headers
  TrafficClass traffic_class;  // of IP: DSCP and ECN
  uint8_t hop_limit = 0;       // of IP: TTL
  // Offsets in the frame. What was not found begins at `end`. They stand last because they are the
  // ones that are always set: GCC clears all before them in a few stores; more it would clear by
  // rep stos, for 20 ns a packet instead of 13.
  uint32_t network_at;
  uint32_t transport_at;
  uint32_t payload_at;  // of a segment
  uint32_t end;         // of the IP packet; what comes behind is padding of Ethernet

  // Both require a whole Ethernet header: not a fault of Layer::kLink.
  MacAddress destination_mac() const { return load_mac(frame); }
  MacAddress source_mac() const { return load_mac(frame + 6); }
  // The IP packet; of kArp all behind the Ethernet header, padding included.
  Bytes network() const { return piece(network_at, end); }
  // What IP carries: the segment with its header, the message of ICMP, the piece.
  Bytes transport() const { return piece(transport_at, end); }
  // Requires kTcp. Whether timestamps are its only option, in the usual place; these.
  bool has_plain_options() const {
    return payload_at - transport_at == kTcpBytes + kTimestampsWords * 4 &&
           load32(frame + transport_at + kTcpBytes) == kTimestampsHead;
  }
  Timestamps plain_timestamps() const {
    const uint8_t* const at = frame + transport_at + kTcpBytes + 4;
    return {load32(at), load32(at + 4)};
  }
  // Requires kTcp.
  Bytes tcp_options() const { return piece(transport_at + kTcpBytes, payload_at); }
  Bytes payload() const { return piece(payload_at, end); }

  friend bool operator==(const Packet&, const Packet&) = default;

 private:
  Bytes piece(size_t from, size_t to) const { return {frame + from, to - from}; }
};
static_assert(sizeof(Packet) <= 128);

// Total: any bytes, of any length below 4 GB, give a packet. Checksums are not looked at, since
// most devices have done that.
Packet parse_packet(Bytes frame);
// The same by the way that holds for all. (Public for the test that compares the two.)
Packet parse_any_packet(Bytes frame);

// Whether the checksum of the IPv4 header is right. Requires a packet of IP; IPv6 has none, so it
// is.
bool network_checksum_ok(const Packet& packet);
// Whether the checksum of the TCP segment, or of the ICMP message of either version, is right.
// Requires kTcp, kIcmp or kIcmp6.
bool transport_checksum_ok(const Packet& packet);

}  // namespace pollux::tcp
