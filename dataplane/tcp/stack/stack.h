// TCP/IP of one core: what comes from a device goes through it to the application as events, and
// what that writes goes out. It owns the parts (interface, listener, connections, tables, timers)
// and has none of their knowledge; here is only who is called when, and whose memory it is.
//
// A turn, all at the same `now`:
//
//   stack.receive(now);                  // a burst of frames
//   if (it was no full one, or there were many in a row) stack.tick(now);
//   while (const StackEvent* event = stack.next_event()) { the application acts on it }
//   stack.flush(now);                    // all that goes out, ACKs on answers
//
// Timers come behind the frames that were there, or an acknowledgement that waited in the ring
// would be late for the timeout that it makes void. Bytes of an event live until the next
// receive(): a frame does not outlive the turn that received it, so the ring's memory is enough for
// any number of peers.
//
// No clock, no system call, no thread. Everything from outside is an argument: the device, `now`,
// the keys. `now` goes on at least every 4 us (RFC 9293 3.4.1): two connections of a flow within
// one tick have the same numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/tcp/interface/device.h"
#include "dataplane/tcp/interface/interface.h"
#include "dataplane/tcp/interface/tx_queue.h"
#include "dataplane/tcp/listener/listener.h"
#include "dataplane/tcp/stack/slots.h"
#include "dataplane/tcp/stack/tx_memory.h"
#include "dataplane/tcp/tables/flow_table.h"
#include "dataplane/tcp/tables/timer_wheel.h"
#include "dataplane/tcp/wire/packet.h"
#include "src/base/types.h"

namespace pollux::tcp {

struct StackConfig {
  InterfaceConfig interface;
  ListenerConfig listener;
  ConnectionConfig connection;
  SenderConfig sender;
  uint32_t connections_max = 1U << 20;
  uint32_t tx_frames_max = 1024;  // of a turn
  // Payload up to this goes into a frame's head, more by reference. A copy of so much costs less
  // than a second descriptor and its completion.
  uint32_t copy_bytes_max = 1024;
  // Bytes that are kept for connections: what was written and not acknowledged, what came before
  // its turn, what is not read, blocks that few have beside their slot, and lists of many segments
  // that are on their way. Above three quarters nobody is let in, and what came before its turn is
  // forgotten, as it comes again; above nine tenths windows shrink, and who holds the most has to
  // go. So he has, once a second, when others were turned away for ten seconds.
  size_t memory_bytes_max = size_t{1} << 30;
  // Of connections to elsewhere (RFC 6056).
  uint16_t ephemeral_port_min = 32'768;
  uint16_t ephemeral_port_max = 60'999;
  // Whether what belongs to it comes here, where several stacks share an address; null: all does.
  std::function<bool(const Flow&)> is_ours;
};

struct StackKeys {
  ListenerKeys listener;
  SipKey limits;
  SipKey ports;
  uint64_t seed = 0;  // of what need not be secret
};

struct StackEvent {
  enum class Kind : uint8_t {
    kOpened,     // by a peer, at a port that is listened at
    kConnected,  // connect() has come through
    kData,       // `bytes`, of which the application takes all
    // The peer sends no more (end: kNone), or the connection is over: `end`. Both, if it breaks
    // behind the peer's end.
    kEnd,
    kUnpinned,  // what was written by reference is no longer looked at
    kClosed,    // behind close(): the id is dead
  };
  Kind kind = Kind::kOpened;
  ConnId conn;
  Bytes bytes = {};
  TcpEnd end = TcpEnd::kNone;
};

struct StackCounters {
  uint64_t frames = 0;
  uint64_t segments = 0;     // of connections
  uint64_t strangers = 0;    // segments of none
  uint64_t misplaced = 0;    // of these, another stack's (StackConfig::is_ours)
  uint64_t no_way = 0;       // of these, SYNs from where no gateway leads
  uint64_t not_allowed = 0;  // of these, from elsewhere than set_allow_from says
  uint64_t segments_out = 0;
  uint64_t tx_full = 0;       // flushes of a connection that had to stop for want of room
  uint64_t held_dropped = 0;  // bytes that came before their turn, for want of memory
  uint64_t aborted_for_memory = 0;
  uint64_t aborted_orphans = 0;  // closed when too many that are closed were not over
};

class Stack {
 public:
  Stack(const StackConfig& config, const StackKeys& keys, Device& device, Moment now);
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  // ---- where it listens ----
  // No address: at all of ours. Ports that were listened at and are not any more refuse what comes;
  // connections go on.
  struct Endpoint {
    std::optional<IpAddress> address;
    uint16_t port = 0;
  };
  void listen(std::vector<Endpoint> endpoints) { endpoints_ = std::move(endpoints); }
  // Who may open connections to us, looked at before anything is remembered; empty: everybody.
  void set_allow_from(std::vector<LinkPrefix> peers) { allow_from_ = std::move(peers); }
  // Of all connections, from now on (of one that is idle, from its next segment or timer on): after
  // so long without a word the peer is asked, three times a third of it. 0: never.
  void set_keepalive(int64_t idle_ns);

