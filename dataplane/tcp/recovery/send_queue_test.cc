#include "dataplane/tcp/recovery/send_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

constexpr uint16_t kMss = 1000;
constexpr Seq kStarts[] = {{0}, {0x7ffffff0}, {0xffffe000}, {0xffffffff}};

Moment at_us(int64_t us) { return {us * kMicrosecondNs}; }

// A queue with segments of one MSS each, sent at 0, 1, 2, ... us.
struct Flight {
  Seq start;
  SendQueue queue{kMss};

  Flight(Seq begin, uint32_t count) : start(begin) {
    for (uint32_t i = 0; i < count; ++i) {
      EXPECT_TRUE(queue.sent(segments(i, i + 1), 0, at_us(i)));
    }
  }
  SeqRange segments(uint32_t from, uint32_t to) const {
    return {start + from * kMss, start + to * kMss};
  }
  AckOutcome ack(uint32_t segment, std::vector<SeqRange> blocks, int64_t us = 100) {
    return queue.on_ack(start + segment * kMss, blocks, at_us(us));
  }
};

// S: SACKed, L: lost, R: sent again, .: on its way. One letter a segment.
std::string picture(const SendQueue& queue) {
  std::string text;
  for (size_t i = 0; i < queue.size(); ++i) {
    const Segment& segment = queue[i];
    text += segment.is(Segment::kSacked)          ? 'S'
            : segment.is(Segment::kLost)          ? 'L'
            : segment.is(Segment::kRetransmitted) ? 'R'
                                                  : '.';
  }
  return text;
}

TEST(SendQueueTest, CumulativeAckTakesWholeAndPartOfSegments) {
  for (const Seq start : kStarts) {
    Flight flight(start, 4);
    const AckOutcome outcome = flight.queue.on_ack(start + 2500, {}, at_us(50));
    EXPECT_TRUE(outcome.una_advanced);
    EXPECT_EQ(outcome.acked_bytes, 2500U);
    EXPECT_EQ(outcome.delivered_bytes(), 2500U);
    EXPECT_EQ(flight.queue.front().range(), (SeqRange{start + 2500, start + 3000}));
    EXPECT_EQ(flight.queue.pipe_bytes(), 1500U);
    EXPECT_EQ(outcome.rtt_ns, 50 * kMicrosecondNs);         // the first: as delayed as it gets
    EXPECT_EQ(outcome.newest_rtt_ns, 48 * kMicrosecondNs);  // the last
    EXPECT_FALSE(flight.queue.on_ack(start + 2500, {}, at_us(51)).una_advanced);
    EXPECT_EQ(flight.queue.on_ack(start + 4000, {}, at_us(52)).acked_bytes, 1500U);
    EXPECT_TRUE(flight.queue.empty());
  }
}

TEST(SendQueueTest, Rfc9293AckOfWhatWasNeverSentChangesNothing) {
  for (const Seq start : kStarts) {
    Flight flight(start, 2);
    EXPECT_TRUE(flight.queue.on_ack(start + 2001, {}, at_us(9)).invalid);
    EXPECT_EQ(picture(flight.queue), "..");
    EXPECT_FALSE(flight.queue.on_ack(start - 1, {}, at_us(9)).invalid);  // an old one
    EXPECT_EQ(picture(flight.queue), "..");
  }
}

TEST(SendQueueTest, Rfc2018BlocksMarkWhatTheyCover) {
  for (const Seq start : kStarts) {
    Flight flight(start, 8);
    const AckOutcome outcome = flight.ack(1, {flight.segments(6, 8), flight.segments(2, 4)});
    EXPECT_EQ(picture(flight.queue), ".SS..SS");
    EXPECT_EQ(outcome.acked_bytes, 1000U);
    EXPECT_EQ(outcome.sacked_bytes, 4000U);
    EXPECT_EQ(flight.queue.pipe_bytes(), 3000U);
    EXPECT_EQ(flight.queue.sacked_segments(), 4U);
    EXPECT_EQ(flight.ack(1, {flight.segments(6, 8), flight.segments(2, 4)}).sacked_bytes, 0U);
    EXPECT_EQ(flight.ack(1, {flight.segments(2, 6)}).sacked_bytes, 2000U);
    EXPECT_EQ(picture(flight.queue), ".SSSSSS");
    EXPECT_EQ(flight.ack(8, {}).acked_bytes, 1000U);  // the rest was delivered before
    EXPECT_EQ(flight.queue.delivered(), 8000U);
  }
}

