#include "dataplane/engine/waiter.h"

#include "src/base/arena.h"
#include "src/base/assert.h"

namespace pollux {

namespace {

constexpr size_t kKeptBytes = 1024;  // of arguments, by a free waiter

}  // namespace

void Waiter::begin(uint64_t id) {
  // relaxed: it is handed on by a cell or by the hold of a shard.
  word_.store(word(id, kIdle), std::memory_order_relaxed);
}

bool Waiter::cancel() {
  uint64_t expected = word(id(), kWaiting);
  // acquire: what the last one to claim it wrote. Pairs with arm and unclaim.
  return word_.compare_exchange_strong(expected, word(id(), kIdle), std::memory_order_acquire,
                                       std::memory_order_relaxed);
}

// relaxed: the queue that brought it home has ordered all.
void Waiter::settle() { word_.store(word(id(), kIdle), std::memory_order_relaxed); }

// release: all that was written before is seen by who claims or cancels it.
void Waiter::arm() { word_.store(word(id(), kWaiting), std::memory_order_release); }
void Waiter::unclaim() { word_.store(word(id(), kWaiting), std::memory_order_release); }

bool Waiter::claim(uint64_t id) {
  uint64_t expected = word(id, kWaiting);
  // acquire: pairs with arm and unclaim.
  return word_.compare_exchange_strong(expected, word(id, kClaimed), std::memory_order_acquire,
                                       std::memory_order_relaxed);
}

bool Waiter::goes_on(uint64_t id) const {
  const uint64_t now = word_.load(std::memory_order_relaxed);
  return now == word(id, kWaiting) || now == word(id, kClaimed);
}

void Waiter::set_args(Args args) {
  bytes_.clear();
  for (const std::string_view arg : args) {
    bytes_ += arg;
  }
  args_.clear();
  const char* at = bytes_.data();
  for (const std::string_view arg : args) {
    args_.emplace_back(at, arg.size());
    at += arg.size();
  }
}

void Waiter::rewrite(size_t index, std::string_view text) {
  POLLUX_ASSERT(index < args_.size());
  std::vector<std::string> args(args_.begin(), args_.end());
  args[index] = text;
  set_args(std::vector<std::string_view>(args.begin(), args.end()));
}

void Waiter::drop_args() {
  bytes_.clear();
  args_.clear();
  if (bytes_.capacity() > kKeptBytes) {
    bytes_.shrink_to_fit();
    args_.shrink_to_fit();
  }
}

size_t Waiter::bytes() const {
  return Arena::usable(sizeof(Waiter)) + bytes_.capacity() +
         args_.capacity() * sizeof(std::string_view) + record_bytes;
}

// --- the pool ---

Waiter& WaiterPool::take(uint64_t id) {
  if (free_.empty()) {
    all_.push_back(std::make_unique<Waiter>(chunks_));
    free_.push_back(all_.back().get());
  }
  Waiter& waiter = *free_.back();
  free_.pop_back();
  waiter.begin(id);
  return waiter;
}

void WaiterPool::give_back(Waiter& waiter) {
  waiter.drop_args();
  waiter.reply.set_pool(chunks_);
  waiter.reply.clear();
  waiter.session = nullptr;
  waiter.shards = waiter.forgotten = {};
  waiter.record_bytes = 0;
  waiter.until_ms = 0;
  waiter.for_disk = false;
  waiter.replicas = 0;
  waiter.served = waiter.with_cell = waiter.came_home = waiter.muted = false;
  waiter.counted_bytes = 0;
  free_.push_back(&waiter);
}

void WaiterPool::drop_replies() {
  for (const std::unique_ptr<Waiter>& waiter : all_) {
    waiter->reply.set_pool(chunks_);
    waiter->reply.clear();
  }
}

}  // namespace pollux
