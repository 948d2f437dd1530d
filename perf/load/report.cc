#include "perf/load/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "perf/load/json.h"
#include "perf/load/text.h"

namespace pollux {

namespace {

struct Percentile {
  double percent;
  const char* text;  // as a head of a column
  const char* key;   // in JSON
};
constexpr Percentile kPercentiles[] = {{50, "p50", "p50_us"},          {90, "p90", "p90_us"},
                                       {99, "p99", "p99_us"},          {99.9, "p99.9", "p99_9_us"},
                                       {99.99, "p99.99", "p99_99_us"}, {100, "max", "max_us"}};
constexpr double kKeptUp = 0.98;
constexpr double kGeneratorBusy = 90;  // percent, from which a reader is told what it may mean
constexpr int kHistogramRows = 20;
constexpr int kBarColumns = 50;

double percentile_ns(const Durations& durations, double percent) {
  return static_cast<double>(durations.histogram.percentile(percent));
}

void put_row(std::string& out, const char* name, const Durations& durations) {
  put(out, "%-20s %12s %9s", name, with_commas(static_cast<double>(durations.count())).c_str(),
      microseconds(durations.mean_ns()).c_str());
  for (const Percentile& one : kPercentiles) {
    put(out, " %9s", microseconds(percentile_ns(durations, one.percent)).c_str());
  }
  out += '\n';
}

void put_table(std::string& out, const PhaseResult& result, const std::vector<std::string>& names) {
  const Tally& tally = result.tally;
  put(out, "%-20s %12s %9s", "latency, us", "count", "mean");
  for (const Percentile& one : kPercentiles) {
    put(out, " %9s", one.text);
  }
  out += '\n';
  if (tally.kinds.size() > 1) {
    for (size_t i = 0; i < tally.kinds.size(); ++i) {
      put_row(out, names[i].c_str(), tally.kinds[i].latency);
    }
  }
  put_row(out, tally.kinds.size() > 1 ? "all" : names[0].c_str(), tally.all());
  if (result.asked_per_s > 0) {
    put_row(out, "  from due to sent", tally.late);
    put_row(out, "  from sent to answer", tally.service);
  }
}

// The part of what was due of which answers can be in the window. A server that is not behind takes
// for the last ones as long as for the first: so long before the end they are missing, unless as
// many come in from a warm-up. Where answers take longer and longer, a tenth of them were faster,
// which is about the time of the first.
double share_in_time(const PhaseResult& result) {
  Durations answered;
  for (const KindTally& kind : result.tally.kinds) {
    answered.merge(kind.latency);
  }
  const double missing_s = percentile_ns(answered, 10) / 1e9 - result.warmup_s;
  return 1 - std::clamp(missing_s / result.tally.seconds(), 0.0, 0.5);
}

// 98 % of what was due, or all but one, was answered within the window.
bool in_time(const PhaseResult& result) {
  const Tally& tally = result.tally;
  if (result.asked_per_s == 0 || tally.seconds() <= 0) {
    return true;
  }
  return static_cast<double>(tally.answered_in_window + 1) >=
         kKeptUp * share_in_time(result) * static_cast<double>(tally.due());
}

// What a reader must not overlook, of one phase or of all steps of a sweep.
void put_warnings(std::string& out, const Tally& tally, const std::vector<std::string>& names) {
  for (size_t i = 0; i < tally.kinds.size(); ++i) {
    const KindTally& kind = tally.kinds[i];
    if (kind.nulls * 1000 > kind.latency.count()) {
      put(out, "%s: %.1f %% were answered with null (a key that is not there; see --populate)\n",
          names[i].c_str(),
          100.0 * static_cast<double>(kind.nulls) / static_cast<double>(kind.latency.count()));
    }
  }
  const auto number = [](uint64_t value) { return with_commas(static_cast<double>(value)); };
  if (tally.errors() > 0) {
    put(out, "! %s answers were errors; the first: %s\n", number(tally.errors()).c_str(),
        tally.first_error.c_str());
  }
  if (tally.ends > 0) {
    put(out, "! connections broke %s times, %s requests were lost; the first was %s\n",
        number(tally.ends).c_str(), number(tally.lost).c_str(), tally.first_end.c_str());
  }
  if (tally.unanswered.count() > 0) {
    put(out, "! %s requests had no answer at the end; they count with their age, up to %s us\n",
        number(tally.unanswered.count()).c_str(),
        microseconds(percentile_ns(tally.unanswered, 100)).c_str());
  }
  if (tally.unsent.count() > 0) {
    put(out,
        "! %s requests were due and never sent, as %s; they count with their age, up to %s us\n",
        number(tally.unsent.count()).c_str(),
        tally.busy_percent() < kGeneratorBusy
            ? "all connections were busy"
            : "this generator was late itself: give it more threads (-t), on cores of their own "
              "(--cpus)",
        microseconds(percentile_ns(tally.unsent, 100)).c_str());
  }
}

void put_histogram(std::string& out, const Durations& all) {
  if (all.count() == 0) {
    return;
  }
  const double low = std::max(percentile_ns(all, 0.1), 1.0);
  const double high = std::max(percentile_ns(all, 99.9), low * 1.02);
  const double factor = std::pow(high / low, 1.0 / kHistogramRows);
  std::vector<uint64_t> rows(kHistogramRows + 2);
  for (size_t i = 0; i < FineHistogram::kBuckets; ++i) {
    if (const uint64_t count = all.histogram.count_of(i); count > 0) {
      const auto edge = static_cast<double>(FineHistogram::upper_edge(i));
      const double place = std::ceil(std::log(edge / low) / std::log(factor) - 1e-9);
      rows[static_cast<size_t>(std::clamp(place, 0.0, kHistogramRows + 1.0))] += count;
    }
  }
  const auto most = static_cast<double>(*std::max_element(rows.begin(), rows.end()));
  const auto sum = static_cast<double>(all.count());
  double seen = 0;
  out += "\nup to, us      share  all so far\n";
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto count = static_cast<double>(rows[i]);
    seen += count;
    const bool last = i + 1 == rows.size();
    if (last && count == 0) {
      break;
    }
    const double edge =
        last ? percentile_ns(all, 100) : low * std::pow(factor, static_cast<double>(i));
    const auto bar = static_cast<size_t>(std::ceil(count / most * kBarColumns));
    put(out, "%10s  %7.3f %%  %8.3f %%  %s\n", microseconds(edge).c_str(), 100 * count / sum,
        100 * seen / sum, std::string(bar, '#').c_str());
  }
}

std::vector<std::string> kind_names(const LoadOptions& options) {
  Workload work;
  std::string error;
  make_workload(options, work, error);
  std::vector<std::string> names;
  for (const RequestKind& kind : work.kinds) {
    names.push_back(kind.command.name());
  }
  return names;
}

// As --key-pattern has it.
const char* pattern_name(KeyPattern pattern) {
  switch (pattern) {
    case KeyPattern::kUniform:
      return "R";
    case KeyPattern::kZipf:
      return "Z";
    case KeyPattern::kSequential:
      return "S";
  }
  return "";
}

void put_durations(JsonText& json, const Durations& durations) {
  json.begin_object().key("count").integer(durations.count());
  json.key("mean_us").number(durations.mean_ns() / 1e3);
  for (const Percentile& one : kPercentiles) {
    json.key(one.key).number(percentile_ns(durations, one.percent) / 1e3);
  }
  json.end_object();
}

void put_phase(JsonText& json, const PhaseResult& result, const std::vector<std::string>& names) {
  const Tally& tally = result.tally;
  json.begin_object();
  json.key("mode").string(result.asked_per_s > 0 ? "open" : "closed");
  json.key("asked_per_s").number(result.asked_per_s);
  json.key("achieved_per_s").number(tally.achieved_per_s());
  json.key("kept_up").boolean(kept_up(result));
  json.key("seconds").number(tally.seconds());
  json.key("answered_total").integer(tally.answered);
  json.key("generator_busy_percent").number(tally.busy_percent());
  const Durations all = tally.all();
  json.key("latency");
  put_durations(json, all);
  json.key("due_to_sent");
  put_durations(json, tally.late);
  json.key("sent_to_answer");
  put_durations(json, tally.service);
  json.key("kinds").begin_array();
  for (size_t i = 0; i < tally.kinds.size(); ++i) {
    json.begin_object().key("name").string(names[i]);
    json.key("errors").integer(tally.kinds[i].errors);
    json.key("nulls").integer(tally.kinds[i].nulls);
    json.key("latency");
    put_durations(json, tally.kinds[i].latency);
    json.end_object();
  }
  json.end_array();
  json.key("errors").integer(tally.errors());
  json.key("first_error").string(tally.first_error);
  json.key("lost").integer(tally.lost);
  json.key("unanswered").integer(tally.unanswered.count());
  json.key("unsent").integer(tally.unsent.count());
  json.key("connections_broken").integer(tally.ends);
  json.key("first_break").string(tally.first_end);
  json.key("bytes_out").integer(tally.bytes_out);
  json.key("bytes_in").integer(tally.bytes_in);
  // [upper edge in us, count] of each step that is not empty.
  json.key("histogram").begin_array();
  for (size_t i = 0; i < FineHistogram::kBuckets; ++i) {
    if (const uint64_t count = all.histogram.count_of(i); count > 0) {
      json.begin_array();
      json.number(static_cast<double>(FineHistogram::upper_edge(i)) / 1e3).integer(count);
      json.end_array();
    }
  }
  json.end_array();
  json.key("by_second").begin_array();
  for (const SecondOfLoad& second : result.seconds) {
    json.begin_object().key("at_s").number(second.at_s);
    json.key("answered_per_s").number(second.answered_per_s);
    json.key("mean_us").number(second.mean_us);
    json.key("behind_us").number(second.behind_us).end_object();
  }
  json.end_array().end_object();
}

}  // namespace

