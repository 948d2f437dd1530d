#include "src/data/member_collection.h"

#include <algorithm>

#include "src/base/assert.h"
#include "src/base/slice_time.h"

namespace pollux {

MemberCollection::~MemberCollection() {
  if (times_ != nullptr) {
    times_->~Times();
    memory_.arena().free(times_, sizeof(Times));
  }
}

size_t MemberCollection::bytes() const {
  const size_t times = times_ == nullptr ? 0 : Arena::usable(sizeof(Times)) + times_->bytes();
  return Arena::usable(sizeof(*this)) + members.bytes() + times;
}

MemberCollection* MemberCollection::clone(ShardMemory& memory) const {
  MemberCollection* const copy = memory.make<MemberCollection>();
  members.for_each([copy](const Entry& member) {
    const Entry::Expiry* expiry = member.has_expiry() ? &member.expiry() : nullptr;
    copy->members.insert(Key::of(member.key()), member.stored_bytes(), expiry);
    return true;
  });
  if (times_ != nullptr && times_->size() > 0) {
    copy->make_times();
    for (Times::Cursor cursor = times_->at(0); cursor; cursor.next()) {
      const Key name = Key::of(members.member(cursor.handle())->key());
      copy->times_->append(copy->members.find(name).handle());
    }
  }
  return copy;
}

bool MemberCollection::free_some(uint64_t until) {
  constexpr size_t kNodes = 8;
  while (times_ != nullptr && times_->drain(kNodes)) {
    if (out_of_time(until)) {
      return true;
    }
  }
  return members.free_some(until);
}

void MemberCollection::member_moved(Handle from, Handle to) {
  if (memory_.entry_at(to)->has_expiry()) {
    times_->replace(from, to);
  }
  members.moved(from, to);
}

// --- members with TTLs ---

void MemberCollection::make_times() {
  if (times_ == nullptr) {
    times_ = new (memory_.arena().allocate(sizeof(Times))) Times(memory_.arena(), ByTime{&memory_});
  }
}

int64_t MemberCollection::next_expiry_ms() const {
  return times_ == nullptr || times_->size() == 0
             ? -1
             : memory_.entry_at(times_->first())->expiry().at_ms;
}

bool MemberCollection::all_due(int64_t limit_ms) const {
  return times_ != nullptr && times_->size() == size() && size() > 0 &&
         memory_.entry_at(times_->last())->expiry().at_ms <= limit_ms;
}

void MemberCollection::set_expiry(const Key& name, MemberTable::Place place, int64_t at_ms) {
  POLLUX_ASSERT(at_ms <= kTimeMaxMs);
  const Entry* member = members.member(place.handle());
  if (member->has_expiry()) {
    times_->erase(place.handle());
  }
  if (at_ms < 0) {
    if (member->has_expiry()) {
      members.set_expiry(place, nullptr);
    }
    return;
  }
  make_times();
  const auto hash_bits = static_cast<uint32_t>(name.hash & ((1U << ByTime::kHashBits) - 1));
  const Entry::Expiry expiry{at_ms, hash_bits, 0};
  times_->insert(members.set_expiry(place, &expiry));
}

void MemberCollection::set_value(MemberTable::Place place, std::string_view value) {
  const Entry* member = members.member(place.handle());
  if (!member->has_expiry() || MemberTable::fits_in_place(*member, value.size())) {
    members.set_value(place, value);
    return;
  }
  times_->erase(place.handle());
  times_->insert(members.set_value(place, value));
}

void MemberCollection::erase(const Key& name, MemberTable::Place place) {
  if (members.member(place.handle())->has_expiry()) [[unlikely]] {
    times_->erase(place.handle());
  }
  members.erase(name, place);
}

size_t MemberCollection::expire(int64_t limit_ms, size_t members_max, const Tell& tell) {
  constexpr uint64_t kBurst = 128;
  if (times_ == nullptr) {
    return 0;
  }
  const uint64_t expired = std::min(due(limit_ms), members_max);
  for (uint64_t left = expired; left > 0;) {
    Handle burst[kBurst];
    const uint64_t n = std::min(left, kBurst);
    Times::Cursor cursor = times_->at(0);
    cursor.prefetch_next(n);
    for (uint64_t i = 0; i < n; ++i, cursor.next()) {
      burst[i] = cursor.handle();
      members.prefetch_bucket(Key::of(memory_.entry_at(burst[i])->key()).hash);
    }
    times_->erase_ranks(0, n);
    for (uint64_t i = 0; i < n; ++i) {
      const Key name = Key::of(memory_.entry_at(burst[i])->key());
      if (tell) {
        tell(name.bytes);
      }
      members.erase(name, members.find(name));
    }
    left -= n;
  }
  return expired;
}

void MemberCollection::check() const {
  size_t timed = 0;
  members.for_each([&](const Entry& member) {
    timed += member.has_expiry() ? 1 : 0;
    return true;
  });
  POLLUX_ASSERT(timed == (times_ == nullptr ? 0 : times_->size()));
  if (times_ != nullptr) {
    times_->check();
  }
}

}  // namespace pollux
