// The suite by which drivers are verified (Microsoft, "Verifying the RSS Hash Calculation").
#include "dataplane/tcp/steering/toeplitz.h"

#include <gtest/gtest.h>

#include <vector>

namespace pollux::tcp {
namespace {

constexpr std::array<uint8_t, kToeplitzKeyBytes> kKey = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

struct Verified {
  const char* from;
  uint16_t from_port;
  const char* to;
  uint16_t to_port;
  uint32_t hash;
};
constexpr Verified kVerified[] = {
    {"66.9.149.187", 2794, "161.142.100.80", 1766, 0x51ccc178},
    {"199.92.111.2", 14230, "65.69.140.83", 4739, 0xc626b0ea},
    {"24.19.198.95", 12898, "12.22.207.184", 38024, 0x5c2b394a},
    {"38.27.205.30", 48228, "209.142.163.6", 2217, 0xafc7327f},
    {"153.39.163.191", 44251, "202.188.127.2", 1303, 0x10e828a2},
    {"3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x40207d3d},
    {"3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739, 0xdde51bbf},
    {"3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, "fe80::200:f8ff:fe21:67cf", 38024, 0x02d1feef},
};

TEST(Toeplitz, HashesAsTheSpecificationSays) {
  const Toeplitz toeplitz(kKey);
  for (const Verified& known : kVerified) {
    const Flow flow{.local = *IpAddress::parse(known.to),
                    .remote = *IpAddress::parse(known.from),
                    .local_port = known.to_port,
                    .remote_port = known.from_port};
    EXPECT_EQ(toeplitz.of(flow), known.hash) << known.from;
  }
}

TEST(Toeplitz, TakesKeysOfOtherLengths) {
  std::vector<uint8_t> longer(kKey.begin(), kKey.end());
  longer.resize(52, 0xff);
  const Flow flow{.local = IpAddress::v4(0xa18e6450),
                  .remote = IpAddress::v4(0x420995bb),
                  .local_port = 1766,
                  .remote_port = 2794};
  EXPECT_EQ(Toeplitz(longer).of(flow), 0x51ccc178U);
  // What IPv4 needs of it.
  EXPECT_EQ(Toeplitz(Bytes(kKey).first(16)).of(flow), 0x51ccc178U);
  EXPECT_EQ(Toeplitz({}).of(flow), 0U);
}

}  // namespace
}  // namespace pollux::tcp
