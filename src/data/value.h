// What a value is, as OBJECT ENCODING and TYPE name it.
#pragma once

#include <cstdint>
#include <string_view>

namespace pollux {

enum class ValueType : uint8_t {
  kString,
  kList,
  kSet,
  kZset,
  kHash,
  kStream,
  kMember = 15,  // no key's: an element of a collection (member_table.h)
};

enum class Encoding : uint8_t {
  kInt,
  kEmbstr,
  kRaw,
  kListpack,
  kQuicklist,
  kIntset,
  kHashtable,
  kSkiplist,
  kStream,
  kListpackEx,  // a small hash some of whose fields have, or had, TTLs (timed_pack.h)
};

// Redis' embstr limit: a string of at most this many bytes is created as embstr.
inline constexpr size_t kEmbstrBytesMax = 44;

std::string_view type_name(ValueType type);         // "string", ...
std::string_view encoding_name(Encoding encoding);  // "embstr", ...

}  // namespace pollux
