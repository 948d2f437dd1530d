#include "tests/differential/round.h"

#include <strings.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "tests/differential/events.h"
#include "tests/differential/grammar.h"
#include "tests/differential/link.h"
#include "tests/differential/payloads.h"
#include "tests/differential/resp.h"
#include "tests/differential/rules.h"
#include "tests/differential/waiters.h"

namespace pollux {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

namespace {

constexpr size_t kDatabases = 16;
constexpr std::string_view kLastWord = "the last word of a step";
constexpr size_t kStepsPerLook = 20;  // between two looks at the events of keys

class Run {
 public:
  Run(const Options& options, const std::vector<Step>& steps)
      : steps_(steps), waiters_(options.redis, options.pollux) {
    size_t connections = 1;
    for (const Step& step : steps) {
      connections = std::max(connections, step.connection + 1);
    }
    if (options.events) {
      events_.emplace(options.redis, options.pollux, options.one_order);
    }
    for (size_t i = 0; i <= connections; i++) {
      pairs_.push_back(
          {std::make_unique<Link>(options.redis), std::make_unique<Link>(options.pollux)});
    }
  }

  std::optional<Difference> run() {
    for (size_t i = 0; i < pairs_.size() && !found_; i++) {
      reopen(i);
    }
    reset_servers();
    if (events_ && !found_ && !events_->listen()) {
      report(0, "no answer to who listens to events of keys", "", "");
    }
    for (at_ = 0; at_ < steps_.size() && !found_; at_++) {
      run_step(steps_[at_]);
      if (!events_ || found_) {
        continue;
      }
      if (may_flush(steps_[at_])) {
        find_the_dead();
        compare_events();
        events_->forget_deaths();
      } else if (at_ % kStepsPerLook == 0) {
        compare_events();
      }
    }
    if (!found_) {
      compare_data_sets();
    }
    if (events_ && !found_) {
      compare_deaths();
    }
    return found_;
  }

 private:
  struct Pair {
    std::unique_ptr<Link> redis;
    std::unique_ptr<Link> pollux;
  };

  void report(size_t command, const std::string& what, std::string_view redis,
              std::string_view pollux) {
    if (!found_) {
      found_ = Difference{at_, command, what, std::string(redis), std::string(pollux)};
    }
  }

  void reopen(size_t connection) {
    bool redis_up = pairs_[connection].redis->open();
    bool pollux_up = pairs_[connection].pollux->open();
    if (!redis_up || !pollux_up) {
      report(0, "a server accepts no connection", redis_up ? "up" : "down",
             pollux_up ? "up" : "down");
    }
  }

  bool send(size_t connection, const Delivery& delivery) {
    redis_ = Answer{};
    pollux_ = Answer{};
    const double began = seconds_now();
    exchange(*pairs_[connection].redis, *pairs_[connection].pollux, delivery, &redis_, &pollux_);
    longest_exchange_ = std::max(longest_exchange_, seconds_now() - began);
    if (redis_.timed_out || pollux_.timed_out) {
      report(redis_.ends.size(), "no reply in time", redis_.timed_out ? "(silent)" : "(answered)",
             pollux_.timed_out ? "(silent)" : "(answered)");
    } else if (redis_.bad || pollux_.bad) {
      report(pollux_.ends.size(), "a reply that is no RESP", redis_.bytes, pollux_.bytes);
    } else if (redis_.closed != pollux_.closed) {
      report(std::min(redis_.ends.size(), pollux_.ends.size()), "one side closed the connection",
             redis_.closed ? "(closed) " + redis_.bytes : "(open) " + redis_.bytes,
             pollux_.closed ? "(closed) " + pollux_.bytes : "(open) " + pollux_.bytes);
    }
    return !found_;
  }

  // A TTL was set in one exchange and is read in another; each server may have run either at any
  // moment of it. On a busy host that can be seconds.
  Slack slack() const {
    return {static_cast<long long>(2000 * longest_exchange_), blocks_left_out_};
  }

