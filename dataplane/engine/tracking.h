// CLIENT TRACKING: who caches what, so that they can be told when it changes. What one session has
// set is in Tracking. What shards remember of reads is in tracking_table.h, who listens to prefixes
// in prefix_table.h; worker_tracking.cc brings the three together.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "dataplane/engine/client_ref.h"

namespace pollux {

struct Tracking {
  bool broadcast = false;        // BCAST: all keys of some prefixes, read or not
  bool opt_in = false;           // only reads behind CLIENT CACHING yes
  bool opt_out = false;          // all reads but those behind CLIENT CACHING no
  bool no_loop = false;          // not what the client changes itself
  bool caching = false;          // CLIENT CACHING has been said for the next command
  bool redirect_broken = false;  // the client that redirect_id named has left
  uint64_t redirect_id = 0;      // CLIENT ID of who gets the invalidations; 0: the client itself
  ClientRef redirect;            // the same
  std::set<std::string, std::less<>> prefixes;
  // About, without and with what each worker keeps of the prefixes (prefix_table.h). Set once, when
  // a session gets this: they are asked for often, and prefixes may be many.
  int64_t own_bytes = 0;
  int64_t bytes_everywhere = 0;

  void set_bytes(int workers);
};

}  // namespace pollux
