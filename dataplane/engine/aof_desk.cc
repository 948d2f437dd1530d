#include "dataplane/engine/aof_desk.h"

#include <utility>

namespace pollux {

void AofDesk::tell(const Config& config) {
  Wishes wishes{.on = config.append_only,
                .aof = config.aof,
                .compress = config.data.rdb_compression,
                .checksum = config.rdb_checksum,
                .redis_version = config.compat_redis_version};
  if (told_ == wishes) {
    return;
  }
  told_ = wishes;
  letters_.push(*new Letter{std::move(wishes)});
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

// --- rewrites ---

namespace {

constexpr uint64_t kOutcomes = 8;

}  // namespace

uint64_t AofDesk::ask_rewrite() {
  const uint64_t number = rewrites_asked_.fetch_add(1, std::memory_order_relaxed) + 1;
  wake();
  return number;
}

AofDesk::Rewrite AofDesk::rewrite(uint64_t number) const {
  const uint64_t told = rewrites_told_.load(std::memory_order_relaxed);
  return told / kOutcomes < number ? Rewrite::kUnderWay : static_cast<Rewrite>(told % kOutcomes);
}

uint64_t AofDesk::rewrite_due() const {
  const uint64_t asked = rewrites_asked_.load(std::memory_order_relaxed);
  return asked == rewrites_told_.load(std::memory_order_relaxed) / kOutcomes ? 0 : asked;
}

void AofDesk::tell_rewrite(uint64_t number, Rewrite outcome) {
  rewrites_told_.store(number * kOutcomes + static_cast<uint64_t>(outcome),
                       std::memory_order_relaxed);
}

std::optional<AofDesk::Wishes> AofDesk::take() {
  std::optional<Wishes> newest;
  for (Letter* letter = letters_.take(); letter != nullptr;) {
    if (!newest) {
      newest = std::move(letter->wishes);
    } else {
      newest->was_off = newest->was_off || !letter->wishes.on;
    }
    delete std::exchange(letter, letter->next);
  }
  return newest;
}

}  // namespace pollux
