// Versions of the configuration: how they are made from text, read, and given up.
#include "dataplane/engine/config.h"

#include <glob.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "dataplane/engine/config_options.h"
#include "dataplane/engine/listen_on.h"
#include "src/base/assert.h"
#include "src/base/glob.h"

namespace pollux {

ListenOn listen_on(const Config& config) {
  return {config.bind, config.port, config.tcp_keepalive_s, config.allow_from, config.net_capture};
}

std::string capture_problem(const Config& config) {
  return config.net_capture.empty() || config.transport_dpdk
             ? std::string()
             : "net-capture is for transport dpdk; what comes by the kernel's sockets tcpdump sees";
}

namespace {

constexpr int kIncludeDepthMax = 16;

// Directives of a file that are no options. False with `reason` if they ask for what is not there.
struct Directive {
  std::string_view name;
  size_t words;              // with the name; 0: any number
  std::string_view refusal;  // empty: accepted and without effect
};
constexpr Directive kDirectives[] = {
    {"list-max-ziplist-entries", 2, ""},
    {"list-max-ziplist-value", 2, ""},
    {"lua-replicate-commands", 2, ""},
    {"user", 0, "ACL users are not in this version of Pollux; use requirepass, or remove the line"},
    {"loadmodule", 0, "Pollux loads no modules; remove the line"},
};

bool is_multi_word(const OptionRow& row) {
  return row.kind == OptionKind::kWords;
}

void land(const OptionRow& row, const OptionValue& value, Config& config) {
  config.texts[option_index(row)] = value.text;
  if (row.land != nullptr) {
    row.land(config, value);
  }
}

std::string failure(std::string_view name, std::string_view reason) {
  return "ERR CONFIG SET failed (possibly related to argument '" + std::string(name) + "') - " +
         std::string(reason);
}

// Which of the options that a commit may refuse was to be set.
std::string_view listening_option(std::span<const std::string_view> pairs) {
  for (size_t i = 0; i < pairs.size(); i += 2) {
    const std::string name = lower_case(pairs[i]);
    if (name == "port" || name == "bind") {
      return pairs[i];
    }
  }
  return pairs.empty() ? "" : pairs[0];
}

}  // namespace

ConfigStore::ConfigStore() {
  auto config = std::make_unique<Config>();
  config->texts.resize(option_rows().size());
  for (const OptionRow& row : option_rows()) {
    OptionValue value{std::string(row.initial), 0};
    std::string reason;
    std::vector<std::string> words = {value.text};
    if (is_multi_word(row) && !value.text.empty()) {
      words = split_words(value.text);
    }
    // An option that is empty by default (a directory, a master) need not be a value it takes.
    if (!row.initial.empty()) {
      POLLUX_ASSERT(parse_option(row, words, value, reason));
    }
    land(row, value, *config);
  }
  publish(std::move(config));
}

ConfigStore::~ConfigStore() = default;

const Config& ConfigStore::pick_up(WorkerId reader) {
  const Config* config = current();
  std::atomic<uint64_t>& in_use = in_use_[reader.value];
  if (in_use.load(std::memory_order_relaxed) != config->version) {
    in_use.store(config->version, std::memory_order_release);
  }
  return *config;
}

void ConfigStore::publish(std::unique_ptr<Config> next) {
  if (next->clients_percent > 0) {
    next->clients_bytes_max = next->maxmemory / 100 * next->clients_percent;
  }
  next->version = versions_.empty() ? 1 : versions_.back()->version + 1;
  versions_.push_back(std::move(next));
  current_.store(versions_.back().get(), std::memory_order_release);
  free_unused();
}

void ConfigStore::free_unused() {
  uint64_t oldest = versions_.back()->version;
  for (int i = 0; i < readers_; ++i) {
    // acquire: pairs with pick_up; the reader's last look at older versions is over.
    oldest = std::min(oldest, in_use_[static_cast<size_t>(i)].load(std::memory_order_acquire));
  }
  std::erase_if(versions_, [&](const auto& version) { return version->version < oldest; });
}

void ConfigStore::change(const std::function<void(Config&)>& change) {
  auto next = std::make_unique<Config>(*versions_.back());
  change(*next);
  publish(std::move(next));
}

std::string ConfigStore::text(const Config& config, std::string_view name) {
  std::vector<std::pair<std::string, std::string>> found;
  get(config, {&name, 1}, found);
  return found.empty() ? "" : found[0].second;
}

void ConfigStore::get(const Config& config, std::span<const std::string_view> patterns,
                      std::vector<std::pair<std::string, std::string>>& out) {
  std::set<std::string> seen;
  const auto add = [&](std::string_view shown, const OptionRow& row) {
    if (seen.insert(lower_case(shown)).second) {
      out.emplace_back(shown, config.texts[option_index(row)]);
    }
  };
  for (const std::string_view pattern : patterns) {
    if (pattern.find_first_of("[*?") == std::string_view::npos) {
      if (const OptionRow* row = find_option(pattern)) {
        add(pattern, *row);
      }
      continue;
    }
    for (const OptionRow& row : option_rows()) {
      if ((row.flags & kHidden) != 0) {
        continue;
      }
      for (const std::string_view name : {row.name, row.former_name}) {
        if (!name.empty() && glob_match(pattern, name, /*ignore_case=*/true)) {
          add(name, row);
        }
      }
    }
  }
}

std::string ConfigStore::set(std::span<const std::string_view> pairs, const Commit& commit) {
  POLLUX_ASSERT(pairs.size() % 2 == 0);
  const Config& now = *versions_.back();
  std::vector<const OptionRow*> rows;
  for (size_t i = 0; i < pairs.size(); i += 2) {
    rows.push_back(find_option(pairs[i]));
    if (rows.back() == nullptr) {
      return "ERR Unknown option or number of arguments for CONFIG SET - '" +
             std::string(pairs[i]) + "'";
    }
    const OptionRow& row = *rows.back();
    if ((row.flags & kImmutable) != 0) {
      return failure(pairs[i], "can't set immutable config");
    }
    if ((row.flags & kGuarded) != 0 && !now.protected_configs_allowed) {
      return failure(pairs[i], "can't set protected config");
    }
    for (size_t j = 0; j < i; j += 2) {
      if (rows[j / 2] == &row && lower_case(pairs[j]) == lower_case(pairs[i])) {
        return failure(pairs[i], "duplicate parameter");
      }
    }
  }
  auto next = std::make_unique<Config>(now);
  for (size_t i = 0; i < rows.size(); ++i) {
    const OptionRow& row = *rows[i];
    // What is wrong with a value is told of the option, not of how it was written.
    const std::string name = lower_case(pairs[2 * i]);
    const std::string_view text = pairs[2 * i + 1];
    std::vector<std::string> words = {std::string(text)};
    if (is_multi_word(row)) {
      words = split_words(text);
    }
    OptionValue value{next->texts[option_index(row)], 0};
    std::string reason;
    if (!parse_option(row, words, value, reason)) {
      return failure(name, reason);
    }
    land(row, value, *next);
    if (clients_ceiling_ > 0 && next->maxclients > clients_ceiling_ &&
        next->maxclients != now.maxclients) {
      return failure(name, std::string(why_no_more_clients_) + std::to_string(clients_ceiling_));
    }
    if (next->tls_port != 0) {
      return failure(name, "TLS is not in this version of Pollux");
    }
  }
  if (const Refusal refusal = commit ? commit(*next) : Refusal{}; !refusal.reason.empty()) {
    return failure(refusal.option.empty() ? listening_option(pairs) : refusal.option,
                   refusal.reason);
  }
  log_set_level(next->log_level);
  publish(std::move(next));
  return {};
}

bool ConfigStore::load(std::string_view text, ConfigProblem& problem) {
  auto next = std::make_unique<Config>(*versions_.back());
  save_seen_ = false;
  if (!load_into(*next, text, {}, problem, 0)) {
    return false;
  }
  publish(std::move(next));
  return true;
}

bool ConfigStore::load_into(Config& config, std::string_view text, const std::string& file,
                            ConfigProblem& problem, int depth) {
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = trim_line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line[0] == '#') {
      continue;
    }
    problem = ConfigProblem{number, std::string(line), {}, file};
    if (!load_line(config, line, problem, depth)) {
      return false;
    }
  }
  return true;
}

