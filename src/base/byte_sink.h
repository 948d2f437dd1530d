// Where bytes go (replies, payloads of DUMP): a window of contiguous space, refilled when it runs
// short. The window makes the hot path two compares and a copy; refill is the implementer's. One
// thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

namespace pollux {

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  ByteSink() = default;
  ByteSink(const ByteSink&) = delete;
  ByteSink& operator=(const ByteSink&) = delete;

  static constexpr size_t kReserveMax = 128;

  // `bytes` (at most kReserveMax) of contiguous space; follow with commit.
  char* reserve(size_t bytes) {
    if (static_cast<size_t>(limit_ - cursor_) < bytes) {
      refill(bytes);
    }
    return cursor_;
  }
  void commit(size_t bytes) { cursor_ += bytes; }
  // How much of the window is left, from what reserve() returned.
  size_t room() const { return static_cast<size_t>(limit_ - cursor_); }

  void append(std::string_view bytes) {
    while (static_cast<size_t>(limit_ - cursor_) < bytes.size()) {
      const size_t part = static_cast<size_t>(limit_ - cursor_);
      if (part > 0) {
        std::memcpy(cursor_, bytes.data(), part);
        cursor_ += part;
        bytes.remove_prefix(part);
      }
      bytes.remove_prefix(refill(bytes.size()));
    }
    if (!bytes.empty()) {
      std::memcpy(cursor_, bytes.data(), bytes.size());
      cursor_ += bytes.size();
    }
  }

 protected:
  // Makes the window at least min(bytes, kReserveMax) long; more if it likes. Of more than
  // kReserveMax bytes it may drop some: the first of them, as many as it returns.
  virtual size_t refill(size_t bytes) = 0;

  char* cursor_ = nullptr;
  char* limit_ = nullptr;
};

}  // namespace pollux
