#include "src/data/expiry_wheel.h"

#include <gtest/gtest.h>

#include <climits>
#include <cstring>
#include <initializer_list>
#include <map>
#include <vector>

#include "src/base/rng.h"

namespace pollux {
namespace {

class ExpiryWheelTest : public testing::Test {
 protected:
  Handle add(int64_t at_ms) {
    const Handle handle = heap_.allocate(Entry::bytes_for(1, true, 0));
    Entry* entry = entry_at(handle);
    entry->format(ValueType::kString, Encoding::kRaw, /*has_expiry=*/true, 0);
    entry->set_key("k");
    entry->expiry().at_ms = at_ms;
    wheel_.schedule(handle);
    return handle;
  }
  void remove(Handle handle) {
    wheel_.unschedule(handle);
    heap_.free(handle);
  }
  // As Edit does when an entry changes its size.
  Handle move(Handle handle) {
    const Handle to = heap_.allocate(Entry::bytes_for(1, true, 0));
    std::memcpy(heap_.address(to), heap_.address(handle), Entry::bytes_for(1, true, 0));
    wheel_.moved(to);
    heap_.free(handle);
    return to;
  }
  Entry* entry_at(Handle handle) { return reinterpret_cast<Entry*>(heap_.address(handle)); }
  std::vector<int64_t> drain(int64_t limit_ms) {
    std::vector<int64_t> times;
    int64_t steps = INT64_MAX;
    while (const Handle handle = wheel_.next_due(limit_ms, steps)) {
      times.push_back(entry_at(handle)->expiry().at_ms);
      remove(handle);
    }
    return times;
  }

  EntryHeap heap_{nullptr};
  ExpiryWheel wheel_{heap_, 0};
};

TEST_F(ExpiryWheelTest, YieldsInOrderOfTimeUpToTheLimit) {
  for (int64_t at :
       std::initializer_list<int64_t>{5'000, 70, 70, 1, 1'700'000'000'000, 64, 63, 4'096}) {
    add(at);
  }
  EXPECT_EQ(drain(64), (std::vector<int64_t>{1, 63, 64}));
  EXPECT_EQ(drain(69), (std::vector<int64_t>{}));
  EXPECT_EQ(drain(4'999), (std::vector<int64_t>{70, 70, 4'096}));
  EXPECT_EQ(drain(INT64_MAX), (std::vector<int64_t>{5'000, 1'700'000'000'000}));
  EXPECT_EQ(wheel_.size(), 0U);
}

TEST_F(ExpiryWheelTest, PastAndExtremeTimes) {
  drain(1'000'000);
  add(INT64_MIN);
  add(-1);
  add(10);
  add(INT64_MAX);
  EXPECT_EQ(drain(1'000'000).size(), 3U);
  EXPECT_LE(wheel_.next_ms(), INT64_MAX);
  EXPECT_TRUE(drain(INT64_MAX - 1).empty());
  EXPECT_EQ(drain(INT64_MAX), (std::vector<int64_t>{INT64_MAX}));
}

TEST_F(ExpiryWheelTest, NextIsNeverLateAndReachesTheTime) {
  drain(1'000);
  add(987'654'321);
  int wakes = 0;
  while (drain(wheel_.next_ms()).empty()) {
    ASSERT_LE(wheel_.next_ms(), 987'654'321);
    ASSERT_LT(++wakes, 12);
  }
  EXPECT_EQ(wheel_.next_ms(), INT64_MAX);
}

TEST_F(ExpiryWheelTest, StepsBoundTheWorkOfOneCall) {
  for (int i = 0; i < 1'000; ++i) {
    add(5'000'000 + i);
  }
  int calls = 0;
  size_t seen = 0;
  int64_t last = 0;
  while (seen < 1'000) {
    int64_t steps = 10;
    const Handle handle = wheel_.next_due(6'000'000, steps);
    ++calls;
    if (handle == kNoHandle) {
      ASSERT_LT(steps, 0);
      // What is scheduled in the middle of a move still comes in its turn.
      if (calls < 20) {
        remove(add(5'000'500));
      }
      continue;
    }
    const int64_t at_ms = entry_at(handle)->expiry().at_ms;
    ASSERT_GE(at_ms, last);
    last = at_ms;
    remove(handle);
    ++seen;
  }
  EXPECT_GT(calls, 1'100);
}

TEST_F(ExpiryWheelTest, BehavesAsAMultimap) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    Rng rng(seed);
    std::multimap<int64_t, Handle> model;
    std::map<Handle, std::multimap<int64_t, Handle>::iterator> by_handle;
    int64_t now = 1'700'000'000'000 + static_cast<int64_t>(rng.below(1'000'000));
    drain(now);
    for (int step = 0; step < 8'000; ++step) {
      const uint64_t what = rng.below(100);
      if (what < 50) {
        const int64_t at = now - 50 + static_cast<int64_t>(rng.next() >> (24 + rng.below(39)));
        const Handle handle = add(at);
        by_handle[handle] = model.emplace(at, handle);
      } else if (what < 75 && !model.empty()) {
        auto it = by_handle.lower_bound(static_cast<Handle>(rng.next()));
        it = it == by_handle.end() ? by_handle.begin() : it;
        const Handle handle = it->first;
        const int64_t at = it->second->first;
        model.erase(it->second);
        by_handle.erase(it);
        if (what < 65) {
          remove(handle);
        } else {
          const Handle to = move(handle);
          by_handle[to] = model.emplace(at, to);
        }
      } else if (what < 95) {
        // Time goes on by anything from nothing to minutes, handled in slices.
        now += static_cast<int64_t>(rng.next() >> (46 + rng.below(18)));
        int64_t steps = static_cast<int64_t>(rng.below(20));
        const int64_t slices = static_cast<int64_t>(rng.below(50));
        for (int64_t i = 0; i < slices; ++i) {
          const Handle handle = wheel_.next_due(now, steps);
          if (handle == kNoHandle) {
            if (steps >= 0) {
              ASSERT_TRUE(model.empty() || model.begin()->first > now);
            }
            break;
          }
          const auto it = by_handle.find(handle);
          ASSERT_NE(it, by_handle.end());
          ASSERT_LE(it->second->first, now);
          model.erase(it->second);
          by_handle.erase(it);
          remove(handle);
        }
      } else {
        const std::vector<int64_t> times = drain(now);
        for (int64_t at : times) {
          ASSERT_FALSE(model.empty());
          by_handle.erase(model.begin()->second);
          ASSERT_LE(at, now);
          model.erase(model.begin());
        }
        ASSERT_TRUE(model.empty() || model.begin()->first > now);
        by_handle.clear();
        for (auto it = model.begin(); it != model.end(); ++it) {
          by_handle[it->second] = it;
        }
      }
      ASSERT_EQ(wheel_.size(), model.size());
      if (!model.empty()) {
        ASSERT_LE(wheel_.next_ms(), std::max(now, model.begin()->first));
      } else {
        ASSERT_EQ(wheel_.next_ms(), INT64_MAX);
      }
    }
    drain(INT64_MAX);
    wheel_.~ExpiryWheel();
    new (&wheel_) ExpiryWheel(heap_, 0);
  }
}

}  // namespace
}  // namespace pollux
