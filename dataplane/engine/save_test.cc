// Snapshots of whole engines: workers, the saver and the disk are stepped in interleavings drawn by
// a seed, while clients move money between shards. Whatever moment a file is of, nothing is lost or
// made in it, and no effect stands in it without its cause.
#include <gtest/gtest.h>

#include <algorithm>
#include <climits>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/engine/save_test_support.h"
#include "src/base/seeds.h"

namespace pollux {
namespace {

// Moves money, and leaves traces: what it has seen on one shard it writes on another.
class Mover {
 public:
  Mover(House& house, int number, int worker)
      : house_(house), client_(house.scheduler.connect(worker)), number_(std::to_string(number)) {}

  void act() {
    client_.receive();
    EXPECT_EQ(client_.garbage(), "");
    Rng& rng = house_.rng();
    if (client_.awaited() > 0 || rng.below(6) != 0) {
      return;
    }
    const auto nothing = [](const Answer&) {};
    const std::string amount = std::to_string(rng.below(9));
    switch (rng.below(5)) {
      case 0:
        client_.add({"MULTI"}, nothing);
        client_.add({"DECRBY", account(), amount}, nothing);
        client_.add({"INCRBY", account(), amount}, nothing);
        client_.add({"EXEC"}, nothing);
        break;
      case 1:
        // As long as the effect is not there, the cause is behind by at most one.
        client_.add({"INCR", "cause:" + number_},
                    [this](const Answer& answer) { effect_ = std::to_string(answer.number); });
        break;
      case 2:
        client_.add({"SET", "effect:" + number_, effect_}, nothing);
        break;
      case 3:
        client_.add({"SMOVE", set(), set(), "m" + std::to_string(rng.below(60))}, nothing);
        break;
      default:
        client_.add({"RENAME", "here:" + number_, "there:" + number_}, nothing);
        client_.add({"RENAME", "there:" + number_, "here:" + number_}, nothing);
        break;
    }
    client_.send_pipeline();
  }
  size_t awaited() {
    client_.receive();
    return client_.awaited();
  }

 private:
  std::string account() { return "account:" + std::to_string(house_.rng().below(kAccounts)); }
  std::string set() { return "set:" + std::to_string(house_.rng().below(4)); }

