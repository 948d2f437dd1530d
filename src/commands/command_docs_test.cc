// Expected bytes were taken from redis-server 7.0.15; all rows were compared with it.
#include "src/commands/command_docs.h"

#include <gtest/gtest.h>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

std::string info(const CommandRow& row, int protocol) {
  TextSink sink;
  Reply reply(sink, protocol);
  write_command_info(reply, row);
  return sink.take();
}

TEST(CommandDocs, InfoOfGet) {
  TestStore store;
  EXPECT_EQ(info(*store.table().find("get"), 3),
            "*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"
            "~3\r\n+@read\r\n+@string\r\n+@fast\r\n~0\r\n~1\r\n%3\r\n$5\r\nflags\r\n~2\r\n+RO\r\n"
            "+access\r\n$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n"
            "%1\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n"
            "$4\r\nspec\r\n%3\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n"
            ":0\r\n~0\r\n");
}

TEST(CommandDocs, InfoWithoutKeys) {
  TestStore store;
  EXPECT_EQ(info(*store.table().find("dbsize"), 2),
            "*10\r\n$6\r\ndbsize\r\n:1\r\n*2\r\n+readonly\r\n+fast\r\n:0\r\n:0\r\n:0\r\n"
            "*3\r\n+@keyspace\r\n+@read\r\n+@fast\r\n*2\r\n$25\r\nrequest_policy:all_shards\r\n"
            "$23\r\nresponse_policy:agg_sum\r\n*0\r\n*0\r\n");
}

TEST(CommandDocs, KeyPositionsOfSeveralSpecsAreJoined) {
  TestStore store;
  const std::string bitop = info(*store.table().find("bitop"), 2);
  EXPECT_NE(bitop.find("+denyoom\r\n:2\r\n:-1\r\n:1\r\n"), std::string::npos);
  const std::string rename = info(*store.table().find("rename"), 2);
  EXPECT_NE(rename.find("+write\r\n:1\r\n:2\r\n:1\r\n"), std::string::npos);
}

TEST(CommandDocs, DocsOfADeprecatedCommand) {
  TestStore store;
  TextSink sink;
  Reply reply(sink, 3);
  write_command_docs(reply, *store.table().find("substr"));
  const std::string text = sink.take();
  EXPECT_TRUE(text.starts_with("$6\r\nsubstr\r\n%8\r\n$7\r\nsummary\r\n"));
  EXPECT_NE(text.find("$9\r\ndoc_flags\r\n~1\r\n+deprecated\r\n$16\r\ndeprecated_since\r\n"
                      "$5\r\n2.0.0\r\n"),
            std::string::npos);
  EXPECT_NE(text.find("$9\r\narguments\r\n*3\r\n%3\r\n$4\r\nname\r\n$3\r\nkey\r\n$4\r\ntype\r\n"
                      "$3\r\nkey\r\n$14\r\nkey_spec_index\r\n:0\r\n"),
            std::string::npos);
}

}  // namespace
}  // namespace pollux
