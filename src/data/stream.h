// A stream: entries in blocks (stream_block.h), an index of blocks by the id of their first entry,
// and consumer groups (stream_group.h). It has no small form: a key that is a stream holds this
// object, empty or not.
//
// An entry is appended to the last block without a search, until that has stream-node-max-bytes or
// stream-node-max-entries, deleted ones counted. A block's room doubles as it fills and is cut to
// size when it is full. Others are found by id: the block in the index, then a walk in it.
//
// What is deleted is marked; a block goes when nothing in it lives. Belongs to the holder of the
// shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "src/data/collection.h"
#include "src/data/counted_arena.h"
#include "src/data/encoding_limits.h"
#include "src/data/entry.h"
#include "src/data/ordered_tree.h"
#include "src/data/stream_block.h"
#include "src/data/stream_group.h"

namespace pollux {

// What becomes of groups' pending entries when the stream's entry of that id is to go.
enum class StreamRefs : uint8_t {
  kKeep,    // they stay
  kDelete,  // they go as well, of all groups
  kAcked,   // the entry goes only if every group has read and acknowledged it
};

// What has gone from a stream, for who must tell of it.
struct StreamLosses {
  struct Reference {
    const StreamGroup* group;
    StreamId id;
  };
  std::vector<Reference> references;  // what is pending no more
  std::vector<StreamId> entries;      // by StreamRefs::kAcked; other trims take the first ones
};

// What XTRIM is told.
struct StreamTrim {
  enum class By : uint8_t { kNothing, kLength, kMinId } by = By::kNothing;
  bool approximate = false;  // whole blocks only
  uint64_t length = 0;       // that many may stay
  StreamId min_id;           // those from here on may stay
  uint64_t limit = 0;        // no more than that go; 0: no limit
  StreamRefs refs = StreamRefs::kKeep;
  StreamLosses* losses = nullptr;  // null: nobody wants to know
};

// Entries in a block of the arena.
struct StreamBlock {
  char* bytes;
  uint32_t capacity;  // as asked of the arena
  uint32_t serial;    // of all blocks that the stream ever had
};

class Stream final : public Collection {
 public:
  // By ShardMemory::make.
  explicit Stream(ShardMemory& memory);
  ~Stream() override;  // Requires that it was freed (free_some).

  // Requires an entry of type kStream.
  static const Stream& of(const Entry& entry) {
    return static_cast<const Stream&>(*entry.collection());
  }

  // Entries, and what its groups hold.
  size_t size() const override;
  size_t bytes() const override;
  Stream* clone(ShardMemory& memory) const override;
  bool free_some(uint64_t until) override;
  void member_moved(Handle from, Handle to) override;  // Never: it has no members.

  uint64_t length() const { return length_; }
  size_t block_count() const { return blocks_.size(); }
  size_t index_nodes() const { return blocks_.node_count(); }
  // Of the first entry; 0-0 if there is none.
  StreamId first_id() const { return first_id_; }
  // Of the last entry ever added, or as it was set.
  StreamId last_id() const { return last_id_; }
  // The largest one that was deleted by its id.
  StreamId max_deleted_id() const { return max_deleted_id_; }
  uint64_t entries_added() const { return entries_added_; }
  void set_last_id(StreamId id) { last_id_ = id; }
  void set_max_deleted_id(StreamId id) { max_deleted_id_ = id; }
  void set_entries_added(uint64_t count) { entries_added_ = count; }

  // --- reading ---
  // visit(const StreamEntry&) for the entries from `from` to `to`, both included, until it says
  // false.
  template <typename Visit>
  void walk(StreamId from, StreamId to, Visit visit) const;
  template <typename Visit>
  void walk_back(StreamId from, StreamId to, Visit visit) const;
  // The same for all entries behind `after`. `place` is one that walk_on has set at an entry with
  // this id, or none; it is set behind each entry before that is visited.
  template <typename Visit>
  void walk_on(StreamId after, StreamPlace& place, Visit visit) const;
  // How many entries there are from `from` to `to`, but not more than `max`.
  uint64_t count(StreamId from, StreamId to, uint64_t max) const;
  bool contains(StreamId id) const;
  // Of the last entry that is there. Requires length() > 0.
  StreamId last_entry_id() const;

  // --- changing ---
  // Whether an entry of these fields can be stored at all.
  static bool fits(StreamFields fields);
  // Requires id > last_id() and fits(fields).
  void append(StreamId id, StreamFields fields, const EncodingLimits& limits);
  // False if there is no such entry.
  bool erase(StreamId id);
  // Returns how many entries went.
  uint64_t trim(const StreamTrim& how);

  // --- groups ---
  const OrderedTree<std::string_view, StreamGroup*>& groups() const { return groups_; }
  // Null if there is none.
  StreamGroup* group(std::string_view name) const {
    StreamGroup* const* found = groups_.find(name);
    return found == nullptr ? nullptr : *found;
  }
  // Requires that there is none of this name.
  StreamGroup& add_group(std::string_view name, StreamId last_id, int64_t entries_read);
  // Large ones are freed in slices.
  void remove_group(StreamGroup& group);
  // The group has read on to this entry, which is behind its last one. (Its place stays.)
  void note_read(StreamGroup& group, StreamId id) const;
  // How many entries the group has not read yet; none if nobody can say.
  std::optional<int64_t> lag(const StreamGroup& group) const;
  // Whether some group has not read this entry, or not acknowledged it.
  bool is_referenced(StreamId id) const;
  // Removes it from what is pending in all groups. False if it was in none.
  bool forget(StreamId id, StreamLosses* losses = nullptr);

