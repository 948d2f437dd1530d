// TTLs of hash fields, in all forms, against a slow and obvious model: a map of fields with values
// and times, from which what has ended is dropped before anything is asked.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "src/data/hash_value.h"

namespace pollux {
namespace {

std::string text_of(const PackedValue& value) {
  char scratch[kInt64TextMax];
  return std::string(value.text(scratch));
}

struct Field {
  std::string value;
  int64_t at_ms;  // -1: for ever
  bool operator==(const Field&) const = default;
};
using Fields = std::map<std::string, Field>;

class EventLog final : public ChangeObserver {
 public:
  void before(int, const Key&, const Entry*) override {}
  void after(int, const Key& key, KeyEvent event, const Entry*) override {
    text += std::string(key_event_row(event).name) + " " + std::string(key.bytes) + "; ";
  }
  void before_flush(int) override {}
  void before_swap(int, int) override {}
  std::string text;
};

class HashExpiryTest : public testing::Test {
 protected:
  HashExpiryTest() { bind(); }

  void bind(int db = 0) { keys_.bind(ShardId{0}, db, now_); }
  void advance(int64_t ms) {
    now_.us += ms * 1000;
    bind();
  }
  int64_t now_ms() const { return now_.ms(); }

  void set(std::string_view key, std::string_view field, std::string_view value,
           HashEditor::Ttl ttl = HashEditor::Ttl::kCleared) {
    Edit edit(keys_, Key::of(key));
    HashEditor(edit, limits_).set(field, value, ttl);
    edit.notify(KeyEvent::kHSet);
  }
  void set_expiry(std::string_view key, std::string_view field, int64_t at_ms) {
    Edit edit(keys_, Key::of(key));
    HashEditor(edit, limits_).set_expiry(field, at_ms);
    edit.keep_quiet();
  }
  // Of "h", so many that they go in slices, at three times from the next millisecond on.
  static constexpr int kFields = 50'000;
  void fill_with_ttls() {
    for (int i = 0; i < kFields; ++i) {
      const std::string field = "field:" + std::to_string(i);
      set("h", field, "some value");
      set_expiry("h", field, now_ms() + 1 + i % 3);
    }
  }
  void erase(std::string_view key, std::string_view field) {
    Edit edit(keys_, Key::of(key));
    HashEditor hash(edit, limits_);
    hash.erase(field);
    if (edit.entry() != nullptr && hash.size() == 0) {
      edit.remove();
    }
    edit.notify(KeyEvent::kHDel);
  }
  Fields content(std::string_view key) {
    Fields all;
    const HashView view(keys_.peek(Key::of(key)));
    view.for_each([&](const HashView::Pair& pair) {
      const std::string field = text_of(pair.field);
      EXPECT_TRUE(all.emplace(field, Field{text_of(pair.value), *view.expiry_ms(field)}).second);
    });
    EXPECT_EQ(all.size(), view.size());
    return all;
  }
  void check(std::string_view key, const Fields& model) {
    ASSERT_EQ(content(key), model);
    const Entry* entry = keys_.peek(Key::of(key));
    ASSERT_EQ(entry == nullptr, model.empty());
    if (entry == nullptr) {
      return;
    }
    int64_t next = -1;
    for (const auto& [name, field] : model) {
      next = field.at_ms >= 0 && (next < 0 || field.at_ms < next) ? field.at_ms : next;
    }
    ASSERT_EQ(entry->field_timer_ms(), next);
    if (const Collection* large = entry->collection()) {
      static_cast<const MemberCollection*>(large)->check();
    }
  }
  void drain() {
    for (int db = 0; db < store_.databases(); ++db) {
      store_.flush(db);
    }
    while (store_.tick(now_, INT64_MAX)) {
    }
    EXPECT_EQ(store_.live_bytes(), 0);
  }

