#include "dataplane/tcp/stack/stack.h"

#include <algorithm>
#include <new>
#include <utility>

#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/ipv6.h"
#include "src/base/assert.h"

namespace pollux::tcp {
namespace {

ConnectionShared shared_state(const StackConfig& config, const StackKeys& keys) {
  return {.config = config.connection,
          .sender = {.config = config.sender, .counters = {}},
          .challenge_acks = {keys.limits, ConnectionLimiter::kChallengeAcks},
          .out_of_window_acks = {keys.limits, ConnectionLimiter::kOutOfWindowAcks}};
}

uint32_t header_bytes_of(const IpAddress& remote) {
  return static_cast<uint32_t>((remote.is_v4() ? kIpv4Bytes : kIpv6Bytes) + kTcpBytes);
}

}  // namespace

Stack::Stack(const StackConfig& config, const StackKeys& keys, Device& device, Moment now)
    : config_(config),
      keys_(keys),
      device_(device),
      caps_(device.caps()),
      tx_(device, config.tx_frames_max),
      interface_(config.interface, tx_, keys.seed),
      listener_(config.listener, keys.listener),
      shared_(shared_state(config, keys)),
      slots_(keys.listener.table, config.connections_max),
      table_(slots_, config.connections_max),
      wheel_(slots_, now),
      next_port_(static_cast<uint32_t>(flow_secret(keys.ports, Flow{}))) {
  interface_.start(now);
}

// The device has stopped: what it was given is let go with the rest.
Stack::~Stack() {
  device_.release(std::span(frames_).first(frame_count_));
  for (uint32_t i = 0; i < slots_.made(); ++i) {
    drop_sending(slots_.at(i));
  }
}

// ---- what comes ----

const StackEvent* Stack::next_event() {
  while (has_event()) {
    const StackEvent& event = events_[next_event_++];
    if (!some_late_ || !is_late(event)) [[likely]] {
      return &event;
    }
  }
  events_.clear();
  next_event_ = 0;
  some_late_ = false;
  return nullptr;
}

// What the application was to hear of a connection that it has closed meanwhile.
bool Stack::is_late(const StackEvent& event) {
  const Slot* slot = slots_.find(event.conn);
  return (slot == nullptr || slot->closed) && event.kind < StackEvent::Kind::kUnpinned;
}

void Stack::prefetch_outstanding() {
  std::array<uint32_t, kBurst> outstanding;
  size_t count = 0;
  for (const uint32_t index : std::span(found_).first(frame_count_)) {
    if (index != kNoIndex && slots_.has_outstanding(index)) {
      slots_.prefetch_rest(index);
      outstanding[count++] = index;
    }
  }
  for (const uint32_t index : std::span(outstanding).first(count)) {
    slots_.prefetch_outstanding(index);
  }
  for (const uint32_t index : std::span(outstanding).first(count)) {
    slots_.prefetch_sent(index);
  }
}

// What the device has sent is let go; at most as much as one ring holds.
void Stack::reap(bool eager) {
  std::array<uint64_t, 64> tokens;
  size_t count = tokens.size();
  while (count == tokens.size() && tx_memory_.frames_out() != 0) {
    count = device_.reap(tokens, eager);
    for (const uint64_t token : std::span(tokens).first(count)) {
      tx_memory_.frame_back(token);
    }
  }
}

// The peer has more of ours; and its neighbor lives.
inline void Stack::note_acknowledged(Slot& slot, Moment now) {
  if (slot.sending != nullptr) {
    slot.sending->acknowledge(tx_memory_, slot.connection().acknowledged());
  }
  interface_.neighbors().confirm(slot.hop, now);
}

// A request, or a part of one, of who has all of ours, or says with it that he has: what most
// segments are. False: it is another one, and nothing was done.
[[gnu::always_inline]] inline bool Stack::take_next(uint32_t index, const Packet& packet,
                                                    bool checksums_ok, Moment now) {
  if (!interface_.is_sound(packet, checksums_ok) || !packet.has_plain_options()) {
    return false;
  }
  Slot& slot = slots_.at(index);
  Connection& connection = slot.connection();
  const Bytes payload = packet.payload();
  const Connection::Segment segment{packet.tcp, packet.plain_timestamps(), payload,
                                    packet.traffic_class.ecn() == Ecn::kCe};
  if (!connection.is_next(segment)) {
    return false;
  }
  ++counters_.segments;
  const bool acknowledges = !connection.sender().all_acked();
  connection.take_next(shared_, segment, now);
  if (acknowledges) {
    slot.recount = true;
    note_acknowledged(slot, now);
  }
  if ((slot.paused | slot.holds_unread | slot.closed) != 0) [[unlikely]] {
    arrived_.in_frame = payload;
    deliver(index, false);
    arrived_.clear();
  } else {
    connection.read(static_cast<uint32_t>(payload.size()));
    tell(StackEvent::Kind::kData, index, payload);
  }
  touch(index, slot);
  return true;
}

[[gnu::always_inline]] inline void Stack::on_frame(size_t i, Moment now) {
  const Packet& packet = packets_[i];
  const uint32_t index =
      table_.changes() == changes_ ? found_[i] : table_.find(hashes_[i], packet.flow);
  if (index == kNoIndex || !take_next(index, packet, frames_[i].checksums_ok, now)) {
    on_any_frame(i, index, now);
  }
}

size_t Stack::receive(Moment now) {
  device_.release(std::span(frames_).first(frame_count_));
  told_.clear();
  told_blocks_.clear();
  reap(tx_memory_.pins_linger());
  frame_count_ = device_.receive(frames_);
  counters_.frames += frame_count_;
  for (size_t i = 0; i < frame_count_; ++i) {
    // (Made in its place; by construct_at it would be moved there.)
    ::new (&packets_[i]) Packet(parse_packet({frames_[i].bytes, frames_[i].size}));
    flows_[i] = packets_[i].flow;
    hashes_[i] = flow_hash(keys_.listener.table, flows_[i]);
  }
  table_.find_burst(std::span(hashes_).first(frame_count_), std::span(flows_).first(frame_count_),
                    std::span(found_).first(frame_count_));
  changes_ = table_.changes();
  prefetch_outstanding();
  for (size_t i = 0; i < frame_count_; ++i) {
    on_frame(i, now);
  }
  for (const uint32_t index : std::exchange(resumed_, {})) {
    give_unread(index);
  }
  tell_unpinned();
  retry_unresolved(now);
  return frame_count_;
}

[[gnu::noinline]] void Stack::on_any_frame(size_t i, uint32_t index, Moment now) {
  const Packet& packet = packets_[i];
  const bool checksums_ok = frames_[i].checksums_ok;
  const Received what = index != kNoIndex
                            ? interface_.receive_known(packet, checksums_ok, now)
                            : interface_.receive(packet, checksums_ok, now);
  if (what == Received::kError) {
    return on_path_error();
  }
  if (what != Received::kSegment) {
    return;
  }
  const TcpOptions options = parse_tcp_options(packet.tcp_options());
  if (index == kNoIndex) {
    return on_stranger(packet, options, hashes_[i], now);
  }
  on_segment(index, packet, options, now);
}

void Stack::on_segment(uint32_t index, const Packet& packet, const TcpOptions& options,
                       Moment now) {
  ++counters_.segments;
  Slot& slot = slots_.at(index);
  slot.recount = true;
  Connection& connection = slot.connection();
  const Seq una = connection.acknowledged();
  held_bytes_ -= connection.held_bytes();
  const TcpState before = connection.state();
  const Connection::Verdict verdict = connection.on_segment(
      shared_, {packet.tcp, options, packet.payload(), packet.traffic_class.ecn() == Ecn::kCe}, now,
      arrived_);
  held_bytes_ += connection.held_bytes();
  if (verdict == Connection::Verdict::kReset) {
    const Stranger stranger{.hash = slots_.hash(index),
                            .flow = packet.flow,
                            .header = packet.tcp,
                            .options = options,
                            .payload_bytes = static_cast<uint32_t>(packet.payload().size())};
    if (listener_.refuse(stranger, now) == Listener::Action::kAnswer) {
      answer(packet, listener_.answer());
    }
    return;
  }
  if (connection.acknowledged() != una) {
    note_acknowledged(slot, now);
  }
  // (Who closed it while it was being opened, hears of it no more.)
  if (before < TcpState::kEstablished && connection.is_open() && !slot.closed) {
    tell(StackEvent::Kind::kConnected, index);
  }
  if (!arrived_.empty() || arrived_.fin) {
    deliver(index, arrived_.fin);
    arrived_.clear();
  }
  touch(index);
}

void Stack::on_stranger(const Packet& packet, const TcpOptions& options, uint64_t hash,
                        Moment now) {
  ++counters_.strangers;
  if (config_.is_ours && !config_.is_ours(packet.flow)) {
    ++counters_.misplaced;  // of another stack's connection: no RST
    return;
  }
  if (!is_allowed(packet.flow.remote)) {
    ++counters_.not_allowed;
    return;  // not even told that nobody listens
  }
  if (packet.tcp.has(kSyn) && !interface_.reaches(packet.flow.remote)) {
    ++counters_.no_way;  // the answer would find it, and nothing behind that
    return;
  }
  const bool is_crowded = is_above(30);
  if (is_crowded && crowded_since_ == kNever && packet.tcp.has(kSyn) && listens_at(packet.flow)) {
    crowded_since_ = now;
  }
  const Stranger stranger{.hash = hash,
                          .flow = packet.flow,
                          .header = packet.tcp,
                          .options = options,
                          .payload_bytes = static_cast<uint32_t>(packet.payload().size()),
                          .listens = listens_at(packet.flow),
                          .has_room = slots_.has_room() && !is_crowded,
                          .path_mss = mss_to(packet.flow.remote)};
  switch (listener_.on_segment(shared_.config, stranger, now)) {
    case Listener::Action::kDrop:
      return;
    case Listener::Action::kAnswerPeer:
      interface_.learn_sender(packet, now);  // the SYN-ACK may have to go again
      [[fallthrough]];
    case Listener::Action::kAnswer:
      answer(packet, listener_.answer());
      return;
    case Listener::Action::kOpen:
      break;
  }
  const uint32_t index = open(packet.flow);
  if (index == kNoIndex) {
    return;  // it comes again
  }
  listener_.opened(stranger);
  interface_.learn_sender(packet, now);
  Slot& slot = slots_.at(index);
  slot.hop = interface_.next_hop(packet.flow.remote, now);
  const PassiveOpening& opening = listener_.opening();
  slot.begin(shared_, path_to(packet.flow.remote), opening, now);
  tell(StackEvent::Kind::kOpened, index);
  on_segment(index, packet, options, now);
}

// RFC 1191, 8201, 5927: what an error says is believed only of what is on its way.
void Stack::on_path_error() {
  const PathError& error = interface_.error();
  const Flow& flow = error.segment.flow;
  const uint32_t index = table_.find(flow_hash(keys_.listener.table, flow), flow);
  if (index == kNoIndex) {
    return;
  }
  Connection& connection = slots_.at(index).connection();
  if (!connection.is_outstanding(error.segment.seq)) {
    return;
  }
  if (error.message.kind == IcmpKind::kPacketTooBig) {
    const uint32_t least = flow.remote.is_v4() ? 576 : 1'280;
    const uint32_t mtu = std::max(error.message.mtu, least);
    const uint32_t mss = std::min<uint32_t>(mtu, interface_.mtu()) - header_bytes_of(flow.remote);
    connection.on_path_mss(static_cast<uint16_t>(mss));
  } else if (error.message.kind == IcmpKind::kUnreachable) {
    connection.on_unreachable();
  }
  touch(index);
}

// ---- to the application ----

// What a segment brought: told at once, or kept if nobody wants it now.
void Stack::deliver(uint32_t index, bool fin) {
  Slot& slot = slots_.at(index);
  if (slot.closed) {
    arrived_.clear();
    return;
  }
  if (slot.paused || slot.holds_unread) {
    if (slot.unread == nullptr) {
      slot.unread = std::make_unique<Unread>();
      slot.holds_unread = true;
    } else {
      held_bytes_ -= slot.unread->memory_bytes();
    }
    Unread& unread = *slot.unread;
    unread.append(arrived_.in_frame);
    for (const HeldBytes& bytes : arrived_.held) {
      unread.append(bytes.view());
    }
    if (fin) {
      unread.set_end();
    }
    held_bytes_ += unread.memory_bytes();
    return;
  }
  uint32_t bytes = static_cast<uint32_t>(arrived_.in_frame.size());
  if (bytes != 0) {
    tell(StackEvent::Kind::kData, index, arrived_.in_frame);
  }
  for (HeldBytes& held : arrived_.held) {
    bytes += static_cast<uint32_t>(held.size());
    told_.push_back(std::move(held));
    tell(StackEvent::Kind::kData, index, told_.back().view());
  }
  slot.connection().read(bytes);
  if (fin) {
    slot.end_told = true;
    tell(StackEvent::Kind::kEnd, index);
  }
}

// What had come while it was paused.
void Stack::give_unread(uint32_t index) {
  Slot& slot = slots_.at(index);
  if (!slot.resumed) {
    return;  // somebody else's by now
  }
  slot.resumed = false;
  if (slot.paused || slot.unread == nullptr) {
    return;
  }
  const std::unique_ptr<Unread> unread = std::move(slot.unread);
  slot.holds_unread = false;
  held_bytes_ -= unread->memory_bytes();
  for (Unread::Block& block : std::move(*unread).take()) {
    told_blocks_.push_back(std::move(block));
    tell(StackEvent::Kind::kData, index, told_blocks_.back());
  }
  if (slot.has_connection) {
    slot.connection().read(unread->size());
    touch(index);
  }
  if (unread->ends() && !slot.end_told) {
    slot.end_told = true;
    tell(StackEvent::Kind::kEnd, index);
  }
}

void Stack::drop_sending(Slot& slot) {
  if (slot.sending != nullptr) {
    slot.sending->clear(tx_memory_);
    slot.sending.reset();
  }
}

void Stack::drop_unread(Slot& slot) {
  if (slot.unread != nullptr) {
    held_bytes_ -= slot.unread->memory_bytes();
    slot.unread.reset();
    slot.holds_unread = false;
  }
}

void Stack::tell_unpinned() {
  for (const uint64_t token : tx_memory_.unpinned()) {
    const auto index = static_cast<uint32_t>(token);
    Slot& slot = slots_.at(index);
    slot.pinned = false;
    tell(StackEvent::Kind::kUnpinned, index);
    if (slot.closed) {
      tell_closed(index);
    }
  }
  tx_memory_.unpinned().clear();
}

// The application's id is dead; the connection may still have to end.
void Stack::tell_closed(uint32_t index) {
  Slot& slot = slots_.at(index);
  if (slot.pinned || slot.closed_told) {
    return;
  }
  slot.closed_told = true;
  tell(StackEvent::Kind::kClosed, index);
  if (!slot.has_connection) {
    slots_.give_back(index);
  }
}

// ---- connections ----

uint32_t Stack::open(const Flow& flow) {
  const uint32_t index = slots_.take();
  if (index == kNoIndex) {
    return kNoIndex;
  }
  slots_.at(index).flow = flow;
  if (!table_.insert(slots_.hash(index), index)) {
    slots_.give_back(index);
    return kNoIndex;
  }
  return index;
}

void Stack::end(uint32_t index, Moment now) {
  Slot& slot = slots_.at(index);
  const Connection& connection = slot.connection();
  const uint64_t hash = slots_.hash(index);
  if (connection.state() == TcpState::kTimeWait) {
    listener_.enter_time_wait(hash, slot.flow, connection.time_wait(), now);
  }
  const bool was_in_table = table_.erase(hash, index);
  POLLUX_ASSERT(was_in_table);
  wheel_.cancel(index);
  drop_sending(slot);
  held_bytes_ -= connection.held_bytes();
  count_blocks(slot, 0);
  slot.recount = false;
  const TcpEnd why = connection.end();
  slot.end();
  slot.unresolved = false;
  if (slot.closed) {
    --orphans_;
    if (slot.closed_told) {
      slots_.give_back(index);
    }
    return;
  }
  if (why == TcpEnd::kClosed && slot.unread != nullptr) {
    return;  // what is unread comes first, and FIN behind it
  }
  drop_unread(slot);
  if (!slot.end_told || why != TcpEnd::kClosed) {
    slot.end_told = true;
    tell(StackEvent::Kind::kEnd, index, {}, why);
  }
}

// ---- time ----

void Stack::tick(Moment now) {
  if (interface_.next_deadline() <= now) {
    interface_.tick(now);
  }
  if (listener_.next_deadline() <= now) {
    listener_.advance(
        shared_.config, now, kTimersMax, [this](const Flow& flow) { return mss_to(flow.remote); },
        [this](const Flow& flow, const SegmentOut& out) {
          // Nobody is asked for what may be a forged address: its SYN comes again.
          if (const MacAddress* mac = interface_.known_hop(flow.remote); mac != nullptr) {
            const MacAddress to = *mac;
            write_frame(flow, to, out, nullptr);  // one that is lost here is lost as on the wire
          }
        });
  }
  wheel_.advance(now, kTimersMax, [this, now](uint32_t index) {
    Slot& slot = slots_.at(index);
    slot.recount = true;
    slot.connection().on_timer(shared_, now);
    touch(index, slot);
  });
  retry_unresolved(now);
}

void Stack::wait_for_neighbor(uint32_t index, Moment now) {
  Slot& slot = slots_.at(index);
  // What is due of an ACK that can't go would be due again at once.
  wheel_.arm(index, kNever);
  if (!slot.unresolved) {
    slot.unresolved = true;
    unresolved_.push_back(index);
    retry_at_ = std::min(retry_at_, now + kRetryNs);
  }
}

// When one was resolved, and once a second: an entry that was given up is asked for anew. Nothing
// else counts for these, since nothing of theirs goes out.
void Stack::retry_unresolved(Moment now) {
  const bool is_late = retry_at_ <= now;
  if (!interface_.take_resolved() && !is_late) {
    return;
  }
  // With each neighbor that is found all are looked at; a second of those who still wait goes on.
  if (is_late) {
    retry_at_ = kNever;
  }
  for (const uint32_t index : std::exchange(unresolved_, {})) {
    Slot& slot = slots_.at(index);
    if (!slot.unresolved) {
      continue;
    }
    slot.unresolved = false;
    slot.unresolved_tries += is_late;
    if (slot.unresolved_tries >= kConnectTriesMax) {
      slot.connection().on_unreachable();
    }
    if (slot.unresolved_tries >= kTriesMax) {
      slot.connection().abort();
    }
    touch(index);
  }
}

Moment Stack::next_deadline() const {
  return std::min(
      {interface_.next_deadline(), listener_.next_deadline(), wheel_.next_deadline(), retry_at_});
}

// ---- who may, and how ----

bool Stack::is_allowed(const IpAddress& remote) const {
  return allow_from_.empty() || std::ranges::any_of(allow_from_, [&](const LinkPrefix& prefix) {
           return is_within(remote, prefix);
         });
}

bool Stack::listens_at(const Flow& flow) const {
  return std::ranges::any_of(endpoints_, [&](const Endpoint& endpoint) {
    return endpoint.port == flow.local_port &&
           (!endpoint.address || *endpoint.address == flow.local);
  });
}

uint16_t Stack::mss_to(const IpAddress& remote) const {
  return static_cast<uint16_t>(
      std::min<uint32_t>(interface_.mtu() - header_bytes_of(remote), UINT16_MAX));
}

Path Stack::path_to(const IpAddress& remote) const {
  return {.mss = mss_to(remote),
          .segmented_bytes_max = caps_.segmented_bytes_max,
          .default_mss = SynOptions::default_mss(remote)};
}

// ---- memory ----

// Whether more than so many of 40 parts of the memory are taken.
bool Stack::is_above(size_t parts_of_40) const {
  return memory_bytes() > config_.memory_bytes_max / 40 * parts_of_40;
}

void Stack::relieve(Moment now) {
  if (!is_above(30)) {
    crowded_since_ = kNever;
    shared_.config.receive.buffer_bytes = config_.connection.receive.buffer_bytes;
    return;
  }
  const bool much = is_above(36);
  const bool crowded = crowded_since_ != kNever && now - crowded_since_ >= kCrowdedNs;
  if (much) {
    shared_.config.receive.buffer_bytes =
        std::max(config_.connection.receive.buffer_bytes / 8, 4'096U);
  }
  uint32_t largest = kNoIndex;
  size_t largest_bytes = 0;
  for (uint32_t i = 0; i < std::min(slots_.made(), kReliefMax); ++i) {
    relief_at_ = (relief_at_ + 1) % slots_.made();
    Slot& slot = slots_.at(relief_at_);
    if (!slot.has_connection) {
      continue;
    }
    const uint32_t dropped = slot.connection().drop_held();
    held_bytes_ -= dropped;
    counters_.held_dropped += dropped;
    if (slot.recount) {
      count_blocks(slot, slot.connection().block_bytes());
    }
    const size_t bytes = slot.copied_bytes() + slot.block_bytes() +
                         (slot.unread == nullptr ? 0 : slot.unread->memory_bytes());
    if (bytes > largest_bytes) {
      largest = relief_at_;
      largest_bytes = bytes;
    }
  }
  if (((much && is_above(36)) || (crowded && is_above(30))) && largest != kNoIndex) {
    if (crowded) {
      crowded_since_ = now - kCrowdedNs + kSecondNs;
    }
    ++counters_.aborted_for_memory;
    slots_.at(largest).connection().abort();
    touch(largest);
  }
}

}  // namespace pollux::tcp
