// Requests that run under the lease of another.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/test_client.h"
#include "src/base/log.h"

namespace pollux {
namespace {

class LeaseRidersTest : public testing::Test {
 protected:
  LeaseRidersTest() : scheduler_({.workers = 3}) {
    log_open("/dev/null");
    for (int i = 0; i < 3; ++i) {
      scheduler_.sim().transport(i).set_exact(true);
    }
  }

  std::string key(int shard, std::string_view name = "key") {
    return scheduler_.sim().key_on(shard, name);
  }
  std::string mset(const std::vector<int>& shards, const std::string& value) {
    Request request{"MSET"};
    for (const int shard : shards) {
      request.insert(request.end(), {key(shard), value});
    }
    return encode(request);
  }
  std::string answers(MemoryClient& client) {
    EXPECT_TRUE(scheduler_.run_until_quiet());
    return client.take();
  }
  int64_t leases() { return core().leases.get(); }
  int64_t riders() { return core().lease_riders.get(); }
  CoreBlock& core() { return scheduler_.engine().core(0); }

  Scheduler scheduler_;
};

TEST_F(LeaseRidersTest, APipelineTakesOneLease) {
  MemoryClient client = scheduler_.connect(0);
  std::string bytes;
  std::string expected;
  for (int i = 0; i < 5; ++i) {
    bytes += mset({0, 1, 2}, std::to_string(i)) + encode({"MGET", key(1), key(2)});
    expected += "+OK\r\n*2\r\n";
    for (int twice = 0; twice < 2; ++twice) {
      expected += "$1\r\n" + std::to_string(i) + "\r\n";
    }
  }
  client.send_whole(bytes);
  EXPECT_EQ(answers(client), expected);
  EXPECT_EQ(leases(), 1);
  EXPECT_EQ(riders(), 9);
}

TEST_F(LeaseRidersTest, WhatNeedsAnotherShardWaitsForItsOwn) {
  MemoryClient client = scheduler_.connect(0);
  client.send_whole(mset({0, 1}, "a") + mset({1, 2}, "b") + mset({2, 1}, "c"));
  EXPECT_EQ(answers(client), "+OK\r\n+OK\r\n+OK\r\n");
  EXPECT_EQ(leases(), 2);
  EXPECT_EQ(riders(), 1);
  client.send_whole(encode({"MGET", key(0), key(1), key(2)}));
  EXPECT_EQ(answers(client), "*3\r\n$1\r\na\r\n$1\r\nc\r\n$1\r\nc\r\n");
}

// The reply of what stands between two of them is of its place.
TEST_F(LeaseRidersTest, AnythingElseInThePipelineEndsTheRide) {
  MemoryClient client = scheduler_.connect(0);
  client.send_whole(mset({0, 1}, "a") + encode({"GET", key(1)}) + mset({0, 1}, "b") +
                    encode({"MSET", key(0)}) + mset({0, 1}, "c") + encode({"SUBSCRIBE", "x"}));
  const std::string got = answers(client);
  EXPECT_TRUE(got.starts_with("+OK\r\n$1\r\na\r\n+OK\r\n-ERR wrong number of arguments for 'mset' "
                              "command\r\n+OK\r\n*3\r\n"))
      << got;
  EXPECT_EQ(riders(), 0);
}

TEST_F(LeaseRidersTest, HalfARequestBehindIsReadOnWhenTheRestComes) {
  MemoryClient client = scheduler_.connect(0);
  const std::string second = mset({0, 1}, "b");
  for (size_t cut = 1; cut < second.size(); ++cut) {
    client.send_whole(mset({0, 1}, "a") + second.substr(0, cut));
    EXPECT_EQ(answers(client), "+OK\r\n");
    client.send_whole(second.substr(cut));
    EXPECT_EQ(answers(client), "+OK\r\n");
  }
  client.send_whole("MSET '" + key(0) + "' \"x y\" " + key(1) + " ''\r\nMGET '" + key(0) + "' " +
                    key(1) + "\r\n");
  EXPECT_EQ(answers(client), "+OK\r\n*2\r\n$3\r\nx y\r\n$0\r\n\r\n");
}

TEST_F(LeaseRidersTest, OthersThatWaitRideInTheirOrder) {
  std::vector<MemoryClient> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(scheduler_.connect(0));
    clients.back().send_whole(encode({"WATCH", key(2)}) + encode({"MULTI"}) +
                              encode({"APPEND", key(0), std::to_string(i)}) +
                              encode({"APPEND", key(1), std::to_string(i)}) + encode({"EXEC"}));
  }
  EXPECT_TRUE(scheduler_.run_until_quiet());
  for (int i = 0; i < 4; ++i) {
    const std::string length = ":" + std::to_string(i + 1) + "\r\n";
    EXPECT_EQ(clients[static_cast<size_t>(i)].take(),
              "+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n" + length + length);
  }
  EXPECT_EQ(leases() + riders(), 4);
  EXPECT_GT(riders(), 0);
}

TEST_F(LeaseRidersTest, ThereIsALimit) {
  MemoryClient client = scheduler_.connect(0);
  std::string bytes;
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    bytes += mset({0, 1}, std::to_string(i));
    expected += "+OK\r\n";
  }
  client.send_whole(bytes);
  EXPECT_EQ(answers(client), expected);
  EXPECT_EQ(leases(), 4);
  EXPECT_EQ(riders(), 96);
}

}  // namespace
}  // namespace pollux
