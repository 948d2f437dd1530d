#include "storage/aof_files.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>
#include <string_view>

#include "storage/disk_test_support.h"
#include "storage/sim_disk.h"

namespace pollux {
namespace {

using Image = SimDisk::Image;
using Names = std::set<std::string>;
using Step = AofFiles::Step;

struct Machine {
  explicit Machine(const Image& image = {})
      : disk(1, clock, image),
        files({.names = {.directory = "d", .file = "f"}, .token = 7}, disk) {}

  // Until the operation is done, or has failed.
  bool run() {
    Step step;
    while ((step = files.step()) != Step::kDone && step != Step::kFailed) {
      Disk::Completion completion;
      if (step == Step::kWaiting && disk.poll({&completion, 1}, -1) != 0) {
        files.ended(completion);
      }
    }
    return step == Step::kDone;
  }
  bool open() {
    files.open();
    return run();
  }
  bool start(uint64_t last_part_bytes = UINT64_MAX) {
    if (!open()) {
      return false;
    }
    files.start(last_part_bytes, "REDIS", true);
    return run();
  }
  bool append(std::string_view bytes) {
    const auto size = static_cast<int64_t>(bytes.size());
    DiskCalls calls(disk);
    return calls.write(files.incr().file, calls.size(files.incr().file), bytes) == size &&
           calls.sync(files.incr().file) == 0;
  }
  bool next_incr() {
    files.prepare_incr();
    if (!run()) {
      return false;
    }
    files.switch_incr();
    return run();
  }
  bool publish(bool rdb = true) {
    DiskCalls(disk).put(files.temp_base_path(), "REDIS with all");
    files.publish_base(rdb);
    return run();
  }

  std::string manifest() { return DiskCalls(disk).contents("d/f.manifest"); }
  Names names() const {
    Names names;
    for (const auto& [name, bytes] : disk.seen().files) {
      names.insert(name);
    }
    return names;
  }

  ManualClock clock{Instant{0}};
  SimDisk disk;
  AofFiles files;
};

// What a server has left that was rewritten once.
Image used() {
  return {.files = {{"d/f.manifest",
                     "file f.2.base.rdb seq 2 type b\nfile f.2.incr.aof seq 2 type i\n"},
                    {"d/f.2.base.rdb", "REDIS 2"},
                    {"d/f.2.incr.aof", "incr 2"}},
          .directories = {"d"}};
}

TEST(AofFiles, ANewServerGetsABaseAndAnIncrementalFile) {
  Machine machine;
  ASSERT_TRUE(machine.open());
  EXPECT_TRUE(machine.files.parts().empty());
  EXPECT_EQ(machine.disk.seen(), Image());
  machine.files.start(0, "REDIS", true);
  ASSERT_TRUE(machine.run()) << machine.files.error();
  EXPECT_EQ(machine.files.incr().bytes, 0U);
  EXPECT_TRUE(machine.append("abc"));
  const Image expected = {.files = {{"d/f.manifest",
                                     "file f.1.base.rdb seq 1 type b\n"
                                     "file f.1.incr.aof seq 1 type i\n"},
                                    {"d/f.1.base.rdb", "REDIS"},
                                    {"d/f.1.incr.aof", "abc"}},
                          .directories = {"d"}};
  EXPECT_EQ(machine.disk.seen(), expected);
  EXPECT_FALSE(machine.files.busy());
  EXPECT_EQ(machine.files.step(), Step::kDone);
}

TEST(AofFiles, ABaseOfCommandsIsNamedSo) {
  Machine machine;
  ASSERT_TRUE(machine.open());
  machine.files.start(0, "", false);
  ASSERT_TRUE(machine.run());
  EXPECT_TRUE(machine.names().contains("d/f.1.base.aof"));
}

TEST(AofFiles, TellsWhatIsToBeLoadedAndGoesOnThere) {
  Image image = used();
  image.files["d/f.manifest"] += "file f.9.incr.aof seq 9 type i\n";
  image.files["d/f.9.incr.aof"] = "incr 9";
  Machine machine(image);
  ASSERT_TRUE(machine.open());
  const auto& parts = machine.files.parts();
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].path, "d/f.2.base.rdb");
  EXPECT_EQ(parts[0].bytes, 7U);
  EXPECT_EQ(parts[2].path, "d/f.9.incr.aof");
  machine.files.start(parts[2].bytes, "", true);
  ASSERT_TRUE(machine.run());
  EXPECT_EQ(machine.files.incr().bytes, 6U);
  EXPECT_TRUE(machine.append("+"));
  EXPECT_EQ(machine.disk.seen().files.at("d/f.9.incr.aof"), "incr 9+");
  EXPECT_EQ(machine.manifest(), image.files["d/f.manifest"]);
}

