// Where a snapshot changes hands. Whoever wants one orders it here; the storage thread takes the
// order, asks for a cut and takes the batches (SnapshotSource); the first worker makes the cut
// under a lease of all shards; the holders of the shards walk them and send batches. Between them
// stand lists that any thread may push to; whoever sleeps is woken.
//
//   order (any worker) -> the storage thread: ask -> the first worker: the cut
//   -> each shard: walk, send, over -> the storage thread: finish
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/engine/save_lanes.h"
#include "src/base/inbox.h"
#include "src/base/types.h"
#include "src/snapshot/shard_snapshot.h"
#include "storage/snapshot_source.h"

namespace pollux {

class Engine;

class SaveDesk final : public SnapshotSource {
 public:
  // Of each lane, so that its walk and the storage thread both have something to do. A lane never
  // waits for batches of another: the storage thread may have to hold those back until this one's
  // record ends.
  static constexpr size_t kBatchesEach = 4;

  explicit SaveDesk(Engine& engine);
  ~SaveDesk() override;

  // --- orders; any thread ---
  // How the storage thread is woken, from any thread. Before threads start.
  void set_waker(std::function<void()> waker) { waker_ = std::move(waker); }
  // What the storage thread must know, which reads no configuration.
  struct Order {
    Instant at;
    std::string file;           // dbfilename; of a base, the temporary name that it is to keep
    bool aof_base = false;      // the base of an append-only history
    bool awaited = false;       // who ordered it waits for its end
    std::string redis_version;  // that the file tells
    bool compress = true;
    bool checksum = true;
    int64_t key_delay_ns = 0;  // RdbSaver's
  };
  // The number of the save that begins; 0 if one is under way, or none will be any more.
  uint64_t order(const Order& order);
  bool under_way() const {
    const Orders orders = orders_.load(std::memory_order_seq_cst);
    return orders != Orders::kNone && orders != Orders::kClosed;
  }
  // Ends the one that is under way, which counts neither as done nor as failed; false if there is
  // none.
  bool give_up();
  // Only if it is the one with this number.
  void give_up(uint64_t number);
  // Of one that has not saved: perhaps by others than who ordered it. Of one before the last that
  // was given up it is not known any more, and taken for so.
  bool was_given_up(uint64_t number) const {
    return number <= given_up_.load(std::memory_order_acquire);
  }
  // One is to begin as soon as none is under way (the first worker sees to it).
  void schedule() { scheduled_.store(true, std::memory_order_relaxed); }
  bool scheduled() const { return scheduled_.load(std::memory_order_relaxed); }
  // False if none was.
  bool unschedule() { return scheduled_.exchange(false, std::memory_order_relaxed); }
  // When the one that is under way was ordered.
  Instant ordered_at() const { return {ordered_us_.load(std::memory_order_relaxed)}; }
  // What became of a save that was ordered. It is told before the save is under_way no more, and
  // remembered until kRemembered others have ended.
  enum class Outcome : uint8_t { kUnderWay, kSaved, kNot };
  static constexpr int kRemembered = 32;
  Outcome outcome(uint64_t number) const;
  // Saves that have ended, whichever way: the number of the last one.
  uint64_t ended() const { return outcomes_.load(std::memory_order_acquire) >> kRemembered; }
  // Changes of keys that are in the last file that was saved (ShardStats::changes, of all shards).
  int64_t changes_saved() const { return changes_saved_.load(std::memory_order_relaxed); }
  // So many were none of clients: what was there is loaded again. Any thread, while nothing is
  // saved.
  void leave_out_changes(int64_t count) {
    changes_saved_.fetch_add(count, std::memory_order_relaxed);
  }

  // --- the storage thread ---
  // The order that has come; null if none has.
  const Order* take_order();
  bool is_given_up() const {
    return given_up_.load(std::memory_order_acquire) == number_.load(std::memory_order_relaxed);
  }
  // The save is over, and what there is to know of it published.
  void finish(bool saved);
  // The thread ends: what was ordered and not taken is not done, and nothing is ordered any more.
  // Who waits for the outcome of a save may live longer than the thread.
  void close();
  // The workers have ended, perhaps in the middle of their walks, of which nothing more comes.
  // Called once, by whoever has seen them end; a snapshot that is under way is to be given up.
  void workers_ended();

  void ask() override;
  const SnapshotCut* cut() override;
  uint32_t lanes() const override;
  SaveBatch* take(bool wake) override;
  void give_back(SaveBatch& batch) override;
  bool at_end() override;
  void cancel() override;

