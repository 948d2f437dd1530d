#include "dataplane/sim/net/sim_device.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "dataplane/sim/net/frame_peek.h"
#include "dataplane/sim/net/nic_offload.h"
#include "src/base/assert.h"

namespace pollux::tcp {
namespace {

constexpr uint8_t kGarbage = 0xdb;
// Behind the longest headers of IPv4 and TCP.
constexpr uint32_t kSegmentedBytesMax = 65'535 - 120;

// 0 to count - 1, so that 0 is taken first.
std::vector<uint64_t> all_free(uint32_t count) {
  std::vector<uint64_t> numbers(count);
  std::iota(numbers.rbegin(), numbers.rend(), 0);
  return numbers;
}

}  // namespace

SimDevice::SimDevice(const SimDeviceConfig& config)
    : config_(config),
      rx_(config.rx_buffers),
      free_rx_(all_free(config.rx_buffers)),
      heads_(config.heads),
      free_heads_(all_free(config.heads)) {
  POLLUX_ASSERT(config.caps.tx_checksums || config.caps.segmented_bytes_max == 0);
  POLLUX_ASSERT(config.caps.segmented_bytes_max <= kSegmentedBytesMax);
  POLLUX_ASSERT(config.control_heads <= config.heads);
  for (Head& head : heads_) {
    head.bytes = std::make_unique<uint8_t[]>(kTxHeadBytes);
  }
}

// ---- receiving ----

void SimDevice::arrived(Frame&& frame) {
  if (rx_buffers_out() == config_.rx_buffers) {
    return machine_->no_rx_buffer(frame);
  }
  waiting_.push_back(std::move(frame));
}

size_t SimDevice::receive(std::span<RxFrame> frames) {
  const size_t count = std::min(frames.size(), waiting_.size());
  for (RxFrame& out : frames.first(count)) {
    const uint64_t number = free_rx_.back();
    free_rx_.pop_back();
    rx_[number] = {.frame = std::move(waiting_.front()), .out = true};
    waiting_.pop_front();
    Frame& frame = rx_[number].frame;
    out = {.bytes = frame.data(),
           .size = static_cast<uint32_t>(frame.size()),
           .checksums_ok = config_.caps.rx_checksums && checksums_are_right(frame),
           .buffer = number};
    if (config_.hash) {
      const std::optional<uint32_t> hash = config_.hash(frame);
      out.hashed = hash.has_value();
      out.hash = hash.value_or(0);
    }
  }
  return count;
}

void SimDevice::release(std::span<const RxFrame> frames) {
  for (const RxFrame& frame : frames) {
    POLLUX_ASSERT(frame.buffer < rx_.size() && rx_[frame.buffer].out);
    // Freed, too, so that an address sanitizer finds who still looks at it.
    std::ranges::fill(rx_[frame.buffer].frame, kGarbage);
    rx_[frame.buffer] = {};
    free_rx_.push_back(frame.buffer);
  }
}

// ---- sending ----

size_t SimDevice::allocate(std::span<TxHead> heads, TxUse use) {
  const size_t kept_back = use == TxUse::kControl ? 0 : config_.control_heads;
  size_t count = 0;
  while (count < heads.size() && free_heads_.size() > kept_back && machine_->may_allocate()) {
    const uint64_t number = free_heads_.back();
    free_heads_.pop_back();
    heads_[number].state = HeadState::kOfTheStack;
    heads[count++] = {.bytes = heads_[number].bytes.get(), .room = kTxHeadBytes, .buffer = number};
  }
  return count;
}

void SimDevice::drop(std::span<const TxHead> heads) {
  for (const TxHead& head : heads) {
    free_head(head.buffer, HeadState::kOfTheStack);
  }
}

void SimDevice::free_head(uint64_t buffer, HeadState state) {
  POLLUX_ASSERT(buffer < heads_.size() && heads_[buffer].state == state);
  heads_[buffer].state = HeadState::kFree;
  std::fill_n(heads_[buffer].bytes.get(), kTxHeadBytes, kGarbage);
  free_heads_.push_back(buffer);
}

size_t SimDevice::send(std::span<const TxFrame> frames) {
  size_t count = 0;
  for (const TxFrame& frame : frames) {
    POLLUX_ASSERT(frame.head.buffer < heads_.size());
    Head& head = heads_[frame.head.buffer];
    POLLUX_ASSERT(head.state == HeadState::kOfTheStack);
    POLLUX_ASSERT(frame.head_bytes <= frame.head.room && frame.piece_count <= kTxPiecesMax);
    POLLUX_ASSERT(config_.caps.tx_checksums || !frame.checksums);
    POLLUX_ASSERT(frame.checksums || frame.segment_bytes == 0);
    std::array<FrameView, Machine::kPiecesMax> pieces;
    static_assert(Machine::kPiecesMax >= 1 + kTxPiecesMax);
    pieces[0] = {frame.head.bytes, frame.head_bytes};
    std::copy_n(frame.pieces.begin(), frame.piece_count, pieces.begin() + 1);
    const std::span<const FrameView> all = std::span(pieces).first(1 + frame.piece_count);
    check_size(all, frame.segment_bytes);
    head.has_pieces = frame.piece_count != 0;
    head.token = frame.token;
    if (!machine_->send(all, frame.head.buffer, {frame.checksums, frame.segment_bytes})) {
      break;
    }
    head.state = HeadState::kUnderWay;
    ++count;
  }
  return count;
}

void SimDevice::check_size(std::span<const FrameView> pieces, uint32_t segment_bytes) const {
  const std::optional<EtherPeek> ether = peek_ether(pieces[0]);
  POLLUX_ASSERT(ether);
  uint32_t bytes = 0;
  for (const FrameView& piece : pieces) {
    bytes += static_cast<uint32_t>(piece.size());
  }
  if (segment_bytes != 0) {
    const uint32_t headers = tcp_header_end(pieces[0]);
    POLLUX_ASSERT(headers != 0 && bytes > headers);
    POLLUX_ASSERT(bytes - headers <= config_.caps.segmented_bytes_max);
    bytes = std::min(bytes, headers + segment_bytes);
  }
  POLLUX_ASSERT(bytes - ether->header_bytes <= config_.caps.mtu);
}

void SimDevice::sent(uint64_t token) {
  const Head& head = heads_[token];
  if (head.has_pieces) {
    done_.push_back(head.token);
  }
  free_head(token, HeadState::kUnderWay);
}

size_t SimDevice::reap(std::span<uint64_t> tokens, bool eager) {
  if (eager) {
    machine_->reap();
  }
  const size_t count = std::min(tokens.size(), done_.size());
  std::copy_n(done_.begin(), count, tokens.begin());
  done_.erase(done_.begin(), done_.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

}  // namespace pollux::tcp
