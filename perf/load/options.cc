#include "perf/load/options.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <optional>

#include "src/base/cpu.h"
#include "src/base/num.h"
#include "src/base/rng.h"
#include "src/protocol/quoted.h"
#include "src/protocol/resp_words.h"

namespace pollux {

namespace {

constexpr uint64_t kValueBytesMax = 512U << 20;  // proto-max-bulk-len
constexpr uint32_t kClientsMax = 1'000'000;
constexpr unsigned kThreadsMax = 256;
constexpr unsigned kPipelineMax = 65'536;
constexpr size_t kHelpMargin = 36;
constexpr size_t kHelpColumns = 96;

// Takes the text into the options. False: it is not what the row says.
using Take = bool (*)(LoadOptions&, std::string_view);

struct OptionRow {
  std::string_view name;   // long, without dashes
  std::string_view also;   // another long name, or none
  char letter = 0;         // or 0
  std::string_view value;  // what follows, for the help; empty: nothing does
  std::string_view help;   // also says what is right, in the sentence about what is wrong
  Take take;
};

template <typename T>
bool take_number(std::string_view text, T least, T most, T& out) {
  if constexpr (std::is_floating_point_v<T>) {
    const auto number = parse_double(text);
    if (!number || !std::isfinite(*number) || *number < least || *number > most) {
      return false;
    }
    out = *number;
  } else {
    const auto number = parse_int64(text);
    if (!number || *number < static_cast<int64_t>(least) || *number > static_cast<int64_t>(most)) {
      return false;
    }
    out = static_cast<T>(*number);
  }
  return true;
}

bool take_text(std::string_view text, std::string& out) {
  out = text;
  return !text.empty();
}

// "A:B" or "A-B"; both parts not empty.
bool split(std::string_view text, char by, std::string_view& first, std::string_view& second) {
  const size_t at = text.find(by);
  if (at == std::string_view::npos) {
    return false;
  }
  first = text.substr(0, at);
  second = text.substr(at + 1);
  return !first.empty() && !second.empty();
}

bool take_pattern(std::string_view text, KeyPattern& out) {
  if (text == "R") {
    out = KeyPattern::kUniform;
  } else if (text == "Z") {
    out = KeyPattern::kZipf;
  } else if (text == "S" || text == "P") {
    out = KeyPattern::kSequential;
  } else {
    return false;
  }
  return true;
}

constexpr int64_t kKeyMost = int64_t{1} << 62;

// In the order of the help. An empty name begins a section.
constexpr auto kOptions =
    std::to_array<OptionRow>(
        {
            {"", "", 0, "", "Where", nullptr},
            {"server", "host", 's', "HOST", "name or address (127.0.0.1); also -h",
             [](LoadOptions& o, std::string_view v) { return take_text(v, o.host); }},
            {"port", "", 'p', "PORT", "1 to 65535 (6379)",
             [](LoadOptions& o, std::string_view v) { return take_number(v, 1, 65535, o.port); }},
            {"unix-socket", "", 'S', "PATH", "a unix socket, instead of a host and a port",
             [](LoadOptions& o, std::string_view v) { return take_text(v, o.unix_path); }},
            {"pass", "", 'a', "PASSWORD", "for AUTH",
             [](LoadOptions& o, std::string_view v) { return take_text(v, o.password); }},
            {"user", "", 0, "USER", "for AUTH with a name",
             [](LoadOptions& o, std::string_view v) { return take_text(v, o.user); }},
            {"authenticate", "", 0, "[USER:]PASSWORD", "both in one, as memtier_benchmark has it",
             [](LoadOptions& o, std::string_view v) {
               std::string_view user;
               std::string_view password = v;
               if (split(v, ':', user, password)) {
                 o.user = user;
               }
               return take_text(password, o.password);
             }},
            {"select-db", "dbnum", 0, "N", "the database, 0 or more (0)",
             [](LoadOptions& o, std::string_view v) { return take_number(v, 0, 1 << 30, o.db); }},
            {"protocol", "", 0, "2|3", "RESP 2 or 3 (2)",
             [](LoadOptions& o, std::string_view v) { return take_number(v, 2, 3, o.protocol); }},
            {"tls", "", 0, "", "not there yet: put a TLS proxy (stunnel, socat) in between",
             [](LoadOptions&, std::string_view) { return false; }},

            {"", "", 0, "", "Past the kernel, to a Pollux that has a port of DPDK, too", nullptr},
            {"transport", "", 0, "kernel|dpdk", "what carries the load (kernel)",
             [](LoadOptions& o, std::string_view v) {
               o.dpdk = v == "dpdk";
               return v == "dpdk" || v == "kernel";
             }},
            {"dpdk-args", "", 0, "WORDS", "for DPDK, as the server's option of that name",
             [](LoadOptions& o, std::string_view v) {
               std::string text;
               std::vector<std::string_view> words;
               const bool ok = split_quoted(v, text, words);
               o.dpdk_args.assign(words.begin(), words.end());
               return ok;
             }},
            {"dpdk-port", "", 0, "PORT", "as net_virtio_user0,path=/run/vh.sock,queues=1",
             [](LoadOptions& o, std::string_view v) { return take_text(v, o.dpdk_port); }},
            {"net-address", "", 0, "ADDRESS/BITS", "of this end (10.9.0.1/24); -s has the server's",
             [](LoadOptions& o, std::string_view v) { return take_text(v, o.net_address); }},
            {"net-rss-key", "", 0, "HEX", "the server's; needed where it has several workers",
             [](LoadOptions& o, std::string_view v) { return take_text(v, o.net_rss_key); }},
            {"queues", "", 0, "N", "as many as the server has workers (as many as threads)",
             [](LoadOptions& o, std::string_view v) {
               return take_number<uint16_t>(v, 1, 256, o.queues);
             }},
            {"spread", "", 0, "even|drawn",
             "connections over the queues: by turns, or each drawn, as uneven as RSS makes it "
             "(even)",
             [](LoadOptions& o, std::string_view v) {
               o.even = v == "even";
               return v == "even" || v == "drawn";
             }},

            {"", "", 0, "", "How much", nullptr},
            {"clients", "", 'c', "N", "connections of all threads together, 1 to 1000000 (50)",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, 1U, kClientsMax, o.clients);
             }},
            {"threads", "", 't', "N", "1 to 256, at most one a connection (1)",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, 1U, kThreadsMax, o.threads);
             }},
            {"pipeline", "", 'P', "N", "requests under way on a connection, 1 to 65536 (1)",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, 1U, kPipelineMax, o.pipeline);
             }},
            {"requests", "", 'n', "N", "ends after so many, of all connections together",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, uint64_t{1}, uint64_t{1} << 60, o.requests);
             }},
            {"test-time", "", 0, "SECONDS", "ends after that time (10, where there is no -n)",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, 0.001, 1e6, o.test_time_s);
             }},
            {"warmup-time", "", 0, "SECONDS", "load before that, which is not measured (0)",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, 0.0, 1e6, o.warmup_s);
             }},
            {"rate", "", 0,
             "N", "open loop: so many requests a second in all, whatever the answers do",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, 0.001, 1e9, o.rate_per_s);
             }},
            {"rate-limiting", "", 0,
             "N", "the same for each connection, as memtier_benchmark has it",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, 0.001, 1e9, o.rate_limiting);
             }},
            {"arrivals", "", 0, "fixed|poisson", "how they are spaced in an open loop (fixed)",
             [](LoadOptions& o, std::string_view v) {
               o.arrivals = v == "poisson" ? Arrivals::kPoisson : Arrivals::kFixed;
               return v == "poisson" || v == "fixed";
             }},
            {"sweep", "", 0,
             "", "an open loop at rising rates, until the server falls behind: the knee",
             [](LoadOptions& o, std::string_view) { return o.sweep = true; }},
            {"sweep-from", "", 0, "N", "the first rate (a tenth of what a closed loop has)",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, 1.0, 1e9, o.sweep_from);
             }},
            {"sweep-step", "", 0, "N", "what the next has more (as much as the first has)",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, 1.0, 1e9, o.sweep_step);
             }},
            {"sweep-steps", "", 0, "N", "rates at most, 1 to 1000 (20)",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, 1U, 1000U, o.sweep_steps);
             }},
            {"sweep-refine", "", 0,
             "N", "then N rates more, each halving the step in which the knee is, 0 to 20 (3)",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, 0U, 20U, o.sweep_refine);
             }},
            {"sweep-p99-factor", "", 0,
             "X", "the knee is passed where p99 is X times that of the first rate, 1 or more (10)",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, 1.0, 1e6, o.sweep_p99_factor);
             }},

            {"", "", 0, "", "What", nullptr},
            {"ratio", "", 0, "SET:GET", "how many of each, as 1:10 (the default) or 0:1",
             [](LoadOptions& o, std::string_view v) {
               std::string_view set;
               std::string_view get;
               return split(v, ':', set, get) && take_number(set, 0U, 1'000'000U, o.ratio_set) &&
                      take_number(get, 0U, 1'000'000U, o.ratio_get) &&
                      o.ratio_set + o.ratio_get > 0;
             }},
            {"command", "", 0, "\"WORDS\"",
             "instead of SET and GET; may come several times. __key__, __data__ and __rand_int__ "
             "are filled",
             [](LoadOptions& o, std::string_view v) {
               o.commands.push_back({.line = std::string(v)});
               return !v.empty();
             }},
            {"command-ratio", "", 0, "N", "how many of the --command before it, 1 or more (1)",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, 1U, 1'000'000U, o.commands.back().ratio);
             }},
            {"command-key-pattern", "", 0, "R|Z|S", "which keys the --command before it has (R)",
             [](LoadOptions& o, std::string_view v) {
               return take_pattern(v, o.commands.back().pattern);
             }},
            {"data-size", "", 'd', "BYTES", "of a value, 0 to 536870912 (32)",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, uint64_t{0}, kValueBytesMax, o.values.bytes_min) &&
                      take_number(v, uint64_t{0}, kValueBytesMax, o.values.bytes_max);
             }},
            {"data-size-range", "", 0, "MIN-MAX", "each size in it as likely as any other",
             [](LoadOptions& o, std::string_view v) {
               std::string_view low;
               std::string_view high;
               return split(v, '-', low, high) &&
                      take_number(low, uint64_t{0}, kValueBytesMax, o.values.bytes_min) &&
                      take_number(high, uint64_t{o.values.bytes_min}, kValueBytesMax,
                                  o.values.bytes_max);
             }},
            {"random-data", "", 'R', "", "values that do not compress, instead of x all over",
             [](LoadOptions& o, std::string_view) { return o.values.random = true; }},
            {"key-minimum", "", 0, "N", "the first number of a key, 0 or more (0)",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, uint64_t{0}, uint64_t{kKeyMost}, o.keys.first);
             }},
            {"key-maximum", "", 0, "N", "the last (9999999)",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, uint64_t{0}, uint64_t{kKeyMost}, o.keys.last);
             }},
            {"keyspace", "", 'r', "N", "keys 0 to N - 1, as redis-benchmark has it",
             [](LoadOptions& o, std::string_view v) {
               uint64_t keys = 0;
               const bool ok = take_number(v, uint64_t{1}, uint64_t{kKeyMost}, keys);
               o.keys = {0, keys - 1};
               return ok;
             }},
            {"key-prefix", "", 0, "TEXT", "what stands before the number (key:)",
             [](LoadOptions& o, std::string_view v) {
               o.key_prefix = v;
               return true;
             }},
            {"key-pattern", "", 0, "SET:GET",
             "R uniform, Z Zipf, S one after the other (each thread its part), as R:R (the "
             "default) or S:Z",
             [](LoadOptions& o, std::string_view v) {
               std::string_view set;
               std::string_view get;
               return split(v, ':', set, get) && take_pattern(set, o.pattern_set) &&
                      take_pattern(get, o.pattern_get);
             }},
            {"key-zipf-exp", "", 0, "X", "the exponent of Zipf, over 0 up to 10 (0.99)",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, 0.001, 10.0, o.zipf_exponent);
             }},
            {"populate", "", 0, "", "first SET every key of the range once; not measured",
             [](LoadOptions& o, std::string_view) { return o.populate = true; }},
            {"seed", "", 0, "N", "of all that is drawn (1)",
             [](LoadOptions& o, std::string_view v) {
               return take_number(v, uint64_t{0}, uint64_t{1} << 40, o.seed);
             }},

            {"", "", 0, "", "How it is run and told", nullptr},
            {"busy-poll", "", 0, "",
             "threads never sleep: their wake-up is in no figure, each has a core",
             [](LoadOptions& o, std::string_view) { return o.busy = true; }},
            {"cpus", "", 0, "LIST", "pins the threads to these in turn, as 1,3 or 2-5",
             [](LoadOptions& o, std::string_view v) {
               const auto cpus = parse_cpu_list(v);
               o.cpus = cpus.value_or(std::vector<int>());
               return cpus.has_value();
             }},
            {"json-out-file", "json", 0, "FILE", "all figures as JSON; - is the standard output",
             [](LoadOptions& o, std::string_view v) { return take_text(v, o.json_path); }},
            {"svg-out-file", "svg", 0, "FILE", "of a sweep: latency against load",
             [](LoadOptions& o, std::string_view v) { return take_text(v, o.svg_path); }},
            {"hide-histogram", "", 0, "", "no histogram in the text",
             [](LoadOptions& o, std::string_view) {
               o.histogram = false;
               return true;
             }},
            {"quiet", "", 'q', "", "no progress line",
             [](LoadOptions& o, std::string_view) { return o.quiet = true; }},
            {"help", "", 0, "", "this text",
             [](LoadOptions& o, std::string_view) { return o.help = true; }},
        });

