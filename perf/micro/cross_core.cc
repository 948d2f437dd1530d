// What it costs that keys lie on the other core: a server of two workers on our own TCP, each fed
// by a device that makes the requests of its clients in memory. So two cores are enough, and with
// the device's share left out nothing is measured but the server: receive, TCP, RESP, table, the
// way to the other core and back, reply, transmit.
//
//   micro_cross_core [--seconds S] [--rounds N] [--clients N] [--keys N] [--elsewhere P]
//                    [--cpus A,B] [--json]
//
// Each client has one GET under way, of a key of 64 bytes that lies P percent of the time on the
// other core. In turn with that the same is measured at 0 %. Clients are of both workers together.
//
// Cycles are the workers' own (busy_cycles, as INFO's busy_us): of turns in which there was
// something to do. A device works within the server's turn, when it is asked for frames and when it
// is given some, and says how long: that is taken off, of those turns. What it leaves in the caches
// stays, as the frames of a NIC that writes into the caches would.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "dataplane/engine/worker.h"
#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/sim_engine.h"
#include "dataplane/tcp/transport/tcp_transport.h"
#include "dataplane/tcp/wire/packet.h"
#include "dataplane/tcp/wire/plain_segment.h"
#include "perf/load/json.h"
#include "perf/micro/tcp_clients.h"
#include "src/base/cpu.h"
#include "src/base/hash.h"
#include "src/base/num.h"
#include "src/base/rng.h"
#include "src/data/keyspace.h"

namespace pollux::tcp {
namespace {

constexpr int kWorkers = 2;
constexpr uint32_t kKeysMax = 10'000'000;  // seven digits
constexpr int64_t kStartMs = 200;          // of a load, before it is measured
constexpr int64_t kPatienceMs = 60'000;

struct Options {
  double seconds = 1;
  uint32_t rounds = 5;
  uint32_t clients = 1'000;
  uint32_t keys = 1'000'000;
  uint32_t elsewhere = 50;  // percent
  std::vector<int> cpus = {0, 1};
  bool json = false;
};

// "...$11\r\nkey:0000000\r\n...", with the place of the digits.
class KeyText {
 public:
  static constexpr size_t kDigits = 7;
  explicit KeyText(std::string text) : text_(std::move(text)), at_(text_.find("key:") + 4) {}
  void set(uint32_t number) {
    for (size_t i = kDigits; i-- > 0; number /= 10) {
      text_[at_ + i] = static_cast<char>('0' + number % 10);
    }
  }
  int shard() const {
    const std::string_view key = std::string_view(text_).substr(at_ - 4, 4 + kDigits);
    return shard_of_slot(key_slot(key), kWorkers).value;
  }
  Bytes bytes() const { return {reinterpret_cast<const uint8_t*>(text_.data()), text_.size()}; }

 private:
  std::string text_;
  size_t at_;
};

// A worker's device, and its clients behind it. All of it is the worker's thread's, but for what
// main may ask and say.
class AskingDevice final : public BenchDevice {
 public:
  AskingDevice(int worker, const Options& options)
      : worker_(worker),
        keys_(options.keys),
        clients_(options.clients / kWorkers, *this),
        replies_(options.clients / kWorkers),
        rng_(static_cast<uint64_t>(worker) + 1) {}

  // ---- main, any time ----
  // First all keys of this worker's shard are SET; nothing else is asked until this is said.
  void ask_elsewhere(uint32_t percent) {
    percent_.store(static_cast<int>(percent), std::memory_order_relaxed);
  }
  bool is_filled() const { return filled_.get() != 0; }
  uint64_t answered() const { return static_cast<uint64_t>(answered_.get()); }
  // Of the turns that the worker counts as busy.
  int64_t own_cycles() const { return own_cycles_.get(); }
  // Segments that bring nothing: an ACK alone, or what was sent again.
  int64_t extra() const { return extra_.get(); }
  // Replies that are not what they have to be, and connections that broke.
  int64_t wrong() const { return wrong_.get(); }

  // ---- before the worker's thread is there ----
  template <typename Turn>
  void connect(const CoreBlock& core, Turn turn) {
    core_ = &core;
    turn();  // what the stack says first, to nobody
    for (uint32_t i = 0; i < replies_.size(); ++i) {
      clients_.set_now(Moment{monotonic_ns()});
      clients_.open(i, turn);
      ready_.push_back(i);
    }
    asks_ = true;
  }

