#include "tests/sim/field_parts.h"

#include <algorithm>
#include <memory>

#include "tests/sim/play.h"

namespace pollux {

namespace {

std::vector<std::string> all_fields() {
  std::vector<std::string> names;
  for (uint64_t i = 0; i < FieldKeeper::kFields; ++i) {
    names.push_back("f" + std::to_string(i));
  }
  return names;
}

// The request with all names of fields behind it.
Request with_fields(Request request) {
  const std::vector<std::string> names = all_fields();
  request.insert(request.end(), names.begin(), names.end());
  return request;
}

Request asks_times(const std::string& key) {
  return with_fields({"HPEXPIRETIME", key, "FIELDS", std::to_string(FieldKeeper::kFields)});
}

int64_t ms_of(const Answer& time) {
  return time.elements.size() != 2 ? -1
                                   : std::stoll(time.elements[0].text) * 1'000 +
                                         std::stoll(time.elements[1].text) / 1'000;
}

// [:number], of the commands that answer for each field.
bool is_one(const Answer& answer, int64_t number) {
  return answer.elements.size() == 1 && answer.elements[0].number == number;
}

}  // namespace

// --- the book ---

int64_t FieldBook::now() {
  const std::lock_guard lock(mutex_);
  return ++now_;
}

void FieldBook::written(const std::string& key, const std::string& value) {
  const std::lock_guard lock(mutex_);
  gone_at_[{key, value}] = 0;
}

void FieldBook::gone(const std::string& key, const std::string& value) {
  const std::lock_guard lock(mutex_);
  gone_at_[{key, value}] = ++now_;
}

std::string FieldBook::seen(const std::string& key, const std::string& value, int64_t asked_at) {
  const std::lock_guard lock(mutex_);
  if (!gone_at_.contains({key, value})) {
    return value + " was never written to " + key;
  }
  const int64_t gone_at = gone_at_[{key, value}];
  return gone_at == 0 || gone_at >= asked_at ? ""
                                             : value + " was gone from " + key + ", and came back";
}

void FieldBook::died(const std::string& key) {
  const std::lock_guard lock(mutex_);
  ++deaths_[key];
}

std::map<std::string, int64_t> FieldBook::deaths() {
  const std::lock_guard lock(mutex_);
  return deaths_;
}

// --- who writes ---

FieldKeeper::FieldKeeper(SimEngine& sim, int worker, uint64_t seed, int rounds, FieldBook& book,
                         Keys places, int db)
    : Actor(sim, worker, seed, kUntilRetired),
      book_(book),
      places_(std::move(places)),
      db_(std::to_string(db)),
      acts_left_(rounds) {}

void FieldKeeper::act() {
  if (!selected_) {
    selected_ = true;
    expect({"SELECT", db_}, "+OK");
    return;
  }
  if (book_.deaf != 0) {
    ask({"PING"}, {});
    return;
  }
  steps_.clear();
  queue({"TIME"}, [this](const Answer& time) {
    end_by(ms_of(time));
    return time.elements.size() == 2;
  });
  // What has ended goes here, with its events, whatever comes next.
  for (const std::string& place : places_) {
    queue({"EXISTS", place}, [this, place](const Answer& answer) {
      return answer.number == (model_[place].empty() ? 0 : 1);
    });
  }
  last_ = --acts_left_ <= 0 && book_.ended > 0;
  if (last_) {
    queue_end();
  } else {
    if (below(3) == 0) {
      queue_move();
    }
    for (uint64_t n = 1 + below(4); n > 0; --n) {
      queue_change();
    }
  }
  queue_looks();
  ask({"MULTI"}, {});
  for (const auto& [request, step] : steps_) {
    ask(request, {});
  }
  ask({"EXEC"}, [this](const Answer& answer) { take(answer); });
}

void FieldKeeper::queue(const Request& request, Step step) {
  steps_.emplace_back(request, std::move(step));
}

void FieldKeeper::take(const Answer& answer) {
  if (answer.elements.size() != steps_.size()) {
    fail("EXEC -> " + answer.shown());
    return;
  }
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (!steps_[i].second(answer.elements[i])) {
      std::string request;
      for (const std::string& word : steps_[i].first) {
        request += word + " ";
      }
      fail(request + "at " + std::to_string(now_ms_) + " -> " + answer.elements[i].shown());
      return;
    }
  }
  // Only now: what ended may have come again by a later step, as a copy that lasts longer.
  for (const auto& [place, value] : gone_) {
    const Fields& fields = model_[place];
    if (std::none_of(fields.begin(), fields.end(),
                     [&value = value](const auto& pair) { return pair.second.value == value; })) {
      book_.gone(place, value);
    }
  }
  gone_.clear();
  if (last_) {
    --book_.keeping;
    retire();
  }
}

