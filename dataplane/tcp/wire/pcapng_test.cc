#include "dataplane/tcp/wire/pcapng.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

namespace pollux::tcp {
namespace {

// What readers go by: lengths at both ends, a multiple of four, and options that end.
TEST(PcapngTest, BlocksAreWellFormed) {
  const std::vector<uint8_t> bytes = {1, 2, 3, 4, 5};
  for (const bool sent : {false, true}) {
    for (const std::string comment : {"", "lost"}) {
      std::string out;
      append_pcapng_section(out);
      append_pcapng_interface(out, "worker 0", 1536);
      append_pcapng_frame(out, {.ns = int64_t{1} << 40,
                                .captured = bytes,
                                .size = 77,
                                .direction = sent ? PcapngFrame::Direction::kSent
                                                  : PcapngFrame::Direction::kUnknown,
                                .comment = comment});
      std::vector<uint32_t> types;
      for (size_t at = 0; at < out.size();) {
        std::array<uint32_t, 2> begin;
        std::memcpy(begin.data(), out.data() + at, sizeof begin);
        ASSERT_EQ(begin[1] % 4, 0U);
        ASSERT_GE(begin[1], 12U);
        ASSERT_LE(at + begin[1], out.size());
        uint32_t again;
        std::memcpy(&again, out.data() + at + begin[1] - 4, sizeof again);
        ASSERT_EQ(again, begin[1]);
        types.push_back(begin[0]);
        at += begin[1];
      }
      EXPECT_EQ(types, (std::vector<uint32_t>{0x0A0D0D0A, 1, 6}));
    }
  }
}

}  // namespace
}  // namespace pollux::tcp