  // ---- Device ----
  size_t receive(std::span<RxFrame> frames) override {
    const uint64_t began = tsc();
    settle();
    if (asks_ && drained()) {
      clients_.set_now(Moment{monotonic_ns()});
      ask();
    }
    const size_t count = BenchDevice::receive(frames);
    turn_cycles_ += tsc() - began;
    return count;
  }
  size_t send(std::span<const TxFrame> frames) override {
    const uint64_t began = tsc();
    if (asks_) {
      for (const TxFrame& frame : frames) {
        hear({frame.head.bytes, frame.head_bytes});
      }
    }
    const size_t count = BenchDevice::send(frames);
    turn_cycles_ += tsc() - began;
    return count;
  }

 private:
  static constexpr int kAsksNothing = -1;
  static constexpr size_t kValueBytes = 64;
  static constexpr std::string_view kValueHead = "$64\r\n";
  static constexpr std::string_view kOk = "+OK\r\n";
  static constexpr size_t kValueReply = kValueHead.size() + kValueBytes + 2;

  struct Reply {
    uint32_t bytes_left = 0;  // of the one that is under way
    uint32_t unacknowledged = 0;
  };

  // The turn before this one is over: was it one that the worker counts?
  void settle() {
    const int64_t busy = core_ == nullptr ? 0 : core_->busy_cycles.get();
    if (busy != busy_seen_) {
      busy_seen_ = busy;
      own_cycles_.add(static_cast<int64_t>(turn_cycles_));
    }
    turn_cycles_ = 0;
  }

  void ask() {
    const int percent = percent_.load(std::memory_order_relaxed);
    for (size_t i = 0; i < kBurst && !ready_.empty(); ++i) {
      KeyText* const request = next_key_ < keys_ ? next_set() : next_get(percent);
      if (request == nullptr) {
        break;
      }
      const uint32_t who = ready_.front();
      ready_.pop_front();
      Reply& reply = replies_[who];
      reply.bytes_left = request == &get_ ? kValueReply : kOk.size();
      clients_.frame(who, kAck | kPsh, request->bytes(), std::exchange(reply.unacknowledged, 0));
    }
    if (next_key_ >= keys_ && filled_.get() == 0 && ready_.size() == replies_.size()) {
      filled_.set(1);
    }
  }
  KeyText* next_set() {
    for (; next_key_ < keys_; ++next_key_) {
      set_.set(next_key_);
      if (set_.shard() == worker_) {
        ++next_key_;
        return &set_;
      }
    }
    return nullptr;
  }
  KeyText* next_get(int percent) {
    if (percent == kAsksNothing) {
      return nullptr;
    }
    const bool here = static_cast<int>(rng_.below(100)) >= percent;
    do {
      get_.set(static_cast<uint32_t>(rng_.below(keys_)));
    } while ((get_.shard() == worker_) != here);
    return &get_;
  }

  void hear(Bytes frame) {
    const Packet packet = parse_packet(frame);
    if (packet.kind != PacketKind::kTcp) {
      return;  // ARP, for a peer that is known
    }
    const uint32_t who = TcpClients::client_at(packet.tcp.destination_port);
    if (who >= replies_.size() || packet.tcp.has(kRst) || packet.tcp.has(kFin)) {
      wrong_.add(1);
      return;
    }
    Reply& reply = replies_[who];
    const Bytes payload = frame.first(packet.end).subspan(packet.payload_at);
    const Seq next = clients_.peers()[who].ack + reply.unacknowledged;
    if (payload.empty() || packet.tcp.seq != next) {
      extra_.add(1);
      return;
    }
    if (packet.payload_at >= packet.transport_at + kPlainTcpBytes) {
      clients_.set_echo(load32(frame.data() + packet.transport_at + kTcpBytes + 4));
    }
    const std::string_view head = reply.bytes_left == kValueReply ? kValueHead : kOk;
    if (payload.size() != reply.bytes_left ||
        std::memcmp(payload.data(), head.data(), head.size()) != 0) {
      wrong_.add(1);
      return;
    }
    reply.unacknowledged += static_cast<uint32_t>(payload.size());
    reply.bytes_left = 0;
    answered_.add(1);
    ready_.push_back(who);
  }