  House& house_;
  TestClient client_;
  const std::string number_;
  std::string effect_ = "0";
};

void check_file(const std::string& bytes, int movers) {
  std::map<std::string, int64_t> keys = read_file(bytes);
  int64_t money = 0;
  int64_t members = 0;
  for (const auto& [name, number] : keys) {
    money += name.find("account:") == 0 ? number : 0;
    members += name.find("set:") == 0 ? number : 0;
  }
  EXPECT_EQ(money, kAccounts * kMoney);
  EXPECT_EQ(members, 60);
  for (int i = 0; i < movers; ++i) {
    const std::string number = std::to_string(i);
    EXPECT_LE(keys["effect:" + number], keys["cause:" + number]);
    EXPECT_EQ(keys.count("here:" + number) + keys.count("there:" + number), 1U);
  }
}

TEST(SaveTest, EachFileIsOfOneMoment) {
  const Seeds seeds = seeds_to_run(60);
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    const int workers = 1 + static_cast<int>(seed % 4);
    House house(workers, seed, "set-max-intset-entries 4\nhash-max-listpack-entries 4\n");
    MemoryClient filler = house.scheduler.connect(0);
    for (int i = 0; i < kAccounts; ++i) {
      house.ask(filler, {"SET", "account:" + std::to_string(i), std::to_string(kMoney)});
    }
    for (int i = 0; i < 60; ++i) {
      house.ask(filler, {"SADD", "set:0", "m" + std::to_string(i)});
    }
    constexpr int kMovers = 5;
    std::vector<std::unique_ptr<Mover>> movers;
    for (int i = 0; i < kMovers; ++i) {
      house.ask(filler, {"SET", "here:" + std::to_string(i), std::string(5'000, 'h')});
      movers.push_back(std::make_unique<Mover>(house, i, i % workers));
    }
    int files = 0;
    house.on_file = [&files](const std::string& bytes) {
      ++files;
      check_file(bytes, kMovers);
    };
    MemoryClient operator_client = house.scheduler.connect(workers - 1);
    ASSERT_TRUE(house.run_until([&] {
      if (house.rng().below(40) == 0) {
        operator_client.send_whole(encode({"BGSAVE"}));
      } else if (house.rng().below(3'000) == 0) {
        operator_client.send_whole(encode({"BGSAVE", "CANCEL"}));
      }
      for (auto& mover : movers) {
        mover->act();
      }
      return files >= 6;
    })) << "seed "
        << seed;
    ASSERT_FALSE(testing::Test::HasNonfatalFailure()) << "seed " << seed;
    ASSERT_TRUE(house.run_until([&] {
      size_t awaited = 0;
      for (auto& mover : movers) {
        awaited += mover->awaited();
      }
      return awaited == 0 && !house.desk().under_way();
    }));
  }
}

// What changes while a big value's record is open waits for that record, and that for nobody.
TEST(SaveTest, SmallKeysChangeWhileABigValueIsWritten) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    House house(1 + static_cast<int>(seed % 2), seed, "rdbcompression no\n");
    MemoryClient client = house.scheduler.connect(0);
    fill_lanes(house, client);
    client.send_whole(encode({"BGSAVE"}));
    ASSERT_TRUE(house.run_until([&] { return walks(house); }));
    Request pipeline{"HSET", "big", "field:1", "new"};
    client.send_whole(encode(pipeline));
    for (int i = 0; i < 200; ++i) {
      client.send_whole(encode({"SET", "small:" + std::to_string(i), "new"}));
      house.step();
    }
    ASSERT_TRUE(house.run_until([&] { return house.desk().ended() == 1; })) << seed;
    ASSERT_EQ(house.desk().outcome(1), SaveDesk::Outcome::kSaved);
    EXPECT_EQ(read_file(house.disk.seen().files.at(kFile)).size(), 201U);
    house.scheduler.run_until_quiet();
    client.take();
  }
}

// A walk that waits for a batch and is cancelled leaves nothing behind that stops the next one.
TEST(SaveTest, ASaveBehindOneThatWasGivenUpWhileItWaited) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    House house(2, seed, "rdbcompression no\n");
    MemoryClient client = house.scheduler.connect(0);
    fill_lanes(house, client);
    for (const bool full : {false, true}) {
      if (full) {
        house.disk.set_space(10'000);
      }
      client.send_whole(encode({"BGSAVE"}));
      const uint64_t ended = house.desk().ended();
      ASSERT_TRUE(house.run_until([&] { return walks(house); }));
      house.saver_rests = true;
      house.run_until([&, i = 0]() mutable { return ++i > 3'000; });
      EXPECT_TRUE(walks(house)) << "its batches are all with the saver";
      house.saver_rests = false;
      if (!full) {
        client.send_whole(encode({"BGSAVE", "CANCEL"}));
      }
      ASSERT_TRUE(house.run_until([&] { return house.desk().ended() == ended + 1; }));
      EXPECT_EQ(house.desk().outcome(ended + 1), SaveDesk::Outcome::kNot);
      house.scheduler.clock().advance_us(300'000);  // the batches go
      house.run_until([&, i = 0]() mutable { return ++i > 1'000; });
      client.take();
      house.disk.set_space(UINT64_MAX);
      EXPECT_EQ(house.ask(client, {"SAVE"}), kOk) << seed;
    }
  }
}

// A cut may come so late in the end of a server that other workers have left, or they leave in the
// middle of their walks: who has given the save up waits for nobody.
TEST(SaveTest, TheWorkersEndInTheMiddleOfAWalk) {
  for (uint64_t seed = 1; seed <= 16; ++seed) {
    House house(3, seed, "rdbcompression no\n");
    MemoryClient client = house.scheduler.connect(0);
    fill_lanes(house, client);
    client.send_whole(encode({"BGSAVE"}));
    ASSERT_TRUE(house.run_until([&] { return walks(house); }));
    house.run_until([&, i = house.rng().below(50)]() mutable { return i-- == 0; });
    const bool ended_first = house.rng().below(2) == 0;
    if (ended_first) {
      house.desk().workers_ended();
    }
    house.desk().give_up();
    for (int i = 0; i < 1'000 && house.desk().under_way(); ++i) {
      house.step_saver();
      if (i == 50 && !ended_first) {
        EXPECT_EQ(house.desk().under_way(), walks(house));
        house.desk().workers_ended();
      }
    }
    EXPECT_FALSE(house.desk().under_way()) << seed;
    EXPECT_EQ(house.desk().outcome(1), SaveDesk::Outcome::kNot);
    EXPECT_TRUE(house.disk.seen().files.empty()) << "the unfinished file stays";
  }
}

// One that is in the middle of a long command does not keep the others from their shards.
TEST(SaveTest, ACutDoesNotWaitForOneWhoIsBusy) {
  House house(3, 5);
  SimEngine& sim = house.scheduler.sim();
  MemoryClient client = house.scheduler.connect(2);
  const std::string key = sim.key_on(2, "key");
  EXPECT_EQ(house.ask(client, {"SET", key, "1"}), kOk);
  MemoryClient orders = house.scheduler.connect(0);
  orders.send_whole(encode({"BGSAVE"}));
  // Without worker 1. Long enough for the cut to be asked for, and the shard of 2 to be parked.
  const auto all_but_one = [&](int turns) {
    for (; turns > 0; --turns) {
      for (const int i : {0, 2}) {
        step_turn(sim.engine().worker(i));
      }
      house.step_saver();
      house.scheduler.clock().advance_us(100);
    }
  };
  all_but_one(20);
  int answered = 0;
  for (int i = 0; i < 50; ++i) {
    client.send_whole(encode({"INCR", key}));
    all_but_one(10);
    answered += client.take().empty() ? 0 : 1;
  }
  EXPECT_GT(answered, 25);
  EXPECT_GT(house.desk().cuts_put_off(), 0);
  EXPECT_EQ(house.desk().cut(), nullptr);
  EXPECT_TRUE(house.run_until([&] { return house.desk().ended() == 1; }));
  EXPECT_EQ(house.desk().outcome(1), SaveDesk::Outcome::kSaved);
}

TEST(SaveTest, SaveAnswersWhenItIsDone) {
  House house(3, 7);
  MemoryClient client = house.scheduler.connect(1);
  EXPECT_EQ(house.ask(client, {"SET", "a", "1"}), kOk);
  EXPECT_EQ(house.ask(client, {"SAVE"}), kOk);
  EXPECT_EQ(read_file(house.disk.seen().files.at(kFile)).at("a"), 1);
  EXPECT_EQ(house.ask(client, {"SET", "a", "2"}), kOk);
  EXPECT_EQ(house.ask(client, {"BGSAVE", "NEVER"}), "-ERR syntax error\r\n");
  EXPECT_EQ(house.ask(client, {"BGSAVE", "CANCEL"}),
            "-ERR Background saving is currently not in progress or scheduled\r\n");
}

// Those that nobody waited for; the others are answered with an error, and that is all.
TEST(SaveTest, AFailedSaveInTheBackgroundRefusesWritesUntilOneSucceeds) {
  House house(2, 3, "save 3600 1000\n");
  MemoryClient client = house.scheduler.connect(0);
  const auto later = [&] {
    house.scheduler.clock().advance_us(400'000);
    EXPECT_TRUE(house.run_until([&, i = 0]() mutable { return ++i > 400; }));
  };
  EXPECT_EQ(house.ask(client, {"SET", "a", "1"}), kOk);
  house.disk.set_space(100);
  const auto fails = [&](const Request& request, const char* error) {
    EXPECT_EQ(house.ask(client, request), error);
    later();
    EXPECT_EQ(house.ask(client, {"SET", "a", "1"}), kOk);
    EXPECT_EQ(house.ask(client, {"PING"}), "+PONG\r\n");
  };
  fails({"SAVE"}, "-ERR the data could not be saved, see the server's log\r\n");
  fails({"SHUTDOWN"}, "-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
  EXPECT_EQ(house.ask(client, {"BGSAVE"}), "+Background saving started\r\n");
  later();
  EXPECT_EQ(house.ask(client, {"SAVE"}).substr(0, 4), "-ERR");
  later();
  EXPECT_EQ(house.ask(client, {"SET", "a", "2"}).substr(0, 9), "-MISCONF ");
  EXPECT_EQ(house.ask(client, {"PING"}).substr(0, 9), "-MISCONF ");
  EXPECT_EQ(house.ask(client, {"GET", "a"}), "$1\r\n1\r\n");
  house.disk.set_space(UINT64_MAX);
  EXPECT_EQ(house.ask(client, {"SAVE"}), kOk);
  later();
  EXPECT_EQ(house.ask(client, {"SET", "a", "2"}), kOk);
}

TEST(SaveTest, SavePointsBeginASave) {
  House house(2, 4, "save 5 3\n");
  MemoryClient client = house.scheduler.connect(0);
  const auto later = [&](int64_t us) {
    house.scheduler.clock().advance_us(us);
    EXPECT_TRUE(house.run_until([&, i = 0]() mutable { return ++i > 400; }));
  };
  for (const char* key : {"a", "b"}) {
    EXPECT_EQ(house.ask(client, {"SET", key, "1"}), kOk);
  }
  later(10'000'000);
  EXPECT_EQ(house.desk().ended(), 0U) << "two changes are not three";
  EXPECT_EQ(house.ask(client, {"SET", "c", "1"}), kOk);
  later(400'000);
  EXPECT_TRUE(house.run_until([&] { return house.desk().ended() == 1; }));
  EXPECT_EQ(read_file(house.disk.seen().files.at(kFile)).size(), 3U);
}

TEST(SaveTest, WhoOrdersWhenTheThreadEndsDoesNotWait) {
  House house(2, 5);
  SaveDesk& desk = house.desk();
  const SaveDesk::Order order{.at = house.clock.now(), .file = kFile};
  const uint64_t number = desk.order(order);
  EXPECT_EQ(desk.outcome(number), SaveDesk::Outcome::kUnderWay);
  desk.close();
  EXPECT_EQ(desk.outcome(number), SaveDesk::Outcome::kNot);
  EXPECT_EQ(desk.order(order), 0U);
  EXPECT_FALSE(desk.under_way());
}

}  // namespace
}  // namespace pollux
