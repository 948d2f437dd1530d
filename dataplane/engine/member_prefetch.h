// The last two steps of a burst's prefetching, for commands that name a member of a large set, hash
// or sorted set: the member's bucket, then its block. Without them each such command waits for two
// lines of memory by itself (a million members, pipeline 64: SADD 0.41 us instead of 0.92, HSET
// 0.37 instead of 0.98).
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/base/hash.h"
#include "src/commands/command.h"
#include "src/data/member_table.h"
#include "src/data/shard_store.h"

namespace pollux {

class MemberPrefetch {
 public:
  explicit MemberPrefetch(const ShardStore& shard) : shard_(shard) {}

  // Behind ShardStore::prefetch_entry for this key.
  void ask_bucket(int db, uint64_t key_hash, const CommandRow& row, Args args) {
    if (row.member_at == 0 || row.member_at >= args.size() || count_ == kMax) {
      return;
    }
    const MemberTable* table = shard_.member_table(db, key_hash);
    if (table != nullptr) {
      asked_[count_] = {table, pollux::key_hash(args[row.member_at])};
      table->prefetch_bucket(asked_[count_++].hash);
    }
  }

  void ask_blocks() {
    for (size_t i = 0; i < count_; ++i) {
      asked_[i].table->prefetch_entry(asked_[i].hash);
    }
  }

 private:
  static constexpr size_t kMax = 256;
  struct Asked {
    const MemberTable* table;
    uint64_t hash;
  };
  const ShardStore& shard_;
  size_t count_ = 0;
  Asked asked_[kMax];
};

}  // namespace pollux
