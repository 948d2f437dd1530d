// Streams through their bytes and back, of all three types, and what is refused. That redis-server
// reads and writes the same is tested in tests/integration/test_dump.py.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "src/data/stream.h"
#include "src/rdb/test_codec.h"

namespace pollux {
namespace {

class StreamCodec : public CodecTest {
 protected:
  // A stream of entries 10-0, 10-1, ..., every fifth deleted, and two groups.
  const Entry* make(int entries) {
    Edit edit(keys_, Key::of("k"));
    Stream* const stream = edit.memory().make<Stream>();
    for (uint64_t i = 0; i < static_cast<uint64_t>(entries); ++i) {
      const std::string text = std::to_string(i * i);
      const std::string_view fields[] = {"field", text, i % 3 == 0 ? "other" : "same", "x"};
      stream->append({10, i}, fields, limits_);
      if (i % 5 == 4) {
        stream->erase({10, i - 1});
      }
    }
    if (entries > 3) {
      StreamGroup& group = stream->add_group("group", {10, 2}, 3);
      StreamConsumer& alice = group.add_consumer("alice", 1000);
      StreamConsumer& bob = group.add_consumer("bob", 2000);
      group.add({10, 0}, {1500, 1, &bob});
      group.add({10, 1}, {1600, 7, &alice});
      group.add({10, 2}, {1700, 1, &bob});
      stream->add_group("idle", {0, 0}, StreamGroup::kUnknown);
    }
    edit.set_collection(ValueType::kStream, Encoding::kStream, stream);
    edit.notify(KeyEvent::kXAdd);
    return edit.entry();
  }

  static std::string bytes_of(const Entry& entry) {
    return CodecTest::bytes_of(entry, /*compress=*/false);
  }
};

constexpr RdbType kType = RdbType::kStreamListpacks2;

TEST_F(StreamCodec, ComesBack) {
  for (const int entries : {0, 1, 4, 99, 100, 101, 5000}) {
    const Entry* entry = make(entries);
    ASSERT_EQ(rdb_type_of(*entry), kType);
    const std::string bytes = bytes_of(*entry);
    const Entry* again = read(kType, bytes);
    ASSERT_NE(again, nullptr) << entries;
    EXPECT_EQ(again->type(), ValueType::kStream);
    EXPECT_EQ(bytes_of(*again), bytes);
    EXPECT_EQ(Stream::of(*again).length(), Stream::of(*entry).length());
    for (size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 300) {
      EXPECT_EQ(read(kType, bytes.substr(0, size)), nullptr) << size;
    }
  }
}

// --- what is written piece by piece ---

std::string id_bytes(uint64_t ms, uint64_t seq) {
  const uint64_t words[] = {__builtin_bswap64(ms), __builtin_bswap64(seq)};
  return {reinterpret_cast<const char*>(words), sizeof words};
}

std::string time_bytes(int64_t ms) { return {reinterpret_cast<const char*>(&ms), sizeof ms}; }

class Body {
 public:
  Body& n(uint64_t length) {
    out_.length(length);
    return *this;
  }
  Body& s(std::string_view text) {
    out_.text(text);
    return *this;
  }
  Body& raw(std::string_view bytes) {
    out_.bytes(bytes);
    return *this;
  }
  operator std::string() { return sink_.take(); }  // NOLINT: implicit

 private:
  TestSink sink_;
  RdbWriter out_{sink_, /*compress=*/false};
};

// A block of one entry {f: v} with the block's id.
std::string block_of_one() {
  const std::string_view fields[] = {"f", "v"};
  std::string block(BlockView::bytes_of_first(fields), '\0');
  BlockView::write_first(fields, block.data());
  return block;
}

TEST_F(StreamCodec, TypesOfOtherServers) {
  const std::string block = block_of_one();
  const auto blocks = [&](Body& body) -> Body& {
    return body.n(1).s(id_bytes(1, 1)).s(block).n(1).n(1).n(1);
  };
  Body of_5;
  blocks(of_5).n(1).s("g").n(1).n(1).n(1).raw(id_bytes(1, 1)).raw(time_bytes(5)).n(3).n(1).s("c")
      .raw(time_bytes(9)).n(1).raw(id_bytes(1, 1));
  const Entry* entry = read(RdbType::kStreamListpacks, of_5);
  ASSERT_NE(entry, nullptr);
  const Stream* stream = &Stream::of(*entry);
  EXPECT_EQ(stream->entries_added(), 1U);
  EXPECT_EQ(stream->group("g")->entries_read, 1);
  EXPECT_EQ(stream->group("g")->find({1, 1})->deliveries(), 3U);
  EXPECT_EQ(stream->group("g")->consumer("c")->seen_ms(), 9);
  EXPECT_EQ(stream->group("g")->consumer("c")->active_ms(), 9);

  Body of_7_2;
  blocks(of_7_2).n(1).n(1).n(0).n(0).n(7).n(1).s("g").n(0).n(0).n(0).n(0).n(1).s("c")
      .raw(time_bytes(9)).raw(time_bytes(8)).n(0);
  entry = read(RdbType::kStreamListpacks3, of_7_2);
  ASSERT_NE(entry, nullptr);
  stream = &Stream::of(*entry);
  EXPECT_EQ(stream->entries_added(), 7U);
  EXPECT_EQ(stream->group("g")->consumer("c")->seen_ms(), 9);
  EXPECT_EQ(stream->group("g")->consumer("c")->active_ms(), 8);
}

class StreamBody : public StreamCodec {
 protected:
  // The facts of `length` entries up to `last`, and the number of groups.
  static Body& facts(Body& body, uint64_t length, uint64_t last_ms, uint64_t groups) {
    return body.n(length).n(last_ms).n(1).n(0).n(0).n(0).n(0).n(length).n(groups);
  }
  Body& block(Body& body, uint64_t ms) { return body.s(id_bytes(ms, 1)).s(block_); }
  // A group "g" with these ids (ms, seq 1) pending, and consumers follow.
  static Body& group(Body& body, const std::vector<uint64_t>& pending, uint64_t consumers) {
    body.s("g").n(1).n(1).n(1).n(pending.size());
    for (const uint64_t ms : pending) {
      body.raw(id_bytes(ms, 1)).raw(time_bytes(5)).n(1);
    }
    return body.n(consumers);
  }
  static Body& consumer(Body& body, std::string_view name, const std::vector<uint64_t>& pending) {
    body.s(name).raw(time_bytes(9)).n(pending.size());
    for (const uint64_t ms : pending) {
      body.raw(id_bytes(ms, 1));
    }
    return body;
  }

