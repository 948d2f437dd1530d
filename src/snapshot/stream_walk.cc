#include "src/snapshot/stream_walk.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "src/base/assert.h"
#include "src/snapshot/group_image.h"

namespace pollux {

namespace {

class StreamWalk final : public ValueWalk, public StreamReader {
 public:
  StreamWalk(Stream& stream, ShardMemory& memory)
      : memory_(memory),
        id_(memory.new_reader()),
        stream_(stream),
        facts_(stream),
        notes_(memory.arena()),
        blocks_(notes_, stream.blocks()) {
    stream.be_read(id_);
    groups_.reserve(stream.groups().size());
    image_of_.reserve(stream.groups().size());
    for (auto at = stream.groups().first(); !at.at_end(); at.next()) {
      groups_.push_back(std::make_unique<GroupImage>(notes_, *at.value()));
      image_of_.emplace(at.value(), groups_.back().get());
    }
  }
  ~StreamWalk() override { POLLUX_ASSERT(held_bytes_ == 0 && image_of_.empty()); }

  bool write_some(RdbWriter* out, uint64_t until) override {
    if (out == nullptr) {
      return let_go(until);
    }
    if (!begun_) {
      begun_ = true;
      out->length(blocks_.size());
    }
    if (!blocks_written_) {
      if (!write_blocks(*out, until)) {
        return false;
      }
      blocks_written_ = true;
      write_rdb_stream_facts(facts_, *out);
    }
    while (group_ < groups_.size()) {
      if (!groups_[group_]->write_some(*out, until) || !end_group(until)) {
        return false;
      }
    }
    return true;
  }

  ReaderId reader_id() const override { return id_; }
  StreamReader* stream_reader() override { return this; }
  size_t held_bytes() const override { return held_bytes_ + notes_.bytes(); }

  // --- blocks ---
  void before_block(StreamId first) override {
    if (blocks_.wants(first)) {
      blocks_.note_absent(first);
    }
  }

  void before_write(StreamId first, const StreamBlock& block) override {
    if (!blocks_.wants(first)) {
      return;
    }
    const std::string_view listpack = Listpack::whole(block.bytes);
    const size_t capacity = Arena::usable(listpack.size());
    char* const copy = memory_.new_outside(capacity).data;
    std::memcpy(copy, listpack.data(), listpack.size());
    hold(first, {copy, capacity});
  }

  bool takes(StreamId first, const StreamBlock& block) override {
    if (!blocks_.wants(first)) {
      return false;
    }
    hold(first, {block.bytes, block.capacity});
    return true;
  }

  // --- groups ---
  bool reads(const StreamGroup& group) const override { return image_of_.contains(&group); }
  bool takes(StreamGroup& group) override {
    const auto image = image_of_.find(&group);
    if (image == image_of_.end()) {
      return false;
    }
    image->second->kept = true;
    return true;
  }
  void before_pending(const StreamGroup& group, StreamId id, const StreamPending* was) override {
    image_of_.at(&group)->before_pending(id, was);
  }
  void before_consumer(const StreamGroup& group, std::string_view name,
                       const StreamConsumer* was) override {
    image_of_.at(&group)->before_consumer(name, was);
  }
  void before_id(const StreamGroup& group, const StreamConsumer& consumer, StreamId id,
                 bool was_there) override {
    image_of_.at(&group)->before_id(consumer, id, was_there);
  }
  void consumer_goes(const StreamGroup& group, const StreamConsumer& consumer) override {
    image_of_.at(&group)->consumer_goes(consumer);
  }

 private:
  struct BlockWas {
    char* bytes;
    size_t capacity;
  };

  void hold(StreamId first, const BlockWas& block) {
    blocks_.note(first, block);
    memory_.hold({block.bytes, block.capacity, block.capacity});
    held_bytes_ += Arena::usable(block.capacity);
  }
  void free_held(const BlockWas& block) {
    held_bytes_ -= Arena::usable(block.capacity);
    memory_.free_held({block.bytes, block.capacity, block.capacity});
  }

  bool write_blocks(RdbWriter& out, uint64_t until) {
    const auto was_of = [](const StreamBlock& block) {
      return BlockWas{block.bytes, block.capacity};
    };
    const auto write = [this, &out](StreamId first, const BlockWas& block, bool held) {
      if (!write_block(first, Listpack::whole(block.bytes), out)) {
        return false;
      }
      if (held) {
        free_held(block);
      }
      return true;
    };
    return blocks_.walk(&stream_.blocks(), was_of, write, 1, until) &&
           blocks_.clear([](const BlockWas&) {}, until);
  }

  // A long one piece by piece: false if that was not the last.
  bool write_block(StreamId first, std::string_view listpack, RdbWriter& out) {
    if (listpack.size() < kWalkBytesAtOnce) {
      write_rdb_stream_block(first, listpack, out);
      return true;
    }
    if (written_ == 0) {
      write_rdb_long_block_head(first, listpack.size(), out);
    }
    const std::string_view piece = listpack.substr(written_, kWalkBytesAtOnce);
    out.bytes(piece);
    written_ += piece.size();
    if (written_ < listpack.size()) {
      return false;
    }
    written_ = 0;
    return true;
  }

  // Of the first one, nothing is noted any more.
  bool end_group(uint64_t until) {
    GroupImage& image = *groups_[group_];
    image_of_.erase(&image.group());
    if (!image.clear(until)) {
      return false;
    }
    if (image.kept) {
      memory_.give_back(&image.group());
    }
    groups_[group_].reset();
    ++group_;
    return true;
  }

  // Nobody wants the rest.
  bool let_go(uint64_t until) {
    if (!blocks_.clear([this](const BlockWas& block) { free_held(block); }, until)) {
      return false;
    }
    while (group_ < groups_.size()) {
      if (!end_group(until)) {
        return false;
      }
    }
    return true;
  }

  ShardMemory& memory_;
  const ReaderId id_;
  Stream& stream_;
  const RdbStreamFacts facts_;
  CountedArena notes_;
  TreeImage<StreamId, StreamBlock, BlockWas> blocks_;
  std::vector<std::unique_ptr<GroupImage>> groups_;  // null: written
  std::unordered_map<const StreamGroup*, GroupImage*> image_of_;  // of those that are not
  size_t group_ = 0;    // which is written next
  size_t written_ = 0;  // of a long block
  bool begun_ = false;
  bool blocks_written_ = false;
  size_t held_bytes_ = 0;
};

}  // namespace

std::unique_ptr<ValueWalk> stream_walk(Stream& stream, ShardMemory& memory) {
  return std::make_unique<StreamWalk>(stream, memory);
}

}  // namespace pollux