bool ConfigStore::load_line(Config& config, std::string_view line, ConfigProblem& problem,
                            int depth) {
  std::vector<std::string> words;
  if (!split_config_line(line, words)) {
    problem.reason = "Unbalanced quotes in configuration line";
    return false;
  }
  if (words.empty()) {
    return true;
  }
  const std::string name = lower_case(words[0]);
  if (name == "include" && words.size() == 2) {
    return include(config, words[1], problem, depth);
  }
  if (name == "rename-command" && words.size() == 3) {
    config.renamed_commands.emplace_back(words[1], words[2]);
    return true;
  }
  for (const Directive& directive : kDirectives) {
    if (directive.name == name && (directive.words == 0 || directive.words == words.size())) {
      problem.reason = directive.refusal;
      return directive.refusal.empty();
    }
  }
  const OptionRow* row = find_option(name);
  if (row == nullptr) {
    problem.reason = "Bad directive or wrong number of arguments";
    return false;
  }
  if (words.size() < 2 || (words.size() > 2 && !is_multi_word(*row))) {
    problem.reason = "wrong number of arguments";
    return false;
  }
  std::vector<std::string> values(words.begin() + 1, words.end());
  if (is_multi_word(*row) && values.size() == 1 && !values[0].empty()) {
    values = split_words(values[0]);  // a whole list as one quoted word
  }
  OptionValue value{config.texts[option_index(*row)], 0};
  if (!parse_option(*row, values, value, problem.reason)) {
    return false;
  }
  if (row->name == "save") {
    const std::string& before = config.texts[option_index(*row)];
    if (save_seen_ && !before.empty() && !value.text.empty()) {
      value.text = before + " " + value.text;
    }
    save_seen_ = true;
  }
  land(*row, value, config);
  return true;
}

bool ConfigStore::include(Config& config, const std::string& pattern, ConfigProblem& problem,
                          int depth) {
  if (depth == kIncludeDepthMax) {
    problem.reason = "Files include each other too deep";
    return false;
  }
  std::vector<std::string> paths = {pattern};
  if (pattern.find_first_of("*?[") != std::string::npos) {
    paths.clear();
    glob_t found;
    if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
      paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    }
    globfree(&found);
  }
  for (const std::string& path : paths) {
    std::string text;
    if (!read_whole_file(path, text)) {
      problem = ConfigProblem{0, path, std::strerror(errno), {}};
      return false;
    }
    if (!load_into(config, text, path, problem, depth + 1)) {
      return false;
    }
  }
  return true;
}

std::vector<std::string_view> ConfigStore::idle_options() const {
  std::vector<std::string_view> names;
  for (const OptionRow& row : option_rows()) {
    if ((row.flags & kIdle) != 0 && versions_.back()->texts[option_index(row)] != row.initial) {
      names.push_back(row.name);
    }
  }
  return names;
}

}  // namespace pollux
