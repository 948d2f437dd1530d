#include "dataplane/tcp/connection/connection.h"

#include <algorithm>

#include "src/base/assert.h"

namespace pollux::tcp {

namespace {

constexpr uint16_t kMssMin = 88;  // payload and options; below, headers are all that is sent
constexpr uint16_t kTimestampBytes = 12;
// The least that every path of IPv6 takes, and nearly all of IPv4: for a path that swallows longer
// segments without a word (RFC 4821, in its simplest form).
constexpr uint16_t kSafeMss = 1220;
constexpr unsigned kBlackHoleTimeouts = 3;
constexpr int64_t kBlackHoleNs = kSecondNs;  // and as long: one stall of a peer is not the path's
// Or two, and as long: where the timer had backed off before, the third would come too late.
constexpr unsigned kBlackHoleFewTimeouts = 2;
constexpr int64_t kBlackHoleLongNs = 10 * kSecondNs;
// What a peer has to take in ConnectionConfig::orphan_ns: 5 kbit/s.
constexpr uint32_t kOrphanBytesMin = 64U << 10;

uint32_t length_of(const Connection::Segment& segment) {
  return static_cast<uint32_t>(segment.payload.size()) + (segment.header.has(kSyn) ? 1 : 0) +
         (segment.header.has(kFin) ? 1 : 0);
}

}  // namespace

std::string_view name_of(TcpState state) {
  static constexpr std::string_view kNames[] = {
      "SYN-SENT",   "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2",
      "CLOSE-WAIT", "CLOSING",      "LAST-ACK",    "TIME-WAIT",  "CLOSED"};
  return kNames[static_cast<size_t>(state)];
}

std::string_view name_of(TcpEnd end) {
  static constexpr std::string_view kNames[] = {"open",    "closed",  "reset by the peer",
                                                "refused", "aborted", "timed out"};
  return kNames[static_cast<size_t>(end)];
}

Connection::Connection(ConnectionShared& shared, const Path& path, const PassiveOpening& opening,
                       Moment now)
    : state_(TcpState::kEstablished),
      timestamp_offset_(opening.timestamp_offset),
      ts_recent_(opening.peer_timestamp),
      timestamps_(opening.options.timestamps),
      sack_(opening.options.sack),
      ecn_(opening.options.ecn),
      path_mss_(path.mss),
      sender_(shared.sender, opening.our_isn + 1, /*syn=*/false, kMssMin, opening.options.sack),
      segmented_bytes_max_(static_cast<uint16_t>(
          std::min<uint32_t>(path.segmented_bytes_max, UINT16_MAX))),
      peer_mss_(opening.options.mss) {
  static_assert(offsetof(Connection, sender_) + Sender::kHotBytes == kHotBytes);
  if (opening.options.scale != SynOptions::kNoScale) {
    our_shift_ = shared.config.window_scale;
    peer_shift_ = opening.options.scale;
  }
  begin_receiving(shared, opening.peer_isn, opening.our_window);
  sender_.agree(shared.sender, payload_mss(), sack_);
  sender_.set_window(opening.peer_isn, opening.our_isn + 1, 0);
  sender_.set_handshake_rtt(opening.rtt_ns, now);
  sender_.heard(now);
  sender_.open();
}

Connection::Connection(ConnectionShared& shared, const Path& path, const ActiveOpening& opening,
                       Moment now)
    : state_(TcpState::kSynSent),
      timestamp_offset_(opening.timestamp_offset),
      path_mss_(path.mss),
      sender_(shared.sender, opening.our_isn, /*syn=*/true, kMssMin, /*sack=*/true),
      segmented_bytes_max_(
          static_cast<uint16_t>(std::min<uint32_t>(path.segmented_bytes_max, UINT16_MAX))),
      peer_mss_(path.default_mss) {
  sender_.heard(now);
}

void Connection::begin_receiving(const ConnectionShared& shared, Seq peer_isn, uint16_t window) {
  receiver_ = Receiver(shared.config.receive, peer_isn + 1, our_shift_, window);
  has_receiver_ = true;
  last_ack_sent_ = peer_isn + 1;
}

// --- Time and numbers ----------------------------------------------------------------------------

// RFC 6691: the option does not count options, what is sent does.
uint16_t Connection::payload_mss() const {
  const uint16_t mss = std::max(std::min(peer_mss_, path_mss_), kMssMin);
  return static_cast<uint16_t>(mss - (timestamps_ ? kTimestampBytes : 0));
}

// The last moment of the tick of ours that the peer echoes; kNever of one that is still to come.
Moment Connection::echoed_moment(uint32_t echo, Moment now) const {
  const auto ticks_ago = static_cast<int32_t>(timestamp_now(now) - echo);
  if (ticks_ago < 0) {
    return kNever;
  }
  const int64_t tick = now.ns / kTimestampTickNs - ticks_ago;
  return Moment{(tick + 1) * kTimestampTickNs - 1};
}

void Connection::end_as(TcpState state, TcpEnd end) {
  state_ = state;
  end_ = end;
  challenge_owed_ = keepalive_owed_ = false;
}

TimeWaitState Connection::time_wait() const {
  return {.send_next = sender_.nxt(),
          .receive_next = receiver_.nxt(),
          .peer_timestamp = ts_recent_,
          .window = static_cast<uint16_t>(receiver_.window_bytes() >> our_shift_),
          .timestamps = timestamps_};
}

// --- What comes ----------------------------------------------------------------------------------

// RFC 7323 5.3, R1.
bool Connection::passes_paws(const Segment& segment, Moment now) const {
  return !is_newer(ts_recent_, segment.timestamps->value) ||
         now - sender_.heard_at() > kTimestampsAgeNs;
}

Connection::Verdict Connection::challenge(ConnectionShared& shared, Moment now) {
  challenge_owed_ |= shared.challenge_acks.allow(rare().challenges, now);
  return Verdict::kDropped;
}

// An ACK says where we are. Of data it is mostly a segment that came twice, whose sender waits for
// that. Without, two peers could go on with it for ever; so could a stranger who has us answer what
// he makes up anywhere.
Connection::Verdict Connection::answer_out_of_window(ConnectionShared& shared,
                                                     const Segment& segment, Moment now) {
  const Seq seq = segment.header.seq;
  const uint32_t length = length_of(segment);
  const Seq nxt = receiver_.nxt();
  const uint32_t reach = std::max<uint32_t>(shared.config.receive.buffer_bytes, UINT16_MAX);
  const bool is_near = static_cast<uint32_t>(seq - (nxt - reach)) <= 2 * reach;
  if (length != 0 && is_near) {
    if (seq + length <= nxt) {
      receiver_.note_duplicate(seq, static_cast<uint32_t>(segment.payload.size()));
    }
    receiver_.want_ack();
  } else if (shared.out_of_window_acks.allow(rare().out_of_window, now)) {
    challenge_owed_ = true;
  }
  return Verdict::kDropped;
}

// A keepalive (RFC 1122 4.2.3.6), Linux's probe of our window, or the ACK of a peer whose own probe
// was taken without its knowing: not heard, two who probe each other would go on for ever.
bool Connection::is_one_below(const Segment& segment) const {
  return length_of(segment) == 0 && segment.header.has(kAck) &&
         segment.header.seq + 1 == receiver_.nxt();
}

// Each is answered, as long as its ACK is right: our answer is not one below, so none answers that,
// and strangers can't use up what the peer's keepalives need.
Connection::Verdict Connection::on_one_below(ConnectionShared& shared, const Segment& segment,
                                             Moment now) {
  const Verdict verdict = take_ack(shared, segment, now);
  if (verdict == Verdict::kTaken) {
    // Else a peer that says nothing but this is old by its timestamps after 24 days.
    if (timestamps_) {
      note_timestamp(segment, now);
    }
    heard(now);
    if (state_ < TcpState::kTimeWait) {
      receiver_.want_ack();
    }
  }
  return verdict;
}

// RFC 5961 3.2
Connection::Verdict Connection::on_reset(ConnectionShared& shared, Seq seq, Moment now) {
  if (seq != receiver_.nxt()) {
    return challenge(shared, now);
  }
  end_as(TcpState::kClosed, state_ == TcpState::kSynReceived ? TcpEnd::kRefused : TcpEnd::kReset);
  return Verdict::kTaken;
}

// RFC 9293 3.10.7.4, in its order.
Connection::Verdict Connection::on_any_segment(ConnectionShared& shared, const Segment& segment,
                                               Moment now, Arrived& arrived) {
  const TcpHeader& header = segment.header;
  if (state_ >= TcpState::kTimeWait) {
    return Verdict::kDropped;
  }
  if (state_ == TcpState::kSynSent) {
    return on_syn_sent(shared, segment, now);
  }
  const bool is_reset = header.has(kRst);
  // Whatever its number and its options: who began anew may have other ones (RFC 5961 4.2).
  if (header.has(kSyn) && !is_reset) {
    return challenge(shared, now);
  }
  if (timestamps_ && !is_reset) {
    if (!segment.timestamps) {
      return Verdict::kDropped;  // RFC 7323 3.2
    }
    if (!passes_paws(segment, now)) {
      return answer_out_of_window(shared, segment, now);
    }
  }
  Bytes payload = segment.payload;
  bool fin = header.has(kFin);
  const uint32_t length = is_reset ? 0 : length_of(segment);  // what a RST brings is not taken
  if (!receiver_.is_acceptable(header.seq, length)) {
    if (is_reset) {
      return Verdict::kDropped;
    }
    if (is_one_below(segment)) {
      return on_one_below(shared, segment, now);
    }
    if (!receiver_.is_shut_to(header.seq, length)) {
      return answer_out_of_window(shared, segment, now);
    }
    payload = {};
    fin = false;
    receiver_.want_ack();
  }
  if (is_reset) {
    return on_reset(shared, header.seq, now);
  }
  if (!header.has(kAck)) {
    return Verdict::kDropped;
  }
  if (const Verdict verdict = take_ack(shared, segment, now); verdict != Verdict::kTaken) {
    return verdict;
  }
  if (timestamps_) {
    note_timestamp(segment, now);
  }
  heard(now);
  if (state_ >= TcpState::kTimeWait) {
    return Verdict::kTaken;  // that was the ACK of our FIN
  }
  const bool brings_data =
      !payload.empty() && header.seq + static_cast<uint32_t>(payload.size()) > receiver_.nxt();
  if (discards_ && brings_data) {
    abort();
    return Verdict::kTaken;
  }
  if (!payload.empty() || fin) {
    note_ce(segment);
    receiver_.on_segment(shared.config.receive,
                          {.seq = header.seq,
                           .payload = payload,
                           .fin = fin,
                           .push = header.has(kPsh),
                           .ce = ecn_ && segment.ce},
                          sender_.mss(), now, arrived);
    if (arrived.fin) {
      on_fin();
    }
  }
  return Verdict::kTaken;
}

Connection::Verdict Connection::take_ack(ConnectionShared& shared, const Segment& segment,
                                         Moment now) {
  const TcpHeader& header = segment.header;
  const bool opens = state_ == TcpState::kSynReceived;
  if (opens && (header.ack <= sender_.una() || header.ack > sender_.nxt())) {
    return Verdict::kReset;
  }
  const AckInput input{
      .seq = header.seq,
      .ack = header.ack,
      .window_bytes = scaled(header.window),
      .sacks = segment.sacks(),
      .ts_echo = timestamps_ ? echoed_moment(segment.timestamps->echo, now) : kNever,
      .has_data = length_of(segment) != 0,
      .ece = ecn_ && header.has(kEce),
  };
  if (sender_.on_ack(shared.sender, input, now) != Sender::AckVerdict::kOk) {
    return challenge(shared, now);  // RFC 5961 5.2
  }
  if (opens) {
    sender_.open();
    state_ = sender_.finished() ? TcpState::kFinWait1 : TcpState::kEstablished;
  }
  if (sender_.fin_acked()) {
    on_fin_acked(shared, now);
  }
  return Verdict::kTaken;
}

void Connection::on_fin_acked(ConnectionShared& shared, Moment now) {
  switch (state_) {
    case TcpState::kFinWait1:
      state_ = TcpState::kFinWait2;
      if (discards_) {
        rare().ends_at = now + shared.config.fin_wait2_ns;
      }
      break;
    case TcpState::kClosing: {
      // The peer's FIN may have come in this very turn, so that its ACK is still to go.
      const bool owes = receiver_.decide(shared.config.receive, sender_.mss(), now) !=
                        AckPolicy::Decision::kNone;
      end_as(TcpState::kTimeWait, TcpEnd::kClosed);
      challenge_owed_ = owes;
      break;
    }
    case TcpState::kLastAck:
      end_as(TcpState::kClosed, TcpEnd::kClosed);
      break;
    default:
      break;
  }
}

// The peer's, in its turn.
void Connection::on_fin() {
  switch (state_) {
    case TcpState::kEstablished:
      state_ = TcpState::kCloseWait;
      break;
    case TcpState::kFinWait1:
      state_ = TcpState::kClosing;
      break;
    case TcpState::kFinWait2:
      end_as(TcpState::kTimeWait, TcpEnd::kClosed);
      challenge_owed_ = true;  // the last ACK goes from here
      break;
    default:
      break;
  }
}

// RFC 3168 6.1.3: told until the peer says that it has heard.
void Connection::note_ce(const Segment& segment) {
  const bool is_heard = segment.header.has(kCwr) && !notes_single_marks();
  echoes_ce_ = ecn_ && ((echoes_ce_ && !is_heard) || segment.ce);
}

// RFC 9293 3.10.7.3, in its order.
Connection::Verdict Connection::on_syn_sent(ConnectionShared& shared, const Segment& segment,
                                            Moment now) {
  const TcpHeader& header = segment.header;
  const bool acks = header.has(kAck);
  if (acks && (header.ack <= sender_.una() || header.ack > sender_.nxt())) {
    return header.has(kRst) ? Verdict::kDropped : Verdict::kReset;
  }
  if (header.has(kRst)) {
    if (!acks) {
      return Verdict::kDropped;
    }
    end_as(TcpState::kClosed, TcpEnd::kRefused);
    return Verdict::kTaken;
  }
  if (!header.has(kSyn)) {
    return Verdict::kDropped;
  }
  sender_.heard(now);
  take_syn(shared, segment);
  if (!acks) {  // both at once: our SYN goes again, with an ACK
    state_ = TcpState::kSynReceived;
    sender_.set_window(header.seq, sender_.una(), header.window);
    sender_.resend_all();
    return Verdict::kTaken;
  }
  const AckInput input{
      .seq = header.seq,
      .ack = header.ack,
      .window_bytes = header.window,
      .ts_echo = timestamps_ ? echoed_moment(segment.timestamps->echo, now) : kNever};
  const auto verdict = sender_.on_ack(shared.sender, input, now);
  POLLUX_ASSERT(verdict == Sender::AckVerdict::kOk);
  sender_.open();
  state_ = TcpState::kEstablished;
  receiver_.want_ack();
  return Verdict::kTaken;
}

// What the two have agreed to. Data beside the SYN is not taken; it comes again.
void Connection::take_syn(ConnectionShared& shared, const Segment& segment) {
  const TcpOptions options = segment.all_options();
  const TcpHeader& header = segment.header;
  peer_mss_ = options.mss.value_or(peer_mss_);
  sack_ = options.sack_permitted;
  timestamps_ = options.timestamps.has_value();
  if (timestamps_) {
    ts_recent_ = options.timestamps->value;
  }
  if (options.window_scale) {
    our_shift_ = shared.config.window_scale;
    peer_shift_ = *options.window_scale;
  }
  // RFC 3168 6.1.1: a SYN-ACK has ECE alone, a SYN both.
  ecn_ = shared.config.ecn && header.has(kEce) && header.has(kAck) != header.has(kCwr);
  begin_receiving(shared, header.seq, window_of_syn(shared.config));
  sender_.agree(shared.sender, payload_mss(), sack_);
}

void Connection::on_path_mss(uint16_t mss) {
  const uint16_t before = payload_mss();
  path_mss_ = std::min(path_mss_, mss);
  if (payload_mss() < before && sender_.mss() > payload_mss()) {
    sender_.set_mss(payload_mss());
    sender_.resend_all();
  }
}

void Connection::on_unreachable() {
  if (state_ == TcpState::kSynSent || state_ == TcpState::kSynReceived) {
    end_as(TcpState::kClosed, TcpEnd::kRefused);
  }
}

// --- The application -----------------------------------------------------------------------------

// RFC 9293 3.10.4
void Connection::finish() {
  if (sender_.finished() || state_ >= TcpState::kTimeWait) {
    return;
  }
  switch (state_) {
    case TcpState::kSynSent:
      end_as(TcpState::kClosed, TcpEnd::kAborted);
      return;
    case TcpState::kEstablished:
      state_ = TcpState::kFinWait1;
      break;
    case TcpState::kCloseWait:
      state_ = TcpState::kLastAck;
      break;
    default:
      break;  // SYN-RECEIVED: when it is open
  }
  sender_.finish();
}

void Connection::close(ConnectionShared& shared, Moment now) {
  if (has_receiver_ && receiver_.unread_bytes() != 0) {
    abort();
    return;
  }
  finish();
  if (discards_ || state_ >= TcpState::kTimeWait) {
    return;
  }
  discards_ = true;
  rare().left_from = sender_.una();
  rare().ends_at = now + (state_ == TcpState::kFinWait2 ? shared.config.fin_wait2_ns
                                                        : shared.config.orphan_ns);
}

void Connection::abort() {
  if (state_ >= TcpState::kTimeWait) {
    return;
  }
  const bool peer_knows = has_receiver_;
  end_as(TcpState::kClosed, TcpEnd::kAborted);
  reset_owed_ = peer_knows;
}

// --- What goes out -------------------------------------------------------------------------------

SegmentOut Connection::syn_segment(const ConnectionShared& shared, Seq seq, Moment now) const {
  SegmentOut out;
  const bool answers = has_receiver_;  // both opened at once
  out.header.seq = seq;
  out.header.flags = kSyn;
  out.header.window = window_of_syn(shared.config);
  out.payload = {seq, seq};
  out.is_control = true;
  out.options.mss = path_mss_;
  if (!answers) {
    out.header.flags |= shared.config.ecn ? kEce | kCwr : 0;
    out.options.window_scale = shared.config.window_scale;
    out.options.sack_permitted = true;
    out.options.timestamps = {timestamp_now(now), 0};
    return out;
  }
  out.header.ack = receiver_.nxt();
  out.header.flags |= kAck | (ecn_ ? kEce : 0);
  if (our_shift_ != 0 || peer_shift_ != 0) {
    out.options.window_scale = our_shift_;
  }
  out.options.sack_permitted = sack_;
  if (timestamps_) {
    out.options.timestamps = {timestamp_now(now), ts_recent_};
  }
  return out;
}

SegmentOut Connection::data_segment(ConnectionShared& shared, const Sender::Next& next,
                                    Moment now) {
  if (next.syn) {
    return syn_segment(shared, next.range.begin, now);
  }
  SegmentOut out = bare(shared, next.fin ? kFin : 0, next.range.begin, now);
  out.payload = next.payload();
  const uint32_t bytes = out.payload.bytes();
  if (next.push && bytes != 0) {
    out.header.flags |= kPsh;
  }
  if (next.cwr && ecn_) {
    out.header.flags |= kCwr;
  }
  out.segment_bytes = bytes > sender_.mss() ? sender_.mss() : 0;
  // RFC 3168 6.1.5, 6.1.6: not what goes again, nor probes of a window.
  out.ect = ecn_ && bytes != 0 && !next.again && !next.window_probe;
  out.is_control = bytes == 0;
  return out;
}

SegmentOut Connection::reset_segment(Seq seq) const {
  SegmentOut out;
  out.header.seq = seq;
  out.header.ack = receiver_.nxt();
  out.header.flags = kRst | kAck;
  out.payload = {seq, seq};
  out.is_control = true;
  return out;
}

// A segment with data went out. SACK blocks go on ACKs of their own: beside a full segment there is
// no room, and there are some only where something was lost.
void Connection::note_ack_rode() {
  if (!has_receiver_) {
    return;
  }
  last_ack_sent_ = receiver_.nxt();
  if (sack_ && receiver_.has_sack_blocks()) {
    return;
  }
  note_ack_sent();
}

// --- Time ----------------------------------------------------------------------------------------

void Connection::on_timer(ConnectionShared& shared, Moment now) {
  if (state_ >= TcpState::kTimeWait) {
    return;
  }
  if (keepalive_at(shared) <= now) {
    if (keepalives_sent_ >= shared.config.keepalive_probes) {
      give_up();
      return;
    }
    // The next is an interval from this one, however late this one is.
    sender_.ask_since(now - keepalives_sent_ * shared.config.keepalive_interval_ns);
    ++keepalives_sent_;
    keepalive_owed_ = true;
  }
  if (!sender_.on_timer(shared.sender, now)) {
    give_up();
    return;
  }
  const int64_t silence_ns = now - sender_.asked_since();
  const unsigned timeouts = sender_.timeouts();
  const bool in_vain = (timeouts >= kBlackHoleTimeouts && silence_ns >= kBlackHoleNs) ||
                       (timeouts >= kBlackHoleFewTimeouts && silence_ns >= kBlackHoleLongNs);
  const uint32_t safe_bytes = kSafeMss - (timestamps_ ? kTimestampBytes : 0U);
  const bool is_long = path_mss_ > kSafeMss && sender_.queue().outstanding_bytes() > safe_bytes;
  if (in_vain && is_long && is_open()) {
    on_path_mss(kSafeMss);
  }
  if (discards_ && rare().ends_at <= now) {
    on_left_alone(shared, now);
  }
}

// The application has closed, so nobody but us ends it with a peer that goes on answering and
// takes nothing (RFC 6429 2).
void Connection::on_left_alone(const ConnectionShared& shared, Moment now) {
  if (state_ == TcpState::kFinWait2) {
    end_as(TcpState::kClosed, TcpEnd::kTimeout);
    return;
  }
  if (static_cast<uint32_t>(sender_.una() - rare().left_from) < kOrphanBytesMin) {
    give_up();
    return;
  }
  rare().left_from = sender_.una();
  rare().ends_at = now + shared.config.orphan_ns;
}

void Connection::give_up() {
  abort();
  end_ = TcpEnd::kTimeout;
}

}  // namespace pollux::tcp
