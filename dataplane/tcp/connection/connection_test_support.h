// A connection whose peer is a script. Segments are text, as tcpdump shows them, with sequence
// numbers relative to the first of each side and windows as they stand in the header:
//
//   "P. 1:101(100) ack 1 win 500 <sack 201:301>"
//
// Flags: S F R P E W and "." for ACK. Both sides begin where sequence numbers wrap.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "dataplane/tcp/connection/connection.h"
#include "dataplane/tcp/tables/isn.h"

namespace pollux::tcp {

inline constexpr Seq kOurIsn{static_cast<uint32_t>(-20)};
inline constexpr Seq kPeerIsn{static_cast<uint32_t>(-30)};
inline constexpr uint32_t kTimestampOffset = static_cast<uint32_t>(-5);
inline constexpr Moment kScriptStart{1'000 * kSecondNs};

inline ConnectionShared make_shared_state() {
  return {.config = {},
          .sender = {},
          .challenge_acks = {SipKey{}, ConnectionLimiter::kChallengeAcks},
          .out_of_window_acks = {SipKey{}, ConnectionLimiter::kOutOfWindowAcks}};
}

inline uint8_t peer_byte(Seq seq) {
  return static_cast<uint8_t>(seq.value * 2654435761U >> 24);
}

struct ScriptOptions {
  uint16_t mss = 1000;  // of the path and of the peer's SYN
  uint8_t scale = 0;    // the peer's, if ours is not 0
  uint8_t our_scale = 0;
  bool sack = true;
  bool timestamps = false;
  bool ecn = false;
  uint32_t segmented_bytes_max = 0;
};

class Script {
 public:
  explicit Script(const ScriptOptions& options = {}) : options_(options) {
    shared.config.window_scale = options.our_scale;
    shared.config.ecn = options.ecn;
  }

  // Established by the peer, who offers `window`; the ACK of the handshake has come.
  void open_passive(uint16_t window = 60'000) {
    const bool scales = options_.our_scale != 0 || options_.scale != 0;
    connection = std::make_unique<Connection>(
        shared, path(),
        PassiveOpening{.our_isn = kOurIsn,
                       .peer_isn = kPeerIsn,
                       .our_window = UINT16_MAX,
                       .options = {.mss = options_.mss,
                                   .scale = scales ? options_.scale : SynOptions::kNoScale,
                                   .sack = options_.sack,
                                   .timestamps = options_.timestamps,
                                   .ecn = options_.ecn},
                       .timestamp_offset = kTimestampOffset,
                       .peer_timestamp = kPeerTimestamp,
                       .rtt_ns = 100 * kMicrosecondNs},
        now);
    come(". 1:1(0) ack 1 win " + std::to_string(window));
  }
  void open_active() {
    connection = std::make_unique<Connection>(
        shared, path(), ActiveOpening{.our_isn = kOurIsn, .timestamp_offset = kTimestampOffset},
        now);
  }

  // A segment of the peer's. What it brings is read at once unless `reads` is off.
  Connection::Verdict come(const std::string& text) {
    TcpHeader header;
    TcpOptions options;
    std::vector<uint8_t> payload;
    parse(text, header, options, payload);
    Arrived arrived;
    const Connection::Verdict verdict =
        connection->on_segment(shared, {header, options, payload, ce}, now, arrived);
    take(arrived);
    return verdict;
  }
  // What goes out now, a segment a line.
  std::string go() {
    std::string lines;
    connection->flush(shared, now, [&](const SegmentOut& segment) {
      if (room == 0) {
        return false;
      }
      --room;
      lines += (lines.empty() ? "" : "\n") + shown(segment);
      last = segment;
      return true;
    });
    return lines;
  }
  // The next deadline comes, if it does within `within_ns`; what goes out then.
  std::string tick(int64_t within_ns = 100'000 * kSecondNs) {
    const Moment deadline = connection->deadline(shared);
    if (deadline == kNever || deadline > now + within_ns) {
      now = now + within_ns;
      return "nothing";
    }
    now = std::max(now, deadline);
    connection->on_timer(shared, now);
    return go();
  }
  void pass(int64_t ns) { now = now + ns; }
  void write(uint32_t bytes) { connection->write(bytes); }
  TcpState state() const { return connection->state(); }

  ConnectionShared shared = make_shared_state();
  std::unique_ptr<Connection> connection;
  Moment now = kScriptStart;
  std::string got;   // what arrived
  bool fin = false;  // and its end
  bool reads = true;
  bool ce = false;  // of the segments that come
  bool sends_timestamps = true;  // where they were agreed to
  bool shows_windows = false;
  size_t room = SIZE_MAX;
  SegmentOut last;
  // Of the peer's segments, while timestamps are in use.
  static constexpr uint32_t kPeerTimestamp = static_cast<uint32_t>(-3);
  uint32_t peer_timestamp = kPeerTimestamp;
  std::optional<uint32_t> echo;  // instead of our last

 private:
  Path path() const { return {options_.mss, options_.segmented_bytes_max}; }

  void take(Arrived& arrived) {
    const auto add = [this](Bytes bytes) { got.append(bytes.begin(), bytes.end()); };
    add(arrived.in_frame);
    for (const HeldBytes& piece : arrived.held) {
      add(piece.view());
    }
    fin |= arrived.fin;
    if (reads && !arrived.empty()) {
      connection->read(connection->receiver().unread_bytes());
    }
  }

  void parse(const std::string& text, TcpHeader& header, TcpOptions& options,
             std::vector<uint8_t>& payload) {
    std::istringstream in(text);
    std::string word;
    in >> word;
    for (const char c : word) {
      constexpr std::string_view kLetters = "FSRP.UEW";
      header.flags |= static_cast<TcpFlags>(1U << kLetters.find(c));
    }
    header.window = 60'000;
    header.seq = kPeerIsn + 1;
    while (in >> word) {
      if (word == "ack") {
        uint32_t number = 0;
        in >> number;
        header.ack = kOurIsn + number;
      } else if (word == "win") {
        in >> header.window;
      } else if (word == "mss") {
        uint16_t mss = 0;
        in >> mss;
        options.mss = mss;
      } else if (word == "wscale") {
        unsigned scale = 0;
        in >> scale;
        options.window_scale = static_cast<uint8_t>(scale);
      } else if (word == "sackOK") {
        options.sack_permitted = true;
      } else if (word == "TS") {
        options.timestamps = {peer_timestamp, 0};
      } else if (word == "sack") {
        unsigned from = 0;
        unsigned to = 0;
        while (in >> word && std::sscanf(word.c_str(), "%u:%u", &from, &to) == 2) {
          options.sack[options.sack_count++] = {kOurIsn + from, kOurIsn + to};
        }
        break;
      } else {
        unsigned from = 0;
        unsigned to = 0;
        unsigned bytes = 0;
        ASSERT_EQ(std::sscanf(word.c_str(), "%u:%u(%u)", &from, &to, &bytes), 3) << word;
        header.seq = kPeerIsn + from;
        for (Seq seq = header.seq; bytes != 0; --bytes, seq += 1) {
          payload.push_back(peer_byte(seq));
        }
      }
    }
    if (options_.timestamps && sends_timestamps && !header.has(kSyn)) {
      const uint32_t ours = timestamp_at({.timestamp = kTimestampOffset}, now);
      options.timestamps = {peer_timestamp, echo.value_or(ours)};
    }
  }

  std::string shown(const SegmentOut& segment) const {
    const TcpHeader& header = segment.header;
    std::string text;
    for (const auto& [flag, letter] : {std::pair{kSyn, 'S'},
                                       {kFin, 'F'},
                                       {kRst, 'R'},
                                       {kPsh, 'P'},
                                       {kAck, '.'},
                                       {kEce, 'E'},
                                       {kCwr, 'W'}}) {
      if (header.has(flag)) {
        text += letter;
      }
    }
    const uint32_t bytes = segment.payload.bytes();
    text += " " + number(header.seq, kOurIsn) + ":" +
            number(header.seq + bytes + (header.has(kSyn) ? 1 : 0) + (header.has(kFin) ? 1 : 0),
                   kOurIsn) +
            "(" + std::to_string(bytes) + ")";
    if (header.has(kAck)) {
      text += " ack " + number(header.ack, kPeerIsn);
    }
    if (shows_windows) {
      text += " win " + std::to_string(header.window);
    }
    if (header.has(kSyn)) {
      text +=
          " <mss " + std::to_string(segment.options.mss.value_or(0)) +
          (segment.options.sack_permitted ? " sackOK" : "") +
          (segment.options.timestamps ? " TS" : "") +
          (segment.options.window_scale ? " wscale " + std::to_string(*segment.options.window_scale)
                                        : "") +
          ">";
    } else if (segment.options.sack_count != 0) {
      text += " <sack";
      for (const SeqRange& block : segment.options.sack_blocks()) {
        text += " " + number(block.begin, kPeerIsn) + ":" + number(block.end, kPeerIsn);
      }
      text += ">";
    }
    if (segment.segment_bytes != 0) {
      text += " in " + std::to_string(segment.segment_bytes);
    }
    return text;
  }
  static std::string number(Seq seq, Seq from) { return std::to_string(seq.value - from.value); }

  const ScriptOptions options_;
};

// A connection in that state, nothing owed. What it sends next begins at nxt_of() of the state, and
// what the peer sends next at peer_nxt_of().
inline void bring_to(Script& t, TcpState state) {
  if (state == TcpState::kSynSent || state == TcpState::kSynReceived) {
    t.open_active();
    t.go();
    if (state == TcpState::kSynReceived) {
      t.come("S 0:0(0) mss 1000 sackOK");
    }
    t.go();
    return;
  }
  t.open_passive();
  const bool peer_ends_first = state == TcpState::kCloseWait || state == TcpState::kLastAck;
  if (peer_ends_first) {
    t.come("F. 1:1(0) ack 1");
  }
  if (state != TcpState::kEstablished && state != TcpState::kCloseWait) {
    t.connection->finish();
  }
  t.go();
  if (state == TcpState::kFinWait2) {
    t.come(". 1:1(0) ack 2");
  } else if (state == TcpState::kClosing) {
    t.come("F. 1:1(0) ack 1");
  }
  t.go();
  ASSERT_EQ(t.state(), state);
}
inline uint32_t nxt_of(TcpState state) {
  return state == TcpState::kSynReceived || state == TcpState::kEstablished ||
                 state == TcpState::kCloseWait
             ? 1
             : 2;
}
inline uint32_t peer_nxt_of(TcpState state) {
  return state >= TcpState::kCloseWait ? 2 : 1;
}
inline constexpr TcpState kStatesWithAPeer[] = {
    TcpState::kSynReceived, TcpState::kEstablished, TcpState::kFinWait1, TcpState::kFinWait2,
    TcpState::kCloseWait,   TcpState::kClosing,     TcpState::kLastAck};
// ". 2:2(0) ack 1": a segment of ours without data, in that state.
inline std::string bare_of(TcpState state, const std::string& flags = ".") {
  const std::string nxt = std::to_string(nxt_of(state));
  return flags + " " + nxt + ":" + nxt + "(0) ack " + std::to_string(peer_nxt_of(state));
}

// `count` bytes of the peer's stream from its `from`th on (the first is 1).
inline std::string peer_text(uint32_t from, uint32_t count) {
  std::string text;
  for (Seq seq = kPeerIsn + from; count != 0; --count, seq += 1) {
    text += static_cast<char>(peer_byte(seq));
  }
  return text;
}

}  // namespace pollux::tcp
