#include "src/data/keyspace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/rng.h"

namespace pollux {
namespace {

constexpr int kDatabases = 3;
constexpr int64_t kStartMs = 1'700'000'000'000;

// Writes down what it hears, and holds the pre-image against what was last heard.
class Recorder final : public ChangeObserver {
 public:
  void before(int db, const Key& key, const Entry* entry) override {
    ++befores;
    was_there = entry != nullptr;
    last_before = std::to_string(db) + ":" + std::string(key.bytes);
  }
  void after(int db, const Key& key, KeyEvent event, const Entry* entry) override {
    log.push_back(std::to_string(db) + ":" + std::string(key.bytes) + ":" +
                  std::string(key_event_row(event).name) + (entry != nullptr ? "+" : "-"));
  }
  void before_flush(int) override {}
  void before_swap(int, int) override {}
  int befores = 0;
  bool was_there = false;
  std::string last_before;
  std::vector<std::string> log;
};

// Shards and a Keyspace over them; one shard is bound, more are leased.
class Store {
 public:
  explicit Store(size_t shards) : keys_(pointers(shards)) { bind(0); }

  void bind(int db) {
    if (stores_.size() == 1) {
      keys_.bind(ShardId{0}, db, now_);
    } else {
      const uint64_t all = (uint64_t{1} << stores_.size()) - 1;
      keys_.bind_leased({&all, 1}, db, now_);
    }
  }
  void advance_ms(int64_t ms) {
    now_.us += ms * 1000;
    bind(keys_.db());
  }
  int64_t used_bytes() const {
    int64_t bytes = 0;
    for (const auto& store : stores_) {
      bytes += store->used_bytes();
    }
    return bytes;
  }
  void tick_all() {
    for (const auto& store : stores_) {
      while (store->tick(now_, INT64_MAX)) {
      }
    }
  }
  uint64_t key_count(int db) const {
    uint64_t keys = 0;
    for (const auto& store : stores_) {
      keys += store->key_count(db);
    }
    return keys;
  }
  std::optional<std::string> get(std::string_view key) {
    const Entry* entry = keys_.find(Key::of(key));
    char scratch[kInt64TextMax];
    return entry == nullptr ? std::nullopt : std::optional<std::string>(entry->string(scratch));
  }
  void set(std::string_view key, std::string_view value) {
    Edit edit(keys_, Key::of(key));
    edit.set_string(value);
    edit.notify(KeyEvent::kSet);
  }
  void expire_at(std::string_view key, int64_t at_ms) {
    Edit edit(keys_, Key::of(key));
    edit.set_expiry(at_ms);
    edit.notify(KeyEvent::kExpire);
  }

  std::span<ShardStore* const> pointers(size_t shards) {
    for (size_t i = 0; i < shards; ++i) {
      stores_.push_back(
          std::make_unique<ShardStore>(ShardId{static_cast<uint16_t>(i)}, kDatabases));
      pointers_.push_back(stores_.back().get());
    }
    return pointers_;
  }

