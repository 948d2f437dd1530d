// CLIENT PAUSE, and SHUTDOWN's, on one worker. The pause itself is a part of the configuration;
// here it is noted at the top of each turn, sessions whose next command it holds back wait in a
// list, and the end of it lets them go in the order they came.
#include "dataplane/engine/worker.h"

namespace pollux {

// What a command may do. EXEC may do what one of its commands does; in MULTI such a command is not
// even queued, as in Redis.
uint32_t Worker::flags_of(const Session& session, const CommandRow& row) {
  return row.route == Route::kExec && session.in_multi ? session.transaction->flags() : row.flags;
}

// Also what changes no data, but goes to replicas.
bool Worker::held_back(const Session& session, const CommandRow& row) const {
  return pause_mode_ == PauseMode::kAll ||
         (pause_mode_ == PauseMode::kWrite &&
          (flags_of(session, row) & (kWrite | kMayReplicate)) != 0);
}

void Worker::note_pause() {
  const PauseMode mode = config_->pause.at(now_.ms());
  if (mode == pause_mode_) {
    return;
  }
  if (mode > pause_mode_) {
    before_pause_ = under_way();
  } else {
    pause_lessened_ = true;
  }
  pause_mode_ = mode;
  keys_.set_frozen(paused());
}

// Waits for all that was under way, also for what the pause would have let pass: CLIENT PAUSE is
// rare, and this way nobody has to count the writes among the commands.
bool Worker::pause_settled() const {
  return !paused() || settled(before_pause_);
}

UnderWay Worker::under_way() const {
  UnderWay now;
  for (const Channel* channel : outgoing_) {
    now.sent.push_back(channel->requests_sent());
  }
  now.lease = lease_.step == LeaseStep::kNone ? 0 : lease_.ticket + 1;
  return now;
}

// Tours don't count: they change nothing, and two that stay for each other would stay for ever.
bool Worker::settled(const UnderWay& before) const {
  bool answered = cells_under_way_ == tour_cells_;
  for (size_t i = 0; !answered && i < before.sent.size(); ++i) {
    if (outgoing_[i]->requests_answered() < before.sent[i]) {
      return false;
    }
  }
  return lease_.step == LeaseStep::kNone || lease_.ticket + 1 != before.lease;
}

// True if there was somebody to let go. Those whose command is still held back wait on.
bool Worker::release_paused() {
  if (!pause_lessened_) {
    return false;
  }
  pause_lessened_ = false;
  resume_all(wait_pause_);
  return true;
}

}  // namespace pollux
