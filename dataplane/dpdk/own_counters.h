// What a device counts of lost frames under names of its own (DPDK's extended statistics): why a
// NIC has dropped something often stands there and nowhere else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/dpdk/counters.h"

namespace pollux::dpdk {

class OwnCounters {
 public:
  static constexpr size_t kMax = 40;

  // Of a port that was started. Which there are, and their order, stays the same.
  void find(uint16_t port);
  std::span<const OwnCounter> read();

  // Whether one of such a name counts losses or errors, of the whole port, and is none that
  // PortCounters has.
  static bool is_wanted(std::string_view name);
  // As operators see it: "nic_" and what there is room for, other than all of `taken`.
  static std::string shown_name(std::string_view name, std::span<const OwnCounter> taken);

 private:
  uint16_t port_ = 0;
  std::vector<uint64_t> ids_;
  std::vector<uint64_t> values_;
  std::vector<OwnCounter> counters_;
};

}  // namespace pollux::dpdk
