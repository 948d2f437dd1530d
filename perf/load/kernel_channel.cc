#include "perf/load/kernel_channel.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "src/base/assert.h"

namespace pollux {

namespace {

constexpr size_t kReadyMax = 256;
constexpr size_t kReadBytes = size_t{16} << 10;     // of one recv, at least
constexpr size_t kBufferBytes = size_t{256} << 10;  // of all of a poll
constexpr unsigned kHandshakesMax = 128;            // under way: a listener's backlog is often 128
constexpr int64_t kConnectNs = 5'000'000'000;
// A thread that sleeps runs so much later than it asked to: it sleeps less, and looks for the rest.
constexpr int64_t kWakeNs = 60'000;
// epoll that finds something at once takes no longer; beyond that it has slept.
constexpr int64_t kLookNs = 1'500;

ChannelEnd end_of(int error) {
  switch (error) {
    case ECONNREFUSED:
      return ChannelEnd::kRefused;
    case ECONNRESET:
    case EPIPE:
      return ChannelEnd::kReset;
    case ETIMEDOUT:
      return ChannelEnd::kTimeout;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:
      return ChannelEnd::kNoResources;
    default:
      return ChannelEnd::kUnreachable;
  }
}

}  // namespace

std::unique_ptr<KernelChannel> KernelChannel::create(const KernelAddress& address, bool busy,
                                                     uint32_t flows_max, std::string& error) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) {
    error = std::string("no epoll: ") + std::strerror(errno) + "; raise `ulimit -n`";
    return nullptr;
  }
  epoll_event none{};
  constexpr timespec kAtOnce{};
  if (epoll_pwait2(epoll, &none, 1, &kAtOnce, nullptr) < 0) {
    error = std::string("no epoll_pwait2: ") + std::strerror(errno) + "; it needs Linux 5.11";
    ::close(epoll);
    return nullptr;
  }
  // Sleeps end when they should, not up to 50 us later.
  prctl(PR_SET_TIMERSLACK, 1);
  return std::unique_ptr<KernelChannel>(new KernelChannel(address, busy, flows_max, epoll));
}

KernelChannel::KernelChannel(const KernelAddress& address, bool busy, uint32_t flows_max, int epoll)
    : address_(address), busy_(busy), epoll_(epoll), clock_(TscClock::get()), flows_(flows_max) {
  buffer_.resize(kBufferBytes);
}

KernelChannel::~KernelChannel() {
  for (uint32_t i = 0; i < flows_.size(); ++i) {
    close(i);
  }
  ::close(epoll_);
}

// ---- connections ----

void KernelChannel::connect(uint32_t flow) {
  POLLUX_ASSERT(flows_[flow].state == State::kClosed);
  flows_[flow].state = State::kInLine;
  line_.push_back({flow, ++flows_[flow].attempt});
}

void KernelChannel::start_attempts(int64_t now) {
  while (!line_.empty() && connecting_ < kHandshakesMax) {
    const Attempt next = line_.front();
    const Flow& flow = flows_[next.flow];
    const bool still = flow.state == State::kInLine && flow.attempt == next.attempt;
    if (still && !start(next.flow, now)) {
      return;
    }
    line_.pop_front();
  }
}

bool KernelChannel::start(uint32_t index, int64_t now) {
  Flow& flow = flows_[index];
  const auto* address = reinterpret_cast<const sockaddr*>(&address_.storage);
  const int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    fail(index, end_of(errno));
    return true;
  }
  if (address->sa_family != AF_UNIX) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  if (::connect(fd, address, address_.bytes) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    ::close(fd);
    if (error == EAGAIN && address->sa_family == AF_UNIX) {
      return false;
    }
    fail(index, end_of(error));
    return true;
  }
  epoll_event event{.events = EPOLLIN | EPOLLOUT, .data = {.u32 = index}};
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
    ::close(fd);
    fail(index, ChannelEnd::kNoResources);
    return true;
  }
  flow.fd = fd;
  flow.state = State::kConnecting;
  flow.full = false;
  ++connecting_;
  handshakes_.push_back({index, flow.attempt, now + kConnectNs});
  return true;
}

void KernelChannel::expire_attempts(int64_t now) {
  while (!handshakes_.empty()) {
    const Attempt& oldest = handshakes_.front();
    const Flow& flow = flows_[oldest.flow];
    const bool still = flow.state == State::kConnecting && flow.attempt == oldest.attempt;
    if (still && oldest.until_ns > now) {
      return;
    }
    if (still) {
      fail(oldest.flow, ChannelEnd::kTimeout);
    }
    handshakes_.pop_front();
  }
}

