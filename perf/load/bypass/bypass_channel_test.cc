// Over two queues, each a stack of the channel and one of a server, joined by a wire in memory.
#include "perf/load/bypass/bypass_channel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "src/base/time.h"

namespace pollux {
namespace {

using Kind = ChannelEvent::Kind;
constexpr uint16_t kPort = 6379;

class Wire final : public tcp::Device {
 public:
  explicit Wire(uint8_t number) { caps_.mac = {{2, 0, 0, 0, 0, number}}; }
  Wire* peer = nullptr;

  const tcp::DeviceCaps& caps() const override { return caps_; }
  size_t receive(std::span<tcp::RxFrame> frames) override {
    size_t count = 0;
    for (; count < frames.size() && !came_.empty(); ++count) {
      auto* const frame = new std::vector<uint8_t>(std::move(came_.front()));
      came_.pop_front();
      frames[count] = {.bytes = frame->data(),
                       .size = static_cast<uint32_t>(frame->size()),
                       .buffer = reinterpret_cast<uint64_t>(frame)};
    }
    return count;
  }
  void release(std::span<const tcp::RxFrame> frames) override {
    for (const tcp::RxFrame& frame : frames) {
      delete reinterpret_cast<std::vector<uint8_t>*>(frame.buffer);
    }
  }
  size_t allocate(std::span<tcp::TxHead> heads, tcp::TxUse /*use*/) override {
    for (tcp::TxHead& head : heads) {
      head = {.bytes = new uint8_t[tcp::kTxHeadBytes], .room = tcp::kTxHeadBytes};
    }
    return heads.size();
  }
  void drop(std::span<const tcp::TxHead> heads) override {
    for (const tcp::TxHead& head : heads) {
      delete[] head.bytes;
    }
  }
  size_t send(std::span<const tcp::TxFrame> frames) override {
    for (const tcp::TxFrame& frame : frames) {
      std::vector<uint8_t> bytes(frame.head.bytes, frame.head.bytes + frame.head_bytes);
      for (uint32_t i = 0; i < frame.piece_count; ++i) {
        bytes.insert(bytes.end(), frame.pieces[i].begin(), frame.pieces[i].end());
      }
      if (frame.piece_count != 0) {
        done_.push_back(frame.token);
      }
      peer->came_.push_back(std::move(bytes));
      drop({&frame.head, 1});
    }
    return frames.size();
  }
  size_t reap(std::span<uint64_t> tokens, bool /*eager*/) override {
    size_t count = 0;
    for (; count < tokens.size() && !done_.empty(); ++count, done_.pop_front()) {
      tokens[count] = done_.front();
    }
    return count;
  }

 private:
  tcp::DeviceCaps caps_;
  std::deque<std::vector<uint8_t>> came_;
  std::deque<uint64_t> done_;
};

tcp::StackConfig config_of(const char* address) {
  tcp::StackConfig config;
  config.interface.addresses = {{*tcp::IpAddress::parse(address), 24}};
  config.connections_max = 64;
  return config;
}

struct Ends {
  explicit Ends(uint8_t number) : ours(number), theirs(static_cast<uint8_t>(number + 1)) {
    ours.peer = &theirs;
    theirs.peer = &ours;
    server.listen({{.address = std::nullopt, .port = kPort}});
  }
  Wire ours;
  Wire theirs;
  tcp::Stack client{config_of("10.9.0.1"), {}, ours, {monotonic_ns()}};
  tcp::Stack server{config_of("10.9.0.2"), {}, theirs, {monotonic_ns()}};
};

class BypassChannelTest : public testing::Test {
 protected:
  void make(const char* to = "10.9.0.2", uint16_t port = kPort, uint32_t connecting_max = 64) {
    channel_ = std::make_unique<BypassChannel>(
        std::vector<tcp::Stack*>{&one_.client, &two_.client},
        BypassTarget{
            .address = *tcp::IpAddress::parse(to), .port = port, .connecting_max = connecting_max},
        16);
  }

  // What comes in some turns of both sides. The server keeps who opened and reads all.
  std::vector<ChannelEvent> turns(int count = 200) {
    std::vector<ChannelEvent> all;
    for (int i = 0; i < count; ++i) {
      std::array<ChannelEvent, 4> events;
      const size_t came = channel_->poll(events, 0);
      for (const ChannelEvent& event : std::span(events).first(came)) {
        bytes_ += event.bytes;
        all.push_back(event);
      }
      channel_->flush();
      for (Ends* const ends : {&one_, &two_}) {
        const tcp::Moment now{monotonic_ns()};
        if (!ends->server.has_event()) {
          ends->server.receive(now);
        }
        if (ends->server.next_deadline() <= now) {
          ends->server.tick(now);
        }
        while (const tcp::StackEvent* const event = ends->server.next_event()) {
          if (event->kind == tcp::StackEvent::Kind::kOpened) {
            opened_.push_back({ends, event->conn});
            if (pauses_) {
              ends->server.pause(event->conn);
            }
          }
          read_ += event->bytes.size();
        }
        ends->server.flush(now);
      }
    }
    return all;
  }
  static size_t count(const std::vector<ChannelEvent>& events, Kind kind) {
    return static_cast<size_t>(std::ranges::count(events, kind, &ChannelEvent::kind));
  }
  size_t send(uint32_t flow, std::string_view bytes) {
    ChannelSend send{.flow = flow, .bytes = bytes};
    channel_->send({&send, 1});
    return send.taken;
  }

