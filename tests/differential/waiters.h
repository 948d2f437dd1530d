// Clients whose commands wait (BLPOP and its kin) on both servers, each on a connection of its own.
// The order of things is certain: a command waits on both servers before the next thing is done,
// and all answers of a server are there when it says that nobody else is blocked.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/differential/link.h"
#include "tests/differential/resp.h"

namespace pollux {

class Waiters {
 public:
  Waiters(const Place& redis, const Place& pollux);

  // Sends the next one's command; it is answered or waits when this returns. False: a server does
  // not say so in time.
  bool send(const Request& request);
  // When all is done that may serve them: true once the answers are there.
  bool settle();
  size_t size() const { return clients_.size(); }
  const std::string& redis(size_t i) const { return clients_[i].redis.answer; }
  const std::string& pollux(size_t i) const { return clients_[i].pollux.answer; }
  // All leave.
  bool leave();

 private:
  struct End {
    std::unique_ptr<Link> link;
    std::string answer;
  };
  struct Client {
    End redis;
    End pollux;
  };

  static End connect(const Place& place);
  static bool receive(End& end);
  static size_t blocked_clients(Link& link);
  bool all_settled();

  Place redis_place_;
  Place pollux_place_;
  End redis_admin_;
  End pollux_admin_;
  std::vector<Client> clients_;
};

}  // namespace pollux
