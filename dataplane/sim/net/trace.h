// What happened, as one number and as text. Everything that happens to a frame or to a host goes
// into a running hash of time, place, event and bytes: two runs with the same hash were the same
// run, and a seed whose hash is not the same twice shows an order of pointers or a clock that has
// no place in a simulation. The last events stay, to be printed when a test fails.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/sim/net/frame.h"
#include "dataplane/sim/net/net_event.h"
#include "dataplane/tcp/wire/moment.h"

namespace pollux::tcp {

class Trace {
 public:
  // `kept`: how many of the last events text() knows; 0: none, which is faster.
  explicit Trace(size_t kept = 256) : ring_(kept) {}

  // A link or a host; ids count from 0 in the order of calls.
  uint32_t add_place(std::string name);
  // `frame` may be empty.
  void record(Moment now, uint32_t place, NetEvent event, FrameView frame);

  uint64_t hash() const { return hash_; }
  uint64_t events() const { return events_; }
  // A line each, oldest first: "0.001000250 client > switch: arrived, 10.0.0.1:80 > ...".
  std::string text() const;

 private:
  // Enough for all headers, from which the line is made only if somebody asks.
  static constexpr size_t kHeadBytes = 120;
  struct Record {
    Moment at;
    uint32_t place = 0;
    uint32_t frame_bytes = 0;
    NetEvent event = NetEvent::kOffered;
    std::array<uint8_t, kHeadBytes> head;
  };

  std::string line(const Record& record) const;

  uint64_t hash_ = 0;
  uint64_t events_ = 0;
  std::vector<Record> ring_;
  std::vector<std::string> places_;
};

}  // namespace pollux::tcp
