// The id of a stream's entry: a time in milliseconds and a number within it, 128 bits that only
// grow along a stream. Its texts, as clients write them, and its neighbours.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pollux {

struct StreamId {
  uint64_t ms = 0;
  uint64_t seq = 0;

  friend constexpr bool operator==(const StreamId&, const StreamId&) = default;
  friend constexpr bool operator<(const StreamId& a, const StreamId& b) {
    return a.number() < b.number();
  }
  friend constexpr bool operator>(const StreamId& a, const StreamId& b) { return b < a; }
  friend constexpr bool operator<=(const StreamId& a, const StreamId& b) { return !(b < a); }
  friend constexpr bool operator>=(const StreamId& a, const StreamId& b) { return !(a < b); }

 private:
  constexpr unsigned __int128 number() const {
    return static_cast<unsigned __int128>(ms) << 64 | seq;
  }
};

inline constexpr StreamId kStreamIdMin{0, 0};
inline constexpr StreamId kStreamIdMax{UINT64_MAX, UINT64_MAX};

// The id behind `id`, and the one before it; none at the ends.
std::optional<StreamId> next_stream_id(StreamId id);
std::optional<StreamId> previous_stream_id(StreamId id);

// "ms-seq". `out` holds kStreamIdTextMax bytes; returns the length.
inline constexpr size_t kStreamIdTextMax = 41;
size_t format_stream_id(StreamId id, char* out);

// "ms-seq" or "ms", whose seq is `missing_seq`. Up to the first NUL and of at most 127 bytes; both
// numbers in any spelling that redis-server takes (strtoull's: blanks before it, a sign, zeros).
std::optional<StreamId> parse_stream_id(std::string_view text, uint64_t missing_seq);
// Also "-" and "+", the smallest and the largest id.
std::optional<StreamId> parse_stream_bound(std::string_view text, uint64_t missing_seq);

// What XADD takes: an id, or only its time ("ms-*").
struct StreamIdPattern {
  StreamId id;
  bool any_seq = false;
};
std::optional<StreamIdPattern> parse_stream_id_pattern(std::string_view text);

}  // namespace pollux
