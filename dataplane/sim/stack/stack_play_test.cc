// Whole stacks against each other, everything by seed. POLLUX_SEED=n: one; POLLUX_SEEDS=n: many;
// both: so many from there on.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/sim/net/frame_peek.h"
#include "dataplane/sim/net/pcap.h"
#include "dataplane/sim/net/shrink.h"
#include "dataplane/sim/stack/stack_play.h"
#include "src/base/seeds.h"

namespace pollux::tcp {
namespace {

// What a failed seed leaves for whoever looks: the few faults that it takes, and a capture of all
// links with these alone.
std::string explain(uint64_t seed, const PlaySettings& settings) {
  std::vector<NetFault> faults;
  {
    StackPlay play(seed, settings);
    play.run();
    faults = play.network().decided();
  }
  const Shrunk shrunk = shrink(
      faults.size(),
      [&](const std::vector<size_t>& kept) {
        StackPlay again(seed, settings);
        again.network().replay(pick(faults, kept));
        return !again.run().empty();
      },
      /*tries_max=*/200);
  std::string text =
      "faults that it takes" + std::string(shrunk.minimal ? "" : ", or fewer") + ":\n";
  const std::vector<NetFault> few = pick(faults, shrunk.kept);
  for (const NetFault& fault : few) {
    text += "  " + pollux::tcp::text(fault) + "\n";
  }
  StackPlay last(seed, settings);
  last.network().replay(few);
  PcapWriter writer;
  for (uint32_t i = 0; i < last.network().links(); ++i) {
    writer.tap(last.network().link(i));
  }
  text += "with these: " + last.run();
  const std::string path = testing::TempDir() + "stack_play_" + std::to_string(seed) + ".pcapng";
  return text + (writer.save(path) ? "capture: " : "no capture: ") + path + "\n";
}

TEST(StackPlay, AllIsDeliveredWhateverGoesWrong) {
  const Seeds seeds = seeds_to_run(6'000);
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    StackPlay play(seed, wide_settings(seed));
    const std::string wrong = play.run();
    ASSERT_EQ(wrong, "") << "seed " << seed << "\n"
                         << play.network().report() << "\n"
                         << explain(seed, wide_settings(seed));
  }
}

// What a host says of its numbers over the play, in order.
struct Numbers final : LinkTap {
  void see(Moment, NetEvent event, FrameView frame) override {
    const std::optional<TcpPeek> tcp = peek_tcp(frame);
    if (event != NetEvent::kOffered || !tcp || tcp->payload_bytes == 0) {
      return;
    }
    sequence_wraps |= last_seq.value > 0xf0000000U && tcp->seq.value < 0x10000000U;
    last_seq = tcp->seq;
    largest = std::max(largest, static_cast<uint32_t>(frame.size()));
  }
  Seq last_seq{};
  bool sequence_wraps = false;
  uint32_t largest = 0;
};

// Those near the wrap, and NICs that cut, are among what is played.
TEST(StackPlay, SomeSeedsWrapAndSomeCut) {
  int wraps = 0;
  int cuts = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const PlaySettings settings = wide_settings(seed);
    cuts += settings.device.caps.segmented_bytes_max != 0;
    if (!settings.stack.listener.offsets) {
      continue;
    }
    StackPlay play(seed, settings);
    Numbers numbers;
    for (uint32_t i = 0; i < play.network().links(); ++i) {
      play.network().link(i).add_tap(numbers);
    }
    ASSERT_EQ(play.run(), "");
    wraps += numbers.sequence_wraps;
    EXPECT_LE(numbers.largest, settings.mtu + (settings.stack.interface.vlan != 0 ? 18 : 14));
  }
  EXPECT_GE(wraps, 10);
  EXPECT_GE(cuts, 10);
}

// As many as one switch takes. Connections may break: a server's ring is for a few.
TEST(StackPlay, TwoHundredStacksAtOneSwitch) {
  PlaySettings settings = drawn_settings(1);
  settings.v6 = false;
  settings.clients = 199;
  settings.connections = 2;
  settings.streams.bytes_max = 20'000;
  settings.hard = true;
  StackPlay play(1, settings);
  EXPECT_EQ(play.run(), "");
  EXPECT_GE(play.app(0).complete(), 300U);
}

TEST(StackPlay, ASeedIsTheSameRunAgain) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    StackPlay one(seed, wide_settings(seed));
    StackPlay other(seed, wide_settings(seed));
    EXPECT_EQ(one.run(), other.run());
    EXPECT_EQ(one.network().trace().hash(), other.network().trace().hash());
  }
}

}  // namespace
}  // namespace pollux::tcp
