#include "dataplane/sim/net/forge.h"

#include <algorithm>
#include <array>

#include "dataplane/sim/net/frame_peek.h"
#include "dataplane/tcp/wire/checksum.h"

namespace pollux::tcp {

namespace {

constexpr uint8_t kFinBit = 0x01;
constexpr uint8_t kSynBit = 0x02;
constexpr uint8_t kRstBit = 0x04;
constexpr uint8_t kPshBit = 0x08;
constexpr uint8_t kAckBit = 0x10;
constexpr uint8_t kUrgBit = 0x20;
constexpr uint8_t kEceBit = 0x40;
constexpr uint8_t kCwrBit = 0x80;
constexpr uint8_t kTimestamps = 8;
constexpr uint8_t kSack = 5;
constexpr uint32_t kFar = 1U << 30;  // wider than any window, and not half of the numbers
// Reserved bits, which receivers pass over (RFC 9293 3.1): a lie about a lie, on the next link,
// could be the truth.
constexpr uint8_t kForgedBits = 0x0e;
constexpr size_t kHeaderMax = 60;
constexpr uint8_t kGarbage = 0xdb;

// The segment without its payload, to be changed.
class Forgery {
 public:
  Forgery(FrameView frame, const TcpPeek& segment)
      : ip_at_(segment.ip.offset), tcp_at_(segment.ip.payload_offset) {
    const size_t header = size_t{frame[tcp_at_ + 12]} / 16 * 4;
    frame_.assign(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(tcp_at_ + header));
    set_flags(kAckBit);
    tcp()[12] |= kForgedBits;
  }

  void set_flags(uint8_t flags) { tcp()[13] = flags; }
  void move_seq(uint32_t by) { put32(tcp() + 4, get32(tcp() + 4) + by); }
  void move_ack(uint32_t by) { put32(tcp() + 8, get32(tcp() + 8) + by); }
  void set_window(uint16_t window) { put16(tcp() + 14, window); }
  void set_urgent(uint16_t pointer) { put16(tcp() + 18, pointer); }
  void add_payload(size_t bytes, uint8_t fill) { frame_.insert(frame_.end(), bytes, fill); }
  // False: it has none.
  bool move_timestamp(uint32_t by) {
    const size_t end = header_bytes();
    for (size_t at = 20; at < end && tcp()[at] != 0;) {
      if (tcp()[at] == kTimestamps && at + 10 <= end) {
        put32(tcp() + at + 2, get32(tcp() + at + 2) + by);
        return true;
      }
      at += tcp()[at] == 1 ? 1 : std::max<size_t>(at + 1 < end ? tcp()[at + 1] : 1, 2);
    }
    return false;
  }
  // Of [ack + from, ack + from + bytes). False: there is no room.
  bool add_sack(uint32_t from, uint32_t bytes) {
    const size_t before = header_bytes();
    if (before + 12 > kHeaderMax) {
      return false;
    }
    std::array<uint8_t, 12> option{1, 1, kSack, 10};
    put32(option.data() + 4, get32(tcp() + 8) + from);
    put32(option.data() + 8, get32(tcp() + 8) + from + bytes);
    frame_.insert(frame_.begin() + static_cast<ptrdiff_t>(tcp_at_ + before), option.begin(),
                  option.end());
    tcp()[12] = static_cast<uint8_t>((before + option.size()) / 4 << 4 | (tcp()[12] & 15));
    return true;
  }

  // With lengths and checksums that are right.
  Frame finish(const IpPeek& ip) {
    const size_t segment = frame_.size() - tcp_at_;
    uint8_t* const header = frame_.data() + ip_at_;
    if (header[0] >> 4 == 6) {
      put16(header + 4, static_cast<uint16_t>(frame_.size() - ip_at_ - 40));
    } else {
      put16(header + 2, static_cast<uint16_t>(frame_.size() - ip_at_));
      put16(header + 10, 0);
      put16(header + 10, checksum({header, tcp_at_ - ip_at_}));
    }
    put16(tcp() + 16, 0);
    Checksum sum = pseudo_header(ip.from, ip.to, ip.protocol, static_cast<uint32_t>(segment));
    sum.add({tcp(), segment});
    put16(tcp() + 16, sum.value());
    frame_.resize(std::max(frame_.size(), kFrameBytesMin));
    return std::move(frame_);
  }

