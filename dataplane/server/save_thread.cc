#include "dataplane/server/save_thread.h"

#include <unistd.h>

#include <climits>
#include <utility>

#include "dataplane/server/order_loop.h"
#include "dataplane/server/signals.h"
#include "src/base/cpu.h"
#include "src/base/log.h"
#include "src/base/time.h"
#include "storage/rdb_saver.h"

namespace pollux {

namespace {

// So often at least it publishes how far it is.
constexpr int64_t kWaitMaxUs = 1'000'000;

// In the directory as it is now.
std::string here() {
  char path[PATH_MAX];
  return getcwd(path, sizeof path) != nullptr ? std::string(path) + "/" : "";
}

// Names are of the directory as it is now, whatever CONFIG SET dir does meanwhile.
RdbSaver::Options options_of(const SaveDesk::Order& order) {
  RdbSaver::Options options;
  if (order.aof_base) {
    options.temporary = order.file;  // of the history's directory, whole
    options.aof_base = true;
  } else {
    options.temporary = temporary_rdb();
    options.name = here() + order.file;
  }
  options.awaited = order.awaited;
  options.redis_version = order.redis_version;
  options.format.compress = order.compress;
  options.format.checksum = order.checksum;
  options.key_delay_ns = order.key_delay_ns;
  return options;
}

}  // namespace

std::string temporary_rdb() {
  return here() + "temp-" + std::to_string(getpid()) + ".rdb";
}

SaveThread::SaveThread(SaveDesk& desk, SaveBlock& figures, std::string& error)
    : desk_(desk), figures_(figures), disk_(UringDisk::create(error)) {
  if (disk_ != nullptr) {
    desk.set_waker([this] { disk_->wake(); });
  }
}

int SaveThread::start(std::function<bool()> may_begin) {
  may_begin_ = std::move(may_begin);
  return thread_.start([this] { run(); });
}

void SaveThread::stop() {
  stopping_.store(true);
  disk_->wake();
}

void SaveThread::run() {
  name_thread("storage");
  // Where it has no processor of its own, it works when the workers sleep.
  lower_thread_priority();
  const CrashStack crash_stack;
  if (may_begin_()) {
    serve_orders(
        *disk_, [this] { return stopping_.load(); }, [this] { return desk_.take_order(); },
        [this](const SaveDesk::Order& order) { save(order); });
  }
  desk_.close();
}

void SaveThread::save(const SaveDesk::Order& order) {
  SystemClock clock;
  const int64_t began_ns = monotonic_ns();
  RdbSaver saver(options_of(order), *disk_, desk_, figures_);
  const char* const what = order.aof_base  ? "Background append only file rewriting"
                           : order.awaited ? "Saving"
                                           : "Background saving";
  if (!order.aof_base) {
    log_line(LogLevel::kNotice, "%s started", what);
  }
  RdbSaver::Step step = RdbSaver::Step::kAgain;
  while (step == RdbSaver::Step::kAgain) {
    if (stopping_.load() || desk_.is_given_up()) {
      saver.give_up();
    }
    step = saver.step(clock.now(), kWaitMaxUs);
  }
  const double seconds = static_cast<double>(monotonic_ns() - began_ns) / 1e9;
  if (step == RdbSaver::Step::kDone) {
    log_line(LogLevel::kNotice, "%s: %s, %lld keys, %lld bytes, %.3f seconds",
             order.aof_base ? "Base of the append only file written" : "DB saved on disk",
             order.file.c_str(), static_cast<long long>(figures_.keys_saved.get()),
             static_cast<long long>(figures_.written_bytes.get()), seconds);
  } else if (saver.error().empty()) {
    log_line(LogLevel::kNotice, "%s was given up after %.3f seconds", what, seconds);
  } else {
    log_line(LogLevel::kWarning, "%s error: %s", what, saver.error().c_str());
  }
  desk_.finish(step == RdbSaver::Step::kDone);
}

}  // namespace pollux
