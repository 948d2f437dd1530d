// The sending half of a connection: what the application has written, what of it is outstanding,
// what may go out now, and when to look again. It composes recovery/: windows, losses, probes and
// timers are decided here, for SYN and FIN as for payload.
//
// It holds no payload. The application's bytes are named by sequence numbers: write() says that so
// many more stand ready, next() says which to send, and what is below una() is not asked for again.
//
// Sending takes two steps, so that a full ring changes nothing: next() says what, sent() that it
// went out. on_ack() and on_timer() only decide; whatever they want sent comes out of next().
//
// A peer's window may shrink, and may stay shut for as long as the peer answers (RFC 1122
// 4.2.2.17); then a byte beyond it is sent now and then. Patience with a silent peer is measured
// from the first time that it was asked again, never from when something was sent or heard.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/tcp/recovery/congestion.h"
#include "dataplane/tcp/recovery/on_demand.h"
#include "dataplane/tcp/recovery/prr.h"
#include "dataplane/tcp/recovery/rack.h"
#include "dataplane/tcp/recovery/rtt.h"
#include "dataplane/tcp/recovery/send_queue.h"
#include "dataplane/tcp/recovery/tlp.h"
#include "dataplane/tcp/recovery/undo.h"
#include "dataplane/tcp/wire/moment.h"
#include "dataplane/tcp/wire/seq.h"

namespace pollux::tcp {

struct SenderConfig {
  RttConfig rtt;
  CongestionAlgorithm congestion = CongestionAlgorithm::kCubic;
  bool hystart = false;
  // How long the peer may leave questions unanswered (RFC 1122 4.2.3.5, R2), from the first
  // repetition or probe on; the SYN has a limit of its own.
  int64_t give_up_ns = 100 * kSecondNs;
  int64_t syn_give_up_ns = 180 * kSecondNs;
};

// Of a core.
struct SenderCounters {
  uint64_t retransmissions = 0;  // segments
  uint64_t timeouts = 0;
  uint64_t tail_probes = 0;
  uint64_t window_probes = 0;
  uint64_t recoveries = 0;  // fast
  uint64_t undone = 0;      // recoveries that were for nothing
  uint64_t repaired = 0;    // losses that a tail probe has made good
  uint64_t reneged = 0;
};

// What all senders of a core share.
struct SenderShared {
  SenderConfig config;
  SenderCounters counters;
};

// What one acceptable ACK says.
struct AckInput {
  Seq seq;  // of the segment that carries it
  Seq ack;
  uint32_t window_bytes = 0;  // scaled
  std::span<const SeqRange> sacks = {};
  // The last moment of the tick of our timestamp clock that it echoes; kNever without timestamps.
  Moment ts_echo = kNever;
  bool has_data = false;  // or SYN or FIN, so it is no duplicate ACK (RFC 5681 2)
  bool ece = false;       // the peer echoes congestion marks; only if ECN is in use
};

class Sender {
 public:
  // `mss`: payload of a full segment, options subtracted. What is sent begins with `iss`, which is
  // the SYN's if `syn` (active open) and else the first payload's (the SYN is acknowledged).
  Sender(const SenderShared& shared, Seq first, bool syn, uint16_t mss, bool sack);

  // ---- the connection's opening ----
  // A segment of the handshake has offered this window. A SYN's is not scaled.
  void set_window(Seq seq, Seq ack, uint32_t window_bytes);
  // What the SYN or SYN-ACK took. kNoRtt: it was sent again (RFC 6298 5.7, 6928 2).
  static constexpr int64_t kNoRtt = -1;
  static constexpr int64_t kRttUnknown = -2;
  void set_handshake_rtt(int64_t rtt_ns, Moment now);
  // What the peer's SYN has told an active connection: before open().
  void agree(SenderShared& shared, uint16_t mss, bool sack);
  // From here on data goes out, too.
  void open() { is_open_ = true; }

  // ---- the application ----
  // Sequence numbers tell before from behind no farther.
  static constexpr uint32_t kUnacknowledgedMax = INT32_MAX;
  void write(uint32_t bytes);
  // FIN follows what was written; nothing is written afterwards.
  void finish() { fin_wanted_ = true; }
  bool finished() const { return fin_wanted_; }

