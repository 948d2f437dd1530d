#include "perf/load/runner.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

#include "src/base/assert.h"

namespace pollux {

namespace {

constexpr size_t kEventsMax = 256;
constexpr size_t kOutBytes = size_t{256} << 10;
constexpr int64_t kForever = std::numeric_limits<int64_t>::max();

// Of what came and answers nothing.
std::string unasked_text(Framed framed, const ReplySkipper& skipper) {
  if (framed == Framed::kBroken) {
    return "what came is no RESP: is this a Redis server?";
  }
  if (skipper.is_error()) {
    return "refused by the server: " + std::string(skipper.error_text()) +
           " (its maxclients, its protected-mode and its log say why)";
  }
  return "an answer came that nobody had asked for: does a command of the load subscribe, or "
         "change the protocol?";
}

}  // namespace

Runner::Runner(Channel& channel, const RunnerPlace& place, const Greeting& greeting,
               const std::atomic<bool>& stop, RunnerProgress& progress)
    : channel_(channel), place_(place), greeting_(greeting), stop_(stop), progress_(progress) {
  POLLUX_ASSERT(place.flows > 0 && place.threads > 0);
  const unsigned ring = std::bit_ceil(std::max({place.depth_max, greeting.replies, 1U}));
  ring_shift_ = std::countr_zero(ring);
  ring_mask_ = ring - 1;
  flows_.resize(place.flows);
  under_way_.resize(static_cast<size_t>(place.flows) << ring_shift_);
  ready_.resize(place.flows);
  down_.resize(place.flows);
  std::iota(down_.begin(), down_.end(), 0);
  events_.resize(kEventsMax);
  burst_.reserve(place.flows);
  burst_counts_.reserve(place.flows);
}

bool Runner::connect(int64_t timeout_ns, std::string& error) {
  const int64_t until = channel_.now_ns() + timeout_ns;
  fatal_.clear();
  last_end_.clear();
  connect_at_ns_ = 0;
  while (open_ < place_.flows || !fatal_.empty()) {
    const int64_t now = channel_.now_ns();
    if (!fatal_.empty() || stop_.load(std::memory_order_relaxed)) {
      error = fatal_.empty() ? "stopped" : fatal_;
      return false;
    }
    if (now >= until) {
      error = "of " + std::to_string(place_.flows) + " connections only " + std::to_string(open_) +
              " were there after " + std::to_string(timeout_ns / 1'000'000) + " ms: " +
              (last_end_.empty() ? "look at the server's maxclients, its backlog and its log"
                                 : "the last that broke was " + last_end_);
      return false;
    }
    turn(now, false);
  }
  return true;
}

void Runner::run(const Phase& phase, Tally& tally) {
  begin(phase, tally);
  progress_.running.store(true, std::memory_order_relaxed);
  int64_t turned_ns = channel_.now_ns();
  bool worked = false;
  while (true) {
    const int64_t now = channel_.now_ns();
    count_busy(turned_ns, now, worked);
    turned_ns = now;
    if (window_end_ns_ == kForever && under_way_count_ > 0) {
      give_up_silence(now);
    }
    if (over(now)) {
      break;
    }
    worked = turn(now, now >= phase.begin_ns);
  }
  // What has become due since the last look; what there is no room for now is never sent.
  if (const int64_t now = channel_.now_ns(); now >= window_end_ns_ && pacer_.has_value()) {
    issue(window_end_ns_ - 1);
    channel_.flush();
  }
  // Ended by hand, or by -n: the window ends here.
  window_end_ns_ = std::min(window_end_ns_, channel_.now_ns());
  drain();
  count_unanswered();
  if (pacer_.has_value()) {
    count_unsent();
  }
  tally.begin_ns = std::min(window_begin_ns_, window_end_ns_);  // stopped in the warm-up: nothing
  const bool by_count = phase.requests > 0 && requests_left_ == 0;
  tally.end_ns = by_count ? std::max(last_reply_ns_, window_begin_ns_) : window_end_ns_;
  tally.fatal = fatal_;
  publish(channel_.now_ns());
  progress_.running.store(false, std::memory_order_relaxed);
  phase_ = nullptr;
  tally_ = nullptr;
}

void Runner::begin(const Phase& phase, Tally& tally) {
  POLLUX_ASSERT(phase.depth >= 1 && phase.depth <= ring_mask_ + 1);
  phase_ = &phase;
  tally_ = &tally;
  fatal_.clear();
  const Workload& work = *phase.workload;
  POLLUX_ASSERT(!work.kinds.empty() && work.kinds.size() < kGreetingKind);
  tally = Tally{};
  tally.kinds.resize(work.kinds.size());
  kinds_.clear();
  weights_ = 0;
  // Requests and their keys, so that one of each is sent, and the rate.
  const bool by_flows = place_.flows_of_all > 0;
  const uint64_t before = by_flows ? place_.flows_before : place_.thread;
  const uint64_t mine = by_flows ? place_.flows : 1;
  const uint64_t all = by_flows ? place_.flows_of_all : place_.threads;
  request_bytes_max_ = 0;
  for (const RequestKind& kind : work.kinds) {
    weights_ += kind.weight;
    const KeyRange range = kind.pattern == KeyPattern::kSequential
                               ? part_of(work.keys, before, before + mine, all)
                               : work.keys;
    kinds_.push_back({KeyDraw(kind.pattern, range, work.zipf_exponent), weights_});
    request_bytes_max_ = std::max(request_bytes_max_, kind.command.bytes_max(work.values.shape()));
  }
  POLLUX_ASSERT(weights_ > 0);
  const size_t bytes = std::max(kOutBytes, request_bytes_max_);
  if (bytes > out_size_) {
    out_ = std::make_unique<char[]>(bytes);
    out_size_ = bytes;
  }
  rng_ = Rng(phase.seed * 1'000'003 + place_.thread);
  const auto share = [&](uint64_t part) {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(phase.requests) * part / all);
  };
  requests_left_ = phase.requests == 0 ? UINT64_MAX : share(before + mine) - share(before);
  window_begin_ns_ = phase.begin_ns + phase.warmup_ns;
  window_end_ns_ = phase.duration_ns == 0 ? kForever : window_begin_ns_ + phase.duration_ns;
  last_reply_ns_ = 0;
  last_sent_ns_ = 0;
  last_connected_ns_ = channel_.now_ns();
  pacer_.reset();
  if (phase.rate_per_s > 0) {
    const double rate_per_s =
        phase.rate_per_s * static_cast<double>(mine) / static_cast<double>(all);
    pacer_.emplace(phase.arrivals, rate_per_s, phase.begin_ns, place_.thread, place_.threads,
                   phase.seed * 7'000'003 + place_.thread);
  }
}

