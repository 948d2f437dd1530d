// Expected bytes were taken from redis-server 7.0.15.
#include <gtest/gtest.h>

#include <string>

#include "src/commands/test_store.h"

namespace pollux {
namespace {

const std::string kSyntax = "-ERR syntax error\r\n";
const std::string kBadUnit = "-ERR unsupported unit provided. please use M, KM, FT, MI\r\n";
const std::string kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

void add_sicily(TestStore& store) {
  store.run("geoadd g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 0 0 zero");
}

TEST(Geo, GeoaddCountsAndTellsAsZaddDoes) {
  TestStore store(4);
  EXPECT_EQ(store.run("geoadd g 13.361389 38.115556 Palermo 0 0 zero"), ":2\r\n");
  EXPECT_EQ(store.events(), "zadd g");
  EXPECT_EQ(store.run("zscore g Palermo"), "$16\r\n3479099956230698\r\n");
  EXPECT_EQ(store.run("geoadd g ch 13.361389 38.115556 Palermo 1 1 zero"), ":1\r\n");
  EXPECT_EQ(store.run("geoadd g 2 2 zero"), ":0\r\n");
  EXPECT_EQ(store.events(), "zadd g");
  EXPECT_EQ(store.run("geoadd g 2 2 zero"), ":0\r\n");
  EXPECT_EQ(store.events(), "");
  EXPECT_EQ(store.run("geoadd g nx ch 3 3 zero 4 4 four"), ":1\r\n");
  EXPECT_EQ(store.run("geoadd g XX CH 3 3 zero 4 4 five"), ":1\r\n");
  EXPECT_EQ(store.run("zcard g"), ":3\r\n");
}

TEST(Geo, GeoaddRefuses) {
  TestStore store;
  EXPECT_EQ(store.run("geoadd g nx xx 1 1 x"), kSyntax);
  EXPECT_EQ(store.run("geoadd g nx ch nx"), kSyntax);
  EXPECT_EQ(store.run("geoadd g 1 1 x 2 2"), kSyntax);
  EXPECT_EQ(store.run("geoadd g 1 1 x 200 1 y"),
            "-ERR invalid longitude,latitude pair 200.000000,1.000000\r\n");
  EXPECT_EQ(store.run("geoadd g nan 1 x"), "-ERR value is not a valid float\r\n");
  EXPECT_EQ(store.run("geoadd g inf 1 x"), "-ERR invalid longitude,latitude pair inf,1.000000\r\n");
  EXPECT_EQ(store.run("geoadd g 1e308 -1e308 x").size(), 37U + 309 + 7 + 1 + 310 + 7 + 2);
  EXPECT_EQ(store.run("exists g"), ":0\r\n");
  store.run("set s 1");
  EXPECT_EQ(store.run("geoadd s 1 1 x"), kWrongType);
  EXPECT_EQ(store.run("geoadd s 1 91 x"),
            "-ERR invalid longitude,latitude pair 1.000000,91.000000\r\n");
}

TEST(Geo, GeoposAndGeohash) {
  TestStore store;
  add_sicily(store);
  EXPECT_EQ(store.run("geopos g Palermo nosuch zero"),
            "*3\r\n*2\r\n$20\r\n13.36138933897018433\r\n$20\r\n38.11555639549629859\r\n*-1\r\n"
            "*2\r\n$19\r\n0.00000268220901489\r\n$19\r\n0.00000126736058093\r\n");
  EXPECT_EQ(store.run("geopos g"), "*0\r\n");
  EXPECT_EQ(store.run("geopos absent a"), "*1\r\n*-1\r\n");
  EXPECT_EQ(store.run("geohash g Palermo nosuch"), "*2\r\n$11\r\nsqc8b49rny0\r\n$-1\r\n");
  EXPECT_EQ(store.run("geohash g"), "*0\r\n");
  store.set_protocol(3);
  EXPECT_EQ(store.run("geopos g Palermo nosuch"),
            "*2\r\n*2\r\n,13.36138933897018433\r\n,38.11555639549629859\r\n_\r\n");
  store.run("set s 1");
  EXPECT_EQ(store.run("geopos s a"), kWrongType);
  EXPECT_EQ(store.run("geohash s a"), kWrongType);
}

TEST(Geo, Geodist) {
  TestStore store;
  add_sicily(store);
  EXPECT_EQ(store.run("geodist g Palermo Catania"), "$11\r\n166274.1516\r\n");
  EXPECT_EQ(store.run("geodist g Palermo Catania KM"), "$8\r\n166.2742\r\n");
  EXPECT_EQ(store.run("geodist g Palermo Catania mi"), "$8\r\n103.3182\r\n");
  EXPECT_EQ(store.run("geodist g Palermo nosuch"), "$-1\r\n");
  EXPECT_EQ(store.run("geodist absent a b xx"), kBadUnit) << "the unit is read first";
  EXPECT_EQ(store.run("geodist absent a b"), "$-1\r\n");
  EXPECT_EQ(store.run("geodist g Palermo Catania m m"), kSyntax);
}

TEST(GeoSearch, RepliesWhatIsAskedFor) {
  TestStore store;
  add_sicily(store);
  store.set_protocol(3);
  EXPECT_EQ(
      store.run("geosearch g fromlonlat 15 37 byradius 200 km withdist withcoord withhash"),
      "*2\r\n*4\r\n$7\r\nPalermo\r\n$8\r\n190.4424\r\n:3479099956230698\r\n"
      "*2\r\n,13.36138933897018433\r\n,38.11555639549629859\r\n"
      "*4\r\n$7\r\nCatania\r\n$7\r\n56.4413\r\n:3479447370796909\r\n"
      "*2\r\n,15.08726745843887329\r\n,37.50266842333162032\r\n");
  const std::string palermo = "$7\r\nPalermo\r\n";
  const std::string catania = "$7\r\nCatania\r\n";
  EXPECT_EQ(store.run("geosearch g fromlonlat 15 37 byradius 200 km asc"),
            "*2\r\n" + catania + palermo);
  EXPECT_EQ(store.run("geosearch g fromlonlat 15 37 byradius 200 km count 1"), "*1\r\n" + catania);
  EXPECT_EQ(store.run("geosearch g fromlonlat 15 37 byradius 200 km count 1 desc"),
            "*1\r\n" + palermo);
  EXPECT_EQ(store.run("geosearch g fromlonlat 15 37 byradius 200 km count 1 any"),
            "*1\r\n" + palermo);
  EXPECT_EQ(store.run("geosearch g frommember Palermo bybox 1 1 km"), "*1\r\n" + palermo);
  EXPECT_EQ(store.run("geosearch g frommember zero bybox 10 10 mi"), "*1\r\n$4\r\nzero\r\n");
  EXPECT_EQ(store.run("geosearch absent frommember x byradius 1 km"), "*0\r\n");
  EXPECT_EQ(store.run("georadius g 15 37 100 km"), "*1\r\n" + catania);
  EXPECT_EQ(store.run("georadius_ro g 15 37 100 km withdist"),
            "*1\r\n*2\r\n" + catania + "$7\r\n56.4413\r\n");
  EXPECT_EQ(store.run("georadiusbymember g Palermo 200 km desc"), "*2\r\n" + catania + palermo);
  EXPECT_EQ(store.run("georadiusbymember_ro g Palermo 1 m"), "*1\r\n" + palermo);
}

TEST(GeoSearch, RefusesInRedisOrder) {
  TestStore store;
  add_sicily(store);
  const std::string no_number = "-ERR value is not a valid float\r\n";
  const std::string no_member = "-ERR could not decode requested zset member\r\n";
  struct {
    const char* line;
    std::string error;
  } const cases[] = {
      {"GeoSearch g bybox 1 1 km ASC",
       "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GeoSearch\r\n"},
      {"geosearch g frommember zero ASC ASC asc",
       "-ERR exactly one of BYRADIUS and BYBOX can be specified for geosearch\r\n"},
      {"geosearch g frommember zero fromlonlat 1 1 byradius 1 km", kSyntax},
      {"geosearch g frommember zero byradius 1 km bybox 1 1 km", kSyntax},
      {"geosearch g frommember zero byradius 1 km storedist", kSyntax},
      {"geosearch g frommember zero byradius 1 km count", kSyntax},
      {"geosearch g frommember zero byradius 1 km any",
       "-ERR the ANY argument requires COUNT argument\r\n"},
      {"geosearch g frommember zero byradius 1 km count 0", "-ERR COUNT must be > 0\r\n"},
      {"geosearch g frommember nosuch byradius 1 xx", no_member},
      {"geosearch g frommember zero byradius -1 xx", "-ERR radius cannot be negative\r\n"},
      {"geosearch g frommember zero byradius x km", "-ERR need numeric radius\r\n"},
      {"geosearch g frommember zero bybox x y km", "-ERR need numeric width\r\n"},
      {"geosearch g frommember zero bybox 1 y km", "-ERR need numeric height\r\n"},
      {"geosearch g frommember zero bybox 1 -1 xx",
       "-ERR height or width cannot be negative\r\n"},
      {"geosearch g frommember zero bybox 1 1 xx", kBadUnit},
      {"geosearchstore d g frommember zero byradius 1 km withdist",
       "-ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options\r\n"},
      {"georadius g 1 1 1 km withdist store d",
       "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD "
       "options\r\n"},
      {"georadius absent a x y z", no_number},
      {"georadius absent 1 1 1 m store", kSyntax},
      {"georadius_ro g 1 1 1 m store x", kSyntax},
      {"georadiusbymember g nosuch 1 m", no_member},
      {"georadiusbymember absent a x y z", kSyntax},
      {"georadiusbymember absent a x y", "*0\r\n"},
      {"georadiusbymember_ro g zero 1 m store x", kSyntax},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(store.run(c.line), c.error) << c.line;
  }
  store.run("set s 1");
  EXPECT_EQ(store.run("geosearch s nosuch a b c d"), kWrongType);
  EXPECT_EQ(store.run("georadius s a b c d"), kWrongType);
}

TEST(GeoSearch, Stores) {
  TestStore store(4);
  add_sicily(store);
  EXPECT_EQ(store.run("geosearchstore d g fromlonlat 15 37 byradius 200 km"), ":2\r\n");
  EXPECT_EQ(store.events(), "geosearchstore d");
  EXPECT_EQ(store.run("zrange d 0 -1 withscores"),
            "*4\r\n$7\r\nPalermo\r\n$16\r\n3479099956230698\r\n$7\r\nCatania\r\n$16\r\n"
            "3479447370796909\r\n");
  EXPECT_EQ(store.run("georadius g 15 37 200 km store x storedist d"), ":2\r\n");
  EXPECT_EQ(store.events(), "georadiusstore d");
  EXPECT_EQ(store.run("zrange d 0 -1 withscores"),
            "*4\r\n$7\r\nCatania\r\n$18\r\n56.441257870158204\r\n$7\r\nPalermo\r\n$18\r\n"
            "190.44242984775784\r\n");
  EXPECT_EQ(store.run("geosearchstore d g frommember zero byradius 1 m storedist count 5"),
            ":1\r\n");
  EXPECT_EQ(store.run("georadius g 15 37 1 m store d"), ":0\r\n");
  EXPECT_EQ(store.events(), "del d");
  EXPECT_EQ(store.run("georadius absent 15 37 1 m store d"), ":0\r\n");
  EXPECT_EQ(store.events(), "");
  store.run("set d text");
  EXPECT_EQ(store.run("geosearchstore d absent frommember a byradius 1 m"), ":0\r\n");
  EXPECT_EQ(store.events(), "del d");
  EXPECT_EQ(store.run("geosearchstore g g frommember zero byradius 1 m"), ":1\r\n")
      << "the target may be the source";
  EXPECT_EQ(store.run("zcard g"), ":1\r\n");
}

// Both forms of the sorted set answer the same, in the same order, also when ANY cuts it short.
TEST(GeoSearch, SmallAndLargeSetsAgree) {
  TestStore small;
  TestStore large;
  large.config().encoding.zset_listpack_entries = 0;
  Rng rng(7);
  for (int i = 0; i < 120; ++i) {
    std::string line = "geoadd g " + std::to_string(rng.unit() * 10) + " " +
                       std::to_string(rng.unit() * 10) + " " + std::to_string(i);
    EXPECT_EQ(small.run(line), ":1\r\n");
    EXPECT_EQ(large.run(line), ":1\r\n");
  }
  ASSERT_EQ(small.run("object encoding g"), "$8\r\nlistpack\r\n");
  ASSERT_EQ(large.run("object encoding g"), "$8\r\nskiplist\r\n");
  for (const char* rest :
       {"byradius 300 km", "byradius 300 km asc withdist", "byradius 300 km count 7 desc",
        "byradius 300 km count 7 any", "bybox 400 700 km", "bybox 400 700 km count 3 any desc"}) {
    for (const char* member : {"0", "17", "99"}) {
      const std::string line = std::string("geosearch g frommember ") + member + " " + rest;
      EXPECT_EQ(small.run(line), large.run(line)) << line;
    }
  }
}

}  // namespace
}  // namespace pollux
