// Sequence numbers of TCP: 32 bits that wrap. Which of two comes first is told by the shorter way
// round (RFC 9293 3.4), so it is true only of numbers that are less than 2^31 apart; windows are at
// most 2^30. There is no order over all of them: no sorting, no map keyed by them.
#pragma once

#include <cstdint>

namespace pollux::tcp {

struct Seq {
  uint32_t value = 0;
  friend bool operator==(const Seq&, const Seq&) = default;
};

constexpr Seq operator+(Seq seq, uint32_t bytes) { return {seq.value + bytes}; }
constexpr Seq operator-(Seq seq, uint32_t bytes) { return {seq.value - bytes}; }
constexpr Seq& operator+=(Seq& seq, uint32_t bytes) { return seq = seq + bytes; }
// How far `a` is behind `b`; negative if it is before it.
constexpr int32_t operator-(Seq a, Seq b) { return static_cast<int32_t>(a.value - b.value); }

constexpr bool operator<(Seq a, Seq b) { return a - b < 0; }
constexpr bool operator<=(Seq a, Seq b) { return a - b <= 0; }
constexpr bool operator>(Seq a, Seq b) { return a - b > 0; }
constexpr bool operator>=(Seq a, Seq b) { return a - b >= 0; }

constexpr Seq later(Seq a, Seq b) { return a < b ? b : a; }
constexpr Seq earlier(Seq a, Seq b) { return b < a ? b : a; }

// What stands in [begin, end).
struct SeqRange {
  Seq begin;
  Seq end;
  constexpr uint32_t bytes() const { return end.value - begin.value; }
  constexpr bool empty() const { return begin == end; }
  constexpr bool contains(Seq seq) const { return seq - begin >= 0 && seq - end < 0; }
  friend bool operator==(const SeqRange&, const SeqRange&) = default;
};

}  // namespace pollux::tcp
