#include "dataplane/sim/net/nic_queues.h"

#include <utility>

#include "dataplane/sim/net/frame_peek.h"
#include "dataplane/sim/net/machine.h"

namespace pollux::tcp {

std::optional<uint32_t> spread_hash(FrameView frame, const SpreadKey& key) {
  const std::optional<TcpPeek> tcp = peek_tcp(frame);
  if (!tcp) {
    return std::nullopt;
  }
  const bool v4 = frame[tcp->ip.offset] >> 4 == 4;
  // Addresses stand one behind the other in the header, as do the ports.
  const FrameView addresses =
      v4 ? frame.subspan(tcp->ip.offset + 12, 8) : frame.subspan(tcp->ip.offset + 8, 32);
  Frame input(addresses.begin(), addresses.end());
  const FrameView ports = frame.subspan(tcp->ip.payload_offset, 4);
  input.insert(input.end(), ports.begin(), ports.end());
  uint32_t window = static_cast<uint32_t>(key[0]) << 24 | static_cast<uint32_t>(key[1]) << 16 |
                    static_cast<uint32_t>(key[2]) << 8 | key[3];
  uint32_t hash = 0;
  for (size_t bit = 0; bit < 8 * input.size(); ++bit) {
    if ((input[bit / 8] << (bit % 8) & 0x80) != 0) {
      hash ^= window;
    }
    const size_t next = bit + 32;
    window = window << 1 | (key[next / 8] >> (7 - next % 8) & 1U);
  }
  return hash;
}

NicQueues::NicQueues(uint64_t seed, std::vector<Machine*> queues, Spreading how,
                     const SpreadKey& key)
    : dice_(seed, 0), queues_(std::move(queues)), how_(how), key_(key) {}

SpreadKey NicQueues::key_now() const {
  const uint64_t period = how_ == Spreading::kOtherKey ? 1 : arrived_ / 1'000;
  if (period == 0 || how_ == Spreading::kAsTold) {
    return key_;
  }
  SpreadKey key;
  for (size_t i = 0; i < key.size(); ++i) {
    key[i] = static_cast<uint8_t>(dice_.uniform(period * key.size() + i, 0, 255));
  }
  return key;
}

void NicQueues::arrive(Frame frame, uint32_t port) {
  ++arrived_;
  constexpr uint32_t kPlaces = 128;
  size_t queue = 0;
  if (how_ == Spreading::kAny) {
    queue =
        static_cast<size_t>(dice_.uniform(arrived_, 0, static_cast<int64_t>(queues_.size()) - 1));
  } else if (how_ != Spreading::kFirst) {
    if (const std::optional<uint32_t> hash = spread_hash(frame, key_now())) {
      queue = *hash % kPlaces % queues_.size();
    }
  }
  queues_[queue]->arrive(std::move(frame), port);
}

}  // namespace pollux::tcp
