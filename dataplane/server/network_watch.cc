#include "dataplane/server/network_watch.h"

#include <array>
#include <chrono>
#include <span>

#include "dataplane/engine/figures.h"
#include "dataplane/server/network_figures.h"
#include "src/base/log.h"

namespace pollux {

namespace {

constexpr std::chrono::milliseconds kEvery{250};
// With a capture: a worker's copies fill their way with 800,000 frames a second.
constexpr std::chrono::milliseconds kEveryInCapture{5};

}  // namespace

NetworkWatch::NetworkWatch(dpdk::Network& network, ControlPage& page, const Config& config)
    : network_(network), page_(page), capture_(network.capture(), config.net_capture_bytes_max) {
  look();
}

std::string NetworkWatch::add_host_tap(const Config& config) {
  if (config.net_host_tap.empty()) {
    return {};
  }
  std::string problem;
  host_tap_ = HostTap::open(config.net_host_tap, network_.mac(),
                            static_cast<uint32_t>(config.net_mtu), problem);
  if (host_tap_ != nullptr) {
    network_.set_host_wake([tap = host_tap_.get()] { tap->wake(); });
  }
  return problem;
}

int NetworkWatch::start() {
  if (host_tap_ != nullptr) {
    if (const int error = host_tap_->start(*network_.host_path(), *network_.steering());
        error != 0) {
      return error;
    }
  }
  const int error = look_thread_.start("network", kEvery, [this] {
    look();
    return kEvery;
  });
  return error != 0 ? error : capture_thread_.start("capture", kEvery, [this] {
    return capture_.write() ? kEveryInCapture : kEvery;
  });
}

void NetworkWatch::stop() {
  look_thread_.stop();
  capture_thread_.stop();
  capture_.finish();
  if (host_tap_ != nullptr) {
    host_tap_->stop();
  }
}

void NetworkWatch::look() {
  const bool changed = network_.look_at_link();
  const dpdk::PortCounters port = network_.port_counters();
  if (changed) {
    log_line(LogLevel::kWarning, "The link of dpdk-port is %s",
             port.link_up ? "up" : "down: nobody is reached over it");
  }
  std::array<TransportFigure, kPortFiguresMax> figures;
  publish_port(std::span(figures).first(port_figures(port, figures)), page_.port_block);
}

void NetworkWatch::name_figures(const Transport& worker) {
  std::array<TransportFigure, kPortFiguresMax> figures;
  const size_t count = port_figures(network_.port_counters(), figures);
  pollux::name_figures(worker, std::span(figures).first(count), page_);
}

}  // namespace pollux
