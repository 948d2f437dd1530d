#include "storage/mapped_bytes.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "src/base/assert.h"

namespace pollux {

MappedBytes::~MappedBytes() {
  if (data_ != nullptr) {
    munmap(data_, room_);
  }
}

void MappedBytes::append(std::string_view bytes) {
  make_room(size_ + bytes.size());
  bytes.copy(data_ + size_, bytes.size());
  size_ += bytes.size();
}

void MappedBytes::drop_front(size_t bytes) {
  POLLUX_ASSERT(bytes <= size_);
  if (bytes > 0) {
    size_ -= bytes;
    std::memmove(data_, data_ + bytes, size_);
  }
}

void MappedBytes::clear() {
  size_ = 0;
  if (room_ > kKeptBytes) {
    munmap(data_, room_);
    data_ = nullptr;
    room_ = 0;
  }
}

// Pages that nobody has touched cost nothing, hence twice as many as are needed.
void MappedBytes::make_room(size_t bytes) {
  if (bytes <= room_) {
    return;
  }
  const size_t room = std::max(2 * bytes, kKeptBytes);
  void* const pages =
      data_ == nullptr
          ? mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
          : mremap(data_, room_, room, MREMAP_MAYMOVE);
  POLLUX_ASSERT(pages != MAP_FAILED);
  data_ = static_cast<char*>(pages);
  room_ = room;
}

}  // namespace pollux
