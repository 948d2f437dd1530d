// Where the process' memory is: one look at the accounts, the allocator and the system, for INFO,
// MEMORY STATS and MEMORY DOCTOR. All in bytes.
//
// used = data + clients, which is what the limits are about. Data is the exact account of all
// shards; what the process needs beside (code, rings, tables of commands) is in the allocator's
// figures only, so the used memory of an empty server is next to nothing.
#pragma once

#include <cstdint>

namespace pollux {

class Engine;
class InfoText;
struct Config;

struct MemoryFigures {
  int64_t data = 0;
  int64_t tables = 0;     // of data: key tables and expiry
  int64_t clients = 0;
  int64_t peak = 0;       // the sum of the workers' peaks: never below the peak of the sum
  int64_t keys = 0;
  int64_t client_count = 0;
  // Given out: by the allocator, in the whole process, and of what shards have mapped.
  int64_t allocated = 0;
  int64_t active = 0;
  int64_t in_pages = 0;   // what the allocator takes to be resident
  int64_t resident = 0;   // what the system does, and huge pages that keys lie in

  int64_t used() const { return data + clients; }
  int64_t overhead() const { return tables + clients; }
  int64_t dataset() const { return used() - overhead(); }
};

MemoryFigures memory_figures(Engine& engine);

// The section "memory" of INFO.
void add_memory_info(InfoText& info, Engine& engine, const Config& config);

}  // namespace pollux
