// Lives of a server that appends its history, by seed: workers write, rewrites come and go,
// policies change, the disk fails, fills up and stalls, and then all crashes. What is left must be
// a prefix of the history that has all that was told durable.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/base/rng.h"
#include "src/base/sanitized.h"
#include "storage/aof_writer_test_support.h"

namespace pollux {
namespace {

using Image = SimDisk::Image;

constexpr uint16_t kWorkers = 3;

// What was, and what a crash has left of it.
struct World {
  Image image;
  History history;
  size_t durable = 0;
  Instant now{1'000'000'000'000};
};

struct Life {
  uint64_t seed = 0;
  uint64_t crash_at = UINT64_MAX;  // call
  int rounds = 400;
  SimDisk::Faults faults;
  bool syncs_fail = false;
  bool turns_off = false;
};

// What lives have had between them: a test that never comes to what it is about finds nothing.
struct Seen {
  uint64_t crashes = 0;
  uint64_t rewrites = 0;
  uint64_t rewrites_failed = 0;
  uint64_t renewals = 0;
  uint64_t write_errors = 0;
  uint64_t full = 0;
  uint64_t offs = 0;
  uint64_t durable = 0;
};

class Server {
 public:
  Server(World& world, const Life& life, Seen& seen)
      : world_(world),
        life_(life),
        seen_(seen),
        rng_(life.seed),
        clock_(world.now),
        disk_(life.seed, clock_, world.image),
        own_(disk_),
        others_(disk_, own_),
        files_({.names = {.directory = "d", .file = "f"}, .token = kFilesToken}, own_) {}

  // False with `error` if what is there is not what has to be.
  bool start(std::string& error) {
    files_.open();
    if (!run(files_, own_)) {
      error = files_.error();
      return false;
    }
    const Found found = find(files_, own_, world_.history, world_.durable);
    if (!found.error.empty()) {
      error = found.error;
      return false;
    }
    world_.history.commands.resize(found.commands);
    files_.start(found.valid_to, "", false);
    if (!run(files_, own_)) {
      error = files_.error();
      return false;
    }
    world_.durable = found.commands;
    workers_ =
        std::make_unique<Workers>(kWorkers, clock_, world_.history,
                                  Journal::Options{.bytes_max = 400'000, .wake_bytes = 20'000});
    base_ = std::make_unique<TestBase>(others_, *workers_, world_.history);
    writer_ = std::make_unique<AofWriter>(
        AofWriter::Setup{.token = 1, .buffer_bytes = 2 * JournalLane::kBlockBytes}, journal(), own_,
        files_, *base_, figures_);
    set_options();
    writer_->start();
    return true;
  }

  // Lives, and dies.
  void live() {
    disk_.set_faults(life_.faults);
    disk_.crash_at_call(disk_.calls() + life_.crash_at);
    for (int round = 0; round < life_.rounds && !disk_.crashed(); ++round) {
      act();
      step(static_cast<int64_t>(rng_.below(2000)));
    }
    if (!disk_.crashed()) {
      end_well();
    } else {
      ++seen_.crashes;
    }
    die();
  }

 private:
  Journal& journal() { return workers_->journal; }

  void step(int64_t wait_us) {
    base_->step();
    if (base_->wants_cut() && rng_.below(8) == 0) {
      base_->cut(static_cast<uint16_t>(rng_.below(kWorkers)));
      publish_all();  // a lease on all shards
    }
    const Instant before = clock_.now();
    writer_->step(before, wait_us);
    // Who has nothing to do waits.
    turns_ = wait_us != 0 && clock_.now() == before ? turns_ + 1 : 0;
    EXPECT_LT(turns_, 100);
    // Only the truth is told.
    const size_t durable = world_.history.up_to(journal().durable());
    EXPECT_GE(durable, world_.durable);
    seen_.durable += durable - world_.durable;
    world_.durable = durable;
    seen_.full += journal().is_full() ? 1 : 0;
    seen_.write_errors += figures_.last_write_failed.get() != 0 ? 1 : 0;
    if (!in_force_ && writer_->in_force()) {
      ++seen_.renewals;
    }
    in_force_ = writer_->in_force();
  }

