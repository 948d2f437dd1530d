// libFuzzer target: whatever bytes stand in a payload, with a right sum behind them, RESTORE
// refuses them and leaves no key, or makes a value that can be read and changed, and that DUMP and
// RESTORE give back as it is.
//
// The first byte of the input chooses the limits of encodings; the rest is type and value. Seeds:
// tests/fuzz/make_dump_corpus.py.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "src/commands/test_store.h"
#include "src/data/crc64.h"
#include "src/rdb/rdb_format.h"

namespace {

using pollux::TestStore;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

std::string sealed(std::string_view body) {
  std::string payload(body);
  payload.append(reinterpret_cast<const char*>(&pollux::kRdbVersion), sizeof pollux::kRdbVersion);
  const uint64_t sum = pollux::crc64(payload);
  payload.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  return payload;
}

// A block of the exact size: reads beyond it are seen.
std::string restore(TestStore& store, std::string_view key, std::string_view payload) {
  const auto exact = std::make_unique<char[]>(payload.size());
  std::copy(payload.begin(), payload.end(), exact.get());
  return store.run_args({"restore", key, "0", {exact.get(), payload.size()}});
}

std::string dump(TestStore& store, std::string_view key) {
  const std::string reply = store.run_args({"dump", key});
  const size_t head = reply.find("\r\n");
  require(reply[0] == '$' && reply[1] != '-');
  return reply.substr(head + 2, reply.size() - head - 4);
}

void choose_limits(TestStore& store, unsigned choice) {
  pollux::EncodingLimits& limits = store.config().encoding;
  limits = {};
  if ((choice & 1) != 0) {
    limits.hash_listpack_entries = limits.zset_listpack_entries = 2;
    limits.set_intset_entries = 2;
  }
  if ((choice & 2) != 0) {
    limits.hash_listpack_value = limits.zset_listpack_value = 4;
  }
  if ((choice & 4) != 0) {
    limits.list_listpack_size = 2;
  }
  if ((choice & 8) != 0) {
    limits.hash_listpack_entries = limits.zset_listpack_entries = 1 << 20;
    limits.hash_listpack_value = limits.zset_listpack_value = 1 << 20;
    limits.set_intset_entries = 1 << 20;
    limits.list_listpack_size = -5;
  }
}

// The score -0 is 0 in a listpack and -0 in a skiplist, as in redis-server.
std::string without_sign_of_zero(std::string reply) {
  constexpr std::string_view kNegative = "$2\r\n-0\r\n";
  for (size_t at = 0; (at = reply.find(kNegative, at)) != std::string::npos;) {
    reply.replace(at, kNegative.size(), "$1\r\n0\r\n");
  }
  return reply;
}

// All that is in a key, as the same bytes for the same elements; of lists and sorted sets in order.
std::string content(TestStore& store, const std::string& key) {
  const std::string type = store.run("type " + key);
  if (type == "+string\r\n") {
    return store.run("get " + key);
  }
  if (type == "+list\r\n") {
    return store.run("lrange " + key + " 0 -1");
  }
  if (type == "+stream\r\n") {
    return dump(store, key);
  }
  if (type == "+zset\r\n") {
    return without_sign_of_zero(store.run("zrange " + key + " 0 -1 withscores"));
  }
  std::string all = store.run((type == "+hash\r\n" ? "hgetall " : "smembers ") + key);
  std::sort(all.begin(), all.end());
  return all;
}

// What stands behind each `label` of a reply, of strings in whichever bytes.
std::vector<std::string> values_behind(std::string_view reply, std::string_view label) {
  const std::string head =
      "$" + std::to_string(label.size()) + "\r\n" + std::string(label) + "\r\n$";
  std::vector<std::string> values;
  for (size_t at = 0; (at = reply.find(head, at)) != std::string_view::npos;) {
    at += head.size();
    const size_t size = std::strtoul(reply.data() + at, nullptr, 10);
    const size_t begin = reply.find("\r\n", at) + 2;
    if (begin + size <= reply.size()) {  // else the label stands in somebody's name
      values.emplace_back(reply.substr(begin, size));
    }
  }
  return values;
}

// Groups and consumers may have any names.
void use_stream(TestStore& store, const std::string& key) {
  constexpr size_t kNamesMax = 4;
  const auto run = [&](std::vector<std::string_view> args) {
    require(store.run_args(args).substr(0, 10) != "-WRONGTYPE");
  };
  const std::string reply = store.run("xinfo groups " + key);
  std::vector<std::string> groups = values_behind(reply, "name");
  groups.resize(std::min(groups.size(), kNamesMax));
  run({"xinfo", "stream", key, "full", "count", "3"});
  run({"xrange", key, "-", "+", "count", "5"});
  run({"xrevrange", key, "+", "-", "count", "5"});
  for (const std::string& group : groups) {
    const std::string list = store.run_args({"xinfo", "consumers", key, group});
    std::vector<std::string> consumers = values_behind(list, "name");
    consumers.resize(std::min(consumers.size(), kNamesMax));
    consumers.emplace_back("new");
    for (const std::string& consumer : consumers) {
      run({"xreadgroup", "group", group, consumer, "count", "2", "streams", key, ">"});
      run({"xreadgroup", "group", group, consumer, "count", "2", "streams", key, "0"});
      run({"xpending", key, group, "idle", "0", "-", "+", "5", consumer});
      run({"xautoclaim", key, group, consumer, "0", "-", "count", "3"});
      run({"xclaim", key, group, consumer, "0", "1-1", "2-0", "force"});
      run({"xack", key, group, "1-1", "0-1"});
    }
    run({"xpending", key, group});
    run({"xinfo", "groups", key});
    run({"xgroup", "setid", key, group, "$", "entriesread", "9223372036854775807"});
    run({"xgroup", "delconsumer", key, group, consumers.front()});
  }
  run({"xadd", key, "*", "f", "v"});
  run({"xadd", key, "maxlen", "~", "3", "*", "f", "v", "other", "w"});
  run({"xdel", key, "1-1", "0-1"});
  run({"xgroup", "create", key, "made here", "0"});
  run({"xreadgroup", "group", "made here", "c", "streams", key, ">"});
  run({"xtrim", key, "minid", "5-0"});
  run({"xtrim", key, "maxlen", "1"});
  run({"xsetid", key, "18446744073709551615-18446744073709551615"});
  if (!groups.empty()) {
    run({"xgroup", "destroy", key, groups.front()});
  }
  run({"xinfo", "stream", key, "full"});
}

// Every way to walk and change a value must find it whole.
void use(TestStore& store, const std::string& key) {
  const std::string type = store.run("type " + key);
  const auto run = [&](std::initializer_list<const char*> lines) {
    for (const std::string line : lines) {
      const size_t name_end = line.find(' ');
      const std::string reply =
          store.run(line.substr(0, name_end) + " " + key + line.substr(name_end));
      require(!reply.empty() && reply.substr(0, 10) != "-WRONGTYPE");
    }
  };
  if (type == "+string\r\n") {
    run({"append x", "getrange 0 -1", "setrange 3 yy", "strlen "});
  } else if (type == "+list\r\n") {
    run({"lrange -1 0", "lindex 1", "lindex -2", "lpush new 5", "rpush new 5", "linsert before 5 x",
         "lset 1 zz", "lrem 0 5", "lpos new rank -1", "ltrim 1 -2", "rpop 3", "lpop 3"});
  } else if (type == "+set\r\n") {
    run({"sismember 5", "sadd new 5 6", "srandmember -5", "srem 5 a", "sadd 70000", "spop 2"});
  } else if (type == "+hash\r\n") {
    run({"hget f", "hset new 5 6 x", "hrandfield -5 withvalues", "hincrby counter 5",
         "hpttl fields 2 f new", "hpexpire 5000 fields 2 new a", "hpersist fields 2 a b",
         "hdel 6 f field", "hset f 7"});
    store.advance_ms(5001);
  } else if (type == "+zset\r\n") {
    run({"zscore a", "zrank a", "zadd 1.5 new -3 a", "zrangebyscore -inf (2", "zincrby 4 a",
         "zrevrange 0 3 withscores", "zrem new b", "zpopmin 2", "zpopmax 1"});
  } else if (type == "+stream\r\n") {
    use_stream(store, key);
  }
  content(store, key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  // One for each input, though making it takes longer than most of them: LeakSanitizer does not see
  // addresses that are packed beside counters, and would take what lives on for lost.
  TestStore store;
  choose_limits(store, data[0]);
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string reply = restore(store, "k", sealed(body));
  if (reply != "+OK\r\n") {
    require(reply[0] == '-' && store.run("exists k") == ":0\r\n");
    return 0;
  }
  if (store.run("exists k") == ":0\r\n") {
    return 0;  // a hash whose fields have all ended long ago
  }
  const std::string payload = dump(store, "k");
  require(restore(store, "r", payload) == "+OK\r\n");
  require(content(store, "k") == content(store, "r"));
  // Under the limits of every day, too.
  choose_limits(store, 0);
  require(restore(store, "s", payload) == "+OK\r\n");
  require(content(store, "k") == content(store, "s"));
  for (const char* key : {"k", "r", "s"}) {
    use(store, key);
  }
  return 0;
}
