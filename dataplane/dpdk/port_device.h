// One pair of queues of a port of DPDK, as the stack's device. A frame that came stays in its mbuf
// until it is released; a head is an mbuf; pieces hang behind it as mbufs without room of their
// own, where the driver can read them, and are copied behind the head where it can't.
//
// One thread, which has entered DPDK (eal.h).
#pragma once

#include <rte_mbuf.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "dataplane/dpdk/counters.h"
#include "dataplane/tcp/interface/device.h"

namespace pollux::dpdk {

// Of one queue; they belong to the port.
struct QueuePools {
  rte_mempool* heads = nullptr;
  rte_mempool* control = nullptr;  // heads that are kept back (TxUse::kControl)
  rte_mempool* pieces = nullptr;   // mbufs without room; null: pieces are copied
  uint32_t pieces_max = 0;         // of these
  rte_mempool* copies = nullptr;   // where they are, and frames are cut: what has no room in a head
};

// Whether frames get out of the port. Written by who looks after it, read by all queues; relaxed,
// since nothing else is ordered by it.
struct LinkState {
  std::atomic<bool> up{true};
  std::atomic<bool> came_up{false};  // and nobody has acted on it
  bool stalls = false;  // a send waits while the link is down: see PortDevice::send
  bool is_up() const { return up.load(std::memory_order_relaxed); }
};

// What of checksums is the driver's, beside DeviceCaps.
struct DriverSums {
  bool makes_ip = false;  // that of IPv4, too, of frames whose checksums it makes
  // By "none", of a frame that came, it says that the peer has left it out, since the bytes cross
  // no wire (rte_mbuf_core.h). Drivers outside of DPDK's tree say so of what they have not looked
  // at.
  bool none_is_right = false;
};

class PortDevice final : public tcp::Device {
 public:
  PortDevice(uint16_t port, uint16_t queue, const tcp::DeviceCaps& caps, DriverSums sums,
             const QueuePools& pools, const LinkState& link);
  // Requires that the port was stopped: then nothing of it is under way.
  ~PortDevice() override = default;
  PortDevice(const PortDevice&) = delete;
  PortDevice& operator=(const PortDevice&) = delete;

  const QueueCounters& counters() const { return counters_; }

  const tcp::DeviceCaps& caps() const override { return caps_; }
  size_t receive(std::span<tcp::RxFrame> frames) override;
  void release(std::span<const tcp::RxFrame> frames) override;
  size_t allocate(std::span<tcp::TxHead> heads, tcp::TxUse use) override;
  void drop(std::span<const tcp::TxHead> heads) override;
  size_t send(std::span<const tcp::TxFrame> frames) override;
  size_t reap(std::span<uint64_t> tokens, bool eager) override;

 private:
  static constexpr size_t kBurst = 32;
  // Of the largest frame that a device cuts, in buffers of the smallest room.
  static constexpr size_t kCopiesMax = 32;

  // What the pieces of one frame refer to; the driver's last mbuf of it tells that it is done.
  struct Reference {
    rte_mbuf_ext_shared_info shared;
    PortDevice* device;
    uint64_t token;
    bool taken_back;  // the frame was not sent: nobody hears of it
  };
  static void piece_freed(void* piece, void* reference);

  // As on a wire that is cut: heads are freed, and tokens come back.
  void lose(std::span<const tcp::TxFrame> frames);
  // The frame as the driver wants it; null: there are no mbufs for its pieces now.
  rte_mbuf* chain(const tcp::TxFrame& frame);
  bool hang_pieces(rte_mbuf& head, const tcp::TxFrame& frame);
  bool copy_pieces(rte_mbuf& head, const tcp::TxFrame& frame);
  bool add_copies(rte_mbuf& head, uint32_t bytes);
  // The head is the stack's again.
  void take_back(rte_mbuf& head);

  const uint16_t port_;
  const uint16_t queue_;
  const tcp::DeviceCaps caps_;
  const DriverSums sums_;
  const QueuePools pools_;
  const LinkState& link_;
  std::vector<Reference> references_;
  std::vector<Reference*> free_references_;
  std::deque<uint64_t> done_;  // tokens
  // Frames that are copied before the ring is asked: one behind a full ring, then twice as many
  // each time that it has taken all. So what is copied for nothing is no more than what was sent,
  // and one.
  size_t copied_at_once_ = kBurst;
  QueueCounters counters_;
};

}  // namespace pollux::dpdk
