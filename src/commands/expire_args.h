// What EXPIRE and its kin share with those for the fields of hashes.
#pragma once

#include <cstdint>
#include <string_view>

#include "src/commands/args.h"

namespace pollux {

// On which a new time of expiry depends.
struct ExpireConditions {
  bool absent = false;   // NX: only if there is no expiry
  bool present = false;  // XX: only if there is one
  bool greater = false;  // GT: only if the new one is later; none counts as infinity
  bool less = false;     // LT: only if the new one is earlier

  // False if the word is none of these.
  bool take(std::string_view word) {
    bool* const condition = is_word(word, "nx")   ? &absent
                            : is_word(word, "xx") ? &present
                            : is_word(word, "gt") ? &greater
                            : is_word(word, "lt") ? &less
                                                  : nullptr;
    if (condition != nullptr) {
      *condition = true;
    }
    return condition != nullptr;
  }
  // `current_ms` is -1 if there is no expiry.
  bool hold(int64_t current_ms, int64_t at_ms) const {
    const bool has_expiry = current_ms != -1;
    if ((absent && has_expiry) || (present && !has_expiry)) {
      return false;
    }
    if (greater && (!has_expiry || at_ms <= current_ms)) {
      return false;
    }
    return !(less && has_expiry && at_ms >= current_ms);
  }
};

}  // namespace pollux
