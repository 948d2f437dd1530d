// Append-only histories that are loaded at the start, on whole engines: the same commands from a
// file and from a client come to the same data, however workers, loader and disk interleave.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "dataplane/engine/load_test_support.h"
#include "dataplane/sim/scheduler.h"
#include "src/base/log.h"
#include "src/base/seeds.h"
#include "storage/aof_loader.h"
#include "storage/sim_disk.h"

namespace pollux {
namespace {

constexpr int kDatabases = 16;

SimDisk::Image image_of(const std::string& file) {
  SimDisk::Image image;
  image.files["a.aof"] = file;
  return image;
}

AofLoader::Options small_pieces(uint64_t seed, const std::string& file) {
  return {.parts = {{.path = "a.aof", .bytes = file.size()}},
          .rdb = {.databases = kDatabases},
          .reads = {.block_bytes = 4096, .blocks = 2 + seed % 3},
          .batches = {.bytes = 300 + seed % 7 * 150}};
}

class Start : public LoadStart {
 public:
  Start(int workers, uint64_t seed, const std::string& file, const std::string& config = {})
      : LoadStart(workers, seed, image_of(file), config + "enable-debug-command yes\n") {
    loader = std::make_unique<AofLoader>(small_pieces(seed, file), disk, desk(), figures());
  }
};

std::string encode_all(const std::vector<Request>& requests) {
  std::string text;
  for (const Request& request : requests) {
    text += encode(request);
  }
  return text;
}

// Writes by chance: of all types, on one shard and over several, in several databases, together.
std::vector<Request> some_writes(Rng& rng, size_t count) {
  std::vector<Request> writes;
  bool in_multi = false;
  const auto key = [&rng](const char* type) { return type + std::to_string(rng.below(25)); };
  const auto number = [&rng] { return std::to_string(rng.below(1000)); };
  for (size_t i = 0; i < count; ++i) {
    switch (rng.below(26)) {
      case 0: writes.push_back({"SET", key("s"), std::string(rng.below(900), 'x')}); break;
      case 1: writes.push_back({"APPEND", key("s"), number()}); break;
      case 2: writes.push_back({"INCRBY", key("n"), number()}); break;
      case 3: writes.push_back({"MSET", key("s"), number(), key("s"), number()}); break;
      case 4: writes.push_back({"RPUSH", key("l"), number(), number()}); break;
      case 5: writes.push_back({"LPOP", key("l")}); break;
      case 6: writes.push_back({"LMOVE", key("l"), key("l"), "LEFT", "RIGHT"}); break;
      case 7: writes.push_back({"SADD", key("e"), number(), number()}); break;
      case 8: writes.push_back({"SREM", key("e"), number()}); break;
      case 9: writes.push_back({"SMOVE", key("e"), key("e"), number()}); break;
      case 10: writes.push_back({"SINTERSTORE", key("e"), key("e"), key("e")}); break;
      case 11: writes.push_back({"HSET", key("h"), number(), number(), number(), number()}); break;
      case 12: writes.push_back({"HDEL", key("h"), number()}); break;
      case 13: writes.push_back({"ZADD", key("z"), number(), number()}); break;
      case 14: writes.push_back({"ZUNIONSTORE", key("z"), "2", key("z"), key("z")}); break;
      case 15: writes.push_back({"XADD", key("x"), std::to_string(i + 1) + "-1", "f", number()});
        break;
      case 16: writes.push_back({"PFADD", key("p"), number()}); break;
      case 17: writes.push_back({"PFMERGE", key("p"), key("p")}); break;
      case 18: writes.push_back({"DEL", key("s"), key("l"), key("h")}); break;
      case 19: writes.push_back({"RENAME", key("s"), key("s")}); break;
      case 20: writes.push_back({"PEXPIREAT", key("s"), "2500000000000"}); break;
      case 21: writes.push_back({"COPY", key("z"), key("z"), "REPLACE"}); break;
      case 22: writes.push_back({"MOVE", key("s"), std::to_string(rng.below(3))}); break;
      case 23:
        writes.push_back({in_multi ? "EXEC" : "MULTI"});
        in_multi = !in_multi;
        break;
      case 24: writes.push_back({"SELECT", std::to_string(rng.below(3))}); break;
      default:
        if (rng.below(8) == 0) {
          writes.push_back(rng.below(2) == 0 ? Request{"FLUSHDB"} : Request{"SWAPDB", "0", "2"});
        }
        break;
    }
  }
  if (in_multi) {
    writes.push_back({"EXEC"});
  }
  return writes;
}

std::string digest_of_client(const std::vector<Request>& writes) {
  Scheduler scheduler({.workers = 1, .seed = 1, .config = "enable-debug-command yes\n"});
  MemoryClient client = scheduler.connect(0);
  std::string digest;
  const auto ask = [&](const std::string& bytes) {
    client.send_whole(bytes);
    EXPECT_TRUE(scheduler.run_until_quiet());
    return client.take();
  };
  for (const Request& write : writes) {
    ask(encode(write));
  }
  return ask(encode({"DEBUG", "DIGEST"}));
}

class LoadAofTest : public testing::Test {
 protected:
  LoadAofTest() { log_open("/dev/null"); }
  ~LoadAofTest() override { log_open(""); }
};

TEST_F(LoadAofTest, ComesToWhatClientsWouldHaveMade) {
  const Seeds seeds = seeds_to_run(40);
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const std::vector<Request> writes = some_writes(rng, 1200);
    const std::string digest = digest_of_client(writes);
    EXPECT_EQ(digest.size(), 43U) << digest;
    Start start(1 + static_cast<int>(seed % 5), seed, encode_all(writes));
    // Which is sent away, and takes leases meanwhile.
    MemoryClient client = start.scheduler.connect(0);
    int asked = 0;
    ASSERT_TRUE(start.run_until([&] {
      if (asked < 30 && start.scheduler.rng().below(40) == 0) {
        ++asked;
        client.send(encode({"SUBSCRIBE", "a"}) + encode({"UNSUBSCRIBE", "a"}) +
                    encode({"INFO", "keyspace"}));
      }
      return start.outcome != FileLoader::Step::kAgain;
    }));
    ASSERT_EQ(start.outcome, FileLoader::Step::kDone) << start.loader->error();
    ASSERT_TRUE(start.scheduler.run_until_quiet());
    client.take();
    EXPECT_EQ(start.ask(client, {"DEBUG", "DIGEST"}), digest);
    int64_t calls = 0;
    for (int i = 0; i < start.scheduler.engine().worker_count(); ++i) {
      calls += start.scheduler.engine().worker(i).core().error_replies.get();
    }
    EXPECT_EQ(calls, 0);  // statistics are of clients
  }
}

TEST_F(LoadAofTest, NobodyHearsOfItAndNothingExpires) {
  const std::string past = std::to_string(kSchedulerStartMs - 1000);
  const std::string file =
      encode_all({{"SET", "a", "1"},
                  {"PEXPIREAT", "a", std::to_string(kSchedulerStartMs + 3)},
                  {"RPUSH", "list", "x"},
                  {"SET", "old", "x"},
                  {"SET", "b", "1"},
                  {"SET", "old", "y", "PXAT", std::to_string(kSchedulerStartMs + 2)},
                  {"APPEND", "old", "z"},
                  {"MSET", "c", "1", "d", "2", "e", "3"},
                  {"APPEND", "a", "2"}});
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Start start(1 + static_cast<int>(seed % 4), seed, file,
                "notify-keyspace-events KEAn\nmaxmemory 1\nmaxmemory-policy noeviction\n");
    MemoryClient listener = start.scheduler.connect(0);
    EXPECT_EQ(start.ask(listener, {"PSUBSCRIBE", "*"}).substr(0, 4), "*3\r\n");
    ASSERT_TRUE(start.run_until([&] {
      start.scheduler.clock().advance_us(50);
      return start.outcome != FileLoader::Step::kAgain;
    }));
    ASSERT_EQ(start.outcome, FileLoader::Step::kDone);
    EXPECT_EQ(listener.take(), "");
    int64_t keys = 0;
    for (ShardStore* const shard : start.scheduler.engine().shards()) {
      keys += static_cast<int64_t>(shard->key_count(0));
    }
    EXPECT_EQ(keys, 7);
    start.scheduler.clock().advance_us(1'000'000);
    ASSERT_TRUE(start.run_until([&] {
      start.scheduler.clock().advance_us(1000);
      return listener.take().find("expired") != std::string::npos;
    }));
  }
}

