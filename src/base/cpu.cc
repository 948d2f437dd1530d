#include "src/base/cpu.h"

#include <cpuid.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace pollux {

namespace {

// Takes the decimal number at the front of `text`.
bool take_number(std::string_view& text, int& value) {
  const char* const end = text.data() + text.size();
  const bool digit = !text.empty() && text[0] >= '0' && text[0] <= '9';
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (!digit || error != std::errc()) {
    return false;
  }
  text.remove_prefix(static_cast<size_t>(rest - text.data()));
  return value <= kCpuMax;
}

bool take_char(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

// Words of CPUID, by leaf and register, that hold the features of x86-64-v3.
struct CpuidWords {
  unsigned leaf1_ecx = 0;
  unsigned leaf7_ebx = 0;
  unsigned extended1_ecx = 0;
  bool os_saves_ymm = false;
};

CpuidWords read_cpuid() {
  CpuidWords words;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) != 0) {
    words.leaf1_ecx = c;
  }
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0) {
    words.leaf7_ebx = b;
  }
  if (__get_cpuid(0x80000001, &a, &b, &c, &d) != 0) {
    words.extended1_ecx = c;
  }
  constexpr unsigned kOsXsave = 1U << 27;
  if ((words.leaf1_ecx & kOsXsave) != 0) {
    unsigned low = 0;
    unsigned high = 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    words.os_saves_ymm = (low & 6) == 6;
  }
  return words;
}

}  // namespace

std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) {
    return cpus;
  }
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) {
      cpus.push_back(cpu);
    }
  }
  return cpus;
}

std::optional<std::vector<int>> parse_cpu_list(std::string_view text) {
  std::vector<int> cpus;
  std::vector<bool> seen(kCpuMax + 1);
  do {
    int first = 0;
    if (!take_number(text, first)) {
      return std::nullopt;
    }
    int last = first;
    int step = 1;
    if (take_char(text, '-') && (!take_number(text, last) || last < first)) {
      return std::nullopt;
    }
    if (take_char(text, ':') && (!take_number(text, step) || step == 0)) {
      return std::nullopt;
    }
    for (int cpu = first; cpu <= last; cpu += step) {
      if (!seen[static_cast<size_t>(cpu)]) {
        seen[static_cast<size_t>(cpu)] = true;
        cpus.push_back(cpu);
      }
    }
  } while (take_char(text, ','));
  if (!text.empty()) {
    return std::nullopt;
  }
  return cpus;
}

bool pin_thread(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof(set), &set) == 0;
}

void name_thread(const char* name) {
  char cut[16] = {};
  std::strncpy(cut, name, sizeof(cut) - 1);
  pthread_setname_np(pthread_self(), cut);
}

void lower_thread_priority() {
  // A seventieth of a core where others want all of it. SCHED_IDLE would be a 300th, and for a
  // process without privileges no way back.
  constexpr int kNice = 19;
  // On Linux this is of the thread. A refusal changes nothing that matters.
  setpriority(PRIO_PROCESS, 0, kNice);
}

std::string missing_cpu_features() {
  std::string missing;
  [[maybe_unused]] const CpuidWords words = read_cpuid();
  [[maybe_unused]] auto need = [&missing](const char* name, bool there) {
    if (!there) {
      missing += missing.empty() ? "" : " ";
      missing += name;
    }
  };
#ifdef __AVX2__
  need("avx", (words.leaf1_ecx >> 28 & 1) != 0 && words.os_saves_ymm);
  need("avx2", (words.leaf7_ebx >> 5 & 1) != 0);
#endif
#ifdef __FMA__
  need("fma", (words.leaf1_ecx >> 12 & 1) != 0);
#endif
#ifdef __MOVBE__
  need("movbe", (words.leaf1_ecx >> 22 & 1) != 0);
#endif
#ifdef __F16C__
  need("f16c", (words.leaf1_ecx >> 29 & 1) != 0);
#endif
#ifdef __BMI__
  need("bmi1", (words.leaf7_ebx >> 3 & 1) != 0);
#endif
#ifdef __BMI2__
  need("bmi2", (words.leaf7_ebx >> 8 & 1) != 0);
#endif
#ifdef __LZCNT__
  need("lzcnt", (words.extended1_ecx >> 5 & 1) != 0);
#endif
  return missing;
}

}  // namespace pollux
