// Writes one RDB file from a SnapshotSource: asks it for a cut, takes what its shards send, and
// puts the file in its place when it is whole and durable. A machine that is stepped: no thread of
// its own, no clock. One thread; the disk is its own while it works.
//
// The file is made beside the one that it replaces. Under the final name stands the old file whole
// or the new file whole, whenever the machine dies; when step says kDone it is the new one, for
// good. Memory is that of WriteBehind and of the source's batches, which are held only while they
// can't be written: the window is full, or another lane is in the middle of a record
// (save_order.h, also why that ends).
//
// If it fails, or is given up, the source is cancelled, its batches go back, and the file that was
// begun is removed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "src/abi/control_page.h"
#include "src/base/types.h"
#include "storage/disk.h"
#include "storage/rdb_file_writer.h"
#include "storage/save_order.h"
#include "storage/snapshot_source.h"
#include "storage/write_behind.h"

namespace pollux {

class RdbSaver {
 public:
  struct Options {
    std::string temporary;  // the name while it is written
    // The name in the end. Empty: it keeps the temporary one, whose directory is not synced: who
    // asked for the file gives it its place.
    std::string name;
    std::string redis_version;  // that the file tells
    bool aof_base = false;      // the base of an append-only file
    // Somebody waits for it and is told how it ends, so that is no news of the background's: what
    // the figures say of the last save there stays.
    bool awaited = false;
    // After each key, so that tests meet a save in its middle (rdb-key-save-delay).
    int64_t key_delay_ns = 0;
    RdbFileWriter::Options format;
    WriteBehind::Options writes;
  };
  enum class Step : uint8_t {
    kAgain,
    kDone,
    kFailed,  // error() says why; empty after give_up
  };

  // `figures` is written here alone.
  RdbSaver(const Options& options, Disk& disk, SnapshotSource& source, SaveBlock& figures);
  // Requires kDone or kFailed.
  ~RdbSaver() = default;
  RdbSaver(const RdbSaver&) = delete;
  RdbSaver& operator=(const RdbSaver&) = delete;

  // A piece of work, about as long as one block of the file takes. If there is none now, it waits
  // up to `wait_us` (as Disk::poll) for the disk and for the source.
  Step step(Instant now, int64_t wait_us);
  // The next steps only end what is under way.
  void give_up();

  const std::string& error() const { return error_; }

 private:
  enum class Stage : uint8_t {
    kStart,
    kCutting,  // from here on the source was asked
    kDatabases,
    kWriting,
    kSyncing,  // all of the file was handed over; the source is at its end
    kGivingUp,
    kEnded,
  };

  bool work(Instant now);
  void start();
  bool take_cut();
  bool write_databases();
  bool write_batches(Instant now);
  bool next_batch(bool wake);
  bool write_some(size_t room, size_t& written);
  bool finish();
  int64_t rest_us(Instant now) const;
  void publish(Instant now);
  bool give_all_back(Instant now);
  void give_back(SaveBatch& batch);
  void end(Instant now);

  void fail(std::string_view sentence);
  void fail_to(std::string_view file, std::string_view what, int error, std::string_view advice);

  const Options options_;
  Disk& disk_;
  SnapshotSource& source_;
  SaveBlock& figures_;
  Stage stage_ = Stage::kStart;
  bool asked_ = false;  // the source, which is not yet at its end
  bool made_ = false;   // there is a file of the temporary name
  bool done_ = false;
  Instant began_;
  std::string error_;

  WriteBehind writes_;
  RdbFileWriter writer_;
  const SnapshotCut* cut_ = nullptr;
  size_t databases_ = 0;  // of the cut, that were written
  SaveOrder order_;
  SaveBatch* batch_ = nullptr;  // that is being written
  size_t batch_used_ = 0;       // bytes of it that are
  uint32_t batch_db_ = 0;       // that it began with
  uint64_t keys_ = 0;
  Instant rests_since_;  // nothing is written for rest_ns_ from here on
  int64_t rest_ns_ = 0;
};

}  // namespace pollux
