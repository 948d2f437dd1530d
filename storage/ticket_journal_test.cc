#include "storage/ticket_journal.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "src/base/rng.h"

namespace pollux {
namespace {

void push(TicketJournal& journal, std::vector<JournalBatch> batches) {
  journal.push(WorkerId{0}, batches);
}

TEST(TicketJournal, FirstTicketIsOne) {
  TicketJournal journal;
  EXPECT_EQ(journal.durable().value, 0u);
  EXPECT_TRUE(journal.dense());
  EXPECT_EQ(journal.draw().value, 1u);
  EXPECT_FALSE(journal.dense());
}

TEST(TicketJournal, DurableStopsAtTheFirstHole) {
  TicketJournal journal;
  const Ticket a = journal.draw();
  const Ticket b = journal.draw();
  const Ticket c = journal.draw();
  push(journal, {{b, 1}});
  EXPECT_EQ(journal.durable().value, 0u);
  push(journal, {{a, 1}});
  EXPECT_EQ(journal.durable(), b);
  push(journal, {{c, 2}});
  EXPECT_EQ(journal.durable(), c);
  EXPECT_TRUE(journal.dense());
  EXPECT_EQ(journal.changes(), 4u);
}

TEST(TicketJournalDeathTest, ATicketComesBackOnce) {
  TicketJournal journal;
  const Ticket a = journal.draw();
  journal.draw();
  push(journal, {{a, 1}});
  EXPECT_DEATH(push(journal, {{a, 1}}), "");
}

TEST(TicketJournalDeathTest, OnlyWhatWasDrawnComesBack) {
  TicketJournal journal;
  EXPECT_DEATH(push(journal, {{Ticket{1}, 1}}), "");
}

TEST(TicketJournalDeathTest, BatchesAscend) {
  TicketJournal journal;
  const Ticket a = journal.draw();
  const Ticket b = journal.draw();
  EXPECT_DEATH(push(journal, {{b, 1}, {a, 1}}), "");
}

TEST(TicketJournal, DenseUnderThreads) {
  constexpr int kThreads = 8;
  constexpr int kTurns = 2000;
  TicketJournal journal;
  std::vector<std::thread> threads;
  for (uint16_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Rng rng(t);
      for (int turn = 0; turn < kTurns; ++turn) {
        std::vector<JournalBatch> batches;
        for (uint64_t i = rng.below(4); i > 0; --i) {
          batches.push_back({journal.draw(), 1});
        }
        journal.push(WorkerId{t}, batches);
        ASSERT_LE(journal.durable().value, journal.drawn());
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_TRUE(journal.dense());
  EXPECT_EQ(journal.changes(), journal.drawn());
}

}  // namespace
}  // namespace pollux
