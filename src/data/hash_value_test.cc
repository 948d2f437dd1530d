// Hashes in both forms against a map, and whether chance is fair to their fields.
#include "src/data/hash_value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

namespace pollux {
namespace {

using Model = std::map<std::string, std::string>;

std::string text_of(const PackedValue& value) {
  char scratch[kInt64TextMax];
  return std::string(value.text(scratch));
}

class HashValueTest : public testing::Test {
 protected:
  HashValueTest() { keys_.bind(ShardId{0}, 0, now_); }

  const Entry* entry() { return keys_.peek(key_); }
  HashView view() { return HashView(entry()); }
  bool set(std::string_view field, std::string_view value) {
    Edit edit(keys_, key_);
    const bool is_new = HashEditor(edit, limits_).set(field, value);
    edit.notify(KeyEvent::kHSet);
    return is_new;
  }
  bool erase(std::string_view field) {
    Edit edit(keys_, key_);
    HashEditor hash(edit, limits_);
    const bool erased = hash.erase(field);
    if (erased && hash.size() == 0) {
      edit.remove();
    }
    edit.notify(KeyEvent::kHDel);
    return erased;
  }
  Model content() {
    Model all;
    view().for_each([&all](const HashView::Pair& pair) {
      EXPECT_TRUE(all.emplace(text_of(pair.field), text_of(pair.value)).second);
    });
    return all;
  }
  bool is_large() { return entry() != nullptr && entry()->encoding() == Encoding::kHashtable; }
  void fill(int fields) {
    for (int i = 0; i < fields; ++i) {
      set("field:" + std::to_string(i), std::to_string(i));
    }
  }

