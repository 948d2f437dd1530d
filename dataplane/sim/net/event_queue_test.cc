#include "dataplane/sim/net/event_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

TEST(EventQueue, HappensInOrderOfTimeThenOfCalls) {
  EventQueue events;
  std::string seen;
  events.schedule(Moment{20}, [&] { seen += 'c'; });
  events.schedule(Moment{10}, [&] { seen += 'a'; });
  events.schedule(Moment{20}, [&] { seen += 'd'; });
  events.schedule(Moment{10}, [&] { seen += 'b'; });
  EXPECT_EQ(events.next(), Moment{10});
  EXPECT_TRUE(events.run_until_idle());
  EXPECT_EQ(seen, "abcd");
  EXPECT_EQ(events.now(), Moment{20});
  EXPECT_EQ(events.happened(), 4U);
  EXPECT_EQ(events.next(), kNever);
}

TEST(EventQueue, WhatIsDueInThePastHappensNow) {
  EventQueue events(Moment{100});
  std::vector<int64_t> at;
  events.schedule(Moment{5}, [&] {
    at.push_back(events.now().ns);
    events.schedule(Moment{7}, [&] { at.push_back(events.now().ns); });
  });
  events.run_until_idle();
  EXPECT_EQ(at, (std::vector<int64_t>{100, 100}));
}

TEST(EventQueue, NeverIsNotKept) {
  EventQueue events;
  EXPECT_FALSE(events.schedule(kNever, [] {}).is_set());
  EXPECT_EQ(events.pending(), 0U);
  EXPECT_FALSE(events.cancel({}));
}

TEST(EventQueue, CancelledOnceAndForAll) {
  EventQueue events;
  int happened = 0;
  const EventQueue::EventId id = events.schedule(Moment{1}, [&] { ++happened; });
  EXPECT_TRUE(events.cancel(id));
  EXPECT_FALSE(events.cancel(id));
  // The slot goes to another, which the old id does not mean.
  const EventQueue::EventId other = events.schedule(Moment{1}, [&] { ++happened; });
  EXPECT_EQ(other.slot, id.slot);
  EXPECT_FALSE(events.cancel(id));
  events.run_until_idle();
  EXPECT_EQ(happened, 1);
  EXPECT_FALSE(events.cancel(other));
}

TEST(EventQueue, RunsUpToAMoment) {
  EventQueue events;
  int happened = 0;
  for (const int64_t at : {5, 10, 11}) {
    events.schedule(Moment{at}, [&] { ++happened; });
  }
  EXPECT_TRUE(events.run_until(Moment{10}));
  EXPECT_EQ(happened, 2);
  EXPECT_EQ(events.now(), Moment{10});
  EXPECT_TRUE(events.run_for(100));
  EXPECT_EQ(events.now(), Moment{110});
}

TEST(EventQueue, RunsUntilSomethingHolds) {
  EventQueue events;
  int happened = 0;
  for (const int64_t at : {5, 10, 15}) {
    events.schedule(Moment{at}, [&] { ++happened; });
  }
  EXPECT_TRUE(events.run_until([&] { return happened == 2; }, Moment{100}));
  EXPECT_EQ(events.now(), Moment{10});
  EXPECT_FALSE(events.run_until([&] { return happened == 4; }, Moment{100}));
  EXPECT_EQ(events.now(), Moment{100});
}

TEST(EventQueue, NeverIsNoMomentToRunTo) {
  EventQueue events;
  events.schedule(Moment{5}, [] {});
  EXPECT_TRUE(events.run_until(kNever));
  EXPECT_EQ(events.now(), Moment{5});
  EXPECT_FALSE(events.run_until([] { return false; }, kNever));
  EXPECT_EQ(events.now(), Moment{5});
}

TEST(EventQueue, WhoGoesInCirclesIsStopped) {
  EventQueue events;
  std::function<void()> again = [&] { events.schedule_in(0, again); };
  again();
  EXPECT_FALSE(events.run_until_idle(1000));
  EXPECT_FALSE(events.run_until(Moment{5}, 1000));
  const uint64_t before = events.happened();
  EXPECT_FALSE(events.run_until([] { return false; }, Moment{5}, 1000));
  EXPECT_EQ(events.happened() - before, 1000U);
  EXPECT_EQ(events.now(), Moment{0});
}

// Against a multimap, which keeps equal keys in the order in which they came.
TEST(EventQueue, AgreesWithAMap) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Rng rng(seed);
    EventQueue events;
    std::multimap<int64_t, int> model;
    std::vector<EventQueue::EventId> ids;
    std::vector<int> happened;
    std::vector<std::multimap<int64_t, int>::iterator> places;
    std::vector<bool> gone;
    for (int i = 0; i < 3000; ++i) {
      const auto at = static_cast<int64_t>(rng.below(500));
      ids.push_back(events.schedule(Moment{at}, [&happened, i] { happened.push_back(i); }));
      places.push_back(model.emplace(at, i));
      gone.push_back(false);
      // Two of three are cancelled, so that the heap is cleared now and then.
      for (int k = 0; k < 2 && rng.below(3) != 0; ++k) {
        const size_t victim = rng.below(ids.size());
        ASSERT_EQ(events.cancel(ids[victim]), !gone[victim]);
        if (!gone[victim]) {
          model.erase(places[victim]);
          gone[victim] = true;
        }
      }
      ASSERT_EQ(events.pending(), model.size());
    }
    std::vector<int> expected;
    for (const auto& [at, i] : model) {
      expected.push_back(i);
    }
    events.run_until_idle();
    ASSERT_EQ(happened, expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace pollux::tcp