  // Changes of blocks and groups are told to this reader from here on, those in groups, too.
  void be_read(ReaderId reader);

  // --- for those who write and read dumps ---
  using Blocks = OrderedTree<StreamId, StreamBlock>;
  const Blocks& blocks() const { return blocks_; }
  // visit(StreamId first, std::string_view listpack) for each block, in order.
  template <typename Visit>
  void for_each_block(Visit visit) const;
  // Behind all others. Requires BlockView::valid(first, listpack), and that `first` is behind all
  // entries that are there.
  void adopt_block(StreamId first, std::string_view listpack);

 private:
  using Block = StreamBlock;

  // Where an entry stands.
  struct Spot {
    StreamId block;
    BlockView::Position at;
  };
  std::optional<Spot> find(StreamId id) const;

  // --- who reads it (pre_images.h) ---
  // Null if nobody does, or not any more.
  StreamReader* reader() { return reader_ == 0 ? nullptr : find_reader(); }
  StreamReader* find_reader();
  // Before bytes of the block are written.
  void before_write(StreamId id, const Block& block) {
    if (StreamReader* const reader = this->reader()) {
      reader->before_write(id, block);
    }
  }
  // Whether the block is the reader's from here on.
  bool is_taken(StreamId id, const Block& block) {
    StreamReader* const reader = this->reader();
    return reader != nullptr && reader->takes(id, block);
  }

  // --- blocks ---
  Block new_block(size_t capacity);
  void insert_block(StreamId id, const Block& block);
  void free_block(StreamId id, const Block& block);
  void reblock(StreamId id, Block& block, size_t capacity);
  Block* tail_for(StreamFields fields, const EncodingLimits& limits) const;
  void start_block(StreamId id, StreamFields fields);
  void set_counts(StreamId id, Block& block, uint64_t live, uint64_t deleted);

  // --- trimming ---
  // Blocks that go; many of them are freed in slices.
  struct Dropped {
    size_t count = 0;
    Stream* grave = nullptr;
  };
  void drop_block(StreamId id, const Block& block, uint64_t live, Dropped& dropped);
  bool may_go(const StreamTrim& how, const BlockView& block) const;
  bool may_go(const StreamTrim& how, StreamId id) const;
  uint64_t trim_inside(StreamId id, Block& block, const StreamTrim& how);
  uint64_t trim_acknowledged(const StreamTrim& how);
  bool all_acknowledged(const BlockView& block) const;
  struct Gone;
  uint64_t drop_acknowledged(StreamId id, const Block& block, const StreamTrim& how, Gone& gone);

  void find_first_id();
  int64_t estimate_read(StreamId id) const;
  bool has_gaps() const;
  bool has_gaps_from(StreamId id) const;

  CountedArena arena_;
  Blocks blocks_{arena_};
  OrderedTree<std::string_view, StreamGroup*> groups_{arena_};
  uint64_t length_ = 0;
  uint64_t entries_added_ = 0;
  StreamId first_id_;
  StreamId last_id_;
  StreamId max_deleted_id_;
  size_t block_bytes_ = 0;  // as the arena rounds them
  uint32_t serial_ = 0;     // of the newest block
  ReaderId reader_ = 0;
};

template <typename Visit>
void Stream::walk(StreamId from, StreamId to, Visit visit) const {
  auto block = blocks_.up_to(from);
  if (block.at_end()) {
    block = blocks_.first();
  }
  for (; !block.at_end() && block.key() <= to; block.next()) {
    const BlockView view(block.key(), block.value().bytes);
    for (BlockView::Position at = view.first(); at < view.end();) {
      const StreamEntry entry = view.take(at);
      if (entry.deleted || entry.id < from) {
        continue;
      }
      if (entry.id > to || !visit(entry)) {
        return;
      }
    }
  }
}

template <typename Visit>
void Stream::walk_back(StreamId from, StreamId to, Visit visit) const {
  for (auto block = blocks_.up_to(to); !block.at_end(); block.prev()) {
    const BlockView view(block.key(), block.value().bytes);
    for (BlockView::Position at = view.end(); at > view.first();) {
      const StreamEntry entry = view.take_back(at);
      if (entry.deleted || entry.id > to) {
        continue;
      }
      if (entry.id < from || !visit(entry)) {
        return;
      }
    }
  }
}

template <typename Visit>
void Stream::walk_on(StreamId after, StreamPlace& place, Visit visit) const {
  auto block = blocks_.up_to(after);
  if (block.at_end()) {
    block = blocks_.first();
  }
  for (; !block.at_end(); block.next()) {
    const BlockView view(block.key(), block.value().bytes);
    const uint32_t serial = block.value().serial;
    BlockView::Position at = view.first() + (place.block == serial ? place.offset : 0);
    while (at < view.end()) {
      const StreamEntry entry = view.take(at);
      if (entry.deleted || entry.id <= after) {
        continue;
      }
      place = {serial, static_cast<uint32_t>(at - view.first())};
      if (!visit(entry)) {
        return;
      }
    }
  }
}

template <typename Visit>
void Stream::for_each_block(Visit visit) const {
  for (auto block = blocks_.first(); !block.at_end(); block.next()) {
    visit(block.key(), Listpack::whole(block.value().bytes));
  }
}

}  // namespace pollux
