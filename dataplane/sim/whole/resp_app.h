// A Redis client on a stack of the simulated network: pipelines requests over a few connections,
// and holds each answer against what it must be. Its keys are its own, so that it knows.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "dataplane/sim/stack/stack_host.h"
#include "dataplane/sim/test_client.h"
#include "src/base/rng.h"

namespace pollux::tcp {

struct RespOptions {
  uint32_t requests = 300;     // of each connection
  uint32_t pipeline_max = 20;  // in one write
  uint32_t awaited_max = 200;
  uint32_t value_max = 20'000;
};

class RespApp final : public StackApp {
 public:
  RespApp(Stack& stack, uint64_t seed, std::string name, const RespOptions& options)
      : stack_(stack), rng_(seed), name_(std::move(name)), options_(options) {}

  // Within a turn. False: the stack has no way yet.
  bool connect(const IpAddress& to, uint16_t port, Moment now);

  void on_event(const StackEvent& event, Moment now) override;
  void run(Moment now) override;

  uint64_t answered() const { return answered_; }
  uint64_t done() const { return done_; }  // connections that have all their answers
  size_t open() const { return wires_.size(); }
  const std::string& error() const { return error_; }
  std::string state() const;

 private:
  // One connection. Its keys are shared with no other, so its requests are the only history.
  struct Wire {
    std::string name;
    bool connected = false;
    bool closed = false;
    uint32_t asked = 0;
    std::string received;
    std::deque<std::string> expected;  // as Answer::shown()
    std::map<std::string, std::string> strings;
    std::map<std::string, int64_t> counters;
    std::map<std::string, std::deque<std::string>> lists;
  };

  std::string ask(Wire& wire);
  void take_answers(Wire& wire);
  void fail(const std::string& what);

  Stack& stack_;
  Rng rng_;
  const std::string name_;
  const RespOptions options_;
  std::map<ConnId, std::unique_ptr<Wire>> wires_;
  uint32_t made_ = 0;
  uint64_t answered_ = 0;
  uint64_t done_ = 0;
  std::string error_;
};

}  // namespace pollux::tcp
