#include "dataplane/engine/aof_keeper.h"

#include <functional>
#include <optional>
#include <utility>

#include "dataplane/engine/worker.h"

namespace pollux {

namespace {

AofWriter::Setup setup_of(const AofKeeper::Setup& setup, Engine& engine) {
  const std::function<void()> moved = [&engine] { engine.disk_moved(); };
  return {.token = setup.token,
          .buffer_bytes = setup.buffer_bytes,
          .on_durable = moved,
          .on_room = moved};
}

}  // namespace

AofKeeper::AofKeeper(const Setup& setup, Engine& engine, Clock& clock, Disk& disk, AofFiles& files)
    : gather_us_max_(setup.gather_us_max),
      engine_(engine),
      clock_(clock),
      base_(engine, clock),
      writer_(setup_of(setup, engine), *engine.journal(), disk, files, base_, engine.page().aof),
      wanted_(setup.loaded) {
  if (setup.loaded) {
    writer_.start();
  }
}

bool AofKeeper::step(bool finishing, int64_t wait_us) {
  if (closing_) {
    writer_.step(clock_.now(), wait_us);
    closing_ = !writer_.is_off();
    closed_ = !closing_ && engine_.journal()->durable() >= all_;
    if (!closing_ && !closed_) {
      writer_.start_apart(/*owed=*/true);  // who waits does so for what was not written
    }
    return true;
  }
  take_wishes();
  rest_syncs();
  if (!ending_ && finishing) {
    ending_ = true;
    if (writer_.in_force()) {
      writer_.finish();
    } else if (!writer_.is_off()) {
      writer_.abandon();
    }
  }
  if (ending_ && writer_.is_off()) {
    return false;
  }
  writer_.step(clock_.now(), wait_us);
  watch_rewrite();
  tell_promises();
  return true;
}

void AofKeeper::abandon() {
  ending_ = true;
  closing_ = false;
  if (!writer_.is_off()) {
    writer_.abandon();
  }
}

void AofKeeper::close() {
  closing_ = writer_.in_force();
  if (closing_) {
    all_ = engine_.journal()->drawn();
    writer_.stop();
  }
}

void AofKeeper::start() {
  closed_ = false;
  writer_.start();
}

void AofKeeper::take_wishes() {
  if (const std::optional<AofDesk::Wishes> wishes = engine_.aof_desk()->take()) {
    wanted_ = wishes->on;
    base_.form = {.redis_version = wishes->redis_version,
                  .compress = wishes->compress,
                  .checksum = wishes->checksum,
                  .key_delay_ns = wishes->key_delay_ns};
    options_ = {.fsync = wishes->aof.fsync,
                .timestamps = wishes->aof.timestamps,
                .rewrite_percentage = static_cast<uint32_t>(wishes->aof.growth_percent),
                .rewrite_bytes_min = static_cast<uint64_t>(wishes->aof.growth_bytes_min),
                .gather_us_max = gather_us_max_,
                .backlog_bytes_max = static_cast<uint64_t>(wishes->aof.backlog_bytes_max)};
    syncs_rest_ = wishes->aof.syncs_rest;
    set_options();
    if ((!wanted_ || wishes->was_off) && !writer_.rewrites_alone()) {
      writer_.stop();
    }
  }
  take_trial();
  if (wanted_ && writer_.is_off() && !closed_ && !ending_) {
    writer_.start_apart();
  }
  take_anew();
  take_rewrite();
}

void AofKeeper::take_anew() {
  AofDesk& desk = *engine_.aof_desk();
  // A writer that was closed owes nothing, but its files are there until the next are in force,
  // also where no history is wanted now.
  if (anew_ && !writer_.owes_anew() && writer_.in_force()) {
    desk.end_anew(*std::exchange(anew_, std::nullopt));
  }
  if (const std::optional<Ticket> asked = desk.anew(); asked && asked != anew_) {
    anew_ = asked;
    writer_.request_anew(*asked);
  }
}

void AofKeeper::take_rewrite() {
  if (rewrite_ == 0) {
    rewrite_ = engine_.aof_desk()->rewrite_due();
  }
  if (rewrite_ == 0 || rewrite_begins_ || ending_ || closed_) {
    return;
  }
  if (wanted_ || writer_.rewrites_alone()) {
    switch (writer_.request_rewrite()) {
      case AofWriter::Rewrite::kBegun:
        rewrite_begins_ = true;
        return;
      case AofWriter::Rewrite::kScheduled:
        return tell_rewrite(AofDesk::Rewrite::kScheduled);
      case AofWriter::Rewrite::kUnderWay:
        return tell_rewrite(AofDesk::Rewrite::kAlready);
      case AofWriter::Rewrite::kOff:
        return;  // it is about to end, or to begin
    }
  } else if (writer_.is_off()) {
    writer_.rewrite_alone();
    rewrite_begins_ = true;
  }  // else it is being turned off
}

// Who asked is answered when it is certain that it can be done.
void AofKeeper::watch_rewrite() {
  if (!rewrite_begins_) {
    return;
  }
  switch (writer_.beginning()) {
    case AofWriter::Beginning::kUnderWay:
      return;
    case AofWriter::Beginning::kStarted:
      return tell_rewrite(AofDesk::Rewrite::kStarted);
    case AofWriter::Beginning::kScheduled:
      return tell_rewrite(AofDesk::Rewrite::kScheduled);
    case AofWriter::Beginning::kFailed:
      return tell_rewrite(AofDesk::Rewrite::kCant);
  }
}

void AofKeeper::tell_rewrite(AofDesk::Rewrite outcome) {
  rewrite_begins_ = false;
  engine_.aof_desk()->tell_rewrite(std::exchange(rewrite_, 0), outcome);
  Worker::wake_if_asleep(engine_.worker(0));
}

// While a snapshot is saved, everysec is as no if syncs may rest. Not always, where whoever has his
// answer is promised that it is on disk.
void AofKeeper::rest_syncs() {
  const bool rest =
      syncs_rest_ && options_.fsync == Fsync::kEverysec && engine_.save_desk()->under_way();
  if (rest != resting_) {
    resting_ = rest;
    set_options();
  }
}

void AofKeeper::set_options() {
  AofWriter::Options options = options_;
  options.fsync = resting_ ? Fsync::kNo : options.fsync;
  writer_.set_options(options);
}

void AofKeeper::take_trial() {
  AofDesk& desk = *engine_.aof_desk();
  if (trial_ != 0 && writer_.is_off()) {
    desk.end_trial(std::exchange(trial_, 0), writer_.can_start());
    Worker::wake_if_asleep(engine_.worker(0));
  }
  const uint64_t due = trial_ == 0 ? desk.trial_due() : 0;
  if (due == 0) {
    return;
  }
  if (writer_.is_off() && !closed_) {
    trial_ = due;
    writer_.try_out();
  } else if (writer_.rewrites_alone()) {
    writer_.stop();  // nobody waits for that; redis-server gives it up, too
  } else if (wanted_) {
    desk.end_trial(due, /*can=*/true);  // it is there already
  }
}

void AofKeeper::tell_promises() {
  if (writer_.promises() != engine_.journal()->promises()) {
    engine_.journal()->set_promises(writer_.promises());
    engine_.disk_moved();
  }
}

// Not while somebody else needs the place, and would give it up as soon as it is there: an end that
// saves, or a load, beside which there is no cut anyway.
bool AofKeeper::BaseMaker::order(const std::string& temporary) {
  if (engine_.end().step() == EndUnderWay::Step::kSaves || !engine_.load_desk().over()) {
    return false;
  }
  SaveDesk::Order order = form;
  order.at = clock_.now();
  order.file = temporary;
  order.aof_base = true;
  number_ = desk_.order(order);
  return number_ != 0;
}

AofBaseMaker::State AofKeeper::BaseMaker::state() const {
  switch (desk_.outcome(number_)) {
    case SaveDesk::Outcome::kUnderWay:
      return State::kUnderWay;
    case SaveDesk::Outcome::kSaved:
      return State::kDone;
    case SaveDesk::Outcome::kNot:
      break;
  }
  return desk_.was_given_up(number_) ? State::kGivenUp : State::kFailed;
}

void AofKeeper::BaseMaker::give_up() {
  desk_.give_up(number_);
}

}  // namespace pollux
