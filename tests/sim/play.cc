#include "tests/sim/play.h"

#include <algorithm>
#include <atomic>
#include <memory>

#include "dataplane/sim/history_checker.h"
#include "tests/sim/client_parts.h"
#include "tests/sim/listeners.h"
#include "tests/sim/parts.h"
#include "tests/sim/tx_parts.h"

namespace pollux {

namespace {

constexpr int64_t kSum = 300;

// MSET of all accounts: everything in the first, so that any sum will do.
Request open_accounts(const Keys& accounts, int64_t sum) {
  Request request{"MSET"};
  for (const std::string& account : accounts) {
    request.push_back(account);
    request.push_back(account == accounts[0] ? std::to_string(sum) : "0");
  }
  return request;
}

// MSET and MGET over accounts, RENAME of a token, COPY and MSET of equal keys: leases that overlap
// in all ways.
void set_transfers(Stage& stage) {
  const Keys accounts = spread_keys(stage, "account", 3);
  const Keys places = spread_keys(stage, "place", 4);
  const Keys equal = spread_keys(stage, "equal", 3);
  stage.at_first = {open_accounts(accounts, kSum), {"SET", places[0], "token"}};
  Request same{"MSET"};
  for (const std::string& key : equal) {
    same.insert(same.end(), {key, "0"});
  }
  stage.at_first.push_back(same);
  for (int i = 0; i < 2; ++i) {
    stage.enter<Banker>(stage.any_worker(), stage.rounds, accounts, kSum);
    stage.enter<Auditor>(stage.any_worker(), stage.rounds, accounts, std::vector{kSum}, false);
    stage.enter<Mover>(stage.any_worker(), stage.rounds, places);
  }
  stage.enter<TokenWatcher>(stage.any_worker(), stage.rounds, places);
  stage.enter<Equalizer>(stage.any_worker(), stage.rounds, equal);
  stage.enter<EqualityWatcher>(stage.any_worker(), stage.rounds, equal);
}

// Many workers want all shards at once.
void set_all_shards(Stage& stage) {
  const Keys accounts = spread_keys(stage, "account", 3);
  const bool flush = stage.rng.below(2) == 0;
  stage.at_first = {{"SELECT", "1"},
                    open_accounts(accounts, 2 * kSum),
                    {"SELECT", "0"},
                    open_accounts(accounts, kSum)};
  const std::vector<int64_t> sums{kSum, 2 * kSum};
  const Request grab = flush ? Request{"FLUSHALL"} : Request{"SWAPDB", "0", "1"};
  for (int worker = 0; worker < stage.sim.workers(); ++worker) {
    stage.enter<Grabber>(worker, stage.rounds, grab);
    stage.enter<Auditor>(worker, stage.rounds, accounts, sums, flush);
  }
  stage.enter<Banker>(stage.any_worker(), stage.rounds, accounts, kSum);
}

// The writer's own worker may own either key, or none.
void set_order(Stage& stage) {
  for (int pair = 0; pair < 2; ++pair) {
    const Keys keys = spread_keys(stage, "ordered" + std::to_string(pair), 2);
    stage.enter<OrderedWriter>(stage.any_worker(), stage.rounds, keys);
    for (int i = 0; i < 2; ++i) {
      stage.enter<OrderedReader>(stage.any_worker(), stage.rounds * 3, keys);
    }
  }
}

// All kinds of commands, in pipelines deeper than the pools of cells.
void set_pipelines(Stage& stage) {
  for (int i = 0; i < 4; ++i) {
    stage.enter<Loner>(stage.any_worker(), stage.rounds, "loner" + std::to_string(i), 40);
  }
}

// Every number from 1 on once: else an update was lost.
std::string check_numbers(std::vector<int64_t> all, const std::string& name) {
  std::sort(all.begin(), all.end());
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i] != static_cast<int64_t>(i) + 1) {
      return name + " was never " + std::to_string(i + 1) + ", or twice before";
    }
  }
  return {};
}

