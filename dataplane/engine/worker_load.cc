// Loading at the start, on one worker: a share of each turn builds the keys of the batches that
// have come (load_desk.h), with the code that RESTORE has. Nobody hears of these keys: no event, no
// invalidation, no ticket, as in Redis; nothing expires by itself or is evicted meanwhile, and
// nothing is refused for want of memory.
#include <utility>

#include "dataplane/engine/worker.h"
#include "src/base/time.h"
#include "src/rdb/rdb_reader.h"
#include "src/rdb/value_codec.h"

namespace pollux {

namespace {

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

void Worker::note_loading() {
  if (load_->desk.over()) {
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
  shard_.set_observer(nullptr);
  bool worked = false;
  while (build_group(*load_)) {
    worked = true;
    if (tsc() >= until) {
      break;
    }
  }
  side_.listen();
  return worked;
}

// False if nothing has come.
bool Worker::build_group(LoadWork& load) {
  if (load.batch == nullptr) {
    if (load.waiting == nullptr) {
      load.waiting = oldest_first(load.desk.take(id_));
    }
    if (load.waiting == nullptr) {
      return false;
    }
    load.batch = std::exchange(load.waiting, load.waiting->next_batch);
  }
  // The group behind this one is asked for first, so that it comes while this one is built.
  LoadWork::Group& group = load.groups[load.next_group];
  load.next_group ^= 1;
  LoadWork::Group& behind = load.groups[load.next_group];
  for (behind.count = 0; behind.count < LoadWork::kGroup; ++behind.count) {
    LoadRecord& record = behind.records[behind.count];
    if (!load.batch->next(record)) {
      break;
    }
    shard_.prefetch_insert(static_cast<int>(record.db), record.hash);
  }
  for (size_t i = 0; i < group.count; ++i) {
    const LoadBatch::Refusal refusal = build(load.keys, group.records[i]);
    if (refusal != LoadBatch::Refusal::kNone) {
      load.batch->refuse(refusal, group.records[i]);
      behind.count = 0;
      break;
    }
  }
  group.count = 0;
  if (behind.count == 0) {
    load.desk.give_back(*std::exchange(load.batch, nullptr));
  }
  return true;
}

LoadBatch::Refusal Worker::build(Keyspace& keys, const LoadRecord& record) {
  keys.bind(shard_.id(), static_cast<int>(record.db), now_);
  Edit edit(keys, Key{record.name, record.hash});
  if (edit.entry() != nullptr) {
    return LoadBatch::Refusal::kTwice;
  }
  // How long texts may be, the reader of the file has seen to.
  RdbReader in(record.value, SIZE_MAX);
  LooseValue value(edit.memory());
  if (!read_rdb_value(record.type, in, config_->data.encoding, value) || !in.at_end()) {
    return LoadBatch::Refusal::kDamaged;
  }
  give_key(edit, value, record.meta, config_->data.eviction.access.kind, now_);
  edit.keep_quiet();
  return LoadBatch::Refusal::kNone;
}

}  // namespace pollux
