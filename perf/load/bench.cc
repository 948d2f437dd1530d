#include "perf/load/bench.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "perf/load/plot.h"

namespace pollux {

namespace {

constexpr double kProbeSeconds = 1;  // of a closed loop, for the rates of a sweep
constexpr unsigned kBadStepsMax = 2;

bool write_file(const std::string& path, const std::string& text) {
  FILE* file = path == "-" ? stdout : std::fopen(path.c_str(), "w");
  bool ok = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (file != nullptr && file != stdout) {
    ok = std::fclose(file) == 0 && ok;
  }
  if (!ok) {
    std::fprintf(stderr, "pollux-bench: cannot write %s: %s\n", path.c_str(), std::strerror(errno));
  }
  return ok;
}

// Before the run, and without a trace: a pipe is not to see its end.
bool can_write(const std::string& path) {
  if (path.empty() || path == "-") {
    return true;
  }
  std::error_code unknown;
  int refused = 0;
  if (std::filesystem::is_directory(path, unknown)) {
    refused = EISDIR;
  } else if (access(path.c_str(), F_OK) == 0) {
    refused = access(path.c_str(), W_OK) == 0 ? 0 : errno;
  } else {
    const std::string folder = std::filesystem::path(path).parent_path();
    refused = access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) == 0 ? 0 : errno;
  }
  if (refused != 0) {
    std::fprintf(stderr, "pollux-bench: %s can't be written: %s. Nothing was run\n", path.c_str(),
                 std::strerror(refused));
    return false;
  }
  return true;
}

double p99(const PhaseResult& result) {
  return static_cast<double>(result.tally.all().histogram.percentile(99));
}

}  // namespace

int find_knee(const std::vector<PhaseResult>& steps, double factor) {
  int knee = -1;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (kept_up(steps[i]) && p99(steps[i]) <= factor * p99(steps[0])) {
      knee = static_cast<int>(i);
    }
  }
  return knee;
}

double rate_above_knee(const std::vector<PhaseResult>& steps, double factor) {
  const int knee = find_knee(steps, factor);
  if (knee < 0 || knee + 1 == static_cast<int>(steps.size())) {
    return 0;
  }
  const auto at = static_cast<size_t>(knee);
  return (steps[at].asked_per_s + steps[at + 1].asked_per_s) / 2;
}

Bench::Bench(const LoadOptions& options, ChannelMaker& maker, const std::atomic<bool>& stop,
             bool to_terminal)
    : options_(options),
      maker_(maker),
      stop_(stop),
      to_terminal_(to_terminal),
      greeting_(make_greeting(options)) {}

int Bench::run() {
  FILE* text_to = options_.json_path == "-" ? stderr : stdout;
  if (!can_write(options_.json_path) || !can_write(options_.svg_path)) {
    return 2;
  }
  std::string error;
  if (!make_workload(options_, work_, error)) {
    std::fprintf(stderr, "pollux-bench: %s\n", error.c_str());
    return 2;
  }
  const CrewOptions crew{
      .clients = clients_of_threads(options_),
      .depth_max = std::max(options_.pipeline, options_.populate ? kPopulateDepth : 1),
      .cpus = options_.cpus};
  crew_ = Crew::create(maker_, crew, greeting_, stop_, error);
  if (crew_ == nullptr) {
    std::fprintf(stderr, "pollux-bench: %s\n", error.c_str());
    return 1;
  }
  std::fprintf(text_to, "%s: %u connections, %u thread%s, pipeline %u\n", maker_.where().c_str(),
               options_.clients, options_.threads, options_.threads == 1 ? "" : "s",
               options_.pipeline);
  std::fflush(text_to);
  if (!options_.populate || populate()) {
    if (options_.sweep) {
      sweep();
    } else {
      doing_ = "load";
      results_.push_back(load(work_, options_.rate_per_s, options_.test_time_s, options_.requests));
    }
  }
  clear_line();
  if (!results_.empty() && stop_.load(std::memory_order_relaxed) &&
      results_.back().tally.seconds() <= 0) {
    results_.pop_back();
    fatal_ = results_.empty() && fatal_.empty() ? "stopped before anything was measured" : fatal_;
  }
  if (options_.sweep && !results_.empty()) {
    knee_ = find_knee(results_, options_.sweep_p99_factor);
    std::fputs(sweep_text(options_, results_, knee_).c_str(), text_to);
  } else if (!results_.empty() && results_[0].tally.begin_ns > 0) {
    std::fputs(phase_text(options_, results_[0]).c_str(), text_to);
  }
  std::fflush(text_to);
  const bool written = results_.empty() || write_files(knee_);
  if (!fatal_.empty()) {
    std::fprintf(stderr, "pollux-bench: %s: %s\n", maker_.where().c_str(), fatal_.c_str());
    return 1;
  }
  return written ? 0 : 1;
}

bool Bench::populate() {
  doing_ = "populate";
  const Workload all = make_populate(options_);
  const PhaseResult result = load(all, 0, 0, options_.keys.last - options_.keys.first + 1);
  leave_out_counters();
  clear_line();
  const Tally& tally = result.tally;
  if (fatal_.empty() && stop_.load(std::memory_order_relaxed)) {
    fatal_ = "stopped while keys were filled in: nothing was measured";
  }
  if (!fatal_.empty()) {
    return false;
  }
  if (tally.errors() > 0 || tally.lost > 0) {
    fatal_ = "not all keys could be SET: " +
             (tally.first_error.empty() ? tally.first_end : tally.first_error);
    return false;
  }
  std::fprintf(stderr, "populated: %s keys in %.1f s\n",
               with_commas(static_cast<double>(tally.kinds[0].latency.count())).c_str(),
               tally.seconds());
  return true;
}

