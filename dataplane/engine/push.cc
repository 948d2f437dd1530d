#include "dataplane/engine/push.h"

namespace pollux {

namespace {

int64_t weight_of(const Push& push) {
  const size_t bytes = push.payload == nullptr ? 0 : push.payload->size;
  return PushQueue::kPushWeight + static_cast<int64_t>(bytes);
}

}  // namespace

void PushQueue::add(Push& push) {
  weight_.fetch_add(weight_of(push), std::memory_order_relaxed);
  added_.push(push);
}

void PushQueue::take() {
  Push* oldest = nullptr;
  Push* newest = nullptr;
  added_.take_each([&](Push& push) {
    newest = newest == nullptr ? &push : newest;
    push.next = oldest;
    oldest = &push;
  });
  if (oldest == nullptr) {
    return;
  }
  if (first_ == nullptr) {
    first_ = oldest;
  } else {
    last_->next = oldest;
  }
  last_ = newest;
}

Push* PushQueue::next() {
  Push* push = first_;
  if (push != nullptr) {
    first_ = push->next;
    weight_.fetch_sub(weight_of(*push), std::memory_order_relaxed);
  }
  return push;
}

}  // namespace pollux