  // --- the first worker ---
  bool wants_cut(Instant now) const {
    return stage_.load(std::memory_order_seq_cst) == Stage::kAsked && !rests(now);
  }
  // Its lease was withdrawn: not for the next millisecond.
  void put_cut_off(Instant now) {
    put_off_at_ = now;
    cuts_put_off_.fetch_add(1, std::memory_order_relaxed);
  }
  // Whether there is something that no wake tells of.
  bool cut_is_put_off(Instant now) const {
    return stage_.load(std::memory_order_relaxed) == Stage::kAsked && rests(now);
  }
  // How often that was. Any thread.
  int64_t cuts_put_off() const { return cuts_put_off_.load(std::memory_order_relaxed); }
  // With all shards held. False if nobody asks any more, else make_cut is to follow.
  bool begin_cut();
  // Of the one that is under way: the history is to have its cut, too. Any thread.
  bool is_aof_base() const { return aof_base_.load(std::memory_order_relaxed); }
  // `options` are the same for all shards.
  void make_cut(const ShardSnapshot::Options& options, Ticket ticket);

  // --- the holder of the shard ---
  // A slice; whether it did something. `until`: a time stamp counter.
  bool walk(ShardId shard, uint64_t until);
  // Whether walk has something to do now.
  bool may_walk(ShardId shard) const;
  // Gives the memory of batches back when none is used. Now and then.
  void rest(ShardId shard);
  // Whether the shard is still to be walked, now or later.
  bool is_walking(ShardId shard) const {
    return parts_[shard.value]->under_way.load(std::memory_order_relaxed);
  }
  // What it holds beside the data. The batches that wait for the disk, beyond those that are
  // always there, are told of all shards together.
  size_t held_bytes(ShardId shard) const { return parts_[shard.value]->snapshot.held_bytes(); }
  size_t extra_bytes() const {
    return extra_batches_.load(std::memory_order_relaxed) * SaveBatch::kBytes;
  }

  // --- the lanes of a shard ---
  // Null if there is none now; whoever gives the next one back wakes the shard's owner then.
  SaveBatch* take_free(uint32_t lane);
  SaveBatch& take_extra();
  // One that nothing was written into.
  void put_back(uint32_t lane, SaveBatch& batch);
  void send(SaveBatch& batch);

 private:
  enum class Orders : uint8_t { kNone, kWriting, kOrdered, kTaken, kClosed };
  // Of the snapshot: nobody wants one; a cut is wanted; it is being made; it was made.
  enum class Stage : uint8_t { kNone, kAsked, kCutting, kCut };
  using Batches = Inbox<SaveBatch, &SaveBatch::next_batch>;

  // The batches of a lane.
  struct Pool {
    std::vector<std::unique_ptr<SaveBatch>> all;
    SaveBatch* free = nullptr;  // a chain
    Batches returned;
    // The walk waits for one. seq_cst on both sides: it says so, then looks; they push, then look.
    std::atomic<bool> starved{false};
  };
  // Of a shard.
  struct Part {
    Part(SaveDesk& desk, ShardStore& store, uint32_t shard)
        : lanes(desk, shard), snapshot(store, lanes) {}
    Pool pools[RecordOut::kLanes];
    SaveLanes lanes;
    ShardSnapshot snapshot;
    std::atomic<bool> under_way{false};  // the holder's; read by any thread
  };

  Pool& pool(uint32_t lane) {
    return parts_[lane / RecordOut::kLanes]->pools[lane % RecordOut::kLanes];
  }

  bool rests(Instant now) const {
    constexpr int64_t kUs = 1'000;
    const int64_t since_us = now.us - put_off_at_.us;
    return since_us >= 0 && since_us < kUs;  // the clock may be put back
  }
  void tell_storage();
  void tell_history();

  Engine& engine_;
  std::function<void()> waker_;
  std::atomic<Orders> orders_{Orders::kNone};
  std::atomic<bool> scheduled_{false};
  std::atomic<int64_t> ordered_us_{0};
  std::atomic<bool> aof_base_{false};  // order_.aof_base
  std::atomic<uint64_t> number_{0};    // of the save that is under way; 0: none is
  std::atomic<uint64_t> given_up_{0};  // the number of the last save that was
  // The number of the last save that has ended, above a bit for each of the last ones: whether it
  // has saved the data. The lowest bit is the last one's.
  std::atomic<uint64_t> outcomes_{0};
  std::atomic<int64_t> changes_saved_{0};
  Order order_;

  std::atomic<Stage> stage_{Stage::kNone};
  Instant put_off_at_;  // the first worker's
  std::atomic<int64_t> cuts_put_off_{0};
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> workers_ended_{false};
  std::atomic<uint32_t> shards_left_{0};
  SnapshotCut cut_;
  int64_t changes_at_cut_ = 0;
  std::vector<std::unique_ptr<Part>> parts_;
  std::atomic<size_t> extra_batches_{0};
  Batches filled_;
  SaveBatch* taken_ = nullptr;  // a chain, the oldest first
  // The storage thread waits. seq_cst on both sides: it says so, then looks; they act, then look.
  std::atomic<bool> wanted_{false};
};

}  // namespace pollux
