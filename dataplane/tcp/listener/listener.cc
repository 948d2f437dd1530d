#include "dataplane/tcp/listener/listener.h"

#include <algorithm>

namespace pollux::tcp {

namespace {

uint32_t length_of(const Stranger& stranger) {
  return stranger.payload_bytes + (stranger.header.has(kSyn) ? 1 : 0) +
         (stranger.header.has(kFin) ? 1 : 0);
}

// RFC 3168 6.1.1: a SYN asks by both.
SynOptions agreed(const ConnectionConfig& connections, const Stranger& stranger) {
  const TcpOptions& options = stranger.options;
  return {.mss = options.mss.value_or(SynOptions::default_mss(stranger.flow.remote)),
          .scale = options.window_scale.value_or(SynOptions::kNoScale),
          .sack = options.sack_permitted,
          .timestamps = options.timestamps.has_value(),
          .ecn = connections.ecn && stranger.header.has(kEce | kCwr)};
}

std::optional<uint32_t> timestamp_of(const Stranger& stranger) {
  const std::optional<Timestamps>& timestamps = stranger.options.timestamps;
  return timestamps ? std::optional(timestamps->value) : std::nullopt;
}

// As coarse as the clock of timestamps, and rather too long. What is longer than `longest_ns` is no
// echo of ours.
int64_t rtt_by_echo(uint32_t offset, uint32_t echo, int64_t longest_ns, Moment now) {
  const auto ticks = static_cast<int32_t>(timestamp_at({.timestamp = offset}, now) - echo);
  const int64_t rtt_ns = (int64_t{ticks} + 1) * kTimestampTickNs;
  return ticks < 0 || rtt_ns > longest_ns ? Sender::kRttUnknown : rtt_ns;
}

SegmentOut syn_ack(const ConnectionConfig& connections, const SynOptions& options, Seq our_isn,
                   Seq peer_isn, uint16_t mss) {
  SegmentOut out;
  out.header.seq = our_isn;
  out.header.ack = peer_isn + 1;
  out.header.flags = kSyn | kAck | (options.ecn ? kEce : 0);
  out.header.window = window_of_syn(connections);
  out.payload = {our_isn, our_isn};
  out.is_control = true;
  out.options.mss = mss;
  if (options.scale != SynOptions::kNoScale) {
    out.options.window_scale = connections.window_scale;
  }
  out.options.sack_permitted = options.sack;
  return out;
}

}  // namespace

Listener::Listener(const ListenerConfig& config, const ListenerKeys& keys)
    : keys_(keys),
      offsets_(config.offsets),
      half_open_(keys.table, config.half_open),
      cookies_(keys.cookie_flow, keys.cookie_period),
      time_wait_(keys.table, config.time_wait),
      resets_(keys.limits, config.resets),
      cookie_guesses_(keys.limits, config.cookie_guesses, AddressLimiter::kGuessBuckets) {}

Listener::Action Listener::on_segment(const ConnectionConfig& connections, const Stranger& stranger,
                                      Moment now) {
  if (TimeWaitRecord* const record = time_wait_.find(stranger.hash, stranger.flow)) {
    return on_time_wait(connections, stranger, *record, now);
  }
  if (SynEntry* const entry = half_open_.find(stranger.hash, stranger.flow)) {
    if (stranger.listens) {
      return on_half_open(connections, stranger, *entry, now);
    }
    half_open_.erase(*entry);  // nobody does any more: there is nobody to open it for
  }
  // RFC 9293 3.10.7.2, in its order; 3.10.7.1 where nobody listens.
  const TcpHeader& header = stranger.header;
  if (header.has(kRst)) {
    return Action::kDrop;
  }
  if (!stranger.listens) {
    return refuse(stranger, now);
  }
  if (!header.has(kAck)) {
    return header.has(kSyn) ? on_syn(connections, stranger, std::nullopt, now) : Action::kDrop;
  }
  if (!header.has(kSyn)) {
    if (const std::optional<Action> action = on_cookie(connections, stranger, now)) {
      return *action;
    }
  }
  return refuse(stranger, now);
}

Listener::Action Listener::on_time_wait(const ConnectionConfig& connections,
                                        const Stranger& stranger, TimeWaitRecord& record,
                                        Moment now) {
  const TcpHeader& header = stranger.header;
  const TimeWaitSegment segment{.seq = header.seq,
                                .bytes = length_of(stranger),
                                .syn = header.has(kSyn),
                                .ack = header.has(kAck),
                                .fin = header.has(kFin),
                                .rst = header.has(kRst),
                                .timestamp = timestamp_of(stranger)};
  switch (time_wait_.on_segment(record, segment, now)) {
    case TimeWaitAction::kDrop:
      return Action::kDrop;
    case TimeWaitAction::kAck: {
      const TimeWaitState state = record.state();
      answer_ = {};
      answer_.header.seq = state.send_next;
      answer_.header.ack = state.receive_next;
      answer_.header.flags = kAck;
      answer_.header.window = state.window;
      answer_.payload = {state.send_next, state.send_next};
      answer_.is_control = true;
      if (state.timestamps) {
        answer_.options.timestamps = {timestamp_at(offsets(stranger.flow), now),
                                      state.peer_timestamp};
      }
      return Action::kAnswer;
    }
    case TimeWaitAction::kReopen:
      break;
  }
  if (!stranger.listens) {
    return refuse(stranger, now);
  }
  const Seq isn_min = TimeWaitTable::isn_min(record);
  const Action action = on_syn(connections, stranger, isn_min, now);
  if (action == Action::kAnswerPeer) {
    ++counters_.reopened;
    time_wait_.erase(record);
  }
  return action;
}

// SYN-RECEIVED, of a passive open: RFC 9293 3.10.7.4 in its order. Where that asks for an ACK (what
// is not acceptable; RFC 5961: a RST in the window that is not exact, a SYN with ACK) there is
// silence: the SYN-ACK says as much, and goes again.
Listener::Action Listener::on_half_open(const ConnectionConfig& connections,
                                        const Stranger& stranger, SynEntry& entry, Moment now) {
  const TcpHeader& header = stranger.header;
  const Seq next = entry.peer_isn + 1;
  if (header.has(kRst)) {
    if (header.seq == next) {  // RFC 5961 3.2
      half_open_.erase(entry);
    }
    return Action::kDrop;
  }
  if (header.has(kSyn)) {
    if (header.has(kAck)) {
      return Action::kDrop;
    }
    if (!half_open_.take_repeated(entry, header.seq, agreed(connections, stranger),
                                  timestamp_of(stranger).value_or(0), now)) {
      return answer_by_cookie(connections, stranger, now);
    }
    write_syn_ack(connections, entry, stranger.path_mss, now);
    return Action::kAnswerPeer;
  }
  if (!header.has(kAck)) {
    return Action::kDrop;
  }
  const SeqRange window{next, next + window_of_syn(connections)};
  const std::optional<uint32_t> timestamp = timestamp_of(stranger);
  const bool passes =  // RFC 7323 3.2, and 5.3 R1
      !entry.timestamps || (timestamp && Seq{*timestamp} >= Seq{entry.peer_timestamp});
  const bool acceptable = window.contains(header.seq) && passes;
  if (!SynTable::is_acknowledged(entry, header.ack)) {
    // Perhaps that of a cookie, which another SYN of the flow has got.
    if (const std::optional<Action> action = on_cookie(connections, stranger, now)) {
      return *action;
    }
    return acceptable ? refuse(stranger, now) : Action::kDrop;
  }
  if (!acceptable) {
    return Action::kDrop;
  }
  // The rest is the connection's to look at.
  if (!stranger.has_room) {
    ++counters_.no_room;  // the peer sends it again
    return Action::kDrop;
  }
  opening_ = {.our_isn = entry.our_isn,
              .peer_isn = entry.peer_isn,
              .our_window = window_of_syn(connections),
              .options = entry.options(),
              .timestamp_offset = offsets(stranger.flow).timestamp,
              .peer_timestamp = entry.peer_timestamp,
              .rtt_ns = entry.retransmits != 0 ? Sender::kNoRtt : Sender::kRttUnknown};
  if (entry.timestamps && entry.retransmits == 0) {
    opening_.rtt_ns = rtt_by_echo(opening_.timestamp_offset, stranger.options.timestamps->echo,
                                  half_open_.timeout_ns(), now);
  }
  opening_cookie_.reset();
  return Action::kOpen;
}

void Listener::opened(const Stranger& stranger) {
  if (SynEntry* const entry = half_open_.find(stranger.hash, stranger.flow)) {
    half_open_.erase(*entry);
  }
  if (opening_cookie_) {
    cookies_.spend(*opening_cookie_);
    ++counters_.cookies_taken;
  }
  ++counters_.opened;
}

Listener::Action Listener::on_syn(const ConnectionConfig& connections, const Stranger& stranger,
                                  std::optional<Seq> isn_min, Moment now) {
  if (!stranger.has_room) {
    ++counters_.no_room;
    return Action::kDrop;
  }
  if (!half_open_.under_pressure()) {
    const Seq drawn = initial_seq(offsets(stranger.flow), now);
    SynEntry* const entry = half_open_.insert(
        stranger.hash, stranger.flow, stranger.header.seq, isn_min ? later(*isn_min, drawn) : drawn,
        agreed(connections, stranger), timestamp_of(stranger).value_or(0), now);
    if (entry != nullptr) {
      ++counters_.syns;
      write_syn_ack(connections, *entry, stranger.path_mss, now);
      return Action::kAnswerPeer;
    }
  }
  // A cookie can't promise to lie above what the last connection used: that SYN comes again.
  return isn_min ? Action::kDrop : answer_by_cookie(connections, stranger, now);
}

void Listener::write_syn_ack(const ConnectionConfig& connections, const SynEntry& entry,
                             uint16_t path_mss, Moment now) {
  answer_ = syn_ack(connections, entry.options(), entry.our_isn, entry.peer_isn, path_mss);
  if (entry.timestamps) {
    answer_.options.timestamps = {timestamp_at(offsets(entry.flow), now), entry.peer_timestamp};
  }
}

Listener::Action Listener::answer_by_cookie(const ConnectionConfig& connections,
                                            const Stranger& stranger, Moment now) {
  const Seq peer_isn = stranger.header.seq;
  SynOptions options = agreed(connections, stranger);
  if (!options.timestamps) {  // there is no place to keep them
    options = {.mss = options.mss};
  }
  const Seq cookie = cookies_.make(stranger.flow, peer_isn, options.mss, now);
  answer_ = syn_ack(connections, options, cookie, peer_isn, stranger.path_mss);
  if (options.timestamps) {
    const uint32_t ours = timestamp_at(offsets(stranger.flow), now);
    answer_.options.timestamps = {SynCookies::timestamp_with(ours, options),
                                  stranger.options.timestamps->value};
  }
  ++counters_.cookies_sent;
  return Action::kAnswer;
}

// Those that are none are counted, and an address that brings many is not listened to: else who
// forges as many as he likes in its name opens a connection sooner or later, with a request in it.
SynCookies::Check Listener::check_cookie(const Stranger& stranger, Moment now) {
  if (!cookie_guesses_.may(stranger.flow.remote, now)) {
    return {};
  }
  const std::optional<Timestamps>& timestamps = stranger.options.timestamps;
  const SynCookies::Check check =
      cookies_.check(stranger.flow, stranger.header.seq - 1, stranger.header.ack - 1,
                     timestamps ? std::optional(timestamps->echo) : std::nullopt, now);
  if (check.verdict == SynCookies::Verdict::kForged ||
      check.verdict == SynCookies::Verdict::kTooOld) {
    cookie_guesses_.count(stranger.flow.remote, now);
  }
  return check;
}

// An ACK that no connection knows: perhaps it brings a cookie back. If not, nothing is said of it.
std::optional<Listener::Action> Listener::on_cookie(const ConnectionConfig& connections,
                                                    const Stranger& stranger, Moment now) {
  const SynCookies::Check check = check_cookie(stranger, now);
  if (check.verdict != SynCookies::Verdict::kGood) {
    // Spent: what completed the handshake came twice, or late. Its sender may be in TIME-WAIT,
    // which a RST could end (RFC 1337). Else perhaps of a handshake by cookie whose last ACK was
    // lost: only what begins where that began proves it, and comes again. A RST would end what the
    // peer thinks is open.
    if (check.verdict != SynCookies::Verdict::kSpent && !cookies_.awaits_ack(stranger.flow, now)) {
      return std::nullopt;
    }
    ++counters_.cookies_refused;
    return Action::kDrop;
  }
  if (!stranger.has_room) {
    ++counters_.no_room;
    return Action::kDrop;
  }
  const TcpHeader& header = stranger.header;
  const std::optional<uint32_t> timestamp = timestamp_of(stranger);
  opening_ = {.our_isn = header.ack - 1,
              .peer_isn = header.seq - 1,
              .our_window = window_of_syn(connections),
              .options = check.options,
              .timestamp_offset = offsets(stranger.flow).timestamp,
              .peer_timestamp = timestamp.value_or(0)};
  // The echo that says so is the peer's to choose.
  opening_.options.ecn &= connections.ecn;
  opening_cookie_ = check.id;
  return Action::kOpen;
}

// RFC 9293 3.10.7.1
Listener::Action Listener::refuse(const Stranger& stranger, Moment now) {
  const TcpHeader& header = stranger.header;
  if (header.has(kRst)) {
    return Action::kDrop;
  }
  if (!resets_.allow(stranger.flow.remote, now)) {
    ++counters_.resets_withheld;
    return Action::kDrop;
  }
  answer_ = {};
  answer_.is_control = true;
  if (header.has(kAck)) {
    answer_.header.seq = header.ack;
    answer_.header.flags = kRst;
  } else {
    answer_.header.ack = header.seq + length_of(stranger);
    answer_.header.flags = kRst | kAck;
  }
  answer_.payload = {answer_.header.seq, answer_.header.seq};
  ++counters_.resets_sent;
  return Action::kAnswer;
}

void Listener::enter_time_wait(uint64_t hash, const Flow& flow, const TimeWaitState& state,
                               Moment now) {
  counters_.time_wait_dropped += time_wait_.insert(hash, flow, state, now) ? 1 : 0;
}

Moment Listener::next_deadline() const {
  return std::min(half_open_.next_deadline(), time_wait_.next_deadline());
}

}  // namespace pollux::tcp
