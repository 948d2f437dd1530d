// What the port promises, held to by every implementation.
#include "storage/disk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/disk_test_support.h"
#include "storage/sim_disk.h"
#include "storage/uring_disk.h"

namespace pollux {
namespace {

using Mode = Disk::Mode;
using Cache = Disk::Cache;

enum class Implementation : uint8_t { kUring, kUringTmpfs, kSim };

class DiskTest : public testing::TestWithParam<Implementation> {
 protected:
  void SetUp() override {
    if (GetParam() == Implementation::kSim) {
      disk_ = std::make_unique<SimDisk>(17, clock_);
    } else {
      const bool tmpfs = GetParam() == Implementation::kUringTmpfs;
      directory_.emplace(tmpfs ? "/dev/shm" : std::filesystem::temp_directory_path());
      if (!directory_->made()) {
        GTEST_SKIP() << "no directory can be made there";
      }
      std::string error;
      disk_ = UringDisk::create(error);
      ASSERT_NE(disk_, nullptr) << error;
    }
    calls_.emplace(*disk_);
  }

  // Until all of these operations, whose tokens count from 0, have ended; `out_max` at a time.
  std::vector<int64_t> wait_all(size_t count, size_t out_max = 8) {
    std::vector<int64_t> results(count, INT64_MIN);
    std::vector<Disk::Completion> out(out_max);
    for (size_t ended = 0; ended < count;) {
      const size_t n = disk_->poll(out, -1);
      for (size_t i = 0; i < n; ++i) {
        EXPECT_EQ(results.at(out[i].token), INT64_MIN) << "ended twice";
        results.at(out[i].token) = out[i].result;
      }
      ended += n;
    }
    return results;
  }

  std::optional<TemporaryDirectory> directory_;
  ManualClock clock_{Instant{0}};
  std::unique_ptr<Disk> disk_;
  std::optional<DiskCalls> calls_;
  Rng rng_{5};
};

TEST_P(DiskTest, WhatIsWrittenIsRead) {
  const Disk::File file = calls_->open("f", Mode::kNew);
  EXPECT_EQ(calls_->write(file, 0, "hello world"), 11);
  EXPECT_EQ(calls_->write(file, 6, "there"), 5);
  EXPECT_EQ(calls_->write(file, 3, ""), 0);
  EXPECT_EQ(calls_->size(file), 11U);
  std::string bytes(5, '\0');
  EXPECT_EQ(calls_->read(file, 6, bytes), 5);
  EXPECT_EQ(bytes, "there");
  EXPECT_EQ(calls_->read(file, 9, bytes), 2);
  EXPECT_EQ(bytes.substr(0, 2), "re");
  EXPECT_EQ(calls_->read(file, 11, bytes), 0);
  EXPECT_EQ(calls_->read(file, 1000, bytes), 0);
  EXPECT_EQ(calls_->read(file, 0, {}), 0);
  EXPECT_EQ(calls_->sync(file), 0);
  EXPECT_EQ(disk_->sync_directory("."), 0);
  disk_->close(file);
  EXPECT_EQ(calls_->contents("f"), "hello there");
}

TEST_P(DiskTest, ModesOfOpening) {
  EXPECT_EQ(calls_->open("f", Mode::kRead), Disk::kNoFile);
  EXPECT_EQ(calls_->error(), ENOENT);
  Disk::File file = calls_->open("f", Mode::kWrite);
  EXPECT_EQ(calls_->write(file, 0, "abc"), 3);
  disk_->close(file);
  file = calls_->open("f", Mode::kWrite);
  EXPECT_EQ(calls_->write(file, 1, "x"), 1);
  disk_->close(file);
  EXPECT_EQ(calls_->contents("f"), "axc");
  file = calls_->open("f", Mode::kNew);
  EXPECT_EQ(calls_->size(file), 0U);
  EXPECT_EQ(calls_->write(file, 0, "n"), 1);
  char c = 0;
  EXPECT_EQ(calls_->read(file, 0, {&c, 1}), 1);
  EXPECT_EQ(c, 'n');
  disk_->close(file);
}

TEST_P(DiskTest, Directories) {
  EXPECT_EQ(disk_->make_directory("d"), 0);
  EXPECT_EQ(disk_->make_directory("d"), 0);
  calls_->put("f", "1");
  calls_->put("d/g", "2");
  EXPECT_EQ(disk_->make_directory("f"), EEXIST);
  EXPECT_EQ(disk_->make_directory("no/d"), ENOENT);
  EXPECT_EQ(disk_->make_directory("f/d"), ENOTDIR);
  for (const Mode mode : {Mode::kRead, Mode::kWrite, Mode::kNew}) {
    for (const Cache cache : {Cache::kSystem, Cache::kDirect}) {
      EXPECT_EQ(calls_->open("d", mode, cache), Disk::kNoFile);
      EXPECT_EQ(calls_->error(), EISDIR);
      EXPECT_EQ(calls_->open("no/f", mode, cache), Disk::kNoFile);
      EXPECT_EQ(calls_->error(), ENOENT);
      EXPECT_EQ(calls_->open("f/g", mode, cache), Disk::kNoFile);
      EXPECT_EQ(calls_->error(), ENOTDIR);
      EXPECT_EQ(calls_->open("", mode, cache), Disk::kNoFile);
      EXPECT_EQ(calls_->error(), ENOENT);
    }
  }
  std::vector<std::string> names = {"what was there"};
  EXPECT_EQ(disk_->list(".", names), 0);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"d", "f"}));
  EXPECT_EQ(disk_->list("d", names), 0);
  EXPECT_EQ(names, (std::vector<std::string>{"g"}));
  EXPECT_EQ(disk_->list("no", names), ENOENT);
  EXPECT_EQ(disk_->list("f", names), ENOTDIR);
  EXPECT_EQ(disk_->sync_directory("d"), 0);
  EXPECT_EQ(disk_->sync_directory("no"), ENOENT);
  EXPECT_EQ(disk_->sync_directory("f"), ENOTDIR);
}

