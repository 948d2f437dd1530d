// Servers that crash: at each call of the disk, again while they start on what is left, and with
// calls that fail. Whatever is left must have all that was durable.
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/base/num.h"
#include "src/base/rng.h"
#include "storage/aof_files.h"
#include "storage/aof_splitter.h"
#include "storage/sim_disk.h"

namespace pollux {
namespace {

using Image = SimDisk::Image;
using Step = AofFiles::Step;

constexpr uint64_t kFilesToken = 77;
constexpr uint64_t kOwnToken = 1;

// Change number n of a history: one command, of a length that crosses sectors now and then.
std::string change(uint64_t n) {
  const std::string number = std::to_string(n);
  const std::string text(n * 37 % 300, static_cast<char>('a' + n % 26));
  std::string bytes = "*3\r\n";
  for (const std::string& arg : {std::string("SET"), number, text}) {
    bytes += "$" + std::to_string(arg.size()) + "\r\n" + arg + "\r\n";
  }
  return bytes;
}

std::string changes(uint64_t from, uint64_t to) {
  std::string bytes;
  for (uint64_t n = from; n < to; ++n) {
    bytes += change(n);
  }
  return bytes;
}

// What a server does with its history: it appends changes 0, 1, 2, ..., and rewrites them, as
// commands, into a base. Which were told durable is known to whoever tests it.
class Server {
 public:
  enum class Forget : uint8_t { kNothing, kSyncBeforeSwitch, kSyncOfBase };

  Server(SimDisk& disk, uint64_t seed)
      : disk_(disk),
        files_({.names = {.directory = "d", .file = "f"}, .token = kFilesToken}, disk),
        rng_(seed) {}

  // The process ends between two steps when the disk has had so many calls.
  void kill_at_call(uint64_t number) { killed_at_ = number; }

  // False with error() if the start is refused or fails. `durable`: changes that must be there.
  bool start(uint64_t durable) {
    files_.open();
    if (!finish()) {
      return false;
    }
    uint64_t valid = 0;
    for (const AofFiles::Part& part : files_.parts()) {
      if (!load(part, &part == &files_.parts().back(), durable, valid)) {
        return false;
      }
    }
    if (issued_ < durable) {
      error_ = "changes are missing";
      return false;
    }
    files_.start(valid, "", false);
    if (!finish()) {
      return false;
    }
    offset_ = files_.incr().bytes;
    synced_ = issued_;
    return true;
  }

  // What is appended counts when it is in force.
  bool turn_off_and_on() {
    if (!sync()) {
      return false;
    }
    files_.stop();
    files_.start_apart();
    if (!finish()) {
      return false;
    }
    offset_ = 0;
    return publish(issued_, Forget::kNothing);
  }

  bool append(uint64_t count = 1) {
    if (disk_.calls() >= killed_at_) {
      return false;
    }
    const std::string bytes = changes(issued_, issued_ + count);
    const Disk::File file = files_.incr().file;
    disk_.write(file, offset_, bytes, kOwnToken);
    if (wait() != static_cast<int64_t>(bytes.size())) {
      return false;
    }
    offset_ += bytes.size();
    issued_ += count;
    return true;
  }

  bool sync() {
    const uint64_t covered = issued_;
    disk_.sync(files_.incr().file, kOwnToken);
    if (wait() != 0) {
      return false;
    }
    synced_ = covered;
    return true;
  }

  // False if the server has to give up: appending has failed. `forget`: a rule is broken.
  bool rewrite(Forget forget = Forget::kNothing) {
    files_.prepare_incr();
    if (!finish(/*appending=*/true)) {
      return !broken_;
    }
    if (!append() || (forget != Forget::kSyncBeforeSwitch && !sync())) {
      return false;
    }
    files_.switch_incr();
    if (!finish()) {
      return true;
    }
    offset_ = 0;
    return publish(issued_, forget);
  }

  uint64_t issued() const { return issued_; }
  uint64_t durable() const { return synced_; }
  const std::string& error() const { return error_; }
  AofFiles& files() { return files_; }

  // Ends the operation; where it may, appends meanwhile.
  bool finish(bool appending = false) {
    while (true) {
      const Step step = files_.step();
      if (step == Step::kDone) {
        return true;
      }
      if (step != Step::kWaiting && disk_.calls() >= killed_at_) {
        broken_ = true;
        return false;
      }
      if (step == Step::kFailed && (!files_.busy() || disk_.crashed())) {
        error_ = files_.error();
        EXPECT_FALSE(error_.empty());
        return false;
      }
      if (appending && !broken_ && rng_.below(3) == 0) {
        broken_ = !append();
      } else if (step == Step::kWaiting) {
        Disk::Completion completion;
        if (disk_.poll({&completion, 1}, -1) != 0) {
          EXPECT_EQ(completion.token, kFilesToken);
          files_.ended(completion);
        }
      }
    }
  }