  // ---- what came ----
  enum class AckVerdict : uint8_t {
    kOk,
    kUnsent,  // acknowledges what was never sent: answer by an ACK (RFC 9293 3.10.7.4)
    kOld,     // older than anything that can be on its way (RFC 5961 5.2): likewise
  };
  AckVerdict on_ack(SenderShared& shared, const AckInput& input, Moment now);
  // An ACK without SACK blocks that can say nothing but the window.
  bool is_told_nothing_by(Seq ack) const {
    return ack == una_ && all_acked() && is_open_ && at_rest_;
  }
  // What on_ack() does with such a one.
  void on_idle_ack(SenderShared& shared, Seq seq, Seq ack, uint32_t window_bytes, Moment now) {
    note_window(shared, seq, ack, window_bytes, now);
  }

  // One that acknowledges all that is outstanding, a reply that nothing unusual is known of.
  bool is_told_of_reply_by(Seq ack) const {
    return ack == nxt_ && trouble_ == nullptr && is_open_ && owed_ == Owed::kNothing &&
           queue_.is_one_plain();
  }
  // What on_ack() does with such a one, if it comes without SACK blocks and marks.
  void on_reply_ack(SenderShared& shared, Seq seq, Seq ack, uint32_t window_bytes, Moment now);

  // ---- what goes out ----
  struct Next {
    SeqRange range;  // of sequence space
    bool syn = false;
    bool fin = false;
    bool again = false;         // sent before
    bool window_probe = false;  // a byte beyond the peer's window
    bool push = false;          // no more stands ready behind it
    bool cwr = false;           // tells the peer that its congestion mark was heard
    // Of the payload alone.
    SeqRange payload() const {
      return {range.begin + (syn ? 1U : 0U), range.end - (fin ? 1U : 0U)};
    }
  };
  // Whether next() and settle() have anything to do.
  bool wants_something() const {
    return end_ != una_ || owed_ != Owed::kNothing || fin_wanted_ != fin_sent_ || !is_open_;
  }
  // The same of one that is open and has no end to send.
  bool wants_to_send() const { return end_ != una_ || owed_ != Owed::kNothing; }
  // The next segment: of new data at most `bytes_max`, in whole segments but for the last (for
  // devices that segment); of what is sent again at most one. Nothing: none may go out now. It may
  // be asked as often as one likes.
  std::optional<Next> next(uint32_t bytes_max, Moment now);
  // That went out, just as next() said it.
  void sent(SenderShared& shared, const Next& next, Moment now);
  // Whether all that next() would give is one segment about which there is nothing unusual, of one
  // that has nothing outstanding: a reply. (The congestion window has room for one always.)
  bool has_reply() const {
    const auto bytes = static_cast<uint32_t>(end_ - nxt_);
    return una_ == nxt_ && owed_ == Owed::kNothing && trouble_ == nullptr && is_open_ &&
           !fin_wanted_ && bytes != 0 && bytes <= mss_ && bytes <= usable_bytes();
  }
  // That one, as next() says it.
  SeqRange next_reply(Moment now) {
    congestion_.on_idle_end(now);
    return {nxt_, end_};
  }
  // It went out, of one without ECN: what sent() does with it.
  void reply_sent(SenderShared& shared, Moment now);
  // After the turn's last next(): sets the timer for what waits for the window.
  void settle(SenderShared& shared, Moment now);

  // At the end of a turn: nothing is kept that an idle one does not need.
  void rest() { queue_.rest(); }

  // ---- time ----
  // kNever: nothing of ours waits for the peer.
  Moment deadline() const { return at_rest_ ? kNever : first_deadline(); }
  // False: the peer has been silent for too long; the connection is to be given up.
  [[nodiscard]] bool on_timer(SenderShared& shared, Moment now);
  // Something acceptable came from the peer: it lives. If it has no room for what is to go, or
  // nothing waits for its ACK, no more is asked of it.
  void heard(Moment now) {
    heard_ = now;
    if (all_acked() || is_shut_out()) {
      is_asked_ = false;
    }
  }
  Moment heard_at() const { return heard_; }
  // Since when it has answered nothing; kNever: it is not asked. A keepalive asks, too.
  Moment asked_since() const { return is_asked_ ? trouble_->asked_since : kNever; }
  void ask_since(Moment since) {
    trouble().asked_since = since;
    is_asked_ = true;
  }

