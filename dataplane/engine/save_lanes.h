// The two lanes of a shard's part of a snapshot: what the walk writes goes into batches of the
// desk, each of which the storage thread may put behind any other that ends with a record. Belongs
// to the holder of the shard.
#pragma once

#include <cstdint>

#include "src/base/byte_sink.h"
#include "src/snapshot/record_out.h"
#include "storage/save_batch.h"

namespace pollux {

class SaveDesk;

class SaveLanes final : public RecordOut {
 public:
  SaveLanes(SaveDesk& desk, uint32_t shard);

  ByteSink& sink(Lane lane) override { return of(lane); }
  void begin_record(Lane lane, uint32_t db) override;
  void end_record(Lane lane) override { of(lane).end_record(); }
  bool has_room(Lane lane) override { return of(lane).has_room(); }

  // All is written: what is left of batches leaves. With a record that was broken off, if the
  // snapshot was cancelled.
  void finish();

 private:
  class LaneSink final : public ByteSink {
   public:
    LaneSink(SaveDesk& desk, uint32_t shard, Lane lane);
    ~LaneSink() override;
    bool has_room();
    // True if the next record needs a SELECTDB before it.
    bool enter(uint32_t db);
    void end_record();
    void send(bool ends_record);

   private:
    size_t refill(size_t bytes) override;
    void open(SaveBatch* batch);

    SaveDesk& desk_;
    const uint32_t number_;
    SaveBatch* batch_ = nullptr;  // that is being filled
    uint64_t keys_ = 0;           // that end in it
    uint32_t db_ = 0;  // of the record that is being written, or was last
    bool broken_ = false;         // a batch before ended in the middle of the record
  };

  LaneSink& of(Lane lane) { return lane == Lane::kSmall ? small_ : big_; }

  LaneSink small_;
  LaneSink big_;
};

}  // namespace pollux
