// Loading at the start, on whole engines: workers, loader and disk are stepped in interleavings
// drawn by a seed, while clients ask. Once on real threads, for the sleeping and waking.
#include "storage/rdb_loader.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/engine/load_test_support.h"
#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/test_client.h"
#include "src/base/log.h"
#include "src/base/sanitized.h"
#include "src/rdb/test_sink.h"
#include "storage/rdb_file_writer.h"
#include "storage/sim_disk.h"

namespace pollux {
namespace {

constexpr int kKeys = 600;
constexpr int kTimedKeys = 50;
const std::string kLoading = "-LOADING Redis is loading the dataset in memory";

std::string value_of(int i) { return "value " + std::to_string(i) + std::string(i % 50, 'x'); }

// Strings key:0 ... in database 0, lists list:N with N % 10 + 1 elements in database 3, and keys
// that end at `end_ms`. `after` comes at the end.
std::string file_of_keys(int64_t end_ms, const std::string& after = {}) {
  TestSink bytes;
  RdbFileWriter writer(bytes, {.compress = false});
  writer.begin({.redis_version = "7.0.15"});
  const auto put = [&writer](uint32_t db, const std::string& name, const RdbKeyMeta& meta,
                             RdbType type, const std::vector<std::string>& texts) {
    RdbWriter out(writer.open_key(db, meta, type, name), false);
    if (type != RdbType::kString) {
      out.length(texts.size());
    }
    for (const std::string& text : texts) {
      out.text(text);
    }
  };
  for (int i = 0; i < kKeys; ++i) {
    put(0, "key:" + std::to_string(i), {}, RdbType::kString, {value_of(i)});
  }
  for (int i = 0; i < kTimedKeys; ++i) {
    put(0, "timed:" + std::to_string(i), {.expire_ms = end_ms}, RdbType::kString, {"x"});
  }
  for (int i = 0; i < kKeys / 4; ++i) {
    put(3, "list:" + std::to_string(i), {}, RdbType::kList,
        std::vector<std::string>(static_cast<size_t>(i % 10 + 1), std::to_string(i)));
  }
  writer.records(3, after);
  writer.finish();
  return bytes.take();
}

RdbLoader::Options small_pieces(uint64_t seed) {
  return {.file = "dump.rdb",
          .format = {.databases = 16},
          .reads = {.block_bytes = 4096, .blocks = 2 + seed % 3},
          .batch_bytes = 200 + seed % 7 * 150};
}

SimDisk::Image image_of(const std::string& file) {
  SimDisk::Image image;
  image.files["dump.rdb"] = file;
  return image;
}

class Start : public LoadStart {
 public:
  Start(int workers, uint64_t seed, const std::string& file, const std::string& config = {})
      : LoadStart(workers, seed, image_of(file), config) {
    loader = std::make_unique<RdbLoader>(small_pieces(seed), disk, desk(), figures());
  }
};

class LoadTest : public testing::Test {
 protected:
  LoadTest() { log_open("/dev/null"); }
  ~LoadTest() override { log_open(""); }
};

// A client that asks for this and that, and holds every answer against what may be said.
class Asker {
 public:
  Asker(Start& start, int worker) : start_(start), client_(start.scheduler.connect(worker)) {}

  void act() {
    client_.receive();
    EXPECT_EQ(client_.garbage(), "");
    if (client_.awaited() > 6 || start_.scheduler.rng().below(8) != 0) {
      return;
    }
    for (uint64_t i = 1 + start_.scheduler.rng().below(4); i > 0; --i) {
      add(start_.scheduler.rng());
    }
    client_.send_pipeline();
  }
  size_t awaited() {
    client_.receive();
    return client_.awaited();
  }
  int sent_away() const { return sent_away_; }
  int answered() const { return answered_; }

