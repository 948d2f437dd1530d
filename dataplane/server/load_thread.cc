#include "dataplane/server/load_thread.h"

#include <array>
#include <utility>

#include "dataplane/server/order_loop.h"
#include "dataplane/server/signals.h"
#include "src/base/cpu.h"
#include "src/base/log.h"
#include "src/base/time.h"

namespace pollux {

namespace {

// So often at least it looks whether there is something to tell of its progress.
constexpr int64_t kWaitMaxUs = 1'000'000;

}  // namespace

LoadThread::LoadThread(LoadDesk& desk, LoadDesk::Source source, bool loads, LoadBlock& figures,
                       std::string& error)
    : desk_(desk), loads_(loads), figures_(figures), disk_(UringDisk::create(error)) {
  desk.set_waker([this] { disk_->wake(); }, source);
  if (loads) {
    figures.loading.set(1);
    desk.set_source(source);
  }
}

int LoadThread::start(std::function<bool()> may_begin, std::function<void()> on_end) {
  may_begin_ = std::move(may_begin);
  on_end_ = std::move(on_end);
  return thread_.start([this] { run(); });
}

void LoadThread::stop() {
  stopping_.store(true);
  disk_->wake();
}

void LoadThread::run() {
  name_thread(name());
  const CrashStack crash_stack;
  if (!may_begin_()) {
    return;
  }
  const int64_t began_ns = monotonic_ns();
  const bool loaded = !loads_ || load(error_);
  seconds_ = static_cast<double>(monotonic_ns() - began_ns) / 1e9;
  if (loaded && loads_) {
    finish_load(true);
  }
  state_.store(loaded ? State::kLoaded : State::kFailed, std::memory_order_release);
  on_end_();
  if (loaded) {
    serve();
  }
}

void LoadThread::finish_load(bool loaded) {
  figures_.loading.set(0);
  desk_.finish(loaded);
}

void LoadThread::fail(const std::string& error) {
  error_ = error;
  state_.store(State::kFailed, std::memory_order_release);
  on_end_();
}

bool LoadThread::empty() {
  desk_.ask_to_empty();
  std::array<Disk::Completion, 1> none;
  while (!desk_.is_empty() && !stopping()) {
    disk_->poll(none, kWaitMaxUs);
  }
  return !stopping();
}

bool LoadThread::run_loader(FileLoader& loader, std::string& error) {
  SystemClock clock;
  FileLoader::Step step = FileLoader::Step::kAgain;
  while (step == FileLoader::Step::kAgain) {
    if (stopping()) {
      loader.give_up();
    }
    step = loader.step(clock.now(), kWaitMaxUs);
  }
  error = loader.error();
  return step == FileLoader::Step::kDone;
}

RdbThread::RdbThread(const Config& config, LoadDesk& desk, LoadBlock& figures, std::string& error)
    : LoadThread(desk, LoadDesk::Source::kRdb, !config.loaded_file.empty(), figures, error) {
  if (error.empty() && !config.loaded_file.empty()) {
    make_loader(config.loaded_file, rdb_format_of(config));
  }
}

void RdbThread::make_loader(const std::string& file, const RdbFileSplitter::Options& format) {
  const RdbLoader::Options options = {.file = file, .format = format};
  loader_ = std::make_unique<RdbLoader>(options, disk(), desk(), figures());
}

bool RdbThread::load(std::string& error) {
  const bool loaded = run_loader(*loader_, error);
  if (loaded) {
    loader_.reset();  // else workers may still have batches of it
  }
  return loaded;
}

void RdbThread::serve() {
  serve_orders(
      disk(), [this] { return stopping(); },
      [this] { return desk().take_order(LoadDesk::Source::kRdb); },
      [this](const LoadDesk::Order& order) { load_again(order); });
}

// What is there then is there, whether the file was good or not, as in Redis.
void RdbThread::load_again(const LoadDesk::Order& order) {
  figures().loading.set(1);
  if (order.empties && !empty()) {
    return;
  }
  std::string error;
  make_loader(order.file, order.format);
  const bool loaded = load(error);
  while (!loaded && !loader_->take_all_back(kWaitMaxUs)) {
    if (stopping()) {
      return;
    }
  }
  loader_.reset();
  if (!loaded) {
    log_line(LogLevel::kWarning, "DEBUG RELOAD: %s What of it was loaded until then stays.",
             error.c_str());
  }
  finish_load(loaded);
}

}  // namespace pollux
