// Scheduler, saver and disk of whole engines that save, for their tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "dataplane/engine/worker.h"
#include "dataplane/sim/scheduler.h"
#include "dataplane/sim/test_client.h"
#include "src/base/log.h"
#include "storage/rdb_file_splitter.h"
#include "storage/rdb_saver.h"
#include "storage/sim_disk.h"

namespace pollux {

inline constexpr int64_t kSchedulerStartMs = 1'700'000'000'000;
inline constexpr int kAccounts = 24;
inline constexpr int kMoney = 100;
inline constexpr const char* kFile = "dump.rdb";
inline constexpr const char* kOk = "+OK\r\n";

// Strings by name, and how many members the others have.
inline std::map<std::string, int64_t> read_file(const std::string& bytes) {
  std::map<std::string, int64_t> keys;
  RdbFileSplitter splitter;
  splitter.feed(bytes, 0);
  for (;;) {
    const RdbFileSplitter::Step step = splitter.next();
    if (step != RdbFileSplitter::Step::kEvent) {
      EXPECT_EQ(step, RdbFileSplitter::Step::kEnd) << splitter.error();
      EXPECT_EQ(splitter.sum(), RdbFileSplitter::Sum::kRight);
      return keys;
    }
    const RdbFileEvent& event = splitter.event();
    if (event.kind != RdbFileEvent::Kind::kKey) {
      continue;
    }
    RdbReader in(event.value, SIZE_MAX);
    int64_t number = 0;
    uint64_t count = 0;
    RdbText text;
    if (event.type == RdbType::kString) {
      EXPECT_TRUE(in.text(text));
      number = std::strtoll(std::string(text.view()).c_str(), nullptr, 10);
    } else {
      EXPECT_TRUE(in.length(count));
      number = static_cast<int64_t>(count);
    }
    EXPECT_TRUE(keys.emplace(event.name.view(), number).second) << event.name.view();
  }
}

// Scheduler, saver and disk.
class House {
 public:
  House(int workers, uint64_t seed, const std::string& config = {}, bool loads = false)
      : scheduler(
            {.workers = workers, .seed = seed, .config = config, .loads = loads, .saves = true}),
        clock(Instant{kSchedulerStartMs * 1000}),
        disk(seed, clock) {
    log_open("/dev/null");
    disk.set_faults({.stalls = 30, .stall_us_max = 3'000});
    desk().set_waker([this] { disk.wake(); });
  }
  ~House() {
    desk().give_up();
    EXPECT_TRUE(run_until([this] { return saver == nullptr && !desk().under_way(); }));
    log_open("");
  }

  SaveDesk& desk() { return *scheduler.engine().save_desk(); }
  Rng& rng() { return scheduler.rng(); }

  // One step of somebody.
  void step() {
    if (rng().below(6) != 0) {
      scheduler.step();
      return;
    }
    step_saver();
  }
  void step_saver() {
    clock.advance_us(static_cast<int64_t>(rng().below(500)));
    if (saver_rests) {
      return;
    }
    if (saver == nullptr) {
      const SaveDesk::Order* const order = desk().take_order();
      if (order == nullptr) {
        return;
      }
      const RdbSaver::Options options{
          .temporary = "temp.rdb",
          .name = order->file,
          .redis_version = order->redis_version,
          .awaited = order->awaited,
          .format = {.compress = order->compress, .checksum = order->checksum},
          .writes = {.block_bytes = 4096, .blocks = 2 + rng().below(3)}};
      saver = std::make_unique<RdbSaver>(options, disk, desk(), scheduler.engine().page().save);
    }
    if (desk().is_given_up()) {
      saver->give_up();
    }
    const RdbSaver::Step outcome = saver->step(clock.now(), 0);
    if (outcome != RdbSaver::Step::kAgain) {
      saver.reset();
      desk().finish(outcome == RdbSaver::Step::kDone);
      if (outcome == RdbSaver::Step::kDone && on_file) {
        on_file(disk.seen().files.at(kFile));
      }
    }
  }
  template <typename Done>
  bool run_until(Done done) {
    return Scheduler::run_until(done, [this] { step(); });
  }
  std::string ask(MemoryClient& client, const Request& request) {
    client.send_whole(encode(request));
    std::string reply;
    EXPECT_TRUE(run_until([&] {
      reply += client.take();
      return !reply.empty() && scheduler.quiet();
    })) << request.front();
    return reply;
  }

  Scheduler scheduler;
  ManualClock clock;
  SimDisk disk;
  std::unique_ptr<RdbSaver> saver;
  bool saver_rests = false;
  std::function<void(const std::string&)> on_file;
};

// Twice the batches of a lane, by keys that are small and by one that is big.
inline void fill_lanes(House& house, MemoryClient& client) {
  for (int i = 0; i < 200; ++i) {
    house.ask(client, {"SET", "small:" + std::to_string(i), std::string(3'000, 's')});
  }
  Request hset{"HSET", "big"};
  for (int i = 0; i < 6'000; ++i) {
    hset.push_back("field:" + std::to_string(i));
    hset.emplace_back(80, 'b');
  }
  house.ask(client, hset);
}

inline bool walks(House& house) {
  bool any = false;
  for (int i = 0; i < house.scheduler.engine().worker_count(); ++i) {
    any = any || house.desk().is_walking(ShardId{static_cast<uint16_t>(i)});
  }
  return any;
}

}  // namespace pollux
