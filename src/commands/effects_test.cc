#include "src/commands/effects.h"

#include <gtest/gtest.h>

#include <string>

namespace pollux {
namespace {

TEST(Effects, AreCommandsOneBehindTheOther) {
  Effects effects;
  EXPECT_FALSE(effects.said());
  effects.add({"DEL", "k"});
  effects.add({"PEXPIREAT", "k", NumberText(int64_t{-12})});
  EXPECT_TRUE(effects.said());
  EXPECT_EQ(effects.count(), 2U);
  EXPECT_EQ(effects.bytes(),
            "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n"
            "*3\r\n$9\r\nPEXPIREAT\r\n$1\r\nk\r\n$3\r\n-12\r\n");
}

TEST(Effects, MayBeNothing) {
  Effects effects;
  effects.nothing();
  EXPECT_TRUE(effects.said());
  EXPECT_EQ(effects.count(), 0U);
  EXPECT_EQ(effects.bytes(), "");
}

TEST(Effects, OfManyWordsAreCountedWhenTheyAreDone) {
  Effects effects;
  effects.add({"DEL", "k"});
  {
    EffectWords srem(effects, {"SREM", "s"});
    for (int i = 0; i < 12; ++i) {
      srem.word("m");
    }
  }
  EXPECT_EQ(effects.count(), 2U);
  std::string expected = "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n*14\r\n$4\r\nSREM\r\n$1\r\ns\r\n";
  for (int i = 0; i < 12; ++i) {
    expected += "$1\r\nm\r\n";
  }
  EXPECT_EQ(effects.bytes(), expected);
}

TEST(Effects, OfNoMoreThanTheirHeadAreNone) {
  Effects effects;
  { const EffectWords none(effects, {"HDEL", "h"}); }
  EXPECT_TRUE(effects.said());
  EXPECT_EQ(effects.count(), 0U);
  EXPECT_EQ(effects.bytes(), "");
}

TEST(Effects, AreForgottenAndKeepTheirMemory) {
  Effects effects;
  effects.add({"SET", "k", std::string(1000, 'v')});
  const char* const buffer = effects.bytes().data();
  effects.clear();
  EXPECT_FALSE(effects.said());
  EXPECT_EQ(effects.count(), 0U);
  effects.add({"DEL", "k"});
  EXPECT_EQ(effects.bytes().data(), buffer);
}

TEST(Effects, GiveMuchMemoryBack) {
  Effects effects;
  effects.add({"SET", "k", std::string(1 << 20, 'v')});
  effects.clear();
  EXPECT_LT(effects.held_bytes(), 1000U);
}

}  // namespace
}  // namespace pollux
