// One connection: the state machine of RFC 9293 3.10 between a Sender and a Receiver, with the
// checks that keep strangers out of it (RFC 5961, PAWS) and the times after which it gives up.
//
// No packets, no payload, no clock. Segments come parsed; flush() says which go out, and whoever
// sends them fills in addresses, ports and the payload that was asked for by sequence numbers. All
// of a turn's segments come first, then the application runs, then flush(): so ACKs ride on the
// answers, and answers that were written one by one leave together.
//
// It does not know LISTEN and SYN-RECEIVED of a passive open (those are records of a table, before
// there is a connection), nor TIME-WAIT (a record, after it): is_over() says that this object can
// go, and how it ended.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "dataplane/tcp/connection/receiver.h"
#include "dataplane/tcp/connection/sender.h"
#include "dataplane/tcp/recovery/on_demand.h"
#include "dataplane/tcp/tables/isn.h"
#include "dataplane/tcp/tables/rate_limit.h"
#include "dataplane/tcp/tables/syn_options.h"
#include "dataplane/tcp/tables/time_wait.h"
#include "dataplane/tcp/wire/ip.h"
#include "dataplane/tcp/wire/tcp_header.h"
#include "dataplane/tcp/wire/tcp_options.h"

namespace pollux::tcp {

// It may change under connections, but for the window's scale and ECN: what a SYN has said of these
// is not kept elsewhere. (Nor is its window: where the buffer has become smaller before the answer,
// what lies beyond it comes again.)
struct ConnectionConfig {
  ReceiverConfig receive;
  uint8_t window_scale = 7;  // ours; 64 KiB << 7 = 8 MiB at most
  bool ecn = false;          // asked for and granted
  // Once the application has closed: how long a peer may take to end, when it has all of ours; and
  // how long it may take next to nothing of what is left for it.
  int64_t fin_wait2_ns = 60 * kSecondNs;
  int64_t orphan_ns = 100 * kSecondNs;
  int64_t keepalive_idle_ns = 300 * kSecondNs;  // 0: none
  int64_t keepalive_interval_ns = 100 * kSecondNs;
  unsigned keepalive_probes = 3;  // unanswered ones after which the peer is gone
};

// What all connections of a core share.
struct ConnectionShared {
  ConnectionConfig config;
  SenderShared sender;
  ConnectionLimiter challenge_acks;      // RFC 5961 7
  ConnectionLimiter out_of_window_acks;  // so that two stacks can't acknowledge each other for ever
};

// What a SYN or SYN-ACK offers: windows there are not scaled.
inline uint16_t window_of_syn(const ConnectionConfig& config) {
  return static_cast<uint16_t>(std::min<uint32_t>(config.receive.buffer_bytes, UINT16_MAX));
}

// The path to the peer, as far as it shapes segments.
struct Path {
  uint16_t mss = 536;                // MTU less the headers of IP and TCP, options not subtracted
  uint32_t segmented_bytes_max = 0;  // payload of one frame that the device cuts; 0: it cuts none
  uint16_t default_mss = 536;        // of a peer whose SYN says none (SynOptions::default_mss)
};

// How a connection begins whose handshake somebody else has made (SYN table or cookie).
struct PassiveOpening {
  Seq our_isn;
  Seq peer_isn;
  uint16_t our_window = 0;               // of our SYN-ACK
  SynOptions options;                    // agreed
  uint32_t timestamp_offset = 0;         // ours (flow_offsets)
  uint32_t peer_timestamp = 0;           // the newest that was seen
  int64_t rtt_ns = Sender::kRttUnknown;  // SYN-ACK to ACK; kNoRtt: it was sent again
};

struct ActiveOpening {
  Seq our_isn;
  uint32_t timestamp_offset = 0;
};

enum class TcpState : uint8_t {
  kSynSent,
  kSynReceived,  // of a simultaneous open
  kEstablished,
  kFinWait1,
  kFinWait2,
  kCloseWait,
  kClosing,
  kLastAck,
  kTimeWait,  // over, but for a record of it
  kClosed,    // over
};
std::string_view name_of(TcpState state);

enum class TcpEnd : uint8_t {
  kNone,     // it is not over
  kClosed,   // both sides have ended
  kReset,    // by the peer
  kRefused,  // likewise, when it was being opened
  kAborted,  // by us
  kTimeout,  // the peer does not answer
};
std::string_view name_of(TcpEnd end);

// What went out is described by this.
struct SegmentOut {
  TcpHeader header;  // without ports
  TcpOptions options;
  SeqRange payload;            // to be fetched from what the application wrote
  uint16_t segment_bytes = 0;  // the payload is for a device to cut into so much each; 0: it is not
  bool ect = false;            // may be marked instead of dropped (RFC 3168); CWR, if it is set, is
                               // for the first of the segments that a device cuts
  bool is_control = false;     // no payload: may use memory that is kept back
};

// What most of them are: an ACK, with payload or without, and timestamps as its only option. It
// takes a third of the instructions to make and to write.
struct PlainOut {
  Seq seq;
  Seq ack;
  TcpFlags flags = kAck;
  uint16_t window = 0;
  Timestamps timestamps;
  SeqRange payload;

