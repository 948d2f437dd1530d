// Held against three things: answers recorded from redis-server 7.0.15 (the commands stand at
// each), registers in a plain array, and the plain loops over all registers.
#include "src/data/hyperloglog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/base/sha1.h"

namespace pollux {
namespace {

constexpr size_t kSparseMax = 3000;

std::string sha1_hex(std::string_view bytes) {
  std::string text;
  for (const uint8_t byte : sha1(bytes)) {
    text += "0123456789abcdef"[byte / 16];
    text += "0123456789abcdef"[byte % 16];
  }
  return text;
}

std::string element(int i) {
  return "e" + std::to_string(i);
}

// PFADD's reply; the string as it is behind it.
std::string add(std::string& hll, std::string_view element, size_t sparse_max) {
  switch (hll_add_to(hll, hll_element(element), sparse_max)) {
    case HllOutcome::kSame: return "0";
    case HllOutcome::kChanged: return "1";
    default: return "corrupt";
  }
}

// PFCOUNT's reply, which stays in the string.
std::string count(std::string& hll) {
  std::optional<int64_t> count = hll_cached_count(hll);
  if (!count) {
    count = hll_count(hll);
    if (!count) {
      return "corrupt";
    }
    hll_cache_count(hll, *count);
  }
  return std::to_string(*count);
}

std::string with_header(std::string_view runs) {
  return std::string(kHllEmpty.substr(0, kHllHeaderBytes)) + std::string(runs);
}

std::string dense_of(const std::vector<uint8_t>& registers) {
  std::string hll = with_header(std::string(kHllPackedBytes, '\0'));
  hll[4] = 0;
  for (uint32_t i = 0; i < kHllRegisters; ++i) {
    hll_set_packed(hll.data() + kHllHeaderBytes, i, registers[i]);
  }
  return hll;
}

// A play of PFADDs, with a PFCOUNT before every fiftieth step's end. Recorded with
//
//   redis-cli config set hll-sparse-max-bytes MAX
//   redis-cli eval "redis.call('pfadd', 'h') local all = redis.call('get', 'h')
//     for i = 1, COUNT do local added = redis.call('pfadd', 'h', 'e' .. i)
//     if i % 50 == 0 then all = redis.sha1hex(all .. redis.call('pfcount', 'h')) end
//     all = redis.sha1hex(all .. added .. redis.call('get', 'h')) end
//     return {all, redis.call('strlen', 'h'), redis.call('pfcount', 'h')}" 0
TEST(HyperLogLog, EveryStepGivesTheBytesOfRedisServer) {
  struct {
    size_t sparse_max;
    int elements;
    const char* bytes_of_all_steps;
    size_t size;
    const char* count;
  } const plays[] = {
      {3000, 4000, "6e61d7e56a48768fd72a7712d1167497eef96888", 12304, "3972"},
      {40, 100, "4ce5a233c900591b244cdd0ffee8cded160f11af", 12304, "100"},
      {0, 20, "1727f2097b7803f072fc2ac35180578e71ca3f3b", 12304, "20"},
      {12304, 6000, "5d98cdacc244b5064cae0c46cf1cf0852de30801", 8037, "5953"},
      {200, 300, "a1603021a4c5f0459def9f7ab8791c111a112c30", 12304, "302"},
  };
  for (const auto& play : plays) {
    std::string hll(kHllEmpty);
    std::string all = hll;
    for (int i = 1; i <= play.elements; ++i) {
      const std::string added = add(hll, element(i), play.sparse_max);
      if (i % 50 == 0) {
        all = sha1_hex(all + count(hll));
      }
      all = sha1_hex(all + added + hll);
    }
    EXPECT_EQ(all, play.bytes_of_all_steps) << play.sparse_max;
    EXPECT_EQ(hll.size(), play.size);
    EXPECT_EQ(count(hll), play.count);
  }
}

// Three keys, their PFCOUNT, and two PFMERGEs: into one of them and into a new one. Recorded with
//
//   redis-cli eval "for k = 1, 3 do redis.call('pfadd', k) end
//     for i = 1, COUNT do redis.call('pfadd', i % 3 + 1, 'e' .. i) end
//     local all = redis.call('pfcount', 1, 2, 3)
//     redis.call('pfmerge', 1, 2, 3) all = redis.sha1hex(all .. redis.call('get', 1))
//     redis.call('pfmerge', 4, 2, 3) all = redis.sha1hex(all .. redis.call('get', 4))
//     return {all, redis.call('pfcount', 1), redis.call('pfcount', 4)}" 0
TEST(HyperLogLog, MergesGiveTheBytesOfRedisServer) {
  struct {
    size_t sparse_max;
    int elements;
    const char* bytes_of_all_steps;
    const char* count;
    const char* count_of_two;
  } const plays[] = {
      {3000, 60, "982427df04c2f91596f27c5df2bfc99fef8cdc70", "60", "40"},
      {3000, 1500, "f5c93cef5354c0ef056a51e17bde98b4162e094b", "1509", "1012"},
      {3000, 6000, "284c5aa30b1ba05bea50f64470e729f04da91158", "5953", "4019"},
      {3000, 30000, "9eaf55b5a4670eb6adf336a419896150fbbe6290", "29803", "20029"},
      {12304, 6000, "1e5bac3145724fc5e97b624c4388e3639c986d43", "5953", "4019"},
  };
  for (const auto& play : plays) {
    std::string keys[] = {std::string(kHllEmpty), std::string(kHllEmpty), std::string(kHllEmpty)};
    for (int i = 1; i <= play.elements; ++i) {
      add(keys[i % 3], element(i), play.sparse_max);
    }
    HllUnion all_keys;
    HllUnion two_keys;
    for (const std::string& key : keys) {
      ASSERT_TRUE(all_keys.add(key));
      ASSERT_TRUE(&key == keys || two_keys.add(key));
    }
    std::string all = std::to_string(all_keys.count());
    all_keys.raise(keys[0], play.sparse_max);
    all = sha1_hex(all + keys[0]);
    std::string fresh(kHllEmpty);
    two_keys.raise(fresh, play.sparse_max);
    all = sha1_hex(all + fresh);
    EXPECT_EQ(all, play.bytes_of_all_steps) << play.elements;
    EXPECT_EQ(count(keys[0]), play.count);
    EXPECT_EQ(count(fresh), play.count_of_two);
  }
}

// What a client may SET before it asks. Recorded with SET, and then each of
//   redis-cli pfcount h     redis-cli pfadd h a
TEST(HyperLogLog, LooksAtBytesFromAnybodyAsRedisServerDoes) {
  using std::literals::operator""sv;
  struct {
    std::string_view runs;
    const char* count;
    const char* added;
    std::string_view runs_after;
  } const cases[] = {
      {"\x7f\xff"sv, "0", "1", "q\xa6\x84NW"sv},
      {"\x7f\xfe"sv, "corrupt", "1", "q\xa6\x84NV"sv},              // a register is missing
      {"\x7f\xff\0"sv, "corrupt", "1", "q\xa6\x84NW\0"sv},          // one too many
      {"\x7f\xfe\x81"sv, "corrupt", "1", "q\xa6\x84NV\x81"sv},
      {"\x7f\xfe\x80"sv, "1", "1", "q\xa6\x84NV\x80"sv},
      {""sv, "corrupt", "corrupt", ""sv},
      {"\x40\x01"sv, "corrupt", "corrupt", "\x40\x01"sv},
      {"\x7f"sv, "corrupt", "corrupt", "\x7f"sv},                   // half of an XZERO
  };
  for (const auto& c : cases) {
    std::string counted = with_header(c.runs);
    ASSERT_TRUE(is_hll(counted));
    EXPECT_EQ(count(counted), c.count);
    EXPECT_EQ(HllUnion().add(with_header(c.runs)), c.count != std::string("corrupt"));
    std::string added = with_header(c.runs);
    EXPECT_EQ(add(added, "a", kSparseMax), c.added);
    EXPECT_EQ(added, with_header(c.runs_after));
  }
}

// Recorded with PFDEBUG DECODE.
TEST(HyperLogLog, RunsInWords) {
  std::string hll(kHllEmpty);
  EXPECT_EQ(hll_runs_text(hll), "Z:16384");
  for (const char* text : {"a", "b", "c"}) {
    add(hll, text, kSparseMax);
  }
  EXPECT_EQ(hll_runs_text(hll), "Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603");
  EXPECT_EQ(hll_runs_text(with_header("")), "");
  EXPECT_EQ(hll_runs_text(with_header("\x05\x7f")), "z:6 Z:16129") << "half of an XZERO";
  EXPECT_EQ(hll_runs_text(std::string(kHllEmpty) + "2:"), "Z:16384 z:51 z:59");
}

TEST(HyperLogLog, KnowsWhatIsNone) {
  const std::string dense = dense_of(std::vector<uint8_t>(kHllRegisters));
  EXPECT_TRUE(is_hll(kHllEmpty));
  EXPECT_TRUE(is_hll(dense));
  EXPECT_TRUE(is_hll(kHllEmpty.substr(0, kHllHeaderBytes)));  // only corrupt
  EXPECT_FALSE(is_hll(kHllEmpty.substr(0, kHllHeaderBytes - 1)));
  EXPECT_FALSE(is_hll(""));
  EXPECT_FALSE(is_hll("HYLM" + std::string(kHllEmpty.substr(4))));
  EXPECT_FALSE(is_hll("HYLL\x02" + std::string(kHllEmpty.substr(5))));
  EXPECT_FALSE(is_hll(dense + '\0'));
  EXPECT_FALSE(is_hll(dense.substr(1)));
  EXPECT_FALSE(is_hll(dense.substr(0, dense.size() - 1)));
}

TEST(HyperLogLog, TheUnusedBytesOfTheHeaderStay) {
  std::string hll(kHllEmpty);
  hll.replace(5, 3, "abc");
  EXPECT_EQ(add(hll, "a", kSparseMax), "1");
  EXPECT_EQ(hll.substr(4, 4), "\x01" "abc");
  EXPECT_EQ(add(hll, "b", /*sparse_max=*/0), "1");
  EXPECT_EQ(hll.substr(4, 4), std::string("\0abc", 4));
}

TEST(HyperLogLog, AStaleCountIsNone) {
  std::string hll(kHllEmpty);
  EXPECT_FALSE(hll_cached_count(hll));
  hll_cache_count(hll, 5);
  EXPECT_EQ(hll_cached_count(hll), 5);
  EXPECT_EQ(add(hll, "a", kSparseMax), "1");
  EXPECT_FALSE(hll_cached_count(hll));
  EXPECT_EQ(count(hll), "1");
  EXPECT_EQ(add(hll, "a", kSparseMax), "0");  // no change
  EXPECT_EQ(hll_cached_count(hll), 1);
}

// Registers in a plain array; runs read one by one.
class Model {
 public:
  std::vector<uint8_t> registers = std::vector<uint8_t>(kHllRegisters);

