#include "src/data/member_collection.h"

namespace pollux {

size_t MemberCollection::bytes() const {
  return Arena::usable(sizeof(*this)) + members.bytes();
}

MemberCollection* MemberCollection::clone(ShardMemory& memory) const {
  MemberCollection* const copy = memory.make<MemberCollection>();
  members.for_each([copy](const Entry& member) {
    copy->members.insert(Key::of(member.key()), member.stored_bytes());
    return true;
  });
  return copy;
}

}  // namespace pollux
