#include "dataplane/sim/net/net_fault.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "src/base/assert.h"

namespace pollux::tcp {

namespace {

struct Words {
  const char* place;
  const char* number;
  const char* what;
};

// By kind.
constexpr std::array<Words, 10> kWords = {{{"link ", " frame ", "lose"},
                                           {"link ", " frame ", "duplicate"},
                                           {"link ", " frame ", "delay"},
                                           {"link ", " frame ", "corrupt"},
                                           {"link ", " frame ", "truncate"},
                                           {"link ", " frame ", "forge"},
                                           {"link ", " frame ", "mark CE"},
                                           {"host ", " turn ", "stall"},
                                           {"host ", " allocation ", "refuse"},
                                           {"host ", " frame ", "no buffer"}}};

}  // namespace

std::string text(const NetFault& fault) {
  const Words& words = kWords[static_cast<size_t>(fault.kind)];
  return words.place + std::to_string(fault.place) + words.number + std::to_string(fault.number) +
         ": " + words.what + " " + std::to_string(fault.value);
}

FaultScript::FaultScript(std::span<const NetFault> all,
                         const std::function<bool(const NetFault&)>& is_meant) {
  std::ranges::copy_if(all, std::back_inserter(faults_), is_meant);
  std::ranges::stable_sort(faults_, {}, &NetFault::number);
  // They delay; nothing goes back in time.
  POLLUX_ASSERT(
      std::ranges::none_of(faults_, [](const NetFault& fault) { return fault.value < 0; }));
}

std::span<const NetFault> FaultScript::of(uint64_t n) {
  while (next_ < faults_.size() && faults_[next_].number < n) {
    ++next_;
  }
  size_t end = next_;
  while (end < faults_.size() && faults_[end].number == n) {
    ++end;
  }
  return std::span(faults_).subspan(next_, end - next_);
}

}  // namespace pollux::tcp
