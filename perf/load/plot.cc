#include "perf/load/plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "perf/load/text.h"

namespace pollux {

namespace {

constexpr double kWidth = 760;
constexpr double kHeight = 440;
constexpr double kLeft = 80;
constexpr double kRight = 110;
constexpr double kTop = 50;
constexpr double kBottom = 60;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : c == '>' ? "&gt;" : std::string(1, c);
  }
  return out;
}

// A round step (1, 2 or 5 times a power of ten) of which about five make `range`.
double round_step(double range) {
  const double power = std::pow(10, std::floor(std::log10(range / 5)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (step * power >= range / 5 * 0.999) {
      return step * power;
    }
  }
  return 10 * power;
}

std::string rate_text(double rate) {
  char text[32];
  if (rate >= 1e6) {
    std::snprintf(text, sizeof text, "%.3gM", rate / 1e6);
  } else if (rate >= 1e3) {
    std::snprintf(text, sizeof text, "%.3gk", rate / 1e3);
  } else {
    std::snprintf(text, sizeof text, "%.3g", rate);
  }
  return text;
}

std::string time_text(double us) {
  char text[32];
  if (us >= 1e6) {
    std::snprintf(text, sizeof text, "%g s", us / 1e6);
  } else if (us >= 1e3) {
    std::snprintf(text, sizeof text, "%g ms", us / 1e3);
  } else {
    std::snprintf(text, sizeof text, "%g us", us);
  }
  return text;
}

struct Series {
  double PlotPoint::*value;
  const char* name;
  const char* colour;
};
constexpr Series kSeries[] = {{&PlotPoint::p50_us, "p50", "#2b7bba"},
                              {&PlotPoint::p99_us, "p99", "#e08214"},
                              {&PlotPoint::p99_9_us, "p99.9", "#b2182b"}};

// Rates run to the right, times upwards by their logarithm.
class Canvas {
 public:
  Canvas(const std::vector<PlotPoint>& points) {
    rate_most_ = points.back().asked_per_s * 1.04;
    double least = INFINITY;
    double most = 0;
    for (const PlotPoint& point : points) {
      least = std::min(least, point.p50_us);
      most = std::max({most, point.p99_9_us, point.p99_us});
    }
    low_ = std::pow(10, std::floor(std::log10(std::max(least, 0.01))));
    high_ = std::max(low_ * 10, std::pow(10, std::ceil(std::log10(std::max(most, 0.01)))));
  }
  double x(double rate) const { return kLeft + rate / rate_most_ * (kWidth - kLeft - kRight); }
  double y(double us) const {
    const double share = std::log10(std::clamp(us, low_, high_) / low_) / std::log10(high_ / low_);
    return kHeight - kBottom - share * (kHeight - kTop - kBottom);
  }
  void grid(std::string& out) const {
    for (double decade = low_; decade < high_ * 1.001; decade *= 10) {
      for (const double part : {1.0, 2.0, 5.0}) {
        const double us = decade * part;
        if (us > high_ * 1.001) {
          break;
        }
        put(out, "<line x1='%g' x2='%g' y1='%.1f' y2='%.1f' stroke='%s'/>\n", kLeft,
            kWidth - kRight, y(us), y(us), part == 1.0 ? "#bbb" : "#eee");
        if (part == 1.0) {
          put(out, "<text x='%g' y='%.1f' text-anchor='end'>%s</text>\n", kLeft - 8, y(us) + 4,
              time_text(us).c_str());
        }
      }
    }
    const double step = round_step(rate_most_);
    for (int i = 0; i * step <= rate_most_; ++i) {
      put(out, "<line x1='%.1f' x2='%.1f' y1='%g' y2='%g' stroke='#eee'/>\n", x(i * step),
          x(i * step), kTop, kHeight - kBottom);
      put(out, "<text x='%.1f' y='%g' text-anchor='middle'>%s</text>\n", x(i * step),
          kHeight - kBottom + 18, rate_text(i * step).c_str());
    }
  }

 private:
  double rate_most_ = 1;
  double low_ = 1;
  double high_ = 10;
};

}  // namespace

std::string latency_plot(const std::string& title, const std::vector<PlotPoint>& points,
                         double knee_per_s) {
  std::string out;
  const Canvas canvas(points);
  put(out,
      "<svg xmlns='http://www.w3.org/2000/svg' width='%g' height='%g' font-family='sans-serif' "
      "font-size='12'>\n<rect width='100%%' height='100%%' fill='white'/>\n",
      kWidth, kHeight);
  out += "<text x='16' y='26' font-size='15'>" + escaped(title) + "</text>\n";
  canvas.grid(out);
  put(out, "<text x='%g' y='%g' text-anchor='middle'>requests a second that were due</text>\n",
      (kLeft + kWidth - kRight) / 2, kHeight - 16);
  if (knee_per_s > 0) {
    const double x = canvas.x(knee_per_s);
    put(out,
        "<line x1='%.1f' x2='%.1f' y1='%g' y2='%g' stroke='#555' stroke-dasharray='5 4'/>\n"
        "<text x='%.1f' y='%g' text-anchor='end'>knee: %s/s</text>\n",
        x, x, kTop, kHeight - kBottom, x - 6, kTop + 12, rate_text(knee_per_s).c_str());
  }
  double label_y = kHeight;
  for (const Series& series : kSeries) {
    out += "<polyline fill='none' stroke-width='2' stroke='" + std::string(series.colour) +
           "' points='";
    for (const PlotPoint& point : points) {
      put(out, "%.1f,%.1f ", canvas.x(point.asked_per_s), canvas.y(point.*series.value));
    }
    out += "'/>\n";
    for (const PlotPoint& point : points) {
      put(out, "<circle cx='%.1f' cy='%.1f' r='3.5' stroke='%s' stroke-width='1.5' fill='%s'/>\n",
          canvas.x(point.asked_per_s), canvas.y(point.*series.value), series.colour,
          point.kept_up ? series.colour : "white");
    }
    // Names stand behind the last points, one above the other where these are close.
    label_y = std::min(label_y - 14, canvas.y(points.back().*series.value) + 4);
    put(out, "<text x='%.1f' y='%.1f' fill='%s'>%s</text>\n",
        canvas.x(points.back().asked_per_s) + 9, label_y, series.colour, series.name);
  }
  put(out, "<text x='%g' y='%g' text-anchor='end' fill='#777'>hollow: it did not keep up</text>\n",
      kWidth - 10, kHeight - 16);
  return out + "</svg>\n";
}

}  // namespace pollux
