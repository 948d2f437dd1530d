// What a connection's application has written and the peer has not acknowledged, by sequence
// number. State of one connection; empty it holds nothing.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/tcp/stack/tx_memory.h"
#include "dataplane/tcp/wire/bytes.h"
#include "dataplane/tcp/wire/seq.h"
#include "src/base/prefetch.h"

namespace pollux::tcp {

class SendBuffer {
 public:
  // `first`: the sequence number of the first byte to be written.
  explicit SendBuffer(Seq first) : begin_(first) {}
  SendBuffer(const SendBuffer&) = delete;
  SendBuffer& operator=(const SendBuffer&) = delete;

  // `more` bytes follow at once.
  void append_copy(TxMemory& memory, Bytes bytes, uint32_t more = 0);
  // They stay where they are until `pin` is given back.
  void append_pinned(TxMemory& memory, Bytes bytes, uint32_t pin);
  // The peer has all before `una`.
  void acknowledge(TxMemory& memory, Seq una);
  // Nothing of it is needed any more.
  void clear(TxMemory& memory);
  // Copies what is pinned, so that pins are given back as soon as the device is done.
  void copy_pinned(TxMemory& memory);

  // Where the bytes of `range` stand. False: in more places than a frame takes.
  [[nodiscard]] bool find(SeqRange range, TxPieces& out);
  // Copies them to `out`, which has room.
  void copy(SeqRange range, uint8_t* out);

  // Asks for what acknowledge() looks at first.
  void prefetch() const { pollux::prefetch(first_); }

  uint32_t size() const { return size_; }
  uint32_t pinned_bytes() const { return pinned_bytes_; }
  bool empty() const { return size_ == 0; }
  Seq begin() const { return begin_; }
  Seq end() const { return begin_ + size_; }

 private:
  // Calls use(block, bytes) for what the range covers, in order, while that returns true.
  template <typename Use>
  void walk(SeqRange range, Use use);
  void push(TxBlock* block);
  void seek(Seq at);

  TxBlock* first_ = nullptr;
  TxBlock* last_ = nullptr;
  // Where the last lookup began: the block, and the sequence number of its first byte. Segments are
  // mostly asked for one behind the other.
  TxBlock* cursor_ = nullptr;
  Seq cursor_at_{};
  Seq begin_{};                // of what is not acknowledged
  uint32_t acknowledged_ = 0;  // of the first block
  uint32_t size_ = 0;
  uint32_t pinned_bytes_ = 0;  // of blocks that have not gone, in whole
};
static_assert(sizeof(SendBuffer) == 48);

}  // namespace pollux::tcp
