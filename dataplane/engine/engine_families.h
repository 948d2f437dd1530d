// The command families that speak of the engine itself: sessions, workers, configuration. A family
// is one file, one line here and one in add_engine_families.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "src/commands/command.h"
#include "src/protocol/reply.h"

namespace pollux {

class Engine;

class CommandTable;

std::span<const CommandRow> connection_commands();  // HELLO AUTH SELECT PING ECHO QUIT RESET
std::span<const CommandRow> tx_commands();          // MULTI EXEC DISCARD WATCH UNWATCH
std::span<const CommandRow> client_commands();      // CLIENT
std::span<const CommandRow> info_commands();        // INFO
std::span<const CommandRow> config_commands();      // CONFIG
std::span<const CommandRow> command_commands();     // COMMAND
std::span<const CommandRow> debug_commands();       // DEBUG
std::span<const CommandRow> pubsub_commands();      // SUBSCRIBE PUBLISH PUBSUB ... MONITOR
std::span<const CommandRow> slowlog_commands();     // SLOWLOG COMMANDLOG
std::span<const CommandRow> latency_commands();     // LATENCY
std::span<const CommandRow> hotkeys_commands();     // HOTKEYS
std::span<const CommandRow> lolwut_commands();      // LOLWUT
std::span<const CommandRow> memory_commands();      // MEMORY
std::span<const CommandRow> aof_commands();         // BGREWRITEAOF WAITAOF
// What WAITAOF answers; `local`: it is on this server's disk.
void reply_waitaof(Reply& reply, bool local);
std::span<const CommandRow> save_commands();        // SAVE BGSAVE LASTSAVE SHUTDOWN
const CommandRow& shutdown_row();                   // whatever its name is now
std::span<const CommandRow> server_commands();      // TIME ROLE WAIT ...
std::span<const CommandRow> absent_commands();      // what answers "not here": CLUSTER, MODULE, ACL

// All of them.
void add_engine_families(CommandTable& table);

// How long clients get to take the replies that are under way when the server ends.
inline constexpr int64_t kStopGraceMs = 2000;
// When the data was saved last; before that, when the server started. Unix time.
int64_t last_save_s(Engine& engine);

// The reply of X HELP: a head line for `name`, `lines`, and what HELP itself does.
void write_help(Reply& reply, std::string_view name, std::span<const std::string_view> lines);

}  // namespace pollux
