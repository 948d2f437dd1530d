// A virtual machine around a SimHost: one core that takes time for what it does and now and then
// stands still, and a NIC with bounded rings.
//
// The core runs in turns. A turn's calls happen at one moment; what they cost adds up, frames leave
// when the cost of the turn so far has passed, and the next turn begins no earlier than its end.
// Meanwhile frames wait in the receive ring; one that finds it full is lost.
//
// Sending is by reference, as with DMA. The device reads the bytes some time after send(), when the
// wire is free, and gives them back later still. It compares them by hash at both times with what
// they were: who writes into memory that is under way, say into the header of a segment that is to
// be retransmitted, sends garbage in production with a good checksum, and is found here.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/sim/net/chance.h"
#include "dataplane/sim/net/event_queue.h"
#include "dataplane/sim/net/frame.h"
#include "dataplane/sim/net/host.h"
#include "dataplane/sim/net/link.h"
#include "dataplane/sim/net/net_event.h"
#include "dataplane/sim/net/net_fault.h"
#include "dataplane/sim/net/nic_offload.h"
#include "dataplane/sim/net/trace.h"
#include "dataplane/tcp/wire/address.h"

namespace pollux::tcp {

struct HostConfig {
  // The NIC drops unicast frames for others; without an address it takes all.
  std::optional<MacAddress> mac;
  uint32_t rx_ring = 512;  // frames
  uint32_t tx_ring = 512;
  uint32_t burst_max = 32;  // frames of one turn

  // What the core is charged with. A turn takes at least 1 ns.
  int64_t packet_ns = 500;  // that was received
  int64_t send_ns = 200;    // a frame
  int64_t timer_ns = 200;   // a tick
  int64_t poll_ns = 100;    // a turn that the host wanted and that found nothing

  int64_t dma_ns = 500;  // from the send to the earliest read
  // After the last byte is on the wire: uniform from min to max, in order.
  int64_t completion_ns_min = 1 * kMicrosecondNs;
  int64_t completion_ns_max = 10 * kMicrosecondNs;
  // Frames are given back only when so many are done (a driver's tx_free_thresh), or when the host
  // asks (Machine::reap). At most tx_ring.
  uint32_t completion_batch = 1;

  // The host's clock: behind virtual time by nothing, ahead by an offset, or rounded down.
  int64_t clock_offset_ns = 0;
  int64_t clock_granularity_ns = 1;
};

struct Stall {
  Moment at;
  int64_t ns = 0;
};

struct HostFaults {
  // Of kChanceMax, in [from, until).
  Moment from{};
  Moment until = kNever;
  uint32_t stalls = 0;  // turns after which the core stands still; not those that found nothing
  int64_t stall_ns_min = 1 * kMillisecondNs;
  int64_t stall_ns_max = 50 * kMillisecondNs;
  uint32_t allocations = 0;  // of those asked for (Machine::may_allocate) that fail
  uint32_t rx_buffers = 0;   // frames that come and find no buffer

  std::vector<Stall> stall_script;  // those in the past don't come
  std::vector<NetFault> script;     // those of others are ignored
};

class Machine final : public FrameSink {
 public:
  // Pieces of one frame in memory: a header, and values by reference.
  static constexpr size_t kPiecesMax = 8;

  // `id` is what NetFault::place means. The host outlives the machine's last event.
  Machine(EventQueue& events, Trace& trace, uint32_t id, uint64_t seed, SimHost& host,
          const HostConfig& config, std::string name);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // --- what the host calls ---
  // False if the ring is full: nothing is sent, and sent() will not come. Otherwise the bytes stay
  // where and as they are until sent(token). The device pads frames to kFrameBytesMin, and does
  // what `offload` says when it reads them; what it cuts goes out segment by segment, one after the
  // other.
  bool send(std::span<const FrameView> pieces, uint64_t token, const TxOffload& offload = {});
  bool send(FrameView frame, uint64_t token) { return send({&frame, 1}, token); }
  uint32_t tx_room() const { return config_.tx_ring - static_cast<uint32_t>(ring_.size()); }
  // Gives back all that is done, without waiting for a batch of it; sent() comes in a turn.
  void reap();
  // Asked before each allocation; false: behave as if there was no memory.
  bool may_allocate();
  // The host had no buffer for a frame that it was given: for counters and trace.
  void no_rx_buffer(FrameView frame) { note(NetEvent::kRxNoBuffer, frame); }
  // More that the turn costs.
  void charge(int64_t ns) { turn_ns_ += ns; }
  // What the host's clock says.
  Moment now() const { return host_time(events_.now()); }

