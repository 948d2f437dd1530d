#include "dataplane/engine/wait_table.h"

#include <algorithm>

#include "dataplane/engine/waiter.h"
#include "src/base/arena.h"
#include "src/base/assert.h"

namespace pollux {

WaitTable::WaitTable() = default;

WaitTable::~WaitTable() {
  while (!by_id_.empty()) {
    forget(by_id_.begin()->first);
  }
}

WaitTable::Queue& WaitTable::queue_of(int db, const Key& key) {
  if (Queue* there = find(db, key)) {
    return *there;
  }
  auto fresh = std::make_unique<Queue>();
  Queue& queue = *fresh;
  queue.bytes = key.bytes;
  queue.key = {db, queue.bytes, key.hash};
  queues_.emplace(queue.key, std::move(fresh));
  return queue;
}

size_t WaitTable::add(Waiter& waiter, int db, const Key& key, uint32_t argument,
                      const Want& want) {
  Queue& queue = queue_of(db, key);
  if (queue.count > 0 && queue.records.back().id == waiter.id()) {
    return 0;  // all of a wait's records come at once, so a second one would be next to the first
  }
  auto* record = new Record;
  record->queue = &queue;
  record->waiter = &waiter;
  record->id = waiter.id();
  record->argument = argument;
  record->want = want;
  set_again(*record, want.again_ms);
  queue.records.push_back(*record);
  by_id_[record->id].records.push_back(*record);
  ++records_;
  ++queue.count;
  ++queue.of_type[static_cast<size_t>(want.type)];
  queue.gone_too += want.gone_too ? 1 : 0;
  if (want.target) {
    ++queue.moves;
    queue.targets.add(*want.target);
    ++moves_;
    moves_of_db_.resize(std::max(moves_of_db_.size(), static_cast<size_t>(db) + 1));
    ++moves_of_db_[static_cast<size_t>(db)];
    targets_.add(*want.target);
  }
  // The record, its share of by_id_, and the queue with its key and its place in queues_.
  return Arena::usable(sizeof(Record)) +
         Arena::usable(sizeof(uint64_t) + sizeof(Waits) + 2 * sizeof(void*)) +
         Arena::usable(sizeof(Queue)) + Arena::usable(key.bytes.size() + 1) +
         Arena::usable(sizeof(DbKey) + 3 * sizeof(void*)) + 2 * sizeof(void*);
}

// Frees the record, and its queue if that was the last of it.
void WaitTable::unlink(Record& record) {
  Queue& queue = *record.queue;
  --records_;
  --queue.count;
  --queue.of_type[static_cast<size_t>(record.want.type)];
  queue.gone_too -= record.want.gone_too ? 1 : 0;
  if (record.want.target) {
    --moves_;
    --moves_of_db_[static_cast<size_t>(queue.key.db)];
    if (--queue.moves == 0) {
      queue.targets = {};
    }
    if (moves_ == 0) {
      targets_ = {};
    }
  }
  again_.remove(record);
  delete &record;  // its nodes unlink themselves
  if (queue.count == 0 && !queue.ready) {
    queues_.erase(queue.key);
  }
}

void WaitTable::forget(uint64_t id) {
  const auto waits = by_id_.find(id);
  if (waits == by_id_.end()) {
    return;
  }
  while (!waits->second.records.empty()) {
    unlink(waits->second.records.front());
  }
  by_id_.erase(waits);
}

void WaitTable::drop(Record& record) {
  const uint64_t id = record.id;
  const auto waits = by_id_.find(id);
  POLLUX_ASSERT(waits != by_id_.end());
  unlink(record);
  if (waits->second.records.empty()) {
    by_id_.erase(waits);
  }
}

void WaitTable::set_again(Record& record, int64_t again_ms) {
  again_.remove(record);
  record.want.again_ms = again_ms;
  if (again_ms > 0) {
    again_.add(record);
  }
}

WaitTable::Queue* WaitTable::find(int db, const Key& key) {
  const auto queue = queues_.find(DbKey{db, key.bytes, key.hash});
  return queue == queues_.end() ? nullptr : queue->second.get();
}

void WaitTable::end_service(Queue& queue) {
  queue.ready = false;
  if (queue.count == 0) {
    queues_.erase(queue.key);
  }
}

ShardSet WaitTable::targets_of(const Key& key) {
  ShardSet targets;
  for (size_t db = 0; db < moves_of_db_.size(); ++db) {
    if (moves_of_db_[db] > 0) {
      if (const Queue* queue = find(static_cast<int>(db), key)) {
        targets.add(queue->targets);
      }
    }
  }
  return targets;
}

}  // namespace pollux
