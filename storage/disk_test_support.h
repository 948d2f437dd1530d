// What the tests of disks share: a directory of its own as the working directory, and calls that
// wait for their completion.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/rng.h"
#include "storage/disk.h"

namespace pollux {

// Makes a new directory in `parent` the working directory, and removes it at the end.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::filesystem::path& parent)
      : before_(std::filesystem::current_path()) {
    std::string path = parent / "pollux-disk-XXXXXX";
    made_ = mkdtemp(path.data()) != nullptr;
    path_ = path;
    if (made_) {
      std::filesystem::current_path(path_);
    }
  }
  ~TemporaryDirectory() {
    std::filesystem::current_path(before_);
    if (made_) {
      std::filesystem::remove_all(path_);
    }
  }
  bool made() const { return made_; }

 private:
  std::filesystem::path before_;
  std::filesystem::path path_;
  bool made_ = false;
};

// Bytes at a multiple of kDirectAlign.
class AlignedBytes {
 public:
  explicit AlignedBytes(size_t size)
      : bytes_(static_cast<char*>(std::aligned_alloc(Disk::kDirectAlign, size))), size_(size) {}
  std::span<char> span() { return {bytes_.get(), size_}; }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  struct Free {
    void operator()(char* bytes) const { std::free(bytes); }
  };
  std::unique_ptr<char, Free> bytes_;
  size_t size_;
};

inline void fill(std::span<char> bytes, Rng& rng) {
  for (char& c : bytes) {
    c = static_cast<char>(rng.next());
  }
}

inline std::string random_bytes(size_t size, Rng& rng) {
  std::string bytes(size, '\0');
  fill(bytes, rng);
  return bytes;
}

// One call at a time; every other one by this thread, where the disk knows that.
class DiskCalls {
 public:
  explicit DiskCalls(Disk& disk) : disk_(disk) {}

  // kNoFile with error() if that fails.
  Disk::File open(std::string_view name, Disk::Mode mode,
                  Disk::Cache cache = Disk::Cache::kSystem) {
    Disk::File file = Disk::kNoFile;
    error_ = disk_.open(name, mode, cache, file);
    EXPECT_EQ(error_ == 0, file != Disk::kNoFile);
    return file;
  }
  int error() const { return error_; }

  int64_t read(Disk::File file, uint64_t offset, std::span<char> into) {
    disk_.read(file, offset, into, ++token_);
    return wait();
  }
  int64_t write(Disk::File file, uint64_t offset, std::string_view bytes) {
    disk_.work_here(file, ++token_ % 2 != 0);
    disk_.write(file, offset, bytes, token_);
    return wait();
  }
  int64_t sync(Disk::File file) {
    disk_.work_here(file, ++token_ % 2 != 0);
    disk_.sync(file, token_);
    return wait();
  }
  uint64_t size(Disk::File file) {
    uint64_t bytes = UINT64_MAX;
    EXPECT_EQ(disk_.size(file, bytes), 0);
    return bytes;
  }

  // All of a file, or the error.
  std::string contents(std::string_view name) {
    const Disk::File file = open(name, Disk::Mode::kRead);
    if (file == Disk::kNoFile) {
      return "error " + std::to_string(error_);
    }
    std::string bytes(size(file) + 1, '\0');
    const int64_t n = read(file, 0, bytes);
    EXPECT_EQ(n, static_cast<int64_t>(bytes.size() - 1));
    bytes.resize(n < 0 ? 0 : static_cast<size_t>(n));
    disk_.close(file);
    return bytes;
  }
  // Makes a file with these bytes; nothing is synced.
  void put(std::string_view name, std::string_view bytes) {
    const Disk::File file = open(name, Disk::Mode::kNew);
    ASSERT_NE(file, Disk::kNoFile);
    EXPECT_EQ(write(file, 0, bytes), static_cast<int64_t>(bytes.size()));
    disk_.close(file);
  }

 private:
  int64_t wait() {
    Disk::Completion completion;
    while (disk_.poll({&completion, 1}, -1) == 0) {
    }
    EXPECT_EQ(completion.token, token_);
    return completion.result;
  }

  Disk& disk_;
  uint64_t token_ = 0;
  int error_ = 0;
};

}  // namespace pollux
