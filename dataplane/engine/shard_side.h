// What a change of a key sets in motion beyond the key: the one listener of a shard's store. It
// goes with the hold of the shard: the holder's thread calls it, and what must leave the shard
// (journal batches, messages to sessions) leaves through that worker.
//
// For each change, in Redis' order: the history, then those who watch the key, then those who
// cache it, then those who subscribed to its events. Those who wait for the key are served behind
// the command (Worker::serve_waiters). It is installed in the store only while
// somebody listens (`listen`): without, a change costs one branch.
#pragma once

#include "dataplane/engine/topics.h"
#include "dataplane/engine/tracking_table.h"
#include "dataplane/engine/wait_table.h"
#include "dataplane/engine/watch.h"
#include "src/base/types.h"
#include "src/data/shard_store.h"

namespace pollux {

class Worker;

class ShardSide final : public ChangeObserver {
 public:
  explicit ShardSide(ShardStore& store) : store_(store) {}

  // On whose thread changes are made from now on: the owner, or the coordinator of a lease.
  void set_holder(Worker& worker) { holder_ = &worker; }
  Worker& holder() { return *holder_; }

  // Who listens to channels that this shard sends to.
  Topics& topics() { return topics_; }

  // To be called when somebody began or ceased to listen, as the holder knows it.
  void listen();

  // Who has read which keys and wants to hear of their changes.
  TrackingTable& tracking() { return tracking_; }

  // --- WATCH (watch.h) ---
  const WatchTable& watches() const { return watches_; }
  void watch(Watching& watching, int db, const Key& key, Instant now);

  // --- blocking commands (wait_table.h) ---
  WaitTable& waits() { return waits_; }
  // The bytes that the record takes.
  size_t wait(Waiter& waiter, int db, const Key& key, uint32_t argument, const Want& want);

  // When a key is to be looked at again first (Want::again_ms); INT64_MAX: never.
  int64_t next_again_ms() const {
    const WaitTable::Record* first = waits_.first_again();
    return first == nullptr ? INT64_MAX : first->due_ms();
  }
  // Those keys whose time has come become ready.
  void look_again(Instant now);

  // Drops the records of a watch or a wait.
  void forget(uint64_t id);

  // --- for replies that wait until what they show is on disk ---
  // The last change of the key, or a later one of others.
  Ticket last_change(uint64_t key_hash) const {
    return changed_at_ == nullptr
               ? all_changed_at_
               : std::max(changed_at_[key_hash % kChangePlaces], all_changed_at_);
  }
  // Of any key.
  Ticket last_change() const { return last_change_; }
  // What the holder's group (ChangeLog) has changed here before it had a ticket has this one; {}:
  // there is nothing of it in the history.
  void end_group(Ticket ticket);

  // --- ChangeObserver ---
  void before(int db, const Key& key, const Entry* entry) override;
  void after(int db, const Key& key, KeyEvent event, const Entry* entry) override;
  void field_expired(int db, const Key& key, std::string_view field) override;
  void added(int db, const Key& key) override;
  void missed(int db, const Key& key) override;
  void before_flush(int db) override;
  void before_swap(int a, int b) override;

 private:
  void make_ready(WaitTable::Queue& queue);
  void note_change(int db, const Key& key, KeyEvent event, const Entry* entry);
  void note_change_at(size_t place);
  void note_change_of_all();

  // Many more than changes are on their way to the disk at a time: 32 KiB.
  static constexpr size_t kChangePlaces = 4096;

  ShardStore& store_;
  Worker* holder_ = nullptr;
  TrackingTable tracking_;
  WatchTable watches_;
  WaitTable waits_;
  Topics topics_;
  std::unique_ptr<Ticket[]> changed_at_;  // by hash; null as long as nobody needs it
  std::vector<uint16_t> group_changed_;   // places, by a group without a ticket
  bool group_changed_any_ = false;        // any of them
  Ticket all_changed_at_;
  Ticket last_change_;
  uint64_t gone_by_itself_ = 0;  // the hash of the key that the last change was, if it was that
};

}  // namespace pollux
