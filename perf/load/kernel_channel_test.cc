// The kernel's sockets, against a small server of the test's own on loopback: what a channel
// promises (channel.h), and a runner and a crew over it.
#include "perf/load/kernel_channel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <vector>

#include "perf/load/crew.h"

namespace pollux {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// A listener of which the test accepts, reads and writes by hand.
class Listener {
 public:
  Listener() {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(fd_, 512), 0);
    socklen_t bytes = sizeof address;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &bytes);
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { stop(); }
  void stop() {
    if (fd_ >= 0) {
      close(fd_);
      fd_ = -1;
    }
  }
  int accept() const { return ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC); }
  int fd() const { return fd_; }
  KernelTarget target() const { return {.port = port_}; }

 private:
  int fd_ = -1;
  int port_ = 0;
};

std::unique_ptr<Channel> channel_to(const KernelTarget& target, uint32_t flows) {
  std::string error;
  const auto maker = KernelChannelMaker::create(target, flows, error);
  EXPECT_NE(maker, nullptr) << error;
  auto channel = maker->make(0, flows, error);
  EXPECT_NE(channel, nullptr) << error;
  return channel;
}

// The next event; fails the test if none comes for 5 s.
ChannelEvent next_event(Channel& channel) {
  ChannelEvent event;
  const int64_t until = channel.now_ns() + 5 * kSecond;
  while (channel.poll({&event, 1}, channel.now_ns() + kSecond / 100) == 0) {
    if (channel.now_ns() > until) {
      ADD_FAILURE() << "no event";
      return {};
    }
  }
  return event;
}

size_t send_one(Channel& channel, uint32_t flow, std::string_view bytes) {
  ChannelSend send{.flow = flow, .bytes = bytes};
  const int64_t before = channel.now_ns();
  channel.send({&send, 1});
  EXPECT_GE(send.at_ns, before);
  EXPECT_LE(send.at_ns, channel.now_ns());
  return send.taken;
}

TEST(KernelChannelTest, BytesGoOutAndComeIn) {
  Listener listener;
  const auto channel = channel_to(listener.target(), 3);
  channel->connect(2);
  EXPECT_EQ(next_event(*channel).kind, ChannelEvent::Kind::kOpen);
  const int peer = listener.accept();
  EXPECT_EQ(send_one(*channel, 2, "hello"), 5U);
  char text[16];
  ASSERT_EQ(read(peer, text, sizeof text), 5);
  ASSERT_EQ(write(peer, "world!", 6), 6);
  const ChannelEvent event = next_event(*channel);
  EXPECT_EQ(event.kind, ChannelEvent::Kind::kBytes);
  EXPECT_EQ(event.flow, 2U);
  EXPECT_EQ(event.bytes, "world!");
  close(peer);
  const ChannelEvent end = next_event(*channel);
  EXPECT_EQ(end.kind, ChannelEvent::Kind::kClosed);
  EXPECT_EQ(end.end, ChannelEnd::kPeerClosed);
  // The flow may live again.
  channel->connect(2);
  EXPECT_EQ(next_event(*channel).kind, ChannelEvent::Kind::kOpen);
}

TEST(KernelChannelTest, AFullFlowTakesNothingUntilItHasRoom) {
  Listener listener;
  const auto channel = channel_to(listener.target(), 1);
  channel->connect(0);
  EXPECT_EQ(next_event(*channel).kind, ChannelEvent::Kind::kOpen);
  const int peer = listener.accept();
  const std::string much(64 << 20, 'x');
  size_t taken = send_one(*channel, 0, much);
  ASSERT_LT(taken, much.size());
  EXPECT_EQ(send_one(*channel, 0, "x"), 0U);
  std::vector<char> sink(1 << 20);
  size_t came = 0;
  fcntl(peer, F_SETFL, O_NONBLOCK);
  const int64_t until = channel->now_ns() + 20 * kSecond;
  while (came < much.size() && channel->now_ns() < until) {
    const ssize_t got = read(peer, sink.data(), sink.size());
    came += got > 0 ? static_cast<size_t>(got) : 0;
    ChannelEvent event;
    if (channel->poll({&event, 1}, 0) == 1) {
      ASSERT_EQ(event.kind, ChannelEvent::Kind::kRoom);
      taken += send_one(*channel, 0, std::string_view(much).substr(taken));
    }
  }
  EXPECT_EQ(came, much.size());
  close(peer);
}

TEST(KernelChannelTest, NobodyListens) {
  Listener listener;
  const KernelTarget target = listener.target();
  listener.stop();
  const auto channel = channel_to(target, 1);
  channel->connect(0);
  const ChannelEvent event = next_event(*channel);
  EXPECT_EQ(event.kind, ChannelEvent::Kind::kClosed);
  EXPECT_EQ(event.end, ChannelEnd::kRefused);
}

TEST(KernelChannelTest, AResetIsToldWithAPollNotWithASend) {
  Listener listener;
  const auto channel = channel_to(listener.target(), 1);
  channel->connect(0);
  EXPECT_EQ(next_event(*channel).kind, ChannelEvent::Kind::kOpen);
  const int peer = listener.accept();
  const linger hard{1, 0};
  setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(peer);
  const ChannelEvent event = next_event(*channel);
  EXPECT_EQ(event.kind, ChannelEvent::Kind::kClosed);
  EXPECT_EQ(event.end, ChannelEnd::kReset);
  EXPECT_EQ(send_one(*channel, 0, "x"), 0U);
}

