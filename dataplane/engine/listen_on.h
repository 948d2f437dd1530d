// Where a transport listens, as options say it.
#pragma once

#include <string>
#include <vector>

#include "dataplane/engine/address_list.h"

namespace pollux {

struct Config;

struct ListenOn {
  std::vector<std::string> bind;  // as in Redis' `bind`
  int port = 0;                   // 0: nowhere
  int keepalive_s = 0;            // tcp-keepalive of new connections
  // Who else than this host may come; empty: everybody. A transport that makes connections itself
  // lets no others begin; others are refused when they are accepted.
  AddressList allow_from;
  // Peers whose frames are copied into a file, by a transport that makes them itself.
  AddressList capture;
  friend bool operator==(const ListenOn&, const ListenOn&) = default;
};

ListenOn listen_on(const Config& config);
// Empty, or why nothing can be captured.
std::string capture_problem(const Config& config);

}  // namespace pollux
