// Two workers' logs into one journal, and what its reader sees.
#include "dataplane/engine/change_log.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "storage/journal_reader.h"

namespace pollux {
namespace {

constexpr Instant kNow{1'000'000};

class ChangeLogTest : public testing::Test {
 protected:
  ChangeLogTest() {
    for (ChangeLog* log : {&a_, &b_}) {
      log->keep(true);
    }
  }

  static void record(ChangeLog& log, std::string_view key, uint32_t db = 0) {
    const std::string_view words[] = {"SET", key, "1"};
    log.changed(kNow);
    log.record(db, words, kNow);
  }
  static void turn(ChangeLog& log, std::string_view key) {
    log.learned();
    record(log, key);
    log.push();
  }
  // What can be read by now: ticket and text of each, with blanks for the ends of lines.
  std::string read() {
    std::string all;
    while (const JournalPart* part = reader_.next()) {
      all += std::to_string(part->ticket.value) + ": ";
      for (const char c : part->bytes) {
        all += c == '\r' ? "" : std::string(1, c == '\n' ? ' ' : c);
      }
      reader_.pop();
    }
    return all;
  }
  static std::string set(std::string_view key) {
    return "*3 $3 SET $" + std::to_string(key.size()) + " " + std::string(key) + " $1 1 ";
  }

  const std::string multi_ = "*1 $5 MULTI ";
  const std::string exec_ = "*1 $4 EXEC ";
  Journal journal_{2};
  JournalReader reader_{journal_};
  ChangeLog a_{&journal_, WorkerId{0}};
  ChangeLog b_{&journal_, WorkerId{1}};
};

TEST_F(ChangeLogTest, AGroupHoldsBackNobodyBeforeItIsOver) {
  record(a_, "before");
  a_.begin_transaction();
  record(a_, "x");
  EXPECT_TRUE(a_.keeps_back());
  EXPECT_TRUE(a_.pushed());
  turn(b_, "of b");
  record(a_, "y", 3);
  EXPECT_EQ(read(), "1: " + set("before") + "2: " + set("of b"));
  EXPECT_EQ(a_.end_group(kNow), Ticket{3});
  record(a_, "behind", 3);  // nothing was learned since
  a_.push();
  EXPECT_EQ(read(), "3: " + multi_ + set("x") + "*2 $6 SELECT $1 3 " + set("y") + exec_ +
                        set("behind"));
}

TEST_F(ChangeLogTest, WhatAGroupShowsStandsBeforeWhatIsDoneAboutIt) {
  a_.begin_transaction();
  a_.group_is_seen(kNow);
  EXPECT_EQ(journal_.drawn(), Ticket{}) << "nothing was changed yet";
  record(a_, "x");
  a_.changed(kNow);
  a_.group_is_seen(kNow);
  EXPECT_FALSE(a_.keeps_back());
  turn(b_, "of b");
  a_.push();
  a_.learned();  // it goes on over turns
  EXPECT_FALSE(a_.pushed());
  EXPECT_EQ(read(), "");
  const std::string_view words[] = {"SET", "y", "1"};
  a_.record(0, words, kNow);
  EXPECT_EQ(a_.end_group(kNow), Ticket{1});
  a_.push();
  EXPECT_EQ(read(), "1: " + multi_ + set("x") + set("y") + exec_ + "2: " + set("of b"));
}

TEST_F(ChangeLogTest, AGroupThatRecordsNothingHasNoTicket) {
  a_.begin_transaction();
  EXPECT_EQ(a_.end_group(kNow), Ticket{});
  a_.begin_transaction();
  a_.changed(kNow);
  a_.record(0, Effects(), kNow);  // it has said that there is nothing to do
  EXPECT_EQ(a_.end_group(kNow), Ticket{});
  EXPECT_EQ(journal_.drawn(), Ticket{});
  a_.begin_transaction();
  a_.changed(kNow);
  a_.group_is_seen(kNow);  // before it has said so
  a_.record(0, Effects(), kNow);
  EXPECT_EQ(a_.end_group(kNow), Ticket{1});
  a_.push();
  turn(b_, "of b");
  EXPECT_EQ(read(), "1: 2: " + set("of b")) << "no MULTI without commands";
}

// What it finds expired is recorded first, and its own record behind.
TEST_F(ChangeLogTest, ACommandAloneHoldsBackNobodyEither) {
  record(a_, "before");
  EXPECT_TRUE(a_.begin_command());
  EXPECT_FALSE(a_.begin_command());
  a_.removed(0, "x", kNow);
  a_.changed(kNow);
  turn(b_, "of b");
  EXPECT_EQ(read(), "1: " + set("before") + "2: " + set("of b"));
  EXPECT_EQ(a_.end_group(kNow), Ticket{3});
  record(a_, "y");
  a_.push();
  EXPECT_EQ(read(), "3: *2 $3 DEL $1 x " + set("y")) << "each by itself";
  a_.learned();
  EXPECT_TRUE(a_.begin_command());
  a_.changed(kNow);
  EXPECT_EQ(a_.end_group(kNow), Ticket{4}) << "its record is still to come";
  record(a_, "z");
  a_.push();
  EXPECT_EQ(read(), "4: " + set("z"));
  a_.begin_transaction();
  EXPECT_FALSE(a_.begin_command());
  record(a_, "x");
  a_.end_group(kNow);
  a_.push();
  EXPECT_EQ(read(), "5: " + multi_ + set("x") + exec_);
}

TEST_F(ChangeLogTest, AGroupOfAHistoryThatHasEndedIsForgotten) {
  a_.begin_transaction();
  record(a_, "x");
  a_.keep(false);
  EXPECT_EQ(a_.end_group(kNow), Ticket{});
  a_.keep(true);
  a_.begin_transaction();
  record(a_, "y");
  a_.end_group(kNow);
  a_.push();
  EXPECT_EQ(read(), "1: " + multi_ + set("y") + exec_);
}

TEST_F(ChangeLogTest, ALargeGroupIsWhole) {
  const std::string large(200'000, 'k');  // over several blocks of the lane
  a_.begin_transaction();
  for (int i = 0; i < 3; ++i) {
    record(a_, large);
  }
  a_.end_group(kNow);
  a_.push();
  std::string text;
  while (const JournalPart* part = reader_.next()) {
    EXPECT_EQ(part->ticket, Ticket{1});
    text += part->bytes;
    reader_.pop();
  }
  const std::string command = "*3\r\n$3\r\nSET\r\n$200000\r\n" + large + "\r\n$1\r\n1\r\n";
  EXPECT_TRUE(text == "*1\r\n$5\r\nMULTI\r\n" + command + command + command +
                          "*1\r\n$4\r\nEXEC\r\n");
}

}  // namespace
}  // namespace pollux
