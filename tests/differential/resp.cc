#include "tests/differential/resp.h"

#include <cstdio>
#include <cstdlib>

namespace pollux {
namespace {

bool is_aggregate(char type) {
  return type == '*' || type == '%' || type == '~' || type == '>' || type == '|';
}

bool is_blob(char type) { return type == '$' || type == '=' || type == '!'; }

long long parse_count(std::string_view line) {
  return std::strtoll(std::string(line).c_str(), nullptr, 10);
}

// Items that follow a header line: maps and attributes count pairs.
long long item_count(char type, long long count) {
  return type == '%' || type == '|' ? count * 2 : count;
}

ReplyTree parse_at(std::string_view bytes, size_t* at) {
  ReplyTree tree;
  tree.type = bytes[*at];
  size_t end = bytes.find("\r\n", *at);
  std::string_view line = bytes.substr(*at + 1, end - *at - 1);
  *at = end + 2;
  if (is_blob(tree.type)) {
    long long length = parse_count(line);
    tree.null = length < 0;
    if (!tree.null) {
      tree.text = std::string(bytes.substr(*at, static_cast<size_t>(length)));
      *at += static_cast<size_t>(length) + 2;
    }
  } else if (is_aggregate(tree.type)) {
    long long count = item_count(tree.type, parse_count(line));
    tree.null = count < 0;
    for (long long i = 0; i < count; i++) {
      tree.items.push_back(parse_at(bytes, at));
    }
  } else {
    tree.null = tree.type == '_';
    tree.text = std::string(line);
  }
  return tree;
}

}  // namespace

void append_request(const Request& request, std::string& out) {
  out += '*';
  out += std::to_string(request.size());
  out += "\r\n";
  for (const std::string& arg : request) {
    out += '$';
    out += std::to_string(arg.size());
    out += "\r\n";
    out += arg;
    out += "\r\n";
  }
}

bool fits_inline(const Request& request) {
  for (const std::string& arg : request) {
    if (arg.empty() || arg.size() > 1000 || arg[0] == '*') {
      return false;
    }
    for (char c : arg) {
      if (c <= ' ' || c >= 127 || c == '"' || c == '\'' || c == '\\') {
        return false;
      }
    }
  }
  return true;
}

void append_inline(const Request& request, std::string& out) {
  for (size_t i = 0; i < request.size(); i++) {
    if (i > 0) {
      out += ' ';
    }
    out += request[i];
  }
  out += "\r\n";
}

size_t reply_length(std::string_view bytes) {
  size_t at = 0;
  long long pending = 1;
  while (pending > 0) {
    if (at >= bytes.size()) {
      return 0;
    }
    char type = bytes[at];
    size_t end = bytes.find("\r\n", at);
    if (end == std::string_view::npos) {
      return 0;
    }
    std::string_view line = bytes.substr(at + 1, end - at - 1);
    at = end + 2;
    pending--;
    if (is_blob(type)) {
      long long length = parse_count(line);
      if (length >= 0) {
        at += static_cast<size_t>(length) + 2;
      }
      if (at > bytes.size()) {
        return 0;
      }
    } else if (is_aggregate(type)) {
      long long count = item_count(type, parse_count(line));
      pending += count > 0 ? count : 0;
      pending += type == '|' ? 1 : 0;
    } else if (std::string_view("+-:_#,(").find(type) == std::string_view::npos) {
      return kBadReply;
    }
  }
  return at;
}

ReplyTree parse_reply(std::string_view bytes) {
  size_t at = 0;
  return parse_at(bytes, &at);
}

std::string flatten(const ReplyTree& tree) {
  std::string out(1, tree.type);
  if (tree.null) {
    return out + "-1\r\n";
  }
  out += is_aggregate(tree.type) ? std::to_string(tree.items.size()) : tree.text;
  out += "\r\n";
  for (const ReplyTree& item : tree.items) {
    out += flatten(item);
  }
  return out;
}

std::string printable(std::string_view bytes, size_t limit) {
  std::string out = "\"";
  for (size_t i = 0; i < bytes.size() && i < limit; i++) {
    unsigned char c = static_cast<unsigned char>(bytes[i]);
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c < 32 || c >= 127) {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\x%02x", c);
      out += hex;
    } else {
      out += static_cast<char>(c);
    }
  }
  out += '"';
  if (bytes.size() > limit) {
    out += "... (" + std::to_string(bytes.size()) + " bytes)";
  }
  return out;
}

std::string printable(const Request& request) {
  std::string out;
  for (const std::string& arg : request) {
    out += out.empty() ? "" : " ";
    out += printable(arg, 80);
  }
  return out;
}

}  // namespace pollux
