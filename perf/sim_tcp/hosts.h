// Hosts of the figures: our stack with what its work costs on a core, and applications that load
// it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/sim/net/host.h"
#include "dataplane/sim/net/machine.h"
#include "dataplane/sim/net/network.h"
#include "dataplane/sim/stack/stack_host.h"
#include "src/base/rng.h"

namespace pollux::tcp {

// What a core is charged with, in ns: what micro_tcp_stack says of RequestAndReply, Flood and
// OpenAndClose with 10,000 connections, the worse of two runs on a loaded host (perf/README.md). A
// device's driver is not in it, nor what the application does.
struct Costs {
  int64_t request = 1'400;  // a segment with data, and its reply
  int64_t ack = 300;        // one without; half of what one with data costs, as there is no figure
  int64_t syn = 610;        // with its SYN-ACK
  int64_t connection = 3'800;  // to open and close it, behind the SYN
};

inline constexpr uint16_t kPort = 6379;
// All on one link of 10.0.0.0/8.
inline IpAddress address_of(uint32_t host) {
  return IpAddress::v4(0x0a000001 + host);
}

struct PerfHostConfig {
  uint32_t number = 0;
  SimDeviceConfig device;
  StackConfig stack;
  HostConfig machine;
  std::optional<Costs> costs;  // instead of those of `machine` for frames
};
// A NIC of today: it does checksums, and cuts segments.
PerfHostConfig perf_host(uint32_t number);

class PerfHost final : public SimHost {
 public:
  PerfHost(const PerfHostConfig& config, uint64_t seed, StackApp& app);

  Stack& stack() { return host_.stack(); }
  Machine& machine() { return *machine_; }
  Machine& attach_to(Network& network, const char* name);

  void attached(Machine& machine) override;
  void receive(Frame& frame, Moment now) override;
  void received(Moment now) override { host_.received(now); }
  void tick(Moment now) override { host_.tick(now); }
  void flush(Moment now) override;
  void sent(uint64_t token) override { host_.sent(token); }
  Moment next_deadline() const override { return host_.next_deadline(); }
  bool wants_turn() const override { return host_.wants_turn(); }

 private:
  const PerfHostConfig config_;
  StackHost host_;
  Machine* machine_ = nullptr;
  uint64_t opened_ = 0;
};

// ---- applications ----

// Answers each request of a fixed size by as much; takes anything if that is 0.
class ServerApp final : public StackApp {
 public:
  explicit ServerApp(uint32_t request_bytes) : request_bytes_(request_bytes) {}
  void set_stack(Stack& stack) { stack_ = &stack; }
  void on_event(const StackEvent& event, Moment now) override;
  uint64_t bytes_from(const IpAddress& client) const {
    const auto found = bytes_.find(client);
    return found == bytes_.end() ? 0 : found->second;
  }

 private:
  const uint32_t request_bytes_;
  Stack* stack_ = nullptr;
  std::map<ConnId, uint32_t> begun_;  // bytes of a request that is not all there
  std::map<IpAddress, uint64_t> bytes_;
};

// Sends as fast as it may.
class BulkApp final : public StackApp {
 public:
  void set_stack(Stack& stack) { stack_ = &stack; }
  void on_event(const StackEvent& event, Moment now) override;
  void run(Moment now) override;
  std::optional<Moment> connected_at() const { return connected_at_; }
  ConnId conn() const { return conn_; }

 private:
  static constexpr uint32_t kOnItsWayMax = 8U << 20;
  Stack* stack_ = nullptr;
  ConnId conn_;
  std::optional<Moment> connected_at_;
  bool broken_ = false;
};

// Clients that each ask, wait for the reply, think, and ask again.
struct AskOptions {
  uint32_t bytes = 64;  // of a request, and of a reply
  int64_t think_ns_min = 0;
  int64_t think_ns_max = 0;
};
class AskApp final : public StackApp {
 public:
  AskApp(const AskOptions& options, uint64_t seed) : options_(options), rng_(seed) {}
  void set_stack(Stack& stack) { stack_ = &stack; }
  bool connect(const IpAddress& to, Moment now);
  void on_event(const StackEvent& event, Moment now) override;
  void run(Moment now) override;
  Moment next_deadline() const override { return next_; }

  // From the turn that asks to the turn that has all of the reply, of those whose reply came since
  // the last call.
  std::vector<int64_t> take_times_ns() { return std::exchange(times_ns_, {}); }
  uint64_t asked() const { return asked_; }
  uint64_t broken() const { return broken_; }

 private:
  struct Client {
    ConnId conn;
    Moment asks_at = kNever;
    Moment asked_at{};
    uint32_t to_come = 0;
  };
  Moment after_thinking(Moment now);

  const AskOptions options_;
  Rng rng_;
  Stack* stack_ = nullptr;
  std::vector<Client> clients_;
  Moment next_ = kNever;
  std::vector<int64_t> times_ns_;
  uint64_t asked_ = 0;
  uint64_t broken_ = 0;
};

// Opens a connection every so often, asks once, and closes.
class VisitApp final : public StackApp {
 public:
  VisitApp(const IpAddress& to, Moment from, Moment until, int64_t interval_ns)
      : to_(to), next_(from), until_(until), interval_ns_(interval_ns) {}
  void set_stack(Stack& stack) { stack_ = &stack; }
  void on_event(const StackEvent& event, Moment now) override;
  void run(Moment now) override;
  Moment next_deadline() const override { return next_ < until_ ? next_ : kNever; }

  uint64_t begun() const { return begun_; }
  uint64_t done() const { return done_; }
  const std::vector<int64_t>& connect_ns() const { return connect_ns_; }

 private:
  static constexpr uint32_t kBytes = 64;
  const IpAddress to_;
  Moment next_;
  const Moment until_;
  const int64_t interval_ns_;
  Stack* stack_ = nullptr;
  std::map<ConnId, Moment> begun_at_;
  std::vector<int64_t> connect_ns_;
  uint64_t begun_ = 0;
  uint64_t done_ = 0;
};

}  // namespace pollux::tcp
