#include "dataplane/sim/net/frame_peek.h"

#include <gtest/gtest.h>

#include "dataplane/sim/net/frame_rules.h"
#include "dataplane/sim/net/net_test_support.h"
#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

using namespace flag;

TEST(FramePeek, ReadsASegment) {
  for (const bool v6 : {false, true}) {
    for (const bool vlan : {false, true}) {
      const std::optional<TcpPeek> tcp = peek_tcp(
          segment({.v6 = v6, .vlan = vlan, .flags = kSyn | kAck, .ecn = 2, .payload = "hello"}));
      ASSERT_TRUE(tcp);
      EXPECT_EQ(tcp->ip.from, *IpAddress::parse(v6 ? "fd00::1" : "10.0.0.1"));
      EXPECT_EQ(tcp->ip.to, *IpAddress::parse(v6 ? "fd00::2" : "10.0.0.2"));
      EXPECT_EQ(tcp->ip.ecn, 2);
      EXPECT_EQ(tcp->from_port, 4000);
      EXPECT_EQ(tcp->to_port, 6379);
      EXPECT_EQ(tcp->seq, Seq{1000});
      EXPECT_EQ(tcp->ack, Seq{2000});
      EXPECT_EQ(tcp->window, 512);
      EXPECT_EQ(tcp->payload_bytes, 5U);
      EXPECT_TRUE(tcp->syn && tcp->has_ack && !tcp->fin && !tcp->rst);
      EXPECT_EQ(tcp->range(), (SeqRange{{1000}, {1006}}));
    }
  }
}

// Ethernet fills frames up to 60 bytes: what is behind the packet is not payload.
TEST(FramePeek, PaddingIsNoPayload) {
  for (const bool v6 : {false, true}) {
    Frame frame = segment({.v6 = v6});
    frame.resize(frame.size() + 6);
    ASSERT_TRUE(peek_tcp(frame));
    EXPECT_TRUE(peek_tcp(frame)->is_pure_ack());
  }
}

TEST(FramePeek, AnyBytesGiveAnAnswer) {
  for (const bool v6 : {false, true}) {
    const Frame whole = segment({.v6 = v6, .vlan = true, .ecn = 1, .payload = "x"});
    for (size_t size = 0; size < whole.size(); ++size) {
      Frame cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
      cut.shrink_to_fit();  // an address sanitizer sees a look beyond
      const bool has_tcp = peek_tcp(cut).has_value();
      EXPECT_EQ(has_tcp, size + 1 >= whole.size());
      EXPECT_FALSE(describe(cut).empty());
      mark_ce(cut);
    }
    Rng rng(7);
    for (int i = 0; i < 20'000; ++i) {
      Frame wild = whole;
      for (int k = 0; k < 4; ++k) {
        wild[12 + rng.below(wild.size() - 12)] = static_cast<uint8_t>(rng.next());
      }
      wild.resize(rng.below(wild.size() + 1));
      wild.shrink_to_fit();
      describe(wild);
      packet_bytes(wild);
      mark_ce(wild);
    }
  }
}

TEST(FramePeek, MarksWhoSaysEct) {
  for (const bool v6 : {false, true}) {
    for (const uint8_t ecn : {1, 2, 3}) {
      Frame frame = segment({.v6 = v6, .ecn = ecn});
      EXPECT_TRUE(mark_ce(frame));
      EXPECT_EQ(frame, segment({.v6 = v6, .ecn = 3}));  // its checksum, too
    }
    Frame frame = segment({.v6 = v6});
    EXPECT_FALSE(mark_ce(frame));
    EXPECT_EQ(frame, segment({.v6 = v6}));
  }
  Frame plain = plain_frame(mac_of(1), mac_of(2), 100);
  EXPECT_FALSE(mark_ce(plain));
}

TEST(FramePeek, SaysItInALine) {
  EXPECT_EQ(describe(segment({.flags = kAck | kPsh, .ecn = 3, .payload = "abc"})),
            "10.0.0.1:4000 > 10.0.0.2:6379 [P.] seq 1000 ack 2000 win 512 len 3 CE");
  EXPECT_EQ(describe(plain_frame(mac_of(1), mac_of(2), 14)),
            "02:00:00:00:00:01 > 02:00:00:00:00:02 type 88b5");
  EXPECT_EQ(describe({}), "no Ethernet header");
}

TEST(FrameRules, MatchWhatTheySay) {
  const Frame ack = segment({});
  const Frame data = segment({.payload = "abc"});
  const Frame open = segment({.flags = kSyn});
  const Frame opened = segment({.flags = kSyn | kAck});
  const Frame fin = segment({.flags = kFin | kAck, .window = 0});
  const Frame reset = segment({.flags = kRst, .window = 0});
  const Frame plain = plain_frame(mac_of(1), mac_of(2), 60);
  // Which of the seven, in this order, are matched.
  const auto matched = [&](const FrameMatch& match) {
    std::string which;
    for (const Frame* frame : {&ack, &data, &open, &opened, &fin, &reset, &plain}) {
      which += match(*frame) ? '1' : '0';
    }
    return which;
  };
  EXPECT_EQ(matched(match::any()), "1111111");
  EXPECT_EQ(matched(match::tcp()), "1111110");
  EXPECT_EQ(matched(match::syn()), "0011000");
  EXPECT_EQ(matched(match::syn_ack()), "0001000");
  EXPECT_EQ(matched(match::fin()), "0000100");
  EXPECT_EQ(matched(match::rst()), "0000010");
  EXPECT_EQ(matched(match::data()), "0100000");
  EXPECT_EQ(matched(match::pure_ack()), "1000000");
  EXPECT_EQ(matched(match::zero_window()), "0000100");
  EXPECT_EQ(matched(match::starts_at({1000})), "1111110");
  EXPECT_EQ(matched(match::covers({1000})), "0111100");
  EXPECT_EQ(matched(match::covers({1002})), "0100000");
  EXPECT_EQ(matched(match::acks({2000})), "1101100");
  EXPECT_EQ(matched(match::to_port(6379)), "1111110");
  EXPECT_EQ(matched(match::from_port(6379)), "0000000");
  EXPECT_EQ(matched(match::ip_protocol(6)), "1111110");
  EXPECT_EQ(matched(match::ether_type(0x88b5)), "0000001");
  EXPECT_EQ(matched(match::arp()), "0000000");
  const IpAddress one = *IpAddress::parse("10.0.0.1");
  const IpAddress two = *IpAddress::parse("10.0.0.2");
  EXPECT_EQ(matched(match::between(one, two)), "1111110");
  EXPECT_EQ(matched(match::between(two, one)), "0000000");
  EXPECT_EQ(matched(match::all_of({match::tcp(), match::none_of({match::syn(), match::fin()})})),
            "1100010");
  EXPECT_EQ(matched(match::any_of({match::rst(), match::data()})), "0100010");
}

}  // namespace
}  // namespace pollux::tcp