// A field is alive in the millisecond of its TTL.
void FieldKeeper::end_by(int64_t now_ms) {
  now_ms_ = now_ms;
  for (const std::string& place : places_) {
    const Fields fields = model_[place];
    for (const auto& [name, field] : fields) {
      if (field.at_ms >= 0 && field.at_ms < now_ms) {
        ++book_.ended;
        drop(place, name);
      }
    }
  }
}

void FieldKeeper::put(const std::string& place, const std::string& name, Field field) {
  Fields& fields = model_[place];
  const auto known = fields.find(name);
  if (known != fields.end() && known->second.value != field.value) {
    gone_.emplace_back(place, known->second.value);
  }
  fields[name] = std::move(field);
}

bool FieldKeeper::drop(const std::string& place, const std::string& name) {
  Fields& fields = model_[place];
  const auto known = fields.find(name);
  if (known == fields.end()) {
    return false;
  }
  gone_.emplace_back(place, known->second.value);
  fields.erase(known);
  if (fields.empty()) {
    book_.died(place);
  }
  return true;
}

void FieldKeeper::drop_all(const std::string& place, bool with_event) {
  Fields& fields = model_[place];
  if (with_event && !fields.empty()) {
    book_.died(place);
  }
  for (const auto& [name, field] : fields) {
    gone_.emplace_back(place, field.value);
  }
  fields.clear();
}

// Whole hashes, over the shards. Stands before what is changed: what may move is in the model.
void FieldKeeper::queue_move() {
  if (below(6) == 0) {
    queue({"FLUSHDB"}, [this](const Answer& answer) {
      for (const std::string& place : places_) {
        drop_all(place, /*with_event=*/false);
      }
      return answer.text == "OK";
    });
    return;
  }
  const size_t from_index = below(places_.size());
  const std::string from = places_[from_index];
  const std::string to = places_[(from_index + 1 + below(places_.size() - 1)) % places_.size()];
  const Fields may_move = model_[from];
  for (const auto& [name, field] : may_move) {
    book_.written(to, field.value);
  }
  const bool copies = below(2) == 0;
  Request request = {copies ? "COPY" : "RENAME", from, to};
  if (copies) {
    request.emplace_back("REPLACE");
  }
  queue(request, [this, from, to, may_move, copies](const Answer& answer) {
    const Fields moved = model_[from];
    for (const auto& [name, field] : may_move) {
      if (!moved.contains(name)) {
        gone_.emplace_back(to, field.value);
      }
    }
    if (moved.empty()) {
      return copies ? answer.kind == Answer::Kind::kInteger && answer.number == 0
                    : answer.text.ends_with("no such key");
    }
    // What stands there as before was never gone, not even for a moment, for who asks just now.
    for (const auto& [name, field] : model_[to]) {
      const auto stays = moved.find(name);
      if (stays == moved.end() || stays->second.value != field.value) {
        gone_.emplace_back(to, field.value);
      }
    }
    model_[to] = moved;
    if (!copies) {
      drop_all(from, /*with_event=*/false);
    }
    return copies ? answer.number == 1 : answer.text == "OK";
  });
}

void FieldKeeper::queue_change() {
  const std::string place = some_place();
  const std::string name = some_field();
  const auto ttl_ms = static_cast<int64_t>(below(16));  // 0: at once
  const std::string ttl = std::to_string(ttl_ms);
  const std::string value = db_ + "." + std::to_string(++count_);
  const auto known = [this, place, name] { return model_[place].contains(name); };
  switch (below(8)) {
    case 0:
      queue({"HDEL", place, name}, [this, place, name](const Answer& answer) {
        return answer.number == (drop(place, name) ? 1 : 0);
      });
      return;
    case 1:
      queue({"HPERSIST", place, "FIELDS", "1", name},
            [this, place, name, known](const Answer& answer) {
              if (!known()) {
                return is_one(answer, -2);
              }
              Field& field = model_[place][name];
              const bool had_ttl = field.at_ms >= 0;
              field.at_ms = -1;
              return is_one(answer, had_ttl ? 1 : -1);
            });
      return;
    case 2:
    case 3:
      queue({"HPEXPIRE", place, ttl, "FIELDS", "1", name},
            [this, place, name, known, ttl_ms](const Answer& answer) {
              if (!known()) {
                return is_one(answer, -2);
              }
              if (ttl_ms == 0) {
                drop(place, name);
                return is_one(answer, 2);
              }
              model_[place][name].at_ms = now_ms_ + ttl_ms;
              return is_one(answer, 1);
            });
      return;
    case 4:
      book_.written(place, value);
      queue({"HSET", place, name, value}, [this, place, name, value, known](const Answer& answer) {
        const int64_t fresh = known() ? 0 : 1;
        put(place, name, {value, -1});
        return answer.number == fresh;
      });
      return;
    case 5:
      queue({"HGETDEL", place, "FIELDS", "1", name}, [this, place, name](const Answer& answer) {
        const auto field = model_[place].find(name);
        const std::string had = field == model_[place].end() ? "" : field->second.value;
        drop(place, name);
        return answer.elements.size() == 1 && answer.elements[0].text == had;
      });
      return;
    default:
      book_.written(place, value);
      queue({"HSETEX", place, "PX", std::to_string(ttl_ms + 1), "FIELDS", "1", name, value},
            [this, place, name, value, ttl_ms](const Answer& answer) {
              put(place, name, {value, now_ms_ + ttl_ms + 1});
              return answer.number == 1;
            });
      return;
  }
}

