// An application that sends and checks streams: whoever opens a connection sends so many bytes, the
// other end sends as many as it likes, both at once, and both end. Each byte is known from the flow
// and its place (stream_check.h). It writes in pieces of any size, by copy and by reference, stops
// reading now and then, and scribbles over what it gets back.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/sim/net/stream_check.h"
#include "dataplane/sim/stack/stack_host.h"
#include "src/base/rng.h"

namespace pollux::tcp {

struct StreamOptions {
  uint64_t bytes_max = 200'000;  // of a stream: uniform from 0, by the flow
  uint32_t write_max = 20'000;
  uint32_t copy_limit = 64U << 10;  // of what is on its way
  uint32_t pinned = 30;             // of 100 writes
  uint32_t pauses = 2;              // of 100 events with data
  uint32_t pause_ns_max = 3'000'000;
  uint32_t aborts = 0;  // of 10,000 turns of a connection
};

class StreamApp final : public StackApp {
 public:
  // `seed` of the bytes is the same for both ends, that of the behaviour is not.
  StreamApp(Stack& stack, uint64_t seed, uint64_t behaviour, const StreamOptions& options)
      : stack_(stack), seed_(seed), rng_(behaviour), options_(options) {}

  // Within a turn (Machine::post). False: the stack has no way or no room.
  bool connect(const IpAddress& to, uint16_t port, Moment now);

  void on_event(const StackEvent& event, Moment now) override;
  void run(Moment now) override;
  Moment next_deadline() const override;

  // How streams have ended.
  uint64_t opened() const { return opened_; }
  uint64_t complete() const { return complete_; }  // all bytes both ways, and both ends
  uint64_t broken() const { return broken_; }      // by RST, timeout, or for want of the peer
  size_t open() const { return streams_.size(); }
  uint64_t bytes() const { return bytes_; }
  const std::string& error() const { return error_; }
  // For a failed test.
  std::string state() const;

 private:
  struct Stream {
    Stream(uint64_t seed, uint64_t out, uint64_t in) : writes(seed, out), reads(seed, in) {}
    StreamBytes writes;
    StreamCheck reads;
    uint64_t to_write = 0;
    uint64_t to_read = 0;
    uint64_t written = 0;
    bool connected = false;
    bool finished = false;
    bool end_came = false;
    bool closed = false;
    bool paused = false;
    Moment resumes_at = kNever;
    std::vector<uint8_t> pinned;
  };

  Stream& add(ConnId conn, bool active);
  void close(ConnId conn, Stream& stream, Moment now);
  void write(ConnId conn, Stream& stream);
  void fail(const std::string& what);

  Stack& stack_;
  const uint64_t seed_;
  Rng rng_;
  const StreamOptions options_;
  std::map<ConnId, std::unique_ptr<Stream>> streams_;
  uint64_t opened_ = 0;
  uint64_t complete_ = 0;
  uint64_t broken_ = 0;
  uint64_t bytes_ = 0;
  std::string last_break_;
  std::string error_;
};

}  // namespace pollux::tcp
