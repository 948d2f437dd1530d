// Many clients of a server whose network is a port of DPDK with no kernel behind it (vhost, memif):
// our own TCP on the other end of the port, through the channel of the load generator
// (perf/load/bypass). Each flow asks, and compares every byte that comes with what it has to be.
//
//   wire_client --dpdk-args WORDS --dpdk-port DEVICE --host ADDRESS --port N [--address OURS/BITS]
//       [--queues N --key HEX] [--drawn] [--flows N] [--rounds N] [--depth N] [--sizes A,B,...]
//       [--seconds N] [--hold | --load SECONDS | --churn N]
//
// A round of a flow is `depth` times SET of a value and GET of it, in one pipeline. With --hold it
// goes on until SIGTERM, and says "up" when all flows have had a round. With --load flows GET
// 64 bytes, one request at a time, for so long; the last line says how many. With --churn each flow
// connects, sends PING, closes when it is answered, and begins anew, N times in all (at most
// 60,000: what was closed keeps its port).
//
// Exit status: 0 all was as it has to be; 1 something was not, or took longer than --seconds.
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "perf/load/bypass/bypass_channel.h"
#include "src/base/rng.h"
#include "src/base/time.h"

namespace pollux {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

volatile std::sig_atomic_t asked_to_end = 0;

[[noreturn]] void fail(const std::string& text) {
  std::fprintf(stderr, "wire_client: %s\n", text.c_str());
  std::_Exit(1);
}

struct Options {
  std::map<std::string, std::string> words;

  std::string text(const char* name, const char* otherwise = "") const {
    const auto at = words.find(name);
    return at == words.end() ? otherwise : at->second;
  }
  uint32_t number(const char* name, uint32_t otherwise) const {
    const auto at = words.find(name);
    return at == words.end() ? otherwise : static_cast<uint32_t>(std::atoll(at->second.c_str()));
  }
  bool has(const char* name) const { return words.contains(name); }
};

Options read(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (!word.starts_with("--")) {
      fail("what is '" + std::string(word) + "'?");
    }
    const bool is_flag = word == "--hold" || word == "--drawn";
    if (!is_flag && i + 1 == argc) {
      fail(std::string(word) + " wants a value");
    }
    options.words[std::string(word.substr(2))] = is_flag ? "" : argv[++i];
  }
  return options;
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(by, at), text.size());
    if (end != at) {
      parts.push_back(text.substr(at, end - at));
    }
    at = end + 1;
  }
  return parts;
}

std::string command(std::initializer_list<std::string_view> words) {
  std::string out = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    out += "$" + std::to_string(word.size()) + "\r\n" + std::string(word) + "\r\n";
  }
  return out;
}

std::string bulk(std::string_view value) {
  return "$" + std::to_string(value.size()) + "\r\n" + std::string(value) + "\r\n";
}

class Clients {
 public:
  Clients(Channel& channel, const Options& options)
      : channel_(channel),
        flows_(options.number("flows", 1)),
        rounds_(options.number("rounds", 1)),
        depth_(options.number("depth", 1)),
        hold_(options.has("hold")),
        until_ns_(channel.now_ns() + options.number("seconds", 30) * kSecondNs) {
    for (const std::string& size : split(options.text("sizes", "64"), ',')) {
      sizes_.push_back(static_cast<size_t>(std::atoll(size.c_str())));
    }
    const size_t most = *std::ranges::max_element(sizes_);
    noise_.resize(most + kNoise);
    for (char& byte : noise_) {
      byte = static_cast<char>(rng_.next());
    }
  }

  // All rounds of all flows; then all are closed.
  void run() {
    open_all();
    while (hold_ ? asked_to_end == 0 : done_ < flows_.size()) {
      turn();
    }
    for (uint32_t flow = 0; flow < flows_.size(); ++flow) {
      channel_.close(flow);
    }
    channel_.flush();
  }

  // GETs of one key, one at a time by each flow.
  void load(int64_t ns) {
    const std::string value(64, 'v');
    request_ = command({"GET", "load"});
    reply_ = bulk(value);
    rounds_ = UINT32_MAX;
    open_all();
    while (opened_ < flows_.size()) {
      turn_of_load();
    }
    flows_[0].expected = 5;
    const std::string set = command({"SET", "load", value});
    ChannelSend first{.flow = 0, .bytes = set};
    channel_.send({&first, 1});
    while (flows_[0].expected != 0) {
      turn_of_load();
    }
    for (uint32_t flow = 0; flow < flows_.size(); ++flow) {
      ask(flow);
    }
    send_asked();
    const int64_t warm_until_ns = channel_.now_ns() + kSecondNs / 2;
    while (channel_.now_ns() < warm_until_ns) {
      turn_of_load();
    }
    const uint64_t before = requests_;
    const int64_t start_ns = channel_.now_ns();
    const uint64_t start_tsc = tsc();
    while (channel_.now_ns() - start_ns < ns) {
      turn_of_load();
    }
    const double seconds = static_cast<double>(channel_.now_ns() - start_ns) / kSecondNs;
    const auto count = static_cast<double>(requests_ - before);
    std::printf("load flows %zu requests_per_s %.0f tsc_per_request %.0f idle_turns_%% %.1f\n",
                flows_.size(), count / seconds, static_cast<double>(tsc() - start_tsc) / count,
                100.0 * static_cast<double>(idle_turns_) / static_cast<double>(turns_));
  }

