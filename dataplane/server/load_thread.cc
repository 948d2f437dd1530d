#include "dataplane/server/load_thread.h"

#include <algorithm>
#include <utility>

#include "dataplane/server/signals.h"
#include "src/base/cpu.h"
#include "src/base/time.h"

namespace pollux {

namespace {

// So often at least it looks whether there is something to tell of its progress.
constexpr int64_t kWaitMaxUs = 1'000'000;

}  // namespace

RdbFileSplitter::Options rdb_format_of(const Config& config) {
  RdbFileSplitter::Options format;
  format.checksum = config.rdb_checksum;
  format.databases = static_cast<uint32_t>(config.databases);
  format.text_bytes_max =
      std::max(static_cast<size_t>(config.data.bulk_bytes_max), RdbReader::kTextBytesMax);
  return format;
}

LoadThread::LoadThread(LoadDesk* desk, LoadBlock& figures, std::string& error)
    : desk_(desk), figures_(figures), disk_(UringDisk::create(error)) {
  if (desk != nullptr) {
    figures.loading.set(1);
    desk->set_waker([this] { disk_->wake(); });
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
  const bool loaded = desk_ == nullptr || load(error_);
  seconds_ = static_cast<double>(monotonic_ns() - began_ns) / 1e9;
  if (loaded && desk_ != nullptr) {
    figures_.loading.set(0);
    desk_->finish();
  }
  state_.store(loaded ? State::kLoaded : State::kFailed, std::memory_order_release);
  on_end_();
  if (loaded) {
    serve();
  }
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
    : LoadThread(&desk, figures, error) {
  if (error.empty()) {
    const RdbLoader::Options options = {.file = config.loaded_file,
                                        .format = rdb_format_of(config)};
    loader_ = std::make_unique<RdbLoader>(options, disk(), desk, figures);
  }
}

bool RdbThread::load(std::string& error) {
  const bool loaded = run_loader(*loader_, error);
  if (loaded) {
    loader_.reset();  // else workers may still have batches of it
  }
  return loaded;
}

}  // namespace pollux
