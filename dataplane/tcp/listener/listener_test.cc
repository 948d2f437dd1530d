#include "dataplane/tcp/listener/listener.h"

#include <gtest/gtest.h>

#include <vector>

namespace pollux::tcp {
namespace {

using Action = Listener::Action;

constexpr Seq kPeerIsn{static_cast<uint32_t>(-1)};
constexpr uint32_t kPeerTimestamp = static_cast<uint32_t>(-2);

class Bench {
 public:
  explicit Bench(const ListenerConfig& config = {})
      : listener(config, {.table = {1, 2},
                          .offsets = {3, 4},
                          .cookie_flow = {5, 6},
                          .cookie_period = {7, 8},
                          .limits = {9, 10}}) {
    flow = {.local = IpAddress::v4(0x0a000001),
            .remote = IpAddress::v4(0x0a000002),
            .local_port = 6379,
            .remote_port = 50'000};
    syn_options.mss = 1'400;
    syn_options.window_scale = 9;
    syn_options.sack_permitted = true;
    syn_options.timestamps = {kPeerTimestamp, 0};
  }

  Action come(TcpFlags flags, Seq seq, Seq ack, const TcpOptions& options, uint32_t bytes = 0) {
    const TcpHeader header{.seq = seq, .ack = ack, .flags = flags, .window = 1'000};
    return listener.on_segment(connections,
                               {.hash = flow_hash({1, 2}, flow),
                                .flow = flow,
                                .header = header,
                                .options = options,
                                .payload_bytes = bytes,
                                .listens = listens,
                                .has_room = has_room,
                                .path_mss = 1'460},
                               now);
  }
  Action syn(Seq isn = kPeerIsn) { return come(kSyn, isn, {}, syn_options); }
  // The ACK of the last answer.
  Action ack(uint32_t bytes = 0) {
    TcpOptions options;
    if (answer().options.timestamps) {
      options.timestamps = {kPeerTimestamp, answer().options.timestamps->value};
    }
    return come(kAck, answer().header.ack, answer().header.seq + 1, options, bytes);
  }
  const SegmentOut& answer() const { return listener.answer(); }
  const PassiveOpening& opening() const { return listener.opening(); }
  // What goes again until then.
  std::vector<SegmentOut> advance(int64_t ns) {
    now = now + ns;
    std::vector<SegmentOut> sent;
    listener.advance(
        connections, now, 1'000, [](const Flow&) { return uint16_t{1'460}; },
        [&](const Flow& to, const SegmentOut& segment) {
          EXPECT_EQ(to, flow);
          sent.push_back(segment);
        });
    return sent;
  }
  // Takes records until cookies are made.
  void crowd() {
    const Flow mine = flow;
    for (uint16_t port = 1; listener.counters().cookies_sent == 0; ++port) {
      flow.remote_port = port;
      syn();
    }
    flow = mine;
  }

  ConnectionConfig connections;
  Flow flow;
  TcpOptions syn_options;
  Moment now{1'000'000 * kSecondNs};
  bool listens = true;
  bool has_room = true;
  Listener listener;
};

TEST(ListenerTest, AHandshake) {
  Bench bench;
  ASSERT_EQ(bench.syn(), Action::kAnswer);
  const SegmentOut syn_ack = bench.answer();
  EXPECT_EQ(syn_ack.header.flags, kSyn | kAck);
  EXPECT_EQ(syn_ack.header.ack, kPeerIsn + 1);
  EXPECT_EQ(syn_ack.header.window, UINT16_MAX);
  EXPECT_EQ(syn_ack.options.mss, 1'460);
  EXPECT_EQ(syn_ack.options.window_scale, bench.connections.window_scale);
  EXPECT_TRUE(syn_ack.options.sack_permitted);
  EXPECT_EQ(syn_ack.options.timestamps->echo, kPeerTimestamp);
  bench.now = bench.now + 3 * kMillisecondNs;
  ASSERT_EQ(bench.ack(), Action::kOpen);
  const PassiveOpening& opening = bench.opening();
  EXPECT_EQ(opening.our_isn, syn_ack.header.seq);
  EXPECT_EQ(opening.peer_isn, kPeerIsn);
  EXPECT_EQ(opening.our_window, UINT16_MAX);
  EXPECT_EQ(opening.options, (SynOptions{1'400, 9, true, true, false}));
  EXPECT_EQ(opening.peer_timestamp, kPeerTimestamp);
  EXPECT_EQ(opening.rtt_ns, 4 * kMillisecondNs);
  EXPECT_EQ(bench.listener.half_open(), 0U);
}

TEST(ListenerTest, WhatThePeerDoesNotOfferIsNotAgreed) {
  Bench bench;
  bench.syn_options = {};
  ASSERT_EQ(bench.syn(), Action::kAnswer);
  EXPECT_EQ(bench.answer().options, (TcpOptions{.mss = 1'460}));
  ASSERT_EQ(bench.ack(), Action::kOpen);
  EXPECT_EQ(bench.opening().options, (SynOptions{.mss = 536}));
  EXPECT_EQ(bench.opening().rtt_ns, Sender::kRttUnknown);
}

TEST(Rfc3168_6_1_1_Ecn, IsGrantedIfItIsWantedHere) {
  for (const bool wanted : {false, true}) {
    Bench bench;
    bench.connections.ecn = wanted;
    bench.come(kSyn | kEce | kCwr, kPeerIsn, {}, bench.syn_options);
    EXPECT_EQ(bench.answer().header.has(kEce), wanted);
    EXPECT_FALSE(bench.answer().header.has(kCwr));
    ASSERT_EQ(bench.ack(), Action::kOpen);
    EXPECT_EQ(bench.opening().options.ecn, wanted);
  }
}

TEST(Rfc6298_5_SynAck, IsSentAgainAndForgotten) {
  Bench bench;
  bench.syn();
  const SegmentOut first = bench.answer();
  int sent = 0;
  for (int second = 1; second <= 70; ++second) {
    for (const SegmentOut& again : bench.advance(kSecondNs)) {
      EXPECT_EQ(again.header, first.header);
      EXPECT_EQ(again.options.mss, 1'460);
      ++sent;
    }
  }
  EXPECT_EQ(sent, 5);
  EXPECT_EQ(bench.listener.half_open(), 0U);
  EXPECT_EQ(bench.listener.counters().expired, 1U);
  EXPECT_EQ(bench.listener.next_deadline(), kNever);
}

TEST(Rfc6298_5_7_SynAck, ThatWasSentAgainMakesACarefulBegin) {
  Bench bench;
  bench.syn();
  EXPECT_EQ(bench.advance(2 * kSecondNs).size(), 1U);
  ASSERT_EQ(bench.ack(), Action::kOpen);
  EXPECT_EQ(bench.opening().rtt_ns, Sender::kNoRtt);
}

TEST(ListenerTest, ASynThatComesAgainIsAnsweredAsBefore) {
  Bench bench;
  bench.syn();
  const Seq isn = bench.answer().header.seq;
  bench.now = bench.now + kSecondNs / 2;
  EXPECT_EQ(bench.syn(), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.seq, isn);
  EXPECT_EQ(bench.listener.half_open(), 1U);
}

// Who forges a SYN of a flow that is being opened ends nothing, and who began anew is served.
TEST(ListenerTest, AnotherSynGetsACookieAndTheRecordStays) {
  Bench bench;
  bench.syn();
  const SegmentOut first = bench.answer();
  EXPECT_EQ(bench.syn(Seq{4'711}), Action::kAnswer);
  EXPECT_NE(bench.answer().header.seq, first.header.seq);
  EXPECT_EQ(bench.answer().header.ack, Seq{4'712});
  EXPECT_EQ(bench.listener.half_open(), 1U);
  ASSERT_EQ(bench.ack(), Action::kOpen);
  EXPECT_EQ(bench.opening().peer_isn, Seq{4'711});
  EXPECT_EQ(bench.listener.half_open(), 0U);
}

TEST(Rfc4987_3_6_Cookies, TakeOverWhereRecordsBecomeFew) {
  Bench bench({.half_open = {.capacity = 8}});
  bench.crowd();
  const size_t records = bench.listener.half_open();
  for (int i = 0; i < 100'000; ++i) {  // a flood
    bench.flow.remote_port = static_cast<uint16_t>(i);
    ASSERT_EQ(bench.syn(), Action::kAnswer);
  }
  EXPECT_EQ(bench.listener.half_open(), records);
  bench.flow.remote_port = 50'000;
  bench.syn();
  ASSERT_EQ(bench.ack(100), Action::kOpen);
  EXPECT_EQ(bench.opening().options.scale, 9);
  EXPECT_TRUE(bench.opening().options.sack);
  EXPECT_EQ(bench.opening().options.mss, 1'380);  // the next lower of eight
  EXPECT_EQ(bench.opening().our_isn, bench.answer().header.seq);
  EXPECT_EQ(bench.opening().peer_isn, kPeerIsn);
}

TEST(Rfc4987_3_6_Cookies, WithoutTimestampsThereAreNoOptions) {
  Bench bench({.half_open = {.capacity = 8}});
  bench.crowd();
  bench.syn_options.timestamps.reset();
  bench.syn();
  EXPECT_EQ(bench.answer().options, (TcpOptions{.mss = 1'460}));
  ASSERT_EQ(bench.ack(), Action::kOpen);
  EXPECT_EQ(bench.opening().options, (SynOptions{.mss = 1'380}));
}

// The ACK was lost, and the first segment with data too.
TEST(Rfc4987_3_6_Cookies, WhatCannotProveOneIsDroppedAndComesAgain) {
  Bench bench({.half_open = {.capacity = 8}});
  bench.crowd();
  bench.syn();
  const SegmentOut syn_ack = bench.answer();
  TcpOptions options;
  options.timestamps = {kPeerTimestamp, syn_ack.options.timestamps->value};
  const Seq ack = syn_ack.header.seq + 1;
  EXPECT_EQ(bench.come(kAck, kPeerIsn + 101, ack, options, 100), Action::kDrop);
  EXPECT_EQ(bench.come(kAck, kPeerIsn + 1, ack, options, 100), Action::kOpen);
}

// Once: what completed the handshake comes late, or again, when that connection is over.
TEST(Rfc4987_3_6_Cookies, OpenOneConnection) {
  Bench bench({.half_open = {.capacity = 8}});
  bench.crowd();
  bench.syn();
  ASSERT_EQ(bench.ack(100), Action::kOpen);
  ASSERT_EQ(bench.ack(100), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.flags, kRst);
  // Another handshake of the flow, by a cookie too.
  bench.syn(kPeerIsn + 100'000);
  ASSERT_EQ(bench.ack(100), Action::kOpen);
  EXPECT_EQ(bench.opening().peer_isn, kPeerIsn + 100'000);
}

TEST(Rfc4987_3_6_Cookies, NobodyGuessesOne) {
  Bench bench({.half_open = {.capacity = 8}});
  bench.crowd();
  for (uint32_t guess = 0; guess < 100'000; ++guess) {
    ASSERT_NE(bench.come(kAck, kPeerIsn + 1, Seq{guess * 42'949}, {}), Action::kOpen);
  }
}

TEST(Rfc9293_3_10_7_1_Closed, IsAnsweredByAReset) {
  Bench bench;
  bench.listens = false;
  ASSERT_EQ(bench.syn(), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.flags, kRst | kAck);
  EXPECT_EQ(bench.answer().header.seq, Seq{0});
  EXPECT_EQ(bench.answer().header.ack, kPeerIsn + 1);
  ASSERT_EQ(bench.come(kFin, Seq{100}, {}, {}, 20), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.ack, Seq{121});
  ASSERT_EQ(bench.come(kAck | kPsh, Seq{100}, Seq{200}, {}, 20), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.flags, kRst);
  EXPECT_EQ(bench.answer().header.seq, Seq{200});
  EXPECT_EQ(bench.come(kRst, Seq{100}, Seq{200}, {}), Action::kDrop);
  EXPECT_EQ(bench.come(kRst | kAck, Seq{100}, Seq{200}, {}), Action::kDrop);
}

TEST(Rfc9293_3_10_7_1_Closed, ResetsAreLimitedByAddress) {
  Bench bench;
  bench.listens = false;
  int answered = 0;
  for (int i = 0; i < 10'000; ++i) {
    answered += bench.syn() == Action::kAnswer ? 1 : 0;
  }
  EXPECT_GE(answered, 50);
  EXPECT_LE(answered, 200);
  EXPECT_EQ(bench.listener.counters().resets_withheld, 10'000U - static_cast<unsigned>(answered));
}

TEST(Rfc9293_3_10_7_2_Listen, StraysAreRefused) {
  Bench bench;
  EXPECT_EQ(bench.come(kAck, Seq{1}, Seq{2}, {}), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.flags, kRst);
  EXPECT_EQ(bench.come(kSyn | kAck, Seq{1}, Seq{2}, {}), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.flags, kRst);
  EXPECT_EQ(bench.come(0, Seq{1}, Seq{2}, {}, 10), Action::kDrop);
  EXPECT_EQ(bench.come(kFin, Seq{1}, Seq{2}, {}), Action::kDrop);
}

TEST(ListenerTest, WithoutRoomNothingIsRefusedButNothingTaken) {
  Bench bench;
  bench.has_room = false;
  EXPECT_EQ(bench.syn(), Action::kDrop);
  bench.has_room = true;
  bench.syn();
  bench.has_room = false;
  EXPECT_EQ(bench.ack(), Action::kDrop);
  bench.has_room = true;
  EXPECT_EQ(bench.ack(), Action::kOpen);
  EXPECT_EQ(bench.listener.counters().no_room, 2U);
}

TEST(Rfc5961_3_2_Reset, OfAHalfOpenOneMustBeExact) {
  Bench bench;
  bench.syn();
  bench.come(kRst, kPeerIsn + 2, {}, {});
  EXPECT_EQ(bench.listener.half_open(), 1U);
  bench.come(kRst, kPeerIsn + 1, {}, {});
  EXPECT_EQ(bench.listener.half_open(), 0U);
}

TEST(Rfc9293_3_10_7_4_SynReceived, OnlyWhatLiesInTheWindowOpens) {
  Bench bench;
  bench.syn();
  const Seq ack = bench.answer().header.seq + 1;
  TcpOptions options;
  options.timestamps = {kPeerTimestamp, 0};
  EXPECT_EQ(bench.come(kAck, kPeerIsn, ack, options), Action::kDrop);
  EXPECT_EQ(bench.come(kAck, kPeerIsn + 70'000, ack, options), Action::kDrop);
  EXPECT_EQ(bench.come(kAck, kPeerIsn + 1, ack, {}), Action::kDrop);  // RFC 7323 3.2
  options.timestamps->value -= 1;
  EXPECT_EQ(bench.come(kAck, kPeerIsn + 1, ack, options), Action::kDrop);  // 5.3
  options.timestamps->value += 1;
  EXPECT_EQ(bench.come(kAck, kPeerIsn + 1, ack + 1, options), Action::kAnswer);
  EXPECT_EQ(bench.answer().header.flags, kRst);
  EXPECT_EQ(bench.come(kAck | kPsh, kPeerIsn + 500, ack, options, 100), Action::kOpen);
}

TEST(Rfc9293_3_6_1_TimeWait, ItsLastAckGoesAgain) {
  Bench bench;
  const TimeWaitState state{.send_next = {500}, .receive_next = {700}, .window = 77};
  bench.listener.enter_time_wait(flow_hash({1, 2}, bench.flow), bench.flow, state, bench.now);
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
                            .peer_timestamp = kPeerTimestamp - 10,
                            .timestamps = true};
  bench.listener.enter_time_wait(flow_hash({1, 2}, bench.flow), bench.flow, state, bench.now);
  ASSERT_EQ(bench.syn(), Action::kAnswer);
  EXPECT_GT(bench.answer().header.seq, used);
  EXPECT_EQ(bench.listener.time_waits(), 0U);
  EXPECT_EQ(bench.ack(), Action::kOpen);
  EXPECT_EQ(bench.listener.counters().reopened, 1U);
}

}  // namespace
}  // namespace pollux::tcp
