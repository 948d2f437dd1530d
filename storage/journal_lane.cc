#include "storage/journal_lane.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <utility>

#include "src/base/assert.h"

namespace pollux {

JournalLane::~JournalLane() {
  // What is being read and all behind it, up to the block that is being filled.
  Block* block = reading_ != nullptr ? reading_ : first_.load(std::memory_order_relaxed);
  while (block != nullptr) {
    delete std::exchange(block, block == filling_ ? nullptr : block->next);
  }
  while (free_ != nullptr) {
    delete std::exchange(free_, free_->next);
  }
  unused_.take_each([](Block& unused) { delete &unused; });
}

// --- the writer ---

void JournalLane::begin(Ticket ticket, Instant now) {
  if (part_ != nullptr) {
    end_part(kLast);
  }
  begin_part(ticket, now.ms());
}

void JournalLane::begin_part(Ticket ticket, int64_t at_ms) {
  at_ = next_part_at(at_);
  if (filling_ == nullptr || at_ == SIZE_MAX) {
    next_block();
  }
  part_ = new (filling_->bytes + at_) Head{
      .ticket = ticket.value, .at_ms = at_ms, .size = 0, .first_db = db_, .last_db = 0, .flags = 0};
  at_ += sizeof(Head);
  part_bytes_ = 0;
  part_has_command_ = false;
}

void JournalLane::end_part(uint8_t flags) {
  part_->size = static_cast<uint32_t>(part_bytes_);
  part_->last_db = db_;
  part_->flags |= flags;
  part_ = nullptr;
  ++parts_;
  bytes_ += sizeof(Head) + part_bytes_;
}

void JournalLane::next_block() {
  Block* const block = new_block();
  if (filling_ == nullptr) {
    first_.store(block, std::memory_order_relaxed);  // seen with published_parts_
  } else {
    filling_->next = block;
  }
  filling_ = block;
  at_ = 0;
}

JournalLane::Block* JournalLane::new_block() {
  if (free_ == nullptr) {
    size_t count = 0;
    unused_.take_each([this, &count](Block& unused) {
      unused.next = std::exchange(free_, &unused);
      ++count;
    });
    unused_count_.fetch_sub(count, std::memory_order_relaxed);
  }
  if (free_ == nullptr) {
    return std::make_unique_for_overwrite<Block>().release();
  }
  return std::exchange(free_, free_->next);
}

void JournalLane::select(uint32_t db) {
  POLLUX_ASSERT(part_ != nullptr && db <= kDbMax);
  if (!part_has_command_ && part_bytes_ == 0) {
    part_->first_db = db;
  } else if (db != db_) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, db).ptr;
    const std::string_view number(digits, static_cast<size_t>(end - digits));
    append("*2\r\n$6\r\nSELECT\r\n$");
    const char length = static_cast<char>('0' + number.size());  // at most 7
    append({&length, 1});
    append("\r\n");
    append(number);
    append("\r\n");
  }
  db_ = db;
  part_has_command_ = true;
}

void JournalLane::append(std::string_view bytes) {
  POLLUX_ASSERT(part_ != nullptr);
  while (bytes.size() > room()) {
    const std::string_view first = bytes.substr(0, room());
    std::memcpy(filling_->bytes + at_, first.data(), first.size());
    commit(first.size());
    bytes.remove_prefix(first.size());
    const Ticket ticket{part_->ticket};
    const int64_t at_ms = part_->at_ms;
    end_part(0);
    begin_part(ticket, at_ms);
  }
  std::memcpy(filling_->bytes + at_, bytes.data(), bytes.size());
  commit(bytes.size());
}

void JournalLane::mark_cut() {
  POLLUX_ASSERT(part_ != nullptr && part_bytes_ == 0);
  part_->flags |= kCut;
}

void JournalLane::publish() {
  if (part_ != nullptr) {
    end_part(kLast);
  }
  published_bytes_.store(bytes_, std::memory_order_relaxed);
  published_parts_.store(parts_, std::memory_order_seq_cst);
}

// --- the reader ---

// What is too much is freed here: a worker has no time for a thousand blocks, and one that writes
// nothing more would keep them.
void JournalLane::give_back(Block* block) {
  if (unused_count_.load(std::memory_order_relaxed) >= kFreeMax) {
    delete block;
    return;
  }
  unused_count_.fetch_add(1, std::memory_order_relaxed);
  unused_.push(*block);
}

bool JournalLane::front(JournalPart& part) {
  if (popped_parts_ == seen_parts_) {
    // seq_cst: the second half of "say how I sleep, then look".
    seen_parts_ = published_parts_.load(std::memory_order_seq_cst);
    if (popped_parts_ == seen_parts_) {
      return false;
    }
  }
  if (reading_ == nullptr) {
    reading_ = first_.load(std::memory_order_relaxed);
  }
  read_at_ = next_part_at(read_at_);
  if (read_at_ == SIZE_MAX) {
    give_back(std::exchange(reading_, reading_->next));
    read_at_ = 0;
  }
  const Head* const head = reinterpret_cast<const Head*>(reading_->bytes + read_at_);
  part = {.ticket = {head->ticket},
          .bytes = {reading_->bytes + read_at_ + sizeof(Head), head->size},
          .first_db = head->first_db,
          .last_db = head->last_db,
          .last = (head->flags & kLast) != 0,
          .cut = (head->flags & kCut) != 0,
          .at_ms = head->at_ms};
  return true;
}

void JournalLane::pop() {
  const Head* const head = reinterpret_cast<const Head*>(reading_->bytes + read_at_);
  const size_t bytes = sizeof(Head) + head->size;
  read_at_ += bytes;
  ++popped_parts_;
  // release: pairs with pending_bytes.
  popped_bytes_.store(popped_bytes_.load(std::memory_order_relaxed) + bytes,
                      std::memory_order_release);
}

}  // namespace pollux
