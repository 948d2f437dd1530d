// The loader of append-only histories over a disk in memory, and a sink that runs a few commands on
// maps, as late as it may. That real handlers run stands in dataplane/engine/load_aof_test.cc and
// tests/integration/test_aof_load.py.
#include "storage/aof_loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/base/rng.h"
#include "src/base/time.h"
#include "src/data/keyspace.h"
#include "src/rdb/test_sink.h"
#include "storage/load_test_support.h"
#include "storage/rdb_file_writer.h"
#include "storage/sim_disk.h"

namespace pollux {
namespace {

constexpr Instant kNow{1'800'000'000'000'000};
constexpr int64_t kLongUs = 3'600'000'000;

using Words = std::vector<std::string>;
// By database and name.
using Data = std::map<std::pair<uint32_t, std::string>, std::string>;

std::string encode(const Words& words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    text += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return text;
}

std::string encode_all(const std::vector<Words>& commands) {
  std::string text;
  for (const Words& words : commands) {
    text += encode(words);
  }
  return text;
}

// SET k v, APPEND k v, MSET k v ..., FLUSHALL; false for GET, which is an error here.
template <typename Args>
bool do_command(const Args& args, uint32_t db, Data& data) {
  const std::string name(args[0]);
  if (name == "APPEND") {
    data[{db, std::string(args[1])}] += args[2];
  } else if (name == "SET" || name == "MSET") {
    for (size_t i = 1; i + 1 < args.size(); i += 2) {
      data[{db, std::string(args[i])}] = args[i + 1];
    }
  } else if (name == "FLUSHALL") {
    data.clear();
  }
  return name != "GET";
}

class Runner final : public SlowSink {
 public:
  Runner(size_t shards, uint64_t seed) : SlowSink(shards, seed) {}

  LoadPlace place(std::span<const std::string_view> args) const override {
    using Kind = LoadPlace::Kind;
    if (args[0] == "PING") {
      return {.kind = Kind::kNowhere};
    }
    if (args[0] == "FLUSHALL") {
      return {.kind = shards() == 1 ? Kind::kShard : Kind::kAll};
    }
    if (args[0] != "SET" && args[0] != "APPEND" && args[0] != "MSET" && args[0] != "GET") {
      return {.kind = Kind::kUnknown};
    }
    if (args.size() < 2 || (args[0] != "GET" && args.size() % 2 == 0)) {
      return {.kind = Kind::kArity};
    }
    const ShardId first = shard_of(args[1]);
    for (size_t i = 3; i < args.size(); i += 2) {
      if (shard_of(args[i]) != first) {
        return {.kind = Kind::kAll};
      }
    }
    return {.kind = Kind::kShard, .shard = first, .hash = key_hash(args[1])};
  }
  void send(ShardId shard, LoadBatch& batch) override {
    EXPECT_FALSE(for_all_is_out_);
    EXPECT_FALSE(batch.empty());
    if (batch.has_commands()) {
      run(batch, shard.value);
    } else {
      LoadRecord record;
      while (batch.next(record)) {
        EXPECT_EQ(shard_of(record.name), shard);
        if (record.name == damaged) {
          batch.refuse(LoadBatch::Refusal::kDamaged, record);
          break;
        }
        data[{record.db, std::string(record.name)}] = record.value.substr(1);
      }
    }
    hold(batch);
  }
  void send_to_all(LoadBatch& batch) override {
    EXPECT_EQ(under_way(), 0U);
    EXPECT_GT(shards(), 1U);
    for_all_is_out_ = true;
    ++barriers;
    run(batch, -1);
    hold(batch);
  }
  LoadBatch* take_back(bool wake) override {
    LoadBatch* const batch = SlowSink::take_back(wake);
    for_all_is_out_ = for_all_is_out_ && batch == nullptr;
    return batch;
  }

  Data data;
  int barriers = 0;
  int64_t commands = 0;
  std::string damaged = "none";  // the key that can't be built

 private:
  ShardId shard_of(std::string_view key) const { return shard_of_slot(key_slot(key), shards()); }
  void run(LoadBatch& batch, int shard) {
    LoadCommand command;
    while (batch.next(command)) {
      ++commands;
      if (command.args.size() > 1 && shard >= 0) {
        EXPECT_EQ(shard_of(command.args[1]).value, shard);
      }
      if (!do_command(command.args, command.db, data)) {
        batch.count_error(command.offset, "get: -ERR no");
      }
    }
  }

  bool for_all_is_out_ = false;
};

class AofLoaderTest : public testing::Test {
 protected:
  AofLoaderTest() { log_open("/dev/null"); }
  ~AofLoaderTest() override { log_open(""); }

  // `files`: the parts.
  AofLoader::Step load(const std::vector<std::string>& files, size_t shards = 3,
                       uint64_t seed = 1) {
    start(files, shards, seed);
    return run();
  }
  void start(const std::vector<std::string>& files, size_t shards, uint64_t seed) {
    loader_.reset();
    SimDisk::Image image;
    options_.parts.clear();
    for (const std::string& file : files) {
      const std::string path = "dir/" + std::to_string(options_.parts.size());
      image.files[path] = file;
      options_.parts.push_back({.path = path, .bytes = file.size()});
    }
    image.directories.insert("dir");
    disk_ = std::make_unique<SimDisk>(seed, clock_, image);
    disk_->set_faults({.stalls = 10, .stall_us_max = 2'000});
    figures_ = std::make_unique<LoadBlock>();
    runner_ = std::make_unique<Runner>(shards, seed);
    loader_ = std::make_unique<AofLoader>(options_, *disk_, *runner_, *figures_);
  }
  AofLoader::Step run() {
    AofLoader::Step step = AofLoader::Step::kAgain;
    for (size_t i = 0; i < 400'000 && step == AofLoader::Step::kAgain; ++i) {
      step = loader_->step({kNow.us + static_cast<int64_t>(i)}, 0);
      clock_.advance_us(100);
    }
    return step;
  }
  std::string error_of(const std::vector<std::string>& files) {
    EXPECT_EQ(load(files), AofLoader::Step::kFailed);
    return loader_->error();
  }
  void expect_in(const std::string& text, std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) {
      EXPECT_NE(text.find(part), std::string::npos) << part << " is not in: " << text;
    }
  }
  static std::string rdb(std::initializer_list<std::pair<uint32_t, std::string>> keys,
                         const RdbKeyMeta& meta = {}) {
    TestSink sink;
    RdbFileWriter writer(sink, {});
    writer.begin({.redis_version = "7.0.15", .aof_base = true});
    for (const auto& [db, name] : keys) {
      RdbWriter(writer.open_key(db, meta, RdbType::kString, name), false).text("from rdb");
    }
    writer.finish();
    return sink.take();
  }

  AofLoader::Options options_ = {.rdb = {.databases = 16},
                                 .reads = {.block_bytes = 4096, .blocks = 3},
                                 .batches = {.bytes = 400}};
  ManualClock clock_{kNow};
  std::unique_ptr<SimDisk> disk_;
  std::unique_ptr<LoadBlock> figures_;
  std::unique_ptr<Runner> runner_;
  std::unique_ptr<AofLoader> loader_;
};

// Commands by chance, and what they come to. Transactions, databases, some for all shards.
std::vector<Words> some_commands(Rng& rng, size_t count, Data& data) {
  std::vector<Words> commands;
  uint32_t db = 0;
  bool in_multi = false;
  for (size_t i = 0; i < count; ++i) {
    const auto key = [&rng] { return "k" + std::to_string(rng.below(40)); };
    switch (rng.below(14)) {
      case 0:
        db = static_cast<uint32_t>(rng.below(16));
        commands.push_back({i % 2 == 0 ? "SELECT" : "select", std::to_string(db)});
        break;
      case 1:
        commands.push_back({in_multi ? "EXEC" : "MULTI"});
        in_multi = !in_multi;
        break;
      case 2:
        commands.push_back({"MSET", key(), "1", key(), std::to_string(i)});
        break;
      case 3:
        commands.push_back({rng.below(8) == 0 ? "FLUSHALL" : "PING"});
        break;
      case 4:
        commands.push_back(
            {"SET", key(), std::string(rng.below(4) == 0 ? rng.below(9000) : rng.below(600), 'x')});
        break;
      default:
        commands.push_back({"APPEND", key(), std::to_string(i) + ","});
        break;
    }
    do_command(commands.back(), db, data);
  }
  if (in_multi) {
    commands.push_back({"EXEC"});
  }
  return commands;
}

TEST_F(AofLoaderTest, DoesEveryCommandInItsOrder) {
  int barriers = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    Data data;
    const std::string file = encode_all(some_commands(rng, 1500, data));
    options_.reads.blocks = 2 + seed % 4;
    options_.batches.bytes = 200 + seed % 5 * 700;
    ASSERT_EQ(load({file}, 1 + seed % 5, seed), AofLoader::Step::kDone) << loader_->error();
    EXPECT_EQ(runner_->data, data);
    EXPECT_EQ(runner_->under_way(), 0U);
    EXPECT_LE(runner_->large_most, 1);
    EXPECT_EQ(loader_->last_part_bytes(), file.size());
    EXPECT_EQ(loader_->commands(), runner_->commands);
    EXPECT_EQ(figures_->loaded_bytes.get(), static_cast<int64_t>(file.size()));
    EXPECT_EQ(figures_->total_bytes.get(), static_cast<int64_t>(file.size()));
    EXPECT_EQ(figures_->loading.get(), 1);
    barriers += runner_->barriers;
  }
  EXPECT_GT(barriers, 100);
}

TEST_F(AofLoaderTest, LoadsPartsOneBehindTheOther) {
  Rng rng(7);
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::vector<std::string> files = {rdb({{0, "a"}, {3, "k1"}, {0, "k2"}})};
    Data data = {{{0, "a"}, "from rdb"}, {{3, "k1"}, "from rdb"}, {{0, "k2"}, "from rdb"}};
    uint64_t total = files[0].size();
    for (int part = 0; part < 3; ++part) {  // each begins in database 0
      files.push_back(encode_all(some_commands(rng, 200, data)));
      total += files.back().size();
    }
    ASSERT_EQ(load(files, 1 + seed % 4, seed), AofLoader::Step::kDone) << loader_->error();
    EXPECT_EQ(runner_->data, data);
    EXPECT_EQ(figures_->total_bytes.get(), static_cast<int64_t>(total));
    EXPECT_EQ(figures_->loaded_bytes.get(), static_cast<int64_t>(total));
    EXPECT_EQ(loader_->last_part_bytes(), files.back().size());
  }
}

// What comes behind may have kept it: PERSIST, while there was time. As redis-server does.
TEST_F(AofLoaderTest, LoadsWhatIsOverByNow) {
  EXPECT_EQ(load({rdb({{0, "a"}}, {.expire_ms = 5}), encode({"APPEND", "a", "!"})}),
            AofLoader::Step::kDone);
  EXPECT_EQ(runner_->data, (Data{{{0, "a"}, "from rdb!"}}));
}

// "RDB preamble": the file goes on behind the RDB file's end, in database 0 again.
TEST_F(AofLoaderTest, GoesOnBehindAnRdbFile) {
  const std::string head = rdb({{0, "a"}, {3, "k1"}});
  const std::string tail = encode_all({{"APPEND", "a", "!"}, {"SET", "b", "2"}});
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    ASSERT_EQ(load({head + tail}, 1 + seed % 4, seed), AofLoader::Step::kDone) << loader_->error();
    EXPECT_EQ(runner_->data,
              (Data{{{0, "a"}, "from rdb!"}, {{3, "k1"}, "from rdb"}, {{0, "b"}, "2"}}));
    EXPECT_EQ(loader_->last_part_bytes(), head.size() + tail.size());
    EXPECT_EQ(figures_->keys_loaded.get(), 2);
  }
  EXPECT_EQ(load({head}), AofLoader::Step::kDone);
  EXPECT_EQ(loader_->last_part_bytes(), head.size());
  EXPECT_EQ(load({head + tail + "*2\r\n"}), AofLoader::Step::kDone);
  EXPECT_EQ(loader_->last_part_bytes(), head.size() + tail.size());
  expect_in(error_of({head.substr(0, head.size() - 3)}), {"dir/0: RDB file, byte "});
}

TEST_F(AofLoaderTest, AHistoryWithoutFilesIsEmpty) {
  EXPECT_EQ(load({}), AofLoader::Step::kDone);
  EXPECT_EQ(loader_->last_part_bytes(), 0U);
  EXPECT_EQ(load({""}), AofLoader::Step::kDone);
  EXPECT_EQ(loader_->last_part_bytes(), 0U);
  EXPECT_EQ(load({rdb({}), ""}), AofLoader::Step::kDone);
  EXPECT_EQ(loader_->last_part_bytes(), 0U);
}

// At every byte: what is whole is done, a transaction as a whole, and the place is told.
TEST_F(AofLoaderTest, DoesWhatIsWholeOfAFileThatIsCutOff) {
  const std::vector<std::vector<Words>> pieces = {
      {{"SET", "a", "1"}},
      {{"MULTI"}, {"SET", "b", "2"}, {"SELECT", "2"}, {"MSET", "a", "2", "c", "3"}, {"EXEC"}},
      {{"SET", "d", "4"}},
      {{"MULTI"}, {"EXEC"}},
      {{"FLUSHALL"}},
      {{"SET", "e", "5"}}};
  std::string file = "#TS:1\r\n";
  std::vector<size_t> ends = {0, file.size()};
  for (const auto& piece : pieces) {
    file += encode_all(piece);
    ends.push_back(file.size());
  }
  for (size_t bytes = 0; bytes <= file.size(); ++bytes) {
    SCOPED_TRACE(bytes);
    const size_t whole =
        static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), bytes) - ends.begin() - 1);
    Data data;
    uint32_t db = 0;
    for (size_t i = 0; i + 1 < whole; ++i) {
      for (const Words& words : pieces[i]) {
        db = words[0] == "SELECT" ? 2 : db;
        do_command(words, db, data);
      }
    }
    ASSERT_EQ(load({encode({"SET", "z", "0"}), file.substr(0, bytes)}, 1 + bytes % 3, bytes + 1),
              AofLoader::Step::kDone)
        << loader_->error();
    if (whole < 6) {
      data[{0, "z"}] = "0";
    }
    EXPECT_EQ(runner_->data, data);
    EXPECT_EQ(loader_->last_part_bytes(), ends[whole]);

    options_.load_truncated = false;
    ASSERT_EQ(load({file.substr(0, bytes)}),
              ends[whole] == bytes ? AofLoader::Step::kDone : AofLoader::Step::kFailed);
    if (ends[whole] != bytes) {
      expect_in(loader_->error(), {"dir/0: append-only file, byte " + std::to_string(ends[whole]),
                                   "With aof-load-truncated yes"});
    }
    options_.load_truncated = true;
    if (ends[whole] != bytes) {
      expect_in(error_of({file.substr(0, bytes), encode({"SET", "z", "0"})}),
                {"dir/0: append-only file, byte " + std::to_string(ends[whole]) + ": ",
                 "this is not the last file"});
    }
  }
}

