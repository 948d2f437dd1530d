#include "dataplane/tcp/interface/neighbors.h"

#include <algorithm>

#include "dataplane/tcp/wire/ndp.h"
#include "src/base/assert.h"

namespace pollux::tcp {

Neighbors::Neighbors(uint32_t entries_max, uint64_t seed, const NeighborTimes& times)
    : entries_max_(entries_max), times_(times), rng_(seed) {
  POLLUX_ASSERT(entries_max >= 4);
}

// ---- entries ----

bool Neighbors::has(NeighborId id) const {
  return id.index < entries_.size() && entries_[id.index].generation == id.generation &&
         entries_[id.index].state != NeighborState::kNone;
}

Neighbors::Entry* Neighbors::entry_of(const IpAddress& address) {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : &entries_[found->second];
}

NeighborId Neighbors::id_of(const Entry& entry) const {
  return {static_cast<uint32_t>(&entry - entries_.data()), entry.generation};
}

Neighbors::Entry& Neighbors::make(const IpAddress& address, bool incomplete, Moment now) {
  make_room(incomplete);
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(entries_.size()));
    entries_.emplace_back();
  }
  const uint32_t index = free_.back();
  free_.pop_back();
  by_address_.emplace(address, index);
  Entry& entry = entries_[index];
  entry = {.address = address, .generation = entry.generation, .touched = now};
  return entry;
}

void Neighbors::make_room(bool incomplete) {
  const bool too_many_incomplete = incomplete && incomplete_ >= entries_max_ / 4;
  if (!too_many_incomplete && by_address_.size() < entries_max_) {
    return;
  }
  // In the order in which they may go; all of them are looked at, once for each new entry.
  const auto rank = [&](const Entry& entry) {
    const bool is_incomplete = entry.state == NeighborState::kIncomplete;
    const int group = too_many_incomplete ? !is_incomplete : entry.used && !is_incomplete;
    return std::pair(group, entry.touched);
  };
  Entry* victim = nullptr;
  for (Entry& entry : entries_) {
    if (entry.state != NeighborState::kNone && (victim == nullptr || rank(entry) < rank(*victim))) {
      victim = &entry;
    }
  }
  remove(*victim);
  ++evicted_;
}

void Neighbors::remove(Entry& entry) {
  incomplete_ -= entry.state == NeighborState::kIncomplete;
  by_address_.erase(entry.address);
  entry.state = NeighborState::kNone;
  entry.deadline = kNever;
  ++entry.generation;
  free_.push_back(static_cast<uint32_t>(&entry - entries_.data()));
}

void Neighbors::set_timer(Entry& entry, NeighborState state, Moment deadline) {
  incomplete_ -= entry.state == NeighborState::kIncomplete;
  incomplete_ += state == NeighborState::kIncomplete;
  entry.state = state;
  entry.deadline = deadline;
  entry.asked = 0;
  if (has_timer(entry)) {
    next_deadline_ = std::min(next_deadline_, deadline);
  }
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
    entry = &make(address, /*incomplete=*/true, now);
    set_timer(*entry, NeighborState::kIncomplete, now);
  }
  return id_of(*entry);
}

const MacAddress* Neighbors::use(NeighborId id, Moment now) {
  if (!has(id)) {
    return nullptr;
  }
  Entry& entry = entries_[id.index];
  entry.used = true;
  entry.touched = now;
  if (entry.state == NeighborState::kIncomplete) {
    return nullptr;
  }
  if (state(id, now) == NeighborState::kStale) {
    set_timer(entry, NeighborState::kDelay, now + times_.delay_ns);
  }
  return &entry.mac;
}

void Neighbors::confirm(NeighborId id, Moment now) {
  if (has(id) && entries_[id.index].state != NeighborState::kIncomplete) {
    set_reachable(entries_[id.index], now);
  }
}

// ---- hearing ----

bool Neighbors::learn(const IpAddress& address, const MacAddress& mac, Moment now) {
  // What is known is not changed by a segment that anybody may have sent.
  const Entry* entry = entry_of(address);
  const bool is_known = entry != nullptr && entry->state != NeighborState::kIncomplete;
  return !is_known && on_solicited_by(address, mac, now);
}

bool Neighbors::on_solicited_by(const IpAddress& address, const MacAddress& mac, Moment now) {
  if (mac.is_group()) {
    return false;
  }
  Entry* entry = entry_of(address);
  if (entry == nullptr) {
    entry = &make(address, /*incomplete=*/false, now);
  }
  const bool was_incomplete = entry->state == NeighborState::kIncomplete;
  if (entry->state == NeighborState::kNone || was_incomplete || entry->mac != mac) {
    entry->mac = mac;
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
  if (entry->state == NeighborState::kIncomplete) {
    if (!said.mac) {
      return false;
    }
    entry->mac = *said.mac;
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
    entry->mac = *said.mac;
  }
  if (said.solicited) {
    set_reachable(*entry, now);
  } else if (is_new) {
    set_stale(*entry);
  }
  return false;
}

// ---- time ----

// Goes through all entries, which are a thousand or two, at most once per solicitation that is due.
size_t Neighbors::tick(Moment now, std::span<Solicitation> out) {
  size_t count = 0;
  if (now < next_deadline_) {
    return count;
  }
  next_deadline_ = kNever;
  for (Entry& entry : entries_) {
    if (!has_timer(entry)) {
      continue;
    }
    if (entry.deadline <= now && entry.state == NeighborState::kDelay) {
      entry.state = NeighborState::kProbe;
    }
    if (entry.deadline <= now && entry.asked == times_.solicitations) {
      remove(entry);
      ++given_up_;
      continue;
    }
    if (entry.deadline <= now && count < out.size()) {
      const bool is_known = entry.state == NeighborState::kProbe;
      const MacAddress to = is_known                ? entry.mac
                            : entry.address.is_v4() ? kBroadcast
                                                    : multicast_mac(solicited_node(entry.address));
      out[count++] = {.target = entry.address, .to = to};
      ++entry.asked;
      entry.deadline = now + times_.retransmit_ns;
    }
    next_deadline_ = std::min(next_deadline_, entry.deadline);
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
