// A channel in virtual time with a simulated server behind it, which answers when it was told to:
// what the generator says of it can be compared with what is so, to the nanosecond. For tests.
//
// Time passes only in poll(), up to the next event or `until_ns`, and in sends that were told to
// take some.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <string>
#include <vector>

#include "perf/load/channel.h"
#include "src/protocol/resp_reader.h"

namespace pollux {

struct SimServer {
  // When request `number` (of all, from 0, in order of arrival) that arrived at `at_ns` is
  // answered. Answers of one flow keep their order.
  std::function<int64_t(uint64_t number, int64_t at_ns)> answer_at_ns =
      [](uint64_t, int64_t at_ns) { return at_ns; };
  // What with. Of a greeting, too.
  std::function<std::string(uint64_t number, const std::vector<std::string_view>& args)> answer =
      [](uint64_t, const std::vector<std::string_view>&) { return std::string("+OK\r\n"); };
  int64_t connect_ns = 0;
  int64_t send_ns = 0;  // of the generator's time, for one flow's part of a burst
  bool refuses = false;
  std::string hello;               // comes with each connection, unasked
  size_t window_bytes = SIZE_MAX;  // that a flow takes; it has room again after room_ns
  int64_t room_ns = 1'000;
  size_t piece_bytes = SIZE_MAX;      // answers come in pieces of at most so many
  uint64_t answers_max = UINT64_MAX;  // of one connection, which the server closes behind them
};

class SimChannel final : public Channel {
 public:
  SimChannel(const SimServer& server, uint32_t flows_max);

  int64_t now_ns() override { return now_ns_; }
  void connect(uint32_t flow) override;
  void send(std::span<ChannelSend> burst) override;
  void flush() override {}
  size_t poll(std::span<ChannelEvent> events, int64_t until_ns) override;
  int64_t slept_ns() const override { return slept_ns_; }
  void close(uint32_t flow) override;

  uint64_t requests() const { return requests_; }
  uint64_t connects() const { return connects_; }

 private:
  struct Flow {
    RespReader reader;
    std::string in;  // of a request that has not come whole
    bool open = false;
    bool full = false;
    size_t taken = 0;  // since it had room
    uint32_t life = 0;
    uint64_t answers = 0;
    int64_t last_answer_ns = 0;
  };
  struct Pending {
    int64_t at_ns = 0;
    uint64_t order = 0;  // of those of the same moment
    ChannelEvent event;
    std::string bytes;
    uint32_t life = 0;
    bool operator<(const Pending& other) const {  // the earliest is the largest
      return at_ns != other.at_ns ? at_ns > other.at_ns : order > other.order;
    }
  };

  void push(int64_t at_ns, uint32_t flow, ChannelEvent::Kind kind, std::string bytes = {});
  void serve(uint32_t index);

  SimServer server_;
  std::vector<Flow> flows_;
  std::priority_queue<Pending> pending_;
  std::deque<std::string> delivered_;  // what views of the last poll point into
  std::vector<std::string_view> args_;
  int64_t now_ns_ = 0;
  int64_t slept_ns_ = 0;  // in the last poll
  uint64_t order_ = 0;
  uint64_t requests_ = 0;
  uint64_t connects_ = 0;
  uint64_t polls_in_vain_ = 0;
};

}  // namespace pollux