void KernelChannel::fail(uint32_t flow, ChannelEnd end) {
  shut(flow);
  failed_.push_back(
      {.kind = ChannelEvent::Kind::kClosed, .end = end, .flow = flow, .at_ns = clock_.now_ns()});
}

void KernelChannel::shut(uint32_t index) {
  Flow& flow = flows_[index];
  connecting_ -= flow.state == State::kConnecting ? 1 : 0;
  if (flow.fd >= 0) {
    ::close(flow.fd);
    flow.fd = -1;
  }
  flow.state = State::kClosed;
}

void KernelChannel::close(uint32_t flow) {
  shut(flow);
  std::erase_if(failed_, [&](const ChannelEvent& event) { return event.flow == flow; });
}

void KernelChannel::watch(uint32_t index, bool for_room) {
  const uint32_t room = EPOLLOUT;
  epoll_event event{.events = EPOLLIN | (for_room ? room : 0U), .data = {.u32 = index}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, flows_[index].fd, &event);
}

// ---- bytes ----

void KernelChannel::send(std::span<ChannelSend> burst) {
  for (ChannelSend& send : burst) {
    Flow& flow = flows_[send.flow];
    send.taken = 0;
    send.at_ns = clock_.now_ns();
    if (flow.state != State::kOpen || flow.full) {
      continue;
    }
    ++sends_;
    const ssize_t sent = ::send(flow.fd, send.bytes.data(), send.bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      fail(send.flow, end_of(errno));
      continue;
    }
    send.taken = sent < 0 ? 0 : static_cast<size_t>(sent);
    if (send.taken < send.bytes.size()) {
      ++refusals_;
      flow.full = true;
      watch(send.flow, true);
    }
  }
}

size_t KernelChannel::poll(std::span<ChannelEvent> events, int64_t until_ns) {
  buffered_ = 0;
  slept_ns_ = 0;
  if (!line_.empty() || !handshakes_.empty()) {
    const int64_t now = clock_.now_ns();
    expire_attempts(now);
    start_attempts(now);
  }
  size_t count = 0;
  if (!failed_.empty()) {
    count = std::min(failed_.size(), events.size());
    std::copy_n(failed_.begin(), count, events.begin());
    failed_.erase(failed_.begin(), failed_.begin() + static_cast<ptrdiff_t>(count));
    return count;
  }
  std::array<epoll_event, kReadyMax> ready;
  const int room = static_cast<int>(std::min(ready.size(), events.size()));
  timespec timeout{};
  const int64_t before_ns = busy_ ? 0 : clock_.now_ns();
  const int64_t rest_ns = busy_ ? 0 : until_ns - before_ns - kWakeNs;
  if (rest_ns > 0) {
    timeout = {.tv_sec = rest_ns / 1'000'000'000, .tv_nsec = rest_ns % 1'000'000'000};
  }
  ++waits_;
  const int found = epoll_pwait2(epoll_, ready.data(), room, &timeout, nullptr);
  if (rest_ns > 0) {
    slept_ns_ = std::max<int64_t>(clock_.now_ns() - before_ns - kLookNs, 0);
  }
  for (int i = 0; i < found; ++i) {
    if (buffer_.size() - buffered_ < kReadBytes) {
      break;  // epoll tells of the others again
    }
    on_ready(ready[static_cast<size_t>(i)].data.u32, ready[static_cast<size_t>(i)].events, events,
             count);
  }
  return count;
}

void KernelChannel::on_ready(uint32_t index, uint32_t what, std::span<ChannelEvent> events,
                             size_t& count) {
  Flow& flow = flows_[index];
  if (flow.state == State::kConnecting) {
    finish_connect(index, events[count]);
    ++count;
    return;
  }
  if (flow.state != State::kOpen) {
    return;
  }
  if ((what & EPOLLOUT) != 0 && flow.full) {
    flow.full = false;
    watch(index, false);
    events[count++] = {.kind = ChannelEvent::Kind::kRoom, .flow = index, .at_ns = clock_.now_ns()};
    // What can be read comes with the next poll, which has a place for it.
    return;
  }
  if (read(index, events[count])) {
    ++count;
  }
}

