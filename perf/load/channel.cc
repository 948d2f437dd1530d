#include "perf/load/channel.h"

namespace pollux {

std::string_view channel_end_text(ChannelEnd end) {
  switch (end) {
    case ChannelEnd::kPeerClosed:
      return "closed by the server: see its log, its maxclients and its timeout";
    case ChannelEnd::kReset:
      return "reset by the server: see its log; it may have ended, or be short of memory";
    case ChannelEnd::kRefused:
      return "refused: nobody listens there; is the server up, and is it this port?";
    case ChannelEnd::kUnreachable:
      return "unreachable: no route, no answer to ARP, or no such socket file";
    case ChannelEnd::kTimeout:
      return "timed out: the server, or something on the way, does not answer";
    case ChannelEnd::kNoResources:
      return "no resources on this host: over the kernel's sockets raise `ulimit -n` above the "
             "number of connections, or net.ipv4.ip_local_port_range; past the kernel there are "
             "64,000 ports for an address, of all queues together: take fewer (-c)";
  }
  return "";
}

}  // namespace pollux
