#include "dataplane/tcp/tables/flow_buckets.h"

#include <sys/mman.h>

#include "src/base/assert.h"

namespace pollux::tcp {

namespace {

constexpr size_t kPageBytes = 4096;

}  // namespace

FlowBuckets::FlowBuckets(size_t count, bool resident)
    : bytes_((count * sizeof(FlowBucket) + kPageBytes - 1) / kPageBytes * kPageBytes) {
  const int when = resident ? MAP_POPULATE : 0;
  void* const memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | when, /*fd=*/-1, /*offset=*/0);
  POLLUX_ASSERT(memory != MAP_FAILED);
  buckets_ = static_cast<FlowBucket*>(memory);
}

void FlowBuckets::shrink_to(size_t bytes) {
  if (bytes < bytes_) {
    POLLUX_ASSERT(munmap(reinterpret_cast<char*>(buckets_) + bytes, bytes_ - bytes) == 0);
    bytes_ = bytes;
  }
}

}  // namespace pollux::tcp
