// What is counted below the stack, in terms that need no DPDK.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pollux::dpdk {

// Of one queue; its worker writes and reads.
struct QueueCounters {
  uint64_t rx_broken = 0;   // frames that are none, or in several buffers and too long for one
  uint64_t tx_refused = 0;  // frames that the driver would not send, ever
  uint64_t tx_full = 0;     // bursts that it has not taken whole
  uint64_t tx_copied = 0;   // frames whose pieces were copied
  uint64_t tx_no_link = 0;  // frames that were lost because the link was down
};

// Mbufs of one kind, of all queues.
struct PoolUse {
  int64_t in_use = 0;  // rings of the device hold some as long as it runs
  int64_t size = 0;
};
enum class PoolKind : uint8_t { kRx, kHeads, kControl, kPieces, kCount };
inline constexpr size_t kPoolKinds = static_cast<size_t>(PoolKind::kCount);

// Of the device's own, with a name that it chose.
inline constexpr size_t kOwnNameMax = 31;
struct OwnCounter {
  std::string name;
  uint64_t value = 0;
};

// As the device counts.
struct PortCounters {
  bool link_up = false;
  int64_t link_mbps = 0;  // 0: it does not say
  uint64_t rx_frames = 0;
  uint64_t rx_bytes = 0;
  uint64_t rx_missed = 0;  // its ring was full
  uint64_t rx_errors = 0;
  uint64_t rx_no_mbuf = 0;  // lost for want of buffers
  uint64_t tx_frames = 0;
  uint64_t tx_bytes = 0;
  uint64_t tx_errors = 0;
  std::array<PoolUse, kPoolKinds> pools;
  std::span<const OwnCounter> own;  // until it is asked again; names for good
};

}  // namespace pollux::dpdk
