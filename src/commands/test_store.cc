#include "src/commands/test_store.h"

#include <algorithm>
#include <utility>

#include "src/commands/families.h"
#include "src/commands/key_extractor.h"
#include "src/commands/scan.h"

namespace pollux {

class TestStore::EventLog final : public ChangeObserver {
 public:
  explicit EventLog(std::string& text) : text_(text) {}
  void before(int, const Key&, const Entry*) override {}
  void after(int, const Key& key, KeyEvent event, const Entry*) override {
    text_ += text_.empty() ? "" : ", ";
    text_ += key_event_row(event).name;
    text_ += ' ';
    text_ += key.bytes;
  }
  void before_flush(int) override {}
  void before_swap(int, int) override {}

 private:
  std::string& text_;
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

TestStore::TestStore(int shards)
    : log_(std::make_unique<EventLog>(events_)),
      owned_(make_stores(shards, log_.get())),
      stores_(pointers(owned_)),
      all_held_(kWorkersMax / 64, 0),
      keys_(stores_) {
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
  Context ctx{args, keys_, reply, rng_, config_, host_, row, hash, &gather, 0};
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
}

}  // namespace pollux