 private:
  // A failure leaves a file apart nowhere, and there is no server to go on with.
  bool publish(uint64_t covered, Forget forget) {
    if (!append() || !write_base(covered, forget != Forget::kSyncOfBase)) {
      return false;
    }
    files_.publish_base(false);
    finish(/*appending=*/true);
    return !broken_ && files_.incr().file != Disk::kNoFile;
  }

  // The end of an operation of its own; those of the files are passed on.
  int64_t wait() {
    while (true) {
      Disk::Completion completion;
      if (disk_.poll({&completion, 1}, -1) == 0) {
        continue;
      }
      if (completion.token == kOwnToken) {
        return completion.result;
      }
      files_.ended(completion);
    }
  }

  bool read(const std::string& path, std::string& into) {
    Disk::File file = Disk::kNoFile;
    if (disk_.open(path, Disk::Mode::kRead, Disk::Cache::kSystem, file) != 0) {
      return false;
    }
    disk_.read(file, 0, into, kOwnToken);
    const bool done = wait() == static_cast<int64_t>(into.size());
    disk_.close(file);
    return done;
  }

  bool write_base(uint64_t covered, bool sync) {
    Disk::File file = Disk::kNoFile;
    if (disk_.open(files_.temp_base_path(), Disk::Mode::kNew, Disk::Cache::kSystem, file) != 0) {
      return false;
    }
    const std::string bytes = changes(0, covered);
    disk_.write(file, 0, bytes, kOwnToken);
    bool done = wait() == static_cast<int64_t>(bytes.size());
    if (done && sync) {
      disk_.sync(file, kOwnToken);
      done = wait() == 0;
    }
    disk_.close(file);
    return done;
  }

  // Each change must be the next; of the last file, what is not may only stand behind what is
  // durable, and is cut off: without a sync, bytes may be torn in the middle.
  bool load(const AofFiles::Part& part, bool last, uint64_t durable, uint64_t& valid) {
    std::string bytes(part.bytes, '\0');
    if (!read(part.path, bytes)) {
      error_ = part.path + " can't be read";
      return false;
    }
    AofSplitter splitter;
    splitter.feed(bytes, 0);
    AofSplitter::Step step;
    valid = 0;
    while ((step = splitter.next()) == AofSplitter::Step::kRecord) {
      const std::string expected = change(issued_);
      if (bytes.substr(valid, expected.size()) != expected) {
        if (parse_uint64(splitter.record().args[1]).value_or(issued_) != issued_) {
          error_ = part.path + " has a change that is another";
          return false;
        }
        step = AofSplitter::Step::kBroken;
        break;
      }
      ++issued_;
      valid += expected.size();
    }
    if (step != AofSplitter::Step::kEnd && (!last || issued_ < durable)) {
      error_ = part.path + " is cut off or damaged at " + std::to_string(valid);
      return false;
    }
    return true;
  }

