// A server that answers when it was asked to, to see how exactly a load generator measures: the
// last word of a request is how many microseconds behind its receipt the answer +OK leaves ("PING
// 100").
//
//   load_delay_server [--port N] [--cpu C]
//
// Kernel sockets, one thread that never sleeps, a few connections; delays up to a second. An answer
// waits for those before it on any connection, as delays of one run are meant to be the same or far
// apart in time. Prints its port.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string_view>
#include <vector>

#include "src/base/cpu.h"
#include "src/base/num.h"
#include "src/base/time.h"
#include "src/protocol/resp_reader.h"

namespace pollux {
namespace {

constexpr std::string_view kAnswer = "+OK\r\n";
// So close to an answer it looks at the clock alone: a system call would take as long.
constexpr int64_t kNearNs = 5'000;
constexpr size_t kFdsMax = 1024;

struct Due {
  int64_t at_ns = 0;
  int fd = -1;
};

class DelayServer {
 public:
  DelayServer(int listening, int epoll) : listening_(listening), epoll_(epoll) { watch(listening); }

  void turn() {
    while (!due_.empty() && due_.front().at_ns <= clock_.now_ns() + kNearNs) {
      const Due next = due_.front();
      due_.pop_front();
      while (clock_.now_ns() < next.at_ns) {
      }
      answer(next.fd);
    }
    std::array<epoll_event, 64> events;
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == listening_) {
        accept();
      } else {
        receive(fd);
      }
    }
  }

 private:
  void watch(int fd) const {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  void accept() {
    const int fd = ::accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 || static_cast<size_t>(fd) >= kFdsMax) {
      close(fd);
      return;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(fd);
  }
  static void answer(int fd) {
    if (send(fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL) < 0) {
      std::fprintf(stderr, "load_delay_server: an answer was not taken\n");
    }
  }
  // Requests come whole: they are short, and one at a time.
  void receive(int fd) {
    const ssize_t got = recv(fd, buffer_.data(), buffer_.size(), 0);
    const int64_t now = clock_.now_ns();
    if (got <= 0) {
      std::erase_if(due_, [&](const Due& due) { return due.fd == fd; });
      close(fd);
      return;
    }
    std::string_view bytes(buffer_.data(), static_cast<size_t>(got));
    RespReader reader;
    size_t consumed = 0;
    while (!bytes.empty() &&
           reader.read(bytes, ReadLimits(), args_, consumed) == ReadStatus::kRequest) {
      bytes.remove_prefix(consumed);
      const int64_t us = parse_int64(args_.back()).value_or(0);
      if (us <= 0 && due_.empty()) {
        answer(fd);
        continue;
      }
      const int64_t at_ns = now + std::clamp<int64_t>(us, 0, 1'000'000) * 1000;
      due_.push_back({std::max(at_ns, due_.empty() ? 0 : due_.back().at_ns), fd});
    }
  }

  int listening_;
  int epoll_;
  const TscClock& clock_ = TscClock::get();
  std::deque<Due> due_;
  std::array<char, 64 << 10> buffer_;
  std::vector<std::string_view> args_;
};

int run(int port, int cpu) {
  if (cpu >= 0 && !pin_thread(cpu)) {
    std::perror("load_delay_server: cannot pin");
    return 1;
  }
  const int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof address;
  if (bind(listening, reinterpret_cast<sockaddr*>(&address), bytes) != 0 ||
      listen(listening, 128) != 0 ||
      getsockname(listening, reinterpret_cast<sockaddr*>(&address), &bytes) != 0) {
    std::perror("load_delay_server: cannot listen");
    return 1;
  }
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  DelayServer server(listening, epoll_create1(EPOLL_CLOEXEC));
  while (true) {
    server.turn();
  }
}

}  // namespace
}  // namespace pollux

int main(int argc, char** argv) {
  int port = 0;
  int cpu = -1;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    (name == "--port" ? port : cpu) = std::atoi(argv[i + 1]);
  }
  return pollux::run(port, cpu);
}
