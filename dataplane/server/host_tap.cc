#include "dataplane/server/host_tap.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "src/base/cpu.h"
#include "src/base/log.h"
#include "src/base/time.h"

namespace pollux {

namespace {

std::string failed(const std::string& name, const char* what) {
  return "net-host-tap " + name + ": " + what + ": " + std::strerror(errno);
}

ifreq request(const std::string& name) {
  ifreq out{};
  std::copy_n(name.begin(), std::min<size_t>(name.size(), IFNAMSIZ - 1), out.ifr_name);
  return out;
}

}  // namespace

std::unique_ptr<HostTap> HostTap::open(const std::string& name, const tcp::MacAddress& mac,
                                       uint32_t mtu, std::string& error) {
  if (name.size() >= IFNAMSIZ || name.find_first_of("%/ ") != std::string::npos) {
    error = "net-host-tap " + name + ": a name has at most 15 characters, and no %, / or space";
    return nullptr;
  }
  UniqueFd tap(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tap) {
    error = failed(name, "can't open /dev/net/tun (it needs the module tun)");
    return nullptr;
  }
  ifreq wanted = request(name);
  wanted.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL);
  if (ioctl(tap.get(), TUNSETIFF, &wanted) != 0) {
    error = failed(name, "can't be made (it needs root or CAP_NET_ADMIN, and a free name)");
    return nullptr;
  }
  ifreq address = request(name);
  address.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::copy(mac.bytes.begin(), mac.bytes.end(), address.ifr_hwaddr.sa_data);
  ifreq size = request(name);
  size.ifr_mtu = static_cast<int>(mtu);
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq flags = request(name);
  if (!socket || ioctl(tap.get(), SIOCSIFHWADDR, &address) != 0 ||
      ioctl(socket.get(), SIOCSIFMTU, &size) != 0 ||
      ioctl(socket.get(), SIOCGIFFLAGS, &flags) != 0) {
    error = failed(name, "can't have the address and the MTU of the port");
    return nullptr;
  }
  flags.ifr_flags |= IFF_UP;
  if (ioctl(socket.get(), SIOCSIFFLAGS, &flags) != 0) {
    error = failed(name, "can't be set up");
    return nullptr;
  }
  UniqueFd bell(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!bell) {
    error = failed(name, "no eventfd");
    return nullptr;
  }
  return std::unique_ptr<HostTap>(new HostTap(std::move(tap), std::move(bell)));
}

HostTap::HostTap(UniqueFd tap, UniqueFd bell) : tap_(std::move(tap)), bell_(std::move(bell)) {}

void HostTap::stop() {
  over_.store(true);
  wake();
  thread_.join();
}

void HostTap::wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(bell_.get(), &one, sizeof one);
}

int HostTap::start(tcp::HostPath& path, tcp::Steering& steering) {
  path_ = &path;
  steering_ = &steering;
  frame_ = std::make_unique<uint8_t[]>(path.frame_bytes());
  return thread_.start([this] { run(); });
}

void HostTap::run() {
  name_thread("host-tap");
  int64_t slice_ms = 0;
  int64_t frames = 0;
  while (!over_.load()) {
    const int64_t now_ms = monotonic_ns() / 1'000'000;
    if (now_ms - slice_ms >= kSliceMs) {
      slice_ms = now_ms;
      frames = 0;
    }
    if (frames >= kFramesPerSlice) {  // the rest of the slice is for others
      poll(nullptr, 0, static_cast<int>(slice_ms + kSliceMs - now_ms));
      continue;
    }
    const bool in = write_in();
    if (read_out() || in) {
      ++frames;
    } else {
      rest();
    }
  }
}

void HostTap::rest() {
  if (!path_->may_sleep()) {
    return;
  }
  pollfd ready[] = {{gone_ ? -1 : tap_.get(), POLLIN, 0}, {bell_.get(), POLLIN, 0}};
  if (poll(ready, 2, -1) <= 0) {
    return;
  }
  if ((ready[0].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
    gone_ = true;
    log_line(LogLevel::kWarning,
             "The device of net-host-tap is gone: the kernel has no way to the port any more. "
             "Start the server again to have it back");
  }
  uint64_t count;
  [[maybe_unused]] const ssize_t rung = read(bell_.get(), &count, sizeof count);
}

// What it does not take (it is down, or its queue full) is lost, as on a wire.
bool HostTap::write_in() {
  const tcp::HostFrame* const frame = path_->next_in();
  if (frame == nullptr) {
    return false;
  }
  [[maybe_unused]] const ssize_t written = write(tap_.get(), frame->bytes.data(), frame->size);
  path_->done_in();
  return true;
}

bool HostTap::read_out() {
  const ssize_t size = read(tap_.get(), frame_.get(), path_->frame_bytes());
  if (size <= 0) {
    return false;
  }
  path_->send({frame_.get(), static_cast<size_t>(size)});
  steering_->publish_from_host();
  return true;
}

}  // namespace pollux
