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

SynCookies::SynCookies(SipKey flow_key, SipKey period_key)
    : flow_key_(flow_key), period_key_(period_key) {
  awaited_until_.fill(Moment{INT64_MIN});
}

Seq SynCookies::make(const Flow& flow, Seq peer_isn, uint16_t mss, Moment now) {
  const uint64_t hash = flow_hash_of(flow);
  last_made_ = now;
  awaited_until_[mark_of(hash)] = now + kAckAwaitedNs;
  const uint32_t period = period_of(now);
  const auto h = static_cast<uint32_t>(id_of(flow, peer_isn, period));
  const uint32_t code = (h + mss_code(mss)) & kCodeMask;
  return {static_cast<uint32_t>(hash) + peer_isn.value + (period << kCodeBits) + code};
}

SynCookies::Check SynCookies::check(const Flow& flow, Seq peer_isn, Seq cookie,
                                    std::optional<uint32_t> echoed, Moment now) const {
  if (!last_made_ || now - *last_made_ >= kPeriodsGood * kPeriodNs) {
    return {.verdict = Verdict::kNoneMade};
  }
  const uint32_t said = cookie.value - static_cast<uint32_t>(flow_hash_of(flow)) - peer_isn.value;
  // Of the period a cookie says the low 8 bits.
  const uint32_t age = (period_of(now) - (said >> kCodeBits)) & 0xff;
  if (age >= kPeriodsGood) {
    return {.verdict = Verdict::kTooOld};
  }
  const uint64_t id = id_of(flow, peer_isn, period_of(now) - age);
  const uint32_t code = (said - static_cast<uint32_t>(id)) & kCodeMask;
  if (code >= kMss.size()) {
    return {};
  }
  if (spent_.has(id)) {
    return {.verdict = Verdict::kSpent};
  }
  SynOptions options{.mss = kMss[code]};
  if (echoed) {
    options.timestamps = true;
    options.scale = *echoed & kScaleMask;
    options.sack = (*echoed & kSackBit) != 0;
    options.ecn = (*echoed & kEcnBit) != 0;
  }
  return {Verdict::kGood, options, id};
}

uint32_t SynCookies::timestamp_with(uint32_t timestamp, const SynOptions& options) {
  const uint32_t bits =
      (options.scale & kScaleMask) | (options.sack ? kSackBit : 0) | (options.ecn ? kEcnBit : 0);
  // Never ahead of the clock: timestamps of a connection must not go back afterwards.
  const uint32_t back = bits > (timestamp & kOptionsMask) ? kOptionsMask + 1 : 0;
  return ((timestamp & ~kOptionsMask) | bits) - back;
}

}  // namespace pollux::tcp