  void run_step(const Step& step) {
    switch (step.kind) {
      case Step::Kind::kPipeline:
      case Step::Kind::kQuit:
        run_pipeline(step);
        break;
      case Step::Kind::kRaw:
        run_raw(step);
        break;
      case Step::Kind::kScan:
        run_scan(step);
        break;
      case Step::Kind::kRestore:
        run_restore(step);
        break;
      case Step::Kind::kTracking:
        run_tracking(step);
        break;
      case Step::Kind::kBlocking:
        run_blocking(step);
        break;
      case Step::Kind::kWait:
        std::this_thread::sleep_for(std::chrono::milliseconds(step.wait_ms));
        break;
    }
  }

  void run_pipeline(const Step& step) {
    std::string bytes;
    size_t replies = 0;
    for (const Command& command : step.commands) {
      command.inline_form ? append_inline(command.request, bytes)
                          : append_request(command.request, bytes);
      replies += command.silent ? 0 : 1;
    }
    Delivery delivery{bytes, replies};
    delivery.until_closed = step.kind == Step::Kind::kQuit;
    delivery.split_seed = step.split_seed;
    if (!send(step.connection, delivery)) {
      return;
    }
    compare_replies(step);
    if (delivery.until_closed) {
      reopen(step.connection);
    } else if (redis_.closed) {
      report(redis_.ends.size(), "both sides closed the connection", redis_.bytes, pollux_.bytes);
    }
  }

  // What Redis has queued is compared when EXEC answers it.
  bool agree(size_t connection, const Command& command, std::string_view redis,
             std::string_view pollux) {
    std::vector<Rule>& queued = queued_[connection];
    if (redis == "+QUEUED\r\n") {
      queued.push_back(command.rule);
      return pollux == redis;
    }
    if (strcasecmp(command.request[0].c_str(), "exec") == 0) {
      const std::vector<Rule> rules = std::exchange(queued, {});
      return exec_replies_agree(rules, redis, pollux, slack());
    }
    if (strcasecmp(command.request[0].c_str(), "multi") == 0 && redis[0] == '+') {
      queued.clear();
    }
    return replies_agree(command.rule, redis, pollux, slack());
  }

  void compare_replies(const Step& step) {
    size_t reply = 0;
    for (size_t i = 0; i < step.commands.size(); i++) {
      if (step.commands[i].silent) {
        continue;
      }
      if (reply >= redis_.ends.size() || reply >= pollux_.ends.size()) {
        report(i, "a reply is missing", redis_.bytes, pollux_.bytes);
        return;
      }
      if (!agree(step.connection, step.commands[i], redis_.reply(reply), pollux_.reply(reply))) {
        report(i, "replies differ", redis_.reply(reply), pollux_.reply(reply));
        return;
      }
      reply++;
    }
    if (redis_.ends.size() != pollux_.ends.size()) {
      report(step.commands.size() - 1, "a reply too many", redis_.bytes, pollux_.bytes);
    }
  }

  // On the connection that no other step uses, because it then has a history of its own. HELLO's
  // reply is not compared. What is dead has to be gone on both: nobody knows when it would be told.
  void run_tracking(const Step& step) {
    find_the_dead();
    size_t connection = pairs_.size() - 1;
    std::string bytes;
    for (const Command& command : step.commands) {
      append_request(command.request, bytes);
    }
    Delivery delivery;
    append_request({"ECHO", std::string(kLastWord)}, bytes);
    delivery.bytes = bytes;
    delivery.until_echo = kLastWord;
    delivery.split_seed = step.split_seed;
    if (send(connection, delivery)) {
      std::string_view redis = std::string_view(redis_.bytes).substr(redis_.ends[0]);
      std::string_view pollux = std::string_view(pollux_.bytes).substr(pollux_.ends[0]);
      if (redis != pollux) {
        size_t same = 0;
        while (same < std::min(redis.size(), pollux.size()) && redis[same] == pollux[same]) {
          same++;
        }
        same -= std::min<size_t>(same, 60);
        report(step.commands.size() - 1, "what a client that tracks gets differs",
               redis.substr(same), pollux.substr(same));
      }
    }
    reopen(connection);
  }

