// Short hands for the tables at the foot of the family files.
#pragma once

#include <cstdint>
#include <string_view>

#include "src/commands/command.h"

namespace pollux {

constexpr KeySpec key_at(int16_t index, std::string_view flags, std::string_view notes = {}) {
  return {.first = index, .last = index, .flags = flags, .notes = notes};
}

constexpr KeySpec keys_from(int16_t first, int16_t last, int16_t step, std::string_view flags) {
  return {.first = first, .last = last, .step = step, .flags = flags};
}

}  // namespace pollux
