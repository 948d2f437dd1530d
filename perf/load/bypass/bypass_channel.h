// A load generator's connections over our own TCP (dataplane/tcp/stack) and ports of DPDK, so that
// no kernel stands between it and the server that is measured.
//
// A channel has one or several stacks, each on its own pair of queues; a flow is opened on one of
// them, by turns or drawn, and the local port is chosen so that the server's worker of that queue
// is the one that the flow's hash says (dataplane/dpdk/client_network.h). Turns make all workers
// equally busy; what is drawn is as uneven as the hash of a NIC would be over so many flows.
//
// No call per request but send's own loop, and nothing of the channel's is allocated behind
// connect(). One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/dpdk/client_network.h"
#include "dataplane/tcp/stack/stack.h"
#include "perf/load/channel.h"
#include "src/base/rng.h"
#include "src/base/time.h"

namespace pollux {

struct BypassTarget {
  tcp::IpAddress address;
  uint16_t port = 0;
  bool even = true;   // flows over queues by turns; else each is drawn
  uint64_t seed = 1;  // of that
  // Handshakes that one channel has under way; others wait in line. As many as the smallest ring on
  // the way (vhost: 256 descriptors) takes at once.
  uint32_t connecting_max = 128;
};

class BypassChannel final : public Channel {
 public:
  // The stacks are this channel's alone, and outlive it.
  BypassChannel(std::vector<tcp::Stack*> stacks, const BypassTarget& target, uint32_t flows_max);
  ~BypassChannel() override;

  int64_t now_ns() override { return clock_.now_ns(); }
  void connect(uint32_t flow) override;
  void send(std::span<ChannelSend> burst) override;
  void flush() override;
  // Returns after one look at each queue.
  size_t poll(std::span<ChannelEvent> events, int64_t until_ns) override;
  void close(uint32_t flow) override;
  size_t counters(std::span<ChannelCounter> into) const override;

  // Of open flows, for tests: how many are on that queue.
  uint32_t flows_of(size_t queue) const;

 private:
  static constexpr uint32_t kNoFlow = UINT32_MAX;
  // Of one flow, beyond which it is full; it has room again at half of that.
  static constexpr uint32_t kOnItsWayMax = 1U << 20;
  static constexpr int kBurstsBeforeTimers = 32;

  enum class State : uint8_t { kGone, kInLine, kConnecting, kOpen };
  struct Flow {
    ConnId conn;
    uint16_t queue = 0;
    State state = State::kGone;
    bool full = false;
  };
  struct Queue {
    tcp::Stack* stack = nullptr;
    std::vector<uint32_t> flows;  // by the index of its connection
    int full_bursts = 0;
    bool flushed = true;
  };
  struct Failure {
    uint32_t flow = 0;
    ChannelEnd end = ChannelEnd::kNoResources;
  };

  void receive(Queue& queue);
  void flush(Queue& queue, int64_t now_ns);
  void begin_connections(int64_t now_ns);
  void begin(uint32_t flow, int64_t now_ns);
  // False: nothing that the runner has to hear.
  bool take(Queue& queue, const tcp::StackEvent& event, ChannelEvent& out);
  void forget(Flow& flow);

  const BypassTarget target_;
  const TscClock& clock_;
  std::vector<Queue> queues_;
  std::vector<Flow> flows_;
  std::deque<uint32_t> line_;  // some may be closed meanwhile
  std::vector<Failure> failures_;
  std::vector<uint32_t> full_;
  uint32_t connecting_ = 0;
  size_t next_queue_ = 0;  // of the next flow
  size_t polled_ = 0;      // the queue that is looked at first
  Rng rng_;
};

struct BypassOptions {
  dpdk::ClientOptions network;  // queues: of all threads together
  std::string host;             // the server's address; no names here
  uint16_t port = 6379;
  bool even = true;  // as BypassTarget has it, over the queues of a thread
  uint64_t seed = 1;
  unsigned threads = 1;  // at most as many as queues; queue q is thread q % threads's
};

// Starts DPDK, and returns when the peer is there. Null with a sentence in `error`: what is wrong,
// and what the operator can change. Once a process, by its first thread.
std::unique_ptr<ChannelMaker> make_bypass(const BypassOptions& options, std::string& error);

}  // namespace pollux
