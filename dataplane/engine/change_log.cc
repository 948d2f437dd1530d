#include "dataplane/engine/change_log.h"

#include "src/protocol/resp_words.h"

namespace pollux {

namespace {

// Commands up to this size are written in one piece.
constexpr size_t kPieceBytesMax = 4096;
// What a group leaves of its memory to the next one.
constexpr size_t kKeptBytesMax = 64 << 10;
constexpr std::string_view kMulti = "*1\r\n$5\r\nMULTI\r\n";
constexpr std::string_view kExec = "*1\r\n$4\r\nEXEC\r\n";

}  // namespace

void ChangeLog::begin_record(uint32_t db, Instant now) {
  if (keeps_back()) {
    group_changed_ = true;
    kept_.push_back({db, kept_bytes_.size()});
    return;
  }
  need_ticket(now);
  begin_in_lane(db);
}

void ChangeLog::begin_in_lane(uint32_t db) {
  lane_->select(db);
  if (group_is_whole_ && !group_begun_) {
    group_begun_ = true;
    lane_->append(kMulti);
  }
}

void ChangeLog::append(std::string_view bytes) {
  if (keeps_back()) {
    kept_bytes_.append(bytes);
  } else {
    lane_->append(bytes);
  }
}

void ChangeLog::append_command(Args args) {
  if (keeps_back()) {
    RespAppender out(kept_bytes_);
    write_resp_command(out, args);
    return;
  }
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
  const bool own_group = effects.count() > 1 && !group_is_whole_;
  begin_record(db, now);
  if (own_group) {
    append(kMulti);
  }
  append(effects.bytes());
  if (own_group) {
    append(kExec);
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

void ChangeLog::begin_transaction() {
  group_is_whole_ = begin_command();
}

bool ChangeLog::begin_command() {
  if (!on_ || in_group_) {
    return false;
  }
  push();
  in_group_ = true;
  group_changed_ = false;
  return true;
}

void ChangeLog::open_group(Instant now) {
  need_ticket(now);
  group_open_ = true;
  const std::string_view bytes = kept_bytes_;
  for (size_t i = 0; i < kept_.size(); ++i) {
    const size_t end = i + 1 < kept_.size() ? kept_[i + 1].at : bytes.size();
    begin_in_lane(kept_[i].db);
    lane_->append(bytes.substr(kept_[i].at, end - kept_[i].at));
  }
  forget_kept();
}

void ChangeLog::forget_kept() {
  kept_.clear();
  kept_bytes_.clear();
  if (kept_.capacity() * sizeof(Kept) + kept_bytes_.capacity() > kKeptBytesMax) {
    std::vector<Kept>().swap(kept_);
    std::string().swap(kept_bytes_);
  }
}

Ticket ChangeLog::end_group(Instant now) {
  if (on_ && (dirty_ || !kept_.empty())) {
    open_group(now);
  }
  forget_kept();  // of a history that has ended meanwhile
  const bool open = group_open_;
  if (group_begun_) {
    lane_->append(kExec);
  }
  in_group_ = group_is_whole_ = group_open_ = group_begun_ = false;
  return open ? ticket_ : Ticket{};
}

Ticket ChangeLog::cut(Instant now) {
  holds_ticket_ = false;
  need_ticket(now);
  lane_->mark_cut();
  holds_ticket_ = false;
  return ticket_;
}

}  // namespace pollux
