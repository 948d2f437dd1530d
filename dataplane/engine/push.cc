#include "dataplane/engine/push.h"

namespace pollux {

namespace {

int64_t weight_of(const Push& push) {
  return PushQueue::kPushWeight + static_cast<int64_t>(push.payload->size);
}

}  // namespace

void PushQueue::add(Push& push) {
  weight_.fetch_add(weight_of(push), std::memory_order_relaxed);
  Push* head = newest_.load(std::memory_order_relaxed);
  do {
    push.next = head;
    // seq_cst: the bytes are seen by who takes it, and it is the first half of "add, then look
    // whether the owner sleeps".
  } while (!newest_.compare_exchange_weak(head, &push, std::memory_order_seq_cst,
                                          std::memory_order_relaxed));
}

void PushQueue::take() {
  if (newest_.load(std::memory_order_relaxed) == nullptr) {
    return;
  }
  Push* newest = newest_.exchange(nullptr, std::memory_order_acquire);
  Push* oldest = nullptr;
  Push* const end = newest;
  while (newest != nullptr) {
    Push* before = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = before;
  }
  if (first_ == nullptr) {
    first_ = oldest;
  } else {
    last_->next = oldest;
  }
  last_ = end;
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
