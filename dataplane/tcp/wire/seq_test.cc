#include "dataplane/tcp/wire/seq.h"

#include <gtest/gtest.h>

namespace pollux::tcp {
namespace {

TEST(SeqTest, OrderGoesRoundTheWrap) {
  for (const uint32_t start : {0U, 1U, 0x7fffffffU, 0x80000000U, 0xfffffff0U, 0xffffffffU}) {
    const Seq seq{start};
    for (const uint32_t ahead : {1U, 1460U, 1U << 30, 0x7fffffffU}) {
      const Seq next = seq + ahead;
      EXPECT_TRUE(seq < next && seq <= next && next > seq && next >= seq);
      EXPECT_FALSE(next < seq || next <= seq || seq > next || seq >= next);
      EXPECT_EQ(next - seq, static_cast<int32_t>(ahead));
      EXPECT_EQ(seq - next, -static_cast<int32_t>(ahead));
      EXPECT_EQ(next - ahead, seq);
      EXPECT_EQ(later(seq, next), next);
      EXPECT_EQ(earlier(next, seq), seq);
    }
    EXPECT_TRUE(seq <= seq && seq >= seq);
    EXPECT_FALSE(seq < seq || seq > seq);
  }
}

TEST(SeqTest, Ranges) {
  const SeqRange range{Seq{0xfffffffe}, Seq{3}};
  EXPECT_EQ(range.bytes(), 5U);
  EXPECT_FALSE(range.empty());
  for (const uint32_t inside : {0xfffffffeU, 0xffffffffU, 0U, 2U}) {
    EXPECT_TRUE(range.contains(Seq{inside}));
  }
  for (const uint32_t outside : {0xfffffffdU, 3U, 4U}) {
    EXPECT_FALSE(range.contains(Seq{outside}));
  }
  EXPECT_TRUE((SeqRange{Seq{7}, Seq{7}}.empty()));
  EXPECT_FALSE((SeqRange{Seq{7}, Seq{7}}.contains(Seq{7})));
}

}  // namespace
}  // namespace pollux::tcp