TEST(SendQueueTest, LyingSackBlocksAreIgnored) {
  for (const Seq start : kStarts) {
    Flight flight(start, 6);
    flight.ack(1, {});
    const SeqRange lies[] = {
        flight.segments(1, 3),                          // holds the ACK's own number
        {flight.segments(4, 5).end, flight.segments(4, 5).begin},  // reversed
        flight.segments(5, 7),                          // ends beyond SND.NXT
        {start + 3000, start + 3000},                   // empty
        {start + 3000, start + 3000 + 0x7fffffff},      // huge
        {start + 0x7fff0000, start + 0x7fff1000},       // far outside
    };
    for (const SeqRange& lie : lies) {
      const SeqRange decoy = flight.segments(10, 11);
      const AckOutcome outcome =
          flight.queue.on_ack(start + 1000, std::vector<SeqRange>{decoy, lie}, at_us(70));
      EXPECT_EQ(outcome.sacked_bytes, 0U);
      EXPECT_EQ(picture(flight.queue), ".....");
    }
    // An old ACK's block that holds SND.UNA: an honest receiver would acknowledge more.
    EXPECT_EQ(flight.ack(0, {flight.segments(1, 3)}).sacked_bytes, 0U);
  }
}

TEST(SendQueueTest, EdgesInsideASegmentCountAtWholeMss) {
  SendQueue queue(kMss);
  const Seq start{0xfffffff0};
  ASSERT_TRUE(queue.sent({start, start + 5500}, Segment::kFin, at_us(0)));
  const auto sack = [&](uint32_t from, uint32_t to) {
    return queue.on_ack(start, std::vector{SeqRange{start + from, start + to}}, at_us(9))
        .sacked_bytes;
  };
  EXPECT_EQ(sack(1500, 1900), 0U);
  EXPECT_EQ(sack(1, 1500), 0U);
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(sack(1500, 4999), 2000U);  // [2000, 4000)
  EXPECT_EQ(picture(queue), ".S.");
  EXPECT_EQ(sack(4500, 5500), 500U);  // [5000, 5500): its end is the segment's
  EXPECT_EQ(picture(queue), ".S.S");
  EXPECT_TRUE(queue.back().is(Segment::kFin));
  EXPECT_FALSE(queue.front().is(Segment::kFin));
  EXPECT_EQ(sack(2000, 5500), 1000U);  // though a part of it was told before
  EXPECT_EQ(picture(queue), ".SSS");
}

TEST(SendQueueTest, Rfc2883DuplicatesAreTold) {
  for (const Seq start : kStarts) {
    Flight flight(start, 8);
    // 4.1.1: below the cumulative ACK.
    AckOutcome outcome = flight.ack(3, {flight.segments(1, 2)});
    EXPECT_EQ(outcome.dsack, flight.segments(1, 2));
    // 4.2.2: in the second block, which is taken as usual.
    outcome = flight.ack(3, {flight.segments(5, 6), flight.segments(5, 7)});
    EXPECT_EQ(outcome.dsack, flight.segments(5, 6));
    EXPECT_EQ(outcome.sacked_bytes, 2000U);
    // None: an ordinary first block.
    EXPECT_FALSE(flight.ack(3, {flight.segments(5, 7)}).dsack.has_value());
    EXPECT_FALSE(flight.ack(3, {}).dsack.has_value());
    // When all is acknowledged they still come.
    flight.ack(8, {});
    EXPECT_EQ(flight.ack(8, {flight.segments(7, 8)}).dsack, flight.segments(7, 8));
  }
}

TEST(SendQueueTest, Rfc2018RenegingIsAnAckThatEndsAtWhatWasSacked) {
  Flight flight(Seq{0xffffff00}, 5);
  flight.ack(0, {flight.segments(1, 3)});
  flight.ack(0, {});
  EXPECT_FALSE(flight.queue.reneged());  // absent blocks say nothing
  flight.ack(1, {});
  EXPECT_TRUE(flight.queue.reneged());
  EXPECT_EQ(picture(flight.queue), "SS..");
  flight.queue.forget_sacks();
  EXPECT_EQ(picture(flight.queue), "LL..");
  EXPECT_EQ(flight.queue.pipe_bytes(), 2000U);
  EXPECT_EQ(flight.queue.next_lost(kMss)->range, flight.segments(1, 2));
}

