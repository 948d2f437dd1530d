// An Ethernet frame, from the destination address to the end of the payload: without preamble and
// checksum, which a link only counts (LinkConfig::overhead_bytes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pollux::tcp {

using Frame = std::vector<uint8_t>;
using FrameView = std::span<const uint8_t>;
// Shorter ones do not go onto a wire: a NIC fills them up with zeros.
inline constexpr size_t kFrameBytesMin = 60;

// 64 bits, the same in every run and on every machine. Not against enemies.
uint64_t hash_of(FrameView bytes);

// Who gets what comes out of a link.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  // `port` is what the link was told to say: which of the sink's ports it ends at.
  virtual void arrive(Frame frame, uint32_t port) = 0;
};

}  // namespace pollux::tcp
