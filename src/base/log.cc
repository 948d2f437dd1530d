#include "src/base/log.h"

#include <fcntl.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <string>

namespace pollux {

namespace {

constexpr size_t kMessageMax = 1024;

// Both are single words that writers only look at: relaxed is enough, a line that races with a
// change may go either way.
std::atomic<LogLevel> level_now{LogLevel::kNotice};
std::atomic<int> fd_now{STDOUT_FILENO};

// The descriptor of the log file once one was opened. It is never closed: a later file is put in
// its place (dup3), so that a thread in the middle of a write never holds a number of another file.
int file_fd = -1;

size_t write_head(LogLevel level, char* out, size_t size) {
  timeval now;
  gettimeofday(&now, nullptr);
  tm local;
  localtime_r(&now.tv_sec, &local);
  char date[40];
  strftime(date, sizeof(date), "%d %b %Y %H:%M:%S", &local);
  const char mark = ".-*#"[static_cast<int>(level)];
  const int length = std::snprintf(out, size, "%d:M %s.%03d %c ", static_cast<int>(getpid()), date,
                                   static_cast<int>(now.tv_usec / 1000), mark);
  return static_cast<size_t>(length);
}

}  // namespace

bool log_open(std::string_view path) {
  if (path.empty()) {
    fd_now.store(STDOUT_FILENO, std::memory_order_relaxed);
    return true;
  }
  const std::string name(path);
  const int fd = open(name.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return false;
  }
  if (file_fd < 0) {
    file_fd = fd;
  } else {
    const int put = dup3(fd, file_fd, O_CLOEXEC);
    close(fd);
    if (put < 0) {
      return false;
    }
  }
  fd_now.store(file_fd, std::memory_order_relaxed);
  return true;
}

void log_to_stderr() {
  fd_now.store(STDERR_FILENO, std::memory_order_relaxed);
}

void log_set_level(LogLevel level) {
  level_now.store(level, std::memory_order_relaxed);
}
LogLevel log_level() {
  return level_now.load(std::memory_order_relaxed);
}

void log_line(LogLevel level, const char* format, ...) {
  if (level < log_level()) {
    return;
  }
  constexpr size_t kHeadMax = 80;
  char line[kHeadMax + kMessageMax + 1];
  size_t size = write_head(level, line, kHeadMax);
  va_list args;
  va_start(args, format);
  const int length = std::vsnprintf(line + size, kMessageMax + 1, format, args);
  va_end(args);
  size += std::min(static_cast<size_t>(std::max(length, 0)), kMessageMax);
  line[size++] = '\n';
  // One write per line, so that lines of several threads don't mix. Where a log can't be written
  // there is nobody to tell.
  if (write(fd_now.load(std::memory_order_relaxed), line, size) < 0) {
    return;
  }
}

}  // namespace pollux
