// Huge pages of the process, 2 MiB each, from those that the operator has reserved
// (vm.nr_hugepages). One that nothing stands in goes back to the kernel as a whole: of less it
// would take nothing. When there are none left the caller takes ordinary memory, and the log says
// so once.
//
// A page is touched before it is handed out, so what a limit of the kernel's refuses (a cgroup's,
// hugetlb.2MB.max) is a null here, and not the end of the process at the first access.
//
// Any thread. The lock is held for some instructions, not while the kernel clears a page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace pollux {

class HugePages {
 public:
  static constexpr size_t kPageBytes = 2 << 20;
  // Smaller blocks share a page.
  static constexpr size_t kUnitBytes = 256 << 10;

  // Where pages come from; tests have another.
  struct System {
    void* (*map)();  // one page, touched; null if there is none
    void (*unmap)(void* page);
  };
  HugePages() : HugePages(kernel()) {}
  explicit HugePages(System system) : system_(system) {}
  ~HugePages();  // Requires that all was given back.
  HugePages(const HugePages&) = delete;
  HugePages& operator=(const HugePages&) = delete;
  static System kernel();

  // Blocks of other sizes than these two there are not.
  static constexpr bool has_blocks_of(size_t bytes) {
    return bytes == kPageBytes || bytes == kUnitBytes;
  }
  // Its bytes are zero. Null: there is none.
  char* take(size_t bytes);
  // False if the block is none of these.
  bool give_back(char* block, size_t bytes);

  int64_t pages() const;      // in use
  int64_t shortages() const;  // how often there was none

 private:
  // Of a page in parts, by its units.
  struct Parts {
    uint8_t used = 0;
    uint8_t touched = 0;
  };
  static constexpr uint8_t kAll = 0xff;
  static_assert(kPageBytes / kUnitBytes == 8);

  char* take_page();
  char* take_unit();

  const System system_;
  mutable std::mutex mutex_;
  int64_t pages_ = 0;
  int64_t shortages_ = 0;
  std::unordered_set<char*> whole_;
  std::unordered_map<char*, Parts> parts_;
  std::vector<char*> open_;  // of these, those that are not full
};

// Of pages of 2 MiB, those that are reserved and that nobody has or was promised. 0 where the
// kernel has no such pages.
int64_t free_huge_pages();

// Whether a server may start, and what its log is to say, when it wants pages for `bytes` (0: as
// many as come) and so many are free.
struct HugePagesOutlook {
  int64_t missing = 0;
  std::string sentence;
};
HugePagesOutlook huge_pages_outlook(int64_t bytes, int64_t free_pages);

}  // namespace pollux