bool kept_up(const PhaseResult& result) {
  const Tally& tally = result.tally;
  return tally.fatal.empty() && tally.lost == 0 && tally.errors() == 0 && in_time(result);
}

std::string with_commas(double number) {
  std::string digits = std::to_string(static_cast<uint64_t>(std::llround(std::max(number, 0.0))));
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string microseconds(double ns) {
  if (ns >= 999'950) {
    return with_commas(ns / 1e3);
  }
  char text[32];
  std::snprintf(text, sizeof text, ns < 9'995 ? "%.2f" : "%.1f", ns / 1e3);
  return text;
}

std::string phase_text(const LoadOptions& options, const PhaseResult& result) {
  const Tally& tally = result.tally;
  std::string out;
  if (result.asked_per_s > 0) {
    put(out, "open loop, %s arrivals, %s/s asked for: %s/s answered in %.2f s\n\n",
        options.arrivals == Arrivals::kFixed ? "fixed" : "Poisson",
        with_commas(result.asked_per_s).c_str(), with_commas(tally.achieved_per_s()).c_str(),
        tally.seconds());
  } else {
    put(out, "closed loop: %s requests/s in %.2f s\n\n",
        with_commas(tally.achieved_per_s()).c_str(), tally.seconds());
  }
  const std::vector<std::string> names = kind_names(options);
  put_table(out, result, names);
  put(out, "the generator was busy for %.0f %% of the time%s\n", tally.busy_percent(),
      tally.busy_percent() < kGeneratorBusy
          ? ""
          : ": it may be the limit, not the server. More threads (-t), on cores of their own "
            "(--cpus), would tell");
  put_warnings(out, tally, names);
  if (!in_time(result)) {
    put(out,
        "! it did not keep up: %s requests were due, %s answers came in time. A longer run has "
        "longer waits\n",
        with_commas(static_cast<double>(tally.due())).c_str(),
        with_commas(static_cast<double>(tally.answered_in_window)).c_str());
  }
  if (options.histogram) {
    put_histogram(out, tally.all());
  }
  return out;
}

std::string sweep_text(const LoadOptions& options, const std::vector<PhaseResult>& steps,
                       int knee) {
  Tally sum;
  std::string out;
  put(out, "%12s %12s %9s %9s %9s %9s %9s %15s\n", "asked/s", "answered/s", "mean us", "p50", "p99",
      "p99.9", "max", "generator busy");
  for (size_t i = 0; i < steps.size(); ++i) {
    const Durations all = steps[i].tally.all();
    put(out, "%12s %12s %9s", with_commas(steps[i].asked_per_s).c_str(),
        with_commas(steps[i].tally.achieved_per_s()).c_str(), microseconds(all.mean_ns()).c_str());
    for (const double percent : {50.0, 99.0, 99.9, 100.0}) {
      put(out, " %9s", microseconds(percentile_ns(all, percent)).c_str());
    }
    const Tally& tally = steps[i].tally;
    put(out, " %13.0f %%", tally.busy_percent());
    out += static_cast<int>(i) == knee ? "  <- knee\n"
           : kept_up(steps[i])         ? "\n"
           : tally.errors() > 0        ? "  errors\n"
           : tally.lost > 0            ? "  lost\n"
                                       : "  behind\n";
    sum.merge(tally);
  }
  put_warnings(out, sum, kind_names(options));
  if (knee < 0 && sum.errors() + sum.lost > 0) {
    out += "! no rate was good, for what stands above: that is to be mended first\n";
  } else if (knee < 0) {
    out += "! the first rate was too much already: begin lower, with --sweep-from\n";
  } else if (knee + 1 == static_cast<int>(steps.size())) {
    out +=
        "! no knee up to the last rate: go on with --sweep-from, --sweep-step or more "
        "--sweep-steps\n";
  }
  return out;
}

std::string json_text(const LoadOptions& options, const std::string& where,
                      const std::vector<PhaseResult>& steps, int knee,
                      const std::vector<std::pair<std::string, uint64_t>>& counters) {
  JsonText json;
  const std::vector<std::string> names = kind_names(options);
  json.begin_object();
  json.key("where").string(where);
  json.key("clients").integer(options.clients);
  json.key("threads").integer(options.threads);
  json.key("pipeline").integer(options.pipeline);
  json.key("arrivals").string(options.arrivals == Arrivals::kFixed ? "fixed" : "poisson");
  json.key("busy_poll").boolean(options.busy);
  json.key("spread").string(options.even ? "even" : "drawn");
  json.key("protocol").integer(static_cast<uint64_t>(options.protocol));
  json.key("rate_per_s").number(options.rate_per_s);
  json.key("requests").integer(options.requests);
  json.key("test_time_s").number(options.test_time_s);
  json.key("warmup_time_s").number(options.warmup_s);
  json.key("populate").boolean(options.populate);
  json.key("commands").begin_array();
  for (const CommandOption& command : commands_of(options)) {
    json.begin_object().key("command").string(command.line);
    json.key("ratio").integer(command.ratio);
    json.key("key_pattern").string(pattern_name(command.pattern)).end_object();
  }
  json.end_array();
  json.key("key_zipf_exp").number(options.zipf_exponent);
  json.key("key_prefix").string(options.key_prefix);
  json.key("random_data").boolean(options.values.random);
  json.key("data_size_min").integer(options.values.bytes_min);
  json.key("data_size_max").integer(options.values.bytes_max);
  json.key("key_minimum").integer(options.keys.first);
  json.key("key_maximum").integer(options.keys.last);
  json.key("seed").integer(options.seed);
  uint64_t answered = 0;  // of the load that is told below
  for (const PhaseResult& step : steps) {
    answered += step.tally.answered;
  }
  json.key("answered_total").integer(answered);
  json.key("channel").begin_object();
  for (const auto& [name, value] : counters) {
    json.key(name).integer(value);
  }
  json.end_object();
  if (options.sweep) {
    json.key("knee_per_s");
    json.number(knee < 0 ? 0 : steps[static_cast<size_t>(knee)].asked_per_s);
    json.key("steps").begin_array();
    for (const PhaseResult& step : steps) {
      put_phase(json, step, names);
    }
    json.end_array();
  } else {
    json.key("result");
    put_phase(json, steps.at(0), names);
  }
  json.end_object();
  return json.text() + "\n";
}

}  // namespace pollux
