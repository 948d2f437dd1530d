#include "dataplane/sim/net/pcap.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/sim/net/net_test_support.h"

namespace pollux::tcp {
namespace {

struct Packet {
  uint32_t interface = 0;
  int64_t ns = 0;
  uint32_t bytes = 0;  // before it was cut
  Frame frame;
  std::string comment;
};

struct Capture {
  std::vector<std::string> interfaces;
  std::vector<Packet> packets;
};

uint32_t u32_at(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, 4);
  return value;
}

// The value of an option of this code in [begin, end), if it stands before the end of options (0).
std::optional<std::string> option(const std::string& bytes, size_t begin, size_t end,
                                  uint32_t code) {
  while (begin + 4 <= end) {
    const uint32_t head = u32_at(bytes, begin);
    const uint32_t length = head >> 16;
    if ((head & 0xffff) == code) {
      return bytes.substr(begin + 4, length);
    }
    if (head == 0) {
      break;
    }
    begin += 4 + (length + 3) / 4 * 4;
  }
  return std::nullopt;
}

// Nothing if it is not well formed.
std::optional<Capture> parse(const std::string& bytes) {
  Capture capture;
  for (size_t at = 0; at < bytes.size();) {
    if (bytes.size() - at < 12) {
      return std::nullopt;
    }
    const uint32_t type = u32_at(bytes, at);
    const uint32_t length = u32_at(bytes, at + 4);
    if (length % 4 != 0 || length > bytes.size() - at || u32_at(bytes, at + length - 4) != length) {
      return std::nullopt;
    }
    const size_t end = at + length - 4;
    if (at == 0 && (type != 0x0A0D0D0A || u32_at(bytes, 8) != 0x1A2B3C4D)) {
      return std::nullopt;
    }
    if (type == 1) {
      if (option(bytes, at + 16, end, 9) != "\x09") {
        return std::nullopt;  // not in nanoseconds
      }
      capture.interfaces.push_back(option(bytes, at + 16, end, 2).value_or("?"));
    } else if (type == 6) {
      const uint32_t captured = u32_at(bytes, at + 20);
      const auto* first = reinterpret_cast<const uint8_t*>(bytes.data()) + at + 28;
      capture.packets.push_back(
          {.interface = u32_at(bytes, at + 8),
           .ns = static_cast<int64_t>(static_cast<uint64_t>(u32_at(bytes, at + 12)) << 32 |
                                      u32_at(bytes, at + 16)),
           .bytes = u32_at(bytes, at + 24),
           .frame = Frame(first, first + captured),
           .comment = option(bytes, at + 28 + (captured + 3) / 4 * 4, end, 1).value_or("")});
    }
    at += length;
  }
  return capture;
}

TEST(Pcap, WritesWhatItIsGiven) {
  PcapWriter writer(/*snap_bytes=*/100);
  const uint32_t a = writer.add_interface("a");
  const uint32_t b = writer.add_interface("b > c");
  writer.write(a, Moment{5'000'000'123}, plain_frame(mac_of(1), mac_of(2), 61, 7));
  writer.write(b, Moment{1LL << 33}, plain_frame(mac_of(1), mac_of(2), 1'514, 8), "why");
  writer.write(a, Moment{1LL << 34}, plain_frame(mac_of(1), mac_of(2), 64, 9), "unpadded");
  const std::optional<Capture> capture = parse(writer.bytes());
  ASSERT_TRUE(capture);
  EXPECT_EQ(capture->interfaces, (std::vector<std::string>{"a", "b > c"}));
  ASSERT_EQ(capture->packets.size(), 3U);
  EXPECT_EQ(capture->packets[2].frame, plain_frame(mac_of(1), mac_of(2), 64, 9));
  EXPECT_EQ(capture->packets[2].comment, "unpadded");
  const Packet& first = capture->packets[0];
  EXPECT_EQ(first.interface, 0U);
  EXPECT_EQ(first.ns, 5'000'000'123);
  EXPECT_EQ(first.frame, plain_frame(mac_of(1), mac_of(2), 61, 7));
  EXPECT_EQ(first.comment, "");
  const Packet& second = capture->packets[1];
  EXPECT_EQ(second.interface, 1U);
  EXPECT_EQ(second.ns, 1LL << 33);
  EXPECT_EQ(second.bytes, 1'514U);
  EXPECT_EQ(second.frame.size(), 100U);
  EXPECT_EQ(second.comment, "why");
}

// Four frames: one goes, one is cut and doubled, one is lost, one is lost under way.
void fill(PcapWriter& writer, PcapWriter::Where where = PcapWriter::Where::kBoth) {
  OneLink one(
      {.rate_bps = 0, .delay_ns = 5'000}, 1,
      {.down = {{Moment{33'000}, Moment{40'000}}},
       .rules = {
           {.matches = match::any(), .first = 2, .action = FaultKind::kTruncate, .value = 70},
           {.matches = match::any(), .first = 2, .action = FaultKind::kDuplicate, .value = 10},
           drop_nth(3, match::any())}});
  writer.tap(one.link, where);
  for (int64_t i = 0; i < 4; ++i) {
    one.events.run_until(Moment{i * 10'000});
    one.link.send(segment({.seq = static_cast<uint32_t>(i), .payload = "some bytes of payload"}));
  }
  one.events.run_until_idle();
}

TEST(Pcap, TapsBothEndsOfALink) {
  PcapWriter writer;
  fill(writer);
  const std::optional<Capture> capture = parse(writer.bytes());
  ASSERT_TRUE(capture);
  EXPECT_EQ(capture->interfaces, (std::vector<std::string>{"a > b, sent", "a > b, arrived"}));
  std::vector<std::string> sent;
  std::vector<std::string> arrived;
  for (const Packet& packet : capture->packets) {
    (packet.interface == 0 ? sent : arrived)
        .push_back(std::to_string(packet.ns) + " " + std::to_string(packet.frame.size()) + " " +
                   packet.comment);
  }
  EXPECT_EQ(sent, (std::vector<std::string>{"0 75 ", "10000 75 truncated, duplicated",
                                            "20000 75 lost by rule", "30000 75 "}));
  EXPECT_EQ(arrived, (std::vector<std::string>{"5000 75 ", "15000 70 ", "15010 70 ",
                                               "35000 75 lost under way, link down"}));
}

// Who looks at the begin alone reads there what became of a frame later.
TEST(Pcap, TheBeginAloneTellsWhatWasLostUnderWay) {
  PcapWriter writer;
  fill(writer, PcapWriter::Where::kBegin);
  const std::optional<Capture> capture = parse(writer.bytes());
  ASSERT_TRUE(capture);
  ASSERT_EQ(capture->packets.size(), 5U);
  EXPECT_EQ(capture->packets[3].comment, "");
  EXPECT_EQ(capture->packets[4].comment, "lost under way, link down");
  EXPECT_EQ(capture->packets[4].ns, 35'000);
}

// The judge of a format is who reads it.
TEST(Pcap, TcpdumpReadsIt) {
  if (std::system("tcpdump --version >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "tcpdump is not installed";
  }
  PcapWriter writer;
  fill(writer);
  char path[] = "/tmp/pollux_pcap_XXXXXX";
  const int file = mkstemp(path);
  ASSERT_GE(file, 0);
  close(file);
  ASSERT_TRUE(writer.save(path));
  // As root it would become another user, who may not exist.
  const std::string command = "tcpdump --nano -tt -n " +
                              std::string(geteuid() == 0 ? "-Z root " : "") + "-r " + path +
                              " 2>/dev/null";
  std::string text;
  std::FILE* pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::array<char, 256> line;
  while (std::fgets(line.data(), line.size(), pipe) != nullptr) {
    text += line.data();
  }
  EXPECT_EQ(pclose(pipe), 0);
  unlink(path);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 8);
  EXPECT_NE(text.find("0.000005000 IP 10.0.0.1.4000 > 10.0.0.2.6379: Flags [.], seq 0:21"),
            std::string::npos)
      << text;
}

TEST(Pcap, SaysWhenItCannotBeSaved) {
  EXPECT_FALSE(PcapWriter().save("/nowhere/at/all"));
}

}  // namespace
}  // namespace pollux::tcp