TEST_P(DiskTest, NamesChange) {
  calls_->put("a", "first");
  calls_->put("b", "second");
  const Disk::File old = calls_->open("b", Mode::kRead);
  EXPECT_EQ(disk_->rename("a", "b"), 0);
  EXPECT_EQ(calls_->contents("b"), "first");
  EXPECT_EQ(calls_->contents("a"), "error 2");
  std::string bytes(6, '\0');
  EXPECT_EQ(calls_->read(old, 0, bytes), 6);  // who has it open keeps it
  EXPECT_EQ(bytes, "second");
  disk_->close(old);
  EXPECT_EQ(disk_->rename("b", "b"), 0);
  EXPECT_EQ(disk_->rename("no", "b"), ENOENT);
  EXPECT_EQ(disk_->rename("b", "no/b"), ENOENT);
  EXPECT_EQ(disk_->make_directory("d"), 0);
  EXPECT_EQ(disk_->rename("b", "d"), EISDIR);
  EXPECT_EQ(disk_->rename("b", "d/b"), 0);
  EXPECT_EQ(calls_->contents("d/b"), "first");
  EXPECT_EQ(disk_->remove("d"), EISDIR);
  EXPECT_EQ(disk_->remove("d/b"), 0);
  EXPECT_EQ(disk_->remove("d/b"), ENOENT);
  EXPECT_EQ(calls_->contents("d/b"), "error 2");
}

TEST_P(DiskTest, SizesChange) {
  const Disk::File file = calls_->open("f", Mode::kNew);
  EXPECT_EQ(calls_->write(file, 0, "abcdef"), 6);
  EXPECT_EQ(disk_->truncate(file, 3), 0);
  EXPECT_EQ(disk_->truncate(file, 5), 0);
  EXPECT_EQ(calls_->write(file, 7, "x"), 1);
  disk_->close(file);
  EXPECT_EQ(calls_->contents("f"), std::string("abc\0\0\0\0x", 8));
}

TEST_P(DiskTest, LargePieces) {
  const std::string bytes = random_bytes((5 << 20) + 13, rng_);
  calls_->put("f", bytes);
  EXPECT_TRUE(calls_->contents("f") == bytes);
}

TEST_P(DiskTest, ManyInFlight) {
  constexpr size_t kPiece = 9000;
  const size_t depth = disk_->depth_max();
  ASSERT_GE(depth, 16U);
  const std::string bytes = random_bytes(kPiece * depth, rng_);
  const Disk::File file = calls_->open("f", Mode::kNew);
  for (size_t i = depth; i > 0; --i) {
    const size_t at = (i - 1) * kPiece;
    disk_->write(file, at, std::string_view(bytes).substr(at, kPiece), i - 1);
  }
  EXPECT_EQ(wait_all(depth), std::vector<int64_t>(depth, kPiece));
  std::string found(bytes.size(), '\0');
  for (size_t i = 0; i < depth; ++i) {
    disk_->read(file, i * kPiece, std::span(found).subspan(i * kPiece, kPiece), i);
  }
  EXPECT_EQ(wait_all(depth, 1), std::vector<int64_t>(depth, kPiece));
  EXPECT_TRUE(found == bytes);
  for (size_t i = 0; i < depth; ++i) {
    disk_->sync(file, i);
  }
  EXPECT_EQ(wait_all(depth, depth), std::vector<int64_t>(depth, 0));
  disk_->close(file);
}

