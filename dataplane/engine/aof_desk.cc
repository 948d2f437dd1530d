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

// --- what it is asked ---

uint64_t AofDesk::ask_trial() {
  const uint64_t number = trials_.ask();
  wake();
  return number;
}

uint64_t AofDesk::ask_rewrite() {
  const uint64_t number = rewrites_.ask();
  wake();
  return number;
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
