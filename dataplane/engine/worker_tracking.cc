// CLIENT TRACKING over workers: what reads are remembered, and how those who made them are told.
//
// A key's shard remembers who has read it. When it changes, its holder pushes an invalidation to
// the worker of each reader before anybody can learn of the change; there it is placed behind the
// replies of the reader's requests that the shard had run before the change, and before all others.
// So, as in Redis, no invalidation overtakes an answer that showed the old value, and no answer
// that could show a newer one, of any key, overtakes the invalidation. Whether the reader still
// wants it is looked up there, too: it may have left, or ended its tracking.
//
// Listeners to prefixes are told at the end of the turn, once for all keys of the prefix, as Redis
// does at the end of a round of its event loop; but before any worker or client hears of the
// change.
#include <algorithm>
#include <cstring>

#include "dataplane/engine/worker.h"
#include "src/base/assert.h"
#include "src/base/hash.h"
#include "src/base/num.h"
#include "src/commands/key_extractor.h"

namespace pollux {

namespace {

constexpr std::string_view kHead = ">2\r\n$10\r\ninvalidate\r\n";
constexpr std::string_view kAllKeys = "_\r\n";  // in place of the array of keys
// What a client of RESP2 that listens to channels gets in place of the head.
constexpr std::string_view kMessageHead = "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n";
constexpr std::string_view kAllKeysResp2 = "$-1\r\n";
// When there are too many, a command makes the table forget at most so many keys.
constexpr int kForgottenMax = 100;
// Of the memory that all clients may take, one part in so many is for remembering what they read.
constexpr int64_t kTrackedPart = 4;

void append_number(std::string& text, char type, uint64_t number) {
  char digits[kInt64TextMax];
  text += type;
  text.append(digits, format_int64(static_cast<int64_t>(number), digits));
  text += "\r\n";
}

void append_bulk(std::string& text, std::string_view bytes) {
  append_number(text, '$', bytes.size());
  text += bytes;
  text += "\r\n";
}

Payload& filled(Worker& worker, std::string_view text, uint32_t pushes) {
  Payload& payload = worker.make_payload(text.size(), pushes);
  if (!text.empty()) {
    std::memcpy(payload.bytes(), text.data(), text.size());
  }
  return payload;
}

}  // namespace

// --- what is remembered ---

// Whether what the session's next command reads is to be remembered.
bool Worker::tracks_reads(const Session& session) {
  const Tracking* tracking = session.tracking.get();
  if (tracking == nullptr || tracking->broadcast) [[likely]] {
    return false;
  }
  return tracking->opt_in ? tracking->caching : !(tracking->opt_out && tracking->caching);
}

// What CLIENT CACHING has said holds for the next command, or the next transaction; commands of
// CLIENT don't count. `row` is null if the request named no command.
void Worker::used_caching(Session& session, const CommandRow* row) {
  if (session.tracking != nullptr && !session.in_multi &&
      (row == nullptr || row->container != "client")) {
    session.tracking->caching = false;
  }
}

// Behind the command, so that what it found expired has been told to those who read it before.
void Worker::remember_reads(const Context& ctx) {
  KeyIndices keys;
  if (!extract_keys(ctx.row, ctx.args, keys)) {
    return;
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::string_view key = ctx.args[keys[i]];
    const ShardId shard = shard_of_slot(key_slot(key), static_cast<size_t>(workers_));
    engine_.side(shard).tracking().add(key, actor_);
    limit_tracked_keys(shard);
    publish_tracked(shard);
  }
}

// tracking-table-max-keys holds for all shards together, and so does a part of what clients may
// take: names may be long and readers many. A shard with less than its share need not ask what the
// others have; one with more forgets keys at random while all have too many.
void Worker::limit_tracked_keys(ShardId shard) {
  TrackingTable& table = engine_.side(shard).tracking();
  const int64_t keys_max = limit_or_none(config_->tracking_keys_max);
  const int64_t bytes_max = limit_or_none(client_bytes_limit() / kTrackedPart);
  const auto within = [&table](int64_t keys, int64_t bytes) {
    return static_cast<int64_t>(table.keys()) <= keys && table.bytes() <= bytes;
  };
  if (within(keys_max / workers_, bytes_max / workers_)) [[likely]] {
    return;
  }
  int64_t keys_left = keys_max;
  int64_t bytes_left = bytes_max;
  for (int i = 0; i < workers_; ++i) {
    if (i != shard.value) {
      keys_left -= engine_.core(i).tracked_keys.get();
      bytes_left -= engine_.core(i).tracked_bytes.get();
    }
  }
  for (int i = 0; i < kForgottenMax && !within(keys_left, bytes_left) && !table.empty(); ++i) {
    readers_.clear();
    const std::string key = table.take_random(rng_, readers_);
    send_invalidation(shard, key);
  }
  publish_tracked(shard);
}

void Worker::publish_tracked(ShardId shard) {
  const TrackingTable& table = engine_.side(shard).tracking();
  engine_.core(shard.value).tracked_keys.set(static_cast<int64_t>(table.keys()));
  engine_.core(shard.value).tracked_reads.set(static_cast<int64_t>(table.clients()));
  engine_.core(shard.value).tracked_bytes.set(table.bytes());
}

// --- what is told ---

void Worker::invalidate(ShardId shard, std::string_view key) {
  if (!prefixes_.empty()) {
    prefixes_.changed(key, actor_);
  }
  TrackingTable& table = engine_.side(shard).tracking();
  if (table.empty()) {
    return;
  }
  readers_.clear();
  table.take(key, readers_);
  if (!readers_.empty()) {
    publish_tracked(shard);
    send_invalidation(shard, key);
  }
}

// Told once for a command, however many databases and shards it empties.
void Worker::invalidate_all(ShardId shard) {
  engine_.side(shard).tracking().clear();
  publish_tracked(shard);
  all_changed_ = anybody_tracks_;
}

// To readers_.
void Worker::send_invalidation(ShardId shard, std::string_view key) {
  std::string text(kHead);
  text += "*1\r\n";
  append_bulk(text, key);
  Payload& payload = filled(*this, text, static_cast<uint32_t>(readers_.size()));
  for (const ClientRef& reader : readers_) {
    Push& push = payload.take_push(PushKind::kInvalidate, reader.conn);
    push.shard = shard;
    push.served = served_by(shard, reader.worker);
    push.cause = actor_;
    post(reader.worker, push);
  }
}

// The last request of worker `home` that the shard, which is held, has run or is running; 0 if they
// run in place.
uint64_t Worker::served_by(ShardId shard, WorkerId home) const {
  return home.value == shard.value ? 0
                                   : engine_.channel(home, WorkerId{shard.value}).served();
}

// All shards are held. The payload is what served_by says of each.
void Worker::send_invalidation_of_all() {
  all_changed_ = false;
  std::vector<uint64_t> served(static_cast<size_t>(workers_));
  for (int to = 0; to < workers_; ++to) {
    const WorkerId home{static_cast<uint16_t>(to)};
    for (uint16_t shard = 0; shard < workers_; ++shard) {
      served[shard] = served_by(ShardId{shard}, home);
    }
    const std::string_view bytes(reinterpret_cast<const char*>(served.data()),
                                 served.size() * sizeof(uint64_t));
    post(home, filled(*this, bytes, 1).take_push(PushKind::kInvalidateAll));
  }
}

// The end of the turn, or of the hold of a shard.
void Worker::send_broadcasts() {
  if (prefixes_.any_changed()) {
    prefixes_.take_changed([this](const auto& listeners, const auto& keys) {
      broadcast_keys(listeners, keys);
    });
    end_of_cause();
  }
}

// All keys to everybody, but to those with NOLOOP only what others have changed.
void Worker::broadcast_keys(const std::vector<PrefixTable::Listener>& listeners,
                            const PrefixTable::ChangedKeys& keys) {
  const auto send = [&](const std::vector<ClientRef>& to, const ClientRef& without) {
    const auto wanted = [&](const ClientRef& by) { return !(by == without); };
    const auto count = std::count_if(keys.begin(), keys.end(),
                                     [&](const auto& key) { return wanted(key.second); });
    if (to.empty() || count == 0) {
      return;
    }
    std::string text(kHead);
    append_number(text, '*', static_cast<uint64_t>(count));
    for (const auto& [key, by] : keys) {
      if (wanted(by)) {
        append_bulk(text, key);
      }
    }
    Payload& payload = filled(*this, text, static_cast<uint32_t>(to.size()));
    for (const ClientRef& client : to) {
      Push& push = payload.take_push(PushKind::kInvalidate, client.conn);
      push.broadcast = true;
      post(client.worker, push);
    }
  };
  std::vector<ClientRef> all;
  for (const PrefixTable::Listener& listener : listeners) {
    const auto is_own = [&](const auto& key) { return key.second == listener.client; };
    if (listener.no_loop && std::any_of(keys.begin(), keys.end(), is_own)) {
      send({listener.client}, listener.client);
    } else {
      all.push_back(listener.client);
    }
  }
  constexpr ClientRef kNoClient{{ClientRef::kNobody}, {UINT32_MAX, UINT32_MAX}};
  send(all, kNoClient);
}

// To a worker. What is for this one waits for the end of its cause: it comes behind the reply of
// the command that runs, if that is the same client's, and before anything else that any session
// does.
void Worker::post(WorkerId to, Push& to_send) {
  if (to == id_) {
    posted_here_.push_back(&to_send);
  } else {
    push(to, to_send);
  }
}

// A command, with its reply, or a slice of background work is over.
void Worker::end_of_cause() {
  if (all_changed_) {
    send_invalidation_of_all();
  }
  if (posted_here_.empty()) [[likely]] {
    return;
  }
  for (size_t i = 0; i < posted_here_.size(); ++i) {
    Push& push = *posted_here_[i];
    deliver_tracking(push);
    PayloadPool::release(*push.payload, chunks_.payloads());
  }
  posted_here_.clear();
}

// --- where it arrives ---

// All that were sent before what this worker has just learned. To be called between hearing from
// outside (the wire, a cell, an acknowledgement, a release) and acting on it: so no reply can show
// a change whose invalidation is not in its place before it.
void Worker::receive_invalidations() {
  invalidations_.take();
  while (Push* push = invalidations_.next()) {
    deliver_tracking(*push);
    PayloadPool::release(*push->payload, chunks_.payloads());
  }
}

void Worker::deliver_tracking(Push& push) {
  if (push.kind == PushKind::kTracker) {
    take_tracker(push.cause, push.payload->view());
    return;
  }
  if (push.kind == PushKind::kInvalidateAll) {
    deliver_invalidation_of_all(push);
    return;
  }
  Session* session = find_session(push.conn);
  if (push.kind == PushKind::kRedirected) {
    if (session != nullptr && !session->closed) {
      hand_redirected(*session, *push.payload);
      return;
    }
    Push& back = filled(*this, {}, 1).take_push(PushKind::kRedirectBroken, push.cause.conn);
    back.redirect_id = push.redirect_id;
    this->push(push.cause.worker, back);
    return;
  }
  if (session == nullptr || session->closing || session->tracking == nullptr) {
    return;
  }
  const Tracking& tracking = *session->tracking;
  if (push.kind == PushKind::kRedirectBroken) {
    if (tracking.redirect_id == push.redirect_id) {
      break_redirect(*session);
    }
    return;
  }
  const bool own = tracking.no_loop && push.cause == ref_of(*session);
  if (push.broadcast != tracking.broadcast || own) {
    return;
  }
  uint64_t behind = session->in_flight_begun;
  if (!push.broadcast) {
    behind = 0;
    uint64_t place = session->in_flight_begun - session->in_flight_count;
    session->in_flight.for_each([&](const Cell& cell) {
      ++place;
      if (cell.target.value == push.shard.value && cell.sequence <= push.served) {
        behind = place;
      }
    });
  }
  hand_over(*session, *push.payload, behind);
}

void Worker::deliver_invalidation_of_all(Push& push) {
  std::vector<uint64_t> served(static_cast<size_t>(workers_));
  POLLUX_ASSERT(push.payload->size == served.size() * sizeof(uint64_t));
  std::memcpy(served.data(), push.payload->bytes(), push.payload->size);
  Payload& payload = filled(*this, std::string(kHead).append(kAllKeys), 1);
  for_each_session([&](Session& session) {
    if (session.closing || session.tracking == nullptr) {
      return;
    }
    uint64_t behind = 0;
    uint64_t place = session.in_flight_begun - session.in_flight_count;
    session.in_flight.for_each([&](const Cell& cell) {
      ++place;
      if (cell.sequence <= served[cell.target.value]) {
        behind = place;
      }
    });
    hand_over(session, payload, behind);
  });
  PayloadPool::release(payload, chunks_.payloads());
}

// To the session, or to whom it redirects. Without either, a client of RESP2 can't be told.
void Worker::hand_over(Session& session, Payload& payload, uint64_t behind) {
  const Tracking& tracking = *session.tracking;
  if (tracking.redirect_id == 0) {
    if (session.protocol > 2) {
      place_push(session, payload, behind);
      over_output_limit(session);
    }
    return;
  }
  if (tracking.redirect.worker != id_) {
    // The payload's pushes are counted, so this one takes a copy.
    Push& push = filled(*this, payload.view(), 1)
                     .take_push(PushKind::kRedirected, tracking.redirect.conn);
    push.redirect_id = tracking.redirect_id;
    push.cause = ref_of(session);
    this->push(tracking.redirect.worker, push);
    return;
  }
  Session* target = find_session(tracking.redirect.conn);
  if (target != nullptr && !target->closed) {
    hand_redirected(*target, payload);
  } else {
    break_redirect(session);
  }
}

void Worker::hand_redirected(Session& target, Payload& payload) {
  if (target.protocol > 2) {
    push_to(target, payload);
  } else if (target.subscriptions != nullptr) {
    std::string_view keys = payload.view().substr(kHead.size());
    keys = keys == kAllKeys ? kAllKeysResp2 : keys;
    Payload& message = filled(*this, std::string(kMessageHead).append(keys), 1);
    push_to(target, message);
    PayloadPool::release(message, chunks_.payloads());
  }
  over_output_limit(target);
}

void Worker::break_redirect(Session& session) {
  session.tracking->redirect_broken = true;
  if (session.protocol > 2) {
    std::string text = ">2\r\n$21\r\ntracking-redir-broken\r\n";
    append_number(text, ':', session.tracking->redirect_id);
    Payload& payload = filled(*this, text, 1);
    push_to(session, payload);
    PayloadPool::release(payload, chunks_.payloads());
  }
}

// --- who tracks ---

void Worker::start_tracking(Session& session, Tracking tracking) {
  if (session.tracking == nullptr) {
    session.tracking = std::make_unique<Tracking>();
    core_.tracking_clients.add(1);
  }
  own_tracking_bytes_ -= session.tracking->own_bytes;
  *session.tracking = std::move(tracking);
  session.tracking->set_bytes(workers_);
  own_tracking_bytes_ += session.tracking->own_bytes;
  tell_tracker(session);
  over_output_limit(session);
}

void Worker::stop_tracking(Session& session) {
  if (session.tracking != nullptr) {
    own_tracking_bytes_ -= session.tracking->own_bytes;
    session.tracking.reset();
    core_.tracking_clients.add(-1);
    tell_tracker(session);
  }
}

// Every worker hears it before it hears of anything that comes after the command's reply. The bytes
// are a '1' for NOLOOP or a '0', then each prefix behind its length.
void Worker::tell_tracker(const Session& session) {
  std::string text = "0";
  if (session.tracking != nullptr) {
    text = session.tracking->no_loop ? "1" : "0";
    for (const std::string& prefix : session.tracking->prefixes) {
      const auto size = static_cast<uint32_t>(prefix.size());
      text.append(reinterpret_cast<const char*>(&size), sizeof size);
      text += prefix;
    }
  }
  take_tracker(ref_of(session), text);
  if (workers_ == 1) {
    return;
  }
  Payload& payload = filled(*this, text, static_cast<uint32_t>(workers_ - 1));
  for (int i = 0; i < workers_; ++i) {
    if (i != id_.value) {
      Push& push = payload.take_push(PushKind::kTracker);
      push.cause = ref_of(session);
      this->push(WorkerId{static_cast<uint16_t>(i)}, push);
    }
  }
}

void Worker::take_tracker(const ClientRef& client, std::string_view bytes) {
  anybody_tracks_ = engine_.sum(&CoreBlock::tracking_clients) > 0;
  prefixes_.remove(client);
  const bool no_loop = bytes[0] == '1';
  for (bytes.remove_prefix(1); !bytes.empty();) {
    uint32_t size = 0;
    std::memcpy(&size, bytes.data(), sizeof size);
    prefixes_.add(bytes.substr(sizeof size, size), {client, no_loop});
    bytes.remove_prefix(sizeof size + size);
  }
  core_.tracked_prefixes.set(static_cast<int64_t>(prefixes_.size()));
  listen_to_held();
}

// The own shard, unless it is another's (then check_parked looks again), and those of a transaction
// that is under way.
void Worker::listen_to_held() {
  for (int i = 0; holds_leased_ && i < workers_; ++i) {
    const ShardId shard{static_cast<uint16_t>(i)};
    if (lease_.shards.has(shard)) {
      engine_.side(shard).listen();
    }
  }
  if (parked_) {
    return;
  }
  if (!anybody_tracks_) {
    side_.tracking().clear();
    publish_tracked(shard_.id());
  }
  side_.listen();
}

}  // namespace pollux
