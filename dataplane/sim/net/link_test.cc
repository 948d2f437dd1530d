#include "dataplane/sim/net/link.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>
#include <vector>

#include "dataplane/sim/net/frame_peek.h"
#include "dataplane/sim/net/net_test_support.h"
#include "src/base/sanitized.h"

namespace pollux::tcp {
namespace {

using namespace flag;

// A byte takes 1 ns, and nothing comes on top.
constexpr LinkConfig kByteANanosecond = {
    .rate_bps = 8'000'000'000, .delay_ns = 10'000, .overhead_bytes = 0};

Frame frame_of(size_t bytes, uint64_t number = 0) {
  return plain_frame(mac_of(1), mac_of(2), bytes, number);
}

// ---- time ----

TEST(Link, RateAndDelayAreExact) {
  OneLink one(kByteANanosecond);
  one.link.send(frame_of(1000));
  EXPECT_EQ(one.link.free_at(), Moment{1000});
  one.link.send(frame_of(500));
  one.events.run_until(Moment{5000});
  one.link.send(frame_of(100));
  one.events.run_until_idle();
  ASSERT_EQ(one.end.got.size(), 3U);
  EXPECT_EQ(one.end.got[0].at, Moment{11'000});
  EXPECT_EQ(one.end.got[1].at, Moment{11'500});
  EXPECT_EQ(one.end.got[2].at, Moment{15'100});
}

TEST(Link, EthernetTakesItsShareOfTheWire) {
  OneLink one({.rate_bps = 10'000'000'000, .delay_ns = 0});
  one.link.send(frame_of(60));
  one.events.run_until_idle();
  EXPECT_EQ(one.end.got[0].at, Moment{67});  // 84 bytes: 67.2 ns, the 14.88 M/s of the books
  EXPECT_EQ(one.link.serialization_ns(1514), 1230);
}

// 67.2 ns each: rounded one by one they'd be 67'000.
TEST(Link, BusyLinksDoNotDrift) {
  OneLink one({.rate_bps = 10'000'000'000, .delay_ns = 0});
  for (int i = 0; i < 1000; ++i) {
    one.link.send(frame_of(60));
  }
  EXPECT_EQ(one.link.free_at(), Moment{67'200});
}

// Nor does one carry parts of nanoseconds over from before it was idle.
TEST(Link, IdleLinksBeginAnew) {
  OneLink one({.rate_bps = 10'000'000'000, .delay_ns = 0});
  one.send_numbered(20, /*gap_ns=*/100, /*bytes=*/60);
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(one.end.got[i].at, Moment{static_cast<int64_t>(i) * 100 + 67});
  }
}

// What was left of the division by the old rate is no part of the one by the new.
TEST(Link, RatesChange) {
  OneLink one({.rate_bps = 10'000'000'000, .delay_ns = 0});
  one.link.send(frame_of(60));
  one.link.set_rate(1'000);
  one.link.send(frame_of(101));
  EXPECT_EQ(one.link.free_at(), Moment{67 + kSecondNs});
}

TEST(Link, WithoutRateNothingTakesTime) {
  OneLink one({.rate_bps = 0, .delay_ns = 7});
  one.link.send(frame_of(1000));
  one.link.send(frame_of(1000));
  one.events.run_until_idle();
  EXPECT_EQ(one.end.got[1].at, Moment{7});
}

TEST(Link, JitterIsWithinItsBoundsAndKeepsTheOrder) {
  LinkConfig config = kByteANanosecond;
  config.jitter_ns = 5'000;
  OneLink one(config);
  one.send_numbered(2'000, /*gap_ns=*/1'000);
  ASSERT_EQ(one.end.got.size(), 2'000U);
  int64_t shortest = INT64_MAX;
  int64_t longest = 0;
  for (size_t i = 0; i < one.end.got.size(); ++i) {
    EXPECT_EQ(number_of(one.end.got[i].frame), i + 1);
    const int64_t took = one.end.got[i].at.ns - static_cast<int64_t>(i) * 1'000;
    shortest = std::min(shortest, took);
    longest = std::max(longest, took);
  }
  EXPECT_GE(shortest, 10'100);
  EXPECT_LT(shortest, 10'400);
  EXPECT_LE(longest, 15'100);
  EXPECT_GT(longest, 14'900);
}

// ---- queue ----

TEST(Link, QueueIsBoundedInFrames) {
  LinkConfig config = kByteANanosecond;
  config.queue_frames_max = 3;
  OneLink one(config);
  for (uint64_t i = 1; i <= 6; ++i) {
    one.link.send(frame_of(100, i));  // the first goes onto the wire at once
  }
  EXPECT_EQ(one.link.queued_frames(), 3U);
  EXPECT_EQ(one.count(NetEvent::kLostQueueFull), 2U);
  one.events.run_until(Moment{100});  // the second begins, and leaves its place
  one.link.send(frame_of(100, 7));
  one.events.run_until_idle();
  EXPECT_EQ(numbers_of(one.end.got), (std::vector<uint64_t>{1, 2, 3, 4, 7}));
}

TEST(Link, QueueIsBoundedInBytes) {
  LinkConfig config = kByteANanosecond;
  config.queue_bytes_max = 1'000;
  OneLink one(config);
  one.link.send(frame_of(1400));
  one.link.send(frame_of(600));
  one.link.send(frame_of(401));  // lost
  one.link.send(frame_of(400));
  EXPECT_EQ(one.link.queued_bytes(), 1'000U);
  EXPECT_EQ(one.link.queued_bytes_peak(), 1'000U);
  EXPECT_EQ(one.count(NetEvent::kLostQueueFull), 1U);
  one.events.run_until_idle();
  EXPECT_EQ(one.link.queued_bytes(), 0U);
  EXPECT_EQ(one.link.arrived_bytes(), 2'400U);
}

TEST(Link, MarksAboveTheThreshold) {
  LinkConfig config = kByteANanosecond;
  config.ecn_threshold_bytes = 3 * 54;
  OneLink one(config);
  // 54 bytes each, the first on the wire; the sixth is the first that finds more than three
  // waiting.
  for (int i = 0; i < 8; ++i) {
    one.link.send(segment({.ecn = static_cast<uint8_t>(i == 6 ? 0 : 2)}));
  }
  one.events.run_until_idle();
  std::vector<int> ecn;
  for (const Collector::Got& got : one.end.got) {
    ecn.push_back(peek_ip(got.frame)->ecn);
    EXPECT_EQ(internet_checksum(FrameView(got.frame).subspan(14, 20)), 0);
  }
  EXPECT_EQ(ecn, (std::vector<int>{2, 2, 2, 2, 2, 3, 0, 3}));
  EXPECT_EQ(one.count(NetEvent::kMarkedCe), 2U);
}

// ---- size ----

TEST(Link, BigPacketsVanishOrAreToldOf) {
  OneLink one;
  one.link.send(frame_of(1514));
  one.link.send(frame_of(1515));
  Frame tagged = segment({.vlan = true});
  tagged.resize(1518);
  one.link.send(tagged);
  std::vector<uint32_t> told;
  one.link.on_too_big([&](FrameView, uint32_t mtu) { told.push_back(mtu); });
  one.link.set_mtu(1400);
  one.link.send(frame_of(1415));
  one.events.run_until_idle();
  EXPECT_EQ(one.end.got.size(), 2U);
  EXPECT_EQ(one.count(NetEvent::kLostTooBig), 2U);
  EXPECT_EQ(told, (std::vector<uint32_t>{1400}));
}

TEST(Link, MtuChangesAtItsMoment) {
  OneLink one({}, 1, {.mtu_changes = {{Moment{2'000'000}, 1500}, {Moment{1'000'000}, 576}}});
  one.send_numbered(30, 100'000, /*bytes=*/1000);
  // Numbers 11 to 20 are sent from 1 ms on and before 2 ms.
  std::vector<uint64_t> expected;
  for (uint64_t i = 1; i <= 30; ++i) {
    if (i <= 10 || i > 20) {
      expected.push_back(i);
    }
  }
  EXPECT_EQ(numbers_of(one.end.got), expected);
}

// ---- partition ----

TEST(Link, DownLosesWhatIsSentAndWhatIsUnderWay) {
  LinkConfig config = kByteANanosecond;  // 10.1 us under way
  OneLink one(config, 1, {.down = {{Moment{50'000}, Moment{80'000}}}});
  one.send_numbered(10, 10'000);
  // 5 (sent at 40 us) would arrive at 50.1; 6 to 8 are sent while it is down.
  EXPECT_EQ(numbers_of(one.end.got), (std::vector<uint64_t>{1, 2, 3, 4, 9, 10}));
  EXPECT_EQ(one.count(NetEvent::kLostUnderWay), 1U);
  EXPECT_EQ(one.count(NetEvent::kLostDown), 3U);
}

// ---- chance ----

constexpr uint64_t kFrames = 20'000;

// Everything is accounted for.
void expect_balance(const OneLink& one) {
  EXPECT_EQ(one.count(NetEvent::kOffered) + one.count(NetEvent::kDuplicated) +
                one.count(NetEvent::kForged),
            one.count(NetEvent::kArrived) + one.link.lost());
  EXPECT_EQ(one.count(NetEvent::kOffered),
            one.count(NetEvent::kOnItsWay) + one.link.lost() - one.count(NetEvent::kLostUnderWay));
  EXPECT_EQ(one.link.in_flight(), 0U);
  EXPECT_EQ(one.end.got.size(), one.count(NetEvent::kArrived));
}

class LinkChance : public testing::TestWithParam<uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, LinkChance, testing::Range<uint64_t>(1, 1 + 8 / kSlowness));

// Bounds are five standard deviations and more; the seeds are fixed, so it holds or it does not.
TEST_P(LinkChance, LosesItsShare) {
  OneLink one({}, GetParam(), {.loss = 500});
  one.send_numbered(kFrames, 1'000);
  EXPECT_NEAR(static_cast<double>(one.count(NetEvent::kLostByChance)), 1'000, 160);
  expect_balance(one);
}

TEST_P(LinkChance, BurstsHaveTheirLengthAndShare) {
  OneLink one({}, GetParam(), {.bursts = {.begin = 100, .end = 2'000}});
  one.send_numbered(kFrames, 1'000);
  // In a burst 1 of 100 + 5 of its frames: begin / (begin + end).
  const auto lost = static_cast<double>(one.count(NetEvent::kLostInBurst));
  EXPECT_NEAR(lost, kFrames * 100.0 / 2'100, 250);
  uint64_t runs = 0;
  uint64_t last = 0;
  for (const uint64_t number : numbers_of(one.end.got)) {
    runs += number != last + 1;
    last = number;
  }
  EXPECT_NEAR(lost / static_cast<double>(runs), 5, 1.5);
  expect_balance(one);
}

// One chance a frame: in a burst that of bursts, else the other.
TEST_P(LinkChance, InABurstOnlyItsOwnChanceCounts) {
  OneLink one({}, GetParam(),
              {.loss = 5'000, .bursts = {.begin = 10'000, .end = 0, .loss = 2'000}});
  one.send_numbered(kFrames, 1'000);
  EXPECT_NEAR(static_cast<double>(one.count(NetEvent::kLostInBurst)), kFrames * 0.2, 250);
  EXPECT_EQ(one.count(NetEvent::kLostByChance), 0U);
}

TEST_P(LinkChance, DoublesItsShare) {
  OneLink one({}, GetParam(), {.duplicate = 1'000, .duplicate_ns_max = 500});
  one.send_numbered(kFrames, 1'000);
  EXPECT_NEAR(static_cast<double>(one.count(NetEvent::kDuplicated)), 2'000, 250);
  std::vector<uint64_t> numbers = numbers_of(one.end.got);
  EXPECT_EQ(numbers.size(), kFrames + one.count(NetEvent::kDuplicated));
  EXPECT_TRUE(std::ranges::is_sorted(numbers));  // copies are back before the next frame
  expect_balance(one);
}

TEST_P(LinkChance, LetsFramesOvertake) {
  OneLink one({}, GetParam(), {.reorder = 1'000, .reorder_ns_max = 3'000});
  one.send_numbered(kFrames, 1'000);
  EXPECT_NEAR(static_cast<double>(one.count(NetEvent::kReordered)), 2'000, 250);
  std::vector<uint64_t> numbers = numbers_of(one.end.got);
  uint64_t overtaken = 0;
  for (size_t i = 1; i < numbers.size(); ++i) {
    overtaken += numbers[i] < numbers[i - 1];
  }
  // Two of three are delayed by more than the gap; some of those beside each other.
  EXPECT_NEAR(static_cast<double>(overtaken), 1'300, 250);
  std::ranges::sort(numbers);
  for (uint64_t i = 0; i < kFrames; ++i) {
    ASSERT_EQ(numbers[i], i + 1);
  }
  expect_balance(one);
}

TEST_P(LinkChance, FlipsOneBitOfItsShare) {
  OneLink one({}, GetParam(), {.corrupt = 1'000, .corrupt_anywhere = true});
  one.send_numbered(kFrames, 1'000);
  uint64_t changed = 0;
  std::vector<bool> bytes_hit(100);
  for (size_t i = 0; i < one.end.got.size(); ++i) {
    const Frame sent = frame_of(100, i + 1);
    const Frame& got = one.end.got[i].frame;
    int bits = 0;
    for (size_t k = 0; k < sent.size(); ++k) {
      bits += std::popcount(static_cast<uint8_t>(sent[k] ^ got[k]));
      bytes_hit[k] = bytes_hit[k] || sent[k] != got[k];
    }
    ASSERT_LE(bits, 1);
    changed += static_cast<uint64_t>(bits);
  }
  EXPECT_EQ(changed, one.count(NetEvent::kCorrupted));
  EXPECT_NEAR(static_cast<double>(changed), 2'000, 250);
  EXPECT_EQ(std::ranges::count(bytes_hit, true), 100);
  expect_balance(one);
}

// By default only where a stack can know: in the IP packet, not in the Ethernet header, not in the
// padding behind the packet, and not in ARP.
TEST_P(LinkChance, FlipsBitsOfPacketsAlone) {
  for (const bool v6 : {false, true}) {
    OneLink one({}, GetParam(), {.corrupt = kChanceMax});
    Frame sent = segment({.v6 = v6, .vlan = true, .payload = "some bytes"});
    const size_t end = sent.size();
    sent.resize(end + 10);
    for (int i = 0; i < 4'000; ++i) {
      one.link.send(sent);
      one.events.run_until_idle();
    }
    std::vector<bool> bytes_hit(sent.size());
    for (const Collector::Got& got : one.end.got) {
      for (size_t k = 0; k < sent.size(); ++k) {
        bytes_hit[k] = bytes_hit[k] || sent[k] != got.frame[k];
      }
    }
    const size_t begin = 14 + 4;
    EXPECT_EQ(std::find(bytes_hit.begin(), bytes_hit.end(), true) - bytes_hit.begin(), begin);
    EXPECT_EQ(std::count(bytes_hit.begin(), bytes_hit.end(), true), end - begin);
    EXPECT_FALSE(bytes_hit[end]);
    EXPECT_EQ(one.count(NetEvent::kCorrupted), 4'000U);
  }
  OneLink one({}, GetParam(), {.corrupt = kChanceMax});
  Frame arp = frame_of(60);
  arp[12] = 0x08;
  arp[13] = 0x06;
  one.link.send(arp);
  one.events.run_until_idle();
  EXPECT_EQ(one.end.got[0].frame, arp);
  EXPECT_EQ(one.count(NetEvent::kCorrupted), 0U);
}

TEST_P(LinkChance, CutsItsShare) {
  OneLink one({}, GetParam(), {.truncate = 1'000});
  one.send_numbered(kFrames, 1'000);
  uint64_t cut = 0;
  size_t shortest = 100;
  for (const Collector::Got& got : one.end.got) {
    cut += got.frame.size() < 100;
    shortest = std::min(shortest, got.frame.size());
  }
  EXPECT_EQ(cut, one.count(NetEvent::kTruncated));
  EXPECT_NEAR(static_cast<double>(cut), 2'000, 250);
  EXPECT_EQ(shortest, 1U);
  expect_balance(one);
}

TEST_P(LinkChance, AllAtOnceAndAccountedFor) {
  LinkConfig config;
  config.queue_frames_max = 10;
  config.rate_bps = 1'000'000'000;
  OneLink one(config, GetParam(),
              {.loss = 300,
               .bursts = {.begin = 50},
               .duplicate = 300,
               .reorder = 300,
               .corrupt = 300,
               .corrupt_anywhere = true,
               .truncate = 300,
               .down = {{Moment{1'000'000}, Moment{1'200'000}}}});
  one.send_numbered(kFrames, 900);  // a little more than the link carries
  for (const NetEvent event :
       {NetEvent::kLostByChance, NetEvent::kLostInBurst, NetEvent::kLostDown,
        NetEvent::kLostUnderWay, NetEvent::kLostQueueFull, NetEvent::kDuplicated,
        NetEvent::kReordered, NetEvent::kCorrupted, NetEvent::kTruncated}) {
    EXPECT_GT(one.count(event), 0U) << name_of(event);
  }
  expect_balance(one);
}

TEST(Link, ChancesHaveTheirTime) {
  OneLink one({}, 1, {.from = Moment{100'000}, .until = Moment{200'000}, .loss = kChanceMax});
  one.send_numbered(30, 10'000);
  EXPECT_EQ(one.count(NetEvent::kLostByChance), 10U);
  EXPECT_EQ(number_of(one.end.got[9].frame), 10U);
  EXPECT_EQ(number_of(one.end.got[10].frame), 21U);
}

// What is lost on the wire has cost its time there.
TEST(Link, LostFramesTakeTheirTime) {
  OneLink one(kByteANanosecond, 1, {.rules = {drop_nth(1, match::any())}});
  one.link.send(frame_of(1000));
  one.link.send(frame_of(1000));
  one.events.run_until_idle();
  ASSERT_EQ(one.end.got.size(), 1U);
  EXPECT_EQ(one.end.got[0].at, Moment{12'000});
}

TEST(LinkDeathTest, RangesAreChecked) {
  OneLink one;
  EXPECT_DEATH(one.link.set_faults({.loss = kChanceMax + 1}), "kChanceMax");
  EXPECT_DEATH(one.link.set_faults({.duplicate_ns_max = -1}), "duplicate_ns_max");
  EXPECT_DEATH(one.link.set_faults({.reorder_ns_max = 0}), "reorder_ns_max");
  EXPECT_DEATH(one.link.set_faults({.down = {{Moment{5}, Moment{4}}}}), "until");
  EXPECT_DEATH(one.link.set_faults({.script = {{0, 1, FaultKind::kDelay, -1}}}), "value");
  EXPECT_DEATH(one.link.set_faults({.rules = {{.matches = match::any(), .value = -1}}}), "value");
  EXPECT_DEATH(
      one.link.set_faults({.rules = {{.matches = match::any(), .action = FaultKind::kStall}}}),
      "is_of_link");
  EXPECT_DEATH(one.link.set_delay(-1), "ns");
  EXPECT_DEATH(OneLink({.jitter_ns = -1}), "jitter_ns");
  EXPECT_DEATH(OneLink({.delay_ns = -1}), "delay_ns");
}

// ---- taps ----

// A checker of what a host sends must not blame it for what the link did.
TEST(Link, TapsSeeFramesAsTheyWereSent) {
  struct Tap final : LinkTap {
    void see(Moment, NetEvent event, FrameView frame) override {
      seen.emplace_back(event, Frame(frame.begin(), frame.end()));
    }
    std::vector<std::pair<NetEvent, Frame>> seen;
  } tap;
  OneLink one({}, 1,
              {.script = {{0, 1, FaultKind::kCorrupt, 99 * 8},
                          {0, 1, FaultKind::kTruncate, 50},
                          {0, 2, FaultKind::kCorrupt, 0},
                          {0, 2, FaultKind::kLose}}});
  one.link.add_tap(tap);
  one.send_numbered(2, 10'000);
  const Frame first = frame_of(100, 1);
  Frame flipped = first;
  flipped[99] ^= 1;
  const Frame cut(first.begin(), first.begin() + 50);
  const Frame second = frame_of(100, 2);
  Frame damaged = second;
  damaged[0] ^= 1;
  EXPECT_EQ(tap.seen,
            (std::vector<std::pair<NetEvent, Frame>>{{NetEvent::kOffered, first},
                                                     {NetEvent::kCorrupted, flipped},
                                                     {NetEvent::kTruncated, cut},
                                                     {NetEvent::kOnItsWay, cut},
                                                     {NetEvent::kArrived, cut},
                                                     {NetEvent::kOffered, second},
                                                     {NetEvent::kCorrupted, damaged},
                                                     {NetEvent::kLostByScript, damaged}}));
}

// ---- rules and scripts ----

TEST(Link, DropsExactlyTheOneMeant) {
  OneLink one({}, 1,
              {.rules = {drop_nth(2, match::fin()),
                         drop_nth(1, match::starts_at({1003})),
                         {.matches = match::pure_ack(), .first = 2, .count = 2},
                         {.matches = match::rst(),
                          .count = FrameRule::kAll,
                          .action = FaultKind::kDuplicate,
                          .value = 1}}});
  const auto send = [&](uint8_t flags, uint32_t seq, std::string_view payload = "") {
    one.link.send(segment({.flags = flags, .seq = seq, .payload = payload}));
    one.events.run_until_idle();
  };
  send(kSyn, 999);
  send(kAck, 1000);
  send(kAck | kPsh, 1000, "abc");
  send(kAck | kPsh, 1003, "def");  // lost
  send(kAck | kPsh, 1003, "def");
  send(kAck, 1006);  // lost
  send(kAck, 1006);  // lost
  send(kAck, 1006);
  send(kFin | kAck, 1006);
  send(kFin | kAck, 1006);  // lost
  send(kFin | kAck, 1006);
  send(kRst, 1007);  // doubled
  std::string got;
  for (const Collector::Got& one_got : one.end.got) {
    const std::optional<TcpPeek> tcp = peek_tcp(one_got.frame);
    got += tcp->syn ? 'S' : tcp->fin ? 'F' : tcp->rst ? 'R' : tcp->payload_bytes != 0 ? 'd' : 'a';
  }
  EXPECT_EQ(got, "SaddaFFRR");
  EXPECT_EQ(one.count(NetEvent::kLostByRule), 4U);
  EXPECT_EQ(one.link.matched(0), 3U);
  EXPECT_EQ(one.link.matched(2), 4U);
}

TEST(Link, ScriptsHitByNumber) {
  const std::vector<NetFault> script = {
      {0, 5, FaultKind::kDelay, 25'000}, {0, 2, FaultKind::kLose, 0},
      {1, 1, FaultKind::kLose, 0},  // of another link
      {0, 3, FaultKind::kTruncate, 50},  {0, 3, FaultKind::kCorrupt, 8},
      {0, 4, FaultKind::kDuplicate, 100}};
  OneLink one({}, 1, {.script = script});
  one.send_numbered(8, 10'000);
  EXPECT_EQ(numbers_of(one.end.got), (std::vector<uint64_t>{1, 3, 4, 4, 6, 7, 5, 8}));
  EXPECT_EQ(one.end.got[1].frame.size(), 50U);
  EXPECT_EQ(one.end.got[1].frame[1], frame_of(100)[1] ^ 1);
  EXPECT_EQ(one.count(NetEvent::kLostByScript), 1U);
  EXPECT_EQ(one.link.decided(),
            (std::vector<NetFault>{script[1], script[3], script[4], script[5], script[0]}));
  EXPECT_EQ(text(script[0]), "link 0 frame 5: delay 25000");
}

TEST(Link, AReplayOutlivesWhatIsSetLater) {
  OneLink one;
  const std::vector<NetFault> script = {{0, 3, FaultKind::kLose, 0},
                                        {0, 4, FaultKind::kStall, 7},  // of host 0
                                        {1, 5, FaultKind::kLose, 0}};
  one.link.replay(script);
  one.link.set_faults({.loss = kChanceMax,
                       .down = {{Moment{50'000}, Moment{60'000}}},
                       .rules = {drop_all(match::any())},
                       .script = {{0, 1, FaultKind::kLose, 0}}});
  one.send_numbered(8, 10'000);
  EXPECT_EQ(numbers_of(one.end.got), (std::vector<uint64_t>{1, 2, 4, 5, 7, 8}));
  EXPECT_EQ(one.link.decided(), (std::vector<NetFault>{script[0]}));
  EXPECT_EQ(one.link.matched(0), 7U) << "rules count all the same";
}

using Arrivals = std::vector<std::pair<int64_t, Frame>>;
Arrivals arrivals(const OneLink& one) {
  Arrivals all;
  for (const Collector::Got& got : one.end.got) {
    all.emplace_back(got.at.ns, got.frame);
  }
  return all;
}

TEST_P(LinkChance, WhatChanceDidIsAScript) {
  LinkConfig config;
  config.jitter_ns = 2'000;
  const LinkFaults faults = {.loss = 300,
                             .bursts = {.begin = 50},
                             .duplicate = 300,
                             .reorder = 300,
                             .corrupt = 300,
                             .corrupt_anywhere = true,
                             .truncate = 300,
                             .rules = {{.matches = match::any(), .first = 7, .count = 3}}};
  OneLink by_chance(config, GetParam(), faults);
  by_chance.send_numbered(5'000, 1'000);
  EXPECT_GT(by_chance.link.decided().size(), 300U);
  OneLink by_script(config, GetParam(), {.script = by_chance.link.decided()});
  by_script.send_numbered(5'000, 1'000);
  EXPECT_EQ(arrivals(by_script), arrivals(by_chance));
}

// What was decided of this kind.
std::vector<NetFault> decided_of(const OneLink& one, FaultKind kind) {
  std::vector<NetFault> some;
  std::ranges::copy_if(one.link.decided(), std::back_inserter(some),
                       [kind](const NetFault& fault) { return fault.kind == kind; });
  return some;
}

// A scenario is made simpler by taking chances out: the others must hit what they hit before.
TEST_P(LinkChance, NoChanceShiftsAnother) {
  const LinkFaults all = {
      .duplicate = 300, .reorder = 300, .corrupt = 300, .corrupt_anywhere = true, .truncate = 300};
  OneLink together({}, GetParam(), all);
  together.send_numbered(5'000, 1'000);
  const std::vector<std::pair<FaultKind, uint32_t LinkFaults::*>> kinds = {
      {FaultKind::kDuplicate, &LinkFaults::duplicate},
      {FaultKind::kDelay, &LinkFaults::reorder},
      {FaultKind::kCorrupt, &LinkFaults::corrupt},
      {FaultKind::kTruncate, &LinkFaults::truncate}};
  for (const auto& [kind, chance] : kinds) {
    LinkFaults faults;
    faults.corrupt_anywhere = true;
    faults.*chance = 300;
    OneLink alone({}, GetParam(), faults);
    alone.send_numbered(5'000, 1'000);
    EXPECT_GT(decided_of(alone, kind).size(), 50U);
    EXPECT_EQ(decided_of(alone, kind), decided_of(together, kind)) << static_cast<int>(kind);
  }
}

// Nor does one that is on for a time shift what it does later.
TEST_P(LinkChance, ChancesDependOnTheFrameAlone) {
  OneLink always({}, GetParam(), {.loss = 500});
  OneLink later({}, GetParam(), {.from = Moment{2'000'000}, .loss = 500});
  always.send_numbered(5'000, 1'000);
  later.send_numbered(5'000, 1'000);
  std::vector<NetFault> expected = always.link.decided();
  std::erase_if(expected, [](const NetFault& fault) { return fault.number <= 2'000; });
  EXPECT_EQ(later.link.decided(), expected);
}

}  // namespace
}  // namespace pollux::tcp