  // ---- a turn ----
  static constexpr size_t kBurst = 32;
  // Requires that all events of before were taken, but for those that flush() has left. Returns how
  // many frames came.
  size_t receive(Moment now);
  void tick(Moment now);
  // Null: there are no more.
  const StackEvent* next_event();
  bool has_event() const { return next_event_ < events_.size(); }
  void flush(Moment now);

  // When it wants a turn without a frame; kNever: not at all.
  Moment next_deadline() const;
  // It wants the next turn at once: something waits for room, or for the application.
  bool wants_turn() const {
    return wants_to_send() || !resumed_.empty() || has_event() || tx_memory_.pins_linger();
  }

  // Of that, what waits for room in the device.
  bool wants_to_send() const { return !dirty_.empty() || !tx_.empty(); }
  // All of it is for the device to end: what flush() found no room for, or what it has not given
  // back. Asked behind flush().
  bool waits_for_device() const {
    return wants_turn() && resumed_.empty() && !has_event() && (no_room_ || !wants_to_send());
  }

  // ---- connections; each of these does nothing for one that is gone ----
  // To there; kConnected or kEnd follows. Nothing if there is no room, no way, or no port.
  std::optional<ConnId> connect(const IpAddress& remote, uint16_t port, Moment now);
  const Flow* flow(ConnId conn);
  // Copied, unless so much is on its way already that it is more than `limit` bytes: then false,
  // and nothing is done.
  [[nodiscard]] bool write(ConnId conn, std::span<const Bytes> pieces, uint32_t limit);
  // Of what was written, as much as the peer has not acknowledged.
  uint32_t unacknowledged_bytes(ConnId conn);
  // By reference: it must stay as it is until kUnpinned. One at a time.
  void write_pinned(ConnId conn, std::span<const Bytes> pieces);
  // The peer learns of the end behind what was written; it may go on.
  void finish(ConnId conn);
  // The application takes nothing until resume(): the window fills. What has come may still be told
  // of once.
  void pause(ConnId conn);
  void resume(ConnId conn);
  // The application is done with it. What was written goes out first, as far as the peer takes it;
  // with much of it by reference, or with something unread, the peer gets a RST, as it does when a
  // quarter of connections_max is closed and not over: peers that take nothing, or never end, may
  // have no more than that. kClosed follows when nothing of the application's is looked at any
  // more.
  void close(ConnId conn, Moment now);
  // RST, at once.
  void abort(ConnId conn);

  // ---- what there is ----
  uint32_t connections() const { return slots_.size(); }
  // Of these, closed by the application and not over.
  uint32_t orphans() const { return orphans_; }
  // With all that is kept for them.
  size_t memory_bytes() const { return tx_memory_.used_bytes() + held_bytes_; }
  const StackCounters& counters() const { return counters_; }
  const SenderCounters& sender_counters() const { return shared_.sender.counters; }
  const Listener& listener() const { return listener_; }
  Interface& interface() { return interface_; }
  // Null if it is over.
  const Connection* connection(ConnId conn);
  // What must hold between turns, of all connections: "" or what does not. For tests.
  std::string check() const;

 private:
  // What close() copies of pinned bytes; with more the connection is aborted.
  static constexpr uint32_t kUnpinCopyMax = 64U << 10;
  // Of the connections that have something to send, so many may find no room before the others are
  // left for the next turn.
  static constexpr uint32_t kNoRoomMax = 64;
  static constexpr size_t kTimersMax = 256;  // of a turn
  static constexpr uint32_t kReliefMax = 64;
  static constexpr int64_t kCrowdedNs = 10 * kSecondNs;
  // A neighbor that does not answer: a connection that is being opened is given up after 10 s, one
  // that is open after 100.
  static constexpr int64_t kRetryNs = kSecondNs;
  static constexpr uint8_t kConnectTriesMax = 10;
  static constexpr uint8_t kTriesMax = 100;

