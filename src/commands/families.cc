#include "src/commands/families.h"

#include "src/commands/command_table.h"

namespace pollux {

void add_command_families(CommandTable& table) {
  table.add(string_commands());
  table.add(substring_commands());
  table.add(lcs_commands());
  table.add(counter_commands());
  table.add(increx_commands());
  table.add(conditional_commands());
  table.add(bitmap_commands());
  table.add(bitfield_commands());
  table.add(generic_commands());
  table.add(dump_commands());
  table.add(expire_commands());
  table.add(scan_commands());
  table.add(hash_commands());
  table.add(hash_ttl_commands());
  table.add(set_commands());
  table.add(set_algebra_commands());
  table.add(list_commands());
  table.add(list_move_commands());
  table.add(list_block_commands());
  table.add(zset_commands());
  table.add(zset_pop_commands());
  table.add(zset_range_commands());
  table.add(zset_combine_commands());
  table.add(hyperloglog_commands());
  table.add(geo_commands());
  table.add(geo_search_commands());
  table.add(sort_commands());
  table.add(stream_commands());
  table.add(stream_read_commands());
  table.add(stream_group_commands());
  table.add(stream_claim_commands());
  table.add(stream_info_commands());
  table.add(stream_delete_commands());
}

}  // namespace pollux
