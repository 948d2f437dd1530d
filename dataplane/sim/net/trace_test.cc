#include "dataplane/sim/net/trace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "dataplane/sim/net/net_test_support.h"

namespace pollux::tcp {
namespace {

TEST(Trace, HashesTimePlaceEventAndBytes) {
  const auto hash = [](int64_t ns, uint32_t place, NetEvent event, const Frame& frame) {
    Trace trace;
    trace.record(Moment{1}, 0, NetEvent::kArrived, {});
    trace.record(Moment{ns}, place, event, frame);
    return trace.hash();
  };
  const Frame frame = plain_frame(mac_of(1), mac_of(2), 60);
  const Frame other = plain_frame(mac_of(1), mac_of(2), 60, 1);
  EXPECT_EQ(hash(5, 0, NetEvent::kArrived, frame), hash(5, 0, NetEvent::kArrived, frame));
  const std::set<uint64_t> different = {
      hash(5, 0, NetEvent::kArrived, frame), hash(6, 0, NetEvent::kArrived, frame),
      hash(5, 1, NetEvent::kArrived, frame), hash(5, 0, NetEvent::kLostDown, frame),
      hash(5, 0, NetEvent::kArrived, other), hash(5, 0, NetEvent::kArrived, {})};
  EXPECT_EQ(different.size(), 6U);
}

TEST(Trace, KeepsTheLastEvents) {
  Trace trace(3);
  const uint32_t link = trace.add_place("a > b");
  const uint32_t host = trace.add_place("b");
  for (int64_t i = 1; i <= 4; ++i) {
    trace.record(Moment{kSecondNs + i}, link, NetEvent::kArrived,
                 segment({.payload = std::string(1'000, 'x')}));
  }
  trace.record(Moment{kSecondNs + 5}, host, NetEvent::kStalled, {});
  EXPECT_EQ(trace.text(),
            "1.000000003 a > b: arrived, 1054 bytes, 10.0.0.1:4000 > 10.0.0.2:6379 [.] seq 1000 "
            "ack 2000 win 512 len 1000\n"
            "1.000000004 a > b: arrived, 1054 bytes, 10.0.0.1:4000 > 10.0.0.2:6379 [.] seq 1000 "
            "ack 2000 win 512 len 1000\n"
            "1.000000005 b: core stalled\n");
  EXPECT_EQ(trace.events(), 5U);
}

TEST(Trace, NeedNotKeepAny) {
  Trace trace(0);
  trace.record(Moment{1}, 0, NetEvent::kArrived, {});
  EXPECT_EQ(trace.text(), "");
  EXPECT_NE(trace.hash(), 0U);
}

TEST(NetEvent, AllHaveNames) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kNetEvents; ++i) {
    names.insert(name_of(static_cast<NetEvent>(i)));
  }
  EXPECT_EQ(names.size(), kNetEvents);
  EXPECT_FALSE(names.contains(""));
  EXPECT_EQ(name_of(NetEvent::kNoAllocation), "allocation refused");
}

}  // namespace
}  // namespace pollux::tcp
