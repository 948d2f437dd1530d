#include "dataplane/tcp/tables/time_wait.h"

#include <gtest/gtest.h>

#include <list>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

using Action = TimeWaitAction;

constexpr SipKey kKey{5, 6};
constexpr int64_t kTick = CoarseClock::kTickNs;
constexpr int64_t kTwoMsl = 10 * kSecondNs;

Flow flow_of(uint32_t number) {
  return {IpAddress::v4(0x0a000001), IpAddress::v4(0xc0000000 + number), 6379, 4321};
}
uint64_t hash_of(uint32_t number) {
  return flow_hash(kKey, flow_of(number));
}
TimeWaitRecord* find(TimeWaitTable& table, uint32_t number) {
  return table.find(hash_of(number), flow_of(number));
}

// One connection whose peer's FIN stood at `last`, right before the wrap or elsewhere.
class TimeWaitSegmentTest : public testing::TestWithParam<uint32_t> {
 protected:
  void begin(bool timestamps) {
    table_.insert(hash_of(1), flow_of(1), {Seq{5000}, receive_next_, 0x7fffffff, 300, timestamps},
                  now_);
    record_ = find(table_, 1);
    ASSERT_NE(record_, nullptr);
  }
  Action segment(const TimeWaitSegment& segment) {
    return table_.on_segment(*record_, segment, now_);
  }
  Action syn(int32_t ahead, std::optional<uint32_t> timestamp) {
    return segment({.seq = receive_next_ + static_cast<uint32_t>(ahead),
                    .bytes = 1,
                    .syn = true,
                    .timestamp = timestamp});
  }
  // The same FIN as before, after `bytes` of data.
  TimeWaitSegment fin(uint32_t bytes) const {
    return {.seq = receive_next_ - bytes - 1, .bytes = bytes + 1, .ack = true, .fin = true};
  }

