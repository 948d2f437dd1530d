// What was measured, seed by seed, and whether it is what was wanted: a table of medians and
// ranges.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pollux::tcp {

struct Goal {
  enum class Is : uint8_t { kAtLeast, kAtMost };
  Is is;
  double value;
};
inline Goal at_least(double value) {
  return {Goal::Is::kAtLeast, value};
}
inline Goal at_most(double value) {
  return {Goal::Is::kAtMost, value};
}

class Figures {
 public:
  // One seed's value of a measure, in the order in which they are to stand.
  void add(const std::string& measure, const std::string& unit, double value,
           std::optional<Goal> goal = std::nullopt);
  void heading(const std::string& text);
  // A goal is met if the median does. Returns whether all are.
  bool print() const;

 private:
  struct Row {
    std::string measure;
    std::string unit;
    std::optional<Goal> goal;
    std::vector<double> values;  // none: a heading
  };
  std::vector<Row> rows_;
};

// The value below which `percent` of the samples lie, or the largest; 0 of none.
double percentile(std::vector<int64_t> samples, double percent);

}  // namespace pollux::tcp
