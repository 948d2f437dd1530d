#include "dataplane/tcp/steering/host_path.h"

#include <algorithm>
#include <utility>

#include "src/base/assert.h"

namespace pollux::tcp {

HostPath::HostPath(uint16_t workers, uint32_t frame_bytes, std::function<void()> wake)
    : frame_bytes_(frame_bytes), wake_(std::move(wake)), out_(kFrames) {
  for (uint16_t i = 0; i < workers; ++i) {
    in_.push_back(std::make_unique<HostWay>(kFrames));
  }
}

void HostPath::take_back(HostWay& way) {
  while (HostFrame* const frame = way.returned()) {
    way.put_away(*frame);
  }
}

bool HostPath::put(HostWay& way, Bytes bytes) {
  take_back(way);
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
  return frame.size() <= frame_bytes_ && put(*in_[worker], frame);
}

void HostPath::publish(uint16_t worker) {
  if (in_[worker]->publish() && asleep_.load(std::memory_order_seq_cst)) {
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
  return std::ranges::all_of(in_, [](const auto& way) { return way->empty(); });
}

const HostFrame* HostPath::next_in() {
  POLLUX_ASSERT(taken_ == nullptr);
  asleep_.store(false, std::memory_order_relaxed);
  for (size_t i = 0; i < in_.size() && taken_ == nullptr; ++i) {
    from_ = next_;
    next_ = (next_ + 1) % in_.size();
    taken_ = in_[from_]->receive();
  }
  return taken_;
}

void HostPath::done_in() {
  in_[from_]->give_back(*std::exchange(taken_, nullptr));
  in_[from_]->publish_back();
}

bool HostPath::send(Bytes frame) {
  return frame.size() <= frame_bytes_ && put(out_, frame);
}

}  // namespace pollux::tcp