// What a machine that stops leaves of bytes that no sync covered: sectors that are not there.
TEST_F(AofLoaderTest, EndsAtAHoleInTheLastFile) {
  const std::string whole = encode({"SET", "a", "1"});
  std::string file = whole;
  for (int i = 0; i < 200; ++i) {
    file += encode({"SET", "k" + std::to_string(i), std::string(20, 'x')});
  }
  file.replace(whole.size() + 1, 1024, 1024, '\0');
  ASSERT_EQ(load({encode({"SET", "z", "0"}), file}), AofLoader::Step::kDone) << loader_->error();
  EXPECT_EQ(runner_->data, (Data{{{0, "a"}, "1"}, {{0, "z"}, "0"}}));
  EXPECT_EQ(loader_->last_part_bytes(), whole.size());
  expect_in(error_of({file, encode({"SET", "z", "0"})}),
            {"dir/0: append-only file, byte", "a zero byte stands", "this is not the last file"});
  options_.load_truncated = false;
  EXPECT_EQ(load({file}), AofLoader::Step::kFailed);
}

TEST_F(AofLoaderTest, SaysWhatIsWrong) {
  const std::string good = encode({"SET", "a", "1"});
  const std::string at = "byte " + std::to_string(good.size());
  expect_in(error_of({good + "+OK\r\n"}), {"dir/0: append-only file, " + at, "damaged"});
  expect_in(
      error_of({good + encode({"NOPE", "a"}), good}),
      {"dir/0: append-only file, " + at, ": Unknown command 'NOPE' reading the append only file"});
  expect_in(error_of({good, good + encode({"SET", "a"})}),
            {"dir/1: append-only file, " + at, "'SET' has 1 arguments"});
  for (const char* db : {"16", "-1", "x", ""}) {
    expect_in(error_of({good + encode({"SELECT", db})}), {at, "SELECT of database '", "is 16"});
  }
  expect_in(error_of({good + encode({"SELECT"})}), {at, "no database"});
  // In a transaction that is cut off it is not looked at.
  EXPECT_EQ(load({good + encode_all({{"MULTI"}, {"NOPE"}})}), AofLoader::Step::kDone);
  expect_in(error_of({good + encode_all({{"MULTI"}, {"NOPE"}, {"EXEC"}})}), {"Unknown command"});
  // Scripts are left out.
  EXPECT_EQ(load({encode_all({{"FUNCTION", "LOAD", "x"}, {"script", "LOAD", "x"}}) + good}),
            AofLoader::Step::kDone);
  EXPECT_EQ(runner_->data.size(), 1U);
}

