// A host that listens at kPort and has one application, driven by hand: IP packets in, IP packets
// out. There are two: our stack, and the kernel of the machine behind a TUN device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/tcp_header.h"
#include "dataplane/tcp/wire/tcp_options.h"

namespace pollux::tcp {

inline constexpr IpAddress kHostAddress = IpAddress::v4(0x0a000010);
inline constexpr IpAddress kPeerAddress = IpAddress::v4(0x0a000020);
inline constexpr uint16_t kListenPort = 6379;
inline constexpr uint16_t kNobodysPort = 6380;

using PacketBytes = std::vector<uint8_t>;

struct PlainSegment {
  TcpHeader header;
  TcpOptions options;
  uint32_t payload_bytes = 0;
};

class Host {
 public:
  virtual ~Host() = default;
  // A new conversation: limits on answers that are shared by connections have recovered.
  virtual void rest() = 0;
  virtual void give(const PacketBytes& packet) = 0;
  // Segments of TCP to this port of the peer's that went out since the last call, in their order.
  virtual std::vector<PlainSegment> take(uint16_t peer_port) = 0;

  // The application, of the connection with that port of the peer's, which must be open.
  virtual void write(uint16_t peer_port, size_t bytes) = 0;
  virtual void finish(uint16_t peer_port) = 0;  // half of it: shutdown(SHUT_WR)
  virtual void close(uint16_t peer_port) = 0;
};

std::unique_ptr<Host> make_our_host();
// Null, with the reason, where there is no right to make a network namespace or a TUN device. The
// calling thread moves into that namespace for good.
std::unique_ptr<Host> make_kernel_host(std::string& reason);

// An IPv4 packet from the peer to the host.
PacketBytes packet_of(const TcpHeader& header, const TcpOptions& options, size_t payload_bytes);
// Null if it is no segment of TCP, or damaged: its checksums are looked at.
std::optional<PlainSegment> segment_of(const PacketBytes& packet);

}  // namespace pollux::tcp
