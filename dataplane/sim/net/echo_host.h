// A host that sends back what it gets, from its own address to the sender's, and sends frames when
// told to. The simplest thing that can be attached: for tests of the network itself.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "dataplane/sim/net/frame.h"
#include "dataplane/sim/net/host.h"
#include "dataplane/tcp/wire/address.h"

namespace pollux::tcp {

class EchoHost final : public SimHost {
 public:
  struct Options {
    MacAddress mac{};
    bool answers = true;  // frames for a group, too
    bool keeps = false;   // what came, in got()
    // Answers once more after so long, by timer; 0: never.
    int64_t again_ns = 0;
    // The bug that the machine looks for: writes into a frame right after it was sent.
    bool scribbles = false;
  };
  struct Got {
    Moment at;
    Frame frame;
  };

  EchoHost() : EchoHost(Options{}) {}
  explicit EchoHost(const Options& options) : options_(options) {}

  // False if the ring is full. Within a turn of the machine or outside.
  bool send(Frame frame);

  using SimHost::received;
  uint64_t received() const { return received_; }
  uint64_t received_bytes() const { return received_bytes_; }
  uint64_t completed() const { return completed_; }
  uint64_t ticks() const { return ticks_; }
  const std::vector<Got>& got() const { return got_; }

  void attached(Machine& machine) override { machine_ = &machine; }
  void receive(Frame& frame, Moment now) override;
  void tick(Moment now) override;
  Moment next_deadline() const override;
  void sent(uint64_t token) override;

 private:
  Options options_;
  Machine* machine_ = nullptr;
  uint64_t last_token_ = 0;
  std::map<uint64_t, Frame> under_way_;  // by token: theirs until sent() comes
  std::multimap<Moment, Frame> later_;
  std::vector<Got> got_;
  uint64_t received_ = 0;
  uint64_t received_bytes_ = 0;
  uint64_t completed_ = 0;
  uint64_t ticks_ = 0;
};

// A frame without meaning of `bytes` bytes, at least 14: from, to, type 0x88b5 (for experiments),
// then `number` and zeros.
Frame plain_frame(MacAddress from, MacAddress to, size_t bytes, uint64_t number = 0);
// 02:00:xx:xx:xx:xx, the i-th of a network's hosts.
MacAddress mac_of(uint32_t i);

}  // namespace pollux::tcp