  Ends one_{1};
  Ends two_{3};
  std::unique_ptr<BypassChannel> channel_;
  struct Opened {
    Ends* ends;
    ConnId conn;
  };
  std::vector<Opened> opened_;
  bool pauses_ = false;
  size_t read_ = 0;
  std::string bytes_;
};

TEST_F(BypassChannelTest, FlowsGoRoundOverTheQueues) {
  make();
  for (uint32_t flow = 0; flow < 10; ++flow) {
    channel_->connect(flow);
  }
  EXPECT_EQ(count(turns(), Kind::kOpen), 10U);
  EXPECT_EQ(channel_->flows_of(0), 5U);
  EXPECT_EQ(channel_->flows_of(1), 5U);
}

// As RSS would have it: not by turns, and again the same by the same seed.
TEST_F(BypassChannelTest, FlowsThatAreDrawnAreUneven) {
  constexpr uint32_t kFlows = 16;
  std::vector<uint32_t> of_first;
  for (const uint64_t seed : {1, 2, 3, 4, 1}) {
    channel_ =
        std::make_unique<BypassChannel>(std::vector<tcp::Stack*>{&one_.client, &two_.client},
                                        BypassTarget{.address = *tcp::IpAddress::parse("10.9.0.2"),
                                                     .port = kPort,
                                                     .even = false,
                                                     .seed = seed},
                                        kFlows);
    for (uint32_t flow = 0; flow < kFlows; ++flow) {
      channel_->connect(flow);
    }
    EXPECT_EQ(count(turns(), Kind::kOpen), kFlows);
    EXPECT_EQ(channel_->flows_of(0) + channel_->flows_of(1), kFlows);
    of_first.push_back(channel_->flows_of(0));
  }
  EXPECT_EQ(of_first.front(), of_first.back());
  EXPECT_GT(std::ranges::max(of_first), std::ranges::min(of_first));
}

TEST_F(BypassChannelTest, OnlySoManyHandshakesAreUnderWay) {
  make("10.9.0.2", kPort, 1);
  for (uint32_t flow = 0; flow < 3; ++flow) {
    channel_->connect(flow);
  }
  std::array<ChannelEvent, 4> events;
  channel_->poll(events, 0);
  EXPECT_EQ(one_.client.connections() + two_.client.connections(), 1U);
  channel_->close(2);  // in line
  std::vector<ChannelEvent> came = turns();
  EXPECT_EQ(count(came, Kind::kOpen), 2U);
  EXPECT_EQ(came.size(), 2U);
  channel_->connect(2);
  came = turns();
  ASSERT_EQ(came.size(), 1U);
  EXPECT_EQ(came[0].flow, 2U);
}

TEST_F(BypassChannelTest, WhoIsFullHasRoomAgain) {
  make();
  pauses_ = true;
  channel_->connect(3);
  turns();
  ASSERT_EQ(opened_.size(), 1U);
  const std::string much(3U << 20, 'x');
  const size_t taken = send(3, much);
  EXPECT_GT(taken, 0U);
  EXPECT_LT(taken, much.size());
  EXPECT_EQ(send(3, much), 0U) << "until there is room";
  EXPECT_EQ(count(turns(), Kind::kRoom), 0U);
  pauses_ = false;
  opened_[0].ends->server.resume(opened_[0].conn);
  EXPECT_EQ(count(turns(2'000), Kind::kRoom), 1U);
  EXPECT_GT(send(3, much), 0U);
  turns(2'000);
  EXPECT_GT(read_, taken);
}

TEST_F(BypassChannelTest, SaysWhyThereIsNoConnection) {
  make("10.9.0.2", kPort + 1);
  channel_->connect(0);
  std::vector<ChannelEvent> came = turns();
  ASSERT_EQ(came.size(), 1U);
  EXPECT_EQ(came[0].kind, Kind::kClosed);
  EXPECT_EQ(came[0].end, ChannelEnd::kRefused);
  make("10.8.0.2");
  channel_->connect(5);
  came = turns();
  ASSERT_EQ(came.size(), 1U);
  EXPECT_EQ(came[0].flow, 5U);
  EXPECT_EQ(came[0].end, ChannelEnd::kUnreachable);
}

TEST_F(BypassChannelTest, ThePeersLastWordsComeBeforeItsEnd) {
  make();
  channel_->connect(0);
  turns();
  ASSERT_EQ(opened_.size(), 1U);
  tcp::Stack& server = opened_[0].ends->server;
  const std::string words = "bye";
  const tcp::Bytes piece{reinterpret_cast<const uint8_t*>(words.data()), words.size()};
  ASSERT_TRUE(server.write(opened_[0].conn, {&piece, 1}, 100));
  server.close(opened_[0].conn, {monotonic_ns()});
  std::vector<ChannelEvent> came = turns();
  ASSERT_EQ(came.size(), 2U);
  EXPECT_EQ(bytes_, "bye");
  EXPECT_EQ(came[1].kind, Kind::kClosed);
  EXPECT_EQ(came[1].end, ChannelEnd::kPeerClosed);
  EXPECT_EQ(send(0, "too late"), 0U);
  // Another life.
  channel_->connect(0);
  EXPECT_EQ(count(turns(), Kind::kOpen), 1U);
}

TEST_F(BypassChannelTest, NothingIsHeardOfWhomTheRunnerHasClosed) {
  make();
  channel_->connect(0);
  channel_->connect(1);
  turns();
  ASSERT_EQ(opened_.size(), 2U);
  const tcp::Bytes piece{reinterpret_cast<const uint8_t*>("word"), 4};
  for (const Opened& opened : opened_) {
    ASSERT_TRUE(opened.ends->server.write(opened.conn, {&piece, 1}, 100));
    opened.ends->server.flush({monotonic_ns()});
  }
  channel_->close(0);
  const std::vector<ChannelEvent> came = turns();
  ASSERT_EQ(came.size(), 1U);
  EXPECT_EQ(came[0].flow, 1U);
  EXPECT_EQ(bytes_, "word");
}

}  // namespace
}  // namespace pollux
