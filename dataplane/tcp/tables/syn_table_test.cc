#include "dataplane/tcp/tables/syn_table.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

constexpr SipKey kKey{5, 6};
constexpr int64_t kTick = CoarseClock::kTickNs;

Flow flow_of(uint32_t number) {
  return {IpAddress::v4(0x0a000001), IpAddress::v4(0xc0000000 + number), 6379, 4321};
}
uint64_t hash_of(uint32_t number) {
  return flow_hash(kKey, flow_of(number));
}

SynEntry* insert(SynTable& table, uint32_t number, Moment now) {
  return table.insert(hash_of(number), flow_of(number), Seq{number}, Seq{~number},
                      SynOptions{.mss = 1460, .scale = 7, .sack = true}, number * 3, now);
}
SynEntry* find(SynTable& table, uint32_t number) {
  return table.find(hash_of(number), flow_of(number));
}

struct Counts {
  int retransmits = 0;
  int expired = 0;
};
Counts advance(SynTable& table, Moment now, size_t entries_max = SIZE_MAX) {
  Counts counts;
  table.advance(
      now, entries_max, [&counts](SynEntry&) { ++counts.retransmits; },
      [&counts](const SynEntry&) { ++counts.expired; });
  return counts;
}

TEST(SynTableTest, KeepsWhatASynSaid) {
  SynTable table(kKey, {.capacity = 8});
  EXPECT_EQ(find(table, 1), nullptr);
  const SynOptions options{.mss = 65'535, .scale = 14, .timestamps = true, .ecn = true};
  ASSERT_NE(table.insert(hash_of(1), flow_of(1), Seq{7}, Seq{8}, options, 9, Moment{0}), nullptr);
  const SynEntry* const entry = find(table, 1);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->flow, flow_of(1));
  EXPECT_EQ(entry->peer_isn, Seq{7});
  EXPECT_EQ(entry->our_isn, Seq{8});
  EXPECT_EQ(entry->peer_timestamp, 9U);
  EXPECT_EQ(entry->options(), options);
  EXPECT_EQ(find(table, 2), nullptr);
}

TEST(SynTableTest, PressureAboveHalfAndFullSaysSo) {
  SynTable table(kKey, {.capacity = 8});
  for (uint32_t i = 0; i < 8; ++i) {
    EXPECT_EQ(table.under_pressure(), i > 4);
    EXPECT_NE(insert(table, i, Moment{0}), nullptr);
  }
  EXPECT_EQ(insert(table, 8, Moment{0}), nullptr);
  for (uint32_t i = 0; i < 8; ++i) {
    EXPECT_NE(find(table, i), nullptr);
  }
  table.erase(*find(table, 3));
  EXPECT_EQ(find(table, 3), nullptr);
  EXPECT_NE(insert(table, 8, Moment{0}), nullptr);
}

// RFC 6298 2.1 and 5.5: 1 s, doubled each time.
TEST(SynTableTest, RetransmitsWithBackoffAndExpires) {
  for (const int64_t start : {int64_t{0}, int64_t{777}, -int64_t{5} << 52, int64_t{1} << 51}) {
    SynTable table(kKey, {.capacity = 4, .retransmits = 5});
    Moment now{start};
    insert(table, 1, now);
    for (unsigned sent = 0; sent <= 5; ++sent) {
      const Moment expected = now + (kSecondNs << sent);
      const Moment due = table.next_deadline();
      EXPECT_GE(due, expected);
      EXPECT_LT(due, expected + kTick);
      EXPECT_EQ(table.advance(
                    due - 1, 9, [](SynEntry&) {}, [](const SynEntry&) {}),
                0U);
      const Counts counts = advance(table, due);
      EXPECT_EQ(counts.retransmits, sent < 5 ? 1 : 0);
      EXPECT_EQ(counts.expired, sent < 5 ? 0 : 1);
      now = due;
    }
    EXPECT_EQ(table.size(), 0U);
    EXPECT_EQ(table.next_deadline(), kNever);
  }
}

TEST(SynTableTest, AFewAtATime) {
  SynTable table(kKey, {.capacity = 8, .retransmits = 0});
  for (uint32_t i = 0; i < 8; ++i) {
    insert(table, i, Moment{0});
  }
  const Moment later{3600 * kSecondNs};
  EXPECT_EQ(advance(table, later, 3).expired, 3);
  EXPECT_LE(table.next_deadline(), later);
  EXPECT_EQ(advance(table, later, 5).expired, 5);
}

TEST(SynTableTest, AnEntryMayGoWhenItIsToBeSentAgain) {
  SynTable table(kKey, {.capacity = 2});
  insert(table, 1, Moment{0});
  insert(table, 2, Moment{0});
  table.advance(
      Moment{2 * kSecondNs}, 9, [&table](SynEntry& entry) { table.erase(entry); },
      [](const SynEntry&) { FAIL(); });
  EXPECT_EQ(table.size(), 0U);
  EXPECT_NE(insert(table, 1, Moment{0}), nullptr);
}

