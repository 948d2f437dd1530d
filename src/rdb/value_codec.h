// The byte form of a value in RDB format: what DUMP and RESTORE, files and migration share. The
// bytes are those that redis-server 7.0 (of hashes with TTLs of fields: 7.4) writes of a value with
// the same encoding; what is read may come from any Redis from 1.0 to 8.
//
// Writing: the type (rdb_type_of), then, in files behind the key, the value.
// Reading: bytes may be hostile. What is made of them costs time and memory in proportion to them,
// and is right or does not come into being: no element twice, scores that are numbers and in order,
// listpacks and their kin whole. Nothing recurs.
//
// Belongs to the holder of the shard, whose memory the value stands in.
#pragma once

#include <cstdint>
#include <string_view>

#include "src/data/encoding_limits.h"
#include "src/data/entry.h"
#include "src/rdb/loose_value.h"
#include "src/rdb/rdb_format.h"
#include "src/rdb/rdb_reader.h"
#include "src/rdb/rdb_writer.h"

namespace pollux {

RdbType rdb_type_of(const Entry& entry);
void write_rdb_value(const Entry& entry, RdbWriter& out);

// Whether values of this type can be read.
bool knows_rdb_type(RdbType type);

// Goes over a value without building it: where it ends, or false where that can't be told. What is
// in its strings is not looked at. Takes no memory. RdbReader::lacking tells whether more bytes
// might mend it.
bool skip_rdb_value(RdbType type, RdbReader& in);

// Whether a collection has nothing in it, which is no value: Redis up to 6 wrote such keys by a
// mistake into files, and servers leave them out. `bytes`: the value, as far as skip_rdb_value
// goes.
bool is_empty_rdb_value(RdbType type, std::string_view bytes);

// Reads a value of any type that we know; false if it is not right. `out` is fresh.
bool read_rdb_value(RdbType type, RdbReader& in, const EncodingLimits& limits, LooseValue& out);

// The version of the format that a value of this type is told in.
inline uint16_t rdb_version_of(RdbType type) {
  const bool field_ttls = type == RdbType::kHashMetadata || type == RdbType::kHashListpackEx;
  return field_ttls ? kRdbVersionFieldTtls : kRdbVersion;
}

}  // namespace pollux
