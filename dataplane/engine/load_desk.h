// Where keys of the file that is loaded at the start change hands: the storage thread sends batches
// (LoadSink), the shard's owner takes them, builds the keys and gives the batches back. Between the
// two stand only lists that any thread may push to; whoever sleeps is woken.
//
// As long as a worker has not seen over(), it answers -LOADING to all but commands that are allowed
// meanwhile.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "src/base/inbox.h"
#include "src/base/types.h"
#include "src/data/keyspace.h"
#include "storage/load_sink.h"

namespace pollux {

class Engine;

class LoadDesk final : public LoadSink {
 public:
  LoadDesk(Engine& engine, size_t shards);
  // How the storage thread is woken, from any thread. Before threads start.
  void set_waker(std::function<void()> waker) { waker_ = std::move(waker); }

  // --- the storage thread ---
  size_t shards() const override { return inboxes_.size(); }
  void send(ShardId shard, LoadBatch& batch) override;
  LoadBatch* take_back(bool wake) override;
  // Everything is built. Workers answer from their next turns on.
  void finish();

  // --- worker `owner` ---
  // All batches that have come, as a chain; null if there are none.
  LoadBatch* take(WorkerId owner) { return inboxes_[owner.value]->take(); }
  // seq_cst, as Inbox says: for who is about to sleep.
  bool empty(WorkerId owner) const { return inboxes_[owner.value]->empty(); }
  void give_back(LoadBatch& batch);
  // acquire: who sees it sees every key that was built.
  bool over() const { return over_.load(std::memory_order_acquire); }

 private:
  using Batches = Inbox<LoadBatch, &LoadBatch::next_batch>;

  Engine& engine_;
  std::function<void()> waker_;
  std::vector<std::unique_ptr<Batches>> inboxes_;  // by worker
  Batches done_;
  LoadBatch* home_ = nullptr;  // what the storage thread has taken of these
  // It waits for the next batch. seq_cst on both sides: it says so, then looks; they push, then
  // look.
  std::atomic<bool> wanted_{false};
  std::atomic<bool> over_{false};
};

// A worker's part of it, while it lasts.
struct LoadWork {
  static constexpr size_t kGroup = 16;  // records whose buckets are asked for together

  LoadWork(LoadDesk& its_desk, std::span<ShardStore* const> stores)
      : desk(its_desk), keys(stores) {}

  LoadDesk& desk;
  Keyspace keys;  // bound for this alone
  LoadBatch* batch = nullptr;    // that is being built
  LoadBatch* waiting = nullptr;  // a chain
  // Of the batch: records that are to be built next, whose buckets are on their way.
  struct Group {
    std::array<LoadRecord, kGroup> records;
    size_t count = 0;
  };
  Group groups[2];
  size_t next_group = 0;
};

}  // namespace pollux
