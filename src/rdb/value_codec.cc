#include "src/rdb/value_codec.h"

#include <iterator>

#include "src/base/assert.h"
#include "src/rdb/type_codecs.h"

namespace pollux {

namespace {

// --- strings ---

RdbType string_type(const Entry&) {
  return RdbType::kString;
}

void write_string(const Entry& entry, RdbWriter& out) {
  if (entry.encoding() == Encoding::kInt) {
    out.integer(entry.integer());
  } else {
    out.text(entry.stored_bytes());
  }
}

bool read_string(RdbType, RdbReader& in, const EncodingLimits&, LooseValue& out) {
  return in.text(out.string());
}

// --- how far a value goes ---

bool skip_text(RdbReader& in) {
  return in.skip_text();
}

bool skip_pair(RdbReader& in) {
  return in.skip_text() && in.skip_text();
}

bool skip_scored(RdbReader& in) {
  double score = 0;
  return in.skip_text() && in.real(score);
}

bool skip_scored_by_text(RdbReader& in) {
  double score = 0;
  return in.skip_text() && in.real_text(score);
}

bool skip_timed(RdbReader& in) {
  uint64_t later = 0;
  return in.length(later) && skip_pair(in);
}

bool skip_node(RdbReader& in) {
  uint64_t container = 0;
  return in.length(container) && in.skip_text();
}

// A number of elements, and so many.
template <bool (*kSkipElement)(RdbReader&)>
bool skip_elements(RdbReader& in) {
  uint64_t count = 0;
  if (!in.count(count)) {
    return false;
  }
  for (; count > 0; --count) {
    if (!kSkipElement(in)) {
      return false;
    }
  }
  return true;
}

// What stands behind a time.
template <bool (*kSkip)(RdbReader&)>
bool skip_behind_time(RdbReader& in) {
  int64_t time = 0;
  return in.time(time) && kSkip(in);
}

template <RdbType kType>
bool skip_stream(RdbReader& in) {
  return skip_rdb_stream(kType, in);
}

// --- the tables ---

struct ReadRow {
  RdbType type;
  bool (*skip)(RdbReader& in);
  bool (*read)(RdbType type, RdbReader& in, const EncodingLimits& limits, LooseValue& out);
};
constexpr ReadRow kReadRows[] = {
    {RdbType::kString, skip_text, read_string},
    {RdbType::kList, skip_elements<skip_text>, read_rdb_list},
    {RdbType::kSet, skip_elements<skip_text>, read_rdb_set},
    {RdbType::kZset, skip_elements<skip_scored_by_text>, read_rdb_zset},
    {RdbType::kHash, skip_elements<skip_pair>, read_rdb_hash},
    {RdbType::kZset2, skip_elements<skip_scored>, read_rdb_zset},
    {RdbType::kHashZipmap, skip_text, read_rdb_hash},
    {RdbType::kListZiplist, skip_text, read_rdb_list},
    {RdbType::kSetIntset, skip_text, read_rdb_set},
    {RdbType::kZsetZiplist, skip_text, read_rdb_zset},
    {RdbType::kHashZiplist, skip_text, read_rdb_hash},
    {RdbType::kListQuicklist, skip_elements<skip_text>, read_rdb_list},
    {RdbType::kStreamListpacks, skip_stream<RdbType::kStreamListpacks>, read_rdb_stream},
    {RdbType::kHashListpack, skip_text, read_rdb_hash},
    {RdbType::kZsetListpack, skip_text, read_rdb_zset},
    {RdbType::kListQuicklist2, skip_elements<skip_node>, read_rdb_list},
    {RdbType::kStreamListpacks2, skip_stream<RdbType::kStreamListpacks2>, read_rdb_stream},
    {RdbType::kSetListpack, skip_text, read_rdb_set},
    {RdbType::kStreamListpacks3, skip_stream<RdbType::kStreamListpacks3>, read_rdb_stream},
    {RdbType::kHashMetadata, skip_behind_time<skip_elements<skip_timed>>, read_rdb_hash},
    {RdbType::kHashListpackEx, skip_behind_time<skip_text>, read_rdb_hash},
};

struct WriteRow {
  ValueType type;
  RdbType (*name)(const Entry& entry);
  void (*write)(const Entry& entry, RdbWriter& out);
};
constexpr WriteRow kWriteRows[] = {
    {ValueType::kString, string_type, write_string},
    {ValueType::kList, rdb_list_type, write_rdb_list},
    {ValueType::kSet, rdb_set_type, write_rdb_set},
    {ValueType::kZset, rdb_zset_type, write_rdb_zset},
    {ValueType::kHash, rdb_hash_type, write_rdb_hash},
    {ValueType::kStream, rdb_stream_type, write_rdb_stream},
};

// Null if there is none.
const ReadRow* read_row(RdbType type) {
  for (const ReadRow& row : kReadRows) {
    if (row.type == type) {
      return &row;
    }
  }
  return nullptr;
}

const WriteRow& write_row(const Entry& entry) {
  const auto index = static_cast<size_t>(entry.type());
  POLLUX_ASSERT(index < std::size(kWriteRows) && kWriteRows[index].type == entry.type());
  return kWriteRows[index];
}

}  // namespace

RdbType rdb_type_of(const Entry& entry) {
  return write_row(entry).name(entry);
}

void write_rdb_value(const Entry& entry, RdbWriter& out) {
  write_row(entry).write(entry, out);
}

bool knows_rdb_type(RdbType type) {
  return read_row(type) != nullptr;
}

bool skip_rdb_value(RdbType type, RdbReader& in) {
  const ReadRow* const row = read_row(type);
  return row != nullptr && row->skip(in);
}

bool read_rdb_value(RdbType type, RdbReader& in, const EncodingLimits& limits, LooseValue& out) {
  const ReadRow* const row = read_row(type);
  return row != nullptr && row->read(type, in, limits, out);
}

}  // namespace pollux
