// What whole servers owe their clients while the disk fails or is busy, one case each.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "src/base/log.h"
#include "tests/sim/lives.h"

namespace pollux {
namespace {

// With appendfsync always what was promised to who waits stays promised, though the history breaks
// off: DEBUG LOADAOF closes it on a disk that takes nothing.
TEST(LivesTest, WhoWaitsForADiskThatIsFullIsNotReleasedByALoadAgain) {
  log_open("/dev/null");
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    LiveServer::Options options{.workers = 1 + static_cast<int>(seed % 3), .seed = seed};
    options.config = "appendfsync always\nsave \"\"\nenable-debug-command yes\n";
    LiveServer server(options);
    ASSERT_TRUE(server.start());
    server.disk.set_space(0);
    TestClient writer(server.scheduler.connect(0));
    bool answered = false;
    writer.add({"SET", "a", "1"}, [&answered](const Answer&) { answered = true; });
    writer.send_pipeline();
    const auto play = [&](int steps) {
      for (; steps > 0 && !answered; --steps) {
        server.step();
        server.advance_us(1'000);
        writer.receive();
      }
    };
    play(3'000);
    ASSERT_FALSE(answered) << seed;
    const std::vector<Answer> loaded = server.ask({{"DEBUG", "LOADAOF"}}, 0);
    ASSERT_EQ(loaded.size(), 1U);
    EXPECT_EQ(loaded[0].kind, Answer::Kind::kError);
    play(3'000);
    ASSERT_FALSE(answered) << seed;
    server.disk.set_space(UINT64_MAX);
    play(300'000);
    ASSERT_TRUE(answered) << seed;
    server.die();
    for (uint64_t left = 0; left < 4; ++left) {
      options.image = server.disk.survivors(left);
      LiveServer other(options);
      ASSERT_TRUE(other.start());
      const std::vector<Answer> found = other.ask({{"GET", "a"}}, 0);
      ASSERT_EQ(found.size(), 1U);
      EXPECT_EQ(found[0].text, "1") << seed;
    }
  }
  log_open("");
}

// Each of these answers and figures is redis-server's.
TEST(LivesTest, OfTwoSavesTheSecondIsToldHowTheFirstStands) {
  log_open("/dev/null");
  const std::string rewrite_started = "Background append only file rewriting started";
  const std::string rewrite_scheduled = "Background append only file rewriting scheduled";
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    LiveServer::Options options{.workers = 1 + static_cast<int>(seed % 3), .seed = seed};
    options.config = "save \"\"\n";
    LiveServer server(options);
    ASSERT_TRUE(server.start());
    const auto ask = [&server](const Request& request) {
      const std::vector<Answer> answers = server.ask({request}, 0);
      return answers.size() == 1 ? answers[0].text : "";
    };
    const auto has = [&ask](const std::string& figure) {
      return ask({"INFO", "persistence"}).find("\r\n" + figure + "\r\n") != std::string::npos;
    };
    const auto play = [&](int steps) {
      for (; steps > 0; --steps) {
        server.step();
        server.advance_us(1'000);
      }
    };
    const auto all_over = [&has] {
      return has("rdb_bgsave_in_progress:0") && has("aof_rewrite_in_progress:0") &&
             has("aof_rewrite_scheduled:0");
    };
    server.saver_rests = true;
    EXPECT_EQ(ask({"BGREWRITEAOF"}), rewrite_started) << seed;
    EXPECT_EQ(ask({"BGREWRITEAOF"}),
              "ERR Background append only file rewriting already in progress");
    EXPECT_EQ(ask({"BGSAVE"}),
              "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE "
              "SCHEDULE in order to schedule a BGSAVE whenever possible.");
    EXPECT_TRUE(has("aof_rewrite_in_progress:1") && has("aof_rewrite_scheduled:0") &&
                has("rdb_bgsave_in_progress:0") && has("aof_rewrites:1"));
    EXPECT_EQ(ask({"BGSAVE", "SCHEDULE"}), "Background saving scheduled");
    server.saver_rests = false;
    play(8'000);
    EXPECT_TRUE(all_over()) << seed;
    EXPECT_TRUE(has("rdb_saves:1")) << seed;

    server.saver_rests = true;
    EXPECT_EQ(ask({"BGSAVE"}), "Background saving started") << seed;
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(ask({"BGREWRITEAOF"}), rewrite_scheduled) << seed;
      EXPECT_EQ(ask({"BGSAVE", "SCHEDULE"}), "ERR Background save already in progress");
      EXPECT_TRUE(has("aof_rewrite_in_progress:0") && has("aof_rewrite_scheduled:1") &&
                  has("aof_current_rewrite_time_sec:-1") && has("rdb_bgsave_in_progress:1") &&
                  has("aof_rewrites:1"));
    }
    server.saver_rests = false;
    play(8'000);
    EXPECT_TRUE(all_over()) << seed;
    EXPECT_TRUE(has("rdb_saves:2") && has("aof_rewrites:2")) << seed;

    // SAVE does not mind the base of a rewrite.
    server.saver_rests = true;
    EXPECT_EQ(ask({"BGREWRITEAOF"}), rewrite_started) << seed;
    server.saver_rests = false;
    EXPECT_EQ(ask({"SAVE"}), "OK") << seed;
  }
  log_open("");
}

// Off and on within one transaction is a history that begins anew, as in redis-server, and whole.
TEST(LivesTest, TurnedOffAndOnAtOnceAHistoryBeginsAnew) {
  log_open("/dev/null");
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    LiveServer::Options options{.workers = 1 + static_cast<int>(seed % 3), .seed = seed};
    options.config = "appendfsync always\nsave \"\"\n";
    LiveServer server(options);
    ASSERT_TRUE(server.start());
    ASSERT_EQ(server.ask({{"SET", "a", "1"}}, 0).size(), 1U);
    ASSERT_EQ(server
                  .ask({{"MULTI"},
                        {"SET", "b", "2"},
                        {"CONFIG", "SET", "appendonly", "no"},
                        {"SET", "c", "3"},
                        {"CONFIG", "SET", "appendonly", "yes"},
                        {"SET", "d", "4"},
                        {"EXEC"}},
                       0)
                  .size(),
              7U);
    const AofBlock& aof = server.engine().page().aof;
    const auto anew = [&aof] { return aof.rewrites_ended.get() > 0 && aof.in_force.get() > 0; };
    for (int steps = 20'000; steps > 0 && !anew(); --steps) {
      server.step();
      server.advance_us(1'000);
    }
    EXPECT_EQ(aof.rewrites_ended.get(), 1) << seed;
    ASSERT_EQ(server.ask({{"SET", "e", "5"}}, 0).size(), 1U);
    server.die();
    for (uint64_t left = 0; left < 4; ++left) {
      options.image = server.disk.survivors(left);
      LiveServer other(options);
      ASSERT_TRUE(other.start());
      const std::vector<Answer> found = other.ask({{"MGET", "a", "b", "c", "d", "e"}}, 0);
      ASSERT_EQ(found.size(), 1U);
      std::string all;
      for (const Answer& value : found[0].elements) {
        all += value.text;
      }
      EXPECT_EQ(all, "12345") << seed;
    }
  }
  log_open("");
}

// no-appendfsync-on-rewrite: with everysec no sync while a snapshot is saved, one when that is
// over; with always the promise stands.
TEST(LivesTest, SyncsMayRestWhileASnapshotIsSaved) {
  log_open("/dev/null");
  for (const std::string policy : {"always", "everysec"}) {
    for (const bool may_rest : {false, true}) {
      const bool rest = may_rest && policy == "everysec";
      LiveServer::Options options{.workers = 2, .seed = 3};
      options.config = "appendfsync " + policy + "\nsave \"\"\nno-appendfsync-on-rewrite " +
                       (may_rest ? "yes\n" : "no\n");
      LiveServer server(options);
      ASSERT_TRUE(server.start());
      const Counter& syncs = server.engine().page().aof.syncs;
      const auto play = [&](int steps) {
        for (; steps > 0; --steps) {
          server.step();
          server.advance_us(1'000);
        }
      };
      server.saver_rests = true;
      ASSERT_EQ(server.ask({{"SET", "a", "1"}, {"BGSAVE"}}, 0).size(), 2U);
      play(5'000);
      const int64_t before = syncs.get();
      ASSERT_EQ(server.ask({{"SET", "b", "1"}}, 1).size(), 1U);
      play(5'000);
      EXPECT_EQ(syncs.get() == before, rest) << policy;
      EXPECT_EQ(server.journal.durable() < server.journal.drawn(), rest) << policy;
      server.saver_rests = false;
      play(5'000);
      EXPECT_EQ(server.saves_done(), 1U);
      EXPECT_EQ(server.journal.durable(), server.journal.drawn()) << policy;
    }
  }
  log_open("");
}

}  // namespace
}  // namespace pollux
