// CLIENT PAUSE on one worker. The pause itself is a part of the configuration; here it is noted at
// the top of each turn, sessions whose next command it holds back wait in a list, and the end of it
// lets them go in the order they came.
#include "dataplane/engine/worker.h"

namespace pollux {

// Whether a command may change data, here or on replicas. EXEC may if one of its commands does; in
// MULTI such a command is not even queued, as in Redis.
bool Worker::may_replicate(const Session& session, const CommandRow& row) {
  const uint32_t flags = row.route == Route::kExec && session.in_multi
                             ? session.transaction->flags()
                             : row.flags;
  return (flags & (kWrite | kMayReplicate)) != 0;
}

bool Worker::held_back(const Session& session, const CommandRow& row) const {
  return pause_mode_ == PauseMode::kAll ||
         (pause_mode_ == PauseMode::kWrite && may_replicate(session, row));
}

void Worker::note_pause() {
  const PauseMode mode = config_->pause.at(now_.ms());
  if (mode == pause_mode_) {
    return;
  }
  if (mode > pause_mode_) {
    sent_before_pause_.clear();
    for (const Channel* channel : outgoing_) {
      sent_before_pause_.push_back(channel->requests_sent());
    }
    lease_before_pause_ = lease_.step == LeaseStep::kNone ? 0 : lease_.ticket + 1;
  } else {
    pause_lessened_ = true;
  }
  pause_mode_ = mode;
  keys_.set_frozen(paused());
}

// Waits for all that was under way, also for what the pause would have let pass: CLIENT PAUSE is
// rare, and this way nobody has to count the writes among the commands.
bool Worker::pause_settled() const {
  if (!paused()) {
    return true;
  }
  for (size_t i = 0; i < outgoing_.size(); ++i) {
    if (outgoing_[i]->requests_answered() < sent_before_pause_[i]) {
      return false;
    }
  }
  return lease_.step == LeaseStep::kNone || lease_.ticket + 1 != lease_before_pause_;
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
