// The saver over a disk in memory and shards that walk by seed; once over real files, with a thread
// that walks.
#include "storage/rdb_saver.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "src/base/sanitized.h"
#include "storage/disk_test_support.h"
#include "storage/sim_disk.h"
#include "storage/snapshot_test_support.h"
#include "storage/uring_disk.h"

namespace pollux {
namespace {

constexpr Instant kNow{1'800'000'000'000'000};
constexpr std::string_view kOld = "the file of the last time";

RdbSaver::Options options_of(uint64_t seed) {
  return {.temporary = "temp-1.rdb",
          .name = "dump.rdb",
          .redis_version = "7.0.15",
          .format = {},
          .writes = {.block_bytes = 4096, .blocks = 2 + seed % 3}};
}

// Shards with many batches and with hardly any, of every length.
ScriptedSource::Options shards_of(uint64_t seed) {
  return {.shards = static_cast<uint32_t>(1 + seed % 4),
          .big_keys = seed % 5 * 3,
          .batch_bytes = 20 + seed % 7 * 150,
          .batches = 1 + seed % 3 * 4,
          .extra_in_record = seed % 2 == 1};
}

// One save, from the beginning to what it leaves.
struct Play {
  explicit Play(uint64_t seed) : Play(seed, options_of(seed), shards_of(seed)) {}
  Play(uint64_t seed, const RdbSaver::Options& options, const ScriptedSource::Options& shards,
       const SimDisk::Image& image = {.files = {{"dump.rdb", std::string(kOld)}}})
      : options_(options),
        disk(seed, clock, image),
        source(shards, seed),
        saver(options, disk, source, figures) {}

  // To the end, or as many steps.
  RdbSaver::Step run(size_t steps_max = 100'000) {
    RdbSaver::Step step = RdbSaver::Step::kAgain;
    for (size_t i = 0; i < steps_max && step == RdbSaver::Step::kAgain; ++i) {
      step = saver.step(clock.now(), 0);
      clock.advance_us(50);
    }
    return step;
  }
  // Is it what the source had, whole and with a right sum?
  bool is_new(const std::string& bytes) {
    const auto [it, is_first] = known_.try_emplace(bytes, false);
    if (is_first && bytes != kOld) {
      const SavedFile file(bytes);
      it->second =
          file.whole && file.sum == RdbFileSplitter::Sum::kRight && file.keys == source.lines();
    }
    return it->second;
  }
  std::string contents(const std::string& name) {
    const SimDisk::Image seen = disk.seen();
    return seen.files.contains(name) ? seen.files.at(name) : "-";
  }
  // After a failure: nothing of it is left.
  void expect_as_before() {
    EXPECT_EQ(contents("dump.rdb"), kOld);
    EXPECT_EQ(contents("temp-1.rdb"), "-");
    EXPECT_EQ(figures.saving.get(), 0);
  }

  const RdbSaver::Options options_;
  ManualClock clock{kNow};
  SimDisk disk;
  SaveBlock figures{};
  ScriptedSource source;
  RdbSaver saver;

 private:
  std::map<std::string, bool> known_;
};

void expect_in(const std::string& text, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in: " << text;
  }
}

TEST(RdbSaver, WritesWhatTheCutHas) {
  Play play(4, options_of(1), {.shards = 2, .keys = 50});
  ASSERT_EQ(play.run(), RdbSaver::Step::kDone) << play.saver.error();
  const std::string bytes = play.contents("dump.rdb");
  EXPECT_TRUE(play.is_new(bytes));
  EXPECT_EQ(play.contents("temp-1.rdb"), "-");
  const SavedFile file(bytes);
  EXPECT_EQ(file.version, 10U);
  std::string databases;
  for (const SnapshotCut::Database& database : play.source.cut()->databases) {
    const std::string number = std::to_string(database.number);
    databases += "db " + number + "\nsizes " + number + " " + std::to_string(database.keys) + " " +
                 std::to_string(database.expires) + "\n";
  }
  EXPECT_TRUE(file.head.starts_with(
      "aux redis-ver=7.0.15\naux redis-bits=64\naux ctime=1800000000\naux used-mem=12345\n"
      "aux aof-base=0\n" +
      databases))
      << file.head;
  EXPECT_EQ(play.figures.keys_total.get(), 50);
  EXPECT_EQ(play.figures.keys_saved.get(), 50);
  EXPECT_EQ(play.figures.written_bytes.get(), static_cast<int64_t>(bytes.size()));
  EXPECT_EQ(play.figures.last_done_bytes.get(), static_cast<int64_t>(bytes.size()));
  EXPECT_EQ(play.figures.started_s.get(), kNow.us / 1'000'000);
  EXPECT_GE(play.figures.last_done_s.get(), kNow.us / 1'000'000);
  EXPECT_EQ(play.figures.saves_begun.get(), 1);
  EXPECT_EQ(play.figures.saves_ended.get(), 1);
  EXPECT_EQ(play.figures.last_failed.get(), 0);
  EXPECT_EQ(play.figures.saving.get(), 0);
}

TEST(RdbSaver, AnEmptySetIsAFile) {
  Play play(1, options_of(1), {.keys = 0, .big_keys = 0});
  EXPECT_EQ(play.run(), RdbSaver::Step::kDone);
  EXPECT_TRUE(play.is_new(play.contents("dump.rdb")));
}

// The delay of each key is waited for, in pieces of what is written at once; whoever gives up does
// not wait for it.
TEST(RdbSaver, KeysMayBeDelayed) {
  RdbSaver::Options options = options_of(1);
  options.key_delay_ns = 10'000'000;
  Play play(4, options, {.shards = 2, .keys = 50});
  ASSERT_EQ(play.run(), RdbSaver::Step::kDone) << play.saver.error();
  EXPECT_TRUE(play.is_new(play.contents("dump.rdb")));
  EXPECT_GE(play.clock.now().us - kNow.us, 500'000);
  EXPECT_LE(play.clock.now().us - kNow.us, 600'000);

  Play given_up(4, options, {.shards = 2, .keys = 50});
  while (given_up.figures.keys_saved.get() == 0) {
    ASSERT_EQ(given_up.run(1), RdbSaver::Step::kAgain);
  }
  given_up.saver.give_up();
  EXPECT_EQ(given_up.run(), RdbSaver::Step::kFailed);
  EXPECT_LE(given_up.clock.now().us - kNow.us, 100'000);
  given_up.expect_as_before();
}

// Batches in any order, records split anywhere, few batches, a disk that stalls: it neither loses a
// key nor waits for ever, and holds no more than there is.
TEST(RdbSaver, AnyInterleavingIsTheSameSet) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Play play(seed);
    if (seed % 3 == 0) {
      play.disk.set_faults({.stalls = 3, .stall_us_max = 5'000});
    }
    ASSERT_EQ(play.run(), RdbSaver::Step::kDone) << seed << play.saver.error();
    EXPECT_TRUE(play.is_new(play.contents("dump.rdb"))) << seed;
    EXPECT_FALSE(play.source.cancelled);
    EXPECT_LE(play.source.held_most, 1 + seed % 3 * 4 + play.source.lanes());
  }
}

// Every batch that there is may be in a lane that waits: the open one goes on.
TEST(RdbSaver, BigRecordsWithHardlyABatch) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Play play(seed, options_of(seed),
              {.shards = 3,
               .keys = 60,
               .big_keys = 30,
               .big_bytes_max = 20'000,
               .batch_bytes = 200,
               .batches = 1,
               .extra_in_record = seed % 2 == 1});
    ASSERT_EQ(play.run(), RdbSaver::Step::kDone) << seed;
    EXPECT_TRUE(play.is_new(play.contents("dump.rdb"))) << seed;
  }
}

// A batch longer than all blocks together.
TEST(RdbSaver, ABatchOfAnyLength) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Play play(seed, options_of(seed),
              {.shards = 2, .keys = 20, .big_bytes_max = 100'000, .batch_bytes = 80'000});
    ASSERT_EQ(play.run(), RdbSaver::Step::kDone) << seed;
    EXPECT_TRUE(play.is_new(play.contents("dump.rdb"))) << seed;
  }
}

// The end of the file around that of a block, while the other one is still being written: of a
// length that the text of the version makes.
TEST(RdbSaver, TheEndMeetsTheEndOfABlock) {
  size_t met = 0;
  for (uint64_t seed = 0; seed < 60; seed += 3) {  // of two blocks
    RdbSaver::Options options = options_of(seed);
    options.format.compress = false;
    constexpr size_t kTextBytes = 100;
    uint64_t length = 0;
    for (size_t more = 0; more < 1900; ++more) {
      options.redis_version.assign(kTextBytes + more, '7');
      if (more > 0 && (length + more + 20) % 4096 > 40) {
        continue;
      }
      Play play(seed, options, shards_of(seed));
      play.disk.set_faults({.stalls = 2, .stall_us_max = 5'000});
      ASSERT_EQ(play.run(), RdbSaver::Step::kDone);
      const std::string bytes = play.contents("dump.rdb");
      EXPECT_TRUE(play.is_new(bytes));
      length = more == 0 ? bytes.size() : length;
      EXPECT_EQ(bytes.size(), length + more);
      met += (bytes.size() - 1) % 4096 < 8;  // the sum stands in two blocks
    }
  }
  EXPECT_GT(met, 20U);
}

TEST(RdbSaver, ADiskThatIsSlowHoldsItBack) {
  Play play(1, options_of(0), {.shards = 2, .keys = 2000, .batches = 20});
  play.disk.set_faults({.stalls = 1, .stall_us_max = 1});
  size_t steps = 0;
  while (play.disk.calls() < 3) {  // the first block
    ASSERT_EQ(play.run(1), RdbSaver::Step::kAgain);
    play.clock.advance_us(-50);
    ASSERT_LT(++steps, 1000U);
  }
  for (size_t i = 0; i < 1000; ++i) {
    play.saver.step(kNow, 0);
  }
  EXPECT_LE(play.disk.calls(), 3U);  // two blocks: both are full, and under way
  EXPECT_LE(play.figures.written_bytes.get(), 2 * 4096);
  EXPECT_GT(play.figures.written_bytes.get(), 4096);
  EXPECT_EQ(play.figures.saving.get(), 1);
  EXPECT_EQ(play.figures.keys_total.get(), 2000);
  EXPECT_LT(play.figures.keys_saved.get(), 2000);
  EXPECT_GT(play.figures.keys_saved.get(), 0);
  EXPECT_EQ(play.run(), RdbSaver::Step::kDone);
}

// ---- what it is asked for ----

TEST(RdbSaver, TheBaseOfAnAppendOnlyFile) {
  RdbSaver::Options options = options_of(1);
  options.temporary = "appendonlydir/temp";
  options.name = "appendonlydir/appendonly.aof.2.base.rdb";
  options.aof_base = true;
  Play play(1, options, {}, {.directories = {"appendonlydir"}});
  ASSERT_EQ(play.run(8), RdbSaver::Step::kAgain);
  EXPECT_EQ(play.figures.saving.get(), 1);
  EXPECT_EQ(play.figures.saving_aof_base.get(), 1);
  ASSERT_EQ(play.run(), RdbSaver::Step::kDone) << play.saver.error();
  EXPECT_EQ(play.figures.saving_aof_base.get(), 0);
  EXPECT_EQ(play.figures.saves_begun.get(), 0);
  EXPECT_EQ(play.figures.saves_ended.get(), 0);
  EXPECT_EQ(play.figures.last_done_s.get(), 0);
  play.disk.crash();
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const SimDisk::Image left = play.disk.survivors(seed);
    ASSERT_TRUE(left.files.contains(options.name));
    EXPECT_TRUE(play.is_new(left.files.at(options.name)));
    expect_in(SavedFile(left.files.at(options.name)).head, {"aux aof-base=1\n"});
  }
}

// Who waits for it is told; what is known of those in the background stays, but that the data is
// saved now.
TEST(RdbSaver, OneThatSomebodyWaitsFor) {
  for (const bool fails : {false, true}) {
    for (const int64_t failed_before : {0, 1}) {
      RdbSaver::Options options = options_of(1);
      options.awaited = true;
      Play play(1, options, {});
      play.figures.last_failed.set(failed_before);
      play.figures.last_duration_s.set(7);
      if (fails) {
        play.disk.fail_call(3, EIO);
      }
      EXPECT_EQ(play.run(), fails ? RdbSaver::Step::kFailed : RdbSaver::Step::kDone);
      EXPECT_EQ(play.figures.last_failed.get(), fails ? failed_before : 0);
      EXPECT_EQ(play.figures.last_done_s.get() != 0, !fails);
      EXPECT_EQ(play.figures.last_duration_s.get(), 7);
      EXPECT_EQ(play.figures.saves_begun.get(), 1);
      EXPECT_EQ(play.figures.saves_ended.get(), 0);
    }
  }
}

// Its bytes are durable; who asked renames it.
TEST(RdbSaver, AFileThatSomebodyElsePublishes) {
  RdbSaver::Options options = options_of(1);
  options.name = "";
  Play play(1, options, {});
  ASSERT_EQ(play.run(), RdbSaver::Step::kDone) << play.saver.error();
  EXPECT_EQ(play.contents("dump.rdb"), kOld);
  EXPECT_TRUE(play.is_new(play.contents("temp-1.rdb")));
  EXPECT_EQ(play.disk.rename("temp-1.rdb", "dump.rdb"), 0);
  EXPECT_EQ(play.disk.sync_directory("."), 0);
  play.disk.crash();
  for (uint64_t seed = 0; seed < 100; ++seed) {
    EXPECT_TRUE(play.is_new(play.disk.survivors(seed).files.at("dump.rdb")));
  }
}

TEST(RdbSaver, WithoutAChecksum) {
  RdbSaver::Options options = options_of(1);
  options.format.checksum = false;
  Play play(1, options, {});
  ASSERT_EQ(play.run(), RdbSaver::Step::kDone);
  const SavedFile file(play.contents("dump.rdb"));
  EXPECT_TRUE(file.whole);
  EXPECT_EQ(file.sum, RdbFileSplitter::Sum::kAbsent);
}

TEST(RdbSaver, HashesWithFieldTtlsMakeItVersion12) {
  Play play(1, options_of(1), {.field_ttls = true});
  ASSERT_EQ(play.run(), RdbSaver::Step::kDone);
  EXPECT_EQ(SavedFile(play.contents("dump.rdb")).version, 12U);
}

// ---- what fails ----

// At each call in turn: the file is as before, nothing is left over, and an operator is told.
TEST(RdbSaver, AnyCallMayFail) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    Play all(seed);
    ASSERT_EQ(all.run(), RdbSaver::Step::kDone);
    const uint64_t calls = all.disk.calls();
    for (uint64_t call = 1; call <= calls; ++call) {
      Play play(seed);
      play.disk.fail_call(call, EIO);
      EXPECT_EQ(play.run(), RdbSaver::Step::kFailed);
      expect_in(play.saver.error(), {": Input/output error"});
      EXPECT_EQ(play.figures.last_failed.get(), 1);
      EXPECT_EQ(play.figures.saves_ended.get(), 1);
      EXPECT_EQ(play.figures.last_done_s.get(), 0);
      if (call < calls) {
        expect_in(play.saver.error(), {"dump.rdb is as it was"});
        play.expect_as_before();
      } else {  // the sync of the directory
        expect_in(play.saver.error(), {"dump.rdb can't be made durable", "may be back"});
        EXPECT_TRUE(play.is_new(play.contents("dump.rdb")));
      }
      // Not before it was asked, and not once it has told its end.
      EXPECT_FALSE(play.source.cancelled && (call == 1 || call + 4 > calls));
    }
  }
}

