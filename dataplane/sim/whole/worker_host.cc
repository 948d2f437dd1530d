#include "dataplane/sim/whole/worker_host.h"

#include <algorithm>

#include "dataplane/sim/scheduler.h"

namespace pollux::tcp {

WorkerHost::WorkerHost(Network& network, const SimDeviceConfig& device, const StackConfig& config,
                       const StackKeys& keys, size_t pinned_max)
    : WorkerHost(network, device, config, keys, pinned_max, nullptr, 0) {}

WorkerHost::WorkerHost(Network& network, const SimDeviceConfig& device, const StackConfig& config,
                       const StackKeys& keys, size_t pinned_max, Steering& steering,
                       uint16_t worker)
    : WorkerHost(network, device, config, keys, pinned_max, &steering, worker) {}

WorkerHost::WorkerHost(Network& network, const SimDeviceConfig& device, const StackConfig& config,
                       const StackKeys& keys, size_t pinned_max, Steering* steering,
                       uint16_t worker)
    : device_(device),
      steered_(steering == nullptr ? nullptr : steering->attach(worker, device_)),
      now_(network.now()),
      owned_(std::make_unique<TcpTransport>(
          config, keys,
          steered_ == nullptr ? static_cast<Device&>(device_) : static_cast<Device&>(*steered_),
          TcpSurroundings{.now = [this] { return now_; }, .wait = [](Moment) {}, .wake = [] {}},
          pinned_max)),
      transport_(owned_.get()) {}

void WorkerHost::attached(Machine& machine) {
  device_.attached(machine);
}

void WorkerHost::flush(Moment now) {
  now_ = now;
  step_turn(*worker_);
  next_cron_ = now + (worker_->quiet() ? kCronNs : kBusyNs);
  if (violation_.empty()) {
    violation_ = transport_->stack().check();
  }
}

Moment WorkerHost::next_deadline() const {
  return std::min(transport_->stack().next_deadline(), next_cron_);
}

bool WorkerHost::wants_turn() const {
  return transport_->wants_turn() || (steered_ != nullptr && !steered_->may_sleep());
}

}  // namespace pollux::tcp
