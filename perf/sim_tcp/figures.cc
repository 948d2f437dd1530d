#include "perf/sim_tcp/figures.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace pollux::tcp {
namespace {

std::string number(double value) {
  char text[32];
  const double size = std::abs(value);
  const int digits = value == std::round(value) || size >= 1'000 ? 0 : size >= 10 ? 1 : 3;
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t half = values.size() / 2;
  return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

void Figures::heading(const std::string& text) {
  if (std::ranges::none_of(rows_, [&](const Row& row) { return row.measure == text; })) {
    rows_.push_back({text, "", std::nullopt, {}});
  }
}

void Figures::add(const std::string& measure, const std::string& unit, double value,
                  std::optional<Goal> goal) {
  const auto row = std::ranges::find_if(
      rows_, [&](const Row& of) { return of.measure == measure && !of.values.empty(); });
  if (row != rows_.end()) {
    row->values.push_back(value);
    return;
  }
  rows_.push_back({measure, unit, goal, {value}});
}

bool Figures::print() const {
  bool all_met = true;
  std::printf("%-74s %10s %19s %5s  %s\n", "measure", "median", "least-most", "unit", "goal");
  for (const Row& row : rows_) {
    if (row.values.empty()) {
      std::printf("%s\n", row.measure.c_str());
      continue;
    }
    const double value = median(row.values);
    const auto [least, most] = std::ranges::minmax(row.values);
    const std::string range = number(least) + "-" + number(most);
    std::printf("  %-72s %10s %19s %5s", row.measure.c_str(), number(value).c_str(), range.c_str(),
                row.unit.c_str());
    if (row.goal) {
      const bool is_least = row.goal->is == Goal::Is::kAtLeast;
      const bool met = is_least ? value >= row.goal->value : value <= row.goal->value;
      all_met &= met;
      std::printf("  %s %s  %s", is_least ? ">=" : "<=", number(row.goal->value).c_str(),
                  met ? "met" : "NOT MET");
    }
    std::printf("\n");
  }
  return all_met;
}

double percentile(std::vector<int64_t> samples, double percent) {
  if (samples.empty()) {
    return 0;
  }
  const auto count = static_cast<double>(samples.size());
  const auto at = static_cast<size_t>(std::ceil(count * percent / 100)) - 1;
  const auto place =
      samples.begin() + static_cast<std::ptrdiff_t>(std::min(at, samples.size() - 1));
  std::ranges::nth_element(samples, place);
  return static_cast<double>(*place);
}

}  // namespace pollux::tcp
