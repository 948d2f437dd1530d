#include "src/base/huge_pages.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "src/base/assert.h"
#include "src/base/log.h"

namespace pollux {

namespace {

constexpr char kPool[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/";

// This size, whatever the machine's default is.
constexpr int kMapPage = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 21 << MAP_HUGE_SHIFT;

void* map_page() {
  void* const page =
      mmap(nullptr, HugePages::kPageBytes, PROT_READ | PROT_WRITE, kMapPage, /*fd=*/-1, 0);
  if (page == MAP_FAILED) {
    return nullptr;
  }
  // Refused for want of a page this is ENOMEM or EFAULT; EINVAL is a kernel that can't (before
  // 5.14), where the first access touches it.
  if (madvise(page, HugePages::kPageBytes, MADV_POPULATE_WRITE) != 0 && errno != EINVAL) {
    munmap(page, HugePages::kPageBytes);
    return nullptr;
  }
  return page;
}

void unmap_page(void* page) {
  munmap(page, HugePages::kPageBytes);
}

int64_t read_pool(const char* name) {
  char path[128];
  std::snprintf(path, sizeof path, "%s%s", kPool, name);
  std::FILE* const file = std::fopen(path, "re");
  long long pages = 0;
  if (file != nullptr) {
    if (std::fscanf(file, "%lld", &pages) != 1) {
      pages = 0;
    }
    std::fclose(file);
  }
  return pages;
}

}  // namespace

HugePages::System HugePages::kernel() {
  return {.map = map_page, .unmap = unmap_page};
}

HugePages::~HugePages() {
  POLLUX_ASSERT(pages_ == 0);
}

char* HugePages::take(size_t bytes) {
  POLLUX_ASSERT(has_blocks_of(bytes));
  return bytes == kPageBytes ? take_page() : take_unit();
}

char* HugePages::take_page() {
  auto* const page = static_cast<char*>(system_.map());
  int64_t in_use = 0;
  {
    const std::lock_guard lock(mutex_);
    if (page != nullptr) {
      ++pages_;
      whole_.insert(page);
      return page;
    }
    in_use = pages_;
    if (shortages_++ != 0) {
      return nullptr;
    }
  }
  log_line(LogLevel::kWarning,
           "hugepages: none is left behind %lld in use; what comes now lies in ordinary memory. "
           "Reserve more (sysctl vm.nr_hugepages), or lower maxmemory",
           static_cast<long long>(in_use));
  return nullptr;
}

char* HugePages::take_unit() {
  char* block = nullptr;
  bool touched = false;
  {
    const std::lock_guard lock(mutex_);
    if (!open_.empty()) {
      char* const page = open_.back();
      Parts& parts = parts_[page];
      const int unit = std::countr_one(parts.used);
      const auto bit = static_cast<uint8_t>(1U << unit);
      block = page + static_cast<size_t>(unit) * kUnitBytes;
      touched = (parts.touched & bit) != 0;
      parts.used |= bit;
      parts.touched |= bit;
      if (parts.used == kAll) {
        open_.pop_back();
      }
    }
  }
  if (touched) {
    std::memset(block, 0, kUnitBytes);
  }
  if (block != nullptr) {
    return block;
  }
  char* const page = take_page();
  if (page != nullptr) {
    const std::lock_guard lock(mutex_);
    whole_.erase(page);
    parts_[page] = {.used = 1, .touched = 1};
    // To the front: what somebody opened meanwhile is filled first.
    open_.insert(open_.begin(), page);
  }
  return page;
}

bool HugePages::give_back(char* block, size_t bytes) {
  if (!has_blocks_of(bytes)) {
    return false;
  }
  char* const page = block - reinterpret_cast<uintptr_t>(block) % kPageBytes;
  {
    const std::lock_guard lock(mutex_);
    if (bytes == kPageBytes) {
      if (whole_.erase(block) == 0) {
        return false;
      }
    } else {
      const auto found = parts_.find(page);
      if (found == parts_.end()) {
        return false;
      }
      const auto unit = static_cast<size_t>(block - page) / kUnitBytes;
      uint8_t& used = found->second.used;
      if (used == kAll) {
        open_.push_back(page);
      }
      used &= static_cast<uint8_t>(~(1U << unit));
      if (used != 0) {
        return true;
      }
      parts_.erase(found);
      std::erase(open_, page);
    }
    --pages_;
  }
  system_.unmap(page);
  return true;
}

int64_t HugePages::pages() const {
  const std::lock_guard lock(mutex_);
  return pages_;
}

int64_t HugePages::shortages() const {
  const std::lock_guard lock(mutex_);
  return shortages_;
}

int64_t free_huge_pages() {
  return std::max<int64_t>(read_pool("free_hugepages") - read_pool("resv_hugepages"), 0);
}

HugePagesOutlook huge_pages_outlook(int64_t bytes, int64_t free_pages) {
  constexpr auto kPage = static_cast<int64_t>(HugePages::kPageBytes);
  // Pages are never all full: 96 MB of a million keys took 48 of them, 100.7 MB.
  const int64_t wanted = std::max<int64_t>((bytes + bytes / 8 + kPage - 1) / kPage, 1);
  const int64_t missing = std::max<int64_t>(wanted - free_pages, 0);
  std::string sentence = "hugepages: " + std::to_string(free_pages) + " of 2 MB are free";
  if (missing != 0) {
    sentence += bytes != 0 ? ", maxmemory takes up to " + std::to_string(wanted) : "";
    sentence += ": " + std::to_string(missing) +
                " are missing. Reserve them (add so many to sysctl vm.nr_hugepages, early after "
                "boot, for later memory may be in pieces)";
    sentence += bytes != 0 ? ", or lower maxmemory" : "";
  }
  return {.missing = missing, .sentence = std::move(sentence)};
}

}  // namespace pollux