void set_counters(Stage& stage) {
  const Keys counters = spread_keys(stage, "counter", 2);
  std::vector<Counting*> actors;
  for (int i = 0; i < 4; ++i) {
    actors.push_back(&stage.enter<Counting>(stage.any_worker(), stage.rounds, counters));
  }
  stage.finale = [actors, counters]() -> std::string {
    std::string wrong;
    for (size_t which = 0; which < counters.size() && wrong.empty(); ++which) {
      std::vector<int64_t> all;
      for (const Counting* actor : actors) {
        const auto& numbers = actor->numbers()[which];
        all.insert(all.end(), numbers.begin(), numbers.end());
      }
      wrong = check_numbers(std::move(all), counters[which]);
    }
    return wrong;
  };
}

// Some leave at any moment; the others see nothing of it.
void set_departures(Stage& stage) {
  const Keys accounts = spread_keys(stage, "account", 3);
  stage.at_first = {open_accounts(accounts, kSum)};
  stage.leavers = 4;
  stage.enter<Loner>(stage.any_worker(), stage.rounds * 2, "leaver0", 40);
  stage.enter<Loner>(stage.any_worker(), stage.rounds * 2, "leaver1", 40);
  stage.enter<Banker>(stage.any_worker(), stage.rounds * 2, accounts, kSum);
  stage.enter<Grabber>(stage.any_worker(), stage.rounds * 2, Request{"SWAPDB", "2", "3"});
  std::vector<std::string> victims;
  for (const auto& actor : stage.cast) {
    actor->may_be_closed();
    victims.push_back(actor->address());
  }
  stage.enter<Killer>(stage.any_worker(), stage.rounds, victims);
  stage.enter<Loner>(stage.any_worker(), stage.rounds, "stayer", 20);
  stage.enter<Banker>(stage.any_worker(), stage.rounds, accounts, kSum);
  stage.enter<Auditor>(stage.any_worker(), stage.rounds, accounts, std::vector{kSum}, false);
}

// Caches of clients that are told what changes, by whichever worker.
void set_caches(Stage& stage) {
  Keys keys;
  for (int i = 0; i < 2; ++i) {
    const Keys own = spread_keys(stage, "raised" + std::to_string(i), 2);
    keys.insert(keys.end(), own.begin(), own.end());
    stage.enter<Raiser>(stage.any_worker(), stage.rounds * 2, own, stage.board);
  }
  if (stage.rng.below(3) == 0) {
    stage.enter<Flusher>(stage.any_worker(), stage.rounds, stage.board);
  }
  for (int i = 0; i < 3; ++i) {
    const auto mode = static_cast<Cacher::Mode>(stage.rng.below(3));
    stage.enter<Cacher>(stage.any_worker(), stage.rounds * 3, mode, keys, Keys{}, stage.board);
  }
}

// The same for one that asks for one thing at a time, of a writer who writes in order; and some who
// cache leave at any moment.
void set_cached_pairs(Stage& stage) {
  const Keys pair = spread_keys(stage, "pair", 2);
  stage.leavers = 2;
  for (int i = 0; i < 2; ++i) {
    const auto mode = static_cast<Cacher::Mode>(stage.rng.below(3));
    stage.enter<Cacher>(stage.any_worker(), stage.rounds * 2, mode, pair, Keys{}, stage.board)
        .may_be_closed();
  }
  stage.enter<Raiser>(stage.any_worker(), stage.rounds * 3, pair, stage.board);
  for (int i = 0; i < 2; ++i) {
    const auto mode = static_cast<Cacher::Mode>(stage.rng.below(2));
    stage.enter<Cacher>(stage.any_worker(), stage.rounds * 6, mode, pair, pair, stage.board);
  }
}

// Writers of all kinds are held back again and again; some leave meanwhile or are killed.
void set_pauses(Stage& stage) {
  const Keys accounts = spread_keys(stage, "account", 3);
  const Keys counters = spread_keys(stage, "counter", 2);
  Keys raised = spread_keys(stage, "raised", 2);
  stage.at_first = {open_accounts(accounts, kSum)};
  stage.leavers = 2;
  stage.enter<Loner>(stage.any_worker(), stage.rounds * 2, "leaver", 20);
  stage.enter<Banker>(stage.any_worker(), stage.rounds * 2, accounts, kSum);
  std::vector<std::string> victims;
  for (const auto& actor : stage.cast) {
    actor->may_be_closed();
    victims.push_back(actor->address());
  }
  stage.enter<Killer>(stage.any_worker(), stage.rounds, victims);
  stage.enter<Banker>(stage.any_worker(), stage.rounds, accounts, kSum);
  stage.enter<Auditor>(stage.any_worker(), stage.rounds, accounts, std::vector{kSum}, false);
  stage.enter<Counting>(stage.any_worker(), stage.rounds, counters);
  stage.enter<Raiser>(stage.any_worker(), stage.rounds * 2, raised, stage.board);
  Keys all = std::move(raised);
  all.insert(all.end(), accounts.begin(), accounts.end());
  all.insert(all.end(), counters.begin(), counters.end());
  stage.enter<Pauser>(stage.any_worker(), stage.rounds * 2, all);
}

