#include "dataplane/engine/end_under_way.h"

#include <gtest/gtest.h>

namespace pollux {
namespace {

using Step = EndUnderWay::Step;

TEST(EndUnderWay, WhatIsAnothersIsNotMoved) {
  EndUnderWay end;
  EXPECT_FALSE(end.is_any());
  EXPECT_FALSE(end.abort());
  const uint64_t waits = end.begin(Step::kWaits);
  EXPECT_TRUE(end.is(waits));
  const uint64_t forced = end.begin(Step::kSaves);
  EXPECT_FALSE(end.is(waits));
  EXPECT_TRUE(end.is(forced));
  end.end(waits);
  EXPECT_EQ(end.step(), Step::kSaves);
  EXPECT_TRUE(end.abort());
  EXPECT_TRUE(end.is_aborted(forced));
  EXPECT_FALSE(end.is_aborted(waits));
  EXPECT_FALSE(end.abort());
  end.end(forced);
  EXPECT_FALSE(end.is_any());
  EXPECT_FALSE(end.is(forced));
  EXPECT_FALSE(end.is(0));
}

TEST(EndUnderWay, OneThatHasWaitedSaves) {
  EndUnderWay end;
  const uint64_t number = end.begin(Step::kWaits);
  end.save(number);
  EXPECT_TRUE(end.is(number));
  EXPECT_EQ(end.step(), Step::kSaves);
}

TEST(SignalsServed, OneThatComesMeanwhileIsNotOver) {
  SignalsServed signals;
  EXPECT_FALSE(signals.is_any());
  signals.ask();
  EXPECT_TRUE(signals.waits());
  EXPECT_TRUE(signals.is_any());
  signals.end();  // of an end that was not its own
  EXPECT_TRUE(signals.is_any());
  signals.take();
  EXPECT_FALSE(signals.waits());
  EXPECT_TRUE(signals.is_any());
  signals.ask();
  signals.end();
  EXPECT_TRUE(signals.waits());
  EXPECT_TRUE(signals.is_any());
  signals.take();
  signals.end();
  EXPECT_FALSE(signals.waits());
  EXPECT_FALSE(signals.is_any());
}

}  // namespace
}  // namespace pollux
