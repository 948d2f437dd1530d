#include "src/protocol/reply.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "src/base/assert.h"
#include "src/base/num.h"

namespace pollux {

namespace {

// Type byte, number, line end.
constexpr size_t kHeaderMax = 1 + kInt64TextMax + 2;

char* put_line_end(char* out) {
  out[0] = '\r';
  out[1] = '\n';
  return out + 2;
}

char* put_header(char* out, char type, int64_t value) {
  *out++ = type;
  if (value >= 0 && value < 10) {
    *out++ = static_cast<char>('0' + value);
  } else {
    out += format_int64(value, out);
  }
  return put_line_end(out);
}

// A type byte, then text in which line ends become spaces, then the line end.
void put_line(ByteSink& sink, char type, std::string_view text) {
  *sink.reserve(1) = type;
  sink.commit(1);
  while (!text.empty()) {
    const size_t part = std::min(text.size(), ByteSink::kReserveMax);
    char* out = sink.reserve(part);
    for (size_t i = 0; i < part; ++i) {
      out[i] = text[i] == '\r' || text[i] == '\n' ? ' ' : text[i];
    }
    sink.commit(part);
    text.remove_prefix(part);
  }
  sink.append("\r\n");
}

}  // namespace

void Reply::header(char type, int64_t value) {
  char* const out = sink_.reserve(kHeaderMax);
  sink_.commit(static_cast<size_t>(put_header(out, type, value) - out));
}

void Reply::ok() {
  sink_.append("+OK\r\n");
}

void Reply::queued() {
  sink_.append("+QUEUED\r\n");
}

void Reply::simple(std::string_view text) {
  put_line(sink_, '+', text);
}

void Reply::error(std::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == '\n')) {
    text.remove_suffix(1);
  }
  if (!failed_) {
    failed_ = true;
    const size_t space = text.substr(0, kErrorCodeMax + 1).find(' ');
    const std::string_view code = space == std::string_view::npos ? "ERR" : text.substr(0, space);
    error_code_size_ = static_cast<uint8_t>(code.copy(error_code_, code.size()));
  }
  put_line(sink_, '-', text);
}

void Reply::error_format(const char* format, ...) {
  constexpr size_t kTextMax = 512;
  char text[kTextMax + 1];
  va_list args;
  va_start(args, format);
  const int size = std::vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  POLLUX_ASSERT(size >= 0);
  error({text, std::min(static_cast<size_t>(size), kTextMax)});
}

void Reply::integer(int64_t value) {
  header(':', value);
}

void Reply::bulk(std::string_view bytes) {
  // Small ones take one check of the window: header, bytes and line end.
  constexpr size_t kSmallMax = 99;
  static_assert(1 + 2 + 2 + kSmallMax + 2 <= ByteSink::kReserveMax);
  const size_t size = bytes.size();
  if (size <= kSmallMax) {
    char* const start = sink_.reserve(size + 7);
    char* out = start;
    *out++ = '$';
    if (size >= 10) {
      *out++ = static_cast<char>('0' + size / 10);
    }
    *out++ = static_cast<char>('0' + size % 10);
    out = put_line_end(out);
    if (size > 0) {
      std::memcpy(out, bytes.data(), size);
    }
    out = put_line_end(out + size);
    sink_.commit(static_cast<size_t>(out - start));
    return;
  }
  begin_bulk(size);
  sink_.append(bytes);
  end_bulk();
}

void Reply::begin_bulk(size_t bytes) {
  header('$', static_cast<int64_t>(bytes));
}

void Reply::end_bulk() {
  sink_.append("\r\n");
}

void Reply::bulk_int64(int64_t value) {
  char text[kInt64TextMax];
  bulk({text, format_int64(value, text)});
}

void Reply::null() {
  sink_.append(protocol_ == 3 ? "_\r\n" : "$-1\r\n");
}
void Reply::null_array() {
  sink_.append(protocol_ == 3 ? "_\r\n" : "*-1\r\n");
}

void Reply::array(size_t count) {
  header('*', static_cast<int64_t>(count));
}

void Reply::map(size_t pairs) {
  if (protocol_ == 3) {
    header('%', static_cast<int64_t>(pairs));
  } else {
    header('*', static_cast<int64_t>(pairs * 2));
  }
}

void Reply::set(size_t count) {
  header(protocol_ == 3 ? '~' : '*', static_cast<int64_t>(count));
}
void Reply::push(size_t count) {
  header(protocol_ == 3 ? '>' : '*', static_cast<int64_t>(count));
}

void Reply::real(double value) {
  char text[kDoubleTextMax];
  real_text({text, format_double(value, text)});
}

void Reply::real_text(std::string_view text) {
  if (protocol_ == 3) {
    put_line(sink_, ',', text);
  } else {
    bulk(text);
  }
}

void Reply::boolean(bool value) {
  if (protocol_ == 3) {
    sink_.append(value ? "#t\r\n" : "#f\r\n");
  } else {
    sink_.append(value ? ":1\r\n" : ":0\r\n");
  }
}

void Reply::verbatim(std::string_view bytes, std::string_view type) {
  if (protocol_ != 3) {
    bulk(bytes);
    return;
  }
  POLLUX_ASSERT(type.size() == 3);
  header('=', static_cast<int64_t>(bytes.size() + 4));
  sink_.append(type);
  sink_.append(":");
  sink_.append(bytes);
  sink_.append("\r\n");
}

void Reply::bignum(std::string_view digits) {
  if (protocol_ == 3) {
    put_line(sink_, '(', digits);
  } else {
    bulk(digits);
  }
}

}  // namespace pollux
