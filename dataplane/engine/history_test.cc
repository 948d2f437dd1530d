// What the workers put into the journal, and with appendfsync always when replies leave.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/sim/history_checker.h"
#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/test_client.h"

namespace pollux {
namespace {

constexpr int kWorkers = 3;

class HistoryTest : public testing::Test {
 protected:
  void start(const std::string& config, uint64_t seed = 1) {
    history_ = std::make_unique<HistoryChecker>(kWorkers);
    scheduler_ = std::make_unique<Scheduler>(SimOptions{
        .workers = kWorkers, .seed = seed, .config = config, .journal = &history_->journal(),
        .saves = true});
  }
  SimEngine& sim() { return scheduler_->sim(); }
  void TearDown() override {
    if (scheduler_ != nullptr) {
      save_all();
      EXPECT_TRUE(scheduler_->run_until_quiet());
    }
  }

  MemoryClient client(int worker) { return scheduler_->connect(worker); }
  // What has come within some turns.
  std::string come(MemoryClient& client) {
    scheduler_->run_turns(20);
    received_ += client.take();
    return std::exchange(received_, "");
  }
  std::string ask(MemoryClient& client, const Request& request) {
    client.send(encode(request));
    return come(client);
  }
  // All that was changed up to now is on disk.
  void save_all() {
    history_->take([this](const JournalPart& part) { text_ += part.bytes; });
    history_->journal().set_durable(history_->journal().drawn());
  }
  // The history up to now, commands as words.
  std::string history() {
    save_all();
    std::string words;
    size_t at = 0;
    for (Answer command; take_answer(text_, at, command) == TakeStatus::kTaken;) {
      for (const Answer& word : command.elements) {
        words += word.text + ' ';
      }
      words.back() = '\n';
    }
    EXPECT_EQ(at, text_.size());
    return words;
  }

