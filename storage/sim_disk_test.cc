#include "storage/sim_disk.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/disk_test_support.h"

namespace pollux {
namespace {

using Mode = Disk::Mode;
using Image = SimDisk::Image;

constexpr uint64_t kSeeds = 1000;

// One disk and its calls, and in the end the crash that every disk here has.
struct Machine {
  explicit Machine(uint64_t seed, const Image& image = {}) : disk(seed, clock, image) {}

  // All that this crash may leave, as far as these seeds show it.
  std::vector<Image> outcomes() {
    disk.crash();
    std::vector<Image> images;
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      images.push_back(disk.survivors(seed));
    }
    return images;
  }
  // Of one file; "-" where it is missing.
  std::set<std::string> outcomes_of(std::string_view name) {
    std::set<std::string> contents;
    for (const Image& image : outcomes()) {
      const auto it = image.files.find(name);
      contents.insert(it == image.files.end() ? "-" : it->second);
    }
    return contents;
  }

  ManualClock clock{Instant{0}};
  SimDisk disk;
  DiskCalls calls{disk};
};

std::string text(char c, size_t bytes) {
  return std::string(bytes, c);
}

using Texts = std::set<std::string>;

// ---- replacing a file: new bytes beside it, sync, rename, sync of the directory ----

enum class Forget : uint8_t { kNothing, kSync, kSyncDirectory };

// True if all went well.
bool replace(Disk& disk, std::string_view bytes, Forget forget) {
  DiskCalls calls(disk);
  const Disk::File file = calls.open("temp", Mode::kNew);
  if (file == Disk::kNoFile) {
    return false;
  }
  const size_t half = bytes.size() / 2;
  const bool written =
      calls.write(file, 0, bytes.substr(0, half)) == static_cast<int64_t>(half) &&
      calls.write(file, half, bytes.substr(half)) == static_cast<int64_t>(bytes.size() - half) &&
      (forget == Forget::kSync || calls.sync(file) == 0);
  disk.close(file);
  return written && disk.rename("temp", "f") == 0 &&
         (forget == Forget::kSyncDirectory || disk.sync_directory(".") == 0);
}

// How often the crash, at each call and by each seed, left what it must not. The last of eight
// runs is over before its crash.
size_t violations(Forget forget, uint64_t runs = 8, const SimDisk::Faults& faults = {}) {
  const std::string before = text('o', 1500);
  const std::string after = text('n', 2345);
  size_t wrong = 0;
  size_t finished = 0;
  for (uint64_t run = 0; run < runs; ++run) {
    Machine machine(run, {.files = {{"f", before}}});
    machine.disk.set_faults(faults);
    machine.disk.crash_at_call(run % 8 + 1);
    const bool done = replace(machine.disk, after, forget);
    EXPECT_FALSE(done && machine.disk.crashed());
    finished += done;
    for (const std::string& left : machine.outcomes_of("f")) {
      wrong += left != after && (done || left != before);
    }
  }
  EXPECT_GT(finished, 0U);
  EXPECT_LT(finished, runs / 2);
  return wrong;
}

TEST(SimDisk, ReplacedFilesAreWholeWhereverItCrashes) {
  EXPECT_EQ(violations(Forget::kNothing), 0U);
}

TEST(SimDisk, ReplacedFilesAreWholeThoughCallsFail) {
  const SimDisk::Faults faults = {
      .writes = 10, .syncs = 10, .names = 10, .stalls = 10, .fills = 10};
  EXPECT_EQ(violations(Forget::kNothing, 300, faults), 0U);
}

TEST(SimDisk, WhoForgetsASyncIsFound) {
  EXPECT_GT(violations(Forget::kSync), 0U);
  EXPECT_GT(violations(Forget::kSyncDirectory), 0U);
}

// ---- what a crash may leave ----

TEST(SimDisk, AWriteIsTornAtSectors) {
  Machine machine(1, {.files = {{"f", text('o', 1536)}}});
  const Disk::File file = machine.calls.open("f", Mode::kWrite);
  machine.calls.write(file, 0, text('n', 1536));
  Texts expected;
  for (const char a : {'o', 'n'}) {
    for (const char b : {'o', 'n'}) {
      for (const char c : {'o', 'n'}) {
        expected.insert(text(a, 512) + text(b, 512) + text(c, 512));
      }
    }
  }
  EXPECT_EQ(machine.outcomes_of("f"), expected);
}

TEST(SimDisk, AppendedBytesMayBeZeros) {
  Machine machine(1, {.files = {{"f", "abc"}}});
  const Disk::File file = machine.calls.open("f", Mode::kWrite);
  machine.calls.write(file, 3, "def");
  machine.calls.write(file, 6, "ghi");
  EXPECT_EQ(machine.outcomes_of("f"),
            (Texts{"abc", "abcdef", "abcdefghi", std::string("abc\0\0\0", 6),
                   std::string("abc\0\0\0\0\0\0", 9), std::string("abcdef\0\0\0", 9)}));
}

TEST(SimDisk, ATruncationMayHaveHappened) {
  Machine machine(1, {.files = {{"f", "abc"}, {"g", "abc"}}});
  const Disk::File file = machine.calls.open("f", Mode::kWrite);
  EXPECT_EQ(machine.disk.truncate(file, 1), 0);
  machine.calls.open("g", Mode::kNew);
  EXPECT_EQ(machine.outcomes_of("f"), (Texts{"abc", "a"}));
  EXPECT_EQ(machine.outcomes_of("g"), (Texts{"abc", ""}));
}

TEST(SimDisk, SyncedBytesStay) {
  Machine machine(1, {.files = {{"f", "abc"}}});
  const Disk::File file = machine.calls.open("f", Mode::kWrite);
  machine.calls.write(file, 1, "xyz");
  EXPECT_EQ(machine.disk.truncate(file, 3), 0);
  EXPECT_EQ(machine.calls.sync(file), 0);
  EXPECT_EQ(machine.outcomes_of("f"), (Texts{"axy"}));
}

// A sync says nothing of what ended after it had begun.
TEST(SimDisk, SyncCountsFromItsBeginning) {
  Machine machine(1, {.files = {{"f", "abc"}}});
  const Disk::File file = machine.calls.open("f", Mode::kWrite);
  machine.disk.write(file, 0, "xyz", 1);
  machine.disk.sync(file, 2);
  std::array<Disk::Completion, 4> out;
  for (size_t count = 0; count < 2;) {
    count += machine.disk.poll(out, -1);
  }
  EXPECT_EQ(machine.outcomes_of("f"), (Texts{"abc", "xyz"}));
}

TEST(SimDisk, WhatIsUnderWayMayHaveHappened) {
  Machine machine(1, {.files = {{"f", "abc"}}});
  const Disk::File file = machine.calls.open("f", Mode::kWrite);
  machine.disk.write(file, 0, "xyz", 1);
  EXPECT_EQ(machine.outcomes_of("f"), (Texts{"abc", "xyz"}));
  Disk::Completion completion;
  EXPECT_EQ(machine.disk.poll({&completion, 1}, -1), 1U);
  EXPECT_EQ(completion.result, -EIO);
  EXPECT_EQ(machine.disk.remove("f"), EIO);
  machine.disk.close(file);
}

TEST(SimDisk, NamesMayBeThereOrNot) {
  Machine machine(1, {.files = {{"a", "1"}, {"b", "2"}, {"c", "3"}}});
  machine.calls.put("new", "");
  EXPECT_EQ(machine.disk.make_directory("d"), 0);
  EXPECT_EQ(machine.disk.rename("a", "b"), 0);
  EXPECT_EQ(machine.disk.remove("c"), 0);
  std::set<std::string> seen;
  for (const Image& image : machine.outcomes()) {
    std::string names = image.directories.contains("d") ? "d/ " : "";
    for (const auto& [name, bytes] : image.files) {
      names += name + bytes + " ";
    }
    seen.insert(names);
  }
  Texts expected;  // each of four changes there or not
  for (const char* directory : {"", "d/ "}) {
    for (const char* renamed : {"a1 b2 ", "b1 "}) {
      for (const char* removed : {"c3 ", ""}) {
        for (const char* made : {"", "new "}) {
          expected.insert(std::string(directory) + renamed + removed + made);
        }
      }
    }
  }
  EXPECT_EQ(seen, expected);
}

TEST(SimDisk, SyncOfADirectoryIsOfThatDirectory) {
  Machine machine(1, {.directories = {"d"}});
  machine.calls.put("temp", "");
  machine.calls.put("d/temp", "");
  EXPECT_EQ(machine.disk.sync_directory("d"), 0);
  EXPECT_EQ(machine.disk.rename("temp", "d/f"), 0);
  EXPECT_EQ(machine.disk.sync_directory("."), 0);
  EXPECT_EQ(machine.outcomes_of("d/temp"), (Texts{""}));
  EXPECT_EQ(machine.outcomes_of("temp"), (Texts{"", "-"}));
  EXPECT_EQ(machine.outcomes_of("d/f"), (Texts{"", "-"}));
}

// Never under two names, and the old one does not come back.
TEST(SimDisk, ARenamedFileHasOneName) {
  Machine machine(1, {.directories = {"d"}});
  machine.calls.put("temp", "");
  EXPECT_EQ(machine.disk.rename("temp", "other"), 0);
  EXPECT_EQ(machine.disk.rename("other", "d/f"), 0);
  EXPECT_EQ(machine.disk.sync_directory("d"), 0);
  for (const Image& image : machine.outcomes()) {
    EXPECT_EQ(image.files.size(), 1U);
    EXPECT_TRUE(image.files.contains("d/f"));
  }
}

TEST(SimDisk, ALostDirectoryTakesItsFilesAlong) {
  Machine machine(1);
  EXPECT_EQ(machine.disk.make_directory("d"), 0);
  machine.calls.put("d/f", "");
  EXPECT_EQ(machine.disk.sync_directory("d"), 0);
  bool lost = false;
  for (const Image& image : machine.outcomes()) {
    EXPECT_EQ(image.files.contains("d/f"), image.directories.contains("d"));
    lost = lost || image.files.empty();
  }
  EXPECT_TRUE(lost);
}

// Any calls; once all is synced, a crash changes nothing.
TEST(SimDisk, WhatIsSyncedIsWhatIsSeen) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Machine machine(seed, {.directories = {"d"}});
    Rng rng(seed);
    const auto any_name = [&rng] {
      return std::string(rng.below(2) != 0 ? "d/" : "") + static_cast<char>('a' + rng.below(3));
    };
    for (int step = 0; step < 60; ++step) {
      const std::string name = any_name();
      const uint64_t what = rng.below(6);
      if (what == 0) {
        machine.disk.rename(name, any_name());
      } else if (what == 1) {
        machine.disk.remove(name);
      } else if (what == 2) {
        machine.disk.sync_directory(rng.below(2) != 0 ? "d" : ".");
      } else {
        const Disk::File file = machine.calls.open(name, Mode::kWrite);
        machine.calls.write(file, rng.below(2000), random_bytes(rng.below(2000), rng));
        if (what == 3) {
          machine.disk.truncate(file, rng.below(3000));
        } else if (what == 4) {
          machine.calls.sync(file);
        }
        machine.disk.close(file);
      }
    }
    for (const auto& [name, bytes] : machine.disk.seen().files) {
      const Disk::File file = machine.calls.open(name, Mode::kRead);
      EXPECT_EQ(machine.calls.sync(file), 0);
      machine.disk.close(file);
    }
    EXPECT_EQ(machine.disk.sync_directory("d"), 0);
    EXPECT_EQ(machine.disk.sync_directory("."), 0);
    const Image seen = machine.disk.seen();
    for (const Image& image : machine.outcomes()) {
      ASSERT_EQ(image, seen) << "seed " << seed;
    }
  }
}

