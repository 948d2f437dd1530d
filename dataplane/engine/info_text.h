// The text of INFO: "# Section", "name:value" lines, and numbers in redis-server's forms.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pollux {

class InfoText {
 public:
  void section(std::string_view title);
  void add(std::string_view name, std::string_view value);
  void add(std::string_view name, int64_t value);
  // With this many decimals.
  void add_real(std::string_view name, double value, int decimals, std::string_view unit = {});
  // "1.07M", and with it the plain number: name and name_human.
  void add_bytes(std::string_view name, int64_t bytes);
  // A whole line of its own form.
  void line(std::string_view text);

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// "0B", "989.75K", "23.54G"
std::string human_bytes(int64_t bytes);

// part / whole, 0 if there is no whole.
inline double ratio(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

}  // namespace pollux
