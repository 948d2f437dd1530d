// What the targets that play a peer of TCP share: an input read as numbers, what such a peer has
// seen of us, and segments that are nearly what it would send next.
//
// A stream's bytes are functions of their sequence numbers, ours and the peer's each of its own. So
// whoever sees a byte, in a segment or in what the application gets, knows whether it is the right
// one, whatever the peer has sent twice, cut differently or left out.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "dataplane/tcp/wire/moment.h"
#include "dataplane/tcp/wire/seq.h"
#include "dataplane/tcp/wire/tcp_header.h"
#include "dataplane/tcp/wire/tcp_options.h"

namespace pollux::tcp {

inline void require(bool condition, const char* what) {
  if (!condition) {
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
  }
}

inline uint8_t our_byte(Seq seq) {
  return static_cast<uint8_t>(seq.value * 2654435761U >> 24);
}
inline uint8_t their_byte(Seq seq) {
  return static_cast<uint8_t>(seq.value * 2246822519U >> 24);
}

// Numbers from the front; 0 where it has ended.
class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}
  bool is_over() const { return at_ == end_; }
  uint8_t u8() { return is_over() ? 0 : *at_++; }
  uint16_t u16() { return static_cast<uint16_t>(u8() << 8 | u8()); }
  uint32_t u32() { return uint32_t{u16()} << 16 | u16(); }
  uint8_t below(uint8_t count) { return static_cast<uint8_t>(u8() % count); }
  bool coin() { return (u8() & 1) != 0; }
  // Mostly near 0, of either sign.
  uint32_t offset() {
    const uint8_t scale = below(8);
    const auto steps = static_cast<uint32_t>(static_cast<int8_t>(u8()));
    switch (scale) {
      case 5:
        return steps * 1'000;
      case 6:
        return steps << 16;
      case 7:
        return u32();
      default:
        return steps;
    }
  }
  // Up to about `max`, small ones more often.
  uint32_t count(uint32_t max) {
    const uint8_t kind = u8();
    const uint32_t value = kind < 128 ? kind : (kind - 127U) * (max / 128);
    return std::min(value, max);
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

// What a peer would send next, by what it has sent and what it has seen of us.
struct PeerView {
  Seq isn{static_cast<uint32_t>(-400)};
  Seq nxt{isn};
  bool timestamps = false;  // its SYN had them
  uint8_t scale = 0;        // of its windows
  Seq isn_of_us{};
  Seq una_of_us{};    // acknowledged
  Seq nxt_of_us{};    // seen
  Seq acked_by_us{};  // the last ACK
  uint32_t window_of_us = 0;
  uint32_t timestamp_of_us = 0;

  // A segment of ours: what it occupies ends at `end`.
  void saw(const TcpHeader& header, const TcpOptions& options, Seq end) {
    if (header.has(kSyn)) {
      isn_of_us = una_of_us = header.seq;
      nxt_of_us = end;
    }
    if (!header.has(kRst)) {
      nxt_of_us = later(nxt_of_us, end);
      window_of_us = header.window;
      if (header.has(kAck)) {
        acked_by_us = header.ack;
      }
    }
    timestamp_of_us = options.timestamps ? options.timestamps->value : timestamp_of_us;
  }
};

struct PeerSegment {
  TcpHeader header;  // without ports
  TcpOptions options;
  std::vector<uint8_t> raw_options;  // instead of these, if there are any
  std::vector<uint8_t> payload;
  bool ce = false;
  uint32_t length() const {
    return static_cast<uint32_t>(payload.size()) + (header.has(kSyn) ? 1 : 0) +
           (header.has(kFin) ? 1 : 0);
  }
};

inline Seq drawn_seq(FuzzInput& in, const PeerView& peer, bool of_us) {
  const uint8_t base = in.below(4);
  const uint32_t offset = in.offset();
  if (of_us) {
    const Seq bases[] = {peer.nxt_of_us, peer.una_of_us, peer.isn_of_us, Seq{}};
    return bases[base] + offset;
  }
  const Seq bases[] = {peer.nxt, peer.acked_by_us, peer.acked_by_us + peer.window_of_us, peer.isn};
  return bases[base] + offset;
}

// One thing about it becomes another.
inline void change(FuzzInput& in, const PeerView& peer, PeerSegment& segment, uint32_t& bytes) {
  TcpHeader& header = segment.header;
  TcpOptions& options = segment.options;
  switch (in.below(10)) {
    case 0:
      header.seq = drawn_seq(in, peer, false);
      break;
    case 1:
      header.ack = drawn_seq(in, peer, true);
      break;
    case 2: {
      const uint16_t windows[] = {0, 1, 100, 535, 1'000, 4'000, UINT16_MAX, in.u16()};
      header.window = windows[in.below(8)];
      break;
    }
    case 3:
      if (options.sack_count < kSackBlocksMax) {
        const Seq begin = drawn_seq(in, peer, true);
        options.sack[options.sack_count++] = {begin, begin + in.offset()};
      }
      break;
    case 4:
      if (in.coin() && options.timestamps) {
        options.timestamps.reset();
      } else {
        options.timestamps = {options.timestamps.value_or(Timestamps{}).value + in.offset(),
                              peer.timestamp_of_us + in.offset()};
      }
      break;
    case 5:
      header.flags ^= in.u8();
      break;
    case 6:
      options.mss = in.coin() ? in.u8() : in.u16();
      options.window_scale = static_cast<uint8_t>(in.u8() % 15);
      break;
    case 7:
      bytes = in.count(3'000);
      break;
    case 8:
      segment.raw_options.resize(in.below(kTcpOptionsBytesMax / 4 + 1) * 4U);
      std::ranges::generate(segment.raw_options, [&] { return in.u8(); });
      break;
    case 9:
      segment.ce = true;
      header.urgent = in.u8();
      break;
  }
}

// The next segment of the peer's, in its place unless it is changed.
inline PeerSegment draw_segment(FuzzInput& in, PeerView& peer, Moment now) {
  enum Shape : uint8_t { kPureAck, kData, kEnd, kOpen, kOpenAck, kReset, kEarly, kAgain };
  const uint8_t kind = in.u8();
  const auto shape = static_cast<Shape>(kind & 7);
  const uint8_t detail = kind >> 3 & 7;
  PeerSegment segment;
  TcpHeader& header = segment.header;
  header = {.seq = peer.nxt, .ack = peer.nxt_of_us, .flags = kAck, .window = 60'000};
  constexpr uint32_t kSizes[] = {1, 10, 100, 536, 1'000, 1'448, 1'460, 3'000};
  uint32_t bytes = 0;
  switch (shape) {
    case kPureAck:
      break;
    case kData:
      bytes = kSizes[detail];
      header.flags |= detail < 4 ? kPsh : 0;
      break;
    case kEnd:
      header.flags |= kFin;
      bytes = detail < 6 ? 0 : detail;
      break;
    case kOpen:
    case kOpenAck:
      header.flags = shape == kOpen ? kSyn : kSyn | kAck;
      header.seq = peer.isn;
      header.ack = shape == kOpen ? Seq{} : header.ack;
      segment.options.mss = 1'460;
      segment.options.sack_permitted = (detail & 1) != 0;
      if ((detail & 2) != 0) {
        segment.options.window_scale = 7;
      }
      if ((detail & 4) != 0) {
        segment.options.timestamps = Timestamps{};
      }
      header.flags |= in.below(4) == 0 ? kEce | kCwr : 0;
      break;
    case kReset:
      header.flags |= kRst;
      break;
    case kEarly:
      bytes = kSizes[detail];
      header.seq += 1 + in.count(5'000);
      break;
    case kAgain:
      bytes = kSizes[detail];
      header.seq = header.seq - (1 + in.count(2'000));
      break;
  }
  if (segment.options.timestamps || (peer.timestamps && !header.has(kSyn))) {
    segment.options.timestamps = {static_cast<uint32_t>(now.ns / kMillisecondNs) - 2'000,
                                  peer.timestamp_of_us};
  }
  for (int changes = kind >> 6; changes > 0; --changes) {
    change(in, peer, segment, bytes);
  }
  const Seq first = header.seq + (header.has(kSyn) ? 1 : 0);
  for (uint32_t i = 0; i < bytes; ++i) {
    segment.payload.push_back(their_byte(first + i));
  }
  // What it believes itself.
  if (header.has(kSyn)) {
    peer.isn = header.seq;
    peer.nxt = header.seq + 1;
    peer.timestamps = segment.options.timestamps.has_value();
  } else if (!header.has(kRst) && header.seq <= peer.nxt) {
    peer.nxt = later(peer.nxt, header.seq + segment.length());
  }
  if (header.has(kAck) && header.ack <= peer.nxt_of_us) {
    peer.una_of_us = later(peer.una_of_us, header.ack);
  }
  return segment;
}

}  // namespace pollux::tcp
