// The way to this host's kernel and back, for what comes to the port and is nobody's here: other
// protocols, other ports, answers to what the kernel has asked. Frames are copied: there are few of
// them, or so many that they are dropped.
//
// Each worker gives, one thread of the kernel's side (dpdk/host_tap) takes; that thread gives what
// the kernel sends, and the first worker puts it out.
//
// Segments to our own ports never come there: the kernel knows nothing of them, and would reset
// each. A port that was ours once stays so.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "dataplane/tcp/wire/bytes.h"
#include "src/base/way.h"

namespace pollux::tcp {

struct HostFrame {
  uint32_t size = 0;
  std::vector<uint8_t> bytes;
};

class HostPath {
 public:
  static constexpr size_t kFrames = 256;  // under way, of each worker and back

  // `frame_bytes`: of the longest frame. `wake`: who sleeps in the host's thread.
  HostPath(uint16_t workers, uint32_t frame_bytes, std::function<void()> wake);

  uint32_t frame_bytes() const { return frame_bytes_; }

  // --- any thread ---
  void add_port(uint16_t port) {
    ports_[port / 64].fetch_or(uint64_t{1} << port % 64, std::memory_order_relaxed);
  }
  bool is_our_port(uint16_t port) const {
    return (ports_[port / 64].load(std::memory_order_relaxed) >> port % 64 & 1) != 0;
  }

  // --- a worker ---
  // False: it is lost, since the host does not keep up.
  bool give(uint16_t worker, Bytes frame);
  void publish(uint16_t worker);  // what was given in this burst
  // --- the first worker ---
  // What the host sends, one after the other; null: no more. done() with each.
  const HostFrame* next_out();
  void done(const HostFrame& frame);
  bool has_out() const { return !out_.empty(); }

  // --- the host's thread ---
  // It is about to sleep, and is woken for what comes. False: there is something.
  bool may_sleep();
  // One from each worker in turn; null: there is none. done_in() with each.
  const HostFrame* next_in();
  void done_in();
  // False: it is lost, since the first worker does not keep up. To be followed by publish_out().
  bool send(Bytes frame);
  bool publish_out() { return out_.publish(); }

 private:
  using HostWay = Way<HostFrame>;

  static bool put(HostWay& way, Bytes frame);

  const uint32_t frame_bytes_;
  const std::function<void()> wake_;
  std::array<std::atomic<uint64_t>, 1024> ports_{};
  Ways<HostFrame> in_;  // by worker
  HostWay out_;
  alignas(kCacheLine) std::atomic<bool> asleep_{false};
};

}  // namespace pollux::tcp
