#include "dataplane/tcp/stack/tx_memory.h"

#include <algorithm>
#include <new>
#include <utility>

#include "src/base/assert.h"

namespace pollux::tcp {

TxMemory::~TxMemory() {
  for (size_t i = 0; i < frames_.size(); ++i) {
    if (frames_[i].count != 0) {
      frame_back(i);
    }
  }
  POLLUX_ASSERT(blocks_ == 0);
  for (Idle& idle : idle_) {
    while (idle.first != nullptr) {
      ::operator delete(std::exchange(idle.first, idle.first->next));
    }
  }
}

TxMemory::Idle* TxMemory::idle_of(uint32_t room) {
  return room == kSmallBlockBytes ? &idle_[0] : room == kBlockBytes ? &idle_[1] : nullptr;
}

TxBlock* TxMemory::allocate(uint32_t bytes, bool more) {
  ++blocks_;
  const bool is_small = bytes <= kSmallBlockBytes && !more;
  const uint32_t room = is_small ? kSmallBlockBytes : std::max(bytes, kBlockBytes);
  used_bytes_ += sizeof(TxBlock) + room;
  Idle* const idle = idle_of(room);
  if (idle != nullptr && idle->first != nullptr) {
    TxBlock* block = std::exchange(idle->first, idle->first->next);
    --idle->count;
    *block = {.bytes = block->own(), .room = room, .users = 1};
    return block;
  }
  auto* block = new (::operator new(sizeof(TxBlock) + room)) TxBlock{.room = room, .users = 1};
  block->bytes = block->own();
  return block;
}

TxBlock* TxMemory::refer(Bytes bytes, uint32_t pin) {
  ++blocks_;
  ++pins_[pin].users;
  used_bytes_ += sizeof(TxBlock);
  return new (::operator new(sizeof(TxBlock))) TxBlock{
      .bytes = bytes.data(), .size = static_cast<uint32_t>(bytes.size()), .users = 1, .pin = pin};
}

void TxMemory::let_go(TxBlock* block) {
  lingering_ += block->pin != kNoIndex && block->users > 1;
  unuse(block);
}

void TxMemory::unuse(TxBlock* block) {
  POLLUX_ASSERT(block->users != 0);
  if (--block->users == 0) {
    free(block);
  }
}

void TxMemory::free(TxBlock* block) {
  --blocks_;
  used_bytes_ -= sizeof(TxBlock) + block->room;
  if (block->pin != kNoIndex) {
    leave_pin(block->pin);
  }
  Idle* const idle = idle_of(block->room);
  if (idle != nullptr && idle->count < idle->count_max) {
    block->next = std::exchange(idle->first, block);
    ++idle->count;
    return;
  }
  ::operator delete(block);
}

// ---- pins ----

uint32_t TxMemory::pin(uint64_t token) {
  uint32_t index = free_pin_;
  if (index == kNoIndex) {
    index = static_cast<uint32_t>(pins_.size());
    pins_.emplace_back();
  } else {
    free_pin_ = pins_[index].next_free;
  }
  pins_[index] = {.token = token, .users = 1};
  return index;
}

void TxMemory::unpin(uint32_t pin) {
  leave_pin(pin);
}

void TxMemory::leave_pin(uint32_t pin) {
  POLLUX_ASSERT(pins_[pin].users != 0);
  if (--pins_[pin].users == 0) {
    unpinned_.push_back(pins_[pin].token);
    pins_[pin].next_free = free_pin_;
    free_pin_ = pin;
  }
}

// ---- frames ----

uint64_t TxMemory::frame_out(const TxPieces& pieces) {
  uint32_t index = free_frame_;
  if (index == kNoIndex) {
    index = static_cast<uint32_t>(frames_.size());
    frames_.emplace_back();
  } else {
    free_frame_ = frames_[index].next_free;
  }
  FrameRecord& record = frames_[index];
  record.count = pieces.count;
  for (uint32_t i = 0; i < pieces.count; ++i) {
    record.blocks[i] = pieces.pieces[i].block;
    ++record.blocks[i]->users;
  }
  ++frames_out_;
  return index;
}

void TxMemory::frame_back(uint64_t token) {
  const auto index = static_cast<uint32_t>(token);
  FrameRecord& record = frames_[index];
  POLLUX_ASSERT(record.count != 0);
  for (uint32_t i = 0; i < record.count; ++i) {
    TxBlock* block = record.blocks[i];
    lingering_ -= block->pin != kNoIndex && block->users == 1;
    unuse(block);
  }
  record.count = 0;
  record.next_free = free_frame_;
  free_frame_ = index;
  --frames_out_;
}

}  // namespace pollux::tcp
