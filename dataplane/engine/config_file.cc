// redis.conf as text: lines to words, files to text, the command line to text. No option is known
// here; see config.cc for what lines mean.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "dataplane/engine/config.h"
#include "dataplane/engine/config_options.h"
#include "src/protocol/quoted.h"

namespace pollux {

bool split_config_line(std::string_view line, std::vector<std::string>& words) {
  words.clear();
  const char* in = line.data();
  const char* const end = in + line.size();
  while (true) {
    while (in < end && is_space(*in)) {
      ++in;
    }
    if (in == end) {
      return true;
    }
    std::string& word = words.emplace_back();
    while (in < end && !is_space(*in)) {
      const char c = *in++;
      if (c == '"' || c == '\'') {
        if (!take_quoted(in, end, c, word)) {
          return false;
        }
        break;
      }
      word += c;
    }
  }
}

bool read_whole_file(const std::string& path, std::string& out) {
  const int fd = path == "-" ? dup(0) : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return false;
  }
  char buffer[16 * 1024];
  ssize_t got = 0;
  while ((got = read(fd, buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR)) {
    out.append(buffer, got > 0 ? static_cast<size_t>(got) : 0);
  }
  const int error = errno;
  close(fd);
  errno = error;
  return got == 0;
}

std::string_view trim_line(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t begin = line.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) {
    return {};
  }
  return line.substr(begin, line.find_last_not_of(kBlanks) - begin + 1);
}

std::string quoted_word(std::string_view word) {
  constexpr std::string_view kMarked = "\"\\\n\r\t\a\b";
  constexpr std::string_view kMarks = "\"\\nrtab";
  std::string out = "\"";
  for (const char c : word) {
    if (const size_t at = kMarked.find(c); at != std::string_view::npos) {
      out += '\\';
      out += kMarks[at];
    } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
      out += hex;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// An argument that begins with "--" is a name, unless the name before it still waits for its first
// value (`--requirepass --strange`); `--save` alone means no save points.
std::string options_text(std::span<const std::string_view> args) {
  std::string text;
  bool name_wants_value = false;
  for (size_t i = 0; i < args.size(); ++i) {
    if (!args[i].starts_with("--") || name_wants_value) {
      text += quoted_word(args[i]) + ' ';
      name_wants_value = false;
      continue;
    }
    if (!text.empty()) {
      text += '\n';
    }
    text += std::string(args[i].substr(2)) + ' ';
    std::vector<std::string> words;  // "--port 7000" in one argument brings its value along
    name_wants_value = split_config_line(args[i], words) && words.size() == 1;
    const bool last = i + 1 == args.size();
    if (name_wants_value && lower_case(words[0]) == "--save" &&
        (last || args[i + 1].starts_with("--"))) {
      text += "\"\"";
      name_wants_value = false;
    }
  }
  return text;
}

}  // namespace pollux
