#include "dataplane/server/signals.h"

#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "dataplane/engine/version.h"
#include "src/base/assert.h"
#include "src/uring/refusal_text.h"

namespace pollux {

namespace {

constexpr int kCrashSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

constexpr size_t kCrashStackBytes = 64 * 1024;

char crash_log_path[4096];

const char* signal_name(int number) {
  switch (number) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGFPE:
      return "SIGFPE";
    case SIGILL:
      return "SIGILL";
    default:
      return "SIGABRT";
  }
}

// snprintf into a stack buffer is not on the list of async-signal-safe functions; with integers and
// strings glibc's neither allocates nor locks, and the process is lost anyway.
void on_crash(int number, siginfo_t* info, void*) {
  const int fd = crash_log_path[0] == '\0'
                     ? STDOUT_FILENO
                     : open(crash_log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  char line[256];
  const int size = std::snprintf(line, sizeof line,
                                 "%d:M === Pollux %s crashed by signal %s (%d), code %d, address "
                                 "%p; backtrace:\n",
                                 static_cast<int>(getpid()), kPolluxVersion.data(),
                                 signal_name(number), number, info->si_code, info->si_addr);
  void* frames[64];
  if (write(fd, line, static_cast<size_t>(size)) > 0) {
    backtrace_symbols_fd(frames, backtrace(frames, 64), fd);
  }
  // SA_RESETHAND has put the default action back.
  raise(number);
}

}  // namespace

std::string Signals::open() {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of the save
  std::signal(SIGHUP, SIG_IGN);
  signal_fd_.reset(signalfd(-1, &set, SFD_CLOEXEC));
  if (!signal_fd_) {
    return descriptor_refusal("signalfd4", errno);
  }
  event_fd_.reset(eventfd(0, EFD_CLOEXEC));
  return event_fd_ ? std::string() : descriptor_refusal("eventfd2", errno);
}

StopSignal Signals::wait() {
  pollfd fds[2] = {{signal_fd_.get(), POLLIN, 0}, {event_fd_.get(), POLLIN, 0}};
  while (poll(fds, 2, -1) < 0) {
  }
  if ((fds[0].revents & POLLIN) != 0) {
    signalfd_siginfo info;
    if (read(signal_fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      return info.ssi_signo == SIGINT ? StopSignal::kInterrupt : StopSignal::kTerminate;
    }
  }
  uint64_t count = 0;
  if ((fds[1].revents & POLLIN) != 0 && read(event_fd_.get(), &count, sizeof count) < 0) {
    return StopSignal::kNone;
  }
  return StopSignal::kNone;
}

void Signals::notify() {
  const uint64_t one = 1;
  // The counter can't overflow: at most one per thread and stop.
  POLLUX_ASSERT(write(event_fd_.get(), &one, sizeof one) == static_cast<ssize_t>(sizeof one));
}

void report_crashes(const std::string& log_path) {
  std::strncpy(crash_log_path, log_path.c_str(), sizeof crash_log_path - 1);
  void* frame[1];
  backtrace(frame, 1);  // loads what it needs now, not in the handler
  for (const int number : kCrashSignals) {
    struct sigaction action {};
    action.sa_sigaction = on_crash;
    action.sa_flags = static_cast<int>(SA_SIGINFO | SA_RESETHAND | SA_ONSTACK | SA_NODEFER);
    sigaction(number, &action, nullptr);
  }
}

CrashStack::CrashStack() : bytes_(std::make_unique<char[]>(kCrashStackBytes)) {
  stack_t mine{};
  mine.ss_sp = bytes_.get();
  mine.ss_size = kCrashStackBytes;
  sigaltstack(&mine, &former_);
}

CrashStack::~CrashStack() { sigaltstack(&former_, nullptr); }

}  // namespace pollux