bool Runner::over(int64_t now) const {
  return now >= window_end_ns_ || stop_.load(std::memory_order_relaxed) || !fatal_.empty() ||
         (requests_left_ == 0 && under_way_count_ == 0);
}

void Runner::give_up_silence(int64_t now) {
  const int64_t last = std::max({last_sent_ns_, last_reply_ns_, window_begin_ns_});
  if (now - last > kSilenceNs) {
    fatal_ = "no answer for " + std::to_string(kSilenceNs / 1'000'000'000) + " s, and " +
             std::to_string(under_way_count_) +
             " are due: does the server hang, or the command wait for something? --test-time ends "
             "a load whatever is answered";
  }
}

void Runner::drain() {
  const int64_t until = channel_.now_ns() + phase_->drain_ns;
  while (under_way_count_ > 0 && fatal_.empty()) {
    const int64_t now = channel_.now_ns();
    if (now >= until) {
      break;
    }
    turn(now, false);
  }
}

// What has no answer is counted with its age; its connection is of no more use, as the answer may
// come yet.
void Runner::count_unanswered() {
  const int64_t now = channel_.now_ns();
  for (uint32_t i = 0; i < place_.flows; ++i) {
    Flow& flow = flows_[i];
    if (flow.state != State::kOpen || flow.under_way == 0) {
      continue;
    }
    for (uint32_t k = 0; k < flow.under_way; ++k) {
      const UnderWay& request = under_way(i, flow.first + k);
      if (request.due_ns >= window_begin_ns_) {
        tally_->unanswered.record(now - request.due_ns);
      }
    }
    under_way_count_ -= flow.under_way;
    flow.under_way = 0;
    channel_.close(i);
    on_end(i, {});
  }
}

void Runner::count_unsent() {
  while (requests_left_ > 0 && pacer_->next_ns() < window_end_ns_) {
    if (pacer_->next_ns() >= window_begin_ns_) {
      tally_->unsent.record(window_end_ns_ - pacer_->next_ns());
    }
    pacer_->advance();
    --requests_left_;
  }
}

void Runner::count_busy(int64_t begin_ns, int64_t end_ns, bool worked) {
  if (begin_ns >= window_begin_ns_) {
    tally_->looked_ns += end_ns - begin_ns;
    tally_->busy_ns += worked ? std::max<int64_t>(end_ns - begin_ns - channel_.slept_ns(), 0) : 0;
  }
}

bool Runner::turn(int64_t now, bool issuing) {
  if (!down_.empty()) {
    connect_again(now);
  }
  bool worked = false;
  if (issuing) {
    worked = issue(now);
    channel_.flush();
  }
  const size_t count = channel_.poll(events_, rest_until(now, issuing));
  for (size_t i = 0; i < count; ++i) {
    on_event(events_[i]);
  }
  if (!issuing && count > 0) {
    channel_.flush();  // greetings
  }
  publish(now);
  return worked || count > 0;
}

int64_t Runner::rest_until(int64_t now, bool issuing) const {
  int64_t until = now + kRestNs;
  if (!issuing) {
    if (phase_ != nullptr && now < phase_->begin_ns) {
      until = std::min(until, phase_->begin_ns);
    }
    return until;
  }
  until = std::min(until, window_end_ns_);
  if (ready_count_ > 0 && requests_left_ > 0) {
    until = pacer_.has_value() ? std::min(until, pacer_->next_ns()) : now;
  }
  return until;
}

void Runner::publish(int64_t now) {
  const auto relaxed = std::memory_order_relaxed;
  progress_.answered.store(answered_, relaxed);
  progress_.errors.store(errors_, relaxed);
  progress_.latency_sum_ns.store(latency_sum_ns_, relaxed);
  progress_.under_way.store(under_way_count_, relaxed);
  progress_.connected.store(open_, relaxed);
  progress_.behind_ns.store(pacer_.has_value() ? std::max<int64_t>(now - pacer_->next_ns(), 0) : 0,
                            relaxed);
}

// ---- out ----

uint64_t Runner::wanted(int64_t now) const {
  return std::min(requests_left_, pacer_.has_value() ? pacer_->due(now) : UINT64_MAX);
}

bool Runner::issue(int64_t now) {
  bool any = false;
  while (ready_count_ > 0) {
    const uint64_t want = wanted(now);
    if (want == 0) {
      break;
    }
    if (out_size_ - out_used_ < request_bytes_max_) {
      send_burst();
      continue;
    }
    const uint32_t index = ready_[ready_first_];
    Flow& flow = flows_[index];
    if (!has_room(flow)) {  // it broke since it was listed
      unlist_first();
      continue;
    }
    const uint64_t room = phase_->depth - flow.under_way;
    // A backlog is spread evenly over the connections that have room.
    const uint64_t share = pacer_.has_value() ? (want + ready_count_ - 1) / ready_count_ : room;
    const uint64_t fit = (out_size_ - out_used_) / request_bytes_max_;
    unlist_first();
    any = true;
    add_to_burst(index, static_cast<unsigned>(std::min({room, want, share, fit})), now);
  }
  send_burst();
  return any;
}

unsigned Runner::draw_kind() {
  if (kinds_.size() == 1) {
    return 0;
  }
  const uint64_t draw = rng_.below(weights_);
  unsigned kind = 0;
  while (kinds_[kind].weight_up_to <= draw) {
    ++kind;
  }
  return kind;
}

void Runner::add_to_burst(uint32_t index, unsigned most, int64_t now) {
  Flow& flow = flows_[index];
  const Workload& work = *phase_->workload;
  char* const begin = out_.get() + out_used_;
  char* end = begin;
  unsigned count = 0;
  // The pacer guesses how many are due; none leaves before it is.
  for (; count < most && (!pacer_.has_value() || pacer_->next_ns() <= now); ++count) {
    const unsigned kind = draw_kind();
    end = work.kinds[kind].command.render(end, kinds_[kind].keys, work.values, rng_);
    UnderWay& request = under_way(index, flow.first + flow.under_way);
    ++flow.under_way;
    request.kind = static_cast<uint16_t>(kind);
    if (pacer_.has_value()) {
      request.due_ns = pacer_->next_ns();
      pacer_->advance();
    }
  }
  out_used_ += static_cast<size_t>(end - begin);
  under_way_count_ += count;
  requests_left_ -= count;
  burst_.push_back({.flow = index, .bytes = {begin, static_cast<size_t>(end - begin)}});
  burst_counts_.push_back(count);
}

void Runner::send_burst() {
  if (burst_.empty()) {
    return;
  }
  channel_.send(burst_);
  for (size_t b = 0; b < burst_.size(); ++b) {
    const ChannelSend& sent = burst_[b];
    Flow& flow = flows_[sent.flow];
    last_sent_ns_ = sent.at_ns;
    for (unsigned i = burst_counts_[b]; i > 0; --i) {
      UnderWay& request = under_way(sent.flow, flow.first + flow.under_way - i);
      request.sent_ns = sent.at_ns;
      if (!pacer_.has_value()) {
        request.due_ns = sent.at_ns;
      } else if (request.due_ns >= window_begin_ns_) {
        tally_->late.record(sent.at_ns - request.due_ns);
      }
    }
    tally_->bytes_out += sent.bytes.size();
    if (sent.taken < sent.bytes.size()) {
      flow.full = true;
      flow.unsent.assign(sent.bytes.substr(sent.taken));
    }
    list(sent.flow);
  }
  burst_.clear();
  burst_counts_.clear();
  out_used_ = 0;
}

void Runner::send_unsent(uint32_t index) {
  Flow& flow = flows_[index];
  flow.full = false;
  if (!flow.unsent.empty()) {
    ChannelSend send{.flow = index, .bytes = flow.unsent};
    channel_.send({&send, 1});
    flow.unsent.erase(0, send.taken);
    flow.full = !flow.unsent.empty();
  }
  list(index);
}

// Puts a flow that has room at the end of those that have.
void Runner::list(uint32_t index) {
  Flow& flow = flows_[index];
  if (flow.listed || !has_room(flow)) {
    return;
  }
  flow.listed = true;
  size_t at = ready_first_ + ready_count_;
  at -= at >= ready_.size() ? ready_.size() : 0;
  ready_[at] = index;
  ++ready_count_;
}

void Runner::unlist_first() {
  flows_[ready_[ready_first_]].listed = false;
  ready_first_ = ready_first_ + 1 == ready_.size() ? 0 : ready_first_ + 1;
  --ready_count_;
}

bool Runner::has_room(const Flow& flow) const {
  const unsigned depth = phase_ == nullptr ? 1 : phase_->depth;
  return flow.state == State::kOpen && !flow.full && flow.under_way < depth;
}

// ---- in ----

void Runner::on_event(const ChannelEvent& event) {
  Flow& flow = flows_[event.flow];
  if (flow.state == State::kDown) {
    return;  // closed by us behind what this burst still holds of it
  }
  switch (event.kind) {
    case ChannelEvent::Kind::kOpen:
      on_open(event.flow, event.at_ns);
      break;
    case ChannelEvent::Kind::kBytes:
      on_bytes(event);
      break;
    case ChannelEvent::Kind::kRoom:
      send_unsent(event.flow);
      break;
    case ChannelEvent::Kind::kClosed:
      on_end(event.flow, channel_end_text(event.end));
      break;
  }
}

void Runner::on_open(uint32_t index, int64_t at_ns) {
  Flow& flow = flows_[index];
  flow.skipper.reset();
  flow.first = 0;
  flow.full = false;
  flow.unsent.clear();
  if (greeting_.replies == 0) {
    on_greeted(index);
    return;
  }
  flow.state = State::kGreeting;
  flow.under_way = greeting_.replies;
  for (unsigned i = 0; i < greeting_.replies; ++i) {
    under_way(index, i) = {at_ns, at_ns, kGreetingKind};
  }
  flow.unsent = greeting_.bytes;
  send_unsent(index);
}

void Runner::on_greeted(uint32_t index) {
  flows_[index].state = State::kOpen;
  ++open_;
  last_connected_ns_ = channel_.now_ns();
  list(index);
}

void Runner::on_bytes(const ChannelEvent& event) {
  Flow& flow = flows_[event.flow];
  std::string_view bytes = event.bytes;
  if (tally_ != nullptr) {
    tally_->bytes_in += bytes.size();
  }
  while (!bytes.empty()) {
    const Framed framed = flow.skipper.next(bytes);
    if (framed == Framed::kNeedMore) {
      break;
    }
    if (framed == Framed::kPush) {
      if (tally_ != nullptr) {
        ++tally_->pushes;
      }
      continue;
    }
    if (framed == Framed::kBroken || flow.under_way == 0) {
      channel_.close(event.flow);
      on_end(event.flow, unasked_text(framed, flow.skipper));
      return;
    }
    if (flow.state == State::kGreeting) {
      if (flow.skipper.is_error()) {
        fatal_ =
            "the server refused AUTH, HELLO or SELECT: " + std::string(flow.skipper.error_text());
      }
      ++flow.first;
      if (--flow.under_way == 0) {
        on_greeted(event.flow);
      }
      continue;
    }
    on_reply(flow, event.at_ns);
  }
  if (flow.state == State::kOpen) {
    list(event.flow);
  }
}

void Runner::on_reply(Flow& flow, int64_t at_ns) {
  const auto index = static_cast<uint32_t>(&flow - flows_.data());
  const UnderWay& request = under_way(index, flow.first);
  ++flow.first;
  --flow.under_way;
  --under_way_count_;
  ++answered_;
  ++tally_->answered;
  last_reply_ns_ = at_ns;
  const int64_t latency_ns = at_ns - request.due_ns;
  latency_sum_ns_ += static_cast<uint64_t>(std::max<int64_t>(latency_ns, 0));
  if (at_ns >= window_begin_ns_ && at_ns < window_end_ns_) {
    ++tally_->answered_in_window;
  }
  KindTally& kind = tally_->kinds[request.kind];
  if (flow.skipper.is_error()) {
    ++kind.errors;
    ++errors_;
    if (tally_->first_error.empty()) {
      tally_->first_error = flow.skipper.error_text();
    }
  }
  if (request.due_ns < window_begin_ns_) {
    return;
  }
  kind.nulls += flow.skipper.is_null() ? 1 : 0;
  kind.latency.record(latency_ns);
  if (pacer_.has_value()) {
    tally_->service.record(at_ns - request.sent_ns);
  }
}

void Runner::on_end(uint32_t index, std::string_view why) {
  Flow& flow = flows_[index];
  const bool was_open = flow.state == State::kOpen;
  if (!why.empty()) {
    last_end_ = why;
  }
  uint64_t lost = 0;
  if (was_open) {
    --open_;
    under_way_count_ -= flow.under_way;
    for (uint32_t k = 0; k < flow.under_way; ++k) {
      lost += under_way(index, flow.first + k).due_ns >= window_begin_ns_ ? 1 : 0;
    }
  }
  if (tally_ == nullptr) {
    // Before any load: a server that cannot be reached is none to measure.
    fatal_ = was_open ? fatal_ : why;
  } else if (!why.empty()) {
    tally_->lost += lost;
    ++tally_->ends;
    if (tally_->first_end.empty()) {
      tally_->first_end = why;
    }
  }
  flow.under_way = 0;
  flow.state = State::kDown;
  flow.full = false;
  flow.unsent.clear();
  down_.push_back(index);
}

void Runner::connect_again(int64_t now) {
  if (tally_ != nullptr && open_ == 0 && now - last_connected_ns_ > kPatienceNs) {
    fatal_ = "no connection for 10 s; the last was " + tally_->first_end;
    return;
  }
  if (now < connect_at_ns_) {
    return;
  }
  connect_at_ns_ = now + kReconnectNs;
  for (const uint32_t index : down_) {
    flows_[index].state = State::kConnecting;
    channel_.connect(index);
  }
  down_.clear();
}

}  // namespace pollux
