// The options of a TCP header: MSS, window scale (RFC 7323 2), SACK (RFC 2018), timestamps (RFC
// 7323 3).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/tcp/wire/bytes.h"
#include "dataplane/tcp/wire/seq.h"
#include "src/base/assert.h"

namespace pollux::tcp {

inline constexpr size_t kTcpOptionsBytesMax = 40;  // the data offset has 4 bits
inline constexpr size_t kSackBlocksMax = 4;        // what fits into them
inline constexpr uint8_t kWindowScaleMax = 14;

struct Timestamps {
  uint32_t value = 0;  // TSval: the sender's clock
  uint32_t echo = 0;   // TSecr: what the other one said last; without ACK it means nothing
  friend bool operator==(const Timestamps&, const Timestamps&) = default;
};

struct TcpOptions {
  // These three mean something only in a segment with SYN; elsewhere they must be ignored (RFC 9293
  // 3.2, RFC 7323 2.2, RFC 2018 2), which is for the reader of the segment to do.
  std::optional<uint16_t> mss;          // bytes, as it is told: any value
  std::optional<uint8_t> window_scale;  // at most kWindowScaleMax
  bool sack_permitted = false;

  bool malformed = false;  // of what was read; not written
  uint8_t sack_count = 0;
  std::optional<Timestamps> timestamps;
  std::array<SeqRange, kSackBlocksMax> sack{};  // as they came: whether they can be is not known

  std::span<const SeqRange> sack_blocks() const { return {sack.data(), sack_count}; }
  friend bool operator==(const TcpOptions&, const TcpOptions&) = default;
};

// What all segments but SYN have that report no gap: NOP NOP timestamps (RFC 7323 appendix A).
inline constexpr uint32_t kTimestampsHead = 0x0101080a;
inline constexpr size_t kTimestampsWords = 3;

// Any list of options, by the way that holds for all.
TcpOptions parse_tcp_option_list(Bytes options);
size_t write_tcp_option_list(Room out, const TcpOptions& options);

// Total. Unknown options are stepped over; of one that comes twice the last counts; a window scale
// over 14 is 14 (RFC 7323 2.3). One of a length that is not its own is stepped over and makes the
// list malformed; a length of 0 or 1, or one beyond the end, makes it malformed and ends it. What
// was good until then stays: a segment is not worse for an option that nobody can read. (RFC 9293
// 3.1, MUST-7, suggests a reset; then a middlebox that garbles an option would end connections.)
inline TcpOptions parse_tcp_options(Bytes options) {
  if (options.size() == kTimestampsWords * 4 && load32(options.data()) == kTimestampsHead)
      [[likely]] {
    TcpOptions out;
    out.timestamps = {load32(options.data() + 4), load32(options.data() + 8)};
    return out;
  }
  return options.empty() ? TcpOptions{} : parse_tcp_option_list(options);
}

// What write_tcp_options writes: a multiple of 4, at most kTcpOptionsBytesMax.
size_t tcp_options_bytes(const TcpOptions& options);

// Writes the options in the layout that everybody expects, each at a multiple of 4:
//
//   MSS | SACK permitted, timestamps | NOP, window scale | NOP, NOP, SACK
//
// with NOPs in place of the half of a pair that is not there. Of SACK blocks as many are written as
// fit, from the first on (RFC 2018 4 wants the newest there): 4, or 3 beside timestamps. `out` must
// have tcp_options_bytes(options); returns that.
inline size_t write_tcp_options(Room out, const TcpOptions& options) {
  const bool is_more = options.mss || options.window_scale || options.sack_permitted ||
                       options.sack_count != 0 || !options.timestamps;
  if (is_more) {
    return write_tcp_option_list(out, options);
  }
  POLLUX_ASSERT(out.size() >= kTimestampsWords * 4);
  store32(out.data(), kTimestampsHead);
  store32(out.data() + 4, options.timestamps->value);
  store32(out.data() + 8, options.timestamps->echo);
  return kTimestampsWords * 4;
}

}  // namespace pollux::tcp
