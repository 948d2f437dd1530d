#include "dataplane/engine/aof_desk.h"

#include <utility>

namespace pollux {

void AofDesk::tell(const Config& config) {
  Wishes wishes{.on = config.append_only,
                .aof = config.aof,
                .compress = config.data.rdb_compression,
                .checksum = config.rdb_checksum,
                .key_delay_ns = config.save_key_delay_ns,
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

// --- what it is asked ---

uint64_t AofDesk::ask_trial() {
  const uint64_t number = trials_.ask();
  wake();
  return number;
}

uint64_t AofDesk::ask_rewrite() {
  if (looked_for_ != 0 || rewrites_.due() != 0) {
    return 0;
  }
  looked_for_ = rewrites_.ask();
  wake();
  return looked_for_;
}

AofDesk::Rewrite AofDesk::rewrite(uint64_t number) {
  const Rewrite outcome = rewrites_.outcome(number);
  if (outcome != Rewrite::kUnderWay && looked_for_ == number) {
    looked_for_ = 0;
  }
  return outcome;
}

void AofDesk::schedule_rewrite() {
  if (rewrites_.due() == 0) {
    rewrites_.ask();
    wake();
  }
}

void AofDesk::ask_anew(Ticket drawn) {
  anew_.store(drawn.value + 1, std::memory_order_relaxed);
  wake();
}

void AofDesk::end_anew(Ticket drawn) {
  uint64_t expected = drawn.value + 1;
  anew_.compare_exchange_strong(expected, 0, std::memory_order_release, std::memory_order_relaxed);
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
