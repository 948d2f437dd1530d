// A port of DPDK: a NIC, or what stands for one. Opened with one pair of queues a worker, each with
// pools of its own; what it can do is asked, not assumed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/dpdk/port_device.h"
#include "dataplane/tcp/interface/device.h"

namespace pollux::dpdk {

struct PortOptions {
  // As DPDK knows it ("0000:03:00.0", "net_tap0"), or as it is to be made ("net_tap0,iface=p0").
  std::string name;
  uint16_t queues = 1;
  uint32_t mtu = 1500;
  uint16_t rx_descriptors = 1024;
  uint16_t tx_descriptors = 1024;
  // Frames that a worker keeps beyond the one turn: what came before its turn. (Beside the ring.)
  uint32_t held_frames = 2048;
};

class Port {
 public:
  // Null with `error`: what is wrong, and what the operator can change. Requires start_eal.
  static std::unique_ptr<Port> open(const PortOptions& options, std::string& error);
  // Stops it. Requires that no worker uses its device any more.
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // From here on frames come. Empty, or what is wrong.
  std::string start();
  PortDevice& device(uint16_t queue) { return *devices_[queue]; }

  const tcp::DeviceCaps& caps() const { return caps_; }
  const std::string& driver() const { return driver_; }
  // For the log: what it can do and what is done for it.
  std::string summary() const;
  uint16_t id() const { return id_; }
  // The NUMA node that it hangs on; -1: none is nearer.
  int node() const { return node_; }

 private:
  explicit Port(const PortOptions& options) : options_(options) {}
  std::string find();
  std::string configure();
  std::string make_pools();
  std::string set_up_queues();

  const PortOptions options_;
  uint16_t id_ = 0;
  int node_ = -1;
  std::string driver_;
  tcp::DeviceCaps caps_;
  bool found_ = false;
  bool started_ = false;
  bool pieces_by_reference_ = false;
  uint32_t room_min_ = 0;  // bytes that it needs for a frame
  std::vector<rte_mempool*> pools_;  // all, to be freed
  std::vector<rte_mempool*> rx_pools_;
  std::vector<QueuePools> queue_pools_;
  std::vector<std::unique_ptr<PortDevice>> devices_;
};

}  // namespace pollux::dpdk
