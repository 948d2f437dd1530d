#include "dataplane/dpdk/port.h"

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_lcore.h>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <string_view>
#include <utility>

#include "dataplane/tcp/wire/ethernet.h"
#include "src/base/rng.h"

namespace pollux::dpdk {

namespace {

// Of each pool, near the thread that uses it.
constexpr unsigned kPoolCache = 256;
constexpr uint32_t kControlHeads = 511;
// Of a frame that the device cuts: what IP's length can say, less the headers.
constexpr uint32_t kSegmentedBytes = 64'000;
constexpr uint32_t kPieceMbufs = 8191;
// For copies of what the device cuts: each frame takes up to 32 (of 2 KiB), and a ring is full with
// as many as it has descriptors (but for kHoldsWhatIsCut).
constexpr uint32_t kCopyMbufs = 2047;
// Both, or a port's word is not taken: what it hashes by addresses alone goes elsewhere.
constexpr uint64_t kHashedFlows = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP;
// The longest that NICs have (i40e, ice).
constexpr size_t kSpreadKeyBytes = 52;

constexpr uint64_t kRxChecksums = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
// The one of IPv4 is over 20 bytes, and the stack makes it anyway.
constexpr uint64_t kTxChecksums = RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
// Whose peer, if we take the word of the device for checksums, makes none, since the bytes cross no
// wire: what comes then can't go on to somebody who looks at them. Of others "none" is no word.
constexpr std::string_view kLeavesChecksums[] = {"net_vhost", "net_virtio", "net_virtio_user"};

// Drivers whose "NIC" is this process: they read a piece at its address, wherever it lies, before
// their send is over or from a ring of this process. Others need memory that the device can reach,
// so for them pieces are copied. net_memif reads them, too, but not with zero-copy=yes, and a copy
// costs it 14 ns a frame.
constexpr std::string_view kReadByTheProcessor[] = {"net_tap",  "net_ring", "net_af_packet",
                                                    "net_null", "net_pcap", "net_vhost"};

// Drivers that make checksums in software, and wrong ones where a piece that is not the last has an
// odd number of bytes: the stack does it right. So these cut no segments either, which net_tap does
// not do right: it holds one with its link header against the MTU, so full ones are never sent, nor
// what is behind them (22.11).
constexpr std::string_view kSumsBadly[] = {"net_tap"};
// Who lets go of frames only with the next one that it is given, and has a slot of its ring for as
// many buffers as there are: its ring would hold all copies of what it is to cut, and with none
// left nothing more could be sent.
constexpr std::string_view kHoldsWhatIsCut[] = {"net_virtio", "net_virtio_user"};
// Whose sends wait for room that there is not before the link is up again.
constexpr std::string_view kWaitsForTheLink[] = {"net_af_packet"};
// Some NICs count the room for a frame in KiB, and scatter what does not fit.
constexpr uint32_t kRoomUnit = 1024;
constexpr uint32_t kRoomMin = 2048;

template <size_t kCount>
bool is_among(const std::string_view (&drivers)[kCount], std::string_view driver) {
  return std::find(std::begin(drivers), std::end(drivers), driver) != std::end(drivers);
}

// A pool's best size is one less than a power of two.
uint32_t pool_size(uint32_t least) { return std::bit_ceil(least + 1) - 1; }

std::string failed(std::string_view what, int error) {
  return std::string(what) + ": " + rte_strerror(error);
}

// What the kernel says of the interface below; false: there is none, or it does not say.
bool ask_kernel(uint32_t interface, unsigned long what, ifreq& answer) {
  answer = {};
  if (interface == 0 || if_indextoname(interface, answer.ifr_name) == nullptr) {
    return false;
  }
  const int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool is_said = file >= 0 && ioctl(file, what, &answer) == 0;
  if (file >= 0) {
    close(file);
  }
  return is_said;
}

}  // namespace

std::unique_ptr<Port> Port::open(const PortOptions& options, std::string& error) {
  std::unique_ptr<Port> port(new Port(options));
  port->draw_spread();
  error = port->find();
  if (error.empty()) {
    error = port->configure();
  }
  if (error.empty()) {
    error = port->make_pools();
  }
  if (error.empty()) {
    error = port->set_up_queues();
  }
  if (error.empty()) {
    error = port->start();
  }
  if (error.empty()) {
    return port;
  }
  error = "DPDK port '" + options.name + "': " + error;
  return nullptr;
}

// What is under way goes back to its pools, and its tokens to the devices, before those go.
Port::~Port() {
  stop();
  if (found_) {
    rte_eth_dev_close(id_);
  }
  devices_.clear();
  for (rte_mempool* const pool : pools_) {
    rte_mempool_free(pool);
  }
}

void Port::stop() {
  if (std::exchange(started_, false)) {
    flows_.clear();
    rte_eth_dev_stop(id_);
  }
}

// For its key, and for those that have none. One that was given goes round again, if a NIC wants
// more.
void Port::draw_spread() {
  spread_.key.resize(kSpreadKeyBytes);
  const std::vector<uint8_t>& given = options_.rss_key;
  for (size_t i = 0; i < spread_.key.size(); ++i) {
    spread_.key[i] = given.empty() ? static_cast<uint8_t>(entropy64()) : given[i % given.size()];
  }
}

std::string Port::find() {
  const std::string name = options_.name.substr(0, options_.name.find(','));
  if (rte_eth_dev_get_port_by_name(name.c_str(), &id_) != 0) {
    if (const int error = rte_dev_probe(options_.name.c_str()); error != 0) {
      return failed("there is no such device, and it can't be made", -error) +
             ". A NIC must be bound to vfio-pci, or its driver (mlx5) loaded; dpdk-devbind.py "
             "--status shows them";
    }
    if (rte_eth_dev_get_port_by_name(name.c_str(), &id_) != 0) {
      return "a device was made, but not one of this name";
    }
  }
  found_ = true;
  return {};
}

std::string Port::configure() {
  rte_eth_dev_info info;
  if (const int error = rte_eth_dev_info_get(id_, &info); error != 0) {
    return failed("it does not say what it can do", -error);
  }
  driver_ = info.driver_name;
  // One in software stands nowhere, though it names the node of the thread that made it.
  const bool is_software = std::string_view(rte_bus_name(rte_dev_bus(info.device))) == "vdev";
  node_ = is_software ? SOCKET_ID_ANY : rte_eth_dev_socket_id(id_);
  kernel_interface_ = info.if_index;
  link_.stalls = is_among(kWaitsForTheLink, driver_);
  if (options_.queues > info.max_rx_queues || options_.queues > info.max_tx_queues) {
    return "it has " + std::to_string(std::min(info.max_rx_queues, info.max_tx_queues)) +
           " pairs of queues, and " + std::to_string(options_.queues) +
           " workers need one each: lower the option workers, or ask the device for more queues";
  }
  rte_eth_conf conf{};
  sums_.none_is_right = is_among(kLeavesChecksums, driver_);
  const bool must_be_whole = options_.to_kernel && sums_.none_is_right;
  conf.rxmode.offloads = must_be_whole ? 0 : info.rx_offload_capa & kRxChecksums;
  const bool takes_chains = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
  pieces_by_reference_ = is_among(kReadByTheProcessor, driver_) && takes_chains;
  const bool sums = (info.tx_offload_capa & kTxChecksums) == kTxChecksums &&
                    !is_among(kSumsBadly, driver_);
  const bool can_cut = sums && takes_chains && !is_among(kHoldsWhatIsCut, driver_) &&
                       (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_TCP_TSO) != 0;
  const uint64_t ip_sums = sums ? info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM : 0;
  chain_max_ = info.tx_desc_lim.nb_seg_max;
  room_min_ = info.min_rx_bufsize;
  caps_.segmented_bytes_max = can_cut ? segmented_bytes_max() : 0;
  // What is never used may cost a driver its fast path.
  const bool cuts = caps_.segmented_bytes_max != 0;
  conf.txmode.offloads = (sums ? kTxChecksums : 0) | ip_sums |
                         (pieces_by_reference_ || cuts ? RTE_ETH_TX_OFFLOAD_MULTI_SEGS : 0) |
                         (cuts ? RTE_ETH_TX_OFFLOAD_TCP_TSO : 0);
  const uint64_t spread = info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP);
  if (options_.queues > 1 && spread != 0) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rxmode.offloads |= info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH;
    conf.rx_adv_conf.rss_conf.rss_hf = spread;
    if (info.hash_key_size != 0 && info.hash_key_size <= spread_.key.size()) {
      key_bytes_ = info.hash_key_size;
      conf.rx_adv_conf.rss_conf.rss_key = spread_.key.data();
      conf.rx_adv_conf.rss_conf.rss_key_len = static_cast<uint8_t>(key_bytes_);
    }
    table_places_ = info.reta_size;
  }
  if (const int error = rte_eth_dev_configure(id_, options_.queues, options_.queues, &conf);
      error != 0) {
    return failed("it can't be configured", -error);
  }
  uint16_t mtu = 0;
  rte_eth_dev_get_mtu(id_, &mtu);
  if (mtu != options_.mtu) {
    const int error = rte_eth_dev_set_mtu(id_, static_cast<uint16_t>(options_.mtu));
    // Some, of software, take any frame, and have no MTU to be set.
    const bool takes_any =
        error == -ENOTSUP &&
        info.max_rx_pktlen >= options_.mtu + tcp::kEthernetBytes + tcp::kVlanTagBytes;
    if (error != 0 && !takes_any) {
      return failed("it can't have an MTU of " + std::to_string(options_.mtu) + " (it has " +
                        std::to_string(mtu) + "; option net-mtu)",
                    -error);
    }
  }
  // Such a one takes frames that the interface below it then loses.
  if (ifreq below; ask_kernel(kernel_interface_, SIOCGIFMTU, below) &&
                   below.ifr_mtu < static_cast<int>(options_.mtu)) {
    const std::string name = below.ifr_name;
    return "the interface below, " + name + ", has an MTU of " + std::to_string(below.ifr_mtu) +
           ", and net-mtu is " + std::to_string(options_.mtu) + ". Lower net-mtu, or raise the " +
           "other one (ip link set dev " + name + " mtu " + std::to_string(options_.mtu) +
           "), at all hosts of this network";
  }
  rte_ether_addr mac;
  if (const int error = rte_eth_macaddr_get(id_, &mac); error != 0) {
    return failed("it does not say its address", -error);
  }
  std::copy(std::begin(mac.addr_bytes), std::end(mac.addr_bytes), caps_.mac.bytes.begin());
  caps_.mtu = options_.mtu;
  caps_.rx_checksums = (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_TCP_CKSUM) != 0;
  sums_.makes_ip = ip_sums != 0;
  caps_.tx_checksums = sums;
  return {};
}

