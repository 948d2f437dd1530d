// For tests: a source of snapshots without an engine. Shards that walk by seed: which of them goes
// on, how much it sends, and where a record is split over batches, of which it may have few.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/rng.h"
#include "src/rdb/test_sink.h"
#include "storage/rdb_file_test_support.h"
#include "storage/rdb_file_writer.h"
#include "storage/snapshot_source.h"

namespace pollux {

// What is in a saved file, each part as line_of tells it.
struct SavedFile {
  explicit SavedFile(std::string_view bytes) {
    RdbFileSplitter splitter;
    splitter.feed(bytes, 0);
    RdbFileSplitter::Step step;
    while ((step = splitter.next()) == RdbFileSplitter::Step::kEvent) {
      const RdbFileEvent& event = splitter.event();
      if (event.kind == RdbFileEvent::Kind::kKey) {
        keys.insert(line_of(event));
      } else if (keys.empty()) {
        head += line_of(event) + "\n";
      }
    }
    whole = step == RdbFileSplitter::Step::kEnd && splitter.used() == bytes.size();
    sum = splitter.sum();
    version = splitter.version();
  }

  std::multiset<std::string> keys;
  std::string head;    // what stands before the first key
  bool whole = false;  // up to its last byte
  RdbFileSplitter::Sum sum = RdbFileSplitter::Sum::kNotChecked;
  unsigned version = 0;
};

class ScriptedSource final : public SnapshotSource {
 public:
  struct Options {
    uint32_t shards = 3;
    size_t keys = 200;            // of all shards, in three databases
    size_t big_keys = 6;          // among these, from a shard's second lane
    size_t big_bytes_max = 5000;  // of one's value
    size_t batch_bytes = 300;
    // Batches that all lanes share; beside these, each lane has one of its own, or makes one where
    // it is in the middle of a record.
    size_t batches = 4;
    bool extra_in_record = false;
    bool field_ttls = false;      // told by the cut
    bool turns_by_itself = true;  // whenever it is called; else only by turn()
    std::function<void()> wake = [] {};
  };

  explicit ScriptedSource(const Options& options, uint64_t seed)
      : options_(options), rng_(seed), lanes_(2 * static_cast<size_t>(options.shards)) {
    const auto keep = [this] { return std::make_unique<SaveBatch>(options_.batch_bytes); };
    for (size_t i = 0; i < options.batches; ++i) {
      shared_.push_back(keep());
    }
    for (Lane& lane : lanes_) {
      if (!options.extra_in_record) {
        lane.own = keep();
      }
    }
    lay_keys();
  }
  ~ScriptedSource() override {
    EXPECT_EQ(out_, 0U) << "batches that were not given back";
    EXPECT_TRUE(sent_.empty());
  }

  // --- the port ---
  void ask() override {
    EXPECT_FALSE(asked);
    asked = true;
  }
  const SnapshotCut* cut() override {
    turn_by_itself();
    return made_ ? &cut_ : nullptr;
  }
  uint32_t lanes() const override { return static_cast<uint32_t>(lanes_.size()); }
  SaveBatch* take(bool wake) override {
    EXPECT_TRUE(asked);
    turn_by_itself();
    if (sent_.empty()) {
      wake_wanted_ = wake_wanted_ || wake;
      return nullptr;
    }
    SaveBatch* const batch = sent_.front();
    sent_.pop_front();
    ++out_;
    held_most = std::max(held_most, out_);
    return batch;
  }
  void give_back(SaveBatch& batch) override {
    EXPECT_GT(out_, 0U);
    --out_;
    std::memset(batch.memory(), 0x5a, batch.room());  // nobody reads it any more
    std::unique_ptr<SaveBatch> owned(&batch);
    Lane& lane = lanes_[batch.lane];
    if (&batch != lane.own_out) {
      shared_.push_back(std::move(owned));
      return;
    }
    lane.own_out = nullptr;
    if (!batch.is_extra) {
      lane.own = std::move(owned);
    }
  }
  bool at_end() override {
    turn_by_itself();
    told_end = sent_.empty() && walked();
    return told_end;
  }
  void cancel() override {
    EXPECT_TRUE(asked);
    EXPECT_FALSE(cancelled);
    cancelled = true;
  }

  // --- the test ---
  // What a worker may do meanwhile. False if there was nothing to do for it.
  bool turn() {
    if (!asked || walked()) {
      return false;
    }
    if (!made_ && !cancelled) {
      make_cut();
      tell();
      return true;
    }
    const size_t first = rng_.below(lanes_.size());
    for (size_t i = 0; i < lanes_.size(); ++i) {
      const size_t lane = (first + i) % lanes_.size();
      if (cancelled ? end_walk(lane) : send(lane)) {
        tell();
        return true;
      }
    }
    return false;
  }
  // A line for each key.
  const std::multiset<std::string>& lines() const { return lines_; }

  bool asked = false;
  bool told_end = false;
  bool cancelled = false;
  size_t held_most = 0;  // batches that were out at a time

