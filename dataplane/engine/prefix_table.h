// Who wants to hear of all keys with a prefix (CLIENT TRACKING ... BCAST), and which of these keys
// have changed since they were last told. Each worker has a copy of who wants what; the changed
// keys are those that this worker changed, on whichever shard. One thread: the worker's.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/engine/tracking.h"

namespace pollux {

class PrefixTable {
 public:
  struct Listener {
    ClientRef client;
    bool no_loop = false;
  };
  // Changed keys in order, each with who changed it last.
  using ChangedKeys = std::map<std::string, ClientRef, std::less<>>;

  bool empty() const { return prefixes_.empty(); }
  size_t size() const { return prefixes_.size(); }
  int64_t bytes() const { return bytes_; }  // about; without the changed keys
  // Of these, what one listener to one prefix takes.
  static int64_t bytes_of(std::string_view prefix);

  void add(std::string_view prefix, const Listener& listener);
  // Out of all its prefixes.
  void remove(const ClientRef& client);

  void changed(std::string_view key, const ClientRef& by);
  bool any_changed() const { return any_changed_; }
  // fn(listeners, keys) for each prefix with changed keys, in the order of the prefixes; then no
  // key has changed any more.
  void take_changed(
      const std::function<void(const std::vector<Listener>&, const ChangedKeys&)>& fn);

 private:
  struct Prefix {
    std::vector<Listener> listeners;
    ChangedKeys keys;
  };
  using Prefixes = std::map<std::string, Prefix, std::less<>>;

  Prefixes prefixes_;
  std::map<ClientRef, std::vector<Prefixes::iterator>> of_client_;
  std::map<size_t, size_t> lengths_;  // of prefixes: how many of each
  int64_t bytes_ = 0;
  bool any_changed_ = false;
};

}  // namespace pollux
