// Files of any kind, in windows of any size. What redis-server writes, and what it makes of what
// our writer wrote, stands in tests/integration/test_rdb_file.py.
#include "storage/rdb_file_splitter.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "src/data/crc64.h"
#include "src/rdb/test_sink.h"
#include "storage/rdb_file_test_support.h"
#include "storage/rdb_file_writer.h"

namespace pollux {
namespace {

using namespace std::string_literals;
using Sum = RdbFileSplitter::Sum;

std::string sealed(std::string body) {
  body += '\xff';
  const uint64_t sum = crc64(body);
  return body.append(reinterpret_cast<const char*>(&sum), sizeof sum);
}

// Every kind of part, and values of several texts.
std::string sample(bool checksum = true) {
  TestSink sink;
  RdbFileWriter writer(sink, {.checksum = checksum});
  writer.begin({.redis_version = "7.4.0", .created_s = 1, .used_memory_bytes = 300});
  writer.function_library("#!lua name=library\n" + std::string(40, ' '));
  writer.database(0, 3, 1);
  const auto put = [&writer](uint32_t db, const RdbKeyMeta& meta, RdbType type,
                             std::string_view key, std::initializer_list<std::string> texts) {
    RdbWriter out(writer.open_key(db, meta, type, key), true);
    if (type != RdbType::kString) {
      out.length(texts.size());
    }
    for (const std::string& text : texts) {
      out.text(text);
    }
  };
  put(0, {}, RdbType::kString, "a", {std::string(100, 'x')});
  put(0, {.expire_ms = 1'900'000'000'000, .idle_s = 70}, RdbType::kList, "12", {"x", "5", ""});
  put(0, {.frequency = 9}, RdbType::kSet, std::string(30, 'k'), {"one", "two", "300"});
  writer.database(70, 1, 1);
  put(70, {.expire_ms = 5}, RdbType::kString, "", {"70000"});
  writer.finish();
  return sink.take();
}

const std::string& sample_lines() {
  static const std::string lines = split_file(sample(), 1 << 20).lines;
  return lines;
}

TEST(RdbFileSplitter, FindsEveryPart) {
  const SplitFile file = split_file(sample(), 1 << 20);
  EXPECT_TRUE(file.ended) << file.error;
  EXPECT_EQ(file.sum, Sum::kRight);
  EXPECT_EQ(file.used, sample().size());
  EXPECT_EQ(file.lines,
            "aux redis-ver=7.4.0\naux redis-bits=64\naux ctime=1\naux used-mem=300\n"
            "aux aof-base=0\nfunction #!lua name=library\n" +
                std::string(40, ' ') +
                "\ndb 0\nsizes 0 3 1\n"
                "key 0 a type 0 bytes \xc3\x09\x40\x64\x01xx\xe0\x57\x00\x01xx\n"s +
                "key 0 12 type 1 bytes \x03\x01x\xc0\x05\x00 expire 1900000000000 idle 70\n"s +
                "key 0 " + std::string(30, 'k') +
                " type 2 bytes \x03\x03one\x03two\xc1\x2c\x01 frequency 9\n"
                "db 70\nsizes 70 1 1\nkey 70  type 0 bytes \xc2\x70\x11\x01\x00 expire 5\n"s);
}

TEST(RdbFileSplitter, TakesWindowsOfAnySize) {
  const std::string file = sample();
  for (size_t window = 1; window <= file.size() + 1; ++window) {
    for (const bool told : {false, true}) {
      const SplitFile read = split_file(file, window, told);
      ASSERT_TRUE(read.ended) << window << " " << read.error;
      EXPECT_EQ(read.sum, Sum::kRight) << window;
      EXPECT_EQ(read.lines, sample_lines()) << window;
    }
  }
}

TEST(RdbFileSplitter, SaysWhereAFileWasCutOff) {
  const std::string file = sample();
  for (size_t size = 0; size < file.size(); ++size) {
    for (const size_t window : {size_t{7}, file.size()}) {
      const SplitFile read = split_file(std::string_view(file).substr(0, size), window);
      EXPECT_FALSE(read.ended) << size;
      EXPECT_NE(read.error.find("beyond the end of the file: it was cut off"), std::string::npos)
          << size << " " << read.error;
      EXPECT_EQ(read.error.substr(0, 15), "RDB file, byte ") << size;
      EXPECT_EQ(sample_lines().substr(0, read.lines.size()), read.lines) << size;
    }
  }
}

TEST(RdbFileSplitter, FindsEveryChangedBit) {
  std::string file = sample();
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    const auto flip = [&] { file[bit / 8] = static_cast<char>(file[bit / 8] ^ (1 << bit % 8)); };
    flip();
    const SplitFile read = split_file(file, 64);
    EXPECT_FALSE(read.ended) << "bit " << bit;
    EXPECT_EQ(read.error.substr(0, 15), "RDB file, byte ") << bit;
    flip();
  }
}

// One bit makes version 2 of 12, and 3 of 13; those have no checksum.
TEST(RdbFileSplitter, FindsAHeaderThatLies) {
  std::string file = sample();
  file[8] = '2';
  file[7] = '0';
  EXPECT_NE(split_file(file, 64).error.find("byte 9: a part that version 2 of RDB files"),
            std::string::npos);
}

TEST(RdbFileSplitter, TakesFilesWithoutASum) {
  EXPECT_EQ(split_file(sample(false), 64).sum, Sum::kAbsent);
  std::string wrong = sample();
  wrong.back() = static_cast<char>(wrong.back() ^ 1);
  EXPECT_NE(split_file(wrong, 64).error.find("checksum of the file is wrong"), std::string::npos);
  const SplitFile read = split_file(wrong, 64, true, {.checksum = false});
  EXPECT_TRUE(read.ended) << read.error;
  EXPECT_EQ(read.sum, Sum::kNotChecked);
}

TEST(RdbFileSplitter, LeavesWhatStandsBehindTheEnd) {
  const SplitFile read = split_file(sample() + "*1\r\n", 64);
  EXPECT_TRUE(read.ended);
  EXPECT_EQ(read.used, sample().size());
}

TEST(RdbFileSplitter, KnowsVersionsAndMagics) {
  const std::string key = "\x00\x01k\x01v"s;
  for (const std::string version : {"REDIS0001", "REDIS0002", "REDIS0003", "REDIS0004"}) {
    const SplitFile read = split_file(version + "\xfe\x00"s + key + "\xff", 64);
    EXPECT_TRUE(read.ended) << version << read.error;
    EXPECT_EQ(read.sum, Sum::kNotInVersion);
    EXPECT_EQ(read.lines, "db 0\nkey 0 k type 0 bytes \x01v\n");
  }
  for (const std::string version : {"REDIS0005", "REDIS0006", "REDIS0007", "REDIS0008", "REDIS0009",
                                    "REDIS0010", "REDIS0011", "REDIS0012", "VALKEY080"}) {
    const SplitFile read = split_file(sealed(version + key), 64);
    EXPECT_TRUE(read.ended) << version << read.error;
    EXPECT_EQ(read.sum, Sum::kRight);
    EXPECT_EQ(read.lines, "key 0 k type 0 bytes \x01v\n");
    EXPECT_EQ(read.version, std::stoul(version.substr(version.size() - 3)));
  }
  for (const std::string version : {"REDIS0000", "REDIS0013", "REDIS0080", "REDIS9999", "VALKEY012",
                                    "VALKEY079", "VALKEY081", "VALKEY000"}) {
    const std::string error = split_file(sealed(version + key), 64).error;
    EXPECT_NE(error.find("byte 0: RDB version"), std::string::npos) << version << error;
  }
  for (const std::string version : {"REDIS001x", "REDIS-001", "VALKEY08 "}) {
    const std::string error = split_file(sealed(version + key), 64).error;
    EXPECT_NE(error.find("is no version"), std::string::npos) << version << error;
  }
  for (const std::string start : {"REDIT0010", "*3\r\n$3\r\nSET", "V", "REX"}) {
    const std::string error = split_file(start, 64).error;
    EXPECT_NE(error.find(start == "V" ? "cut off" : "this is no RDB file"), std::string::npos)
        << start << error;
  }
}

std::string split_parts(const std::string& parts, const std::string& magic = "REDIS0011") {
  const SplitFile read = split_file(sealed(magic + parts), 64, true, {.databases = 16});
  EXPECT_NE(read.ended, !read.error.empty());
  return read.ended ? read.lines : read.error;
}

TEST(RdbFileSplitter, ReadsTimesAsTheyAre) {
  const std::string key = "\x00\x01k\x01v"s;
  const std::string line = "key 0 k type 0 bytes \x01v";
  EXPECT_EQ(split_parts("\xfd\x05\x00\x00\x00"s + key), line + " expire 5000\n");
  EXPECT_EQ(split_parts("\xfd\xff\xff\xff\xff"s + key), line + " expire -1000\n");
  EXPECT_EQ(split_parts("\xfc\x05\x00\x00\x00\x00\x00\x00\x00"s + key), line + " expire 5\n");
  EXPECT_EQ(split_parts("\xfc" + std::string(8, '\xff') + key), line + "\n");
  // They are of one key only.
  EXPECT_EQ(split_parts("\xf9\x80\xf8\x41\x00\xfd\x05\x00\x00\x00"s + key + key),
            line + " expire 5000 idle 256 frequency 128\n" + line + "\n");
}

TEST(RdbFileSplitter, SkipsHintsOfSlots) {
  EXPECT_EQ(split_parts("\xf4\x41\x00\x05\x06"s), "");
}

TEST(RdbFileSplitter, RefusesWhatWouldBeLost) {
  const auto expect = [](const std::string& error, std::initializer_list<const char*> parts) {
    for (const char* const part : parts) {
      EXPECT_NE(error.find(part), std::string::npos) << error;
    }
  };
  const std::string module = "\x81"s + "\x8c\x9e\x9f\xaf\x2e\xa5\x54\x03";
  expect(split_parts("\xf7" + module + "\x02\x02"), {"byte 9: data of the module \""});
  expect(split_parts("\x07\x01k" + module), {"byte 9: key \"k\" of database 0", "the module \""});
  expect(split_parts("\x06\x01k"), {"key \"k\" of database 0 holds data of a module"});
  expect(split_parts("\xf6\x01x"), {"byte 9: functions", "FUNCTION FLUSH"});
  expect(split_parts("\xf3\x01x"), {"Redis 8.4"});
  expect(split_parts("\xf3\x01x", "VALKEY080"), {"slots that were being imported"});
  expect(split_parts("\x16\x01k\x01", "VALKEY080"), {"\"k\"", "in the form of Valkey 9"});
  expect(split_parts("\x17\x01k\x01"), {"\"k\"", "release candidate of Redis 7.4"});
  for (const char type : {'\x08', '\x1a', '\x40', '\xf2'}) {
    expect(split_parts({type, '\x01', 'k'}), {"byte 9: type ", "which is not known"});
  }
  expect(split_parts("\xfe\x10\x00\x01k\x01v"s), {"byte 9: keys of database 16", "is 16"});
  expect(split_parts("\xfe\xc0\x10"), {"the number of a database is damaged, at about byte 11"});
  expect(split_parts("\x01\x01k\xc0"s),
         {"byte 9: the value of key \"k\" of database 0 (type 1) is damaged, at about byte 13"});
  expect(split_parts("\x01\x03k\n\x80\xc0"s), {"key \"k..\""});
}

TEST(RdbFileSplitter, KnowsKeysWithoutElements) {
  const std::string pack = "\x07\x07\x00\x00\x00\x00\x00\xff"s;
  const std::string ziplist = "\x0b\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff"s;
  for (const std::string& value :
       {"\x01\x01k\x00"s, "\x04\x01k\x00"s, "\x10\x01k" + pack, "\x0d\x01k" + ziplist,
        "\x12\x01k\x02\x02" + pack + "\x02" + pack, "\x0e\x01k\x01" + ziplist,
        "\x18\x01k" + std::string(9, '\0')}) {
    RdbFileSplitter splitter;
    const std::string file = sealed("REDIS0012\xf8\x05" + value + "\x00\x01z\x01v"s);
    splitter.feed(file, 0);
    ASSERT_EQ(splitter.next(), RdbFileSplitter::Step::kEvent) << splitter.error();
    EXPECT_TRUE(splitter.event().empty);
    ASSERT_EQ(splitter.next(), RdbFileSplitter::Step::kEvent) << splitter.error();
    EXPECT_FALSE(splitter.event().empty);
    EXPECT_EQ(line_of(splitter.event()), "key 0 z type 0 bytes \x01v");
    EXPECT_EQ(splitter.next(), RdbFileSplitter::Step::kEnd) << splitter.error();
  }
}

// A number claims more than there is: nobody takes memory for it, and nobody reads the file to its
// end if it is told how long it is.
TEST(RdbFileSplitter, DoesNotBelieveNumbers) {
  const std::string fill(1 << 20, '\x01');
  const std::string claims[] = {
      "\x01\x01k\x81\x00\x00\x00\x01\x00\x00\x00\x00"s,          // a list of 2^32 texts
      "\x00\x01k\x81\x00\x00\x00\x01\x00\x00\x00\x00"s,          // a text of 2^32 bytes
      "\x00\x01k\x80\x10\x00\x00\x00"s,                          // of 2^28
      "\x00\x01k\xc3\x80\x10\x00\x00\x00\x80\x10\x00\x00\x00"s,  // packed
      "\x00\x01k\xc3\x01\x80\x10\x00\x00\x00"s,                  // out of one byte
      "\x0f\x01k\x81\xff\xff\xff\xff\xff\xff\xff\xff"s,          // a stream of 2^64 - 1
      "\xf5\x80\x10\x00\x00\x00"s,
  };
  for (const std::string& claim : claims) {
    const SplitFile read = split_file("REDIS0010" + claim + fill, 64);
    EXPECT_FALSE(read.error.empty());
    EXPECT_LE(read.window_max, 128U) << read.error;
    // Not told, it asks for what may come, by and by.
    const SplitFile blind = split_file("REDIS0010" + claim + fill, 64, false);
    EXPECT_FALSE(blind.error.empty());
    EXPECT_LE(blind.window_max, 2 * fill.size() + 10000) << blind.error;
  }
}

// A value larger than the window: it grows with it, by steps, and is given as a whole.
TEST(RdbFileSplitter, AsksForLargerWindowsForLargeValues) {
  std::string list = "REDIS0010\x01\x01k\x80"s + "\x00\x03\x0d\x40"s;  // 200000
  for (int i = 0; i < 200'000; ++i) {
    list += "\x04item";
  }
  const std::string file = sealed(list + "\x00\x01k\x01v"s);
  for (const bool told : {false, true}) {
    const SplitFile read = split_file(file, 1000, told);
    EXPECT_TRUE(read.ended) << read.error;
    EXPECT_EQ(read.sum, Sum::kRight);
    EXPECT_EQ(read.lines.size(), 1'000'005 + 46U);
    EXPECT_LE(read.window_max, 2U << 20);
  }
}

// Endless TTLs before a key don't make a window grow.
TEST(RdbFileSplitter, TakesPrefixesOneByOne) {
  std::string file = "REDIS0010";
  for (int i = 0; i < 10'000; ++i) {
    file += "\xf8\x05";
  }
  const SplitFile read = split_file(sealed(file), 16);
  EXPECT_TRUE(read.ended) << read.error;
  EXPECT_LE(read.window_max, 32U);
}

}  // namespace
}  // namespace pollux
