#include "storage/journal.h"

namespace pollux {

Journal::Journal(size_t workers, const Options& options)
    : options_(options), bytes_max_(options.bytes_max) {
  for (size_t i = 0; i < workers; ++i) {
    lanes_.push_back(std::make_unique<JournalLane>());
  }
}

void Journal::tell_reader(JournalLane& lane) {
  if (lane.has_grown_by(JournalLane::kBlockBytes) && pending_bytes() > bytes_max()) {
    full_.store(true, std::memory_order_relaxed);  // the reader takes it back
  }
  const Sleep sleep = sleep_.load(std::memory_order_seq_cst);
  if (sleep == Sleep::kAwake) {
    return;
  }
  if (sleep == Sleep::kDeep ||
      lane.pending_bytes() * lanes_.size() >= wake_bytes_.load(std::memory_order_relaxed)) {
    // One of those who see it wakes.
    if (sleep_.exchange(Sleep::kAwake, std::memory_order_seq_cst) != Sleep::kAwake) {
      waker_();
    }
  }
}

uint64_t Journal::pending_bytes() const {
  uint64_t bytes = 0;
  for (const std::unique_ptr<JournalLane>& lane : lanes_) {
    bytes += lane->pending_bytes();
  }
  return bytes;
}

}  // namespace pollux
