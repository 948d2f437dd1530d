#include "storage/aof_writer.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "storage/aof_writer_rig.h"

namespace pollux {
namespace {

// --- what is written ---

TEST(AofWriter, AppendsBehindWhatIsThere) {
  Image image = used();
  image.files["d/f.1.incr.aof"] = set("a", "1");
  AofWriterRig rig({}, image);
  EXPECT_EQ(rig.figures.current_bytes.get(), static_cast<int64_t>(set("a", "1").size()));
  rig.workers.set(0, "b", "2");
  ASSERT_TRUE(rig.all_written());
  EXPECT_EQ(rig.file("f.1.incr.aof"), set("a", "1") + select(0) + set("b", "2"));
  EXPECT_EQ(rig.figures.in_force.get(), 1);
}

TEST(AofWriter, SelectsWhereTheDatabaseChanges) {
  AofWriterRig rig;
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
  AofWriterRig rig({.timestamps = true});
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
  AofWriterRig rig({.timestamps = true});
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
  AofWriterRig rig({.fsync = Fsync::kNo});
  for (int i = 0; i < 1000; ++i) {
    rig.workers.set(0, "k", std::to_string(i), static_cast<uint16_t>(i % 3));
  }
  const uint64_t before = rig.disk.calls();
  ASSERT_TRUE(rig.all_written());
  EXPECT_EQ(rig.disk.calls(), before + 1);
}

// Else a worker would wake it every turn.
TEST(AofWriter, NapsWhileChangesCome) {
  AofWriterRig rig({.fsync = Fsync::kNo});
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
  AofWriterRig rig({.fsync = Fsync::kAlways});
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
  AofWriterRig rig;
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
  AofWriterRig rig({.fsync = Fsync::kNo});
  rig.workers.set(0, "a", "1");
  rig.pass_ms(5000);
  EXPECT_EQ(rig.figures.syncs.get(), 0);
  EXPECT_EQ(rig.journal().durable().value, 0U);
  rig.writer.finish();
  ASSERT_TRUE(rig.until([&] { return rig.writer.is_off(); }));
  EXPECT_EQ(rig.journal().durable().value, 1U);
}

TEST(AofWriter, AnotherPolicyHoldsAtOnce) {
  AofWriterRig rig({.fsync = Fsync::kNo});
  rig.workers.set(0, "a", "1");
  ASSERT_TRUE(rig.all_written());
  rig.writer.set_options({.fsync = Fsync::kAlways});
  EXPECT_TRUE(rig.all_durable());
}

TEST(AofWriter, TicketsWithoutBytesAreDurable) {
  AofWriterRig rig({.fsync = Fsync::kNo});
  rig.workers.begin(1, {});
  rig.workers.cut();
  rig.workers.publish(1);
  EXPECT_TRUE(rig.all_durable());
  EXPECT_EQ(rig.file("f.1.incr.aof"), "");
}

// --- what fails ---

TEST(AofWriter, WhatCantBeWrittenIsWrittenLaterAtTheSamePlace) {
  for (const int error : {ENOSPC, EIO, EFBIG}) {
    AofWriterRig rig({.fsync = Fsync::kAlways});
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
  AofWriterRig rig({.fsync = Fsync::kAlways});
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
  AofWriterRig rig({.fsync = Fsync::kAlways});
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
    rig.base.fail_when_it_can();
    ASSERT_TRUE(rig.until([&] { return rig.base.asked > i + 1; }));
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
  AofWriterRig rig({.fsync = Fsync::kNo, .backlog_bytes_max = 1'000'000});
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
  AofWriterRig rig;
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

// --- on and off ---

TEST(AofWriter, TurnedOnItIsInForceWithTheBase) {
  AofWriterRig rig({.fsync = Fsync::kAlways}, {}, /*loads=*/false);
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

TEST(AofWriter, ABaseThatIsAskedForIsNotDelayed) {
  AofWriterRig rig({}, {}, /*loads=*/false);
  rig.cuts = false;
  rig.writer.start_apart();
  rig.fail_bases(3);
  rig.pass_ms(2'000);
  EXPECT_FALSE(rig.base.wants_cut());
  rig.cuts = true;
  EXPECT_EQ(rig.writer.request_rewrite(), AofWriter::Rewrite::kBegun);
  rig.pass_ms(500);
  EXPECT_TRUE(rig.writer.in_force());
}

// A base that others give up, whose place they need, tells nothing of the disk: an end that waits
// for the history would take it for broken, and go.
TEST(AofWriter, AFirstBaseThatOthersGiveUpIsMadeAgainAtOnce) {
  AofWriterRig rig({}, {}, /*loads=*/false);
  rig.cuts = false;
  rig.writer.start_apart();
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
    if (i % 2 != 0) {
      rig.base.cut();
      rig.step();
    }
    const Instant before = rig.clock.now();
    rig.base.give_up();
    ASSERT_TRUE(rig.until([&] { return rig.base.ordered(); }));
    EXPECT_LE(rig.clock.now().us - before.us, 100'000);
    EXPECT_EQ(rig.figures.rewrite_failures.get(), 0);
    EXPECT_EQ(rig.figures.last_rewrite_failed.get(), 0);
  }
  // Also behind failures that would delay it for minutes.
  rig.fail_bases(3);
  EXPECT_EQ(rig.writer.request_rewrite(), AofWriter::Rewrite::kBegun);
  ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
  rig.base.give_up();
  rig.cuts = true;
  rig.pass_ms(500);
  EXPECT_TRUE(rig.writer.in_force());
  EXPECT_EQ(rig.figures.rewrite_failures.get(), 0);
}

// What has failed before delays it by no minutes.
TEST(AofWriter, ARewriteThatIsOwedIsTriedAtOnce) {
  AofWriterRig rig;
  rig.cuts = false;
  for (int i = 0; i < 4; ++i) {
    rig.writer.request_rewrite();
    ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
    rig.base.fail();
    ASSERT_TRUE(rig.rewritten());
  }
  EXPECT_EQ(rig.figures.rewrite_failures.get(), 4);
  rig.cuts = true;
  rig.writer.request_anew(rig.journal().drawn());
  rig.pass_ms(500);
  EXPECT_FALSE(rig.writer.owes_anew());
}

TEST(AofWriter, TurnedOffAllIsWrittenAndSynced) {
  AofWriterRig rig({.fsync = Fsync::kNo});
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

// With a client for each sync, of which none ever covers all.
TEST(AofWriter, TurnedOffItEndsThoughChangesGoOn) {
  AofWriterRig rig({.fsync = Fsync::kAlways});
  rig.workers.set(0, "a", "1");
  rig.step();
  const Ticket at_stop = rig.workers.begin(0, {{0, {"SET", "a", "2"}}, {0, {"SET", "b", "2"}}});
  rig.writer.stop();
  rig.workers.publish(0);
  for (int i = 0; i < 200 && !rig.writer.is_off(); ++i) {
    rig.workers.set(0, "a", std::to_string(i), 1);
    rig.step();
  }
  ASSERT_TRUE(rig.writer.is_off());
  EXPECT_EQ(rig.journal().durable(), at_stop);
  EXPECT_EQ(rig.file("f.1.incr.aof"), select(0) + set("a", "1") + set("a", "2") + set("b", "2"));
}

// Who asks must not rely on it: what comes from now on may be in none of its files.
TEST(AofWriter, AHistoryThatEndsIsNotToldToBeInForce) {
  AofWriterRig rig;
  rig.workers.set(0, "a", "1");
  rig.step();
  EXPECT_EQ(rig.figures.in_force.get(), 1);
  rig.writer.stop();
  rig.step();
  ASSERT_FALSE(rig.writer.is_off());
  EXPECT_EQ(rig.figures.in_force.get(), 0);
}

TEST(AofWriter, TurnedOffOnAFullDiskItLeavesWhatCantBeWritten) {
  AofWriterRig rig;
  rig.disk.set_space(0);
  rig.workers.set(0, "a", "1");
  ASSERT_TRUE(rig.until([&] { return rig.figures.last_write_failed.get() != 0; }));
  rig.writer.stop();
  ASSERT_TRUE(rig.until([&] { return rig.writer.is_off(); }, 100));
  EXPECT_EQ(rig.figures.last_write_failed.get(), 0);
}

TEST(AofWriter, TurnedOffThoughTheDirectoryCantBeSynced) {
  AofWriterRig rig;
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
  AofWriterRig rig({}, {}, /*loads=*/false);
  rig.writer.start_apart();
  rig.workers.set(0, "a", "1");
  rig.base.busy = true;
  rig.pass_ms(500);
  rig.writer.finish();
  ASSERT_TRUE(rig.until([&] { return rig.writer.is_off(); }, 100));
  EXPECT_FALSE(rig.files.manifest().has_data());
}

TEST(AofWriter, TheEndWaitsForADiskThatIsFullButNotForEver) {
  AofWriterRig rig;
  rig.disk.set_space(0);
  rig.workers.set(0, "a", "1");
  rig.pass_ms(1000);
  rig.writer.finish();
  rig.pass_ms(9'000);
  EXPECT_FALSE(rig.writer.is_off());
  rig.pass_ms(2'000);
  EXPECT_TRUE(rig.writer.is_off());

  AofWriterRig other;
  other.disk.set_space(0);
  other.workers.set(0, "a", "1");
  other.writer.finish();
  other.pass_ms(5'000);
  other.disk.set_space(UINT64_MAX);
  ASSERT_TRUE(other.until([&] { return other.writer.is_off(); }));
  EXPECT_EQ(other.journal().durable().value, 1U);
}

TEST(AofWriter, ASyncThatFailsAtTheEndIsTheEnd) {
  AofWriterRig rig({.fsync = Fsync::kNo});
  rig.workers.set(0, "a", "1");
  ASSERT_TRUE(rig.all_written());
  rig.disk.fail_call(rig.disk.calls() + 1, EIO);
  rig.writer.finish();
  ASSERT_TRUE(rig.until([&] { return rig.writer.is_off(); }, 100));
  EXPECT_EQ(rig.journal().durable().value, 0U);
}

TEST(AofWriter, TheEndTakesAllThatWasDrawn) {
  AofWriterRig rig;
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

TEST(AofWriter, TheEndWaitsForWhatAWorkerTookWithItButNotForEver) {
  AofWriterRig rig;
  rig.workers.set(0, "a", "1");
  rig.workers.begin(2, {{0, {"SET", "b", "1"}}});
  rig.writer.finish();
  rig.pass_ms(9'000);
  EXPECT_FALSE(rig.writer.is_off());
  rig.pass_ms(2'000);
  EXPECT_TRUE(rig.writer.is_off());
  EXPECT_EQ(rig.journal().durable().value, 1U);
}

TEST(AofWriter, AbandonedItIsOffSoonWhateverTheDisk) {
  AofWriterRig rig;
  rig.disk.set_space(0);
  rig.workers.set(0, "a", "1");
  rig.writer.request_rewrite();
  rig.pass_ms(1000);
  rig.writer.abandon();
  EXPECT_TRUE(rig.until([&] { return rig.writer.is_off(); }, 100));
}

}  // namespace
}  // namespace pollux