TEST(RdbSaver, SaysWhatToDo) {
  const auto error_of = [](uint64_t call, int error) {
    Play play(0);
    play.disk.fail_call(call, error);
    EXPECT_EQ(play.run(), RdbSaver::Step::kFailed);
    return play.saver.error();
  };
  EXPECT_EQ(error_of(1, EACCES),
            "temp-1.rdb can't be opened: Permission denied; dump.rdb is as it was. Option dir says "
            "where: a directory that this user may make files in, on a disk that works.");
  EXPECT_EQ(error_of(2, ENOSPC),
            "temp-1.rdb can't be written: No space left on device; dump.rdb is as it was. Make "
            "room: the new file stands beside the old one until it is complete.");
  Play all(0);
  ASSERT_EQ(all.run(), RdbSaver::Step::kDone);
  const uint64_t calls = all.disk.calls();
  expect_in(error_of(calls - 3, EIO), {"temp-1.rdb can't be cut to its length: Input"});
  expect_in(error_of(calls - 2, EIO), {"temp-1.rdb can't be synced: Input", "dmesg"});
  expect_in(error_of(calls - 1, EXDEV), {"temp-1.rdb can't be renamed to dump.rdb: Invalid"});
}

TEST(RdbSaver, AFullDisk) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Play play(seed, options_of(seed), {.shards = 2, .keys = 1000});
    play.disk.set_space(kOld.size() + 1000 * seed);
    EXPECT_EQ(play.run(), RdbSaver::Step::kFailed);
    expect_in(play.saver.error(), {"can't be written: No space left on device"});
    play.expect_as_before();
  }
}

