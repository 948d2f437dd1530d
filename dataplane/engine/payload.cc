#include "dataplane/engine/payload.h"

#include <cstdlib>
#include <new>

#include "src/base/assert.h"

namespace pollux {

namespace {

size_t block_bytes(const Payload& payload) {
  return sizeof(Payload) + payload.pushes_max * sizeof(Push) + payload.size;
}

}  // namespace

Push& Payload::take_push(PushKind kind, ConnId conn) {
  POLLUX_ASSERT(pushes_taken < pushes_max);
  Push* push = new (pushes() + pushes_taken) Push;
  ++pushes_taken;
  push->payload = this;
  push->kind = kind;
  push->conn = conn;
  return *push;
}

Payload& PayloadPool::make(size_t size, uint32_t pushes) {
  POLLUX_ASSERT(pushes > 0 && size <= UINT32_MAX);
  take_returned();
  void* block = std::malloc(sizeof(Payload) + pushes * sizeof(Push) + size);
  POLLUX_ASSERT(block != nullptr);
  Payload* payload = new (block) Payload;
  payload->home = this;
  payload->references.store(pushes, std::memory_order_relaxed);  // published with the pushes
  payload->pushes_taken = 0;
  payload->pushes_max = pushes;
  payload->name_begin = 0;
  payload->name_bytes = 0;
  payload->size = size;
  used_bytes_ += static_cast<int64_t>(block_bytes(*payload));
  return *payload;
}

void PayloadPool::release(Payload& payload, PayloadPool& from) {
  // acq_rel: the last one sees that all others have done with the bytes, and says so to home.
  if (payload.references.fetch_sub(1, std::memory_order_acq_rel) != 1) {
    return;
  }
  PayloadPool& home = *payload.home;
  if (&home == &from) {
    home.free(payload);
    return;
  }
  home.returned_.push(payload);
}

void PayloadPool::take_returned() {
  returned_.take_each([this](Payload& payload) { free(payload); });
}

void PayloadPool::free(Payload& payload) {
  used_bytes_ -= static_cast<int64_t>(block_bytes(payload));
  std::free(&payload);
}

}  // namespace pollux
