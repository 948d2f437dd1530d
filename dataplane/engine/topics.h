// What is listened to, on two sides that meet only by messages.
//
// Topics: for one shard, how many clients of which worker listen to what. It goes with the hold of
// the shard, whose holder sequences and fans out. A channel is on the shard that a key of its name
// would be on; patterns, and channels of key events, are on every shard, because any may send.
//
// Audience: for one worker, which of its sessions listen to what. Its thread only.
//
// Both are changed under a lease of the shards that the topic is on (or, when a client leaves, the
// audience at once and the topics soon after, since nobody misses what it would have been sent).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "src/base/arena.h"
#include "src/base/types.h"

namespace pollux {

class Session;

enum class TopicKind : uint8_t { kChannel, kPattern, kShardChannel };
inline constexpr size_t kTopicKinds = 3;

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <typename Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

// About what an entry of such a map takes: the node, the name if it is long, a place in the table.
template <typename Value>
int64_t entry_bytes(const std::string& name) {
  const size_t outside =
      name.capacity() > std::string().capacity() ? Arena::usable(name.capacity() + 1) : 0;
  const size_t node = sizeof(std::pair<const std::string, Value>) + 2 * sizeof(void*);
  return static_cast<int64_t>(Arena::usable(node) + outside + 2 * sizeof(void*));
}

// The shard that a channel is sequenced on.
ShardId topic_shard(std::string_view name, int shards);
// True of what is on every shard.
bool on_every_shard(TopicKind kind, std::string_view name);

// How many clients of each worker listen to one topic; workers without any are not in it.
class Listeners {
 public:
  struct Row {
    WorkerId worker;
    int64_t clients;
  };

  void change(WorkerId worker, int64_t by);
  int64_t bytes() const { return static_cast<int64_t>(rows_.capacity() * sizeof(Row)); }
  int64_t clients() const { return clients_; }
  const std::vector<Row>& workers() const { return rows_; }

 private:
  std::vector<Row> rows_;
  int64_t clients_ = 0;
};

class Topics {
 public:
  // Returns by how many bytes the topics grew.
  int64_t change(TopicKind kind, std::string_view name, WorkerId worker, int64_t by);

  const Listeners* find(TopicKind kind, std::string_view name) const;
  const TextMap<Listeners>& all(TopicKind kind) const {
    return topics_[static_cast<size_t>(kind)];
  }
  bool empty() const { return all_empty_; }
  // How many topics of that kind are on this shard, each counted on one shard only.
  size_t count(TopicKind kind, ShardId shard) const;

 private:
  std::array<TextMap<Listeners>, kTopicKinds> topics_;
  std::array<size_t, kTopicKinds> everywhere_{};  // of these, how many are on every shard
  bool all_empty_ = true;
};

// What one session listens to: names (of the audience) with the session's place among those who do.
class Subscriptions {
 public:
  using Names = std::unordered_map<std::string_view, uint32_t>;

  Names& of(TopicKind kind) { return names_[static_cast<size_t>(kind)]; }
  const Names& of(TopicKind kind) const { return names_[static_cast<size_t>(kind)]; }
  // Channels and patterns are counted together in replies, shard channels alone.
  size_t count_with(TopicKind kind) const {
    return kind == TopicKind::kShardChannel
               ? of(kind).size()
               : of(TopicKind::kChannel).size() + of(TopicKind::kPattern).size();
  }
  bool empty() const;
  // What they take, with what all who listen to a topic share: a client weighs as if it were the
  // only one.
  size_t bytes() const { return sizeof(Subscriptions) + bytes_; }
  static constexpr size_t kEntryBytes = sizeof(Names::value_type) + 3 * sizeof(void*);

 private:
  friend class Audience;

  std::array<Names, kTopicKinds> names_;
  size_t bytes_ = 0;
};

class Audience {
 public:
  // False if the session listens to it already.
  bool join(Session& session, TopicKind kind, std::string_view name);
  // False if it does not.
  bool leave(Session& session, TopicKind kind, std::string_view name);

  // Those who listen, or null. Valid until the next join or leave, except that the session at an
  // index that has been passed may leave while they are walked through from the last to the first.
  const std::vector<Session*>* find(TopicKind kind, std::string_view name) const;

  // Of the audience and the subscriptions of its sessions.
  int64_t bytes() const { return bytes_; }

 private:
  std::array<TextMap<std::vector<Session*>>, kTopicKinds> topics_;
  int64_t bytes_ = 0;
};

// That a client of some worker no longer listens to, which its shard still counts.
struct LeftTopic {
  TopicKind kind;
  std::string name;
  int64_t bytes() const { return static_cast<int64_t>(sizeof(LeftTopic) + name.capacity()); }
};

}  // namespace pollux
