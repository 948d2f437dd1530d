#include "dataplane/kernel/listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace pollux {
namespace {

struct AddressInfoFree {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using AddressInfo = std::unique_ptr<addrinfo, AddressInfoFree>;

struct BindAddress {
  std::string text;  // as the operator wrote it, without '-'
  bool optional = false;
};

BindAddress parse_bind_address(const std::string& text) {
  if (!text.empty() && text[0] == '-') {
    return {text.substr(1), true};
  }
  return {text, false};
}

std::string endpoint_text(const std::string& host, int port) {
  bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string listen_error(const std::string& where, int error) {
  std::string text = "cannot listen on " + where + ": " + std::strerror(error);
  if (error == EADDRINUSE) {
    text += " (another server is running there; stop it or choose another one)";
  } else if (error == EACCES || error == EPERM) {
    text +=
        " (ports under 1024 need root or CAP_NET_BIND_SERVICE; a socket file, a folder that"
        " this user may write)";
  } else if (error == EADDRNOTAVAIL) {
    text +=
        " (no interface of this host has that address; put '-' before it in `bind` if that is"
        " fine)";
  }
  return text;
}

// The host can't speak that protocol at all (as where IPv6 is off): passed over, as Redis does.
bool protocol_missing(int error) {
  return error == ENOPROTOOPT || error == EPROTONOSUPPORT || error == ESOCKTNOSUPPORT ||
         error == EPFNOSUPPORT || error == EAFNOSUPPORT;
}

AddressInfo resolve(const std::string& host, int port, bool numeric_only, std::string& error) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV | (numeric_only ? AI_NUMERICHOST : 0);
  const char* node = host.c_str();
  if (host == "*") {
    hints.ai_family = AF_INET;
    node = nullptr;
  } else if (host == "::*") {
    hints.ai_family = AF_INET6;
    node = nullptr;
  }
  addrinfo* list = nullptr;
  int rc = getaddrinfo(node, std::to_string(port).c_str(), &hints, &list);
  if (rc != 0) {
    error = "cannot listen on " + endpoint_text(host, port) + ": " + gai_strerror(rc);
    return nullptr;
  }
  return AddressInfo(list);
}

bool set_option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

// A socket bound to the address; `shared` asks for SO_REUSEPORT. On failure errno tells why.
UniqueFd bound_socket(const addrinfo& address, bool shared) {
  UniqueFd fd(socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, address.ai_protocol));
  if (!fd || !set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1)) {
    return UniqueFd();
  }
  if (address.ai_family == AF_INET6 && !set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1)) {
    return UniqueFd();
  }
  if (shared && !set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1)) {
    return UniqueFd();
  }
  if (::bind(fd.get(), address.ai_addr, address.ai_addrlen) != 0) {
    int error = errno;
    fd.reset(-1);
    errno = error;
    return UniqueFd();
  }
  return fd;
}

// Accepted sockets inherit these, which saves five system calls per connection. The probe times
// are Redis': first after the interval, then every third of it, dead after three.
void set_connection_options(int fd, int keepalive_s) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, keepalive_s > 0 ? 1 : 0);
  if (keepalive_s > 0) {
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, keepalive_s);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, std::max(keepalive_s / 3, 1));
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  }
}

// Whether the second of two would meet the first. The kernel shares a port among all sockets of
// SO_REUSEPORT, so it says nothing; an address that stands twice is a mistake all the same.
bool same_address(const sockaddr_storage& a, const sockaddr_storage& b) {
  if (a.ss_family != b.ss_family) {
    return false;
  }
  if (a.ss_family == AF_INET) {
    const auto first = reinterpret_cast<const sockaddr_in&>(a).sin_addr.s_addr;
    const auto second = reinterpret_cast<const sockaddr_in&>(b).sin_addr.s_addr;
    return first == second || first == INADDR_ANY || second == INADDR_ANY;
  }
  const auto& first = reinterpret_cast<const sockaddr_in6&>(a);
  const auto& second = reinterpret_cast<const sockaddr_in6&>(b);
  // A link-local address is another one on each interface.
  return (IN6_ARE_ADDR_EQUAL(&first.sin6_addr, &second.sin6_addr) &&
          first.sin6_scope_id == second.sin6_scope_id) ||
         IN6_IS_ADDR_UNSPECIFIED(&first.sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&second.sin6_addr);
}

// Binds every address of the options; take(fd) gets each socket and returns 0 or an errno.
template <typename Take>
std::string bind_all(const UringOptions& options, bool shared, Take take) {
  int port = options.port == kEphemeralPort ? 0 : options.port;
  std::vector<sockaddr_storage> taken;
  for (const std::string& text : options.bind) {
    BindAddress bind = parse_bind_address(text);
    if (bind.text.empty()) {
      continue;
    }
    std::string error;
    AddressInfo list = resolve(bind.text, port, options.numeric_only, error);
    if (list == nullptr) {
      if (bind.optional) {
        continue;
      }
      return error;
    }
    UniqueFd fd = bound_socket(*list, shared);
    int failed = fd ? 0 : errno;
    if (failed == 0) {
      sockaddr_storage& mine = taken.emplace_back();
      std::memcpy(&mine, list->ai_addr, std::min<size_t>(list->ai_addrlen, sizeof(mine)));
      const auto others = std::count_if(taken.begin(), taken.end(), [&mine](const auto& other) {
        return same_address(mine, other);
      });
      port = socket_port(fd.get());  // an ephemeral port is the same for all addresses
      failed = others > 1 ? EADDRINUSE : take(std::move(fd));
    }
    if (failed == 0 || protocol_missing(failed) || (failed == EADDRNOTAVAIL && bind.optional)) {
      continue;
    }
    return listen_error(endpoint_text(bind.text, port), failed);
  }
  return "";
}

