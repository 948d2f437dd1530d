#include "storage/uring_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <thread>

#include "storage/disk_test_support.h"

namespace pollux {
namespace {

class UringDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(directory_.made());
    std::string error;
    disk_ = UringDisk::create(error);
    ASSERT_NE(disk_, nullptr) << error;
  }

  TemporaryDirectory directory_{std::filesystem::temp_directory_path()};
  std::unique_ptr<UringDisk> disk_;
};

// Each round a thread hands over a number by wake alone; no wake may be lost.
TEST_F(UringDiskTest, AnyThreadWakes) {
  constexpr int kRounds = 2000;
  std::array<Disk::Completion, 4> out;
  std::atomic<int> asked{0};
  int handed = 0;  // written before wake, read after poll
  std::thread other([&] {
    for (int i = 1; i <= kRounds; ++i) {
      while (asked.load(std::memory_order_acquire) != i) {
        std::this_thread::yield();
      }
      handed = i;
      disk_->wake();
    }
  });
  for (int i = 1; i <= kRounds; ++i) {
    asked.store(i, std::memory_order_release);
    EXPECT_EQ(disk_->poll(out, -1), 0U);
    EXPECT_EQ(handed, i);
  }
  other.join();
}

// It may be made on one thread, used on another, and destroyed on a third.
TEST_F(UringDiskTest, TheFirstPollMakesTheUser) {
  std::thread user([this] {
    DiskCalls calls(*disk_);
    calls.put("f", "abc");
    EXPECT_EQ(calls.contents("f"), "abc");
  });
  user.join();
  disk_.reset();
}

// A limit within the write: the first request writes a part, and what is carried on tells why.
TEST_F(UringDiskTest, AShortWriteIsCarriedOn) {
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  AlignedBytes bytes(2 << 20);
  Rng rng(1);
  fill(bytes.span(), rng);
  DiskCalls calls(*disk_);
  for (const bool direct : {false, true}) {
    // Also within a block of ours, and of the device: what is left of a direct write fits neither.
    for (const rlim_t beyond : {0, 512, 100}) {
      const rlimit limit{(1U << 20) + beyond, before.rlim_max};
      const Disk::File file =
          calls.open("f", Disk::Mode::kNew, direct ? Disk::Cache::kDirect : Disk::Cache::kSystem);
      setrlimit(RLIMIT_FSIZE, &limit);
      EXPECT_EQ(calls.write(file, 0, bytes.view()), -EFBIG) << direct << ' ' << beyond;
      EXPECT_EQ(calls.write(file, 0, bytes.view()), -EFBIG) << "again";
      setrlimit(RLIMIT_FSIZE, &before);
      const uint64_t size = calls.size(file);
      EXPECT_LE(size, limit.rlim_cur);
      EXPECT_TRUE(direct || size == limit.rlim_cur);
      EXPECT_EQ(calls.write(file, 0, bytes.view()), int64_t{2} << 20) << "the limit is lifted";
      disk_->close(file);
      EXPECT_TRUE(calls.contents("f") == bytes.view());
    }
  }
  std::signal(SIGXFSZ, old_handler);
}

TEST_F(UringDiskTest, NewFilesMayBeReadByAll) {
  const mode_t before = umask(022);
  DiskCalls calls(*disk_);
  calls.put("f", "abc");
  EXPECT_EQ(disk_->make_directory("d"), 0);
  umask(before);
  struct stat status {};
  ASSERT_EQ(stat("f", &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0644U);
  ASSERT_EQ(stat("d", &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0755U);
}

TEST_F(UringDiskTest, AnErrorOfAnOperationIsItsResult) {
  DiskCalls calls(*disk_);
  calls.put("f", "abc");
  const Disk::File file = calls.open("f", Disk::Mode::kRead);
  EXPECT_EQ(calls.write(file, 0, "x"), -EBADF);
  disk_->close(file);
}

// Opening a pipe waits for its other end, and what is no file has no offsets.
TEST_F(UringDiskTest, OnlyFilesAreOpened) {
  ASSERT_EQ(mkfifo("pipe", 0600), 0);
  Disk::File file = Disk::kNoFile;
  for (const Disk::Mode mode : {Disk::Mode::kRead, Disk::Mode::kWrite, Disk::Mode::kNew}) {
    for (const Disk::Cache cache : {Disk::Cache::kSystem, Disk::Cache::kDirect}) {
      EXPECT_EQ(disk_->open("pipe", mode, cache, file), ESPIPE);
      EXPECT_EQ(disk_->open("/dev/null", mode, cache, file), ESPIPE);
    }
  }
}

TEST_F(UringDiskTest, NothingIsClosedWithOperationsUnderWay) {
  DiskCalls calls(*disk_);
  const Disk::File file = calls.open("f", Disk::Mode::kNew);
  EXPECT_DEATH(
      {
        disk_->write(file, 0, "abc", 1);
        disk_->close(file);
      },
      "under_way");
  disk_->close(file);
  EXPECT_DEATH(disk_->close(file), "");
}

}  // namespace
}  // namespace pollux
