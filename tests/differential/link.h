// Sockets to the two servers. A Link is one connection to one server; exchange() sends the same
// bytes on a pair of them and takes both answers at once, so that neither server waits for the
// other to be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pollux {

// What came back on one connection.
struct Answer {
  std::string bytes;
  std::vector<size_t> ends;  // where each whole reply ends
  bool closed = false;
  bool timed_out = false;
  bool bad = false;  // not RESP

  std::string_view reply(size_t i) const;
};

// Where a server is.
struct Place {
  std::string host = "127.0.0.1";
  int port = 0;
};

class Link {
 public:
  explicit Link(Place place) : place_(std::move(place)) {}
  ~Link() { close(); }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  bool open();
  void close();
  int fd() const { return fd_; }

 private:
  Place place_;
  int fd_ = -1;
};

struct Delivery {
  std::string_view bytes;
  size_t replies = 0;         // whole replies to wait for
  bool until_closed = false;  // wait for the end of the stream, too
  std::string_view until_echo = {};  // wait for this bulk reply, however many come before it
  bool half_close = false;    // send our end of stream after the bytes
  uint64_t split_seed = 0;    // not 0: sent in small pieces
};
void exchange(Link& redis, Link& pollux, const Delivery& delivery, Answer* from_redis,
              Answer* from_pollux);

}  // namespace pollux