void FieldKeeper::queue_end() {
  for (const std::string& place : places_) {
    queue({"DEL", place}, [this, place](const Answer& answer) {
      const bool was = !model_[place].empty();
      drop_all(place, /*with_event=*/true);
      return answer.number == (was ? 1 : 0);
    });
  }
}

// All that there is to see, behind the changes.
void FieldKeeper::queue_looks() {
  for (const std::string& place : places_) {
    queue({"HLEN", place}, [this, place](const Answer& answer) {
      return answer.number == static_cast<int64_t>(model_[place].size());
    });
    queue(with_fields({"HMGET", place}), [this, place](const Answer& answer) {
      const std::vector<std::string> names = all_fields();
      bool right = answer.elements.size() == names.size();
      for (size_t i = 0; right && i < names.size(); ++i) {
        const auto field = model_[place].find(names[i]);
        const std::string want = field == model_[place].end() ? "" : field->second.value;
        right = answer.elements[i].text == want;
      }
      return right;
    });
    queue(asks_times(place), [this, place](const Answer& answer) {
      const std::vector<std::string> names = all_fields();
      bool right = answer.elements.size() == names.size();
      for (size_t i = 0; right && i < names.size(); ++i) {
        const auto field = model_[place].find(names[i]);
        const int64_t want = field == model_[place].end() ? -2 : field->second.at_ms;
        right = answer.elements[i].number == want;
      }
      return right;
    });
  }
}

// --- who reads ---

FieldReader::FieldReader(SimEngine& sim, int worker, uint64_t seed, int rounds, FieldBook& book,
                         std::vector<Hash> hashes)
    : Actor(sim, worker, seed, rounds), book_(book), hashes_(std::move(hashes)) {}

void FieldReader::act() {
  const Hash& hash = hashes_[below(hashes_.size())];
  const std::string key = hash.key;
  expect({"SELECT", std::to_string(hash.db)}, "+OK");
  const int64_t asked_at = book_.now();
  switch (below(5)) {
    case 0:
      read_at_once(key);
      return;
    case 1:
      ask({"HGET", key, "f" + std::to_string(below(FieldKeeper::kFields))},
          [this, key, asked_at](const Answer& answer) { take(key, answer, asked_at); });
      return;
    case 2:
      ask({"HVALS", key}, [this, key, asked_at](const Answer& answer) {
        for (const Answer& value : answer.elements) {
          take(key, value, asked_at);
        }
      });
      return;
    case 3:
      ask({"HRANDFIELD", key, "-3", "WITHVALUES"}, [this, key, asked_at](const Answer& answer) {
        for (size_t i = 1; i < answer.elements.size(); i += 2) {
          take(key, answer.elements[i], asked_at);
        }
      });
      return;
    default:
      ask({"HSCAN", key, "0"}, [this, key, asked_at](const Answer& answer) {
        if (answer.elements.size() != 2) {
          fail("HSCAN -> " + answer.shown());
          return;
        }
        const std::vector<Answer>& pairs = answer.elements[1].elements;
        for (size_t i = 1; i < pairs.size(); i += 2) {
          take(key, pairs[i], asked_at);
        }
      });
      return;
  }
}

