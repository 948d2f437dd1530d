#include "dataplane/tcp/capture/capture.h"

#include <utility>

#include "dataplane/tcp/wire/ethernet.h"
#include "src/base/assert.h"

namespace pollux::tcp {

namespace {

struct Ends {
  IpAddress source;
  IpAddress destination;
};

IpAddress v4_at(const uint8_t* at) {
  return IpAddress::v4(load32(at));
}

IpAddress v6_at(const uint8_t* at) {
  IpAddress address;
  std::copy_n(at, address.bytes.size(), address.bytes.begin());
  return address;
}

// As far as addresses: what else may be wrong with the frame is what captures are made to see.
std::optional<Ends> ends_of(Bytes bytes) {
  EthernetFrame frame;
  if (parse_ethernet(bytes, frame) != Fault::kNone) {
    return std::nullopt;
  }
  const uint8_t* const at = frame.payload.data();
  switch (frame.header.type) {
    case EtherType::kIpv4:
      if (frame.payload.size() >= 20) {
        return Ends{v4_at(at + 12), v4_at(at + 16)};
      }
      break;
    case EtherType::kIpv6:
      if (frame.payload.size() >= 40) {
        return Ends{v6_at(at + 8), v6_at(at + 24)};
      }
      break;
    case EtherType::kArp:
      if (frame.payload.size() >= 28) {
        return Ends{v4_at(at + 14), v4_at(at + 24)};
      }
      break;
    default:
      break;
  }
  return std::nullopt;
}

}  // namespace

Capture::Capture(uint16_t workers, std::function<Moment()> now)
    : now_(std::move(now)), ways_(workers, kFrames), oldest_(workers) {}

const CapturedFrame* Capture::next(Moment until) {
  POLLUX_ASSERT(!taken_);
  const CapturedFrame* oldest = nullptr;
  for (size_t worker = 0; worker < oldest_.size(); ++worker) {
    CapturedFrame*& first = oldest_[worker];
    if (first == nullptr) {
      first = ways_[worker].receive();
    }
    if (first != nullptr && first->at_ns <= until.ns &&
        (oldest == nullptr || first->at_ns < oldest->at_ns)) {
      oldest = first;
      taken_ = worker;
    }
  }
  return oldest;
}

void Capture::done() {
  const size_t worker = *std::exchange(taken_, std::nullopt);
  ways_[worker].give_back(*std::exchange(oldest_[worker], nullptr));
  ways_[worker].publish_back();
}

CapturedDevice::CapturedDevice(Capture& capture, uint16_t worker, Device& queue)
    : capture_(capture), way_(capture.ways_[worker]), worker_(worker), queue_(queue) {}

void CapturedDevice::choose(std::vector<LinkPrefix> peers) {
  const int change = static_cast<int>(!peers.empty()) - static_cast<int>(!peers_.empty());
  peers_ = std::move(peers);
  capture_.choosers_.fetch_add(change, std::memory_order_release);
}

size_t CapturedDevice::receive(std::span<RxFrame> frames) {
  const size_t count = queue_.receive(frames);
  if (!is_idle() && count != 0) [[unlikely]] {
    const Moment now = capture_.now_();
    for (const RxFrame& frame : frames.first(count)) {
      copy_received({frame.bytes, frame.size}, now);
    }
    way_.publish();
  }
  return count;
}

// Before they go: the device may change what it was given, and be done with it at once. Those that
// it did not take come again.
size_t CapturedDevice::send(std::span<const TxFrame> frames) {
  if (is_idle()) [[likely]] {
    return queue_.send(frames);
  }
  const Moment now = capture_.now_();
  size_t count = 0;
  for (const TxFrame& frame : frames) {
    CapturedFrame* const copy = copy_sent(frame, now);
    const size_t taken = queue_.send({&frame, 1});
    count += taken;
    if (copy != nullptr && taken == 0) {
      way_.put_away(*copy);
    } else if (copy != nullptr) {
      way_.send(*copy);
    }
    if (taken == 0) {
      break;
    }
  }
  way_.publish();
  return count;
}

bool CapturedDevice::is_chosen(Bytes frame, bool sent) const {
  const std::optional<Ends> ends = ends_of(frame);
  return ends && std::ranges::any_of(peers_, [&](const LinkPrefix& peers) {
           return is_within(sent ? ends->destination : ends->source, peers);
         });
}

CapturedFrame* CapturedDevice::begin_copy(bool sent, size_t size, Moment now) {
  way_.take_back();
  CapturedFrame* const copy = way_.take();
  if (copy == nullptr) {
    capture_.lost_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  copy->at_ns = now.ns;
  copy->size = static_cast<uint32_t>(size);
  copy->worker = worker_;
  copy->sent = sent;
  return copy;
}

void CapturedDevice::copy_received(Bytes frame, Moment now) {
  if (!is_chosen(frame, false)) {
    return;
  }
  if (CapturedFrame* const copy = begin_copy(false, frame.size(), now)) {
    std::copy_n(frame.begin(), copy->captured().size(), copy->bytes.begin());
    way_.send(*copy);
  }
}

CapturedFrame* CapturedDevice::copy_sent(const TxFrame& frame, Moment now) {
  const Bytes head{frame.head.bytes, frame.head_bytes};
  if (!is_chosen(head, true)) {
    return nullptr;
  }
  const std::span pieces = std::span(frame.pieces).first(frame.piece_count);
  size_t size = head.size();
  for (const Bytes& piece : pieces) {
    size += piece.size();
  }
  CapturedFrame* const copy = begin_copy(true, size, now);
  if (copy == nullptr) {
    return nullptr;
  }
  size_t room = copy->captured().size();
  uint8_t* to = copy->bytes.data();
  const auto add = [&](Bytes bytes) {
    const size_t part = std::min(room, bytes.size());
    to = std::copy_n(bytes.begin(), part, to);
    room -= part;
  };
  add(head);
  std::ranges::for_each(pieces, add);
  return copy;
}

}  // namespace pollux::tcp
