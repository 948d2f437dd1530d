#include "dataplane/tcp/steering/host_path.h"

#include <algorithm>
#include <utility>

namespace pollux::tcp {

HostPath::HostPath(uint16_t workers, uint32_t frame_bytes, std::function<void()> wake)
    : frame_bytes_(frame_bytes), wake_(std::move(wake)), in_(workers, kFrames), out_(kFrames) {}

bool HostPath::put(HostWay& way, Bytes bytes) {
  way.take_back();
  HostFrame* const frame = way.take();
  if (frame == nullptr) {
    return false;
  }
  frame->size = static_cast<uint32_t>(bytes.size());
  if (frame->bytes.size() < bytes.size()) {
    frame->bytes.resize(bytes.size());
  }
  std::ranges::copy(bytes, frame->bytes.begin());
  way.send(*frame);
  return true;
}

// ---- workers ----

bool HostPath::give(uint16_t worker, Bytes frame) {
  return frame.size() <= frame_bytes_ && put(in_[worker], frame);
}

void HostPath::publish(uint16_t worker) {
  if (in_[worker].publish() && asleep_.load(std::memory_order_seq_cst)) {
    wake_();
  }
}

const HostFrame* HostPath::next_out() {
  return out_.receive();
}

void HostPath::done(const HostFrame& frame) {
  out_.give_back(const_cast<HostFrame&>(frame));  // it is ours, for as long
  out_.publish_back();
}

// ---- the host's thread ----

bool HostPath::may_sleep() {
  asleep_.store(true, std::memory_order_seq_cst);
  return in_.empty();
}

const HostFrame* HostPath::next_in() {
  asleep_.store(false, std::memory_order_relaxed);
  return in_.next();
}

void HostPath::done_in() {
  in_.done();
}

bool HostPath::send(Bytes frame) {
  return frame.size() <= frame_bytes_ && put(out_, frame);
}

}  // namespace pollux::tcp
