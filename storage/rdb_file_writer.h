// Writes a whole RDB file into a ByteSink, part by part, as redis-server 7.0 does: header, AUX
// fields, functions, databases with their keys, end, CRC-64. No I/O, no clock. One thread at a
// time.
//
// In slices: any number of calls may lie between two calls, and databases may come in any order and
// more than once. settle() gives everything so far to the sink. A key may be written
//   - at once: key();
//   - with a value that comes in slices: open_key(), the bytes of the value, in as many pieces as
//     it takes, into the sink that it returned, then the next call here;
//   - by somebody else, say a worker into a buffer of its own, with write_rdb_key_head and
//     write_rdb_value: records() takes keys as they stand.
//
// The version is 10, which redis-server 7.0 reads, or 12 if there may be hashes with TTLs on
// fields. It stands first, so it must be known when the file begins, by a count of such hashes at
// the cut. Were it told wrong, 7.0 would meet an unknown type and stop; 7.4 and we read such hashes
// in a file of version 10, too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/byte_sink.h"
#include "src/data/entry.h"
#include "src/rdb/key_meta.h"
#include "src/rdb/rdb_format.h"
#include "src/rdb/rdb_writer.h"
#include "storage/rdb_file_format.h"
#include "storage/rdb_file_sum.h"

namespace pollux {

// What a file says about itself.
struct RdbFileHeader {
  std::string_view redis_version;  // what INFO reports: option compat-redis-version
  int64_t created_s = 0;           // Unix time
  uint64_t used_memory_bytes = 0;
  bool aof_base = false;    // the base of an append-only file
  bool field_ttls = false;  // see above
  struct Replication {
    uint32_t db;  // the one that the stream is in
    std::string_view id;
    int64_t offset;
  };
  std::optional<Replication> replication;
};

class RdbFileWriter {
 public:
  struct Options {
    bool compress = true;  // rdbcompression
    bool checksum = true;  // rdbchecksum
  };
  RdbFileWriter(ByteSink& sink, Options options)
      : below_(sink), sum_(sink, options.checksum), out_(sum_, options.compress) {}

  // First.
  void begin(const RdbFileHeader& header);
  // Then, before keys.
  void aux(std::string_view name, std::string_view text);
  void function_library(std::string_view code);

  // How many keys of a database there will be, and how many have a TTL: what loaders make room for.
  // Need not be exact; may be left out.
  void database(uint32_t db, uint64_t keys, uint64_t expires);
  void key(uint32_t db, const RdbKeyMeta& meta, std::string_view key, const Entry& entry);
  // The value's bytes are to follow in the sink returned, before the next call here but settle().
  ByteSink& open_key(uint32_t db, const RdbKeyMeta& meta, RdbType type, std::string_view key);
  // Records of keys, in pieces that may end anywhere. Those of another database may follow in it
  // behind a SELECTDB: `last_db` is the last one.
  void records(uint32_t db, std::string_view bytes) { records(db, bytes, db); }
  void records(uint32_t db, std::string_view bytes, uint32_t last_db);
  // What records() puts in front, at most; nothing if is_in(db).
  static constexpr size_t kSelectBytesMax = 10;
  bool is_in(uint32_t db) const { return db_ == db; }

  // Gives all so far to the sink, which others may write to until the next call here.
  void settle() { sum_.settle(); }
  // Last. Everything is in the sink then.
  void finish();
  // Settled so far.
  uint64_t bytes() const { return sum_.bytes() + end_bytes_; }

 private:
  void enter(uint32_t db);
  void aux_number(std::string_view name, int64_t number);

  ByteSink& below_;
  RdbFileSum sum_;
  RdbWriter out_;
  std::optional<uint32_t> db_;  // the one entered last
  uint64_t end_bytes_ = 0;
};

// A whole file without a key.
std::string rdb_file_without_keys(const RdbFileHeader& header);

}  // namespace pollux
