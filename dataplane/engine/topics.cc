#include "dataplane/engine/topics.h"

#include <algorithm>
#include <memory>

#include "dataplane/engine/session.h"
#include "src/base/assert.h"
#include "src/base/hash.h"
#include "src/data/keyspace.h"

namespace pollux {

namespace {

// Of one subscription: the session's entry, the audience's, and the one on the topic's shard.
size_t weight_of(const std::string& name) {
  return Subscriptions::kEntryBytes +
         static_cast<size_t>(entry_bytes<std::vector<Session*>>(name) +
                             entry_bytes<Listeners>(name)) +
         sizeof(Listeners::Row);
}

}  // namespace

ShardId topic_shard(std::string_view name, int shards) {
  return shard_of_slot(key_slot(name), static_cast<size_t>(shards));
}

bool on_every_shard(TopicKind kind, std::string_view name) {
  return kind == TopicKind::kPattern ||
         (kind == TopicKind::kChannel &&
          (name.starts_with("__keyspace@") || name.starts_with("__keyevent@")));
}

void Listeners::change(WorkerId worker, int64_t by) {
  auto row = std::find_if(rows_.begin(), rows_.end(),
                          [worker](const Row& there) { return there.worker == worker; });
  if (row == rows_.end()) {
    row = rows_.insert(row, {worker, 0});
  }
  row->clients += by;
  clients_ += by;
  POLLUX_ASSERT(row->clients >= 0);
  if (row->clients == 0) {
    rows_.erase(row);
  }
}

int64_t Topics::change(TopicKind kind, std::string_view name, WorkerId worker, int64_t by) {
  int64_t grown = 0;
  TextMap<Listeners>& topics = topics_[static_cast<size_t>(kind)];
  auto topic = topics.find(name);
  if (topic == topics.end()) {
    topic = topics.emplace(std::string(name), Listeners()).first;
    grown += entry_bytes<Listeners>(topic->first);
    everywhere_[static_cast<size_t>(kind)] += on_every_shard(kind, name) ? 1 : 0;
  }
  grown -= topic->second.bytes();
  topic->second.change(worker, by);
  if (topic->second.clients() == 0) {
    grown -= entry_bytes<Listeners>(topic->first);
    topics.erase(topic);
    everywhere_[static_cast<size_t>(kind)] -= on_every_shard(kind, name) ? 1 : 0;
  } else {
    grown += topic->second.bytes();
  }
  all_empty_ = std::all_of(topics_.begin(), topics_.end(),
                           [](const TextMap<Listeners>& some) { return some.empty(); });
  return grown;
}

const Listeners* Topics::find(TopicKind kind, std::string_view name) const {
  const TextMap<Listeners>& topics = all(kind);
  const auto topic = topics.find(name);
  return topic == topics.end() ? nullptr : &topic->second;
}

// What is on every shard is counted on the first.
size_t Topics::count(TopicKind kind, ShardId shard) const {
  return all(kind).size() - (shard.value == 0 ? 0 : everywhere_[static_cast<size_t>(kind)]);
}

bool Subscriptions::empty() const {
  return std::all_of(names_.begin(), names_.end(),
                     [](const Names& names) { return names.empty(); });
}

bool Audience::join(Session& session, TopicKind kind, std::string_view name) {
  if (session.subscriptions == nullptr) {
    session.subscriptions = std::make_unique<Subscriptions>();
    bytes_ += sizeof(Subscriptions);
  }
  Subscriptions::Names& names = session.subscriptions->of(kind);
  if (names.contains(name)) {
    return false;
  }
  TextMap<std::vector<Session*>>& topics = topics_[static_cast<size_t>(kind)];
  auto topic = topics.find(name);
  if (topic == topics.end()) {
    topic = topics.emplace(std::string(name), std::vector<Session*>()).first;
    bytes_ += entry_bytes<std::vector<Session*>>(topic->first);
  }
  names.emplace(topic->first, static_cast<uint32_t>(topic->second.size()));
  session.subscriptions->bytes_ += weight_of(topic->first);
  const size_t room = topic->second.capacity();
  topic->second.push_back(&session);
  bytes_ += static_cast<int64_t>(Subscriptions::kEntryBytes +
                                 (topic->second.capacity() - room) * sizeof(Session*));
  return true;
}

bool Audience::leave(Session& session, TopicKind kind, std::string_view name) {
  if (session.subscriptions == nullptr) {
    return false;
  }
  Subscriptions::Names& names = session.subscriptions->of(kind);
  const auto mine = names.find(name);
  if (mine == names.end()) {
    return false;
  }
  TextMap<std::vector<Session*>>& topics = topics_[static_cast<size_t>(kind)];
  const auto topic = topics.find(name);
  std::vector<Session*>& sessions = topic->second;
  const uint32_t place = mine->second;
  names.erase(mine);
  session.subscriptions->bytes_ -= weight_of(topic->first);
  // The last one takes the free place.
  if (place + 1 < sessions.size()) {
    Session* last = sessions.back();
    sessions[place] = last;
    last->subscriptions->of(kind).find(topic->first)->second = place;
  }
  sessions.pop_back();
  bytes_ -= static_cast<int64_t>(Subscriptions::kEntryBytes);
  if (sessions.empty()) {
    bytes_ -= entry_bytes<std::vector<Session*>>(topic->first) +
              static_cast<int64_t>(sessions.capacity() * sizeof(Session*));
    topics.erase(topic);
  }
  if (session.subscriptions->empty()) {
    bytes_ -= sizeof(Subscriptions);
    session.subscriptions.reset();
  }
  return true;
}

const std::vector<Session*>* Audience::find(TopicKind kind, std::string_view name) const {
  const TextMap<std::vector<Session*>>& topics = topics_[static_cast<size_t>(kind)];
  const auto topic = topics.find(name);
  return topic == topics.end() ? nullptr : &topic->second;
}

}  // namespace pollux
