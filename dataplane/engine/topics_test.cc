#include "dataplane/engine/topics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "dataplane/engine/session.h"
#include "src/base/rng.h"

namespace pollux {
namespace {

constexpr WorkerId kOne{1};
constexpr WorkerId kTwo{2};

TEST(TopicsTest, CountsClientsByWorker) {
  Topics topics;
  EXPECT_TRUE(topics.empty());
  topics.change(TopicKind::kChannel, "news", kOne, 1);
  topics.change(TopicKind::kChannel, "news", kTwo, 1);
  topics.change(TopicKind::kChannel, "news", kOne, 1);
  const Listeners* listeners = topics.find(TopicKind::kChannel, "news");
  ASSERT_NE(listeners, nullptr);
  EXPECT_EQ(listeners->clients(), 3);
  ASSERT_EQ(listeners->workers().size(), 2u);
  EXPECT_EQ(listeners->workers()[0].clients, 2);
  EXPECT_EQ(topics.find(TopicKind::kShardChannel, "news"), nullptr);
  topics.change(TopicKind::kChannel, "news", kOne, -1);
  topics.change(TopicKind::kChannel, "news", kOne, -1);
  EXPECT_EQ(topics.find(TopicKind::kChannel, "news")->workers().size(), 1u);
  EXPECT_FALSE(topics.empty());
  topics.change(TopicKind::kChannel, "news", kTwo, -1);
  EXPECT_EQ(topics.find(TopicKind::kChannel, "news"), nullptr);
  EXPECT_TRUE(topics.empty());
}

TEST(TopicsTest, ChangesSayWhatTheyTake) {
  Topics topics;
  const std::string name(1000, 'n');
  int64_t bytes = topics.change(TopicKind::kChannel, name, kOne, 1);
  EXPECT_GT(bytes, 1000);
  EXPECT_LT(bytes, 1200);
  EXPECT_EQ(topics.change(TopicKind::kChannel, name, kOne, 1), 0);
  const int64_t second_worker = topics.change(TopicKind::kChannel, name, kTwo, 1);
  EXPECT_GT(second_worker, 0);
  bytes += second_worker;
  bytes += topics.change(TopicKind::kChannel, name, kOne, -2);
  bytes += topics.change(TopicKind::kChannel, name, kTwo, -1);
  EXPECT_EQ(bytes, 0);
}

TEST(TopicsTest, WhatIsOnEveryShardIsCountedOnce) {
  Topics topics;
  topics.change(TopicKind::kChannel, "news", kOne, 1);
  topics.change(TopicKind::kChannel, "__keyevent@0__:set", kOne, 1);
  topics.change(TopicKind::kPattern, "n*", kOne, 1);
  EXPECT_EQ(topics.count(TopicKind::kChannel, ShardId{0}), 2u);
  EXPECT_EQ(topics.count(TopicKind::kChannel, ShardId{3}), 1u);
  EXPECT_EQ(topics.count(TopicKind::kPattern, ShardId{0}), 1u);
  EXPECT_EQ(topics.count(TopicKind::kPattern, ShardId{3}), 0u);
  topics.change(TopicKind::kChannel, "__keyevent@0__:set", kOne, -1);
  EXPECT_EQ(topics.count(TopicKind::kChannel, ShardId{3}), 1u);
}

TEST(TopicsTest, TagsDecideTheShardAsWithKeys) {
  EXPECT_EQ(topic_shard("{a}1", 8), topic_shard("{a}2", 8));
  EXPECT_TRUE(on_every_shard(TopicKind::kPattern, "x"));
  EXPECT_TRUE(on_every_shard(TopicKind::kChannel, "__keyspace@3__:k"));
  EXPECT_FALSE(on_every_shard(TopicKind::kChannel, "__keys"));
  EXPECT_FALSE(on_every_shard(TopicKind::kShardChannel, "__keyspace@3__:k"));
}

class AudienceTest : public testing::Test {
 protected:
  Session& session(size_t i) {
    while (sessions_.size() <= i) {
      const auto index = static_cast<uint32_t>(sessions_.size());
      sessions_.push_back(std::make_unique<Session>(index, ConnId{index, 1}, chunks_));
    }
    return *sessions_[i];
  }

  ChunkPool chunks_;
  std::vector<std::unique_ptr<Session>> sessions_;
  Audience audience_;
};

TEST_F(AudienceTest, JoinsAndLeavesOnce) {
  EXPECT_TRUE(audience_.join(session(0), TopicKind::kChannel, "a"));
  EXPECT_FALSE(audience_.join(session(0), TopicKind::kChannel, "a"));
  EXPECT_TRUE(audience_.join(session(0), TopicKind::kPattern, "a"));
  EXPECT_TRUE(audience_.join(session(0), TopicKind::kShardChannel, "a"));
  EXPECT_EQ(session(0).subscriptions->count_with(TopicKind::kChannel), 2u);
  EXPECT_EQ(session(0).subscriptions->count_with(TopicKind::kShardChannel), 1u);
  EXPECT_FALSE(audience_.leave(session(1), TopicKind::kChannel, "a"));
  EXPECT_TRUE(audience_.leave(session(0), TopicKind::kChannel, "a"));
  EXPECT_FALSE(audience_.leave(session(0), TopicKind::kChannel, "a"));
  EXPECT_EQ(audience_.find(TopicKind::kChannel, "a"), nullptr);
  EXPECT_TRUE(audience_.leave(session(0), TopicKind::kPattern, "a"));
  EXPECT_TRUE(audience_.leave(session(0), TopicKind::kShardChannel, "a"));
  EXPECT_EQ(session(0).subscriptions, nullptr);
}

TEST_F(AudienceTest, AgreesWithSetsWhateverIsDone) {
  Rng rng(7);
  std::set<std::pair<size_t, std::string>> model;
  for (int step = 0; step < 20'000; ++step) {
    const size_t who = rng.below(12);
    const std::string topic = "t" + std::to_string(rng.below(5));
    if (rng.below(2) == 0) {
      ASSERT_EQ(audience_.join(session(who), TopicKind::kChannel, topic),
                model.emplace(who, topic).second);
    } else {
      ASSERT_EQ(audience_.leave(session(who), TopicKind::kChannel, topic),
                model.erase({who, topic}) == 1);
    }
    const auto* there = audience_.find(TopicKind::kChannel, topic);
    std::set<size_t> listening;
    for (size_t i = 0; there != nullptr && i < there->size(); ++i) {
      ASSERT_TRUE(listening.insert((*there)[i]->id).second);
    }
    for (size_t i = 0; i < 12; ++i) {
      ASSERT_EQ(listening.contains(i), model.contains({i, topic}));
    }
  }
  EXPECT_GT(audience_.bytes(), 0);
  for (const auto& [who, topic] : model) {
    audience_.leave(session(who), TopicKind::kChannel, topic);
  }
  EXPECT_EQ(audience_.bytes(), 0);
}

}  // namespace
}  // namespace pollux
