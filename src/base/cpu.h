// The machine's processors: which this process may use, pinning, and whether the instruction set
// that the build was made for is there.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pollux {

inline constexpr int kCpuMax = 1023;  // glibc's cpu_set_t holds 1,024

// The processors of the affinity mask, ascending.
std::vector<int> allowed_cpus();

// Parses Redis' CPU list form: "0,2,4-7" and "1-9:2". In the order written, without repeats.
// Nothing if it is empty or malformed, or names a processor over kCpuMax.
std::optional<std::vector<int>> parse_cpu_list(std::string_view text);

// Pins the calling thread. False, with errno, if the kernel refuses.
bool pin_thread(int cpu);
// The calling thread gives way to others of the process.
void lower_thread_priority();
// For ps, top and gdb; the kernel keeps 15 bytes.
void name_thread(const char* name);

// Empty if the processor has all that the build needs, else the names of what is missing.
std::string missing_cpu_features();

}  // namespace pollux
