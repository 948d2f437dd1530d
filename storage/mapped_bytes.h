// Bytes in a row that grow by the megabyte, in pages of their own: the kernel moves them instead of
// copying, and what is let go is free at once. (A string that doubles leaves as much again as it
// holds with the allocator, which keeps it for some seconds: 200 MB cost 450.) One thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace pollux {

class MappedBytes {
 public:
  MappedBytes() = default;
  ~MappedBytes();
  MappedBytes(const MappedBytes&) = delete;
  MappedBytes& operator=(const MappedBytes&) = delete;

  // Until the next call.
  std::string_view view() const { return {data_, size_}; }
  // Of none of its own.
  void append(std::string_view bytes);
  void drop_front(size_t bytes);
  // So much room is kept; more goes back to the system.
  static constexpr size_t kKeptBytes = size_t{4} << 20;
  void clear();

 private:
  void make_room(size_t bytes);

  char* data_ = nullptr;
  size_t size_ = 0;
  size_t room_ = 0;
};

}  // namespace pollux
