// Connections that are over but for their old segments (TIME-WAIT): a cache line each, in place of
// a connection, for 2 MSL. A record answers a FIN that comes again, keeps old segments from a new
// connection of the same flow, and decides whether a SYN may begin one early.
//
// All wait as long, so they stand in one queue, in ticks of 1.05 ms. When all records are taken the
// one that has waited longest goes. Belongs to one core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "dataplane/tcp/tables/flow_records.h"
#include "dataplane/tcp/tables/index_list.h"
#include "dataplane/tcp/tables/siphash.h"
#include "dataplane/tcp/wire/address.h"
#include "dataplane/tcp/wire/moment.h"
#include "dataplane/tcp/wire/seq.h"

namespace pollux::tcp {

// The end of a connection, and all that an ACK of it says. (The offset of its own timestamps is
// flow_offsets of the flow, isn.h.)
struct TimeWaitState {
  Seq send_next;                // SND.NXT, behind our FIN
  Seq receive_next;             // RCV.NXT, behind the peer's FIN
  uint32_t peer_timestamp = 0;  // TS.Recent
  uint16_t window = 0;          // as in the header
  bool timestamps = false;      // they were in use
};

// A segment that came for a flow in TIME-WAIT.
struct TimeWaitSegment {
  Seq seq;
  uint32_t bytes = 0;  // SEG.LEN, SYN and FIN included
  bool syn = false;
  bool ack = false;
  bool fin = false;
  bool rst = false;
  std::optional<uint32_t> timestamp;  // TSval
};

struct alignas(64) TimeWaitRecord {
  Flow flow;
  Seq send_next;
  Seq receive_next;
  uint32_t peer_timestamp = 0;
  uint32_t due = 0;  // CoarseClock
  uint32_t next = kNoIndex;
  uint32_t prev = kNoIndex;
  uint16_t window = 0;
  bool timestamps : 1 = false;
  bool acked : 1 = false;
  uint8_t acked_at = 0;  // when, in units of kAckGapNs

  TimeWaitState state() const {
    return {send_next, receive_next, peer_timestamp, window, timestamps};
  }
};
static_assert(sizeof(TimeWaitRecord) == 64);

enum class TimeWaitAction {
  kDrop,    // nothing is to be done
  kAck,     // send an ACK of the record's state; the limit of such ACKs allows it
  kReopen,  // the SYN begins a new connection; erase the record, and see isn_min
};

class TimeWaitTable {
 public:
  struct Config {
    size_t capacity = 65'536;             // records
    int64_t two_msl_ns = 60 * kSecondNs;  // 1 to 60 s
  };

  // `key` is what `hash` is made with everywhere: flow_hash of the flow.
  TimeWaitTable(SipKey key, const Config& config);

  // The record, or null. It is good until it is erased, expires or is dropped for another.
  TimeWaitRecord* find(uint64_t hash, const Flow& flow);
  // A connection enters TIME-WAIT; a record of the same flow is replaced. If all are taken, the
  // oldest goes: true is returned then.
  bool insert(uint64_t hash, const Flow& flow, const TimeWaitState& state, Moment now);
  void erase(TimeWaitRecord& record);

  // RFC 9293 3.10.7.4 for the state TIME-WAIT, with RFC 6191 for SYNs and RFC 1337 for RSTs. The
  // peer's FIN that comes again begins the 2 MSL anew. A record has kAck for one segment in one to
  // two kAckGapNs: two peers who each find the other out of the window would never stop.
  TimeWaitAction on_segment(TimeWaitRecord& record, const TimeWaitSegment& segment, Moment now);

  static constexpr int64_t kAckGapNs = int64_t{1} << 28;  // 0.27 s

  // The least ISN of a new connection in place of this one, above all numbers that it used (RFC
  // 9293 3.6.1) and away from those that old ACKs may say. Take later(this, initial_seq).
  static Seq isn_min(const TimeWaitRecord& record) { return record.send_next + kIsnAhead; }

  // Erases what has waited 2 MSL, at most `records_max`; how many.
  size_t advance(Moment now, size_t records_max);
  // Exact: when advance has something to do. kNever if there are no records.
  Moment next_deadline() const;

  size_t size() const { return records_.size(); }
  size_t capacity() const { return records_.capacity(); }
  size_t bytes() const { return records_.bytes(); }
  void prefetch_bucket(uint64_t hash) const { records_.prefetch_bucket(hash); }

 private:
  static constexpr uint32_t kIsnAhead = 1 << 16;

  static TimeWaitAction limited_ack(TimeWaitRecord& record, Moment now);
  static bool may_reopen(const TimeWaitRecord& record, const TimeWaitSegment& syn);
  void wait(uint32_t index, Moment now);

  const Config config_;
  FlowRecords<TimeWaitRecord> records_;
  CoarseClock clock_;
  IndexList queue_;
};

}  // namespace pollux::tcp
