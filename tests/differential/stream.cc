#include "tests/differential/stream.h"

#include <strings.h>

#include <algorithm>
#include <map>

namespace pollux {
namespace {

// Requests that end, break or bend the protocol. What follows them must not matter.
const char* const kRawTemplates[] = {
    "PING\r\n",
    "PING\n",
    "  PING   hello  \r\n",
    "\r\n\r\nPING\r\n",
    "\n\nPING\r\n",
    "SET k1 \"a\\x41\\n b\"\r\nGET k1\r\n",
    "SET k1 'it\\'s'\r\nGET k1\r\n",
    "SET k1 \"unbalanced\r\nPING\r\n",
    "SET k1 'unbalanced\r\nPING\r\n",
    "SET k1 \"x\"y\r\n",
    "ECHO \"\"\r\n",
    "GET\r\n",
    "*0\r\nPING\r\n",
    "*-1\r\nPING\r\n",
    "*-10\r\nPING\r\n",
    "*\r\nPING\r\n",
    "*abc\r\n",
    "*1 \r\n$4\r\nPING\r\n",
    "*+1\r\n$4\r\nPING\r\n",
    "*01\r\n$4\r\nPING\r\n",
    "*1048577\r\n",
    "*2147483648\r\n",
    "*9223372036854775808\r\n",
    "*3\r\n$3\r\nSET\r\n$-1\r\n$1\r\nv\r\n",
    "*1\r\n:5\r\n",
    "*1\r\n+PING\r\n",
    "*1\r\n\r\n",
    "*1\r\nPING\r\n",
    "*1\r\n$\r\n\r\n",
    "*1\r\n$abc\r\n",
    "*1\r\n$-5\r\n",
    "*1\r\n$536870913\r\n",
    "*1\r\n$99999999999999999999\r\n",
    "*1\r\n$0\r\n\r\n",
    "*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n",
    "*1\r\n$3\r\nPING\r\n",
    "*1\r\n$5\r\nPING\r\n",
    "*2\r\n$3\r\nGET\r\n$2\r\nk1",
    "*2\r\n$3\r\nGET\r\n$2\r\n",
    "*2\r\n$3\r\nGET\r\n",
    "*2\r\n",
    "*",
    "$4\r\nPING\r\n",
    ":1\r\n",
    "+OK\r\n",
    "-ERR x\r\n",
    "%1\r\n$1\r\na\r\n$1\r\nb\r\n",
    "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "POST / HTTP/1.1\r\n\r\n",
    "host: x / HTTP\r\nPING\r\n",
    "\xff\xfe\xfd\r\n",
    "*1\n$4\r\nPING\r\n",
    "*1\r$4\r\nPING\r\n",
    "*1\r\n$4\nPING\r\n",
    "*1\r\n$4\r\nquit\r\n*1\r\n$4\r\nPING\r\n",
    "QUIT\r\nPING\r\n",
    "*2\r\n$4\r\nECHO\r\n$3\r\na\r\n\r\n",
};

Command make(Request request, Rule rule = Rule::kExact) {
  Command command;
  command.request = std::move(request);
  command.rule = rule;
  return command;
}

class RoundMaker {
 public:
  RoundMaker(const Grammar& grammar, uint64_t seed, size_t connections)
      : grammar_(grammar), rng_(seed), connections_(connections) {}

  std::vector<Step> run(size_t commands_max) {
    greet();
    size_t done = 0;
    while (done < commands_max) {
      step_ = Step{};
      step_.connection = rng_.below(connections_);
      choose();
      if (rng_.chance(10) && step_.raw.find(" / HTTP") == std::string::npos) {
        step_.split_seed = rng_.bits() | 1;
      }
      done += step_.commands.size() + (step_.raw.empty() ? 0 : 1);
      steps_.push_back(step_);
    }
    return std::move(steps_);
  }

 private:
  void choose() {
    uint64_t dice = rng_.below(1000);
    if (dice < 40) {
      raw();
    } else if (dice < 55) {
      scan();
    } else if (dice < 70) {
      reply_modes();
    } else if (dice < 75) {
      quit();
    } else if (dice < 76) {
      short_ttls();
    } else if (dice < 116) {
      transaction();
    } else if (dice < 126) {
      tracking();
    } else if (dice < 150) {
      blocking();
    } else if (dice < 182) {
      restore();
    } else {
      pipeline();
    }
  }

