#include "storage/aof_splitter.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "storage/aof_splitter_test_support.h"

namespace pollux {
namespace {

using Step = AofSplitter::Step;

std::string command(std::initializer_list<std::string_view> args) {
  std::string bytes = "*" + std::to_string(args.size()) + "\r\n";
  for (const std::string_view arg : args) {
    bytes += "$" + std::to_string(arg.size()) + "\r\n" + std::string(arg) + "\r\n";
  }
  return bytes;
}

constexpr std::string_view kStrange("a\r\n\0$1\r\n*2\r\n", 12);

// What redis-server writes, and where each record ends that the file may be cut at.
struct Sample {
  std::string bytes;
  std::vector<size_t> ends = {0};

  void add(std::string_view record, bool in_group = false) {
    bytes += record;
    if (!in_group) {
      ends.push_back(bytes.size());
    }
  }
  size_t valid_to(size_t cut) const {
    size_t end = 0;
    for (const size_t e : ends) {
      end = e <= cut ? e : end;
    }
    return end;
  }
};

Sample sample() {
  Sample file;
  file.add("#TS:1795777895\r\n");
  file.add(command({"SELECT", "0"}));
  file.add(command({"SET", "k", kStrange}));
  file.add(command({"MULTI"}), true);
  file.add("#TS:1795777896\r\n", true);
  file.add(command({"RPUSH", "l", "", "x"}), true);
  file.add(command({"EXEC"}));
  file.add("# a note\n");
  file.add(command({"DEL", "k"}));
  return file;
}

const std::string kSampleLines =
    "0 time 1795777895\n16 SELECT 0\n39 SET k " + std::string(kStrange) +
    "\n78 multi: MULTI\n93 time 1795777896\n109 in: RPUSH l  x\n144 exec: EXEC\n"
    "158 #  a note\n167 DEL k\n";

SplitAof whole(std::string_view file) {
  return split_aof(file, file.size());
}

TEST(AofSplitter, GivesRecordsAndWhereTheyBegin) {
  const Sample file = sample();
  const SplitAof split = whole(file.bytes);
  EXPECT_EQ(split.end, Step::kEnd);
  EXPECT_EQ(split.lines, kSampleLines);
  EXPECT_EQ(split.valid_to, file.bytes.size());
  EXPECT_EQ(whole("").end, Step::kEnd);
}

TEST(AofSplitter, TakesWindowsOfAnySize) {
  const Sample file = sample();
  for (size_t window = 1; window <= file.bytes.size(); ++window) {
    for (const bool told : {true, false}) {
      const SplitAof split = split_aof(file.bytes, window, told);
      ASSERT_EQ(split.end, Step::kEnd) << window << ": " << split.error;
      ASSERT_EQ(split.lines, kSampleLines);
    }
  }
}

TEST(AofSplitter, TellsAFileThatWasCutAnywhere) {
  const Sample file = sample();
  for (size_t cut = 0; cut <= file.bytes.size(); ++cut) {
    for (const size_t window : {size_t{1}, size_t{7}, file.bytes.size()}) {
      const SplitAof split = split_aof(std::string_view(file.bytes).substr(0, cut), window);
      const bool at_end = file.valid_to(cut) == cut;
      ASSERT_EQ(split.end, at_end ? Step::kEnd : Step::kTruncated) << cut << split.error;
      ASSERT_EQ(split.valid_to, file.valid_to(cut));
      ASSERT_TRUE(kSampleLines.starts_with(split.lines));
      ASSERT_EQ(split.error.empty(), at_end);
    }
  }
}

// As a crash leaves bytes that were not synced.
TEST(AofSplitter, ZerosUpToTheEndCountAsCutOff) {
  const Sample file = sample();
  for (size_t cut = 0; cut <= file.bytes.size(); ++cut) {
    for (const size_t zeros : {size_t{1}, size_t{100}, size_t{3000}}) {
      const std::string torn = file.bytes.substr(0, cut) + std::string(zeros, '\0');
      for (const size_t window : {size_t{3}, size_t{1000}}) {
        const SplitAof split = split_aof(torn, window);
        const bool zeros_in_value = cut >= 64 && cut < 76;  // they may be what was written
        if (!zeros_in_value) {
          ASSERT_EQ(split.end, Step::kTruncated) << cut << ": " << split.error;
          ASSERT_EQ(split.valid_to, file.valid_to(cut)) << cut;
        }
        const SplitAof followed = split_aof(torn + "*", window);
        ASSERT_NE(followed.end, Step::kEnd);
        ASSERT_EQ(followed.valid_to, split.valid_to);
        if (zeros >= 100) {
          ASSERT_EQ(followed.end, Step::kBroken) << cut;
        }
      }
    }
  }
}

TEST(AofSplitter, SaysHowMuchACutDrops) {
  const std::string file = command({"SET", "a", "1"}) + command({"MULTI"}) + command({"DEL", "a"});
  const SplitAof split = whole(file);
  EXPECT_EQ(split.end, Step::kTruncated);
  EXPECT_EQ(split.valid_to, 27U);
  EXPECT_NE(split.error.find("byte 27: a transaction (MULTI without EXEC)"), std::string::npos)
      << split.error;
  EXPECT_NE(split.error.find("; 35 bytes would be dropped"), std::string::npos) << split.error;
}

TEST(AofSplitter, RefusesWhatIsNoRecord) {
  const std::string before = command({"SET", "a", "1"});
  struct Row {
    std::string bytes;
    uint64_t at;
    std::string_view what;
  };
  const std::string multi = command({"MULTI"});
  const Row rows[] = {
      {"SET a 1\r\n", 0, "\"S\" stands where the number of arguments of a command has to begin"},
      {"*0\r\n", 1, "a command without arguments"},
      {"*-1\r\n", 1, "\"-\" stands where the number of arguments of a command has to be a number"},
      {"*2147483648\r\n", 0, "the number of arguments of a command is more than 2147483647"},
      {"*1\n$4\r\nPING\r\n", 2, "\".\" stands where a line has to end with CR LF"},
      {"*1\r\nPING\r\n", 4, "\"P\" stands where the length of an argument has to begin with $"},
      {"*1\r\n$-1\r\n", 5, "\"-\" stands where the length of an argument has to be a number"},
      {"*1\r\n$536870913\r\n", 4, "the length of an argument is more than 536870912"},
      {"*1\r\n$4\r\nPINGS\r\n", 12, "\"S\" stands where a line has to end"},
      {"*1\r\n$4\r\nPING\r\r", 13, "\".\" stands where a line has to end"},
      {"#" + std::string(1023, 'x') + "\n", 0, "a line that begins with # has no end"},
      {std::string("#a\0b\r\n", 6), 2, "a zero byte stands in a line of text"},
      {std::string("\0*", 2), 0, "a zero byte stands where the number of arguments"},
      {"*1\r\n$4\r\nPINGx", 12, "\"x\" stands where a line has to end"},
      {multi + multi, 15, "a MULTI stands within another"},
      {command({"exec"}), 0, "an EXEC without a MULTI"},
      {"REDIS0010", 0, "\"R\" stands"},  // not at the beginning
  };
  for (const Row& row : rows) {
    const SplitAof split = whole(before + row.bytes);
    EXPECT_EQ(split.end, Step::kBroken) << row.what;
    EXPECT_EQ(split.valid_to, before.size());
    const std::string start =
        "append-only file, byte " + std::to_string(before.size() + row.at) + ": ";
    EXPECT_TRUE(split.error.starts_with(start + std::string(row.what))) << split.error;
    for (size_t window = 1; window < 40; ++window) {
      EXPECT_EQ(split_aof(before + row.bytes, window, window % 2 != 0).error, split.error);
    }
  }
}

TEST(AofSplitter, TakesTextOfUpTo1023Bytes) {
  const std::string line = "#" + std::string(1021, 'x') + "\n";
  EXPECT_EQ(whole(line + line).end, Step::kEnd);
  EXPECT_EQ(whole("#TS:x\r\n#TS:\n#\n").lines, "0 # TS:x\n7 # TS:\n12 # \n");
}

TEST(AofSplitter, TellsWhereAnRdbFileStands) {
  for (const std::string_view file : {"REDIS0010...", "VALKEY080", "REDIS", "RE", "V"}) {
    for (size_t window = 1; window <= file.size(); ++window) {
      const SplitAof split = split_aof(file, window, window % 2 != 0);
      EXPECT_EQ(split.end, Step::kRdb) << file;
      EXPECT_EQ(split.lines, "");
    }
  }
  EXPECT_EQ(whole("REDUS").end, Step::kBroken);
  const std::string mixed = "REDIS..." + command({"PING"}) + "*";
  const SplitAof tail = split_aof(mixed, 5, true, 8);
  EXPECT_EQ(tail.end, Step::kTruncated);
  EXPECT_EQ(tail.lines, "8 PING\n");
  EXPECT_EQ(tail.valid_to, 22U);
}

TEST(AofSplitter, HostileNumbersTakeNoMemory) {
  const std::string tail(50000, 'x');
  for (const std::string_view claim : {"*1\r\n$536870912\r\n", "*2147483647\r\n$1\r\na\r\n"}) {
    const std::string file = std::string(claim) + tail;
    EXPECT_LE(split_aof(file, 100, false).window_max, 2 * file.size() + 8192);
    EXPECT_LE(split_aof(file, 100, true).window_max, file.size());
  }
  EXPECT_EQ(split_aof("*1\r\n$1000\r\nabc", 8, true).end, Step::kTruncated);
}

TEST(AofSplitter, LongArgumentsPassInManyWindows) {
  Rng rng(1);
  std::string value(300'000, '\0');
  for (char& c : value) {
    c = static_cast<char>(rng.next());
  }
  const std::string file = command({"SET", "k", value}) + command({"PING"});
  for (const size_t window : {size_t{1}, size_t{1000}, size_t{1} << 17}) {
    for (const bool told : {true, false}) {
      const SplitAof split = split_aof(file, window, told);
      EXPECT_EQ(split.lines, whole(file).lines);
      EXPECT_EQ(split.end, Step::kEnd);
    }
  }
}

TEST(AofSplitter, TheLongestArgumentIsAnOption) {
  const std::string file = command({"SET", "k", "123456"});
  EXPECT_EQ(split_aof(file, 100, true, 0, {.bulk_bytes_max = 6}).end, Step::kEnd);
  EXPECT_EQ(split_aof(file, 100, true, 0, {.bulk_bytes_max = 5}).end, Step::kBroken);
}

}  // namespace
}  // namespace pollux
