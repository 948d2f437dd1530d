#include "dataplane/engine/change_log.h"

#include "src/protocol/resp_words.h"

namespace pollux {

namespace {

// Commands up to this size are written in one piece.
constexpr size_t kPieceBytesMax = 4096;

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
  const size_t bytes = resp_command_bytes_max(args);
  if (char* const piece = bytes <= kPieceBytesMax ? lane_->reserve(bytes) : nullptr;
      piece != nullptr) {
    RespCursor out(piece);
    write_resp_command(out, args);
    lane_->commit(static_cast<size_t>(out.at() - piece));
    return;
  }
  RespAppender out(*lane_);
  write_resp_command(out, args);
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
