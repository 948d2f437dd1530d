// One thread of load: its connections, what is under way on each, and when the next request leaves.
//
// Closed loop: a connection has always `depth` requests under way; the next leaves when an answer
// has come, and is timed from when it was sent.
// Open loop: requests are due by a schedule (pacer.h), whatever the answers do. One that is due
// takes the connection that has had room for longest; if none has, it waits here, and the wait is
// part of its latency, which counts from when it was due.
//
// Allocates nothing per request: requests are rendered into one buffer and leave in bursts. Bytes
// that a connection does not take wait in a buffer of its own, which grows once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "perf/load/channel.h"
#include "perf/load/command_template.h"
#include "perf/load/key_draw.h"
#include "perf/load/pacer.h"
#include "perf/load/reply_skipper.h"
#include "perf/load/tally.h"
#include "src/base/ring.h"
#include "src/base/rng.h"

namespace pollux {

struct RequestKind {
  CommandTemplate command;
  uint32_t weight = 1;
  KeyPattern pattern = KeyPattern::kUniform;
};

// What is asked; all threads read it.
struct Workload {
  std::vector<RequestKind> kinds;  // at least one, of weights over 0
  KeyRange keys;
  double zipf_exponent = 1;
  ValuePool values{ValueShape(), 0};
};

// What a connection says first, before any load: AUTH, SELECT, HELLO.
struct Greeting {
  std::string bytes;
  unsigned replies = 0;
};

// A stretch of load. The rate and the number of requests are those of all threads together.
struct Phase {
  const Workload* workload = nullptr;
  double rate_per_s = 0;  // 0: closed loop
  Arrivals arrivals = Arrivals::kFixed;
  unsigned depth = 1;                // requests under way on a connection, at most
  uint64_t requests = 0;             // 0: until the time is over
  int64_t begin_ns = 0;              // of the channel's clock
  int64_t warmup_ns = 0;             // at the beginning, not measured
  int64_t duration_ns = 0;           // measured; 0: until all requests are done
  int64_t drain_ns = 2'000'000'000;  // how long answers are waited for behind the end
  uint64_t seed = 1;
};

// What others may see of a runner while it runs. Written by its thread alone; relaxed: each number
// stands for itself, and the reader wants no more than to show it.
struct alignas(kCacheLine) RunnerProgress {
  std::atomic<uint64_t> answered{0};
  std::atomic<uint64_t> errors{0};
  std::atomic<uint64_t> latency_sum_ns{0};
  std::atomic<uint64_t> under_way{0};
  std::atomic<int64_t> behind_ns{0};  // how long the oldest request that is due has waited here
  std::atomic<uint32_t> connected{0};
  std::atomic<bool> running{false};
};

struct RunnerPlace {
  unsigned thread = 0;
  unsigned threads = 1;
  uint32_t flows = 1;
  // Of threads before it, and of all: by these the rate and the number of requests are shared out.
  // None of all: threads have equal parts.
  uint32_t flows_before = 0;
  uint32_t flows_of_all = 0;
  unsigned depth_max = 1;  // of any phase
};

class Runner {
  // What is known of a request that has no answer yet.
  struct UnderWay {
    int64_t due_ns = 0;
    int64_t sent_ns = 0;
    uint16_t kind = 0;
  };

 public:
  // Memory for each that may be under way.
  static constexpr size_t kRequestBytes = sizeof(UnderWay);

  // `stop` may be set by another thread: load ends as if its time were over.
  Runner(Channel& channel, const RunnerPlace& place, const Greeting& greeting,
         const std::atomic<bool>& stop, RunnerProgress& progress);

  // Connects the flows that are not connected (at first all) and greets. False, with a sentence, if
  // that fails or takes longer than `timeout_ns`.
  bool connect(int64_t timeout_ns, std::string& error);

  void run(const Phase& phase, Tally& tally);

 private:
  static constexpr uint16_t kGreetingKind = UINT16_MAX;
  static constexpr int64_t kRestNs = 1'000'000;           // the longest wait in poll()
  static constexpr int64_t kReconnectNs = 100'000'000;    // between two attempts
  static constexpr int64_t kPatienceNs = 10'000'000'000;  // without any connection
  // A load that ends by the number of its requests ends without that if for so long nothing is sent
  // and nothing is answered.
  static constexpr int64_t kSilenceNs = 60'000'000'000;