 private:
  void add(Rng& rng) {
    const int i = static_cast<int>(rng.below(kKeys));
    const std::string key = "key:" + std::to_string(i);
    const std::string own = "own:" + std::to_string(rng.below(30));
    switch (rng.below(12)) {
      case 0:
      case 1:
      case 2:
        return denied({"GET", key}, "\"" + value_of(i) + "\"");
      case 3:
        return denied({"MGET", key, "key:7"},
                      "[\"" + value_of(i) + "\" \"" + value_of(7) + "\"]");
      case 4:
        return denied({"SET", own, "x"}, "+OK");
      case 5:
        return denied({"PING"}, "+PONG");
      case 6:
        return denied({"TTL", key}, ":-1");
      case 7:
        return denied({"DBSIZE"}, "");
      case 8:
        client_.add({"ECHO", "a"}, [](const Answer& a) { EXPECT_EQ(a.shown(), "\"a\""); });
        return;
      case 9:
        client_.add({"INFO", "persistence"}, [this](const Answer& a) {
          const bool loading = a.text.find("loading:1") != std::string::npos;
          EXPECT_EQ(loading, a.text.find("loading_eta_seconds") != std::string::npos);
          EXPECT_TRUE(loading || start_.desk().over());
        });
        return;
      case 10:
        client_.add({"MULTI"}, [](const Answer& a) { EXPECT_EQ(a.shown(), "+OK"); });
        denied({"GET", key}, "+QUEUED");
        client_.add({"EXEC"}, [this, i](const Answer& a) {
          const bool aborted = a.text.find("EXECABORT") == 0;
          EXPECT_TRUE(aborted || a.shown() == "[\"" + value_of(i) + "\"]") << a.shown();
          EXPECT_TRUE(aborted || start_.desk().over());
        });
        return;
      default:
        // A lease while keys are built.
        client_.add({"SUBSCRIBE", own}, [](const Answer& a) { EXPECT_EQ(a.elements.size(), 3U); });
        client_.add({"UNSUBSCRIBE", own},
                    [](const Answer& a) { EXPECT_EQ(a.elements.size(), 3U); });
        return;
    }
  }
  // Sent away before the end; answered rightly behind it, and never sent away again.
  void denied(const Request& request, const std::string& answer) {
    client_.add(request, [this, answer](const Answer& a) {
      if (a.shown() == kLoading) {
        EXPECT_EQ(answered_, 0);
        ++sent_away_;
        return;
      }
      EXPECT_TRUE(start_.desk().over()) << a.shown();
      EXPECT_TRUE(answer.empty() || a.shown() == answer) << a.shown();
      ++answered_;
    });
  }

  Start& start_;
  TestClient client_;
  int sent_away_ = 0;
  int answered_ = 0;
};

TEST_F(LoadTest, EveryKeyIsThereAndNobodyIsAnsweredBefore) {
  const std::string file = file_of_keys(kSchedulerStartMs + 3'600'000);
  int sent_away = 0;
  for (uint64_t seed = 1; seed <= 60 / kSlowness; ++seed) {
    SCOPED_TRACE(seed);
    const int workers = 1 + static_cast<int>(seed % 4);
    Start start(workers, seed, file);
    std::vector<std::unique_ptr<Asker>> askers;
    for (int i = 0; i < 2 * workers; ++i) {
      askers.push_back(std::make_unique<Asker>(start, i % workers));
    }
    size_t steps_behind = 0;
    ASSERT_TRUE(start.run_until([&] {
      for (auto& asker : askers) {
        asker->act();
      }
      return start.outcome != FileLoader::Step::kAgain && ++steps_behind > 2000;
    }));
    ASSERT_EQ(start.outcome, FileLoader::Step::kDone) << start.loader->error();
    ASSERT_TRUE(start.scheduler.run_until_quiet());
    for (auto& asker : askers) {
      EXPECT_EQ(asker->awaited(), 0U);
      EXPECT_GT(asker->answered(), 0);
      sent_away += asker->sent_away();
    }
    MemoryClient client = start.scheduler.connect(0);
    for (int i = 0; i < kKeys; i += 7) {
      const std::string value = value_of(i);
      ASSERT_EQ(start.ask(client, {"GET", "key:" + std::to_string(i)}),
                "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n");
    }
    EXPECT_EQ(start.ask(client, {"TTL", "timed:3"}).substr(0, 2), ":3");
    start.ask(client, {"SELECT", "3"});
    EXPECT_EQ(start.ask(client, {"DBSIZE"}), ":" + std::to_string(kKeys / 4) + "\r\n");
    EXPECT_EQ(start.ask(client, {"LRANGE", "list:11", "0", "-1"}),
              "*2\r\n$2\r\n11\r\n$2\r\n11\r\n");
    const LoadBlock& figures = start.scheduler.engine().page().load;
    EXPECT_EQ(figures.keys_loaded.get(), kKeys + kTimedKeys + kKeys / 4);
    EXPECT_EQ(figures.loading.get(), 0);
  }
  EXPECT_GT(sent_away, static_cast<int>(1000 / kSlowness));
}

// As in Redis: a key that comes from the file has not changed, and is no event.
TEST_F(LoadTest, NobodyHearsOfWhatIsLoaded) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Start start(3, seed, file_of_keys(kSchedulerStartMs + 3'600'000),
                "notify-keyspace-events KEAn\n");
    MemoryClient listener = start.scheduler.connect(0);
    MemoryClient watcher = start.scheduler.connect(1);
    EXPECT_EQ(start.ask(listener, {"PSUBSCRIBE", "*"}).substr(0, 4), "*3\r\n");
    EXPECT_EQ(start.ask(watcher, {"WATCH", "key:1", "key:2", "key:3"}), "+OK\r\n");
    ASSERT_TRUE(start.run_to_the_end());
    EXPECT_EQ(start.outcome, FileLoader::Step::kDone);
    EXPECT_EQ(listener.take(), "");
    start.ask(watcher, {"MULTI"});
    start.ask(watcher, {"GET", "key:1"});
    EXPECT_EQ(start.ask(watcher, {"EXEC"}),
              "*1\r\n$" + std::to_string(value_of(1).size()) + "\r\n" + value_of(1) + "\r\n");
    EXPECT_EQ(start.ask(watcher, {"SET", "key:2", "x"}), "+OK\r\n");
    EXPECT_NE(listener.take().find("__keyevent@0__:set"), std::string::npos);
  }
}

