// A client of any worker by index and generation: a name that never comes to mean another client.
#pragma once

#include <cstdint>

#include "src/base/types.h"

namespace pollux {

struct ClientRef {
  static constexpr uint16_t kNobody = UINT16_MAX;

  WorkerId worker{kNobody};
  ConnId conn;
  friend auto operator<=>(const ClientRef&, const ClientRef&) = default;
};

}  // namespace pollux
