#include "storage/rdb_file_writer.h"

#include "src/base/string_sink.h"
#include "src/rdb/value_codec.h"

namespace pollux {

void RdbFileWriter::begin(const RdbFileHeader& header) {
  const unsigned version = header.field_ttls ? kRdbVersionFieldTtls : kRdbVersion;
  const char digits[] = {'0', '0', static_cast<char>('0' + version / 10),
                         static_cast<char>('0' + version % 10)};
  out_.bytes(kRdbMagicRedis);
  out_.bytes({digits, sizeof digits});
  aux("redis-ver", header.redis_version);
  aux_number("redis-bits", 8 * sizeof(void*));
  aux_number("ctime", header.created_s);
  aux_number("used-mem", static_cast<int64_t>(header.used_memory_bytes));
  if (header.replication) {
    aux_number("repl-stream-db", header.replication->db);
    aux("repl-id", header.replication->id);
    aux_number("repl-offset", header.replication->offset);
  }
  aux_number("aof-base", header.aof_base ? 1 : 0);
}

void RdbFileWriter::aux(std::string_view name, std::string_view text) {
  out_.opcode(RdbOpcode::kAux);
  out_.text(name);
  out_.text(text);
}

void RdbFileWriter::aux_number(std::string_view name, int64_t number) {
  out_.opcode(RdbOpcode::kAux);
  out_.text(name);
  out_.integer(number);
}

void RdbFileWriter::function_library(std::string_view code) {
  out_.opcode(RdbOpcode::kFunction2);
  out_.text(code);
}

void RdbFileWriter::enter(uint32_t db) {
  if (db_ != db) {
    out_.opcode(RdbOpcode::kSelectDb);
    out_.length(db);
    db_ = db;
  }
}

void RdbFileWriter::database(uint32_t db, uint64_t keys, uint64_t expires) {
  enter(db);
  out_.opcode(RdbOpcode::kResizeDb);
  out_.length(keys);
  out_.length(expires);
}

void RdbFileWriter::key(uint32_t db, const RdbKeyMeta& meta, std::string_view key,
                        const Entry& entry) {
  open_key(db, meta, rdb_type_of(entry), key);
  write_rdb_value(entry, out_);
}

ByteSink& RdbFileWriter::open_key(uint32_t db, const RdbKeyMeta& meta, RdbType type,
                                  std::string_view key) {
  enter(db);
  write_rdb_key_head(meta, type, key, out_);
  return sum_;
}

void RdbFileWriter::records(uint32_t db, std::string_view bytes, uint32_t last_db) {
  enter(db);
  out_.bytes(bytes);
  db_ = last_db;
}

void RdbFileWriter::finish() {
  out_.opcode(RdbOpcode::kEnd);
  sum_.settle();
  const uint64_t sum = sum_.sum();
  static_assert(sizeof sum == kRdbSumBytes);
  below_.append({reinterpret_cast<const char*>(&sum), sizeof sum});
  end_bytes_ = sizeof sum;
}

std::string rdb_file_without_keys(const RdbFileHeader& header) {
  StringSink sink;
  RdbFileWriter writer(sink, {});
  writer.begin(header);
  writer.finish();
  return sink.take();
}

}  // namespace pollux