  std::vector<std::unique_ptr<ShardStore>> stores_;
  std::vector<ShardStore*> pointers_;
  Instant now_{kStartMs * 1000};
  Keyspace keys_;
};

TEST(Keyspace, EncodingsFollowTheBytes) {
  Store store(1);
  const auto encoding = [&store](std::string_view value) {
    store.set("k", value);
    EXPECT_EQ(store.get("k"), std::string(value));
    return store.keys_.peek(Key::of("k"))->encoding();
  };
  EXPECT_EQ(encoding("12"), Encoding::kInt);
  EXPECT_EQ(encoding("-9223372036854775808"), Encoding::kInt);
  EXPECT_EQ(encoding("9223372036854775808"), Encoding::kEmbstr);
  EXPECT_EQ(encoding("012"), Encoding::kEmbstr);
  EXPECT_EQ(encoding(""), Encoding::kEmbstr);
  EXPECT_EQ(encoding(std::string(44, 'x')), Encoding::kEmbstr);
  EXPECT_EQ(encoding(std::string(45, 'x')), Encoding::kRaw);
  EXPECT_EQ(encoding(std::string(100'000, 'x')), Encoding::kRaw);
}

TEST(Keyspace, ValueMayPointIntoItself) {
  Store store(1);
  for (size_t size : {size_t{40}, size_t{400}, size_t{5'000}}) {
    std::string value;
    for (size_t i = 0; i < size; ++i) {
      value.push_back(static_cast<char>('a' + i % 26));
    }
    for (size_t cut : {size_t{1}, size_t{3}, size / 2, size - 3}) {
      store.set("k", value);
      Edit edit(store.keys_, Key::of("k"));
      char scratch[kInt64TextMax];
      edit.set_raw(edit.entry()->string(scratch).substr(cut));
      edit.notify(KeyEvent::kSet);
      EXPECT_EQ(store.get("k"), value.substr(cut));
    }
  }
}

TEST(Keyspace, OverwriteOfTheSameSizeStaysInPlace) {
  Store store(1);
  store.set("key", "value one");
  const Entry* entry = store.keys_.peek(Key::of("key"));
  store.set("key", "value two");
  EXPECT_EQ(store.keys_.peek(Key::of("key")), entry);
}

TEST(Keyspace, ExpiryIsExactToTheMillisecond) {
  Store store(1);
  store.set("k", "v");
  store.expire_at("k", kStartMs + 10);
  EXPECT_EQ(store.keys_.peek(Key::of("k"))->expiry_ms(), kStartMs + 10);
  store.advance_ms(10);
  EXPECT_TRUE(store.get("k").has_value());
  store.advance_ms(1);
  EXPECT_FALSE(store.get("k").has_value());
  EXPECT_EQ(store.key_count(0), 0U);
  EXPECT_EQ(store.stores_[0]->stats().expired_keys, 1U);
  EXPECT_EQ(store.stores_[0]->stats().expired_by_access, 1U);
}

TEST(Keyspace, ObserverHearsBeforeOnceAndEachEvent) {
  Store store(1);
  Recorder recorder;
  store.stores_[0]->set_observer(&recorder);
  {
    Edit edit(store.keys_, Key::of("k"));
    edit.set_string("v");
    edit.set_expiry(kStartMs + 5);
    edit.notify(KeyEvent::kSet);
    edit.notify(KeyEvent::kExpire);
  }
  EXPECT_EQ(recorder.befores, 1);
  EXPECT_FALSE(recorder.was_there);
  store.advance_ms(6);
  {
    Edit edit(store.keys_, Key::of("k"));
    EXPECT_EQ(edit.entry(), nullptr);
  }
  EXPECT_TRUE(recorder.was_there);
  store.set("t", "v");
  store.expire_at("t", kStartMs + 7);
  store.advance_ms(5);
  store.tick_all();
  EXPECT_EQ(recorder.log, (std::vector<std::string>{"0:k:set+", "0:k:expire+", "0:k:expired-",
                                                    "0:t:set+", "0:t:expire+", "0:t:expired-"}));
}

TEST(Keyspace, ObserverHearsOfNewKeysAndOfReadsThatMiss) {
  class Arrivals final : public ChangeObserver {
   public:
    void before(int, const Key&, const Entry*) override {}
    void after(int, const Key&, KeyEvent event, const Entry*) override {
      log += std::string(key_event_row(event).name) + " ";
    }
    void added(int, const Key& key) override { log += "+" + std::string(key.bytes) + " "; }
    void missed(int, const Key& key) override { log += "?" + std::string(key.bytes) + " "; }
    void before_flush(int) override {}
    void before_swap(int, int) override {}
    std::string log;
  };
  Store store(1);
  Arrivals arrivals;
  store.stores_[0]->set_observer(&arrivals);
  store.keys_.find(Key::of("a"));
  store.keys_.peek(Key::of("a"));
  for (const char* value : {"1", "other"}) {
    Edit edit(store.keys_, Key::of("a"));
    edit.set_string(value);
    edit.notify(KeyEvent::kSet);
  }
  store.keys_.find(Key::of("a"));
  for (int times = 0; times < 2; ++times) {  // the second replaces, and is a new key all the same
    Edit edit(store.keys_, Key::of("b"));
    edit.copy(*store.keys_.peek(Key::of("a")));
    edit.notify(KeyEvent::kCopyTo);
  }
  EXPECT_EQ(arrivals.log, "?a +a set set +b copy_to +b copy_to ");
}

TEST(Keyspace, FindCountsAndTouchesPeekDoesNot) {
  Store store(1);
  store.set("k", "v");
  store.advance_ms(5'000);
  EXPECT_EQ(store.keys_.peek(Key::of("k"))->stamp() + 80, lru_stamp(store.now_));
  store.keys_.peek(Key::of("absent"));
  EXPECT_EQ(store.keys_.stats().hits + store.keys_.stats().misses, 0U);
  store.get("k");
  store.get("absent");
  EXPECT_EQ(store.keys_.stats().hits, 1U);
  EXPECT_EQ(store.keys_.stats().misses, 1U);
  EXPECT_EQ(store.keys_.peek(Key::of("k"))->stamp(), lru_stamp(store.now_));
}

TEST(Keyspace, AppendsTakeLinearTimeAndLittleSlack) {
  Store store(1);
  std::string model;
  size_t moves = 0;
  const char* last = nullptr;
  for (int i = 0; i < 200'000; ++i) {
    Edit edit(store.keys_, Key::of("k"));
    std::span<char> bytes = edit.grow_raw(model.size() + 10);
    std::fill(bytes.end() - 10, bytes.end(), static_cast<char>('a' + i % 26));
    model.append(10, static_cast<char>('a' + i % 26));
    edit.notify(KeyEvent::kAppend);
    moves += model.size() > 1'000 && bytes.data() != last;
    last = bytes.data();
  }
  EXPECT_EQ(store.get("k"), model);
  EXPECT_LT(moves, 15U);
  store.tick_all();
  EXPECT_LT(store.used_bytes(), 2 * static_cast<int64_t>(model.size()) + 50'000);
}

TEST(Keyspace, TakeWithinAShardCopiesNoBigValue) {
  Store store(1);
  const std::string big(1'000'000, 'b');
  store.set("from", big);
  store.expire_at("from", kStartMs + 100);
  store.set("to", "old");
  char scratch[kInt64TextMax];
  const char* bytes = store.keys_.peek(Key::of("from"))->string(scratch).data();
  {
    Edit from(store.keys_, Key::of("from"));
    Edit to(store.keys_, 1, Key::of("to"));
    to.take(from);
    EXPECT_EQ(from.entry(), nullptr);
    EXPECT_EQ(to.entry()->string(scratch).data(), bytes);
    from.notify(KeyEvent::kMoveFrom);
    to.notify(KeyEvent::kMoveTo);
  }
  EXPECT_EQ(store.keys_.peek_in(1, Key::of("to"))->expiry_ms(), kStartMs + 100);
  EXPECT_EQ(store.get("from"), std::nullopt);
  EXPECT_EQ(store.stores_[0]->counts(0).keys_with_expiry, 0U);
  EXPECT_EQ(store.stores_[0]->counts(1).keys_with_expiry, 1U);
}

TEST(Keyspace, SlotsMapToContiguousShards) {
  for (size_t shards : {1, 3, 4, 7, 256}) {
    EXPECT_EQ(shard_of_slot(0, shards).value, 0);
    EXPECT_EQ(shard_of_slot(kSlots - 1, shards).value, shards - 1);
    for (uint16_t slot = 1; slot < kSlots; ++slot) {
      const int step = shard_of_slot(slot, shards).value - shard_of_slot(slot - 1, shards).value;
      ASSERT_TRUE(step == 0 || step == 1);
    }
  }
}

// --- random commands against a map ---

struct Value {
  std::string bytes;
  int64_t expiry_ms = -1;
};
using Model = std::array<std::map<std::string, Value>, kDatabases>;

class RandomCommands {
 public:
  RandomCommands(size_t shards, uint64_t seed) : store_(shards), rng_(seed) {
    store_.stores_[0]->set_observer(&recorder_);
    for (int i = 0; i < 150; ++i) {
      names_.push_back("key:" + std::to_string(i));
    }
    names_.push_back("");
    names_.push_back(std::string("bin\0\r\n\xff", 7));
    names_.push_back(std::string(255, 'k'));
    names_.push_back(std::string(256, 'k'));
    names_.push_back(std::string(300, 'k'));
    names_.push_back(std::string(100'000, 'k'));
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      if (i % 200 == 0) {
        compare_all();
      }
    }
    compare_all();
    for (int db = 0; db < kDatabases; ++db) {
      for (const auto& store : store_.stores_) {
        store->flush(db);
      }
    }
    store_.tick_all();
    EXPECT_EQ(store_.used_bytes(), 0);
  }

 private:
  std::string any_value() {
    switch (rng_.below(10)) {
      case 0:
        return "";
      case 1:
      case 2:
        return std::to_string(static_cast<int64_t>(rng_.next()) >> rng_.below(64));
      case 3:
        return std::string(500 + rng_.below(30), 'i');
      case 4:
        return std::string(rng_.below(5'000), static_cast<char>(rng_.next()));
      case 5:
        return rng_.below(20) == 0 ? std::string(1 << 20, 'M') : std::string("small");
      default:
        return std::string(rng_.below(80), static_cast<char>(rng_.next()));
    }
  }
  const std::string& any_name() { return names_[rng_.below(names_.size())]; }
  int any_db() { return static_cast<int>(rng_.below(kDatabases)); }

  // Drops from the model what is dead by now.
  Value* live(int db, const std::string& name) {
    auto it = model_[static_cast<size_t>(db)].find(name);
    if (it == model_[static_cast<size_t>(db)].end()) {
      return nullptr;
    }
    if (it->second.expiry_ms != -1 && store_.now_.ms() > it->second.expiry_ms) {
      model_[static_cast<size_t>(db)].erase(it);
      return nullptr;
    }
    return &it->second;
  }

  void step() {
    const int db = any_db();
    const std::string name = any_name();
    store_.bind(db);
    Value* value = live(db, name);
    const uint64_t what = rng_.below(100);
    if (what < 30) {
      set(db, name);
    } else if (what < 45) {
      grow(db, name, value);
    } else if (what < 60) {
      change_expiry(db, name, value);
    } else if (what < 75) {
      move_or_copy(db, name, value);
    } else if (what < 82) {
      Edit edit(store_.keys_, Key::of(name));
      ASSERT_EQ(edit.entry() != nullptr, value != nullptr);
      if (edit.entry() != nullptr) {
        edit.remove();
        edit.notify(KeyEvent::kDel);
        model_[static_cast<size_t>(db)].erase(name);
      }
    } else if (what < 95) {
      check(db, name);
    } else if (what < 97) {
      store_.advance_ms(static_cast<int64_t>(rng_.below(300)));
    } else if (what < 98) {
      for (const auto& store : store_.stores_) {
        store->tick(store_.now_, static_cast<int64_t>(rng_.below(20)));
      }
    } else if (rng_.below(40) == 0) {
      for (const auto& store : store_.stores_) {
        store->flush(db);
      }
      model_[static_cast<size_t>(db)].clear();
    } else if (rng_.below(4) == 0) {
      const int other = any_db();
      store_.keys_.swap_databases(db, other);
      std::swap(model_[static_cast<size_t>(db)], model_[static_cast<size_t>(other)]);
    }
  }

  void set(int db, const std::string& name) {
    const std::string bytes = any_value();
    Value& value = model_[static_cast<size_t>(db)][name];
    Edit edit(store_.keys_, Key::of(name));
    const uint64_t kind = rng_.below(3);
    if (kind == 0) {
      const int64_t number = static_cast<int64_t>(rng_.next()) >> rng_.below(64);
      edit.set_int(number);
      value.bytes = std::to_string(number);
    } else if (kind == 1) {
      edit.set_raw(bytes);
      value.bytes = bytes;
    } else {
      edit.set_string(bytes);
      value.bytes = bytes;
    }
    if (rng_.below(2) == 0) {
      edit.clear_expiry();
      value.expiry_ms = -1;
    }
    edit.notify(KeyEvent::kSet);
  }

  void grow(int db, const std::string& name, Value* value) {
    const std::string old = value == nullptr ? "" : value->bytes;
    const size_t size = old.size() + rng_.below(rng_.below(5) == 0 ? 10'000 : 50);
    Edit edit(store_.keys_, Key::of(name));
    const std::span<char> bytes = edit.grow_raw(size);
    ASSERT_EQ(bytes.size(), size);
    ASSERT_EQ(std::string_view(bytes.data(), old.size()), old);
    ASSERT_TRUE(std::all_of(bytes.begin() + static_cast<ptrdiff_t>(old.size()), bytes.end(),
                            [](char c) { return c == 0; }));
    std::fill(bytes.begin() + static_cast<ptrdiff_t>(old.size()), bytes.end(), 'g');
    edit.notify(KeyEvent::kAppend);
    model_[static_cast<size_t>(db)][name].bytes = old + std::string(size - old.size(), 'g');
    ASSERT_EQ(edit.entry()->encoding(), Encoding::kRaw);
  }

  void change_expiry(int db, const std::string& name, Value* value) {
    Edit edit(store_.keys_, db, Key::of(name));
    ASSERT_EQ(edit.entry() != nullptr, value != nullptr);
    if (value == nullptr) {
      return;
    }
    if (rng_.below(4) == 0) {
      ASSERT_EQ(edit.clear_expiry(), value->expiry_ms != -1);
      value->expiry_ms = -1;
    } else {
      value->expiry_ms =
          store_.now_.ms() + static_cast<int64_t>(rng_.below(rng_.below(2) == 0 ? 500 : 1 << 30));
      edit.set_expiry(value->expiry_ms);
    }
    edit.notify(KeyEvent::kExpire);
  }

  void move_or_copy(int db, const std::string& name, Value* value) {
    const int to_db = any_db();
    const std::string to_name = any_name();
    if (value == nullptr || (db == to_db && name == to_name)) {
      return;
    }
    const Value moved = *value;
    if (rng_.below(2) == 0) {
      Edit from(store_.keys_, db, Key::of(name));
      Edit to(store_.keys_, to_db, Key::of(to_name));
      to.take(from);
      from.notify(KeyEvent::kRenameFrom);
      to.notify(KeyEvent::kRenameTo);
      model_[static_cast<size_t>(db)].erase(name);
    } else {
      const Entry* from = store_.keys_.peek_in(db, Key::of(name));
      const Encoding encoding = from->encoding();
      Edit to(store_.keys_, to_db, Key::of(to_name));
      to.copy(*from);
      to.notify(KeyEvent::kCopyTo);
      ASSERT_EQ(to.entry()->encoding(), encoding);
    }
    model_[static_cast<size_t>(to_db)][to_name] = moved;
  }

  void check(int db, const std::string& name) {
    const Value* value = live(db, name);
    const Entry* entry = store_.keys_.peek_in(db, Key::of(name));
    ASSERT_EQ(entry != nullptr, value != nullptr);
    if (entry == nullptr) {
      return;
    }
    char scratch[kInt64TextMax];
    ASSERT_EQ(entry->key(), name);
    ASSERT_EQ(entry->string(scratch), value->bytes);
    ASSERT_EQ(entry->string_size(), value->bytes.size());
    ASSERT_EQ(entry->expiry_ms(), value->expiry_ms);
    ASSERT_GE(entry->memory_usage(), name.size() + 8);
  }

  void compare_all() {
    for (int db = 0; db < kDatabases; ++db) {
      for (const std::string& name : names_) {
        check(db, name);
      }
      uint64_t with_expiry = 0;
      uint64_t counted = 0;
      for (const auto& store : store_.stores_) {
        with_expiry += store->counts(db).keys_with_expiry;
        store->for_each(db, store_.now_, [&counted](const Entry&) { ++counted; });
      }
      const auto& model = model_[static_cast<size_t>(db)];
      ASSERT_EQ(store_.key_count(db), model.size());
      ASSERT_EQ(counted, model.size());
      ASSERT_EQ(with_expiry,
                static_cast<uint64_t>(std::count_if(model.begin(), model.end(), [](const auto& v) {
                  return v.second.expiry_ms != -1;
                })));
    }
  }

  Recorder recorder_;
  Store store_;
  Rng rng_;
  Model model_;
  std::vector<std::string> names_;
};

TEST(KeyspaceRandom, OneShard) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    RandomCommands(1, seed).run(10'000);
  }
}

TEST(KeyspaceRandom, FourShards) {
  for (uint64_t seed = 11; seed <= 16; ++seed) {
    RandomCommands(4, seed).run(10'000);
  }
}

}  // namespace
}  // namespace pollux
