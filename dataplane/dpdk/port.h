// A port of DPDK: a NIC, or what stands for one. Opened with one pair of queues a worker, each with
// pools of its own; what it can do is asked, not assumed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/dpdk/counters.h"
#include "dataplane/dpdk/own_counters.h"
#include "dataplane/dpdk/port_device.h"
#include "dataplane/dpdk/port_flows.h"
#include "dataplane/tcp/interface/device.h"

struct rte_eth_link;

namespace pollux::dpdk {

struct PortOptions {
  // As DPDK knows it ("0000:03:00.0", "net_tap0"), or as it is to be made ("net_tap0,iface=p0").
  std::string name;
  uint16_t queues = 1;
  uint32_t mtu = 1500;
  uint16_t rx_descriptors = 1024;
  uint16_t tx_descriptors = 1024;
  // Frames that a worker keeps beyond the one turn: what came before its turn, and what is handed
  // to others. (Beside the ring.)
  uint32_t held_frames = 2048;
  // Frames may go on to a kernel, which looks at their checksums.
  bool to_kernel = false;
  // By which flows are spread over queues, 40 bytes at least; empty: one is drawn.
  std::vector<uint8_t> rss_key;
  // By which it is to spread flows if it does not say how it does; none: it isn't asked.
  std::optional<FlowRules> rules = std::nullopt;
};

// How a port says that it spreads flows over its queues, read back from it; of one that does not
// say it, how they are spread here.
struct PortSpread {
  std::vector<uint8_t> key;
  std::vector<uint16_t> queues;  // by the hash's lowest bits, if told; a power of two
  bool told = false;             // by the port, or to it (FlowRules)
};

class Port {
 public:
  // From then on frames come. Null with `error`: what is wrong, and what the operator can change.
  // Requires start_eal.
  static std::unique_ptr<Port> open(const PortOptions& options, std::string& error);
  // Requires that no worker uses its device any more.
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // No frame goes or comes from here on; what is under way is given back. Requires that no worker
  // uses its device any more.
  void stop();
  PortDevice& device(uint16_t queue) { return *devices_[queue]; }

  const tcp::DeviceCaps& caps() const { return caps_; }
  const PortSpread& spread() const { return spread_; }
  const std::string& driver() const { return driver_; }
  // Any one thread, beside the workers.
  PortCounters counters();
  // Sees whether the link is up, for all queues; true if that has changed. The same thread.
  bool look_at_link();
  // Whether it has come up since the last time that somebody asked. One worker.
  bool take_link_up() {
    return link_.came_up.load(std::memory_order_relaxed) &&
           link_.came_up.exchange(false, std::memory_order_relaxed);
  }
  // For the log: what it can do and what is done for it.
  std::string summary() const;
  uint16_t id() const { return id_; }
  // The NUMA node that it hangs on; -1: none is nearer.
  int node() const { return node_; }

 private:
  explicit Port(const PortOptions& options) : options_(options) {}
  void draw_spread();
  std::string find();
  std::string configure();
  uint32_t frame_room() const;
  uint32_t segmented_bytes_max() const;
  std::string make_pools();
  std::string set_up_queues();
  std::string start();
  bool read_spread();
  void spread_by_rules();
  rte_eth_link ask_link() const;

  const PortOptions options_;
  uint16_t id_ = 0;
  int node_ = -1;
  std::string driver_;
  tcp::DeviceCaps caps_;
  PortSpread spread_;
  size_t key_bytes_ = 0;     // of its key; 0: it does not spread
  size_t table_places_ = 0;  // of its table
  uint32_t kernel_interface_ = 0;  // that it stands on; 0: none
  LinkState link_;
  OwnCounters own_;
  PortFlows flows_;
  std::string spread_by_;  // for the log
  bool found_ = false;
  bool started_ = false;
  bool pieces_by_reference_ = false;
  DriverSums sums_;
  uint32_t room_min_ = 0;  // bytes that it needs for a frame
  uint16_t chain_max_ = 1;           // buffers of one frame that it takes
  std::vector<rte_mempool*> pools_;  // all, to be freed
  std::vector<rte_mempool*> rx_pools_;
  std::vector<QueuePools> queue_pools_;
  std::vector<std::unique_ptr<PortDevice>> devices_;
};

}  // namespace pollux::dpdk
