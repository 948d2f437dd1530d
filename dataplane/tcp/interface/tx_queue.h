// Frames on their way to the device, of everything that sends in a turn, in order. What the device
// has no room for stays in front for the next flush; when that is too much, nobody gets heads any
// more, and who has something to send keeps it until there is room again. The last quarter is for
// control, as some heads of the device are (TxUse).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/tcp/interface/device.h"
#include "src/base/assert.h"

namespace pollux::tcp {

class TxQueue {
 public:
  TxQueue(Device& device, uint32_t frames_max)
      : device_(device), frames_max_(frames_max), frames_(frames_max) {}
  TxQueue(const TxQueue&) = delete;
  TxQueue& operator=(const TxQueue&) = delete;

  // Frames that may be pushed.
  uint32_t room(TxUse use) const {
    const uint32_t kept_back = use == TxUse::kControl ? 0 : frames_max_ / 4;
    const uint32_t taken = waiting_ + kept_back;
    return taken < frames_max_ ? frames_max_ - taken : 0;
  }
  // The next frame, with a head and nothing in it, to be written where it stands (copied it was 320
  // bytes to and fro) and pushed before anything else is taken. Null: no room, or no memory; try in
  // another turn.
  [[nodiscard]] TxFrame* take(TxUse use) {
    if (room(use) == 0) {
      return nullptr;
    }
    TxFrame& frame = frames_[waiting_];
    if (device_.allocate({&frame.head, 1}, use) != 1) {
      return nullptr;
    }
    frame.head_bytes = frame.piece_count = 0;
    frame.token = 0;
    frame.checksums = false;
    frame.segment_bytes = 0;
    return &frame;
  }
  // What was taken last.
  void push() { ++waiting_; }
  // Once a turn.
  void flush() {
    if (waiting_ != 0) {
      const size_t sent = device_.send(std::span(frames_).first(waiting_));
      std::copy(frames_.begin() + static_cast<std::ptrdiff_t>(sent),
                frames_.begin() + static_cast<std::ptrdiff_t>(waiting_), frames_.begin());
      waiting_ -= static_cast<uint32_t>(sent);
    }
  }

  // Whether the device had room for all.
  bool empty() const { return waiting_ == 0; }

  Device& device() { return device_; }

 private:
  Device& device_;
  const uint32_t frames_max_;
  std::vector<TxFrame> frames_;
  uint32_t waiting_ = 0;  // from the front on
};

}  // namespace pollux::tcp
