// Where the server's memory is to lie: huge pages, and which node of a machine with several.
// Settled by the main thread, before there are others: they have its policy from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/engine/config.h"
#include "src/base/huge_pages.h"
#include "src/base/page_warmer.h"

namespace pollux {

int64_t machine_memory();

// As the option hugepages says; what has come of it stands in the log. Empty on success, else why
// the server can't start. Behind the network: DPDK takes its own pages first.
std::string choose_huge_pages(const Config& config, int workers, HugePages& pages,
                              PageWarmer& warmer);
// Of keys and values as many as maxmemory (0: as many as come), and what each worker holds beside
// them: a page or two each of chunks, slabs and its arena that are hardly filled.
int64_t bytes_in_huge_pages(int64_t maxmemory, int workers);

// A processor and the node that it belongs to; -1: unknown.
struct CpuNode {
  int cpu = 0;
  int node = -1;
};
std::vector<CpuNode> nodes_of(const std::vector<int>& cpus);

// What the server does about nodes, with a NIC at `nic_node` (-1: none is nearer) and these
// workers.
struct NodePlan {
  int prefer = -1;      // memory is taken of this node as long as it has any; -1: as it comes
  std::string warning;  // workers that reach for all over the way between nodes
};
NodePlan plan_nodes(int nic_node, const std::vector<CpuNode>& workers,
                    const std::vector<CpuNode>& allowed);
// Tells the kernel, for this thread and those that it starts. False, with errno, if it refuses.
bool prefer_node(int node);

// All three for this machine. `workers`: their processors, by index and round again.
void choose_node(int nic_node, const std::vector<int>& cpus, int workers);

}  // namespace pollux
