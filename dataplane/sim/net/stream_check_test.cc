#include "dataplane/sim/net/stream_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

std::vector<uint8_t> stream(uint64_t seed, uint64_t connection, size_t bytes, uint64_t offset = 0) {
  std::vector<uint8_t> out(bytes);
  StreamBytes(seed, connection).fill(out, offset);
  return out;
}

TEST(StreamCheck, AByteIsThatOfItsPlaceHoweverItIsCut) {
  const std::vector<uint8_t> whole = stream(1, 2, 4'000);
  const StreamBytes bytes(1, 2);
  for (size_t i = 0; i < whole.size(); ++i) {
    ASSERT_EQ(bytes.at(i), whole[i]);
  }
  Rng rng(3);
  for (int i = 0; i < 2'000; ++i) {
    const size_t offset = rng.below(whole.size());
    const size_t size = rng.below(whole.size() - offset + 1);
    const std::vector<uint8_t> piece = stream(1, 2, size, offset);
    ASSERT_TRUE(std::ranges::equal(piece, std::span(whole).subspan(offset, size)));
  }
}

TEST(StreamCheck, StreamsDiffer) {
  const std::vector<uint8_t> one = stream(1, 1, 1'000);
  for (const std::vector<uint8_t>& other : {stream(2, 1, 1'000), stream(1, 2, 1'000)}) {
    size_t same = 0;
    for (size_t i = 0; i < one.size(); ++i) {
      same += one[i] == other[i];
    }
    EXPECT_LT(same, 20U);
  }
}

TEST(StreamCheck, TakesAnyPieces) {
  const std::vector<uint8_t> whole = stream(7, 3, 100'000);
  Rng rng(1);
  StreamCheck check(7, 3);
  for (size_t at = 0; at < whole.size();) {
    const size_t size = std::min<size_t>(rng.below(3'000), whole.size() - at);
    ASSERT_TRUE(check.take(std::span(whole).subspan(at, size)));
    at += size;
  }
  EXPECT_EQ(check.taken(), whole.size());
  EXPECT_EQ(check.error(), "");
}

TEST(StreamCheck, FindsOneWrongByteAnywhere) {
  const std::vector<uint8_t> whole = stream(7, 3, 1'600);
  for (size_t i = 0; i < whole.size(); i += i % 16 < 9 ? 1 : 37) {
    std::vector<uint8_t> wrong = whole;
    wrong[i] ^= 0x40;
    StreamCheck check(7, 3);
    ASSERT_FALSE(check.take(wrong));
    ASSERT_EQ(check.taken(), i);
    ASSERT_FALSE(check.take(std::span(whole).subspan(i)));  // once wrong, always wrong
  }
}

TEST(StreamCheck, TellsWhereTheBytesBelong) {
  const std::vector<uint8_t> whole = stream(7, 3, 10'000);
  const std::span<const uint8_t> all(whole);
  StreamCheck lost(7, 3);
  EXPECT_TRUE(lost.take(all.first(1'460)));
  EXPECT_FALSE(lost.take(all.subspan(2'920, 1'460)));
  EXPECT_TRUE(lost.error().starts_with("connection 3: byte 1460 is 0x")) << lost.error();
  EXPECT_TRUE(lost.error().ends_with("; these are the bytes of 2920 on")) << lost.error();
  StreamCheck doubled(7, 3);
  EXPECT_TRUE(doubled.take(all.first(1'460)));
  EXPECT_FALSE(doubled.take(all.first(1'460)));
  EXPECT_TRUE(doubled.error().ends_with("; these are the bytes of 0 on")) << doubled.error();
  StreamCheck foreign(7, 4);
  EXPECT_FALSE(foreign.take(all.first(100)));
  EXPECT_EQ(foreign.error().find("these are"), std::string::npos);
}

}  // namespace
}  // namespace pollux::tcp
