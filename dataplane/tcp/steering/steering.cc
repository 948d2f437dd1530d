#include "dataplane/tcp/steering/steering.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "dataplane/tcp/wire/arp.h"
#include "dataplane/tcp/wire/icmp.h"
#include "dataplane/tcp/wire/ndp.h"
#include "src/base/assert.h"

namespace pollux::tcp {

// ---- whose it is ----

FlowSpread::FlowSpread(Bytes key, std::vector<uint16_t> workers)
    : toeplitz_(key), workers_(std::move(workers)) {
  POLLUX_ASSERT(std::has_single_bit(workers_.size()));
}

FlowSpread FlowSpread::even(Bytes key, uint16_t workers) {
  // The most that one of 16 workers has beyond its share is 1 % then.
  constexpr size_t kPlaces = 2048;
  std::vector<uint16_t> table(kPlaces);
  for (size_t i = 0; i < table.size(); ++i) {
    table[i] = static_cast<uint16_t>(i % workers);
  }
  return FlowSpread(key, std::move(table));
}

// ---- the ways ----

Steering::Steering(FlowSpread spread, uint16_t workers, std::function<void(uint16_t)> wake)
    : spread_(std::move(spread)), workers_(workers), wake_(std::move(wake)), sleepers_(workers) {
  for (size_t i = 0; i < size_t{workers} * workers; ++i) {
    // (A worker has none to itself.)
    ways_.push_back(i / workers == i % workers ? nullptr : std::make_unique<HandOff>(kParcels));
  }
}

Steering::~Steering() = default;

std::unique_ptr<SteeredDevice> Steering::attach(uint16_t worker, Device& queue) {
  POLLUX_ASSERT(worker < workers_);
  return std::unique_ptr<SteeredDevice>(new SteeredDevice(*this, worker, queue));
}

void Steering::publish_from_host() {
  if (host_->publish_out() && sleepers_[0].asleep.load(std::memory_order_seq_cst)) {
    wake_(0);
  }
}

SteeredDevice::SteeredDevice(Steering& steering, uint16_t worker, Device& queue)
    : steering_(steering), worker_(worker), queue_(queue) {}

// ---- in ----

// Half of a burst is for what others have handed over, and what the own queue leaves; so neither
// keeps the other out.
size_t SteeredDevice::receive(std::span<RxFrame> frames) {
  steering_.sleepers_[worker_].asleep.store(false, std::memory_order_relaxed);
  passed_on_ = false;
  tells_left_ = kTellsMax;
  next_from_ = static_cast<uint16_t>((next_from_ + 1) % steering_.workers());
  take_back();
  if (steering_.host_ != nullptr && worker_ == 0) {
    send_for_host();
  }
  size_t count = take_handed(frames.first(frames.size() / 2));
  count += take_own(frames.subspan(count));
  count += take_handed(frames.subspan(count));
  return count;
}

void SteeredDevice::take_back() {
  std::array<RxFrame, kBurst> back;
  size_t count = 0;
  for (uint16_t to = 0; to < steering_.workers(); ++to) {
    if (to == worker_) {
      continue;
    }
    HandOff& way = steering_.way(worker_, to);
    while (Parcel* const parcel = way.returned()) {
      if (!parcel->is_copy) {
        back[count++] = parcel->frame;
      }
      way.put_away(*parcel);
      if (count == back.size()) {
        queue_.release(std::span(back));
        count = 0;
      }
    }
  }
  queue_.release(std::span(back).first(count));
}

size_t SteeredDevice::take_handed(std::span<RxFrame> frames) {
  size_t count = 0;
  for (uint16_t i = 0; i < steering_.workers() && count < frames.size(); ++i) {
    const auto from = static_cast<uint16_t>((next_from_ + i) % steering_.workers());
    if (from == worker_) {
      continue;
    }
    HandOff& way = steering_.way(from, worker_);
    while (count < frames.size()) {
      Parcel* const parcel = way.receive();
      if (parcel == nullptr) {
        break;
      }
      frames[count++] = given(parcel->frame, parcel, from);
    }
  }
  counters_.handed_over += count;
  return count;
}

size_t SteeredDevice::take_own(std::span<RxFrame> frames) {
  size_t count = 0;
  for (int round = 0; round < kRoundsMax && count < frames.size(); ++round) {
    std::array<RxFrame, kBurst> came;
    const size_t wanted = std::min(frames.size() - count, came.size());
    const size_t got = queue_.receive(std::span(came).first(wanted));
    for (const RxFrame& frame : std::span(came).first(got)) {
      const uint16_t to = worker_of(frame);
      passed_on_ |= to != worker_ && to != kAll;
      if (to == kHost) {
        give_host(frame);
        queue_.release({&frame, 1});
        continue;
      }
      if (to != worker_ && to != kAll) {
        hand_on(frame, to);
        continue;
      }
      if (to == kAll) {
        tell_others(frame);
      }
      frames[count++] = given(frame, nullptr, worker_);
    }
    if (got < wanted) {
      break;
    }
  }
  publish();
  return count;
}

RxFrame SteeredDevice::given(const RxFrame& frame, Parcel* parcel, uint16_t from) {
  if (free_given_.empty()) {
    free_given_.push_back(static_cast<uint32_t>(given_.size()));
    given_.emplace_back();
  }
  const uint32_t index = free_given_.back();
  free_given_.pop_back();
  given_[index] = {.buffer = frame.buffer, .parcel = parcel, .from = from};
  RxFrame out = frame;
  out.buffer = index;
  return out;
}

void SteeredDevice::release(std::span<const RxFrame> frames) {
  std::array<RxFrame, kBurst> own;
  size_t count = 0;
  for (const RxFrame& frame : frames) {
    const Given& given = given_[frame.buffer];
    if (given.parcel != nullptr) {
      steering_.way(given.from, worker_).give_back(*given.parcel);
    } else {
      own[count] = frame;
      own[count++].buffer = given.buffer;
    }
    free_given_.push_back(static_cast<uint32_t>(frame.buffer));
    if (count == own.size()) {
      queue_.release(std::span(own));
      count = 0;
    }
  }
  queue_.release(std::span(own).first(count));
  for (uint16_t from = 0; from < steering_.workers(); ++from) {
    if (from != worker_) {
      steering_.way(from, worker_).publish_back();
    }
  }
}

// ---- on ----

uint16_t SteeredDevice::worker_of(const RxFrame& frame) {
  // (Whose port it is the hash does not say.)
  if (frame.hashed && steering_.host_ == nullptr && is_proved(frame)) {
    return steering_.spread().worker_at(frame.hash);
  }
  return judge(frame);
}

// Whether what the device says of it can be taken for what the hash is.
bool SteeredDevice::is_proved(const RxFrame& frame) {
  if (proofs_left_ == 0 && ++believed_ % kProofEvery != 0) {
    return true;
  }
  const Packet packet = parse_packet({frame.bytes, frame.size});
  if (packet.kind != PacketKind::kTcp) {
    return false;
  }
  if (steering_.spread().hash(packet.flow) != frame.hash) {
    ++counters_.hashed_wrong;
    proofs_left_ = kProofs;
    return false;
  }
  ++counters_.hashed_right;
  proofs_left_ -= proofs_left_ == 0 ? 0 : 1;
  return true;
}

uint16_t SteeredDevice::judge(const RxFrame& frame) const {
  const Packet packet = parse_packet({frame.bytes, frame.size});
  IcmpMessage message;
  switch (packet.kind) {
    case PacketKind::kTcp:
      return is_served(packet.flow) ? steering_.spread().worker_of(packet.flow) : others(packet);
    case PacketKind::kArp: {
      ArpPacket arp;
      if (parse_arp(packet.network(), arp) != Fault::kNone) {
        return worker_;
      }
      const bool is_question =
          arp.operation == ArpOperation::kRequest && arp.sender_ip != arp.target_ip;
      // (From one of ours it is a conflict, RFC 5227 2.4, whatever it asks for.)
      return !is_question || is_one_of_ours(arp.sender_ip) ? kAll
             : is_ours(arp.target_ip)                      ? worker_
                                                           : others(packet);
    }
    case PacketKind::kIcmp6:
      if (const Bytes bytes = packet.transport(); !bytes.empty() && is_ndp(bytes[0])) {
        constexpr size_t kTargetAt = 8;
        switch (static_cast<NdpKind>(bytes[0])) {
          case NdpKind::kNeighborAdvertisement:
            return packet.hop_limit == kNdpHopLimit ? kAll : worker_;
          case NdpKind::kNeighborSolicitation:
            return bytes.size() < kTargetAt + 16 || is_ours(load_v6(&bytes[kTargetAt]))
                       ? worker_
                       : others(packet);
          default:
            return others(packet);
        }
      }
      if (const Fault fault = parse_icmp6(packet.transport(), message); fault != Fault::kNone) {
        return fault == Fault::kUnspoken ? others(packet) : worker_;
      }
      break;
    case PacketKind::kIcmp:
      if (const Fault fault = parse_icmp4(packet.transport(), message); fault != Fault::kNone) {
        return fault == Fault::kUnspoken ? others(packet) : worker_;
      }
      break;
    default:
      return others(packet);
  }
  if (message.kind == IcmpKind::kEchoRequest) {
    return is_ours(packet.flow.local) ? worker_ : others(packet);
  }
  const std::optional<QuotedSegment> quoted = parse_quoted_segment(message.body);
  return quoted && is_served(quoted->flow) ? steering_.spread().worker_of(quoted->flow)
                                           : others(packet);
}

bool SteeredDevice::is_one_of_ours(const IpAddress& address) const {
  return std::ranges::find(steering_.ours_, address) != steering_.ours_.end();
}

// Without a way to the host, which alone has others, all are taken for ours.
bool SteeredDevice::is_ours(const IpAddress& address) const {
  return steering_.host_ == nullptr || is_one_of_ours(address);
}

bool SteeredDevice::is_served(const Flow& flow) const {
  return steering_.host_ == nullptr ||
         (steering_.host_->is_our_port(flow.local_port) && is_ours(flow.local));
}

// Nobody's here. The kernel's it is not either if it is for another host, as a NIC that looks at
// all frames shows it, or broken, or a piece of what may be for our port, which the kernel would
// reset.
uint16_t SteeredDevice::others(const Packet& packet) const {
  const bool is_piece_of_tcp =
      packet.kind == PacketKind::kFragment && packet.protocol == IpProtocol::kTcp;
  if (steering_.host_ == nullptr || packet.kind == PacketKind::kBad || is_piece_of_tcp) {
    return worker_;
  }
  const MacAddress to = packet.destination_mac();
  return to == caps().mac || to.is_group() ? kHost : worker_;
}

// ---- this host ----

void SteeredDevice::give_host(const RxFrame& frame) {
  const bool given = steering_.host_->give(worker_, {frame.bytes, frame.size});
  (given ? counters_.to_host : counters_.host_full) += 1;
}

void SteeredDevice::send_for_host() {
  for (int i = 0; i < static_cast<int>(kBurst); ++i) {
    const HostFrame* const frame = steering_.host_->next_out();
    if (frame == nullptr) {
      return;
    }
    TxHead head;
    const bool has_head =
        queue_.allocate({&head, 1}, TxUse::kData) == 1 && head.room >= frame->size;
    if (has_head) {
      std::copy_n(frame->bytes.begin(), frame->size, head.bytes);
    }
    const TxFrame out{.head = head, .head_bytes = frame->size};
    const bool is_sent = has_head && queue_.send({&out, 1}) == 1;
    if (!is_sent && head.bytes != nullptr) {
      queue_.drop({&head, 1});
    }
    (is_sent ? counters_.from_host : counters_.host_full) += 1;
    steering_.host_->done(*frame);
  }
}

void SteeredDevice::hand_on(const RxFrame& frame, uint16_t to) {
  HandOff& way = steering_.way(worker_, to);
  Parcel* const parcel = way.take();
  if (parcel == nullptr) {
    ++counters_.no_parcel;
    queue_.release({&frame, 1});
    return;
  }
  ++counters_.handed_on;
  parcel->frame = frame;
  parcel->is_copy = false;
  way.send(*parcel);
}

void SteeredDevice::tell_others(const RxFrame& frame) {
  if (tells_left_ == 0 || frame.size > Parcel::kCopyMax) {  // neither ARP nor NDP is so long
    return;
  }
  --tells_left_;
  if (steering_.host_ != nullptr) {
    give_host(frame);
  }
  ++counters_.told_to_all;
  for (uint16_t to = 0; to < steering_.workers(); ++to) {
    if (to == worker_) {
      continue;
    }
    HandOff& way = steering_.way(worker_, to);
    Parcel* const parcel = way.take();
    if (parcel == nullptr) {
      ++counters_.no_parcel;
      continue;
    }
    std::copy_n(frame.bytes, frame.size, parcel->copy.begin());
    parcel->frame = frame;
    parcel->frame.bytes = parcel->copy.data();
    parcel->is_copy = true;
    way.send(*parcel);
  }
}

// The other one says that it sleeps, and looks for parcels once more; we publish, and look whether
// it sleeps (PointerRing).
void SteeredDevice::publish() {
  if (steering_.host_ != nullptr) {
    steering_.host_->publish(worker_);
  }
  for (uint16_t to = 0; to < steering_.workers(); ++to) {
    if (to != worker_ && steering_.way(worker_, to).publish() &&
        steering_.sleepers_[to].asleep.load(std::memory_order_seq_cst)) {
      steering_.wake_(to);
    }
  }
}

bool SteeredDevice::may_sleep() {
  steering_.sleepers_[worker_].asleep.store(true, std::memory_order_seq_cst);
  for (uint16_t from = 0; from < steering_.workers(); ++from) {
    if (from != worker_ && !steering_.way(from, worker_).empty()) {
      return false;
    }
  }
  const bool host_waits = steering_.host_ != nullptr && worker_ == 0 && steering_.host_->has_out();
  return !passed_on_ && !host_waits;
}

}  // namespace pollux::tcp
