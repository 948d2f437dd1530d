#include "src/data/stream.h"

#include <algorithm>
#include <cstring>

#include "src/base/assert.h"
#include "src/base/slice_time.h"
#include "src/data/shard_memory.h"

namespace pollux {

namespace {

constexpr int64_t kBlockBytesMax = Listpack::kBytesMax;

// stream-node-max-bytes; 0 stands for no limit.
size_t block_bytes_max(const EncodingLimits& limits) {
  const int64_t said = limits.stream_node_bytes;
  return static_cast<size_t>(said == 0 || said > kBlockBytesMax ? kBlockBytesMax : said);
}

size_t text_bytes(StreamFields fields) {
  size_t bytes = 0;
  for (const std::string_view text : fields) {
    bytes += text.size();
  }
  return bytes;
}

}  // namespace

Stream::Stream(ShardMemory& memory) : Collection(memory), arena_(memory.arena()) {}

Stream::~Stream() { POLLUX_ASSERT(blocks_.empty() && groups_.empty()); }

size_t Stream::size() const {
  size_t size = length_;
  for (auto at = groups_.first(); !at.at_end(); at.next()) {
    size += 1 + at.value()->size();
  }
  return size;
}

size_t Stream::bytes() const {
  size_t bytes = Arena::usable(sizeof(*this)) + arena_.bytes() + block_bytes_;
  for (auto at = groups_.first(); !at.at_end(); at.next()) {
    bytes += at.value()->bytes();
  }
  return bytes;
}

Stream* Stream::clone(ShardMemory& memory) const {
  Stream* const copy = memory.make<Stream>();
  for_each_block([copy](StreamId first, std::string_view listpack) {
    copy->adopt_block(first, listpack);
  });
  copy->last_id_ = last_id_;
  copy->max_deleted_id_ = max_deleted_id_;
  copy->entries_added_ = entries_added_;
  for (auto at = groups_.first(); !at.at_end(); at.next()) {
    StreamGroup* const group = at.value()->clone(memory);
    copy->groups_.insert(group->name(), group);
  }
  return copy;
}

bool Stream::free_some(uint64_t until) {
  while (!groups_.empty()) {
    StreamGroup* const group = groups_.last().value();
    if (group->free_some(until)) {
      return true;
    }
    groups_.erase(group->name());
    memory_.bury(group);  // at once: nothing is left in it
  }
  while (!blocks_.empty()) {
    const auto last = blocks_.last();
    const StreamId id = last.key();
    length_ -= BlockView(id, last.value().bytes).live();
    free_block(id, last.value());
    blocks_.erase(id);
    if (out_of_time(until) && !blocks_.empty()) {
      return true;
    }
  }
  return false;
}

void Stream::member_moved(Handle /*from*/, Handle /*to*/) { POLLUX_ASSERT(false); }

// --- reading ---

uint64_t Stream::count(StreamId from, StreamId to, uint64_t max) const {
  uint64_t count = 0;
  auto block = blocks_.up_to(from);
  if (block.at_end()) {
    block = blocks_.first();
  }
  while (!block.at_end() && block.key() <= to && count < max) {
    const StreamId first = block.key();
    const BlockView view(first, block.value().bytes);
    block.next();
    const bool ends_inside = block.at_end() ? last_id_ <= to : block.key() <= to;
    if (first >= from && ends_inside) {
      count += view.live();
      continue;
    }
    for (BlockView::Position at = view.first(); at < view.end() && count < max;) {
      const StreamEntry entry = view.take(at);
      count += !entry.deleted && entry.id >= from && entry.id <= to ? 1 : 0;
    }
  }
  return std::min(count, max);
}

std::optional<Stream::Spot> Stream::find(StreamId id) const {
  const auto block = blocks_.up_to(id);
  if (block.at_end()) {
    return std::nullopt;
  }
  const BlockView view(block.key(), block.value().bytes);
  for (BlockView::Position at = view.first(); at < view.end();) {
    const BlockView::Position here = at;
    const StreamEntry entry = view.take(at);
    if (!entry.deleted && entry.id >= id) {
      return entry.id == id ? std::optional(Spot{block.key(), here}) : std::nullopt;
    }
  }
  return std::nullopt;
}

bool Stream::contains(StreamId id) const { return find(id).has_value(); }

StreamId Stream::last_entry_id() const {
  StreamId id;
  walk_back(kStreamIdMin, kStreamIdMax, [&id](const StreamEntry& entry) {
    id = entry.id;
    return false;
  });
  return id;
}

void Stream::find_first_id() {
  first_id_ = kStreamIdMin;
  walk(kStreamIdMin, kStreamIdMax, [this](const StreamEntry& entry) {
    first_id_ = entry.id;
    return false;
  });
}

// --- blocks ---

Stream::Block Stream::new_block(size_t capacity) {
  block_bytes_ += Arena::usable(capacity);
  return {memory_.new_outside(capacity).data, static_cast<uint32_t>(capacity), ++serial_};
}

void Stream::insert_block(StreamId id, const Block& block) {
  if (StreamReader* const reader = this->reader()) {
    reader->before_block(id);
  }
  blocks_.insert(id, block);
}

void Stream::free_block(StreamId id, const Block& block) {
  block_bytes_ -= Arena::usable(block.capacity);
  if (is_taken(id, block)) {
    return;
  }
  memory_.free_outside({block.bytes, block.capacity, block.capacity});
}

// The same listpack with other room.
void Stream::reblock(StreamId id, Block& block, size_t capacity) {
  Block fresh = new_block(capacity);
  const std::string_view listpack = Listpack::whole(block.bytes);
  std::memcpy(fresh.bytes, listpack.data(), listpack.size());
  free_block(id, block);
  fresh.serial = block.serial;
  block = fresh;
}

// Behind before_write.
void Stream::set_counts(StreamId id, Block& block, uint64_t live, uint64_t deleted) {
  const BlockView view(id, block.bytes);
  const size_t needed = view.bytes_with_counts(live, deleted);
  if (needed > block.capacity) {
    reblock(id, block, Arena::usable(needed));
  }
  view.set_counts(live, deleted, block.bytes);
}

// --- changing ---

bool Stream::fits(StreamFields fields) {
  // Each element has a length before and behind it.
  constexpr size_t kElementMore = 10;
  return text_bytes(fields) + (fields.size() + 8) * kElementMore <= Listpack::kBytesMax;
}

void Stream::append(StreamId id, StreamFields fields, const EncodingLimits& limits) {
  if (!blocks_.empty() && blocks_.last().key() >= id) {
    // The last id was set back to before this block, so nothing in it lives.
    const StreamId empty = blocks_.last().key();
    free_block(empty, blocks_.last().value());
    blocks_.erase(empty);
  }
  if (Block* const tail = tail_for(fields, limits)) {
    const StreamId first = blocks_.last().key();
    const BlockView view(first, tail->bytes);
    const BlockView::Append plan = view.plan_append(id, fields);
    if (plan.total > tail->capacity) {
      const size_t doubled = std::min(size_t{tail->capacity} * 2, block_bytes_max(limits));
      reblock(first, *tail, Arena::usable(std::max(plan.total, doubled)));
    }
    before_write(first, *tail);
    view.append(plan, id, fields, tail->bytes);
  } else {
    start_block(id, fields);
  }
  ++entries_added_;
  last_id_ = id;
  if (++length_ == 1) {
    first_id_ = id;
  }
}

// The last block, if it takes one more. One that does not is cut to size.
Stream::Block* Stream::tail_for(StreamFields fields, const EncodingLimits& limits) const {
  if (blocks_.empty()) {
    return nullptr;
  }
  Block& tail = blocks_.last().value();
  const BlockView view(blocks_.last().key(), tail.bytes);
  const auto entries_max = static_cast<uint64_t>(limits.stream_node_entries);
  const bool has_room = view.pack().bytes() + text_bytes(fields) < block_bytes_max(limits);
  return has_room && (entries_max == 0 || view.live() + view.deleted() < entries_max) ? &tail
                                                                                     : nullptr;
}

void Stream::start_block(StreamId id, StreamFields fields) {
  size_t expected = 0;
  if (!blocks_.empty()) {
    Block& full = blocks_.last().value();
    expected = Listpack::whole(full.bytes).size();
    const size_t wanted = Arena::usable(expected);
    if (wanted < full.capacity - full.capacity / 8) {
      reblock(blocks_.last().key(), full, wanted);
    }
  }
  // It will be like the last one. But an eighth of the stream is room at most, so that a short one
  // takes what it needs.
  const size_t bytes = BlockView::bytes_of_first(fields);
  const Block block =
      new_block(Arena::usable(std::max(bytes, std::min(block_bytes_ / 8, expected))));
  BlockView::write_first(fields, block.bytes);
  insert_block(id, block);
}

bool Stream::erase(StreamId id) {
  const auto spot = find(id);
  if (!spot) {
    return false;
  }
  Block& block = *blocks_.find(spot->block);
  const BlockView view(spot->block, block.bytes);
  if (view.live() == 1) {
    free_block(spot->block, block);
    blocks_.erase(spot->block);
  } else {
    before_write(spot->block, block);
    BlockView::flag_deleted(block.bytes, spot->at);
    set_counts(spot->block, block, view.live() - 1, view.deleted() + 1);
  }
  --length_;
  max_deleted_id_ = std::max(max_deleted_id_, id);
  if (id == first_id_) {
    find_first_id();
  }
  return true;
}

void Stream::adopt_block(StreamId first, std::string_view listpack) {
  const Block block = new_block(Arena::usable(listpack.size()));
  std::memcpy(block.bytes, listpack.data(), listpack.size());
  insert_block(first, block);
  const bool was_empty = length_ == 0;
  length_ += BlockView(first, block.bytes).live();
  if (was_empty) {
    find_first_id();
  }
}

// --- groups ---

StreamGroup& Stream::add_group(std::string_view name, StreamId last_id, int64_t entries_read) {
  StreamGroup* const group = memory_.make<StreamGroup>(name);
  group->set_last_id(last_id);
  group->entries_read = entries_read;
  groups_.insert(group->name(), group);
  return *group;
}

void Stream::remove_group(StreamGroup& group) {
  groups_.erase(group.name());
  StreamReader* const reader = this->reader();
  if (reader != nullptr && reader->takes(group)) {
    memory_.keep(group);
  } else {
    memory_.bury(&group);
  }
}

void Stream::be_read(ReaderId reader) {
  reader_ = reader;
  for (auto at = groups_.first(); !at.at_end(); at.next()) {
    at.value()->be_read(reader);
  }
}

StreamReader* Stream::find_reader() {
  StreamReader* const reader = memory_.stream_reader(reader_);
  if (reader == nullptr) {
    reader_ = 0;
  }
  return reader;
}

bool Stream::is_referenced(StreamId id) const {
  for (auto at = groups_.first(); !at.at_end(); at.next()) {
    if (id > at.value()->last_id() || at.value()->find(id) != nullptr) {
      return true;
    }
  }
  return false;
}

bool Stream::forget(StreamId id, StreamLosses* losses) {
  bool known = false;
  for (auto at = groups_.first(); !at.at_end(); at.next()) {
    if (at.value()->acknowledge(id)) {
      known = true;
      if (losses != nullptr) {
        losses->references.push_back({at.value(), id});
      }
    }
  }
  return known;
}

// Whether one of the entries that are there, or of those between them, was deleted by its id.
bool Stream::has_gaps() const {
  return max_deleted_id_ != kStreamIdMin && max_deleted_id_ >= first_id_;
}

// Whether that was one from `id` on, so that counting on is in vain.
bool Stream::has_gaps_from(StreamId id) const {
  return length_ > 0 && has_gaps() && max_deleted_id_ >= id;
}

// How many entries were ever added up to this one, if that can be said.
int64_t Stream::estimate_read(StreamId id) const {
  const auto added = static_cast<int64_t>(entries_added_);
  if (added == 0) {
    return 0;
  }
  if ((length_ == 0 && id <= last_id_) || id == last_id_) {
    return added;
  }
  if (id > last_id_ || has_gaps() || id > first_id_) {
    return StreamGroup::kUnknown;
  }
  return added - static_cast<int64_t>(length_) + (id == first_id_ ? 1 : 0);
}

void Stream::note_read(StreamGroup& group, StreamId id) const {
  if (group.entries_read != StreamGroup::kUnknown && !has_gaps_from(id)) {
    // Clients may have set it to the greatest number; it goes round as in redis-server.
    group.entries_read = static_cast<int64_t>(static_cast<uint64_t>(group.entries_read) + 1);
  } else if (entries_added_ > 0) {
    group.entries_read = estimate_read(id);
  }
  group.read_on_to(id);
}

std::optional<int64_t> Stream::lag(const StreamGroup& group) const {
  if (entries_added_ == 0) {
    return 0;
  }
  const StreamId last = group.last_id();
  const bool counts = group.entries_read != StreamGroup::kUnknown && !has_gaps_from(last);
  const int64_t read = counts ? group.entries_read : estimate_read(last);
  return read == StreamGroup::kUnknown
             ? std::nullopt
             : std::optional(static_cast<int64_t>(entries_added_ - static_cast<uint64_t>(read)));
}

}  // namespace pollux