  void tell(StackEvent::Kind kind, uint32_t index, Bytes bytes = {}, TcpEnd end = TcpEnd::kNone) {
    events_.push_back({.kind = kind, .conn = slots_.id(index), .bytes = bytes, .end = end});
  }
  bool is_late(const StackEvent& event);
  void touch(uint32_t index) { touch(index, slots_.at(index)); }
  void touch(uint32_t index, Slot& slot) {
    if (!slot.dirty) {
      slot.dirty = true;
      dirty_.push_back(index);
    }
  }

  void prefetch_outstanding();
  void reap(bool eager);
  void on_frame(size_t i, Moment now);
  bool take_next(uint32_t index, const Packet& packet, bool checksums_ok, Moment now);
  void note_acknowledged(Slot& slot, Moment now);
  void on_any_frame(size_t i, uint32_t index, Moment now);
  void on_segment(uint32_t index, const Packet& packet, const TcpOptions& options, Moment now);
  void on_stranger(const Packet& packet, const TcpOptions& options, uint64_t hash, Moment now);
  void on_path_error();
  void deliver(uint32_t index, bool fin);
  void give_unread(uint32_t index);
  void drop_unread(Slot& slot);
  void drop_sending(Slot& slot);
  void count_blocks(Slot& slot, uint32_t bytes) {
    held_bytes_ -= slot.block_bytes();
    slot.set_block_bytes(bytes);
    held_bytes_ += slot.block_bytes();
  }
  // Where what is written now goes. Requires can_write().
  static SendBuffer& sending_of(Slot& slot) {
    if (slot.sending == nullptr) {
      slot.sending = std::make_unique<SendBuffer>(slot.connection().sender().end());
    }
    return *slot.sending;
  }
  void after(uint32_t index, Slot& slot, Moment now);
  void end(uint32_t index, Moment now);
  void tell_closed(uint32_t index);
  void tell_unpinned();
  void wait_for_neighbor(uint32_t index, Moment now);
  void retry_unresolved(Moment now);

  uint32_t open(const Flow& flow);
  bool is_allowed(const IpAddress& remote) const;
  bool listens_at(const Flow& flow) const;
  uint16_t mss_to(const IpAddress& remote) const;
  Path path_to(const IpAddress& remote) const;

  bool flush_connection(uint32_t index, Slot& slot, Moment now);
  const MacAddress* neighbor_of(Slot& slot, Moment now);
  bool emit(Slot& slot, const SegmentOut& out, Moment now);
  bool emit_plain(Slot& slot, const PlainOut& out, Moment now);
  bool write_frame(const Flow& flow, const MacAddress& to, const SegmentOut& out, SendBuffer* from);
  void add_payload(TxFrame& frame, SeqRange payload, SendBuffer& from);
  void answer(const Packet& packet, const SegmentOut& out);

  bool is_above(size_t parts_of_40) const;
  void relieve(Moment now);

  const StackConfig config_;
  const StackKeys keys_;
  Device& device_;
  const DeviceCaps& caps_;
  TxQueue tx_;
  Interface interface_;
  Listener listener_;
  ConnectionShared shared_;
  TxMemory tx_memory_;
  Slots slots_;
  FlowTable<Slots> table_;
  TimerWheel<Slots> wheel_;
  std::vector<Endpoint> endpoints_;
  std::vector<LinkPrefix> allow_from_;

  // The burst.
  std::array<RxFrame, kBurst> frames_;
  std::array<Packet, kBurst> packets_;
  std::array<Flow, kBurst> flows_;
  std::array<uint64_t, kBurst> hashes_{};
  std::array<uint32_t, kBurst> found_{};
  size_t frame_count_ = 0;
  uint64_t changes_ = 0;  // of the table, when found_ was right

  std::vector<StackEvent> events_;
  size_t next_event_ = 0;
  bool some_late_ = false;  // close() was called while there were events
  Arrived arrived_;
  // Events look at them.
  std::vector<HeldBytes> told_;
  std::vector<Unread::Block> told_blocks_;
  std::vector<uint32_t> dirty_;
  bool no_room_ = false;              // for all that the last flush() wanted to send
  std::vector<uint32_t> unresolved_;  // their neighbor is not known yet
  Moment retry_at_ = kNever;
  std::vector<uint32_t> resumed_;
  size_t held_bytes_ = 0;  // out of order, unread, and blocks of connections
  uint32_t orphans_ = 0;
  uint32_t relief_at_ = 0;
  Moment crowded_since_ = kNever;  // somebody was turned away for want of memory
  uint32_t next_port_ = 0;
  bool neighbor_missing_ = false;  // why emit() said no
  bool takes_sequence_ = false;    // what emit() has sent, so the list of what is out grows
  StackCounters counters_;
};

}  // namespace pollux::tcp
