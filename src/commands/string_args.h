// What SET and its kin share: expiry and conditions among their options.
#pragma once

#include <optional>
#include <string_view>

#include "src/commands/args.h"

namespace pollux {

enum class ExpiryForm : uint8_t { kNone, kEx, kPx, kExat, kPxat };
// Of EX, PX, EXAT or PXAT; kNone of another word.
ExpiryForm expiry_form(std::string_view word);
// The time behind it: in seconds, else milliseconds; from now on, else by the Unix clock.
inline bool in_seconds(ExpiryForm form) {
  return form == ExpiryForm::kEx || form == ExpiryForm::kExat;
}
inline bool is_relative(ExpiryForm form) {
  return form == ExpiryForm::kEx || form == ExpiryForm::kPx;
}

// A condition on the string that a key holds (IFEQ, IFNE; of Redis 8.4 and Valkey 9).
struct StringCondition {
  bool by_digest;  // the operand is the digest (data/string_digest.h) of the value that is meant
  bool equal;      // else: unequal, which an absent key is too
  std::string_view operand;
};

struct SetOptions {
  bool only_absent = false;   // NX
  bool only_present = false;  // XX
  std::optional<StringCondition> condition;
  bool get = false;
  bool keep_ttl = false;
  bool persist = false;
  ExpiryForm form = ExpiryForm::kNone;
  size_t expiry_index = 0;  // argument that holds the time
};

// Takes an EX, PX, EXAT or PXAT at `index`, which is then that of its value; false if the word is
// another one or may not stand beside those before. The same form may come twice, the last counts.
bool take_expiry_option(Args args, size_t& index, SetOptions& options);
// The moment that the expiry argument names, in Unix ms; answers the error and returns false if
// it is no integer, not positive, or out of range.
bool read_expiry(Context& ctx, ExpiryForm form, size_t index, int64_t& at_ms);

// The effect of storing a string, with a time of expiry, without one, or with the one it had.
inline constexpr int64_t kNoTtl = -1;
inline constexpr int64_t kTtlKept = -2;
void tell_set(Context& ctx, std::string_view key, std::string_view value, int64_t expire_at_ms);

// Takes an IFEQ, IFNE, IFDEQ or IFDNE at `index`, which is then that of its operand; false if the
// word is another one, or there is a condition already.
bool take_condition(Args args, size_t& index, std::optional<StringCondition>& condition);
// False, with the error answered, if the operand is to be a digest and is none. Of an absent key
// nobody looks at it, as in Redis 8.4.
bool check_condition(Context& ctx, const StringCondition& condition);
// `entry`: of a string, or null. Requires check_condition if it is none.
bool meets(const StringCondition& condition, const Entry* entry);

}  // namespace pollux