  bool add(const HllElement& element) {
    uint8_t& held = registers[element.index];
    const bool changes = held < element.rank;
    held = std::max(held, element.rank);
    return changes;
  }
  static std::vector<uint8_t> read(std::string_view hll) {
    std::vector<uint8_t> found;
    for (size_t i = kHllHeaderBytes; i < hll.size(); ++i) {
      const uint8_t byte = static_cast<uint8_t>(hll[i]);
      if ((byte & 0x80) != 0) {
        found.insert(found.end(), byte % 4 + 1U, static_cast<uint8_t>((byte & 0x7F) / 4 + 1));
      } else if ((byte & 0x40) != 0) {
        found.insert(found.end(), (byte % 64U) * 256 + static_cast<uint8_t>(hll[++i]) + 1, 0);
      } else {
        found.insert(found.end(), byte + 1U, 0);
      }
    }
    return found;
  }
  HllHistogram histogram() const {
    HllHistogram histogram = {};
    for (const uint8_t value : registers) {
      ++histogram[value];
    }
    return histogram;
  }
};

// Neighbouring registers in few values, so that runs of values grow and fall apart.
TEST(HyperLogLog, SparseRegistersAreThoseOfAPlainArray) {
  Rng rng(1);
  for (int round = 0; round < 200; ++round) {
    Model model;
    std::string hll(kHllEmpty);
    const uint64_t width = 1 + rng.below(round % 2 == 0 ? 100 : kHllRegisters);
    const uint64_t first = rng.below(kHllRegisters - width + 1);
    for (int i = 0; i < 300; ++i) {
      const HllElement element{static_cast<uint16_t>(first + rng.below(width)),
                               static_cast<uint8_t>(1 + rng.below(round % 3 == 0 ? 32 : 2))};
      const size_t size = hll.size();
      const HllOutcome outcome = hll_add_to(hll, element, 100'000);
      ASSERT_EQ(outcome, model.add(element) ? HllOutcome::kChanged : HllOutcome::kSame);
      ASSERT_LE(hll.size(), size + 3);
    }
    ASSERT_EQ(Model::read(hll), model.registers);
    ASSERT_EQ(hll_count(hll), hll_estimate(model.histogram()));
    std::string dense(kHllDenseBytes, 'x');
    ASSERT_TRUE(hll_make_dense(hll, std::span<char, kHllDenseBytes>(dense)));
    ASSERT_EQ(dense, dense_of(model.registers));
  }
}

TEST(HyperLogLog, DenseRegistersAreThoseOfAPlainArray) {
  Rng rng(2);
  Model model;
  std::string hll = dense_of(model.registers);
  for (int i = 0; i < 100'000; ++i) {
    const HllElement element{static_cast<uint16_t>(rng.below(kHllRegisters)),
                             static_cast<uint8_t>(1 + rng.below(kHllRankMax))};
    ASSERT_EQ(hll_add_to(hll, element, kSparseMax),
              model.add(element) ? HllOutcome::kChanged : HllOutcome::kSame);
  }
  EXPECT_EQ(hll, dense_of(model.registers));
}

// A rank over 32 has no sparse form.
TEST(HyperLogLog, AHighRankMakesItDense) {
  std::string hll(kHllEmpty);
  ASSERT_EQ(hll_add_to(hll, {7, 32}, kSparseMax), HllOutcome::kChanged);
  EXPECT_FALSE(hll_is_dense(hll));
  ASSERT_EQ(hll_add(hll, {7, 33}, kSparseMax).outcome(), HllOutcome::kMakeDense);
  ASSERT_EQ(hll_add_to(hll, {7, 33}, kSparseMax), HllOutcome::kChanged);
  std::vector<uint8_t> registers(kHllRegisters);
  registers[7] = 33;
  EXPECT_EQ(hll, dense_of(registers));
}

// All registers at a value, and then the last at 50. Recorded with SET and PFCOUNT.
TEST(HllRegisters, ExtremeEstimatesAreThoseOfRedisServer) {
  constexpr int64_t kTooMuch = std::numeric_limits<int64_t>::min();
  struct {
    uint8_t value;
    int64_t count;
    int64_t count_last_50;
  } const cases[] = {
      {0, 0, 1},
      {1, 23637, 23639},
      {40, 12994641697113596, 12995434100876246},
      {49, 6653256548922161152, 6653459596395195392},
      {50, kTooMuch, kTooMuch},
      {51, kTooMuch, kTooMuch},
      {63, kTooMuch, kTooMuch},
  };
  for (const auto& c : cases) {
    std::vector<uint8_t> registers(kHllRegisters, c.value);
    EXPECT_EQ(hll_count(dense_of(registers)), c.count);
    registers.back() = 50;
    EXPECT_EQ(hll_count(dense_of(registers)), c.count_last_50);
  }
}

// Registers as elements leave them, wide and narrow, and as nobody would: the fast estimates are
// the loops', to the unit.
TEST(HllRegisters, EstimatesAreThoseOfThePlainLoop) {
  Rng rng(3);
  for (int round = 0; round < 1000; ++round) {
    Model model;
    const uint64_t low = rng.below(round % 2 == 0 ? 8 : kHllRegisterMax + 1);
    const uint64_t width = 1 + rng.below(kHllRegisterMax + 1 - low);
    const uint64_t odd_ones = rng.below(2) == 0 ? 0 : rng.below(40);
    for (uint8_t& value : model.registers) {
      const auto geometric = static_cast<uint64_t>(std::countr_zero(rng.next() | 1ULL << 50));
      const uint64_t drawn = round % 3 == 0 ? low + rng.below(width) : low + geometric;
      value = static_cast<uint8_t>(std::min<uint64_t>(drawn, kHllRegisterMax));
      if (odd_ones > 0 && rng.below(1000) < odd_ones) {
        value = static_cast<uint8_t>(rng.below(kHllRegisterMax + 1));
      }
    }
    const std::string hll = dense_of(model.registers);
    const char* const packed = hll.data() + kHllHeaderBytes;
    ASSERT_EQ(hll_histogram_packed(packed), model.histogram());
    ASSERT_EQ(hll_histogram_spread(model.registers.data()), model.histogram());
    ASSERT_EQ(hll_estimate_packed(packed), hll_estimate(model.histogram()));
    ASSERT_EQ(hll_estimate_spread(model.registers.data()), hll_estimate(model.histogram()));
  }
}

TEST(HllRegisters, RaisingTakesTheLargerAndPackingTheSame) {
  Rng rng(4);
  std::vector<uint8_t> a(kHllRegisters);
  std::vector<uint8_t> b(kHllRegisters);
  std::vector<uint8_t> larger(kHllRegisters);
  for (uint32_t i = 0; i < kHllRegisters; ++i) {
    a[i] = static_cast<uint8_t>(rng.below(64));
    b[i] = static_cast<uint8_t>(rng.below(64));
    larger[i] = std::max(a[i], b[i]);
  }
  hll_raise(a.data(), dense_of(b).data() + kHllHeaderBytes);
  EXPECT_EQ(a, larger);
  std::string packed(kHllPackedBytes, 'x');
  hll_pack(a.data(), packed.data());
  EXPECT_EQ(packed, dense_of(larger).substr(kHllHeaderBytes));
}

}  // namespace
}  // namespace pollux
