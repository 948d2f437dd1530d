#include "dataplane/engine/aof_desk.h"

#include <utility>

namespace pollux {

void AofDesk::tell(const Config& config) {
  auto wishes = std::make_unique<Wishes>();
  wishes->on = config.append_only;
  wishes->aof = config.aof;
  wishes->compress = config.data.rdb_compression;
  wishes->checksum = config.rdb_checksum;
  wishes->redis_version = config.compat_redis_version;
  wishes_.push(*wishes.release());
  wake();
}

void AofDesk::ask_rewrite() {
  rewrite_.store(true, std::memory_order_release);
  wake();
}

void AofDesk::wake() {
  if (waker_) {
    waker_();
  }
}

// --- trials ---

uint64_t AofDesk::ask_trial() {
  const uint64_t number = trials_asked_.load(std::memory_order_relaxed) + 1;
  trials_asked_.store(number, std::memory_order_relaxed);
  wake();
  return number;
}

AofDesk::Trial AofDesk::trial(uint64_t number) const {
  const uint64_t ended = trials_ended_.load(std::memory_order_relaxed);
  return ended / 2 < number ? Trial::kUnderWay : ended % 2 != 0 ? Trial::kCan : Trial::kCant;
}

uint64_t AofDesk::trial_due() const {
  const uint64_t asked = trials_asked_.load(std::memory_order_relaxed);
  return asked == trials_ended_.load(std::memory_order_relaxed) / 2 ? 0 : asked;
}

void AofDesk::end_trial(uint64_t number, bool can) {
  trials_ended_.store(number * 2 + (can ? 1 : 0), std::memory_order_relaxed);
}

std::unique_ptr<AofDesk::Wishes> AofDesk::take() {
  std::unique_ptr<Wishes> newest(wishes_.take());
  for (Wishes* older = newest != nullptr ? newest->next : nullptr; older != nullptr;) {
    delete std::exchange(older, older->next);
  }
  return newest;
}

}  // namespace pollux
