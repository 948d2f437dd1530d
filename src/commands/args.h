// What handlers share when they read arguments: option words, numbers with Redis' sentences, the
// type check, accounted reads. Each read_* writes the error reply itself and returns false.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "src/commands/context.h"
#include "src/data/listpack.h"
#include "src/protocol/error_text.h"

namespace pollux {

// The part of `bytes` that a C string function of Redis would see.
inline std::string_view up_to_nul(std::string_view bytes) {
  return bytes.substr(0, bytes.find('\0'));
}

// True if `arg` is the option `word` (given in lower case), in any case. What follows a NUL is not
// looked at, as in redis-server.
inline bool is_word(std::string_view arg, std::string_view word) {
  if (arg.size() < word.size()) {
    return false;
  }
  for (size_t i = 0; i < word.size(); ++i) {
    const char c = arg[i];
    if ((c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) != word[i]) {
      return false;
    }
  }
  return arg.size() == word.size() || arg[word.size()] == '\0';
}

// A 64-bit integer in argument `index`.
bool read_int64(Context& ctx, size_t index, int64_t& value,
                std::string_view sentence = error_text::kNotInteger);
// A 32-bit one; a number outside says the range, or `sentence` if one is given.
bool read_int32(Context& ctx, size_t index, int32_t& value, std::string_view sentence = {});

// The number of a database in argument `index`, which exists.
bool read_database(Context& ctx, size_t index, int& db);

// False, with WRONGTYPE answered, if the entry is no string.
inline bool check_string(Context& ctx, const Entry& entry) {
  if (__builtin_expect(entry.type() == ValueType::kString, 1)) {
    return true;
  }
  ctx.reply.error(error_text::kWrongType);
  return false;
}

// The same for any type.
inline bool check_type(Context& ctx, const Entry& entry, ValueType type) {
  if (entry.type() == type) [[likely]] {
    return true;
  }
  ctx.reply.error(error_text::kWrongType);
  return false;
}

// An element of a collection as a bulk.
inline void reply_packed(Reply& reply, const PackedValue& element) {
  if (element.is_integer()) {
    reply.bulk_int64(element.integer());
  } else {
    reply.bulk(element.string());
  }
}

// How many elements a client wants drawn by chance (HRANDFIELD, SRANDMEMBER, ZRANDMEMBER).
// Negative: with repetition; then at most kDrawsMax, since nothing else bounds the reply.
inline constexpr int64_t kDrawsMax = 10'000'000;
bool read_draw_count(Context& ctx, size_t index, int64_t& count);

// The value of a string entry as a bulk.
inline void reply_string(Context& ctx, const Entry& entry) {
  char scratch[kInt64TextMax];
  ctx.reply.bulk(entry.string(scratch));
}

// Counts a hit or miss for an entry that was looked up without one (through Edit or peek).
inline void count_read(Context& ctx, const Key& key, const Entry* entry) {
  if (entry != nullptr) {
    ++ctx.keys.stats().hits;
  } else {
    ctx.keys.count_miss(key);
  }
}

// A read that is counted but does not refresh the access clock (TTL, TYPE, EXISTS).
inline const Entry* find_untouched(Context& ctx, const Key& key) {
  const Entry* entry = ctx.keys.peek(key);
  count_read(ctx, key, entry);
  return entry;
}

// Calls fn(argument index, key) for the keys in arguments first, first + step, ... to the last.
// Works in bursts: the table's and the entries' cache lines of a burst are under way before the
// first key of it is looked at.
template <typename Fn>
void for_each_key(Context& ctx, size_t first, size_t step, Fn fn) {
  constexpr size_t kBurst = 16;
  const size_t count = ctx.args.size();
  if (first + step >= count) {
    if (first < count) {
      fn(first, ctx.key(first));
    }
    return;
  }
  for (size_t at = first; at < count;) {
    Key burst[kBurst];
    size_t size = 0;
    for (size_t i = at; i < count && size < kBurst; i += step) {
      burst[size++] = ctx.key(i);
    }
    if (size > 1) {
      const int db = ctx.keys.db();
      for (size_t i = 0; i < size; ++i) {
        ctx.keys.store_of(burst[i]).prefetch_bucket(db, burst[i].hash);
      }
      for (size_t i = 0; i < size; ++i) {
        ctx.keys.store_of(burst[i]).prefetch_entry(db, burst[i].hash);
      }
    }
    for (size_t i = 0; i < size; ++i, at += step) {
      fn(at, burst[i]);
    }
  }
}

// True, with the error answered, if a string of old_bytes + more_bytes is over proto-max-bulk-len.
bool string_too_long(Context& ctx, int64_t old_bytes, int64_t more_bytes);

// The elements that `start` to `end` (inclusive, negative ones count from the end) name of `size`.
// False if there are none. An end before the first element means the first, as in redis-server.
inline bool clamp_range(int64_t start, int64_t end, size_t size, size_t& first, size_t& last) {
  const auto length = static_cast<int64_t>(size);
  const auto clamp = [length](int64_t index) {
    const int64_t from_front = index < 0 ? length + index : index;
    return from_front < 0 ? 0 : from_front;
  };
  start = clamp(start);
  end = clamp(end);
  if (end >= length) {
    end = length - 1;
  }
  first = static_cast<size_t>(start);
  last = static_cast<size_t>(end);
  return start <= end;
}

// Two negative positions in the wrong order: empty before they are clamped (GETRANGE, BITCOUNT).
inline bool backwards_from_end(int64_t start, int64_t end) {
  return start < 0 && end < 0 && start > end;
}

void reply_invalid_expire(Context& ctx);

// The key of the edit, `name`, goes; that is the command's effect.
void delete_key(Context& ctx, Edit& edit, std::string_view name);
// The key in argument 1 gets this time of expiry, or goes if that is over.
void expire_key(Context& ctx, Edit& edit, int64_t at_ms);

// Sentences with client bytes in them: cut at the first NUL, trailing line ends dropped, those
// inside made spaces (Reply::error does that).
void reply_error_quoting(Reply& reply, std::string_view before, std::string_view quoted,
                         std::string_view after = {});

}  // namespace pollux
