// How a stream is trimmed (Stream::trim): from its first entry on, block by block as far as whole
// ones may go, then inside of one. Which entries that are may be observed by clients, down to how
// deleted ones count, so the steps are those of redis-server.
#include <algorithm>

#include "src/data/shard_memory.h"
#include "src/data/stream.h"

namespace pollux {

uint64_t Stream::trim(const StreamTrim& how) {
  if (how.refs == StreamRefs::kAcked && !groups_.empty()) {
    return trim_acknowledged(how);
  }
  uint64_t removed = 0;
  Dropped dropped;
  while (!blocks_.empty() && !(how.by == StreamTrim::By::kLength && length_ <= how.length)) {
    const StreamId id = blocks_.first().key();
    Block& block = blocks_.first().value();
    const BlockView view(id, block.bytes);
    const uint64_t live = view.live();
    if (how.limit != 0 && removed + live > how.limit) {
      break;
    }
    if (!may_go(how, view)) {
      removed += how.approximate ? 0 : trim_inside(id, block, how);
      break;
    }
    if (how.refs == StreamRefs::kDelete && !groups_.empty()) {
      for (BlockView::Position at = view.first(); at < view.end();) {
        // Of one that was deleted before, references were kept on purpose.
        if (const StreamEntry entry = view.take(at); !entry.deleted) {
          forget(entry.id, how.losses);
        }
      }
    }
    drop_block(id, block, live, dropped);
    removed += live;
  }
  if (dropped.grave != nullptr) {
    memory_.bury(dropped.grave);
  }
  if (removed > 0) {
    find_first_id();
  }
  return removed;
}

// Whether all of a block may go.
bool Stream::may_go(const StreamTrim& how, const BlockView& block) const {
  if (how.by == StreamTrim::By::kLength) {
    return length_ - block.live() >= how.length;
  }
  BlockView::Position at = block.end();
  return block.take_back(at).id < how.min_id;
}

// Whether an entry may go, if all before it are gone.
bool Stream::may_go(const StreamTrim& how, StreamId id) const {
  return how.by == StreamTrim::By::kLength ? length_ > how.length : id < how.min_id;
}

void Stream::drop_block(StreamId id, const Block& block, uint64_t live, Dropped& dropped) {
  constexpr size_t kFreedAtOnceMax = 16;
  length_ -= live;
  if (++dropped.count <= kFreedAtOnceMax) {
    free_block(id, block);
  } else if (is_taken(id, block)) {
    block_bytes_ -= Arena::usable(block.capacity);
  } else {
    if (dropped.grave == nullptr) {
      dropped.grave = memory_.make<Stream>();
    }
    const size_t bytes = Arena::usable(block.capacity);
    block_bytes_ -= bytes;
    dropped.grave->block_bytes_ += bytes;
    dropped.grave->length_ += live;
    dropped.grave->blocks_.insert(id, block);
  }
  blocks_.erase(id);
}

// Marks the first entries of a block, of which at least one stays: if it is one that was deleted
// before, the block is kept without any that lives.
uint64_t Stream::trim_inside(StreamId id, Block& block, const StreamTrim& how) {
  const BlockView view(id, block.bytes);
  uint64_t removed = 0;
  for (BlockView::Position at = view.first(); at < view.end();) {
    const BlockView::Position here = at;
    const StreamEntry entry = view.take(at);
    if (!may_go(how, entry.id)) {
      break;
    }
    if (!entry.deleted) {
      if (how.refs == StreamRefs::kDelete) {
        forget(entry.id, how.losses);
      }
      before_write(id, block);
      BlockView::flag_deleted(block.bytes, here);
      ++removed;
      --length_;
    }
  }
  set_counts(id, block, view.live() - removed, view.deleted() + removed);
  return removed;
}

// --- what every group has acknowledged ---

struct Stream::Gone {
  StreamLosses* losses;
  StreamId last;

  void note(const StreamEntry& entry) {
    if (entry.deleted) {
      return;
    }
    last = entry.id;
    if (losses != nullptr) {
      losses->entries.push_back(entry.id);
    }
  }
};

// Entries that some group still needs are passed over, those behind what a group has read not even
// looked at. By whole blocks, one that holds an entry which must stay does so as a whole.
uint64_t Stream::trim_acknowledged(const StreamTrim& how) {
  StreamId read_by_all = kStreamIdMax;
  for (auto at = groups_.first(); !at.at_end(); at.next()) {
    read_by_all = std::min(read_by_all, at.value()->last_id());
  }
  Gone gone{.losses = how.losses};
  uint64_t removed = 0;
  uint64_t examined = 0;
  Dropped dropped;
  for (auto at = blocks_.first(); !at.at_end() && at.key() <= read_by_all;) {
    const StreamId id = at.key();
    Block& block = at.value();
    const BlockView view(id, block.bytes);
    examined += view.live();
    if (!may_go(how, id) || (how.limit != 0 && examined > how.limit)) {
      break;
    }
    if (how.approximate) {
      if (!may_go(how, view)) {
        break;
      }
      if (all_acknowledged(view)) {
        removed += view.live();
        for (BlockView::Position entry = view.first(); entry < view.end();) {
          gone.note(view.take(entry));
        }
        drop_block(id, block, view.live(), dropped);
      }
    } else {
      const uint64_t count = drop_acknowledged(id, block, how, gone);
      removed += count;
      if (count == view.live()) {
        drop_block(id, block, 0, dropped);
      } else {
        set_counts(id, block, view.live() - count, view.deleted() + count);
      }
    }
    const auto next = next_stream_id(id);
    if (!next) {
      break;
    }
    at = blocks_.from(*next);
  }
  if (dropped.grave != nullptr) {
    memory_.bury(dropped.grave);
  }
  if (removed > 0) {
    find_first_id();
  }
  if (length_ > 0 && gone.last > first_id_) {
    max_deleted_id_ = std::max(max_deleted_id_, gone.last);  // as if by its id: there is a gap
  }
  return removed;
}

bool Stream::all_acknowledged(const BlockView& block) const {
  for (BlockView::Position at = block.first(); at < block.end();) {
    const StreamEntry entry = block.take(at);
    if (!entry.deleted && is_referenced(entry.id)) {
      return false;
    }
  }
  return true;
}

// Marks those entries of a block that may go; the counts are the caller's. Returns how many.
uint64_t Stream::drop_acknowledged(StreamId id, const Block& block, const StreamTrim& how,
                                   Gone& gone) {
  const BlockView view(id, block.bytes);
  uint64_t removed = 0;
  for (BlockView::Position at = view.first(); at < view.end();) {
    const BlockView::Position here = at;
    const StreamEntry entry = view.take(at);
    if (entry.deleted) {
      continue;
    }
    if (!may_go(how, entry.id)) {
      break;
    }
    if (!is_referenced(entry.id)) {
      gone.note(entry);
      before_write(id, block);
      BlockView::flag_deleted(block.bytes, here);
      ++removed;
      --length_;
    }
  }
  return removed;
}

}  // namespace pollux