  void churn(uint32_t count) {
    request_ = "PING\r\n";
    reply_ = "+PONG\r\n";
    rounds_ = count;
    open_all();
    const int64_t start_ns = channel_.now_ns();
    while (requests_ < count) {
      turn_of_churn();
    }
    const double seconds = static_cast<double>(channel_.now_ns() - start_ns) / kSecondNs;
    std::printf("churn flows %zu connections_per_s %.0f idle_turns_%% %.1f\n", flows_.size(),
                count / seconds,
                100.0 * static_cast<double>(idle_turns_) / static_cast<double>(turns_));
  }

  uint64_t requests() const { return requests_; }

 private:
  static constexpr size_t kNoise = 4096;
  static constexpr int kIdleTurnsToYield = 64;

  struct Flow {
    std::string out;  // not taken yet, from `sent` on
    size_t sent = 0;
    std::string wanted;  // what is to come, from `came` on
    size_t came = 0;
    uint32_t round = 0;
    uint32_t expected = 0;  // bytes, under load
    bool full = false;
    bool in_line = false;
  };

  void open_all() {
    for (uint32_t flow = 0; flow < flows_.size(); ++flow) {
      channel_.connect(flow);
    }
  }

  size_t take(std::array<ChannelEvent, 256>& events) {
    if (channel_.now_ns() > until_ns_ && !hold_) {
      fail("not done in time: " + std::to_string(opened_) + " of " + std::to_string(flows_.size()) +
           " flows were open, " + std::to_string(done_) + " are done, " +
           std::to_string(requests_) + " requests were answered");
    }
    return channel_.poll(events, 0);
  }

  void turn() {
    std::array<ChannelEvent, 256> events;
    const size_t count = take(events);
    for (const ChannelEvent& event : std::span(events).first(count)) {
      Flow& flow = flows_[event.flow];
      switch (event.kind) {
        case ChannelEvent::Kind::kOpen:
          ++opened_;
          begin_round(event.flow);
          break;
        case ChannelEvent::Kind::kRoom:
          flow.full = false;
          give(event.flow);
          break;
        case ChannelEvent::Kind::kBytes:
          compare(event.flow, event.bytes);
          break;
        case ChannelEvent::Kind::kClosed:
          fail("flow " + std::to_string(event.flow) + " was closed, for reason " +
               std::to_string(static_cast<int>(event.end)));
      }
    }
    channel_.flush();
    rest(count);
  }

  // The server may have to run on this core.
  void rest(size_t count) {
    idle_ = count == 0 ? idle_ + 1 : 0;
    if (idle_ > kIdleTurnsToYield) {
      yield_cpu();
    }
  }
  static void yield_cpu();

  void begin_round(uint32_t number) {
    Flow& flow = flows_[number];
    flow.out.clear();
    flow.wanted.clear();
    flow.sent = flow.came = 0;
    for (uint32_t i = 0; i < depth_; ++i) {
      const size_t size = sizes_[rng_.below(sizes_.size())];
      const std::string_view value = std::string_view(noise_).substr(rng_.below(kNoise), size);
      const std::string key = "flow:" + std::to_string(number) + ":" + std::to_string(i);
      flow.out += command({"SET", key, value}) + command({"GET", key});
      flow.wanted += "+OK\r\n" + bulk(value);
    }
    give(number);
  }

  void give(uint32_t number) {
    Flow& flow = flows_[number];
    if (flow.full || flow.sent == flow.out.size()) {
      return;
    }
    ChannelSend send{.flow = number, .bytes = std::string_view(flow.out).substr(flow.sent)};
    channel_.send({&send, 1});
    flow.sent += send.taken;
    flow.full = flow.sent != flow.out.size();
  }

  void compare(uint32_t number, std::string_view bytes) {
    Flow& flow = flows_[number];
    if (std::string_view(flow.wanted).substr(flow.came, bytes.size()) != bytes) {
      fail("flow " + std::to_string(number) + ", round " + std::to_string(flow.round) +
           ", from byte " + std::to_string(flow.came) + " of " +
           std::to_string(flow.wanted.size()) + " on: other bytes came, " +
           std::to_string(bytes.size()) + " of them");
    }
    flow.came += bytes.size();
    if (flow.came != flow.wanted.size()) {
      return;
    }
    requests_ += 2 * uint64_t{depth_};
    ++flow.round;
    if (flow.round == 1 && ++first_rounds_ == flows_.size() && hold_) {
      std::printf("up\n");
      std::fflush(stdout);
    }
    if (flow.round < rounds_ || hold_) {
      begin_round(number);
    } else {
      ++done_;
    }
  }

