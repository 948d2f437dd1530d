// Whose a frame is, where several workers share one port: connections belong to the worker that
// the hash of their flow says, whichever queue the NIC puts their frames into. What comes to the
// wrong one is handed to the right one, so that no worker ever takes a segment of another's
// connection for a stranger's and resets it. A NIC that spreads as it was told makes that a check;
// one that does not, or can't, makes it slower and not wrong.
//
//   Steering steering(FlowSpread(key, table), workers, wake);
//   std::unique_ptr<SteeredDevice> device = steering.attach(worker, queue);   // for its stack
//
// What goes where:
//   segments         to the worker of their flow
//   errors of ICMP   to the worker of the segment that they quote
//   ARP and NDP      what tells of a neighbor and is not answered, to all: each has a table; and
//                    what comes from an address of ours, which one of them defends
//   pings            for one of our addresses: stay where they came; anybody answers
//   all else         to this host's kernel, if there is a way to it (host_path.h)
//
// By reference: a frame that is handed on comes back to the device that received it, over the same
// way, when its stack has released it. So many may be under way; with more the frame is lost as in
// a full ring, and comes again. Each pair of workers has a way of its own, with one at each end.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "dataplane/tcp/interface/device.h"
#include "dataplane/tcp/steering/host_path.h"
#include "dataplane/tcp/steering/toeplitz.h"
#include "dataplane/tcp/wire/packet.h"
#include "src/base/way.h"

namespace pollux::tcp {

// As a NIC does it: the hash's lowest bits are a place in a table of queues.
class FlowSpread {
 public:
  // `workers` by place, in number a power of two.
  FlowSpread(Bytes key, std::vector<uint16_t> workers);
  // Evenly over so many.
  static FlowSpread even(Bytes key, uint16_t workers);

  uint32_t hash(const Flow& flow) const { return toeplitz_.of(flow); }
  uint16_t worker_at(uint32_t hash) const { return workers_[hash & (workers_.size() - 1)]; }
  uint16_t worker_of(const Flow& flow) const { return worker_at(hash(flow)); }

 private:
  Toeplitz toeplitz_;
  std::vector<uint16_t> workers_;
};

// A frame on its way between two workers: in memory of the device that received it, or, of what
// goes to all, in `copy`.
struct Parcel {
  static constexpr size_t kCopyMax = 128;  // ARP and NDP with tags and options
  RxFrame frame;
  bool is_copy = false;
  std::array<uint8_t, kCopyMax> copy;
};

// From one worker to one other, and back when the frame was released.
using HandOff = Way<Parcel>;
inline constexpr size_t kParcels = 512;

struct SteeringCounters {
  uint64_t handed_on = 0;     // frames that came to the wrong queue
  uint64_t handed_over = 0;   // got from others
  uint64_t no_parcel = 0;     // lost: the other one does not keep up
  uint64_t told_to_all = 0;   // frames, not copies
  uint64_t to_host = 0;
  uint64_t from_host = 0;
  uint64_t host_full = 0;     // lost on one of these ways
  uint64_t hashed_right = 0;  // by the device, of those of which it was looked at
  uint64_t hashed_wrong = 0;
};

class SteeredDevice;

class Steering {
 public:
  // `wake`: a worker that sleeps has something to do; any thread. Called from within a turn.
  Steering(FlowSpread spread, uint16_t workers, std::function<void(uint16_t worker)> wake);
  ~Steering();

  // Both before any device is asked for frames. Ours: who else speaks as one of them is told to
  // all.
  void set_addresses(std::vector<IpAddress> ours) { ours_ = std::move(ours); }
  // What is nobody's here goes there, and what is for other addresses than ours, whichever port.
  void set_host(HostPath& host) { host_ = &host; }
  // The queue of that worker, which it outlives.
  std::unique_ptr<SteeredDevice> attach(uint16_t worker, Device& queue);
  // The host's thread has sent something: the first worker is to know.
  void publish_from_host();
  const FlowSpread& spread() const { return spread_; }
  uint16_t workers() const { return workers_; }

