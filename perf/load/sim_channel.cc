#include "perf/load/sim_channel.h"

#include <algorithm>

#include "src/base/assert.h"

namespace pollux {

SimChannel::SimChannel(const SimServer& server, uint32_t flows_max)
    : server_(server), flows_(flows_max) {}

void SimChannel::push(int64_t at_ns, uint32_t flow, ChannelEvent::Kind kind, std::string bytes) {
  Pending pending{
      .at_ns = at_ns, .order = order_++, .bytes = std::move(bytes), .life = flows_[flow].life};
  pending.event.kind = kind;
  pending.event.flow = flow;
  pending.event.end = server_.refuses ? ChannelEnd::kRefused : ChannelEnd::kPeerClosed;
  pending_.push(std::move(pending));
}

void SimChannel::connect(uint32_t flow) {
  POLLUX_ASSERT(!flows_[flow].open);
  ++connects_;
  const uint32_t life = flows_[flow].life + 1;
  flows_[flow] = Flow{};
  flows_[flow].life = life;
  push(now_ns_ + server_.connect_ns, flow,
       server_.refuses ? ChannelEvent::Kind::kClosed : ChannelEvent::Kind::kOpen);
  if (!server_.hello.empty()) {
    push(now_ns_ + server_.connect_ns, flow, ChannelEvent::Kind::kBytes, server_.hello);
  }
}

void SimChannel::send(std::span<ChannelSend> burst) {
  for (ChannelSend& send : burst) {
    Flow& flow = flows_[send.flow];
    send.at_ns = now_ns_;
    now_ns_ += server_.send_ns;
    send.taken = 0;
    if (!flow.open || flow.full) {
      continue;
    }
    send.taken = std::min(send.bytes.size(), server_.window_bytes - flow.taken);
    flow.taken += send.taken;
    if (send.taken < send.bytes.size()) {
      flow.full = true;
      push(now_ns_ + server_.room_ns, send.flow, ChannelEvent::Kind::kRoom);
    }
    flow.in.append(send.bytes.substr(0, send.taken));
    serve(send.flow);
  }
}

// All whole requests of a flow arrive now.
void SimChannel::serve(uint32_t index) {
  Flow& flow = flows_[index];
  std::string_view bytes = flow.in;
  size_t consumed = 0;
  while (!bytes.empty() && flow.answers < server_.answers_max &&
         flow.reader.read(bytes, ReadLimits(), args_, consumed) == ReadStatus::kRequest) {
    const uint64_t number = requests_++;
    const int64_t at_ns = std::max(flow.last_answer_ns, server_.answer_at_ns(number, now_ns_));
    flow.last_answer_ns = at_ns;
    std::string answer = server_.answer(number, args_);
    for (size_t from = 0; from < answer.size();) {
      std::string piece = answer.substr(from, server_.piece_bytes);
      from += piece.size();
      push(at_ns, index, ChannelEvent::Kind::kBytes, std::move(piece));
    }
    if (++flow.answers == server_.answers_max) {
      push(at_ns, index, ChannelEvent::Kind::kClosed);
    }
    bytes.remove_prefix(consumed);
  }
  flow.in.erase(0, flow.in.size() - bytes.size());
  flow.reader.reset();
}

size_t SimChannel::poll(std::span<ChannelEvent> events, int64_t until_ns) {
  const int64_t before = now_ns_;
  delivered_.clear();
  if (!pending_.empty() && pending_.top().at_ns <= until_ns) {
    now_ns_ = std::max(now_ns_, pending_.top().at_ns);
  } else {
    now_ns_ = std::max(now_ns_, until_ns);
  }
  slept_ns_ = now_ns_ - before;
  size_t count = 0;
  while (count < events.size() && !pending_.empty() && pending_.top().at_ns <= now_ns_) {
    const Pending next = pending_.top();
    pending_.pop();
    Flow& flow = flows_[next.event.flow];
    if (next.life != flow.life) {
      continue;
    }
    ChannelEvent& event = events[count++];
    event = next.event;
    event.at_ns = next.at_ns;
    event.bytes = delivered_.emplace_back(next.bytes);
    if (event.kind == ChannelEvent::Kind::kOpen) {
      flow.open = true;
    } else if (event.kind == ChannelEvent::Kind::kClosed) {
      close(event.flow);
    } else if (event.kind == ChannelEvent::Kind::kRoom) {
      flow.full = false;
      flow.taken = 0;
    }
  }
  // A runner that never lets time pass would hang a test.
  polls_in_vain_ = count == 0 && now_ns_ == before ? polls_in_vain_ + 1 : 0;
  POLLUX_ASSERT(polls_in_vain_ < 1'000'000);
  return count;
}

void SimChannel::close(uint32_t flow) {
  flows_[flow].open = false;
  ++flows_[flow].life;
}

}  // namespace pollux
