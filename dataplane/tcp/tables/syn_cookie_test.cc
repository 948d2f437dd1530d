#include "dataplane/tcp/tables/syn_cookie.h"

#include <gtest/gtest.h>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

using Verdict = SynCookies::Verdict;

constexpr Flow kFlow{IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), 6379, 40'000};
constexpr Seq kPeerIsn{0xfffffffe};
constexpr Moment kStart{1000 * SynCookies::kPeriodNs};

SynCookies cookies() {
  return SynCookies({1, 2}, {3, 4});
}

TEST(SynCookieTest, NoneIsGoodBeforeOneWasMade) {
  SynCookies cookies({1, 2}, {3, 4});
  SynCookies others({1, 2}, {3, 4});
  const Seq cookie = others.make(kFlow, kPeerIsn, 1460, kStart);
  EXPECT_EQ(cookies.check(kFlow, kPeerIsn, cookie, {}, kStart).verdict, Verdict::kNoneMade);
  EXPECT_EQ(others.check(kFlow, kPeerIsn, cookie, {}, kStart).verdict, Verdict::kGood);
}

TEST(SynCookieTest, TheMssIsTheNextLowerOfEight) {
  SynCookies made = cookies();
  for (const auto& [mss, kept] : {std::pair{0, 88},
                                  {88, 88},
                                  {535, 88},
                                  {536, 536},
                                  {1219, 536},
                                  {1460, 1460},
                                  {1461, 1460},
                                  {8960, 8940},
                                  {65'535, 8940}}) {
    const Seq cookie = made.make(kFlow, kPeerIsn, static_cast<uint16_t>(mss), kStart);
    const SynCookies::Check check = made.check(kFlow, kPeerIsn, cookie, {}, kStart);
    ASSERT_EQ(check.verdict, Verdict::kGood);
    EXPECT_EQ(check.options, SynOptions{.mss = static_cast<uint16_t>(kept)});
  }
}

TEST(SynCookieTest, GoodInItsPeriodAndTheNextOne) {
  constexpr int64_t kPeriod = SynCookies::kPeriodNs;
  for (const int64_t into : {int64_t{0}, kPeriod / 2, kPeriod - 1}) {
    SynCookies made = cookies();
    const Moment now = kStart + into;
    const Seq cookie = made.make(kFlow, kPeerIsn, 1460, now);
    const auto verdict = [&](Moment at) {
      made.make(kFlow, Seq{1}, 1460, at);  // cookies are in use
      return made.check(kFlow, kPeerIsn, cookie, {}, at).verdict;
    };
    EXPECT_EQ(verdict(kStart + kPeriod - 1), Verdict::kGood);
    EXPECT_EQ(verdict(kStart + kPeriod), Verdict::kGood);
    EXPECT_EQ(verdict(kStart + 2 * kPeriod - 1), Verdict::kGood);
    EXPECT_EQ(verdict(kStart + 2 * kPeriod), Verdict::kTooOld);
    EXPECT_EQ(verdict(kStart + 255 * kPeriod), Verdict::kTooOld);
    EXPECT_EQ(verdict(kStart - 1), Verdict::kTooOld);  // not yet made then
  }
  SynCookies made = cookies();
  const Seq cookie = made.make(kFlow, kPeerIsn, 1460, kStart);
  EXPECT_EQ(made.check(kFlow, kPeerIsn, cookie, {}, kStart + 2 * kPeriod).verdict,
            Verdict::kNoneMade);
}

// The 8 bits of the period wrap every 4.9 hours: the hash does not.
TEST(SynCookieTest, AnAgedCookieIsForgedWhenItsPeriodWraps) {
  SynCookies made = cookies();
  const Seq cookie = made.make(kFlow, kPeerIsn, 1460, kStart);
  const Moment later = kStart + 256 * SynCookies::kPeriodNs;
  made.make(kFlow, kPeerIsn, 1460, later);
  EXPECT_EQ(made.check(kFlow, kPeerIsn, cookie, {}, later).verdict, Verdict::kForged);
}

TEST(SynCookieTest, OfOneFlowOneIsnAndOneSecret) {
  SynCookies made = cookies();
  const Seq cookie = made.make(kFlow, kPeerIsn, 1460, kStart);
  Flow other = kFlow;
  other.remote_port ^= 1;
  EXPECT_NE(made.check(other, kPeerIsn, cookie, {}, kStart).verdict, Verdict::kGood);
  EXPECT_NE(made.check(kFlow, kPeerIsn + 8, cookie, {}, kStart).verdict, Verdict::kGood);
  EXPECT_NE(made.check(kFlow, kPeerIsn, cookie + 8, {}, kStart).verdict, Verdict::kGood);
  SynCookies foreign({1, 2}, {3, 5});
  foreign.make(kFlow, kPeerIsn, 1460, kStart);
  EXPECT_NE(foreign.check(kFlow, kPeerIsn, cookie, {}, kStart).verdict, Verdict::kGood);
}

// A segment of the connection that the cookie has made, when it has gone on as far both ways: not
// the ACK of a handshake.
TEST(SynCookieTest, NoSegmentOfLaterIsTakenForTheHandshake) {
  SynCookies made = cookies();
  const Seq cookie = made.make(kFlow, kPeerIsn, 1460, kStart);
  int good = 0;
  for (uint32_t bytes = 1; bytes < 100'000; ++bytes) {
    good +=
        made.check(kFlow, kPeerIsn + bytes, cookie + bytes, {}, kStart).verdict == Verdict::kGood;
  }
  EXPECT_LE(good, 2);  // by chance 0.05
}

// Once: for as long as it is good, whatever was spent meanwhile at a rate that is foreseen.
TEST(SynCookieTest, OpensOneConnection) {
  SynCookies made = cookies();
  const Seq cookie = made.make(kFlow, kPeerIsn, 1460, kStart);
  const SynCookies::Check check = made.check(kFlow, kPeerIsn, cookie, {}, kStart);
  ASSERT_EQ(check.verdict, Verdict::kGood);
  EXPECT_EQ(made.check(kFlow, kPeerIsn, cookie, {}, kStart).verdict, Verdict::kGood)
      << "it is spent by the connection, not by the question";
  made.spend(check.id);
  for (int64_t at = 0; at < 2 * SynCookies::kPeriodNs; at += kSecondNs) {
    const Moment now = kStart + at;
    const Seq isn{static_cast<uint32_t>(at / kSecondNs)};
    const Seq other = made.make(kFlow, isn, 1460, now);  // cookies are in use
    ASSERT_EQ(made.check(kFlow, kPeerIsn, cookie, {}, now).verdict, Verdict::kSpent);
    const SynCookies::Check next = made.check(kFlow, isn, other, {}, now);
    ASSERT_EQ(next.verdict, Verdict::kGood) << "of another SYN of the flow";
    made.spend(next.id);
  }
}

// RFC 4987 3.6: "the ISNs grow": from period to period.
TEST(SynCookieTest, Grow) {
  SynCookies made = cookies();
  for (int64_t period = 0; period < 600; ++period) {
    const Moment now = kStart + period * SynCookies::kPeriodNs;
    const Seq cookie = made.make(kFlow, kPeerIsn, 1460, now);
    EXPECT_GT(made.make(kFlow, kPeerIsn, 1460, now + SynCookies::kPeriodNs), cookie);
  }
}

// One for each MSS: whoever guesses has these 8 numbers, of each of two periods, among 2^32.
TEST(SynCookieTest, EightNumbersOfAPeriodAreGood) {
  SynCookies made = cookies();
  const Seq first = made.make(kFlow, kPeerIsn, 0, kStart);
  int good = 0;
  for (uint32_t ahead = 0; ahead < 100'000; ++ahead) {
    const Seq guess = first - 50'000 + ahead;
    const bool passes = made.check(kFlow, kPeerIsn, guess, {}, kStart).verdict == Verdict::kGood;
    ASSERT_TRUE(!passes || (guess - first >= 0 && guess - first < 8));
    good += passes;
  }
  EXPECT_EQ(good, 8);
}

// Of one flow, not of all: or any two SYNs would speak for everybody.
TEST(SynCookieTest, AnAckIsAwaitedOfWhomItWasMadeFor) {
  SynCookies made = cookies();
  EXPECT_FALSE(made.awaits_ack(kFlow, kStart));
  made.make(kFlow, kPeerIsn, 1460, kStart);
  EXPECT_TRUE(made.awaits_ack(kFlow, kStart));
  EXPECT_TRUE(made.awaits_ack(kFlow, kStart + SynCookies::kAckAwaitedNs - 1));
  EXPECT_FALSE(made.awaits_ack(kFlow, kStart + SynCookies::kAckAwaitedNs));
  int others = 0;
  Flow other = kFlow;
  for (uint16_t port = 1; port <= 20'000; ++port) {
    other.remote_port = port;
    others += made.awaits_ack(other, kStart);
  }
  EXPECT_LE(others, 20);  // 5 share its mark, on average
}

TEST(SynCookieTest, TimestampsCarryTheOptions) {
  Rng rng(4);
  SynCookies made = cookies();
  for (int i = 0; i < 10'000; ++i) {
    const SynOptions options{.mss = 1460,
                             .scale = static_cast<uint8_t>(rng.below(16)),
                             .sack = rng.below(2) == 1,
                             .timestamps = true,
                             .ecn = rng.below(2) == 1};
    const auto timestamp = static_cast<uint32_t>(i < 100 ? i : rng.next());
    const uint32_t sent = SynCookies::timestamp_with(timestamp, options);
    ASSERT_LT(timestamp - sent, 64U);  // never ahead of the clock, modulo 2^32
    const Seq cookie = made.make(kFlow, kPeerIsn, 1460, kStart);
    const SynCookies::Check check = made.check(kFlow, kPeerIsn, cookie, sent, kStart);
    ASSERT_EQ(check.verdict, Verdict::kGood);
    ASSERT_EQ(check.options, options);
  }
}

}  // namespace
}  // namespace pollux::tcp
