// What shards remember of reads, and who hears of which prefix: each table against a plain model.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/engine/prefix_table.h"
#include "dataplane/engine/tracking_table.h"
#include "src/base/rng.h"

namespace pollux {
namespace {

ClientRef client(uint32_t number) {
  return {WorkerId{static_cast<uint16_t>(number % 3)}, {number, 1}};
}

// Each is there once.
std::set<uint32_t> numbers(const std::vector<ClientRef>& clients) {
  std::set<uint32_t> all;
  for (const ClientRef& one : clients) {
    EXPECT_TRUE(all.insert(one.conn.index).second);
  }
  return all;
}

TEST(TrackingTableTest, TellsEachReaderOnce) {
  TrackingTable table;
  for (const uint32_t reader : {5u, 2u, 5u, 9u}) {
    table.add("k", client(reader));
  }
  table.add("j", client(2));
  EXPECT_EQ(table.keys(), 2u);
  EXPECT_EQ(table.clients(), 4u);
  std::vector<ClientRef> readers;
  table.take("none", readers);
  EXPECT_TRUE(readers.empty());
  table.take("k", readers);
  EXPECT_EQ(numbers(readers), (std::set<uint32_t>{2, 5, 9}));
  readers.clear();
  table.take("k", readers);
  EXPECT_TRUE(readers.empty());
  EXPECT_EQ(table.keys(), 1u);
  EXPECT_EQ(table.clients(), 1u);
}

TEST(TrackingTableTest, AnOldGenerationIsAnotherClient) {
  TrackingTable table;
  table.add("k", {WorkerId{0}, {7, 1}});
  table.add("k", {WorkerId{0}, {7, 2}});
  table.add("k", {WorkerId{1}, {7, 1}});
  EXPECT_EQ(table.clients(), 3u);
}

TEST(TrackingTableTest, IsAMap) {
  Rng rng(7);
  TrackingTable table;
  std::map<std::string, std::set<uint32_t>> model;
  for (int step = 0; step < 100'000; ++step) {
    const std::string key = "key" + std::to_string(rng.below(300));
    const auto reader = static_cast<uint32_t>(rng.below(5));
    std::vector<ClientRef> readers;
    switch (rng.below(step % 1000 == 999 ? 6 : 5)) {
      case 0:
        table.take(key, readers);
        ASSERT_EQ(numbers(readers), model[key]);
        model.erase(key);
        break;
      case 1:
        if (!table.empty()) {
          const std::string taken = table.take_random(rng, readers);
          ASSERT_EQ(numbers(readers), model.at(taken));
          model.erase(taken);
        }
        break;
      case 5:
        table.clear();
        model.clear();
        break;
      default:
        table.add(key, client(reader));
        model[key].insert(reader);
        break;
    }
    size_t clients = 0;
    for (const auto& [name, known] : model) {
      clients += known.size();
    }
    ASSERT_EQ(table.keys(), model.size());
    ASSERT_EQ(table.clients(), clients);
    ASSERT_EQ(table.bytes() > 0, !model.empty());
  }
  table.clear();
  EXPECT_EQ(table.bytes(), 0);
}

TEST(TrackingTableTest, CountsNamesAndReaders) {
  TrackingTable table;
  table.add(std::string(100'000, 'k'), client(1));
  const int64_t one = table.bytes();
  EXPECT_GT(one, 100'000);
  EXPECT_LT(one, 101'000);
  for (uint32_t reader = 0; reader < 10'000; ++reader) {
    table.add("j", client(reader));
  }
  EXPECT_GT(table.bytes() - one, static_cast<int64_t>(10'000 * sizeof(ClientRef)));
  std::vector<ClientRef> readers;
  table.take("j", readers);
  EXPECT_EQ(table.bytes(), one);
}

// "keys/clients ..." of each prefix with changes.
std::string taken(PrefixTable& table) {
  std::string text;
  table.take_changed([&text](const auto& listeners, const auto& keys) {
    for (const auto& [key, by] : keys) {
      text += key + ":" + std::to_string(by.conn.index) + ",";
    }
    text += "/";
    for (const PrefixTable::Listener& one : listeners) {
      text += std::to_string(one.client.conn.index) + (one.no_loop ? "!" : "") + ",";
    }
    text += " ";
  });
  return text;
}

TEST(PrefixTableTest, KeysGoToEveryPrefixTheyHave) {
  PrefixTable table;
  table.add("foo:", {client(1), false});
  table.add("f", {client(2), true});
  table.add("", {client(3), false});
  table.add("foo:", {client(4), true});
  table.changed("foo:2", client(1));
  table.changed("foo:1", client(2));
  table.changed("fun", client(1));
  table.changed("x", client(1));
  table.changed("foo:2", client(5));
  EXPECT_TRUE(table.any_changed());
  EXPECT_EQ(taken(table), "foo:1:2,foo:2:5,fun:1,x:1,/3, foo:1:2,foo:2:5,fun:1,/2!, "
                          "foo:1:2,foo:2:5,/1,4!, ");
  EXPECT_FALSE(table.any_changed());
  EXPECT_EQ(taken(table), "");
}

TEST(PrefixTableTest, WhoLeavesIsForgotten) {
  PrefixTable table;
  table.add("a", {client(1), false});
  table.add("b", {client(1), false});
  table.add("b", {client(2), false});
  EXPECT_EQ(table.size(), 2u);
  table.remove(client(1));
  EXPECT_EQ(table.size(), 1u);
  table.changed("a1", client(9));
  table.changed("b1", client(9));
  EXPECT_EQ(taken(table), "b1:9,/2, ");
  table.remove(client(2));
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.bytes(), 0);
  table.changed("b1", client(9));
  EXPECT_FALSE(table.any_changed());
}

TEST(PrefixTableTest, FindsWhatALookAtEveryPrefixFinds) {
  Rng rng(11);
  const auto word = [&rng](uint64_t max) {
    std::string text;
    for (uint64_t left = rng.below(max + 1); left > 0; --left) {
      text += static_cast<char>('a' + rng.below(2));
    }
    return text;
  };
  for (int round = 0; round < 200; ++round) {
    PrefixTable table;
    std::set<std::string> prefixes;
    for (int i = 0; i < 6; ++i) {
      const std::string prefix = word(4);
      if (prefixes.insert(prefix).second) {
        table.add(prefix, {client(1), false});
      }
    }
    for (int i = 0; i < 20; ++i) {
      const std::string key = word(6);
      std::string expected;
      for (const std::string& prefix : prefixes) {
        expected += key.starts_with(prefix) ? key + ":2,/1, " : "";
      }
      table.changed(key, client(2));
      ASSERT_EQ(taken(table), expected);
    }
  }
}

}  // namespace
}  // namespace pollux