  void ask(uint32_t flow) {
    asked_.push_back({.flow = flow, .bytes = request_});
    flows_[flow].expected = static_cast<uint32_t>(reply_.size());
  }

  void send_asked() {
    channel_.send(asked_);
    for (const ChannelSend& send : asked_) {
      if (send.taken != send.bytes.size()) {
        fail("a request was not taken");
      }
    }
    asked_.clear();
    channel_.flush();
  }

  // Calls opened(flow), and answered(flow) when all of an answer has come; then what they have
  // asked for goes out.
  template <typename Opened, typename Answered>
  void turn_of_answers(Opened opened, Answered answered) {
    std::array<ChannelEvent, 256> events;
    const size_t count = take(events);
    for (const ChannelEvent& event : std::span(events).first(count)) {
      if (event.kind == ChannelEvent::Kind::kOpen) {
        opened(event.flow);
        continue;
      }
      Flow& flow = flows_[event.flow];
      if (event.kind != ChannelEvent::Kind::kBytes || flow.expected < event.bytes.size()) {
        fail("something else came than the answer to a request");
      }
      flow.expected -= static_cast<uint32_t>(event.bytes.size());
      if (flow.expected == 0) {
        answered(event.flow);
      }
    }
    ++turns_;
    idle_turns_ += count == 0;
    send_asked();
  }

  void turn_of_load() {
    turn_of_answers([this](uint32_t) { ++opened_; },
                    [this](uint32_t flow) {
                      if (!request_.empty() && opened_ == flows_.size()) {
                        ++requests_;
                        if (requests_ > 1) {  // the first is the SET
                          ask(flow);
                        }
                      }
                    });
  }

  void turn_of_churn() {
    turn_of_answers([this](uint32_t flow) { ask(flow); },
                    [this](uint32_t flow) {
                      ++requests_;
                      channel_.close(flow);
                      if (requests_ + flows_.size() <= rounds_) {
                        channel_.connect(flow);
                      }
                    });
  }

  Channel& channel_;
  std::vector<Flow> flows_;
  uint32_t rounds_;
  const uint32_t depth_;
  const bool hold_;
  const int64_t until_ns_;
  std::vector<size_t> sizes_;
  std::string noise_;
  Rng rng_{7};
  uint32_t opened_ = 0;
  uint32_t first_rounds_ = 0;
  uint32_t done_ = 0;
  uint64_t requests_ = 0;
  int idle_ = 0;
  // Under load, and of connections that come and go.
  std::string request_;
  std::string reply_;
  std::vector<ChannelSend> asked_;
  uint64_t turns_ = 0;
  uint64_t idle_turns_ = 0;
};

void Clients::yield_cpu() {
  sched_yield();
}

int run(const Options& options) {
  BypassOptions bypass{.network = {.arguments = split(options.text("dpdk-args"), ' '),
                                   .port = options.text("dpdk-port"),
                                   .address = options.text("address", "10.9.0.1/24"),
                                   .server_key = options.text("key"),
                                   .queues = static_cast<uint16_t>(options.number("queues", 1))},
                       .host = options.text("host", "10.9.0.2"),
                       .port = static_cast<uint16_t>(options.number("port", 6379)),
                       .even = !options.has("drawn")};
  std::string error;
  const std::unique_ptr<ChannelMaker> maker = make_bypass(bypass, error);
  if (maker == nullptr) {
    fail(error);
  }
  std::printf("%s\n", maker->where().c_str());
  std::fflush(stdout);
  const std::unique_ptr<Channel> channel = maker->make(0, options.number("flows", 1), error);
  if (channel == nullptr) {
    fail(error);
  }
  Clients clients(*channel, options);
  if (options.has("load")) {
    clients.load(options.number("load", 1) * kSecondNs);
  } else if (options.has("churn")) {
    clients.churn(options.number("churn", 1));
  } else {
    clients.run();
  }
  std::array<ChannelCounter, kChannelCountersMax> counters;
  const size_t count = channel->counters(counters);
  std::printf("requests %lu", clients.requests());
  for (const ChannelCounter& counter : std::span(counters).first(count)) {
    std::printf(" %.*s %lu", static_cast<int>(counter.name.size()), counter.name.data(),
                counter.value);
  }
  std::printf("\n");
  return 0;
}

}  // namespace
}  // namespace pollux

int main(int argc, char** argv) {
  std::signal(SIGTERM, [](int) { pollux::asked_to_end = 1; });
  return pollux::run(pollux::read(argc, argv));
}
