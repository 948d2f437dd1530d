// What header prediction takes must leave a connection as the way that holds for all leaves it: two
// of them live through the same at random, one with it and one without.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/tcp/connection/connection.h"
#include "dataplane/tcp/connection/connection_test_support.h"
#include "src/base/rng.h"
#include "src/base/seeds.h"

namespace pollux::tcp {
namespace {

constexpr std::array<uint8_t, 3'000> kPayload{};

// One connection, and all that can be seen of it.
struct Side {
  Side(const PassiveOpening& opening, const ConnectionConfig& config, const SenderConfig& sender,
       const Path& path, Moment now) {
    shared.config = config;
    shared.sender.config = sender;
    connection.emplace(shared, path, opening, now);
  }

  std::string seen() const {
    const Sender& sender = connection->sender();
    const Receiver& receiver = connection->receiver();
    std::string out(name_of(connection->state()));
    for (const int64_t number : {int64_t{sender.una().value},
                                 int64_t{sender.nxt().value},
                                 int64_t{sender.end().value},
                                 int64_t{sender.window_bytes()},
                                 sender.heard_at().ns,
                                 sender.asked_since().ns,
                                 sender.deadline().ns,
                                 int64_t{sender.bare_seq().value},
                                 int64_t{receiver.nxt().value},
                                 int64_t{receiver.window_bytes()},
                                 int64_t{receiver.unread_bytes()},
                                 int64_t{receiver.held_bytes()},
                                 receiver.deadline().ns,
                                 int64_t{receiver.last_was_marked()},
                                 connection->deadline(shared).ns,
                                 int64_t{sender.congestion().cwnd_bytes()},
                                 int64_t{sender.congestion().pipe_ack_bytes()},
                                 int64_t{sender.congestion().validated()},
                                 int64_t{sender.congestion().block_bytes()},
                                 int64_t{sender.queue().delivered()},
                                 int64_t{sender.queue().outstanding_bytes()},
                                 sender.rtt().srtt_ns(),
                                 sender.rtt().rttvar_ns(),
                                 sender.rtt().min_rtt_ns(),
                                 int64_t{sender.rtt().backoffs()},
                                 sender.probe().longest_rtt_ns(),
                                 int64_t{sender.timeouts()},
                                 int64_t{sender.in_recovery()},
                                 int64_t{sender.reacted_until().value}}) {
      out += " " + std::to_string(number);
    }
    return out;
  }
  // What goes out while there is room for so many segments.
  std::vector<SegmentOut> flush(size_t room, bool by_short_way, Moment now) {
    std::vector<SegmentOut> out;
    const auto emit = [&](const SegmentOut& segment) {
      if (out.size() == room) {
        return false;
      }
      out.push_back(segment);
      return true;
    };
    if (by_short_way) {
      connection->flush(shared, now, emit);
    } else {
      connection->flush_any</*kPlain=*/false>(shared, now, emit);
    }
    return out;
  }

  ConnectionShared shared = make_shared_state();
  std::optional<Connection> connection;
  Arrived arrived;
};

class Pair {
 public:
  explicit Pair(uint64_t seed) : rng_(seed) {
    ConnectionConfig config;
    config.receive.buffer_bytes = rng_.below(2) == 0 ? 5'000 : 256U << 10;
    config.ecn = rng_.below(2) == 0;
    if (rng_.below(2) == 0) {
      config.keepalive_idle_ns = 20 * kMillisecondNs;
      config.keepalive_interval_ns = 10 * kMillisecondNs;
      config.keepalive_probes = 100;
    }
    // A device that cuts segments, or none.
    const Path path{1'000, rng_.below(2) == 0 ? 16'000U : 0U};
    SenderConfig sender;
    sender.congestion =
        rng_.below(3) == 0 ? CongestionAlgorithm::kDctcp : CongestionAlgorithm::kCubic;
    PassiveOpening opening{.our_isn = kOurIsn,
                           .peer_isn = kPeerIsn,
                           .our_window = 4'000,
                           .options = {.mss = 1'000,
                                       .scale = 2,
                                       .sack = rng_.below(4) != 0,
                                       .timestamps = rng_.below(3) != 0,
                                       .ecn = config.ecn},
                           .timestamp_offset = kTimestampOffset,
                           .peer_timestamp = 5,
                           .rtt_ns = 100 * kMicrosecondNs};
    predicts_.emplace(opening, config, sender, path, now_);
    plain_.emplace(opening, config, sender, path, now_);
  }

  void run() {
    for (int step = 0; step < 400 && !plain_->connection->is_over(); ++step) {
      act();
      ASSERT_EQ(predicts_->seen(), plain_->seen()) << "step " << step;
      ASSERT_TRUE(predicts_->connection->sender().rack() == plain_->connection->sender().rack())
          << "step " << step;
      ASSERT_FALSE(testing::Test::HasFailure()) << "step " << step;
    }
  }

 private:
  bool one_of(uint64_t count) { return rng_.below(count) == 0; }
  template <typename Do>
  void both(Do what) {
    what(*predicts_);
    what(*plain_);
  }