TEST_P(DiskTest, PastTheCache) {
  constexpr size_t kAlign = Disk::kDirectAlign;
  AlignedBytes bytes(64 * kAlign);
  fill(bytes.span(), rng_);
  Disk::File file = calls_->open("f", Mode::kNew, Cache::kDirect);
  ASSERT_NE(file, Disk::kNoFile);
  EXPECT_EQ(calls_->write(file, 0, bytes.view()), static_cast<int64_t>(64 * kAlign));
  EXPECT_EQ(calls_->write(file, 64 * kAlign, bytes.view().substr(kAlign, kAlign)),
            static_cast<int64_t>(kAlign));
  EXPECT_EQ(disk_->truncate(file, 64 * kAlign + 77), 0);
  EXPECT_EQ(calls_->sync(file), 0);
  disk_->close(file);
  EXPECT_TRUE(calls_->contents("f") ==
              std::string(bytes.view()) + std::string(bytes.view().substr(kAlign, 77)));

  file = calls_->open("f", Mode::kRead, Cache::kDirect);
  AlignedBytes found(72 * kAlign);
  EXPECT_EQ(calls_->read(file, 0, found.span()), static_cast<int64_t>(64 * kAlign + 77));
  EXPECT_TRUE(found.view().substr(0, 64 * kAlign) == bytes.view());
  EXPECT_EQ(calls_->read(file, 64 * kAlign, found.span()), 77);
  EXPECT_EQ(calls_->read(file, 65 * kAlign, found.span()), 0);
  disk_->close(file);
}

TEST_P(DiskTest, PollWaitsAsLongAsItMay) {
  std::array<Disk::Completion, 4> out;
  EXPECT_EQ(disk_->poll(out, 0), 0U);
  EXPECT_EQ(disk_->poll(out, 2000), 0U);
  disk_->wake();
  EXPECT_EQ(disk_->poll(out, -1), 0U);
  EXPECT_EQ(disk_->poll(out, 2000), 0U);
  // Woken, but there is something, too.
  const Disk::File file = calls_->open("f", Mode::kNew);
  disk_->write(file, 0, "abc", 7);
  disk_->wake();
  size_t count = 0;
  while (count == 0) {
    count = disk_->poll(out, -1);
  }
  EXPECT_EQ(out[0].token, 7U);
  EXPECT_EQ(out[0].result, 3);
  disk_->close(file);
}

// Several files, any calls, against a map.
TEST_P(DiskTest, DoesAsAModelDoes) {
  constexpr size_t kNames = 4;
  std::map<std::string, std::string> model;
  for (int step = 0; step < 600; ++step) {
    const std::string name(1, static_cast<char>('a' + rng_.below(kNames)));
    const std::string other(1, static_cast<char>('a' + rng_.below(kNames)));
    const bool known = model.contains(name);
    switch (rng_.below(5)) {
      case 0:
      case 1: {
        const Disk::File file = calls_->open(name, Mode::kWrite);
        std::string& bytes = model[name];
        const size_t count = 1 + rng_.below(4);
        std::vector<std::string> pieces;
        for (size_t i = 0; i < count; ++i) {
          pieces.push_back(random_bytes(rng_.below(3000), rng_));
        }
        std::vector<int64_t> sizes;
        for (size_t i = 0; i < count; ++i) {
          disk_->work_here(file, rng_.below(2) == 0);
          disk_->write(file, bytes.size(), pieces[i], i);
          bytes += pieces[i];
          sizes.push_back(static_cast<int64_t>(pieces[i].size()));
        }
        EXPECT_EQ(wait_all(count), sizes);
        disk_->close(file);
        break;
      }
      case 2: {
        const Disk::File file = calls_->open(name, Mode::kWrite);
        const size_t size = rng_.below(model[name].size() + 1000);
        model[name].resize(size);
        EXPECT_EQ(disk_->truncate(file, size), 0);
        EXPECT_EQ(calls_->sync(file), 0);
        disk_->close(file);
        break;
      }
      case 3:
        EXPECT_EQ(disk_->remove(name), known ? 0 : ENOENT);
        model.erase(name);
        break;
      default:
        EXPECT_EQ(disk_->rename(name, other), known ? 0 : ENOENT);
        if (known && name != other) {
          model[other] = model[name];
          model.erase(name);
        }
        break;
    }
    ASSERT_TRUE(calls_->contents(name) == (model.contains(name) ? model[name] : "error 2"));
  }
  std::vector<std::string> names;
  EXPECT_EQ(disk_->list(".", names), 0);
  EXPECT_EQ(names.size(), model.size());
}

std::string name_of(const testing::TestParamInfo<Implementation>& info) {
  switch (info.param) {
    case Implementation::kUring:
      return "uring";
    case Implementation::kUringTmpfs:
      return "uring_tmpfs";
    case Implementation::kSim:
      break;
  }
  return "sim";
}

INSTANTIATE_TEST_SUITE_P(All, DiskTest,
                         testing::Values(Implementation::kUring, Implementation::kUringTmpfs,
                                         Implementation::kSim),
                         name_of);

}  // namespace
}  // namespace pollux
