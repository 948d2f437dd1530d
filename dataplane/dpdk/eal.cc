#include "dataplane/dpdk/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "src/base/log.h"

namespace pollux::dpdk {

namespace {

std::string_view advice(int error) {
  switch (error) {
    case EACCES:
      return " Reserve huge pages (vm.nr_hugepages) and mount hugetlbfs, or say --in-memory, or do "
             "without: --no-huge -m 512.";
    case EAGAIN:
    case EALREADY:
      return " Another process has this --file-prefix: give each its own, or say --in-memory.";
    case EFAULT:
      return " Tail queues are missing: this build of DPDK does not fit the program.";
    case ENODEV:
      return " A device of dpdk-args can't be taken: is it bound to vfio-pci (dpdk-devbind.py)?";
    default:
      return " Look at dpdk-args: DPDK's own message stands in the log, or on standard error.";
  }
}

// What DPDK has begun to say, under a lock of its own. Looked at behind the end of statics.
std::string& begun_line() {
  static auto& line = *new std::string();
  return line;
}

void end_line() {
  const int level = rte_log_cur_msg_loglevel();
  const bool warns = level > 0 && level <= static_cast<int>(RTE_LOG_WARNING);
  log_line(warns                                       ? LogLevel::kWarning
           : level == static_cast<int>(RTE_LOG_NOTICE) ? LogLevel::kNotice
                                                       : LogLevel::kVerbose,
           "DPDK: %s", begun_line().c_str());
  begun_line().clear();
}

// A line may come in several pieces.
ssize_t take_message(void* /*cookie*/, const char* bytes, size_t size) {
  for (const char c : std::string_view(bytes, size)) {
    if (c == '\n') {
      end_line();
    } else {
      begun_line() += c;
    }
  }
  return static_cast<ssize_t>(size);
}

// Whether rte_eal_init is under way; and its words.
const std::vector<std::string>* starting = nullptr;

// What has no end of line is said, too. And words that let DPDK end the process (--help, with 0)
// are no start that went well.
void before_exit() {
  if (!begun_line().empty()) {
    end_line();
  }
  if (starting == nullptr) {
    return;
  }
  std::string all;
  for (const std::string& word : std::span(*starting).subspan(1)) {
    all += " " + word;
  }
  log_line(LogLevel::kWarning,
           "DPDK has ended the process: dpdk-args are words to start with, and%s asks for "
           "something else, as --help does (dpdk-testpmd --help shows all of them)",
           all.c_str());
  std::fflush(nullptr);
  _exit(1);
}

}  // namespace

void log_eal_messages() {
  std::FILE* const log = fopencookie(
      nullptr, "w", {.read = nullptr, .write = take_message, .seek = nullptr, .close = nullptr});
  if (log != nullptr) {
    setvbuf(log, nullptr, _IOLBF, BUFSIZ);
    rte_openlog_stream(log);
  }
  std::atexit(before_exit);
}

std::string start_eal(const std::vector<std::string>& words) {
  // It changes the order of these, and keeps them.
  static auto& kept = *new std::vector<std::string>();
  static std::vector<char*> arguments;
  kept = {"pollux-server"};
  kept.insert(kept.end(), words.begin(), words.end());
  arguments.clear();
  for (std::string& word : kept) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  cpu_set_t cpus;
  const bool known = sched_getaffinity(0, sizeof cpus, &cpus) == 0;
  starting = &kept;
  const int used = rte_eal_init(static_cast<int>(kept.size()), arguments.data());
  const int error = rte_errno;
  starting = nullptr;
  if (known) {
    sched_setaffinity(0, sizeof cpus, &cpus);
  }
  if (used >= 0 && used + 1 < static_cast<int>(kept.size())) {
    return "dpdk-args: '" + std::string(arguments[static_cast<size_t>(used) + 1]) +
           "' is no option of DPDK's";
  }
  if (used >= 0) {
    return {};
  }
  return "DPDK can't be started: " + std::string(rte_strerror(error)) + "." +
         std::string(advice(error));
}

bool enter_eal_thread() { return rte_thread_register() == 0; }

}  // namespace pollux::dpdk
