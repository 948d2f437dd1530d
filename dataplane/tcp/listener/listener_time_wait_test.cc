// Segments of a flow in TIME-WAIT, as the listener answers them; what is decided of each is tested
// beside tables/time_wait.
#include <gtest/gtest.h>

#include "dataplane/tcp/listener/listener.h"
#include "dataplane/tcp/listener/listener_test_support.h"

namespace pollux::tcp {
namespace {

using Action = Listener::Action;
using Bench = ListenerBench;

// A connection whose peer's last timestamp was that of the bench's SYN.
constexpr TimeWaitState kOver{.send_next = {500},
                              .receive_next = {700},
                              .peer_timestamp = kClientTimestamp,
                              .window = 77,
                              .timestamps = true};

TcpOptions stamped(uint32_t value) {
  TcpOptions options;
  options.timestamps = {value, 0};
  return options;
}

TEST(Rfc9293_3_6_1_TimeWait, ItsLastAckGoesAgain) {
  Bench bench;
  const TimeWaitState state{.send_next = {500}, .receive_next = {700}, .window = 77};
  bench.enter_time_wait(state);
  EXPECT_EQ(bench.listener.time_waits(), 1U);
  EXPECT_EQ(bench.come(kFin | kAck, Seq{699}, Seq{500}, {}), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.seq, Seq{500});
  EXPECT_EQ(bench.answer().header.ack, Seq{700});
  EXPECT_EQ(bench.answer().header.window, 77);
  EXPECT_EQ(bench.come(kRst, Seq{700}, {}, {}), Action::kDrop);  // RFC 1337
  EXPECT_EQ(bench.listener.time_waits(), 1U);
  bench.advance(61 * kSecondNs);
  EXPECT_EQ(bench.listener.time_waits(), 0U);
}

TEST(Rfc6191_TimeWait, ANewSynBeginsAboveTheOldNumbers) {
  Bench bench;
  const FlowOffsets offsets = bench.listener.offsets(bench.flow);
  // The last connection has sent more than the clock of sequence numbers went on by.
  const Seq used = initial_seq(offsets, bench.now) + 1'000'000;
  const TimeWaitState state{.send_next = used,
                            .receive_next = {700},
                            .peer_timestamp = kClientTimestamp - 10,
                            .timestamps = true};
  bench.enter_time_wait(state);
  ASSERT_EQ(bench.syn(), Action::kAnswerPeer);
  EXPECT_GT(bench.answer().header.seq, used);
  EXPECT_EQ(bench.listener.time_waits(), 0U);
  EXPECT_EQ(bench.ack(), Action::kOpen);
  EXPECT_EQ(bench.listener.counters().reopened, 1U);
}

TEST(Rfc7323_3_2_TimeWait, TheLastAckHasTimestamps) {
  Bench bench;
  bench.enter_time_wait(kOver);
  bench.now = bench.now + 5 * kSecondNs;
  ASSERT_EQ(bench.come(kFin | kAck, Seq{699}, Seq{500}, stamped(kClientTimestamp + 1)),
            Action::kAnswer);
  const uint32_t ours = timestamp_at(bench.listener.offsets(bench.flow), bench.now);
  EXPECT_EQ(bench.answer().options.timestamps, (Timestamps{ours, kClientTimestamp + 1}));
  EXPECT_EQ(bench.answer().header.flags, kAck);
}

// RFC 7323 5.3 R1
TEST(Rfc7323_5_3_TimeWait, AnOldSegmentIsAcknowledgedAndMovesNothing) {
  Bench bench;
  bench.enter_time_wait(kOver);
  const Moment due = bench.listener.next_deadline();
  bench.now = bench.now + 5 * kSecondNs;
  ASSERT_EQ(bench.come(kFin | kAck, Seq{699}, Seq{500}, stamped(kClientTimestamp - 1)),
            Action::kAnswer);
  EXPECT_EQ(bench.answer().options.timestamps->echo, kClientTimestamp);
  EXPECT_EQ(bench.listener.next_deadline(), due);
  // RFC 7323 3.2
  EXPECT_EQ(bench.come(kFin | kAck, Seq{699}, Seq{500}, {}), Action::kDrop);
}

TEST(Rfc6191_TimeWait, AnOldSynIsDropped) {
  Bench bench;
  bench.enter_time_wait(kOver);
  bench.syn_options.timestamps->value = kClientTimestamp - 1;
  EXPECT_EQ(bench.syn(Seq{10'000}), Action::kDrop);
  EXPECT_EQ(bench.listener.time_waits(), 1U);
  EXPECT_EQ(bench.listener.half_open(), 0U);
}

// RFC 9293 3.10.7.1: the port is closed by now. What was there stays as it was.
TEST(Rfc6191_TimeWait, ANewSynWhereNobodyListensIsRefused) {
  Bench bench;
  bench.enter_time_wait(kOver);
  bench.listens = false;
  bench.syn_options.timestamps->value = kClientTimestamp + 1;
  ASSERT_EQ(bench.syn(), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.flags, kRst | kAck);
  EXPECT_EQ(bench.answer().header.ack, kClientIsn + 1);
  EXPECT_EQ(bench.listener.time_waits(), 1U);
}

// Neither of these promises numbers above the old ones, so it stays, and the SYN comes again.
TEST(Rfc6191_TimeWait, ANewSynWithoutARecordOrRoomIsDropped) {
  for (const bool crowded : {false, true}) {
    Bench bench({.half_open = {.capacity = 8}});
    bench.enter_time_wait(kOver);
    if (crowded) {
      bench.crowd();
    }
    bench.has_room = crowded;
    bench.syn_options.timestamps->value = kClientTimestamp + 1;
    EXPECT_EQ(bench.syn(), Action::kDrop);
    EXPECT_EQ(bench.listener.time_waits(), 1U);
    EXPECT_EQ(bench.listener.counters().reopened, 0U);
    bench.has_room = true;
    bench.advance_by_seconds(10);  // the others are given up
    EXPECT_EQ(bench.syn(), Action::kAnswerPeer);
    EXPECT_EQ(bench.listener.time_waits(), 0U);
  }
}

}  // namespace
}  // namespace pollux::tcp