  // Every connection starts with a protocol of its own.
  void greet() {
    for (size_t i = 0; i < connections_; i++) {
      Step step;
      step.connection = i;
      step.commands.push_back(make({"HELLO", rng_.chance(2) ? "2" : "3"}, Rule::kHello));
      steps_.push_back(step);
    }
  }

  void add_any_command() {
    Grammar::Generated generated = grammar_.generate(rng_);
    if (strcasecmp(generated.request[0].c_str(), "dbsize") == 0 ||
        strcasecmp(generated.request[0].c_str(), "memory") == 0) {
      step_.commands.push_back(make(exists_all_keys()));
    }
    if (strncasecmp(generated.request[0].c_str(), "sort", 4) == 0) {
      // SORT there takes the errno of an earlier command for its own (known.md): cleared by the
      // second of these. The first makes the table of a small sorted set, which reads its scores.
      if (generated.request.size() > 1) {
        step_.commands.push_back(make({"SORT", generated.request[1], "ALPHA", "LIMIT", "0", "0"}));
      }
      step_.commands.push_back(make({"ZINCRBY", "k1", "no number", "m"}));
    }
    Command command = make(std::move(generated.request), generated.rule);
    command.mutilated = generated.mutilated;
    command.in_family = generated.in_family;
    command.inline_form = rng_.chance(30) && fits_inline(command.request);
    step_.commands.push_back(std::move(command));
  }

  void pipeline() {
    uint64_t dice = rng_.below(10);
    size_t length = dice < 3 ? 1 : dice < 7 ? 2 + rng_.below(15) : 17 + rng_.below(300);
    for (size_t i = 0; i < length; i++) {
      add_any_command();
    }
  }

  void raw() {
    step_.kind = Step::Kind::kRaw;
    uint64_t dice = rng_.below(20);
    if (dice == 0) {
      step_.raw = std::string(100000, 'x');  // a line without end
    } else if (dice == 1) {
      step_.raw = "*1\r\n$" + std::string(100000, '1');  // a number without end
    } else if (dice < 10) {
      step_.raw = rng_.pick(kRawTemplates);
    } else {
      broken_bytes();
    }
    // Web requests end a connection with no last word; what was answered before them arrives or
    // not, by the cut of the packets.
    bool web = step_.raw.find(" / HTTP") != std::string::npos;
    if (!web && rng_.chance(3) && step_.raw.size() < 1000) {
      std::string before;
      append_request({"INCR", "k1"}, before);
      step_.raw = before + step_.raw;
    }
  }

  // A harmless pipeline with a few bytes changed.
  void broken_bytes() {
    static const char* const kNames[] = {"GET", "SET", "INCR", "PING", "MGET", "DEL", "ECHO"};
    for (uint64_t i = 1 + rng_.below(8); i > 0; i--) {
      Request request = {rng_.pick(kNames)};
      for (uint64_t n = rng_.below(4); n > 0; n--) {
        request.push_back(grammar_.value("key", rng_));
      }
      append_request(request, step_.raw);
    }
    static const char kBytes[] = {'\r', '\n', '*', '$', '0', '1', '9', '-', ' ', '\0', 'x', '"'};
    for (uint64_t i = rng_.below(4); i > 0 && !step_.raw.empty(); i--) {
      size_t at = rng_.below(step_.raw.size());
      switch (rng_.below(4)) {
        case 0:
          step_.raw[at] = rng_.pick(kBytes);
          break;
        case 1:
          step_.raw.insert(at, 1, rng_.pick(kBytes));
          break;
        case 2:
          step_.raw.erase(at, 1);
          break;
        default:
          step_.raw.resize(at + 1);
          break;
      }
    }
  }

  void scan() {
    step_.kind = Step::Kind::kScan;
    Request request = {"SCAN", "0"};
    if (rng_.chance(2)) {
      request.insert(request.end(), {"COUNT", std::to_string(1 + rng_.below(50))});
    }
    if (rng_.chance(2)) {
      request.insert(request.end(), {"match", grammar_.value("pattern", rng_)});
    }
    if (rng_.chance(4)) {
      request.insert(request.end(), {"TYPE", rng_.chance(2) ? "string" : "list"});
      Step before;  // Redis tells of a miss for each expired key that such a scan meets
      before.connection = step_.connection;
      before.commands.push_back(make(exists_all_keys()));
      steps_.push_back(before);
    }
    step_.commands.push_back(make(request));
  }

