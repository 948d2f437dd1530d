#include "dataplane/engine/address_list.h"

#include <gtest/gtest.h>

namespace pollux {
namespace {

bool lets_in(std::string_view block, std::string_view peer) {
  AddressList list;
  EXPECT_TRUE(list.add(block)) << block;
  return list.contains_peer(peer);
}

TEST(AddressList, Blocks) {
  EXPECT_TRUE(lets_in("10.0.0.0/8", "10.255.3.4:5000"));
  EXPECT_FALSE(lets_in("10.0.0.0/8", "11.0.0.1:5000"));
  EXPECT_TRUE(lets_in("192.168.4.0/22", "192.168.7.255:1"));
  EXPECT_FALSE(lets_in("192.168.4.0/22", "192.168.8.0:1"));
  EXPECT_TRUE(lets_in("192.168.1.7", "192.168.1.7:1"));
  EXPECT_FALSE(lets_in("192.168.1.7", "192.168.1.8:1"));
  EXPECT_TRUE(lets_in("fd00::/8", "[fdab::1]:6379"));
  EXPECT_FALSE(lets_in("fd00::/8", "[fe80::1]:6379"));
  EXPECT_TRUE(lets_in("fe80::/10", "[fe80::1%eth0]:6379"));
  EXPECT_TRUE(lets_in("2001:db8::5", "[2001:db8::5]:1"));
}

TEST(AddressList, MappedAddressesAreIpv4) {
  EXPECT_TRUE(lets_in("10.0.0.0/8", "[::ffff:10.1.2.3]:5000"));
  EXPECT_FALSE(lets_in("10.0.0.0/8", "[::ffff:11.1.2.3]:5000"));
}

TEST(AddressList, EverythingOfOneFamily) {
  EXPECT_TRUE(lets_in("0.0.0.0/0", "203.0.113.9:1"));
  EXPECT_FALSE(lets_in("0.0.0.0/0", "[2001:db8::1]:1"));
  EXPECT_TRUE(lets_in("::/0", "[2001:db8::1]:1"));
  for (const std::string_view peer : {"203.0.113.9:1", "[::ffff:203.0.113.9]:1"}) {
    EXPECT_FALSE(lets_in("::/0", peer)) << peer;
    EXPECT_FALSE(lets_in("::/64", peer)) << peer;
    EXPECT_TRUE(lets_in("::ffff:0:0/96", peer)) << peer;
  }
}

TEST(AddressList, Several) {
  AddressList list;
  EXPECT_FALSE(list.contains_peer("10.0.0.1:1"));
  EXPECT_TRUE(list.add("10.0.0.1"));
  EXPECT_TRUE(list.add("fd00::/8"));
  EXPECT_TRUE(list.contains_peer("10.0.0.1:1"));
  EXPECT_TRUE(list.contains_peer("[fd12::]:1"));
  EXPECT_FALSE(list.contains_peer("/tmp/a.sock:0"));
  EXPECT_FALSE(list.contains_peer(""));
}

TEST(AddressList, RefusesWhatIsNoBlock) {
  AddressList list;
  for (const std::string_view text :
       {"", "10.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8", "fd00::/129",
        "localhost", "10.0.0.0/x", "1.2.3.4.5", "::g",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    EXPECT_FALSE(list.add(text)) << text;
  }
  EXPECT_TRUE(list.empty());
}

}  // namespace
}  // namespace pollux
