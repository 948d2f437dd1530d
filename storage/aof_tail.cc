#include "storage/aof_tail.h"

#include <cstring>
#include <utility>

#include "src/base/assert.h"

namespace pollux {

namespace {

uint64_t us_between(Instant from, Instant to) {
  return to.us > from.us ? static_cast<uint64_t>(to.us - from.us) : 0;  // clocks are set back
}

}  // namespace

AofTail::AofTail(Disk& disk, uint64_t token, size_t buffer_bytes, AofBlock& figures)
    : disk_(disk), token_(token), buffer_bytes_(buffer_bytes), figures_(figures) {}

AofTail::~AofTail() {
  POLLUX_ASSERT(!under_way());
}

void AofTail::open(Disk::File file, uint64_t offset, Ticket ticket) {
  POLLUX_ASSERT(file != Disk::kNoFile && (!is_open() || idle()));
  if (filling_.bytes == nullptr) {
    filling_.bytes = std::make_unique_for_overwrite<char[]>(buffer_bytes_);
    writing_.bytes = std::make_unique_for_overwrite<char[]>(buffer_bytes_);
  }
  file_ = file;
  disk_.work_here(file, here_);
  offset_ = synced_offset_ = offset;
  filling_.ticket = written_ = synced_ = ticket;
  write_error_ = sync_error_ = 0;
  uncovered_since_ = kNever;
}

void AofTail::close() {
  POLLUX_ASSERT(!under_way());
  file_ = Disk::kNoFile;
  filling_ = {};
  writing_ = {};
  offset_ = synced_offset_ = 0;
  write_error_ = sync_error_ = 0;
  uncovered_since_ = kNever;
}

// --- into the buffer ---

void AofTail::append(std::string_view bytes, Instant now) {
  POLLUX_ASSERT(is_open() && bytes.size() <= room());
  if (bytes.empty()) {
    return;
  }
  if (uncovered_since_ == kNever) {
    uncovered_since_ = now;
  }
  std::memcpy(filling_.bytes.get() + filling_.size, bytes.data(), bytes.size());
  filling_.size += bytes.size();
}

void AofTail::end_ticket(Ticket ticket) {
  filling_.ticket = ticket;
  settle();
}

// Tickets without bytes have nothing to wait for.
void AofTail::settle() {
  if (buffered_bytes() == 0) {
    written_ = filling_.ticket;
  }
  if (buffered_bytes() == 0 && unsynced_bytes() == 0) {
    synced_ = written_;
    uncovered_since_ = kNever;
  }
}

// --- to the disk ---

void AofTail::work_here(bool here) {
  here_ = here;
  if (is_open()) {
    disk_.work_here(file_, here);
  }
}

bool AofTail::write(Instant now) {
  if (write_under_way_ || buffered_bytes() == 0) {
    return false;
  }
  if (writing_.size == 0) {
    std::swap(filling_, writing_);
    filling_.ticket = writing_.ticket;
  }
  write_under_way_ = true;
  write_begun_ = now;
  disk_.write(file_, offset_, {writing_.bytes.get(), writing_.size}, token_);
  return true;
}

void AofTail::sync(Instant now) {
  POLLUX_ASSERT(!sync_under_way_ && is_open());
  sync_under_way_ = true;
  sync_begun_ = now;
  sync_bytes_ = offset_ - synced_offset_;
  covers_offset_ = offset_;
  covers_ = written_;
  uncovered_since_ = buffered_bytes() != 0 ? now : kNever;
  figures_.sync_under_way.set(1);
  disk_.sync(file_, token_ + 1);
}

bool AofTail::ended(const Disk::Completion& completion, Instant now) {
  if (completion.token == token_) {
    POLLUX_ASSERT(write_under_way_);
    write_ended(completion.result, now);
    return true;
  }
  if (completion.token == token_ + 1) {
    POLLUX_ASSERT(sync_under_way_);
    sync_ended(completion.result, now);
    return true;
  }
  return false;
}

void AofTail::write_ended(int64_t result, Instant now) {
  write_under_way_ = false;
  const uint64_t us = us_between(write_begun_, now);
  figures_.write_us.record(us);
  figures_.stalls.note(sync_under_way_                 ? DiskEvent::kWriteDuringSync
                       : figures_.rewriting.get() != 0 ? DiskEvent::kWriteDuringRewrite
                                                       : DiskEvent::kWrite,
                       static_cast<int64_t>(us), now.ms() / 1000);
  write_error_ = result < 0 ? static_cast<int>(-result) : 0;
  if (write_error_ != 0) {
    return;
  }
  POLLUX_ASSERT(result == static_cast<int64_t>(writing_.size));
  offset_ += writing_.size;
  writing_.size = 0;
  written_ = writing_.ticket;
  settle();
}

void AofTail::sync_ended(int64_t result, Instant now) {
  sync_under_way_ = false;
  sync_ended_ = now;
  figures_.sync_under_way.set(0);
  const uint64_t us = us_between(sync_begun_, now);
  figures_.sync_us.record(us);
  if (here_) {
    figures_.stalls.note(DiskEvent::kSync, static_cast<int64_t>(us), now.ms() / 1000);
  }
  sync_error_ = result < 0 ? static_cast<int>(-result) : 0;
  if (sync_error_ != 0) {
    figures_.syncs_failed.add(1);
    return;
  }
  figures_.syncs.add(1);
  synced_offset_ = covers_offset_;
  synced_ = covers_;
  settle();
}

}  // namespace pollux
