#include "dataplane/engine/key_events.h"

#include <gtest/gtest.h>

namespace pollux {
namespace {

TEST(EventClassesTest, NeedAChannelAndAClass) {
  EXPECT_FALSE(EventClasses("").any());
  EXPECT_FALSE(EventClasses("KE").any());
  EXPECT_FALSE(EventClasses("Ag$").any());
  EXPECT_TRUE(EventClasses("K$").any());
  EXPECT_TRUE(EventClasses("nE").any());
}

TEST(EventClassesTest, AllLeavesMissesAndNewKeysOut) {
  const EventClasses all("AKE");
  for (const char letter : EventClasses::kAll) {
    EXPECT_TRUE(all.has(letter)) << letter;
  }
  EXPECT_FALSE(all.has('m'));
  EXPECT_FALSE(all.has('n'));
  EXPECT_TRUE(EventClasses("AKEm").has('m'));
}

}  // namespace
}  // namespace pollux
