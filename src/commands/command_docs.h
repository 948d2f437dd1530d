// What COMMAND INFO and COMMAND DOCS say about a command, from its row. INFO equals
// redis-server's to the byte; DOCS has our own sentences in the same fields.
#pragma once

#include <string_view>
#include <vector>

#include "src/commands/command.h"
#include "src/protocol/reply.h"

namespace pollux {

// One element of COMMAND INFO: flags, key positions, ACL categories, tips, key specs, subcommands.
void write_command_info(Reply& reply, const CommandRow& row);

// One pair of COMMAND DOCS: the full name, then the map.
void write_command_docs(Reply& reply, const CommandRow& row);

// The ACL categories of a command, its own and those that follow from its flags, with the '@', in
// redis-server's order.
std::vector<std::string_view> acl_categories(const CommandRow& row);

// A set of words, given divided by spaces, as simple strings: flags of a key spec
// (COMMAND GETKEYSANDFLAGS).
void write_word_set(Reply& reply, std::string_view words);

}  // namespace pollux
