// Streams: kStreamListpacks2, block by block as they stand, then the groups with what is pending.
//
//   n (id as string, listpack)...  length, last id,
//   first id, largest deleted id, entries added              not in kStreamListpacks
//   n groups: name, last id,
//     entries read                                           not in kStreamListpacks
//     n pending: id (16 bytes), time (8 bytes), deliveries
//     n consumers: name, seen time (8 bytes),
//       active time (8 bytes)                                only in kStreamListpacks3
//       n ids (16 bytes) of what is pending with it
//
// Ids as bytes have the most significant byte first, others are two lengths; times are Unix times
// in ms, little-endian. Blocks and what is pending stand in ascending order, as every server that
// we know of writes them; we insist on it.
#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "src/data/stream.h"
#include "src/rdb/part_codecs.h"
#include "src/rdb/type_codecs.h"

namespace pollux {

namespace {

constexpr size_t kIdBytes = 16;

// --- ids and times ---

struct IdBytes {
  explicit IdBytes(StreamId id) : words{__builtin_bswap64(id.ms), __builtin_bswap64(id.seq)} {
    static_assert(sizeof words == kIdBytes && std::endian::native == std::endian::little);
  }
  std::string_view view() const { return {reinterpret_cast<const char*>(words), sizeof words}; }
  uint64_t words[2];
};

// Requires kIdBytes bytes.
StreamId id_of(std::string_view bytes) {
  uint64_t words[2];
  std::memcpy(words, bytes.data(), sizeof words);
  return {__builtin_bswap64(words[0]), __builtin_bswap64(words[1])};
}

void write_id(StreamId id, RdbWriter& out) {
  out.length(id.ms);
  out.length(id.seq);
}

bool read_id(RdbReader& in, StreamId& id) {
  return in.length(id.ms) && in.length(id.seq);
}

bool read_id_bytes(RdbReader& in, StreamId& id) {
  std::string_view bytes;
  if (!in.bytes(kIdBytes, bytes)) {
    return false;
  }
  id = id_of(bytes);
  return true;
}

bool read_time(RdbReader& in, int64_t& ms) {
  std::string_view bytes;
  if (!in.bytes(sizeof ms, bytes)) {
    return false;
  }
  std::memcpy(&ms, bytes.data(), sizeof ms);
  return true;
}

// --- writing ---

void write_group(const StreamGroup& group, RdbWriter& out) {
  const RdbGroupFacts facts(group);
  write_rdb_group_head(group.name(), facts, out);
  for (auto at = group.pending().first(); !at.at_end(); at.next()) {
    write_rdb_pending(at.key(), at.value().delivered_ms(), at.value().deliveries(), out);
  }
  out.length(facts.consumers);
  for (auto at = group.consumers().first(); !at.at_end(); at.next()) {
    const StreamConsumer& consumer = *at.value();
    write_rdb_consumer_head(consumer.name(), consumer.seen_ms(), consumer.pending().size(), out);
    for (auto id = consumer.pending().first(); !id.at_end(); id.next()) {
      write_rdb_pending_id(id.key(), out);
    }
  }
}

// --- reading ---

// Of the last entry that lives in a block.
StreamId last_id_in(const BlockView& block) {
  for (BlockView::Position at = block.end(); at > block.first();) {
    const StreamEntry entry = block.take_back(at);
    if (!entry.deleted) {
      return entry.id;
    }
  }
  return block.id();
}

struct Pending {
  StreamId id;
  int64_t delivered_ms;
  uint64_t deliveries;
  bool taken;  // by a consumer
};

bool read_blocks(RdbReader& in, Stream& stream) {
  uint64_t count = 0;
  if (!in.length(count)) {
    return false;
  }
  RdbText id;
  RdbText block;
  StreamId last;
  for (uint64_t i = 0; i < count; ++i) {
    if (!in.text(id) || id.view().size() != kIdBytes || !in.text(block)) {
      return false;
    }
    const StreamId first = id_of(id.view());
    const bool behind = i == 0 || first > last;
    if (!behind || block.view().size() > Listpack::kBytesMax ||
        !BlockView::valid(first, block.view())) {
      return false;
    }
    const BlockView view(first, block.view().data());
    last = last_id_in(view);
    if (view.live() > 0) {
      stream.adopt_block(first, block.view());
    }
  }
  return true;
}

// What stands behind the blocks: how many entries there are, and which.
bool read_facts(RdbType type, RdbReader& in, Stream& stream) {
  uint64_t length = 0;
  StreamId last;
  if (!in.length(length) || !read_id(in, last) || length != stream.length()) {
    return false;
  }
  if (length > 0 && stream.last_entry_id() > last) {
    return false;
  }
  stream.set_last_id(last);
  stream.set_entries_added(length);
  if (type == RdbType::kStreamListpacks) {
    return true;
  }
  StreamId first;  // found by the blocks
  StreamId max_deleted;
  uint64_t added = 0;
  if (!read_id(in, first) || !read_id(in, max_deleted) || !in.length(added)) {
    return false;
  }
  stream.set_max_deleted_id(max_deleted);
  stream.set_entries_added(added);
  return true;
}

bool read_pending(RdbReader& in, std::vector<Pending>& all) {
  uint64_t count = 0;
  if (!in.length(count)) {
    return false;
  }
  for (; count > 0; --count) {
    Pending pending{};
    if (!read_id_bytes(in, pending.id) || !read_time(in, pending.delivered_ms) ||
        !in.length(pending.deliveries) || (!all.empty() && pending.id <= all.back().id)) {
      return false;
    }
    all.push_back(pending);
  }
  return true;
}

// A consumer, who takes over what is pending with it.
bool read_consumer(RdbType type, RdbReader& in, std::vector<Pending>& all, StreamGroup& group) {
  RdbText name;
  int64_t seen_ms = 0;
  int64_t active_ms = 0;
  uint64_t count = 0;
  if (!in.text(name) || !read_time(in, seen_ms)) {
    return false;
  }
  active_ms = seen_ms;  // Nobody knows better, as redis-server says where it reads older types.
  const bool there = (type != RdbType::kStreamListpacks3 || read_time(in, active_ms)) &&
                     in.length(count);
  if (!there || group.consumer(name.view()) != nullptr) {
    return false;
  }
  StreamConsumer& consumer = group.add_consumer(name.view(), seen_ms, active_ms);
  for (; count > 0; --count) {
    StreamId id;
    if (!read_id_bytes(in, id)) {
      return false;
    }
    const auto found = std::lower_bound(
        all.begin(), all.end(), id,
        [](const Pending& pending, StreamId wanted) { return pending.id < wanted; });
    if (found == all.end() || found->id != id || found->taken) {
      return false;
    }
    found->taken = true;
    group.add(id, {found->delivered_ms, found->deliveries, &consumer});
  }
  return true;
}

bool read_group(RdbType type, RdbReader& in, Stream& stream) {
  RdbText name;
  StreamId last;
  uint64_t entries_read = static_cast<uint64_t>(StreamGroup::kUnknown);
  const bool there = in.text(name) && read_id(in, last) &&
                     (type == RdbType::kStreamListpacks || in.length(entries_read));
  if (!there || stream.group(name.view()) != nullptr) {
    return false;
  }
  StreamGroup& group =
      stream.add_group(name.view(), last, static_cast<int64_t>(entries_read));
  if (type == RdbType::kStreamListpacks) {
    if (const std::optional<int64_t> lag = stream.lag(group)) {
      group.entries_read = static_cast<int64_t>(stream.entries_added()) - *lag;
    }
  }
  std::vector<Pending> pending;
  uint64_t consumers = 0;
  if (!read_pending(in, pending) || !in.length(consumers)) {
    return false;
  }
  for (; consumers > 0; --consumers) {
    if (!read_consumer(type, in, pending, group)) {
      return false;
    }
  }
  return std::all_of(pending.begin(), pending.end(),
                     [](const Pending& one) { return one.taken; });
}

// --- how far one goes ---

bool skip_ids(RdbReader& in, uint64_t count) {
  std::string_view ignored;
  return in.covers(count, kIdBytes) && in.bytes(count * kIdBytes, ignored);
}

bool skip_group(RdbType type, RdbReader& in) {
  uint64_t count = 0;
  StreamId id;
  int64_t time = 0;
  uint64_t number = 0;
  if (!in.skip_text() || !read_id(in, id) ||
      (type != RdbType::kStreamListpacks && !in.length(number)) ||
      !in.count_of(kIdBytes, count)) {
    return false;
  }
  for (; count > 0; --count) {
    if (!read_id_bytes(in, id) || !read_time(in, time) || !in.length(number)) {
      return false;
    }
  }
  if (!in.count_of(1, count)) {
    return false;
  }
  for (; count > 0; --count) {
    if (!in.skip_text() || !read_time(in, time) ||
        (type == RdbType::kStreamListpacks3 && !read_time(in, time)) || !in.length(number) ||
        !skip_ids(in, number)) {
      return false;
    }
  }
  return true;
}

}  // namespace

// --- parts ---

RdbStreamFacts::RdbStreamFacts(const Stream& stream)
    : length(stream.length()),
      last_id(stream.last_id()),
      first_id(stream.first_id()),
      max_deleted_id(stream.max_deleted_id()),
      entries_added(stream.entries_added()),
      groups(stream.groups().size()) {}

RdbGroupFacts::RdbGroupFacts(const StreamGroup& group)
    : last_id(group.last_id()),
      entries_read(group.entries_read),
      pending(group.pending().size()),
      consumers(group.consumers().size()) {}

void write_rdb_stream_block(StreamId first, std::string_view listpack, RdbWriter& out) {
  out.text(IdBytes(first).view());
  out.text(listpack);
}

void write_rdb_long_block_head(StreamId first, uint64_t bytes, RdbWriter& out) {
  out.text(IdBytes(first).view());
  out.length(bytes);
}

void write_rdb_stream_facts(const RdbStreamFacts& facts, RdbWriter& out) {
  out.length(facts.length);
  write_id(facts.last_id, out);
  write_id(facts.first_id, out);
  write_id(facts.max_deleted_id, out);
  out.length(facts.entries_added);
  out.length(facts.groups);
}

void write_rdb_group_head(std::string_view name, const RdbGroupFacts& facts, RdbWriter& out) {
  out.text(name);
  write_id(facts.last_id, out);
  out.length(static_cast<uint64_t>(facts.entries_read));
  out.length(facts.pending);
}

void write_rdb_pending(StreamId id, int64_t delivered_ms, uint64_t deliveries, RdbWriter& out) {
  out.bytes(IdBytes(id).view());
  out.time(delivered_ms);
  out.length(deliveries);
}

void write_rdb_consumer_head(std::string_view name, int64_t seen_ms, uint64_t pending,
                             RdbWriter& out) {
  out.text(name);
  out.time(seen_ms);
  out.length(pending);
}

void write_rdb_pending_id(StreamId id, RdbWriter& out) { out.bytes(IdBytes(id).view()); }

// --- the whole ---

RdbType rdb_stream_type(const Entry&) {
  return RdbType::kStreamListpacks2;
}

void write_rdb_stream(const Entry& entry, RdbWriter& out) {
  const Stream& stream = Stream::of(entry);
  out.length(stream.block_count());
  stream.for_each_block([&out](StreamId first, std::string_view listpack) {
    write_rdb_stream_block(first, listpack, out);
  });
  write_rdb_stream_facts(RdbStreamFacts(stream), out);
  for (auto at = stream.groups().first(); !at.at_end(); at.next()) {
    write_group(*at.value(), out);
  }
}

bool skip_rdb_stream(RdbType type, RdbReader& in) {
  uint64_t count = 0;
  uint64_t number = 0;
  StreamId id;
  if (!in.count_of(2, count)) {
    return false;
  }
  for (; count > 0; --count) {
    if (!in.skip_text() || !in.skip_text()) {
      return false;
    }
  }
  if (!in.length(number) || !read_id(in, id)) {
    return false;
  }
  if (type != RdbType::kStreamListpacks &&
      (!read_id(in, id) || !read_id(in, id) || !in.length(number))) {
    return false;
  }
  if (!in.count_of(1, count)) {
    return false;
  }
  for (; count > 0; --count) {
    if (!skip_group(type, in)) {
      return false;
    }
  }
  return true;
}

bool read_rdb_stream(RdbType type, RdbReader& in, const EncodingLimits&, LooseValue& out) {
  Stream& stream = out.make_large<Stream>(ValueType::kStream, Encoding::kStream);
  uint64_t groups = 0;
  if (!read_blocks(in, stream) || !read_facts(type, in, stream) || !in.length(groups)) {
    return false;
  }
  for (; groups > 0; --groups) {
    if (!read_group(type, in, stream)) {
      return false;
    }
  }
  return true;
}

}  // namespace pollux
