#include "src/data/stream_block.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/data/test_bytes.h"

namespace pollux {
namespace {

std::string text_of(const PackedValue& value) {
  char scratch[kInt64TextMax];
  return std::string(value.text(scratch));
}

std::string shown(const StreamEntry& entry) {
  char id[kStreamIdTextMax];
  std::string text(id, format_stream_id(entry.id, id));
  text += entry.deleted ? " deleted" : "";
  entry.for_each([&](const PackedValue& name, const PackedValue& value) {
    text += " " + text_of(name) + "=" + text_of(value);
  });
  return text;
}

std::vector<std::string> all(const BlockView& block) {
  std::vector<std::string> out;
  for (BlockView::Position at = block.first(); at < block.end();) {
    out.push_back(shown(block.take(at)));
  }
  return out;
}

// A block in a string.
class Made {
 public:
  Made(StreamId id, StreamFields fields) : id_(id), bytes_(BlockView::bytes_of_first(fields), 0) {
    BlockView::write_first(fields, bytes_.data());
  }
  BlockView view() const { return {id_, bytes_.data()}; }
  const std::string& bytes() const { return bytes_; }

  void append(StreamId id, StreamFields fields) {
    const BlockView::Append plan = view().plan_append(id, fields);
    const std::string before = bytes_;
    bytes_.resize(plan.total);
    BlockView(id_, before.data()).append(plan, id, fields, bytes_.data());
    ASSERT_EQ(view().pack().bytes(), bytes_.size());
  }
  void erase(size_t index) {
    BlockView::Position at = view().first();
    BlockView::Position here = at;
    for (size_t i = 0; i <= index; ++i) {
      here = at;
      view().take(at);
    }
    BlockView::flag_deleted(bytes_.data(), here);
    const std::string before = bytes_;
    const BlockView old(id_, before.data());
    bytes_.resize(std::max(old.bytes_with_counts(old.live() - 1, old.deleted() + 1),
                           before.size()));
    old.set_counts(old.live() - 1, old.deleted() + 1, bytes_.data());
    bytes_.resize(view().pack().bytes());
  }

 private:
  StreamId id_;
  std::string bytes_;
};

// XADD k 5-1 name ab 1 300, XADD k 5-3 name x 1 -5, XADD k 7-0 other y, XDEL k 5-3; DUMP k of
// redis-server 7.0.15.
const std::string kOfRedis = from_hex(
    "490000001900020101010201846e616d65050101000102010001000182616203c12c02050103010001020181"
    "7802dffb02050100010201dfff020101856f74686572068179020601ff");

TEST(StreamBlock, ReadsWhatRedisHasWritten) {
  ASSERT_TRUE(BlockView::valid({5, 1}, kOfRedis));
  const BlockView block({5, 1}, kOfRedis.data());
  EXPECT_EQ(block.live(), 2U);
  EXPECT_EQ(block.deleted(), 1U);
  EXPECT_EQ(all(block), (std::vector<std::string>{"5-1 name=ab 1=300", "5-3 deleted name=x 1=-5",
                                                  "7-0 other=y"}));
  BlockView::Position at = block.end();
  EXPECT_EQ(shown(block.take_back(at)), "7-0 other=y");
  EXPECT_EQ(shown(block.take_back(at)), "5-3 deleted name=x 1=-5");
  EXPECT_EQ(shown(block.take_back(at)), "5-1 name=ab 1=300");
  EXPECT_EQ(at, block.first());
}

TEST(StreamBlock, WritesTheSameBytes) {
  Made block({5, 1}, std::vector<std::string_view>{"name", "ab", "1", "300"});
  block.append({5, 3}, std::vector<std::string_view>{"name", "x", "1", "-5"});
  block.append({7, 0}, std::vector<std::string_view>{"other", "y"});
  block.erase(1);
  EXPECT_EQ(block.bytes(), kOfRedis);
}

TEST(StreamBlock, CountsGrowAcrossTheWidthsOfIntegers) {
  Made block({1, 0}, std::vector<std::string_view>{"f", "0"});
  std::vector<std::string> expected{"1-0 f=0"};
  for (uint64_t n = 1; n < 300; ++n) {
    const std::string value = std::to_string(n * n);
    block.append({1, n}, std::vector<std::string_view>{n % 5 == 0 ? "g" : "f", value});
    expected.push_back("1-" + std::to_string(n) + (n % 5 == 0 ? " g=" : " f=") + value);
  }
  ASSERT_EQ(all(block.view()), expected);
  for (size_t i = 20; i < 280; ++i) {
    block.erase(i);
    expected[i].insert(expected[i].find(' '), " deleted");
  }
  EXPECT_EQ(all(block.view()), expected);
  EXPECT_EQ(block.view().live(), 40U);
  EXPECT_EQ(block.view().deleted(), 260U);
  EXPECT_TRUE(BlockView::valid({1, 0}, block.bytes()));
}

TEST(StreamBlock, IdsWrapAroundInTheirDifferences) {
  Made block({1, UINT64_MAX}, std::vector<std::string_view>{"f", "0"});
  block.append({UINT64_MAX, 0}, std::vector<std::string_view>{"f", "1"});
  block.append(kStreamIdMax, std::vector<std::string_view>{"f", "2"});
  ASSERT_TRUE(BlockView::valid({1, UINT64_MAX}, block.bytes()));
  EXPECT_EQ(all(block.view())[1], "18446744073709551615-0 f=1");
  EXPECT_EQ(all(block.view())[2], "18446744073709551615-18446744073709551615 f=2");
}

// Every byte of a block, changed in turn: it is refused, or it is a block all the same.
TEST(StreamBlock, BrokenBytesAreRefusedOrReadable) {
  size_t refused = 0;
  for (size_t i = 0; i < kOfRedis.size(); ++i) {
    for (const int with : {0, 1, 2, 5, 0x7f, 0x81, 0xc1, 0xdf, 0xf1, 0xff}) {
      std::string bytes = kOfRedis;
      bytes[i] = static_cast<char>(with);
      if (!BlockView::valid({5, 1}, bytes)) {
        ++refused;
        continue;
      }
      const BlockView block({5, 1}, bytes.data());
      EXPECT_EQ(all(block).size(), block.live() + block.deleted());
    }
  }
  EXPECT_GT(refused, kOfRedis.size() * 5);
  for (size_t size = 0; size < kOfRedis.size(); ++size) {
    EXPECT_FALSE(BlockView::valid({5, 1}, std::string_view(kOfRedis).substr(0, size)));
  }
  EXPECT_FALSE(BlockView::valid({5, 1}, from_hex("070000000000ff")));
  // Ids before that of the block; a block without an entry.
  EXPECT_FALSE(BlockView::valid({UINT64_MAX, 1}, kOfRedis));
  EXPECT_FALSE(BlockView::valid({5, 1}, from_hex("0f00000004000001000100010001ff")));
}

}  // namespace
}  // namespace pollux
