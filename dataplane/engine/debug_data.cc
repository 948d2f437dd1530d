// Digests are redis-server's, so that data sets of the two can be compared: SHA-1 over what there
// is, combined so that the order of keys doesn't matter.
#include "dataplane/engine/debug_data.h"

#include <cstdio>
#include <string>

#include "src/base/num.h"
#include "src/base/sha1.h"
#include "src/commands/args.h"
#include "src/data/value.h"

namespace pollux {

namespace {

// Redis' numbers of types, as they go into a digest.
constexpr uint8_t kRedisString = 0;

class Digest {
 public:
  // Adds something whose place among others doesn't count.
  void add(std::string_view bytes) { blend(sha1(bytes)); }
  // What others have added so.
  void blend(const Sha1Digest& other) {
    for (size_t i = 0; i < digest_.size(); ++i) {
      digest_[i] ^= other[i];
    }
  }
  // Adds something behind what is there.
  void append(std::string_view bytes) {
    add(bytes);
    digest_ = sha1(text());
  }
  // A number of 32 bits, the most significant first.
  void append_number(uint32_t number) {
    const char bytes[4] = {static_cast<char>(number >> 24), static_cast<char>(number >> 16),
                           static_cast<char>(number >> 8), static_cast<char>(number)};
    append({bytes, sizeof bytes});
  }
  const Sha1Digest& bytes() const { return digest_; }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(digest_.data()), digest_.size()};
  }

  std::string hex() const {
    std::string text;
    for (const uint8_t byte : digest_) {
      char digits[3];
      std::snprintf(digits, sizeof digits, "%02x", byte);
      text += digits;
    }
    return text;
  }

 private:
  Sha1Digest digest_{};
};

void append_value(Digest& digest, const Entry& entry) {
  digest.append_number(kRedisString);
  char scratch[kInt64TextMax];
  digest.append(entry.string(scratch));
  if (entry.has_expiry()) {
    digest.add("!!expire!!");
  }
}

}  // namespace

void debug_digest(Context& ctx) {
  Digest all;
  for (int db = 0; db < ctx.keys.databases(); ++db) {
    Digest of_keys;
    uint64_t keys = 0;
    ctx.keys.for_each_store([&](ShardStore& store) {
      store.for_each(db, ctx.keys.now(), [&](const Entry& entry) {
        Digest one;
        one.append(entry.key());
        append_value(one, entry);
        of_keys.add(one.text());
        ++keys;
      });
    });
    if (keys > 0) {
      all.append_number(static_cast<uint32_t>(db));
      all.blend(of_keys.bytes());
    }
  }
  ctx.reply.simple(all.hex());
}

void debug_digest_value(Context& ctx) {
  ctx.reply.array(ctx.args.size() - 2);
  for (size_t i = 2; i < ctx.args.size(); ++i) {
    Digest digest;
    if (const Entry* entry = ctx.keys.peek(ctx.key(i))) {
      append_value(digest, *entry);
    }
    ctx.reply.simple(digest.hex());
  }
}

// DEBUG POPULATE count [prefix [size]]: keys that are there already stay as they are.
void debug_populate(Context& ctx) {
  int64_t count = 0;
  int64_t size = 0;
  if (!read_int64(ctx, 2, count) || (ctx.args.size() > 4 && !read_int64(ctx, 4, size))) {
    return;
  }
  if (count < 0 || size < 0 || size > ctx.config.bulk_bytes_max) {
    ctx.reply.error(error_text::kOutOfRange);
    return;
  }
  const std::string prefix(ctx.args.size() > 3 ? ctx.args[3] : "key");
  for (int64_t i = 0; i < count; ++i) {
    const std::string name = prefix + ":" + std::to_string(i);
    const Key key = Key::of(name);
    if (ctx.keys.peek(key) != nullptr) {
      continue;
    }
    std::string value = "value:" + std::to_string(i);
    if (size > 0) {
      value.resize(static_cast<size_t>(size), '\0');
    }
    Edit edit(ctx.keys, key);
    edit.set_string(value);
    edit.notify(KeyEvent::kSet);
  }
  ctx.reply.ok();
}

}  // namespace pollux