// Channels on different shards, and patterns that fit some of them.
void set_listeners(Stage& stage, std::vector<Publisher*>& publishers,
                     std::vector<Listener*>& listeners) {
  const Keys channels = spread_keys(stage, "channel", 3);
  const Keys patterns = {"channel*", channels[0].substr(0, 8) + "*", "nobody*"};
  for (int i = 0; i < 4; ++i) {
    listeners.push_back(&stage.enter<Listener>(
        stage.any_worker(), stage.rounds * 2, "listener" + std::to_string(i), channels, patterns,
        2 + static_cast<int>(stage.rng.below(2))));
  }
  for (int i = 0; i < 2; ++i) {
    publishers.push_back(&stage.enter<Publisher>(stage.any_worker(), stage.rounds,
                                                 "publisher" + std::to_string(i), channels));
  }
}

std::string check_all(const std::vector<Publisher*>& publishers,
                      const std::vector<Listener*>& listeners, bool exact) {
  std::vector<Sent> sent;
  for (const Publisher* publisher : publishers) {
    sent.insert(sent.end(), publisher->sent().begin(), publisher->sent().end());
  }
  for (const Listener* listener : listeners) {
    sent.insert(sent.end(), listener->sent().begin(), listener->sent().end());
  }
  return check_messages(sent, {listeners.begin(), listeners.end()}, exact);
}

void set_messages(Stage& stage) {
  std::vector<Publisher*> publishers;
  std::vector<Listener*> listeners;
  set_listeners(stage, publishers, listeners);
  stage.finale = [publishers, listeners] { return check_all(publishers, listeners, true); };
}

// The same while some leave at any moment: whom they don't tell of, nobody counts.
void set_deserters(Stage& stage) {
  std::vector<Publisher*> publishers;
  std::vector<Listener*> listeners;
  set_listeners(stage, publishers, listeners);
  stage.leavers = 2;
  std::vector<std::string> victims;
  for (size_t i = 0; i < stage.leavers; ++i) {
    stage.cast[i]->may_be_closed();
    victims.push_back(stage.cast[i]->address());
  }
  stage.enter<Killer>(stage.any_worker(), stage.rounds, victims);
  stage.finale = [publishers, listeners] { return check_all(publishers, listeners, false); };
}

void set_monitor(Stage& stage) {
  const Keys keys = spread_keys(stage, "key", 3);
  const auto begin = std::make_shared<std::atomic<bool>>(false);
  Monitor& monitor = stage.enter<Monitor>(stage.any_worker(), stage.rounds * 3, *begin);
  std::vector<const Swapper*> swappers;
  for (int i = 0; i < 4; ++i) {
    swappers.push_back(&stage.enter<Swapper>(stage.any_worker(), stage.rounds * 2,
                                             "swapper" + std::to_string(i), keys, *begin));
  }
  stage.finale = [&monitor, swappers, begin] { return check_monitor(monitor, swappers); };
}

void set_key_events(Stage& stage) {
  stage.at_first = {{"CONFIG", "SET", "notify-keyspace-events", "Eg$"}};
  for (int i = 0; i < 3; ++i) {
    stage.enter<Breeder>(stage.any_worker(), stage.rounds,
                         spread_keys(stage, "bird" + std::to_string(i) + ".", 3));
  }
  for (int i = 0; i < 2; ++i) {
    stage.enter<Birdwatcher>(stage.any_worker(), stage.rounds);
  }
}