  void run_blocking(const Step& step) {
    const size_t waiters = std::min(step.waiters, step.commands.size());
    bool in_time = true;
    for (size_t i = 0; i < waiters; i++) {
      in_time = in_time && waiters_.send(step.commands[i].request);
    }
    Step others = step;
    others.kind = Step::Kind::kPipeline;
    others.connection = pairs_.size() - 1;
    others.commands.erase(others.commands.begin(),
                          others.commands.begin() + static_cast<std::ptrdiff_t>(waiters));
    run_pipeline(others);
    if (found_) {
      found_->command += waiters;
      return;
    }
    in_time = in_time && waiters_.settle();
    for (size_t i = 0; i < waiters && !found_; i++) {
      if (waiters_.redis(i) != waiters_.pollux(i) &&
          !(waiters_.pollux(i).empty() && has_no_entries(waiters_.redis(i)))) {
        report(i, "what a client that waited got differs", waiters_.redis(i), waiters_.pollux(i));
      }
    }
    if (!waiters_.leave() || !in_time) {
      report(0, "a server does not know in time who is blocked", "", "");
    }
    reopen(others.connection);
  }

  // An answer of XREAD or XREADGROUP that names one stream, and no entry of it (known.md).
  static bool has_no_entries(std::string_view reply) {
    return (reply.starts_with("*1\r\n*2\r\n$") || reply.starts_with("%1\r\n$")) &&
           reply.ends_with("\r\n*0\r\n") && std::count(reply.begin(), reply.end(), '*') <= 3;
  }

  // Of what it has still to send when it sees that the client's side has ended, Redis sends nothing
  // (known.md). The first 64 KiB of a reply leave before it looks.
  bool redis_was_cut_off() const {
    return redis_.bytes.size() >= 64 << 10 && pollux_.bytes.starts_with(redis_.bytes);
  }

  void run_raw(const Step& step) {
    Delivery delivery{step.raw};
    delivery.until_closed = true;
    delivery.half_close = true;
    delivery.split_seed = step.raw.size() < 2000 ? step.split_seed : 0;
    // On a connection of its own, which no other step uses.
    size_t connection = pairs_.size() - 1;
    if (send(connection, delivery) && redis_.bytes != pollux_.bytes && !redis_was_cut_off()) {
      report(0, "answers to raw bytes differ", redis_.bytes, pollux_.bytes);
    }
    reopen(connection);
  }

  std::set<std::string> scan_all(size_t connection, bool of_redis, const Request& request) {
    std::set<std::string> keys;
    Request next = request;
    for (int calls = 0; calls < 10000; calls++) {
      std::string bytes;
      append_request(next, bytes);
      Answer answer;
      Link& link = of_redis ? *pairs_[connection].redis : *pairs_[connection].pollux;
      Delivery delivery{bytes, 1};
      exchange_one(link, delivery, &answer);
      if (answer.ends.size() != 1 || answer.reply(0)[0] != '*') {
        keys.insert("no array: " + answer.bytes);
        return keys;
      }
      ReplyTree tree = parse_reply(answer.reply(0));
      for (const ReplyTree& key : tree.items[1].items) {
        keys.insert(key.text);
      }
      if (tree.items[0].text == "0") {
        return keys;
      }
      next[1] = tree.items[0].text;
    }
    keys.insert("SCAN does not end");
    return keys;
  }

  // The other side of the exchange counts as closed, so that nothing is sent there.
  static void exchange_one(Link& link, const Delivery& delivery, Answer* answer) {
    Answer ignored;
    ignored.closed = true;
    exchange(link, link, delivery, answer, &ignored);
  }

  void run_scan(const Step& step) {
    const Request& request = step.commands[0].request;
    std::set<std::string> redis = scan_all(step.connection, true, request);
    std::set<std::string> pollux = scan_all(step.connection, false, request);
    if (redis != pollux) {
      report(0, "SCAN to its end finds other keys", join(redis), join(pollux));
    }
  }

