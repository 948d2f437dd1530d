// The connections of a core and what the stack keeps beside each, by index: the same for as long as
// the connection lives, used again afterwards. They stand in one range of addresses, mapped for as
// many as there may be, so that nothing moves and an index is found by a multiplication. It gets
// memory as it is touched, behind its beginning in huge pages, and gives none back.
//
// A slot begins with what a segment in order looks at (kHotBytes, in the order of tables, timers,
// the receiving half and the sequence numbers of the sending half): among 10,000 connections and
// more each cache line is one that has to come from far.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "dataplane/tcp/connection/connection.h"
#include "dataplane/tcp/interface/neighbors.h"
#include "dataplane/tcp/stack/send_buffer.h"
#include "dataplane/tcp/stack/unread.h"
#include "dataplane/tcp/tables/siphash.h"
#include "dataplane/tcp/tables/timer_wheel.h"
#include "src/base/assert.h"
#include "src/base/prefetch.h"
#include "src/base/types.h"

namespace pollux::tcp {

struct alignas(64) Slot {
  Slot() = default;
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() {
    if (has_connection) {
      end();
    }
  }

  // Requires has_connection; else it is over.
  Connection& connection() { return *std::launder(reinterpret_cast<Connection*>(place)); }
  const Connection& connection() const {
    return *std::launder(reinterpret_cast<const Connection*>(place));
  }
  template <typename... Args>
  void begin(Args&&... args) {
    std::construct_at(reinterpret_cast<Connection*>(place), std::forward<Args>(args)...);
    has_connection = true;
  }
  void end() {
    std::destroy_at(&connection());
    has_connection = false;
  }

  Flow flow;
  uint32_t generation = 0;
  TimerNode timer;
  NeighborId hop;
  bool used : 1 = false;
  bool has_connection : 1 = false;
  bool dirty : 1 = false;         // has to be asked what it has to send
  bool unresolved : 1 = false;    // waits for its neighbor
  bool paused : 1 = false;        // the application takes nothing
  bool holds_unread : 1 = false;  // `unread` is there
  bool closed : 1 = false;        // by the application, which hears of kUnpinned and kClosed alone
  bool closed_told : 1 = false;
  bool resumed : 1 = false;  // it takes again, and something waits for it
  bool pinned : 1 = false;   // bytes of the application's are not given back yet
  bool end_told : 1 = false;  // kEnd
  bool recount : 1 = false;   // there are blocks of the connection's, or may be
  uint8_t unresolved_tries = 0;
  uint16_t block_words = 0;  // block_bytes(), in words of 8
  alignas(Connection) std::byte place[sizeof(Connection)];
  std::unique_ptr<Unread> unread;
  // What was written and is not acknowledged; null behind a turn: nothing is.
  std::unique_ptr<SendBuffer> sending;

  // Connection::block_bytes(), as it is counted: more than the most counts as that. (So much takes
  // the list of a flight of megabytes behind which the path has become narrow.)
  static constexpr uint32_t kBlockBytesMax = 8U * UINT16_MAX;
  uint32_t block_bytes() const { return 8U * block_words; }
  void set_block_bytes(uint32_t bytes) {
    POLLUX_ASSERT(bytes % 8 == 0);
    block_words = static_cast<uint16_t>(std::min(bytes, kBlockBytesMax) / 8);
  }
  // Of what is kept the bytes that are not the application's.
  uint32_t copied_bytes() const {
    return sending == nullptr ? 0 : sending->size() - sending->pinned_bytes();
  }

  static constexpr size_t kHotBytes = 192;
};

static_assert(offsetof(Slot, timer) + sizeof(TimerNode) == 64);
static_assert(offsetof(Slot, place) + Connection::kHotBytes <= Slot::kHotBytes);
static_assert(sizeof(Slot) == 384);

class Slots {
 public:
  // `key`: of flow_hash.
  Slots(SipKey key, uint32_t capacity);
  ~Slots();
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  // kNoIndex if all are taken.
  uint32_t take() {
    if (free_.empty()) {
      if (made_ == capacity_) {
        return kNoIndex;
      }
      std::construct_at(&slots_[made_]);
      free_.push_back(made_++);
    }
    const uint32_t index = free_.back();
    free_.pop_back();
    at(index).used = true;
    ++size_;
    return index;
  }
  void give_back(uint32_t index) {
    Slot& slot = at(index);
    POLLUX_ASSERT(slot.used && !slot.has_connection && slot.sending == nullptr);
    const uint32_t generation = slot.generation + 1;
    std::destroy_at(&slot);
    std::construct_at(&slot)->generation = generation;
    free_.push_back(index);
    --size_;
  }

  Slot& at(uint32_t index) { return slots_[index]; }
  const Slot& at(uint32_t index) const { return slots_[index]; }
  // Null if that one is gone.
  Slot* find(ConnId id) {
    const bool is_there =
        id.index < made_ && at(id.index).used && at(id.index).generation == id.generation;
    return is_there ? &at(id.index) : nullptr;
  }
  ConnId id(uint32_t index) const { return {index, at(index).generation}; }

  uint32_t size() const { return size_; }
  uint32_t made() const { return made_; }  // indices are below
  bool has_room() const { return size_ < capacity_; }

  // ---- FlowKeys ----
  bool is(uint32_t index, const Flow& flow) const { return same_flow(at(index).flow, flow); }
  uint64_t hash(uint32_t index) const { return flow_hash(key_, at(index).flow); }
  // The burst's other packets give it time to come.
  void prefetch(uint32_t index) const { prefetch_lines(index, 0, Slot::kHotBytes); }
  // What the ACK of something outstanding will look at besides, in two rounds: first what stands in
  // the slot, when that has come what it points to.
  bool has_outstanding(uint32_t index) const {
    const Slot& slot = at(index);
    return slot.has_connection && !slot.connection().sender().all_acked();
  }
  void prefetch_rest(uint32_t index) const {
    prefetch_lines(index, Slot::kHotBytes, sizeof(Slot));
  }
  void prefetch_outstanding(uint32_t index) const {
    at(index).connection().sender().queue().prefetch();
    if (at(index).sending != nullptr) {
      pollux::prefetch(at(index).sending.get());
    }
  }
  void prefetch_sent(uint32_t index) const {
    if (at(index).sending != nullptr) {
      at(index).sending->prefetch();
    }
  }
  // ---- TimerNodes ----
  TimerNode& timer(uint32_t index) { return at(index).timer; }

 private:
  static constexpr size_t kCacheLine = 64;

  void prefetch_lines(uint32_t index, size_t from, size_t to) const {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&at(index));
    for (; from < to; from += kCacheLine) {
      pollux::prefetch(bytes + from);
    }
  }

  const SipKey key_;
  const uint32_t capacity_;
  void* mapped_;
  size_t mapped_bytes_;
  Slot* slots_;
  std::vector<uint32_t> free_;
  uint32_t made_ = 0;
  uint32_t size_ = 0;
};

}  // namespace pollux::tcp
