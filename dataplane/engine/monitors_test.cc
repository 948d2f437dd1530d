#include "dataplane/engine/monitors.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/engine/engine_families.h"
#include "src/commands/command_table.h"

namespace pollux {
namespace {

std::string line_of(std::vector<std::string_view> args) {
  static CommandTable table;
  static const bool filled = (add_engine_families(table), true);
  EXPECT_TRUE(filled);
  return monitor_line(*table.find(args[0]), args, Instant{1700000000000042}, 3, "1.2.3.4:5");
}

TEST(MonitorsTest, LineIsThatOfRedis) {
  EXPECT_EQ(line_of({"PING", "x"}), "+1700000000.000042 [3 1.2.3.4:5] \"PING\" \"x\"\r\n");
  EXPECT_EQ(line_of({"echo", std::string_view("\x01\xff\"\\\r\n\t\a\b ~\x7f\0", 13)}),
            "+1700000000.000042 [3 1.2.3.4:5] \"echo\" "
            "\"\\x01\\xff\\\"\\\\\\r\\n\\t\\a\\b ~\\x7f\\x00\"\r\n");
}

TEST(MonitorsTest, PasswordsAreLeftOut) {
  EXPECT_EQ(line_of({"AUTH", "user", "pw"}),
            "+1700000000.000042 [3 1.2.3.4:5] \"AUTH\" \"(redacted)\" \"(redacted)\"\r\n");
  EXPECT_EQ(line_of({"HELLO", "3", "SETNAME", "n", "AUTH", "u", "pw", "SETNAME", "q"}),
            "+1700000000.000042 [3 1.2.3.4:5] \"HELLO\" \"3\" \"SETNAME\" \"n\" \"AUTH\" "
            "\"(redacted)\" \"(redacted)\" \"SETNAME\" \"q\"\r\n");
  EXPECT_EQ(line_of({"HELLO", "2", "SETNAME", "auth", "AUTH", "u"}),
            "+1700000000.000042 [3 1.2.3.4:5] \"HELLO\" \"2\" \"SETNAME\" \"auth\" \"AUTH\" "
            "\"u\"\r\n");
}

TEST(MonitorsTest, KnowsWhichWorkersHaveSome) {
  Monitors monitors;
  EXPECT_FALSE(monitors.any());
  monitors.change(WorkerId{2}, 1);
  monitors.change(WorkerId{2}, 1);
  monitors.change(WorkerId{2}, -1);
  EXPECT_TRUE(monitors.any());
  EXPECT_TRUE(monitors.on(2));
  EXPECT_FALSE(monitors.on(1));
  monitors.change(WorkerId{2}, -1);
  EXPECT_FALSE(monitors.any());
}

}  // namespace
}  // namespace pollux
