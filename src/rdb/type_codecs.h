// One pair of functions for each type of value, and the name of what the first one writes; for
// value_codec.cc alone. Contracts are those of write_rdb_value and read_rdb_value; `type` is one of
// the type's.
#pragma once

#include "src/rdb/value_codec.h"

namespace pollux {

RdbType rdb_list_type(const Entry& entry);
void write_rdb_list(const Entry& entry, RdbWriter& out);
bool read_rdb_list(RdbType type, RdbReader& in, const EncodingLimits& limits, LooseValue& out);

RdbType rdb_set_type(const Entry& entry);
void write_rdb_set(const Entry& entry, RdbWriter& out);
bool read_rdb_set(RdbType type, RdbReader& in, const EncodingLimits& limits, LooseValue& out);

RdbType rdb_hash_type(const Entry& entry);
void write_rdb_hash(const Entry& entry, RdbWriter& out);
bool read_rdb_hash(RdbType type, RdbReader& in, const EncodingLimits& limits, LooseValue& out);

RdbType rdb_zset_type(const Entry& entry);
void write_rdb_zset(const Entry& entry, RdbWriter& out);
bool read_rdb_zset(RdbType type, RdbReader& in, const EncodingLimits& limits, LooseValue& out);

RdbType rdb_stream_type(const Entry& entry);
void write_rdb_stream(const Entry& entry, RdbWriter& out);
bool skip_rdb_stream(RdbType type, RdbReader& in);
bool read_rdb_stream(RdbType type, RdbReader& in, const EncodingLimits& limits, LooseValue& out);

}  // namespace pollux
