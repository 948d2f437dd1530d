// The environment of DPDK: memory and drivers of the process. One a process, started while there is
// one thread, and never ended: what the drivers hold goes with the process.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pollux::dpdk {

// From here on what DPDK and its drivers say goes to the server's log. Before start_eal.
void log_eal_messages();

// `words`: as DPDK's programs take them behind their name ("--no-pci", "-a", "0000:03:00.0"). The
// calling thread keeps its processors, which DPDK would change. Returns what is wrong, and what the
// operator can do about it; empty if nothing is.
std::string start_eal(const std::vector<std::string>& words);

// A worker's thread: pools keep what they hand out and take back near each. False: there are too
// many threads.
bool enter_eal_thread();

}  // namespace pollux::dpdk
