#include "dataplane/dpdk/network_options.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pollux::dpdk {
namespace {

using Words = std::vector<std::string>;

std::string problem_of(Words addresses, Words gateways = {}, tcp::InterfaceConfig* into = nullptr) {
  tcp::InterfaceConfig own;
  const NetworkOptions options{.arguments = {},
                               .port = "net_tap0",
                               .addresses = std::move(addresses),
                               .gateways = std::move(gateways),
                               .vlan = 7};
  return read_options(options, into != nullptr ? *into : own);
}

void expect_said(const std::string& problem, const std::string& words) {
  EXPECT_NE(problem.find(words), std::string::npos) << problem << " / " << words;
}

TEST(NetworkOptions, AddressesGatewaysAndVlanAreTaken) {
  tcp::InterfaceConfig into;
  EXPECT_EQ(problem_of({"10.0.0.5/24", "fd00::5/64"}, {"10.0.0.1", "fe80::1"}, &into), "");
  ASSERT_EQ(into.addresses.size(), 2U);
  EXPECT_EQ(into.addresses[0].address.text(), "10.0.0.5");
  EXPECT_EQ(into.addresses[0].bits, 24);
  EXPECT_EQ(into.addresses[1].address.text(), "fd00::5");
  EXPECT_EQ(into.gateway_v4->text(), "10.0.0.1");
  EXPECT_EQ(into.gateway_v6->text(), "fe80::1");
  EXPECT_EQ(into.vlan, 7);
}

TEST(NetworkOptions, WithoutPrefixItIsOneAddress) {
  tcp::InterfaceConfig into;
  EXPECT_EQ(problem_of({"10.0.0.5", "fd00::5"}, {}, &into), "");
  EXPECT_EQ(into.addresses[0].bits, 32);
  EXPECT_EQ(into.addresses[1].bits, 128);
}

TEST(NetworkOptions, LinksOfTwoHostsHaveNoOtherAddresses) {
  EXPECT_EQ(problem_of({"10.0.0.4/31", "fd00::/127"}, {"10.0.0.5"}), "");
  EXPECT_EQ(problem_of({"10.0.0.5/31", "fd00::1/127"}, {"10.0.0.4", "fd00::"}), "");
}

TEST(NetworkOptions, WhatIsNoAddressIsRefused) {
  for (const char* text : {"there", "10.0.0.1/33", "10.0.0.1/", "fd00::1/129", "10.0.0.1/-1",
                           "10.0.0/24", "/24", "10.0.0.1/24x"}) {
    expect_said(problem_of({text}), "not an address");
  }
}

TEST(NetworkOptions, WhatNoHostCanHaveIsRefused) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"0.0.0.0/0", "no address"},      {"0.0.0.0/24", "no address"},
      {"::/64", "no address"},          {"0.1.2.3/8", "reserved"},
      {"255.255.255.255", "reserved"},  {"240.0.0.1/24", "reserved"},
      {"224.0.0.5/24", "multicast"},    {"ff02::1/64", "multicast"},
      {"127.0.0.1/8", "loopback"},      {"::1/128", "loopback"},
      {"10.0.0.0/24", "network"},       {"10.0.0.255/24", "broadcast"},
      {"10.1.255.255/16", "broadcast"}, {"10.0.0.3/30", "broadcast"},
      {"fd00::/64", "routers"}};
  for (const auto& [address, words] : cases) {
    const std::string problem = problem_of({address});
    expect_said(problem, words);
    expect_said(problem, "Give the address that this server is to have");
  }
  EXPECT_EQ(problem_of({"10.0.0.255/16", "10.0.1.0/16", "fd00::ffff:ffff:ffff:ffff/64"}), "");
}

TEST(NetworkOptions, AnAddressStandsOnce) {
  expect_said(problem_of({"10.0.0.5/24", "10.0.0.5/16"}), "twice");
}

TEST(NetworkOptions, AGatewayIsAnotherHostOfTheLink) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"there", "not an address"}, {"10.0.0.5", "own"},         {"10.0.1.1", "no way"},
      {"10.0.0.0", "network"},     {"10.0.0.255", "broadcast"}, {"0.0.0.0", "no address"},
      {"127.0.0.1", "loopback"},   {"224.0.0.1", "multicast"},  {"fd01::1", "no way"},
      {"fd00::", "routers"},       {"169.254.0.1", "no way"}};
  for (const auto& [gateway, words] : cases) {
    expect_said(problem_of({"10.0.0.5/24", "fd00::5/64"}, {gateway}), words);
  }
  expect_said(problem_of({"10.0.0.5/24"}, {"10.0.0.1", "10.0.0.2"}), "a second one");
}

TEST(NetworkOptions, AGatewayIsAHostInEachNetworkThatHasIt) {
  for (const Words& addresses :
       {Words{"10.0.0.5/24", "10.0.1.5/16"}, Words{"10.0.1.5/16", "10.0.0.5/24"}}) {
    expect_said(problem_of(addresses, {"10.0.0.255"}), "broadcast");
    expect_said(problem_of(addresses, {"10.0.255.255"}), "broadcast");
    EXPECT_EQ(problem_of(addresses, {"10.0.0.1"}), "");
    EXPECT_EQ(problem_of(addresses, {"10.0.1.255"}), "");
  }
}

TEST(NetworkOptions, AGatewayIsOfAVersionThatWeHave) {
  expect_said(problem_of({"10.0.0.5/24"}, {"fe80::1"}), "no net-address has");
  expect_said(problem_of({"fd00::5/64"}, {"10.0.0.1"}), "no net-address has");
  EXPECT_EQ(problem_of({"fd00::5/64"}, {"fe80::1"}), "");
}

TEST(NetworkOptions, Ipv6NeedsAnMtuOf1280) {
  NetworkOptions options{.arguments = {},
                         .port = "net_tap0",
                         .addresses = {"10.0.0.5/24", "fd00::5/64"},
                         .gateways = {},
                         .mtu = 1279};
  expect_said(check_options(options), "net-mtu is 1279");
  options.mtu = 1280;
  EXPECT_EQ(check_options(options), "");
  options.mtu = 576;
  options.addresses = {"10.0.0.5/24"};
  EXPECT_EQ(check_options(options), "");
}

TEST(NetworkOptions, AKeyIsHexadecimal) {
  std::vector<uint8_t> key{1};
  EXPECT_EQ(read_rss_key("", key), "");
  EXPECT_TRUE(key.empty());
  std::string digits;
  for (int i = 0; i < 40; ++i) {
    digits += "6D";
  }
  EXPECT_EQ(read_rss_key(digits, key), "");
  EXPECT_EQ(key, std::vector<uint8_t>(40, 0x6d));
  for (const std::string& bad : {digits.substr(2), digits + "6", digits.substr(1) + "g",
                                 digits + digits, "+" + digits.substr(1)}) {
    expect_said(read_rss_key(bad, key), "hexadecimal");
  }
}

}  // namespace
}  // namespace pollux::dpdk
