// The channel over kernel sockets: nonblocking TCP or unix sockets under epoll, one instance a
// thread. Any Redis server can be measured with it.
//
// What the stamps mean here: `at_ns` of a send is taken just before the system call, of bytes just
// after the one that brought them. So a figure holds two system calls of this host, its network
// stack both ways, and how long it takes until a thread that slept runs; `busy` takes the last
// away.
#pragma once

#include <sys/socket.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "perf/load/channel.h"
#include "src/base/time.h"

namespace pollux {

struct KernelTarget {
  std::string host = "127.0.0.1";
  int port = 6379;
  std::string unix_path;  // instead of both, if not empty
  bool busy = false;      // never sleeps
};

// Where to connect, resolved once.
struct KernelAddress {
  sockaddr_storage storage{};
  socklen_t bytes = 0;
};

class KernelChannel final : public Channel {
 public:
  // Null with a sentence if the kernel gives no epoll.
  static std::unique_ptr<KernelChannel> create(const KernelAddress& address, bool busy,
                                               uint32_t flows_max, std::string& error);
  ~KernelChannel() override;

  int64_t now_ns() override { return clock_.now_ns(); }
  void connect(uint32_t flow) override;
  void send(std::span<ChannelSend> burst) override;
  void flush() override {}
  size_t poll(std::span<ChannelEvent> events, int64_t until_ns) override;
  int64_t slept_ns() const override { return slept_ns_; }
  void close(uint32_t flow) override;
  size_t counters(std::span<ChannelCounter> into) const override;

 private:
  enum class State : uint8_t { kClosed, kInLine, kConnecting, kOpen };
  struct Flow {
    int fd = -1;
    State state = State::kClosed;
    bool full = false;     // epoll is asked for room
    uint32_t attempt = 0;  // tells an attempt in line, or on its way, from one that was closed
  };
  struct Attempt {
    uint32_t flow = 0;
    uint32_t attempt = 0;
    int64_t until_ns = 0;
  };

  KernelChannel(const KernelAddress& address, bool busy, uint32_t flows_max, int epoll);

  // Starts handshakes of those in line; says what has failed at once.
  void start_attempts(int64_t now);
  // False: not now (a unix socket's backlog is full).
  bool start(uint32_t index, int64_t now);
  void expire_attempts(int64_t now);
  void on_ready(uint32_t index, uint32_t what, std::span<ChannelEvent> events, size_t& count);
  void finish_connect(uint32_t index, ChannelEvent& event);
  bool read(uint32_t index, ChannelEvent& event);
  void watch(uint32_t index, bool for_room);
  void fail(uint32_t flow, ChannelEnd end);
  void shut(uint32_t index);

  const KernelAddress address_;
  const bool busy_;
  const int epoll_;
  const TscClock& clock_;
  std::vector<Flow> flows_;
  std::deque<Attempt> line_;
  std::deque<Attempt> handshakes_;  // in the order of their deadlines
  unsigned connecting_ = 0;
  std::vector<ChannelEvent> failed_;  // to be told by the next poll
  std::vector<char> buffer_;
  size_t buffered_ = 0;
  int64_t slept_ns_ = 0;  // in the last poll
  uint64_t sends_ = 0;
  uint64_t receives_ = 0;
  uint64_t waits_ = 0;
  uint64_t refusals_ = 0;
};

class KernelChannelMaker final : public ChannelMaker {
 public:
  // Null with a sentence if the name has no address. Raises the limit of open files for `flows`
  // connections in all.
  static std::unique_ptr<KernelChannelMaker> create(const KernelTarget& target, uint64_t flows,
                                                    std::string& error);

  std::unique_ptr<Channel> make(unsigned thread, uint32_t flows_max, std::string& error) override;
  std::string where() const override { return where_; }

 private:
  KernelAddress address_;
  bool busy_ = false;
  std::string where_;
};

}  // namespace pollux
