#include "src/commands/stream_args.h"

#include <initializer_list>
#include <map>
#include <vector>

namespace pollux {

namespace {

bool read_bound(Context& ctx, size_t index, StreamId& id, uint64_t missing_seq, bool& exclusive) {
  const std::string_view arg = ctx.args[index];
  exclusive = arg.size() > 1 && arg[0] == '(';
  const auto parsed = exclusive ? parse_stream_id(arg.substr(1), missing_seq)
                                : parse_stream_bound(arg, missing_seq);
  if (!parsed) {
    ctx.reply.error(kInvalidStreamId);
    return false;
  }
  id = *parsed;
  return true;
}

bool same_delivery(const StreamPending& a, const StreamPending& b) {
  return a.consumer() == b.consumer() && a.delivered_ms() == b.delivered_ms() &&
         a.deliveries() == b.deliveries();
}

void tell_ids(Effects& effects, std::initializer_list<std::string_view> head,
              std::span<const StreamId> ids) {
  EffectWords words(effects, head);
  for (const StreamId id : ids) {
    words.word(StreamIdText(id));
  }
}

std::string quoted(std::string_view name) { return "'" + std::string(up_to_nul(name)) + "'"; }

}  // namespace

Stream& make_stream(Edit& edit) {
  if (edit.entry() == nullptr) {
    edit.set_collection(ValueType::kStream, Encoding::kStream, edit.memory().make<Stream>());
  }
  return writable_stream(edit);
}

bool read_stream_id(Context& ctx, size_t index, StreamId& id, uint64_t missing_seq) {
  const auto parsed = parse_stream_id(ctx.args[index], missing_seq);
  if (!parsed) {
    ctx.reply.error(kInvalidStreamId);
    return false;
  }
  id = *parsed;
  return true;
}

bool read_range_start(Context& ctx, size_t index, StreamId& start) {
  bool exclusive = false;
  if (!read_bound(ctx, index, start, 0, exclusive)) {
    return false;
  }
  if (exclusive) {
    const auto next = next_stream_id(start);
    if (!next) {
      ctx.reply.error("ERR invalid start ID for the interval");
      return false;
    }
    start = *next;
  }
  return true;
}

bool read_range_end(Context& ctx, size_t index, StreamId& end) {
  bool exclusive = false;
  if (!read_bound(ctx, index, end, UINT64_MAX, exclusive)) {
    return false;
  }
  if (exclusive) {
    const auto previous = previous_stream_id(end);
    if (!previous) {
      ctx.reply.error("ERR invalid end ID for the interval");
      return false;
    }
    end = *previous;
  }
  return true;
}

bool check_stream_ids(Context& ctx, size_t first) {
  StreamId id;
  for (size_t i = first; i < ctx.args.size(); ++i) {
    if (!read_stream_id(ctx, i, id)) {
      return false;
    }
  }
  return true;
}

bool is_refs_word(std::string_view arg, StreamRefs& refs) {
  if (is_word(arg, "keepref")) {
    refs = StreamRefs::kKeep;
  } else if (is_word(arg, "delref")) {
    refs = StreamRefs::kDelete;
  } else if (is_word(arg, "acked")) {
    refs = StreamRefs::kAcked;
  } else {
    return false;
  }
  return true;
}

void reply_no_group(Context& ctx, std::string_view key, std::string_view group,
                    std::string_view after) {
  ctx.reply.error("NOGROUP No such key " + quoted(key) + " or consumer group " + quoted(group) +
                  std::string(after));
}

void reply_no_group_of_key(Context& ctx, std::string_view key, std::string_view group) {
  ctx.reply.error("NOGROUP No such consumer group " + quoted(group) + " for key name " +
                  quoted(key));
}

void reply_stream_id(Reply& reply, StreamId id) {
  char text[kStreamIdTextMax];
  reply.bulk({text, format_stream_id(id, text)});
}

void reply_fields(Reply& reply, const StreamEntry& entry) {
  reply.array(2 * entry.fields);
  entry.for_each([&reply](const PackedValue& name, const PackedValue& value) {
    reply_packed(reply, name);
    reply_packed(reply, value);
  });
}

void reply_stream_entry(Reply& reply, const StreamEntry& entry) {
  reply.array(2);
  reply_stream_id(reply, entry.id);
  reply_fields(reply, entry);
}

bool reply_entry_of(Reply& reply, const Stream& stream, StreamId id) {
  bool found = false;
  stream.walk(id, id, [&](const StreamEntry& entry) {
    reply_stream_entry(reply, entry);
    found = true;
    return false;
  });
  return found;
}

void reply_stream_range(Reply& reply, const Stream& stream, StreamId from, StreamId to,
                        uint64_t max) {
  uint64_t left = stream.count(from, to, max);
  reply.array(left);
  if (left == 0) {
    return;
  }
  stream.walk(from, to, [&](const StreamEntry& entry) {
    reply_stream_entry(reply, entry);
    return --left > 0;
  });
}

void tell_pending(Context& ctx, std::string_view key, const StreamGroup& group,
                  std::span<const StreamId> ids) {
  while (ctx.effects != nullptr && !ids.empty()) {
    const StreamPending& first = *group.find(ids.front());
    EffectWords xclaim(*ctx.effects,
                       {"XCLAIM", key, group.name(), first.consumer()->name(), "0"});
    do {
      xclaim.word(StreamIdText(ids.front()));
      ids = ids.subspan(1);
    } while (!ids.empty() && same_delivery(first, *group.find(ids.front())));
    xclaim.word("TIME");
    xclaim.word(NumberText(first.delivered_ms()));
    xclaim.word("RETRYCOUNT");
    xclaim.word(NumberText(first.deliveries()));
    xclaim.word("FORCE");
    xclaim.word("JUSTID");
    xclaim.word("LASTID");
    xclaim.word(StreamIdText(group.last_id()));
  }
}

void tell_group_read(Context& ctx, std::string_view key, const StreamGroup& group) {
  if (ctx.effects != nullptr) {
    ctx.effects->add({"XGROUP", "SETID", key, group.name(), StreamIdText(group.last_id()),
                      "ENTRIESREAD", NumberText(group.entries_read)});
  }
}

void tell_acknowledged(Context& ctx, std::string_view key, std::string_view group,
                       std::span<const StreamId> ids) {
  if (ctx.effects != nullptr) {
    tell_ids(*ctx.effects, {"XACK", key, group}, ids);
  }
}

void tell_unreferenced(Context& ctx, std::string_view key, const StreamLosses& losses) {
  if (ctx.effects == nullptr) {
    return;
  }
  std::map<std::string_view, std::vector<StreamId>> ids_of;
  for (const StreamLosses::Reference& reference : losses.references) {
    ids_of[reference.group->name()].push_back(reference.id);
  }
  for (const auto& [group, ids] : ids_of) {
    tell_acknowledged(ctx, key, group, ids);
  }
}

void tell_deleted(Context& ctx, std::string_view key, std::span<const StreamId> ids) {
  if (ctx.effects != nullptr) {
    tell_ids(*ctx.effects, {"XDEL", key}, ids);
  }
}

void reply_lines(Reply& reply, std::span<const std::string_view> lines) {
  reply.array(lines.size());
  for (const std::string_view line : lines) {
    reply.simple(line);
  }
}

}  // namespace pollux
