#include "dataplane/tcp/steering/host_path.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace pollux::tcp {
namespace {

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
std::string text_of(const HostFrame* frame) {
  return frame == nullptr ? "none"
                          : std::string(frame->bytes.begin(),
                                        frame->bytes.begin() + static_cast<ptrdiff_t>(frame->size));
}

class HostPathTest : public testing::Test {
 protected:
  void give(uint16_t worker, const std::string& text) {
    EXPECT_TRUE(path_.give(worker, bytes_of(text)));
    path_.publish(worker);
  }
  std::string take() {
    const HostFrame* const frame = path_.next_in();
    std::string text = text_of(frame);
    if (frame != nullptr) {
      path_.done_in();
    }
    return text;
  }

  int woken_ = 0;
  HostPath path_{2, 1514, [this] { ++woken_; }};
};

TEST_F(HostPathTest, WhatWorkersGiveComesInTurn) {
  give(0, "a");
  give(0, "b");
  give(1, "c");
  EXPECT_EQ(take(), "a");
  EXPECT_EQ(take(), "c");
  EXPECT_EQ(take(), "b");
  EXPECT_EQ(take(), "none");
}

TEST_F(HostPathTest, TheHostIsWokenIfItSleeps) {
  give(0, "a");
  EXPECT_EQ(woken_, 0);
  EXPECT_FALSE(path_.may_sleep());
  take();
  EXPECT_TRUE(path_.may_sleep());
  give(1, "b");
  EXPECT_EQ(woken_, 1);
}

TEST_F(HostPathTest, MoreThanThereIsRoomForIsLost) {
  for (size_t i = 0; i < HostPath::kFrames; ++i) {
    give(0, std::string(100, 'x'));
    ASSERT_TRUE(path_.send(bytes_of("y")));
  }
  EXPECT_FALSE(path_.give(0, bytes_of("x")));
  EXPECT_TRUE(path_.give(1, bytes_of("of another worker")));
  EXPECT_FALSE(path_.send(bytes_of("y")));
  take();
  EXPECT_TRUE(path_.give(0, bytes_of("x")));
  path_.publish_out();
  path_.done(*path_.next_out());
  EXPECT_TRUE(path_.send(bytes_of("y")));
  EXPECT_FALSE(path_.give(0, bytes_of(std::string(1515, 'x')))) << "longer than any frame";
}

TEST_F(HostPathTest, WhatTheHostSendsGoesOut) {
  EXPECT_FALSE(path_.has_out());
  EXPECT_TRUE(path_.send(bytes_of("a long one, and then")));
  EXPECT_TRUE(path_.send(bytes_of("short")));
  EXPECT_FALSE(path_.has_out()) << "not published";
  EXPECT_TRUE(path_.publish_out());
  EXPECT_TRUE(path_.has_out());
  for (const std::string text : {"a long one, and then", "short"}) {
    const HostFrame* const frame = path_.next_out();
    EXPECT_EQ(text_of(frame), text);
    path_.done(*frame);
  }
  EXPECT_EQ(path_.next_out(), nullptr);
}

TEST_F(HostPathTest, PortsAreOursFromThenOn) {
  EXPECT_FALSE(path_.is_our_port(6379));
  for (const uint16_t port : {0, 63, 64, 6379, 65'535}) {
    path_.add_port(port);
    EXPECT_TRUE(path_.is_our_port(port));
  }
  EXPECT_FALSE(path_.is_our_port(6380));
}

TEST(HostPathThreads, FramesGoBothWaysWhileAllWork) {
  constexpr int kFrames = 20'000;
  HostPath path(1, 64, [] {});
  std::atomic<bool> over = false;
  std::thread host([&] {
    int expected = 0;
    while (!over.load() || !path.may_sleep()) {
      if (const HostFrame* const frame = path.next_in()) {
        EXPECT_EQ(text_of(frame), "in " + std::to_string(expected++));
        path.send(bytes_of("out"));
        path.publish_out();
        path.done_in();
      }
    }
  });
  int out = 0;
  for (int sent = 0; sent < kFrames;) {
    const std::string text = "in " + std::to_string(sent);
    sent += path.give(0, bytes_of(text));
    path.publish(0);
    while (const HostFrame* const frame = path.next_out()) {
      EXPECT_EQ(text_of(frame), "out");
      path.done(*frame);
      ++out;
    }
  }
  over.store(true);
  host.join();
  EXPECT_GT(out, 0);
}

}  // namespace
}  // namespace pollux::tcp
