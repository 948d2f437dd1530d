// The network as an operator describes it, and what can be said of that before anything is started.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/tcp/interface/interface.h"

namespace pollux::dpdk {

// As the options have them, unparsed.
struct NetworkOptions {
  std::vector<std::string> arguments;  // dpdk-args
  std::string port;                    // dpdk-port
  bool host_path = false;              // what is nobody's here goes to the kernel of this host
  std::vector<std::string> addresses;  // net-address: "10.0.0.5/24", "fd00::5/64"
  std::vector<std::string> gateways;   // net-gateway: at most one of each version
  uint32_t mtu = 1500;
  uint16_t vlan = 0;                  // 0: none
  bool flow_rules = true;             // net-flow-rules: the device is asked for them, if need be
  std::string rss_key;                // net-rss-key: hexadecimal; empty: drawn at each start
  bool wan = false;                   // net-path: peers are far away, with 200 ms at least of RTO
  uint32_t connections_max = 10'000;  // of a worker
};

// Without a start: what is wrong, and what the operator can change; empty if nothing is.
std::string check_options(const NetworkOptions& options);
// Fills in addresses, gateways and VLAN; returns the same.
std::string read_options(const NetworkOptions& options, tcp::InterfaceConfig& into);

// The key of a port's hash: 40 to 52 bytes in hexadecimal, or empty. Returns the same.
std::string read_rss_key(const std::string& text, std::vector<uint8_t>& into);

}  // namespace pollux::dpdk
