#include "tests/sim/board.h"

#include <algorithm>

namespace pollux {

int64_t Board::tick() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return ++clock_;
}

void Board::written(const std::string& key, int64_t value) {
  const std::lock_guard<std::mutex> lock(mutex_);
  int64_t& known = written_[key];
  known = std::max(known, value);
}

Board::Values Board::written() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return written_;
}

void Board::flushed(int64_t sent) {
  const std::lock_guard<std::mutex> lock(mutex_);
  flushed_ = std::max(flushed_, sent);
}

int64_t Board::flushed() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return flushed_;
}

}  // namespace pollux
