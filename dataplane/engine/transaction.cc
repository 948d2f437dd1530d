#include "dataplane/engine/transaction.h"

namespace pollux {

void Transaction::queue(const CommandRow& row, Args args, const Placement& place, int shards) {
  commands_.push_back({.row = &row,
                       .first_arg = static_cast<uint32_t>(ends_.size()),
                       .arg_count = static_cast<uint32_t>(args.size()),
                       .place = place});
  for (const std::string_view arg : args) {
    bytes_ += arg;
    ends_.push_back(bytes_.size());
  }
  flags_ |= row.flags;
  may_run_while_loading_ = may_run_while_loading_ && (row.flags & kLoading) != 0;
  switch (place.where) {
    case Where::kSession:
      at_home_ = true;
      break;
    case Where::kShard:
      shards_.add(place.shard);
      break;
    case Where::kLease:
      shards_.add(lease_set(row, args, shards));
      needs_lease_ = needs_lease_ || row.route == Route::kListen;
      break;
    case Where::kEachWorker:
      at_home_ = true;
      [[fallthrough]];
    case Where::kEachShard:
      shards_ = ShardSet::all(shards);
      break;
    case Where::kExec:
      break;  // is never queued
  }
}

void Transaction::args_of(const QueuedCommand& command,
                          std::vector<std::string_view>& args) const {
  args.resize(command.arg_count);
  size_t begin = command.first_arg == 0 ? 0 : ends_[command.first_arg - 1];
  const size_t* end = &ends_[command.first_arg];
  for (std::string_view& arg : args) {
    arg = {bytes_.data() + begin, *end - begin};
    begin = *end++;
  }
}

void Transaction::clear() {
  if (bytes_.capacity() + ends_.capacity() * sizeof(size_t) > kKeptBytes) {
    decltype(bytes_)().swap(bytes_);
    decltype(ends_)().swap(ends_);
    decltype(commands_)().swap(commands_);
  }
  bytes_.clear();
  ends_.clear();
  commands_.clear();
  shards_ = {};
  flags_ = 0;
  may_run_while_loading_ = true;
  at_home_ = false;
  needs_lease_ = false;
  failed_ = false;
}

ShardSet Transaction::shards() const {
  ShardSet all = shards_;
  all.add(watched);
  return all;
}

}  // namespace pollux
