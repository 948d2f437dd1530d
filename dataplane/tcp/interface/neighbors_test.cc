// By the sections of RFC 4861 that they hold, unless another is named.
#include "dataplane/tcp/interface/neighbors.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <vector>

#include "dataplane/tcp/wire/ndp.h"

namespace pollux::tcp {
namespace {

constexpr IpAddress kHost = IpAddress::v4(0x0a000001);
constexpr MacAddress kMac = {{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kOtherMac = {{2, 0, 0, 0, 0, 2}};

IpAddress host(uint32_t number) {
  return IpAddress::v4(0x0a000000 + number);
}

struct NeighborsTest : testing::Test {
  std::vector<Solicitation> tick(Moment now) {
    std::array<Solicitation, 64> out;
    const size_t count = neighbors.tick(now, out);
    return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count)};
  }
  NeighborState state(const IpAddress& address, Moment now) {
    return neighbors.state(neighbors.find(address, now), now);
  }
  // An entry that a segment made.
  NeighborId stale(const IpAddress& address, Moment now) {
    neighbors.learn(address, kMac, now);
    return neighbors.find(address, now);
  }

  // host(1) to host(count), each sent to, and heard of, a nanosecond after the one before.
  std::vector<NeighborId> in_use(uint32_t count) {
    std::vector<NeighborId> known;
    for (uint32_t i = 0; i < count; ++i) {
      known.push_back(stale(host(i + 1), Moment{0}));
      neighbors.use(known.back(), Moment{i});
      neighbors.confirm(known.back(), Moment{i});
    }
    return known;
  }
  void expect_all_there(const std::vector<NeighborId>& known) {
    for (const NeighborId id : known) {
      EXPECT_NE(neighbors.use(id, Moment{1000}), nullptr);
    }
  }

  Neighbors neighbors{16, /*seed=*/1};
};

// ---- 7.2.2: address resolution ----

TEST_F(NeighborsTest, AsksTheGroupThreeTimesASecondApartThenGivesUp) {
  const NeighborId id = neighbors.find(kHost, Moment{5});
  EXPECT_EQ(neighbors.use(id, Moment{5}), nullptr);
  EXPECT_EQ(neighbors.next_deadline(), Moment{5});
  const std::vector<Solicitation> question = {{kHost, kBroadcast}};
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(tick(Moment{5 + i * kSecondNs}), question);
    EXPECT_EQ(neighbors.next_deadline(), Moment{5 + (i + 1) * kSecondNs});
    EXPECT_TRUE(tick(Moment{4 + (i + 1) * kSecondNs}).empty()) << "not before its time";
  }
  EXPECT_TRUE(tick(Moment{5 + 3 * kSecondNs}).empty());
  EXPECT_EQ(neighbors.state(id, Moment{5 + 3 * kSecondNs}), NeighborState::kNone);
  EXPECT_EQ(neighbors.given_up(), 1U);
  EXPECT_EQ(neighbors.next_deadline(), kNever);
  EXPECT_NE(neighbors.find(kHost, Moment{6 * kSecondNs}), id) << "begins anew";
  EXPECT_EQ(tick(Moment{6 * kSecondNs}), question);
}

TEST_F(NeighborsTest, WhatIsKnownIsToldWithoutAsking) {
  EXPECT_EQ(neighbors.known(kHost), nullptr);
  EXPECT_EQ(neighbors.size(), 0U);
  neighbors.find(kHost, Moment{0});
  EXPECT_EQ(neighbors.known(kHost), nullptr) << "only asked for";
  const NeighborId id = stale(host(2), Moment{0});
  ASSERT_NE(neighbors.known(host(2)), nullptr);
  EXPECT_EQ(*neighbors.known(host(2)), kMac);
  EXPECT_EQ(neighbors.state(id, Moment{0}), NeighborState::kStale) << "nothing follows from it";
}

TEST_F(NeighborsTest, AsksTheSolicitedNodesOfIpv6) {
  const IpAddress address = *IpAddress::parse("fe80::1:2:3");
  neighbors.find(address, Moment{0});
  const std::vector<Solicitation> question = {{address, multicast_mac(solicited_node(address))}};
  EXPECT_EQ(tick(Moment{0}), question);
  EXPECT_EQ(question[0].to, (MacAddress{{0x33, 0x33, 0xff, 2, 0, 3}}));
}

TEST_F(NeighborsTest, WithoutRoomTheRestIsAskedInTheNextTick) {
  for (uint32_t i = 1; i <= 3; ++i) {
    neighbors.find(host(i), Moment{0});
  }
  std::array<Solicitation, 2> out;
  EXPECT_EQ(neighbors.tick(Moment{0}, out), 2U);
  EXPECT_EQ(neighbors.next_deadline(), Moment{0});
  EXPECT_EQ(neighbors.tick(Moment{0}, out), 1U);
  EXPECT_EQ(out[0].target, host(3));
}

// ---- 7.2.5: advertisements ----

TEST_F(NeighborsTest, AnAnswerResolves) {
  const NeighborId id = neighbors.find(kHost, Moment{0});
  tick(Moment{0});
  EXPECT_TRUE(neighbors.on_advertisement({kHost, kMac, /*solicited=*/true, true}, Moment{1}));
  EXPECT_EQ(neighbors.state(id, Moment{1}), NeighborState::kReachable);
  ASSERT_NE(neighbors.use(id, Moment{1}), nullptr);
  EXPECT_EQ(*neighbors.use(id, Moment{1}), kMac);
  EXPECT_TRUE(tick(Moment{100 * kSecondNs}).empty()) << "nothing is sent, nothing is asked";
}

TEST_F(NeighborsTest, WhatNobodyAskedForResolvesButIsStale) {
  const NeighborId id = neighbors.find(kHost, Moment{0});
  EXPECT_TRUE(neighbors.on_advertisement({kHost, kMac, /*solicited=*/false, true}, Moment{1}));
  EXPECT_EQ(neighbors.state(id, Moment{1}), NeighborState::kStale);
}

TEST_F(NeighborsTest, AnAdvertisementOfAStrangerMakesNoEntry) {
  EXPECT_FALSE(neighbors.on_advertisement({kHost, kMac, true, true}, Moment{0}));
  EXPECT_EQ(neighbors.size(), 0U);
}

TEST_F(NeighborsTest, WithoutAnAddressItResolvesNothing) {
  const NeighborId id = neighbors.find(kHost, Moment{0});
  EXPECT_FALSE(neighbors.on_advertisement({kHost, std::nullopt, true, true}, Moment{0}));
  EXPECT_EQ(neighbors.state(id, Moment{0}), NeighborState::kIncomplete);
  neighbors.learn(kHost, kMac, Moment{0});
  neighbors.on_advertisement({kHost, std::nullopt, true, false}, Moment{0});
  EXPECT_EQ(neighbors.state(id, Moment{0}), NeighborState::kReachable);
  EXPECT_EQ(*neighbors.use(id, Moment{0}), kMac);
}

// All of the table: whether the address is another, O and S, from either state.
TEST_F(NeighborsTest, AnotherAddressCountsOnlyIfItOverrides) {
  for (const bool was_reachable : {false, true}) {
    for (const bool is_new : {false, true}) {
      for (const bool overrides : {false, true}) {
        for (const bool solicited : {false, true}) {
          Neighbors fresh(16, 1);
          fresh.learn(kHost, kMac, Moment{0});
          const NeighborId id = fresh.find(kHost, Moment{0});
          if (was_reachable) {
            fresh.confirm(id, Moment{0});
          }
          EXPECT_FALSE(fresh.on_advertisement(
              {kHost, is_new ? kOtherMac : kMac, solicited, overrides}, Moment{1}));
          const bool is_heard = !is_new || overrides;
          const NeighborState before =
              was_reachable ? NeighborState::kReachable : NeighborState::kStale;
          NeighborState expected = is_new ? NeighborState::kStale : before;
          if (is_heard && solicited) {
            expected = NeighborState::kReachable;
          }
          EXPECT_EQ(fresh.state(id, Moment{1}), expected)
              << was_reachable << is_new << overrides << solicited;
          EXPECT_EQ(*fresh.use(id, Moment{1}), is_new && overrides ? kOtherMac : kMac);
        }
      }
    }
  }
}

// ---- 7.2.3, RFC 826: requests ----

TEST_F(NeighborsTest, WhoAsksIsKnownButNotConfirmed) {
  EXPECT_FALSE(neighbors.on_solicited_by(kHost, kMac, Moment{0}));
  EXPECT_EQ(state(kHost, Moment{0}), NeighborState::kStale);
  neighbors.confirm(neighbors.find(kHost, Moment{0}), Moment{0});
  neighbors.on_solicited_by(kHost, kMac, Moment{1});
  EXPECT_EQ(state(kHost, Moment{1}), NeighborState::kReachable) << "the same address again";
  neighbors.on_solicited_by(kHost, kOtherMac, Moment{2});
  EXPECT_EQ(state(kHost, Moment{2}), NeighborState::kStale);
  EXPECT_EQ(*neighbors.use(neighbors.find(kHost, Moment{2}), Moment{2}), kOtherMac);
}

TEST_F(NeighborsTest, ARequestResolvesWhoWaits) {
  const NeighborId id = neighbors.find(kHost, Moment{0});
  EXPECT_TRUE(neighbors.on_solicited_by(kHost, kMac, Moment{0}));
  EXPECT_EQ(*neighbors.use(id, Moment{0}), kMac);
}

// RFC 1812 3.3.2.
TEST_F(NeighborsTest, AGroupIsNobodysAddress) {
  neighbors.find(kHost, Moment{0});
  EXPECT_FALSE(neighbors.on_advertisement({kHost, kBroadcast, true, true}, Moment{0}));
  EXPECT_FALSE(neighbors.on_solicited_by(kHost, kBroadcast, Moment{0}));
  EXPECT_FALSE(neighbors.learn(host(2), kBroadcast, Moment{0}));
  EXPECT_EQ(state(kHost, Moment{0}), NeighborState::kIncomplete);
  EXPECT_EQ(neighbors.size(), 1U);
}

// ---- segments ----

TEST_F(NeighborsTest, ASegmentMakesItsSenderKnownAtOnce) {
  EXPECT_FALSE(neighbors.learn(kHost, kMac, Moment{0}));
  EXPECT_EQ(state(kHost, Moment{0}), NeighborState::kStale);
  neighbors.find(host(2), Moment{0});
  EXPECT_TRUE(neighbors.learn(host(2), kOtherMac, Moment{0}));
}

TEST_F(NeighborsTest, ASegmentDoesNotChangeWhatIsKnown) {
  const NeighborId id = stale(kHost, Moment{0});
  EXPECT_FALSE(neighbors.learn(kHost, kOtherMac, Moment{1}));
  EXPECT_EQ(*neighbors.use(id, Moment{1}), kMac);
}

// Somebody forges, but who? All are asked, and who answers has it; until then it stays.
TEST_F(NeighborsTest, WhenSegmentsDisagreeAllAreAsked) {
  const NeighborId id = stale(kHost, Moment{0});
  neighbors.use(id, Moment{0});
  EXPECT_FALSE(neighbors.learn(kHost, kOtherMac, Moment{1}));
  EXPECT_EQ(*neighbors.use(id, Moment{1}), kMac);
  const std::vector<Solicitation> question = {{kHost, kBroadcast}};
  EXPECT_EQ(tick(Moment{1}), question);
  for (int i = 2; i < 100; ++i) {
    neighbors.learn(kHost, kOtherMac, Moment{i});
    EXPECT_TRUE(tick(Moment{i}).empty()) << "no more than once a second";
  }
  EXPECT_FALSE(neighbors.on_advertisement({kHost, kOtherMac, true, true}, Moment{100}));
  EXPECT_EQ(*neighbors.use(id, Moment{100}), kOtherMac);
  neighbors.learn(kHost, kMac, Moment{101});
  EXPECT_TRUE(tick(Moment{101}).empty()) << "what is confirmed is not in doubt";
  EXPECT_EQ(neighbors.state(id, Moment{101}), NeighborState::kReachable);
}

// ---- 7.3.3: unreachability ----

TEST_F(NeighborsTest, WhatIsUsedAndNotConfirmedIsProbedThenGivenUp) {
  const NeighborId id = stale(kHost, Moment{0});
  EXPECT_EQ(neighbors.next_deadline(), kNever);
  EXPECT_EQ(*neighbors.use(id, Moment{10}), kMac);
  EXPECT_EQ(neighbors.state(id, Moment{10}), NeighborState::kDelay);
  const int64_t probed = 10 + 5 * kSecondNs;
  EXPECT_EQ(neighbors.next_deadline(), Moment{probed});
  neighbors.use(id, Moment{kSecondNs});
  EXPECT_EQ(neighbors.next_deadline(), Moment{probed}) << "uses don't put it off";
  for (int64_t i = 0; i < 3; ++i) {
    const std::vector<Solicitation> question = {{kHost, kMac}};
    EXPECT_EQ(tick(Moment{probed + i * kSecondNs}), question);
    EXPECT_GT(neighbors.next_deadline(), Moment{probed + i * kSecondNs});
    EXPECT_EQ(neighbors.state(id, Moment{probed}), NeighborState::kProbe);
    EXPECT_EQ(*neighbors.use(id, Moment{probed}), kMac) << "meanwhile it is sent to";
  }
  EXPECT_TRUE(tick(Moment{probed + 3 * kSecondNs}).empty());
  EXPECT_EQ(neighbors.use(id, Moment{probed + 3 * kSecondNs}), nullptr);
}

TEST_F(NeighborsTest, AnAckOrAnAnswerEndsTheProbing) {
  for (const bool by_ack : {true, false}) {
    Neighbors fresh(16, 1);
    fresh.learn(kHost, kMac, Moment{0});
    const NeighborId id = fresh.find(kHost, Moment{0});
    fresh.use(id, Moment{0});
    std::array<Solicitation, 4> out;
    ASSERT_EQ(fresh.tick(Moment{5 * kSecondNs}, out), 1U);
    if (by_ack) {
      fresh.confirm(id, Moment{5 * kSecondNs});
    } else {
      fresh.on_advertisement({kHost, kMac, true, false}, Moment{5 * kSecondNs});
    }
    EXPECT_EQ(fresh.state(id, Moment{5 * kSecondNs}), NeighborState::kReachable);
    EXPECT_EQ(fresh.tick(Moment{60 * kSecondNs}, out), 0U);
    EXPECT_EQ(fresh.next_deadline(), kNever);
  }
}

// 6.3.2: times differ, within half and one and a half of 30 s.
TEST_F(NeighborsTest, ReachableEndsByChanceWithinItsBounds) {
  std::map<int64_t, int> ends;
  const NeighborId id = stale(kHost, Moment{0});
  int64_t last = 0;  // when it was confirmed
  for (int i = 0; i < 50; ++i) {
    neighbors.confirm(id, Moment{last * kSecondNs});
    int64_t second = last;
    while (neighbors.state(id, Moment{second * kSecondNs}) == NeighborState::kReachable) {
      ++second;
    }
    ++ends[second - last];
    last = second;
  }
  EXPECT_GE(ends.begin()->first, 15);
  EXPECT_LE(ends.rbegin()->first, 45);
  EXPECT_GT(ends.size(), 10U);
  neighbors.use(id, Moment{last * kSecondNs});
  EXPECT_EQ(neighbors.state(id, Moment{last * kSecondNs}), NeighborState::kDelay);
}

// Each ACK confirms: one that would change nothing below the bounds changes nothing.
TEST_F(NeighborsTest, ConfirmedAgainItLastsHalfItsTimeAtLeast) {
  const NeighborId id = stale(kHost, Moment{0});
  for (int64_t second = 0; second < 300; ++second) {
    neighbors.confirm(id, Moment{second * kSecondNs});
    const Moment later{(second + 15) * kSecondNs - 1};
    ASSERT_EQ(neighbors.state(id, later), NeighborState::kReachable) << second;
  }
}

TEST_F(NeighborsTest, ConfirmingWhatIsNotKnownDoesNothing) {
  const NeighborId id = neighbors.find(kHost, Moment{0});
  neighbors.confirm(id, Moment{0});
  EXPECT_EQ(neighbors.use(id, Moment{0}), nullptr);
  neighbors.confirm({}, Moment{0});
  neighbors.confirm({.index = 0, .generation = 7}, Moment{0});
}

// ---- bounds ----

// RFC 6583 6.
TEST_F(NeighborsTest, AScanDisplacesNobody) {
  std::vector<NeighborId> known = in_use(6);
  for (uint32_t i = 7; i <= 12; ++i) {
    known.push_back(stale(host(i), Moment{0}));  // not used yet
  }
  for (uint32_t i = 100; i < 1000; ++i) {
    neighbors.find(host(i), Moment{i});
  }
  EXPECT_EQ(neighbors.size(), 16U);
  EXPECT_EQ(tick(Moment{1000}).size(), 4U);
  expect_all_there(known);
}

TEST_F(NeighborsTest, StrangersWhoAskDisplaceWhoWasNeverUsed) {
  const std::vector<NeighborId> known = in_use(15);
  for (uint32_t i = 100; i < 1000; ++i) {
    neighbors.on_solicited_by(host(i), kOtherMac, Moment{i});
  }
  EXPECT_EQ(neighbors.size(), 16U);
  expect_all_there(known);
}

// A flood of forged SYNs: each gets its SYN-ACK, and is heard of no more.
TEST_F(NeighborsTest, WhoWasOnlySentToDisplacesNobodyWhoWasHeardOf) {
  const std::vector<NeighborId> known = in_use(12);
  for (uint32_t i = 100; i < 1000; ++i) {
    neighbors.learn(host(i), kOtherMac, Moment{1000});
    EXPECT_NE(neighbors.use(neighbors.find(host(i), Moment{1000}), Moment{i}), nullptr);
  }
  EXPECT_EQ(neighbors.size(), 16U);
  expect_all_there(known);
}

// He says that he was asked (RFC 4861 7.2.5), but nobody did.
TEST_F(NeighborsTest, AnswersToNoQuestionDisplaceNobodyWhoWasHeardOf) {
  const std::vector<NeighborId> known = in_use(12);
  for (uint32_t i = 100; i < 1000; ++i) {
    neighbors.on_solicited_by(host(i), kOtherMac, Moment{1000});
    neighbors.on_advertisement({host(i), kOtherMac, /*solicited=*/true, true}, Moment{1000});
    EXPECT_EQ(state(host(i), Moment{1000}), NeighborState::kReachable);
  }
  expect_all_there(known);
}

TEST_F(NeighborsTest, WhoAnswersWhenAskedWasHeardOf) {
  Neighbors small(4, 1);
  small.find(host(1), Moment{0});
  std::array<Solicitation, 4> out;
  ASSERT_EQ(small.tick(Moment{0}, out), 1U);
  small.on_advertisement({host(1), kMac, /*solicited=*/true, true}, Moment{1});
  for (uint32_t i = 100; i < 200; ++i) {
    small.on_solicited_by(host(i), kOtherMac, Moment{i});
  }
  EXPECT_NE(small.use(small.find(host(1), Moment{200}), Moment{200}), nullptr);
}

TEST_F(NeighborsTest, WhoHasAnotherLinkAddressHasToBeHeardOfAgain) {
  const std::vector<NeighborId> known = in_use(16);
  neighbors.on_advertisement({host(9), kOtherMac, /*solicited=*/false, true}, Moment{100});
  neighbors.learn(host(100), kMac, Moment{101});
  EXPECT_EQ(neighbors.use(known[8], Moment{101}), nullptr);
}

// Quadratic they would take minutes.
TEST(NeighborsFloodTest, StrangersCostAsMuchInALargeTable) {
  constexpr uint32_t kMany = 50'000;
  Neighbors large(kMany, 1);
  for (uint32_t i = 0; i < 4 * kMany; ++i) {
    large.on_solicited_by(host(i), kMac, Moment{i});
    large.use(large.find(host(i), Moment{i}), Moment{i});
  }
  EXPECT_EQ(large.size(), kMany);
  EXPECT_EQ(large.evicted(), 3 * kMany);
}

TEST(NeighborsFloodTest, SoDoDeadlines) {
  constexpr uint32_t kMany = 100'000;
  Neighbors large(kMany, 1);
  for (uint32_t i = 0; i < kMany; ++i) {
    large.learn(host(i), kMac, Moment{i});
    large.use(large.find(host(i), Moment{i}), Moment{i});
  }
  std::array<Solicitation, 1> out;
  for (uint32_t i = 0; i < kMany; ++i) {
    const Moment due{i + 5 * kSecondNs};
    ASSERT_EQ(large.next_deadline(), due);
    ASSERT_EQ(large.tick(due, out), 1U);
  }
}

TEST_F(NeighborsTest, OfThoseInUseTheLongestUnusedGoes) {
  const std::vector<NeighborId> known = in_use(16);
  neighbors.use(known[0], Moment{100});
  neighbors.learn(host(100), kMac, Moment{101});
  EXPECT_EQ(neighbors.evicted(), 1U);
  EXPECT_NE(neighbors.use(known[0], Moment{101}), nullptr);
  EXPECT_EQ(neighbors.use(known[1], Moment{101}), nullptr);
  EXPECT_EQ(neighbors.state(neighbors.find(host(100), Moment{101}), Moment{101}),
            NeighborState::kStale);
}

TEST_F(NeighborsTest, AnOldNameDoesNotReachANewTenant) {
  Neighbors small(4, 1);
  small.learn(host(1), kMac, Moment{0});
  const NeighborId old = small.find(host(1), Moment{0});
  for (uint32_t i = 2; i <= 6; ++i) {
    small.learn(host(i), kOtherMac, Moment{i});
  }
  EXPECT_EQ(small.use(old, Moment{7}), nullptr);
  EXPECT_EQ(small.size(), 4U);
}

}  // namespace
}  // namespace pollux::tcp
