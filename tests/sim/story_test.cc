// Plays that need more than actors: time that differs between workers, and the journal's history.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "dataplane/sim/history_checker.h"
#include "src/base/log.h"
#include "src/base/seeds.h"
#include "tests/sim/parts.h"
#include "tests/sim/play.h"

namespace pollux {
namespace {

constexpr uint64_t kSeeds = 4'000;

// ---- expiry ----

// Everybody's knowledge of keys with a time to live that nobody writes again.
struct Mortality {
  Keys keys;
  std::set<std::string> gone;
  int64_t size_seen = INT64_MAX;  // of the database: it can only fall
};

// Looks at keys in all ways there are: one that was gone when the question was asked is never seen.
class Mourner final : public Actor {
 public:
  Mourner(SimEngine& sim, int worker, uint64_t seed, int rounds, Mortality& all)
      : Actor(sim, worker, seed, rounds), all_(all) {}

 private:
  void act() override {
    const std::string& key = all_.keys[below(all_.keys.size())];
    const std::string& other = all_.keys[below(all_.keys.size())];
    switch (below(8)) {
      case 0:
        ask({"GET", key}, seen_by(key, [](const Answer& a) { return !a.is_null(); }));
        break;
      case 1:
      case 2:
        ask({"MGET", other, key}, seen_by(key, [](const Answer& a) {
              return !a.elements.at(1).is_null();
            }));
        break;
      case 3:
        ask({"PTTL", key}, seen_by(key, [](const Answer& a) { return a.number != -2; }));
        break;
      case 4:
      case 5:
        ask({"KEYS", key}, seen_by(key, [](const Answer& a) { return !a.elements.empty(); }));
        break;
      case 6:
        ask({"RANDOMKEY"}, [this, gone = all_.gone](const Answer& answer) {
          if (gone.contains(answer.text)) {
            fail("RANDOMKEY brought back " + answer.text);
          }
        });
        break;
      default:
        ask({"DBSIZE"}, [this, before = all_.size_seen](const Answer& answer) {
          if (answer.number > before) {
            fail("the database grew to " + answer.shown());
          }
          all_.size_seen = std::min(all_.size_seen, answer.number);
        });
        break;
    }
  }

  template <typename Seen>
  TestClient::Check seen_by(const std::string& key, Seen seen) {
    return [this, key, seen, was_gone = all_.gone.contains(key)](const Answer& answer) {
      if (!seen(answer)) {
        all_.gone.insert(key);
      } else if (was_gone) {
        fail(key + " came back to life: " + answer.shown());
      }
    };
  }

  Mortality& all_;
};

TEST(ExpiryTest, AKeySeenExpiredStaysSo) {
  const Seeds seeds = seeds_to_run(kSeeds);
  uint64_t expired = 0;
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    Rng rng(seed);
    Scheduler scheduler({.workers = 2 + static_cast<int>(rng.below(3)),
                         .seed = seed,
                         .cells_per_channel = 2});
    // With active expiry the owner soon removes what is due; without, keys lie there expired.
    scheduler.sim().config().change(
        [&rng](Config& config) { config.active_expiry = rng.below(4) == 0; });
    Stage stage{.sim = scheduler.sim(), .rng = rng, .rounds = 24};
    Mortality all;
    all.keys = spread_keys(stage, "mortal", 20);
    for (const std::string& key : all.keys) {
      stage.at_first.push_back({"SET", key, "v", "PX", std::to_string(4 + rng.below(16))});
    }
    for (int i = 0; i < 5; ++i) {
      stage.enter<Mourner>(stage.any_worker(), stage.rounds, all);
    }
    ASSERT_EQ(perform(scheduler, stage), "") << "replay with POLLUX_SEED=" << seed;
    expired += all.gone.size();
  }
  EXPECT_GT(expired, seeds.count * 5) << "hardly any key expired: this tests nothing";
}

// ---- the history ----

// Where in the one history each counter's increments stand.
class Places {
 public:
  explicit Places(const Keys& counters) : counters_(counters), places_(counters.size()) {}

