// The memory of what was written and is still needed: for a retransmission, or because a frame with
// the device points into it. A core's connections share it; each has a queue of its own
// (send_buffer.h).
//
// A block is either a copy, in memory of ours, or somebody else's bytes that are pinned: they must
// stay as they are until their Pin is given back. A block lives until its queue has let it go and
// the device has returned every frame that points into it, whichever comes last: an acknowledgement
// says nothing of the frames that are still in the ring, and a connection may be over before.
//
// Belongs to one core.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/tcp/interface/device.h"
#include "dataplane/tcp/tables/index_list.h"
#include "dataplane/tcp/wire/bytes.h"

namespace pollux::tcp {

struct TxBlock {
  TxBlock* next = nullptr;  // of its queue, or of the free ones
  const uint8_t* bytes = nullptr;
  uint32_t size = 0;
  uint32_t room = 0;   // of the memory behind it, if it is ours; a pinned one has none
  uint32_t users = 0;  // its queue, and frames
  uint32_t pin = kNoIndex;
  uint8_t* own() { return reinterpret_cast<uint8_t*>(this + 1); }
};

// Bytes that a frame takes from blocks. Of its own are those that lay in too many places: they were
// copied, for this frame alone.
struct TxPieces {
  struct Piece {
    TxBlock* block = nullptr;
    Bytes bytes;
  };
  std::array<Piece, kTxPiecesMax> pieces;
  uint32_t count = 0;
  std::span<const Piece> all() const { return {pieces.data(), count}; }
};

class TxMemory {
 public:
  // Copies of up to so much stand in blocks of one of two sizes, which are used again. Of a
  // thousand connections with a short reply on its way the large ones would share a few sets of the
  // caches: their heads are 2,048 bytes apart.
  static constexpr uint32_t kBlockBytes = 2048 - sizeof(TxBlock);
  static constexpr uint32_t kSmallBlockBytes = 256 - sizeof(TxBlock);

  TxMemory() = default;
  // Requires that all queues are empty, and that no device looks at frames any more.
  ~TxMemory();
  TxMemory(const TxMemory&) = delete;
  TxMemory& operator=(const TxMemory&) = delete;

  // ---- blocks, of one user ----
  // Of ours, empty, with room for `bytes` or more; `more`: more of the same queue is likely.
  TxBlock* allocate(uint32_t bytes, bool more);
  // Somebody's, of this pin.
  TxBlock* refer(Bytes bytes, uint32_t pin);
  // By its queue, or whoever made it.
  void let_go(TxBlock* block);

  // ---- pins ----
  // `token`: how the owner knows it. Given back when all of its blocks are gone, and unpin() was
  // called: no more will come.
  uint32_t pin(uint64_t token);
  void unpin(uint32_t pin);
  // Tokens of pins that are over since the last call; the caller clears it.
  std::vector<uint64_t>& unpinned() { return unpinned_; }

  // ---- frames ----
  // The token for a frame with these pieces, each of which it then uses.
  uint64_t frame_out(const TxPieces& pieces);
  // The device is done with it.
  void frame_back(uint64_t token);
  // Whether pinned bytes wait for the device alone.
  bool pins_linger() const { return lingering_ != 0; }
  // Frames with pieces that are with the device.
  uint32_t frames_out() const { return frames_out_; }

  // Of blocks of ours that are in use.
  size_t used_bytes() const { return used_bytes_; }
  size_t blocks() const { return blocks_; }

 private:
  struct Idle {
    uint32_t room;
    size_t count_max;
    TxBlock* first = nullptr;
    size_t count = 0;
  };

  struct Pin {
    uint64_t token = 0;
    uint32_t users = 0;
    uint32_t next_free = kNoIndex;
  };
  struct FrameRecord {
    std::array<TxBlock*, kTxPiecesMax> blocks{};
    uint32_t count = 0;
    uint32_t next_free = kNoIndex;
  };

  // Those of this room; null: such are not kept.
  Idle* idle_of(uint32_t room);
  void unuse(TxBlock* block);
  void free(TxBlock* block);
  void leave_pin(uint32_t pin);

  std::array<Idle, 2> idle_{Idle{.room = kSmallBlockBytes, .count_max = 4096},
                            Idle{.room = kBlockBytes, .count_max = 1024}};
  std::vector<Pin> pins_;
  uint32_t free_pin_ = kNoIndex;
  std::vector<uint64_t> unpinned_;
  std::vector<FrameRecord> frames_;
  uint32_t free_frame_ = kNoIndex;
  uint32_t frames_out_ = 0;
  size_t lingering_ = 0;  // pinned blocks that only frames use
  size_t used_bytes_ = 0;
  size_t blocks_ = 0;
};

}  // namespace pollux::tcp
