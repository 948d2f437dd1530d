#include "dataplane/server/memory_boot.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

#include "src/base/cpu.h"
#include "src/base/log.h"

namespace pollux {

namespace {

constexpr int kNodeMax = 1023;

// The kernel's directory of a processor has a link to its node.
int node_of(int cpu) {
  for (int node = 0; node <= kNodeMax; ++node) {
    char path[96];
    std::snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/node%d", cpu, node);
    if (access(path, F_OK) == 0) {
      return node;
    }
  }
  return -1;
}

std::string list_of(const std::vector<int>& numbers) {
  std::string text;
  for (const int number : numbers) {
    text += (text.empty() ? "" : ",") + std::to_string(number);
  }
  return text;
}

}  // namespace

int64_t machine_memory() {
  return int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
}

int64_t bytes_in_huge_pages(int64_t maxmemory, int workers) {
  // What stays behind FLUSHALL, at most (tests/integration/test_hugepages.py).
  constexpr int64_t kPagesAtRest = 6;
  constexpr int64_t kMost = int64_t{1} << 60;  // more is as much too much, and overflows
  return maxmemory == 0 ? 0
                        : std::min(maxmemory, kMost) +
                              workers * kPagesAtRest * static_cast<int64_t>(HugePages::kPageBytes);
}

std::string choose_huge_pages(const Config& config, int workers, HugePages& pages,
                              PageWarmer& warmer) {
  if (config.huge_pages == HugePageUse::kNo) {
    return {};
  }
  const HugePagesOutlook outlook =
      huge_pages_outlook(bytes_in_huge_pages(config.maxmemory, workers), free_huge_pages());
  if (outlook.missing != 0 && config.huge_pages == HugePageUse::kYes) {
    return outlook.sentence + ". With `hugepages try` the server starts without them";
  }
  log_line(outlook.missing != 0 ? LogLevel::kWarning : LogLevel::kNotice, "%s%s",
           outlook.sentence.c_str(),
           outlook.missing != 0 ? ". What finds none lies in ordinary memory" : "");
  warmer.use(pages);
  return {};
}

std::vector<CpuNode> nodes_of(const std::vector<int>& cpus) {
  std::vector<CpuNode> nodes;
  for (const int cpu : cpus) {
    nodes.push_back({cpu, node_of(cpu)});
  }
  return nodes;
}

NodePlan plan_nodes(int nic_node, const std::vector<CpuNode>& workers,
                    const std::vector<CpuNode>& allowed) {
  NodePlan plan;
  const auto is_known = [](const CpuNode& cpu) { return cpu.node >= 0; };
  if (nic_node < 0 || !std::ranges::all_of(allowed, is_known) ||
      std::ranges::all_of(allowed, [&](const CpuNode& cpu) { return cpu.node == nic_node; })) {
    return plan;
  }
  plan.prefer = nic_node;
  std::vector<int> far;
  std::vector<int> near;
  for (const CpuNode& worker : workers) {
    if (is_known(worker) && worker.node != nic_node) {
      far.push_back(worker.cpu);
    }
  }
  for (const CpuNode& cpu : allowed) {
    if (cpu.node == nic_node) {
      near.push_back(cpu.cpu);
    }
  }
  if (far.empty()) {
    return plan;
  }
  plan.warning = "workers on processors " + list_of(far) + " are on another NUMA node than the " +
                 "NIC (node " + std::to_string(nic_node) + "): each packet and each key is a way " +
                 "to there and back. ";
  plan.warning += near.empty() ? "Allow the server processors of that node (taskset, CPUAffinity=)"
                               : "Pin them there: worker-cpus " + list_of(near) +
                                     (near.size() < workers.size()
                                          ? " with workers " + std::to_string(near.size())
                                          : "");
  return plan;
}

bool prefer_node(int node) {
  constexpr size_t kBits = CHAR_BIT * sizeof(unsigned long);
  unsigned long mask[(kNodeMax + 1) / kBits] = {};
  mask[static_cast<size_t>(node) / kBits] = 1UL << static_cast<size_t>(node) % kBits;
  return syscall(SYS_set_mempolicy, MPOL_PREFERRED, mask, kNodeMax + 1) == 0;
}

void choose_node(int nic_node, const std::vector<int>& cpus, int workers) {
  if (nic_node < 0) {
    return;
  }
  std::vector<int> used;
  for (size_t i = 0; i < std::min(static_cast<size_t>(workers), cpus.size()); ++i) {
    used.push_back(cpus[i]);
  }
  const NodePlan plan = plan_nodes(nic_node, nodes_of(used), nodes_of(allowed_cpus()));
  if (!plan.warning.empty()) {
    log_line(LogLevel::kWarning, "%s", plan.warning.c_str());
  }
  if (plan.prefer >= 0 && !prefer_node(plan.prefer)) {
    log_line(LogLevel::kWarning,
             "memory is taken of any NUMA node, not of the NIC's (%d): %s. numactl --preferred=%d "
             "in front of the server does the same",
             plan.prefer, std::strerror(errno), plan.prefer);
  }
}

}  // namespace pollux
