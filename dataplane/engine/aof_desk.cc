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
  waker_();
}

void AofDesk::ask_rewrite() {
  rewrite_.store(true, std::memory_order_release);
  waker_();
}

std::unique_ptr<AofDesk::Wishes> AofDesk::take() {
  std::unique_ptr<Wishes> newest(wishes_.take());
  for (Wishes* older = newest != nullptr ? newest->next : nullptr; older != nullptr;) {
    delete std::exchange(older, older->next);
  }
  return newest;
}

}  // namespace pollux
