#include "dataplane/tcp/tables/syn_table.h"

#include <algorithm>

#include "src/base/assert.h"

namespace pollux::tcp {

SynTable::SynTable(SipKey key, const Config& config)
    : config_(config), entries_(key, config.capacity) {
  POLLUX_ASSERT(config.retransmits <= kRetransmitsMax && config.timeout_ns > 0);
}

SynEntry* SynTable::find(uint64_t hash, const Flow& flow) {
  const uint32_t index = entries_.find(hash, flow);
  return index == kNoIndex ? nullptr : &entries_[index];
}

SynEntry* SynTable::insert(uint64_t hash, const Flow& flow, Seq peer_isn, Seq our_isn,
                           const SynOptions& options, uint32_t peer_timestamp, Moment now) {
  const uint32_t index = entries_.take(hash, flow);
  if (index == kNoIndex) {
    return nullptr;
  }
  SynEntry& entry = entries_[index];
  entry.peer_isn = peer_isn;
  entry.our_isn = our_isn;
  entry.peer_timestamp = peer_timestamp;
  entry.set_options(options);
  wait(index, now);
  return &entry;
}

void SynTable::erase(SynEntry& entry) {
  const uint32_t index = entries_.index_of(entry);
  queues_[entry.retransmits].remove(index, entries_.at());
  entries_.release(index);
}

bool SynTable::take_repeated(SynEntry& entry, Seq isn, const SynOptions& options,
                             uint32_t peer_timestamp, Moment now) {
  if (isn != entry.peer_isn) {
    return false;
  }
  entry.set_options(common(entry.options(), options));
  // They wrap as sequence numbers do (RFC 7323 5.2).
  if (entry.timestamps && Seq{peer_timestamp} > Seq{entry.peer_timestamp}) {
    entry.peer_timestamp = peer_timestamp;
  }
  const uint32_t index = entries_.index_of(entry);
  queues_[entry.retransmits].remove(index, entries_.at());
  wait(index, now);
  return true;
}

unsigned SynTable::retransmits_max() const {
  const size_t eighths = size() * 8;
  if (eighths > capacity() * 3) {
    return std::min(config_.retransmits, 1U);
  }
  return eighths > capacity() * 2 ? std::min(config_.retransmits, 2U) : config_.retransmits;
}

void SynTable::wait(uint32_t index, Moment now) {
  SynEntry& entry = entries_[index];
  entry.due = clock_.tick_of(now + (config_.timeout_ns << entry.retransmits));
  queues_[entry.retransmits].push_back(index, entries_.at());
}

const IndexList* SynTable::earliest() const {
  const IndexList* first = nullptr;
  Moment first_due = kNever;
  for (const IndexList& queue : queues_) {
    if (queue.empty()) {
      continue;
    }
    const Moment due = clock_.moment_of(entries_[queue.front()].due);
    if (due < first_due) {
      first_due = due;
      first = &queue;
    }
  }
  return first;
}

Moment SynTable::next_deadline() const {
  const IndexList* const queue = earliest();
  return queue == nullptr ? kNever : clock_.moment_of(entries_[queue->front()].due);
}

}  // namespace pollux::tcp
