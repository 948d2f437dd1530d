#include "tests/sim/lives.h"

#include <utility>

#include "src/base/assert.h"
#include "storage/rdb_file_writer.h"

namespace pollux {

namespace {

constexpr uint64_t kLifeFilesToken = 1 << 20;
constexpr size_t kStepsMax = 600'000;
constexpr size_t kRestStepsMax = 10'000;

SimOptions sim_options(const LiveServer::Options& options, Journal& journal) {
  return {.workers = options.workers,
          .seed = options.seed,
          .config = options.config,
          .journal = &journal,
          .sleeps = options.seed % 2 == 0,
          .loads = true,
          .saves = true,
          .appends = true};
}

}  // namespace

LiveServer::LiveServer(const Options& options)
    : journal(static_cast<size_t>(options.workers)),
      scheduler(sim_options(options, journal)),
      clock(options.now),
      disk(options.seed * 7 + 3, clock, options.image),
      own_(disk),
      others_(disk, own_),
      seed_(options.seed),
      files_({.names = {.directory = "d", .file = "f"}, .token = kLifeFilesToken}, own_) {
  even_clocks();
  disk.crash_at_call(options.crash_at);
  if (seed_ / 2 % 2 == 0) {
    disk.set_others([this] { step_others(); });
  }
  const auto wake = [this] { disk.wake(); };
  engine().load_desk().set_waker(wake, LoadDesk::Source::kAof);
  engine().load_desk().set_source(LoadDesk::Source::kAof);
  engine().save_desk()->set_waker([this] { saver_woken_ = true; });
  engine().aof_desk()->set_waker(wake);
  engine().page().load.loading.set(1);
  files_.open();
}

LiveServer::~LiveServer() {
  POLLUX_ASSERT(!forgot_a_wake());
  die();
}

bool LiveServer::start() {
  for (size_t i = 0; i < kStepsMax; ++i) {
    if (state_ == State::kServing) {
      scheduler.run_turns(2);  // all know that it is loaded
      even_clocks();
    }
    if (state_ == State::kServing || state_ == State::kRefused || disk.crashed()) {
      return true;
    }
    step();
  }
  return false;
}

void LiveServer::step() {
  if (rng().below(5) != 0) {
    worker_step();
  } else {
    storage_step();
    even_clocks();
  }
}

void LiveServer::worker_step() {
  scheduler.step();
  even_clocks();
}

// While a storage thread sleeps at its disk.
void LiveServer::step_others() {
  if (const Journal::Sleep sleep = journal.sleep(); sleep != Journal::Sleep::kAwake) {
    slept_ = sleep;
  }
  worker_step();
  if (disk.is_to_crash() && rng().below(2'000) == 0) {
    disk.crash();
  }
  forgot_a_wake_ =
      forgot_a_wake_ || (scheduler.between_turns() && !disk.woken() && journal.wakes(slept_));
}

// The workers' time and the disk's are one.
void LiveServer::even_clocks() {
  const int64_t ahead_us = scheduler.clock().base().us - clock.now().us;
  if (ahead_us > 0) {
    clock.advance_us(ahead_us);
  } else {
    scheduler.clock().advance_us(-ahead_us);
  }
}

void LiveServer::storage_step() {
  if (keeper_ != nullptr && rng().below(3) == 0) {
    saver_step();
    return;
  }
  slept_ = Journal::Sleep::kAwake;
  switch (state_) {
    case State::kOpening:
    case State::kStarting:
      files_step();
      break;
    case State::kLoading:
      load_step();
      break;
    case State::kServing:
      keeper_step();
      break;
    case State::kClosing:
      close_step();
      break;
    case State::kEmptying:
      empty_step();
      break;
    case State::kOver:
    case State::kRefused:
      break;
  }
}

void LiveServer::files_step() {
  switch (files_.step()) {
    case AofFiles::Step::kAgain:
      break;
    case AofFiles::Step::kDone:
      if (state_ == State::kOpening) {
        begin_loader();
      } else {
        begin_serving();
      }
      break;
    case AofFiles::Step::kFailed:
      fail(files_.error());
      break;
    case AofFiles::Step::kWaiting: {
      Disk::Completion completion;
      if (own_.poll({&completion, 1}, static_cast<int64_t>(rng().below(300))) == 1) {
        files_.ended(completion);
      }
      break;
    }
  }
}

void LiveServer::begin_loader() {
  state_ = State::kLoading;
  found_ = !files_.parts().empty();
  const AofLoader::Options options{.parts = files_.parts(),
                                   .has_base = files_.manifest().base.has_value(),
                                   .rdb = {.databases = 16},
                                   .reads = {.block_bytes = 4096, .blocks = 2 + seed_ % 3},
                                   .batches = {.bytes = 300 + seed_ % 7 * 150}};
  loader_ = std::make_unique<AofLoader>(options, own_, engine().load_desk(), engine().page().load);
}

void LiveServer::load_step() {
  switch (loader_->step(clock.now(), 0)) {
    case FileLoader::Step::kAgain:
      break;
    case FileLoader::Step::kFailed:
      fail(loader_->error());
      break;
    case FileLoader::Step::kDone: {
      const std::string base =
          found_ ? std::string() : rdb_file_without_keys({.aof_base = true});
      files_.start(loader_->last_part_bytes(), base, true);
      loader_.reset();
      state_ = State::kStarting;
      break;
    }
  }
}

void LiveServer::begin_serving() {
  state_ = State::kServing;
  if (keeper_ == nullptr) {
    keeper_ =
        std::make_unique<AofKeeper>(AofKeeper::Setup{.token = 1,
                                                     .buffer_bytes = 2 * JournalLane::kBlockBytes,
                                                     .gather_us_max = seed_ / 4 % 2 == 0 ? 1000 : 0,
                                                     .loaded = true},
                                    engine(), clock, own_, files_);
  } else {
    keeper_->start();
    ++loads_done_;
  }
  finish_load(true);
}

void LiveServer::fail(const std::string& error) {
  error_ = error;
  state_ = State::kRefused;
}

void LiveServer::keeper_step() {
  const int64_t wait_us = rng().below(3) != 0 ? 0 : static_cast<int64_t>(rng().below(3'000));
  ++keeper_steps_;
  if (!keeper_->step(finishing_, wait_us)) {
    state_ = State::kOver;
  } else if (engine().load_desk().take_order(LoadDesk::Source::kAof) != nullptr) {
    engine().page().load.loading.set(1);
    keeper_->close();
    state_ = State::kClosing;
  }
}

// --- DEBUG LOADAOF, as the thread of the history does it ---

void LiveServer::close_step() {
  if (keeper_->is_closing()) {
    keeper_->step(/*finishing=*/false, static_cast<int64_t>(rng().below(3'000)));
  } else if (keeper_->is_closed()) {
    engine().load_desk().ask_to_empty();
    state_ = State::kEmptying;
  } else {
    state_ = State::kServing;
    finish_load(false);
  }
}

void LiveServer::empty_step() {
  if (engine().load_desk().is_empty()) {
    files_.open();
    state_ = State::kOpening;
  }
}

void LiveServer::finish_load(bool loaded) {
  engine().page().load.loading.set(0);
  engine().load_desk().finish(loaded);
}

// As the thread of the snapshots, which sleeps until it is woken (dataplane/server/order_loop.h):
// an order that nobody wakes it for is never carried out.
void LiveServer::saver_step() {
  SaveDesk& desk = *engine().save_desk();
  if (saver_rests) {
    return;
  }
  if (saver_ == nullptr) {
    if (!std::exchange(saver_woken_, false)) {
      return;
    }
    const SaveDesk::Order* const order = desk.take_order();
    if (order == nullptr) {
      return;
    }
    const RdbSaver::Options options{
        .temporary = order->aof_base ? order->file : "temp.rdb",
        .name = order->aof_base ? "" : order->file,
        .redis_version = order->redis_version,
        .aof_base = order->aof_base,
        .awaited = order->awaited,
        .format = {.compress = order->compress, .checksum = order->checksum},
        .writes = {.block_bytes = 4096, .blocks = 2 + rng().below(3)}};
    saver_ = std::make_unique<RdbSaver>(options, others_, desk, engine().page().save);
  }
  if (desk.is_given_up()) {
    saver_->give_up();
  }
  const RdbSaver::Step outcome = saver_->step(clock.now(), 0);
  if (outcome != RdbSaver::Step::kAgain) {
    saver_.reset();
    saver_woken_ = true;  // it looks once more before it sleeps
    saves_done_ += outcome == RdbSaver::Step::kDone ? 1 : 0;
    desk.finish(outcome == RdbSaver::Step::kDone);
  }
}

bool LiveServer::settled() {
  const uint64_t current = engine().config().current()->version;
  for (int i = 0; i < engine().worker_count(); ++i) {
    if (engine().worker(i).config().version != current) {
      settling_ = UINT64_MAX;
      return false;
    }
  }
  if (settling_ != current) {
    settling_ = current;
    keeper_steps_ = 0;
  }
  return keeper_steps_ >= 2;
}

std::vector<Answer> LiveServer::ask(const std::vector<Request>& requests, int worker) {
  std::vector<Answer> answers;
  TestClient client(scheduler.connect(worker));
  for (const Request& request : requests) {
    client.add(request, [&answers](const Answer& answer) { answers.push_back(answer); });
  }
  client.send_pipeline();
  for (size_t i = 0; i < kStepsMax && client.awaited() > 0; ++i) {
    step();
    client.receive();
  }
  client.wire().half_close();
  return client.awaited() == 0 ? answers : std::vector<Answer>();
}

bool LiveServer::rest() {
  for (size_t i = 0; i < kRestStepsMax && serving() && !scheduler.quiet(); ++i) {
    step();
  }
  return scheduler.quiet();
}

bool LiveServer::finish() {
  for (size_t i = 0; i < kStepsMax && !scheduler.quiet(); ++i) {
    step();
  }
  finishing_ = true;
  for (size_t i = 0; i < kStepsMax && !is_over(); ++i) {
    step();
  }
  return state_ == State::kOver;
}

void LiveServer::die() {
  disk.crash();
  SaveDesk& desk = *engine().save_desk();
  if (loader_ != nullptr) {
    loader_->give_up();
  }
  for (size_t i = 0;; ++i) {
    desk.give_up();
    finishing_ = true;
    if (state_ == State::kServing || state_ == State::kClosing) {
      keeper_->abandon();
    }
    if (is_over() && saver_ == nullptr && !desk.under_way()) {
      break;
    }
    POLLUX_ASSERT(i < kStepsMax);
    step();
    if (is_over()) {
      saver_step();
    }
  }
  // Workers may still have batches of the loader.
  if (loader_ != nullptr) {
    scheduler.run_until_quiet(20'000);
  }
}

}  // namespace pollux
