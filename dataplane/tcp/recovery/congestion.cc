#include "dataplane/tcp/recovery/congestion.h"

namespace pollux::tcp {
namespace {

using Wide = unsigned __int128;

constexpr uint32_t kSlowStartMss = 8;     // L: of one ACK at most (RFC 9406 4.3)
constexpr int64_t kIdleStepMs = 300'000;  // RFC 7661 4.4.3
constexpr int64_t kPipePeriodMinNs = kSecondNs;
constexpr int64_t kHystartThreshMinNs = 4 * kMillisecondNs;  // RFC 9406 4.3
constexpr int64_t kHystartThreshMaxNs = 16 * kMillisecondNs;
constexpr uint32_t kHystartDivisor = 4;
constexpr uint8_t kHystartRounds = 5;
constexpr uint32_t kDctcpGainShift = 4;  // g = 1/16 (RFC 8257 4.2)

uint32_t ms_of(Moment now) { return static_cast<uint32_t>(now.ns / kMillisecondNs); }

// 2^-20 s. Beyond 64 s the cubic function is out of all windows.
int64_t cubic_ticks(int64_t ns) {
  constexpr uint64_t kPerNs = 4'611'686'018;  // 2^62 / 10^9
  const Wide product = static_cast<Wide>(static_cast<uint64_t>(std::max<int64_t>(ns, 0))) * kPerNs;
  return static_cast<int64_t>(std::min<Wide>(product >> 42, UINT64_C(1) << 40));
}

}  // namespace

uint64_t cube_root(unsigned __int128 value) {
  uint64_t root = 0;
  for (int bit = 41; bit >= 0; --bit) {
    const uint64_t larger = root | UINT64_C(1) << bit;
    if (static_cast<Wide>(larger) * larger * larger <= value) {
      root = larger;
    }
  }
  return root;
}

Congestion::Congestion(CongestionAlgorithm algorithm, uint16_t mss, bool hystart)
    : cwnd_(initial_window(mss)),
      mss_(mss),
      algorithm_(algorithm),
      after_rto_(false),
      hystart_on_(hystart && algorithm != CongestionAlgorithm::kDctcp),
      hystart_samples_(0) {
  if (algorithm == CongestionAlgorithm::kDctcp) {
    later().marks = {.round_end = {}, .alpha = kAlphaOne, .delivered = 0, .marked = 0};
  } else if (hystart_on_) {
    later().hystart = {.round_end = {}, .last_min_ns = 0, .now_min_ns = 0, .baseline_ns = 0};
  }
}

void Congestion::set_mss(uint16_t mss) {
  if (mss < mss_) {
    cwnd_ = static_cast<uint32_t>(uint64_t{cwnd_} * mss / mss_);
  }
  mss_ = mss;
  cwnd_ = std::max<uint32_t>(cwnd_, mss);
}

// --- Growth --------------------------------------------------------------------------------------

void Congestion::on_ack(const AckSample& sample) {
  note_pipe(sample);
  if (algorithm_ == CongestionAlgorithm::kDctcp) {
    note_marks(sample);
  }
  if (sample.in_recovery || sample.delivered_bytes == 0) {
    return;
  }
  if (sample.app_limited) {
    // CUBIC's time stands still while the window is not what limits (RFC 9438 5.8): the next epoch
    // begins where this one stood.
    if (later_ != nullptr && !hystart_on_ && algorithm_ == CongestionAlgorithm::kCubic) {
      later_->curve.epoch = kNever;
    }
    return;
  }
  if (in_slow_start()) {
    slow_start(sample, sample.delivered_bytes);
    return;
  }
  if (algorithm_ == CongestionAlgorithm::kCubic) {
    cubic_increase(sample, sample.delivered_bytes);
  } else {
    reno_increase(sample.delivered_bytes);
  }
}

void Congestion::slow_start(const AckSample& sample, uint32_t bytes) {
  bytes = std::min(bytes, (after_rto_ ? 1 : kSlowStartMss) * mss_);
  if (hystart_on_ && hystart(sample)) {
    bytes /= kHystartDivisor;
  }
  grow(std::min(bytes, ssthresh_ - std::min(cwnd_, ssthresh_)));
  if (!in_slow_start()) {
    leave_slow_start();
  }
}

void Congestion::leave_slow_start() {
  after_rto_ = false;
  credit_ = 0;
  hystart_on_ = false;
  if (later_ != nullptr && algorithm_ != CongestionAlgorithm::kDctcp) {
    later_->curve = {.epoch = kNever, .k_ticks = 0, .w_est = 0};
  }
}

void Congestion::hystart_begin_round(Seq nxt) {
  Hystart& state = later_->hystart;
  state.last_min_ns = state.last_min_ns == 0 ? UINT32_MAX : state.now_min_ns;
  state.now_min_ns = UINT32_MAX;
  state.round_end = nxt;
  hystart_samples_ = 0;
}

// RFC 9406 4.2: the RTT of this round against that of the last.
bool Congestion::hystart(const AckSample& sample) {
  Hystart& state = later_->hystart;
  if (state.last_min_ns == 0 || sample.una >= state.round_end) {
    hystart_begin_round(sample.nxt);
    if (state.baseline_ns != 0 && ++rounds_ == kHystartRounds) {
      ssthresh_ = later_->cwnd_before = cwnd_;
      return false;
    }
  }
  if (sample.rtt_ns >= 0) {
    const auto rtt = static_cast<uint32_t>(std::clamp<int64_t>(sample.rtt_ns, 1, UINT32_MAX - 1));
    state.now_min_ns = std::min(state.now_min_ns, rtt);
    hystart_samples_ += hystart_samples_ < kHystartSamples;
  }
  if (hystart_samples_ < kHystartSamples) {
    return state.baseline_ns != 0;
  }
  if (state.baseline_ns == 0) {
    const int64_t rise = std::clamp<int64_t>(state.last_min_ns / 8, kHystartThreshMinNs,
                                             kHystartThreshMaxNs);
    if (state.last_min_ns != UINT32_MAX && state.now_min_ns >= state.last_min_ns + rise) {
      state.baseline_ns = state.now_min_ns;
      rounds_ = 0;
    }
  } else if (state.now_min_ns < state.baseline_ns) {  // it was jitter
    state.baseline_ns = 0;
  }
  return state.baseline_ns != 0;
}

// RFC 3465 2.1: an MSS for each window that was acknowledged.
void Congestion::reno_increase(uint32_t bytes) {
  credit_ += std::min(bytes, cwnd_);
  if (credit_ >= cwnd_) {
    credit_ -= cwnd_;
    grow(mss_);
  }
}

void Congestion::cubic_begin_epoch(Moment now) {
  Curve& curve = later_->curve;
  const uint32_t w_max = later_->w_max;
  curve.epoch = now;
  curve.w_est = cwnd_;
  curve.k_ticks = 0;
  if (cwnd_ >= w_max) {
    later_->w_max = cwnd_;
    return;
  }
  // RFC 9438 4.2: K = cbrt((W_max - cwnd_epoch) / C), C = 2/5 MSS/s^3.
  const Wide cubed = (static_cast<Wide>(w_max - cwnd_) * 5 << (3 * kCubicTickBits)) / (2 * mss_);
  curve.k_ticks = static_cast<uint32_t>(std::min<uint64_t>(cube_root(cubed), UINT32_MAX));
}

// W_cubic(t) = C * (t - K)^3 + W_max
uint32_t Congestion::cubic_window(int64_t since_epoch_ns) const {
  constexpr int64_t kReach = INT64_C(1) << 26;
  const uint32_t w_max = later_->w_max;
  const int64_t t = cubic_ticks(since_epoch_ns) - later_->curve.k_ticks;
  const Wide d = static_cast<Wide>(std::min(t < 0 ? -t : t, kReach));
  const auto offset = static_cast<uint64_t>((d * d * d * mss_) >> (3 * kCubicTickBits)) * 2 / 5;
  if (t < 0) {
    return w_max - static_cast<uint32_t>(std::min<uint64_t>(offset, w_max));
  }
  return static_cast<uint32_t>(std::min<uint64_t>(w_max + offset, kWindowMax));
}

void Congestion::cubic_increase(const AckSample& sample, uint32_t bytes) {
  Curve& curve = later().curve;
  if (curve.epoch == kNever) {
    cubic_begin_epoch(sample.now);
  }
  bytes = std::min(bytes, cwnd_);
  // RFC 9438 4.3: alpha = 3*(1-beta)/(1+beta) = 9/17 until Reno would be where CUBIC has come down
  // from, then 1.
  const bool caught_up = curve.w_est >= later_->cwnd_before;
  credit_ += caught_up ? bytes : static_cast<uint32_t>(uint64_t{bytes} * 9 / 17);
  if (credit_ >= cwnd_) {
    credit_ -= cwnd_;
    curve.w_est = std::min(curve.w_est + mss_, kWindowMax);
  }
  const int64_t t = sample.now - curve.epoch;
  if (cubic_window(t) < curve.w_est) {  // Reno-friendly
    cwnd_ = std::max(cwnd_, curve.w_est);
    return;
  }
  const uint32_t target = std::clamp<uint32_t>(
      cubic_window(t + sample.srtt_ns), cwnd_,
      static_cast<uint32_t>(std::min<uint64_t>(uint64_t{cwnd_} * 3 / 2, kWindowMax)));
  grow(uint64_t{target - cwnd_} * bytes / cwnd_);
}

// RFC 8257 3.3: once a round, alpha = alpha * (1 - g) + g * M.
void Congestion::note_marks(const AckSample& sample) {
  Marks& marks = later_->marks;
  if (rounds_ == 0) {
    rounds_ = 1;
    marks.round_end = sample.nxt;
  }
  marks.delivered += sample.delivered_bytes;
  marks.marked += std::min(sample.marked_bytes, sample.delivered_bytes);
  if (sample.una < marks.round_end) {
    return;
  }
  if (marks.delivered != 0) {
    const uint64_t part = uint64_t{kAlphaOne} * marks.marked / marks.delivered;
    marks.alpha -= marks.alpha >> kDctcpGainShift;
    marks.alpha += static_cast<uint32_t>(part >> kDctcpGainShift);
  }
  marks.delivered = marks.marked = 0;
  marks.round_end = sample.nxt;
}

// --- What is used of the window ------------------------------------------------------------------

void Congestion::note_pipe(const AckSample& sample) {
  if (sample.delivered_in_rtt_bytes == 0) {
    return;
  }
  const uint32_t now_ms = ms_of(sample.now);
  const uint32_t half_ms = static_cast<uint32_t>(
      std::max(3 * sample.srtt_ns, kPipePeriodMinNs) / (2 * kMillisecondNs));
  const uint32_t age_ms = now_ms - pipe_since_ms_;
  if (pipe_now_ == UINT32_MAX || age_ms >= half_ms) {
    pipe_before_ = pipe_now_ == UINT32_MAX || age_ms >= 2 * half_ms ? 0 : pipe_now_;
    pipe_now_ = 0;
    pipe_since_ms_ = now_ms;
  }
  pipe_now_ = std::max(pipe_now_, sample.delivered_in_rtt_bytes);
  if (validated()) {
    validated_ms_ = now_ms;
  }
}

bool Congestion::validated() const {
  return pipe_ack_bytes() >= cwnd_ / 2;  // RFC 7661 4.3
}

void Congestion::on_idle_end(Moment now) {
  if (pipe_now_ == UINT32_MAX) {
    return;
  }
  const uint32_t floor = initial_window(mss_);
  while (static_cast<int32_t>(ms_of(now) - validated_ms_) >= kIdleStepMs) {
    validated_ms_ += kIdleStepMs;
    ssthresh_ = std::max(ssthresh_, cwnd_ / 4 * 3);
    cwnd_ = std::max(cwnd_ / 2, std::min(cwnd_, floor));
    if (cwnd_ <= floor) {
      validated_ms_ = ms_of(now);
    }
  }
}

// --- Reduction -----------------------------------------------------------------------------------

// RFC 5681 (4): by FlightSize. RFC 7661 4.4.2: of a window that was not in use, by what was.
uint32_t Congestion::base(uint32_t flight_bytes) const {
  const uint32_t used = validated() ? flight_bytes : std::max(flight_bytes, pipe_ack_bytes());
  return std::min(used, cwnd_);
}

uint32_t Congestion::reduced(uint32_t flight_bytes) const {
  const uint64_t bytes = base(flight_bytes);
  return static_cast<uint32_t>(algorithm_ == CongestionAlgorithm::kCubic ? bytes * 7 / 10
                                                                         : bytes / 2);
}

void Congestion::remember() {
  later().cwnd_before = cwnd_;
  later_->ssthresh_before = ssthresh_;
  later_->w_max_before = later_->w_max;
  leave_slow_start();
}

void Congestion::cubic_new_plateau(uint32_t flight_bytes) {
  const uint32_t height = validated() ? cwnd_ : base(flight_bytes);
  // RFC 9438 4.7, fast convergence: (1 + beta) / 2 = 17/20, so that others get room.
  uint32_t& w_max = later_->w_max;
  w_max = height < w_max ? static_cast<uint32_t>(uint64_t{height} * 17 / 20) : height;
}

void Congestion::on_loss(uint32_t flight_bytes) {
  remember();
  cubic_new_plateau(flight_bytes);
  set_ssthresh(reduced(flight_bytes));
  cwnd_ = std::min(cwnd_, ssthresh_);
}

void Congestion::on_rto(uint32_t flight_bytes, bool again) {
  if (!again) {
    remember();
    set_ssthresh(reduced(flight_bytes));
    later_->w_max = 0;  // RFC 9438 4.8: the next curve begins on its plateau
  }
  cwnd_ = mss_;
  after_rto_ = true;
}

// RFC 9438 4.6, 3168 6.1.2: to one MSS, not to two as after a loss, or many flows that are marked
// all the time would not give way.
void Congestion::on_ecn(uint32_t flight_bytes) {
  remember();
  later_->ssthresh_before = 0;
  uint32_t left = 0;
  if (algorithm_ == CongestionAlgorithm::kDctcp) {
    left = cwnd_ - static_cast<uint32_t>((uint64_t{cwnd_} * dctcp_alpha()) / (2 * kAlphaOne));
  } else {
    cubic_new_plateau(flight_bytes);
    left = reduced(flight_bytes);
  }
  set_ssthresh(left);
  cwnd_ = std::min(cwnd_, std::max<uint32_t>(left, mss_));
}

void Congestion::on_undo() {
  if (later_ == nullptr || later_->ssthresh_before == 0) {
    return;
  }
  cwnd_ = std::max(cwnd_, later_->cwnd_before);
  ssthresh_ = std::max(ssthresh_, later_->ssthresh_before);
  later_->w_max = later_->w_max_before;
  later_->ssthresh_before = 0;
  leave_slow_start();
}

}  // namespace pollux::tcp
