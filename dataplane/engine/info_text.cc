#include "dataplane/engine/info_text.h"

#include <cstdio>

namespace pollux {

void InfoText::section(std::string_view title) {
  if (!text_.empty()) {
    text_ += "\r\n";
  }
  text_ += "# ";
  line(title);
}

void InfoText::line(std::string_view text) {
  text_ += text;
  text_ += "\r\n";
}

void InfoText::add(std::string_view name, std::string_view value) {
  text_ += name;
  text_ += ':';
  line(value);
}

void InfoText::add(std::string_view name, int64_t value) {
  add(name, std::to_string(value));
}

void InfoText::add_real(std::string_view name, double value, int decimals, std::string_view unit) {
  char number[64];
  std::snprintf(number, sizeof number, "%.*f", decimals, value);
  add(name, number + std::string(unit));
}

void InfoText::add_bytes(std::string_view name, int64_t bytes) {
  add(name, bytes);
  add(std::string(name) + "_human", human_bytes(bytes));
}

std::string human_bytes(int64_t bytes) {
  if (bytes < 1024) {
    return std::to_string(bytes) + "B";
  }
  constexpr char kUnits[] = "KMGTP";
  double value = static_cast<double>(bytes) / 1024;
  int unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.2f%c", value, kUnits[unit]);
  return text;
}

}  // namespace pollux