TEST(SimDisk, TheNextMachineFindsWhatIsLeft) {
  Machine machine(1);
  EXPECT_TRUE(replace(machine.disk, "abc", Forget::kNothing));
  machine.disk.crash();
  Machine next(2, machine.disk.survivors(1));
  EXPECT_EQ(next.calls.contents("f"), "abc");
  EXPECT_EQ(next.disk.seen(), machine.disk.survivors(1));
  EXPECT_EQ(next.outcomes_of("f"), (Texts{"abc"}));
}

// ---- errors ----

TEST(SimDisk, ACallFailsByItsNumber) {
  Machine machine(1, {.files = {{"f", "abc"}}});
  machine.disk.fail_call(1, EMFILE);
  machine.disk.fail_call(3, EDQUOT);
  EXPECT_EQ(machine.calls.open("f", Mode::kWrite), Disk::kNoFile);
  EXPECT_EQ(machine.calls.error(), EMFILE);
  const Disk::File file = machine.calls.open("f", Mode::kWrite);
  EXPECT_EQ(machine.calls.write(file, 0, "xyz"), -EDQUOT);
  EXPECT_EQ(machine.calls.write(file, 0, "xyz"), 3);
  EXPECT_EQ(machine.disk.calls(), 4U);
  machine.disk.close(file);
}

