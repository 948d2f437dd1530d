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
