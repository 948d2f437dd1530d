// A host of the simulated network that is our stack on a NIC, with an application on top: what a
// worker does with a real NIC, turn by turn.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "dataplane/sim/net/host.h"
#include "dataplane/sim/net/sim_device.h"
#include "dataplane/tcp/stack/stack.h"

namespace pollux::tcp {

// All calls are made in turns of the host's core.
class StackApp {
 public:
  virtual ~StackApp() = default;
  virtual void on_event(const StackEvent& event, Moment now) = 0;
  // Behind the turn's events: whatever else is to be written, closed or opened.
  virtual void run(Moment /*now*/) {}
  // When it wants to run without an event.
  virtual Moment next_deadline() const { return kNever; }
};

class StackHost final : public SimHost {
 public:
  // The application outlives all turns; it may be set before the first alone.
  StackHost(const SimDeviceConfig& device, const StackConfig& config, const StackKeys& keys,
            Moment now)
      : device_(device), stack_(config, keys, device_, now) {}
  void set_app(StackApp& app) { app_ = &app; }

  Stack& stack() { return stack_; }
  SimDevice& device() { return device_; }
  // The first thing that did not hold between turns; "": all did.
  const std::string& violation() const { return violation_; }

  void attached(Machine& machine) override { device_.attached(machine); }
  void receive(Frame& frame, Moment /*now*/) override { device_.arrived(std::move(frame)); }
  void received(Moment now) override { stack_.receive(now); }
  void tick(Moment now) override;
  void flush(Moment now) override;
  void sent(uint64_t token) override { device_.sent(token); }
  Moment next_deadline() const override {
    return std::min(stack_.next_deadline(), app_->next_deadline());
  }
  bool wants_turn() const override { return stack_.wants_turn(); }

 private:
  SimDevice device_;
  Stack stack_;
  StackApp* app_ = nullptr;
  std::string violation_;
};

}  // namespace pollux::tcp
