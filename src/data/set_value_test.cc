// Sets in their three forms against a std::set, and whether chance is fair to their members.
#include "src/data/set_value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>

namespace pollux {
namespace {

using Model = std::set<std::string>;

std::string text_of(const PackedValue& value) {
  char scratch[kInt64TextMax];
  return std::string(value.text(scratch));
}

class SetValueTest : public testing::Test {
 protected:
  SetValueTest() { keys_.bind(ShardId{0}, 0, now_); }

  const Entry* entry() { return keys_.peek(key_); }
  SetView view() { return SetView(entry()); }
  bool add(std::string_view text) {
    Edit edit(keys_, key_);
    const bool is_new = SetEditor(edit, limits_).add(SetMember(text));
    edit.notify(KeyEvent::kSAdd);
    return is_new;
  }
  bool erase(std::string_view text) {
    Edit edit(keys_, key_);
    SetEditor set(edit, limits_);
    const bool erased = set.erase(SetMember(text));
    if (erased && set.size() == 0) {
      edit.remove();
    }
    edit.notify(KeyEvent::kSRem);
    return erased;
  }
  void remove() {
    Edit edit(keys_, key_);
    edit.remove();
    edit.notify(KeyEvent::kDel);
  }
  Model content() {
    Model all;
    view().for_each([&all](const PackedValue& member) {
      EXPECT_TRUE(all.insert(text_of(member)).second);
      return true;
    });
    return all;
  }
  std::string form() {
    return std::string(encoding_name(entry()->encoding())) +
           (entry()->collection() != nullptr ? ", table" : "");
  }
  void fill(std::string_view prefix, int members) {
    for (int i = 0; i < members; ++i) {
      add(std::string(prefix) + std::to_string(i));
    }
  }

