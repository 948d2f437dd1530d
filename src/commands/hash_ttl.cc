// TTLs of hash fields: HEXPIRE and its kin, HTTL and its kin, HPERSIST, of Redis 7.4; HGETEX,
// HSETEX, HGETDEL, of Redis 8.0; all by their documentation. Times are Unix ms inside; a time that
// has passed deletes the field at once, and with the last one the key.
#include <algorithm>
#include <initializer_list>
#include <optional>
#include <vector>

#include "src/commands/args.h"
#include "src/commands/command_table.h"
#include "src/commands/expire_args.h"
#include "src/commands/families.h"
#include "src/commands/hash_args.h"
#include "src/commands/rows.h"
#include "src/commands/string_args.h"

namespace pollux {

namespace {

constexpr int64_t kNoField = -2;

// The greatest time that clients may give a field.
constexpr int64_t kFieldTimeMaxMs = (int64_t{1} << 46) - 1;

// Seconds or milliseconds, from now on or by the Unix clock.
struct TimeForm {
  int64_t unit_ms;
  bool relative;

  int64_t base_ms(const Context& ctx) const { return relative ? ctx.keys.now().ms() : 0; }
};

// The time in argument `index` as Unix ms; answers the error.
bool read_field_time(Context& ctx, TimeForm form, size_t index, int64_t& at_ms) {
  int64_t time = 0;
  if (!read_int64(ctx, index, time)) {
    return false;
  }
  if (time < 0) {
    ctx.reply.error("ERR invalid expire time, must be >= 0");
    return false;
  }
  const int64_t base_ms = form.base_ms(ctx);
  if (time > kFieldTimeMaxMs / form.unit_ms || time * form.unit_ms > kFieldTimeMaxMs - base_ms) {
    reply_invalid_expire(ctx);
    return false;
  }
  at_ms = time * form.unit_ms + base_ms;
  return true;
}

constexpr std::string_view kFieldsPositive = "ERR Number of fields must be a positive integer";

// FIELDS n field ... to the end, from argument `at` on, which moves on to the first field. Answers
// the error; `not_positive` is what it says of n.
bool read_fields(Context& ctx, size_t& at, std::string_view not_positive = kFieldsPositive) {
  const size_t argc = ctx.args.size();
  if (at >= argc || !is_word(ctx.args[at], "fields")) {
    ctx.reply.error("ERR Mandatory argument FIELDS is missing or not at the right position");
    return false;
  }
  const auto count = at + 1 < argc ? parse_int64(ctx.args[at + 1]) : std::nullopt;
  if (!count || *count < 1) {
    ctx.reply.error(not_positive);
    return false;
  }
  at += 2;
  if (static_cast<uint64_t>(*count) != argc - at) {
    ctx.reply.error("ERR The `numfields` parameter must match the number of arguments");
    return false;
  }
  return true;
}

// --- HEXPIRE and its kin ---

// What has become of a field that was to get a new time of expiry; HEXPIRE answers the numbers.
enum class TimeSet : int8_t { kNoField = -2, kRefused = 0, kSet = 1, kDeleted = 2 };
bool is_change(TimeSet outcome) {
  return outcome == TimeSet::kSet || outcome == TimeSet::kDeleted;
}

TimeSet set_field_time(Context& ctx, HashEditor& hash, std::string_view field, int64_t at_ms,
                       const ExpireConditions& conditions = {}) {
  const std::optional<int64_t> current = hash.view().expiry_ms(field);
  if (!current) {
    return TimeSet::kNoField;
  }
  if (!conditions.hold(*current, at_ms)) {
    return TimeSet::kRefused;
  }
  if (ctx.keys.is_over(at_ms)) {
    hash.erase(field);
    return TimeSet::kDeleted;
  }
  hash.set_expiry(field, std::max<int64_t>(at_ms, 1));
  return TimeSet::kSet;
}

// Fields that a command has done the same to; which ones, only who keeps a history wants to know.
class Touched {
 public:
  explicit Touched(Context& ctx) : effects_(ctx.effects) {}

  void add(std::string_view field) {
    ++count_;
    if (effects_ != nullptr) {
      fields_.push_back(field);
    }
  }
  bool none() const { return count_ == 0; }
  uint64_t count() const { return count_; }
  // One effect: these words, and the fields.
  void tell(std::initializer_list<std::string_view> head) const {
    if (effects_ == nullptr) {
      return;
    }
    EffectWords words(*effects_, head);
    for (const std::string_view field : fields_) {
      words.word(field);
    }
  }

