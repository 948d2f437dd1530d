#include "storage/write_behind.h"

#include <algorithm>
#include <cstring>

#include "src/base/assert.h"

namespace pollux {

WriteBehind::WriteBehind(Disk& disk, const Options& options) : disk_(disk), options_(options) {
  POLLUX_ASSERT(options.blocks >= 2 && options.blocks <= disk.depth_max());
  POLLUX_ASSERT(options.block_bytes > 0 && options.block_bytes % Disk::kDirectAlign == 0);
}

WriteBehind::~WriteBehind() {
  close();
}

int WriteBehind::open(std::string_view name) {
  if (const int error = disk_.open(name, Disk::Mode::kNew, options_.cache, file_); error != 0) {
    file_ = Disk::kNoFile;
    return error;
  }
  static_assert(kReserveMax <= Disk::kDirectAlign);
  const size_t each = options_.block_bytes + Disk::kDirectAlign;
  memory_.reset(static_cast<char*>(std::aligned_alloc(Disk::kDirectAlign, each * options_.blocks)));
  POLLUX_ASSERT(memory_ != nullptr);
  blocks_.resize(options_.blocks);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    blocks_[i].bytes = memory_.get() + i * each;
  }
  free_ = blocks_.size();
  return 0;
}

void WriteBehind::close() {
  POLLUX_ASSERT(idle());
  if (file_ != Disk::kNoFile) {
    disk_.close(file_);
    file_ = Disk::kNoFile;
  }
}

// ---- bytes ----

uint64_t WriteBehind::bytes() const {
  return current_ == nullptr ? begun_ : begun_ + static_cast<uint64_t>(cursor_ - current_->bytes);
}

size_t WriteBehind::make_room() {
  if (current_ != nullptr && bytes() >= begun_ + options_.block_bytes) {
    end_block();
  }
  if (current_ == nullptr && free_ > 0) {
    begin_block();
  }
  // What the window has beyond the block's size is not promised.
  const size_t left = current_ == nullptr ? 0 : begun_ + options_.block_bytes - bytes();
  return left + free_ * options_.block_bytes;
}

// The window is short only where the block is full.
size_t WriteBehind::refill(size_t) {
  const size_t room = make_room();
  POLLUX_ASSERT(room > 0);
  return 0;
}

void WriteBehind::begin_block() {
  const auto block = std::find_if(blocks_.begin(), blocks_.end(), [](auto& b) { return b.free; });
  POLLUX_ASSERT(block != blocks_.end());  // more was written than there was room for
  block->free = false;
  --free_;
  current_ = &*block;
  cursor_ = block->bytes;
  limit_ = block->bytes + options_.block_bytes + kReserveMax;
}

void WriteBehind::end_block() {
  const char* const end = current_->bytes + options_.block_bytes;
  const auto beyond = static_cast<size_t>(cursor_ - end);
  write(options_.block_bytes);
  if (beyond > 0) {
    begin_block();
    std::memcpy(cursor_, end, beyond);
    cursor_ += beyond;
  }
}

// The current block, which is none then.
void WriteBehind::write(size_t bytes) {
  POLLUX_ASSERT(stage_ == Stage::kWriting);
  const auto token = static_cast<uint64_t>(current_ - blocks_.data());
  disk_.write(file_, begun_, {current_->bytes, bytes}, token);
  ++under_way_;
  begun_ += options_.block_bytes;
  current_ = nullptr;
  cursor_ = limit_ = nullptr;
}

// ---- the end ----

void WriteBehind::finish() {
  make_room();
  const uint64_t length = bytes();
  if (const auto rest = static_cast<size_t>(length - begun_); rest > 0) {
    const size_t padded = (rest + Disk::kDirectAlign - 1) / Disk::kDirectAlign * Disk::kDirectAlign;
    std::memset(cursor_, 0, padded - rest);
    write(padded);
  }
  begun_ = length;
  current_ = nullptr;
  stage_ = Stage::kFinishing;
  go_on();
}

// A sync covers what is complete when it begins.
void WriteBehind::go_on() {
  if (stage_ != Stage::kFinishing || !idle()) {
    return;
  }
  if (const int error = disk_.truncate(file_, begun_); error != 0) {
    fail("cut to its length", error);
    return;
  }
  stage_ = Stage::kSyncing;
  disk_.sync(file_, blocks_.size());
  ++under_way_;
}

void WriteBehind::ended(const Disk::Completion& completion) {
  --under_way_;
  const bool is_sync = completion.token == blocks_.size();
  if (!is_sync) {
    blocks_[completion.token].free = true;
    ++free_;
  }
  if (completion.result < 0) {
    fail(is_sync ? "synced" : "written", static_cast<int>(-completion.result));
  } else if (is_sync && stage_ == Stage::kSyncing) {
    stage_ = Stage::kDurable;
  }
  go_on();
}

void WriteBehind::fail(std::string_view what, int error) {
  if (error_ == 0) {
    error_ = error;
    failed_ = what;
  }
  stop();
}

}  // namespace pollux
