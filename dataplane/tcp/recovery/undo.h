// Was it a loss? Three ways to learn that a recovery was for nothing, so that congestion control
// gets its window back (RFC 4015): the timestamp of the first ACK echoes the original (Eifel, RFC
// 3522); D-SACKs say that each retransmission was a duplicate (RFC 3708); after an RTO, ACKs of
// segments that were sent only once come in (F-RTO, RFC 5682 3.1). State of one episode; 24 and
// 8 bytes.
#pragma once

#include <cstdint>

#include "dataplane/tcp/recovery/send_queue.h"
#include "dataplane/tcp/wire/moment.h"
#include "dataplane/tcp/wire/seq.h"

namespace pollux::tcp {

class UndoDetector {
 public:
  // Recovery begins. SND.UNA and SND.NXT are those of that moment.
  void begin(Seq una, Seq nxt);
  // In it so much went out again.
  void on_retransmitted(uint32_t bytes, Moment now);

  // Whether all of the recovery was needless; says so once. `ts_echo`: as for
  // Rack::on_delivered(), of the cumulative ACK.
  //
  // D-SACKs count by the byte, since a retransmission may be many packets, and only beyond the
  // last one: retransmissions go out by rising sequence number, so what is reported once more is
  // the network's duplicate, of data or of the ACK (RFC 3708 3). One that comes out of order is not
  // counted either, which costs an undo.
  bool on_ack(const AckOutcome& outcome, Moment ts_echo);

  // Where the recovery ends: when all that was sent before it began is acknowledged.
  Seq recover() const { return nxt_; }
  uint32_t flight_bytes() const { return static_cast<uint32_t>(nxt_ - una_); }  // at the beginning
  // After that it stays active until the next recovery begins: D-SACKs of the last retransmissions
  // come when all is acknowledged.
  bool active() const { return active_; }
  void end() { active_ = false; }

 private:
  static constexpr uint32_t kAgainMax = (1U << 30) - 1;

  Moment first_again_ = kNever;  // when the first retransmission went out
  Seq una_{};
  Seq nxt_{};
  Seq reported_{};  // duplicates were, up to here
  // Bytes that went out again and were not reported as duplicates; stays at kAgainMax.
  uint32_t again_ : 30 = 0;
  uint32_t active_ : 1 = 0;
  uint32_t eifel_done_ : 1 = 0;  // an ACK has advanced: the later ones say nothing for Eifel
};
static_assert(sizeof(UndoDetector) == 24);

// RFC 5682 3.1, for connections with SACK. After an RTO and the retransmission of the first
// segment, two ACKs decide.
class ForwardRto {
 public:
  enum class Step : uint8_t {
    kNothing,       // not under way, or the ACK decides nothing
    kSendNew,       // step 2b: send up to two segments of new data, no retransmission
    kConventional,  // it was a loss: retransmit by slow start
    kSpurious,      // step 3b: the timeout was needless: undo
  };

  // The timer expired and SACKs show no gap below it; SND.NXT of then.
  void begin(Seq nxt) {
    recover_ = nxt;
    state_ = State::kRetransmitted;
  }
  // `una` after the ACK.
  Step on_ack(const AckOutcome& outcome, Seq una);
  bool active() const { return state_ != State::kOff; }
  void end() { state_ = State::kOff; }

 private:
  enum class State : uint8_t { kOff, kRetransmitted, kNewDataSent };
  Step decide(Step step) {
    end();
    return step;
  }

  Seq recover_{};
  State state_ = State::kOff;
};
static_assert(sizeof(ForwardRto) == 8);

}  // namespace pollux::tcp
