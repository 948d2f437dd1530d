// The wall between the load generator and the wire: bytes of connections out and in, and no word of
// RESP. A channel belongs to one thread of the generator, which alone calls it; it is called per
// burst, never per request. It has no policy: rates, depths, and whether to connect again are the
// runner's. Implementations: kernel sockets (kernel_channel), our own TCP over DPDK ports, and a
// simulated server in virtual time (sim_channel).
//
// A connection is a flow, named by a dense index from 0 that the runner chooses, below the
// flows_max that the channel was made with. Its life: connect(), then one kOpen or one kClosed;
// after kOpen any number of kBytes and kRoom, then at most one kClosed. After kClosed, or close()
// by the runner, nothing of that life is delivered any more and connect() may begin another. What
// one poll() has delivered stays as it is, whatever is called behind it: a runner that closes flow
// 7 skips what is left of flow 7 in that burst.
//
// Times are nanoseconds of the channel's clock, now_ns(): on real wires TscClock of src/base/time,
// so that they can be compared among threads, and virtual time in simulation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace pollux {

// Why a connection is gone.
enum class ChannelEnd : uint8_t {
  kPeerClosed,   // FIN: all that the peer has sent was delivered before
  kReset,        // RST, or the like
  kRefused,      // nobody listens there
  kUnreachable,  // no way to the host: route, ARP, a file that is not there
  kTimeout,      // the handshake, or data sent, stayed without an answer for too long
  kNoResources,  // this host's limits: descriptors, local ports, memory
};
// For an operator, as "refused: nobody listens there".
std::string_view channel_end_text(ChannelEnd end);

struct ChannelEvent {
  enum class Kind : uint8_t {
    kOpen,    // connected; the flow takes bytes
    kBytes,   // `bytes` came
    kRoom,    // the flow had refused bytes and takes some again
    kClosed,  // `end` says why
  };
  Kind kind = Kind::kOpen;
  ChannelEnd end = ChannelEnd::kPeerClosed;
  uint32_t flow = 0;
  // When the channel had it in its hands: after recv(), after the burst from the port. What the
  // runner does with the events before it delays no time stamp.
  int64_t at_ns = 0;
  // kBytes: not empty; in the order of the stream; valid until the next poll(). A flow may have
  // several in one burst.
  std::string_view bytes = {};
};

// One flow's part of a burst out.
struct ChannelSend {
  uint32_t flow = 0;
  std::string_view bytes = {};  // valid during the call: the channel copies, or hands to the wire
  size_t taken = 0;             // out: how many of the first bytes. Less than all: the flow is full
  int64_t at_ns = 0;            // out: when, just before they were handed over
};

// What a channel counts, for the report. The name is of lower case letters, digits and "_".
struct ChannelCounter {
  std::string_view name;
  uint64_t value = 0;
};
inline constexpr size_t kChannelCountersMax = 32;

class Channel {
 public:
  virtual ~Channel() = default;

  // The clock, and the only one that the runner asks.
  virtual int64_t now_ns() = 0;

  // Begins to connect; does not wait. Requires that the flow is not connected or connecting. Which
  // local port, and so which queue, is the channel's: replies have to come to this thread. May be
  // called for thousands of flows in a row; a channel that can have only so many handshakes under
  // way keeps the others in line.
  virtual void connect(uint32_t flow) = 0;

  // Hands bytes over, of open flows only; a flow stands in a burst at most once. Of a flow that is
  // full (its last send was not taken whole) nothing is taken until its kRoom. What was not taken
  // stays the caller's. A flow that broke takes nothing; its kClosed comes with a poll(). Bytes may
  // wait for the flush(), or leave at once.
  virtual void send(std::span<ChannelSend> burst) = 0;

  // All that was sent leaves now: one doorbell a turn.
  virtual void flush() = 0;

  // Up to events.size() events; returns how many. If there is none it waits until there is, at the
  // latest until `until_ns`; never if that is not later than now. A channel that polls may return
  // early with none, after a look at the wire; so does any, now and then. Includes no flush. The
  // channel's own work (timers, retransmissions) is done here: the runner calls it at least once a
  // millisecond while it has nothing else to do.
  virtual size_t poll(std::span<ChannelEvent> events, int64_t until_ns) = 0;

  // How long the last poll() slept before the events that it has returned came; 0 if it did not.
  virtual int64_t slept_ns() const { return 0; }

  // Ends a connection, or an attempt, from this side; what it has taken and not sent yet may be
  // lost. No kClosed follows.
  virtual void close(uint32_t flow) = 0;

  // Names and their order are the same all the channel's life; returns how many, up to
  // kChannelCountersMax. They only grow.
  virtual size_t counters(std::span<ChannelCounter> /*into*/) const { return 0; }
};

// Makes the channels of a run, and owns what they share (addresses, the EAL and its ports). It was
// told how many threads there will be. It lives longer than its channels.
class ChannelMaker {
 public:
  virtual ~ChannelMaker() = default;

  // Called once for each thread 0..threads-1 by that thread itself, after it was pinned, one at a
  // time; the thread also ends the channel. Null with a sentence in `error` if it can't.
  virtual std::unique_ptr<Channel> make(unsigned thread, uint32_t flows_max,
                                        std::string& error) = 0;

  // What is measured, for the report: "127.0.0.1:6379 over kernel sockets (TCP)".
  virtual std::string where() const = 0;
};

}  // namespace pollux
