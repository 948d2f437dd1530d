#include "dataplane/tcp/interface/neighbors.h"

#include <algorithm>

#include "dataplane/tcp/wire/ndp.h"
#include "src/base/assert.h"

namespace pollux::tcp {

namespace {

constexpr size_t kLooksMax = 64;  // for who was not used, by one who wants room

}  // namespace

Neighbors::Neighbors(uint32_t entries_max, uint64_t seed, const NeighborTimes& times)
    : entries_max_(entries_max), times_(times), rng_(seed) {
  POLLUX_ASSERT(entries_max >= 4);
}

// ---- entries ----

Neighbors::Entry* Neighbors::entry_of(const IpAddress& address) {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : &entries_[found->second];
}

NeighborId Neighbors::id_of(const Entry& entry) const {
  return {index_of(entry), entry.generation};
}

Neighbors::Entry& Neighbors::make(const IpAddress& address, NeighborState state, Moment now) {
  make_room(state);
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(entries_.size()));
    entries_.emplace_back();
  }
  const uint32_t index = free_.back();
  free_.pop_back();
  by_address_.emplace(address, index);
  Entry& entry = entries_[index];
  entry = {.address = address, .generation = entry.generation, .used = now};
  push_back(entry, Kind::kUnconfirmed);
  set_timer(entry, state, state == NeighborState::kIncomplete ? now : kNever);
  return entry;
}

void Neighbors::make_room(NeighborState state) {
  const bool is_full = by_address_.size() >= entries_max_;
  if (state == NeighborState::kIncomplete && queue(Kind::kIncomplete).size >= entries_max_ / 4) {
    remove(longest_unused(Kind::kIncomplete));
  } else if (is_full && queue(Kind::kUnconfirmed).size != 0) {
    remove(longest_unused(Kind::kUnconfirmed));
  } else if (is_full && queue(Kind::kIncomplete).size != 0) {
    remove(longest_unused(Kind::kIncomplete));
  } else if (is_full) {
    remove(longest_unused(Kind::kConfirmed));
  } else {
    return;
  }
  ++evicted_;
}

void Neighbors::remove(Entry& entry) {
  stop_timer(entry);
  unlink(entry);
  by_address_.erase(entry.address);
  entry.state = NeighborState::kNone;
  entry.deadline = kNever;
  ++entry.generation;
  free_.push_back(index_of(entry));
}

// ---- queues ----

void Neighbors::push_back(Entry& entry, Kind kind) {
  Queue& to = queue(kind);
  const uint32_t index = index_of(entry);
  entry.kind = kind;
  entry.queued = entry.used;
  entry.prev = to.back;
  entry.next = kNone;
  (to.back == kNone ? to.front : entries_[to.back].next) = index;
  to.back = index;
  ++to.size;
}

void Neighbors::unlink(Entry& entry) {
  Queue& from = queue(entry.kind);
  (entry.prev == kNone ? from.front : entries_[entry.prev].next) = entry.next;
  (entry.next == kNone ? from.back : entries_[entry.next].prev) = entry.prev;
  --from.size;
}

Neighbors::Entry& Neighbors::longest_unused(Kind kind) {
  for (size_t looks = 0; looks < kLooksMax; ++looks) {
    Entry& first = entries_[queue(kind).front];
    if (first.used == first.queued) {
      return first;
    }
    unlink(first);
    push_back(first, kind);
  }
  return entries_[queue(kind).front];
}

// ---- states ----

void Neighbors::stop_timer(Entry& entry) {
  if (has_timer(entry)) {
    timers_.erase({entry.deadline, index_of(entry)});
  }
}

void Neighbors::set_timer(Entry& entry, NeighborState state, Moment deadline) {
  stop_timer(entry);
  entry.state = state;
  entry.deadline = deadline;
  entry.asked = 0;
  entry.disputed = false;
  if (has_timer(entry)) {
    timers_.emplace(deadline, index_of(entry));
  }
  const Kind kind = state == NeighborState::kIncomplete ? Kind::kIncomplete
                    : entry.confirmed                   ? Kind::kConfirmed
                                                        : Kind::kUnconfirmed;
  if (kind != entry.kind) {
    unlink(entry);
    push_back(entry, kind);
  }
}

void Neighbors::set_mac(Entry& entry, const MacAddress& mac) {
  entry.mac = mac;
  entry.confirmed = false;
}

// RFC 4861 6.3.2: half to one and a half of it, so that neighbors don't probe in step.
void Neighbors::set_reachable(Entry& entry, Moment now) {
  const auto part = static_cast<int64_t>(rng_.below(static_cast<uint64_t>(times_.reachable_ns)));
  set_timer(entry, NeighborState::kReachable, now + times_.reachable_ns / 2 + part);
}

// ---- sending ----

NeighborId Neighbors::find(const IpAddress& address, Moment now) {
  Entry* entry = entry_of(address);
  if (entry == nullptr) {
    entry = &make(address, NeighborState::kIncomplete, now);
  }
  return id_of(*entry);
}

