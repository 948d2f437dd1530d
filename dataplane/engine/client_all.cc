// CLIENT, what operators ask of all connections: LIST, KILL, PAUSE, UNBLOCK. Each visits every
// worker in turn (tour.h), which deals with its own sessions; home answers. A visit that finds the
// arguments wrong does nothing; the handler says what is wrong with them.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "dataplane/engine/client_commands.h"
#include "dataplane/engine/client_list.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/worker.h"
#include "src/base/num.h"
#include "src/commands/args.h"
#include "src/protocol/error_text.h"

namespace pollux {

// --- LIST ---

void client_list_visit(Worker& worker, Tour& tour) {
  ClientFilter filter;
  std::string error;
  if (!read_list_filter(tour.args, filter, error)) {
    tour.done_early = true;
    return;
  }
  worker.for_each_session([&](const Session& session) {
    if (filter.matches(worker, session, tour.session_id)) {
      const bool asks = session.id == tour.session_id;
      tour.text += client_line(worker, session, asks ? Args(tour.args) : Args());
    }
  });
}

// Workers list theirs in no order; the answer is by age, or as the ids were asked for.
void client_list(Context& ctx) {
  ClientFilter filter;
  std::string error;
  if (!read_list_filter(ctx.args, filter, error)) {
    ctx.reply.error(error);
    return;
  }
  std::map<uint64_t, std::string_view> lines;
  std::string_view text = engine_host(ctx).tour->text;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n') + 1);
    const std::string_view id = line.substr(3, line.find(' ') - 3);  // behind "id="
    lines[parse_uint64(id).value_or(0)] = line;
    text.remove_prefix(line.size());
  }
  std::string out;
  if (filter.ids.empty()) {
    for (const auto& [id, line] : lines) {
      out += line;
    }
  }
  for (const uint64_t id : filter.ids) {
    const auto line = lines.find(id);
    out += line == lines.end() ? std::string_view() : line->second;
  }
  ctx.reply.verbatim(out, "txt");
}

// --- KILL ---

void client_kill_visit(Worker& worker, Tour& tour) {
  ClientFilter filter;
  std::string error;
  if (!read_kill_filter(tour.args, filter, error)) {
    tour.done_early = true;
    return;
  }
  std::vector<Session*> chosen;
  worker.for_each_session([&](Session& session) {
    if (filter.matches(worker, session, tour.session_id)) {
      chosen.push_back(&session);
    }
  });
  for (Session* session : chosen) {
    ++tour.number;
    if (session->id == tour.session_id) {
      tour.kill_self = true;  // after its reply
    } else {
      worker.kill(*session);
    }
    if (filter.by_address_only) {
      tour.done_early = true;
      return;
    }
  }
}

void client_kill(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  ClientFilter filter;
  std::string error;
  if (!read_kill_filter(ctx.args, filter, error)) {
    ctx.reply.error(error);
    return;
  }
  if (!filter.by_address_only) {
    ctx.reply.integer(host.tour->number);
  } else if (host.tour->number > 0) {
    ctx.reply.ok();
  } else {
    ctx.reply.error("ERR No such client");
  }
  if (host.tour->kill_self) {
    host.worker->kill(*host.session);
  }
}

// --- PAUSE ---

namespace {

// Empty if the arguments of CLIENT PAUSE are good.
std::string read_pause(Args args, int64_t& timeout_ms, PauseMode& mode) {
  mode = PauseMode::kAll;
  if (args.size() > 4) {
    return error_text::wrong_subcommand(args[1], "CLIENT");
  }
  if (args.size() == 4) {
    if (is_word(args[3], "write")) {
      mode = PauseMode::kWrite;
    } else if (!is_word(args[3], "all")) {
      return "ERR CLIENT PAUSE mode must be WRITE or ALL";
    }
  }
  const std::optional<int64_t> timeout = parse_int64(args[2]);
  if (!timeout) {
    return "ERR timeout is not an integer or out of range";
  }
  timeout_ms = *timeout;
  return timeout_ms < 0 ? "ERR timeout is negative" : "";
}

// What is beyond the end of time is over at once, as in Redis, where the sum wraps around: better
// than a server that nobody can wake any more.
int64_t end_of_pause(int64_t now_ms, int64_t timeout_ms) {
  int64_t end_ms = 0;
  return __builtin_add_overflow(now_ms, timeout_ms, &end_ms) ? now_ms : end_ms;
}

}  // namespace

// Worker 0 makes the pause. A worker is done with the visit when nothing is under way any more that
// it began before: so after the reply no command runs that is to be held back.
void client_pause_visit(Worker& worker, Tour& tour) {
  int64_t timeout_ms = 0;
  PauseMode mode = PauseMode::kOff;
  if (!read_pause(tour.args, timeout_ms, mode).empty()) {
    tour.done_early = true;
    return;
  }
  if (worker.id().value == 0 && tour.number == 0) {
    tour.number = 1;
    const int64_t now_ms = worker.now().ms();
    worker.engine().config().change([&](Config& config) {
      config.pause.extend(mode, end_of_pause(now_ms, timeout_ms), now_ms);
    });
  }
  worker.refresh_config();
  worker.note_pause();
  tour.stay = !worker.pause_settled();
}

void client_pause(Context& ctx) {
  int64_t timeout_ms = 0;
  PauseMode mode = PauseMode::kOff;
  const std::string problem = read_pause(ctx.args, timeout_ms, mode);
  if (problem.empty()) {
    ctx.reply.ok();
  } else {
    ctx.reply.error(problem);
  }
}

void client_unpause_visit(Worker& worker, Tour&) {
  if (worker.id().value == 0) {
    worker.engine().config().change([](Config& config) { config.pause.end(); });
  }
  worker.refresh_config();
  worker.note_pause();
}

void client_unpause(Context& ctx) { ctx.reply.ok(); }

// --- UNBLOCK ---

namespace {

// Empty if the arguments of CLIENT UNBLOCK are good.
std::string read_unblock(Args args, uint64_t& id, UnblockAs& as) {
  as = UnblockAs::kTimeout;
  if (args.size() > 4) {
    return error_text::wrong_subcommand(args[1], "CLIENT");
  }
  if (args.size() == 4) {
    if (is_word(args[3], "error")) {
      as = UnblockAs::kError;
    } else if (!is_word(args[3], "timeout")) {
      return "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR";
    }
  }
  const std::optional<int64_t> number = parse_int64(args[2]);
  if (!number) {
    return std::string(error_text::kNotInteger);
  }
  id = static_cast<uint64_t>(*number);
  return {};
}

}  // namespace

void client_unblock_visit(Worker& worker, Tour& tour) {
  uint64_t id = 0;
  UnblockAs as = UnblockAs::kTimeout;
  Session* session = read_unblock(tour.args, id, as).empty() ? worker.find_by_id(id) : nullptr;
  if (session == nullptr) {
    return;
  }
  const Unblocked done = worker.unblock(*session, as);
  tour.stay = done == Unblocked::kClaimed;
  tour.done_early = !tour.stay;
  tour.number = done == Unblocked::kDone ? 1 : 0;
}

void client_unblock(Context& ctx) {
  uint64_t id = 0;
  UnblockAs as = UnblockAs::kTimeout;
  const std::string problem = read_unblock(ctx.args, id, as);
  if (problem.empty()) {
    ctx.reply.integer(engine_host(ctx).tour->number);
  } else {
    ctx.reply.error(problem);
  }
}

}  // namespace pollux
