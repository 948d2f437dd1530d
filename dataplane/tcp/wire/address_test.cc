#include "dataplane/tcp/wire/address.h"

#include <gtest/gtest.h>

namespace pollux::tcp {
namespace {

TEST(IpAddressTest, IsReadAndWritten) {
  for (const char* text : {"0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "::1", "fe80::1",
                           "2001:db8::ff00:42:8329", "ff02::1:ff00:1"}) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address.has_value()) << text;
    EXPECT_EQ(address->text(), text);
  }
  EXPECT_EQ(IpAddress::parse("2001:DB8:0:0:0:0:0:1")->text(), "2001:db8::1");
  EXPECT_EQ(IpAddress::parse("::ffff:10.0.0.1"), IpAddress::v4(0x0a000001));
  EXPECT_EQ(IpAddress::parse("10.0.0.1")->v4(), 0x0a000001U);
  for (const std::string_view text :
       {"", "10.0.0", "10.0.0.256", "10.0.0.1 ", ":::", "1::2::3", "fe80::1%eth0", "localhost"}) {
    EXPECT_FALSE(IpAddress::parse(text).has_value()) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("::1\0", 4)).has_value());
  EXPECT_FALSE(IpAddress::parse(std::string(100, '1')).has_value());
}

TEST(IpAddressTest, Kinds) {
  const auto of = [](std::string_view text) { return *IpAddress::parse(text); };
  for (const char* text : {"224.0.0.1", "239.255.255.255", "ff02::1"}) {
    EXPECT_TRUE(of(text).is_multicast()) << text;
  }
  for (const char* text : {"223.255.255.255", "240.0.0.0", "fe80::1", "::"}) {
    EXPECT_FALSE(of(text).is_multicast()) << text;
  }
  EXPECT_TRUE(of("::").is_unspecified() && of("0.0.0.0").is_unspecified());
  EXPECT_FALSE(of("::1").is_unspecified() || of("0.0.0.1").is_unspecified());
  EXPECT_TRUE(of("127.1.2.3").is_loopback() && of("::1").is_loopback());
  EXPECT_FALSE(of("128.0.0.1").is_loopback() || of("::2").is_loopback());
  EXPECT_TRUE(of("169.254.9.9").is_link_local() && of("febf::1").is_link_local());
  EXPECT_FALSE(of("169.253.0.0").is_link_local() || of("fec0::1").is_link_local());
  EXPECT_TRUE(of("10.0.0.1").is_v4());
  EXPECT_FALSE(of("::").is_v4() || of("::1").is_v4());
}

TEST(MacAddressTest, Groups) {
  EXPECT_TRUE(kBroadcast.is_group());
  EXPECT_TRUE((MacAddress{{0x33, 0x33, 0, 0, 0, 1}}.is_group()));
  EXPECT_FALSE((MacAddress{{0x02, 0, 0, 0, 0, 1}}.is_group()));
}

}  // namespace
}  // namespace pollux::tcp