  ShardStore store_{ShardId{0}, 4};
  ShardStore* stores_[1] = {&store_};
  Keyspace keys_{stores_};
  Instant now_{1'700'000'000'000'000};
  Rng rng_{11};
  EncodingLimits limits_;
  const Key key_ = Key::of("hash");
};

std::string some_text(Rng& rng) {
  switch (rng.below(8)) {
    case 0:
      return std::to_string(static_cast<int64_t>(rng.next()) >> rng.below(64));
    case 1:
      return std::string(rng.below(64), 'x');
    case 2:
      return rng.below(400) == 0 ? std::string(rng.below(2000), 'l') : "";
    default:
      return std::to_string(rng.below(30));
  }
}

// What the goal for small hashes stands on: header 8, key 16, count 2, each pair 18.
TEST_F(HashValueTest, SmallOneTakesItsElementsAndACount) {
  const Key key = Key::of("hash:00000000001");
  Edit edit(keys_, key);
  for (int i = 0; i < 10; ++i) {
    HashEditor(edit, limits_).set("name0" + std::to_string(i), "0000000" + std::to_string(i));
  }
  edit.notify(KeyEvent::kHSet);
  EXPECT_EQ(edit.entry()->block_bytes(), 8U + 16 + 2 + 10 * 18);
  EXPECT_EQ(edit.entry()->own_bytes(), 208U);
}

TEST_F(HashValueTest, BothFormsAgainstAMap) {
  for (int round = 0; round < 60; ++round) {
    limits_.hash_listpack_entries = static_cast<int64_t>(rng_.below(60));
    Model model;
    const uint64_t erase_one_in = 2 + rng_.below(4);
    for (int i = 0; i < 2000; ++i) {
      const std::string field = some_text(rng_);
      if (rng_.below(erase_one_in) == 0) {
        ASSERT_EQ(erase(field), model.erase(field) > 0);
      } else {
        const std::string value = some_text(rng_);
        ASSERT_EQ(set(field, value), model.insert_or_assign(field, value).second);
      }
      const std::string asked = some_text(rng_);
      const auto found = view().find(asked);
      const auto expected = model.find(asked);
      ASSERT_EQ(found.has_value(), expected != model.end());
      if (found) {
        ASSERT_EQ(text_of(*found), expected->second);
      }
      ASSERT_EQ(view().size(), model.size());
      if (i % 64 == 0) {
        ASSERT_EQ(content(), model);
        store_.tick(now_, 100);
      }
    }
    ASSERT_EQ(content(), model);
    while (!model.empty()) {
      ASSERT_TRUE(erase(model.begin()->first));
      model.erase(model.begin());
    }
    ASSERT_EQ(entry(), nullptr);
  }
  while (store_.tick(now_, 1000)) {
  }
  EXPECT_EQ(store_.live_bytes(), 0);
}

TEST_F(HashValueTest, GrowsOverALimitAndStaysLarge) {
  fill(512);
  EXPECT_FALSE(is_large());
  set("field:0", "again");
  EXPECT_FALSE(is_large());
  set("one more", "");
  EXPECT_TRUE(is_large());
  for (int i = 1; i < 512; ++i) {
    erase("field:" + std::to_string(i));
  }
  EXPECT_TRUE(is_large());
  EXPECT_EQ(content(), (Model{{"field:0", "again"}, {"one more", ""}}));
}

TEST_F(HashValueTest, LongTextsMakeItLarge) {
  set("f", std::string(64, 'v'));
  EXPECT_FALSE(is_large());
  set("f", std::string(65, 'v'));
  EXPECT_TRUE(is_large());
  erase("f");
  set(std::string(65, 'f'), "v");
  EXPECT_TRUE(is_large());
}

TEST_F(HashValueTest, ALowerLimitCountsAtTheNextChange) {
  fill(10);
  limits_.hash_listpack_entries = 9;
  EXPECT_FALSE(set("field:3", "x"));
  EXPECT_TRUE(is_large());
  EXPECT_EQ(content().size(), 10U);
}

TEST_F(HashValueTest, KeepsItsTtlInBothForms) {
  fill(3);
  {
    Edit edit(keys_, key_);
    edit.set_expiry(now_.ms() + 5000);
    edit.notify(KeyEvent::kExpire);
  }
  fill(600);
  EXPECT_TRUE(is_large());
  EXPECT_EQ(entry()->expiry_ms(), now_.ms() + 5000);
}

TEST_F(HashValueTest, ScanSeesWhatStays) {
  fill(5000);
  std::map<std::string, int> seen;
  uint64_t cursor = 0;
  int calls = 0;
  do {
    cursor = view().scan(cursor, 10, [&seen](const HashView::Pair& pair) {
      ++seen[text_of(pair.field)];
    });
    set("new:" + std::to_string(calls), "");
    erase("field:" + std::to_string(4999 - calls));
    ++calls;
  } while (cursor != 0);
  EXPECT_GT(calls, 100);
  for (int i = 0; i < 4000; ++i) {
    EXPECT_EQ(seen["field:" + std::to_string(i)], 1) << i;
  }
}

// Chi-square over the fields, against the mean and six times its deviation.
void expect_uniform(const std::map<std::string, int>& hits, size_t fields) {
  ASSERT_EQ(hits.size(), fields);
  double draws = 0;
  for (const auto& [field, count] : hits) {
    draws += count;
  }
  const double expected = draws / static_cast<double>(fields);
  double sum = 0;
  for (const auto& [field, count] : hits) {
    sum += (count - expected) * (count - expected) / expected;
  }
  const double freedom = static_cast<double>(fields - 1);
  EXPECT_LT(std::abs(sum - freedom), 6 * std::sqrt(2 * freedom));
}

TEST_F(HashValueTest, ChanceIsFair) {
  for (const int fields : {20, 700}) {
    fill(fields);
    ASSERT_EQ(is_large(), fields == 700);
    std::map<std::string, int> one;
    std::map<std::string, int> drawn;
    for (int i = 0; i < fields * 50; ++i) {
      ++one[text_of(view().random(rng_).field)];
    }
    expect_uniform(one, fields);
    view().draw(fields * 50, rng_, [&drawn](const HashView::Pair& pair) {
      EXPECT_EQ("field:" + text_of(pair.value), text_of(pair.field));
      ++drawn[text_of(pair.field)];
    });
    expect_uniform(drawn, fields);
  }
}

TEST_F(HashValueTest, SamplesAreDistinctAndFair) {
  for (const int fields : {20, 700}) {
    fill(fields);
    for (const int wanted : {0, 1, fields / 5, fields / 2, fields - 1, fields}) {
      std::map<std::string, int> hits;
      const int rounds = wanted == 0 || wanted == fields ? 1 : fields * 50 / wanted;
      for (int i = 0; i < rounds; ++i) {
        std::map<std::string, int> sample;
        view().sample(wanted, rng_, [&](const HashView::Pair& pair) {
          ++sample[text_of(pair.field)];
          ++hits[text_of(pair.field)];
        });
        ASSERT_EQ(sample.size(), static_cast<size_t>(wanted));
      }
      if (rounds > 1) {
        // Without repetition the counts vary less than chi-square says; so only the upper bound.
        ASSERT_LE(hits.size(), static_cast<size_t>(fields));
        const double mean = static_cast<double>(rounds) * wanted / fields;
        for (const auto& [field, count] : hits) {
          EXPECT_LT(std::abs(count - mean), 6 * std::sqrt(mean)) << field;
        }
        if (mean > 20) {
          EXPECT_EQ(hits.size(), static_cast<size_t>(fields));
        }
      }
    }
  }
}

}  // namespace
}  // namespace pollux
