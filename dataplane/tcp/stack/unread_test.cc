#include "dataplane/tcp/stack/unread.h"

#include <gtest/gtest.h>

#include <string>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

TEST(Unread, KeepsAllInItsOrder) {
  Rng rng(1);
  for (int round = 0; round < 200; ++round) {
    Unread unread;
    std::string all;
    const uint64_t most = rng.below(4) == 0 ? 20'000 : 30;
    for (uint64_t pieces = rng.below(300); pieces != 0; --pieces) {
      std::string piece(rng.below(most), ' ');
      for (char& byte : piece) {
        byte = static_cast<char>(rng.next());
      }
      unread.append({reinterpret_cast<const uint8_t*>(piece.data()), piece.size()});
      all += piece;
    }
    ASSERT_EQ(unread.size(), all.size());
    std::string got;
    for (const Unread::Block& block : std::move(unread).take()) {
      got.append(block.begin(), block.end());
    }
    ASSERT_EQ(got, all);
  }
}

// 256 KiB byte by byte: not a piece of memory for each.
TEST(Unread, SmallPiecesShareMemory) {
  Unread unread;
  const uint8_t byte = 7;
  for (int i = 0; i < 256 << 10; ++i) {
    unread.append({&byte, 1});
  }
  EXPECT_LE(unread.memory_bytes(), 270U << 10);
}

}  // namespace
}  // namespace pollux::tcp