  const std::string block_ = block_of_one();
};

TEST_F(StreamBody, BlocksAreInOrder) {
  const auto two = [&](uint64_t first, uint64_t second, uint64_t length, uint64_t last) {
    Body body;
    block(block(body.n(2), first), second);
    facts(body, length, last, 0);
    return read(kType, body);
  };
  EXPECT_NE(two(1, 2, 2, 2), nullptr);
  EXPECT_NE(two(1, 2, 2, 3), nullptr);
  EXPECT_EQ(two(2, 1, 2, 2), nullptr);
  EXPECT_EQ(two(1, 1, 2, 2), nullptr);
  EXPECT_EQ(two(1, 2, 3, 2), nullptr);  // a length that is not theirs
  EXPECT_EQ(two(1, 2, 2, 1), nullptr);  // a last id before the last entry
  Body short_id;
  short_id.n(1).s("0123456").s(block_);
  EXPECT_EQ(read(kType, facts(short_id, 1, 1, 0)), nullptr);
}

TEST_F(StreamBody, WhatIsPendingIsPendingOnce) {
  const auto with = [&](auto fill) {
    Body body;
    facts(block(body.n(1), 1), 1, 1, 1);
    fill(body);
    return read(kType, body);
  };
  EXPECT_NE(with([](Body& b) { consumer(consumer(group(b, {1, 2}, 2), "a", {1}), "b", {2}); }),
            nullptr);
  EXPECT_EQ(with([](Body& b) { consumer(consumer(group(b, {1, 2}, 2), "a", {1}), "b", {}); }),
            nullptr);
  EXPECT_EQ(with([](Body& b) { consumer(consumer(group(b, {1, 2}, 2), "a", {1, 2}), "b", {2}); }),
            nullptr);
  EXPECT_EQ(with([](Body& b) { consumer(group(b, {1}, 1), "a", {1, 2}); }), nullptr);
  EXPECT_EQ(with([](Body& b) { consumer(group(b, {2, 1}, 1), "a", {1, 2}); }), nullptr);
  EXPECT_EQ(with([](Body& b) { consumer(group(b, {1, 1}, 1), "a", {1}); }), nullptr);
  EXPECT_EQ(with([](Body& b) { consumer(consumer(group(b, {1}, 2), "a", {1}), "a", {}); }),
            nullptr);
}

TEST_F(StreamBody, GroupsComeOnce) {
  Body body;
  group(group(facts(block(body.n(1), 1), 1, 1, 2), {}, 0), {}, 0);
  EXPECT_EQ(read(kType, body), nullptr);
}

TEST_F(StreamBody, ClaimsAreWeighedAgainstTheBytes) {
  Body blocks;
  blocks.n(uint64_t{1} << 60);
  EXPECT_EQ(read(kType, blocks), nullptr);
  Body groups;
  EXPECT_EQ(read(kType, facts(block(groups.n(1), 1), 1, 1, uint64_t{1} << 60)), nullptr);
  Body pending;
  facts(block(pending.n(1), 1), 1, 1, 1).s("g").n(1).n(1).n(1).n(uint64_t{1} << 40);
  EXPECT_EQ(read(kType, pending), nullptr);
  Body ids;
  group(facts(block(ids.n(1), 1), 1, 1, 1), {}, 1).s("c").raw(time_bytes(1)).n(UINT64_MAX);
  EXPECT_EQ(read(kType, ids), nullptr);
}

}  // namespace
}  // namespace pollux