  SimDisk& disk_;
  AofFiles files_;
  Rng rng_;
  uint64_t issued_ = 0;
  uint64_t synced_ = 0;
  uint64_t offset_ = 0;
  uint64_t killed_at_ = UINT64_MAX;
  bool broken_ = false;  // it has ended, or can't append
  std::string error_;
};

using Forget = Server::Forget;

// One life, up to its crash.
void live(Server& server, uint64_t seed, Forget forget) {
  Rng rng(seed);
  for (int round = 0; round < 6; ++round) {
    if (!server.append(1 + rng.below(4)) || (rng.below(2) != 0 && !server.sync()) ||
        !server.append()) {
      return;
    }
    if ((round % 2 == 1 && !server.rewrite(forget)) || (round == 4 && !server.turn_off_and_on())) {
      return;
    }
  }
  server.sync();
}

struct Outcome {
  Image image;
  uint64_t durable = 0;
};

// Starts on what a crash has left, lives, and crashes at the call; null if it was over before.
std::optional<Outcome> live_and_crash(const Outcome& from, uint64_t crash_at, uint64_t seed,
                                      Forget forget, size_t& refused,
                                      const SimDisk::Faults& faults = {}) {
  ManualClock clock{Instant{0}};
  SimDisk disk(seed, clock, from.image);
  disk.set_faults(faults);
  disk.crash_at_call(crash_at);
  Server server(disk, seed);
  uint64_t durable = from.durable;
  if (server.start(from.durable)) {
    live(server, seed, forget);
    durable = server.durable();
  } else if (!disk.crashed() && faults.names == 0) {
    ++refused;
  }
  if (!disk.crashed()) {
    if (forget == Forget::kNothing && faults.names == 0) {
      return {};
    }
    disk.crash();
  }
  return Outcome{disk.survivors(seed * 31 + crash_at), durable};
}

// A server that starts on what is there without faults; the changes it has.
uint64_t start_well(const Outcome& from, size_t& refused) {
  ManualClock clock{Instant{0}};
  SimDisk disk(1, clock, from.image);
  Server server(disk, 1);
  if (!server.start(from.durable)) {
    ++refused;
    return 0;
  }
  EXPECT_TRUE(server.append(3) && server.rewrite() && server.append(2) && server.sync());
  // Nothing is left but what is in force.
  const Image seen = disk.seen();
  EXPECT_EQ(seen.files.size(), 3U);
  EXPECT_EQ(server.files().manifest().history.size(), 0U);
  return server.issued();
}

// How often a server could not start after a crash. Crashes at each call, of the first life, of the
// one after the crash, and of the one after that.
size_t refusals(const Outcome& begin, Forget forget, uint64_t seeds) {
  size_t refused = 0;
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    for (uint64_t n = 1;; ++n) {
      const auto first = live_and_crash(begin, n, seed, forget, refused);
      if (!first || n == 250) {
        EXPECT_GT(n, 100U);
        break;
      }
      start_well(*first, refused);
      const uint64_t at = 1 + (n * 7 + seed) % 60;
      const auto second = live_and_crash(*first, at, seed + n, forget, refused);
      if (second) {
        start_well(*second, refused);
        const auto third = live_and_crash(*second, 1 + at % 17, seed, forget, refused);
        if (third) {
          start_well(*third, refused);
        }
      }
    }
  }
  return refused;
}

TEST(AofFilesCrash, WhateverIsLeftHasAllThatWasDurable) {
  EXPECT_EQ(refusals({}, Forget::kNothing, 5), 0U);
}

TEST(AofFilesCrash, FromTheSingleFileOfAnOldServer) {
  EXPECT_EQ(refusals({{.files = {{"f", changes(0, 9)}}}, 9}, Forget::kNothing, 2), 0U);
}

// With the files of a rewrite that never came into force, under the names of the next one.
TEST(AofFilesCrash, FromADirectoryOfRedis) {
  Outcome begin = {{.directories = {"d"}}, 9};
  begin.image.files = {{"d/f.manifest",
                        "file f.4.base.aof seq 4 type b\nfile f.7.incr.aof seq 7 type h\n"
                        "file f.8.incr.aof seq 8 type i\nfile f.9.incr.aof seq 9 type i\n"},
                       {"d/f.4.base.aof", changes(0, 5)},
                       {"d/f.7.incr.aof", changes(2, 4)},
                       {"d/f.8.incr.aof", ""},
                       {"d/f.9.incr.aof", changes(5, 9)},
                       {"d/f.5.base.aof", changes(0, 3)},
                       {"d/f.10.incr.aof", changes(3, 9)},
                       {"d/temp-f.base", changes(0, 8)},
                       {"d/temp-f.incr", changes(3, 8)},
                       {"d/temp-f.manifest", "file f.5.b"}};
  EXPECT_EQ(refusals(begin, Forget::kNothing, 2), 0U);
}

// A process ends, and what it has written is seen but not durable. The next one loads it, so it
// must be durable when that one has started.
TEST(AofFilesCrash, WhatAnotherProcessHasLeftIsMadeDurable) {
  size_t refused = 0;
  uint64_t kills = 0;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    for (uint64_t n = 1; n < 200; n += 1 + seed) {
      ManualClock clock{Instant{0}};
      SimDisk disk(seed, clock);
      uint64_t durable = 0;
      {
        Server killed(disk, seed);
        killed.kill_at_call(n);
        if (killed.start(0)) {
          live(killed, seed, Forget::kNothing);
        }
        durable = killed.durable();
      }
      Server next(disk, seed);
      ASSERT_TRUE(next.start(durable)) << next.error();
      ASSERT_TRUE(next.append() && next.sync());
      disk.crash();
      for (uint64_t outcome = 0; outcome < 3; ++outcome) {
        start_well({disk.survivors(outcome), next.durable()}, refused);
      }
      ++kills;
    }
  }
  EXPECT_EQ(refused, 0U);
  EXPECT_GT(kills, 300U);
}

TEST(AofFilesCrash, WhoForgetsASyncIsFound) {
  EXPECT_GT(refusals({}, Forget::kSyncBeforeSwitch, 1), 0U);
  EXPECT_GT(refusals({}, Forget::kSyncOfBase, 1), 0U);
}

TEST(AofFilesCrash, NothingIsLostThoughCallsFail) {
  const SimDisk::Faults faults = {
      .writes = 40, .syncs = 40, .names = 40, .stalls = 20, .fills = 60, .fill_us_max = 5000};
  size_t refused = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Outcome outcome;
    for (uint64_t life = 0; life < 4; ++life) {
      const auto next = live_and_crash(outcome, 20 + seed % 150, seed * 5 + life, Forget::kNothing,
                                       refused, faults);
      ASSERT_TRUE(next);
      outcome = *next;
      start_well(outcome, refused);
      ASSERT_EQ(refused, 0U) << "seed " << seed << " life " << life;
    }
  }
}

}  // namespace
}  // namespace pollux
