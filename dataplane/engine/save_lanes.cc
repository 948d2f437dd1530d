#include "dataplane/engine/save_lanes.h"

#include <utility>

#include "dataplane/engine/save_desk.h"
#include "src/rdb/rdb_writer.h"

namespace pollux {

namespace {

// Behind a record a batch with less room leaves: most records that come fit whole into the next.
constexpr size_t kRoomMin = SaveBatch::kBytes / 16;

}  // namespace

SaveLanes::SaveLanes(SaveDesk& desk, uint32_t shard)
    : small_(desk, shard, Lane::kSmall), big_(desk, shard, Lane::kBig) {}

void SaveLanes::begin_record(Lane lane, uint32_t db) {
  LaneSink& to = of(lane);
  if (to.enter(db)) {
    RdbWriter out(to, /*compress=*/false);
    out.opcode(RdbOpcode::kSelectDb);
    out.length(db);
  }
}

void SaveLanes::finish() {
  small_.send(/*ends_record=*/true);
  big_.send(/*ends_record=*/true);
}

SaveLanes::LaneSink::LaneSink(SaveDesk& desk, uint32_t shard, Lane lane)
    : desk_(desk),
      number_(static_cast<uint32_t>(kLanes) * shard + static_cast<uint32_t>(lane)) {}

SaveLanes::LaneSink::~LaneSink() {
  if (batch_ != nullptr && batch_->is_extra) {
    delete batch_;
  }
}

bool SaveLanes::LaneSink::has_room() {
  if (batch_ == nullptr) {
    open(desk_.take_free(number_));
  }
  return batch_ != nullptr;
}

bool SaveLanes::LaneSink::enter(uint32_t db) {
  if (batch_ == nullptr) {
    refill(0);
  }
  const bool first = cursor_ == batch_->memory();
  const bool changes = !first && db_ != db;
  db_ = db;
  if (first) {
    batch_->first_db = db;
  }
  return changes;
}

void SaveLanes::LaneSink::end_record() {
  ++keys_;
  if (broken_ || static_cast<size_t>(limit_ - cursor_) < kRoomMin) {
    send(/*ends_record=*/true);
  }
}

void SaveLanes::LaneSink::send(bool ends_record) {
  if (batch_ == nullptr) {
    return;
  }
  SaveBatch& batch = *std::exchange(batch_, nullptr);
  batch.size = static_cast<size_t>(cursor_ - batch.memory());
  if (batch.size == 0 && !broken_) {
    cursor_ = limit_ = nullptr;
    desk_.put_back(number_, batch);
    return;
  }
  batch.lane = number_;
  batch.keys = std::exchange(keys_, 0);
  batch.ends_record = ends_record;
  batch.last_db = db_;
  cursor_ = limit_ = nullptr;
  broken_ = !ends_record;
  desk_.send(batch);
}

size_t SaveLanes::LaneSink::refill(size_t) {
  send(/*ends_record=*/false);
  SaveBatch* const batch = desk_.take_free(number_);
  open(batch != nullptr ? batch : &desk_.take_extra());
  return 0;
}

void SaveLanes::LaneSink::open(SaveBatch* batch) {
  batch_ = batch;
  if (batch != nullptr) {
    batch->first_db = db_;  // in the middle of a record; at its beginning enter() says which
  }
  cursor_ = batch == nullptr ? nullptr : batch->memory();
  limit_ = batch == nullptr ? nullptr : cursor_ + batch->room();
}

}  // namespace pollux
