// Loading, at the start or on order, on one worker: a share of each turn does what the batches have
// that have come (load_desk.h). It builds keys, with the code that RESTORE has, and runs commands,
// by their handlers. Nobody hears of these keys: no event, no invalidation, no ticket; nobody is
// served for them. Nothing expires or is evicted meanwhile, and nothing is refused for want of
// memory.
#include <cstdint>
#include <span>
#include <utility>

#include "dataplane/engine/member_prefetch.h"
#include "dataplane/engine/worker.h"
#include "src/base/assert.h"
#include "src/base/time.h"
#include "src/commands/command_table.h"
#include "src/rdb/rdb_reader.h"
#include "src/rdb/value_codec.h"

namespace pollux {

namespace {

// Counts changes of shards as none, while it stands. What is loaded again is no news; how much of
// it there was at the start is in no file yet.
class NoNews {
 public:
  NoNews(const LoadWork& load, SaveDesk* desk, std::span<ShardStore* const> shards)
      : desk_(load.number != 0 ? desk : nullptr), shards_(shards), before_(count()) {}
  ~NoNews() {
    if (const int64_t changes = count() - before_; changes != 0) {
      desk_->leave_out_changes(changes);
    }
  }
  NoNews(const NoNews&) = delete;
  NoNews& operator=(const NoNews&) = delete;

 private:
  int64_t count() const {
    uint64_t changes = 0;
    for (const ShardStore* const shard : shards_) {
      changes += desk_ != nullptr ? shard->stats().changes : 0;
    }
    return static_cast<int64_t>(changes);
  }