// As Linux has it: the pages count as clean, readers see them, nobody will write them.
TEST(SimDisk, AFailedSyncLosesWhatALaterOneDoesNotTell) {
  Texts left;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Machine machine(seed, {.files = {{"f", "abc"}}});
    const Disk::File file = machine.calls.open("f", Mode::kWrite);
    EXPECT_EQ(machine.calls.write(file, 0, "xyz"), 3);
    machine.disk.fail_call(machine.disk.calls() + 1, EIO);
    EXPECT_EQ(machine.calls.sync(file), -EIO);
    EXPECT_EQ(machine.calls.sync(file), 0);
    machine.disk.close(file);
    EXPECT_EQ(machine.calls.contents("f"), "xyz");
    left.merge(machine.outcomes_of("f"));
  }
  EXPECT_EQ(left, (Texts{"abc", "xyz"}));
}

TEST(SimDisk, AFailedWriteMayHaveWrittenAnyPart) {
  Texts seen;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Machine machine(seed, {.files = {{"f", "abc"}}});
    const Disk::File file = machine.calls.open("f", Mode::kWrite);
    machine.disk.fail_call(2, EIO);
    EXPECT_EQ(machine.calls.write(file, 0, "xyz"), -EIO);
    machine.disk.close(file);
    seen.insert(machine.calls.contents("f"));
  }
  EXPECT_EQ(seen, (Texts{"abc", "xbc", "ayc", "abz", "xyc", "ayz", "xyz"}));
}

