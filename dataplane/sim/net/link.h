// One direction of a cable, with the queue before it: rate, propagation delay, a drop-tail queue
// that may mark congestion, and all that goes wrong (link_faults.h).
//
// Machines offer a frame when the wire is free, so that a link that begins at one neither queues
// nor marks: what waits there waits in the machine's transmit ring. Queues are those of links that
// leave a switch.
//
// A frame passes in this order: the link is up? not too big? room in the queue (and mark)? Then it
// takes its time on the wire, and there may be lost, changed, doubled and delayed: what is lost by
// chance has cost its time like any other. Frames keep their order, jitter or not, except those
// that a fault delays and copies.
//
// The same seed, configuration and offered frames give the same run, and each chance falls by the
// number of the frame (chance.h).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/sim/net/chance.h"
#include "dataplane/sim/net/event_queue.h"
#include "dataplane/sim/net/frame.h"
#include "dataplane/sim/net/link_faults.h"
#include "dataplane/sim/net/net_event.h"
#include "dataplane/sim/net/trace.h"

namespace pollux::tcp {

struct LinkConfig {
  uint64_t rate_bps = 10'000'000'000;  // 0: a frame takes no time
  int64_t delay_ns = 5 * kMicrosecondNs;
  int64_t jitter_ns = 0;  // more delay, uniform from 0 to this
  // Frames that wait for the wire; the one on it does not count. One that finds no room is lost.
  uint32_t queue_bytes_max = 1 << 20;
  uint32_t queue_frames_max = 1'000;
  // With more than this waiting before it, an ECN-capable packet is marked (as RFC 8257 3.1 has
  // it: by the queue of the moment). 0: never.
  uint32_t ecn_threshold_bytes = 0;
  uint32_t mtu = 1'500;  // bytes of the network-layer packet
  // What Ethernet adds to a frame on the wire: preamble 8, checksum 4, gap 12.
  uint32_t overhead_bytes = 24;
};

// Sees the frames of a link: a capture, a checker. From within it nobody changes the link's faults.
class LinkTap {
 public:
  virtual ~LinkTap() = default;
  // For each frame: kOffered, with the bytes of its sender; then, all at that moment, what befell
  // it (kMarkedCe, kCorrupted, kDuplicated, ...), with what it became, and kOnItsWay or how it was
  // lost. At the other end kArrived or kLostUnderWay.
  virtual void see(Moment now, NetEvent event, FrameView frame) = 0;
};

class Link {
 public:
  // `id` is what NetFault::place means; `name` is for people: "client > switch".
  Link(EventQueue& events, Trace& trace, uint32_t id, uint64_t seed, const LinkConfig& config,
       std::string name);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Required before the first frame.
  void set_sink(FrameSink& sink, uint32_t port);
  // All of them anew; what rules have counted begins at 0.
  void set_faults(LinkFaults faults);
  // From now on these are all that goes wrong with frames, whatever set_faults says before or
  // afterwards of chances, rules and scripts; rules still count. Jitter, and what is set for a
  // time (down, mtu_changes), stay.
  void replay(std::span<const NetFault> script);
  // Until a change that LinkFaults::mtu_changes tells.
  void set_mtu(uint32_t mtu) { config_.mtu = mtu; }
  // Of frames offered from now on.
  void set_rate(uint64_t bps);
  void set_delay(int64_t ns);
  // Who is told of a packet over the MTU, as a router would (RFC 1191); the frame is lost still.
  void on_too_big(std::function<void(FrameView frame, uint32_t mtu)> told) {
    too_big_ = std::move(told);
  }
  void add_tap(LinkTap& tap) { taps_.push_back(&tap); }

  // Of at least one byte.
  void send(Frame frame);

  // When the wire is free: a frame offered then waits for nothing.
  Moment free_at() const { return free_at_; }
  int64_t serialization_ns(size_t frame_bytes) const;
  uint32_t queued_bytes();
  uint32_t queued_frames();

  uint32_t id() const { return id_; }
  const std::string& name() const { return name_; }
  const LinkConfig& config() const { return config_; }
  uint64_t count(NetEvent event) const { return counters_[static_cast<size_t>(event)]; }
  uint64_t lost() const;  // in any way
  uint64_t arrived_bytes() const { return arrived_bytes_; }
  uint64_t in_flight() const { return slots_.size() - free_slots_.size(); }
  uint32_t queued_bytes_peak() const { return queued_bytes_peak_; }
  // How many frames have matched LinkFaults::rules[i].
  uint64_t matched(size_t i) const { return matched_[i]; }
  // All that went wrong with frames, in their order.
  const std::vector<NetFault>& decided() const { return decided_; }

 private:
  struct Queued {
    Moment begins;  // to go onto the wire
    uint32_t bytes;
  };
  // What is decided about one frame.
  struct Fate {
    bool lost = false;
    NetEvent lost_how = NetEvent::kLostByChance;
    int64_t delay_ns = 0;
    std::vector<int64_t> copies_ns;
    std::vector<Frame> forged;
  };

  bool is_down() const;
  uint32_t mtu() const;
  void forget_begun();
  bool enqueue(Frame& frame);
  Moment put_on_wire(size_t frame_bytes);
  Fate decide(Frame& frame);
  void decide_by_rules(Frame& frame, Fate& fate);
  void decide_by_chance(Frame& frame, Fate& fate);
  void inflict(FaultKind kind, int64_t value, NetEvent how, Frame& frame, Fate& fate);
  void deliver_at(Moment at, Frame frame);
  void deliver(uint32_t slot);
  void note(NetEvent event, FrameView frame);
  void count_and_show(NetEvent event, FrameView frame);

  EventQueue& events_;
  Trace& trace_;
  const Dice jitter_;
  const Dice burst_;
  const Dice loss_;
  const Dice corruption_;
  const Dice truncation_;
  const Dice reordering_;
  const Dice duplication_;
  const Dice forgery_;
  LinkConfig config_;
  LinkFaults faults_;
  const std::string name_;
  const uint32_t id_;
  const uint32_t place_;  // in the trace
  FrameSink* sink_ = nullptr;
  uint32_t port_ = 0;
  std::function<void(FrameView, uint32_t)> too_big_;
  std::vector<LinkTap*> taps_;

  Moment free_at_{};
  uint64_t carry_ = 0;  // of the division that gives times on the wire, while it is busy
  Moment last_arrival_{};
  std::deque<Queued> queue_;
  uint32_t queued_bytes_ = 0;
  uint32_t queued_bytes_peak_ = 0;
  bool in_burst_ = false;
  std::vector<uint64_t> matched_;
  FaultScript script_;
  bool replays_ = false;
  std::vector<NetFault> decided_;

  std::vector<Frame> slots_;  // on their way
  std::vector<uint32_t> free_slots_;
  NetCounters counters_{};
  uint64_t arrived_bytes_ = 0;
};

}  // namespace pollux::tcp
