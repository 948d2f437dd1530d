// Commands that write the data to disk, and SHUTDOWN, which does so first. The save itself is
// ordered at the desk (save_desk.h); whoever waits for its end is a tour that stays.
#include <algorithm>
#include <string>

#include "dataplane/engine/engine.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/ordered_save.h"
#include "dataplane/engine/tour_reply.h"
#include "dataplane/engine/worker.h"
#include "src/base/log.h"
#include "src/commands/args.h"
#include "src/commands/rows.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

constexpr std::string_view kNoDisk = "ERR nothing is written to disk in this version of Pollux";
constexpr std::string_view kUnderWay = "ERR Background save already in progress";
constexpr std::string_view kBaseUnderWay =
    "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in "
    "order to schedule a BGSAVE whenever possible.";
constexpr std::string_view kShuttingDown =
    "ERR a shutdown that saves is in progress, SHUTDOWN ABORT ends it";
constexpr std::string_view kAborting =
    "ERR the shutdown that was aborted is not over yet. Try again in a moment";
constexpr std::string_view kCantShutDown = "ERR Errors trying to SHUTDOWN. Check logs.";
constexpr std::string_view kAborted = "Shutdown was aborted, the server goes on";
constexpr std::string_view kHistoryIsWritten =
    "The append-only file is being written for the first time, or anew, can't exit. Try again "
    "later; SHUTDOWN FORCE loses what is in memory";
constexpr int64_t kHistoryWaitMs = 10'000;

// Why nothing else begins while an end is under way.
std::string_view refusal(Engine& engine) {
  return engine.end().step() == EndUnderWay::Step::kAborted ? kAborting : kShuttingDown;
}

void lastsave(Context& ctx) {
  ctx.reply.integer(last_save_s(*engine_host(ctx).engine));
}

// --- SAVE ---

struct SaveLuggage final : TourLuggage {
  OrderedSave save;
};

// The base of a rewrite ends first.
void save_visit(Worker& worker, Tour& tour) {
  SaveDesk* const desk = worker.engine().save_desk();
  OrderedSave& save = tour.luggage_of<SaveLuggage>().save;
  if (desk == nullptr) {
    tour.text = kNoDisk;
  } else if (save.number == 0 && ((desk->under_way() && !desk->is_aof_base()) ||
                                  worker.engine().shutting_down())) {
    tour.text = kUnderWay;
  } else if (!save.is_over(worker)) {
    tour.stay = true;
    return;
  } else if (!save.saved) {
    tour.text = kNotSaved;
  }
  tour.done_early = true;
}

// --- BGSAVE ---

void bgsave(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  SaveDesk* const desk = host.engine->save_desk();
  const std::string_view word = ctx.args.size() > 1 ? ctx.args[1] : std::string_view();
  const bool schedules = is_word(word, "schedule");
  const bool cancels = is_word(word, "cancel");
  if (ctx.args.size() > 2 || (ctx.args.size() == 2 && !schedules && !cancels)) {
    ctx.reply.error(error_text::kSyntax);
  } else if (desk == nullptr) {
    ctx.reply.error(kNoDisk);
  } else if (host.engine->shutting_down()) {
    ctx.reply.error(refusal(*host.engine));
  } else if (cancels) {
    if (!desk->is_aof_base() && desk->give_up()) {
      ctx.reply.simple("Background saving cancelled");
    } else if (desk->unschedule()) {
      ctx.reply.simple("Scheduled background saving cancelled");
    } else {
      ctx.reply.error("ERR Background saving is currently not in progress or scheduled");
    }
  } else if (desk->under_way() && !desk->is_aof_base()) {
    ctx.reply.error(kUnderWay);
  } else if (host.in_exec || (schedules && desk->under_way())) {
    desk->schedule();
    ctx.reply.simple("Background saving scheduled");
  } else if (desk->order(host.worker->save_order()) != 0) {
    ctx.reply.simple("Background saving started");
  } else {
    ctx.reply.error(desk->is_aof_base() ? kBaseUnderWay : kUnderWay);
  }
}

// --- SHUTDOWN ---

struct ShutdownWords {
  bool save = false;
  bool no_save = false;
  bool force = false;
  bool abort = false;
  bool now = false;
};

