// Sends back whatever came, byte for byte, over any transport of the engine's: the bare floor under
// every figure of the server on that transport.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/engine/transport.h"

namespace pollux {

class Echo {
 public:
  explicit Echo(Transport& transport) : transport_(transport) {}

  // What has come since the last turn goes back with the next flush. False: nothing had.
  bool turn();

 private:
  // Two buffers per connection, as a server's session has: one on its way out, one being filled.
  struct Session {
    std::string sending;
    std::string filling;
    uint32_t generation = 0;  // of the connection whose session it is
    bool busy = false;    // `sending` is with the transport
    bool listed = false;  // in the list of those with output
  };

  void handle(const TransportEvent& event);
  void list(ConnId conn, Session& session);
  void write(ConnId conn);

  Transport& transport_;
  std::array<TransportEvent, 256> events_;  // not on the stack: it would be cleared every turn
  std::vector<Session> sessions_;
  std::vector<ConnId> writable_;
};

}  // namespace pollux
