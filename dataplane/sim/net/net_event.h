// What can happen to a frame, or to a host, in the simulated network: the one list behind counters,
// trace, and the comments in captures.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pollux::tcp {

enum class NetEvent : uint8_t {
  // Of a link. Each frame offered ends in exactly one of arrived and lost_*, but for duplicates,
  // which end once more.
  kOffered,   // as its sender sent it
  kOnItsWay,  // not lost at once, and as the link made it; not in the trace, nor is the above
  kArrived,
  kLostByChance,
  kLostInBurst,
  kLostByRule,
  kLostByScript,
  kLostDown,      // when it was sent
  kLostUnderWay,  // the link was down when it would have arrived
  kLostQueueFull,
  kLostTooBig,
  kDuplicated,
  kReordered,
  kCorrupted,
  kTruncated,
  kForged,  // another one beside it; it counts as a duplicate does
  kMarkedCe,
  // Of a host.
  kRxOverflow,    // the receive ring was full
  kRxNoBuffer,    // there was no buffer for it
  kRxNotForUs,    // the NIC's address filter
  kStalled,       // the core stood still
  kTxRefused,     // the transmit ring was full
  kTxChanged,     // bytes changed between the send and its completion
  kNoAllocation,  // the host asked for memory and was refused
  kCount
};
inline constexpr size_t kNetEvents = static_cast<size_t>(NetEvent::kCount);

// "lost by chance".
std::string_view name_of(NetEvent event);

// In any way that a link has.
constexpr bool is_loss(NetEvent event) {
  return event >= NetEvent::kLostByChance && event <= NetEvent::kLostTooBig;
}

using NetCounters = std::array<uint64_t, kNetEvents>;

}  // namespace pollux::tcp
