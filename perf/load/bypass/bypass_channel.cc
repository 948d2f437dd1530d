#include "perf/load/bypass/bypass_channel.h"

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include "dataplane/dpdk/eal.h"
#include "src/base/assert.h"

namespace pollux {

namespace {

tcp::Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string_view text_of(tcp::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

ChannelEnd end_of(tcp::TcpEnd end) {
  switch (end) {
    case tcp::TcpEnd::kNone:
    case tcp::TcpEnd::kClosed:
      return ChannelEnd::kPeerClosed;
    case tcp::TcpEnd::kRefused:
      return ChannelEnd::kRefused;
    case tcp::TcpEnd::kTimeout:
      return ChannelEnd::kTimeout;
    case tcp::TcpEnd::kReset:
    case tcp::TcpEnd::kAborted:
      break;
  }
  return ChannelEnd::kReset;
}

class BypassMaker final : public ChannelMaker {
 public:
  BypassMaker(std::unique_ptr<dpdk::ClientNetwork> network, const BypassOptions& options,
              const BypassTarget& target)
      : network_(std::move(network)), options_(options), target_(target) {}

  std::unique_ptr<Channel> make(unsigned thread, uint32_t flows_max, std::string& error) override {
    if (std::this_thread::get_id() != opener_ && !dpdk::enter_eal_thread()) {
      error = "thread " + std::to_string(thread) + " can't enter DPDK: there are too many";
      return nullptr;
    }
    std::vector<tcp::Stack*> stacks;
    for (unsigned queue = thread; queue < network_->queues(); queue += options_.threads) {
      stacks.push_back(&network_->stack(static_cast<uint16_t>(queue)));
    }
    BypassTarget target = target_;
    target.seed = options_.seed + thread;
    return std::make_unique<BypassChannel>(std::move(stacks), target, flows_max);
  }

  std::string where() const override {
    return options_.host + ":" + std::to_string(options_.port) + " over " + network_->summary();
  }

 private:
  const std::unique_ptr<dpdk::ClientNetwork> network_;
  const BypassOptions options_;
  const BypassTarget target_;
  const std::thread::id opener_ = std::this_thread::get_id();  // is in DPDK already
};

}  // namespace

BypassChannel::BypassChannel(std::vector<tcp::Stack*> stacks, const BypassTarget& target,
                             uint32_t flows_max)
    : target_(target), clock_(TscClock::get()), flows_(flows_max), rng_(target.seed) {
  POLLUX_ASSERT(!stacks.empty());
  for (tcp::Stack* const stack : stacks) {
    queues_.push_back({.stack = stack});
  }
  full_.reserve(flows_max);
}

// Peers hear of it: who is still open by a RST, and who is closed may take a moment to end. What is
// in a ring of shared memory when the process ends is lost; so there has to be silence before.
BypassChannel::~BypassChannel() {
  constexpr int64_t kMomentNs = 5'000'000'000;
  constexpr int64_t kQuietNs = 100'000'000;
  for (const Flow& flow : flows_) {
    if (flow.state >= State::kConnecting) {
      queues_[flow.queue].stack->abort(flow.conn);
    }
  }
  const int64_t until_ns = now_ns() + kMomentNs;
  int64_t heard_ns = now_ns();
  for (int64_t now = heard_ns; now < until_ns && now < heard_ns + kQuietNs; now = now_ns()) {
    bool goes_on = false;
    for (Queue& queue : queues_) {
      const uint64_t before = queue.stack->counters().frames;
      receive(queue);
      while (queue.stack->next_event() != nullptr) {
      }
      flush(queue, now);
      goes_on = goes_on || queue.stack->orphans() != 0 || queue.stack->wants_to_send() ||
                queue.stack->counters().frames != before;
    }
    heard_ns = goes_on ? now_ns() : heard_ns;
  }
}

// ---- out ----

void BypassChannel::send(std::span<ChannelSend> burst) {
  // A clock costs as much as a short write: these share one look.
  constexpr size_t kSharesClock = 8;
  int64_t now = 0;
  for (size_t i = 0; i < burst.size(); ++i) {
    if (i % kSharesClock == 0) {
      now = now_ns();
    }
    ChannelSend& send = burst[i];
    send.at_ns = now;
    send.taken = 0;
    Flow& flow = flows_[send.flow];
    if (flow.state != State::kOpen || flow.full) {
      continue;
    }
    Queue& queue = queues_[flow.queue];
    queue.flushed = false;
    const tcp::Bytes bytes = bytes_of(send.bytes);
    if (queue.stack->write(flow.conn, {&bytes, 1}, kOnItsWayMax)) [[likely]] {
      send.taken = bytes.size();
      continue;
    }
    const uint32_t waiting = queue.stack->unacknowledged_bytes(flow.conn);
    const tcp::Bytes part = bytes.first(kOnItsWayMax - std::min(waiting, kOnItsWayMax));
    const bool fits = queue.stack->write(flow.conn, {&part, 1}, kOnItsWayMax);
    send.taken = fits ? part.size() : 0;
    flow.full = true;
    full_.push_back(send.flow);
  }
}

void BypassChannel::flush(Queue& queue, int64_t now) {
  queue.stack->flush(tcp::Moment{now});
  queue.flushed = !queue.stack->wants_to_send();
}

void BypassChannel::flush() {
  const int64_t now = now_ns();
  for (Queue& queue : queues_) {
    if (!queue.flushed) {
      flush(queue, now);
    }
  }
}

// ---- flows ----

void BypassChannel::connect(uint32_t flow) {
  POLLUX_ASSERT(flow < flows_.size() && flows_[flow].state == State::kGone);
  flows_[flow].state = State::kInLine;
  line_.push_back(flow);
}

void BypassChannel::begin_connections(int64_t now) {
  while (!line_.empty() && connecting_ < target_.connecting_max) {
    const uint32_t flow = line_.front();
    line_.pop_front();
    if (flows_[flow].state == State::kInLine) {
      begin(flow, now);
    }
  }
}

void BypassChannel::begin(uint32_t number, int64_t now) {
  Flow& flow = flows_[number];
  const size_t at = target_.even ? next_queue_++ % queues_.size() : rng_.below(queues_.size());
  Queue& queue = queues_[at];
  const std::optional<ConnId> conn =
      queue.stack->connect(target_.address, target_.port, tcp::Moment{now});
  if (!conn) {
    flow.state = State::kGone;
    const bool reaches = queue.stack->interface().reaches(target_.address);
    failures_.push_back({number, reaches ? ChannelEnd::kNoResources : ChannelEnd::kUnreachable});
    return;
  }
  if (conn->index >= queue.flows.size()) {
    queue.flows.resize(std::max<size_t>(conn->index + 1, 2 * queue.flows.size()), kNoFlow);
  }
  queue.flows[conn->index] = number;
  queue.flushed = false;
  flow = {.conn = *conn, .queue = static_cast<uint16_t>(at), .state = State::kConnecting};
  ++connecting_;
}

// Of the runner's: the stack still has it until kClosed.
void BypassChannel::forget(Flow& flow) {
  Queue& queue = queues_[flow.queue];
  connecting_ -= flow.state == State::kConnecting;
  queue.flows[flow.conn.index] = kNoFlow;
  queue.stack->close(flow.conn, tcp::Moment{now_ns()});
  queue.flushed = false;
  flow.state = State::kGone;
  flow.full = false;
}

void BypassChannel::close(uint32_t flow) {
  if (flows_[flow].state >= State::kConnecting) {
    forget(flows_[flow]);
  }
  flows_[flow].state = State::kGone;
}

uint32_t BypassChannel::flows_of(size_t queue) const {
  return static_cast<uint32_t>(std::ranges::count_if(
      flows_, [&](const Flow& flow) { return flow.state == State::kOpen && flow.queue == queue; }));
}

// ---- in ----

// Timers come behind the frames that were there (stack.h).
void BypassChannel::receive(Queue& queue) {
  const tcp::Moment now{now_ns()};
  const size_t frames = queue.stack->receive(now);
  const bool full = frames == tcp::Stack::kBurst;
  queue.full_bursts = full ? queue.full_bursts + 1 : 0;
  if (queue.stack->next_deadline() <= now && (!full || queue.full_bursts >= kBurstsBeforeTimers)) {
    queue.full_bursts = 0;
    queue.stack->tick(now);
    queue.flushed = false;
  }
  queue.flushed = queue.flushed && frames == 0;
}

size_t BypassChannel::poll(std::span<ChannelEvent> events, int64_t /*until_ns*/) {
  flush();  // ACKs, of a runner that had nothing to send
  begin_connections(now_ns());
  size_t count = 0;
  for (; count < events.size() && !failures_.empty(); ++count) {
    events[count] = {.kind = ChannelEvent::Kind::kClosed,
                     .end = failures_.back().end,
                     .flow = failures_.back().flow,
                     .at_ns = now_ns()};
    failures_.pop_back();
  }
  for (size_t i = 0; i < full_.size() && count < events.size();) {
    Flow& flow = flows_[full_[i]];
    const bool waits =
        flow.full && queues_[flow.queue].stack->unacknowledged_bytes(flow.conn) > kOnItsWayMax / 2;
    if (waits) {
      ++i;
      continue;
    }
    if (std::exchange(flow.full, false)) {  // else it was closed
      events[count++] = {.kind = ChannelEvent::Kind::kRoom, .flow = full_[i], .at_ns = now_ns()};
    }
    full_[i] = full_.back();
    full_.pop_back();
  }
  for (size_t i = 0; i < queues_.size() && count < events.size(); ++i) {
    Queue& queue = queues_[polled_];
    if (!queue.stack->has_event()) {
      receive(queue);
    }
    if (queue.stack->has_event()) {
      const int64_t at_ns = now_ns();
      while (count < events.size()) {
        const tcp::StackEvent* const event = queue.stack->next_event();
        if (event == nullptr) {
          break;
        }
        if (take(queue, *event, events[count])) {
          events[count++].at_ns = at_ns;
        }
      }
    }
    // What is left of its events comes first the next time.
    if (!queue.stack->has_event()) {
      polled_ = (polled_ + 1) % queues_.size();
    }
  }
  return count;
}

bool BypassChannel::take(Queue& queue, const tcp::StackEvent& event, ChannelEvent& out) {
  const uint32_t index = event.conn.index;
  const uint32_t number = index < queue.flows.size() ? queue.flows[index] : kNoFlow;
  if (number == kNoFlow || flows_[number].conn != event.conn) {
    return false;  // the runner has closed it
  }
  Flow& flow = flows_[number];
  out.flow = number;
  switch (event.kind) {
    case tcp::StackEvent::Kind::kConnected:
      flow.state = State::kOpen;
      --connecting_;
      out.kind = ChannelEvent::Kind::kOpen;
      return true;
    case tcp::StackEvent::Kind::kData:
      out.kind = ChannelEvent::Kind::kBytes;
      out.bytes = text_of(event.bytes);
      return true;
    case tcp::StackEvent::Kind::kEnd:
      out.kind = ChannelEvent::Kind::kClosed;
      out.end = end_of(event.end);
      forget(flow);
      return true;
    case tcp::StackEvent::Kind::kOpened:
    case tcp::StackEvent::Kind::kUnpinned:
    case tcp::StackEvent::Kind::kClosed:
      break;
  }
  return false;
}

size_t BypassChannel::counters(std::span<ChannelCounter> into) const {
  std::array<ChannelCounter, 7> sums = {{{"frames_in"},
                                         {"segments_in"},
                                         {"segments_out"},
                                         {"segments_misplaced"},
                                         {"retransmissions"},
                                         {"retransmission_timeouts"},
                                         {"ring_full"}}};
  for (const Queue& queue : queues_) {
    const tcp::StackCounters& stack = queue.stack->counters();
    const tcp::SenderCounters& sender = queue.stack->sender_counters();
    const std::array<uint64_t, 7> values = {
        stack.frames,           stack.segments,  stack.segments_out, stack.misplaced,
        sender.retransmissions, sender.timeouts, stack.tx_full};
    for (size_t i = 0; i < sums.size(); ++i) {
      sums[i].value += values[i];
    }
  }
  const size_t count = std::min(into.size(), sums.size());
  std::copy_n(sums.begin(), count, into.begin());
  return count;
}

// ---- a run ----

std::unique_ptr<ChannelMaker> make_bypass(const BypassOptions& options, std::string& error) {
  const std::optional<tcp::IpAddress> address = tcp::IpAddress::parse(options.host);
  if (!address) {
    error = "'" + options.host +
            "' is no address; names are not looked up here: give the address "
            "of the server's net-address";
    return nullptr;
  }
  if (options.threads == 0 || options.threads > options.network.queues) {
    error = std::to_string(options.threads) + " threads share " +
            std::to_string(options.network.queues) +
            " queues: each needs one of its own, so ask for fewer threads or more queues";
    return nullptr;
  }
  std::unique_ptr<dpdk::ClientNetwork> network = dpdk::ClientNetwork::open(options.network, error);
  if (network == nullptr) {
    return nullptr;
  }
  return std::make_unique<BypassMaker>(
      std::move(network), options,
      BypassTarget{.address = *address, .port = options.port, .even = options.even});
}

}  // namespace pollux
