// Signals: the main thread asks for them (a descriptor), workers never see them. Crash signals
// leave a short report in the log before they end the process.
#pragma once

#include <csignal>
#include <memory>
#include <string>

#include "dataplane/kernel/listener.h"

namespace pollux {

enum class StopSignal : unsigned char { kNone, kTerminate, kInterrupt };

class Signals {
 public:
  Signals() = default;
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Blocks SIGTERM and SIGINT in the calling thread and those it makes from now on; ignores SIGPIPE
  // and SIGHUP. Once, before all else. Returns what went wrong, empty if nothing.
  std::string open();
  // Waits until a stop signal or notify(). kNone after a notify.
  StopSignal wait();
  // Any thread.
  void notify();

 private:
  UniqueFd signal_fd_;
  UniqueFd event_fd_;
};

// From now on SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT write signal, address, version and a
// backtrace to `log_path` (empty: standard output), then take their default action.
void report_crashes(const std::string& log_path);
// While it lives, the thread that made it has a stack for the report in case it overflows its own.
class CrashStack {
 public:
  CrashStack();
  ~CrashStack();  // on the same thread
  CrashStack(const CrashStack&) = delete;
  CrashStack& operator=(const CrashStack&) = delete;

 private:
  stack_t former_{};  // whoever set it (a sanitizer) frees it when the thread ends
  std::unique_ptr<char[]> bytes_;
};

}  // namespace pollux