// Several at once and one after the other, beside stalls.
TEST(RdbSaver, ABadDisk) {
  size_t done = 0;
  constexpr uint64_t kRuns = 300;
  for (uint64_t seed = 0; seed < kRuns; ++seed) {
    Play play(seed);
    play.disk.set_faults({.writes = 20, .syncs = 10, .names = 20, .stalls = 10, .fills = 40});
    const RdbSaver::Step step = play.run();
    ASSERT_NE(step, RdbSaver::Step::kAgain);
    const std::string bytes = play.contents("dump.rdb");
    done += step == RdbSaver::Step::kDone;
    EXPECT_TRUE(play.is_new(bytes) || (step != RdbSaver::Step::kDone && bytes == kOld)) << seed;
    EXPECT_EQ(step == RdbSaver::Step::kDone, play.saver.error().empty());
  }
  EXPECT_GT(done, kRuns / 10);
  EXPECT_LT(done, kRuns * 9 / 10);
}

// After any number of steps, also while batches are held for a lane in the middle of a record.
TEST(RdbSaver, GivesUpAtAnyTime) {
  for (uint64_t seed = 0; seed < (kSanitized ? 3 : 12); ++seed) {
    bool ended = false;
    for (size_t steps = 0; !ended; ++steps) {
      Play play(seed);
      const RdbSaver::Step before = play.run(steps);
      ended = before == RdbSaver::Step::kDone;
      play.saver.give_up();
      EXPECT_EQ(play.source.cancelled, play.source.asked && !play.source.told_end);
      play.saver.give_up();
      EXPECT_EQ(play.run(), ended ? RdbSaver::Step::kDone : RdbSaver::Step::kFailed);
      EXPECT_EQ(play.saver.error(), "");
      EXPECT_EQ(play.figures.last_failed.get(), 0);
      EXPECT_EQ(play.figures.saves_ended.get(), play.figures.saves_begun.get());
      if (!ended) {
        play.expect_as_before();
      }
    }
  }
}

