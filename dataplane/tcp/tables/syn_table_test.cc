#include "dataplane/tcp/tables/syn_table.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
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

// As many SYNs a second as it takes to hold more than half of the entries, with SYN-ACKs that
// nobody answers: RFC 4987 3.1 counts what an entry lasts.
TEST(SynTableTest, LessIsSentAgainAsItFills) {
  const auto is_crowded = [](int64_t gap_ns) {
    SynTable table(kKey, {.capacity = 1024});
    Moment now{0};
    for (uint32_t i = 0; now < Moment{150 * kSecondNs}; ++i) {
      if (table.under_pressure() || insert(table, i, now) == nullptr) {
        return true;
      }
      now = now + gap_ns;
      advance(table, now);
    }
    return false;
  };
  EXPECT_FALSE(is_crowded(kSecondNs / 160));  // 512 / 3 s = 170; were it 63 s, 8
  EXPECT_TRUE(is_crowded(kSecondNs / 200));
}

// RFC 6298 5.1: its SYN-ACK went anew. Peers repeat their SYN by the same times as we do our
// SYN-ACK, so that the last one comes right when the entry would expire.
TEST(SynTableTest, ASynAgainBeginsTheWaitAnew) {
  for (unsigned retransmits = 0; retransmits <= 5; ++retransmits) {
    SynTable table(kKey, {.capacity = 8, .retransmits = retransmits});
    insert(table, 1, Moment{0});
    while (find(table, 1)->retransmits < retransmits) {
      advance(table, table.next_deadline());
    }
    SynEntry& entry = *find(table, 1);
    const Moment now = table.next_deadline() - kTick;
    ASSERT_TRUE(table.take_repeated(entry, Seq{1}, entry.options(), 0, now));
    EXPECT_EQ(entry.retransmits, retransmits);
    EXPECT_GE(table.next_deadline(), now + (kSecondNs << retransmits));
    EXPECT_EQ(advance(table, table.next_deadline()).expired, 1);
  }
}

TEST(SynTableTest, HowOftenItGoesAgain) {
  for (const auto& [taken, sent] : {std::pair{16, 5}, {17, 2}, {24, 2}, {25, 1}, {64, 1}}) {
    SynTable table(kKey, {.capacity = 64});
    for (uint32_t i = 0; i < static_cast<uint32_t>(taken); ++i) {
      insert(table, i, Moment{0});
    }
    int again = 0;
    for (bool gone = false; !gone;) {
      const Moment now = table.next_deadline();
      std::optional<uint32_t> expired;
      table.advance(
          now, 1, [&](const SynEntry& entry) { again += entry.peer_isn == Seq{0}; },
          [&](const SynEntry& entry) { expired = entry.peer_isn.value; });
      gone = expired == 0U;
      if (expired && !gone) {
        insert(table, *expired, now);  // so that it stays as full
      }
    }
    EXPECT_EQ(again, sent) << taken;
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
  const SynOptions none;
  SynEntry& entry =
      *table.insert(hash_of(1), flow_of(1), Seq{7}, Seq{8}, options, 0x7fffffff, Moment{0});
  EXPECT_TRUE(table.take_repeated(entry, Seq{7}, options, 0x80000001, Moment{0}));
  EXPECT_EQ(entry.peer_timestamp, 0x80000001U);
  EXPECT_TRUE(table.take_repeated(entry, Seq{7}, options, 0x80000000, Moment{0}));
  EXPECT_EQ(entry.peer_timestamp, 0x80000001U);
  SynEntry& without = *insert(table, 2, Moment{0});
  EXPECT_TRUE(table.take_repeated(without, Seq{2}, options, 99, Moment{0}));
  EXPECT_EQ(without.peer_timestamp, 6U) << "they are not in use";
  EXPECT_TRUE(table.take_repeated(entry, Seq{7}, none, 0, Moment{0}));
  EXPECT_EQ(entry.peer_timestamp, 0x80000001U);
  EXPECT_FALSE(entry.timestamps);
}

// RFC 3168 6.1.1.1, RFC 7323 3.2: who gets no answer asks for less; an old copy takes nothing back.
TEST(SynTableTest, ASynAgainWithFewerOptionsTakesThemAway) {
  const SynOptions all{.mss = 1460, .scale = 7, .sack = true, .timestamps = true, .ecn = true};
  const auto after = [&all](const SynOptions& again) {
    SynTable table(kKey, {.capacity = 8});
    SynEntry& entry = *table.insert(hash_of(1), flow_of(1), Seq{7}, Seq{8}, all, 5, Moment{0});
    EXPECT_TRUE(table.take_repeated(entry, Seq{7}, again, 5, Moment{0}));
    const SynOptions left = entry.options();
    EXPECT_TRUE(table.take_repeated(entry, Seq{7}, all, 5, Moment{0}));
    EXPECT_EQ(entry.options(), left);
    return left;
  };
  EXPECT_EQ(after(all), all);
  EXPECT_EQ(after({.mss = 536}), SynOptions{.mss = 536});
  SynOptions expected = all;
  expected.ecn = false;
  EXPECT_EQ(after(expected), expected);
  expected = all;
  expected.scale = SynOptions::kNoScale;
  EXPECT_EQ(after(expected), expected);
}

// A host that began anew, or a forger: the entry is not its, and stays.
TEST(SynTableTest, ASynOfAnotherNumberIsNotTheEntrys) {
  SynTable table(kKey, {.capacity = 8});
  SynEntry& entry = *table.insert(hash_of(1), flow_of(1), Seq{7}, Seq{8},
                                  SynOptions{.timestamps = true}, 5, Moment{0});
  EXPECT_FALSE(table.take_repeated(entry, Seq{9}, {}, 6, Moment{0}));
  EXPECT_TRUE(entry.timestamps);
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
  constexpr size_t kCapacity = 40;
  const auto sent_max = [](size_t taken) {
    return taken > kCapacity * 3 / 8 ? 1U : taken > kCapacity / 4 ? 2U : kRetransmits;
  };
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Rng rng(seed);
    SynTable table(kKey, {.capacity = kCapacity, .retransmits = kRetransmits});
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
          ASSERT_EQ(oracle.size(), kCapacity);
        }
      } else if (rng.below(4) == 0) {
        ASSERT_TRUE(table.take_repeated(*entry, Seq{number}, entry->options(), 0, now));
        oracle[number].due = now + (kSecondNs << oracle[number].sent);
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
            EXPECT_LE(expected.sent, sent_max(oracle.size()));
            expected.due = now + (kSecondNs << expected.sent);
          },
          [&](const SynEntry& due) {
            EXPECT_GE(oracle[number_of(due)].sent, sent_max(oracle.size()));
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
      ASSERT_EQ(table.under_pressure(), oracle.size() > kCapacity / 2);
    }
  }
}

}  // namespace
}  // namespace pollux::tcp