const OptionRow* find_row(std::string_view name) {
  for (const OptionRow& row : kOptions) {
    if (row.take != nullptr && (row.name == name || (!row.also.empty() && row.also == name))) {
      return &row;
    }
  }
  return nullptr;
}

const OptionRow* find_letter(char letter) {
  if (letter == 'h') {
    letter = 's';
  }
  for (const OptionRow& row : kOptions) {
    if (row.take != nullptr && row.letter == letter) {
      return &row;
    }
  }
  return nullptr;
}

// Levenshtein's distance.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) {
    row[j] = j;
  }
  for (size_t i = 0; i < a.size(); ++i) {
    size_t corner = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t change = corner + (a[i] == b[j] ? 0 : 1);
      corner = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string unknown(std::string_view arg, std::string_view name) {
  std::string text = "unknown option " + std::string(arg);
  const OptionRow* nearest = nullptr;
  // A third of it may be wrong: more would be another word.
  size_t least = std::min<size_t>(name.size() / 3 + 1, 4);
  for (const OptionRow& row : kOptions) {
    if (row.take != nullptr && !name.empty() && distance(row.name, name) < least) {
      least = distance(row.name, name);
      nearest = &row;
    }
  }
  return nearest == nullptr ? text + "; --help lists all"
                            : text + "; is --" + std::string(nearest->name) + " meant?";
}

std::string gib(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GiB", bytes / (1U << 30));
  return text;
}

// What only all options together show.
std::string contradiction(LoadOptions& o) {
  if (o.keys.last < o.keys.first) {
    return "--key-maximum is below --key-minimum: there is no key to ask for";
  }
  if (o.threads > o.clients) {
    return "fewer connections (-c " + std::to_string(o.clients) + ") than threads (-t " +
           std::to_string(o.threads) + "): take fewer threads, or more connections";
  }
  if (!o.user.empty() && o.password.empty()) {
    return "--user needs a password: -a PASSWORD";
  }
  if (o.rate_per_s > 0 && o.rate_limiting > 0) {
    return "--rate and --rate-limiting say the same, of all connections and of each: take one";
  }
  if (o.sweep && (o.rate_per_s > 0 || o.rate_limiting > 0 || o.requests > 0)) {
    return "--sweep chooses the rates and goes by time: leave out --rate, --rate-limiting and -n "
           "(--sweep-from, --sweep-step and --test-time say where it begins and how long a rate "
           "lasts)";
  }
  if (o.warmup_s > 0 && o.requests > 0) {
    return "-n counts from the first request on, so that --warmup-time would use it up: say with "
           "--test-time how long is measured, or leave out the warm-up";
  }
  const LoadOptions defaults;
  if (!o.commands.empty() &&
      (o.ratio_set != defaults.ratio_set || o.ratio_get != defaults.ratio_get ||
       o.pattern_set != defaults.pattern_set || o.pattern_get != defaults.pattern_get)) {
    return "--ratio and --key-pattern are of SET and GET, which --command takes the place of: say "
           "it behind each --command, by --command-ratio and --command-key-pattern";
  }
  if (o.dpdk && o.dpdk_port.empty()) {
    return "--transport dpdk needs a port: --dpdk-port, and most drivers --dpdk-args";
  }
  if (!o.dpdk && (!o.dpdk_port.empty() || !o.dpdk_args.empty() || !o.net_rss_key.empty() ||
                  o.queues != defaults.queues || o.net_address != defaults.net_address ||
                  o.even != defaults.even)) {
    return "--dpdk-port, --dpdk-args, --net-address, --net-rss-key, --queues and --spread are of "
           "another transport: add --transport dpdk";
  }
  if (!o.even && queues_of(o) == 1) {
    return "--spread drawn has one queue to draw from: --queues N, as many as the server has "
           "workers";
  }
  if (o.dpdk && !o.unix_path.empty()) {
    return "--transport dpdk goes to an address: -s with the server's net-address, and no -S";
  }
  if (o.dpdk && o.host == defaults.host) {
    return "--transport dpdk does not reach " + o.host + ": -s with the server's net-address";
  }
  if (!o.svg_path.empty() && !o.sweep) {
    return "--svg-out-file draws latency against load, which only --sweep has";
  }
  const auto has =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  if (const double needs = bytes_needed(o); needs > has) {
    return "-c " + std::to_string(o.clients) + " by -P " + std::to_string(o.pipeline) +
           " with values of " + std::to_string(o.values.bytes_max) + " bytes needs " + gib(needs) +
           " and this host has " + gib(has) +
           ": take fewer connections, less depth or smaller values";
  }
  o.rate_per_s += o.rate_limiting * o.clients;
  if (o.test_time_s == 0 && o.requests == 0) {
    o.test_time_s = o.sweep ? 3 : 10;
  }
  return {};
}

// Words up to the edge of the terminal, then a new line behind the margin.
void put_wrapped(std::string& out, std::string_view words) {
  size_t column = kHelpMargin;
  while (!words.empty()) {
    const size_t end = std::min(words.find(' '), words.size());
    if (column + end > kHelpColumns && column > kHelpMargin) {
      out.back() = '\n';
      out += std::string(kHelpMargin, ' ');
      column = kHelpMargin;
    }
    out += words.substr(0, end);
    out += ' ';
    column += end + 1;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  out.back() = '\n';
}

}  // namespace

bool parse_options(std::span<const std::string_view> args, LoadOptions& out, std::string& error) {
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string_view arg = args[i];
    std::string_view name;
    std::optional<std::string_view> value;
    const OptionRow* row = nullptr;
    if (arg.starts_with("--")) {
      name = arg.substr(2);
      if (const size_t equals = name.find('='); equals != std::string_view::npos) {
        value = name.substr(equals + 1);
        name = name.substr(0, equals);
      }
      row = find_row(name);
    } else if (arg == "-3") {
      out.protocol = 3;
      continue;
    } else if (arg.size() >= 2 && arg[0] == '-') {
      row = find_letter(arg[1]);
      if (arg.size() > 2) {
        value = arg.substr(2);  // -c50
      }
    } else {
      error = "\"" + std::string(arg) + "\" is no option; a command goes into --command \"" +
              std::string(arg) + " ...\"";
      return false;
    }
    if (row == nullptr) {
      error = unknown(arg, name);
      return false;
    }
    if (!row->value.empty() && !value) {
      if (i + 1 == args.size()) {
        error = std::string(arg) + " needs " + std::string(row->value) + ": " +
                std::string(row->help) + (arg == "-h" ? ". For help: --help" : "");
        return false;
      }
      value = args[++i];
    }
    if (row->name.starts_with("command-") && out.commands.empty()) {
      error = std::string(arg) + " is of the --command before it, and there is none";
      return false;
    }
    if ((row->value.empty() && value) || !row->take(out, value.value_or(""))) {
      error = std::string(arg) + (value ? " \"" + std::string(*value) + "\"" : "") + ": --" +
              std::string(row->name) + (row->value.empty() ? "" : " ") + std::string(row->value) +
              " is: " + std::string(row->help);
      return false;
    }
  }
  error = contradiction(out);
  return error.empty();
}

