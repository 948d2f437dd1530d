#include "dataplane/engine/durable_gate.h"

#include <gtest/gtest.h>

#include <deque>

#include "src/base/rng.h"

namespace pollux {
namespace {

TEST(DurableGateTest, BytesLeaveInOrderWhenWhatTheyShowIsOnDisk) {
  DurableGate gate;
  gate.note(10, {1}, {1});
  EXPECT_EQ(gate.open({1}), SIZE_MAX) << "all is on disk";
  gate.consume(4);  // and the rest could leave, too
  gate.note(15, {2}, {1});
  gate.note(18, {4}, {1});
  EXPECT_EQ(gate.open({1}), 6U);
  EXPECT_EQ(gate.open({2}), 15U);
  gate.consume(15);
  EXPECT_EQ(gate.open({3}), 0U);
  EXPECT_EQ(gate.open({4}), SIZE_MAX);
}

// Beside the ticket of each byte.
TEST(DurableGateTest, AgreesWithAModel) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Rng rng(seed);
    DurableGate gate;
    std::deque<uint64_t> bytes;  // unsent: what each may wait for
    uint64_t shown = 0;
    uint64_t durable = 0;
    for (int i = 0; i < 2'000; ++i) {
      shown += rng.below(2);
      durable += rng.below(seed % 2 == 0 ? 40 : 2) == 0 ? rng.below(shown - durable + 1) : 0;
      bytes.insert(bytes.end(), rng.below(4), shown);
      gate.note(bytes.size(), {shown}, {durable});
      size_t expected = 0;
      while (expected < bytes.size() && bytes[expected] <= durable) {
        ++expected;
      }
      const size_t open = std::min(gate.open({durable}), bytes.size());
      ASSERT_EQ(open, expected) << seed;
      const size_t sent = rng.below(open + 1);
      gate.consume(sent);
      bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(sent));
    }
  }
}

}  // namespace
}  // namespace pollux