  SegmentOut segment() const {
    SegmentOut out;
    out.header.seq = seq;
    out.header.ack = ack;
    out.header.flags = flags;
    out.header.window = window;
    out.options.timestamps = timestamps;
    out.payload = payload;
    out.is_control = payload.empty();
    return out;
  }
  // Who tells no difference takes it as any.
  operator SegmentOut() const { return segment(); }
};

class Connection {
 public:
  // Passive: established; the segment that completed the handshake is still to be given to it.
  Connection(ConnectionShared& shared, const Path& path, const PassiveOpening& opening, Moment now);
  // Active: SYN-SENT, and flush() has the SYN.
  Connection(ConnectionShared& shared, const Path& path, const ActiveOpening& opening, Moment now);

  // ---- what comes ----
  struct Segment {
    Segment(const TcpHeader& its_header, const TcpOptions& its_options, Bytes its_payload,
            bool is_ce = false)
        : header(its_header),
          options(&its_options),
          timestamps(its_options.timestamps),
          payload(its_payload),
          ce(is_ce) {}
    // With timestamps as its only option.
    Segment(const TcpHeader& its_header, const Timestamps& its_timestamps, Bytes its_payload,
            bool is_ce)
        : header(its_header), timestamps(its_timestamps), payload(its_payload), ce(is_ce) {}

    std::span<const SeqRange> sacks() const {
      return options == nullptr ? std::span<const SeqRange>{} : options->sack_blocks();
    }
    TcpOptions all_options() const {
      TcpOptions none;
      none.timestamps = timestamps;
      return options == nullptr ? none : *options;
    }

    const TcpHeader& header;
    const TcpOptions* options = nullptr;  // null: there are none but timestamps
    std::optional<Timestamps> timestamps;
    Bytes payload;
    bool ce;  // the IP header says: congestion experienced
  };
  enum class Verdict : uint8_t {
    kTaken,
    kDropped,  // for a reason that is counted
    kReset,    // nothing of this connection's: to be answered by a RST as if there were none
  };
  // What it brought is appended to `arrived`, which must be empty.
  Verdict on_segment(ConnectionShared& shared, const Segment& segment, Moment now,
                     Arrived& arrived) {
    return is_expected(segment) ? take_expected(shared, segment, now, arrived)
                                : on_any_segment(shared, segment, now, arrived);
  }
  // Whether it is what most are, to a connection that has nothing on its way but a reply that this
  // acknowledges, so that take_next() does what on_segment() would. Its payload is what arrived.
  bool is_next(const Segment& segment) const {
    return is_expected(segment) && is_plain_ack(segment);
  }
  void take_next(ConnectionShared& shared, const Segment& segment, Moment now);
  // The same by the way that holds for all. (Public for the test that compares the two.)
  Verdict on_any_segment(ConnectionShared& shared, const Segment& segment, Moment now,
                         Arrived& arrived);
  // An ICMP error quotes a segment of ours that begins with `seq`; whether it may be believed:
  // only if that is outstanding (RFC 5927 4.1).
  bool is_outstanding(Seq seq) const { return sender_.una() <= seq && seq < sender_.nxt(); }
  // The path takes no longer segments than this (RFC 1191, 8201).
  void on_path_mss(uint16_t mss);
  // Nobody is there (ICMP): ends one that is being opened; to others it means nothing (RFC 5927).
  void on_unreachable();

