// Loads files: reads them through a Disk, one after the other, has them taken apart
// (load_feed.h) and hands what is in them to the owners of the shards, in batches through a
// LoadSink. A machine that is stepped: no thread of its own, no clock. One thread; the disk is its
// own while it works. Which files, and what is in them, say the classes that are made of it.
//
// Batches are a fixed number, so memory is bounded: by them, by the blocks of ReadAhead, and by
// twice the longest key with its value, or command, in its window and in its batch. An owner that
// is slow holds the reader back.
//
// What is wrong with a file, or with a value that an owner could not build, ends it with a sentence
// for the log; nothing else does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "src/abi/control_page.h"
#include "src/base/types.h"
#include "storage/disk.h"
#include "storage/load_batches.h"
#include "storage/load_feed.h"
#include "storage/load_sink.h"
#include "storage/read_ahead.h"

namespace pollux {

class FileLoader {
 public:
  enum class Step : uint8_t {
    kAgain,
    kDone,    // all that the files have is built
    kFailed,  // error() says why; empty after give_up
  };

  // Requires kDone or kFailed, and that who builds is gone or has given all batches back.
  virtual ~FileLoader() = default;
  FileLoader(const FileLoader&) = delete;
  FileLoader& operator=(const FileLoader&) = delete;

  // A piece of work, about as long as one block of the file takes. If there is none now, it waits
  // up to `wait_us` (as Disk::poll) for the disk and for batches that come back. `now`: what has
  // expired is decided by that of the first call.
  Step step(Instant now, int64_t wait_us);
  // The next steps only end what is under way.
  void give_up();
  // After kFailed, where those who build go on: waits up to `wait_us` for batches to come back.
  // True if all are.
  bool take_all_back(int64_t wait_us);

  const std::string& error() const { return error_; }

 protected:
  // `figures` is written here alone. `reads`, `batches`: see there.
  FileLoader(const ReadAhead::Options& reads, const LoadBatches::Options& batches, Disk& disk,
             LoadSink& sink, LoadBlock& figures);

  // --- what the classes above say ---
  // The file to be read now; empty: there is no further one, and all is built.
  virtual std::string next_file() = 0;
  virtual uint64_t total_bytes() const = 0;  // of all files, once the first is open
  // Who takes that file apart, from its first byte on.
  virtual LoadFeed& first_feed() = 0;
  // What `feed` had is built, and it said how it ended. Who takes apart what stands behind that;
  // null: the file is over. May fail().
  virtual LoadFeed* feed_behind(LoadFeed& feed, LoadFeed::Step end) = 0;
  virtual void finish() = 0;
  virtual std::string_view advice() const = 0;  // for a file that can't be read
  virtual std::string progress() const = 0;     // "N keys"

  LoadBatches& batches() { return batches_; }
  LoadBlock& figures() { return figures_; }
  const std::string& file() const { return file_; }
  Instant began() const { return began_; }
  // Of the present call.
  Instant now() const { return now_; }
  uint64_t file_bytes() const { return reads_->bytes(); }
  void fail(std::string_view sentence);

 private:
  enum class Stage : uint8_t { kStart, kReading, kBuilding, kClosing, kEnding, kEnded };

  bool work();
  void open();
  bool read_on();
  bool take();
  void end_of_feed();
  bool close();
  bool fail_if_refused();
  void fail_to_read(std::string_view what, int error);
  void tell_progress();

  const ReadAhead::Options read_options_;
  Disk& disk_;
  LoadBlock& figures_;
  LoadBatches batches_;
  Stage stage_ = Stage::kStart;
  std::string file_;
  uint64_t bytes_before_ = 0;  // of files that are done
  std::unique_ptr<ReadAhead> reads_;
  LoadFeed* feed_ = nullptr;
  LoadFeed::Step feed_end_ = LoadFeed::Step::kMore;
  bool fed_ = false;  // the feed has something of the window to give
  size_t used_ = 0;   // of the window that it had before
  bool begun_ = false;
  bool done_ = false;
  Instant began_;
  Instant now_;
  int64_t told_ms_ = 0;  // when the log was told of progress
  std::string error_;
};

}  // namespace pollux
