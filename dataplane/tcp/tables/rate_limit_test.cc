#include "dataplane/tcp/tables/rate_limit.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace pollux::tcp {
namespace {

constexpr SipKey kKey{7, 8};
constexpr RateLimit kTenInFiveSeconds{500 * kMillisecondNs, 10};

TEST(JitterTest, IsUniformAroundTheMean) {
  Jitter jitter(kKey);
  int64_t sum = 0;
  int64_t least = INT64_MAX;
  int64_t most = 0;
  for (int i = 0; i < 100'000; ++i) {
    const int64_t ns = jitter.around(1'000'000);
    sum += ns;
    least = std::min(least, ns);
    most = std::max(most, ns);
  }
  EXPECT_NEAR(static_cast<double>(sum) / 100'000, 1'000'000, 5'000);
  EXPECT_GE(least, 500'000);
  EXPECT_LT(least, 502'000);
  EXPECT_LT(most, 1'500'000);
  EXPECT_GT(most, 1'498'000);
}

// RFC 5961 7: about 10 at once, and in the long run 2 a second.
TEST(RateLimitTest, BurstThenRate) {
  for (const int64_t start : {INT64_MIN / 2, int64_t{0}, INT64_MAX / 2}) {
    ConnectionLimiter limiter(kKey, kTenInFiveSeconds);
    TokenBucket connection;
    Moment now{start};
    int at_once = 0;
    while (limiter.allow(connection, now)) {
      ++at_once;
    }
    EXPECT_GE(at_once, 7);
    EXPECT_LE(at_once, 14);
    int later = 0;
    for (int ms = 0; ms < 500'000; ++ms) {
      now = now + kMillisecondNs;
      later += limiter.allow(connection, now);
    }
    EXPECT_NEAR(later, 1000, 50);
  }
}

// CVE-2016-5696: the number of answers in a time must not be foreseeable.
TEST(RateLimitTest, CountsAreNotAlwaysTheSame) {
  std::set<int> counts;
  for (uint64_t key = 0; key < 100; ++key) {
    ConnectionLimiter limiter({key, key}, kTenInFiveSeconds);
    TokenBucket connection;
    int count = 0;
    while (limiter.allow(connection, Moment{0})) {
      ++count;
    }
    counts.insert(count);
  }
  EXPECT_GE(counts.size(), 3U);
}

// The side channel: whether another connection was answered makes no difference for mine.
TEST(RateLimitTest, OneConnectionLearnsNothingOfAnother) {
  const auto count_mine = [](int others) {
    ConnectionLimiter limiter(kKey, kTenInFiveSeconds);
    TokenBucket mine;
    TokenBucket foreign;
    int count = 0;
    for (int ms = 0; ms < 100'000; ++ms) {
      const Moment now{ms * kMillisecondNs};
      if (ms < others) {
        limiter.allow(foreign, now);
      }
      count += limiter.allow(mine, now);
    }
    return count;
  };
  EXPECT_NEAR(count_mine(0), count_mine(100'000), 25);
}

TEST(RateLimitTest, OutOfWindowAcksAreApart) {
  ConnectionLimiter limiter(kKey, ConnectionLimiter::kOutOfWindowAcks);
  TokenBucket connection;
  Moment last{-kSecondNs};
  int count = 0;
  for (int ms = 0; ms < 100'000; ++ms) {
    const Moment now{ms * kMillisecondNs};
    if (limiter.allow(connection, now)) {
      EXPECT_GE(now - last, 250 * kMillisecondNs);
      last = now;
      ++count;
    }
  }
  EXPECT_NEAR(count, 200, 20);
}

// The side channel again, by many connections of one's own at one moment: with a limit of the core
// they would be ten fewer where ten answers had gone to somebody else. It is noisy, so the means of
// many trials are compared.
TEST(RateLimitTest, ThousandConnectionsLearnNothingOfAnother) {
  const auto mean_of_mine = [](int others) {
    constexpr int kTrials = 200;
    int count = 0;
    for (uint64_t trial = 0; trial < kTrials; ++trial) {
      ConnectionLimiter limiter({trial, 1}, ConnectionLimiter::kChallengeAcks);
      TokenBucket foreign;
      for (int i = 0; i < others; ++i) {
        limiter.allow(foreign, Moment{0});
      }
      std::vector<TokenBucket> mine(200);
      for (TokenBucket& one : mine) {
        for (int i = 0; i < 20; ++i) {
          count += limiter.allow(one, Moment{0});
        }
      }
    }
    return static_cast<double>(count) / kTrials;
  };
  EXPECT_GT(mean_of_mine(0), 1'500);  // 2000 but for the jitter
  EXPECT_NEAR(mean_of_mine(0), mean_of_mine(10), 5);
}

// Else who asks from a few addresses learns whether others were answered (CVE-2020-25705).
TEST(RateLimitTest, ThousandAddressesTakeNothingFromAnother) {
  for (const RateLimit& limit : {AddressLimiter::kResets, AddressLimiter::kIcmp}) {
    AddressLimiter limiter(kKey, limit);
    for (uint32_t i = 0; i < 1000; ++i) {
      while (limiter.allow(IpAddress::v4(0x0a000000 + i), Moment{0})) {
      }
    }
    int answered = 0;
    for (uint32_t i = 0; i < 100; ++i) {
      answered += limiter.allow(IpAddress::v4(0xc0000000 + i), Moment{0});
    }
    EXPECT_GE(answered, 20) << "but for those who share a bucket";
  }
}

TEST(RateLimitTest, AddressesHaveBucketsOfTheirOwn) {
  AddressLimiter limiter(kKey, {kSecondNs, 1});
  int allowed = 0;
  for (uint32_t i = 0; i < 100; ++i) {
    allowed += limiter.allow(IpAddress::v4(0x0a000000 + i), Moment{0});
  }
  EXPECT_GE(allowed, 85);  // some share a bucket
  EXPECT_FALSE(limiter.allow(IpAddress::v4(0x0a000000), Moment{0}));
}

TEST(RateLimitTest, WhatIsCountedBehindItIsCountedAlike) {
  AddressLimiter limiter(kKey, {kSecondNs, 1});
  const IpAddress remote = IpAddress::v4(0x0a000000);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(limiter.may(remote, Moment{0}));
  }
  limiter.count(remote, Moment{0});
  EXPECT_FALSE(limiter.may(remote, Moment{0}));
  EXPECT_FALSE(limiter.allow(remote, Moment{0}));
  EXPECT_TRUE(limiter.may(remote, Moment{2 * kSecondNs}));
}

TEST(RateLimitTest, AnIPv6HostHasAllOfItsSlash64) {
  AddressLimiter limiter(kKey, {kSecondNs, 1});
  IpAddress address = *IpAddress::parse("2001:db8::1");
  EXPECT_TRUE(limiter.allow(address, Moment{0}));
  address.bytes[15] = 2;
  EXPECT_FALSE(limiter.allow(address, Moment{0}));
  address.bytes[7] = 1;
  EXPECT_TRUE(limiter.allow(address, Moment{0}));
}

}  // namespace
}  // namespace pollux::tcp
