#include "src/commands/command_docs.h"

#include <algorithm>
#include <string>
#include <vector>

#include "src/commands/command_table.h"
#include "src/commands/syntax.h"

namespace pollux {

namespace {

struct BitName {
  uint32_t bit;
  std::string_view name;
};

// In the order in which redis-server prints them.
constexpr BitName kFlagNames[] = {
    {kWrite, "write"},
    {kReadonly, "readonly"},
    {kDenyOom, "denyoom"},
    {kAdmin, "admin"},
    {kPubsub, "pubsub"},
    {kNoScript, "noscript"},
    {kBlocking, "blocking"},
    {kLoading, "loading"},
    {kStale, "stale"},
    {kSkipMonitor, "skip_monitor"},
    {kSkipSlowlog, "skip_slowlog"},
    {kAsking, "asking"},
    {kFast, "fast"},
    {kNoAuth, "no_auth"},
    {kNoMandatoryKeys, "no_mandatory_keys"},
    {kNoAsyncLoading, "no_async_loading"},
    {kNoMulti, "no_multi"},
    {kMovableKeys, "movablekeys"},
    {kAllowBusy, "allow_busy"},
};

// Calls fn(piece) for the pieces of `text` between dividers; none for an empty text.
template <typename Fn>
void for_each_piece(std::string_view text, char divider, Fn fn) {
  while (!text.empty()) {
    const size_t end = text.find(divider);
    fn(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
}

size_t count_pieces(std::string_view text, char divider) {
  return text.empty() ? 0 : 1 + static_cast<size_t>(std::count(text.begin(), text.end(), divider));
}

std::string full_name(const CommandRow& row) {
  std::string name;
  append_full_name(name, row);
  return name;
}

// --- COMMAND INFO ---

void write_flags(Reply& reply, uint32_t flags) {
  const auto has = [flags](const BitName& row) { return (flags & row.bit) != 0; };
  reply.set(static_cast<size_t>(std::count_if(std::begin(kFlagNames), std::end(kFlagNames), has)));
  for (const BitName& row : kFlagNames) {
    if (has(row)) {
      reply.simple(row.name);
    }
  }
}

void write_categories(Reply& reply, const CommandRow& row) {
  const std::vector<std::string_view> categories = acl_categories(row);
  reply.set(categories.size());
  for (const std::string_view name : categories) {
    reply.simple(name);
  }
}

bool is_plain_range(const KeySpec& spec) {
  return spec.first > 0 && spec.numkeys_at == 0 && spec.keyword.empty();
}

int count_specs(const CommandRow& row) {
  int count = 0;
  while (count < kKeySpecsMax && row.keys[count].first != 0) {
    ++count;
  }
  return count;
}

// First, last and step as they were told before there were key specs: all ranges in one.
void write_key_positions(Reply& reply, const CommandRow& row) {
  int first = 0;
  int last = 0;
  int step = 0;
  const int count = count_specs(row);
  for (int i = 0; i < count; ++i) {
    const KeySpec& spec = row.keys[i];
    if (!is_plain_range(spec) || (count > 1 && spec.step != 1)) {
      continue;
    }
    first = first == 0 ? spec.first : std::min<int>(first, spec.first);
    last = last < 0 || spec.last < 0 ? -1 : std::max<int>(last, spec.last);
    if (count == 1) {
      last = spec.last;
    }
    step = spec.step;
  }
  reply.integer(first);
  reply.integer(last);
  reply.integer(step);
}

void write_begin_search(Reply& reply, const KeySpec& spec) {
  reply.bulk("begin_search");
  reply.map(2);
  reply.bulk("type");
  if (spec.first == kKeysUnknown) {
    reply.bulk("unknown");
    reply.bulk("spec");
    reply.map(0);
  } else if (!spec.keyword.empty()) {
    reply.bulk("keyword");
    reply.bulk("spec");
    reply.map(2);
    reply.bulk("keyword");
    reply.bulk(spec.keyword);
    reply.bulk("startfrom");
    reply.integer(spec.first);
  } else {
    reply.bulk("index");
    reply.bulk("spec");
    reply.map(1);
    reply.bulk("index");
    reply.integer(spec.numkeys_at != 0 ? spec.numkeys_at : spec.first);
  }
}

void write_find_keys(Reply& reply, const KeySpec& spec) {
  reply.bulk("find_keys");
  reply.map(2);
  reply.bulk("type");
  if (spec.first == kKeysUnknown) {
    reply.bulk("unknown");
    reply.bulk("spec");
    reply.map(0);
    return;
  }
  const bool counted = spec.numkeys_at != 0;
  reply.bulk(counted ? "keynum" : "range");
  reply.bulk("spec");
  reply.map(3);
  if (counted) {
    reply.bulk("keynumidx");
    reply.integer(0);
    reply.bulk("firstkey");
    reply.integer(spec.first - spec.numkeys_at);
    reply.bulk("keystep");
    reply.integer(spec.step);
    return;
  }
  const bool relative = spec.last < 0 || !spec.keyword.empty();
  reply.bulk("lastkey");
  reply.integer(relative ? spec.last : spec.last - spec.first);
  reply.bulk("keystep");
  reply.integer(spec.step);
  reply.bulk("limit");
  reply.integer(spec.limit);
}

void write_key_specs(Reply& reply, const CommandRow& row) {
  const int count = count_specs(row);
  reply.set(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    const KeySpec& spec = row.keys[i];
    reply.map(spec.notes.empty() ? 3 : 4);
    if (!spec.notes.empty()) {
      reply.bulk("notes");
      reply.bulk(spec.notes);
    }
    reply.bulk("flags");
    write_word_set(reply, spec.flags);
    write_begin_search(reply, spec);
    write_find_keys(reply, spec);
  }
}

// --- COMMAND DOCS ---

void write_field(Reply& reply, std::string_view name, std::string_view value) {
  reply.bulk(name);
  reply.bulk(value);
}

void write_arguments(Reply& reply, const std::vector<Argument>& arguments);

void write_argument(Reply& reply, const Argument& argument) {
  const size_t flags = static_cast<size_t>(argument.optional) +
                       static_cast<size_t>(argument.multiple) +
                       static_cast<size_t>(argument.multiple_token);
  reply.map(2 + (argument.key_spec >= 0 ? 1 : 0) + (argument.token.empty() ? 0 : 1) +
            (argument.since.empty() ? 0 : 1) + (flags == 0 ? 0 : 1) +
            (argument.children.empty() ? 0 : 1));
  write_field(reply, "name", argument.name);
  write_field(reply, "type", argument.type);
  if (argument.key_spec >= 0) {
    reply.bulk("key_spec_index");
    reply.integer(argument.key_spec);
  }
  if (!argument.token.empty()) {
    write_field(reply, "token", argument.token);
  }
  if (!argument.since.empty()) {
    write_field(reply, "since", argument.since);
  }
  if (flags > 0) {
    reply.bulk("flags");
    reply.set(flags);
    if (argument.optional) {
      reply.simple("optional");
    }
    if (argument.multiple) {
      reply.simple("multiple");
    }
    if (argument.multiple_token) {
      reply.simple("multiple_token");
    }
  }
  if (!argument.children.empty()) {
    reply.bulk("arguments");
    write_arguments(reply, argument.children);
  }
}

void write_arguments(Reply& reply, const std::vector<Argument>& arguments) {
  reply.array(arguments.size());
  for (const Argument& argument : arguments) {
    write_argument(reply, argument);
  }
}

void write_history(Reply& reply, std::string_view history) {
  reply.bulk("history");
  reply.set(count_pieces(history, ';'));
  for_each_piece(history, ';', [&reply](std::string_view piece) {
    const size_t space = piece.find(' ');
    reply.array(2);
    reply.bulk(piece.substr(0, space));
    reply.bulk(piece.substr(space + 1));
  });
}

}  // namespace

std::vector<std::string_view> acl_categories(const CommandRow& row) {
  const auto flag = [&row](uint32_t bit) { return (row.flags & bit) != 0; };
  const auto own = [&row](uint32_t bit) { return (row.acl & bit) != 0; };
  const std::pair<bool, std::string_view> categories[] = {
      {own(kAclKeyspace), "@keyspace"},
      {flag(kReadonly) && !own(kAclScripting), "@read"},
      {flag(kWrite), "@write"},
      {own(kAclSet), "@set"},
      {own(kAclSortedset), "@sortedset"},
      {own(kAclList), "@list"},
      {own(kAclHash), "@hash"},
      {own(kAclString), "@string"},
      {own(kAclBitmap), "@bitmap"},
      {own(kAclHyperloglog), "@hyperloglog"},
      {own(kAclGeo), "@geo"},
      {own(kAclStream), "@stream"},
      {own(kAclPubsub) || flag(kPubsub), "@pubsub"},
      {own(kAclAdmin) || flag(kAdmin), "@admin"},
      {flag(kFast), "@fast"},
      {!flag(kFast), "@slow"},
      {flag(kBlocking), "@blocking"},
      {own(kAclDangerous) || flag(kAdmin), "@dangerous"},
      {own(kAclConnection), "@connection"},
      {own(kAclTransaction), "@transaction"},
      {own(kAclScripting), "@scripting"},
  };
  std::vector<std::string_view> names;
  for (const auto& [has, name] : categories) {
    if (has) {
      names.push_back(name);
    }
  }
  return names;
}

void write_word_set(Reply& reply, std::string_view words) {
  reply.set(count_pieces(words, ' '));
  for_each_piece(words, ' ', [&reply](std::string_view word) { reply.simple(word); });
}

void write_command_info(Reply& reply, const CommandRow& row) {
  reply.array(10);
  reply.bulk(full_name(row));
  reply.integer(row.arity);
  write_flags(reply, row.flags);
  write_key_positions(reply, row);
  write_categories(reply, row);
  reply.set(count_pieces(row.tips, ' '));
  for_each_piece(row.tips, ' ', [&reply](std::string_view tip) { reply.bulk(tip); });
  write_key_specs(reply, row);
  if (row.subcommands.empty()) {
    reply.set(0);
  } else {
    reply.array(row.subcommands.size());  // redis-server's own inconsistency
  }
  for (const CommandRow& sub : row.subcommands) {
    write_command_info(reply, sub);
  }
}

void write_command_docs(Reply& reply, const CommandRow& row) {
  const std::vector<Argument> arguments = parse_syntax(row.syntax);
  const bool deprecated = !row.deprecated_since.empty();
  reply.bulk(full_name(row));
  reply.map(3 + (row.complexity.empty() ? 0 : 1) + (row.syscmd ? 1 : 0) + (deprecated ? 3 : 0) +
            (row.history.empty() ? 0 : 1) + (arguments.empty() ? 0 : 1) +
            (row.subcommands.empty() ? 0 : 1));
  write_field(reply, "summary", row.summary);
  write_field(reply, "since", row.since);
  write_field(reply, "group", row.group);
  if (!row.complexity.empty()) {
    write_field(reply, "complexity", row.complexity);
  }
  if (row.syscmd) {
    reply.bulk("doc_flags");
    write_word_set(reply, "syscmd");
  }
  if (deprecated) {
    reply.bulk("doc_flags");
    write_word_set(reply, "deprecated");
    write_field(reply, "deprecated_since", row.deprecated_since);
    write_field(reply, "replaced_by", row.replaced_by);
  }
  if (!row.history.empty()) {
    write_history(reply, row.history);
  }
  if (!arguments.empty()) {
    reply.bulk("arguments");
    write_arguments(reply, arguments);
  }
  if (!row.subcommands.empty()) {
    reply.bulk("subcommands");
    reply.map(row.subcommands.size());
    for (const CommandRow& sub : row.subcommands) {
      write_command_docs(reply, sub);
    }
  }
}

}  // namespace pollux
