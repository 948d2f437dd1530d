#include "dataplane/server/network_figures.h"

#include <array>
#include <string>

#include "src/base/assert.h"

namespace pollux {

namespace {

class Figures {
 public:
  explicit Figures(std::span<TransportFigure> into) : into_(into) {}
  template <typename Number>
  void add(std::string_view name, Number value) {
    POLLUX_ASSERT(count_ < into_.size());
    into_[count_++] = {name, static_cast<int64_t>(value)};
  }
  size_t count() const { return count_; }

 private:
  std::span<TransportFigure> into_;
  size_t count_ = 0;
};

// "ip_malformed", ...; for as long as the process lives.
std::string_view figure_of(tcp::InterfaceEvent event) {
  static constexpr size_t kEvents = static_cast<size_t>(tcp::InterfaceEvent::kCount);
  static const std::array<std::string, kEvents> kNames = [] {
    std::array<std::string, kEvents> names;
    for (size_t i = 0; i < kEvents; ++i) {
      names[i] = "ip_" + std::string(tcp::name_of(static_cast<tcp::InterfaceEvent>(i)));
    }
    return names;
  }();
  return kNames[static_cast<size_t>(event)];
}

void add_stack(Figures& figures, const tcp::Stack& stack) {
  const tcp::StackCounters& all = stack.counters();
  figures.add("tcp_frames", all.frames);
  figures.add("tcp_segments", all.segments);
  figures.add("tcp_segments_out", all.segments_out);
  figures.add("tcp_strangers", all.strangers);
  figures.add("tcp_misplaced", all.misplaced);
  figures.add("tcp_not_allowed", all.not_allowed);
  figures.add("tcp_tx_full", all.tx_full);
  figures.add("tcp_held_dropped_bytes", all.held_dropped);
  figures.add("tcp_no_way", all.no_way);
  figures.add("tcp_aborted_for_memory", all.aborted_for_memory);
  figures.add("tcp_aborted_orphans", all.aborted_orphans);
  figures.add("tcp_connections", stack.connections());
  figures.add("tcp_orphans", stack.orphans());
  figures.add("tcp_memory_bytes", stack.memory_bytes());
  const tcp::SenderCounters& senders = stack.sender_counters();
  figures.add("tcp_retransmissions", senders.retransmissions);
  figures.add("tcp_timeouts", senders.timeouts);
  figures.add("tcp_tail_probes", senders.tail_probes);
  figures.add("tcp_window_probes", senders.window_probes);
  figures.add("tcp_recoveries", senders.recoveries);
  figures.add("tcp_recoveries_undone", senders.undone);
}

void add_listener(Figures& figures, const tcp::Listener& listener) {
  const tcp::ListenerCounters& all = listener.counters();
  figures.add("tcp_half_open", listener.half_open());
  figures.add("tcp_time_waits", listener.time_waits());
  figures.add("tcp_syns", all.syns);
  figures.add("tcp_cookies_sent", all.cookies_sent);
  figures.add("tcp_cookies_taken", all.cookies_taken);
  figures.add("tcp_cookies_refused", all.cookies_refused);
  figures.add("tcp_opened", all.opened);
  figures.add("tcp_no_room", all.no_room);
  figures.add("tcp_syn_acks_again", all.syn_acks_again);
  figures.add("tcp_half_open_expired", all.expired);
  figures.add("tcp_resets_sent", all.resets_sent);
  figures.add("tcp_resets_withheld", all.resets_withheld);
}

}  // namespace

size_t worker_figures(tcp::Stack& stack, const dpdk::Network& network, int worker,
                      std::span<TransportFigure> into) {
  Figures figures(into);
  add_stack(figures, stack);
  add_listener(figures, stack.listener());
  for (size_t i = 0; i < static_cast<size_t>(tcp::InterfaceEvent::kCount); ++i) {
    const auto event = static_cast<tcp::InterfaceEvent>(i);
    figures.add(figure_of(event), stack.interface().count(event));
  }
  const dpdk::QueueCounters& queue = network.queue_counters(worker);
  figures.add("queue_rx_broken", queue.rx_broken);
  figures.add("queue_tx_refused", queue.tx_refused);
  figures.add("queue_tx_full", queue.tx_full);
  figures.add("queue_tx_copied", queue.tx_copied);
  figures.add("queue_tx_no_link", queue.tx_no_link);
  const tcp::SteeringCounters steering = network.steering_counters(worker);
  figures.add("steering_handed_on", steering.handed_on);
  figures.add("steering_handed_over", steering.handed_over);
  figures.add("steering_no_parcel", steering.no_parcel);
  figures.add("steering_told_to_all", steering.told_to_all);
  figures.add("steering_to_host", steering.to_host);
  figures.add("steering_from_host", steering.from_host);
  figures.add("steering_host_full", steering.host_full);
  figures.add("steering_hashed_right", steering.hashed_right);
  figures.add("steering_hashed_wrong", steering.hashed_wrong);
  return figures.count();
}

size_t port_figures(const dpdk::PortCounters& port, std::span<TransportFigure> into) {
  Figures figures(into);
  figures.add("port_link_up", port.link_up ? 1 : 0);
  figures.add("port_link_mbps", port.link_mbps);
  figures.add("port_rx_frames", port.rx_frames);
  figures.add("port_rx_bytes", port.rx_bytes);
  figures.add("port_rx_missed", port.rx_missed);
  figures.add("port_rx_errors", port.rx_errors);
  figures.add("port_rx_no_mbuf", port.rx_no_mbuf);
  figures.add("port_tx_frames", port.tx_frames);
  figures.add("port_tx_bytes", port.tx_bytes);
  figures.add("port_tx_errors", port.tx_errors);
  struct Names {
    std::string_view in_use;
    std::string_view size;
  };
  static constexpr std::array<Names, dpdk::kPoolKinds> kPools = {
      {{"mbufs_rx_in_use", "mbufs_rx"},
       {"mbufs_heads_in_use", "mbufs_heads"},
       {"mbufs_control_in_use", "mbufs_control"},
       {"mbufs_pieces_in_use", "mbufs_pieces"}}};
  for (size_t i = 0; i < kPools.size(); ++i) {
    figures.add(kPools[i].in_use, port.pools[i].in_use);
    figures.add(kPools[i].size, port.pools[i].size);
  }
  for (const dpdk::OwnCounter& one : port.own) {
    figures.add(one.name, one.value);
  }
  return figures.count();
}

}  // namespace pollux