TEST(RdbSaver, AFileThatCanNotBeRemovedStays) {
  Play play(0);
  for (uint64_t call = 2; call < 20; ++call) {  // from the first write on
    play.disk.fail_call(call, EROFS);
  }
  EXPECT_EQ(play.run(), RdbSaver::Step::kFailed);
  expect_in(play.saver.error(), {"temp-1.rdb is left over and can't be removed: Read-only"});
  EXPECT_NE(play.contents("temp-1.rdb"), "-");
  EXPECT_EQ(play.contents("dump.rdb"), kOld);
}

// ---- crashes ----

// How often the crash, at each call and by each seed, left what it must not. The last of the runs
// of a seed is over before its crash.
size_t violations(uint64_t seeds, uint64_t outcomes, const SimDisk::Faults& faults) {
  size_t wrong = 0;
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    Play all(seed);
    all.run();
    for (uint64_t call = 1; call <= all.disk.calls() + 1; ++call) {
      Play play(seed);
      play.disk.set_faults(faults);
      play.disk.crash_at_call(call);
      const bool done = play.run() == RdbSaver::Step::kDone;
      EXPECT_FALSE(done && play.disk.crashed());
      play.disk.crash();
      for (uint64_t outcome = 0; outcome < outcomes; ++outcome) {
        const SimDisk::Image left = play.disk.survivors(outcome);
        const auto it = left.files.find("dump.rdb");
        wrong +=
            it == left.files.end() || (!play.is_new(it->second) && (done || it->second != kOld));
      }
    }
  }
  return wrong;
}

