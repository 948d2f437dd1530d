#include "dataplane/server/load_thread.h"

#include <algorithm>

#include "dataplane/server/signals.h"
#include "src/base/cpu.h"
#include "src/base/time.h"

namespace pollux {

namespace {

// So often at least it looks whether there is something to tell of its progress.
constexpr int64_t kWaitMaxUs = 1'000'000;

RdbLoader::Options options_of(const Config& config) {
  RdbLoader::Options options;
  options.file = config.loaded_file;
  options.format.checksum = config.rdb_checksum;
  options.format.databases = static_cast<uint32_t>(config.databases);
  options.format.text_bytes_max =
      std::max(static_cast<size_t>(config.data.bulk_bytes_max), RdbReader::kTextBytesMax);
  return options;
}

}  // namespace

LoadThread::LoadThread(const Config& config, LoadDesk& desk, LoadBlock& figures,
                       std::string& error)
    : desk_(desk), disk_(UringDisk::create(error)) {
  if (disk_ == nullptr) {
    return;
  }
  loader_ = std::make_unique<RdbLoader>(options_of(config), *disk_, desk, figures);
  desk.set_waker([this] { disk_->wake(); });
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
  name_thread("storage");
  const CrashStack crash_stack;
  if (!may_begin_()) {
    return;
  }
  SystemClock clock;
  const int64_t began_ns = monotonic_ns();
  RdbLoader::Step step = RdbLoader::Step::kAgain;
  while (step == RdbLoader::Step::kAgain) {
    if (stopping_.load()) {
      loader_->give_up();
    }
    step = loader_->step(clock.now(), kWaitMaxUs);
  }
  seconds_ = static_cast<double>(monotonic_ns() - began_ns) / 1e9;
  const bool loaded = step == RdbLoader::Step::kDone;
  if (loaded) {
    desk_.finish();
  }
  state_.store(loaded ? State::kLoaded : State::kFailed, std::memory_order_release);
  on_end_();
}

}  // namespace pollux
