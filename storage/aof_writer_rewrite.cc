// Of the AofWriter: rewrites, and how the files of the history come and go.
#include "storage/aof_writer.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "src/base/assert.h"
#include "src/base/log.h"

namespace pollux {

namespace {

constexpr int64_t kRetryUs = 1'000'000;
// How often a base that is refused is ordered again.
constexpr int64_t kOrderUs = 100'000;

}  // namespace

// --- its life ---

void AofWriter::start() {
  POLLUX_ASSERT(is_off() && files_.incr().file != Disk::kNoFile);
  life_ = Life::kInForce;
  ending_ = Ending::kNo;
  open_tail(reader_.taken());
  other_bytes_ = base_bytes_ = 0;
  const AofManifest& manifest = files_.manifest();
  if (manifest.base) {
    measure(files_.path(manifest.base->name), base_bytes_);
  }
  for (size_t i = 0; i + 1 < manifest.incr.size(); ++i) {
    uint64_t bytes = 0;
    measure(files_.path(manifest.incr[i].name), bytes);
    other_bytes_ += bytes;
  }
  other_bytes_ += base_bytes_;
  tell();
}

void AofWriter::start_apart(bool owed) {
  POLLUX_ASSERT(is_off());
  life_ = Life::kRenewing;
  in_doubt_ = owed;
  ending_ = Ending::kNo;
  other_bytes_ = base_bytes_ = 0;
  tell();
}

void AofWriter::try_out() {
  POLLUX_ASSERT(is_off());
  trying_ = files_busy_ = true;
  can_start_ = false;
  files_.start_apart();
}

void AofWriter::stop() {
  end(Ending::kStop);
}

void AofWriter::finish() {
  end(Ending::kFinish);
}

void AofWriter::end(Ending how) {
  if (ending_ == how) {
    end_ticket_ = journal_.drawn();  // whoever says so again means what came meanwhile, too
  }
  if (life_ == Life::kOff || ending_ >= how) {
    return;
  }
  ending_ = how;
  end_begun_ = {};  // at the next step
  end_ticket_ = journal_.drawn();
  write_failed_at_ = {};  // try at once
  if (life_ != Life::kInForce) {
    abandon();  // what is there counts for nothing, or nobody knows for what
  }
}

void AofWriter::abandon() {
  if (life_ == Life::kOff || ending_ == Ending::kAbandon) {
    return;
  }
  ending_ = Ending::kAbandon;
  if (!promises()) {
    return;
  }
  const uint64_t drawn = journal_.drawn().value;
  const uint64_t durable = journal_.durable().value;
  if (drawn > durable) {
    log_line(LogLevel::kWarning,
             "The AOF is closed as it is: of the last %llu steps of its history it is not certain "
             "that they are in it.",
             static_cast<unsigned long long>(drawn - durable));
  }
}

bool AofWriter::end_step() {
  if (ending_ == Ending::kNo) {
    return false;
  }
  if (stage_ != Stage::kNone) {
    give_up_ = true;
    // Nobody waits for ever for a directory that can't be synced.
    if (!files_failed_ || tail_.under_way() ||
        (ending_ == Ending::kFinish && !is_over(end_begun_, kFinishUsMax))) {
      return false;
    }
    ordered_ = ordered_ && stage_ != Stage::kPublishing;
    prepared_ = files_busy_ = files_failed_ = files_told_ = false;
    tail_.close();
    files_.stop();
    give_up_rewrite(false);
    life_ = Life::kRenewing;
    return true;
  }
  // The workers have ended: what one of them had drawn and not put in by then, in the middle of an
  // EXEC that stood still for longer than the end of the server waits, never comes.
  const bool none_come = ending_ == Ending::kFinish && is_over(end_begun_, kFinishUsMax) &&
                         reader_.next() == nullptr;
  const bool all = (reader_.taken() >= end_ticket_ || none_come) && tail_.idle();
  if (tail_.under_way() || files_busy_ ||
      (ending_ != Ending::kAbandon && life_ == Life::kInForce && !all)) {
    return false;
  }
  close();
  return true;
}

void AofWriter::close() {
  tail_.close();
  files_.stop();
  life_ = Life::kOff;
  ending_ = Ending::kNo;
  write_fails_ = in_doubt_ = alone_ = anew_ = false;
  // The next one may begin at once, and SHUTDOWN waits for it: for one that has failed it does not.
  failures_ = 0;
  renew_failed_at_ = {};
  figures_.rewrite_failures.set(0);
}

int AofWriter::measure(const std::string& name, uint64_t& bytes) {
  Disk::File file = Disk::kNoFile;
  int error = disk_.open(name, Disk::Mode::kRead, Disk::Cache::kSystem, file);
  if (error == 0) {
    error = disk_.size(file, bytes);
    disk_.close(file);
  }
  return error;
}

// Out of force: leaves the file that was, and begins one apart.
bool AofWriter::renew_step() {
  if (life_ != Life::kRenewing || ending_ != Ending::kNo) {
    return false;
  }
  if (stage_ != Stage::kNone) {
    give_up_ = true;
    return false;
  }
  if (files_busy_ || tail_.under_way()) {
    return false;
  }
  if (files_.incr().file != Disk::kNoFile) {
    tail_.close();
    files_.stop();
    return true;
  }
  // All writers wait for one that follows a failed sync, and not for minutes.
  if (!is_over(renew_failed_at_, kRetryUs) || (!in_doubt_ && !delay_allows())) {
    return false;
  }
  begin_apart();
  return true;
}

// It is out of force, and nothing of the history before is open any more.
bool AofWriter::may_begin_apart() const {
  return life_ == Life::kRenewing && stage_ == Stage::kNone && !files_busy_ &&
         !tail_.under_way() && files_.incr().file == Disk::kNoFile;
}

void AofWriter::begin_apart() {
  life_ = Life::kApart;
  begin_rewrite();
}

// Leaves the files that were: the next base has all that is not in them.
void AofWriter::renew() {
  in_doubt_ = true;
  write_fails_ = false;
  life_ = Life::kRenewing;
  give_up_ = stage_ != Stage::kNone;
}

// --- rewrites ---

// A file that may grow no more will never have all before the cut. True: as sync_ended.
bool AofWriter::leave_file_at_its_limit() {
  if (tail_.write_under_way() || ending_ != Ending::kNo) {
    return false;  // it is tried again: perhaps it may
  }
  log_line(LogLevel::kWarning,
           "The AOF file may grow no more, so the history is made anew, from a snapshot of all "
           "data. Until that is done, commands that write are refused (MISCONF).");
  renew();
  return true;
}

AofWriter::Rewrite AofWriter::request_rewrite() {
  if (life_ == Life::kOff || ending_ != Ending::kNo) {
    return Rewrite::kOff;
  }
  if (may_begin_apart()) {  // one that has failed waits to be tried again
    begin_apart();
    return Rewrite::kBegun;
  }
  if (stage_ != Stage::kNone || life_ != Life::kInForce) {
    return stage_ == Stage::kOrdering && refused_ ? Rewrite::kScheduled : Rewrite::kUnderWay;
  }
  begin_rewrite();
  return Rewrite::kBegun;
}

AofWriter::Beginning AofWriter::beginning() const {
  if (ordered_) {
    return Beginning::kStarted;
  }
  switch (stage_) {
    case Stage::kBeginning:
      return Beginning::kUnderWay;
    case Stage::kOrdering:
      return refused_ ? Beginning::kScheduled : Beginning::kUnderWay;
    default:
      return Beginning::kFailed;
  }
}

void AofWriter::rewrite_alone() {
  POLLUX_ASSERT(is_off());
  alone_ = true;
  life_ = Life::kApart;
  begin_rewrite();
}

void AofWriter::request_anew(Ticket after) {
  if (life_ != Life::kOff && !alone_) {
    anew_ = true;
    anew_after_ = after;
    failures_ = 0;  // at once: what was tried before is no measure for what is owed now
    renew_failed_at_ = {};
  }
}

// By itself: it is in force, and nothing else is under way.
bool AofWriter::may_begin_rewrite() const {
  return life_ == Life::kInForce && stage_ == Stage::kNone && ending_ == Ending::kNo &&
         tail_.sync_error() == 0;
}

bool AofWriter::anew_step() {
  if (!anew_ || !may_begin_rewrite() || !is_over(renew_failed_at_, kRetryUs) || !delay_allows()) {
    return false;
  }
  begin_rewrite();
  return true;
}

bool AofWriter::growth_step() {
  if (!may_begin_rewrite()) {
    return false;
  }
  const int64_t growth = aof_growth(other_bytes_ + tail_.offset(), base_bytes_,
                                    options_.rewrite_percentage, options_.rewrite_bytes_min);
  if (growth < 0 || !delay_allows()) {
    return false;
  }
  log_line(LogLevel::kNotice, "Starting automatic rewriting of AOF on %lld%% growth",
           static_cast<long long>(growth));
  begin_rewrite();
  return true;
}

bool AofWriter::delay_allows() {
  const bool allows = delay_.allows(failures_, now_);
  if (const int64_t minutes = delay_.begun_minutes(now_); !allows && minutes != 0) {
    log_line(LogLevel::kWarning,
             "Rewriting the AOF has failed %lld times in a row; it is tried again in %lld minutes "
             "(BGREWRITEAOF: at once).",
             static_cast<long long>(failures_), static_cast<long long>(minutes));
  }
  return allows;
}

void AofWriter::begin_rewrite() {
  rewrite_begun_ = {};
  figures_.rewriting.set(1);
  give_up_ = refused_ = rewrite_failed_ = false;
  stage_ = Stage::kBeginning;
  files_busy_ = true;
  if (life_ == Life::kApart) {
    files_.start_apart();
  } else {
    files_.prepare_incr();
  }
}

bool AofWriter::rewrite_step() {
  if (stage_ == Stage::kNone || files_busy_) {
    return false;
  }
  if (give_up_ && stage_ != Stage::kGivingUp) {
    give_up_rewrite(false);
    return true;
  }
  if (ordered_ && stage_ < Stage::kPublishing) {
    const AofBaseMaker::State state = base_.state();
    if (state == AofBaseMaker::State::kFailed || state == AofBaseMaker::State::kGivenUp) {
      give_up_rewrite(state == AofBaseMaker::State::kFailed);
      return true;
    }
  }
  switch (stage_) {
    case Stage::kOrdering:
      if (refused_ && !is_over(refused_at_, kOrderUs)) {
        return false;
      }
      order_base();
      return ordered_;
    case Stage::kSwitching:
      if (!tail_.idle()) {
        return tail_.write_error() == EFBIG && leave_file_at_its_limit();
      }
      prepared_ = false;
      files_.switch_incr();
      return files_busy_ = true;
    case Stage::kBase:
      if (base_.state() != AofBaseMaker::State::kDone) {
        return false;
      }
      base_is_done();
      return true;
    case Stage::kPublishing:
      if (life_ == Life::kApart && tail_.under_way()) {
        return false;
      }
      files_.publish_base(base_.is_rdb());
      return files_busy_ = true;
    case Stage::kGivingUp:
      if (ordered_ && base_.state() == AofBaseMaker::State::kUnderWay) {
        return false;
      }
      end_rewrite(false);
      return true;
    default:
      return false;
  }
}

void AofWriter::order_base() {
  // Before it is ordered: its cut has a later one. Those of snapshots before may still be on their
  // way here.
  ordered_after_ = journal_.drawn();
  ordered_ = base_.order(files_.temp_base_path());
  if (ordered_) {
    stage_ = alone_ ? Stage::kBase : Stage::kCutting;  // there is nothing to cut
    rewrite_begun_ = now_;
    figures_.rewrite_started_s.set(now_.us / 1'000'000);
    figures_.rewrites_begun.add(1);
    log_line(LogLevel::kNotice, "Background append only file rewriting started");
    return;
  }
  if (!refused_) {
    log_line(LogLevel::kNotice,
             "Background append only file rewriting scheduled: it starts when the save or load "
             "under way has ended.");
  }
  refused_ = true;
  refused_at_ = now_;
}

bool AofWriter::is_awaited_cut(const JournalPart& part) const {
  return part.cut && stage_ == Stage::kCutting && !give_up_ && part.ticket > ordered_after_;
}

// It is the next part of the journal.
void AofWriter::at_cut(Ticket ticket) {
  cut_ = ticket;
  if (life_ == Life::kInForce) {
    stage_ = Stage::kSwitching;
    return;
  }
  reader_.pop();
  in_entry_ = false;
  open_tail(ticket);
  stage_ = Stage::kBase;
}

void AofWriter::base_is_done() {
  if (const int error = measure(files_.temp_base_path(), temp_base_bytes_); error != 0) {
    log_line(LogLevel::kWarning, "The new base of the AOF, %s, can't be opened: %s",
             files_.temp_base_path().c_str(), std::strerror(error));
    give_up_rewrite(true);
    return;
  }
  stage_ = Stage::kPublishing;
}

void AofWriter::give_up_rewrite(bool failed) {
  rewrite_failed_ = failed;
  if (std::exchange(prepared_, false)) {
    files_.give_up_incr();
  }
  if (ordered_ && base_.state() == AofBaseMaker::State::kUnderWay) {
    base_.give_up();
  }
  stage_ = Stage::kGivingUp;
}

void AofWriter::end_rewrite(bool done) {
  if (std::exchange(ordered_, false) && !done) {
    disk_.remove(files_.temp_base_path());  // if it can't, the next base takes its place
  }
  stage_ = Stage::kNone;
  give_up_ = false;
  if (rewrite_begun_ != Instant{}) {
    figures_.last_rewrite_duration_s.set((now_.us - rewrite_begun_.us) / 1'000'000);
    figures_.rewrites_ended.add(1);
  }
  if (done) {
    failures_ = 0;
    figures_.last_rewrite_failed.set(0);
    log_line(LogLevel::kNotice, "Background AOF rewrite finished successfully");
  } else if (!rewrite_failed_) {
    // What others gave up, whose place they needed, begins again at once; and an end that goes by
    // failures (a disk that is broken) waits for it.
    if (life_ == Life::kApart || anew_) {
      failures_ = 0;
    }
  } else {
    ++failures_;
    figures_.last_rewrite_failed.set(1);
    log_line(LogLevel::kWarning, "Background AOF rewrite failed; %s",
             alone_                    ? "the files of the AOF, if there are any, are as before."
             : life_ == Life::kInForce ? "the AOF goes on as it was, and grows."
                                       : "there is no AOF in force until one succeeds.");
  }
  figures_.rewrite_failures.set(failures_);
  if (alone_) {
    close();
  } else if (done) {
    anew_ = anew_ && cut_ <= anew_after_;
  } else {
    renew_failed_at_ = rewrite_failed_ ? now_ : Instant{};
    if (life_ == Life::kApart) {
      life_ = Life::kRenewing;
    }
  }
}

// --- the files ---

bool AofWriter::files_step() {
  if (!files_busy_ || (files_failed_ && !is_over(files_failed_at_, kRetryUs))) {
    return false;
  }
  files_failed_ = false;
  switch (files_.step()) {
    case AofFiles::Step::kAgain:
      return true;
    case AofFiles::Step::kWaiting:
      return false;
    case AofFiles::Step::kDone:
      files_busy_ = files_told_ = false;
      files_done();
      return true;
    case AofFiles::Step::kFailed:
      files_failed();
      return true;
  }
  return false;
}

void AofWriter::files_done() {
  if (std::exchange(trying_, false)) {
    can_start_ = true;
    files_.stop();
    return;
  }
  switch (stage_) {
    case Stage::kBeginning:
      prepared_ = life_ != Life::kApart;
      stage_ = Stage::kOrdering;
      return;
    case Stage::kSwitching:
      reader_.pop();  // the cut
      other_bytes_ += tail_.offset();
      open_tail(cut_);
      stage_ = Stage::kBase;
      return;
    default:
      break;
  }
  POLLUX_ASSERT(stage_ == Stage::kPublishing);
  other_bytes_ = temp_base_bytes_;
  base_bytes_ = other_bytes_ + tail_.offset();
  if (life_ == Life::kApart && !alone_) {
    life_ = Life::kInForce;
    log_line(LogLevel::kNotice, "The AOF is in force%s",
             in_doubt_ ? " again. Commands that write are accepted again." : ".");
    in_doubt_ = false;
  }
  end_rewrite(true);
}

void AofWriter::files_failed() {
  if (std::exchange(trying_, false)) {
    files_busy_ = false;
    log_line(LogLevel::kWarning, "The AOF can't be turned on: %s", files_.error().c_str());
    return;
  }
  if (!std::exchange(files_told_, true)) {
    log_line(LogLevel::kWarning, "Rewriting the AOF: %s", files_.error().c_str());
  }
  if (files_.busy()) {  // the outcome is not certain: again
    files_failed_ = true;
    files_failed_at_ = now_;
    return;
  }
  files_busy_ = files_told_ = false;
  if (stage_ == Stage::kPublishing) {
    ordered_ = false;  // the base was removed
    if (life_ == Life::kApart) {
      tail_.close();  // and the file apart was closed
    }
  }
  give_up_rewrite(true);
}

}  // namespace pollux