  std::unique_ptr<HistoryChecker> history_;
  std::unique_ptr<Scheduler> scheduler_;
  std::string text_;
  std::string received_;
};

// --- what is recorded ---

TEST_F(HistoryTest, CommandsThatChangeSomethingAreRecordedAsTheyCame) {
  start("");
  MemoryClient c = client(0);
  for (const Request& request :
       {Request{"set", "a", "1"}, {"GET", "a"}, {"SETNX", "a", "2"}, {"DEL", "none"},
        {"incr", "a"}, {"RPUSH", "l", "", "x y"}, {"LPOP", "none"}}) {
    ask(c, request);
  }
  EXPECT_EQ(history(), "set a 1\nincr a\nRPUSH l  x y\n");
}

TEST_F(HistoryTest, ACommandOverShardsIsOneRecord) {
  start("");
  MemoryClient c = client(1);
  const std::string a = sim().key_on(0, "a");
  const std::string b = sim().key_on(2, "b");
  ask(c, {"MSET", a, "1", b, "2"});
  ask(c, {"RENAME", a, b});
  ask(c, {"FLUSHALL"});
  EXPECT_EQ(history(), "MSET " + a + " 1 " + b + " 2\nRENAME " + a + " " + b + "\nFLUSHALL\n");
}

TEST_F(HistoryTest, ATransactionStandsInOnePiece) {
  start("");
  MemoryClient c = client(0);
  for (const int worker : {0, 1}) {
    const std::string k = sim().key_on(worker, "k");
    c.send(encode({"MULTI"}) + encode({"SET", k, "1"}) + encode({"GET", k}) +
           encode({"INCR", k}) + encode({"EXEC"}));
    come(c);
    EXPECT_EQ(history(), "MULTI\nSET " + k + " 1\nINCR " + k + "\nEXEC\n");
    text_.clear();
  }
  const std::string a = sim().key_on(0, "a");
  const std::string b = sim().key_on(2, "b");
  c.send(encode({"MULTI"}) + encode({"SET", a, "1"}) + encode({"SET", b, "2"}) + encode({"EXEC"}));
  come(c);
  c.send(encode({"MULTI"}) + encode({"GET", a}) + encode({"EXEC"}));
  come(c);
  EXPECT_EQ(history(), "MULTI\nSET " + a + " 1\nSET " + b + " 2\nEXEC\n");
}

TEST_F(HistoryTest, DatabasesAreTold) {
  start("");
  MemoryClient c = client(0);
  const std::string k = sim().key_on(0, "k");
  c.send(encode({"SELECT", "9"}) + encode({"SET", k, "1"}) + encode({"SELECT", "12"}) +
         encode({"SET", k, "2"}) + encode({"SET", k, "3"}));
  scheduler_->run_turns(20);
  std::vector<uint32_t> firsts;
  history_->take([&](const JournalPart& part) {
    firsts.push_back(part.first_db);
    text_ += part.bytes;
    EXPECT_EQ(part.last_db, 12U);
  });
  EXPECT_EQ(firsts, std::vector<uint32_t>{9});
  EXPECT_EQ(history(), "SET " + k + " 1\nSELECT 12\nSET " + k + " 2\nSET " + k + " 3\n");
}

TEST_F(HistoryTest, WhatTimeHasTakenIsDeleted) {
  start("");
  MemoryClient c = client(0);
  ask(c, {"SET", "a", "1", "PXAT", "1"});
  ask(c, {"SET", "b", "1"});
  ask(c, {"PEXPIRE", "b", "500"});
  history();
  text_.clear();
  scheduler_->clock().advance_us(1'000'000);
  ask(c, {"RPUSH", "b", "x"});
  EXPECT_EQ(history(), "DEL b\nRPUSH b x\n");
}

TEST_F(HistoryTest, AHashThatGoesWithItsLastFieldIsDeletedByNoCommand) {
  start("");
  MemoryClient c = client(0);
  ask(c, {"HSET", "h", "f", "v"});
  ask(c, {"HPEXPIRE", "h", "500", "FIELDS", "1", "f"});
  history();
  text_.clear();
  scheduler_->clock().advance_us(1'000'000);
  ask(c, {"HGET", "h", "f"});
  const std::string words = history();
  EXPECT_EQ(words.find("HGET"), std::string::npos) << words;
  EXPECT_NE(words.find("DEL"), std::string::npos) << words;
}

TEST_F(HistoryTest, WhatAWaiterGetsStandsBehindWhatServesIt) {
  start("");
  MemoryClient waits = client(0);
  MemoryClient c = client(1);
  waits.send(encode({"BLPOP", "l", "0"}));
  come(waits);
  ask(c, {"RPUSH", "l", "a", "b"});
  EXPECT_EQ(history(), "RPUSH l a b\nLPOP l\n");
}

TEST_F(HistoryTest, WhatACommandSaysInPiecesStandsInOnePiece) {
  start("");
  MemoryClient c = client(0);
  ask(c, {"XADD", "s", "1-1", "f", "v"});
  ask(c, {"XGROUP", "CREATE", "s", "g", "0"});
  history();
  text_.clear();
  ask(c, {"XREADGROUP", "GROUP", "g", "me", "STREAMS", "s", ">"});
  const std::string words = history();
  EXPECT_EQ(words.substr(0, 6), "MULTI\n");
  EXPECT_EQ(words.substr(words.size() - 5), "EXEC\n");
}

// Nobody computes for long with a ticket in hand (ChangeLog): all others would wait for it.
TEST_F(HistoryTest, WhatIsRecordedIsPushedBeforeWhatMayTakeLong) {
  start("");
  MemoryClient c = client(0);
  const std::string k = sim().key_on(0, "k");
  const std::string set = encode({"SET", k, "1"});
  const auto tickets = [&](const std::string& between) {
    history();
    const Ticket before = history_->journal().drawn();
    c.send(set + between + set);
    come(c);
    return history_->journal().drawn().value - before.value;
  };
  EXPECT_EQ(tickets(encode({"GET", k}) + encode({"LPUSH", sim().key_on(0, "l"), "1"})), 1U);
  for (const Request& request : {Request{"LRANGE", "none", "0", "-1"},
                                 {"SORT", "none"},
                                 {"KEYS", "none"},
                                 {"EXEC"},
                                 {"SUNIONSTORE", "none", "none"},
                                 {"ZREMRANGEBYRANK", "none", "0", "1"}}) {
    Request there = request;
    if (there.size() > 2) {
      there[1] = sim().key_on(0, "none");
    }
    const std::string multi =
        request[0] == "EXEC" ? encode({"MULTI"}) + encode({"GET", k}) : std::string();
    EXPECT_EQ(tickets(multi + encode(there)), 2U) << request[0];
  }
}

// --- appendfsync always ---

class AlwaysTest : public HistoryTest {
 protected:
  void SetUp() override { start("appendfsync always"); }
};

TEST_F(AlwaysTest, AWriteIsAnsweredWhenItIsOnDisk) {
  for (const int worker : {0, 1, 2}) {
    MemoryClient c = client(0);
    EXPECT_EQ(ask(c, {"SET", sim().key_on(worker, "k"), "1"}), "") << worker;
    save_all();
    EXPECT_EQ(come(c), "+OK\r\n") << worker;
  }
}

TEST_F(AlwaysTest, AReadThatShowsAChangeWaitsForIt) {
  const std::string k = sim().key_on(1, "k");
  const std::string other = sim().key_on(1, "other");
  MemoryClient writer = client(0);
  MemoryClient reader = client(2);
  ask(writer, {"SET", k, "1"});
  EXPECT_EQ(ask(reader, {"GET", other}), "$-1\r\n");
  EXPECT_EQ(ask(reader, {"GET", k}), "");
  EXPECT_EQ(ask(reader, {"PING"}), "") << "replies leave in order";
  save_all();
  EXPECT_EQ(come(reader), "$1\r\n1\r\n+PONG\r\n");
  EXPECT_EQ(come(writer), "+OK\r\n");
  EXPECT_EQ(ask(reader, {"MGET", k, other}), "*2\r\n$1\r\n1\r\n$-1\r\n");
}

TEST_F(AlwaysTest, WhatCameBeforeLeavesAtOnce) {
  MemoryClient c = client(0);
  EXPECT_EQ(ask(c, {"PING"}), "+PONG\r\n");
  ask(c, {"SET", "a", "1"});
  history_->take([](const JournalPart&) {});
  const Ticket first = history_->journal().drawn();
  ask(c, {"SET", "a", "2"});
  ask(c, {"INCR", "a"});
  history_->journal().set_durable(first);
  EXPECT_EQ(come(c), "+OK\r\n");
  save_all();
  EXPECT_EQ(come(c), "+OK\r\n:3\r\n");
}

TEST_F(AlwaysTest, WhatWaitsGoesOnToWhenThePolicyChanges) {
  MemoryClient c = client(1);
  MemoryClient other = client(0);
  MemoryClient operates = client(0);
  for (const char* words : {"appendfsync everysec", "appendonly no"}) {
    const auto space = std::string_view(words).find(' ');
    const std::string option(words, space);
    ask(c, {"SET", "k", "1"});
    EXPECT_EQ(ask(operates, {"CONFIG", "SET", option, words + space + 1}), "+OK\r\n");
    EXPECT_EQ(come(c), "") << words;
    EXPECT_EQ(ask(c, {"PING"}), "") << "replies leave in order";
    EXPECT_EQ(ask(other, {"SET", "k", "2"}), "+OK\r\n") << "this one was asked behind it";
    save_all();
    EXPECT_EQ(come(c), "+OK\r\n+PONG\r\n") << words;
    ask(operates, {"CONFIG", "SET", "appendfsync", "always"});
  }
}

TEST_F(AlwaysTest, WithoutSyncsNobodyWaits) {
  for (const int worker : {0, 1}) {
    MemoryClient c = client(worker);
    MemoryClient operates = client(0);
    ask(c, {"SET", "k", "1"});
    ask(operates, {"CONFIG", "SET", "appendfsync", "everysec"});
    EXPECT_EQ(come(c), "");
    EXPECT_EQ(ask(operates, {"CONFIG", "SET", "appendfsync", "no"}), "+OK\r\n");
    EXPECT_EQ(come(c), "+OK\r\n");
    ask(operates, {"CONFIG", "SET", "appendfsync", "always"});
  }
}

TEST_F(HistoryTest, WaitaofHearsOfASyncThatNoReplyWaitsFor) {
  start("appendfsync no");
  MemoryClient c = client(1);
  EXPECT_EQ(ask(c, {"SET", "a", "1"}), "+OK\r\n");
  EXPECT_EQ(ask(c, {"WAITAOF", "1", "0", "0"}), "");
  save_all();
  EXPECT_EQ(come(c), "*2\r\n:1\r\n:0\r\n");
}

// No replica will ever have the writes.
TEST_F(HistoryTest, WhoWaitsForReplicasWaitsUntilItsTimeIsOver) {
  start("");
  MemoryClient c = client(1);
  MemoryClient other = client(0);
  c.send(encode({"SET", "k", "1"}) + encode({"WAIT", "0", "0"}) + encode({"WAIT", "-1", "0"}));
  EXPECT_EQ(come(c), "+OK\r\n:0\r\n:0\r\n");
  c.send(encode({"WAIT", "1", "1000"}) + encode({"PING"}));
  EXPECT_EQ(come(c), "");
  scheduler_->clock().advance_us(2'000'000);
  EXPECT_EQ(come(c), ":0\r\n+PONG\r\n");
  const std::string id = ask(c, {"CLIENT", "ID"});
  const std::string number = id.substr(1, id.size() - 3);
  for (const auto& [as, reply] :
       {std::pair{"TIMEOUT", ":0\r\n"},
        {"ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"}}) {
    EXPECT_EQ(ask(c, {"WAIT", "1", "9223372036854775807"}), "");
    EXPECT_EQ(ask(other, {"CLIENT", "UNBLOCK", number, as}), ":1\r\n");
    EXPECT_EQ(come(c), reply);
  }
  c.send(encode({"MULTI"}) + encode({"WAIT", "1", "0"}) + encode({"EXEC"}));
  EXPECT_EQ(come(c), "+OK\r\n+QUEUED\r\n*1\r\n:0\r\n");
  for (const Request& wrong :
       {Request{"WAIT", "x", "y"}, {"WAIT", "1", "x"}, {"WAIT", "1", "-1"}}) {
    EXPECT_EQ(ask(c, wrong).substr(0, 4), "-ERR") << wrong[1];
  }
  ask(c, {"WAIT", "1", "0"});
  c.reset();
  EXPECT_TRUE(scheduler_->run_until_quiet());
}

TEST_F(AlwaysTest, AReadOfAllKeysShowsAllChanges) {
  MemoryClient writer = client(0);
  MemoryClient reader = client(1);
  ask(writer, {"SET", sim().key_on(2, "k"), "1"});
  EXPECT_EQ(ask(reader, {"DBSIZE"}), "");
  save_all();
  EXPECT_EQ(come(reader), ":1\r\n");
  ask(writer, {"FLUSHALL"});
  EXPECT_EQ(ask(reader, {"EXISTS", "never"}), "");
  save_all();
  EXPECT_EQ(come(reader), ":0\r\n");
}

TEST_F(AlwaysTest, AReadOfKeysThatItDoesNotNameShowsAllChangesOfItsShards) {
  const std::string k = sim().key_on(0, "k");
  MemoryClient writer = client(1);
  MemoryClient reader = client(0);
  ask(writer, {"RPUSH", k, "1"});
  save_all();
  come(writer);
  for (const Request& request :
       {Request{"SCAN", "0"}, {"SORT", k, "GET", "w_*"}, {"SORT_RO", k, "BY", "w_*"}}) {
    ask(writer, {"INCR", "w_1"});
    ask(writer, {"INCR", sim().key_on(0, "other")});
    EXPECT_EQ(ask(reader, request), "") << request[0];
    save_all();
    EXPECT_NE(come(reader), "") << request[0];
  }
}

TEST_F(AlwaysTest, ATransactionAndWhatItShowsWait) {
  const std::string a = sim().key_on(0, "a");
  const std::string b = sim().key_on(2, "b");
  MemoryClient c = client(1);
  MemoryClient reader = client(0);
  c.send(encode({"MULTI"}) + encode({"SET", a, "1"}) + encode({"SET", b, "2"}) + encode({"EXEC"}));
  EXPECT_EQ(come(c), "+OK\r\n+QUEUED\r\n+QUEUED\r\n");
  reader.send(encode({"MULTI"}) + encode({"GET", b}) + encode({"EXEC"}));
  EXPECT_EQ(come(reader), "+OK\r\n+QUEUED\r\n");
  save_all();
  EXPECT_EQ(come(c), "*2\r\n+OK\r\n+OK\r\n");
  EXPECT_EQ(come(reader), "*1\r\n$1\r\n2\r\n");
}

TEST_F(AlwaysTest, WhoReadsWhatATransactionHasChangedWaitsAndNobodyElse) {
  const std::string a = sim().key_on(0, "a");
  const std::string b = sim().key_on(2, "b");
  const std::string other = sim().key_on(0, "other");
  const std::vector<std::string> keys[] = {{a}, {a, b}};
  for (const bool seen : {false, true}) {  // in its middle, by who listens to key events
    if (seen) {
      MemoryClient operates = client(1);
      ask(operates, {"CONFIG", "SET", "notify-keyspace-events", "EA"});
    }
    for (const int worker : {0, 1}) {
      for (const std::vector<std::string>& changed : keys) {
        MemoryClient c = client(worker);
        MemoryClient reader = client(1);
        std::string requests = encode({"MULTI"});
        for (const std::string& key : changed) {
          requests += encode({"SET", key, "1"});
        }
        c.send(requests + encode({"EXEC"}));
        come(c);
        EXPECT_EQ(ask(reader, {"GET", other}), "$-1\r\n");
        EXPECT_EQ(ask(reader, {"GET", changed.back()}), "") << worker << seen;
        save_all();
        EXPECT_EQ(come(reader), "$1\r\n1\r\n");
        EXPECT_NE(come(c), "");
      }
    }
  }
}

// Answers of tours are made by workers whose shards are another's at that moment.
TEST_F(AlwaysTest, AnswersOfToursForgetNothingThatATransactionHasChanged) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    TearDown();
    start("appendfsync always", seed);
    text_.clear();
    const std::string x = sim().key_on(0, "x");
    MemoryClient asks = client(0);
    MemoryClient c = client(1);
    MemoryClient reader = client(2);
    for (int i = 0; i < 200; ++i) {
      asks.send(encode({"RANDOMKEY"}));
    }
    for (int i = 0; i < 5; ++i) {
      c.send(encode({"MULTI"}) + encode({"INCR", x}) + encode({"CLIENT", "LIST"}) +
             encode({"EXEC"}));
      scheduler_->run_turns(40);
      EXPECT_EQ(ask(reader, {"GET", x}), "") << seed;
      save_all();
      EXPECT_NE(come(reader), "");
    }
  }
}