uint16_t queues_of(const LoadOptions& options) {
  return options.queues > 0 ? options.queues : static_cast<uint16_t>(options.threads);
}

std::vector<uint32_t> clients_of_threads(const LoadOptions& options) {
  std::vector<uint32_t> clients(options.threads);
  Rng rng(options.seed);
  for (uint32_t i = 0; i < options.clients; ++i) {
    const uint64_t queue = options.even ? i % queues_of(options) : rng.below(queues_of(options));
    ++clients[queue % options.threads];
  }
  for (uint32_t& none : clients) {
    if (none == 0) {
      --*std::ranges::max_element(clients);
      ++none;
    }
  }
  return clients;
}

double bytes_needed(const LoadOptions& options) {
  const unsigned depth = std::max(options.pipeline, options.populate ? kPopulateDepth : 1);
  const double under_way = static_cast<double>(options.clients) * std::bit_ceil(depth) *
                           static_cast<double>(Runner::kRequestBytes);
  // The pool, and a request with a value in each thread.
  return under_way + static_cast<double>(options.values.bytes_max) * (1.0 + options.threads);
}

std::string help_text() {
  std::string text =
      "usage: pollux-bench [OPTION]...\n\n"
      "Loads a Redis server and says how long it takes to answer. Without --rate a connection\n"
      "sends when it has been answered (closed loop): how much the server can do. With --rate\n"
      "requests are due by the clock, and one that has to wait has its wait counted (open loop):\n"
      "what its users would see at that rate.\n\n"
      "  pollux-bench -c 50 -n 1000000                     how many a second, SET:GET of 1:10\n"
      "  pollux-bench --rate 50000 --test-time 30          latency at 50,000 a second\n"
      "  pollux-bench --sweep --svg-out-file knee.svg      latency at rising rates\n"
      "  pollux-bench --populate -r 1000000 --ratio 0:1    GET of keys that are there\n"
      "  pollux-bench --command \"ZADD z __rand_int__ __key__\" --command-ratio 3 "
      "--command \"ZCARD z\"\n";
  for (const OptionRow& row : kOptions) {
    if (row.take == nullptr) {
      text += "\n" + std::string(row.help) + ":\n";
      continue;
    }
    std::string left = row.letter != 0 ? std::string("  -") + row.letter + ", --" : "      --";
    left += std::string(row.name) + (row.value.empty() ? "" : " ") + std::string(row.value);
    const std::string margin(kHelpMargin, ' ');
    text += left;
    text += left.size() < kHelpMargin ? margin.substr(left.size()) : "\n" + margin;
    put_wrapped(text, row.help);
  }
  return text;
}

