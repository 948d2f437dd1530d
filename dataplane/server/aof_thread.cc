#include "dataplane/server/aof_thread.h"

#include <unistd.h>

#include <array>

#include "src/base/log.h"
#include "src/base/time.h"
#include "storage/rdb_file_writer.h"

namespace pollux {

namespace {

// Of the operations of the files at the disk; those of reads are small numbers.
constexpr uint64_t kFilesToken = uint64_t{1} << 32;

}  // namespace

AofThread::AofThread(const Config& config, LoadDesk& desk, LoadBlock& figures, std::string& error)
    : LoadThread(desk, figures, error), config_(config) {
  if (error.empty()) {
    files_ = std::make_unique<AofFiles>(
        AofFiles::Options{
            .names = {.directory = config.append_dir, .file = config.append_file},
            .token = kFilesToken},
        disk());
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
  files_->start(last_part_bytes, base, config_.aof_rdb_preamble);
  return run_files(error);
}

void AofThread::begin_loader() {
  AofLoader::Options options;
  options.parts = files_->parts();
  options.has_base = files_->manifest().base.has_value();
  options.load_truncated = config_.aof_load_truncated;
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
             config_.append_dir.c_str(), config_.db_file.c_str());
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
  if (!config_.aof_rdb_preamble) {
    return {};
  }
  return rdb_file_without_keys({.redis_version = config_.compat_redis_version,
                                .created_s = SystemClock().now().us / 1'000'000,
                                .aof_base = true});
}

void AofThread::serve() {}

}  // namespace pollux
