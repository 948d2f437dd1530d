// Listening sockets: addresses to file descriptors, with an error text for the operator. Used at
// start, on the thread that boots; nothing here knows io_uring.
//
// Every worker listens on the same addresses with SO_REUSEPORT, and the kernel spreads new
// connections by hash. SO_REUSEPORT would also let a second server steal half of them in silence,
// so the boot calls check_addresses_free before the first worker listens.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "dataplane/engine/transport.h"
#include "dataplane/kernel/uring_options.h"

namespace pollux {

// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(-1); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset(int fd);

 private:
  int fd_ = -1;
};

struct Listener {
  UniqueFd fd;
  bool unix_socket = false;
  bool retired = false;  // closed as soon as the kernel has let go of it
};

// Opens and listens on all TCP addresses of the options. Empty if all is well, else what is wrong.
std::string open_tcp_listeners(const UringOptions& options, std::vector<Listener>& out);

// tcp-keepalive of connections that a TCP listener accepts from now on.
void set_listener_keepalive(int fd, int keepalive_s);

// The process' unix socket, listening, or -1 with `error`. A socket file on which nobody answers is
// replaced. Call it before other threads start: it sets the umask for a moment.
int open_unix_listener(const UringOptions& options, std::string& error);

// Empty if nothing listens on the options' addresses, else who-cannot-bind-what. Holds no socket
// afterwards.
std::string check_addresses_free(const UringOptions& options);

// The port a socket is bound to, or 0.
int socket_port(int fd);

// Who is at both ends of a connected socket, in the form of CLIENT LIST.
PeerInfo describe_connection(int fd, bool unix_socket);

// Raises the limit of open files of the process to `wanted`, as far as allowed; returns the limit
// that stands now.
size_t raise_open_files(size_t wanted);

}  // namespace pollux