TEST_F(AlwaysTest, WhoReadsWhatATransactionHasFlushedWaits) {
  MemoryClient c = client(1);
  MemoryClient reader = client(0);
  c.send(encode({"MULTI"}) + encode({"SET", "a", "1"}) + encode({"FLUSHALL"}) + encode({"EXEC"}));
  come(c);
  EXPECT_EQ(ask(reader, {"GET", "never"}), "");
  save_all();
  EXPECT_EQ(come(reader), "$-1\r\n");
}

TEST_F(AlwaysTest, WhoWasServedWaits) {
  MemoryClient waits = client(0);
  MemoryClient c = client(1);
  waits.send(encode({"BLPOP", "l", "0"}));
  come(waits);
  ask(c, {"RPUSH", "l", "a"});
  EXPECT_EQ(come(waits), "");
  save_all();
  EXPECT_EQ(come(waits), "*2\r\n$1\r\nl\r\n$1\r\na\r\n");
}

TEST_F(AlwaysTest, KeyEventsWaitAndMessagesDont) {
  MemoryClient listens = client(0);
  MemoryClient c = client(1);
  ask(c, {"CONFIG", "SET", "notify-keyspace-events", "EA"});
  ask(listens, {"SUBSCRIBE", "news", "__keyevent@0__:set"});
  ask(c, {"PUBLISH", "news", "1"});
  EXPECT_NE(come(listens), "");
  ask(c, {"SET", "k", "1"});
  EXPECT_EQ(come(listens), "");
  save_all();
  EXPECT_NE(come(listens), "");
}