  SaveDesk* const desk_;
  const std::span<ShardStore* const> shards_;
  const int64_t before_;
};

// Longer than other shares, since nobody is served yet; an answer may wait for it.
constexpr double kLoadShareUs = 200;

// In the order of the file, so that of a key that stands twice the second one is refused.
LoadBatch* oldest_first(LoadBatch* newest) {
  LoadBatch* oldest = nullptr;
  while (newest != nullptr) {
    LoadBatch* const batch = std::exchange(newest, newest->next_batch);
    batch->next_batch = std::exchange(oldest, batch);
  }
  return oldest;
}

}  // namespace

// While the shard was another's, the end of the last load may have passed unseen.
bool Worker::take_up_load() {
  if (load_ == nullptr || load_->number != engine_.load_desk().number()) {
    load_ = std::make_unique<LoadWork>(engine_.load_desk(), engine_.shards());
    load_->before = under_way();
  }
  return settled(load_->before);
}

// EXEC may run if all that is queued may.
bool Worker::barred_while_loading(const Session& session, const CommandRow& row) const {
  if (!loading()) [[likely]] {
    return false;
  }
  const bool may = row.route == Route::kExec && session.in_multi
                       ? session.transaction->may_run_while_loading()
                       : (row.flags & kLoading) != 0;
  return !may;
}

// Parked, the shard is another's, who has seen the end before and may have it empty by now.
void Worker::note_loading() {
  if (!parked_ && load_->desk.over()) {
    for (int db = 0; db < shard_.databases(); ++db) {
      shard_.expect(db, 0);
    }
    load_.reset();
  }
}

bool Worker::load_waits() const {
  return load_ != nullptr && (load_->batch != nullptr || load_->waiting != nullptr ||
                              !load_->desk.empty(id_) || load_->desk.over());
}

bool Worker::load_phase() {
  if (load_ == nullptr || parked_ || lease_.step == LeaseStep::kExec) [[likely]] {
    return false;
  }
  // Stepped by hand, one group: a turn must not depend on the clock.
  const bool stepped = share_cycles_max_ == UINT64_MAX;
  const uint64_t until =
      stepped ? 0 : tsc() + static_cast<uint64_t>(kLoadShareUs * tsc_per_us());
  load_->keys.set_access(config_->data.eviction.access);
  ShardStore* const mine[] = {&shard_};
  const NoNews no_news(*load_, engine_.save_desk(), mine);
  shard_.set_observer(nullptr);
  bool worked = false;
  while (load_group(*load_)) {
    worked = true;
    if (tsc() >= until) {
      break;
    }
  }
  side_.listen();
  return worked;
}

// False if nothing has come.
bool Worker::load_group(LoadWork& load) {
  if (load.batch == nullptr) {
    if (load.waiting == nullptr) {
      load.waiting = oldest_first(load.desk.take(id_));
    }
    if (load.waiting == nullptr) {
      return false;
    }
    load.batch = std::exchange(load.waiting, load.waiting->next_batch);
    const LoadBatch::Expected& expected = load.batch->expected();
    shard_.expect(static_cast<int>(expected.db), expected.keys);
  }
  // The group behind this one is asked for first, so that it comes while this one is built.
  LoadWork::Group& group = load.groups[load.next_group];
  load.next_group ^= 1;
  LoadWork::Group& behind = load.groups[load.next_group];
  if (load.batch->has_commands()) {
    ask_for_commands(*load.batch, behind);
    run_group(load, group);
  } else {
    ask_for_keys(*load.batch, behind);
    if (!build_group(load, group)) {
      behind.count = 0;
    }
  }
  group.count = 0;
  if (behind.count == 0) {
    load.desk.give_back(*std::exchange(load.batch, nullptr));
  }
  return true;
}

// --- keys ---

void Worker::ask_for_keys(LoadBatch& batch, LoadWork::Group& group) {
  for (group.count = 0; group.count < LoadWork::kGroup; ++group.count) {
    LoadRecord& record = group.records[group.count];
    if (!batch.next(record)) {
      break;
    }
    shard_.prefetch_insert(static_cast<int>(record.db), record.hash);
  }
}

// False if one can't be built, which the batch is told.
bool Worker::build_group(LoadWork& load, const LoadWork::Group& group) {
  for (size_t i = 0; i < group.count; ++i) {
    const LoadBatch::Refusal refusal = build(load.keys, group.records[i]);
    if (refusal != LoadBatch::Refusal::kNone) {
      load.batch->refuse(refusal, group.records[i]);
      return false;
    }
  }
  return true;
}

LoadBatch::Refusal Worker::build(Keyspace& keys, const LoadRecord& record) {
  keys.bind(shard_.id(), static_cast<int>(record.db), now_);
  Edit edit(keys, Key{record.name, record.hash});
  if (edit.entry() != nullptr && !load_->desk.replaces()) {
    return LoadBatch::Refusal::kTwice;
  }
  // How long texts may be, the reader of the file has seen to.
  RdbReader in(record.value, SIZE_MAX);
  LooseValue value(edit.memory());
  if (!read_rdb_value(record.type, in, config_->data.encoding, value) || !in.at_end()) {
    return LoadBatch::Refusal::kDamaged;
  }
  if (edit.entry() != nullptr) {
    edit.remove();
  }
  give_key(edit, value, record.meta, config_->data.eviction.access.kind, now_);
  edit.keep_quiet();
  return LoadBatch::Refusal::kNone;
}

// --- commands ---

// Most make keys, so all is asked for that this takes.
void Worker::ask_for_commands(LoadBatch& batch, LoadWork::Group& group) {
  for (group.count = 0; group.count < LoadWork::kGroup; ++group.count) {
    LoadCommand& command = group.commands[group.count];
    if (!batch.next(command)) {
      break;
    }
    if (command.hash != 0) {
      shard_.prefetch_insert(static_cast<int>(command.db), command.hash);
    }
  }
}

// Each step looks at what the step before has asked for, as with a burst of requests.
void Worker::run_group(LoadWork& load, const LoadWork::Group& group) {
  const auto for_each = [&group](auto&& ask) {
    for (size_t i = 0; i < group.count; ++i) {
      const LoadCommand& command = group.commands[i];
      if (command.hash != 0) {
        ask(static_cast<int>(command.db), command);
      }
    }
  };
  bool members_named = false;
  for_each([this, &members_named](int db, const LoadCommand& command) {
    shard_.prefetch_entry(db, command.hash);
    members_named |= command.row->member_at != 0;
  });
  if (members_named) {
    MemberPrefetch members(shard_);
    for_each([&members](int db, const LoadCommand& command) {
      members.ask_bucket(db, command.hash, *command.row, command.args);
    });
    members.ask_blocks();
  }
  for (size_t i = 0; i < group.count; ++i) {
    load.keys.bind(shard_.id(), static_cast<int>(group.commands[i].db), now_);
    replay(load, *load.batch, group.commands[i]);
  }
}

// With all shards held, those that stand in no one shard, in their order.
void Worker::replay_for_all() {
  LoadBatch* const batch = load_->desk.take_for_all();
  POLLUX_ASSERT(batch != nullptr);
  load_->keys.set_access(config_->data.eviction.access);
  const NoNews no_news(*load_, engine_.save_desk(), engine_.shards());
  for (ShardStore* const shard : engine_.shards()) {
    shard->set_observer(nullptr);  // hold_leased sets it again
  }
  LoadCommand command;
  while (batch->next(command)) {
    load_->keys.bind_leased(lease_.shards.words, static_cast<int>(command.db), now_);
    replay(*load_, *batch, command);
  }
  load_->desk.give_back(*batch);
}

// With all shards held: what is to be loaded takes the place of all there is. Clients hear of it as
// of FLUSHALL; the history does not, for it has what is loaded, or is made anew.
void Worker::empty_all() {
  const NoNews no_news(*load_, engine_.save_desk(), engine_.shards());
  set_actor({}, false);
  for (ShardStore* const shard : engine_.shards()) {
    for (int db = 0; db < shard->databases(); ++db) {
      shard->flush(db);
    }
  }
  changes_.leave_out();
  after_command();
  load_->desk.emptied();
}

void Worker::replay(LoadWork& load, LoadBatch& batch, const LoadCommand& command) {
  load.replies.begin();
  Reply reply(load.replies, 2);
  Context ctx{.args = command.args,
              .keys = load.keys,
              .reply = reply,
              .rng = rng_,
              .config = config_->data,
              .host = load.host,
              .row = *command.row,
              .first_key_hash = command.hash,
              .shard_index = shard_.id().value};
  command.row->handler(ctx);
  if (reply.failed()) [[unlikely]] {
    std::string name;
    append_full_name(name, *command.row);
    const std::string_view text = load.replies.text();
    batch.count_error(command.offset, name + ": " + std::string(text.substr(0, text.find('\r'))));
  }
}

}  // namespace pollux
