// SYN cookies (RFC 4987 3.6): while SYNs come faster than entries for them last, the sequence
// number of the SYN-ACK says all that an entry would, and the ACK brings it back.
//
//   cookie = F(flow) + ISN of the peer + period * 2^24
//            + (H(flow, ISN of the peer, period) + MSS code) mod 2^24
//
// A period is 2^36 ns, 68.7 s, in which the clock of ordinary ISNs (isn.h) goes on by 2^24 too. So
// cookies of a flow grow from period to period, but for what H takes back; they are good for the
// period they were made in and the next one. H takes the ISN, too, which RFC 4987 leaves out: else
// each segment of the connection passes that has acknowledged as many bytes as were sent before it,
// and one that comes behind a RST would open a connection in the middle of the stream. The MSS is
// one of 8, 3 bits. Of the 2^32 numbers that somebody may guess who saw no cookie of this flow, 16
// are good (2^-28); and none is unless some cookie was made within two periods. Whoever asks limits
// how many may be tried (AddressLimiter::kCookieGuesses).
//
// A cookie opens one connection (spent_cookies.h).
//
// With timestamps the low 6 bits of the SYN-ACK's TSval carry the other options; without them there
// is no place, and the connection goes without. Belongs to one core; only cores with the same keys
// take each other's cookies.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dataplane/tcp/tables/siphash.h"
#include "dataplane/tcp/tables/spent_cookies.h"
#include "dataplane/tcp/tables/syn_options.h"
#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/moment.h"
#include "dataplane/tcp/wire/seq.h"

namespace pollux::tcp {

class SynCookies {
 public:
  static constexpr unsigned kPeriodShift = 36;
  static constexpr int64_t kPeriodNs = int64_t{1} << kPeriodShift;
  // What is kept of an MSS: the greatest of these that is not above it. Below the first there is
  // none; a peer who offers less gets it all the same (the floor against tiny segments).
  static constexpr std::array<uint16_t, 8> kMss = {88, 536, 1220, 1380, 1440, 1460, 4312, 8940};

  enum class Verdict {
    kGood,
    kNoneMade,  // none was made for as long as it could be good
    kTooOld,    // its period is neither this nor the last one; or it is none
    kForged,    // it is none of this flow and this ISN of the peer
    kSpent,     // it was good, and has opened a connection
  };
  struct Check {
    Verdict verdict = Verdict::kForged;
    SynOptions options;  // if it is good
    uint64_t id = 0;     // likewise, for spend()
  };

  // Two keys: what is common to all cookies of a flow must not help with the rest.
  SynCookies(SipKey flow_key, SipKey period_key);

  // The sequence number of the SYN-ACK. `mss` is the peer's.
  Seq make(const Flow& flow, Seq peer_isn, uint16_t mss, Moment now);

  // Of an ACK that belongs to no connection: its SEG.ACK - 1 and SEG.SEQ - 1, and the timestamp
  // that it echoes (TSecr), if it has one.
  Check check(const Flow& flow, Seq peer_isn, Seq cookie, std::optional<uint32_t> echoed,
              Moment now) const;
  // A connection was opened by the cookie of this Check::id.
  void spend(uint64_t id) { spent_.add(id); }

  // Whether a cookie was made for this flow (or one that shares its mark, in 4096) so lately that
  // the ACK of its SYN-ACK may still be lost: for four retransmissions of what begins there, after
  // 1, 2, 4 and 8 s.
  bool awaits_ack(const Flow& flow, Moment now) const {
    return now < awaited_until_[mark_of(flow_hash_of(flow))];
  }
  static constexpr int64_t kAckAwaitedNs = 16 * kSecondNs;

  // TSval of a SYN-ACK with a cookie: at most 63 ticks before `timestamp`, the true one.
  static uint32_t timestamp_with(uint32_t timestamp, const SynOptions& options);

 private:
  static constexpr unsigned kCodeBits = 24;
  static constexpr uint32_t kCodeMask = (1U << kCodeBits) - 1;
  static constexpr uint32_t kPeriodsGood = 2;

  static uint32_t period_of(Moment now) { return static_cast<uint32_t>(now.ns >> kPeriodShift); }
  static constexpr unsigned kMarkBits = 12;

  // F is the lower half; the mark stands in the upper one.
  uint64_t flow_hash_of(const Flow& flow) const { return flow_secret(flow_key_, flow); }
  static size_t mark_of(uint64_t hash) { return hash >> (64 - kMarkBits); }
  // H is its low bits. One of all cookies that answer this SYN in this period.
  uint64_t id_of(const Flow& flow, Seq peer_isn, uint32_t period) const {
    return flow_secret(period_key_, flow, uint64_t{period} << 32 | peer_isn.value);
  }

  const SipKey flow_key_;
  const SipKey period_key_;
  std::optional<Moment> last_made_;
  SpentCookies spent_;
  std::array<Moment, size_t{1} << kMarkBits> awaited_until_;
};

}  // namespace pollux::tcp