  void publish_all() {
    for (uint16_t i = 0; i < kWorkers; ++i) {
      workers_->publish(i);
    }
  }

  void act() {
    const uint64_t what = rng_.below(100);
    if (what < 55 && !writer_->is_off()) {
      write();
    } else if (what < 75) {
      workers_->publish(static_cast<uint16_t>(rng_.below(kWorkers)));
    } else if (what < 78) {
      writer_->request_rewrite();
    } else if (what < 81) {
      set_options();
    } else if (what < 86) {
      clock_.advance_ms(static_cast<int64_t>(rng_.below(1500)));
    } else if (what < 88) {
      base_->busy = !base_->busy;
    } else if (what < 89 && life_.syncs_fail) {
      disk_.fail_call(disk_.calls() + 1 + rng_.below(10), EIO);
    } else if (what < 90 && life_.turns_off) {
      turn();
    }
  }

  // Off, or on again.
  void turn() {
    if (!writer_->is_off()) {
      publish_all();
      writer_->stop();
      for (int i = 0; i < 3000 && !writer_->is_off(); ++i) {
        step(100'000);
      }
      ASSERT_TRUE(writer_->is_off());
      ++seen_.offs;
    } else {
      writer_->start_apart();
    }
  }

  void write() {
    if (journal().is_full()) {
      return;
    }
    std::vector<History::Command> commands;
    const auto add = [this, &commands] {
      const std::string number = std::to_string(world_.history.commands.size() + commands.size());
      const uint64_t spread = rng_.below(20) == 0 ? 100'000 : 40;
      commands.push_back({static_cast<uint32_t>(rng_.below(3)) * 7,
                          {"SET", "k" + std::to_string(rng_.below(20)),
                           number + std::string(rng_.below(spread), 'v')}});
    };
    const uint64_t kind = rng_.below(10);
    const uint64_t count = kind == 0 ? 0 : kind < 6 ? 1 : 1 + rng_.below(5);
    if (kind == 9) {
      const auto db = static_cast<uint32_t>(rng_.below(2));
      commands.push_back({db, {"MULTI"}});
    }
    for (uint64_t i = 0; i < count; ++i) {
      add();
    }
    if (kind == 9) {
      commands.push_back({commands.back().db, {"EXEC"}});
    }
    workers_->begin(static_cast<uint16_t>(rng_.below(kWorkers)), commands);
  }

  void set_options() {
    writer_->set_options({.fsync = static_cast<Fsync>(rng_.below(3)),
                          .timestamps = rng_.below(2) != 0,
                          .rewrite_percentage = rng_.below(3) == 0 ? 200U : 0U,
                          .rewrite_bytes_min = 200'000,
                          .gather_us_max = rng_.below(2) != 0 ? 100 : 0,
                          .backlog_bytes_max = 400'000});
  }

  // The end of a server on a disk that works: all is there.
  void end_well() {
    const bool was_in_force = writer_->in_force();
    const int64_t failed = figures_.syncs_failed.get();
    disk_.set_faults({});
    publish_all();
    base_->busy = false;
    const Ticket all = journal().drawn();  // a cut may come behind it
    writer_->finish();
    for (int i = 0; i < 3000 && !writer_->is_off(); ++i) {
      step(100'000);
    }
    if (!disk_.crashed()) {
      EXPECT_TRUE(writer_->is_off());
      if (was_in_force && figures_.syncs_failed.get() == failed) {
        EXPECT_GE(journal().durable(), all);
      }
    }
  }

  void die() {
    disk_.crash();
    publish_all();
    seen_.rewrites += static_cast<int>(figures_.rewrites_begun.get());
    seen_.rewrites_failed += static_cast<int>(figures_.last_rewrite_failed.get());
    writer_->abandon();
    for (int i = 0; i < 200 && !writer_->is_off(); ++i) {
      base_->step();
      writer_->step(clock_.now(), 100'000);
    }
    ASSERT_TRUE(writer_->is_off());
    // A sync may have ended before.
    world_.durable = std::max(world_.durable, world_.history.up_to(journal().durable()));
    world_.image = disk_.survivors(life_.seed * 31 + disk_.calls());
    world_.now = clock_.now();
  }

  World& world_;
  const Life life_;
  Seen& seen_;
  Rng rng_;
  ManualClock clock_;
  SimDisk disk_;
  DiskShare own_;
  DiskShare others_;
  AofFiles files_;
  AofBlock figures_;
  std::unique_ptr<Workers> workers_;
  std::unique_ptr<TestBase> base_;
  std::unique_ptr<AofWriter> writer_;
  bool in_force_ = true;
  int turns_ = 0;  // without a wait
};

// Lives one behind the other, and a last one that only looks. An error, or nothing.
std::string violation(const std::vector<Life>& lives, Seen& seen) {
  World world;
  std::string error;
  for (const Life& life : lives) {
    Server server(world, life, seen);
    if (!server.start(error)) {
      return "seed " + std::to_string(life.seed) + ": " + error;
    }
    server.live();
  }
  Server last(world, {}, seen);
  return last.start(error) ? "" : "at the end: " + error;
}

TEST(AofWriterCrash, WhatWasDurableIsThereWhateverCrashes) {
  Seen seen;
  for (uint64_t seed = 0; seed < 400 / kSlowness; ++seed) {
    std::vector<Life> lives;
    for (uint64_t i = 0; i < 3; ++i) {
      lives.push_back({.seed = seed * 3 + i,
                       .crash_at = 1 + (seed * 17 + i * 5) % 250,
                       .turns_off = seed % 4 == 0});
    }
    ASSERT_EQ(violation(lives, seen), "");
  }
  EXPECT_GT(seen.crashes, 600 / kSlowness);
  EXPECT_GT(seen.rewrites, 600 / kSlowness);
  EXPECT_GT(seen.durable, 10'000 / kSlowness);
}

TEST(AofWriterCrash, AtEachCall) {
  Seen seen;
  for (uint64_t seed = 0; seed < (kSanitized ? 2 : 4); ++seed) {
    for (uint64_t call = 1; call < 200; call += kSanitized ? 2 : 1) {
      ASSERT_EQ(violation({{.seed = seed, .crash_at = call, .syncs_fail = seed % 2 != 0}}, seen),
                "")
          << "call " << call;
    }
  }
}

TEST(AofWriterCrash, ThoughCallsFail) {
  Seen seen;
  for (uint64_t seed = 0; seed < 400 / kSlowness; ++seed) {
    std::vector<Life> lives;
    for (uint64_t i = 0; i < 3; ++i) {
      lives.push_back({.seed = seed * 3 + i,
                       .crash_at = 1 + (seed * 37 + i * 11) % 250,
                       .faults = {.writes = 30,
                                  .syncs = 60,
                                  .names = seed % 2 == 0 ? 30U : 0U,
                                  .stalls = 50,
                                  .stall_us_max = 4'000'000,
                                  .fills = 60,
                                  .fill_us_max = 3'000'000},
                       .syncs_fail = true,
                       .turns_off = seed % 3 == 0});
    }
    ASSERT_EQ(violation(lives, seen), "");
  }
  EXPECT_GT(seen.crashes, 300 / kSlowness);
  EXPECT_GT(seen.rewrites_failed, 100 / kSlowness);
  EXPECT_GT(seen.renewals, 100 / kSlowness);
  EXPECT_GT(seen.write_errors, 1000 / kSlowness);
  EXPECT_GT(seen.full, 1000 / kSlowness);
  EXPECT_GT(seen.offs, 100 / kSlowness);
}

}  // namespace
}  // namespace pollux
