#include "storage/journal.h"

#include <gtest/gtest.h>

#include <string>

#include "storage/journal_reader.h"

namespace pollux {
namespace {

TEST(JournalTest, PartsComeInTheOrderOfTickets) {
  Journal journal(2);
  JournalReader reader(journal);
  JournalLane& a = journal.lane(WorkerId{0});
  JournalLane& b = journal.lane(WorkerId{1});
  const Ticket first = journal.draw();
  b.begin(journal.draw(), {});
  b.append("second");
  b.publish();
  EXPECT_EQ(reader.next(), nullptr);
  a.begin(first, {});
  a.append("first");
  a.publish();
  std::string all;
  while (const JournalPart* part = reader.next()) {
    all += part->bytes;
    reader.pop();
  }
  EXPECT_EQ(all, "firstsecond");
  EXPECT_EQ(reader.taken().value, 2U);
}

}  // namespace
}  // namespace pollux
