// A shard changes while it is walked; what was written must be what stood at the cut.
#include "src/snapshot/shard_snapshot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "src/base/seeds.h"
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
    text += store.run("XRANGE " + key + " - +");
    std::string facts = store.run("XINFO STREAM " + key + " FULL COUNT 0");
    // The index tells how it came about, and blocks in which nothing lives are not restored.
    const size_t index = facts.find("radix-tree-keys");
    facts.erase(index, facts.find("last-generated-id") - index);
    // When consumers were active is in no record.
    const std::string_view active = "$11\r\nactive-time\r\n";
    for (size_t at = 0; (at = facts.find(active, at)) != std::string::npos;) {
      facts.erase(at, facts.find('\n', at + active.size()) + 1 - at);
    }
    text += facts;
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
  // In some plays nodes of lists hold little, so that there are several segments of them; in some
  // much, so that there is one with room.
  explicit Play(uint64_t seed) : rng_(seed) {
    constexpr int64_t kNodeElements[] = {1, 8, -1};
    const int64_t node_elements = kNodeElements[rng_.below(3)];
    for (TestStore* store : {&store_, &restored_}) {
      store->config().encoding.hash_listpack_entries = 6;
      store->config().encoding.set_intset_entries = 6;
      store->config().encoding.zset_listpack_entries = 6;
      store->config().encoding.list_listpack_size = node_elements;
      store->config().encoding.stream_node_entries = 4;
    }
    options_.compress = rng_.below(2) == 0;
    const bool all_big = theme_ != Theme::kAll || rng_.below(2) == 0;
    options_.members_at_once_max = all_big ? rng_.below(12) : 512;
    ShardStore& shard = store_.shard();
    snapshot_ = std::make_unique<ShardSnapshot>(shard, records_);
    for (int lists = node_elements == 1 ? 8 : 0; lists > 0; --lists) {
      store_.select(static_cast<int>(rng_.below(kDatabases)));
      store_.run("RPUSH " + key(kLists) + words(400));
    }
    for (uint64_t streams = theme_ == Theme::kStreams ? 4 : 0; streams > 0; --streams) {
      store_.select(static_cast<int>(rng_.below(kDatabases)));
      fill_stream(key(kStreams));
    }
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
      do {
        store_.shard().tick(Instant{store_.now_ms() * 1000}, INT64_MAX);
      } while (store_.shard().has_dead());
      EXPECT_EQ(store_.shard().dying_bytes(), 0);
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
  enum Kind : uint64_t { kStrings, kHashes, kSets, kZsets, kLists, kStreams };
  std::string key() { return "k" + std::to_string(rng_.below(kKeys)); }
  // Mostly one that has no other type.
  std::string key(Kind kind) {
    const uint64_t some = theme_ == Theme::kAll ? 5 : 1;
    return rng_.below(8) == 0 ? key() : "k" + std::to_string(kind * 5 + rng_.below(some));
  }
  std::string number(uint64_t below) { return std::to_string(rng_.below(below)); }
  std::string word() {
    return rng_.below(3) == 0 ? std::to_string(rng_.below(20))
                              : std::string(1 + rng_.below(60),
                                            static_cast<char>('a' + rng_.below(26)));
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

  // Of this kind, or also one that only a node of its own or a long block takes.
  std::string any_word() {
    const uint64_t one_of = rng_.below(60);
    return one_of > 1 ? word() : std::string(one_of == 0 ? 8'000 : 70'000, 'L') + word();
  }
  // Of entries of streams: times move on slowly, so that one is hit now and then.
  std::string id() { return number(changes_ / 40 + 1) + "-" + number(4); }
  std::string ids(uint64_t max) {
    std::string text;
    for (uint64_t i = 1 + rng_.below(max); i > 0; --i) {
      text += " " + id();
    }
    return text;
  }
  std::string group() { return "g" + number(3); }
  std::string consumer() { return "c" + number(4); }

  // Of many blocks, of which one group has read a part and another one waits for it.
  void fill_stream(const std::string& name) {
    for (int i = 0; i < 120; ++i) {
      store_.run("XADD " + name + " " + std::to_string(i / 8) + "-* " + word() + " " + word());
    }
    changes_ = 40 * 15;
    store_.run("XGROUP CREATE " + name + " g0 0");
    store_.run("XREADGROUP GROUP g0 c0 COUNT " + number(120) + " NOACK STREAMS " + name + " >");
    store_.run("XREADGROUP GROUP g0 c1 COUNT 20 STREAMS " + name + " >");
  }

  void change() {
    ++changes_;
    store_.advance_ms(static_cast<int64_t>(rng_.below(3)));
    store_.select(static_cast<int>(rng_.below(kDatabases)));
    uint64_t what = rng_.below(8);
    if (theme_ != Theme::kAll && rng_.below(4) > 0) {
      what = theme_ == Theme::kLists ? 2 : 4 + rng_.below(3);
    }
    switch (what) {
      case 0: change_string(); break;
      case 1: change_members(); break;
      case 2: case 3: change_list(); break;
      case 4: change_stream(); break;
      case 5: case 6: change_group(); break;
      default: change_keys(); break;
    }
  }

  void change_string() {
    switch (rng_.below(4)) {
      case 0: store_.run("SET " + key(kStrings) + " " + word()); break;
      case 1: store_.run("APPEND " + key(kStrings) + " " + word()); break;
      case 2:
        store_.run("SETRANGE " + key(kStrings) + " " + std::to_string(60'000 + rng_.below(40'000)) +
                   " " + word());
        break;
      default: store_.run("SETBIT " + key(kStrings) + " " + number(700'000) + " 1"); break;
    }
  }

  void change_members() {
    const uint64_t many = rng_.below(4) == 0 ? 40 : 4;
    switch (rng_.below(13)) {
      case 0: case 1: store_.run("HSET " + key(kHashes) + pairs(many, false)); break;
      case 2: store_.run("HDEL " + key(kHashes) + words(6)); break;
      case 3:
        store_.run("HPEXPIRE " + key(kHashes) + " " + std::to_string(1 + rng_.below(1'000)) +
                   " FIELDS 1 " + word());
        break;
      case 4: case 5: store_.run("SADD " + key(kSets) + words(many)); break;
      case 6: store_.run("SREM " + key(kSets) + words(6)); break;
      case 7: store_.run("SPOP " + key(kSets)); break;
      case 8: case 9: store_.run("ZADD " + key(kZsets) + pairs(many, true)); break;
      case 10: store_.run("ZINCRBY " + key(kZsets) + " 3 " + word()); break;
      case 11: store_.run("ZPOPMIN " + key(kZsets) + " 2"); break;
      default: store_.run("ZREMRANGEBYRANK " + key(kZsets) + " 2 5"); break;
    }
  }

  void change_list() {
    const uint64_t many = rng_.below(4) == 0 ? 60 : 4;
    const std::string name = key(kLists);
    const std::string end = rng_.below(2) == 0 ? "LEFT" : "RIGHT";
    switch (rng_.below(13)) {
      case 0: case 1: store_.run("RPUSH " + name + " " + any_word() + words(many)); break;
      case 2: store_.run("LPUSH " + name + " " + any_word() + words(many)); break;
      case 3: store_.run("LPOP " + name + " " + number(many)); break;
      case 4: store_.run("RPOP " + name + " " + number(many)); break;
      case 5: store_.run("LSET " + name + " " + number(many) + " " + any_word()); break;
      case 6: store_.run("LSET " + name + " -" + number(many) + " " + any_word()); break;
      case 7: store_.run("LINSERT " + name + " BEFORE " + number(20) + " " + any_word()); break;
      case 8: store_.run("LINSERT " + name + " AFTER " + number(20) + " " + word()); break;
      case 9: store_.run("LREM " + name + " " + number(3) + " " + number(20)); break;
      case 10: store_.run("LREM " + name + " -" + number(3) + " " + number(20)); break;
      case 11:
        store_.run("LTRIM " + name + " " + number(rng_.below(4) == 0 ? 300 : 4) + " -" +
                   std::to_string(1 + rng_.below(rng_.below(4) == 0 ? 300 : 4)));
        break;
      default: store_.run("LMOVE " + name + " " + key(kLists) + " " + end + " RIGHT"); break;
    }
  }

  void change_stream() {
    const std::string name = key(kStreams);
    const std::string refs = std::vector<std::string>{"KEEPREF", "DELREF", "ACKED"}[rng_.below(3)];
    switch (rng_.below(12)) {
      case 0: case 1: case 2: case 3: case 4:
        for (uint64_t i = rng_.below(8); i > 0; --i) {
          const uint64_t time = rng_.below(4) == 0 ? rng_.below(changes_ / 40 + 1) : changes_ / 40;
          store_.run("XADD " + name + " " + std::to_string(time) + "-* " + word() + " " +
                     any_word());
        }
        break;
      case 5: case 6: store_.run("XDEL " + name + ids(8)); break;
      case 7: store_.run("XDELEX " + name + " " + refs + " IDS 2 " + id() + " " + id()); break;
      case 8:
        store_.run("XTRIM " + name + " MAXLEN " + (rng_.below(2) == 0 ? "= " : "~ ") + number(40) +
                   " " + refs);
        break;
      case 9: store_.run("XTRIM " + name + " MINID " + id() + " " + refs); break;
      case 10:
        store_.run("XTRIM " + name + " MAXLEN 0");
        store_.run("XSETID " + name + " " + id());
        break;
      default: store_.run("XSETID " + name + " " + id()); break;
    }
  }

  void change_group() {
    const std::string name = key(kStreams);
    const std::string in_group = name + " " + group() + " ";
    const std::string no_ack = rng_.below(4) == 0 ? " NOACK" : "";
    switch (rng_.below(17)) {
      case 0: case 16: store_.run("XGROUP CREATE " + in_group + "0 MKSTREAM"); break;
      case 1: store_.run("XGROUP DESTROY " + in_group); break;
      case 2: store_.run("XGROUP SETID " + in_group + id()); break;
      case 3: store_.run("XGROUP CREATECONSUMER " + in_group + consumer()); break;
      case 4: store_.run("XGROUP DELCONSUMER " + in_group + consumer()); break;
      case 5: case 6: case 7: case 8:
        store_.run("XREADGROUP GROUP " + group() + " " + consumer() + " COUNT 12" + no_ack +
                   " STREAMS " + name + " >");
        break;
      case 9:
        store_.run("XREADGROUP GROUP " + group() + " " + consumer() + " COUNT 3 STREAMS " + name +
                   " " + id());
        break;
      case 10: case 11: store_.run("XACK " + in_group + ids(8)); break;
      case 12: store_.run("XCLAIM " + in_group + consumer() + " 0" + ids(8) + " FORCE"); break;
      case 13:
        store_.run("XCLAIM " + in_group + consumer() + " 0" + ids(8) + " RETRYCOUNT " + number(9));
        break;
      case 14:
        store_.run("XREADGROUP GROUP " + group() + " " + consumer() +
                   " COUNT 3 CLAIM 1 STREAMS " + name + " >");
        break;
      default: store_.run("XAUTOCLAIM " + in_group + consumer() + " 0 " + id() + " COUNT 5"); break;
    }
  }

  void change_keys() {
    const auto kind = static_cast<Kind>(rng_.below(6));
    switch (rng_.below(10)) {
      case 0: store_.run("DEL " + key(rng_.below(2) == 0 ? kLists : kStreams)); break;
      case 1: store_.run("DEL " + key()); break;
      case 2: case 3: store_.run("RENAME " + key(kind) + " " + key(kind)); break;
      case 4: store_.run("COPY " + key(kind) + " " + key(kind) + " REPLACE"); break;
      case 5: store_.run("PEXPIRE " + key() + " " + std::to_string(1 + rng_.below(1'000))); break;
      case 6: store_.run("MOVE " + key() + " " + number(kDatabases)); break;
      case 7: store_.run("SDIFFSTORE " + key(kSets) + " " + key(kSets) + " " + key()); break;
      case 8:
        if (rng_.below(20) == 0) {
          store_.run("FLUSHDB");
        }
        break;
      default:
        if (rng_.below(8) == 0) {
          store_.run("SWAPDB 0 " + number(kDatabases));
        }
        break;
    }
  }

  Rng rng_;
  // Some plays are mostly about few keys of one type.
  enum class Theme : uint64_t { kAll, kLists, kStreams };
  const Theme theme_{rng_.below(3)};
  uint64_t changes_ = 0;
  TestStore store_;
  TestStore restored_;
  Records records_;
  ShardSnapshot::Options options_;
  std::unique_ptr<ShardSnapshot> snapshot_;
};

TEST(ShardSnapshotTest, WhatWasThereAtTheCutIsWritten) {
  const Seeds seeds = seeds_to_run(150);
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    Play(seed).run();
    ASSERT_FALSE(testing::Test::HasFatalFailure() || testing::Test::HasNonfatalFailure())
        << "seed " << seed;
  }
}

// These commands come between the cut and the walk.
void expect_as_it_was(TestStore& store, const std::vector<std::string>& changes) {
  const Contents expected = contents(store);
  Records records;
  ShardSnapshot snapshot(store.shard(), records);
  snapshot.begin({true, {}, Instant{store.now_ms() * 1000}, 0});
  store.select(0);
  for (const std::string& change : changes) {
    EXPECT_NE(store.run(change)[0], '-') << change;
  }
  snapshot.walk(UINT64_MAX);
  TestStore restored;
  uint64_t keys = 0;
  restore(records.take(Lane::kSmall), restored, keys);
  restore(records.take(Lane::kBig), restored, keys);
  EXPECT_EQ(contents(restored), expected);
}

// The first node is a little less than half full, its elements stand a little behind its beginning,
// and what comes in front has no room there: they move onto themselves.
TEST(ShardSnapshotTest, ANodeThatMakesRoomByAShift) {
  TestStore store;
  store.config().encoding.list_listpack_size = -1;
  for (int i = 0; i < 60; ++i) {
    store.run("RPUSH k0 " + std::to_string(i) + std::string(98, 'e'));
  }
  store.run("LPOP k0");
  for (int i = 0; i < 17; ++i) {
    store.run("LSET k0 " + std::to_string(i) + " short" + std::to_string(i));
  }
  store.run("LSET k0 17 " + std::string(60, 'm'));
  expect_as_it_was(store, {"LSET k0 -1 other", "LPUSH k0 " + std::string(105, 'f')});
}

// A stream that two consumers have read, each in turn.
TEST(ShardSnapshotTest, WhatIsPendingWithConsumersThatGo) {
  const std::vector<std::vector<std::string>> plays = {
      {"XGROUP DELCONSUMER k0 g0 c0", "XGROUP CREATECONSUMER k0 g0 c0"},
      {"XCLAIM k0 g0 c1 0 2-0", "XACK k0 g0 2-0"},
      {"XACK k0 g0 2-0", "XCLAIM k0 g0 c1 0 2-0 FORCE"},
      {"XCLAIM k0 g0 c0 0 1-0 RETRYCOUNT 7 TIME 5"},
      {"XCLAIM k0 g0 c0 0 1-0 TIME 1700000000000 RETRYCOUNT 7"},  // as delivered
      {"XGROUP DESTROY k0 g0", "XGROUP CREATE k0 g0 0"},
      {"XGROUP SETID k0 g0 3-0", "XREADGROUP GROUP g0 new COUNT 1 STREAMS k0 >"},
      {"XGROUP CREATECONSUMER k0 g0 a", "XGROUP DELCONSUMER k0 g0 c1"},
      {"XTRIM k0 MAXLEN 0", "XGROUP DESTROY k0 g1"},
      {"XDEL k0 1-0 3-0 9-0", "XADD k0 100-0 f v"},
      {"XTRIM k0 MAXLEN = 30 ACKED"},
      {"XTRIM k0 MAXLEN = 33 DELREF", "DEL k0"},
  };
  for (const std::vector<std::string>& changes : plays) {
    TestStore store;
    store.config().encoding.stream_node_entries = 3;
    store.run("XGROUP CREATE k0 g0 0 MKSTREAM");
    store.run("XGROUP CREATE k0 g1 0");
    for (int i = 1; i <= 60; ++i) {
      store.run("XADD k0 " + std::to_string(i) + "-0 f " + std::to_string(i));
    }
    store.run("XREADGROUP GROUP g1 c0 NOACK COUNT 60 STREAMS k0 >");
    for (int i = 0; i < 12; ++i) {
      store.run("XREADGROUP GROUP g0 c" + std::to_string(i % 2) + " COUNT 1 STREAMS k0 >");
    }
    store.run("XACK k0 g0 10-0");
    store.advance_ms(50);
    expect_as_it_was(store, changes);
    EXPECT_FALSE(testing::Test::HasFailure()) << changes[0];
  }
}

// What was flushed and is not walked yet stands in pages as other entries do.
TEST(ShardSnapshotTest, CompactionMovesEntriesOfAFlushedDatabase) {
  constexpr int kEntries = 6'000;
  TestStore store;
  const auto name = [](int i) { return "key:" + std::to_string(i); };
  for (int i = 0; i < kEntries; ++i) {
    store.run("SET " + name(i) + " value:" + std::to_string(i) + (i % 2 == 0 ? " EX 1000" : ""));
  }
  constexpr int kHashes = 1'500;
  const auto hash = [](int i) { return "hash:" + std::to_string(i); };
  for (int i = 0; i < kHashes; ++i) {
    store.run("HSET " + hash(i) + " a 1 b " + std::string(100, 'b'));
    store.run("HEXPIRE " + hash(i) + " 1000 FIELDS 1 a");
  }
  Records records;
  ShardSnapshot snapshot(store.shard(), records);
  snapshot.begin({true, {}, Instant{store.now_ms() * 1000}});
  for (int i = 0; i < kEntries; ++i) {
    if (i % 64 != 0) {
      store.run("DEL " + name(i));
    }
  }
  for (int i = 0; i < kHashes; ++i) {
    if (i % 32 != 0) {
      store.run("DEL " + hash(i));
    }
  }
  store.run("FLUSHALL");
  while (store.shard().tick(Instant{store.now_ms() * 1000}, INT64_MAX)) {
  }
  EXPECT_GT(store.shard().stats().moved_blocks, 50U);
  snapshot.walk(UINT64_MAX);
  EXPECT_TRUE(snapshot.is_over());
  TestStore restored;
  uint64_t keys = 0;
  restore(records.take(Lane::kSmall), restored, keys);
  EXPECT_EQ(keys, static_cast<uint64_t>(kEntries + kHashes));
  for (int i = 0; i < kEntries; ++i) {
    const std::string value = "value:" + std::to_string(i);
    ASSERT_EQ(restored.run("GET " + name(i)),
              "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n");
    ASSERT_EQ(restored.run("TTL " + name(i)), i % 2 == 0 ? ":1000\r\n" : ":-1\r\n");
  }
  for (int i = 0; i < kHashes; ++i) {
    ASSERT_EQ(restored.run("HPTTL " + hash(i) + " FIELDS 1 a"), "*1\r\n:1000000\r\n");
  }
  while (store.shard().tick(Instant{store.now_ms() * 1000}, INT64_MAX)) {
  }
  EXPECT_EQ(store.shard().live_bytes(), 0);
}

}  // namespace
}  // namespace pollux
