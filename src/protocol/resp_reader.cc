// Two ways lead through this file. A request that lies complete in the buffer takes read()'s own
// loop, which keeps no state. Everything else (half requests, odd spellings, errors, inline
// commands) takes read_on(), a state machine over Half; it alone decides what an error is, so the
// fast loop gives up whenever it is in doubt.
#include "src/protocol/resp_reader.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "src/base/num.h"
#include "src/protocol/error_text.h"
#include "src/protocol/quoted.h"

namespace pollux {

namespace {

// A half request shorter than this is read again from its start when more has come: that is
// cheaper than to remember it, and keeps readers of ordinary traffic free of memory.
constexpr size_t kRereadMax = 512;

// What a client may send before AUTH (Redis: authRequired in the multibulk reader).
constexpr int64_t kUnauthenticatedArgsMax = 10;
constexpr int64_t kUnauthenticatedBulkMax = 16384;

constexpr size_t kLineEnd = 2;  // CR, and one byte that nobody looks at

// Reads "digits CR any" at `in` and moves behind it. False when in doubt: the digits aren't
// canonical, are more than 9, or the line isn't complete.
inline bool take_length(const char*& in, const char* end, size_t& length) {
  const char* at = in;
  if (end - at < 3) {
    return false;
  }
  // One digit or two, as most have.
  const unsigned first = static_cast<unsigned char>(at[0]) - unsigned{'0'};
  const unsigned second = static_cast<unsigned char>(at[1]) - unsigned{'0'};
  if (at[1] == '\r' && first <= 9) {
    length = first;
    in = at + 1 + kLineEnd;
    return true;
  }
  if (at[2] == '\r' && end - at > 3 && second <= 9 && first - 1 <= 8) {
    length = first * 10 + second;
    in = at + 2 + kLineEnd;
    return true;
  }
  if (first - 1 > 8) {
    return false;
  }
  size_t value = first;
  const char* const last = end - at > 10 ? at + 10 : end - 1;
  for (++at; at < last; ++at) {
    const unsigned digit = static_cast<unsigned char>(*at) - unsigned{'0'};
    if (digit > 9) {
      break;
    }
    value = value * 10 + digit;
  }
  if (at >= last || *at != '\r') {
    return false;
  }
  length = value;
  in = at + kLineEnd;
  return true;
}

void split_plain(std::string_view line, std::vector<std::string_view>& args) {
  const char* in = line.data();
  const char* const end = in + line.size();
  while (true) {
    while (in < end && is_space(*in)) {
      ++in;
    }
    if (in == end) {
      return;
    }
    const char* const start = in;
    while (in < end && !ends_word(*in)) {
      ++in;
    }
    args.emplace_back(start, static_cast<size_t>(in - start));
  }
}

// The fast way: true if a whole request lies at the front of `bytes` and is spelled as usual. If
// not, `args` holds the arguments that are certain, `position` stands behind them, `args_left` are
// missing; a position of 0 says that nothing is certain.
inline bool take_whole(std::string_view bytes, const ReadLimits& limits,
                       std::vector<std::string_view>& args, size_t& position, size_t& args_left) {
  if (bytes.empty() || bytes[0] != '*') {
    return false;
  }
  int64_t args_max = limits.multibulk_max;
  int64_t bulk_max = limits.bulk_bytes_max;
  if (!limits.authenticated) [[unlikely]] {
    args_max = std::min(args_max, kUnauthenticatedArgsMax);
    bulk_max = std::min(bulk_max, kUnauthenticatedBulkMax);
  }
  const char* in = bytes.data() + 1;
  const char* const end = bytes.data() + bytes.size();
  size_t count = 0;
  if (!take_length(in, end, count) || count == 0 || static_cast<int64_t>(count) > args_max) {
    return false;
  }
  for (; count > 0; --count) {
    if (in == end || *in != '$') {
      break;
    }
    const char* at = in + 1;
    size_t size = 0;
    if (!take_length(at, end, size) || static_cast<int64_t>(size) > bulk_max ||
        static_cast<size_t>(end - at) < size + kLineEnd) {
      break;
    }
    args.emplace_back(at, size);
    in = at + size + kLineEnd;
  }
  position = static_cast<size_t>(in - bytes.data());
  args_left = count;
  return count == 0;
}

}  // namespace

struct RespReader::Half {
  struct Span {
    size_t offset;
    size_t size;
  };
  static constexpr int64_t kUnknown = -1;

