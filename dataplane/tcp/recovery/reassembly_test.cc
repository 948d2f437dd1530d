#include "dataplane/tcp/recovery/reassembly.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

// Bytes in a string; cannot be copied.
struct Piece {
  std::string text;

  explicit Piece(Bytes bytes) : text(bytes.begin(), bytes.end()) {}
  Piece(Piece&&) = default;
  Piece& operator=(Piece&&) = default;
  size_t size() const { return text.size(); }
  size_t memory_bytes() const { return text.size(); }
  static size_t memory_of(size_t bytes) { return bytes; }
};

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// What pieces of so many bytes in all cost.
uint32_t cost(uint32_t pieces, uint32_t bytes) {
  return bytes + pieces * static_cast<uint32_t>(Reassembly<Piece>::place_bytes());
}

constexpr ReassemblyLimits kLimits{};
constexpr Seq kStarts[] = {{0}, {0xfffffffa}, {0x7ffffffa}};

struct Receiver {
  Seq nxt;
  Reassembly<Piece> queue;

  SeqRange range(uint32_t from, uint32_t to) const { return {nxt + from, nxt + to}; }
  ReassemblyOutcome add(uint32_t at, const std::string& text) {
    return queue.add(nxt, nxt + at, bytes_of(text), kLimits);
  }
  std::vector<SeqRange> blocks(size_t most = 4, std::optional<SeqRange> dsack = {}) const {
    std::vector<SeqRange> out(most);
    out.resize(queue.sack_blocks(out, dsack));
    return out;
  }
  std::string take(Seq from) {
    std::string text;
    queue.take(from, [&](Piece piece) { text += piece.text; });
    return text;
  }
};

TEST(ReassemblyTest, TheGapFillsAndAllComesInOrder) {
  for (const Seq start : kStarts) {
    Receiver receiver{start, {}};
    EXPECT_EQ(receiver.add(4, "ef").queued_bytes, 2U);
    EXPECT_EQ(receiver.add(8, "ij").queued_bytes, 2U);
    EXPECT_EQ(receiver.take(start), "");
    EXPECT_EQ(receiver.add(6, "gh").queued_bytes, 2U);
    EXPECT_EQ(receiver.queue.segments(), 3U);
    EXPECT_EQ(receiver.take(start), "");
    EXPECT_EQ(receiver.take(start + 4), "efghij");
    EXPECT_TRUE(receiver.queue.empty());
    EXPECT_EQ(receiver.queue.memory_bytes(), 0U);
  }
}

TEST(ReassemblyTest, OfWhatCameTwiceTheFirstStays) {
  for (const Seq start : kStarts) {
    Receiver receiver{start, {}};
    receiver.add(2, "cd");
    receiver.add(6, "gh");
    // Over both and over the gaps: three pieces of it are new.
    const auto outcome = receiver.add(1, "BCDEFGHI");
    EXPECT_EQ(outcome.queued_bytes, 4U);
    EXPECT_EQ(outcome.dsack, receiver.range(2, 4));
    EXPECT_EQ(receiver.queue.segments(), 5U);
    EXPECT_EQ(receiver.take(start + 1), "BcdEFghI");
  }
}

TEST(ReassemblyTest, InOrderDataPassesThroughWithoutLimit) {
  Receiver receiver{Seq{0xfffffffe}, {}};
  const ReassemblyLimits tight{.memory_bytes_max = cost(1, 4), .segments_max = 1, .ranges_max = 1};
  const auto add = [&](uint32_t at, const std::string& text) {
    return receiver.queue.add(receiver.nxt, receiver.nxt + at, bytes_of(text), tight);
  };
  EXPECT_FALSE(add(3, "defg").full);
  EXPECT_TRUE(add(9, "j").full);
  const auto outcome = add(0, "ABCDEFGHI");
  EXPECT_FALSE(outcome.full);
  EXPECT_EQ(outcome.queued_bytes, 5U);
  EXPECT_EQ(receiver.take(receiver.nxt), "ABCdefgHI");
}

TEST(ReassemblyTest, LimitsOfMemoryAndSegmentsRefuseTheNew) {
  Receiver receiver{Seq{0}, {}};
  const auto add = [&](uint32_t at, const std::string& text, ReassemblyLimits limits) {
    return receiver.queue.add(Seq{0}, Seq{at}, bytes_of(text), limits);
  };
  const uint32_t six = cost(2, 6);  // in two pieces
  EXPECT_FALSE(add(10, "abcd", {.memory_bytes_max = six, .segments_max = 9}).full);
  EXPECT_TRUE(add(20, "abc", {.memory_bytes_max = six, .segments_max = 9}).full);
  EXPECT_TRUE(add(20, "ab", {.memory_bytes_max = six, .segments_max = 1}).full);
  EXPECT_EQ(receiver.queue.memory_bytes(), cost(1, 4));
  EXPECT_EQ(receiver.blocks(), (std::vector{SeqRange{Seq{10}, Seq{14}}}));
  // A part that fits stays.
  const auto outcome = add(8, "ABCDEFGH", {.memory_bytes_max = six, .segments_max = 9});
  EXPECT_TRUE(outcome.full);
  EXPECT_EQ(outcome.queued_bytes, 2U);
  EXPECT_EQ(receiver.blocks(), (std::vector{SeqRange{Seq{8}, Seq{14}}}));
  // Nothing at all into an empty queue: it stays without memory.
  Receiver empty{Seq{0}, {}};
  EXPECT_TRUE(empty.queue.add(Seq{0}, Seq{5}, bytes_of("x"), {.memory_bytes_max = 0}).full);
  EXPECT_TRUE(empty.queue.empty());
}