uint32_t Port::frame_room() const {
  const uint32_t frame_bytes =
      options_.mtu + static_cast<uint32_t>(tcp::kEthernetBytes + 2 * tcp::kVlanTagBytes) +
      RTE_ETHER_CRC_LEN;
  const uint32_t needed = std::max({frame_bytes, kRoomMin, room_min_});
  return (needed + kRoomUnit - 1) / kRoomUnit * kRoomUnit;
}

// Pieces and their head fit into any chain; copies into as many buffers as the device takes.
uint32_t Port::segmented_bytes_max() const {
  const uint32_t chain = std::max<uint32_t>(chain_max_, 1) - 1;
  return pieces_by_reference_ ? kSegmentedBytes : std::min(kSegmentedBytes, chain * frame_room());
}

std::string Port::make_pools() {
  const auto room = static_cast<uint16_t>(RTE_PKTMBUF_HEADROOM + frame_room());
  const auto make = [this](std::string name, uint32_t least, uint16_t bytes) {
    name += "_" + std::to_string(id_) + "_" + std::to_string(queue_pools_.size());
    const uint32_t size = pool_size(least);
    rte_mempool* const pool = rte_pktmbuf_pool_create(
        name.c_str(), size, std::min(kPoolCache, size / 4), 0, bytes, node_);
    if (pool != nullptr) {
      pools_.push_back(pool);
    }
    return pool;
  };
  for (uint16_t queue = 0; queue < options_.queues; ++queue) {
    rte_mempool* const rx = make("rx", options_.rx_descriptors + options_.held_frames +
                                           2 * kPoolCache, room);
    QueuePools pools{.heads = make("heads", 2U * options_.tx_descriptors + kPoolCache, room),
                     .control = make("control", kControlHeads, room)};
    if (pieces_by_reference_) {
      pools.pieces = make("pieces", kPieceMbufs, 0);
      pools.pieces_max = kPieceMbufs;
    } else if (caps_.segmented_bytes_max != 0) {
      pools.copies = make("copies", kCopyMbufs, room);
    }
    if (rx == nullptr || pools.heads == nullptr || pools.control == nullptr ||
        (pieces_by_reference_ && pools.pieces == nullptr) ||
        (!pieces_by_reference_ && caps_.segmented_bytes_max != 0 && pools.copies == nullptr)) {
      return failed("there is no memory for its buffers", rte_errno) +
             ". Give DPDK more: more huge pages, or a larger -m in dpdk-args";
    }
    rx_pools_.push_back(rx);
    queue_pools_.push_back(pools);
  }
  return {};
}