TEST_F(HistoryTest, TurnedOnReadsWaitForWhatWasChangedBefore) {
  start("");
  const std::string k = sim().key_on(1, "k");
  MemoryClient c = client(0);
  MemoryClient operator_ = client(1);
  for (const bool in_exec : {false, true}) {
    EXPECT_EQ(ask(operator_, {"CONFIG", "SET", "appendfsync", "everysec"}), "+OK\r\n");
    c.send((in_exec ? encode({"MULTI"}) : "") + encode({"SET", k, "1"}) +
           (in_exec ? encode({"EXEC"}) : ""));
    EXPECT_NE(come(c), "");
    EXPECT_EQ(ask(operator_, {"CONFIG", "SET", "appendfsync", "always"}), "+OK\r\n");
    EXPECT_EQ(ask(c, {"GET", k}), "") << in_exec;
    save_all();
    EXPECT_EQ(come(c), "$1\r\n1\r\n");
  }
}

TEST_F(AlwaysTest, WhoLeavesMeanwhileLeavesNothing) {
  MemoryClient c = client(0);
  EXPECT_EQ(ask(c, {"SET", "a", "1"}), "");
  c.reset();
  scheduler_->run_turns(20);
  save_all();
  EXPECT_TRUE(scheduler_->run_until_quiet());
  EXPECT_EQ(sim().leaks(), "");
}

