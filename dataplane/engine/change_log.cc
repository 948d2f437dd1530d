#include "dataplane/engine/change_log.h"

#include <charconv>
#include <cstring>

namespace pollux {

namespace {

// Of a line with a number: mark, digits, CR LF.
constexpr size_t kDigitsMax = 20;
constexpr size_t kNumberBytesMax = kDigitsMax + 4;
// Commands up to this size are written in one piece.
constexpr size_t kPieceBytesMax = 4096;

char* put_number(char* at, char mark, size_t number) {
  *at++ = mark;
  at = std::to_chars(at, at + kDigitsMax, number).ptr;
  *at++ = '\r';
  *at++ = '\n';
  return at;
}

char* put_text(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

}  // namespace

void ChangeLog::begin_record(uint32_t db, Instant now) {
  need_ticket(now);
  lane_->select(db);
  if (in_group_ && !group_begun_) {
    group_begun_ = true;
    lane_->append("*1\r\n$5\r\nMULTI\r\n");
  }
}

void ChangeLog::append_command(Args args) {
  size_t bytes = kNumberBytesMax;
  for (const std::string_view word : args) {
    bytes += kNumberBytesMax + word.size() + 2;
  }
  if (char* at = bytes <= kPieceBytesMax ? lane_->reserve(bytes) : nullptr; at != nullptr) {
    const char* const begin = at;
    at = put_number(at, '*', args.size());
    for (const std::string_view word : args) {
      at = put_number(at, '$', word.size());
      at = put_text(at, word);
      at = put_text(at, "\r\n");
    }
    lane_->commit(static_cast<size_t>(at - begin));
    return;
  }
  char line[kNumberBytesMax];
  const auto line_of = [&line](char mark, size_t number) {
    return std::string_view(line, static_cast<size_t>(put_number(line, mark, number) - line));
  };
  lane_->append(line_of('*', args.size()));
  for (const std::string_view word : args) {
    lane_->append(line_of('$', word.size()));
    lane_->append(word);
    lane_->append("\r\n");
  }
}

void ChangeLog::record(uint32_t db, Args args, Instant now) {
  dirty_ = false;
  begin_record(db, now);
  append_command(args);
}

void ChangeLog::record(uint32_t db, const Effects& effects, Instant now) {
  dirty_ = false;
  if (effects.count() == 0) {
    return;
  }
  const bool own_group = effects.count() > 1 && !in_group_;
  in_group_ = in_group_ || own_group;
  begin_record(db, now);
  lane_->append(effects.bytes());
  if (own_group) {
    end_group(now);
  }
}

void ChangeLog::removed(uint32_t db, std::string_view key, Instant now) {
  if (on_) {
    const std::string_view words[] = {"DEL", key};
    begin_record(db, now);
    append_command(words);
  }
}

void ChangeLog::removed_field(uint32_t db, std::string_view key, std::string_view field,
                              Instant now) {
  if (on_) {
    const std::string_view words[] = {"HDEL", key, field};
    begin_record(db, now);
    append_command(words);
  }
}

void ChangeLog::end_group(Instant now) {
  in_group_ = false;
  if (group_begun_) {
    group_begun_ = false;
    need_ticket(now);
    lane_->append("*1\r\n$4\r\nEXEC\r\n");
  }
}

Ticket ChangeLog::cut(Instant now) {
  holds_ticket_ = false;
  need_ticket(now);
  lane_->mark_cut();
  holds_ticket_ = false;
  return ticket_;
}

}  // namespace pollux