 private:
  Effects* const effects_;
  uint64_t count_ = 0;
  std::vector<std::string_view> fields_;
};

// Behind set_field_time of these fields.
void finish_times(Context& ctx, HashChange& change, const Touched& touched, int64_t at_ms) {
  if (ctx.keys.is_over(at_ms)) {
    change.edit.notify(KeyEvent::kHDel, touched.count());
    change.remove_if_empty();
    touched.tell({"HDEL", ctx.args[1]});
  } else {
    change.edit.notify(KeyEvent::kHExpire, touched.count());
    touched.tell({"HPEXPIREAT", ctx.args[1], NumberText(at_ms), "FIELDS",
                  NumberText(touched.count())});
  }
}

void hexpire_generic(Context& ctx, TimeForm form) {
  HashChange change(ctx);
  ExpireConditions conditions;
  int64_t at_ms = 0;
  if (!change.ok() || !read_field_time(ctx, form, 2, at_ms)) {
    return;
  }
  size_t first = conditions.take(ctx.args[3]) ? 4 : 3;
  if (!read_fields(ctx, first, "ERR Parameter `numFields` should be greater than 0")) {
    return;
  }
  Touched touched(ctx);
  ctx.reply.array(ctx.args.size() - first);
  for (const std::string_view field : ctx.args.subspan(first)) {
    const TimeSet outcome = set_field_time(ctx, change.hash, field, at_ms, conditions);
    if (is_change(outcome)) {
      touched.add(field);
    }
    ctx.reply.integer(static_cast<int64_t>(outcome));
  }
  if (!touched.none()) {
    finish_times(ctx, change, touched, at_ms);
  }
}

void hexpire(Context& ctx) {
  hexpire_generic(ctx, {1000, /*relative=*/true});
}
void hpexpire(Context& ctx) {
  hexpire_generic(ctx, {1, /*relative=*/true});
}
void hexpireat(Context& ctx) {
  hexpire_generic(ctx, {1000, /*relative=*/false});
}
void hpexpireat(Context& ctx) {
  hexpire_generic(ctx, {1, /*relative=*/false});
}

// --- HTTL and its kin ---

// Seconds are rounded up.
void httl_generic(Context& ctx, TimeForm form) {
  size_t first = 2;
  const auto hash = find_hash(ctx);
  if (!hash || !read_fields(ctx, first)) {
    return;
  }
  ctx.reply.array(ctx.args.size() - first);
  for (const std::string_view field : ctx.args.subspan(first)) {
    const int64_t at_ms = hash->expiry_ms(field).value_or(kNoField);
    ctx.reply.integer(
        at_ms < 0 ? at_ms : (at_ms - form.base_ms(ctx) + form.unit_ms - 1) / form.unit_ms);
  }
}

void httl(Context& ctx) {
  httl_generic(ctx, {1000, /*relative=*/true});
}
void hpttl(Context& ctx) {
  httl_generic(ctx, {1, /*relative=*/true});
}
void hexpiretime(Context& ctx) {
  httl_generic(ctx, {1000, /*relative=*/false});
}
void hpexpiretime(Context& ctx) {
  httl_generic(ctx, {1, /*relative=*/false});
}

void hpersist(Context& ctx) {
  HashChange change(ctx);
  size_t first = 2;
  if (!change.ok() || !read_fields(ctx, first)) {
    return;
  }
  uint64_t changed = 0;
  ctx.reply.array(ctx.args.size() - first);
  for (const std::string_view field : ctx.args.subspan(first)) {
    const int64_t at_ms = change.hash.view().expiry_ms(field).value_or(kNoField);
    if (at_ms >= 0) {
      change.hash.set_expiry(field, -1);
      ++changed;
    }
    ctx.reply.integer(at_ms >= 0 ? 1 : at_ms);
  }
  if (changed > 0) {
    change.edit.notify(KeyEvent::kHPersist, changed);
  }
}

// --- with values ---

// The form of EX, PX, EXAT or PXAT.
std::optional<TimeForm> time_form(std::string_view word) {
  const ExpiryForm form = expiry_form(word);
  if (form == ExpiryForm::kNone) {
    return std::nullopt;
  }
  return TimeForm{in_seconds(form) ? 1000 : 1, is_relative(form)};
}

void hgetex(Context& ctx) {
  HashChange change(ctx);
  if (!change.ok()) {
    return;
  }
  const auto form = time_form(ctx.args[2]);
  const bool persist = is_word(ctx.args[2], "persist");
  int64_t at_ms = -1;
  if (form && !read_field_time(ctx, *form, 3, at_ms)) {
    return;
  }
  size_t first = form ? 4 : persist ? 3 : 2;
  if (!read_fields(ctx, first)) {
    return;
  }
  Touched touched(ctx);
  ctx.reply.array(ctx.args.size() - first);
  for (const std::string_view field : ctx.args.subspan(first)) {
    reply_field(ctx, change.hash.view(), field);
    if (form) {
      if (is_change(set_field_time(ctx, change.hash, field, at_ms))) {
        touched.add(field);
      }
    } else if (persist && change.hash.view().expiry_ms(field).value_or(-1) >= 0) {
      change.hash.set_expiry(field, -1);
      touched.add(field);
    }
  }
  if (touched.none()) {
    return;
  }
  if (form) {
    finish_times(ctx, change, touched, at_ms);
  } else {
    change.edit.notify(KeyEvent::kHPersist, touched.count());
    touched.tell({"HPERSIST", ctx.args[1], "FIELDS", NumberText(touched.count())});
  }
}

void hgetdel(Context& ctx) {
  HashChange change(ctx);
  size_t first = 2;
  if (!change.ok() || !read_fields(ctx, first)) {
    return;
  }
  Touched touched(ctx);
  ctx.reply.array(ctx.args.size() - first);
  for (const std::string_view field : ctx.args.subspan(first)) {
    reply_field(ctx, change.hash.view(), field);
    if (change.hash.erase(field)) {
      touched.add(field);
    }
  }
  if (!touched.none()) {
    change.edit.notify(KeyEvent::kHDel, touched.count());
    change.remove_if_empty();
    touched.tell({"HDEL", ctx.args[1]});
  }
}

struct HsetexOptions {
  bool only_new = false;  // FNX: none of the fields is there
  bool only_old = false;  // FXX: all are
  bool keep_ttl = false;
  int64_t at_ms = -1;  // EX and its kin
  size_t first = 0;    // argument of the first field

