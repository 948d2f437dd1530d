#include "dataplane/tcp/tables/syn_cookie.h"

#include <algorithm>

namespace pollux::tcp {

namespace {

// The bits of a timestamp that say the options.
constexpr uint32_t kScaleMask = 15;
constexpr uint32_t kSackBit = 1 << 4;
constexpr uint32_t kEcnBit = 1 << 5;
constexpr uint32_t kOptionsMask = 63;

uint32_t mss_code(uint16_t mss) {
  const auto above = std::upper_bound(SynCookies::kMss.begin(), SynCookies::kMss.end(), mss);
  return static_cast<uint32_t>(std::max<ptrdiff_t>(above - SynCookies::kMss.begin(), 1) - 1);
}

}  // namespace

Seq SynCookies::make(const Flow& flow, Seq peer_isn, uint16_t mss, Moment now) {
  last_made_ = now;
  const uint32_t period = period_of(now);
  const uint32_t code = (period_part(flow, peer_isn, period) + mss_code(mss)) & kCodeMask;
  return {flow_part(flow) + peer_isn.value + (period << kCodeBits) + code};
}

SynCookies::Check SynCookies::check(const Flow& flow, Seq peer_isn, Seq cookie,
                                    std::optional<uint32_t> echoed, Moment now) const {
  if (!last_made_ || now - *last_made_ >= kPeriodsGood * kPeriodNs) {
    return {Verdict::kNoneMade, {}};
  }
  const uint32_t said = cookie.value - flow_part(flow) - peer_isn.value;
  // Of the period a cookie says the low 8 bits.
  const uint32_t age = (period_of(now) - (said >> kCodeBits)) & 0xff;
  if (age >= kPeriodsGood) {
    return {Verdict::kTooOld, {}};
  }
  const uint32_t code = (said - period_part(flow, peer_isn, period_of(now) - age)) & kCodeMask;
  if (code >= kMss.size()) {
    return {Verdict::kForged, {}};
  }
  SynOptions options{.mss = kMss[code]};
  if (echoed) {
    options.timestamps = true;
    options.scale = *echoed & kScaleMask;
    options.sack = (*echoed & kSackBit) != 0;
    options.ecn = (*echoed & kEcnBit) != 0;
  }
  return {Verdict::kGood, options};
}

uint32_t SynCookies::timestamp_with(uint32_t timestamp, const SynOptions& options) {
  const uint32_t bits =
      (options.scale & kScaleMask) | (options.sack ? kSackBit : 0) | (options.ecn ? kEcnBit : 0);
  // Never ahead of the clock: timestamps of a connection must not go back afterwards.
  const uint32_t back = bits > (timestamp & kOptionsMask) ? kOptionsMask + 1 : 0;
  return ((timestamp & ~kOptionsMask) | bits) - back;
}

}  // namespace pollux::tcp