  EventLog log_;
  ShardStore store_{ShardId{0}, 4};
  ShardStore* stores_[1] = {&store_};
  Keyspace keys_{stores_};
  Instant now_{1'700'000'000'000'000};
  Rng rng_{7};
  EncodingLimits limits_;
};

std::string some_name(Rng& rng) {
  const std::string number = std::to_string(rng.below(40));
  return rng.below(3) == 0 ? number : "field:" + number;
}

std::string some_value(Rng& rng) {
  switch (rng.below(6)) {
    case 0:
      return std::to_string(static_cast<int64_t>(rng.next()) >> rng.below(64));
    case 1:
      return rng.below(200) == 0 ? std::string(700, 'l') : "";
    default:
      return std::string(rng.below(64), 'v');
  }
}

// Hashes under a few names, which are changed, copied, moved over each other and left to time.
TEST_F(HashExpiryTest, AgainstAModel) {
  store_.set_observer(&log_);
  for (int round = 0; round < 60; ++round) {
    limits_.hash_listpack_entries = round % 3 == 0 ? 0 : static_cast<int64_t>(rng_.below(50));
    std::map<std::string, Fields> model;
    for (int step = 0; step < 1500; ++step) {
      const std::string key = "h" + std::to_string(rng_.below(3));
      const std::string field = some_name(rng_);
      Fields& fields = model[key];
      const auto there = fields.find(field);
      const int64_t at_ms = now_ms() + 1 + static_cast<int64_t>(rng_.below(200));
      switch (rng_.below(12)) {
        case 0:
        case 1:
        case 2: {
          const std::string value = some_value(rng_);
          set(key, field, value);
          fields[field] = {value, -1};
          break;
        }
        case 3:
          if (there != fields.end()) {
            const std::string value = some_value(rng_);
            set(key, field, value, HashEditor::Ttl::kKept);
            there->second.value = value;
          }
          break;
        case 4:
        case 5:
        case 6:
          if (there != fields.end()) {
            set_expiry(key, field, at_ms);
            there->second.at_ms = at_ms;
          }
          break;
        case 7:
          if (there != fields.end()) {
            set_expiry(key, field, -1);
            there->second.at_ms = -1;
          }
          break;
        case 8:
          erase(key, field);
          fields.erase(field);
          break;
        case 9: {
          const std::string to = "h" + std::to_string(rng_.below(3));
          const Entry* source = keys_.peek(Key::of(key));
          if (source == nullptr || to == key) {
            break;
          }
          const bool takes = rng_.below(2) == 0;
          Edit from(keys_, Key::of(key));
          Edit edit(keys_, Key::of(to));
          if (takes) {
            edit.take(from);
            from.notify(KeyEvent::kRenameFrom);
            edit.notify(KeyEvent::kRenameTo);
          } else {
            edit.copy(*from.entry());
            edit.notify(KeyEvent::kCopyTo);
          }
          model[to] = model[key];
          if (takes) {
            model[key].clear();
          }
          break;
        }
        case 10: {
          Edit edit(keys_, Key::of(key));
          if (edit.entry() != nullptr && rng_.below(4) == 0) {
            edit.set_expiry(now_ms() + 1'000'000);
            edit.keep_quiet();
          } else if (edit.clear_expiry()) {
            edit.keep_quiet();
          }
          break;
        }
        default:
          advance(static_cast<int64_t>(rng_.below(20)));
          if (rng_.below(2) == 0) {
            store_.tick(now_, rng_.below(2) == 0 ? INT64_MAX : 0);
          }
          break;
      }
      for (auto& [name, of] : model) {
        std::erase_if(of, [&](const auto& one) {
          return one.second.at_ms >= 0 && one.second.at_ms < now_ms();
        });
        if (step % 7 == 0 || name == key) {
          check(name, of);
        }
        if (HasFatalFailure()) {
          return;
        }
      }
    }
    store_.flush(0);
  }
  drain();
}

TEST_F(HashExpiryTest, TheTickRemovesWhatIsDueAndSaysWhenToCome) {
  store_.set_observer(&log_);
  store_.tick(now_, 1000);
  for (const int64_t entries : {512, 0}) {
    limits_.hash_listpack_entries = entries;
    log_.text.clear();
    set("h", "a", "1");
    set("h", "b", "2");
    set("h", "c", "3");
    EXPECT_EQ(store_.next_expiry_ms(), INT64_MAX);
    set_expiry("h", "b", now_ms() + 2);
    set_expiry("h", "a", now_ms() + 1);
    set_expiry("h", "c", now_ms() + 2);
    const auto wakes_by = [this](int64_t at_ms) {  // at that time, or before it to look again
      return store_.next_expiry_ms() > now_ms() && store_.next_expiry_ms() <= at_ms;
    };
    EXPECT_TRUE(wakes_by(now_ms() + 2));
    EXPECT_EQ(store_.counts(0).keys_with_field_ttls, 1U);
    log_.text.clear();
    advance(1);
    EXPECT_FALSE(store_.tick(now_, 1000));
    EXPECT_EQ(log_.text, "");
    advance(1);
    EXPECT_FALSE(store_.tick(now_, 1000));
    EXPECT_EQ(log_.text, "hexpired h; ");
    EXPECT_TRUE(wakes_by(now_ms() + 1));
    advance(1);
    EXPECT_FALSE(store_.tick(now_, 1000));
    EXPECT_EQ(log_.text, "hexpired h; hexpired h; del h; ");
    EXPECT_EQ(store_.next_expiry_ms(), INT64_MAX);
    EXPECT_EQ(store_.key_count(0), 0U);
    EXPECT_EQ(store_.counts(0).keys_with_field_ttls, 0U);
  }
  EXPECT_EQ(store_.stats().expired_fields, 6U);
  drain();
}

TEST_F(HashExpiryTest, ManyFieldsGoInSlices) {
  fill_with_ttls();
  set("h", "stays", "1");
  advance(10);
  int slices = 0;
  while (store_.tick(now_, 100)) {
    ++slices;
  }
  EXPECT_GT(slices, 3);
  EXPECT_EQ(HashView(keys_.peek(Key::of("h"))).size(), 1U);
  drain();
}

// What an access can't remove is out of sight, whatever is asked or changed meanwhile.
TEST_F(HashExpiryTest, WhatWaitsToBeRemovedIsNotSeen) {
  constexpr int kSome = 4000;
  limits_.hash_listpack_entries = 0;
  Fields model;
  const auto name = [](uint64_t i) { return "field:" + std::to_string(i); };
  for (int i = 0; i < kSome; ++i) {
    const int64_t at_ms = i % 4 == 0 ? -1 : now_ms() + 10 + i % 3 * 1000;
    set("h", name(static_cast<uint64_t>(i)), "v");
    set_expiry("h", name(static_cast<uint64_t>(i)), at_ms);
    model[name(static_cast<uint64_t>(i))] = {"v", at_ms};
  }
  advance(1011);  // two thirds of those that end are due
  std::erase_if(model, [&](const auto& one) {
    return one.second.at_ms >= 0 && one.second.at_ms < now_ms();
  });
  ASSERT_EQ(content("h"), model);
  ASSERT_TRUE(HashView(keys_.peek(Key::of("h"))).has_hidden());
  for (int step = 0; step < 6; ++step) {
    const std::string field = name(rng_.below(kSome));
    const HashView view(keys_.peek(Key::of("h")));
    ASSERT_EQ(view.size(), model.size());
    ASSERT_EQ(view.contains(field), model.contains(field));
    ASSERT_EQ(view.expiry_ms(field).has_value(), model.contains(field));
    Fields scanned;
    uint64_t cursor = 0;
    do {
      cursor = view.scan(cursor, 10, [&](const HashView::Pair& pair) {
        const std::string met = text_of(pair.field);
        scanned[met] = {text_of(pair.value), *view.expiry_ms(met)};
      });
    } while (cursor != 0);
    ASSERT_EQ(scanned, model);
    Edit edit(keys_, Key::of("h"));
    HashEditor hash(edit, limits_);
    if (step % 2 == 0) {
      const auto ttl = step == 0 ? HashEditor::Ttl::kKept : HashEditor::Ttl::kCleared;
      ASSERT_EQ(hash.set(field, "again", ttl), !model.contains(field));
      const int64_t at_ms = model.contains(field) && step == 0 ? model[field].at_ms : -1;
      model[field] = {"again", at_ms};
    } else {
      ASSERT_EQ(hash.erase(field), model.erase(field) > 0);
    }
    edit.keep_quiet();
  }
  {
    Edit edit(keys_, Key::of("copy"));
    edit.copy(*keys_.peek(Key::of("h")));
    edit.notify(KeyEvent::kCopyTo);
  }
  ASSERT_EQ(content("copy"), model);
  while (store_.tick(now_, 100)) {
  }
  ASSERT_FALSE(HashView(keys_.peek(Key::of("h"))).has_hidden());
  check("h", model);
  check("copy", model);
  drain();
}

TEST_F(HashExpiryTest, AHashThatIsDueAsAWholeGoesAtOnce) {
  fill_with_ttls();
  advance(10);
  EXPECT_EQ(keys_.peek(Key::of("h")), nullptr);
  EXPECT_TRUE(store_.has_dead());  // to be taken apart in slices
  EXPECT_EQ(store_.stats().expired_fields, static_cast<uint64_t>(kFields));
  drain();
}

// Blocks with timers are moved like others.
TEST_F(HashExpiryTest, SurvivesCompaction) {
  std::map<std::string, Fields> model;
  for (int i = 0; i < 3000; ++i) {
    const std::string key = "hash:" + std::to_string(i);
    const int fields = i % 100 == 0 ? 600 : 3;
    for (int k = 0; k < fields; ++k) {
      const std::string field = "f" + std::to_string(k);
      set(key, field, "value");
      const int64_t at_ms = k % 2 == 0 ? now_ms() + 100'000 + k : -1;
      set_expiry(key, field, at_ms);
      model[key][field] = {"value", at_ms};
    }
  }
  for (int i = 0; i < 3000; ++i) {
    if (i % 4 != 0) {
      const std::string key = "hash:" + std::to_string(i);
      Edit edit(keys_, Key::of(key));
      edit.remove();
      edit.keep_quiet();
      model.erase(key);
    }
  }
  while (store_.tick(now_, 1000)) {
  }
  EXPECT_GT(store_.stats().moved_blocks, 100U);
  for (const auto& [key, fields] : model) {
    check(key, fields);
  }
  EXPECT_EQ(store_.counts(0).keys_with_field_ttls, model.size());
  advance(200'000);
  while (store_.tick(now_, 1000)) {
  }
  for (auto& [key, fields] : model) {
    std::erase_if(fields, [](const auto& one) { return one.second.at_ms >= 0; });
    check(key, fields);
  }
  drain();
}

// A hash without TTLs pays nothing, one with them what is written in README.
TEST_F(HashExpiryTest, Memory) {
  const auto taken_a_field = [this](int64_t entries, bool timed, const std::string& value) {
    limits_.hash_listpack_entries = entries;
    const int kEach = entries > 0 ? 10 : 500;
    const int kHashes = 100'000 / kEach;
    const int64_t before = store_.live_bytes();
    for (int i = 0; i < kHashes * kEach; ++i) {
      const std::string key = "hash:" + std::to_string(i / kEach);
      const std::string field = "field:" + std::to_string(1000 + i % kEach);
      set(key, field, value);
      if (timed) {
        set_expiry(key, field, now_ms() + 1'000'000 + i % 1000 * 1000);
      }
    }
    const auto taken = static_cast<double>(store_.live_bytes() - before) / kHashes / kEach;
    drain();
    return taken;
  };
  // The mean of lengths with which ten fields leave all rests of 8 that they can: a block's
  // rounding, which may be 7 bytes with TTLs and none without, is not what is asked for.
  const auto bytes_a_field = [&](int64_t entries, bool timed) {
    double sum = 0;
    for (const size_t length : {12, 13, 14, 15}) {
      sum += taken_a_field(entries, timed, std::string(length, 'v'));
    }
    return sum / 4;
  };
  const double small = bytes_a_field(512, false);
  const double small_timed = bytes_a_field(512, true);
  const double large = bytes_a_field(0, false);
  const double large_timed = bytes_a_field(0, true);
  std::printf("bytes a field: small %.1f, with a TTL %.1f; large %.1f, with a TTL %.1f\n", small,
              small_timed, large, large_timed);
  EXPECT_LT(small_timed, small + 10 + 16.0 / 10 + 1);  // 10 fields share a timer
  EXPECT_LT(large_timed, large + 16 + 9);
}

}  // namespace
}  // namespace pollux
