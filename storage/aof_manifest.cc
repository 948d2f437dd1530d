#include "storage/aof_manifest.h"

#include <algorithm>
#include <set>
#include <utility>

#include "src/base/num.h"
#include "src/protocol/quoted.h"
#include "storage/rdb_file_text.h"

namespace pollux {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kForm =
    "A line has the form: file NAME seq NUMBER type b (base), i (incremental) or h (history).";

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

class Parser {
 public:
  Parser(std::string_view path, std::string& error) : path_(path), error_(error) {}

  std::optional<AofManifest> parse(std::string_view text) {
    if (text.empty()) {
      refuse("it is empty. A full disk? Nothing is known of the files beside it");
      return {};
    }
    while (!text.empty()) {
      ++line_number_;
      const size_t end = text.find('\n');
      if (end == std::string_view::npos || end >= AofManifest::kLineBytesMax) {
        refuse(end == std::string_view::npos && text.size() < AofManifest::kLineBytesMax
                   ? "the line has no end: the manifest was cut off"
                   : "the line is longer than 1024 bytes: the manifest is damaged");
        return {};
      }
      if (text[0] != '#' && !line(text.substr(0, end))) {
        return {};
      }
      text.remove_prefix(end + 1);
    }
    return std::move(manifest_);
  }

 private:
  bool line(std::string_view text) {
    const size_t first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) {
      return refuse("the line is empty. " + std::string(kForm));
    }
    text = text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
    std::string buffer;
    std::vector<std::string_view> words;
    if (!split_quoted(text, buffer, words) || words.size() < 6 || words.size() % 2 != 0) {
      return refuse("\"" + printable(text) + "\" can't be understood. " + std::string(kForm));
    }
    AofManifest::File file;
    char type = 0;
    for (size_t i = 0; i < words.size(); i += 2) {
      const std::string_view value = words[i + 1];
      if (equals_ignoring_case(words[i], "file")) {
        file.name = value;
      } else if (equals_ignoring_case(words[i], "seq")) {
        file.seq = parse_int64(value).value_or(0);
      } else if (equals_ignoring_case(words[i], "type")) {
        type = value.size() == 1 ? value[0] : '?';
      }
    }
    if (type == 0) {
      return refuse("\"" + printable(text) + "\" says no type. " + std::string(kForm));
    }
    return add(std::move(file), type);
  }

  bool add(AofManifest::File file, char type) {
    const std::string shown = "\"" + printable(file.name) + "\"";
    if (file.name.empty() || file.name == "." || file.name == ".." ||
        file.name.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
      return refuse(shown +
                    " is no name of a file. It must stand in the same directory as the "
                    "manifest and be named without a path");
    }
    if (file.seq < 1 || file.seq > AofManifest::kSeqMax) {
      return refuse("the seq of " + shown + " is no number from 1 on. " + std::string(kForm));
    }
    if (!names_.insert(file.name).second) {
      return refuse(shown +
                    " stands twice: it would be loaded twice, or deleted while it is "
                    "needed. Take one of the two lines out");
    }
    if (type == 'h') {
      manifest_.history.push_back(std::move(file));
    } else if (type == 'i') {
      if (!manifest_.incr.empty() && file.seq <= manifest_.incr.back().seq) {
        return refuse("the seq of " + shown +
                      " is not higher than that of the incremental file "
                      "before it. Put these lines in the order in which "
                      "the files were written");
      }
      manifest_.incr.push_back(std::move(file));
    } else if (type != 'b') {
      return refuse("the type of " + shown + " is not known. " + std::string(kForm));
    } else if (manifest_.base) {
      return refuse(shown + " is a second base beside \"" + printable(manifest_.base->name) +
                    "\". Only one can be: take the line of the older one out");
    } else {
      manifest_.base = std::move(file);
    }
    return true;
  }

  bool refuse(const std::string& what) {
    error_ = std::string(path_) + (line_number_ == 0 ? "" : ", line ") +
             (line_number_ == 0 ? "" : std::to_string(line_number_)) + ": " + what +
             (what.ends_with('.') ? "" : ".") +
             " Restore the manifest from a backup or correct it, and keep a copy of the whole "
             "directory before.";
    return false;
  }

  const std::string_view path_;
  std::string& error_;
  size_t line_number_ = 0;
  AofManifest manifest_;
  std::set<std::string, std::less<>> names_;
};

// What redis-server would write without quotes, without them; of the rest it reads \xHH as well as
// what it would write itself.
std::string quoted_name(const std::string& name) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto is_plain = [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\\'; };
  if (std::all_of(name.begin(), name.end(), [&](char c) { return is_plain(c) && c != '\''; })) {
    return name;
  }
  std::string out = "\"";
  for (const char c : name) {
    if (c == ' ' || is_plain(c)) {
      out += c;
    } else {
      const auto byte = static_cast<uint8_t>(c);
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 0xf]};
    }
  }
  return out + '"';
}

void append_line(const AofManifest::File& file, char type, std::string& out) {
  out += "file " + quoted_name(file.name) + " seq " + std::to_string(file.seq) + " type " + type +
         '\n';
}

bool names(const AofManifest& manifest, std::string_view name) {
  const auto is = [name](const AofManifest::File& file) { return file.name == name; };
  return (manifest.base && is(*manifest.base)) ||
         std::any_of(manifest.history.begin(), manifest.history.end(), is) ||
         std::any_of(manifest.incr.begin(), manifest.incr.end(), is);
}

}  // namespace

std::optional<AofManifest> parse_aof_manifest(std::string_view text, std::string_view path,
                                              std::string& error) {
  return Parser(path, error).parse(text);
}

std::string format_aof_manifest(const AofManifest& manifest) {
  std::string out;
  if (manifest.base) {
    append_line(*manifest.base, 'b', out);
  }
  for (const AofManifest::File& file : manifest.history) {
    append_line(file, 'h', out);
  }
  for (const AofManifest::File& file : manifest.incr) {
    append_line(file, 'i', out);
  }
  return out.empty() ? "# no files yet\n" : out;
}

// --- names ---

std::string AofNames::base(int64_t seq, bool rdb) const {
  return file + "." + std::to_string(seq) + (rdb ? ".base.rdb" : ".base.aof");
}

std::string AofNames::incr(int64_t seq) const {
  return file + "." + std::to_string(seq) + ".incr.aof";
}

AofManifest::File AofNames::next_base(const AofManifest& manifest, bool rdb) const {
  AofManifest::File next{"", manifest.base ? manifest.base->seq : 0};
  do {
    next.name = base(++next.seq, rdb);
  } while (names(manifest, next.name));
  return next;
}

AofManifest::File AofNames::next_incr(const AofManifest& manifest) const {
  AofManifest::File next{"", manifest.incr.empty() ? 0 : manifest.incr.back().seq};
  do {
    next.name = incr(++next.seq);
  } while (names(manifest, next.name));
  return next;
}

bool AofNames::is_numbered(std::string_view name) const {
  if (!name.starts_with(file + ".")) {
    return false;
  }
  name.remove_prefix(file.size() + 1);
  const size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
  const std::string_view end = name.substr(digits);
  return digits > 0 && (end == ".base.rdb" || end == ".base.aof" || end == ".incr.aof");
}

}  // namespace pollux