// One moment: a field is there if and only if it has a time that is not over, or none.
void FieldReader::read_at_once(const std::string& key) {
  ask({"MULTI"}, {});
  ask({"TIME"}, {});
  ask(with_fields({"HMGET", key}), {});
  ask(asks_times(key), {});
  ask({"EXISTS", key}, {});
  ask({"EXEC"}, [this, key](const Answer& answer) {
    bool right = answer.elements.size() == 4;
    bool some = false;
    for (size_t i = 0; right && i < FieldKeeper::kFields; ++i) {
      const bool there = !answer.elements[1].elements[i].is_null();
      const int64_t at_ms = answer.elements[2].elements[i].number;
      right = there ? at_ms == -1 || at_ms >= ms_of(answer.elements[0]) : at_ms == -2;
      some = some || there;
    }
    if (!right || answer.elements[3].number != (some ? 1 : 0)) {
      fail(key + " at once -> " + answer.shown());
    }
  });
}

void FieldReader::take(const std::string& key, const Answer& value, int64_t asked_at) {
  const std::string wrong = value.is_null() ? "" : book_.seen(key, value.text, asked_at);
  if (!wrong.empty()) {
    fail(wrong);
  }
}

// --- who listens ---

FieldListener::FieldListener(SimEngine& sim, int worker, uint64_t seed, int rounds, FieldBook& book)
    : Actor(sim, worker, seed, rounds), book_(book) {
  client_.set_push_taker([this](const Answer& answer) { return take_push(answer); });
}

void FieldListener::act() {
  if (!asked_) {
    asked_ = true;
    ask({"PSUBSCRIBE", "__keyevent@[12]__:*"}, [this](const Answer&) { --book_.deaf; });
    return;
  }
  if (book_.keeping == 0) {
    bool complete = true;
    for (const auto& [key, deaths] : book_.deaths()) {
      if (deaths_[key] > deaths) {
        fail(key + " went " + std::to_string(deaths_[key]) + " times by events, in truth " +
             std::to_string(deaths));
      }
      complete = complete && deaths_[key] == deaths;
    }
    if (complete) {
      retire();
    }
  }
  ask({"PING"}, {});
}

bool FieldListener::take_push(const Answer& answer) {
  if (answer.kind != Answer::Kind::kArray || answer.elements.size() != 4) {
    return false;
  }
  const std::string& channel = answer.elements[2].text;
  const std::string event = channel.substr(channel.rfind(':') + 1);
  const std::string& key = answer.elements[3].text;
  const bool makes = event == "hset" || event == "copy_to" || event == "rename_to";
  bool& alive = alive_[key];
  if (!makes && !alive) {
    fail("of a key that is not there came " + answer.shown());
  }
  const bool ends = event == "del" || event == "rename_from";
  alive = !ends;
  deaths_[key] += event == "del" ? 1 : 0;
  return true;
}

// --- the play ---

// Fields end while their hashes move over the shards, beside keys that are evicted and commands
// that want all shards; two of the readers leave in the middle.
void set_field_ttls(Stage& stage) {
  constexpr int kDatabases = 2;  // from 1 on, as FieldListener knows
  const auto book = std::make_shared<FieldBook>(kDatabases, /*listeners=*/1);
  // Besides the ballast: tables of three databases and a few hashes, less than that on each shard.
  // Where those alone are over the limit, commands are refused with reason.
  const int maxmemory = 30'000 + 12'000 * stage.sim.workers();
  stage.at_first = {{"CONFIG", "SET", "notify-keyspace-events", "Egh"},
                    {"CONFIG", "SET", "maxmemory", std::to_string(maxmemory)}};
  std::vector<FieldReader::Hash> hashes;
  std::vector<std::pair<Keys, int>> kept;
  for (int db = 1; db <= kDatabases; ++db) {
    const Keys places = spread_keys(stage, "hash" + std::to_string(db), 3);
    kept.emplace_back(places, db);
    for (const std::string& place : places) {
      hashes.push_back({place, db});
    }
  }
  stage.leavers = 2;
  for (int i = 0; i < 4; ++i) {
    FieldReader& reader =
        stage.enter<FieldReader>(stage.any_worker(), stage.rounds * 8, *book, hashes);
    if (i < 2) {
      reader.may_be_closed();
    }
  }
  for (const auto& [places, db] : kept) {
    stage.enter<FieldKeeper>(stage.any_worker(), stage.rounds * 5, *book, places, db);
  }
  stage.enter<FieldListener>(stage.any_worker(), kUntilRetired, *book);
  stage.enter<Filler>(stage.any_worker(), stage.rounds * 4, spread_keys(stage, "ballast", 120));
  stage.enter<Grabber>(stage.any_worker(), stage.rounds, Request{"SWAPDB", "8", "9"});
  stage.finale = [book] { return std::string(); };  // the book lives as long as the stage
}

}  // namespace pollux
