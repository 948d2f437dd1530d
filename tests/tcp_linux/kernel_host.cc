// The kernel's stack, in a network namespace that ends with the process. What is written to a TUN
// device is received before write() returns, but for what the kernel leaves to a later moment.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "src/base/assert.h"
#include "tests/tcp_linux/host.h"

namespace pollux::tcp {
namespace {

constexpr int kQuietMs = 1;  // nothing more comes then

// A descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

sockaddr_in address_of(const IpAddress& address, uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  std::memcpy(&out.sin_addr, address.bytes.data() + (address.bytes.size() - 4), 4);
  return out;
}

// What a test of single segments must not meet: limits over all connections, probes of the tail (as
// those of timers are), and ICMPv6.
void set(const char* name, const char* value) {
  const Fd file(open((std::string("/proc/sys/net/") + name).c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() >= 0) {
    [[maybe_unused]] const ssize_t written = write(file.get(), value, std::strlen(value));
  }
}

class KernelHost final : public Host {
 public:
  // "" or what does not work.
  std::string start() {
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
      return std::string("no network namespace: ") + std::strerror(errno);
    }
    tun_ = Fd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    ifreq request{};
    std::strncpy(request.ifr_name, "pollux0", IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (tun_.get() < 0 || ioctl(tun_.get(), TUNSETIFF, &request) != 0) {
      return std::string("no TUN device: ") + std::strerror(errno);
    }
    set("ipv6/conf/all/disable_ipv6", "1");
    set("ipv4/tcp_challenge_ack_limit", "2147483647");
    set("ipv4/tcp_early_retrans", "0");
    set("ipv4/tcp_invalid_ratelimit", "0");
    const Fd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto configure = [&](unsigned long what, const IpAddress& address) {
      const sockaddr_in wanted = address_of(address, 0);
      std::memcpy(&request.ifr_addr, &wanted, sizeof wanted);
      return ioctl(control.get(), what, &request) == 0;
    };
    bool up = configure(SIOCSIFADDR, kHostAddress) &&
              configure(SIOCSIFNETMASK, IpAddress::v4(0xffffff00));
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    up = up && ioctl(control.get(), SIOCSIFFLAGS, &request) == 0;
    listener_ = Fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const sockaddr_in any = address_of(IpAddress::v4(0), kListenPort);
    up = up && bind(listener_.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0 &&
         listen(listener_.get(), 4096) == 0;
    return up ? "" : std::string("no interface: ") + std::strerror(errno);
  }

  void rest() override {}

  void give(const PacketBytes& packet) override {
    POLLUX_ASSERT(::write(tun_.get(), packet.data(), packet.size()) ==
                  static_cast<ssize_t>(packet.size()));
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const int fd = accept4(listener_.get(), reinterpret_cast<sockaddr*>(&from), &size,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      conns_[ntohs(from.sin_port)] = Fd(fd);
    }
  }

  std::vector<PlainSegment> take(uint16_t peer_port) override {
    std::vector<PlainSegment> segments;
    pollfd waits{.fd = tun_.get(), .events = POLLIN, .revents = 0};
    while (poll(&waits, 1, kQuietMs) == 1) {
      PacketBytes packet(65536);
      const ssize_t bytes = read(tun_.get(), packet.data(), packet.size());
      packet.resize(bytes < 0 ? 0 : static_cast<size_t>(bytes));
      const std::optional<PlainSegment> segment = segment_of(packet);
      if (segment && segment->header.destination_port == peer_port) {
        segments.push_back(*segment);
      }
    }
    return segments;
  }

  void write(uint16_t peer_port, size_t bytes) override {
    const std::string text(bytes, 'x');
    POLLUX_ASSERT(send(conns_.at(peer_port).get(), text.data(), bytes, MSG_NOSIGNAL) ==
                  static_cast<ssize_t>(bytes));
  }
  void finish(uint16_t peer_port) override { shutdown(conns_.at(peer_port).get(), SHUT_WR); }
  void close(uint16_t peer_port) override { conns_.erase(peer_port); }

 private:
  Fd tun_;
  Fd listener_;
  std::map<uint16_t, Fd> conns_;
};

}  // namespace

std::unique_ptr<Host> make_kernel_host(std::string& reason) {
  auto host = std::make_unique<KernelHost>();
  reason = host->start();
  return reason.empty() ? std::move(host) : nullptr;
}

}  // namespace pollux::tcp