// Keys end by the clock only when all are there; the limit of memory holds from then on.
TEST_F(LoadTest, NothingExpiresAndNothingIsEvictedMeanwhile) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Start start(2, seed, file_of_keys(kSchedulerStartMs + 5),
                "maxmemory 1\nmaxmemory-policy allkeys-lru\n");
    const auto gone = [&start] {
      uint64_t keys = 0;
      for (int i = 0; i < 2; ++i) {
        const ShardStats& stats = start.scheduler.engine().worker(i).shard().stats();
        keys += stats.expired_keys + stats.evicted_keys;
      }
      return keys;
    };
    ASSERT_TRUE(start.run_until([&] {
      start.scheduler.clock().advance_us(3);
      return start.outcome != FileLoader::Step::kAgain || gone() != 0;
    }));
    EXPECT_EQ(gone(), 0U);
    start.scheduler.clock().advance_us(100'000);
    EXPECT_TRUE(start.run_until([&] { return gone() > kKeys / 2; }));
  }
}

TEST_F(LoadTest, WhatAWorkerCannotBuildEndsIt) {
  const std::pair<std::string, std::string> bad[] = {
      {std::string("\x01\x06list:3\x01\x01x", 11), "duplicated key: key \"list:3\" of database 3"},
      {std::string("\x10\x01h\x05wrong", 9), "the value of key \"h\" of database 3 (type 16)"}};
  for (const auto& [record, sentence] : bad) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      const std::string file = file_of_keys(kSchedulerStartMs + 3'600'000, record);
      Start start(1 + static_cast<int>(seed % 4), seed, file);
      MemoryClient client = start.scheduler.connect(0);
      ASSERT_TRUE(start.run_to_the_end());
      EXPECT_EQ(start.outcome, FileLoader::Step::kFailed);
      EXPECT_NE(start.loader->error().find(sentence), std::string::npos) << start.loader->error();
      EXPECT_NE(start.loader->error().find("byte " + std::to_string(file.rfind(record))),
                std::string::npos)
          << start.loader->error();
      EXPECT_EQ(start.ask(client, {"PING"}), kLoading + "\r\n");
      EXPECT_EQ(start.scheduler.engine().page().load.loading.get(), 1);
    }
  }
}

// The same over threads that sleep and must be woken, on both sides.
TEST_F(LoadTest, ThreadsWakeEachOther) {
  const SimDisk::Image image = image_of(file_of_keys(INT64_MAX));
  for (int workers = 1; workers <= 4; ++workers) {
    const std::string answer = load_on_threads(
        workers, image,
        [workers](Disk& disk, Engine& engine) {
          RdbLoader::Options options = small_pieces(1);
          options.batches = static_cast<size_t>(workers) + 1;  // it waits for them all the time
          return std::make_unique<RdbLoader>(options, disk, engine.load_desk(),
                                             engine.page().load);
        },
        {"GET", "key:5"});
    EXPECT_NE(answer.find(value_of(5)), std::string::npos) << answer;
  }
}

}  // namespace
}  // namespace pollux
