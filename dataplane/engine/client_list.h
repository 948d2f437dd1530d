// Clients as CLIENT LIST shows them, and the filters that choose some of them (LIST, KILL).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/engine/session.h"
#include "dataplane/engine/worker.h"
#include "src/protocol/request.h"

namespace pollux {

// The line of one client, with its line end. `running`: the request it asks with; empty for others.
std::string client_line(Worker& worker, const Session& session, Args running);

// Which clients; what is not set, empty or 0 chooses all.
struct ClientFilter {
  std::vector<uint64_t> ids;         // in the order they were asked for
  std::vector<uint64_t> sorted_ids;  // the same: a client may ask for ten thousand
  std::string type;  // "normal", "master", "replica", "pubsub"
  std::string user;
  std::optional<std::string> address;  // an empty one matches nobody
  std::optional<std::string> local_address;
  int64_t age_min_s = 0;  // MAXAGE: at least this old
  bool skip_self = true;
  bool by_address_only = false;  // CLIENT KILL addr: one client, itself too

  void choose(std::vector<uint64_t> some);  // sets both of ids
  bool matches(Worker& worker, const Session& session, uint64_t self) const;
};

// Read the arguments behind CLIENT LIST or CLIENT KILL. False with `error` set.
bool read_list_filter(Args args, ClientFilter& filter, std::string& error);
bool read_kill_filter(Args args, ClientFilter& filter, std::string& error);

}  // namespace pollux
