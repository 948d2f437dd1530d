// The end of a file that is appended to: what is handed over is gathered in one buffer while the
// one before is being written, and everything goes to where it belongs, at a known offset. So a
// write that fails is written over: the same bytes, at the same place, when its owner says so. What
// a sync covers is what was written completely when it was begun.
//
// Everything is counted in two ways: bytes of the file, and tickets of the history, each of which
// counts as written (synced) when all bytes up to its end are. A ticket may have no bytes.
//
// One thread, that of the disk, whose completions it is told of. No clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "src/abi/control_page.h"
#include "src/base/types.h"
#include "storage/disk.h"

namespace pollux {

class AofTail {
 public:
  // Writes have `token`, syncs the one behind it.
  AofTail(Disk& disk, uint64_t token, size_t buffer_bytes, AofBlock& figures);
  ~AofTail();  // Requires that nothing is under way.
  AofTail(const AofTail&) = delete;
  AofTail& operator=(const AofTail&) = delete;

  // Goes on in this file, which is its owner's, behind `offset`. All up to `ticket` is durable,
  // wherever it stands. Requires idle(), or closed.
  void open(Disk::File file, uint64_t offset, Ticket ticket);
  // Leaves the file, and drops what is not written. Requires that nothing is under way.
  void close();
  bool is_open() const { return file_ != Disk::kNoFile; }

  // --- into the buffer ---
  // How many bytes it takes now.
  size_t room() const { return buffer_bytes_ - filling_.size; }
  void append(std::string_view bytes, Instant now);
  // All of that ticket was appended.
  void end_ticket(Ticket ticket);

  // --- to the disk ---
  bool write_under_way() const { return write_under_way_; }
  bool sync_under_way() const { return sync_under_way_; }
  bool under_way() const { return write_under_way_ || sync_under_way_; }
  // This thread has nothing else to do until writes and syncs have ended (Disk::work_here).
  void work_here(bool here);
  // Begins to write what there is, or what has failed, if there is any and no write is under way.
  bool write(Instant now);
  // Begins to make durable what is written. Requires that no sync is under way.
  void sync(Instant now);
  // For each completion of the disk; false if it is not one of these.
  bool ended(const Disk::Completion& completion, Instant now);

  // --- how far it is ---
  // Not yet written, or not completely.
  size_t buffered_bytes() const { return filling_.size + writing_.size; }
  uint64_t offset() const { return offset_; }  // written up to there
  uint64_t unsynced_bytes() const { return offset_ - synced_offset_; }
  // That no sync covers, neither one that has succeeded nor the one under way.
  uint64_t uncovered_bytes() const {
    return offset_ - (sync_under_way_ ? covers_offset_ : synced_offset_);
  }
  // When the oldest bytes came that no sync covers; INT64_MAX: there are none.
  Instant uncovered_since() const { return uncovered_since_; }
  // Nothing is under way, and all that was appended is durable.
  bool idle() const { return !under_way() && buffered_bytes() == 0 && unsynced_bytes() == 0; }
  Ticket written() const { return written_; }
  Ticket synced() const { return synced_; }
  // 0, or the errno of the last write; of the last sync. After a failed sync it is not known what
  // is durable, and all that can be done is to close.
  int write_error() const { return write_error_; }
  int sync_error() const { return sync_error_; }

  // When the sync under way was begun, or the last one; how long that one took; how many bytes it
  // covered.
  Instant sync_begun() const { return sync_begun_; }
  Instant sync_ended() const { return sync_ended_; }
  uint64_t sync_bytes() const { return sync_bytes_; }

  static constexpr Instant kNever{INT64_MAX};

 private:
  struct Buffer {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;
    Ticket ticket;  // the last that ends in it, or before
  };

  void write_ended(int64_t result, Instant now);
  void sync_ended(int64_t result, Instant now);
  void settle();

  Disk& disk_;
  const uint64_t token_;
  const size_t buffer_bytes_;
  AofBlock& figures_;
  Disk::File file_ = Disk::kNoFile;
  bool here_ = false;

  Buffer filling_;
  Buffer writing_;  // has bytes: under way, or failed
  bool write_under_way_ = false;
  int write_error_ = 0;
  Instant write_begun_;

  bool sync_under_way_ = false;
  int sync_error_ = 0;
  Instant sync_begun_;
  Instant sync_ended_;
  uint64_t sync_bytes_ = 0;
  uint64_t covers_offset_ = 0;  // the sync under way
  Ticket covers_;
  Instant uncovered_since_ = kNever;

  uint64_t offset_ = 0;
  uint64_t synced_offset_ = 0;
  Ticket written_;
  Ticket synced_;
};

}  // namespace pollux
