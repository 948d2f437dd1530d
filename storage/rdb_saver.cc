#include "storage/rdb_saver.h"

#include <array>
#include <cerrno>
#include <cstring>

#include "src/base/assert.h"

namespace pollux {

namespace {

// More than the header takes, and than a database's SELECTDB and RESIZEDB do.
constexpr size_t kHeaderBytesMax = 4096;
constexpr size_t kDatabaseBytesMax = 64;
// The opcode and the sum.
constexpr size_t kEndBytes = 1 + kRdbSumBytes;

constexpr std::string_view kLookAtTheDisk =
    " Look at the kernel's log (dmesg) and at the disk, or save to another one (option dir).";

std::string directory_of(std::string_view name) {
  const size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? "." : std::string(name.substr(0, slash));
}

}  // namespace

RdbSaver::RdbSaver(const Options& options, Disk& disk, SnapshotSource& source, SaveBlock& figures)
    : options_(options),
      disk_(disk),
      source_(source),
      figures_(figures),
      writes_(disk, options.writes),
      writer_(writes_, options.format),
      order_(source.lanes()) {
  POLLUX_ASSERT(options.redis_version.size() < kHeaderBytesMax / 2);
  figures.saving.set(1);
  figures.saving_aof_base.set(options.aof_base ? 1 : 0);
  figures.saves_begun.add(options.aof_base ? 0 : 1);
  figures.keys_total.set(0);
  figures.keys_saved.set(0);
  figures.written_bytes.set(0);
}

RdbSaver::Step RdbSaver::step(Instant now, int64_t wait_us) {
  if (began_ == Instant{}) {
    began_ = now;
    figures_.started_s.set(now.us / 1'000'000);
  }
  const bool worked = work(now);
  if (stage_ == Stage::kEnded) {
    return done_ ? Step::kDone : Step::kFailed;
  }
  std::array<Disk::Completion, 16> completions;
  const int64_t rest = rest_us(now);
  const int64_t longest_us = rest > 0 && (wait_us < 0 || rest < wait_us) ? rest : wait_us;
  const size_t count = disk_.poll(completions, worked ? 0 : longest_us);
  for (size_t i = 0; i < count; ++i) {
    writes_.ended(completions[i]);
  }
  return Step::kAgain;
}

void RdbSaver::give_up() {
  if (stage_ == Stage::kGivingUp || stage_ == Stage::kEnded) {
    return;
  }
  writes_.stop();
  if (asked_) {
    source_.cancel();
  }
  stage_ = Stage::kGivingUp;
}

// False if there is nothing to do until the disk or the source has something new.
bool RdbSaver::work(Instant now) {
  if (writes_.error() != 0 && stage_ < Stage::kGivingUp) {
    fail_to(options_.temporary, writes_.failed(), writes_.error(),
            writes_.error() == ENOSPC || writes_.error() == EDQUOT
                ? " Make room: the new file stands beside the old one until it is complete."
            : writes_.error() == EFBIG
                ? " Raise the limit for the size of files (ulimit -f, LimitFSIZE= of a unit)."
                : kLookAtTheDisk);
  }
  switch (stage_) {
    case Stage::kStart:
      start();
      return true;
    case Stage::kCutting:
      return take_cut();
    case Stage::kDatabases:
      return write_databases();
    case Stage::kWriting:
      return write_batches(now);
    case Stage::kSyncing:
      if (!writes_.durable()) {
        return false;
      }
      publish(now);
      return true;
    case Stage::kGivingUp:
      return give_all_back(now);
    case Stage::kEnded:
      break;
  }
  return true;
}

// The file first: where none can be made, no shard is disturbed.
void RdbSaver::start() {
  if (const int error = writes_.open(options_.temporary); error != 0) {
    fail_to(options_.temporary, "opened", error,
            " Option dir says where: a directory that this user may make files in, on a disk that "
            "works.");
    return;
  }
  made_ = true;
  asked_ = true;
  source_.ask();
  stage_ = Stage::kCutting;
}

bool RdbSaver::take_cut() {
  // Asks to be woken before it looks: a cut that is made in between is not missed.
  if (SaveBatch* const batch = source_.take(/*wake=*/true)) {
    order_.add(*batch);
  }
  cut_ = source_.cut();
  if (cut_ == nullptr) {
    return false;
  }
  const size_t room = writes_.make_room();
  POLLUX_ASSERT(room >= kHeaderBytesMax);
  writer_.begin({.redis_version = options_.redis_version,
                 .created_s = cut_->at.us / 1'000'000,
                 .used_memory_bytes = cut_->used_memory_bytes,
                 .aof_base = options_.aof_base,
                 .field_ttls = cut_->field_ttls,
                 .replication = {}});
  writer_.settle();
  figures_.keys_total.set(static_cast<int64_t>(cut_->keys));
  stage_ = Stage::kDatabases;
  return true;
}

bool RdbSaver::write_databases() {
  for (; databases_ < cut_->databases.size(); ++databases_) {
    if (writes_.make_room() < kDatabaseBytesMax) {
      return false;
    }
    const SnapshotCut::Database& database = cut_->databases[databases_];
    writer_.database(database.number, database.keys, database.expires);
    writer_.settle();
  }
  stage_ = Stage::kWriting;
  return true;
}

bool RdbSaver::write_batches(Instant now) {
  if (rest_us(now) > 0) {
    return false;
  }
  const uint64_t keys_before = keys_;
  size_t written = 0;
  while (written < options_.writes.block_bytes) {
    const size_t room = writes_.make_room();
    if (room == 0) {
      break;
    }
    if (batch_ == nullptr && !next_batch(/*wake=*/written == 0)) {
      // Only who has asked to be woken may wait.
      if (written == 0 && source_.at_end()) {
        return finish();
      }
      break;
    }
    if (!write_some(room, written)) {
      break;
    }
  }
  figures_.keys_saved.set(static_cast<int64_t>(keys_));
  figures_.written_bytes.set(static_cast<int64_t>(writes_.bytes()));
  rests_since_ = now;
  rest_ns_ = static_cast<int64_t>(keys_ - keys_before) * options_.key_delay_ns;
  return written > 0;
}

// That is left of the rest.
int64_t RdbSaver::rest_us(Instant now) const {
  const int64_t since_us = now.us - rests_since_.us;
  return since_us < 0 ? 0 : rest_ns_ / 1'000 - since_us;  // the clock may be put back
}

// False if the next one has not come yet.
bool RdbSaver::next_batch(bool wake) {
  while ((batch_ = order_.next()) == nullptr) {
    SaveBatch* const batch = source_.take(wake);
    if (batch == nullptr) {
      return false;
    }
    order_.add(*batch);
  }
  batch_used_ = 0;
  batch_db_ = batch_->first_db;
  return true;
}

// Of the batch. False if there is no room for what may have to stand before it.
bool RdbSaver::write_some(size_t room, size_t& written) {
  const size_t before = writer_.is_in(batch_db_) ? 0 : RdbFileWriter::kSelectBytesMax;
  if (room <= before) {
    return false;
  }
  const std::string_view part = batch_->bytes().substr(batch_used_, room - before);
  batch_used_ += part.size();
  written += before + part.size();
  const bool whole = batch_used_ == batch_->size;
  // In the middle of a batch nobody asks which database it is.
  writer_.records(batch_db_, part, whole ? batch_->last_db : batch_db_);
  writer_.settle();
  if (whole) {
    keys_ += batch_->keys;
    give_back(*batch_);
    batch_ = nullptr;
  }
  return true;
}

// The end of the file. False if it has to wait for room.
bool RdbSaver::finish() {
  POLLUX_ASSERT(!order_.in_record() && order_.any() == nullptr);
  POLLUX_ASSERT(keys_ == cut_->keys);
  asked_ = false;
  if (writes_.make_room() < kEndBytes) {
    return false;
  }
  writer_.finish();
  writes_.finish();
  figures_.written_bytes.set(static_cast<int64_t>(writes_.bytes()));
  stage_ = Stage::kSyncing;
  return true;
}

void RdbSaver::publish(Instant now) {
  writes_.close();
  if (!options_.name.empty()) {
    if (const int error = disk_.rename(options_.temporary, options_.name); error != 0) {
      fail_to(options_.temporary, "renamed to " + options_.name, error, kLookAtTheDisk);
      return;
    }
    made_ = false;
    if (const int error = disk_.sync_directory(directory_of(options_.name)); error != 0) {
      fail_to(options_.name, "made durable under that name", error,
              " It is complete, but after a power failure the file before it may be back." +
                  std::string(kLookAtTheDisk));
      return;
    }
  }
  done_ = true;
  end(now);
}

// ---- failure ----

bool RdbSaver::give_all_back(Instant now) {
  bool any = false;
  if (batch_ != nullptr) {
    give_back(*batch_);
    batch_ = nullptr;
  }
  while (SaveBatch* const batch = order_.any()) {
    give_back(*batch);
  }
  while (SaveBatch* const batch = asked_ ? source_.take(/*wake=*/!any) : nullptr) {
    give_back(*batch);
    any = true;
  }
  asked_ = asked_ && !source_.at_end();
  if (asked_ || !writes_.idle()) {
    return any;
  }
  writes_.close();
  const int error = made_ ? disk_.remove(options_.temporary) : 0;
  if (error != 0 && !error_.empty()) {
    error_ += " " + options_.temporary +
              " is left over and can't be removed: " + std::strerror(error) + ".";
  }
  end(now);
  return true;
}

void RdbSaver::give_back(SaveBatch& batch) {
  source_.give_back(batch);
}

void RdbSaver::end(Instant now) {
  stage_ = Stage::kEnded;
  figures_.saving.set(0);
  figures_.saving_aof_base.set(0);
  if (options_.aof_base) {
    return;
  }
  if (!options_.awaited) {
    figures_.last_duration_s.set((now.us - began_.us) / 1'000'000);
    figures_.saves_ended.add(1);
  }
  if (done_) {
    figures_.last_done_s.set(now.us / 1'000'000);
    figures_.last_done_bytes.set(figures_.written_bytes.get());
    figures_.last_failed.set(0);
  } else if (!error_.empty() && !options_.awaited) {
    figures_.last_failed.set(1);
  }
}

void RdbSaver::fail(std::string_view sentence) {
  error_ = sentence;
  give_up();
}

void RdbSaver::fail_to(std::string_view file, std::string_view what, int error,
                       std::string_view advice) {
  const bool old_stays = !options_.name.empty() && file == options_.temporary;
  fail(std::string(file) + " can't be " + std::string(what) + ": " + std::strerror(error) +
       (old_stays ? "; " + options_.name + " is as it was." : ".") + std::string(advice));
}

}  // namespace pollux