// A byte here and there costs a hundred times its size, and one segment over all the gaps between
// them as much work as there are gaps.
TEST(ReassemblyTest, FewPiecesMayStandAlone) {
  Receiver receiver{Seq{0xffffff00}, {}};
  const std::string all(2 * kLimits.ranges_max + 2, 'x');
  for (uint32_t i = 0; i < kLimits.ranges_max; ++i) {
    EXPECT_FALSE(receiver.add(1 + 2 * i, "a").full) << i;
  }
  EXPECT_EQ(receiver.queue.memory_bytes(), cost(kLimits.ranges_max, kLimits.ranges_max));
  EXPECT_TRUE(receiver.add(1 + 2 * kLimits.ranges_max, "a").full);
  EXPECT_EQ(receiver.queue.segments(), kLimits.ranges_max);
  EXPECT_FALSE(receiver.add(2 * kLimits.ranges_max, "a").full) << "it stands beside another";
  EXPECT_FALSE(receiver.add(0, all).full);
  EXPECT_EQ(receiver.take(receiver.nxt).size(), all.size());
  EXPECT_EQ(receiver.queue.memory_bytes(), 0U);
}

TEST(ReassemblyTest, OnlyWhatIsNewIsKept) {
  Receiver receiver{Seq{0}, {}};
  receiver.add(10, std::string(1'000, 'a'));
  receiver.add(11, std::string(1'000, 'b'));
  EXPECT_EQ(receiver.queue.memory_bytes(), cost(2, 1'001));
}

TEST(ReassemblyTest, Rfc2018_4_NewestBlockFirst) {
  for (const Seq start : kStarts) {
    Receiver receiver{start, {}};
    for (const uint32_t at : {10U, 30U, 20U, 50U, 40U}) {
      receiver.add(at, "xy");
    }
    EXPECT_EQ(receiver.blocks(), (std::vector{receiver.range(40, 42), receiver.range(50, 52),
                                              receiver.range(20, 22), receiver.range(30, 32)}));
    receiver.add(32, "z");  // an old block grows
    EXPECT_EQ(receiver.blocks(3), (std::vector{receiver.range(30, 33), receiver.range(40, 42),
                                               receiver.range(50, 52)}));
    receiver.add(42, "12345678");  // two become one
    EXPECT_EQ(receiver.blocks(2),
              (std::vector{receiver.range(40, 52), receiver.range(30, 33)}));
    EXPECT_EQ(receiver.blocks(0).size(), 0U);
  }
}

TEST(ReassemblyTest, Rfc2883_4_DuplicatesFirst) {
  Receiver receiver{Seq{0xffffff00}, {}};
  receiver.add(10, "abcdef");
  receiver.add(30, "xy");
  // 4.2.2: a duplicate of what is held, then the block that it lies in.
  auto outcome = receiver.add(12, "CD");
  EXPECT_EQ(outcome.dsack, receiver.range(12, 14));
  EXPECT_EQ(outcome.queued_bytes, 0U);
  EXPECT_EQ(receiver.blocks(3, outcome.dsack),
            (std::vector{receiver.range(12, 14), receiver.range(10, 16),
                         receiver.range(30, 32)}));
  // 4.1.1: below RCV.NXT.
  EXPECT_EQ(duplicate_below(Seq{5}, {Seq{0xfffffffe}, Seq{3}}),
            (SeqRange{Seq{0xfffffffe}, Seq{3}}));
  EXPECT_EQ(duplicate_below(Seq{2}, {Seq{0xfffffffe}, Seq{3}}),
            (SeqRange{Seq{0xfffffffe}, Seq{2}}));
  EXPECT_FALSE(duplicate_below(Seq{2}, {Seq{2}, Seq{3}}).has_value());
  outcome = receiver.queue.add(receiver.nxt, receiver.nxt - 2, bytes_of("!!ABC"), kLimits);
  EXPECT_EQ(outcome.dsack, (SeqRange{receiver.nxt - 2, receiver.nxt}));
  EXPECT_EQ(receiver.take(receiver.nxt), "ABC");
}

TEST(ReassemblyTest, Rfc2018_8_DropAllForgetsTheBlocks) {
  Receiver receiver{Seq{1}, {}};
  receiver.add(10, "abcdef");
  receiver.add(30, "xy");
  EXPECT_EQ(receiver.queue.drop_all(), cost(2, 8));
  EXPECT_TRUE(receiver.blocks().empty());
  EXPECT_TRUE(receiver.queue.empty());
  EXPECT_EQ(receiver.add(10, "abcdef").queued_bytes, 6U);
}

// --- The oracle: a map of bytes -----------------------------------------------------------------

// Offsets from the first byte ever, without wrap.
struct Slow {
  std::map<uint64_t, char> bytes;
  std::map<uint64_t, uint64_t> ages;  // when a byte was last in a segment

  std::vector<std::pair<uint64_t, uint64_t>> blocks() const {  // newest first
    std::vector<std::array<uint64_t, 3>> found;                // age, begin, end
    for (const auto& [at, byte] : bytes) {
      const uint64_t age = ages.at(at);
      if (!found.empty() && found.back()[2] == at) {
        found.back()[2] = at + 1;
        found.back()[0] = std::max(found.back()[0], age);
      } else {
        found.push_back({age, at, at + 1});
      }
    }
    std::sort(found.rbegin(), found.rend());
    std::vector<std::pair<uint64_t, uint64_t>> result;
    for (const auto& [age, begin, end] : found) {
      result.emplace_back(begin, end);
    }
    return result;
  }
};

void run_oracle(uint64_t seed, Seq start) {
  Rng rng(seed);
  Reassembly<Piece> queue;
  Slow slow;
  uint64_t next = 0;  // RCV.NXT
  for (uint64_t step = 1; step <= 400; ++step) {
    // Bytes of a segment differ from those of others, so that one sees which stayed.
    const uint64_t at = next + rng.below(60);
    const uint64_t back = std::min<uint64_t>(at, rng.below(10) == 0 ? rng.below(70) : 0);
    const uint64_t begin = at - back;
    std::string text(1 + rng.below(20), '\0');
    for (char& c : text) {
      c = static_cast<char>(rng.next());
    }
    const ReassemblyOutcome outcome =
        queue.add(start + static_cast<uint32_t>(next), start + static_cast<uint32_t>(begin),
                  bytes_of(text), kLimits);
    std::optional<SeqRange> duplicate;
    uint32_t queued = 0;
    for (uint64_t i = begin; i < begin + text.size(); ++i) {
      const bool known = i < next || slow.bytes.count(i) != 0;
      if (known) {
        const Seq seq = start + static_cast<uint32_t>(i);
        if (!duplicate) {
          duplicate = SeqRange{seq, seq + 1};
        } else if (duplicate->end == seq) {
          duplicate->end = seq + 1;
        }
      }
      if (i >= next) {
        queued += slow.bytes.emplace(i, text[i - begin]).second;
        slow.ages[i] = step;
      }
    }
    ASSERT_EQ(outcome.dsack, duplicate);
    ASSERT_EQ(outcome.queued_bytes, queued);
    std::string expected;
    if (rng.below(3) != 0) {
      uint64_t end = next;
      for (; slow.bytes.count(end) != 0; ++end) {
        expected += slow.bytes.at(end);
        slow.bytes.erase(end);
      }
      std::string taken;
      const uint32_t count =
          queue.take(start + static_cast<uint32_t>(next), [&](Piece p) { taken += p.text; });
      ASSERT_EQ(taken, expected);
      ASSERT_EQ(count, expected.size());
      next = end;
    } else if (rng.below(30) == 0) {
      const auto pieces = static_cast<uint32_t>(queue.segments());
      ASSERT_EQ(queue.drop_all(), cost(pieces, static_cast<uint32_t>(slow.bytes.size())));
      slow.bytes.clear();
    }
    ASSERT_EQ(queue.memory_bytes(), cost(static_cast<uint32_t>(queue.segments()),
                                         static_cast<uint32_t>(slow.bytes.size())));
    ASSERT_EQ(queue.empty(), slow.bytes.empty());
    SeqRange out[4];
    const size_t count = queue.sack_blocks(out, std::nullopt);
    const auto blocks = slow.blocks();
    ASSERT_EQ(count, std::min<size_t>(blocks.size(), 4));
    for (size_t i = 0; i < count; ++i) {
      ASSERT_EQ(out[i], (SeqRange{start + static_cast<uint32_t>(blocks[i].first),
                                  start + static_cast<uint32_t>(blocks[i].second)}));
    }
  }
}

TEST(ReassemblyTest, AgreesWithAMapOfBytes) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    run_oracle(seed, kStarts[seed % std::size(kStarts)] - static_cast<uint32_t>(seed));
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace pollux::tcp