bool read_shutdown(Args args, ShutdownWords& words) {
  for (const std::string_view word : args.subspan(1)) {
    if (is_word(word, "nosave")) {
      words.no_save = true;
    } else if (is_word(word, "save")) {
      words.save = true;
    } else if (is_word(word, "abort")) {
      words.abort = true;
    } else if (is_word(word, "force")) {
      words.force = true;
    } else if (is_word(word, "now")) {
      words.now = true;
    } else {
      return false;
    }
  }
  const bool any = words.save || words.no_save || words.force || words.now;
  return !(words.save && words.no_save) && !(words.abort && any);
}

struct ShutdownLuggage final : TourLuggage {
  enum class Step : uint8_t { kBegin, kWaiting, kPausing, kSaving } step = Step::kBegin;
  uint64_t number = 0;      // of the end (EndUnderWay); 0: it has none yet
  int64_t wait_end_ms = 0;  // kWaiting
  OrderedSave save;
};

// Clients may write again. By the first worker, who makes versions of the configuration.
void lift_pause(Worker& worker) {
  worker.engine().config().change([](Config& config) { config.pause.for_end = false; });
  worker.refresh_config();
  worker.note_pause();
}

// Nothing, if another has ended the server meanwhile.
void end_shutdown(Worker& worker, Tour& tour, std::string_view why) {
  if (worker.engine().stopping()) {
    return;
  }
  const auto& luggage = tour.luggage_of<ShutdownLuggage>();
  if (luggage.step == ShutdownLuggage::Step::kSaving) {
    lift_pause(worker);
  }
  worker.engine().end_shutdown(luggage.number);
  tour.text = kCantShutDown;
  log_line(LogLevel::kWarning, "%.*s", static_cast<int>(why.size()), why.data());
}

// Writes go on at once: whoever brings the end about may have to wait for a worker that is busy.
void abort_shutdown(Worker& worker, Tour& tour) {
  if (worker.engine().abort_shutdown()) {
    lift_pause(worker);
  } else {
    tour.text = "ERR No shutdown in progress.";
  }
}

// Asked of the desk: another worker may have served writes since the load ended, though this one
// has yet to see in its next turn that it did.
bool is_loading(Worker& worker) { return !worker.engine().load_desk().over(); }

// What is in memory is in no file yet, though there is to be a history, and soon will be: not while
// a disk that is broken is left alone for some time. Or the history is one of other data, which is
// worse than none.
bool is_without_history(Worker& worker) {
  Engine& engine = worker.engine();
  const AofBlock& aof = engine.page().aof;
  const LoadDesk& load = engine.load_desk();
  const bool loading = is_loading(worker);
  // What is loaded from it need not be in another one. An RDB file is no excuse, also not one that
  // DEBUG RELOAD has written: the next start looks at the history.
  const bool is_read = loading && !load.is_whole() && load.source() == LoadDesk::Source::kAof;
  const bool tells_of_other_data =
      (engine.aof_desk() != nullptr && engine.aof_desk()->owes_anew()) ||
      (!loading && load.is_unsettled());  // whether it does is known in a moment
  // Also one that is refused for now: rather the end is refused, too.
  const bool will_be = aof.rewriting.get() != 0 || aof.rewrite_failures.get() == 0;
  return worker.config().append_only &&
         (tells_of_other_data || (!is_read && aof.in_force.get() == 0 && will_be));
}

// Of one that has waited: whether it is still to go on. Else the tour says why not.
bool may_go_on(Worker& worker, Tour& tour) {
  EndUnderWay& end = worker.engine().end();
  const uint64_t number = tour.luggage_of<ShutdownLuggage>().number;
  if (end.is_aborted(number)) {
    end_shutdown(worker, tour, kAborted);
    return false;
  }
  if (!end.is(number)) {
    // Another has gone before it, and may be over.
    tour.text = end.is_any() ? refusal(worker.engine()) : kCantShutDown;
    return false;
  }
  return true;
}

