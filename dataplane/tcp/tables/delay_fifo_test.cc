#include "dataplane/tcp/tables/delay_fifo.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

class Nodes {
 public:
  explicit Nodes(size_t count) : nodes_(count) {}
  DelayNode& delayed(uint32_t index) { return nodes_[index]; }

 private:
  std::vector<DelayNode> nodes_;
};

using Fifo = DelayFifo<Nodes>;
using Indices = std::vector<uint32_t>;

Indices advance(Fifo& fifo, Moment now, size_t count_max = SIZE_MAX) {
  Indices due;
  fifo.advance(now, count_max, [&due](uint32_t index) { due.push_back(index); });
  return due;
}

TEST(DelayFifoTest, FirstInFirstOut) {
  Nodes nodes(3);
  Fifo fifo(nodes, kMillisecondNs);
  EXPECT_EQ(fifo.next_deadline(), kNever);
  fifo.push(2, Moment{10});
  fifo.push(0, Moment{20});
  fifo.push(2, Moment{30});  // waits already
  fifo.push(1, Moment{15});  // time went back
  EXPECT_EQ(fifo.next_deadline(), Moment{10} + kMillisecondNs);
  EXPECT_EQ(advance(fifo, Moment{9} + kMillisecondNs), Indices{});
  EXPECT_EQ(advance(fifo, Moment{10} + kMillisecondNs), Indices{2});
  EXPECT_EQ(advance(fifo, Moment{kSecondNs}, 1), Indices{0});
  EXPECT_EQ(advance(fifo, Moment{kSecondNs}), Indices{1});
  EXPECT_EQ(fifo.next_deadline(), kNever);
}

TEST(DelayFifoTest, PushAndCancelFromInside) {
  Nodes nodes(3);
  Fifo fifo(nodes, kMillisecondNs);
  for (uint32_t i = 0; i < 3; ++i) {
    fifo.push(i, Moment{0});
  }
  Indices due;
  fifo.advance(Moment{kMillisecondNs}, SIZE_MAX, [&](uint32_t index) {
    due.push_back(index);
    fifo.cancel(1);
    fifo.push(index, Moment{kMillisecondNs});
  });
  EXPECT_EQ(due, Indices({0, 2}));
  EXPECT_EQ(advance(fifo, Moment{2 * kMillisecondNs}), Indices({0, 2}));
}

TEST(DelayFifoTest, AgreesWithAMap) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Rng rng(seed);
    constexpr uint32_t kNodes = 50;
    constexpr int64_t kDelay = 1000;
    Nodes nodes(kNodes);
    Fifo fifo(nodes, kDelay);
    std::map<uint32_t, Moment> oracle;
    Moment now{-5000};
    for (int step = 0; step < 20'000; ++step) {
      const auto index = static_cast<uint32_t>(rng.below(kNodes));
      if (rng.below(3) > 0) {
        fifo.push(index, now);
        oracle.emplace(index, now + kDelay);
      } else {
        fifo.cancel(index);
        oracle.erase(index);
      }
      now = now + static_cast<int64_t>(rng.below(100));
      Moment next = kNever;
      for (const auto& [waiting, due] : oracle) {
        next = std::min(next, due);
      }
      ASSERT_EQ(fifo.next_deadline(), next);
      for (const uint32_t due : advance(fifo, now, rng.below(10))) {
        ASSERT_LE(oracle.at(due), now);
        ASSERT_LE(next, oracle.at(due));
        next = oracle.at(due);
        oracle.erase(due);
      }
    }
  }
}

}  // namespace
}  // namespace pollux::tcp
