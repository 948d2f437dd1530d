#include "dataplane/tcp/stack/slots.h"

#include <sys/mman.h>

namespace pollux::tcp {
namespace {

constexpr size_t kHugeBytes = size_t{2} << 20;

}  // namespace

// Nothing is taken of the system before it is touched. Small pages up to the first boundary of a
// huge one behind the beginning: with few connections they do not miss in the TLB, and a stack of a
// test does not pay for 2 MiB that come cleared.
Slots::Slots(SipKey key, uint32_t capacity)
    : key_(key), capacity_(capacity), mapped_bytes_(size_t{capacity} * sizeof(Slot) + kHugeBytes) {
  mapped_ = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, /*fd=*/-1, /*offset=*/0);
  POLLUX_ASSERT(mapped_ != MAP_FAILED);
  slots_ = static_cast<Slot*>(mapped_);
  const uintptr_t huge =
      (reinterpret_cast<uintptr_t>(mapped_) + kHugeBytes) / kHugeBytes * kHugeBytes;
  // A million connections in pages of 4 KiB: each is a miss of the TLB, too. Refused it is slower.
  madvise(reinterpret_cast<void*>(huge),
          mapped_bytes_ - (huge - reinterpret_cast<uintptr_t>(mapped_)), MADV_HUGEPAGE);
}

Slots::~Slots() {
  std::destroy_n(slots_, made_);
  munmap(mapped_, mapped_bytes_);
}

}  // namespace pollux::tcp
