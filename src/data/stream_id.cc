#include "src/data/stream_id.h"

#include "src/base/num.h"

namespace pollux {

namespace {

constexpr size_t kTextMax = 127;

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// A number as redis-server reads it: a canonical int64 that is not negative, else what strtoull
// takes as a whole. So "-3" is none, while " -3" is 2^64 - 3.
std::optional<uint64_t> parse_part(std::string_view text) {
  if (const auto canonical = parse_int64(text)) {
    return *canonical < 0 ? std::nullopt : std::optional(static_cast<uint64_t>(*canonical));
  }
  while (!text.empty() && is_blank(text.front())) {
    text.remove_prefix(1);
  }
  return parse_wrapping_uint64(text);
}

// The text up to its NUL, if it is short enough to be looked at.
std::optional<std::string_view> readable(std::string_view text) {
  if (text.size() > kTextMax) {
    return std::nullopt;
  }
  return text.substr(0, text.find('\0'));
}

std::optional<StreamIdPattern> parse(std::string_view text, uint64_t missing_seq) {
  const size_t dash = text.find('-');
  const auto ms = parse_part(text.substr(0, dash));
  if (!ms) {
    return std::nullopt;
  }
  if (dash == std::string_view::npos) {
    return StreamIdPattern{{*ms, missing_seq}, false};
  }
  if (text.substr(dash + 1) == "*") {
    return StreamIdPattern{{*ms, 0}, true};
  }
  const auto seq = parse_part(text.substr(dash + 1));
  return seq ? std::optional(StreamIdPattern{{*ms, *seq}, false}) : std::nullopt;
}

}  // namespace

std::optional<StreamId> next_stream_id(StreamId id) {
  if (id.seq != UINT64_MAX) {
    return StreamId{id.ms, id.seq + 1};
  }
  return id.ms != UINT64_MAX ? std::optional(StreamId{id.ms + 1, 0}) : std::nullopt;
}

std::optional<StreamId> previous_stream_id(StreamId id) {
  if (id.seq != 0) {
    return StreamId{id.ms, id.seq - 1};
  }
  return id.ms != 0 ? std::optional(StreamId{id.ms - 1, UINT64_MAX}) : std::nullopt;
}

size_t format_stream_id(StreamId id, char* out) {
  size_t size = format_uint64(id.ms, out);
  out[size++] = '-';
  return size + format_uint64(id.seq, out + size);
}

std::optional<StreamId> parse_stream_id(std::string_view text, uint64_t missing_seq) {
  const auto seen = readable(text);
  const auto pattern = seen ? parse(*seen, missing_seq) : std::nullopt;
  return pattern && !pattern->any_seq ? std::optional(pattern->id) : std::nullopt;
}

std::optional<StreamId> parse_stream_bound(std::string_view text, uint64_t missing_seq) {
  const auto seen = readable(text);
  if (seen == "-") {
    return kStreamIdMin;
  }
  if (seen == "+") {
    return kStreamIdMax;
  }
  return parse_stream_id(text, missing_seq);
}

std::optional<StreamIdPattern> parse_stream_id_pattern(std::string_view text) {
  const auto seen = readable(text);
  return seen ? parse(*seen, 0) : std::nullopt;
}

}  // namespace pollux
