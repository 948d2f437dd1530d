// A listener and one flow that comes to it, segment by segment. Both sides begin where sequence
// numbers and timestamps wrap.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "dataplane/tcp/listener/listener.h"

namespace pollux::tcp {

inline constexpr Seq kClientIsn{static_cast<uint32_t>(-1)};
inline constexpr uint32_t kClientTimestamp = static_cast<uint32_t>(-2);

class ListenerBench {
 public:
  using Action = Listener::Action;

  explicit ListenerBench(const ListenerConfig& config = {})
      : listener(config, {.table = {1, 2},
                          .offsets = {3, 4},
                          .cookie_flow = {5, 6},
                          .cookie_period = {7, 8},
                          .limits = {9, 10}}) {
    flow = {.local = IpAddress::v4(0x0a000001),
            .remote = IpAddress::v4(0x0a000002),
            .local_port = 6379,
            .remote_port = 50'000};
    syn_options.mss = 1'400;
    syn_options.window_scale = 9;
    syn_options.sack_permitted = true;
    syn_options.timestamps = {kClientTimestamp, 0};
  }

  uint64_t hash() const { return flow_hash({1, 2}, flow); }
  Action come(TcpFlags flags, Seq seq, Seq ack, const TcpOptions& options, uint32_t bytes = 0) {
    const TcpHeader header{.seq = seq, .ack = ack, .flags = flags, .window = 1'000};
    const Stranger stranger{.hash = hash(),
                            .flow = flow,
                            .header = header,
                            .options = options,
                            .payload_bytes = bytes,
                            .listens = listens,
                            .has_room = has_room,
                            .path_mss = 1'460};
    const Action action = listener.on_segment(connections, stranger, now);
    if (action == Action::kOpen && opens) {
      listener.opened(stranger);
    }
    return action;
  }
  Action syn(Seq isn = kClientIsn) { return come(kSyn, isn, {}, syn_options); }
  // What the peer puts beside an ACK of the last answer.
  TcpOptions echo() const {
    TcpOptions options;
    if (answer().options.timestamps) {
      options.timestamps = {kClientTimestamp, answer().options.timestamps->value};
    }
    return options;
  }
  // The ACK of the last answer.
  Action ack(uint32_t bytes = 0) {
    return come(kAck, answer().header.ack, answer().header.seq + 1, echo(), bytes);
  }
  const SegmentOut& answer() const { return listener.answer(); }
  const PassiveOpening& opening() const { return listener.opening(); }
  // Time goes by, and ends with a look at what goes again.
  std::vector<SegmentOut> advance(int64_t ns) {
    now = now + ns;
    std::vector<SegmentOut> sent;
    listener.advance(
        connections, now, 1'000, [](const Flow&) { return uint16_t{1'460}; },
        [&](const Flow& to, const SegmentOut& segment) {
          if (to == flow) {
            sent.push_back(segment);
          }
        });
    return sent;
  }
  void advance_by_seconds(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      advance(kSecondNs);
    }
  }
  // Takes records until a cookie is made.
  void crowd() {
    const Flow mine = flow;
    const uint64_t before = listener.counters().cookies_sent;
    for (uint16_t port = 1; listener.counters().cookies_sent == before; ++port) {
      flow.remote_port = port;
      syn();
    }
    flow = mine;
  }
  void enter_time_wait(const TimeWaitState& state) {
    listener.enter_time_wait(hash(), flow, state, now);
  }

  ConnectionConfig connections;
  Flow flow;
  TcpOptions syn_options;
  Moment now{1'000'000 * kSecondNs};
  bool listens = true;
  bool has_room = true;
  bool opens = true;  // kOpen makes a connection
  Listener listener;
};

}  // namespace pollux::tcp