  const Seq receive_next_{GetParam()};
  Moment now_{kSecondNs};
  TimeWaitTable table_{kKey, {.capacity = 4, .two_msl_ns = kTwoMsl}};
  TimeWaitRecord* record_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(, TimeWaitSegmentTest, testing::Values(0, 1, 2, 77'777, 0x80000000));

// RFC 6191 2, the last connection used timestamps.
TEST_P(TimeWaitSegmentTest, ASynAfterTimestamps) {
  begin(true);
  EXPECT_EQ(syn(-1000, 0x80000000), Action::kReopen);  // a later one, across the sign
  EXPECT_EQ(syn(-1000, 0x7fffffff), Action::kDrop);
  EXPECT_EQ(syn(-1, 0x7fffffff), Action::kDrop);  // the FIN's number
  EXPECT_EQ(syn(0, 0x7fffffff), Action::kReopen);
  EXPECT_EQ(syn(1000, 0x7ffffffe), Action::kDrop);  // an old timestamp, whatever the number
  EXPECT_EQ(syn(0, {}), Action::kReopen);
  EXPECT_EQ(syn(-1, {}), Action::kDrop);
}

// RFC 6191 2, it did not.
TEST_P(TimeWaitSegmentTest, ASynAfterNoTimestamps) {
  begin(false);
  EXPECT_EQ(syn(-1000, 1), Action::kReopen);
  EXPECT_EQ(syn(-1, {}), Action::kDrop);
  EXPECT_EQ(syn(0, {}), Action::kReopen);
  EXPECT_EQ(syn(1 << 30, {}), Action::kReopen);
}

// RFC 9293 3.6.1: the new connection's numbers are above all of the last one.
TEST_P(TimeWaitSegmentTest, TheNewIsnIsAboveTheLastNumber) {
  begin(false);
  EXPECT_GT(TimeWaitTable::isn_min(*record_), record_->send_next);
}

// RFC 1337: no RST ends TIME-WAIT, not even with the exact number.
TEST_P(TimeWaitSegmentTest, RstIsIgnored) {
  begin(true);
  EXPECT_EQ(segment({.seq = receive_next_, .rst = true}), Action::kDrop);
  EXPECT_EQ(segment({.seq = receive_next_, .ack = true, .rst = true}), Action::kDrop);
  EXPECT_EQ(segment({.seq = receive_next_, .bytes = 1, .syn = true, .rst = true}), Action::kDrop);
  EXPECT_NE(find(table_, 1), nullptr);
}

// RFC 9293 3.10.7.4, eighth: acknowledged, and 2 MSL begin anew.
TEST_P(TimeWaitSegmentTest, TheSameFinBeginsAnew) {
  begin(false);
  const Moment due = table_.next_deadline();
  now_ = now_ + 7 * kSecondNs;
  EXPECT_EQ(segment(fin(0)), Action::kAck);
  EXPECT_GE(table_.next_deadline(), due + 7 * kSecondNs - kTick);
  now_ = now_ + kSecondNs;
  EXPECT_EQ(segment(fin(100)), Action::kAck);  // with its data
  EXPECT_GE(table_.next_deadline(), due + 8 * kSecondNs - kTick);
  TimeWaitSegment other = fin(0);
  other.seq += 5;
  now_ = now_ + kSecondNs;
  const Moment kept = table_.next_deadline();
  EXPECT_EQ(segment(other), Action::kAck);
  EXPECT_EQ(table_.next_deadline(), kept);
}

// RFC 9293 3.10.7.4, first.
TEST_P(TimeWaitSegmentTest, WhatIsNotAcceptableIsAcknowledged) {
  begin(false);
  const auto answer = [this](const TimeWaitSegment& what) {
    now_ = now_ + kSecondNs;  // so that no limit holds
    return segment(what);
  };
  EXPECT_EQ(answer({.seq = receive_next_ - 500, .bytes = 100, .ack = true}), Action::kAck);
  EXPECT_EQ(answer({.seq = receive_next_ - 1, .ack = true}), Action::kAck);  // a keepalive
  EXPECT_EQ(answer({.seq = receive_next_, .bytes = 10, .ack = true}), Action::kAck);
  EXPECT_EQ(answer({.seq = receive_next_, .bytes = 1, .syn = true, .ack = true}), Action::kAck);
  EXPECT_EQ(answer({.seq = receive_next_, .ack = true}), Action::kDrop);  // an ACK in order
  EXPECT_EQ(answer({.seq = receive_next_, .bytes = 10}), Action::kDrop);  // without ACK
}

// RFC 7323 5.3 R1, and 4.3 for what is echoed.
TEST_P(TimeWaitSegmentTest, OldTimestampsAreAcknowledgedAndNewOnesKept) {
  begin(true);
  TimeWaitSegment repeated = fin(0);
  const Moment due = table_.next_deadline();
  now_ = now_ + kSecondNs;
  repeated.timestamp = 0x7ffffffe;
  EXPECT_EQ(segment(repeated), Action::kAck);
  EXPECT_EQ(table_.next_deadline(), due);
  EXPECT_EQ(record_->peer_timestamp, 0x7fffffffU);
  repeated.timestamp = 0x80000001;
  now_ = now_ + kSecondNs;
  EXPECT_EQ(segment(repeated), Action::kAck);
  EXPECT_GT(table_.next_deadline(), due);
  EXPECT_EQ(record_->peer_timestamp, 0x80000001U);
  EXPECT_EQ(syn(1, 0x80000000), Action::kDrop);
  now_ = now_ + kSecondNs;
  EXPECT_EQ(segment({.seq = receive_next_ + 9, .ack = true, .timestamp = 0x80000009}),
            Action::kAck);
  EXPECT_EQ(record_->peer_timestamp, 0x80000001U);  // a blind one moves nothing
}

// RFC 7323 3.2: of a connection with timestamps each segment has one, but for RSTs; SYNs are judged
// by RFC 6191.
TEST_P(TimeWaitSegmentTest, WithoutItsTimestampASegmentIsDropped) {
  begin(true);
  const Moment due = table_.next_deadline();
  now_ = now_ + kSecondNs;
  EXPECT_EQ(segment(fin(0)), Action::kDrop);
  EXPECT_EQ(segment({.seq = receive_next_ - 500, .bytes = 100, .ack = true}), Action::kDrop);
  EXPECT_EQ(segment({.seq = receive_next_, .bytes = 1, .syn = true, .ack = true}), Action::kDrop);
  EXPECT_EQ(table_.next_deadline(), due);
}

// Two peers who both think that the other is out of the window would go on for ever.
TEST_P(TimeWaitSegmentTest, AcksAreLimited) {
  begin(false);
  int acks = 0;
  Moment last = now_ - kSecondNs;
  for (const Moment end = now_ + 100 * kSecondNs; now_ < end; now_ = now_ + kMillisecondNs) {
    if (segment({.seq = receive_next_ - 1, .ack = true}) == Action::kAck) {
      EXPECT_GE(now_ - last, TimeWaitTable::kAckGapNs);
      last = now_;
      ++acks;
    }
  }
  EXPECT_GE(acks, 100);
  EXPECT_LE(acks, 400);
}

// The limit is the answer's; what the segment says counts all the same.
TEST_P(TimeWaitSegmentTest, AFinOverTheLimitBeginsAnew) {
  begin(false);
  EXPECT_EQ(segment(fin(0)), Action::kAck);
  const Moment due = table_.next_deadline();
  now_ = now_ + 5 * kMillisecondNs;
  EXPECT_EQ(segment(fin(0)), Action::kDrop);
  EXPECT_GT(table_.next_deadline(), due);
}

TEST(TimeWaitDeathTest, WithoutARecordThereIsNoTable) {
  EXPECT_DEATH(TimeWaitTable(kKey, {.capacity = 0}), "capacity > 0");
}

TEST(TimeWaitTest, KeepsTheStateForTwoMsl) {
  for (const int64_t start : {int64_t{0}, int64_t{12'345}, -(int64_t{1} << 60)}) {
    TimeWaitTable table(kKey, {.capacity = 4, .two_msl_ns = kTwoMsl});
    EXPECT_EQ(table.next_deadline(), kNever);
    EXPECT_FALSE(table.insert(hash_of(1), flow_of(1), {Seq{1}, Seq{2}, 3, 4, true}, Moment{start}));
    const TimeWaitState state = find(table, 1)->state();
    EXPECT_EQ(state.send_next, Seq{1});
    EXPECT_EQ(state.receive_next, Seq{2});
    EXPECT_EQ(state.peer_timestamp, 3U);
    EXPECT_EQ(state.window, 4U);
    EXPECT_TRUE(state.timestamps);
    EXPECT_GE(table.next_deadline(), Moment{start} + kTwoMsl);
    EXPECT_LT(table.next_deadline(), Moment{start} + kTwoMsl + kTick);
    EXPECT_EQ(table.advance(table.next_deadline() - 1, 9), 0U);
    EXPECT_EQ(table.advance(table.next_deadline(), 9), 1U);
    EXPECT_EQ(find(table, 1), nullptr);
  }
}

TEST(TimeWaitTest, TheSameFlowIsReplacedAndTheOldestGoesWhenFull) {
  TimeWaitTable table(kKey, {.capacity = 3, .two_msl_ns = kTwoMsl});
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(table.insert(hash_of(i), flow_of(i), {}, Moment{i * kSecondNs}));
  }
  EXPECT_FALSE(table.insert(hash_of(0), flow_of(0), {.send_next = Seq{9}}, Moment{3 * kSecondNs}));
  EXPECT_EQ(find(table, 0)->send_next, Seq{9});
  EXPECT_TRUE(table.insert(hash_of(7), flow_of(7), {}, Moment{4 * kSecondNs}));
  EXPECT_EQ(find(table, 1), nullptr);
  EXPECT_NE(find(table, 0), nullptr);
  EXPECT_EQ(table.size(), 3U);
}

// Against a list in the order of deadlines.
TEST(TimeWaitTest, AgreesWithAList) {
  struct Expected {
    uint32_t number;
    Moment due;
  };
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Rng rng(seed);
    constexpr size_t kCapacity = 40;
    TimeWaitTable table(kKey, {.capacity = kCapacity, .two_msl_ns = kSecondNs});
    std::list<Expected> oracle;
    Moment now{static_cast<int64_t>(rng.below(uint64_t{1} << 55))};
    for (int step = 0; step < 20'000; ++step) {
      const auto number = static_cast<uint32_t>(rng.below(100));
      const auto same = std::find_if(oracle.begin(), oracle.end(), [number](const Expected& one) {
        return one.number == number;
      });
      TimeWaitRecord* const record = find(table, number);
      ASSERT_EQ(record != nullptr, same != oracle.end());
      const uint64_t what = rng.below(4);
      if (record == nullptr || what == 0) {
        if (record != nullptr) {
          oracle.erase(same);
        }
        const bool dropped = oracle.size() == kCapacity;
        ASSERT_EQ(table.insert(hash_of(number), flow_of(number), {Seq{}, Seq{number}}, now),
                  dropped);
        if (dropped) {
          oracle.pop_front();
        }
        oracle.push_back({number, now + kSecondNs});
      } else if (what == 1) {
        ASSERT_EQ(record->receive_next, Seq{number});
        const TimeWaitSegment fin{.seq = Seq{number} - 1, .bytes = 1, .ack = true, .fin = true};
        ASSERT_NE(table.on_segment(*record, fin, now), Action::kReopen);
        oracle.erase(same);
        oracle.push_back({number, now + kSecondNs});
      } else if (what == 2) {
        table.erase(*record);
        oracle.erase(same);
      }
      now = now + static_cast<int64_t>(rng.below(rng.below(2) == 0 ? kSecondNs / 10 : 1000));
      const size_t gone = table.advance(now, rng.below(3) == 0 ? 2 : SIZE_MAX);
      for (size_t i = 0; i < gone; ++i) {
        ASSERT_LE(oracle.front().due, now);
        oracle.pop_front();
      }
      ASSERT_EQ(table.size(), oracle.size());
      if (oracle.empty()) {
        ASSERT_EQ(table.next_deadline(), kNever);
      } else {
        ASSERT_GE(table.next_deadline(), oracle.front().due);
        ASSERT_LT(table.next_deadline(), oracle.front().due + kTick);
      }
    }
  }
}

}  // namespace
}  // namespace pollux::tcp
