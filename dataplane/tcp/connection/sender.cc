#include "dataplane/tcp/connection/sender.h"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "src/base/assert.h"

namespace pollux::tcp {

namespace {

// 96 KiB of state where one connection has that much outstanding: 6 MB in segments of 1460.
constexpr uint16_t kSegmentsMax = 4096;
constexpr uint8_t kFrtoSegments = 2;  // RFC 5682 2.1, step 2b
// While the window is shut, at least as often in the time that silence is borne: one packet that is
// lost must not end a connection.
constexpr int64_t kQuestionsMin = 4;

}  // namespace

Sender::Sender(const SenderShared& shared, Seq first, bool syn, uint16_t mss, bool sack)
    : una_(first),
      nxt_(first),
      end_(syn ? first + 1 : first),
      edge_(first),
      mss_(mss),
      sack_(sack),
      is_open_(false),
      syn_wanted_(syn),
      cwr_end_(first),
      queue_(mss, kSegmentsMax),
      rack_(first),
      congestion_(shared.config.congestion, mss, shared.config.hystart) {
  static_assert(offsetof(Sender, reorder_) == kHotBytes);
}

void Sender::write(uint32_t bytes) {
  POLLUX_ASSERT(bytes <= kUnacknowledgedMax - static_cast<uint32_t>(end_ - una_));
  end_ += bytes;
}

// If nothing of it is of use any more.
void Sender::forget_trouble() {
  const bool is_over =
      phase_ == Phase::kOpen && !is_asked_ && !probe_.probing() && !probe_out_ &&
      una_ >= trouble_->undone_until &&
      (!trouble_->undo.active() ||
       una_ - trouble_->recover > static_cast<int32_t>(window_max_));
  if (is_over) {
    trouble_.reset();
  }
}

// --- What came -----------------------------------------------------------------------------------

// The byte beyond the window was taken: from now on it is one that was sent.
bool Sender::takes_window_probe(Seq ack) {
  if (!probe_out_ || ack != nxt_ + 1) {
    return false;
  }
  const SeqRange range{nxt_, nxt_ + 1};
  const Moment probed = trouble_->probed;
  const bool remembered = queue_.sent(range, 0, probed);
  POLLUX_ASSERT(remembered);  // nothing else is outstanding
  if (window_probes_ != 1) {
    queue_.retransmitted(range, probed);  // which of them arrived is not known
  }
  nxt_ = range.end;
  window_probes_ = 0;
  probe_out_ = false;
  return true;
}

// It was shut, or may still be.
void Sender::on_window_told(SenderShared& shared, bool was_shut_out, Moment now) {
  if (window_bytes() != 0) {
    window_probes_ = 0;
    if (owed_ == Owed::kWindowProbe) {
      owed_ = Owed::kNothing;
    }
  }
  // What went out beyond the window was in vain so far, and its timer has backed off meanwhile. It
  // goes once for a timeout, however often the window opens.
  if (was_shut_out && !is_shut_out() && timeouts_ != 0) {
    timeouts_ = 0;
    is_asked_ = false;
    queue_.mark_first_lost();
    owed_ = Owed::kFirstLost;
    restart(shared, now);
    note_rest();
  }
}

void Sender::on_syn_acked(SenderShared& shared, const AckInput& input, Moment now) {
  int64_t again_rtt_ns = kNoRtt;
  const AckOutcome outcome = queue_.on_ack(input.ack, {}, now, [&](const Segment& segment) {
    if (input.ts_echo != kNever && segment.sent <= input.ts_echo) {
      again_rtt_ns = now - segment.sent;
    }
  });
  una_ = later(una_, input.ack);
  // Without a timeout it went again because both have opened at once: nothing was lost.
  const bool was_lost = outcome.rtt_ns < 0 && timeouts_ != 0;
  set_handshake_rtt(outcome.rtt_ns < 0 && !was_lost ? kRttUnknown : outcome.rtt_ns, now);
  timeouts_ = 0;
  is_asked_ = false;
  if (outcome.rtt_ns < 0 && again_rtt_ns >= 0) {
    rtt_.sample_by_timestamps(again_rtt_ns);
  }
  set_window(input.seq, input.ack, input.window_bytes);
  restart(shared, now);
}

Sender::AckVerdict Sender::on_ack(SenderShared& shared, const AckInput& input, Moment now) {
  if (input.ack > nxt_ && !takes_window_probe(input.ack)) {
    return AckVerdict::kUnsent;
  }
  if (!is_recent(input.ack)) {  // RFC 5961 5.2
    return AckVerdict::kOld;
  }
  if (!is_open_) {
    on_syn_acked(shared, input, now);
    note_rest();
    return AckVerdict::kOk;
  }
  const Seq edge_before = edge_;
  note_window(shared, input.seq, input.ack, input.window_bytes, now);
  if (all_acked()) {
    on_late_ack(shared, input, edge_ == edge_before, now);
    note_rest();
    return AckVerdict::kOk;
  }
  const bool lone = queue_.size() == 1;
  const bool was_open = phase_ == Phase::kOpen;
  // What is lost waits for the congestion window, whatever else there is to be sent.
  const bool limited_elsewhere =
      queue_.lost_bytes() == 0 && (end_ == nxt_ || edge_before <= nxt_ || queue_.is_full());
  if (trouble_ != nullptr) {
    trouble_->undone_until = later(trouble_->undone_until, una_);
  }
  cwr_end_ = later(cwr_end_, una_);
  // RFC 3168 6.1.2: once a window of data. Of all that was outstanding, since mostly the ACK that
  // brings a mark acknowledges the last of it.
  const bool reacts = input.ece && una_ == cwr_end_;
  const uint32_t flight_bytes = queue_.outstanding_bytes();
  int64_t again_rtt_ns = kNoRtt;
  AckOutcome outcome = ask_queue(input, now, again_rtt_ns);
  POLLUX_ASSERT(!outcome.invalid);
  una_ = later(una_, input.ack);
  if (outcome.una_advanced) {
    timeouts_ = 0;
    is_asked_ = false;
    drop_owed_probe();
  }
  measure(outcome, lone, again_rtt_ns, now);
  judge_past(shared, outcome, input, edge_ == edge_before);
  if (phase_ != Phase::kOpen && una_ >= trouble_->recover) {
    end_recovery();
  }
  rack_.on_ack(outcome.dsack.has_value(), una_, nxt_);
  const uint32_t lost = detect(shared, outcome.delivered_bytes(), now);
  congestion_.on_ack(
      {.now = now,
       .una = una_,
       .nxt = nxt_,
       .delivered_bytes = outcome.delivered_bytes(),
       .delivered_in_rtt_bytes = outcome.delivered_in_rtt_bytes,
       .marked_bytes = input.ece ? outcome.delivered_bytes() : 0,
       .rtt_ns = outcome.newest_rtt_ns,
       .srtt_ns = rtt_.srtt_ns(),
       .app_limited = limited_elsewhere,
       .in_recovery = phase_ == Phase::kRecovery || was_open != (phase_ == Phase::kOpen)});
  if (phase_ == Phase::kRecovery) {
    set_window_of_recovery(trouble_->prr.on_ack(outcome.delivered_bytes(), queue_.pipe_bytes(),
                                                outcome.una_advanced && lost == 0, mss_));
  }
  if (reacts && phase_ == Phase::kOpen) {
    congestion_.on_ecn(flight_bytes);
    note_reduction();
  }
  if (outcome.una_advanced) {
    restart(shared, now);
  }
  // RFC 8985 7.2: an ACK of nothing new does not put it off.
  if (outcome.una_advanced || probe_at_ == kNever || !wants_probe()) {
    schedule_probe(shared, now);
  }
  if (trouble_ != nullptr) {
    forget_trouble();
  }
  note_rest();
  return AckVerdict::kOk;
}

// All is acknowledged. What may still come is word that a probe, or what went again last, was a
// duplicate.
void Sender::on_late_ack(SenderShared& shared, const AckInput& input, bool window_same,
                         Moment now) {
  if (!sack_ || (!probe_.probing() && input.sacks.empty())) {
    return;
  }
  int64_t again_rtt_ns = kNoRtt;
  AckOutcome outcome = ask_queue(input, now, again_rtt_ns);
  judge_past(shared, outcome, input, window_same);
  rack_.on_ack(outcome.dsack.has_value(), una_, nxt_);
}

AckOutcome Sender::ask_queue(const AckInput& input, Moment now, int64_t& again_rtt_ns) {
  const auto delivered = [&](const Segment& segment) {
    // Beyond a gap the peer echoes what came before the gap (RFC 7323 4.3).
    const Moment spoken_of = segment.end() <= input.ack ? input.ts_echo : kNever;
    rack_.on_delivered(segment, now, spoken_of, rtt_.min_rtt_ns());
    // Of one that was sent again, where the echo says that it speaks of the last time. What it
    // echoes else may be of long ago: the ACKs of all times before may have been lost.
    if (segment.is(Segment::kRetransmitted) && spoken_of != kNever && segment.sent <= spoken_of) {
      again_rtt_ns = now - segment.sent;
    }
  };
  AckOutcome outcome =
      queue_.on_ack(input.ack, sack_ ? input.sacks : std::span<const SeqRange>{}, now, delivered);
  if (outcome.dsack && !is_recent(outcome.dsack->begin)) {
    outcome.dsack.reset();  // made up: it would widen RACK's patience
  }
  return outcome;
}

void Sender::measure(const AckOutcome& outcome, bool lone, int64_t again_rtt_ns, Moment now) {
  if (outcome.rtt_ns >= 0) {
    rtt_.sample(outcome.rtt_ns, now);
    rtt_.sample_min(outcome.newest_rtt_ns, now);
    probe_.on_rtt_sample();
    if (lone) {
      probe_.on_lone_rtt(outcome.rtt_ns);
    }
  } else if (again_rtt_ns >= 0) {
    rtt_.sample_by_timestamps(again_rtt_ns);
    probe_.on_rtt_sample();
  }
}

void Sender::judge_past(SenderShared& shared, AckOutcome& outcome, const AckInput& input,
                        bool window_same) {
  const std::optional<SeqRange> dsack = outcome.dsack;
  if (probe_.claims(dsack)) {
    outcome.dsack.reset();  // it tells of nothing but the probe
  }
  if (trouble_ != nullptr) {
    bool needless = trouble_->undo.on_ack(outcome, input.ts_echo);
    switch (trouble_->frto.on_ack(outcome, una_)) {
      case ForwardRto::Step::kNothing:
        break;
      case ForwardRto::Step::kSendNew:
        // RFC 5682 2.1, 2b: where there is nothing new to send, as ever.
        hold_lost_ = next_new(mss_, mss_).has_value();
        new_left_ = hold_lost_ ? kFrtoSegments : 0;
        if (!hold_lost_) {
          trouble_->frto.end();
        }
        break;
      case ForwardRto::Step::kConventional:
        hold_lost_ = false;
        break;
      case ForwardRto::Step::kSpurious:
        needless |= phase_ == Phase::kLoss;
        hold_lost_ = false;
        break;
    }
    if (needless) {
      ++shared.counters.undone;
      undo(shared);
    }
  }
  const TailLossProbe::Ack ack{
      .ack = input.ack,
      .dsack = dsack,
      .echoes_before_probe = trouble_ != nullptr && input.ts_echo < trouble_->probed,
      .duplicate = !outcome.una_advanced && input.ack == una_ && window_same && !input.has_data &&
                   input.sacks.empty(),
  };
  const auto verdict = probe_.on_ack(ack, rtt_);
  if (verdict == TailLossProbe::Verdict::kLossRepaired && phase_ == Phase::kOpen) {
    ++shared.counters.repaired;
    congestion_.on_loss(queue_.outstanding_bytes());
    note_reduction();
  }
}

void Sender::undo(const SenderShared& shared) {
  if (after_rto_ && trouble_->undo.flight_bytes() < 2U * mss_) {
    probe_.on_needless_rto(rtt_, shared.config.rtt);
  }
  queue_.unmark_lost();
  congestion_.on_undo();
  phase_ = Phase::kOpen;
  hold_lost_ = false;
  if (owed_ == Owed::kFirstLost) {
    owed_ = Owed::kNothing;
  }
  trouble_->undo.end();
  trouble_->frto.end();
  trouble_->undone_until = nxt_;
}

// An undo goes through all that is outstanding, and what it answers to the peer alone controls. So
// there is one for what was outstanding at a time; a second reduction stands.
void Sender::begin_undo() {
  if (una_ >= trouble().undone_until) {
    trouble().undo.begin(una_, nxt_);
  } else {
    trouble().undo.end();
  }
}

// What RACK says now. Begins fast recovery if it is the first loss.
uint32_t Sender::detect(SenderShared& shared, uint32_t delivered_bytes, Moment now) {
  const Rack::Verdict verdict = rack_.detect_loss(queue_, now, scene());
  reorder_ = verdict.deadline;
  if (verdict.lost_bytes != 0 && phase_ == Phase::kOpen) {
    ++shared.counters.recoveries;
    begin_recovery(delivered_bytes);
  }
  return verdict.lost_bytes;
}

// By an ACK that has delivered so much, or by the timer.
void Sender::begin_recovery(uint32_t delivered_bytes) {
  phase_ = Phase::kRecovery;
  trouble().recover = nxt_;
  after_rto_ = false;
  congestion_.on_loss(queue_.outstanding_bytes());
  note_reduction();
  // RFC 9937 6.1: what this ACK delivers counts as the first of what recovery delivers.
  trouble().prr.begin(queue_.outstanding_bytes() - queue_.sacked_bytes() + delivered_bytes,
                      congestion_.ssthresh_bytes());
  begin_undo();
  probe_.cancel();
  drop_owed_probe();
  probe_at_ = kNever;
}

// It found no room in the ring, and is not due any more.
void Sender::drop_owed_probe() {
  if (owed_ == Owed::kTailProbe) {
    owed_ = Owed::kNothing;
  }
}

void Sender::set_window_of_recovery(uint32_t cwnd_bytes) {
  if (cwnd_bytes != 0) {  // else it stays
    congestion_.set_cwnd(cwnd_bytes);
  }
}

void Sender::end_recovery() {
  if (phase_ == Phase::kRecovery) {
    congestion_.set_cwnd(trouble_->prr.end());
  }
  phase_ = Phase::kOpen;
  hold_lost_ = false;
  rack_.on_recovery_end();
}

// RFC 3168 6.1.2: marks of the same window say nothing new; the peer is told to end its echo,
// whatever the window was reduced for.
void Sender::note_reduction() {
  cwr_end_ = nxt_;
  cwr_owed_ = true;
}

// --- What goes out -------------------------------------------------------------------------------

Sender::Next Sender::again(const SendQueue::Piece& piece) const {
  return {.range = piece.range,
          .syn = (piece.flags & Segment::kSyn) != 0,
          .fin = (piece.flags & Segment::kFin) != 0,
          .again = true,
          .push = true};
}

std::optional<Sender::Next> Sender::next(uint32_t bytes_max, Moment now) {
  if (owed_ != Owed::kNothing) {
    if (const std::optional<Next> owed = next_owed()) {
      return owed;
    }
    owed_ = Owed::kNothing;
  }
  if (!is_open_) {
    const bool syn_is_next = syn_wanted_ && queue_.empty() && una_ == nxt_;
    return syn_is_next ? std::optional<Next>({.range = {nxt_, nxt_ + 1}, .syn = true})
                       : std::nullopt;
  }
  if (hold_lost_) {
    return new_left_ != 0 ? next_new(mss_, mss_) : std::nullopt;
  }
  if (all_acked() && end_ != nxt_) {
    congestion_.on_idle_end(now);
  }
  const uint32_t pipe = queue_.pipe_bytes();
  const uint32_t cwnd = congestion_.cwnd_bytes();
  const uint32_t room = cwnd > pipe ? cwnd - pipe : 0;
  if (queue_.lost_bytes() != 0) {
    const std::optional<SendQueue::Piece> piece = queue_.next_lost(mss_);
    const bool may = piece && (piece->range.bytes() <= room || pipe == 0);
    return may ? std::optional<Next>(again(*piece)) : std::nullopt;
  }
  return next_new(bytes_max, room);
}

// New data: whole segments, or all there is, or, of a peer who never offers more, half of the
// widest window (RFC 9293 3.8.6.2.1). `room_bytes`: what the congestion window has left.
std::optional<Sender::Next> Sender::next_new(uint32_t bytes_max, uint32_t room_bytes) const {
  if (queue_.size() >= kSegmentsMax || fin_sent_) {
    return std::nullopt;
  }
  const auto ready = static_cast<uint32_t>(end_ - nxt_);
  const uint32_t usable = usable_bytes();
  uint32_t bytes = std::min({ready, usable, room_bytes});
  if (bytes < ready) {
    const bool is_half = usable <= room_bytes && usable >= window_max_ / 2 && usable != 0;
    if (bytes >= mss_) {
      bytes -= bytes % mss_;
    } else if (!is_half) {
      return std::nullopt;
    }
  }
  if (bytes > bytes_max) {
    bytes = std::max<uint32_t>(bytes_max - bytes_max % mss_, std::min<uint32_t>(bytes_max, mss_));
  }
  const bool fin = fin_wanted_ && bytes == ready && usable > bytes;  // it takes a number, too
  if (bytes == 0 && !fin) {
    return std::nullopt;
  }
  return Next{.range = {nxt_, nxt_ + bytes + (fin ? 1U : 0U)},
              .fin = fin,
              .push = bytes == ready,
              .cwr = cwr_owed_ && bytes != 0};
}

std::optional<Sender::Next> Sender::next_owed() {
  switch (owed_) {
    case Owed::kNothing:
      break;
    case Owed::kFirstLost:
      if (const auto piece = queue_.next_lost(mss_)) {
        return again(*piece);
      }
      break;
    case Owed::kTailProbe:
      if (const std::optional<Next> fresh = next_new(mss_, mss_)) {
        return fresh;
      }
      if (const auto piece = queue_.tail(mss_)) {
        return again(*piece);
      }
      break;
    case Owed::kWindowProbe:
      return next_against_window();
  }
  return std::nullopt;
}

// A byte beyond a window that is shut (RFC 9293 3.8.6.1), or FIN; of one that is silly and stays so
// what fits (3.8.6.2.1, the override timeout).
std::optional<Sender::Next> Sender::next_against_window() const {
  const auto ready = static_cast<uint32_t>(end_ - nxt_);
  if (!queue_.empty() || fin_sent_ || (ready == 0 && !fin_wanted_)) {
    return std::nullopt;
  }
  if (ready == 0) {
    return Next{.range = {nxt_, nxt_ + 1}, .fin = true};
  }
  const uint32_t bytes = std::min({ready, usable_bytes(), uint32_t{mss_}});
  if (bytes == 0) {
    return Next{.range = {nxt_, nxt_ + 1}, .window_probe = true, .push = true};
  }
  return Next{.range = {nxt_, nxt_ + bytes}, .push = bytes == ready, .cwr = cwr_owed_};
}

void Sender::sent(SenderShared& shared, const Next& next, Moment now) {
  const Owed owed = owed_;
  owed_ = Owed::kNothing;
  if (next.window_probe) {
    window_probes_ += window_probes_ != std::numeric_limits<uint8_t>::max();
    probe_out_ = true;
    trouble().probed = now;
    probe_at_ = now + window_probe_ns(shared);
    ++shared.counters.window_probes;
    note_rest();
    return;
  }
  if (trouble_ != nullptr) {
    trouble_->prr.on_sent(next.range.bytes());
  }
  if (next.again) {
    ++shared.counters.retransmissions;
    queue_.retransmitted(next.range, now);
    if (trouble_ != nullptr) {
      trouble_->undo.on_retransmitted(next.range.bytes(), now);
    }
    if (next.range.begin == una_) {
      restart(shared, now);  // RFC 6675 6: it has its time anew
    }
  } else {
    const uint8_t flags =
        static_cast<uint8_t>((next.syn ? Segment::kSyn : 0) | (next.fin ? Segment::kFin : 0));
    if (queue_.empty()) {
      is_asked_ = false;
    }
    const bool remembered = queue_.sent(next.range, flags, now);
    POLLUX_ASSERT(remembered && next.range.begin == nxt_);
    nxt_ = next.range.end;
    probe_out_ = false;
    if (next.fin) {
      fin_sent_ = true;
      end_ = nxt_;
    }
    cwr_owed_ = cwr_owed_ && !next.cwr;
    new_left_ -= new_left_ != 0;
    // RFC 6298 5.1: what runs goes on; but a lone segment's longer time ends with the next one.
    retransmit_at_ = std::min(retransmit_at_, now + rto_ns(shared));
  }
  if (owed == Owed::kTailProbe) {
    ++shared.counters.tail_probes;
    probe_.on_sent(nxt_, next.again, is_lone());
    trouble().probed = now;
    restart(shared, now);  // RFC 8985 7.3
  }
  schedule_probe(shared, now);
  note_rest();
}

void Sender::settle(SenderShared& shared, Moment now) {
  if (!all_acked() || owed_ != Owed::kNothing) {
    return;
  }
  const bool has_more = end_ != nxt_ || (fin_wanted_ && !fin_sent_);
  const bool blocked = is_open_ && has_more && !next_new(mss_, mss_);
  if (!blocked) {
    probe_at_ = kNever;
  } else if (probe_at_ == kNever) {
    probe_at_ = now + window_probe_ns(shared);
    is_asked_ = false;
  }
  note_rest();
}

// --- Time ----------------------------------------------------------------------------------------

// Like the retransmission timer, and longer with each byte that was not taken.
int64_t Sender::window_probe_ns(const SenderShared& shared) const {
  const RttConfig& config = shared.config.rtt;
  const int64_t rto_ns = std::max(rtt_.rto_ns(config), config.rto_min_ns);
  const unsigned doublings = std::min<unsigned>(window_probes_, 16);
  return std::min({rto_ns << doublings, config.rto_max_ns,
                   shared.config.give_up_ns / kQuestionsMin});
}

int64_t Sender::rto_ns(const SenderShared& shared) const {
  const int64_t ns = probe_.rto_ns(rtt_, shared.config.rtt, is_lone());
  return is_shut_out() ? std::min(ns, shared.config.give_up_ns / kQuestionsMin) : ns;
}

// RFC 6298 5.2, 5.3
void Sender::restart(SenderShared& shared, Moment now) {
  retransmit_at_ = all_acked() ? kNever : now + rto_ns(shared);
  if (all_acked()) {
    reorder_ = kNever;
  }
}

bool Sender::wants_probe() const {
  return sack_ && is_open_ && probe_.may_probe() && phase_ == Phase::kOpen && !all_acked() &&
         queue_.lost_bytes() == 0 && queue_.sacked_bytes() == 0;
}

// Of the tail, behind each transmission and each ACK of something new.
void Sender::schedule_probe(SenderShared& shared, Moment now) {
  probe_at_ = wants_probe()
                  ? probe_.probe_at(now, retransmit_at_, rtt_, shared.config.rtt, is_lone())
                  : kNever;
}

bool Sender::on_timer(SenderShared& shared, Moment now) {
  const bool goes_on = act_on_timer(shared, now);
  note_rest();
  return goes_on;
}

bool Sender::act_on_timer(SenderShared& shared, Moment now) {
  if (reorder_ <= now) {
    detect(shared, 0, now);
    if (phase_ == Phase::kRecovery) {
      set_window_of_recovery(trouble_->prr.on_timer(queue_.pipe_bytes(), mss_));
    }
  }
  if (probe_at_ <= now) {
    return on_probe_due(shared, now);
  }
  if (retransmit_at_ > now) {
    return true;
  }
  if (is_given_up(shared, now)) {
    return false;
  }
  time_out(shared, now);
  return true;
}

// The peer is to be asked again. RFC 1122 4.2.3.5: silence counts from the first time on. Before,
// it had no cause to speak; and whoever has stood still for minutes has not asked.
bool Sender::is_given_up(const SenderShared& shared, Moment now) {
  ask_since(std::min(asked_since(), now));
  const SenderConfig& config = shared.config;
  return asked_since() + (is_open_ ? config.give_up_ns : config.syn_give_up_ns) <= now;
}

bool Sender::on_probe_due(SenderShared& shared, Moment now) {
  if (!queue_.empty()) {
    owed_ = Owed::kTailProbe;
    probe_at_ = kNever;
    restart(shared, now);
    return true;
  }
  owed_ = Owed::kWindowProbe;
  probe_at_ = now + window_probe_ns(shared);
  return !is_given_up(shared, now);
}

// RFC 2018 8. A peer that does it twice is not asked for SACKs any more: else each time costs a
// walk over all that is outstanding, and the sending of it.
bool Sender::forget_reneged(SenderShared& shared) {
  if (!queue_.reneged()) {
    return false;
  }
  ++shared.counters.reneged;
  sack_ = sack_ && !reneged_;
  reneged_ = true;
  queue_.forget_sacks();
  return true;
}

void Sender::time_out(SenderShared& shared, Moment now) {
  ++shared.counters.timeouts;
  timeouts_ += timeouts_ != std::numeric_limits<uint8_t>::max();
  if (is_open_) {
    const bool reneged = forget_reneged(shared);
    const bool in_loss = phase_ == Phase::kLoss;
    const bool again = in_loss && timeouts_ > 1;  // RFC 5681 3.1
    congestion_.on_rto(queue_.outstanding_bytes(), again);
    note_reduction();
    if (!again) {
      begin_undo();
    }
    if (in_loss || reneged || !sack_ || !trouble().undo.active()) {
      trouble().frto.end();  // RFC 5682 3.1, step 1
    } else {
      trouble().frto.begin(nxt_);
    }
    after_rto_ = true;
    phase_ = Phase::kLoss;
    trouble().recover = nxt_;
  }
  hold_lost_ = false;
  probe_.cancel();
  rtt_.back_off();
  rack_.on_rto(queue_, now, scene());
  reorder_ = probe_at_ = kNever;
  owed_ = Owed::kFirstLost;
  restart(shared, now);
}

}  // namespace pollux::tcp
