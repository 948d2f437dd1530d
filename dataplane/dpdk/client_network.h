// The other end of a server's network: stacks that open connections, one for each pair of queues of
// a port, with no kernel in between. For load generators and tests.
//
// What goes out of queue i of a shared-memory port (vhost, memif) comes to queue i of its peer, so
// the stack of queue i has only connections of which the server's worker i says that they are its
// own: that is how a NIC with receive-side scaling would bring them, and as there nothing is handed
// on between workers. It needs the key by which the server spreads flows (its option net-rss-key).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/tcp/stack/stack.h"
#include "dataplane/tcp/steering/steering.h"

namespace pollux::dpdk {

class Port;

struct ClientOptions {
  std::vector<std::string> arguments;  // as dpdk-args
  std::string port;                    // as dpdk-port
  std::string address;                 // ours, with what is on the link: "10.9.0.1/24"
  std::string server_key;              // hexadecimal, its net-rss-key; needed for several queues
  uint16_t queues = 1;                 // as many as the server has workers
  uint32_t mtu = 1500;
  uint32_t connections_max = 65'536;      // of a queue; of ports each queue has its share of 64,000
  int64_t link_wait_ns = 40'000'000'000;  // for the peer to be there
};

class ClientNetwork {
 public:
  // Once a process, by its first thread; returns when the link is up. Null with `error`: what is
  // wrong, and what the operator can change.
  static std::unique_ptr<ClientNetwork> open(const ClientOptions& options, std::string& error);
  // Requires that no thread uses a stack any more.
  ~ClientNetwork();
  ClientNetwork(const ClientNetwork&) = delete;
  ClientNetwork& operator=(const ClientNetwork&) = delete;

  uint16_t queues() const { return static_cast<uint16_t>(stacks_.size()); }
  // Each is one thread's; one that is not the first of the process enters DPDK before (eal.h).
  tcp::Stack& stack(uint16_t queue) { return *stacks_[queue]; }
  std::string summary() const;

 private:
  ClientNetwork();
  std::string wait_for_link(int64_t wait_ns);
  void make_stacks(const ClientOptions& options, const tcp::InterfaceConfig& interface);

  std::unique_ptr<Port> port_;
  std::optional<tcp::FlowSpread> server_;  // none: it has one worker
  std::vector<std::unique_ptr<tcp::Stack>> stacks_;
};

}  // namespace pollux::dpdk
