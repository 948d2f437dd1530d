// One shard's part of a snapshot: what stood in it at the cut, as records of an RDB file, while it
// goes on changing. Keys are walked in the order of their hashes, a slice at a time; what is about
// to change before the walk has come there is written first (PreImages). So nothing is copied
// beside the records, and no write pays for more than the part that it changes.
//
//   begin       the cut: under a hold of all shards of the process, O(1)
//   walk        slices, by the holder of the shard, until is_over()
//
// Where parts of big values have been met and are not written yet they wait in a queue; the value
// itself may be anybody's by then, or nobody's. Belongs to the holder of the shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/base/types.h"
#include "src/data/eviction.h"
#include "src/data/pre_images.h"
#include "src/data/shard_store.h"
#include "src/rdb/key_meta.h"
#include "src/rdb/rdb_writer.h"
#include "src/snapshot/record_out.h"
#include "src/snapshot/value_walk.h"

namespace pollux {

class ShardSnapshot final : public PreImages {
 public:
  struct Options {
    bool compress = true;  // rdbcompression
    EvictionRules rules;   // what is told of keys' use
    Instant at;            // the cut
    // A collection of so few elements is written at once: waiting would cost more than it saves.
    size_t members_at_once_max = 512;
  };

  // `store` outlives it.
  ShardSnapshot(ShardStore& store, RecordOut& out)
      : store_(store), memory_(store.memory()), out_(out) {}
  ~ShardSnapshot() override;

  // The cut. Requires is_over().
  void begin(const Options& options);
  // Walks on until the time stamp counter has reached `until`, there is no room for more, or it is
  // over; whether it did something.
  bool walk(uint64_t until);
  // Which lane it goes on with.
  RecordOut::Lane next_lane() const {
    return big_values_.empty() ? RecordOut::Lane::kSmall : RecordOut::Lane::kBig;
  }
  // Nothing is left that is as it was at the cut; all records were given to `out`.
  bool is_over() const { return !active_; }
  // The walk goes on, but writes nothing more. A record that is begun ends anywhere.
  void cancel() { wanted_ = false; }

  uint64_t keys() const { return keys_; }  // whose records were written
  // What it holds beside the data: parts that have changed, and values that belong to no key.
  size_t held_bytes() const;

  // --- PreImages ---
  void before_key(uint32_t db, Entry& entry) override;
  void before_member(Entry& member) override;
  bool keep(Collection& collection) override;
  bool keep(const Entry::Outside& block) override;
  bool reads(const Entry::Outside& block) const override;
  ListReader* list_reader(ReaderId id) override;
  StreamReader* stream_reader(ReaderId id) override;

 private:
  // A value in slices, and where it stands.
  struct BigValue {
    uint32_t db = 0;
    std::string name;
    RdbKeyMeta meta;
    RdbType type = RdbType::kString;
    Collection* collection = nullptr;  // else
    Entry::Outside block{};
    const void* where() const {
      return collection != nullptr ? static_cast<const void*>(collection) : block.data;
    }
    bool kept = false;  // it belongs to no key any more
    bool begun = false;
    std::unique_ptr<ValueWalk> walk;
  };

  void take(uint32_t db, Entry& entry);
  void write(uint32_t db, const Entry& entry);
  void write_members(uint32_t db, const Entry& entry);
  void queue(uint32_t db, const Entry& entry);
  void write_keys(uint64_t until);
  void write_big_value(uint64_t until);
  void end_big_value();
  bool keep_if_read(const void* where);
  BigValue* big_value_at(const void* where) const;
  ValueWalk* walk_by(ReaderId id) const;

  ShardStore& store_;
  ShardMemory& memory_;
  RecordOut& out_;
  Options options_;
  std::optional<RdbWriter> small_;  // into the lanes
  std::optional<RdbWriter> big_;
  bool active_ = false;
  bool wanted_ = false;
  uint64_t keys_ = 0;
  std::deque<BigValue> big_values_;  // the first one is being written
  std::unordered_map<const void*, BigValue*> big_value_at_;  // by collection, or a block's bytes
  std::unordered_map<ReaderId, ValueWalk*> walk_by_;  // those of lists and streams
  std::vector<ShardStore::SnapshotKey> these_keys_;  // scratch
  std::vector<ShardStore::SnapshotKey> next_keys_;
};

}  // namespace pollux
