#include "src/commands/syntax.h"

#include <utility>

#include "src/base/assert.h"

namespace pollux {

namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  std::vector<Argument> parse() {
    std::vector<Argument> arguments;
    if (!rest_.empty()) {
      arguments = sequence();
    }
    POLLUX_ASSERT(rest_.empty());
    return arguments;
  }

 private:
  static bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

  char peek(size_t at = 0) const { return at < rest_.size() ? rest_[at] : '\0'; }
  bool take(std::string_view prefix) {
    if (!rest_.starts_with(prefix)) {
      return false;
    }
    rest_.remove_prefix(prefix.size());
    return true;
  }
  std::string_view word() {
    // "=" is a word, too (XTRIM MAXLEN = 10).
    const size_t end = rest_.starts_with('=') ? 1 : rest_.find_first_of(" |[]()=:#@&.");
    const std::string_view found = rest_.substr(0, end);
    POLLUX_ASSERT(!found.empty());
    rest_.remove_prefix(found.size());
    return found;
  }
  std::string_view version() {
    const std::string_view found = rest_.substr(0, rest_.find_first_of(" |[]()"));
    rest_.remove_prefix(found.size());
    return found;
  }

  std::vector<Argument> sequence() {
    std::vector<Argument> items;
    do {
      items.push_back(item());
    } while (take(" "));
    return items;
  }

  Argument item() {
    Argument argument;
    if (peek() == '[' || peek() == '(') {
      argument = group({});
    } else {
      const std::string_view first = word();
      if (take("=")) {
        argument = peek() == '[' || peek() == '(' ? group(first) : token(word(), first);
      } else if (is_upper(first.front())) {
        argument = token(first, {});
      } else {
        argument = plain(first);
      }
    }
    if (take("&...")) {
      argument.multiple = argument.multiple_token = true;
    } else if (take("...")) {
      argument.multiple = true;
    }
    if (take("@")) {
      argument.since = version();
    }
    return argument;
  }

  Argument plain(std::string_view name) {
    Argument argument;
    argument.name = name;
    argument.type = "string";
    if (take(":")) {
      argument.type = word();
    } else if (peek() == '#') {
      argument.type = "key";
    }
    if (take("#")) {
      argument.key_spec = peek() - '0';
      rest_.remove_prefix(1);
    }
    return argument;
  }

  // A word of the command; an argument or a group right behind it belongs to it.
  Argument token(std::string_view text, std::string_view name) {
    const char next = peek() == ' ' ? peek(1) : '\0';
    if (next == '(' || (next >= 'a' && next <= 'z')) {
      take(" ");
      Argument argument = item();
      argument.token = text;
      return argument;
    }
    Argument argument;
    argument.type = "pure-token";
    argument.token = text;
    argument.name = name;
    if (name.empty()) {
      for (const char c : text) {
        argument.name += is_upper(c) ? static_cast<char>(c + ('a' - 'A')) : c;
      }
    }
    return argument;
  }

  Argument group(std::string_view name) {
    const bool optional = take("[");
    POLLUX_ASSERT(optional || take("("));
    Argument argument;
    std::vector<Argument> items = sequence();
    if (peek() == '|') {
      POLLUX_ASSERT(items.size() == 1);  // a choice of several arguments is a named group
      argument.type = "oneof";
      while (take("|")) {
        items.push_back(item());
      }
      argument.children = std::move(items);
    } else if (items.size() == 1 && (optional || name.empty())) {
      argument = std::move(items.front());
    } else {
      argument.type = "block";
      argument.children = std::move(items);
    }
    POLLUX_ASSERT(take(optional ? "]" : ")"));
    argument.optional = argument.optional || optional;
    if (!name.empty()) {
      argument.name = name;
    }
    return argument;
  }

  std::string_view rest_;
};

}  // namespace

std::vector<Argument> parse_syntax(std::string_view syntax) {
  return Parser(syntax).parse();
}

}  // namespace pollux
