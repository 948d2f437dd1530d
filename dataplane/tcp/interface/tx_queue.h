// Frames on their way to the device, of everything that sends in a turn, in order. What the device
// has no room for stays in front for the next flush; when that is too much, nobody gets heads any
// more, and who has something to send keeps it until there is room again. The last quarter is for
// control, as some heads of the device are (TxUse).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/tcp/interface/device.h"
#include "src/base/assert.h"

namespace pollux::tcp {

class TxQueue {
 public:
  TxQueue(Device& device, uint32_t frames_max) : device_(device), frames_max_(frames_max) {
    waiting_.reserve(frames_max);
  }
  TxQueue(const TxQueue&) = delete;
  TxQueue& operator=(const TxQueue&) = delete;

  // Frames that may be pushed.
  uint32_t room(TxUse use) const {
    const uint32_t kept_back = use == TxUse::kControl ? 0 : frames_max_ / 4;
    const auto taken = static_cast<uint32_t>(waiting_.size()) + kept_back;
    return taken < frames_max_ ? frames_max_ - taken : 0;
  }
  // A head to write a frame into, which is pushed afterwards. False: no room, or no memory; try in
  // another turn.
  [[nodiscard]] bool take_head(TxHead& head, TxUse use) {
    return room(use) != 0 && device_.allocate({&head, 1}, use) == 1;
  }
  // Requires room for what its head was taken for.
  void push(const TxFrame& frame) {
    POLLUX_ASSERT(waiting_.size() < frames_max_);
    waiting_.push_back(frame);
  }
  // Once a turn.
  void flush() {
    if (!waiting_.empty()) {
      const size_t sent = device_.send(waiting_);
      waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(sent));
    }
  }

  Device& device() { return device_; }

 private:
  Device& device_;
  const uint32_t frames_max_;
  std::vector<TxFrame> waiting_;
};

}  // namespace pollux::tcp