PhaseResult Bench::load(const Workload& work, double rate_per_s, double seconds,
                        uint64_t requests) {
  const bool fills = &work != &work_;
  PhaseResult result;
  result.asked_per_s = rate_per_s;
  result.warmup_s = fills ? 0 : options_.warmup_s;
  Phase phase{.workload = &work,
              .rate_per_s = rate_per_s,
              .arrivals = options_.arrivals,
              .depth = fills ? std::max(options_.pipeline, kPopulateDepth) : options_.pipeline,
              .requests = requests,
              .warmup_ns = fills ? 0 : static_cast<int64_t>(options_.warmup_s * 1e9),
              .duration_ns = static_cast<int64_t>(seconds * 1e9),
              .seed = options_.seed};
  shown_at_s_ = 0;
  shown_ = crew_->progress();
  result.tally = crew_->run(
      phase, [&](const CrewProgress& progress, double at_s) { show(progress, at_s, result); });
  fatal_ = result.tally.fatal;
  // What the kinds are is known though nothing ran.
  result.tally.kinds.resize(work.kinds.size());
  return result;
}

void Bench::show(const CrewProgress& progress, double at_s, PhaseResult& result) {
  const double seconds = at_s - shown_at_s_;
  const auto answered = static_cast<double>(progress.answered - shown_.answered);
  const auto sum_ns = static_cast<double>(progress.latency_sum_ns - shown_.latency_sum_ns);
  SecondOfLoad& now = result.seconds.emplace_back();
  now.at_s = at_s;
  now.answered_per_s = seconds > 0 ? answered / seconds : 0;
  now.mean_us = answered > 0 ? sum_ns / answered / 1e3 : 0;
  now.behind_us = static_cast<double>(progress.behind_ns) / 1e3;
  shown_ = progress;
  shown_at_s_ = at_s;
  if (options_.quiet) {
    return;
  }
  std::string line = std::string(doing_) + " " + std::to_string(static_cast<int>(at_s + 0.5)) +
                     " s: " + with_commas(now.answered_per_s) + "/s";
  if (result.asked_per_s > 0) {
    line += " of " + with_commas(result.asked_per_s) + ", behind by " +
            microseconds(now.behind_us * 1e3) + " us";
  }
  line += ", mean " + microseconds(now.mean_us * 1e3) + " us, under way " +
          with_commas(static_cast<double>(progress.under_way));
  if (progress.errors > 0) {
    line += ", errors " + with_commas(static_cast<double>(progress.errors));
  }
  if (progress.connected < options_.clients) {
    line += ", connected " + with_commas(static_cast<double>(progress.connected));
  }
  std::fprintf(stderr, to_terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
}

void Bench::clear_line() {
  if (to_terminal_ && !options_.quiet) {
    std::fputs("\r\033[K", stderr);
  }
}

// ---- sweep ----

bool Bench::sweep_rates(double& from, double& step) {
  from = options_.sweep_from;
  if (from == 0) {
    doing_ = "closed loop";
    const PhaseResult most = load(work_, 0, kProbeSeconds, 0);
    leave_out_counters();
    from = most.tally.achieved_per_s() / 10;
    if (from < 1) {
      fatal_ = fatal_.empty() ? "a closed loop had no answers: see that the server answers, or "
                                "give --sweep-from"
                              : fatal_;
      return false;
    }
  }
  step = options_.sweep_step > 0 ? options_.sweep_step : from;
  return fatal_.empty();
}

void Bench::sweep() {
  double from = 0;
  double step = 0;
  if (!sweep_rates(from, step)) {
    return;
  }
  doing_ = "sweep";
  unsigned bad = 0;
  for (unsigned i = 0; i < options_.sweep_steps && bad < kBadStepsMax; ++i) {
    if (!sweep_to(from + step * i)) {
      return;
    }
    bad = find_knee(results_, options_.sweep_p99_factor) == static_cast<int>(i) ? 0 : bad + 1;
  }
  for (unsigned i = 0; i < options_.sweep_refine; ++i) {
    const double rate = rate_above_knee(results_, options_.sweep_p99_factor);
    if (rate == 0 || !sweep_to(rate)) {
      return;
    }
  }
}

bool Bench::sweep_to(double rate_per_s) {
  PhaseResult result = load(work_, rate_per_s, options_.test_time_s, 0);
  const bool goes_on = fatal_.empty() && !stop_.load(std::memory_order_relaxed);
  if (goes_on || results_.empty() || result.tally.seconds() > 0) {
    const auto behind =
        std::ranges::upper_bound(results_, rate_per_s, {}, &PhaseResult::asked_per_s);
    results_.insert(behind, std::move(result));
  }
  return goes_on;
}

bool Bench::write_files(int knee) {
  bool ok = true;
  if (!options_.json_path.empty()) {
    std::vector<std::pair<std::string, uint64_t>> counters = crew_->counters();
    for (size_t i = 0; i < left_out_.size(); ++i) {
      counters[i].second -= left_out_[i].second;
    }
    ok = write_file(options_.json_path,
                    json_text(options_, maker_.where(), results_, knee, counters));
  }
  if (!options_.svg_path.empty()) {
    std::vector<PlotPoint> points;
    for (const PhaseResult& step : results_) {
      const Durations all = step.tally.all();
      const auto us = [&](double percent) {
        return static_cast<double>(all.histogram.percentile(percent)) / 1e3;
      };
      points.push_back({step.asked_per_s, us(50), us(99), us(99.9), kept_up(step)});
    }
    ok = write_file(options_.svg_path,
                    latency_plot(maker_.where(), points,
                                 knee < 0 ? 0 : points[static_cast<size_t>(knee)].asked_per_s)) &&
         ok;
  }
  return ok;
}

}  // namespace pollux