TEST(SendQueueTest, KarnNoRttOfWhatWasSentAgain) {
  Flight flight(Seq{5}, 4);
  flight.queue.mark_first_lost();
  flight.queue.retransmitted(flight.segments(0, 1), at_us(50));
  EXPECT_EQ(flight.ack(1, {}, 60).rtt_ns, AckOutcome::kNoRtt);
  flight.queue.mark_first_lost();
  flight.queue.retransmitted(flight.segments(1, 2), at_us(70));
  // The others may have waited for it in a receiver without SACK.
  const AckOutcome outcome = flight.ack(3, {}, 80);
  EXPECT_TRUE(outcome.retransmission_acked);
  EXPECT_EQ(outcome.rtt_ns, AckOutcome::kNoRtt);
  EXPECT_TRUE(outcome.original_delivered);
  EXPECT_EQ(flight.ack(4, {}, 90).rtt_ns, 87 * kMicrosecondNs);
}

TEST(SendQueueTest, Rfc7661DeliveredInOneRtt) {
  Flight flight(Seq{77}, 4);  // nothing delivered when they were sent
  EXPECT_EQ(flight.ack(2, {}).delivered_in_rtt_bytes, 2000U);
  EXPECT_TRUE(flight.queue.sent(flight.segments(4, 5), 0, at_us(200)));
  EXPECT_EQ(flight.ack(4, {}, 210).delivered_in_rtt_bytes, 4000U);
  EXPECT_EQ(flight.ack(5, {}, 220).delivered_in_rtt_bytes, 3000U);
}

TEST(SendQueueTest, LostSegmentsGoOutAgainInOrderTogetherOrSplit) {
  SendQueue queue(kMss);
  const Seq start{0xfffffc00};
  queue.sent({start, start + 300}, 0, at_us(0));
  queue.sent({start + 300, start + 700}, 0, at_us(1));
  queue.sent({start + 700, start + 3700}, Segment::kFin, at_us(2));
  EXPECT_FALSE(queue.next_lost(kMss).has_value());
  EXPECT_EQ(queue.mark_all_lost(), 3700U);
  EXPECT_EQ(queue.pipe_bytes(), 0U);
  auto piece = queue.next_lost(kMss);
  EXPECT_EQ(piece->range, (SeqRange{start, start + 700}));  // two small replies in one segment
  queue.retransmitted(piece->range, at_us(10));
  EXPECT_EQ(queue.pipe_bytes(), 700U);
  piece = queue.next_lost(800);  // a smaller path MTU
  EXPECT_EQ(piece->range, (SeqRange{start + 700, start + 1500}));
  EXPECT_EQ(piece->flags, 0);
  queue.retransmitted(piece->range, at_us(11));
  piece = queue.next_lost(5000);
  EXPECT_EQ(piece->range, (SeqRange{start + 1500, start + 3700}));
  EXPECT_EQ(piece->flags, Segment::kFin);
  queue.retransmitted(piece->range, at_us(12));
  EXPECT_FALSE(queue.next_lost(kMss).has_value());
  EXPECT_EQ(picture(queue), "RRRR");
}

TEST(SendQueueTest, TailIsTheLastThatIsNotSacked) {
  Flight flight(Seq{0}, 3);
  EXPECT_EQ(flight.queue.tail(kMss)->range, flight.segments(2, 3));
  flight.ack(0, {flight.segments(2, 3)});
  EXPECT_EQ(flight.queue.tail(400)->range, (SeqRange{Seq{1600}, Seq{2000}}));
  EXPECT_EQ(flight.queue.size(), 4U);
  EXPECT_FALSE(SendQueue(kMss).tail(kMss).has_value());
}

TEST(SendQueueTest, TimeOrderSeesRetransmissionsAfterOriginals) {
  Flight flight(Seq{0xfffff000}, 6);
  const auto sent_until = [](int64_t us) {
    return [us](const Segment& segment) { return segment.sent <= at_us(us); };
  };
  EXPECT_EQ(flight.queue.mark_lost_by_time(sent_until(1)), 2000U);
  EXPECT_EQ(picture(flight.queue), "LL....");
  flight.queue.retransmitted(flight.segments(1, 2), at_us(20));
  flight.queue.retransmitted(flight.segments(0, 1), at_us(21));
  flight.ack(0, {flight.segments(3, 4)});
  EXPECT_EQ(flight.queue.mark_lost_by_time(sent_until(20)), 4000U);
  EXPECT_EQ(picture(flight.queue), "RLLSLL");
  flight.queue.unmark_lost();
  EXPECT_EQ(picture(flight.queue), "RR.S..");
  EXPECT_EQ(flight.queue.mark_lost_by_time(sent_until(19)), 3000U);
  EXPECT_EQ(picture(flight.queue), "RRLSLL");
}