  // ---- the application ----
  // So many more bytes stand ready to be sent, behind those before. Requires can_write(), and that
  // no more than Sender::kUnacknowledgedMax are unacknowledged then.
  void write(uint32_t bytes) { sender_.write(bytes); }
  bool can_write() const { return !sender_.finished() && state_ < TcpState::kTimeWait; }
  // The application is done with so much of what arrived.
  void read(uint32_t bytes) { receiver_.read(bytes); }
  // No more will be written; what was goes out first. The peer may go on.
  void finish();
  // The same, and what still comes is not wanted: it is answered by a RST (RFC 1122 4.2.2.13), as
  // is what has come and was not read. A peer that takes nothing more is not waited for long.
  void close(ConnectionShared& shared, Moment now);
  // RST, at once.
  void abort();

  // ---- what goes out: once a turn, and after a deadline ----
  // Calls emit(const SegmentOut&) or emit(const PlainOut&) for each segment; false: there is no
  // room, and it is asked again in another turn. Returns false in that case.
  template <typename Emit>
  [[gnu::always_inline]] bool flush(ConnectionShared& shared, Moment now, Emit&& emit) {
    if (owes_plain_reply()) {
      if (!emit(plain_reply(shared, now))) {
        return false;
      }
      sender_.reply_sent(shared.sender, now);
    } else if (owes_plain_ack(shared, now)) {
      if (!emit(plain(shared, kAck, sender_.bare_seq(), now))) {
        return false;
      }
    } else {
      return flush_any</*kPlain=*/true>(shared, now, emit);
    }
    note_ack_sent();
    return true;
  }
  // By the way that holds for all; `kPlain`: what may be plain is given as that. (Public for the
  // test that compares flush() to one without.)
  template <bool kPlain, typename Emit>
  bool flush_any(ConnectionShared& shared, Moment now, Emit&& emit);

  // Behind it.
  void rest() { sender_.rest(); }

  // ---- time ----
  // The earliest of all that is waited for; kNever: nothing is.
  Moment deadline(const ConnectionShared& shared) const;
  // At its deadline; flush() afterwards.
  void on_timer(ConnectionShared& shared, Moment now);

  // ---- what it is ----
  TcpState state() const { return state_; }
  bool is_open() const { return state_ >= TcpState::kEstablished && state_ < TcpState::kTimeWait; }
  // Nothing is to be sent any more, either.
  bool is_over() const { return state_ >= TcpState::kTimeWait && !reset_owed_ && !challenge_owed_; }
  TcpEnd end() const { return end_; }
  // Over but for a last word to the peer; and it need not be said.
  bool owes_last_word() const { return state_ >= TcpState::kTimeWait && !is_over(); }
  void drop_last_word() { reset_owed_ = challenge_owed_ = false; }
  // Of kTimeWait.
  TimeWaitState time_wait() const;
  // What was written and is not needed any more ends here.
  Seq acknowledged() const { return sender_.una(); }
  uint32_t unacknowledged_bytes() const {
    return static_cast<uint32_t>(sender_.end() - sender_.una());
  }
  const Sender& sender() const { return sender_; }
  const Receiver& receiver() const { return receiver_; }
  Receiver& receiver() { return receiver_; }
  // The memory that what came before its turn takes; with little of that it is forgotten, and comes
  // again (RFC 2018 8).
  uint32_t held_bytes() const { return has_receiver_ ? receiver_.held_bytes() : 0; }
  uint32_t drop_held() { return has_receiver_ ? receiver_.drop_held() : 0; }
  // The memory of blocks that few connections have, or not for long. It changes in on_segment() but
  // for what is_next() and acknowledges nothing, in on_timer(), close() and drop_held(), and in the
  // flush() behind these, or while there are any.
  uint32_t block_bytes() const {
    return rare_.memory_bytes() + sender_.block_bytes() + receiver_.block_bytes();
  }
  bool uses_timestamps() const { return timestamps_; }
  bool uses_sack() const { return sack_; }
  bool uses_ecn() const { return ecn_; }

