// Parts of those who listen: to channels, to every command, to events of keys. What each must never
// see is said at its class; what only all together can tell, by the functions below.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/actor.h"

namespace pollux {

// A message that somebody sent and how many receivers PUBLISH told of.
struct Sent {
  std::string channel;
  std::string text;
  int64_t receivers;
};

// Publishes texts that nobody else does, "name:1", "name:2", ...
class Publisher final : public Actor {
 public:
  Publisher(SimEngine& sim, int worker, uint64_t seed, int rounds, std::string name,
            std::vector<std::string> channels);

  const std::vector<Sent>& sent() const { return sent_; }

 private:
  void act() override;
  const std::string name_;
  const std::vector<std::string> channels_;
  int64_t count_ = 0;
  std::vector<Sent> sent_;
};

// Listens to channels and patterns and ceases to, as it likes, in the end to all. A message comes
// only between the confirmations of its topic, and each confirmation tells the right count. With
// RESP3 it publishes, too: its own message comes behind the answer of its PUBLISH.
class Listener final : public Actor {
 public:
  // `topics`: channels, and patterns that end in '*'.
  Listener(SimEngine& sim, int worker, uint64_t seed, int rounds, std::string name,
           std::vector<std::string> channels, std::vector<std::string> patterns, int protocol);

  // What came, in order, by topic (channels and patterns) and channel.
  using Streams = std::map<std::pair<std::string, std::string>, std::vector<std::string>>;
  const Streams& streams() const { return streams_; }
  const std::vector<Sent>& sent() const { return sent_; }

 private:
  void act() override;
  bool take_push(const Answer& answer);
  void listen(bool pattern);
  void leave_some(bool pattern);
  void leave_all(bool pattern);
  void publish();
  TestClient::Check confirmation(std::string word, std::set<std::string>& confirmed);

  const std::string name_;
  const std::vector<std::string> channels_;
  const std::vector<std::string> patterns_;
  const int protocol_;
  int acts_left_;
  std::set<std::string> asked_[2];      // as it will be when all that was asked is answered
  std::set<std::string> confirmed_[2];  // as the answers so far tell
  Streams streams_;
  std::vector<Sent> sent_;
  int64_t count_ = 0;
};

// What all who sent and listened saw of each channel fits one order. If `exact` (nobody was
// killed), as many got each message as its sender was told; else at most as many.
std::string check_messages(const std::vector<Sent>& sent,
                           const std::vector<const Listener*>& listeners, bool exact);

// Sets keys to values of its own, "name:1", "name:2", ..., and learns which value each replaced.
class Swapper final : public Actor {
 public:
  // Does nothing of note until `begin`.
  Swapper(SimEngine& sim, int worker, uint64_t seed, int rounds, std::string name,
          std::vector<std::string> keys, const std::atomic<bool>& begin);

  // By key: the value before, the value after.
  using Swaps = std::map<std::string, std::map<std::string, std::string>>;
  const Swaps& swaps() const { return swaps_; }

 private:
  void act() override;
  const std::string name_;
  const std::vector<std::string> keys_;
  const std::atomic<bool>& begin_;
  int64_t count_ = 0;
  Swaps swaps_;
};

// Sees every command, in the order of execution of each key's.
class Monitor final : public Actor {
 public:
  Monitor(SimEngine& sim, int worker, uint64_t seed, int rounds, std::atomic<bool>& begin);

  // The values that keys were set to, in the order that was seen.
  const std::map<std::string, std::vector<std::string>>& seen() const { return seen_; }

 private:
  void act() override;
  bool take_line(const Answer& answer);
  std::atomic<bool>& begin_;
  int acts_left_;
  std::map<std::string, std::vector<std::string>> seen_;
  std::map<std::string, int64_t> last_;  // of each writer
};

std::string check_monitor(const Monitor& monitor, const std::vector<const Swapper*>& swappers);

// Makes and removes keys that are nobody else's, one or several at a time.
class Breeder final : public Actor {
 public:
  Breeder(SimEngine& sim, int worker, uint64_t seed, int rounds, std::vector<std::string> keys);

 private:
  void act() override;
  const std::vector<std::string> keys_;
  std::set<std::string> alive_;
};

// Listens to the events of all keys: those of a breeder's key alternate.
class Birdwatcher final : public Actor {
 public:
  Birdwatcher(SimEngine& sim, int worker, uint64_t seed, int rounds);

 private:
  void act() override;
  bool take_push(const Answer& answer);
  int acts_left_;
  std::map<std::string, std::string> last_;  // by key
};

}  // namespace pollux
