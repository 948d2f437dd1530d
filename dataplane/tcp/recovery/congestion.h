// How much may be in the network: one port, three algorithms chosen by a word, no virtual calls.
//
//   NewReno  RFC 5681, 6582    the reference
//   CUBIC    RFC 9438          for paths that are not known
//   DCTCP    RFC 8257          where switches mark at a low threshold, so only by configuration
//
// Slow start counts bytes (RFC 3465), begins with IW10 (RFC 6928) and may leave before a loss
// (HyStart++, RFC 9406). A window that the application does not use neither grows nor is believed
// when a loss comes (RFC 7661). In fast recovery the window is PRR's (prr.h); here stand what it
// comes down to and what an undo brings back.
//
// Integers only; windows in bytes, at most 2^30. State of one connection; 40 bytes, and 32 from its
// first reduction on.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/tcp/recovery/on_demand.h"
#include "dataplane/tcp/wire/moment.h"
#include "dataplane/tcp/wire/seq.h"

namespace pollux::tcp {

enum class CongestionAlgorithm : uint8_t { kNewReno, kCubic, kDctcp };

// What one ACK says to congestion control.
struct AckSample {
  Moment now;
  Seq una;  // after it
  Seq nxt;
  uint32_t delivered_bytes = 0;         // newly acknowledged and SACKed
  uint32_t delivered_in_rtt_bytes = 0;  // pipeACK's sample (AckOutcome); 0: none
  uint32_t marked_bytes = 0;            // of the delivered, what DCTCP's ECE said was marked
  int64_t rtt_ns = -1;                  // AckOutcome::newest_rtt_ns; below 0: none
  int64_t srtt_ns = 0;
  bool app_limited = false;  // more could have been sent, had there been more
  bool in_recovery = false;  // fast recovery: the window is PRR's
};

class Congestion {
 public:
  static constexpr uint32_t kWindowMax = 1U << 30;
  static constexpr uint32_t kNoThreshold = UINT32_MAX;  // ssthresh before the first loss

  Congestion(CongestionAlgorithm algorithm, uint16_t mss, bool hystart = false);

  uint32_t cwnd_bytes() const { return cwnd_; }
  uint32_t ssthresh_bytes() const { return ssthresh_; }
  bool in_slow_start() const { return cwnd_ < ssthresh_; }
  CongestionAlgorithm algorithm() const { return algorithm_; }
  // RFC 6928: min(10*MSS, max(2*MSS, 14600)).
  static uint32_t initial_window(uint32_t mss) {
    return std::min(10 * mss, std::max<uint32_t>(2 * mss, 14600));
  }

  // The path's MSS has changed (PMTU). A smaller one takes the window along, or more packets would
  // go out than routers were seen to bear; ssthresh keeps its bytes, so slow start leads back. At a
  // larger one the window keeps its bytes, and is at least one MSS.
  void set_mss(uint16_t mss);
  // From here on PRR's window is the window; also what it is when recovery ends (ssthresh).
  void set_cwnd(uint32_t bytes) { cwnd_ = std::clamp<uint32_t>(bytes, mss_, kWindowMax); }

  void on_ack(const AckSample& sample);
  // Fast recovery begins, or a loss probe has stopped a gap. `flight_bytes`: SND.NXT - SND.UNA.
  // ssthresh and cwnd come down; PRR may spread the latter over a round trip.
  void on_loss(uint32_t flight_bytes);
  // The retransmission timer expired; `again`: for the same segment as the last time, so ssthresh
  // stays (RFC 5681 3.1). One MSS, and slow start.
  void on_rto(uint32_t flight_bytes, bool again);
  // The peer echoes congestion marks (RFC 3168 6.1.2, 8257 3.3), which may take the window down to
  // one MSS. At most once a window of data: the caller's to keep, as it sends CWR once a window.
  void on_ecn(uint32_t flight_bytes);
  // The last reduction was for nothing (RFC 4015): all as before, unless it has grown beyond. What
  // was taken for a mark stays: nobody sends one by mistake (3.2).
  void on_undo();
  // Before sending after a pause. A window that has not been used for five minutes is halved for
  // each five minutes, not below IW (RFC 7661 4.4.3).
  void on_idle_end(Moment now);