  void reply_modes() {
    bool off = rng_.chance(2);
    step_.commands.push_back(make({"CLIENT", "REPLY", off ? "OFF" : "SKIP"}));
    step_.commands.back().silent = true;
    for (uint64_t i = off ? rng_.below(5) : 1; i > 0; i--) {
      Command command = make({"SET", grammar_.value("key", rng_), grammar_.value("value", rng_)});
      command.silent = true;
      step_.commands.push_back(command);
    }
    step_.commands.push_back(make({"CLIENT", "REPLY", "ON"}));
  }

  void quit() {
    pipeline();
    step_.kind = Step::Kind::kQuit;
    step_.commands.push_back(make({"QUIT"}));
  }

  // A value through its dump into another key.
  void restore() {
    step_.kind = Step::Kind::kRestore;
    step_.commands.push_back(make({"DUMP", any_key()}, Rule::kPayload));
    step_.commands.push_back(make({"RESTORE", any_key(), "0", "", "REPLACE"}));
    step_.mutate_seed = rng_.chance(4) ? 0 : rng_.bits() | 1;
  }

  std::string any_key() {
    static const char* const kKinds[] = {"key", "hash", "set", "zset", "lkey", "stream", "stream"};
    return grammar_.value(rng_.pick(kKinds), rng_);
  }

  // What a client is told of its own changes, and where among its replies.
  void tracking() {
    static const char* const kModes[] = {"", "NOLOOP", "OPTIN", "OPTOUT"};
    step_.kind = Step::Kind::kTracking;
    step_.commands.push_back(make({"HELLO", "3"}));
    Request on = {"CLIENT", "TRACKING", "ON"};
    const std::string mode = rng_.pick(kModes);
    if (!mode.empty()) {
      on.push_back(mode);
    }
    step_.commands.push_back(make(on));
    for (uint64_t i = 5 + rng_.below(40); i > 0; i--) {
      step_.commands.push_back(make(tracked_request()));
    }
  }

  Request tracked_request() {
    const std::string key = grammar_.value("key", rng_);
    const std::string other = grammar_.value("key", rng_);
    switch (rng_.below(20)) {
      case 0:
        return {"SET", key, "v"};
      case 1:
        return {"MSET", key, "v", other, "w"};
      case 2:
        return {"APPEND", key, "x"};
      case 3:
        return {"DEL", key, other};
      case 4:
        return {"RENAME", key, other};
      case 5:
        return {"COPY", key, other, "REPLACE"};
      case 6:
        return {"EXPIRE", key, rng_.chance(3) ? "-1" : "100000"};
      case 7:
        return {"PERSIST", key};
      case 8:
        return {"GETDEL", key};
      case 9:
        return {rng_.chance(10) ? "FLUSHDB" : "TOUCH", rng_.chance(2) ? "SYNC" : "ASYNC"};
      case 10:
        return {"CLIENT", "CACHING", rng_.chance(2) ? "YES" : "NO"};
      case 11:
        return {"CLIENT", "TRACKINGINFO"};
      case 12:
        return {"MGET", key, other};
      case 13:
        return {"EXISTS", other, key, other};
      case 14:
        return {"SELECT", std::to_string(rng_.below(3))};
      default:
        return {"GET", key};
    }
  }

  // Some wait for lists that are empty, and others do what may serve them.
  void blocking() {
    step_.kind = Step::Kind::kBlocking;
    step_.waiters = 1 + rng_.below(4);
    for (size_t i = 0; i < step_.waiters; i++) {
      step_.commands.push_back(make(waiting_request()));
    }
    step_.commands.push_back(make({"DEL", list(), list(), list(), list()}));
    const bool together = rng_.chance(3);
    if (together) {
      step_.commands.push_back(make({"MULTI"}));
    }
    std::map<std::string, char> made;
    for (uint64_t i = 1 + rng_.below(8); i > 0; i--) {
      const Request request = serving_request();
      if (!together || keeps_types(request, made)) {
        step_.commands.push_back(make(request));
      }
    }
    if (together) {
      step_.commands.push_back(make({"EXEC"}));
    }
  }

