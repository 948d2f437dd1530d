// Who listens to what: subscriptions of this worker's sessions, messages to them, and MONITOR.
#include <algorithm>
#include <cstring>

#include "dataplane/engine/worker.h"
#include "src/base/assert.h"

namespace pollux {

namespace {

// Topics of clients that left, dropped under one lease: all shards are held meanwhile.
constexpr size_t kDroppedAtOnce = 512;

}  // namespace

void Worker::subscribe(Session& session, TopicKind kind, std::string_view name) {
  if (audience_.join(session, kind, name)) {
    change_topic(kind, name, 1);
  }
}

void Worker::unsubscribe(Session& session, TopicKind kind, std::string_view name) {
  if (audience_.leave(session, kind, name)) {
    change_topic(kind, name, -1);
  }
}

// On each shard that the topic is on.
void Worker::change_topic(TopicKind kind, std::string_view name, int64_t by) {
  if (!on_every_shard(kind, name)) {
    topic_bytes_ += engine_.side(topic_shard(name, workers_)).topics().change(kind, name, id_, by);
    return;
  }
  for (int i = 0; i < workers_; ++i) {
    Topics& topics = engine_.side(ShardId{static_cast<uint16_t>(i)}).topics();
    topic_bytes_ += topics.change(kind, name, id_, by);
  }
}

bool Worker::start_monitor(Session& session) {
  if (session.monitoring) {
    return false;
  }
  session.monitoring = true;
  monitors_.push_back(&session);
  engine_.monitors().change(id_, 1);
  return true;
}

void Worker::stop_listening(Session& session) {
  if (session.monitoring) {
    session.monitoring = false;
    std::erase(monitors_, &session);
    engine_.monitors().change(id_, -1);
  }
  for (size_t i = 0; i < kTopicKinds; ++i) {
    const auto kind = static_cast<TopicKind>(i);
    while (session.subscriptions != nullptr && !session.subscriptions->of(kind).empty()) {
      left_topics_.push_back({kind, std::string(session.subscriptions->of(kind).begin()->first)});
      topic_bytes_ += left_topics_.back().bytes();
      audience_.leave(session, kind, left_topics_.back().name);
    }
  }
}

// Under a lease on all shards.
void Worker::drop_some_left_topics() {
  for (size_t i = 0; i < kDroppedAtOnce && !left_topics_.empty(); ++i) {
    const LeftTopic& topic = left_topics_.back();
    change_topic(topic.kind, topic.name, -1);
    topic_bytes_ -= topic.bytes();
    left_topics_.pop_back();
  }
  if (left_topics_.empty()) {
    left_topics_.shrink_to_fit();
  }
}

// From the last to the first: those over their limits leave meanwhile.
size_t Worker::deliver_to(const std::vector<Session*>& sessions, Payload& payload) {
  const size_t count = sessions.size();
  for (size_t i = count; i-- > 0;) {
    Session& session = *sessions[i];
    if (!session.closing) {
      push_to(session, payload);
      over_output_limit(session);
    }
  }
  return count;
}

size_t Worker::deliver_message(TopicKind kind, Payload& payload) {
  const std::vector<Session*>* sessions = audience_.find(kind, payload.name());
  return sessions == nullptr ? 0 : deliver_to(*sessions, payload);
}

size_t Worker::deliver_monitor_line(Payload& payload) { return deliver_to(monitors_, payload); }

// Behind a command that ran here, while somebody monitors.
void Worker::tell_monitors(const CommandRow& row, Args args, int db) {
  if ((row.flags & (kSkipMonitor | kAdmin)) != 0) {
    return;
  }
  const Session* session = host_.session;
  const std::string_view address =
      session != nullptr ? transport_->peer(session->conn).address : host_.peer;
  if (address.empty()) {
    return;  // it was on its way here when MONITOR began
  }
  const int db_after = session != nullptr ? session->db : db;
  const std::string line = monitor_line(row, args, now_, db_after, address);
  ShardSet workers;
  uint32_t count = 0;
  for (int i = 0; i < workers_; ++i) {
    if (engine_.monitors().on(i)) {
      workers.add(ShardId{static_cast<uint16_t>(i)});
      ++count;
    }
  }
  if (count == 0) {
    return;
  }
  Payload& payload = make_payload(line.size(), count);
  std::memcpy(payload.bytes(), line.data(), line.size());
  for (int i = 0; i < workers_; ++i) {
    if (workers.has(ShardId{static_cast<uint16_t>(i)})) {
      push(WorkerId{static_cast<uint16_t>(i)}, payload.take_push(PushKind::kMonitors));
    }
  }
}

}  // namespace pollux
