// Expected bytes were taken from redis-server 7.0.15.
#include <gtest/gtest.h>

#include "src/commands/test_store.h"
#include "src/data/test_bytes.h"

namespace pollux {
namespace {

std::string bulk(const std::string& bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + bytes + "\r\n";
}

// The payload of a key; empty if there is none.
std::string dump(TestStore& store, std::string_view key) {
  const std::string reply = store.run_args({"dump", key});
  const size_t head = reply.find("\r\n");
  return reply[0] == '$' && reply[1] != '-' ? reply.substr(head + 2, reply.size() - head - 4) : "";
}

const std::string kHello = from_hex("000568656c6c6f0a006372df766534200a");
constexpr std::string_view kBadFormat = "-ERR Bad data format\r\n";
constexpr std::string_view kBadSum = "-ERR DUMP payload version or checksum are wrong\r\n";

TEST(Dump, BytesAreThoseOfRedis) {
  TestStore store;
  const struct {
    const char* make;
    const char* payload;
  } samples[] = {
      {"set k -5", "00c0fb0a0049c4c6f4d7263f68"},
      {"set k 300", "00c12c010a00954261f265825c10"},
      {"set k -70000", "00c290eefeff0a002875de7b13eb2800"},
      {"set k 5000000000", "000a353030303030303030300a0069a90fd57e0ff425"},
      {"set k hello", "000568656c6c6f0a006372df766534200a"},
      {"set k ", "00000a005d9b5c400f7fa2da"},
      {"set k aaaaaaaaaaaaaaaaaaaa",
       "001461616161616161616161616161616161616161610a0083b46b5e1b11acf1"},
      {"rpush k a 1 -70000 ",
       "120102131300000004008161020101f290eefe048001ff0a001cc6cfae71404f95"},
      {"sadd k 1 2 -3 70000",
       "0b180400000004000000fdffffff0100000002000000701101000a0015ef637b140fcd64"},
      {"sadd k x", "020101780a00ffe880ba760c2f09"},
      {"hset k f v n 12", "1012120000000400816602817602816e020c01ff0a0001369481d35b8974"},
      {"zadd k 1.5 a -2 b inf c",
       "111d1d0000000600816202dffe0281610283312e350481630283696e6604ff0a007356ad6cc2484ad0"},
      {"hset k f yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
       "04010166c3094041017979e034000179790a0021ef8f5990cf4fd0"},
      {"zadd k 1 a 2.5 zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
       "0502c3094041017a7ae03400017a7a00000000000004400161000000000000f03f0a00478151d81e1c5080"},
  };
  for (const auto& sample : samples) {
    store.run("del k r");
    store.run(sample.make);
    const std::string payload = from_hex(sample.payload);
    EXPECT_EQ(store.run("dump k"), bulk(payload)) << sample.make;
    EXPECT_EQ(store.run_args({"restore", "r", "0", payload}), "+OK\r\n");
    EXPECT_EQ(store.events(), "restore r");
    EXPECT_EQ(store.run("dump r"), bulk(payload));
    EXPECT_EQ(store.run("object encoding r"), store.run("object encoding k"));
  }
  EXPECT_EQ(store.run("dump nosuch"), "$-1\r\n");
  store.config().rdb_compression = false;
  store.run("set k aaaaaaaaaaaaaaaaaaaaaaaaa");
  EXPECT_EQ(dump(store, "k").substr(1, 26), "\x19" + std::string(25, 'a'));
}

TEST(Dump, LargePayloadsComeWhole) {
  TestStore store;
  for (int i = 0; i < 20'000; ++i) {
    const std::string i_text = std::to_string(i);
    store.run("rpush k element:" + i_text);
    store.run("hset h field:" + i_text + " " + std::string(static_cast<size_t>(i % 90), 'v'));
  }
  for (const std::string_view key : {"k", "h"}) {
    const std::string payload = dump(store, key);
    EXPECT_GT(payload.size(), 50'000U);
    EXPECT_EQ(store.run_args({"restore", "r", "0", payload, "replace"}), "+OK\r\n");
    EXPECT_EQ(dump(store, "r").size(), payload.size());
  }
  EXPECT_EQ(store.run("hget r field:19999"), store.run("hget h field:19999"));
  EXPECT_EQ(store.run("hlen r"), ":20000\r\n");
}

TEST(Restore, ChecksInTheOrderOfRedis) {
  TestStore store;
  store.run("set s v");
  const auto restore = [&store](std::vector<std::string_view> args) {
    args.insert(args.begin(), "restore");
    return store.run_args(args);
  };
  EXPECT_EQ(restore({"s", "-1", "bad", "nosuch"}), "-ERR syntax error\r\n");
  EXPECT_EQ(restore({"s", "-1", "bad", "idletime"}), "-ERR syntax error\r\n");
  EXPECT_EQ(restore({"s", "-1", "bad", "idletime", "1", "freq", "1"}), "-ERR syntax error\r\n");
  EXPECT_EQ(restore({"s", "-1", "bad", "idletime", "-1", "nosuch"}),
            "-ERR Invalid IDLETIME value, must be >= 0\r\n");
  EXPECT_EQ(restore({"s", "-1", "bad", "freq", "256"}),
            "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n");
  EXPECT_EQ(restore({"s", "-1", "bad", "freq", "x"}),
            "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(restore({"s", "-1", "bad"}), "-BUSYKEY Target key name already exists.\r\n");
  EXPECT_EQ(restore({"s", "-1", "bad", "replace"}), "-ERR Invalid TTL value, must be >= 0\r\n");
  EXPECT_EQ(restore({"s", "x", "bad", "replace"}),
            "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(restore({"s", "0", "bad", "replace"}), kBadSum);
  EXPECT_EQ(store.run("get s"), "$1\r\nv\r\n");
  EXPECT_EQ(store.events(), "");
}

TEST(Restore, Ttls) {
  TestStore store;
  const std::string now = std::to_string(store.now_ms());
  const std::string later = std::to_string(store.now_ms() + 1);
  const auto restore = [&store](std::string_view key, std::string_view ttl, bool absolute) {
    std::vector<std::string_view> args = {"restore", key, ttl, kHello, "replace"};
    if (absolute) {
      args.push_back("absttl");
    }
    EXPECT_EQ(store.run_args(args), "+OK\r\n");
    return store.events();
  };
  EXPECT_EQ(restore("k", "1000", false), "restore k");
  EXPECT_EQ(store.run("pttl k"), ":1000\r\n");
  EXPECT_EQ(restore("k", "0", false), "restore k");
  EXPECT_EQ(store.run("pttl k"), ":-1\r\n");
  EXPECT_EQ(restore("k", later, true), "restore k");
  EXPECT_EQ(store.run("pttl k"), ":1\r\n");
  EXPECT_EQ(restore("k", now, true), "del k");
  EXPECT_EQ(restore("k", now, true), "");
  EXPECT_EQ(store.run("exists k"), ":0\r\n");
  EXPECT_EQ(restore("k", "9223372036854775807", false), "");
  EXPECT_EQ(restore("k", "9223372036854775807", true), "restore k");
}

TEST(Restore, ReplacesAnyValue) {
  TestStore store;
  for (const char* make : {"set k v ex 100", "rpush k a b", "hset k f v", "zadd k 1 a"}) {
    store.run("del k");
    store.run(make);
    EXPECT_EQ(store.run_args({"restore", "k", "0", kHello, "REPLACE"}), "+OK\r\n");
    EXPECT_EQ(store.run("get k"), "$5\r\nhello\r\n");
    EXPECT_EQ(store.run("ttl k"), ":-1\r\n");
  }
}

TEST(Restore, AccessIsAsTold) {
  TestStore store;
  store.run_args({"restore", "k", "0", kHello, "idletime", "1000"});
  EXPECT_EQ(store.run("object idletime k"), ":1000\r\n");
  store.run_args({"restore", "k", "0", kHello, "replace", "idletime", "9223372036854775807"});
  EXPECT_EQ(store.run("object idletime k"), ":16777215\r\n");
  store.run_args({"restore", "k", "0", kHello, "replace", "freq", "77"});
  EXPECT_EQ(store.run("object idletime k"), ":0\r\n");
  store.config().eviction.policy = EvictionPolicy::kAllkeysLfu;
  store.config().eviction.access.kind = AccessKind::kLfu;
  store.run_args({"restore", "k", "0", kHello, "replace", "freq", "77"});
  EXPECT_EQ(store.run("object freq k"), ":77\r\n");
}

TEST(Restore, RefusesWhatIsNoPayload) {
  TestStore store;
  const auto restore = [&store](std::string_view payload) {
    return store.run_args({"restore", "k", "0", payload});
  };
  for (size_t i = 0; i < kHello.size(); ++i) {
    std::string bad = kHello;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_EQ(restore(bad), kBadSum) << i;
    EXPECT_EQ(restore(kHello.substr(0, i)), kBadSum) << i;
  }
  // What has a right sum, but: a value that reaches into it; one that ends before it; no type; a
  // set that says it has 2^32 members.
  for (const char* bad :
       {"000668656c6c6f0a00afbe6e2d5b340742", "000568656c6c6f000a003ff296235f14cbc3",
        "0a005d9b5c400f7fa2da", "0280ffffffff0a0094e16dbb338d7afd"}) {
    EXPECT_EQ(restore(from_hex(bad)), kBadFormat) << bad;
  }
  EXPECT_EQ(restore(from_hex("000568656c6c6f0d00c1db56c5628157ca")), kBadSum);  // version 13
  EXPECT_EQ(restore(from_hex("19000c005fe339563675346a")), kBadFormat);  // kHashListpackEx
  EXPECT_EQ(store.run("exists k"), ":0\r\n");
  EXPECT_EQ(restore(from_hex("000568656c6c6f0c00a804ebb69f1ebe43")), "+OK\r\n");  // version 12
}

// In a history the time counts from the start of the Unix clock. (As redis-server's has it.)
TEST(Restore, LeavesAnAbsoluteTime) {
  TestStore store;
  store.run("set k v");
  std::string dumped = store.run("dump k");
  dumped = dumped.substr(5, dumped.size() - 7);
  const std::string size = std::to_string(dumped.size());
  const std::string until = std::to_string(store.now_ms() + 100);
  store.keep_history();
  store.run_args({"restore", "a", "100", dumped, "REPLACE", "FREQ", "5"});
  EXPECT_EQ(store.take_history(),
            "*8\r\n$7\r\nRESTORE\r\n$1\r\na\r\n$13\r\n" + until + "\r\n$" + size + "\r\n" +
                dumped +
                "\r\n$7\r\nREPLACE\r\n$4\r\nFREQ\r\n$1\r\n5\r\n$6\r\nABSTTL\r\n");
  store.run_args({"restore", "a", "1", dumped, "REPLACE", "ABSTTL"});
  EXPECT_EQ(store.take_history(), "*2\r\n$3\r\nDEL\r\n$1\r\na\r\n");
  store.run_args({"restore", "b", "1", dumped, "ABSTTL"});
  EXPECT_EQ(store.take_history(), "");
  store.set_replaying(true);
  store.run_args({"restore", "b", "1", dumped, "ABSTTL"});
  EXPECT_EQ(store.run("pexpiretime b"), ":1\r\n");
}

}  // namespace
}  // namespace pollux