  // Whether each key is made of one type only, within a transaction. (Else it may be served earlier
  // by redis-server: see known.md.)
  static bool keeps_types(const Request& request, std::map<std::string, char>& made) {
    const std::string& name = request[0];
    const bool is_push = name == "RPUSH" || name == "LPUSH";
    const bool has_source = name == "LMOVE" || name == "RENAME" || name == "COPY";
    const char type = is_push || name == "LMOVE" ? 'l'
                      : name == "ZADD"           ? 'z'
                      : name == "XADD"           ? 'x'
                                                 : '?';  // whatever there was
    if (type == '?' && !has_source) {
      return true;  // makes none
    }
    const auto [at, first] = made.emplace(request[has_source ? 2 : 1], type);
    return first || (at->second == type && type != '?');
  }

  std::string list() { return grammar_.value("lkey", rng_); }
  const char* end() { return rng_.chance(2) ? "LEFT" : "RIGHT"; }

  Request waiting_request() {
    switch (rng_.below(10)) {
      case 0:
        return {"BRPOP", list(), list(), list(), "0"};
      case 1:
        return {"BLMOVE", list(), list(), end(), end(), "0"};
      case 2:
        return {"BRPOPLPUSH", list(), list(), "0"};
      case 3:
        return {"BLMPOP", "0", "2", list(), list(), end(), "COUNT", "2"};
      case 4:
        return {rng_.chance(2) ? "BZPOPMIN" : "BZPOPMAX", list(), list(), "0"};
      case 5:
        return {"BZMPOP", "0", "1", list(), "MIN", "COUNT", "3"};
      case 6:
        return {"XREAD", "BLOCK", "0", "STREAMS", list(), list(), "$", "50-1"};
      case 7:
        return {"XREAD", "COUNT", "1", "BLOCK", "0", "STREAMS", list(), "$"};
      default:
        return {"BLPOP", list(), list(), "0"};
    }
  }

  Request serving_request() {
    switch (rng_.below(14)) {
      case 0:
        return {"DEL", list()};
      case 1:
        return {"RENAME", list(), list()};
      case 2:
        return {"COPY", list(), list(), "REPLACE"};
      case 3:
        return {"SET", list(), "no list"};
      case 4:
        return {"ZADD", list(), "1", "m", "2", "n", "3", "o"};
      case 5:
        return {"LMOVE", list(), list(), end(), end()};
      case 6:
        return {rng_.chance(10) ? "FLUSHDB" : "LLEN", list()};
      case 7:
        return {"LPUSH", list(), "a", "b", "c"};
      case 8:
      case 9:
        return {"XADD", list(), "50-*", "f", "v"};
      default:
        return {"RPUSH", list(), grammar_.value("element", rng_)};
    }
  }

  // Ends this step, and begins the next one on the connection.
  void next_step(size_t connection) {
    steps_.push_back(step_);
    step_ = Step{};
    step_.connection = connection;
  }

  // WATCH, whatever others do meanwhile, MULTI, more of that, and the end of it.
  void transaction() {
    const size_t connection = step_.connection;
    const size_t other = rng_.below(connections_);
    const bool watches = rng_.chance(2);
    if (watches) {
      Request watch = {"WATCH"};
      for (uint64_t i = 1 + rng_.below(4); i > 0; i--) {
        watch.push_back(grammar_.value("key", rng_));
      }
      step_.commands.push_back(make(watch));
    }
    if (watches && rng_.chance(2)) {
      next_step(other);
      for (uint64_t i = 1 + rng_.below(8); i > 0; i--) {
        add_any_command();
      }
      next_step(connection);
    }
    step_.commands.push_back(make({"MULTI"}));
    for (uint64_t i = rng_.below(3) == 0 ? rng_.below(60) : rng_.below(8); i > 0; i--) {
      add_to_transaction();
    }
    if (other != connection && rng_.chance(4)) {
      next_step(other);
      add_any_command();
      next_step(connection);
      add_to_transaction();
    }
    step_.commands.push_back(make({rng_.chance(10) ? "DISCARD" : "EXEC"}));
    if (rng_.chance(8)) {
      add_any_command();
    }
  }

