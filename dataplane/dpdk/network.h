// The server's network over DPDK: environment, port, and a stack with the engine's port over it for
// each worker. Made by the main thread; each transport is then its worker's, the rest nobody's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/tcp/transport/tcp_transport.h"

namespace pollux::dpdk {

class Port;

// As the options have them, unparsed.
struct NetworkOptions {
  std::vector<std::string> arguments;  // dpdk-args
  std::string port;                    // dpdk-port
  std::vector<std::string> addresses;  // net-address: "10.0.0.5/24", "fd00::5/64"
  std::vector<std::string> gateways;   // net-gateway: at most one of each version
  uint32_t mtu = 1500;
  uint16_t vlan = 0;  // 0: none
  uint32_t connections_max = 10'000;  // of a worker
};

class Network {
 public:
  // Null with `error`: what is wrong, and what the operator can change.
  static std::unique_ptr<Network> open(const NetworkOptions& options, int workers,
                                       std::string& error);

  // Once for each worker. The network outlives it.
  std::unique_ptr<tcp::TcpTransport> make_transport(int worker);
  // When all are there: frames come. Empty, or what is wrong.
  std::string start();
  std::string summary() const;

  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

 private:
  Network();
  std::string configure(const NetworkOptions& options);

  std::unique_ptr<Port> port_;
  tcp::StackConfig stack_;
  tcp::StackKeys keys_;  // of all workers, but for `seed`
};

}  // namespace pollux::dpdk
