// The NIC of a simulated machine as the stack's port (dataplane/tcp/interface/device.h). Whoever
// wraps a stack in a SimHost passes on what the machine tells it: frames that arrive, and sends
// that are done. The stack polls it in SimHost::received, ahead of its timers.
//
// It keeps what a real driver keeps, and no more: so many buffers for frames that the stack has not
// released, so many heads, some of them for control alone. Memory that is given back is filled with
// garbage, so that who still reads it is found; the machine finds who writes into what is under
// way. A packet beyond caps.mtu, cut or not, is the stack's bug: there are NICs that send it, and
// it is lost elsewhere.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/sim/net/frame.h"
#include "dataplane/sim/net/machine.h"
#include "dataplane/tcp/interface/device.h"

namespace pollux::tcp {

struct SimDeviceConfig {
  DeviceCaps caps;
  // A frame that comes when all are out is lost, and counted by the machine (kRxNoBuffer).
  uint32_t rx_buffers = 1024;
  uint32_t heads = 1024;
  uint32_t control_heads = 128;  // of these
  // What it says that it was spread by; null: nothing.
  std::function<std::optional<uint32_t>(FrameView)> hash;
};

class SimDevice final : public Device {
 public:
  // Offloads are as the caps say (nic_offload.h). Requires tx_checksums where it cuts segments, and
  // that what it cuts fits into a packet of IP.
  explicit SimDevice(const SimDeviceConfig& config);
  SimDevice(const SimDevice&) = delete;
  SimDevice& operator=(const SimDevice&) = delete;

  // --- SimHost's calls of the same names ---
  void attached(Machine& machine) { machine_ = &machine; }
  void arrived(Frame&& frame);
  void sent(uint64_t token);

  // What the stack holds or the device has under way; 0 at rest.
  uint32_t rx_buffers_out() const {
    return static_cast<uint32_t>(waiting_.size() + rx_.size() - free_rx_.size());
  }
  uint32_t heads_out() const { return config_.heads - static_cast<uint32_t>(free_heads_.size()); }

  const DeviceCaps& caps() const override { return config_.caps; }
  size_t receive(std::span<RxFrame> frames) override;
  void release(std::span<const RxFrame> frames) override;
  size_t allocate(std::span<TxHead> heads, TxUse use) override;
  void drop(std::span<const TxHead> heads) override;
  size_t send(std::span<const TxFrame> frames) override;
  size_t reap(std::span<uint64_t> tokens, bool eager) override;

 private:
  struct RxBuffer {
    Frame frame;
    bool out = false;
  };
  enum class HeadState : uint8_t { kFree, kOfTheStack, kUnderWay };
  struct Head {
    std::unique_ptr<uint8_t[]> bytes;
    HeadState state = HeadState::kFree;
    bool has_pieces = false;
    uint64_t token = 0;
  };

  void check_size(std::span<const FrameView> pieces, uint32_t segment_bytes) const;
  void free_head(uint64_t buffer, HeadState state);

  const SimDeviceConfig config_;
  Machine* machine_ = nullptr;
  std::deque<Frame> waiting_;
  std::vector<RxBuffer> rx_;
  std::vector<uint64_t> free_rx_;
  std::vector<Head> heads_;
  std::vector<uint64_t> free_heads_;
  std::deque<uint64_t> done_;  // tokens
};

}  // namespace pollux::tcp
