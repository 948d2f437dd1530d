#include "storage/aof_splitter.h"

#include <algorithm>

#include "src/base/assert.h"
#include "src/base/num.h"
#include "storage/rdb_file_format.h"
#include "storage/rdb_file_text.h"

namespace pollux {

namespace {

constexpr uint64_t kArgsMax = 2147483647;
constexpr std::string_view kTimestamp = "TS:";

bool is_command(std::string_view word, std::string_view upper) {
  return std::equal(word.begin(), word.end(), upper.begin(), upper.end(),
                    [](char a, char b) { return (a & ~0x20) == b; });
}

std::string shown_byte(char c) {
  return c == '\0' ? "a zero byte" : "\"" + printable({&c, 1}) + "\"";
}

}  // namespace

AofSplitter::Step AofSplitter::next() {
  if (last_ != Step::kRecord && last_ != Step::kMore) {
    return last_;
  }
  POLLUX_ASSERT(fed_);
  if (following_ != 0 && window_.size() - used_ < window_bytes_min_) {
    last_ = Step::kMore;
  } else {
    last_ = only_zeros_ ? zeros() : started_ ? one_record() : start_of_file();
  }
  fed_ = last_ != Step::kMore;
  return last_;
}

AofSplitter::Step AofSplitter::start_of_file() {
  for (const std::string_view magic : {kRdbMagicRedis, kRdbMagicValkey}) {
    const size_t common = std::min(magic.size(), window_.size());
    if (window_offset_ != 0 || common == 0 ||
        window_.substr(0, common) != magic.substr(0, common)) {
      continue;
    }
    return common == magic.size() || following_ == 0 ? Step::kRdb : more(1);
  }
  started_ = true;
  return one_record();
}

AofSplitter::Step AofSplitter::one_record() {
  if (used_ == window_.size()) {
    return following_ != 0 ? more(1) : in_multi_ ? truncated() : Step::kEnd;
  }
  record_.offset = offset();
  if (window_[used_] == '#') {
    return comment();
  }
  return command();
}

AofSplitter::Step AofSplitter::command() {
  size_t at = used_;
  uint64_t count = 0;
  if (!number('*', kArgsMax, "the number of arguments of a command", at, count)) {
    return stopped_;
  }
  if (count == 0) {
    return broken(used_ + 1, "a command without arguments stands there");
  }
  args_.clear();
  for (; count > 0; --count) {
    uint64_t bytes = 0;
    if (!number('$', options_.bulk_bytes_max, "the length of an argument", at, bytes)) {
      return stopped_;
    }
    const size_t rest = window_.size() - at;
    if (rest < bytes) {
      return more(bytes - rest);  // what stands behind it may be wrong
    }
    args_.push_back(window_.substr(at, bytes));
    at += bytes;
    if (!line_end(at)) {
      return stopped_;
    }
  }
  record_.kind = AofRecord::Kind::kCommand;
  record_.args = args_;
  if (const Step step = take_group(); step != Step::kRecord) {
    return step;
  }
  done_to(at);
  return Step::kRecord;
}

AofSplitter::Step AofSplitter::take_group() {
  using Group = AofRecord::Group;
  record_.group = in_multi_ ? Group::kInside : Group::kNone;
  if (is_command(args_[0], "MULTI")) {
    if (in_multi_) {
      return broken(used_, "a MULTI stands within another that has no EXEC");
    }
    record_.group = Group::kMulti;
    in_multi_ = true;
  } else if (is_command(args_[0], "EXEC")) {
    if (!in_multi_) {
      return broken(used_, "an EXEC without a MULTI stands there");
    }
    record_.group = Group::kExec;
    in_multi_ = false;
  }
  return Step::kRecord;
}

AofSplitter::Step AofSplitter::comment() {
  const std::string_view rest = window_.substr(used_, kCommentBytesMax);
  const size_t end = rest.find('\n');
  if (const size_t zero = rest.substr(0, end).find('\0'); zero != std::string_view::npos) {
    return broken(used_ + zero, "a zero byte stands in a line of text");
  }
  if (end == std::string_view::npos) {
    return rest.size() < kCommentBytesMax
               ? more(1)
               : broken(used_, "a line that begins with # has no end within 1023 bytes");
  }
  std::string_view text = rest.substr(1, end - 1);
  if (text.ends_with('\r')) {
    text.remove_suffix(1);
  }
  record_.kind = AofRecord::Kind::kComment;
  record_.text = text;
  if (text.starts_with(kTimestamp)) {
    if (const auto time_s = parse_int64(text.substr(kTimestamp.size()))) {
      record_.kind = AofRecord::Kind::kTimestamp;
      record_.time_s = *time_s;
    }
  }
  done_to(used_ + end + 1);
  return Step::kRecord;
}

void AofSplitter::done_to(size_t at) {
  used_ = at;
  window_bytes_min_ = 1;
  if (!in_multi_) {
    valid_to_ = offset();
  }
}

// --- parts of a command ---

bool AofSplitter::number(char mark, uint64_t max, std::string_view what, size_t& at,
                         uint64_t& value) {
  if (at < window_.size() && window_[at] != mark) {
    return stop(broken(at, shown_byte(window_[at]) + " stands where " + std::string(what) +
                               " has to begin with " + mark));
  }
  size_t digit = at + 1;
  for (; digit < window_.size() && window_[digit] >= '0' && window_[digit] <= '9'; ++digit) {
    value = 10 * value + static_cast<uint64_t>(window_[digit] - '0');
    if (value > max) {
      return stop(broken(at, std::string(what) + " is more than " + std::to_string(max)));
    }
  }
  if (digit >= window_.size()) {
    return stop(more(1));
  }
  if (digit == at + 1) {
    return stop(broken(digit, shown_byte(window_[digit]) + " stands where " + std::string(what) +
                                  " has to be a number"));
  }
  at = digit;
  return line_end(at);
}

bool AofSplitter::line_end(size_t& at) {
  for (const char expected : {'\r', '\n'}) {
    if (at == window_.size()) {
      return stop(more(1));
    }
    if (window_[at] != expected) {
      return stop(broken(at, shown_byte(window_[at]) + " stands where a line has to end with "
                                                       "CR LF"));
    }
    ++at;
  }
  return true;
}

// --- what stops it ---

bool AofSplitter::stop(Step step) {
  stopped_ = step;
  return false;
}

AofSplitter::Step AofSplitter::more(uint64_t lacking) {
  if (lacking > following_) {
    return truncated();
  }
  want(lacking);
  return Step::kMore;
}

AofSplitter::Step AofSplitter::truncated() {
  const uint64_t dropped = window_offset_ + window_.size() + following_ - valid_to_;
  error_ = "append-only file, byte " + std::to_string(valid_to_) + ": " +
           (in_multi_ ? "a transaction (MULTI without EXEC)" : "a record") +
           " that begins there has no end in the file (a crash? a full disk? a copy that did not "
           "end?). All before is whole; " +
           (following_ == kUnknown ? "what follows" : std::to_string(dropped) + " bytes") +
           " would be dropped. With aof-load-truncated yes the server cuts the last file there and "
           "starts, and redis-check-aof --fix cuts it, too; keep a copy before.";
  return Step::kTruncated;
}

AofSplitter::Step AofSplitter::broken(size_t at, std::string_view what) {
  error_ = "append-only file, byte " + std::to_string(window_offset_ + at) + ": " +
           std::string(what) +
           ". The file is damaged from there on. Keep a copy of it and load a "
           "backup; or let redis-check-aof --fix cut it at byte " +
           std::to_string(valid_to_) + ", which loses all that follows.";
  if (at >= window_.size() || window_[at] != '\0') {
    return Step::kBroken;
  }
  only_zeros_ = true;
  used_ = at;
  return zeros();
}

AofSplitter::Step AofSplitter::zeros() {
  if (window_.find_first_not_of('\0', used_) != std::string_view::npos) {
    return Step::kBroken;
  }
  used_ = window_.size();
  window_bytes_min_ = 1;
  return following_ == 0 ? truncated() : Step::kMore;
}

}  // namespace pollux
