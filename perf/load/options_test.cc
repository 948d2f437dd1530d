#include "perf/load/options.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pollux {
namespace {

using Args = std::vector<std::string_view>;

LoadOptions parsed(const Args& args) {
  LoadOptions options;
  std::string error;
  EXPECT_TRUE(parse_options(args, options, error)) << error;
  return options;
}

std::string refused(const Args& args) {
  LoadOptions options;
  std::string error;
  EXPECT_FALSE(parse_options(args, options, error));
  return error;
}

bool says(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

TEST(LoadOptionsTest, WithoutAnyTenSecondsOfAClosedLoop) {
  const LoadOptions options = parsed({});
  EXPECT_EQ(options.test_time_s, 10);
  EXPECT_EQ(options.rate_per_s, 0);
  EXPECT_EQ(options.requests, 0U);
}

TEST(LoadOptionsTest, LongShortAndWithEqualSigns) {
  const LoadOptions options =
      parsed({"-h", "db1", "-p", "7000", "--clients=7", "--threads", "3", "-n", "100", "-P", "8",
              "--data-size-range=1-1000", "-R", "--key-pattern=S:Z", "--ratio", "3:2", "-3"});
  EXPECT_EQ(options.host, "db1");
  EXPECT_EQ(options.port, 7000);
  EXPECT_EQ(options.clients, 7U);
  EXPECT_EQ(options.threads, 3U);
  EXPECT_EQ(options.requests, 100U);
  EXPECT_EQ(options.test_time_s, 0);
  EXPECT_EQ(options.pipeline, 8U);
  EXPECT_EQ(options.values.bytes_min, 1U);
  EXPECT_EQ(options.values.bytes_max, 1000U);
  EXPECT_TRUE(options.values.random);
  EXPECT_EQ(options.pattern_set, KeyPattern::kSequential);
  EXPECT_EQ(options.pattern_get, KeyPattern::kZipf);
  EXPECT_EQ(options.ratio_set, 3U);
  EXPECT_EQ(options.ratio_get, 2U);
  EXPECT_EQ(options.protocol, 3);
}

TEST(LoadOptionsTest, AValueMayStandAtItsLetter) {
  const LoadOptions options = parsed({"-c50", "-P16", "-sdb1"});
  EXPECT_EQ(options.clients, 50U);
  EXPECT_EQ(options.pipeline, 16U);
  EXPECT_EQ(options.host, "db1");
  EXPECT_TRUE(says(refused({"-cx"}), "connections of all threads"));
  EXPECT_TRUE(says(refused({"-qq"}), "no progress"));
  EXPECT_TRUE(says(refused({"-y50"}), "unknown option -y50; --help"));
}

TEST(LoadOptionsTest, ARateLimitIsOfEachConnection) {
  EXPECT_EQ(parsed({"--rate-limiting", "10", "-c", "50"}).rate_per_s, 500);
  EXPECT_EQ(parsed({"--rate", "10", "-c", "50"}).rate_per_s, 10);
}

TEST(LoadOptionsTest, CommandsHaveTheirRatiosAndPatterns) {
  const LoadOptions options = parsed({"--command", "GET __key__", "--command-ratio", "9",
                                      "--command-key-pattern", "Z", "--command=INCR n"});
  ASSERT_EQ(options.commands.size(), 2U);
  Workload work;
  std::string error;
  ASSERT_TRUE(make_workload(options, work, error)) << error;
  EXPECT_EQ(work.kinds[0].command.name(), "GET");
  EXPECT_EQ(work.kinds[0].weight, 9U);
  EXPECT_EQ(work.kinds[0].pattern, KeyPattern::kZipf);
  EXPECT_EQ(work.kinds[1].command.name(), "INCR");
  EXPECT_EQ(work.kinds[1].weight, 1U);
}

TEST(LoadOptionsTest, ARatioOfZeroLeavesTheKindOut) {
  Workload work;
  std::string error;
  ASSERT_TRUE(make_workload(parsed({"--ratio", "0:1"}), work, error));
  ASSERT_EQ(work.kinds.size(), 1U);
  EXPECT_EQ(work.kinds[0].command.name(), "GET");
}

TEST(LoadOptionsTest, WhatIsWrongIsSaidWithWhatWouldBeRight) {
  EXPECT_TRUE(says(refused({"--pippeline", "3"}), "--pipeline meant"));
  EXPECT_TRUE(says(refused({"--nothing-like-that"}), "--help"));
  EXPECT_TRUE(says(refused({"-p", "99999"}), "1 to 65535"));
  EXPECT_TRUE(says(refused({"-p"}), "needs PORT"));
  EXPECT_TRUE(says(refused({"-c", "2", "-t", "4"}), "fewer threads"));
  EXPECT_TRUE(says(refused({"GET"}), "--command \"GET"));
  EXPECT_TRUE(says(refused({"--ratio", "0:0"}), "SET:GET"));
  EXPECT_TRUE(says(refused({"--command-ratio", "3"}), "--command before it, and there is none"));
  EXPECT_TRUE(says(refused({"--command", "PING", "--command-ratio", "0"}), "1 or more"));
  EXPECT_TRUE(says(refused({"--command", "PING", "--ratio", "0:1"}), "--command-ratio"));
  EXPECT_TRUE(says(refused({"--key-pattern", "Z:Z", "--command", "PING"}), "--command-ratio"));
  EXPECT_EQ(refused({"--bogus"}), "unknown option --bogus; --help lists all");
  EXPECT_TRUE(says(refused({"--key-minimum", "9", "--key-maximum", "3"}), "no key"));
  EXPECT_TRUE(says(refused({"--data-size-range", "9-3"}), "MIN-MAX"));
  EXPECT_TRUE(says(refused({"--sweep", "--rate", "3"}), "leave out"));
  EXPECT_TRUE(says(refused({"--warmup-time", "1", "-n", "1000"}), "--test-time"));
  // 1.5 TB of requests under way.
  EXPECT_TRUE(says(refused({"-c", "1000000", "-P", "65536"}), "less depth"));
  EXPECT_TRUE(says(refused({"--svg", "x.svg"}), "--sweep"));
  EXPECT_TRUE(says(refused({"--quiet=yes"}), "no progress"));
  EXPECT_TRUE(says(refused({"--tls"}), "not there yet"));
  EXPECT_TRUE(says(refused({"--rate", "nan"}), "open loop"));
  EXPECT_TRUE(says(refused({"--user", "x"}), "-a PASSWORD"));
}

TEST(LoadOptionsTest, ATransportHasItsPort) {
  const LoadOptions options = parsed({"--transport", "dpdk", "-s", "10.9.0.2", "--dpdk-args",
                                      "--no-pci  -m 64", "--dpdk-port=net_x0,a=b"});
  EXPECT_TRUE(options.dpdk);
  EXPECT_EQ(options.dpdk_args, (std::vector<std::string>{"--no-pci", "-m", "64"}));
  EXPECT_EQ(options.dpdk_port, "net_x0,a=b");
  EXPECT_TRUE(says(refused({"--transport", "dpdk"}), "--dpdk-port"));
  EXPECT_TRUE(says(refused({"--dpdk-port", "x"}), "add --transport dpdk"));
  EXPECT_TRUE(says(refused({"--queues", "2"}), "add --transport dpdk"));
  EXPECT_TRUE(says(refused({"--net-address", "10.0.0.1/8"}), "add --transport dpdk"));
  EXPECT_TRUE(says(refused({"--transport", "dpdk", "--dpdk-port", "x", "-S", "/s"}), "no -S"));
  EXPECT_TRUE(says(refused({"--transport", "dpdk", "--dpdk-port", "x"}), "-s with"));
  EXPECT_TRUE(says(refused({"--transport", "udp"}), "kernel|dpdk"));
}

TEST(LoadOptionsTest, ConnectionsAreSpreadEvenlyOrAsTheyAreDrawn) {
  LoadOptions options = parsed({"--transport", "dpdk", "-s", "10.9.0.2", "--dpdk-port", "x",
                                "--queues", "4", "-t", "2", "-c", "1001"});
  EXPECT_TRUE(options.even);
  EXPECT_EQ(clients_of_threads(options), (std::vector<uint32_t>{501, 500}));
  options.even = false;
  const std::vector<uint32_t> drawn = clients_of_threads(options);
  EXPECT_EQ(drawn[0] + drawn[1], 1001U);
  EXPECT_NE(drawn[0], 501U);
  EXPECT_NEAR(drawn[0], 500, 80);  // five times the deviation of 1001 coins
  EXPECT_EQ(clients_of_threads(options), drawn);
  options.seed = 2;
  EXPECT_NE(clients_of_threads(options), drawn);
  // A thread without any would be none.
  options.threads = options.clients = 4;
  EXPECT_EQ(clients_of_threads(options), (std::vector<uint32_t>{1, 1, 1, 1}));

  EXPECT_TRUE(says(refused({"--spread", "drawn"}), "add --transport dpdk"));
  EXPECT_TRUE(says(
      refused({"--transport", "dpdk", "-s", "10.9.0.2", "--dpdk-port", "x", "--spread", "drawn"}),
      "--queues N"));
  EXPECT_TRUE(says(refused({"--spread", "odd"}), "even|drawn"));
}

TEST(LoadOptionsTest, GreetingsAreInTheOrderThatServersNeed) {
  const Greeting none = make_greeting(parsed({}));
  EXPECT_EQ(none.replies, 0U);
  EXPECT_EQ(none.bytes, "");
  const Greeting all =
      make_greeting(parsed({"--authenticate", "me:pa:ss", "-3", "--select-db", "2"}));
  EXPECT_EQ(all.replies, 3U);
  EXPECT_EQ(all.bytes,
            "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$5\r\npa:ss\r\n"
            "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n");
}

TEST(LoadOptionsTest, TheHelpNamesEveryOptionThatIsTaken) {
  const std::string text = help_text();
  for (const char* name : {"--server", "--rate", "--sweep", "--populate", "--json-out-file"}) {
    EXPECT_TRUE(says(text, name)) << name;
  }
}

}  // namespace
}  // namespace pollux
