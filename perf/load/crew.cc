#include "perf/load/crew.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <numeric>

#include "src/base/assert.h"
#include "src/base/cpu.h"
#include "src/base/time.h"

namespace pollux {

namespace {

// Until all threads are under way: they wake, on a busy host one after the other, and clear what
// they count in.
constexpr int64_t kStartNs = 20'000'000;

}  // namespace

std::unique_ptr<Crew> Crew::create(ChannelMaker& maker, const CrewOptions& options,
                                   const Greeting& greeting, const std::atomic<bool>& stop,
                                   std::string& error) {
  POLLUX_ASSERT(!options.clients.empty());
  TscClock::get();  // measured before anybody waits for it
  std::unique_ptr<Crew> crew(new Crew(maker, options, greeting, stop));
  error = crew->all_do(Step::kMake, nullptr);
  return error.empty() ? std::move(crew) : nullptr;
}

Crew::Crew(ChannelMaker& maker, const CrewOptions& options, const Greeting& greeting,
           const std::atomic<bool>& stop)
    : maker_(maker), options_(options), greeting_(greeting), stop_(stop) {
  for (size_t i = 0; i < options.clients.size(); ++i) {
    members_.push_back(std::make_unique<Member>());
  }
  for (unsigned i = 0; i < members_.size(); ++i) {
    members_[i]->thread = std::thread([this, i] { work(i); });
  }
}

Crew::~Crew() {
  all_do(Step::kEnd, nullptr);
  for (const auto& member : members_) {
    member->thread.join();
  }
}

Tally Crew::run(Phase phase, const std::function<void(const CrewProgress&, double seconds)>& tick) {
  Tally sum;
  sum.fatal = all_do(Step::kConnect, nullptr);
  if (!sum.fatal.empty()) {
    return sum;
  }
  phase.begin_ns = TscClock::get().now_ns() + kStartNs;
  phase_ = phase;
  all_do(Step::kRun, [&] {
    if (tick) {
      tick(progress(), static_cast<double>(TscClock::get().now_ns() - phase.begin_ns) / 1e9);
    }
  });
  for (const auto& member : members_) {
    sum.merge(member->tally);
  }
  add_counters();
  return sum;
}

std::string Crew::all_do(Step step, const std::function<void()>& each_second) {
  std::unique_lock lock(mutex_);
  step_ = step;
  busy_ = static_cast<unsigned>(members_.size());
  ++steps_;
  changed_.notify_all();
  if (step == Step::kEnd) {
    return {};
  }
  while (!changed_.wait_for(lock, std::chrono::seconds(1), [this] { return busy_ == 0; })) {
    if (each_second) {
      lock.unlock();
      each_second();
      lock.lock();
    }
  }
  for (const auto& member : members_) {
    if (!member->error.empty()) {
      return member->error;
    }
  }
  return {};
}

void Crew::work(unsigned index) {
  Member& me = *members_[index];
  name_thread(("load_" + std::to_string(index)).c_str());
  std::unique_ptr<Channel> channel;
  std::unique_ptr<Runner> runner;
  const auto first = options_.clients.begin();
  const RunnerPlace place{.thread = index,
                          .threads = static_cast<unsigned>(options_.clients.size()),
                          .flows = options_.clients[index],
                          .flows_before = std::accumulate(first, first + index, uint32_t{0}),
                          .flows_of_all = std::accumulate(first, options_.clients.end(), 0U),
                          .depth_max = options_.depth_max};
  uint64_t done = 0;
  while (true) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return steps_ > done; });
    done = steps_;
    const Step step = step_;
    const Phase phase = phase_;
    lock.unlock();
    me.error.clear();
    switch (step) {
      case Step::kMake: {
        const int cpu = options_.cpus.empty() ? -1 : options_.cpus[index % options_.cpus.size()];
        if (cpu >= 0 && !pin_thread(cpu)) {
          me.error = "cannot pin a thread to processor " + std::to_string(cpu) + ": " +
                     std::strerror(errno) + "; see `taskset -p $$` for those that are allowed";
          break;
        }
        const std::lock_guard making(making_);
        channel = maker_.make(index, place.flows, me.error);
        if (channel != nullptr) {
          runner = std::make_unique<Runner>(*channel, place, greeting_, stop_, me.progress);
        }
        break;
      }
      case Step::kConnect:
        runner->connect(options_.connect_timeout_ns, me.error);
        break;
      case Step::kRun: {
        runner->run(phase, me.tally);
        me.counters.resize(kChannelCountersMax);
        me.counters.resize(channel->counters(me.counters));
        break;
      }
      case Step::kEnd:
        return;
    }
    lock.lock();
    if (--busy_ == 0) {
      changed_.notify_all();
    }
  }
}

CrewProgress Crew::progress() const {
  const auto relaxed = std::memory_order_relaxed;
  CrewProgress sum;
  for (const auto& member : members_) {
    const RunnerProgress& one = member->progress;
    sum.answered += one.answered.load(relaxed);
    sum.errors += one.errors.load(relaxed);
    sum.latency_sum_ns += one.latency_sum_ns.load(relaxed);
    sum.under_way += one.under_way.load(relaxed);
    sum.connected += one.connected.load(relaxed);
    sum.behind_ns = std::max(sum.behind_ns, one.behind_ns.load(relaxed));
  }
  return sum;
}

void Crew::add_counters() {
  counters_.clear();
  for (const auto& member : members_) {
    for (size_t i = 0; i < member->counters.size(); ++i) {
      if (i == counters_.size()) {
        counters_.emplace_back(member->counters[i].name, 0);
      }
      counters_[i].second += member->counters[i].value;
    }
  }
}

}  // namespace pollux
