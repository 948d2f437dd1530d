// Two connections, a listener and a link between them that loses, doubles, delays and marks by
// seed: handshakes with records and cookies, data both ways, slow readers, ends, TIME-WAIT.
// Whatever happens, each byte arrives once and in its place, something is always armed while
// something is awaited, windows are kept, and both ends close.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/tcp/connection/connection.h"
#include "dataplane/tcp/connection/connection_test_support.h"
#include "dataplane/tcp/listener/listener.h"
#include "src/base/rng.h"
#include "src/base/seeds.h"

namespace pollux::tcp {
namespace {

struct LinkSettings {
  uint32_t loss = 0;  // of 10,000
  uint32_t twice = 0;
  uint32_t marks = 0;  // where ECN is in use
  int64_t delay_ns = 50 * kMicrosecondNs;
  int64_t jitter_ns = 0;
};

struct Settings {
  LinkSettings link;
  CongestionAlgorithm congestion = CongestionAlgorithm::kCubic;
  uint32_t segmented_bytes_max = 0;
  uint32_t buffer_bytes = 64U << 10;
  uint8_t scale = 2;
  bool ecn = false;
  bool both_open = false;  // at once
  bool slow_reader = false;
  bool cookies = false;  // no record is to be had
  uint32_t no_room = 0;  // of 10, for a connection
  uint32_t bytes[2] = {100'000, 100'000};
  uint32_t bytes_at_once = 20'000;
  int64_t turn_ns = 1;  // what arrives within it is one burst
};

struct WireSegment {
  TcpHeader header;
  TcpOptions options;
  std::vector<uint8_t> payload;
  bool ect = false;
  bool ce = false;
};

uint8_t byte_at(int side, uint32_t offset) {
  return static_cast<uint8_t>((offset + static_cast<uint32_t>(side) * 77U) * 2654435761U >> 24);
}

class Loop {
 public:
  Loop(uint64_t seed, const Settings& settings) : settings_(settings), rng_(seed) {
    for (int side = 0; side < 2; ++side) {
      End& end = ends_[side];
      end.shared.config.receive.buffer_bytes = settings.buffer_bytes;
      end.shared.config.window_scale = settings.scale;
      end.shared.config.ecn = settings.ecn;
      end.shared.sender.config.congestion = settings.congestion;
      end.flow = {.local = IpAddress::v4(0x0a000001U + static_cast<uint32_t>(side)),
                  .remote = IpAddress::v4(0x0a000002U - static_cast<uint32_t>(side)),
                  .local_port = static_cast<uint16_t>(1'000 + side),
                  .remote_port = static_cast<uint16_t>(1'001 - side)};
      ListenerConfig config{.half_open = {.capacity = 64}, .time_wait = {.capacity = 16}};
      if (settings.cookies) {
        config.half_open = {.capacity = 1, .timeout_ns = 1'000 * kSecondNs};
      }
      end.listener.emplace(config, ListenerKeys{.offsets = {seed, 1},
                                                .cookie_flow = {seed, 2},
                                                .cookie_period = {seed, 3},
                                                .limits = {seed, 4}});
      if (settings.cookies) {
        crowd(end);
      }
      end.isn = Seq{static_cast<uint32_t>(rng_.below(3) == 0 ? -5'000 : 77'000 * (side + 1))};
      end.to_write = settings.bytes[side];
    }
    open(0);
    if (settings.both_open) {
      open(1);
    }
  }

  // Until both have ended; "" or what went wrong.
  std::string run() {
    flush(0);
    flush(1);
    for (int steps = 0; steps < 300'000; ++steps) {
      if (!wrong_.empty()) {
        return wrong_;
      }
      if (is_done(0) && is_done(1)) {
        return how_it_ended();
      }
      Moment next = under_way_.empty() ? kNever : under_way_.begin()->first;
      for (const End& end : ends_) {
        next = std::min(next, end.connection ? kNever : end.listener->next_deadline());
        if (end.connection && !end.connection->is_over()) {
          next = std::min({next, end.connection->deadline(end.shared), end.reads_at});
        }
      }
      if (next == kNever) {
        return "nothing is armed: " + state();
      }
      now_ = std::max(now_, next);
      now_ = now_ + (settings_.turn_ns - 1 - (now_.ns - 1) % settings_.turn_ns);
      deliver();
      for (int side = 0; side < 2; ++side) {
        act(side);
      }
    }
    return "it does not end: " + state();
  }

  const SenderCounters& counters(int side) const { return ends_[side].shared.sender.counters; }
  // RFC 3168, of segments behind the handshake.
  struct Ecn {
    uint32_t marks = 0;    // that arrived, CE
    uint32_t echoes = 0;   // that went out, ECE
    uint32_t reduced = 0;  // likewise, CWR
  };
  const Ecn& ecn(int side) const { return ends_[side].ecn; }

 private:
  struct End {
    ConnectionShared shared = make_shared_state();
    std::optional<Connection> connection;
    Seq isn;
    uint32_t to_write = 0;
    uint32_t got = 0;
    bool got_fin = false;
    bool finished = false;
    Moment reads_at = kNever;
    // What this side has said: the edge of its window, what it acknowledged last.
    std::optional<Seq> edge;
    Seq acked{};
    std::optional<Seq> sent_until;
    Ecn ecn;
    std::optional<Listener> listener;
    bool is_gone = false;  // TIME-WAIT's, or nobody's
    bool ended_late = false;
    Flow flow;
  };

  Path path() const { return {1'000, settings_.segmented_bytes_max}; }
  void open(int side) {
    End& end = ends_[side];
    // Timestamps as TIME-WAIT will go on with them, or its ACKs are old ones to the peer.
    const uint32_t offset = end.listener->offsets(end.flow).timestamp;
    end.connection.emplace(end.shared, path(),
                           ActiveOpening{.our_isn = end.isn, .timestamp_offset = offset}, now_);
  }
  bool is_done(int side) const {
    const End& end = ends_[side];
    return end.connection && (end.connection->is_over() || end.ended_late);
  }
  std::string how_it_ended() const {
    for (const End& end : ends_) {
      if (!end.ended_late && end.connection->end() != TcpEnd::kClosed) {
        return "not as it should: " + state();
      }
    }
    return ends_[0].got == settings_.bytes[1] && ends_[1].got == settings_.bytes[0]
               ? ""
               : "they ended, but bytes are missing: " + state();
  }
  std::string state() const {
    std::string text;
    for (const End& end : ends_) {
      if (end.connection) {
        text += std::string(name_of(end.connection->state())) + " (" +
                std::string(name_of(end.connection->end())) + ") got " + std::to_string(end.got) +
                " unacknowledged " + std::to_string(end.connection->unacknowledged_bytes()) +
                " window " + std::to_string(end.connection->sender().window_bytes()) + "; ";
      }
    }
    return text;
  }

  // Everything that arrives at this moment, then who waits for it.
  void deliver() {
    while (!under_way_.empty() && under_way_.begin()->first <= now_) {
      const auto [side, segment] = under_way_.begin()->second;
      under_way_.erase(under_way_.begin());
      arrive(side, segment);
    }
  }

  void arrive(int side, const WireSegment& segment) {
    End& end = ends_[side];
    if (!end.connection || end.is_gone) {
      meet(side, segment);
      return;
    }
    give(side, segment);
  }
  void give(int side, const WireSegment& segment) {
    End& end = ends_[side];
    if (segment.header.has(kRst)) {
      wrong_ = "a RST: " + state();
    }
    Arrived arrived;
    const auto verdict = end.connection->on_segment(
        end.shared, {segment.header, segment.options, segment.payload, segment.ce}, now_, arrived);
    if (verdict == Connection::Verdict::kReset) {
      wrong_ = "a segment was refused: " + state();
    }
    end.ecn.marks += segment.ce;
    check(side, arrived.in_frame);
    for (const HeldBytes& piece : arrived.held) {
      check(side, piece.view());
    }
    end.got_fin |= arrived.fin;
    if (!settings_.slow_reader) {
      end.connection->read(end.connection->receiver().unread_bytes());
    } else if (end.reads_at == kNever && end.connection->receiver().unread_bytes() != 0) {
      end.reads_at = now_ + static_cast<int64_t>(rng_.below(3'000'000));
    }
  }
  void check(int side, Bytes bytes) {
    End& end = ends_[side];
    for (const uint8_t byte : bytes) {
      if (byte != byte_at(1 - side, end.got++)) {
        wrong_ = "a wrong byte at " + std::to_string(end.got - 1);
      }
    }
  }

  // Takes the listener's only record.
  void crowd(End& end) {
    Flow flow = end.flow;
    flow.remote_port = 9;
    const TcpHeader header{.flags = kSyn};
    end.listener->on_segment(end.shared.config,
                             {.hash = flow_hash({}, flow),
                              .flow = flow,
                              .header = header,
                              .options = {},
                              .listens = true,
                              .has_room = true},
                             now_);
  }

  // A segment of no connection.
  void meet(int side, const WireSegment& segment) {
    End& end = ends_[side];
    const Stranger stranger{.hash = flow_hash({}, end.flow),
                            .flow = end.flow,
                            .header = segment.header,
                            .options = segment.options,
                            .payload_bytes = static_cast<uint32_t>(segment.payload.size()),
                            .listens = !end.connection,
                            .has_room = rng_.below(10) >= settings_.no_room,
                            .path_mss = 1'000};
    const auto action = end.listener->on_segment(end.shared.config, stranger, now_);
    if (action == Listener::Action::kOpen) {
      if (rng_.below(10) < settings_.no_room) {
        return;  // there is no memory for it, say
      }
      end.listener->opened(stranger);
      const PassiveOpening& opening = end.listener->opening();
      end.isn = opening.our_isn;
      end.connection.emplace(end.shared, path(), opening, now_);
      give(side, segment);
    } else if (action != Listener::Action::kDrop) {
      const SegmentOut& answer = end.listener->answer();
      if (answer.header.has(kRst) && end.connection) {
        // Two MSL are over, and the peer still asks for the last ACK: it has all, and ends so.
        ends_[1 - side].ended_late = true;
        return;
      }
      if (answer.header.has(kRst)) {
        wrong_ = "a RST for a stranger: " + state();
      }
      note_said(end, answer.header);
      put(1 - side, {.header = answer.header, .options = answer.options});
    }
  }

  // The application, timers, and what goes out.
  void act(int side) {
    End& end = ends_[side];
    if (!end.connection) {
      end.listener->advance(
          end.shared.config, now_, 10, [](const Flow&) { return uint16_t{1'000}; },
          [&](const Flow& flow, const SegmentOut& answer) {
            if (flow == end.flow) {
              note_said(end, answer.header);
              put(1 - side, {.header = answer.header, .options = answer.options});
            }
          });
    }
    if (!end.connection || end.is_gone) {
      return;
    }
    if (!end.connection->is_over()) {
      go_on(side);
    }
    if (end.connection->is_over()) {
      end.is_gone = true;
      note_end(side);
    }
  }
  void go_on(int side) {
    End& end = ends_[side];
    if (end.connection->deadline(end.shared) <= now_) {
      end.connection->on_timer(end.shared, now_);
    }
    if (end.reads_at <= now_) {
      const uint32_t unread = end.connection->receiver().unread_bytes();
      const auto bytes = static_cast<uint32_t>(rng_.below(unread) + 1);
      end.connection->read(bytes);
      end.reads_at =
          bytes == unread ? kNever : now_ + static_cast<int64_t>(rng_.below(3'000'000) + 1);
    }
    if (end.connection->is_open()) {
      if (end.to_write != 0 && end.connection->unacknowledged_bytes() < settings_.bytes_at_once) {
        const auto bytes = std::min<uint32_t>(
            end.to_write, static_cast<uint32_t>(rng_.below(settings_.bytes_at_once) + 1));
        end.connection->write(bytes);
        end.to_write -= bytes;
      }
      if (end.to_write == 0 && !end.finished && (side == 0 || end.got_fin || rng_.below(2) == 0)) {
        end.finished = true;
        end.connection->finish();
      }
    }
    flush(side);
    check_promises(side);
  }
  void note_end(int side) {
    End& end = ends_[side];
    if (end.connection->state() != TcpState::kTimeWait) {
      return;
    }
    const TimeWaitState over = end.connection->time_wait();
    // RFC 9293 3.10.7.4, eighth.
    if (end.acked != over.receive_next) {
      wrong_ = "it is over, and the peer's end not acknowledged: " + state();
    }
    end.listener->enter_time_wait(flow_hash({}, end.flow), end.flow, over, now_);
  }

  void check_promises(int side) {
    const Connection& connection = *ends_[side].connection;
    const Sender& sender = connection.sender();
    const bool waits = !sender.all_acked() || sender.unsent_bytes() != 0;
    if (connection.is_open() && waits && connection.deadline(ends_[side].shared) == kNever) {
      wrong_ = "outstanding, but nothing is armed: " + state();
    }
    if (sender.una() > sender.nxt() || sender.nxt() > sender.end()) {
      wrong_ = "sequence numbers are out of order";
    }
  }

  void flush(int side) {
    End& end = ends_[side];
    if (!end.connection) {
      return;
    }
    const Sender& sender = end.connection->sender();
    const uint32_t before = std::max(sender.queue().pipe_bytes(), sender.congestion().cwnd_bytes());
    // Now and then the ring is full.
    size_t room = rng_.below(20) == 0 ? rng_.below(3) : SIZE_MAX;
    while (!end.connection->flush(end.shared, now_, [&](const SegmentOut& out) {
      if (room == 0) {
        return false;
      }
      --room;
      emit(side, out);
      return true;
    })) {
      room = rng_.below(4);
    }
    // Beyond the congestion window go a probe, or the two segments of F-RTO, with a FIN.
    if (sender.queue().pipe_bytes() > before + 2U * sender.mss() + 1) {
      wrong_ = "in flight are " + std::to_string(sender.queue().pipe_bytes()) + " bytes of " +
               std::to_string(before) + ": " + state();
    }
  }

  void emit(int side, const SegmentOut& out) {
    End& end = ends_[side];
    note_said(end, out.header);
    if (out.ect) {  // RFC 3168 6.1.4, 6.1.5: data that goes for the first time
      if (!settings_.ecn || out.payload.empty() ||
          (end.sent_until && out.payload.begin < *end.sent_until)) {
        wrong_ = "what goes again, or without data, may be marked: " + state();
      }
    }
    if (out.payload.bytes() > 1) {  // a window's probe goes again as what it is a part of
      end.sent_until = end.sent_until ? later(*end.sent_until, out.payload.end) : out.payload.end;
    }
    const uint32_t step = out.segment_bytes != 0 ? out.segment_bytes : UINT32_MAX;
    Seq at = out.payload.begin;
    do {
      WireSegment segment{.header = out.header, .options = out.options, .ect = out.ect};
      segment.header.seq = out.header.has(kSyn) ? out.header.seq : at;
      const Seq until = earlier(out.payload.end, at + std::min(step, out.payload.bytes()));
      for (; at != until; at += 1) {
        segment.payload.push_back(byte_at(side, at.value - (end.isn.value + 1)));
      }
      if (segment.header.seq != out.header.seq) {
        segment.header.flags &= static_cast<TcpFlags>(~kCwr);  // it is new data's first (RFC 3168)
      }
      if (at != out.payload.end) {
        segment.header.flags &= static_cast<TcpFlags>(~(kFin | kPsh));
      }
      check_room(side, segment);
      put(1 - side, segment);
    } while (at != out.payload.end);
  }

  // As the peer reads it: windows are scaled, but a SYN's (RFC 7323 2.2); both offer to.
  void note_said(End& end, const TcpHeader& header) {
    if (!header.has(kSyn)) {
      end.ecn.echoes += header.has(kEce);
      end.ecn.reduced += header.has(kCwr);
    }
    if (!header.has(kAck) || header.has(kRst)) {
      return;
    }
    const Seq edge =
        header.ack + (uint32_t{header.window} << (header.has(kSyn) ? 0 : settings_.scale));
    // A SYN that goes again says what it said.
    if (end.edge && edge < *end.edge && !end.got_fin && !header.has(kSyn)) {
      wrong_ = "the window's edge moves left: " + state();
    }
    end.edge = end.edge ? later(*end.edge, edge) : edge;
    end.acked = header.ack;
  }

  // Not beyond the window that was offered, but for a byte.
  void check_room(int side, const WireSegment& segment) {
    const End& peer = ends_[1 - side];
    const Seq end = segment.header.seq + static_cast<uint32_t>(segment.payload.size());
    if (peer.edge && segment.payload.size() > 1 && end > *peer.edge) {
      wrong_ = "beyond the window by " + std::to_string(end - *peer.edge) + " at " +
               std::to_string(segment.header.seq - *peer.edge) + ": " + state();
    }
  }

  void put(int to, WireSegment segment) {
    const LinkSettings& link = settings_.link;
    if (now_ < faults_end_ && rng_.below(10'000) < link.loss) {
      return;
    }
    segment.ce = segment.ect && rng_.below(10'000) < link.marks;
    const int copies = rng_.below(10'000) < link.twice ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const auto jitter =
          static_cast<int64_t>(rng_.below(static_cast<uint64_t>(link.jitter_ns) + 1));
      under_way_.emplace(now_ + link.delay_ns + jitter, std::pair{to, segment});
    }
  }

  const Settings settings_;
  Rng rng_;
  Moment now_{kSecondNs * 1'000};
  const Moment faults_end_ = now_ + 20 * kSecondNs;  // what was lost is made good afterwards
  End ends_[2];
  std::multimap<Moment, std::pair<int, WireSegment>> under_way_;
  std::string wrong_;
};

Settings drawn(Rng& rng) {
  Settings settings;
  settings.link = {.loss = static_cast<uint32_t>(rng.below(3) * rng.below(800)),
                   .twice = static_cast<uint32_t>(rng.below(2) * rng.below(500)),
                   .marks = static_cast<uint32_t>(rng.below(2) * rng.below(1'000)),
                   .delay_ns = static_cast<int64_t>(10'000 + rng.below(200'000)),
                   .jitter_ns = static_cast<int64_t>(rng.below(2) * rng.below(200'000))};
  settings.congestion = static_cast<CongestionAlgorithm>(rng.below(3));
  settings.segmented_bytes_max = rng.below(2) == 0 ? 0 : 16'000;
  settings.buffer_bytes = static_cast<uint32_t>(1'500 + rng.below(3) * rng.below(100'000));
  settings.scale = static_cast<uint8_t>(rng.below(8));
  settings.ecn = rng.below(2) == 0;
  settings.both_open = rng.below(8) == 0;
  settings.slow_reader = rng.below(3) == 0;
  settings.cookies = rng.below(3) == 0;
  settings.no_room = 1;
  settings.turn_ns = static_cast<int64_t>(1 + rng.below(2) * rng.below(300'000));
  settings.bytes[0] = static_cast<uint32_t>(rng.below(60'000));
  settings.bytes[1] = static_cast<uint32_t>(rng.below(2) * rng.below(60'000));
  settings.bytes_at_once = static_cast<uint32_t>(rng.below(2) == 0 ? 300 : 30'000);
  return settings;
}

TEST(ConnectionLoopTest, EveryByteArrivesOnceAndBothEnd) {
  const Seeds seeds = seeds_to_run(1'500);
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    Rng rng(seed);
    const Settings settings = drawn(rng);
    Loop loop(seed, settings);
    ASSERT_EQ(loop.run(), "") << "seed " << seed;
  }
}

TEST(ConnectionLoopTest, NothingGoesTwiceWhereNothingIsLost) {
  for (const uint32_t cut : {0U, 16'000U}) {
    Settings settings;
    settings.segmented_bytes_max = cut;
    settings.bytes[0] = 1'000'000;
    settings.bytes[1] = 1'000'000;
    Loop loop(1, settings);
    ASSERT_EQ(loop.run(), "");
    EXPECT_EQ(loop.counters(0).retransmissions, 0U);
    EXPECT_EQ(loop.counters(1).retransmissions, 0U);
  }
}

// RFC 3168 6.1.2, 6.1.3: a mark comes back as ECE and is answered by less and CWR, not by loss.
TEST(ConnectionLoopTest, MarksAreHeard) {
  for (const CongestionAlgorithm algorithm :
       {CongestionAlgorithm::kNewReno, CongestionAlgorithm::kCubic, CongestionAlgorithm::kDctcp}) {
    Settings settings;
    settings.congestion = algorithm;
    settings.ecn = true;
    settings.bytes[0] = 1'000'000;
    settings.bytes[1] = 0;
    for (const uint32_t marks : {0U, 500U}) {
      settings.link.marks = marks;
      Loop loop(1, settings);
      ASSERT_EQ(loop.run(), "");
      EXPECT_EQ(loop.counters(0).retransmissions, 0U);
      const Loop::Ecn& sender = loop.ecn(0);
      const Loop::Ecn& receiver = loop.ecn(1);
      EXPECT_EQ(sender.echoes, 0U);
      if (marks == 0) {
        EXPECT_EQ(receiver.marks + receiver.echoes + sender.reduced, 0U);
        continue;
      }
      EXPECT_GT(receiver.marks, 10U);
      // DCTCP's echo is that of the last segment of a burst (connection/README, Deviations).
      const bool says_all = algorithm != CongestionAlgorithm::kDctcp;
      EXPECT_GE(receiver.echoes, says_all ? receiver.marks / 4 : 1);
      EXPECT_GT(sender.reduced, 2U);
      EXPECT_LE(sender.reduced, receiver.marks);  // once a window
    }
  }
}

}  // namespace
}  // namespace pollux::tcp