 private:
  // What few connections ever have: 32 bytes.
  struct Rare {
    // Behind close(): SND.UNA when the present patience began, and when it ends.
    Seq left_from{};
    Moment ends_at = kNever;
    TokenBucket challenges;
    TokenBucket out_of_window;
  };

  Rare& rare() { return rare_.made(); }
  // Behind the peer's SYN, which ours has offered `window`.
  void begin_receiving(const ConnectionShared& shared, Seq peer_isn, uint16_t window);
  uint16_t payload_mss() const;
  uint32_t scaled(uint16_t window) const { return uint32_t{window} << peer_shift_; }
  uint32_t timestamp_now(Moment now) const {
    return timestamp_at({.timestamp = timestamp_offset_}, now);
  }
  Moment echoed_moment(uint32_t echo, Moment now) const;
  void end_as(TcpState state, TcpEnd end);
  Verdict on_syn_sent(ConnectionShared& shared, const Segment& segment, Moment now);
  void take_syn(ConnectionShared& shared, const Segment& segment);
  bool is_expected(const Segment& segment) const;
  // Of one that is_expected().
  bool is_plain_ack(const Segment& segment) const {
    const Seq ack = segment.header.ack;
    return (sender_.is_told_nothing_by(ack) || sender_.is_told_of_reply_by(ack)) &&
           segment.sacks().empty();
  }
  Verdict take_expected(ConnectionShared& shared, const Segment& segment, Moment now,
                        Arrived& arrived);
  void take_payload(const ConnectionShared& shared, const Segment& segment, Moment now);
  static bool is_newer(uint32_t timestamp, uint32_t than) {
    return static_cast<int32_t>(timestamp - than) > 0;
  }
  bool passes_paws(const Segment& segment, Moment now) const;
  void note_timestamp(const Segment& segment, Moment now);
  bool is_one_below(const Segment& segment) const;
  Verdict on_reset(ConnectionShared& shared, Seq seq, Moment now);
  Verdict challenge(ConnectionShared& shared, Moment now);
  Verdict answer_out_of_window(ConnectionShared& shared, const Segment& segment, Moment now);
  Verdict on_one_below(ConnectionShared& shared, const Segment& segment, Moment now);
  void heard(Moment now) {
    keepalives_sent_ = 0;
    keepalive_owed_ = false;
    sender_.heard(now);
  }
  Verdict take_ack(ConnectionShared& shared, const Segment& segment, Moment now);
  void on_fin_acked(ConnectionShared& shared, Moment now);
  void on_fin();
  // RFC 8257 3.2: an ACK tells of the marks since the one before.
  bool notes_single_marks() const {
    return sender_.congestion().algorithm() == CongestionAlgorithm::kDctcp;
  }
  void on_left_alone(const ConnectionShared& shared, Moment now);
  void give_up();
  Moment keepalive_at(const ConnectionShared& shared) const;
  void note_ce(const Segment& segment);

