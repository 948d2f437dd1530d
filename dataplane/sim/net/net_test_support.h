// For tests of the network: TCP segments as frames, written out byte by byte so that they don't
// depend on any stack, and a link alone with something at its end.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "dataplane/sim/net/echo_host.h"
#include "dataplane/sim/net/event_queue.h"
#include "dataplane/sim/net/frame.h"
#include "dataplane/sim/net/link.h"
#include "dataplane/sim/net/trace.h"

namespace pollux::tcp {

// Of TCP; a namespace, so that a test may include the stack, which has its own.
namespace flag {
inline constexpr uint8_t kFin = 0x01;
inline constexpr uint8_t kSyn = 0x02;
inline constexpr uint8_t kRst = 0x04;
inline constexpr uint8_t kPsh = 0x08;
inline constexpr uint8_t kAck = 0x10;
}  // namespace flag

struct SegmentOf {
  bool v6 = false;
  bool vlan = false;
  uint8_t flags = flag::kAck;
  uint32_t seq = 1000;
  uint32_t ack = 2000;
  uint16_t window = 512;
  uint16_t from_port = 4000;
  uint16_t to_port = 6379;
  uint8_t ecn = 0;
  std::string_view payload;
};

inline void put16(Frame& frame, uint32_t value) {
  frame.push_back(static_cast<uint8_t>(value >> 8));
  frame.push_back(static_cast<uint8_t>(value));
}

inline void put32(Frame& frame, uint32_t value) {
  put16(frame, value >> 16);
  put16(frame, value & 0xffff);
}

// Of 16-bit words, complemented; 0 over a header whose checksum is right (RFC 1071).
inline uint16_t internet_checksum(FrameView bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? bytes[i] << 8U : bytes[i];
  }
  while (sum >> 16 != 0) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(~sum);
}

// From mac_of(1), 10.0.0.1 or fd00::1, to mac_of(2), 10.0.0.2 or fd00::2. TCP's checksum is 0.
inline Frame segment(const SegmentOf& of) {
  Frame frame = plain_frame(mac_of(1), mac_of(2), 14);
  frame.resize(12);
  if (of.vlan) {
    put32(frame, 0x81000007);
  }
  put16(frame, of.v6 ? 0x86dd : 0x0800);
  const size_t ip = frame.size();
  const auto tcp_bytes = static_cast<uint32_t>(20 + of.payload.size());
  if (of.v6) {
    put32(frame, 6U << 28 | static_cast<uint32_t>(of.ecn) << 20);
    put32(frame, tcp_bytes << 16 | 6U << 8 | 64);
    for (const uint32_t host : {1U, 2U}) {
      put32(frame, 0xfd000000);
      put32(frame, 0);
      put32(frame, 0);
      put32(frame, host);
    }
  } else {
    put16(frame, 0x4500U | of.ecn);
    put16(frame, 20 + tcp_bytes);
    put32(frame, 0x12344000);
    put32(frame, 64U << 24 | 6U << 16);
    put32(frame, 0x0a000001);
    put32(frame, 0x0a000002);
    const uint16_t checksum = internet_checksum(FrameView(frame).subspan(ip, 20));
    frame[ip + 10] = static_cast<uint8_t>(checksum >> 8);
    frame[ip + 11] = static_cast<uint8_t>(checksum);
  }
  put16(frame, of.from_port);
  put16(frame, of.to_port);
  put32(frame, of.seq);
  put32(frame, of.ack);
  put16(frame, 0x5000U | of.flags);
  put16(frame, of.window);
  put32(frame, 0);
  frame.insert(frame.end(), of.payload.begin(), of.payload.end());
  return frame;
}

// Keeps what comes.
struct Collector final : FrameSink {
  struct Got {
    Moment at;
    Frame frame;
    uint32_t port;
  };
  explicit Collector(EventQueue& queue) : events(queue) {}
  void arrive(Frame frame, uint32_t port) override {
    got.push_back({events.now(), std::move(frame), port});
  }

  EventQueue& events;
  std::vector<Got> got;
};

// A link alone.
struct OneLink {
  explicit OneLink(const LinkConfig& config = {}, uint64_t seed = 1, LinkFaults faults = {})
      : link(events, trace, /*id=*/0, seed, config, "a > b"), end(events) {
    link.set_sink(end, 0);
    link.set_faults(std::move(faults));
  }
  // Frames that tell their number (from 1), one every `gap_ns`, and all that follows.
  void send_numbered(uint64_t frames, int64_t gap_ns, size_t bytes = 100) {
    for (uint64_t i = 1; i <= frames; ++i) {
      events.run_until(Moment{static_cast<int64_t>(i - 1) * gap_ns});
      link.send(plain_frame(mac_of(1), mac_of(2), bytes, i));
    }
    events.run_until_idle();
  }
  uint64_t count(NetEvent event) const { return link.count(event); }

  EventQueue events;
  Trace trace;
  Link link;
  Collector end;
};

// The number that plain_frame wrote; 0 if it is too short for one.
inline uint64_t number_of(FrameView frame) {
  uint64_t number = 0;
  for (size_t i = 14; frame.size() >= 22 && i < 22; ++i) {
    number = number << 8 | frame[i];
  }
  return number;
}

inline std::vector<uint64_t> numbers_of(const std::vector<Collector::Got>& got) {
  std::vector<uint64_t> numbers;
  for (const Collector::Got& one : got) {
    numbers.push_back(number_of(one.frame));
  }
  return numbers;
}

}  // namespace pollux::tcp
