#include "dataplane/engine/output.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

#include "src/base/assert.h"

namespace pollux {

namespace {

// Contents up to this size are copied by splice: cheaper than sending two chunks.
constexpr size_t kSpliceCopyMax = 512;

bool is_large(const Chunk& chunk) { return chunk.capacity == ChunkPool::kLargeBytes; }

}  // namespace

ChunkPool::~ChunkPool() {
  take_returned();
  for (Chunk* list : {idle_small_, idle_large_}) {
    while (list != nullptr) {
      Chunk* next = list->next;
      std::free(list);
      list = next;
    }
  }
}

Chunk* ChunkPool::allocate(bool large) {
  Chunk*& idle = large ? idle_large_ : idle_small_;
  if (idle == nullptr) {
    take_returned();
  }
  Chunk* chunk = idle;
  if (chunk != nullptr) {
    idle = chunk->next;
    --(large ? idle_large_count_ : idle_small_count_);
  } else {
    const size_t capacity = large ? kLargeBytes : kSmallBytes;
    chunk = static_cast<Chunk*>(std::malloc(sizeof(Chunk) + capacity));
    POLLUX_ASSERT(chunk != nullptr);
    chunk->home = this;
    chunk->payload = nullptr;
    chunk->capacity = static_cast<uint32_t>(capacity);
  }
  used_bytes_ += static_cast<int64_t>(sizeof(Chunk) + chunk->capacity);
  chunk->next = nullptr;
  chunk->begin = 0;
  chunk->end = 0;
  return chunk;
}

Chunk* ChunkPool::refer(Payload& payload, uint32_t begin) {
  auto* chunk = static_cast<Chunk*>(std::malloc(sizeof(Chunk)));
  POLLUX_ASSERT(chunk != nullptr);
  PayloadPool::keep(payload);
  *chunk = {.next = nullptr,
            .home = this,
            .payload = &payload,
            .capacity = 0,
            .begin = begin,
            .end = static_cast<uint32_t>(payload.size)};
  used_bytes_ += sizeof(Chunk);
  return chunk;
}

void ChunkPool::release(Chunk* chunk, ChunkPool& from) {
  if (chunk->payload != nullptr) {
    PayloadPool::release(*chunk->payload, from.payloads_);
    chunk->payload = nullptr;
  }
  ChunkPool& home = *chunk->home;
  if (&home == &from) {
    home.keep(chunk);
    return;
  }
  home.returned_.push(*chunk);
}

void ChunkPool::keep(Chunk* chunk) {
  used_bytes_ -= static_cast<int64_t>(sizeof(Chunk) + chunk->capacity);
  if (chunk->capacity == 0) {
    std::free(chunk);
    return;
  }
  const bool large = is_large(*chunk);
  size_t& count = large ? idle_large_count_ : idle_small_count_;
  if (count >= (large ? kIdleLargeMax : kIdleSmallMax)) {
    std::free(chunk);
    return;
  }
  Chunk*& idle = large ? idle_large_ : idle_small_;
  chunk->next = idle;
  idle = chunk;
  ++count;
}

void ChunkPool::take_returned() {
  returned_.take_each([this](Chunk& chunk) { keep(&chunk); });
  payloads_.take_returned();
}

Output::Shape Output::shape() const {
  Shape shape;
  if (first_ == nullptr) {
    return shape;
  }
  const auto unsent = [this](Chunk& chunk) {
    const size_t end = &chunk == last_ ? last_end() : chunk.end;
    return end - chunk.begin;
  };
  const auto capacity = [&](Chunk& chunk) {
    return chunk.payload == nullptr ? chunk.capacity : unsent(chunk);
  };
  shape.first_capacity = capacity(*first_);
  shape.first_bytes = unsent(*first_);
  for (Chunk* chunk = first_->next; chunk != nullptr; chunk = chunk->next) {
    ++shape.more_chunks;
    shape.more_memory += sizeof(Chunk) + capacity(*chunk);
  }
  return shape;
}

size_t Output::Shape::memory() const {
  return (first_capacity > 0 ? sizeof(Chunk) + first_capacity : 0) + more_memory;
}

void Output::settle() {
  if (last_ != nullptr) {
    last_->end = static_cast<uint32_t>(last_end());
  }
}

void Output::open_window() {
  if (overflowed()) {
    cursor_ = spill_->data();
    limit_ = cursor_ + spill_->capacity;
    return;
  }
  if (last_ == nullptr) {
    cursor_ = limit_ = nullptr;
    return;
  }
  cursor_ = last_->data() + last_->end;
  // In a reference nothing can be written.
  limit_ = last_->payload == nullptr ? last_->data() + last_->capacity : cursor_;
}

// The chunks may be on their way through the transport, so what is dropped goes to another.
void Output::overflow() {
  settle();
  if (spill_ == nullptr) {
    spill_ = pool_->allocate(/*large=*/false);
  }
  open_window();
}

size_t Output::refill(size_t bytes) {
  if (at_limit()) {
    overflow();
    return bytes > kReserveMax ? bytes : 0;
  }
  settle();
  const bool more = last_ != nullptr && last_->capacity > 0;
  add_chunk(pool_->allocate(more || bytes > ChunkPool::kSmallBytes));
  return 0;
}

// Behind the last chunk, which is settled.
void Output::add_chunk(Chunk* chunk) {
  if (last_ == nullptr) {
    first_ = chunk;
  } else {
    before_last_ += last_->end - last_->begin;
    last_->next = chunk;
  }
  last_ = chunk;
  open_window();
}

void Output::append_payload(Payload& payload, int protocol) {
  std::string_view bytes = payload.view();
  uint32_t begin = 0;
  if (protocol == 2 && bytes.starts_with('>')) {
    append("*");
    begin = 1;
  }
  if (bytes.size() <= kPayloadCopyMax) {
    append(bytes.substr(begin));
    return;
  }
  if (at_limit()) {
    overflow();
    return;
  }
  settle();
  add_chunk(pool_->refer(payload, begin));
}

void Output::splice(Output& other) {
  if (other.overflowed()) {
    overflow();
  }
  if (overflowed()) {
    other.clear();
    return;
  }
  other.settle();
  if (other.size() <= kSpliceCopyMax) {
    for (Chunk* chunk = other.first_; chunk != nullptr; chunk = chunk->next) {
      append({chunk->data() + chunk->begin, chunk->end - chunk->begin});
    }
    Chunk* chunk = other.first_;
    while (chunk != nullptr) {
      Chunk* next = chunk->next;
      ChunkPool::release(chunk, *pool_);
      chunk = next;
    }
  } else {
    settle();
    if (last_ == nullptr) {
      first_ = other.first_;
    } else {
      before_last_ += last_->end - last_->begin;
      last_->next = other.first_;
    }
    before_last_ += other.before_last_;
    last_ = other.last_;
    open_window();
  }
  other.first_ = other.last_ = nullptr;
  other.before_last_ = 0;
  other.open_window();
}

size_t Output::slices(std::span<TxSlice> out, size_t& bytes, size_t bytes_max) {
  settle();
  size_t count = 0;
  bytes = 0;
  for (Chunk* chunk = first_; chunk != nullptr && count < out.size() && bytes < bytes_max;
       chunk = chunk->next) {
    if (chunk->end > chunk->begin) {
      const size_t here = std::min<size_t>(chunk->end - chunk->begin, bytes_max - bytes);
      out[count].bytes = {chunk->data() + chunk->begin, here};
      bytes += out[count].bytes.size();
      ++count;
    }
  }
  return count;
}

void Output::consume(size_t bytes) {
  settle();
  while (first_ != nullptr) {
    const size_t here = first_->end - first_->begin;
    const size_t part = std::min(here, bytes);
    first_->begin += static_cast<uint32_t>(part);
    bytes -= part;
    if (first_ != last_) {
      before_last_ -= part;
    }
    if (first_->begin < first_->end) {
      break;
    }
    Chunk* done = first_;
    first_ = done->next;
    if (first_ == nullptr) {
      last_ = nullptr;
    } else if (first_ == last_) {
      before_last_ = 0;
    }
    ChunkPool::release(done, *pool_);
  }
  POLLUX_ASSERT(bytes == 0);
  open_window();
}

void Output::clear() {
  Chunk* chunk = first_;
  while (chunk != nullptr) {
    Chunk* next = chunk->next;
    ChunkPool::release(chunk, *pool_);
    chunk = next;
  }
  first_ = last_ = nullptr;
  before_last_ = 0;
  if (spill_ != nullptr) {
    ChunkPool::release(std::exchange(spill_, nullptr), *pool_);
  }
  open_window();
}

}  // namespace pollux