  enum class State : uint8_t { kDown, kConnecting, kGreeting, kOpen };
  struct Flow {
    ReplySkipper skipper;
    std::string unsent;  // what the channel did not take
    uint32_t first = 0;  // of what is under way, in its ring
    uint32_t under_way = 0;
    State state = State::kDown;
    bool full = false;
    bool listed = false;  // in ready_
  };
  // Per kind of request, of the phase.
  struct Kind {
    KeyDraw keys;
    uint64_t weight_up_to = 0;
  };

  void begin(const Phase& phase, Tally& tally);
  void drain();
  void count_unanswered();
  void count_unsent();
  bool over(int64_t now) const;
  void give_up_silence(int64_t now);
  // False: there was nothing to do.
  bool turn(int64_t now, bool issuing);
  // The time of a turn goes to busy_ns, but for what was slept or looked in vain.
  void count_busy(int64_t begin_ns, int64_t end_ns, bool worked);
  int64_t rest_until(int64_t now, bool issuing) const;
  void publish(int64_t now);

  // False: none was due, or there was no room.
  bool issue(int64_t now);
  uint64_t wanted(int64_t now) const;
  // Renders up to `most` requests of a flow into the burst: those that are due.
  void add_to_burst(uint32_t index, unsigned most, int64_t now);
  void send_burst();
  void send_unsent(uint32_t index);
  void list(uint32_t index);
  void unlist_first();
  bool has_room(const Flow& flow) const;

  void on_event(const ChannelEvent& event);
  void on_open(uint32_t index, int64_t at_ns);
  void on_bytes(const ChannelEvent& event);
  void on_reply(Flow& flow, int64_t at_ns);
  void on_greeted(uint32_t index);
  // The connection is gone, and with it what was under way.
  void on_end(uint32_t index, std::string_view why);
  void connect_again(int64_t now);
  unsigned draw_kind();

  UnderWay& under_way(uint32_t flow, uint32_t place) {
    return under_way_[(static_cast<size_t>(flow) << ring_shift_) + (place & ring_mask_)];
  }

  Channel& channel_;
  const RunnerPlace place_;
  const Greeting& greeting_;
  const std::atomic<bool>& stop_;
  RunnerProgress& progress_;

  std::vector<Flow> flows_;
  int ring_shift_ = 0;
  uint32_t ring_mask_ = 0;
  std::vector<UnderWay> under_way_;  // a ring for each flow
  std::vector<uint32_t> ready_;      // a ring of flows with room, longest first
  size_t ready_first_ = 0;
  size_t ready_count_ = 0;
  std::vector<uint32_t> down_;  // flows to be connected again
  int64_t connect_at_ns_ = 0;
  int64_t last_connected_ns_ = 0;
  uint32_t open_ = 0;
  uint64_t under_way_count_ = 0;  // without greetings

  std::vector<ChannelEvent> events_;
  std::vector<ChannelSend> burst_;
  std::vector<unsigned> burst_counts_;  // requests in each send of the burst
  std::unique_ptr<char[]> out_;
  size_t out_size_ = 0;
  size_t out_used_ = 0;

  const Phase* phase_ = nullptr;  // null: between phases
  Tally* tally_ = nullptr;
  std::optional<Pacer> pacer_;
  std::vector<Kind> kinds_;
  uint64_t weights_ = 0;
  size_t request_bytes_max_ = 0;
  Rng rng_{0};
  uint64_t requests_left_ = 0;
  int64_t window_begin_ns_ = 0;
  int64_t window_end_ns_ = 0;
  int64_t last_reply_ns_ = 0;
  int64_t last_sent_ns_ = 0;
  uint64_t latency_sum_ns_ = 0;
  uint64_t answered_ = 0;
  uint64_t errors_ = 0;
  std::string fatal_;
  std::string last_end_;  // why the last connection broke
};

}  // namespace pollux