TEST(AofFiles, CutsTheLastPartToWhatCouldBeLoaded) {
  Machine machine(used());
  ASSERT_TRUE(machine.start(4));
  EXPECT_EQ(machine.files.incr().bytes, 4U);
  EXPECT_EQ(machine.disk.seen().files.at("d/f.2.incr.aof"), "incr");

  Image image = used();
  image.files["d/f.manifest"] = "file f.2.base.rdb seq 2 type b\n";
  Machine alone(image);
  ASSERT_TRUE(alone.start(5));
  EXPECT_EQ(alone.disk.seen().files.at("d/f.2.base.rdb"), "REDIS");
  EXPECT_EQ(alone.files.incr().bytes, 0U);
  EXPECT_EQ(alone.manifest(), "file f.2.base.rdb seq 2 type b\nfile f.1.incr.aof seq 1 type i\n");
}

TEST(AofFiles, StartsByDeletingWhatIsNoLongerNeeded) {
  Image image = used();
  image.files["d/f.manifest"] += "file f.1.base.rdb seq 1 type h\nfile gone seq 1 type h\n";
  for (const char* name : {"f.1.base.rdb", "temp-f.manifest", "temp-f.incr", "temp-f.base"}) {
    image.files["d/" + std::string(name)] = "old";
  }
  image.files["d/f.3.base.rdb"] = "of a rewrite that was not in force";
  image.files["d/notes"] = "somebody's";
  Machine machine(image);
  ASSERT_TRUE(machine.start());
  EXPECT_EQ(machine.names(), (Names{"d/f.manifest", "d/f.2.base.rdb", "d/f.2.incr.aof",
                                    "d/f.3.base.rdb", "d/notes"}));
  EXPECT_EQ(machine.manifest(), used().files["d/f.manifest"]);
}

// --- old servers ---

TEST(AofFiles, TheSingleFileOfAnOldServerBecomesTheBase) {
  Image half = {.files = {{"f", "old"}, {"d/f.manifest", "file f seq 1 type b\n"}},
                .directories = {"d"}};
  for (const Image& image : {Image{.files = {{"f", "old"}}},
                             Image{.files = {{"f", "old"}}, .directories = {"d"}}, half}) {
    Machine machine(image);
    ASSERT_TRUE(machine.open()) << machine.files.error();
    ASSERT_EQ(machine.files.parts().size(), 1U);
    EXPECT_EQ(machine.files.parts()[0].path, "d/f");
    EXPECT_EQ(machine.files.parts()[0].bytes, 3U);
    EXPECT_EQ(machine.manifest(), "file f seq 1 type b\n");
    machine.files.start(3, "", true);
    ASSERT_TRUE(machine.run());
    EXPECT_EQ(machine.names(), (Names{"d/f", "d/f.1.incr.aof", "d/f.manifest"}));
    ASSERT_TRUE(machine.next_incr() && machine.publish());
    EXPECT_EQ(machine.manifest(),
              "file f.2.base.rdb seq 2 type b\nfile f.2.incr.aof seq 2 type i\n");
  }
}

TEST(AofFiles, WithAHistoryASingleFileIsLeftAlone) {
  Image image = used();
  image.files["f"] = "old";
  Machine machine(image);
  ASSERT_TRUE(machine.start());
  EXPECT_EQ(machine.disk.seen(), image);
}

// --- refused ---

TEST(AofFiles, RefusesWhatWouldLoseData) {
  Image no_manifest = used();
  no_manifest.files.erase("d/f.manifest");
  Image no_part = used();
  no_part.files.erase("d/f.2.base.rdb");
  Image damaged = used();
  damaged.files["d/f.manifest"] += "x\n";
  Image empty = used();
  empty.files["d/f.manifest"] = "";
  const Image twice = {.files = {{"f", "1"}, {"d/f", "2"}}, .directories = {"d"}};
  struct Row {
    Image image;
    std::string_view start;
  };
  const Row rows[] = {
      {no_manifest, "d/f.2.base.rdb is there, but no d/f.manifest"},
      {no_part, "d/f.2.base.rdb is missing, but d/f.manifest names it"},
      {damaged, "d/f.manifest, line 3: \"x\" can't be understood"},
      {empty, "d/f.manifest: it is empty"},
      {twice, "both f and d/f are there"},
      {{.files = {{"d", ""}}}, "d can't be opened: Not a directory. Options dir"},
  };
  for (const Row& row : rows) {
    Machine machine(row.image);
    EXPECT_FALSE(machine.open());
    EXPECT_FALSE(machine.files.busy());
    EXPECT_TRUE(machine.files.error().starts_with(row.start)) << machine.files.error();
    EXPECT_EQ(machine.disk.seen(), row.image);
  }
}

