#include "dataplane/sim/net/link.h"

#include <algorithm>
#include <utility>

#include "dataplane/sim/net/forge.h"
#include "dataplane/sim/net/frame_peek.h"
#include "src/base/assert.h"

namespace pollux::tcp {

namespace {

void check(const LinkFaults& faults) {
  for (const uint32_t chance :
       {faults.loss, faults.bursts.begin, faults.bursts.end, faults.bursts.loss, faults.corrupt,
        faults.duplicate, faults.reorder, faults.truncate, faults.forge}) {
    POLLUX_ASSERT(chance <= kChanceMax);
  }
  POLLUX_ASSERT(faults.duplicate_ns_max >= 0);
  POLLUX_ASSERT(faults.reorder_ns_max >= 1);
  for (const DownTime& down : faults.down) {
    POLLUX_ASSERT(down.from <= down.until);
  }
  for (const FrameRule& rule : faults.rules) {
    POLLUX_ASSERT(is_of_link(rule.action));
    POLLUX_ASSERT(rule.value >= 0);
  }
}

struct BitRange {
  int64_t first = 0;
  int64_t last = -1;
};

BitRange corruptible(FrameView frame, bool anywhere) {
  if (anywhere) {
    return {0, static_cast<int64_t>(frame.size()) * 8 - 1};
  }
  const std::optional<IpPeek> ip = peek_ip(frame);
  return ip ? BitRange{ip->offset * 8LL, (ip->payload_offset + ip->payload_bytes) * 8LL - 1}
            : BitRange{};
}

FaultScript script_of(std::span<const NetFault> all, uint32_t link) {
  return {all,
          [link](const NetFault& fault) { return is_of_link(fault.kind) && fault.place == link; }};
}

}  // namespace

Link::Link(EventQueue& events, Trace& trace, uint32_t id, uint64_t seed, const LinkConfig& config,
           std::string name)
    : events_(events),
      trace_(trace),
      jitter_(seed, 0),
      burst_(seed, 1),
      loss_(seed, 2),
      corruption_(seed, 3),
      truncation_(seed, 4),
      reordering_(seed, 5),
      duplication_(seed, 6),
      forgery_(seed, 7),
      config_(config),
      name_(std::move(name)),
      id_(id),
      place_(trace.add_place(name_)) {
  POLLUX_ASSERT(config.delay_ns >= 0);
  POLLUX_ASSERT(config.jitter_ns >= 0);
}

void Link::set_sink(FrameSink& sink, uint32_t port) {
  sink_ = &sink;
  port_ = port;
}

void Link::set_faults(LinkFaults faults) {
  check(faults);
  std::ranges::stable_sort(faults.mtu_changes, {}, &MtuChange::at);
  faults_ = std::move(faults);
  matched_.assign(faults_.rules.size(), 0);
  in_burst_ = false;
  if (!replays_) {
    script_ = script_of(faults_.script, id_);
  }
}

void Link::replay(std::span<const NetFault> script) {
  replays_ = true;
  script_ = script_of(script, id_);
}

void Link::set_rate(uint64_t bps) {
  config_.rate_bps = bps;
  carry_ = 0;  // parts of the old rate
}

void Link::set_delay(int64_t ns) {
  POLLUX_ASSERT(ns >= 0);
  config_.delay_ns = ns;
}

void Link::send(Frame frame) {
  POLLUX_ASSERT(sink_ != nullptr && !frame.empty());
  count_and_show(NetEvent::kOffered, frame);
  const uint64_t number = count(NetEvent::kOffered);
  if (is_down()) {
    return note(NetEvent::kLostDown, frame);
  }
  if (const uint32_t mtu_now = mtu(); packet_bytes(frame) > mtu_now) {
    note(NetEvent::kLostTooBig, frame);
    if (too_big_) {
      too_big_(frame, mtu_now);
    }
    return;
  }
  if (!enqueue(frame)) {
    return note(NetEvent::kLostQueueFull, frame);
  }
  const Moment sent = put_on_wire(frame.size());
  const Fate fate = decide(frame);
  if (fate.lost) {
    return note(fate.lost_how, frame);
  }
  count_and_show(NetEvent::kOnItsWay, frame);
  Moment arrival = sent + (config_.delay_ns + jitter_.uniform(number, 0, config_.jitter_ns));
  if (fate.delay_ns != 0) {
    arrival = arrival + fate.delay_ns;
  } else {
    arrival = last_arrival_ = std::max(arrival, last_arrival_);
  }
  for (const int64_t ns : fate.copies_ns) {
    deliver_at(arrival + ns, frame);
  }
  for (const Frame& forged : fate.forged) {
    deliver_at(arrival, forged);
  }
  deliver_at(arrival, std::move(frame));
}

int64_t Link::serialization_ns(size_t frame_bytes) const {
  const uint64_t bits = (frame_bytes + config_.overhead_bytes) * 8;
  return config_.rate_bps == 0 ? 0 : static_cast<int64_t>(bits * kSecondNs / config_.rate_bps);
}

uint32_t Link::queued_bytes() {
  forget_begun();
  return queued_bytes_;
}

uint32_t Link::queued_frames() {
  forget_begun();
  return static_cast<uint32_t>(queue_.size());
}

uint64_t Link::lost() const {
  uint64_t sum = 0;
  for (size_t i = 0; i < kNetEvents; ++i) {
    sum += is_loss(static_cast<NetEvent>(i)) ? counters_[i] : 0;
  }
  return sum;
}

bool Link::is_down() const {
  const Moment now = events_.now();
  return std::ranges::any_of(
      faults_.down, [now](const DownTime& down) { return down.from <= now && now < down.until; });
}

uint32_t Link::mtu() const {
  uint32_t mtu = config_.mtu;
  for (const MtuChange& change : faults_.mtu_changes) {
    if (change.at <= events_.now()) {
      mtu = change.mtu;
    }
  }
  return mtu;
}

void Link::forget_begun() {
  while (!queue_.empty() && queue_.front().begins <= events_.now()) {
    queued_bytes_ -= queue_.front().bytes;
    queue_.pop_front();
  }
}

// False if there is no room.
bool Link::enqueue(Frame& frame) {
  forget_begun();
  if (free_at_ <= events_.now()) {
    return true;
  }
  const auto bytes = static_cast<uint32_t>(frame.size());
  if (queue_.size() >= config_.queue_frames_max ||
      queued_bytes_ + bytes > config_.queue_bytes_max) {
    return false;
  }
  if (config_.ecn_threshold_bytes != 0 && queued_bytes_ > config_.ecn_threshold_bytes &&
      mark_ce(frame)) {
    note(NetEvent::kMarkedCe, frame);
  }
  queue_.push_back({free_at_, bytes});
  queued_bytes_ += bytes;
  queued_bytes_peak_ = std::max(queued_bytes_peak_, queued_bytes_);
  return true;
}

// When its last bit leaves. The remainder of the division goes to the next frame, so that a busy
// link is exact however many frames it carries.
Moment Link::put_on_wire(size_t frame_bytes) {
  if (free_at_ < events_.now()) {
    free_at_ = events_.now();
    carry_ = 0;
  }
  if (config_.rate_bps != 0) {
    const uint64_t bits = (frame_bytes + config_.overhead_bytes) * 8;
    const uint64_t dividend = bits * kSecondNs + carry_;
    free_at_ = free_at_ + static_cast<int64_t>(dividend / config_.rate_bps);
    carry_ = dividend % config_.rate_bps;
  }
  return free_at_;
}

Link::Fate Link::decide(Frame& frame) {
  Fate fate;
  for (const NetFault& fault : script_.of(count(NetEvent::kOffered))) {
    inflict(fault.kind, fault.value, NetEvent::kLostByScript, frame, fate);
  }
  decide_by_rules(frame, fate);
  if (!replays_) {
    decide_by_chance(frame, fate);
  }
  return fate;
}

void Link::decide_by_rules(Frame& frame, Fate& fate) {
  for (size_t i = 0; i < faults_.rules.size(); ++i) {
    const FrameRule& rule = faults_.rules[i];
    if (!rule.matches(frame)) {
      continue;
    }
    const uint64_t nth = ++matched_[i];
    if (!replays_ && nth >= rule.first && nth - rule.first < rule.count) {
      inflict(rule.action, rule.value, NetEvent::kLostByRule, frame, fate);
    }
  }
}

void Link::decide_by_chance(Frame& frame, Fate& fate) {
  const LinkFaults& faults = faults_;
  const Moment now = events_.now();
  if (now < faults.from || now >= faults.until) {
    in_burst_ = false;
    return;
  }
  const uint64_t number = count(NetEvent::kOffered);
  in_burst_ = in_burst_ ? !burst_.hits(number, faults.bursts.end)
                        : burst_.hits(number, faults.bursts.begin);
  if (loss_.hits(number, in_burst_ ? faults.bursts.loss : faults.loss)) {
    inflict(FaultKind::kLose, 0, in_burst_ ? NetEvent::kLostInBurst : NetEvent::kLostByChance,
            frame, fate);
  }
  const auto maybe = [&](const Dice& dice, uint32_t chance, FaultKind kind, int64_t min,
                         int64_t max) {
    if (min <= max && dice.hits(number, chance)) {
      inflict(kind, dice.uniform(number, min, max), NetEvent::kLostByChance, frame, fate);
    }
  };
  const auto bytes = static_cast<int64_t>(frame.size());
  if (faults.corrupt != 0) {  // a look into the frame costs
    const BitRange bits = corruptible(frame, faults.corrupt_anywhere);
    maybe(corruption_, faults.corrupt, FaultKind::kCorrupt, bits.first, bits.last);
  }
  maybe(truncation_, faults.truncate, FaultKind::kTruncate, 1, bytes - 1);
  maybe(reordering_, faults.reorder, FaultKind::kDelay, 1, faults.reorder_ns_max);
  maybe(duplication_, faults.duplicate, FaultKind::kDuplicate, 0, faults.duplicate_ns_max);
  maybe(forgery_, faults.forge, FaultKind::kForge, 0, INT64_MAX);
}

void Link::inflict(FaultKind kind, int64_t value, NetEvent how, Frame& frame, Fate& fate) {
  if (fate.lost) {
    return;
  }
  decided_.push_back({id_, count(NetEvent::kOffered), kind, value});
  switch (kind) {
    case FaultKind::kLose:
      fate.lost = true;
      fate.lost_how = how;
      return;
    case FaultKind::kDuplicate:
      fate.copies_ns.push_back(value);
      return note(NetEvent::kDuplicated, frame);
    case FaultKind::kDelay:
      fate.delay_ns += value;
      return note(NetEvent::kReordered, frame);
    case FaultKind::kCorrupt: {
      const uint64_t bit = static_cast<uint64_t>(value) % (frame.size() * 8);
      frame[bit / 8] = static_cast<uint8_t>(frame[bit / 8] ^ 1U << bit % 8);
      return note(NetEvent::kCorrupted, frame);
    }
    case FaultKind::kTruncate:
      frame.resize(
          static_cast<size_t>(std::clamp<int64_t>(value, 1, static_cast<int64_t>(frame.size()))));
      return note(NetEvent::kTruncated, frame);
    case FaultKind::kForge:
      if (std::optional<Frame> forged = forge(frame, static_cast<uint64_t>(value))) {
        fate.forged.push_back(std::move(*forged));
        note(NetEvent::kForged, fate.forged.back());
      }
      return;
    case FaultKind::kMarkCe:
      if (mark_ce(frame)) {
        note(NetEvent::kMarkedCe, frame);
      }
      return;
    case FaultKind::kStall:
    case FaultKind::kNoAllocation:
    case FaultKind::kNoRxBuffer:
      return;  // of hosts: not in a link's script
  }
}

void Link::deliver_at(Moment at, Frame frame) {
  auto slot = static_cast<uint32_t>(slots_.size());
  if (free_slots_.empty()) {
    slots_.push_back(std::move(frame));
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
    slots_[slot] = std::move(frame);
  }
  events_.schedule(at, [this, slot] { deliver(slot); });
}

void Link::deliver(uint32_t slot) {
  Frame frame = std::move(slots_[slot]);
  free_slots_.push_back(slot);
  if (is_down()) {
    return note(NetEvent::kLostUnderWay, frame);
  }
  arrived_bytes_ += frame.size();
  note(NetEvent::kArrived, frame);
  sink_->arrive(std::move(frame), port_);
}

void Link::note(NetEvent event, FrameView frame) {
  trace_.record(events_.now(), place_, event, frame);
  count_and_show(event, frame);
}

void Link::count_and_show(NetEvent event, FrameView frame) {
  ++counters_[static_cast<size_t>(event)];
  for (LinkTap* tap : taps_) {
    tap->see(events_.now(), event, frame);
  }
}

}  // namespace pollux::tcp
