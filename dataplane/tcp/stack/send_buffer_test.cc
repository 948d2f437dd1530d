#include "dataplane/tcp/stack/send_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "src/base/rng.h"

namespace pollux::tcp {
namespace {

using Memory = std::vector<uint8_t>;

// Against a string: writes of all sizes by both ways, lookups anywhere, acknowledgements, frames
// that come back late.
TEST(SendBuffer, AgreesWithAString) {
  Rng rng(3);
  for (int round = 0; round < 100; ++round) {
    TxMemory memory;
    const Seq first{static_cast<uint32_t>(rng.below(2) == 0 ? -5'000 : 77)};
    SendBuffer buffer(first);
    std::string all;
    size_t acknowledged = 0;
    std::deque<Memory> pinned;
    std::vector<uint64_t> frames;
    size_t pins = 0;
    size_t unpinned = 0;
    for (int step = 0; step < 500; ++step) {
      const uint64_t act = rng.below(10);
      if (act < 4) {
        Memory bytes(rng.below(rng.below(5) == 0 ? 10'000 : 100));
        for (uint8_t& byte : bytes) {
          byte = static_cast<uint8_t>(rng.next());
        }
        all.append(bytes.begin(), bytes.end());
        if (rng.below(3) == 0) {
          const uint32_t pin = memory.pin(pins++);
          pinned.push_back(std::move(bytes));
          buffer.append_pinned(memory, pinned.back(), pin);
          memory.unpin(pin);
        } else {
          buffer.append_copy(memory, bytes);
        }
      } else if (act < 6) {
        acknowledged += rng.below(all.size() - acknowledged + 1);
        buffer.acknowledge(memory, first + static_cast<uint32_t>(acknowledged));
      } else if (act < 9) {
        const size_t begin = acknowledged + rng.below(all.size() - acknowledged + 1);
        const size_t end = begin + rng.below(all.size() - begin + 1);
        const SeqRange range{first + static_cast<uint32_t>(begin),
                             first + static_cast<uint32_t>(end)};
        std::string copied(end - begin, ' ');
        buffer.copy(range, reinterpret_cast<uint8_t*>(copied.data()));
        ASSERT_EQ(copied, all.substr(begin, end - begin));
        TxPieces pieces;
        if (buffer.find(range, pieces)) {
          std::string found;
          for (const TxPieces::Piece& piece : pieces.all()) {
            found.append(piece.bytes.begin(), piece.bytes.end());
          }
          ASSERT_EQ(found, copied);
          if (pieces.count != 0) {
            frames.push_back(memory.frame_out(pieces));
          }
        }
      } else if (rng.below(4) == 0) {
        buffer.copy_pinned(memory);
        ASSERT_EQ(buffer.pinned_bytes(), 0U);
      }
      if (!frames.empty() && rng.below(3) == 0) {
        std::swap(frames[rng.below(frames.size())], frames.back());
        memory.frame_back(frames.back());
        frames.pop_back();
      }
      ASSERT_EQ(buffer.size(), all.size() - acknowledged);
      unpinned += memory.unpinned().size();
      memory.unpinned().clear();
    }
    buffer.clear(memory);
    for (const uint64_t frame : frames) {
      memory.frame_back(frame);
    }
    EXPECT_EQ(memory.blocks(), 0U);
    EXPECT_EQ(memory.used_bytes(), 0U);
    EXPECT_FALSE(memory.pins_linger());
    EXPECT_EQ(unpinned + memory.unpinned().size(), pins);
  }
}

// Most connections have one short reply on its way; who has more gets room for many.
TEST(TxMemory, AShortReplyAloneTakesLittle) {
  TxMemory memory;
  SendBuffer buffer(Seq{1});
  buffer.append_copy(memory, Memory(TxMemory::kSmallBlockBytes, 7));
  EXPECT_EQ(memory.used_bytes(), 256U);
  for (int i = 0; i < 5; ++i) {
    buffer.append_copy(memory, Memory(100, 7));
  }
  EXPECT_EQ(memory.blocks(), 2U);
  EXPECT_EQ(memory.used_bytes(), 256U + 2048U);
  buffer.clear(memory);
  EXPECT_EQ(memory.used_bytes(), 0U);
  // The length of a value, and the value.
  buffer.append_copy(memory, Memory(7, 7), 1'500);
  buffer.append_copy(memory, Memory(1'500, 7));
  EXPECT_EQ(memory.blocks(), 1U);
  buffer.clear(memory);
}

// The acknowledgement comes before the device has returned the frame: the bytes are still its.
TEST(TxMemory, APinIsOverWhenTheDeviceIsDoneToo) {
  TxMemory memory;
  SendBuffer buffer(Seq{1});
  const Memory bytes(100, 7);
  const uint32_t pin = memory.pin(42);
  buffer.append_pinned(memory, bytes, pin);
  memory.unpin(pin);
  TxPieces pieces;
  ASSERT_TRUE(buffer.find({Seq{1}, Seq{101}}, pieces));
  EXPECT_EQ(pieces.pieces[0].bytes.data(), bytes.data());
  const uint64_t frame = memory.frame_out(pieces);
  buffer.acknowledge(memory, Seq{101});
  EXPECT_TRUE(memory.unpinned().empty());
  EXPECT_TRUE(memory.pins_linger());
  memory.frame_back(frame);
  EXPECT_EQ(memory.unpinned(), std::vector<uint64_t>{42});
  EXPECT_FALSE(memory.pins_linger());
}

}  // namespace
}  // namespace pollux::tcp
