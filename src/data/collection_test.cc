// Collections as the keyspace sees them: made, changed, copied, moved, deleted, compacted; and the
// table of members that large ones are made of, against a map.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "src/data/keyspace.h"
#include "src/data/member_table.h"

namespace pollux {
namespace {

// The simplest collection: names with values.
class Names final : public Collection {
 public:
  explicit Names(ShardMemory& memory) : Collection(memory), members(memory, id()) {}

  size_t size() const override { return members.size(); }
  size_t bytes() const override { return Arena::usable(sizeof(*this)) + members.bytes(); }
  Collection* clone(ShardMemory& memory) const override {
    Names* copy = memory.make<Names>();
    members.scan(0, SIZE_MAX, [&](Handle handle) {
      const Entry& member = *members.member(handle);
      copy->members.insert(Key::of(member.key()), member.stored_bytes());
    });
    return copy;
  }
  bool free_some(uint64_t until) override { return members.free_some(until); }
  void member_moved(Handle from, Handle to) override { members.moved(from, to); }

  void set(std::string_view name, std::string_view value) {
    const Key key = Key::of(name);
    if (const MemberTable::Place place = members.find(key)) {
      members.set_value(place, value);
    } else {
      members.insert(key, value);
    }
  }
  bool erase(std::string_view name) {
    const Key key = Key::of(name);
    const MemberTable::Place place = members.find(key);
    if (place) {
      members.erase(key, place);
    }
    return static_cast<bool>(place);
  }
  std::map<std::string, std::string> content() const {
    std::map<std::string, std::string> all;
    members.scan(0, SIZE_MAX, [&](Handle handle) {
      const Entry& member = *members.member(handle);
      EXPECT_TRUE(all.emplace(member.key(), member.stored_bytes()).second);
    });
    return all;
  }

  MemberTable members;
};

class CollectionTest : public testing::Test {
 protected:
  CollectionTest() { bind(0); }

  void bind(int db) { keys_.bind(ShardId{0}, db, now_); }
  Names& make(std::string_view key) {
    Edit edit(keys_, Key::of(key));
    Names* names = edit.memory().make<Names>();
    edit.set_collection(ValueType::kHash, Encoding::kHashtable, names);
    edit.keep_quiet();
    return *names;
  }
  const Names* at(std::string_view key) {
    const Entry* entry = keys_.peek(Key::of(key));
    return entry == nullptr ? nullptr : static_cast<const Names*>(entry->collection());
  }
  void remove(std::string_view key) {
    Edit edit(keys_, Key::of(key));
    edit.remove();
    edit.keep_quiet();
  }
  void tick_to_the_end() {
    while (store_.tick(now_, 1000)) {
    }
  }

