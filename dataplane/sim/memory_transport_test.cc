#include "dataplane/sim/memory_transport.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace pollux {
namespace {

using Kind = TransportEvent::Kind;

struct Seen {
  Kind kind;
  ConnId conn;
  std::string bytes;
  size_t sent;
};

std::vector<Seen> poll_once(MemoryTransport& transport) {
  std::array<TransportEvent, 16> events;
  std::vector<Seen> seen;
  const size_t count = transport.poll(events);
  for (size_t i = 0; i < count; ++i) {
    seen.push_back({events[i].kind, events[i].conn, std::string(events[i].bytes), events[i].sent});
  }
  return seen;
}

class MemoryTransportTest : public testing::Test {
 protected:
  MemoryTransportTest() { transport.set_exact(true); }
  ConnId open(MemoryClient& client) {
    client = transport.connect();
    poll_once(transport);
    return client.conn();
  }
  void send(ConnId conn, std::string_view bytes) {
    const TxSlice slice{bytes};
    transport.send(conn, {&slice, 1});
  }

  MemoryTransport transport{1, MemoryTransport::Mode::kStepped};
};

TEST_F(MemoryTransportTest, AConnectionOpensThenItsBytesComeThenItsEnd) {
  MemoryClient client = transport.connect();
  client.send("one");
  client.send("two");
  client.half_close();
  const std::vector<Seen> seen = poll_once(transport);
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_EQ(seen[0].kind, Kind::kOpen);
  EXPECT_EQ(seen[1].bytes, "one");
  EXPECT_EQ(seen[2].bytes, "two");
  EXPECT_EQ(seen[3].kind, Kind::kEnd);
  EXPECT_TRUE(transport.idle());
}

TEST_F(MemoryTransportTest, ASendStartsWithFlushAndEndsWithOneEvent) {
  MemoryClient client;
  const ConnId conn = open(client);
  send(conn, "reply");
  EXPECT_TRUE(poll_once(transport).empty());
  transport.flush();
  const std::vector<Seen> seen = poll_once(transport);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].kind, Kind::kSent);
  EXPECT_EQ(seen[0].sent, 5U);
  EXPECT_EQ(client.take(), "reply");
}

TEST_F(MemoryTransportTest, AFullWindowHoldsASendBack) {
  MemoryClient client;
  const ConnId conn = open(client);
  client.set_window(3);
  send(conn, "reply");
  transport.flush();
  EXPECT_TRUE(poll_once(transport).empty());
  EXPECT_TRUE(transport.idle());
  EXPECT_EQ(client.take(), "rep");
  EXPECT_EQ(poll_once(transport).size(), 1U);
  EXPECT_EQ(client.take(), "ly");
}

TEST_F(MemoryTransportTest, ABrokenConnectionEndsItsSendShort) {
  MemoryClient client;
  const ConnId conn = open(client);
  client.set_window(3);
  send(conn, "reply");
  transport.flush();
  poll_once(transport);
  client.reset();
  const std::vector<Seen> seen = poll_once(transport);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].sent, 3U);
  EXPECT_EQ(seen[1].kind, Kind::kEnd);
  EXPECT_TRUE(client.closed());
}

TEST_F(MemoryTransportTest, APausedConnectionBringsNothing) {
  MemoryClient client;
  const ConnId conn = open(client);
  transport.pause(conn);
  client.send("bytes");
  client.half_close();
  EXPECT_TRUE(poll_once(transport).empty());
  transport.resume(conn);
  EXPECT_EQ(poll_once(transport).size(), 2U);
}

TEST_F(MemoryTransportTest, AfterCloseComesKClosedAndTheIndexIsReusedWithAnotherGeneration) {
  MemoryClient client;
  const ConnId conn = open(client);
  client.send("late");
  transport.close(conn);
  const std::vector<Seen> seen = poll_once(transport);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].kind, Kind::kClosed);
  MemoryClient next;
  const ConnId reused = open(next);
  EXPECT_EQ(reused.index, conn.index);
  EXPECT_NE(reused.generation, conn.generation);
}

TEST_F(MemoryTransportTest, NobodyConnectsOnceAcceptingHasStopped) {
  transport.stop_accepting();
  EXPECT_TRUE(transport.connect().closed());
  EXPECT_TRUE(poll_once(transport).empty());
}

TEST(MemoryTransportSeedTest, AnySeedDeliversAllBytesInOrder) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    MemoryTransport transport(seed, MemoryTransport::Mode::kStepped);
    MemoryClient client = transport.connect();
    std::string sent;
    for (int i = 0; i < 50; ++i) {
      const std::string part = std::to_string(i) + ",";
      client.send(part);
      sent += part;
    }
    client.half_close();
    std::string received;
    bool ended = false;
    while (!transport.idle()) {
      for (const Seen& event : poll_once(transport)) {
        EXPECT_FALSE(ended);
        received += event.bytes;
        ended = event.kind == Kind::kEnd;
      }
    }
    EXPECT_TRUE(ended);
    EXPECT_EQ(received, sent);
  }
}

TEST(MemoryTransportThreadsTest, AWakeEndsASleepAndIsNotLost) {
  MemoryTransport transport(1, MemoryTransport::Mode::kThreaded);
  transport.wake();
  transport.sleep(-1);  // the wake came before
  std::thread other([&transport] {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    transport.wake();
  });
  transport.sleep(-1);
  other.join();
}

TEST(MemoryTransportThreadsTest, AClientEndsASleep) {
  MemoryTransport transport(1, MemoryTransport::Mode::kThreaded);
  transport.set_exact(true);
  MemoryClient client = transport.connect();
  transport.sleep(-1);
  poll_once(transport);
  std::thread other([&client] { client.send("x"); });
  transport.sleep(-1);
  EXPECT_EQ(poll_once(transport).at(0).bytes, "x");
  other.join();
}

}  // namespace
}  // namespace pollux
