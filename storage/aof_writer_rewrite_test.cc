// Of the AofWriter: rewrites.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "storage/aof_writer.h"
#include "storage/aof_writer_rig.h"

namespace pollux {
namespace {

TEST(AofWriter, ARewriteGoesOnBehindTheCut) {
  AofWriterRig rig({.fsync = Fsync::kNo});
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

// As behind a load: a base that was cut before has none of it.
TEST(AofWriter, AHistoryOfOtherDataIsMadeAnewBehindTheRewriteUnderWay) {
  AofWriterRig rig({.fsync = Fsync::kAlways});
  rig.cuts = false;
  rig.writer.request_rewrite();
  ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
  const Ticket cut = rig.base.cut();
  rig.writer.request_anew(cut);
  rig.cuts = true;
  rig.step();
  EXPECT_EQ(rig.figures.in_force.get(), 0);
  ASSERT_TRUE(rig.until([&] { return rig.figures.in_force.get() != 0; }));
  EXPECT_EQ(rig.figures.rewrites_ended.get(), 2);
  rig.pass_ms(3'000);
  EXPECT_EQ(rig.figures.rewrites_begun.get(), 2);
}

TEST(AofWriter, ARewriteThatIsYetToBeCutIsOfTheOtherData) {
  AofWriterRig rig;
  rig.cuts = false;
  rig.writer.request_rewrite();
  ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
  rig.writer.request_anew(rig.journal().drawn());
  rig.cuts = true;
  ASSERT_TRUE(rig.until([&] { return rig.figures.in_force.get() != 0; }));
  rig.pass_ms(3'000);
  EXPECT_EQ(rig.figures.rewrites_begun.get(), 1);
}

TEST(AofWriter, AHistoryOfOtherDataIsMadeAnewUntilThatSucceeds) {
  AofWriterRig rig;
  rig.cuts = false;
  rig.writer.request_anew(rig.journal().drawn());
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
    rig.base.fail();
    ASSERT_TRUE(rig.until([&] { return rig.figures.rewrite_failures.get() == i; }));
    rig.pass_ms(900);
    EXPECT_FALSE(rig.base.wants_cut());
  }
  EXPECT_EQ(rig.figures.in_force.get(), 0);
  EXPECT_TRUE(rig.writer.owes_anew());
  rig.cuts = true;
  rig.pass_ms(61'000);  // as any that fails again and again
  EXPECT_EQ(rig.figures.in_force.get(), 1);
  EXPECT_EQ(rig.figures.rewrite_failures.get(), 0);
}

TEST(AofWriter, TurnedOffItOwesNothingAnew) {
  AofWriterRig rig;
  rig.cuts = false;
  rig.writer.request_anew(rig.journal().drawn());
  rig.writer.stop();
  ASSERT_TRUE(rig.until([&] { return rig.writer.is_off(); }));
  rig.writer.request_anew(rig.journal().drawn());
  rig.cuts = true;
  rig.writer.start_apart();
  ASSERT_TRUE(rig.until([&] { return rig.figures.in_force.get() != 0; }));
  rig.pass_ms(3'000);
  EXPECT_EQ(rig.figures.rewrites_begun.get(), 1);
}

// Who closes it while it is being closed means what came in between, too.
TEST(AofWriter, ToldTwiceToEndItHasAllUpToTheSecondTime) {
  AofWriterRig rig({.fsync = Fsync::kNo});
  rig.workers.set(0, "a", "1");
  rig.writer.stop();
  const Ticket last = rig.workers.set(0, "a", "2");
  rig.writer.stop();
  ASSERT_TRUE(rig.until([&] { return rig.writer.is_off(); }));
  EXPECT_EQ(rig.journal().durable(), last);
}

TEST(AofWriter, ARewriteWaitsForAnotherSave) {
  AofWriterRig rig;
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
  AofWriterRig rig;
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
  AofWriterRig rig;
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
  EXPECT_EQ(rig.figures.last_rewrite_failed.get(), 0);  // somebody gave it up
  rig.cuts = true;
  rig.base.held = false;
  rig.writer.request_rewrite();
  ASSERT_TRUE(rig.rewritten());
  EXPECT_EQ(rig.disk.seen().files.size(), 3U);
  EXPECT_EQ(rig.figures.rewrite_failures.get(), 0);
}

// The cut of a snapshot that has failed may still be on its way here when the next one is ordered.
TEST(AofWriter, TheCutOfAnotherSnapshotIsNone) {
  AofWriterRig rig;
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
  AofWriterRig rig;
  rig.disk.fail_call(rig.disk.calls() + 1, ENOSPC);
  rig.writer.request_rewrite();
  ASSERT_TRUE(rig.rewritten());
  EXPECT_EQ(rig.base.asked, 0);
  EXPECT_EQ(rig.writer.beginning(), AofWriter::Beginning::kFailed);
  EXPECT_EQ(rig.figures.last_rewrite_failed.get(), 1);
  EXPECT_EQ(rig.figures.rewrites_begun.get(), 0);
  EXPECT_EQ(rig.figures.rewrites_ended.get(), 0);
  rig.workers.set(0, "a", "1");
  EXPECT_TRUE(rig.all_durable());
}

TEST(AofWriter, GrowthBeginsARewriteAndFailuresDelayIt) {
  AofWriterRig rig({.fsync = Fsync::kNo, .rewrite_percentage = 100, .rewrite_bytes_min = 1000});
  rig.cuts = false;
  rig.workers.set(0, "a", std::string(2000, 'v'));
  rig.fail_bases(3);
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

TEST(AofWriter, ItIsToldHowARewriteBegins) {
  AofWriterRig rig;
  rig.base.busy = true;
  EXPECT_EQ(rig.writer.request_rewrite(), AofWriter::Rewrite::kBegun);
  EXPECT_EQ(rig.writer.beginning(), AofWriter::Beginning::kUnderWay);
  ASSERT_TRUE(rig.until([&] { return rig.base.asked > 0; }));
  EXPECT_EQ(rig.writer.beginning(), AofWriter::Beginning::kScheduled);
  EXPECT_EQ(rig.writer.request_rewrite(), AofWriter::Rewrite::kScheduled);
  rig.base.busy = false;
  rig.cuts = false;
  ASSERT_TRUE(rig.until([&] { return rig.base.wants_cut(); }));
  EXPECT_EQ(rig.writer.beginning(), AofWriter::Beginning::kStarted);
  EXPECT_EQ(rig.writer.request_rewrite(), AofWriter::Rewrite::kUnderWay);
}

// At its cut a rewrite has to end the file before, and this one never will be.
TEST(AofWriter, ARewriteLeavesAFileThatMayGrowNoMore) {
  AofWriterRig rig({.fsync = Fsync::kAlways});
  rig.workers.set(0, "a", "1");
  ASSERT_TRUE(rig.all_durable());
  rig.disk.fail_call(rig.disk.calls() + 1, EFBIG);
  rig.workers.set(0, "b", "2");
  ASSERT_TRUE(rig.until([&] { return rig.figures.last_write_failed.get() == 1; }));
  const Instant before = rig.clock.now();
  EXPECT_EQ(rig.writer.request_rewrite(), AofWriter::Rewrite::kBegun);
  ASSERT_TRUE(rig.until([&] { return !rig.writer.in_force(); }));
  EXPECT_TRUE(rig.writer.promises());
  EXPECT_EQ(rig.figures.last_write_failed.get(), 1);
  EXPECT_EQ(rig.journal().durable().value, 1U);
  ASSERT_TRUE(rig.all_durable());
  EXPECT_LT(rig.clock.now().us - before.us, 900'000);  // before the write is tried again
  EXPECT_TRUE(rig.writer.in_force());
  EXPECT_EQ(rig.figures.last_write_failed.get(), 0);
  EXPECT_EQ(rig.manifest(), "file f.2.base.aof seq 2 type b\nfile f.2.incr.aof seq 2 type i\n");
  EXPECT_EQ(rig.file("f.2.base.aof"), rig.history.base(2));
  rig.workers.set(0, "c", "3");
  ASSERT_TRUE(rig.all_durable());
  EXPECT_EQ(rig.file("f.2.incr.aof"), select(0) + set("c", "3"));
}

}  // namespace
}  // namespace pollux