  // Sends one request to both, whose replies are in redis_ and pollux_ then.
  bool send_request(size_t connection, const Request& request) {
    std::string bytes;
    append_request(request, bytes);
    return send(connection, {bytes, 1});
  }

  void run_restore(const Step& step) {
    const size_t connection = step.connection;
    const Command& dump = step.commands[0];
    if (!send_request(connection, dump.request)) {
      return;
    }
    if (!agree(connection, dump, redis_.reply(0), pollux_.reply(0))) {
      report(0, "replies differ", redis_.reply(0), pollux_.reply(0));
      return;
    }
    if (redis_.reply(0)[0] != '$') {
      return;  // queued by MULTI, or an error
    }
    const ReplyTree payload = parse_reply(redis_.reply(0));
    const ReplyTree own = parse_reply(pollux_.reply(0));
    if (payload.null) {
      return;
    }
    Request request = step.commands[1].request;
    if (step.mutate_seed != 0) {
      run_mutant(connection, payload.text, step.mutate_seed);
      return;
    }
    // Each restores what the other has dumped.
    request[3] = payload.text;
    restore_on_both(connection, request, "what redis-server has dumped");
    request[3] = own.text;
    restore_on_both(connection, request, "what Pollux has dumped");
  }

  // `made`: what the payload is. Both must take it, and make the same value of it.
  void restore_on_both(size_t connection, const Request& request, const std::string& made) {
    if (found_ || !send_request(connection, request)) {
      return;
    }
    if (pollux_.reply(0) != "+OK\r\n" || redis_.reply(0) != "+OK\r\n") {
      report(1, "RESTORE of " + made, redis_.reply(0), pollux_.reply(0));
      return;
    }
    if (send_request(connection, {"XINFO", "STREAM", request[1]})) {
      // COPY and RENAME carry it on, so it is for every stream from here on.
      blocks_left_out_ =
          std::max(blocks_left_out_, blocks_left_out(redis_.reply(0), pollux_.reply(0)));
    }
    compare_key(connection, request[1], made + ": " + printable(request[3], 300), false);
  }

  // What there is to see of a key that was made by RESTORE, perhaps of a changed payload.
  void compare_key(size_t connection, const std::string& key, const std::string& made,
                   bool changed) {
    Step reads;
    reads.connection = connection;
    add_reads(reads, key);
    for (Command& read : reads.commands) {
      read.rule = changed && read.rule == Rule::kStreamTimes ? Rule::kChangedStream : read.rule;
    }
    run_pipeline(reads);
    if (found_) {
      found_->what += ", of " + made;
    }
  }

  // What has changed bytes is refused, or is the same value on both sides. Pollux refuses more:
  // whatever it takes is in order to the last byte.
  void run_mutant(size_t connection, const std::string& payload, uint64_t seed) {
    if (events_) {
      return;  // which of the two has made the key, events would tell
    }
    Rng rng(seed);
    const std::string key = "mutant";
    const std::string bytes = mutated_payload(payload, rng);
    if (!send_request(connection, {"CONFIG", "SET", "sanitize-dump-payload", "yes"}) ||
        !send_request(connection, {"RESTORE", key, "0", bytes, "REPLACE"})) {
      return;
    }
    const bool redis_took = redis_.reply(0)[0] == '+';
    const bool pollux_took = pollux_.reply(0)[0] == '+';
    if (pollux_took && !redis_took && !only_ours(bytes)) {
      report(1, "only Pollux takes " + printable(bytes, 300), redis_.reply(0), pollux_.reply(0));
      return;
    }
    if (redis_took && pollux_took) {
      compare_key(connection, key, printable(bytes, 300), true);
      if (found_) {
        return;
      }
    }
    send_request(connection, {"DEL", key});
  }

  static std::string join(const std::set<std::string>& words) {
    std::string out;
    for (const std::string& word : words) {
      out += printable(word, 60) + " ";
    }
    return out;
  }

