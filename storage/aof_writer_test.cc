#include "storage/aof_writer.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "storage/aof_writer_test_support.h"

namespace pollux {
namespace {

using Image = SimDisk::Image;

constexpr size_t kBufferBytes = 2 * JournalLane::kBlockBytes;

// What a server of one rewrite has left, without keys.
Image used() {
  return {.files = {{"d/f.manifest",
                     "file f.1.base.aof seq 1 type b\nfile f.1.incr.aof seq 1 type i\n"},
                    {"d/f.1.base.aof", ""},
                    {"d/f.1.incr.aof", ""}},
          .directories = {"d"}};
}

struct Rig {
  explicit Rig(const AofWriter::Options& options = {}, const Image& image = used(),
               bool loads = true)
      : disk(1, clock, image),
        own(disk),
        others(disk, own),
        files({.names = {.directory = "d", .file = "f"}, .token = kFilesToken}, own),
        workers(3, clock, history, {.wake_bytes = 20'000}),
        base(others, workers, history),
        writer({.token = 1,
                .buffer_bytes = kBufferBytes,
                .on_durable = [this] { ++durables; },
                .on_room = [this] { ++rooms; }},
               workers.journal, own, files, base, figures) {
    writer.set_options(options);
    if (loads) {
      files.open();
      EXPECT_TRUE(run(files, own));
      files.start(files.parts().back().bytes, "", false);
      EXPECT_TRUE(run(files, own));
      writer.start();
    }
  }
  ~Rig() {
    writer.abandon();
    EXPECT_TRUE(until([this] { return writer.is_off(); }));
  }

  Journal& journal() { return workers.journal; }
  void step(int64_t wait_us = 1000) {
    base.step();
    if (cuts && base.wants_cut()) {
      base.cut();
    }
    writer.step(clock.now(), wait_us);
  }
  template <typename Fn>
  bool until(Fn fn, int steps = 20'000) {
    for (int i = 0; i < steps; ++i) {
      if (fn()) {
        return true;
      }
      step();
    }
    return false;
  }
  void pass_ms(int64_t ms) {
    const Instant end{clock.now().us + ms * 1000};
    while (clock.now() < end) {
      step(std::min<int64_t>(end.us - clock.now().us, 100'000));
    }
  }
  bool all_written() {
    return until([this] { return figures.written_ticket.get() == last(); });
  }
  bool all_durable() {
    return until([this] { return journal().durable() == journal().drawn(); });
  }
  bool rewritten() {
    return until([this] { return figures.rewriting.get() == 0; });
  }
  int64_t last() { return static_cast<int64_t>(journal().drawn().value); }
  std::string file(const std::string& name) {
    const Image seen = disk.seen();
    const auto it = seen.files.find("d/" + name);
    return it == seen.files.end() ? "none" : it->second;
  }
  std::string manifest() { return file("f.manifest"); }

  ManualClock clock{Instant{1'000'000'000'000}};
  SimDisk disk;
  DiskShare own;
  DiskShare others;
  AofFiles files;
  AofBlock figures;
  History history;
  Workers workers;
  TestBase base;
  AofWriter writer;
  bool cuts = true;
  int durables = 0;
  int rooms = 0;
};

std::string select(int db) {
  return resp({"SELECT", std::to_string(db)});
}
std::string set(const std::string& key, const std::string& value) {
  return resp({"SET", key, value});
}

// --- what is written ---

TEST(AofWriter, AppendsBehindWhatIsThere) {
  Image image = used();
  image.files["d/f.1.incr.aof"] = set("a", "1");
  Rig rig({}, image);
  EXPECT_EQ(rig.figures.current_bytes.get(), static_cast<int64_t>(set("a", "1").size()));
  rig.workers.set(0, "b", "2");
  ASSERT_TRUE(rig.all_written());
  EXPECT_EQ(rig.file("f.1.incr.aof"), set("a", "1") + select(0) + set("b", "2"));
  EXPECT_EQ(rig.figures.in_force.get(), 1);
}

TEST(AofWriter, SelectsWhereTheDatabaseChanges) {
  Rig rig;
  rig.workers.set(0, "a", "1", 0);
  rig.workers.set(0, "b", "2", 1);
  rig.workers.set(12, "c", "3", 2);
  rig.workers.begin(0, {});  // has nothing, and says nothing
  rig.workers.publish(0);
  rig.workers.set(12, "d", "4", 1);
  rig.workers.begin(0, {{3, {"MULTI"}}, {3, {"SET", "e", "5"}}, {4, {"EXEC"}}});
  rig.workers.publish(0);
  rig.workers.set(4, "f", "6", 2);
  ASSERT_TRUE(rig.all_written());
  EXPECT_EQ(rig.file("f.1.incr.aof"), select(0) + set("a", "1") + set("b", "2") + select(12) +
                                          set("c", "3") + set("d", "4") + select(3) +
                                          resp({"MULTI"}) + set("e", "5") + select(4) +
                                          resp({"EXEC"}) + set("f", "6"));
}

// Their parts are what lanes make of them.
TEST(AofWriter, NothingStandsWithinACommandOrATransaction) {
  Rig rig({.timestamps = true});
  const std::string value(5 * JournalLane::kBlockBytes, 'v');
  rig.workers.begin(0, {{2, {"MULTI"}}, {2, {"SET", "a", value}}, {2, {"EXEC"}}});
  rig.clock.advance_ms(1000);
  rig.workers.begin(0, {{2, {"SET", "b", value}}});
  rig.workers.publish(0);
  ASSERT_TRUE(rig.all_written());
  EXPECT_EQ(rig.file("f.1.incr.aof"), "#TS:1000000\r\n" + select(2) + resp({"MULTI"}) +
                                          set("a", value) + resp({"EXEC"}) + "#TS:1000001\r\n" +
                                          set("b", value));
}

TEST(AofWriter, TellsTheTimeOncePerSecond) {
  Rig rig({.timestamps = true});
  rig.clock.advance_us(1'000'000 - rig.clock.now().us % 1'000'000);
  rig.workers.set(0, "a", "1");
  rig.clock.advance_ms(999);
  rig.workers.set(0, "b", "2");
  rig.clock.advance_ms(1);
  rig.workers.set(1, "c", "3");
  ASSERT_TRUE(rig.all_written());
  EXPECT_EQ(rig.file("f.1.incr.aof"), "#TS:1000001\r\n" + select(0) + set("a", "1") +
                                          set("b", "2") + "#TS:1000002\r\n" + select(1) +
                                          set("c", "3"));
}

TEST(AofWriter, TakesAllThatThereIs) {
  Rig rig({.fsync = Fsync::kNo});
  for (int i = 0; i < 1000; ++i) {
    rig.workers.set(0, "k", std::to_string(i), static_cast<uint16_t>(i % 3));
  }
  const uint64_t before = rig.disk.calls();
  ASSERT_TRUE(rig.all_written());
  EXPECT_EQ(rig.disk.calls(), before + 1);
}

// Else a worker would wake it every turn.
TEST(AofWriter, NapsWhileChangesCome) {
  Rig rig({.fsync = Fsync::kNo});
  const uint64_t before = rig.disk.calls();
  for (int i = 0; i < 1000; ++i) {
    rig.workers.set(0, "k", std::to_string(i));
    rig.step(100);
  }
  ASSERT_TRUE(rig.all_written());
  const int64_t writes = static_cast<int64_t>(rig.disk.calls() - before);
  EXPECT_LE(writes, (rig.clock.now().us - 1'000'000'000'000) / 10'000 + 2);
  EXPECT_GE(writes, 5);
  // But not if it is much.
  const Instant begun = rig.clock.now();
  rig.workers.set(0, "k", "1");
  rig.workers.set(0, "k", std::string(20'000, 'v'));
  ASSERT_TRUE(rig.all_written());
  EXPECT_LT(rig.clock.now().us - begun.us, 5000);
}

// --- what is durable ---

TEST(AofWriter, AlwaysSyncsAsSoonAsItCanAndManyShareOne) {
  Rig rig({.fsync = Fsync::kAlways});
  rig.workers.set(0, "a", "1");
  rig.step(0);
  rig.step(0);
  EXPECT_EQ(rig.journal().durable().value, 0U);
  ASSERT_TRUE(rig.until([&] { return rig.figures.sync_under_way.get() != 0; }));
  for (int i = 0; i < 50; ++i) {
    rig.workers.set(0, "b", std::to_string(i));
  }
  ASSERT_TRUE(rig.all_durable());
  EXPECT_EQ(rig.figures.syncs.get(), 2);
  EXPECT_EQ(rig.durables, 2);
  EXPECT_EQ(rig.figures.durable_ticket.get(), 51);
}

TEST(AofWriter, EverysecSyncsOncePerSecondWhatThereIs) {
  Rig rig;
  rig.workers.set(0, "a", "1");
  ASSERT_TRUE(rig.all_durable());
  for (int i = 0; i < 300; ++i) {
    rig.workers.set(0, "a", "1");
    rig.pass_ms(10);
  }
  EXPECT_EQ(rig.figures.syncs.get(), 4);
  ASSERT_TRUE(rig.all_durable());
  const int64_t syncs = rig.figures.syncs.get();
  rig.pass_ms(5000);
  EXPECT_EQ(rig.figures.syncs.get(), syncs);
}

TEST(AofWriter, WithNoItNeverSyncsBeforeTheEnd) {
  Rig rig({.fsync = Fsync::kNo});
  rig.workers.set(0, "a", "1");
  rig.pass_ms(5000);
  EXPECT_EQ(rig.figures.syncs.get(), 0);
  EXPECT_EQ(rig.journal().durable().value, 0U);
  rig.writer.finish();
  ASSERT_TRUE(rig.until([&] { return rig.writer.is_off(); }));
  EXPECT_EQ(rig.journal().durable().value, 1U);
}

TEST(AofWriter, AnotherPolicyHoldsAtOnce) {
  Rig rig({.fsync = Fsync::kNo});
  rig.workers.set(0, "a", "1");
  ASSERT_TRUE(rig.all_written());
  rig.writer.set_options({.fsync = Fsync::kAlways});
  EXPECT_TRUE(rig.all_durable());
}

TEST(AofWriter, TicketsWithoutBytesAreDurable) {
  Rig rig({.fsync = Fsync::kNo});
  rig.workers.begin(1, {});
  rig.workers.cut();
  rig.workers.publish(1);
  EXPECT_TRUE(rig.all_durable());
  EXPECT_EQ(rig.file("f.1.incr.aof"), "");
}

// --- what fails ---

TEST(AofWriter, WhatCantBeWrittenIsWrittenLaterAtTheSamePlace) {
  for (const int error : {ENOSPC, EIO, EFBIG}) {
    Rig rig({.fsync = Fsync::kAlways});
    rig.workers.set(0, "a", "1");
    ASSERT_TRUE(rig.all_durable());
    for (uint64_t call = 1; call <= 3; ++call) {
      rig.disk.fail_call(rig.disk.calls() + call, error);
    }
    rig.workers.set(0, "b", std::string(9000, '2'));
    rig.pass_ms(100);
    EXPECT_EQ(rig.figures.last_write_failed.get(), 1);
    EXPECT_EQ(rig.figures.last_error.get(), error);
    EXPECT_TRUE(rig.writer.in_force());
    rig.workers.set(0, "c", "3");
    rig.pass_ms(1500);
    EXPECT_EQ(rig.figures.last_write_failed.get(), 1);
    EXPECT_EQ(rig.journal().durable().value, 1U);
    rig.pass_ms(2000);
    EXPECT_EQ(rig.figures.last_write_failed.get(), 0);
    EXPECT_EQ(rig.journal().durable().value, 3U);
    EXPECT_EQ(rig.file("f.1.incr.aof"),
              select(0) + set("a", "1") + set("b", std::string(9000, '2')) + set("c", "3"));
  }
}

TEST(AofWriter, AFailedSyncMakesTheHistoryAnew) {
  Rig rig({.fsync = Fsync::kAlways});
  rig.workers.set(0, "a", "1");
  ASSERT_TRUE(rig.all_durable());
  rig.cuts = false;
  rig.disk.fail_call(rig.disk.calls() + 2, EIO);
  rig.workers.set(5, "b", "2");
  ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
  EXPECT_FALSE(rig.writer.in_force());
  EXPECT_TRUE(rig.writer.promises());
  EXPECT_EQ(rig.figures.last_write_failed.get(), 1);
  EXPECT_EQ(rig.figures.syncs_failed.get(), 1);
  rig.workers.set(0, "c", "3");  // in the base
  rig.pass_ms(100);
  rig.base.cut();
  rig.workers.set(5, "d", "4");  // behind it
  rig.step();
  EXPECT_EQ(rig.journal().durable().value, 1U);
  ASSERT_TRUE(rig.all_durable());
  EXPECT_TRUE(rig.writer.in_force());
  EXPECT_EQ(rig.figures.last_write_failed.get(), 0);
  EXPECT_EQ(rig.manifest(), "file f.2.base.aof seq 2 type b\nfile f.2.incr.aof seq 2 type i\n");
  EXPECT_EQ(rig.file("f.2.base.aof"), rig.history.base(3));
  EXPECT_EQ(rig.file("f.2.incr.aof"), select(5) + set("d", "4"));
  rig.workers.set(5, "e", "5");
  ASSERT_TRUE(rig.all_durable());
  EXPECT_EQ(rig.file("f.2.incr.aof"), select(5) + set("d", "4") + set("e", "5"));
}

TEST(AofWriter, ThatIsTriedAgainUntilItSucceeds) {
  Rig rig({.fsync = Fsync::kAlways});
  rig.disk.fail_call(rig.disk.calls() + 2, EIO);
  rig.workers.set(0, "a", "1");
  for (int i = 0; i < 6; ++i) {
    rig.cuts = false;
    ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
    if (i % 2 != 0) {
      rig.base.cut();
      rig.workers.set(0, "b", "2");
      rig.step();
      rig.step();
    }
    const Instant before = rig.clock.now();
    rig.base.give_up();
    ASSERT_TRUE(rig.until([&] { return !rig.base.given_up; }));
    EXPECT_GE(rig.clock.now().us - before.us, 900'000);
    EXPECT_LE(rig.clock.now().us - before.us, 1'200'000);
  }
  rig.cuts = true;
  ASSERT_TRUE(rig.all_durable());
  EXPECT_EQ(rig.figures.rewrite_failures.get(), 0);
  EXPECT_EQ(rig.disk.seen().files.size(), 3U);
}

// --- back-pressure ---

TEST(AofWriter, IsFullWhenTheDiskDoesNotKeepUp) {
  Rig rig({.fsync = Fsync::kNo, .backlog_bytes_max = 1'000'000});
  rig.disk.set_space(rig.manifest().size());
  size_t bytes = 0;
  while (bytes < 900'000) {
    rig.workers.set(0, "k", std::string(10'000, 'v'));
    bytes += 10'000;
  }
  rig.pass_ms(500);
  EXPECT_FALSE(rig.journal().is_full());
  for (; bytes < 1'100'000; bytes += 10'000) {
    rig.workers.set(0, "k", std::string(10'000, 'v'));
  }
  rig.pass_ms(500);
  EXPECT_TRUE(rig.journal().is_full());
  EXPECT_EQ(rig.figures.full.get(), 1);
  EXPECT_EQ(rig.figures.fulls.get(), 1);
  EXPECT_EQ(rig.figures.delayed_fsyncs.get(), 0);
  EXPECT_EQ(rig.rooms, 0);
  rig.disk.set_space(UINT64_MAX);
  ASSERT_TRUE(rig.until([&] { return rig.rooms != 0; }));
  EXPECT_FALSE(rig.journal().is_full());
  EXPECT_LE(rig.figures.pending_bytes.get() + rig.figures.buffered_bytes.get(), 500'000);
  EXPECT_TRUE(rig.all_written());
}

TEST(AofWriter, IsFullWhenASyncTakesLong) {
  Rig rig;
  rig.workers.set(0, "k", "v");
  ASSERT_TRUE(rig.all_durable());
  rig.pass_ms(1000);
  int64_t full_us = 0;
  for (int i = 0; i < 100; ++i) {
    rig.disk.set_faults({.stalls = 1, .stall_us_max = 8'000'000});
    rig.workers.set(0, "k", "v");
    const Instant before = rig.clock.now();
    ASSERT_TRUE(rig.until([&] { return rig.figures.sync_under_way.get() != 0; }));
    rig.disk.set_faults({});
    rig.workers.set(0, "k", "v");
    while (rig.figures.sync_under_way.get() != 0) {
      rig.step(50'000);
      full_us = rig.journal().is_full() ? rig.clock.now().us - before.us : full_us;
    }
    ASSERT_TRUE(rig.all_durable());
    EXPECT_FALSE(rig.journal().is_full());
  }
  EXPECT_GT(rig.figures.delayed_fsyncs.get(), 5);
  EXPECT_EQ(rig.figures.fulls.get(), rig.figures.delayed_fsyncs.get());
  EXPECT_EQ(rig.rooms, rig.figures.fulls.get());
  EXPECT_GT(full_us, 2'000'000);
}

// --- rewrites ---

TEST(AofWriter, ARewriteGoesOnBehindTheCut) {
  Rig rig({.fsync = Fsync::kNo});
  rig.workers.set(3, "a", "1");
  ASSERT_TRUE(rig.all_written());
  rig.cuts = false;
  EXPECT_EQ(rig.writer.request_rewrite(), AofWriter::Rewrite::kBegun);
  EXPECT_EQ(rig.writer.request_rewrite(), AofWriter::Rewrite::kUnderWay);
  ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
  rig.workers.set(3, "b", "2");
  const Ticket cut = rig.base.cut();
  rig.workers.set(3, "c", "3");
  ASSERT_TRUE(rig.until([&] { return rig.journal().durable() >= cut; }));
  EXPECT_EQ(rig.file("f.1.incr.aof"), select(3) + set("a", "1") + set("b", "2"));
  ASSERT_TRUE(rig.rewritten() && rig.all_written());
  EXPECT_EQ(rig.manifest(), "file f.2.base.aof seq 2 type b\nfile f.2.incr.aof seq 2 type i\n");
  EXPECT_EQ(rig.file("f.2.incr.aof"), select(3) + set("c", "3"));
  EXPECT_EQ(rig.file("f.2.base.aof"), rig.history.base(2));
  EXPECT_EQ(rig.disk.seen().files.size(), 3U);
  const auto bytes =
      static_cast<int64_t>(rig.history.base(2).size() + select(3).size() + set("c", "3").size());
  EXPECT_EQ(rig.figures.current_bytes.get(), bytes);
  EXPECT_LE(rig.figures.base_bytes.get(), bytes);
  EXPECT_GE(rig.figures.base_bytes.get(), static_cast<int64_t>(rig.history.base(2).size()));
  EXPECT_EQ(rig.figures.rewrites_begun.get(), 1);
  EXPECT_EQ(rig.figures.rewrites_ended.get(), 1);
  EXPECT_EQ(rig.figures.last_rewrite_failed.get(), 0);
}

TEST(AofWriter, ARewriteWaitsForAnotherSave) {
  Rig rig;
  rig.base.busy = true;
  rig.writer.request_rewrite();
  ASSERT_TRUE(rig.until([&] { return rig.figures.rewrite_scheduled.get() != 0; }));
  EXPECT_EQ(rig.writer.request_rewrite(), AofWriter::Rewrite::kScheduled);
  const int before = rig.base.asked;
  rig.pass_ms(1000);
  EXPECT_GE(rig.base.asked, before + 9);
  EXPECT_LE(rig.base.asked, before + 11);
  rig.base.busy = false;
  ASSERT_TRUE(rig.rewritten());
  EXPECT_EQ(rig.figures.rewrite_scheduled.get(), 0);
  EXPECT_EQ(rig.files.manifest().base->seq, 2);
}

TEST(AofWriter, ABaseThatFailsBeforeTheCutLeavesNothing) {
  Rig rig;
  rig.cuts = false;
  rig.writer.request_rewrite();
  ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
  rig.base.fail();
  ASSERT_TRUE(rig.rewritten());
  EXPECT_EQ(rig.disk.seen().files.size(), 3U + 1);  // the manifest that was prepared
  EXPECT_EQ(rig.manifest(), used().files["d/f.manifest"]);
  EXPECT_EQ(rig.figures.last_rewrite_failed.get(), 1);
  EXPECT_EQ(rig.figures.rewrite_failures.get(), 1);
  rig.workers.set(0, "a", "1");
  ASSERT_TRUE(rig.all_durable());
  EXPECT_EQ(rig.file("f.1.incr.aof"), select(0) + set("a", "1"));
}

TEST(AofWriter, ABaseThatFailsBehindTheCutLeavesOneFileMore) {
  Rig rig;
  rig.cuts = false;
  rig.workers.set(0, "a", "1");
  rig.writer.request_rewrite();
  ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
  rig.base.held = true;
  rig.base.cut();
  rig.workers.set(0, "b", "2");
  ASSERT_TRUE(rig.until([&] { return rig.files.manifest().incr.size() == 2; }));
  rig.base.give_up();
  ASSERT_TRUE(rig.rewritten() && rig.all_durable());
  EXPECT_EQ(rig.manifest(), used().files["d/f.manifest"] + "file f.2.incr.aof seq 2 type i\n");
  EXPECT_EQ(rig.file("f.2.incr.aof"), select(0) + set("b", "2"));
  EXPECT_EQ(rig.file("temp-f.base"), "none");
  rig.cuts = true;
  rig.base.held = false;
  rig.writer.request_rewrite();
  ASSERT_TRUE(rig.rewritten());
  EXPECT_EQ(rig.disk.seen().files.size(), 3U);
  EXPECT_EQ(rig.figures.rewrite_failures.get(), 0);
}

// The cut of a snapshot that has failed may still be on its way here when the next one is ordered.
TEST(AofWriter, TheCutOfAnotherSnapshotIsNone) {
  Rig rig;
  const Ticket held = rig.workers.begin(1, {{0, {"SET", "a", "1"}}});  // the journal stops here
  rig.cuts = false;
  rig.writer.request_rewrite();
  ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
  rig.base.cut();
  rig.base.fail();
  ASSERT_TRUE(rig.rewritten());
  rig.workers.set(0, "b", "2");
  rig.writer.request_rewrite();
  ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
  rig.workers.publish(1);
  ASSERT_TRUE(rig.all_written());
  EXPECT_LT(held, rig.journal().drawn());
  EXPECT_EQ(rig.file("f.1.incr.aof"), select(0) + set("a", "1") + set("b", "2"));
  rig.base.cut();
  rig.workers.set(0, "c", "3");
  ASSERT_TRUE(rig.rewritten() && rig.all_written());
  EXPECT_EQ(rig.file("f.2.base.aof"), rig.history.base(2));
  EXPECT_EQ(rig.file("f.2.incr.aof"), select(0) + set("c", "3"));
}

TEST(AofWriter, WithoutAFurtherFileNoBaseIsOrdered) {
  Rig rig;
  rig.disk.fail_call(rig.disk.calls() + 1, ENOSPC);
  rig.writer.request_rewrite();
  ASSERT_TRUE(rig.rewritten());
  EXPECT_EQ(rig.base.asked, 0);
  EXPECT_EQ(rig.figures.last_rewrite_failed.get(), 1);
  rig.workers.set(0, "a", "1");
  EXPECT_TRUE(rig.all_durable());
}

TEST(AofWriter, GrowthBeginsARewriteAndFailuresDelayIt) {
  Rig rig({.fsync = Fsync::kNo, .rewrite_percentage = 100, .rewrite_bytes_min = 1000});
  rig.cuts = false;
  rig.workers.set(0, "a", std::string(2000, 'v'));
  for (int64_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
    rig.base.fail();
    ASSERT_TRUE(rig.until([&] { return rig.figures.rewrite_failures.get() == i; }));
  }
  rig.pass_ms(59'000);
  EXPECT_FALSE(rig.base.wants_cut());
  rig.cuts = true;
  rig.pass_ms(2'000);
  ASSERT_TRUE(rig.rewritten());
  EXPECT_EQ(rig.figures.rewrite_failures.get(), 0);
  EXPECT_EQ(rig.files.manifest().base->seq, 2);
  // Not again before it has doubled.
  const int64_t base = rig.figures.base_bytes.get();
  rig.workers.set(0, "b", std::string(static_cast<size_t>(base) / 2, 'v'));
  rig.pass_ms(1000);
  EXPECT_EQ(rig.figures.rewrites_begun.get(), 4);
  rig.workers.set(0, "b", std::string(static_cast<size_t>(base) / 2, 'v'));
  rig.pass_ms(1000);
  EXPECT_EQ(rig.figures.rewrites_begun.get(), 5);
}

// --- on and off ---

TEST(AofWriter, TurnedOnItIsInForceWithTheBase) {
  Rig rig({.fsync = Fsync::kAlways}, {}, /*loads=*/false);
  rig.cuts = false;
  EXPECT_EQ(rig.writer.request_rewrite(), AofWriter::Rewrite::kOff);
  rig.writer.start_apart();
  rig.workers.set(0, "a", "1");
  ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
  EXPECT_FALSE(rig.writer.promises());
  rig.workers.set(0, "b", "2");
  rig.base.cut();
  rig.workers.set(0, "c", "3");
  rig.step();
  EXPECT_EQ(rig.journal().durable().value, 0U);
  ASSERT_TRUE(rig.all_durable());
  EXPECT_TRUE(rig.writer.in_force());
  EXPECT_EQ(rig.file("f.1.base.aof"), rig.history.base(2));
  EXPECT_EQ(rig.file("f.1.incr.aof"), select(0) + set("c", "3"));
}

TEST(AofWriter, TurnedOffAllIsWrittenAndSynced) {
  Rig rig({.fsync = Fsync::kNo});
  rig.workers.set(0, "a", "1");
  rig.writer.request_rewrite();
  rig.writer.stop();
  ASSERT_TRUE(rig.until([&] { return rig.writer.is_off(); }));
  EXPECT_EQ(rig.journal().durable().value, 1U);
  EXPECT_EQ(rig.figures.enabled.get(), 0);
  EXPECT_EQ(rig.file("f.1.incr.aof"), select(0) + set("a", "1"));
  EXPECT_EQ(rig.figures.last_rewrite_failed.get(), 0);
  // And on again: tickets go on.
  rig.writer.start_apart();
  rig.workers.set(0, "b", "2");
  ASSERT_TRUE(rig.until([&] { return rig.writer.in_force(); }));
  rig.workers.set(0, "c", "3");
  rig.writer.set_options({.fsync = Fsync::kAlways});
  ASSERT_TRUE(rig.all_durable());
  EXPECT_EQ(rig.file("f.2.incr.aof"), select(0) + set("c", "3"));
}

// Who asks must not rely on it: what comes from now on may be in none of its files.
TEST(AofWriter, AHistoryThatEndsIsNotToldToBeInForce) {
  Rig rig;
  rig.workers.set(0, "a", "1");
  rig.step();
  EXPECT_EQ(rig.figures.in_force.get(), 1);
  rig.writer.stop();
  rig.step();
  ASSERT_FALSE(rig.writer.is_off());
  EXPECT_EQ(rig.figures.in_force.get(), 0);
}

TEST(AofWriter, TurnedOffOnAFullDiskItLeavesWhatCantBeWritten) {
  Rig rig;
  rig.disk.set_space(0);
  rig.workers.set(0, "a", "1");
  ASSERT_TRUE(rig.until([&] { return rig.figures.last_write_failed.get() != 0; }));
  rig.writer.stop();
  ASSERT_TRUE(rig.until([&] { return rig.writer.is_off(); }, 100));
  EXPECT_EQ(rig.figures.last_write_failed.get(), 0);
}

TEST(AofWriter, TurnedOffThoughTheDirectoryCantBeSynced) {
  Rig rig;
  rig.cuts = false;
  rig.writer.request_rewrite();
  ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
  rig.base.cut();
  for (uint64_t call = 2; call < 50; ++call) {
    rig.disk.fail_call(rig.disk.calls() + call, EIO);  // rename; then of the directory
  }
  rig.pass_ms(3000);
  rig.writer.stop();
  ASSERT_TRUE(rig.until([&] { return rig.writer.is_off(); }, 100));
}

// Its base will never be done: there are no workers any more.
TEST(AofWriter, TheEndDoesNotWaitForAHistoryThatIsOutOfForce) {
  Rig rig({}, {}, /*loads=*/false);
  rig.writer.start_apart();
  rig.workers.set(0, "a", "1");
  rig.base.busy = true;
  rig.pass_ms(500);
  rig.writer.finish();
  ASSERT_TRUE(rig.until([&] { return rig.writer.is_off(); }, 100));
  EXPECT_FALSE(rig.files.manifest().has_data());
}

TEST(AofWriter, TheEndWaitsForADiskThatIsFullButNotForEver) {
  Rig rig;
  rig.disk.set_space(0);
  rig.workers.set(0, "a", "1");
  rig.pass_ms(1000);
  rig.writer.finish();
  rig.pass_ms(9'000);
  EXPECT_FALSE(rig.writer.is_off());
  rig.pass_ms(2'000);
  EXPECT_TRUE(rig.writer.is_off());

  Rig other;
  other.disk.set_space(0);
  other.workers.set(0, "a", "1");
  other.writer.finish();
  other.pass_ms(5'000);
  other.disk.set_space(UINT64_MAX);
  ASSERT_TRUE(other.until([&] { return other.writer.is_off(); }));
  EXPECT_EQ(other.journal().durable().value, 1U);
}

TEST(AofWriter, ASyncThatFailsAtTheEndIsTheEnd) {
  Rig rig({.fsync = Fsync::kNo});
  rig.workers.set(0, "a", "1");
  ASSERT_TRUE(rig.all_written());
  rig.disk.fail_call(rig.disk.calls() + 1, EIO);
  rig.writer.finish();
  ASSERT_TRUE(rig.until([&] { return rig.writer.is_off(); }, 100));
  EXPECT_EQ(rig.journal().durable().value, 0U);
}

TEST(AofWriter, TheEndTakesAllThatWasDrawn) {
  Rig rig;
  rig.workers.begin(2, {{0, {"SET", "a", "1"}}});
  for (int i = 0; i < 2000; ++i) {
    rig.workers.set(0, "b", std::string(500, 'v'));
  }
  rig.writer.finish();
  rig.pass_ms(100);
  EXPECT_FALSE(rig.writer.is_off());
  rig.workers.publish(2);
  ASSERT_TRUE(rig.until([&] { return rig.writer.is_off(); }));
  EXPECT_EQ(rig.journal().durable().value, 2001U);
}

TEST(AofWriter, AbandonedItIsOffSoonWhateverTheDisk) {
  Rig rig;
  rig.disk.set_space(0);
  rig.workers.set(0, "a", "1");
  rig.writer.request_rewrite();
  rig.pass_ms(1000);
  rig.writer.abandon();
  EXPECT_TRUE(rig.until([&] { return rig.writer.is_off(); }, 100));
}

}  // namespace
}  // namespace pollux
