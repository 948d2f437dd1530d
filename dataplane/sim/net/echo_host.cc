#include "dataplane/sim/net/echo_host.h"

#include <algorithm>

#include "dataplane/sim/net/machine.h"

namespace pollux::tcp {

bool EchoHost::send(Frame frame) {
  const uint64_t token = ++last_token_;
  Frame& kept = under_way_[token] = std::move(frame);
  if (!machine_->send(kept, token)) {
    under_way_.erase(token);
    return false;
  }
  if (options_.scribbles) {
    kept.back() = static_cast<uint8_t>(kept.back() + 1);
  }
  return true;
}

void EchoHost::receive(Frame& frame, Moment now) {
  ++received_;
  received_bytes_ += frame.size();
  if (options_.keeps) {
    got_.push_back({now, frame});
  }
  if (frame.size() < 12) {
    return;  // cut short by a link
  }
  std::copy_n(frame.begin() + 6, 6, frame.begin());
  std::ranges::copy(options_.mac.bytes, frame.begin() + 6);
  if (options_.again_ns != 0) {
    later_.emplace(now + options_.again_ns, frame);
  }
  if (options_.answers) {
    send(std::move(frame));
  }
}

void EchoHost::tick(Moment now) {
  ++ticks_;
  while (!later_.empty() && later_.begin()->first <= now) {
    send(std::move(later_.begin()->second));
    later_.erase(later_.begin());
  }
}

Moment EchoHost::next_deadline() const {
  return later_.empty() ? kNever : later_.begin()->first;
}

void EchoHost::sent(uint64_t token) {
  ++completed_;
  under_way_.erase(token);
}

Frame plain_frame(MacAddress from, MacAddress to, size_t bytes, uint64_t number) {
  Frame frame(std::max<size_t>(bytes, 14));
  std::ranges::copy(to.bytes, frame.begin());
  std::ranges::copy(from.bytes, frame.begin() + 6);
  frame[12] = 0x88;
  frame[13] = 0xb5;
  for (size_t i = 0; i < 8 && 14 + i < frame.size(); ++i) {
    frame[14 + i] = static_cast<uint8_t>(number >> 8 * (7 - i));
  }
  return frame;
}

MacAddress mac_of(uint32_t i) {
  return {{0x02, 0, static_cast<uint8_t>(i >> 24), static_cast<uint8_t>(i >> 16),
           static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)}};
}

}  // namespace pollux::tcp