  void act() {
    switch (rng_.below(10)) {
      case 0:
        now_ = now_ + static_cast<int64_t>(rng_.below(one_of(4) ? 400'000'000 : 3'000'000));
        break;
      case 1: {
        const auto bytes = static_cast<uint32_t>(1 + rng_.below(2'500));
        both([&](Side& side) {
          if (side.connection->can_write()) {
            side.connection->write(bytes);
          }
        });
        break;
      }
      case 2:
        if (plain_->connection->deadline(plain_->shared) <= now_) {
          both([&](Side& side) { side.connection->on_timer(side.shared, now_); });
        }
        break;
      case 3:
        if (one_of(60)) {
          both([&](Side& side) { side.connection->finish(); });
        } else if (one_of(100)) {
          both([&](Side& side) { side.connection->close(side.shared, now_); });
        } else {
          const auto bytes =
              static_cast<uint32_t>(rng_.below(plain_->connection->receiver().unread_bytes() + 1));
          both([&](Side& side) { side.connection->read(bytes); });
        }
        break;
      case 4:
      case 5:
        flush();
        break;
      default:
        come();
    }
  }

  void flush() {
    const size_t room = one_of(5) ? rng_.below(3) : SIZE_MAX;
    const std::vector<SegmentOut> a = predicts_->flush(room, true, now_);
    const std::vector<SegmentOut> b = plain_->flush(room, false, now_);
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      ASSERT_EQ(a[i].header, b[i].header);
      ASSERT_EQ(a[i].options, b[i].options);
      ASSERT_EQ(a[i].payload, b[i].payload);
      ASSERT_EQ(a[i].segment_bytes, b[i].segment_bytes);
      ASSERT_EQ(a[i].ect, b[i].ect);
      ASSERT_EQ(a[i].is_control, b[i].is_control);
    }
  }

  // Mostly what is next; each of its fields is now and then another.
  void come() {
    const Sender& sender = plain_->connection->sender();
    const Receiver& receiver = plain_->connection->receiver();
    TcpHeader header;
    TcpOptions options;
    size_t bytes = one_of(4) ? 0 : 1 + rng_.below(one_of(8) ? 3'000 : 300);
    header.seq = receiver.nxt();
    if (one_of(8)) {
      header.seq += static_cast<uint32_t>(rng_.below(2'000)) - 1'000;
    }
    header.ack = one_of(3) ? sender.nxt() : sender.una();
    if (one_of(12)) {
      header.ack += static_cast<uint32_t>(rng_.below(3'000)) - 1'500;
    }
    header.window = window_;
    if (one_of(10)) {
      window_ = static_cast<uint16_t>(one_of(3) ? 0 : rng_.below(20'000));
    }
    header.flags = kAck;
    const auto maybe = [&](TcpFlags flag, uint64_t seldom) {
      header.flags |= one_of(seldom) ? flag : 0;
    };
    maybe(kPsh, 2);
    maybe(kFin, 200);
    maybe(kSyn, 100);
    maybe(kRst, 300);
    maybe(kUrg, 50);
    maybe(kEce, 30);
    maybe(kCwr, 30);
    if (one_of(80)) {
      header.flags &= static_cast<TcpFlags>(~kAck);
    }
    const auto ms = static_cast<uint32_t>(now_.ns / kMillisecondNs);
    if (!one_of(40)) {
      options.timestamps = {5 + ms - static_cast<uint32_t>(one_of(15) ? rng_.below(5) : 0),
                            kTimestampOffset + ms - static_cast<uint32_t>(rng_.below(3))};
    }
    if (one_of(12)) {
      options.sack_count = 1;
      const Seq from = sender.una() + static_cast<uint32_t>(rng_.below(2'000));
      options.sack[0] = {from, from + 500};
    }
    const bool ce = one_of(20);
    const Bytes payload = Bytes(kPayload).first(bytes);
    Connection::Verdict verdicts[2];
    size_t at = 0;
    both([&](Side& side) {
      side.arrived.clear();
      const Connection::Segment segment{header, options, payload, ce};
      verdicts[at] =
          at == 0 ? side.connection->on_segment(side.shared, segment, now_, side.arrived)
                  : side.connection->on_any_segment(side.shared, segment, now_, side.arrived);
      ++at;
    });
    ASSERT_EQ(verdicts[0], verdicts[1]);
    const Arrived& a = predicts_->arrived;
    const Arrived& b = plain_->arrived;
    ASSERT_EQ(a.in_frame.size(), b.in_frame.size());
    ASSERT_TRUE(a.in_frame.empty() || a.in_frame.data() == b.in_frame.data());
    ASSERT_EQ(a.held.size(), b.held.size());
    ASSERT_EQ(a.fin, b.fin);
  }

  Rng rng_;
  Moment now_ = kScriptStart;
  uint16_t window_ = 10'000;
  std::optional<Side> predicts_;
  std::optional<Side> plain_;
};

TEST(ConnectionPrediction, LeavesTheConnectionAsTheWayForAllDoes) {
  const Seeds seeds = seeds_to_run(1'000);
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    Pair(seed).run();
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace pollux::tcp
