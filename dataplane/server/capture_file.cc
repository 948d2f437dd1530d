#include "dataplane/server/capture_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <ctime>
#include <utility>

#include "dataplane/tcp/wire/pcapng.h"
#include "src/base/log.h"
#include "src/base/time.h"

namespace pollux {

namespace {

constexpr size_t kChunkBytes = 1 << 20;
// Whoever has copied a frame has handed it over by then, unless its processor was taken from it: so
// frames of all workers stand in the order of their times, and what is taken at once has an end.
constexpr int64_t kSettledNs = 1'000'000;

// UTC, as in captures.
std::string name_now() {
  const std::time_t now = SystemClock().now().us / 1'000'000;
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 64> name{};
  std::strftime(name.data(), name.size(), "net-capture-%Y%m%dT%H%M%SZ", &parts);
  return name.data();
}

// Never over another, and for the owner alone: it holds what clients keep here.
UniqueFd make_file(std::string& name) {
  const std::string stem = name_now();
  UniqueFd file;
  for (int attempt = 0; attempt < 100; ++attempt) {
    name = stem + (attempt == 0 ? "" : "-" + std::to_string(attempt)) + ".pcapng";
    file = UniqueFd(open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file || errno != EEXIST) {
      break;
    }
  }
  return file;
}

}  // namespace

bool CaptureFile::write() {
  const bool wanted = capture_.is_wanted();  // before the frames: these are the last then
  if (!wanted && !file_) {
    set_over(false);
  }
  if (wanted && !file_ && !over_) {
    begin();
  }
  take_until({monotonic_ns() - (wanted ? kSettledNs : 0)});
  if (file_ && !wanted) {
    end("ended");
  }
  return wanted;
}

void CaptureFile::finish() {
  write();
  take_until({monotonic_ns()});
  if (file_) {
    end("ended with the server");
  }
}

void CaptureFile::begin() {
  file_ = make_file(name_);
  if (!file_) {
    set_over(true);
    log_line(LogLevel::kWarning,
             "net-capture: can't make %s: %s. Set dir to a folder that can be written to, empty "
             "net-capture, and set it again",
             name_.c_str(), std::strerror(errno));
    return;
  }
  log_line(LogLevel::kNotice,
           "net-capture: frames of the chosen peers go to %s in dir, up to %" PRId64
           " bytes; an empty net-capture ends it",
           name_.c_str(), bytes_max_);
  epoch_ns_ = SystemClock().now().us * 1'000 - monotonic_ns();
  bytes_ = 0;
  frames_ = 0;
  lost_before_ = capture_.lost();
  waiting_.clear();
  tcp::append_pcapng_section(waiting_);
  for (int worker = 0; worker < capture_.workers(); ++worker) {
    tcp::append_pcapng_interface(waiting_, "worker " + std::to_string(worker),
                                 tcp::CapturedFrame::kBytesMax);
  }
}

void CaptureFile::set_over(bool over) {
  over_ = over;
  capture_.set_open(!over);
}

void CaptureFile::take_until(tcp::Moment until) {
  if (file_ && (!write_until(until) || !put_out())) {
    set_over(true);
  }
  while (!file_ && capture_.next(until) != nullptr) {
    capture_.done();
  }
}

bool CaptureFile::write_until(tcp::Moment until) {
  using Direction = tcp::PcapngFrame::Direction;
  while (const tcp::CapturedFrame* const frame = capture_.next(until)) {
    const size_t before = waiting_.size();
    tcp::append_pcapng_frame(waiting_,
                             {.interface = frame->worker,
                              .ns = frame->at_ns + epoch_ns_,
                              .captured = frame->captured(),
                              .size = frame->size,
                              .direction = frame->sent ? Direction::kSent : Direction::kReceived});
    capture_.done();
    if (bytes_ + static_cast<int64_t>(waiting_.size()) > bytes_max_) {
      waiting_.resize(before);
      if (put_out()) {
        end("is full (net-capture-max)");
      }
      return false;
    }
    ++waiting_frames_;
    if (waiting_.size() >= kChunkBytes && !put_out()) {
      return false;
    }
  }
  return true;
}

bool CaptureFile::put_out() {
  std::string_view rest = waiting_;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      const int error = written < 0 ? errno : ENOSPC;
      // It ends with a whole block, or with what the disk makes of it.
      [[maybe_unused]] const int cut = ftruncate(file_.get(), bytes_);
      end(std::strerror(error));
      return false;
    }
    rest.remove_prefix(static_cast<size_t>(written));
  }
  bytes_ += static_cast<int64_t>(waiting_.size());
  frames_ += std::exchange(waiting_frames_, 0);
  waiting_.clear();
  return true;
}

void CaptureFile::end(const char* why) {
  file_ = UniqueFd();
  waiting_ = std::string();
  log_line(LogLevel::kNotice,
           "net-capture: %s in dir: %s; %" PRIu64 " frames, %" PRIu64
           " more were lost because the disk did not keep up",
           name_.c_str(), why, frames_,
           capture_.lost() - lost_before_ + std::exchange(waiting_frames_, 0));
}

}  // namespace pollux