  ShardStore store_{ShardId{0}, 4};
  ShardStore* stores_[1] = {&store_};
  Keyspace keys_{stores_};
  Instant now_{1'700'000'000'000'000};
  Rng rng_{13};
  EncodingLimits limits_;
  const Key key_ = Key::of("set");
};

std::string some_text(Rng& rng, bool only_integers) {
  if (only_integers || rng.below(3) == 0) {
    return std::to_string(static_cast<int64_t>(rng.next()) >> (40 + rng.below(24)));
  }
  return rng.below(300) == 0 ? std::string(rng.below(400), 'l')
                             : "m" + std::to_string(rng.below(200));
}

TEST_F(SetValueTest, AllFormsAgainstASet) {
  std::map<std::string, int> forms;
  for (int round = 0; round < 90; ++round) {
    limits_.set_intset_entries = static_cast<int64_t>(rng_.below(300));
    Model model;
    const uint64_t erase_one_in = 2 + rng_.below(4);
    for (int i = 0; i < 1500; ++i) {
      const std::string text = some_text(rng_, round % 3 == 0 || i < round * 5);
      if (rng_.below(erase_one_in) == 0) {
        ASSERT_EQ(erase(text), model.erase(text) > 0);
      } else {
        ASSERT_EQ(add(text), model.insert(text).second);
        ++forms[form()];
      }
      const std::string asked = some_text(rng_, false);
      ASSERT_EQ(view().contains(SetMember(asked)), model.contains(asked));
      ASSERT_EQ(view().size(), model.size());
      if (i % 64 == 0) {
        ASSERT_EQ(content(), model);
        store_.tick(now_, 100);
      }
    }
    ASSERT_EQ(content(), model);
    while (!model.empty()) {
      ASSERT_TRUE(erase(*model.begin()));
      model.erase(model.begin());
    }
    ASSERT_EQ(entry(), nullptr);
  }
  EXPECT_EQ(forms.size(), 3U);
  while (store_.tick(now_, 1000)) {
  }
  EXPECT_EQ(store_.live_bytes(), 0);
}

TEST_F(SetValueTest, FormsAndTheirLimits) {
  fill("", 512);
  EXPECT_EQ(form(), "intset");
  EXPECT_FALSE(add("7"));
  EXPECT_EQ(form(), "intset");
  add("512");
  EXPECT_EQ(form(), "hashtable, table");
  remove();

  fill("", 100);
  add("x");
  EXPECT_EQ(form(), "hashtable");
  erase("x");
  EXPECT_EQ(form(), "hashtable");
  fill("x", 28);
  EXPECT_EQ(form(), "hashtable");
  EXPECT_FALSE(add("x5"));
  add("one more");
  EXPECT_EQ(form(), "hashtable, table");
  EXPECT_EQ(view().size(), 129U);
  remove();

  add(std::string(64, 'm'));
  EXPECT_EQ(form(), "hashtable");
  add(std::string(65, 'm'));
  EXPECT_EQ(form(), "hashtable, table");
  remove();

  limits_.set_intset_entries = 0;
  add("1");
  EXPECT_EQ(form(), "hashtable");
}

TEST_F(SetValueTest, Assigns) {
  const auto assign = [&](std::vector<PackedValue> members) {
    Edit edit(keys_, key_);
    SetEditor::assign(edit, limits_, members);
    edit.notify(KeyEvent::kSUnionStore);
    return form();
  };
  const auto some = [&](std::string_view prefix, int members) {
    static std::vector<std::string> texts;
    texts.clear();
    for (int i = 0; i < members; ++i) {
      texts.push_back(std::string(prefix) + std::to_string(i));
    }
    std::vector<PackedValue> values;
    for (const std::string& text : texts) {
      values.push_back(PackedValue::string_of(text.data(), text.size()));
    }
    return values;
  };
  EXPECT_EQ(assign(some("", 512)), "intset");
  EXPECT_EQ(content().size(), 512U);
  EXPECT_TRUE(Intset::valid(entry()->flat()));
  EXPECT_EQ(assign(some("-100000", 3)), "intset");
  EXPECT_EQ(content(), (Model{"-1000000", "-1000001", "-1000002"}));
  EXPECT_TRUE(Intset::valid(entry()->flat()));
  EXPECT_EQ(assign(some("", 513)), "hashtable, table");
  EXPECT_EQ(content().size(), 513U);
  EXPECT_EQ(assign(some("m", 128)), "hashtable");
  EXPECT_EQ(content().size(), 128U);
  EXPECT_EQ(assign(some("m", 129)), "hashtable, table");
  // Out of its own members, which go meanwhile.
  std::vector<PackedValue> own = view().sample(50, rng_);
  Model expected;
  for (const PackedValue& member : own) {
    expected.insert(text_of(member));
  }
  EXPECT_EQ(assign(own), "hashtable");
  EXPECT_EQ(content(), expected);
  EXPECT_EQ(assign(some(std::string(70, 'l'), 1)), "hashtable, table");
}

TEST_F(SetValueTest, ErasesSamples) {
  for (const int members : {100, 2000}) {
    for (const std::string_view prefix : {"", "m"}) {
      fill(prefix, members);
      const std::string before = form();
      Model expected = content();
      while (expected.size() > 1) {
        Edit edit(keys_, key_);
        SetEditor set(edit, limits_);
        const size_t count = 1 + rng_.below(expected.size() - 1);
        const std::vector<PackedValue> chosen = set.view().sample(count, rng_);
        for (const PackedValue& member : chosen) {
          ASSERT_EQ(expected.erase(text_of(member)), 1U);
        }
        set.erase_sample(chosen);
        edit.notify(KeyEvent::kSPop);
        ASSERT_EQ(content(), expected);
        ASSERT_EQ(form(), before);
      }
      remove();
    }
  }
}

TEST_F(SetValueTest, EndsAWalkWhenItIsTold) {
  for (const int members : {100, 5000}) {
    for (const std::string_view prefix : {"", "m"}) {
      fill(prefix, members);
      int visited = 0;
      view().for_each([&visited](const PackedValue&) { return ++visited < 30; });
      EXPECT_EQ(visited, 30);
      remove();
    }
  }
}

TEST_F(SetValueTest, ScanSeesWhatStays) {
  fill("m", 5000);
  std::map<std::string, int> seen;
  uint64_t cursor = 0;
  int calls = 0;
  do {
    cursor = view().scan(cursor, 10, [&](const PackedValue& member) { ++seen[text_of(member)]; });
    add("new" + std::to_string(calls));
    erase("m" + std::to_string(4999 - calls));
    ++calls;
  } while (cursor != 0);
  for (int i = 0; i < 4000; ++i) {
    EXPECT_EQ(seen["m" + std::to_string(i)], 1) << i;
  }
}

// Draws are made ahead of the erasures between them.
TEST_F(SetValueTest, WhatIsPoppedIsAnyoneWithTheSameChance) {
  constexpr int kMembers = 400;
  constexpr int kRounds = 400;
  std::map<std::string, int> popped;
  for (int round = 0; round < kRounds; ++round) {
    fill("m", kMembers);
    for (int i = 0; i < kMembers / 4; ++i) {
      const std::string chosen = text_of(view().random(rng_));
      ASSERT_TRUE(erase(chosen));
      ++popped[chosen];
    }
  }
  ASSERT_EQ(popped.size(), static_cast<size_t>(kMembers));
  // Each is popped in a quarter of the rounds, as by a coin, but for their sum.
  constexpr double kExpected = kRounds / 4.0;
  double sum = 0;
  for (const auto& [member, count] : popped) {
    sum += (count - kExpected) * (count - kExpected) / (kExpected * 3 / 4);
  }
  EXPECT_LT(std::abs(sum - kMembers), 6 * std::sqrt(2.0 * kMembers));
}

TEST_F(SetValueTest, ChanceIsFair) {
  struct Case {
    std::string_view prefix;
    int members;
  };
  for (const Case& c : {Case{"", 50}, Case{"m", 50}, Case{"m", 700}}) {
    fill(c.prefix, c.members);
    std::map<std::string, int> hits;
    const int draws = c.members * 50;
    for (int i = 0; i < draws; ++i) {
      ++hits[text_of(view().random(rng_))];
    }
    ASSERT_EQ(hits.size(), static_cast<size_t>(c.members));
    double sum = 0;
    for (const auto& [member, count] : hits) {
      sum += (count - 50.0) * (count - 50.0) / 50.0;
    }
    const double freedom = c.members - 1;
    EXPECT_LT(std::abs(sum - freedom), 6 * std::sqrt(2 * freedom)) << form();
    for (const int wanted : {0, 1, c.members / 5, c.members - 1, c.members}) {
      std::map<std::string, int> taken;
      for (int round = 0; round < 2000; ++round) {
        Model sample;
        for (const PackedValue& member : view().sample(wanted, rng_)) {
          sample.insert(text_of(member));
          ++taken[text_of(member)];
        }
        ASSERT_EQ(sample.size(), static_cast<size_t>(wanted));
      }
      const double share = static_cast<double>(wanted) / c.members;
      const double deviation = std::sqrt(2000 * share * (1 - share));
      for (const auto& [member, count] : taken) {
        EXPECT_LE(std::abs(count - 2000 * share), 6 * deviation + 2) << form() << " " << wanted;
      }
    }
    remove();
  }
}

}  // namespace
}  // namespace pollux
