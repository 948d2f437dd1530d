#include "dataplane/tcp/tables/time_wait.h"

#include "src/base/assert.h"

namespace pollux::tcp {

namespace {

// Timestamps wrap as sequence numbers do (RFC 7323 5.2).
bool timestamp_after(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b) > 0;
}

}  // namespace

TimeWaitTable::TimeWaitTable(SipKey key, const Config& config)
    : config_(config), records_(key, config.capacity) {
  POLLUX_ASSERT(config.two_msl_ns >= kSecondNs && config.two_msl_ns <= 60 * kSecondNs);
}

TimeWaitRecord* TimeWaitTable::find(uint64_t hash, const Flow& flow) {
  const uint32_t index = records_.find(hash, flow);
  return index == kNoIndex ? nullptr : &records_[index];
}

bool TimeWaitTable::insert(uint64_t hash, const Flow& flow, const TimeWaitState& state,
                           Moment now) {
  if (TimeWaitRecord* const same = find(hash, flow); same != nullptr) {
    erase(*same);
  }
  const bool full = records_.size() == records_.capacity();
  if (full) {
    erase(records_[queue_.front()]);
  }
  const uint32_t index = records_.take(hash, flow);
  TimeWaitRecord& record = records_[index];
  record.send_next = state.send_next;
  record.receive_next = state.receive_next;
  record.peer_timestamp = state.peer_timestamp;
  record.window = state.window;
  record.timestamps = state.timestamps;
  wait(index, now);
  return full;
}

void TimeWaitTable::erase(TimeWaitRecord& record) {
  const uint32_t index = records_.index_of(record);
  queue_.remove(index, records_.at());
  records_.release(index);
}

void TimeWaitTable::wait(uint32_t index, Moment now) {
  records_[index].due = clock_.tick_of(now + config_.two_msl_ns);
  queue_.push_back(index, records_.at());
}

// RFC 6191 section 2, step by step: the peer's timestamps grow from connection to connection of a
// flow, else his sequence numbers do.
bool TimeWaitTable::may_reopen(const TimeWaitRecord& record, const TimeWaitSegment& syn) {
  if (syn.timestamp) {
    if (!record.timestamps || timestamp_after(*syn.timestamp, record.peer_timestamp)) {
      return true;
    }
    if (*syn.timestamp != record.peer_timestamp) {
      return false;
    }
  }
  return syn.seq >= record.receive_next;  // RCV.NXT - 1, his FIN, is the last number he used
}

// In 8 bits, which are round after 69 s: an old ACK may then keep back a new one, once in a while.
TimeWaitAction TimeWaitTable::limited_ack(TimeWaitRecord& record, Moment now) {
  const auto unit = static_cast<uint8_t>(now.ns / kAckGapNs);
  if (record.acked && static_cast<uint8_t>(unit - record.acked_at) < 2) {
    return TimeWaitAction::kDrop;
  }
  record.acked = true;
  record.acked_at = unit;
  return TimeWaitAction::kAck;
}

TimeWaitAction TimeWaitTable::on_segment(TimeWaitRecord& record, const TimeWaitSegment& segment,
                                         Moment now) {
  if (segment.rst) {
    return TimeWaitAction::kDrop;  // RFC 1337 section 3, fix F1: else an old ACK ends TIME-WAIT
  }
  if (segment.syn && !segment.ack) {
    // RFC 6191: one that may not is dropped in silence.
    return may_reopen(record, segment) ? TimeWaitAction::kReopen : TimeWaitAction::kDrop;
  }
  if (!segment.ack) {
    return TimeWaitAction::kDrop;
  }
  if (record.timestamps && !segment.timestamp) {
    return TimeWaitAction::kDrop;  // RFC 7323 3.2: each segment of such a connection has one
  }
  // RFC 7323 5.3 R1 (PAWS): an old duplicate is acknowledged and does nothing else.
  if (record.timestamps && timestamp_after(record.peer_timestamp, *segment.timestamp)) {
    return limited_ack(record, now);
  }
  const bool repeats_fin = segment.fin && segment.seq + segment.bytes == record.receive_next;
  const bool empty_in_order = segment.bytes == 0 && segment.seq == record.receive_next;
  if ((repeats_fin || empty_in_order) && record.timestamps) {
    record.peer_timestamp = *segment.timestamp;  // RFC 7323 4.3 (2)
  }
  if (empty_in_order) {
    return TimeWaitAction::kDrop;  // an ACK of this would be answered in turn, for ever
  }
  if (repeats_fin) {
    // RFC 9293 3.10.7.4, eighth: acknowledge it, and restart the 2 MSL timeout.
    const uint32_t index = records_.index_of(record);
    queue_.remove(index, records_.at());
    wait(index, now);
  }
  return limited_ack(record, now);  // RFC 9293 3.10.7.4, first: what is not acceptable is answered
}

size_t TimeWaitTable::advance(Moment now, size_t records_max) {
  size_t count = 0;
  for (; count < records_max && next_deadline() <= now; ++count) {
    erase(records_[queue_.front()]);
  }
  return count;
}

Moment TimeWaitTable::next_deadline() const {
  return queue_.empty() ? kNever : clock_.moment_of(records_[queue_.front()].due);
}

}  // namespace pollux::tcp
