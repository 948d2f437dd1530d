// Writes JSON: what it is called with, in that order, with commas where they belong. One thread.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace pollux {

class JsonText {
 public:
  // Of members of an object the name comes first, with key().
  JsonText& begin_object() { return open('{'); }
  JsonText& end_object() { return close('}'); }
  JsonText& begin_array() { return open('['); }
  JsonText& end_array() { return close(']'); }

  JsonText& key(std::string_view name) {
    string(name);
    text_ += ':';
    first_ = true;
    return *this;
  }
  JsonText& string(std::string_view value) {
    comma();
    text_ += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') {
        text_ += '\\';
        text_ += c;
      } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) {
        // Bytes of a server are no text; each stands for the character of its number.
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned char>(c));
        text_ += escaped;
      } else {
        text_ += c;
      }
    }
    text_ += '"';
    return *this;
  }
  JsonText& integer(uint64_t value) { return raw(std::to_string(value)); }
  // To a thousandth; what is no number is null, which JSON has instead.
  JsonText& number(double value) {
    char digits[64];
    std::snprintf(digits, sizeof digits, "%.3f", value);
    return raw(std::isfinite(value) ? digits : "null");
  }
  JsonText& boolean(bool value) { return raw(value ? "true" : "false"); }

  const std::string& text() const { return text_; }

 private:
  void comma() {
    if (!first_) {
      text_ += ',';
    }
    first_ = false;
  }
  JsonText& raw(std::string_view value) {
    comma();
    text_ += value;
    return *this;
  }
  JsonText& open(char bracket) {
    comma();
    text_ += bracket;
    first_ = true;
    return *this;
  }
  JsonText& close(char bracket) {
    text_ += bracket;
    first_ = false;
    return *this;
  }

  std::string text_;
  bool first_ = true;
};

}  // namespace pollux
