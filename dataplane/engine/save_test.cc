// Snapshots of whole engines: workers, the saver and the disk are stepped in interleavings drawn by
// a seed, while clients move money between shards. Whatever moment a file is of, nothing is lost or
// made in it, and no effect stands in it without its cause.
#include <gtest/gtest.h>

#include <algorithm>
#include <climits>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/engine/worker.h"
#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/test_client.h"
#include "src/base/log.h"
#include "src/base/seeds.h"
#include "storage/rdb_file_splitter.h"
#include "storage/rdb_saver.h"
#include "storage/sim_disk.h"

namespace pollux {
namespace {

constexpr int64_t kSchedulerStartMs = 1'700'000'000'000;
constexpr int kAccounts = 24;
constexpr int kMoney = 100;
constexpr const char* kFile = "dump.rdb";
constexpr const char* kOk = "+OK\r\n";

// Strings by name, and how many members the others have.
std::map<std::string, int64_t> read_file(const std::string& bytes) {
  std::map<std::string, int64_t> keys;
  RdbFileSplitter splitter;
  splitter.feed(bytes, 0);
  for (;;) {
    const RdbFileSplitter::Step step = splitter.next();
    if (step != RdbFileSplitter::Step::kEvent) {
      EXPECT_EQ(step, RdbFileSplitter::Step::kEnd) << splitter.error();
      EXPECT_EQ(splitter.sum(), RdbFileSplitter::Sum::kRight);
      return keys;
    }
    const RdbFileEvent& event = splitter.event();
    if (event.kind != RdbFileEvent::Kind::kKey) {
      continue;
    }
    RdbReader in(event.value, SIZE_MAX);
    int64_t number = 0;
    uint64_t count = 0;
    RdbText text;
    if (event.type == RdbType::kString) {
      EXPECT_TRUE(in.text(text));
      number = std::strtoll(std::string(text.view()).c_str(), nullptr, 10);
    } else {
      EXPECT_TRUE(in.length(count));
      number = static_cast<int64_t>(count);
    }
    EXPECT_TRUE(keys.emplace(event.name.view(), number).second) << event.name.view();
  }
}

// Scheduler, saver and disk.
class House {
 public:
  House(int workers, uint64_t seed, const std::string& config = {}, bool loads = false)
      : scheduler(
            {.workers = workers, .seed = seed, .config = config, .loads = loads, .saves = true}),
        clock(Instant{kSchedulerStartMs * 1000}),
        disk(seed, clock) {
    log_open("/dev/null");
    disk.set_faults({.stalls = 30, .stall_us_max = 3'000});
    desk().set_waker([this] { disk.wake(); });
  }
  ~House() {
    desk().give_up();
    EXPECT_TRUE(run_until([this] { return saver == nullptr && !desk().under_way(); }));
    log_open("");
  }

  SaveDesk& desk() { return *scheduler.engine().save_desk(); }
  Rng& rng() { return scheduler.rng(); }

  // One step of somebody.
  void step() {
    if (rng().below(6) != 0) {
      scheduler.step();
      return;
    }
    step_saver();
  }
  void step_saver() {
    clock.advance_us(static_cast<int64_t>(rng().below(500)));
    if (saver_rests) {
      return;
    }
    if (saver == nullptr) {
      const SaveDesk::Order* const order = desk().take_order();
      if (order == nullptr) {
        return;
      }
      const RdbSaver::Options options{
          .temporary = "temp.rdb",
          .name = order->file,
          .redis_version = order->redis_version,
          .awaited = order->awaited,
          .format = {.compress = order->compress, .checksum = order->checksum},
          .writes = {.block_bytes = 4096, .blocks = 2 + rng().below(3)}};
      saver = std::make_unique<RdbSaver>(options, disk, desk(), scheduler.engine().page().save);
    }
    if (desk().is_given_up()) {
      saver->give_up();
    }
    const RdbSaver::Step outcome = saver->step(clock.now(), 0);
    if (outcome != RdbSaver::Step::kAgain) {
      saver.reset();
      desk().finish(outcome == RdbSaver::Step::kDone);
      if (outcome == RdbSaver::Step::kDone && on_file) {
        on_file(disk.seen().files.at(kFile));
      }
    }
  }
  template <typename Done>
  bool run_until(Done done) {
    return Scheduler::run_until(done, [this] { step(); });
  }
  std::string ask(MemoryClient& client, const Request& request) {
    client.send_whole(encode(request));
    std::string reply;
    EXPECT_TRUE(run_until([&] {
      reply += client.take();
      return !reply.empty() && scheduler.quiet();
    })) << request.front();
    return reply;
  }

  Scheduler scheduler;
  ManualClock clock;
  SimDisk disk;
  std::unique_ptr<RdbSaver> saver;
  bool saver_rests = false;
  std::function<void(const std::string&)> on_file;
};

// Moves money, and leaves traces: what it has seen on one shard it writes on another.
class Mover {
 public:
  Mover(House& house, int number, int worker)
      : house_(house), client_(house.scheduler.connect(worker)), number_(std::to_string(number)) {}

  void act() {
    client_.receive();
    EXPECT_EQ(client_.garbage(), "");
    Rng& rng = house_.rng();
    if (client_.awaited() > 0 || rng.below(6) != 0) {
      return;
    }
    const auto nothing = [](const Answer&) {};
    const std::string amount = std::to_string(rng.below(9));
    switch (rng.below(5)) {
      case 0:
        client_.add({"MULTI"}, nothing);
        client_.add({"DECRBY", account(), amount}, nothing);
        client_.add({"INCRBY", account(), amount}, nothing);
        client_.add({"EXEC"}, nothing);
        break;
      case 1:
        // As long as the effect is not there, the cause is behind by at most one.
        client_.add({"INCR", "cause:" + number_},
                    [this](const Answer& answer) { effect_ = std::to_string(answer.number); });
        break;
      case 2:
        client_.add({"SET", "effect:" + number_, effect_}, nothing);
        break;
      case 3:
        client_.add({"SMOVE", set(), set(), "m" + std::to_string(rng.below(60))}, nothing);
        break;
      default:
        client_.add({"RENAME", "here:" + number_, "there:" + number_}, nothing);
        client_.add({"RENAME", "there:" + number_, "here:" + number_}, nothing);
        break;
    }
    client_.send_pipeline();
  }
  size_t awaited() {
    client_.receive();
    return client_.awaited();
  }

 private:
  std::string account() { return "account:" + std::to_string(house_.rng().below(kAccounts)); }
  std::string set() { return "set:" + std::to_string(house_.rng().below(4)); }

  House& house_;
  TestClient client_;
  const std::string number_;
  std::string effect_ = "0";
};

void check_file(const std::string& bytes, int movers) {
  std::map<std::string, int64_t> keys = read_file(bytes);
  int64_t money = 0;
  int64_t members = 0;
  for (const auto& [name, number] : keys) {
    money += name.find("account:") == 0 ? number : 0;
    members += name.find("set:") == 0 ? number : 0;
  }
  EXPECT_EQ(money, kAccounts * kMoney);
  EXPECT_EQ(members, 60);
  for (int i = 0; i < movers; ++i) {
    const std::string number = std::to_string(i);
    EXPECT_LE(keys["effect:" + number], keys["cause:" + number]);
    EXPECT_EQ(keys.count("here:" + number) + keys.count("there:" + number), 1U);
  }
}

TEST(SaveTest, EachFileIsOfOneMoment) {
  const Seeds seeds = seeds_to_run(60);
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    const int workers = 1 + static_cast<int>(seed % 4);
    House house(workers, seed, "set-max-intset-entries 4\nhash-max-listpack-entries 4\n");
    MemoryClient filler = house.scheduler.connect(0);
    for (int i = 0; i < kAccounts; ++i) {
      house.ask(filler, {"SET", "account:" + std::to_string(i), std::to_string(kMoney)});
    }
    for (int i = 0; i < 60; ++i) {
      house.ask(filler, {"SADD", "set:0", "m" + std::to_string(i)});
    }
    constexpr int kMovers = 5;
    std::vector<std::unique_ptr<Mover>> movers;
    for (int i = 0; i < kMovers; ++i) {
      house.ask(filler, {"SET", "here:" + std::to_string(i), std::string(5'000, 'h')});
      movers.push_back(std::make_unique<Mover>(house, i, i % workers));
    }
    int files = 0;
    house.on_file = [&files](const std::string& bytes) {
      ++files;
      check_file(bytes, kMovers);
    };
    MemoryClient operator_client = house.scheduler.connect(workers - 1);
    ASSERT_TRUE(house.run_until([&] {
      if (house.rng().below(40) == 0) {
        operator_client.send_whole(encode({"BGSAVE"}));
      } else if (house.rng().below(3'000) == 0) {
        operator_client.send_whole(encode({"BGSAVE", "CANCEL"}));
      }
      for (auto& mover : movers) {
        mover->act();
      }
      return files >= 6;
    })) << "seed "
        << seed;
    ASSERT_FALSE(testing::Test::HasNonfatalFailure()) << "seed " << seed;
    ASSERT_TRUE(house.run_until([&] {
      size_t awaited = 0;
      for (auto& mover : movers) {
        awaited += mover->awaited();
      }
      return awaited == 0 && !house.desk().under_way();
    }));
  }
}

// Twice the batches of a lane, by keys that are small and by one that is big.
void fill_lanes(House& house, MemoryClient& client) {
  for (int i = 0; i < 200; ++i) {
    house.ask(client, {"SET", "small:" + std::to_string(i), std::string(3'000, 's')});
  }
  Request hset{"HSET", "big"};
  for (int i = 0; i < 6'000; ++i) {
    hset.push_back("field:" + std::to_string(i));
    hset.emplace_back(80, 'b');
  }
  house.ask(client, hset);
}

bool walks(House& house) {
  bool any = false;
  for (int i = 0; i < house.scheduler.engine().worker_count(); ++i) {
    any = any || house.desk().is_walking(ShardId{static_cast<uint16_t>(i)});
  }
  return any;
}

// What changes while a big value's record is open waits for that record, and that for nobody.
TEST(SaveTest, SmallKeysChangeWhileABigValueIsWritten) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    House house(1 + static_cast<int>(seed % 2), seed, "rdbcompression no\n");
    MemoryClient client = house.scheduler.connect(0);
    fill_lanes(house, client);
    client.send_whole(encode({"BGSAVE"}));
    ASSERT_TRUE(house.run_until([&] { return walks(house); }));
    Request pipeline{"HSET", "big", "field:1", "new"};
    client.send_whole(encode(pipeline));
    for (int i = 0; i < 200; ++i) {
      client.send_whole(encode({"SET", "small:" + std::to_string(i), "new"}));
      house.step();
    }
    ASSERT_TRUE(house.run_until([&] { return house.desk().ended() == 1; })) << seed;
    ASSERT_EQ(house.desk().outcome(1), SaveDesk::Outcome::kSaved);
    EXPECT_EQ(read_file(house.disk.seen().files.at(kFile)).size(), 201U);
    house.scheduler.run_until_quiet();
    client.take();
  }
}

// A walk that waits for a batch and is cancelled leaves nothing behind that stops the next one.
TEST(SaveTest, ASaveBehindOneThatWasGivenUpWhileItWaited) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    House house(2, seed, "rdbcompression no\n");
    MemoryClient client = house.scheduler.connect(0);
    fill_lanes(house, client);
    for (const bool full : {false, true}) {
      if (full) {
        house.disk.set_space(10'000);
      }
      client.send_whole(encode({"BGSAVE"}));
      const uint64_t ended = house.desk().ended();
      ASSERT_TRUE(house.run_until([&] { return walks(house); }));
      house.saver_rests = true;
      house.run_until([&, i = 0]() mutable { return ++i > 3'000; });
      EXPECT_TRUE(walks(house)) << "its batches are all with the saver";
      house.saver_rests = false;
      if (!full) {
        client.send_whole(encode({"BGSAVE", "CANCEL"}));
      }
      ASSERT_TRUE(house.run_until([&] { return house.desk().ended() == ended + 1; }));
      EXPECT_EQ(house.desk().outcome(ended + 1), SaveDesk::Outcome::kNot);
      house.scheduler.clock().advance_us(300'000);  // the batches go
      house.run_until([&, i = 0]() mutable { return ++i > 1'000; });
      client.take();
      house.disk.set_space(UINT64_MAX);
      EXPECT_EQ(house.ask(client, {"SAVE"}), kOk) << seed;
    }
  }
}

TEST(SaveTest, AShutdownIsAborted) {
  for (const char* force : {"NOW", "FORCE"}) {
    House house(3, 11);
    MemoryClient client = house.scheduler.connect(0);
    MemoryClient other = house.scheduler.connect(1);
    fill_lanes(house, client);
    EXPECT_EQ(house.ask(other, {"SHUTDOWN", "ABORT"}), "-ERR No shutdown in progress.\r\n");
    client.send_whole(encode({"SHUTDOWN", "SAVE", force}));
    ASSERT_TRUE(house.run_until([&] { return walks(house); }));
    other.send_whole(encode({"BGSAVE", "CANCEL"}));
    other.send_whole(encode({"SHUTDOWN", "ABORT"}));
    std::string replies;
    ASSERT_TRUE(house.run_until([&] {
      replies += other.take();
      return replies.find("+OK") != std::string::npos && house.desk().ended() == 1;
    }));
    EXPECT_EQ(replies.find("-ERR a shutdown that saves is in progress"), 0U) << replies;
    std::string refused;
    ASSERT_TRUE(house.run_until([&] {
      refused += client.take();
      return !refused.empty();
    }));
    EXPECT_EQ(refused, "-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
    EXPECT_FALSE(house.scheduler.engine().stopping());
    EXPECT_EQ(house.ask(client, {"SET", "a", "1"}), kOk);
  }
}

// With an append-only history that is not there yet. Nobody serves one here: its figures are set by
// hand.
class HistoryHouse : public House {
 public:
  HistoryHouse() : House(3, 12) {
    scheduler.sim().config().change([](Config& config) { config.append_only = true; });
  }

  AofBlock& aof() { return scheduler.engine().page().aof; }
  Engine& engine() { return scheduler.engine(); }
  void pass(int64_t us = 0) {
    scheduler.clock().advance_us(us);
    run_until([i = 0]() mutable { return ++i > 2'000; });
  }
  std::string soon(MemoryClient& who, const Request& request) {
    who.send_whole(encode(request));
    pass();
    return who.take();
  }
  // A SHUTDOWN that is under way, but neither answered nor the end.
  void ask_for_the_end(const Request& request) {
    EXPECT_EQ(soon(client, request), "");
    EXPECT_TRUE(engine().shutting_down());
    EXPECT_FALSE(engine().stopping());
  }
  void expect_refused() {
    EXPECT_EQ(client.take(), "-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
    EXPECT_FALSE(engine().shutting_down());
    EXPECT_FALSE(engine().stopping());
  }

  MemoryClient client = scheduler.connect(1);
};

TEST(SaveTest, TheEndWaitsUntilTheHistoryIsTakenUp) {
  for (const Request& request : {Request{"SHUTDOWN"}, {"SHUTDOWN", "NOSAVE"}}) {
    HistoryHouse house;
    house.ask_for_the_end(request);
    house.aof().in_force.set(1);
    house.pass();
    EXPECT_TRUE(house.engine().stopping());
  }
  HistoryHouse house;
  house.ask_for_the_end({"SHUTDOWN", "SAVE"});
  house.aof().in_force.set(1);
  ASSERT_TRUE(house.run_until([&] { return house.engine().stopping(); }));
  EXPECT_EQ(house.desk().outcome(1), SaveDesk::Outcome::kSaved);
}

TEST(SaveTest, AnEndThatWaitsForTheHistoryIsAborted) {
  HistoryHouse house;
  MemoryClient other = house.scheduler.connect(2);
  house.ask_for_the_end({"SHUTDOWN"});
  EXPECT_EQ(house.soon(other, {"SHUTDOWN", "SAVE"}),
            "-ERR a shutdown that saves is in progress, SHUTDOWN ABORT ends it\r\n");
  EXPECT_EQ(house.soon(other, {"SHUTDOWN", "ABORT"}), kOk);
  house.expect_refused();
  house.aof().in_force.set(1);
  house.pass();
  EXPECT_FALSE(house.engine().stopping());
  EXPECT_EQ(house.ask(house.client, {"SET", "a", "1"}), kOk);
}

TEST(SaveTest, AnEndDoesNotWaitForTheHistoryForEver) {
  HistoryHouse house;
  house.ask_for_the_end({"SHUTDOWN"});
  house.pass(9'000'000);
  EXPECT_EQ(house.client.take(), "");
  house.pass(2'000'000);
  house.expect_refused();
  // Nor for one whose disk is broken, as is known.
  house.aof().rewrite_failures.set(1);
  house.client.send_whole(encode({"SHUTDOWN"}));
  EXPECT_TRUE(house.run_until([&] { return house.engine().stopping(); }));
}

TEST(SaveTest, WhileTheFirstHistoryIsWrittenOnlyForceEnds) {
  HistoryHouse house;
  house.ask_for_the_end({"SHUTDOWN"});
  house.aof().rewriting.set(1);
  house.pass();
  house.expect_refused();
  for (const char* word : {"NOW", "SAVE", "NOSAVE"}) {
    house.client.send_whole(encode({"SHUTDOWN", word}));
    house.pass();
    house.expect_refused();
  }
  house.client.send_whole(encode({"SHUTDOWN", "FORCE"}));
  EXPECT_TRUE(house.run_until([&] { return house.engine().stopping(); }));
}

TEST(SaveTest, ForceGoesBeforeAnEndThatWaitsForTheHistory) {
  HistoryHouse house;
  house.ask_for_the_end({"SHUTDOWN", "SAVE"});
  MemoryClient other = house.scheduler.connect(2);
  other.send_whole(encode({"SHUTDOWN", "SAVE", "FORCE"}));
  std::string refused;
  EXPECT_TRUE(house.run_until([&] {
    refused += house.client.take();
    return house.engine().stopping();
  }));
  EXPECT_EQ(refused.find("-ERR a shutdown that saves is in progress"), 0U) << refused;
  EXPECT_EQ(house.desk().outcome(1), SaveDesk::Outcome::kSaved);
}

TEST(SaveTest, WhatWaitsForTheHistorySeesAnotherEnd) {
  HistoryHouse house;
  house.ask_for_the_end({"SHUTDOWN"});
  MemoryClient other = house.scheduler.connect(2);
  EXPECT_EQ(house.soon(other, {"SHUTDOWN", "FORCE", "NOSAVE"}), "");
  EXPECT_TRUE(house.engine().stopping());
  EXPECT_EQ(house.client.take(), "");
}

// It holds writes back whatever clients ask for: else what is acknowledged would be in no file.
TEST(SaveTest, UnpauseDoesNotLetWritesRunDuringTheLastSave) {
  House house(3, 13, "save 900 1\n");
  MemoryClient client = house.scheduler.connect(0);
  MemoryClient other = house.scheduler.connect(1);
  fill_lanes(house, client);
  client.send_whole(encode({"SHUTDOWN"}));
  ASSERT_TRUE(house.run_until([&] { return walks(house); }));
  other.send_whole(encode({"CLIENT", "UNPAUSE"}));
  other.send_whole(encode({"SET", "late", "1"}));
  std::string replies;
  ASSERT_TRUE(house.run_until([&] {
    replies += other.take();
    return house.scheduler.engine().stopping();
  }));
  house.run_until([&, i = 0]() mutable { return ++i > 2'000; });
  EXPECT_EQ(replies + other.take(), kOk);
  EXPECT_EQ(read_file(house.disk.seen().files.at(kFile)).size(), 201U);
}

// A pause that a client makes or ends while a shutdown saves is as it says, behind that too.
TEST(SaveTest, PausesOfClientsOutliveAnAbortedShutdown) {
  for (const bool pauses : {false, true}) {
    House house(3, 14, "save 900 1\n");
    MemoryClient client = house.scheduler.connect(0);
    MemoryClient other = house.scheduler.connect(1);
    fill_lanes(house, client);
    if (!pauses) {
      EXPECT_EQ(house.ask(other, {"CLIENT", "PAUSE", "60000", "WRITE"}), kOk);
    }
    client.send_whole(encode({"SHUTDOWN"}));
    ASSERT_TRUE(house.run_until([&] { return walks(house); }));
    house.saver_rests = true;  // a disk that hangs: nobody waits for it
    const Request changes =
        pauses ? Request{"CLIENT", "PAUSE", "60000", "WRITE"} : Request{"CLIENT", "UNPAUSE"};
    const auto soon = [&](MemoryClient& who, const Request& request) {
      who.send_whole(encode(request));
      house.run_until([i = 0]() mutable { return ++i > 3'000; });
      return who.take();
    };
    EXPECT_EQ(soon(other, changes), kOk);
    EXPECT_EQ(soon(other, {"SHUTDOWN", "ABORT"}), kOk);
    EXPECT_EQ(client.take(), "-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
    EXPECT_FALSE(house.scheduler.engine().shutting_down());
    EXPECT_EQ(soon(other, {"SHUTDOWN", "ABORT"}), "-ERR No shutdown in progress.\r\n");
    EXPECT_EQ(soon(other, {"SET", "a", "1"}), pauses ? "" : kOk);
    house.saver_rests = false;
  }
}

// The worker that looks at SHUTDOWN has not seen yet that the load is over, another one has, and
// has acknowledged a write: that is saved.
TEST(SaveTest, AWriteRightBehindALoadIsSavedByTheEnd) {
  House house(2, 15, "save 900 1\n", /*loads=*/true);
  SimEngine& sim = house.scheduler.sim();
  MemoryClient client = house.scheduler.connect(1);
  house.run_until([i = 0]() mutable { return ++i > 500; });
  const auto turn = [&](int worker) {
    for (int phase = 0; phase < static_cast<int>(Phase::kCount); ++phase) {
      sim.engine().worker(worker).step(static_cast<Phase>(phase));
    }
  };
  sim.engine().worker(0).step(Phase::kPoll);
  sim.engine().load_desk().finish();
  std::string reply;
  client.send_whole(encode({"SET", sim.key_on(1, "a"), "1"}));
  for (int i = 0; i < 50 && reply.empty(); ++i) {
    turn(1);
    reply = client.take();
  }
  EXPECT_EQ(reply, kOk);
  client.send_whole(encode({"SHUTDOWN"}));
  for (int i = 0; i < 50; ++i) {
    turn(1);
  }
  sim.engine().worker(0).step(Phase::kMailbox);
  EXPECT_FALSE(sim.engine().stopping());
  ASSERT_TRUE(house.run_until([&] { return sim.engine().stopping(); }));
  EXPECT_EQ(read_file(house.disk.seen().files.at(kFile)).size(), 1U);
}

// One that is in the middle of a long command does not keep the others from their shards.
TEST(SaveTest, ACutDoesNotWaitForOneWhoIsBusy) {
  House house(3, 5);
  SimEngine& sim = house.scheduler.sim();
  MemoryClient client = house.scheduler.connect(2);
  const std::string key = sim.key_on(2, "key");
  EXPECT_EQ(house.ask(client, {"SET", key, "1"}), kOk);
  MemoryClient orders = house.scheduler.connect(0);
  orders.send_whole(encode({"BGSAVE"}));
  // Without worker 1. Long enough for the cut to be asked for, and the shard of 2 to be parked.
  const auto all_but_one = [&](int turns) {
    for (; turns > 0; --turns) {
      for (const int i : {0, 2}) {
        for (int phase = 0; phase < static_cast<int>(Phase::kCount); ++phase) {
          sim.engine().worker(i).step(static_cast<Phase>(phase));
        }
      }
      house.step_saver();
      house.scheduler.clock().advance_us(100);
    }
  };
  all_but_one(20);
  int answered = 0;
  for (int i = 0; i < 50; ++i) {
    client.send_whole(encode({"INCR", key}));
    all_but_one(10);
    answered += client.take().empty() ? 0 : 1;
  }
  EXPECT_GT(answered, 25);
  EXPECT_GT(house.desk().cuts_put_off(), 0);
  EXPECT_EQ(house.desk().cut(), nullptr);
  EXPECT_TRUE(house.run_until([&] { return house.desk().ended() == 1; }));
  EXPECT_EQ(house.desk().outcome(1), SaveDesk::Outcome::kSaved);
}

TEST(SaveTest, SaveAnswersWhenItIsDone) {
  House house(3, 7);
  MemoryClient client = house.scheduler.connect(1);
  EXPECT_EQ(house.ask(client, {"SET", "a", "1"}), kOk);
  EXPECT_EQ(house.ask(client, {"SAVE"}), kOk);
  EXPECT_EQ(read_file(house.disk.seen().files.at(kFile)).at("a"), 1);
  EXPECT_EQ(house.ask(client, {"SET", "a", "2"}), kOk);
  EXPECT_EQ(house.ask(client, {"BGSAVE", "NEVER"}), "-ERR syntax error\r\n");
  EXPECT_EQ(house.ask(client, {"BGSAVE", "CANCEL"}),
            "-ERR Background saving is currently not in progress or scheduled\r\n");
}

// Those that nobody waited for; the others are answered with an error, and that is all.
TEST(SaveTest, AFailedSaveInTheBackgroundRefusesWritesUntilOneSucceeds) {
  House house(2, 3, "save 3600 1000\n");
  MemoryClient client = house.scheduler.connect(0);
  const auto later = [&] {
    house.scheduler.clock().advance_us(400'000);
    EXPECT_TRUE(house.run_until([&, i = 0]() mutable { return ++i > 400; }));
  };
  EXPECT_EQ(house.ask(client, {"SET", "a", "1"}), kOk);
  house.disk.set_space(100);
  const auto fails = [&](const Request& request, const char* error) {
    EXPECT_EQ(house.ask(client, request), error);
    later();
    EXPECT_EQ(house.ask(client, {"SET", "a", "1"}), kOk);
    EXPECT_EQ(house.ask(client, {"PING"}), "+PONG\r\n");
  };
  fails({"SAVE"}, "-ERR the data could not be saved, see the server's log\r\n");
  fails({"SHUTDOWN"}, "-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
  EXPECT_EQ(house.ask(client, {"BGSAVE"}), "+Background saving started\r\n");
  later();
  EXPECT_EQ(house.ask(client, {"SAVE"}).substr(0, 4), "-ERR");
  later();
  EXPECT_EQ(house.ask(client, {"SET", "a", "2"}).substr(0, 9), "-MISCONF ");
  EXPECT_EQ(house.ask(client, {"PING"}).substr(0, 9), "-MISCONF ");
  EXPECT_EQ(house.ask(client, {"GET", "a"}), "$1\r\n1\r\n");
  house.disk.set_space(UINT64_MAX);
  EXPECT_EQ(house.ask(client, {"SAVE"}), kOk);
  later();
  EXPECT_EQ(house.ask(client, {"SET", "a", "2"}), kOk);
}

TEST(SaveTest, SavePointsBeginASave) {
  House house(2, 4, "save 5 3\n");
  MemoryClient client = house.scheduler.connect(0);
  const auto later = [&](int64_t us) {
    house.scheduler.clock().advance_us(us);
    EXPECT_TRUE(house.run_until([&, i = 0]() mutable { return ++i > 400; }));
  };
  for (const char* key : {"a", "b"}) {
    EXPECT_EQ(house.ask(client, {"SET", key, "1"}), kOk);
  }
  later(10'000'000);
  EXPECT_EQ(house.desk().ended(), 0U) << "two changes are not three";
  EXPECT_EQ(house.ask(client, {"SET", "c", "1"}), kOk);
  later(400'000);
  EXPECT_TRUE(house.run_until([&] { return house.desk().ended() == 1; }));
  EXPECT_EQ(read_file(house.disk.seen().files.at(kFile)).size(), 3U);
}

TEST(SaveTest, WhoOrdersWhenTheThreadEndsDoesNotWait) {
  House house(2, 5);
  SaveDesk& desk = house.desk();
  const SaveDesk::Order order{.at = house.clock.now(), .file = kFile};
  const uint64_t number = desk.order(order);
  EXPECT_EQ(desk.outcome(number), SaveDesk::Outcome::kUnderWay);
  desk.close();
  EXPECT_EQ(desk.outcome(number), SaveDesk::Outcome::kNot);
  EXPECT_EQ(desk.order(order), 0U);
  EXPECT_FALSE(desk.under_way());
}

// What was acknowledged before the end is in the file, whoever wrote meanwhile.
TEST(SaveTest, ShutdownSavesAllThatWasAcknowledged) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    House house(3, seed, "save 3600 1\n");
    std::vector<MemoryClient> writers;
    std::vector<int64_t> acknowledged(4);
    std::vector<std::string> replies(4);
    for (int i = 0; i < 4; ++i) {
      writers.push_back(house.scheduler.connect(i % 3));
    }
    int acts = 0;
    house.scheduler.engine().set_stop_listener([] {});
    int64_t answers_left = 5'000;  // on their way when the server has ended its service
    ASSERT_TRUE(house.run_until([&] {
      if (++acts > 400 && *std::min_element(acknowledged.begin(), acknowledged.end()) > 2) {
        acts = INT_MIN;
        house.scheduler.engine().ask_shutdown(/*interrupt=*/false);
      }
      for (size_t i = 0; i < writers.size(); ++i) {
        replies[i] += writers[i].take();
        for (size_t end = replies[i].find("\r\n"); end != std::string::npos;
             end = replies[i].find("\r\n")) {
          acknowledged[i] = std::strtoll(replies[i].c_str() + 1, nullptr, 10);
          replies[i].erase(0, end + 2);
        }
        if (!writers[i].closed() && house.rng().below(8) == 0) {
          writers[i].send_whole(encode({"INCR", "n:" + std::to_string(i)}));
        }
      }
      return house.scheduler.engine().stopping() && --answers_left < 0;
    })) << seed;
    std::map<std::string, int64_t> keys = read_file(house.disk.seen().files.at(kFile));
    for (size_t i = 0; i < writers.size(); ++i) {
      ASSERT_GT(acknowledged[i], 0);
      ASSERT_GE(keys["n:" + std::to_string(i)], acknowledged[i]) << seed;
    }
  }
}

}  // namespace
}  // namespace pollux
