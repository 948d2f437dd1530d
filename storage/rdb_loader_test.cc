// The loader over a disk in memory and builders that take their time. That what is built is right
// stands in dataplane/engine/load_test.cc and tests/integration/test_load.py.
#include "storage/rdb_loader.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/hash.h"
#include "src/base/rng.h"
#include "src/base/time.h"
#include "src/data/crc64.h"
#include "src/data/keyspace.h"
#include "src/rdb/test_sink.h"
#include "storage/load_test_support.h"
#include "storage/rdb_file_writer.h"
#include "storage/sim_disk.h"

namespace pollux {
namespace {

using namespace std::string_literals;

constexpr Instant kNow{1'800'000'000'000'000};
constexpr int64_t kLongUs = 3'600'000'000;

// Notes every record.
class Builders final : public SlowSink {
 public:
  Builders(size_t shards, uint64_t seed) : SlowSink(shards, seed) {}

  void send(ShardId shard, LoadBatch& batch) override {
    EXPECT_FALSE(batch.empty());
    LoadRecord record;
    while (batch.refusal() == LoadBatch::Refusal::kNone && batch.next(record)) {
      EXPECT_EQ(shard, shard_of_slot(key_slot(record.name), shards()));
      EXPECT_EQ(record.hash, key_hash(record.name));
      const std::string name = std::to_string(record.db) + " " + std::string(record.name);
      std::string line = name + "=" + std::string(record.value);
      line += record.meta.expire_ms ? " until " + std::to_string(*record.meta.expire_ms) : "";
      line += record.meta.idle_s ? " idle " + std::to_string(*record.meta.idle_s) : "";
      line += record.meta.frequency ? " used " + std::to_string(*record.meta.frequency) : "";
      if (!names.insert(name).second) {
        batch.refuse(LoadBatch::Refusal::kTwice, record);
      } else if (record.name == damaged) {
        batch.refuse(LoadBatch::Refusal::kDamaged, record);
      } else {
        lines.insert(line);
      }
    }
    hold(batch);
  }

  std::set<std::string> names;
  std::set<std::string> lines;
  std::string damaged = "none";  // the key that can't be built
};

struct Parts {
  TestSink sink;
  RdbFileWriter writer{sink, {}};

  Parts() { writer.begin({.redis_version = "7.0.15", .created_s = 1, .used_memory_bytes = 300}); }
  Parts& key(std::string_view name, std::string_view value, const RdbKeyMeta& meta = {},
             uint32_t db = 0) {
    RdbWriter(writer.open_key(db, meta, RdbType::kString, name), false).text(value);
    return *this;
  }
  std::string end() {
    writer.finish();
    return sink.take();
  }
};

std::string many_keys(size_t count) {
  Parts parts;
  for (size_t i = 0; i < count; ++i) {
    parts.key("key:" + std::to_string(i), "value " + std::to_string(i), {}, i % 3);
  }
  return parts.end();
}

class RdbLoaderTest : public testing::Test {
 protected:
  RdbLoader::Step load(const std::string& file, size_t shards = 2, uint64_t seed = 1) {
    lay(file, seed);
    start(shards, seed);
    return run();
  }
  // A disk with that file.
  void lay(const std::string& file, uint64_t seed = 1) {
    loader_.reset();
    SimDisk::Image image;
    image.files["dump.rdb"] = file;
    disk_ = std::make_unique<SimDisk>(seed, clock_, image);
    disk_->set_faults({.stalls = 10, .stall_us_max = 2'000});
    stalled_ = false;
  }
  // Reads that were begun.
  uint64_t reads() const { return disk_->calls() - 2; }
  void start(size_t shards, uint64_t seed = 1) {
    loader_.reset();
    figures_ = std::make_unique<LoadBlock>();
    builders_ = std::make_unique<Builders>(shards, seed);
    loader_ = std::make_unique<RdbLoader>(options_, *disk_, *builders_, *figures_);
  }
  // To the end, or until so many steps change nothing.
  RdbLoader::Step run(size_t steps_max = 100'000) {
    RdbLoader::Step step = RdbLoader::Step::kAgain;
    for (size_t i = 0; i < steps_max && step == RdbLoader::Step::kAgain; ++i) {
      step = loader_->step({kNow.us + static_cast<int64_t>(i)}, 0);
      clock_.advance_us(stalled_ ? 0 : 100);
    }
    return step;
  }
  // The error of a file that is refused.
  std::string error_of(const std::string& file) {
    EXPECT_EQ(load(file), RdbLoader::Step::kFailed);
    EXPECT_EQ(figures_->loading.get(), 1);
    return loader_->error();
  }
  void expect_in(const std::string& text, std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) {
      EXPECT_NE(text.find(part), std::string::npos) << part << " is not in: " << text;
    }
  }

  RdbLoader::Options options_ = {.file = "dump.rdb",
                                 .format = {.databases = 16},
                                 .reads = {.block_bytes = 4096, .blocks = 3},
                                 .batch_bytes = 1024};
  ManualClock clock_{kNow};
  bool stalled_ = false;  // no read ends
  std::unique_ptr<SimDisk> disk_;
  std::unique_ptr<LoadBlock> figures_;
  std::unique_ptr<Builders> builders_;
  std::unique_ptr<RdbLoader> loader_;
};

TEST_F(RdbLoaderTest, HandsEveryKeyToItsShard) {
  const RdbKeyMeta meta = {.expire_ms = kNow.ms() + 5, .idle_s = 70, .frequency = 9};
  const std::string file =
      Parts().key("a", "1").key("b", "text", meta).key("a", "2", {}, 3).key("", "", {}, 15).end();
  EXPECT_EQ(load(file), RdbLoader::Step::kDone) << loader_->error();
  EXPECT_EQ(builders_->lines,
            (std::set<std::string>{"0 a=\xc0\1"s,
                                   "0 b=\4text until " + std::to_string(kNow.ms() + 5) +
                                       " idle 70 used 9",
                                   "3 a=\xc0\2"s, "15 =\0"s}));
  EXPECT_EQ(figures_->keys_loaded.get(), 4);
  EXPECT_EQ(figures_->keys_expired.get(), 0);
  EXPECT_EQ(figures_->loading.get(), 0);
  EXPECT_EQ(figures_->started_s.get(), kNow.us / 1'000'000);
  EXPECT_EQ(figures_->total_bytes.get(), static_cast<int64_t>(file.size()));
  EXPECT_EQ(figures_->loaded_bytes.get(), figures_->total_bytes.get());
  EXPECT_EQ(figures_->saved_memory_bytes.get(), 300);
}

TEST_F(RdbLoaderTest, LosesNothingHoweverReadsEndAndBuildersDawdle) {
  const std::string file = many_keys(3000);
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    options_.reads.blocks = 2 + seed % 4;
    EXPECT_EQ(load(file, 1 + seed % 5, seed), RdbLoader::Step::kDone) << loader_->error();
    EXPECT_EQ(builders_->lines.size(), 3000U) << seed;
    EXPECT_EQ(builders_->under_way(), 0U);
    EXPECT_EQ(figures_->keys_loaded.get(), 3000);
  }
}

// Redis as a master, too, leaves out what is over when the load begins.
TEST_F(RdbLoaderTest, LeavesOutWhatIsOver) {
  const auto until = [](int64_t ms) { return RdbKeyMeta{.expire_ms = ms}; };
  EXPECT_EQ(load(Parts()
                     .key("a", "x", until(kNow.ms() - 1))
                     .key("b", "x", until(kNow.ms()))
                     .key("c", "x", until(5))
                     .key("d", "x", until(-7))
                     .key("a", "y")
                     .end()),
            RdbLoader::Step::kDone);
  EXPECT_EQ(builders_->names, (std::set<std::string>{"0 a", "0 b"}));
  EXPECT_EQ(figures_->keys_loaded.get(), 2);
  EXPECT_EQ(figures_->keys_expired.get(), 3);
}

TEST_F(RdbLoaderTest, LeavesOutWhatHasNothingInIt) {
  Parts parts;
  parts.writer.open_key(0, {.expire_ms = 5}, RdbType::kList, "list").append(std::string(1, '\0'));
  parts.writer.open_key(0, {}, RdbType::kSet, "set").append("\1\1a");
  EXPECT_EQ(load(parts.end()), RdbLoader::Step::kDone);
  EXPECT_EQ(builders_->names, (std::set<std::string>{"0 set"}));
  EXPECT_EQ(figures_->keys_loaded.get(), 1);
  EXPECT_EQ(figures_->keys_expired.get(), 0);
}

TEST_F(RdbLoaderTest, GoesOnWithoutFunctions) {
  Parts parts;
  parts.writer.function_library("#!lua name=lib");
  EXPECT_EQ(load(parts.key("a", "1").end()), RdbLoader::Step::kDone);
  EXPECT_EQ(builders_->names.size(), 1U);
}

TEST_F(RdbLoaderTest, BuildersThatAreSlowHoldItBack) {
  lay(many_keys(5000));
  options_.batches = 6;
  start(/*shards=*/2);
  builders_->stuck = true;
  EXPECT_EQ(run(1000), RdbLoader::Step::kAgain);
  EXPECT_LE(builders_->under_way(), 6U);
  EXPECT_GE(builders_->under_way(), 4U);
  EXPECT_TRUE(builders_->asked_to_wake);
  const uint64_t begun = reads();
  EXPECT_LE(begun, 5U);
  EXPECT_EQ(run(100), RdbLoader::Step::kAgain);
  EXPECT_EQ(reads(), begun);
  builders_->stuck = false;
  EXPECT_EQ(run(), RdbLoader::Step::kDone);
  EXPECT_EQ(builders_->lines.size(), 5000U);
  EXPECT_LE(builders_->most, 6U);
}

TEST_F(RdbLoaderTest, IsNotDoneBeforeTheLastKeyIsBuilt) {
  lay(many_keys(5));
  start(/*shards=*/2);
  builders_->stuck = true;
  EXPECT_EQ(run(1000), RdbLoader::Step::kAgain);
  EXPECT_EQ(builders_->lines.size(), 5U);
  EXPECT_EQ(figures_->loading.get(), 1);
  builders_->stuck = false;
  EXPECT_EQ(run(), RdbLoader::Step::kDone);
}

// Each takes as much memory as it is long, so one has to be built before the next one goes.
TEST_F(RdbLoaderTest, LongValuesTravelAloneAndOneByOne) {
  Parts parts;
  for (int i = 0; i < 30; ++i) {
    parts.key("long" + std::to_string(i), std::string(static_cast<size_t>(i) * 3000, 'x'));
    parts.key("short" + std::to_string(i), "y");
  }
  const std::string file = parts.end();
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_EQ(load(file, 3, seed), RdbLoader::Step::kDone) << loader_->error();
    EXPECT_EQ(builders_->lines.size(), 60U);
    EXPECT_EQ(builders_->large_most, 1);
  }
}

// It may wait without limit: a read that ends wakes it, or a batch that it has asked for.
TEST_F(RdbLoaderTest, WaitsForNothingThatWillNotCome) {
  Parts parts;
  for (int i = 0; i < 60; ++i) {
    parts.key("long" + std::to_string(i), std::string(i % 3 == 0 ? 900 : 2000, 'x'));
  }
  const std::string file = parts.end();
  options_.batches = 4;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    lay(file, seed);
    start(/*shards=*/3, seed);
    builders_->wakes = disk_.get();
    const Instant began = clock_.now();
    RdbLoader::Step step = RdbLoader::Step::kAgain;
    while (step == RdbLoader::Step::kAgain) {
      step = loader_->step(kNow, kLongUs);
    }
    EXPECT_EQ(step, RdbLoader::Step::kDone) << loader_->error();
    EXPECT_EQ(builders_->lines.size(), 60U);
    EXPECT_LT(clock_.now().us - began.us, kLongUs);
  }
}

TEST_F(RdbLoaderTest, NamesTheByteOfWhatIsWrong) {
  const std::string file = many_keys(1000);
  expect_in(error_of(file.substr(0, 9000)),
            {"dump.rdb: RDB file, byte ", "beyond the end of the file", "load an older backup"});
  std::string damaged = file;
  damaged[5000] ^= 1;
  expect_in(error_of(damaged), {"dump.rdb: RDB file, byte "});
  damaged = file;
  damaged.back() ^= 1;
  expect_in(error_of(damaged), {"the checksum of the file is wrong", "rdbchecksum no"});
  options_.format.checksum = false;
  EXPECT_EQ(load(damaged), RdbLoader::Step::kDone);
  expect_in(error_of(""), {"byte 0: the header wants at least 9 bytes beyond the end"});
  expect_in(error_of("*3\r\n$3\r\nSET\r\n"), {"this is no RDB file"});
  expect_in(error_of(Parts().key("a", "1", {}, 16).end()), {"keys of database 16", "is 16"});
}

TEST_F(RdbLoaderTest, RefusesWhatBuildersRefuse) {
  const std::string file = many_keys(3000);
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    lay(file, seed);
    start(/*shards=*/3, seed);
    builders_->damaged = "key:1234";
    EXPECT_EQ(run(), RdbLoader::Step::kFailed);
    const std::string at = std::to_string(file.find("\x08key:1234") - 1);
    expect_in(loader_->error(),
              {"dump.rdb: RDB file, byte " + at + ": the value of key \"key:1234\" of database 1 "
               "(type 0) is damaged. Look at the file with redis-check-rdb"});
  }
}

