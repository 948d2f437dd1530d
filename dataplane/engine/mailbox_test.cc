#include "dataplane/engine/mailbox.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace pollux {
namespace {

constexpr WorkerId kHome{0};
constexpr WorkerId kTarget{1};

TEST(ChannelTest, APoolRunsDryAndIsRefilledByAnswers) {
  ChunkPool chunks;
  Channel channel(kHome, kTarget, 2, chunks);
  Cell* first = channel.take();
  Cell* second = channel.take();
  ASSERT_TRUE(first != nullptr && second != nullptr);
  EXPECT_EQ(channel.take(), nullptr);
  EXPECT_EQ(channel.cells_out(), 2U);
  channel.send(*first);
  channel.publish_requests();
  ASSERT_EQ(channel.receive_request(), first);
  channel.answer(*first);
  channel.publish_answers();
  ASSERT_EQ(channel.receive_answer(), first);
  channel.give_back(*first);
  EXPECT_EQ(channel.take(), first);
}

TEST(ChannelTest, AParkRequestFitsBehindAllCells) {
  ChunkPool chunks;
  Channel channel(kHome, kTarget, 3, chunks);
  while (Cell* cell = channel.take()) {
    channel.send(*cell);
  }
  channel.send(channel.park_cell());
  channel.publish_requests();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(channel.receive_request()->kind, CellKind::kCommand);
  }
  EXPECT_EQ(channel.receive_request()->kind, CellKind::kPark);
}

TEST(ChannelTest, WhatIsStagedIsSeenAfterPublish) {
  ChunkPool chunks;
  Channel channel(kHome, kTarget, 2, chunks);
  channel.send(*channel.take());
  EXPECT_TRUE(channel.requests_staged());
  EXPECT_EQ(channel.receive_request(), nullptr);
  channel.publish_requests();
  EXPECT_FALSE(channel.requests_staged());
  EXPECT_NE(channel.receive_request(), nullptr);
}

TEST(ChannelTest, ACellCopiesArgumentsOfAnyNumberAndSize) {
  ChunkPool chunks;
  Channel channel(kHome, kTarget, 1, chunks);
  Cell& cell = *channel.take();
  for (const size_t count : {1, 2, 8, 9, 100}) {
    for (const size_t bytes : {0, 1, 100, 1000}) {
      std::vector<std::string> words;
      std::vector<std::string_view> args;
      for (size_t i = 0; i < count; ++i) {
        words.push_back(std::string(bytes, static_cast<char>('a' + i % 26)));
      }
      args.assign(words.begin(), words.end());
      cell.set_args(args);
      const std::vector<std::string> expected = words;
      for (std::string& word : words) {
        std::fill(word.begin(), word.end(), '#');
      }
      ASSERT_EQ(cell.args().size(), count);
      for (size_t i = 0; i < count; ++i) {
        EXPECT_EQ(cell.args()[i], expected[i]);
      }
    }
  }
}

TEST(ChannelTest, AShortReplyTravelsInTheCellAndALongOneInChunks) {
  ChunkPool chunks;
  Channel channel(kHome, kTarget, 1, chunks);
  Cell& cell = *channel.take();
  cell.reply.append("+OK\r\n");
  cell.pack_reply();
  EXPECT_EQ(cell.packed_reply(), "+OK\r\n");
  EXPECT_EQ(chunks.used_bytes(), 0);
  cell.clear();
  EXPECT_EQ(cell.packed_reply(), "");
  cell.reply.append(std::string(Cell::kInlineBytes + 1, 'x'));
  cell.pack_reply();
  EXPECT_EQ(cell.packed_reply(), "");
  EXPECT_EQ(cell.reply.size(), Cell::kInlineBytes + 1);
  cell.clear();
  EXPECT_EQ(chunks.used_bytes(), 0);
}

TEST(ChannelTest, TwoThreadsExchangeRequestsAndAnswersInOrder) {
  ChunkPool chunks;
  Channel channel(kHome, kTarget, 4, chunks);
  constexpr int64_t kRequests = 20'000;
  std::thread target([&] {
    for (int64_t served = 0; served < kRequests;) {
      Cell* cell = channel.receive_request();
      if (cell == nullptr) {
        std::this_thread::yield();
        continue;
      }
      cell->now.us += 1;
      channel.answer(*cell);
      channel.publish_answers();
      ++served;
    }
  });
  int64_t sent = 0;
  int64_t answered = 0;
  while (answered < kRequests) {
    bool happened = false;
    Cell* cell = sent < kRequests ? channel.take() : nullptr;
    if (cell != nullptr) {
      cell->now.us = sent++ * 2;
      channel.send(*cell);
      channel.publish_requests();
      happened = true;
    }
    while ((cell = channel.receive_answer()) != nullptr) {
      ASSERT_EQ(cell->now.us, answered++ * 2 + 1);
      channel.give_back(*cell);
      happened = true;
    }
    if (!happened) {
      std::this_thread::yield();
    }
  }
  target.join();
  EXPECT_EQ(channel.cells_out(), 0U);
}

}  // namespace
}  // namespace pollux
