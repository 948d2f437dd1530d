// What EXPIRE and its kin share with those for the fields of hashes.
#pragma once

#include <cstdint>

namespace pollux {

// On which a new time of expiry depends.
struct ExpireConditions {
  bool absent = false;   // NX: only if there is no expiry
  bool present = false;  // XX: only if there is one
  bool greater = false;  // GT: only if the new one is later; none counts as infinity
  bool less = false;     // LT: only if the new one is earlier

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