TEST(SendQueueTest, LimitRefuses) {
  SendQueue queue(kMss, 3);
  EXPECT_EQ(queue.memory_bytes(), 0U);
  const Seq start{9};
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(queue.sent({start + i * 4000, start + (i + 1) * 4000}, 0, at_us(i)));
  }
  EXPECT_FALSE(queue.sent({start + 12000, start + 12001}, 0, at_us(4)));
  // Full: a block splits nothing, whole segments are taken.
  queue.on_ack(start, std::vector{SeqRange{start + 5000, start + 12000}}, at_us(5));
  EXPECT_EQ(picture(queue), "..S");
  queue.mark_all_lost();
  EXPECT_EQ(queue.next_lost(kMss)->range.bytes(), 1000U);  // a retransmission does split
  EXPECT_EQ(queue.size(), 4U);
}

// Else 4095 segments once are 131 KB for as long as the connection lives, and one is 160 bytes.
TEST(SendQueueTest, WhenAllIsAcknowledgedNothingIsKept) {
  SendQueue queue(kMss);
  EXPECT_EQ(queue.memory_bytes(), 0U);
  const auto send = [&](Seq& nxt, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i, nxt += 1000) {
      ASSERT_TRUE(queue.sent({nxt, nxt + 1000}, 0, at_us(i)));
    }
  };
  Seq nxt{9};
  send(nxt, 1);
  EXPECT_GT(queue.memory_bytes(), 0U);
  queue.on_ack(nxt, {}, at_us(20));
  EXPECT_EQ(queue.memory_bytes(), 0U);
  send(nxt, 17);
  queue.on_ack(nxt - 1000, {}, at_us(40));
  EXPECT_GT(queue.memory_bytes(), 0U);
  queue.on_ack(nxt, {}, at_us(41));
  EXPECT_EQ(queue.memory_bytes(), 0U);
  send(nxt, 2);
  queue.retransmitted({nxt - 1000, nxt}, at_us(50));  // so there is a list of these
  queue.on_ack(nxt, {}, at_us(60));
  EXPECT_EQ(queue.memory_bytes(), 0U);
}

TEST(SendQueueTest, OneThatIsPlainIsTakenAsByAnAckOfAll) {
  for (const Seq start : kStarts) {
    Flight flight(start, 2);
    EXPECT_FALSE(flight.queue.is_one_plain());
    flight.ack(1, {});
    EXPECT_TRUE(flight.queue.is_one_plain());
    const Segment segment = flight.queue.take_one_plain();
    EXPECT_EQ(segment.range(), flight.segments(1, 2));
    EXPECT_EQ(flight.queue.delivered(), 2U * kMss);
    EXPECT_EQ(flight.queue.outstanding_bytes(), 0U);
    EXPECT_TRUE(flight.queue.empty());
    EXPECT_FALSE(flight.queue.is_one_plain());
    // The ring serves the next; at the end of a turn it is given back.
    EXPECT_NE(flight.queue.memory_bytes(), 0U);
    EXPECT_TRUE(flight.queue.sent(flight.segments(2, 3), Segment::kFin, at_us(200)));
    EXPECT_FALSE(flight.queue.is_one_plain());
    flight.ack(3, {});
    EXPECT_EQ(flight.queue.memory_bytes(), 0U);
    EXPECT_TRUE(flight.queue.sent(flight.segments(3, 4), 0, at_us(300)));
    EXPECT_TRUE(flight.queue.is_one_plain());
    flight.queue.retransmitted(flight.segments(3, 4), at_us(400));
    EXPECT_FALSE(flight.queue.is_one_plain());
    flight.ack(4, {});
    // Many were on their way: the larger ring goes at once.
    for (uint32_t i = 4; i < 14; ++i) {
      EXPECT_TRUE(flight.queue.sent(flight.segments(i, i + 1), 0, at_us(500)));
    }
    flight.ack(13, {});
    flight.queue.take_one_plain();
    EXPECT_EQ(flight.queue.memory_bytes(), 0U);
    EXPECT_TRUE(flight.queue.sent(flight.segments(14, 15), 0, at_us(600)));
    flight.queue.take_one_plain();
    flight.queue.rest();
    EXPECT_EQ(flight.queue.memory_bytes(), 0U);
  }
}

