#include "storage/rdb_file_writer.h"

#include <gtest/gtest.h>

#include <string>

#include "src/data/keyspace.h"
#include "src/rdb/test_sink.h"
#include "src/rdb/value_codec.h"
#include "storage/rdb_file_test_support.h"

namespace pollux {
namespace {

constexpr RdbFileHeader kHeader = {
    .redis_version = "7.0.15", .created_s = 1795757186, .used_memory_bytes = 1013880};

// SAVE of redis-server 7.0.15 after FUNCTION LOAD, CONFIG SET maxmemory-policy allkeys-lru,
// SET a b, SELECT 3, SET c d EX 1000.
constexpr std::string_view kSaved =
    "524544495330303130fa0972656469732d76657206372e302e3135fa0a72656469732d62697473c040fa0563"
    "74696d65c28214096bfa08757365642d6d656dc278780f00fa08616f662d62617365c000f5404423216c7561"
    "206e616d653d6c69620a72656469732e72656769737465725f66756e6374696f6e282766272c2066756e6374"
    "696f6e28292072657475726e203120656e6429fe00fb0100f8000001610162fe03fb0101fc555f871ba20100"
    "00f8000001630164ff2a24b90097f523c7";

TEST(RdbFileWriter, WritesWhatRedisServerWrites) {
  TestSink sink;
  RdbFileWriter writer(sink, {});
  writer.begin(kHeader);
  writer.function_library("#!lua name=lib\nredis.register_function('f', function() return 1 end)");
  const auto put = [&writer](uint32_t db, const RdbKeyMeta& meta, std::string_view key,
                             std::string_view value) {
    ByteSink& out = writer.open_key(db, meta, RdbType::kString, key);
    RdbWriter(out, true).text(value);
  };
  writer.database(0, 1, 0);
  put(0, {.idle_s = 0}, "a", "b");
  writer.database(3, 1, 1);
  put(3, {.expire_ms = 1795758186325, .idle_s = 0}, "c", "d");
  writer.finish();
  const std::string file = sink.take();
  EXPECT_EQ(file.size(), writer.bytes());
  std::string hex;
  for (const char c : file) {
    hex += "0123456789abcdef"[static_cast<uint8_t>(c) >> 4];
    hex += "0123456789abcdef"[c & 0xf];
  }
  EXPECT_EQ(hex, kSaved);
}

TEST(RdbFileWriter, TellsAllOfTheHeader) {
  TestSink sink;
  RdbFileWriter writer(sink, {});
  RdbFileHeader header = kHeader;
  header.aof_base = header.field_ttls = true;
  header.replication = {5, "0123456789012345678901234567890123456789", 77};
  writer.begin(header);
  writer.aux("lua", "return 1");
  writer.finish();
  const SplitFile file = split_file(sink.take(), 1000);
  EXPECT_EQ(file.lines,
            "aux redis-ver=7.0.15\naux redis-bits=64\naux ctime=1795757186\naux used-mem=1013880\n"
            "aux repl-stream-db=5\naux repl-id=0123456789012345678901234567890123456789\n"
            "aux repl-offset=77\naux aof-base=1\naux lua=return 1\n");
  EXPECT_EQ(file.version, 12U);
  EXPECT_TRUE(file.ended);
  EXPECT_EQ(file.sum, RdbFileSplitter::Sum::kRight);
}

// From several databases in turns, a value in slices, records that another wrote, pauses between.
TEST(RdbFileWriter, TakesKeysInAnyWay) {
  ShardStore store(ShardId{0}, 1);
  ShardStore* stores[] = {&store};
  Keyspace keys(stores);
  keys.bind(ShardId{0}, 0, Instant{1});
  {
    Edit edit(keys, Key::of("k"));
    edit.set_string("whole");
    edit.notify(KeyEvent::kSet);
  }
  TestSink worker;
  RdbWriter part(worker, true);
  write_rdb_key_head({.frequency = 7}, RdbType::kString, "other", part);
  part.text("value");
  const std::string record = worker.take();

  std::string whole;
  for (const bool pauses : {false, true}) {
    TestSink sink;
    RdbFileWriter writer(sink, {});
    std::string file;
    const auto pause = [&] {
      if (pauses) {
        writer.settle();
        file += sink.take();
      }
    };
    writer.begin(kHeader);
    pause();
    {
      Edit edit(keys, Key::of("k"));
      writer.key(1, {}, "k", *edit.entry());
    }
    pause();
    ByteSink& value = writer.open_key(0, {}, RdbType::kList, "list");
    RdbWriter slice(value, true);
    slice.length(500);
    for (int i = 0; i < 500; ++i) {
      slice.text("x");
      pause();
    }
    writer.records(1, record);
    writer.records(1, record);
    writer.finish();
    file += sink.take();
    const SplitFile read = split_file(file, 50);
    EXPECT_TRUE(read.ended) << read.error;
    EXPECT_EQ(read.sum, RdbFileSplitter::Sum::kRight);
    EXPECT_EQ(writer.bytes(), file.size());
    const size_t keys_start = read.lines.find("db 1");
    const size_t more = read.lines.find("db 1", keys_start + 1);
    EXPECT_EQ(read.lines.substr(keys_start, 32), "db 1\nkey 1 k type 0 bytes \x05whole");
    EXPECT_EQ(read.lines.substr(more),
              "db 1\nkey 1 other type 0 bytes \x05value frequency 7\n"
              "key 1 other type 0 bytes \x05value frequency 7\n");
    whole = whole.empty() ? file : whole;
    EXPECT_EQ(file, whole);
  }
  store.flush(0);
  store.tick(Instant{1}, INT64_MAX);
}

TEST(RdbFileWriter, WritesNoSumIfItShallNot) {
  TestSink sink;
  RdbFileWriter writer(sink, {.checksum = false});
  writer.begin(kHeader);
  writer.finish();
  const std::string file = sink.take();
  EXPECT_EQ(file.substr(file.size() - 8), std::string(8, '\0'));
  EXPECT_EQ(split_file(file, 64).sum, RdbFileSplitter::Sum::kAbsent);
}

}  // namespace
}  // namespace pollux
