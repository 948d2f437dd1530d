#include "dataplane/engine/reload.h"

#include "dataplane/engine/config.h"
#include "dataplane/engine/engine.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/ordered_save.h"
#include "dataplane/engine/tour_reply.h"
#include "dataplane/engine/worker.h"
#include "src/base/log.h"
#include "src/commands/args.h"
#include "src/protocol/error_text.h"

namespace pollux {

namespace {

struct ReloadLuggage final : TourLuggage {
  enum class Step : uint8_t {
    kBegin,
    kTakingUp,  // by worker after worker: from then on clients are sent away
    // on the first one
    kSaving,
    kOrdering,
    kLoading,
  };
  Step step = Step::kBegin;
  LoadDesk::Order order;
  bool saves = false;
  OrderedSave save;
};

// What is wrong with the words; empty if nothing is.
std::string_view read_words(Args args, ReloadLuggage& luggage) {
  if (is_word(args[1], "loadaof")) {
    luggage.order.source = LoadDesk::Source::kAof;
    return {};
  }
  luggage.saves = true;
  for (const std::string_view word : args.subspan(2)) {
    if (is_word(word, "merge")) {
      luggage.order.replaces = true;
    } else if (is_word(word, "noflush")) {
      luggage.order.empties = false;
    } else if (is_word(word, "nosave")) {
      luggage.saves = false;
    } else {
      return "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.";
    }
  }
  return {};
}

// Why it can't be; empty if it can.
std::string_view why_not(Worker& worker, const ReloadLuggage& luggage) {
  Engine& engine = worker.engine();
  if (!engine.load_desk().loads_from(luggage.order.source) ||
      (luggage.saves && engine.save_desk() == nullptr)) {
    return "ERR nothing is read from disk in this version of Pollux";
  }
  if (luggage.order.source == LoadDesk::Source::kAof) {
    if (!worker.config().append_only) {
      return "ERR there is no append-only file with appendonly no. Use DEBUG RELOAD";
    }
    if (engine.page().aof.in_force.get() == 0 || engine.aof_desk()->owes_anew()) {
      return "ERR the append-only file has not all data now (INFO persistence, aof_*), try again "
             "later";
    }
  }
  return {};
}

void end(Tour& tour, std::string_view error) {
  tour.text = error;
  tour.done_early = true;
}

// All that is there stands still, and is yet whole.
void order(Worker& worker, Tour& tour, ReloadLuggage& luggage) {
  Engine& engine = worker.engine();
  // A snapshot would keep what is to go. There is no cut for another one until the end.
  if (SaveDesk* const desk = engine.save_desk(); desk != nullptr && desk->under_way()) {
    desk->give_up();
    tour.stay = true;
    return;
  }
  luggage.order.file = worker.config().db_file;
  luggage.order.format = rdb_format_of(worker.config());
  luggage.step = ReloadLuggage::Step::kLoading;
  tour.stay = true;
  engine.load_desk().order(luggage.order);
}

void finish(Worker& worker, Tour& tour, const ReloadLuggage& luggage) {
  Engine& engine = worker.engine();
  const bool loaded = engine.load_desk().state() == LoadDesk::State::kLoaded;
  const bool from_aof = luggage.order.source == LoadDesk::Source::kAof;
  // A history that goes on behind other data than it tells of is no history.
  const bool differs = !loaded || !luggage.saves || !luggage.order.empties ||
                       engine.page().load.keys_expired.get() > 0;
  if (!from_aof && differs && worker.config().append_only && engine.aof_desk() != nullptr) {
    engine.aof_desk()->ask_anew(engine.journal()->drawn());
  }
  engine.load_desk().settle();
  if (loaded) {
    log_line(LogLevel::kWarning, from_aof ? "Append Only File loaded by DEBUG LOADAOF"
                                          : "DB reloaded by DEBUG RELOAD");
  }
  end(tour, loaded     ? ""
            : from_aof ? "ERR Error trying to load the AOF files, check server logs."
                       : "ERR Error trying to load the RDB dump");
}

}  // namespace

// The save, the order and its end are on the first worker, which makes cuts of snapshots and begins
// a shutdown: so none of these comes in between.
void reload_visit(Worker& worker, Tour& tour) {
  Engine& engine = worker.engine();
  LoadDesk& desk = engine.load_desk();
  auto& luggage = tour.luggage_of<ReloadLuggage>();
  using Step = ReloadLuggage::Step;
  const bool ending = engine.shutting_down() || engine.stopping();
  if (ending && luggage.step != Step::kLoading) {
    if (luggage.step != Step::kBegin) {
      desk.give_up();
    }
    end(tour, "ERR the server is shutting down");
    return;
  }
  switch (luggage.step) {
    case Step::kBegin: {
      std::string_view error = read_words(tour.args, luggage);
      error = error.empty() ? why_not(worker, luggage) : error;
      if (error.empty() && !desk.begin()) {
        error = error_text::kLoading;
      }
      if (!error.empty()) {
        end(tour, error);
        return;
      }
      luggage.step = Step::kTakingUp;
      [[fallthrough]];
    }
    case Step::kTakingUp:
      tour.stay = !worker.take_up_load();
      if (!tour.stay && worker.id().value + 1 == engine.worker_count()) {
        luggage.step = luggage.saves ? Step::kSaving : Step::kOrdering;
        tour.again = true;
      }
      return;
    case Step::kSaving:
      if (!luggage.save.is_over(worker)) {
        tour.stay = true;
        return;
      }
      if (!luggage.save.saved) {
        desk.give_up();
        end(tour, kNotSaved);
        return;
      }
      luggage.step = Step::kOrdering;
      [[fallthrough]];
    case Step::kOrdering:
      order(worker, tour, luggage);
      return;
    case Step::kLoading:
      if (desk.over()) {
        finish(worker, tour, luggage);
      } else if (engine.stopping()) {
        end(tour, "ERR the server is shutting down");
      } else {
        tour.stay = true;
      }
      return;
  }
}

void debug_reload(Context& ctx) {
  if (engine_host(ctx).in_exec) {
    ctx.reply.error("ERR DEBUG RELOAD and LOADAOF can't be part of a transaction here");
  } else {
    reply_outcome(ctx);
  }
}

}  // namespace pollux