std::string Port::set_up_queues() {
  uint16_t rx_descriptors = options_.rx_descriptors;
  uint16_t tx_descriptors = options_.tx_descriptors;
  rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx_descriptors, &tx_descriptors);
  for (uint16_t queue = 0; queue < options_.queues; ++queue) {
    int error =
        rte_eth_rx_queue_setup(id_, queue, rx_descriptors, static_cast<unsigned>(node_), nullptr,
                               rx_pools_[queue]);
    if (error == 0) {
      error = rte_eth_tx_queue_setup(id_, queue, tx_descriptors, static_cast<unsigned>(node_),
                                     nullptr);
    }
    if (error != 0) {
      return failed("its queue " + std::to_string(queue) + " can't be made", -error);
    }
    devices_.push_back(
        std::make_unique<PortDevice>(id_, queue, caps_, sums_, queue_pools_[queue], link_));
  }
  return {};
}

std::string Port::start() {
  if (const int error = rte_eth_dev_start(id_); error != 0) {
    return failed("it can't be started", -error) +
           ". A device that connects to its peer (memif with role=client) needs it to be there";
  }
  started_ = true;
  // Neighbor discovery comes to groups that the stack does not tell.
  if (rte_eth_allmulticast_enable(id_) != 0) {
    rte_eth_promiscuous_enable(id_);
  }
  if (options_.queues > 1) {
    spread_.told = read_spread();
    spread_by_ = spread_.told ? "says how it spreads flows" : "flows are spread here";
    if (!spread_.told && options_.rules && !is_among(kReadByTheProcessor, driver_)) {
      spread_by_rules();
    }
  }
  own_.find(id_);
  return {};
}