TEST(SendQueueTest, LossIsFoundAfterGigabytesWithoutAny) {
  SendQueue queue(kMss);
  constexpr uint32_t kBytes = 1U << 20;
  Seq nxt{0};
  for (int i = 0; i < 3000; ++i, nxt += kBytes) {  // nearly 3 * 2^30, never empty
    ASSERT_TRUE(queue.sent({nxt, nxt + kBytes}, 0, at_us(i)));
    queue.on_ack(nxt, {}, at_us(i));
  }
  EXPECT_EQ(queue.mark_lost_by_time([](const Segment&) { return true; }), kBytes);
  EXPECT_EQ(queue.next_lost(kMss)->range.begin, nxt - kBytes);
}

// A peer that repeats blocks over all that it has SACKed, beginning elsewhere each time.
TEST(SendQueueTest, RunsAreJumpedOver) {
  Flight flight(Seq{0xffff0000}, 4000);
  flight.ack(0, {flight.segments(1, 4000)});
  EXPECT_EQ(flight.queue.pipe_bytes(), kMss);
  uint32_t visits = 0;
  for (uint32_t from = 1; from < 3999; ++from) {
    const std::vector<SeqRange> blocks(4, flight.segments(from, 4000));
    flight.queue.on_ack(flight.start, blocks, at_us(9), [&](const Segment&) { ++visits; });
  }
  EXPECT_EQ(visits, 0U);
}

// --- The oracle: a list of segments, gone through from the start for everything -----------------

struct Slow {
  struct Piece {
    Seq begin, end;
    int64_t sent;
    bool sacked = false, lost = false, again = false;
  };
  uint16_t mss = kMss;
  size_t segments_max;
  std::vector<Piece> pieces;
  uint32_t delivered = 0;

  void split(size_t i, uint32_t bytes) {
    Piece second = pieces[i];
    second.begin += bytes;
    pieces[i].end = second.begin;
    pieces.insert(pieces.begin() + static_cast<ptrdiff_t>(i) + 1, second);
  }
  void sack(SeqRange block) {
    for (size_t i = 0; i < pieces.size(); ++i) {
      if (pieces[i].sacked || pieces[i].end <= block.begin || pieces[i].begin >= block.end) {
        continue;
      }
      const uint32_t length = static_cast<uint32_t>(pieces[i].end - pieces[i].begin);
      uint32_t from = 0;
      while (pieces[i].begin + from < block.begin) {
        from += mss;
      }
      if (from >= length || (from != 0 && pieces.size() >= segments_max) ||
          (pieces[i].end > block.end && pieces[i].begin + from + mss > block.end)) {
        continue;
      }
      if (from != 0) {
        split(i, from);
        continue;  // the second part is next
      }
      if (pieces[i].end > block.end) {
        uint32_t keep = 0;
        while (pieces[i].begin + keep + mss <= block.end) {
          keep += mss;
        }
        if (keep == 0 || pieces.size() >= segments_max) {
          continue;
        }
        split(i, keep);
      }
      pieces[i].sacked = true;
      pieces[i].lost = false;
      delivered += static_cast<uint32_t>(pieces[i].end - pieces[i].begin);
    }
  }
  void ack(Seq number, std::vector<SeqRange> blocks) {
    const Seq una = later(pieces.front().begin, number);
    while (!pieces.empty() && pieces.front().begin < number) {
      const Seq end = earlier(pieces.front().end, number);
      delivered += pieces.front().sacked ? 0 : static_cast<uint32_t>(end - pieces.front().begin);
      pieces.front().begin = end;
      if (end == pieces.front().end) {
        pieces.erase(pieces.begin());
      }
    }
    if (pieces.empty()) {
      return;
    }
    const Seq nxt = pieces.back().end;
    std::erase_if(blocks, [&](const SeqRange& b) {
      return b.begin <= number || b.begin <= una || b.begin >= nxt || b.end > nxt ||
             b.begin >= b.end;
    });
    std::stable_sort(blocks.begin(), blocks.end(),
                     [](const SeqRange& a, const SeqRange& b) { return a.begin < b.begin; });
    for (const SeqRange& block : blocks) {
      sack(block);
    }
  }
  void lose_sent_until(int64_t limit) {
    for (Piece& piece : pieces) {
      piece.lost |= !piece.sacked && piece.sent <= limit;
    }
  }
};