TEST(RdbSaver, TheFileIsWholeWhereverItCrashes) {
  EXPECT_EQ(violations(30, 100, {}), 0U);
}

TEST(RdbSaver, TheFileIsWholeThoughCallsFail) {
  EXPECT_EQ(
      violations(30, 100, {.writes = 30, .syncs = 10, .names = 20, .stalls = 10, .fills = 40}), 0U);
}

// The next one finds what is left of the one before, under the name that it takes itself.
TEST(RdbSaver, TheNextSaveAfterACrash) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Play play(seed);
    play.disk.crash_at_call(3 + seed % 8);
    play.run();
    play.disk.crash();
    Play next(seed + 1, options_of(seed), shards_of(seed + 1), play.disk.survivors(seed));
    EXPECT_EQ(next.run(), RdbSaver::Step::kDone) << next.saver.error();
    EXPECT_TRUE(next.is_new(next.contents("dump.rdb")));
  }
}

// ---- real files, and a thread that walks ----

// The scripted one for two threads.
class SharedSource final : public SnapshotSource {
  template <typename Call>
  auto locked(Call&& call) {
    const std::lock_guard lock(mutex_);
    return call();
  }

 public:
  SharedSource(const ScriptedSource::Options& options, uint64_t seed) : source_(options, seed) {}

