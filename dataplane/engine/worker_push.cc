// Pushes: what clients get unasked (messages, invalidations), on its way from the worker where its
// cause happened to the workers of those who get it, and there to their outputs.
//
// No push overtakes an answer: a session that has requests elsewhere gets a push behind the replies
// that were begun before it came (held_pushes). An answer that was sent before the push is one of
// these, or is with the client already.
#include <algorithm>

#include "dataplane/engine/worker.h"

namespace pollux {

void Worker::push(WorkerId to, Push& push) {
  engine_.worker(to.value).pushes_.add(push);
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
    if (other.pushes_.crowded()) {
      behind.add(shard);
      any_pushed_ = true;
    }
  }
  pushed_ = behind;
}

// Whether a worker that this one has pushed to is behind; then this one begins no more commands.
// All go on delivering meanwhile, so it ends. A client that is slow to read never causes it.
bool Worker::crowded() {
  if (!any_pushed_) {
    return false;
  }
  bool any = false;
  for (int i = 0; i < workers_ && !any; ++i) {
    any = pushed_.has(ShardId{static_cast<uint16_t>(i)}) && engine_.worker(i).pushes_.crowded();
  }
  return any;
}

void Worker::deliver_push(Push& push) {
  switch (push.kind) {
    case PushKind::kSession: {
      Session* session = find_session(push.conn);
      if (session != nullptr && !session->closing) {
        push_to(*session, *push.payload);
        over_output_limit(*session);
      }
      break;
    }
    default:
      deliver_tracking(push);
      break;
  }
}

// All that were sent before what this worker has just learned. To be called between hearing from
// outside (the wire, a cell, an acknowledgement, a release) and acting on it: so no reply can show
// a change whose invalidation is not in its place before it.
void Worker::receive_pushes() {
  pushes_.take();
  while (Push* push = pushes_.next()) {
    deliver_push(*push);
    PayloadPool::release(*push->payload, chunks_.payloads());
  }
}

// Behind the replies of so many of the session's requests elsewhere (see HeldPush), and of none
// else.
void Worker::place_push(Session& session, Payload& payload, uint64_t behind) {
  if (exec_under_way(session)) {
    behind = session.in_flight_begun + 1;  // the EXEC that runs here counts when it is over
  }
  if (behind + session.in_flight_count <= session.in_flight_begun) {
    session.out.append_payload(payload, session.protocol);
    mark_dirty(session);
    return;
  }
  const auto at = std::upper_bound(
      session.held_pushes.begin(), session.held_pushes.end(), behind,
      [](uint64_t mine, const HeldPush& other) { return mine < other.behind; });
  session.held_pushes.insert(at, {behind, PayloadRef(payload, chunks_.payloads())});
}

// Requires that the session takes pushes and is not closing. The caller looks at its limits.
void Worker::push_to(Session& session, Payload& payload) {
  place_push(session, payload, session.in_flight_begun);
}

// After a reply was delivered.
void Worker::release_held(Session& session) {
  if (session.held_pushes.empty()) {
    return;
  }
  const uint64_t answered = session.in_flight_begun - session.in_flight_count;
  auto held = session.held_pushes.begin();
  for (; held != session.held_pushes.end() && held->behind <= answered; ++held) {
    session.out.append_payload(*held->payload, session.protocol);
  }
  session.held_pushes.erase(session.held_pushes.begin(), held);
}

// At the end of the process.
void Worker::drop_pushes() {
  pushes_.take();
  while (Push* push = pushes_.next()) {
    PayloadPool::release(*push->payload, chunks_.payloads());
  }
}

}  // namespace pollux
