// A shard changes while it is walked; what was written must be what stood at the cut.
#include "src/snapshot/shard_snapshot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "src/commands/test_store.h"
#include "src/data/crc64.h"
#include "src/rdb/rdb_reader.h"
#include "src/rdb/value_codec.h"

namespace pollux {
namespace {

// Records as they leave, lane by lane, with as much room as the test likes.
class Records final : public RecordOut {
 public:
  ByteSink& sink(Lane lane) override { return of(lane).bytes; }
  void begin_record(Lane lane, uint32_t db) override {
    LaneBytes& to = of(lane);
    EXPECT_FALSE(to.open);
    to.open = true;
    if (to.db != db) {
      to.db = db;
      RdbWriter out(to.bytes, false);
      out.opcode(RdbOpcode::kSelectDb);
      out.length(db);
    }
  }
  void end_record(Lane lane) override {
    EXPECT_TRUE(of(lane).open);
    of(lane).open = false;
  }
  bool has_room(Lane) override { return room; }

  std::string take(Lane lane) { return of(lane).bytes.take(); }
  // Another reader.
  void forget() {
    for (LaneBytes& lane : lanes_) {
      lane.db = UINT32_MAX;
      lane.open = false;
    }
  }

  bool room = true;

 private:
  struct LaneBytes {
    TextSink bytes;
    uint32_t db = UINT32_MAX;
    bool open = false;
  };
  LaneBytes& of(Lane lane) { return lanes_[static_cast<size_t>(lane)]; }
  LaneBytes lanes_[kLanes];
};

using Lane = RecordOut::Lane;
// By number of the database and name.
using Contents = std::map<std::pair<int, std::string>, std::string>;

std::vector<std::string> sorted_parts(const std::string& reply, size_t lines_each) {
  std::vector<std::string> lines;
  for (size_t at = reply.find("\r\n") + 2; at < reply.size();) {
    const size_t end = reply.find("\r\n", at);
    lines.push_back(reply.substr(at, end - at));
    at = end + 2;
  }
  std::vector<std::string> parts;
  for (size_t i = 0; i < lines.size(); i += lines_each) {
    std::string part;
    for (size_t j = i; j < std::min(lines.size(), i + lines_each); ++j) {
      part += lines[j] + "|";
    }
    parts.push_back(part);
  }
  std::sort(parts.begin(), parts.end());
  return parts;
}

// All that commands tell of a key.
std::string described(TestStore& store, const std::string& key) {
  std::string text = store.run("TYPE " + key) + store.run("PEXPIRETIME " + key);
  const auto add_sorted = [&](const std::string& command, size_t lines_each) {
    for (const std::string& part : sorted_parts(store.run(command + " " + key), lines_each)) {
      text += part + "\n";
    }
  };
  if (text.find("+string") == 0) {
    text += store.run("GET " + key);
  } else if (text.find("+hash") == 0) {
    add_sorted("HGETALL", 4);
    const std::string fields = store.run("HKEYS " + key);
    std::string names;
    size_t count = 0;
    for (const std::string& part : sorted_parts(fields, 2)) {
      names += " " + part.substr(part.find('|') + 1, part.rfind('|') - part.find('|') - 1);
      ++count;
    }
    text += store.run("HPEXPIRETIME " + key + " FIELDS " + std::to_string(count) + names);
  } else if (text.find("+set") == 0) {
    add_sorted("SMEMBERS", 2);
  } else if (text.find("+zset") == 0) {
    text += store.run("ZRANGE " + key + " 0 -1 WITHSCORES");
  } else if (text.find("+list") == 0) {
    text += store.run("LRANGE " + key + " 0 -1");
  } else if (text.find("+stream") == 0) {
    text += store.run("XRANGE " + key + " - +") + store.run("XINFO STREAM " + key + " FULL");
  }
  return text;
}

constexpr int kDatabases = 3;
constexpr int kKeys = 30;

Contents contents(TestStore& store) {
  Contents all;
  for (int db = 0; db < kDatabases; ++db) {
    store.select(db);
    for (int i = 0; i < kKeys; ++i) {
      const std::string key = "k" + std::to_string(i);
      if (store.run("EXISTS " + key) == ":1\r\n") {
        all[{db, key}] = described(store, key);
      }
    }
  }
  return all;
}

// Builds the keys of a lane's records.
void restore(std::string_view bytes, TestStore& store, uint64_t& keys) {
  RdbReader in(bytes, SIZE_MAX);
  int64_t expire_ms = 0;
  while (!in.at_end()) {
    uint8_t code = 0;
    ASSERT_TRUE(in.byte(code));
    if (code == static_cast<uint8_t>(RdbOpcode::kSelectDb)) {
      uint64_t db = 0;
      ASSERT_TRUE(in.length(db));
      store.select(static_cast<int>(db));
      continue;
    }
    if (code == static_cast<uint8_t>(RdbOpcode::kExpireMs)) {
      ASSERT_TRUE(in.time(expire_ms));
      continue;
    }
    RdbText name;
    ASSERT_TRUE(in.text(name));
    const std::string_view rest = in.rest();
    ASSERT_TRUE(skip_rdb_value(static_cast<RdbType>(code), in));
    std::string payload(1, static_cast<char>(code));
    payload += rest.substr(0, rest.size() - in.rest().size());
    const uint16_t version = rdb_version_of(static_cast<RdbType>(code));
    payload.append(reinterpret_cast<const char*>(&version), sizeof version);
    const uint64_t sum = crc64(payload);
    payload.append(reinterpret_cast<const char*>(&sum), sizeof sum);
    const std::string key(name.view());
    const std::string ttl = std::to_string(expire_ms);
    ASSERT_EQ(store.run_args({"RESTORE", key, ttl, payload, "ABSTTL"}), "+OK\r\n") << key;
    expire_ms = 0;
    ++keys;
  }
}

class Play {
 public:
  explicit Play(uint64_t seed) : rng_(seed) {
    for (TestStore* store : {&store_, &restored_}) {
      store->config().encoding.hash_listpack_entries = 6;
      store->config().encoding.set_intset_entries = 6;
      store->config().encoding.zset_listpack_entries = 6;
      store->config().encoding.list_listpack_size = 8;
      store->config().encoding.stream_node_entries = 4;
    }
    options_.compress = rng_.below(2) == 0;
    options_.members_at_once_max = rng_.below(3) == 0 ? 512 : rng_.below(12);
    ShardStore& shard = store_.shard();
    snapshot_ = std::make_unique<ShardSnapshot>(shard, records_);
  }

