// Time in a stack: nanoseconds of a clock that only goes forward. Where it begins is nobody's
// business. Durations are plain int64_t in nanoseconds, named _ns.
#pragma once

#include <compare>
#include <cstdint>

namespace pollux::tcp {

inline constexpr int64_t kMicrosecondNs = 1'000;
inline constexpr int64_t kMillisecondNs = 1'000'000;
inline constexpr int64_t kSecondNs = 1'000'000'000;

struct Moment {
  int64_t ns = 0;
  friend auto operator<=>(const Moment&, const Moment&) = default;
};

// Of a deadline that is not set.
inline constexpr Moment kNever{INT64_MAX};

constexpr Moment operator+(Moment moment, int64_t ns) { return {moment.ns + ns}; }
constexpr Moment operator-(Moment moment, int64_t ns) { return {moment.ns - ns}; }
constexpr int64_t operator-(Moment a, Moment b) { return a.ns - b.ns; }

}  // namespace pollux::tcp