TEST(SimDisk, SpaceEndsAndComesBack) {
  Machine machine(1, {.files = {{"old", "12345"}}});
  machine.disk.set_space(10);
  const Disk::File file = machine.calls.open("f", Mode::kNew);
  EXPECT_EQ(machine.calls.write(file, 0, "abcdefgh"), -ENOSPC);
  EXPECT_EQ(machine.calls.size(file), 5U);
  EXPECT_EQ(machine.calls.write(file, 2, "xyz"), 3);  // what it has it may change
  EXPECT_EQ(machine.calls.write(file, 5, "f"), -ENOSPC);
  const Disk::File old = machine.calls.open("old", Mode::kRead);
  EXPECT_EQ(machine.disk.remove("old"), 0);
  EXPECT_EQ(machine.calls.write(file, 5, "f"), -ENOSPC);  // somebody has it open
  machine.disk.close(old);
  EXPECT_EQ(machine.calls.write(file, 5, "fghij"), 5);
  EXPECT_EQ(machine.calls.write(file, 10, "k"), -ENOSPC);
  machine.disk.set_space(11);
  EXPECT_EQ(machine.calls.write(file, 10, "k"), 1);
  machine.disk.close(file);
  EXPECT_EQ(machine.calls.contents("f"), "abxyzfghijk");
}

TEST(SimDisk, FullForAWhile) {
  Machine machine(1);
  machine.disk.set_faults({.fills = 1, .fill_us_max = 1000});
  const Disk::File file = machine.calls.open("f", Mode::kNew);
  EXPECT_EQ(machine.calls.write(file, 0, "abc"), -ENOSPC);
  machine.disk.set_faults({});
  machine.clock.advance_us(1000);
  EXPECT_EQ(machine.calls.write(file, 0, "abc"), 3);
  machine.disk.close(file);
}