TEST_F(AofLoaderTest, GoesOnBehindCommandsThatFail) {
  EXPECT_EQ(load({encode_all({{"GET", "a"}, {"SET", "a", "1"}, {"GET", "b"}})}),
            AofLoader::Step::kDone);
  EXPECT_EQ(runner_->data.size(), 1U);
}

TEST_F(AofLoaderTest, SaysWhichKeyOfTheBaseIsDamaged) {
  start({rdb({{0, "a"}, {3, "bad"}}), encode({"SET", "a", "1"})}, 2, 1);
  runner_->damaged = "bad";
  EXPECT_EQ(run(), AofLoader::Step::kFailed);
  expect_in(loader_->error(), {"dir/0: RDB file, byte ", "the value of key \"bad\" of database 3"});
}

TEST_F(AofLoaderTest, SaysWhyAFileCannotBeRead) {
  start({"", "x"}, 2, 1);
  options_.parts[0].path = "dir/absent";
  loader_ = std::make_unique<AofLoader>(options_, *disk_, *runner_, *figures_);
  EXPECT_EQ(run(), AofLoader::Step::kFailed);
  expect_in(loader_->error(), {"dir/absent can't be opened: No such file", "appenddirname"});
}

TEST_F(AofLoaderTest, GivesUpAtAnyTime) {
  Rng rng(3);
  Data data;
  const std::string file = encode_all(some_commands(rng, 1500, data));
  for (size_t steps = 0; steps < 300; steps += 7) {
    start({rdb({{0, "a"}}), file, file}, 3, steps + 1);
    for (size_t i = 0; i < steps; ++i) {
      ASSERT_EQ(loader_->step(kNow, 0), AofLoader::Step::kAgain);
      clock_.advance_us(100);
    }
    loader_->give_up();
    EXPECT_EQ(run(), AofLoader::Step::kFailed);
    EXPECT_EQ(loader_->error(), "");
  }
}

