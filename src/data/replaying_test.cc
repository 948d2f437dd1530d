// What a history needs of the data: that who keeps one hears of all that ends by its time, and that
// nothing ends by itself while it is run again.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

#include "src/data/hash_value.h"

namespace pollux {
namespace {

class EndLog final : public ChangeObserver {
 public:
  explicit EndLog(ShardStore& store) : store_(store) {}
  void before(int, const Key&, const Entry*) override {}
  void after(int, const Key& key, KeyEvent event, const Entry*) override {
    text += std::string(key_event_row(event).name) + " " + std::string(key.bytes) + "; ";
  }
  void before_flush(int) override {}
  void before_swap(int, int) override {}
  void field_expired(int db, const Key& key, std::string_view field) override {
    EXPECT_NE(store_.look(db, key), nullptr);
    text += "end " + std::string(key.bytes) + "." + std::string(field) + "; ";
    EXPECT_TRUE(ended.emplace(field).second) << field;
  }
  void all_fields_expired(int db, const Key& key) override {
    EXPECT_NE(store_.look(db, key), nullptr);
    text += "end " + std::string(key.bytes) + "; ";
  }
  std::string take() { return std::exchange(text, {}); }

  std::string text;
  std::set<std::string> ended;

 private:
  ShardStore& store_;
};

class ReplayingTest : public testing::Test {
 protected:
  ReplayingTest() {
    bind();
    store_.set_observer(&log_);
  }
  void bind() { keys_.bind(ShardId{0}, 0, now_); }
  void advance(int64_t ms) {
    now_.us += ms * 1000;
    bind();
  }
  void set_field(std::string_view field, int64_t ends_in_ms) {
    Edit edit(keys_, Key::of("h"));
    HashEditor hash(edit, limits_);
    hash.set(field, "v");
    if (ends_in_ms > 0) {
      hash.set_expiry(field, now_.ms() + ends_in_ms);
    }
    edit.keep_quiet();
  }
  void fill(int fields, int64_t ends_in_ms) {
    for (int i = 0; i < fields; ++i) {
      set_field("f" + std::to_string(i), ends_in_ms);
    }
  }

  // A thousand fields end, of which an access removes some, and hides the others.
  void fill_and_hide() {
    limits_.hash_listpack_entries = 0;
    fill(1000, 5);
    set_field("stays", 0);
    advance(10);
    keys_.find(Key::of("h"));
    EXPECT_EQ(log_.ended.size(), 256U);
  }

  ShardStore store_{ShardId{0}, 1};
  EndLog log_{store_};
  ShardStore* stores_[1] = {&store_};
  Keyspace keys_{stores_};
  Instant now_{1'700'000'000'000'000};
  EncodingLimits limits_;
};

TEST_F(ReplayingTest, FieldsAreToldBeforeTheyGo) {
  for (const int64_t entries : {512, 0}) {
    limits_.hash_listpack_entries = entries;
    log_.ended.clear();
    set_field("7", 2);
    set_field("a", 1);
    set_field("stays", 0);
    advance(2);
    keys_.find(Key::of("h"));
    EXPECT_EQ(log_.take(), "end h.a; hexpired h; ");
    advance(1);
    store_.tick(now_, INT64_MAX);
    EXPECT_EQ(log_.take(), "end h.7; hexpired h; ");
    store_.flush(0);
  }
}

TEST_F(ReplayingTest, AHashThatEndsAtOnceIsToldOnce) {
  limits_.hash_listpack_entries = 0;
  fill(1000, 5);
  advance(10);
  EXPECT_EQ(keys_.find(Key::of("h")), nullptr);
  EXPECT_EQ(log_.take(), "end h; hexpired h; del h; ");
}

TEST_F(ReplayingTest, EachOfManyFieldsIsToldOnce) {
  fill_and_hide();
  while (store_.tick(now_, 0)) {
  }
  EXPECT_EQ(log_.ended.size(), 1000U);
}

TEST_F(ReplayingTest, AHiddenFieldIsToldWhenAnotherTakesItsPlace) {
  fill_and_hide();
  for (int i = 0; i < 1000; ++i) {
    set_field("f" + std::to_string(i), 0);
  }
  EXPECT_EQ(log_.ended.size(), 1000U);
  while (store_.tick(now_, 0)) {
  }
  EXPECT_EQ(log_.ended.size(), 1000U);
}

TEST_F(ReplayingTest, NothingIsOver) {
  {
    Edit edit(keys_, Key::of("k"));
    edit.set_string("v");
    edit.set_expiry(now_.ms() + 5);
    edit.keep_quiet();
  }
  set_field("a", 5);
  EXPECT_TRUE(keys_.is_over(now_.ms()));
  keys_.set_replaying(true);
  EXPECT_FALSE(keys_.is_over(now_.ms()));
  advance(1'000'000);
  log_.take();
  EXPECT_NE(keys_.find(Key::of("k")), nullptr);
  EXPECT_NE(keys_.peek(Key::of("k")), nullptr);
  EXPECT_NE(Edit(keys_, Key::of("k")).entry(), nullptr);
  for (const bool frozen : {false, true}) {
    keys_.set_frozen(frozen);
    EXPECT_TRUE(HashView(keys_.find(Key::of("h")), keys_.ended_ms()).contains("a"));
  }
  EXPECT_EQ(log_.take(), "");
  keys_.set_frozen(false);
  keys_.set_replaying(false);
  EXPECT_EQ(keys_.find(Key::of("k")), nullptr);
  EXPECT_EQ(keys_.find(Key::of("h")), nullptr);
  EXPECT_EQ(log_.take(), "expired k; end h.a; hexpired h; del h; ");
}

}  // namespace
}  // namespace pollux
