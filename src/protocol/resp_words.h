// Commands as they are written: RESP arrays of bulk strings, as a client sends them and as they
// stand in an append-only file.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

namespace pollux {

// Of a line with a number: mark, digits, CR LF.
inline constexpr size_t kRespLineBytesMax = 1 + 20 + 2;

// "*3" and its kin with the end of the line, of which it returns the end.
inline char* put_resp_line(char* at, char mark, size_t number) {
  *at++ = mark;
  at = std::to_chars(at, at + 20, number).ptr;
  *at++ = '\r';
  *at++ = '\n';
  return at;
}

// Where there is room for all of it.
class RespCursor {
 public:
  explicit RespCursor(char* at) : at_(at) {}
  void line(char mark, size_t number) { at_ = put_resp_line(at_, mark, number); }
  void text(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  const char* at() const { return at_; }

 private:
  char* at_;
};

// Whatever can append(std::string_view).
template <typename To>
class RespAppender {
 public:
  explicit RespAppender(To& to) : to_(to) {}
  void line(char mark, size_t number) {
    char text[kRespLineBytesMax];
    to_.append({text, static_cast<size_t>(put_resp_line(text, mark, number) - text)});
  }
  void text(std::string_view text) { to_.append(text); }

 private:
  To& to_;
};

template <typename Out>
void write_resp_word(Out& out, std::string_view word) {
  out.line('$', word.size());
  out.text(word);
  out.text("\r\n");
}

template <typename Out>
void write_resp_command(Out& out, std::span<const std::string_view> words) {
  out.line('*', words.size());
  for (const std::string_view word : words) {
    write_resp_word(out, word);
  }
}

// At most so many bytes.
inline size_t resp_command_bytes_max(std::span<const std::string_view> words) {
  size_t bytes = kRespLineBytesMax;
  for (const std::string_view word : words) {
    bytes += kRespLineBytesMax + word.size() + 2;
  }
  return bytes;
}

}  // namespace pollux