  // RFC 7661 4.3: whether the window is about what was used of late.
  bool validated() const;
  uint32_t pipe_ack_bytes() const { return std::max(pipe_now_, pipe_before_); }
  uint32_t dctcp_alpha() const { return later_->marks.alpha; }  // of kAlphaOne; DCTCP only
  static constexpr uint32_t kAlphaOne = 1U << 20;
  // Beside this object.
  uint32_t block_bytes() const { return later_.memory_bytes(); }

 private:
  // Time of the cubic function: 2^-20 s, 5 % less than a microsecond.
  static constexpr int kCubicTickBits = 20;
  static constexpr uint8_t kHystartSamples = 8;

  struct Curve {
    Moment epoch;      // kNever: the next ACK begins one
    uint32_t k_ticks;  // from the epoch to the plateau
    uint32_t w_est;    // what Reno would have, in bytes
  };
  struct Marks {
    Seq round_end;
    uint32_t alpha;  // the part that is marked, of kAlphaOne
    uint32_t delivered;
    uint32_t marked;
  };
  // HyStart++ lives where CUBIC's curve will, and ends before that begins.
  struct Hystart {
    Seq round_end;
    uint32_t last_min_ns;  // UINT32_MAX: none; 0: no round has begun
    uint32_t now_min_ns;
    uint32_t baseline_ns;  // 0: ordinary slow start; else: conservative
  };

  // What a window has that was reduced, or has left slow start: few connections of a cache. DCTCP
  // and HyStart++ have it from the start.
  struct Later {
    Later() : curve{.epoch = kNever, .k_ticks = 0, .w_est = 0} {}
    uint32_t cwnd_before = 0;      // the last reduction, or where HyStart++ ended slow start
    uint32_t ssthresh_before = 0;  // 0: nothing to undo
    uint32_t w_max = 0;  // CUBIC's plateau; 0: none before the first loss, and after an RTO
    uint32_t w_max_before = 0;
    union {
      Curve curve;
      Marks marks;
      Hystart hystart;
    };
  };
  Later& later() { return later_.made(); }

  void note_pipe(const AckSample& sample);
  void slow_start(const AckSample& sample, uint32_t bytes);
  // Returns whether this is conservative slow start. May end slow start.
  bool hystart(const AckSample& sample);
  void hystart_begin_round(Seq nxt);
  void leave_slow_start();
  void reno_increase(uint32_t bytes);
  void cubic_increase(const AckSample& sample, uint32_t bytes);
  void cubic_begin_epoch(Moment now);
  uint32_t cubic_window(int64_t since_epoch_ns) const;
  void note_marks(const AckSample& sample);
  // What the window is worth when it is to be reduced.
  uint32_t base(uint32_t flight_bytes) const;
  // What is left of it after a loss.
  uint32_t reduced(uint32_t flight_bytes) const;
  // No less than two segments (RFC 5681 (4)).
  void set_ssthresh(uint32_t bytes) { ssthresh_ = std::max(bytes, 2U * mss_); }
  void cubic_new_plateau(uint32_t flight_bytes);
  void remember();
  void grow(uint64_t bytes) {
    cwnd_ = static_cast<uint32_t>(std::min<uint64_t>(cwnd_ + bytes, kWindowMax));
  }

  uint32_t cwnd_;
  uint32_t ssthresh_ = kNoThreshold;
  // Bytes that were acknowledged since the last whole MSS of growth. Survives CUBIC's epochs, or
  // bursts that end for want of data would never make an MSS.
  uint32_t credit_ = 0;
  uint16_t mss_;
  CongestionAlgorithm algorithm_ : 2;
  bool after_rto_ : 1;           // slow start after an RTO: L = 1 (RFC 3465 2.3)
  bool hystart_on_ : 1;          // wanted, and the first slow start is not over
  uint8_t hystart_samples_ : 4;  // of this round, at most kHystartSamples
  uint8_t rounds_ = 0;           // HyStart++: in conservative slow start; DCTCP: 0 before the first
  // RFC 7661 4.2: the largest samples of this half of the period and of the last; UINT32_MAX:
  // undefined.
  uint32_t pipe_now_ = UINT32_MAX;
  uint32_t pipe_before_ = UINT32_MAX;
  uint32_t pipe_since_ms_ = 0;
  uint32_t validated_ms_ = 0;  // when the window was validated the last time
  OnDemand<Later> later_;
};
static_assert(sizeof(Congestion) == 40);

// The integer cube root, rounded down.
uint64_t cube_root(unsigned __int128 value);

}  // namespace pollux::tcp