  // ---- what else the connection asks ----
  Seq una() const { return una_; }  // SND.UNA
  Seq nxt() const { return nxt_; }  // SND.NXT
  // Behind the last byte that was written; behind FIN once it is sent.
  Seq end() const { return end_; }
  // SND.WND
  uint32_t window_bytes() const { return edge_ > una_ ? static_cast<uint32_t>(edge_ - una_) : 0; }
  // Of a segment without data: as far as the peer's window reaches, should it have shrunk.
  Seq bare_seq() const { return is_open_ ? earlier(nxt_, later(edge_, una_)) : nxt_; }
  // A byte beyond the window is on its way, or was: the peer waits for nxt(), or for the next one.
  bool probe_out() const { return probe_out_; }
  bool fin_sent() const { return fin_sent_; }
  bool fin_acked() const { return fin_sent_ && una_ == end_; }
  bool all_acked() const { return una_ == nxt_; }
  // Payload, or FIN.
  bool data_outstanding() const { return !queue_.empty() && !queue_.front().is(Segment::kSyn); }
  uint32_t unsent_bytes() const { return static_cast<uint32_t>(end_ - nxt_); }
  uint16_t mss() const { return mss_; }
  // The path has become narrower (PMTU). What is outstanding and longer is cut when it goes again.
  void set_mss(uint16_t mss);
  // It was told that a segment was too long for the path: what is outstanding has to go again.
  void resend_all();

  const SendQueue& queue() const { return queue_; }
  const RttEstimator& rtt() const { return rtt_; }
  const Congestion& congestion() const { return congestion_; }
  const TailLossProbe& probe() const { return probe_; }
  const Rack& rack() const { return rack_; }
  // Marks up to here are of the window that was reacted to.
  Seq reacted_until() const { return cwr_end_; }
  bool in_recovery() const { return phase_ != Phase::kOpen; }
  // How often the timer has expired in a row without an advance.
  unsigned timeouts() const { return timeouts_; }
  bool waits_for_window() const { return all_acked() && !at_rest_ && probe_at_ != kNever; }
  // Of the blocks that few have, and of a long list of what is outstanding: the memory that they
  // take.
  uint32_t block_bytes() const {
    return trouble_.memory_bytes() + congestion_.block_bytes() +
           static_cast<uint32_t>(queue_.large_bytes());
  }
  // Of what is kept twice. For tests.
  bool is_consistent() const {
    return at_rest_ == is_at_rest() && (!is_asked_ || trouble_ != nullptr) &&
           (phase_ == Phase::kOpen || trouble_ != nullptr);
  }

 private:
  enum class Phase : uint8_t {
    kOpen,
    kRecovery,  // fast
    kLoss,      // after the retransmission timer
  };
  // What must go out whatever the windows say.
  enum class Owed : uint8_t { kNothing, kFirstLost, kTailProbe, kWindowProbe };
  // From the first loss on until no more D-SACKs of the recovery can come, and while the peer is
  // asked again or probed.
  struct Trouble {
    explicit Trouble(Seq una) : recover(una), undone_until(una) {}
    ProportionalRate prr;
    UndoDetector undo;
    ForwardRto frto;
    Moment asked_since = kNever;  // if is_asked_
    Moment probed{};              // when a probe was sent last
    Seq recover;                  // in recovery: where it ends
    // Up to here nothing is undone any more; not below SND.UNA, or it would be ahead again when the
    // numbers have gone half round.
    Seq undone_until;
  };

  Trouble& trouble() { return trouble_.made(una_); }
  void forget_trouble();
  Moment first_deadline() const {
    return std::min(std::min(reorder_, probe_at_), retransmit_at_);
  }
  bool is_at_rest() const { return first_deadline() == kNever && !probe_.probing(); }
  // Behind all that may have changed one of these.
  void note_rest() { at_rest_ = is_at_rest(); }
  void begin_undo();
  // Whether a segment there may still be on its way. Unsigned: half of the numbers away is neither.
  bool is_recent(Seq seq) const {
    return static_cast<uint32_t>(nxt_ - seq) <= static_cast<uint32_t>(nxt_ - una_) + window_max_;
  }
  // The peer has no room for what stands first, though it went out.
  bool is_shut_out() const {
    return is_open_ && !all_acked() && edge_ < queue_.front().end();
  }
  uint32_t usable_bytes() const { return edge_ > nxt_ ? static_cast<uint32_t>(edge_ - nxt_) : 0; }
  Rack::Scene scene() const { return {rtt_.srtt_ns(), rtt_.min_rtt_ns(), phase_ != Phase::kOpen}; }
  bool is_lone() const { return queue_.outstanding_bytes() < 2U * mss_; }

