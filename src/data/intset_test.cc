#include "src/data/intset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/data/test_bytes.h"

namespace pollux {
namespace {

constexpr int64_t kIntMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kIntMin = std::numeric_limits<int64_t>::min();

// An intset in a block of exactly its size, one byte off any alignment, so that a sanitizer sees
// each byte too far.
class Owned {
 public:
  explicit Owned(std::string_view bytes = Intset::kEmpty) { take(bytes); }

  Intset view() const { return Intset(block_.get() + 1); }
  std::string_view bytes() const { return {block_.get() + 1, size_}; }

  void edit(const IntsetSplice& splice, bool in_place) {
    std::string result(std::max(splice.total, size_), '\0');
    if (in_place) {
      std::memcpy(result.data(), bytes().data(), size_);
      splice.apply(result.data());
    } else {
      result.resize(splice.total);
      splice.build(bytes().data(), result.data());
    }
    take(std::string_view(result).substr(0, splice.total));
  }
  bool add(int64_t value, bool in_place = true) {
    const Intset::Place place = view().find(value);
    if (!place.found) {
      edit(view().insert(value, place), in_place);
    }
    return !place.found;
  }
  bool remove(int64_t value, bool in_place = true) {
    const Intset::Place place = view().find(value);
    if (place.found) {
      edit(view().erase(place.index), in_place);
    }
    return place.found;
  }
  std::vector<int64_t> values() const {
    std::vector<int64_t> values;
    for (uint32_t i = 0; i < view().count(); ++i) {
      values.push_back(view().get(i));
    }
    return values;
  }

 private:
  void take(std::string_view bytes) {
    block_ = std::make_unique<char[]>(bytes.size() + 1);
    std::memcpy(block_.get() + 1, bytes.data(), bytes.size());
    size_ = bytes.size();
  }

  std::unique_ptr<char[]> block_;
  size_t size_ = 0;
};

// From DUMP of redis-server 7.0.15 after SADD of `added` and SREM of `removed`; type byte and
// length taken off in front, the ten bytes of version and checksum behind.
struct Captured {
  const char* hex;
  std::vector<int64_t> added;
  std::vector<int64_t> removed;
};

std::vector<Captured> captured() {
  return {
      {"0200000003000000feff01002c01", {1, -2, 300}, {}},
      {"0400000003000000ff7fffff0100000070110100", {1, 70000, -32769}, {}},
      {"0800000004000000000000000000008005000000000000000000008000000000ffffffffffffff7f",
       {5, kIntMin, kIntMax, 2147483648},
       {}},
      {"08000000010000000500000000000000", {5, 2147483648}, {2147483648}},
  };
}

TEST(Intset, WritesWhatRedisDoes) {
  for (const Captured& one : captured()) {
    for (const bool in_place : {false, true}) {
      Owned owned;
      for (const int64_t value : one.added) {
        EXPECT_TRUE(owned.add(value, in_place));
      }
      for (const int64_t value : one.removed) {
        EXPECT_TRUE(owned.remove(value, in_place));
      }
      EXPECT_EQ(owned.bytes(), from_hex(one.hex));
      EXPECT_TRUE(Intset::valid(owned.bytes()));
    }
  }
}

TEST(Intset, WidensAtEachBoundary) {
  const struct {
    int64_t value;
    size_t width;
  } cases[] = {
      {32767, 2},      {32768, 4},       {-32768, 2},      {-32769, 4},  {2147483647, 4},
      {2147483648, 8}, {-2147483648, 4}, {-2147483649, 8}, {kIntMax, 8}, {kIntMin, 8},
  };
  for (const auto& one : cases) {
    for (const bool in_place : {false, true}) {
      Owned owned;
      for (const int64_t small : {3, 1, 2}) {
        owned.add(small, in_place);
      }
      EXPECT_FALSE(owned.view().contains(one.value));
      EXPECT_TRUE(owned.add(one.value, in_place));
      EXPECT_EQ(owned.view().width(), one.width);
      std::vector<int64_t> expected = {1, 2, 3, one.value};
      std::sort(expected.begin(), expected.end());
      EXPECT_EQ(owned.values(), expected);
      EXPECT_TRUE(owned.remove(one.value, in_place));
      EXPECT_EQ(owned.view().width(), one.width) << "does not shrink";
      EXPECT_EQ(owned.values(), (std::vector<int64_t>{1, 2, 3}));
    }
  }
}

class IntsetPlay : public testing::TestWithParam<uint64_t> {};

TEST_P(IntsetPlay, EditsLikeASet) {
  Rng rng(GetParam());
  Owned owned;
  std::set<int64_t> model;
  // Values of few bits first, so that every width is met with something in it.
  for (int step = 0; step < 3000; ++step) {
    const unsigned bits = step < 1000 ? 8 : step < 2000 ? 20 : 64;
    int64_t value = static_cast<int64_t>(rng.next() >> (64 - bits) >> rng.below(bits));
    value = rng.below(2) == 0 ? value : static_cast<int64_t>(-static_cast<uint64_t>(value));
    if (!model.empty() && rng.below(3) == 0) {
      auto it = model.lower_bound(value);
      value = it == model.end() ? *model.begin() : *it;
    }
    ASSERT_EQ(owned.view().contains(value), model.contains(value));
    const bool in_place = rng.below(2) == 0;
    if (rng.below(5) < 3) {
      ASSERT_EQ(owned.add(value, in_place), model.insert(value).second);
    } else {
      ASSERT_EQ(owned.remove(value, in_place), model.erase(value) == 1);
    }
    ASSERT_TRUE(Intset::valid(owned.bytes()));
    ASSERT_EQ(owned.view().bytes(), owned.bytes().size());
    ASSERT_EQ(owned.values(), std::vector<int64_t>(model.begin(), model.end()));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, IntsetPlay, testing::Range<uint64_t>(1, 5));

TEST(Intset, RejectsWhatIsNotOne) {
  EXPECT_TRUE(Intset::valid(Intset::kEmpty));
  EXPECT_FALSE(Intset::valid(""));
  EXPECT_FALSE(Intset::valid(from_hex("03000000000000"))) << "shorter than a header";
  EXPECT_FALSE(Intset::valid(from_hex("0300000000000000"))) << "no width";
  EXPECT_FALSE(Intset::valid(from_hex("020000000200000001000100"))) << "twice";
  EXPECT_FALSE(Intset::valid(from_hex("020000000200000002000100"))) << "descending";
  EXPECT_FALSE(Intset::valid(from_hex("08000000ffffffff"))) << "count";
  for (const Captured& one : captured()) {
    const std::string good = from_hex(one.hex);
    EXPECT_FALSE(Intset::valid(good + '\0'));
    for (size_t size = 0; size < good.size(); ++size) {
      ASSERT_FALSE(Intset::valid(Owned(std::string_view(good).substr(0, size)).bytes()));
    }
    for (size_t bit = 0; bit < good.size() * 8; ++bit) {
      std::string flipped = good;
      flipped[bit / 8] ^= static_cast<char>(1U << bit % 8);
      const Owned owned(flipped);
      if (Intset::valid(owned.bytes())) {
        const std::vector<int64_t> values = owned.values();
        ASSERT_TRUE(std::is_sorted(values.begin(), values.end()));
        for (const int64_t value : values) {
          ASSERT_TRUE(owned.view().contains(value));
        }
      }
    }
  }
}

}  // namespace
}  // namespace pollux
