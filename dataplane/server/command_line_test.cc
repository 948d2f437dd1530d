#include "dataplane/server/command_line.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "dataplane/server/boot.h"

namespace pollux {
namespace {

CommandLine read(std::vector<std::string_view> args) { return read_command_line(args); }

TEST(CommandLine, ActionsStandFirst) {
  EXPECT_EQ(read({"--help"}).action, CommandLineAction::kHelp);
  EXPECT_EQ(read({"-h"}).action, CommandLineAction::kHelp);
  EXPECT_EQ(read({"-v"}).action, CommandLineAction::kVersion);
  EXPECT_EQ(read({"--check-system"}).action, CommandLineAction::kCheckSystem);
  EXPECT_EQ(read({"--port", "1"}).action, CommandLineAction::kServe);
  EXPECT_EQ(read({}).action, CommandLineAction::kServe);
}

TEST(CommandLine, FileThenOptionsThenStandardInput) {
  const CommandLine line = read({"/etc/x.conf", "--port", "7000", "-"});
  EXPECT_EQ(line.config_path, "/etc/x.conf");
  EXPECT_TRUE(line.config_from_stdin);
  EXPECT_EQ(line.options, "port \"7000\" ");
  EXPECT_TRUE(read({"-"}).config_from_stdin);
  EXPECT_TRUE(read({"-", "--port", "1"}).config_from_stdin);
}

TEST(CommandLine, OptionsWinOverTheFile) {
  char path[] = "/tmp/pollux-command-line-XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  std::ofstream(path) << "port 7001\ntimeout 9";
  ConfigStore store;
  EXPECT_TRUE(load_config(read({path, "--port", "7000"}), store));
  EXPECT_EQ(store.current()->port, 7000);
  EXPECT_EQ(store.current()->timeout_s, 9);
  std::remove(path);
}

TEST(Refusals, WhatCannotBeDoneIsRefused) {
  const auto count = [](std::string_view text) {
    ConfigStore store;
    ConfigProblem problem;
    EXPECT_TRUE(store.load(text, problem)) << problem.reason;
    return refusals(*store.current()).size();
  };
  EXPECT_EQ(count("save 1 1"), 0u);
  EXPECT_EQ(count("appendonly yes"), 0u);
  EXPECT_EQ(count("cluster-enabled yes"), 1u);
  EXPECT_EQ(count("replicaof 127.0.0.1 1"), 1u);
  EXPECT_EQ(count("tls-port 7"), 1u);
  EXPECT_EQ(count("port 0"), 1u);
  EXPECT_EQ(count("port 0\nunixsocket /tmp/x"), 0u);
}

}  // namespace
}  // namespace pollux