// The next one waits for it, in a window that is gone when the loader gives up.
TEST_F(RdbLoaderTest, RefusesALongRecordThatAnotherWaitsFor) {
  Parts parts;
  for (int i = 0; i < 20; ++i) {
    parts.key("long" + std::to_string(i), std::string(200'000, 'x'));
  }
  const std::string file = parts.end();
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    lay(file, seed);
    start(/*shards=*/2, seed);
    builders_->damaged = "long7";
    EXPECT_EQ(run(), RdbLoader::Step::kFailed);
    expect_in(loader_->error(), {"the value of key \"long7\" of database 0"});
  }
}

TEST_F(RdbLoaderTest, RefusesAKeyThatStandsTwice) {
  expect_in(error_of(Parts().key("a", "1").key("b", "1").key("a", "2").end()),
            {"RDB has duplicated key: key \"a\" of database 0 stands in it twice"});
}

// Whoever looks at the file begins there.
TEST_F(RdbLoaderTest, TellsTheFirstOfSeveralThatAreRefused) {
  Parts parts;
  for (int i = 0; i < 200; ++i) {
    parts.key("twice", "value " + std::to_string(i)).key("k" + std::to_string(i), "x");
  }
  const std::string file = parts.end();
  lay(file);
  start(1);
  builders_->newest_first = true;
  builders_->stuck = true;
  EXPECT_EQ(run(1000), RdbLoader::Step::kAgain);
  EXPECT_GT(builders_->under_way(), 2U);
  builders_->stuck = false;
  EXPECT_EQ(run(), RdbLoader::Step::kFailed);
  const size_t second = file.find("\5twice", file.find("\5twice") + 1) - 1;
  expect_in(loader_->error(), {"byte " + std::to_string(second) + ": RDB has duplicated key"});
}

TEST_F(RdbLoaderTest, SaysWhyAFileCannotBeRead) {
  disk_ = std::make_unique<SimDisk>(1, clock_);
  start(1);
  EXPECT_EQ(run(), RdbLoader::Step::kFailed);
  expect_in(loader_->error(), {"dump.rdb can't be opened: No such file", "dir and dbfilename"});
  lay(many_keys(5000));
  disk_->fail_call(1, EACCES);
  start(1);
  EXPECT_EQ(run(), RdbLoader::Step::kFailed);
  expect_in(loader_->error(), {"dump.rdb can't be opened: Permission denied"});
  lay(many_keys(5000));
  disk_->set_faults({.reads = 1});
  start(1);
  EXPECT_EQ(run(), RdbLoader::Step::kFailed);
  expect_in(loader_->error(), {"dump.rdb can't be read: Input/output error"});
}

TEST_F(RdbLoaderTest, SaysThatAFileHasBecomeShorter) {
  lay(many_keys(5000));
  stalled_ = true;
  start(1);
  EXPECT_EQ(run(5), RdbLoader::Step::kAgain);
  Disk::File file = Disk::kNoFile;
  EXPECT_EQ(disk_->open("dump.rdb", Disk::Mode::kWrite, Disk::Cache::kSystem, file), 0);
  EXPECT_EQ(disk_->truncate(file, 5000), 0);
  stalled_ = false;
  EXPECT_EQ(run(), RdbLoader::Step::kFailed);
  expect_in(loader_->error(), {"it has become shorter while it was read"});
}

// What is under way points into its memory.
TEST_F(RdbLoaderTest, GivesUpWhenItsReadsHaveEnded) {
  lay(many_keys(5000));
  stalled_ = true;
  start(2);
  EXPECT_EQ(run(5), RdbLoader::Step::kAgain);
  loader_->give_up();
  EXPECT_EQ(run(100), RdbLoader::Step::kAgain);
  stalled_ = false;
  EXPECT_EQ(run(), RdbLoader::Step::kFailed);
  EXPECT_EQ(loader_->error(), "");
  EXPECT_EQ(figures_->loading.get(), 1);
}

// Values over several blocks, ends of blocks everywhere, in files of every length.
TEST_F(RdbLoaderTest, WindowsMeetValuesOfAnyLength) {
  for (size_t length = 0; length < 20'000; length += 577) {
    Parts parts;
    for (size_t i = 0; i < 12; ++i) {
      parts.key("k" + std::to_string(i), std::string(length * i / 3, static_cast<char>('a' + i)));
    }
    EXPECT_EQ(load(parts.end(), 1, length + 1), RdbLoader::Step::kDone) << loader_->error();
    EXPECT_EQ(builders_->lines.size(), 12U) << length;
  }
}

}  // namespace
}  // namespace pollux
