// A file from its beginning to its end, through windows: while one is looked at, the next blocks
// are being read. One thread, that of the disk, whose completions it is told of. No clock.
//
//   open; then, until there is a window, and again when one is done with:
//   while (!advance(used, bytes_min)) { poll the disk; ended(completion); }
//
// A window is what was left of the one before and the next block; only if that is more than
// kRestBytes, or not enough, are bytes copied together. So it takes `blocks` blocks of memory, and
// the longest window if that is longer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "storage/disk.h"
#include "storage/mapped_bytes.h"

namespace pollux {

class ReadAhead {
 public:
  struct Options {
    Disk::Cache cache = Disk::Cache::kSystem;
    size_t block_bytes = 1 << 20;  // a multiple of Disk::kDirectAlign
    size_t blocks = 4;             // at least 2, at most Disk::depth_max()
  };
  static constexpr size_t kRestBytes = 64 << 10;

  ReadAhead(Disk& disk, const Options& options);
  ~ReadAhead();  // Requires idle().
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // 0, or an errno. Once.
  int open(std::string_view name);
  // Of the file, as it was when it was opened.
  uint64_t bytes() const { return bytes_; }

  // Drops the first `used` bytes of the window, and makes one of at least `bytes_min` bytes, or of
  // all that the file has. False while bytes for it are missing; used counts once.
  bool advance(size_t used, size_t bytes_min);
  std::string_view window() const { return window_; }
  // Bytes of the file behind the window.
  uint64_t following() const { return bytes_ - taken_; }

  // For each completion of the disk.
  void ended(const Disk::Completion& completion);
  // Why there will be no further window: an errno; kCutOff: the file is shorter than it was.
  static constexpr int kCutOff = -1;
  int error() const { return error_; }

  // No read is under way.
  bool idle() const { return under_way_ == 0; }
  // No more reads are begun, and nobody looks at the window any more.
  void stop();

 private:
  // A block's bytes have kRestBytes of room before them, for what is left of the window before.
  struct Block {
    enum class State : uint8_t { kFree, kReading, kRead };
    char* bytes = nullptr;
    size_t size = 0;  // to be read, or read
    State state = State::kFree;
  };
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };

  void begin_reads();
  void append(Block& block);
  void release_current();

  Disk& disk_;
  const Options options_;
  Disk::File file_ = Disk::kNoFile;
  uint64_t bytes_ = 0;
  uint64_t asked_ = 0;  // bytes that reads were begun for
  uint64_t taken_ = 0;  // bytes that are in windows, up to the present one
  int error_ = 0;
  bool stopped_ = false;
  size_t under_way_ = 0;

  std::unique_ptr<char[], Free> memory_;
  std::vector<Block> blocks_;  // in a circle, in the order of the file
  size_t next_read_ = 0;
  size_t next_taken_ = 0;
  Block* current_ = nullptr;  // where the window stands; null: in long_, or nowhere
  MappedBytes long_;
  std::string_view window_;
};

}  // namespace pollux
