// One pair of queues of a port of DPDK, as the stack's device. A frame that came stays in its mbuf
// until it is released; a head is an mbuf; pieces hang behind it as mbufs without room of their
// own, where the driver can read them, and are copied behind the head where it can't.
//
// One thread, which has entered DPDK (eal.h).
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "dataplane/tcp/interface/device.h"

namespace pollux::dpdk {

// Of one queue; they belong to the port.
struct QueuePools {
  rte_mempool* heads = nullptr;
  rte_mempool* control = nullptr;  // heads that are kept back (TxUse::kControl)
  rte_mempool* pieces = nullptr;   // mbufs without room; null: pieces are copied
  uint32_t pieces_max = 0;         // of these
};

struct QueueCounters {
  uint64_t rx_broken = 0;    // frames that are none, or in several buffers and too long for one
  uint64_t tx_refused = 0;   // frames that the driver would not send, ever
  uint64_t tx_full = 0;      // bursts that it has not taken whole
  uint64_t tx_copied = 0;    // frames whose pieces were copied
};

class PortDevice final : public tcp::Device {
 public:
  PortDevice(uint16_t port, uint16_t queue, const tcp::DeviceCaps& caps, const QueuePools& pools);
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

  // What the pieces of one frame refer to; the driver's last mbuf of it tells that it is done.
  struct Reference {
    rte_mbuf_ext_shared_info shared;
    PortDevice* device;
    uint64_t token;
    bool taken_back;  // the frame was not sent: nobody hears of it
  };
  static void piece_freed(void* piece, void* reference);

  // The frame as the driver wants it; null: there are no mbufs for its pieces now.
  rte_mbuf* chain(const tcp::TxFrame& frame);
  bool hang_pieces(rte_mbuf& head, const tcp::TxFrame& frame);
  void copy_pieces(rte_mbuf& head, const tcp::TxFrame& frame);
  // The head is the stack's again.
  void take_back(rte_mbuf& head);

  const uint16_t port_;
  const uint16_t queue_;
  const tcp::DeviceCaps caps_;
  const QueuePools pools_;
  std::vector<Reference> references_;
  std::vector<Reference*> free_references_;
  std::deque<uint64_t> done_;  // tokens
  QueueCounters counters_;
};

}  // namespace pollux::dpdk
