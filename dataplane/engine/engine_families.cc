#include "dataplane/engine/engine_families.h"

#include <string>

#include "src/commands/command_table.h"

namespace pollux {

void add_engine_families(CommandTable& table) {
  table.add(connection_commands());
  table.add(tx_commands());
  table.add(client_commands());
  table.add(info_commands());
  table.add(config_commands());
  table.add(command_commands());
  table.add(debug_commands());
  table.add(pubsub_commands());
  table.add(slowlog_commands());
  table.add(latency_commands());
  table.add(hotkeys_commands());
  table.add(lolwut_commands());
  table.add(save_commands());
  table.add(aof_commands());
  table.add(server_commands());
  table.add(memory_commands());
  table.add(absent_commands());
}

void write_help(Reply& reply, std::string_view name, std::span<const std::string_view> lines) {
  reply.array(lines.size() + 3);
  reply.simple(std::string(name) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const std::string_view line : lines) {
    reply.simple(line);
  }
  reply.simple("HELP");
  reply.simple("    Print this help.");
}

}  // namespace pollux
