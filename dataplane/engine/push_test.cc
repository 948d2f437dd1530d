#include "dataplane/engine/push.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/engine/output.h"
#include "src/base/types.h"

namespace pollux {
namespace {

Payload& make(PayloadPool& pool, std::string_view text, uint32_t pushes = 1) {
  Payload& payload = pool.make(text.size(), pushes);
  std::memcpy(payload.bytes(), text.data(), text.size());
  return payload;
}

std::string take_all(PushQueue& queue, PayloadPool& pool) {
  std::string texts;
  while (Push* push = queue.next()) {
    texts += push->payload->view();
    texts += ' ';
    PayloadPool::release(*push->payload, pool);
  }
  return texts;
}

std::string bytes_of(Output& output) {
  std::string text;
  TxSlice slices[kTxSlicesMax];
  while (!output.empty()) {
    size_t bytes = 0;
    const size_t count = output.slices(slices, bytes);
    for (size_t i = 0; i < count; ++i) {
      text += slices[i].bytes;
    }
    output.consume(bytes);
  }
  return text;
}

TEST(PushQueueTest, GivesWhatWasThereAtTheTakeInOrder) {
  PayloadPool pool;
  PushQueue queue;
  EXPECT_TRUE(queue.empty());
  for (const char* text : {"a", "b", "c"}) {
    queue.add(make(pool, text).take_push(PushKind::kSession));
  }
  queue.take();
  queue.add(make(pool, "d").take_push(PushKind::kSession));
  EXPECT_EQ(take_all(queue, pool), "a b c ");
  EXPECT_FALSE(queue.empty());
  queue.add(make(pool, "e").take_push(PushKind::kSession));
  queue.take();
  queue.add(make(pool, "f").take_push(PushKind::kSession));
  queue.take();
  EXPECT_EQ(take_all(queue, pool), "d e f ");
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(pool.used_bytes(), 0);
}

TEST(PushQueueTest, IsCrowdedByManyPushesOrByMuch) {
  PayloadPool pool;
  PushQueue queue;
  for (int i = 0; i <= PushQueue::kCrowdedWeight / PushQueue::kPushWeight; ++i) {
    EXPECT_FALSE(queue.crowded());
    queue.add(make(pool, "").take_push(PushKind::kSession));
  }
  EXPECT_TRUE(queue.crowded());
  queue.take();
  take_all(queue, pool);
  EXPECT_FALSE(queue.crowded());
  queue.add(pool.make(PushQueue::kCrowdedWeight, 1).take_push(PushKind::kSession));
  EXPECT_TRUE(queue.crowded());
  queue.take();
  PayloadPool::release(*queue.next()->payload, pool);
}

TEST(PushQueueTest, KeepsTheOrderOfEachOfManyProducers) {
  constexpr uint32_t kProducers = 3;
  constexpr uint32_t kPushes = 20'000;
  PayloadPool mine;
  std::vector<std::unique_ptr<PayloadPool>> pools;
  PushQueue queue;
  std::vector<std::thread> producers;
  for (uint32_t producer = 0; producer < kProducers; ++producer) {
    pools.push_back(std::make_unique<PayloadPool>());
    producers.emplace_back([&queue, &pool = *pools.back(), producer] {
      for (uint32_t i = 0; i < kPushes; ++i) {
        queue.add(pool.make(8, 1).take_push(PushKind::kSession, {producer, i}));
      }
    });
  }
  std::vector<uint32_t> seen(kProducers, 0);
  for (uint32_t total = 0; total < kProducers * kPushes;) {
    queue.take();
    while (Push* push = queue.next()) {
      ASSERT_EQ(push->conn.generation, seen[push->conn.index]++);
      PayloadPool::release(*push->payload, mine);
      ++total;
    }
  }
  for (std::thread& producer : producers) {
    producer.join();
  }
  for (const auto& pool : pools) {
    pool->take_returned();
    EXPECT_EQ(pool->used_bytes(), 0);
  }
}

TEST(PayloadTest, GoesHomeWithTheLastReference) {
  PayloadPool home;
  PayloadPool other;
  Payload& payload = make(home, "text", 2);
  Push& first = payload.take_push(PushKind::kSession);
  Push& second = payload.take_push(PushKind::kSession, {7, 1});
  EXPECT_EQ(second.conn.index, 7u);
  PayloadPool::release(*first.payload, home);
  EXPECT_GT(home.used_bytes(), 0);
  {
    const PayloadRef kept(payload, other);
    PayloadPool::release(*second.payload, other);
    EXPECT_EQ((*kept).view(), "text");
  }
  EXPECT_GT(home.used_bytes(), 0);
  home.take_returned();
  EXPECT_EQ(home.used_bytes(), 0);
}

TEST(PayloadTest, IsFramedForEachProtocol) {
  ChunkPool pool;
  for (const size_t size : {size_t{20}, size_t{5000}}) {
    Output two(pool);
    Output three(pool);
    const std::string text = ">1\r\n" + std::string(size, 'x');
    Payload& payload = make(pool.payloads(), text);
    two.append_payload(payload, 2);
    three.append_payload(payload, 3);
    PayloadPool::release(payload, pool.payloads());
    EXPECT_EQ(two.size(), text.size());
    EXPECT_EQ(bytes_of(two), "*" + text.substr(1));
    EXPECT_EQ(bytes_of(three), text);
  }
  EXPECT_EQ(pool.used_bytes(), 0);
}

TEST(PayloadTest, LargeOnesAreNotCopied) {
  ChunkPool pool;
  const std::string text(100'000, 'x');
  Payload& payload = make(pool.payloads(), text);
  std::vector<std::unique_ptr<Output>> outputs;
  for (int i = 0; i < 50; ++i) {
    outputs.push_back(std::make_unique<Output>(pool));
    outputs.back()->append("before");
    outputs.back()->append_payload(payload, 3);
    outputs.back()->append("behind");
  }
  PayloadPool::release(payload, pool.payloads());
  EXPECT_LT(pool.used_bytes(), 100'000 + 50 * 3000);
  for (const auto& output : outputs) {
    EXPECT_EQ(output->size(), text.size() + 12);
    EXPECT_EQ(bytes_of(*output), "before" + text + "behind");
  }
  EXPECT_EQ(pool.used_bytes(), 0);
}

TEST(PayloadTest, MovesWithAnOutputToAnotherWorker) {
  ChunkPool maker;
  ChunkPool home;
  Output cell(maker);
  Output session(home);
  const std::string text(3000, 'x');
  Payload& payload = make(maker.payloads(), text);
  cell.append("+");
  cell.append_payload(payload, 3);
  PayloadPool::release(payload, maker.payloads());
  session.append("-");
  session.splice(cell);
  session.append("!");
  EXPECT_EQ(bytes_of(session), "-+" + text + "!");
  EXPECT_EQ(home.used_bytes(), 0);
  maker.take_returned();
  EXPECT_EQ(maker.used_bytes(), 0);
}

}  // namespace
}  // namespace pollux
