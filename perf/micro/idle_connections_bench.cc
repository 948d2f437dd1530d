// Memory of idle connections of a whole server on our own TCP: one worker, its transport, stack and
// sessions, in a process with the allocator of the server.
//
//   micro_idle_connections [connections]
//
// "Resident" is what the process has more of than before, when all of them are open, have asked
// PING once and are silent, and what was freed has gone back to the kernel.
#include <jemalloc/jemalloc.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/engine/session.h"
#include "dataplane/engine/worker.h"
#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/sim_engine.h"
#include "dataplane/tcp/transport/tcp_transport.h"
#include "perf/micro/tcp_clients.h"

namespace pollux::tcp {
namespace {

constexpr uint32_t kConnections = 200'000;
constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";
constexpr std::string_view kPong = "+PONG\r\n";

// Of the process, without what the allocator keeps for later.
size_t resident_bytes() {
  const std::string purge = "arena." + std::to_string(MALLCTL_ARENAS_ALL) + ".purge";
  POLLUX_ASSERT(mallctl(purge.c_str(), nullptr, nullptr, nullptr, 0) == 0);
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  POLLUX_ASSERT(file != nullptr);
  size_t all = 0;
  size_t resident = 0;
  const int fields = std::fscanf(file, "%zu %zu", &all, &resident);
  std::fclose(file);
  POLLUX_ASSERT(fields == 2);
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

class Server {
 public:
  explicit Server(uint32_t connections) : clients_(connections, device_) {
    auto transport = std::make_unique<TcpTransport>(
        stack_for(connections), kBenchKeys, device_,
        TcpSurroundings{.now = [this] { return now_; }, .wait = [](Moment) {}, .wake = [] {}});
    transport_ = transport.get();
    const std::string problem = transport_->listen({.bind = {"*"}, .port = kOurPort}, true);
    POLLUX_ASSERT(problem.empty());
    std::vector<std::unique_ptr<Transport>> transports;
    transports.push_back(std::move(transport));
    engine_ = std::make_unique<SimEngine>(
        SimOptions{.workers = 1,
                   .config = "protected-mode no\nmaxclients " + std::to_string(connections + 32)},
        std::move(transports), clock_);
    turn();
  }

  void open(uint32_t i) {
    clients_.open(i, [this] { turn(); });
    const Bytes ping{reinterpret_cast<const uint8_t*>(kPing.data()), kPing.size()};
    clients_.frame(i, kAck | kPsh, ping, 0);
    turn();
    clients_.frame(i, kAck, {}, kPong.size());
    turn();
  }
  // Connections that are there and whose one request was answered.
  bool serves(uint32_t connections) {
    const CoreBlock& core = engine_->engine().core(0);
    return core.clients.get() == connections && core.commands.get() == connections &&
           transport_->stack().check().empty();
  }

 private:
  static constexpr int64_t kTurnNs = 100;

  void turn() {
    now_ = now_ + kTurnNs;
    clients_.set_now(now_);
    clock_.advance_us(1);
    pollux::step_turn(engine_->engine().worker(0));
  }

  BenchDevice device_;
  TcpClients clients_;
  Moment now_{10 * kSecondNs};
  ManualClock clock_{Instant{1'700'000'000'000'000}};
  TcpTransport* transport_ = nullptr;  // the engine's
  std::unique_ptr<SimEngine> engine_;
};

int run(uint32_t connections) {
  Server server(connections);
  server.open(0);
  const size_t before = resident_bytes();
  for (uint32_t i = 1; i < connections; ++i) {
    server.open(i);
  }
  const size_t bytes = resident_bytes() - before;
  if (!server.serves(connections)) {
    std::fprintf(stderr, "not all connections were served\n");
    return 1;
  }
  std::printf(
      "%u idle connections: %.1f bytes resident each (a session %zu, a slot of the stack "
      "%zu)\n",
      connections, static_cast<double>(bytes) / (connections - 1), sizeof(Session), sizeof(Slot));
  return 0;
}

}  // namespace
}  // namespace pollux::tcp

int main(int argc, char** argv) {
  const unsigned long asked = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 0;
  const auto connections = static_cast<uint32_t>(asked != 0 ? asked : pollux::tcp::kConnections);
  return pollux::tcp::run(connections);
}