// --- rewrites ---

TEST(AofFiles, ARewriteTakesThePlaceOfWhatWasBefore) {
  Machine machine(used());
  ASSERT_TRUE(machine.start());
  machine.files.prepare_incr();
  ASSERT_TRUE(machine.run());
  EXPECT_FALSE(machine.files.busy());
  EXPECT_TRUE(machine.append(" and more"));  // still to the old one
  EXPECT_EQ(machine.manifest(), used().files["d/f.manifest"]);
  machine.files.switch_incr();
  ASSERT_TRUE(machine.run());
  EXPECT_EQ(machine.files.incr().bytes, 0U);
  EXPECT_EQ(machine.manifest(), used().files["d/f.manifest"] + "file f.3.incr.aof seq 3 type i\n");
  EXPECT_TRUE(machine.append("abc"));
  EXPECT_EQ(machine.disk.seen().files.at("d/f.2.incr.aof"), "incr 2 and more");
  ASSERT_TRUE(machine.publish());
  const Image expected = {.files = {{"d/f.manifest",
                                     "file f.3.base.rdb seq 3 type b\n"
                                     "file f.3.incr.aof seq 3 type i\n"},
                                    {"d/f.3.base.rdb", "REDIS with all"},
                                    {"d/f.3.incr.aof", "abc"}},
                          .directories = {"d"}};
  EXPECT_EQ(machine.disk.seen(), expected);
  EXPECT_TRUE(machine.append("d"));
}

TEST(AofFiles, ARewriteThatIsNotFinishedLeavesAFurtherFile) {
  Machine machine(used());
  ASSERT_TRUE(machine.start() && machine.next_incr() && machine.next_incr());
  EXPECT_EQ(machine.files.manifest().incr.size(), 3U);
  ASSERT_TRUE(machine.publish(false));
  EXPECT_EQ(machine.names(), (Names{"d/f.manifest", "d/f.3.base.aof", "d/f.4.incr.aof"}));
}

TEST(AofFiles, APreparedFileCanBeGivenUp) {
  Machine machine(used());
  ASSERT_TRUE(machine.start());
  machine.files.prepare_incr();
  ASSERT_TRUE(machine.run());
  machine.files.give_up_incr();
  EXPECT_FALSE(machine.names().contains("d/f.3.incr.aof"));
  EXPECT_TRUE(machine.append("+") && machine.next_incr() && machine.publish());
}

TEST(AofFiles, WithoutSpaceAllStaysAsItWas) {
  Machine machine(used());
  ASSERT_TRUE(machine.start());
  const Image before = machine.disk.seen();
  uint64_t bytes = 0;
  for (const auto& [name, content] : before.files) {
    bytes += content.size();
  }
  machine.disk.set_space(bytes + 10);
  EXPECT_FALSE(machine.next_incr());
  EXPECT_EQ(machine.files.error(), "d/temp-f.manifest can't be written: No space left on device.");
  EXPECT_EQ(machine.files.error_number(), ENOSPC);
  EXPECT_FALSE(machine.files.busy());
  machine.disk.remove("d/temp-f.manifest");
  EXPECT_EQ(machine.disk.seen(), before);

  machine.disk.set_space(UINT64_MAX);
  ASSERT_TRUE(machine.next_incr());
  const std::string manifest = machine.manifest();
  machine.disk.set_space(bytes + manifest.size() + 20);
  EXPECT_FALSE(machine.publish());
  EXPECT_EQ(machine.manifest(), manifest);
  EXPECT_FALSE(machine.names().contains("d/f.3.base.rdb"));
  EXPECT_TRUE(machine.append("+"));

  machine.disk.set_space(UINT64_MAX);
  EXPECT_TRUE(machine.publish());
  EXPECT_EQ(machine.names(), (Names{"d/f.manifest", "d/f.3.base.rdb", "d/f.3.incr.aof"}));
}

// It is not known which manifest a crash would leave: nothing else can be done before that is.
TEST(AofFiles, ASyncOfTheDirectoryIsTriedAgain) {
  Machine machine(used());
  ASSERT_TRUE(machine.start());
  machine.files.prepare_incr();
  ASSERT_TRUE(machine.run());
  machine.files.switch_incr();
  machine.disk.fail_call(machine.disk.calls() + 2, EIO);
  EXPECT_FALSE(machine.run());
  EXPECT_TRUE(machine.files.busy());
  EXPECT_TRUE(
      machine.files.error().starts_with("d can't be synced: Input/output error. It is not "
                                        "certain"))
      << machine.files.error();
  EXPECT_TRUE(machine.run());
  EXPECT_FALSE(machine.files.busy());
  EXPECT_TRUE(machine.append("abc"));
  EXPECT_EQ(machine.disk.seen().files.at("d/f.3.incr.aof"), "abc");
}

