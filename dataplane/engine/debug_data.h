// DEBUG subcommands that look at or make data. The arguments are checked by DEBUG's table
// (server_debug.cc). All of them are answered with the keys' shards held, of DIGEST, HTSTATS and
// POPULATE all.
#pragma once

#include "src/commands/context.h"

namespace pollux {

void debug_digest(Context& ctx);
void debug_digest_value(Context& ctx);
void debug_listpack(Context& ctx);
void debug_object(Context& ctx);
void debug_populate(Context& ctx);
void debug_quicklist(Context& ctx);
void debug_sds_length(Context& ctx);
void debug_struct_sizes(Context& ctx);
void debug_table_of_key(Context& ctx);
void debug_table_stats(Context& ctx);

}  // namespace pollux
