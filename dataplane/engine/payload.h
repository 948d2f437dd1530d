// Bytes that many clients get: one block for all of them, whatever worker they are on. A payload is
// made and filled by one worker (its home), never changed once it is shared, and goes home when the
// last who refers to it lets go: its memory is counted and freed where it was allocated.
//
// Payload: any thread that holds a reference. PayloadPool: one thread, its worker's; only the
// end of release is reached by others.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "dataplane/engine/client_ref.h"
#include "src/base/inbox.h"
#include "src/base/types.h"

namespace pollux {

class PayloadPool;
struct Payload;

// Whom a push is for: looked up on the receiving worker, so that only who is there at that moment
// gets it.
enum class PushKind : uint8_t {
  kSession,  // the session `conn`, if it is still the same one
  kChannel,  // those who listen to the channel, pattern or shard channel of the payload's name
  kPattern,
  kShardChannel,
  kMonitors,  // those who see every command
  kWaiter,    // the session of the waiter that this is a part of (waiter.h); no payload
  // CLIENT TRACKING (worker_tracking.cc)
  kInvalidate,      // the session `conn`, if it still tracks keys: these have changed
  kInvalidateAll,   // all who track keys: all have changed
  kRedirected,      // the session `conn`: an invalidation for client `cause`, who redirects it here
  kRedirectBroken,  // the session `conn`: whom it redirects to has left
  kTracker,         // the worker: client `cause` began, changed or ended its tracking
};

inline bool is_of_tracking(PushKind kind) { return kind >= PushKind::kInvalidate; }

// A payload on its way to a worker, for one or more of its sessions. Holds one reference.
struct Push {
  Push* next = nullptr;
  Payload* payload = nullptr;  // null in a waiter
  PushKind kind = PushKind::kSession;
  ConnId conn = {};
  Ticket shown;              // the last change that it shows
  // CLIENT TRACKING
  bool broadcast = false;    // kInvalidate: to a listener of a prefix, not a reader of the key
  ShardId shard = {};        // kInvalidate: of the key
  uint64_t served = 0;       // and the last request of conn's worker that had run there before
  uint64_t redirect_id = 0;  // kRedirected, kRedirectBroken: CLIENT ID of whom `cause` redirects to
  ClientRef cause = {};      // who changed the keys; or see the kinds
};

// What clients of both protocols get. If it begins with '>' (a push of RESP3), a client of RESP2
// gets '*' in its place: nothing else differs between the two framings of an array of strings.
// Where more differs, make two payloads.
struct Payload {
  PayloadPool* home;
  Payload* next;  // on its way home
  std::atomic<uint32_t> references;
  uint32_t pushes_taken;
  uint32_t pushes_max;
  uint32_t name_begin;  // the channel or pattern in the bytes, for pushes that are looked up by it
  uint32_t name_bytes;
  size_t size;

  char* bytes() { return reinterpret_cast<char*>(pushes() + pushes_max); }
  std::string_view view() { return {bytes(), size}; }
  std::string_view name() { return {bytes() + name_begin, name_bytes}; }

  // Home, before the payload is shared: the next of the pushes it was made for. Every one of them
  // must be sent, since each counts as a reference from the start.
  Push& take_push(PushKind kind, ConnId conn = {});

 private:
  Push* pushes() { return reinterpret_cast<Push*>(this + 1); }
};

class PayloadPool {
 public:
  PayloadPool() = default;
  ~PayloadPool() { take_returned(); }
  PayloadPool(const PayloadPool&) = delete;
  PayloadPool& operator=(const PayloadPool&) = delete;

  // Room for `size` bytes, to be filled, and for `pushes` pushes (at least one).
  Payload& make(size_t size, uint32_t pushes);
  // One more reference, for who has one.
  static void keep(Payload& payload) {
    // relaxed: whoever counts up has a reference, so the count can't reach 0 meanwhile.
    payload.references.fetch_add(1, std::memory_order_relaxed);
  }
  // From any worker: `from` is the caller's own pool.
  static void release(Payload& payload, PayloadPool& from);

  // Bytes of this pool's payloads that are in use, or came back since the last take_returned.
  int64_t used_bytes() const { return used_bytes_; }
  void take_returned();

 private:
  void free(Payload& payload);

  int64_t used_bytes_ = 0;
  alignas(64) Inbox<Payload> returned_;  // what other workers are done with
};

// A reference with an owner.
class PayloadRef {
 public:
  // Takes one more reference; `pool` is that of the thread.
  PayloadRef(Payload& payload, PayloadPool& pool) : payload_(&payload), pool_(&pool) {
    PayloadPool::keep(payload);
  }
  ~PayloadRef() {
    if (payload_ != nullptr) {
      PayloadPool::release(*payload_, *pool_);
    }
  }
  PayloadRef(PayloadRef&& other) noexcept : payload_(other.payload_), pool_(other.pool_) {
    other.payload_ = nullptr;
  }
  PayloadRef& operator=(PayloadRef&& other) noexcept {
    std::swap(payload_, other.payload_);
    std::swap(pool_, other.pool_);
    return *this;
  }
  PayloadRef(const PayloadRef&) = delete;
  PayloadRef& operator=(const PayloadRef&) = delete;

  Payload& operator*() const { return *payload_; }

 private:
  Payload* payload_;
  PayloadPool* pool_;
};

}  // namespace pollux
