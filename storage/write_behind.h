// A new file, written from its beginning to its end through a ByteSink: while a block is filled,
// those before it are being written. One thread, that of the disk, whose completions it is told of.
// No clock.
//
//   open; then, as often as there is something to write:
//   make_room() and no more bytes than it says; or 0: poll the disk; ended(completion)
//   finish; until durable(): poll the disk; ended(completion)
//
// It takes `blocks` blocks of memory. Blocks are written whole, also the last one; the file is cut
// to its length behind that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "src/base/byte_sink.h"
#include "storage/disk.h"

namespace pollux {

class WriteBehind final : public ByteSink {
 public:
  struct Options {
    Disk::Cache cache = Disk::Cache::kDirect;
    size_t block_bytes = 1 << 20;  // a multiple of Disk::kDirectAlign
    size_t blocks = 4;             // at least 2, at most Disk::depth_max()
  };

  WriteBehind(Disk& disk, const Options& options);
  ~WriteBehind() override;  // Requires idle().

  // 0, or an errno. Once. Whatever the file was, it is empty then.
  int open(std::string_view name);

  // Hands full blocks to the disk. How many bytes may be written into this sink until the next
  // call; 0: none before a write has ended.
  size_t make_room();
  // That were written into this sink.
  uint64_t bytes() const;
  // No more bytes will come: writes the rest, then syncs.
  void finish();
  // Every byte, and the file's length. Its name is not.
  bool durable() const { return stage_ == Stage::kDurable; }

  // For each completion of the disk.
  void ended(const Disk::Completion& completion);
  // Why it will never be durable: an errno, of what failed first.
  int error() const { return error_; }
  // What the file could not be then: "written", "cut to its length" or "synced".
  std::string_view failed() const { return failed_; }

  // Nothing is under way.
  bool idle() const { return under_way_ == 0; }
  // Nothing more is begun.
  void stop() { stage_ = Stage::kStopped; }
  // Requires idle(). Also by the destructor.
  void close();

 private:
  enum class Stage : uint8_t { kWriting, kFinishing, kSyncing, kDurable, kStopped };
  // What is written beyond the block's size is moved to the next block: so there is always a window
  // of kReserveMax bytes, however few the block has left.
  struct Block {
    char* bytes = nullptr;
    bool free = true;
  };
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };

  size_t refill(size_t bytes) override;
  void begin_block();
  void end_block();
  void write(size_t bytes);
  void go_on();
  void fail(std::string_view what, int error);

  Disk& disk_;
  const Options options_;
  Disk::File file_ = Disk::kNoFile;
  Stage stage_ = Stage::kWriting;
  int error_ = 0;
  std::string_view failed_;

  std::unique_ptr<char[], Free> memory_;
  std::vector<Block> blocks_;
  Block* current_ = nullptr;  // that is filled: the window's; null: all are being written
  uint64_t begun_ = 0;        // bytes of the file before the current block
  size_t free_ = 0;           // blocks, without the current one
  size_t under_way_ = 0;      // writes, and the sync
};

}  // namespace pollux
