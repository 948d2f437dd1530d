// What the tests of UringTransport share: clients (plain blocking sockets on the loopback) and a
// driver that steps a transport and checks the order of events that the contract promises.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/kernel/uring_transport.h"
#include "src/base/rng.h"

namespace pollux {

using Kind = TransportEvent::Kind;
using namespace std::chrono_literals;

inline UringOptions loopback_options() {
  UringOptions options;
  options.bind = {"127.0.0.1"};
  options.port = kEphemeralPort;
  options.buffers = 64;
  options.buffer_bytes = 4096;
  options.queue_entries = 64;
  return options;
}

inline bool connect_to(int fd, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
}

inline UniqueFd connect_tcp(int port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return connect_to(fd.get(), port) ? std::move(fd) : UniqueFd();
}

inline UniqueFd connect_unix(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return UniqueFd();
  }
  return fd;
}

inline void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    ASSERT_GT(n, 0) << std::strerror(errno);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

// Ends the connection with RST instead of FIN.
inline void reset_connection(UniqueFd& fd) {
  linger now{1, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  fd.reset(-1);
}

inline std::string pattern(size_t bytes, uint64_t seed) {
  Rng rng(seed);
  std::string out(bytes, '\0');
  for (char& c : out) {
    c = static_cast<char>(rng.next());
  }
  return out;
}

// What a session of the engine would know about a connection.
struct Seen {
  std::string data;
  std::vector<size_t> sent;
  bool open = false;
  int ends = 0;
  int closes = 0;
};

// Steps a transport and keeps what it tells, checking the order that the contract promises.
class Driver {
 public:
  explicit Driver(const UringOptions& options) {
    std::string error;
    transport = UringTransport::create(options, error);
    EXPECT_NE(transport, nullptr) << error;
  }

  void step(int64_t timeout_us) {
    transport->sleep(timeout_us);
    poll();
  }

  void poll() {
    std::array<TransportEvent, 16> events;
    size_t count = transport->poll(events);
    for (size_t i = 0; i < count; ++i) {
      handle(events[i]);
    }
  }

  // Steps until the condition holds; false after 10 s.
  bool until(const std::function<bool()>& done) {
    auto end = std::chrono::steady_clock::now() + 10s;
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) {
        return false;
      }
      step(20'000);
    }
    return true;
  }

  ConnId wait_open() {
    size_t before = opened.size();
    EXPECT_TRUE(until([&] { return opened.size() > before; }));
    return opened.empty() ? ConnId{} : opened.back();
  }

  Seen& at(ConnId conn) { return seen[conn]; }

  void send(ConnId conn, std::string_view bytes) {
    TxSlice slice{bytes};
    transport->send(conn, {&slice, 1});
  }

  std::unique_ptr<UringTransport> transport;
  std::map<ConnId, Seen> seen;
  std::vector<ConnId> opened;
  bool echo = false;

 private:
  void handle(const TransportEvent& event) {
    Seen& it = seen[event.conn];
    EXPECT_EQ(it.closes, 0) << "an event after kClosed";
    EXPECT_EQ(it.open, event.kind != Kind::kOpen);
    switch (event.kind) {
      case Kind::kOpen:
        it.open = true;
        opened.push_back(event.conn);
        break;
      case Kind::kData:
        EXPECT_EQ(it.ends, 0) << "data after the end";
        it.data.append(event.bytes);
        break;
      case Kind::kSent:
        it.sent.push_back(event.sent);
        break;
      case Kind::kEnd:
        ++it.ends;
        break;
      case Kind::kClosed:
        ++it.closes;
        break;
    }
  }
};

}  // namespace pollux
