#include "dataplane/engine/command_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pollux {
namespace {

std::vector<std::string> logged(const std::vector<std::string>& args, SecretArg secret = nullptr) {
  const std::vector<std::string_view> views(args.begin(), args.end());
  CommandRow row{};
  row.secret = secret;
  return logged_args(row, views);
}

TEST(LoggedArgs, ShortOnesStayAsTheyAre) {
  EXPECT_EQ(logged({"SET", "a", std::string(128, 'x')}),
            (std::vector<std::string>{"SET", "a", std::string(128, 'x')}));
}

TEST(LoggedArgs, LongOnesAreCut) {
  EXPECT_EQ(logged({"GET", std::string(131, 'x')})[1],
            std::string(128, 'x') + "... (3 more bytes)");
}

TEST(LoggedArgs, ManyAreCut) {
  const std::vector<std::string> all = logged(std::vector<std::string>(32, "a"));
  EXPECT_EQ(all, std::vector<std::string>(32, "a"));
  const std::vector<std::string> some = logged(std::vector<std::string>(61, "a"));
  ASSERT_EQ(some.size(), 32u);
  EXPECT_EQ(some[30], "a");
  EXPECT_EQ(some[31], "... (30 more arguments)");
}

TEST(LoggedArgs, SecretsAreNotShown) {
  const auto second = [](Args, size_t index) { return index == 1; };
  EXPECT_EQ(logged({"AUTH", "secret", "x"}, second),
            (std::vector<std::string>{"AUTH", "(redacted)", "x"}));
}

LogEntry entry(uint64_t id) {
  LogEntry entry;
  entry.id = id;
  return entry;
}

TEST(CommandLog, KeepsTheNewest) {
  CommandLog log;
  for (uint64_t id = 0; id < 5; ++id) {
    log.add(entry(id), 3);
  }
  ASSERT_EQ(log.entries().size(), 3u);
  EXPECT_EQ(log.entries().front().id, 2u);
  EXPECT_EQ(log.entries().back().id, 4u);
  log.add(entry(5), 1);
  ASSERT_EQ(log.entries().size(), 1u);
  EXPECT_EQ(log.entries().front().id, 5u);
  log.add(entry(6), 0);
  EXPECT_TRUE(log.entries().empty());
}

}  // namespace
}  // namespace pollux
