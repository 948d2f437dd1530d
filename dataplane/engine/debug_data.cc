// Digests are redis-server's, so that data sets of the two can be compared: SHA-1 over what there
// is, combined so that the order of keys doesn't matter.
#include "dataplane/engine/debug_data.h"

#include <cinttypes>
#include <climits>
#include <cstdio>
#include <iterator>
#include <string>
#include <utility>

#include "src/base/arena.h"
#include "src/base/assert.h"
#include "src/base/log.h"
#include "src/base/num.h"
#include "src/base/sha1.h"
#include "src/commands/args.h"
#include "src/data/hash_value.h"
#include "src/data/key_table.h"
#include "src/data/large_list.h"
#include "src/data/list_value.h"
#include "src/data/member_collection.h"
#include "src/data/set_value.h"
#include "src/data/stream.h"
#include "src/data/stream_group.h"
#include "src/data/value.h"
#include "src/data/zset_value.h"
#include "src/rdb/dump_payload.h"

namespace pollux {

namespace {

// Redis' numbers of types, as they go into a digest, in the order of ValueType.
constexpr uint8_t kRedisTypes[] = {0, 1, 2, 3, 4, 6};

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

// The digest of two texts that belong together, whose order counts.
Digest digest_of(std::string_view first, std::string_view second) {
  Digest pair;
  pair.append(first);
  pair.append(second);
  return pair;
}

// Its entries; groups don't count.
void append_stream(Digest& digest, const Stream& stream) {
  stream.walk(kStreamIdMin, kStreamIdMax, [&digest](const StreamEntry& entry) {
    digest.append(std::to_string(entry.id.ms) + "." + std::to_string(entry.id.seq));
    entry.for_each([&digest](const PackedValue& name, const PackedValue& value) {
      char scratch[kInt64TextMax];
      digest.append(name.text(scratch));
      digest.append(value.text(scratch));
    });
    return true;
  });
}

// Of the TTL of a field it counts that there is one, as of a key's.
void append_fields(Digest& digest, const Entry& entry) {
  const HashView hash(&entry);
  hash.for_each([&](const HashView::Pair& pair) {
    char scratch[kInt64TextMax];
    char value_scratch[kInt64TextMax];
    const std::string_view field = pair.field.text(scratch);
    Digest one = digest_of(field, pair.value.text(value_scratch));
    if (entry.has_field_timer() && hash.expiry_ms(field).value_or(-1) != -1) {
      one.add("!!hexpire!!");
    }
    digest.add(one.text());
  });
}

// What a value holds. Of sets, hashes and sorted sets the order of elements doesn't count.
void append_content(Digest& digest, const Entry& entry) {
  char scratch[kInt64TextMax];
  switch (entry.type()) {
    case ValueType::kString:
      digest.append(entry.string(scratch));
      return;
    case ValueType::kList:
      ListView(entry).walk(0, ListEnd::kBack, [&](const PackedValue& element) {
        digest.append(element.text(scratch));
        return true;
      });
      return;
    case ValueType::kSet:
      SetView(&entry).for_each([&](const PackedValue& member) {
        digest.add(member.text(scratch));
        return true;
      });
      return;
    case ValueType::kZset:
      ZsetView(&entry).visit_all([&](std::string_view member, double score) {
        char text[kDoubleTextMax];
        digest.add(digest_of(member, {text, format_double(score, text)}).text());
      });
      return;
    case ValueType::kHash:
      append_fields(digest, entry);
      return;
    case ValueType::kStream:
      append_stream(digest, Stream::of(entry));
      return;
    default:
      POLLUX_ASSERT(false && "no key's type");
  }
}

void append_value(Digest& digest, const Entry& entry) {
  const auto type = static_cast<size_t>(entry.type());
  POLLUX_ASSERT(type < std::size(kRedisTypes));
  digest.append_number(kRedisTypes[type]);
  append_content(digest, entry);
  if (entry.has_expiry()) {
    digest.add("!!expire!!");
  }
}

// What DEBUG OBJECT tells of lists beyond other values.
std::string list_nodes_text(const Entry& entry, int64_t listpack_max) {
  uint64_t nodes = 1;
  uint64_t elements = ListView(entry).size();
  size_t bytes = 0;
  if (const auto* list = static_cast<const LargeList*>(entry.collection())) {
    nodes = list->node_count();
    list->for_each_node([&bytes](const ListNode& node) {
      bytes += node.plain() ? node.capacity : node.bytes();
    });
  } else {
    bytes = Listpack(entry.flat()).bytes();
  }
  char text[160];
  const int size = std::snprintf(
      text, sizeof text,
      " ql_nodes:%" PRIu64 " ql_avg_node:%.2f ql_listpack_max:%" PRId64
      " ql_compressed:0 ql_uncompressed_size:%zu",
      nodes, static_cast<double>(elements) / static_cast<double>(nodes), listpack_max, bytes);
  return {text, static_cast<size_t>(size)};
}

// What HTSTATS and HTSTATS-KEY tell of a table.
std::string table_text(std::string_view title, uint64_t elements, uint64_t bytes) {
  return std::string(title) + "\n number of elements: " + std::to_string(elements) +
         "\n table bytes: " + std::to_string(bytes) + "\n";
}

// The entry of the key in argument 2; null, with the error answered, if there is none.
const Entry* asked_entry(Context& ctx) {
  const Entry* entry = ctx.keys.peek(ctx.key(2));
  if (entry == nullptr) {
    ctx.reply.error(error_text::kNoSuchKey);
  }
  return entry;
}

}  // namespace

void debug_object(Context& ctx) {
  const Entry* entry = asked_entry(ctx);
  if (entry == nullptr) {
    return;
  }
  char text[256];
  const int size = std::snprintf(
      text, sizeof text,
      "Value at:%p refcount:1 encoding:%s serializedlength:%zu lru:%u lru_seconds_idle:%u",
      static_cast<const void*>(entry), std::string(encoding_name(entry->encoding())).c_str(),
      rdb_value_bytes(*entry, ctx.config.rdb_compression),
      entry->stamp() / static_cast<uint32_t>(kLruTicksPerSecond),
      idle_seconds(entry->stamp(), ctx.config.eviction.access.kind, ctx.keys.now()));
  std::string answer(text, static_cast<size_t>(size));
  if (entry->type() == ValueType::kList) {
    answer += list_nodes_text(*entry, ctx.config.encoding.list_listpack_size);
  }
  ctx.reply.simple(answer);
}

void debug_listpack(Context& ctx) {
  const Entry* entry = asked_entry(ctx);
  if (entry == nullptr) {
    return;
  }
  const bool packed = entry->type() != ValueType::kString && entry->collection() == nullptr &&
                      entry->encoding() != Encoding::kIntset;
  if (!packed) {
    ctx.reply.error("ERR Not a listpack encoded object.");
    return;
  }
  const Listpack pack(entry->flat());
  log_line(LogLevel::kWarning, "DEBUG LISTPACK: %zu bytes, %zu elements", pack.bytes(),
           pack.count());
  ctx.reply.simple("Listpack structure told in the log");
}

// In the log, what the nodes of a list hold; with a 1 as argument 3, each of them.
void debug_quicklist(Context& ctx) {
  const Entry* entry = asked_entry(ctx);
  if (entry == nullptr) {
    return;
  }
  if (entry->type() != ValueType::kList) {
    ctx.reply.error("ERR Not a quicklist encoded object.");
    return;
  }
  log_line(LogLevel::kWarning, "DEBUG QUICKLIST: %" PRIu64 " elements,%s",
           static_cast<uint64_t>(ListView(*entry).size()),
           list_nodes_text(*entry, ctx.config.encoding.list_listpack_size).c_str());
  const auto* list = static_cast<const LargeList*>(entry->collection());
  if (list != nullptr && ctx.args.size() == 4 && ctx.args[3] == "1") {
    uint64_t number = 0;
    list->for_each_node([&number](const ListNode& node) {
      log_line(LogLevel::kWarning, "  node %" PRIu64 ": %s, %u elements, %zu bytes, room for %zu",
               number++, node.plain() ? "plain" : "packed", node.count,
               node.plain() ? node.capacity : node.bytes(), node.capacity);
    });
  }
  ctx.reply.simple("Quicklist structure told in the log");
}

void debug_sds_length(Context& ctx) {
  const Entry* entry = asked_entry(ctx);
  if (entry == nullptr) {
    return;
  }
  if (entry->type() != ValueType::kString || entry->encoding() == Encoding::kInt) {
    ctx.reply.error("ERR Not an sds encoded string.");
    return;
  }
  // Key and value stand in one block, unless the value is long.
  const size_t size = entry->string_size();
  const bool outside = entry->value_is_outside();
  const size_t room = outside ? entry->value_outside().capacity : size;
  ctx.reply.simple("key_sds_len:" + std::to_string(entry->key().size()) +
                   ", key_sds_avail:0, key_zmalloc: " + std::to_string(entry->block_bytes()) +
                   ", val_sds_len:" + std::to_string(size) +
                   ", val_sds_avail:" + std::to_string(room - size) +
                   ", val_zmalloc: " + std::to_string(outside ? Arena::usable(room) : 0));
}

void debug_table_stats(Context& ctx) {
  int64_t db = 0;
  if (!read_int64(ctx, 2, db)) {
    return;
  }
  if (db < 0 || db >= ctx.keys.databases()) {
    ctx.reply.error("ERR Out of range database");
    return;
  }
  DbCounts counts;
  DbOverhead overhead;
  ctx.keys.for_each_store([&](ShardStore& store) {
    const DbCounts of_shard = store.counts(static_cast<int>(db));
    const DbOverhead bytes = store.overhead(static_cast<int>(db));
    counts.keys += of_shard.keys;
    counts.keys_with_expiry += of_shard.keys_with_expiry;
    overhead.table += bytes.table;
    overhead.expiry += bytes.expiry;
  });
  ctx.reply.verbatim(table_text("[Dictionary HT]", counts.keys, overhead.table) +
                         table_text("[Expires HT]", counts.keys_with_expiry, overhead.expiry),
                     "txt");
}

// Of values that stand in a table here: not of a small set or a set of integers.
void debug_table_of_key(Context& ctx) {
  const Entry* entry = asked_entry(ctx);
  if (entry == nullptr) {
    return;
  }
  const Collection* collection = entry->collection();
  const MemberTable* table = collection == nullptr ? nullptr : collection->member_table();
  if (table == nullptr) {
    ctx.reply.error(
        "ERR The value stored at the specified key is not represented using an hash table");
    return;
  }
  ctx.reply.verbatim(table_text("Hash table", table->size(), table->table_bytes()) +
                         " bytes of all: " + std::to_string(collection->bytes()) + "\n",
                     "txt");
}

// Of what stands in memory for each key, member and collection.
void debug_struct_sizes(Context& ctx) {
  constexpr std::pair<std::string_view, size_t> kSizes[] = {
      {"bits", CHAR_BIT * sizeof(void*)},
      {"entry", Entry::bytes_for(0, false, 0)},
      {"expiry", sizeof(Entry::Expiry)},
      {"outside", sizeof(Entry::Outside)},
      {"slot", KeyTable::kSlotBytes},
      {"list", sizeof(LargeList)},
      {"set", sizeof(MemberCollection)},
      {"hash", sizeof(MemberCollection)},
      {"zset", sizeof(ZsetCollection)},
      {"stream", sizeof(Stream)},
      {"group", sizeof(StreamGroup)},
  };
  std::string text;
  for (const auto& [name, bytes] : kSizes) {
    text += (text.empty() ? "" : " ") + std::string(name) + ":" + std::to_string(bytes);
  }
  ctx.reply.simple(text);
}

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
  if (!read_int64(ctx, 2, count, error_text::kMustBePositive) ||
      (ctx.args.size() > 4 && !read_int64(ctx, 4, size, error_text::kMustBePositive))) {
    return;
  }
  if (count < 0 || size < 0 || size > ctx.config.bulk_bytes_max) {
    ctx.reply.error(error_text::kMustBePositive);
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
    edit.notify(KeyEvent::kSet, 0);  // as redis-server does
  }
  ctx.reply.ok();
}

}  // namespace pollux
