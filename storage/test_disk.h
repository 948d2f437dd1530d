// For tests: files in memory that are only read. Reads end in an order drawn by a seed, or not
// until they are let go.
#pragma once

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/assert.h"
#include "src/base/rng.h"
#include "storage/disk.h"

namespace pollux {

class TestDisk final : public Disk {
 public:
  explicit TestDisk(uint64_t seed = 1) : rng_(seed) {}

  std::map<std::string, std::string, std::less<>> files;
  bool stalled = false;  // no read ends
  int64_t fails = 0;     // reads end with this, if not 0
  int open_error = 0;
  size_t reads = 0;      // that were begun
  size_t closed = 0;
  size_t woken = 0;

  int open(std::string_view name, Mode mode, Cache, File& file) override {
    POLLUX_ASSERT(mode == Mode::kRead);
    if (open_error != 0) {
      return open_error;
    }
    const auto found = files.find(name);
    if (found == files.end()) {
      return ENOENT;
    }
    open_.push_back(found->first);
    file = static_cast<File>(open_.size());
    return 0;
  }
  void close(File) override { ++closed; }
  int size(File file, uint64_t& bytes) override {
    bytes = files[open_[file - 1]].size();
    return 0;
  }
  int truncate(File, uint64_t) override { return EROFS; }
  int rename(std::string_view, std::string_view) override { return EROFS; }
  int remove(std::string_view) override { return EROFS; }
  int make_directory(std::string_view) override { return EROFS; }
  int list(std::string_view, std::vector<std::string>&) override { return ENOSYS; }
  int sync_directory(std::string_view) override { return EROFS; }

  void read(File file, uint64_t offset, std::span<char> into, uint64_t token) override {
    ++reads;
    under_way_.push_back({file, offset, into, token});
  }
  void write(File, uint64_t, std::string_view, uint64_t) override { POLLUX_ASSERT(false); }
  void sync(File, uint64_t) override { POLLUX_ASSERT(false); }
  size_t depth_max() const override { return 64; }

  size_t poll(std::span<Completion> out, int64_t) override {
    size_t count = 0;
    while (!stalled && count < out.size() && !under_way_.empty() && rng_.below(4) != 0) {
      const auto pick = under_way_.begin() + static_cast<std::ptrdiff_t>(
                                                 rng_.below(under_way_.size()));
      const std::string& bytes = files[open_[pick->file - 1]];
      int64_t result = fails;
      if (fails == 0 && pick->offset < bytes.size()) {
        result = static_cast<int64_t>(
            bytes.copy(pick->into.data(), pick->into.size(), pick->offset));
      }
      out[count++] = {pick->token, result};
      under_way_.erase(pick);
    }
    return count;
  }
  void wake() override { ++woken; }

 private:
  struct Read {
    File file;
    uint64_t offset;
    std::span<char> into;
    uint64_t token;
  };

  Rng rng_;
  std::vector<std::string> open_;
  std::vector<Read> under_way_;
};

}  // namespace pollux