  void note_ack_rode();
  void note_ack_sent();
  PlainOut plain(ConnectionShared& shared, TcpFlags flags, Seq seq, Moment now);
  bool is_plain(const Sender::Next& next) const {
    return timestamps_ && !ecn_ && !next.syn && next.range.bytes() <= sender_.mss();
  }
  PlainOut plain_data(ConnectionShared& shared, const Sender::Next& next, Moment now);
  SegmentOut bare(ConnectionShared& shared, TcpFlags flags, Seq seq, Moment now);
  SegmentOut ack_segment(ConnectionShared& shared, Moment now);
  SegmentOut syn_segment(const ConnectionShared& shared, Seq seq, Moment now) const;
  SegmentOut data_segment(ConnectionShared& shared, const Sender::Next& next, Moment now);
  SegmentOut reset_segment(Seq seq) const;
  uint32_t payload_max() const {
    return std::max<uint32_t>(segmented_bytes_max_, sender_.mss());
  }
  bool owes_ack(const ConnectionShared& shared, Moment now) const;
  bool owes_plain_ack(const ConnectionShared& shared, Moment now) const;
  bool owes_plain_reply() const;
  PlainOut plain_reply(ConnectionShared& shared, Moment now);

  // First what a segment in order looks at.
  [[no_unique_address]] Receiver receiver_;  // if has_receiver_
  uint8_t peer_shift_ = 0;
  TcpState state_ : 4;
  TcpEnd end_ : 4 = TcpEnd::kNone;
  uint8_t keepalives_sent_ = 0;
  uint32_t timestamp_offset_ = 0;
  uint32_t ts_recent_ = 0;
  Seq last_ack_sent_{};
  bool has_receiver_ : 1 = false;  // from the peer's SYN on
  bool timestamps_ : 1 = false;
  bool sack_ : 1 = false;
  bool ecn_ : 1 = false;
  bool reset_owed_ : 1 = false;
  bool challenge_owed_ : 1 = false;  // an ACK, whatever else
  bool keepalive_owed_ : 1 = false;
  bool discards_ : 1 = false;   // close(): nothing is wanted any more
  bool echoes_ce_ : 1 = false;  // ECE until CWR comes (RFC 3168 6.1.3)
  uint16_t path_mss_;
  Sender sender_;
  OnDemand<Rare> rare_;
  uint16_t segmented_bytes_max_;  // an IP packet holds no more
  uint16_t peer_mss_;
  uint8_t our_shift_ = 0;

