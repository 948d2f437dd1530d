#include "dataplane/dpdk/own_counters.h"

#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace pollux::dpdk {

namespace {

constexpr std::array<std::string_view, 4> kInPortCounters = {
    "rx_missed_errors", "rx_errors", "tx_errors", "rx_mbuf_allocation_errors"};
constexpr std::array<std::string_view, 12> kOfLosses = {"err",    "drop",    "discard", "miss",
                                                        "full",   "overrun", "fail",    "nobuf",
                                                        "no_buf", "bad",     "exceed",  "out_of"};

// "rx_q0_errors": a queue's, of which there may be hundreds.
bool is_of_a_queue(std::string_view name) {
  const size_t at = name.find("_q");
  return at != std::string_view::npos && at + 2 < name.size() && name[at + 2] >= '0' &&
         name[at + 2] <= '9';
}

}  // namespace

bool OwnCounters::is_wanted(std::string_view name) {
  return std::ranges::find(kInPortCounters, name) == kInPortCounters.end() &&
         !is_of_a_queue(name) && std::ranges::any_of(kOfLosses, [&](std::string_view part) {
           return name.find(part) != std::string_view::npos;
         });
}

// A second one that would be cut to the same ends with a number instead.
std::string OwnCounters::shown_name(std::string_view name, std::span<const OwnCounter> taken) {
  const std::string whole = "nic_" + std::string(name);
  std::string shown = whole.substr(0, kOwnNameMax);
  for (int number = 2; std::ranges::find(taken, shown, &OwnCounter::name) != taken.end();
       ++number) {
    const std::string end = "_" + std::to_string(number);
    shown = whole.substr(0, kOwnNameMax - end.size()) + end;
  }
  return shown;
}

void OwnCounters::find(uint16_t port) {
  port_ = port;
  const int count = rte_eth_xstats_get_names(port, nullptr, 0);
  if (count <= 0) {
    return;
  }
  std::vector<rte_eth_xstat_name> names(static_cast<size_t>(count));
  const int named =
      rte_eth_xstats_get_names(port, names.data(), static_cast<unsigned>(names.size()));
  for (int i = 0; i < std::min(named, count) && ids_.size() < kMax; ++i) {
    const rte_eth_xstat_name& one = names[static_cast<size_t>(i)];
    const std::string_view name(one.name, strnlen(one.name, sizeof one.name));
    if (is_wanted(name)) {
      ids_.push_back(static_cast<uint64_t>(i));
      counters_.push_back({shown_name(name, counters_)});
    }
  }
  values_.resize(ids_.size());
}

// What can't be read keeps its value.
std::span<const OwnCounter> OwnCounters::read() {
  const auto count = static_cast<unsigned>(ids_.size());
  if (count != 0 && rte_eth_xstats_get_by_id(port_, ids_.data(), values_.data(), count) ==
                        static_cast<int>(count)) {
    for (size_t i = 0; i < values_.size(); ++i) {
      counters_[i].value = values_[i];
    }
  }
  return counters_;
}

}  // namespace pollux::dpdk
