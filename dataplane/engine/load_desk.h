// Where what is in files changes hands: a storage thread sends batches (LoadSink), the shard's
// owner takes them, builds the keys or runs the commands, and gives the batches back. Between the
// two stand only lists that any thread may push to; whoever sleeps is woken. Commands over several
// shards go to the first worker, which takes a lease of all.
//
// As long as a worker has not seen over(), it answers -LOADING to all but commands that are allowed
// meanwhile.
//
// At the start that is so from the first turn on. Later somebody orders it (DEBUG RELOAD), all on
// the first worker:
//
//   begin -> every worker takes it up, what began before has ended, the data stands still
//   order -> the thread of that source: take_order, ask_to_empty -> the first worker, all shards
//   held: emptied -> the thread: batches, finish -> outcome
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/engine/pause.h"
#include "src/base/byte_sink.h"
#include "src/base/inbox.h"
#include "src/base/types.h"
#include "src/commands/context.h"
#include "src/data/keyspace.h"
#include "storage/load_sink.h"
#include "storage/rdb_file_splitter.h"

namespace pollux {

struct Config;
class Engine;

// How an RDB file is read, whichever it is.
RdbFileSplitter::Options rdb_format_of(const Config& config);

class LoadDesk final : public LoadSink {
 public:
  enum class Source : uint8_t { kRdb, kAof };  // each has its storage thread

  // `loads`: from the first turn on.
  LoadDesk(Engine& engine, size_t shards, bool loads);
  // How the thread of a source is woken, from any thread. Before threads start.
  void set_waker(std::function<void()> waker, Source source = Source::kRdb) {
    waker_of(source) = std::move(waker);
  }
  // What is loaded at the start. Before threads start.
  void set_source(Source source) { order_.source = source; }

  // --- orders: the first worker ---
  struct Order {
    Source source = Source::kRdb;
    bool empties = true;    // all keys go before
    bool replaces = false;  // a key that is there already goes
    std::string file;       // kRdb
    RdbFileSplitter::Options format;
  };
  // Whether somebody takes orders.
  bool loads_from(Source source) const {
    return wakers_[static_cast<size_t>(source)] != nullptr;
  }
  // False if something is loaded now, or who ordered the last one has yet to look.
  bool begin();
  // Which load that is: 0 at the start, then one more at each begin. Any thread.
  uint64_t number() const { return number_.load(std::memory_order_acquire); }
  void order(const Order& order);
  // Whoever ordered it has seen its end, and what follows from it.
  void settle() { unsettled_ = false; }
  bool is_unsettled() const { return unsettled_; }
  // Of the last order, or of the start.
  Source source() const { return order_.source; }
  // Instead of order, on any worker: nothing has changed.
  void give_up() { end(State::kFailed); }
  enum class State : uint8_t { kLoading, kLoaded, kFailed, kClosed };
  State state() const { return state_.load(std::memory_order_acquire); }
  // Between begin and order: nothing is taken away or built yet.
  bool is_whole() const { return whole_.load(std::memory_order_relaxed); }

  // --- the storage thread ---
  // One that has come for this source; null if none has.
  const Order* take_order(Source source);
  void ask_to_empty();
  bool is_empty() const { return emptying_.load(std::memory_order_acquire) == Emptying::kDone; }
  size_t shards() const override { return inboxes_.size(); }
  LoadPlace place(std::span<const std::string_view> args) const override;
  void send(ShardId shard, LoadBatch& batch) override;
  void send_to_all(LoadBatch& batch) override;
  LoadBatch* take_back(bool wake) override;
  // All batches are back. Workers answer from their next turns on.
  void finish(bool loaded = true) { end(loaded ? State::kLoaded : State::kFailed); }

  // --- worker `owner` ---
  // All batches that have come, as a chain; null if there are none.
  LoadBatch* take(WorkerId owner) { return inboxes_[owner.value]->take(); }
  // seq_cst, as Inbox says: for who is about to sleep.
  bool empty(WorkerId owner) const { return inboxes_[owner.value]->empty(); }
  void give_back(LoadBatch& batch);
  // Whether something waits for it that needs a lease of all shards. seq_cst, as above.
  bool wants_all(WorkerId worker) const {
    return worker.value == 0 &&
           (for_all_.load(std::memory_order_seq_cst) != nullptr || wants_empty());
  }
  // All keys are to go; it calls emptied() then. Else it is commands:
  bool wants_empty() const {
    return emptying_.load(std::memory_order_seq_cst) == Emptying::kAsked;
  }
  void emptied();
  // These; null if there are none. Once.
  LoadBatch* take_for_all() { return for_all_.exchange(nullptr, std::memory_order_acquire); }
  // acquire: who sees it sees every key that was built.
  bool over() const {
    const State now = state();
    return now == State::kLoaded || now == State::kFailed;
  }
  // The server ends in the middle of it: it is over for nobody any more, so nothing is acknowledged
  // on top of data that the end has not reckoned with. False if it is over already.
  bool close() {
    State loading = State::kLoading;
    return state_.compare_exchange_strong(loading, State::kClosed, std::memory_order_acq_rel);
  }
  // Of the order whose batches come.
  bool replaces() const { return order_.replaces; }

 private:
  using Batches = Inbox<LoadBatch, &LoadBatch::next_batch>;

  enum class Emptying : uint8_t { kNo, kAsked, kDone };

  std::function<void()>& waker_of(Source source) { return wakers_[static_cast<size_t>(source)]; }
  void end(State state);

  Engine& engine_;
  std::array<std::function<void()>, 2> wakers_;  // by source
  // Written when nobody has batches: workers read it behind a batch that came.
  Order order_;
  // Whose thread is to take `order_`. (In one word with whether there is an order: else the other
  // thread, which looks meanwhile, would read one that is just being written.)
  enum class Ordered : uint8_t { kNo, kRdb, kAof };
  static Ordered ordered_of(Source source) {
    return source == Source::kRdb ? Ordered::kRdb : Ordered::kAof;
  }
  std::atomic<Ordered> ordered_{Ordered::kNo};
  std::atomic<bool> whole_{false};
  std::atomic<uint64_t> number_{0};
  bool unsettled_ = false;  // the first worker's: from order to settle
  std::vector<std::unique_ptr<Batches>> inboxes_;  // by worker
  // seq_cst against the flag of a worker that is about to sleep.
  std::atomic<LoadBatch*> for_all_{nullptr};
  Batches done_;
  LoadBatch* home_ = nullptr;  // what the storage thread has taken of these
  // It waits for the next batch. seq_cst on both sides: it says so, then looks; they push, then
  // look.
  std::atomic<bool> wanted_{false};
  std::atomic<Emptying> emptying_{Emptying::kNo};  // seq_cst, as for_all_
  std::atomic<State> state_;
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
      : desk(its_desk), number(its_desk.number()), keys(stores) {
    keys.set_replaying(true);
  }

  LoadDesk& desk;
  const uint64_t number;  // the desk's; 0: at the start
  UnderWay before;     // when it was taken up
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
