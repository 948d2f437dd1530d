// Connections: who comes, what bytes they send, how their replies leave, and why they are closed.
#include <algorithm>
#include <cstring>

#include "dataplane/engine/worker.h"
#include "src/base/assert.h"
#include "src/base/log.h"
#include "src/commands/args.h"

namespace pollux {

namespace {

// A session that stands still takes no more than this from the wire (a share of a big pipeline).
constexpr size_t kStalledInputMax = 64 * 1024;
// Smaller buffers of input just double.
constexpr size_t kReservedInputMin = 256 * 1024;
// Input is reserved ahead of what has come up to so many times that: who only says how much will
// come gets nothing for it. Limits count it in full: what an earlier request has left in its pages
// is in memory.
constexpr size_t kReservedAhead = 8;
// So much unsent output no client-output-buffer-limit looks at: Redis has it in a fixed buffer of
// each client. So a limit of a few bytes doesn't close whoever wants to take it back.
constexpr int64_t kUnlimitedOutput = 16 * 1024;
constexpr size_t kSweepSteps = 10;  // idle clients are all looked at once a second

// A browser that was made to talk to us (cross-protocol scripting) says one of these first.
bool is_web_request(std::string_view name) {
  return is_word(name, "post") || is_word(name, "host:");
}

constexpr std::string_view kTooManyClients = "-ERR max number of clients reached\r\n";
constexpr std::string_view kNotAllowed =
    "-DENIED Pollux accepts connections from the addresses in 'allow-from' only, and yours is not "
    "among them.\r\n";
// At most this often a worker logs whom it has refused.
constexpr int64_t kTellDeniedMs = 10'000;
constexpr std::string_view kProtectedMode =
    "-DENIED Pollux is running in protected mode because protected mode is enabled and no password "
    "is set for the default user. In this mode connections are only accepted from the loopback "
    "interface. Set a password with 'requirepass', bind to trusted addresses only, or turn the "
    "check off with 'protected-mode no'.\r\n";

// Anybody may do anything: then only those of this host come in, in protected mode.
bool is_open_house(const Config& config) {
  return config.protected_mode && config.requirepass.empty();
}

// Makes room for what comes. Of a large request there will be room for all, where it is known how
// large it is: to grow by doubling would move it, and each step is a stall for the worker's other
// clients (8 ms from 8 to 16 MB, most of it for pages that are touched for the first time).
void reserve_input(Session& session, size_t more) {
  const size_t needed = session.input.size() + more;
  if (needed > session.input.capacity() && needed > kReservedInputMin &&
      session.stall == Stall::kNone) {
    const size_t in_all = session.input.used() + session.reader.bytes_wanted();
    session.input.reserve(std::clamp(in_all, needed, needed * kReservedAhead));
  }
}

}  // namespace

Session* Worker::find_session(ConnId conn) {
  if (conn.index >= sessions_.size()) {
    return nullptr;
  }
  Session* session = sessions_[conn.index].get();
  return session != nullptr && session->conn == conn ? session : nullptr;
}

Session* Worker::find_by_id(uint64_t id) {
  for (auto& session : sessions_) {
    if (session && !session->closed && session->id == id) {
      return session.get();
    }
  }
  return nullptr;
}

void Worker::on_open(ConnId conn) {
  if (conn.index >= sessions_.size()) {
    sessions_.resize(conn.index + 1);
  }
  core_.connections_received.add(1);
  auto& slot = sessions_[conn.index];
  POLLUX_ASSERT(slot == nullptr);
  slot = std::make_unique<Session>(engine_.next_session_id(), conn, chunks_);
  Session& session = *slot;
  session.opened_ms = session.active_ms = now_.ms();
  session.authenticated = config_->requirepass.empty();
  ++session_count_;
  weigh(session);
  core_.clients.add(1);
  const int64_t clients = engine_.clients().fetch_add(1, std::memory_order_relaxed) + 1;
  // Who it is costs some transports texts: nobody asks where it decides nothing.
  static const PeerInfo kAnybody;
  const bool matters = !config_->allow_from.empty() || is_open_house(*config_);
  const std::string_view refusal = refusal_of(matters ? transport_->peer(conn) : kAnybody, clients);
  if (!refusal.empty()) {
    core_.connections_rejected.add(1);
    session.out.append(refusal);
    session.closing = true;
    mark_dirty(session);
  }
  if (leaving_ != Leaving::kNo) {
    session.closing = true;
    mark_dirty(session);
  }
}

// What a new connection hears before it is closed; empty if it may stay. Those of this host may
// always come, so that nobody locks himself out.
std::string_view Worker::refusal_of(const PeerInfo& peer, int64_t clients) {
  const bool stranger = !peer.loopback && !peer.unix_socket;
  if (stranger && !config_->allow_from.empty() &&
      !config_->allow_from.contains_peer(peer.address)) {
    tell_denied(peer);
    return kNotAllowed;
  }
  if (clients > config_->maxclients) {
    return kTooManyClients;
  }
  return stranger && is_open_house(*config_) ? kProtectedMode : std::string_view();
}

void Worker::tell_denied(const PeerInfo& peer) {
  core_.connections_denied.add(1);
  ++denied_untold_;
  if (now_.ms() - denied_told_ms_ < kTellDeniedMs) {
    return;
  }
  log_line(LogLevel::kWarning,
           "Refused %lld connection%s that allow-from does not name, the last one from %s. Add the "
           "address with CONFIG SET allow-from if it is a friend's",
           static_cast<long long>(denied_untold_), denied_untold_ == 1 ? "" : "s",
           peer.address.c_str());
  denied_told_ms_ = now_.ms();
  denied_untold_ = 0;
}

void Worker::on_data(Session& session, std::string_view bytes) {
  core_.net_input_bytes.add(static_cast<int64_t>(bytes.size()));
  core_.reads.add(1);
  session.active_ms = now_.ms();
  if (session.closing || session.closed) {
    return;
  }
  if (session.in_burst) {
    execute_burst();
    if (session.closing || session.closed) {
      return;
    }
  }
  if (session.stall == Stall::kNone && session.unread().empty()) {
    feed(session, bytes, /*from_input=*/false);
    return;
  }
  session.input.drop_used();
  reserve_input(session, bytes.size());
  session.input.append(bytes);
  count_beside(session);
  if (over_input_limit(session)) {
    return;
  }
  if (session.stall != Stall::kNone) {
    if (session.unread().size() > kStalledInputMax && !session.is_blocked() &&
        !session.receive_paused) {
      session.receive_paused = true;
      transport_->pause(session.conn);
    }
    return;
  }
  if (session.unread().size() >= session.reader.bytes_wanted()) {
    feed(session, session.unread(), /*from_input=*/true);
  }
}

// Checks the limits on bytes that came and were not run, be it that EXEC has not come yet; true if
// the session was closed.
bool Worker::over_input_limit(Session& session) {
  const size_t size =
      session.unread().size() + (session.in_multi ? session.transaction->bytes() : 0);
  if (static_cast<int64_t>(size) <= config_->query_buffer_bytes_max) {
    return false;
  }
  core_.query_limit_closes.add(1);
  log_line(LogLevel::kWarning,
           "Closing client %s: %zu bytes of requests wait to be complete or run, over "
           "client-query-buffer-limit",
           transport_->peer(session.conn).address.c_str(), size);
  kill(session);
  return true;
}

// Parses requests from `bytes` into the burst; runs the burst whenever it is full. What is left at
// the end (half a request, or all behind a request that must wait) ends up in session.input.
void Worker::feed(Session& session, std::string_view bytes, bool from_input) {
  for (;;) {
    burst_.parts.push_back({.session = &session,
                            .bytes = bytes,
                            .from_input = from_input,
                            .first_item = burst_.items.size()});
    session.in_burst = true;
    const bool more = parse_part(burst_.parts.back());
    if (!more) {
      return;
    }
    burst_.parts.back().keep_rest = true;
    execute_burst();
    if (kept_rest_.empty()) {
      return;
    }
    if (from_input && share_is_used()) {
      stall(session, Stall::kTurn);
      return;
    }
    bytes = kept_rest_;
  }
}

// True if the burst must run before more of this part can be parsed.
bool Worker::parse_part(BurstPart& part) {
  Session& session = *part.session;
  read_limits_.authenticated = session.authenticated;
  for (;;) {
    size_t consumed = 0;
    const ReadStatus status = session.reader.read(part.bytes.substr(part.parsed), read_limits_,
                                                  scratch_args_, consumed);
    switch (status) {
      case ReadStatus::kEmpty:
        part.parsed += consumed;
        continue;
      case ReadStatus::kNeedMore:
        return false;
      case ReadStatus::kError:
        burst_.items.push_back(
            {.problem = BurstItem::Problem::kProtocol, .end = part.bytes.size()});
        part.parsed = part.bytes.size();
        ++part.item_count;
        return false;
      case ReadStatus::kRequest:
        break;
    }
    add_item(part, consumed);
    // Inline arguments with quotes live in the reader only until it reads on. Before AUTH each
    // request must run before the next is read: it decides which limits hold.
    const char* name = scratch_args_[0].data();
    const bool in_place =
        name >= part.bytes.data() && name < part.bytes.data() + part.bytes.size();
    if (burst_.full() || !in_place || !session.authenticated) {
      return true;
    }
    if (part.parsed == part.bytes.size()) {
      return false;
    }
  }
}

void Worker::add_item(BurstPart& part, size_t consumed) {
  part.parsed += consumed;
  ++part.item_count;
  ++commands_begun_;
  burst_.items.emplace_back();
  BurstItem& item = burst_.items.back();
  item.args_begin = static_cast<uint32_t>(burst_.args.size());
  item.args_count = static_cast<uint32_t>(scratch_args_.size());
  item.end = part.parsed;
  burst_.args.insert(burst_.args.end(), scratch_args_.begin(), scratch_args_.end());
  resolve(item, scratch_args_);
}

// Finds the row, checks what can be checked without running anything, and where it runs.
void Worker::resolve(BurstItem& item, Args args) {
  const CommandTable& commands = engine_.commands();
  item.row = commands.find(args[0]);
  if (item.row == nullptr) {
    item.problem = is_web_request(args[0]) ? BurstItem::Problem::kWebRequest
                                           : BurstItem::Problem::kUnknown;
    return;
  }
  if (!item.row->subcommands.empty() && args.size() > 1) {
    const CommandRow* sub = commands.find_sub(*item.row, args[1]);
    if (sub == nullptr) {
      item.problem = BurstItem::Problem::kUnknownSub;
      return;
    }
    item.row = sub;
  }
  if (!arity_fits(*item.row, args.size())) {
    item.problem = BurstItem::Problem::kArity;
    return;
  }
  item.place = place(*item.row, args, workers_);
}

// After a part ran up to `consumed`: keeps what is left of its bytes.
void Worker::finish_part(BurstPart& part, size_t consumed) {
  Session& session = *part.session;
  session.in_burst = false;
  kept_rest_ = {};
  if (session.closing || session.closed) {
    release_input(session);
    return;
  }
  if (consumed < part.parsed) {
    session.reader.reset();
  } else if (consumed == part.bytes.size() && session.reader.held_bytes() != 0) {
    session.reader.reset();  // words of a request with quotes; its client may rest now
    count_beside(session);
  }
  if (part.keep_rest && session.stall == Stall::kNone && consumed == part.parsed) {
    kept_rest_ = part.bytes.substr(consumed);
    if (part.from_input) {
      session.input.use(consumed);
    }
    if (!kept_rest_.empty()) {
      return;
    }
  } else if (part.from_input) {
    session.input.use(consumed);
  } else if (consumed < part.bytes.size()) {
    session.input.append(part.bytes.substr(consumed));
    count_beside(session);
  }
  drop_used_input(session);
}

// Receiving stands still only while the session does and much waits: then a client may send no
// faster than it is served, and what waits stays in its kernel. (Not while the rest of a request is
// to come.) A blocked one reads on, up to client-query-buffer-limit as in Redis: its end comes
// behind all that it has sent, and unheard it would wait for ever and take what it is given.
void Worker::go_on_receiving(Session& session) {
  const bool much_waits = session.stall != Stall::kNone && !session.is_blocked() &&
                          session.unread().size() > kStalledInputMax / 2;
  if (session.receive_paused && !much_waits) {
    session.receive_paused = false;
    transport_->resume(session.conn);
  }
}

// A session of which all bytes were run holds none.
void Worker::drop_used_input(Session& session) {
  go_on_receiving(session);
  if (session.input.used_up()) {
    release_input(session);
  }
}

void Worker::release_input(Session& session) {
  session.input.clear();
  count_beside(session);
}

void Worker::stall(Session& session, Stall why) {
  session.stall = why;
  switch (why) {
    case Stall::kParked:
      wait_unpark_.push_back(session);
      break;
    case Stall::kCell:
      wait_cell_.push_back(session);
      break;
    case Stall::kLease:
      wait_lease_.push_back(session);
      break;
    case Stall::kPaused:
      wait_pause_.push_back(session);
      core_.blocked_clients.add(1);
      break;
    case Stall::kTurn:
      wait_turn_.push_back(session);
      break;
    case Stall::kMemory:
      wait_memory_.push_back(session);
      break;
    case Stall::kJournal:
      wait_journal_.push_back(session);
      note_disk_wait();
      break;
    case Stall::kBlocked:
      core_.blocked_clients.add(1);
      break;
    default:
      break;
  }
  go_on_receiving(session);  // perhaps nothing else would, if it is blocked
}

void Worker::resume(Session& session) {
  session.StallNode::unlink();
  core_.blocked_clients.add(session.stall == Stall::kPaused ? -1 : 0);
  session.stall = Stall::kNone;
  if (session.in_burst) {
    return;  // a tour that ended where it began: run_part goes on with the session
  }
  if (session.closed) {
    return;
  }
  if (session.closing || session.unread().empty()) {
    go_on_receiving(session);
    return;
  }
  if (share_is_used()) {
    stall(session, Stall::kTurn);
  } else {
    feed(session, session.unread(), /*from_input=*/true);
  }
}

void Worker::resume_all(IntrusiveList<Session, StallNode>& list) {
  // Those that stall again go to the end of the same list: only the ones there now are tried.
  size_t waiting = 0;
  list.for_each([&](Session&) { ++waiting; });
  for (; waiting > 0 && !list.empty(); --waiting) {
    Session& session = list.front();
    resume(session);
    execute_burst();
  }
}

void Worker::mark_dirty(Session& session) {
  if (!session.DirtyNode::linked()) {
    dirty_.push_back(session);
  }
}

void Worker::start_send(Session& session) {
  if (session.closed || session.sending > 0 || session.out.empty()) {
    return;
  }
  const bool gated = gates_ || (session.rare != nullptr && session.rare->gate.waits());
  const size_t bytes_max = gated ? may_be_sent(session) : SIZE_MAX;
  if (bytes_max == 0) {
    return;
  }
  TxSlice slices[kTxSlicesMax];
  size_t bytes = 0;
  const size_t count = session.out.slices(slices, bytes, bytes_max);
  session.sending = bytes;
  core_.writes.add(1);
  transport_->send(session.conn, {slices, count});
}

void Worker::on_sent(Session& session, size_t bytes) {
  core_.net_output_bytes.add(static_cast<int64_t>(bytes));
  session.active_ms = now_.ms();  // who takes a long reply is not idle
  if (bytes < session.sending) {
    // The connection broke. If an EXEC is under way it is killed only behind that.
    session.sending = 0;
    session.out.clear();
    kill(session);
    return;
  }
  session.sending = 0;
  session.out.consume(bytes);
  weigh(session);
  if (RareState* const rare = session.rare.get()) {
    rare->gate.consume(bytes);
    if (rare->soft_limit_since_ms != 0) {
      over_output_limit(session);
    }
  }
  if (!session.out.empty() || session.closing || session.ended) {
    mark_dirty(session);
  }
}

// What came before the end still runs, as in Redis: a client may send and leave.
void Worker::on_end(Session& session) {
  if (session.in_burst) {
    execute_burst();
  }
  session.ended = true;
  mark_dirty(session);
}

void Worker::close_if_done(Session& session) {
  // Who leaves while it is blocked leaves at once, as in Redis; what it sent is not run.
  const bool last =
      session.closing || (session.ended && (session.stall == Stall::kNone || session.is_blocked()));
  if (last && !session.closed && session.sending == 0 && session.out.empty() &&
      session.in_flight_count == 0 && session.tour == nullptr && !exec_under_way(session)) {
    kill(session);
  }
}

// What a session may have unsent at once: the hard limit of its class, and not more than all
// clients together may take.
size_t Worker::output_bytes_max(const Session& session) const {
  const int64_t hard = session.subscriptions == nullptr ? config_->output_limit_normal.hard_bytes
                                                        : config_->output_limit_pubsub.hard_bytes;
  const int64_t all = session.no_evict ? 0 : client_bytes_limit();
  const int64_t hard_max = std::min(limit_or_none(hard), INT64_MAX - kUnlimitedOutput);
  return static_cast<size_t>(std::min(hard_max + kUnlimitedOutput, limit_or_none(all)));
}

// Checks the limits on unsent bytes; true if the session was closed.
bool Worker::over_output_limit(Session& session) {
  const size_t size = session.out.size();
  const int64_t limited = static_cast<int64_t>(size) - kUnlimitedOutput;
  const bool listens = session.subscriptions != nullptr;
  const OutputLimit& limit =
      listens ? config_->output_limit_pubsub : config_->output_limit_normal;
  bool over = session.out.overflowed() ||
              (limit.hard_bytes > 0 && limited >= limit.hard_bytes);
  if (limit.soft_bytes > 0 && limited >= limit.soft_bytes) {
    int64_t& since_ms = rare_of(session).soft_limit_since_ms;
    since_ms = since_ms == 0 ? now_.ms() : since_ms;
    over |= now_.ms() - since_ms > limit.soft_seconds * 1000;
  } else if (session.rare != nullptr) {
    session.rare->soft_limit_since_ms = 0;
  }
  weigh(session);
  if (!over || session.closed) {
    return over;
  }
  core_.output_limit_closes.add(1);
  log_line(LogLevel::kWarning,
           "Closing client %s: %zu bytes wait to be read by it%s, over client-output-buffer-limit "
           "%s or maxmemory-clients",
           transport_->peer(session.conn).address.c_str(), size,
           session.out.overflowed() ? ", and its reply has more" : "",
           listens ? "pubsub" : "normal");
  kill(session);
  return true;
}

void Worker::kill(Session& session) {
  if (session.closed) {
    return;
  }
  if (&session == running_ || exec_under_way(session)) {  // EXEC, once begun, is done to its end
    session.kill_after_exec = session.kill_after_exec || &session != running_;
    session.closing = true;
    mark_dirty(session);
    return;
  }
  session.closed = true;
  session.closing = true;
  stop_listening(session);
  session.StallNode::unlink();
  core_.blocked_clients.add(session.is_blocked() ? -1 : 0);
  session.DirtyNode::unlink();
  if (session.rare != nullptr) {
    session.rare->unlink();
  }
  abandon_wait(session);
  stop_tracking(session);
  drop_transaction(session);
  weigh(session);
  if (session.tour != nullptr) {
    session.tour->session = nullptr;
    session.tour = nullptr;
  }
  if (lease_.session == &session) {
    lease_.session = nullptr;
  }
  while (!session.in_flight.empty()) {
    Cell& cell = session.in_flight.pop_front();
    cell.session = nullptr;
    if (cell.answered) {
      release_cell(cell);
    }
  }
  session.in_flight_count = 0;
  // No client any more for maxclients, though its connection may live on for a moment.
  core_.clients.add(-1);
  engine_.clients().fetch_sub(1, std::memory_order_relaxed);
  transport_->close(session.conn);
}

void Worker::on_closed(ConnId conn) {
  Session* session = find_session(conn);
  POLLUX_ASSERT(session != nullptr && session->closed);
  session->out.clear();
  beside_bytes_ -= static_cast<int64_t>(session->beside_counted);
  sessions_[conn.index].reset();
  --session_count_;
}

// A tenth of the sessions: closes those idle for too long or over their soft limit for too long.
void Worker::sweep_sessions() {
  if (config_->timeout_s == 0 && config_->output_limit_normal.soft_bytes == 0 &&
      config_->output_limit_pubsub.soft_bytes == 0) {
    return;
  }
  const size_t steps = sessions_.size() / kSweepSteps + 1;
  for (size_t i = 0; i < steps && !sessions_.empty(); ++i) {
    sweep_at_ = (sweep_at_ + 1) % sessions_.size();
    Session* session = sessions_[sweep_at_].get();
    if (session == nullptr || session->closed) {
      continue;
    }
    const bool listens = session->subscriptions != nullptr || session->monitoring;
    if (config_->timeout_s > 0 && !listens && !session->is_blocked() &&
        now_.ms() - session->active_ms > config_->timeout_s * 1000) {
      core_.timeouts.add(1);
      kill(*session);
      continue;
    }
    over_output_limit(*session);
  }
}

}  // namespace pollux
