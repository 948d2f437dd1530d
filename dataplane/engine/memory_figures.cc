#include "dataplane/engine/memory_figures.h"

#include <fcntl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "dataplane/engine/config.h"
#include "dataplane/engine/engine.h"
#include "dataplane/engine/info_text.h"
#include "src/base/arena.h"

namespace pollux {

namespace {

int64_t resident_bytes() {
  const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  char text[128] = {};
  long long pages = 0;
  if (fd >= 0) {
    if (read(fd, text, sizeof text - 1) > 0) {
      std::sscanf(text, "%*s %lld", &pages);
    }
    close(fd);
  }
  return pages * sysconf(_SC_PAGESIZE);
}

void add_used(InfoText& info, const MemoryFigures& figures) {
  info.add_bytes("used_memory", figures.used());
  info.add_bytes("used_memory_rss", figures.resident);
  info.add_bytes("used_memory_peak", figures.peak);
  info.add_real("used_memory_peak_perc", ratio(figures.used(), figures.peak) * 100, 2, "%");
  info.add("used_memory_overhead", figures.overhead());
  info.add("used_memory_startup", 0);
  info.add("used_memory_dataset", figures.dataset());
  info.add_real("used_memory_dataset_perc",
                ratio(figures.dataset(), figures.used()) * 100, 2, "%");
  info.add("allocator_allocated", figures.allocated);
  info.add("allocator_active", figures.active);
  info.add("allocator_resident", figures.in_pages);
}

void add_scripts(InfoText& info) {
  info.add_bytes("used_memory_lua", 0);
  info.add("used_memory_vm_eval", 0);
  info.add("used_memory_scripts_eval", 0);
  info.add("number_of_cached_scripts", 0);
  info.add("number_of_functions", 0);
  info.add("number_of_libraries", 0);
  info.add("used_memory_vm_functions", 0);
  info.add_bytes("used_memory_vm_total", 0);
  info.add("used_memory_functions", 0);
  info.add_bytes("used_memory_scripts", 0);
}

void add_fragmentation(InfoText& info, const MemoryFigures& figures) {
  const auto add_pair = [&info](std::string_view name, int64_t larger, int64_t smaller) {
    info.add_real(std::string(name) + "_ratio", ratio(larger, smaller), 2);
    info.add(std::string(name) + "_bytes", larger - smaller);
  };
  add_pair("allocator_frag", figures.active, figures.allocated);
  add_pair("allocator_rss", figures.in_pages, figures.active);
  add_pair("rss_overhead", figures.resident, figures.in_pages);
  add_pair("mem_fragmentation", figures.resident, figures.used());
}

}  // namespace

MemoryFigures memory_figures(Engine& engine) {
  MemoryFigures figures;
  figures.data = engine.sum(&CoreBlock::data_bytes);
  figures.tables = engine.sum(&CoreBlock::overhead_bytes);
  figures.clients = engine.sum(&CoreBlock::client_bytes);
  figures.peak = std::max(engine.sum(&CoreBlock::memory_peak_bytes), figures.used());
  figures.keys = engine.sum(&CoreBlock::keys);
  figures.client_count = engine.sum(&CoreBlock::clients);
  const AllocatorStats allocator = allocator_stats();
  const int64_t mapped = engine.sum(&CoreBlock::mapped_bytes);
  figures.allocated = allocator.allocated + mapped - engine.sum(&CoreBlock::spare_bytes);
  figures.active = allocator.active + mapped;
  figures.in_pages = allocator.resident + mapped;
  figures.resident = resident_bytes();
  if (const HugePages* const huge = engine.huge_pages(); huge != nullptr) {
    // The system does not count them as resident.
    figures.resident += huge->pages() * static_cast<int64_t>(HugePages::kPageBytes);
  }
  return figures;
}

void add_memory_info(InfoText& info, Engine& engine, const Config& config) {
  const MemoryFigures figures = memory_figures(engine);
  struct sysinfo system {};
  sysinfo(&system);
  info.section("Memory");
  add_used(info, figures);
  info.add_bytes("total_system_memory",
                 static_cast<int64_t>(system.totalram) * static_cast<int64_t>(system.mem_unit));
  add_scripts(info);
  info.add_bytes("maxmemory", config.maxmemory);
  info.add("maxmemory_policy", ConfigStore::text(config, "maxmemory-policy"));
  add_fragmentation(info, figures);
  info.add("mem_not_counted_for_evict", figures.clients);
  info.add("mem_replication_backlog", 0);
  info.add("mem_total_replication_buffers", 0);
  info.add("mem_clients_slaves", 0);
  info.add("mem_clients_normal", figures.clients);
  info.add("mem_cluster_links", 0);
  info.add("mem_aof_buffer", 0);
#ifdef POLLUX_JEMALLOC
  info.add("mem_allocator", "jemalloc");
#else
  info.add("mem_allocator", "libc");
#endif
  info.add("active_defrag_running", 0);
  info.add("lazyfree_pending_objects", engine.sum(&CoreBlock::dead_objects));
  info.add("lazyfreed_objects", engine.sum(&CoreBlock::freed_objects));
}

}  // namespace pollux
