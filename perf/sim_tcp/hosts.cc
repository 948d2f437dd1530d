#include "perf/sim_tcp/hosts.h"

#include <algorithm>
#include <array>
#include <utility>

#include "dataplane/sim/net/echo_host.h"
#include "dataplane/sim/net/frame_peek.h"
#include "dataplane/sim/stack/stack_play.h"

namespace pollux::tcp {
namespace {

constexpr std::array<uint8_t, 64U << 10> kBytes{};

bool write(Stack& stack, ConnId conn, uint32_t bytes, uint32_t limit) {
  const Bytes piece = Bytes(kBytes).first(bytes);
  return stack.write(conn, {&piece, 1}, limit);
}

}  // namespace

PerfHostConfig perf_host(uint32_t number) {
  PerfHostConfig config{.number = number, .device = {}, .stack = {}, .machine = {}, .costs = {}};
  config.device.caps = {.mac = mac_of(number + 1),
                        .rx_checksums = true,
                        .tx_checksums = true,
                        .segmented_bytes_max = 64'000};
  config.stack.interface.addresses = {{address_of(number), 8}};
  config.machine.mac = config.device.caps.mac;
  return config;
}

PerfHost::PerfHost(const PerfHostConfig& config, uint64_t seed, StackApp& app)
    : config_(config),
      host_(config.device, config.stack, play_keys(seed * 1'000 + config.number), Moment{}) {
  host_.set_app(app);
}

Machine& PerfHost::attach_to(Network& network, const char* name) {
  HostConfig machine = config_.machine;
  if (config_.costs) {
    machine.packet_ns = machine.send_ns = 0;
  }
  return network.add_host(*this, machine, name);
}

void PerfHost::attached(Machine& machine) {
  machine_ = &machine;
  host_.attached(machine);
}

void PerfHost::receive(Frame& frame, Moment now) {
  if (config_.costs) {
    const std::optional<TcpPeek> tcp = peek_tcp(frame);
    machine_->charge(!tcp                        ? config_.costs->ack
                     : tcp->syn && !tcp->has_ack ? config_.costs->syn
                     : tcp->payload_bytes != 0   ? config_.costs->request
                                                 : config_.costs->ack);
  }
  host_.receive(frame, now);
}

void PerfHost::flush(Moment now) {
  if (config_.costs) {
    const uint64_t opened = stack().listener().counters().opened;
    machine_->charge(static_cast<int64_t>(opened - std::exchange(opened_, opened)) *
                     config_.costs->connection);
  }
  host_.flush(now);
}

// ---- applications ----

void ServerApp::on_event(const StackEvent& event, Moment now) {
  if (event.kind == StackEvent::Kind::kEnd) {
    begun_.erase(event.conn);
    stack_->close(event.conn, now);
    return;
  }
  if (event.kind != StackEvent::Kind::kData) {
    return;
  }
  if (const Flow* flow = stack_->flow(event.conn)) {
    bytes_[flow->remote] += event.bytes.size();
  }
  if (request_bytes_ == 0) {
    return;
  }
  uint32_t& begun = begun_[event.conn];
  begun += static_cast<uint32_t>(event.bytes.size());
  for (; begun >= request_bytes_; begun -= request_bytes_) {
    write(*stack_, event.conn, request_bytes_, UINT32_MAX);
  }
}

void BulkApp::on_event(const StackEvent& event, Moment now) {
  if (event.kind == StackEvent::Kind::kConnected) {
    connected_at_ = now;
    conn_ = event.conn;
  }
  broken_ |= event.kind == StackEvent::Kind::kEnd;
}

void BulkApp::run(Moment /*now*/) {
  while (connected_at_ && !broken_ && write(*stack_, conn_, kBytes.size(), kOnItsWayMax)) {
  }
}

bool AskApp::connect(const IpAddress& to, Moment now) {
  const std::optional<ConnId> conn = stack_->connect(to, kPort, now);
  if (conn) {
    clients_.push_back({.conn = *conn});
  }
  return conn.has_value();
}

Moment AskApp::after_thinking(Moment now) {
  const auto range = static_cast<uint64_t>(options_.think_ns_max - options_.think_ns_min);
  const Moment at = now + options_.think_ns_min + static_cast<int64_t>(rng_.below(range + 1));
  next_ = std::min(next_, at);
  return at;
}

void AskApp::on_event(const StackEvent& event, Moment now) {
  const auto client =
      std::ranges::find_if(clients_, [&](const Client& of) { return of.conn == event.conn; });
  if (client == clients_.end()) {
    return;
  }
  if (event.kind == StackEvent::Kind::kConnected) {
    client->asks_at = after_thinking(now);
  } else if (event.kind == StackEvent::Kind::kEnd) {
    ++broken_;
    stack_->close(event.conn, now);
    clients_.erase(client);
  } else if (event.kind == StackEvent::Kind::kData) {
    client->to_come -= static_cast<uint32_t>(event.bytes.size());
    if (client->to_come == 0) {
      times_ns_.push_back(now - client->asked_at);
      client->asks_at = after_thinking(now);
    }
  }
}

void AskApp::run(Moment now) {
  if (next_ > now) {
    return;
  }
  next_ = kNever;
  for (Client& client : clients_) {
    if (client.asks_at <= now) {
      client.asks_at = kNever;
      client.asked_at = now;
      client.to_come = options_.bytes;
      ++asked_;
      write(*stack_, client.conn, options_.bytes, UINT32_MAX);
    }
    next_ = std::min(next_, client.asks_at);
  }
}

void VisitApp::on_event(const StackEvent& event, Moment now) {
  switch (event.kind) {
    case StackEvent::Kind::kConnected:
      connect_ns_.push_back(now - begun_at_[event.conn]);
      write(*stack_, event.conn, kBytes, UINT32_MAX);
      break;
    case StackEvent::Kind::kData:
      ++done_;
      stack_->close(event.conn, now);
      break;
    case StackEvent::Kind::kEnd:
      stack_->close(event.conn, now);
      break;
    case StackEvent::Kind::kClosed:
      begun_at_.erase(event.conn);
      break;
    default:
      break;
  }
}

void VisitApp::run(Moment now) {
  while (next_ <= now && next_ < until_) {
    next_ = next_ + interval_ns_;
    ++begun_;
    if (const std::optional<ConnId> conn = stack_->connect(to_, kPort, now)) {
      begun_at_[*conn] = now;
    }
  }
}

}  // namespace pollux::tcp
