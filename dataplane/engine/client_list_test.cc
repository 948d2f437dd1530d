#include "dataplane/engine/client_list.h"

#include <gtest/gtest.h>

namespace pollux {
namespace {

using Words = std::vector<std::string_view>;

std::string list_error(Words args) {
  ClientFilter filter;
  std::string error;
  return read_list_filter(args, filter, error) ? "" : error;
}

std::string kill_error(Words args) {
  ClientFilter filter;
  std::string error;
  return read_kill_filter(args, filter, error) ? "" : error;
}

TEST(ClientListFilter, ReadsTypeAndIds) {
  ClientFilter filter;
  std::string error;
  const Words args = {"client", "list", "ID", "3", "1"};
  EXPECT_TRUE(read_list_filter(args, filter, error));
  EXPECT_EQ(filter.ids, (std::vector<uint64_t>{3, 1}));
  EXPECT_FALSE(filter.skip_self);
  EXPECT_EQ(list_error({"client", "list"}), "");
  EXPECT_EQ(list_error({"client", "list", "TYPE", "SLAVE"}), "");
}

TEST(ClientListFilter, RefusesAsRedisDoes) {
  EXPECT_EQ(list_error({"client", "list", "type", "foo"}), "ERR Unknown client type 'foo'");
  EXPECT_EQ(list_error({"client", "list", "id", "a"}), "ERR Invalid client ID");
  EXPECT_EQ(list_error({"client", "list", "id"}), "ERR syntax error");
  EXPECT_EQ(list_error({"client", "list", "type"}), "ERR syntax error");
  EXPECT_EQ(list_error({"client", "list", "type", "normal", "x"}), "ERR syntax error");
}

TEST(ClientKillFilter, TheOldFormNamesOneAddress) {
  ClientFilter filter;
  std::string error;
  const Words args = {"client", "kill", "1.2.3.4:5"};
  EXPECT_TRUE(read_kill_filter(args, filter, error));
  EXPECT_TRUE(filter.by_address_only);
  EXPECT_FALSE(filter.skip_self);
  EXPECT_EQ(filter.address, "1.2.3.4:5");
}

TEST(ClientKillFilter, TheNewFormCollects) {
  ClientFilter filter;
  std::string error;
  const Words args = {"client", "kill", "id", "7", "LADDR", "a:1", "maxage", "9", "skipme", "no"};
  EXPECT_TRUE(read_kill_filter(args, filter, error));
  EXPECT_EQ(filter.ids, std::vector<uint64_t>{7});
  EXPECT_EQ(filter.local_address, "a:1");
  EXPECT_EQ(filter.age_min_s, 9);
  EXPECT_FALSE(filter.skip_self);
  EXPECT_FALSE(filter.by_address_only);
}

TEST(ClientKillFilter, RefusesAsRedisDoes) {
  EXPECT_EQ(kill_error({"client", "kill", "id", "0"}), "ERR client-id should be greater than 0");
  EXPECT_EQ(kill_error({"client", "kill", "type", "x"}), "ERR Unknown client type 'x'");
  EXPECT_EQ(kill_error({"client", "kill", "user", "x"}), "ERR No such user 'x'");
  EXPECT_EQ(kill_error({"client", "kill", "skipme", "maybe"}), "ERR syntax error");
  EXPECT_EQ(kill_error({"client", "kill", "id", "1", "id"}), "ERR syntax error");
  EXPECT_EQ(kill_error({"client", "kill", "foo", "bar"}), "ERR syntax error");
}

}  // namespace
}  // namespace pollux
