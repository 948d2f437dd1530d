// What is done with segments that belong to no connection: those that open one (RFC 9293 3.10.7.2
// and SYN-RECEIVED of a passive open), those of one that is over (TIME-WAIT), and strangers'.
//
// A SYN costs a record of a cache line, and where these become few, nothing: then the SYN-ACK is a
// cookie. A connection is made when the handshake is complete, by whoever calls: kOpen says how it
// begins, and opened() that it was made; the segment that completed it is then given to it. What is
// refused is answered by a RST, in limits; what only can't be served now is dropped, since it comes
// again.
//
// Whoever calls looks the flow up among connections first. No packets, no clock; belongs to a core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "dataplane/tcp/connection/connection.h"
#include "dataplane/tcp/tables/isn.h"
#include "dataplane/tcp/tables/rate_limit.h"
#include "dataplane/tcp/tables/siphash.h"
#include "dataplane/tcp/tables/syn_cookie.h"
#include "dataplane/tcp/tables/syn_table.h"
#include "dataplane/tcp/tables/time_wait.h"

namespace pollux::tcp {

struct ListenerConfig {
  SynTable::Config half_open;
  TimeWaitTable::Config time_wait;
  RateLimit resets = AddressLimiter::kResets;
  RateLimit cookie_guesses = AddressLimiter::kCookieGuesses;
  // Where every flow begins to count, instead of where its secret says: for tests of what happens
  // where numbers wrap.
  std::optional<FlowOffsets> offsets;
};

// Secrets of the process, each for one purpose. Cores that are to take each other's cookies share
// `cookie_flow` and `cookie_period`.
struct ListenerKeys {
  SipKey table;    // flow_hash, of all tables
  SipKey offsets;  // sequence numbers and timestamps
  SipKey cookie_flow;
  SipKey cookie_period;
  SipKey limits;
};

struct ListenerCounters {
  uint64_t syns = 0;  // taken, with a record
  uint64_t cookies_sent = 0;
  uint64_t cookies_taken = 0;
  // ACKs that were dropped: they bring none, but one was made for the flow, or one that is spent.
  uint64_t cookies_refused = 0;
  uint64_t opened = 0;
  uint64_t no_room = 0;  // dropped: there is no room for another connection
  uint64_t syn_acks_again = 0;
  uint64_t expired = 0;  // half-open ones whose ACK did not come
  uint64_t resets_sent = 0;
  uint64_t resets_withheld = 0;    // over the limit
  uint64_t reopened = 0;           // out of TIME-WAIT (RFC 6191)
  uint64_t time_wait_dropped = 0;  // before their time, for want of records
};

// A segment of no connection.
struct Stranger {
  uint64_t hash = 0;  // flow_hash, with the key of the tables
  const Flow& flow;
  const TcpHeader& header;
  const TcpOptions& options;
  uint32_t payload_bytes = 0;
  bool listens = false;   // somebody does at this address and port, and wants this peer
  bool has_room = false;  // for another connection
  uint16_t path_mss = 536;
};

class Listener {
 public:
  Listener(const ListenerConfig& config, const ListenerKeys& keys);

  enum class Action : uint8_t {
    kDrop,
    kAnswer,      // by answer(): back to the frame's sender
    kAnswerPeer,  // likewise, to one who has a record: the answer may have to go again, unasked
    kOpen,        // a connection as opening() says
  };
  Action on_segment(const ConnectionConfig& connections, const Stranger& stranger, Moment now);
  const SegmentOut& answer() const { return answer_; }
  const PassiveOpening& opening() const { return opening_; }
  // The connection of kOpen was made: before the next segment, that of kOpen is then given to it.
  // Without this call nothing has happened, and the segment comes again.
  void opened(const Stranger& stranger);

  // A connection does not know a segment of its flow (Connection::Verdict::kReset): the same RST,
  // within the same limits.
  Action refuse(const Stranger& stranger, Moment now);
  // A connection has ended in TIME-WAIT.
  void enter_time_wait(uint64_t hash, const Flow& flow, const TimeWaitState& state, Moment now);

  // Whether one is being opened, or was there a moment ago.
  bool knows(uint64_t hash, const Flow& flow) {
    return half_open_.find(hash, flow) != nullptr || time_wait_.find(hash, flow) != nullptr;
  }
  // What a connection of ours to there begins with.
  FlowOffsets offsets(const Flow& flow) const {
    return offsets_ ? *offsets_ : flow_offsets(keys_.offsets, flow);
  }

  // kNever: nothing waits.
  Moment next_deadline() const;
  // Calls send(const Flow&, const SegmentOut&) for SYN-ACKs that go again, of which mss_of(const
  // Flow&) is Stranger::path_mss; at most `records_max` records are looked at.
  template <typename MssOf, typename Send>
  void advance(const ConnectionConfig& connections, Moment now, size_t records_max, MssOf&& mss_of,
               Send&& send);

  const ListenerCounters& counters() const { return counters_; }
  size_t half_open() const { return half_open_.size(); }
  size_t time_waits() const { return time_wait_.size(); }

 private:
  Action on_time_wait(const ConnectionConfig& connections, const Stranger& stranger,
                      TimeWaitRecord& record, Moment now);
  Action on_half_open(const ConnectionConfig& connections, const Stranger& stranger,
                      SynEntry& entry, Moment now);
  Action on_syn(const ConnectionConfig& connections, const Stranger& stranger,
                std::optional<Seq> isn_min, Moment now);
  std::optional<Action> on_cookie(const ConnectionConfig& connections, const Stranger& stranger,
                                  Moment now);
  SynCookies::Check check_cookie(const Stranger& stranger, Moment now);
  Action answer_by_cookie(const ConnectionConfig& connections, const Stranger& stranger,
                          Moment now);
  void write_syn_ack(const ConnectionConfig& connections, const SynEntry& entry, uint16_t path_mss,
                     Moment now);

  const ListenerKeys keys_;
  const std::optional<FlowOffsets> offsets_;
  SynTable half_open_;
  SynCookies cookies_;
  TimeWaitTable time_wait_;
  AddressLimiter resets_;
  AddressLimiter cookie_guesses_;
  ListenerCounters counters_;
  SegmentOut answer_;
  PassiveOpening opening_;
  std::optional<uint64_t> opening_cookie_;  // what it spends
};

template <typename MssOf, typename Send>
void Listener::advance(const ConnectionConfig& connections, Moment now, size_t records_max,
                       MssOf&& mss_of, Send&& send) {
  half_open_.advance(
      now, records_max,
      [&](SynEntry& entry) {
        ++counters_.syn_acks_again;
        write_syn_ack(connections, entry, mss_of(std::as_const(entry.flow)), now);
        send(std::as_const(entry.flow), std::as_const(answer_));
      },
      [this](const SynEntry&) { ++counters_.expired; });
  time_wait_.advance(now, records_max);
}

}  // namespace pollux::tcp
