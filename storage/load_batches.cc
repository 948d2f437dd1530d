#include "storage/load_batches.h"

#include <algorithm>
#include <utility>

#include "src/base/assert.h"

namespace pollux {

namespace {

// Batches a shard: one that is filled, one that is built, two on their way. With few shards more,
// so that the disk may pause for a moment.
constexpr size_t kBatchesPerShard = 4;
constexpr size_t kBatchesMin = 16;

}  // namespace

LoadBatches::LoadBatches(const Options& options, LoadSink& sink)
    : sink_(sink), batch_bytes_(options.bytes), filling_(sink.shards(), nullptr) {
  const size_t count =
      options.count != 0 ? options.count : std::max(kBatchesPerShard * shards(), kBatchesMin);
  POLLUX_ASSERT(count > shards());  // or all might wait half full
  for (size_t i = 0; i < count; ++i) {
    batches_.push_back(std::make_unique<LoadBatch>(batch_bytes_));
    free_.push_back(batches_.back().get());
  }
}

// Until `ready` holds, which is what one or another batch that comes back is needed for.
template <typename Ready>
bool LoadBatches::wait_until(Ready ready) {
  while (!ready()) {
    if (!take_back()) {
      starved_ = true;
      return false;
    }
    if (any_refused()) {
      return false;
    }
  }
  return true;
}

template <typename Item>
bool LoadBatches::add_slowly(ShardId shard, const Item& item) {
  if constexpr (std::is_same_v<Item, LoadCommand>) {
    if (for_all_ != nullptr && for_all_->add(item)) {
      return true;
    }
  }
  const size_t bytes = LoadBatch::bytes_of(item);
  LoadBatch*& filling = filling_[shard.value];
  if (!wait_until([&] { return send_for_all() && send(shard) && get(bytes, filling); })) {
    return false;
  }
  const bool added = filling->add(item);
  POLLUX_ASSERT(added);
  if (filling->is_large()) {
    send(shard);  // if it can't go yet, it is full and goes before the next
  }
  return true;
}

template bool LoadBatches::add_slowly(ShardId shard, const LoadRecord& item);
template bool LoadBatches::add_slowly(ShardId shard, const LoadCommand& item);

bool LoadBatches::add_for_all(const LoadCommand& command) {
  if (for_all_ == nullptr || !for_all_->add(command)) {
    const size_t bytes = LoadBatch::bytes_of(command);
    if (!wait_until([&] { return send_for_all() && send_filling() && get(bytes, for_all_); })) {
      return false;
    }
    const bool added = for_all_->add(command);
    POLLUX_ASSERT(added);
  }
  return true;
}

// An empty one with room for that.
bool LoadBatches::get(size_t bytes, LoadBatch*& filling) {
  const bool large = bytes > batch_bytes_;
  if (large && large_is_out_) {
    send_filling();  // among which it may be, if it could not go before
    return false;
  }
  if (free_.empty()) {
    return false;
  }
  filling = free_.back();
  free_.pop_back();
  filling->make_room(bytes);
  filling->expect(expected_);
  large_is_out_ = large_is_out_ || large;
  return true;
}

bool LoadBatches::send(ShardId shard) {
  LoadBatch*& filling = filling_[shard.value];
  if (filling == nullptr) {
    return true;
  }
  if (for_all_is_out_) {
    return false;
  }
  sink_.send(shard, *std::exchange(filling, nullptr));
  return true;
}

bool LoadBatches::send_filling() {
  bool all = true;
  for (size_t i = 0; i < shards(); ++i) {
    all &= send(ShardId{static_cast<uint16_t>(i)});
  }
  return all;
}

bool LoadBatches::send_for_all() {
  if (for_all_ == nullptr) {
    return true;
  }
  if (free_.size() + 1 != batches_.size()) {
    return false;
  }
  for_all_is_out_ = true;
  sink_.send_to_all(*std::exchange(for_all_, nullptr));
  return true;
}

bool LoadBatches::flush() {
  send_for_all();
  send_filling();
  return free_.size() == batches_.size();
}

bool LoadBatches::take_all_back() {
  const auto drop = [this](LoadBatch*& batch) {
    if (batch != nullptr) {
      batch->clear();
      free_.push_back(std::exchange(batch, nullptr));
    }
  };
  drop(for_all_);
  for (LoadBatch*& batch : filling_) {
    drop(batch);
  }
  while (take_back()) {
  }
  return free_.size() == batches_.size();
}

bool LoadBatches::take_back() {
  bool any = false;
  while (LoadBatch* const batch = sink_.take_back(/*wake=*/!any)) {
    any = true;
    note(*batch);
    for_all_is_out_ = false;  // if it was, nothing else was
    large_is_out_ = large_is_out_ && !batch->is_large();
    batch->clear();
    free_.push_back(batch);
  }
  starved_ = starved_ && !any;
  return any;
}

void LoadBatches::note(const LoadBatch& batch) {
  if (batch.errors() > 0) {
    errors_.count += batch.errors();
    if (batch.first_error_offset() < errors_.first_offset) {
      errors_.first_offset = batch.first_error_offset();
      errors_.first = batch.first_error();
    }
  }
  const LoadRecord& record = batch.refused();
  if (batch.refusal() != LoadBatch::Refusal::kNone && record.offset < refused_.offset) {
    refused_ = {.why = batch.refusal(),
                .offset = record.offset,
                .name = std::string(record.name),
                .db = record.db,
                .type = record.type};
  }
}

LoadBatches::Errors LoadBatches::take_errors() { return std::exchange(errors_, {}); }

}  // namespace pollux