  void take(std::string_view commands) {
    for (size_t at = 0; (at = commands.find('*', at)) != std::string_view::npos; ++at) {
      for (size_t i = 0; i < counters_.size(); ++i) {
        if (commands.substr(at).starts_with(encode({"INCR", counters_[i]}))) {
          places_[i].push_back(next_++);
        }
      }
    }
  }
  uint64_t place(int counter, int64_t increment) const {
    return places_.at(static_cast<size_t>(counter)).at(static_cast<size_t>(increment) - 1);
  }

 private:
  Keys counters_;
  std::vector<std::vector<uint64_t>> places_;
  uint64_t next_ = 0;
};

// One counter per worker, and nothing else is written: so a worker's n-th change is the increment
// that answered n.
struct Increment {
  int worker = 0;
  int64_t number = 0;
};
struct Link {
  Increment cause;
  Increment effect;
};

// Reads and increments counters: whatever it knew when it sent an increment is a cause of that, and
// so are the increments that it sent before.
class Walker final : public Actor {
 public:
  Walker(SimEngine& sim, int worker, uint64_t seed, int rounds, Keys counters,
         std::vector<Link>& links)
      : Actor(sim, worker, seed, rounds),
        counters_(std::move(counters)),
        known_(counters_.size()),
        links_(links) {}

 private:
  void act() override {
    for (uint64_t n = 1 + below(4); n > 0; --n) {
      const size_t which = below(counters_.size());
      switch (below(4)) {
        case 0:
          ask({"GET", counters_[which]},
              [this, which](const Answer& answer) { learn(which, answer); });
          break;
        case 1: {
          Request request{"MGET"};
          request.insert(request.end(), counters_.begin(), counters_.end());
          ask(request, [this](const Answer& answer) {
            for (size_t i = 0; i < answer.elements.size(); ++i) {
              learn(i, answer.elements[i]);
            }
          });
          break;
        }
        default:
          ask({"INCR", counters_[which]}, [this, which, known = known_](const Answer& answer) {
            const Increment mine{static_cast<int>(which), answer.number};
            for (size_t i = 0; i < known.size(); ++i) {
              link({static_cast<int>(i), known[i]}, mine);
            }
            link(last_, mine);
            last_ = mine;
            known_[which] = std::max(known_[which], answer.number);
          });
          break;
      }
    }
  }

  void learn(size_t which, const Answer& answer) {
    int64_t number = 0;
    std::from_chars(answer.text.data(), answer.text.data() + answer.text.size(), number);
    known_[which] = std::max(known_[which], number);
  }

  void link(const Increment& cause, const Increment& effect) {
    if (cause.number > 0 && cause.worker != effect.worker) {
      links_.push_back({cause, effect});
    }
  }

  Keys counters_;
  std::vector<int64_t> known_;  // by counter
  Increment last_;
  std::vector<Link>& links_;
};

TEST(HistoryTest, EveryCauseStandsBeforeItsEffect) {
  const Seeds seeds = seeds_to_run(kSeeds);
  size_t links_in_all = 0;
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    Rng rng(seed);
    const int workers = 2 + static_cast<int>(rng.below(3));
    HistoryChecker history(workers);
    Scheduler scheduler(
        {.workers = workers, .seed = seed, .cells_per_channel = 2, .journal = &history.journal()});
    Stage stage{.sim = scheduler.sim(), .rng = rng, .rounds = 8};
    Keys counters;
    for (int worker = 0; worker < workers; ++worker) {
      counters.push_back(stage.sim.key_on(worker, "counter"));
    }
    std::vector<Link> links;
    for (int i = 0; i < 5; ++i) {
      stage.enter<Walker>(stage.any_worker(), stage.rounds, counters, links);
    }
    ASSERT_EQ(perform(scheduler, stage), "") << "replay with POLLUX_SEED=" << seed;
    Places places(counters);
    history.take([&places](const JournalPart& part) { places.take(part.bytes); });
    ASSERT_TRUE(history.dense()) << "replay with POLLUX_SEED=" << seed;
    for (const auto& [cause, effect] : links) {
      ASSERT_LT(places.place(cause.worker, cause.number),
                places.place(effect.worker, effect.number))
          << "replay with POLLUX_SEED=" << seed;
    }
    links_in_all += links.size();
  }
  EXPECT_GT(links_in_all, seeds.count * 10) << "hardly any causes: this tests nothing";
}

}  // namespace
}  // namespace pollux
