#include "src/base/inbox.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace pollux {
namespace {

struct Letter {
  int from = 0;
  int number = 0;
  Letter* next = nullptr;
  Letter* other = nullptr;
};

TEST(InboxTest, GivesAllNewestFirst) {
  Inbox<Letter> inbox;
  EXPECT_TRUE(inbox.empty());
  EXPECT_EQ(inbox.take(), nullptr);
  Letter letters[3];
  for (Letter& letter : letters) {
    inbox.push(letter);
  }
  EXPECT_FALSE(inbox.empty());
  Letter* taken = inbox.take();
  EXPECT_TRUE(inbox.empty());
  for (int i = 2; i >= 0; --i, taken = taken->next) {
    ASSERT_EQ(taken, &letters[i]);
  }
  EXPECT_EQ(taken, nullptr);
}

TEST(InboxTest, AnItemMayBePushedOrDestroyedWhileOthersAreTaken) {
  Inbox<Letter, &Letter::other> inbox;
  inbox.push(*new Letter{.number = 1});
  inbox.push(*new Letter{.number = 2});
  int again = 0;
  const auto take = [&](Letter& letter) {
    if (letter.number == 2) {
      letter.number = 0;
      ++again;
      inbox.push(letter);
    } else {
      delete &letter;
    }
  };
  inbox.take_each(take);
  EXPECT_EQ(again, 1);
  EXPECT_FALSE(inbox.empty());
  inbox.take_each(take);
  EXPECT_TRUE(inbox.empty());
}

// Every letter comes once, and those of one sender in the order it sent them.
TEST(InboxTest, LosesNothingOfManySenders) {
  constexpr int kSenders = 4;
  constexpr int kLetters = 20'000;
  Inbox<Letter> inbox;
  std::vector<std::vector<Letter>> letters(kSenders, std::vector<Letter>(kLetters));
  std::vector<std::thread> senders;
  for (int from = 0; from < kSenders; ++from) {
    senders.emplace_back([&, from] {
      for (int i = 0; i < kLetters; ++i) {
        Letter& letter = letters[static_cast<size_t>(from)][static_cast<size_t>(i)];
        letter.from = from;
        letter.number = i;
        inbox.push(letter);
      }
    });
  }
  std::vector<int> expected(kSenders, 0);
  for (int left = kSenders * kLetters; left > 0;) {
    std::vector<const Letter*> taken;
    inbox.take_each([&](Letter& letter) { taken.push_back(&letter); });
    left -= static_cast<int>(taken.size());
    for (auto letter = taken.rbegin(); letter != taken.rend(); ++letter) {
      ASSERT_EQ((*letter)->number, expected[static_cast<size_t>((*letter)->from)]++);
    }
  }
  for (std::thread& sender : senders) {
    sender.join();
  }
}

}  // namespace
}  // namespace pollux