  ShardStore store_{ShardId{0}, 4};
  ShardStore other_store_{ShardId{1}, 4};
  ShardStore* stores_[1] = {&store_};
  Keyspace keys_{stores_};
  Instant now_{1'700'000'000'000'000};
  Rng rng_{7};
};

std::string some_text(Rng& rng, size_t longest) {
  std::string text(rng.below(longest + 1), '\0');
  for (char& c : text) {
    c = static_cast<char>(rng.below(256));
  }
  return text;
}

TEST_F(CollectionTest, MembersAgainstAMap) {
  Names& names = make("k");
  std::map<std::string, std::string> model;
  for (int i = 0; i < 200'000; ++i) {
    std::string name = std::to_string(rng_.below(5000));
    if (rng_.below(20) == 0) {
      name += std::string(250 + rng_.below(20), 'n');  // around what fits inside
    }
    if (rng_.below(3) == 0) {
      EXPECT_EQ(names.erase(name), model.erase(name) > 0);
    } else {
      const size_t longest = rng_.below(50) == 0 ? 100'000 : rng_.below(10) == 0 ? 600 : 40;
      const std::string value = some_text(rng_, longest);
      names.set(name, value);
      model[name] = value;
    }
    if (i % 256 == 0) {
      store_.tick(now_, 200);
    }
    if (i % 20'000 == 0) {
      ASSERT_EQ(names.content(), model);
      ASSERT_EQ(names.size(), model.size());
    }
  }
  ASSERT_EQ(at("k")->content(), model);
  tick_to_the_end();
  // Nothing but this key is there.
  EXPECT_LE(std::abs(store_.live_bytes() - static_cast<int64_t>(names.bytes())),
            static_cast<int64_t>(names.bytes() / 50 + (64 << 10)));
}

TEST_F(CollectionTest, AValueOfAMemberMayBecomeItsOwn) {
  Names& names = make("k");
  for (const size_t bytes : {10U, 500U, 5000U}) {
    names.set("a", std::string(bytes, 'x') + "tail");
    const Key key = Key::of("a");
    const MemberTable::Place place = names.members.find(key);
    const std::string_view own = names.members.member(place.handle())->stored_bytes();
    names.members.set_value(place, own.substr(bytes / 2));
    EXPECT_EQ(names.content()["a"], std::string(bytes - bytes / 2, 'x') + "tail");
  }
}

TEST_F(CollectionTest, LivesThroughWhatKeysGoThrough) {
  Names& names = make("k");
  for (int i = 0; i < 1000; ++i) {
    names.set("m" + std::to_string(i), "value");
  }
  const auto content = names.content();
  EXPECT_GT(keys_.peek(Key::of("k"))->memory_usage(), 1000U * 20);
  {
    Edit edit(keys_, Key::of("k"));
    edit.set_expiry(now_.ms() + 1000);
    edit.notify(KeyEvent::kExpire);
  }
  EXPECT_EQ(at("k")->content(), content);
  {
    Edit to(keys_, Key::of("copy"));
    to.copy(*keys_.peek(Key::of("k")));
    to.notify(KeyEvent::kCopyTo);
  }
  EXPECT_EQ(at("copy")->content(), content);
  EXPECT_NE(at("copy"), &names);
  {
    Edit from(keys_, Key::of("k"));
    Edit to(keys_, Key::of("renamed"));
    to.take(from);
    from.notify(KeyEvent::kRenameFrom);
    to.notify(KeyEvent::kRenameTo);
  }
  EXPECT_EQ(at("renamed"), &names);
  EXPECT_EQ(at("k"), nullptr);
  {
    Edit edit(keys_, Key::of("copy"));
    edit.set_string("no collection any more");
    edit.clear_expiry();
    edit.notify(KeyEvent::kSet);
  }
  EXPECT_EQ(keys_.peek(Key::of("copy"))->type(), ValueType::kString);
  now_.us += 2'000'000;
  bind(0);
  tick_to_the_end();
  EXPECT_EQ(at("renamed"), nullptr);
  EXPECT_EQ(store_.counts(0).keys, 1U);
  remove("copy");
  tick_to_the_end();
  EXPECT_EQ(store_.live_bytes(), 0);
}

TEST_F(CollectionTest, LargeOnesAreFreedInSlices) {
  for (const bool flush : {false, true}) {
    Names& names = make("k");
    for (int i = 0; i < 300'000; ++i) {
      names.set("member:" + std::to_string(i), "a value of some bytes");
    }
    const int64_t before = store_.live_bytes();
    if (flush) {
      store_.flush(0);
    } else {
      remove("k");
    }
    EXPECT_LE(store_.live_bytes(), before / 20) << "what is deleted counts no more";
    int slices = 0;
    for (; store_.has_dead(); ++slices) {
      ASSERT_LE(store_.live_bytes(), before / 20);
      store_.tick(now_, 100);
    }
    EXPECT_GT(slices, 5);
    tick_to_the_end();
    EXPECT_EQ(store_.live_bytes(), 0);
  }
}

TEST_F(CollectionTest, CompactionMovesMembers) {
  Names& one = make("one");
  Names& two = make("two");
  std::map<std::string, std::string> of_one, of_two;
  for (int i = 0; i < 200'000; ++i) {
    const std::string name = "member:" + std::to_string(i);
    one.set(name, "1");
    of_one[name] = "1";
    two.set(name, "2");
    of_two[name] = "2";
  }
  for (int i = 0; i < 200'000; ++i) {
    if (rng_.below(100) != 0) {
      const std::string name = "member:" + std::to_string(i);
      ASSERT_TRUE(one.erase(name) && two.erase(name));
      of_one.erase(name);
      of_two.erase(name);
    }
    if (i % 256 == 0) {
      store_.tick(now_, 200);
    }
  }
  tick_to_the_end();
  EXPECT_GT(store_.stats().moved_blocks, 100U);
  EXPECT_EQ(at("one")->content(), of_one);
  EXPECT_EQ(at("two")->content(), of_two);
  EXPECT_LE(store_.used_bytes(), store_.live_bytes() + store_.live_bytes() / 20 + (4 << 20));
}

TEST_F(CollectionTest, FlatBytesGrowAndShrink) {
  std::string model;
  for (int i = 0; i < 20'000; ++i) {
    const size_t size = rng_.below(rng_.below(10) == 0 ? 20'000 : 600);
    Edit edit(keys_, Key::of("flat"));
    std::span<char> bytes = edit.resize_flat(ValueType::kList, Encoding::kListpack, size);
    ASSERT_EQ(bytes.size(), size);
    const size_t kept = std::min(size, model.size());
    ASSERT_EQ(std::string_view(bytes.data(), kept), model.substr(0, kept)) << i;
    model.resize(size);
    for (size_t at = 0; at < size; at += 1 + size / 16) {
      model[at] = static_cast<char>(rng_.below(256));
    }
    std::copy(model.begin(), model.end(), bytes.begin());
    edit.keep_quiet();
    const Entry& entry = *keys_.peek(Key::of("flat"));
    ASSERT_EQ(entry.type(), ValueType::kList);
    ASSERT_EQ(entry.encoding(), Encoding::kListpack);
    ASSERT_EQ(entry.flat(), model);
  }
  remove("flat");
  tick_to_the_end();
  EXPECT_EQ(store_.live_bytes(), 0);
}

TEST_F(CollectionTest, CopiesGoToOtherShards) {
  Names& names = make("k");
  for (int i = 0; i < 500; ++i) {
    names.set(std::to_string(i), std::string(static_cast<size_t>(i) * 3, 'v'));
  }
  ShardStore* both[2] = {&store_, &other_store_};
  Keyspace keys{both};
  const uint64_t held[1] = {3};
  keys.bind_leased(held, 0, now_);
  std::string to_name = "a";
  while (&keys.store_of(Key::of(to_name)) != &other_store_) {
    to_name += "a";
  }
  std::string from_name = "b";
  while (&keys.store_of(Key::of(from_name)) != &store_) {
    from_name += "b";
  }
  {
    Edit from(keys, Key::of(from_name));
    from.copy(*keys_.peek(Key::of("k")));
    Edit to(keys, Key::of(to_name));
    to.take(from);
    from.notify(KeyEvent::kRenameFrom);
    to.notify(KeyEvent::kRenameTo);
  }
  const Entry* there = keys.peek(Key::of(to_name));
  EXPECT_EQ(static_cast<const Names*>(there->collection())->content(), names.content());
  EXPECT_EQ(keys.peek(Key::of(from_name)), nullptr);
}

}  // namespace
}  // namespace pollux
