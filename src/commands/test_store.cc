#include "src/commands/test_store.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "src/commands/families.h"
#include "src/commands/key_extractor.h"
#include "src/commands/scan.h"
#include "src/protocol/resp_reader.h"

namespace pollux {

// Beside the events, the history: what it has to say of a change is known when the command is done,
// but what ends by its time stands before that.
class TestStore::EventLog final : public ChangeObserver {
 public:
  explicit EventLog(std::string& text) : text_(text) {}
  void before(int, const Key&, const Entry*) override {}
  void after(int db, const Key& key, KeyEvent event, const Entry* entry) override {
    text_ += text_.empty() ? "" : ", ";
    text_ += key_event_row(event).name;
    text_ += ' ';
    text_ += key.bytes;
    if (event == KeyEvent::kExpired || event == KeyEvent::kEvicted) {
      append(db, {"DEL", key.bytes});
    } else if (event != KeyEvent::kHExpired && !(event == KeyEvent::kDel && fields_ended_)) {
      changed_ = true;
    }
    fields_ended_ = event == KeyEvent::kHExpired && entry == nullptr;
  }
  void field_expired(int db, const Key& key, std::string_view field) override {
    append(db, {"HDEL", key.bytes, field});
  }
  void all_fields_expired(int db, const Key& key) override { append(db, {"DEL", key.bytes}); }
  void before_flush(int) override { changed_ = true; }
  void before_swap(int, int) override { changed_ = true; }

  void keep() { kept_ = true; }
  bool kept() const { return kept_; }
  bool take_changed() { return std::exchange(changed_, false); }
  std::string take() { return std::exchange(history_, {}); }
  void append(int db, std::string_view commands) {
    if (!kept_) {
      return;
    }
    if (db_ != db) {
      Effects select;
      select.add({"SELECT", NumberText(int64_t{db})});
      history_ += select.bytes();
      db_ = db;
    }
    history_ += commands;
  }

 private:
  void append(int db, std::initializer_list<std::string_view> words) {
    Effects effect;
    effect.add(words);
    append(db, effect.bytes());
  }

  std::string& text_;
  bool kept_ = false;
  bool changed_ = false;
  bool fields_ended_ = false;  // the key's last ones; that it goes is the next event
  int db_ = 0;
  std::string history_;
};

struct TestStore::Waiter {
  const CommandRow* row;
  std::vector<std::string> args;
  Wait wait;
  int db;
};

class TestStore::WaitingHost final : public Host {
 public:
  WaitingHost(EventLog& log, std::vector<Waiter>& waiters) : log_(log), waiters_(waiters) {}
  bool wait(Context& ctx, const Wait& wait) override {
    if (!log_.kept()) {
      return false;
    }
    waits_ = true;
    if (ctx.ready_key == 0) {
      Waiter waiter{&ctx.row, {ctx.args.begin(), ctx.args.end()}, wait, ctx.keys.db()};
      for (const Wait::Rewritten& rewritten : wait.rewritten) {
        waiter.args[rewritten.index] = rewritten.text;
      }
      waiter.wait.rewritten = {};
      waiters_.push_back(std::move(waiter));
    }
    return true;
  }
  bool take_waits() { return std::exchange(waits_, false); }

