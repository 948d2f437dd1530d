// All commands of the process by name. Built once at start from the rows of the families, then
// only read, by every worker. find() is on the way of every request: one load of the name, a
// multiplicative hash, as a rule one probe (figures in README.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/commands/command.h"
#include "src/commands/folded_name.h"
#include "src/protocol/reply.h"

namespace pollux {

class CommandTable {
 public:
  CommandTable();
  CommandTable(const CommandTable&) = delete;
  CommandTable& operator=(const CommandTable&) = delete;

  // Before any rename: copies the rows and their subcommands, and gives each a number (row.id),
  // dense over all, subcommands directly behind their container. Requires that no name is there
  // already.
  void add(std::span<const CommandRow> rows);

  // From now on `name` is found as `new_name`, or not at all if that is empty; the row and its
  // facts stay what they are. Empty on success, else why not.
  std::string rename(std::string_view name, std::string_view new_name);

  // Names are matched in any case. The rows live as long as the table.
  const CommandRow* find(std::string_view name) const {
    const FoldedName folded = fold_name(name);
    for (size_t i = slot_of(folded);; i = (i + 1) & mask_) {
      const Slot& slot = slots_[i];
      if (slot.row == nullptr) {
        return nullptr;
      }
      if (slot.name == folded && (folded.size <= kFoldedBytes || same_rest(name, *slot.row))) {
        return slot.row;
      }
    }
  }
  // The subcommand row of a container; null if there is none of that name.
  static const CommandRow* find_sub(const CommandRow& container, std::string_view name);

  // Commands without subcommands, in the order in which they were added.
  std::span<const CommandRow* const> commands() const { return commands_; }
  // By id, subcommands included.
  std::span<const CommandRow* const> rows() const { return rows_; }

 private:
  struct Slot {
    FoldedName name;
    const CommandRow* row = nullptr;
  };

  size_t slot_of(const FoldedName& name) const {
    const uint64_t mixed =
        (name.head ^ (name.tail * 0x9E3779B97F4A7C15ULL) ^ name.size) * 0xD6E8FEB86659FD93ULL;
    return (mixed >> 40) & mask_;
  }
  bool same_rest(std::string_view name, const CommandRow& row) const;
  void insert(const CommandRow& row);
  void put(const FoldedName& name, const CommandRow& row);
  void grow();

  std::vector<Slot> slots_;  // at most half full
  size_t mask_ = 0;
  std::deque<CommandRow> storage_;  // commands, at stable addresses
  std::deque<std::vector<CommandRow>> subcommands_;
  std::vector<const CommandRow*> commands_;
  std::vector<const CommandRow*> rows_;
  struct Renamed {
    const CommandRow* row;
    std::string name;
  };
  std::vector<Renamed> renamed_;
};

// True if `count` arguments, names included, are as many as the row wants.
inline bool arity_fits(const CommandRow& row, size_t count) {
  const auto given = static_cast<int64_t>(count);
  return row.arity >= 0 ? given == row.arity : given >= -static_cast<int64_t>(row.arity);
}

// "get", "config|get"; null if there is none.
const CommandRow* find_full_name(const CommandTable& table, std::string_view name);

// The name, of a subcommand behind its container's: "object|encoding".
void append_full_name(std::string& text, const CommandRow& row);

// "ERR wrong number of arguments for 'object|encoding' command"
void write_wrong_arity(Reply& reply, const CommandRow& row);
// "ERR unknown command 'x', with args beginning with: 'a' 'b' "
void write_unknown_command(Reply& reply, Args args);
// "ERR unknown subcommand 'x'. Try OBJECT HELP." Requires two arguments.
void write_unknown_subcommand(Reply& reply, const CommandRow& container, Args args);

}  // namespace pollux
