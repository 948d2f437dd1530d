// Who waits for the same short time, as delayed ACKs do: first in, first out, so that no wheel is
// needed and the next deadline is exact. Links stand in the connections; nothing is allocated.
// Belongs to one core.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "dataplane/tcp/tables/index_list.h"
#include "dataplane/tcp/wire/moment.h"
#include "src/base/assert.h"

namespace pollux::tcp {

// Inside a connection. Only the queue writes it.
struct DelayNode {
  Moment due = kNever;  // kNever: not in the queue
  uint32_t next = kNoIndex;
  uint32_t prev = kNoIndex;
};
static_assert(sizeof(DelayNode) == 16);

// Who has the nodes.
template <typename T>
concept DelayNodes = requires(T& nodes, uint32_t index) {
  { nodes.delayed(index) } -> std::same_as<DelayNode&>;
};

template <DelayNodes Nodes>
class DelayFifo {
 public:
  // `delay_ns` > 0: of everyone.
  DelayFifo(Nodes& nodes, int64_t delay_ns) : nodes_(nodes), delay_ns_(delay_ns) {
    POLLUX_ASSERT(delay_ns > 0);
  }
  DelayFifo(const DelayFifo&) = delete;
  DelayFifo& operator=(const DelayFifo&) = delete;

  // Comes up after the delay. Who waits already keeps the deadline.
  void push(uint32_t index, Moment now) {
    DelayNode& node = nodes_.delayed(index);
    if (node.due == kNever) {
      // A `now` before the last one would break the order; it waits for its turn instead.
      last_due_ = std::max(last_due_, now + delay_ns_);
      node.due = last_due_;
      queue_.push_back(index, at());
    }
  }
  // Waits no longer, if it did.
  void cancel(uint32_t index) {
    DelayNode& node = nodes_.delayed(index);
    if (node.due != kNever) {
      queue_.remove(index, at());
      node.due = kNever;
    }
  }

  // Calls due(index) for those whose delay is over, at most `count_max`, longest waiting first;
  // they are out of the queue then, and any may be pushed or cancelled. Returns how many.
  template <typename Due>
  size_t advance(Moment now, size_t count_max, Due due) {
    size_t count = 0;
    for (; count < count_max && next_deadline() <= now; ++count) {
      const uint32_t index = queue_.front();
      cancel(index);
      due(index);
    }
    return count;
  }

  // Exact; kNever if nobody waits.
  Moment next_deadline() const {
    return queue_.empty() ? kNever : nodes_.delayed(queue_.front()).due;
  }

 private:
  auto at() const {
    return [&nodes = nodes_](uint32_t index) -> DelayNode& { return nodes.delayed(index); };
  }

  Nodes& nodes_;
  const int64_t delay_ns_;
  Moment last_due_{INT64_MIN};
  IndexList queue_;
};

}  // namespace pollux::tcp