TEST(AofFiles, StopsThoughTheDirectoryCantBeSynced) {
  Machine machine(used());
  ASSERT_TRUE(machine.start());
  machine.files.prepare_incr();
  ASSERT_TRUE(machine.run());
  machine.files.switch_incr();
  machine.disk.fail_call(machine.disk.calls() + 2, EIO);
  EXPECT_FALSE(machine.run());
  ASSERT_TRUE(machine.files.busy());
  machine.files.stop();
  EXPECT_FALSE(machine.files.busy());
  EXPECT_EQ(machine.files.incr().file, Disk::kNoFile);
  EXPECT_TRUE(machine.names().contains("d/f.3.incr.aof"));
  machine.files.start_apart();
  ASSERT_TRUE(machine.run() && machine.append("abc") && machine.publish());
  EXPECT_EQ(machine.names(), (Names{"d/f.manifest", "d/f.3.base.rdb", "d/f.4.incr.aof"}));
}

TEST(AofFiles, WhatCantBeDeletedIsDeletedLater) {
  Machine machine(used());
  ASSERT_TRUE(machine.start() && machine.next_incr());
  machine.disk.fail_call(machine.disk.calls() + 10, EACCES);  // after the manifest
  EXPECT_TRUE(machine.publish());
  EXPECT_EQ(machine.files.manifest().history.size(), 2U);
  EXPECT_TRUE(machine.names().contains("d/f.2.base.rdb"));
  ASSERT_TRUE(machine.next_incr() && machine.publish());
  EXPECT_EQ(machine.names(), (Names{"d/f.manifest", "d/f.4.base.rdb", "d/f.4.incr.aof"}));
}

// --- appendonly yes and no at run time ---

TEST(AofFiles, TurnedOnAtRunTimeItCountsWhenTheBaseIsThere) {
  for (const Image& image : {Image{}, used()}) {
    Machine machine(image);
    machine.files.start_apart();
    ASSERT_TRUE(machine.run()) << machine.files.error();
    EXPECT_TRUE(machine.append("abc"));
    EXPECT_TRUE(machine.names().contains("d/temp-f.incr"));
    EXPECT_FALSE(machine.files.manifest().has_data() && image == Image{});
    ASSERT_TRUE(machine.publish());
    const std::string base = image == Image{} ? "f.1.base.rdb" : "f.3.base.rdb";
    const std::string incr = image == Image{} ? "f.1.incr.aof" : "f.3.incr.aof";
    EXPECT_EQ(machine.names(), (Names{"d/f.manifest", "d/" + base, "d/" + incr}));
    EXPECT_TRUE(machine.append("d"));
    EXPECT_EQ(machine.disk.seen().files.at("d/" + incr), "abcd");
    EXPECT_TRUE(machine.next_incr() && machine.publish());
  }
}

TEST(AofFiles, TurnedOffItLeavesWhatIsInForce) {
  Machine machine(used());
  machine.files.start_apart();
  ASSERT_TRUE(machine.run());
  machine.files.stop();
  EXPECT_EQ(machine.files.incr().file, Disk::kNoFile);
  EXPECT_EQ(machine.disk.seen(), used());
  ASSERT_TRUE(machine.start());
  machine.files.prepare_incr();
  ASSERT_TRUE(machine.run());
  machine.files.stop();
  machine.disk.remove("d/temp-f.manifest");
  EXPECT_EQ(machine.disk.seen(), used());
}

TEST(AofFiles, APublishThatFailsEndsAFileApart) {
  Machine machine(used());
  machine.files.start_apart();
  ASSERT_TRUE(machine.run());
  machine.disk.fail_call(machine.disk.calls() + 4, EIO);  // open, write, rename; then of its file
  EXPECT_FALSE(machine.publish());
  EXPECT_FALSE(machine.files.busy());
  EXPECT_EQ(machine.files.incr().file, Disk::kNoFile);
  EXPECT_EQ(machine.disk.seen(), used());
  machine.files.start_apart();
  EXPECT_TRUE(machine.run() && machine.append("abc") && machine.publish());
}

TEST(AofFiles, TurningOnRefusesADamagedManifest) {
  Machine machine({.files = {{"d/f.manifest", "x\n"}}, .directories = {"d"}});
  machine.files.start_apart();
  EXPECT_FALSE(machine.run());
  EXPECT_TRUE(machine.files.error().starts_with("d/f.manifest, line 1")) << machine.files.error();
}

}  // namespace
}  // namespace pollux