// False if the end must wait until the append-only history is one again (the tour stays), or can't
// come: then the tour says why. After a load it is a moment until what was loaded is taken up, or
// the first file begun.
bool history_allows(Worker& worker, Tour& tour, const ShutdownWords& words) {
  Engine& engine = worker.engine();
  auto& luggage = tour.luggage_of<ShutdownLuggage>();
  if (words.force || !is_without_history(worker)) {
    return true;
  }
  const bool waits = luggage.step == ShutdownLuggage::Step::kWaiting;
  const bool is_written = engine.page().aof.rewriting.get() != 0;
  if (is_written || (waits && worker.now().ms() >= luggage.wait_end_ms)) {
    end_shutdown(worker, tour,
                 is_written ? kHistoryIsWritten
                            : "The append-only file has not been taken up for 10 seconds, can't "
                              "exit. Is its disk well? BGREWRITEAOF tries again at once; SHUTDOWN "
                              "FORCE loses what is in memory");
    return false;
  }
  if (!waits) {
    if (engine.end().is_any()) {
      tour.text = refusal(engine);
      return false;
    }
    log_line(LogLevel::kNotice, "The end waits until the append-only file is taken up");
    luggage.step = ShutdownLuggage::Step::kWaiting;
    luggage.number = engine.end().begin(EndUnderWay::Step::kWaits);
    luggage.wait_end_ms = worker.now().ms() + kHistoryWaitMs;
  }
  tour.stay = true;
  return false;
}

// Whether it begins to save; else it has ended the server, or says why not.
bool starts_to_save(Worker& worker, Tour& tour, const ShutdownWords& words) {
  Engine& engine = worker.engine();
  EndUnderWay& end = engine.end();
  auto& luggage = tour.luggage_of<ShutdownLuggage>();
  // While it loads, a server ends without saving, whatever it is asked for, as Redis does.
  const bool whole = !is_loading(worker) || engine.load_desk().is_whole();
  const bool saves = engine.save_desk() != nullptr && whole && !words.no_save &&
                     (words.save || !worker.config().save_points.empty());
  // Somebody else's save is not thrown away, but by who says so.
  const bool others_save = luggage.number == 0 && end.step() == EndUnderWay::Step::kSaves;
  if (!saves && (words.no_save || !others_save)) {
    // A load that is over in this moment makes it another question, also what of its history is
    // there: writes may have come behind it.
    if (whole ? !words.force && is_without_history(worker) : !engine.load_desk().close()) {
      tour.stay = true;
      return false;
    }
    engine.stop(kStopGraceMs);
    return false;
  }
  if (!saves) {
    tour.text = kShuttingDown;
    return false;
  }
  if (luggage.number != 0) {
    end.save(luggage.number);
  } else if (!end.is_any() || (words.force && end.step() == EndUnderWay::Step::kWaits)) {
    // FORCE goes before an end that waits for the history.
    luggage.number = end.begin(EndUnderWay::Step::kSaves);
  } else {
    tour.text = refusal(engine);
    return false;
  }
  log_line(LogLevel::kNotice, "User requested shutdown... saving first, writes wait");
  luggage.step = ShutdownLuggage::Step::kPausing;
  engine.config().change([](Config& config) { config.pause.for_end = true; });
  return true;
}

// False as long as it has to wait.
bool is_over(Worker& worker, Tour& tour, const ShutdownWords& words) {
  Engine& engine = worker.engine();
  auto& luggage = tour.luggage_of<ShutdownLuggage>();
  if (engine.end().is_aborted(luggage.number)) {
    // Whatever the save still waits for: a disk that hangs must not keep the server between two
    // states.
    if (luggage.save.number != 0) {
      engine.save_desk()->give_up(luggage.save.number);
    }
    end_shutdown(worker, tour, kAborted);
    return true;
  }
  if (luggage.save.number == 0 && !engine.stopping()) {
    engine.save_desk()->give_up();  // one that began before the writes had stopped
  }
  if (!luggage.save.is_over(worker)) {
    return false;
  }
  if (!luggage.save.saved && !words.force) {
    end_shutdown(worker, tour, "Error trying to save the DB, can't exit.");
  } else if (is_without_history(worker) && !words.force) {
    // It was turned on meanwhile: the next start looks there, and not at what was saved.
    end_shutdown(worker, tour, kHistoryIsWritten);
  } else {
    engine.stop(kStopGraceMs);
  }
  return true;
}

