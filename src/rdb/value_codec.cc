#include "src/rdb/value_codec.h"

#include <iterator>

#include "src/base/assert.h"
#include "src/rdb/old_forms.h"
#include "src/rdb/pack_builder.h"
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

// A number of elements, and so many. That there are none is for readers to refuse.
template <bool (*kSkipElement)(RdbReader&)>
bool skip_elements(RdbReader& in) {
  uint64_t count = 0;
  if (!in.count_of(1, count)) {
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
template <bool (*kRest)(RdbReader&)>
bool behind_time(RdbReader& in) {
  int64_t time = 0;
  return in.time(time) && kRest(in);
}

template <RdbType kType>
bool skip_stream(RdbReader& in) {
  return skip_rdb_stream(kType, in);
}

// --- whether there is nothing in it ---

bool no_elements(RdbReader& in) {
  uint64_t count = 0;
  return in.length(count) && count == 0;
}

// A string that may be an empty flat form, which nobody compresses. Others are not unpacked.
bool short_text(RdbReader& in, RdbText& text) {
  constexpr uint8_t kShortMax = 16;
  return !in.at_end() && static_cast<uint8_t>(in.rest()[0]) <= kShortMax && in.text(text);
}

bool empty_pack(RdbReader& in) {
  RdbText text;
  size_t count = 0;
  return short_text(in, text) && readable_pack(text.view(), count) && count == 0;
}

bool empty_ziplist(RdbReader& in) {
  RdbText text;
  PackedValue element;
  if (!short_text(in, text)) {
    return false;
  }
  ZiplistReader ziplist(text.view());
  return !ziplist.next(element) && ziplist.complete();
}

bool empty_node(RdbReader& in) {
  uint64_t container = 0;
  return in.length(container) && container == static_cast<uint64_t>(RdbContainer::kPacked) &&
         empty_pack(in);
}

template <bool (*kEmptyNode)(RdbReader&)>
bool empty_nodes(RdbReader& in) {
  uint64_t count = 0;
  bool empty = in.length(count);
  for (; empty && count > 0; --count) {
    empty = kEmptyNode(in);
  }
  return empty;
}

bool never(RdbReader&) {
  return false;
}

// --- the tables ---

struct ReadRow {
  RdbType type;
  bool (*skip)(RdbReader& in);
  bool (*empty)(RdbReader& in);  // of a value that skip has gone over
  bool (*read)(RdbType type, RdbReader& in, const EncodingLimits& limits, LooseValue& out);
};
constexpr ReadRow kReadRows[] = {
    {RdbType::kString, skip_text, never, read_string},
    {RdbType::kList, skip_elements<skip_text>, no_elements, read_rdb_list},
    {RdbType::kSet, skip_elements<skip_text>, no_elements, read_rdb_set},
    {RdbType::kZset, skip_elements<skip_scored_by_text>, no_elements, read_rdb_zset},
    {RdbType::kHash, skip_elements<skip_pair>, no_elements, read_rdb_hash},
    {RdbType::kZset2, skip_elements<skip_scored>, no_elements, read_rdb_zset},
    {RdbType::kHashZipmap, skip_text, never, read_rdb_hash},
    {RdbType::kListZiplist, skip_text, empty_ziplist, read_rdb_list},
    {RdbType::kSetIntset, skip_text, never, read_rdb_set},
    {RdbType::kZsetZiplist, skip_text, empty_ziplist, read_rdb_zset},
    {RdbType::kHashZiplist, skip_text, empty_ziplist, read_rdb_hash},
    {RdbType::kListQuicklist, skip_elements<skip_text>, empty_nodes<empty_ziplist>, read_rdb_list},
    {RdbType::kStreamListpacks, skip_stream<RdbType::kStreamListpacks>, never, read_rdb_stream},
    {RdbType::kHashListpack, skip_text, empty_pack, read_rdb_hash},
    {RdbType::kZsetListpack, skip_text, empty_pack, read_rdb_zset},
    {RdbType::kListQuicklist2, skip_elements<skip_node>, empty_nodes<empty_node>, read_rdb_list},
    {RdbType::kStreamListpacks2, skip_stream<RdbType::kStreamListpacks2>, never, read_rdb_stream},
    {RdbType::kSetListpack, skip_text, empty_pack, read_rdb_set},
    {RdbType::kStreamListpacks3, skip_stream<RdbType::kStreamListpacks3>, never, read_rdb_stream},
    {RdbType::kHashMetadata, behind_time<skip_elements<skip_timed>>, behind_time<no_elements>,
     read_rdb_hash},
    {RdbType::kHashListpackEx, behind_time<skip_text>, behind_time<empty_pack>, read_rdb_hash},
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

bool is_empty_rdb_value(RdbType type, std::string_view value) {
  const ReadRow* const row = read_row(type);
  RdbReader in(value);
  return row != nullptr && row->empty(in);
}

bool read_rdb_value(RdbType type, RdbReader& in, const EncodingLimits& limits, LooseValue& out) {
  const ReadRow* const row = read_row(type);
  return row != nullptr && row->read(type, in, limits, out);
}

}  // namespace pollux