// Read, decide, write: optimistic transactions that overlap, on any shards, beside pipelines of
// transactions and those that must not disturb anybody by leaving.
void set_transactions(Stage& stage) {
  const Keys accounts = spread_keys(stage, "account", 3);
  const std::string number = stage.sim.key_on(stage.any_worker(), "number");
  stage.at_first = {open_accounts(accounts, kSum)};
  stage.leavers = 2;
  stage.enter<Loner>(stage.any_worker(), stage.rounds * 2, "leaver", 20);
  stage.enter<TwiceReader>(stage.any_worker(), stage.rounds * 2, accounts, kSum);
  for (const auto& actor : stage.cast) {
    actor->may_be_closed();
  }
  std::vector<WatchfulBanker*> bankers;
  for (int i = 0; i < 3; ++i) {
    bankers.push_back(
        &stage.enter<WatchfulBanker>(stage.any_worker(), stage.rounds * 3, accounts, number));
  }
  stage.enter<Auditor>(stage.any_worker(), stage.rounds, accounts, std::vector{kSum}, false);
  stage.enter<TwiceReader>(stage.any_worker(), stage.rounds, accounts, kSum);
  stage.finale = [bankers, number] {
    std::vector<int64_t> all;
    for (const WatchfulBanker* banker : bankers) {
      all.insert(all.end(), banker->numbers().begin(), banker->numbers().end());
    }
    return check_numbers(std::move(all), number);
  };
}

// Whatever happens to a watched key is noticed.
void set_watches(Stage& stage) {
  const Keys keys = spread_keys(stage, "watched", 4);
  stage.leavers = 1;
  stage.enter<Suspicious>(stage.any_worker(), stage.rounds * 4, keys);
  stage.cast.back()->may_be_closed();
  for (int i = 0; i < 3; ++i) {
    stage.enter<Suspicious>(stage.any_worker(), stage.rounds * 4, keys);
  }
  for (int i = 0; i < 2; ++i) {
    stage.enter<Meddler>(stage.any_worker(), stage.rounds * 3, keys, "m" + std::to_string(i) + ".");
  }
}

// What all clients together have seen could have come from one store on one core.
void set_histories(Stage& stage) {
  const Keys keys = spread_keys(stage, "shared", 3);
  const auto moment = std::make_shared<std::atomic<uint64_t>>(0);
  stage.leavers = 1;
  std::vector<const Historian*> historians;
  for (int i = 0; i < 5; ++i) {
    historians.push_back(&stage.enter<Historian>(stage.any_worker(), stage.rounds * 3, keys,
                                                 *moment, "h" + std::to_string(i) + "."));
  }
  stage.cast[0]->may_be_closed();
  stage.finale = [historians, moment] {
    std::vector<LinearOperation> all;
    for (const Historian* historian : historians) {
      all.insert(all.end(), historian->history().begin(), historian->history().end());
    }
    return check_linearizable(all);
  };
}

// Accounts as in transfers, beside keys with TTLs that fill the memory again and again: those are
// evicted, or expire, in the middle of everything, the accounts never.
void set_evictions(Stage& stage) {
  const Keys accounts = spread_keys(stage, "account", 3);
  const Keys ballast = spread_keys(stage, "ballast", 60);
  stage.at_first = {open_accounts(accounts, kSum)};
  for (int i = 0; i < 3; ++i) {
    stage.enter<Filler>(stage.any_worker(), stage.rounds * 8, ballast);
  }
  stage.enter<Banker>(stage.any_worker(), stage.rounds, accounts, kSum);
  stage.enter<Auditor>(stage.any_worker(), stage.rounds, accounts, std::vector{kSum}, false);
  stage.enter<Loner>(stage.any_worker(), stage.rounds, "loner", 10);
  stage.finale = [&sim = stage.sim]() -> std::string {
    // As published: with threads, workers still run.
    const int64_t evicted = sim.engine().sum(&CoreBlock::evictions);
    return evicted > 0 ? "" : "nothing was evicted";
  };
}

constexpr Play kPlays[] = {
    {"transfers", set_transfers},
    {"all_shards", set_all_shards},
    {"order", set_order},
    {"pipelines", set_pipelines},
    {"counters", set_counters},
    {"departures", set_departures},
    {"transactions", set_transactions},
    {"watches", set_watches},
    {"caches", set_caches},
    {"cached_pairs", set_cached_pairs},
    {"pauses", set_pauses},
    {"histories", set_histories},
    {"evictions", set_evictions, "maxmemory 60000\nmaxmemory-policy volatile-lru"},
    {"messages", set_messages},
    {"deserters", set_deserters},
    {"monitor", set_monitor},
    {"key_events", set_key_events},
    {"queues", set_queues},
    {"queue_order", set_queue_order},
    {"belts", set_belts},
    {"claims", set_claims},
    {"field_ttls", set_field_ttls, "maxmemory-policy volatile-lru\nhash-max-listpack-entries 3"},
};