 private:
  friend class SteeredDevice;
  struct alignas(kCacheLine) Sleeper {
    std::atomic<bool> asleep{false};
  };

  HandOff& way(uint16_t from, uint16_t to) { return *ways_[from * size_t{workers_} + to]; }

  const FlowSpread spread_;
  const uint16_t workers_;
  const std::function<void(uint16_t)> wake_;
  HostPath* host_ = nullptr;
  std::vector<IpAddress> ours_;
  std::vector<std::unique_ptr<HandOff>> ways_;
  std::vector<Sleeper> sleepers_;
};

// A worker's queue as its stack sees it: frames of its own, wherever they came in.
class SteeredDevice final : public Device {
 public:
  const SteeringCounters& counters() const { return counters_; }

  // It will not poll until it is woken: then so it is for frames of others. False: there are some,
  // or the last burst was all for others, and more may wait behind it.
  bool may_sleep();

  const DeviceCaps& caps() const override { return queue_.caps(); }
  size_t receive(std::span<RxFrame> frames) override;
  void release(std::span<const RxFrame> frames) override;
  size_t allocate(std::span<TxHead> heads, TxUse use) override {
    return queue_.allocate(heads, use);
  }
  void drop(std::span<const TxHead> heads) override { queue_.drop(heads); }
  size_t send(std::span<const TxFrame> frames) override { return queue_.send(frames); }
  size_t reap(std::span<uint64_t> tokens, bool eager) override {
    return queue_.reap(tokens, eager);
  }

 private:
  friend class Steering;
  static constexpr size_t kBurst = 32;
  // So often the queue is asked in one burst, if all that comes is others'.
  static constexpr int kRoundsMax = 4;
  // Of a burst so many are told to all; more are the receiver's alone. There are few of them, but
  // for whoever would use up the ways with them.
  static constexpr int kTellsMax = 4;
  // A device is believed what it says of hashes after so many that were right, and looked at again
  // every so often. Should it change its mind, frames are lost in between; a stack resets nobody
  // whose flow is another's (StackConfig::is_ours).
  static constexpr uint64_t kProofs = 1024;
  static constexpr uint64_t kProofEvery = 256;
  static constexpr uint16_t kAll = 0xffff;
  static constexpr uint16_t kHost = 0xfffe;

  // What the stack holds: `buffer` of a frame that it was given is the index.
  struct Given {
    uint64_t buffer = 0;
    Parcel* parcel = nullptr;  // null: of our own queue
    uint16_t from = 0;
  };

  SteeredDevice(Steering& steering, uint16_t worker, Device& queue);

  void take_back();
  size_t take_handed(std::span<RxFrame> frames);
  size_t take_own(std::span<RxFrame> frames);
  uint16_t worker_of(const RxFrame& frame);
  uint16_t judge(const RxFrame& frame) const;
  bool is_proved(const RxFrame& frame);
  void hand_on(const RxFrame& frame, uint16_t to);
  void tell_others(const RxFrame& frame);
  bool is_one_of_ours(const IpAddress& address) const;
  bool is_ours(const IpAddress& address) const;
  bool is_served(const Flow& flow) const;
  uint16_t others(const Packet& packet) const;
  void give_host(const RxFrame& frame);
  void send_for_host();
  void publish();
  RxFrame given(const RxFrame& frame, Parcel* parcel, uint16_t from);

  Steering& steering_;
  const uint16_t worker_;
  Device& queue_;
  uint16_t next_from_ = 0;  // who is listened to first
  int tells_left_ = 0;
  bool passed_on_ = false;  // something, in the last burst
  std::vector<Given> given_;
  std::vector<uint32_t> free_given_;
  uint64_t proofs_left_ = kProofs;  // the device is believed at 0
  uint64_t believed_ = 0;
  SteeringCounters counters_;
};

}  // namespace pollux::tcp