  void ask() override {
    locked([&] { source_.ask(); });
  }
  const SnapshotCut* cut() override {
    return locked([&] { return source_.cut(); });
  }
  uint32_t lanes() const override { return source_.lanes(); }
  SaveBatch* take(bool wake) override {
    return locked([&] { return source_.take(wake); });
  }
  void give_back(SaveBatch& batch) override {
    locked([&] { source_.give_back(batch); });
  }
  bool at_end() override {
    return locked([&] { return source_.at_end(); });
  }
  void cancel() override {
    locked([&] { source_.cancel(); });
  }
  bool turn() {
    return locked([&] { return source_.turn(); });
  }
  const std::multiset<std::string>& lines() const { return source_.lines(); }

 private:
  std::mutex mutex_;
  ScriptedSource source_;
};

// Waits without a limit: a wake that is forgotten would end it never.
TEST(RdbSaverOnDisk, SavesWhatOthersRead) {
  const TemporaryDirectory directory(std::filesystem::temp_directory_path());
  ASSERT_TRUE(directory.made());
  for (uint64_t seed = 0; seed < 30; ++seed) {
    std::string error;
    const std::unique_ptr<UringDisk> disk = UringDisk::create(error);
    ASSERT_NE(disk, nullptr) << error;
    ScriptedSource::Options shards = shards_of(seed);
    shards.turns_by_itself = false;
    shards.wake = [&disk] { disk->wake(); };
    SharedSource source(shards, seed);
    SaveBlock figures{};
    RdbSaver saver(options_of(seed), *disk, source, figures);
    std::atomic<bool> over{false};
    std::thread walker([&] {
      while (!over.load()) {
        if (!source.turn()) {
          std::this_thread::yield();
        }
      }
    });
    RdbSaver::Step step = RdbSaver::Step::kAgain;
    const bool given_up = seed % 4 == 3;
    for (size_t i = 0; step == RdbSaver::Step::kAgain; ++i) {
      step = saver.step(kNow, -1);
      if (given_up && i == seed) {
        saver.give_up();
      }
    }
    over.store(true);
    walker.join();
    if (step == RdbSaver::Step::kFailed) {
      EXPECT_TRUE(given_up);
      EXPECT_EQ(saver.error(), "");
      EXPECT_FALSE(std::filesystem::exists("temp-1.rdb"));
      continue;
    }
    const SavedFile file(DiskCalls(*disk).contents("dump.rdb"));
    EXPECT_TRUE(file.whole);
    EXPECT_EQ(file.keys, source.lines());
    if (std::filesystem::exists("/usr/bin/redis-check-rdb")) {
      const int status = std::system("/usr/bin/redis-check-rdb dump.rdb > check.txt");
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
          << DiskCalls(*disk).contents("check.txt");
    }
  }
}

}  // namespace
}  // namespace pollux