// Kills the session behind the actor's connection, as CLIENT KILL does.
void kill(Scheduler& scheduler, const Actor& actor) {
  Worker& worker = scheduler.in_a_turn(actor.worker());
  Session* victim = nullptr;
  worker.for_each_session([&](Session& session) {
    if (session.conn == actor.conn()) {
      victim = &session;
    }
  });
  if (victim != nullptr) {
    worker.kill(*victim);
  }
}

bool prepare(Scheduler& scheduler, const std::vector<Request>& requests) {
  if (requests.empty()) {
    return true;
  }
  TestClient client(scheduler.connect(0));
  for (const Request& request : requests) {
    client.add(request, {});
  }
  client.send_pipeline();
  const bool answered = scheduler.run_until([&client] {
    client.receive();
    return client.awaited() == 0;
  });
  client.wire().half_close();
  return answered;
}

void drive_one(Scheduler& scheduler, Stage& stage) {
  Rng& rng = scheduler.rng();
  const size_t which = rng.below(stage.cast.size());
  Actor& actor = *stage.cast[which];
  actor.drive();
  if (which >= stage.leavers || actor.done() || rng.below(40) != 0) {
    return;
  }
  if (rng.below(2) == 0) {
    actor.leave();
  } else {
    kill(scheduler, actor);
  }
}

std::string report(const Stage& stage) {
  std::string text;
  for (const auto& actor : stage.cast) {
    text += actor->done() ? "" : "[" + actor->state() + "] ";
  }
  return text;
}

}  // namespace

std::span<const Play> plays() { return kPlays; }

std::vector<std::string> spread_keys(Stage& stage, const std::string& name, size_t count) {
  const int workers = stage.sim.workers();
  const auto first = stage.any_worker();
  std::vector<std::string> keys;
  for (size_t i = 0; i < count; ++i) {
    const int worker = (first + static_cast<int>(i)) % workers;
    keys.push_back(stage.sim.key_on(worker, name + std::to_string(i) + "."));
  }
  return keys;
}

std::string perform(Scheduler& scheduler, Stage& stage) {
  if (!prepare(scheduler, stage.at_first)) {
    return "the first requests hang";
  }
  const bool ended = scheduler.run_until([&] {
    if (scheduler.rng().below(4) != 0) {
      return false;
    }
    drive_one(scheduler, stage);
    return std::all_of(stage.cast.begin(), stage.cast.end(),
                       [](const auto& actor) { return actor->done(); });
  });
  for (const auto& actor : stage.cast) {
    if (!actor->failure().empty()) {
      return actor->failure();
    }
  }
  if (!ended) {
    return "a hang: " + report(stage);
  }
  if (stage.finale) {
    const std::string wrong = stage.finale();
    if (!wrong.empty()) {
      return wrong;
    }
  }
  for (const auto& actor : stage.cast) {
    actor->leave();
  }
  if (!scheduler.run_until_quiet()) {
    return "the engine does not come to rest after all have left";
  }
  return scheduler.sim().leaks();
}

std::string play_stepped(const Play& play, uint64_t seed, uint64_t& phases) {
  Rng rng(seed);
  SimOptions options;
  options.seed = seed;
  options.workers = rng.below(8) == 0 ? 1 + static_cast<int>(rng.below(8))
                                      : 2 + static_cast<int>(rng.below(4));
  options.cells_per_channel = rng.below(4) == 0 ? 1 + rng.below(8) : 2;
  HistoryChecker history(options.workers);
  options.journal = rng.below(2) == 0 ? &history.journal() : nullptr;
  options.config = play.config;
  options.sleeps = seed % 2 == 0;
  Scheduler scheduler(options);
  Stage stage{.sim = scheduler.sim(), .rng = rng, .rounds = 4};
  play.set(stage);
  const std::string wrong = perform(scheduler, stage);
  phases = scheduler.phases();
  if (wrong.empty() && scheduler.forgot_a_wake()) {
    return "a worker slept over its mail";
  }
  return wrong.empty() && !history.dense() ? "the history has a hole" : wrong;
}

}  // namespace pollux