void expect_same(const Slow& slow, const SendQueue& queue) {
  ASSERT_EQ(slow.pieces.size(), queue.size());
  uint32_t pipe = 0;
  uint32_t lost = 0;
  uint32_t sacked = 0;
  for (size_t i = 0; i < queue.size(); ++i) {
    const Slow::Piece& piece = slow.pieces[i];
    ASSERT_EQ(queue[i].range(), (SeqRange{piece.begin, piece.end})) << i;
    ASSERT_EQ(queue[i].is(Segment::kSacked), piece.sacked) << i;
    ASSERT_EQ(queue[i].is(Segment::kLost), piece.lost) << i;
    ASSERT_EQ(queue[i].is(Segment::kRetransmitted), piece.again) << i;
    ASSERT_EQ(queue[i].sent.ns, piece.sent) << i;
    const auto bytes = static_cast<uint32_t>(piece.end - piece.begin);
    pipe += piece.sacked || piece.lost ? 0 : bytes;
    lost += piece.lost ? bytes : 0;
    sacked += piece.sacked;
  }
  ASSERT_EQ(queue.pipe_bytes(), pipe);
  ASSERT_EQ(queue.lost_bytes(), lost);
  ASSERT_EQ(queue.sacked_segments(), sacked);
  ASSERT_EQ(queue.delivered(), slow.delivered);
}

class SendQueueOracle {
 public:
  SendQueueOracle(uint64_t seed, Seq start, uint16_t segments_max)
      : rng_(seed), nxt_(start), una_(start), queue_(kMss, segments_max) {
    slow_.segments_max = segments_max;
  }
  void step() {
    ++now_;
    switch (rng_.below(12)) {
      case 0:
      case 1:
      case 2:
        return send();
      case 3:
      case 4:
      case 5:
        return ack();
      case 6:
      case 7:
        return send_again();
      case 8:
        return lose();
      case 9:
        return probe();
      default:
        return rest();
    }
  }
  const Slow& slow() const { return slow_; }
  const SendQueue& queue() const { return queue_; }

