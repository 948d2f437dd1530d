// The headers that are written in words must be those that are written field by field.
#include "dataplane/tcp/wire/plain_segment.h"

#include <gtest/gtest.h>

#include "dataplane/tcp/wire/wire_test_support.h"

namespace pollux::tcp {
namespace {

ByteVector written_in_words(const Flow& flow, const PlainHeader& header, size_t payload_bytes) {
  ByteVector out(kPlainBytes, 0xee);
  write_plain_segment(out, flow, header, payload_bytes);
  return out;
}

ByteVector written_by_field(const Flow& flow, const PlainHeader& header, size_t payload_bytes) {
  ByteVector out(kPlainBytes, 0xdd);
  const Room room(out);
  const size_t ip = write_ipv4(
      room, {.source = flow.local, .destination = flow.remote, .protocol = IpProtocol::kTcp},
      kPlainTcpBytes + payload_bytes);
  TcpOptions options;
  options.timestamps = header.timestamps;
  const size_t tcp = write_tcp(room.subspan(ip),
                               {.source_port = flow.local_port,
                                .destination_port = flow.remote_port,
                                .seq = header.seq,
                                .ack = header.ack,
                                .flags = header.flags,
                                .window = header.window},
                               options);
  EXPECT_EQ(ip + tcp, kPlainBytes);
  set_tcp_checksum_partial(
      room.subspan(ip),
      pseudo_header(flow.local, flow.remote, static_cast<uint8_t>(IpProtocol::kTcp),
                    static_cast<uint32_t>(tcp + payload_bytes)));
  return out;
}

TEST(PlainSegmentTest, IsWhatIsWrittenByField) {
  RandomParts random(1);
  Rng& rng = random.rng();
  // Now and then all ones or none, where sums have their edges.
  const auto number = [&] {
    const auto any = static_cast<uint32_t>(rng.next());
    const uint64_t choice = rng.below(8);
    return choice == 0 ? 0 : choice == 1 ? UINT32_MAX : any;
  };
  for (int round = 0; round < 200'000; ++round) {
    const Flow flow{.local = IpAddress::v4(number()),
                    .remote = IpAddress::v4(number()),
                    .local_port = static_cast<uint16_t>(number()),
                    .remote_port = static_cast<uint16_t>(number())};
    const PlainHeader header{.seq = {number()},
                             .ack = {number()},
                             .flags = static_cast<TcpFlags>(number() & kTcpFlagsAll),
                             .window = static_cast<uint16_t>(number()),
                             .timestamps = {number(), number()}};
    const size_t payload_bytes = rng.below(4) == 0 ? 0 : rng.below(kDatagramBytesMax - kPlainBytes);
    ASSERT_EQ(written_in_words(flow, header, payload_bytes),
              written_by_field(flow, header, payload_bytes))
        << "round " << round;
  }
}

}  // namespace
}  // namespace pollux::tcp
