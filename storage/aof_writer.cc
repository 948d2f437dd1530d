#include "storage/aof_writer.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include "src/base/assert.h"
#include "src/base/log.h"

namespace pollux {

namespace {

constexpr int64_t kSecondUs = 1'000'000;
// While changes come, they are taken so often, unless many bytes wait.
constexpr int64_t kNapUs = 10'000;
// What else changes without a wake is looked at so often.
constexpr int64_t kLookUs = 100'000;
// How long a sync may take before who waits behind it is counted, and how long that one may wait.
constexpr int64_t kSyncUsMax = kSecondUs;
constexpr int64_t kUncoveredUsMax = 2 * kSecondUs;
// #TS: and SELECT.
constexpr size_t kBeforeBytesMax = 96;

constexpr std::string_view kSelect = "*2\r\n$6\r\nSELECT\r\n$";

char* put(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

char* put(char* at, int64_t number) {
  return std::to_chars(at, at + 20, number).ptr;
}

}  // namespace

AofWriter::AofWriter(const Setup& setup, Journal& journal, Disk& disk, AofFiles& files,
                     AofBaseMaker& base, AofBlock& figures)
    : setup_(setup),
      journal_(journal),
      reader_(journal),
      disk_(disk),
      files_(files),
      base_(base),
      figures_(figures),
      tail_(disk, setup.token, setup.buffer_bytes, figures) {
  POLLUX_ASSERT(setup.buffer_bytes >= 2 * JournalLane::kBlockBytes);
  journal.set_waker([&disk] { disk.wake(); });
}

void AofWriter::set_options(const Options& options) {
  options_ = options;
  tail_.work_here(options.fsync == Fsync::kAlways);  // all wait for the disk: so may this thread
  journal_.set_bytes_max(options.backlog_bytes_max);
}

void AofWriter::step(Instant now, int64_t wait_us) {
  now_ = now;
  if (ending_ != Ending::kNo && end_begun_ == Instant{}) {
    end_begun_ = now;
  }
  take_completions();
  bool worked = files_step();
  worked = rewrite_step() || worked;
  worked = take() || worked;
  worked = write() || worked;
  worked = sync() || worked;
  tell_durable();
  worked = anew_step() || growth_step() || renew_step() || end_step() || worked;
  tell();
  sleep(worked ? 0 : wait_us);
}

// Those of the last poll: behind it nobody had looked at a clock.
void AofWriter::take_completions() {
  for (size_t i = 0; i < completed_; ++i) {
    const Disk::Completion& completion = completions_[i];
    if (!tail_.ended(completion, now_)) {
      files_.ended(completion);
    } else if (completion.token == setup_.token) {
      write_ended();
    } else {
      sync_ended();
    }
  }
  completed_ = 0;
}

// --- from the journal ---

bool AofWriter::throws_away() const {
  // Out of force, what comes before the cut is in the base.
  return life_ == Life::kOff || life_ == Life::kRenewing ||
         (life_ == Life::kApart && !tail_.is_open());
}

// What comes behind the end is not waited for: with clients that go on there is always more.
bool AofWriter::takes_no_more() const {
  return stage_ == Stage::kSwitching || ending_ == Ending::kAbandon ||
         (ending_ != Ending::kNo && reader_.taken() >= end_ticket_);
}

bool AofWriter::may_take() const {
  return woken_ || options_.fsync == Fsync::kAlways || throws_away() || ending_ != Ending::kNo ||
         is_over(took_at_, kNapUs);
}

bool AofWriter::take() {
  blocked_ = takes_no_more();
  if (blocked_ || !may_take()) {
    return false;
  }
  woken_ = false;
  size_t taken = 0;
  while (const JournalPart* const part = reader_.next()) {
    if (takes_no_more()) {
      blocked_ = true;
      break;
    }
    if (is_awaited_cut(*part)) {
      at_cut(part->ticket);
      return true;
    }
    const size_t bytes = kBeforeBytesMax + part->bytes.size();
    blocked_ = !throws_away() && tail_.room() < bytes;
    if (blocked_ || taken + bytes > setup_.buffer_bytes) {
      woken_ = true;  // there is more
      break;
    }
    if (!throws_away()) {
      append(*part);
    }
    in_entry_ = !part->last;
    reader_.pop();
    taken += bytes;
    took_at_ = now_;
  }
  return taken != 0;
}

void AofWriter::append(const JournalPart& part) {
  if (!in_entry_ && !part.bytes.empty()) {
    char before[kBeforeBytesMax];
    char* at = before;
    const int64_t second = part.at_ms / 1000;
    if (options_.timestamps && second > stamp_s_) {
      stamp_s_ = second;
      at = put(put(put(at, "#TS:"), second), "\r\n");
    }
    if (file_db_ != part.first_db) {
      char number[20];
      const std::string_view digits(
          number, static_cast<size_t>(put(number, int64_t{part.first_db}) - number));
      at = put(put(at, kSelect), static_cast<int64_t>(digits.size()));
      at = put(put(put(at, "\r\n"), digits), "\r\n");
    }
    tail_.append({before, static_cast<size_t>(at - before)}, now_);
  }
  if (!part.bytes.empty()) {
    tail_.append(part.bytes, now_);
    file_db_ = part.last_db;
  }
  if (part.last) {
    tail_.end_ticket(part.ticket);
  }
}

void AofWriter::open_tail(Ticket ticket) {
  tail_.open(files_.incr().file, files_.incr().bytes, ticket);
  file_db_ = -1;
}

// --- to the disk ---

bool AofWriter::may_write() const {
  if (!tail_.is_open() || tail_.sync_error() != 0 || ending_ == Ending::kAbandon) {
    return false;
  }
  // If a file apart can't be published, it is closed.
  return life_ == Life::kInForce || (life_ == Life::kApart && stage_ != Stage::kPublishing);
}

bool AofWriter::write() {
  if (!may_write() || (tail_.write_error() != 0 && !is_over(write_failed_at_, kSecondUs))) {
    return false;
  }
  return tail_.write(now_);
}

void AofWriter::write_ended() {
  const int error = tail_.write_error();
  if (error == 0) {
    if (write_fails_) {
      write_fails_ = false;
      log_line(LogLevel::kNotice,
               "AOF write error looks solved: everything that waited is written.%s",
               in_doubt_ ? "" : " Commands that write are accepted again.");
    }
    return;
  }
  write_failed_at_ = now_;
  if (!write_fails_) {
    write_fails_ = true;
    log_line(LogLevel::kWarning,
             "Error writing to the AOF file: %s. Commands that write are refused (MISCONF) until "
             "it can be written; it is tried again every second, and nothing is lost as long as "
             "this server runs. %s",
             std::strerror(error),
             error == ENOSPC || error == EDQUOT ? "Make room on its disk (option dir)."
             : error == EFBIG
                 ? "Raise the limit for the size of files (ulimit -f, LimitFSIZE), or begin new "
                   "files (BGREWRITEAOF)."
                 : "Look at the kernel's log (dmesg) and at the disk.");
  }
  figures_.last_error.set(error);
  if (ending_ == Ending::kStop ||
      (ending_ == Ending::kFinish && is_over(end_begun_, kFinishUsMax))) {
    abandon();
  }
}

bool AofWriter::sync() {
  if (!wants_sync()) {
    return false;
  }
  tail_.sync(now_);
  return true;
}

bool AofWriter::wants_sync() const {
  if (!may_write() || tail_.sync_under_way() || tail_.uncovered_bytes() == 0) {
    return false;
  }
  if ((stage_ == Stage::kSwitching || ending_ != Ending::kNo) && tail_.buffered_bytes() == 0) {
    return true;
  }
  switch (options_.fsync) {
    case Fsync::kAlways:
      return missing_bytes() == 0;
    case Fsync::kEverysec:
      return is_over(tail_.sync_begun(), kSecondUs);
    case Fsync::kNo:
      break;
  }
  return false;
}

// Clients that a sync has released come back soon. A sync that begins without them makes two groups
// of them that take turns, and each waits for two syncs; so they may take as long as one before it
// costs more than it gives.
int64_t AofWriter::gather_us() const {
  return std::min(options_.gather_us_max, tail_.sync_ended().us - tail_.sync_begun().us);
}

// How much of a group is not here yet. 0: nobody is waited for.
uint64_t AofWriter::missing_bytes() const {
  const uint64_t here = tail_.uncovered_bytes();
  const bool gathers = options_.fsync == Fsync::kAlways && here > 0 && !tail_.sync_under_way() &&
                       !is_over(tail_.sync_ended(), gather_us());
  return gathers && here < gather_bytes_ ? gather_bytes_ - here : 0;
}

void AofWriter::sync_ended() {
  const int error = tail_.sync_error();
  if (error == 0) {
    gather_bytes_ = tail_.sync_bytes() + tail_.uncovered_bytes() + tail_.buffered_bytes();
    return;
  }
  figures_.last_error.set(error);
  log_line(LogLevel::kWarning,
           "Fail to fsync the AOF file: %s. Nobody knows how much of it will be there after a "
           "power failure, so the history is made anew, from a snapshot of all data. Until that "
           "is done, commands that write are refused (MISCONF). Look at the kernel's log (dmesg) "
           "and at the disk.",
           std::strerror(error));
  renew();
  if (ending_ != Ending::kNo) {
    abandon();
  }
}

// --- what others see ---

void AofWriter::tell_durable() {
  if (life_ == Life::kInForce && tail_.synced() > journal_.durable()) {
    journal_.set_durable(tail_.synced());
    figures_.durable_ticket.set(static_cast<int64_t>(tail_.synced().value));
    if (setup_.on_durable) {
      setup_.on_durable();
    }
  }
}

void AofWriter::tell() {
  tell_full();
  const bool kept = life_ != Life::kOff && !alone_;
  journal_.set_kept(kept);
  const auto as_counter = [](uint64_t n) { return static_cast<int64_t>(n); };
  figures_.enabled.set(kept ? 1 : 0);
  figures_.in_force.set(life_ == Life::kInForce && ending_ == Ending::kNo && !anew_ ? 1 : 0);
  figures_.current_bytes.set(as_counter(other_bytes_ + tail_.offset()));
  figures_.base_bytes.set(as_counter(base_bytes_));
  figures_.pending_bytes.set(as_counter(journal_.pending_bytes()));
  figures_.buffered_bytes.set(as_counter(tail_.buffered_bytes()));
  figures_.written_ticket.set(as_counter(tail_.written().value));
  figures_.last_write_failed.set(write_fails_ || in_doubt_ ? 1 : 0);
  figures_.rewriting.set(stage_ != Stage::kNone ? 1 : 0);
  figures_.rewrite_scheduled.set(stage_ == Stage::kOrdering && refused_ ? 1 : 0);
}

void AofWriter::tell_full() {
  const uint64_t bytes = journal_.pending_bytes() + tail_.buffered_bytes();
  const uint64_t bytes_max = journal_.bytes_max();
  const bool delayed = options_.fsync == Fsync::kEverysec && tail_.sync_under_way() &&
                       now_.us - tail_.sync_begun().us > kSyncUsMax &&
                       now_.us - tail_.uncovered_since().us > kUncoveredUsMax;
  const bool was = journal_.is_full();
  const bool full = life_ != Life::kOff && ending_ != Ending::kAbandon &&
                    (delayed || bytes > (was ? bytes_max / 2 : bytes_max));
  if (delayed && figures_.full.get() == 0) {
    figures_.delayed_fsyncs.add(1);
    log_line(LogLevel::kNotice,
             "Asynchronous AOF fsync is taking too long (disk is busy?). Commands that write wait "
             "until it has ended.");
  }
  if (full && figures_.full.get() == 0) {
    figures_.fulls.add(1);
    full_since_ = now_;
  }
  if (!full && figures_.full.get() != 0) {
    figures_.stalls.note(DiskEvent::kBacklog, now_.us - full_since_.us, now_.ms() / 1000);
  }
  figures_.full.set(full ? 1 : 0);
  journal_.set_full(full);
  if (was && !full && setup_.on_room) {
    setup_.on_room();
  }
}

// --- sleep ---

// Until something is to be done that nobody wakes for.
int64_t AofWriter::wait_us_max(int64_t wait_us) const {
  int64_t most = wait_us < 0 ? INT64_MAX : wait_us;
  const auto until = [this, &most](Instant since, int64_t us) {
    const int64_t left = since.us + us - now_.us;
    most = std::min(most, std::clamp<int64_t>(left, 0, us));
  };
  if (!is_over(took_at_, kNapUs)) {
    until(took_at_, kNapUs);
  }
  if (may_write() && tail_.write_error() != 0 && !tail_.write_under_way()) {
    until(write_failed_at_, kSecondUs);
  }
  if (files_failed_) {
    until(files_failed_at_, kSecondUs);
  }
  if (stage_ == Stage::kCutting || stage_ == Stage::kBase || stage_ == Stage::kGivingUp) {
    until(now_, kNapUs);
  }
  if (may_write() && !tail_.sync_under_way() && tail_.uncovered_bytes() != 0) {
    if (options_.fsync == Fsync::kEverysec) {
      until(tail_.sync_begun(), kSecondUs);
    } else if (options_.fsync == Fsync::kAlways) {
      until(tail_.sync_ended(), gather_us());
    }
  }
  if (blocked_ || tail_.sync_under_way() || journal_.is_full() || stage_ != Stage::kNone ||
      life_ == Life::kRenewing || ending_ != Ending::kNo || failures_ != 0 || anew_) {
    until(now_, kLookUs);
  }
  return most == INT64_MAX ? -1 : most;
}

Journal::Sleep AofWriter::sleep_kind() const {
  if (blocked_) {
    return Journal::Sleep::kAwake;  // nothing that workers could tell matters
  }
  const bool naps = options_.fsync == Fsync::kAlways
                        ? tail_.under_way() || missing_bytes() != 0
                        : !is_over(took_at_, kNapUs);
  return naps ? Journal::Sleep::kNap : Journal::Sleep::kDeep;
}

void AofWriter::sleep(int64_t wait_us) {
  Journal::Sleep kind = Journal::Sleep::kAwake;
  if (wait_us != 0) {
    wait_us = wait_us_max(wait_us);
    kind = sleep_kind();
    const uint64_t missing = missing_bytes();
    const uint64_t wake_bytes =
        missing != 0 ? std::min(missing, journal_.wake_bytes()) : journal_.wake_bytes();
    journal_.set_sleep(kind, wake_bytes);
    // What came before that is not told.
    const bool there = kind == Journal::Sleep::kDeep ? reader_.next() != nullptr
                       : kind == Journal::Sleep::kNap ? journal_.pending_bytes() >= wake_bytes
                                                      : false;
    if (there) {
      woken_ = true;
      wait_us = 0;
    }
  }
  completed_ = disk_.poll(completions_, wait_us);
  if (kind != Journal::Sleep::kAwake && journal_.end_sleep()) {
    woken_ = true;
  }
}

}  // namespace pollux