 private:
  uint32_t below(uint64_t bound) { return static_cast<uint32_t>(rng_.below(bound)); }
  Seq somewhere() {
    switch (rng_.below(8)) {
      case 0:
        return Seq{static_cast<uint32_t>(rng_.next())};
      case 1:
        return nxt_ + below(3000);
      case 2:
        return una_ - below(3000);
      default: {
        if (slow_.pieces.empty()) {
          return una_;
        }
        const Slow::Piece& piece = slow_.pieces[below(slow_.pieces.size())];
        return rng_.below(4) == 0 ? piece.begin + below(2500) : piece.end;
      }
    }
  }
  void send() {
    for (uint64_t i = rng_.below(6); i < 6; ++i) {
      const uint32_t bytes = 1 + below(rng_.below(3) == 0 ? 5 * kMss : kMss);
      const bool full = slow_.pieces.size() >= slow_.segments_max;
      ASSERT_EQ(queue_.sent({nxt_, nxt_ + bytes}, 0, {now_}), !full);
      if (!full) {
        slow_.pieces.push_back({nxt_, nxt_ + bytes, now_});
        nxt_ += bytes;
      }
    }
  }
  void ack() {
    if (slow_.pieces.empty()) {
      return;
    }
    const Seq una = slow_.pieces.front().begin;
    Seq number = rng_.below(3) == 0 ? somewhere() : una;
    if (number - una > 0 && number - una > 3 * kMss && rng_.below(4) != 0) {
      number = una;  // or little would ever be outstanding
    }
    std::vector<SeqRange> blocks(rng_.below(5));
    for (SeqRange& block : blocks) {
      block = {somewhere(), somewhere()};
      if (block.end < block.begin && rng_.below(4) != 0) {
        std::swap(block.begin, block.end);
      }
    }
    if (!blocks.empty() && rng_.below(3) != 0 && last_.begin != last_.end) {
      blocks[0] = {last_.begin, last_.end + below(2) * kMss};  // one that grows
    }
    if (!blocks.empty()) {
      last_ = blocks[0];
    }
    Seq ahead = una - 1;
    const AckOutcome outcome =
        queue_.on_ack(number, blocks, {now_}, [&](const Segment& segment) {
          EXPECT_TRUE(segment.begin > ahead);
          EXPECT_FALSE(segment.is(Segment::kSacked));
          ahead = segment.begin;
        });
    ASSERT_EQ(outcome.invalid, number > nxt_);
    if (outcome.invalid) {
      return;
    }
    const uint32_t before = slow_.delivered;
    slow_.ack(number, blocks);
    ASSERT_EQ(outcome.delivered_bytes(), slow_.delivered - before);
    una_ = later(una, number);
    ASSERT_EQ(outcome.una_advanced, una_ != una);
  }
  void send_again() {
    const uint32_t most = 1 + below(2 * kMss);
    const auto piece = queue_.next_lost(most);
    size_t i = 0;
    while (i < slow_.pieces.size() && !slow_.pieces[i].lost) {
      ++i;
    }
    ASSERT_EQ(piece.has_value(), i < slow_.pieces.size());
    if (!piece) {
      return;
    }
    if (static_cast<uint32_t>(slow_.pieces[i].end - slow_.pieces[i].begin) > most) {
      slow_.split(i, most);
    }
    const Seq begin = slow_.pieces[i].begin;
    Seq end = begin;
    for (; i < slow_.pieces.size() && slow_.pieces[i].lost &&
           slow_.pieces[i].end - begin <= static_cast<int32_t>(most); ++i) {
      end = slow_.pieces[i].end;
      slow_.pieces[i].lost = false;
      slow_.pieces[i].again = true;
      slow_.pieces[i].sent = now_;
    }
    ASSERT_EQ(piece->range, (SeqRange{begin, end}));
    queue_.retransmitted(piece->range, {now_});
  }
  void lose() {
    const int64_t limit = now_ - static_cast<int64_t>(rng_.below(60));
    queue_.mark_lost_by_time([&](const Segment& segment) { return segment.sent.ns <= limit; });
    slow_.lose_sent_until(limit);
  }
  void probe() {
    const auto piece = queue_.tail(kMss);
    for (size_t i = slow_.pieces.size(); i-- > 0;) {
      if (!slow_.pieces[i].sacked) {
        const auto length = static_cast<uint32_t>(slow_.pieces[i].end - slow_.pieces[i].begin);
        if (length > kMss) {
          slow_.split(i++, length - kMss);
        }
        slow_.pieces[i].lost = false;
        slow_.pieces[i].again = true;
        slow_.pieces[i].sent = now_;
        ASSERT_EQ(piece->range, (SeqRange{slow_.pieces[i].begin, slow_.pieces[i].end}));
        return queue_.retransmitted(piece->range, {now_});
      }
    }
    ASSERT_FALSE(piece.has_value());
  }
  void rest() {
    switch (rng_.below(40)) {
      case 0:
        queue_.mark_all_lost();
        return slow_.lose_sent_until(now_);
      case 1:
        queue_.unmark_lost();
        for (Slow::Piece& piece : slow_.pieces) {
          piece.lost = false;
        }
        return;
      case 2:
        queue_.forget_sacks();
        for (Slow::Piece& piece : slow_.pieces) {
          piece.lost |= piece.sacked;
          piece.sacked = false;
        }
        return;
      case 3:
        queue_.mark_first_lost();
        if (!slow_.pieces.empty()) {
          slow_.pieces[0].lost |= !slow_.pieces[0].sacked;
        }
        return;
      default:
        return;
    }
  }

  Rng rng_;
  int64_t now_ = 0;
  Seq nxt_;
  Seq una_;
  SeqRange last_{};
  SendQueue queue_;
  Slow slow_;
};

TEST(SendQueueTest, AgreesWithASlowScoreboard) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SendQueueOracle oracle(seed, kStarts[seed % std::size(kStarts)], seed % 3 == 0 ? 40 : 4096);
    for (int step = 0; step < 400; ++step) {
      oracle.step();
      expect_same(oracle.slow(), oracle.queue());
      ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed << " step " << step;
    }
  }
}

}  // namespace
}  // namespace pollux::tcp
