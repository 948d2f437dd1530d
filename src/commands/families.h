// The command families below the engine. A family is one file, one line here and one line in
// families.cc.
#pragma once

#include <span>

#include "src/commands/command.h"

namespace pollux {

class CommandTable;

std::span<const CommandRow> string_commands();
std::span<const CommandRow> substring_commands();
std::span<const CommandRow> lcs_commands();
std::span<const CommandRow> counter_commands();
std::span<const CommandRow> increx_commands();
std::span<const CommandRow> conditional_commands();
std::span<const CommandRow> bitmap_commands();
std::span<const CommandRow> bitfield_commands();
std::span<const CommandRow> generic_commands();
std::span<const CommandRow> dump_commands();
std::span<const CommandRow> expire_commands();
std::span<const CommandRow> scan_commands();
std::span<const CommandRow> hash_commands();
std::span<const CommandRow> hash_ttl_commands();
std::span<const CommandRow> set_commands();
std::span<const CommandRow> set_algebra_commands();
std::span<const CommandRow> list_commands();
std::span<const CommandRow> list_move_commands();
std::span<const CommandRow> list_block_commands();
std::span<const CommandRow> zset_commands();
std::span<const CommandRow> zset_pop_commands();
std::span<const CommandRow> zset_range_commands();
std::span<const CommandRow> zset_combine_commands();
std::span<const CommandRow> hyperloglog_commands();
std::span<const CommandRow> geo_commands();
std::span<const CommandRow> geo_search_commands();
std::span<const CommandRow> sort_commands();
std::span<const CommandRow> stream_commands();
std::span<const CommandRow> stream_read_commands();
std::span<const CommandRow> stream_group_commands();
std::span<const CommandRow> stream_claim_commands();
std::span<const CommandRow> stream_info_commands();
std::span<const CommandRow> stream_delete_commands();

// All of them.
void add_command_families(CommandTable& table);

}  // namespace pollux