 private:
  EventLog& log_;
  std::vector<Waiter>& waiters_;
  bool waits_ = false;
};

TextSink::TextSink() {
  cursor_ = window_;
  limit_ = window_ + sizeof window_;
}

std::string TextSink::take() {
  refill(0);
  return std::exchange(text_, {});
}

size_t TextSink::refill(size_t) {
  text_.append(window_, static_cast<size_t>(cursor_ - window_));
  cursor_ = window_;
  return 0;
}

namespace {

std::vector<std::unique_ptr<ShardStore>> make_stores(int shards, ChangeObserver* observer) {
  std::vector<std::unique_ptr<ShardStore>> stores;
  for (int i = 0; i < shards; ++i) {
    stores.push_back(std::make_unique<ShardStore>(ShardId{static_cast<uint16_t>(i)}, 16));
    stores.back()->set_observer(observer);
  }
  return stores;
}

std::vector<ShardStore*> pointers(const std::vector<std::unique_ptr<ShardStore>>& owned) {
  std::vector<ShardStore*> stores;
  for (const auto& store : owned) {
    stores.push_back(store.get());
  }
  return stores;
}

}  // namespace

std::string history_lines(std::string_view history) {
  std::string lines;
  RespReader reader;
  std::vector<std::string_view> args;
  while (!history.empty()) {
    size_t consumed = 0;
    if (reader.read(history, ReadLimits(), args, consumed) != ReadStatus::kRequest) {
      return lines + "!";
    }
    for (const std::string_view arg : args) {
      lines.append(arg).append(" ");
    }
    lines.back() = '\n';
    history.remove_prefix(consumed);
  }
  return lines;
}

TestStore::TestStore(int shards)
    : log_(std::make_unique<EventLog>(events_)),
      owned_(make_stores(shards, log_.get())),
      stores_(pointers(owned_)),
      all_held_(kWorkersMax / 64, 0),
      keys_(stores_),
      host_(std::make_unique<WaitingHost>(*log_, waiters_)) {
  for (int i = 0; i < shards; ++i) {
    all_held_[static_cast<size_t>(i) / 64] |= uint64_t{1} << (i % 64);
  }
  add_command_families(table_);
}

TestStore::~TestStore() = default;

std::string TestStore::run(std::string_view line) {
  std::vector<std::string_view> args;
  for (size_t at = 0; at <= line.size();) {
    const size_t end = std::min(line.find(' ', at), line.size());
    args.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return run_args(args);
}

std::string TestStore::run_args(const std::vector<std::string_view>& args) {
  TextSink sink;
  Reply reply(sink, protocol_);
  events_.clear();
  const CommandRow* row = table_.find(args[0]);
  if (row == nullptr) {
    write_unknown_command(reply, args);
    return sink.take();
  }
  if (arity_fits(*row, args.size()) && !row->subcommands.empty()) {
    const CommandRow* sub = CommandTable::find_sub(*row, args[1]);
    if (sub == nullptr) {
      write_unknown_subcommand(reply, *row, args);
      return sink.take();
    }
    row = sub;
  }
  if (!arity_fits(*row, args.size())) {
    write_wrong_arity(reply, *row);
    return sink.take();
  }
  run_row(*row, args, reply, sink);
  serve_waiters();
  return sink.take();
}

// What the engine does, on one thread: one shard is bound alone, several as by a lease on all.
void TestStore::run_row(const CommandRow& row, Args args, Reply& reply, TextSink& sink) {
  KeyIndices indices;
  uint64_t hash = 0;
  if (extract_keys(row, args, indices) && indices.size() > 0) {
    hash = key_hash(args[indices[0]]);
  }
  const auto bind = [this](size_t shard) {
    keys_.bind(ShardId{static_cast<uint16_t>(shard)}, db_, now_);
  };
  TextSink body;
  Gather gather;
  gather.body = &body;
  Context ctx{args, keys_, reply, rng_, config_, *host_, row, hash, &gather, 0};
  ctx.ready_key = ready_key_;
  effects_.clear();
  ctx.effects = log_->kept() ? &effects_ : nullptr;
  if (row.route == Route::kEachShard) {
    for (size_t i = 0; i < stores_.size(); ++i) {
      bind(i);
      row.each_shard(ctx);
    }
    row.handler(ctx);
    sink.append(body.take());
    return;
  }
  if (row.route == Route::kCursor) {
    const auto cursor = parse_scan_cursor(args[1]);
    ctx.shard_index = cursor && cursor->shard < stores_.size() ? cursor->shard : 0;
    bind(ctx.shard_index);
  } else if (stores_.size() == 1) {
    bind(0);
  } else {
    keys_.bind_leased(all_held_, db_, now_);
  }
  row.handler(ctx);
  if (row.name == forgetful_) {
    effects_.clear();
  }
  if (log_->take_changed() && !effects_.said()) {
    EffectWords words(effects_, {});
    for (const std::string_view word : args) {
      words.word(word);
    }
  }
  if (effects_.count() > 0) {
    log_->append(db_, effects_.bytes());
  }
}

// Those that one of their keys can serve, the one that has waited longest first.
void TestStore::serve_waiters() {
  const int db = db_;
  for (size_t i = 0; i < waiters_.size();) {
    const Waiter waiter = waiters_[i];
    db_ = waiter.db;
    bool served = waiter.wait.until_ms != 0 && waiter.wait.until_ms <= now_.ms();
    const size_t end = waiter.wait.first_key + waiter.wait.key_count;
    for (size_t key = waiter.wait.first_key; key < end && !served; ++key) {
      const Entry* entry = keys_.peek_in(db_, Key::of(waiter.args[key]));
      if (entry == nullptr || entry->type() != waiter.wait.type) {
        continue;
      }
      TextSink sink;
      Reply reply(sink, protocol_);
      const std::vector<std::string_view> args(waiter.args.begin(), waiter.args.end());
      host_->take_waits();
      ready_key_ = key;
      run_row(*waiter.row, args, reply, sink);
      ready_key_ = 0;
      served = !host_->take_waits();
    }
    if (served) {
      waiters_.erase(waiters_.begin() + static_cast<ptrdiff_t>(i));
      i = 0;  // it may have filled what another one waits for
    } else {
      ++i;
    }
  }
  db_ = db;
}

void TestStore::keep_history(std::string_view forgetful) {
  log_->keep();
  forgetful_ = forgetful;
}

std::string TestStore::take_history() {
  return log_->take();
}

std::string TestStore::replay(std::string_view history) {
  keys_.set_replaying(true);
  RespReader reader;
  std::vector<std::string_view> args;
  while (!history.empty()) {
    size_t consumed = 0;
    if (reader.read(history, ReadLimits(), args, consumed) != ReadStatus::kRequest) {
      return "no request: " + std::string(history.substr(0, 100));
    }
    if (args[0] == "SELECT") {
      db_ = static_cast<int>(*parse_int64(args[1]));
    } else if (const std::string reply = run_args(args); reply[0] == '-') {
      return std::string(history.substr(0, consumed)) + reply;
    }
    history.remove_prefix(consumed);
  }
  return {};
}

void TestStore::tick() {
  for (ShardStore* store : stores_) {
    while (store->tick(now_, INT64_MAX)) {
    }
  }
}

}  // namespace pollux
