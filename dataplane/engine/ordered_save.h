// A save that a tour has ordered and waits for.
#pragma once

#include <cstdint>

#include "dataplane/engine/engine.h"
#include "dataplane/engine/save_desk.h"
#include "dataplane/engine/worker.h"

namespace pollux {

struct OrderedSave {
  uint64_t number = 0;  // 0: not ordered yet
  bool saved = false;

  // Orders it at the first call; false until it is over. Others that are under way end first. When
  // the server ends, what was not ordered is not done.
  bool is_over(Worker& worker) {
    SaveDesk& desk = *worker.engine().save_desk();
    if (number == 0) {
      if (worker.engine().stopping()) {
        return true;
      }
      SaveDesk::Order order = worker.save_order();
      order.awaited = true;
      number = desk.order(order);
      return false;
    }
    const SaveDesk::Outcome outcome = desk.outcome(number);
    saved = outcome == SaveDesk::Outcome::kSaved;
    return outcome != SaveDesk::Outcome::kUnderWay;
  }
};

// What clients are told.
inline constexpr const char* kNotSaved = "ERR the data could not be saved, see the server's log";

}  // namespace pollux