  const int worker_;
  const uint32_t keys_;
  TcpClients clients_;
  std::vector<Reply> replies_;  // of each client
  std::deque<uint32_t> ready_;  // clients that wait for nothing, longest first
  bool asks_ = false;
  KeyText get_{"*2\r\n$3\r\nGET\r\n$11\r\nkey:0000000\r\n"};
  KeyText set_{"*3\r\n$3\r\nSET\r\n$11\r\nkey:0000000\r\n$64\r\n" + std::string(kValueBytes, 'v') +
               "\r\n"};
  uint32_t next_key_ = 0;  // that is to be SET
  Rng rng_;
  const CoreBlock* core_ = nullptr;
  int64_t busy_seen_ = 0;
  uint64_t turn_cycles_ = 0;
  std::atomic<int> percent_{kAsksNothing};
  Counter filled_;
  Counter answered_;
  Counter own_cycles_;
  Counter extra_;
  Counter wrong_;
};

struct Figures {
  double cycles = 0;      // of the server, a GET
  double gets_per_s = 0;  // of both workers
  double cells = 0;       // requests to the other core, in percent of the GETs
  double extra = 0;       // segments that brought no reply, in percent of the GETs
  double device = 0;      // cycles of the device, a GET: not in `cycles`
};

class Server {
 public:
  explicit Server(const Options& options) {
    std::vector<std::unique_ptr<Transport>> transports;
    for (int i = 0; i < kWorkers; ++i) {
      devices_.push_back(std::make_unique<AskingDevice>(i, options));
      // As a server on DPDK has it.
      StackConfig config = stack_for(options.clients);
      config.connection = {};
      config.sender.rtt = kDataCentreRtt;
      auto transport = std::make_unique<TcpTransport>(
          config, kBenchKeys, *devices_.back(),
          TcpSurroundings{
              .now = [] { return Moment{monotonic_ns()}; }, .wait = [](Moment) {}, .wake = [] {}});
      const std::string problem = transport->listen({.bind = {"*"}, .port = kOurPort}, true);
      POLLUX_ASSERT(problem.empty());
      transports.push_back(std::move(transport));
    }
    engine_ = std::make_unique<SimEngine>(
        SimOptions{.workers = kWorkers,
                   .config = "protected-mode no\npoll-mode busy\nmaxclients " +
                             std::to_string(options.clients + 32),
                   .cells_per_channel = 0},
        std::move(transports), clock_);
    Engine& engine = engine_->engine();
    for (int i = 0; i < kWorkers; ++i) {
      devices_[i]->connect(engine.core(i), [&] { step_turn(engine.worker(i)); });
    }
    for (int i = 0; i < kWorkers; ++i) {
      threads_.emplace_back([this, &options, i] {
        pinned_[i] = pin_thread(options.cpus[i]);
        engine_->engine().worker(i).run();
      });
    }
  }
  ~Server() {
    engine_->engine().stop(/*grace_ms=*/0);
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // False: it takes too long.
  bool wait_until_filled() const {
    for (int64_t waited_ms = 0; waited_ms < kPatienceMs; ++waited_ms) {
      if (std::ranges::all_of(devices_, [](const auto& one) { return one->is_filled(); })) {
        return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }
  bool is_pinned() const { return pinned_[0] && pinned_[1]; }
  int64_t wrong() const { return devices_[0]->wrong() + devices_[1]->wrong(); }

  Figures measure(uint32_t elsewhere, double seconds) {
    for (const auto& device : devices_) {
      device->ask_elsewhere(elsewhere);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kStartMs));
    const Sums before = sums();
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    const Sums after = sums();
    const auto gets = static_cast<double>(after.answered - before.answered);
    if (gets == 0) {
      return {};
    }
    const auto device = static_cast<double>(after.device - before.device);
    return {.cycles = (static_cast<double>(after.busy - before.busy) - device) / gets,
            .gets_per_s = gets * 1e9 / static_cast<double>(after.at_ns - before.at_ns),
            .cells = 100 * static_cast<double>(after.cells - before.cells) / gets,
            .extra = 100 * static_cast<double>(after.extra - before.extra) / gets,
            .device = device / gets};
  }

 private:
  struct Sums {
    int64_t at_ns = 0;
    int64_t busy = 0;
    int64_t device = 0;
    int64_t cells = 0;
    int64_t extra = 0;
    uint64_t answered = 0;
  };
  Sums sums() {
    Engine& engine = engine_->engine();
    Sums sum{.at_ns = monotonic_ns(),
             .busy = engine.sum(&CoreBlock::busy_cycles),
             .cells = engine.sum(&CoreBlock::cells_sent)};
    for (const auto& device : devices_) {
      sum.device += device->own_cycles();
      sum.extra += device->extra();
      sum.answered += device->answered();
    }
    return sum;
  }

  SystemClock clock_;
  std::vector<std::unique_ptr<AskingDevice>> devices_;
  std::unique_ptr<SimEngine> engine_;
  std::array<std::atomic<bool>, kWorkers> pinned_{};
  std::vector<std::thread> threads_;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t half = values.size() / 2;
  return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

struct Round {
  Figures here;
  Figures there;
};

void print_json(const Options& options, const std::vector<Round>& rounds) {
  JsonText json;
  json.begin_object().key("elsewhere_percent").integer(options.elsewhere);
  json.key("clients").integer(options.clients);
  json.key("keys").integer(options.keys);
  json.key("seconds").number(options.seconds);
  json.key("rounds").begin_array();
  for (const Round& round : rounds) {
    json.begin_object();
    json.key("cycles_at_0").number(round.here.cycles);
    json.key("cycles_elsewhere").number(round.there.cycles);
    json.key("gets_per_s_at_0").number(round.here.gets_per_s);
    json.key("gets_per_s_elsewhere").number(round.there.gets_per_s);
    json.key("cells_percent").number(round.there.cells);
    json.key("extra_segments_percent").number(round.there.extra);
    json.end_object();
  }
  json.end_array().end_object();
  std::printf("%s\n", json.text().c_str());
}

void print_text(const Options& options, const std::vector<Round>& rounds) {
  std::printf("%12s %14s %14s %14s %16s %16s\n", "elsewhere", "cycles/GET", "GETs/s", "by cells",
              "extra segments", "device's cycles");
  const auto row = [](uint32_t percent, const Figures& one) {
    std::printf("%10u %% %14.0f %14.0f %12.1f %% %14.1f %% %16.0f\n", percent, one.cycles,
                one.gets_per_s, one.cells, one.extra, one.device);
  };
  std::vector<double> ratios;
  for (const Round& round : rounds) {
    row(0, round.here);
    row(options.elsewhere, round.there);
    ratios.push_back(round.there.cycles / round.here.cycles);
  }
  std::printf("busy cycles per GET, %u %% to 0 %%: %.3f (median of %zu)\n", options.elsewhere,
              median(ratios), ratios.size());
}

int run(const Options& options) {
  Server server(options);
  if (!server.wait_until_filled()) {
    std::fprintf(stderr, "micro_cross_core: the keys were not there after %lld s\n",
                 static_cast<long long>(kPatienceMs / 1'000));
    return 1;
  }
  if (!server.is_pinned()) {
    std::fprintf(stderr,
                 "micro_cross_core: cannot pin to processors %d and %d; see taskset -p $$\n",
                 options.cpus[0], options.cpus[1]);
    return 1;
  }
  std::vector<Round> rounds;
  for (uint32_t i = 0; i < options.rounds; ++i) {
    const Figures here = server.measure(0, options.seconds);
    rounds.push_back({here, server.measure(options.elsewhere, options.seconds)});
    const Round& last = rounds.back();
    if (server.wrong() != 0 || last.here.gets_per_s == 0 || last.there.gets_per_s == 0) {
      std::fprintf(stderr, "micro_cross_core: %lld answers were wrong, %.0f and %.0f GETs/s\n",
                   static_cast<long long>(server.wrong()), last.here.gets_per_s,
                   last.there.gets_per_s);
      return 1;
    }
  }
  options.json ? print_json(options, rounds) : print_text(options, rounds);
  return 0;
}

bool take(std::string_view name, const char* text, Options& out) {
  const auto number = [&](int64_t least, int64_t most, uint32_t& into) {
    const std::optional<int64_t> value = parse_int64(text);
    into = static_cast<uint32_t>(value.value_or(0));
    return value && *value >= least && *value <= most;
  };
  if (name == "--seconds") {
    out.seconds = parse_double(text).value_or(0);
    return out.seconds > 0 && out.seconds <= 3'600;
  }
  if (name == "--rounds") {
    return number(1, 1'000, out.rounds);
  }
  if (name == "--clients") {
    return number(kWorkers, TcpClients::kPorts, out.clients);
  }
  if (name == "--keys") {
    return number(1'000, kKeysMax, out.keys);
  }
  if (name == "--elsewhere") {
    return number(0, 100, out.elsewhere);
  }
  if (name == "--cpus") {
    out.cpus = parse_cpu_list(text).value_or(std::vector<int>());
    return out.cpus.size() == kWorkers;
  }
  return false;
}

}  // namespace
}  // namespace pollux::tcp

int main(int argc, char** argv) {
  pollux::tcp::Options options;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--json") {
      options.json = true;
    } else if (i + 1 == argc || !pollux::tcp::take(argv[i], argv[i + 1], options)) {
      std::fputs(
          "usage: micro_cross_core [--seconds S] [--rounds N] [--clients N, 2 to 50000]\n"
          "           [--keys N, 1000 to 10000000] [--elsewhere PERCENT] [--cpus A,B] [--json]\n"
          "Two workers, a device each that makes GETs in memory: busy cycles of a GET when none\n"
          "and when so many percent are of keys of the other core.\n",
          stderr);
      return 2;
    } else {
      ++i;
    }
  }
  return pollux::tcp::run(options);
}
