#include "dataplane/server/joined_transport.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "dataplane/sim/memory_transport.h"

namespace pollux {
namespace {

struct Joined {
  explicit Joined(MemoryTransport::Mode mode = MemoryTransport::Mode::kStepped)
      : polled(new MemoryTransport(1, mode)),
        sleeping(new MemoryTransport(2, mode)),
        both(std::unique_ptr<Transport>(polled), std::unique_ptr<Transport>(sleeping), {},
             {.patience_us = [this] { return patience_us; },
              .figures = [](std::span<TransportFigure> into) -> size_t {
                into[0] = {"frames", 5};
                return 1;
              },
              .end = [this] { ended = true; },
              .listening = [](const ListenOn&) {},
              .look = [this] { ++looks; }}) {
    polled->set_exact(true);
    sleeping->set_exact(true);
  }
  // Answers what comes with the same bytes, and closes at the end; how many events there were.
  size_t turn(size_t events_max = 16) {
    std::vector<TransportEvent> events(events_max);
    const size_t count = both.poll(events);
    for (const TransportEvent& event : std::span(events).first(count)) {
      switch (event.kind) {
        case TransportEvent::Kind::kOpen:
          peers[event.conn.index] = both.peer(event.conn).address;
          break;
        case TransportEvent::Kind::kData: {
          std::string& bytes = sent[event.conn.index];
          bytes = event.bytes;
          const TxSlice slice{bytes};
          both.send(event.conn, {&slice, 1});
          break;
        }
        case TransportEvent::Kind::kEnd:
          both.close(event.conn);
          break;
        case TransportEvent::Kind::kSent:
          break;
        case TransportEvent::Kind::kClosed:
          peers.erase(event.conn.index);
          break;
      }
    }
    both.flush();
    return count;
  }
  void run() {
    while (turn() > 0 || !polled->idle() || !sleeping->idle()) {
    }
  }

  bool ended = false;
  int looks = 0;
  int64_t patience_us = -1;
  MemoryTransport* polled;  // of `both`
  MemoryTransport* sleeping;
  JoinedTransport both;
  std::map<uint32_t, std::string> peers;  // by index
  std::map<uint32_t, std::string> sent;
};

TEST(JoinedTransportTest, EachConnectionIsOfItsOwn) {
  Joined joined;
  MemoryClient wire = joined.polled->connect();
  MemoryClient host = joined.sleeping->connect();
  MemoryClient another = joined.polled->connect();
  joined.run();
  EXPECT_EQ(joined.peers.size(), 3U);
  wire.send("from the wire");
  host.send("from here");
  another.send("another");
  joined.run();
  EXPECT_EQ(wire.take(), "from the wire");
  EXPECT_EQ(host.take(), "from here");
  EXPECT_EQ(another.take(), "another");
  wire.half_close();
  joined.run();
  EXPECT_TRUE(wire.closed());
  EXPECT_FALSE(host.closed());
  EXPECT_EQ(joined.peers.size(), 2U);
}

TEST(JoinedTransportTest, ThisHostComesThroughABusyWire) {
  Joined joined;
  std::vector<MemoryClient> wire(40);
  for (MemoryClient& client : wire) {
    client = joined.polled->connect();
  }
  joined.sleeping->connect();
  joined.turn(/*events_max=*/4);
  bool there = false;
  for (const auto& [index, peer] : joined.peers) {
    there = there || (index & 1) != 0;
  }
  EXPECT_TRUE(there);
  EXPECT_EQ(joined.peers.size(), 4U) << "and the wire has the rest of the turn";
}

TEST(JoinedTransportTest, NoMoreAreAcceptedOfEither) {
  Joined joined;
  joined.both.stop_accepting();
  joined.polled->connect();
  joined.sleeping->connect();
  joined.run();
  EXPECT_TRUE(joined.peers.empty());
}

TEST(JoinedTransportTest, SleepsNoLongerThanTheWireCanWait) {
  Joined joined(MemoryTransport::Mode::kThreaded);
  const auto slept_ms = [&](int64_t timeout_us) {
    const auto began = std::chrono::steady_clock::now();
    joined.both.sleep(timeout_us);
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 began)
        .count();
  };
  for (int i = 0; i < 20; ++i) {
    EXPECT_LT(slept_ms(-1), 5'000) << "it would sleep for ever, but for a look at the wire";
  }
  joined.patience_us = 0;
  for (int i = 0; i < 1'000; ++i) {
    joined.both.sleep(1'000'000);  // of these none may sleep at all
  }
  joined.patience_us = -1;
  joined.both.wake();
  joined.both.sleep(1'000'000);
}

// Says where it was asked to listen last, and can be told to refuse.
class Listener final : public Transport {
 public:
  explicit Listener(std::string& log, const bool& refuses) : log_(log), refuses_(refuses) {}
  std::string listen(const ListenOn& where, bool /*taken_is_error*/) override {
    log_ = where.bind.front() + ":" + std::to_string(where.port);
    return refuses_ ? "no" : "";
  }
  size_t poll(std::span<TransportEvent> /*events*/) override { return 0; }
  const PeerInfo& peer(ConnId /*conn*/) override { return peer_; }
  void send(ConnId /*conn*/, std::span<const TxSlice> /*slices*/) override {}
  void pause(ConnId /*conn*/) override {}
  void resume(ConnId /*conn*/) override {}
  void close(ConnId /*conn*/) override {}
  void stop_accepting() override {}
  void flush() override {}
  void sleep(int64_t /*timeout_us*/) override {}
  void wake() override {}

 private:
  std::string& log_;
  const bool& refuses_;
  PeerInfo peer_;
};

TEST(JoinedTransportTest, FiguresAndTheEndAreThoseOfTheWire) {
  Joined joined;
  TransportFigure figures[2];
  ASSERT_EQ(joined.both.figures(figures), 1U);
  EXPECT_EQ(figures[0].name, "frames");
  EXPECT_EQ(figures[0].value, 5);
  EXPECT_FALSE(joined.ended);
  joined.both.end();
  EXPECT_TRUE(joined.ended);
}

TEST(JoinedTransportTest, WhereOneCantListenBothStayWhereTheyWere) {
  std::string wire;
  std::string host;
  bool wire_refuses = false;
  bool host_refuses = false;
  JoinedTransport both(std::make_unique<Listener>(wire, wire_refuses),
                       std::make_unique<Listener>(host, host_refuses), {{"*"}, 6379, 0},
                       {.patience_us = [] { return int64_t{-1}; },
                        .figures = {},
                        .end = {},
                        .listening = [](const ListenOn&) {}});
  EXPECT_EQ(both.listen({{"*"}, 7000, 0}, true), "");
  EXPECT_EQ(wire, "*:7000");
  EXPECT_EQ(host, "127.0.0.1:7000");
  host_refuses = true;
  EXPECT_EQ(both.listen({{"10.0.0.1"}, 8000, 0}, true), "no");
  EXPECT_EQ(wire, "*:7000") << "as before";
  wire_refuses = true;
  host.clear();
  EXPECT_EQ(both.listen({{"10.0.0.1"}, 9000, 0}, true), "no");
  EXPECT_EQ(host, "") << "was not asked";
}

TEST(JoinedTransportTest, WhileNothingComesItLooksAfterTheRest) {
  Joined joined;
  for (int i = 0; i < 640; ++i) {
    joined.turn();
  }
  EXPECT_EQ(joined.looks, 10);
}

}  // namespace
}  // namespace pollux
