#include "storage/rdb_file_writer.h"

#include "src/rdb/value_codec.h"

namespace pollux {

namespace {

void write_opcode(RdbOpcode code, RdbWriter& out) {
  out.byte(static_cast<uint8_t>(code));
}

}  // namespace

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
  write_opcode(RdbOpcode::kAux, out_);
  out_.text(name);
  out_.text(text);
}

void RdbFileWriter::aux_number(std::string_view name, int64_t number) {
  write_opcode(RdbOpcode::kAux, out_);
  out_.text(name);
  out_.integer(number);
}

void RdbFileWriter::function_library(std::string_view code) {
  write_opcode(RdbOpcode::kFunction2, out_);
  out_.text(code);
}

void RdbFileWriter::enter(uint32_t db) {
  if (db_ != db) {
    write_opcode(RdbOpcode::kSelectDb, out_);
    out_.length(db);
    db_ = db;
  }
}

void RdbFileWriter::database(uint32_t db, uint64_t keys, uint64_t expires) {
  enter(db);
  write_opcode(RdbOpcode::kResizeDb, out_);
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

void RdbFileWriter::records(uint32_t db, std::string_view bytes) {
  enter(db);
  out_.bytes(bytes);
}

void RdbFileWriter::raw(std::string_view bytes) {
  db_.reset();
  out_.bytes(bytes);
}

void RdbFileWriter::finish() {
  write_opcode(RdbOpcode::kEnd, out_);
  sum_.settle();
  const uint64_t sum = sum_.sum();
  static_assert(sizeof sum == kRdbSumBytes);
  below_.append({reinterpret_cast<const char*>(&sum), sizeof sum});
  end_bytes_ = sizeof sum;
}

void write_rdb_key_head(const RdbKeyMeta& meta, RdbType type, std::string_view key,
                        RdbWriter& out) {
  if (meta.expire_ms) {
    write_opcode(RdbOpcode::kExpireMs, out);
    out.time(*meta.expire_ms);
  }
  if (meta.idle_s) {
    write_opcode(RdbOpcode::kIdle, out);
    out.length(*meta.idle_s);
  }
  if (meta.frequency) {
    write_opcode(RdbOpcode::kFrequency, out);
    out.byte(*meta.frequency);
  }
  out.byte(static_cast<uint8_t>(type));
  out.text(key);
}

}  // namespace pollux
