// pollux-echo: the bare floor under every figure of the server on this transport. One worker sends
// back whatever came, byte for byte. A RESP request is itself a valid RESP reply, so
// redis-benchmark can drive it.
//
//   pollux-echo [--port N] [--cpu C] [--busy] [--gather US]
//
// Sleeps in the kernel when there is nothing to do (the server's adaptive mode with spin 0), or
// polls without end with --busy. Prints its CPU time when it gets SIGTERM or SIGINT.
#include <sys/resource.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "dataplane/kernel/uring_transport.h"
#include "src/base/cpu.h"

namespace pollux {
namespace {

volatile std::sig_atomic_t stop_asked = 0;

void on_signal(int) {
  stop_asked = 1;
}

struct EchoOptions {
  int port = 7777;
  int cpu = -1;
  bool busy = false;
  unsigned gather_us = UringOptions().gather_us;
};

bool parse(int argc, char** argv, EchoOptions& out) {
  for (int i = 1; i < argc; ++i) {
    std::string_view name = argv[i];
    if (name == "--busy") {
      out.busy = true;
    } else if (name == "--port" && i + 1 < argc) {
      out.port = std::atoi(argv[++i]);
    } else if (name == "--cpu" && i + 1 < argc) {
      out.cpu = std::atoi(argv[++i]);
    } else if (name == "--gather" && i + 1 < argc) {
      out.gather_us = static_cast<unsigned>(std::atoi(argv[++i]));
    } else {
      return false;
    }
  }
  return true;
}

// Two buffers per connection, as a server's session has: one on its way out, one being filled.
struct Session {
  std::string sending;
  std::string filling;
  bool busy = false;    // `sending` is with the transport
  bool listed = false;  // in the list of those with output
};

class Echo {
 public:
  explicit Echo(UringTransport& transport) : transport_(transport) {}

  void turn() {
    size_t count = transport_.poll(events_);
    for (size_t i = 0; i < count; ++i) {
      handle(events_[i]);
    }
    for (ConnId conn : writable_) {
      write(conn);
    }
    writable_.clear();
  }

 private:
  void handle(const TransportEvent& event) {
    if (event.conn.index >= sessions_.size()) {
      sessions_.resize(event.conn.index + 1);
    }
    Session& session = sessions_[event.conn.index];
    switch (event.kind) {
      case TransportEvent::Kind::kOpen:
        session = Session{};
        break;
      case TransportEvent::Kind::kData:
        session.filling.append(event.bytes);
        list(event.conn, session);
        break;
      case TransportEvent::Kind::kSent:
        session.busy = false;
        session.sending.clear();
        list(event.conn, session);
        break;
      case TransportEvent::Kind::kEnd:
        transport_.close(event.conn);
        session.filling.clear();
        break;
      case TransportEvent::Kind::kClosed:
        session = Session{};
        break;
    }
  }

  void list(ConnId conn, Session& session) {
    if (!session.listed && !session.filling.empty()) {
      session.listed = true;
      writable_.push_back(conn);
    }
  }

  void write(ConnId conn) {
    Session& session = sessions_[conn.index];
    session.listed = false;
    if (session.busy || session.filling.empty()) {
      return;
    }
    session.busy = true;
    std::swap(session.sending, session.filling);
    TxSlice slice{session.sending};
    transport_.send(conn, {&slice, 1});
  }

  UringTransport& transport_;
  std::array<TransportEvent, 256> events_;  // not on the stack: it would be cleared every turn
  std::vector<Session> sessions_;
  std::vector<ConnId> writable_;
};

int run(const EchoOptions& arguments) {
  if (arguments.cpu >= 0 && !pin_thread(arguments.cpu)) {
    std::perror("pollux-echo: cannot pin");
    return 1;
  }
  UringOptions options;
  options.bind = {"127.0.0.1"};
  options.port = arguments.port;
  options.gather_us = arguments.gather_us;
  raise_open_files(20'000);
  std::string error = check_addresses_free(options);
  std::unique_ptr<UringTransport> transport;
  if (error.empty()) {
    transport = UringTransport::create(options, error);
  }
  if (transport == nullptr) {
    std::fprintf(stderr, "pollux-echo: %s\n", error.c_str());
    return 1;
  }
  std::printf("pollux-echo: port %d\n", transport->bound_port());
  std::fflush(stdout);
  Echo echo(*transport);
  while (stop_asked == 0) {
    if (arguments.busy) {
      transport->flush();
    } else {
      transport->sleep(-1);
    }
    echo.turn();
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("pollux-echo: user %ld.%06ld s, system %ld.%06ld s\n", usage.ru_utime.tv_sec,
              usage.ru_utime.tv_usec, usage.ru_stime.tv_sec, usage.ru_stime.tv_usec);
  return 0;
}

}  // namespace
}  // namespace pollux

int main(int argc, char** argv) {
  pollux::EchoOptions arguments;
  if (!pollux::parse(argc, argv, arguments)) {
    std::fprintf(stderr, "usage: pollux-echo [--port N] [--cpu C] [--busy] [--gather US]\n");
    return 2;
  }
  std::signal(SIGTERM, pollux::on_signal);
  std::signal(SIGINT, pollux::on_signal);
  std::signal(SIGPIPE, SIG_IGN);
  return pollux::run(arguments);
}