// Whether it does as it was told the hash of each frame shows (dataplane/tcp/steering).
void Port::spread_by_rules() {
  // What most take, and all whose key is as long.
  constexpr size_t kUsualKeyBytes = 40;
  std::vector<uint8_t> key = spread_.key;
  key.resize(key_bytes_ != 0 ? key_bytes_ : kUsualKeyBytes);
  if (const std::string why = flows_.make(id_, *options_.rules, key); !why.empty()) {
    spread_by_ += " (" + why + ")";
    return;
  }
  spread_ = {.key = std::move(key), .queues = options_.rules->queues, .told = true};
  spread_by_ = "spreads flows by rules";
}

// Also of a port that was told how: some keep a key or a table of their own, and say nothing.
bool Port::read_spread() {
  std::vector<uint8_t> key(kSpreadKeyBytes);
  rte_eth_rss_conf conf{
      .rss_key = key.data(), .rss_key_len = static_cast<uint8_t>(key.size()), .rss_hf = 0};
  if (key_bytes_ == 0 || !std::has_single_bit(table_places_) ||
      rte_eth_dev_rss_hash_conf_get(id_, &conf) != 0 ||
      (conf.rss_hf & kHashedFlows) != kHashedFlows) {
    return false;
  }
  std::vector<rte_eth_rss_reta_entry64> table((table_places_ + RTE_ETH_RETA_GROUP_SIZE - 1) /
                                              RTE_ETH_RETA_GROUP_SIZE);
  for (size_t i = 0; i < table_places_; ++i) {
    table[i / RTE_ETH_RETA_GROUP_SIZE].mask |= uint64_t{1} << i % RTE_ETH_RETA_GROUP_SIZE;
    table[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] =
        static_cast<uint16_t>(i % options_.queues);
  }
  rte_eth_dev_rss_reta_update(id_, table.data(), static_cast<uint16_t>(table_places_));
  if (rte_eth_dev_rss_reta_query(id_, table.data(), static_cast<uint16_t>(table_places_)) != 0) {
    return false;
  }
  std::vector<uint16_t> queues(table_places_);
  for (size_t i = 0; i < table_places_; ++i) {
    queues[i] = table[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
    if (queues[i] >= options_.queues) {
      return false;
    }
  }
  key.resize(key_bytes_);
  spread_.key = std::move(key);
  spread_.queues = std::move(queues);
  return true;
}

// Some drivers say that the link is up whatever the interface below them is.
rte_eth_link Port::ask_link() const {
  rte_eth_link link{};
  rte_eth_link_get_nowait(id_, &link);
  constexpr int kRuns = IFF_UP | IFF_RUNNING;
  if (ifreq answer;
      ask_kernel(kernel_interface_, SIOCGIFFLAGS, answer) && (answer.ifr_flags & kRuns) != kRuns) {
    link.link_status = RTE_ETH_LINK_DOWN;
  }
  return link;
}

bool Port::look_at_link() {
  const bool up = ask_link().link_status == RTE_ETH_LINK_UP;
  const bool changed = link_.up.exchange(up, std::memory_order_relaxed) != up;
  if (changed && up) {
    link_.came_up.store(true, std::memory_order_relaxed);
  }
  return changed;
}

PortCounters Port::counters() {
  rte_eth_stats stats{};
  rte_eth_stats_get(id_, &stats);
  const rte_eth_link link = ask_link();
  PortCounters counters{
      .link_up = link.link_status == RTE_ETH_LINK_UP,
      .link_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : int64_t{link.link_speed},
      .rx_frames = stats.ipackets,
      .rx_bytes = stats.ibytes,
      .rx_missed = stats.imissed,
      .rx_errors = stats.ierrors,
      .rx_no_mbuf = stats.rx_nombuf,
      .tx_frames = stats.opackets,
      .tx_bytes = stats.obytes,
      .tx_errors = stats.oerrors,
      .pools = {},
      .own = own_.read()};
  const auto add = [&](PoolKind kind, const rte_mempool* pool) {
    if (pool != nullptr) {
      PoolUse& use = counters.pools[static_cast<size_t>(kind)];
      use.in_use += rte_mempool_in_use_count(pool);
      use.size += pool->size;
    }
  };
  for (size_t i = 0; i < queue_pools_.size(); ++i) {
    add(PoolKind::kRx, rx_pools_[i]);
    add(PoolKind::kHeads, queue_pools_[i].heads);
    add(PoolKind::kControl, queue_pools_[i].control);
    add(PoolKind::kPieces, queue_pools_[i].pieces);
    add(PoolKind::kPieces, queue_pools_[i].copies);
  }
  return counters;
}

std::string Port::summary() const {
  std::string text = options_.name + " (" + driver_ + ", MTU " + std::to_string(options_.mtu) +
                     ", " + std::to_string(options_.queues) + " queue pair" +
                     (options_.queues == 1 ? "" : "s") + ")";
  text += caps_.rx_checksums ? ", checks checksums" : ", checksums are checked here";
  text += caps_.tx_checksums ? ", makes checksums" : ", checksums are made here";
  text += caps_.segmented_bytes_max != 0 ? ", cuts segments" : ", segments are cut here";
  text += pieces_by_reference_ ? ", sends by reference" : ", replies are copied";
  if (options_.queues > 1) {
    text += ", " + spread_by_;
  }
  return text;
}

}  // namespace pollux::dpdk
