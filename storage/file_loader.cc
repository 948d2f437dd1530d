#include "storage/file_loader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "src/base/log.h"

namespace pollux {

namespace {

constexpr int64_t kTellAgainMs = 5'000;
constexpr double kMega = 1 << 20;

}  // namespace

FileLoader::FileLoader(const ReadAhead::Options& reads, const LoadBatches::Options& batches,
                       Disk& disk, LoadSink& sink, LoadBlock& figures)
    : read_options_(reads), disk_(disk), figures_(figures), batches_(batches, sink) {
  figures.loading.set(1);
}

FileLoader::Step FileLoader::step(Instant now, int64_t wait_us) {
  now_ = now;
  const bool worked = work();
  if (stage_ == Stage::kEnded) {
    return done_ ? Step::kDone : Step::kFailed;
  }
  std::array<Disk::Completion, 16> completions;
  const size_t count = disk_.poll(completions, worked ? 0 : wait_us);
  for (size_t i = 0; i < count; ++i) {
    reads_->ended(completions[i]);
  }
  return Step::kAgain;
}

void FileLoader::give_up() {
  if (stage_ == Stage::kEnded) {
    return;
  }
  if (reads_ != nullptr) {
    reads_->stop();
  }
  stage_ = Stage::kEnding;
}

bool FileLoader::take_all_back(int64_t wait_us) {
  if (batches_.take_all_back()) {
    return true;
  }
  std::array<Disk::Completion, 1> none;
  disk_.poll(none, wait_us);
  return false;
}

// False if there is nothing to do until a read ends or a batch comes back.
bool FileLoader::work() {
  switch (stage_) {
    case Stage::kStart:
      open();
      return true;
    case Stage::kReading:
      tell_progress();
      return read_on();
    case Stage::kBuilding:
      if (batches_.flush()) {
        end_of_feed();
        return true;
      }
      return batches_.take_back() || fail_if_refused();
    case Stage::kClosing:
      return close();
    case Stage::kEnding:
      if (reads_ != nullptr && !reads_->idle()) {
        return false;
      }
      stage_ = Stage::kEnded;
      return true;
    case Stage::kEnded:
      break;
  }
  return true;
}

void FileLoader::open() {
  if (!begun_) {
    begun_ = true;
    began_ = now_;
    told_ms_ = now_.ms();
    figures_.started_s.set(now_.us / 1'000'000);
  }
  file_ = next_file();
  if (file_.empty()) {
    finish();
    done_ = error_.empty();
    stage_ = Stage::kEnding;
    return;
  }
  reads_ = std::make_unique<ReadAhead>(disk_, read_options_);
  if (const int error = reads_->open(file_); error != 0) {
    fail_to_read("opened", error);
    return;
  }
  figures_.total_bytes.set(static_cast<int64_t>(total_bytes()));
  feed_ = &first_feed();
  used_ = 0;
  fed_ = false;
  stage_ = Stage::kReading;
}

bool FileLoader::read_on() {
  if (batches_.starved()) {
    return batches_.take_back() || fail_if_refused();
  }
  if (!fed_) {
    if (!reads_->advance(std::exchange(used_, 0), feed_->window_bytes_min())) {
      if (reads_->error() != 0) {
        fail_to_read("read", reads_->error());
      }
      return reads_->error() != 0;
    }
    feed_->feed(reads_->window(), reads_->following());
    fed_ = true;
  }
  return take();
}

// What is in the window, or until a batch is missing.
bool FileLoader::take() {
  const LoadFeed::Step step = feed_->take();
  if (fail_if_refused()) {
    return true;
  }
  if (step == LoadFeed::Step::kStarved) {
    return false;
  }
  fed_ = false;
  if (step == LoadFeed::Step::kError) {
    fail(file_ + ": " + feed_->error());
    return true;
  }
  used_ = feed_->used();
  figures_.loaded_bytes.set(static_cast<int64_t>(bytes_before_ + feed_->offset()));
  if (step != LoadFeed::Step::kMore) {
    feed_end_ = step;
    stage_ = Stage::kBuilding;
  }
  return true;
}

// All of it is built.
void FileLoader::end_of_feed() {
  if (fail_if_refused()) {
    return;
  }
  feed_->finish();
  feed_ = feed_behind(*feed_, feed_end_);
  if (stage_ != Stage::kBuilding) {
    return;  // it failed
  }
  if (feed_ == nullptr) {
    reads_->stop();
    stage_ = Stage::kClosing;
    return;
  }
  stage_ = Stage::kReading;
}

bool FileLoader::close() {
  if (!reads_->idle()) {
    return false;
  }
  bytes_before_ += reads_->bytes();
  figures_.loaded_bytes.set(static_cast<int64_t>(bytes_before_));
  reads_.reset();
  stage_ = Stage::kStart;
  return true;
}

// --- the log ---

void FileLoader::fail(std::string_view sentence) {
  if (error_.empty()) {
    error_ = sentence;
  }
  give_up();
}

bool FileLoader::fail_if_refused() {
  if (!batches_.any_refused()) {
    return false;
  }
  fail(file_ + ": " + feed_->refusal(batches_.refused()));
  return true;
}

void FileLoader::fail_to_read(std::string_view what, int error) {
  fail(file_ + " can't be " + std::string(what) + ": " +
       (error == ReadAhead::kCutOff
            ? "it has become shorter while it was read. Does somebody write to it? Load a file "
              "that is complete."
            : std::string(std::strerror(error)) + std::string(advice())));
}

void FileLoader::tell_progress() {
  if (now_.ms() - told_ms_ < kTellAgainMs) {
    return;
  }
  told_ms_ = now_.ms();
  const auto total = static_cast<double>(figures_.total_bytes.get());
  const auto loaded = static_cast<double>(figures_.loaded_bytes.get());
  log_line(LogLevel::kNotice, "Loading %s: %.1f%% (%.0f of %.0f Mb), %s", file_.c_str(),
           loaded / total * 100, loaded / kMega, total / kMega, progress().c_str());
}

}  // namespace pollux