  // --- what the test does ---
  // Runs on the core, in its next turn. The way to let an application do something.
  void post(std::function<void(Moment now)> action);
  // The core looks at the deadline and wants_turn again: after calls to the host from outside a
  // turn.
  void kick() { arm(); }
  // All of them anew.
  void set_faults(HostFaults faults);
  // From now on these are all that goes wrong by number, whatever set_faults says before or
  // afterwards of chances and scripts. Stalls at a moment stay.
  void replay(std::span<const NetFault> script);
  // From now on; longer stalls swallow shorter ones.
  void stall(int64_t ns);

  uint64_t count(NetEvent event) const { return counters_[static_cast<size_t>(event)]; }
  uint64_t received() const { return received_; }  // given to the host
  uint64_t transmitted() const { return transmitted_; }
  uint64_t turns() const { return turns_; }  // without those that found nothing
  int64_t busy_ns() const { return busy_ns_; }
  uint64_t allocations_asked() const { return allocations_asked_; }
  uint32_t rx_waiting() const { return static_cast<uint32_t>(rx_.size()); }
  uint32_t tx_under_way() const { return static_cast<uint32_t>(ring_.size()); }
  // The first send whose bytes changed under way: which, when, and what it is; "" if none did.
  const std::string& first_change() const { return first_change_; }
  // All that went wrong by number, in the order in which it did.
  const std::vector<NetFault>& decided() const { return decided_; }
  uint32_t id() const { return id_; }
  const std::string& name() const { return name_; }
  SimHost& host() { return host_; }

  // --- what the network calls ---
  void plug_in(Link& out);
  void arrive(Frame frame, uint32_t port) override;

 private:
  struct Descriptor {
    std::array<FrameView, kPiecesMax> pieces;
    size_t piece_count = 0;
    uint64_t token = 0;
    uint64_t hash = 0;
    TxOffload offload;
    Moment ready_at;  // for the device to read
  };

  // What can go wrong with the n-th of something.
  struct Peril {
    FaultKind kind;
    Dice dice;
    FaultScript script;
  };
  std::optional<int64_t> befalls(Peril& peril, uint64_t n, uint32_t chance, int64_t min = 0,
                                 int64_t max = 0);
  void set_script(std::span<const NetFault> script);
  Moment host_time(Moment now) const;
  Moment real_time(Moment host_time) const;
  void note(NetEvent event, FrameView frame = {});

  void arm();
  void turn();
  enum class Did : uint8_t { kNothing, kPoll, kWork };
  Did run_host(Moment now);
  bool tick_if_due(Moment now);
  void maybe_stall();

  void fetch_next();
  void fetch();
  void finish();
  void give_back();
  static uint64_t hash_of_pieces(const Descriptor& descriptor);
  static Frame gathered(const Descriptor& descriptor);
  void verify(const Descriptor& descriptor, const char* when);

  EventQueue& events_;
  Trace& trace_;
  const uint32_t id_;
  Peril stalls_;
  Peril allocations_;
  Peril rx_buffers_;
  const Dice completions_;  // by frame sent
  SimHost& host_;
  const HostConfig config_;
  HostFaults faults_;
  std::vector<EventQueue::EventId> stalls_to_come_;
  bool replays_ = false;
  std::vector<NetFault> decided_;
  const std::string name_;
  const uint32_t place_;
  Link* out_ = nullptr;

  // The core.
  EventQueue::EventId wake_;
  Moment wake_at_ = kNever;
  Moment free_at_{};  // neither busy nor stalled from then on
  bool in_turn_ = false;
  int64_t turn_ns_ = 0;
  std::optional<uint64_t> tick_behind_;  // of frames received: those before a tick that is due
  uint32_t ticks_in_vain_ = 0;
  bool lacked_memory_ = false;  // since the last tick
  std::deque<Frame> rx_;
  std::vector<std::function<void(Moment)>> posted_;
  std::deque<uint64_t> given_back_;  // tokens

  // The transmit ring: the device has read and sent the first fetched_, and is done with finished_
  // of them.
  std::deque<Descriptor> ring_;
  size_t fetched_ = 0;
  size_t finished_ = 0;
  bool fetching_ = false;
  // Of the one that is being read, what is not on the wire yet; the last one first.
  std::vector<Frame> cut_;
  Moment last_completion_{};

  NetCounters counters_{};
  uint64_t arrived_ = 0;  // at the NIC, whatever became of them
  uint64_t received_ = 0;
  uint64_t transmitted_ = 0;
  uint64_t turns_ = 0;
  int64_t busy_ns_ = 0;
  uint64_t allocations_asked_ = 0;
  std::string first_change_;
};

}  // namespace pollux::tcp