// It may wait without limit: a read that ends wakes it, or a batch that it has asked for.
TEST_F(AofLoaderTest, WaitsForNothingThatWillNotCome) {
  Rng rng(5);
  Data data;
  const std::string file = encode_all(some_commands(rng, 800, data));
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    const size_t shards = 1 + seed % 3;
    options_.batches.count = shards + 1 + seed % 4;
    start({file, file}, shards, seed);
    runner_->wakes = disk_.get();
    const Instant began = clock_.now();
    AofLoader::Step step = AofLoader::Step::kAgain;
    while (step == AofLoader::Step::kAgain) {
      step = loader_->step(kNow, kLongUs);
    }
    EXPECT_EQ(step, AofLoader::Step::kDone) << loader_->error();
    EXPECT_LT(clock_.now().us - began.us, kLongUs);
  }
}

// Longer than a block, than a batch, than both together; for one shard and for all.
TEST_F(AofLoaderTest, CommandsMayBeLong) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    std::vector<Words> commands;
    Data data;
    for (size_t i = 0; i < 12; ++i) {
      const std::string text(i * i * 2000, static_cast<char>('a' + i));
      commands.push_back({"SET", "k" + std::to_string(i), text});
      commands.push_back({"MSET", "k" + std::to_string(i), text, "x", text});
      commands.push_back({"APPEND", "x", "."});
      if (i == 5) {
        commands.push_back({"MULTI"});
      }
    }
    commands.push_back({"EXEC"});
    for (const Words& words : commands) {
      do_command(words, 0, data);
    }
    ASSERT_EQ(load({encode_all(commands)}, 1 + seed % 3, seed), AofLoader::Step::kDone)
        << loader_->error();
    EXPECT_EQ(runner_->data, data);
    EXPECT_EQ(runner_->large_most, 1);
  }
}

