// What came while the application takes nothing: copied, in blocks that small pieces share, so that
// a peer who sends byte by byte does not take a piece of memory for each. State of one connection.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "dataplane/tcp/wire/bytes.h"

namespace pollux::tcp {

class Unread {
 public:
  using Block = std::vector<uint8_t>;

  void append(Bytes bytes) {
    size_ += static_cast<uint32_t>(bytes.size());
    while (!bytes.empty()) {
      if (blocks_.empty() || blocks_.back().size() == blocks_.back().capacity()) {
        blocks_.emplace_back().reserve(std::max(kBlockBytes, bytes.size()));
        memory_bytes_ += sizeof(Block) + blocks_.back().capacity();
      }
      Block& block = blocks_.back();
      const size_t count = std::min(bytes.size(), block.capacity() - block.size());
      block.insert(block.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
      bytes = bytes.subspan(count);
    }
  }
  // The stream ends behind it.
  void set_end() { ends_ = true; }
  bool ends() const { return ends_; }

  uint32_t size() const { return size_; }
  size_t memory_bytes() const { return sizeof *this + memory_bytes_; }
  std::vector<Block> take() && { return std::move(blocks_); }

 private:
  static constexpr size_t kBlockBytes = 2'048;

  std::vector<Block> blocks_;
  size_t memory_bytes_ = 0;
  uint32_t size_ = 0;
  bool ends_ = false;
};

}  // namespace pollux::tcp