  void on_syn_acked(SenderShared& shared, const AckInput& input, Moment now);
  bool takes_window_probe(Seq ack);
  void note_window(SenderShared& shared, Seq seq, Seq ack, uint32_t window_bytes, Moment now);
  void on_window_told(SenderShared& shared, bool was_shut_out, Moment now);
  void on_late_ack(SenderShared& shared, const AckInput& input, bool window_same, Moment now);
  AckOutcome ask_queue(const AckInput& input, Moment now, int64_t& again_rtt_ns);
  void measure(const AckOutcome& outcome, bool lone, int64_t again_rtt_ns, Moment now);
  void judge_past(SenderShared& shared, AckOutcome& outcome, const AckInput& input,
                  bool window_same);
  void undo(const SenderShared& shared);
  uint32_t detect(SenderShared& shared, uint32_t delivered_bytes, Moment now);
  void begin_recovery(uint32_t delivered_bytes);
  void drop_owed_probe();
  void set_window_of_recovery(uint32_t cwnd_bytes);
  void end_recovery();
  void note_reduction();
  bool forget_reneged(SenderShared& shared);
  void time_out(SenderShared& shared, Moment now);

  std::optional<Next> next_new(uint32_t bytes_max, uint32_t room_bytes) const;
  std::optional<Next> next_owed();
  std::optional<Next> next_against_window() const;
  Next again(const SendQueue::Piece& piece) const;
  int64_t window_probe_ns(const SenderShared& shared) const;
  void restart(SenderShared& shared, Moment now);
  bool wants_probe() const;
  void schedule_probe(SenderShared& shared, Moment now);
  bool act_on_timer(SenderShared& shared, Moment now);
  bool on_probe_due(SenderShared& shared, Moment now);
  bool is_given_up(const SenderShared& shared, Moment now);
  int64_t rto_ns(const SenderShared& shared) const;

  // First what a segment that says nothing new looks at.
  Seq una_;
  Seq nxt_;
  Seq end_;
  // SND.UNA + SND.WND as the peer has told it. An ACK of a segment that overtook another moves
  // SND.UNA without a word of the window; then the sum stays, and not SND.WND.
  Seq edge_;
  uint32_t window_max_ = 0;  // the widest that was offered
  Seq wl1_{};                // SND.WL1, SND.WL2: of the segment that told the window
  Seq wl2_{};
  uint16_t mss_;
  uint8_t window_probes_ = 0;  // of this byte
  Phase phase_ : 2 = Phase::kOpen;
  Owed owed_ : 2 = Owed::kNothing;
  bool sack_ : 1;
  bool is_open_ : 1;
  bool fin_wanted_ : 1 = false;
  bool fin_sent_ : 1 = false;
  bool syn_wanted_ : 1;
  bool after_rto_ : 1 = false;  // the last recovery was
  bool hold_lost_ : 1 = false;  // F-RTO: nothing goes again until it has decided
  bool cwr_owed_ : 1 = false;
  bool probe_out_ : 1 = false;
  bool reneged_ : 1 = false;  // once
  bool at_rest_ : 1 = true;   // is_at_rest()
  bool is_asked_ : 1 = false;
  uint8_t timeouts_ = 0;
  uint8_t new_left_ = 0;  // F-RTO: segments of new data instead of retransmissions
  // Congestion marks up to here are of the window that was reacted to; not below SND.UNA, either.
  Seq cwr_end_;
  Moment heard_{};
  // From here on what is read when something is outstanding.
  Moment reorder_ = kNever;        // RACK's
  Moment retransmit_at_ = kNever;  // RFC 6298 5
  Moment probe_at_ = kNever;  // of the tail; of a window that is shut, if nothing is outstanding
  TailLossProbe probe_;
  SendQueue queue_;
  OnDemand<Trouble> trouble_;
  RttEstimator rtt_;
  Rack rack_;
  Congestion congestion_;

 public:
  static constexpr size_t kHotBytes = 48;
};

inline void Sender::set_window(Seq seq, Seq ack, uint32_t window_bytes) {
  edge_ = ack + window_bytes;
  window_max_ = std::max(window_max_, window_bytes);
  wl1_ = seq;
  wl2_ = ack;
}

// RFC 9293 3.10.7.4: not by a segment that is older than the one which told the last.
inline void Sender::note_window(SenderShared& shared, Seq seq, Seq ack, uint32_t window_bytes,
                                Moment now) {
  if (ack < una_ || seq < wl1_ || (seq == wl1_ && ack < wl2_)) {
    return;
  }
  const bool was_shut_out = is_shut_out();
  set_window(seq, ack, window_bytes);
  if (was_shut_out || window_probes_ != 0 || owed_ == Owed::kWindowProbe) [[unlikely]] {
    on_window_told(shared, was_shut_out, now);
  }
}

}  // namespace pollux::tcp