bool fill_unix_address(const std::string& path, sockaddr_un& out) {
  out = {};
  out.sun_family = AF_UNIX;
  if (path.size() >= sizeof(out.sun_path)) {
    return false;
  }
  std::memcpy(out.sun_path, path.data(), path.size());
  return true;
}

// 0 if a socket may be made at the path (what stood there is gone), else an errno.
int clear_unix_path(const std::string& path, const sockaddr_un& address, bool remove) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) {
    return errno == ENOENT ? 0 : errno;
  }
  if (!S_ISSOCK(status.st_mode)) {
    return EEXIST;
  }
  UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe) {
    return errno;
  }
  // EAGAIN: somebody listens, whose queue of connections is full.
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
      errno == EAGAIN) {
    return EADDRINUSE;
  }
  return !remove || unlink(path.c_str()) == 0 ? 0 : errno;
}

std::string address_text(const sockaddr_storage& storage) {
  char host[INET6_ADDRSTRLEN] = "?";
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
    return std::string(host) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
    return "[" + std::string(host) + "]:" + std::to_string(ntohs(v6.sin6_port));
  }
  return "?:0";
}

bool is_loopback(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  }
  if (storage.ss_family == AF_INET6) {
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr);
  }
  return false;
}

}  // namespace

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) {
    ::close(fd_);
  }
  fd_ = fd;
}

std::string open_tcp_listeners(const UringOptions& options, std::vector<Listener>& out) {
  if (options.port == 0) {
    return "";
  }
  return bind_all(options, true, [&](UniqueFd fd) {
    set_connection_options(fd.get(), options.tcp_keepalive_s);
    if (listen(fd.get(), options.backlog) != 0) {
      return errno;
    }
    out.push_back({std::move(fd), false});
    return 0;
  });
}

void set_listener_keepalive(int fd, int keepalive_s) { set_connection_options(fd, keepalive_s); }

int open_unix_listener(const UringOptions& options, std::string& error) {
  const std::string& path = options.unix_path;
  sockaddr_un address;
  if (!fill_unix_address(path, address)) {
    error = listen_error(path, ENAMETOOLONG);
    return -1;
  }
  int failed = clear_unix_path(path, address, true);
  if (failed != 0) {
    error = listen_error(path, failed);
    return -1;
  }
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // The mask is set before bind, so that the file never has more rights than it should.
  mode_t old_mask = options.unix_perm != 0 ? umask(~options.unix_perm & 0777U) : 0;
  bool bound = fd && ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  failed = errno;
  if (options.unix_perm != 0) {
    umask(old_mask);
  }
  if (!bound || listen(fd.get(), options.backlog) != 0) {
    error = listen_error(path, bound ? errno : failed);
    return -1;
  }
  return fd.release();
}

std::string check_addresses_free(const UringOptions& options) {
  if (options.port > 0) {
    // Without SO_REUSEPORT: any listener there, even one that shares its port, makes bind fail.
    std::string error = bind_all(options, false, [](UniqueFd) { return 0; });
    if (!error.empty()) {
      return error;
    }
  }
  if (!options.unix_path.empty()) {
    sockaddr_un address;
    int failed = fill_unix_address(options.unix_path, address)
                     ? clear_unix_path(options.unix_path, address, false)
                     : ENAMETOOLONG;
    if (failed != 0) {
      return listen_error(options.unix_path, failed);
    }
  }
  return "";
}

int socket_port(int fd) {
  sockaddr_storage storage{};
  socklen_t bytes = sizeof(storage);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &bytes) != 0) {
    return 0;
  }
  if (storage.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<sockaddr_in&>(storage).sin_port);
  }
  if (storage.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<sockaddr_in6&>(storage).sin6_port);
  }
  return 0;
}

PeerInfo describe_connection(int fd, bool unix_socket) {
  PeerInfo info;
  info.fd = fd;
  info.unix_socket = unix_socket;
  if (unix_socket) {
    sockaddr_un address{};
    socklen_t bytes = sizeof(address);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &bytes);
    address.sun_path[sizeof(address.sun_path) - 1] = '\0';
    info.address = std::string(address.sun_path) + ":0";
    info.local_address = info.address;
    return info;
  }
  sockaddr_storage storage{};
  socklen_t bytes = sizeof(storage);
  bool known = getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &bytes) == 0;
  info.address = known ? address_text(storage) : "?:0";  // it is gone already
  info.loopback = known && is_loopback(storage);
  bytes = sizeof(storage);
  known = getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &bytes) == 0;
  info.local_address = known ? address_text(storage) : "?:0";
  return info;
}

size_t raise_open_files(size_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
    return limit.rlim_cur;
  }
  // With the right to (root), past the hard limit too; else up to it.
  rlimit raised{wanted, std::max<rlim_t>(limit.rlim_max, wanted)};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
    return wanted;
  }
  raised = {std::min<rlim_t>(limit.rlim_max, wanted), limit.rlim_max};
  return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

}  // namespace pollux
