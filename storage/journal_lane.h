// The bytes of one worker's changes, on their way to the storage thread: a queue without end in
// blocks, which one thread writes and one thread reads. What is written belongs to entries, one for
// each ticket in ascending order; an entry that is longer than what is left of a block goes on in
// the next one, as a further part.
//
// Blocks go round: the reader hands back those that it is done with. A lane that nobody reads
// grows.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "src/base/inbox.h"
#include "src/base/types.h"

namespace pollux {

// What the reader gets; the view lives until pop().
struct JournalPart {
  Ticket ticket;
  std::string_view bytes;
  // Of the first and of the last command that begins here; where none begins, first_db is that of
  // the one that goes on.
  uint32_t first_db = 0;
  uint32_t last_db = 0;
  bool last = false;  // of its entry
  bool cut = false;   // its entry has no bytes, and a snapshot has all that stands before it
  int64_t at_ms = 0;  // when the entry was begun
};

class JournalLane {
 public:
  static constexpr size_t kBlockBytes = 64 << 10;
  static constexpr uint32_t kDbMax = 9'999'999;

  JournalLane() = default;
  ~JournalLane();
  JournalLane(const JournalLane&) = delete;
  JournalLane& operator=(const JournalLane&) = delete;

  // --- the writer ---
  // A new entry, behind all that have lower tickets; the one before is complete.
  void begin(Ticket ticket, Instant now);
  // A command of that database begins, as the next bytes of the entry. SELECTs between databases
  // are written here, but for the one that the first command of a part may need.
  void select(uint32_t db);
  void append(std::string_view bytes);
  // Room for `size` bytes in one piece, of which commit takes what was written; null if the block
  // has no such room (use append).
  char* reserve(size_t size);
  void commit(size_t size);
  // The entry is one of a cut.
  void mark_cut();
  // All entries are complete, and the reader's. seq_cst, so that it may ask behind it how the
  // reader sleeps.
  void publish();
  // False between begin and publish.
  bool published() const { return part_ == nullptr; }
  // Whether so many bytes were published since this was last true: for what need not be looked at
  // each time.
  bool has_grown_by(uint64_t bytes) {
    if (bytes_ - looked_at_bytes_ < bytes) {
      return false;
    }
    looked_at_bytes_ = bytes_;
    return true;
  }

  // --- the reader ---
  // The oldest part that was published and not popped; false if there is none.
  bool front(JournalPart& part);
  void pop();

  // --- any thread: published and not popped, with what is kept beside ---
  uint64_t pending_bytes() const {
    // acquire: what was popped had been published, so that this never is less than nothing.
    const uint64_t popped = popped_bytes_.load(std::memory_order_acquire);
    return published_bytes_.load(std::memory_order_relaxed) - popped;
  }
  // That were read and lie ready for the writer.
  size_t unused_blocks() const { return unused_count_.load(std::memory_order_relaxed); }

 private:
  // In front of each part, at a multiple of 8.
  struct Head {
    uint64_t ticket;
    int64_t at_ms;
    uint32_t size;
    uint32_t first_db;
    uint32_t last_db;
    uint8_t flags;  // kLast, kCut
  };
  static constexpr uint8_t kLast = 1;
  static constexpr uint8_t kCut = 2;
  // A head and some bytes. A part begins in the next block if this one has less room, and only
  // then: so both sides know where it is.
  static constexpr size_t kPartBytesMin = sizeof(Head) + 64;

  struct Block {
    Block* next = nullptr;         // in the lane, or in a chain of unused ones
    Block* next_unused = nullptr;  // on its way back
    alignas(Head) char bytes[kBlockBytes - 2 * sizeof(void*)];
  };
  static constexpr size_t kRoom = sizeof Block::bytes;
  // Where the next part begins if the last one ended at `at`; SIZE_MAX: in the next block.
  static size_t next_part_at(size_t at) {
    const size_t aligned = (at + alignof(Head) - 1) / alignof(Head) * alignof(Head);
    return aligned + kPartBytesMin > kRoom ? SIZE_MAX : aligned;
  }
  // What the writer keeps for later, and what lies between the two.
  static constexpr size_t kFreeMax = 8;

  Block* new_block();
  void next_block();
  void give_back(Block* block);
  void begin_part(Ticket ticket, int64_t at_ms);
  void end_part(uint8_t flags);
  size_t room() const { return kRoom - at_; }

  // --- the writer's ---
  Block* filling_ = nullptr;
  size_t at_ = 0;          // bytes of it that are used
  Head* part_ = nullptr;   // that is open
  size_t part_bytes_ = 0;  // behind its head
  bool part_has_command_ = false;
  uint32_t db_ = 0;  // of the last command
  uint64_t parts_ = 0;
  uint64_t bytes_ = 0;
  uint64_t looked_at_bytes_ = 0;
  Block* free_ = nullptr;  // a chain

  // --- between the two ---
  // seq_cst: releases the parts, and is the first half of "publish, then look how the reader
  // sleeps".
  alignas(64) std::atomic<uint64_t> published_parts_{0};
  std::atomic<uint64_t> published_bytes_{0};
  std::atomic<Block*> first_{nullptr};  // where the reader begins
  alignas(64) std::atomic<uint64_t> popped_bytes_{0};
  Inbox<Block, &Block::next_unused> unused_;
  // relaxed: about as many as there are in unused_; nothing is ordered by it.
  std::atomic<size_t> unused_count_{0};

  // --- the reader's ---
  alignas(64) Block* reading_ = nullptr;
  size_t read_at_ = 0;
  uint64_t popped_parts_ = 0;
  uint64_t seen_parts_ = 0;  // of published_parts_, when they were last looked at
};

inline char* JournalLane::reserve(size_t size) {
  return size <= room() ? filling_->bytes + at_ : nullptr;
}

inline void JournalLane::commit(size_t size) {
  at_ += size;
  part_bytes_ += size;
}

}  // namespace pollux
