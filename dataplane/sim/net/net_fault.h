// One thing that went wrong on a link or at a host, however it was decided: by chance, by rule
// ("the second FIN") or by script ("frame 17"). Links and hosts keep the list of theirs, and take
// one as a script. So a run that failed by chance is run again from its list, and from ever shorter
// ones (shrink.h).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace pollux::tcp {

enum class FaultKind : uint8_t {
  // Of a link; the number is that of the frame offered to it.
  kLose,
  kDuplicate,  // value: how many ns after the first the copy comes
  kDelay,      // value: ns; frames behind it overtake it
  kCorrupt,    // value: which bit is flipped, from the frame's first; modulo its size
  kTruncate,   // value: how many bytes stay, at least one
  kForge,      // value: which lie is told beside it (forge.h)
  kMarkCe,     // as a congested queue would; nothing if the packet is not ECN-capable
  // Of a host.
  kStall,         // after turn number n (Machine::turns) the core stands still; value: ns
  kNoAllocation,  // the n-th asked for is refused
  kNoRxBuffer,    // the n-th frame that comes to its NIC is lost
};
constexpr bool is_of_link(FaultKind kind) {
  return kind <= FaultKind::kMarkCe;
}

struct NetFault {
  uint32_t place = 0;   // Link::id() or Machine::id(), as the kind says
  uint64_t number = 0;  // from 1
  FaultKind kind = FaultKind::kLose;
  int64_t value = 0;
  friend auto operator<=>(const NetFault&, const NetFault&) = default;
};
// "link 2 frame 17: delay 40000", to be read and typed in again.
std::string text(const NetFault& fault);

// Those of one place that are counted by the same number.
class FaultScript {
 public:
  FaultScript() = default;
  // Faults of one number keep their order.
  FaultScript(std::span<const NetFault> all, const std::function<bool(const NetFault&)>& is_meant);
  // Those of number n, which is never less than the last that was asked for.
  std::span<const NetFault> of(uint64_t n);

 private:
  std::vector<NetFault> faults_;
  size_t next_ = 0;
};

}  // namespace pollux::tcp
