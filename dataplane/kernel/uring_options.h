// What an operator may set about the kernel's sockets. Plain values, the same for all workers of a
// process; read at start.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace pollux {

// For UringOptions::port: the kernel picks one (tests); UringTransport::bound_port() tells which.
inline constexpr int kEphemeralPort = -1;

struct UringOptions {
  // Addresses as in Redis' `bind`: numeric or names, "*" and "::*" for all of IPv4 and IPv6; one
  // that starts with '-' may be missing on this host. None: no TCP.
  std::vector<std::string> bind = {"*", "-::*"};
  int port = 6379;            // 0: no TCP, as in Redis
  bool numeric_only = false;  // no names in `bind`: nobody may wait for a resolver
  int backlog = 511;          // tcp-backlog; the kernel caps it at net.core.somaxconn
  int tcp_keepalive_s = 300;  // 0: no keep-alive probes

  // The unix socket is one for all workers: open_unix_listener makes it, each transport takes a
  // duplicate. With a path but no fd, the transport opens it by itself (one worker).
  std::string unix_path;
  unsigned unix_perm = 0;  // mode bits of the socket file; 0: as the umask says
  int unix_fd = -1;

  // Receive buffers of a worker, shared by its connections; a power of two, at most 32,768.
  unsigned buffers = 512;
  size_t buffer_bytes = 16 * 1024;
  // A sleeping worker that many clients keep waking gathers several requests before it wakes, none
  // of them for longer than this (gather.h). 0: it wakes for each.
  unsigned gather_us = 100;
  // Entries of the submission queue, a power of two; the completion queue has eight times that.
  unsigned queue_entries = 1024;
};

}  // namespace pollux