// Redis does the same, and logs it.
TEST_F(LoadAofTest, GoesOnBehindCommandsThatFail) {
  const std::string file = encode_all({{"SET", "a", "1"},
                                       {"LPUSH", "a", "1"},
                                       {"XGROUP", "DESTROY", "none", "g"},
                                       {"BLPOP", "none", "0"},
                                       {"SETEX", "a", "0", "x"},
                                       {"GET", "a"},
                                       {"CONFIG", "SET", "maxmemory", "1"},
                                       {"SET", "b", "2"}});
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Start start(1 + static_cast<int>(seed % 4), seed, file);
    ASSERT_TRUE(start.run_to_the_end());
    ASSERT_EQ(start.outcome, FileLoader::Step::kDone);
    MemoryClient client = start.scheduler.connect(0);
    EXPECT_EQ(start.ask(client, {"MGET", "a", "b"}), "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    EXPECT_EQ(start.ask(client, {"DBSIZE"}), ":2\r\n");
  }
}

TEST_F(LoadAofTest, UnknownCommandsEndIt) {
  const std::pair<Request, std::string> bad[] = {
      {{"NOPE", "x"}, "Unknown command 'NOPE'"},
      {{"XGROUP", "NOPE"}, "Unknown command 'XGROUP'"},
      {{"EVAL", "return 1", "0"}, "Unknown command 'EVAL'"},
      {{"SET", "x"}, "'SET' has 1 arguments"},
      {{"SELECT", "16"}, "SELECT of database '16'"}};
  for (const auto& [request, sentence] : bad) {
    Start start(2, 1, encode_all({{"SET", "a", "1"}, request, {"SET", "b", "2"}}));
    ASSERT_TRUE(start.run_to_the_end());
    EXPECT_EQ(start.outcome, FileLoader::Step::kFailed);
    EXPECT_NE(start.loader->error().find("byte 27: " + sentence), std::string::npos)
        << start.loader->error();
  }
}

