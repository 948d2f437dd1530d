// A NIC with several queues: machines, each the core behind one, that share its cable and address.
// It spreads what comes over them as it was told, or not: there are NICs that hash under a key of
// their own, change their mind, or know one queue. Like nic_offload a second opinion, that shares
// no code with the stack's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/sim/net/chance.h"
#include "dataplane/sim/net/frame.h"

namespace pollux::tcp {

class Machine;

using SpreadKey = std::array<uint8_t, 40>;

enum class Spreading : uint8_t {
  kAsTold,    // the hash's place in a table of 128 that has the queues in turn
  kOtherKey,  // the same, by a key that it did not tell
  kMoves,     // as told, and every thousand frames by another key
  kAny,       // each frame somewhere
  kFirst,     // all in the first
};
inline constexpr int kSpreadings = 5;

class NicQueues final : public FrameSink {
 public:
  NicQueues(uint64_t seed, std::vector<Machine*> queues, Spreading how, const SpreadKey& key);

  const std::vector<Machine*>& queues() const { return queues_; }
  // What is no segment of TCP comes to the first, or, if any frame may come anywhere, there.
  void arrive(Frame frame, uint32_t port) override;

 private:
  SpreadKey key_now() const;

  const Dice dice_;
  const std::vector<Machine*> queues_;
  const Spreading how_;
  const SpreadKey key_;
  uint64_t arrived_ = 0;
};

// Toeplitz, bit by bit, of a segment of TCP.
std::optional<uint32_t> spread_hash(FrameView frame, const SpreadKey& key);

}  // namespace pollux::tcp
