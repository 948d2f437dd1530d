#include "src/commands/command_table.h"

#include <algorithm>

#include "src/base/assert.h"
#include "src/commands/args.h"

namespace pollux {

namespace {

constexpr size_t kSlotsAtStart = 512;
constexpr size_t kQuotedMax = 128;  // bytes of client text in "unknown command"

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

CommandTable::CommandTable() : slots_(kSlotsAtStart), mask_(kSlotsAtStart - 1) {}

void CommandTable::add(std::span<const CommandRow> rows) {
  POLLUX_ASSERT(renamed_.empty());
  for (const CommandRow& row : rows) {
    POLLUX_ASSERT(find(row.name) == nullptr);
    CommandRow& own = storage_.emplace_back(row);
    own.id = static_cast<uint16_t>(rows_.size());
    rows_.push_back(&own);
    commands_.push_back(&own);
    if (!row.subcommands.empty()) {
      auto& subs = subcommands_.emplace_back(row.subcommands.begin(), row.subcommands.end());
      own.subcommands = subs;
      for (CommandRow& sub : subs) {
        sub.container = own.name;
        sub.id = static_cast<uint16_t>(rows_.size());
        rows_.push_back(&sub);
      }
    }
    insert(own);
  }
}

void CommandTable::insert(const CommandRow& row) {
  if (commands_.size() * 2 > slots_.size()) {
    grow();
    return;  // grow has inserted all of commands_
  }
  put(fold_name(row.name), row);
}

void CommandTable::put(const FoldedName& name, const CommandRow& row) {
  size_t i = slot_of(name);
  while (slots_[i].row != nullptr) {
    i = (i + 1) & mask_;
  }
  slots_[i] = {name, &row};
}

void CommandTable::grow() {
  slots_.assign(slots_.size() * 2, {});
  mask_ = slots_.size() - 1;
  for (const CommandRow* row : commands_) {
    insert(*row);
  }
}

std::string CommandTable::rename(std::string_view name, std::string_view new_name) {
  const CommandRow* row = find(name);
  if (row == nullptr) {
    return "no such command";
  }
  const CommandRow* bearer = new_name.empty() ? nullptr : find(new_name);
  if (bearer == row) {
    return {};  // its own name, in whatever case
  }
  if (bearer != nullptr) {
    return "there is already a command '" + std::string(new_name) + "'";
  }
  size_t i = slot_of(fold_name(name));
  while (slots_[i].row != row) {
    i = (i + 1) & mask_;
  }
  slots_[i].name = {.head = 0, .tail = 0, .size = SIZE_MAX};  // no name; a search goes on behind it
  if (!new_name.empty()) {
    renamed_.push_back({row, std::string(new_name)});
    put(fold_name(new_name), *row);
  }
  return {};
}

bool CommandTable::same_rest(std::string_view name, const CommandRow& row) const {
  std::string_view known = row.name;
  for (const Renamed& renamed : renamed_) {
    if (renamed.row == &row) {
      known = renamed.name;  // the last one
    }
  }
  return equal_ignoring_case(name, known);
}

const CommandRow* CommandTable::find_sub(const CommandRow& container, std::string_view name) {
  for (const CommandRow& sub : container.subcommands) {
    if (equal_ignoring_case(sub.name, name)) {
      return &sub;
    }
  }
  return nullptr;
}

const CommandRow* find_full_name(const CommandTable& table, std::string_view name) {
  const size_t bar = name.find('|');
  const CommandRow* row = table.find(name.substr(0, bar));
  if (row == nullptr || bar == std::string_view::npos) {
    return row;
  }
  return row->subcommands.empty() ? nullptr
                                  : CommandTable::find_sub(*row, name.substr(bar + 1));
}

void append_full_name(std::string& text, const CommandRow& row) {
  if (!row.container.empty()) {
    text += row.container;
    text += '|';
  }
  text += row.name;
}

void write_wrong_arity(Reply& reply, const CommandRow& row) {
  std::string text = "ERR wrong number of arguments for '";
  append_full_name(text, row);
  text += "' command";
  reply.error(text);
}

void write_unknown_command(Reply& reply, Args args) {
  std::string text = "ERR unknown command '";
  text += up_to_nul(args[0]).substr(0, kQuotedMax);
  text += "', with args beginning with: ";
  // Arguments are quoted until their text, quotes and spaces included, reaches the limit.
  size_t quoted = 0;
  for (size_t i = 1; i < args.size() && quoted < kQuotedMax; ++i) {
    const std::string_view part = up_to_nul(args[i].substr(0, kQuotedMax - quoted));
    text += '\'';
    text += part;
    text += "' ";
    quoted += part.size() + 3;
  }
  reply.error(text);
}

void write_unknown_subcommand(Reply& reply, const CommandRow& container, Args args) {
  std::string text = "ERR unknown subcommand '";
  text += up_to_nul(args[1]).substr(0, kQuotedMax);
  text += "'. Try ";
  for (const char c : container.name) {
    text += c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  }
  text += " HELP.";
  reply.error(text);
}

}  // namespace pollux
