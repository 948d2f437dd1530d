// For tests of what stands over a device: one that is filled by hand, and segments for it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "dataplane/tcp/interface/device.h"
#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/ethernet.h"
#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/tcp_header.h"

namespace pollux::tcp {

using ByteVector = std::vector<uint8_t>;

inline const IpAddress kUs = IpAddress::v4(0x0a000001);
inline const IpAddress kPeer = IpAddress::v4(0x0a000002);
inline const MacAddress kOurMac{{2, 0, 0, 0, 0, 1}};
inline const MacAddress kPeerMac{{2, 0, 0, 0, 0, 2}};

// What is put into it comes; what was not released is known.
class Queue final : public Device {
 public:
  void add(ByteVector frame, std::optional<uint32_t> hash = {}) {
    waiting_.push_back({std::move(frame), hash});
  }
  size_t out() const { return out_.size(); }
  std::vector<ByteVector> sent;
  size_t room = 100;

  const DeviceCaps& caps() const override { return caps_; }
  size_t receive(std::span<RxFrame> frames) override {
    size_t count = 0;
    for (; count < frames.size() && !waiting_.empty(); ++count) {
      auto [bytes, hash] = std::move(waiting_.front());
      waiting_.pop_front();
      const uint64_t name = next_++;
      ByteVector& kept = out_[name] = std::move(bytes);
      frames[count] = {.bytes = kept.data(),
                       .size = static_cast<uint32_t>(kept.size()),
                       .hashed = hash.has_value(),
                       .hash = hash.value_or(0),
                       .buffer = name};
    }
    return count;
  }
  void release(std::span<const RxFrame> frames) override {
    for (const RxFrame& frame : frames) {
      EXPECT_EQ(out_.erase(frame.buffer), 1U);
    }
  }
  size_t allocate(std::span<TxHead> heads, TxUse /*use*/) override {
    for (TxHead& head : heads) {
      heads_.push_back(std::make_unique<uint8_t[]>(kTxHeadBytes));
      head = {.bytes = heads_.back().get(), .room = kTxHeadBytes, .buffer = heads_.size()};
    }
    heads_out_ += heads.size();
    return heads.size();
  }
  void drop(std::span<const TxHead> heads) override { heads_out_ -= heads.size(); }
  size_t send(std::span<const TxFrame> frames) override {
    const size_t count = std::min(frames.size(), room);
    for (const TxFrame& frame : frames.first(count)) {
      sent.emplace_back(frame.head.bytes, frame.head.bytes + frame.head_bytes);
    }
    heads_out_ -= count;
    return count;
  }
  size_t heads_out() const { return heads_out_; }
  size_t reap(std::span<uint64_t> /*tokens*/, bool /*eager*/) override { return 0; }

 private:
  struct Waiting {
    ByteVector bytes;
    std::optional<uint32_t> hash;
  };
  const DeviceCaps caps_{.mac = kOurMac};
  std::deque<Waiting> waiting_;
  std::map<uint64_t, ByteVector> out_;
  uint64_t next_ = 1'000'000;
  std::vector<std::unique_ptr<uint8_t[]>> heads_;
  size_t heads_out_ = 0;
};

inline Flow flow_of(uint16_t port) {
  return {.local = kUs, .remote = kPeer, .local_port = 6379, .remote_port = port};
}

inline ByteVector segment(const Flow& flow) {
  ByteVector frame(200);
  const Room room(frame);
  size_t at =
      write_ethernet(room, {.destination = kOurMac, .source = kPeerMac, .type = EtherType::kIpv4});
  at += write_ipv4(
      room.subspan(at),
      {.source = flow.remote, .destination = flow.local, .protocol = IpProtocol::kTcp, .ttl = 64},
      kTcpBytes);
  at += write_tcp(
      room.subspan(at),
      {.source_port = flow.remote_port, .destination_port = flow.local_port, .flags = kAck}, {});
  frame.resize(at);
  return frame;
}

}  // namespace pollux::tcp
