// The port through which a snapshot that is being taken hears of what it has not walked yet and
// that is about to change or go.
//
// Entries of keys and members of large collections carry a mark of one bit. At the cut the shard's
// mark flips: what was there has the old one until the snapshot has it, what comes into being has
// the new one from the start. So each part is told here at most once, and without a snapshot all
// marks are the same and nobody asks.
//
// Lists and streams consist of blocks, and the walk of one knows of each whether it has it. What is
// being read carries the number of its walk (ReaderId) and tells it of each change: the segments of
// a list, a stream, its groups. Numbers are not used again, so one that is left behind is harmless;
// who finds that nobody has it puts it out.
//
// Called by the holder of the shard, in the middle of a change: nothing may change but the mark.
#pragma once

#include <cstdint>
#include <string_view>

#include "src/data/entry.h"
#include "src/data/stream_id.h"

namespace pollux {

class Collection;
class StreamConsumer;
class StreamGroup;
class StreamPending;
struct ListNode;
struct StreamBlock;

using ReaderId = uint32_t;  // 0: nobody

// Who reads a large list. Segments are known by the numbers that it has given them.
class ListReader {
 public:
  virtual ~ListReader() = default;
  // Nodes come into the segment, go, or change. False: it is not read any more.
  virtual bool before_nodes(uint32_t segment) = 0;
  // The node's block is written to. Behind before_nodes, as the next one.
  virtual void before_write(uint32_t segment, const ListNode& node) = 0;
  // The node's block goes. True: it is the reader's from here on.
  virtual bool takes(uint32_t segment, const ListNode& node) = 0;
};

// Who reads a stream.
class StreamReader {
 public:
  virtual ~StreamReader() = default;
  // A block comes, is written to, goes. True: it is the reader's from here on.
  virtual void before_block(StreamId first) = 0;
  virtual void before_write(StreamId first, const StreamBlock& block) = 0;
  virtual bool takes(StreamId first, const StreamBlock& block) = 0;
  // The group goes. True: the reader gives it back later (ShardMemory::give_back).
  virtual bool takes(StreamGroup& group) = 0;
  // Whether it reads the group still; only then it may be told what changes in it.
  virtual bool reads(const StreamGroup& group) const = 0;
  // What is pending under this id changes or goes; null: it comes.
  virtual void before_pending(const StreamGroup& group, StreamId id, const StreamPending* was) = 0;
  // The consumer changes or goes; null: it comes.
  virtual void before_consumer(const StreamGroup& group, std::string_view name,
                               const StreamConsumer* was) = 0;
  // The same for the ids that are pending with it.
  virtual void before_id(const StreamGroup& group, const StreamConsumer& consumer, StreamId id,
                         bool was_there) = 0;
  // The last that is heard of this consumer.
  virtual void consumer_goes(const StreamGroup& group, const StreamConsumer& consumer) = 0;
};

class PreImages {
 public:
  virtual ~PreImages() = default;

  // A key, whose value is its own still. A small value is taken down here; of a large one its parts
  // are told one by one from here on. `db`: the number that its database had at the cut.
  virtual void before_key(uint32_t db, Entry& entry) = 0;
  // A member of a large collection whose key was told.
  virtual void before_member(Entry& member) = 0;

  // A large collection, or a long string's block, belongs to no key any more. True: the snapshot
  // reads it still, and gives it back later (ShardMemory::give_back).
  virtual bool keep(Collection& collection) = 0;
  virtual bool keep(const Entry::Outside& block) = 0;
  // Whether the snapshot reads this block still: then it must not be written to.
  virtual bool reads(const Entry::Outside& block) const = 0;
  // Whose number that is; null: nobody's any more.
  virtual ListReader* list_reader(ReaderId id) = 0;
  virtual StreamReader* stream_reader(ReaderId id) = 0;
};

}  // namespace pollux
