// Snapshots, on one worker: the first one makes the cut under a lease of all shards, each walks its
// shard, a slice a turn (src/snapshot), into batches for the storage thread (save_desk.h).
#include <algorithm>
#include <utility>

#include "dataplane/engine/config_options.h"
#include "dataplane/engine/engine_context.h"
#include "dataplane/engine/engine_families.h"
#include "dataplane/engine/worker.h"
#include "src/base/log.h"
#include "src/base/time.h"

namespace pollux {

namespace {

// Of each turn. Whoever asks meanwhile waits so much longer. Two million keys, worker and storage
// thread on one core: the p99 of four clients is 1.6 to 1.9 times what it is without a save; with
// 30 us, and nice 15 of the storage thread (src/base/cpu), it was 2.1 to 3.5 times. A save takes as
// long as then where nobody asks, and half as long again under a full load on its only core.
constexpr double kSaveSliceUs = 8;
// Of long turns a tenth, or a save beside them would hardly get on: of 10 ms, 8 us are nothing.
constexpr double kSaveShare = 0.1;
constexpr double kSaveSliceMaxUs = 200;
// So long a cut may keep all shards waiting for the slowest of them; then it is tried again, but
// not for longer than a second.
constexpr double kCutWaitUs = 200;
constexpr int64_t kCutTriesUs = 1'000'000;
// After a save that has failed, save points wait so long.
constexpr int64_t kRetryMs = 5'000;

}  // namespace

bool Worker::wants_cut() const {
  return id_.value == 0 && engine_.save_desk() != nullptr &&
         engine_.save_desk()->wants_cut(now_) &&
         (!loading() || engine_.load_desk().is_whole());
}

// For the owners' acknowledgements, and does not for ever.
bool Worker::cut_waits() const {
  if (lease_.step != LeaseStep::kParking || lease_.purpose != LeaseFor::kSnapshot) {
    return false;
  }
  const int64_t since_order_us = now_.us - engine_.save_desk()->ordered_at().us;
  return since_order_us >= 0 && since_order_us <= kCutTriesUs;  // the clock may be put back
}

// All owners that have acknowledged stand still until the slowest comes, which may be in the middle
// of a command of a tenth of a second. Nobody has asked for a cut at this very moment: so it is
// given up and tried again a little later, and only one that was ordered a second ago waits.
bool Worker::cut_waits_too_long() {
  if (!cut_waits()) {
    return false;
  }
  // Stepped by hand, by chance: a turn must not depend on the clock.
  const bool stepped = share_cycles_max_ == UINT64_MAX;
  const double waited_us = static_cast<double>(tsc() - lease_.since_tsc) / tsc_per_us();
  if (stepped ? rng_.below(8) != 0 : waited_us < kCutWaitUs) {
    return false;
  }
  engine_.save_desk()->put_cut_off(now_);
  return true;
}

void Worker::make_cut() {
  SaveDesk& desk = *engine_.save_desk();
  if (!desk.begin_cut()) {
    return;
  }
  for (int i = 0; i < workers_; ++i) {
    engine_.core(i).save_held_peak_bytes.set(0);
  }
  desk.make_cut({.compress = config_->data.rdb_compression,
                 .rules = config_->data.eviction,
                 .at = now_},
                desk.is_aof_base() && changes_.enabled() ? changes_.cut(now_) : Ticket{});
}

SaveDesk::Order Worker::save_order() const {
  return {.at = now_,
          .file = config_->db_file,
          .redis_version = config_->compat_redis_version,
          .compress = config_->data.rdb_compression,
          .checksum = config_->rdb_checksum,
          .key_delay_ns = config_->save_key_delay_ns};
}

// Ten times a second: what was scheduled, and what the save points say (the first worker).
void Worker::save_if_due() {
  SaveDesk* const desk = engine_.save_desk();
  if (desk == nullptr) {
    return;
  }
  if (!parked_) {
    desk->rest(shard_.id());
    publish_held();
  }
  const bool failed = engine_.page().save.last_failed.get() != 0;
  if (id_.value != 0 || desk->under_way() || loading() || engine_.stopping() ||
      engine_.shutting_down()) {
    return;
  }
  if (desk->unschedule()) {
    desk->order(save_order());
    return;
  }
  const int64_t changes = engine_.sum(&CoreBlock::changes) - desk->changes_saved();
  const int64_t since_s = now_.us / 1'000'000 - last_save_s(engine_);
  if (paused() || (failed && now_.ms() - save_tried_ms_ < kRetryMs)) {
    return;
  }
  for (const SavePoint& point : config_->save_points) {
    if (changes >= point.changes && since_s > point.seconds) {
      log_line(LogLevel::kNotice, "%lld changes in %lld seconds. Saving...",
               static_cast<long long>(point.changes), static_cast<long long>(point.seconds));
      save_tried_ms_ = now_.ms();
      desk->order(save_order());
      return;
    }
  }
}

// What a save would keep is not wanted any more, and what there was is not to come back (as in
// Redis, but that the new file comes a moment later).
void EngineHost::emptied_all() {
  if (SaveDesk* const desk = engine->save_desk(); desk != nullptr) {
    if (!desk->is_aof_base()) {
      desk->give_up();
    }
    if (!worker->config().save_points.empty()) {
      desk->schedule();
    }
  }
}

// A signal asks for the end, with the words of shutdown-on-sigint or shutdown-on-sigterm.
void Worker::start_shutdown(bool interrupt) {
  auto tour = std::make_unique<Tour>(chunks_);
  tour->row = &shutdown_row();
  tour->args_bytes = {"SHUTDOWN"};
  for (std::string& word : split_words(interrupt ? config_->shutdown_on_sigint
                                                 : config_->shutdown_on_sigterm)) {
    if (word != "default") {
      tour->args_bytes.push_back(std::move(word));
    }
  }
  tour->args.assign(tour->args_bytes.begin(), tour->args_bytes.end());
  tour->now = now_;
  ++tours_under_way_;
  advance_tour(*tour.release());
}

bool Worker::save_waits() const {
  return engine_.save_desk() != nullptr && engine_.save_desk()->may_walk(shard_.id());
}

bool Worker::save_slice() {
  if (!save_waits()) [[likely]] {
    return false;
  }
  const uint64_t at = tsc();
  const double turn_us = static_cast<double>(at - turn_began_tsc_) / tsc_per_us();
  const double slice_us = engine_.shutting_down()  // nobody writes, everybody waits for the end
                              ? kSaveSliceMaxUs
                              : std::clamp(turn_us * kSaveShare, kSaveSliceUs, kSaveSliceMaxUs);
  // Stepped by hand, the least: a turn must not depend on the clock.
  const bool stepped = share_cycles_max_ == UINT64_MAX;
  const uint64_t until = stepped ? 0 : at + static_cast<uint64_t>(slice_us * tsc_per_us());
  const bool worked = engine_.save_desk()->walk(shard_.id(), until);
  publish_held();
  return worked;
}

// While the walk waits for the disk, too: that is when it grows. Batches that wait there are
// nobody's; the first worker tells of them.
void Worker::publish_held() {
  SaveDesk& desk = *engine_.save_desk();
  const size_t held = desk.held_bytes(shard_.id()) + (id_.value == 0 ? desk.extra_bytes() : 0);
  core_.save_held_bytes.set(static_cast<int64_t>(held));
  core_.save_held_peak_bytes.set(
      std::max(core_.save_held_peak_bytes.get(), core_.save_held_bytes.get()));
}

int64_t last_save_s(Engine& engine) {
  const int64_t saved_s = engine.page().save.last_done_s.get();
  return saved_s != 0 ? saved_s : engine.page().started_ms / 1000;
}

}  // namespace pollux
