#include "tests/differential/link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "tests/differential/grammar.h"
#include "tests/differential/resp.h"

namespace pollux {
namespace {

constexpr int kTimeoutMs = 20000;  // without a byte

// One side of an exchange: its progress in sending and in receiving.
class Side {
 public:
  Side(Link& link, const Delivery& delivery, Answer* answer)
      : link_(link), delivery_(delivery), answer_(answer), rng_(delivery.split_seed) {}

  bool sent_all() const { return sent_ == delivery_.bytes.size() || answer_->closed; }
  bool done() const {
    if (answer_->closed || answer_->bad) {
      return true;
    }
    if (!delivery_.until_echo.empty()) {
      return answer_->bytes.ends_with(std::string(delivery_.until_echo) + "\r\n");
    }
    return sent_all() && answer_->ends.size() >= delivery_.replies && !delivery_.until_closed;
  }

  pollfd interest() const {
    short events = POLLIN;
    events |= sent_all() ? 0 : POLLOUT;
    return {done() ? -1 : link_.fd(), events, 0};
  }

  void act(short events) {
    if ((events & POLLOUT) != 0) {
      write_some();
    }
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
      read_some();
    }
  }

  void write_some() {
    size_t size = delivery_.bytes.size() - sent_;
    if (delivery_.split_seed != 0) {
      // Bytes one by one while it is short, bigger pieces of a long pipeline.
      size_t piece_max = delivery_.bytes.size() < 200 ? 3 : delivery_.bytes.size() / 12 + 1;
      size = std::min(size, static_cast<size_t>(1 + rng_.below(piece_max)));
    }
    ssize_t n = ::send(link_.fd(), delivery_.bytes.data() + sent_, size, MSG_NOSIGNAL);
    if (n > 0) {
      sent_ += static_cast<size_t>(n);
    } else if (errno != EAGAIN) {
      sent_ = delivery_.bytes.size();  // the peer closed; its last words are still to be read
    }
    if (sent_ == delivery_.bytes.size() && delivery_.half_close) {
      ::shutdown(link_.fd(), SHUT_WR);
    }
  }

 private:
  void read_some() {
    char buffer[65536];
    ssize_t n = ::recv(link_.fd(), buffer, sizeof buffer, 0);
    if (n > 0) {
      answer_->bytes.append(buffer, static_cast<size_t>(n));
      find_replies();
    } else if (n == 0 || errno != EAGAIN) {
      answer_->closed = true;
    }
  }

  void find_replies() {
    // A raw exchange is compared as bytes.
    while (!delivery_.half_close && at_ < answer_->bytes.size()) {
      size_t length = reply_length(std::string_view(answer_->bytes).substr(at_));
      if (length == kBadReply) {
        answer_->bad = true;
        return;
      }
      if (length == 0) {
        return;
      }
      at_ += length;
      answer_->ends.push_back(at_);
    }
  }

  Link& link_;
  const Delivery& delivery_;
  Answer* answer_;
  Rng rng_;
  size_t sent_ = 0;
  size_t at_ = 0;
};

}  // namespace

std::string_view Answer::reply(size_t i) const {
  size_t begin = i == 0 ? 0 : ends[i - 1];
  return std::string_view(bytes).substr(begin, ends[i] - begin);
}

bool Link::open() {
  close();
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(place_.port));
  if (::inet_pton(AF_INET, place_.host.c_str(), &address.sin_addr) != 1 ||
      ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close();
    return false;
  }
  int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  return true;
}

void Link::close() {
  if (fd_ >= 0) {
    ::close(fd_);
    fd_ = -1;
  }
}

void exchange(Link& redis, Link& pollux, const Delivery& delivery, Answer* from_redis,
              Answer* from_pollux) {
  Side sides[2] = {{redis, delivery, from_redis}, {pollux, delivery, from_pollux}};
  for (Side& side : sides) {
    if (!side.done()) {
      side.write_some();
    }
  }
  while (!sides[0].done() || !sides[1].done()) {
    pollfd fds[2] = {sides[0].interest(), sides[1].interest()};
    if (::poll(fds, 2, kTimeoutMs) == 0) {
      from_redis->timed_out = !sides[0].done();
      from_pollux->timed_out = !sides[1].done();
      return;
    }
    for (int i = 0; i < 2; i++) {
      if (fds[i].fd >= 0) {
        sides[i].act(fds[i].revents);
      }
    }
  }
}

}  // namespace pollux
