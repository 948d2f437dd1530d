// The wall between the stack and a NIC: bursts of plain frames both ways, and memory that the NIC
// can send from. One device is one pair of queues; it belongs to one worker and never waits.
//
// A frame to be sent begins in a head: memory of the device, into which the headers and small
// payloads are written. Larger payloads follow by reference, as pieces of memory of the stack's.
// The device keeps the head, frees it itself, and hands back the token of a frame with pieces when
// it is done with them: until then they must not change, though the peer may have acknowledged
// them long before. A retransmission is a new frame with a new head.
//
// Calls are by burst, so they may be virtual: each costs next to nothing for a frame.
//
// Implementations: dataplane/dpdk/port_device, dataplane/sim/net/sim_device; and over one of these
// steering/, for workers that share a port.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/bytes.h"

namespace pollux::tcp {

struct DeviceCaps {
  MacAddress mac;
  uint32_t mtu = 1500;  // bytes of the largest IP packet
  // Whether it verifies checksums of IPv4 and TCP, and drops or marks what is wrong.
  bool rx_checksums = false;
  // Whether it finishes those of frames that ask for it (TxFrame::checksums).
  bool tx_checksums = false;
  // The largest TCP payload of one frame that it cuts into segments; 0: it cuts none.
  uint32_t segmented_bytes_max = 0;
};

// A frame that came. Its bytes can be read, and written, until it is released.
struct RxFrame {
  uint8_t* bytes = nullptr;
  uint32_t size = 0;
  bool checksums_ok = false;  // the device has looked: those of IPv4 and TCP are right
  // By what it was spread over queues, if the device says so of a segment of TCP (steering/).
  bool hashed = false;
  uint32_t hash = 0;
  uint64_t buffer = 0;  // the device's name for it
};

struct TxHead {
  uint8_t* bytes = nullptr;
  uint32_t room = 0;    // at least kTxHeadBytes
  uint64_t buffer = 0;  // the device's name for it
};
// Room for a whole frame of an MTU of 1500, so that short payloads need no piece.
inline constexpr uint32_t kTxHeadBytes = 1536;
// More would not fit into the descriptors that some NICs allow for one frame.
inline constexpr size_t kTxPiecesMax = 7;

struct TxFrame {
  TxHead head;
  uint32_t head_bytes = 0;  // written there, from its begin
  uint32_t piece_count = 0;
  std::array<Bytes, kTxPiecesMax> pieces;
  uint64_t token = 0;  // of a frame with pieces; others are never heard of again
  // The device fills in the checksums of IPv4 and TCP; the one of TCP holds the pseudo-header's
  // (Checksum::partial). Requires tx_checksums.
  bool checksums = false;
  // TCP payload of each segment that the device makes of this frame; 0: it goes out as it is.
  // Requires segmented_bytes_max.
  uint16_t segment_bytes = 0;
};

// What a head is for. Some are kept back for what must get out when memory is short: without ACKs,
// RSTs, ARP and neighbor discovery nothing that holds the memory could ever end.
enum class TxUse : uint8_t { kData, kControl };

class Device {
 public:
  virtual ~Device() = default;
  // The same for its whole life.
  virtual const DeviceCaps& caps() const = 0;

  // What came, in its order; returns how many. For us, for everybody, and for all groups, since the
  // solicited-node groups of our addresses (RFC 4291 2.7.1) are not told; more does no harm.
  virtual size_t receive(std::span<RxFrame> frames) = 0;
  virtual void release(std::span<const RxFrame> frames) = 0;

  // Fills heads from the front; returns how many there were. A head is the stack's until it is
  // sent or dropped.
  virtual size_t allocate(std::span<TxHead> heads, TxUse use) = 0;
  virtual void drop(std::span<const TxHead> heads) = 0;

  // Takes frames from the front, as many as its ring has room for; returns how many. The others
  // stay the caller's, heads and all.
  virtual size_t send(std::span<const TxFrame> frames) = 0;
  // Tokens of frames whose pieces it is done with; returns how many. Devices give back lazily:
  // `eager` asks them to look at everything that is out now.
  virtual size_t reap(std::span<uint64_t> tokens, bool eager) = 0;
};

}  // namespace pollux::tcp
