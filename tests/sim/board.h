// What the actors of one play know together, beside what the server tells them.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace pollux {

// How far each key has come for certain. Any thread.
class Board {
 public:
  using Values = std::map<std::string, int64_t>;

  // A moment, later than all before.
  int64_t tick();
  void written(const std::string& key, int64_t value);
  // All keys, as their writers know them.
  Values written() const;
  // A FLUSHALL that was sent at `sent` is answered: what was read before `sent` is gone.
  void flushed(int64_t sent);
  int64_t flushed() const;
  // A FLUSHALL is on its way, or was: values need not grow any more.
  void flush_sent() { flush_sent_ = true; }
  bool flush_was_sent() const { return flush_sent_; }

 private:
  mutable std::mutex mutex_;
  int64_t clock_ = 0;
  int64_t flushed_ = 0;
  std::atomic<bool> flush_sent_ = false;  // read by clients on other threads
  Values written_;
};

}  // namespace pollux