// RFC 7323 4.3: what is echoed is of the last SYN.
TEST(SynTableTest, ASynAgainIsEchoedUnlessItIsAnOldOne) {
  SynTable table(kKey, {.capacity = 8});
  const SynOptions options{.timestamps = true};
  SynEntry& entry =
      *table.insert(hash_of(1), flow_of(1), Seq{7}, Seq{8}, options, 0x7fffffff, Moment{0});
  EXPECT_TRUE(SynTable::is_repeated(entry, Seq{7}, 0x80000001));
  EXPECT_EQ(entry.peer_timestamp, 0x80000001U);
  EXPECT_TRUE(SynTable::is_repeated(entry, Seq{7}, 0x80000000));
  EXPECT_TRUE(SynTable::is_repeated(entry, Seq{7}, {}));
  EXPECT_EQ(entry.peer_timestamp, 0x80000001U);
  SynEntry& without = *insert(table, 2, Moment{0});
  EXPECT_TRUE(SynTable::is_repeated(without, Seq{2}, 99));
  EXPECT_EQ(without.peer_timestamp, 6U) << "they are not in use";
}

// A host that began anew, or a forger: the entry is not its, and stays.
TEST(SynTableTest, ASynOfAnotherNumberIsNotTheEntrys) {
  SynTable table(kKey, {.capacity = 8});
  SynEntry& entry = *table.insert(hash_of(1), flow_of(1), Seq{7}, Seq{8},
                                  SynOptions{.timestamps = true}, 5, Moment{0});
  EXPECT_FALSE(SynTable::is_repeated(entry, Seq{9}, 6));
  EXPECT_EQ(entry.peer_timestamp, 5U);
  EXPECT_EQ(entry.peer_isn, Seq{7});
}

// An ACK of another number may be that of a cookie, made for this flow before there was an entry.
TEST(SynTableTest, AnAckOfAnotherNumberIsNotTheEntrys) {
  SynTable table(kKey, {.capacity = 8});
  const SynEntry& entry = *insert(table, 1, Moment{0});
  EXPECT_TRUE(SynTable::is_acknowledged(entry, entry.our_isn + 1));
  EXPECT_FALSE(SynTable::is_acknowledged(entry, entry.our_isn));
  EXPECT_FALSE(SynTable::is_acknowledged(entry, entry.our_isn + 2));
}

// RFC 9293 3.7.1.
TEST(SynTableTest, TheDefaultMssIsThatOfTheVersion) {
  EXPECT_EQ(SynOptions::default_mss(IpAddress::v4(1)), 536);
  EXPECT_EQ(SynOptions::default_mss(*IpAddress::parse("2001:db8::1")), 1220);
}

TEST(SynTableDeathTest, WithoutAnEntryThereIsNoTable) {
  EXPECT_DEATH(SynTable(kKey, {.capacity = 0}), "capacity > 0");
}

// Against a map of deadlines.
TEST(SynTableTest, AgreesWithAMap) {
  struct Expected {
    Moment due;  // without the tick's rounding
    unsigned sent = 0;
  };
  constexpr unsigned kRetransmits = 3;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Rng rng(seed);
    SynTable table(kKey, {.capacity = 60, .retransmits = kRetransmits});
    std::map<uint32_t, Expected> oracle;
    Moment now{static_cast<int64_t>(rng.below(uint64_t{1} << 55))};
    for (int step = 0; step < 20'000; ++step) {
      const auto number = static_cast<uint32_t>(rng.below(100));
      SynEntry* const entry = find(table, number);
      ASSERT_EQ(entry != nullptr, oracle.contains(number));
      if (entry == nullptr) {
        if (insert(table, number, now) != nullptr) {
          oracle[number] = {now + kSecondNs};
        } else {
          ASSERT_EQ(oracle.size(), 60U);
        }
      } else if (rng.below(4) == 0) {
        ASSERT_EQ(entry->peer_isn, Seq{number});
        table.erase(*entry);
        oracle.erase(number);
      }
      now = now + static_cast<int64_t>(rng.below(kSecondNs / 10));
      const auto number_of = [&oracle](const SynEntry& due) {
        EXPECT_TRUE(oracle.contains(due.peer_isn.value));
        return due.peer_isn.value;
      };
      table.advance(
          now, SIZE_MAX,
          [&](SynEntry& due) {
            Expected& expected = oracle[number_of(due)];
            EXPECT_LE(expected.due, now);
            EXPECT_EQ(due.retransmits, ++expected.sent);
            expected.due = now + (kSecondNs << expected.sent);
          },
          [&](const SynEntry& due) {
            EXPECT_EQ(oracle[number_of(due)].sent, kRetransmits);
            EXPECT_LE(oracle[number_of(due)].due, now);
            oracle.erase(due.peer_isn.value);
          });
      ASSERT_EQ(table.size(), oracle.size());
      Moment next = kNever;
      for (const auto& [of, expected] : oracle) {
        ASSERT_GT(expected.due + kTick, now);
        next = std::min(next, expected.due);
      }
      ASSERT_GE(table.next_deadline(), next);
      if (next != kNever) {
        ASSERT_LT(table.next_deadline(), next + kTick);
      }
      ASSERT_EQ(table.under_pressure(), oracle.size() > 30);
    }
  }
}

}  // namespace
}  // namespace pollux::tcp
