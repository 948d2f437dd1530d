// Servers that append their history, crash at any moment and start again, by seed, while clients
// write, wait, read and remember: what is there afterwards is what there was at one moment, and not
// before the last one that anybody was promised (witnesses.h).
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "src/base/log.h"
#include "src/base/seeds.h"
#include "tests/sim/lives.h"
#include "tests/sim/witnesses.h"

namespace pollux {
namespace {

// What happens beside the clients.
struct Weather {
  bool orders = true;    // BGREWRITEAOF, BGSAVE
  bool policies = true;  // appendfsync
  bool turns = false;    // appendonly no and yes
  bool reloads = false;  // DEBUG LOADAOF
  bool flushes = true;
  bool stalls = true;
  bool fills = false;  // the disk is full for a while
  bool syncs = false;  // they fail
  int lives = 3;

  bool is_fair() const { return !fills && !syncs; }
};

// A test that never comes to what it is about finds nothing.
struct Seen {
  int crashes = 0;
  int crashes_at_start = 0;
  int survivors = 0;
  int ends = 0;  // without a crash
  int64_t rewrites = 0;
  uint64_t saves = 0;
  uint64_t reloads = 0;
  int64_t waits = 0;  // for the disk
  int looks = 0;      // at servers that live
  int64_t errors = 0;  // lives in which the disk failed, or crashed
  int always = 0;  // periods
  int everysec = 0;
  int holes = 0;  // in values that nobody was promised
};

class Operator {
 public:
  Operator(LiveServer& server, const Weather& weather, Promise& promise)
      : server_(server),
        weather_(weather),
        promise_(promise),
        client_(server.scheduler.connect(0)) {}

