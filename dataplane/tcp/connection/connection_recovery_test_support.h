// What the tests of recovery have in common: a connection whose window a loss halves, and words for
// what they ask of it.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "dataplane/tcp/connection/connection.h"
#include "dataplane/tcp/connection/connection_test_support.h"

namespace pollux::tcp {

inline constexpr int64_t kRttNs = 100 * kMicrosecondNs;  // of the handshake

inline const Congestion& congestion(const Script& t) {
  return t.connection->sender().congestion();
}
inline const SenderCounters& counters(const Script& t) {
  return t.shared.sender.counters;
}
inline const TailLossProbe& probe(const Script& t) {
  return t.connection->sender().probe();
}
inline std::string ack(uint32_t number) {
  return ". 1:1(0) ack " + std::to_string(number);
}
inline std::string sack(uint32_t from, uint32_t to) {
  return " sack " + std::to_string(from) + ":" + std::to_string(to);
}

// By the peer; the window is ten segments.
inline void open(Script& t) {
  t.shared.sender.config.congestion = CongestionAlgorithm::kNewReno;
  t.open_passive();
}
// So much goes out, and a round trip passes.
inline void send(Script& t, uint32_t bytes) {
  t.write(bytes);
  t.go();
  t.pass(kRttNs);
}
// The retransmission timer expires once more, behind the probe if there is one; what goes out then.
inline std::string time_out(Script& t) {
  std::string lines;
  const uint64_t before = counters(t).timeouts;
  for (int i = 0; i < 10 && counters(t).timeouts == before; ++i) {
    lines = t.tick();
  }
  EXPECT_EQ(counters(t).timeouts, before + 1);
  return lines;
}

}  // namespace pollux::tcp
