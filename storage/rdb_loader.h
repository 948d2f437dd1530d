// Loads an RDB file: reads it through a Disk, takes it apart, leaves out keys whose time is over,
// and hands the others to the owners of their shards, in batches through a LoadSink. A machine that
// is stepped: no thread of its own, no clock. One thread; the disk is its own while it works.
//
// Batches are a fixed number, so memory is bounded: by them, by the blocks of ReadAhead, and by
// twice the longest key with its value, in its window and in its batch. An owner that is slow holds
// the reader back. A record longer than a batch travels alone, and only one at a time.
//
// What is wrong with the file, or with a value that an owner could not build, ends it with a
// sentence for the log; nothing else does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/abi/control_page.h"
#include "src/base/types.h"
#include "storage/disk.h"
#include "storage/load_batch.h"
#include "storage/load_sink.h"
#include "storage/rdb_file_splitter.h"
#include "storage/read_ahead.h"

namespace pollux {

class RdbLoader {
 public:
  struct Options {
    std::string file;
    RdbFileSplitter::Options format;
    ReadAhead::Options reads;
    size_t batches = 0;  // 0: by the number of shards; more than there are shards
    size_t batch_bytes = LoadBatch::kBytes;
  };
  enum class Step : uint8_t {
    kAgain,
    kDone,    // every key is built
    kFailed,  // error() says why; empty after give_up
  };

  // `figures` is written here alone.
  RdbLoader(const Options& options, Disk& disk, LoadSink& sink, LoadBlock& figures);
  // Requires kDone or kFailed, and that who builds is gone or has given all batches back.
  ~RdbLoader() = default;
  RdbLoader(const RdbLoader&) = delete;
  RdbLoader& operator=(const RdbLoader&) = delete;

  // A piece of work, about as long as one block of the file takes. If there is none now, it waits
  // up to `wait_us` (as Disk::poll) for the disk and for batches that come back. `now`: what has
  // expired is decided by that of the first call.
  Step step(Instant now, int64_t wait_us);
  // The next steps only end what is under way.
  void give_up();

  const std::string& error() const { return error_; }

 private:
  enum class Stage : uint8_t { kStart, kReading, kBuilding, kEnding, kEnded };

  bool work(Instant now);
  void open(Instant now);
  bool read_on();
  bool take_parts();
  void end_of_window(RdbFileSplitter::Step step);
  void publish_keys();
  void finish();

  bool take_part(const RdbFileEvent& event);
  void take_aux(std::string_view name, std::string_view text);
  bool take_key(const RdbFileEvent& event);

  bool send_on(const LoadRecord& record);
  void send(ShardId shard);
  bool take_back();

  void fail(std::string_view sentence);
  void fail_to_read(std::string_view what, int error);
  void refuse(const LoadBatch& batch);
  void tell_progress(Instant now);

  const Options options_;
  Disk& disk_;
  LoadSink& sink_;
  LoadBlock& figures_;
  const size_t shards_;
  Stage stage_ = Stage::kStart;
  ReadAhead reads_;
  RdbFileSplitter splitter_;
  bool fed_ = false;         // the splitter has parts of the window to give
  bool part_waits_ = false;  // its last one, for a batch
  size_t used_ = 0;          // of the window that it had before
  bool done_ = false;
  Instant began_;
  int64_t told_ms_ = 0;  // when the log was told of progress
  std::string error_;
  uint64_t refused_at_ = UINT64_MAX;  // the byte of the record that error_ is about

  std::vector<std::unique_ptr<LoadBatch>> batches_;
  std::vector<LoadBatch*> free_;
  std::vector<LoadBatch*> filling_;  // by shard
  bool large_is_out_ = false;
  bool starved_ = false;  // a batch is missing to go on
  int64_t keys_empty_ = 0;
  int64_t libraries_ = 0;
  int64_t keys_loaded_ = 0;
  int64_t keys_expired_ = 0;
};

}  // namespace pollux
