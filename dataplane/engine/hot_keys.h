// Which keys are asked for most, found by sampling. Two uses of the same means, per worker:
//   always on    one command in about kAlwaysRatio is looked at; old samples fade (half of them
//                every kFadeMs). HOTKEYS TOP shows the shares.
//   a session    HOTKEYS START ... STOP: CPU time and network bytes by key, each command or a share
//                of them, as Redis 8.6 has it. HOTKEYS GET shows them.
// What a command costs when it isn't looked at is one decrement.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/engine/command_log.h"
#include "src/base/rng.h"
#include "src/base/types.h"
#include "src/commands/command.h"
#include "src/protocol/request.h"

namespace pollux {

// The heaviest keys of a stream, by the Space-Saving rule (Metwally, Agrawal, El Abbadi, 2005): a
// key that is not among them takes the place and the weight of the lightest. So a weight is never
// too small, and too big by at most the lightest one; a key with more than 1/capacity of all weight
// is always there.
class TopKeys {
 public:
  static constexpr size_t kKeyBytesMax = 1024;  // more of a name is not kept

  explicit TopKeys(size_t capacity);
  void add(uint64_t hash, std::string_view key, uint64_t weight);
  void fade();  // halves all weights
  void clear();
  // Adds another one's keys, for reports over workers.
  void merge(const TopKeys& other);

  struct Entry {
    std::string key;
    uint64_t weight;
  };
  // The heaviest, at most `count`, heaviest first.
  std::vector<Entry> top(size_t count) const;
  uint64_t total() const { return total_; }  // weight of all that was added, faded alike

 private:
  size_t capacity_;
  std::vector<uint64_t> hashes_;  // parallel arrays: a search reads hashes only
  std::vector<uint64_t> weights_;
  std::vector<std::string> keys_;
  uint64_t total_ = 0;
};

// What HOTKEYS START asks for.
struct HotKeysSession {
  bool by_cpu = false;
  bool by_net = false;
  size_t count = 10;
  int64_t duration_ms = 0;  // 0: until STOP
  uint64_t ratio = 1;       // one command of this many is looked at
};

// What a worker has used up so far.
struct HotKeysUsage {
  int64_t cycles = 0;     // in commands
  int64_t net_bytes = 0;  // in and out
  int64_t user_us = 0;    // CPU time of the thread
  int64_t system_us = 0;

  HotKeysUsage& operator+=(const HotKeysUsage& other);
  HotKeysUsage operator-(const HotKeysUsage& other) const;
};

class HotKeys {
 public:
  static constexpr size_t kCountMax = 64;
  static constexpr uint64_t kAlwaysRatio = 128;
  static constexpr int64_t kFadeMs = 10'000;

  explicit HotKeys(uint64_t seed);

  // True if this command is to be looked at.
  bool due() { return --countdown_ == 0; }
  void look(const CommandRow& row, Args args, const CommandCost& cost);

  // A session, on this worker; see HotKeysSession. `usage` is the worker's at that moment.
  void start(const HotKeysSession& session, Instant now, const HotKeysUsage& usage);
  void stop(Instant now, const HotKeysUsage& usage);
  void reset();
  bool started() const { return started_; }  // there is something to GET
  bool active(Instant now) const { return active_ && !over(now); }
  bool over(Instant now) const {
    return active_ && session_.duration_ms > 0 && now.ms() - began_ms_ >= session_.duration_ms;
  }
  void fade_if_due(Instant now);

  const HotKeysSession& session() const { return session_; }
  int64_t began_ms() const { return began_ms_; }
  int64_t lasted_ms(Instant now) const { return (active_ ? now.ms() : ended_ms_) - began_ms_; }
  // Since the start, up to the end.
  HotKeysUsage used(const HotKeysUsage& usage) const {
    return (active_ ? usage : usage_at_end_) - usage_at_start_;
  }
  const TopKeys& always() const { return always_; }
  const TopKeys& by_cpu() const { return by_cpu_; }
  const TopKeys& by_net() const { return by_net_; }

 private:
  uint64_t gap(uint64_t ratio);
  void rearm();

  Rng rng_;
  uint64_t countdown_;        // commands until the next look
  uint64_t countdown_from_;   // what it began with
  uint64_t until_always_;     // commands until each of the two is due, from the last look on
  uint64_t until_session_ = 0;
  TopKeys always_;
  int64_t faded_ms_ = 0;

  bool started_ = false;
  bool active_ = false;
  HotKeysSession session_;
  TopKeys by_cpu_;
  TopKeys by_net_;
  int64_t began_ms_ = 0;
  int64_t ended_ms_ = 0;
  HotKeysUsage usage_at_start_;
  HotKeysUsage usage_at_end_;
};

}  // namespace pollux