TEST(KernelChannelTest, AfterACloseNothingOfThatLifeIsTold) {
  Listener listener;
  const auto channel = channel_to(listener.target(), 1);
  channel->connect(0);
  channel->close(0);  // still in line
  channel->connect(0);
  EXPECT_EQ(next_event(*channel).kind, ChannelEvent::Kind::kOpen);
  const int peer = listener.accept();
  ASSERT_EQ(write(peer, "x", 1), 1);
  channel->close(0);
  channel->connect(0);
  EXPECT_EQ(next_event(*channel).kind, ChannelEvent::Kind::kOpen);
  close(peer);
  ChannelEvent event;
  EXPECT_EQ(channel->poll({&event, 1}, channel->now_ns() + 20'000'000), 0U);
}

TEST(KernelChannelTest, AWaitEndsWhenItShouldAndNotBefore) {
  Listener listener;
  const auto channel = channel_to(listener.target(), 1);
  ChannelEvent event;
  // A channel that is not busy may come back early, by what it takes to wake up.
  const int64_t until = channel->now_ns() + 20'000'000;
  EXPECT_EQ(channel->poll({&event, 1}, until), 0U);
  EXPECT_GE(channel->now_ns(), until - 100'000);
}

// What answers +OK to each request of 14 bytes ("*1\r\n$4\r\nPING\r\n"), over any number of
// connections, until it is stopped.
class PingServer {
 public:
  explicit PingServer(int listening) : listening_(listening) {
    fcntl(listening, F_SETFL, O_NONBLOCK);
    thread_ = std::thread([this] { serve(); });
  }
  ~PingServer() {
    stop_.store(true);
    thread_.join();
    for (const Peer& peer : peers_) {
      close(peer.fd);
    }
  }

 private:
  struct Peer {
    int fd = -1;
    size_t rest = 0;
  };
  void serve() {
    char bytes[64 << 10];
    while (!stop_.load()) {
      const int fd = accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        peers_.push_back({fd});
      }
      for (Peer& peer : peers_) {
        const ssize_t got = read(peer.fd, bytes, sizeof bytes);
        if (got > 0) {
          peer.rest += static_cast<size_t>(got);
          std::string answers;
          for (; peer.rest >= 14; peer.rest -= 14) {
            answers += "+OK\r\n";
          }
          EXPECT_EQ(write(peer.fd, answers.data(), answers.size()),
                    static_cast<ssize_t>(answers.size()));
        }
      }
      if (fd < 0) {
        usleep(50);
      }
    }
  }

  int listening_;
  std::vector<Peer> peers_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

Workload pings() {
  Workload work;
  EXPECT_TRUE(CommandTemplate::parse("PING", "", work.kinds.emplace_back().command));
  return work;
}

void expect_load(const KernelTarget& target, uint32_t clients) {
  const Workload work = pings();
  const Greeting greeting;
  const std::atomic<bool> stop{false};
  std::string error;
  const auto maker = KernelChannelMaker::create(target, clients, error);
  ASSERT_NE(maker, nullptr) << error;
  const auto crew =
      Crew::create(*maker, {.clients = {clients / 2, clients - clients / 2}, .depth_max = 4},
                   greeting, stop, error);
  ASSERT_NE(crew, nullptr) << error;
  const Tally by_count = crew->run({.workload = &work, .depth = 4, .requests = 5001}, nullptr);
  EXPECT_EQ(by_count.fatal, "");
  EXPECT_EQ(by_count.all().count(), 5001U);
  EXPECT_EQ(by_count.errors(), 0U);
  EXPECT_GE(by_count.bytes_in, 5001U * 5);
  // The same connections, in an open loop.
  const Tally open =
      crew->run({.workload = &work, .rate_per_s = 2000, .duration_ns = kSecond / 4}, nullptr);
  EXPECT_EQ(open.fatal, "");
  EXPECT_EQ(open.all().count(), 500U);
  EXPECT_EQ(open.ends, 0U);
  EXPECT_FALSE(crew->counters().empty());
  EXPECT_EQ(crew->counters()[0].first, "sends");
  EXPECT_EQ(crew->progress().connected, clients);
}

TEST(CrewTest, TwoThreadsOverTcp) {
  Listener listener;
  PingServer server(listener.fd());
  expect_load(listener.target(), 300);
}

TEST(CrewTest, TwoThreadsOverAUnixSocket) {
  const std::string path = testing::TempDir() + "load_" + std::to_string(getpid()) + ".sock";
  unlink(path.c_str());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(fd, 4), 0);  // less than there are connections: some wait in line
  {
    PingServer server(fd);
    expect_load({.unix_path = path}, 50);
  }
  close(fd);
  unlink(path.c_str());
}

TEST(CrewTest, NobodyListensIsSaidAndTheThreadsEnd) {
  Listener listener;
  const KernelTarget target = listener.target();
  listener.stop();
  const Workload work = pings();
  const Greeting greeting;
  const std::atomic<bool> stop{false};
  std::string error;
  const auto maker = KernelChannelMaker::create(target, 2, error);
  const auto crew = Crew::create(*maker, {.clients = {1, 1}}, greeting, stop, error);
  ASSERT_NE(crew, nullptr) << error;
  const Tally tally = crew->run({.workload = &work, .requests = 10}, nullptr);
  EXPECT_NE(tally.fatal.find("refused"), std::string::npos) << tally.fatal;
}

}  // namespace
}  // namespace pollux