  void run() {
    for (uint64_t i = rng_.below(400); i > 0; --i) {
      change();
    }
    for (int snapshots = 0; snapshots < 3; ++snapshots) {
      const Contents expected = contents(store_);
      options_.at = Instant{store_.now_ms() * 1000};
      records_.forget();
      snapshot_->begin(options_);
      const bool cancelled = rng_.below(6) == 0;
      const uint64_t changes = 1 + rng_.below(6);
      for (int slices = 0; !snapshot_->is_over(); ++slices) {
        for (uint64_t i = rng_.below(changes); i > 0 && slices < 300; --i) {
          change();
        }
        if (cancelled && rng_.below(4) == 0) {
          snapshot_->cancel();
        }
        records_.room = cancelled || slices > 300 || rng_.below(4) > 0;
        snapshot_->walk(0);
        if (rng_.below(8) == 0) {
          store_.shard().tick(Instant{store_.now_ms() * 1000}, 100);
        }
      }
      EXPECT_EQ(snapshot_->held_bytes(), 0U);
      const std::string small = records_.take(Lane::kSmall);
      const std::string big = records_.take(Lane::kBig);
      if (cancelled) {
        continue;
      }
      uint64_t keys = 0;
      for (int db = 0; db < kDatabases; ++db) {
        restored_.select(db);
        restored_.run("FLUSHDB");
      }
      restore(small, restored_, keys);
      restore(big, restored_, keys);
      EXPECT_EQ(keys, expected.size());
      EXPECT_EQ(snapshot_->keys(), keys);
      const Contents got = contents(restored_);
      ASSERT_EQ(got.size(), expected.size());
      for (const auto& [key, text] : expected) {
        ASSERT_TRUE(got.contains(key)) << key.first << " " << key.second;
        ASSERT_EQ(got.at(key), text) << key.first << " " << key.second;
      }
    }
  }