  bool stored = false;    // in half_, for a later call: arguments go to `spans`, not to `args`
  bool nul_seen = false;  // in the line being looked for, see find_line_end
  size_t position = 0;    // all before it is read
  size_t scanned = 0;     // no line end between position and here
  int64_t args_left = kUnknown;
  int64_t bulk_bytes = kUnknown;
  std::vector<Span> spans;

  enum class Line : uint8_t { kFound, kNotYet, kTooLong };

  // Looks for the byte `ending` in the line at `position`; `end` is its offset. A NUL hides all
  // that follows, as Redis looks with strchr: such a line has no end, and gets too long one day.
  // Whether a line is too long depends on its bytes alone, not on how they were cut on arrival.
  Line find_line_end(std::string_view bytes, char ending, size_t line_max, size_t& end) {
    const size_t limit = std::min(bytes.size(), position + line_max + 1);
    scanned = std::max(scanned, position);
    if (!nul_seen && scanned < limit) {
      const char* const from = bytes.data() + scanned;
      const auto* hit = static_cast<const char*>(std::memchr(from, ending, limit - scanned));
      const size_t until = hit != nullptr ? static_cast<size_t>(hit - bytes.data()) : limit;
      nul_seen = until > scanned && std::memchr(from, '\0', until - scanned) != nullptr;
      if (hit != nullptr && !nul_seen) {
        end = until;  // `scanned` stays in front of it, so that it is found again
        scanned = until;
        return Line::kFound;
      }
      scanned = limit;
    }
    return bytes.size() - position > line_max ? Line::kTooLong : Line::kNotYet;
  }
};

RespReader::RespReader() = default;
RespReader::~RespReader() = default;
RespReader::RespReader(RespReader&&) noexcept = default;
RespReader& RespReader::operator=(RespReader&&) noexcept = default;

size_t RespReader::held_bytes() const {
  return (half_ == nullptr ? 0 : sizeof(Half) + half_->spans.capacity() * sizeof(Half::Span)) +
         (text_ == nullptr ? 0 : text_->capacity());
}

void RespReader::reset() {
  half_.reset();
  text_.reset();
  bytes_wanted_ = 0;
}

ReadStatus RespReader::read(std::string_view bytes, const ReadLimits& limits,
                            std::vector<std::string_view>& args, size_t& consumed) {
  args.clear();
  if (text_ != nullptr) [[unlikely]] {
    text_.reset();
  }
  if (half_ != nullptr) [[unlikely]] {
    return read_on(*half_, bytes, limits, args, consumed);
  }
  size_t position = 0;
  size_t args_left = 0;
  if (take_whole(bytes, limits, args, position, args_left)) [[likely]] {
    consumed = position;
    return ReadStatus::kRequest;
  }
  Half half;
  if (position > 0) {
    half.position = position;
    half.args_left = static_cast<int64_t>(args_left);
  }
  return read_on(half, bytes, limits, args, consumed);
}

// `half` is *half_, or fresh from read() with the arguments that it has found in `args`.
ReadStatus RespReader::read_on(Half& half, std::string_view bytes, const ReadLimits& limits,
                               std::vector<std::string_view>& args, size_t& consumed) {
  ReadStatus status = ReadStatus::kRequest;
  if (bytes.empty()) {
    status = need(1);
  } else if (bytes[0] != '*') {
    status = read_inline(half, bytes, limits, args, consumed);
  } else {
    if (half.args_left == Half::kUnknown) {
      status = read_count(half, bytes, limits);
    }
    while (status == ReadStatus::kRequest && half.args_left > 0) {
      status = read_bulk(half, bytes, limits, args);
    }
    consumed = half.position;
  }

  if (status == ReadStatus::kNeedMore) {
    if (!half.stored && bytes.size() >= kRereadMax) {
      half.stored = true;
      half.spans.reserve(args.size());
      for (const std::string_view arg : args) {
        half.spans.push_back({static_cast<size_t>(arg.data() - bytes.data()), arg.size()});
      }
      half_ = std::make_unique<Half>(std::move(half));
    }
    return status;
  }
  if (status == ReadStatus::kRequest && half.stored) {
    args.reserve(half.spans.size());
    for (const Half::Span& span : half.spans) {
      args.push_back(bytes.substr(span.offset, span.size));
    }
  }
  half_.reset();  // and with it, it may be, `half`
  return status;
}

ReadStatus RespReader::read_count(Half& half, std::string_view bytes, const ReadLimits& limits) {
  size_t end = 0;
  switch (half.find_line_end(bytes, '\r', limits.inline_bytes_max, end)) {
    case Half::Line::kTooLong:
      return fail(error_text::kBigMultibulkLine);
    case Half::Line::kNotYet:
      return need(bytes.size() + 1);
    case Half::Line::kFound:
      break;
  }
  if (bytes.size() < end + kLineEnd) {
    return need(end + kLineEnd);
  }
  const std::optional<int64_t> count = parse_int64(bytes.substr(1, end - 1));
  if (!count.has_value() || *count > limits.multibulk_max) {
    return fail(error_text::kBadMultibulkLength);
  }
  if (*count > kUnauthenticatedArgsMax && !limits.authenticated) {
    return fail(error_text::kUnauthenticatedMultibulk);
  }
  half.position = end + kLineEnd;
  half.args_left = *count;
  return *count <= 0 ? ReadStatus::kEmpty : ReadStatus::kRequest;
}

// Reads one argument, its header first if that isn't known yet. kRequest: done, go on.
ReadStatus RespReader::read_bulk(Half& half, std::string_view bytes, const ReadLimits& limits,
                                 std::vector<std::string_view>& args) {
  if (half.bulk_bytes == Half::kUnknown) {
    size_t end = 0;
    switch (half.find_line_end(bytes, '\r', limits.inline_bytes_max, end)) {
      case Half::Line::kTooLong:
        return fail(error_text::kBigBulkLine);
      case Half::Line::kNotYet:
        return need(bytes.size() + 1);
      case Half::Line::kFound:
        break;
    }
    if (bytes.size() < end + kLineEnd) {
      return need(end + kLineEnd);
    }
    if (bytes[half.position] != '$') {
      return fail_expected_dollar(bytes[half.position]);
    }
    const std::optional<int64_t> size =
        parse_int64(bytes.substr(half.position + 1, end - half.position - 1));
    if (!size.has_value() || *size < 0 || *size > limits.bulk_bytes_max) {
      return fail(error_text::kBadBulkLength);
    }
    if (*size > kUnauthenticatedBulkMax && !limits.authenticated) {
      return fail(error_text::kUnauthenticatedBulk);
    }
    half.position = end + kLineEnd;
    half.bulk_bytes = *size;
  }
  const auto size = static_cast<size_t>(half.bulk_bytes);
  if (bytes.size() - half.position < size + kLineEnd) {
    return need(half.position + size + kLineEnd);
  }
  if (half.stored) {
    half.spans.push_back({half.position, size});
  } else {
    args.push_back(bytes.substr(half.position, size));
  }
  half.position += size + kLineEnd;  // the two bytes behind it may be anything, as in Redis
  half.bulk_bytes = Half::kUnknown;
  --half.args_left;
  return ReadStatus::kRequest;
}

ReadStatus RespReader::read_inline(Half& half, std::string_view bytes, const ReadLimits& limits,
                                   std::vector<std::string_view>& args, size_t& consumed) {
  size_t end = 0;
  switch (half.find_line_end(bytes, '\n', limits.inline_bytes_max, end)) {
    case Half::Line::kTooLong:
      return fail(error_text::kBigInline);
    case Half::Line::kNotYet:
      return need(bytes.size() + 1);
    case Half::Line::kFound:
      break;
  }
  std::string_view line = bytes.substr(0, end);
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  consumed = end + 1;
  if (line.find_first_of("\"'") == std::string_view::npos) {
    split_plain(line, args);
  } else {
    text_ = std::make_unique<std::string>();
    if (!split_quoted(line, *text_, args)) {
      return fail(error_text::kUnbalancedQuotes);
    }
  }
  return args.empty() ? ReadStatus::kEmpty : ReadStatus::kRequest;
}

ReadStatus RespReader::need(size_t bytes) {
  bytes_wanted_ = bytes;
  return ReadStatus::kNeedMore;
}

ReadStatus RespReader::fail(std::string_view sentence) {
  text_ = std::make_unique<std::string>(sentence);
  return ReadStatus::kError;
}

ReadStatus RespReader::fail_expected_dollar(char got) {
  std::string sentence(error_text::kExpectedDollar);
  sentence.push_back(got == '\r' || got == '\n' ? ' ' : got);
  sentence.push_back('\'');
  return fail(sentence);
}

}  // namespace pollux
