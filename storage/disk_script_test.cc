#include "storage/disk_script.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "storage/disk_test_support.h"
#include "storage/sim_disk.h"

namespace pollux {
namespace {

using Image = SimDisk::Image;
using Step = DiskScript::Step;

struct Machine {
  explicit Machine(const Image& image = {}) : disk(1, clock, image) {}

  bool run() {
    Step step;
    while ((step = script.step()) != Step::kDone && step != Step::kFailed) {
      Disk::Completion completion;
      if (step == Step::kWaiting && disk.poll({&completion, 1}, -1) != 0) {
        script.ended(completion);
      }
    }
    return step == Step::kDone;
  }

  ManualClock clock{Instant{0}};
  SimDisk disk;
  DiskScript script{disk, 3};
};

TEST(DiskScript, DoesOneCallAfterTheOther) {
  Machine machine({.files = {{"old", "1234567"}}});
  std::string read;
  machine.script.make_directory("d");
  machine.script.sync_directory(".");
  machine.script.put("d/temp", "abc");
  machine.script.put("d/empty", "");
  machine.script.rename("d/temp", "d/f");
  machine.script.sync_file("old", 4);
  machine.script.sync_file("d/f");
  machine.script.remove("d/missing");
  machine.script.sync_directory("d");
  machine.script.read("d/f", 3, read);
  EXPECT_TRUE(machine.run()) << machine.script.what();
  EXPECT_EQ(machine.script.done(), machine.script.size());
  EXPECT_EQ(read, "abc");
  const Image expected = {.files = {{"old", "1234"}, {"d/f", "abc"}, {"d/empty", ""}},
                          .directories = {"d"}};
  EXPECT_EQ(machine.disk.seen(), expected);
  machine.disk.crash();
  EXPECT_EQ(machine.disk.survivors(1), expected);
}

TEST(DiskScript, OthersMayUseTheDiskMeanwhile) {
  Machine machine;
  machine.script.put("f", "abc");
  EXPECT_EQ(machine.script.step(), Step::kWaiting);
  EXPECT_EQ(machine.script.step(), Step::kWaiting);
  Disk::File file = Disk::kNoFile;
  ASSERT_EQ(machine.disk.open("g", Disk::Mode::kNew, Disk::Cache::kSystem, file), 0);
  machine.disk.write(file, 0, "xyz", 8);
  size_t others = 0;
  for (Step step = Step::kWaiting; others == 0 || step != Step::kDone;
       step = machine.script.step()) {
    Disk::Completion completion;
    if (machine.disk.poll({&completion, 1}, others == 0 || step == Step::kWaiting ? -1 : 0) == 0) {
      continue;
    }
    if (completion.token == 3) {
      machine.script.ended(completion);
    } else {
      ++others;
    }
  }
  EXPECT_EQ(machine.disk.seen().files.at("f"), "abc");
}

TEST(DiskScript, TriesTheFailedCallAgainFromItsBeginning) {
  // Each call of the disk that put makes fails once: open, write, sync; then the rename.
  Machine machine;
  machine.script.put("temp", "abc");
  machine.script.rename("temp", "f");
  for (const uint64_t call : {1, 3, 6, 10}) {
    machine.disk.fail_call(call, EDQUOT);
    EXPECT_FALSE(machine.run());
    EXPECT_EQ(machine.script.error(), EDQUOT);
    EXPECT_EQ(machine.script.done(), call == 10 ? 1U : 0U);
    EXPECT_EQ(machine.script.what(), call == 10 ? "temp can't be renamed to f: Disk quota exceeded"
                                                : "temp can't be written: Disk quota exceeded");
  }
  EXPECT_TRUE(machine.run());
  EXPECT_EQ(machine.disk.seen().files.at("f"), "abc");
}

TEST(DiskScript, SaysWhatCouldNotBeRead) {
  Machine machine({.files = {{"f", "abc"}}});
  std::string read;
  machine.script.read("f", 2, read);
  EXPECT_FALSE(machine.run());
  EXPECT_EQ(machine.script.what(), "f can't be read: File too large");
  machine.script.clear();
  EXPECT_TRUE(machine.run());
  machine.script.sync_file("missing");
  EXPECT_FALSE(machine.run());
  EXPECT_EQ(machine.script.error(), ENOENT);
  EXPECT_FALSE(machine.disk.seen().files.contains("missing"));
}

}  // namespace
}  // namespace pollux
