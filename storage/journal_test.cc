#include "storage/journal.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "src/base/num.h"
#include "src/base/rng.h"
#include "storage/aof_splitter.h"
#include "storage/journal_reader.h"

namespace pollux {
namespace {

constexpr size_t kBlock = JournalLane::kBlockBytes;

WorkerId worker(size_t i) {
  return WorkerId{static_cast<uint16_t>(i)};
}

void put(Journal& journal, size_t lane, std::string_view bytes) {
  JournalLane& to = journal.lane(worker(lane));
  to.begin(journal.draw(), {});
  to.append(bytes);
  to.publish();
}

// All that can be taken; parts of one entry together.
std::string take_all(JournalReader& reader) {
  std::string all;
  while (const JournalPart* part = reader.next()) {
    all += part->bytes;
    reader.pop();
  }
  return all;
}

TEST(Journal, PartsComeInTheOrderOfTickets) {
  Journal journal(2);
  JournalReader reader(journal);
  JournalLane& a = journal.lane(worker(0));
  const Ticket first = journal.draw();
  put(journal, 1, "second");
  EXPECT_EQ(reader.next(), nullptr);
  a.begin(first, {});
  a.append("first");
  EXPECT_FALSE(a.published());
  EXPECT_EQ(reader.next(), nullptr);
  a.publish();
  EXPECT_TRUE(a.published());
  EXPECT_EQ(take_all(reader), "firstsecond");
  EXPECT_EQ(reader.taken().value, 2U);
  EXPECT_EQ(journal.drawn().value, 2U);
  EXPECT_EQ(journal.pending_bytes(), 0U);
}

TEST(Journal, AnEntryMayHaveNothing) {
  Journal journal(1);
  JournalReader reader(journal);
  put(journal, 0, "");
  const JournalPart* const part = reader.next();
  ASSERT_NE(part, nullptr);
  EXPECT_TRUE(part->last && part->bytes.empty() && !part->cut);
  reader.pop();
  EXPECT_EQ(reader.taken().value, 1U);
}

TEST(Journal, ACutIsTold) {
  Journal journal(1);
  JournalReader reader(journal);
  JournalLane& lane = journal.lane(worker(0));
  lane.begin(journal.draw(), Instant{7'999'000});
  lane.append("x");
  lane.begin(journal.draw(), Instant{8'000'000});
  lane.mark_cut();
  lane.begin(journal.draw(), {});
  lane.publish();
  EXPECT_FALSE(reader.next()->cut);
  EXPECT_EQ(reader.next()->at_ms, 7999);
  reader.pop();
  EXPECT_TRUE(reader.next()->cut && reader.next()->last);
  EXPECT_EQ(reader.next()->at_ms, 8000);
  reader.pop();
  EXPECT_FALSE(reader.next()->cut);
}

TEST(Journal, EntriesGoOnOverTheEdgesOfBlocks) {
  for (size_t edge = kBlock - 200; edge < kBlock; ++edge) {
    Journal journal(1);
    JournalReader reader(journal);
    const std::string sizes[] = {std::string(edge, 'a'), std::string(90, 'b'),
                                 std::string(3 * kBlock + edge, 'c'), "d", ""};
    std::string all;
    for (const std::string& bytes : sizes) {
      put(journal, 0, bytes);
      all += bytes;
    }
    ASSERT_EQ(take_all(reader), all) << edge;
    ASSERT_EQ(reader.taken().value, std::size(sizes));
  }
}

TEST(Journal, PartsOfALongEntryAreMarked) {
  Journal journal(1);
  JournalReader reader(journal);
  put(journal, 0, std::string(10 * kBlock, 'x'));
  put(journal, 0, "y");
  size_t parts = 0;
  while (!reader.next()->last) {
    EXPECT_EQ(reader.next()->ticket.value, 1U);
    EXPECT_LE(reader.next()->bytes.size(), kBlock);
    reader.pop();
    EXPECT_EQ(reader.taken().value, 0U);
    ++parts;
  }
  EXPECT_GE(parts, 10U);
  reader.pop();
  EXPECT_EQ(reader.taken().value, 1U);
  EXPECT_EQ(take_all(reader), "y");
}

TEST(Journal, ReserveHasRoomInOnePieceOrNone) {
  Journal journal(1);
  JournalReader reader(journal);
  JournalLane& lane = journal.lane(worker(0));
  lane.begin(journal.draw(), {});
  std::string all;
  while (char* at = lane.reserve(1000)) {
    const std::string text(999, static_cast<char>('a' + all.size() % 26));
    text.copy(at, text.size());
    lane.commit(text.size());
    all += text;
  }
  lane.append("more");
  EXPECT_NE(lane.reserve(60), nullptr);
  EXPECT_GT(all.size() + 1000 + 200, kBlock);
  lane.publish();
  if (all.size() + 4 > kBlock) {
    EXPECT_FALSE(reader.next()->last);
  }
  EXPECT_EQ(take_all(reader), all + "more");
}

// As who writes the file does it: SELECT before an entry if the file is at another database.
TEST(Journal, WithASelectBeforeEntriesEachCommandIsInItsDatabase) {
  Rng rng(1);
  for (int round = 0; round < 60; ++round) {
    Journal journal(3);
    JournalReader reader(journal);
    std::vector<std::string> expected;
    std::string file;
    uint32_t file_db = 999;
    bool in_entry = false;
    for (int entry = 0; entry < 200; ++entry) {
      JournalLane& lane = journal.lane(worker(rng.below(3)));
      lane.begin(journal.draw(), {});
      for (uint64_t commands = rng.below(4); commands != 0; --commands) {
        const auto db = static_cast<uint32_t>(rng.below(2) * rng.below(20) * 50'000);
        const std::string text(rng.below(10) == 0 ? rng.below(3 * kBlock) : rng.below(99), 'x');
        lane.select(db);
        lane.append("*1\r\n$" + std::to_string(text.size()) + "\r\n");
        lane.append(text);
        lane.append("\r\n");
        expected.push_back(std::to_string(db) + " " + std::to_string(text.size()));
      }
      if (rng.below(2) != 0) {
        lane.publish();
      }
    }
    for (size_t i = 0; i < 3; ++i) {
      journal.lane(worker(i)).publish();
    }
    while (const JournalPart* part = reader.next()) {
      if (!in_entry && !part->bytes.empty() && part->first_db != file_db) {
        const std::string db = std::to_string(part->first_db);
        file += "*2\r\n$6\r\nSELECT\r\n$" + std::to_string(db.size()) + "\r\n" + db + "\r\n";
      }
      if (!part->bytes.empty()) {
        file_db = part->last_db;
        file += part->bytes;
      }
      in_entry = !part->last;
      reader.pop();
    }
    std::vector<std::string> found;
    AofSplitter splitter;
    splitter.feed(file, 0);
    std::string db = "none";
    AofSplitter::Step step;
    while ((step = splitter.next()) == AofSplitter::Step::kRecord) {
      const auto args = splitter.record().args;
      if (args.size() == 2) {
        db = args[1];
      } else {
        found.push_back(db + " " + std::to_string(args[0].size()));
      }
    }
    ASSERT_EQ(step, AofSplitter::Step::kEnd) << splitter.error();
    ASSERT_EQ(found, expected);
  }
}

TEST(Journal, ALaneThatWasLongKeepsFewBlocks) {
  Journal journal(1);
  JournalReader reader(journal);
  const std::string bytes(100 * kBlock, 'x');
  put(journal, 0, bytes);
  EXPECT_GT(journal.pending_bytes(), bytes.size());
  EXPECT_EQ(take_all(reader), bytes);
  EXPECT_LE(journal.lane(worker(0)).unused_blocks(), 8U);
  EXPECT_EQ(journal.pending_bytes(), 0U);
  // And goes on with those.
  put(journal, 0, bytes.substr(0, 3 * kBlock));
  EXPECT_EQ(journal.lane(worker(0)).unused_blocks(), 0U);
  EXPECT_EQ(take_all(reader).size(), 3 * kBlock);
}

TEST(Journal, WhatIsNeverReadIsFreed) {
  Journal journal(2);
  JournalReader reader(journal);
  put(journal, 0, std::string(3 * kBlock, 'x'));
  reader.next();
  reader.pop();
  put(journal, 1, std::string(3 * kBlock, 'x'));
}  // under AddressSanitizer

// --- wakes ---

struct Wakes {
  explicit Wakes(size_t lanes, const Journal::Options& options = {}) : journal(lanes, options) {
    journal.set_waker([this] { ++count; });
  }
  void put_and_tell(std::string_view bytes) {
    put(journal, 0, bytes);
    journal.tell_reader(journal.lane(worker(0)));
  }
  int count = 0;
  Journal journal;
};

TEST(Journal, WhoSleepsDeepIsWokenOnce) {
  Wakes wakes(2);
  wakes.put_and_tell("a");
  EXPECT_EQ(wakes.count, 0);
  wakes.journal.set_sleep(Journal::Sleep::kDeep, 1000);
  wakes.put_and_tell("b");
  wakes.put_and_tell("c");
  EXPECT_EQ(wakes.count, 1);
  EXPECT_TRUE(wakes.journal.end_sleep());
  wakes.journal.set_sleep(Journal::Sleep::kDeep, 1000);
  EXPECT_FALSE(wakes.journal.end_sleep());
}

TEST(Journal, WhoNapsIsWokenForManyBytes) {
  Wakes wakes(2, {.wake_bytes = 1000});
  wakes.journal.set_sleep(Journal::Sleep::kNap, 1000);
  wakes.put_and_tell(std::string(300, 'x'));
  EXPECT_EQ(wakes.count, 0);
  wakes.put_and_tell(std::string(300, 'x'));
  EXPECT_EQ(wakes.count, 1);  // the other lane may have as much
}

TEST(Journal, IsFullThoughNobodyReads) {
  Wakes wakes(2, {.bytes_max = 4 * kBlock});
  wakes.put_and_tell(std::string(3 * kBlock, 'x'));
  EXPECT_FALSE(wakes.journal.is_full());
  wakes.put_and_tell(std::string(2 * kBlock, 'x'));
  EXPECT_TRUE(wakes.journal.is_full());
}

// --- threads ---

// Workers draw, write and publish as they like; what the reader has is dense and each one's own
// order.
TEST(Journal, ThreadsWriteWhileOneReads) {
  constexpr size_t kLanes = 2;
  constexpr uint64_t kEntries = 20'000;
  Journal journal(kLanes);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kLanes; ++i) {
    threads.emplace_back([&journal, i] {
      Rng rng(i);
      JournalLane& lane = journal.lane(worker(i));
      for (uint64_t n = 0; n < kEntries; ++n) {
        lane.begin(journal.draw(), {});
        lane.append(std::to_string(i) + ":" + std::to_string(n) + " ");
        if (rng.below(500) == 0) {
          lane.append(std::string(rng.below(3 * kBlock), '.'));
        }
        if (rng.below(3) == 0) {
          lane.publish();
        }
      }
      lane.publish();
    });
  }
  JournalReader reader(journal);
  uint64_t next[kLanes] = {};
  bool in_entry = false;
  while (reader.taken().value < kLanes * kEntries) {
    const JournalPart* const part = reader.next();
    if (part == nullptr) {
      std::this_thread::yield();
      continue;
    }
    if (!in_entry) {
      const auto lane = static_cast<size_t>(part->bytes[0] - '0');
      ASSERT_LT(lane, kLanes);
      const std::string_view text = part->bytes.substr(2);
      ASSERT_EQ(parse_uint64(text.substr(0, text.find(' '))).value_or(0), next[lane]++);
    }
    in_entry = !part->last;
    reader.pop();
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(journal.pending_bytes(), 0U);
}

TEST(Journal, ManyLanesOneReader) {
  constexpr size_t kLanes = 200;
  Journal journal(kLanes);
  JournalReader reader(journal);
  Rng rng(1);
  std::string all;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = std::to_string(i) + " ";
    put(journal, rng.below(kLanes), text);
    all += text;
  }
  EXPECT_EQ(take_all(reader), all);
}

// Each entry is published when the one before was taken, so a wake that is lost ends the test.
TEST(Journal, NoWakeIsLost) {
  constexpr uint64_t kEntries = 30'000;
  Journal journal(1);
  std::atomic<uint32_t> wakes{0};
  journal.set_waker([&wakes] {
    wakes.fetch_add(1);
    wakes.notify_one();
  });
  std::thread writer([&journal] {
    Rng rng(1);
    for (uint64_t n = 1; n <= kEntries; ++n) {
      put(journal, 0, "x");
      journal.tell_reader(journal.lane(worker(0)));
      while (journal.durable().value < n) {
        for (uint64_t spin = rng.below(20); spin != 0; --spin) {
          __builtin_ia32_pause();
        }
        if (rng.below(8) == 0) {
          std::this_thread::yield();
        }
      }
    }
  });
  JournalReader reader(journal);
  while (reader.taken().value < kEntries) {
    take_all(reader);
    const uint32_t before = wakes.load();
    journal.set_durable(reader.taken());
    if (reader.taken().value == kEntries) {
      break;
    }
    journal.set_sleep(Journal::Sleep::kDeep, 1000);
    if (reader.next() == nullptr) {
      wakes.wait(before);
    }
    journal.end_sleep();
  }
  writer.join();
}

}  // namespace
}  // namespace pollux