  bool has_time() const { return at_ms >= 0; }
};

// Behind FIELDS in argument `at`: n field value ... to the end.
bool read_pairs(Context& ctx, size_t at, HsetexOptions& options) {
  if (at + 3 >= ctx.args.size()) {
    write_wrong_arity(ctx.reply, ctx.row);
    return false;
  }
  const auto count = parse_int64(ctx.args[at + 1]);
  if (!count || *count < 1 || *count > INT32_MAX) {
    ctx.reply.error("ERR invalid number of fields");
    return false;
  }
  options.first = at + 2;
  if (static_cast<uint64_t>(*count) * 2 != ctx.args.size() - options.first) {
    write_wrong_arity(ctx.reply, ctx.row);
    return false;
  }
  return true;
}

bool read_hsetex_options(Context& ctx, HsetexOptions& options) {
  for (size_t i = 2; i < ctx.args.size(); ++i) {
    const std::string_view word = ctx.args[i];
    if (is_word(word, "fields")) {
      return read_pairs(ctx, i, options);
    }
    const auto form = time_form(word);
    const bool keep_ttl = is_word(word, "keepttl");
    const bool only_new = is_word(word, "fnx");
    if (form || keep_ttl) {
      if (options.has_time() || options.keep_ttl) {
        ctx.reply.error(
            "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
        return false;
      }
      options.keep_ttl = keep_ttl;
      if (form && i + 1 >= ctx.args.size()) {
        ctx.reply.error("ERR missing expire time");
        return false;
      }
      if (form && !read_field_time(ctx, *form, ++i, options.at_ms)) {
        return false;
      }
    } else if (only_new || is_word(word, "fxx")) {
      if (options.only_new || options.only_old) {
        ctx.reply.error("ERR Only one of FXX or FNX arguments can be specified");
        return false;
      }
      (only_new ? options.only_new : options.only_old) = true;
    } else {
      reply_error_quoting(ctx.reply, "ERR unknown argument: ", word);
      return false;
    }
  }
  ctx.reply.error(error_text::kSyntax);  // no FIELDS: redis-server ends there
  return false;
}

bool fields_allow(const HashView& hash, const HsetexOptions& options, Args args) {
  if (!options.only_new && !options.only_old) {
    return true;
  }
  for (size_t i = options.first; i < args.size(); i += 2) {
    if (hash.contains(args[i]) != options.only_old) {
      return false;
    }
  }
  return true;
}

void hsetex(Context& ctx) {
  HsetexOptions options;
  if (!read_hsetex_options(ctx, options)) {
    return;
  }
  HashChange change(ctx);
  if (!change.ok()) {
    return;
  }
  if (!fields_allow(change.hash.view(), options, ctx.args)) {
    ctx.reply.integer(0);
    return;
  }
  Touched touched(ctx);
  for (size_t i = options.first; i < ctx.args.size(); i += 2) {
    const auto ttl = options.keep_ttl || options.has_time() ? HashEditor::Ttl::kKept
                                                            : HashEditor::Ttl::kCleared;
    change.hash.set(ctx.args[i], ctx.args[i + 1], ttl);
    if (options.has_time()) {
      set_field_time(ctx, change.hash, ctx.args[i], options.at_ms);
      touched.add(ctx.args[i]);
    }
  }
  // Behind it finish_times counts, if there is a time.
  change.edit.notify(KeyEvent::kHSet,
                     options.has_time() ? 0 : (ctx.args.size() - options.first) / 2);
  const Args pairs = ctx.args.subspan(options.first);
  if (!options.has_time() || !ctx.keys.is_over(options.at_ms)) {
    tell_fields_set(ctx, change.hash.view(), pairs, 2);
  }
  if (options.has_time()) {
    finish_times(ctx, change, touched, options.at_ms);
  } else if (options.keep_ttl) {
    tell_times_kept(ctx, change.hash.view(), pairs, 2);
  }
  ctx.reply.integer(1);
}

constexpr uint32_t kWriteFlags = kWrite | kDenyOom | kFast;
constexpr uint32_t kReadFlags = kReadonly | kFast;
constexpr std::string_view kPerField = "O(N) for N fields";

constexpr CommandRow kRows[] = {
    {.name = "hexpire",
     .arity = -6,
     .flags = kWriteFlags,
     .acl = kAclHash,
     .handler = hexpire,
     .keys = {key_at(1, "RW update")},
     .member_at = 5,
     .group = "hash",
     .since = "7.4.0",
     .summary = "Lets fields of a hash expire after some seconds.",
     .complexity = kPerField,
     .syntax = "key#0 seconds:integer condition=[NX|XX|GT|LT] FIELDS "
               "fields=(numfields:integer field...)"},
    {.name = "hpexpire",
     .arity = -6,
     .flags = kWriteFlags,
     .acl = kAclHash,
     .handler = hpexpire,
     .keys = {key_at(1, "RW update")},
     .member_at = 5,
     .group = "hash",
     .since = "7.4.0",
     .summary = "Lets fields of a hash expire after some milliseconds.",
     .complexity = kPerField,
     .syntax = "key#0 milliseconds:integer condition=[NX|XX|GT|LT] FIELDS "
               "fields=(numfields:integer field...)"},
    {.name = "hexpireat",
     .arity = -6,
     .flags = kWriteFlags,
     .acl = kAclHash,
     .handler = hexpireat,
     .keys = {key_at(1, "RW update")},
     .member_at = 5,
     .group = "hash",
     .since = "7.4.0",
     .summary = "Lets fields of a hash expire at a Unix time in seconds.",
     .complexity = kPerField,
     .syntax = "key#0 unix-time-seconds:unix-time condition=[NX|XX|GT|LT] FIELDS "
               "fields=(numfields:integer field...)"},
    {.name = "hpexpireat",
     .arity = -6,
     .flags = kWriteFlags,
     .acl = kAclHash,
     .handler = hpexpireat,
     .keys = {key_at(1, "RW update")},
     .member_at = 5,
     .group = "hash",
     .since = "7.4.0",
     .summary = "Lets fields of a hash expire at a Unix time in milliseconds.",
     .complexity = kPerField,
     .syntax = "key#0 unix-time-milliseconds:unix-time condition=[NX|XX|GT|LT] FIELDS "
               "fields=(numfields:integer field...)"},
    {.name = "httl",
     .arity = -5,
     .flags = kReadFlags,
     .acl = kAclHash,
     .handler = httl,
     .keys = {key_at(1, "RO access")},
     .member_at = 4,
     .group = "hash",
     .since = "7.4.0",
     .summary = "Returns the seconds that fields of a hash have to live.",
     .complexity = kPerField,
     .syntax = "key#0 FIELDS fields=(numfields:integer field...)",
     .tips = "nondeterministic_output"},
    {.name = "hpttl",
     .arity = -5,
     .flags = kReadFlags,
     .acl = kAclHash,
     .handler = hpttl,
     .keys = {key_at(1, "RO access")},
     .member_at = 4,
     .group = "hash",
     .since = "7.4.0",
     .summary = "Returns the milliseconds that fields of a hash have to live.",
     .complexity = kPerField,
     .syntax = "key#0 FIELDS fields=(numfields:integer field...)",
     .tips = "nondeterministic_output"},
    {.name = "hexpiretime",
     .arity = -5,
     .flags = kReadFlags,
     .acl = kAclHash,
     .handler = hexpiretime,
     .keys = {key_at(1, "RO access")},
     .member_at = 4,
     .group = "hash",
     .since = "7.4.0",
     .summary = "Returns the Unix times in seconds at which fields of a hash expire.",
     .complexity = kPerField,
     .syntax = "key#0 FIELDS fields=(numfields:integer field...)"},
    {.name = "hpexpiretime",
     .arity = -5,
     .flags = kReadFlags,
     .acl = kAclHash,
     .handler = hpexpiretime,
     .keys = {key_at(1, "RO access")},
     .member_at = 4,
     .group = "hash",
     .since = "7.4.0",
     .summary = "Returns the Unix times in milliseconds at which fields of a hash expire.",
     .complexity = kPerField,
     .syntax = "key#0 FIELDS fields=(numfields:integer field...)"},
    {.name = "hpersist",
     .arity = -5,
     .flags = kWrite | kFast,
     .acl = kAclHash,
     .handler = hpersist,
     .keys = {key_at(1, "RW update")},
     .member_at = 4,
     .group = "hash",
     .since = "7.4.0",
     .summary = "Lets fields of a hash live for ever.",
     .complexity = kPerField,
     .syntax = "key#0 FIELDS fields=(numfields:integer field...)"},
    {.name = "hgetex",
     .arity = -5,
     .flags = kWrite | kFast,
     .acl = kAclHash,
     .handler = hgetex,
     .keys = {key_at(1, "RW access update", "RW and UPDATE because it changes the TTL")},
     .member_at = 4,
     .group = "hash",
     .since = "8.0.0",
     .summary = "The values of fields of a hash, whose expiry it may change.",
     .complexity = kPerField,
     .syntax = "key#0 expiration=[EX seconds:integer|PX milliseconds:integer|EXAT "
               "unix-time-seconds:unix-time|PXAT unix-time-milliseconds:unix-time|PERSIST] FIELDS "
               "fields=(numfields:integer field...)"},
    {.name = "hsetex",
     .arity = -6,
     .flags = kWriteFlags,
     .acl = kAclHash,
     .handler = hsetex,
     .keys = {key_at(1, "RW update")},
     .member_at = 6,
     .group = "hash",
     .since = "8.0.0",
     .summary = "Stores values in fields of a hash, and when they expire.",
     .complexity = kPerField,
     .syntax = "key#0 condition=[FNX|FXX] expiration=[EX seconds:integer|PX "
               "milliseconds:integer|EXAT unix-time-seconds:unix-time|PXAT "
               "unix-time-milliseconds:unix-time|KEEPTTL] FIELDS "
               "fields=(numfields:integer data=(field value)...)"},
    {.name = "hgetdel",
     .arity = -5,
     .flags = kWrite | kFast,
     .acl = kAclHash,
     .handler = hgetdel,
     .keys = {key_at(1, "RW access delete")},
     .member_at = 4,
     .group = "hash",
     .since = "8.0.0",
     .summary = "The values of fields of a hash, which it removes; without any left, the key goes.",
     .complexity = kPerField,
     .syntax = "key#0 FIELDS fields=(numfields:integer field...)"},
};

}  // namespace

std::span<const CommandRow> hash_ttl_commands() {
  return kRows;
}

}  // namespace pollux
