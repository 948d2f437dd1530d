#include "dataplane/tcp/recovery/receive_window.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

constexpr Seq kStarts[] = {{0}, {0xffffff00}, {0x7fffff00}};

TEST(ReceiveWindowTest, Rfc9293_3_8_6_2_2_MovesByWholeSegments) {
  for (const Seq start : kStarts) {
    ReceiveWindow window(start + 4000, 0);
    // 3500 came and lie in the buffer; then they are read bit by bit.
    const Seq nxt = start + 3500;
    EXPECT_EQ(window.offer(nxt, {.free_bytes = 500, .buffer_bytes = 4000, .mss = 1000}), 500);
    EXPECT_EQ(window.offer(nxt, {.free_bytes = 1499, .buffer_bytes = 4000, .mss = 1000}), 500);
    EXPECT_EQ(window.offer(nxt, {.free_bytes = 1500, .buffer_bytes = 4000, .mss = 1000}), 1500);
    // A small buffer: half of it.
    EXPECT_EQ(window.offer(nxt, {.free_bytes = 1750, .buffer_bytes = 500, .mss = 1000}), 1750);
  }
}

TEST(ReceiveWindowTest, Rfc9293_3_8_6_TheEdgeStaysWhenTheBufferShrinks) {
  ReceiveWindow window(Seq{0} - 100, 0);
  EXPECT_EQ(window.offer(Seq{0} - 200, {.free_bytes = 0, .buffer_bytes = 0, .mss = 1000}), 100);
  EXPECT_EQ(window.offer(Seq{0} - 100, {.free_bytes = 0, .buffer_bytes = 0, .mss = 1000}), 0);
  EXPECT_EQ(window.edge(), Seq{0} - 100);
}

TEST(ReceiveWindowTest, Rfc7323_2_4_RoundsUpWhereTheEdgeWouldMoveLeft) {
  ReceiveWindow window(Seq{0}, 7);
  EXPECT_EQ(window.offer(Seq{0}, {.free_bytes = 10'000, .buffer_bytes = 10'000, .mss = 1000}), 78);
  EXPECT_EQ(window.edge(), Seq{78 * 128});
  // One byte came: 9983 are still offered, more than 77 units.
  EXPECT_EQ(window.offer(Seq{1}, {.free_bytes = 9'999, .buffer_bytes = 10'000, .mss = 1000}), 78);
  EXPECT_EQ(window.edge(), Seq{78 * 128 + 1});
}

// A window that was offered, by a segment behind the SYN.
ReceiveWindow offered(uint32_t bytes, uint8_t shift) {
  ReceiveWindow window(Seq{bytes}, shift);
  window.offer(Seq{0}, {.free_bytes = bytes, .buffer_bytes = bytes, .mss = 1000});
  return window;
}

TEST(ReceiveWindowTest, Rfc9293_3_8_6_2_2_UpdateIsDueAtTwoSegmentsOrHalfTheBuffer) {
  const ReceiveWindow window = offered(1000, 0);
  EXPECT_FALSE(window.update_due(Seq{0}, {.free_bytes = 2999, .buffer_bytes = 8000, .mss = 1000}));
  EXPECT_TRUE(window.update_due(Seq{0}, {.free_bytes = 3000, .buffer_bytes = 8000, .mss = 1000}));
  EXPECT_TRUE(window.update_due(Seq{0}, {.free_bytes = 2000, .buffer_bytes = 2000, .mss = 1000}));
  EXPECT_FALSE(window.update_due(Seq{0}, {.free_bytes = 500, .buffer_bytes = 2000, .mss = 1000}));
  // The field can say no more: 65535 are offered already.
  const ReceiveWindow wide = offered(65535, 0);
  EXPECT_FALSE(
      wide.update_due(Seq{0}, {.free_bytes = 1 << 20, .buffer_bytes = 1 << 20, .mss = 1000}));
}

// An update that is due and says nothing new would be due again at once, and for ever.
TEST(ReceiveWindowTest, Rfc7323_2_3_NoUpdateIsDueThatTheFieldCanNotTell) {
  const ReceiveWindow window = offered(0, 14);  // units of 16 KB
  EXPECT_FALSE(
      window.update_due(Seq{0}, {.free_bytes = 16'383, .buffer_bytes = 1 << 20, .mss = 1000}));
  EXPECT_TRUE(
      window.update_due(Seq{0}, {.free_bytes = 16'384, .buffer_bytes = 1 << 20, .mss = 1000}));
}

// What a SYN can't tell for want of a scale goes with the first segment that has another reason.
TEST(ReceiveWindowTest, Rfc7323_2_2_ForTheWindowOfTheSynAloneNoUpdateIsDue) {
  constexpr ReceiveWindow::Room kRoom{
      .free_bytes = 256 << 10, .buffer_bytes = 256 << 10, .mss = 1448};
  ReceiveWindow window(Seq{65535}, 7);
  EXPECT_FALSE(window.update_due(Seq{0}, kRoom));
  EXPECT_FALSE(window.update_due(Seq{14'480}, kRoom));
  EXPECT_EQ(window.offer(Seq{14'480}, kRoom), 2048);
  EXPECT_FALSE(window.update_due(Seq{14'480}, kRoom));
  EXPECT_TRUE(window.update_due(Seq{60'000}, kRoom));
}

TEST(ReceiveWindowTest, NeverMovesLeftNorBeyondTheRoomAndAnUpdateMovesIt) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    const auto shift = static_cast<uint8_t>(rng.below(15));
    const auto buffer = static_cast<uint32_t>(1000 + rng.below(1 << 20));
    Seq nxt = kStarts[seed % 3];
    ReceiveWindow window(nxt + std::min(buffer, 65535U), shift);
    uint32_t held = 0;
    for (int step = 0; step < 500; ++step) {
      const auto come = static_cast<uint32_t>(
          rng.below(std::min(window.offered_bytes(nxt), 5000U) + 1));
      nxt += come;
      held += come;
      held -= static_cast<uint32_t>(rng.below(held + 1));
      const Seq before = window.edge();
      const uint32_t free = buffer - std::min(buffer, held);
      const bool due = window.update_due(nxt, {free, buffer, 1460});
      const uint32_t offered = uint32_t{window.offer(nxt, {free, buffer, 1460})} << shift;
      ASSERT_TRUE(!due || window.edge() > before) << "seed " << seed;
      ASSERT_FALSE(window.update_due(nxt, {free, buffer, 1460})) << "seed " << seed;
      ASSERT_TRUE(nxt + offered >= before);
      ASSERT_EQ(window.edge(), nxt + offered);
      ASSERT_LE(offered, std::max(free, static_cast<uint32_t>(before - nxt)) + (1U << shift));
    }
  }
}

}  // namespace
}  // namespace pollux::tcp