// Worker after worker; one that was aborted goes to the first at once, to end there.
void pause_visit(Worker& worker, Tour& tour) {
  auto& luggage = tour.luggage_of<ShutdownLuggage>();
  const bool aborted = worker.engine().end().is_aborted(luggage.number);
  worker.refresh_config();
  worker.note_pause();
  tour.stay = !aborted && !worker.pause_settled();
  const bool is_last = worker.id().value + 1 == worker.engine().worker_count();
  if (aborted || (!tour.stay && is_last)) {
    luggage.step = ShutdownLuggage::Step::kSaving;
    tour.again = true;
  }
}

// First nobody writes any more (as CLIENT PAUSE WRITE), worker after worker; then the first one,
// who makes versions of the configuration, saves and ends the server: what was acknowledged is in
// the file.
void shutdown_visit(Worker& worker, Tour& tour) {
  ShutdownWords words;
  const bool is_right = read_shutdown(tour.args, words);
  auto& luggage = tour.luggage_of<ShutdownLuggage>();
  switch (luggage.step) {
    case ShutdownLuggage::Step::kBegin:
      if (!is_right || words.abort) {
        if (is_right) {
          abort_shutdown(worker, tour);
        } else {
          tour.text = error_text::kSyntax;
        }
        tour.done_early = true;
        return;
      }
      [[fallthrough]];
    case ShutdownLuggage::Step::kWaiting: {
      // One that has brought the end about meanwhile has done so for all.
      const bool goes_on = !worker.engine().stopping() &&
                           (luggage.number == 0 || may_go_on(worker, tour)) &&
                           history_allows(worker, tour, words) &&
                           starts_to_save(worker, tour, words);
      if (!goes_on) {
        tour.done_early = !tour.stay;
        return;
      }
      return pause_visit(worker, tour);
    }
    case ShutdownLuggage::Step::kPausing:
      return pause_visit(worker, tour);
    case ShutdownLuggage::Step::kSaving:
      tour.stay = !is_over(worker, tour, words);
      tour.done_early = !tour.stay;
      return;
  }
}

// Nothing, if the end is near: the connection closes, and what was sent behind it is not answered,
// or its answer would be taken for this one's.
void shutdown(Context& ctx) {
  EngineHost& host = engine_host(ctx);
  if (host.tour->text.empty() && host.engine->stopping()) {
    host.session->closing = true;
  } else {
    reply_outcome(ctx);
  }
}

constexpr uint32_t kSaves = kAdmin | kNoScript | kNoAsyncLoading;

constexpr CommandRow kRows[] = {
    {.name = "shutdown", .arity = -1,
     .flags = kAdmin | kNoScript | kLoading | kStale | kNoMulti | kAllowBusy, .acl = 0,
     .handler = shutdown, .route = Route::kEachWorker, .each_worker = shutdown_visit,
     .group = "server", .since = "1.0.0", .summary = "Ends the server.", .complexity = "O(1)",
     .syntax = "[nosave_save=(NOSAVE|SAVE)] [NOW@7.0.0] [FORCE@7.0.0] [ABORT@7.0.0]",
     .history = "7.0.0 NOW, FORCE and ABORT came in"},
    {.name = "lastsave", .arity = 1, .flags = kLoading | kStale | kFast,
     .acl = kAclAdmin | kAclDangerous, .handler = lastsave, .route = Route::kSession,
     .group = "server", .since = "1.0.0",
     .summary = "Returns when the data was last saved; before that, when the server started.",
     .complexity = "O(1)", .tips = "nondeterministic_output"},
    {.name = "save", .arity = 1, .flags = kSaves | kNoMulti, .acl = 0, .handler = reply_outcome,
     .route = Route::kEachWorker, .each_worker = save_visit,
     .group = "server", .since = "1.0.0", .summary = "Saves the data, and answers when it is done.",
     .complexity = "O(N) for N keys"},
    {.name = "bgsave", .arity = -1, .flags = kSaves, .acl = 0, .handler = bgsave,
     .route = Route::kSession,
     .group = "server", .since = "1.0.0", .summary = "Begins to save the data.",
     .complexity = "O(1)",
     .syntax = "operation=[SCHEDULE@3.2.2|CANCEL@8.1.0]",
     .history = "3.2.2 SCHEDULE came in;8.1.0 CANCEL came in"},
};

}  // namespace

const CommandRow& shutdown_row() { return kRows[0]; }

std::span<const CommandRow> save_commands() { return kRows; }

}  // namespace pollux