// --- a disk that does not keep up ---

TEST_F(HistoryTest, WritesWaitWhileTheJournalIsFull) {
  start("");
  MemoryClient c = client(0);
  history_->journal().set_full(true);
  EXPECT_EQ(ask(c, {"GET", "a"}), "$-1\r\n");
  EXPECT_EQ(ask(c, {"SET", "a", "1"}), "");
  MemoryClient other = client(1);
  other.send(encode({"MULTI"}) + encode({"SET", "b", "1"}) + encode({"EXEC"}));
  EXPECT_EQ(come(other), "+OK\r\n+QUEUED\r\n");
  history_->journal().set_full(false);
  EXPECT_EQ(come(c), "+OK\r\n");
  EXPECT_EQ(come(other), "*1\r\n+OK\r\n");
}

TEST_F(HistoryTest, OrAreRefused) {
  start("aof-backlog refuse");
  MemoryClient c = client(0);
  history_->journal().set_full(true);
  EXPECT_EQ(ask(c, {"GET", "a"}), "$-1\r\n");
  EXPECT_EQ(ask(c, {"SET", "a", "1"}).substr(0, 9), "-TRYAGAIN");
  EXPECT_EQ(ask(c, {"PING"}), "+PONG\r\n");
  c.send(encode({"MULTI"}) + encode({"SET", "b", "1"}) + encode({"EXEC"}));
  EXPECT_EQ(come(c).substr(0, 14), "+OK\r\n-TRYAGAIN");
  history_->journal().set_full(false);
  EXPECT_EQ(ask(c, {"SET", "a", "1"}), "+OK\r\n");
}

}  // namespace
}  // namespace pollux