 private:
  std::string key() { return "k" + std::to_string(rng_.below(kKeys)); }
  std::string word() {
    return rng_.below(3) == 0 ? std::to_string(rng_.below(20))
                              : std::string(1 + rng_.below(60), static_cast<char>('a' + rng_.below(26)));
  }
  std::string words(uint64_t max) {
    std::string text;
    for (uint64_t i = 1 + rng_.below(max); i > 0; --i) {
      text += " " + word();
    }
    return text;
  }
  std::string pairs(uint64_t max, bool score_first) {
    std::string text;
    for (uint64_t i = 1 + rng_.below(max); i > 0; --i) {
      text += score_first ? " " + std::to_string(rng_.below(50)) + " " + word()
                          : " " + word() + " " + word();
    }
    return text;
  }

  void change() {
    store_.advance_ms(static_cast<int64_t>(rng_.below(3)));
    store_.select(static_cast<int>(rng_.below(kDatabases)));
    const uint64_t many = rng_.below(4) == 0 ? 40 : 4;
    switch (rng_.below(30)) {
      case 0: store_.run("SET " + key() + " " + word()); break;
      case 1: store_.run("APPEND " + key() + " " + word()); break;
      case 2: store_.run("SETRANGE " + key() + " " + std::to_string(60'000 + rng_.below(40'000)) + " " + word()); break;
      case 3: store_.run("SETBIT " + key() + " " + std::to_string(rng_.below(700'000)) + " 1"); break;
      case 4: store_.run("DEL " + key()); break;
      case 5: case 6: store_.run("HSET " + key() + pairs(many, false)); break;
      case 7: store_.run("HDEL " + key() + words(6)); break;
      case 8: store_.run("HPEXPIRE " + key() + " " + std::to_string(1 + rng_.below(1'000)) + " FIELDS 1 " + word()); break;
      case 9: case 10: store_.run("SADD " + key() + words(many)); break;
      case 11: store_.run("SREM " + key() + words(6)); break;
      case 12: store_.run("SPOP " + key()); break;
      case 13: case 14: store_.run("ZADD " + key() + pairs(many, true)); break;
      case 15: store_.run("ZINCRBY " + key() + " 3 " + word()); break;
      case 16: store_.run("ZPOPMIN " + key() + " 2"); break;
      case 17: store_.run("ZREMRANGEBYRANK " + key() + " 2 5"); break;
      case 18: store_.run("RPUSH " + key() + words(many)); break;
      case 19: store_.run("LPUSH " + key() + words(many)); break;
      case 20: store_.run("LPOP " + key() + " 3"); break;
      case 21: store_.run("LSET " + key() + " 2 " + word()); break;
      case 22: store_.run("XADD " + key() + " * " + word() + " " + word()); break;
      case 23: store_.run("RENAME " + key() + " " + key()); break;
      case 24: store_.run("COPY " + key() + " " + key() + " REPLACE"); break;
      case 25: store_.run("PEXPIRE " + key() + " " + std::to_string(1 + rng_.below(1'000))); break;
      case 26: store_.run("MOVE " + key() + " " + std::to_string(rng_.below(kDatabases))); break;
      case 27: store_.run("SDIFFSTORE " + key() + " " + key() + " " + key()); break;
      case 28:
        if (rng_.below(20) == 0) {
          store_.run("FLUSHDB");
        }
        break;
      default:
        if (rng_.below(8) == 0) {
          store_.run("SWAPDB 0 " + std::to_string(rng_.below(kDatabases)));
        }
        break;
    }
  }

  Rng rng_;
  TestStore store_;
  TestStore restored_;
  Records records_;
  ShardSnapshot::Options options_;
  std::unique_ptr<ShardSnapshot> snapshot_;
};

TEST(ShardSnapshotTest, WhatWasThereAtTheCutIsWritten) {
  const char* const more = std::getenv("POLLUX_SEEDS");
  const uint64_t seeds = more != nullptr ? std::strtoull(more, nullptr, 10) : 150;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    Play(seed).run();
    ASSERT_FALSE(testing::Test::HasFatalFailure() || testing::Test::HasNonfatalFailure())
        << "seed " << seed;
  }
}

}  // namespace
}  // namespace pollux
