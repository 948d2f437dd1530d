#include "dataplane/tcp/stack/send_buffer.h"

#include <utility>

#include "src/base/assert.h"

namespace pollux::tcp {

void SendBuffer::push(TxBlock* block) {
  if (last_ == nullptr) {
    first_ = block;
  } else {
    last_->next = block;
  }
  last_ = block;
}

// What there is room for goes behind the last copy: the device may be reading what stands before.
void SendBuffer::append_copy(TxMemory& memory, Bytes bytes, uint32_t more) {
  size_ += static_cast<uint32_t>(bytes.size());
  while (!bytes.empty()) {
    if (last_ == nullptr || last_->size >= last_->room) {
      const auto wanted = static_cast<uint32_t>(bytes.size());
      const bool grows = first_ != nullptr || wanted + more > TxMemory::kSmallBlockBytes;
      push(memory.allocate(wanted, grows));
    }
    const size_t count = std::min<size_t>(bytes.size(), last_->room - last_->size);
    std::copy_n(bytes.begin(), count, last_->own() + last_->size);
    last_->size += static_cast<uint32_t>(count);
    bytes = bytes.subspan(count);
  }
}

void SendBuffer::append_pinned(TxMemory& memory, Bytes bytes, uint32_t pin) {
  if (!bytes.empty()) {
    push(memory.refer(bytes, pin));
    size_ += last_->size;
    pinned_bytes_ += last_->size;
  }
}

void SendBuffer::acknowledge(TxMemory& memory, Seq una) {
  if (una <= begin_) {
    return;
  }
  uint32_t bytes = std::min(static_cast<uint32_t>(una - begin_), size_);
  begin_ += bytes;
  size_ -= bytes;
  while (bytes != 0) {
    const uint32_t rest = first_->size - acknowledged_;
    if (bytes < rest) {
      acknowledged_ += bytes;
      return;
    }
    bytes -= rest;
    acknowledged_ = 0;
    TxBlock* block = std::exchange(first_, first_->next);
    cursor_ = cursor_ == block ? nullptr : cursor_;
    last_ = first_ == nullptr ? nullptr : last_;
    pinned_bytes_ -= block->pin == kNoIndex ? 0 : block->size;
    memory.let_go(block);
  }
}

void SendBuffer::clear(TxMemory& memory) {
  acknowledge(memory, end());
}

void SendBuffer::copy_pinned(TxMemory& memory) {
  TxBlock* block = std::exchange(first_, nullptr);
  last_ = cursor_ = nullptr;
  while (block != nullptr) {
    TxBlock* next = std::exchange(block->next, nullptr);
    if (block->pin == kNoIndex) {
      push(block);
    } else {
      push(memory.allocate(block->size, true));
      std::copy_n(block->bytes, block->size, last_->own());
      last_->size = block->size;
      memory.let_go(block);
    }
    block = next;
  }
  pinned_bytes_ = 0;
}

// The cursor to the block that has the byte `at`.
void SendBuffer::seek(Seq at) {
  if (cursor_ == nullptr || at < cursor_at_) {
    cursor_ = first_;
    cursor_at_ = begin_ - acknowledged_;
  }
  while (at >= cursor_at_ + cursor_->size) {
    cursor_at_ += cursor_->size;
    cursor_ = cursor_->next;
    POLLUX_ASSERT(cursor_ != nullptr);
  }
}

template <typename Use>
void SendBuffer::walk(SeqRange range, Use use) {
  POLLUX_ASSERT(begin_ <= range.begin && range.end <= end());
  if (range.empty()) {
    return;
  }
  seek(range.begin);
  uint32_t skip = static_cast<uint32_t>(range.begin - cursor_at_);
  uint32_t left = range.bytes();
  for (TxBlock* block = cursor_; left != 0; block = block->next, skip = 0) {
    const uint32_t count = std::min(left, block->size - skip);
    if (!use(block, Bytes{block->bytes + skip, count})) {
      return;
    }
    left -= count;
  }
}

bool SendBuffer::find(SeqRange range, TxPieces& out) {
  out.count = 0;
  bool fits = true;
  walk(range, [&](TxBlock* block, Bytes bytes) {
    fits = out.count < kTxPiecesMax;
    if (fits) {
      out.pieces[out.count++] = {block, bytes};
    }
    return fits;
  });
  return fits;
}

void SendBuffer::copy(SeqRange range, uint8_t* out) {
  walk(range, [&](TxBlock*, Bytes bytes) {
    out = std::copy(bytes.begin(), bytes.end(), out);
    return true;
  });
}

}  // namespace pollux::tcp