// Of an entry that is not sure to be right.
const MacAddress* Neighbors::use_unsure(Entry& entry, Moment now) {
  if (entry.state == NeighborState::kIncomplete) {
    return nullptr;
  }
  if (state(id_of(entry), now) == NeighborState::kStale) {
    set_timer(entry, NeighborState::kDelay, now + times_.delay_ns);
  }
  return &entry.mac;
}

const MacAddress* Neighbors::known(const IpAddress& address) {
  const Entry* entry = entry_of(address);
  const bool is_known = entry != nullptr && entry->state != NeighborState::kIncomplete;
  return is_known ? &entry->mac : nullptr;
}

void Neighbors::confirm(NeighborId id, Moment now) {
  if (!has(id)) {
    return;
  }
  Entry& entry = entries_[id.index];
  // With the least that it could get anew still before it, it gets nothing: each ACK asks.
  const bool lasts = entry.state == NeighborState::kReachable && entry.confirmed &&
                     entry.deadline - now >= times_.reachable_ns / 2;
  if (entry.state != NeighborState::kIncomplete && !lasts) {
    entry.confirmed = true;
    set_reachable(entry, now);
  }
}

// ---- hearing ----

bool Neighbors::learn(const IpAddress& address, const MacAddress& mac, Moment now) {
  Entry* entry = entry_of(address);
  if (entry == nullptr || entry->state == NeighborState::kIncomplete) {
    return on_solicited_by(address, mac, now);
  }
  // What is known is not changed by a segment that anybody may have sent, but put in doubt.
  if (entry->mac != mac && !mac.is_group() && !entry->disputed &&
      state(id_of(*entry), now) != NeighborState::kReachable) {
    set_timer(*entry, NeighborState::kProbe, now);
    entry->disputed = true;
  }
  return false;
}

bool Neighbors::on_solicited_by(const IpAddress& address, const MacAddress& mac, Moment now) {
  if (mac.is_group()) {
    return false;
  }
  Entry* entry = entry_of(address);
  if (entry == nullptr) {
    make(address, NeighborState::kStale, now).mac = mac;
    return false;
  }
  const bool was_incomplete = entry->state == NeighborState::kIncomplete;
  if (was_incomplete || entry->mac != mac) {
    set_mac(*entry, mac);
    set_stale(*entry);
  }
  return was_incomplete;
}

// RFC 4861 7.2.5.
bool Neighbors::on_advertisement(const Advertisement& said, Moment now) {
  Entry* entry = entry_of(said.address);
  if (entry == nullptr || (said.mac && said.mac->is_group())) {
    return false;
  }
  const bool is_answer = said.solicited && entry->asked != 0;
  if (entry->state == NeighborState::kIncomplete) {
    if (!said.mac) {
      return false;
    }
    set_mac(*entry, *said.mac);
    entry->confirmed = is_answer;
    said.solicited ? set_reachable(*entry, now) : set_stale(*entry);
    return true;
  }
  const bool is_new = said.mac && *said.mac != entry->mac;
  if (is_new && !said.overrides) {
    // Perhaps there are two; who is in use stays, but is asked soon.
    if (entry->state == NeighborState::kReachable) {
      set_stale(*entry);
    }
    return false;
  }
  if (is_new) {
    set_mac(*entry, *said.mac);
  }
  entry->confirmed |= is_answer;
  if (said.solicited) {
    set_reachable(*entry, now);
  } else if (is_new) {
    set_stale(*entry);
  }
  return false;
}

// ---- time ----

size_t Neighbors::tick(Moment now, std::span<Solicitation> out) {
  size_t count = 0;
  while (next_deadline() <= now) {
    Entry& entry = entries_[timers_.begin()->second];
    if (entry.state == NeighborState::kDelay) {
      entry.state = NeighborState::kProbe;
    }
    if (entry.asked == times_.solicitations) {
      remove(entry);
      ++given_up_;
      continue;
    }
    if (count == out.size()) {
      break;
    }
    const bool is_known = entry.state == NeighborState::kProbe && !entry.disputed;
    const MacAddress to = is_known                ? entry.mac
                          : entry.address.is_v4() ? kBroadcast
                                                  : multicast_mac(solicited_node(entry.address));
    out[count++] = {.target = entry.address, .to = to};
    ++entry.asked;
    stop_timer(entry);
    entry.deadline = now + times_.retransmit_ns;
    timers_.emplace(entry.deadline, index_of(entry));
  }
  return count;
}

NeighborState Neighbors::state(NeighborId id, Moment now) const {
  if (!has(id)) {
    return NeighborState::kNone;
  }
  const Entry& entry = entries_[id.index];
  const bool is_over = entry.state == NeighborState::kReachable && now >= entry.deadline;
  return is_over ? NeighborState::kStale : entry.state;
}

}  // namespace pollux::tcp
