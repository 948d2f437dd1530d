// Bytes on their way to a client, in counted chunks. A chunk belongs to the pool of the worker that
// allocated it (its home) and goes home when its bytes are sent, whichever worker sends them.
// Between bytes of its own an output may refer to a payload that others send too (append_payload).
// An output has a limit: what is written beyond is dropped, so that no single request, however many
// big values it asks for, takes more memory than its client may.
// Output and ChunkPool: one thread; only the end of ChunkPool::release is reached by others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "dataplane/engine/payload.h"
#include "dataplane/engine/transport.h"
#include "src/base/inbox.h"
#include "src/protocol/reply.h"

namespace pollux {

class ChunkPool;

struct Chunk {
  Chunk* next;
  ChunkPool* home;
  Payload* payload;   // if not null the bytes are this one's, and the chunk is a mere reference
  uint32_t capacity;  // bytes behind this header; 0 for a reference
  uint32_t begin;     // first byte not yet sent
  uint32_t end;       // first free byte
  char* data() {
    return payload == nullptr ? reinterpret_cast<char*>(this + 1) : payload->bytes();
  }
};

// Chunks of two sizes: most replies fit a small one, so that an idle or chatty connection doesn't
// hold 16 KiB; long replies take large ones.
class ChunkPool {
 public:
  static constexpr size_t kSmallBytes = 1024 - sizeof(Chunk);
  static constexpr size_t kLargeBytes = 16 * 1024 - sizeof(Chunk);
  static constexpr size_t kIdleLargeMax = 256;    // kept for reuse (4 MiB); more are freed
  static constexpr size_t kIdleSmallMax = 16384;  // 16 MiB

  ChunkPool() = default;
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  Chunk* allocate(bool large);
  // A chunk that stands for the payload from byte `begin` on, and keeps it.
  Chunk* refer(Payload& payload, uint32_t begin);
  // From any worker: `from` is the caller's own pool.
  static void release(Chunk* chunk, ChunkPool& from);

  PayloadPool& payloads() { return payloads_; }

  // Bytes of chunks and payloads that are in use (this pool's, wherever they are), or have come
  // back since the last take_returned.
  int64_t used_bytes() const { return used_bytes_ + payloads_.used_bytes(); }
  void take_returned();

 private:
  void keep(Chunk* chunk);

  Chunk* idle_small_ = nullptr;
  Chunk* idle_large_ = nullptr;
  size_t idle_small_count_ = 0;
  size_t idle_large_count_ = 0;
  int64_t used_bytes_ = 0;
  PayloadPool payloads_;
  alignas(64) Inbox<Chunk> returned_;  // what other workers are done with
};

// A chain of chunks that a Reply writes into.
class Output final : public ByteSink {
 public:
  explicit Output(ChunkPool& pool) : pool_(&pool) {}
  ~Output() override { clear(); }

  // Bytes written and not yet consumed.
  size_t size() const {
    return last_ == nullptr ? 0 : before_last_ + last_end() - last_->begin;
  }
  bool empty() const { return size() == 0; }
  // How the bytes lie, for CLIENT LIST.
  struct Shape {
    size_t first_capacity = 0;  // of the first chunk; 0 if there is none
    size_t first_bytes = 0;     // unsent in it
    size_t more_chunks = 0;     // behind it
    size_t more_memory = 0;     // that they take; a payload counts in full for each who sends it
    size_t memory() const;      // of all
  };
  Shape shape() const;

  // Moves everything of `other` behind what is here; `other` is left empty. Small contents are
  // copied and their chunk goes home, large ones change hands.
  void splice(Output& other);

  // What a client of `protocol` gets of the payload (see Payload): small ones are copied, of large
  // ones the output keeps a reference until they are consumed.
  void append_payload(Payload& payload, int protocol);
  // A reference costs two chunks and two slices, of which a send takes 16; a copy its bytes and the
  // chunk that they need. 16 messages in a pipeline to 100 subscribers, each by reference and
  // copied: of 1,100 B 1.08 and 0.57 us, of 2,000 B 1.02 and 0.66, of 4,000 B 1.17 and 1.33; to
  // 2,000 subscribers 2.3 and 2.1, 2.4 and 2.8, 2.6 and 4.5 us, and 6 times the memory.
  static constexpr size_t kPayloadCopyMax = 2048;

  // The first bytes, at most bytes_max, as slices, at most kTxSlicesMax; returns how many slices.
  // They stay valid until consume.
  size_t slices(std::span<TxSlice> out, size_t& bytes, size_t bytes_max = SIZE_MAX);
  // Gives up the first `bytes` bytes.
  void consume(size_t bytes);
  void clear();

  // The pool that new chunks come from (a cell's output draws from the worker that runs it).
  void set_pool(ChunkPool& pool) { pool_ = &pool; }

  // About so many bytes, unsent; it may be passed by one chunk.
  void set_limit(size_t bytes) { bytes_max_ = bytes; }
  size_t limit() const { return bytes_max_; }
  // Something was dropped: no use in sending the rest. Until clear.
  bool overflowed() const { return spill_ != nullptr; }

 protected:
  size_t refill(size_t bytes) override;

 private:
  // Of the last chunk: the first free byte.
  size_t last_end() const {
    return overflowed() ? last_->end : static_cast<size_t>(cursor_ - last_->data());
  }
  bool at_limit() const { return overflowed() || size() >= bytes_max_; }
  void overflow();
  void settle();       // writes cursor_ back into the last chunk
  void open_window();  // the window is the rest of the last chunk
  void add_chunk(Chunk* chunk);

  ChunkPool* pool_;
  Chunk* first_ = nullptr;
  Chunk* last_ = nullptr;
  size_t before_last_ = 0;  // bytes in all chunks but the last
  size_t bytes_max_ = SIZE_MAX;
  Chunk* spill_ = nullptr;  // where dropped bytes are written, again and again; null before
};

}  // namespace pollux
