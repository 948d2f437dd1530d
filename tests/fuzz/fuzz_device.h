// A device for fuzz targets (dataplane/tcp/interface/device.h): it keeps what it is given until it
// is done with it, and finds who changes that meanwhile, reads beyond a frame, or gives back twice.
// Its ring may be narrow, and stand still.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/tcp/interface/device.h"
#include "dataplane/tcp/wire/packet.h"
#include "tests/fuzz/tcp_fuzz_support.h"

namespace pollux::tcp {

using Frame = std::vector<uint8_t>;

// Of all bytes of a frame, so that who changes it is found.
inline uint64_t digest(const TxFrame& frame) {
  uint64_t sum = frame.head_bytes;
  const auto add = [&sum](Bytes bytes) {
    for (const uint8_t byte : bytes) {
      sum = sum * 1'099'511'628'211U + byte;
    }
  };
  add({frame.head.bytes, frame.head_bytes});
  for (uint32_t i = 0; i < frame.piece_count; ++i) {
    add(frame.pieces[i]);
  }
  return sum;
}

inline bool has_right_checksums(const Frame& frame) {
  const Packet packet = parse_packet(frame);
  return packet.kind == PacketKind::kTcp && network_checksum_ok(packet) &&
         transport_checksum_ok(packet);
}

// Keeps what it is given until it is done with it.
class FuzzDevice final : public Device {
 public:
  static constexpr uint32_t kHeads = 96;
  static constexpr uint32_t kControlHeads = 16;  // of these

  explicit FuzzDevice(const DeviceCaps& caps) : caps_(caps), heads_(kHeads) {
    for (uint32_t i = 0; i < kHeads; ++i) {
      heads_[i] = std::make_unique<uint8_t[]>(kTxHeadBytes);
      free_.push_back(i);
    }
  }

  const DeviceCaps& caps() const override { return caps_; }
  size_t receive(std::span<RxFrame> frames) override {
    size_t count = 0;
    for (; count < frames.size() && !arriving.empty(); ++count, arriving.pop_front()) {
      // Of the exact size: reads beyond it are seen.
      const Frame& frame = arriving.front();
      received_.push_back(std::make_unique<uint8_t[]>(frame.size()));
      std::ranges::copy(frame, received_.back().get());
      frames[count] = {.bytes = received_.back().get(),
                       .size = static_cast<uint32_t>(frame.size()),
                       .checksums_ok = caps_.rx_checksums && has_right_checksums(frame)};
    }
    return count;
  }
  void release(std::span<const RxFrame> frames) override {
    require(frames.size() == received_.size(), "what was received is released");
    received_.clear();
  }
  size_t allocate(std::span<TxHead> heads, TxUse use) override {
    size_t count = 0;
    const size_t kept = use == TxUse::kControl ? 0 : kControlHeads;
    if (free_.size() <= kept && !is_stuck) {
      complete();  // nobody asks for the completions of frames without pieces
    }
    for (; count < heads.size() && free_.size() > kept; ++count) {
      heads[count] = {heads_[free_.back()].get(), kTxHeadBytes, free_.back()};
      free_.pop_back();
    }
    return count;
  }
  void drop(std::span<const TxHead> heads) override {
    for (const TxHead& head : heads) {
      give_back(head.buffer);
    }
  }
  size_t send(std::span<const TxFrame> frames) override {
    size_t count = 0;
    for (; count < frames.size() && under_way_.size() < ring_room; ++count) {
      under_way_.push_back({frames[count], digest(frames[count])});
      sent.push_back(whole(frames[count]));
      asks.push_back(frames[count].checksums);
      segment_bytes.push_back(frames[count].segment_bytes);
    }
    return count;
  }
  size_t reap(std::span<uint64_t> tokens, bool /*eager*/) override {
    if (!is_stuck) {
      complete();
    }
    size_t count = 0;
    for (; count < tokens.size() && !done_.empty(); ++count, done_.pop_front()) {
      tokens[count] = done_.front();
    }
    return count;
  }
  // What is under way has gone.
  void complete() {
    for (const UnderWay& one : under_way_) {
      require(digest(one.frame) == one.digest, "what is under way does not change");
      if (one.frame.piece_count != 0) {
        done_.push_back(one.frame.token);
      }
      give_back(one.frame.head.buffer);
    }
    under_way_.clear();
  }
  bool has_all_heads() const { return free_.size() == kHeads; }

  std::deque<Frame> arriving;
  std::vector<Frame> sent;
  std::vector<bool> asks;  // for checksums
  std::vector<uint16_t> segment_bytes;
  size_t ring_room = SIZE_MAX;
  bool is_stuck = false;

 private:
  struct UnderWay {
    TxFrame frame;
    uint64_t digest;
  };

  static Frame whole(const TxFrame& frame) {
    require(frame.head_bytes <= kTxHeadBytes, "a head has its room");
    Frame bytes(frame.head.bytes, frame.head.bytes + frame.head_bytes);
    for (uint32_t i = 0; i < frame.piece_count; ++i) {
      bytes.insert(bytes.end(), frame.pieces[i].begin(), frame.pieces[i].end());
    }
    return bytes;
  }
  void give_back(uint64_t buffer) {
    std::fill_n(heads_[buffer].get(), kTxHeadBytes, uint8_t{0xdb});
    free_.push_back(static_cast<uint32_t>(buffer));
    require(free_.size() <= kHeads, "a head is given back once");
  }

  const DeviceCaps caps_;
  std::vector<std::unique_ptr<uint8_t[]>> heads_;
  std::vector<uint32_t> free_;
  std::vector<std::unique_ptr<uint8_t[]>> received_;
  std::vector<UnderWay> under_way_;
  std::deque<uint64_t> done_;
};

}  // namespace pollux::tcp