TEST(SimDisk, StallsTakeTheirTime) {
  Machine machine(1);
  machine.calls.put("f", "abc");
  const int64_t usual_us = machine.clock.now().us;
  EXPECT_GT(usual_us, 0);
  EXPECT_LT(usual_us, 1000);
  machine.disk.set_faults({.stalls = 1, .stall_us_max = 1'000'000});
  machine.calls.put("f", "abc");
  EXPECT_GT(machine.clock.now().us, 50 * usual_us);
}

// All that a run does, told twice; another seed tells something else.
TEST(SimDisk, ItIsDecidedByTheSeed) {
  const auto run = [](uint64_t seed) {
    Machine machine(seed);
    machine.disk.set_faults({.writes = 5, .syncs = 5, .names = 10, .stalls = 10, .fills = 10});
    std::vector<int64_t> story;
    const Disk::File file = machine.calls.open("f", Mode::kNew);
    if (file == Disk::kNoFile) {
      return story;
    }
    const std::string bytes = text('x', 3000);
    for (uint64_t round = 0; round < 20; ++round) {
      for (uint64_t i = 0; i < 8; ++i) {
        machine.disk.write(file, (round * 8 + i) * 3000, bytes, i);
      }
      machine.disk.sync(file, 8);
      std::array<Disk::Completion, 16> out;
      for (size_t ended = 0; ended < 9;) {
        const size_t count = machine.disk.poll(out, -1);
        for (size_t i = 0; i < count; ++i) {
          story.push_back(static_cast<int64_t>(out[i].token));
          story.push_back(out[i].result);
        }
        ended += count;
      }
      story.push_back(machine.clock.now().us);
    }
    machine.disk.crash();
    for (const auto& [name, left] : machine.disk.survivors(seed).files) {
      story.push_back(static_cast<int64_t>(std::hash<std::string>()(name + left)));
    }
    return story;
  };
  EXPECT_EQ(run(3), run(3));
  EXPECT_NE(run(3), run(4));
}

// ---- rules of the port ----

TEST(SimDiskDeathTest, WhatIsUnderWayIsNotTouched) {
  Machine machine(1);
  const Disk::File file = machine.calls.open("f", Mode::kNew);
  std::string bytes = "abc";
  Disk::Completion out;
  EXPECT_DEATH(
      {
        machine.disk.write(file, 0, bytes, 1);
        bytes[1] = 'x';
        machine.disk.poll({&out, 1}, -1);
      },
      "copy");
  EXPECT_DEATH(
      {
        machine.disk.read(file, 0, bytes, 1);
        bytes[1] = 'x';
        machine.disk.poll({&out, 1}, -1);
      },
      "copy");
  EXPECT_DEATH(
      {
        machine.disk.sync(file, 1);
        machine.disk.close(file);
      },
      "under_way");
}

TEST(SimDiskDeathTest, RulesOfBeginning) {
  Machine machine(1);
  const Disk::File file = machine.calls.open("f", Mode::kNew);
  EXPECT_DEATH(
      {
        for (size_t i = 0; i <= machine.disk.depth_max(); ++i) {
          machine.disk.sync(file, i);
        }
      },
      "kDepthMax");
  const Disk::File direct = machine.calls.open("f", Mode::kWrite, Disk::Cache::kDirect);
  AlignedBytes bytes(2 * Disk::kDirectAlign);
  const std::string_view all = bytes.view();
  EXPECT_DEATH(machine.disk.write(direct, 0, all.substr(0, 100), 1), "aligned");
  EXPECT_DEATH(machine.disk.write(direct, 512, all, 1), "aligned");
  EXPECT_DEATH(machine.disk.read(direct, 0, bytes.span().subspan(512, 4096), 1), "aligned");
  const Disk::File reader = machine.calls.open("f", Mode::kRead);
  EXPECT_DEATH(machine.disk.write(reader, 0, "abc", 1), "writable");
  machine.disk.close(reader);
  EXPECT_DEATH(machine.disk.sync(reader, 1), "open");
}

TEST(SimDiskDeathTest, NobodyWaitsForEver) {
  Machine machine(1);
  Disk::Completion out;
  EXPECT_DEATH(machine.disk.poll({&out, 1}, -1), "INT64_MAX");
}

}  // namespace
}  // namespace pollux
