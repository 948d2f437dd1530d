#include "storage/read_ahead.h"

#include <algorithm>

#include "src/base/assert.h"

namespace pollux {

ReadAhead::ReadAhead(Disk& disk, const Options& options) : disk_(disk), options_(options) {
  POLLUX_ASSERT(options.blocks >= 2 && options.blocks <= disk.depth_max());
  POLLUX_ASSERT(options.block_bytes > 0 && options.block_bytes % Disk::kDirectAlign == 0);
  static_assert(kRestBytes % Disk::kDirectAlign == 0);
}

ReadAhead::~ReadAhead() {
  POLLUX_ASSERT(idle());
  if (file_ != Disk::kNoFile) {
    disk_.close(file_);
  }
}

int ReadAhead::open(std::string_view name) {
  if (const int error = disk_.open(name, Disk::Mode::kRead, options_.cache, file_); error != 0) {
    file_ = Disk::kNoFile;
    return error;
  }
  if (const int error = disk_.size(file_, bytes_); error != 0) {
    return error;
  }
  const size_t each = kRestBytes + options_.block_bytes;
  memory_.reset(static_cast<char*>(std::aligned_alloc(Disk::kDirectAlign, each * options_.blocks)));
  POLLUX_ASSERT(memory_ != nullptr);
  blocks_.resize(options_.blocks);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    blocks_[i].bytes = memory_.get() + i * each + kRestBytes;
  }
  begin_reads();
  return 0;
}

void ReadAhead::begin_reads() {
  while (!stopped_ && error_ == 0 && asked_ < bytes_) {
    Block& block = blocks_[next_read_];
    if (block.state != Block::State::kFree) {
      return;
    }
    block.state = Block::State::kReading;
    block.size = static_cast<size_t>(std::min<uint64_t>(options_.block_bytes, bytes_ - asked_));
    // Always whole blocks, as kDirect wants it: what is there beyond the size is not looked at.
    disk_.read(file_, asked_, {block.bytes, options_.block_bytes}, next_read_);
    ++under_way_;
    asked_ += block.size;
    next_read_ = (next_read_ + 1) % blocks_.size();
  }
}

void ReadAhead::ended(const Disk::Completion& completion) {
  Block& block = blocks_[completion.token];
  POLLUX_ASSERT(block.state == Block::State::kReading);
  --under_way_;
  block.state = Block::State::kRead;
  if (completion.result < 0) {
    error_ = static_cast<int>(-completion.result);
  } else if (static_cast<uint64_t>(completion.result) < block.size && error_ == 0) {
    error_ = kCutOff;
  }
}

bool ReadAhead::advance(size_t used, size_t bytes_min) {
  window_.remove_prefix(used);
  while (window_.size() < bytes_min && following() > 0) {
    Block* const block = blocks_.empty() ? nullptr : &blocks_[next_taken_];
    if (error_ != 0 || block == nullptr || block->state != Block::State::kRead) {
      return false;
    }
    next_taken_ = (next_taken_ + 1) % blocks_.size();
    taken_ += block->size;
    append(*block);
    begin_reads();
  }
  return true;
}

// The window and a block become one window. Nobody looks at the old one any more.
void ReadAhead::append(Block& block) {
  if (window_.size() <= kRestBytes) {
    char* const start = block.bytes - window_.size();
    window_.copy(start, window_.size());
    window_ = {start, window_.size() + block.size};
    release_current();
    current_ = &block;
    long_.clear();
    return;
  }
  if (current_ != nullptr) {
    long_.append(window_);
    release_current();
  } else {
    long_.drop_front(static_cast<size_t>(window_.data() - long_.view().data()));
  }
  long_.append({block.bytes, block.size});
  block.state = Block::State::kFree;
  window_ = long_.view();
}

void ReadAhead::stop() {
  stopped_ = true;
  window_ = {};
  long_.clear();
}

void ReadAhead::release_current() {
  if (current_ != nullptr) {
    current_->state = Block::State::kFree;
    current_ = nullptr;
  }
}

}  // namespace pollux
