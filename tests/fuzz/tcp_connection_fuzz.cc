// libFuzzer target: a connection, and the listener that it comes out of, with a peer that sends
// nearly what it should, an application and a clock. After each step all that is promised must
// hold: every byte in its place, windows kept in both directions, nothing sent twice at a time,
// something armed while something is awaited, the scoreboard's sums as counted anew. When the
// application has closed, it ends without a further word of the peer's.
//
// The input is a list of steps; tcp_fuzz_support.h says how a segment is made of it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/tcp/connection/connection.h"
#include "dataplane/tcp/listener/listener.h"
#include "dataplane/tcp/tables/isn.h"
#include "tests/fuzz/tcp_fuzz_support.h"

namespace pollux::tcp {
namespace {

constexpr uint32_t kUnacknowledgedMax = 4U << 20;

class Play {
 public:
  explicit Play(FuzzInput& in)
      : in_(in),
        listener_({.half_open = {.capacity = 4}, .time_wait = {.capacity = 2}},
                  {.table = {1, 2},
                   .offsets = {3, 4},
                   .cookie_flow = {5, 6},
                   .cookie_period = {7, 8},
                   .limits = {9, 10}}) {
    const uint8_t kind = in_.u8();
    ConnectionConfig& config = shared_.config;
    constexpr uint32_t kBuffers[] = {256U << 10, 64U << 10, 5'000, 1'200};
    config.receive.buffer_bytes = kBuffers[kind & 3];
    buffer_max_ = config.receive.buffer_bytes;
    config.receive.reassembly = {.memory_bytes_max = 20'000, .segments_max = 16, .ranges_max = 4};
    config.window_scale = (kind & 4) != 0 ? 7 : 0;
    config.ecn = (kind & 8) != 0;
    shared_.sender.config.congestion = static_cast<CongestionAlgorithm>(kind / 16 % 3);
    path_.segmented_bytes_max = (kind & 128) != 0 ? 16'000 : 0;
    if ((in_.u8() & 1) != 0) {
      now_ = Moment{(int64_t{UINT32_MAX} - 3) * kMillisecondNs};  // of clocks that wrap
    }
  }

  void step() {
    const uint8_t kind = in_.u8();
    const bool goes_on = (kind & 128) != 0;  // the turn does
    switch (kind % 16) {
      default:
        come();
        break;
      case 8:
        write(in_.count(60'000));
        break;
      case 9:
        read();
        break;
      case 10:
        end(in_.below(3));
        break;
      case 11:
        pass();
        break;
      case 12:
        turn(in_.below(5));
        return;
      case 13:
        open();
        break;
      case 14:
        disturb();
        break;
      case 15:
        listens_ = in_.coin();
        has_room_ = in_.coin();
        break;
    }
    if (!goes_on) {
      turn(SIZE_MAX);
    }
  }

  // The application is done, and the peer says no more.
  void finish() {
    turn(SIZE_MAX);
    if (!connection_) {
      return;
    }
    read_all();
    connection_->close(shared_, now_);
    other_cause_ = true;
    turn(SIZE_MAX);
    for (int steps = 0; connection_; ++steps) {
      require(steps < 2'000, "a connection that was closed ends");
      const Moment next = connection_->deadline(shared_);
      require(next != kNever, "a connection that was closed waits for something");
      now_ = std::max(now_, next);
      connection_->on_timer(shared_, now_);
      turn(SIZE_MAX);
    }
  }

 private:
  // ---- what comes ----

  void come() {
    const PeerSegment drawn = draw_segment(in_, peer_, now_);
    uint8_t bytes[kTcpHeaderBytesMax];
    size_t option_bytes = drawn.raw_options.size();
    std::ranges::copy(drawn.raw_options, bytes);
    if (option_bytes == 0) {
      option_bytes = write_tcp_options(bytes, drawn.options);
    }
    const TcpOptions options = parse_tcp_options({bytes, option_bytes});
    if (connection_) {
      return give(drawn, options);
    }
    const Stranger stranger = stranger_of(drawn, options);
    const Listener::Action action = listener_.on_segment(shared_.config, stranger, now_);
    if (action == Listener::Action::kOpen) {
      require(listens_ && has_room_, "who is let in may be");
      begin(listener_.opening());
      listener_.opened(stranger);
      give(drawn, options);
    } else if (action != Listener::Action::kDrop) {
      answer(drawn, listener_.answer());
    }
  }

  Stranger stranger_of(const PeerSegment& segment, const TcpOptions& options) const {
    return {.hash = hash_,
            .flow = kFlow,
            .header = segment.header,
            .options = options,
            .payload_bytes = static_cast<uint32_t>(segment.payload.size()),
            .listens = listens_,
            .has_room = has_room_,
            .path_mss = path_.mss};
  }

  void begin(const PassiveOpening& opening) {
    reset_view();
    connection_.emplace(shared_, path_, opening, now_);
    const bool scales = opening.options.scale != SynOptions::kNoScale;
    our_shift_ = scales ? shared_.config.window_scale : 0;
    peer_shift_ = scales ? opening.options.scale : 0;
    edge_ = opening.peer_isn + 1 + opening.our_window;
    their_next_ = opening.peer_isn + 1;
  }

  void reset_view() {
    edge_.reset();
    their_next_.reset();
    room_until_.reset();
    fin_came_ = false;
    our_shift_ = peer_shift_ = 0;
  }

  void give(const PeerSegment& segment, const TcpOptions& options) {
    const TcpHeader& header = segment.header;
    const bool had_receiver = their_next_.has_value();
    const TcpState before = connection_->state();
    note_room(header);
    Arrived arrived;
    const Connection::Verdict verdict = connection_->on_segment(
        shared_, {header, options, segment.payload, segment.ce}, now_, arrived);
    ++segments_in_;
    (header.has(kRst) ? reset_came_ : other_cause_) = true;
    if (verdict == Connection::Verdict::kReset) {
      require(before < TcpState::kEstablished, "a segment is refused only while it opens");
      if (listener_.refuse(stranger_of(segment, options), now_) == Listener::Action::kAnswer) {
        answer(segment, listener_.answer());
      }
    }
    if (!had_receiver && before == TcpState::kSynSent &&
        (connection_->state() == TcpState::kEstablished ||
         connection_->state() == TcpState::kSynReceived)) {
      their_next_ = header.seq + 1;
      if (options.window_scale) {
        our_shift_ = shared_.config.window_scale;
        peer_shift_ = *options.window_scale;
      }
      edge_ = *their_next_ + window_of_syn(shared_.config);
      room_until_.reset();
      note_room(header);
    }
    take(arrived);
  }

  // Nothing is ever offered beyond; numbers that are not near are none that count.
  void note_room(const TcpHeader& header) {
    if (!header.has(kAck) && !header.has(kSyn)) {
      return;
    }
    const Sender& sender = connection_->sender();
    const Seq ack = header.has(kAck) ? header.ack : sender.una();
    if (ack - sender.nxt() > 1 || sender.una() - ack > (1 << 30)) {
      return;
    }
    const Seq until = ack + (uint32_t{header.window} << (header.has(kSyn) ? 0 : peer_shift_));
    room_until_ = room_until_ ? later(*room_until_, until) : until;
  }

  void take(const Arrived& arrived) {
    const auto look_at = [this](Bytes bytes) {
      require(bytes.empty() || !fin_came_, "nothing comes behind the end");
      for (const uint8_t byte : bytes) {
        require(byte == their_byte(*their_next_), "what arrives stands in its place");
        *their_next_ += 1;
      }
    };
    require(arrived.empty() || their_next_, "nothing comes before the SYN");
    look_at(arrived.in_frame);
    for (const HeldBytes& piece : arrived.held) {
      look_at(piece.view());
    }
    require(!arrived.fin || !fin_came_, "the end comes once");
    fin_came_ |= arrived.fin;
    if (their_next_) {
      const Receiver& receiver = connection_->receiver();
      require(receiver.nxt() == *their_next_ + (fin_came_ ? 1U : 0U),
              "RCV.NXT stands behind what was told");
      require(receiver.fin_received() == fin_came_, "the end is told at once");
      require(receiver.unread_bytes() <= std::max<uint32_t>(buffer_max_, UINT16_MAX) + (1U << 14),
              "what is unread has room");
      require(connection_->held_bytes() <= shared_.config.receive.reassembly.memory_bytes_max,
              "what came before its turn keeps to its limit");
    }
    if (reads_ && !arrived.empty()) {
      read_all();
    }
  }

  // Back to who sent it.
  void answer(const PeerSegment& to, const SegmentOut& out) {
    require(!to.header.has(kRst), "no RST is answered");
    require(out.payload.empty(), "who is no connection sends no data");
    peer_.saw(out.header, out.options, out.header.seq + (out.header.has(kSyn) ? 1 : 0));
  }

  // ---- the application ----

  void write(uint32_t bytes) {
    if (connection_ && connection_->can_write() &&
        connection_->unacknowledged_bytes() + bytes <= kUnacknowledgedMax) {
      connection_->write(bytes);
    }
  }
  void read() {
    reads_ = in_.coin();
    if (connection_ && their_next_) {
      const uint32_t unread = connection_->receiver().unread_bytes();
      connection_->read(std::min(unread, in_.count(60'000)));
    }
  }
  void read_all() {
    if (connection_ && their_next_) {
      connection_->read(connection_->receiver().unread_bytes());
    }
  }
  void end(uint8_t how) {
    if (!connection_) {
      return;
    }
    if (how == 0) {
      connection_->finish();
    } else if (how == 1) {
      connection_->close(shared_, now_);
    } else {
      connection_->abort();
    }
    other_cause_ = true;
  }
  void open() {
    if (connection_ || listener_.knows(hash_, kFlow)) {
      return;
    }
    reset_view();
    const FlowOffsets offsets = listener_.offsets(kFlow);
    connection_.emplace(
        shared_, path_,
        ActiveOpening{.our_isn = initial_seq(offsets, now_) + (in_.coin() ? in_.u32() : 0),
                      .timestamp_offset = offsets.timestamp},
        now_);
  }

  void disturb() {
    switch (in_.below(4)) {
      case 0:
        if (connection_) {
          connection_->on_path_mss(std::max<uint16_t>(in_.u16(), 536));
        }
        break;
      case 1:
        if (connection_) {
          connection_->on_unreachable();
        }
        break;
      case 2:
        if (connection_) {
          connection_->drop_held();
        }
        break;
      case 3:  // memory becomes short, or is there again
        shared_.config.receive.buffer_bytes = in_.coin() ? buffer_max_ : buffer_max_ / 8;
        break;
    }
  }

  // ---- time ----

  void pass() {
    constexpr int64_t kTimes[] = {
        1,         50 * kMicrosecondNs, kMillisecondNs, 30 * kMillisecondNs,
        kSecondNs, 20 * kSecondNs,      200 * kSecondNs};
    const uint8_t kind = in_.below(10);
    if (kind < 7) {
      now_ = now_ + kTimes[kind];
    } else {
      Moment next = listener_.next_deadline();
      if (connection_) {
        next = std::min(next, connection_->deadline(shared_));
      }
      now_ = next == kNever ? now_ : std::max(now_, next);
    }
    other_cause_ = true;
    if (connection_ && connection_->deadline(shared_) <= now_) {
      connection_->on_timer(shared_, now_);
    }
    listener_.advance(
        shared_.config, now_, 10, [this](const Flow&) { return path_.mss; },
        [this](const Flow&, const SegmentOut& out) {
          peer_.saw(out.header, out.options, out.header.seq + 1);
        });
  }

  // ---- what goes out ----

  void turn(size_t room) {
    if (!connection_) {
      return;
    }
    for (int rounds = 0; flush(room); ++rounds) {
      require(rounds < 4, "a deadline lies ahead");
      connection_->on_timer(shared_, now_);
    }
    if (room == SIZE_MAX) {
      segments_in_ = 0;
      reset_came_ = other_cause_ = false;
    }
    if (connection_->is_over()) {
      over();
    }
  }

  // Whether a timer is due, though all had room.
  bool flush(size_t room) {
    Connection& connection = *connection_;
    const Sender& sender = connection.sender();
    const uint32_t pipe = std::max(sender.queue().pipe_bytes(), sender.congestion().cwnd_bytes());
    sent_.clear();
    pure_acks_ = 0;
    const bool may_reset = other_cause_ || !reset_came_;
    const bool was_over = connection.is_over();
    const bool all = connection.flush(shared_, now_, [&](const SegmentOut& out) {
      require(!was_over, "who is over says nothing");
      if (room == 0) {
        return false;
      }
      --room;
      require(may_reset || !out.header.has(kRst), "no RST answers a RST");
      look_at(out);
      return true;
    });
    require(all || room == 0, "what has room goes out");
    require(pure_acks_ <= std::max(segments_in_, 1U), "an ACK a segment, at most");
    check_promises(all);
    if (sender.queue().pipe_bytes() > 0) {
      // And a probe, or the two segments of F-RTO, with a FIN.
      require(sender.queue().pipe_bytes() <= pipe + 2U * sender.mss() + 1, "what cwnd allows");
    }
    return all && !connection.is_over() && connection.deadline(shared_) <= now_;
  }

  void look_at(const SegmentOut& out) {
    const TcpHeader& header = out.header;
    const bool syn = header.has(kSyn);
    const bool rst = header.has(kRst);
    const uint32_t bytes = out.payload.bytes();
    require(syn + rst + header.has(kFin) <= 1, "one of SYN, FIN and RST");
    require(syn || header.has(kAck), "an ACK on all but SYNs");
    require(bytes == 0 || out.payload.begin == header.seq, "payload begins where the segment does");
    require(bytes == 0 || !(syn || rst), "no data on SYN and RST");
    const Sender& sender = connection_->sender();
    const Seq end = header.seq + bytes + (syn || header.has(kFin) ? 1 : 0);
    peer_.saw(header, out.options, end);
    if (rst) {
      return;
    }
    if (header.has(kAck)) {
      check_ack(out);
    }
    if (syn) {
      return;
    }
    require(out.options.timestamps.has_value() == connection_->uses_timestamps(),
            "timestamps where they were agreed to");
    if (bytes == 0 && !header.has(kFin)) {
      ++pure_acks_;
      return;
    }
    require(header.seq >= sender.una() && end <= sender.end() + 1, "what was written is sent");
    require(out.segment_bytes != 0 || bytes <= sender.mss(), "no segment over the MSS");
    require(out.segment_bytes <= sender.mss() &&
                bytes <= std::max<uint32_t>(path_.segmented_bytes_max, sender.mss()),
            "no more than the device cuts");
    require(room_until_ && header.seq + bytes <= *room_until_ + 1,
            "nothing beyond the window but a byte");
    for (const SeqRange& other : sent_) {
      require(end <= other.begin || header.seq >= other.end, "nothing twice in a turn");
    }
    sent_.push_back({header.seq, end});
  }

  void check_ack(const SegmentOut& out) {
    const Receiver& receiver = connection_->receiver();
    require(out.header.ack == receiver.nxt(), "the ACK is RCV.NXT");
    const unsigned shift = out.header.has(kSyn) ? 0 : our_shift_;
    const Seq edge = out.header.ack + (uint32_t{out.header.window} << shift);
    require(out.header.has(kSyn) || fin_came_ || edge >= *edge_, "the window's edge moves right");
    edge_ = later(*edge_, edge);
    for (const SeqRange& block : out.options.sack_blocks()) {
      require(connection_->uses_sack(), "SACK where it was agreed to");
      require(block.begin < block.end && block.end <= *edge_, "SACK blocks are of what came");
    }
  }

  void check_promises(bool all) const {
    const Connection& connection = *connection_;
    const Sender& sender = connection.sender();
    require(sender.una() <= sender.nxt() && sender.nxt() <= sender.end(), "una, nxt, end");
    const bool waits = !sender.all_acked() || sender.unsent_bytes() != 0;
    require(connection.state() >= TcpState::kTimeWait || !waits || !all ||
                connection.deadline(shared_) != kNever,
            "something is armed");
    require((connection.end() == TcpEnd::kNone) == (connection.state() < TcpState::kTimeWait),
            "an end has a reason");
    const SendQueue& queue = sender.queue();
    uint32_t sacked = 0;
    uint32_t lost = 0;
    Seq at = sender.una();
    for (size_t i = 0; i < queue.size(); ++i) {
      const Segment& segment = queue[i];
      require(segment.begin == at && segment.bytes != 0, "segments stand side by side");
      at = segment.end();
      sacked += segment.is(Segment::kSacked) ? segment.bytes : 0;
      lost += segment.is(Segment::kLost) ? segment.bytes : 0;
      require(!segment.is(Segment::kSacked) || !segment.is(Segment::kLost), "SACKed is not lost");
    }
    require(at == sender.nxt(), "they reach from una to nxt");
    require(queue.sacked_bytes() == sacked && queue.lost_bytes() == lost, "sums are right");
    require(queue.outstanding_bytes() == static_cast<uint32_t>(sender.nxt() - sender.una()),
            "all that is outstanding is remembered");
  }

  void over() {
    if (connection_->state() == TcpState::kTimeWait) {
      listener_.enter_time_wait(hash_, kFlow, connection_->time_wait(), now_);
    }
    connection_.reset();
    reset_view();
  }

  static constexpr Flow kFlow{.local = IpAddress::v4(0x0a000001),
                              .remote = IpAddress::v4(0x0a000002),
                              .local_port = 6379,
                              .remote_port = 40'000};

  FuzzInput& in_;
  Moment now_{5'000 * kSecondNs};
  Path path_{1'460, 0};
  ConnectionShared shared_{.config = {},
                           .sender = {},
                           .challenge_acks = {SipKey{}, ConnectionLimiter::kChallengeAcks},
                           .out_of_window_acks = {SipKey{}, ConnectionLimiter::kOutOfWindowAcks}};
  Listener listener_;
  const uint64_t hash_ = flow_hash({1, 2}, kFlow);
  bool listens_ = true;
  bool has_room_ = true;
  uint32_t buffer_max_ = 0;
  PeerView peer_;
  std::optional<Connection> connection_;

  // Of the connection.
  std::optional<Seq> their_next_;  // the next byte of the peer's that was not told
  std::optional<Seq> edge_;        // of our window, as it was told
  std::optional<Seq> room_until_;  // no window of the peer's has ever reached further
  uint8_t our_shift_ = 0;
  uint8_t peer_shift_ = 0;
  bool reads_ = true;
  bool fin_came_ = false;
  // Of a turn.
  std::vector<SeqRange> sent_;
  uint32_t segments_in_ = 0;
  uint32_t pure_acks_ = 0;
  bool reset_came_ = false;  // and if nothing else happened, no RST goes out
  bool other_cause_ = false;
};

}  // namespace
}  // namespace pollux::tcp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pollux::tcp::FuzzInput in(data, size);
  pollux::tcp::Play play(in);
  while (!in.is_over()) {
    play.step();
  }
  play.finish();
  return 0;
}
