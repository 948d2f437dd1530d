#include "src/rdb/value_codec.h"

#include <algorithm>
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

// A number of elements, and so many. None is a value that nobody builds, but it has an end.
template <bool (*kSkipElement)(RdbReader&)>
bool skip_elements(RdbReader& in) {
  uint64_t count = 0;
  if (!in.length(count) || !in.covers(count, 1)) {
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

// --- whether there is anything in a value ---

// As text of a pack that holds nothing.
constexpr std::string_view kEmptyListpack("\7\0\0\0\0\0\xff", 7);
constexpr std::string_view kEmptyZiplist("\xb\0\0\0\xa\0\0\0\0\0\xff", 11);
constexpr std::string_view kEmptyZipmap("\0\xff", 2);
constexpr std::string_view kEmptyIntsets[] = {
    {"\2\0\0\0\0\0\0\0", 8}, {"\4\0\0\0\0\0\0\0", 8}, {"\b\0\0\0\0\0\0\0", 8}};

bool is_empty_pack(RdbReader& in) {
  RdbText text;
  if (!in.text(text)) {
    return false;
  }
  const std::string_view pack = text.view();
  return pack == kEmptyListpack || pack == kEmptyZiplist || pack == kEmptyZipmap ||
         std::find(std::begin(kEmptyIntsets), std::end(kEmptyIntsets), pack) !=
             std::end(kEmptyIntsets);
}

bool counts_none(RdbReader& in) {
  uint64_t count = 0;
  return in.length(count) && count == 0;
}

// Of a list in nodes: all of them are.
bool has_empty_nodes(RdbReader& in, bool containers) {
  uint64_t nodes = 0;
  if (!in.length(nodes)) {
    return false;
  }
  for (; nodes > 0; --nodes) {
    uint64_t container = static_cast<uint64_t>(RdbContainer::kPacked);
    if ((containers && !in.length(container)) ||
        container != static_cast<uint64_t>(RdbContainer::kPacked) || !is_empty_pack(in)) {
      return false;
    }
  }
  return true;
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

// What has nothing in it is short, but for lists of many nodes of nothing, which nobody has seen.
constexpr size_t kEmptyValueBytesMax = 64;

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

bool is_empty_rdb_value(RdbType type, std::string_view bytes) {
  if (type == RdbType::kString || bytes.size() > kEmptyValueBytesMax) [[likely]] {
    return false;
  }
  RdbReader in(bytes);
  int64_t time = 0;
  switch (type) {
    case RdbType::kList:
    case RdbType::kSet:
    case RdbType::kZset:
    case RdbType::kZset2:
    case RdbType::kHash:
      return counts_none(in);
    case RdbType::kHashMetadata:
      return in.time(time) && counts_none(in);
    case RdbType::kHashListpackEx:
      return in.time(time) && is_empty_pack(in);
    case RdbType::kListQuicklist:
    case RdbType::kListQuicklist2:
      return has_empty_nodes(in, type == RdbType::kListQuicklist2);
    case RdbType::kHashZipmap:
    case RdbType::kListZiplist:
    case RdbType::kSetIntset:
    case RdbType::kZsetZiplist:
    case RdbType::kHashZiplist:
    case RdbType::kHashListpack:
    case RdbType::kZsetListpack:
    case RdbType::kSetListpack:
      return is_empty_pack(in);
    default:
      return false;  // streams may be empty, and of others nothing is known
  }
}

bool read_rdb_value(RdbType type, RdbReader& in, const EncodingLimits& limits, LooseValue& out) {
  const ReadRow* const row = read_row(type);
  return row != nullptr && row->read(type, in, limits, out);
}

}  // namespace pollux
