#include "storage/journal_reader.h"

#include "src/base/assert.h"

namespace pollux {

const JournalPart* JournalReader::next() {
  const size_t lanes = journal_.lanes();
  for (size_t i = 0; !there_ && i < lanes; ++i) {
    JournalLane& lane = journal_.lane(WorkerId{static_cast<uint16_t>(lane_)});
    if (lane.front(part_) && part_.ticket.value == taken_.value + 1) {
      there_ = true;
      break;
    }
    lane_ = lane_ + 1 == lanes ? 0 : lane_ + 1;
  }
  return there_ ? &part_ : nullptr;
}

void JournalReader::pop() {
  POLLUX_ASSERT(there_);
  if (part_.last) {
    taken_ = part_.ticket;
  }
  journal_.lane(WorkerId{static_cast<uint16_t>(lane_)}).pop();
  there_ = false;
}

}  // namespace pollux
