#include "tests/differential/waiters.h"

#include <sys/socket.h>

#include <chrono>
#include <cstdlib>
#include <thread>

namespace pollux {

namespace {

constexpr int kLooksMax = 2000;  // a millisecond apart

template <typename Done>
bool eventually(Done done) {
  for (int looks = 0; looks < kLooksMax; looks++) {
    if (done()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

}  // namespace

Waiters::Waiters(const Place& redis, const Place& pollux)
    : redis_place_(redis),
      pollux_place_(pollux),
      redis_admin_(connect(redis)),
      pollux_admin_(connect(pollux)) {}

Waiters::End Waiters::connect(const Place& place) {
  End end;
  end.link = std::make_unique<Link>(place);
  end.link->open();
  return end;
}

// Takes what has come; true if there is an answer.
bool Waiters::receive(End& end) {
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::recv(end.link->fd(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n <= 0) {
      return !end.answer.empty();
    }
    end.answer.append(buffer, static_cast<size_t>(n));
  }
}

size_t Waiters::blocked_clients(Link& link) {
  std::string bytes;
  append_request({"INFO", "clients"}, bytes);
  Answer answer;
  Answer ignored;
  ignored.closed = true;
  exchange(link, link, {bytes, 1}, &answer, &ignored);
  const std::string name = "blocked_clients:";
  const size_t at = answer.bytes.find(name);
  return at == std::string::npos
             ? SIZE_MAX
             : std::strtoull(answer.bytes.c_str() + at + name.size(), nullptr, 10);
}

// Every server says that as many are blocked as have no answer.
bool Waiters::all_settled() {
  size_t redis = 0;
  size_t pollux = 0;
  for (Client& client : clients_) {
    redis += receive(client.redis) ? 0 : 1;
    pollux += receive(client.pollux) ? 0 : 1;
  }
  return blocked_clients(*redis_admin_.link) == redis &&
         blocked_clients(*pollux_admin_.link) == pollux;
}

bool Waiters::send(const Request& request) {
  clients_.push_back({connect(redis_place_), connect(pollux_place_)});
  std::string bytes;
  append_request(request, bytes);
  for (const End* end : {&clients_.back().redis, &clients_.back().pollux}) {
    ::send(end->link->fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  return settle();
}

bool Waiters::settle() {
  return eventually([this] { return all_settled(); });
}

bool Waiters::leave() {
  clients_.clear();
  return settle();
}

}  // namespace pollux
