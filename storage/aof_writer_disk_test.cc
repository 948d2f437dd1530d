// The history's writer with threads and a disk that are real: workers write in a closed loop, the
// storage thread sleeps where it may. A wake that is lost, or a change, ends the test.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "src/base/time.h"
#include "storage/aof_writer_test_support.h"
#include "storage/uring_disk.h"

namespace pollux {
namespace {


constexpr size_t kLanes = 2;

// Bases come from a thread of its own, too: cuts through a third lane.
class ThreadBase final : public AofBaseMaker {
 public:
  explicit ThreadBase(Journal& journal) : journal_(journal) {}

  bool order(const std::string& temporary) override {
    name_ = temporary;
    state_.store(State::kUnderWay, std::memory_order_relaxed);
    ordered_.store(true, std::memory_order_release);
    return true;
  }
  State state() const override { return state_.load(std::memory_order_acquire); }
  void give_up() override { given_up_.store(true, std::memory_order_relaxed); }
  bool is_rdb() const override { return false; }

  // The other thread's.
  void work(UringDisk& disk) {
    if (!ordered_.exchange(false, std::memory_order_acquire)) {
      return;
    }
    if (given_up_.exchange(false, std::memory_order_relaxed)) {
      state_.store(State::kFailed, std::memory_order_release);
      return;
    }
    JournalLane& lane = journal_.lane(WorkerId{kLanes});
    lane.begin(journal_.draw(), {});
    lane.mark_cut();
    lane.publish();
    journal_.tell_reader(lane);
    ++cuts;
    DiskCalls(disk).put(name_, "");
    state_.store(State::kDone, std::memory_order_release);
  }
  std::atomic<int> cuts{0};

 private:
  Journal& journal_;
  std::string name_;
  std::atomic<State> state_{State::kFailed};
  std::atomic<bool> ordered_{false};
  std::atomic<bool> given_up_{false};
};

// Every change that was told durable is in the files of the history, in its lane's order.
void check(AofFiles& files, Disk& disk, uint64_t (&next)[kLanes], size_t first) {
  DiskCalls calls(disk);
  for (size_t i = first; i < files.parts().size(); ++i) {
    const std::string bytes = calls.contents(files.parts()[i].path);
    AofSplitter splitter;
    splitter.feed(bytes, 0);
    AofSplitter::Step step;
    while ((step = splitter.next()) == AofSplitter::Step::kRecord) {
      const auto args = splitter.record().args;
      if (splitter.record().kind == AofRecord::Kind::kCommand && args[0] == "SET") {
        const auto lane = static_cast<size_t>(args[1][0] - '0');
        ASSERT_LT(lane, kLanes);
        const uint64_t n = parse_uint64(args[2]).value_or(0);
        // Those before the last base are gone.
        ASSERT_TRUE(n == next[lane] + 1 || next[lane] == 0) << n;
        next[lane] = n;
      }
    }
    ASSERT_EQ(step, AofSplitter::Step::kEnd);
  }
}

void live(Fsync fsync, uint64_t changes, bool rewrites,
          const std::filesystem::path& where = "/dev/shm") {
  TemporaryDirectory directory(where);
  ASSERT_TRUE(directory.made());
  std::string error;
  const auto disk = UringDisk::create(error);
  const auto base_disk = UringDisk::create(error);
  ASSERT_NE(disk, nullptr) << error;
  ASSERT_NE(base_disk, nullptr) << error;
  AofFiles files({.names = {}, .token = kFilesToken}, *disk);
  Journal journal(kLanes + 1);
  ThreadBase base(journal);
  AofBlock figures;
  AofWriter writer({.token = 1}, journal, *disk, files, base, figures);
  writer.set_options({.fsync = fsync, .timestamps = true, .rewrite_percentage = 0});
  std::atomic<bool> ends{false};
  Ticket all;
  std::thread storage([&] {
    files.open();
    EXPECT_TRUE(run(files, *disk));
    files.start(0, "", false);
    EXPECT_TRUE(run(files, *disk));
    writer.start();
    SystemClock clock;
    while (!ends.load(std::memory_order_relaxed)) {
      if (rewrites) {
        writer.request_rewrite();
      }
      writer.step(clock.now(), -1);
    }
    all = journal.drawn();  // a cut may come behind it, and waits there
    writer.finish();
    while (!writer.is_off()) {
      writer.step(clock.now(), -1);
    }
  });
  std::atomic<bool> stops{false};
  std::thread snapshots([&] {
    while (!stops.load(std::memory_order_relaxed)) {
      base.work(*base_disk);
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  });
  std::vector<std::thread> workers;
  for (size_t i = 0; i < kLanes; ++i) {
    workers.emplace_back([&, i] {
      SystemClock clock;
      JournalLane& lane = journal.lane(WorkerId{static_cast<uint16_t>(i)});
      for (uint64_t n = 1; n <= changes || (rewrites && base.cuts < 3); ++n) {
        const Ticket ticket = journal.draw();
        lane.begin(ticket, clock.now());
        lane.select(static_cast<uint32_t>(i));
        lane.append(resp({"SET", std::to_string(i), std::to_string(n)}));
        lane.publish();
        journal.tell_reader(lane);
        while (fsync == Fsync::kAlways && journal.durable() < ticket) {
          std::this_thread::yield();
        }
      }
    });
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  ends = true;
  disk->wake();
  storage.join();
  stops = true;
  snapshots.join();
  EXPECT_GE(journal.durable(), all);
  EXPECT_TRUE(journal.pending_bytes() == 0 || journal.durable() < journal.drawn());
  EXPECT_TRUE(!rewrites || base.cuts > 1);

  const auto own = UringDisk::create(error);  // a ring is one thread's
  ASSERT_NE(own, nullptr) << error;
  AofFiles found({.names = {}, .token = kFilesToken}, *own);
  found.open();
  ASSERT_TRUE(run(found, *own));
  uint64_t next[kLanes] = {};
  check(found, *own, next, 1);
  for (size_t i = 0; i < kLanes && !rewrites; ++i) {
    EXPECT_EQ(next[i], changes);
  }
}

TEST(AofWriterDisk, Always) {
  live(Fsync::kAlways, 2000, false);
}

TEST(AofWriterDisk, AlwaysWithRewrites) {
  live(Fsync::kAlways, 2000, true);
}

TEST(AofWriterDisk, AlwaysWhereSyncsTakeTime) {
  live(Fsync::kAlways, 10, false, std::filesystem::temp_directory_path());
}

TEST(AofWriterDisk, Everysec) {
  live(Fsync::kEverysec, 20'000, false);
}

TEST(AofWriterDisk, EverysecWithRewrites) {
  live(Fsync::kEverysec, 20'000, true);
}

}  // namespace
}  // namespace pollux
