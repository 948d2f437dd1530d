// Pushes: what clients get unasked (messages, invalidations), on its way from the worker where its
// cause happened to the workers of those who get it, and there to their outputs. Answers of
// commands that waited travel among them (worker_blocking.cc).
//
// No push overtakes an answer: a session that has requests elsewhere, or is in the middle of an
// EXEC, gets a push behind the replies that were begun before it came (held_pushes). An answer that
// was sent before the push is one of these, or is with the client already.
#include <algorithm>

#include "dataplane/engine/worker.h"

namespace pollux {

void Worker::push(WorkerId to, Push& push) {
  changes_.group_is_seen(now_);
  // A key event is of the change that was just made (a waiter knows what it shows).
  if (changes_.dirty()) {
    push.shown = std::max(push.shown, changes_.ticket());
  }
  Worker& other = engine_.worker(to.value);
  (is_of_tracking(push.kind) ? other.invalidations_ : other.pushes_).add(push);
  pushed_.add(ShardId{to.value});
  any_pushed_ = true;
}

// The end of the turn. Those that are behind stay in the set.
void Worker::wake_pushed() {
  if (!any_pushed_) {
    return;
  }
  ShardSet behind;
  any_pushed_ = false;
  for (int i = 0; i < workers_; ++i) {
    const ShardId shard{static_cast<uint16_t>(i)};
    if (!pushed_.has(shard)) {
      continue;
    }
    Worker& other = engine_.worker(i);
    if (i != id_.value) {
      wake_if_asleep(other);
    }
    if (other.is_behind()) {
      behind.add(shard);
      any_pushed_ = true;
    }
  }
  pushed_ = behind;
}

// Whether a worker that this one has pushed to is behind; then this one begins no more commands.
// All go on delivering meanwhile, so it ends. A client that is slow to read never causes it.
bool Worker::crowded() const {
  bool any = false;
  for (int i = 0; i < workers_ && !any; ++i) {
    any = pushed_.has(ShardId{static_cast<uint16_t>(i)}) && engine_.worker(i).is_behind();
  }
  return any;
}

// Those taken, until they have reached deliveries_max sessions; true if there was any.
bool Worker::deliver_pushes(size_t deliveries_max) {
  size_t deliveries = 0;
  while (deliveries < deliveries_max) {
    Push* push = pushes_.next();
    if (push == nullptr) {
      break;
    }
    if (push->kind == PushKind::kWaiter) {
      take_waiter(static_cast<Waiter&>(*push));
      ++deliveries;
      continue;
    }
    pushed_shown_ = push->shown;
    deliveries += 1 + deliver_push(*push);
    PayloadPool::release(*push->payload, chunks_.payloads());
  }
  return deliveries > 0;
}

void Worker::deliver_what_came() {
  pushes_.take();
  deliver_pushes(SIZE_MAX);
}

// To how many sessions.
size_t Worker::deliver_push(Push& push) {
  switch (push.kind) {
    case PushKind::kSession: {
      Session* session = find_session(push.conn);
      if (session == nullptr || session->closing) {
        return 0;
      }
      push_to(*session, *push.payload);
      over_output_limit(*session);
      return 1;
    }
    case PushKind::kChannel:
      return deliver_message(TopicKind::kChannel, *push.payload);
    case PushKind::kPattern:
      return deliver_message(TopicKind::kPattern, *push.payload);
    case PushKind::kShardChannel:
      return deliver_message(TopicKind::kShardChannel, *push.payload);
    case PushKind::kMonitors:
      return deliver_monitor_line(*push.payload);
    default:
      deliver_tracking(push);
      return 1;
  }
  return 0;
}

// Behind the replies of so many of the session's requests elsewhere (see HeldPush), and of none
// else.
void Worker::place_push(Session& session, Payload& payload, uint64_t behind) {
  session.show(pushed_shown_);
  if (behind + session.in_flight_count <= session.in_flight_begun && !exec_under_way(session)) {
    session.out.append_payload(payload, session.protocol);
    mark_dirty(session);
    return;
  }
  std::vector<HeldPush>& held = rare_of(session).held_pushes;
  const auto at =
      std::upper_bound(held.begin(), held.end(), behind,
                       [](uint64_t mine, const HeldPush& other) { return mine < other.behind; });
  held.insert(at, {behind, PayloadRef(payload, chunks_.payloads())});
  count_beside(session);
}

// Requires that the session takes pushes and is not closing. The caller looks at its limits.
void Worker::push_to(Session& session, Payload& payload) {
  place_push(session, payload, session.in_flight_begun);
}

// After a reply was delivered.
void Worker::release_held(Session& session) {
  if (session.rare == nullptr || session.rare->held_pushes.empty()) {
    return;
  }
  std::vector<HeldPush>& pushes = session.rare->held_pushes;
  const uint64_t answered = session.in_flight_begun - session.in_flight_count;
  auto held = pushes.begin();
  for (; held != pushes.end() && held->behind <= answered; ++held) {
    session.out.append_payload(*held->payload, session.protocol);
  }
  pushes.erase(pushes.begin(), held);
}

// At the end of the process: what no one will take any more, also tours that a server without grace
// has left where they were: here, or on their way.
void Worker::drop_pushes() {
  const auto drop_tour = [](const Cell& cell) {
    if (cell.kind == CellKind::kTour) {
      delete cell.tour;
    }
  };
  for (Channel* const channel : outgoing_) {
    channel->publish_answers();
    while (const Cell* const cell = channel->receive_answer()) {
      drop_tour(*cell);
    }
  }
  for (Channel* const channel : incoming_) {
    channel->publish_requests();
    while (const Cell* const cell = channel->receive_request()) {
      drop_tour(*cell);
    }
  }
  while (!waiting_tours_.empty()) {
    delete &waiting_tours_.pop_front();
  }
  while (!staying_tours_.empty()) {
    delete staying_tours_.pop_front().tour;
  }
  for (PushQueue* queue : {&pushes_, &invalidations_}) {
    queue->take();
    while (Push* push = queue->next()) {
      if (push->kind != PushKind::kWaiter) {
        PayloadPool::release(*push->payload, chunks_.payloads());
      }
    }
  }
}

}  // namespace pollux