void KernelChannel::finish_connect(uint32_t index, ChannelEvent& event) {
  Flow& flow = flows_[index];
  int error = 0;
  socklen_t bytes = sizeof error;
  getsockopt(flow.fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
  event = {.kind = ChannelEvent::Kind::kOpen, .flow = index, .at_ns = clock_.now_ns()};
  if (error != 0) {
    event.kind = ChannelEvent::Kind::kClosed;
    event.end = end_of(error);
    shut(index);
    return;
  }
  --connecting_;
  flow.state = State::kOpen;
  watch(index, false);
}

bool KernelChannel::read(uint32_t index, ChannelEvent& event) {
  char* const at = buffer_.data() + buffered_;
  ++receives_;
  const ssize_t got = recv(flows_[index].fd, at, buffer_.size() - buffered_, 0);
  const int error = got < 0 ? errno : 0;
  event = {.kind = ChannelEvent::Kind::kBytes, .flow = index, .at_ns = clock_.now_ns()};
  if (got > 0) {
    event.bytes = {at, static_cast<size_t>(got)};
    buffered_ += static_cast<size_t>(got);
    return true;
  }
  if (error == EAGAIN || error == EINTR) {
    return false;
  }
  event.kind = ChannelEvent::Kind::kClosed;
  event.end = got == 0 ? ChannelEnd::kPeerClosed : end_of(error);
  shut(index);
  return true;
}

size_t KernelChannel::counters(std::span<ChannelCounter> into) const {
  const ChannelCounter all[] = {
      {"sends", sends_}, {"receives", receives_}, {"waits", waits_}, {"sends_refused", refusals_}};
  const size_t count = std::min(into.size(), std::size(all));
  std::copy_n(all, count, into.begin());
  return count;
}

// ---- the maker ----

namespace {

// Whether somebody listens there, now.
bool listens(const addrinfo& at) {
  constexpr int kWaitMs = 1'000;
  const int fd = socket(at.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return false;
  }
  int error = ::connect(fd, at.ai_addr, at.ai_addrlen) == 0 ? 0 : errno;
  pollfd wait{.fd = fd, .events = POLLOUT, .revents = 0};
  if (error == EINPROGRESS && ::poll(&wait, 1, kWaitMs) == 1) {
    socklen_t bytes = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
  }
  ::close(fd);
  return error == 0;
}

// Of several the first that somebody listens at: localhost is ::1 first in many a hosts file, and
// the server is on 127.0.0.1.
const addrinfo& choose(const addrinfo& found) {
  for (const addrinfo* at = &found; found.ai_next != nullptr && at != nullptr; at = at->ai_next) {
    if (listens(*at)) {
      return *at;
    }
  }
  return found;
}

bool resolve(const KernelTarget& target, KernelAddress& out, std::string& error) {
  if (!target.unix_path.empty()) {
    auto& address = reinterpret_cast<sockaddr_un&>(out.storage);
    if (target.unix_path.size() >= sizeof address.sun_path) {
      error = "the path of the unix socket is longer than " +
              std::to_string(sizeof address.sun_path - 1) + " bytes: " + target.unix_path;
      return false;
    }
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, target.unix_path.c_str(), target.unix_path.size() + 1);
    out.bytes = sizeof address;
    return true;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed =
      getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &found);
  if (failed != 0) {
    error = "no address for the host \"" + target.host + "\": " + gai_strerror(failed);
    return false;
  }
  const addrinfo& chosen = choose(*found);
  std::memcpy(&out.storage, chosen.ai_addr, chosen.ai_addrlen);
  out.bytes = chosen.ai_addrlen;
  freeaddrinfo(found);
  return true;
}

}  // namespace

std::unique_ptr<KernelChannelMaker> KernelChannelMaker::create(const KernelTarget& target,
                                                               uint64_t flows, std::string& error) {
  auto maker = std::make_unique<KernelChannelMaker>();
  if (!resolve(target, maker->address_, error)) {
    return nullptr;
  }
  maker->busy_ = target.busy;
  maker->where_ = target.unix_path.empty() ? target.host + ":" + std::to_string(target.port) +
                                                 " over kernel sockets (TCP)"
                                           : target.unix_path + " over kernel sockets (unix)";
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t needed = flows + 64;
  if (limit.rlim_cur < needed) {
    const rlimit raised{needed, std::max(limit.rlim_max, needed)};
    if (setrlimit(RLIMIT_NOFILE, &raised) != 0) {
      error = std::to_string(flows) + " connections need as many open files, and this user may " +
              "have " + std::to_string(limit.rlim_max) + ": raise `ulimit -n`, or take fewer (-c)";
      return nullptr;
    }
  }
  return maker;
}

std::unique_ptr<Channel> KernelChannelMaker::make(unsigned /*thread*/, uint32_t flows_max,
                                                  std::string& error) {
  return KernelChannel::create(address_, busy_, flows_max, error);
}

}  // namespace pollux
