#include "dataplane/server/aof_thread.h"

#include <unistd.h>

#include <array>
#include <climits>

#include "dataplane/engine/aof_keeper.h"
#include "src/base/log.h"
#include "src/base/time.h"
#include "storage/rdb_file_writer.h"

namespace pollux {

namespace {

// Of the operations of the files at the disk; those of reads are small numbers.
constexpr uint64_t kFilesToken = uint64_t{1} << 32;
constexpr uint64_t kWriterToken = kFilesToken + 1;
// See AofWriter::Options.
constexpr int64_t kGatherUsMax = 1000;
// So often at least it looks whether a base is done.
constexpr int64_t kWaitMaxUs = 100'000;

// CONFIG SET dir does not move a history.
std::string absolute(const std::string& name) {
  char here[PATH_MAX];
  return getcwd(here, sizeof here) != nullptr ? std::string(here) + "/" + name : name;
}

}  // namespace

AofThread::AofThread(const Config& config, Engine& engine, std::string& error)
    : LoadThread(engine.load_desk(), LoadDesk::Source::kAof, config.append_only,
                 engine.page().load, error),
      config_(config),
      engine_(engine) {
  if (error.empty()) {
    files_ = std::make_unique<AofFiles>(
        AofFiles::Options{
            .names = {.directory = absolute(config.aof.directory), .file = config.aof.file},
            .token = kFilesToken},
        disk());
    engine.aof_desk()->set_waker([this] { disk().wake(); });
    engine.journal()->set_promises(config.append_only);
  }
}

AofThread::~AofThread() = default;

bool AofThread::load(std::string& error) {
  files_->open();
  if (!run_files(error)) {
    return false;
  }
  const bool found = !files_->parts().empty();
  if (!found) {
    warn_of_rdb_file();
  }
  begin_loader();
  if (!run_loader(*loader_, error)) {
    return false;  // workers may still have batches of it
  }
  const uint64_t last_part_bytes = loader_->last_part_bytes();
  loader_.reset();
  const std::string base = found ? std::string() : empty_base();
  files_->start(last_part_bytes, base, config_.aof.rdb_base);
  return run_files(error);
}

void AofThread::begin_loader() {
  AofLoader::Options options;
  options.parts = files_->parts();
  options.has_base = files_->manifest().base.has_value();
  options.load_truncated = config_.aof.load_truncated;
  options.rdb = rdb_format_of(config_);
  options.aof.bulk_bytes_max = options.rdb.text_bytes_max;
  loader_ = std::make_unique<AofLoader>(options, disk(), desk(), figures());
}

// As redis-server does it; there, nothing says so.
void AofThread::warn_of_rdb_file() const {
  if (access(config_.db_file.c_str(), F_OK) == 0) {
    log_line(LogLevel::kWarning,
             "There is no append-only history in %s yet, so the server starts without keys: the "
             "RDB file %s is NOT loaded with appendonly yes. If its keys are wanted, stop now, "
             "keep a copy of the file, and start with appendonly no",
             config_.aof.directory.c_str(), config_.db_file.c_str());
  }
}

bool AofThread::run_files(std::string& error) {
  for (;;) {
    switch (files_->step()) {
      case AofFiles::Step::kAgain:
        break;
      case AofFiles::Step::kDone:
        return true;
      case AofFiles::Step::kFailed:
        error = files_->error();
        return false;
      case AofFiles::Step::kWaiting: {
        std::array<Disk::Completion, 1> completion;
        if (disk().poll(completion, /*wait_us=*/-1) == 1) {
          files_->ended(completion[0]);
        }
        break;
      }
    }
  }
}

// As redis-server makes one: with aof-use-rdb-preamble no, a file without a byte.
std::string AofThread::empty_base() const {
  if (!config_.aof.rdb_base) {
    return {};
  }
  return rdb_file_without_keys({.redis_version = config_.compat_redis_version,
                                .created_s = SystemClock().now().us / 1'000'000,
                                .aof_base = true});
}

// --- appending ---

void AofThread::finish() {
  finishing_.store(true, std::memory_order_release);
  disk().wake();
}

void AofThread::serve() {
  SystemClock clock;
  AofKeeper keeper({.token = kWriterToken,
                    .gather_us_max = kGatherUsMax,
                    .loaded = config_.append_only},
                   engine_, clock, disk(), *files_);
  while (keeper.step(finishing(), kWaitMaxUs)) {
    if (desk().take_order(LoadDesk::Source::kAof) == nullptr) {
      continue;
    }
    if (std::string error; !load_again(keeper, error)) {
      fail(error);
    }
  }
}

// The history is closed, loaded as at the start, and goes on behind that. False if it can't be
// loaded: then it is left as it is, for somebody to repair it, and the server ends, as in Redis.
bool AofThread::load_again(AofKeeper& keeper, std::string& error) {
  figures().loading.set(1);
  keeper.close();
  while (keeper.is_closing()) {
    keeper.step(/*finishing=*/false, kWaitMaxUs);
  }
  if (!keeper.is_closed()) {
    log_line(LogLevel::kWarning,
             "DEBUG LOADAOF: not everything could be written to the append-only history. Nothing "
             "is loaded; the history is made anew");
    finish_load(false);
    return true;
  }
  if (!empty() || !load(error)) {
    return stopping();
  }
  keeper.start();
  finish_load(true);
  return true;
}

}  // namespace pollux
