// All of recovery composed as a connection will compose it: a sender and a receiver over a link
// that loses, repeats and reorders by seed. What is checked: every byte arrives, in order, and the
// transfer ends (something is always armed); the sender keeps to its window; where nothing is lost
// nothing goes out twice; a lost end is repaired by the probe, without an RTO.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/tcp/recovery/ack_policy.h"
#include "dataplane/tcp/recovery/congestion.h"
#include "dataplane/tcp/recovery/prr.h"
#include "dataplane/tcp/recovery/rack.h"
#include "dataplane/tcp/recovery/reassembly.h"
#include "dataplane/tcp/recovery/rtt.h"
#include "dataplane/tcp/recovery/send_queue.h"
#include "dataplane/tcp/recovery/tlp.h"
#include "dataplane/tcp/recovery/undo.h"
#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

constexpr uint16_t kMss = 1000;
constexpr Seq kFirst{static_cast<uint32_t>(-50'000)};  // so that it wraps on the way

struct LinkConfig {
  uint32_t loss_per_mille = 0;
  uint32_t repeat_per_mille = 0;
  int64_t delay_ns = 50 * kMicrosecondNs;
  int64_t jitter_ns = 0;
  std::vector<uint64_t> drops;  // of data packets, by number: exactly these
};

struct Piece {
  explicit Piece(Bytes bytes) : text(bytes.begin(), bytes.end()) {}
  std::string text;
  size_t size() const { return text.size(); }
  size_t memory_bytes() const { return text.size(); }
  static size_t memory_of(size_t bytes) { return bytes; }
};

struct DataPacket {
  SeqRange range;
  Moment stamp;
};
struct AckPacket {
  Seq ack;
  std::vector<SeqRange> sacks;
  Moment echo;
};

uint8_t byte_at(Seq seq) { return static_cast<uint8_t>(seq.value * 2654435761U >> 24); }

class Receiver {
 public:
  Receiver(Seq first, AckConfig config) : config_(config), nxt_(first), policy_(config_) {}
  Seq nxt() const { return nxt_; }

  // An ACK, if one is due at once.
  std::optional<AckPacket> on_data(const DataPacket& packet, Moment now) {
    const bool out_of_order = packet.range.begin != nxt_;
    const bool gap = !queue_.empty();
    if (packet.range.begin <= nxt_) {
      stamp_ = packet.stamp;  // RFC 7323 4.3
    }
    std::vector<uint8_t> payload;
    for (Seq seq = packet.range.begin; seq < packet.range.end; seq += 1) {
      payload.push_back(byte_at(seq));
    }
    dsack_ = queue_.add(nxt_, packet.range.begin, payload, {}).dsack;
    queue_.take(nxt_, [&](Piece taken) {
      for (const char c : taken.text) {
        EXPECT_EQ(static_cast<uint8_t>(c), byte_at(nxt_));
        nxt_ += 1;
      }
    });
    policy_.on_segment({.bytes = packet.range.bytes(),
                        .push = true,
                        .out_of_order = out_of_order,
                        .fills_gap = gap && !out_of_order},
                       kMss, now, config_);
    return poll(now);
  }
  std::optional<AckPacket> poll(Moment now) {
    if (policy_.decide(now) != AckPolicy::Decision::kNow) {
      return std::nullopt;
    }
    policy_.on_ack_sent();
    AckPacket ack{nxt_, std::vector<SeqRange>(3), timestamps ? stamp_ : kNever};
    ack.sacks.resize(queue_.sack_blocks(ack.sacks, std::exchange(dsack_, std::nullopt)));
    return ack;
  }
  Moment deadline() const { return policy_.deadline(); }

  bool timestamps = true;

 private:
  const AckConfig config_;
  Seq nxt_;
  Reassembly<Piece> queue_;
  AckPolicy policy_;
  Moment stamp_{};
  std::optional<SeqRange> dsack_;
};

class Sender {
 public:
  Sender(Seq first, CongestionAlgorithm algorithm)
      : una_(first), nxt_(first), end_(first), congestion_(algorithm, kMss), rack_(first) {
    rtt_.sample(100 * kMicrosecondNs, {0});  // of the handshake
  }

  // The application has as much to send.
  std::vector<DataPacket> write(uint32_t bytes, Moment now) {
    end_ += bytes;
    send(now);
    return std::exchange(out_, {});
  }
  std::vector<DataPacket> on_ack(const AckPacket& packet, Moment now) {
    const Moment echo = packet.echo;
    const bool lone = queue_.size() == 1;
    const bool was_open = state_ == State::kOpen;
    AckOutcome outcome =
        queue_.on_ack(packet.ack, packet.sacks, now, [&](const Segment& segment) {
          const Moment spoken_of = segment.end() <= packet.ack ? echo : kNever;
          rack_.on_delivered(segment, now, spoken_of, rtt_.min_rtt_ns());
        });
    EXPECT_FALSE(outcome.invalid || queue_.reneged());
    una_ = later(una_, packet.ack);
    measure(outcome, lone, echo, now);
    judge_past(outcome, packet);
    if (state_ != State::kOpen && una_ >= recover_) {
      end_recovery();
    }
    rack_.on_ack(outcome.dsack.has_value(), una_, nxt_);
    const uint32_t lost = detect(outcome.delivered_bytes(), now);
    congestion_.on_ack({.now = now,
                        .una = una_,
                        .nxt = nxt_,
                        .delivered_bytes = outcome.delivered_bytes(),
                        .delivered_in_rtt_bytes = outcome.delivered_in_rtt_bytes,
                        .rtt_ns = outcome.newest_rtt_ns,
                        .srtt_ns = rtt_.srtt_ns(),
                        .app_limited = nxt_ == end_,
                        .in_recovery = state_ == State::kRecovery || was_open != open()});
    if (state_ == State::kRecovery) {
      set_cwnd(prr_.on_ack(outcome.delivered_bytes(), queue_.pipe_bytes(),
                           outcome.una_advanced && lost == 0, kMss));
    }
    if (outcome.una_advanced) {
      rto_at_ = queue_.empty() ? kNever : now + rto_ns();
    }
    send(now);
    schedule_probe(now);
    return std::exchange(out_, {});
  }
  std::vector<DataPacket> on_timer(Moment now) {
    if (reorder_ <= now) {
      detect(0, now);
      set_cwnd(prr_.on_timer(queue_.pipe_bytes(), kMss));
    } else if (probe_at_ <= now) {
      probe(now);
    } else {
      timeout(now);
    }
    send(now);
    return std::exchange(out_, {});
  }
  Moment deadline() const { return std::min({reorder_, probe_at_, rto_at_}); }
  bool done() const { return una_ == end_; }
  bool outstanding() const { return !queue_.empty(); }
  int64_t reorder_window_ns() const { return rack_.reorder_window_ns(queue_, scene()); }
  uint32_t ssthresh_bytes() const { return congestion_.ssthresh_bytes(); }

  uint32_t retransmissions = 0;
  uint32_t timeouts = 0;
  uint32_t probes = 0;
  uint32_t undone = 0;
  uint32_t repaired = 0;
  uint32_t recoveries = 0;  // by RACK

 private:
  enum class State { kOpen, kRecovery, kLoss };
  bool open() const { return state_ == State::kOpen; }

  void measure(const AckOutcome& outcome, bool lone, Moment echo, Moment now) {
    if (outcome.rtt_ns >= 0) {
      rtt_.sample(outcome.rtt_ns, now);
      rtt_.sample_min(outcome.newest_rtt_ns, now);
      probe_.on_rtt_sample();
      if (lone) {
        probe_.on_lone_rtt(outcome.rtt_ns);
      }
    } else if (outcome.una_advanced && echo != kNever) {
      rtt_.sample_by_timestamps(now - echo);
      probe_.on_rtt_sample();
    }
  }
  void judge_past(AckOutcome& outcome, const AckPacket& packet) {
    const std::optional<SeqRange> dsack = outcome.dsack;
    if (probe_.claims(dsack)) {
      outcome.dsack.reset();
    }
    const bool spurious_rto =
        frto_.on_ack(outcome, una_) == ForwardRto::Step::kSpurious && state_ == State::kLoss;
    if (undo_.on_ack(outcome, packet.echo) || spurious_rto) {
      ++undone;
      if (after_rto_ && undo_.flight_bytes() < 2 * kMss) {
        probe_.on_needless_rto(rtt_, kDataCentreRtt);
      }
      queue_.unmark_lost();
      congestion_.on_undo();
      state_ = State::kOpen;
      undo_.end();
      frto_.end();
    }
    const TailLossProbe::Ack ack{
        .ack = packet.ack, .dsack = dsack, .echoes_before_probe = packet.echo < probed_};
    const auto verdict = probe_.on_ack(ack, rtt_);
    if (verdict == TailLossProbe::Verdict::kLossRepaired && open()) {
      ++repaired;
      congestion_.on_loss(queue_.outstanding_bytes());
    }
  }
  Rack::Scene scene() const { return {rtt_.srtt_ns(), rtt_.min_rtt_ns(), !open()}; }
  uint32_t detect(uint32_t delivered_bytes, Moment now) {
    const Rack::Verdict verdict = rack_.detect_loss(queue_, now, scene());
    reorder_ = verdict.deadline;
    if (verdict.lost_bytes != 0 && open()) {
      ++recoveries;
      state_ = State::kRecovery;
      recover_ = nxt_;
      after_rto_ = false;
      congestion_.on_loss(queue_.outstanding_bytes());
      probe_.cancel();
      probe_at_ = kNever;
      prr_.begin(queue_.outstanding_bytes() - queue_.sacked_bytes() + delivered_bytes,
                 congestion_.ssthresh_bytes());
      undo_.begin(una_, nxt_);
    }
    return verdict.lost_bytes;
  }
  void set_cwnd(uint32_t of_prr) {  // 0: as it is
    if (of_prr != 0 && state_ == State::kRecovery) {
      congestion_.set_cwnd(of_prr);
    }
  }
  void end_recovery() {
    if (state_ == State::kRecovery) {
      congestion_.set_cwnd(prr_.end());
    }
    state_ = State::kOpen;
    rack_.on_recovery_end();
  }
  void probe(Moment now) {
    ++probes;
    bool again = false;
    if (nxt_ != end_) {
      send_new(now);
    } else if (const auto piece = queue_.tail(kMss)) {
      again = true;
      transmit_again(piece->range, now);
    }
    probe_.on_sent(nxt_, again, lone());
    probed_ = now;
    probe_at_ = kNever;
    rto_at_ = now + rto_ns();  // RFC 8985 7.3
  }
  void timeout(Moment now) {
    ++timeouts;
    const bool in_loss = state_ == State::kLoss;
    const bool again = in_loss && una_ == timed_out_;
    congestion_.on_rto(queue_.outstanding_bytes(), again);
    if (!again) {
      undo_.begin(una_, nxt_);
      after_rto_ = true;
      timed_out_ = una_;
    }
    if (in_loss) {
      frto_.end();  // RFC 5682 3.1 step 1
    } else {
      frto_.begin(nxt_);
    }
    state_ = State::kLoss;
    recover_ = nxt_;
    probe_.cancel();
    rtt_.back_off();
    rack_.on_rto(queue_, now, scene());
    reorder_ = probe_at_ = kNever;
    if (const auto piece = queue_.next_lost(kMss)) {
      transmit_again(piece->range, now);
    }
    rto_at_ = now + rto_ns();
  }
  void transmit_again(SeqRange range, Moment now) {
    ++retransmissions;
    queue_.retransmitted(range, now);
    undo_.on_retransmitted(range.bytes(), now);
    prr_.on_sent(range.bytes());
    out_.push_back({range, now});
    if (range.begin == una_) {
      rto_at_ = now + rto_ns();  // RFC 6675 6: this segment has its time anew
    }
  }
  void send_new(Moment now) {
    const Seq end = earlier(nxt_ + kMss, end_);
    ASSERT_TRUE(queue_.sent({nxt_, end}, 0, now));
    prr_.on_sent(static_cast<uint32_t>(end - nxt_));
    out_.push_back({{nxt_, end}, now});
    nxt_ = end;
  }
  void send(Moment now) {
    const size_t before = out_.size();
    while (queue_.pipe_bytes() + kMss <= congestion_.cwnd_bytes()) {
      if (const auto piece = queue_.next_lost(kMss)) {
        transmit_again(piece->range, now);
      } else if (nxt_ != end_) {
        send_new(now);
      } else {
        break;
      }
      EXPECT_LE(queue_.pipe_bytes(), congestion_.cwnd_bytes());
    }
    if (out_.size() != before) {
      // RFC 6298 5.1: what runs goes on; but a lone segment's longer time ends with the next one.
      rto_at_ = std::min(rto_at_, now + rto_ns());
      schedule_probe(now);
    }
  }
  bool lone() const { return queue_.outstanding_bytes() < 2 * kMss; }
  int64_t rto_ns() const { return probe_.rto_ns(rtt_, kDataCentreRtt, lone()); }
  void schedule_probe(Moment now) {
    const bool wanted = probe_.may_probe() && open() && !queue_.empty() &&
                        queue_.lost_bytes() == 0 && queue_.sacked_bytes() == 0;
    probe_at_ =
        wanted ? probe_.probe_at(now, rto_at_, rtt_, kDataCentreRtt, lone()) : kNever;
  }

  Seq una_, nxt_, end_;
  Seq recover_{};
  State state_ = State::kOpen;
  SendQueue queue_{kMss};
  RttEstimator rtt_;
  Congestion congestion_;
  Rack rack_;
  TailLossProbe probe_;
  ProportionalRate prr_;
  UndoDetector undo_;
  ForwardRto frto_;
  Seq timed_out_{};  // what the RTO's timer has sent again
  Moment rto_at_ = kNever;
  Moment probe_at_ = kNever;
  Moment reorder_ = kNever;
  Moment probed_{};
  bool after_rto_ = false;  // the last recovery was
  std::vector<DataPacket> out_;
};

class Loop {
 public:
  Loop(uint64_t seed, LinkConfig link, CongestionAlgorithm algorithm, AckConfig acks = {})
      : rng_(seed), link_(std::move(link)), sender(kFirst, algorithm), receiver(kFirst, acks) {}

  // Until all is acknowledged; false if that does not come.
  bool run(uint32_t bytes) {
    written_ += bytes;
    emit(sender.write(bytes, now));
    for (int step = 0; step < 400'000 && !sender.done(); ++step) {
      const Moment timer = std::min(sender.deadline(), receiver.deadline());
      EXPECT_TRUE(!sender.outstanding() || sender.deadline() != kNever);
      if (!events_.empty() && events_.top().at <= timer) {
        const Event event = events_.top();
        events_.pop();
        now = std::max(now, event.at);
        deliver(event);
      } else if (timer == kNever) {
        return false;
      } else {
        now = std::max(now, timer);
        if (receiver.deadline() <= now) {
          answer(receiver.poll(now));
        } else {
          emit(sender.on_timer(now));
        }
      }
    }
    return sender.done() && receiver.nxt() == kFirst + written_;
  }

 private:
  struct Event {
    Moment at;
    uint64_t number;
    std::optional<DataPacket> data;
    AckPacket ack;
    bool operator<(const Event& other) const {  // the earliest on top
      return std::pair(other.at, other.number) < std::pair(at, number);
    }
  };
  void deliver(const Event& event) {
    if (event.data) {
      answer(receiver.on_data(*event.data, now));
    } else {
      emit(sender.on_ack(event.ack, now));
    }
  }
  void push(Event event) {
    const auto bound = static_cast<uint64_t>(link_.jitter_ns) + 1;
    const auto jitter = static_cast<int64_t>(rng_.below(bound));
    event.at = now + link_.delay_ns + jitter;
    event.number = ++events_made_;  // of one moment: in order
    events_.push(std::move(event));
  }
  bool chance(uint32_t per_mille) { return rng_.below(1000) < per_mille; }
  void emit(const std::vector<DataPacket>& packets) {
    for (const DataPacket& packet : packets) {
      const bool dropped = std::count(link_.drops.begin(), link_.drops.end(), data_made_++) != 0;
      if (dropped || chance(link_.loss_per_mille)) {
        continue;
      }
      push({.data = packet});
      if (chance(link_.repeat_per_mille)) {
        push({.data = packet});
      }
    }
  }
  void answer(std::optional<AckPacket> ack) {
    if (ack && !chance(link_.loss_per_mille)) {
      push({.ack = *ack});
    }
  }

  Rng rng_;
  LinkConfig link_;
  uint32_t written_ = 0;
  std::priority_queue<Event> events_;
  uint64_t events_made_ = 0;
  uint64_t data_made_ = 0;

 public:
  Moment now{kSecondNs};
  Sender sender;
  Receiver receiver;
};

constexpr CongestionAlgorithm kAlgorithms[] = {
    CongestionAlgorithm::kNewReno, CongestionAlgorithm::kCubic, CongestionAlgorithm::kDctcp};

TEST(RecoveryLoopTest, CleanLinkSendsNothingTwice) {
  for (const auto algorithm : kAlgorithms) {
    Loop loop(1, {}, algorithm);
    EXPECT_TRUE(loop.run(300'000));
    EXPECT_EQ(loop.sender.retransmissions, 0U);
    EXPECT_EQ(loop.sender.timeouts, 0U);
  }
}

TEST(RecoveryLoopTest, EverythingArrivesOverABadLink) {
  uint64_t timeouts = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    const LinkConfig links[] = {
        {.loss_per_mille = 10},
        {.loss_per_mille = 50, .repeat_per_mille = 20},
        {.loss_per_mille = 300, .jitter_ns = 100 * kMicrosecondNs},
        {.repeat_per_mille = 100, .jitter_ns = kMillisecondNs},
        {.loss_per_mille = 5, .delay_ns = 40 * kMillisecondNs, .jitter_ns = 10 * kMillisecondNs},
    };
    Loop loop(seed, links[seed % std::size(links)], kAlgorithms[seed % 3]);
    loop.receiver.timestamps = seed % 2 == 0;
    ASSERT_TRUE(loop.run(100'000)) << "seed " << seed;
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
    timeouts += loop.sender.timeouts;
  }
  RecordProperty("timeouts", std::to_string(timeouts));
}

TEST(RecoveryLoopTest, ALostLastSegmentIsTheProbesToRepair) {
  for (const uint64_t last : {0U, 4U}) {  // a lone reply, and the end of a flight of five
    Loop loop(1, {.drops = {last}}, kAlgorithms[1]);
    EXPECT_TRUE(loop.run(static_cast<uint32_t>((last + 1) * kMss)));
    EXPECT_EQ(loop.sender.probes, 1U);
    EXPECT_EQ(loop.sender.timeouts, 0U);
    EXPECT_LT(loop.now - Moment{kSecondNs}, kMillisecondNs);
  }
}

TEST(RecoveryLoopTest, Rfc8985_7_1_ALossThatTheProbeShowsIsChargedOnce) {
  Loop loop(1, {.drops = {3, 4}}, kAlgorithms[0]);  // the probe is SACKed, so the other is found
  loop.receiver.timestamps = false;
  EXPECT_TRUE(loop.run(5 * kMss));
  EXPECT_EQ(loop.sender.probes, 1U);
  EXPECT_EQ(loop.sender.recoveries, 1U);
  EXPECT_TRUE(loop.run(kMss));
  EXPECT_EQ(loop.sender.repaired, 0U);
}

// The ACK that SACKs the probe echoes what last came in order, so its echo says nothing of it.
TEST(RecoveryLoopTest, Rfc7323_4_3_ASackedProbeIsBelievedWithTimestamps) {
  Loop loop(1, {.drops = {3, 4}}, kAlgorithms[0]);
  EXPECT_TRUE(loop.run(5 * kMss));
  EXPECT_EQ(loop.sender.recoveries, 1U);
  EXPECT_EQ(loop.sender.timeouts, 0U);
}

TEST(RecoveryLoopTest, LossesInTheMiddleNeedNoTimer) {
  Loop loop(1, {.drops = {20, 21, 25, 30}}, kAlgorithms[1]);
  EXPECT_TRUE(loop.run(100'000));
  EXPECT_EQ(loop.sender.retransmissions, 4U);
  EXPECT_EQ(loop.sender.timeouts, 0U);
}

// A client that only listens: every reply waits for its delayed ACK.
class DelayingPeerTest : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Timestamps, DelayingPeerTest, ::testing::Bool());

TEST_P(DelayingPeerTest, CostsASegmentForEachStepAtMost) {
  const bool timestamps = GetParam();
  for (const int64_t delay_ms : {1, 3, 40, 50, 200}) {
    AckConfig acks{.delay_ns = delay_ms * kMillisecondNs, .quick_acks = 0};
    acks.silence_ns = INT64_MAX;
    Loop loop(1, {}, kAlgorithms[1], acks);
    loop.receiver.timestamps = timestamps;
    for (int reply = 0; reply < 2'000; ++reply) {
      ASSERT_TRUE(loop.run(100));
      loop.now = loop.now + 10 * kMillisecondNs;
    }
    EXPECT_LE(loop.sender.retransmissions, std::size(TailLossProbe::kStepsNs)) << delay_ms;
    EXPECT_EQ(loop.sender.undone, loop.sender.timeouts) << delay_ms;
    EXPECT_EQ(loop.sender.repaired, 0U) << delay_ms;
  }
}

// The handshake took 0.1 ms, all else takes 50: the first ACKs are of segments that went out twice.
TEST(RecoveryLoopTest, Rfc6298_5_ALongerRttIsLearnedWithoutTimestamps) {
  AckConfig acks{.quick_acks = 0};
  Loop loop(1, {.delay_ns = 25 * kMillisecondNs}, kAlgorithms[0], acks);
  loop.receiver.timestamps = false;
  for (int reply = 0; reply < 100; ++reply) {
    ASSERT_TRUE(loop.run(2 * kMss));  // one ACK for both
    loop.now = loop.now + 10 * kMillisecondNs;
  }
  EXPECT_LE(loop.sender.retransmissions, 12U);
}

TEST(RecoveryLoopTest, Rfc6298_5_1_SendingDoesNotPutTheTimeoutOff) {
  Sender sender(kFirst, kAlgorithms[0]);
  const Moment begin{kSecondNs};
  for (int64_t us = 0; us < 5'000; us += 100) {  // more often than the probe's 200 us
    sender.write(100, begin + us * kMicrosecondNs);
    ASSERT_LE(sender.deadline(), begin + 5 * kMillisecondNs);
  }
}

// Two of ten arrive, and no ACK comes after that: too few to judge at once, so RACK's timer does.
TEST(RecoveryLoopTest, Rfc9937_6_2_RacksTimerSendsTheFastRetransmit) {
  Sender sender(kFirst, kAlgorithms[0]);
  sender.write(10 * kMss, {kSecondNs});
  const AckPacket ack{kFirst, {{kFirst + 8 * kMss, kFirst + 10 * kMss}}, kNever};
  EXPECT_TRUE(sender.on_ack(ack, Moment{kSecondNs} + 100 * kMicrosecondNs).empty());
  EXPECT_EQ(sender.on_timer(sender.deadline()).size(), 1U);
  EXPECT_EQ(sender.recoveries, 1U);
}

// A probe that was needless is no sign of reordering.
TEST(RecoveryLoopTest, Rfc8985_6_2_4_TheProbesDsackDoesNotWidenTheWindow) {
  AckConfig acks{.delay_ns = 3 * kMillisecondNs, .quick_acks = 0};
  Loop loop(1, {}, kAlgorithms[0], acks);
  loop.receiver.timestamps = false;
  const int64_t before = loop.sender.reorder_window_ns();
  EXPECT_TRUE(loop.run(100));
  EXPECT_TRUE(loop.run(100));  // by now the D-SACK has come
  EXPECT_EQ(loop.sender.probes, 1U);
  EXPECT_EQ(loop.sender.reorder_window_ns(), before);
}

// The first of five is lost, the last was probed without need.
TEST(RecoveryLoopTest, Rfc3708_3_TheProbesDsackUndoesNoRecovery) {
  Sender sender(kFirst, kAlgorithms[0]);
  const Moment begin{kSecondNs};
  sender.write(5 * kMss, begin);
  sender.on_timer(sender.deadline());
  EXPECT_EQ(sender.probes, 1U);
  const SeqRange arrived{kFirst + kMss, kFirst + 5 * kMss};
  sender.on_ack({kFirst, {arrived}, kNever}, begin + 250 * kMicrosecondNs);
  EXPECT_EQ(sender.recoveries, 1U);
  const SeqRange twice{kFirst + 4 * kMss, kFirst + 5 * kMss};
  sender.on_ack({kFirst, {twice, arrived}, kNever}, begin + 300 * kMicrosecondNs);
  EXPECT_EQ(sender.undone, 0U);
}

// Fires the sender's timer until it times out once more; nothing arrives.
void time_out(Sender& sender) {
  for (const uint32_t before = sender.timeouts; sender.timeouts == before;) {
    sender.on_timer(sender.deadline());
  }
}

TEST(RecoveryLoopTest, Rfc7323_4_1_WithTimestampsTheAckOfARetransmissionEndsTheBackoff) {
  Sender sender(kFirst, kAlgorithms[0]);
  sender.write(kMss, {kSecondNs});
  time_out(sender);
  time_out(sender);
  const Moment again = sender.deadline();
  EXPECT_EQ(sender.on_timer(again).size(), 1U);
  const Moment now = again + 100 * kMicrosecondNs;
  sender.on_ack({kFirst + kMss, {}, again}, now);
  sender.write(kMss, now);
  EXPECT_LE(sender.deadline(), now + kMillisecondNs);  // a probe; without a sample an RTO of 40 ms
}

TEST(RecoveryLoopTest, Rfc5681_3_1_ThresholdStaysOnlyForASegmentThatTheTimerHasResent) {
  Sender sender(kFirst, kAlgorithms[0]);
  sender.write(10 * kMss, {kSecondNs});
  time_out(sender);
  EXPECT_EQ(sender.ssthresh_bytes(), 5U * kMss);
  time_out(sender);
  EXPECT_EQ(sender.ssthresh_bytes(), 5U * kMss);
  sender.on_ack({kFirst + 4 * kMss, {}, kNever}, sender.deadline() - 1);
  time_out(sender);  // of the fifth, in a window of two
  EXPECT_EQ(sender.ssthresh_bytes(), 2U * kMss);
  time_out(sender);
  EXPECT_EQ(sender.ssthresh_bytes(), 2U * kMss);
}

TEST(RecoveryLoopTest, ADeadLinkBacksOff) {
  LinkConfig link{.loss_per_mille = 0};
  for (uint64_t i = 3; i < 9; ++i) {
    link.drops.push_back(i);
  }
  Loop loop(1, link, kAlgorithms[0]);
  EXPECT_TRUE(loop.run(4'000));
  EXPECT_GE(loop.sender.timeouts, 2U);
}

}  // namespace
}  // namespace pollux::tcp