 private:
  uint8_t* tcp() { return frame_.data() + tcp_at_; }
  size_t header_bytes() { return size_t{tcp()[12]} / 16 * 4; }
  static uint32_t get32(const uint8_t* at) {
    return static_cast<uint32_t>(at[0]) << 24 | static_cast<uint32_t>(at[1]) << 16 |
           static_cast<uint32_t>(at[2]) << 8 | at[3];
  }
  static void put16(uint8_t* at, uint16_t value) {
    at[0] = static_cast<uint8_t>(value >> 8);
    at[1] = static_cast<uint8_t>(value);
  }
  static void put32(uint8_t* at, uint32_t value) {
    put16(at, static_cast<uint16_t>(value >> 16));
    put16(at + 2, static_cast<uint16_t>(value));
  }

  const size_t ip_at_;
  const size_t tcp_at_;
  Frame frame_;
};

bool tell(Lie lie, uint32_t how, Forgery& forgery) {
  switch (lie) {
    case Lie::kAckOfTheFuture:
      forgery.move_ack(kFar + how);
      return true;
    case Lie::kAckOfThePast:
      forgery.move_ack(0U - 1 - how % 100'000);
      return true;
    case Lie::kResetElsewhere:
      forgery.set_flags(how % 2 == 0 ? kRstBit : kRstBit | kAckBit);
      forgery.move_seq(how % 3 == 0 ? 0U - kFar : kFar);
      return true;
    case Lie::kSynInBetween:
      forgery.set_flags(how % 2 == 0 ? kSynBit : kSynBit | kAckBit);
      forgery.move_seq(how);
      return true;
    case Lie::kDataElsewhere:
      forgery.set_flags(how % 2 == 0 ? kAckBit | kPshBit : kAckBit | kFinBit);
      forgery.move_seq(how % 3 == 0 ? 0U - kFar : kFar);
      forgery.add_payload(1 + how % 500, kGarbage);
      return true;
    case Lie::kDataOfThePast:
      // What stands before, which may have been lost. (In the segment's own place it could be the
      // first one behind a cookie, and nobody there knows any earlier timestamp.)
      forgery.move_seq(0U - 1 - how % 500);
      forgery.add_payload(1 + how % 500, kGarbage);
      return forgery.move_timestamp(0U - kFar);
    case Lie::kWindowShut:
      forgery.set_window(0);
      return true;
    case Lie::kSackOfTheFuture:
      return forgery.add_sack(kFar, 1 + how % 5'000);
    case Lie::kSackOfThePast:
      return forgery.add_sack(0U - 6'000, 1 + how % 5'000);
    case Lie::kCongestion:
      forgery.set_flags(how % 2 == 0 ? kAckBit | kEceBit : kAckBit | kEceBit | kCwrBit);
      return true;
    case Lie::kUrgent:
      forgery.set_flags(kAckBit | kUrgBit);
      forgery.set_urgent(static_cast<uint16_t>(how));
      return true;
    case Lie::kCount:
      break;
  }
  return false;
}

}  // namespace

std::optional<Frame> forge(FrameView frame, uint64_t draw) {
  const std::optional<TcpPeek> segment = peek_tcp(frame);
  if (!segment || segment->syn || segment->rst || !segment->has_ack) {
    return std::nullopt;
  }
  const uint8_t offset = frame[segment->ip.payload_offset + 12];
  const size_t header = size_t{offset} / 16 * 4;
  if ((offset & kForgedBits) != 0 || header < 20 || segment->ip.payload_bytes < header) {
    return std::nullopt;
  }
  // What was changed on its way must not become right by the checksums that are made here.
  const IpPeek& ip = segment->ip;
  Checksum sum = pseudo_header(ip.from, ip.to, ip.protocol, ip.payload_bytes);
  sum.add(frame.subspan(ip.payload_offset, ip.payload_bytes));
  if (!sum.verifies()) {
    return std::nullopt;
  }
  Forgery forgery(frame, *segment);
  const auto lie = static_cast<Lie>(draw % static_cast<uint64_t>(Lie::kCount));
  const auto how = static_cast<uint32_t>(draw / static_cast<uint64_t>(Lie::kCount) % (1U << 20));
  return tell(lie, how, forgery) ? std::optional(forgery.finish(segment->ip)) : std::nullopt;
}

}  // namespace pollux::tcp