std::vector<CommandOption> commands_of(const LoadOptions& options) {
  std::vector<CommandOption> commands = options.commands;
  if (commands.empty()) {
    commands = {{"SET __key__ __data__", options.ratio_set, options.pattern_set},
                {"GET __key__", options.ratio_get, options.pattern_get}};
    std::erase_if(commands, [](const CommandOption& command) { return command.ratio == 0; });
  }
  return commands;
}

bool make_workload(const LoadOptions& options, Workload& out, std::string& error) {
  out.keys = options.keys;
  out.zipf_exponent = options.zipf_exponent;
  out.values = ValuePool(options.values, options.seed);
  for (const CommandOption& command : commands_of(options)) {
    RequestKind& kind = out.kinds.emplace_back();
    kind.weight = command.ratio;
    kind.pattern = command.pattern;
    if (!CommandTemplate::parse(command.line, options.key_prefix, kind.command)) {
      error = "--command \"" + command.line +
              "\": quotes are not closed, or one word has more than 16 placeholders";
      return false;
    }
  }
  return true;
}

Workload make_populate(const LoadOptions& options) {
  LoadOptions all = options;
  all.commands = {{"SET __key__ __data__", 1, KeyPattern::kSequential}};
  Workload work;
  std::string error;
  make_workload(all, work, error);
  return work;
}

Greeting make_greeting(const LoadOptions& options) {
  Greeting greeting;
  RespAppender out(greeting.bytes);
  const auto say = [&](std::initializer_list<std::string_view> words) {
    write_resp_command(out, std::span(words.begin(), words.size()));
    ++greeting.replies;
  };
  if (!options.password.empty() && options.user.empty()) {
    say({"AUTH", options.password});
  } else if (!options.password.empty()) {
    say({"AUTH", options.user, options.password});
  }
  if (options.protocol == 3) {
    say({"HELLO", "3"});
  }
  if (options.db != 0) {
    say({"SELECT", std::to_string(options.db)});
  }
  return greeting;
}

}  // namespace pollux
