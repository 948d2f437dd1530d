#include "perf/load/command_template.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "src/protocol/resp_reader.h"

namespace pollux {
namespace {

struct Rendered {
  std::vector<std::string> words;
  size_t bytes = 0;
};

// One request, read back by the reader of the server.
Rendered render(const CommandTemplate& command, KeyDraw& keys, const ValuePool& values, Rng& rng) {
  std::string out(command.bytes_max(values.shape()), '\0');
  const char* end = command.render(out.data(), keys, values, rng);
  Rendered result;
  result.bytes = static_cast<size_t>(end - out.data());
  EXPECT_LE(result.bytes, out.size());
  RespReader reader;
  std::vector<std::string_view> args;
  size_t consumed = 0;
  EXPECT_EQ(reader.read({out.data(), result.bytes}, ReadLimits(), args, consumed),
            ReadStatus::kRequest);
  EXPECT_EQ(consumed, result.bytes);
  result.words.assign(args.begin(), args.end());
  return result;
}

std::vector<std::string> words_of(const char* line) {
  CommandTemplate command;
  EXPECT_TRUE(CommandTemplate::parse(line, "k:", command)) << line;
  KeyDraw keys(KeyPattern::kSequential, {7, 9}, 1);
  const ValuePool values({.bytes_min = 3, .bytes_max = 3}, 0);
  Rng rng(1);
  return render(command, keys, values, rng).words;
}

using Words = std::vector<std::string>;

TEST(CommandTemplateTest, PlaceholdersAreFilled) {
  EXPECT_EQ(words_of("ping"), (Words{"ping"}));
  EXPECT_EQ(words_of("GET __key__"), (Words{"GET", "k:7"}));
  EXPECT_EQ(words_of("SET __key__ __data__"), (Words{"SET", "k:7", "xxx"}));
  EXPECT_EQ(words_of("MGET __key__ __key__ x __key__"), (Words{"MGET", "k:7", "k:8", "x", "k:9"}));
  EXPECT_EQ(words_of("LPUSH l:__rand_int__ a"), (Words{"LPUSH", "l:000000000007", "a"}));
  EXPECT_EQ(words_of("SET {__key__}:__data__:z \"a b\\n\" EX 5"),
            (Words{"SET", "{k:7}:xxx:z", "a b\n", "EX", "5"}));
}

TEST(CommandTemplateTest, OfSequentialKeysTheLastIsFollowedByTheFirst) {
  EXPECT_EQ(words_of("MGET __key__ __key__ __key__ __key__"),
            (Words{"MGET", "k:7", "k:8", "k:9", "k:7"}));
}

TEST(CommandTemplateTest, ALineWithoutWordsOrWithOpenQuotesIsNone) {
  CommandTemplate command;
  EXPECT_FALSE(CommandTemplate::parse("", "", command));
  EXPECT_FALSE(CommandTemplate::parse("  ", "", command));
  EXPECT_FALSE(CommandTemplate::parse("SET \"a", "", command));
}

TEST(CommandTemplateTest, ValuesAreOfAllSizesOfTheirRange) {
  CommandTemplate command;
  ASSERT_TRUE(CommandTemplate::parse("SET a __data__", "", command));
  KeyDraw keys(KeyPattern::kUniform, {0, 0}, 1);
  const ValuePool values({.bytes_min = 0, .bytes_max = 20, .random = true}, 5);
  Rng rng(2);
  std::set<size_t> sizes;
  std::set<std::string> texts;
  for (int i = 0; i < 1000; ++i) {
    const Rendered rendered = render(command, keys, values, rng);
    sizes.insert(rendered.words[2].size());
    texts.insert(rendered.words[2]);
  }
  EXPECT_EQ(sizes.size(), 21U);
  EXPECT_GT(texts.size(), 800U);
}

// ---- keys ----

TEST(KeyDrawTest, UniformKeysAreInTheRangeAndEqualOften) {
  KeyDraw keys(KeyPattern::kUniform, {5, 14}, 1);
  Rng rng(3);
  std::map<uint64_t, int> seen;
  for (int i = 0; i < 100'000; ++i) {
    ++seen[keys.next(rng)];
  }
  ASSERT_EQ(seen.size(), 10U);
  for (const auto& [key, count] : seen) {
    EXPECT_GE(key, 5U);
    EXPECT_LE(key, 14U);
    EXPECT_NEAR(count, 10'000, 500);
  }
}

// Against the sum, which is what the fast form avoids. 4 standard deviations.
TEST(KeyDrawTest, ZipfHasTheSharesOfItsDefinition) {
  for (const double exponent : {0.5, 0.99, 1.0, 1.5, 3.0}) {
    constexpr int kKeys = 1000;
    constexpr int kDraws = 200'000;
    double sum = 0;
    for (int k = 1; k <= kKeys; ++k) {
      sum += std::pow(k, -exponent);
    }
    KeyDraw keys(KeyPattern::kZipf, {100, 100 + kKeys - 1}, exponent);
    Rng rng(4);
    std::map<uint64_t, int> seen;
    for (int i = 0; i < kDraws; ++i) {
      ++seen[keys.next(rng)];
    }
    EXPECT_GE(seen.begin()->first, 100U);
    EXPECT_LE(seen.rbegin()->first, 100U + kKeys - 1);
    for (const int k : {1, 2, 3, 10, 100, 1000}) {
      const double share = std::pow(k, -exponent) / sum;
      const double deviation = std::sqrt(kDraws * share * (1 - share));
      EXPECT_NEAR(seen[static_cast<uint64_t>(99 + k)], kDraws * share, 4 * deviation + 1)
          << exponent << " " << k;
    }
  }
}

TEST(KeyDrawTest, ZipfOfOneKeyIsThatKey) {
  KeyDraw keys(KeyPattern::kZipf, {9, 9}, 0.99);
  Rng rng(1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(keys.next(rng), 9U);
  }
}

TEST(KeyDrawTest, PartsCoverTheRangeOnce) {
  for (const uint64_t count : {1, 2, 3, 10, 97}) {
    // Connections of each thread.
    for (const std::vector<uint64_t>& threads :
         {std::vector<uint64_t>{1}, {1, 1}, {1, 1, 1}, {2, 1}, {3, 1, 4}, {13, 13, 12, 12}}) {
      std::map<uint64_t, int> seen;
      const uint64_t all = std::accumulate(threads.begin(), threads.end(), uint64_t{0});
      uint64_t from = 0;
      for (const uint64_t mine : threads) {
        const uint64_t to = from + mine;
        const KeyRange range = part_of({10, 10 + count - 1}, from, to, all);
        // As many as the runner has for the thread, when there are as many requests as keys.
        uint64_t requests = count * to / all - count * from / all;
        from = to;
        for (uint64_t key = range.first; requests > 0; ++key, --requests) {
          EXPECT_LE(key, range.last);
          ++seen[key];
        }
      }
      EXPECT_EQ(seen.size(), count);
    }
  }
}

}  // namespace
}  // namespace pollux