  // Sends commands on the last connection; nothing is compared but success.
  void reset_servers() {
    std::string bytes;
    append_request({"FLUSHALL"}, bytes);
    append_request({"CONFIG", "SET", "maxmemory-samples", "5"}, bytes);
    append_request({"CONFIG", "SET", "lazyfree-lazy-user-del", "no"}, bytes);
    append_request({"CONFIG", "SET", "lfu-log-factor", "10"}, bytes);
    if (!found_) {
      send(pairs_.size() - 1, {bytes, 4});
    }
  }

  void compare_events() {
    const std::string marker = std::to_string(at_);
    std::string bytes;
    append_request({"PUBLISH", EventStreams::kMarkerChannel, marker}, bytes);
    if (!send(pairs_.size() - 1, {bytes, 1})) {
      return;
    }
    if (const auto difference = events_->take(marker)) {
      report(0, difference->what, difference->redis, difference->pollux);
    }
  }

  // Of a transaction that has a FLUSHALL queued, each later step may be the one that runs it.
  bool may_flush(const Step& step) {
    const bool flushes = queued_flush_.contains(step.connection) || has_flush(step);
    if (flushes && !queued_[step.connection].empty()) {
      queued_flush_.insert(step.connection);
    } else {
      queued_flush_.erase(step.connection);
    }
    return flushes;
  }

  // Asks for all keys, so that none is dead and one server alone knows of it.
  void find_the_dead() {
    std::string bytes;
    for (size_t db = kDatabases; db-- > 0;) {
      append_request({"SELECT", std::to_string(db)}, bytes);
      append_request(exists_all_keys(), bytes);
    }
    send(pairs_.size() - 1, {bytes, 2 * kDatabases});
  }

  // Behind compare_data_sets, which finds all that are dead.
  void compare_deaths() {
    compare_events();
    const auto difference = events_->compare_deaths();
    if (difference && !found_) {
      report(0, difference->what, difference->redis, difference->pollux);
    }
  }

  // EXISTS lets go of the keys that are dead, and SCAN, of redis-server, also of those whose names
  // are no known ones (of `SET key value PXAT ms` without its key): till then they are counted.
  void compare_data_sets() {
    size_t connection = pairs_.size() - 1;
    at_ = steps_.size();
    for (size_t db = 0; db < kDatabases && !found_; db++) {
      std::string bytes;
      append_request({"SELECT", std::to_string(db)}, bytes);
      append_request({"KEYS", "*"}, bytes);
      append_request(exists_all_keys(), bytes);
      append_request({"SCAN", "0", "COUNT", "1000000"}, bytes);
      if (!send(connection, {bytes, 4})) {
        return;
      }
      if (!replies_agree(Rule::kSorted, redis_.reply(1), pollux_.reply(1))) {
        report(0, "final keys differ in database " + std::to_string(db), redis_.reply(1),
               pollux_.reply(1));
        return;
      }
      ReplyTree keys = parse_reply(redis_.reply(1));
      Step step;
      step.commands.push_back({{"DBSIZE"}, Rule::kExact});
      for (const ReplyTree& key : keys.items) {
        add_reads(step, key.text);
      }
      step.connection = connection;
      run_pipeline(step);
      if (found_) {
        found_->what = "final data set of database " + std::to_string(db) + " differs: " +
                       printable(step.commands[found_->command].request) + ": " + found_->what;
      }
    }
  }

  const std::vector<Step>& steps_;
  std::vector<Pair> pairs_;
  std::optional<EventStreams> events_;
  std::set<size_t> queued_flush_;  // connections
  Waiters waiters_;
  size_t at_ = 0;
  Answer redis_;
  Answer pollux_;
  double longest_exchange_ = 0;  // seconds
  long long blocks_left_out_ = 0;  // the most of any stream, since the round's begin
  std::optional<Difference> found_;
  std::map<size_t, std::vector<Rule>> queued_;  // by connection
};

}  // namespace

std::optional<Difference> run_round(const Options& options, const std::vector<Step>& steps) {
  return Run(options, steps).run();
}

}  // namespace pollux