// A file that has many commands over several shards halts once for hundreds of them.
TEST_F(AofLoaderTest, CommandsForAllShardsGoTogether) {
  options_.batches.bytes = LoadBatch::kBytes;
  std::vector<Words> commands;
  for (int i = 0; i < 5000; ++i) {
    commands.push_back({"MSET", "a" + std::to_string(i), "1", "b" + std::to_string(i), "2"});
    commands.push_back({"SET", "c" + std::to_string(i), "3"});
  }
  EXPECT_EQ(load({encode_all(commands)}), AofLoader::Step::kDone);
  EXPECT_EQ(runner_->data.size(), 15000U);
  EXPECT_LT(runner_->barriers, 60);
}

// Whatever the bytes are: done, or a sentence with the file and a byte.
TEST_F(AofLoaderTest, HostileFilesAreRefused) {
  Rng rng(11);
  Data data;
  const std::string head = rdb({{0, "a"}, {3, "k1"}});
  int refused = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    std::string file = (seed % 2 == 0 ? head : "") + encode_all(some_commands(rng, 40, data));
    for (uint64_t i = rng.below(4); i < 4; ++i) {
      const size_t at = rng.below(file.size());
      switch (rng.below(3)) {
        case 0:
          file[at] = static_cast<char>(rng.below(256));
          break;
        case 1:
          file.erase(at, rng.below(20));
          break;
        default:
          file.insert(at, file.substr(rng.below(file.size()), rng.below(30)));
          break;
      }
    }
    options_.load_truncated = seed % 3 != 0;
    if (load({file, ""}, 1 + seed % 3, seed) == AofLoader::Step::kFailed) {
      ++refused;
      expect_in(loader_->error(), {"dir/0: ", "byte "});
    }
  }
  EXPECT_GT(refused, 200);
}

}  // namespace
}  // namespace pollux
