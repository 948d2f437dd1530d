#include "dataplane/dpdk/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <sched.h>

#include <cerrno>
#include <cstdio>

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
      return " Look at dpdk-args: DPDK's own message stands in the log.";
  }
}

// DPDK writes to it under a lock of its own, with a line in one or several pieces.
ssize_t take_message(void* /*cookie*/, const char* bytes, size_t size) {
  static std::string line;
  for (const char c : std::string_view(bytes, size)) {
    if (c != '\n') {
      line += c;
      continue;
    }
    const int level = rte_log_cur_msg_loglevel();
    const bool warns = level > 0 && level <= static_cast<int>(RTE_LOG_WARNING);
    log_line(warns                                       ? LogLevel::kWarning
             : level == static_cast<int>(RTE_LOG_NOTICE) ? LogLevel::kNotice
                                                         : LogLevel::kVerbose,
             "DPDK: %s", line.c_str());
    line.clear();
  }
  return static_cast<ssize_t>(size);
}

}  // namespace

void log_eal_messages() {
  std::FILE* const log = fopencookie(
      nullptr, "w", {.read = nullptr, .write = take_message, .seek = nullptr, .close = nullptr});
  if (log != nullptr) {
    setvbuf(log, nullptr, _IOLBF, BUFSIZ);
    rte_openlog_stream(log);
  }
}

std::string start_eal(const std::vector<std::string>& words) {
  // It changes the order of these, and keeps them.
  static std::vector<std::string> kept;
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
  const int used = rte_eal_init(static_cast<int>(kept.size()), arguments.data());
  const int error = rte_errno;
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
