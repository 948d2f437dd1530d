// Where what the files of the start have changes hands: the storage thread sends batches
// (LoadSink), the shard's owner takes them, builds the keys or runs the commands, and gives the
// batches back. Between the two stand only lists that any thread may push to; whoever sleeps is
// woken. Commands over several shards go to the first worker, which takes a lease of all.
//
// As long as a worker has not seen over(), it answers -LOADING to all but commands that are allowed
// meanwhile.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/byte_sink.h"
#include "src/base/inbox.h"
#include "src/base/types.h"
#include "src/commands/context.h"
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
  LoadPlace place(std::span<const std::string_view> args) const override;
  void send(ShardId shard, LoadBatch& batch) override;
  void send_to_all(LoadBatch& batch) override;
  LoadBatch* take_back(bool wake) override;
  // Everything is built. Workers answer from their next turns on.
  void finish();

  // --- worker `owner` ---
  // All batches that have come, as a chain; null if there are none.
  LoadBatch* take(WorkerId owner) { return inboxes_[owner.value]->take(); }
  // seq_cst, as Inbox says: for who is about to sleep.
  bool empty(WorkerId owner) const { return inboxes_[owner.value]->empty(); }
  void give_back(LoadBatch& batch);
  // Whether commands over all shards wait for it, which is to take a lease. seq_cst, as above.
  bool wants_all(WorkerId worker) const {
    return worker.value == 0 && for_all_.load(std::memory_order_seq_cst) != nullptr;
  }
  // These; null if there are none. Once.
  LoadBatch* take_for_all() { return for_all_.exchange(nullptr, std::memory_order_acquire); }
  // acquire: who sees it sees every key that was built.
  bool over() const { return over_.load(std::memory_order_acquire); }

 private:
  using Batches = Inbox<LoadBatch, &LoadBatch::next_batch>;

  Engine& engine_;
  std::function<void()> waker_;
  std::vector<std::unique_ptr<Batches>> inboxes_;  // by worker
  // seq_cst against the flag of a worker that is about to sleep.
  std::atomic<LoadBatch*> for_all_{nullptr};
  Batches done_;
  LoadBatch* home_ = nullptr;  // what the storage thread has taken of these
  // It waits for the next batch. seq_cst on both sides: it says so, then looks; they push, then
  // look.
  std::atomic<bool> wanted_{false};
  std::atomic<bool> over_{false};
};

// What commands answer while they are loaded: nobody reads it but for an error.
class UnreadReplies final : public ByteSink {
 public:
  // Forgets what was written.
  void begin() {
    cursor_ = window_;
    limit_ = window_ + sizeof window_;
  }
  // The last bytes of what was written since, all if it is short.
  std::string_view text() const { return {window_, static_cast<size_t>(cursor_ - window_)}; }

 private:
  size_t refill(size_t bytes) override {
    begin();
    return bytes > sizeof window_ ? bytes : 0;
  }

  char window_[1024];
};

// A worker's part of it, while it lasts.
struct LoadWork {
  static constexpr size_t kGroup = 16;  // records whose buckets are asked for together

  LoadWork(LoadDesk& its_desk, std::span<ShardStore* const> stores)
      : desk(its_desk), keys(stores) {
    keys.set_replaying(true);
  }

  LoadDesk& desk;
  Keyspace keys;  // bound for this alone
  Host host;      // of commands: they wait for nothing, and nobody hears of them
  UnreadReplies replies;
  LoadBatch* batch = nullptr;    // that is being built
  LoadBatch* waiting = nullptr;  // a chain
  // Of the batch: records that are to be built next, whose buckets are on their way.
  struct Group {
    std::array<LoadRecord, kGroup> records;
    std::array<LoadCommand, kGroup> commands;  // the ones or the others
    size_t count = 0;
  };
  Group groups[2];
  size_t next_group = 0;
};

}  // namespace pollux