// Commands that no server has written: done, answered with an error, or a sentence with file and
// byte.
TEST_F(LoadAofTest, HostileArgumentsAreDoneOrRefused) {
  int refused = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Rng rng(seed);
    std::vector<Request> writes = some_writes(rng, 60);
    for (uint64_t i = rng.below(5); i > 0; --i) {
      Request& request = writes[rng.below(writes.size())];
      const Request& other = writes[rng.below(writes.size())];
      switch (rng.below(4)) {
        case 0:
          request.insert(request.end(), other.begin(), other.end());
          break;
        case 1:
          request.back() = other.back();
          break;
        case 2:
          request[0] = other[0];
          break;
        default:
          request.back() = i % 2 == 0 ? "-9223372036854775808" : std::string(2000, 'x');
          break;
      }
    }
    Start start(1 + static_cast<int>(seed % 4), seed, encode_all(writes));
    ASSERT_TRUE(start.run_to_the_end());
    if (start.outcome == FileLoader::Step::kFailed) {
      ++refused;
      EXPECT_NE(start.loader->error().find("a.aof: append-only file, byte "), std::string::npos)
          << start.loader->error();
    }
  }
  EXPECT_GT(refused, 50);
  EXPECT_LT(refused, 250);
}

// Over threads that sleep and must be woken, with a halt for all shards at every third command.
TEST_F(LoadAofTest, ThreadsWakeEachOther) {
  std::vector<Request> writes;
  for (int i = 0; i < 600; ++i) {
    const std::string text = std::to_string(i);
    writes.push_back({"MSET", "a" + text, text, "b" + text, text});
    writes.push_back({"APPEND", "a" + text, "x"});
    writes.push_back({"SET", "c" + text, std::string(static_cast<size_t>(i % 40) * 10, 'x')});
  }
  const std::string file = encode_all(writes);
  for (int workers = 1; workers <= 4; ++workers) {
    const std::string answer = load_on_threads(
        workers, image_of(file),
        [&file, workers](Disk& disk, Engine& engine) {
          AofLoader::Options options = small_pieces(1, file);
          options.batches.count = static_cast<size_t>(workers) + 1;
          return std::make_unique<AofLoader>(options, disk, engine.load_desk(),
                                             engine.page().load);
        },
        {"MGET", "a599", "b599"});
    EXPECT_EQ(answer, "*2\r\n$4\r\n599x\r\n$3\r\n599\r\n");
  }
}

}  // namespace
}  // namespace pollux
