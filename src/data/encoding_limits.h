// Up to where collections keep their small form; the options of Redis with these names, and its
// defaults.
#pragma once

#include <cstdint>

namespace pollux {

struct EncodingLimits {
  int64_t hash_listpack_entries = 512;  // fields
  int64_t hash_listpack_value = 64;     // bytes of the longest field or value
  int64_t set_intset_entries = 512;
  int64_t zset_listpack_entries = 128;
  int64_t zset_listpack_value = 64;
  // Of one node of a list: elements, or, if negative, -1 to -5: 4, 8, 16, 32, 64 KiB.
  int64_t list_listpack_size = -2;
  int64_t stream_node_bytes = 4096;
  int64_t stream_node_entries = 100;
  int64_t hll_sparse_bytes = 3000;
};

}  // namespace pollux
