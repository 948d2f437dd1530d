// With appendfsync always many clients share a sync. Clients that write again as soon as their
// change is durable, on a disk whose writes and syncs take a given time: how many syncs that takes,
// with and without a short wait for those that the last sync has released.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "storage/aof_writer_test_support.h"

namespace pollux {
namespace {

constexpr int64_t kWriteUs = 20;
constexpr int64_t kSyncUs = 1000;

// Bytes go nowhere.
class TimedDisk final : public Disk {
 public:
  TimedDisk(Disk& names, ManualClock& clock) : names_(names), clock_(clock) {}

  int open(std::string_view name, Mode mode, Cache cache, File& file) override {
    return names_.open(name, mode, cache, file);
  }
  void close(File file) override { names_.close(file); }
  int size(File file, uint64_t& bytes) override { return names_.size(file, bytes); }
  int truncate(File file, uint64_t bytes) override { return names_.truncate(file, bytes); }
  int rename(std::string_view from, std::string_view to) override {
    return names_.rename(from, to);
  }
  int remove(std::string_view name) override { return names_.remove(name); }
  int make_directory(std::string_view name) override { return names_.make_directory(name); }
  int list(std::string_view directory, std::vector<std::string>& names) override {
    return names_.list(directory, names);
  }
  int sync_directory(std::string_view directory) override {
    return names_.sync_directory(directory);
  }
  void read(File, uint64_t, std::span<char>, uint64_t) override {}
  void write(File, uint64_t, std::string_view bytes, uint64_t token) override {
    begin(kWriteUs, {.token = token, .result = static_cast<int64_t>(bytes.size())});
  }
  void sync(File, uint64_t token) override { begin(kSyncUs, {.token = token, .result = 0}); }
  size_t depth_max() const override { return names_.depth_max(); }
  size_t poll(std::span<Completion> out, int64_t wait_us) override {
    const auto first = std::min_element(under_way_.begin(), under_way_.end(),
                                        [](const auto& a, const auto& b) { return a.due < b.due; });
    const int64_t left = first == under_way_.end()
                             ? INT64_MAX
                             : std::max<int64_t>(first->due.us - clock_.now().us, 0);
    if (wait_us >= 0 && left > wait_us) {
      clock_.advance_us(wait_us);
      return 0;
    }
    clock_.advance_us(left);
    out[0] = first->completion;
    under_way_.erase(first);
    return 1;
  }
  void wake() override {}

 private:
  struct Operation {
    Instant due;
    Completion completion;
  };
  void begin(int64_t us, const Completion& completion) {
    under_way_.push_back({{clock_.now().us + us}, completion});
  }

  Disk& names_;
  ManualClock& clock_;
  std::vector<Operation> under_way_;
};

// Each client writes again `think_us` after its change was durable. Changes per second.
int64_t changes_per_second(size_t clients, int64_t think_us, int64_t gather_us_max) {
  ManualClock clock{Instant{1'000'000'000'000}};
  SimDisk names(1, clock);
  TimedDisk disk(names, clock);
  AofFiles files({.names = {.directory = "d", .file = "f"}, .token = kFilesToken}, disk);
  files.open();
  EXPECT_TRUE(run(files, disk));
  files.start(0, "", false);
  EXPECT_TRUE(run(files, disk));
  AofBlock figures;
  History history;
  Workers workers(4, clock, history, {});
  DiskShare unused(names);
  TestBase base(unused, workers, history);
  AofWriter writer({.token = 1}, workers.journal, disk, files, base, figures);
  writer.set_options({.fsync = Fsync::kAlways, .gather_us_max = gather_us_max});
  writer.start();
  struct Client {
    Instant at;
    Ticket waits_for;
  };
  std::vector<Client> all(clients);
  for (size_t i = 0; i < clients; ++i) {
    all[i].at = {clock.now().us + static_cast<int64_t>(i) * 1900 / static_cast<int64_t>(clients)};
  }
  const Instant end{clock.now().us + 1'000'000};
  while (clock.now() < end) {
    for (Client& client : all) {
      if (client.waits_for != Ticket{} && client.waits_for <= workers.journal.durable()) {
        client = {{clock.now().us + think_us}, {}};
      }
      if (client.waits_for == Ticket{} && client.at <= clock.now()) {
        client.waits_for = workers.set(0, "k", "v");
      }
    }
    writer.step(clock.now(), 10);
  }
  const auto changes = static_cast<int64_t>(workers.journal.durable().value);
  writer.abandon();
  while (!writer.is_off()) {
    writer.step(clock.now(), 1000);
  }
  return changes;
}

TEST(AofGather, WithoutItHalfGroupsTakeTurns) {
  const int64_t changes = changes_per_second(64, 50, 0);
  // A client gets one change in two syncs.
  EXPECT_LT(changes, 64 * 1'000'000 / (2 * kSyncUs) * 11 / 10);
}

TEST(AofGather, WithItTheyMeet) {
  const int64_t changes = changes_per_second(64, 50, 200);
  EXPECT_GT(changes, 64 * 1'000'000 / (kSyncUs + 200));
}

// Who comes back late is not waited for, beyond the time that was said.
TEST(AofGather, ItNeverCostsMoreThanItsTime) {
  const int64_t without = changes_per_second(64, 5000, 0);
  const int64_t with = changes_per_second(64, 5000, 200);
  EXPECT_GT(with, without * 1'000'000 / (1'000'000 + 200 * 1000));
}

TEST(AofGather, OneClientWaitsForNobody) {
  const int64_t without = changes_per_second(1, 50, 0);
  const int64_t with = changes_per_second(1, 50, 200);
  EXPECT_GE(with * 100, without * 99);
}

}  // namespace
}  // namespace pollux
