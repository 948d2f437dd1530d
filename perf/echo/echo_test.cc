#include "perf/echo/echo.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace pollux {
namespace {

using Kind = TransportEvent::Kind;

// Tells what it was told to, and keeps who was sent what.
class Script final : public Transport {
 public:
  std::vector<TransportEvent> next;
  std::vector<std::pair<ConnId, std::string>> sent;

  size_t poll(std::span<TransportEvent> events) override {
    std::ranges::copy(next, events.begin());
    return std::exchange(next, {}).size();
  }
  const PeerInfo& peer(ConnId) override { return peer_; }
  void send(ConnId conn, std::span<const TxSlice> slices) override {
    for (const TxSlice& slice : slices) {
      sent.emplace_back(conn, slice.bytes);
    }
  }
  void pause(ConnId) override {}
  void resume(ConnId) override {}
  void close(ConnId) override {}
  void stop_accepting() override {}
  void flush() override {}
  void sleep(int64_t) override {}
  void wake() override {}

 private:
  PeerInfo peer_;
};

// Bytes of a connection that has taken the place of another within a turn go to it alone, and it is
// not left busy with a send that nobody will end.
TEST(EchoTest, AConnectionInThePlaceOfAnotherHasItsOwnBytes) {
  constexpr ConnId kOld{0, 1};
  constexpr ConnId kNew{0, 2};
  Script wire;
  Echo echo(wire);
  wire.next = {{.kind = Kind::kOpen, .conn = kOld}};
  EXPECT_TRUE(echo.turn());
  wire.next = {{.kind = Kind::kData, .conn = kOld, .bytes = "old"},
               {.kind = Kind::kEnd, .conn = kOld},
               {.kind = Kind::kClosed, .conn = kOld},
               {.kind = Kind::kOpen, .conn = kNew},
               {.kind = Kind::kData, .conn = kNew, .bytes = "new"}};
  EXPECT_TRUE(echo.turn());
  ASSERT_EQ(wire.sent.size(), 1U);
  EXPECT_EQ(wire.sent[0].first, kNew);
  EXPECT_EQ(wire.sent[0].second, "new");
  EXPECT_FALSE(echo.turn());
}

TEST(EchoTest, WhatComesDuringASendGoesWithTheNext) {
  constexpr ConnId kConn{3, 1};
  Script wire;
  Echo echo(wire);
  wire.next = {{.kind = Kind::kOpen, .conn = kConn},
               {.kind = Kind::kData, .conn = kConn, .bytes = "a"},
               {.kind = Kind::kData, .conn = kConn, .bytes = "b"}};
  echo.turn();
  wire.next = {{.kind = Kind::kData, .conn = kConn, .bytes = "c"}};
  echo.turn();
  EXPECT_EQ(wire.sent.size(), 1U);
  wire.next = {{.kind = Kind::kSent, .conn = kConn, .sent = 2}};
  echo.turn();
  ASSERT_EQ(wire.sent.size(), 2U);
  EXPECT_EQ(wire.sent[0].second, "ab");
  EXPECT_EQ(wire.sent[1].second, "c");
}

}  // namespace
}  // namespace pollux