  // Mostly commands that are not wrong, or EXEC would seldom run anything.
  void add_to_transaction() {
    if (rng_.chance(40)) {
      step_.commands.push_back(make({rng_.chance(2) ? "MULTI" : "UNWATCH"}));
      return;
    }
    for (int attempts = 0; attempts < 20; attempts++) {
      const size_t before = step_.commands.size();
      add_any_command();
      if (!step_.commands.back().mutilated || rng_.chance(10)) {
        return;
      }
      step_.commands.resize(before);
    }
  }

  // Keys with a TTL of some milliseconds, a wait, and what is left of them.
  void short_ttls() {
    size_t connection = step_.connection;
    Request keys;
    for (int i = 0; i < 5; i++) {
      std::string key = grammar_.value("key", rng_);
      keys.push_back(key);
      std::string ms = std::to_string(20 + rng_.below(40));
      switch (rng_.below(4)) {
        case 0:
          step_.commands.push_back(make({"SET", key, "v", "PX", ms}));
          break;
        case 1:
          step_.commands.push_back(make({"PSETEX", key, ms, "v"}));
          break;
        case 2:
          step_.commands.push_back(make({"SET", key, "v"}));
          step_.commands.push_back(make({"PEXPIRE", key, ms}));
          break;
        default:
          step_.commands.push_back(make({"SET", key, "v"}));
          step_.commands.push_back(make({"GETEX", key, "PX", ms}));
          break;
      }
    }
    steps_.push_back(step_);
    step_ = Step{};
    step_.kind = Step::Kind::kWait;
    step_.wait_ms = 120;
    steps_.push_back(step_);
    step_ = Step{};
    step_.connection = connection;
    step_.commands.push_back(make(exists_all_keys()));
    for (const std::string& key : keys) {
      step_.commands.push_back(make({"TTL", key}));
      step_.commands.push_back(make({"TYPE", key}));
    }
    step_.commands.push_back(make({"DBSIZE"}));
  }

  const Grammar& grammar_;
  Rng rng_;
  size_t connections_;
  Step step_;
  std::vector<Step> steps_;
};

}  // namespace

std::vector<Step> make_round(const Grammar& grammar, uint64_t seed, size_t commands_max,
                             size_t connections) {
  return RoundMaker(grammar, seed, connections).run(commands_max);
}

size_t command_count(const std::vector<Step>& steps) {
  size_t count = 0;
  for (const Step& step : steps) {
    count += step.commands.size() + (step.raw.empty() ? 0 : 1);
  }
  return count;
}

size_t family_commands(const std::vector<Step>& steps) {
  size_t count = 0;
  for (const Step& step : steps) {
    count += static_cast<size_t>(std::count_if(step.commands.begin(), step.commands.end(),
                                               [](const Command& one) { return one.in_family; }));
  }
  return count;
}

bool has_flush(const Step& step) {
  return std::any_of(step.commands.begin(), step.commands.end(), [](const Command& command) {
    return !command.request.empty() && strncasecmp(command.request[0].c_str(), "flush", 5) == 0;
  });
}

void add_reads(Step& step, const std::string& key) {
  step.commands.push_back({{"TYPE", key}, Rule::kExact});
  step.commands.push_back({{"GET", key}, Rule::kExact});
  step.commands.push_back({{"HGETALL", key}, Rule::kPairs});
  step.commands.push_back({{"SMEMBERS", key}, Rule::kSorted});
  step.commands.push_back({{"LRANGE", key, "0", "-1"}, Rule::kExact});
  step.commands.push_back({{"ZRANGE", key, "0", "-1", "WITHSCORES"}, Rule::kExact});
  step.commands.push_back({{"XRANGE", key, "-", "+"}, Rule::kExact});
  step.commands.push_back({{"XINFO", "STREAM", key, "FULL", "COUNT", "0"}, Rule::kStreamTimes});
  step.commands.push_back({{"PTTL", key}, Rule::kNearMs});
  step.commands.push_back({{"PEXPIRETIME", key}, Rule::kNearMs});
  step.commands.push_back({{"OBJECT", "ENCODING", key}, Rule::kEncoding});
}

}  // namespace pollux
