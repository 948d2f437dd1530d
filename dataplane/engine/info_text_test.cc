#include "dataplane/engine/info_text.h"

#include <gtest/gtest.h>

namespace pollux {
namespace {

TEST(InfoText, SectionsAreDividedByAnEmptyLine) {
  InfoText info;
  info.section("Server");
  info.add("a", 1);
  info.section("Clients");
  info.add("b", "x");
  EXPECT_EQ(info.text(), "# Server\r\na:1\r\n\r\n# Clients\r\nb:x\r\n");
}

TEST(InfoText, Numbers) {
  InfoText info;
  info.add_real("r", 1.006, 2);
  info.add_real("p", 50, 2, "%");
  info.add_bytes("m", 1124760);
  EXPECT_EQ(info.text(), "r:1.01\r\np:50.00%\r\nm:1124760\r\nm_human:1.07M\r\n");
}

TEST(InfoText, HumanBytes) {
  EXPECT_EQ(human_bytes(0), "0B");
  EXPECT_EQ(human_bytes(1023), "1023B");
  EXPECT_EQ(human_bytes(1013504), "989.75K");
  EXPECT_EQ(human_bytes(12382208), "11.81M");
  EXPECT_EQ(human_bytes(25276510208), "23.54G");
}

}  // namespace
}  // namespace pollux