 public:
  static constexpr size_t kHotBytes = 64 + Sender::kHotBytes;
};

// RFC 7323 5.5: after 24 days a timestamp may have gone round.
inline constexpr int64_t kTimestampsAgeNs = int64_t{24} * 24 * 3600 * kSecondNs;

// RFC 7323 4.3: of the segment that the next ACK answers.
inline void Connection::note_timestamp(const Segment& segment, Moment now) {
  const uint32_t value = segment.timestamps->value;
  if (segment.header.seq <= last_ack_sent_ &&
      (!is_newer(ts_recent_, value) || now - sender_.heard_at() > kTimestampsAgeNs)) {
    ts_recent_ = value;
  }
}

// Header prediction (Jacobson 1990): a request, or a part of one. If its peer has all of ours, or
// tells with it that it has, nothing of it needs a decision: 100 instructions instead of 500.
inline bool Connection::is_expected(const Segment& segment) const {
  const TcpHeader& header = segment.header;
  return state_ == TcpState::kEstablished && (header.flags & ~kPsh) == kAck &&
         receiver_.is_just_next(header.seq, segment.payload.size()) &&
         !(ecn_ && segment.ce) &&
         (!timestamps_ ||
          (segment.timestamps && !is_newer(ts_recent_, segment.timestamps->value)));
}

inline Connection::Verdict Connection::take_expected(ConnectionShared& shared,
                                                     const Segment& segment, Moment now,
                                                     Arrived& arrived) {
  if (is_plain_ack(segment)) {
    take_next(shared, segment, now);
  } else {
    if (const Verdict verdict = take_ack(shared, segment, now); verdict != Verdict::kTaken) {
      return verdict;
    }
    take_payload(shared, segment, now);
  }
  arrived.in_frame = segment.payload;
  return Verdict::kTaken;
}

[[gnu::always_inline]] inline void Connection::take_next(ConnectionShared& shared,
                                                         const Segment& segment, Moment now) {
  const TcpHeader& header = segment.header;
  const uint32_t window_bytes = scaled(header.window);
  if (sender_.all_acked()) {
    sender_.on_idle_ack(shared.sender, header.seq, header.ack, window_bytes, now);
  } else {
    sender_.on_reply_ack(shared.sender, header.seq, header.ack, window_bytes, now);
  }
  take_payload(shared, segment, now);
}

// Of a segment that is_expected(), behind its ACK.
[[gnu::always_inline]] inline void Connection::take_payload(const ConnectionShared& shared,
                                                            const Segment& segment, Moment now) {
  if (timestamps_) {
    note_timestamp(segment, now);
  }
  heard(now);
  receiver_.on_next(shared.config.receive, static_cast<uint32_t>(segment.payload.size()),
                    segment.header.has(kPsh), sender_.mss(), now);
}

inline void Connection::note_ack_sent() {
  receiver_.on_ack_sent();
  last_ack_sent_ = receiver_.nxt();
  challenge_owed_ = keepalive_owed_ = false;
  if (ecn_ && notes_single_marks()) {
    echoes_ce_ = receiver_.last_was_marked();
  }
}

inline bool Connection::owes_ack(const ConnectionShared& shared, Moment now) const {
  if (!has_receiver_ || state_ == TcpState::kClosed) {
    return false;
  }
  return challenge_owed_ || keepalive_owed_ ||
         receiver_.decide(shared.config.receive, sender_.mss(), now) == AckPolicy::Decision::kNow;
}

// Nothing else is to go, and there is nothing unusual about it: what follows from a segment that
// is_expected(), if the application is silent.
inline bool Connection::owes_plain_ack(const ConnectionShared& shared, Moment now) const {
  return state_ == TcpState::kEstablished && timestamps_ && sack_ && !keepalive_owed_ &&
         !sender_.wants_to_send() && !receiver_.has_sack_blocks() &&
         (challenge_owed_ ||
          receiver_.decide(shared.config.receive, sender_.mss(), now) == AckPolicy::Decision::kNow);
}

// What the application has written is one segment, which acknowledges all that came. (Nothing is
// left to be acknowledged behind it, as SACK blocks would.)
inline bool Connection::owes_plain_reply() const {
  return state_ == TcpState::kEstablished && timestamps_ && !ecn_ && !receiver_.has_sack_blocks() &&
         sender_.has_reply();
}

// As bare(), of a connection that uses timestamps.
inline PlainOut Connection::plain(ConnectionShared& shared, TcpFlags flags, Seq seq, Moment now) {
  const Receiver::Acknowledgement says =
      receiver_.acknowledge(shared.config.receive, sender_.mss());
  return {.seq = seq,
          .ack = says.ack,
          .flags = static_cast<TcpFlags>(flags | (echoes_ce_ ? kEce : 0)),
          .window = says.window,
          .timestamps = {timestamp_now(now), ts_recent_},
          .payload = {seq, seq}};
}

// What data_segment() makes of such a one.
inline PlainOut Connection::plain_data(ConnectionShared& shared, const Sender::Next& next,
                                       Moment now) {
  const SeqRange payload = next.payload();
  const int flags =
      kAck | (next.fin ? kFin : 0) | (next.push && !payload.empty() ? kPsh : 0);
  PlainOut out = plain(shared, static_cast<TcpFlags>(flags), next.range.begin, now);
  out.payload = payload;
  return out;
}

inline PlainOut Connection::plain_reply(ConnectionShared& shared, Moment now) {
  const SeqRange range = sender_.next_reply(now);
  PlainOut out = plain(shared, kAck | kPsh, range.begin, now);
  out.payload = range;
  return out;
}

// A segment that carries the ACK of all that came. The window's edge moves with it; that nobody
// hears of it, if there is no room for the segment, does no harm.
inline SegmentOut Connection::bare(ConnectionShared& shared, TcpFlags flags, Seq seq, Moment now) {
  SegmentOut out;
  const Receiver::Acknowledgement says =
      receiver_.acknowledge(shared.config.receive, sender_.mss());
  out.header.seq = seq;
  out.header.ack = says.ack;
  out.header.flags = static_cast<TcpFlags>(flags | kAck | (echoes_ce_ ? kEce : 0));
  out.header.window = says.window;
  if (timestamps_) {
    out.options.timestamps = {timestamp_now(now), ts_recent_};
  }
  out.payload = {seq, seq};
  return out;
}

inline SegmentOut Connection::ack_segment(ConnectionShared& shared, Moment now) {
  // RFC 1122 4.2.3.6: a keepalive is one below what is next, so that the peer must answer.
  SegmentOut out =
      bare(shared, kAck, keepalive_owed_ ? sender_.una() - 1 : sender_.bare_seq(), now);
  out.is_control = true;
  if (sack_ && receiver_.has_sack_blocks()) {
    out.options.sack_count = static_cast<uint8_t>(receiver_.sack_blocks(
        std::span(out.options.sack).first(timestamps_ ? kSackBlocksMax - 1 : kSackBlocksMax)));
  }
  return out;
}

// While nothing else would show whether the peer lives. From the first one on it is asked.
inline Moment Connection::keepalive_at(const ConnectionShared& shared) const {
  const ConnectionConfig& config = shared.config;
  const bool needs = config.keepalive_idle_ns != 0 && is_open() && sender_.all_acked() &&
                     !sender_.waits_for_window();
  if (!needs) {
    return kNever;
  }
  return sender_.asked_since() == kNever
             ? sender_.heard_at() + config.keepalive_idle_ns
             : sender_.asked_since() + keepalives_sent_ * config.keepalive_interval_ns;
}

inline Moment Connection::deadline(const ConnectionShared& shared) const {
  if (state_ >= TcpState::kTimeWait) {
    return kNever;
  }
  Moment first = std::min(keepalive_at(shared), sender_.deadline());
  first = std::min(first, receiver_.deadline());
  return discards_ ? std::min(first, rare_->ends_at) : first;
}

template <bool kPlain, typename Emit>
[[gnu::noinline]] bool Connection::flush_any(ConnectionShared& shared, Moment now, Emit&& emit) {
  if (reset_owed_) {
    // Only the number that the peer waits for is believed (RFC 5961 3.2); behind a probe of its
    // window that is one of two, and where something is outstanding the first of that may be lost.
    // It would ask, and be told by whoever knows nothing of it; but that may be in its limits then.
    const Seq nxt = sender_.nxt();
    const bool told =
        emit(static_cast<const SegmentOut&>(reset_segment(nxt))) &&
        (!sender_.probe_out() || emit(static_cast<const SegmentOut&>(reset_segment(nxt + 1)))) &&
        (!sender_.data_outstanding() ||
         emit(static_cast<const SegmentOut&>(reset_segment(sender_.una()))));
    if (!told) {
      return false;
    }
    reset_owed_ = false;
    return true;
  }
  if (is_over()) {
    return true;
  }
  if (sender_.wants_something()) {
    while (const std::optional<Sender::Next> next = sender_.next(payload_max(), now)) {
      const bool is_sent =
          kPlain && is_plain(*next)
              ? emit(plain_data(shared, *next, now))
              : emit(static_cast<const SegmentOut&>(data_segment(shared, *next, now)));
      if (!is_sent) {
        return false;
      }
      sender_.sent(shared.sender, *next, now);
      note_ack_rode();
    }
    sender_.settle(shared.sender, now);
  }
  if (owes_ack(shared, now)) {
    const unsigned count = receiver_.acks_owed(sack_);
    for (unsigned i = 0; i < count; ++i) {
      if (!emit(static_cast<const SegmentOut&>(ack_segment(shared, now)))) {
        return false;
      }
      receiver_.on_duplicate_sent();  // or the next turn would begin anew
    }
    note_ack_sent();
  }
  return true;
}

}  // namespace pollux::tcp
