// The end of whole engines that save: workers, the saver and the disk are stepped while SHUTDOWN,
// ABORT, pauses and loads meet.
#include <gtest/gtest.h>

#include <algorithm>
#include <climits>
#include <string>
#include <vector>

#include "dataplane/engine/save_test_support.h"

namespace pollux {
namespace {

TEST(ShutdownTest, AShutdownIsAborted) {
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

TEST(ShutdownTest, TheEndWaitsUntilTheHistoryIsTakenUp) {
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

TEST(ShutdownTest, AnEndThatWaitsForTheHistoryIsAborted) {
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

TEST(ShutdownTest, AnEndDoesNotWaitForTheHistoryForEver) {
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

TEST(ShutdownTest, WhileTheFirstHistoryIsWrittenOnlyForceEnds) {
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

TEST(ShutdownTest, ForceGoesBeforeAnEndThatWaitsForTheHistory) {
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

// The history is there before the one that waited for it looks again: FORCE's end stays FORCE's.
TEST(ShutdownTest, AnEndThatWaitedLeavesTheOneThatWentBeforeItAlone) {
  for (const bool aborts : {false, true}) {
    HistoryHouse house;
    house.ask_for_the_end({"SHUTDOWN", "SAVE"});
    house.saver_rests = true;
    MemoryClient other = house.scheduler.connect(2);
    MemoryClient third = house.scheduler.connect(2);
    // The first worker takes its mail; what waits there it looks at later.
    const auto send = [&](MemoryClient& who, const Request& request) {
      who.send_whole(encode(request));
      for (int i = 0; i < 50; ++i) {
        step_turn(house.engine().worker(2));
      }
      house.engine().worker(0).step(Phase::kMailbox);
    };
    send(other, {"SHUTDOWN", "SAVE", "FORCE"});
    if (aborts) {
      send(third, {"SHUTDOWN", "ABORT"});
    }
    house.aof().in_force.set(1);
    house.pass();
    EXPECT_EQ(house.client.take(),
              "-ERR a shutdown that saves is in progress, SHUTDOWN ABORT ends it\r\n");
    EXPECT_EQ(house.engine().shutting_down(), !aborts);
    EXPECT_EQ(third.take(), aborts ? kOk : "");
    EXPECT_EQ(other.take(), aborts ? "-ERR Errors trying to SHUTDOWN. Check logs.\r\n" : "");
    house.saver_rests = false;
    house.run_until([&, i = 0]() mutable { return house.engine().stopping() || ++i > 20'000; });
    EXPECT_EQ(house.engine().stopping(), !aborts);
  }
}

// A worker that is busy keeps the end from going on, and an abort from being seen; writes of the
// others go on at once.
TEST(ShutdownTest, AnAbortLetsWritesGoOnThoughAWorkerIsBusy) {
  House house(2, 16, "save 900 1\n");
  Engine& engine = house.scheduler.engine();
  MemoryClient client = house.scheduler.connect(0);
  MemoryClient other = house.scheduler.connect(0);
  const std::string key = house.scheduler.sim().key_on(0, "k");
  EXPECT_EQ(house.ask(client, {"SET", key, "1"}), kOk);
  const auto turns_of_the_first = [&] {
    for (int i = 0; i < 200; ++i) {
      step_turn(engine.worker(0));
    }
  };
  engine.ask_shutdown(/*interrupt=*/false);
  turns_of_the_first();
  ASSERT_TRUE(engine.shutting_down());
  other.send_whole(encode({"SET", key, "2"}));
  turns_of_the_first();
  EXPECT_EQ(other.take(), "");
  MemoryClient third = house.scheduler.connect(0);
  third.send_whole(encode({"SHUTDOWN", "ABORT"}));
  turns_of_the_first();
  EXPECT_EQ(third.take(), kOk);
  EXPECT_EQ(other.take(), kOk);
  EXPECT_FALSE(engine.signals().is_any());
  // What comes before the busy one has seen it: told so, or begun afterwards.
  third.send_whole(encode({"SHUTDOWN"}));
  turns_of_the_first();
  EXPECT_EQ(third.take(),
            "-ERR the shutdown that was aborted is not over yet. Try again in a moment\r\n");
  engine.ask_shutdown(/*interrupt=*/false);
  turns_of_the_first();
  EXPECT_TRUE(engine.signals().is_any());
  EXPECT_FALSE(engine.stopping());
  // Which is aborted as well, once.
  for (const char* const expected : {"+OK\r\n", "-ERR No shutdown in progress.\r\n"}) {
    third.send_whole(encode({"SHUTDOWN", "ABORT"}));
    turns_of_the_first();
    EXPECT_EQ(third.take(), expected);
    EXPECT_FALSE(engine.signals().is_any());
  }
  engine.ask_shutdown(/*interrupt=*/false);
  turns_of_the_first();
  EXPECT_TRUE(house.run_until([&] { return engine.stopping(); }));
  EXPECT_EQ(house.desk().outcome(1), SaveDesk::Outcome::kSaved);
}

// One that saves is not thrown away by one that does not; who says NOSAVE means it.
TEST(ShutdownTest, AnEndWithoutASaveLeavesTheSaveOfAnotherAlone) {
  for (const bool no_save : {false, true}) {
    House house(3, 18, "save \"\"\n");
    Engine& engine = house.scheduler.engine();
    MemoryClient client = house.scheduler.connect(0);
    MemoryClient other = house.scheduler.connect(1);
    fill_lanes(house, client);
    client.send_whole(encode({"SHUTDOWN", "SAVE"}));
    ASSERT_TRUE(house.run_until([&] { return walks(house); }));
    if (no_save) {
      other.send_whole(encode({"SHUTDOWN", "NOSAVE"}));
      EXPECT_TRUE(house.run_until([&] { return engine.stopping(); }));
      EXPECT_EQ(house.desk().ended(), 0U);
      continue;
    }
    house.saver_rests = true;
    other.send_whole(encode({"SHUTDOWN"}));
    engine.ask_shutdown(/*interrupt=*/true);
    house.run_until([i = 0]() mutable { return ++i > 3'000; });
    EXPECT_EQ(other.take(),
              "-ERR a shutdown that saves is in progress, SHUTDOWN ABORT ends it\r\n");
    EXPECT_FALSE(engine.stopping());
    house.saver_rests = false;
    ASSERT_TRUE(house.run_until([&] { return engine.stopping(); }));
    EXPECT_EQ(house.desk().outcome(1), SaveDesk::Outcome::kSaved);
  }
}

// Though the disk hangs.
TEST(ShutdownTest, ASignalThatSaysNoSaveGoesBeforeAnEndThatSaves) {
  House house(3, 19, "save \"\"\nshutdown-on-sigterm NOSAVE now\n");
  Engine& engine = house.scheduler.engine();
  MemoryClient client = house.scheduler.connect(1);
  fill_lanes(house, client);
  client.send_whole(encode({"SHUTDOWN", "SAVE"}));
  ASSERT_TRUE(house.run_until([&] { return walks(house); }));
  house.saver_rests = true;
  engine.ask_shutdown(/*interrupt=*/false);
  EXPECT_TRUE(house.run_until([&] { return engine.stopping(); }));
  house.saver_rests = false;
  EXPECT_EQ(house.desk().ended(), 0U);
}

// The server ends already: one that waited for the history begins no save.
TEST(ShutdownTest, AnEndThatWaitedEndsWithTheServer) {
  HistoryHouse house;
  house.ask_for_the_end({"SHUTDOWN", "SAVE"});
  MemoryClient other = house.scheduler.connect(2);
  EXPECT_EQ(house.soon(other, {"SHUTDOWN", "NOSAVE", "FORCE"}), "");
  EXPECT_TRUE(house.engine().stopping());
  EXPECT_FALSE(house.scheduler.sim().config().current()->pause.for_end);
  EXPECT_EQ(house.desk().ended(), 0U);
}

// What a signal has asked for is over when that end is, or could not come; then the next one is a
// first one again.
TEST(ShutdownTest, ASignalIsServedAsLongAsItsEndIsUnderWay) {
  House house(2, 17, "save 900 1\n");
  Engine& engine = house.scheduler.engine();
  MemoryClient client = house.scheduler.connect(1);
  MemoryClient other = house.scheduler.connect(0);
  const auto pass = [&] { house.run_until([i = 0]() mutable { return ++i > 1'000; }); };
  fill_lanes(house, client);
  house.saver_rests = true;
  engine.ask_shutdown(/*interrupt=*/true);
  pass();
  EXPECT_TRUE(engine.signals().is_any());
  EXPECT_EQ(house.ask(other, {"SHUTDOWN", "ABORT"}), kOk);
  pass();
  EXPECT_FALSE(engine.signals().is_any());
  // Beside somebody's SHUTDOWN: as long as that one.
  client.send_whole(encode({"SHUTDOWN"}));
  pass();
  EXPECT_FALSE(engine.signals().is_any());
  engine.ask_shutdown(/*interrupt=*/true);
  pass();
  EXPECT_TRUE(engine.signals().is_any());
  EXPECT_EQ(house.ask(other, {"SHUTDOWN", "ABORT"}), kOk);
  pass();
  EXPECT_FALSE(engine.signals().is_any());
  house.saver_rests = false;
}

TEST(ShutdownTest, WhatWaitsForTheHistorySeesAnotherEnd) {
  HistoryHouse house;
  house.ask_for_the_end({"SHUTDOWN"});
  MemoryClient other = house.scheduler.connect(2);
  EXPECT_EQ(house.soon(other, {"SHUTDOWN", "FORCE", "NOSAVE"}), "");
  EXPECT_TRUE(house.engine().stopping());
  EXPECT_EQ(house.client.take(), "");
}

// It holds writes back whatever clients ask for: else what is acknowledged would be in no file.
TEST(ShutdownTest, UnpauseDoesNotLetWritesRunDuringTheLastSave) {
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
TEST(ShutdownTest, PausesOfClientsOutliveAnAbortedShutdown) {
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
TEST(ShutdownTest, AWriteRightBehindALoadIsSavedByTheEnd) {
  House house(2, 15, "save 900 1\n", /*loads=*/true);
  SimEngine& sim = house.scheduler.sim();
  MemoryClient client = house.scheduler.connect(1);
  house.run_until([i = 0]() mutable { return ++i > 500; });
  sim.engine().worker(0).step(Phase::kPoll);
  sim.engine().load_desk().finish();
  std::string reply;
  client.send_whole(encode({"SET", sim.key_on(1, "a"), "1"}));
  for (int i = 0; i < 50 && reply.empty(); ++i) {
    step_turn(sim.engine().worker(1));
    reply = client.take();
  }
  EXPECT_EQ(reply, kOk);
  client.send_whole(encode({"SHUTDOWN"}));
  for (int i = 0; i < 50; ++i) {
    step_turn(sim.engine().worker(1));
  }
  sim.engine().worker(0).step(Phase::kMailbox);
  EXPECT_FALSE(sim.engine().stopping());
  ASSERT_TRUE(house.run_until([&] { return sim.engine().stopping(); }));
  EXPECT_EQ(read_file(house.disk.seen().files.at(kFile)).size(), 1U);
}

// An end in the middle of a load has nothing to save; and nothing comes behind it.
TEST(ShutdownTest, ALoadThatTheEndCutsOffIsOverForNobody) {
  House house(2, 17, "save 900 1\n", /*loads=*/true);
  SimEngine& sim = house.scheduler.sim();
  MemoryClient client = house.scheduler.connect(0);
  MemoryClient other = house.scheduler.connect(1);
  client.send_whole(encode({"SHUTDOWN"}));
  ASSERT_TRUE(house.run_until([&] { return sim.engine().stopping(); }));
  sim.engine().load_desk().finish();
  other.send_whole(encode({"SET", sim.key_on(1, "a"), "1"}));
  for (int i = 0; i < 50; ++i) {
    step_turn(sim.engine().worker(1));
  }
  EXPECT_EQ(other.take().find("+OK"), std::string::npos);
  EXPECT_FALSE(sim.engine().load_desk().over());
}

// The next start looks at the history, and not at the file that is loaded now; but one that is
// loaded needs not be another one yet.
TEST(ShutdownTest, OnlyTheLoadOfAHistoryExcusesThatThereIsNone) {
  for (const LoadDesk::Source source : {LoadDesk::Source::kRdb, LoadDesk::Source::kAof}) {
    House house(2, 18, {}, /*loads=*/true);
    house.scheduler.sim().config().change([](Config& config) { config.append_only = true; });
    Engine& engine = house.scheduler.engine();
    engine.load_desk().set_source(source);
    MemoryClient client = house.scheduler.connect(0);
    client.send_whole(encode({"SHUTDOWN"}));
    house.run_until([i = 0]() mutable { return ++i > 2'000; });
    EXPECT_EQ(engine.stopping(), source == LoadDesk::Source::kAof);
    EXPECT_EQ(engine.shutting_down(), source == LoadDesk::Source::kRdb);
    EXPECT_EQ(client.take(), "");
    engine.load_desk().finish();
    if (!engine.stopping()) {
      MemoryClient other = house.scheduler.connect(1);
      EXPECT_EQ(house.ask(other, {"SHUTDOWN", "ABORT"}), kOk);
    }
  }
}

// What was acknowledged before the end is in the file, whoever wrote meanwhile.
TEST(ShutdownTest, ShutdownSavesAllThatWasAcknowledged) {
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
