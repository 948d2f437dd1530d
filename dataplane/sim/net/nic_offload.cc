#include "dataplane/sim/net/nic_offload.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "dataplane/sim/net/frame_peek.h"
#include "src/base/assert.h"

namespace pollux::tcp {
namespace {

constexpr uint8_t kFinAndPsh = 0x09;
constexpr uint8_t kCwr = 0x80;

uint32_t word(FrameView bytes, size_t at) {
  return static_cast<uint32_t>(bytes[at] << 8 | bytes[at + 1]);
}

void put_word(Frame& frame, size_t at, uint32_t value) {
  frame[at] = static_cast<uint8_t>(value >> 8);
  frame[at + 1] = static_cast<uint8_t>(value);
}

// Of words of 16 bits as they are read; at most 64 KiB.
uint32_t sum_of(FrameView bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    sum += word(bytes, i);
  }
  return bytes.size() % 2 == 0 ? sum : sum + (bytes.back() << 8U);
}

uint32_t folded(uint64_t sum) {
  while (sum >> 16 != 0) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint32_t>(sum);
}

bool is_v4(FrameView frame, const IpPeek& ip) {
  return frame[ip.offset] >> 4 == 4;
}

void finish_checksums(Frame& frame, const IpPeek& ip, bool cut) {
  const uint32_t tcp_bytes = static_cast<uint32_t>(frame.size()) - ip.payload_offset;
  const uint64_t length = cut ? tcp_bytes : 0;
  const uint32_t sum = folded(length + sum_of(FrameView(frame).subspan(ip.payload_offset)));
  put_word(frame, ip.payload_offset + 16, ~sum);
  if (is_v4(frame, ip)) {
    put_word(frame, ip.offset + 10, 0);
    const FrameView header = FrameView(frame).subspan(ip.offset, ip.payload_offset - ip.offset);
    put_word(frame, ip.offset + 10, ~folded(sum_of(header)));
  }
}

// The payload from `at` on, behind headers that fit it.
Frame segment_at(FrameView frame, const IpPeek& ip, uint32_t headers, uint32_t at, uint32_t bytes,
                 uint32_t number) {
  Frame segment(frame.begin(), frame.begin() + headers);
  segment.insert(segment.end(), frame.begin() + headers + at, frame.begin() + headers + at + bytes);
  if (is_v4(frame, ip)) {
    put_word(segment, ip.offset + 2, static_cast<uint32_t>(segment.size()) - ip.offset);
    put_word(segment, ip.offset + 4, word(frame, ip.offset + 4) + number);
  } else {
    put_word(segment, ip.offset + 4, static_cast<uint32_t>(segment.size()) - ip.payload_offset);
  }
  const size_t tcp = ip.payload_offset;
  const uint32_t seq = (word(frame, tcp + 4) << 16 | word(frame, tcp + 6)) + at;
  put_word(segment, tcp + 4, seq >> 16);
  put_word(segment, tcp + 6, seq);
  if (at != 0) {
    segment[tcp + 13] &= static_cast<uint8_t>(~kCwr);
  }
  if (headers + at + bytes != frame.size()) {
    segment[tcp + 13] &= static_cast<uint8_t>(~kFinAndPsh);
  }
  return segment;
}

}  // namespace

uint32_t tcp_header_end(FrameView frame) {
  const std::optional<TcpPeek> tcp = peek_tcp(frame);
  if (!tcp) {
    return 0;
  }
  return tcp->ip.payload_offset + (frame[tcp->ip.payload_offset + 12] >> 4) * 4U;
}

std::vector<Frame> finished_by_nic(Frame frame, const TxOffload& offload) {
  POLLUX_ASSERT(offload.checksums || offload.segment_bytes == 0);
  std::vector<Frame> out;
  const std::optional<IpPeek> ip = peek_ip(frame);
  const uint32_t headers = offload.checksums ? tcp_header_end(frame) : 0;
  if (headers == 0) {
    out.push_back(std::move(frame));
    return out;
  }
  if (offload.segment_bytes == 0) {
    finish_checksums(frame, *ip, false);
    out.push_back(std::move(frame));
    return out;
  }
  const uint32_t payload = static_cast<uint32_t>(frame.size()) - headers;
  for (uint32_t at = 0; at < payload; at += offload.segment_bytes) {
    const uint32_t bytes = std::min(offload.segment_bytes, payload - at);
    out.push_back(segment_at(frame, *ip, headers, at, bytes, static_cast<uint32_t>(out.size())));
    finish_checksums(out.back(), *ip, true);
  }
  return out;
}

bool checksums_are_right(FrameView frame) {
  const std::optional<TcpPeek> tcp = peek_tcp(frame);
  if (!tcp) {
    return false;
  }
  const IpPeek& ip = tcp->ip;
  const bool v4 = is_v4(frame, ip);
  if (v4 && folded(sum_of(frame.subspan(ip.offset, ip.payload_offset - ip.offset))) != 0xffff) {
    return false;
  }
  const FrameView addresses =
      v4 ? frame.subspan(ip.offset + 12, 8) : frame.subspan(ip.offset + 8, 32);
  const uint64_t sum = uint64_t{sum_of(addresses)} + ip.protocol + ip.payload_bytes +
                       sum_of(frame.subspan(ip.payload_offset, ip.payload_bytes));
  return folded(sum) == 0xffff;
}

}  // namespace pollux::tcp