  void act() {
    client_.receive();
    Rng& rng = server_.rng();
    if (client_.awaited() == 0 && rng.below(250) == 0) {
      order();
    }
    if (client_.awaited() == 0 && promise_.kind() == Promise::Kind::kNone && server_.settled()) {
      promise();
    }
    if (rng.below(150) == 0) {
      server_.advance_us(static_cast<int64_t>(rng.below(300'000)));
    }
    if (weather_.fills && rng.below(1'500) == 0) {
      server_.disk.set_space(full_ ? UINT64_MAX : 0);
      full_ = !full_;
    }
  }

  // There is a history on a disk that works.
  bool keeps() {
    return client_.awaited() == 0 && server_.settled() && server_.keeps() &&
           server_.engine().config().current()->append_only && weather_.is_fair();
  }

  bool is_full() const { return full_; }

  int always = 0;
  int everysec = 0;

 private:
  void send(const Request& request, bool changes) {
    if (changes) {
      promise_.end();
    }
    client_.add(request, [](const Answer&) {});
    client_.send_pipeline();
  }
  void order() {
    Rng& rng = server_.rng();
    static const char* const kPolicies[] = {"always", "everysec", "no"};
    switch (rng.below(6)) {
      case 0:
      case 1:
        if (weather_.orders) {
          send({"BGREWRITEAOF"}, false);
        }
        break;
      case 2:
        if (weather_.orders) {
          send({"BGSAVE"}, false);
        }
        break;
      case 3:
        if (weather_.policies) {
          send({"CONFIG", "SET", "appendfsync", kPolicies[rng.below(3)]}, true);
        }
        break;
      case 4:
        if (weather_.reloads) {
          send({"DEBUG", "LOADAOF"}, true);
        }
        break;
      default:
        if (weather_.turns) {
          on_ = !on_;
          send({"CONFIG", "SET", "appendonly", on_ ? "yes" : "no"}, true);
        }
        break;
    }
  }
  void promise() {
    const Config& config = *server_.engine().config().current();
    if (!config.append_only || !server_.keeps()) {
      return;
    }
    if (config.aof.fsync == Fsync::kAlways) {
      ++always;
      promise_.begin(Promise::Kind::kAlways);
    } else if (config.aof.fsync == Fsync::kEverysec) {
      ++everysec;
      promise_.begin(Promise::Kind::kEverysec);
    }
  }

  LiveServer& server_;
  const Weather weather_;
  Promise& promise_;
  TestClient client_;
  bool on_ = true;
  bool full_ = false;
};

class Story {
 public:
  Story(uint64_t seed, const Weather& weather, Seen& seen)
      : weather_(weather), seen_(seen), rng_(seed * 977 + 5) {
    const bool pipelines = weather.is_fair() && !weather.reloads;
    std::vector<std::string> refusals;
    if (!weather.is_fair()) {
      refusals = {"MISCONF Errors writing to the AOF file: ", "EXECABORT "};
    }
    if (weather.turns) {
      refusals.push_back("ERR WAITAOF cannot be used when numlocal is set");
    }
    if (weather.reloads) {
      refusals.insert(refusals.end(), {"LOADING ", "EXECABORT "});
    }
    promise_.set_refusals(refusals);
    for (int i = 0; i < 3; ++i) {
      auto sequencer = std::make_unique<Sequencer>(promise_, i, pipelines);
      Sequencer& counted = *sequencer;
      cast_.push_back(std::move(sequencer));
      cast_.push_back(std::make_unique<Reader>(promise_, i, counted));
    }
    for (int i = 2; i < 5; ++i) {
      cast_.push_back(std::make_unique<Locker>(promise_, i));
    }
    for (int i = 0; i < 2; ++i) {
      auto weaver = std::make_unique<Weaver>(promise_, i);
      weavers_.push_back(weaver.get());
      cast_.push_back(std::move(weaver));
      auto pusher = std::make_unique<Pusher>(promise_, i, i == 0);
      Pusher& from = *pusher;
      cast_.push_back(std::move(pusher));
      cast_.push_back(std::make_unique<Taker>(promise_, from));
      cast_.push_back(std::make_unique<Taker>(promise_, from));
      cast_.push_back(std::make_unique<Drawer>(promise_, i));
      cast_.push_back(std::make_unique<Locker>(promise_, i));
      cast_.push_back(std::make_unique<Banker>(promise_));
    }
    auto flusher = std::make_unique<Flusher>(promise_, weather.flushes);
    flusher_ = flusher.get();
    cast_.push_back(std::move(flusher));
  }

  ~Story() {
    seen_.waits += promise_.waits();
    for (const Weaver* weaver : weavers_) {
      seen_.holes += weaver->holes();
    }
  }

  // What went wrong; empty if nothing did.
  std::string run() {
    for (int life = 0; life <= weather_.lives; ++life) {
      const bool last = life == weather_.lives;
      LiveServer server(options(rng_.below(4) == 0 && !last ? 1 + rng_.below(40) : UINT64_MAX));
      if (!server.start()) {
        return "it does not start";
      }
      if (server.disk.crashed()) {
        ++seen_.crashes_at_start;
        die(server);
        continue;
      }
      server.disk.crash_at_call(UINT64_MAX);
      std::string error = judge(server, /*adopts=*/true);
      if (error.empty() && !last) {
        error = live(server);
      }
      if (!error.empty()) {
        return "life " + std::to_string(life) + ": " + error;
      }
    }
    return "";
  }

 private:
  LiveServer::Options options(uint64_t crash_at) {
    static const char* const kPolicies[] = {"always", "everysec", "no"};
    LiveServer::Options options{.workers = 1 + static_cast<int>(rng_.below(4)),
                                .seed = rng_.next(),
                                .image = image_,
                                .now = now_,
                                .crash_at = crash_at};
    options.config = std::string("appendfsync ") + kPolicies[rng_.below(5) % 3] +
                     "\nsave \"\"\nenable-debug-command yes\nauto-aof-rewrite-min-size " +
                     (rng_.below(2) == 0 ? "8000" : "64mb") + "\naof-timestamp-enabled " +
                     (rng_.below(2) == 0 ? "yes" : "no") + "\n";
    return options;
  }

  std::string judge(LiveServer& server, bool adopts) {
    if (server.state() == LiveServer::State::kRefused) {
      return "it does not start: " + server.error();
    }
    std::vector<Request> requests{{"GET", "flushes"}};
    for (const auto& witness : cast_) {
      const std::vector<Request> look = witness->look();
      requests.insert(requests.end(), look.begin(), look.end());
    }
    const Answers all = server.ask(requests, 0);
    if (all.size() != requests.size()) {
      return "it does not answer";
    }
    const int64_t flush = Flusher::flushes(all[0]);
    size_t at = 1;
    std::vector<Answers> answers;
    for (const auto& witness : cast_) {
      const size_t count = witness->look().size();
      answers.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(at),
                           all.begin() + static_cast<std::ptrdiff_t>(at + count));
      at += count;
      const std::string error = witness->judge(answers.back(), flush);
      if (!error.empty()) {
        return error + " (behind " + std::to_string(flush) + " flushes)";
      }
    }
    for (size_t i = 0; adopts && i < cast_.size(); ++i) {
      cast_[i]->adopt(answers[i], flush);
    }
    if (adopts) {
      promise_.reset(flush);
    }
    flush_ = flush;
    return "";
  }

  std::string live(LiveServer& server) {
    const uint64_t workers = static_cast<uint64_t>(server.engine().worker_count());
    for (const auto& witness : cast_) {
      witness->attach(server, static_cast<int>(rng_.below(workers)));
    }
    if (weather_.stalls) {
      server.disk.set_faults({.syncs = weather_.syncs ? 40U : 0U,
                              .stalls = 60,
                              .stall_us_max = 200'000});
    }
    Operator oper(server, weather_, promise_);
    const uint64_t kind = rng_.below(3);
    const uint64_t steps = kind == 0 ? rng_.below(20'000) : 2'000 + rng_.below(6'000);
    if (kind != 0) {
      server.disk.crash_at_call(server.disk.calls() + 1 + rng_.below(250));
    }
    if (flush_ == 0) {
      flusher_->begin_first();
    }
    for (uint64_t i = 0; i < steps && server.serving(); ++i) {
      server.step();
      oper.act();
      if (promise_.flush() == 0) {
        flusher_->receive();
      } else {
        cast_[rng_.below(cast_.size())]->act();
      }
    }
    receive();
    for (const auto& witness : cast_) {
      if (!witness->garbage().empty()) {
        return "it was told: " + witness->garbage();
      }
    }
    if (server.forgot_a_wake()) {
      return "somebody slept over his mail";
    }
    if (server.state() == LiveServer::State::kRefused && !server.disk.crashed() &&
        weather_.is_fair()) {
      return "it can't be loaded again: " + server.error();
    }
    // What waits until it is on disk may be what a look shows: that a time is over.
    std::string error = oper.is_full() ? "" : look_at_living(server);
    const bool ends = kind == 0 && server.serving() && oper.keeps() && rng_.below(2) == 0;
    if (error.empty() && ends) {
      error = end(server);
    }
    if (!error.empty()) {
      return error;
    }
    seen_.always += oper.always;
    seen_.everysec += oper.everysec;
    ++seen_.crashes;
    die(server);
    return look_at_others(server);
  }

  // What clients were told is what there is.
  std::string look_at_living(LiveServer& server) {
    if (!server.rest() || !server.serving()) {
      return "";
    }
    receive();
    promise_.keep_all(true);
    const std::string error = judge(server, /*adopts=*/false);
    promise_.keep_all(false);
    ++seen_.looks;
    return server.serving() && !error.empty() ? "alive: " + error : "";
  }

  std::string end(LiveServer& server) {
    if (!server.finish()) {
      return "it does not end";
    }
    receive();
    promise_.keep_all(true);
    ++seen_.ends;
    return "";
  }

  void receive() {
    for (const auto& witness : cast_) {
      witness->receive();
    }
  }

  void die(LiveServer& server) {
    server.die();
    const AofBlock& figures = server.engine().page().aof;
    seen_.rewrites += figures.rewrites_begun.get();
    seen_.saves += server.saves_done();
    seen_.reloads += server.loads_done();
    seen_.errors += figures.last_error.get() != 0 ? 1 : 0;
    image_ = server.disk.survivors(rng_.next());
    now_ = server.now();
  }

  // Other things that the same crash may have left.
  std::string look_at_others(LiveServer& server) {
    const SimDisk::Image chosen = image_;
    std::string error;
    for (uint64_t i = rng_.below(3); i > 0 && error.empty(); --i) {
      image_ = server.disk.survivors(rng_.next());
      LiveServer other(options(UINT64_MAX));
      error = other.start() ? judge(other, /*adopts=*/false) : "it does not start";
      ++seen_.survivors;
    }
    image_ = chosen;
    return error;
  }

  const Weather weather_;
  Seen& seen_;
  Rng rng_;
  Promise promise_;
  std::vector<std::unique_ptr<Witness>> cast_;
  std::vector<const Weaver*> weavers_;
  Flusher* flusher_ = nullptr;
  SimDisk::Image image_;
  Instant now_ = LiveServer::Options{}.now;
  int64_t flush_ = 0;
};

constexpr uint64_t kSeeds = 80;

void run_stories(const Weather& weather) {
  log_open("/dev/null");
  Seen seen;
  const Seeds seeds = seeds_to_run(kSeeds);
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    const std::string error = Story(seed, weather, seen).run();
    if (!error.empty()) {
      ADD_FAILURE() << "seed " << seed << ", " << error;
      break;
    }
  }
  log_open("");
  const int lives = static_cast<int>(seeds.count) * weather.lives;
  if (seeds.count >= 50 && !testing::Test::HasFailure()) {
    EXPECT_GT(seen.crashes, lives / 2);
    EXPECT_GT(seen.crashes_at_start, lives / 20);
    EXPECT_GT(seen.survivors, lives / 2);
    EXPECT_GT(seen.looks, lives / 10);
    EXPECT_GT(seen.rewrites, lives);
    EXPECT_GT(seen.saves, static_cast<uint64_t>(lives) / 2);
    EXPECT_GT(seen.errors, lives / 15);
    EXPECT_GT(seen.always, lives / 8);
    EXPECT_GT(seen.everysec, 0);
    EXPECT_GT(seen.waits, lives / 4);
    const bool many_crashes = weather.is_fair() && !weather.turns && !weather.reloads;
    EXPECT_TRUE(seen.holes > 0 || !many_crashes) << "the disk leaves nothing that may be seen";
    testing::Test::RecordProperty("holes", seen.holes);
    EXPECT_TRUE(seen.ends > 0 || !weather.is_fair());
    EXPECT_TRUE(seen.reloads > 0 || !weather.reloads);
  }
}

TEST(CrashTest, WhatWasPromisedIsThere) {
  run_stories({});
}

TEST(CrashTest, ThoughTheHistoryIsTurnedOffAndOn) {
  run_stories({.turns = true});
}

TEST(CrashTest, ThoughTheHistoryIsLoadedAgain) {
  run_stories({.reloads = true});
}

TEST(CrashTest, ThoughTheDiskIsFullAndSyncsFail) {
  run_stories({.fills = true, .syncs = true});
}

TEST(CrashTest, ThoughAllOfThat) {
  run_stories({.turns = true, .reloads = true, .fills = true, .syncs = true});
}

}  // namespace
}  // namespace pollux
