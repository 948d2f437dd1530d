#include "dataplane/sim/net/forge.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "dataplane/tcp/wire/ipv4.h"
#include "dataplane/tcp/wire/ipv6.h"
#include "dataplane/tcp/wire/packet.h"
#include "dataplane/tcp/wire/tcp_header.h"

namespace pollux::tcp {
namespace {

constexpr Seq kSeq{5'000};
constexpr Seq kAcked{9'000};

Frame segment(bool v6, bool tagged, TcpFlags flags, bool timestamps) {
  const IpAddress from = v6 ? *IpAddress::parse("fd00::1") : IpAddress::v4(0x0a000001);
  const IpAddress to = v6 ? *IpAddress::parse("fd00::2") : IpAddress::v4(0x0a000002);
  EthernetHeader link{.type = v6 ? EtherType::kIpv6 : EtherType::kIpv4};
  if (tagged) {
    link.vlan = VlanTag{7};
  }
  Frame frame(200);
  const size_t ip_at = write_ethernet(frame, link);
  const size_t tcp_at = ip_at + (v6 ? kIpv6Bytes : kIpv4Bytes);
  TcpOptions options;
  if (timestamps) {
    options.timestamps = {77, 88};
  }
  const size_t header = write_tcp(Room(frame).subspan(tcp_at),
                                  {.source_port = 1,
                                   .destination_port = 2,
                                   .seq = kSeq,
                                   .ack = kAcked,
                                   .flags = flags,
                                   .window = 400},
                                  options);
  const size_t bytes = header + 30;
  if (v6) {
    write_ipv6(Room(frame).subspan(ip_at),
               {.source = from, .destination = to, .protocol = IpProtocol::kTcp}, bytes);
  } else {
    write_ipv4(Room(frame).subspan(ip_at),
               {.source = from, .destination = to, .protocol = IpProtocol::kTcp}, bytes);
  }
  frame.resize(tcp_at + bytes);
  Checksum sum = pseudo_header(from, to, 6, static_cast<uint32_t>(bytes));
  sum.add(Room(frame).subspan(tcp_at));
  store16(frame.data() + tcp_at + kTcpChecksumAt, sum.value());
  return frame;
}

uint64_t draw_of(Lie lie, uint64_t how) {
  return how * static_cast<uint64_t>(Lie::kCount) + static_cast<uint64_t>(lie);
}

// A stack must look at each of them: it may not be dropped for its checksum.
TEST(Forge, EachLieIsAWholeSegmentOfTheSameFlow) {
  for (const bool v6 : {false, true}) {
    for (const bool tagged : {false, true}) {
      const Frame truth = segment(v6, tagged, kAck | kPsh, true);
      const Packet of_truth = parse_packet(truth);
      for (uint64_t lie = 0; lie < static_cast<uint64_t>(Lie::kCount); ++lie) {
        for (uint64_t how = 0; how < 50; ++how) {
          const std::optional<Frame> forged = forge(truth, draw_of(static_cast<Lie>(lie), how));
          ASSERT_TRUE(forged) << lie;
          const Packet packet = parse_packet(*forged);
          ASSERT_EQ(packet.kind, PacketKind::kTcp) << lie;
          ASSERT_EQ(packet.flow, of_truth.flow) << lie;
          ASSERT_TRUE(network_checksum_ok(packet)) << lie;
          ASSERT_TRUE(transport_checksum_ok(packet)) << lie;
          ASSERT_NE(*forged, truth) << lie;
          ASSERT_FALSE(forge(*forged, draw_of(Lie::kAckOfThePast, 1))) << lie;
        }
      }
    }
  }
}

TEST(Forge, NoneIsTrue) {
  const Frame truth = segment(false, false, kAck | kPsh, true);
  std::deque<Frame> frames;  // packets are of their bytes
  const auto told = [&](Lie lie) {
    frames.push_back(*forge(truth, draw_of(lie, 12'345)));
    return parse_packet(frames.back());
  };
  EXPECT_GT(told(Lie::kAckOfTheFuture).tcp.ack, kAcked + (1 << 29));
  EXPECT_LT(told(Lie::kAckOfThePast).tcp.ack, kAcked);
  for (const Lie elsewhere : {Lie::kResetElsewhere, Lie::kDataElsewhere}) {
    const Seq seq = told(elsewhere).tcp.seq;
    EXPECT_GE(std::max(seq - kSeq, kSeq - seq), 1U << 29);
  }
  EXPECT_TRUE(told(Lie::kResetElsewhere).tcp.has(kRst));
  EXPECT_TRUE(told(Lie::kSynInBetween).tcp.has(kSyn));
  const Packet past = told(Lie::kDataOfThePast);
  EXPECT_EQ(past.tcp.seq + static_cast<uint32_t>(past.payload().size()), kSeq);
  EXPECT_EQ(parse_tcp_options(told(Lie::kDataOfThePast).tcp_options()).timestamps->value,
            77U - (1U << 30));
  EXPECT_EQ(told(Lie::kWindowShut).tcp.window, 0);
  const TcpOptions sack = parse_tcp_options(told(Lie::kSackOfTheFuture).tcp_options());
  ASSERT_EQ(sack.sack_count, 1U);
  EXPECT_EQ(sack.sack[0].begin, kAcked + (1U << 30));
}

TEST(Forge, OfOpenConnectionsOnly) {
  for (const int flags : {int{kSyn}, kSyn | kAck, int{kRst}, kRst | kAck, int{kPsh}}) {
    EXPECT_FALSE(forge(segment(false, false, static_cast<TcpFlags>(flags), true), 0));
  }
  // Without timestamps nothing says that data is old.
  EXPECT_FALSE(forge(segment(false, false, kAck, false), draw_of(Lie::kDataOfThePast, 1)));
  EXPECT_FALSE(forge(Frame(60, 0), 0));
}

TEST(Forge, NotOfWhatWasChangedOnItsWay) {
  const Frame truth = segment(true, false, kAck, true);
  for (size_t bit = (14 + 40) * 8; bit < truth.size() * 8; ++bit) {
    Frame changed = truth;
    changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ 1U << bit % 8);
    EXPECT_FALSE(forge(changed, 0)) << bit;
  }
}

}  // namespace
}  // namespace pollux::tcp
