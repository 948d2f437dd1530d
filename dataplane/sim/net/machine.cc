#include "dataplane/sim/net/machine.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "dataplane/sim/net/frame_peek.h"
#include "src/base/assert.h"

namespace pollux::tcp {

namespace {

// A host whose tick leaves its deadline where it was, and which waits for nothing, would be called
// for ever.
constexpr uint32_t kTicksInVainMax = 100'000;

void check(const HostConfig& config) {
  POLLUX_ASSERT(config.completion_batch >= 1 && config.completion_batch <= config.tx_ring);
  POLLUX_ASSERT(config.burst_max >= 1);
  POLLUX_ASSERT(config.packet_ns >= 0 && config.send_ns >= 0);
  POLLUX_ASSERT(config.timer_ns >= 0 && config.poll_ns >= 0);
  POLLUX_ASSERT(config.dma_ns >= 0);
  POLLUX_ASSERT(config.completion_ns_min >= 0 &&
                config.completion_ns_min <= config.completion_ns_max);
  POLLUX_ASSERT(config.clock_offset_ns >= 0 && config.clock_granularity_ns >= 1);
}

void check(const HostFaults& faults) {
  POLLUX_ASSERT(faults.stalls <= kChanceMax);
  POLLUX_ASSERT(faults.allocations <= kChanceMax);
  POLLUX_ASSERT(faults.rx_buffers <= kChanceMax);
  POLLUX_ASSERT(faults.stall_ns_min >= 0 && faults.stall_ns_min <= faults.stall_ns_max);
  for (const Stall& stall : faults.stall_script) {
    POLLUX_ASSERT(stall.ns >= 0);
  }
}

}  // namespace

Machine::Machine(EventQueue& events, Trace& trace, uint32_t id, uint64_t seed, SimHost& host,
                 const HostConfig& config, std::string name)
    : events_(events),
      trace_(trace),
      id_(id),
      stalls_{FaultKind::kStall, Dice(seed, 0), {}},
      allocations_{FaultKind::kNoAllocation, Dice(seed, 1), {}},
      rx_buffers_{FaultKind::kNoRxBuffer, Dice(seed, 2), {}},
      completions_(seed, 3),
      host_(host),
      config_(config),
      name_(std::move(name)),
      place_(trace.add_place(name_)) {
  check(config);
  host_.attached(*this);
}

void Machine::plug_in(Link& out) {
  POLLUX_ASSERT(out_ == nullptr);
  out_ = &out;
}

void Machine::set_faults(HostFaults faults) {
  check(faults);
  for (const EventQueue::EventId id : std::exchange(stalls_to_come_, {})) {
    events_.cancel(id);
  }
  for (const Stall& stall : faults.stall_script) {
    if (stall.at >= events_.now()) {
      stalls_to_come_.push_back(
          events_.schedule(stall.at, [this, ns = stall.ns] { this->stall(ns); }));
    }
  }
  faults_ = std::move(faults);
  if (!replays_) {
    set_script(faults_.script);
  }
}

void Machine::replay(std::span<const NetFault> script) {
  replays_ = true;
  set_script(script);
}

void Machine::set_script(std::span<const NetFault> script) {
  for (Peril* peril : {&stalls_, &allocations_, &rx_buffers_}) {
    peril->script = {script, [this, peril](const NetFault& fault) {
                       return fault.kind == peril->kind && fault.place == id_;
                     }};
  }
}

// The fault's value, if there is one; what several say adds up.
std::optional<int64_t> Machine::befalls(Peril& peril, uint64_t n, uint32_t chance, int64_t min,
                                        int64_t max) {
  const size_t before = decided_.size();
  std::ranges::copy(peril.script.of(n), std::back_inserter(decided_));
  if (!replays_ && events_.now() >= faults_.from && events_.now() < faults_.until &&
      peril.dice.hits(n, chance)) {
    decided_.push_back({id_, n, peril.kind, peril.dice.uniform(n, min, max)});
  }
  if (decided_.size() == before) {
    return std::nullopt;
  }
  int64_t value = 0;
  for (const NetFault& fault : std::span(decided_).subspan(before)) {
    value += fault.value;
  }
  return value;
}

void Machine::note(NetEvent event, FrameView frame) {
  ++counters_[static_cast<size_t>(event)];
  trace_.record(events_.now(), place_, event, frame);
}

// ---- the core ----

Moment Machine::host_time(Moment now) const {
  const int64_t ns = now.ns + config_.clock_offset_ns;
  return {ns - ns % config_.clock_granularity_ns};
}

// The first moment at which the host's clock says so.
Moment Machine::real_time(Moment host_time) const {
  const int64_t step = config_.clock_granularity_ns;
  if (host_time > kNever - step) {
    return kNever;
  }
  return Moment{(host_time.ns + step - 1) / step * step} - config_.clock_offset_ns;
}

void Machine::post(std::function<void(Moment now)> action) {
  posted_.push_back(std::move(action));
  arm();
}

void Machine::stall(int64_t ns) {
  free_at_ = std::max(free_at_, events_.now() + ns);
  note(NetEvent::kStalled);
}

void Machine::arrive(Frame frame, uint32_t /*port*/) {
  ++arrived_;
  const std::optional<EtherPeek> ether = peek_ether(frame);
  if (config_.mac && ether && !ether->to.is_group() && ether->to != *config_.mac) {
    return note(NetEvent::kRxNotForUs, frame);
  }
  if (rx_.size() >= config_.rx_ring) {
    return note(NetEvent::kRxOverflow, frame);
  }
  if (befalls(rx_buffers_, arrived_, faults_.rx_buffers)) {
    return note(NetEvent::kRxNoBuffer, frame);
  }
  rx_.push_back(std::move(frame));
  arm();
}

// Sees to it that the next turn begins when there is something to do. One that was armed for
// earlier stays: it finds nothing and arms again, which is cheaper than to cancel it each time that
// a deadline moves away.
void Machine::arm() {
  if (in_turn_) {
    return;  // its end arms
  }
  const bool has_work =
      !rx_.empty() || !posted_.empty() || !given_back_.empty() || host_.wants_turn();
  Moment at = has_work ? events_.now() : real_time(host_.next_deadline());
  if (at == kNever) {
    return;
  }
  at = std::max({at, events_.now(), free_at_});
  if (at < wake_at_) {
    events_.cancel(wake_);
    wake_ = events_.schedule(at, [this] { turn(); });
    wake_at_ = at;
  }
}

void Machine::turn() {
  wake_at_ = kNever;
  if (free_at_ <= events_.now()) {
    in_turn_ = true;
    const Did did = run_host(host_time(events_.now()));
    in_turn_ = false;
    if (did != Did::kNothing) {
      const int64_t ns = std::max<int64_t>(std::exchange(turn_ns_, 0), 1);
      busy_ns_ += ns;
      // A test may have stalled the core from within.
      free_at_ = std::max(free_at_, events_.now() + ns);
    }
    if (did == Did::kWork) {
      ++turns_;
      maybe_stall();
    }
  }
  arm();
}

Machine::Did Machine::run_host(Moment now) {
  const bool has_input = !given_back_.empty() || !posted_.empty() || !rx_.empty();
  if (!has_input && !host_.wants_turn() && host_.next_deadline() > now) {
    return Did::kNothing;
  }
  while (!given_back_.empty()) {
    const uint64_t token = given_back_.front();
    given_back_.pop_front();
    host_.sent(token);
  }
  for (const std::function<void(Moment)>& action : std::exchange(posted_, {})) {
    action(now);
  }
  for (uint32_t i = 0; i < config_.burst_max && !rx_.empty(); ++i) {
    Frame frame = std::move(rx_.front());
    rx_.pop_front();
    ++received_;
    charge(config_.packet_ns);
    host_.receive(frame, now);
  }
  host_.received(now);
  const Did did = tick_if_due(now) || has_input ? Did::kWork : Did::kPoll;
  if (did == Did::kPoll) {
    charge(config_.poll_ns);
  }
  host_.flush(now);
  return did;
}

bool Machine::tick_if_due(Moment now) {
  if (host_.next_deadline() > now) {
    tick_behind_.reset();
    return false;
  }
  if (!tick_behind_) {
    tick_behind_ = received_ + rx_.size();
  }
  if (received_ < *tick_behind_) {
    return false;
  }
  tick_behind_.reset();
  charge(config_.timer_ns);
  host_.tick(now);
  const bool is_under_way = finished_ < ring_.size();
  const bool may_wait = is_under_way || std::exchange(lacked_memory_, false);
  ticks_in_vain_ = host_.next_deadline() > now || may_wait ? 0 : ticks_in_vain_ + 1;
  POLLUX_ASSERT(ticks_in_vain_ < kTicksInVainMax);
  return true;
}

void Machine::maybe_stall() {
  if (const std::optional<int64_t> ns =
          befalls(stalls_, turns_, faults_.stalls, faults_.stall_ns_min, faults_.stall_ns_max)) {
    free_at_ = free_at_ + *ns;
    note(NetEvent::kStalled);
  }
}

bool Machine::may_allocate() {
  if (befalls(allocations_, ++allocations_asked_, faults_.allocations)) {
    note(NetEvent::kNoAllocation);
    lacked_memory_ = true;
    return false;
  }
  return true;
}

// ---- the transmit ring ----

bool Machine::send(std::span<const FrameView> pieces, uint64_t token, const TxOffload& offload) {
  POLLUX_ASSERT(out_ != nullptr && !pieces.empty() && pieces.size() <= kPiecesMax);
  if (ring_.size() >= config_.tx_ring) {
    note(NetEvent::kTxRefused);
    return false;
  }
  if (in_turn_) {
    charge(config_.send_ns);
  }
  Descriptor& descriptor = ring_.emplace_back();
  std::ranges::copy(pieces, descriptor.pieces.begin());
  descriptor.piece_count = pieces.size();
  descriptor.token = token;
  descriptor.offload = offload;
  descriptor.hash = hash_of_pieces(descriptor);
  descriptor.ready_at = events_.now() + (in_turn_ ? turn_ns_ : 0) + config_.dma_ns;
  fetch_next();
  return true;
}

// The device reads a frame when the wire is free, so that what waits for it waits in the ring.
void Machine::fetch_next() {
  if (!fetching_ && fetched_ < ring_.size()) {
    fetching_ = true;
    events_.schedule(std::max(ring_[fetched_].ready_at, out_->free_at()), [this] { fetch(); });
  }
}

void Machine::fetch() {
  const Descriptor& descriptor = ring_[fetched_];
  if (cut_.empty()) {
    verify(descriptor, "when the device read it");
    cut_ = finished_by_nic(gathered(descriptor), descriptor.offload);
    std::ranges::reverse(cut_);
  }
  Frame frame = std::move(cut_.back());
  cut_.pop_back();
  frame.resize(std::max(frame.size(), kFrameBytesMin));
  ++transmitted_;
  out_->send(std::move(frame));
  if (!cut_.empty()) {
    events_.schedule(std::max(events_.now(), out_->free_at()), [this] { fetch(); });
    return;
  }
  ++fetched_;
  const int64_t delay_ns =
      completions_.uniform(transmitted_, config_.completion_ns_min, config_.completion_ns_max);
  last_completion_ =
      std::max({last_completion_, events_.now() + delay_ns, out_->free_at() + delay_ns});
  events_.schedule(last_completion_, [this] { finish(); });
  fetching_ = false;
  fetch_next();
}

void Machine::finish() {
  ++finished_;
  if (finished_ >= config_.completion_batch) {
    give_back();
  }
}

void Machine::reap() {
  give_back();
}

void Machine::give_back() {
  for (; finished_ != 0; --finished_, --fetched_) {
    verify(ring_.front(), "before it was given back");
    given_back_.push_back(ring_.front().token);
    ring_.pop_front();
  }
  arm();
}

uint64_t Machine::hash_of_pieces(const Descriptor& descriptor) {
  uint64_t hash = 0;
  for (size_t i = 0; i < descriptor.piece_count; ++i) {
    // An odd factor loses nothing, and the order of pieces counts.
    hash = hash * 0x9E3779B97F4A7C15 + hash_of(descriptor.pieces[i]);
  }
  return hash;
}

Frame Machine::gathered(const Descriptor& descriptor) {
  size_t bytes = 0;
  for (size_t i = 0; i < descriptor.piece_count; ++i) {
    bytes += descriptor.pieces[i].size();
  }
  Frame frame;
  frame.reserve(bytes);
  for (size_t i = 0; i < descriptor.piece_count; ++i) {
    frame.insert(frame.end(), descriptor.pieces[i].begin(), descriptor.pieces[i].end());
  }
  return frame;
}

void Machine::verify(const Descriptor& descriptor, const char* when) {
  if (hash_of_pieces(descriptor) == descriptor.hash) {
    return;
  }
  const Frame frame = gathered(descriptor);
  note(NetEvent::kTxChanged, frame);
  if (first_change_.empty()) {
    first_change_ = name_ + ": what was sent with token " + std::to_string(descriptor.token) +
                    " changed " + when + ", at " + std::to_string(events_.now().ns) +
                    " ns; it is now " + describe(frame);
  }
}

}  // namespace pollux::tcp
