// What only a SYN may say (RFC 9293 3.2 for the MSS, RFC 7323 2.2 for the window scale, RFC 2018 2
// for SACK-permitted), and what holds where only one side said it.
#include <gtest/gtest.h>

#include "dataplane/tcp/connection/connection_test_support.h"
#include "dataplane/tcp/listener/listener.h"
#include "dataplane/tcp/listener/listener_test_support.h"

namespace pollux::tcp {
namespace {

TEST(Rfc9293_3_2_Options, OfTheAckChangeNothingThatTheSynOffered) {
  ListenerBench bench;
  bench.syn();
  TcpOptions options = bench.echo();
  options.mss = 88;
  options.window_scale = 1;
  options.sack_permitted = false;
  ASSERT_EQ(bench.come(kAck, kClientIsn + 1, bench.answer().header.seq + 1, options),
            Listener::Action::kOpen);
  EXPECT_EQ(bench.opening().options, (SynOptions{1'400, 9, true, true, false}));
}

TEST(Rfc9293_3_2_Options, OfTheAckAddNothingThatTheSynDidNot) {
  ListenerBench bench;
  bench.syn_options = {};
  bench.syn();
  TcpOptions options;
  options.mss = 8'000;
  options.window_scale = 9;
  options.sack_permitted = true;
  options.timestamps = {1, bench.listener.offsets(bench.flow).timestamp};
  ASSERT_EQ(bench.come(kAck, kClientIsn + 1, bench.answer().header.seq + 1, options),
            Listener::Action::kOpen);
  EXPECT_EQ(bench.opening().options, (SynOptions{.mss = 536}));
  EXPECT_EQ(bench.opening().rtt_ns, Sender::kRttUnknown);
}

// RFC 9293 3.7.1, RFC 7323 2.2
TEST(Rfc9293_3_2_Options, OfALaterSegmentAreNotLookedAt) {
  Script script({.mss = 1'000, .sack = false});
  script.open_passive(1'000);
  script.come(". 1:1(0) ack 1 win 1000 mss 88 wscale 5 sackOK");
  script.write(3'000);
  EXPECT_EQ(script.go(), ". 1:1001(1000) ack 1");
  // RFC 2018 2: data out of order is acknowledged without a block.
  script.come(". 101:201(100) ack 1 win 1000 sackOK");
  EXPECT_EQ(script.go(), ". 1001:1001(0) ack 1");
}

TEST(Rfc2018_2_Permitted, BlocksThatWereNotAgreedToAreNotLookedAt) {
  for (const bool agreed : {false, true}) {
    Script script({.mss = 1'000, .sack = agreed});
    script.open_passive();
    script.write(10'000);
    script.go();
    script.come(". 1:1(0) ack 1 sack 1001:8001");
    script.go();
    EXPECT_EQ(script.shared.sender.counters.recoveries, agreed ? 1U : 0U);
  }
}

// RFC 7323 2.2: both have to offer it, or no window is scaled.
TEST(Rfc7323_2_2_Scale, OfOneSideAloneDoesNotHold) {
  Script script({.mss = 1'000, .our_scale = 7});
  script.open_active();
  script.go();
  script.come("S. 0:0(0) ack 1 win 3000 mss 1000");
  script.shows_windows = true;
  EXPECT_EQ(script.go(), ". 1:1(0) ack 1 win 65535");
  script.come(". 1:1(0) ack 1 win 3000");
  EXPECT_EQ(script.connection->sender().window_bytes(), 3'000U);
  ListenerBench bench;
  bench.syn_options.window_scale.reset();
  bench.syn();
  EXPECT_FALSE(bench.answer().options.window_scale);
  EXPECT_EQ(bench.ack(), Listener::Action::kOpen);
  EXPECT_EQ(bench.opening().options.scale, SynOptions::kNoScale);
}

}  // namespace
}  // namespace pollux::tcp
