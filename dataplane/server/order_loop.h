// How a storage thread waits for what it is told to do: it looks, does it, and sleeps at its disk,
// whose wake tells of more.
#pragma once

#include <array>
#include <cstdint>

#include "storage/disk.h"

namespace pollux {

// `take`: an order, or null. Until `stopping`, of which it is woken, too.
template <typename Stopping, typename Take, typename CarryOut>
void serve_orders(Disk& disk, Stopping stopping, Take take, CarryOut carry_out) {
  while (!stopping()) {
    if (const auto* const order = take()) {
      carry_out(*order);
      continue;
    }
    std::array<Disk::Completion, 1> none;
    disk.poll(none, /*wait_us=*/-1);
  }
}

}  // namespace pollux
