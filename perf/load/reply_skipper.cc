#include "perf/load/reply_skipper.h"

#include <algorithm>
#include <cstring>

namespace pollux {

namespace {

// No server sends more; a number above is taken for garbage, before sums of them can wrap.
constexpr uint64_t kNumberMax = uint64_t{1} << 40;

}  // namespace

Framed ReplySkipper::next(std::string_view& bytes) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  const auto leave = [&](Framed outcome) {
    bytes.remove_prefix(static_cast<size_t>(at - bytes.data()));
    return outcome;
  };
  while (at < end) {
    bool over = false;
    switch (at_) {
      case At::kType:
        if (!on_type(*at++)) {
          return leave(Framed::kBroken);
        }
        break;
      case At::kNumber: {
        const char c = *at++;
        if (c >= '0' && c <= '9') {
          number_ = number_ * 10 + static_cast<uint64_t>(c - '0');
          if (number_ > kNumberMax) {
            return leave(Framed::kBroken);
          }
        } else if (c == '-' && !negative_ && number_ == 0) {
          negative_ = true;
        } else if (c == '\n') {
          if (!on_number()) {
            return leave(Framed::kBroken);
          }
          over = at_ == At::kType;
        } else if (c != '\r') {
          return leave(Framed::kBroken);
        }
        break;
      }
      case At::kLine: {
        const auto* line_end =
            static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
        const char* stop = line_end == nullptr ? end : line_end;
        if (keeps_) {
          keep_error({at, static_cast<size_t>(stop - at)});
          if (line_end != nullptr && error_text_.ends_with('\r')) {
            error_text_.pop_back();
          }
        }
        at = line_end == nullptr ? end : line_end + 1;
        over = line_end != nullptr;
        break;
      }
      case At::kBulk: {
        const auto part = std::min(number_, static_cast<uint64_t>(end - at));
        if (keeps_ && number_ > 2) {  // CR LF
          keep_error({at, static_cast<size_t>(std::min(part, number_ - 2))});
        }
        at += part;
        number_ -= part;
        over = number_ == 0;
        break;
      }
    }
    if (over && item_over()) {
      return leave(push_ ? Framed::kPush : Framed::kReply);
    }
  }
  return leave(Framed::kNeedMore);
}

void ReplySkipper::keep_error(std::string_view piece) {
  error_text_ += piece.substr(0, kErrorTextMax - std::min(error_text_.size(), kErrorTextMax));
}

bool ReplySkipper::on_type(char type) {
  type_ = type;
  number_ = 0;
  negative_ = false;
  top_ = pending_ == 0;
  if (top_) {
    pending_ = 1;
    error_ = false;
    null_ = type == '_';
    push_ = type == '>';
    error_text_.clear();
  }
  keeps_ = !error_ && (type == '-' || type == '!');
  switch (type) {
    case '-':
      error_ = true;
      at_ = At::kLine;
      return true;
    case '+':
    case ':':
    case ',':
    case '#':
    case '(':
    case '_':
      at_ = At::kLine;
      return true;
    case '!':
      error_ = true;
      at_ = At::kNumber;
      return true;
    case '$':
    case '=':
    case '*':
    case '%':
    case '~':
    case '>':
    case '|':
      at_ = At::kNumber;
      return true;
    default:
      return false;
  }
}

bool ReplySkipper::on_number() {
  at_ = At::kType;
  if (negative_) {
    // Null, in RESP2's two forms.
    if (number_ != 1 || (type_ != '$' && type_ != '*')) {
      return false;
    }
    null_ = null_ || top_;
    return true;
  }
  switch (type_) {
    case '$':
    case '=':
    case '!':
      number_ += 2;
      at_ = At::kBulk;
      return true;
    case '%':
      pending_ += 2 * number_;
      return true;
    case '|':
      pending_ += 2 * number_ + 1;  // attributes: what they belong to follows
      return true;
    default:
      pending_ += number_;
      return true;
  }
}

bool ReplySkipper::item_over() {
  at_ = At::kType;
  if (keeps_) {
    keeps_ = false;
    std::ranges::replace_if(
        error_text_, [](char c) { return c < ' ' || c > '~'; }, '?');
  }
  return --pending_ == 0;
}

}  // namespace pollux
