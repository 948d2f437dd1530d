// The parts of lists and streams in the order of their records (list_codec.cc, stream_codec.cc),
// for who writes a large one in slices. Its type is that of the whole.
#pragma once

#include <cstdint>
#include <string_view>

#include "src/data/list_node.h"
#include "src/data/stream_id.h"
#include "src/rdb/rdb_writer.h"

namespace pollux {

class Stream;
class StreamGroup;

// --- lists: the number of nodes, then each ---
void write_rdb_list_node(const ListNode& node, RdbWriter& out);
// An element that is a node of its own, up to its bytes, which follow as they are. (Of the two
// forms in which it may be written this one needs nothing but its length.)
void write_rdb_plain_head(uint64_t bytes, RdbWriter& out);

// --- streams: the number of blocks, each, the facts, the number of groups, each ---
struct RdbStreamFacts {
  explicit RdbStreamFacts(const Stream& stream);
  uint64_t length;
  StreamId last_id;
  StreamId first_id;
  StreamId max_deleted_id;
  uint64_t entries_added;
  uint64_t groups;
};
void write_rdb_stream_block(StreamId first, std::string_view listpack, RdbWriter& out);
// A block up to the bytes of its listpack, which follow as they are.
void write_rdb_long_block_head(StreamId first, uint64_t bytes, RdbWriter& out);
void write_rdb_stream_facts(const RdbStreamFacts& facts, RdbWriter& out);

// A group: its facts, what is pending, the number of consumers, each.
struct RdbGroupFacts {
  explicit RdbGroupFacts(const StreamGroup& group);
  StreamId last_id;
  int64_t entries_read;
  uint64_t pending;
  uint64_t consumers;
};
void write_rdb_group_head(std::string_view name, const RdbGroupFacts& facts, RdbWriter& out);
void write_rdb_pending(StreamId id, int64_t delivered_ms, uint64_t deliveries, RdbWriter& out);
// A consumer: this, then the ids of what is pending with it.
void write_rdb_consumer_head(std::string_view name, int64_t seen_ms, uint64_t pending,
                             RdbWriter& out);
void write_rdb_pending_id(StreamId id, RdbWriter& out);

}  // namespace pollux