 private:
  struct Record {
    uint32_t db = 0;
    std::string bytes;
  };
  struct Lane {
    std::deque<Record> records;
    size_t sent = 0;  // bytes of the first record
    std::unique_ptr<SaveBatch> own;
    SaveBatch* own_out = nullptr;  // it is under way
  };

  void turn_by_itself() {
    for (uint64_t turns = options_.turns_by_itself ? rng_.below(3) : 0; turns > 0; --turns) {
      turn();
    }
  }
  void tell() {
    if (std::exchange(wake_wanted_, false)) {
      options_.wake();
    }
  }
  bool walked() const {
    return (made_ || cancelled) && std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
             return lane.records.empty();
           });
  }

  void lay_keys() {
    std::array<SnapshotCut::Database, 3> databases;
    TestSink all;  // a file of the same keys
    RdbFileWriter file(all, {});
    file.begin({});
    for (size_t i = 0; i < options_.keys; ++i) {
      const bool big = i < options_.big_keys;
      const auto db = static_cast<uint32_t>(rng_.below(databases.size()) * 5);
      const size_t lane = 2 * rng_.below(options_.shards) + (big ? 1 : 0);
      RdbKeyMeta meta;
      if (rng_.below(3) == 0) {
        meta.expire_ms = 1'900'000'000'000 + static_cast<int64_t>(i);
      }
      const std::string value(rng_.below(big ? options_.big_bytes_max : 60),
                              static_cast<char>('a' + i % 26));
      TestSink sink;
      RdbWriter out(sink, false);
      write_rdb_key_head(meta, RdbType::kString, "key:" + std::to_string(i), out);
      out.text(value);
      lanes_[lane].records.push_back({db, sink.take()});
      databases[db / 5].number = db;
      ++databases[db / 5].keys;
      databases[db / 5].expires += meta.expire_ms ? 1 : 0;
      file.records(db, lanes_[lane].records.back().bytes);
    }
    file.finish();
    lines_ = SavedFile(all.take()).keys;
    for (const SnapshotCut::Database& database : databases) {
      if (database.keys > 0) {
        planned_.databases.push_back(database);
      }
    }
    planned_.keys = options_.keys;
    planned_.field_ttls = options_.field_ttls;
    planned_.used_memory_bytes = 12345;
    planned_.at = Instant{1'800'000'000'000'000};
    planned_.ticket = Ticket{77};
  }
  void make_cut() {
    made_ = true;
    cut_ = planned_;
  }

  // The next bytes of a lane. False if it has none, or no batch for them.
  bool send(size_t number) {
    Lane& lane = lanes_[number];
    if (lane.records.empty()) {
      return false;
    }
    std::unique_ptr<SaveBatch> batch = batch_for(lane);
    if (batch == nullptr) {
      return false;
    }
    batch->lane = static_cast<uint32_t>(number);
    batch->size = 0;
    batch->keys = 0;
    const size_t room = 16 + rng_.below(batch->room() - 15);
    std::optional<uint32_t> db;
    while (!lane.records.empty() && batch->size < room) {
      const Record& record = lane.records.front();
      if (lane.sent == 0 && db != record.db) {
        if (room - batch->size < 3) {
          break;
        }
        if (!db) {
          batch->first_db = record.db;
        } else {
          batch->memory()[batch->size++] = static_cast<char>(RdbOpcode::kSelectDb);
          batch->memory()[batch->size++] = static_cast<char>(record.db);
        }
      } else if (!db) {
        batch->first_db = record.db;
      }
      db = record.db;
      batch->last_db = record.db;
      const std::string_view part =
          std::string_view(record.bytes).substr(lane.sent, room - batch->size);
      part.copy(batch->memory() + batch->size, part.size());
      batch->size += part.size();
      lane.sent += part.size();
      batch->ends_record = lane.sent == record.bytes.size();
      if (batch->ends_record) {
        ++batch->keys;
        lane.sent = 0;
        lane.records.pop_front();
      }
    }
    sent_.push_back(batch.release());
    return true;
  }
  std::unique_ptr<SaveBatch> batch_for(Lane& lane) {
    if (!shared_.empty()) {
      std::unique_ptr<SaveBatch> batch = std::move(shared_.back());
      shared_.pop_back();
      return batch;
    }
    if (options_.extra_in_record && lane.sent > 0 && lane.own_out == nullptr) {
      lane.own = std::make_unique<SaveBatch>(options_.batch_bytes);
      lane.own->is_extra = true;
    }
    lane.own_out = lane.own != nullptr ? lane.own.get() : lane.own_out;
    return std::move(lane.own);
  }
  bool end_walk(size_t number) {
    const bool any = !lanes_[number].records.empty();
    lanes_[number].records.clear();
    return any;
  }

  const Options options_;
  Rng rng_;
  std::vector<Lane> lanes_;
  std::vector<std::unique_ptr<SaveBatch>> shared_;
  std::deque<SaveBatch*> sent_;
  SnapshotCut planned_;
  SnapshotCut cut_;
  std::multiset<std::string> lines_;
  bool made_ = false;
  bool wake_wanted_ = false;
  size_t out_ = 0;
};

}  // namespace pollux
