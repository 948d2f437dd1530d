#include "src/commands/string_args.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>

#include "src/data/string_digest.h"

namespace pollux {

ExpiryForm expiry_form(std::string_view word) {
  if (is_word(word, "ex")) {
    return ExpiryForm::kEx;
  }
  if (is_word(word, "px")) {
    return ExpiryForm::kPx;
  }
  if (is_word(word, "exat")) {
    return ExpiryForm::kExat;
  }
  return is_word(word, "pxat") ? ExpiryForm::kPxat : ExpiryForm::kNone;
}

bool take_expiry_option(Args args, size_t& index, SetOptions& options) {
  const ExpiryForm form = expiry_form(args[index]);
  const bool alone = options.form == ExpiryForm::kNone || options.form == form;
  if (form == ExpiryForm::kNone || !alone || options.keep_ttl || options.persist ||
      index + 1 >= args.size()) {
    return false;
  }
  options.form = form;
  options.expiry_index = ++index;
  return true;
}

bool read_expiry(Context& ctx, ExpiryForm form, size_t index, int64_t& at_ms) {
  int64_t ms = 0;
  if (!read_int64(ctx, index, ms)) {
    return false;
  }
  const bool overflow =
      (in_seconds(form) && __builtin_mul_overflow(ms, int64_t{1000}, &ms)) ||
      (is_relative(form) && ms > 0 && __builtin_add_overflow(ms, ctx.keys.now().ms(), &ms));
  if (overflow || ms <= 0) {
    reply_invalid_expire(ctx);
    return false;
  }
  at_ms = ms;
  return true;
}

void tell_set(Context& ctx, std::string_view key, std::string_view value, int64_t expire_at_ms) {
  if (ctx.effects == nullptr) {
    return;
  }
  if (expire_at_ms == kNoTtl) {
    ctx.effects->add({"SET", key, value});
  } else if (expire_at_ms == kTtlKept) {
    ctx.effects->add({"SET", key, value, "KEEPTTL"});
  } else {
    ctx.effects->add({"SET", key, value, "PXAT", NumberText(expire_at_ms)});
  }
}

bool take_condition(Args args, size_t& index, std::optional<StringCondition>& condition) {
  struct Word {
    std::string_view word;
    bool by_digest;
    bool equal;
  };
  constexpr Word kWords[] = {{"ifeq", false, true},
                             {"ifne", false, false},
                             {"ifdeq", true, true},
                             {"ifdne", true, false}};
  const auto word = std::find_if(std::begin(kWords), std::end(kWords), [&](const Word& one) {
    return is_word(args[index], one.word);
  });
  if (word == std::end(kWords) || condition || index + 1 >= args.size()) {
    return false;
  }
  condition = {word->by_digest, word->equal, args[++index]};
  return true;
}

bool check_condition(Context& ctx, const StringCondition& condition) {
  const std::string_view digits = condition.operand;
  const auto is_digit = [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; };
  if (condition.by_digest && (digits.size() != kDigestTextBytes ||
                              !std::all_of(digits.begin(), digits.end(), is_digit))) {
    ctx.reply.error("ERR digest must be exactly 16 hexadecimal characters");
    return false;
  }
  return true;
}

bool meets(const StringCondition& condition, const Entry* entry) {
  if (entry == nullptr) {
    return !condition.equal;
  }
  char scratch[kInt64TextMax];
  const std::string_view value = entry->string(scratch);
  if (!condition.by_digest) {
    return (value == condition.operand) == condition.equal;
  }
  const DigestText digest = digest_text(value);
  const bool same = std::equal(digest.begin(), digest.end(), condition.operand.begin(),
                               [](char a, char b) {
                                 return a == std::tolower(static_cast<unsigned char>(b));
                               });
  return same == condition.equal;
}

}  // namespace pollux
